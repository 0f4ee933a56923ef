"""Cards are made on Mondays, follow the bill, and no run ever does anything twice."""

from collections.abc import Callable, Sequence
from datetime import date, datetime, timedelta
from functools import partial
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from finops.domain.audit import Act, findings
from finops.domain.card_runs import Mondays
from finops.domain.errors import ConflictError, InvalidError
from finops.domain.month_closes import CloseStatus, MonthClose
from finops.domain.paces import Colour, MonthDays
from finops.domain.periods import BillingPeriod
from finops.domain.places import allocation
from finops.domain.restatements import booked, restated
from finops.domain.spend_cards import (
    CardCommand,
    CardKey,
    CardSettings,
    CardStatus,
    Cause,
    Spend,
    SpendCard,
)
from finops.usecases import card_steps, plan_spend_cards
from finops.usecases.make_spend_cards import ACTOR, make_cards
from finops.usecases.ports import Save
from finops.usecases.tell_spend_cards import progress, tell
from tests.card_fakes import in_memory_closes
from tests.usecases.card_making import (
    AUGUST,
    DEED,
    MONDAY,
    OF_AUGUST,
    PAYER,
    SEPTEMBER,
    Works,
    later,
    waiting,
    week_tallies,
)
from tests.usecases.organisation import (
    LOANS,
    ROWS,
    SEARCH,
    UNIT,
    WEB_SHOP,
    act,
)

W1, W2, W3, W4, W5, W6 = OF_AUGUST
ACCEPT, APPROVE, DISPUTE = CardCommand.ACCEPT, CardCommand.APPROVE, CardCommand.DISPUTE
PRODUCTS = len(ROWS)


@pytest.fixture
def works(tmp_path: Path) -> Works:
    return Works(tmp_path)


# What is due --------------------------------------------------------------------------------------


def test_a_monday_makes_a_card_for_every_week_that_is_over_and_covered(works: Works) -> None:
    works.bill(AUGUST, {W1: {"ec2": 5}, W2: {"ec2": 70, "s3": 1}}, through=date(2026, 8, 8))

    told = works.make()

    assert works.card(W2).amount == 71
    assert works.card(W1).spend == 5
    assert works.card(W2).runs == ("run-1",)
    assert week_tallies(told) == [
        (1, PRODUCTS, 0, 0, PRODUCTS - 1),
        (2, PRODUCTS, 0, 0, PRODUCTS - 1),
    ]
    assert (told.made, told.waits) == (2 * PRODUCTS, 0)


def test_a_week_is_not_due_before_its_monday(works: Works) -> None:
    works.bill(AUGUST, {W2: {"ec2": 7}}, through=date(2026, 8, 9))

    works.make(MONDAY - timedelta(minutes=1))
    assert {card.start for card in works.cards.all()} == {W1}

    works.make(MONDAY)
    assert {card.start for card in works.cards.all()} == {W1, W2}


def test_a_week_that_the_bill_does_not_cover_waits_and_says_why(works: Works) -> None:
    works.bill(AUGUST, {W1: {"ec2": 5}, W2: {"ec2": 70}}, through=date(2026, 8, 7))

    planned = works.plan()

    assert planned.waits == 1
    assert waiting(planned.waiting) == {2: "the bill is complete through 2026-08-07"}
    assert {start for item in works.items(planned) for start in item.weeks} == {W1}


def test_a_payer_whose_bill_is_missing_keeps_a_month_as_it_is(works: Works) -> None:
    works.bill(AUGUST, {W1: {"ec2": 5}}, through=date(2026, 8, 8))
    works.make()
    whole = works.spending.months[AUGUST]
    why = ("payer 1 has no bill",)
    works.spending.months[AUGUST] = whole._replace(
        standing=whole.standing._replace(missing=why, complete_through=None), spends={}
    )

    planned = works.plan(later(7))

    assert (planned.months, planned.items, planned.waits) == ((), 0, 3)
    assert set(waiting(planned.waiting).values()) == {"payer 1 has no bill"}
    works.make(later(7))
    assert works.card(W1).amount == 5


