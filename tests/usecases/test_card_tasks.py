"""Who owes which card: tasks of people, of whom they stand in for, and where nobody holds a product."""

import time
from collections.abc import Sequence
from datetime import date, timedelta
from threading import Barrier

import pytest

from finops.domain.audit import Deed
from finops.domain.month_closes import CloseStatus, MonthClose
from finops.domain.people import Person, PersonStatus, Role
from finops.domain.spend_cards import CardCommand, CardSummary
from finops.usecases.card_tasks import LOOKED_AT, OwedCard, card_work, open_months
from finops.usecases.digest import Letterhead, send_digests
from finops.usecases.organisation_views import missing_owner
from finops.usecases.organisation_views import task as viewed
from finops.usecases.ports import Save
from finops.usecases.tasks import seen_missing_owners, tasks_of
from tests.tending import MONDAY, WEEK, choose, give, make, stand_in
from tests.usecases.organisation import (
    CHECKOUT,
    LOANS,
    NOW,
    SEARCH,
    TODAY,
    WEB_SHOP,
    Organisation,
    act,
)

PAPER = Letterhead(subject="$count steps wait", text="Dear $name,")


@pytest.fixture
def organisation() -> Organisation:
    made = Organisation()
    made.drop()
    return made


@pytest.fixture
def staff(organisation: Organisation) -> dict[Role, Person]:
    return organisation.staff()


def owed(organisation: Organisation, by: Person, today: date = TODAY) -> list[tuple[str, str]]:
    """Step and product of the cards that somebody owes."""
    found = tasks_of(today, by=by, office=organisation.office)[1]
    return [(str(one.kind), one.card.product_id) for one in found if isinstance(one, OwedCard)]


def test_an_open_card_is_its_owners_task_and_nobody_elses(
    organisation: Organisation, staff: dict[Role, Person]
) -> None:
    make(organisation, WEB_SHOP)

    found = {role: owed(organisation, person) for role, person in staff.items()}

    assert found.pop(Role.PRODUCT_OWNER) == [("AcceptCard", WEB_SHOP)]
    assert not any(found.values())


def test_an_accepted_card_is_the_portfolios_task(
    organisation: Organisation, staff: dict[Role, Person]
) -> None:
    give(organisation, make(organisation, WEB_SHOP), CardCommand.ACCEPT, "product@example.com")

    assert owed(organisation, staff[Role.PORTFOLIO_OWNER]) == [("DecideCard", WEB_SHOP)]
    assert owed(organisation, staff[Role.PRODUCT_OWNER]) == []


def test_a_card_of_a_product_without_an_owner_goes_up(
    organisation: Organisation, staff: dict[Role, Person]
) -> None:
    for product in (SEARCH, CHECKOUT, LOANS):
        make(organisation, product)

    assert owed(organisation, staff[Role.PORTFOLIO_OWNER]) == [("AcceptCard", SEARCH)]
    assert owed(organisation, staff[Role.DEPARTMENT_OWNER]) == [("AcceptCard", CHECKOUT)]
    assert owed(organisation, staff[Role.FINANCIAL_ADMIN]) == [("AcceptCard", LOANS)]
    assert owed(organisation, staff[Role.VENDOR_MANAGER]) == []


def test_an_escalated_card_is_for_the_level_above_as_well(
    organisation: Organisation, staff: dict[Role, Person]
) -> None:
    card = make(organisation, WEB_SHOP)
    after = card.changed(escalated=1)
    organisation.spend_cards.save([Save(card, after, Deed(action="EscalateCard"))], act())

    for role in (Role.PRODUCT_OWNER, Role.PORTFOLIO_OWNER):
        assert owed(organisation, staff[role]) == [("AcceptCard", WEB_SHOP)]
    assert owed(organisation, staff[Role.DEPARTMENT_OWNER]) == []


def test_who_was_told_of_a_card_still_has_it_when_it_goes_up_further(
    organisation: Organisation, staff: dict[Role, Person]
) -> None:
    """Product, portfolio, department and business unit: one more level by each escalation."""
    card = make(organisation, WEB_SHOP)
    rising = [Role.PORTFOLIO_OWNER, Role.DEPARTMENT_OWNER, Role.BUSINESS_UNIT_OWNER]
    for number in range(1, 4):
        after = card.changed(escalated=number)
        deed = Deed(action="EscalateCard")
        [card] = organisation.spend_cards.save([Save(card, after, deed)], act())

        have = {role for role in staff if owed(organisation, staff[role])}
        assert have == {Role.PRODUCT_OWNER, *rising[:number]}


