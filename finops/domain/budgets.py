"""Budgets: the plan of a product for a year, who decides on it, and every schedule approved."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from enum import StrEnum
from typing import Annotated, Self

from pydantic import Field, field_validator

from finops.domain.audit import LONGEST_REASON
from finops.domain.errors import ConflictError, ForbiddenError, InvalidError
from finops.domain.links import must_be_safe
from finops.domain.money import text
from finops.domain.values import Entity, Frozen

MONTHS = 12

Ticks = Annotated[int, Field(ge=0)]
Months = Annotated[tuple[Ticks, ...], Field(min_length=MONTHS, max_length=MONTHS)]


class BudgetStatus(StrEnum):
    """Where a budget is on its way to an approved schedule, or to the next one."""

    NEW = "New"
    DRAFT = "Draft"
    PENDING = "Pending"
    APPROVED = "Approved"
    REJECTED = "Rejected"
    RESCHEDULE_REQUESTED = "RescheduleRequested"
    RESCHEDULING = "Rescheduling"


class Command(StrEnum):
    """What may be asked of a budget."""

    SAVE_DRAFT = "SaveDraft"
    SUBMIT = "Submit"
    APPROVE = "Approve"
    REJECT = "Reject"
    REQUEST_RESCHEDULE = "RequestReschedule"
    APPROVE_RESCHEDULE = "ApproveReschedule"
    REFUSE_RESCHEDULE = "RefuseReschedule"
    STATE_ESTIMATE = "StateEstimate"
    APPROVE_ESTIMATE = "ApproveEstimate"


OWNERS_TURN = (
    BudgetStatus.NEW,
    BudgetStatus.DRAFT,
    BudgetStatus.REJECTED,
    BudgetStatus.RESCHEDULING,
)

# What each command makes of a budget; what is not here is refused. Specification section 5.
TRANSITIONS: Mapping[tuple[BudgetStatus, Command], BudgetStatus] = {
    (BudgetStatus.NEW, Command.SAVE_DRAFT): BudgetStatus.DRAFT,
    (BudgetStatus.DRAFT, Command.SAVE_DRAFT): BudgetStatus.DRAFT,
    (BudgetStatus.DRAFT, Command.SUBMIT): BudgetStatus.PENDING,
    (BudgetStatus.PENDING, Command.APPROVE): BudgetStatus.APPROVED,
    (BudgetStatus.PENDING, Command.REJECT): BudgetStatus.REJECTED,
    (BudgetStatus.REJECTED, Command.SAVE_DRAFT): BudgetStatus.DRAFT,
    (BudgetStatus.APPROVED, Command.REQUEST_RESCHEDULE): BudgetStatus.RESCHEDULE_REQUESTED,
    (BudgetStatus.RESCHEDULE_REQUESTED, Command.APPROVE_RESCHEDULE): BudgetStatus.RESCHEDULING,
    (BudgetStatus.RESCHEDULE_REQUESTED, Command.REFUSE_RESCHEDULE): BudgetStatus.APPROVED,
    (BudgetStatus.RESCHEDULING, Command.SAVE_DRAFT): BudgetStatus.RESCHEDULING,
    (BudgetStatus.RESCHEDULING, Command.SUBMIT): BudgetStatus.PENDING,
    **{(status, Command.STATE_ESTIMATE): status for status in OWNERS_TURN},
    **{(status, Command.APPROVE_ESTIMATE): status for status in BudgetStatus},
}

# Where a schedule is in force already, work on another one goes by the name of a reschedule.
BESIDE_A_SCHEDULE = {BudgetStatus.DRAFT: BudgetStatus.RESCHEDULING}

NEED_A_REASON = frozenset({Command.REJECT, Command.REQUEST_RESCHEDULE, Command.REFUSE_RESCHEDULE})


class Schedule(Frozen):
    """Twelve months as they were approved, and the *annual* amount they had to stay within then."""

    number: int
    months: Months
    annual: Ticks
    submitted_by: str
    approved_by: str
    approved_at: datetime
    reason: str | None = None  # what the approver had to say, if anything


class Estimate(Frozen):
    """What a product is expected to cost in a month (ticks), and where that was worked out."""

    monthly: int
    url: str
    stated_by: str
    approved_by: str | None = None

    @field_validator("monthly")
    @classmethod
    def _of_zero_or_more(cls, monthly: int) -> int:
        if monthly < 0:
            raise InvalidError(f"an estimate is zero or more, not {text(monthly)}")
        return monthly

    @field_validator("url")
    @classmethod
    def _with_a_safe_link(cls, url: str) -> str:
        return must_be_safe(url)


class Budget(Entity):
    """A product's budget of a fiscal year: its draft, its status, and all its schedules.

    Months are ticks by month of the fiscal year. *draft* is what the owner works on and submits;
    *submitted_by* and *requested_by* name who did so last, *reason* is the newest that was given
    since the last approval.
    """

    product_id: str
    year: int
    status: BudgetStatus = BudgetStatus.NEW
    draft: Months | None = None
    drafted_by: str | None = None
    submitted_by: str | None = None
    submitted_at: datetime | None = None
    requested_by: str | None = None
    reason: str | None = None
    schedules: tuple[Schedule, ...] = ()  # oldest first; none ever goes or changes
    estimate: Estimate | None = None
    changed_at: datetime | None = None

    @classmethod
    def new(cls, product_id: str, year: int) -> Self:
        """The budget of a product that nobody has touched yet."""
        return cls(product_id=product_id, year=year)

    @property
    def approved(self) -> tuple[int, ...] | None:
        """The months in force."""
        return self.schedules[-1].months if self.schedules else None

    @property
    def planned(self) -> int:
        return sum(self.approved or ())

    @property
    def allowed(self) -> tuple[Command, ...]:
        """The commands that the status takes, whoever may give them."""
        return tuple(
            command
            for command in Command
            if (self.status, command) in TRANSITIONS
            and (command is not Command.APPROVE_ESTIMATE or self._waiting_estimate)
        )

    def in_force(self, at: datetime) -> Schedule | None:
        """The schedule that was in force at a moment: a variance of then is measured by it."""
        return next((some for some in reversed(self.schedules) if some.approved_at <= at), None)

    # -- the owner's -----------------------------------------------------------------------------

    def drafted(
        self,
        months: Sequence[int],
        *,
        limit: int,
        locked: Mapping[int, int],
        by: str,
        at: datetime,
    ) -> Self:
        """This budget with twelve *months* to work on, within the annual amount *limit*.

        *locked* are the closed months, by index from 0, and the amounts that they have to keep.
        """
        status = self._after(Command.SAVE_DRAFT)
        if len(months) != MONTHS:
            raise InvalidError(f"a schedule has twelve months, not {len(months)}")
        for number, amount in enumerate(months, start=1):
            if amount < 0:
                raise InvalidError(
                    f"month {number} of the year is {text(amount)}; a month is zero or more"
                )
        if wrong := _misfits(months, limit, locked):
            raise InvalidError(f"{wrong}; change the months")
        return self.changed(status=status, draft=tuple(months), drafted_by=by, changed_at=at)

    def submitted(
        self,
        *,
        limit: int,
        locked: Mapping[int, int],
        gate: int | None,
        by: str,
        at: datetime,
    ) -> Self:
        """This budget with its draft up for approval, if it still fits.

        A portfolio with a *gate* wants an estimate stated, and one of more ticks a month than the
        gate approved as well.
        """
        status = self._after(Command.SUBMIT)
        if self.draft is None:
            raise ConflictError("there are no months to submit; save a draft first")
        if wrong := _misfits(self.draft, limit, locked):
            raise ConflictError(f"{wrong}; save a draft that fits, and submit that")
        if gate is not None:
            self._must_have_its_estimate(gate)
        return self.changed(status=status, submitted_by=by, submitted_at=at, changed_at=at)

    def request_reschedule(self, *, reason: str | None, by: str, at: datetime) -> Self:
        """This budget with the wish for other months; the approved ones stay in force."""
        status = self._after(Command.REQUEST_RESCHEDULE)
        said = _reason(Command.REQUEST_RESCHEDULE, reason)
        return self.changed(status=status, requested_by=by, reason=said, changed_at=at)

    def state_estimate(self, estimate: Estimate, *, at: datetime) -> Self:
        """This budget with *estimate*, which nobody has approved yet, whatever it says."""
        status = self._after(Command.STATE_ESTIMATE)
        stated = estimate.model_copy(update={"approved_by": None})
        return self.changed(status=status, estimate=stated, changed_at=at)

    # -- the approver's --------------------------------------------------------------------------

    def approve(
        self,
        *,
        limit: int,
        locked: Mapping[int, int],
        by: str,
        at: datetime,
        reason: str | None = None,
    ) -> Self:
        """This budget with what was submitted as its newest schedule, in force from now on.

        The chart and the closed months may have moved since; both are looked at again.
        """
        status = self._after(Command.APPROVE)
        if self.draft is None or self.submitted_by is None:
            raise ConflictError("nothing was submitted that could be approved")
        _by_another(by, self.submitted_by, "submitted this schedule")
        _by_another(by, self.drafted_by, "drafted this schedule")
        said = _reason(Command.APPROVE, reason)
        if wrong := _misfits(self.draft, limit, locked):
            raise ConflictError(f"{wrong}; that has changed since: reject it to ask for a new one")
        schedule = Schedule(
            number=len(self.schedules) + 1,
            months=self.draft,
            annual=limit,
            submitted_by=self.submitted_by,
            approved_by=by,
            approved_at=at,
            reason=said,
        )
        return self.changed(
            status=status,
            draft=None,
            drafted_by=None,
            reason=None,
            schedules=(*self.schedules, schedule),
            changed_at=at,
        )

    def reject(self, *, reason: str | None, by: str, at: datetime) -> Self:
        """This budget back with its owner, the draft kept; an approved schedule stays in force."""
        status = self._after(Command.REJECT)
        _by_another(by, self.submitted_by, "submitted this schedule")
        said = _reason(Command.REJECT, reason)
        return self.changed(status=status, reason=said, changed_at=at)

    def allow_reschedule(self, *, by: str, at: datetime, reason: str | None = None) -> Self:
        """This budget with its approved months as a draft; they stay in force until the next."""
        status = self._after(Command.APPROVE_RESCHEDULE)
        _by_another(by, self.requested_by, "asked for this reschedule")
        said = _reason(Command.APPROVE_RESCHEDULE, reason)
        return self.changed(
            status=status, draft=self.approved, reason=said or self.reason, changed_at=at
        )

    def refuse_reschedule(self, *, reason: str | None, by: str, at: datetime) -> Self:
        """This budget as it was approved."""
        status = self._after(Command.REFUSE_RESCHEDULE)
        _by_another(by, self.requested_by, "asked for this reschedule")
        said = _reason(Command.REFUSE_RESCHEDULE, reason)
        return self.changed(status=status, reason=said, changed_at=at)

    def approve_estimate(self, *, by: str, at: datetime) -> Self:
        """This budget with its estimate approved; its status stays."""
        status = self._after(Command.APPROVE_ESTIMATE)
        if (waiting := self._waiting_estimate) is None:
            raise ConflictError("there is no estimate that waits for approval; state one first")
        _by_another(by, waiting.stated_by, "stated this estimate")
        known = waiting.model_copy(update={"approved_by": by})
        return self.changed(status=status, estimate=known, changed_at=at)

    # --------------------------------------------------------------------------------------------

    @property
    def _waiting_estimate(self) -> Estimate | None:
        return self.estimate if self.estimate and self.estimate.approved_by is None else None

    def _after(self, command: Command) -> BudgetStatus:
        """The status that *command* leads to, where the one of now takes it."""
        status = TRANSITIONS.get((self.status, command))
        if status is None:
            raise ConflictError(
                f"a budget that is {self.status} takes no {command}; it takes "
                f"{' or '.join(self.allowed)}"
            )
        return BESIDE_A_SCHEDULE.get(status, status) if self.schedules else status

    def _must_have_its_estimate(self, gate: int) -> None:
        if self.estimate is None:
            raise ConflictError(
                "this portfolio wants an estimate beside a schedule; state its monthly amount and "
                "its link first"
            )
        if (waiting := self._waiting_estimate) and waiting.monthly > gate:
            raise ConflictError(
                f"the estimate of {text(waiting.monthly)} a month is above {text(gate)}, from "
                "which on this portfolio approves estimates; have it approved first"
            )


def _misfits(months: Sequence[int], limit: int, locked: Mapping[int, int]) -> str | None:
    """What keeps *months* from being a schedule within *limit* that leaves closed months alone."""
    wrong: list[str] = []
    if (over := sum(months) - limit) > 0:
        wrong.append(
            f"the twelve months are {text(over)} over the annual amount, which is {text(limit)}"
        )
    wrong.extend(
        f"month {month + 1} of the year is over or closed and stays {text(amount)}, not "
        f"{text(months[month])}"
        for month, amount in sorted(locked.items())
        if months[month] != amount
    )
    return "; ".join(wrong) or None


def _reason(command: Command, reason: str | None) -> str | None:
    """*reason* as it is kept."""
    if reason is None:
        if command in NEED_A_REASON:
            raise InvalidError(f"{command} needs a reason; say why")
        return None
    said = reason.strip()
    if not 1 <= len(said) <= LONGEST_REASON:
        raise InvalidError(
            f"a reason has 1 to {LONGEST_REASON} characters, this one has {len(said)}"
        )
    return said


def _by_another(by: str, first: str | None, did: str) -> None:
    """Nobody approves their own, whatever their roles; case makes no other mail address."""
    if first is not None and by.lower() == first.lower():
        raise ForbiddenError(f"{by} {did}; somebody else decides on it")
