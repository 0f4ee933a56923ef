"""Loads: what became of each delivery of the bill, and what it changed."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import date, datetime
from enum import StrEnum
from typing import Self

from finops.domain.money import settled
from finops.domain.values import Frozen

SOME = 50  # of each dimension's changes, the largest


class LoadStatus(StrEnum):
    """Where a delivery is on its way into the ledger."""

    WAITING = "Waiting"
    REDUCING = "Reducing"
    MERGING = "Merging"
    CHECKING = "Checking"
    PUBLISHED = "Published"
    UNCHANGED = "Unchanged"
    OLDER = "Older"
    SUPERSEDED = "Superseded"
    REFUSED = "Refused"
    FAILED = "Failed"
    INCOMPLETE = "Incomplete"

    @property
    def is_final(self) -> bool:
        return self not in UNDER_WAY


UNDER_WAY = frozenset(
    {LoadStatus.WAITING, LoadStatus.REDUCING, LoadStatus.MERGING, LoadStatus.CHECKING}
)


class DeliveryKind(StrEnum):
    """What is delivered: a bill, or what AWS recommends to save."""

    BILL = "Bill"
    SAVINGS = "Savings"


class ControlTotal(Frozen):
    """Count and plain unblended sum of a file's lines of one bill; *dust* is 1e-20 over the ticks."""

    billing_account_id: str
    billing_period: str
    billing_currency: str | None
    lines: int
    unblended_cost: int
    dust: int = 0

    @property
    def of(self) -> tuple[str, str, str | None]:
        return self.billing_account_id, self.billing_period, self.billing_currency

    def __add__(self, other: Self) -> Self:
        ticks, dust = settled(self.unblended_cost + other.unblended_cost, self.dust + other.dust)
        return self.model_copy(
            update={"lines": self.lines + other.lines, "unblended_cost": ticks, "dust": dust}
        )


def total(controls: Iterable[ControlTotal]) -> dict[tuple[str, str, str | None], ControlTotal]:
    """*controls* added up for each bill and currency."""
    sums: dict[tuple[str, str, str | None], ControlTotal] = {}
    for control in controls:
        sums[control.of] = sums[control.of] + control if control.of in sums else control
    return sums


class Costs(Frozen):
    """The costs of some charges, in ticks, each apart from the others.

    *unblended_dust* is what the bill states of the unblended cost beyond a tick, in 1e-20.
    """

    lines: int = 0
    unblended_cost: int = 0
    billed_cost: int = 0
    effective_cost: int = 0
    list_cost: int | None = None
    unblended_dust: int = 0

    def __add__(self, other: Self) -> Self:
        lists = [cost for cost in (self.list_cost, other.list_cost) if cost is not None]
        unblended, dust = settled(
            self.unblended_cost + other.unblended_cost, self.unblended_dust + other.unblended_dust
        )
        return self.model_copy(
            update={
                "lines": self.lines + other.lines,
                "unblended_cost": unblended,
                "unblended_dust": dust,
                "billed_cost": self.billed_cost + other.billed_cost,
                "effective_cost": self.effective_cost + other.effective_cost,
                "list_cost": sum(lists) if lists else None,
            }
        )


class BillSummary(Frozen):
    """One payer's month in one currency as a load holds it: totals, and what they are made of."""

    billing_account_id: str
    billing_period: str
    billing_currency: str | None
    costs: Costs
    by_account: Mapping[str, Costs] = {}
    by_charge_category: Mapping[str, Costs] = {}
    by_day: Mapping[str, Costs] = {}
    by_service: Mapping[str, Costs] = {}
    by_invoice: Mapping[str, Costs] = {}
    charges: int = 0
    lines_without_invoice: int = 0
    last_usage_day: str | None = None
    is_net: bool = False

    @property
    def of(self) -> tuple[str, str, str | None]:
        return self.billing_account_id, self.billing_period, self.billing_currency

    @property
    def is_invoiced(self) -> bool:
        """Whether every line has an invoice id, so that AWS changes none of them any more."""
        return self.costs.lines > 0 and self.lines_without_invoice == 0


BREAKDOWNS = ("by_account", "by_charge_category", "by_day", "by_service")


def in_brief(summary: BillSummary) -> BillSummary:
    """*summary* without its breakdowns, which grow with the organisation."""
    return summary.model_copy(update={name: {} for name in (*BREAKDOWNS, "by_invoice")})


