"""What happens every day without anybody asking: finding what events missed, dropping what is old."""

from collections.abc import Collection
from datetime import datetime, timedelta

from finops.domain.deliveries import PATIENCE, parse_manifest, place_of
from finops.domain.errors import NotFoundError, RefusedError
from finops.domain.loads import UNDER_WAY, Load, LoadStatus
from finops.domain.places import generation
from finops.usecases.ports import Bills, Deliveries, Ledger, Loads, Runs

TOTALS_KEPT = timedelta(days=2)
SWEPT = timedelta(days=35)  # AWS rewrites a month for two weeks after its end


def sweep_deliveries(
    *, now: datetime, deliveries: Deliveries, loads: Loads, runs: Runs
) -> list[str]:
    """Start a load for each manifest that has no load of its present version yet.

    Notifications are delivered at least once, and sometimes not at all; and a run that was cut off
    leaves its load under way for ever.
    """
    started = []
    places: dict[str, list[Load]] = {}
    for key in deliveries.manifests(now - SWEPT):
        place = place_of(key)
        if place not in places:
            places[place] = [load for load in loads.at_place(place) if _is_settled(load, now)]
        if not _is_known(key, places[place], deliveries):
            runs.start(key)
            started.append(key)
    return started


def _is_known(key: str, settled: Collection[Load], deliveries: Deliveries) -> bool:
    """Whether what the manifest under *key* says now was looked at, under this key or another.

    AWS writes the manifest of a *create new* delivery twice: beside its files, and above them.
    """
    try:
        document = deliveries.read(key)
    except NotFoundError:
        return True  # deleted since it was listed
    if any(
        load.manifest_key == key and load.manifest_version == document.version for load in settled
    ):
        return True
    others = {load.execution_id for load in settled if load.manifest_key != key}
    try:
        return parse_manifest(key, document.text).execution_id in others
    except RefusedError:
        return False


def _is_settled(load: Load, now: datetime) -> bool:
    """Whether another look changes nothing; what failed or is incomplete gets its next chance."""
    if load.status in UNDER_WAY:
        return load.status is not LoadStatus.WAITING and now - load.recorded_at < PATIENCE
    return load.status not in (LoadStatus.FAILED, LoadStatus.INCOMPLETE)


def expire_generations(
    *, now: datetime, keep: timedelta, bills: Bills, loads: Loads, ledger: Ledger
) -> int:
    """Delete the generations that no reader sees any more; what is younger than *keep* stays."""
    deleted = 0
    cursor: str | None = None
    while True:
        page = bills.all(100, cursor)
        for bill in page.items:
            of = (bill.billing_account_id, bill.billing_period)
            deleted += _expire(of, now=now, keep=keep, bills=bills, loads=loads, ledger=ledger)
        cursor = page.next_cursor
        if cursor is None:
            return deleted


def _expire(
    of: tuple[str, str],
    *,
    now: datetime,
    keep: timedelta,
    bills: Bills,
    loads: Loads,
    ledger: Ledger,
) -> int:
    month = generation(*of, "")
    made: dict[str, list[str]] = {}
    for key in ledger.keys(month):
        made.setdefault(key.removeprefix(month).partition("/")[0], []).append(key)
    found = {name: loads.find(name) for name in made}
    # Read after the loads: one that is published by now is either the bill's or was seen under way.
    bill = bills.find(*of)
    if bill is None:
        return 0
    spared = {bill.load_id, *(name for name in made if _is_recent(found[name], now, keep))}
    if now - bill.published_at < keep:
        spared.update(bill.lineage[-2:])  # somebody may still be paging through the one before
    gone = [key for name, keys in made.items() if name not in spared for key in keys]
    # Totals are read with every question, so theirs go sooner.
    totals = {name for name in made if _is_recent(found[name], now, TOTALS_KEPT)}
    return ledger.delete(gone) + bills.expire_totals(bill, totals)


def _is_recent(load: Load | None, now: datetime, keep: timedelta) -> bool:
    """Whether a load may be under way, or may have been published since the bill was read."""
    return load is not None and (load.status in UNDER_WAY or now - load.recorded_at < keep)