def test_a_month_whose_first_bill_is_late_waits(works: Works) -> None:
    works.bill(AUGUST, {W6: {"ec2": 2}}, through=date(2026, 8, 31), is_final=True)

    planned = works.plan(datetime(2026, 9, 7, 6, tzinfo=MONDAY.tzinfo))

    assert waiting(planned.waiting) == {1: "no payer has a bill"}
    assert planned.waits == 1


def test_weeks_that_were_missed_are_caught_up(works: Works) -> None:
    works.bill(AUGUST, {W1: {"ec2": 1}, W4: {"ec2": 4}}, through=date(2026, 8, 25))

    told = works.make(later(14))

    assert [week.start for week in told.weeks] == [W1, W2, W3, W4]
    assert works.card(W4).amount == 4


def test_a_month_without_a_bill_between_two_that_have_one_waits(works: Works) -> None:
    works.bill("2026-07", {}, through=date(2026, 7, 31), is_final=True)
    works.bill(SEPTEMBER, {}, through=date(2026, 9, 5))

    planned = works.plan(datetime(2026, 9, 7, 6, tzinfo=MONDAY.tzinfo))

    assert planned.waits == len(OF_AUGUST)
    assert planned.months == ("2026-07", SEPTEMBER)


def test_cards_begin_with_the_month_that_the_deployment_names(works: Works) -> None:
    works.timing = works.timing._replace(first_month=SEPTEMBER)
    works.bill(AUGUST, {W1: {"ec2": 5}}, through=date(2026, 8, 31), is_final=True)

    assert works.plan(later(30)).months == ()


def test_a_closed_month_is_left_alone(works: Works) -> None:
    works.bill(AUGUST, {W1: {"ec2": 5}}, through=date(2026, 8, 8))
    works.open_from = date(2026, 9, 1)

    assert (works.plan().items, works.plan().months) == (0, ())


def test_without_a_bill_there_is_nothing_to_do(works: Works) -> None:
    planned = works.plan()

    assert (planned.items, planned.waits, works.items(planned)) == (0, 0, [])
    assert tell(planned, ledger=works.ledger).made == 0


def test_the_hour_is_that_of_the_time_zone_and_the_week_that_of_utc(works: Works) -> None:
    works.timing = works.timing._replace(mondays=Mondays(6, "America/New_York"))
    works.bill(AUGUST, {W2: {"ec2": 7}}, through=date(2026, 8, 9))

    works.make(MONDAY + timedelta(hours=3))
    assert {card.start for card in works.cards.all()} == {W1}
    works.make(MONDAY + timedelta(hours=4))
    assert {card.start for card in works.cards.all()} == {W1, W2}


def test_after_the_hours_of_waiting_a_run_is_late(works: Works) -> None:
    works.bill(AUGUST, {}, through=date(2026, 8, 1))

    assert not works.plan(now=MONDAY + timedelta(hours=23, minutes=59)).is_late
    late = works.plan(now=MONDAY + timedelta(hours=24))
    assert (late.is_late, late.due_at, late.wait_seconds) == (True, MONDAY, 1800)


# Asked for by somebody ----------------------------------------------------------------------------


def test_one_week_can_be_made_by_itself(works: Works) -> None:
    works.bill(AUGUST, {W1: {"ec2": 5}, W2: {"ec2": 70}}, through=date(2026, 8, 8))

    works.make(period="2026-08-05")

    assert {card.start for card in works.cards.all()} == {W2}


def test_one_month_can_be_made_by_itself_and_what_is_not_due_says_from_when_on(
    works: Works,
) -> None:
    works.bill(AUGUST, {W1: {"ec2": 5}}, through=date(2026, 8, 8))
    works.bill("2026-07", {date(2026, 7, 1): {"ec2": 9}}, through=date(2026, 7, 31))

    planned = works.plan(period=AUGUST)

    assert planned.months == (AUGUST,)
    assert planned.waits == 0
    assert waiting(planned.waiting)[9] == "its cards are made from 2026-08-17 06:00:00+00:00 on"


