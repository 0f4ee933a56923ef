"""The cost report as a mail, a page to keep, and plots: the numbers of its JSON, read by people."""

import base64
import html
from collections.abc import Iterable, Mapping, Sequence
from datetime import timedelta
from itertools import accumulate
from typing import NamedTuple

from finops.domain.cost_reports import (
    ChangeDriver,
    ChangePart,
    CostReport,
    ReportBreakdown,
    ReportFigures,
    ReportRow,
    ReportSection,
    RowKind,
    ServiceGroup,
)
from finops.domain.report_settings import Rhythm
from finops.usecases import plots
from finops.usecases.cost_reports import OWNER, shown_name
from finops.usecases.digest import Letterhead, amount
from finops.usecases.mail_pages import Block, page
from finops.usecases.ports import Mail, Pictures

MARK = "▲"
BARS = 8
MARKED_SHOWN = 40
ZEROS_SHOWN = 20
DAY = timedelta(1)
TITLES: Mapping[str, str] = {
    "Account": "By account",
    "Service": "By service",
    "Region": "By region",
}
PAGE = (
    '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
    '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
    "<title>{title}</title>\n</head>\n"
    '<body style="margin:0;background:#fff">\n{body}\n</body>\n</html>\n'
)


class Drawing(NamedTuple):
    """A plot of a report: what it is called, what it shows, and itself."""

    name: str
    about: str
    svg: str


# The mail and the page ------------------------------------------------------------------------------


def report_mail(
    to: str, name: str, report: CostReport, letterhead: Letterhead, images: Mapping[str, bytes]
) -> Mail:
    """The mail to one reader, with the PNG of its plots by name."""
    told = blocks(report, {one.name: one.about for one in drawings(report) if one.name in images})
    return page(to, told, letterhead, _said(report, name), images)


def report_page(report: CostReport, letterhead: Letterhead, images: Mapping[str, bytes]) -> str:
    """The same as a page that stands alone: its plots are in it, and nobody is greeted."""
    paper = letterhead.model_copy(
        update={"subject": "Costs of $span: $total", "text": "What $scope cost in $span"}
    )
    mail = report_mail("", "", report, paper, images)
    body = mail.html
    for name, png in images.items():
        # What a tag says is escaped, so no tag can spell this.
        data = base64.b64encode(png).decode()
        body = body.replace(f'src="cid:{name}"', f'src="data:image/png;base64,{data}"')
    return PAGE.format(title=html.escape(mail.subject), body=body)


def pictures_of(report: CostReport, pictures: Pictures) -> dict[str, bytes]:
    """The plots of a report as PNG, by name."""
    return {one.name: pictures.png(one.svg) for one in drawings(report)}


def _said(report: CostReport, name: str) -> dict[str, str]:
    totals = (amount(one.total.amount, one.currency) for one in report.sections)
    return {
        "name": name,
        "scope": report.scope,
        "span": report.span.label,
        "total": " + ".join(totals),
    }


def blocks(report: CostReport, pictured: Mapping[str, str]) -> list[Block]:
    """What a report says, from what is missing of it on; *pictured* are its plots, with their words."""
    found = []
    if report.notes:
        found.append(Block("Read this first", rows=[(note,) for note in report.notes]))
    for section in report.sections:
        found += _section(section, report, pictured)
    found.append(_fresh(report))
    return [one for one in found if one.rows or one.image]


def _section(
    section: ReportSection, report: CostReport, pictured: Mapping[str, str]
) -> list[Block]:
    of = f", in {section.currency}" if len(report.sections) > 1 else ""
    images = [
        Block(about.partition(":")[0], image=name, image_about=about)
        for name, about in pictured.items()
        if name.endswith(f"-{section.currency}")
    ]
    return [
        _in_short(section, report, of),
        _marked(section, of),
        *images,
        *(_breakdown(one, of) for one in section.breakdowns),
        *_groups(section.groups, of),
        _zeros(section, of),
    ]


# Blocks ---------------------------------------------------------------------------------------------


