"""Allocations: every charge to those who pay for it, and what nobody owns with the reason.

The functions here are the plain form, one charge at a time. `finops.ledger.allocating` runs the
same rules over millions of charges and is tested against these. Source: specification section 7.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import date, datetime
from enum import StrEnum
from typing import NamedTuple, Self

from finops.domain.allocation import split
from finops.domain.charges import Charge, Key
from finops.domain.charts import Chart
from finops.domain.claim_rules import ClaimRules, Resource
from finops.domain.claims import AccountClaims
from finops.domain.class_policies import (
    ChargeClass,
    ClassPolicies,
    ClassPolicy,
    CostBasis,
    PolicyKind,
    charge_class,
    is_spend,
)
from finops.domain.periods import Period
from finops.domain.shares import AccountShares
from finops.domain.tag_settings import TagAliases

Lives = Mapping[str, tuple[Period, ...]]  # the days on which a product is alive, in order


class PartKind(StrEnum):
    """What gave a part its owner."""

    SHARE = "Share"
    CLAIM = "Claim"
    RULE = "Rule"
    POLICY = "Policy"
    UNALLOCATED = "Unallocated"


class Reason(StrEnum):
    """Why nobody owns a part."""

    NO_ACCOUNT = "Charge of no account"
    NO_SHARE = "No share in force"
    NO_PRODUCT = "No such product"
    NOT_STARTED = "Product has not started"
    ENDED = "Product has ended"


class Group(NamedTuple):
    """Charges that are split together."""

    payer: str
    billing_period: str
    currency: str | None
    account: str | None
    day: date
    charge_class: ChargeClass
    charge_category: str | None
    service: str | None
    invoice_id: str | None
    issuer: str | None


class Owner(NamedTuple):
    """Who a part goes to, and what said so.

    *rule* is the revision of the account's shares, the claim rule, or the number of the payer's
    policy; a claim's is found by workload, account and day. *meant_for* is the product that would
    pay if it were alive.
    """

    kind: PartKind
    product_id: str | None = None
    workload_id: str | None = None
    rule: str | None = None
    basis_points: int | None = None
    reason: Reason | None = None
    meant_for: str | None = None


class Part(NamedTuple):
    """What one owner pays of one group of charges, in ticks; never 0. See `Group` and `Owner`."""

    payer: str
    billing_period: str
    currency: str | None
    account: str | None
    day: date
    charge_class: ChargeClass
    charge_category: str | None
    service: str | None
    invoice_id: str | None
    issuer: str | None
    kind: PartKind
    product_id: str | None
    workload_id: str | None
    rule: str | None
    basis_points: int | None
    reason: Reason | None
    meant_for: str | None
    amount: int

    @property
    def group(self) -> Group:
        return Group._make(self[: len(Group._fields)])


class Bill(NamedTuple):
    """A payer's month in one currency: what a class is spread over in proportion."""

    payer: str
    billing_period: str
    currency: str | None


Spends = Mapping[Bill, Mapping[str, int]]  # by product, in ticks


class Rules(NamedTuple):
    """All that says who pays, by account or payer; as it was known at a moment, if one is given.

    *basis* is the cost that is handed out, of all charges but what AWS credited. Claim rules read
    tags by *aliases*: as they are meant, whoever spelled them otherwise.
    """

    shares: Mapping[str, AccountShares] = {}
    claims: Mapping[str, AccountClaims] = {}
    claim_rules: ClaimRules = ClaimRules()
    policies: Mapping[str, ClassPolicies] = {}
    basis: CostBasis = CostBasis.BILLED
    known_at: datetime | None = None
    aliases: TagAliases = TagAliases()

    @property
    def as_meant(self) -> Self:
        """The same with claim rules for tags as they are meant; what reads charges one by one uses
        it, and keeps it.
        """
        return self._replace(claim_rules=self.claim_rules.meant(self.aliases))


def lives(charts: Iterable[Chart]) -> dict[str, tuple[Period, ...]]:
    """The days on which each product of some years' charts is alive."""
    found: defaultdict[str, list[Period]] = defaultdict(list)
    for chart in sorted(charts, key=lambda chart: chart.year):
        for product in chart.products:
            ends = [*(step.start for step in product.steps[1:]), chart.fiscal_year.end]
            periods = found[product.id]
            for step, end in zip(product.steps, ends, strict=True):
                if step.annual is None or step.start >= end:
                    continue
                if periods and periods[-1].end == step.start:
                    periods[-1] = Period(periods[-1].start, end)
                else:
                    periods.append(Period(step.start, end))
    return {product: tuple(periods) for product, periods in found.items()}


def missing(products: Lives, product: str, day: date) -> Reason | None:
    """Why *product* pays for nothing on *day*; None where it is alive."""
    periods = products.get(product, ())
    if any(day in period for period in periods):
        return None
    if not periods:
        return Reason.NO_PRODUCT
    return Reason.NOT_STARTED if day < periods[0].start else Reason.ENDED


def owned(products: Lives, day: date, owner: Owner) -> Owner:
    """*owner*; or nobody, with the reason, where its product is not alive on *day*."""
    if owner.product_id is None or (why := missing(products, owner.product_id, day)) is None:
        return owner
    return owner._replace(
        kind=PartKind.UNALLOCATED, product_id=None, reason=why, meant_for=owner.product_id
    )


