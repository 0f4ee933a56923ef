"""Changes of who pays: what each makes of the rules, for who applies it and for who asks what if."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date, datetime
from itertools import takewhile
from typing import Annotated, Any, Literal, NamedTuple

from pydantic import AliasChoices, BeforeValidator, Field

from finops.domain.allocations import Lives, Reason, Rules, missing
from finops.domain.claim_rules import ClaimRule, ClaimRules, TagPattern
from finops.domain.claims import AccountClaims, everything
from finops.domain.class_policies import ChargeClass, ClassPolicies, PolicyKind
from finops.domain.errors import InvalidError, NotFoundError
from finops.domain.fiscal_years import FiscalYear
from finops.domain.periods import BillingPeriod, Period
from finops.domain.shares import AccountShares, Shares, whole
from finops.domain.tag_settings import KeyAlias, TagAliases, TagSettings, ValueAlias
from finops.domain.values import Frozen
from finops.domain.workloads import Workload

MOST_RESOURCES = 10_000  # claimed or released in one step
LONGEST_RESOURCE = 2_048  # characters: an ARN
Slug = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{0,63}$")]
ResourceId = Annotated[str, Field(min_length=1, max_length=LONGEST_RESOURCE)]
Resources = Annotated[tuple[ResourceId, ...], Field(min_length=1, max_length=MOST_RESOURCES)]


class Ground(NamedTuple):
    """What a change stands on: who makes it and when, and what there is to point at.

    No split, claim or rule starts before *open_from*, the first day of the first open month;
    *first_month* is that of the fiscal year. *accounts* are all that were ever seen, *payers* all
    that ever paid for one; *joined* says when accounts joined the organization, *sees* which
    products whoever makes it may know of: of others nothing is said, not even that there is none.
    """

    by: str
    at: datetime
    open_from: date
    first_month: int
    products: Lives
    workloads: Mapping[str, Workload]
    joined: Mapping[str, date]
    accounts: frozenset[str]
    payers: frozenset[str]
    sees: Callable[[str], bool] = everything

    def can_pay(self, product_id: str, on: date) -> bool:
        """Whether *product_id* is alive on a day, or begins later, as far as *sees* goes."""
        return self._never(product_id, on) is None

    def must_pay(self, product_id: str, on: date) -> None:
        """Raises InvalidError where *product_id* is none that can pay for anything from *on* on."""
        reason = self._never(product_id, on)
        if reason is Reason.NO_PRODUCT:
            raise InvalidError(
                f"there is no product {product_id}; finops chart show lists them, and a share is "
                "of a product (E1.E2.E3.E4)"
            )
        if reason is Reason.ENDED:
            raise InvalidError(
                f"{product_id} has ended before {on}; choose a product that is alive"
            )

    def must_claim(self, workload: Workload, on: date) -> None:
        """Raises InvalidError where nobody could pay for what *workload* claims from *on* on."""
        product = workload.product_id
        reason = self._never(product, on)
        if reason is None:
            return
        what = f"has ended before {on}" if reason is Reason.ENDED else "is in no chart of accounts"
        raise InvalidError(
            f"{product} {what}, so {workload.name} claims nothing for it; claim for a workload of a "
            "product that is alive (finops workloads lists them)"
        )

    def _never(self, product_id: str, on: date) -> Reason | None:
        """Why *product_id* pays for nothing from a day on."""
        reason = missing(self.products, product_id, on) if self.sees(product_id) else None
        return reason if reason in (Reason.NO_PRODUCT, Reason.ENDED) else None

    def must_know(self, account_id: str) -> None:
        """Raises NotFoundError for an account that nobody has seen."""
        if account_id not in self.accounts:
            raise unknown_account(account_id)

    def workload(self, workload_id: str) -> Workload:
        """Raises NotFoundError for one that there is not."""
        found = self.workloads.get(workload_id)
        if found is None:
            raise NotFoundError(f"there is no workload {workload_id}; finops workloads lists them")
        return found


def unknown_account(account_id: str) -> NotFoundError:
    return NotFoundError(
        f"nobody has seen an account {account_id}; finops accounts check looks for new ones"
    )


class SplitPart(Frozen):
    """A product's part of an account."""

    product_id: str
    basis_points: Annotated[int, Field(description="Hundredths of a percent")]


def _pairs(said: Any) -> Any:
    """Parts by name as the pairs that a split is made of."""
    if not isinstance(said, Sequence) or isinstance(said, str):
        return said
    names = tuple(SplitPart.model_fields)
    return [
        tuple(one[name] for name in names)
        if isinstance(one, Mapping) and set(one) == set(names)
        else one
        for one in said
    ]


