"""An account is split to the last basis point, from a day on, and nothing is ever forgotten."""

from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from finops.domain.errors import InvalidError
from finops.domain.fiscal_years import FiscalYear
from finops.domain.periods import BillingPeriod, Period
from finops.domain.shares import (
    AccountShares,
    Renewal,
    Revision,
    ShareStatus,
    first_start,
    whole,
)

some = settings(max_examples=100, deadline=None, derandomize=True)

ANN = "ann@example.com"
ACCOUNT = AccountShares(account_id="444455556666")
YEAR = FiscalYear(2026)
NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
TODAY = NOON.date()
OPEN = date(2026, 10, 1)
HALVES = (("P1", 5_000), ("P2", 5_000))
SOLE = (("P1", 10_000),)


def mapped(
    of: AccountShares = ACCOUNT, shares: Any = SOLE, start: date | None = None, **told: Any
) -> AccountShares:
    given: dict[str, Any] = {"open_from": OPEN, "by": ANN, "at": NOON}
    return of.mapped(shares, start=start, **given | told)


# -- the parts --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "shares, reason",
    [
        ([("P1", 9_999)], "add up to 99.99 %, which is 0.01 % too little"),
        ([("P1", 5_001), ("P2", 5_000)], "add up to 100.01 %, which is 0.01 % too much"),
        ([("P1", 5_000), ("P1", 5_000)], "P1 is named twice"),
        ([("P1", 10_000), ("P2", 0)], "the share of P2 is 0"),
        ([("P1", 10_001), ("P2", -1)], "the share of P2 is -1"),
        ([("P1", 10_000.0)], "the share of P1 is 10000.0"),
        ([("P1", 9_999), ("P2", True)], "the share of P2 is True"),
        ([], "name at least one product"),
    ],
)
def test_shares_that_are_not_the_whole_are_refused(shares: Any, reason: str) -> None:
    with pytest.raises(InvalidError, match=reason):
        mapped(shares=shares)


def test_a_revision_cannot_be_made_of_less_than_the_whole() -> None:
    with pytest.raises(InvalidError, match="add up to 99"):
        Revision(
            number=1, start=OPEN, end=YEAR.end, shares=(("P1", 9_999),), set_by=ANN, set_at=NOON
        )


@some
@given(st.dictionaries(st.text(min_size=1, max_size=3), st.integers(1, 4_000), min_size=1))
def test_the_order_in_which_shares_are_named_changes_nothing(shares: dict[str, int]) -> None:
    rest = 10_000 - sum(shares.values())
    if rest < 1:
        with pytest.raises(InvalidError):
            whole(shares.items())
        return
    shares = {**shares, "the rest": rest + shares.get("the rest", 0)}

    assert whole(shares.items()) == whole(reversed(shares.items())) == tuple(sorted(shares.items()))


# -- when a split starts ----------------------------------------------------------------------


@pytest.mark.parametrize(
    "joined, open_from, start",
    [
        (None, date(2026, 9, 1), date(2026, 10, 1)),  # the month before this one
        (date(2026, 1, 5), date(2026, 9, 1), date(2026, 10, 1)),
        (date(2026, 10, 17), date(2026, 9, 1), date(2026, 10, 17)),
        (date(2026, 11, 12), date(2026, 9, 1), date(2026, 11, 12)),
        (date(2026, 10, 17), date(2026, 11, 1), date(2026, 11, 1)),  # October is closed
    ],
)
def test_the_first_split_starts_when_the_account_joined_within_two_months_that_are_open(
    joined: date | None, open_from: date, start: date
) -> None:
    assert first_start(TODAY, joined=joined, open_from=open_from) == start
    assert mapped(joined=joined, open_from=open_from).revisions[0].start == start


def test_the_first_split_may_be_told_a_start_like_any_other_one() -> None:
    joined = date(2026, 11, 12)

    assert mapped(start=OPEN) == mapped()
    assert mapped(start=date(2026, 11, 8)).revisions[0].start == date(2026, 11, 8)
    assert mapped(start=joined, joined=joined) == mapped(joined=joined)
    with pytest.raises(InvalidError, match="no spend period starts on 2026-11-12"):
        mapped(start=joined)


