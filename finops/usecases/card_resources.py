"""The resources behind a line of a card: what each cost, and what of it the product pays.

They come from the very run that the card is made of, and add up to the line.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from datetime import date
from typing import Any, NamedTuple

from finops.domain.allocation import apportioned
from finops.domain.allocation_runs import Allocation
from finops.domain.allocations import PartKind
from finops.domain.card_trees import Branch
from finops.domain.errors import ConflictError, NotFoundError
from finops.domain.money import text
from finops.domain.periods import billed_period
from finops.domain.places import allocation
from finops.domain.spend_cards import SpendCard, total
from finops.usecases.allocated import Month, Run, Shelf
from finops.usecases.explain import Asked, Given, given


class ResourceSpend(NamedTuple):
    """What of a resource is on the line, in ticks; None: charges of no resource.

    *whole* is what its charges cost, whoever pays.
    """

    resource_id: str | None
    service: str | None
    charges: int
    whole: int
    amount: int


class ResourcesOf(NamedTuple):
    """The largest resources of a branch, and the rest as a sum: *amount* is all of it."""

    branch: Branch
    resources: tuple[ResourceSpend, ...]
    others: int
    rest: int
    amount: int


def card_resources(card: SpendCard, branch: Branch, most: int, *, shelf: Shelf) -> ResourcesOf:
    """The resources that a branch of the card's own week is about, the largest first.

    Raises NotFoundError for a branch that the card does not have, and ConflictError where what the
    card was made of is not kept any more.
    """
    lines = branch.of(card.lines)
    amount = total(lines)
    if not lines:
        raise NotFoundError(
            "the card has no such line; its tree names accounts, what gave them, and services"
        )
    sums: defaultdict[tuple[str | None, str | None], list[int]] = defaultdict(lambda: [0, 0, 0])
    for line in lines:
        if (
            line.kind is PartKind.POLICY
        ):  # a slice of what all accounts cost: no resource of its own
            sums[None, line.service][2] += line.amount
    try:
        month = Month(str(card.month), (), tuple(_runs(card, shelf)))
        for day in _days(card, branch, month, shelf):
            for one in given(_asked(card, branch, day), month, shelf):
                if one.part.kind == PartKind.POLICY:
                    continue
                for of, charges, whole, part in _parts(one):
                    found = sums[of]
                    found[0] += charges
                    found[1] += whole
                    found[2] += part
    except NotFoundError as error:
        raise _gone(card) from error
    made = [ResourceSpend(*of, *found) for of, found in sums.items() if found[2]]
    if sum(one.amount for one in made) != amount:
        raise _gone(card)
    made.sort(key=lambda one: (-abs(one.amount), one.resource_id or "", one.service or ""))
    rest = made[most:]
    return ResourcesOf(
        branch, tuple(made[:most]), len(rest), sum(one.amount for one in rest), amount
    )


def _parts(one: Given) -> Iterator[tuple[tuple[str | None, str | None], int, int, int]]:
    """By resource and service: charges, what they cost, and what of that the product pays."""
    costs: defaultdict[str | None, list[int]] = defaultdict(lambda: [0, 0])
    for charge in one.charges:
        if cost := getattr(charge, one.column):
            found = costs[charge.key.resource_id]
            found[0] += 1
            found[1] += cost
    listed = sorted(costs, key=lambda id_: (id_ is None, id_ or ""))
    if sum(costs[id_][1] for id_ in listed) == 0:
        yield (None, one.part.service), 0, 0, one.part.amount
        return
    shares = apportioned(one.part.amount, [costs[id_][1] for id_ in listed])
    for id_, share in zip(listed, shares, strict=True):
        charges, cost = costs[id_]
        yield (id_, one.part.service), charges, cost, share


def _narrowed(branch: Branch) -> dict[str, str]:
    """How a branch narrows what runs are asked, but for its account."""
    told = {
        "kind": branch.kind,
        "workload": branch.workload,
        "rule": branch.rule,
        "service": branch.service,
    }
    return {name: str(value) for name, value in told.items() if value is not None}


def _asked(card: SpendCard, branch: Branch, day: date) -> Asked:
    narrowed = _narrowed(branch)
    return Asked(
        card.product_id,
        str(card.month),
        account=branch.account,
        day=day,
        service=narrowed.pop("service", None),
        currency=card.currency or "",
        more=tuple(narrowed.items()),
    )


def _days(card: SpendCard, branch: Branch, month: Month, shelf: Shelf) -> list[date]:
    """The days of charges that count in the card's week: a bill may have some of other months."""
    where = {"product": card.product_id, "currency": card.currency or "", "account": branch.account}
    found = shelf.sums(
        month.runs,
        ("day", "kind", "workload", "rule", "service"),
        {name: [value] for name, value in (where | _narrowed(branch)).items()},
    )
    days = dict.fromkeys(row[0] for row in found)
    return [day for day in days if billed_period(card.month, day) == card.period]


def _runs(card: SpendCard, shelf: Shelf) -> Iterator[Run]:
    """The runs that the card is made of, also those that others have taken the place of."""
    published = shelf.allocations.in_period(str(card.month))
    current = {one.run_id: one for one in published}
    for run_id in card.runs:
        if run_id in current:
            yield shelf.run(current[run_id])
        else:
            yield _former(run_id, card, published, shelf)


def _former(run_id: str, card: SpendCard, published: list[Allocation], shelf: Shelf) -> Run:
    for one in published:
        place = allocation(one.billing_account_id, one.billing_period, run_id)
        try:
            told: Mapping[str, Any] = shelf.ledger.get_json(f"{place}/index.json")
        except NotFoundError:
            continue
        before = one.model_copy(update={"run_id": run_id, "load_id": str(told["load_id"])})
        return Run(before, told)
    raise _gone(card)


def _gone(card: SpendCard) -> ConflictError:
    return ConflictError(
        f"this card of {text(card.amount)} is made of an allocation that a newer one has taken the "
        "place of, and its charges are not kept any more; finops explain tells of the newest one"
    )