Parts = Annotated[Shares, BeforeValidator(_pairs, json_schema_input_type=tuple[SplitPart, ...])]


class MapAccount(Frozen):
    """An account is split anew from *start* on; see `AccountShares.mapped`."""

    kind: Literal["MapAccount"] = "MapAccount"
    account_id: str
    shares: Parts
    start: date | None = None
    reason: str | None = None

    def after(self, before: AccountShares, ground: Ground) -> AccountShares:
        """*before* itself where the account is split that way already."""
        ground.must_know(self.account_id)
        if self._is_in_force(before, ground):
            return before
        after = before.mapped(
            self.shares,
            start=self.start,
            first_month=ground.first_month,
            open_from=ground.open_from,
            joined=ground.joined.get(self.account_id),
            by=ground.by,
            at=ground.at,
            reason=self.reason,
        )
        known = len(before.revisions)
        first, *more = after.revisions[known:]
        for product, _ in first.shares:
            ground.must_pay(product, first.start)
        # It goes on into the years in which all of its products do; whoever is told later that an
        # account is nobody's today splits it anew.
        lasting = takewhile(
            lambda one: all(ground.can_pay(product, one.start) for product, _ in one.shares), more
        )
        return after.changed(revisions=(*before.revisions, first, *lasting))

    def _is_in_force(self, before: AccountShares, ground: Ground) -> bool:
        """Whether the account is split that way from the start to the end of its fiscal year.

        Without a start: whether it is today. Raises InvalidError for a start that no split may
        have, so that it does not depend on what is in force; one that a split has is none of those.
        """
        wanted, today = whole(self.shares), ground.at.date()
        if self.start is None:
            now = before.on(today)
            return now is not None and now.shares == wanted
        if all(revision.start != self.start for revision in before.revisions):
            joined = ground.joined.get(self.account_id)
            before.begins(self.start, today, open_from=ground.open_from, joined=joined)
        end = FiscalYear.of(self.start, ground.first_month).end
        spans = before.spans(Period(self.start, end))
        return all(span.revision is not None and span.revision.shares == wanted for span in spans)

    def applied(self, rules: Rules, ground: Ground) -> Rules:
        before = rules.shares.get(self.account_id, AccountShares(account_id=self.account_id))
        after = self.after(before, ground)
        return rules._replace(shares={**rules.shares, self.account_id: after})


class ClaimResources(Frozen):
    """A workload pays whole for some resources of its account; see `AccountClaims.claimed`."""

    kind: Literal["ClaimResources"] = "ClaimResources"
    workload_id: str
    resources: Resources
    start: date | None = None
    reason: str | None = None

    def after(self, before: AccountClaims, ground: Ground) -> AccountClaims:
        workload = ground.workload(self.workload_id)
        after = before.claimed(
            self.resources,
            workload,
            start=self.start,
            open_from=ground.open_from,
            by=ground.by,
            at=ground.at,
            sees=ground.sees,
        )
        ground.must_claim(workload, after.claims[-1].start)
        return after

    def applied(self, rules: Rules, ground: Ground) -> Rules:
        account = ground.workload(self.workload_id).account_id
        after = self.after(rules.claims.get(account, AccountClaims(account_id=account)), ground)
        return rules._replace(claims={**rules.claims, account: after})


class ReleaseResources(Frozen):
    """Some resources go by their account's shares again from the next day on."""

    kind: Literal["ReleaseResources"] = "ReleaseResources"
    account_id: str
    resources: Resources
    reason: str | None = None

    def products(self, before: AccountClaims, ground: Ground) -> tuple[str, ...]:
        """Those for which the resources are claimed, of which whoever releases them may know."""
        held = (claim for resource in self.resources for claim in before.of(resource))
        return tuple(
            sorted(
                {
                    claim.product_id
                    for claim in held
                    if claim.end is None and ground.sees(claim.product_id)
                }
            )
        )

    def after(self, before: AccountClaims, ground: Ground) -> AccountClaims:
        """Raises InvalidError where several products hold them: a change is of one product."""
        after = before.released(self.resources, by=ground.by, at=ground.at, sees=ground.sees)
        products = self.products(before, ground)
        if len(products) > 1:
            raise InvalidError(
                f"these resources are claimed for {len(products)} products "
                f"({', '.join(products)}); release those of one product at a time"
            )
        return after

    def applied(self, rules: Rules, ground: Ground) -> Rules:
        before = rules.claims.get(self.account_id, AccountClaims(account_id=self.account_id))
        after = self.after(before, ground)
        return rules._replace(claims={**rules.claims, self.account_id: after})


