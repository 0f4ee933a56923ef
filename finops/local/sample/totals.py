"""Control totals: exact sums of everything a sample bill says, kept while it is written."""

from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal
from typing import Annotated, NamedTuple, Self

import numpy as np
from pydantic import BaseModel, ConfigDict, PlainSerializer

from finops.domain.money import from_ticks
from finops.local.sample.delivery import Delivery, Invoice
from finops.local.sample.sources import (
    ACCOUNT_NAMES,
    NONE,
    PLANS,
    RESERVED,
    Ints,
    LineType,
    Sources,
)
from finops.local.sample.usage import Usage

Money = Annotated[Decimal, PlainSerializer(lambda amount: f"{amount:f}", when_used="json")]


class Costs(BaseModel):
    """Exact sums over some lines of the bill; money is decimal text in JSON.

    `billed_cost` is net of discounts, and usage that a Savings Plan covers is billed at 0, so is
    its negation but for what the two leave over. `effective_cost` is amortized and as net.
    """

    model_config = ConfigDict(frozen=True)

    lines: int
    unblended_cost: Money
    billed_cost: Money
    effective_cost: Money
    list_cost: Money


class CostGroup(Costs):
    """The sums of the lines that have *key* in common; None where they say nothing."""

    key: str | None


class Cell(NamedTuple):
    line_type: LineType
    account: int
    day: date
    invoice: Invoice


NETTED = (LineType.SavingsPlanCoveredUsage, LineType.SavingsPlanNegation)
MEASURES = ("lines", "unblended", "net", "effective", "listed")


def exact_sums(codes: Ints, values: Ints, size: int) -> Ints:
    """Σ values by code, exactly.

    `bincount` adds doubles, which are exact below 2^53: so high and low halves are added apart.
    """
    high = np.bincount(codes, weights=values >> 26, minlength=size).astype(np.int64)
    low = np.bincount(codes, weights=values & ((1 << 26) - 1), minlength=size).astype(np.int64)
    return (high << 26) + low


