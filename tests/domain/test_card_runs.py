"""Which weeks are due, and that a product's cards are up to the bill after any run."""

from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from finops.domain.card_runs import (
    Mondays,
    WeekTally,
    added_up,
    asked_period,
    brought_up,
    tallied,
    weeks_of,
)
from finops.domain.delegations import Signature
from finops.domain.paces import Pace
from finops.domain.periods import BillingPeriod, is_last_of_month, spend_period, spend_periods
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
from tests.domain.test_restatements import WEB_SHOP, spend

AT = datetime(2026, 9, 14, 6, tzinfo=UTC)
MONTHS = ("2026-08", "2026-09")
WEEKS = [week.start for month in MONTHS for week in spend_periods(BillingPeriod(month))][:8]
SETTINGS = CardSettings()


@given(
    at=st.integers(0, 700 * 24 * 60).map(lambda minutes: AT + timedelta(minutes=minutes)),
    hour=st.integers(0, 23),
    zone=st.sampled_from(["UTC", "Europe/Berlin", "America/New_York", "Pacific/Auckland"]),
)
def test_the_last_run_was_on_a_monday_at_most_a_week_ago(
    at: datetime, hour: int, zone: str
) -> None:
    last = Mondays(hour, zone).last(at)

    assert (last.weekday(), last.hour) == (0, hour)
    assert timedelta(0) <= at - last <= timedelta(days=7, hours=1)  # clocks are put back
    assert Mondays(hour, zone).last(last) == last


@given(day=st.dates(date(2026, 1, 1), date(2027, 12, 31)), hour=st.integers(0, 23))
def test_the_run_that_makes_a_week_is_the_first_one_after_its_end(day: date, hour: int) -> None:
    mondays, week = Mondays(hour, "UTC"), spend_period(day)

    run = mondays.following(week)

    assert week.has_ended(run)
    assert not week.has_ended(mondays.last(run - timedelta(seconds=1)))


def test_the_weeks_of_months_are_in_order_and_of_the_days_that_are_asked_for() -> None:
    assert [week.start.day for week in weeks_of(["2026-09", "2026-08"], None)] == [
        *(1, 2, 9, 16, 23, 30),
        *(1, 6, 13, 20, 27),
    ]
    assert [week.start.day for week in weeks_of(MONTHS, asked_period("2026-08-31"))] == [30]
    assert len(weeks_of(MONTHS, asked_period("2026-08"))) == 6


def ran(
    cards: Mapping[date, SpendCard],
    latest: Mapping[date, Spend],
    due: list[date],
    *,
    final: tuple[str, ...] = MONTHS,
    at: datetime = AT,
    closed_before: date = date.min,
    spare: date | None = None,
) -> dict[date, SpendCard]:
    """All cards after a run."""
    spares = {CardKey(WEB_SHOP, start, "USD"): Pace() for start in (spare,) if start is not None}
    keys = {CardKey(WEB_SHOP, start, "USD"): Pace() for start in due}
    changed = brought_up(
        cards.values(),
        latest,
        keys,
        spares=spares,
        final=final,
        cause=Cause.BILL,
        settings=SETTINGS,
        closed_before=closed_before,
        by="make_spend_cards",
        at=at,
    )
    return {**cards, **{card.start: card for card in changed}}


def test_the_last_week_is_provisional_and_then_final_with_the_final_amount() -> None:
    last = WEEKS[5]
    first = ran({}, {last: spend("r1", ec2=5)}, [last], final=())
    assert first[last].is_provisional

    then = ran(first, {last: spend("r2", ec2=6)}, [last], at=AT + timedelta(1))

    assert (then[last].is_provisional, then[last].amount) == (False, 6)
    assert then[last].since == AT + timedelta(1)


def test_a_card_that_is_made_late_takes_no_adjustment_of_a_later_week() -> None:
    signed = ran({}, {WEEKS[2]: spend("r1", ec2=5)}, [WEEKS[2]])
    signed[WEEKS[2]] = accepted(signed[WEEKS[2]])
    latest = {WEEKS[1]: spend("r2", ec2=1), WEEKS[2]: spend("r2", ec2=8)}

    then = ran(signed, latest, WEEKS[1:3])

    assert (then[WEEKS[1]].amount, then[WEEKS[2]].amount) == (1, 5)


def accepted(card: SpendCard) -> SpendCard:
    return card.decided(CardCommand.ACCEPT, by=Signature(by="ola@example.com"), at=AT)


def test_a_card_to_spare_is_made_for_what_waits_and_for_nothing_else() -> None:
    first, later, last = WEEKS[1:4]
    signed = ran({}, {first: spend("r1", ec2=5)}, [first])
    signed[first] = accepted(signed[first])
    same = {start: spend("r1", ec2=5) if start == first else spend("r1") for start in WEEKS[1:4]}
    assert ran(signed, same, [first], spare=later) == signed

    more = same | {first: spend("r2", ec2=8)}
    then = ran(signed, more, [first], spare=later)

    assert sorted(then) == [first, later]
    assert (then[later].spend, then[later].amount) == (0, 3)
    assert ran(then, more, [first], spare=last, at=AT + timedelta(7)) == then
    assert ran(signed, more, [first], spare=first) == signed