def _in_short(section: ReportSection, report: CostReport, of: str) -> Block:
    total, currency = section.total, section.currency
    before = f"{report.before_start} to {report.before_end - DAY}"
    rows = [
        ("Spend", amount(total.amount, currency)),
        (f"The span before, {before}", _known(total.before, currency)),
    ]
    if total.comparable is not None and total.comparable != total.before:
        rows.append((f"In {report.days_covered} days that is", _known(total.comparable, currency)))
    rows.append(("Change", _change(total, currency)))
    if section.unowned:
        rows.append(("Of the spend nobody owns", amount(section.unowned, currency)))
    if section.credits is not None and section.net is not None:
        rows.append(("Credited by AWS", amount(section.credits.amount, currency)))
        rows.append(("Net: what the bill comes to", amount(section.net.amount, currency)))
    if (ahead := section.ahead) is not None:
        rows += [
            (f"{ahead.month} to date, through {ahead.through}", amount(ahead.spent, currency)),
            (f"{ahead.month} is expected to come to", amount(ahead.expected, currency)),
            (
                "Four times of five, between",
                f"{amount(ahead.low, None)} and {amount(ahead.high, currency)}",
            ),
        ]
    if (plan := section.schedule) is not None:
        rows += [
            (f"Approved for {plan.month}", amount(plan.approved, currency)),
            (f"Of that through {plan.through}", amount(plan.to_date, currency)),
            ("Spent in the month so far", amount(plan.spent, currency)),
        ]
    return Block(
        f"In short{of}", driver_said(section.driver, total, currency), (), rows, (1,), shown=20
    )


def driver_said(found: ChangeDriver | None, total: ReportFigures, currency: str) -> str:
    """What moved the total, in a sentence."""
    if total.change is None:
        return "There is nothing to compare with."
    if found is None:
        return "The total has not changed."
    if not found.is_spread:
        [part] = found.parts
        moved = f"{part.name} {_moved(part, currency)}"
        return f"Main driver: {moved}, {_percent(part.share)} of the change."
    if not found.parts:
        return "The change is spread over many."
    told = "; ".join(f"{part.name} {_moved(part, currency)}" for part in found.parts)
    return f"The change is spread; no service in an account explains half of it. Most: {told}."


def _moved(part: ChangePart, currency: str) -> str:
    way = "rose" if part.change > 0 else "fell"
    return f"{way} by {amount(abs(part.change), currency)}"


def _marked(section: ReportSection, of: str) -> Block:
    rows = [
        (
            _title(one.dimension, one.tag_key),
            f"{MARK} {one.row.name}",
            *_cells(one.row),
        )
        for one in section.marked
    ]
    return Block(
        f"Over a threshold ({len(rows)}){of}",
        "Rows that reach every limit of a threshold that is set for these readers.",
        ("What", "Name", *FIGURES),
        rows,
        (2, 3, 4, 5),
        shown=MARKED_SHOWN,
    )


FIGURES = ("Spend", "Before", "Change", "Share")


def _breakdown(one: ReportBreakdown, of: str) -> Block:
    rows = [(f"{MARK} {row.name}" if row.is_marked else row.name, *_cells(row)) for row in one.rows]
    # What everything has in common tells nothing.
    is_one = len(one.rows) == 1 and one.rows[0].kind in (RowKind.NONE, RowKind.NOBODY)
    return Block(
        f"{_title(one.dimension, one.tag_key)}{of}",
        "" if not is_one else "Nothing is told apart by it.",
        ("Name", *FIGURES),
        rows,
        (1, 2, 3, 4),
    )


def _groups(groups: Sequence[ServiceGroup], of: str) -> list[Block]:
    found: dict[tuple[str, str | None], list[tuple[str, str, str]]] = {}
    for group in groups:
        services = ", ".join(f"{row.name} {amount(row.amount, None)}" for row in group.services)
        row = (group.name, amount(group.amount, None), services)
        found.setdefault((group.dimension, group.tag_key), []).append(row)
    return [
        Block(
            f"Top services {_title(dimension, key)[:1].lower()}{_title(dimension, key)[1:]}{of}",
            "The five that cost most in each, and all others.",
            ("Name", "Spend", "Services"),
            rows,
            (1,),
        )
        for (dimension, key), rows in found.items()
    ]


def _zeros(section: ReportSection, of: str) -> Block:
    rows = [
        (shown_name(one.tag_key), shown_name(one.value), _known(one.before, None))
        for one in section.zeros
    ]
    return Block(
        f"Tag values that cost nothing ({len(rows)}){of}",
        "They were there in the months before, or a threshold names them.",
        ("Key", "Value", "Before"),
        rows,
        (2,),
        shown=ZEROS_SHOWN,
    )


def _fresh(report: CostReport) -> Block:
    rows = [
        (
            one.billing_period,
            one.payer_id,
            str(one.complete_through) if one.complete_through else "no whole day yet",
            f"{one.last_delivery:%Y-%m-%d %H:%M} UTC",
            "final" if one.is_final else "not final",
        )
        for one in report.freshness
    ]
    about = f"Made on {report.made_at:%Y-%m-%d %H:%M} UTC from the ledger"
    basis = f", at {report.basis.value.lower()} cost." if report.basis else "."
    header = ("Bill", "Payer", "Complete through", "Delivered", "State")
    return Block("How fresh this is", f"{about}{basis}", header, rows)


