"""The cost report: what a scope cost in a week or a month, put together from spend cubes."""

import unicodedata
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date, datetime, timedelta
from functools import cached_property
from typing import NamedTuple

from finops.domain import cost_reports as rules
from finops.domain.authorization import Action, Reach, must, must_reach
from finops.domain.chart_loads import ChartHead
from finops.domain.charts import Chart
from finops.domain.cost_reports import (
    BillFreshness,
    ChangePart,
    CostReport,
    DayAmount,
    MarkedRow,
    MonthAhead,
    ReportBreakdown,
    ReportFigures,
    ReportRow,
    ReportSection,
    ReportSpan,
    RowKind,
    ScheduleToDate,
    ServiceGroup,
    ZeroValue,
    in_as_many_days,
    kept_rows,
    points,
    reaches,
    together,
)
from finops.domain.elements import ENTERPRISE, LEVELS, level
from finops.domain.errors import InvalidError, NotFoundError
from finops.domain.fiscal_years import FiscalYear
from finops.domain.forecasts import forecast
from finops.domain.organisation_settings import OrganisationSettings
from finops.domain.people import Person
from finops.domain.periods import BillingPeriod, Period
from finops.domain.report_settings import AccountFilter, Dimension, Threshold
from finops.domain.spend_cubes import CREDIT, OWNERS, TAG, CubeHead, CubeQuery
from finops.usecases.organisation_settings import in_force
from finops.usecases.plans import Planning, rolled_up
from finops.usecases.ports import Accounts, Charts, SettingsKept, SpendCubes

MONTHS_BACK = 3  # before the report's last month: what forecasts learn from, and zero tags are of
TOP = 5  # services of a group
MOST_GROUPS = 20
MOST_ZEROS = 200
DAY = timedelta(1)
LONGEST_NAME = 80
NAMES: Mapping[RowKind, str] = {
    RowKind.NOBODY: "Nobody owns it",
    RowKind.LEFT_OUT: "Accounts left out",
}
ABSENT: Mapping[str, str] = {
    Dimension.ACCOUNT: "No account",
    Dimension.SERVICE: "No service",
    Dimension.REGION: "No region",
    Dimension.TAG: "Untagged",
}
OWNER = "Owner"
# What of a cube each dimension of a report is.
COLUMNS: Mapping[str, str] = {
    Dimension.ACCOUNT: "account",
    Dimension.SERVICE: "service",
    Dimension.REGION: "region",
}

Value = str | None
Values = tuple[Value, ...]
# By currency and what the dimensions have, in ticks.
Sums = Mapping[tuple[str, Values], int]
Counted = Counter[tuple[str, Values]]


class ReportSources(NamedTuple):
    """What reports are made of; *currency* is that of plans, and of what names none."""

    cubes: SpendCubes
    charts: Charts
    accounts: Accounts
    planning: Planning
    settings: SettingsKept
    first_month: int
    currency: str


# What is asked --------------------------------------------------------------------------------------


def report_for(
    element: str, span: ReportSpan, *, by: Person, at: datetime, sources: ReportSources
) -> CostReport:
    """The report of an element as *by* may see it; of the enterprise, what is in their scope.

    Raises NotFoundError outside of it and for an element that no chart has, InvalidError for a span
    that has not begun.
    """
    elements = scope_of(element, by=by)
    if element != ENTERPRISE and not Names(span.last_day, sources).has(element):
        raise NotFoundError(f"there is no {element} in the chart of accounts")
    if span.start > at.date():
        raise InvalidError(f"end {span.end}: {span.label} has not begun; name one that has")
    chosen = in_force(sources.settings)
    return cost_report(
        span, elements, chosen.reports.thresholds, at=at, chosen=chosen, sources=sources
    )


def scope_of(element: str, *, by: Person) -> tuple[str, ...]:
    """The elements that a report of *element* is about for *by*; none are all there is."""
    reach = must_reach(by, Action.SEE_REPORTS)
    if element != ENTERPRISE:
        must(by, Action.SEE_REPORTS, element)
        return (element,)
    if reach is Reach.EVERYWHERE:
        return ()
    if not by.reach:
        raise NotFoundError("your financial scope is empty; a financial admin grants one")
    return tuple(sorted(by.reach))


