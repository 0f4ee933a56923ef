"""Tasks by who owes them, the elements without an owner, and the mail that tells of both."""

from datetime import date, datetime, timedelta
from html.parser import HTMLParser
from threading import Barrier
from typing import Any

import pytest

from finops.domain.accounts import NEEDS, AccountState, AccountTask, AccountType, Need
from finops.domain.allocation_tasks import AllocationStep, AllocationTask
from finops.domain.authorization import RIGHTS, Action
from finops.domain.card_tasks import CardStep
from finops.domain.errors import ForbiddenError
from finops.domain.people import Person, PersonStatus, Role
from finops.domain.saving_tasks import SavingStep
from finops.domain.tasks import Task, TaskKind
from finops.usecases import digest
from finops.usecases.accounts import check_accounts, set_type
from finops.usecases.digest import SHOWN, Letterhead, send_digests
from finops.usecases.mail_rounds import Sent
from finops.usecases.ports import Mail
from finops.usecases.tasks import seen_missing_owners, tasks_of
from tests.usecases.organisation import (
    CHECKOUT,
    LOANS,
    NOW,
    SEARCH,
    STOREFRONT,
    TILLS,
    TODAY,
    UNIT,
    WEB_SHOP,
    Organisation,
    act,
    chart_csv,
)
from tests.usecases.test_budgets import DRAFT, PENDING, lead

PAPER = Letterhead(
    subject="$count steps wait", text="Dear $name,\nthis waits:", app_url="https://finops.example"
)
NEXT_YEAR = "Acme_2027_true_2027-01-01_false_Budget_v1.csv"


@pytest.fixture
def organisation() -> Organisation:
    made = Organisation()
    made.drop()
    return made


@pytest.fixture
def staff(organisation: Organisation) -> dict[Role, Person]:
    return organisation.staff()


def steps(organisation: Organisation, by: Person, today: date = TODAY) -> list[Task]:
    found = tasks_of(today, by=by, office=organisation.office)[1]
    return [task for task in found if isinstance(task, Task)]


def owed(organisation: Organisation, by: Person, today: date = TODAY) -> list[tuple[str, str]]:
    return [(task.kind.value, task.element) for task in steps(organisation, by, today)]


def missing(organisation: Organisation, by: Person) -> list[tuple[str, str, int]]:
    _, found = seen_missing_owners(TODAY, by=by, office=organisation.office)
    return [(one.element, one.goes_to, one.tasks) for one in found]


def test_a_product_without_a_schedule_is_its_owners_task(
    organisation: Organisation, staff: dict[Role, Person]
) -> None:
    assert owed(organisation, staff[Role.PRODUCT_OWNER]) == [("DraftSchedule", WEB_SHOP)]
    assert owed(organisation, staff[Role.VENDOR_MANAGER]) == []


def test_a_step_that_nobody_holds_goes_to_the_level_above(
    organisation: Organisation, staff: dict[Role, Person]
) -> None:
    assert owed(organisation, staff[Role.PORTFOLIO_OWNER]) == [("DraftSchedule", SEARCH)]
    assert owed(organisation, staff[Role.DEPARTMENT_OWNER]) == [("DraftSchedule", CHECKOUT)]
    assert owed(organisation, staff[Role.BUSINESS_UNIT_OWNER]) == [("DraftSchedule", TILLS)]
    assert owed(organisation, staff[Role.FINANCIAL_ADMIN]) == [("DraftSchedule", LOANS)]


def test_a_submitted_schedule_is_the_portfolios_task(
    organisation: Organisation, staff: dict[Role, Person]
) -> None:
    lead(organisation, PENDING)

    assert ("DecideSchedule", WEB_SHOP) in owed(organisation, staff[Role.PORTFOLIO_OWNER])
    assert owed(organisation, staff[Role.PRODUCT_OWNER]) == []


def test_an_estimate_that_waits_is_a_task_beside_the_schedule(
    organisation: Organisation, staff: dict[Role, Person]
) -> None:
    lead(organisation, DRAFT, estimate=True)

    assert ("ApproveEstimate", WEB_SHOP) in owed(organisation, staff[Role.PORTFOLIO_OWNER])
    assert owed(organisation, staff[Role.PRODUCT_OWNER]) == [("SubmitSchedule", WEB_SHOP)]


