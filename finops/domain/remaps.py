"""Remaps: changes of who pays that answer a dispute, and the products that each of them is about."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from typing import NamedTuple

from finops.domain.allocations import Rules
from finops.domain.claim_rules import ClaimRule, like
from finops.domain.claims import AccountClaims
from finops.domain.errors import InvalidError
from finops.domain.periods import Period
from finops.domain.rule_changes import (
    Change,
    ClaimResources,
    Ground,
    MapAccount,
    ReleaseResources,
)
from finops.domain.shares import AccountShares

MOST_CHANGES = 40  # each may be of another account, and all are made in one step
LARGEST = 40_000  # characters of all changes: a card keeps what was proposed about it
Remap = MapAccount | ClaimResources | ReleaseResources
Shares = Mapping[str, AccountShares]


class Step(NamedTuple):
    """A change that makes a difference to an account. *own* are the products that it is made for,
    *parts* all whose part of the account's cost may be another one by it.
    """

    change: Remap
    account: str
    own: frozenset[str]
    parts: frozenset[str]


class Remapped(NamedTuple):
    """The rules after some changes, and what was changed of them, by account."""

    rules: Rules
    steps: tuple[Step, ...]
    shares: tuple[str, ...]
    claims: tuple[str, ...]


def remaps(changes: Sequence[Change]) -> tuple[Remap, ...]:
    """*changes* as a remap takes them. Raises InvalidError for too many, too large and other ones."""
    if not 1 <= len(changes) <= MOST_CHANGES:
        raise InvalidError(f"name 1 to {MOST_CHANGES} changes of a remap, not {len(changes)}")
    found: list[Remap] = []
    for one in changes:
        if not isinstance(one, Remap):
            raise InvalidError(
                f"{one.kind} is no change of a remap: split an account (MapAccount), claim "
                "resources (ClaimResources) or release some (ReleaseResources)"
            )
        found.append(one)
    size = sum(len(one.model_dump_json()) for one in found)
    if size > LARGEST:
        raise InvalidError(
            f"these changes have {size:,} characters; a remap takes {LARGEST:,}: name fewer resources"
        )
    return tuple(found)


def remapped(changes: Iterable[Remap], rules: Rules, ground: Ground) -> Remapped:
    """*rules* after *changes*, one upon the other; one that is in force already makes no step.

    Raises what the changes raise.
    """
    steps: list[Step] = []
    shares: dict[str, None] = {}
    claims: dict[str, None] = {}
    for change in changes:
        if isinstance(change, MapAccount):
            before = rules.shares.get(change.account_id)
            rules = change.applied(rules, ground)
            after = rules.shares[change.account_id]
            if after is before:
                continue
            moved = _moved(before or AccountShares(account_id=change.account_id), after)
            steps.append(Step(change, change.account_id, moved, moved))
            shares[change.account_id] = None
            continue
        account = account_of(change, ground)
        known = rules.claims.get(account) or AccountClaims(account_id=account)
        if _is_in_force(change, known, ground):
            continue
        step = _claims_step(change, account, known, rules, ground)
        rules = change.applied(rules, ground)
        steps.append(step)
        claims[account] = None
    return Remapped(rules, tuple(steps), tuple(shares), tuple(claims))


def account_of(change: Remap, ground: Ground) -> str:
    """The account that is changed. Raises NotFoundError for a workload that there is not."""
    if isinstance(change, ClaimResources):
        return ground.workload(change.workload_id).account_id
    return change.account_id


def _moved(before: AccountShares, after: AccountShares) -> frozenset[str]:
    """The products that have another part of an account on any day."""
    edges = {day for one in after.revisions for day in (one.start, one.end)}
    return frozenset(
        product
        for day in edges
        for product, _ in set(_parts(before, day)) ^ set(_parts(after, day))
    )


def _parts(split: AccountShares, day: date) -> tuple[tuple[str, int], ...]:
    found = split.on(day)
    return found.shares if found else ()


def _is_in_force(
    change: ClaimResources | ReleaseResources, claims: AccountClaims, ground: Ground
) -> bool:
    """Whether the resources are claimed that way, or were released, already."""
    if isinstance(change, ReleaseResources):
        return all(
            (held := claims.of(resource))
            and all(claim.end is not None for claim in held)
            and any(ground.sees(claim.product_id) for claim in held)
            for resource in change.resources
        )
    start = change.start or ground.at.date()
    return all(
        any(
            claim.workload_id == change.workload_id and claim.end is None and claim.start <= start
            for claim in claims.of(resource)
        )
        for resource in change.resources
    )


def _claims_step(
    change: ClaimResources | ReleaseResources,
    account: str,
    claims: AccountClaims,
    rules: Rules,
    ground: Ground,
) -> Step:
    """What a claim or release is about: besides its own product, those that have a share of the
    account from then on, and those whose claim rules may fit: they pay less, or more.
    """
    if isinstance(change, ClaimResources):
        own = frozenset({ground.workload(change.workload_id).product_id})
    else:
        own = frozenset(change.products(claims, ground))
    start = ground.at.date()
    if isinstance(change, ClaimResources) and change.start is not None:
        start = min(start, change.start)
    split = rules.shares.get(account)
    spans = split.spans(Period(start, date.max)) if split else ()
    shared = {product for one in spans if one.revision for product, _ in one.revision.shares}
    ruled = {
        rule.product_id
        for rule in rules.claim_rules.rules
        if rule.end is None or rule.end > start
        if any(_may_fit(rule, account, resource) for resource in change.resources)
    }
    return Step(change, account, own, own | shared | ruled)


def _may_fit(rule: ClaimRule, account: str, resource: str) -> bool:
    """Whether a rule may be about a resource of which only the name is known."""
    return rule.account_id in (None, account) and (rule.name is None or like(rule.name, resource))