@pytest.mark.parametrize("said", ["2026-13", "2026-02-30", "August", "2026-8", "2026-08-01T00"])
def test_a_period_that_is_none_is_refused(works: Works, said: str) -> None:
    with pytest.raises(InvalidError, match="period"):
        works.plan(period=said)


# What a card is -----------------------------------------------------------------------------------


def test_a_living_product_that_spends_nothing_has_a_zero_card_in_the_currency_of_plans(
    works: Works,
) -> None:
    works.bill(AUGUST, {W1: {"ec2": 5}}, through=date(2026, 8, 2))

    works.make()

    loans = works.card(W1, LOANS)
    assert (loans.amount, loans.status, loans.runs) == (0, CardStatus.APPROVED, ("run-1",))
    assert works.card(W1).status is CardStatus.OPEN


def test_zero_cards_stay_open_where_the_organisation_wants_to_see_them(works: Works) -> None:
    works.choose(CardSettings(approves_zero=False))
    works.bill(AUGUST, {W1: {"ec2": 5}}, through=date(2026, 8, 2))

    works.make()

    assert works.card(W1, LOANS).status is CardStatus.OPEN


def test_a_product_has_a_card_in_each_currency_that_it_spends_in_and_no_other(
    works: Works,
) -> None:
    works.bill(AUGUST, {W1: {"ec2": 5}}, currency="EUR", through=date(2026, 8, 2))
    works.bill(AUGUST, {W1: {"ec2": 6}}, currency=None, through=date(2026, 8, 2))

    works.make()

    found = {card.currency: card for card in works.cards.all() if card.product_id == WEB_SHOP}
    assert {currency: card.amount for currency, card in found.items()} == {"EUR": 5, None: 6}
    works.make(later(1))
    assert sum(card.product_id == WEB_SHOP for card in works.cards.all()) == 2


def test_a_product_that_is_in_no_chart_has_a_card_where_it_spends(works: Works) -> None:
    works.bill(AUGUST, {W2: {"ec2": 5}}, product="old.old.old.old", through=date(2026, 8, 8))

    works.make()

    assert [card.start for card in works.cards.all() if card.product_id.startswith("old")] == [W2]


def test_spend_that_goes_to_nothing_leaves_its_card_and_makes_no_other(works: Works) -> None:
    works.bill(AUGUST, {W1: {"ec2": 5}}, currency="EUR", through=date(2026, 8, 2))
    works.make()
    works.bill(AUGUST, {}, currency="EUR", through=date(2026, 8, 2))

    told = works.make(later(0.5))

    assert works.card(W1, currency="EUR").amount == 0
    assert [c.currency for c in works.cards.all() if c.product_id == WEB_SHOP] == ["EUR"]
    assert week_tallies(told) == [(1, 0, 0, 0, 1)]


def test_the_pace_is_that_of_the_approved_month(works: Works) -> None:
    months = [100 * UNIT] * 12
    works.organisation.approve(WEB_SHOP, months)
    works.choose(CardSettings(month_days=MonthDays.CALENDAR))
    works.bill(AUGUST, {W2: {"ec2": 50 * UNIT}}, through=date(2026, 8, 8))
    works.bill(AUGUST, {W2: {"ec2": 1}}, product=SEARCH, through=date(2026, 8, 8))

    works.make()

    assert (works.card(W2).pace.budget, works.card(W2).pace.month_days) == (100 * UNIT, 31)
    assert works.card(W2).colour is Colour.RED
    assert works.card(W2, SEARCH).colour is Colour.GREY


def test_the_last_card_of_a_month_is_provisional_until_the_bill_is_final(works: Works) -> None:
    monday = datetime(2026, 9, 7, 6, tzinfo=MONDAY.tzinfo)
    works.bill(AUGUST, {W6: {"ec2": 20}}, through=date(2026, 8, 31))
    works.make(monday)
    assert works.card(W6).is_provisional
    assert not works.card(W5, LOANS).is_provisional
    assert works.card(W6, LOANS).status is CardStatus.OPEN

    works.bill(AUGUST, {W6: {"ec2": 22}}, through=date(2026, 8, 31), is_final=True)
    works.make(monday + timedelta(1))

    assert (works.card(W6).is_provisional, works.card(W6).amount) == (False, 22)
    assert works.card(W6, LOANS).status is CardStatus.APPROVED


