"""A delivered file of recommendations, from the billing bucket to the snapshot of its day.

It goes the way of the bill: found, waited for and believed by the same rules (`load_bill`). Apart
from `savings_intake` because it brings the engine with it.
"""

import hashlib
from datetime import date, timedelta
from pathlib import Path

from finops.domain.audit import Act
from finops.domain.errors import ConflictError, RefusedError
from finops.domain.loads import Load, LoadedFile, LoadStatus
from finops.domain.savings import Recommendation, Via
from finops.ledger import engine, recommendations
from finops.usecases.load_bill import refuse_load, scratch
from finops.usecases.ports import Deliveries, Loads
from finops.usecases.savings_intake import (
    SavingsDesk,
    Taken,
    apply_newest,
    latest_snapshot,
    take_snapshot,
)

FORMAT = "Cost Optimization Hub"


def take_recommendations(
    load: str,
    *,
    deliveries: Deliveries,
    loads: Loads,
    desk: SavingsDesk,
    limits: engine.Limits,
    act: Act,
) -> Taken:
    """Take the snapshot that a delivery holds, and hold it against the cases of its payer.

    What cannot be read refuses the delivery, whole. One of an older day than the newest is kept as
    that day's, and changes no case.
    """
    record = loads.get(load)
    if record.status is LoadStatus.PUBLISHED:
        return Taken(status=LoadStatus.PUBLISHED, number=record.recommendations or 0)
    try:
        payer, day = _payer(record), _day(record, act)
        stated, notes = _read(record, deliveries, limits)
    except RefusedError as error:
        refuse_load(load, error, loads=loads)
        return Taken(status=LoadStatus.REFUSED, reason=error.detail)
    if deliveries.version(record.manifest_key) != record.manifest_version:
        reason = "a newer manifest took its place while it was read"
        _noted(loads, record, status=LoadStatus.SUPERSEDED, reason=reason)
        return Taken(status=LoadStatus.SUPERSEDED, reason=reason)
    latest, number = latest_snapshot(payer, desk), len(stated)
    take_snapshot(payer, day, Via.EXPORT, stated, record.delivered_at, desk, act, load_id=load)
    del stated  # the snapshot is read again: both at once are too much to hold of a large payer
    told = {"recommendations": number, "format": FORMAT, "warnings": tuple(notes)}
    if latest is not None and latest.day > day:
        reason = f"recommendations of {latest.day} are there already; these are kept as that day's"
        _noted(loads, record, status=LoadStatus.OLDER, reason=reason, **told)
        return Taken(status=LoadStatus.OLDER, payer=payer, day=day, number=number, reason=reason)
    counts = apply_newest(payer, desk=desk, act=act)
    _noted(loads, record, status=LoadStatus.PUBLISHED, reason=None, **told)
    return Taken(status=LoadStatus.PUBLISHED, payer=payer, day=day, number=number, counts=counts)


def _payer(record: Load) -> str:
    payer = record.payer or record.account
    if payer is None:
        raise RefusedError(
            f"{record.manifest_key} names no export (exportArn), so nobody knows whose "
            "recommendations these are; load it again with its payer"
        )
    return payer


def _day(record: Load, act: Act) -> date:
    """One in the future would stand before all that are to come."""
    day = record.day or record.delivered_at.date()
    if day > max(act.at, record.delivered_at).date() + timedelta(days=1):
        raise RefusedError(
            f"{record.manifest_key} is of {day}, and {day} is still to come; deliver it in the "
            "folder date=YYYY-MM-DD of the day that it was made on"
        )
    return day


def _read(
    record: Load, deliveries: Deliveries, limits: engine.Limits
) -> tuple[list[Recommendation], list[str]]:
    """All that the files of a delivery recommend, each in the version it was found in."""
    stated: list[Recommendation] = []
    notes: list[str] = []
    with scratch() as folder, engine.connect(limits) as connection:
        for file in record.files:
            local = _brought(file, folder, deliveries)
            found = recommendations.read(connection, local, name=Path(file.key).name)
            stated += found.recommendations
            notes += found.notes
            local.unlink()
    return stated, notes


def _brought(file: LoadedFile, folder: Path, deliveries: Deliveries) -> Path:
    local = folder / hashlib.sha256(file.key.encode()).hexdigest()
    deliveries.download(file, local)
    return local


def _noted(loads: Loads, record: Load, **update: object) -> None:
    """*record* with *update*, whichever of two executions gets there first."""
    while True:
        try:
            loads.save(record.model_copy(update=update))
        except ConflictError:
            record = loads.get(record.load_id)
            if record.status is LoadStatus.PUBLISHED:
                return
        else:
            return
