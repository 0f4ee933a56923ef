"""What differs between deployments: the context of `cdk.json`, read and checked in one place."""

import json
import re
import zoneinfo
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Self

from constructs import Node

from infra.roles import ROLES

LOCAL_SENDER = "finops@fernhollow.example"
MAIL = r"[^@\s<>,]+@[^@\s<>,]+\.[^@\s<>,]+"
# What all variables of a function may hold together is 4 KB; these two are the long ones.
MOST_IN_A_VARIABLE = 1500


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


class CostBasis(StrEnum):
    """The cost that owners' spend is made of."""

    BILLED = "billed"
    EFFECTIVE = "effective"


@dataclass(frozen=True, kw_only=True)
class Export:
    """What the management account's data export holds, and how it comes."""

    delivery: Delivery
    granularity: Granularity
    resources: bool
    split_cost: bool
    manual_discount: bool
    organization_delegation: bool
    organization_events: bool


@dataclass(frozen=True, kw_only=True)
class Oidc:
    """An identity provider that speaks OpenID Connect, and us as its client."""

    issuer: str
    client_id: str
    client_secret_name: str


@dataclass(frozen=True, kw_only=True)
class Federation:
    """The organization's own identity providers, and where people come back to from them."""

    saml_metadata_url: str | None
    oidc: Oidc | None
    domain: str
    callback_urls: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Mail:
    """The mails of the product: from whom, how they look, when they come, what they say.

    The texts are plain, their paragraphs parted by empty lines.
    """

    sender: str | None
    make_identity: bool
    sends_invitations: bool
    logo: str | None
    app_url: str | None
    digest_hour: int
    invitation_subject: str
    invitation_text: str
    digest_subject: str
    digest_text: str
    reminder_hour: int
    reminder_subject: str
    reminder_text: str
    weekly_subject: str
    weekly_text: str
    report_subject: str
    report_text: str
    alert_subject: str
    alert_text: str


@dataclass(frozen=True, kw_only=True)
class Cards:
    """When spend cards are made, from which month on, and how long bills are waited for."""

    hour: int
    time_zone: str
    first_month: str | None
    retry_minutes: int
    retry_hours: int


@dataclass(frozen=True, kw_only=True)
class Inbox:
    """A bucket of the finance system, and the account that it has to belong to: names are taken by
    others once they are free."""

    bucket: str
    account: str


class Room(StrEnum):
    """What kind of chat a webhook leads to."""

    SLACK = "Slack"
    TEAMS = "Teams"


@dataclass(frozen=True, kw_only=True)
class Webhook:
    """A chat room that alerts can go to; its address is kept in a secret."""

    name: str
    room: Room
    secret: str


@dataclass(frozen=True, kw_only=True)
class Settings:
    """The context, typed. docs/deploy.md says what each word means."""

    local: bool
    clock: str | None
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
    fiscal_year_starts: int
    cost_basis: CostBasis
    currency: str
    close_delivery: Inbox | None
    group_roles: Mapping[str, str]
    federation: Federation | None
    cards: Cards
    mail: Mail
    reports_hour: int
    webhooks: tuple[Webhook, ...]
    savings_api: bool
    tagging_regions: tuple[str, ...]
    aws_budgets: bool
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
            clock=_clock(read, local=local),
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
            fiscal_year_starts=read.number("fiscal_year_starts", most=12),
            cost_basis=_cost_basis(read.text("cost_basis")),
            currency=_currency(read.text("currency")),
            close_delivery=_inbox(read),
            group_roles=_group_roles(read),
            # The local AWS has no identity providers.
            federation=None if local else _federation(read),
            cards=_cards(read),
            mail=_mail(read, local=local),
            reports_hour=read.number("reports_hour", least=0, most=23),
            webhooks=_webhooks(read),
            savings_api=read.truth("savings_api"),
            tagging_regions=read.texts("tagging_regions", r"[a-z]{2}(-[a-z]+)+-\d"),
            aws_budgets=_aws_budgets(read),
            export=Export(
                delivery=Delivery(read.text("delivery")),
                granularity=Granularity(read.text("granularity")),
                resources=read.truth("resources"),
                split_cost=read.truth("split_cost"),
                manual_discount=read.truth("manual_discount"),
                organization_delegation=read.truth("organization_delegation"),
                organization_events=read.truth("organization_events"),
            ),
        )


