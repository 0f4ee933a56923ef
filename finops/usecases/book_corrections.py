"""Booking corrections: what later bills change of closed months goes into the first open one.

All that an open month has booked is in its close, which each booking changes by its version; that of
a closed month never changes again. So a booking that meets another one, or the beginning of a close,
loses and looks again: no correction is booked twice, and none is in no file.
"""

from collections.abc import Iterable
from enum import StrEnum
from typing import NamedTuple

from finops.domain.audit import Act, Deed
from finops.domain.close_figures import Allotments, Correction, Figures
from finops.domain.corrections import (
    CorrectionDocument,
    booked_invoices,
    booked_so_far,
    corrected,
)
from finops.domain.errors import ConflictError, FinOpsError
from finops.domain.month_closes import BookedCorrections, CloseStatus, MonthClose
from finops.domain.periods import BillingPeriod
from finops.usecases.close_month import snapshot_of
from finops.usecases.corrections import document, keep
from finops.usecases.ports import Allocations, BilledMonths, CloseFiles, Closes, Save

TRIES = 5
Runs = tuple[tuple[str, str], ...]


class Ledgers(NamedTuple):
    """What was closed, and what is billed and allocated by now."""

    closes: Closes
    files: CloseFiles
    billed: BilledMonths
    allocations: Allocations


class Outcome(StrEnum):
    """What came of looking for corrections of a month."""

    BOOKED = "Booked"
    NOTHING = "Nothing"  # the month is open, was never closed, or is what its bill says by now
    WAITING = "Waiting"  # for a bill, a run, or the close that is under way


class Booking(NamedTuple):
    """What became of the corrections of a month; *booked_in* is the open month that has them."""

    original_period: str
    outcome: Outcome
    booked_in: str | None = None
    booked: BookedCorrections | None = None


def book_all_corrections(*, ledgers: Ledgers, act: Act) -> list[Booking]:
    """Every closed month is looked at, the oldest first: what no event told is found.

    Raises what went wrong with any of them, once all have been looked at.
    """
    closed = sorted(one.month for one in ledgers.closes.all().values() if one.is_closed)
    found: list[Booking] = []
    wrong: list[FinOpsError] = []
    for month in closed:
        try:
            found.append(book_corrections(month, ledgers=ledgers, act=act))
        except FinOpsError as error:
            wrong.append(error)
    if wrong:
        raise ExceptionGroup(f"{len(wrong)} of {len(closed)} closed months were not read", wrong)
    return found


def book_corrections(month: str, *, ledgers: Ledgers, act: Act) -> Booking:
    """What the bills in force say of a closed *month* beyond all that is booked, is booked now.

    The second time there is only the rest; the same bills once more book nothing. While the first
    open month is closing nothing is booked: its files are made of what it has, and the month after
    it takes the corrections once it is closed.
    """
    for _ in range(TRIES - 1):
        try:
            return _booked(month, ledgers, act)
        except ConflictError:
            continue
    return _booked(month, ledgers, act)


def _booked(month: str, ledgers: Ledgers, act: Act) -> Booking:
    *closed, open_ = _course(month, ledgers.closes)
    if not closed:
        return Booking(month, Outcome.NOTHING)
    original = closed[0]
    known = [(one, each) for one in (*closed, open_) for each in _of(month, one)]
    if _runs(month, ledgers.allocations) == _last_runs(original, known):
        return Booking(month, Outcome.NOTHING)
    if open_.status is CloseStatus.CLOSING:
        return Booking(month, Outcome.WAITING)
    billed = ledgers.billed.read(month, is_closed=True)
    if billed.missing:
        return Booking(month, Outcome.WAITING)
    made = _document(month, original, known, open_.month, billed.billed, billed.spend, ledgers)
    if made.is_empty:
        return Booking(month, Outcome.NOTHING)
    key, sha256 = keep(made, ledgers.files)
    booked = BookedCorrections(
        original_period=month,
        key=key,
        sha256=sha256,
        runs=tuple(sorted(billed.runs)),
        net=made.net,
        at=act.at,
    )
    after = open_.with_corrections(booked, act.at)
    deed = Deed(action="BookCorrections", event="CorrectionsBooked")
    ledgers.closes.save([Save(open_ if open_.version else None, after, deed)], act)
    return Booking(month, Outcome.BOOKED, open_.month, booked)


def _course(month: str, closes: Closes) -> list[MonthClose]:
    """The closes from *month* to the first that is not closed, as they are now."""
    known = closes.all()
    found: list[MonthClose] = []
    following = BillingPeriod(month)
    while True:
        one = known.get(following)
        if one is None or not one.is_closed:  # all may be a moment behind; what is closed stays
            one = closes.find(following) or MonthClose.new(following)
        found.append(one)
        if not one.is_closed:
            return found
        following = BillingPeriod.of(following.end)


Known = list[tuple[MonthClose, BookedCorrections]]


def _of(month: str, close: MonthClose) -> Iterable[BookedCorrections]:
    return (one for one in close.corrections if one.original_period == month)


def _runs(month: str, allocations: Allocations) -> Runs:
    """The published runs of a month, by payer."""
    found = allocations.in_period(month)
    return tuple(sorted((one.billing_account_id, one.run_id) for one in found))


def _last_runs(original: MonthClose, known: Known) -> Runs:
    """Those that the month was closed with, or corrected by last: what they say is booked."""
    if known:
        return known[-1][1].runs
    return tuple(sorted(original.snapshot.runs)) if original.snapshot else ()


def _document(
    month: str,
    original: MonthClose,
    known: Known,
    open_month: str,
    billed: Allotments,
    spend: Allotments | None,
    ledgers: Ledgers,
) -> CorrectionDocument:
    """What is not booked yet, of the billed cost and of the one that owners were charged by."""
    figures = snapshot_of(original, ledgers.files)
    before = [(close.month, document(one, ledgers.files)) for close, one in known]
    every = [made for _, made in before]
    closed = [made for in_, made in before if in_ != open_month]
    return CorrectionDocument(
        original_period=month,
        corrections=corrected(month, _so_far(month, figures, every), billed),
        charged=_charged(month, figures, every, spend),
        booked=booked_invoices(month, _so_far(month, figures, closed), billed),
    )


def _so_far(month: str, figures: Figures, known: Iterable[CorrectionDocument]) -> Allotments:
    return booked_so_far(month, figures.billed, (each for one in known for each in one.corrections))


def _charged(
    month: str,
    figures: Figures,
    known: Iterable[CorrectionDocument],
    spend: Allotments | None,
) -> tuple[Correction, ...] | None:
    """None for a month that was closed on the billed cost, whatever is charged by now."""
    if figures.spend is None:
        return None
    if spend is None:
        raise FinOpsError(
            f"{month} was closed on another cost than the billed one, and its newest run knows only "
            "that; allocate its bill again on the cost that it was closed on"
        )
    booked = (each for one in known for each in one.charged or ())
    return corrected(month, booked_so_far(month, figures.spend, booked), spend)
