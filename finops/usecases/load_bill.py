"""Loading a bill, step by step: find, plan, reduce, merge, check, publish.

Each step can be run again at any time, by two executions at once: what it writes is a function of
the delivery alone and goes to a place of its own, until `publish_load` switches readers over.
"""

import gzip
import hashlib
import json
import shutil
import tempfile
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

from finops.domain.bill_notes import MOST_CREDITS, CreditLine, credits_of
from finops.domain.bills import Bill, BillTotal, succeeded, succession
from finops.domain.deliveries import (
    PATIENCE,
    FileSeen,
    Manifest,
    delivered_at,
    load_id,
    look,
    parse_manifest,
)
from finops.domain.errors import ConflictError, RefusedError
from finops.domain.loads import (
    UNDER_WAY,
    BillSummary,
    ControlTotal,
    DeliveryKind,
    Load,
    LoadedBill,
    LoadedFile,
    LoadStatus,
    changes,
    in_brief,
    merged,
    total,
)
from finops.domain.places import generation, work
from finops.domain.tags import collisions
from finops.domain.values import Frozen
from finops.usecases.ports import AccountTotals, Bills, Deliveries, Ledger, Loads

PAYER_NOTE = "finops-payer"


class Found(Frozen):
    """What `find_delivery` tells the state machine."""

    status: str
    load_id: str | None = None
    reason: str = ""
    kind: DeliveryKind = DeliveryKind.BILL
    next_attempt: int = 0
    wait_seconds: int = 0


# -- find -------------------------------------------------------------------------------------


def find_delivery(
    manifest_key: str,
    attempt: int,
    *,
    now: datetime,
    wait: timedelta,
    quiet: timedelta,
    deliveries: Deliveries,
    loads: Loads,
) -> Found:
    """Look at the delivery of *manifest_key*: ready to load, to be waited for, or nothing new."""
    document = deliveries.read(manifest_key)
    arrived = Arrival(document.version, document.modified_at, document.notes.get(PAYER_NOTE), now)
    try:
        manifest = parse_manifest(manifest_key, document.text)
    except RefusedError as error:
        unread = Manifest(key=manifest_key, execution_id="", files=())
        refused = _arrived(unread, arrived, {}).model_copy(update={"reason": error.detail})
        _record(loads, refused, LoadStatus.REFUSED)
        return Found(status=LoadStatus.REFUSED, load_id=refused.load_id, reason=error.detail)
    seen = deliveries.look(manifest.files)
    known = loads.at_place(manifest.place)
    # That this delivery was waited for is no reason to load it: each look is a fresh one.
    decided = [one for one in known if not _waits_for(one, manifest)]
    verdict = look(
        manifest,
        document.modified_at,
        seen,
        decided,
        now=now,
        quiet=quiet,
        payer=arrived.payer,
    )
    load = _arrived(manifest, arrived, seen)
    status = verdict.status or LoadStatus.REDUCING
    if status is LoadStatus.WAITING and attempt * wait >= PATIENCE:
        status = LoadStatus.INCOMPLETE
    # Only what is loaded is known to be this delivery's: the files of others may lie there still,
    # or already, and a later look must not take them for claimed.
    claimed = load.files if status is LoadStatus.REDUCING else ()
    _record(loads, load.model_copy(update={"reason": verdict.reason, "files": claimed}), status)
    for other in known:
        if other.manifest_version == load.manifest_version and other.status is LoadStatus.WAITING:
            _moved_on(loads, other, load)
    return Found(
        status="Ready" if status is LoadStatus.REDUCING else status,
        load_id=load.load_id,
        reason=verdict.reason or "",
        kind=manifest.kind,
        next_attempt=attempt + 1,
        wait_seconds=int(wait.total_seconds()),
    )


def _waits_for(load: Load, manifest: Manifest) -> bool:
    return load.status is LoadStatus.WAITING and load.execution_id == manifest.execution_id


class Arrival(NamedTuple):
    """A manifest's coming: which version of it, written when, with what note, seen when."""

    version: str
    modified_at: datetime
    payer: str | None
    now: datetime


