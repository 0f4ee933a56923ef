"""Steps of saving cards: what one transaction takes, and no more."""

from datetime import UTC, date, datetime

from hypothesis import given, settings
from hypothesis import strategies as st

from finops.domain.audit import Deed
from finops.domain.paces import Pace
from finops.domain.periods import BillingPeriod, spend_periods
from finops.domain.spend_cards import Adjustment, CardKey, Cause, Spend, SpendCard, months_booked
from finops.usecases.card_steps import LINES, alone, steps
from finops.usecases.ports import Save
from tests.usecases.card_making import lines

AT = datetime(2026, 9, 14, 6, tzinfo=UTC)
MONTHS = [f"2026-{number:02}" for number in range(1, 9)]
WEEKS = [week.start for month in MONTHS for week in spend_periods(BillingPeriod(month))]


def save(start: date, count: int = 1, *about: date) -> Save:
    spend = Spend(lines=lines(**{f"service{number}": 1 for number in range(count)}))
    due = [
        Adjustment(start=day, cause=Cause.BILL, runs=("r",), lines=lines(ec2=1), made_at=AT)
        for day in about
    ]
    card = SpendCard.made(CardKey("a.b.c.d", start, "USD"), spend, due=due, pace=Pace(), at=AT)
    return Save(None, card, Deed(action="Make"))


def test_a_step_takes_49_cards_of_a_month_with_their_records() -> None:
    some = [save(WEEKS[0])] * 60

    assert [len(step) for step in steps(some, alone)] == [49, 11]


def test_each_month_that_cards_or_their_new_adjustments_are_about_is_looked_at_once() -> None:
    of_two = [save(WEEKS[6], 1, WEEKS[0])] * 60
    known = [Save(one.after, one.after, one.deed) for one in of_two]

    assert [len(step) for step in steps(of_two, alone)] == [48, 12]
    assert [len(step) for step in steps(known, alone)] == [49, 11]


def test_cards_with_many_lines_are_fewer_in_a_step_and_one_at_least() -> None:
    some = [save(WEEKS[0], LINES + 1), save(WEEKS[1], LINES // 2), save(WEEKS[2], LINES // 2)]

    assert [len(step) for step in steps(some, alone)] == [1, 2]


def test_what_belongs_together_stays_together() -> None:
    groups = [[save(start) for start in WEEKS[:20]] for _ in range(3)]

    assert [len(step) for step in steps(groups, lambda group: group)] == [2, 1]


@settings(max_examples=40, deadline=None, derandomize=True)
@given(st.lists(st.tuples(st.sampled_from(WEEKS), st.integers(0, 400)), max_size=80))
def test_every_step_is_taken_and_nothing_is_lost(told: list[tuple[date, int]]) -> None:
    some = [save(*one) for one in told]

    found = list(steps(some, alone))

    assert [one for step in found for one in step] == some
    for step in found:
        months = {month for one in step for month in months_booked(one.before, one.after)}
        assert 2 * len(step) + len(months) + 1 <= 100
        assert sum(len(one.after.lines) for one in step) <= LINES