def test_a_delegate_has_the_tasks_of_who_is_absent_and_says_for_whom(
    organisation: Organisation, staff: dict[Role, Person]
) -> None:
    delegate = organisation.hire("delegate@example.com", Role.PRODUCT_OWNER, [SEARCH])
    stand_in(organisation, "product@example.com", delegate.email)
    make(organisation, WEB_SHOP)
    make(organisation, SEARCH)

    found = card_work(TODAY, organisation.office.card_desk).of(delegate)

    assert [(one.card.product_id, one.acting_for) for one in found] == [
        (SEARCH, None),
        (WEB_SHOP, "product@example.com"),
    ]
    assert owed(organisation, delegate, date(2026, 3, 12)) == [("AcceptCard", SEARCH)]


def test_a_delegate_does_not_approve_for_somebody_what_they_accepted_themselves(
    organisation: Organisation, staff: dict[Role, Person]
) -> None:
    stand_in(organisation, "portfolio@example.com", "product@example.com")
    give(organisation, make(organisation, WEB_SHOP), CardCommand.ACCEPT, "product@example.com")

    assert owed(organisation, staff[Role.PRODUCT_OWNER]) == []


def test_who_is_suspended_owes_nothing_and_nobody_stands_in_for_them(
    organisation: Organisation,
) -> None:
    gone = organisation.hire(
        "gone@example.com", Role.PRODUCT_OWNER, [WEB_SHOP], PersonStatus.SUSPENDED
    )
    delegate = organisation.hire("delegate@example.com", Role.PRODUCT_OWNER, [SEARCH])
    stand_in(organisation, gone.email, delegate.email)
    make(organisation, WEB_SHOP)
    work = card_work(TODAY, organisation.office.card_desk)

    assert work.of(gone) == work.of(delegate) == []


def test_a_decision_takes_the_task_from_one_and_gives_it_to_the_next_at_once(
    organisation: Organisation, staff: dict[Role, Person]
) -> None:
    card = make(organisation, WEB_SHOP)
    make(organisation, SEARCH)
    assert owed(organisation, staff[Role.PORTFOLIO_OWNER]) == [("AcceptCard", SEARCH)]

    give(organisation, card, CardCommand.ACCEPT, "product@example.com")

    assert ("DecideCard", WEB_SHOP) in owed(organisation, staff[Role.PORTFOLIO_OWNER])


def test_the_cards_of_all_months_are_asked_for_at_once(
    organisation: Organisation, staff: dict[Role, Person], monkeypatch: pytest.MonkeyPatch
) -> None:
    make(organisation, WEB_SHOP, start=date(2026, 2, 1))
    make(organisation, WEB_SHOP)
    together, in_month = Barrier(LOOKED_AT), organisation.spend_cards.in_month

    def waited(month: str) -> Sequence[CardSummary]:
        together.wait(timeout=10)  # for those who ask for the other months
        return in_month(month)

    monkeypatch.setattr(organisation.spend_cards, "in_month", waited)

    assert len(owed(organisation, staff[Role.PRODUCT_OWNER])) == 2


@pytest.mark.parametrize("status", [CloseStatus.CLOSING, CloseStatus.CLOSED])
def test_cards_of_a_month_whose_close_has_begun_wait_for_nobody(
    organisation: Organisation, staff: dict[Role, Person], status: CloseStatus
) -> None:
    make(organisation, WEB_SHOP, start=date(2026, 2, 1))
    assert owed(organisation, staff[Role.PRODUCT_OWNER]) == [("AcceptCard", WEB_SHOP)]

    closed = MonthClose(month="2026-02").changed(status=status)
    organisation.closes.save([Save(None, closed, Deed(action="Close"))], act())

    assert owed(organisation, staff[Role.PRODUCT_OWNER]) == []


def test_months_that_nobody_closes_are_looked_back_at_half_a_year() -> None:
    assert len(open_months(TODAY, [])) == LOOKED_AT


def test_a_missing_owner_is_missing_for_budgets_and_cards_together(
    organisation: Organisation, staff: dict[Role, Person]
) -> None:
    for start in (WEEK, date(2026, 2, 22)):
        make(organisation, SEARCH, start=start)

    found, missing = seen_missing_owners(
        TODAY, by=staff[Role.PORTFOLIO_OWNER], office=organisation.office
    )

    [one] = [missing_owner(each, found.named) for each in missing]
    assert (one["element"], one["name"], one["tasks"]) == (SEARCH, "Search", 3)


