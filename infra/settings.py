"""What differs between deployments: the context of `cdk.json`, read and checked in one place."""

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Self

from constructs import Node


class Delivery(StrEnum):
    """How the export reaches the billing bucket."""

    REPLICATION = "replication"
    DIRECT = "direct"


class Granularity(StrEnum):
    """The time unit of the export's lines."""

    HOURLY = "HOURLY"
    DAILY = "DAILY"


class Mfa(StrEnum):
    """Whether people need a second factor to sign in."""

    OPTIONAL = "optional"
    REQUIRED = "required"


@dataclass(frozen=True, kw_only=True)
class Export:
    """What the management account's data export holds, and how it comes."""

    delivery: Delivery
    granularity: Granularity
    resources: bool
    split_cost: bool
    manual_discount: bool
    organization_delegation: bool


@dataclass(frozen=True, kw_only=True)
class Settings:
    """The context, typed. docs/deploy.md says what each word means."""

    local: bool
    payers: tuple[str, ...]
    spa_origins: tuple[str, ...]
    alarm_email: str | None
    own_key: bool
    waf: bool
    mfa: Mfa
    api_log_role: bool
    keep_days: int
    max_concurrency: int
    wait_seconds: int
    quiet_seconds: int
    max_lines_per_item: int
    export: Export

    @classmethod
    def of(cls, node: Node) -> Self:
        """The settings in *node*'s context; `cdk -c` gives every value as text.

        Raises ValueError for a word that means nothing here.
        """
        read = _Reader(node)
        local = read.truth("local")
        return cls(
            local=local,
            payers=read.texts("payers", r"\d{12}"),
            spa_origins=read.texts("spa_origins", r"https?://[^/*]+"),
            alarm_email=read.text("alarm_email") or None,
            own_key=read.truth("own_key"),
            waf=read.truth("waf"),
            mfa=Mfa(read.text("mfa")),
            api_log_role=read.truth("api_log_role"),
            keep_days=read.number("keep_days"),
            # One machine has few lanes, and nobody waits a minute for a file on the same disk.
            max_concurrency=2 if local else read.number("max_concurrency"),
            wait_seconds=2 if local else read.number("wait_seconds"),
            quiet_seconds=2 if local else read.number("quiet_seconds"),
            max_lines_per_item=read.number("max_lines_per_item"),
            export=Export(
                delivery=Delivery(read.text("delivery")),
                granularity=Granularity(read.text("granularity")),
                resources=read.truth("resources"),
                split_cost=read.truth("split_cost"),
                manual_discount=read.truth("manual_discount"),
                organization_delegation=read.truth("organization_delegation"),
            ),
        )


class _Reader:
    def __init__(self, node: Node) -> None:
        self._node = node

    def text(self, key: str) -> str:
        return str(self._value(key))

    def truth(self, key: str) -> bool:
        said = self.text(key).lower()
        if said not in {"true", "false"}:
            raise ValueError(f"context {key}: true or false, not {said!r}")
        return said == "true"

    def number(self, key: str) -> int:
        said = self.text(key)
        # jsii hands a JSON number over as a float.
        whole = said.removesuffix(".0")
        if not whole.isdecimal() or int(whole) == 0:
            raise ValueError(f"context {key}: a whole number above 0, not {said!r}")
        return int(whole)

    def texts(self, key: str, form: str) -> tuple[str, ...]:
        """A list in `cdk.json`, or text with commas from `cdk -c`."""
        value = self._value(key)
        parts = value.split(",") if isinstance(value, str) else value
        said = tuple(str(part).strip() for part in parts if str(part).strip())
        for part in said:
            if not re.fullmatch(form, part):
                raise ValueError(f"context {key}: {part!r} is not of the form {form}")
        return said

    def _value(self, key: str) -> Any:
        value = self._node.try_get_context(key)
        if value is None:
            raise ValueError(f"context {key}: cdk.json lacks it")
        return value
