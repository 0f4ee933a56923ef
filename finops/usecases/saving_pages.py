"""The savings report: what is open, what was decided, and what is done, as JSON and as a page."""

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any, NamedTuple

from finops.domain.people import Person
from finops.domain.savings import SavingStatus, SourceState
from finops.usecases import realised_pages
from finops.usecases.digest import Letterhead, amount
from finops.usecases.mail_pages import Block, page
from finops.usecases.organisation_views import ENTERPRISE_ID
from finops.usecases.ports import RealisedKept
from finops.usecases.realised_pages import Realised, realised
from finops.usecases.saving_views import Names, group, saving_in_list, title, told_sources
from finops.usecases.savings import (
    GroupBy,
    SavingQuery,
    SavingsBoard,
    SavingTotal,
    SeenSaving,
    seen_savings,
    sources,
    totals,
)

PAPER = Letterhead(
    subject="Savings of $element on $day",
    text="What AWS recommends for the resources of $element, what was decided on it, and what is "
    "done, on $day. Amounts are estimates of AWS, a month; each resource counts once.",
)
NOBODY = "nobody"
SHOWN = 50  # cases of a list, and rows of a sum
# What a report lists: its name in JSON, its title, and what that is.
LISTED: Mapping[SavingStatus, tuple[str, str, str]] = {
    SavingStatus.NEW: ("new", "To be decided", "Recommended, neither approved nor ignored"),
    SavingStatus.APPROVED: ("approved", "To be done", "Approved, and not implemented yet"),
    SavingStatus.IGNORED: ("ignored", "Ignored", "They return after their day, or when they grow"),
    SavingStatus.IMPLEMENTED: ("implemented", "Done", "Implemented; amounts as AWS estimated them"),
}


class SavingsReport(NamedTuple):
    """All cases of an element as they stand on a day, and the sources they are from."""

    element: str
    on: date
    found: Sequence[SeenSaving]
    sources: Sequence[SourceState]
    names: Names
    realised: Realised

    def of(self, *statuses: SavingStatus) -> list[SeenSaving]:
        return [one for one in self.found if one.saving.status in statuses]


def report(
    element: str, today: date, *, by: Person, board: SavingsBoard, kept: RealisedKept
) -> SavingsReport:
    """What *by* sees of an element."""
    return SavingsReport(
        element,
        today,
        seen_savings(SavingQuery(element=element), today, by=by, board=board),
        sources(today, by=by, board=board),
        Names.of(board, today),
        realised(element, today, by=by, kept=kept, memo=board.owners.memo),
    )


# As JSON ------------------------------------------------------------------------------------------


def told(made: SavingsReport, *, with_numbers: bool) -> dict[str, Any]:
    """Sums of all cases, and the first ones of each list."""
    is_open = [one for one in made.found if one.saving.is_open]
    return {
        "element": made.element or ENTERPRISE_ID,
        "on": made.on.isoformat(),
        "by_status": [group(one, made.names) for one in totals(made.found, GroupBy.STATUS)],
        **{
            f"open_by_{by.value}": [group(one, made.names) for one in totals(is_open, by)]
            for by in (GroupBy.OWNER, GroupBy.ACTION_TYPE, GroupBy.ACCOUNT)
        },
        **{
            name: [saving_in_list(one, made.names) for one in made.of(status)[:SHOWN]]
            for status, (name, _, _) in LISTED.items()
        },
        "realised": realised_pages.told(made.realised, made.names),
        "sources": told_sources(made.sources, with_numbers=with_numbers),
    }


# As a page ----------------------------------------------------------------------------------------


def html(made: SavingsReport) -> str:
    """The page as a document of its own."""
    said = {"element": made.element or "the enterprise", "day": made.on.isoformat()}
    body = page("", blocks(made), PAPER, said)
    head = f'<meta charset="utf-8"><title>Savings, {made.on}</title>'
    return f"<!DOCTYPE html>\n<html><head>{head}</head><body>\n{body.html}\n</body></html>\n"


def blocks(made: SavingsReport) -> list[Block]:
    """Sources first, where one did not answer; then sums and lists, those that have anything."""
    is_open = [one for one in made.found if one.saving.is_open]
    parts = [
        _silent(made.sources),
        _sums("By status", "Status", totals(made.found, GroupBy.STATUS), made),
        _sums("Open, by owner", "Product", totals(is_open, GroupBy.OWNER), made),
        _sums("Open, by action", "Action", totals(is_open, GroupBy.ACTION_TYPE), made),
        _sums("Open, by account", "Account", totals(is_open, GroupBy.ACCOUNT), made),
        *realised_pages.blocks(made.realised),
        *(_cases(made, status) for status in LISTED),
        _fresh(made.sources),
    ]
    return [block for block in parts if block.rows]


def _silent(states: Sequence[SourceState]) -> Block:
    rows = [
        (one.payer, f"{one.unanswered.at:%Y-%m-%d}", one.unanswered.reason)
        for one in states
        if one.unanswered is not None
    ]
    about = "What follows is without what they would have said since"
    return Block("Sources that did not answer", about, ("Payer", "Asked", "Why not"), rows)


def _fresh(states: Sequence[SourceState]) -> Block:
    rows = [
        (one.payer, one.taken.day.isoformat(), str(one.age), one.taken.via.value)
        for one in states
        if one.taken is not None
    ]
    header = ("Payer", "Snapshot of", "Days old", "Came by")
    return Block("Sources", "Where this is from", header, rows, right=(2,))


def _sums(what: str, name: str, sums: Sequence[SavingTotal], made: SavingsReport) -> Block:
    rows = [
        (
            made.names.account(one.key) or one.key or NOBODY,
            str(one.number),
            amount(one.monthly_savings, one.currency),
        )
        for one in sums
    ]
    return Block(what, "", (name, "Resources", "A month"), rows, right=(1, 2), shown=SHOWN)


def _cases(made: SavingsReport, status: SavingStatus) -> Block:
    _, what, about = LISTED[status]
    rows = [
        (
            title(one.saving, made.names),
            one.asked or NOBODY,
            _decided(one),
            amount(one.saving.counted.monthly_savings, one.saving.counted.currency),
        )
        for one in made.of(status)
    ]
    header = ("What", "Asked", "Decided", "A month")
    return Block(what, about, header, rows, right=(3,), shown=SHOWN)


def _decided(one: SeenSaving) -> str:
    note = one.saving.note
    if note is None:
        return ""
    if note.implemented_on is not None:
        return f"{note.by}, done on {note.implemented_on}"
    until = f", until {note.ignored_until}: {note.reason}" if note.ignored_until else ""
    return f"{note.by}{until}"
