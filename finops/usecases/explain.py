"""Explaining a figure: from what a product pays to the accounts and days, to the charges, to the bill.

Each step adds up to the one before, to the last digit; and each says by which rule.
"""

import hashlib
import json
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from typing import Any, NamedTuple

from finops.domain.allocations import (
    Group,
    Owner,
    Part,
    PartKind,
    claimant_of,
    group_of,
    order,
)
from finops.domain.authorization import Action, must
from finops.domain.charges import Charge, Key
from finops.domain.claims import AccountClaims
from finops.domain.class_policies import is_spend
from finops.domain.elements import LEVELS, level
from finops.domain.errors import InvalidError
from finops.domain.people import Person
from finops.domain.periods import BillingPeriod
from finops.domain.rule_snapshots import Snapshot
from finops.ledger import ownership
from finops.usecases.allocated import Month, Run, Shelf

NOBODY = "unallocated"  # what is asked for instead of a product, for what nobody owns
OF_ACCOUNTS = ("account", "kind", "workload", "rule", "share", "reason", "class")
OF_DAYS = ("account", "day", "kind", "workload", "rule", "share", "reason")
OF_SERVICES = (
    *("payer", "service", "class", "charge_category", "invoice", "issuer"),
    *("kind", "workload", "rule", "share", "reason"),
)
OF_NOBODY = ("meant_for",)  # what nobody owns says who would, if their product were alive
DIMENSIONS = tuple(name for name in ownership.DIMENSIONS if name != "product")
# What else a figure can be narrowed by, so that each row leads on to what adds up to it.
FILTERS = (
    *("charge_category", "invoice", "issuer"),
    *("kind", "workload", "rule", "reason", "meant_for"),
)
MOST_CHARGES = 1_000  # told one by one; of more, the largest


class Asked(NamedTuple):
    """The figure: what a product pays in a month, of an account, on a day, for a service.

    *more* are other `FILTERS` and their values. Where there is a choice, "" is that of parts without.
    """

    product_id: str
    billing_period: str
    account: str | None = None
    day: date | None = None
    service: str | None = None
    charge_class: str | None = None
    payer: str | None = None
    currency: str | None = None
    more: tuple[tuple[str, str], ...] = ()

    @property
    def where(self) -> dict[str, Sequence[str] | date]:
        """What the parts of the figure have in common."""
        told: dict[str, Sequence[str] | date] = {
            "product": ["" if self.product_id == NOBODY else self.product_id]
        }
        for dimension, value in (
            ("account", self.account),
            ("service", self.service),
            ("class", self.charge_class),
            ("payer", self.payer),
            ("currency", self.currency),
            *self.more,
        ):
            if value is not None:
                told[dimension] = [value]
        if self.day is not None:
            told["day"] = self.day
        return told


class Said(NamedTuple):
    """A rule that gave something: its kind and number, whose, since when, by whom and why."""

    kind: str
    rule: str
    of: str
    start: str
    end: str | None
    said: str
    set_by: str | None
    set_at: str | None
    reason: str | None


class Explanation(NamedTuple):
    """A figure in rows of *by* and ticks, that add up to *totals* by currency; and the rules."""

    asked: Asked
    by: tuple[str, ...]
    rows: Sequence[tuple[Any, ...]]
    totals: Mapping[str | None, int]
    rules: Sequence[Said]
    month: Month


def explain(asked: Asked, by: Sequence[str] = (), *, who: Person, shelf: Shelf) -> Explanation:
    """The figure taken apart: by account; of an account by day; of an account's day by service.

    *by* asks for other dimensions. Raises NotFoundError for a product out of sight.
    """
    must_see(asked, who)
    month = shelf.month(str(BillingPeriod(asked.billing_period)))
    wanted = tuple(by) or _usual(asked)
    for dimension in wanted:
        if dimension not in DIMENSIONS:
            known = ", ".join(DIMENSIONS)
            raise InvalidError(f"{dimension!r} is no dimension of a figure; known are {known}")
    if len(set(wanted)) < len(wanted):
        raise InvalidError("a dimension is named twice")
    found = shelf.sums(month.runs, ("currency", *wanted), asked.where)
    totals: defaultdict[str | None, int] = defaultdict(int)
    for currency, *_, ticks in found:
        totals[currency] += ticks
    return Explanation(
        asked=asked,
        by=("currency", *wanted),
        rows=found,
        totals=dict(totals),
        rules=_said(asked, month, shelf),
        month=month,
    )


def must_see(asked: Asked, who: Person) -> None:
    """Nothing, where *who* may see the figure. Raises NotFoundError, ForbiddenError, InvalidError."""
    if asked.product_id == NOBODY:
        must(who, Action.SEE_UNALLOCATED)
        return
    must(who, Action.SEE_ALLOCATIONS, asked.product_id)
    if level(asked.product_id) != LEVELS:
        raise InvalidError(
            f"{asked.product_id} is no product; only products pay, so ask for one of those below it"
        )