def test_more_planned_than_there_is_now_asks_for_a_schedule_that_fits(
    organisation: Organisation, staff: dict[Role, Person]
) -> None:
    organisation.approve(WEB_SHOP, [100 * UNIT] * 12)
    assert owed(organisation, staff[Role.PRODUCT_OWNER]) == []
    organisation.drop(
        "Acme_2026_false_2026-02-01_false_Budget_v1.csv",
        chart_csv({("Retail", "Digital", "Storefront", "Web shop"): "1000"}),
    )

    assert owed(organisation, staff[Role.PRODUCT_OWNER]) == [("FitSchedule", WEB_SHOP)]


def test_tasks_belong_to_the_element_whoever_holds_it(organisation: Organisation) -> None:
    first = organisation.hire("first@example.com", Role.PRODUCT_OWNER, [WEB_SHOP])
    second = organisation.hire("second@example.com", Role.PRODUCT_OWNER, [WEB_SHOP])
    assert owed(organisation, first) == owed(organisation, second) == [("DraftSchedule", WEB_SHOP)]


def test_next_years_steps_wait_already(
    organisation: Organisation, staff: dict[Role, Person]
) -> None:
    organisation.drop(NEXT_YEAR)

    found = steps(organisation, staff[Role.PRODUCT_OWNER])

    assert [task.year for task in found] == [2026, 2027]
    later = steps(organisation, staff[Role.PRODUCT_OWNER], date(2027, 3, 1))
    assert [task.year for task in later] == [2027]


def test_who_is_suspended_has_no_tasks_and_holds_nothing(organisation: Organisation) -> None:
    gone = organisation.hire(
        "gone@example.com", Role.PRODUCT_OWNER, [WEB_SHOP], PersonStatus.SUSPENDED
    )
    owner = organisation.hire("po@example.com", Role.PORTFOLIO_OWNER, [STOREFRONT])

    assert ("DraftSchedule", WEB_SHOP) in owed(organisation, owner)
    with pytest.raises(ForbiddenError):
        owed(organisation, gone)


def test_missing_owners_are_those_of_the_scope(
    organisation: Organisation, staff: dict[Role, Person]
) -> None:
    everywhere = [
        (LOANS, "", 1),
        (CHECKOUT, "retail.digital", 1),
        (SEARCH, STOREFRONT, 1),
        (TILLS, "retail", 1),
    ]
    assert missing(organisation, staff[Role.FINANCIAL_ADMIN]) == everywhere
    assert missing(organisation, staff[Role.DEPARTMENT_OWNER]) == everywhere[1:3]
    assert missing(organisation, staff[Role.PRODUCT_OWNER]) == []


def test_missing_owners_are_tasks_of_the_cloud_engineers_by_year_and_element(
    organisation: Organisation, staff: dict[Role, Person]
) -> None:
    organisation.drop(NEXT_YEAR)
    found = steps(organisation, staff[Role.CLOUD_ENGINEER])

    told = [(task.year, task.kind.value, task.element) for task in found]
    assert told == sorted(told)
    assert {task.kind for task in found} == {TaskKind.APPOINT_OWNER}
    assert len(found) == 8


def test_an_element_that_gets_an_owner_is_missing_no_longer(organisation: Organisation) -> None:
    admin = organisation.hire("fin@example.com", Role.FINANCIAL_ADMIN)
    before = missing(organisation, admin)
    organisation.hire("loans@example.com", Role.PRODUCT_OWNER, [LOANS])

    assert [one for one in before if one not in missing(organisation, admin)] == [(LOANS, "", 1)]


# Accounts -----------------------------------------------------------------------------------------

SHOP, LAB = "444455556666", "555566667777"


def look(organisation: Organisation, at: datetime = NOW) -> None:
    check_accounts(
        None,
        accounts=organisation.accounts,
        organizations=organisation.organizations,
        act=act("the organization", at),
    )


def closed_lab(organisation: Organisation) -> None:
    """Two accounts come; a day later one has moved to another unit, and the other is closed."""
    organisation.organizations.put(SHOP, "shop", path=("Retail",))
    organisation.organizations.put(LAB, "lab", path=())
    look(organisation)
    organisation.organizations.put(SHOP, "shop", path=("Bank",))
    organisation.organizations.put(LAB, "lab", path=(), state=AccountState.CLOSED)
    look(organisation, NOW + timedelta(days=1))


def needs(organisation: Organisation, by: Person) -> list[tuple[str, str]]:
    found = tasks_of(TODAY, by=by, office=organisation.office)[1]
    return [(one.need.value, one.account_id) for one in found if isinstance(one, AccountTask)]