def _webhooks(read: "_Reader") -> tuple[Webhook, ...]:
    """By name the kind of room it leads to, and the secret of its address: `Slack:finops/chat`."""
    found = []
    for name, said in sorted(read.words("webhooks").items()):
        if not re.fullmatch(r"[\w-]{1,50}", name, re.ASCII):
            raise ValueError(
                f"context webhooks: {name!r} is no name; write letters, digits, - and _"
            )
        room, _, secret = said.partition(":")
        if room not in set(Room) or not re.fullmatch(r"[\w/+=.@-]+", secret):
            raise ValueError(
                f"context webhooks: {name} is {said!r}; write it as Slack:SECRET or Teams:SECRET,"
                " with the name of the secret that holds the address"
            )
        found.append(Webhook(name=name, room=Room(room), secret=secret))
    return tuple(found)


def _aws_budgets(read: "_Reader") -> bool:
    """Whether AWS Budgets are kept in step; they warn the address of the alarms, and nobody else."""
    wanted = read.truth("aws_budgets")
    if wanted and not read.text("alarm_email"):
        raise ValueError(
            "context aws_budgets: fill alarm_email as well, the address that AWS warns; or leave"
            " aws_budgets false"
        )
    if wanted and not read.texts("payers", r"\d{12}"):
        raise ValueError(
            "context aws_budgets: fill payers as well, the accounts whose budgets are kept in"
            " step; or leave aws_budgets false"
        )
    return wanted


def _clock(read: "_Reader", *, local: bool) -> str | None:
    """The file that says how far the clock of an installation on one machine goes ahead or behind."""
    said = read.text("clock") or None
    if said and not local:
        raise ValueError("context clock: only a local installation has a clock of its own")
    return said


def _inbox(read: "_Reader") -> Inbox | None:
    said = read.form("close_delivery", r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]@\d{12}")
    if said is None:
        return None
    bucket, _, account = said.partition("@")
    return Inbox(bucket=bucket, account=account)


def _cost_basis(word: str) -> CostBasis:
    if word == "blended":
        raise ValueError(
            "context cost_basis: blended cost averages rates over accounts and says nobody's spend;"
            " billed or effective"
        )
    if word not in tuple(CostBasis):
        raise ValueError(f"context cost_basis: {' or '.join(CostBasis)}, not {word!r}")
    return CostBasis(word)


def _currency(word: str) -> str:
    if not re.fullmatch(r"[A-Z]{3}", word):
        raise ValueError(f"context currency: three capital letters, as USD, not {word!r}")
    return word


def _group_roles(read: "_Reader") -> Mapping[str, str]:
    roles = read.words("group_roles")
    for group, role in roles.items():
        if role not in ROLES:
            raise ValueError(
                f"context group_roles: {group!r} is {role!r}, which is none of {', '.join(ROLES)}"
            )
    if len(json.dumps(roles)) > MOST_IN_A_VARIABLE:
        raise ValueError(f"context group_roles: more than {MOST_IN_A_VARIABLE} characters")
    return roles


def _federation(read: "_Reader") -> Federation | None:
    """None where not one of its words is filled; ValueError where only some of those needed are."""
    saml = read.form("saml_metadata_url", r"https://\S+")
    oidc = {
        "oidc_issuer": read.form("oidc_issuer", r"https://\S+[^/\s]"),
        "oidc_client_id": read.form("oidc_client_id", r"\S+"),
        "oidc_client_secret_name": read.form("oidc_client_secret_name", r"[\w/+=.@-]+"),
    }
    domain = read.form("sign_in_domain", r"(?!.*(aws|amazon|cognito))[a-z0-9]([a-z0-9-]*[a-z0-9])?")
    urls = read.texts("sign_in_callback_urls", r"https://\S+|http://localhost\S*")
    if not (saml or any(oidc.values()) or domain or urls):
        return None
    needed = {"sign_in_domain": domain, "sign_in_callback_urls": urls}
    if not saml or any(oidc.values()):
        needed |= oidc
    if missing := [word for word, value in needed.items() if not value]:
        raise ValueError(
            f"context: {', '.join(missing)} must be filled as well where people sign in with"
            " an identity provider of yours"
        )
    return Federation(
        saml_metadata_url=saml,
        oidc=Oidc(
            issuer=oidc["oidc_issuer"] or "",
            client_id=oidc["oidc_client_id"] or "",
            client_secret_name=oidc["oidc_client_secret_name"] or "",
        )
        if any(oidc.values())
        else None,
        domain=domain or "",
        callback_urls=urls,
    )


