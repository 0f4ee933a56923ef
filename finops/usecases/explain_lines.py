"""The last step of an explanation: the lines of the bill behind a product's charges.

Apart from `explain` because it reads the deliveries themselves.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from enum import StrEnum
from typing import NamedTuple

from finops.domain.charges import DISCOUNTS, Charge
from finops.domain.class_policies import CostBasis
from finops.domain.errors import InvalidError, NotFoundError
from finops.domain.money import settled
from finops.domain.people import Person
from finops.domain.periods import BillingPeriod
from finops.ledger import origins
from finops.ledger.origins import BillLine, Origins, Place
from finops.usecases.allocated import Engine, Month, Run, Shelf
from finops.usecases.explain import Asked, charge_id, given, must_see
from finops.usecases.originals import Originals
from finops.usecases.ports import Loads

MOST_LINES = 1_000  # told one by one; of more, the largest
DUST = 10**10  # of a tick

Exact = tuple[int, int]  # ticks, and dust of 1e-20


class Which(NamedTuple):
    """Which of the figure's charges: all that fit. Of text "" is that of charges without."""

    charge_id: str | None = None
    resource_id: str | None = None
    region: str | None = None
    line_item_type: str | None = None

    def fits(self, charge: Charge) -> bool:
        key = charge.key
        return self.charge_id in (None, charge_id(key)) and all(
            wanted in (None, found or "")
            for wanted, found in (
                (self.resource_id, key.resource_id),
                (self.region, key.region_id),
                (self.line_item_type, key.line_item_type),
            )
        )


class Step(StrEnum):
    """Why charges cost something else than their lines state, in this order."""

    DISCOUNTS = "Discounts in net columns"
    AMORTIZATION = "Amortization of commitments"
    NETTING = "Savings Plan netting"
    COUNTED_ONCE = "Discount lines that the net columns hold already"
    ROUNDING = "Rounding to ten decimals"


class LinesOf(NamedTuple):
    """The lines behind some charges of a product: Σ stated + Σ steps = cost of the charges.

    *number* counts all lines; *rest* is what those beyond the largest ones state and cost. Of
    several payers or currencies there is one of these each.
    """

    run: Run
    basis: CostBasis
    charges: Sequence[Charge]
    files: Sequence[str]
    format: str | None
    lines: Sequence[BillLine]
    number: int
    stated: Exact
    steps: Mapping[Step, Exact]
    cost: int
    rest_stated: Exact
    rest_cost: Exact

    @property
    def others(self) -> int:
        return self.number - len(self.lines)


class LinesExplained(NamedTuple):
    """The lines asked for, of each payer and currency."""

    asked: Asked
    which: Which
    of: Sequence[LinesOf]
    month: Month


def explain_lines(
    asked: Asked,
    which: Which,
    *,
    who: Person,
    shelf: Shelf,
    loads: Loads,
    originals: Originals,
    connect: Engine,
    most: int = MOST_LINES,
) -> LinesExplained:
    """The bill's own lines of those charges, of an account on a day, that a product pays for.

    Raises NotFoundError where the product pays for no such charge; InvalidError without account and
    day, and where the lines are in more files than are read; DeliveryChangedError where a delivered
    file is kept no longer; ArithmeticError where lines and charges do not agree.
    """
    must_see(asked, who)
    month = shelf.month(str(BillingPeriod(asked.billing_period)))
    found: dict[tuple[str, str | None], tuple[Run, dict[Charge, None]]] = {}
    for one in given(asked, month, shelf):
        for charge in filter(which.fits, one.charges):
            of = (one.part.payer, one.part.currency)
            found.setdefault(of, (one.run, {}))[1][charge] = None
    if not found:
        raise NotFoundError(
            f"{asked.product_id} pays for no such charge of that account on that day; ask for its"
            " charges first"
        )
    return LinesExplained(
        asked,
        which,
        [
            _lines(run, list(charges), asked, loads, originals, connect, most)
            for run, charges in found.values()
        ],
        month,
    )


