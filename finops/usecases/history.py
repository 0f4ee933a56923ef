"""History on demand: what months and fiscal quarters cost, by anything that spend cubes tell apart."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import NamedTuple

from finops.domain.class_policies import CostBasis
from finops.domain.elements import ENTERPRISE
from finops.domain.errors import ConflictError, InvalidError, NotFoundError
from finops.domain.history import (
    MOST_MONTHS,
    Change,
    Layout,
    MonthKnown,
    Step,
    Sums,
    Values,
    dimensions,
    movers,
    ranked,
    spans,
)
from finops.domain.people import Person
from finops.domain.periods import BillingPeriod
from finops.domain.spend_cubes import CREDIT, OWNERS, TAG, CubeHead, CubeQuery
from finops.usecases.cost_reports import Names, ReportSources, scope_of, shown_name
from finops.usecases.ports import CubeAnswer

NONE = "(none)"  # what a condition calls having no value
NOBODY = "Nobody owns it"
LOOK_BACK = 24  # months, for the newest that is loaded
AT_ONCE = 6
LOOKS = 3  # at cubes that are replaced meanwhile
MOVERS = 10
MOST_AMOUNTS = 12_000  # of an answer, which Lambda lets have 6 MB: rows times spans

Part = tuple[BillingPeriod, int]  # a month, and how many of its first days
Key = tuple[str, Values]  # a currency, and what the dimensions have


class HistoryQuestion(NamedTuple):
    """What is asked: *months* of them up to *until* (None: the newest that is loaded), by *by*.

    *where* are conditions, DIMENSION=VALUE: of one dimension any may hold. The largest *limit* rows
    of a currency are told, and the others as one.
    """

    by: tuple[str, ...]
    months: int = 6
    until: str | None = None
    step: Step = Step.MONTH
    element: str = ENTERPRISE
    where: tuple[str, ...] = ()
    currency: str | None = None
    limit: int = 100


class HistoryRow(NamedTuple):
    """What dimensions have, as the bill says it and as people call it; of so many rows *together*."""

    values: Values
    names: tuple[str, ...]
    sums: Sums
    together: int = 1


class Mover(NamedTuple):
    """A row that changed much in the newest span that is compared."""

    values: Values
    names: tuple[str, ...]
    change: Change


class HistoryTable(NamedTuple):
    """All of a history that is in one currency: *rows* and *others* add up to *total*, the spend.

    *credits* is what AWS credited, *net* the total with it: what the bills come to. They are None for
    who sees a part of the enterprise.
    """

    currency: str
    rows: Sequence[HistoryRow]
    others: HistoryRow | None
    total: Sums
    credits: Sums | None
    net: Sums | None
    movers: Sequence[Mover]


class History(NamedTuple):
    """An answer: the spans of *layout*, a table for each currency, and what is missing of it."""

    question: HistoryQuestion
    elements: tuple[str, ...]
    scope: str
    made_at: datetime
    basis: CostBasis | None
    layout: Layout
    tables: Sequence[HistoryTable]
    gaps: Sequence[str]
    notes: Sequence[str]
    heads: Sequence[CubeHead]


def history(
    question: HistoryQuestion, *, by: Person, at: datetime, sources: ReportSources
) -> History:
    """Months or quarters side by side, as *by* may see them; of the enterprise, what is in scope.

    Raises NotFoundError for an element outside of it, InvalidError for what cannot be asked.
    """
    elements = scope_of(question.element, by=by)
    asked = dimensions(question.by)
    if not 1 <= question.months <= MOST_MONTHS:
        raise InvalidError(f"months: ask for 1 to {MOST_MONTHS}, not for {question.months}")
    where = _conditions(question.where)
    if question.currency is not None:
        where["currency"] = (question.currency,)
    today = at.date()
    until = _until(question.until, today, sources)
    names = Names(min(until.end - timedelta(1), today), sources)
    if elements and not any(names.has(element) for element in elements):
        raise NotFoundError(f"there is no {elements[0]} in the chart of accounts")
    asking = _Asking(asked, elements, where, sources)
    window = _window(until, question.months)
    for look in range(1, LOOKS + 1):
        found = asking.look(window, question.step)
        if found is not None:
            break
        if look == LOOKS:
            raise ConflictError("the bills are being replaced just now; ask again in a minute")
    assert found is not None  # noqa: S101 - else there was an error
    told = _told(found, question, asked, elements, names, at, sources)
    _must_fit(told)
    return told


def _must_fit(told: History) -> None:
    rows, spans_ = sum(len(table.rows) for table in told.tables), len(told.layout.spans)
    if rows * spans_ > MOST_AMOUNTS:
        most = MOST_AMOUNTS // (spans_ * len(told.tables))
        raise InvalidError(
            f"limit: {rows} rows in {spans_} spans are more than the {MOST_AMOUNTS:,} amounts of an"
            f" answer; ask for a limit of {most} or less, for fewer months, or by step=quarter"
        )


def _until(said: str | None, today: date, sources: ReportSources) -> BillingPeriod:
    """The last month that is asked about. Raises InvalidError for one that has not begun."""
    this = BillingPeriod.of(today)
    if said is not None:
        until = BillingPeriod(said)
        if until > this:
            raise InvalidError(f"until: {until} has not begun; name {this} or a month before it")
        return until
    back = _window(this, LOOK_BACK)
    while back:
        some, back = back[-AT_ONCE:], back[:-AT_ONCE]
        if found := sources.cubes.heads(some):
            return BillingPeriod(max(head.billing_period for head in found))
    return this


def _window(until: BillingPeriod, count: int) -> list[BillingPeriod]:
    """So many months up to *until*, the first that there can be at the earliest."""
    found = [until]
    while len(found) < count and found[0] > "1999-01":
        found.insert(0, found[0].before)
    return found


def _conditions(said: Sequence[str]) -> dict[str, tuple[str, ...]]:
    """Conditions by dimension, as cubes are asked.

    >>> _conditions(["service=AmazonEC2", "service=(none)", "tag:a\\\\=b=c=d"])
    {'service': ('AmazonEC2', ''), 'tag:a=b': ('c=d',)}
    """
    found: defaultdict[str, list[str]] = defaultdict(list)
    for one in said:
        name, is_said, value = one.replace("\\=", "\0").partition("=")
        if not is_said or not name:
            raise InvalidError(
                f"where: {one!r} is no condition; write DIMENSION=VALUE, e.g. service=AmazonEC2, or"
                f" service={NONE}"
            )
        value = value.replace("\0", "\\=")
        found[name.replace("\0", "=")].append("" if value == NONE else value)
    return {name: tuple(values) for name, values in found.items()}


# Asking -------------------------------------------------------------------------------------------


class _Found(NamedTuple):
    """One look at the cubes: sums of spend and of what AWS credited, and what there was."""

    layout: Layout
    spent: Mapping[Key, Sums]
    credited: Mapping[str, Sums]
    heads: Sequence[CubeHead]
    missing: Sequence[str]


class _Counted(NamedTuple):
    """Ticks of whole months, and of the first days of some."""

    months: dict[BillingPeriod, int]
    parts: dict[Part, int]


class _Asking:
    """The questions to the cubes, of one scope."""

    def __init__(
        self,
        by: tuple[str, ...],
        elements: tuple[str, ...],
        where: Mapping[str, tuple[str, ...]],
        sources: ReportSources,
    ) -> None:
        self._by, self._where, self._sources = by, where, sources
        self._elements = elements or None
        # What AWS credited is nobody's, so who sees a part of the enterprise sees none of it.
        apart = elements == () and "class" not in by
        self._columns = ("currency", *(("class",) if apart else ()))
        self._class = 1 if apart else None

    def look(self, window: Sequence[BillingPeriod], step: Step) -> _Found | None:
        """None where a cube was replaced between one question and the next."""
        whole = self._ask(window, ("month", *self._columns, *self._by))
        layout = Layout.of(spans(_known(window, whole.heads), step, self._sources.first_month))
        sums: defaultdict[Key, _Counted] = defaultdict(lambda: _Counted({}, {}))
        credits_: defaultdict[str, _Counted] = defaultdict(lambda: _Counted({}, {}))
        for (month, *rest), ticks in whole.rows:
            of, values, is_credit = self._placed(rest, self._by)
            into = credits_[of] if is_credit else sums[of, values]
            its = into.months
            its[BillingPeriod(month)] = its.get(BillingPeriod(month), 0) + ticks
        for month, days in layout.parts():
            # Of one month a tag may not be told yet: then all of it is without.
            known = {
                f"{TAG}{key}"
                for one in whole.heads
                if one.billing_period == month
                for key in one.tag_keys
            }
            unknown = [n for n in self._where if n.startswith(TAG) and n not in known]
            if any("" not in self._where[name] for name in unknown):
                continue  # nothing of it fits
            by = [name for name in self._by if not name.startswith(TAG) or name in known]
            answer = self._ask(
                [month],
                (*self._columns, *by),
                end=month.start + timedelta(days),
                without=unknown,
            )
            if _cubes(answer.heads) != _cubes(
                one for one in whole.heads if one.billing_period == month
            ):
                return None
            for said, ticks in answer.rows:
                of, values, is_credit = self._placed(said, by)
                part = credits_[of] if is_credit else sums[of, values]
                part.parts[month, days] = part.parts.get((month, days), 0) + ticks
        return _Found(
            layout,
            {key: layout.sums(*counted) for key, counted in sums.items()},
            {currency: layout.sums(*counted) for currency, counted in credits_.items()},
            self._own(window, whole.heads),
            whole.missing,
        )

    def _own(self, window: Sequence[BillingPeriod], heads: Sequence[CubeHead]) -> list[CubeHead]:
        """The cubes that the scope has anything in: which other bills there are is not for owners."""
        if self._elements is None:
            return list(heads)
        paid = {tuple(of) for of, _ in self._ask(window, ("month", "payer")).rows}
        return [one for one in heads if (one.billing_period, one.payer) in paid]

    def _ask(
        self,
        months: Sequence[BillingPeriod],
        by: tuple[str, ...],
        *,
        end: date | None = None,
        without: Sequence[str] = (),
    ) -> CubeAnswer:
        return self._sources.cubes.ask(
            CubeQuery(
                months=tuple(months),
                by=by,
                elements=self._elements,
                end=end,
                where={n: values for n, values in self._where.items() if n not in without},
            )
        )

    def _placed(self, said: Sequence[object], by: Sequence[str]) -> tuple[str, Values, bool]:
        """The currency and values of a row, and whether it is what AWS credited."""
        told = dict(zip(by, said[len(self._columns) :], strict=True))
        values = tuple(None if (v := told.get(name)) is None else str(v) for name in self._by)
        class_ = told.get("class") if self._class is None else said[self._class]
        currency = said[0]
        return str(currency or self._sources.currency), values, class_ == CREDIT


def _cubes(heads: Iterable[CubeHead]) -> Mapping[tuple[str, str], str]:
    """Which cube each bill has: of which run, and by which tags."""
    return {(one.payer, one.billing_period): f"{one.run_id} {one.tags}" for one in heads}


def _known(window: Sequence[BillingPeriod], heads: Sequence[CubeHead]) -> list[MonthKnown]:
    """How much of each month the bills cover: the days that all of them do."""
    found = []
    for month in window:
        own = [head for head in heads if head.billing_period == month]
        if not own:
            found.append(MonthKnown(month, None))
            continue
        last = month.end - timedelta(1)
        through = min(
            last if one.is_final else min(last, one.complete_through or date.min) for one in own
        )
        days = through.day if through >= month.start else 0
        found.append(MonthKnown(month, days))
    return found


# Telling ------------------------------------------------------------------------------------------


def _told(
    found: _Found,
    question: HistoryQuestion,
    asked: tuple[str, ...],
    elements: tuple[str, ...],
    names: Names,
    at: datetime,
    sources: ReportSources,
) -> History:
    currencies = {currency for (currency, _), sums in found.spent.items() if not sums.is_nothing}
    currencies |= {of for of, sums in found.credited.items() if not sums.is_nothing}
    if not currencies:
        currencies = {question.currency or sources.currency}
    return History(
        question=question,
        elements=elements,
        scope=names.scope(elements),
        made_at=at,
        basis=found.heads[0].basis if found.heads else None,
        layout=found.layout,
        tables=[
            _table(currency, found, asked, names, question.limit, sees_all=not elements)
            for currency in sorted(currencies)
        ],
        gaps=_gaps(found, sees_all=not elements),
        notes=list(_notes(found, sees_all=not elements)),
        heads=found.heads,
    )


def _table(
    currency: str,
    found: _Found,
    asked: tuple[str, ...],
    names: Names,
    limit: int,
    *,
    sees_all: bool,
) -> HistoryTable:
    layout = found.layout
    spent = {values: sums for (of, values), sums in found.spent.items() if of == currency}
    there = [(values, sums) for values, sums in spent.items() if not sums.is_nothing]
    listed = ranked(there)
    rows = [
        HistoryRow(values, _names(asked, values, names), sums) for values, sums in listed[:limit]
    ]
    rest = listed[limit:]
    others = None
    if rest:
        told = (f"{len(rest)} others", *("" for _ in asked[1:]))
        values: Values = (None,) * len(asked)
        others = HistoryRow(values, told, _all((sums for _, sums in rest), layout), len(rest))
    total = _all(spent.values(), layout)
    credited = found.credited.get(currency, layout.nothing())
    moved = movers(there, layout, MOVERS)
    return HistoryTable(
        currency=currency,
        rows=rows,
        others=others,
        total=total,
        credits=credited if sees_all else None,
        net=total + credited if sees_all else None,
        movers=[Mover(values, _names(asked, values, names), change) for values, change in moved],
    )


def _all(some: Iterable[Sums], layout: Layout) -> Sums:
    whole = layout.nothing()
    for one in some:
        whole = whole + one
    return whole


def _names(asked: Sequence[str], values: Values, names: Names) -> tuple[str, ...]:
    return tuple(
        _name(dimension, value, names) for dimension, value in zip(asked, values, strict=True)
    )


def _name(dimension: str, value: str | None, names: Names) -> str:
    if dimension in OWNERS:
        return NOBODY if value is None else names.element(value)
    if value is None:
        return "Untagged" if dimension.startswith(TAG) else f"No {dimension.replace('_', ' ')}"
    if dimension in ("account", "payer"):
        return names.account(value)
    return shown_name(value) or '""'


def _gaps(found: _Found, *, sees_all: bool) -> list[str]:
    """What is not in it, in words; which bills there are is not for who sees a part."""
    months = [one for span in found.layout.spans for one in span.months if not one.is_loaded]
    gaps = [f"{one.month} is not loaded and allocated: a gap, not zero" for one in months]
    if sees_all:
        return [*gaps, *found.missing]
    return [*gaps, *(["a bill of these months is not there yet"] if found.missing else [])]


def _notes(found: _Found, *, sees_all: bool) -> Iterable[str]:
    """How spans are compared where that is not plain."""
    layout = found.layout
    for span in layout.spans:
        for known in span.months:
            if known.days is not None and not known.is_whole:
                yield f"{known.month} is complete through its day {known.days} of {known.length}"
        if len(span.months) < span.step.months or (span.step is Step.QUARTER and span.gaps):
            shown = ", ".join(span.loaded) or "nothing"
            yield f"{span.label} is a part of a quarter: {shown}"
    uneven = [
        span.label
        for span, some in zip(layout.spans, layout.pairs, strict=True)
        if sum(one.days for one in some) != sum(one.days_before for one in some)
    ]
    if uneven:
        yield (
            f"{', '.join(uneven)}: compared with more or fewer days; what is a day's says what changed"
        )
    if sees_all:
        yield from _payers(found)


def _payers(found: _Found) -> Iterable[str]:
    """Payers that were there before, and have no bill in a month that others have."""
    first: dict[str, str] = {}
    for head in sorted(found.heads, key=lambda head: head.billing_period):
        first.setdefault(head.payer, head.billing_period)
    there = {(head.payer, head.billing_period) for head in found.heads}
    for month in sorted({head.billing_period for head in found.heads}):
        for payer, since in sorted(first.items()):
            if since < month and (payer, month) not in there:
                yield f"of the payer {payer} there is nothing in {month}"
