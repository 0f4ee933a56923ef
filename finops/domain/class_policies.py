"""Class policies: who pays for support, tax and other charges that nobody's resource causes."""

from collections.abc import Callable
from datetime import datetime
from enum import StrEnum
from typing import Self

from pydantic import model_validator

from finops.domain.charges import ChargeCategory, Key
from finops.domain.errors import InvalidError
from finops.domain.periods import BillingPeriod
from finops.domain.values import Entity, Frozen


class CostBasis(StrEnum):
    """The cost that owners' spend is made of."""

    BILLED = "billed"
    EFFECTIVE = "effective"

    @property
    def column(self) -> str:
        """The ledger's column."""
        return f"{self.value}_cost"


def cost_basis(word: str) -> CostBasis:
    """The basis called *word*. Raises InvalidError, for blended cost with the reason why not."""
    if word == "blended":
        raise InvalidError(
            "blended cost is no basis for allocation: it averages rates over accounts and says "
            "nobody's spend; take billed or effective"
        )
    if word not in tuple(CostBasis):
        raise InvalidError(f"{word!r} is no cost basis; take {' or '.join(CostBasis)}")
    return CostBasis(word)


class ChargeClass(StrEnum):
    """What a charge is for. What AWS credits is of no class: it is not spend, and stays apart."""

    USAGE = "Usage"
    SUPPORT = "Support"
    TAX = "Tax"
    MARKETPLACE = "Marketplace"
    ONE_OFF_FEE = "OneOffFee"
    UNUSED_COMMITMENT = "UnusedCommitment"


MARKETPLACE = "AWS Marketplace"
SUPPORT_PREFIX = "AWSSupport"
SUPPORT_SERVICES = frozenset({"AWSDeveloperSupport", "AWSEnterpriseOnRamp", "OCBPremiumSupport"})
COMMITMENT_FEES = frozenset({"SavingsPlanRecurringFee", "RIFee"})
ONE_OFF_FEES = frozenset({"Fee", "SavingsPlanUpfrontFee"})

# The first that is true names the class; `finops.ledger.allocating` says the same in SQL.
CLASSES: tuple[tuple[ChargeClass, Callable[[Key, CostBasis], bool]], ...] = (
    (ChargeClass.TAX, lambda key, _: key.charge_category == ChargeCategory.TAX),
    (ChargeClass.MARKETPLACE, lambda key, _: key.billing_entity == MARKETPLACE),
    (ChargeClass.SUPPORT, lambda key, _: is_support(key.service_code)),
    (
        # The amortized cost of a commitment's fee is what nobody used of it. As billed it is all of
        # the fee, used or not, and its buyer's like any other usage.
        ChargeClass.UNUSED_COMMITMENT,
        lambda key, basis: (
            basis is CostBasis.EFFECTIVE and (key.line_item_type or "") in COMMITMENT_FEES
        ),
    ),
    (
        # FOCUS calls recurring and one-off fees a purchase; those of a commitment recur.
        ChargeClass.ONE_OFF_FEE,
        lambda key, _: (
            (key.line_item_type or "") in ONE_OFF_FEES
            or (
                key.line_item_type == ChargeCategory.PURCHASE and key.commitment_discount_id is None
            )
        ),
    ),
)


def charge_class(key: Key, basis: CostBasis = CostBasis.BILLED) -> ChargeClass:
    """What the charges of *key* are for; usage, where nothing says otherwise.

    A refund or discount is of the class of what it lowers, where its service or seller tells;
    unknown kinds of lines are usage. FOCUS tells neither Marketplace nor the unused part of a
    commitment by columns of the ledger: there they are usage. Source: specification section 7.4;
    line item types from the data dictionary of AWS's CUR 2.0.
    """
    return next((name for name, fits in CLASSES if fits(key, basis)), ChargeClass.USAGE)


def is_support(service_code: str | None) -> bool:
    """Whether *service_code* is one of AWS's support plans."""
    service = service_code or ""
    return service.startswith(SUPPORT_PREFIX) or service in SUPPORT_SERVICES


def is_spend(key: Key) -> bool:
    """Whether the charges of *key* are somebody's spend: all but what AWS credited."""
    return key.charge_category != ChargeCategory.CREDIT


class PolicyKind(StrEnum):
    """How a class is handed out."""

    FOLLOW_SHARES = "FollowShares"
    IN_PROPORTION = "InProportion"
    TO_PRODUCT = "ToProduct"


class ClassPolicy(Frozen):
    """From the bill of month *start* (`YYYY-MM`) on, a class of a payer's charges goes this way.

    *number* counts the payer's policies from 1; *product_id* is whose all of it is, for ToProduct.
    """

    number: int
    payer: str
    charge_class: ChargeClass
    kind: PolicyKind
    product_id: str | None = None
    start: str
    set_by: str
    set_at: datetime
    reason: str | None = None

    @model_validator(mode="after")
    def _is_possible(self) -> Self:
        BillingPeriod(self.start)
        if self.charge_class is ChargeClass.USAGE:
            raise InvalidError(
                "usage goes by claims and the account's shares; a policy is for "
                f"{', '.join(name for name in ChargeClass if name is not ChargeClass.USAGE)}"
            )
        if (self.kind is PolicyKind.TO_PRODUCT) != (self.product_id is not None):
            raise InvalidError(
                "name the product that pays for ToProduct, and none for any other policy"
            )
        return self


class ClassPolicies(Entity):
    """Every policy of a payer, oldest first; of those that began, the newest of a class counts."""

    payer: str
    policies: tuple[ClassPolicy, ...] = ()

    def on(
        self, charge_class: ChargeClass, month: str, known_at: datetime | None = None
    ) -> ClassPolicy | None:
        """The policy for a class in the bill of *month*; None: it follows the account's shares."""
        return next(
            (
                policy
                for policy in reversed(self.policies)
                if policy.charge_class is charge_class
                and policy.start <= month
                and (known_at is None or policy.set_at <= known_at)
            ),
            None,
        )

    def decided(
        self,
        charge_class: ChargeClass,
        kind: PolicyKind,
        *,
        product_id: str | None = None,
        start: str,
        open_from: str,
        by: str,
        at: datetime,
        reason: str | None = None,
    ) -> Self:
        """These policies and another, from the bill of month *start* on.

        Raises InvalidError for a month before *open_from*, the first open one, and what no policy
        may be.
        """
        if BillingPeriod(start) < open_from:
            raise InvalidError(f"{start} is closed; a policy starts in {open_from} or later")
        policy = ClassPolicy(
            number=len(self.policies) + 1,
            payer=self.payer,
            charge_class=charge_class,
            kind=kind,
            product_id=product_id,
            start=start,
            set_by=by,
            set_at=at,
            reason=reason,
        )
        return self.changed(policies=(*self.policies, policy))