def merged(parts: Iterable[BillSummary]) -> list[BillSummary]:
    """Summaries of shares of the accounts, put together for each bill and currency."""
    groups: defaultdict[tuple[str, str, str | None], list[BillSummary]] = defaultdict(list)
    for part in parts:
        groups[part.of].append(part)
    return [_merged(groups[of]) for of in sorted(groups, key=lambda of: (*of[:2], of[2] or ""))]


def _merged(parts: list[BillSummary]) -> BillSummary:
    costs = parts[0].costs
    for part in parts[1:]:
        costs += part.costs
    breakdowns: dict[str, dict[str, Costs]] = {}
    for name in (*BREAKDOWNS, "by_invoice"):
        sums: dict[str, Costs] = {}
        for part in parts:
            for key, some in getattr(part, name).items():
                sums[key] = sums[key] + some if key in sums else some
        breakdowns[name] = dict(sorted(sums.items()))
    days = [part.last_usage_day for part in parts if part.last_usage_day]
    return parts[0].model_copy(
        update={
            "costs": costs,
            **breakdowns,
            "charges": sum(part.charges for part in parts),
            "lines_without_invoice": sum(part.lines_without_invoice for part in parts),
            "last_usage_day": max(days, default=None),
            "is_net": any(part.is_net for part in parts),
        }
    )


class Change(Frozen):
    """How one element of a bill differs from the load before, in ticks of unblended cost."""

    key: str
    before: int
    after: int


class BillChanges(Frozen):
    """The difference between two loads of a bill, by each dimension; the largest ones named."""

    lines_before: int
    lines_after: int
    unblended_before: int
    unblended_after: int
    by_account: tuple[Change, ...] = ()
    by_charge_category: tuple[Change, ...] = ()
    by_day: tuple[Change, ...] = ()
    by_service: tuple[Change, ...] = ()
    more: int = 0  # changes beyond the largest ones named


def changes(before: BillSummary | None, after: BillSummary) -> BillChanges:
    """What *after* changes about *before*, None being a bill's first load."""
    found: dict[str, tuple[Change, ...]] = {}
    more = 0
    for name in BREAKDOWNS:
        old = getattr(before, name) if before else {}
        listed = _changes(old, getattr(after, name))
        found[name] = tuple(listed[:SOME])
        more += max(0, len(listed) - SOME)
    return BillChanges(
        lines_before=before.costs.lines if before else 0,
        lines_after=after.costs.lines,
        unblended_before=before.costs.unblended_cost if before else 0,
        unblended_after=after.costs.unblended_cost,
        more=more,
        **found,
    )


def _changes(old: Mapping[str, Costs], new: Mapping[str, Costs]) -> list[Change]:
    nothing = Costs()
    found = [
        Change(
            key=key,
            before=old.get(key, nothing).unblended_cost,
            after=new.get(key, nothing).unblended_cost,
        )
        for key in old.keys() | new.keys()
    ]
    differing = [change for change in found if change.before != change.after]
    return sorted(differing, key=lambda change: (-abs(change.after - change.before), change.key))


class LoadedFile(Frozen):
    """A file of a delivery: which version of it was read, and its control totals."""

    key: str
    etag: str
    version_id: str | None
    size: int
    controls: tuple[ControlTotal, ...] = ()


class LoadedBill(Frozen):
    """What a load did to one bill."""

    summary: BillSummary
    status: LoadStatus
    changes: BillChanges | None = None


class Load(Frozen):
    """A delivery and what became of it."""

    load_id: str
    status: LoadStatus
    reason: str | None = None
    manifest_key: str
    manifest_version: str
    execution_id: str
    place: str
    delivered_at: datetime
    recorded_at: datetime
    payer: str | None = None  # goes before what the lines say
    account: str | None = None  # the export's, for lines that name no payer
    billing_period: str | None = None
    kind: DeliveryKind = DeliveryKind.BILL
    day: date | None = None  # of recommendations
    recommendations: int | None = None
    format: str | None = None
    files: tuple[LoadedFile, ...] = ()
    items_total: int = 0
    items_done: int = 0
    shards: int = 1
    bills: tuple[LoadedBill, ...] = ()
    warnings: tuple[str, ...] = ()
    version: int = 0
