"""Who is absent finds somebody to act for them; nobody takes what is somebody else's."""

from collections.abc import Callable
from datetime import date, timedelta

import pytest

from finops.domain.audit import findings
from finops.domain.delegations import Delegation
from finops.domain.errors import ConflictError, ForbiddenError, InvalidError, NotFoundError
from finops.domain.people import Person, PersonStatus, Role
from finops.usecases.delegations import end_delegation, grant_delegation, seen_delegations
from tests.usecases.organisation import LOANS, NOW, TODAY, WEB_SHOP, Organisation, act

OWNER = "product@example.com"
LENDER = "loans@example.com"
BACK = TODAY + timedelta(10)

Grant = Callable[..., Delegation]


@pytest.fixture
def organisation() -> Organisation:
    made = Organisation()
    made.hire(LENDER, Role.PRODUCT_OWNER, [LOANS])
    return made


@pytest.fixture
def staff(organisation: Organisation) -> dict[Role, Person]:
    return organisation.staff()


@pytest.fixture
def grant(organisation: Organisation, staff: dict[Role, Person]) -> Grant:
    def granted(
        role: Role = Role.PRODUCT_OWNER,
        delegate: str = LENDER,
        absent: str | None = None,
        end: date = BACK,
    ) -> Delegation:
        by = staff[role]
        return grant_delegation(
            delegate,
            TODAY,
            end,
            absent=absent,
            by=by,
            people=organisation.people,
            delegations=organisation.delegations,
            act=act(by.email, reason="holiday"),
        )

    return granted


def end(
    organisation: Organisation, by: Person, one: Delegation, day: date | None = None, ahead: int = 0
) -> Delegation:
    return end_delegation(
        one.delegation_id,
        day,
        one.version + ahead,
        by=by,
        people=organisation.people,
        delegations=organisation.delegations,
        act=act(by.email, NOW + timedelta(days=3)),
    )


@pytest.mark.parametrize("role", Role)
def test_everybody_finds_somebody_to_act_for_them(grant: Grant, role: Role) -> None:
    made = grant(role)

    assert (made.delegate, made.start, made.end, made.reason) == (LENDER, TODAY, BACK, "holiday")
    assert made.set_by == made.absent


@pytest.mark.parametrize("role", Role)
def test_for_others_an_administrator_does(grant: Grant, role: Role) -> None:
    if role in (Role.FINANCIAL_ADMIN, Role.CLOUD_ENGINEER):
        assert grant(role, absent=OWNER).absent == OWNER
    elif role is not Role.PRODUCT_OWNER:
        with pytest.raises(ForbiddenError, match="DelegateForOthers is for"):
            grant(role, absent=OWNER)


def test_nobody_makes_themselves_the_delegate_of_somebody_else(
    grant: Grant, staff: dict[Role, Person]
) -> None:
    """A cloud engineer would approve cards, which their role does not."""
    engineer = staff[Role.CLOUD_ENGINEER]

    with pytest.raises(ForbiddenError, match="another administrator must"):
        grant(Role.CLOUD_ENGINEER, delegate=engineer.email, absent="portfolio@example.com")


def test_who_acts_is_known_here_and_active(organisation: Organisation, grant: Grant) -> None:
    organisation.hire("gone@example.com", Role.PRODUCT_OWNER, status=PersonStatus.SUSPENDED)

    for email in ("stranger@example.com", "gone@example.com"):
        with pytest.raises(InvalidError, match="no sign-in here, or is suspended"):
            grant(delegate=email)
    with pytest.raises(InvalidError, match="no sign-in here"):
        grant(Role.FINANCIAL_ADMIN, absent="stranger@example.com")
    with pytest.raises(InvalidError, match="is no mail address"):
        grant(delegate="nobody")


def test_days_the_wrong_way_round_are_said_so(grant: Grant) -> None:
    with pytest.raises(InvalidError, match="is not after the start"):
        grant(end=TODAY)


def test_both_see_it_and_administrators_see_all(
    organisation: Organisation, grant: Grant, staff: dict[Role, Person]
) -> None:
    made = grant()
    lender = organisation.people.find(LENDER)
    assert lender is not None

    seen = {
        by.email: seen_delegations(by=by, delegations=organisation.delegations)
        for by in (lender, *staff.values())
    }

    knowing = {LENDER, OWNER, "fin@example.com", "cloud@example.com"}
    assert {email for email, found in seen.items() if found == [made]} == knowing
    assert all(found == [] for email, found in seen.items() if email not in knowing)


def test_who_is_back_earlier_ends_it_and_the_chain_tells(
    organisation: Organisation, grant: Grant, staff: dict[Role, Person]
) -> None:
    made = grant()

    ended = end(organisation, staff[Role.PRODUCT_OWNER], made)

    assert ended.end == TODAY + timedelta(3)
    name = f"delegation#{made.delegation_id}"
    records = list(organisation.audit.chain(name))
    assert [(one.action, one.event, one.element) for one in records] == [
        ("Grant", "DelegationGranted", WEB_SHOP),
        ("End", "DelegationEnded", WEB_SHOP),
    ]
    assert findings(name, records, ended) == []


def test_an_administrator_ends_it_too_but_not_who_acts(
    organisation: Organisation, grant: Grant, staff: dict[Role, Person]
) -> None:
    made = grant()
    lender = organisation.people.find(LENDER)
    assert lender is not None

    with pytest.raises(ForbiddenError):
        end(organisation, lender, made)
    assert end(organisation, staff[Role.CLOUD_ENGINEER], made).version == 2


def test_one_that_is_of_others_is_not_there(
    organisation: Organisation, grant: Grant, staff: dict[Role, Person]
) -> None:
    made = grant()

    with pytest.raises(NotFoundError, match="no delegation"):
        end(organisation, staff[Role.PORTFOLIO_OWNER], made)


def test_one_that_changed_meanwhile_is_looked_at_again(
    organisation: Organisation, grant: Grant, staff: dict[Role, Person]
) -> None:
    with pytest.raises(ConflictError, match="changed since you read it"):
        end(organisation, staff[Role.PRODUCT_OWNER], grant(), ahead=1)