def test_what_accounts_need_comes_after_the_steps_the_longest_waiting_first(
    organisation: Organisation, staff: dict[Role, Person]
) -> None:
    closed_lab(organisation)
    admin = staff[Role.FINANCIAL_ADMIN]

    found = tasks_of(TODAY, by=admin, office=organisation.office)[1]

    kinds = [type(one) for one in found]
    assert kinds == [Task, *[AccountTask] * 4, AllocationTask]
    assert needs(organisation, admin) == [
        ("SetType", SHOP),
        ("SetType", LAB),
        ("CheckShares", SHOP),
        ("EndShares", LAB),
    ]


def test_accounts_need_nothing_of_those_whose_role_does_not_look_after_them(
    organisation: Organisation, staff: dict[Role, Person]
) -> None:
    closed_lab(organisation)

    engineers = needs(organisation, staff[Role.CLOUD_ENGINEER])
    assert engineers == [("SetType", SHOP), ("SetType", LAB), ("CheckShares", SHOP)]
    others = set(Role) - {Role.CLOUD_ENGINEER, Role.FINANCIAL_ADMIN}
    assert [needs(organisation, staff[role]) for role in others] == [[]] * 5


def test_whoever_owes_what_an_account_needs_may_see_accounts() -> None:
    for _, owed_by in NEEDS.values():
        assert set(owed_by) <= RIGHTS[Action.SEE_ACCOUNTS].keys()


def test_a_task_of_an_account_is_over_once_it_is_seen_to(
    organisation: Organisation, staff: dict[Role, Person]
) -> None:
    closed_lab(organisation)
    engineer = staff[Role.CLOUD_ENGINEER]
    before = needs(organisation, engineer)
    type_, accounts = AccountType.SANDBOX, organisation.accounts
    set_type(SHOP, type_, 2, by=engineer, accounts=accounts, act=act(engineer.email))

    assert [one for one in before if one not in needs(organisation, engineer)] == [
        ("SetType", SHOP)
    ]


# The digest ---------------------------------------------------------------------------------------


def send(organisation: Organisation, days: int = 0, paper: Letterhead = PAPER) -> Sent:
    return send_digests(
        NOW + timedelta(days=days),
        paper,
        office=organisation.office,
        receipts=organisation.receipts,
        mails=organisation.mails,
    )


def test_a_mail_goes_to_those_who_owe_something(
    organisation: Organisation, staff: dict[Role, Person]
) -> None:
    told = send(organisation)

    assert set(told.sent) == {one.email for one in staff.values()} - {
        staff[Role.VENDOR_MANAGER].email
    }
    assert sorted(mail.to for mail in organisation.mails.sent) == sorted(told.sent)


def test_a_mail_says_what_accounts_need_and_since_when(organisation: Organisation) -> None:
    organisation.hire("cloud@example.com", Role.CLOUD_ENGINEER)
    organisation.hire("po@example.com", Role.BUSINESS_UNIT_OWNER, ["retail"])
    closed_lab(organisation)
    send(organisation)

    mails = {mail.to: mail.text for mail in organisation.mails.sent}
    told = mails["cloud@example.com"]
    assert "Say what accounts are for (2)" in told
    assert f"  - shop, {SHOP} (New, since 2026-03-10)\n  - lab, {LAB} (New" in told
    assert f"  - shop, {SHOP} (Moved, since 2026-03-11)" in told
    assert "End what is paid" not in told
    assert SHOP not in mails["po@example.com"]


def test_every_kind_of_task_has_words_in_the_mail() -> None:
    assert set(digest.WORDS) == {*TaskKind, *Need, *AllocationStep, *CardStep, *SavingStep}


def test_a_suspended_person_gets_no_mail(organisation: Organisation) -> None:
    organisation.hire("gone@example.com", Role.PRODUCT_OWNER, [WEB_SHOP], PersonStatus.SUSPENDED)

    assert send(organisation).sent == ()


def test_it_is_one_mail_a_day_however_often_it_is_asked(
    organisation: Organisation, staff: dict[Role, Person]
) -> None:
    first = send(organisation)
    second = send(organisation)
    third = send(organisation, days=1)

    assert (second.sent, second.sent_before) == ((), first.sent)
    assert third.sent == first.sent
    assert len(organisation.mails.sent) == 2 * len(first.sent)


