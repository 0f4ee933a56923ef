"""Accounts: what a look at the organization and a bill find, and what people do about it."""

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta

import pytest

from finops.domain.accounts import (
    Account,
    AccountCheck,
    AccountState,
    AccountType,
    CheckStatus,
    Listed,
    NoticeKind,
)
from finops.domain.audit import findings
from finops.domain.bills import Bill
from finops.domain.errors import ConflictError, FinOpsError, ForbiddenError, NotFoundError
from finops.domain.people import Person, Role
from finops.usecases.accounts import (
    STEP,
    LoadedBill,
    acknowledge,
    ask_check,
    check_accounts,
    find_accounts,
    last_check,
    seen_account,
    seen_accounts,
    set_type,
    tasks_of_accounts,
)
from finops.usecases.audit import verify
from finops.usecases.ports import AccountTotals
from tests.fakes import InMemoryBills
from tests.usecases.organisation import NOW, Organisation, act

PAYER, OTHER_PAYER = "999988887777", "888877776666"
SHOP, LAB = "444455556666", "555566667777"
MAY = (Role.FINANCIAL_ADMIN, Role.CLOUD_ENGINEER)
LATER = NOW + timedelta(days=1)


@pytest.fixture
def organisation() -> Organisation:
    made = Organisation()
    made.organizations.put(SHOP, "shop", path=("Retail",))
    made.organizations.put(LAB, "lab", path=())
    return made


@pytest.fixture
def staff(organisation: Organisation) -> dict[Role, Person]:
    return organisation.staff()


def look(
    organisation: Organisation, at: datetime = NOW, since: datetime | None = None
) -> AccountCheck | None:
    return check_accounts(
        since,
        accounts=organisation.accounts,
        organizations=organisation.organizations,
        act=act("the organization", at),
    )


def ids(organisation: Organisation) -> list[str]:
    return [account.account_id for account in organisation.accounts.all()]


def events(organisation: Organisation, account_id: str) -> list[str | None]:
    return [record.event for record in organisation.audit.chain(f"account#{account_id}")]


# A look at the organization -----------------------------------------------------------------------


def test_a_first_look_finds_all_accounts(organisation: Organisation) -> None:
    check = look(organisation)

    assert check is not None
    assert (check.status, check.listed, check.found) == (CheckStatus.DONE, 2, (("New", 2),))
    assert ids(organisation) == [SHOP, LAB]
    assert events(organisation, SHOP) == ["AccountFound"]


def test_a_second_look_changes_nothing_where_nothing_has_changed(
    organisation: Organisation,
) -> None:
    look(organisation)
    before = organisation.accounts.all()
    check = look(organisation, LATER)

    assert check is not None
    assert (check.found, check.began_at) == ((), LATER)
    assert organisation.accounts.all() == before


def test_each_account_that_has_changed_has_one_record_more(organisation: Organisation) -> None:
    look(organisation)
    organisation.organizations.put(SHOP, "web shop", path=("Retail",))
    organisation.organizations.put(LAB, "lab", path=(), state=AccountState.SUSPENDED)
    look(organisation, LATER)

    assert events(organisation, SHOP) == ["AccountFound", "AccountRenamed"]
    assert events(organisation, LAB) == ["AccountFound", "AccountSuspended"]
    for account in organisation.accounts.all():
        name = f"account#{account.account_id}"
        assert findings(name, list(organisation.audit.chain(name)), account) == []


def test_who_is_listed_no_more_has_departed_and_is_kept(organisation: Organisation) -> None:
    look(organisation)
    del organisation.organizations.listed[LAB]
    look(organisation, LATER)

    lab = organisation.accounts.find(LAB)
    assert lab is not None
    assert (lab.state, lab.name) == (AccountState.DEPARTED, "lab")


def test_an_organization_that_is_away_changes_nothing(organisation: Organisation) -> None:
    look(organisation)
    before = len(organisation.records)
    organisation.organizations.away = True

    with pytest.raises(ConnectionError):
        look(organisation, LATER)

    assert len(organisation.records) == before


