"""A payer's support, tax and other such charges go where who may has said, and others see of it."""

from datetime import date

import pytest

from finops.domain.accounts import Account, Listed
from finops.domain.audit import Deed
from finops.domain.class_policies import ChargeClass, ClassPolicies, PolicyKind
from finops.domain.errors import ConflictError, ForbiddenError, InvalidError, NotFoundError
from finops.domain.people import Person, Role
from finops.domain.rule_changes import DecidePolicy
from finops.usecases.class_policies import SeenPolicy, decide_policy, seen_policies
from finops.usecases.ports import Save
from tests.usecases.organisation import LOANS, NOW, TODAY, WEB_SHOP, Organisation, act

PAYER, OTHER, SHOP = "999988887777", "888877776666", "444455556666"
CLASSES = [one for one in ChargeClass if one is not ChargeClass.USAGE]


@pytest.fixture
def organisation() -> Organisation:
    made = Organisation()
    made.drop()
    account = Account.listed(Listed(account_id=SHOP, name="shop"), PAYER, NOW)
    made.accounts.save([Save(None, account, Deed(action="List"))], act("organization"))
    return made


@pytest.fixture
def staff(organisation: Organisation) -> dict[Role, Person]:
    return organisation.staff()


@pytest.fixture
def admin(staff: dict[Role, Person]) -> Person:
    return staff[Role.FINANCIAL_ADMIN]


def decide(
    organisation: Organisation,
    by: Person,
    policy: PolicyKind = PolicyKind.IN_PROPORTION,
    charge_class: ChargeClass = ChargeClass.SUPPORT,
    *,
    product: str | None = None,
    start: str = "2026-03",
    payer: str = PAYER,
    version: int = 0,
) -> ClassPolicies:
    change = DecidePolicy(
        payer=payer, charge_class=charge_class, policy=policy, product_id=product, start=start
    )
    return decide_policy(
        change,
        version,
        by=by,
        policies=organisation.policies,
        grounds=organisation.grounds,
        act=act(by.email),
    )


def seen(organisation: Organisation, by: Person, on: date = TODAY) -> list[SeenPolicy]:
    return seen_policies(on, by=by, policies=organisation.policies, grounds=organisation.grounds)


def test_every_class_of_every_payer_is_told_and_follows_the_shares_until_somebody_decides(
    organisation: Organisation, admin: Person
) -> None:
    found = seen(organisation, admin)

    assert [(one.payer, one.charge_class) for one in found] == [(PAYER, one) for one in CLASSES]
    assert {(one.now, one.history, one.version) for one in found} == {(None, (), 0)}


def test_a_policy_holds_from_its_month_on_and_the_one_before_stays_on_record(
    organisation: Organisation, admin: Person
) -> None:
    decide(organisation, admin)
    decided = decide(
        organisation,
        admin,
        PolicyKind.TO_PRODUCT,
        product=WEB_SHOP,
        start="2026-05",
        version=1,
    )

    assert [one.number for one in decided.policies] == [1, 2]
    kinds = [
        next(
            one.now and one.now.kind
            for one in seen(organisation, admin, date(2026, month, 1))
            if one.charge_class is ChargeClass.SUPPORT
        )
        for month in (2, 3, 4, 5)
    ]
    assert kinds == [
        *(None, PolicyKind.IN_PROPORTION, PolicyKind.IN_PROPORTION),
        PolicyKind.TO_PRODUCT,
    ]
    events = [one.event for one in organisation.audit.chain(f"class-policies#{PAYER}")]
    assert events == ["PolicyDecided", "PolicyDecided"]


def test_a_decision_says_what_is_wrong_with_it(organisation: Organisation, admin: Person) -> None:
    with pytest.raises(InvalidError, match="name the product that pays for ToProduct"):
        decide(organisation, admin, PolicyKind.TO_PRODUCT)
    with pytest.raises(InvalidError, match="there is no product"):
        decide(organisation, admin, PolicyKind.TO_PRODUCT, product="retail.digital")
    with pytest.raises(InvalidError, match="usage goes by claims"):
        decide(organisation, admin, charge_class=ChargeClass.USAGE)
    with pytest.raises(InvalidError, match="no billing period"):
        decide(organisation, admin, start="2026-13")
    with pytest.raises(NotFoundError, match="no account is paid for by 888877776666"):
        decide(organisation, admin, payer=OTHER)
    assert organisation.policies.all() == {}


def test_a_closed_month_is_not_decided_about(organisation: Organisation, admin: Person) -> None:
    organisation.open_from = date(2026, 3, 1)

    with pytest.raises(InvalidError, match="2026-02 is closed"):
        decide(organisation, admin, start="2026-02")


def test_only_a_financial_admin_decides(
    organisation: Organisation, staff: dict[Role, Person]
) -> None:
    for role, person in staff.items():
        if role is not Role.FINANCIAL_ADMIN:
            with pytest.raises(ForbiddenError):
                decide(organisation, person)


def test_of_two_who_decide_the_second_is_told(organisation: Organisation, admin: Person) -> None:
    first = decide(organisation, admin)

    with pytest.raises(ConflictError) as told:
        decide(organisation, admin, PolicyKind.FOLLOW_SHARES)
    assert told.value.members["current"] == first


def test_with_a_scope_only_what_concerns_it_is_seen(
    organisation: Organisation, admin: Person, staff: dict[Role, Person]
) -> None:
    decide(organisation, admin)
    for version, (charge_class, product) in enumerate(
        [(ChargeClass.TAX, LOANS), (ChargeClass.MARKETPLACE, WEB_SHOP)], start=1
    ):
        decide(
            organisation,
            admin,
            PolicyKind.TO_PRODUCT,
            charge_class,
            product=product,
            version=version,
        )

    found = seen(organisation, staff[Role.PRODUCT_OWNER])
    assert [one.charge_class for one in found] == [ChargeClass.SUPPORT, ChargeClass.MARKETPLACE]
    assert {policy.product_id for one in found for policy in one.history} == {None, WEB_SHOP}
