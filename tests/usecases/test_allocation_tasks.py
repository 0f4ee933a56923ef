"""Who pays, as tasks: they come with accounts and bills, go once they are done, and are mailed."""

from datetime import UTC, date, datetime

import pytest

from finops.domain.allocation_tasks import AllocationTask
from finops.domain.audit import Deed
from finops.domain.bill_notes import CreditLine
from finops.domain.credits import Credit, CreditTerms
from finops.domain.people import Person, Role
from finops.domain.rule_changes import MapAccount
from finops.usecases.accounts import check_accounts
from finops.usecases.credits import map_credit
from finops.usecases.digest import Letterhead, send_digests
from finops.usecases.ports import Save
from finops.usecases.shares import map_account, renew
from finops.usecases.tasks import tasks_of
from tests.usecases.organisation import NOW, TODAY, WEB_SHOP, Organisation, act

SHOP, LAB = "444455556666", "555566667777"
DECEMBER = datetime(2026, 12, 3, 9, tzinfo=UTC)
LINE = CreditLine(
    billing_account_id="999988887777",
    billing_period="2026-02",
    billing_currency="USD",
    sub_account_id=LAB,
    description="PROMO-1",
    amount=-100,
    first_day=date(2026, 2, 2),
    last_day=date(2026, 2, 3),
)
TERMS = CreditTerms(
    product_id=WEB_SHOP,
    text="PROMO-1",
    amount=100,
    currency="USD",
    start=date(2026, 2, 1),
    expiry=date(2026, 12, 31),
)


@pytest.fixture
def organisation() -> Organisation:
    """Its chart, and an account that joined today."""
    made = Organisation()
    made.drop()
    made.organizations.put(SHOP, "shop", path=())
    check_accounts(
        None, accounts=made.accounts, organizations=made.organizations, act=act("the organization")
    )
    return made


@pytest.fixture
def staff(organisation: Organisation) -> dict[Role, Person]:
    return organisation.staff()


@pytest.fixture
def admin(staff: dict[Role, Person]) -> Person:
    return staff[Role.FINANCIAL_ADMIN]


def owed(organisation: Organisation, by: Person, today: date = TODAY) -> list[tuple[str, str]]:
    _, found = tasks_of(today, by=by, office=organisation.office)
    return [(one.kind.value, one.about) for one in found if isinstance(one, AllocationTask)]


def split(organisation: Organisation, by: Person) -> None:
    map_account(
        MapAccount(account_id=SHOP, shares=((WEB_SHOP, 10_000),)),
        0,
        by=by,
        shares=organisation.shares,
        grounds=organisation.grounds,
        act=act(by.email),
    )


def queue(organisation: Organisation) -> Credit:
    new = Save(None, Credit.seen("c-1", LINE, NOW), Deed(action="Find"))
    return organisation.credits.save([new], act("the bill"))[0]


def test_an_account_is_to_be_split_until_it_is(organisation: Organisation, admin: Person) -> None:
    before = owed(organisation, admin)
    split(organisation, admin)

    assert (before, owed(organisation, admin)) == ([("MapAccount", SHOP)], [])


def test_a_split_is_to_be_renewed_until_it_is(organisation: Organisation, admin: Person) -> None:
    split(organisation, admin)
    organisation.drop("Acme_2027_true_2027-01-01_false_Budget_v1.csv")
    before = owed(organisation, admin, DECEMBER.date())
    renew(
        SHOP,
        1,
        by=admin,
        shares=organisation.shares,
        grounds=organisation.grounds,
        act=act(admin.email, DECEMBER),
    )

    assert before == [("RenewShares", SHOP)]
    assert owed(organisation, admin, DECEMBER.date()) == []


def test_a_credit_that_a_bill_names_is_to_be_mapped_until_it_is(
    organisation: Organisation, staff: dict[Role, Person]
) -> None:
    by = staff[Role.VENDOR_MANAGER]
    nothing = owed(organisation, by)
    queued = queue(organisation)
    before = owed(organisation, by)
    map_credit(
        queued.credit_id,
        TERMS,
        queued.version,
        by=by,
        credits_=organisation.credits,
        charts=organisation.charts,
        open_from=organisation.open_from,
        act=act(by.email),
    )

    assert (nothing, before) == ([], [("MapCredit", "c-1")])
    assert owed(organisation, by) == []


def test_who_pays_is_nobodys_task_but_theirs_who_say_so(
    organisation: Organisation, staff: dict[Role, Person]
) -> None:
    queue(organisation)

    found = {role: owed(organisation, person) for role, person in staff.items()}
    both = [("MapAccount", SHOP), ("MapCredit", "c-1")]
    assert {role: tasks for role, tasks in found.items() if tasks} == {
        Role.FINANCIAL_ADMIN: both,
        Role.VENDOR_MANAGER: both[1:],
    }


def test_the_mail_says_what_nobody_pays_for_and_since_when(
    organisation: Organisation, staff: dict[Role, Person]
) -> None:
    queue(organisation)
    send_digests(
        NOW,
        Letterhead(subject="$count steps wait", text="This waits:"),
        office=organisation.office,
        receipts=organisation.receipts,
        mails=organisation.mails,
    )

    mails = {mail.to: mail for mail in organisation.mails.sent}
    finance, vendor = (staff[role].email for role in (Role.FINANCIAL_ADMIN, Role.VENDOR_MANAGER))
    assert "Say who pays for accounts (1)" in mails[finance].text
    assert f"  - shop, {SHOP} (since 2026-03-10)" in mails[finance].text
    assert f"  - PROMO-1, {LAB} (since 2026-03-10)" in mails[vendor].text
    assert mails[vendor].subject == "1 steps wait"
    assert "Say who pays" not in mails[vendor].text