@pytest.mark.parametrize("start", [date(2026, 10, 1), date(2026, 11, 1), date(2026, 12, 6)])
def test_a_remap_starts_with_a_spend_period_of_an_open_month(start: date) -> None:
    again = mapped(mapped(), HALVES, start, reason="P2 moved in")

    assert again.revisions[0] == mapped().revisions[0]
    assert again.revisions[1] == Revision(
        number=2,
        start=start,
        end=YEAR.end,
        shares=HALVES,
        set_by=ANN,
        set_at=NOON,
        reason="P2 moved in",
    )


@pytest.mark.parametrize(
    "start, reason",
    [
        (None, "say from when"),
        (date(2026, 11, 10), "no spend period starts on 2026-11-10; .*2026-11-08, 2026-11-15"),
        (date(2026, 9, 27), "2026-09-27 is in a closed month; .* 2026-10-01 or later"),
    ],
)
def test_a_remap_on_any_other_day_is_refused(start: date | None, reason: str) -> None:
    with pytest.raises(InvalidError, match=reason):
        mapped(mapped(), HALVES, start)


JANUARY = datetime(2027, 1, 5, 9, tzinfo=UTC)


def days(of: AccountShares) -> list[tuple[date, date]]:
    return [(one.start, one.end) for one in of.revisions]


@pytest.mark.parametrize("start", [None, date(2026, 12, 1), date(2026, 12, 6)])
def test_a_first_split_of_a_year_that_is_over_goes_on_in_this_one(start: date | None) -> None:
    of = mapped(start=start, at=JANUARY)

    edge, end = date(2027, 1, 1), date(2028, 1, 1)
    assert days(of) == [(start or date(2026, 12, 1), edge), (edge, end)]
    assert [one.number for one in of.revisions] == [1, 2]
    assert {one.shares for one in of.revisions} == {SOLE}
    assert of.on(JANUARY.date()) == of.revisions[1]


def test_every_split_ends_with_the_fiscal_year_of_its_own_start() -> None:
    edge = date(2027, 1, 1)

    assert days(mapped(mapped(), HALVES, edge))[1] == (edge, date(2028, 1, 1))
    # A correction of last year says nothing of this one.
    assert days(mapped(mapped(), HALVES, date(2026, 12, 6), at=JANUARY))[1:] == [
        (date(2026, 12, 6), edge)
    ]
    june = datetime(2026, 7, 3, tzinfo=UTC)
    of = mapped(at=june, open_from=date(2026, 1, 1), first_month=7)
    assert days(of) == [
        (date(2026, 6, 1), date(2026, 7, 1)),
        (date(2026, 7, 1), date(2027, 7, 1)),
    ]


# -- what is in force -------------------------------------------------------------------------


def test_the_newest_split_that_covers_a_day_is_in_force() -> None:
    of = mapped(mapped(), HALVES, date(2026, 11, 8))
    first, second = of.revisions

    assert of.on(date(2026, 9, 30)) is None
    assert of.on(date(2026, 11, 7)) == first
    assert of.on(date(2026, 11, 8)) == of.on(date(2026, 12, 31)) == second
    assert of.on(date(2027, 1, 1)) is None


def test_what_was_known_before_a_change_stays_known() -> None:
    later = NOON + timedelta(days=5)
    of = mapped(mapped(), HALVES, OPEN, at=later)

    assert of.on(OPEN) == of.revisions[1]
    assert of.on(OPEN, known_at=NOON) == of.revisions[0]
    assert of.on(OPEN, known_at=later) == of.revisions[1]
    assert of.on(OPEN, known_at=NOON - timedelta(seconds=1)) is None


def test_spans_tell_who_pays_on_the_days_of_a_month() -> None:
    of = mapped(mapped(joined=date(2026, 11, 3)), HALVES, date(2026, 11, 15))
    first, second = of.revisions

    assert of.spans(BillingPeriod("2026-11").period) == (
        (date(2026, 11, 1), date(2026, 11, 3), None),
        (date(2026, 11, 3), date(2026, 11, 15), first),
        (date(2026, 11, 15), date(2026, 12, 1), second),
    )
    assert ACCOUNT.spans(Period(TODAY, TODAY)) == ()


MARCH = date(2026, 3, 1)


