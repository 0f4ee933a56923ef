"""A budget goes the way of the specification, and what was approved stays as it was."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    rule,
    run_state_machine_as_test,
)
from pydantic import ValidationError

from finops.domain.budgets import TRANSITIONS, Budget, BudgetStatus, Command, Estimate, Schedule
from finops.domain.errors import ConflictError, FinOpsError, ForbiddenError, InvalidError

DAY = datetime(2026, 1, 15, 9, tzinfo=UTC)
OLA, PIA, FIN = "ola@example.org", "pia@example.org", "fin@example.org"  # owner, portfolio, finance
UNIT = 10**10
LIMIT = 1_200 * UNIT
EVEN = (100 * UNIT,) * 12
LESS = (90 * UNIT,) * 12
LINK = "https://calculator.aws/#/estimate?id=0f3a"


def estimate(monthly: int = 80 * UNIT, by: str = OLA, url: str = LINK) -> Estimate:
    return Estimate(monthly=monthly, url=url, stated_by=by)


def given_to(
    budget: Budget,
    command: Command,
    by: str,
    *,
    months: tuple[int, ...] = EVEN,
    limit: int = LIMIT,
    locked: Mapping[int, int] | None = None,
    gate: int | None = None,
    reason: str | None = "because",
    monthly: int = 80 * UNIT,
    at: datetime = DAY,
) -> Budget:
    """What *command* makes of *budget*, in the way a door would give it."""
    closed = locked or {}
    match command:
        case Command.SAVE_DRAFT:
            return budget.drafted(months, limit=limit, locked=closed, by=by, at=at)
        case Command.SUBMIT:
            return budget.submitted(limit=limit, locked=closed, gate=gate, by=by, at=at)
        case Command.APPROVE:
            return budget.approve(limit=limit, locked=closed, by=by, at=at, reason=reason)
        case Command.REJECT:
            return budget.reject(reason=reason, by=by, at=at)
        case Command.REQUEST_RESCHEDULE:
            return budget.request_reschedule(reason=reason, by=by, at=at)
        case Command.APPROVE_RESCHEDULE:
            return budget.allow_reschedule(by=by, at=at, reason=reason)
        case Command.REFUSE_RESCHEDULE:
            return budget.refuse_reschedule(reason=reason, by=by, at=at)
        case Command.STATE_ESTIMATE:
            return budget.state_estimate(estimate(monthly, by), at=at)
        case Command.APPROVE_ESTIMATE:
            return budget.approve_estimate(by=by, at=at)


def after(*steps: tuple[Command, str], budget: Budget | None = None, **told: Any) -> Budget:
    budget = budget or Budget.new("retail.digital.storefront.web-shop", 2026)
    for command, by in steps:
        budget = given_to(budget, command, by, **told)
    return budget


TO_PENDING = ((Command.SAVE_DRAFT, OLA), (Command.SUBMIT, OLA))
TO_APPROVED = (*TO_PENDING, (Command.APPROVE, PIA))
TO_REQUESTED = (*TO_APPROVED, (Command.REQUEST_RESCHEDULE, OLA))
TO_RESCHEDULING = (*TO_REQUESTED, (Command.APPROVE_RESCHEDULE, PIA))
WAYS: Mapping[BudgetStatus, tuple[tuple[Command, str], ...]] = {
    BudgetStatus.NEW: (),
    BudgetStatus.DRAFT: ((Command.SAVE_DRAFT, OLA),),
    BudgetStatus.PENDING: TO_PENDING,
    BudgetStatus.APPROVED: TO_APPROVED,
    BudgetStatus.REJECTED: (*TO_PENDING, (Command.REJECT, PIA)),
    BudgetStatus.RESCHEDULE_REQUESTED: TO_REQUESTED,
    BudgetStatus.RESCHEDULING: TO_RESCHEDULING,
}


# -- the way of a budget ----------------------------------------------------------------------


def test_a_product_that_nobody_touched_is_new_and_plans_nothing() -> None:
    budget = Budget.new("retail.digital.storefront.web-shop", 2026)

    assert (budget.status, budget.approved, budget.planned) == (BudgetStatus.NEW, None, 0)
    assert (budget.draft, budget.estimate, budget.changed_at) == (None, None, None)


def test_a_schedule_is_drafted_submitted_and_approved() -> None:
    drafted = after((Command.SAVE_DRAFT, OLA))
    pending = given_to(drafted, Command.SUBMIT, OLA, at=DAY + timedelta(days=1))
    approved = given_to(pending, Command.APPROVE, PIA, at=DAY + timedelta(days=2), reason=None)

    assert (drafted.status, drafted.draft, drafted.drafted_by) == (BudgetStatus.DRAFT, EVEN, OLA)
    assert (pending.status, pending.submitted_by) == (BudgetStatus.PENDING, OLA)
    assert pending.submitted_at == DAY + timedelta(days=1)
    assert (approved.status, approved.draft) == (BudgetStatus.APPROVED, None)
    assert approved.schedules == (
        Schedule(
            number=1,
            months=EVEN,
            annual=LIMIT,
            submitted_by=OLA,
            approved_by=PIA,
            approved_at=DAY + timedelta(days=2),
        ),
    )
    assert (approved.approved, approved.planned) == (EVEN, 1_200 * UNIT)
    assert approved.changed_at == DAY + timedelta(days=2)


def test_a_rejected_schedule_goes_back_with_the_reason_and_its_months() -> None:
    rejected = given_to(after(*TO_PENDING), Command.REJECT, PIA, reason=" too much in May\n")

    assert (rejected.status, rejected.reason) == (BudgetStatus.REJECTED, "too much in May")
    assert (rejected.draft, rejected.approved) == (EVEN, None)
    assert given_to(rejected, Command.SAVE_DRAFT, OLA).status is BudgetStatus.DRAFT


def test_the_approved_schedule_stays_in_force_while_a_reschedule_is_under_way() -> None:
    asked = given_to(after(*TO_APPROVED), Command.REQUEST_RESCHEDULE, OLA, reason="launch moved")
    allowed = given_to(asked, Command.APPROVE_RESCHEDULE, PIA, reason=None)
    drafted = given_to(allowed, Command.SAVE_DRAFT, OLA, months=LESS)
    pending = given_to(drafted, Command.SUBMIT, OLA)
    approved = given_to(pending, Command.APPROVE, PIA)

    assert [some.status for some in (asked, allowed, drafted, pending, approved)] == [
        BudgetStatus.RESCHEDULE_REQUESTED,
        BudgetStatus.RESCHEDULING,
        BudgetStatus.RESCHEDULING,
        BudgetStatus.PENDING,
        BudgetStatus.APPROVED,
    ]
    assert [some.approved for some in (asked, allowed, drafted, pending)] == [EVEN] * 4
    assert (asked.requested_by, asked.reason, allowed.reason) == (OLA, "launch moved", asked.reason)
    assert allowed.draft == EVEN  # what is in force is where the next one starts from
    assert (approved.approved, approved.planned) == (LESS, 1_080 * UNIT)
    assert [schedule.number for schedule in approved.schedules] == [1, 2]
    assert approved.schedules[0] == asked.schedules[0]


def test_a_refused_reschedule_is_the_approved_budget_and_says_why() -> None:
    refused = given_to(after(*TO_REQUESTED), Command.REFUSE_RESCHEDULE, PIA, reason="not now")

    assert (refused.status, refused.reason) == (BudgetStatus.APPROVED, "not now")
    assert refused.schedules == after(*TO_APPROVED).schedules


def test_work_on_a_rejected_reschedule_is_a_reschedule_again() -> None:
    rejected = after(*TO_RESCHEDULING, (Command.SUBMIT, OLA), (Command.REJECT, PIA))

    assert (rejected.status, rejected.approved) == (BudgetStatus.REJECTED, EVEN)
    assert given_to(rejected, Command.SAVE_DRAFT, OLA).status is BudgetStatus.RESCHEDULING


def test_the_schedule_in_force_at_a_moment_is_the_newest_approved_by_then() -> None:
    first, second = DAY, DAY + timedelta(days=60)
    budget = after(*TO_APPROVED, at=first)
    budget = after(*TO_RESCHEDULING[3:], budget=budget, at=second, months=LESS)
    budget = after((Command.SAVE_DRAFT, OLA), *TO_APPROVED[1:], budget=budget, at=second)

    assert budget.in_force(first - timedelta(seconds=1)) is None
    assert budget.in_force(first) == budget.schedules[0]
    assert budget.in_force(second - timedelta(seconds=1)) == budget.schedules[0]
    assert budget.in_force(second) == budget.schedules[1]


OWNED = (
    BudgetStatus.NEW,
    BudgetStatus.DRAFT,
    BudgetStatus.REJECTED,
    BudgetStatus.RESCHEDULING,
)
TAKEN: Mapping[Command, tuple[BudgetStatus, ...]] = {
    Command.SAVE_DRAFT: OWNED,
    Command.SUBMIT: (BudgetStatus.DRAFT, BudgetStatus.RESCHEDULING),
    Command.APPROVE: (BudgetStatus.PENDING,),
    Command.REJECT: (BudgetStatus.PENDING,),
    Command.REQUEST_RESCHEDULE: (BudgetStatus.APPROVED,),
    Command.APPROVE_RESCHEDULE: (BudgetStatus.RESCHEDULE_REQUESTED,),
    Command.REFUSE_RESCHEDULE: (BudgetStatus.RESCHEDULE_REQUESTED,),
    Command.STATE_ESTIMATE: OWNED,
    Command.APPROVE_ESTIMATE: tuple(BudgetStatus),
}


@pytest.mark.parametrize("status", list(BudgetStatus))
@pytest.mark.parametrize("command", list(Command))
def test_a_status_takes_its_commands_and_no_others(status: BudgetStatus, command: Command) -> None:
    budget = after(*WAYS[status]).changed(estimate=estimate())

    assert budget.status is status
    assert (command in budget.allowed) == (status in TAKEN[command])
    if status in TAKEN[command]:
        assert given_to(budget, command, FIN).status is TRANSITIONS[status, command]
    else:
        with pytest.raises(ConflictError, match=f"is {status} takes no {command}; it takes "):
            given_to(budget, command, FIN)


def test_a_command_out_of_turn_is_told_what_the_status_takes() -> None:
    with pytest.raises(ConflictError) as refused:
        given_to(after(*TO_PENDING), Command.SAVE_DRAFT, OLA)

    assert refused.value.detail == (
        "a budget that is Pending takes no SaveDraft; it takes Approve or Reject"
    )


def test_a_budget_that_was_never_submitted_has_nothing_to_approve() -> None:
    emptied = after(*TO_PENDING).changed(draft=None)

    with pytest.raises(ConflictError, match="nothing was submitted"):
        given_to(emptied, Command.APPROVE, PIA)
    with pytest.raises(ConflictError, match="save a draft first"):
        given_to(emptied.changed(status=BudgetStatus.DRAFT), Command.SUBMIT, OLA)


# -- months -----------------------------------------------------------------------------------


def test_months_may_be_zero_and_need_not_use_up_the_annual_amount() -> None:
    nothing = given_to(after(), Command.SAVE_DRAFT, OLA, months=(0,) * 12, limit=0)

    assert nothing.draft == (0,) * 12


def test_months_beyond_the_annual_amount_say_by_how_much() -> None:
    with pytest.raises(InvalidError) as refused:
        given_to(after(), Command.SAVE_DRAFT, OLA, limit=LIMIT - 1)

    assert refused.value.detail == (
        "the twelve months are 0.0000000001 over the annual amount, which is 1199.9999999999; "
        "change the months"
    )


@pytest.mark.parametrize("months", [(), EVEN[:11], (*EVEN, 0)])
def test_a_schedule_has_twelve_months(months: tuple[int, ...]) -> None:
    with pytest.raises(InvalidError, match=f"twelve months, not {len(months)}"):
        given_to(after(), Command.SAVE_DRAFT, OLA, months=months)


def test_a_month_is_zero_or_more() -> None:
    with pytest.raises(InvalidError, match=r"^month 2 of the year is -0\.0000000001; a month is"):
        given_to(after(), Command.SAVE_DRAFT, OLA, months=(5, -1, *EVEN[2:]))


def test_closed_months_keep_their_amounts() -> None:
    closed = {0: 100 * UNIT, 1: 90 * UNIT}

    with pytest.raises(InvalidError) as refused:
        given_to(after(), Command.SAVE_DRAFT, OLA, locked=closed)

    assert refused.value.detail == (
        "month 2 of the year is over or closed and stays 90.0000000000, not 100.0000000000; "
        "change the months"
    )
    kept = (100 * UNIT, 90 * UNIT, *EVEN[2:])
    assert given_to(after(), Command.SAVE_DRAFT, OLA, months=kept, locked=closed).draft == kept


@pytest.mark.parametrize(
    "told, wrong",
    [
        (
            {"limit": 1_000 * UNIT},
            "200.0000000000 over the annual amount, which is 1000.0000000000",
        ),
        ({"locked": {0: 0}}, "month 1 of the year is over or closed and stays 0.0000000000"),
    ],
)
def test_what_has_moved_since_the_draft_stops_submission_and_approval(
    told: dict[str, Any], wrong: str
) -> None:
    with pytest.raises(ConflictError, match=f"{wrong}.*; save a draft that fits"):
        given_to(after(*WAYS[BudgetStatus.DRAFT]), Command.SUBMIT, OLA, **told)
    with pytest.raises(ConflictError, match=f"{wrong}.*; that has changed since: reject it"):
        given_to(after(*TO_PENDING), Command.APPROVE, PIA, **told)


def test_a_schedule_keeps_the_annual_amount_of_its_approval() -> None:
    approved = given_to(after(*TO_PENDING), Command.APPROVE, PIA, limit=LIMIT + 5)

    assert approved.schedules[0].annual == LIMIT + 5


def test_a_schedule_that_is_not_twelve_months_of_zero_or_more_is_not_read_back() -> None:
    told = after(*TO_APPROVED).schedules[0].model_dump()

    for months in (EVEN[:11], (-1, *EVEN[1:])):
        with pytest.raises(ValidationError):
            Schedule.model_validate(told | {"months": months})


# -- who --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "status, command",
    [
        (BudgetStatus.PENDING, Command.APPROVE),
        (BudgetStatus.PENDING, Command.REJECT),
        (BudgetStatus.RESCHEDULE_REQUESTED, Command.APPROVE_RESCHEDULE),
        (BudgetStatus.RESCHEDULE_REQUESTED, Command.REFUSE_RESCHEDULE),
        (BudgetStatus.DRAFT, Command.APPROVE_ESTIMATE),
    ],
)
@pytest.mark.parametrize("by", [OLA, OLA.upper(), "Ola@Example.org"])
def test_nobody_decides_on_their_own(status: BudgetStatus, command: Command, by: str) -> None:
    budget = after(*WAYS[status]).changed(estimate=estimate())

    with pytest.raises(ForbiddenError, match="somebody else decides"):
        given_to(budget, command, by)


@pytest.mark.parametrize("by", ["drafter@example.org", "Drafter@Example.org"])
def test_who_drafted_a_schedule_does_not_approve_it_whoever_submitted_it(by: str) -> None:
    drafted = given_to(after(), Command.SAVE_DRAFT, "drafter@example.org")
    pending = given_to(drafted, Command.SUBMIT, OLA)

    with pytest.raises(ForbiddenError, match="drafted this schedule; somebody else decides"):
        given_to(pending, Command.APPROVE, by)
    # To send one's own work back is no approval of it.
    assert given_to(pending, Command.REJECT, by).status is BudgetStatus.REJECTED
    assert given_to(pending, Command.APPROVE, PIA).status is BudgetStatus.APPROVED


def test_who_drafted_the_schedule_before_may_approve_the_next_one() -> None:
    drafted = given_to(after(), Command.SAVE_DRAFT, "drafter@example.org")
    first = given_to(given_to(drafted, Command.SUBMIT, OLA), Command.APPROVE, PIA)
    assert first.drafted_by is None
    asked = given_to(first, Command.REQUEST_RESCHEDULE, OLA)
    allowed = given_to(asked, Command.APPROVE_RESCHEDULE, PIA)
    again = given_to(given_to(allowed, Command.SAVE_DRAFT, OLA), Command.SUBMIT, OLA)

    approved = given_to(again, Command.APPROVE, "drafter@example.org")

    assert len(approved.schedules) == 2


def test_whoever_asked_for_a_reschedule_may_decide_on_the_schedule_of_another() -> None:
    asked = after(*TO_APPROVED, (Command.REQUEST_RESCHEDULE, PIA))
    pending = after((Command.APPROVE_RESCHEDULE, FIN), (Command.SUBMIT, OLA), budget=asked)

    assert given_to(pending, Command.APPROVE, PIA).schedules[1].approved_by == PIA


# -- reasons ----------------------------------------------------------------------------------

DECISIONS = [
    (BudgetStatus.PENDING, Command.APPROVE),
    (BudgetStatus.PENDING, Command.REJECT),
    (BudgetStatus.APPROVED, Command.REQUEST_RESCHEDULE),
    (BudgetStatus.RESCHEDULE_REQUESTED, Command.APPROVE_RESCHEDULE),
    (BudgetStatus.RESCHEDULE_REQUESTED, Command.REFUSE_RESCHEDULE),
]


@pytest.mark.parametrize("status, command", DECISIONS)
@pytest.mark.parametrize("reason, length", [("", 0), (" \n", 0), ("x" * 501, 501)])
def test_a_reason_has_one_to_five_hundred_characters(
    status: BudgetStatus, command: Command, reason: str, length: int
) -> None:
    budget = after(*WAYS[status])

    with pytest.raises(InvalidError, match=f"1 to 500 characters, this one has {length}"):
        given_to(budget, command, FIN, reason=reason)
    assert given_to(budget, command, FIN, reason=" " + "x" * 500).status is not status


@pytest.mark.parametrize("status, command", DECISIONS)
def test_who_says_no_or_wants_a_change_says_why(status: BudgetStatus, command: Command) -> None:
    budget = after(*WAYS[status])

    if command in (Command.APPROVE, Command.APPROVE_RESCHEDULE):
        assert given_to(budget, command, FIN, reason=None).status is not status
    else:
        with pytest.raises(InvalidError, match=f"^{command} needs a reason"):
            given_to(budget, command, FIN, reason=None)


def test_an_approval_ends_the_reasons_before_it_and_keeps_its_own() -> None:
    rejected = given_to(after(*TO_PENDING), Command.REJECT, PIA, reason="too much in May")
    pending = after(*TO_PENDING, budget=rejected)
    approved = given_to(pending, Command.APPROVE, PIA, reason="as agreed")

    assert (pending.reason, approved.reason) == ("too much in May", None)
    assert approved.schedules[0].reason == "as agreed"


def test_what_is_said_with_an_allowance_is_the_newest_reason() -> None:
    allowed = given_to(after(*TO_REQUESTED), Command.APPROVE_RESCHEDULE, PIA, reason="not in Q4")

    assert allowed.reason == "not in Q4"


# -- estimates --------------------------------------------------------------------------------


def test_an_estimate_is_stated_and_approved_by_another() -> None:
    stated = after((Command.STATE_ESTIMATE, OLA))
    approved = given_to(stated, Command.APPROVE_ESTIMATE, PIA)

    assert (stated.status, stated.estimate) == (BudgetStatus.NEW, estimate())
    assert approved.estimate == estimate().model_copy(update={"approved_by": PIA})
    assert approved.status is BudgetStatus.NEW


def test_a_new_estimate_is_not_approved_by_the_approval_of_the_one_before() -> None:
    approved = after((Command.STATE_ESTIMATE, OLA), (Command.APPROVE_ESTIMATE, PIA))
    smuggled = estimate(90 * UNIT).model_copy(update={"approved_by": PIA})

    assert approved.state_estimate(smuggled, at=DAY).estimate == estimate(90 * UNIT)


def test_an_estimate_that_is_missing_or_approved_already_waits_for_nobody() -> None:
    approved = after((Command.STATE_ESTIMATE, OLA), (Command.APPROVE_ESTIMATE, PIA))

    for budget in (after(), approved):
        assert Command.APPROVE_ESTIMATE not in budget.allowed
        with pytest.raises(ConflictError, match="no estimate that waits"):
            given_to(budget, Command.APPROVE_ESTIMATE, FIN)


@pytest.mark.parametrize(
    "monthly, approved, gate, missing",
    [
        (None, False, None, None),
        (None, False, 50, "wants an estimate"),
        (50, False, 50, None),
        (51, False, 50, r"the estimate of 0\.0000000051 a month is above 0\.0000000050"),
        (51, True, 50, None),
        (51, False, None, None),
        (0, False, 0, None),
    ],
)
def test_a_portfolio_may_want_an_estimate_and_a_large_one_approved(
    monthly: int | None, approved: bool, gate: int | None, missing: str | None
) -> None:
    budget = after((Command.SAVE_DRAFT, OLA))
    if monthly is not None:
        budget = given_to(budget, Command.STATE_ESTIMATE, OLA, monthly=monthly)
    if approved:
        budget = given_to(budget, Command.APPROVE_ESTIMATE, PIA)

    if missing:
        with pytest.raises(ConflictError, match=missing):
            given_to(budget, Command.SUBMIT, OLA, gate=gate)
    else:
        assert given_to(budget, Command.SUBMIT, OLA, gate=gate).status is BudgetStatus.PENDING


@pytest.mark.parametrize(
    "url",
    [
        "https://calculator.aws/#/estimate?id=0f3a",
        "HTTPS://wiki.example.org:8443/sizing",
        "https://example.org?id=1",
        "https://bücher.example",
    ],
)
def test_an_estimate_links_to_where_it_was_worked_out(url: str) -> None:
    assert estimate(url=url).url == url


@pytest.mark.parametrize(
    "url",
    [
        "",
        "calculator.aws",
        "http://calculator.aws",
        "javascript:alert(1)//https://calculator.aws",
        " https://calculator.aws",
        "https://",
        "https:///estimate",
        "https://calculator.aws@elsewhere.example/",
        "https://calculator.aws\\@elsewhere.example/",
        "https://calculator.aws/a b",
        "https://calculator.aws/\n",
        "https://calculator.aws/\x00",
        "https://calculator.aws/" + "x" * 2_000,
    ],
)
def test_a_link_that_is_not_https_or_hides_where_it_leads_is_refused(url: str) -> None:
    with pytest.raises(InvalidError, match="is no link to an estimate"):
        estimate(url=url)


def test_an_estimate_is_zero_or_more() -> None:
    with pytest.raises(InvalidError, match=r"not -0\.0000000001"):
        estimate(-1)


# -- whatever happens -------------------------------------------------------------------------

WITH_DRAFT = {
    BudgetStatus.DRAFT,
    BudgetStatus.PENDING,
    BudgetStatus.REJECTED,
    BudgetStatus.RESCHEDULING,
}
BEFORE_ANY_SCHEDULE = {BudgetStatus.NEW, BudgetStatus.DRAFT}
AFTER_A_SCHEDULE = {
    BudgetStatus.APPROVED,
    BudgetStatus.RESCHEDULE_REQUESTED,
    BudgetStatus.RESCHEDULING,
}
PEOPLE = st.sampled_from([OLA, OLA.upper(), PIA, "Pia@Example.org", FIN])
TWELVE = st.lists(st.integers(0, 4), min_size=12, max_size=12).map(tuple)
OWN = {
    Command.APPROVE: "submitted_by",
    Command.REJECT: "submitted_by",
    Command.APPROVE_RESCHEDULE: "requested_by",
    Command.REFUSE_RESCHEDULE: "requested_by",
}


class YearOfABudget(RuleBasedStateMachine):
    """Anybody gives any command, while the chart moves the limit and months are closed."""

    def __init__(self) -> None:
        super().__init__()
        self.budget = Budget.new("retail.digital.storefront.web-shop", 2026)
        self.limit = 48
        self.locked: dict[int, int] = {}
        self.clock = DAY
        self.approved: list[bytes] = []

    @initialize(months=TWELVE, some=st.integers(0, 3))
    def some_steps_were_taken(self, months: tuple[int, ...], some: int) -> None:
        for command, by in TO_APPROVED[:some]:
            self.give(command, by, months=months)

    @rule(limit=st.integers(30, 60))
    def the_chart_moves_the_limit(self, limit: int) -> None:
        self.limit = limit

    @rule()
    def the_next_month_is_closed(self) -> None:
        month = len(self.locked)
        if month < 12:
            self.locked[month] = (self.budget.approved or (0,) * 12)[month]

    @rule(chosen=st.data(), by=PEOPLE, months=TWELVE)
    def somebody_goes_on(self, chosen: st.DataObject, by: str, months: tuple[int, ...]) -> None:
        """With the command that is next, and with closed months as they have to be."""
        next_ones = [some for some in self.budget.allowed if "Estimate" not in some]
        kept = (*self.locked.values(), *months[len(self.locked) :])
        self.give(chosen.draw(st.sampled_from(next_ones)), by, months=kept)

    @rule(
        command=st.sampled_from(Command),
        by=PEOPLE,
        months=TWELVE | st.lists(st.integers(-1, 9), max_size=13).map(tuple),
        gate=st.none() | st.just(3),
        reason=st.none() | st.text(),
        monthly=st.integers(0, 6),
    )
    def somebody_tries(self, command: Command, by: str, **told: Any) -> None:
        self.give(command, by, **told)

    def give(self, command: Command, by: str, **told: Any) -> None:
        before, saved = self.budget, self.budget.model_dump_json()
        self.clock += timedelta(hours=1)
        told |= {"limit": self.limit, "locked": self.locked, "at": self.clock}
        try:
            self.budget = given_to(before, command, by, **told)
        except FinOpsError:
            assert self.budget.model_dump_json() == saved
        else:
            self.obeys(before, command, by)

    def obeys(self, before: Budget, command: Command, by: str) -> None:
        assert before.status in TAKEN[command]
        if command in OWN:
            assert by.lower() != getattr(before, OWN[command]).lower()
        if command is Command.APPROVE:
            newest = self.budget.schedules[-1]
            assert (newest.months, newest.annual) == (before.draft, self.limit)
            assert sum(newest.months) <= self.limit
            assert all(newest.months[month] == kept for month, kept in self.locked.items())
            assert self.budget.in_force(self.clock) == newest
            self.approved.append(newest.model_dump_json().encode())
        else:
            assert self.budget.approved == before.approved
        assert self.budget.changed_at == self.clock

    @invariant()
    def schedules_only_grow_and_keep_their_bytes(self) -> None:
        kept = [schedule.model_dump_json().encode() for schedule in self.budget.schedules]
        assert kept == self.approved
        assert [schedule.number for schedule in self.budget.schedules] == [
            number for number, _ in enumerate(kept, start=1)
        ]

    @invariant()
    def its_state_is_a_legal_one(self) -> None:
        budget = self.budget
        assert (budget.draft is not None) == (budget.status in WITH_DRAFT)
        assert not (budget.schedules and budget.status in BEFORE_ANY_SCHEDULE)
        assert budget.schedules or budget.status not in AFTER_A_SCHEDULE
        assert budget.planned == sum(budget.approved or ())
        assert Budget.model_validate_json(budget.model_dump_json()) == budget
        assert budget.allowed

    @invariant()
    def nobody_approved_their_own(self) -> None:
        for schedule in self.budget.schedules:
            assert schedule.approved_by.lower() != schedule.submitted_by.lower()
        stated = self.budget.estimate
        if stated and stated.approved_by:
            assert stated.approved_by.lower() != stated.stated_by.lower()


def test_any_commands_by_anybody_leave_a_legal_budget_and_every_schedule_as_it_was() -> None:
    run_state_machine_as_test(
        YearOfABudget,
        settings=settings(max_examples=40, stateful_step_count=40, deadline=None, derandomize=True),
    )


@settings(max_examples=100, deadline=None, derandomize=True)
@given(
    st.lists(st.integers(0, 9), min_size=12, max_size=12).map(tuple),
    st.integers(0, 108),
    st.dictionaries(st.integers(0, 11), st.integers(0, 9), max_size=2),
)
def test_months_are_taken_exactly_where_they_fit(
    months: tuple[int, ...], limit: int, locked: dict[int, int]
) -> None:
    fit = sum(months) <= limit and all(months[month] == kept for month, kept in locked.items())

    try:
        drafted = given_to(
            after(), Command.SAVE_DRAFT, OLA, months=months, limit=limit, locked=locked
        )
    except InvalidError:
        assert not fit
    else:
        assert fit
        assert drafted.draft == months
