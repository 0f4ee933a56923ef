"""Card runs: which business weeks are due at a moment, and what a run makes of a product's cards."""

import re
from collections.abc import Collection, Iterable, Mapping
from datetime import date, datetime, time, timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo

from finops.domain.errors import InvalidError
from finops.domain.paces import Pace
from finops.domain.periods import (
    BillingPeriod,
    Period,
    is_last_of_month,
    spend_period,
    spend_periods,
)
from finops.domain.restatements import restated
from finops.domain.spend_cards import (
    CardCommand,
    CardKey,
    CardSettings,
    Cause,
    Spend,
    SpendCard,
)
from finops.domain.values import Frozen

WEEK = timedelta(7)


class Mondays(NamedTuple):
    """When cards are made: every Monday at an hour of a time zone, by its IANA name."""

    hour: int
    time_zone: str

    def last(self, at: datetime) -> datetime:
        """The newest of them by *at*.

        >>> from datetime import UTC
        >>> sunday = datetime(2026, 8, 16, 23, tzinfo=UTC)
        >>> str(Mondays(6, "UTC").last(sunday)), str(Mondays(6, "Asia/Tokyo").last(sunday))
        ('2026-08-10 06:00:00+00:00', '2026-08-17 06:00:00+09:00')
        """
        zone = ZoneInfo(self.time_zone)
        today = at.astimezone(zone).date()
        found = datetime.combine(today - timedelta(today.weekday()), time(self.hour), zone)
        return found if found <= at else found - WEEK

    def following(self, period: Period) -> datetime:
        """The first of them after *period* is over."""
        found = datetime.combine(period.end, time(0), ZoneInfo("UTC"))
        last = self.last(found)
        return last if last == found else last + WEEK


def asked_period(said: str) -> Period:
    """The days that somebody names by a month, or by a day of a business week.

    >>> asked_period("2026-08").days, str(asked_period("2026-08-12").start)
    (31, '2026-08-09')

    Raises InvalidError for anything else.
    """
    if re.fullmatch(r"\d{4}-\d{2}-\d{2}", said, re.ASCII):
        try:
            day = date.fromisoformat(said)
        except ValueError as error:
            raise InvalidError(f"period {said}: there is no such day") from error
        return spend_period(day)
    try:
        return BillingPeriod(said).period
    except InvalidError as error:
        raise InvalidError(
            f"period {said[:40]!r}: write a month as YYYY-MM, or a week by one of its days, "
            "as YYYY-MM-DD"
        ) from error


def weeks_of(months: Iterable[str], asked: Period | None) -> list[Period]:
    """The business weeks of *months*, in order; those of the days *asked* for, where there are any."""
    return [
        week
        for month in sorted(months)
        for week in spend_periods(BillingPeriod(month))
        if asked is None or week.start in asked
    ]


def brought_up(
    cards: Iterable[SpendCard],
    latest: Mapping[date, Spend],
    due: Mapping[CardKey, Pace],
    *,
    spares: Mapping[CardKey, Pace] | None = None,
    final: Collection[str],
    cause: Cause | Mapping[date, Cause],
    settings: CardSettings,
    closed_before: date = date.min,
    by: str,
    at: datetime,
) -> tuple[SpendCard, ...]:
    """What a run makes and changes of a product's *cards* in one currency, by week.

    They are restated to *latest*, by week (`restatements.restated`). Then the cards that are *due*
    and not there are made, each with its pace and with the adjustments that wait for it. Those of
    the months whose bill is *final* are final themselves, and what settles by itself does. A card of
    *spares* is made only where adjustments wait that no other card takes: a product that has ended,
    or spends in a currency no more, gets no card that could. All weeks of *due* and *spares* are in
    *latest*. The same once more makes and changes nothing.
    """
    before = {card.start: card for card in cards}
    found = restated(
        before.values(), latest, cause=cause, closed_before=closed_before, by=by, at=at
    )
    after = before | {card.start: card for card in found.cards}
    waiting = found.due
    paces = {**(spares or {}), **due}
    for key in sorted(paces, key=lambda one: one.start):
        carried = [one for one in waiting if one.start < key.start]
        is_needed = key in due or carried
        if key.start in after or key.start < closed_before or not is_needed:
            continue
        month = BillingPeriod.of(key.start)
        after[key.start] = SpendCard.made(
            key,
            latest[key.start],
            due=carried,
            pace=paces[key],
            is_provisional=is_last_of_month(spend_period(key.start)) and month not in final,
            at=at,
        )
        waiting = tuple(one for one in waiting if one.start >= key.start)
    for start, card in after.items():
        if start in latest and start >= closed_before:
            known = card.finalised(at) if card.month in final else card
            after[start] = known.settled(settings, by=by, at=at)
    return tuple(after[start] for start in sorted(after) if after[start] != before.get(start))


# What came of a run -------------------------------------------------------------------------------


class WeekTally(Frozen):
    """What a run did to the cards of a business week.

    *settled* are of all the others, too: approved or accepted by themselves. *waiting* says why the
    cards of the week are not made yet, where they are not.
    """

    start: date
    end: date
    made: int = 0
    restated: int = 0
    reopened: int = 0
    settled: int = 0
    waiting: str | None = None

    @property
    def is_quiet(self) -> bool:
        return not (self.made or self.restated or self.reopened or self.settled)


def tallied(cards: Iterable[SpendCard], at: datetime) -> tuple[WeekTally, ...]:
    """What the run at a moment did to *cards*, as they say themselves, by week.

    So a step that died after its work and is taken again tells the same.
    """
    counts: dict[date, dict[str, int]] = {}
    ends: dict[date, date] = {}
    for card in cards:
        done = [step for step in card.history if step.at == at and step.is_automatic]
        is_reopened = any(former.until == at for former in card.former)
        is_settled = any(step.command is not CardCommand.RECOMPUTE for step in done)
        is_made = card.made_at == at
        told = {
            "made": is_made,
            "reopened": is_reopened,
            "settled": is_settled,
            "restated": card.changed_at == at and not (is_made or is_reopened or is_settled),
        }
        of_week = counts.setdefault(card.start, dict.fromkeys(told, 0))
        ends[card.start] = card.end
        for name, is_so in told.items():
            of_week[name] += is_so
    return tuple(
        WeekTally(start=start, end=ends[start], **counts[start])
        for start in sorted(counts)
        if any(counts[start].values())
    )


def added_up(tallies: Iterable[WeekTally]) -> tuple[WeekTally, ...]:
    """Tallies put together, one for each week, in order."""
    sums: dict[date, WeekTally] = {}
    for one in tallies:
        known = sums.get(one.start)
        if known is None:
            sums[one.start] = one
            continue
        sums[one.start] = WeekTally(
            start=one.start,
            end=one.end,
            made=known.made + one.made,
            restated=known.restated + one.restated,
            reopened=known.reopened + one.reopened,
            settled=known.settled + one.settled,
            waiting=known.waiting or one.waiting,
        )
    return tuple(sums[start] for start in sorted(sums))
