"""Crossings: what is to be told of as things stand, by the bills, schedules and credits of now.

Nothing is remembered and nothing is written here: the same bills give the same crossings, however
often they are looked at. `watch_spend` tells of those that are new.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import NamedTuple

from finops.domain.alert_settings import AlertSettings
from finops.domain.alerts import (
    Alert,
    AlertKind,
    CreditEnd,
    Crossing,
    levels_passed,
)
from finops.domain.anomalies import Anomalous, anomalies_of
from finops.domain.bills import Bill
from finops.domain.credits import CreditStatus
from finops.domain.elements import ENTERPRISE, ancestors
from finops.domain.fiscal_years import FiscalYear
from finops.domain.forecasts import Forecast, forecast, to_date
from finops.domain.money import TICKS_PER_UNIT, to_ticks
from finops.domain.month_closes import frozen_before
from finops.domain.periods import BillingPeriod
from finops.usecases.credits import Statement, Treasury, statements
from finops.usecases.plans import Planning, rolled_up
from finops.usecases.ports import Allocations, Bills, Closes, DailySpend

LOOK_BACK = 7  # complete days that are looked at for anomalies, the newest first
HISTORY = timedelta(weeks=8)  # that a forecast is made from, at least
# A month that cannot reach its schedule by so many times its costliest day is not forecast.
FAR = 3
Days = Mapping[date, int]
Series = tuple[str, str | None, str | None]  # an element, an account, a service


class WatchSources(NamedTuple):
    """What is looked at; what names no *currency* is in that of plans."""

    planning: Planning
    spend: DailySpend
    bills: Bills
    allocations: Allocations
    treasury: Treasury
    closes: Closes
    first_month: int
    currency: str


class Look(NamedTuple):
    """What was *found*, and which of the alerts there are is *over*, and why."""

    found: Sequence[Crossing] = ()
    over: Sequence[tuple[Alert, str]] = ()


def watched_months(today: date, closes: Closes, asked: str | None = None) -> list[str]:
    """This month and the one before, of which bills still come, and *asked*; those that are open."""
    now = BillingPeriod.of(today)
    named = {str(now), str(now.before), *([str(BillingPeriod(asked))] if asked else [])}
    open_from = frozen_before(closes.all().values())
    return sorted(one for one in named if BillingPeriod(one).start >= open_from)


def complete_through(month: str, sources: WatchSources) -> date | None:
    """The last day of *month* that all its bills cover, and that is allocated as it is in them.

    None where there is none yet, or a bill is being allocated: then the next look sees it.
    """
    bills = sources.bills.in_period(month)
    loads = {one.billing_account_id: one.load_id for one in sources.allocations.in_period(month)}
    if any(loads.get(bill.billing_account_id) != bill.load_id for bill in bills):
        return None
    last = BillingPeriod(month).end - timedelta(1)
    days = [last if bill.is_final else bill.complete_through for bill in bills]
    known = [day for day in days if day is not None]
    if not bills or len(known) < len(days):
        return None
    through = min(last, *known)
    return through if through >= BillingPeriod(month).start else None


# Schedules ----------------------------------------------------------------------------------------


class _Planned(NamedTuple):
    """What is approved for an element's month, which schedule says so, and what is spent of it."""

    element: str
    schedule: str
    limit: int
    spent: int


def of_schedules(
    month: str,
    today: date,
    settings: AlertSettings,
    known: Mapping[str, Alert],
    sources: WatchSources,
) -> Look:
    """Levels that were passed, and months that are going to be beyond their schedule.

    *known* are the alerts there are: what was told of already is not forecast again. An element's
    spend is that of its products with an approved schedule, as everywhere a variance is told.
    """
    year = FiscalYear.of(BillingPeriod(month).start, sources.first_month).year
    planned = {one.element: one for one in _planned(month, year, today, sources)}
    found = [
        Crossing(
            kind=AlertKind.SCHEDULE_LEVEL,
            element=one.element,
            month=month,
            currency=sources.currency,
            level=level,
            schedule=one.schedule,
            actual=one.spent,
            limit=one.limit,
        )
        for one in planned.values()
        for level in levels_passed(one.spent, one.limit, settings.levels)
    ]
    through = complete_through(month, sources)
    if through is not None and (settings.forecast or settings.pace):
        found += _going_beyond(month, through, planned, settings, known, sources)
    over = [
        (alert, "another schedule is in force")
        for alert in known.values()
        if alert.crossing.schedule is not None
        and not alert.is_over
        and alert.crossing.schedule != _schedule_now(planned, alert.element)
    ]
    return Look(found, over)


