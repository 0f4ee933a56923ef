"""Shares: the products that an account is split over, from when, and every split there ever was."""

from collections.abc import Iterable
from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import NamedTuple, Self

from pydantic import field_validator

from finops.domain.errors import InvalidError
from finops.domain.fiscal_years import FiscalYear
from finops.domain.periods import BillingPeriod, Period, spend_periods
from finops.domain.values import Entity, Frozen

WHOLE = 10_000  # basis points: 100 %

Shares = tuple[tuple[str, int], ...]


class ShareStatus(StrEnum):
    """Where a split is in its life, seen from a day in a month."""

    FUTURE = "Future"
    NEW = "New"
    EXPIRING = "Expiring"
    PAST = "Past"
    CURRENT = "Current"


def whole(shares: Iterable[tuple[str, int]]) -> Shares:
    """*shares* as (product, basis points) by product, where they are the whole of an account.

    >>> whole([("web-shop", 6_000), ("data-lake", 4_000)])
    (('data-lake', 4000), ('web-shop', 6000))

    Raises InvalidError for a part of less than 0.01 %, a product named twice, and any other sum
    than 100 %. Source: specification section 7.1.
    """
    listed = sorted(shares)
    if not listed:
        raise InvalidError("name at least one product; its share is then 100 %")
    for product, points in listed:
        if type(points) is not int or points < 1:
            raise InvalidError(
                f"the share of {product} is {points!r}; a share is a whole number of basis points, "
                "1 (0.01 %) or more"
            )
    names = [product for product, _ in listed]
    if twice := [name for name in dict.fromkeys(names) if names.count(name) > 1]:
        raise InvalidError(f"{twice[0]} is named twice; give each product one share")
    total = sum(points for _, points in listed)
    if total != WHOLE:
        gap = f"{_percent(abs(total - WHOLE))} too {'much' if total > WHOLE else 'little'}"
        raise InvalidError(
            f"the shares add up to {_percent(total)}, which is {gap}; they have to add up to "
            f"{_percent(WHOLE)}"
        )
    return tuple(listed)


class Revision(Frozen):
    """A split of an account over the days [*start*, *end*); *shares* are by product.

    *number* counts the account's revisions from 1.
    """

    number: int
    start: date
    end: date
    shares: Shares
    set_by: str
    set_at: datetime
    reason: str | None = None

    @field_validator("shares")
    @classmethod
    def _is_whole(cls, shares: Shares) -> Shares:
        return whole(shares)

    def __contains__(self, day: date) -> bool:
        return self.start <= day < self.end


class Span(NamedTuple):
    """Days [*start*, *end*) with one split in force; None: nobody has said whose the account is."""

    start: date
    end: date
    revision: Revision | None


class Renewal(Frozen):
    """The split of this year, proposed for the next one."""

    account_id: str
    start: date
    end: date
    shares: Shares