def _usual(asked: Asked) -> tuple[str, ...]:
    wanted: tuple[str, ...] = OF_SERVICES
    if asked.account is None:
        wanted = OF_ACCOUNTS
    elif asked.day is None:
        wanted = OF_DAYS
    return (*wanted, *OF_NOBODY) if asked.product_id == NOBODY else wanted


# The rules ----------------------------------------------------------------------------------------


def _said(asked: Asked, month: Month, shelf: Shelf) -> list[Said]:
    """The rules behind the figure, each as it was when its bill's run was made."""
    found: set[Said] = set()
    for run in month.runs:
        if asked.payer not in (None, run.allocation.billing_account_id):
            continue
        # Not of the rows: what they are taken apart by may leave out what the rules are told from.
        named = shelf.sums([run], ("account", "kind", "workload", "rule", "share"), asked.where)
        if any(rule is not None for _, _, _, rule, _, _ in named):
            rules = shelf.rules(run)
            for account, kind, workload, rule, share, _ in named:
                if rule is not None:
                    gave = _gave(kind, workload, share)
                    found.update(_told(gave, str(rule), account, rules, asked.product_id))
    return sorted(found, key=lambda said: (said.kind, said.of, said.start, said.rule))


def _gave(kind: str, workload: str | None, share: int | None) -> PartKind:
    """What kind of rule is behind a part, also behind one whose product is not alive."""
    if kind != PartKind.UNALLOCATED:
        return PartKind(kind)
    if share is not None:
        return PartKind.SHARE
    return PartKind.POLICY if workload is None else PartKind.RULE


def _told(
    kind: PartKind, rule: str, account: str | None, rules: Snapshot, product: str
) -> Iterator[Said]:
    if kind is PartKind.SHARE:
        for split in rules.shares:
            for revision in split.revisions if split.account_id == account else ():
                if str(revision.number) == rule:
                    mine = dict(revision.shares).get(product)
                    yield Said(
                        kind,
                        rule,
                        split.account_id,
                        revision.start.isoformat(),
                        revision.end.isoformat(),
                        "split of the account" if mine is None else f"{percent(mine)} % of it",
                        revision.set_by,
                        revision.set_at.isoformat(),
                        revision.reason,
                    )
    if kind is PartKind.RULE:
        for one in rules.claim_rules.rules:
            if one.rule_id == rule:
                told = {"service": one.service, "name": one.name}
                told |= {"tag": f"{one.tag.key}={one.tag.value}"} if one.tag else {}
                yield Said(
                    kind,
                    rule,
                    one.account_id or "every account",
                    one.start.isoformat(),
                    one.end.isoformat() if one.end else None,
                    ", ".join(f"{name} {value}" for name, value in told.items() if value),
                    None,
                    None,
                    None,
                )
    if kind is PartKind.POLICY and rules.policies is not None:
        for policy in rules.policies.policies:
            if str(policy.number) == rule:
                yield Said(
                    kind,
                    rule,
                    policy.payer,
                    policy.start,
                    None,
                    f"{policy.charge_class} {policy.kind}",
                    policy.set_by,
                    policy.set_at.isoformat(),
                    policy.reason,
                )


def percent(basis_points: int) -> str:
    """Basis points as people write them.

    >>> percent(6_000), percent(1)
    ('60.00', '0.01')
    """
    return f"{basis_points // 100}.{basis_points % 100:02}"


# The charges --------------------------------------------------------------------------------------


class Charged(NamedTuple):
    """A charge of the ledger, in ticks, and how it came to the product.

    *charge_id* is its key in short; *claimed_by* and what follows are of a claim, other charges
    are of the group's rule.
    """

    charge_id: str
    resource_id: str | None
    region: str | None
    line_item_type: str | None
    tags: str | None
    lines: int
    cost: int
    claimed_by: str | None
    claimed_at: str | None
    claimed_from: str | None


class Grouped(NamedTuple):
    """Charges that were given out together: their *whole*, and the product's *part* of it.

    *rest* is what the charges beyond the largest ones cost, *others* how many those are.
    """

    payer: str
    currency: str | None
    service: str | None
    charge_class: str
    charge_category: str | None
    invoice_id: str | None
    issuer: str | None
    kind: str
    workload_id: str | None
    rule: str | None
    basis_points: int | None
    reason: str | None
    meant_for: str | None
    whole: int
    part: int
    charges: Sequence[Charged]
    others: int
    rest: int


class ChargesOf(NamedTuple):
    """An account's day of a product: its groups, and the rules; Σ part is the figure asked about."""

    asked: Asked
    groups: Sequence[Grouped]
    totals: Mapping[str | None, int]
    rules: Sequence[Said]
    month: Month


