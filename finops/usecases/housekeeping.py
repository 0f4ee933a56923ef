"""What happens every day without anybody asking: finding what events missed, dropping what is old."""

from collections.abc import Collection, Iterator
from datetime import datetime, timedelta
from zlib import crc32

from finops.domain.bills import Bill
from finops.domain.deliveries import PATIENCE, parse_manifest, place_of
from finops.domain.errors import NotFoundError, RefusedError
from finops.domain.loads import UNDER_WAY, Load, LoadStatus
from finops.domain.places import allocation, cube, generation
from finops.usecases.ports import (
    Allocations,
    Bills,
    CubeHeads,
    Deliveries,
    Ledger,
    Loads,
    Page,
    Runs,
)

TOTALS_KEPT = timedelta(days=2)
TURNS = 28  # days in which every bill is looked at, however quiet it is
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
    """Delete the generations that no reader sees any more; what is younger than *keep* stays.

    Bills that have been quiet for a while are looked at every fourth week only, so a day's work is
    that of the last two months, and not of all there ever were.
    """
    return sum(
        _expire(_of(bill), now=now, keep=keep, bills=bills, loads=loads, ledger=ledger)
        for bill in _bills(bills)
        if _is_due(bill, bill.published_at, now)
    )


def expire_allocations(
    *, now: datetime, keep: timedelta, bills: Bills, allocations: Allocations, ledger: Ledger
) -> int:
    """Delete the allocation runs that no reader sees any more; what is younger than *keep* stays.

    Previews leave such runs as well. What is deleted can be made again, from the bill and the rules.
    Of a quiet bill no more is read than its allocation, but for every fourth week.
    """
    deleted = 0
    for bill in _bills(bills):
        current = allocations.find(*_of(bill))
        changed_at = max(bill.published_at, current.made_at) if current else bill.published_at
        if not _is_due(bill, changed_at, now):
            continue
        deleted += _expire_runs(
            _of(bill), before=now - keep, allocations=allocations, ledger=ledger
        )
        deleted += allocations.expire_rollups(current) if current else 0
    return deleted


def expire_cubes(
    *, now: datetime, keep: timedelta, bills: Bills, heads: CubeHeads, ledger: Ledger
) -> int:
    """Delete the spend cubes that no reader sees any more; what is younger than *keep* stays.

    What is deleted can be cut again, from the run and the tags that it was of.
    """
    deleted = 0
    for bill in _bills(bills):
        current = heads.find(*_of(bill))
        changed_at = max(bill.published_at, current.made_at) if current else bill.published_at
        if _is_due(bill, changed_at, now):
            deleted += _expire_cubes(_of(bill), before=now - keep, heads=heads, ledger=ledger)
    return deleted


def _is_due(bill: Bill, changed_at: datetime, now: datetime) -> bool:
    """Every day while something has changed lately; then on the bill's day of four weeks."""
    turn = crc32(" ".join(_of(bill)).encode()) % TURNS
    return now - changed_at < SWEPT or now.toordinal() % TURNS == turn


def _of(bill: Bill) -> tuple[str, str]:
    return bill.billing_account_id, bill.billing_period


def _bills(bills: Bills) -> Iterator[Bill]:
    """All of them, newest month first."""
    cursor: str | None = None
    while True:
        page: Page = bills.all(100, cursor)
        yield from page.items
        cursor = page.next_cursor
        if cursor is None:
            return


def _expire_runs(
    of: tuple[str, str], *, before: datetime, allocations: Allocations, ledger: Ledger
) -> int:
    month = allocation(*of, "")
    newest: dict[str, datetime] = {}
    for key, at in ledger.written(month):
        run = key.removeprefix(month).partition("/")[0]
        newest[run] = max(at, newest.get(run, at))
    current = allocations.find(*of)
    seen = current.runs_read if current else frozenset[str]()
    old = [run for run, at in newest.items() if at < before and run not in seen]
    return sum(
        _expire_run(of, run, before=before, allocations=allocations, ledger=ledger) for run in old
    )


def _expire_run(
    of: tuple[str, str],
    run: str,
    *,
    before: datetime,
    allocations: Allocations,
    ledger: Ledger,
) -> int:
    """Delete a run, unless it has come back: a run has the name of what it is made of.

    Who plans it anew writes its index once more, and then looks whether all files are there: so the
    index goes first, and where it is back the rest stays.
    """
    root = allocation(*of, run)
    if any(at >= before for _, at in ledger.written(f"{root}/")):
        return 0
    current = allocations.find(*of)
    if current and run in current.runs_read:
        return 0
    index = f"{root}/index.json"
    deleted = ledger.delete([index])
    rest = list(ledger.keys(f"{root}/"))
    return deleted if index in rest else deleted + ledger.delete(rest)


def _expire_cubes(
    of: tuple[str, str], *, before: datetime, heads: CubeHeads, ledger: Ledger
) -> int:
    month = cube(*of, "", "").removesuffix("/tags=")
    made: dict[str, list[tuple[str, datetime]]] = {}
    for key, at in ledger.written(month):
        made.setdefault(key.rpartition("/")[0], []).append((key, at))
    # Read after the files: whoever cuts a cube anew has written all of them by the time it is seen.
    head = heads.find(*of)
    seen = cube(*of, head.run_id, head.tags) if head else None
    return ledger.delete(
        key
        for place, keys in made.items()
        if place != seen and all(at < before for _, at in keys)
        for key, _ in keys
    )


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