def _arrived(manifest: Manifest, arrival: Arrival, seen: Mapping[str, FileSeen | None]) -> Load:
    files = {key: file for key, file in seen.items() if file is not None}
    is_whole = files and len(files) == len(seen)
    told = [(key, file.etag) for key, file in files.items()] if is_whole else []
    return Load(
        load_id=load_id(
            manifest.execution_id, told or [(manifest.key, arrival.version)], arrival.payer
        ),
        status=LoadStatus.WAITING,
        manifest_key=manifest.key,
        manifest_version=arrival.version,
        execution_id=manifest.execution_id,
        place=manifest.place,
        delivered_at=delivered_at(manifest, arrival.modified_at),
        recorded_at=arrival.now,
        payer=arrival.payer,
        account=manifest.account,
        billing_period=manifest.billing_period,
        kind=manifest.kind,
        day=_day(manifest, arrival),
        files=tuple(
            LoadedFile(key=key, etag=file.etag, version_id=file.version_id, size=file.size)
            for key, file in files.items()
        ),
    )


def _day(manifest: Manifest, arrival: Arrival) -> date | None:
    """The day that recommendations are of: their partition's, else the one they were made on."""
    if manifest.kind is DeliveryKind.BILL:
        return None
    return manifest.day or delivered_at(manifest, arrival.modified_at).date()


def _record(loads: Loads, load: Load, status: LoadStatus) -> None:
    """*load* with *status*; what another run has made of it stays, and a repeat writes nothing."""
    known = loads.find(load.load_id)
    if known is None:
        loads.save(load.model_copy(update={"status": status}))
        return
    seen_as = {"manifest_key": load.manifest_key, "manifest_version": load.manifest_version}
    if known.status is LoadStatus.PUBLISHED or (
        status is LoadStatus.REDUCING and known.status in UNDER_WAY - {LoadStatus.WAITING}
    ):
        recorded = known.model_copy(update=seen_as)
    else:
        told = {"delivered_at": load.delivered_at, "reason": load.reason, "status": status}
        files = load.files or known.files  # a run that is at it goes on reading them
        recorded = known.model_copy(update=seen_as | told | {"files": files})
    if (recorded.status, recorded.manifest_version) != (known.status, known.manifest_version):
        loads.save(recorded)


def _moved_on(loads: Loads, waiting: Load, load: Load) -> None:
    """*waiting* was recorded before its files were there; now they are, as *load*."""
    if waiting.load_id != load.load_id:
        reason = f"its files have arrived; see {load.load_id}"
        _saved(loads, waiting, status=LoadStatus.SUPERSEDED, reason=reason)


# -- scratch ---------------------------------------------------------------------------


@contextmanager
def scratch() -> Iterator[Path]:
    """A folder that is gone afterwards, however it ends: a Lambda keeps its disk between calls."""
    folder = Path(tempfile.mkdtemp(prefix="finops-"))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


# -- check --------------------------------------------------------------------------------------


def check_load(load: str, *, loads: Loads, ledger: Ledger) -> Load:
    """Hold the ledger that was made against the control totals of every file, to the last tick.

    Raises ArithmeticError where they differ: nothing is published then, and an alarm is due.
    """
    record = loads.get(load)
    if record.status in (LoadStatus.REFUSED, LoadStatus.PUBLISHED):
        return record
    plan = ledger.get_json(work(load, "plan.json"))
    reduced = [ledger.get_json(work(load, f"reduced/{item}.json")) for item in range(plan["items"])]
    parts = [ledger.get_json(work(load, f"merged/{shard}.json")) for shard in range(plan["shards"])]
    controls = [ControlTotal(**control) for one in reduced for control in one["controls"]]
    summaries = merged(BillSummary(**summary) for part in parts for summary in part["summaries"])
    _compare(controls, summaries)
    notes = [note for one in reduced for note in one["warnings"]]
    for (payer, period), some in _by_bill(summaries).items():
        files = [
            {"name": file["name"], "rows": file["rows"]}
            for part in parts
            for file in part["files"]
            if (file["billing_account_id"], file["billing_period"]) == (payer, period)
        ]
        named = _credits(reduced, (payer, period))
        if left_out := len(named[MOST_CREDITS:]):
            notes.append(
                f"bill of {payer} for {period}: its lines name {len(named)} credits; the "
                f"{left_out} smallest of them are not queued to be mapped"
            )
        index = {
            "files": files,
            "summaries": [summary.model_dump() for summary in some],
            # What its lines say beside its sums: `finops.domain.bill_notes`.
            "credits": [line.model_dump(mode="json") for line in named[:MOST_CREDITS]],
            "discounted": _discounted(reduced, (payer, period)),
        }
        ledger.put_json(f"{generation(payer, period, load)}/index.json", index)
    keys = {key for part in parts for key in part["tag_keys"]}
    notes += [
        f"tag keys that AWS's normalised spelling cannot tell apart: {', '.join(group)}"
        for group in collisions(keys)
    ]
    by_file: defaultdict[str, list[ControlTotal]] = defaultdict(list)
    for one in reduced:
        by_file[one["key"]] += [ControlTotal(**control) for control in one["controls"]]
    return _saved(
        loads,
        record,
        status=LoadStatus.CHECKING,
        format=", ".join(sorted({one["format"] for one in reduced})),
        files=tuple(
            file.model_copy(update={"controls": tuple(total(by_file[file.key]).values())})
            for file in record.files
        ),
        bills=tuple(
            LoadedBill(summary=in_brief(summary), status=LoadStatus.CHECKING)
            for summary in summaries
        ),
        warnings=tuple(dict.fromkeys(notes)),
    )


