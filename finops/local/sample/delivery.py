"""One delivery of a sample bill: what it is asked to be, and the facts that follow from that."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from enum import IntEnum
from functools import cached_property
from typing import Literal
from uuid import NAMESPACE_URL, uuid5

from finops.domain.errors import InvalidError
from finops.domain.periods import BillingPeriod
from finops.local.sample.organisation import (
    ACCOUNTS,
    COMPANIES,
    EMEA,
    PAYER,
    RESERVATIONS,
    SAVINGS_PLANS,
)
from finops.local.sample.sources import (
    ACCOUNT_NAMES,
    HOURLY_FROM,
    Discounts,
    Grid,
    account_id,
    hexadecimal,
)

Layout = Literal["overwrite", "create-new"]

LEAST_LINES = 1_000


class Invoice(IntEnum):
    """The invoices of a month; what is not invoiced yet is on none of them."""

    NONE = 0
    INC = 1
    EMEA = 2
    MARKETPLACE = 3
    SUBSCRIPTION = 4
    SAVINGS_PLAN = 5
    RESERVATION = 6
    REFUND = 7


AT_ONCE = frozenset({Invoice.SUBSCRIPTION, Invoice.SAVINGS_PLAN, Invoice.RESERVATION})


@dataclass(frozen=True)
class Delivery:
    """The arguments of a sample bill. Raises InvalidError where they contradict each other."""

    period: BillingPeriod
    lines: int
    restate: int
    through_day: int
    final: bool
    seed: int
    layout: Layout
    discounts: Discounts
    export: str
    bucket: str
    prefix: str

    def __post_init__(self) -> None:
        if self.lines < LEAST_LINES:
            raise InvalidError(f"a sample bill has at least {LEAST_LINES:,} lines")
        if not 1 <= self.through_day <= self.grid.days:
            raise InvalidError(f"{self.period} has no day {self.through_day}")
        if self.final and self.through_day < self.grid.days:
            raise InvalidError("only a whole month is invoiced: final goes with no through_day")
        if self.restate < 0:
            raise InvalidError("restate counts rewrites, so it starts at 0")

    @cached_property
    def grid(self) -> Grid:
        return Grid(self.period, hourly=self.lines >= HOURLY_FROM)

    # ---- who

    @property
    def company(self) -> str:
        return COMPANIES[(self.seed - 1) % len(COMPANIES)]

    @property
    def payer_id(self) -> str:
        return account_id(PAYER, self.seed)

    @property
    def payer_name(self) -> str:
        return self.account_name(PAYER)

    @cached_property
    def account_ids(self) -> tuple[str, ...]:
        return tuple(account_id(name, self.seed) for name in ACCOUNT_NAMES)

    def account_name(self, account: str) -> str:
        return f"{self.company.lower()}-{account}"

    # ---- when

    @property
    def start(self) -> datetime:
        return datetime.combine(self.period.start, datetime.min.time(), UTC)

    @property
    def end(self) -> datetime:
        return datetime.combine(self.period.end, datetime.min.time(), UTC)

    def at(self, day: int, hour: int = 0) -> datetime:
        return self.start + timedelta(days=day, hours=hour)

    @property
    def delivered_at(self) -> datetime:
        """Early on the morning after its last day; rewrites and the final bill come later."""
        days = self.through_day + self.restate + (7 if self.final else 0)
        return self.at(days, 5) + timedelta(minutes=41, seconds=7, milliseconds=356)

    # ---- commitments

    def plan_arn(self, name: str) -> str:
        owner = account_id(SAVINGS_PLANS[name].owner, self.seed)
        return f"arn:aws:savingsplans::{owner}:savingsplan/{self._uuid('plan', name)}"

    def reservation_arn(self, name: str) -> str:
        held = RESERVATIONS[name]
        owner = account_id(held.owner, self.seed)
        kind = ("rds", "ri") if name.endswith("-db") else ("elasticache", "reserved-instance")
        region = ACCOUNTS[held.owner].region
        digits = hexadecimal(self.seed, "reservation", name)[:12]
        return f"arn:aws:{kind[0]}:{region}:{owner}:{kind[1]}:{name}-{digits}"

    def bought(self, name: str, day: int | None) -> date:
        """The day a commitment began: *day* of this month, else some day of the year before."""
        if day is not None:
            return self.period.start + timedelta(day)
        back = 40 + int(hexadecimal(self.seed, "bought", name)[:4], 16) % 200
        # Counted from a fixed day of the year, so that next month's bill says the same.
        return date(self.period.start.year, 1, 1) - timedelta(back)

    # ---- paper

    def usage_invoice(self, account: int, *, entity: str = "AWS") -> Invoice:
        """The invoice that usage of *account* ends on, once the month is final."""
        if not self.final:
            return Invoice.NONE
        if entity != "AWS":
            return Invoice.MARKETPLACE
        emea = ACCOUNTS[ACCOUNT_NAMES[account]].legal_entity == EMEA
        return Invoice.EMEA if emea else Invoice.INC

    def invoice_id(self, invoice: Invoice) -> str | None:
        if invoice is Invoice.NONE:
            return None
        number = int(hexadecimal(self.seed, self.period, "invoice", invoice.name)[:12], 16)
        if invoice is Invoice.EMEA:
            return f"EUINGB{self.period[2:4]}-{number % 10**7:07}"
        return str(2 * 10**9 + number % 10**8)

    @cached_property
    def execution_id(self) -> str:
        return self._uuid(
            *(self.period, self.lines, self.restate, self.through_day, self.final),
            *(self.layout, self.discounts, self.bucket),
        )

    @property
    def export_arn(self) -> str:
        return (
            f"arn:aws:bcm-data-exports:us-east-1:{self.payer_id}:"
            f"export/{self.export}-{self._uuid('export')}"
        )

    def _uuid(self, *words: object) -> str:
        return str(uuid5(NAMESPACE_URL, "/".join(map(str, (self.seed, self.export, *words)))))

    # ---- keys

    def _folder(self, kind: str) -> str:
        folder = f"{self.prefix}/{self.export}/{kind}/BILLING_PERIOD={self.period}"
        if self.layout == "overwrite":
            return folder
        stamp = self.delivered_at.strftime("%Y-%m-%dT%H:%M:%S.") + "356Z"
        return f"{folder}/{stamp}-{self.execution_id}"

    def part_key(self, number: int) -> str:
        return f"{self._folder('data')}/{self.export}-{number:05}.snappy.parquet"

    @property
    def manifest_key(self) -> str:
        return f"{self._folder('metadata')}/{self.export}-Manifest.json"
