"""Many cards are decided on by one request: each by itself, and sent again no other ones."""

from collections.abc import Iterable
from datetime import date, timedelta
from typing import Any

import pytest

from finops.domain.audit import Receipt
from finops.domain.errors import ConflictError, InvalidError, NotFoundError
from finops.domain.paces import Colour
from finops.domain.people import Person, Role
from finops.domain.periods import BillingPeriod, spend_periods
from finops.domain.spend_cards import CardCommand, CardKey, CardStatus, SpendCard
from finops.usecases import card_decisions, card_steps
from finops.usecases.card_decisions import (
    Chosen,
    Decisions,
    decide_cards,
    decide_waiting,
    remember_decisions,
    waiting_cards,
)
from finops.usecases.spend_cards import CardQuery, decide_card
from tests.carding import WEEK, card_line, put_card
from tests.usecases.organisation import LOANS, SEARCH, TODAY, WEB_SHOP, Organisation, act

OWNER = Role.PRODUCT_OWNER
ACCEPT, APPROVE, DISPUTE = CardCommand.ACCEPT, CardCommand.APPROVE, CardCommand.DISPUTE
ACCEPTED, REJECTED = CardStatus.ACCEPTED, CardStatus.REJECTED
NEXT_WEEK, THIRD_WEEK = WEEK + timedelta(7), WEEK + timedelta(14)
RECEIPT = Receipt(key="k" * 64, fingerprint="f")


@pytest.fixture
def organisation() -> Organisation:
    return Organisation()


@pytest.fixture
def staff(organisation: Organisation) -> dict[Role, Person]:
    return organisation.staff()


def give(
    organisation: Organisation,
    by: Person,
    command: CardCommand,
    card: SpendCard,
    reason: str | None = "because",
    **said: Any,
) -> SpendCard:
    version = said.pop("version", card.version)
    return decide_card(
        card.key,
        command,
        version,
        by=by,
        desk=organisation.card_desk,
        act=act(by.email, reason=reason),
        **said,
    )


def many(
    organisation: Organisation,
    by: Person,
    command: CardCommand,
    cards: Iterable[SpendCard],
    reason: str | None = "all fine",
    receipt: Receipt | None = None,
) -> Decisions:
    return decide_cards(
        [Chosen(card.key, card.version) for card in cards],
        command,
        by=by,
        desk=organisation.card_desk,
        act=act(by.email, reason=reason, receipt=receipt),
    )


def all_waiting(
    organisation: Organisation, by: Person, receipt: Receipt | None = None
) -> Decisions:
    return decide_waiting(
        CardQuery(),
        ACCEPT,
        by=by,
        desk=organisation.card_desk,
        audit=organisation.audit,
        receipts=organisation.receipts,
        act=act(by.email, reason="all fine", receipt=receipt),
    )


def starts(made: Decisions) -> list[date]:
    return [card.start for card in made.decided]


def test_many_cards_are_accepted_for_one_reason(
    organisation: Organisation, staff: dict[Role, Person]
) -> None:
    """A year of weeks is more than one transaction holds."""
    months = [BillingPeriod(f"2025-{number:02}") for number in range(1, 13)]
    weeks = [week.start for month in months for week in spend_periods(month)]
    cards = [put_card(organisation, start=start) for start in weeks]

    made = many(organisation, staff[OWNER], ACCEPT, cards, "as planned")

    assert len(made.decided) == len(cards) > 49
    assert (made.refused, made.left) == ((), 0)
    assert {card.history[-1].reason for card in made.decided} == {"as planned"}
    states = [organisation.spend_cards.find(card.key) for card in cards]
    assert {one.status for one in states if one} == {ACCEPTED}


def test_one_card_keeps_no_other_one_up(
    organisation: Organisation, staff: dict[Role, Person]
) -> None:
    fine, stale = put_card(organisation), put_card(organisation, start=NEXT_WEEK)
    foreign = put_card(organisation, product=LOANS)
    others = put_card(organisation, product=WEB_SHOP, status=ACCEPTED, currency="EUR")
    give(organisation, staff[OWNER], DISPUTE, stale)

    made = many(organisation, staff[OWNER], ACCEPT, [stale, fine, foreign, others])

    assert [card.key for card in made.decided] == [fine.key]
    assert [(one.key, type(one.error)) for one in made.refused] == [
        (stale.key, ConflictError),
        (foreign.key, NotFoundError),
        (others.key, ConflictError),
    ]
    assert made.refused[1].error.detail.startswith(f"there is no card of {LOANS}")


def test_a_card_that_does_not_exist_and_one_out_of_sight_are_refused_alike(
    organisation: Organisation, staff: dict[Role, Person]
) -> None:
    there = put_card(organisation, product=LOANS)
    gone = there.changed(product_id="bank.credit.lending.gone")

    made = many(organisation, staff[OWNER], ACCEPT, [there, gone])

    first, second = (one.error.detail for one in made.refused)
    assert first.replace(LOANS, "-") == second.replace(gone.product_id, "-")