# Later bills --------------------------------------------------------------------------------------


def test_an_open_card_follows_the_bill(works: Works) -> None:
    works.bill(AUGUST, {W1: {"ec2": 5}}, through=date(2026, 8, 8))
    works.make()
    works.bill(AUGUST, {W1: {"ec2": 6}}, through=date(2026, 8, 8))

    told = works.make(later(1), AUGUST)

    assert works.card(W1).amount == 6
    assert week_tallies(told) == [(1, 0, 1, 0, 0)]


def test_what_a_bill_changes_of_a_signed_card_goes_onto_the_next_one_that_is_made(
    works: Works,
) -> None:
    works.bill(AUGUST, {W1: {"ec2": 5}}, through=date(2026, 8, 2))
    works.make()
    signed = works.give(W1, ACCEPT, APPROVE)
    works.bill(AUGUST, {W1: {"ec2": 5, "s3": 3}, W2: {"ec2": 7}}, through=date(2026, 8, 8))

    works.make(later(1))

    assert works.card(W1) == signed
    assert (works.card(W2).spend, works.card(W2).amount) == (7, 10)
    [one] = works.card(W2).adjustments
    assert (one.start, one.cause, one.amount) == (W1, Cause.BILL, 3)


GONE = "old.unit.dept.gone"  # a product of no chart


def test_what_changes_of_a_product_that_is_gone_goes_onto_a_card_of_its_own(works: Works) -> None:
    works.bill(AUGUST, {W2: {"ec2": 10}}, product=GONE, through=date(2026, 8, 15))
    works.make()
    works.give(W2, ACCEPT, APPROVE, product=GONE)
    works.bill(AUGUST, {W2: {"ec2": 17}}, product=GONE, through=date(2026, 8, 15))

    works.make()
    assert works.cards.find(CardKey(GONE, W3, "USD")) is None
    works.make(later(7))
    works.make(later(7.1))

    card = works.card(W3, GONE)
    assert (card.version, card.spend, card.amount) == (1, 0, 7)
    assert [(one.start, one.amount) for one in card.adjustments] == [(W2, 7)]

    works.bill(AUGUST, {W2: {"ec2": 12}}, product=GONE, through=date(2026, 8, 22))
    works.make(later(14))
    assert works.card(W3, GONE).amount == 2
    assert works.cards.find(CardKey(GONE, W4, "USD")) is None


def test_what_changes_in_a_currency_that_is_spent_no_more_is_signed_too(works: Works) -> None:
    works.bill(AUGUST, {W1: {"ec2": 5}}, currency="EUR", through=date(2026, 8, 8))
    works.make()
    works.give_in("EUR", W1, ACCEPT)
    works.bill(AUGUST, {W1: {"ec2": 8}}, currency="EUR", through=date(2026, 8, 8))

    works.make(later(0.1))

    assert (works.card(W2, currency="EUR").amount, works.card(W2).amount) == (3, 0)


def test_a_difference_that_the_same_loads_make_is_of_the_rules(works: Works) -> None:
    works.bill(AUGUST, {W1: {"ec2": 5}}, through=date(2026, 8, 2))
    works.make()
    works.give(W1, ACCEPT)
    works.bill(AUGUST, {W1: {"ec2": 4}, W2: {"ec2": 7}}, through=date(2026, 8, 8), revision=2)
    for run in ("run-1", "run-2"):
        place = f"{allocation(PAYER, AUGUST, run)}/index.json"
        works.ledger.put_json(place, {"load_id": "load-1"})

    works.make(later(1))

    assert works.card(W2).adjustments[0].cause is Cause.RULES


