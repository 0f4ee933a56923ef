"""Signed and unsigned spend as it leaves the product: as JSON, as tables, and drawn.

What is drawn is taken from the same values as what is told.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import timedelta
from functools import lru_cache
from typing import Any

from finops.domain.card_sums import CardState
from finops.domain.card_tasks import CardTask
from finops.domain.elements import ENTERPRISE, LEVELS, level
from finops.domain.money import text
from finops.domain.paces import WHOLE
from finops.domain.people import Person
from finops.domain.periods import Period
from finops.domain.periods import label as week_label
from finops.domain.spend_cards import CardStatus, CardSummary
from finops.usecases import plots
from finops.usecases.organisation_views import ENTERPRISE_ID, labels, money, named
from finops.usecases.spend_answers import (
    CardStatuses,
    OnCards,
    Rows,
    Schedule,
    Summary,
    Trend,
    TrendMonth,
    Trends,
    Week,
    element_lines,
    months,
    tiles,
    variance_lines,
    waiting_lines,
    weeks,
)
from finops.usecases.spend_frames import BY_YEAR, Frame, Plan, RowKey, order, points
from finops.usecases.views import standing

Table = tuple[list[str], list[list[Any]]]

PROVISIONAL = "Provisional"
MOST_TILES = 400  # of a heat map; of more products, their portfolios are drawn
ELEMENT_COLUMNS = ("element", "level", "label", "name")
PLAN_COLUMNS = ("spend", "budget", "unbudgeted_spend", "variance", "variance_percent")
SUMMARY_COLUMNS = ("element", "currency", "what", "status", "is_provisional", "cards", "amount")
SNAPSHOT_COLUMNS = (
    *ELEMENT_COLUMNS,
    *("currency", *PLAN_COLUMNS, "colour", "word", "waiting", "uncarded"),
    *("owners", *CardStatus),
)
VARIANCE_COLUMNS = (*ELEMENT_COLUMNS, "currency", "of", *PLAN_COLUMNS)
HEAT_COLUMNS = (*ELEMENT_COLUMNS, "group", "currency", *PLAN_COLUMNS, "colour", "word")
WEEK_COLUMNS = (
    *(*ELEMENT_COLUMNS, "currency", "start", "end", "week", "status", "cards"),
    *("amount", "adjustments", "spend", "waiting", "uncarded"),
)
WAITING_COLUMNS = (
    *("product_id", "name", "start", "end", "currency", "status", "amount", "step", "level"),
    *("owed_by", "is_escalated", "since", "due", "owners"),
)
TREND_COLUMNS = ("element", "currency", "month", "day", "amount", "schedule")
SCHEDULE_COLUMNS = ("element", "month", "currency", "approved", *PLAN_COLUMNS, "is_closed")


# Asked for again and again: most weeks of a year have none of most amounts.
_label = lru_cache(maxsize=1_000)(week_label)
_text = lru_cache(maxsize=10_000)(text)


# What all have ------------------------------------------------------------------------------------


def _named(frame: Frame, id_: str) -> dict[str, Any]:
    """An element by name; what somebody with a scope sees of the whole is that scope."""
    told = named(frame.charts, id_)
    is_scope = frame.is_part and id_ == ENTERPRISE
    return told | {"name": "Financial scope", "label": "Scope"} if is_scope else told


def _about(frame: Frame) -> dict[str, Any]:
    """What is asked, and what it comes to: with the bill, for who may know."""
    span = frame.span
    through = frame.through
    return {
        "span": span.name,
        "year": span.year.year,
        "months": [str(month) for month in span.months],
        **_named(frame, frame.element),
        "labels": labels(frame.chart),
        "complete_through": through.isoformat() if through else None,
        "totals": [_total(frame, currency) for currency in frame.currencies],
        "freshness": [standing(one) for one in frame.standings],
    }


def _total(frame: Frame, currency: str) -> dict[str, Any]:
    """Spend with and without an owner, and what of the bill's is in neither of them."""
    spend = frame.spend(frame.element, currency)
    told: dict[str, Any] = {"currency": currency, "spend": text(spend)}
    if frame.bill is None:
        hidden = ("unallocated", "bill_spend", "difference", "aws_credits")
        return told | dict.fromkeys(hidden)
    of_bill, credited, nobodys = (amounts.get(currency, 0) for amounts in frame.bill)
    return told | {
        "unallocated": text(nobodys),
        "bill_spend": text(of_bill),
        "difference": text(of_bill - spend - nobodys),
        "aws_credits": text(credited),
    }


