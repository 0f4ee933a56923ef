"""Spend frames: an element's month or year as somebody may see it, and what it is compared with."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, timedelta
from fractions import Fraction
from functools import cached_property
from typing import NamedTuple

from finops.domain.allocation_runs import Allocation
from finops.domain.authorization import Action, Reach, may, must, must_reach
from finops.domain.card_sums import (
    Sums,
)
from finops.domain.charts import Chart
from finops.domain.elements import ENTERPRISE, ancestors, covers, level
from finops.domain.errors import InvalidError, NotFoundError
from finops.domain.figures import ZERO, Line
from finops.domain.fiscal_years import FiscalYear
from finops.domain.paces import WHOLE, Colour, Pace
from finops.domain.people import Person
from finops.domain.periods import BillingPeriod, Period, spend_periods
from finops.domain.spend_cards import CardSettings
from finops.usecases import plans
from finops.usecases.month_sums import Known, MonthSums, ViewSources, bill_sums, month_sums
from finops.usecases.organisation_settings import in_force
from finops.usecases.standings import Standing, standings

BY_MONTH, BY_YEAR = "month", "year"

RowKey = tuple[str, str]  # an element and a currency


# What is asked --------------------------------------------------------------------------------------


class Span(NamedTuple):
    """The months that an answer is about: one, or those of a fiscal year."""

    name: str
    year: FiscalYear
    months: tuple[BillingPeriod, ...]

    @property
    def period(self) -> Period:
        return Period(self.months[0].start, self.months[-1].end)

    @property
    def before(self) -> "Span":
        """The month or the year before."""
        if self.name == BY_YEAR:
            year = FiscalYear(self.year.year - 1, self.year.first_month)
            return Span(BY_YEAR, year, year.months)
        month = self.months[0].before
        return Span(BY_MONTH, FiscalYear.of(month.start, self.year.first_month), (month,))


def span_of(
    name: str | None, month: str | None, year: int | None, today: date, sources: ViewSources
) -> Span:
    """The span of *name*, or the one that a *month* or *year* asks for; else the newest bill's month.

    A year without a number is that of the month. Raises InvalidError for words that do not fit.
    """
    if name not in (None, BY_MONTH, BY_YEAR):
        raise InvalidError(f"span is {name!r}; it can be {BY_MONTH} or {BY_YEAR}")
    if name is None:
        name = BY_YEAR if year is not None and month is None else BY_MONTH
    if year is not None and (month is None or name == BY_YEAR):
        fiscal = FiscalYear(year, sources.first_month)
        if name == BY_MONTH:
            raise InvalidError(f"span is a month: name it, e.g. month={fiscal.months[0]}")
        if month is not None and BillingPeriod(month) not in fiscal.months:
            raise InvalidError(f"{month} is no month of the fiscal year {year}; leave one out")
        return Span(BY_YEAR, fiscal, fiscal.months)
    if month is None:
        newest = sources.bills.all(1).items
        month = newest[0].billing_period if newest else str(BillingPeriod.of(today))
    period = BillingPeriod(month)
    fiscal = FiscalYear.of(period.start, sources.first_month)
    if year not in (None, fiscal.year):
        raise InvalidError(
            f"{month} is in the fiscal year {fiscal.year}, not {year}; leave one out"
        )
    return Span(name, fiscal, fiscal.months if name == BY_YEAR else (period,))


class Question(NamedTuple):
    """What somebody asks: of which element and span, on which day, maybe in one currency only."""

    element: str
    span: Span
    today: date
    by: Person
    currency: str | None = None


# The frame of an answer -----------------------------------------------------------------------------


class Frame:
    """What somebody may see of an element's span.

    *tops* are the elements that its sums are of: itself, or of the enterprise what is in the scope
    of its reader, where *is_part*. *through* is the last day that the bills of the span's last month
    with a bill cover, *bill* what the bills come to, for who may know.
    """

    def __init__(
        self,
        question: Question,
        action: Action,
        sources: ViewSources,
        span: Span | None = None,
    ) -> None:
        """Raises NotFoundError for an element outside the scope, or that there is not."""
        self.question, self.sources = question, sources
        self.span, self.element = span or question.span, question.element
        by = question.by
        reach = must_reach(by, action)
        if self.element != ENTERPRISE:
            must(by, action, self.element)
        self.known = Known(sources)
        self.months = [
            month_sums(month, question.today, self.known, sources)
            for month in self.span.months
            if month.start <= question.today or self.known.bills.get(month)
        ]
        self._plans: dict[int, plans.Year | None] = {}
        of_year = self._plan(self.span.year.year)
        self.chart = of_year.chart if of_year else None
        self.is_part = self.element == ENTERPRISE and reach is not Reach.EVERYWHERE
        if self.element != ENTERPRISE and not self.has(self.element):
            raise NotFoundError(
                f"there is no {self.element} in the fiscal year {self.span.year.year}"
            )
        self.tops: Sequence[str] = [self.element]
        if self.is_part:
            self.tops = [one for one in sorted(by.reach) if self.has(one)]
        sees_bill = self.element == ENTERPRISE and may(by, Action.SEE_UNALLOCATED)
        self.bill = bill_sums(self.span.months, self.known, sources) if sees_bill else None

    # What is there ------------------------------------------------------------------------------

    def has(self, element: str) -> bool:
        if self.chart is not None and self.chart.products_under(element):
            return True
        return any(one.rollup.of(element) for one in self.months)

    @cached_property
    def charts(self) -> Sequence[Chart]:
        """That of the year, and others for what is not in it any more."""
        charts = self.sources.planning.charts
        own = [self.chart] if self.chart is not None else []
        known = set(self.chart.elements) | {ENTERPRISE} if self.chart is not None else {ENTERPRISE}
        if all(known.issuperset(one.rollup.elements) for one in self.months):
            return own
        heads = (head for head in charts.heads() if head.year != self.span.year.year)
        return [*own, *(charts.read(head) for head in heads)]

    @cached_property
    def standings(self) -> Sequence[Standing]:
        """How fresh the bills are that *by* may know of."""
        bills = [bill for month in self.span.months for bill in self.known.bills[month]]
        made = [one for month in self.span.months for one in self.known.allocations[month]]
        found = standings(bills, made, self.sources.book)
        if may(self.question.by, Action.SEE_UNALLOCATED):
            return found
        return [
            one
            for one in found
            if one.allocation is not None
            and any(self._days_of(one.allocation, own) for own in self.question.by.reach)
        ]

    @cached_property
    def currencies(self) -> Sequence[str]:
        """Those that something is in; where there is nothing, that of plans."""
        found = {
            currency
            for one in self.months
            for top in self.tops
            for currency in one.rollup.currencies(top)
        }
        if self.bill is not None:
            for amounts in self.bill:
                found |= {currency for currency, ticks in amounts.items() if ticks}
        if self.line(self.element).budgeted or not found:
            found.add(self.sources.currency)
        return self._wanted(found)

    def _wanted(self, found: Iterable[str]) -> list[str]:
        only = self.question.currency
        return sorted(one for one in found if only in (None, one))

    # Sums ---------------------------------------------------------------------------------------

    def sums(self, element: str, months: Sequence[MonthSums] | None = None) -> Sums:
        """All sums of an element, of what is seen of the enterprise those of the tops."""
        names = self.tops if element == self.element else [element]
        whole: Sums = {}
        for one in self.months if months is None else months:
            for name in names:
                for key, ticks in one.rollup.of(name).items():
                    whole[key] = whole.get(key, 0) + ticks
        return whole

    def spend(self, element: str, currency: str, months: Sequence[MonthSums] | None = None) -> int:
        """What an element pays, by the runs in force."""
        names = self.tops if element == self.element else [element]
        return sum(
            one.spends.get(name, {}).get(currency, 0)
            for one in (self.months if months is None else months)
            for name in names
        )

    def line(self, element: str, year: int | None = None) -> Line:
        """The plan of an element's year."""
        found = self._plan(self.span.year.year if year is None else year)
        if found is None:
            return ZERO
        names = self.tops if element == self.element else [element]
        known = [found.lines.line(one) for one in names if found.chart.products_under(one)]
        return known[0] if len(known) == 1 else sum(known, ZERO)

    def _plan(self, year: int) -> plans.Year | None:
        if year not in self._plans:
            today, planning = self.question.today, self.sources.planning
            self._plans[year] = plans.rolled_up(year, today, planning)
        return self._plans[year]

    def approved(self, month: BillingPeriod, currency: str) -> int | None:
        """What is approved for the element in a month, in ticks; None: nothing is."""
        year = FiscalYear.of(month.start, self.sources.first_month)
        line = self.line(self.element, year.year)
        if not line.budgeted or currency != self.sources.currency:
            return None
        return line.approved[year.months.index(month)]

    # Rows ---------------------------------------------------------------------------------------

    def rows(self, depth: int) -> list[RowKey]:
        """The element and what is below it to that depth, each before what it has below it."""
        deeper = depth - 1 if self.is_part else depth
        found = [
            name
            for name in self._there
            if any(level(name) <= level(top) + deeper and covers(top, name) for top in self.tops)
        ]
        if self.element not in found[:1]:
            found.insert(0, self.element)
        return [(name, currency) for name in found for currency in self.currencies_of(name)]

    @cached_property
    def _there(self) -> Sequence[str]:
        """All elements that lived in the span, or have anything to show of it, in order."""
        year = self._plan(self.span.year.year)
        kept = tuple((self.known.runs(one.month), len(one.rollup.elements)) for one in self.months)
        return self.sources.planning.memo.of(
            ("elements", self.span.name, self.span.months[0], self.span.months[-1]),
            (year.version if year else None, kept),
            lambda: sorted(self._elements(), key=order),
        )

    def _elements(self) -> set[str]:
        found = {ENTERPRISE, *(name for one in self.months for name in one.rollup.elements)}
        if self.chart is not None:
            period = self.span.period
            for product in self.chart.products:
                if product.starts < period.end and product.lives_from(period.start):
                    found.update(ancestors(product.id))
        return found

    def currencies_of(self, element: str) -> Sequence[str]:
        if len(self.currencies) == 1 and self.question.currency is None:
            return self.currencies
        if element == self.element:
            return self.currencies
        found = {one for month in self.months for one in month.rollup.currencies(element)}
        if self.line(element).budgeted or not found:
            found.add(self.sources.currency)
        return self._wanted(found)

    def owners(self, element: str) -> Sequence[Person]:
        """Who holds an element below the enterprise."""
        return self._holders.get(element, ())

    @cached_property
    def _holders(self) -> Mapping[str, Sequence[Person]]:
        found: defaultdict[str, list[Person]] = defaultdict(list)
        for person in self.sources.people.all():
            for own in person.reach:
                if own != ENTERPRISE and person.holds(own):
                    found[own].append(person)
        return found

    # Days ---------------------------------------------------------------------------------------

    @cached_property
    def weeks(self) -> Sequence[Period]:
        """The business weeks of all months."""
        return [week for month in self.span.months for week in spend_periods(month)]

    @cached_property
    def last_month(self) -> BillingPeriod:
        """The last month of the span that has a bill; its first one, where none has."""
        billed = [month for month in self.span.months if self.known.bills.get(month)]
        return billed[-1] if billed else self.span.months[0]

    @cached_property
    def through(self) -> date | None:
        """The last day that all bills of the last month cover, at most the month's last one."""
        bills = self.known.bills.get(self.last_month, [])
        last = self.last_month.end - timedelta(1)
        if bills and all(bill.is_final for bill in bills):
            return last
        days = [bill.complete_through or date.min for bill in bills]
        through = min([last, *days]) if days else date.min
        return through if through >= self.last_month.start else None

    def covered(self, months: Iterable[BillingPeriod]) -> int:
        """How many days of some months the bills cover."""
        return sum(
            month.period.days if month < self.last_month else self.days_through(month)
            for month in months
        )

    def days_through(self, month: BillingPeriod) -> int:
        """How many days the bills of the span's last month with a bill cover; 0 of later months."""
        if month != self.last_month or self.through is None:
            return 0
        return (self.through - month.start).days + 1

    def days(self, span: Span) -> Mapping[tuple[str, date], int]:
        """What the tops pay by currency and day; what bills have of other days counts on a month's
        first or last one, as in `periods.billed_period`."""
        whole: dict[tuple[str, date], int] = {}
        for month in span.months:
            for allocation in self.known.allocations[month]:
                for top in self.tops:
                    for of, ticks in self._days_of(allocation, top).items():
                        whole[of] = whole.get(of, 0) + ticks
        return whole

    def _days_of(self, allocation: Allocation, element: str) -> Mapping[tuple[str, date], int]:
        month = BillingPeriod(allocation.billing_period)

        def read() -> Mapping[tuple[str, date], int]:
            found: dict[tuple[str, date], int] = {}
            for rollup in self.sources.allocations.rollups(allocation, element):
                for said, ticks in rollup.days.items():
                    day = min(max(date.fromisoformat(said), month.start), month.end - timedelta(1))
                    of = rollup.currency or self.sources.currency, day
                    found[of] = found.get(of, 0) + ticks
            return found

        name = ("days", allocation.billing_account_id, allocation.billing_period, element)
        return self.sources.planning.memo.of(name, allocation.run_id, read)

    # Plans --------------------------------------------------------------------------------------

    @cached_property
    def card_settings(self) -> CardSettings:
        return in_force(self.sources.settings).cards

    def against_plan(
        self, element: str, currency: str, months: Sequence[BillingPeriod] | None = None
    ) -> "Plan":
        """An element's spend against what is approved: of *months*, or of the span so far.

        So far is up to the last month with a bill.
        """
        counted = months or [one for one in self.span.months if one <= self.last_month]
        spend = self.spend(element, currency, [one for one in self.months if one.month in counted])
        line = self.line(element) if currency == self.sources.currency else ZERO
        if not line.budgeted:
            return Plan(spend, None, spend, Colour.GREY)
        places = [self.span.year.months.index(one) for one in counted]
        budget = sum(line.approved[place] for place in places)
        unbudgeted = sum(line.unbudgeted[place] for place in places)
        month_days = sum(self.card_settings.month_days.of(one) for one in counted)
        days = self.covered(counted)
        pace = Pace(budget=budget, month_days=month_days)
        colour = pace.colour(spend - unbudgeted, days) if days else Colour.BLACK
        return Plan(spend, budget, unbudgeted, colour)


class Plan(NamedTuple):
    """*spend* against the approved *budget* (None: nothing is approved), in ticks.

    *unbudgeted* is what products without an approved schedule spent; it varies from nothing.
    """

    spend: int
    budget: int | None
    unbudgeted: int
    colour: Colour

    @property
    def variance(self) -> int | None:
        """What budgeted products spent beyond their budget."""
        return None if self.budget is None else self.spend - self.unbudgeted - self.budget

    @property
    def percent(self) -> int | None:
        """The variance in basis points of the budget."""
        return None if self.variance is None else points(self.variance, self.budget or 0)


def points(part: int, whole: int) -> int | None:
    """*part* in basis points of *whole*, half to even; None of nothing.

    >>> points(1, 8), points(-5, 100), points(1, 0)
    (1250, -500, None)
    """
    return round(Fraction(part * WHOLE, abs(whole))) if whole else None


def order(element: str) -> str:
    """Where an element stands: behind the one above it, before whatever comes after that.

    >>> sorted(["a-b", "a.c", "a"], key=order)
    ['a', 'a.c', 'a-b']
    """
    return element.replace(".", "\x01")