def allocate(charges: Iterable[Charge], rules: Rules, products: Lives) -> list[Part]:
    """Every charge to its owners, in `order`.

    On each day a claimed resource goes whole to its workload's product; then the first claim rule
    that fits a resource; the rest by class policy, and else by the account's shares, summed by
    `Group` and split by largest remainder, ties to the smaller product id. A part that no living
    product pays for is unallocated. A class in proportion to spend is spread over what claims, rules
    and shares gave the products of the same `Bill`; a product below zero takes nothing, and where
    none is above zero the class follows the account's shares.

    Σ parts = Σ charges for every group. The split lines of containers cost nothing by themselves
    (their instance does), so whoever claims one is given nothing twice.
    """
    rules = rules.as_meant
    sums: defaultdict[tuple[Group, Owner | None], int] = defaultdict(int)
    for charge in charges:
        if is_spend(charge.key):
            group = group_of(charge.key, rules.basis)
            amount = getattr(charge, rules.basis.column)
            sums[group, claimant_of(charge.key, rules, products)] += amount
    parts: list[Part] = []
    spread: list[tuple[Group, ClassPolicy, int]] = []
    for (group, claimant), amount in sums.items():
        policy = policy_for(group, rules)
        if claimant is not None:
            parts += _parts(group, {claimant: amount})
        elif policy and policy.kind is PolicyKind.IN_PROPORTION:
            spread.append((group, policy, amount))
        elif policy and policy.kind is PolicyKind.TO_PRODUCT:
            owner = Owner(PartKind.POLICY, product_id=policy.product_id, rule=str(policy.number))
            parts += _parts(group, {owned(products, group.day, owner): amount})
        else:
            parts += by_shares(group, amount, rules, products)
    spends = spend_of(parts)
    for group, policy, amount in spread:
        weights = spends.get(Bill(*group[:3]), {})
        if not weights:
            parts += by_shares(group, amount, rules, products)
            continue
        amounts = split(amount, weights)
        parts += _parts(
            group,
            {
                Owner(PartKind.POLICY, product_id=product, rule=str(policy.number)): some
                for product, some in amounts.items()
            },
        )
    return sorted(parts, key=order)


def spend_of(parts: Iterable[Part]) -> dict[Bill, dict[str, int]]:
    """What claims, rules and shares gave each product of a bill, where it is above zero."""
    sums: defaultdict[Bill, defaultdict[str, int]] = defaultdict(lambda: defaultdict(int))
    for part in parts:
        if part.product_id is not None and part.kind is not PartKind.POLICY:
            sums[Bill(*part[:3])][part.product_id] += part.amount
    return added([sums])


def added(spends: Iterable[Spends]) -> dict[Bill, dict[str, int]]:
    """The sums of several shares of the accounts put together; only products above zero are left."""
    sums: defaultdict[Bill, defaultdict[str, int]] = defaultdict(lambda: defaultdict(int))
    for some in spends:
        for bill, by_product in some.items():
            for product, amount in by_product.items():
                sums[bill][product] += amount
    above = {
        bill: {product: amount for product, amount in by_product.items() if amount > 0}
        for bill, by_product in sums.items()
    }
    return {bill: by_product for bill, by_product in above.items() if by_product}


def order(part: Part) -> tuple[tuple[bool, object], ...]:
    """Where a part stands: by its group, then its owner, what is absent last."""
    return tuple((value is None, "" if value is None else value) for value in part[:-1])


def group_of(key: Key, basis: CostBasis) -> Group:
    """What the charges of *key* are split together with."""
    return Group(
        payer=key.billing_account_id,
        billing_period=key.billing_period,
        currency=key.billing_currency,
        account=key.sub_account_id,
        day=key.charge_date,
        charge_class=charge_class(key, basis),
        charge_category=key.charge_category,
        service=key.service_code,
        invoice_id=key.invoice_id,
        issuer=key.invoice_issuer_name,
    )


def claimant_of(key: Key, rules: Rules, products: Lives) -> Owner | None:
    """Who takes a resource whole: by hand, or by rule. *rules* are those `as_meant`."""
    if key.resource_id is None:
        return None
    if claims := rules.claims.get(key.sub_account_id or ""):
        claim = claims.on(key.resource_id, key.charge_date, rules.known_at)
        if claim is not None:
            owner = Owner(PartKind.CLAIM, claim.product_id, claim.workload_id)
            return owned(products, key.charge_date, owner)
    resource = Resource(key.sub_account_id, key.resource_id, key.service_code, key.tags)
    rule = rules.claim_rules.first(resource.meant(rules.aliases), key.charge_date)
    if rule is None:
        return None
    owner = Owner(PartKind.RULE, rule.product_id, rule.workload_id, rule.rule_id)
    return owned(products, key.charge_date, owner)


def policy_for(group: Group, rules: Rules) -> ClassPolicy | None:
    """What was decided of the group's class; None where it follows the account's shares."""
    policies = rules.policies.get(group.payer)
    if policies is None:
        return None
    return policies.on(group.charge_class, group.billing_period, rules.known_at)


def by_shares(group: Group, amount: int, rules: Rules, products: Lives) -> list[Part]:
    """*amount* by the shares of the group's account."""
    if group.account is None:
        return _parts(group, {nobody(Reason.NO_ACCOUNT): amount})
    shares = rules.shares.get(group.account)
    revision = shares and shares.on(group.day, rules.known_at)
    if not revision:
        return _parts(group, {nobody(Reason.NO_SHARE): amount})
    amounts = split(amount, dict(revision.shares))
    owners: dict[Owner, int] = {}
    for product, points in revision.shares:
        owner = Owner(
            PartKind.SHARE, product_id=product, rule=str(revision.number), basis_points=points
        )
        owners[owned(products, group.day, owner)] = amounts[product]
    return _parts(group, owners)


def nobody(reason: Reason) -> Owner:
    """The owner of what has none."""
    return Owner(PartKind.UNALLOCATED, reason=reason)


def _parts(group: Group, amounts: Mapping[Owner, int]) -> list[Part]:
    return [Part(*group, *owner, amount) for owner, amount in amounts.items() if amount]