@dataclass
class Sums:
    """What later lines of the bill need to know of the earlier ones; all money in ticks."""

    delivery: Delivery
    sources: Sources
    cells: defaultdict[Cell, list[int]] = field(
        default_factory=lambda: defaultdict(lambda: [0] * len(MEASURES))
    )

    def __post_init__(self) -> None:
        sources, grid = self.sources, self.sources.grid
        self.used = np.zeros((len(PLANS), grid.slots), np.int64)
        self.negated = np.zeros((len(sources.negations), grid.slots), np.int64)
        self.discounted = np.zeros((len(sources.discounts), grid.days), np.int64)
        self.taxed = np.zeros(len(sources.taxes), np.int64)
        self.forgiven = np.zeros(grid.days, np.int64)
        self.reserved_upfront = np.zeros(len(RESERVED), np.int64)
        self.reserved_recurring = np.zeros(len(RESERVED), np.int64)
        self.reserved_used = np.zeros(len(RESERVED), np.float64)

    def add_usage(self, usage: Usage) -> None:
        """Adds lines of usage to every sum they are part of."""
        sources, days = self.sources, self.sources.grid.days
        day = usage.slot // sources.grid.slots_a_day
        kind = sources.ints("line_type")[usage.source]
        account = sources.ints("account")[usage.source]
        inside = self.delivery.discounts == "columns"
        net = usage.unblended - usage.discount if inside else usage.unblended
        effective = np.where(
            kind == LineType.SavingsPlanCoveredUsage,
            usage.covered,
            np.where(kind == LineType.DiscountedUsage, usage.upfront + usage.recurring, net),
        )
        market = np.array([offer.meter.entity != "AWS" for offer in sources.offers])
        foreign = market[sources.ints("offer")][usage.source].astype(np.int64)
        code = ((kind * len(ACCOUNT_NAMES) + account) * days + day) * 2 + foreign
        there = np.unique(code)
        index = np.searchsorted(there, code)
        ones = np.ones(len(usage), np.int64)
        sums = [
            exact_sums(index, values, len(there))
            for values in (ones, usage.unblended, net, effective, usage.listed)
        ]
        for i, number in enumerate(there.tolist()):
            rest, other = divmod(number, 2)
            rest, on = divmod(rest, days)
            which, who = divmod(rest, len(ACCOUNT_NAMES))
            invoice = self.delivery.usage_invoice(who, entity="Other" if other else "AWS")
            cell = Cell(LineType(which), who, self._date(on), invoice)
            self.add(cell, *(int(values[i]) for values in sums))
        self._feed(usage, day)

    def add(self, cell: Cell, *amounts: int) -> None:
        kept = self.cells[cell]
        for i, amount in enumerate(amounts):
            kept[i] += amount

    def _feed(self, usage: Usage, day: Ints) -> None:
        slots, days = self.sources.grid.slots, self.sources.grid.days
        self._group(self.used, "plan", usage, usage.covered, usage.slot, slots)
        self._group(self.negated, "negation", usage, usage.unblended, usage.slot, slots)
        self._group(self.discounted, "discount", usage, usage.discount, day, days)
        billed = usage.unblended - usage.discount
        kind = self.sources.ints("line_type")[usage.source]
        billed = np.where(kind == LineType.Usage, billed, 0)
        once = np.zeros(len(usage), np.int64)
        self._group(self.taxed[:, None], "taxed", usage, billed, once, 1)
        self._group(self.reserved_upfront[:, None], "reservation", usage, usage.upfront, once, 1)
        part = self.reserved_recurring[:, None]
        self._group(part, "reservation", usage, usage.recurring, once, 1)
        held = self.sources.ints("reservation")[usage.source]
        rows = np.flatnonzero(held != NONE)
        self.reserved_used += np.bincount(
            held[rows], weights=usage.quantity[rows], minlength=len(RESERVED)
        )
        free = np.flatnonzero(self.sources.flags("forgiven")[usage.source])
        self.forgiven += exact_sums(day[free], usage.unblended[free], days)

    def _group(
        self, into: Ints, name: str, usage: Usage, values: Ints, column: Ints, width: int
    ) -> None:
        group = self.sources.ints(name)[usage.source]
        rows = np.flatnonzero(group != NONE)
        if len(rows):
            codes = group[rows] * width + column[rows]
            into += exact_sums(codes, values[rows], into.size).reshape(into.shape)

    def _date(self, day: int) -> date:
        return self.delivery.period.start + timedelta(day)

    def merge(self, other: Self) -> None:
        """Adds what another part of the same bill summed up."""
        for cell, amounts in other.cells.items():
            self.add(cell, *amounts)
        for name in (
            *("used", "negated", "discounted", "taxed", "forgiven"),
            *("reserved_upfront", "reserved_recurring", "reserved_used"),
        ):
            mine = getattr(self, name)
            mine += getattr(other, name)

    # ---- answers

    @property
    def lines(self) -> int:
        return sum(amounts[0] for amounts in self.cells.values())

    @property
    def unblended(self) -> int:
        return sum(amounts[1] for amounts in self.cells.values())

    def costs(self) -> Costs:
        return Costs(**_costs(self.cells.items()))

    def by_line_item_type(self) -> tuple[CostGroup, ...]:
        groups = {group.key: group for group in self._groups(lambda cell: cell.line_type.name)}
        covered, negation = (groups.get(kind.name) for kind in NETTED)
        if covered and negation:
            left = covered.billed_cost + negation.billed_cost
            nothing = {"billed_cost": from_ticks(0)}
            groups[covered.key] = covered.model_copy(update=nothing)
            groups[negation.key] = negation.model_copy(update={"billed_cost": left})
        return tuple(groups.values())

    def by_account(self) -> tuple[CostGroup, ...]:
        return self._groups(lambda cell: self.delivery.account_ids[cell.account])

    def by_day(self) -> tuple[CostGroup, ...]:
        return self._groups(lambda cell: cell.day.isoformat())

    def by_invoice(self) -> tuple[CostGroup, ...]:
        return self._groups(lambda cell: self.delivery.invoice_id(cell.invoice))

    def _groups(self, key: Callable[[Cell], str | None]) -> tuple[CostGroup, ...]:
        groups: defaultdict[str | None, list[tuple[Cell, list[int]]]] = defaultdict(list)
        for cell, amounts in self.cells.items():
            groups[key(cell)].append((cell, amounts))
        ordered = sorted(groups.items(), key=lambda group: (group[0] is None, group[0] or ""))
        return tuple(CostGroup(key=name, **_costs(cells)) for name, cells in ordered)


def _costs(cells: Iterable[tuple[Cell, list[int]]]) -> dict[str, int | Decimal]:
    told = list(cells)
    lines, unblended, net, effective, listed = (
        sum(amounts[i] for _, amounts in told) for i in range(len(MEASURES))
    )
    return {
        "lines": lines,
        "unblended_cost": from_ticks(unblended),
        "billed_cost": from_ticks(net),
        "effective_cost": from_ticks(effective),
        "list_cost": from_ticks(listed),
    }
