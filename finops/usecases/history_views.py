"""History as it leaves the product: JSON, a table, and a page to be read with its plots in it."""

import base64
import html
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from finops.domain.history import Change, Span, Sums
from finops.domain.money import text
from finops.usecases import plots
from finops.usecases.cost_report_pages import PAGE
from finops.usecases.digest import Letterhead, amount
from finops.usecases.history import History, HistoryRow, HistoryTable, Mover
from finops.usecases.mail_pages import Block, page
from finops.usecases.organisation_views import ENTERPRISE_ID, money

SHOWN = 50  # rows of a page's tables
LAST = 4  # spans whose amounts stand side by side on a page
WHOLE = 100  # basis points of a percent
COLUMNS = (
    *("billing_currency", "part", "span", "start", "end", "days", "is_part", "amount"),
    *("compared_amount", "compared_days", "before", "before_days", "change", "percent"),
    *("per_day", "per_day_before", "per_day_change", "per_day_percent"),
)
SPEND, OTHERS, TOTAL, CREDITS, NET = "Spend", "Others", "Total", "AwsCredits", "Net"

Table = tuple[list[str], list[list[Any]]]


# JSON ---------------------------------------------------------------------------------------------


def history(found: History) -> dict[str, Any]:
    """Spans, a table for each currency, and what is missing of it."""
    asked = found.question
    return {
        "by": list(asked.by),
        "step": asked.step.value,
        "element": asked.element or ENTERPRISE_ID,
        "elements": list(found.elements),
        "scope": found.scope,
        "where": list(asked.where),
        "made_at": found.made_at.isoformat(),
        "basis": found.basis.value if found.basis else None,
        "spans": [_span(n, found) for n in range(len(found.layout.spans))],
        "items": [_table(one, found) for one in found.tables],
        "gaps": list(found.gaps),
        "notes": list(found.notes),
        "freshness": [
            {
                "payer_id": head.payer,
                "billing_period": head.billing_period,
                "last_delivery": head.delivered_at.isoformat(),
                "complete_through": _day(head.complete_through),
                "is_final": head.is_final,
            }
            for head in found.heads
        ],
    }


def _span(number: int, found: History) -> dict[str, Any]:
    span, some = found.layout.spans[number], found.layout.pairs[number]
    return {
        "span": span.label,
        "start": span.months[0].month.start.isoformat(),
        "end": span.months[-1].month.end.isoformat(),
        "months": [str(one.month) for one in span.months],
        "gaps": [str(month) for month in span.gaps],
        "days": span.days,
        "is_part": span.is_part,
        "compared": [
            {
                "month": str(one.month),
                "days": one.days,
                "before": str(one.before),
                "before_days": one.days_before,
            }
            for one in some
        ],
    }


def _table(table: HistoryTable, found: History) -> dict[str, Any]:
    return {
        "currency": table.currency,
        "rows": [_row(one, found) for one in table.rows],
        "others": None
        if table.others is None
        else {"rows": table.others.together, "spans": _spans(table.others.sums, found)},
        "total": _spans(table.total, found),
        "aws_credits": None if table.credits is None else _spans(table.credits, found),
        "net": None if table.net is None else _spans(table.net, found),
        "movers": [{**_values(one, found), **_change(one.change)} for one in table.movers],
    }


def _row(row: HistoryRow, found: History) -> dict[str, Any]:
    return {**_values(row, found), "spans": _spans(row.sums, found)}


def _values(row: HistoryRow | Mover, found: History) -> dict[str, Any]:
    """What the dimensions have, in their order, and what people call it."""
    return {"values": list(row.values), "names": list(row.names)}


def _spans(sums: Sums, found: History) -> list[dict[str, Any]]:
    changes = found.layout.changes(sums)
    return [
        {"amount": money(ticks), "change": None if change is None else _change(change)}
        for ticks, change in zip(sums.amounts, changes, strict=True)
    ]


