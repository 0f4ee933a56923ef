"""Every day: cards that settle by themselves, and notices that go out as often as they are kept."""

from datetime import datetime, timedelta

import pytest

from finops.domain.audit import Deed
from finops.domain.month_closes import CloseStatus, MonthClose
from finops.domain.people import Role
from finops.domain.spend_cards import CardCommand, CardStatus, SpendCard
from finops.usecases.digest import Letterhead
from finops.usecases.notices import notice
from finops.usecases.ports import Mail, Save
from finops.usecases.tend_cards import Post, Tended, tend_cards
from tests.card_fakes import InMemorySpendCards
from tests.tending import MONDAY, choose, give, make, stand_in
from tests.usecases.organisation import SEARCH, WEB_SHOP, Organisation, act

PAPER = Letterhead(
    subject="$count cards wait", text="Dear $name,", app_url="https://finops.example"
)
OWNER, PORTFOLIO = "product@example.com", "portfolio@example.com"


def day(number: int) -> datetime:
    """So many days after the cards were made, an hour later."""
    return MONDAY + timedelta(days=number, hours=1)


@pytest.fixture
def organisation() -> Organisation:
    made = Organisation()
    made.drop()
    made.staff()
    return made


def tend(organisation: Organisation, at: datetime, *, mailing: bool = True) -> Tended:
    post = Post(organisation.mails, organisation.receipts, PAPER)
    return tend_cards(
        at,
        "request-1",
        desk=organisation.office.card_desk,
        charts=organisation.charts,
        post=post if mailing else None,
    )


def counted(told: Tended) -> tuple[int, int, int]:
    return told.settled, told.reminded, told.escalated


def now(organisation: Organisation, card: SpendCard) -> SpendCard:
    found = organisation.spend_cards.find(card.key)
    assert found is not None
    return found


def mails(organisation: Organisation, to: str) -> list[Mail]:
    return [mail for mail in organisation.mails.sent if mail.to == to]


def events(organisation: Organisation) -> list[tuple[str, str | None]]:
    return [
        (told.event, told.detail["reason"])
        for told in map(notice, organisation.audit.in_month("2026-03", 100))
        if told.event.startswith("Card")
    ]


# What happens by itself -----------------------------------------------------------------------------


def test_a_card_within_the_tolerance_accepts_itself_after_its_days(
    organisation: Organisation,
) -> None:
    """300 a month are 70 in seven days; 71 is 1.4 % more, 78 is 11 %."""
    choose(organisation, accept_after=3, tolerance=200, remind_after=())
    near, far = make(organisation, WEB_SHOP, 71), make(organisation, SEARCH, 78)

    assert counted(tend(organisation, day(2))) == (0, 0, 0)
    assert counted(tend(organisation, day(3))) == (1, 0, 0)

    assert now(organisation, near).status is CardStatus.ACCEPTED
    assert now(organisation, far).status is CardStatus.OPEN


def test_a_card_that_nobody_accepted_is_for_the_portfolio_from_then_on(
    organisation: Organisation,
) -> None:
    choose(organisation, accept_after=1, remind_after=(1,))
    make(organisation, WEB_SHOP, 70)

    tend(organisation, day(1))
    tend(organisation, day(2))

    assert mails(organisation, OWNER) == []
    assert len(mails(organisation, PORTFOLIO)) == 1


def test_a_month_whose_close_has_begun_is_left_alone(organisation: Organisation) -> None:
    choose(organisation, accept_after=3, tolerance=200, remind_after=(1,))
    card = make(organisation, WEB_SHOP, 70)
    closing = MonthClose(month="2026-03", status=CloseStatus.CLOSING)
    organisation.closes.save([Save(None, closing, Deed(action="Begin"))], act())

    assert counted(tend(organisation, day(3))) == (0, 0, 0)

    assert now(organisation, card) == card
    assert organisation.mails.sent == []


def test_what_settles_by_itself_tells_nobody(organisation: Organisation) -> None:
    choose(organisation, accept_after=1)
    make(organisation, WEB_SHOP, 70)

    tend(organisation, day(1))

    assert events(organisation) == []


def test_a_zero_card_is_approved_where_the_setting_came_later(organisation: Organisation) -> None:
    card = make(organisation, WEB_SHOP, 0)

    assert tend(organisation, day(0)).settled == 1
    assert now(organisation, card).status is CardStatus.APPROVED


# Notices --------------------------------------------------------------------------------------------


def test_who_owes_a_card_is_reminded_after_two_days_and_four(organisation: Organisation) -> None:
    card = make(organisation, WEB_SHOP, 78)

    counts = [tend(organisation, day(number)).reminded for number in range(6)]

    assert counts == [0, 0, 1, 0, 1, 0]
    assert len(mails(organisation, OWNER)) == 2
    assert now(organisation, card).reminded == 2


def test_a_notice_tells_the_bus_who_owes_the_step(organisation: Organisation) -> None:
    make(organisation, WEB_SHOP, 78)

    tend(organisation, day(2), mailing=False)

    assert events(organisation) == [
        ("CardReminded", f"AcceptCard waits since 2026-03-09 for {OWNER}")
    ]


