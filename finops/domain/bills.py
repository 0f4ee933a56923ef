"""Bills: a payer's month as readers see it, how fresh it is, and the questions it answers."""

from collections.abc import Mapping
from datetime import date, datetime, timedelta

from finops.domain.errors import InvalidError
from finops.domain.loads import Costs, Load, LoadStatus
from finops.domain.periods import BillingPeriod
from finops.domain.values import Frozen

LINEAGE = 60  # loads after which all of a bill's account totals are written anew


class BillTotal(Frozen):
    """The totals of a bill in one of its currencies."""

    billing_currency: str | None
    costs: Costs
    last_usage_day: str | None = None
    lines_without_invoice: int = 0


class Bill(Frozen):
    """A payer's month: which load readers see, and what it adds up to.

    *lineage* are the loads whose account totals are still in force, the current one last: a load
    writes only what it changed.
    """

    billing_account_id: str
    billing_period: str
    load_id: str
    delivered_at: datetime
    published_at: datetime
    lineage: tuple[str, ...]
    totals: tuple[BillTotal, ...]
    shards: int = 1
    version: int = 0

    @property
    def is_final(self) -> bool:
        """Whether every line has an invoice id; AWS changes no such line any more."""
        return all(total.lines_without_invoice == 0 for total in self.totals)

    @property
    def complete_through(self) -> date | None:
        """The last day of which all usage is in the bill."""
        days = [date.fromisoformat(t.last_usage_day) for t in self.totals if t.last_usage_day]
        if not days:
            return None
        last = max(days)
        # AWS fills the newest day over the following ones: it counts once another day is over.
        is_over = self.delivered_at.date() > last + timedelta(1)
        return last if is_over or self.is_final else last - timedelta(1)


def succession(current: Bill | None, load: Load) -> LoadStatus | None:
    """What becomes of *load* where readers see *current*; None: it takes its place."""
    if current is None:
        return None
    if current.load_id == load.load_id:
        return LoadStatus.UNCHANGED
    return LoadStatus.OLDER if load.delivered_at < current.delivered_at else None


def succeeded(
    current: Bill | None,
    load: Load,
    of: tuple[str, str],
    totals: tuple[BillTotal, ...],
    now: datetime,
) -> Bill:
    """The bill *of* (payer, period) after *load* has taken the place of *current*."""
    inherited = current.lineage if current and len(current.lineage) < LINEAGE else ()
    return Bill(
        billing_account_id=of[0],
        billing_period=of[1],
        load_id=load.load_id,
        delivered_at=load.delivered_at,
        published_at=now,
        lineage=(*(loaded for loaded in inherited if loaded != load.load_id), load.load_id),
        totals=totals,
        shards=load.shards,
        version=current.version if current else 0,
    )


# What a bill can be asked by: the word in the API, and the ledger's column.
DIMENSIONS: Mapping[str, str] = {
    "payer": "billing_account_id",
    "account": "sub_account_id",
    "day": "charge_date",
    "service": "service_code",
    "region": "region_id",
    "charge_category": "charge_category",
    "line_item_type": "line_item_type",
    "invoice": "invoice_id",
    "issuer": "invoice_issuer_name",
    "billing_entity": "billing_entity",
    "currency": "billing_currency",
    "resource": "resource_id",
    "commitment": "commitment_discount_id",
    "tags": "tags",
}
PER_RESOURCE = frozenset({"resource", "commitment", "tags"})
BY_ACCOUNT_DAY = frozenset({"payer", "account", "day", "charge_category", "currency"})
COSTS: Mapping[str, str] = {
    "unblended": "unblended_cost",
    "billed": "billed_cost",
    "effective": "effective_cost",
    "list": "list_cost",
}


# How the ledger keeps the sums of some charges, in this order, in its files and account totals.
MEASURES = ("lines", *COSTS.values(), "unblended_dust")


class CostQuery(Frozen):
    """A question to a month: the chosen costs, summed by dimensions, of the charges that match."""

    billing_period: str
    by: tuple[str, ...] = ()
    costs: tuple[str, ...] = tuple(COSTS)
    where: Mapping[str, str] = {}

    @property
    def dimensions(self) -> frozenset[str]:
        return frozenset(self.by) | frozenset(self.where)

    @property
    def needs_resources(self) -> bool:
        return bool(self.dimensions & PER_RESOURCE)

    @property
    def needs_only_account_days(self) -> bool:
        return self.dimensions <= BY_ACCOUNT_DAY


def cost_query(
    month: str, by: tuple[str, ...], costs: tuple[str, ...], where: Mapping[str, str]
) -> CostQuery:
    """The question, where all its words are known.

    Raises InvalidError naming the word, and for blended cost: its rate is an average over the
    organisation, so that no part of it says what anybody used.
    """
    if "blended" in costs:
        raise InvalidError(
            "blended cost is not kept: it averages rates over accounts and says nobody's spend; "
            "ask for billed, effective, list or unblended"
        )
    for word, words, told in (
        *((name, DIMENSIONS, "dimension") for name in (*by, *where)),
        *((name, COSTS, "cost") for name in costs),
    ):
        if word not in words:
            raise InvalidError(f"{word!r} is no {told}; known are {', '.join(words)}")
    if len(set(by)) < len(by):
        raise InvalidError("a dimension is named twice")
    return CostQuery(
        billing_period=str(BillingPeriod(month)),
        by=by,
        costs=costs or tuple(COSTS),
        where=dict(where),
    )