def _schedule_now(planned: Mapping[str, _Planned], element: str) -> str | None:
    return planned[element].schedule if element in planned else None


def _planned(month: str, year: int, today: date, sources: WatchSources) -> Iterator[_Planned]:
    """Every element that anything is approved for; above products, the schedule is their sum."""
    # Before the amounts: a schedule that is approved meanwhile gets its number at the next look.
    budgets = sources.planning.budgets.of_year(year)
    numbers = {product: len(budget.schedules) for product, budget in budgets.items()}
    found = rolled_up(year, today, sources.planning)
    if found is None:
        return
    chart = found.chart
    place = chart.fiscal_year.months.index(BillingPeriod(month))
    for element in (*chart.elements, ENTERPRISE):
        line = found.lines.line(element)
        if not line.budgeted:
            continue
        limit = line.approved[place]
        schedule = f"{limit} in {year}"
        if chart.product(element) is not None:
            schedule = f"number {numbers.get(element, 0)} of {year}"
        yield _Planned(element, schedule, limit, line.spent[place] - line.unbudgeted[place])


def _going_beyond(
    month: str,
    through: date,
    planned: Mapping[str, _Planned],
    settings: AlertSettings,
    known: Mapping[str, Alert],
    sources: WatchSources,
) -> list[Crossing]:
    period = BillingPeriod(month)
    if through >= period.end - timedelta(1):
        return []
    days = _by_element(sources.spend.products(_months(month, HISTORY)), planned, sources, month)
    found: list[Crossing] = []
    for one in planned.values():
        mine = days.get(one.element, {})
        if (
            one.limit <= 0
            or one.spent > one.limit
            or not _may_pass(mine, one.limit, through, period)
        ):
            continue
        told = Crossing(
            kind=AlertKind.FORECAST_BREACH,
            element=one.element,
            month=month,
            currency=sources.currency,
            schedule=one.schedule,
            limit=one.limit,
        )
        pace = told.model_copy(update={"kind": AlertKind.PACE})
        wanted = [
            each
            for each, is_on in ((told, settings.forecast), (pace, settings.pace))
            if is_on and each.alert_id not in known
        ]
        ahead = _forecast(one.element, mine, through, period, sources) if wanted else None
        if ahead is None or ahead.expected <= one.limit:
            continue
        if told in wanted:
            figures = {"expected": ahead.expected, "low": ahead.low, "high": ahead.high}
            found.append(told.model_copy(update={"actual": ahead.spent, **figures}))
        if pace in wanted:
            run = to_date(mine, one.limit, period, today_complete=through)
            if run.ahead > 0 and run.crossing is not None and run.crossing > through:
                figures = {"expected": run.planned, "actual": run.spent}
                found.append(pace.model_copy(update={"day": run.crossing, **figures}))
    return found


def _forecast(
    element: str, days: Days, through: date, month: BillingPeriod, sources: WatchSources
) -> Forecast | None:
    """That of an element's month, made anew where a complete day changed."""
    made_of = through, tuple(sorted((day, ticks) for day, ticks in days.items() if day <= through))
    return sources.planning.memo.of(
        ("forecast of alerts", element, month),
        made_of,
        lambda: forecast(days, month.end, today_complete=through),
    )


def _may_pass(days: Days, limit: int, through: date, month: BillingPeriod) -> bool:
    """Whether it is worth a forecast: whether a few times the costliest day would get there."""
    spent = sum(ticks for day, ticks in days.items() if month.start <= day <= through)
    recent = [ticks for day, ticks in days.items() if through - HISTORY < day <= through]
    most = max(recent, default=0)
    return spent + FAR * most * ((month.end - through).days - 1) > limit


