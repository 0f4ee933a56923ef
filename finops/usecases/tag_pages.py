"""The tag report as a page to read: coverage, what lacks a tag, and keys that may be one."""

from collections.abc import Iterable

from finops.domain.money import from_ticks
from finops.domain.tag_coverage import Coverage, CoverageBy, lacking, part
from finops.usecases.digest import Letterhead
from finops.usecases.mail_pages import Block, page
from finops.usecases.tag_reports import CoverageTold, TagReport

SHOWN = 25
WORDS = {
    CoverageBy.TOTAL: "All that runs",
    CoverageBy.ACCOUNT: "By account",
    CoverageBy.SERVICE: "By service",
    CoverageBy.OWNER: "By owner",
}
NOBODY = "(none)"


def html_page(told: TagReport, logo: str | None) -> str:
    """The report as HTML that stands by itself; whatever tags say is text in it."""
    month = told.untagged.month
    title = f"Tags of {month}" if month else "There is no bill yet"
    head = Letterhead(subject=title, text=title, logo=logo)
    made = page("", blocks(told), head, {})
    return (
        f'<!doctype html>\n<html lang="en">\n<head><meta charset="utf-8"><title>{title}</title></head>'
        f"\n<body>\n{made.html}\n</body>\n</html>\n"
    )


def blocks(told: TagReport) -> list[Block]:
    """Coverage in total and in groups, keys that are missing, resources, and look-alikes."""
    found = [_coverage(one) for one in told.coverage.values()]
    return [*found, *_missing(told.coverage[CoverageBy.TOTAL]), *_resources(told), *_keys(told)]


def _coverage(told: CoverageTold) -> Block:
    required = ", ".join(told.keys) or "any tag, for no key is required"
    about = ""
    if told.by is CoverageBy.TOTAL:
        about = (
            f"Required: {required}. Charges of no resource cannot have a tag; they are no part of "
            "what is covered."
        )
    return Block(
        title=WORDS[told.by],
        about=about,
        header=("", "Resources", "With all keys", "Cost", "Covered", "Untaggable", ""),
        rows=[_row(one, told.by) for one in told.found],
        right=(1, 2, 3, 4, 5),
        shown=SHOWN,
    )


def _row(one: Coverage, by: CoverageBy) -> tuple[str, ...]:
    name = "Total" if by is CoverageBy.TOTAL else one.of or NOBODY
    covered = one.complete
    return (
        name,
        f"{one.resources:,}",
        percent(covered.resources, one.resources),
        _money(one.cost),
        percent(covered.cost, one.cost),
        _money(one.untaggable),
        one.currency or "",
    )


def _missing(told: CoverageTold) -> Iterable[Block]:
    rows = [
        (key, f"{number:,}", _money(cost), currency or "")
        for currency, key, number, cost in lacking(told.found)
        if number
    ]
    if rows:
        header = ("Key", "Resources without it", "Cost", "")
        yield Block("Keys that are missing", header=header, rows=rows, right=(1, 2), shown=SHOWN)


def _resources(told: TagReport) -> Iterable[Block]:
    rows = [
        (
            one.resource.account_id or NOBODY,
            one.resource.resource_id,
            one.resource.service or NOBODY,
            one.owner or NOBODY,
            ", ".join(one.missing),
            _money(one.resource.cost),
            one.resource.currency or "",
        )
        for one in told.untagged.found
    ]
    if rows:
        header = ("Account", "Resource", "Service", "Owner", "Missing", "Cost", "")
        yield Block("The dearest of them", header=header, rows=rows, right=(5,), shown=SHOWN)


def _keys(told: TagReport) -> Iterable[Block]:
    rows = [
        (one.use.key, one.like.like, f"{one.use.resources:,}")
        for one in told.keys.found
        if one.like is not None
    ]
    if rows:
        yield Block(
            "Keys that look like others",
            about="Where they are one, an alias in the settings says so.",
            header=("Key", "Looks like", "Resources"),
            rows=rows,
            right=(2,),
            shown=SHOWN,
        )


def percent(some: int, whole: int) -> str:
    """A part in per cent; a dash where there is nothing to be a part of.

    >>> percent(1, 3), percent(0, 0), percent(2, 2)
    ('33.3 %', '–', '100.0 %')
    """
    points = part(some, whole)
    return "–" if points is None else f"{points // 100}.{points % 100 // 10} %"


def _money(ticks: int) -> str:
    return f"{from_ticks(ticks):,.2f}"