def test_a_mail_that_does_not_go_out_keeps_nobody_from_theirs_and_is_sent_later(
    organisation: Organisation, staff: dict[Role, Person]
) -> None:
    organisation.mails.bounces = {"fin@example.com"}
    first = send(organisation)
    organisation.mails.bounces = set()
    second = send(organisation)

    assert first.failed == (("fin@example.com", "RuntimeError: fin@example.com bounces"),)
    assert second.sent == ("fin@example.com",)
    assert len(first.sent) == len(staff) - 2


def test_mails_go_out_some_at_a_time(
    organisation: Organisation, staff: dict[Role, Person], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A sender takes a moment for each: two meet here, or the barrier breaks."""
    together = Barrier(2)
    send_one = organisation.mails.send

    def meet(mail: Mail) -> None:
        together.wait(timeout=5)
        send_one(mail)

    monkeypatch.setattr(organisation.mails, "send", meet)
    told = send(organisation)

    assert told.failed == ()
    assert len(told.sent) == len(organisation.mails.sent) == len(staff) - 1


def test_a_mail_that_cannot_be_written_is_named_and_keeps_nobody_from_theirs(
    organisation: Organisation, staff: dict[Role, Person], monkeypatch: pytest.MonkeyPatch
) -> None:
    written = digest.digest

    def fails(person: Person, *said: Any) -> Mail:
        if person.email == "fin@example.com":
            raise KeyError("element")
        return written(person, *said)

    monkeypatch.setattr(digest, "digest", fails)
    told = send(organisation)

    assert told.failed == (("fin@example.com", "KeyError: 'element'"),)
    assert len(told.sent) == len(staff) - 2


def test_a_mail_says_how_much_waits_and_what(organisation: Organisation) -> None:
    organisation.hire("po@example.com", Role.PORTFOLIO_OWNER, [STOREFRONT])
    send(organisation)

    [mail] = organisation.mails.sent
    assert mail.subject == "2 steps wait"
    assert "Dear po@example.com," in mail.text
    assert "Retail / Digital / Storefront / Web shop (2026, escalated to you)" in mail.text
    assert "https://finops.example" in mail.html


def test_what_is_too_much_for_a_mail_is_counted(organisation: Organisation) -> None:
    rows = {("A", "B", "C", f"P{n:02d}"): "1" for n in range(SHOWN + 3)}
    organisation.drop(content=chart_csv(rows))
    organisation.hire("po@example.com", Role.PORTFOLIO_OWNER, ["a.b.c"])
    send(organisation)

    [mail] = organisation.mails.sent
    assert "… and 3 more" in mail.text
    assert "… and 3 more" in mail.html
    assert "P12" not in mail.text


class Tags(HTMLParser):
    """The tags and attributes of a document."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: set[str] = set()
        self.attributes: set[str] = set()
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.add(tag)
        self.attributes |= {name for name, _ in attrs}


HOSTILE = '<script>alert(1)</script>"><img src=x onerror=alert(1)> & $name'


def test_nothing_that_people_name_becomes_markup(organisation: Organisation) -> None:
    organisation.drop(content=chart_csv([(HOSTILE, "B", "C", "'onload='x", "1")]))
    unit = organisation.chart().products[0].id.split(".")[0]
    known = organisation.hire("u@example.com", Role.BUSINESS_UNIT_OWNER, [unit])
    organisation.records.states["person#u@example.com"] = known.changed(name=HOSTILE + "\r\nBcc: x")
    paper = PAPER.model_copy(update={"subject": "$name", "logo": 'https://x/"onload="x'})
    send(organisation, paper=paper)

    [mail] = organisation.mails.sent
    tags = Tags(mail.html)
    assert tags.found == {"div", "p", "h2", "span", "ul", "li", "img", "a"}
    assert tags.attributes == {"style", "src", "alt", "href"}
    assert "\n" not in mail.subject
    assert "\r" not in mail.subject


def test_a_task_is_told_with_since_when_it_waits(organisation: Organisation) -> None:
    lead(organisation, PENDING)
    owner = organisation.hire("po@example.com", Role.PORTFOLIO_OWNER, [STOREFRONT])
    found = steps(organisation, owner)

    assert [task.since for task in found if task.element == WEB_SHOP] == [NOW]
    send(organisation)
    mail = next(one for one in organisation.mails.sent if one.to == owner.email)
    assert "Web shop (2026, since 2026-03-10)" in mail.text