def _percent(basis_points: int | None) -> str | None:
    """Basis points in percent.

    >>> _percent(1250), _percent(-5), _percent(None)
    ('12.50', '-0.05', None)
    """
    if basis_points is None:
        return None
    sign, size = "-" if basis_points < 0 else "", abs(basis_points)
    return f"{sign}{size // (WHOLE // 100)}.{size % (WHOLE // 100):02}"


def _plan(plan: Plan) -> dict[str, Any]:
    return {
        "spend": text(plan.spend),
        "budget": money(plan.budget),
        "unbudgeted_spend": text(plan.unbudgeted),
        "variance": money(plan.variance),
        "variance_percent": _percent(plan.percent),
    }


def _coloured(plan: Plan) -> dict[str, Any]:
    return {**_plan(plan), "colour": plan.colour.value, "word": plan.colour.word}


def _state(state: CardState) -> dict[str, Any]:
    return {"status": state.status.value, "is_provisional": state.is_provisional}


def _on_cards(found: Iterable[OnCards]) -> list[dict[str, Any]]:
    return [
        {
            **_state(one.state),
            "cards": one.cards,
            "spend": _text(one.own),
            "adjustments": _text(one.booked),
            "amount": _text(one.amount),
        }
        for one in found
    ]


def _person(person: Person) -> dict[str, Any]:
    return {"email": person.email, "name": person.name}


def paged(
    found: Rows, items: Sequence[dict[str, Any]], next_cursor: str | None = None
) -> dict[str, Any]:
    """Some rows of a view, with what they are of."""
    return {**_about(found.frame), "items": items, "next_cursor": next_cursor}


def place(key: RowKey) -> str:
    """Where a row stands among the others of its kind: in the order of `Frame.rows`."""
    return f"{order(key[0])}\x00{key[1]}"


def _rows(columns: Sequence[str], items: Iterable[Mapping[str, Any]]) -> Table:
    return list(columns), [[item.get(name) for name in columns] for item in items]


# Summary ------------------------------------------------------------------------------------------


def summary(found: Summary) -> dict[str, Any]:
    """What of an element's spend is on cards, and what is not."""
    return {
        **_about(found.frame),
        "items": [
            {
                "currency": one.currency,
                **_coloured(one.plan),
                "on_cards": _on_cards(one.on_cards),
                "signed": text(sum(s.amount for s in one.on_cards if s.is_final)),
                "waiting": text(one.waiting),
                "corrections": text(one.corrections),
                "uncarded": text(one.uncarded),
                "trend": _trend_of(one.trend),
            }
            for one in found.lines
        ],
    }


def _trend_of(one: Trend) -> dict[str, Any]:
    change = one.spend - one.before
    return {
        "days": one.days,
        "spend": text(one.spend),
        "before": text(one.before),
        "difference": text(change),
        "percent": _percent(points(change, one.before)),
    }


def summary_table(found: Summary) -> Table:
    """The same as a table whose amounts add up to the bill's spend, for each currency."""
    frame, items = found.frame, []
    for one in found.lines:
        about = {"element": frame.element or ENTERPRISE_ID, "currency": one.currency}
        items += [about | cards | {"what": "OnCards"} for cards in _on_cards(one.on_cards)]
        parts = {"Waiting": one.waiting, "Corrections": one.corrections, "Uncarded": one.uncarded}
        if frame.bill is not None:
            of_bill, _, nobodys = (amounts.get(one.currency, 0) for amounts in frame.bill)
            left = of_bill - nobodys - frame.spend(frame.element, one.currency)
            parts |= {"Unallocated": nobodys, "Difference": left}
        items += [about | {"what": what, "amount": text(t)} for what, t in parts.items()]
    return _rows(SUMMARY_COLUMNS, items)


# Elements -----------------------------------------------------------------------------------------