class AddClaimRule(Frozen):
    """Resources that fit are a workload's from *start* on (tomorrow), ahead of the rule *before*."""

    kind: Literal["AddClaimRule"] = "AddClaimRule"
    rule_id: Slug
    workload_id: str
    account_id: str | None = None
    tag: TagPattern | None = None
    name: str | None = None
    service: str | None = None
    start: date
    end: date | None = None
    before: str | None = None
    reason: str | None = None

    def after(self, before: ClaimRules, ground: Ground) -> ClaimRules:
        if self.account_id is not None and self.account_id not in ground.accounts:
            raise InvalidError(
                f"nobody has seen an account {self.account_id}, so the rule would fit nothing; "
                "finops accounts check looks for new ones"
            )
        workload = ground.workload(self.workload_id)
        ground.must_claim(workload, self.start)
        rule = ClaimRule(
            product_id=workload.product_id,
            **self.model_dump(include=set(ClaimRule.model_fields) - {"product_id"}),
        )
        return before.added(
            rule, today=ground.at.date(), open_from=ground.open_from, before=self.before
        )

    def applied(self, rules: Rules, ground: Ground) -> Rules:
        return rules._replace(claim_rules=self.after(rules.claim_rules, ground))


class EndClaimRule(Frozen):
    """A claim rule takes nothing from the day *end* on."""

    kind: Literal["EndClaimRule"] = "EndClaimRule"
    rule_id: str
    end: date
    reason: str | None = None

    def after(self, before: ClaimRules, ground: Ground) -> ClaimRules:
        return before.ended(self.rule_id, self.end, open_from=ground.open_from)

    def applied(self, rules: Rules, ground: Ground) -> Rules:
        return rules._replace(claim_rules=self.after(rules.claim_rules, ground))


class OrderClaimRules(Frozen):
    """The claim rules are tried in this order, in every open month."""

    kind: Literal["OrderClaimRules"] = "OrderClaimRules"
    rule_ids: tuple[str, ...]
    reason: str | None = None

    def after(self, before: ClaimRules, ground: Ground) -> ClaimRules:
        return before.ordered(self.rule_ids)

    def applied(self, rules: Rules, ground: Ground) -> Rules:
        return rules._replace(claim_rules=self.after(rules.claim_rules, ground))


class DecidePolicy(Frozen):
    """A class of a payer's charges goes another way from the bill of month *start* on."""

    kind: Literal["DecidePolicy"] = "DecidePolicy"
    payer: Annotated[str, Field(validation_alias=AliasChoices("payer_id", "payer"))]
    charge_class: ChargeClass
    policy: PolicyKind
    product_id: str | None = None
    start: str
    reason: str | None = None

    def after(self, before: ClassPolicies, ground: Ground) -> ClassPolicies:
        if not before.policies and self.payer not in ground.payers:
            raise NotFoundError(
                f"no account is paid for by {self.payer}; finops accounts show tells who pays"
            )
        after = before.decided(
            self.charge_class,
            self.policy,
            product_id=self.product_id,
            start=self.start,
            open_from=str(BillingPeriod.of(ground.open_from)),
            by=ground.by,
            at=ground.at,
            reason=self.reason,
        )
        if self.product_id is not None:
            ground.must_pay(self.product_id, BillingPeriod(self.start).start)
        return after

    def applied(self, rules: Rules, ground: Ground) -> Rules:
        before = rules.policies.get(self.payer, ClassPolicies(payer=self.payer))
        after = self.after(before, ground)
        return rules._replace(policies={**rules.policies, self.payer: after})


class SetTagAliases(Frozen):
    """Claim rules read tags by another table of spellings, in every open month.

    To be previewed; it is made with all tag settings together.
    """

    kind: Literal["SetTagAliases"] = "SetTagAliases"
    key_aliases: tuple[KeyAlias, ...] = ()
    value_aliases: tuple[ValueAlias, ...] = ()
    reason: str | None = None

    def after(self) -> TagAliases:
        """Raises InvalidError for a table that leads nowhere, or to two places."""
        return TagSettings(key_aliases=self.key_aliases, value_aliases=self.value_aliases).aliases

    def applied(self, rules: Rules, ground: Ground) -> Rules:
        return rules._replace(aliases=self.after())


Change = Annotated[
    MapAccount
    | ClaimResources
    | ReleaseResources
    | AddClaimRule
    | EndClaimRule
    | OrderClaimRules
    | DecidePolicy
    | SetTagAliases,
    Field(discriminator="kind"),
]


def applied(changes: Iterable[Change], rules: Rules, ground: Ground) -> Rules:
    """*rules* after some changes, one upon the other, as if each had been made now."""
    for change in changes:
        rules = change.applied(rules, ground)
    return rules