def test_a_remap_makes_the_card_of_who_gets_the_spend_and_opens_the_disputed_one(
    works: Works,
) -> None:
    works.organisation.drop(
        "Acme_2026_false_2026-09-01_false_Budget_v2.csv",
        "Business unit,Department,Portfolio,Product,Annual amount\nRetail,Digital,Storefront,New,1\n",
    )
    new = "retail.digital.storefront.new"
    works.bill(AUGUST, {W1: {"ec2": 5}}, through=date(2026, 8, 8))
    works.make()
    works.give(W1, DISPUTE)
    works.remap(W1, 2)
    works.bill(AUGUST, {W1: {"ec2": 2}}, through=date(2026, 8, 8), revision=2)
    works.bill(AUGUST, {W1: {"ec2": 3}}, product=new, through=date(2026, 8, 8), revision=2)

    told = works.make(later(1), AUGUST)

    card = works.card(W1)
    assert (card.status, card.amount, card.former[0].amount) == (CardStatus.OPEN, 2, 5)
    assert works.card(W1, new).amount == 3
    assert week_tallies(told) == [(1, 1, 0, 1, 0)]


def test_a_run_that_knows_no_remap_leaves_a_disputed_card(works: Works) -> None:
    works.bill(AUGUST, {W1: {"ec2": 5}}, through=date(2026, 8, 8))
    works.make()
    works.give(W1, DISPUTE)
    works.remap(W1, 2)
    works.bill(AUGUST, {W1: {"ec2": 6}}, through=date(2026, 8, 8), revision=1)

    works.make(later(1))

    assert (works.card(W1).status, works.card(W1).amount) == (CardStatus.DISPUTED, 5)


def test_a_remap_that_no_run_knows_of_yet_is_waited_for(works: Works) -> None:
    works.bill(AUGUST, {W1: {"ec2": 5}}, through=date(2026, 8, 8))
    works.make()
    works.give(W1, DISPUTE)
    works.remap(W1, revision=2)
    planned = works.plan(later(0.1))

    assert planned.waits == 1
    assert waiting(planned.waiting) == {
        1: "the bill is not allocated by the rules that 1 disputed card waits for"
    }

    # The same run is said to know of the change: no allocation tells of it.
    works.bill(AUGUST, {W1: {"ec2": 5}}, through=date(2026, 8, 8), revision=2)
    assert works.plan(later(0.2)).waits == 0
    works.make(later(0.2))
    assert works.card(W1).status is CardStatus.OPEN


def test_a_card_in_tolerance_is_accepted_by_itself_once_it_has_waited(works: Works) -> None:
    works.organisation.approve(WEB_SHOP, [100 * UNIT] * 12)
    works.choose(CardSettings(accept_after=5))
    works.bill(AUGUST, {W1: {"ec2": UNIT}}, through=date(2026, 8, 8))
    works.make()

    works.make(later(4.9))
    assert works.card(W1).status is CardStatus.OPEN
    works.make(later(5))
    assert works.card(W1).status is CardStatus.ACCEPTED


# Again, at once, in the middle --------------------------------------------------------------------


def test_the_same_run_again_changes_nothing(works: Works) -> None:
    works.bill(AUGUST, {W1: {"ec2": 5}, W2: {"ec2": 7}}, through=date(2026, 8, 8))
    works.make()
    before = len(works.records)

    told = works.make(later(0.1))

    assert len(works.records) == before
    assert (told.made, told.restated, told.settled, told.weeks) == (0, 0, 0, ())


def test_an_item_that_is_taken_again_tells_the_same(works: Works) -> None:
    works.bill(AUGUST, {W1: {"ec2": 5}, W2: {"ec2": 7}}, through=date(2026, 8, 8))
    [item] = works.items(works.plan())

    first = make_cards(item, press=works.press)
    before = len(works.records)

    assert make_cards(item, press=works.press) == first
    assert len(works.records) == before