def test_a_lost_race_is_told_of_the_card_that_lost_it(
    organisation: Organisation, staff: dict[Role, Person]
) -> None:
    first, second = put_card(organisation), put_card(organisation, start=NEXT_WEEK)

    def others() -> None:
        give(organisation, staff[OWNER], DISPUTE, first)

    organisation.records.meanwhile.append(others)
    made = many(organisation, staff[OWNER], ACCEPT, [first, second])

    assert [card.key for card in made.decided] == [second.key]
    assert [one.key for one in made.refused] == [first.key]


def test_what_broke_off_is_sent_again_and_says_what_was_done(
    organisation: Organisation, staff: dict[Role, Person]
) -> None:
    cards = [put_card(organisation), put_card(organisation, start=NEXT_WEEK)]
    many(organisation, staff[OWNER], ACCEPT, cards[:1])
    before = len(organisation.records)

    made = many(organisation, staff[OWNER], ACCEPT, cards)

    assert [card.key for card in made.decided] == [card.key for card in cards]
    assert len(organisation.records) == before + 1


def test_what_somebody_else_has_done_is_not_taken_for_ones_own(
    organisation: Organisation, staff: dict[Role, Person]
) -> None:
    organisation.hire("second@example.com", OWNER, [WEB_SHOP])
    second = organisation.people.find("second@example.com")
    assert second is not None
    card = put_card(organisation)
    give(organisation, second, ACCEPT, card, "all fine")

    made = many(organisation, staff[OWNER], ACCEPT, [card])

    assert made.decided == ()


def test_in_bulk_one_accepts_or_approves(
    organisation: Organisation, staff: dict[Role, Person]
) -> None:
    card = put_card(organisation)

    with pytest.raises(InvalidError, match="one card at a time"):
        many(organisation, staff[OWNER], DISPUTE, [card])
    with pytest.raises(InvalidError, match="named twice"):
        many(organisation, staff[OWNER], ACCEPT, [card, card])


def test_all_that_waits_is_what_waits_for_who_asks(
    organisation: Organisation, staff: dict[Role, Person]
) -> None:
    """What was rejected is for somebody to look at; what is red can be left out."""
    put_card(organisation)
    put_card(organisation, 90, start=NEXT_WEEK)
    put_card(organisation, currency="EUR", status=REJECTED)
    put_card(organisation, product=SEARCH)
    desk, by = organisation.card_desk, staff[OWNER]

    def waiting(**asked: Any) -> list[CardKey]:
        found = waiting_cards(CardQuery(**asked), ACCEPT, TODAY, by=by, desk=desk)
        return [one.key for one in found]

    assert waiting() == [CardKey(WEB_SHOP, week, "USD") for week in (WEEK, NEXT_WEEK)]
    assert waiting(colour=Colour.BLACK) == [CardKey(WEB_SHOP, WEEK, "USD")]
    assert waiting(month="2026-02") == []
    assert waiting_cards(CardQuery(), APPROVE, TODAY, by=by, desk=desk) == []


def test_more_than_a_thousand_are_left_for_the_next_request(
    organisation: Organisation, staff: dict[Role, Person]
) -> None:
    card = put_card(organisation)
    foreign = [card.changed(product_id=f"bank.credit.lending.p{number}") for number in range(1_001)]

    made = many(organisation, staff[OWNER], ACCEPT, [card, *foreign])

    assert (len(made.decided), len(made.refused), made.left) == (1, 999, 2)


def test_cards_with_many_lines_are_saved_in_smaller_steps(
    organisation: Organisation, staff: dict[Role, Person], monkeypatch: pytest.MonkeyPatch
) -> None:
    lines = [card_line(1, f"Service{number}") for number in range(2_500)]
    cards = [put_card(organisation, lines=lines, start=start) for start in (WEEK, NEXT_WEEK)]
    steps: list[int] = []
    save = organisation.spend_cards.save

    def watched(saves: Any, doing: Any) -> Any:
        steps.append(len(saves))
        return save(saves, doing)

    monkeypatch.setattr(organisation.spend_cards, "save", watched)
    many(organisation, staff[OWNER], ACCEPT, cards)

    assert steps == [1, 1]


def test_an_answer_is_kept_where_the_request_has_a_key(
    organisation: Organisation, staff: dict[Role, Person]
) -> None:
    receipt = Receipt(key="k" * 64, fingerprint="f")
    made = many(organisation, staff[OWNER], ACCEPT, [put_card(organisation)])

    for given_, kept in ((None, 0), (receipt, 1)):
        doing = act(staff[OWNER].email, receipt=given_)
        remember_decisions({"decided": []}, made, act=doing, audit=organisation.audit)
        entity = f"spend-card-decisions#{'k' * 32}"
        assert len(list(organisation.audit.chain(entity))) == kept
    assert organisation.receipts.find(receipt.key) is not None


