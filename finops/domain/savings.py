"""Savings: what AWS recommends to do about resources, one case for each, and what is decided on it.

A case is a resource of an account: however many things are recommended for it (smaller, another
processor, off), only one of them can be done, so it counts once. What no resource is named of, as a
Savings Plan to buy, is known by account, action, region and type. Source: specification section 12;
AWS Cost Optimization Hub.
"""

import hashlib
import json
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import NamedTuple, Self

from finops.domain.audit import reason as kept_reason
from finops.domain.errors import ConflictError, InvalidError
from finops.domain.values import Entity, Frozen

LONGEST_IGNORED = timedelta(days=366)
GROWN_BY = 1_000  # basis points above what was ignored: then somebody is asked again
STILL_AFTER = timedelta(days=7)  # what AWS looks back on is older than what was just done
NOTED_AGAIN = timedelta(days=7)  # how often a case is written that every snapshot says the same of
MOST_OPTIONS = 20  # that a case keeps, the largest; a snapshot has them all
LONGEST_DETAILS = 1_000  # characters that a case keeps of them; a snapshot has them whole
WHOLE = 10_000  # basis points


class ActionType(StrEnum):
    """What AWS is known to recommend; what it recommends beside these is kept in its own words."""

    RIGHTSIZE = "Rightsize"
    STOP = "Stop"
    UPGRADE = "Upgrade"
    PURCHASE_SAVINGS_PLANS = "PurchaseSavingsPlans"
    PURCHASE_RESERVED_INSTANCES = "PurchaseReservedInstances"
    MIGRATE_TO_GRAVITON = "MigrateToGraviton"
    DELETE = "Delete"
    SCALE_IN = "ScaleIn"


class SavingStatus(StrEnum):
    """Where a case is: to be decided, decided, or no longer recommended."""

    NEW = "New"
    APPROVED = "Approved"
    IGNORED = "Ignored"
    IMPLEMENTED = "Implemented"
    GONE = "Gone"


class SavingDecision(StrEnum):
    """What somebody can decide on a case."""

    APPROVE = "Approve"
    IGNORE = "Ignore"
    IMPLEMENT = "Implement"
    REOPEN = "Reopen"


class Return(StrEnum):
    """Why a case that was through with is New again."""

    EXPIRED = "Expired"  # it was ignored until a day that has passed
    GROWN = "Grown"  # it saves more than what was ignored
    BACK = "Back"  # it was gone
    REOPENED = "Reopened"


OPEN = frozenset({SavingStatus.NEW, SavingStatus.APPROVED})

# What may be decided on a case, by its status, and what it is then. A case that is Gone can be
# said to be implemented where it was approved: doing it is what makes AWS drop it.
DECISIONS: Mapping[tuple[SavingDecision, SavingStatus], SavingStatus] = {
    (SavingDecision.APPROVE, SavingStatus.NEW): SavingStatus.APPROVED,
    (SavingDecision.APPROVE, SavingStatus.APPROVED): SavingStatus.APPROVED,
    (SavingDecision.APPROVE, SavingStatus.IGNORED): SavingStatus.APPROVED,
    (SavingDecision.IGNORE, SavingStatus.NEW): SavingStatus.IGNORED,
    (SavingDecision.IGNORE, SavingStatus.APPROVED): SavingStatus.IGNORED,
    (SavingDecision.IGNORE, SavingStatus.IGNORED): SavingStatus.IGNORED,
    (SavingDecision.IMPLEMENT, SavingStatus.APPROVED): SavingStatus.IMPLEMENTED,
    (SavingDecision.IMPLEMENT, SavingStatus.GONE): SavingStatus.IMPLEMENTED,
    (SavingDecision.REOPEN, SavingStatus.APPROVED): SavingStatus.NEW,
    (SavingDecision.REOPEN, SavingStatus.IGNORED): SavingStatus.NEW,
    (SavingDecision.REOPEN, SavingStatus.IMPLEMENTED): SavingStatus.NEW,
}