def _change(change: Change) -> dict[str, Any]:
    return {
        "amount": text(change.amount),
        "days": change.days,
        "before": text(change.before),
        "before_days": change.days_before,
        "change": text(change.change),
        "percent": percent(change.percent),
        "per_day": text(change.per_day),
        "per_day_before": text(change.per_day_before),
        "per_day_change": text(change.per_day_change),
        "per_day_percent": percent(change.per_day_percent),
    }


def percent(points: int | None) -> str | None:
    """Basis points in percent.

    >>> percent(-1071), percent(None)
    ('-10.71', None)
    """
    if points is None:
        return None
    sign = "-" if points < 0 else ""
    return f"{sign}{abs(points) // WHOLE}.{abs(points) % WHOLE:02}"


def _day(day: Any) -> str | None:
    return day.isoformat() if day else None


# Table --------------------------------------------------------------------------------------------


def table(found: History) -> Table:
    """A row for each row and span; those of `Spend` and `Others` add up to `Total` in each span."""
    dimensions = list(found.question.by)
    header = [*dimensions, *(f"{name}_name" for name in dimensions), *COLUMNS]
    return header, [row for one in found.tables for row in _rows(one, found)]


def _rows(table: HistoryTable, found: History) -> Iterator[list[Any]]:
    nothing = [None] * len(found.question.by)
    listed: list[tuple[str, Sequence[Any], Sequence[Any], Sums | None]] = [
        *((SPEND, one.values, one.names, one.sums) for one in table.rows),
        *((OTHERS, nothing, one.names, one.sums) for one in [table.others] if one),
        (TOTAL, nothing, nothing, table.total),
        (CREDITS, nothing, nothing, table.credits),
        (NET, nothing, nothing, table.net),
    ]
    for part, values, names, sums in listed:
        if sums is None:
            continue
        for span, ticks, change in zip(
            found.layout.spans, sums.amounts, found.layout.changes(sums), strict=True
        ):
            about = [table.currency, part, *_of_span(span), money(ticks)]
            yield [*values, *names, *about, *_cells(change)]


def _of_span(span: Span) -> list[Any]:
    start, end = span.months[0].month.start, span.months[-1].month.end
    return [
        span.label,
        start.isoformat(),
        end.isoformat(),
        span.days,
        "yes" if span.is_part else "no",
    ]


def _cells(change: Change | None) -> list[Any]:
    if change is None:
        return [None] * 10
    told = _change(change)
    return [
        *(told["amount"], told["days"], told["before"], told["before_days"], told["change"]),
        *(told["percent"], told["per_day"], told["per_day_before"], told["per_day_change"]),
        told["per_day_percent"],
    ]


# Page ---------------------------------------------------------------------------------------------


def history_page(found: History, letterhead: Letterhead) -> str:
    """A page that stands alone: its plots are in it."""
    paper = letterhead.model_copy(
        update={
            "subject": "Costs of $scope, $step by $step",
            "text": "What $scope cost, $step by $step",
        }
    )
    drawn = {f"plot-{one.currency}": plot(one, found) for one in found.tables}
    blocks = [*_first(found), *(each for one in found.tables for each in _blocks(one, found))]
    said = {"scope": found.scope, "step": found.question.step.value}
    mail = page("", blocks, paper, said)
    body = mail.html
    for name, svg in drawn.items():
        # What a bill says is escaped, so nothing in it can spell this.
        data = base64.b64encode(svg.encode()).decode()
        body = body.replace(f'src="cid:{name}"', f'src="data:image/svg+xml;base64,{data}"')
    return PAGE.format(title=html.escape(mail.subject), body=body)


def _first(found: History) -> Iterator[Block]:
    if said := [*found.gaps, *found.notes]:
        yield Block("Read this first", rows=[(one,) for one in said], shown=SHOWN)
    if found.question.where:
        rows = [(one,) for one in found.question.where]
        yield Block("Only where", rows=rows, shown=SHOWN)