class AccountShares(Entity):
    """Every split of an account, oldest first; of those that cover a day, the newest is in force.

    None ever goes or changes. A split that is set later goes before all that was planned from its
    start on.
    """

    account_id: str
    revisions: tuple[Revision, ...] = ()

    def on(self, day: date, known_at: datetime | None = None) -> Revision | None:
        """The split in force on *day*; as it was known at a moment, where one is given."""
        known = self._known(known_at)
        return next((revision for revision in reversed(known) if day in revision), None)

    def spans(self, period: Period, known_at: datetime | None = None) -> tuple[Span, ...]:
        """*period* cut where another split comes into force, without gaps or overlaps."""
        known = self._known(known_at)
        edges = {day for revision in known for day in (revision.start, revision.end)}
        cuts = sorted({period.start, *(day for day in edges if day in period)})
        spans: list[Span] = []
        for start, end in zip(cuts, [*cuts[1:], period.end], strict=True):
            in_force = self.on(start, known_at)
            if spans and spans[-1].revision is in_force:
                spans[-1] = spans[-1]._replace(end=end)
            elif start < end:
                spans.append(Span(start, end, in_force))
        return tuple(spans)

    def mapped(
        self,
        shares: Iterable[tuple[str, int]],
        *,
        start: date | None = None,
        first_month: int = 1,
        open_from: date,
        joined: date | None = None,
        by: str,
        at: datetime,
        reason: str | None = None,
    ) -> Self:
        """This account split anew, from `begins` to the end of the fiscal year of that day.

        The first split is one for each fiscal year up to that of *at*, see `terms`. Fiscal years
        start with *first_month*.

        Raises InvalidError for another start, and for shares that are not `whole`.
        """
        split = whole(shares)
        today = at.date()
        begins = self.begins(start, today, open_from=open_from, joined=joined)
        new = (
            Revision(
                number=number,
                start=term.start,
                end=term.end,
                shares=split,
                set_by=by,
                set_at=at,
                reason=reason,
            )
            for number, term in enumerate(
                terms(begins, begins if self.revisions else today, first_month),
                start=len(self.revisions) + 1,
            )
        )
        return self.changed(revisions=(*self.revisions, *new))

    def begins(
        self, start: date | None, today: date, *, open_from: date, joined: date | None = None
    ) -> date:
        """The day that a new split starts on, where *start* is asked for.

        The first split needs none: it is what `first_start` says. Every other one is the first day
        of a spend period that is not before *open_from*, the first day of the first open month.
        Raises InvalidError for any other.
        """
        first = first_start(today, joined=joined, open_from=open_from)
        if not self.revisions and start in (None, first):
            return first
        return _remap_start(start, open_from)

    def status(self, revision: Revision, day: date) -> ShareStatus:
        """Where *revision* is in its life on *day*, by the days on which it is in force.

        Past once it has ended, also within the month; new goes before expiring. One that a later
        split took the place of before it began is past as well. Source: specification section 7.1.
        """
        spans = self.spans(Period(revision.start, revision.end))
        days = [span for span in spans if span.revision and span.revision.number == revision.number]
        if not days:
            return ShareStatus.PAST
        first, last = days[0].start, days[-1].end - timedelta(1)
        month = BillingPeriod.of(day).period
        if first > day:
            return ShareStatus.FUTURE
        if last < day:
            return ShareStatus.PAST
        if first in month:
            return ShareStatus.NEW
        return ShareStatus.EXPIRING if last in month else ShareStatus.CURRENT

    def renewal(self, today: date, *, year: FiscalYear) -> Renewal | None:
        """What to propose for the year after *year*: the shares that it ends with.

        None before the last month of *year*, where nothing is in force at its end, and where
        somebody has said already what comes next.
        """
        following = FiscalYear(year.year + 1, year.first_month)
        ending = self.on(year.last_day)
        if today < year.months[-1].start or ending is None or self.on(following.start):
            return None
        return Renewal(
            account_id=self.account_id,
            start=following.start,
            end=following.end,
            shares=ending.shares,
        )

    def _known(self, at: datetime | None) -> tuple[Revision, ...]:
        if at is None:
            return self.revisions
        return tuple(revision for revision in self.revisions if revision.set_at <= at)


def first_start(today: date, *, joined: date | None, open_from: date) -> date:
    """The day that the first split of an account starts on.

    When the account joined, but not before the month before this one, nor in a closed month.

    >>> first_start(date(2026, 11, 20), joined=date(2026, 11, 12), open_from=date(2026, 10, 1))
    datetime.date(2026, 11, 12)
    """
    last_month = (today.replace(day=1) - timedelta(1)).replace(day=1)
    return max(last_month, open_from, joined or last_month)


def terms(start: date, today: date, first_month: int = 1) -> tuple[Period, ...]:
    """The days from *start* on by fiscal year, up to the end of the one that *today* lies in.

    A split ends with the fiscal year of its start. Where that is over already, the account would be
    nobody's today: the first split that is set in January starts in December.

    >>> [f"{term.start} {term.end}" for term in terms(date(2026, 12, 1), date(2027, 1, 5))]
    ['2026-12-01 2027-01-01', '2027-01-01 2028-01-01']
    """
    first, last = (FiscalYear.of(day, first_month).year for day in (start, max(start, today)))
    years = [FiscalYear(year, first_month) for year in range(first, last + 1)]
    return tuple(Period(max(start, year.start), year.end) for year in years)


def _remap_start(start: date | None, open_from: date) -> date:
    if start is None:
        raise InvalidError("say from when: a new split starts on the first day of a spend period")
    if start < open_from:
        raise InvalidError(
            f"{start} is in a closed month; a new split starts on {open_from} or later"
        )
    starts = [period.start for period in spend_periods(BillingPeriod.of(start))]
    if start not in starts:
        listed = ", ".join(str(day) for day in starts)
        raise InvalidError(
            f"no spend period starts on {start}; those of its month start on {listed}"
        )
    return start


def _percent(points: int) -> str:
    return f"{points // 100}.{points % 100:02} %"