def test_a_card_of_the_year_before_is_missing_an_owner_of_that_year(
    organisation: Organisation, staff: dict[Role, Person]
) -> None:
    make(organisation, SEARCH, start=date(2025, 12, 7))
    found, missing = seen_missing_owners(
        TODAY, by=staff[Role.CLOUD_ENGINEER], office=organisation.office
    )

    [one] = [missing_owner(each, found.named) for each in missing if each.year == 2025]

    assert (one["element"], one["name"], one["label"]) == (SEARCH, "search", "E4")


def test_a_task_says_the_week_the_amount_the_pace_and_until_when(
    organisation: Organisation, staff: dict[Role, Person]
) -> None:
    choose(organisation, escalate_after=(3,))
    make(organisation, WEB_SHOP, 78)
    found, tasks = tasks_of(TODAY, by=staff[Role.PRODUCT_OWNER], office=organisation.office)

    told = viewed(tasks[-1], found.named)

    assert (told["kind"], told["element"], told["name"]) == ("AcceptCard", WEB_SHOP, "Web shop")
    assert (told["start"], told["end"], told["currency"]) == ("2026-03-01", "2026-03-08", "USD")
    assert (told["amount"], told["pace"]) == ("78.0000000000", "far over budget")
    assert told["due"] == (MONDAY + timedelta(3)).isoformat()
    assert (told["owed_by"], told["is_escalated"], told["acting_for"]) == (WEB_SHOP, False, None)


def test_the_daily_mail_tells_of_cards_in_a_line_each(
    organisation: Organisation, staff: dict[Role, Person]
) -> None:
    make(organisation, WEB_SHOP, 1_234)

    send_digests(
        NOW,
        PAPER,
        office=organisation.office,
        receipts=organisation.receipts,
        mails=organisation.mails,
    )

    [mail] = [one for one in organisation.mails.sent if one.to == "product@example.com"]
    line = "Web shop, week of 2026-03-01: 1,234.00 USD, far over budget, due by 2026-03-16"
    assert f"  - {line}" in mail.text.splitlines()
    assert f"<li>{line}</li>" in mail.html


def test_what_waits_is_the_same_however_often_it_was_looked_at(
    organisation: Organisation, staff: dict[Role, Person]
) -> None:
    """What is remembered is what would be worked out anew."""
    cards = [make(organisation, product) for product in (WEB_SHOP, SEARCH, CHECKOUT, LOANS)]
    for card in cards:
        card_work(TODAY, organisation.office.card_desk)
        give(organisation, card, CardCommand.DISPUTE, "fin@example.com")
        fresh = organisation.office.card_desk._replace(memo=type(organisation.memo)())
        for person in staff.values():
            remembered = card_work(TODAY, organisation.office.card_desk).of(person)
            assert remembered == card_work(TODAY, fresh).of(person)


class Remembered:
    """`SpendCards` of many summaries, as the adapter remembers them."""

    def __init__(self, cards: list[CardSummary]) -> None:
        self._cards = cards

    def in_month(self, month: str) -> list[CardSummary]:
        return [*self._cards] if month == "2026-03" else []


def test_of_fifty_thousand_cards_a_persons_tasks_are_found_in_no_time(
    organisation: Organisation, staff: dict[Role, Person]
) -> None:
    like = CardSummary.of(make(organisation, WEB_SHOP))
    portfolio = WEB_SHOP.rpartition(".")[0]
    cards = [
        like.model_copy(update={"product_id": f"{portfolio}.p{number}"}) for number in range(50_000)
    ]
    many = Remembered(cards)
    desk = organisation.office.card_desk._replace(cards=many)  # type: ignore[arg-type]
    organisation.hire("first@example.com", Role.PRODUCT_OWNER, [f"{portfolio}.p1"])
    by = organisation.hire("second@example.com", Role.PRODUCT_OWNER, [f"{portfolio}.p2"])
    card_work(TODAY, desk)

    began = time.perf_counter()
    found = card_work(TODAY, desk).of(by)

    assert time.perf_counter() - began < 0.1
    assert [one.card.product_id for one in found] == [f"{portfolio}.p2"]