class Recommendation(Frozen):
    """What a source states that could be done, amounts in ticks a month.

    *resource_id* is as the bill has it (`billed_id`), None where none is named. Savings and cost are
    after discounts where the source states that, else before (*is_discounted*). *recommendation_id*
    is AWS's, and not the same for ever. *details* is JSON text, as the source has it.
    """

    source: str
    recommendation_id: str
    account_id: str
    region: str | None = None
    resource_id: str | None = None
    resource_type: str | None = None
    action_type: str
    current: str | None = None
    recommended: str | None = None
    recommended_type: str | None = None
    details: str | None = None
    currency: str
    monthly_savings: int
    monthly_cost: int | None = None
    is_discounted: bool = True
    savings_basis_points: int | None = None
    effort: str | None = None
    restart_needed: bool | None = None
    rollback_possible: bool | None = None
    lookback_days: int | None = None
    refreshed_at: datetime | None = None
    tags: Mapping[str, str] = {}

    @property
    def saving_id(self) -> str:
        """The case that it belongs to."""
        if self.resource_id is not None:
            told: list[str | None] = [self.account_id, self.resource_id]
        else:
            type_ = self.resource_type or self.recommended_type
            told = [self.account_id, None, self.action_type, self.region, type_]
        return hashlib.sha256(json.dumps(told).encode()).hexdigest()[:16]

    def in_brief(self) -> Self:
        """Without details that are too long for a case."""
        if self.details is None or len(self.details) <= LONGEST_DETAILS:
            return self
        return self.model_copy(update={"details": None})


class SavingNote(Frozen):
    """What was decided on a case, by whom, when and why.

    *baseline* is the option that was chosen as it was recommended then. *ignored_at* is what the case
    saved (ticks a month) when it was ignored.
    """

    decision: SavingDecision
    by: str
    at: datetime
    reason: str | None = None
    action_type: str | None = None
    baseline: Recommendation | None = None
    ignored_until: date | None = None
    ignored_at: int | None = None
    implemented_on: date | None = None