def test_a_card_that_waits_too_long_goes_up_and_is_told_to_both_levels(
    organisation: Organisation,
) -> None:
    card = make(organisation, WEB_SHOP, 78)
    for number in (2, 4):
        tend(organisation, day(number), mailing=False)

    assert counted(tend(organisation, day(7))) == (0, 0, 1)

    assert now(organisation, card).escalated == 1
    assert {mail.to for mail in organisation.mails.sent} == {OWNER, PORTFOLIO}
    [mail] = mails(organisation, PORTFOLIO)
    assert "Waiting too long" in mail.text
    assert OWNER in mail.text
    event, why = events(organisation)[0]
    assert event == "CardEscalated"
    assert why is not None
    assert why.endswith("it went up to retail.digital.storefront")


def test_after_days_without_a_run_a_reminder_and_an_escalation_are_one_mail(
    organisation: Organisation,
) -> None:
    make(organisation, WEB_SHOP, 78)

    assert counted(tend(organisation, day(8))) == (0, 1, 1)

    assert len(mails(organisation, OWNER)) == 1
    assert sorted(event for event, _ in events(organisation)) == ["CardEscalated", "CardReminded"]


def test_one_mail_tells_of_all_cards_of_a_person(organisation: Organisation) -> None:
    organisation.hire("both@example.com", Role.PRODUCT_OWNER, [WEB_SHOP, SEARCH])
    make(organisation, WEB_SHOP, 78)
    make(organisation, SEARCH, 1_234)

    tend(organisation, day(2))

    [mail] = mails(organisation, "both@example.com")
    assert mail.subject == "2 cards wait"
    assert "Search, week of 2026-03-01" in mail.text
    assert "1,234.00 USD, far over budget" in mail.text
    assert "https://finops.example" in mail.text


def test_who_stands_in_for_somebody_is_reminded_too(organisation: Organisation) -> None:
    delegate = organisation.hire("delegate@example.com", Role.PRODUCT_OWNER, [SEARCH])
    stand_in(organisation, OWNER, delegate.email)
    make(organisation, WEB_SHOP, 78)

    tend(organisation, day(2))

    assert {mail.to for mail in organisation.mails.sent} == {OWNER, delegate.email}


def test_who_has_answered_hears_no_more_of_it(organisation: Organisation) -> None:
    card = make(organisation, WEB_SHOP, 78)
    tend(organisation, day(2))
    give(organisation, now(organisation, card), CardCommand.ACCEPT, OWNER, day(3))

    tend(organisation, day(4))

    assert len(mails(organisation, OWNER)) == 1
    assert mails(organisation, PORTFOLIO) == []


# Mails that fail ------------------------------------------------------------------------------------


def test_a_mail_that_fails_keeps_nobody_else_from_theirs_and_is_sent_by_the_next_try(
    organisation: Organisation,
) -> None:
    organisation.hire("broken@example.com", Role.PRODUCT_OWNER, [WEB_SHOP])
    organisation.mails.bounces.add("broken@example.com")
    make(organisation, WEB_SHOP, 78)

    first = tend(organisation, day(2))
    assert first.mails.sent == (OWNER,)
    assert [to for to, _ in first.mails.failed] == ["broken@example.com"]

    organisation.mails.bounces.clear()
    again = tend(organisation, day(2))

    assert (again.mails.sent, again.mails.sent_before) == (("broken@example.com",), (OWNER,))
    assert counted(again) == counted(first) == (0, 1, 0)
    assert len(mails(organisation, OWNER)) == 1
    assert len(events(organisation)) == 1


def test_the_next_days_run_does_not_tell_again_what_was_told(organisation: Organisation) -> None:
    make(organisation, WEB_SHOP, 78)
    tend(organisation, day(2))

    assert tend(organisation, day(3)).mails.sent == ()


# Races ----------------------------------------------------------------------------------------------


class Hurried(InMemorySpendCards):
    """Somebody else is faster at writing a card, so many times."""

    def __init__(self, organisation: Organisation, times: int) -> None:
        super().__init__(organisation.records)
        self._left = times

    def find(self, key: object) -> SpendCard | None:
        found = super().find(key)  # type: ignore[arg-type]
        if found is not None and self._left:
            self._left -= 1
            after = found.changed(changed_at=found.changed_at + timedelta(seconds=1))
            self.save([Save(found, after, Deed(action="RestateCard"))], act())
        return found


@pytest.mark.parametrize("times, missed", [(1, 0), (2, 0), (3, 1)])
def test_a_card_that_changes_meanwhile_is_looked_at_again_and_named_in_the_end(
    organisation: Organisation, times: int, missed: int
) -> None:
    card = make(organisation, WEB_SHOP, 78)
    organisation.spend_cards = Hurried(organisation, times)

    told = tend(organisation, day(2))

    assert len(told.missed) == missed
    assert now(organisation, card).reminded == 1 - missed
    assert len(events(organisation)) == 1 - missed


def test_hostile_names_stay_text(organisation: Organisation) -> None:
    organisation.drop(
        "Acme_2026_false_2026-03-01_false_Budget_v1.csv",
        "Business unit,Department,Portfolio,Product,Annual amount\r\n"
        "Retail,Digital,Storefront,<b>Web & shop</b>,1200\r\n",
    )
    product = "retail.digital.storefront.b-web-and-shop-b"
    owner = organisation.hire("<i>@example.com", Role.PRODUCT_OWNER, [product])
    make(organisation, product, 78)

    tend(organisation, day(2))

    [mail] = mails(organisation, owner.email)
    assert "<b>" not in mail.html
    assert "<i>@" not in mail.html
    assert "&lt;b&gt;Web &amp; shop&lt;/b&gt;" in mail.html
    assert "<b>Web & shop</b>, week of 2026-03-01" in mail.text