def test_every_change_is_in_the_chain_of_its_card_and_is_no_event(works: Works) -> None:
    works.bill(AUGUST, {W1: {"ec2": 5}}, through=date(2026, 8, 2))
    works.make()
    works.bill(AUGUST, {W1: {"ec2": 6}}, through=date(2026, 8, 2))
    works.make(later(1))

    chain = works.records.chains[CardKey(WEB_SHOP, W1, "USD").entity]
    assert [one.action for one in chain] == ["MakeCard", "RestateCard"]
    assert {(one.event, one.element, one.actor) for one in chain} == {(None, WEB_SHOP, ACTOR)}


def test_who_signs_a_card_while_it_is_restated_keeps_what_they_signed(works: Works) -> None:
    works.bill(AUGUST, {W1: {"ec2": 5}, W2: {"ec2": 1}}, through=date(2026, 8, 8))
    works.make()
    works.bill(AUGUST, {W1: {"ec2": 6}, W2: {"ec2": 1}}, through=date(2026, 8, 8))
    works.records.meanwhile.append(lambda: works.give(W1, ACCEPT))

    works.make(later(1))

    assert (works.card(W1).status, works.card(W1).amount) == (CardStatus.ACCEPTED, 5)
    assert works.card(W2).amount == 2


def test_of_two_runs_at_once_each_card_is_made_by_one(works: Works) -> None:
    works.bill(AUGUST, {W1: {"ec2": 5}, W2: {"ec2": 7}}, through=date(2026, 8, 8))
    [item] = works.items(works.plan())
    works.records.meanwhile.append(lambda: works.make(later(0.01)))

    make_cards(item, press=works.press)

    assert all(card.version == 1 for card in works.cards.all())
    assert len(works.cards.all()) == 2 * PRODUCTS


def test_a_run_that_is_published_in_the_middle_is_what_cards_say_in_the_end(works: Works) -> None:
    works.bill(AUGUST, {W1: {"ec2": 5}}, through=date(2026, 8, 8))
    works.make()
    works.bill(AUGUST, {W1: {"ec2": 6}}, through=date(2026, 8, 8))
    [item] = works.items(works.plan(later(1)))

    def another() -> None:
        works.bill(AUGUST, {W1: {"ec2": 9}}, through=date(2026, 8, 8))
        works.make(later(1.1))

    works.records.meanwhile.append(another)
    make_cards(item, press=works.press)

    assert works.card(W1).amount == 9


def begin(works: Works, month: str) -> None:
    """The close of *month* begins, and every worker that looks sees it."""
    closing = MonthClose(month=month, status=CloseStatus.CLOSING)
    in_memory_closes(works.records).save([Save(None, closing, DEED)], act())
    works.open_from = BillingPeriod(month).end


def test_what_changes_once_a_close_has_begun_is_on_no_card(works: Works) -> None:
    works.bill(AUGUST, {start: {"ec2": 100} for start in OF_AUGUST}, is_final=True)
    works.bill(SEPTEMBER, {date(2026, 9, 1): {"ec2": 10}}, through=date(2026, 9, 5))
    works.make(later(28))
    for start in OF_AUGUST[1:]:
        works.give(start, ACCEPT, APPROVE)
    more = {start: {"ec2": 100} for start in OF_AUGUST} | {W2: {"ec2": 150}}
    works.bill(AUGUST, more, is_final=True)
    [item] = works.items(works.plan(later(29)))

    works.records.meanwhile.append(lambda: begin(works, AUGUST))
    make_cards(item, press=works.press)
    works.make(later(30))

    assert sum(booked(works.cards.all()).values()) == 610
    assert works.card(date(2026, 9, 1)).adjustments == ()


def test_a_card_that_is_open_once_a_close_has_begun_stays_as_it_is(works: Works) -> None:
    works.choose(CardSettings(accept_after=1))
    works.bill(AUGUST, {start: {"ec2": 100} for start in OF_AUGUST}, is_final=True)
    works.bill(SEPTEMBER, {date(2026, 9, 1): {"ec2": 10}}, through=date(2026, 9, 5))
    works.make(later(28))
    before = works.card(W1)
    works.bill(AUGUST, {W1: {"ec2": 900}}, is_final=True)
    [item] = works.items(works.plan(later(31)))

    begin(works, AUGUST)
    make_cards(item, press=works.press)

    assert works.card(W1) == before