def _credits(reduced: Iterable[Mapping[str, Any]], of: tuple[str, str]) -> list[CreditLine]:
    """The credits that the lines of a bill name, each added up over all of its files."""
    return credits_of(
        CreditLine(**line)
        for one in reduced
        for line in one.get("credits", ())
        if (line["billing_account_id"], line["billing_period"]) == of
    )


def _discounted(reduced: Iterable[Mapping[str, Any]], of: tuple[str, str]) -> list[str | None]:
    """The services that the lines of a bill lower."""
    found = {
        service
        for one in reduced
        for payer, period, service in one.get("discounted", ())
        if (payer, period) == of
    }
    return sorted(found, key=lambda service: (service is not None, service))


def _compare(controls: list[ControlTotal], summaries: Iterable[BillSummary]) -> None:
    expected = total(controls)
    made = {summary.of: summary for summary in summaries}
    if expected.keys() != made.keys():
        raise ArithmeticError(
            f"bills read: {sorted(map(str, expected))}, made: {sorted(map(str, made))}"
        )
    for of, control in expected.items():
        costs = made[of].costs
        made_of = (costs.lines, costs.unblended_cost, costs.unblended_dust)
        if made_of != (control.lines, control.unblended_cost, control.dust):
            raise ArithmeticError(
                f"bill {of}: {control.lines} lines of {control.unblended_cost} ticks were read, "
                f"{costs.lines} lines of {costs.unblended_cost} ticks made"
            )


def _by_bill(summaries: Iterable[BillSummary]) -> dict[tuple[str, str], list[BillSummary]]:
    groups: dict[tuple[str, str], list[BillSummary]] = {}
    for summary in summaries:
        groups.setdefault((summary.billing_account_id, summary.billing_period), []).append(summary)
    return groups


def _saved(loads: Loads, load: Load, **update: Any) -> Load:
    """*load* with *update*, whichever of two executions gets there first."""
    while True:
        try:
            return loads.save(load.model_copy(update=update))
        except ConflictError:
            load = loads.get(load.load_id)
            if load.status is LoadStatus.PUBLISHED:
                return load


# -- publish ------------------------------------------------------------------------------------


def publish_load(
    load: str,
    *,
    now: datetime,
    deliveries: Deliveries,
    loads: Loads,
    bills: Bills,
    ledger: Ledger,
) -> Load:
    """Switch every bill of the delivery to the generation that was made of it, in one step.

    Readers see the old bill or the new one. A delivery that was overtaken meanwhile is recorded as
    such, and nothing changes.
    """
    record = loads.get(load)
    while True:
        if record.status is LoadStatus.PUBLISHED:
            return record
        found = {of: bills.find(*of) for of in _by_bill(bill.summary for bill in record.bills)}
        # Looked at between reading the bills and writing them: who publishes a newer delivery
        # changes a bill's version, so that of two that race the older one comes round again.
        if deliveries.version(record.manifest_key) != record.manifest_version:
            return _overtaken(loads, record)
        verdicts = {of: succession(current, record) for of, current in found.items()}
        taking = [of for of, verdict in verdicts.items() if verdict is None]
        loaded = tuple(_with_changes(bill, load, found, verdicts, ledger) for bill in record.bills)
        for of in taking:
            _write_totals(record, of, found[of], bills, ledger)
        # What changed is written down first: after the switch nobody could work it out again.
        record = _saved(loads, record, bills=loaded)
        try:
            bills.publish(
                [succeeded(found[of], record, of, _totals(record, of), now) for of in taking]
            )
        except ConflictError:
            continue
        published = taking or LoadStatus.UNCHANGED in verdicts.values()
        return _saved(
            loads,
            record,
            status=LoadStatus.PUBLISHED if published else LoadStatus.OLDER,
            reason=None if published else "a bill of a newer delivery is there already",
        )