# Sent again ---------------------------------------------------------------------------------------


def test_what_broke_off_decides_on_no_card_that_came_up_meanwhile(
    organisation: Organisation, staff: dict[Role, Person]
) -> None:
    """The first answer was never kept: the same key stands for the same cards all the same."""
    put_card(organisation)
    all_waiting(organisation, staff[OWNER], RECEIPT)
    unseen = put_card(organisation, start=NEXT_WEEK)

    again = all_waiting(organisation, staff[OWNER], RECEIPT)

    assert starts(again) == [WEEK]
    state = organisation.spend_cards.find(unseen.key)
    assert state is not None
    assert state.status is CardStatus.OPEN
    assert starts(all_waiting(organisation, staff[OWNER])) == [NEXT_WEEK]


def test_a_choice_of_nothing_is_a_choice(
    organisation: Organisation, staff: dict[Role, Person]
) -> None:
    assert starts(all_waiting(organisation, staff[OWNER], RECEIPT)) == []
    put_card(organisation)

    assert starts(all_waiting(organisation, staff[OWNER], RECEIPT)) == []


def test_a_key_that_broke_off_takes_no_other_request(
    organisation: Organisation, staff: dict[Role, Person]
) -> None:
    put_card(organisation)
    all_waiting(organisation, staff[OWNER], RECEIPT)
    other = RECEIPT.model_copy(update={"fingerprint": "g"})

    with pytest.raises(InvalidError, match="came with another request before"):
        all_waiting(organisation, staff[OWNER], other)


def test_what_was_left_is_left_when_it_is_sent_again(
    organisation: Organisation, staff: dict[Role, Person], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(card_decisions, "MOST", 1)
    for start in (WEEK, NEXT_WEEK, THIRD_WEEK):
        put_card(organisation, start=start)

    told = [all_waiting(organisation, staff[OWNER], RECEIPT) for _ in range(2)]

    assert [(starts(made), made.left) for made in told] == [([WEEK], 2)] * 2


def test_of_the_same_request_twice_at_once_both_choose_the_same_and_both_have_done_it(
    organisation: Organisation, staff: dict[Role, Person]
) -> None:
    put_card(organisation)
    theirs: list[Decisions] = []

    def others() -> None:
        put_card(organisation, start=NEXT_WEEK)
        theirs.append(all_waiting(organisation, staff[OWNER], RECEIPT))

    organisation.records.meanwhile.append(others)
    mine = all_waiting(organisation, staff[OWNER], RECEIPT)

    assert starts(mine) == starts(theirs[0]) == [WEEK, NEXT_WEEK]
    assert mine.refused == ()


def test_a_card_that_the_same_request_decides_on_at_the_same_time_counts_as_decided(
    organisation: Organisation, staff: dict[Role, Person]
) -> None:
    card = put_card(organisation)
    organisation.records.meanwhile.append(lambda: many(organisation, staff[OWNER], ACCEPT, [card]))

    made = many(organisation, staff[OWNER], ACCEPT, [card])

    assert (starts(made), made.refused) == ([WEEK], ())


# Large cards --------------------------------------------------------------------------------------


def test_a_request_ends_once_it_has_read_enough_lines(
    organisation: Organisation, staff: dict[Role, Person], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Three lines are below four, six are not: the third card is for the next request."""
    monkeypatch.setattr(card_decisions, "MOST_LINES", 4)
    monkeypatch.setattr(card_decisions, "READERS", 1)
    lines = [card_line(1, service) for service in ("AmazonEC2", "AmazonS3", "AmazonRDS")]
    for start in (WEEK, NEXT_WEEK, THIRD_WEEK):
        put_card(organisation, lines=lines, start=start)

    first, second = (all_waiting(organisation, staff[OWNER]) for _ in range(2))

    assert (starts(first), first.refused, first.left) == ([WEEK, NEXT_WEEK], (), 1)
    assert (starts(second), second.left) == ([THIRD_WEEK], 0)


def test_cards_are_saved_before_the_last_of_them_are_read(
    organisation: Organisation, staff: dict[Role, Person], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(card_decisions, "READERS", 1)
    monkeypatch.setattr(card_steps, "LINES", 1)
    cards = [put_card(organisation, start=start) for start in (WEEK, NEXT_WEEK, THIRD_WEEK)]
    find, saved_by_then = organisation.spend_cards.find, list[int]()

    def watched(key: CardKey) -> SpendCard | None:
        states = [find(card.key) for card in cards]
        saved_by_then.append(sum(one.status is ACCEPTED for one in states if one))
        return find(key)

    monkeypatch.setattr(organisation.spend_cards, "find", watched)
    many(organisation, staff[OWNER], ACCEPT, cards)

    assert saved_by_then == [0, 0, 1]