def test_who_is_overtaken_again_and_again_is_told(
    works: Works, monkeypatch: pytest.MonkeyPatch
) -> None:
    works.bill(AUGUST, {W1: {"ec2": 5}}, through=date(2026, 8, 2))
    [item] = works.items(works.plan())

    def refuse(saves: list[Save], act: object) -> None:
        raise ConflictError("somebody else was faster")

    monkeypatch.setattr(works.cards, "save", refuse)
    with pytest.raises(ConflictError, match="faster"):
        make_cards(item, press=works.press)


def test_a_step_that_dies_after_any_write_is_taken_again_as_if_it_had_not(
    works: Works, tmp_path: Path
) -> None:
    def walked(crash_at: int | None) -> tuple[list[str], int]:
        one = Works(tmp_path / f"{crash_at}")
        weeks = {W1: {"ec2": 5}, W2: {"ec2": 7}, W3: {"ec2": 1}}
        one.bill(AUGUST, weeks, through=date(2026, 8, 31))
        one.make(later(14))
        one.give(W1, ACCEPT, at=later(14))
        one.bill(AUGUST, {W1: {"ec2": 8}, W5: {"ec2": 2}}, through=date(2026, 8, 31))
        [item] = one.items(one.plan(later(30)))
        writes = 0

        def counted(do: Callable[..., object]) -> Callable[..., object]:
            def call(*given: object) -> object:
                nonlocal writes
                told = do(*given)
                writes += 1
                if writes == crash_at:
                    raise OSError("gone")
                return told

            return call

        patch = pytest.MonkeyPatch()
        patch.setattr(card_steps, "WRITES", 7)
        patch.setattr(one.cards, "save", counted(one.cards.save))
        patch.setattr(one.ledger, "put_json", counted(one.ledger.put_json))
        try:
            make_cards(item, press=one.press)
        except OSError:
            make_cards(item, press=one.press)
        patch.undo()
        told = [card.model_dump_json(exclude={"version", "head"}) for card in one.cards.all()]
        place = [key for key in one.ledger.keys("work/") if key.endswith("/0.json")][-1]
        return [*told, str(one.ledger.get_json(place))], writes

    expected, count = walked(None)
    assert count > 3
    for crash_at in range(1, count + 1):
        assert walked(crash_at)[0] == expected


def test_many_cards_are_written_in_steps_that_a_transaction_takes(
    works: Works, monkeypatch: pytest.MonkeyPatch
) -> None:
    weeks = [works.bill(f"2026-{month:02}", {}, through=date(2026, 8, 31)) for month in range(1, 8)]
    assert len(weeks) == 7
    sizes: list[int] = []
    save = works.cards.save

    def counted(saves: Sequence[Save], act: Act) -> list[SpendCard]:
        sizes.append(len(saves))
        return save(saves, act)

    monkeypatch.setattr(works.cards, "save", counted)

    works.make(datetime(2026, 8, 3, 6, tzinfo=MONDAY.tzinfo))

    assert sum(sizes) == len(works.cards.all()) > 100
    assert max(sizes) < 50


def test_products_are_shared_out_to_workers(works: Works, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plan_spend_cards, "PRODUCTS_PER_ITEM", 2)
    works.bill(AUGUST, {W1: {"ec2": 5}}, through=date(2026, 8, 2))

    planned = works.plan()

    assert [len(item.members) for item in works.items(planned)] == [2, 2, 1]
    assert progress("run", ledger=works.ledger) == (3, 0)
    make_cards(works.items(planned)[1], press=works.press)
    assert progress("run", ledger=works.ledger) == (3, 1)
    assert progress("another", ledger=works.ledger) is None


def test_products_whose_cards_have_many_lines_are_a_worker_s_own(
    works: Works, monkeypatch: pytest.MonkeyPatch
) -> None:
    many = {f"service{number}": 1 for number in range(60)}
    works.bill(AUGUST, {W1: many}, through=date(2026, 8, 8))
    works.make()
    monkeypatch.setattr(plan_spend_cards, "LINES_PER_ITEM", 450)

    planned = works.plan(later(0.1))

    # Four weeks, two of them made: 60 lines each are 240, and 50 each are 200.
    assert sorted(len(item.members) for item in works.items(planned)) == [1, 2, 2]