def _by_element(
    products: Mapping[str, Days],
    planned: Mapping[str, _Planned],
    sources: WatchSources,
    month: str,
) -> Mapping[str, Days]:
    """The days of every element: of its products with a schedule."""
    found: defaultdict[str, dict[date, int]] = defaultdict(dict)
    for product, days in products.items():
        if product not in planned:
            continue
        for element in ancestors(product):
            mine = found[element]
            for day, ticks in days.items():
                mine[day] = mine.get(day, 0) + ticks
    return found


def _months(month: str, back: timedelta) -> list[str]:
    """*month*, and those before it that reach so far back from its start."""
    period = BillingPeriod(month)
    found, first = [period], period.start - back
    while found[0].start > first:
        found.insert(0, found[0].before)
    return [str(one) for one in found]


# Credits ------------------------------------------------------------------------------------------


def of_credits(
    today: date, settings: AlertSettings, known: Mapping[str, Alert], sources: WatchSources
) -> Look:
    """Credits that expire or are used up within the nearest of the days that are set."""
    alive = (CreditStatus.ACTIVE, CreditStatus.FUTURE)
    some = [one for one in sources.treasury.credits.all().values() if one.status(today) in alive]
    told = statements(some, today, sources.treasury) if some else []
    ends = [one for each in told for one in _ends(each, today, settings.credit_days)]
    found = [one for one in ends if not _was_nearer(one, known)]
    terms = {one.credit.credit_id: _terms(one) for one in told}
    over = [
        (alert, "the credit has ended, or has other terms")
        for alert in known.values()
        if not alert.is_over
        and alert.crossing.credit_terms != terms.get(alert.crossing.credit_id or "")
    ]
    return Look(found, over)


def _ends(statement: Statement, today: date, within: Sequence[int]) -> Iterator[Crossing]:
    credit, ahead = statement.credit, statement.ahead
    if credit.terms is None or credit.last_day is None or ahead is None:
        return
    run_out = ahead.run_out
    if not ahead.left and statement.estimates:
        run_out = statement.through  # open months have used it up by now
    for end, day in ((CreditEnd.EXPIRY, credit.last_day), (CreditEnd.RUN_OUT, run_out)):
        if day is None or (end is CreditEnd.EXPIRY and not ahead.left):
            continue
        near = [days for days in within if (day - today).days <= days]
        if near:
            yield Crossing(
                kind=AlertKind.CREDIT_RUNNING_OUT,
                element=credit.terms.product_id,
                currency=credit.terms.currency,
                credit_id=credit.credit_id,
                credit_text=credit.text,
                credit_end=end,
                credit_terms=_terms(statement),
                within=min(near),
                day=day,
                actual=ahead.left,
                limit=credit.terms.amount,
            )


def _was_nearer(crossing: Crossing, known: Mapping[str, Alert]) -> bool:
    """Whether its end was told of for fewer days: after 7 days comes no warning of 30."""
    ending = crossing.credit_id, crossing.credit_end, crossing.credit_terms
    return any(
        (one.crossing.within or 0) < (crossing.within or 0)
        for one in known.values()
        if (one.crossing.credit_id, one.crossing.credit_end, one.crossing.credit_terms) == ending
    )


def _terms(statement: Statement) -> str:
    """What decides when it ends: another one ends anew."""
    credit = statement.credit
    return f"{credit.terms.amount if credit.terms else 0} to {credit.last_day}"


# Anomalies ----------------------------------------------------------------------------------------


