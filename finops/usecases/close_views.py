"""Closes and their files as they leave the product: sums as the files have them."""

from collections.abc import Iterable
from datetime import date
from typing import Any

from finops.domain.close_figures import Header
from finops.domain.close_files import FileSeal
from finops.domain.money import text
from finops.domain.month_closes import SOME, BookedCorrections, CheckLine, MonthClose, Waiver
from finops.domain.periods import BillingPeriod
from finops.usecases.close_files import FileLink
from finops.usecases.month_closes import Prepared
from finops.usecases.organisation_views import shown

CLOSE_COLUMNS = (
    *("month", "status", "is_open", "waivers", "closed_by", "begun_at", "closed_at"),
    *("abandoned", "version"),
)


@shown.register
def close(one: MonthClose) -> dict[str, Any]:
    """A close as it is kept; its files and its check list are told apart."""
    signed = one.closed_by
    return {
        "month": one.month,
        "status": one.status.value,
        "headers": [header(each) for each in one.headers],
        "waivers": [_waiver(each) for each in one.waivers],
        "corrections": [_booked(each) for each in one.corrections],
        "closed_by": signed.by if signed else None,
        "begun_at": one.begun_at.isoformat() if one.begun_at else None,
        "closed_at": one.closed_at.isoformat() if one.closed_at else None,
        "snapshot_sha256": one.snapshot.sha256 if one.snapshot else None,
        "abandoned": one.abandoned,
        "changed_at": one.changed_at.isoformat() if one.changed_at else None,
        "version": one.version,
    }


def header(one: Header) -> dict[str, Any]:
    """What finance books a payer's bill for a business unit under; null: what nobody owns."""
    return {
        "payer_id": one.payer,
        "business_unit": one.unit,
        "vendor": one.vendor,
        "purchase_order": one.purchase_order,
        "invoices": list(one.invoices),
        "memo": one.memo,
        "period": one.period,
        "missing": list(one.missing),
    }


def _waiver(one: Waiver) -> dict[str, Any]:
    return {
        "check": one.check.value,
        "by": one.signature.by,
        "reason": one.reason,
        "at": one.at.isoformat(),
    }


def _booked(one: BookedCorrections) -> dict[str, Any]:
    return {
        "original_period": one.original_period,
        "net": [{"currency": currency, "amount": text(ticks)} for currency, ticks in one.net],
        "at": one.at.isoformat(),
    }


def check_line(line: CheckLine) -> dict[str, Any]:
    """A line of the check list, with the first of what is wrong."""
    return {
        "check": line.check.value,
        "status": line.status.value,
        "wrong": line.wrong,
        "findings": list(line.findings[:SOME]),
        "waiver": _waiver(line.waiver) if line.waiver else None,
    }


def prepared(
    found: Prepared, files: Iterable[FileSeal], fresh: Iterable[dict[str, Any]]
) -> dict[str, Any]:
    """A close with its check list, what the bill proposes, and the *files* that its reader may have."""
    return {
        **close(found.close),
        "check_list": [check_line(line) for line in found.lines],
        "proposed_headers": [header(one) for one in found.proposed],
        "files": [file(one) for one in files],
        "freshness": list(fresh),
    }


def file(seal: FileSeal) -> dict[str, Any]:
    """A file by what it is known by; of its columns of amounts the sums in each currency."""
    return {
        "name": seal.name,
        "kind": seal.kind.value,
        "business_unit": seal.unit,
        "sha256": seal.sha256,
        "size": seal.size,
        "rows": seal.rows,
        "totals": [{"currency": one.currency, "sums": dict(one.sums)} for one in seal.totals],
    }


def link(found: FileLink) -> dict[str, Any]:
    """Where a file may be read, and for how long."""
    return {**file(found.seal), "url": found.url, "seconds": found.seconds}


def in_list(one: MonthClose, open_from: date) -> dict[str, Any]:
    """A month as the list of all has it."""
    told = close(one)
    return {name: told[name] for name in CLOSE_COLUMNS if name in told} | {
        "is_open": BillingPeriod(one.month).start >= open_from,
        "waivers": len(one.waivers),
    }


def close_table(closes: Iterable[MonthClose], open_from: date) -> tuple[list[str], list[list[Any]]]:
    """The same as a table."""
    items = [in_list(one, open_from) for one in closes]
    return list(CLOSE_COLUMNS), [[item[name] for name in CLOSE_COLUMNS] for item in items]