class Saving(Entity):
    """A case: what could be saved on one resource.

    *options* are what the newest snapshot that has it recommends, the largest saving first; never
    empty. *last_seen* is written when something else changes, and at least weekly: a case that is
    not Gone is in the newest snapshot of its payer, unless it was implemented. *still_recommended*:
    AWS recommends it a week after it was implemented.
    """

    saving_id: str
    payer: str
    account_id: str
    region: str | None = None
    resource_id: str | None = None
    resource_type: str | None = None
    options: tuple[Recommendation, ...]
    status: SavingStatus = SavingStatus.NEW
    first_seen: date
    last_seen: date
    note: SavingNote | None = None
    returned: Return | None = None
    gone_on: date | None = None
    still_recommended: bool = False

    @classmethod
    def found(cls, options: Sequence[Recommendation], payer: str, on: date) -> Self:
        """A case that no snapshot had before *on*; *options* are all of one `saving_id`."""
        listed = ordered(options)
        first = listed[0]
        return cls(
            saving_id=first.saving_id,
            payer=payer,
            account_id=first.account_id,
            region=first.region,
            resource_id=first.resource_id,
            resource_type=first.resource_type,
            options=listed,
            first_seen=on,
            last_seen=on,
        )

    @property
    def counted(self) -> Recommendation:
        """The one option that counts: what was done, once it is; the one decided on as it is stated
        now; else the largest.
        """
        chosen = self.note.action_type if self.note else None
        if self.note is None or chosen is None:
            return self.options[0]
        if self.status is SavingStatus.IMPLEMENTED and self.note.baseline is not None:
            return self.note.baseline
        stated = next((one for one in self.options if one.action_type == chosen), None)
        return stated or self.note.baseline or self.options[0]

    @property
    def is_open(self) -> bool:
        """Whether it can still be saved: neither done, nor set aside, nor gone."""
        return self.status in OPEN

    def is_as_of(self, on: date) -> bool:
        """Whether no snapshot of a later day than *on* has said anything of it."""
        return self.last_seen <= on and (self.gone_on is None or self.gone_on <= on)

    # Decided --------------------------------------------------------------------------------------

    def approve(
        self, action_type: str | None, *, by: str, at: datetime, reason: str | None = None
    ) -> Self:
        """With the option of *action_type* chosen, the largest where nobody says which."""
        status = self._decided(SavingDecision.APPROVE)
        chosen = self.options[0] if action_type is None else self._option(action_type)
        note = SavingNote(
            decision=SavingDecision.APPROVE,
            by=by,
            at=at,
            reason=reason,
            action_type=chosen.action_type,
            baseline=chosen,
        )
        return self.changed(status=status, note=note, returned=None)

    def ignore(self, reason: str | None, until: date | None, *, by: str, at: datetime) -> Self:
        """Until after *until*, its last day, or until it saves a tenth more than now."""
        status = self._decided(SavingDecision.IGNORE)
        today = at.date()
        if until is None:
            raise InvalidError(
                "until: say the last day that this is ignored, at most a year from now"
            )
        if not today <= until <= today + LONGEST_IGNORED:
            raise InvalidError(
                f"until: {until} is not within a year from today; write a day from {today} to "
                f"{today + LONGEST_IGNORED}"
            )
        note = SavingNote(
            decision=SavingDecision.IGNORE,
            by=by,
            at=at,
            reason=kept_reason(reason, needed=True),
            ignored_until=until,
            ignored_at=self.options[0].monthly_savings,
            baseline=self.options[0],
        )
        return self.changed(status=status, note=note, returned=None)

    def implement(self, on: date, *, by: str, at: datetime, reason: str | None = None) -> Self:
        """Done *on* that day, as it was approved."""
        status = self._decided(SavingDecision.IMPLEMENT)
        note = self.note
        if note is None or note.decision is not SavingDecision.APPROVE:
            raise ConflictError(
                "only what was approved can be implemented, and this was not before it was gone",
                current=self,
            )
        if on > at.date():
            raise InvalidError(f"on: {on} is still to come; say it once it is done")
        if on < self.first_seen:
            raise InvalidError(
                f"on: {on} is before the first recommendation, of {self.first_seen}; "
                "say the day that it was done"
            )
        done = note.model_copy(
            update={
                "decision": SavingDecision.IMPLEMENT,
                "by": by,
                "at": at,
                "reason": reason,
                "implemented_on": on,
            }
        )
        return self.changed(status=status, note=done, returned=None, gone_on=None)

    def reopen(self) -> Self:
        """To be decided anew."""
        status = self._decided(SavingDecision.REOPEN)
        return self.changed(
            status=status, note=None, returned=Return.REOPENED, still_recommended=False
        )

    def may_be(self, decision: SavingDecision) -> bool:
        """Whether that can be decided on it as it is."""
        if (decision, self.status) not in DECISIONS:
            return False
        if decision is SavingDecision.IMPLEMENT:
            return self.note is not None and self.note.decision is SavingDecision.APPROVE
        return True

    def _decided(self, decision: SavingDecision) -> SavingStatus:
        if status := DECISIONS.get((decision, self.status)):
            return status
        able = sorted(status for done, status in DECISIONS if done is decision)
        raise ConflictError(
            f"{decision} is no decision on a saving that is {self.status}; it is for one that is "
            f"{' or '.join(able)}",
            current=self,
        )

    def _option(self, action_type: str) -> Recommendation:
        for one in self.options:
            if one.action_type == action_type:
                return one
        named = ", ".join(dict.fromkeys(one.action_type for one in self.options))
        raise InvalidError(f"action_type: {action_type} is not recommended here; choose of {named}")

    # Stated ---------------------------------------------------------------------------------------

    def seen(self, options: Sequence[Recommendation], payer: str, on: date) -> Self:
        """After the snapshot of *on*, which recommends *options* for it."""
        listed = ordered(options)
        first = listed[0]
        fields: dict[str, object] = {"payer": payer, "gone_on": None}
        fields |= {"region": first.region, "resource_type": first.resource_type}
        match self.status:
            case SavingStatus.IGNORED:
                if why := self._returns(listed[0], on):
                    fields |= _as_new(why)
            case SavingStatus.GONE:
                fields |= _as_new(Return.BACK)
            case SavingStatus.IMPLEMENTED:
                fields["still_recommended"] = self._is_late(on)
            case SavingStatus.NEW | SavingStatus.APPROVED:
                pass
        if _said(listed) == _said(self.options):
            fields["options"] = self.options
        else:
            fields["options"] = listed
        after = self.changed(**fields)
        if after == self and on - self.last_seen < NOTED_AGAIN:
            return self
        return after.changed(options=listed, last_seen=max(on, self.last_seen))

    def missing(self, on: date) -> Self:
        """After the snapshot of *on* of its payer, which is whole and does not have it."""
        match self.status:
            case SavingStatus.GONE:
                return self
            case SavingStatus.IMPLEMENTED:
                return self.changed(still_recommended=False)
            case SavingStatus.NEW | SavingStatus.APPROVED | SavingStatus.IGNORED:
                return self.changed(status=SavingStatus.GONE, gone_on=on, returned=None)

    def _returns(self, largest: Recommendation, on: date) -> Return | None:
        note = self.note
        if note is None or note.ignored_until is None or note.ignored_at is None:
            return Return.EXPIRED
        if on > note.ignored_until:
            return Return.EXPIRED
        was = note.baseline
        if was is not None and was.currency != largest.currency:
            return Return.GROWN
        more = largest.monthly_savings - note.ignored_at
        return Return.GROWN if more * WHOLE > abs(note.ignored_at) * GROWN_BY else None

    def _is_late(self, on: date) -> bool:
        done = self.note.implemented_on if self.note else None
        return done is not None and on - done > STILL_AFTER