def test_a_card_to_spare_is_not_made_where_a_due_one_takes_what_waits() -> None:
    first, later, last = WEEKS[1:4]
    signed = ran({}, {first: spend("r1", ec2=5)}, [first])
    signed[first] = accepted(signed[first])
    more = {first: spend("r2", ec2=8), later: spend("r2", ec2=1), last: spend("r2")}

    then = ran(signed, more, [first, later], spare=last)

    assert {start: card.amount for start, card in then.items()} == {first: 5, later: 4}


def test_no_card_of_a_closed_month_is_made() -> None:
    latest = {start: spend("r1", ec2=1) for start in WEEKS}

    assert list(ran({}, latest, WEEKS, closed_before=date(2026, 9, 1))) == WEEKS[6:]


# Any bills, decisions and runs --------------------------------------------------------------------

STEPS = st.lists(
    st.tuples(
        st.integers(1, len(WEEKS)),  # how many weeks are over
        st.lists(st.integers(0, 3), min_size=len(WEEKS), max_size=len(WEEKS)),  # what each costs
        st.sets(st.sampled_from(WEEKS), max_size=3),  # the cards that are accepted then
    ),
    min_size=1,
    max_size=5,
)


@settings(max_examples=60, deadline=None, derandomize=True)
@given(STEPS)
def test_after_any_runs_cards_and_what_waits_are_the_bill_and_again_changes_nothing(
    steps: list[tuple[int, list[int], set[date]]],
) -> None:
    cards: dict[date, SpendCard] = {}
    over = 0
    for number, (weeks, amounts, accepted) in enumerate(steps):
        over = max(over, weeks)
        latest = {
            start: spend(f"r{number}", ec2=amount)
            for start, amount in zip(WEEKS, amounts, strict=True)
        }
        final = MONTHS[:1] if over > 6 else ()
        before, at = cards, AT + timedelta(number)

        cards = ran(before, latest, WEEKS[:over], final=final, at=at)

        assert ran(cards, latest, WEEKS[:over], final=final, at=at + timedelta(0.1)) == cards
        assert sorted(cards) == WEEKS[:over]
        known = restated(cards.values(), latest, cause=Cause.BILL, by="x", at=at)
        sums = booked(cards.values())
        for one in known.due:
            sums[one.start] += one.amount
        assert known.cards == ()
        assert sums == {start: latest[start].amount for start in cards}
        for start, card in cards.items():
            is_last = is_last_of_month(spend_period(start))
            assert card.is_provisional == (is_last and card.month not in final)
            assert card.status is not CardStatus.OPEN or card.is_provisional or not card.is_zero
            known_before = before.get(start)
            if known_before is not None and known_before.is_frozen:
                assert card == known_before
        for start in accepted & cards.keys():
            if CardCommand.ACCEPT in cards[start].allowed:
                cards[start] = cards[start].decided(
                    CardCommand.ACCEPT, by=Signature(by="ola@example.com"), at=at
                )


# What came of it ----------------------------------------------------------------------------------


def test_a_run_is_told_by_what_its_cards_say() -> None:
    latest = {start: spend("r1", ec2=int(start == WEEKS[1])) for start in WEEKS[:3]}
    cards = ran({}, latest, WEEKS[:3])
    later = AT + timedelta(1)
    then = ran(cards, latest | {WEEKS[1]: spend("r2", ec2=2)}, WEEKS[:3], at=later)

    assert [(one.start, one.made, one.settled) for one in tallied(cards.values(), AT)] == [
        (WEEKS[0], 1, 1),
        (WEEKS[1], 1, 0),
        (WEEKS[2], 1, 1),
    ]
    [week] = tallied(then.values(), later)
    assert (week.start, week.made, week.restated) == (WEEKS[1], 0, 1)
    assert tallied(then.values(), AT + timedelta(2)) == ()


def test_tallies_of_a_week_are_added_up() -> None:
    one = WeekTally(start=WEEKS[0], end=WEEKS[1], made=2, settled=1)
    waits = WeekTally(start=WEEKS[1], end=WEEKS[2], waiting="the bill is complete through …")

    both = added_up([waits, one, one])

    assert [(week.made, week.settled, week.waiting) for week in both] == [
        (4, 2, None),
        (0, 0, waits.waiting),
    ]


@pytest.mark.parametrize("at", [datetime(2026, 3, 29, 3, tzinfo=UTC), AT])
def test_a_zone_that_puts_its_clocks_forward_has_a_run_every_monday(at: datetime) -> None:
    runs = [Mondays(2, "Europe/Berlin").last(at + timedelta(days)) for days in range(0, 21, 7)]

    assert [run.date().weekday() for run in runs] == [0, 0, 0]
    assert len(set(runs)) == 3
