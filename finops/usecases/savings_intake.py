"""What AWS recommends comes in as the snapshot of a day, and is held against the cases there are.

It comes as a file (`take_recommendations`), or from AWS's API where no file comes. A source that
does not answer says nothing of its cases: it is named, and they stay as they are.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import NamedTuple, TypeVar

from finops.domain.audit import Act, Deed
from finops.domain.errors import ConflictError, InvalidError, UnansweredError
from finops.domain.periods import BillingPeriod
from finops.domain.savings import (
    CaseChange,
    Counts,
    Recommendation,
    Saving,
    Snapshot,
    SnapshotDay,
    SourceState,
    Unanswered,
    Via,
    cases_of,
    newest,
    reconciled,
    source_states,
)
from finops.domain.values import Frozen
from finops.usecases.ports import (
    Bills,
    Recommendations,
    Save,
    SavingsKept,
    SavingsSnapshots,
)

STEP = 45  # cases in one transaction: two writes each
TRIES = 5
FRESH = timedelta(days=2)  # for so long a file stands for what the API would say
PAYERS_OF = 3  # months of bills, the current one included, whose payers are asked about
Done = TypeVar("Done")


class SavingsDesk(NamedTuple):
    """Where recommendations are kept, and the cases made of them."""

    savings: SavingsKept
    snapshots: SavingsSnapshots


class Taken(Frozen):
    """What a step tells of a delivery that it took, or of a source it asked."""

    status: str
    payer: str = ""
    day: date | None = None
    number: int = 0
    counts: Counts = Counts()
    reason: str = ""


# From the API -------------------------------------------------------------------------------------


def collect_recommendations(
    payers: Iterable[str],
    *,
    source: Recommendations,
    desk: SavingsDesk,
    act: Act,
    always: bool = False,
) -> list[Taken]:
    """Ask AWS what it recommends to *payers*, but where a file came lately (or *always*).

    Each that does not answer is taken down as such; the others are done all the same.
    """
    found = []
    for payer in sorted(set(payers)):
        today = act.at.date()
        if not always and (fresh := _delivered(payer, today, desk)):
            reason = f"the export of {fresh.day} stands for it"
            found.append(Taken(status="Unneeded", payer=payer, day=fresh.day, reason=reason))
            continue
        try:
            stated = source.of_payer(payer)
        except UnansweredError as error:
            _miss(payer, today, error.detail, desk, act)
            found.append(Taken(status="Unanswered", payer=payer, day=today, reason=error.detail))
            continue
        take_snapshot(payer, today, Via.API, stated, act.at, desk, act)
        counts = apply_newest(payer, desk=desk, act=act)
        found.append(
            Taken(status="Taken", payer=payer, day=today, number=len(stated), counts=counts)
        )
    return found


def payers_of(bills: Bills, today: date) -> list[str]:
    """Who has paid a bill lately: whose recommendations are asked for."""
    month = BillingPeriod.of(today)
    found: set[str] = set()
    for _ in range(PAYERS_OF):
        found |= {bill.billing_account_id for bill in bills.in_period(str(month))}
        month = BillingPeriod.of(month.start - timedelta(days=1))
    return sorted(found)


def savings_sources(
    today: date, *, payers: Iterable[str], snapshots: SavingsSnapshots
) -> list[SourceState]:
    """How fresh what is known is, of each of *payers*; one that never said anything is among them."""
    return source_states(snapshots.all().values(), payers, today)


def _delivered(payer: str, today: date, desk: SavingsDesk) -> Snapshot | None:
    """The newest file of *payer*, where it is fresh."""
    taken = [
        one.taken
        for one in desk.snapshots.all().values()
        if one.payer == payer and one.taken is not None and one.taken.via is Via.EXPORT
    ]
    last = max(taken, key=lambda one: one.day, default=None)
    return last if last is not None and today - last.day <= FRESH else None


# Snapshots ----------------------------------------------------------------------------------------


def take_snapshot(
    payer: str,
    day: date,
    via: Via,
    stated: Sequence[Recommendation],
    taken_at: datetime,
    desk: SavingsDesk,
    act: Act,
    *,
    load_id: str | None = None,
) -> SnapshotDay:
    """The snapshot of a day, in the place of the one there was of it."""
    document, checksum, number = desk.snapshots.write(payer, day, via, stated)
    snapshot = Snapshot(
        payer=payer,
        day=day,
        via=via,
        taken_at=taken_at,
        number=number,
        checksum=checksum,
        document=document,
        load_id=load_id,
    )
    deed = Deed(action="Take")
    return _put_day(payer, day, lambda one: one.with_snapshot(snapshot), deed, desk, act)


def _miss(payer: str, day: date, reason: str, desk: SavingsDesk, act: Act) -> SnapshotDay:
    failure = Unanswered(via=Via.API, at=act.at, reason=reason)
    deed = Deed(action="Miss", event="SavingsUnanswered")
    act = act.because(reason[:500])
    return _put_day(payer, day, lambda one: one.without_answer(failure), deed, desk, act)


def _put_day(
    payer: str,
    day: date,
    change: Callable[[SnapshotDay], SnapshotDay],
    deed: Deed,
    desk: SavingsDesk,
    act: Act,
) -> SnapshotDay:
    def put() -> SnapshotDay:
        before = desk.snapshots.find(payer, day)
        after = change(before or SnapshotDay.of(payer, day))
        if after == before:
            return before
        return desk.snapshots.save([Save(before, after, deed)], act)[0]

    return _tried_again(put)


def latest_snapshot(payer: str, desk: SavingsDesk) -> Snapshot | None:
    return newest(one for one in desk.snapshots.all().values() if one.payer == payer)


# Cases --------------------------------------------------------------------------------------------


def apply_newest(payer: str, *, desk: SavingsDesk, act: Act) -> Counts:
    """Hold the newest snapshot of *payer* against its cases, and tell of it in one event.

    It can be done again at any time: what is done already changes nothing. Raises InvalidError
    where there is none.
    """
    counts = Counts()
    while True:
        snapshot = latest_snapshot(payer, desk)
        if snapshot is None:
            raise InvalidError(f"nothing was ever taken of what AWS recommends to {payer}")
        counts = reconcile(snapshot, desk=desk, act=act)
        if latest_snapshot(payer, desk) == snapshot:
            break
    if counts.changes == 0 and _is_applied(snapshot, desk):
        return counts

    def applied(day: SnapshotDay) -> SnapshotDay:
        is_same = day.taken is not None and day.taken.checksum == snapshot.checksum
        return day.changed(applied=counts) if is_same else day

    deed = Deed(action="Apply", event="SavingsFound")
    said = act.because(
        f"{snapshot.day}: {counts.found} new, {counts.returned} back, {counts.changed} restated, "
        f"{counts.gone} gone, {counts.unchanged} as they were"
    )
    _put_day(payer, snapshot.day, applied, deed, desk, said)
    return counts


def _is_applied(snapshot: Snapshot, desk: SavingsDesk) -> bool:
    day = desk.snapshots.find(snapshot.payer, snapshot.day)
    return day is not None and day.applied is not None


def reconcile(snapshot: Snapshot, *, desk: SavingsDesk, act: Act) -> Counts:
    """Hold a snapshot against the cases of its payer: those it names, and those it has no more.

    Saved some at a time, and none tells an event of its own. Where somebody decides on a case at
    the same moment, the snapshot is held against what was decided. It stops where a newer one came
    meanwhile: what that one left as it was would be changed by this one.
    """
    stated = [one.in_brief() for one in desk.snapshots.read(snapshot)]
    cases = cases_of(stated)
    known = desk.savings.all()
    changes = list(reconciled(known, stated, snapshot.payer, snapshot.day))
    counts = Counts()
    for start in range(0, len(changes), STEP):
        if latest_snapshot(snapshot.payer, desk) != snapshot:
            break
        some = changes[start : start + STEP]
        for change in _saved(some, cases, snapshot, desk, act):
            counts += change.counts
    seen = counts.found + counts.returned + counts.changed
    return counts.model_copy(update={"unchanged": max(0, len(cases) - seen)})


def _saved(
    some: Sequence[CaseChange],
    cases: Mapping[str, Sequence[Recommendation]],
    snapshot: Snapshot,
    desk: SavingsDesk,
    act: Act,
) -> list[CaseChange]:
    wanted = list(some)

    def save() -> list[CaseChange]:
        nonlocal wanted
        saves = [Save(one.before, one.after, Deed(action=one.action)) for one in wanted]
        if saves:
            try:
                desk.savings.save(saves, act)
            except ConflictError:
                wanted = _again(wanted, cases, snapshot, desk)
                raise
        return wanted

    return _tried_again(save)


def _again(
    some: Iterable[CaseChange],
    cases: Mapping[str, Sequence[Recommendation]],
    snapshot: Snapshot,
    desk: SavingsDesk,
) -> list[CaseChange]:
    """What the snapshot changes of the same cases as they are now."""
    ids = [one.after.saving_id for one in some]
    now: dict[str, Saving] = {}
    for id_ in ids:
        if (found := desk.savings.find(id_)) is not None:
            now[id_] = found
    stated = [one for id_ in ids for one in cases.get(id_, ())]
    return list(reconciled(now, stated, snapshot.payer, snapshot.day))


def _tried_again(do: Callable[[], Done]) -> Done:
    """*do* once more where somebody else was faster: it looks again at what is there."""
    for _ in range(TRIES - 1):
        try:
            return do()
        except ConflictError:
            continue
    return do()
