"""Cutting a spend cube: what owners pay for charges, told apart by all that is asked of spend.

The functions here are the plain form, one charge at a time. `finops.ledger.spend_cubes` does the
same over millions of charges and is tested against them.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from itertools import accumulate
from typing import Any, NamedTuple

from finops.domain.allocations import (
    Group,
    Lives,
    Owner,
    Part,
    PartKind,
    Rules,
    allocate,
    by_shares,
    claimant_of,
    group_of,
    owned,
    policy_for,
)
from finops.domain.charges import Charge
from finops.domain.claim_rules import read_tags
from finops.domain.class_policies import PolicyKind, is_spend
from finops.domain.shares import WHOLE
from finops.domain.spend_cubes import CREDIT, CubeRow
from finops.domain.tag_settings import TagSettings


class Payer(NamedTuple):
    """Who pays: a product, or nobody with the reason."""

    product_id: str | None
    reason: str | None


class Detail(NamedTuple):
    """What a cube tells of charges that are split together; values in the order of the report keys."""

    region: str | None
    tags: tuple[str | None, ...]


def cut(
    charges: Sequence[Charge], rules: Rules, products: Lives, tags: TagSettings
) -> list[CubeRow]:
    """The rows of the cube of *charges*, as `allocations.allocate` hands them out; in no order.

    A claimed resource goes to its owner with all it says. What a group of charges shares is told apart
    by `apportioned`, so that the rows are to the tick what each owner pays of the group, and what the
    charges of each region and tag come to. Charges that cancel within a group cost nobody anything;
    they go by the account's shares, and cancel there.

    Σ rows = Σ charges, with what AWS credited, which is nobody's.
    """
    rules = rules.as_meant
    sums: defaultdict[tuple[Group, str, Payer, Detail], int] = defaultdict(int)
    shared: defaultdict[Group, defaultdict[Detail, int]] = defaultdict(lambda: defaultdict(int))
    for charge in charges:
        group = group_of(charge.key, rules.basis)
        amount = getattr(charge, rules.basis.column)
        meant = tags.meant(read_tags(charge.key.tags))
        detail = Detail(charge.key.region_id, tuple(map(meant.get, tags.report_keys)))
        if not is_spend(charge.key):
            sums[group, CREDIT, Payer(None, None), detail] += amount
        elif claimant := claimant_of(charge.key, rules, products):
            payer = Payer(claimant.product_id, claimant.reason)
            sums[group, group.charge_class, payer, detail] += amount
        else:
            shared[group][detail] += amount
    parts = _left(allocate(charges, rules, products))
    for group, details in shared.items():
        if sum(details.values()):
            payers = _payers(parts[group])
        else:
            payers = _points(group, rules, products)
        for (detail, payer), amount in apportioned(details, payers).items():
            sums[group, group.charge_class, payer, detail] += amount
    return _rows(sums, tags)


def _rows(sums: Mapping[tuple[Group, str, Payer, Detail], int], tags: TagSettings) -> list[CubeRow]:
    """A cube knows of no invoices: what differs in these alone is one row."""
    found: defaultdict[tuple[tuple[Any, ...], tuple[str | None, ...]], int] = defaultdict(int)
    for (group, charge_class, payer, detail), amount in sums.items():
        of = (group.billing_period, group.day, group.payer, group.currency, *payer)
        told = (group.account, group.service, detail.region, charge_class, group.charge_category)
        found[(*of, *told), detail.tags] += amount
    return [
        CubeRow._make((*of, _known(zip(tags.report_keys, values, strict=True)), amount))
        for (of, values), amount in found.items()
        if amount
    ]


def _known(tags: Iterable[tuple[str, str | None]]) -> dict[str, str]:
    return {key: value for key, value in tags if value is not None}


def apportioned(
    details: Mapping[Detail, int], payers: Mapping[Payer, int]
) -> dict[tuple[Detail, Payer], int]:
    """What each payer pays of each detail, in proportion, so that both add up.

    Of details that come to nothing *payers* are weights, and each pays nothing in all; else they are
    what each pays. Both are taken in their order, what is absent last: up to each pair of them the
    part is rounded, and a pair has what it adds, which is off by less than two ticks.

    >>> web, app = Payer("a.b.c.web", None), Payer("a.b.c.app", None)
    >>> found = apportioned({Detail("eu", ()): 3, Detail("us", ()): 2}, {web: 2, app: 3})
    >>> [(detail.region, payer.product_id[6:], ticks) for (detail, payer), ticks in found.items()]
    [('eu', 'app', 1), ('eu', 'web', 2), ('us', 'app', 2), ('us', 'web', 0)]
    """
    whole = sum(payers.values())
    rows, columns = sorted(details, key=_last_if_absent), sorted(payers, key=_last_if_absent)
    down = [0, *accumulate(details[row] for row in rows)]
    across = [0, *accumulate(payers[column] for column in columns)]

    def up_to(row: int, column: int) -> int:
        product = down[row] * across[column]
        # Towards zero, as the engine divides.
        size = abs(product) // abs(whole)
        return size if (product < 0) == (whole < 0) else -size

    return {
        (detail, payer): up_to(row + 1, column + 1)
        - up_to(row + 1, column)
        - up_to(row, column + 1)
        + up_to(row, column)
        for row, detail in enumerate(rows)
        for column, payer in enumerate(columns)
    }


def _last_if_absent(one: Detail | Payer) -> list[tuple[bool, str]]:
    flat = (one.region, *one.tags) if isinstance(one, Detail) else one
    return [(value is None, value or "") for value in flat]


def _left(parts: Iterable[Part]) -> dict[Group, list[Part]]:
    """The parts that claims and rules did not give, by group."""
    found: defaultdict[Group, list[Part]] = defaultdict(list)
    for part in parts:
        if part.workload_id is None:
            found[part.group].append(part)
    return found


def _points(group: Group, rules: Rules, products: Lives) -> dict[Payer, int]:
    """Who would pay for the group, by so many points."""
    policy = policy_for(group, rules)
    if policy is None or policy.kind is not PolicyKind.TO_PRODUCT:
        return _payers(by_shares(group, WHOLE, rules, products))
    owner = owned(products, group.day, Owner(PartKind.POLICY, policy.product_id))
    return {Payer(owner.product_id, owner.reason): WHOLE}


def _payers(parts: Iterable[Part]) -> dict[Payer, int]:
    found: defaultdict[Payer, int] = defaultdict(int)
    for part in parts:
        found[Payer(part.product_id, part.reason)] += part.amount
    return found