def _as_new(why: Return) -> dict[str, object]:
    return {"status": SavingStatus.NEW, "note": None, "returned": why}


def _said(options: Iterable[Recommendation]) -> list[Recommendation]:
    """What options say, without what changes every day: when AWS looked, and its own number."""
    same = {"recommendation_id": "", "refreshed_at": None}
    return [one.model_copy(update=same) for one in options]


def ordered(options: Iterable[Recommendation]) -> tuple[Recommendation, ...]:
    """Options of one case as it keeps them: the largest saving first."""
    listed = sorted(
        options,
        key=lambda one: (
            *(-one.monthly_savings, one.action_type),
            *(one.recommended or "", one.recommendation_id),
        ),
    )
    return tuple(one.in_brief() for one in listed[:MOST_OPTIONS])


def billed_id(named: str | None) -> str | None:
    """A resource as bills have it, from its ARN: EC2's by the id alone, the others by the ARN.

    Compute Optimizer names a function by its newest version, too: that is the function itself.

    >>> billed_id("arn:aws:ec2:eu-west-1:111122223333:instance/i-0abc")
    'i-0abc'
    >>> billed_id("arn:aws:rds:eu-west-1:111122223333:db:shop"), billed_id("vol-1"), billed_id("")
    ('arn:aws:rds:eu-west-1:111122223333:db:shop', 'vol-1', None)
    >>> billed_id("arn:aws:lambda:eu-west-1:111122223333:function:f:$LATEST")
    'arn:aws:lambda:eu-west-1:111122223333:function:f'
    """
    if not named or not named.strip():
        return None
    part = named.strip().split(":", 5)
    if len(part) == 6 and part[2] == "ec2":
        kind, _, id_ = part[5].partition("/")
        if kind in ("instance", "volume", "snapshot") and id_:
            return id_
    return named.strip().removesuffix(":$LATEST")


# Snapshots ----------------------------------------------------------------------------------------


class Via(StrEnum):
    """How recommendations come in."""

    EXPORT = "Export"
    API = "Api"


class Snapshot(Frozen):
    """What a payer's source recommended on a *day*, and where that is kept: *document*, if taken.

    *checksum* is the SHA-256 of the document. *load_id* is the delivery that it came with.
    """

    payer: str
    day: date
    via: Via
    taken_at: datetime
    number: int
    checksum: str
    document: str
    load_id: str | None = None


class Unanswered(Frozen):
    """A source that did not answer, when, and why not; that is no word on what it recommends."""

    via: Via
    at: datetime
    reason: str


class Counts(Frozen):
    """What a snapshot made of the cases of its payer."""

    found: int = 0
    returned: int = 0
    changed: int = 0
    gone: int = 0
    unchanged: int = 0

    @property
    def changes(self) -> int:
        """How many cases are not as they were."""
        return self.found + self.returned + self.changed + self.gone

    def __add__(self, other: Self) -> Self:
        told = {
            name: getattr(self, name) + getattr(other, name) for name in type(self).model_fields
        }
        return self.model_copy(update=told)


class SnapshotDay(Entity):
    """A day of a payer: the snapshot in force, if one was taken, and who did not answer.

    *applied* is what it made of the cases, once it has.
    """

    snapshot_id: str
    payer: str
    day: date
    taken: Snapshot | None = None
    unanswered: Unanswered | None = None
    applied: Counts | None = None

    @classmethod
    def of(cls, payer: str, day: date) -> Self:
        """A day that nothing is known of yet."""
        return cls(snapshot_id=f"{payer} {day}", payer=payer, day=day)

    def with_snapshot(self, snapshot: Snapshot) -> Self:
        """The newer one is the day's. A file goes before what the API said."""
        known = self.taken
        if known is not None:
            if known.via is Via.EXPORT and snapshot.via is Via.API:
                return self
            if known.via is snapshot.via and snapshot.taken_at < known.taken_at:
                return self
            if known.checksum == snapshot.checksum:
                return self.changed(unanswered=None)
        return self.changed(taken=snapshot, unanswered=None, applied=None)

    def without_answer(self, failure: Unanswered) -> Self:
        """What was taken before on that day stays."""
        return self.changed(unanswered=failure)