def may_see(elements: Sequence[str], *, by: Person) -> bool:
    """Whether a report of *elements* is for *by*, who may see reports at all."""
    if must_reach(by, Action.SEE_REPORTS) is Reach.EVERYWHERE:
        return True
    return bool(elements) and all(by.covers(element) for element in elements)


def cost_report(
    span: ReportSpan,
    elements: tuple[str, ...],
    thresholds: Sequence[Threshold],
    *,
    at: datetime,
    chosen: OrganisationSettings,
    sources: ReportSources,
) -> CostReport:
    """What *elements* cost in *span*, against the span before; none are the whole enterprise.

    It asks cubes alone, so its totals are those of the bills in force. What is missing of them is
    said in it, and nothing is made up.
    """
    names = Names(span.last_day, sources)
    return _Assembly(span, elements, tuple(thresholds), at, chosen, sources, names).report()


# Names ----------------------------------------------------------------------------------------------


def shown_name(said: str, longest: int = LONGEST_NAME) -> str:
    """*said* on one line, not too long, and turning no letters around it.

    >>> shown_name("a\\n b\\u202ec"), len(shown_name("x" * 10_000))
    ('a bc', 80)
    """
    plain = "".join(one for one in said if one not in _TURNING)
    line = " ".join(plain.split())
    if line != "" and not line.isprintable():
        line = "".join(one if one.isprintable() else "\N{REPLACEMENT CHARACTER}" for one in line)
    cut = line if len(line) <= longest else f"{line[: longest - 1]}…"
    if any(unicodedata.bidirectional(one) in _FROM_RIGHT for one in cut):
        return f"\N{FIRST STRONG ISOLATE}{cut}\N{POP DIRECTIONAL ISOLATE}"
    return cut


_FROM_RIGHT = frozenset({"R", "AL"})  # scripts that are read so
# Marks of direction: overrides, embeddings, isolates.
_TURNING = frozenset("\u200e\u200f\u061c\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")


class Names:
    """What elements and accounts are called on a day."""

    def __init__(self, day: date, sources: ReportSources) -> None:
        self._day, self._sources = day, sources
        self._read: list[Chart] = []

    @cached_property
    def _heads(self) -> Sequence[ChartHead]:
        """That of the day's year first, then the newest."""
        year = FiscalYear.of(self._day, self._sources.first_month).year
        return sorted(
            self._sources.charts.heads(), key=lambda head: (head.year != year, -head.year)
        )

    def _charts(self) -> Iterator[Chart]:
        """Those of other years are read where somebody asks for what the first does not have."""
        for place, head in enumerate(self._heads):
            if place == len(self._read):
                self._read.append(self._sources.charts.read(head))
            yield self._read[place]

    @cached_property
    def _accounts(self) -> Mapping[str, str]:
        named = (
            (one.account_id, one.name_on(self._day) or one.name)
            for one in self._sources.accounts.all()
        )
        return {account_id: name for account_id, name in named if name}

    def has(self, element: str) -> bool:
        return any(chart.products_under(element) for chart in self._charts())

    def element(self, element: str) -> str:
        for chart in self._charts():
            if chart.products_under(element):
                return shown_name(chart.names(element))
        return element

    def account(self, account_id: str) -> str:
        name = self._accounts.get(account_id)
        return shown_name(f"{name} ({account_id})" if name else account_id)

    def scope(self, elements: Sequence[str]) -> str:
        if not elements:
            return "the enterprise"
        named = [self.element(one) for one in elements]
        if len(named) > TOP:
            return f"{', '.join(named[:TOP])} and {len(named) - TOP} more"
        return ", ".join(named)


# Reading --------------------------------------------------------------------------------------------