def snapshot_rows(found: Rows, keys: Iterable[RowKey]) -> list[dict[str, Any]]:
    """An element and what is below it: each against its plan, and what became of its spend."""
    return [
        {
            **_named(found.frame, one.element),
            "currency": one.currency,
            **_coloured(one.plan),
            "on_cards": _on_cards(one.on_cards),
            "waiting": text(one.waiting),
            "uncarded": text(one.uncarded),
            "owners": [_person(person) for person in one.owners],
        }
        for one in element_lines(found, keys)
    ]


def snapshot_table(rows: Iterable[dict[str, Any]]) -> Table:
    """The same as a table: a column for the cards of each status, as many as there are."""
    items = []
    for one in rows:
        counts: dict[str, Any] = dict.fromkeys(CardStatus, 0)
        for cards in one["on_cards"]:
            counts[cards["status"]] += cards["cards"]
        owners = ";".join(person["email"] for person in one["owners"])
        items.append(one | counts | {"owners": owners})
    return _rows(SNAPSHOT_COLUMNS, items)


def variance_rows(found: Rows, keys: Iterable[RowKey]) -> list[dict[str, Any]]:
    """Elements against what is approved for the month, and for the year so far."""
    return [
        {
            **_named(found.frame, one.element),
            "currency": one.currency,
            "month": _plan(one.month),
            "year_to_date": _plan(one.year_to_date),
        }
        for one in variance_lines(found, keys)
    ]


def variance_table(rows: Iterable[dict[str, Any]]) -> Table:
    """The same as a table, a row for the month and one for the year to date."""
    return _rows(
        VARIANCE_COLUMNS,
        [row | row[of] | {"of": of} for row in rows for of in ("month", "year_to_date")],
    )


# Heat map -----------------------------------------------------------------------------------------


def heat_rows(found: Rows, keys: Iterable[RowKey]) -> list[dict[str, Any]]:
    """Products and portfolios by spend and pace."""
    return [
        {
            **_named(found.frame, one.element),
            "group": one.group,
            "currency": one.currency,
            **_coloured(one.plan),
        }
        for one in tiles(found, keys)
    ]


def heat_table(rows: Iterable[dict[str, Any]]) -> Table:
    return _rows(HEAT_COLUMNS, rows)


def heat_plot(found: Rows) -> str:
    """Products within their portfolios; of too many to tell apart, portfolios in departments."""
    frame = found.frame
    currency = plotted(frame)
    keys = [key for key in found.keys if key[1] == currency]
    drawn = [key for key in keys if level(key[0]) == LEVELS]
    if len(drawn) > MOST_TILES:
        drawn = [key for key in keys if level(key[0]) < LEVELS]
    return plots.heat_map(
        [
            plots.Tile(
                named(frame.charts, one.element)["name"],
                named(frame.charts, one.group)["name"],
                one.plan.spend,
                one.plan.colour,
            )
            for one in tiles(found, drawn)
        ],
        title=_title("Spend and pace", frame),
        currency=currency,
    )


def plotted(frame: Frame) -> str:
    """The currency that is drawn where none is asked for: that of plans, if anything is in it."""
    own = frame.sources.currency
    if own in frame.currencies or not frame.currencies:
        return own
    return frame.currencies[0]


def _title(what: str, frame: Frame) -> str:
    span = frame.span
    when = f"fiscal year {span.year.year}" if span.name == BY_YEAR else str(span.months[-1])
    return f"{what}: {_named(frame, frame.element)['name']}, {when}"


# Weeks --------------------------------------------------------------------------------------------


def _week(one: Week, name: str) -> dict[str, Any]:
    states = {each.state for each in one.on_cards}
    only = next(iter(states)) if len(states) == 1 else None
    return {
        "start": one.period.start.isoformat(),
        "end": one.period.end.isoformat(),
        "week": name,
        "status": None if only is None else only.status.value,
        "is_provisional": None if only is None else only.is_provisional,
        "cards": one.cards,
        "on_cards": _on_cards(one.on_cards),
        "amount": _text(one.amount),
        "adjustments": _text(one.adjustments),
        "spend": _text(one.spend),
        "waiting": _text(one.waiting),
        "uncarded": _text(one.uncarded),
    }


