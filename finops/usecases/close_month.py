"""The steps of a month's close: figures taken down, files written from them, and then all is visible.

Nobody sees a file before the one write that closes the month. Each step may be taken again: what it
finds done, it leaves as it is. Until that write a failure leaves nothing; after it, nothing undoes it.
"""

import gzip
import json
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from finops.domain.audit import Act, Deed
from finops.domain.authorization import Action, must
from finops.domain.chart_files import Names
from finops.domain.close_figures import Allotments, Figures, ProductSum, digest
from finops.domain.close_files import FileSeal, written
from finops.domain.delegations import Signature
from finops.domain.errors import ConflictError, FinOpsError, NotFoundError
from finops.domain.fiscal_years import FiscalYear
from finops.domain.month_closes import (
    Check,
    CheckLine,
    CheckStatus,
    CloseStatus,
    MonthClose,
    Snapshot,
    must_not_have_waived,
)
from finops.domain.organisation_settings import OrganisationSettings
from finops.domain.people import Person
from finops.domain.periods import BillingPeriod
from finops.domain.places import close_file, close_seals, close_snapshot
from finops.domain.values import Frozen
from finops.usecases.credits import STEP, expected_discounts, open_uses, settlements
from finops.usecases.month_closes import (
    CloseDesk,
    Inspection,
    charts_of,
    last_closed,
    must_be_alone,
    open_close,
    saved,
    unallocated_bills,
)
from finops.usecases.organisation_settings import in_force
from finops.usecases.ports import CloseDelivery, CloseFiles, Closes, Credits, Save, Settlement

MANIFEST = "manifest.json"


class Seals(Frozen):
    """The files that were written from a snapshot, which is known by its checksum."""

    snapshot: str
    files: tuple[FileSeal, ...]


class Archive(NamedTuple):
    """The closes, and the bucket of what they are made of and have made."""

    closes: Closes
    files: CloseFiles


# Begun --------------------------------------------------------------------------------------------


def begin(month: str, attempt: int, *, by: Person, desk: CloseDesk, act: Act) -> MonthClose:
    """The month's figures are taken down, and it is closing from now on.

    One that the same *attempt* has begun goes on with the figures that it has; a closed one stays as
    it is. Raises what `MonthClose.must_close` does, for much may have changed since it was asked for,
    and ConflictError where another attempt or month is closing, or what the month before has used of
    credits is not written down yet.
    """
    close = open_close(month, desk.closes)
    if close.is_closed:
        return close
    must(by, Action.CLOSE_MONTH)
    signed, last = Signature(by=by.email), last_closed(desk.closes)
    if close.status is CloseStatus.CLOSING:
        _must_be_of(close, attempt)
        must_not_have_waived(close.lines, signed)
        return close
    must_be_alone(close, desk.closes)
    if last is not None:
        _must_be_settled(last, desk, act)
    found = Inspection.of(close, desk)
    lines = close.must_close(found.findings, by=signed, at=act.at, last_closed=last)
    settings = in_force(desk.settings)
    kept = _figures(close, found, lines, settings, desk).snapshot
    snapshot = Snapshot(
        key=close_snapshot(close.month, digest(kept)),
        sha256=digest(kept),
        runs=found.billed.runs,
        loads=found.billed.loads,
    )
    desk.files.put(snapshot.key, gzip.compress(kept, mtime=0))
    # All that took a while.
    if late := unallocated_bills(found.billed, desk):
        raise ConflictError(f"{month} changed while its figures were taken down: {late[0]}")
    must_be_alone(close, desk.closes)
    after = close.begun(
        found.findings,
        snapshot,
        plans=settings.close.plans,
        by=signed,
        at=act.at,
        last_closed=last,
        attempt=attempt,
    )
    return saved(close, after, "Begin", desk.closes, act)


def _must_be_of(close: MonthClose, attempt: int) -> None:
    """Raises ConflictError for a close that another attempt has begun."""
    if close.attempt != attempt:
        raise ConflictError(f"another run is closing {close.month}; look what becomes of it")


def _must_be_settled(month: str, desk: CloseDesk, act: Act) -> None:
    """What *month* has used of credits is final before the next month uses them."""
    paid = snapshot_of(closed(month, desk.closes), desk.files).paid
    if rest := settlements(paid, act.at, credits_=desk.treasury.credits, is_closed=True):
        raise ConflictError(
            f"what {month} has used of {len(rest)} credits is not written down yet; its run does "
            "that, so wait for it, or start it again where it has failed"
        )