@pytest.mark.parametrize("left, told", [([], "lists no account at all"), ([SHOP], "lists 3 of 4")])
def test_a_listing_that_cannot_be_is_refused_and_said_so(
    organisation: Organisation, left: list[str], told: str
) -> None:
    for number in range(2):
        organisation.organizations.put(f"{number:012d}", "more")
    look(organisation)
    before = organisation.accounts.all()
    listed = organisation.organizations.listed
    organisation.organizations.listed = {id_: listed[id_] for id_ in left}

    with pytest.raises(ConflictError, match=told):
        look(organisation, LATER)

    check = organisation.accounts.check()
    assert check is not None
    assert check.status is CheckStatus.REFUSED
    assert told in (check.detail or "")
    assert organisation.accounts.all() == before


def test_by_force_it_is_taken_as_it_is_once(
    organisation: Organisation, staff: dict[Role, Person]
) -> None:
    look(organisation)
    organisation.organizations.put("0" * 12, "more")
    look(organisation)
    for gone in (SHOP, LAB):
        del organisation.organizations.listed[gone]
    by = staff[Role.CLOUD_ENGINEER]
    ask_check(force=True, by=by, accounts=organisation.accounts, act=act(by.email, LATER))

    check = look(organisation, LATER)

    assert check is not None
    assert (check.found, check.force) == ((("Departed", 2),), False)


def test_what_happened_before_the_last_look_needs_no_other(organisation: Organisation) -> None:
    look(organisation)

    assert look(organisation, LATER, since=NOW - timedelta(seconds=1)) is None
    assert organisation.organizations.asked == 1
    assert look(organisation, LATER, since=NOW + timedelta(seconds=1)) is not None
    assert look(organisation, LATER) is not None


def test_more_accounts_than_fit_in_a_step_are_all_taken_over(organisation: Organisation) -> None:
    for number in range(2 * STEP):
        organisation.organizations.put(f"{number:012d}", "more")

    check = look(organisation)

    assert check is not None
    assert check.found == (("New", 2 * STEP + 2),)
    assert len(ids(organisation)) == 2 * STEP + 2


def test_who_changes_an_account_meanwhile_keeps_what_they_said(
    organisation: Organisation, staff: dict[Role, Person]
) -> None:
    look(organisation)
    by = staff[Role.CLOUD_ENGINEER]

    def meanwhile() -> None:
        set_type(
            SHOP, AccountType.SHARED, 1, by=by, accounts=organisation.accounts, act=act(by.email)
        )

    organisation.organizations.put(SHOP, "web shop", path=("Retail",))
    organisation.records.meanwhile.append(meanwhile)
    check = look(organisation, LATER)

    shop = organisation.accounts.find(SHOP)
    assert shop is not None
    assert (shop.name, shop.type, shop.version) == ("web shop", AccountType.SHARED, 3)
    assert check is not None
    assert check.found == (("Renamed", 1),)


# Asked for ----------------------------------------------------------------------------------------


def test_to_ask_for_a_look_is_an_event(
    organisation: Organisation, staff: dict[Role, Person]
) -> None:
    by = staff[Role.FINANCIAL_ADMIN]
    asked = ask_check(force=False, by=by, accounts=organisation.accounts, act=act(by.email))

    assert (asked.status, asked.asked_by) == (CheckStatus.ASKED, by.email)
    [record] = organisation.audit.chain("account-check#organization")
    assert record.event == "AccountCheckAsked"
    assert last_check(by=by, accounts=organisation.accounts) == asked


def test_who_asks_while_a_look_is_under_way_gets_another_one(
    organisation: Organisation, staff: dict[Role, Person]
) -> None:
    by = staff[Role.CLOUD_ENGINEER]

    def meanwhile() -> None:
        ask_check(force=True, by=by, accounts=organisation.accounts, act=act(by.email, LATER))

    organisation.records.meanwhile.append(meanwhile)
    first = look(organisation, NOW)
    assert first is not None
    assert (first.status, first.force, first.listed) == (CheckStatus.ASKED, True, 2)

    second = look(organisation, LATER + timedelta(seconds=1), since=LATER)
    assert second is not None
    assert (second.status, second.force) == (CheckStatus.DONE, False)


def test_before_the_first_look_there_is_none(
    organisation: Organisation, staff: dict[Role, Person]
) -> None:
    with pytest.raises(NotFoundError, match="never looked at"):
        last_check(by=staff[Role.VENDOR_MANAGER], accounts=organisation.accounts)


# In the audit trail -------------------------------------------------------------------------------