def _lines(
    run: Run,
    charges: Sequence[Charge],
    asked: Asked,
    loads: Loads,
    originals: Originals,
    connect: Engine,
    most: int,
) -> LinesOf:
    bill, basis = run.allocation, run.allocation.basis
    load = loads.get(bill.load_id)
    place = Place(
        payer=bill.billing_account_id,
        billing_period=bill.billing_period,
        account=asked.account or None,
        day=_day(asked),
        always=load.payer,
        otherwise=load.account,
        period=load.billing_period,
    )
    with connect() as connection:
        files = originals.at(place, load, connection)
        made = origins.origins(
            connection, [ranges for _, ranges in files], place, charges, basis, most
        )
    cost = sum(getattr(charge, basis.column) for charge in charges)
    stated = _added(one.unblended for one in (made.plans, made.discounts, made.others))
    told_stated = _added(line.unblended for line in made.lines)
    told_cost = _added(line.cost for line in made.lines)
    return LinesOf(
        run=run,
        basis=basis,
        charges=charges,
        files=[file.key for file, _ in files],
        format=load.format,
        lines=made.lines,
        number=made.plans.lines + made.discounts.lines + made.others.lines,
        stated=stated,
        steps=steps(charges, made, basis),
        cost=cost,
        rest_stated=_less(stated, told_stated),
        rest_cost=_less(
            _added(_cost(one, basis) for one in (made.plans, made.discounts, made.others)),
            told_cost,
        ),
    )


def _day(asked: Asked) -> date:
    if asked.day is None:
        raise InvalidError("name the day whose lines are to be explained")
    return asked.day


def steps(charges: Sequence[Charge], made: Origins, basis: CostBasis) -> dict[Step, Exact]:
    """What leads from the lines' unblended cost to the charges' cost; steps of nothing are left out.

    Raises ArithmeticError where lines are missing, or what is left is more than rounding.
    """
    if made.matched != sum(charge.lines for charge in charges):
        raise ArithmeticError(
            f"{len(charges)} charges are made of {sum(charge.lines for charge in charges)} lines;"
            f" {made.matched} were found in the delivery"
        )
    parts = (made.plans, made.discounts, made.others)
    stated = _added(one.unblended for one in parts)
    billed = _added(one.billed for one in parts)
    counted = _added(_cost(one, basis) for one in parts)
    found = {
        Step.DISCOUNTS: _less(billed, stated),
        Step.AMORTIZATION: _less(counted, billed),
        # What a tick cannot hold is carried from charge to charge, so it may be off by one each.
        Step.NETTING: _beyond(len(charges), _gap(charges, origins.PLANS, made.plans, basis)),
        Step.COUNTED_ONCE: _beyond(len(charges), _gap(charges, DISCOUNTS, made.discounts, basis)),
    }
    cost = sum(getattr(charge, basis.column) for charge in charges)
    rounding = _less((cost, 0), _added([stated, *found.values()]))
    if abs(_dust(rounding)) > len(charges) * DUST:
        raise ArithmeticError(f"lines and charges differ by {rounding[0]} ticks")
    found[Step.ROUNDING] = rounding
    return {step: amount for step, amount in found.items() if amount != (0, 0)}


def _gap(
    charges: Iterable[Charge], types: Iterable[str], lines: origins.Sums, basis: CostBasis
) -> Exact:
    """What the charges of some types cost, less what their lines do."""
    named = frozenset(types)
    cost = sum(
        getattr(charge, basis.column) for charge in charges if charge.key.line_item_type in named
    )
    return _less((cost, 0), _cost(lines, basis))


def _beyond(charges: int, gap: Exact) -> Exact:
    return gap if abs(_dust(gap)) > charges * DUST else (0, 0)


def _cost(sums: origins.Sums, basis: CostBasis) -> Exact:
    return sums.billed if basis is CostBasis.BILLED else sums.effective


def _added(amounts: Iterable[Exact]) -> Exact:
    return settled(0, sum(map(_dust, amounts)))


def _less(amount: Exact, other: Exact) -> Exact:
    return settled(0, _dust(amount) - _dust(other))


def _dust(amount: Exact) -> int:
    return amount[0] * DUST + amount[1]