class SourceState(Frozen):
    """How fresh what is known of a payer is: *age* in days; None: nothing was ever taken.

    *unanswered* is what went wrong since then.
    """

    payer: str
    taken: Snapshot | None
    age: int | None
    unanswered: Unanswered | None


def source_states(
    days: Iterable[SnapshotDay], payers: Iterable[str], today: date
) -> list[SourceState]:
    """Of each of *payers*, and of who else has a snapshot; in order of the payers."""
    by_payer: defaultdict[str, list[SnapshotDay]] = defaultdict(list)
    for one in days:
        by_payer[one.payer].append(one)
    found = []
    for payer in sorted({*payers, *by_payer}):
        taken = newest(by_payer[payer])
        failures = [one.unanswered for one in by_payer[payer] if one.unanswered is not None]
        last = max(failures, key=lambda one: one.at, default=None)
        if taken is not None and last is not None and last.at < taken.taken_at:
            last = None
        age = None if taken is None else (today - taken.day).days
        found.append(SourceState(payer=payer, taken=taken, age=age, unanswered=last))
    return found


def newest(days: Iterable[SnapshotDay]) -> Snapshot | None:
    """The snapshot of the latest day that one was taken on."""
    taken = [one.taken for one in days if one.taken is not None]
    return max(taken, key=lambda one: (one.day, one.taken_at), default=None)


class CaseChange(NamedTuple):
    """What a snapshot does to a case: *before* is None of one that is new."""

    before: Saving | None
    after: Saving

    @property
    def action(self) -> str:
        if self.before is None:
            return "Find"
        if self.before.status == self.after.status:
            return "Restate"
        return "Drop" if self.after.status is SavingStatus.GONE else "Return"

    @property
    def counts(self) -> Counts:
        match self.action:
            case "Find":
                return Counts(found=1)
            case "Drop":
                return Counts(gone=1)
            case "Return":
                return Counts(returned=1)
            case _:
                return Counts(changed=1)


def cases_of(stated: Iterable[Recommendation]) -> dict[str, list[Recommendation]]:
    """Recommendations by the case they belong to."""
    found: dict[str, list[Recommendation]] = {}
    for one in stated:
        found.setdefault(one.saving_id, []).append(one)
    return found


def reconciled(
    known: Mapping[str, Saving], stated: Iterable[Recommendation], payer: str, on: date
) -> Iterator[CaseChange]:
    """What the whole snapshot of *payer* of the day *on* changes; nothing of other payers' cases.

    What was seen on a later day stays as it is. Done twice, it changes nothing the second time.
    """
    cases = cases_of(stated)
    for saving_id, options in cases.items():
        before = known.get(saving_id)
        if before is None:
            yield CaseChange(None, Saving.found(options, payer, on))
        elif before.is_as_of(on) and (after := before.seen(options, payer, on)) != before:
            yield CaseChange(before, after)
    for saving_id, before in known.items():
        if before.payer == payer and saving_id not in cases and before.is_as_of(on):
            after = before.missing(on)
            if after != before:
                yield CaseChange(before, after)


# Sums ---------------------------------------------------------------------------------------------


class SavingSum(Frozen):
    """What some cases come to in a currency, in ticks a month; each resource once.

    *monthly_cost* is what is known of what they cost.
    """

    currency: str
    number: int
    monthly_savings: int
    monthly_cost: int


def sums(savings: Iterable[Saving]) -> list[SavingSum]:
    """*savings* added up by currency, whatever their status."""
    found: dict[str, list[int]] = {}
    for one in savings:
        counted = one.counted
        of = found.setdefault(counted.currency, [0, 0, 0])
        of[0] += 1
        of[1] += counted.monthly_savings
        of[2] += counted.monthly_cost or 0
    return [
        SavingSum(currency=currency, number=of[0], monthly_savings=of[1], monthly_cost=of[2])
        for currency, of in sorted(found.items())
    ]


def open_sums(savings: Iterable[Saving]) -> list[SavingSum]:
    """What can still be saved: nothing that is ignored, implemented or gone."""
    return sums(one for one in savings if one.is_open)