def _blocks(one: HistoryTable, found: History) -> Iterator[Block]:
    of = f", in {one.currency}"
    yield Block(
        f"Spend by {found.question.step.value}{of}",
        "What AWS credited is not in it.",
        ("Span", "Days", "Spend", "Change", "A day", "Change a day"),
        list(_totals(one, found)),
        (1, 2, 3, 4, 5),
        f"plot-{one.currency}",
        f"Spend of each {found.question.step.value}{of}; what is incomplete is striped",
        shown=SHOWN,
    )
    if one.credits is not None and any(one.credits.amounts) and one.net is not None:
        apart = [
            (span.label, _amount(credited), _amount(net))
            for span, credited, net in zip(
                found.layout.spans, one.credits.amounts, one.net.amounts, strict=True
            )
        ]
        header = ("Span", "Credited by AWS", "Net")
        yield Block(f"Credits and net{of}", "", header, apart, (1, 2), shown=SHOWN)
    if one.movers:
        newest = found.layout.newest
        span = "" if newest is None else found.layout.spans[newest].label
        yield Block(
            f"What moved most a day in {span}{of}",
            "Up or down, against the span before.",
            ("Name", "A day", "Before", "Change a day"),
            [
                (
                    _joined(each.names),
                    _amount(each.change.per_day),
                    _amount(each.change.per_day_before),
                    _signed(each.change.per_day_change, each.change.per_day_percent),
                )
                for each in one.movers
            ],
            (1, 2, 3),
        )
    shown = range(len(found.layout.spans))[-LAST:]
    rows = [
        (_joined(each.names), *(_amount(each.sums.amounts[n]) for n in shown))
        for each in [*one.rows[:SHOWN], *_rest(one, found)]
    ]
    total = ("Total", *(_amount(one.total.amounts[n]) for n in shown))
    labels = [found.layout.spans[n].label for n in shown]
    yield Block(
        f"By {', '.join(found.question.by)}{of}",
        "" if len(shown) == len(found.layout.spans) else f"The last {LAST} spans.",
        ("Name", *labels),
        [*rows, total],
        tuple(range(1, len(labels) + 1)),
        shown=SHOWN + 2,
    )


def _rest(one: HistoryTable, found: History) -> Iterable[HistoryRow]:
    """What a page has no room for, as one row."""
    rest = [*one.rows[SHOWN:], *([one.others] if one.others else [])]
    if rest:
        whole = found.layout.nothing()
        for each in rest:
            whole = whole + each.sums
        count = sum(each.together for each in rest)
        yield HistoryRow((), (f"{count} others",), whole, count)


def _totals(one: HistoryTable, found: History) -> Iterator[tuple[str, ...]]:
    for span, ticks, change in zip(
        found.layout.spans, one.total.amounts, found.layout.changes(one.total), strict=True
    ):
        label = f"{span.label} (part)" if span.is_part and span.loaded else span.label
        told = ("–", "–", "–")
        if change is not None:
            told = (
                _signed(change.change, change.percent),
                _amount(change.per_day),
                _signed(change.per_day_change, change.per_day_percent),
            )
        days = str(span.days) if span.loaded else "not loaded"
        yield (label, days, _amount(ticks), *told)


def plot(one: HistoryTable, found: History) -> str:
    """The totals as bars, the incomplete ones striped, and no bar where there is a gap."""
    return plots.spans(
        [
            plots.SpanBar(span.label, ticks, span.is_part)
            for span, ticks in zip(found.layout.spans, one.total.amounts, strict=True)
        ],
        title=f"Spend by {found.question.step.value}, in {one.currency}",
        currency=one.currency,
    )


def _joined(names: Sequence[str]) -> str:
    return " · ".join(one for one in names if one)


def _amount(ticks: int | None) -> str:
    return "–" if ticks is None else amount(ticks, None)


def _signed(ticks: int, points: int | None) -> str:
    said = f"{'+' if ticks > 0 else ''}{amount(ticks, None)}"
    if points is None:
        return f"{said} (new)" if ticks > 0 else said
    return f"{said} ({'+' if points > 0 else ''}{percent(points)} %)"