def test_a_run_of_a_month_reads_no_card_of_the_months_before(
    works: Works, monkeypatch: pytest.MonkeyPatch
) -> None:
    works.bill("2026-07", {}, through=date(2026, 7, 31), is_final=True)
    works.bill(AUGUST, {W1: {"ec2": 5}}, through=date(2026, 8, 8))
    works.make()
    asked: set[date] = set()
    of_product = works.cards.of_product

    def noted(product_id: str, currency: str | None, since: date) -> Sequence[SpendCard]:
        asked.add(since)
        return of_product(product_id, currency, since)

    monkeypatch.setattr(works.cards, "of_product", noted)

    works.make(later(1), AUGUST)

    assert asked == {W1}


def test_the_rounds_of_a_run_that_waited_are_told_together(works: Works) -> None:
    works.bill(AUGUST, {W1: {"ec2": 5}}, through=date(2026, 8, 2))
    works.make(run_id="run")
    works.bill(AUGUST, {W1: {"ec2": 5}, W2: {"ec2": 6}}, through=date(2026, 8, 8))

    told = works.make(later(0.1), run_id="run")

    assert [week.made for week in told.weeks] == [PRODUCTS, PRODUCTS]


# Whatever happens, in any order -------------------------------------------------------------------

COSTS = st.lists(st.integers(0, 4), min_size=4, max_size=4)  # of the first four weeks
MEANWHILE = st.sampled_from(["nothing", "accept", "bill", "run"])


@settings(max_examples=25, deadline=None, derandomize=True)
@given(st.lists(st.tuples(COSTS, COSTS, st.integers(0, 3), MEANWHILE), min_size=1, max_size=5))
def test_with_others_at_it_cards_are_the_bill_in_the_end(
    tmp_path_factory: pytest.TempPathFactory,
    rounds: list[tuple[list[int], list[int], int, str]],
) -> None:
    works = Works(tmp_path_factory.mktemp("works"))
    weeks = OF_AUGUST[:4]

    def bill(costs: list[int], product: str) -> None:
        told = {start: {"ec2": cost} for start, cost in zip(weeks, costs, strict=True)}
        works.bill(AUGUST, told, product=product, through=date(2026, 8, 31))

    def meanwhile(what: str, number: int, costs: list[int]) -> None:
        if what == "bill":
            bill(costs[::-1], SEARCH)
        elif what == "run":
            works.make(later(7 * number + 0.2))
        elif what == "accept":
            for card in works.cards.all():
                if card.product_id == SEARCH and ACCEPT in card.allowed:
                    works.give(card.start, ACCEPT, product=SEARCH)

    for number, (mine, theirs, over, what) in enumerate(rounds):
        bill(mine, WEB_SHOP)
        bill(theirs, SEARCH)
        at = later(7 * min(number, over))
        works.records.meanwhile.append(partial(meanwhile, what, number, theirs))
        works.make(at, run_id=f"run-{number}")
        works.records.meanwhile.clear()
    works.make(later(28))
    before = len(works.records)
    works.make(later(28.1))

    assert len(works.records) == before
    for product in (WEB_SHOP, SEARCH):
        cards = works.cards.of_product(product, "USD", W1)
        latest = works.spending.spend(AUGUST).spends.get((product, "USD"), {})
        nothing = Spend(runs=("none",))
        known = {card.start: latest.get(card.start, nothing) for card in cards}
        found = restated(cards, known, cause=Cause.BILL, by="x", at=later(29))
        sums = booked(cards)
        for one in found.due:
            sums[one.start] += one.amount
        assert found.cards == ()
        assert [card.start for card in cards] == OF_AUGUST
        assert sums == {start: spend.amount for start, spend in known.items()}
        for card in cards:
            chain = works.records.chains[card.key.entity]
            assert findings(card.key.entity, chain, card) == []
