"""Realised savings as somebody sees them: by month, owner, action or case, beside what was expected.

A figure is handed out to the products that paid for the resource on its days, so whoever has a scope
sees their own part, and sums by anything come to the same total.
"""

from collections.abc import Callable, Iterable, Sequence
from datetime import date, datetime
from enum import StrEnum
from functools import cache, partial
from typing import NamedTuple

from finops.domain.authorization import Action, Reach, may, must, must_reach
from finops.domain.elements import ENTERPRISE, covers
from finops.domain.errors import InvalidError
from finops.domain.people import Person
from finops.domain.periods import BillingPeriod
from finops.domain.realised_savings import (
    MeasuredBill,
    Part,
    Realised,
    RealisedHead,
    RealisedMonth,
    RealisedSavings,
)
from finops.usecases.memo import Memo
from finops.usecases.ports import RealisedKept

MOST_MONTHS = 60


class RealisedBy(StrEnum):
    """What figures are added up by."""

    MONTH = "month"
    OWNER = "owner"
    ACTION_TYPE = "action_type"
    SAVING = "saving"


class RealisedQuestion(NamedTuple):
    """The *months* that end with *until* (None: the newest that is measured), at an *element*."""

    by: RealisedBy = RealisedBy.MONTH
    months: int = 12
    until: str | None = None
    element: str = ENTERPRISE


class RealisedSum(NamedTuple):
    """What some figures come to, in ticks; *key* is what they have in common.

    Of an owner None is nobody. *expected* is what was recommended for the same days, None where that
    is in another currency for all of them; *number* counts the savings.
    """

    key: str | None
    currency: str | None
    number: int
    realised: int
    expected: int | None


class RealisedAnswer(NamedTuple):
    """Sums by what was asked, which add up to *totals*; *unmeasured* are no part of them.

    *savings* are all that figures are of, by id; *bills* are what was measured in.
    """

    asked: RealisedQuestion
    months: Sequence[str]
    rows: Sequence[RealisedSum]
    totals: Sequence[RealisedSum]
    savings: Sequence[Realised]
    unmeasured: Sequence[Realised]
    bills: Sequence[MeasuredBill]
    measured_at: datetime | None


class RealisedCase(NamedTuple):
    """What one saving has realised, as somebody sees it: figures with the parts they know of."""

    measured: Realised
    figures: Sequence[RealisedMonth]


class _Seen(NamedTuple):
    """What somebody may know of a figure."""

    figure: RealisedMonth
    part: Part


def realised_savings(
    asked: RealisedQuestion, today: date, *, by: Person, kept: RealisedKept, memo: Memo
) -> RealisedAnswer:
    """What was realised in scope. Raises InvalidError for months that cannot be."""
    reach = must_reach(by, Action.SEE_SAVINGS)
    if asked.element != ENTERPRISE:
        must(by, Action.SEE_SAVINGS, asked.element)
    head = kept.find()
    known = _read(head, kept, memo)
    months = _months(asked, known.figures, today)
    sees = _sees(by, reach, asked.element)
    of = {one.saving_id: one for one in known.savings}
    seen = [
        _Seen(figure, part)
        for figure in known.figures
        if figure.billing_period in months
        for part in figure.parts
        if sees(part.product_id)
    ]
    named = {one.figure.saving_id for one in seen}
    loads = {load for one in seen for load in one.figure.loads}
    return RealisedAnswer(
        asked=asked,
        months=months,
        rows=_rows(seen, asked.by, of),
        totals=_sums(seen, lambda _: None),
        savings=[one for one in known.savings if one.saving_id in named],
        unmeasured=[one for one in known.savings if one.reason and _is_seen(one, sees)],
        bills=[
            one
            for one in known.bills
            if one.billing_period in months and (reach is Reach.EVERYWHERE or one.load_id in loads)
        ],
        measured_at=head.measured_at if head is not None else None,
    )


def realised_case(
    saving_id: str, *, by: Person, kept: RealisedKept, memo: Memo
) -> RealisedCase | None:
    """Of one saving, which *by* has seen; None where nobody has measured it."""
    sees = _sees(by, must_reach(by, Action.SEE_SAVINGS), ENTERPRISE)
    known = _read(kept.find(), kept, memo)
    measured = next((one for one in known.savings if one.saving_id == saving_id), None)
    if measured is None:
        return None
    figures = []
    for figure in known.figures:
        theirs = tuple(part for part in figure.parts if sees(part.product_id))
        if figure.saving_id == saving_id and theirs:
            figures.append(figure.model_copy(update={"parts": theirs}))
    return RealisedCase(measured, figures)


def _read(head: RealisedHead | None, kept: RealisedKept, memo: Memo) -> RealisedSavings:
    if head is None:
        return RealisedSavings()
    found: RealisedSavings = memo.of("realised savings", head.document, lambda: kept.read(head))
    return found


def _months(asked: RealisedQuestion, figures: Iterable[RealisedMonth], today: date) -> list[str]:
    """Those that are asked for, oldest first."""
    if not 1 <= asked.months <= MOST_MONTHS:
        raise InvalidError(f"months: {asked.months} is not from 1 to {MOST_MONTHS}")
    newest = max((one.billing_period for one in figures), default=None)
    month = BillingPeriod(asked.until or newest or str(BillingPeriod.of(today)))
    found = [str(month)]
    while len(found) < asked.months:
        month = month.before
        found.append(str(month))
    return found[::-1]


def _sees(by: Person, reach: Reach, element: str) -> Callable[[str | None], bool]:
    """Which owners' parts somebody knows of, at and under an element; None is nobody's."""
    known = cache(partial(may, by, Action.SEE_SAVINGS))

    def sees(product: str | None) -> bool:
        if product is None:
            return reach is Reach.EVERYWHERE and element == ENTERPRISE
        is_known = reach is Reach.EVERYWHERE or known(product)
        return is_known and (element == ENTERPRISE or covers(element, product))

    return sees


def _is_seen(one: Realised, sees: Callable[[str | None], bool]) -> bool:
    return any(map(sees, one.owners)) if one.owners else sees(None)


def _rows(seen: Iterable[_Seen], by: RealisedBy, of: dict[str, Realised]) -> list[RealisedSum]:
    match by:
        case RealisedBy.MONTH:
            return _sums(seen, lambda one: one.figure.billing_period, in_order=True)
        case RealisedBy.OWNER:
            return _sums(seen, lambda one: one.part.product_id)
        case RealisedBy.ACTION_TYPE:
            return _sums(seen, lambda one: of[one.figure.saving_id].action_type)
        case RealisedBy.SAVING:
            return _sums(seen, lambda one: one.figure.saving_id)


def _sums(
    seen: Iterable[_Seen], key: Callable[[_Seen], str | None], *, in_order: bool = False
) -> list[RealisedSum]:
    """By key and currency: the largest first, or in order of the keys."""
    found: dict[tuple[str | None, str | None], list[_Seen]] = {}
    for one in seen:
        found.setdefault((one.figure.currency, key(one)), []).append(one)
    made = [
        RealisedSum(
            key=of,
            currency=currency,
            number=len({one.figure.saving_id for one in some}),
            realised=sum(one.part.realised for one in some),
            expected=_expected(one.part.expected for one in some),
        )
        for (currency, of), some in found.items()
    ]
    return sorted(
        made,
        key=lambda one: (one.currency or "", 0 if in_order else -one.realised, one.key or ""),
    )


def _expected(amounts: Iterable[int | None]) -> int | None:
    known = [amount for amount in amounts if amount is not None]
    return sum(known) if known else None
