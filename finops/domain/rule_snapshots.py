"""Snapshots of the rules: all that says who pays for some days, as an allocation run is given it."""

import hashlib
from collections.abc import Callable, Iterable
from datetime import date
from typing import NamedTuple, Self, TypeVar

from finops.domain.allocations import Lives, Rules
from finops.domain.claim_rules import ClaimRules
from finops.domain.claims import AccountClaims
from finops.domain.class_policies import ClassPolicies, CostBasis
from finops.domain.periods import Period
from finops.domain.shares import AccountShares
from finops.domain.tag_settings import TagAliases
from finops.domain.values import Entity, Frozen

Kept = TypeVar("Kept", bound=Entity)
Each = TypeVar("Each")


class Life(Frozen):
    """The days [start, end) on which a product is alive."""

    product_id: str
    periods: tuple[tuple[date, date], ...]


class Scene(NamedTuple):
    """Which charges the rules are for: the days of a payer's bill, and the accounts on it."""

    payer: str
    billing_period: str
    days: Period
    accounts: frozenset[str]


class Snapshot(Frozen):
    """The rules that can matter for a `Scene`, and nothing that cannot: equal ones give equal parts.

    A change of next year's shares makes no other snapshot of this month.
    """

    basis: CostBasis
    shares: tuple[AccountShares, ...] = ()
    claims: tuple[AccountClaims, ...] = ()
    claim_rules: ClaimRules = ClaimRules()
    policies: ClassPolicies | None = None
    lives: tuple[Life, ...] = ()
    aliases: TagAliases = TagAliases()

    @classmethod
    def of(cls, rules: Rules, products: Lives, scene: Scene) -> Self:
        """What matters of *rules* and *products*."""
        shares = tuple(
            _unversioned(one, revisions=revisions)
            for account, one in sorted(rules.shares.items())
            if account in scene.accounts
            and (
                revisions := tuple(
                    revision
                    for revision in one.revisions
                    if _meet(scene.days, revision.start, revision.end)
                )
            )
        )
        claims = tuple(
            AccountClaims(account_id=account, claims=some)
            for account, one in sorted(rules.claims.items())
            if account in scene.accounts
            and (
                some := tuple(
                    claim for claim in one.claims if _meet(scene.days, claim.start, claim.end)
                )
            )
        )
        claim_rules = ClaimRules(
            rules=tuple(
                rule
                for rule in rules.claim_rules.rules
                if _meet(scene.days, rule.start, rule.end)
                and (rule.account_id is None or rule.account_id in scene.accounts)
            )
        )
        policies = rules.policies.get(scene.payer)
        begun = tuple(
            policy
            for policy in (policies.policies if policies else ())
            if policy.start <= scene.billing_period
        )
        named = {
            *(product for one in shares for each in one.revisions for product, _ in each.shares),
            *(claim.product_id for one in claims for claim in one.claims),
            *(rule.product_id for rule in claim_rules.rules),
            *(policy.product_id for policy in begun if policy.product_id is not None),
        }
        return cls(
            basis=rules.basis,
            shares=shares,
            claims=claims,
            claim_rules=claim_rules,
            policies=ClassPolicies(payer=scene.payer, policies=begun) if begun else None,
            lives=tuple(
                Life(
                    product_id=product,
                    periods=tuple((life.start, life.end) for life in products[product]),
                )
                for product in sorted(named & products.keys())
            ),
            aliases=rules.aliases.of(claim_rules.tag_keys),
        )

    def beside(self, now: Self) -> Self:
        """These rules for a newer bill of the same month, where the month is closed.

        What they say stays as it is, whatever has changed since. Of *now*, the rules of today, there
        is only what they could not know: accounts that the bill did not have, and what those need.
        """
        ids = {rule.rule_id for rule in self.claim_rules.rules}
        more = tuple(rule for rule in now.claim_rules.rules if rule.rule_id not in ids)
        return self.model_copy(
            update={
                "shares": _with_others(self.shares, now.shares, lambda one: one.account_id),
                "claims": _with_others(self.claims, now.claims, lambda one: one.account_id),
                "claim_rules": ClaimRules(rules=(*self.claim_rules.rules, *more)),
                "lives": _with_others(self.lives, now.lives, lambda one: one.product_id),
                "aliases": self.aliases.beside(now.aliases, self.claim_rules.tag_keys),
            }
        )

    @property
    def rules(self) -> Rules:
        return Rules(
            shares={one.account_id: one for one in self.shares},
            claims={one.account_id: one for one in self.claims},
            claim_rules=self.claim_rules,
            policies={self.policies.payer: self.policies} if self.policies else {},
            basis=self.basis,
            aliases=self.aliases,
        )

    @property
    def products(self) -> Lives:
        return {
            life.product_id: tuple(Period(start, end) for start, end in life.periods)
            for life in self.lives
        }

    def run_id(self, source: str, engine: int) -> str:
        """The name of what comes of it and a bill's charges, by a version of the *engine*.

        *source* names the payer, the month and the load.
        """
        # Without aliases it is what it was before there were any.
        left_out = None if self.aliases else {"aliases"}
        told = f"{engine}\n{source}\n{self.model_dump_json(exclude=left_out)}"
        return hashlib.sha256(told.encode()).hexdigest()[:20]


def _with_others(
    kept: Iterable[Each], now: Iterable[Each], name: Callable[[Each], str]
) -> tuple[Each, ...]:
    """*kept*, and of *now* what goes by another name; by name."""
    found = {name(one): one for one in (*now, *kept)}
    return tuple(found[one] for one in sorted(found))


def _meet(days: Period, start: date, end: date | None) -> bool:
    return start < days.end and (end is None or (end > days.start and end > start))


def _unversioned(one: Kept, **fields: Iterable[object]) -> Kept:
    return one.changed(version=0, head="", **fields)