def explain_charges(asked: Asked, *, who: Person, shelf: Shelf) -> ChargesOf:
    """The ledger's charges that a product pays for (or nobody), of an account on a day.

    Raises InvalidError where account or day are not named; NotFoundError for a product out of sight.
    """
    must_see(asked, who)
    month = shelf.month(str(BillingPeriod(asked.billing_period)))
    groups = _cut([_grouped(one) for one in given(asked, month, shelf)])
    totals: defaultdict[str | None, int] = defaultdict(int)
    for group in groups:
        totals[group.currency] += group.part
    return ChargesOf(asked, groups, dict(totals), _said(asked, month, shelf), month)


class Given(NamedTuple):
    """A part of the figure, and the charges that it is given out of."""

    run: Run
    part: Part
    charges: Sequence[Charge]
    claims: AccountClaims | None
    column: str  # the cost that is given out


def given(asked: Asked, month: Month, shelf: Shelf) -> Iterator[Given]:
    """The parts of a figure with their charges. Raises InvalidError without account and day."""
    if asked.account is None or asked.day is None:
        raise InvalidError("name the account and the day whose charges are to be explained")
    for run in month.runs:
        if asked.payer in (None, run.allocation.billing_account_id):
            yield from _given(asked, run, asked.account or None, asked.day, shelf)


def _given(asked: Asked, run: Run, account: str | None, day: date, shelf: Shelf) -> Iterator[Given]:
    product = None if asked.product_id == NOBODY else asked.product_id
    parts: list[Part] = [
        part
        for part in shelf.parts(run, account, day)
        if part.product_id == product and _is_asked(part, asked)
    ]
    if not parts:
        return
    snapshot = shelf.rules(run, account)
    rules, products = snapshot.rules.as_meant, snapshot.products
    taken: defaultdict[tuple[Group, Owner | None], list[Charge]] = defaultdict(list)
    groups = {part.group for part in parts}
    for charge in shelf.charges(run, account, day):
        if is_spend(charge.key) and (group := group_of(charge.key, rules.basis)) in groups:
            taken[group, claimant_of(charge.key, rules, products)].append(charge)
    for part in sorted(parts, key=order):
        owner = Owner._make(part[len(Group._fields) : -1])
        charges = taken.get((part.group, owner)) or taken[part.group, None]
        yield Given(run, part, charges, rules.claims.get(account or ""), rules.basis.column)


def _grouped(one: Given) -> Grouped:
    part = one.part
    listed = sorted(
        (_charged(charge, one) for charge in one.charges if getattr(charge, one.column)),
        key=lambda charged: (-abs(charged.cost), charged.resource_id or "", charged.charge_id),
    )
    return Grouped(
        payer=part.payer,
        currency=part.currency,
        service=part.service,
        charge_class=part.charge_class,
        charge_category=part.charge_category,
        invoice_id=part.invoice_id,
        issuer=part.issuer,
        kind=part.kind,
        workload_id=part.workload_id,
        rule=part.rule,
        basis_points=part.basis_points,
        reason=part.reason,
        meant_for=part.meant_for,
        whole=sum(charged.cost for charged in listed),
        part=part.amount,
        charges=listed,
        others=0,
        rest=0,
    )


def _cut(groups: Sequence[Grouped]) -> list[Grouped]:
    """*groups* with the largest charges of all, told one by one, and the rest of each as a sum."""
    costs = sorted(
        (-abs(one.cost), number) for number, group in enumerate(groups) for one in group.charges
    )
    kept = Counter(number for _, number in costs[:MOST_CHARGES])
    return [
        group._replace(
            charges=group.charges[: kept[number]],
            others=len(group.charges) - kept[number],
            rest=sum(one.cost for one in group.charges[kept[number] :]),
        )
        for number, group in enumerate(groups)
    ]


def _is_asked(part: Part, asked: Asked) -> bool:
    return (
        asked.service in (None, part.service or "")
        and asked.charge_class in (None, part.charge_class)
        and asked.currency in (None, part.currency or "")
        and all(
            str(getattr(part, ownership.DIMENSIONS[name]) or "") == value
            for name, value in asked.more
        )
    )


def _charged(charge: Charge, one: Given) -> Charged:
    key = charge.key
    claim = (
        one.claims.on(key.resource_id, key.charge_date)
        if one.claims is not None and key.resource_id is not None and one.part.rule is None
        else None
    )
    return Charged(
        charge_id=charge_id(key),
        resource_id=key.resource_id,
        region=key.region_id,
        line_item_type=key.line_item_type,
        tags=key.tags,
        lines=charge.lines,
        cost=getattr(charge, one.column),
        claimed_by=claim.claimed_by if claim else None,
        claimed_at=claim.claimed_at.isoformat() if claim else None,
        claimed_from=claim.start.isoformat() if claim else None,
    )


def charge_id(key: Key) -> str:
    """The key of a charge in short: 16 hexadecimal digits."""
    told = json.dumps(key, default=str, ensure_ascii=False)
    return hashlib.sha256(told.encode()).hexdigest()[:16]
