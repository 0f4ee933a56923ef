"""What happens every day without anybody asking: finding what events missed, dropping what is old."""

from datetime import datetime, timedelta

from finops.domain.bills import Bill
from finops.domain.deliveries import PATIENCE, place_of
from finops.domain.loads import UNDER_WAY, Load, LoadStatus
from finops.domain.places import generation
from finops.usecases.ports import Bills, Deliveries, Ledger, Loads, Runs


def sweep_deliveries(
    *, now: datetime, deliveries: Deliveries, loads: Loads, runs: Runs
) -> list[str]:
    """Start a load for each manifest that has no load of its present version yet.

    Notifications are delivered at least once, and sometimes not at all; and a run that was cut off
    leaves its load under way for ever.
    """
    started = []
    for key in deliveries.manifests():
        version = deliveries.version(key)
        known = {
            load.manifest_version
            for load in loads.at_place(place_of(key))
            if load.manifest_key == key and _is_settled(load, now)
        }
        if version is not None and version not in known:
            runs.start(key)
            started.append(key)
    return started


def _is_settled(load: Load, now: datetime) -> bool:
    """Whether another look changes nothing; what failed or is incomplete gets its next chance."""
    if load.status in UNDER_WAY:
        return load.status is not LoadStatus.WAITING and now - load.recorded_at < PATIENCE
    return load.status not in (LoadStatus.FAILED, LoadStatus.INCOMPLETE)


def expire_generations(
    *, now: datetime, keep: timedelta, bills: Bills, loads: Loads, ledger: Ledger
) -> int:
    """Delete the generations that no reader sees any more, *keep* after they were replaced."""
    deleted = 0
    cursor: str | None = None
    while True:
        page = bills.all(100, cursor)
        for bill in page.items:
            deleted += _expire(bill, now=now, keep=keep, bills=bills, loads=loads, ledger=ledger)
        cursor = page.next_cursor
        if cursor is None:
            return deleted


def _expire(
    bill: Bill, *, now: datetime, keep: timedelta, bills: Bills, loads: Loads, ledger: Ledger
) -> int:
    if now - bill.published_at < keep:
        return 0  # a page of the generation before may still be open somewhere
    current = generation(bill.billing_account_id, bill.billing_period, bill.load_id)
    month = current.rpartition("/load=")[0]
    old = [key for key in ledger.keys(f"{month}/load=") if not key.startswith(f"{current}/")]
    # A generation that is being made now is nobody's yet, and no older than its load.
    made = {key.removeprefix(f"{month}/load=").partition("/")[0] for key in old}
    under_way = {
        name
        for name in made
        if (load := loads.find(name)) is not None and now - load.recorded_at < keep
    }
    gone = [
        key for key in old if key.removeprefix(f"{month}/load=").partition("/")[0] not in under_way
    ]
    return ledger.delete(gone) + bills.expire_totals(bill)