def test_an_account_that_was_changed_past_the_product_is_noticed(
    organisation: Organisation, staff: dict[Role, Person]
) -> None:
    look(organisation)

    def found() -> list[str]:
        step = verify(
            None,
            NOW.date(),
            None,
            by=staff[Role.CLOUD_ENGINEER],
            audit=organisation.audit,
            books=organisation.books,
        )
        return [f"{one.entity} {one.fault.value}" for one in step.findings]

    assert found() == []
    shop = organisation.accounts.find(SHOP)
    assert shop is not None
    organisation.records.states[f"account#{SHOP}"] = shop.changed(type=AccountType.SANDBOX)
    assert found() == [f"account#{SHOP} StateAltered"]


# On a bill ----------------------------------------------------------------------------------------


def billed(
    *accounts: tuple[str | None, str], payer: str = PAYER, month: str = "2026-03"
) -> InMemoryBills:
    """A bill that charges each account from a day on."""
    bills = InMemoryBills()
    at = datetime(2026, 3, 9, tzinfo=UTC)
    bill = Bill(
        billing_account_id=payer,
        billing_period=month,
        load_id="load",
        delivered_at=at,
        published_at=at,
        lineage=("load",),
        totals=(),
    )
    bills.publish([bill])
    bills.write_totals(
        payer,
        month,
        [
            AccountTotals(account, "USD", "load", "digest", {day: {"Usage": [1]}, "2026-03-31": {}})
            for account, day in accounts
        ],
    )
    return bills


def read(
    organisation: Organisation, bills: InMemoryBills, payer: str = PAYER, month: str = "2026-03"
) -> list[Account]:
    return find_accounts(
        [LoadedBill(payer_id=payer, billing_period=month)],
        bills=bills,
        accounts=organisation.accounts,
        act=act("the bill"),
    )


def test_an_account_that_only_a_bill_names_is_known_from_then_on(
    organisation: Organisation,
) -> None:
    [found] = read(organisation, billed((SHOP, "2026-03-04")))

    assert found.account_id == SHOP
    assert (found.state, found.first_seen) == (AccountState.UNKNOWN, date(2026, 3, 4))
    assert events(organisation, SHOP) == ["AccountFound"]
    assert read(organisation, billed((SHOP, "2026-03-04"))) == []


def test_charges_without_an_account_or_a_day_make_no_trouble(organisation: Organisation) -> None:
    found = read(organisation, billed((None, "2026-03-04"), (SHOP, "")))

    assert [account.account_id for account in found] == [SHOP]
    assert read(organisation, InMemoryBills()) == []


def test_who_is_in_the_organization_is_no_news_on_its_bill(organisation: Organisation) -> None:
    look(organisation)
    before = organisation.accounts.all()

    assert read(organisation, billed((SHOP, "2026-03-04"), (LAB, "2026-03-04"))) == []
    assert organisation.accounts.all() == before


def test_an_account_that_left_goes_on_with_who_pays_now(organisation: Organisation) -> None:
    look(organisation)
    del organisation.organizations.listed[LAB]
    look(organisation, LATER)
    bills = billed((LAB, "2026-03-12"), payer=OTHER_PAYER)

    assert read(organisation, bills, OTHER_PAYER) == []
    lab = organisation.accounts.find(LAB)
    assert lab is not None
    assert (lab.payer_on(date(2026, 3, 11)), lab.payer) == (PAYER, OTHER_PAYER)


def test_a_look_fills_in_who_was_on_a_bill_first(organisation: Organisation) -> None:
    read(organisation, billed((SHOP, "2026-03-04")))
    look(organisation)

    shop = organisation.accounts.find(SHOP)
    assert shop is not None
    assert (shop.name, shop.state, shop.version) == ("shop", AccountState.ACTIVE, 2)
    assert [notice.kind for notice in shop.notices] == [NoticeKind.NEW]


# Seen and changed ---------------------------------------------------------------------------------

Ask = Callable[[Organisation, Person], object]
SEEING: list[Ask] = [
    lambda o, by: seen_accounts(by=by, accounts=o.accounts),
    lambda o, by: seen_account(SHOP, by=by, accounts=o.accounts),
    lambda o, by: tasks_of_accounts(by=by, accounts=o.accounts),
    lambda o, by: last_check(by=by, accounts=o.accounts),
]
CHANGING: list[Ask] = [
    lambda o, by: ask_check(force=False, by=by, accounts=o.accounts, act=act(by.email)),
    lambda o, by: set_type(
        SHOP, AccountType.SANDBOX, 1, by=by, accounts=o.accounts, act=act(by.email)
    ),
    lambda o, by: acknowledge(
        LAB, NoticeKind.SUSPENDED, 2, by=by, accounts=o.accounts, act=act(by.email)
    ),
]