def _figures(
    close: MonthClose,
    found: Inspection,
    lines: Iterable[CheckLine],
    settings: OrganisationSettings,
    desk: CloseDesk,
) -> Figures:
    month, of_files = close.month, settings.close
    uses, discounts = open_uses(month, desk.treasury), expected_discounts(month, desk.treasury)
    credits_ = [
        ProductSum(
            terms.product_id,
            _as_billed(terms.product_id, terms.currency, found.charged, desk),
            one.ticks,
        )
        for one in uses.paid
        if one.month == month and (terms := uses.credits[one.credit_id].terms) is not None
    ]
    budgets = _budgets(month, desk)
    # One of two months may have been charged by another cost than the billed one, and the other not.
    corrections = found.corrections
    is_apart = found.billed.spend is not None or corrections.spend is not None
    charged_since = corrections.billed if corrections.spend is None else corrections.spend
    products = {
        *(one.product_id for one in (*found.charged, *found.invoiced)),
        *(one.of.product_id for one in charged_since),
        *(one.product_id for one in (*discounts, *credits_)),
        *budgets,
    }
    is_waived = any(
        line.check is Check.NOTHING_UNALLOCATED and line.status is CheckStatus.WAIVED
        for line in lines
    )
    return Figures(
        month=month,
        bill=found.billed.bill,
        billed=found.billed.billed,
        spend=found.charged if is_apart else None,
        corrections=corrections.billed,
        spend_corrections=charged_since if is_apart else None,
        booked=corrections.booked,
        discounts=tuple(discounts),
        credits=tuple(credits_),
        paid=tuple(uses.paid),
        budgets=tuple(budgets.items()),
        budget_currency=desk.treasury.currency,
        names=tuple(_names(month, products, desk).items()),
        cost_centres=of_files.cost_centres,
        accounts=of_files.accounts,
        headers=close.headers,
        rates=of_files.rates,
        reporting_currency=of_files.reporting_currency,
        waived_unallocated=close.why(Check.NOTHING_UNALLOCATED) if is_waived else None,
    )


def _as_billed(product: str, currency: str, charged: Allotments, desk: CloseDesk) -> str | None:
    """A currency as a product's charges name it: a bill that names none is in that of plans."""
    named = {one.currency for one in charged if one.product_id == product}
    is_unnamed = currency == desk.treasury.currency and currency not in named and None in named
    return None if is_unnamed else currency


def _budgets(month: str, desk: CloseDesk) -> dict[str, int]:
    """What is approved of the month by product, in ticks; 0 for one that had ended by then."""
    period = BillingPeriod(month)
    year = FiscalYear.of(period.start, desk.first_month)
    place = year.months.index(period)
    chart = next((chart for chart in charts_of(desk.charts) if chart.year == year.year), None)
    found = {}
    for product_id, budget in desk.budgets.of_year(year.year).items():
        if budget.approved is not None:
            product = chart.product(product_id) if chart else None
            is_over = product is not None and product.ends(year) <= period.start
            found[product_id] = 0 if is_over else budget.approved[place]
    return found


def _names(month: str, products: Iterable[str | None], desk: CloseDesk) -> Mapping[str, Names]:
    """What *products* and all above them are called: by the month's chart, else the newest one."""
    of_month = FiscalYear.of(BillingPeriod(month).start, desk.first_month).year
    charts = sorted(charts_of(desk.charts), key=lambda chart: (chart.year != of_month, -chart.year))
    found: dict[str, Names] = {}
    for product_id in filter(None, products):
        known = (chart.product(product_id) for chart in charts)
        if (product := next((one for one in known if one is not None), None)) is not None:
            found[product_id] = product.names
    return found


# Written ------------------------------------------------------------------------------------------


def write_files(month: str, attempt: int, *, archive: Archive) -> str | None:
    """The month's files, from its snapshot alone, each read back; where their seals are kept.

    None for a month that is closed already. Raises ConflictError for one that is not closing, or by
    another attempt.
    """
    close = _begun(month, attempt, archive)
    if close.is_closed:
        return None
    assert close.snapshot is not None  # noqa: S101  # it has begun
    made = written(snapshot_of(close, archive.files), close.plans)
    for seal, content in made:
        archive.files.put(_place(month, seal), content)
        content_of(month, seal, archive.files)
    seals = Seals(snapshot=close.snapshot.sha256, files=tuple(seal for seal, _ in made))
    told = seals.model_dump_json().encode()
    key = close_seals(month, digest(told))
    archive.files.put(key, told)
    return key


