"""Corrections that open months have booked of closed ones: read where they are kept."""

import gzip
from collections.abc import Iterable, Iterator
from functools import partial
from itertools import islice
from typing import NamedTuple

from finops.domain.authorization import Action, Reach, may, must_reach
from finops.domain.class_policies import CostBasis
from finops.domain.close_figures import Correction, InvoiceSum, digest
from finops.domain.corrections import CorrectionDocument
from finops.domain.elements import ENTERPRISE
from finops.domain.errors import FinOpsError
from finops.domain.month_closes import BookedCorrections, MonthClose
from finops.domain.people import Person
from finops.domain.periods import BillingPeriod
from finops.domain.places import close_corrections
from finops.usecases.memo import Memo
from finops.usecases.ports import CloseFiles, Closes


class BookedInMonth(NamedTuple):
    """All corrections that a month has booked: those of the invoices, and those of owners' cost.

    *spend* is None where owners were never charged by another cost than the billed one. *booked* is
    what was paid of the invoices that *billed* corrects, before these.
    """

    billed: tuple[Correction, ...] = ()
    spend: tuple[Correction, ...] | None = None
    booked: tuple[InvoiceSum, ...] = ()


def booked_in_month(close: MonthClose, files: CloseFiles) -> BookedInMonth:
    """What *close* has booked, as its files have to have it."""
    documents = [document(one, files) for one in close.corrections]
    # The later of two of one month knows best what its invoices are called by now.
    newest = {one.original_period: one for one in documents}
    is_apart = any(one.charged is not None for one in documents)
    return BookedInMonth(
        billed=tuple(each for one in documents for each in one.corrections),
        spend=tuple(each for one in documents for each in _of_spend(one)) if is_apart else None,
        booked=tuple(each for one in newest.values() for each in one.booked),
    )


def _of_spend(one: CorrectionDocument) -> Iterable[Correction]:
    return one.corrections if one.charged is None else one.charged


def document(booked: BookedCorrections, files: CloseFiles) -> CorrectionDocument:
    """The corrections that were booked together. Raises FinOpsError where they are not those."""
    content = gzip.decompress(files.read(booked.key))
    if digest(content) != booked.sha256:
        raise FinOpsError(f"{booked.key} is not what was kept there")
    return CorrectionDocument.of(content)


def keep(made: CorrectionDocument, files: CloseFiles) -> tuple[str, str]:
    """Where *made* is kept from now on, and its checksum; nobody reads it before a month books it."""
    content = made.content
    key = close_corrections(made.original_period, digest(content))
    files.put(key, gzip.compress(content, mtime=0))
    return key, digest(content)


class SeenCorrection(NamedTuple):
    """A correction, the month that has booked it, and the cost that its amount is of.

    *place* is where it stands among all there are. Corrections are only ever added behind the others,
    so it keeps its place.
    """

    correction: Correction
    booked: BookedCorrections
    booked_in: str
    basis: CostBasis
    place: str


def seen_corrections(
    *,
    by: Person,
    closes: Closes,
    files: CloseFiles,
    memo: Memo,
    month: str | None = None,
    original_period: str | None = None,
    of_owners: bool = False,
    after: str | None = None,
    most: int | None = None,
) -> list[SeenCorrection]:
    """Corrections in scope, by the month that has booked them, in the order they were booked.

    At *most* so many, behind the place *after*: no more is read than what they are kept in. Who sees
    the bill sees those of the invoices, or, with *of_owners*, what owners are charged more or less.
    An owner sees the latter, of their own products.
    """
    reach = must_reach(by, Action.SEE_CORRECTIONS)
    wanted = None if month is None else BillingPeriod(month)
    original = None if original_period is None else BillingPeriod(original_period)
    is_owners = of_owners or reach is not Reach.EVERYWHERE
    sees = partial(may, by, Action.SEE_CORRECTIONS)

    def found() -> Iterator[SeenCorrection]:
        for close in sorted(closes.all().values(), key=lambda one: one.month):
            if wanted not in (None, close.month):
                continue
            for number, booked in enumerate(close.corrections):
                of = f"{close.month} {number:06}"
                if original not in (None, booked.original_period) or _is_over(of, after):
                    continue
                if reach is Reach.EVERYWHERE or any(map(sees, _products(booked, files, memo))):
                    yield from rows(of, booked, close.month)

    def rows(of: str, booked: BookedCorrections, booked_in: str) -> Iterator[SeenCorrection]:
        made = document(booked, files)
        basis = made.basis if is_owners else CostBasis.BILLED
        for row, one in enumerate(made.owners if is_owners else made.corrections):
            place = f"{of} {row:09}"
            if (after is None or place > after) and sees(one.of.product_id or ENTERPRISE):
                yield SeenCorrection(one, booked, booked_in, basis, place)

    return list(islice(found(), most))


def _is_over(of: str, after: str | None) -> bool:
    """Whether all places of a document are before the one that somebody has read to."""
    return after is not None and of < after[: len(of)]


def _products(booked: BookedCorrections, files: CloseFiles, memo: Memo) -> frozenset[str]:
    """Whose corrections were booked together: what never changes is read once to know it."""

    def read() -> frozenset[str]:
        owners = document(booked, files).owners
        return frozenset(one.of.product_id for one in owners if one.of.product_id is not None)

    return memo.of(("corrected products", booked.key), booked.sha256, read)