def week_rows(found: Rows, keys: Iterable[RowKey]) -> list[dict[str, Any]]:
    """Elements with the cards of each business week."""
    rows = []
    for element, currency in keys:
        listed = weeks(found.frame, element, currency)
        rows.append(
            {
                **_named(found.frame, element),
                "currency": currency,
                "weeks": [_week(one, _label(one.period)) for one in listed],
                "total": {
                    "cards": sum(one.cards for one in listed),
                    "amount": text(sum(one.amount for one in listed)),
                    "adjustments": text(sum(one.adjustments for one in listed)),
                    "spend": text(sum(one.spend for one in listed)),
                    "waiting": text(sum(one.waiting for one in listed)),
                    "uncarded": text(sum(one.uncarded for one in listed)),
                },
            }
        )
    return rows


def week_table(rows: Iterable[dict[str, Any]]) -> Table:
    """The same as a table, a row for each week."""
    return _rows(
        WEEK_COLUMNS,
        [row | week for row in rows for week in row["weeks"]],
    )


# Cards by status ----------------------------------------------------------------------------------


def cards_by_status(
    found: CardStatuses,
    some: Iterable[tuple[CardSummary, CardTask]],
    next_cursor: str | None,
) -> dict[str, Any]:
    """How far cards are: by status and level, by week (of a year, by month), and *some* that wait."""
    frame = found.frame
    return {
        **_about(frame),
        "statuses": [
            {
                "currency": one.currency,
                **_state(one.state),
                "level": one.level,
                "cards": one.cards,
                "amount": text(one.amount),
            }
            for one in found.statuses
        ],
        "periods": [
            {"currency": currency, **_week(one, name)}
            for currency in frame.currencies
            for one, name in _periods(frame, currency)
        ],
        "items": waiting_rows(found, some),
        "next_cursor": next_cursor,
    }


def _periods(frame: Frame, currency: str) -> list[tuple[Week, str]]:
    """The weeks of a month with their names, or the months of a year."""
    if frame.span.name == BY_YEAR:
        return [
            (one, f"{one.period.start:%Y-%m}") for one in months(frame, frame.element, currency)
        ]
    return [(one, _label(one.period)) for one in weeks(frame, frame.element, currency)]


def waiting_rows(
    found: CardStatuses, some: Iterable[tuple[CardSummary, CardTask]]
) -> list[dict[str, Any]]:
    return [
        {
            "product_id": one.card.product_id,
            "name": named(found.frame.charts, one.card.product_id)["name"],
            "start": one.card.start.isoformat(),
            "end": one.card.end.isoformat(),
            "currency": one.currency,
            **_state(one.card_state),
            "amount": text(one.card.amount),
            "step": one.task.step.value,
            "level": one.task.owed_at,
            "owed_by": one.task.owed_by or ENTERPRISE_ID,
            "is_escalated": one.task.is_escalated,
            "since": one.card.since.isoformat(),
            "due": one.due.isoformat() if one.due else None,
            "owners": [_person(person) for person in one.owed_by],
        }
        for one in waiting_lines(found, some)
    ]


def waiting_table(found: CardStatuses, some: Iterable[tuple[CardSummary, CardTask]]) -> Table:
    """Cards that wait, as a table."""
    return _rows(
        WAITING_COLUMNS,
        [
            row | {"owners": ";".join(person["email"] for person in row["owners"])}
            for row in waiting_rows(found, some)
        ],
    )


def status_plot(found: CardStatuses) -> str:
    """What the cards of each week (of a year, of each month) come to, by status."""
    frame = found.frame
    currency = plotted(frame)
    stacks = []
    for one, name in _periods(frame, currency):
        amounts: defaultdict[str, int] = defaultdict(int)
        counts: defaultdict[str, int] = defaultdict(int)
        for cards in one.on_cards:
            status = PROVISIONAL if cards.state.is_provisional else cards.state.status.value
            amounts[status] += cards.amount
            counts[status] += cards.cards
        amounts["Uncarded"] = one.uncarded
        stacks.append(plots.Stack(_short(one.period, name), amounts, counts))
    return plots.card_status(stacks, title=_title("Cards by status", frame), currency=currency)


def _short(period: Period, name: str) -> str:
    """What a bar of a plot is called: a month, or the days of a week."""
    if len(name) == len("2026-09"):
        return name
    last = period.end - timedelta(1)
    return f"{period.start:%m-%d} to {last:%m-%d}"