class _Reading:
    """Questions to the cubes, of one scope: spend apart from what AWS credited."""

    def __init__(self, elements: tuple[str, ...], sources: ReportSources) -> None:
        self._cubes, self._currency = sources.cubes, sources.currency
        self._elements = elements or None
        self._missing: defaultdict[str, dict[str, None]] = defaultdict(dict)
        self._heads: dict[str, Sequence[CubeHead]] = {}
        self._asked: dict[tuple[object, ...], tuple[Counted, Counted]] = {}

    @property
    def sees_all(self) -> bool:
        return self._elements is None

    def heads(self, period: Period) -> list[CubeHead]:
        """The cubes of the months that *period* lies in."""
        return [head for part in rules.parts(period) for head in self._of_month(part.month)]

    def knows(self, key: str, period: Period) -> bool:
        """Whether a cube of *period* tells tags of *key* apart."""
        return any(key in head.tag_keys for head in self.heads(period))

    def missing(self, period: Period) -> list[str]:
        """What of the months of *period* is in no cube, in words."""
        months = [part.month for part in rules.parts(period)]
        unloaded = [
            f"nothing of {month} is loaded and allocated yet"
            for month in months
            if not self._of_month(month) and not self._missing[month]
        ]
        if not self.sees_all:  # which bills there are is not for owners
            lacking = [
                f"a bill of {month} is not there yet" for month in months if self._missing[month]
            ]
            return [*lacking, *unloaded]
        return [*(one for month in months for one in self._missing[month]), *unloaded]

    def _of_month(self, month: str) -> Sequence[CubeHead]:
        if month not in self._heads:
            self._heads[month] = self._cubes.heads([month])
        return self._heads[month]

    def spent(
        self, period: Period, by: tuple[str, ...] = (), accounts: tuple[str, ...] | None = None
    ) -> Counted:
        """Spend by currency and *by*; only of *accounts*, where any are named."""
        return self._sums(period, by, accounts)[0]

    def credited(self, period: Period) -> Counter[str]:
        """What AWS credited, by currency."""
        found: Counter[str] = Counter()
        for (currency, _), ticks in self._sums(period, (), None)[1].items():
            found[currency] += ticks
        return found

    def days(self, period: Period) -> dict[str, Counter[date]]:
        """Spend by day; what a bill has of other days is on the first or last one of its month."""
        found: defaultdict[str, Counter[date]] = defaultdict(Counter)
        for part in rules.parts(period):
            for (currency, (day,)), ticks in self._of(part, ("day",), None)[0].items():
                at = date.fromisoformat(str(day))
                at = min(max(at, part.days.start), part.days.end - DAY)
                found[currency][at] += ticks
        return found

    def values(self, key: str, period: Period) -> Mapping[str, set[str]]:
        """The values of a tag that the months of *period* have spend of, by currency."""
        found: defaultdict[str, set[str]] = defaultdict(set)
        asked = [part.month for part in rules.parts(period) if self.knows(key, part.days)]
        if asked:
            query = CubeQuery(
                months=tuple(asked),
                by=("currency", "class", f"{TAG}{key}"),
                elements=self._elements,
            )
            for (currency, charge_class, value), _ in self._cubes.ask(query).rows:
                if charge_class != CREDIT and value is not None:
                    found[str(currency or self._currency)].add(str(value))
        return found

    def _sums(
        self, period: Period, by: tuple[str, ...], accounts: tuple[str, ...] | None
    ) -> tuple[Counted, Counted]:
        asked = (period, by, accounts)
        if asked not in self._asked:
            spent, credited = Counted(), Counted()
            for part in rules.parts(period):
                some, others = self._of(part, by, accounts)
                spent.update(some)
                credited.update(others)
            self._asked[asked] = spent, credited
        return self._asked[asked]

    def _of(
        self, part: rules.Part, by: tuple[str, ...], accounts: tuple[str, ...] | None
    ) -> tuple[Counted, Counted]:
        """What a month has of it: spend, and what AWS credited.

        Of a part of the enterprise there are no credits: they are nobody's. Where no cube of the
        month tells a tag apart, all of it is untagged.
        """
        classes = ("class",) if self.sees_all else ()
        known = {f"{TAG}{key}" for head in self._of_month(part.month) for key in head.tag_keys}
        there = [name for name in by if not name.startswith(TAG) or name in known]
        answer = self._cubes.ask(
            CubeQuery(
                months=(part.month,),
                by=("currency", *classes, *there),
                elements=self._elements,
                start=part.start,
                end=part.end,
                where={} if accounts is None else {"account": accounts},
            )
        )
        self._missing[part.month].update(dict.fromkeys(answer.missing))
        spent, credited = Counted(), Counted()
        for (currency, *rest), ticks in answer.rows:
            into = credited if classes and rest[0] == CREDIT else spent
            told = dict(zip(there, rest[len(classes) :], strict=True))
            values = tuple(None if (value := told.get(name)) is None else str(value) for name in by)
            into[currency or self._currency, values] += ticks
        return spent, credited