def of_anomalies(
    month: str, settings: AlertSettings, known: Mapping[str, Alert], sources: WatchSources
) -> Look:
    """Unusual days among the newest complete ones, of each product's services, and of accounts that
    nobody owns; an alert of a day that is usual by now is over.

    *known* are the alerts of the month and of the one before, in which a run of days may have begun.
    A product that spends less than the smallest amount on all of these days has nothing to tell.
    """
    through = complete_through(month, sources)
    if through is None:
        return Look()
    rule = settings.anomalies
    months = _months(month, timedelta(weeks=max(rule.weeks, 6) + 2))
    first = max(BillingPeriod(month).start, through - timedelta(LOOK_BACK - 1))
    days = [first + timedelta(n) for n in range((through - first).days + 1)]
    least = to_ticks(min(rule.least, rule.new_spender))
    open_ = [
        one
        for one in known.values()
        if one.kind is AlertKind.ANOMALY
        and one.book == month
        and not one.is_over
        and _day(one) <= through
    ]
    products = {
        product
        for product, ticks in sources.spend.products([month]).items()
        if any(ticks.get(day, 0) >= least for day in days)
    } | {one.element for one in open_ if one.crossing.account_id is None}
    series: dict[Series, Days] = {
        (product, None, service): ticks
        for (product, service), ticks in sources.spend.services(months, products).items()
    }
    series |= {
        (ENTERPRISE, account, None): ticks
        for account, ticks in sources.spend.unowned(months).items()
    }
    known_from = sources.spend.first_day(months)

    def unusual(of: Series, day: date) -> Anomalous | None:
        ticks = series.get(of, {})
        if ticks.get(day, 0) < least:
            return None
        return anomalies_of(ticks, day, rule, TICKS_PER_UNIT, known_from=known_from)

    runs: defaultdict[tuple[object, ...], list[Alert]] = defaultdict(list)
    for one in known.values():
        if one.kind is AlertKind.ANOMALY and not one.resolved_itself:
            runs[one.crossing.series].append(one)
    found: dict[str, Crossing] = {}
    for of in sorted(series, key=lambda one: [str(part or "") for part in one]):
        for day in days:
            seen = unusual(of, day)
            if seen is not None:
                crossing = _anomaly(of, seen, month, sources.currency)
                if not _is_of_a_run(crossing, runs[crossing.series]):
                    found.setdefault(crossing.alert_id, crossing)
    over = [
        (one, "the day is not unusual any more, by the bill as it is now")
        for one in open_
        if unusual(_series(one.crossing), _day(one)) is None
    ]
    return Look(list(found.values()), over)


def _series(of: Crossing) -> Series:
    return of.element, of.account_id, of.service


def _day(alert: Alert) -> date:
    return alert.crossing.day or date.max


def _anomaly(of: Series, seen: Anomalous, month: str, currency: str) -> Crossing:
    element, account, service = of
    return Crossing(
        kind=AlertKind.ANOMALY,
        element=element,
        month=month,
        currency=currency,
        account_id=account,
        service=service,
        since=seen.since,
        day=seen.day,
        actual=seen.actual,
        limit=seen.expected,
        is_new=seen.is_new,
    )


def _is_of_a_run(crossing: Crossing, told: Sequence[Alert]) -> bool:
    """Whether it goes on with a run of days of its series that was told of in another month, or under
    another first day.
    """
    first, last = crossing.since or date.max, crossing.day or date.min
    return any(
        one.alert_id != crossing.alert_id
        and one.crossing.since is not None
        and first <= one.crossing.since <= last
        for one in told
    )


# Late data ----------------------------------------------------------------------------------------


def of_late_data(
    at: datetime,
    months: Sequence[str],
    settings: AlertSettings,
    known: Mapping[str, Alert],
    sources: WatchSources,
) -> Look:
    """Payers of whom no bill was delivered for too long; one that came since is not late any more.

    Expected are those who have a bill of *months*, this one and the one before.
    """
    newest: dict[str, Bill] = {}
    for month in months:
        for bill in sources.bills.in_period(month):
            before = newest.get(bill.billing_account_id)
            if before is None or before.delivered_at < bill.delivered_at:
                newest[bill.billing_account_id] = bill
    found = [
        Crossing(
            kind=AlertKind.LATE_DATA,
            month=bill.billing_period,
            payer=payer,
            delivered_at=bill.delivered_at,
            within=settings.late_hours,
        )
        for payer, bill in sorted(newest.items())
        if at - bill.delivered_at > timedelta(hours=settings.late_hours)
    ]
    over = [
        (alert, "a bill was delivered")
        for alert in known.values()
        if alert.kind is AlertKind.LATE_DATA
        and not alert.is_over
        and alert.crossing.payer in newest
        and alert.crossing.delivered_at != newest[alert.crossing.payer].delivered_at
    ]
    return Look(found, over)