@pytest.mark.parametrize("role", Role)
@pytest.mark.parametrize("ask", [*SEEING, *CHANGING])
def test_admins_see_accounts_and_those_who_look_after_them_change_them(
    organisation: Organisation, staff: dict[Role, Person], role: Role, ask: Ask
) -> None:
    look(organisation)
    organisation.organizations.put(LAB, "lab", path=(), state=AccountState.SUSPENDED)
    look(organisation, LATER)
    before = len(organisation.records)

    if role in MAY or (ask in SEEING and role is Role.VENDOR_MANAGER):
        ask(organisation, staff[role])
    else:
        with pytest.raises(ForbiddenError):
            ask(organisation, staff[role])
        assert len(organisation.records) == before


def test_a_type_finishes_what_is_asked_of_a_new_account(
    organisation: Organisation, staff: dict[Role, Person]
) -> None:
    look(organisation)
    by = staff[Role.FINANCIAL_ADMIN]
    accounts = organisation.accounts
    assert [task.account_id for task in tasks_of_accounts(by=by, accounts=accounts)] == [SHOP, LAB]

    done = set_type(SHOP, AccountType.SHARED, 1, by=by, accounts=accounts, act=act(by.email))
    again = set_type(SHOP, AccountType.SHARED, 2, by=by, accounts=accounts, act=act(by.email))

    assert (done.type, done.version, again) == (AccountType.SHARED, 2, done)
    assert [task.account_id for task in tasks_of_accounts(by=by, accounts=accounts)] == [LAB]
    assert events(organisation, SHOP) == ["AccountFound", "AccountTyped"]


def test_tasks_are_of_those_who_owe_them(
    organisation: Organisation, staff: dict[Role, Person]
) -> None:
    look(organisation)
    del organisation.organizations.listed[LAB]
    look(organisation, LATER)

    def owed(role: Role) -> list[tuple[str, str]]:
        found = tasks_of_accounts(by=staff[role], accounts=organisation.accounts)
        return [(task.account_id, task.kind.value) for task in found]

    assert owed(Role.FINANCIAL_ADMIN) == [(SHOP, "New"), (LAB, "New"), (LAB, "Departed")]
    assert owed(Role.CLOUD_ENGINEER) == [(SHOP, "New"), (LAB, "New")]
    assert owed(Role.VENDOR_MANAGER) == []


@pytest.mark.parametrize("ask", CHANGING[1:])
def test_a_change_from_an_old_version_is_refused(
    organisation: Organisation, staff: dict[Role, Person], ask: Ask
) -> None:
    look(organisation)
    organisation.organizations.put(SHOP, "web shop", path=())
    look(organisation, LATER)
    organisation.organizations.put(LAB, "laboratory", path=("Science",))
    for days in (2, 3):
        organisation.organizations.put(LAB, f"lab {days}", path=())
        look(organisation, NOW + timedelta(days=days))

    with pytest.raises(ConflictError, match="changed since you read it") as told:
        ask(organisation, staff[Role.CLOUD_ENGINEER])

    assert told.value.members["current"] in organisation.accounts.all()


def test_an_account_that_nobody_has_seen_is_not_there(
    organisation: Organisation, staff: dict[Role, Person]
) -> None:
    by = staff[Role.CLOUD_ENGINEER]
    changing: list[Callable[[], object]] = [
        lambda: seen_account("0" * 12, by=by, accounts=organisation.accounts),
        lambda: set_type(
            "0" * 12, AccountType.SHARED, 0, by=by, accounts=organisation.accounts, act=act()
        ),
    ]
    for change in changing:
        with pytest.raises(NotFoundError, match="nobody has seen"):
            change()


def test_whatever_is_refused_says_what_to_do(organisation: Organisation) -> None:
    look(organisation)
    shop = Listed(account_id=SHOP, name="shop")
    organisation.organizations.listed = {"0" * 12: shop.model_copy(update={"account_id": "0" * 12})}

    with pytest.raises(FinOpsError, match="check again with `force`"):
        look(organisation, LATER)