class _Taken(NamedTuple):
    """Spend taken apart: what is shown, and what is of accounts that are left out."""

    shown: Sums
    left: Sums


# Putting together -----------------------------------------------------------------------------------


class _Assembly:
    """A report while it is made."""

    def __init__(
        self,
        span: ReportSpan,
        elements: tuple[str, ...],
        thresholds: tuple[Threshold, ...],
        at: datetime,
        chosen: OrganisationSettings,
        sources: ReportSources,
        names: Names,
    ) -> None:
        self.span, self.elements, self.thresholds, self.at = span, elements, thresholds, at
        self.chosen, self.sources, self.names = chosen, sources, names
        self.filter = chosen.reports.accounts
        self.reading = _Reading(elements, sources)
        self.heads = self.reading.heads(span.period)
        self._values: dict[str, Mapping[str, set[str]]] = {}
        self._over: Counter[str] = Counter()  # rows over a threshold, by currency
        self._known: dict[tuple[Period, tuple[str, ...]], _Taken] = {}
        # A part of a span is nothing to compare with.
        self.has_before = all(
            self.reading.heads(one.month.period) for one in rules.parts(span.before)
        )
        self.covered = sum(self._covered(part) for part in rules.parts(span.period))
        deepest = max(map(level, elements), default=0)
        self.owners = OWNERS[min(deepest if len(elements) < 2 else deepest - 1, LEVELS - 1)]

    def report(self) -> CostReport:
        totals = self.reading.spent(self.span.period)
        earlier = self.reading.spent(self.span.before) if self.has_before else Counted()
        credits_now, credits_before = self._credits()
        some = (_of_all(totals), _of_all(earlier), credits_now, credits_before)
        found = {currency for each in some for currency, ticks in each.items() if ticks}
        currencies = sorted(found) or [self.sources.currency]
        sections = tuple(self._section(currency) for currency in currencies)
        return CostReport(
            span=self.span,
            before_start=self.span.before.start,
            before_end=self.span.before.end,
            elements=self.elements,
            scope=self.names.scope(self.elements),
            made_at=self.at,
            basis=self.heads[0].basis if self.heads else None,
            days_covered=self.covered,
            notes=tuple(self._notes(sections)),
            gaps=tuple(self.reading.missing(self.span.period)),
            accounts=self._told_accounts(),
            thresholds=self._told_thresholds(sections),
            freshness=self._freshness(),
            sections=sections,
        )

    def _told_thresholds(self, sections: Iterable[ReportSection]) -> tuple[Threshold, ...]:
        """What settings name is not for owners, but where it is theirs."""
        if self.reading.sees_all:
            return self.thresholds
        theirs = {
            (row.dimension, row.tag_key, row.row.key) for one in sections for row in one.marked
        }
        return tuple(
            one
            for one in self.thresholds
            if one.value is None or (one.dimension.value, one.tag_key, one.value) in theirs
        )

    def _told_accounts(self) -> AccountFilter:
        if self.reading.sees_all:
            return self.filter
        spans = (self.span.period, self.span.before) if self.has_before else (self.span.period,)
        theirs = {
            account
            for span in spans
            for _, (account,) in self.reading.spent(span, (COLUMNS[Dimension.ACCOUNT],))
        }
        return AccountFilter(
            only=tuple(one for one in self.filter.only if one in theirs),
            without=tuple(one for one in self.filter.without if one in theirs),
        )

    # How far the bills are ----------------------------------------------------------------------

    def _through(self, month: BillingPeriod) -> date | None:
        """The last day of *month* that all its bills cover; None where there is none."""
        heads = self.reading.heads(month.period)
        if not heads:
            return None
        last = month.end - DAY
        days = [last if one.is_final else one.complete_through or date.min for one in heads]
        through = min([last, *days])
        return through if through >= month.start else None

    def _covered(self, part: rules.Part) -> int:
        through = self._through(part.month)
        if through is None:
            return 0
        return max(0, (min(through, part.days.end - DAY) - part.days.start).days + 1)

    def _covers(self) -> str:
        """Through which day bills cover the span: the bill, or that of each month."""
        found = []
        for part in rules.parts(self.span.period):
            covered = self._covered(part)
            last = part.days.start + timedelta(covered - 1)
            found.append((part.month, f"through {last}" if covered else "no whole day yet"))
        if len(found) == 1 or not self.covered:
            return found[0][1]
        return ", ".join(f"{month} {said}" for month, said in found)

    def _notes(self, sections: Iterable[ReportSection]) -> list[str]:
        found = [f"Missing: {one}." for one in self.reading.missing(self.span.period)]
        heads_before = self.reading.heads(self.span.before)
        if heads_before:
            missing = self.reading.missing(self.span.before)
            found += [f"Missing of the span before: {one}." for one in missing]
        days, before = self.span.period.days, self.span.before
        if self.covered < days and self.heads:
            found.append(
                f"The bill does not cover {self.span.label} yet: of {days} days it covers"
                f" {self.covered} ({self._covers()}). What is here is less than it will be."
            )
        if not self.has_before:
            found.append(
                f"{'Not all' if heads_before else 'Nothing'} is known of the span before,"
                f" {before.start} to {before.end - DAY}:"
                " there is nothing to compare with."
            )
        elif 0 < self.covered != before.days:
            found.append(
                f"Compared by day: {self.covered} days with {before.days}. A change is what was"
                f" spent beyond {self.covered} days of the span before."
            )
        if self.filter.only or self.filter.without:
            found.append(
                "The settings leave accounts out of what is taken apart here; they are a row of"
                " their own, and in every total."
            )
        if more := sum(self._over[one.currency] - len(one.marked) for one in sections):
            found.append(
                f"{more} rows more are over a threshold; the largest {rules.MOST_MARKED} are told of."
            )
        return found

    def _freshness(self) -> tuple[BillFreshness, ...]:
        heads: Iterable[CubeHead] = self.heads
        if not self.reading.sees_all:
            paid = {payer for (_, (payer,)) in self.reading.spent(self.span.period, ("payer",))}
            heads = [one for one in self.heads if one.payer in paid]
        return tuple(
            BillFreshness(
                payer_id=one.payer,
                billing_period=one.billing_period,
                last_delivery=one.delivered_at,
                complete_through=one.complete_through,
                is_final=one.is_final,
            )
            for one in heads
        )

    # Sums, each asked for once ------------------------------------------------------------------

    def _taken(self, period: Period, by: tuple[str, ...]) -> _Taken:
        if (period, by) not in self._known:
            whole = self.reading.spent(period, by)
            named = self.filter.only or self.filter.without
            if not named:
                self._known[period, by] = _Taken(whole, {})
            else:
                some = self.reading.spent(period, by, named)
                rest = Counter(whole)
                rest.subtract(some)
                shown, left = (some, rest) if self.filter.only else (rest, some)
                self._known[period, by] = _Taken(_there(shown), _there(left))
        return self._known[period, by]

    def _credits(self) -> tuple[Counter[str], Counter[str]]:
        if not self.reading.sees_all:
            return Counter(), Counter()
        before = self.reading.credited(self.span.before) if self.has_before else Counter[str]()
        return self.reading.credited(self.span.period), before

    @cached_property
    def _days(self) -> tuple[dict[str, Counter[date]], dict[str, Counter[date]]]:
        before = self.reading.days(self.span.before) if self.has_before else {}
        return self.reading.days(self.span.period), before

    @cached_property
    def _month(self) -> BillingPeriod:
        return BillingPeriod.of(self.span.last_day)

    @cached_property
    def _look_back(self) -> Period:
        """The months that forecasts learn from, and that of the report's last day."""
        first = self._month
        for _ in range(MONTHS_BACK):
            first = first.before
        return Period(first.start, self._month.end)

    @cached_property
    def _months(self) -> dict[str, Counter[date]]:
        return self.reading.days(self._look_back)

    @cached_property
    def _tag_keys(self) -> tuple[str, ...]:
        known = {key for head in self.heads for key in head.tag_keys}
        return tuple(key for key in self.chosen.tags.report_keys if key in known)

    # A section ----------------------------------------------------------------------------------

    def _section(self, currency: str) -> ReportSection:
        now, before = self.span.period, self.span.before
        total = _of_all(self.reading.spent(now)).get(currency, 0)
        was = _of_all(self.reading.spent(before)).get(currency, 0) if self.has_before else None
        figures = ReportFigures.of(total, *self._before(was))
        apart = [
            self._breakdown(currency, total, OWNER, None, self.owners, self.has_before),
            *(self._rows(currency, total, dimension, None) for dimension in COLUMNS),
            *(self._rows(currency, total, Dimension.TAG, key) for key in self._tag_keys),
        ]
        marked = [
            MarkedRow(dimension=one.dimension, tag_key=one.tag_key, row=row)
            for one in apart
            for row in one.rows
            if row.is_marked
        ]
        self._over[currency] = len(marked)
        return ReportSection(
            currency=currency,
            total=figures,
            unowned=self._unowned(currency),
            credits=self._credited(currency),
            net=self._net(currency, figures),
            driver=self._driver(currency, figures),
            ahead=(ahead := self._ahead(currency)),
            schedule=self._schedule(currency, ahead),
            marked=tuple(sorted(marked, key=_largest_first)[: rules.MOST_MARKED]),
            breakdowns=tuple(
                one.model_copy(update={"rows": kept_rows(one.rows, total)}) for one in apart
            ),
            groups=tuple(self._groups(currency)),
            zeros=tuple(self._zeros(currency)),
            days=_listed(self._days[0].get(currency, {}), now),
            days_before=_listed(self._days[1].get(currency, {}), before) if self.has_before else (),
        )

    def _before(self, amount: int | None) -> tuple[int | None, int | None]:
        """What was, and what that would be in the days that are covered."""
        if amount is None:
            return None, None
        if not self.covered:
            return amount, None
        [comparable] = in_as_many_days([amount], self.covered, self.span.before.days)
        return amount, comparable

    def _unowned(self, currency: str) -> int | None:
        if not self.reading.sees_all:
            return None
        owned = self.reading.spent(self.span.period, (self.owners,))
        return owned.get((currency, (None,)), 0)

    def _credited(self, currency: str) -> ReportFigures | None:
        if not self.reading.sees_all:
            return None
        now, before = self._credits()
        known = before.get(currency, 0) if self.has_before else None
        return ReportFigures.of(now.get(currency, 0), *self._before(known))

    def _net(self, currency: str, total: ReportFigures) -> ReportFigures | None:
        credited = self._credited(currency)
        if credited is None:
            return None
        was = None
        if total.before is not None and credited.before is not None:
            was = total.before + credited.before
        return ReportFigures.of(total.amount + credited.amount, *self._before(was))

    # Rows ---------------------------------------------------------------------------------------

    def _rows(self, currency: str, total: int, dimension: str, key: str | None) -> ReportBreakdown:
        column = f"{TAG}{key}" if key is not None else COLUMNS[dimension]
        has_before = self.has_before and (key is None or self.reading.knows(key, self.span.before))
        return self._breakdown(currency, total, dimension, key, column, has_before)

    def _breakdown(
        self,
        currency: str,
        total: int,
        dimension: str,
        key: str | None,
        column: str,
        has_before: bool,
    ) -> ReportBreakdown:
        now = self._taken(self.span.period, (column,))
        before = self._taken(self.span.before, (column,)) if has_before else _Taken({}, {})
        values = sorted(
            _values(now.shown, currency) | _values(before.shown, currency),
            key=lambda one: (one is None, one or ""),
        )
        amounts = [now.shown.get((currency, (one,)), 0) for one in values]
        befores = [before.shown.get((currency, (one,)), 0) for one in values]
        left = [_sum(now.left, currency), _sum(before.left, currency)]
        has_left = bool(_values(now.left, currency) | _values(before.left, currency))
        comparables = self._comparables([*befores, left[1]], has_before)
        rows = [
            self._row(
                *(self._kind(dimension, value), value),
                self._named(dimension, value),
                ReportFigures.of(amount, was if has_before else None, comparable),
                total,
            )
            for value, amount, was, comparable in zip(
                values, amounts, befores, comparables[:-1], strict=True
            )
            if amount or was
        ]
        if has_left:
            figures = ReportFigures.of(left[0], left[1] if has_before else None, comparables[-1])
            name = NAMES[RowKind.LEFT_OUT]
            rows.append(self._row(RowKind.LEFT_OUT, None, name, figures, total))
        return ReportBreakdown(
            dimension=dimension,
            tag_key=key,
            rows=tuple(self._marked(row, dimension, key, currency) for row in rows),
        )

    def _comparables(self, befores: Sequence[int], has_before: bool) -> list[int | None]:
        if not has_before or not self.covered:
            return [None] * len(befores)
        return list(in_as_many_days(befores, self.covered, self.span.before.days))

    def _row(
        self, kind: RowKind, key: str | None, name: str, figures: ReportFigures, total: int
    ) -> ReportRow:
        return ReportRow(
            **figures.model_dump(),
            kind=kind,
            key=key,
            name=name,
            share=points(figures.amount, total),
        )

    def _kind(self, dimension: str, value: Value) -> RowKind:
        if value is not None:
            return RowKind.VALUE
        return RowKind.NOBODY if dimension == OWNER else RowKind.NONE

    def _named(self, dimension: str, value: Value) -> str:
        if value is None:
            return NAMES[RowKind.NOBODY] if dimension == OWNER else ABSENT[dimension]
        if dimension == OWNER:
            return self.names.element(value)
        if dimension == Dimension.ACCOUNT:
            return self.names.account(value)
        return shown_name(value) or '""'

    def _marked(self, row: ReportRow, dimension: str, key: str | None, currency: str) -> ReportRow:
        if dimension == OWNER:
            return row
        is_marked = any(
            reaches(
                one,
                Dimension(dimension),
                key,
                row,
                in_plans_currency=currency == self.sources.currency,
            )
            for one in self.thresholds
        )
        return row.model_copy(update={"is_marked": True}) if is_marked else row

    # What moved it ------------------------------------------------------------------------------

    def _driver(self, currency: str, total: ReportFigures) -> rules.ChangeDriver | None:
        if total.change is None:
            return None
        services = self._changes(currency, ("service", "account"))
        owners = self._changes(currency, (self.owners,))

        whole = total.change

        def share(change: int) -> int | None:
            return points(change, whole) if whole > 0 else points(-change, -whole)

        return rules.driver(
            total.change,
            [
                ChangePart(
                    service=service,
                    account=account,
                    name=f"{self._named(Dimension.SERVICE, service)} in"
                    f" {self._named(Dimension.ACCOUNT, account)}",
                    change=change,
                    share=share(change),
                )
                for (service, account), change in services
            ],
            [
                ChangePart(
                    element=element,
                    name=self._named(OWNER, element),
                    change=change,
                    share=share(change),
                )
                for (element,), change in owners
                if len(owners) > 1
            ],
        )

    def _changes(self, currency: str, by: tuple[str, ...]) -> list[tuple[Values, int]]:
        now = self._taken(self.span.period, by).shown
        before = self._taken(self.span.before, by).shown
        listed = sorted(
            {values for some in (now, before) for of, values in some if of == currency},
            key=lambda one: [(part is None, part or "") for part in one],
        )
        befores = [before.get((currency, one), 0) for one in listed]
        comparables = in_as_many_days(befores, self.covered, self.span.before.days)
        return [
            (one, now.get((currency, one), 0) - was)
            for one, was in zip(listed, comparables, strict=True)
        ]

    # Groups, and what costs nothing ------------------------------------------------------------

    def _groups(self, currency: str) -> Iterable[ServiceGroup]:
        yield from self._of_groups(currency, OWNER, None, self.owners)
        for key in self._tag_keys[:1]:
            yield from self._of_groups(currency, Dimension.TAG, key, f"{TAG}{key}")

    def _of_groups(
        self, currency: str, dimension: str, key: str | None, column: str
    ) -> Iterable[ServiceGroup]:
        """The largest groups, and the largest services of each."""
        taken = self._taken(self.span.period, (column, "service"))
        groups: defaultdict[Value, Counter[Value]] = defaultdict(Counter)
        left: Counter[Value] = Counter()
        for (its, (of, service)), ticks in taken.shown.items():
            if its == currency:
                groups[of][service] += ticks
        for (its, (of, _)), ticks in taken.left.items():
            if its == currency:
                left[of] += ticks
        whole = {of: sum(groups[of].values()) + left[of] for of in {*groups, *left}}
        for of in rules.largest({of: ticks for of, ticks in whole.items() if ticks}, MOST_GROUPS):
            yield ServiceGroup(
                dimension=dimension,
                tag_key=key,
                key=of,
                name=self._named(dimension, of),
                amount=whole[of],
                services=tuple(self._top(groups[of], left[of], whole[of])),
            )

    def _top(self, services: Mapping[Value, int], left: int, whole: int) -> Iterable[ReportRow]:
        rows = [
            self._row(
                self._kind(Dimension.SERVICE, service),
                service,
                self._named(Dimension.SERVICE, service),
                ReportFigures.of(ticks, None, None),
                whole,
            )
            for service, ticks in sorted(
                services.items(), key=lambda one: (-one[1], one[0] is None, one[0] or "")
            )
            if ticks
        ]
        yield from rows[:TOP]
        if others := rows[TOP:]:
            name = f"{len(others)} others" if len(others) > 1 else "1 other"
            yield together(RowKind.OTHERS, name, others, whole)
        if left:
            figures = ReportFigures.of(left, None, None)
            yield self._row(RowKind.LEFT_OUT, None, NAMES[RowKind.LEFT_OUT], figures, whole)

    def _zeros(self, currency: str) -> Iterable[ZeroValue]:
        """The values of tags that were there in the months before, or are named, and cost nothing."""
        for key in self._tag_keys:
            column = (f"{TAG}{key}",)
            now = self.reading.spent(self.span.period, column)
            before = (
                self.reading.spent(self.span.before, column)
                if self.has_before and self.reading.knows(key, self.span.before)
                else None
            )
            known = self._seen(key)[currency] | self._named_values(key)
            found = sorted(one for one in known if not now.get((currency, (one,))))
            for value in found[:MOST_ZEROS]:
                was = None if before is None else before.get((currency, (value,)), 0)
                yield ZeroValue(tag_key=key, value=value, before=was)

    def _seen(self, key: str) -> Mapping[str, set[str]]:
        if key not in self._values:
            self._values[key] = self.reading.values(key, self._look_back)
        return self._values[key]

    def _named_values(self, key: str) -> set[str]:
        """Values that the settings name: somebody expects them to cost something."""
        if not self.reading.sees_all:
            return set()
        return {
            one.value for one in self.thresholds if one.tag_key == key and one.value is not None
        }

    # The month ----------------------------------------------------------------------------------

    def _ahead(self, currency: str) -> MonthAhead | None:
        """What the month is going to come to, while its bill does not cover all of it."""
        through = self._through(self._month)
        if through is None or through >= self._month.end - DAY:
            return None
        days = self._months.get(currency, Counter[date]())
        known = {day: ticks for day, ticks in days.items() if day <= through}
        found = forecast(known, self._month.end, today_complete=through)
        if found is None:
            return None
        return MonthAhead(
            month=self._month,
            through=through,
            days_of_month=self._month.period.days,
            days=_listed(days, Period(self._month.start, through + DAY)),
            spent=found.spent,
            expected=found.expected,
            low=found.low,
            high=found.high,
        )

    def _schedule(self, currency: str, ahead: MonthAhead | None) -> ScheduleToDate | None:
        if currency != self.sources.currency:
            return None
        through = self._through(self._month)
        year = FiscalYear.of(self._month.start, self.sources.first_month)
        plans = rolled_up(year.year, self.at.date(), self.sources.planning)
        if through is None or plans is None:
            return None
        lines = [
            plans.lines.line(one)
            for one in self.elements or (ENTERPRISE,)
            if one == ENTERPRISE or plans.chart.products_under(one)
        ]
        if not any(line.budgeted for line in lines):
            return None
        approved = sum(line.approved[year.months.index(self._month)] for line in lines)
        days = self._months.get(currency, Counter[date]())
        return ScheduleToDate(
            month=self._month,
            through=through,
            approved=approved,
            to_date=approved * through.day // self._month.period.days,
            spent=sum(ticks for day, ticks in days.items() if self._month.start <= day <= through),
        )


def _largest_first(one: MarkedRow) -> tuple[int, str, str, str]:
    return (-one.row.amount, one.dimension, one.tag_key or "", one.row.key or "")


def _there(some: Sums) -> Sums:
    return {of: ticks for of, ticks in some.items() if ticks}


def _values(some: Sums, currency: str) -> set[Value]:
    return {values[0] for of, values in some if of == currency}


def _sum(some: Sums, currency: str) -> int:
    return sum(ticks for (of, _), ticks in some.items() if of == currency)


def _of_all(some: Mapping[tuple[str, Values], int]) -> dict[str, int]:
    return {currency: ticks for (currency, _), ticks in some.items()}


def _listed(days: Mapping[date, int], period: Period) -> tuple[DayAmount, ...]:
    return tuple(DayAmount(day=day, amount=days.get(day, 0)) for day in period)