def complete(
    month: str,
    attempt: int,
    seals_key: str | None,
    *,
    archive: Archive,
    credits_: Credits,
    settlement: Settlement,
    act: Act,
) -> MonthClose:
    """All files are there: the month is closed, and everybody sees it, by one write.

    In the same step credits have paid what the snapshot says, as many as one step takes; the others
    follow (`settle`). Raises ConflictError for another attempt, files of another snapshot, a month out
    of turn, and a credit that was changed since.
    """
    close = _begun(month, attempt, archive)
    if close.is_closed:
        return close
    if seals_key is None:
        raise ConflictError(f"the files of {month} are not written yet; write them first")
    seals = Seals.model_validate_json(archive.files.read(seals_key))
    if close.snapshot is None or seals.snapshot != close.snapshot.sha256:
        raise ConflictError(f"{seals_key} is of another snapshot of {month}; write its files again")
    for seal in seals.files:
        content_of(month, seal, archive.files)
    _must_be_in_turn(close, archive.closes)
    after = close.completed(seals.files, act.at)
    paid = snapshot_of(close, archive.files).paid
    saves = settlements(paid, act.at, credits_=credits_)
    deed = Deed(action="Complete", event="MonthClosed")
    return settlement.save(Save(close, after, deed), saves[:STEP], act)


def _must_be_in_turn(close: MonthClose, closes: Closes) -> None:
    """Two months that began at the same moment did not see each other: the earlier one goes first."""
    for other in closes.all().values():
        if other.status is CloseStatus.CLOSING and other.month < close.month:
            raise ConflictError(f"{other.month} is closing too, and comes before {close.month}")
        if other.is_closed and other.month > close.month:
            raise ConflictError(f"{other.month} was closed meanwhile; nothing before it is closed")


def settle(month: str, *, archive: Archive, credits_: Credits, act: Act) -> int:
    """The credits that had no room in the step that closed the month; how many there were."""
    paid = snapshot_of(closed(month, archive.closes), archive.files).paid
    saves = settlements(paid, act.at, credits_=credits_, is_closed=True)
    for start in range(0, len(saves), STEP):
        credits_.save(saves[start : start + STEP], act)
    return len(saves)


def give_up(month: str, attempt: int, reason: str, *, closes: Closes, act: Act) -> MonthClose:
    """A month that could not be closed is prepared again, and says why.

    A closed one stays closed, and one that another attempt has begun goes on.
    """
    close = closes.find(BillingPeriod(month)) or MonthClose.new(month)
    is_others = close.status is CloseStatus.CLOSING and close.attempt != attempt
    if close.is_closed or is_others:
        return close
    after = close.given_up(reason, act.at)
    return saved(close, after, "GiveUp", closes, act, event="MonthCloseGivenUp")


def _begun(month: str, attempt: int, archive: Archive) -> MonthClose:
    """The close that *attempt* has begun, or one that is done."""
    close = archive.closes.find(BillingPeriod(month))
    if close is None or close.status is CloseStatus.PREPARING:
        raise ConflictError(f"{month} is not closing; begin its close first")
    if not close.is_closed:
        _must_be_of(close, attempt)
    return close


def closed(month: str, closes: Closes) -> MonthClose:
    """The close of a closed month. Raises NotFoundError for another one."""
    close = closes.find(BillingPeriod(month))
    if close is None or not close.is_closed:
        raise NotFoundError(f"{month} is not closed; its files are there once it is")
    return close


def snapshot_of(close: MonthClose, files: CloseFiles) -> Figures:
    """The figures that a month was closed with. Raises FinOpsError where they are not those."""
    if close.snapshot is None:
        raise NotFoundError(f"{close.month} has no snapshot; it is taken when its close begins")
    kept = gzip.decompress(files.read(close.snapshot.key))
    if digest(kept) != close.snapshot.sha256:
        raise FinOpsError(f"{close.snapshot.key} is not what was kept there")
    return Figures.of(kept)


def content_of(month: str, seal: FileSeal, files: CloseFiles) -> bytes:
    """A file of a close. Raises FinOpsError where it is not what was sealed."""
    key = _place(month, seal)
    content = files.read(key)
    if digest(content) != seal.sha256:
        raise FinOpsError(f"{key} is not what was written there")
    return content


def _place(month: str, seal: FileSeal) -> str:
    return close_file(month, seal.name, seal.sha256)


# Delivered ----------------------------------------------------------------------------------------


def deliver(month: str, *, archive: Archive, delivery: CloseDelivery) -> int:
    """A closed month's files for the finance system, last a manifest with checksums; how many.

    Delivered again they are the same bytes under the same names.
    """
    close = closed(month, archive.closes)
    for seal in close.files:
        delivery.put(f"{month}/{seal.name}", content_of(month, seal, archive.files))
    told = json.dumps(manifest(close), indent=1, sort_keys=True, ensure_ascii=False)
    delivery.put(f"{month}/{MANIFEST}", told.encode())
    return len(close.files)


def manifest(close: MonthClose) -> dict[str, Any]:
    """What a delivery holds, and what each file of it is known by."""
    return {
        "month": close.month,
        "closed_at": close.closed_at.isoformat() if close.closed_at else None,
        "snapshot_sha256": close.snapshot.sha256 if close.snapshot else None,
        "files": [{"name": seal.name, **seal.model_dump(mode="json")} for seal in close.files],
    }