# Trend and schedule -------------------------------------------------------------------------------


def trend(found: Trends) -> dict[str, Any]:
    """Spend by day and by business week, months side by side."""
    frame = found.frame
    return {
        **_about(frame),
        "trends": [
            {"currency": currency, **_trend_of(one)} for currency, one in found.trends.items()
        ],
        "items": [_trend_month(one) for one in found.months],
    }


def _trend_month(one: TrendMonth) -> dict[str, Any]:
    return {
        "month": str(one.month),
        "currency": one.currency,
        "days_covered": one.through,
        "spend": text(one.spend),
        "days": [
            {
                "day": day.isoformat(),
                "amount": text(ticks),
                "to_date": text(sum(one.days[: place + 1])),
                "schedule": None if one.schedule is None else text(one.schedule[place]),
            }
            for place, (day, ticks) in enumerate(zip(one.month.period, one.days, strict=True))
        ],
        "weeks": [
            {
                "start": week.start.isoformat(),
                "end": week.end.isoformat(),
                "week": _label(week),
                "amount": text(ticks),
            }
            for week, ticks in one.weeks
        ],
    }


def trend_table(found: Trends) -> Table:
    """The days as a table; the schedule up to each."""
    about = {"element": found.frame.element or ENTERPRISE_ID}
    return _rows(
        TREND_COLUMNS,
        [
            about | {"month": month["month"], "currency": month["currency"]} | day
            for month in map(_trend_month, found.months)
            for day in month["days"]
        ],
    )


def trend_plot(found: Trends) -> str:
    """Spend to date by day, a line for each month, and the newest one's schedule.

    Of a year the months themselves are the points.
    """
    frame = found.frame
    currency = plotted(frame)
    mine = [one for one in found.months if one.currency == currency]
    title = _title("Spend to date", frame)
    if frame.span.name == BY_YEAR:
        lines = [plots.Line("spend", [one.spend for one in mine])]
        if any(one.schedule for one in mine):
            approved = [one.schedule[-1] if one.schedule else None for one in mine]
            lines.append(plots.Line("schedule", approved))
        names = [str(one.month) for one in mine]
        return plots.trend(names, lines, title=_title("Spend", frame), currency=currency)
    count = max((len(one.days) for one in mine), default=0)
    lines = [plots.Line(str(one.month), _to_date(one, count)) for one in reversed(mine)]
    if mine and mine[-1].schedule is not None:
        schedule = [*mine[-1].schedule, *[None] * (count - len(mine[-1].schedule))]
        lines.append(plots.Line("schedule", schedule))
    days = [str(day + 1) for day in range(count)]
    return plots.trend(days, lines, title=title, currency=currency)


def _to_date(one: TrendMonth, count: int) -> list[int | None]:
    known = [sum(one.days[: day + 1]) for day in range(len(one.days))]
    # Behind what the bills cover there is nothing to draw, but for what they have there already.
    last = max([one.through, *(day + 1 for day, ticks in enumerate(one.days) if ticks)])
    return [*known[:last], *[None] * (count - last)]


def schedule(found: Schedule) -> dict[str, Any]:
    """Spend of each month against what is approved for it."""
    return {**_about(found.frame), "items": _schedule_rows(found)}


def _schedule_rows(found: Schedule) -> list[dict[str, Any]]:
    rows = []
    for one in found.months:
        plan = _plan(one.plan)
        if not one.has_bill:
            plan = dict.fromkeys(plan)
        rows.append(
            {
                "month": str(one.month),
                "currency": one.currency,
                "approved": money(one.approved),
                **plan,
                "is_closed": one.is_closed,
            }
        )
    return rows


def schedule_table(found: Schedule) -> Table:
    about = {"element": found.frame.element or ENTERPRISE_ID}
    return _rows(SCHEDULE_COLUMNS, [about | row for row in _schedule_rows(found)])


def schedule_plot(found: Schedule) -> str:
    """A bar for each month's spend, and a line for its schedule."""
    frame = found.frame
    currency = plotted(frame)
    return plots.schedule(
        [
            plots.Bar(str(one.month), one.plan.spend if one.has_bill else None, one.approved)
            for one in found.months
            if one.currency == currency
        ],
        title=_title("Spend against schedule", frame),
        currency=currency,
    )