def _overtaken(loads: Loads, record: Load) -> Load:
    reason = "a newer manifest took its place while it was loaded"
    return _saved(loads, record, status=LoadStatus.SUPERSEDED, reason=reason)


def _with_changes(
    bill: LoadedBill,
    load: str,
    found: dict[tuple[str, str], Bill | None],
    verdicts: dict[tuple[str, str], LoadStatus | None],
    ledger: Ledger,
) -> LoadedBill:
    of = (bill.summary.billing_account_id, bill.summary.billing_period)
    current = found[of]
    if verdicts[of] is LoadStatus.UNCHANGED:  # a crash came between the switch and the record
        return bill.model_copy(update={"status": LoadStatus.PUBLISHED})
    before = _summary(bill, current.load_id, ledger) if current else None
    after = _summary(bill, load, ledger) or bill.summary
    return bill.model_copy(
        update={
            "status": verdicts[of] or LoadStatus.PUBLISHED,
            "changes": changes(before, after),
        }
    )


def _summary(bill: LoadedBill, load: str, ledger: Ledger) -> BillSummary | None:
    """The same bill as another *load* made it, with all its breakdowns."""
    payer, period, _ = bill.summary.of
    index = ledger.get_json(f"{generation(payer, period, load)}/index.json")
    summaries = (BillSummary(**summary) for summary in index["summaries"])
    return next((summary for summary in summaries if summary.of == bill.summary.of), None)


def _totals(load: Load, of: tuple[str, str]) -> tuple[BillTotal, ...]:
    return tuple(
        BillTotal(
            billing_currency=bill.summary.billing_currency,
            costs=bill.summary.costs,
            last_usage_day=bill.summary.last_usage_day,
            lines_without_invoice=bill.summary.lines_without_invoice,
        )
        for bill in load.bills
        if (bill.summary.billing_account_id, bill.summary.billing_period) == of
    )


def _write_totals(
    load: Load, of: tuple[str, str], current: Bill | None, bills: Bills, ledger: Ledger
) -> None:
    """The account totals that differ from those in force; readers do not see them yet."""
    after = succeeded(current, load, of, (), load.recorded_at)
    known = bills.digests(current) if current and len(after.lineage) > 1 else {}
    gone = set(known)

    def changed() -> Iterator[AccountTotals]:
        for totals in _account_totals(load, of, ledger):
            gone.discard((totals.account, totals.currency))
            if known.get((totals.account, totals.currency)) != totals.digest:
                yield totals
        for account, currency in sorted(gone, key=str):
            yield AccountTotals(account, currency, load.load_id, "", None)

    bills.write_totals(*of, changed())


def _account_totals(load: Load, of: tuple[str, str], ledger: Ledger) -> Iterator[AccountTotals]:
    """The totals that the merge made, one account at a time."""
    with scratch() as folder:
        for shard in range(load.shards):
            packed = folder / f"{shard}.jsonl.gz"
            ledger.get(work(load.load_id, f"merged/{shard}.accounts.jsonl.gz"), packed)
            with gzip.open(packed, "rt", encoding="utf-8") as lines:
                for line in lines:
                    month = json.loads(line)
                    if (month["billing_account_id"], month["billing_period"]) != of:
                        continue
                    days = month["days"]
                    told = json.dumps(days, sort_keys=True).encode()
                    yield AccountTotals(
                        month["sub_account_id"],
                        month["billing_currency"],
                        load.load_id,
                        hashlib.sha256(told).hexdigest()[:16],
                        days,
                    )


# -- fail ---------------------------------------------------------------------------------------


def fail_load(load: str | None, cause: str, *, loads: Loads, deliveries: Deliveries) -> Load | None:
    """Record that a load failed; or that its delivery was replaced meanwhile, which is no failure."""
    record = loads.find(load) if load else None
    if record is None or record.status in (LoadStatus.PUBLISHED, LoadStatus.REFUSED):
        return record
    if deliveries.version(record.manifest_key) != record.manifest_version:
        return _overtaken(loads, record)
    return _saved(loads, record, status=LoadStatus.FAILED, reason=cause)


def refuse_load(load: str, error: RefusedError, *, loads: Loads) -> Load:
    """Record why a delivery cannot become a bill."""
    return _saved(loads, loads.get(load), status=LoadStatus.REFUSED, reason=error.detail)