def _title(dimension: str, key: str | None) -> str:
    if key is not None:
        return f"By tag {shown_name(key)}"
    return "By owner" if dimension == OWNER else TITLES[dimension]


def _cells(row: ReportRow) -> tuple[str, str, str, str]:
    return (
        amount(row.amount, None),
        _known(row.before, None),
        _change(row, None),
        _percent(row.share),
    )


def _known(ticks: int | None, currency: str | None) -> str:
    return "–" if ticks is None else amount(ticks, currency)


def _change(figures: ReportFigures, currency: str | None) -> str:
    """Only what cost nothing before is new.

    >>> [_change(ReportFigures.of(amount, before, before), None) for amount, before in (
    ...     (50000000000, 0), (-20000000000, -50000000000))]
    ['+5.00 (new)', '+3.00']
    """
    if figures.change is None:
        return "–"
    sign = "+" if figures.change > 0 else ""
    said = f"{sign}{amount(figures.change, currency)}"
    if figures.growth is None:
        return said if figures.before or figures.change <= 0 else f"{said} (new)"
    return f"{said} ({'+' if figures.growth > 0 else ''}{_percent(figures.growth)})"


def _percent(points: int | None) -> str:
    return "–" if points is None else f"{points / 100:,.1f} %"


# Plots ----------------------------------------------------------------------------------------------


def drawings(report: CostReport) -> list[Drawing]:
    """The plots of each currency: its days, the month ahead, and the owners or services."""
    return [one for section in report.sections for one in _drawings(section, report)]


def _drawings(section: ReportSection, report: CostReport) -> Iterable[Drawing]:
    currency, words = section.currency, _words(report)
    if any(one.amount for one in section.days):
        yield Drawing(f"days-{currency}", *_days(section, words))
    if section.ahead is not None:
        yield Drawing(f"month-{currency}", *_month(section, section.ahead.month))
    bars = next((one for one in section.breakdowns if one.dimension == OWNER), None)
    if bars is None or len(bars.rows) < 2:
        bars = next((one for one in section.breakdowns if one.dimension == "Service"), None)
    if bars is not None and any(row.amount > 0 for row in bars.rows):
        yield Drawing(f"parts-{currency}", *_parts(bars, currency, words))


def _words(report: CostReport) -> plots.Words:
    if report.span.rhythm is Rhythm.WEEKLY:
        return plots.Words("this week", "the week before")
    return plots.Words(f"{report.span.start:%b %Y}", f"{report.before_start:%b %Y}")


def _days(section: ReportSection, words: plots.Words) -> tuple[str, str]:
    days, before = section.days, section.days_before
    labels = [f"{one.day:%a %d}" if len(days) <= 7 else f"{one.day.day}" for one in days]
    labels += [str(n + 1) for n in range(len(days), len(before))]
    lines = [plots.Line(words.now, [one.amount for one in days])]
    if before:
        lines.append(plots.Line(words.before, [one.amount for one in before]))
    title = f"Spend by day, in {section.currency}"
    svg = plots.trend(labels, lines, title=title, currency=section.currency)
    return f"Day by day: {words.now} beside {words.before}, in {section.currency}", svg


def _month(section: ReportSection, month: str) -> tuple[str, str]:
    ahead = section.ahead
    assert ahead is not None  # noqa: S101 - drawn only where there is one
    spent = list(accumulate(one.amount for one in ahead.days))
    title = f"{month} to date and to its end, in {section.currency}"
    svg = plots.outlook(
        [str(n) for n in range(1, ahead.days_of_month + 1)],
        spent,
        plots.Ahead(ahead.expected, ahead.low, ahead.high),
        title=title,
        currency=section.currency,
        schedule=section.schedule.approved if section.schedule else None,
    )
    about = (
        f"The month ahead: {month} comes to {amount(ahead.expected, section.currency)},"
        f" four times of five between {amount(ahead.low, None)} and {amount(ahead.high, None)}"
    )
    return about, svg


def _parts(bars: ReportBreakdown, currency: str, words: plots.Words) -> tuple[str, str]:
    named = "owner" if bars.dimension == OWNER else "service"
    shown = sorted(bars.rows, key=lambda row: (-row.amount, row.name))
    pairs = [plots.Pair(row.name, row.amount, row.before) for row in shown[:BARS]]
    title = f"Spend by {named}, in {currency}"
    svg = plots.compared(pairs, title=title, currency=currency, words=words)
    return f"At a glance: spend by {named}, {words.now} above {words.before}", svg