@some
@given(
    st.lists(st.tuples(st.integers(0, 30), st.integers(1, 30), st.integers(0, 5)), max_size=6),
    st.integers(0, 30),
    st.integers(0, 30),
    st.integers(0, 5),
)
def test_spans_cover_a_period_without_gaps_and_say_what_each_day_says(
    told: list[tuple[int, int, int]], start: int, days: int, known: int
) -> None:
    revisions = tuple(
        Revision(
            number=number,
            start=MARCH + timedelta(first),
            end=MARCH + timedelta(first + length),
            shares=SOLE,
            set_by=ANN,
            set_at=NOON + timedelta(set_on),
        )
        for number, (first, length, set_on) in enumerate(told, start=1)
    )
    of = AccountShares(account_id="1", revisions=revisions)
    period = Period(MARCH + timedelta(start), MARCH + timedelta(start + days))
    known_at = NOON + timedelta(known)

    spans = of.spans(period, known_at)

    by_day = [(day, s.revision) for s in spans for day in Period(s.start, s.end)]
    assert by_day == [(day, of.on(day, known_at)) for day in period]
    assert all(a.revision != b.revision for a, b in pairwise(spans))


# -- status -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "start, end, status",
    [
        (date(2026, 11, 21), date(2027, 1, 1), ShareStatus.FUTURE),
        (date(2026, 11, 20), date(2027, 1, 1), ShareStatus.NEW),
        (date(2026, 11, 1), date(2027, 1, 1), ShareStatus.NEW),
        (date(2026, 11, 1), date(2026, 11, 21), ShareStatus.NEW),
        (date(2026, 10, 31), date(2026, 11, 21), ShareStatus.EXPIRING),
        (date(2026, 10, 31), date(2026, 12, 1), ShareStatus.EXPIRING),
        (date(2026, 10, 31), date(2026, 12, 2), ShareStatus.CURRENT),
        (date(2026, 10, 31), date(2026, 11, 20), ShareStatus.PAST),
        (date(2026, 11, 1), date(2026, 11, 20), ShareStatus.PAST),
        (date(2026, 1, 1), date(2026, 11, 1), ShareStatus.PAST),
    ],
)
def test_a_split_has_a_status_on_the_20th_of_november(
    start: date, end: date, status: ShareStatus
) -> None:
    of = Revision(number=1, start=start, end=end, shares=SOLE, set_by=ANN, set_at=NOON)
    account = AccountShares(account_id="1", revisions=(of,))

    assert account.status(of, TODAY) is status


def test_a_split_is_past_when_a_later_one_has_taken_its_place() -> None:
    of = mapped(mapped(), HALVES, date(2026, 11, 8))
    first, second = of.revisions

    assert of.status(first, date(2026, 11, 7)) is ShareStatus.EXPIRING
    assert of.status(first, date(2026, 11, 8)) is ShareStatus.PAST
    assert of.status(second, date(2026, 11, 8)) is ShareStatus.NEW
    back_dated = mapped(of, SOLE, OPEN)
    assert back_dated.status(second, date(2026, 10, 1)) is ShareStatus.PAST


# -- renewal ----------------------------------------------------------------------------------


def test_a_month_before_the_year_ends_the_same_shares_are_proposed_for_the_next() -> None:
    of = mapped(mapped(), HALVES, date(2026, 11, 8))

    assert of.renewal(date(2026, 11, 30), year=YEAR) is None
    assert of.renewal(date(2026, 12, 1), year=YEAR) == Renewal(
        account_id=of.account_id, start=date(2027, 1, 1), end=date(2028, 1, 1), shares=HALVES
    )


def test_nothing_is_proposed_where_nothing_ends_or_somebody_has_said_what_comes() -> None:
    next_year = mapped(mapped(), HALVES, date(2027, 1, 1))

    assert ACCOUNT.renewal(date(2026, 12, 1), year=YEAR) is None
    assert next_year.renewal(date(2026, 12, 1), year=YEAR) is None


def test_a_year_from_july_is_renewed_in_june() -> None:
    year = FiscalYear(2026, first_month=7)
    of = mapped(open_from=date(2026, 3, 1), at=datetime(2026, 4, 9, tzinfo=UTC), first_month=7)

    assert of.renewal(date(2026, 5, 31), year=year) is None
    proposed = of.renewal(date(2026, 6, 1), year=year)
    assert proposed is not None
    assert (proposed.start, proposed.end) == (date(2026, 7, 1), date(2027, 7, 1))