def _cards(read: "_Reader") -> Cards:
    time_zone = read.text("cards_time_zone")
    if time_zone not in zoneinfo.available_timezones():
        raise ValueError(
            f"context cards_time_zone: {time_zone!r} is no time zone; name one of the IANA, as"
            " Europe/Berlin"
        )
    return Cards(
        hour=read.number("cards_hour", least=0, most=23),
        time_zone=time_zone,
        first_month=read.form("cards_from", r"20\d{2}-(0[1-9]|1[0-2])"),
        retry_minutes=read.number("cards_retry_minutes", least=5, most=720),
        # The next Monday has a run of its own.
        retry_hours=read.number("cards_retry_hours", most=144),
    )


def _mail(read: "_Reader", *, local: bool) -> Mail:
    texts = read.words("texts")
    asked = (
        *("invitation_subject", "invitation_text", "digest_subject", "digest_text"),
        *("reminder_subject", "reminder_text", "weekly_subject", "weekly_text"),
        *("report_subject", "report_text", "alert_subject", "alert_text"),
    )
    if missing := [word for word in asked if not texts.get(word, "").strip()]:
        raise ValueError(f"context texts: {', '.join(missing)} must be filled")
    if unknown := sorted(set(texts) - set(asked)):
        raise ValueError(f"context texts: there is no {', '.join(unknown)}")
    for placeholder in ("{username}", "{####}"):
        if placeholder not in texts["invitation_text"]:
            raise ValueError(
                f"context texts: invitation_text lacks {placeholder}, without which nobody can"
                " sign in"
            )
    for word, most in (
        ("invitation_subject", 140),
        ("invitation_text", 15_000),
        ("digest_subject", 140),
        ("digest_text", MOST_IN_A_VARIABLE),
        ("reminder_subject", 140),
        ("reminder_text", MOST_IN_A_VARIABLE),
        ("weekly_subject", 140),
        ("weekly_text", MOST_IN_A_VARIABLE),
        ("report_subject", 140),
        ("report_text", MOST_IN_A_VARIABLE),
        ("alert_subject", 140),
        ("alert_text", MOST_IN_A_VARIABLE),
    ):
        if len(texts[word]) > most:
            raise ValueError(f"context texts: {word} has more than {most} characters")
    sender = read.form("mail_from", MAIL)
    return Mail(
        sender=sender or (LOCAL_SENDER if local else None),
        make_identity=read.truth("mail_identity"),
        sends_invitations=read.truth("mail_invitations"),
        logo=read.form("mail_logo", r"https://[^\s\"<>]+"),
        app_url=read.form("app_url", r"https?://[^\s\"<>]+"),
        digest_hour=read.number("digest_hour", least=0, most=23),
        invitation_subject=texts["invitation_subject"],
        invitation_text=texts["invitation_text"],
        digest_subject=texts["digest_subject"],
        digest_text=texts["digest_text"],
        reminder_hour=read.number("reminder_hour", least=0, most=23),
        reminder_subject=texts["reminder_subject"],
        reminder_text=texts["reminder_text"],
        weekly_subject=texts["weekly_subject"],
        weekly_text=texts["weekly_text"],
        report_subject=texts["report_subject"],
        report_text=texts["report_text"],
        alert_subject=texts["alert_subject"],
        alert_text=texts["alert_text"],
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

    def form(self, key: str, form: str) -> str | None:
        """Text of a form, or None where it is empty."""
        said = self.text(key).strip()
        if said and not re.fullmatch(form, said):
            raise ValueError(f"context {key}: {said!r} is not of the form {form}")
        return said or None

    def number(self, key: str, *, least: int = 1, most: int | None = None) -> int:
        said = self.text(key)
        # jsii hands a JSON number over as a float.
        whole = said.removesuffix(".0")
        if not whole.isdecimal() or int(whole) < least or (most and int(whole) > most):
            upto = f"to {most}" if most else "or more"
            raise ValueError(f"context {key}: a whole number, {least} {upto}, not {said!r}")
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

    def words(self, key: str) -> Mapping[str, str]:
        """An object of texts in `cdk.json`, or its JSON from `cdk -c`."""
        value = self._value(key)
        try:
            said = json.loads(value) if isinstance(value, str) else value
        except json.JSONDecodeError as error:
            raise ValueError(f"context {key}: not JSON: {error}") from error
        if not isinstance(said, dict) or not all(isinstance(one, str) for one in said.values()):
            raise ValueError(f"context {key}: an object of texts, not {said!r}")
        return dict(said)

    def _value(self, key: str) -> Any:
        value = self._node.try_get_context(key)
        if value is None:
            raise ValueError(f"context {key}: cdk.json lacks it")
        return value
