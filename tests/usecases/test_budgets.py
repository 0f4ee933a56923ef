"""Budgets: every command by every role, and what happens when two come at once."""

from collections.abc import Callable
from datetime import date, timedelta

import pytest

from finops.domain.audit import findings
from finops.domain.authorization import Action, may
from finops.domain.budgets import TRANSITIONS, Budget, BudgetStatus, Command
from finops.domain.errors import ConflictError, ForbiddenError, InvalidError, NotFoundError
from finops.domain.people import Person, PersonStatus, Role
from finops.usecases.budgets import (
    ACTIONS,
    EVENTS,
    allowed_commands,
    decide,
    save_draft,
    see_budget,
    see_gate,
    seen_budgets,
    set_gate,
    state_estimate,
    versions,
)
from tests.usecases.organisation import (
    CHECKOUT,
    LOANS,
    NOW,
    SEARCH,
    STOREFRONT,
    TILLS,
    TODAY,
    UNIT,
    WEB_SHOP,
    Organisation,
    act,
    chart_csv,
)

MONTHS = (100 * UNIT,) * 12
URL = "https://calculator.aws/#/estimate"
NEW, DRAFT, PENDING, APPROVED, REJECTED, REQUESTED, RESCHEDULING = BudgetStatus
# Commands that lead from nothing to a status, given by a planner and a decider.
WAYS: dict[BudgetStatus, tuple[Command, ...]] = {
    NEW: (),
    DRAFT: (Command.SAVE_DRAFT,),
    PENDING: (Command.SAVE_DRAFT, Command.SUBMIT),
    APPROVED: (Command.SAVE_DRAFT, Command.SUBMIT, Command.APPROVE),
    REJECTED: (Command.SAVE_DRAFT, Command.SUBMIT, Command.REJECT),
    REQUESTED: (
        *(Command.SAVE_DRAFT, Command.SUBMIT, Command.APPROVE),
        Command.REQUEST_RESCHEDULE,
    ),
    RESCHEDULING: (
        *(Command.SAVE_DRAFT, Command.SUBMIT, Command.APPROVE),
        *(Command.REQUEST_RESCHEDULE, Command.APPROVE_RESCHEDULE),
    ),
}


@pytest.fixture
def organisation() -> Organisation:
    made = Organisation()
    made.drop()
    return made


@pytest.fixture
def staff(organisation: Organisation) -> dict[Role, Person]:
    return organisation.staff()


def give(
    organisation: Organisation,
    command: Command,
    by: Person,
    product: str = WEB_SHOP,
    version: int | None = None,
) -> Budget:
    """*command* by somebody, on the budget as it is."""
    known = organisation.budgets.find(product, 2026)
    at = (known.version if known else 0) if version is None else version
    desk = organisation.desk
    done = act(by.email, reason="because")
    if command is Command.SAVE_DRAFT:
        return save_draft(product, 2026, MONTHS, at, by=by, desk=desk, act=done)
    if command is Command.STATE_ESTIMATE:
        return state_estimate(product, 2026, UNIT, URL, at, by=by, desk=desk, act=done)
    return decide(product, 2026, command, at, by=by, desk=desk, act=done)


def lead(organisation: Organisation, status: BudgetStatus, *, estimate: bool = False) -> Budget:
    """The budget of the web shop in *status*, by two admins whom nobody else is."""
    planner, decider = (
        organisation.people.find(name) or organisation.hire(name, Role.FINANCIAL_ADMIN)
        for name in ("planner@example.com", "decider@example.com")
    )
    if estimate:
        give(organisation, Command.STATE_ESTIMATE, planner)
    for command in WAYS[status]:
        by = planner if ACTIONS[command] is Action.PLAN_BUDGET else decider
        give(organisation, command, by)
    return organisation.budgets.find(WEB_SHOP, 2026) or Budget.new(WEB_SHOP, 2026)


FITTING = {
    command: next(
        status for status in (APPROVED, *BudgetStatus) if (status, command) in TRANSITIONS
    )
    for command in Command
}


# By whom ------------------------------------------------------------------------------------------


def owing(command: Command, held: set[int]) -> int:
    """The level that owes a command: its own, or the next one above that somebody holds."""
    natural = 4 if ACTIONS[command] is Action.PLAN_BUDGET else 3
    return next((level for level in range(natural, 0, -1) if level in held), 0)


OWNERS = {role.level: role for role in Role if role.level}


@pytest.mark.parametrize("held", [{1, 2, 3, 4}, {1, 2, 3}, {1, 2, 4}, {1, 2}, {1}, {4}, set()])
@pytest.mark.parametrize("command", Command)
@pytest.mark.parametrize("role", Role)
def test_a_step_is_for_who_owes_it_and_for_those_of_all_budgets(
    organisation: Organisation, role: Role, command: Command, held: set[int]
) -> None:
    is_estimate = command is Command.APPROVE_ESTIMATE
    lead(organisation, DRAFT if is_estimate else FITTING[command], estimate=is_estimate)
    staff = organisation.staff()
    for level, owner in OWNERS.items():
        if level not in held:
            one = staff[owner]
            organisation.records.states[f"person#{one.email}"] = one.changed(
                status=PersonStatus.SUSPENDED
            )
    # Who asks has the rights of a moment ago, whatever became of them: rights are kept a while.
    by = staff[role]
    expected = role in (Role.FINANCIAL_ADMIN, Role.VENDOR_MANAGER) or (
        bool(role.level) and role.level == owing(command, held)
    )
    before = len(organisation.records)
    found = see_budget(WEB_SHOP, 2026, TODAY, by=by, desk=organisation.desk)
    assert (command in allowed_commands(found, by=by, people=organisation.people)) is expected

    if expected:
        after = give(organisation, command, by)
        newest = list(organisation.audit.chain(f"budget#2026#{WEB_SHOP}"))[-1]
        assert (newest.action, newest.event, newest.actor, newest.element) == (
            command.value,
            EVENTS[command],
            by.email,
            WEB_SHOP,
        )
        assert newest.sequence == after.version
    else:
        with pytest.raises(ForbiddenError):
            give(organisation, command, by)
        assert len(organisation.records) == before


@pytest.mark.parametrize("command", Command)
def test_a_product_outside_the_scope_is_not_there(
    organisation: Organisation, command: Command
) -> None:
    by = organisation.hire("loans@example.com", Role.PRODUCT_OWNER, [LOANS])

    with pytest.raises(NotFoundError):
        give(organisation, command, by)


@pytest.mark.parametrize(
    "command, status",
    [
        (Command.APPROVE, PENDING),
        (Command.REJECT, PENDING),
        (Command.APPROVE_RESCHEDULE, REQUESTED),
        (Command.REFUSE_RESCHEDULE, REQUESTED),
        (Command.APPROVE_ESTIMATE, DRAFT),
    ],
)
def test_nobody_decides_on_their_own_work_also_not_a_financial_admin(
    organisation: Organisation, command: Command, status: BudgetStatus
) -> None:
    found = lead(organisation, status, estimate=True)
    planner = organisation.people.find("planner@example.com")
    assert planner is not None

    with pytest.raises(ForbiddenError):
        give(organisation, command, planner)

    assert organisation.budgets.find(WEB_SHOP, 2026) == found
    on_desk = see_budget(WEB_SHOP, 2026, TODAY, by=planner, desk=organisation.desk)
    assert command not in allowed_commands(on_desk, by=planner, people=organisation.people)


OUT_OF_TURN = [(s, c) for s in BudgetStatus for c in Command if (s, c) not in TRANSITIONS]


@pytest.mark.parametrize("status, command", OUT_OF_TURN)
def test_a_command_out_of_turn_is_told_and_changes_nothing(
    organisation: Organisation, status: BudgetStatus, command: Command
) -> None:
    lead(organisation, status)
    before = len(organisation.records)
    admin = organisation.hire("third@example.com", Role.FINANCIAL_ADMIN)

    with pytest.raises(ConflictError, match=f"that is {status} takes no {command}"):
        give(organisation, command, admin)

    assert len(organisation.records) == before + 1  # the third was hired


# Two at once --------------------------------------------------------------------------------------


def test_of_two_who_decide_at_once_one_is_told_what_the_other_did(
    organisation: Organisation, staff: dict[Role, Person]
) -> None:
    lead(organisation, PENDING)
    portfolio, admin = staff[Role.PORTFOLIO_OWNER], staff[Role.FINANCIAL_ADMIN]
    organisation.records.meanwhile.append(lambda: give(organisation, Command.REJECT, admin))

    with pytest.raises(ConflictError) as told:
        give(organisation, Command.APPROVE, portfolio)

    assert told.value.members["current"].status is REJECTED
    assert organisation.budgets.find(WEB_SHOP, 2026) == told.value.members["current"]


def test_two_first_drafts_at_once_are_one(
    organisation: Organisation, staff: dict[Role, Person]
) -> None:
    owner, admin = staff[Role.PRODUCT_OWNER], staff[Role.FINANCIAL_ADMIN]
    organisation.records.meanwhile.append(lambda: give(organisation, Command.SAVE_DRAFT, admin))

    with pytest.raises(ConflictError) as told:
        give(organisation, Command.SAVE_DRAFT, owner)

    assert told.value.members["current"].drafted_by == admin.email


@pytest.mark.parametrize("version", [0, 1, 3])
def test_a_stale_version_is_told_with_what_is_there(
    organisation: Organisation, staff: dict[Role, Person], version: int
) -> None:
    known = lead(organisation, PENDING)

    with pytest.raises(ConflictError, match="has changed since you read it") as told:
        give(organisation, Command.APPROVE, staff[Role.PORTFOLIO_OWNER], version=version)

    assert told.value.members["current"] == known


# A year of it -------------------------------------------------------------------------------------


def test_a_budget_goes_from_new_to_a_second_schedule(
    organisation: Organisation, staff: dict[Role, Person]
) -> None:
    owner, portfolio = staff[Role.PRODUCT_OWNER], staff[Role.PORTFOLIO_OWNER]
    for command, by in [
        (Command.SAVE_DRAFT, owner),
        (Command.SUBMIT, owner),
        (Command.REJECT, portfolio),
        (Command.SAVE_DRAFT, owner),
        (Command.SUBMIT, owner),
        (Command.APPROVE, portfolio),
        (Command.REQUEST_RESCHEDULE, owner),
        (Command.APPROVE_RESCHEDULE, portfolio),
        (Command.SAVE_DRAFT, owner),
        (Command.SUBMIT, owner),
        (Command.APPROVE, portfolio),
    ]:
        budget = give(organisation, command, by)

    assert (budget.status, len(budget.schedules), budget.version) == (APPROVED, 2, 11)
    told = versions(WEB_SHOP, 2026, by=owner, desk=organisation.desk, audit=organisation.audit)
    assert [one.version for one, _ in told] == list(range(1, 12))
    assert [record.action for _, record in told][-1] == "Approve"
    assert told[-1][0].schedules == budget.schedules
    records = [record for _, record in told]
    assert findings(f"budget#2026#{WEB_SHOP}", records, budget) == []


@pytest.mark.parametrize(
    "today, locked",
    [
        (date(2025, 12, 31), 0),  # the year has not begun
        (date(2026, 1, 31), 0),
        (date(2026, 3, 10), 2),
        (date(2026, 12, 31), 11),
        (date(2027, 1, 1), 12),
    ],
)
def test_months_that_are_over_are_locked_once_a_schedule_is_approved(
    organisation: Organisation, today: date, locked: int
) -> None:
    lead(organisation, PENDING)
    admin = organisation.hire("third@example.com", Role.FINANCIAL_ADMIN)

    def seen() -> dict[int, int]:
        return see_budget(WEB_SHOP, 2026, today, by=admin, desk=organisation.desk).locked(today)

    assert seen() == {}  # nothing is approved yet: all of the year is planned
    give(organisation, Command.APPROVE, admin)
    assert seen() == dict.fromkeys(range(locked), 100 * UNIT)


def test_a_reschedule_leaves_the_months_that_are_over_as_they_were(
    organisation: Organisation, staff: dict[Role, Person]
) -> None:
    """It is March: what was approved for January and February is what they are measured by."""
    known = lead(organisation, RESCHEDULING)

    def save(months: tuple[int, ...]) -> Budget:
        return save_draft(
            *(WEB_SHOP, 2026, months, known.version),
            by=staff[Role.PRODUCT_OWNER],
            desk=organisation.desk,
            act=act(),
        )

    with pytest.raises(InvalidError, match="month 2 of the year is over or closed and stays 100"):
        save((100 * UNIT, 0, *MONTHS[2:]))
    kept = (*MONTHS[:2], 50 * UNIT, *MONTHS[3:])
    assert save(kept).draft == kept


@pytest.mark.parametrize("command", [Command.SUBMIT, Command.APPROVE])
def test_what_was_drafted_before_a_month_was_over_is_drafted_again(
    organisation: Organisation, command: Command
) -> None:
    known = lead(organisation, RESCHEDULING)
    planner = organisation.people.find("planner@example.com")
    assert planner is not None
    march = (*MONTHS[:2], 0, *MONTHS[3:])
    desk = organisation.desk
    save_draft(WEB_SHOP, 2026, march, known.version, by=planner, desk=desk, act=act(planner.email))
    if command is Command.APPROVE:
        give(organisation, Command.SUBMIT, planner)
    other = organisation.hire("third@example.com", Role.FINANCIAL_ADMIN)
    version = known.version + (2 if command is Command.APPROVE else 1)
    april = act(other.email, NOW + timedelta(days=30))

    with pytest.raises(ConflictError, match="month 3 of the year is over or closed and stays 100"):
        decide(WEB_SHOP, 2026, command, version, by=other, desk=desk, act=april)


def test_who_drafted_a_schedule_does_not_approve_what_another_submitted(
    organisation: Organisation, staff: dict[Role, Person]
) -> None:
    drafter = staff[Role.FINANCIAL_ADMIN]
    give(organisation, Command.SAVE_DRAFT, drafter)
    give(organisation, Command.SUBMIT, staff[Role.PRODUCT_OWNER])

    with pytest.raises(ForbiddenError):
        give(organisation, Command.APPROVE, drafter)
    on_desk = see_budget(WEB_SHOP, 2026, TODAY, by=drafter, desk=organisation.desk)
    allowed = allowed_commands(on_desk, by=drafter, people=organisation.people)
    assert Command.APPROVE not in allowed
    assert give(organisation, Command.APPROVE, staff[Role.VENDOR_MANAGER]).status is APPROVED


def test_a_product_that_starts_later_is_planned_before_it_does(organisation: Organisation) -> None:
    organisation.drop(
        "Acme_2026_false_2026-07-01_false_Budget_v1.csv",
        chart_csv({("Retail", "Digital", "Payments", "Wallet"): "600"}),
    )
    admin = organisation.hire("third@example.com", Role.FINANCIAL_ADMIN)
    wallet = "retail.digital.payments.wallet"
    months = (0,) * 6 + (100 * UNIT,) * 6

    assert see_budget(wallet, 2026, TODAY, by=admin, desk=organisation.desk).limit == 600 * UNIT
    saved = save_draft(wallet, 2026, months, 0, by=admin, desk=organisation.desk, act=act())
    assert saved.draft == months
    with pytest.raises(InvalidError, match="over the annual amount"):
        save_draft(
            *(wallet, 2026, (1, *months[1:]), 1),
            by=admin,
            desk=organisation.desk,
            act=act(),
        )


@pytest.mark.parametrize(
    "command", [Command.REJECT, Command.REQUEST_RESCHEDULE, Command.REFUSE_RESCHEDULE]
)
def test_what_needs_a_reason_is_not_done_without(
    organisation: Organisation, command: Command
) -> None:
    known = lead(organisation, FITTING[command])
    admin = organisation.hire("third@example.com", Role.FINANCIAL_ADMIN)

    for reason in (None, "   "):
        with pytest.raises(InvalidError, match="reason"):
            decide(
                *(WEB_SHOP, 2026, command, known.version),
                by=admin,
                desk=organisation.desk,
                act=act(reason=reason),
            )


def test_a_draft_stays_within_what_the_chart_says_today(organisation: Organisation) -> None:
    organisation.drop(
        "Acme_2026_false_2026-07-01_false_Budget_v1.csv",
        chart_csv({("Retail", "Digital", "Storefront", "Web shop"): "600"}),
    )
    admin = organisation.hire("third@example.com", Role.FINANCIAL_ADMIN)
    give(organisation, Command.SAVE_DRAFT, admin)  # in March 1200 are in force
    later = act(at=NOW + timedelta(days=120))

    with pytest.raises(InvalidError, match="over the annual amount"):
        save_draft(WEB_SHOP, 2026, MONTHS, 1, by=admin, desk=organisation.desk, act=later)
    with pytest.raises(ConflictError, match="over the annual amount"):
        decide(WEB_SHOP, 2026, Command.SUBMIT, 1, by=admin, desk=organisation.desk, act=later)


def test_a_product_that_no_chart_has_is_not_there(organisation: Organisation) -> None:
    admin = organisation.hire("third@example.com", Role.FINANCIAL_ADMIN)

    for product in (f"{STOREFRONT}.nothing", STOREFRONT, "retail"):
        with pytest.raises(NotFoundError):
            see_budget(product, 2026, TODAY, by=admin, desk=organisation.desk)
    with pytest.raises(NotFoundError):
        see_budget(WEB_SHOP, 2030, TODAY, by=admin, desk=organisation.desk)


# Listed -------------------------------------------------------------------------------------------


def test_budgets_are_listed_by_scope_status_and_element(
    organisation: Organisation, staff: dict[Role, Person]
) -> None:
    lead(organisation, PENDING)

    def seen(role: Role, status: BudgetStatus | None = None, under: str = "") -> list[str]:
        found = seen_budgets(
            2026, by=staff[role], desk=organisation.desk, status=status, under=under
        )
        return [product.id for product in found.products]

    assert seen(Role.FINANCIAL_ADMIN) == [LOANS, CHECKOUT, SEARCH, WEB_SHOP, TILLS]
    assert seen(Role.FINANCIAL_ADMIN, PENDING) == [WEB_SHOP]
    assert seen(Role.FINANCIAL_ADMIN, NEW, "retail.digital") == [CHECKOUT, SEARCH]
    assert seen(Role.DEPARTMENT_OWNER) == [CHECKOUT, SEARCH, WEB_SHOP]
    assert seen(Role.DEPARTMENT_OWNER, under="bank") == []
    assert seen(Role.PRODUCT_OWNER) == [WEB_SHOP]


# Gates --------------------------------------------------------------------------------------------


def _gate(organisation: Organisation, monthly: int | None, by: Person, version: int = 0) -> object:
    return set_gate(STOREFRONT, monthly, version, by=by, desk=organisation.desk, act=act(by.email))


@pytest.mark.parametrize("role", Role)
def test_a_gate_is_set_by_who_holds_the_portfolio_or_all_the_money(
    organisation: Organisation, staff: dict[Role, Person], role: Role
) -> None:
    expected = may(staff[role], Action.SET_GATE, STOREFRONT)
    assert expected is (role in (Role.FINANCIAL_ADMIN, Role.VENDOR_MANAGER, Role.PORTFOLIO_OWNER))

    if expected:
        _gate(organisation, UNIT, staff[role])
        gate = see_gate(STOREFRONT, by=staff[role], budgets=organisation.budgets)
        assert (gate.monthly, gate.version) == (UNIT, 1)
    else:
        with pytest.raises((ForbiddenError, NotFoundError)):
            _gate(organisation, UNIT, staff[role])


def test_a_gate_that_changed_meanwhile_is_told(
    organisation: Organisation, staff: dict[Role, Person]
) -> None:
    fin, owner = staff[Role.FINANCIAL_ADMIN], staff[Role.PORTFOLIO_OWNER]
    first = _gate(organisation, 1, fin)
    with pytest.raises(ConflictError) as stale:
        _gate(organisation, 2, owner)
    organisation.records.meanwhile.append(lambda: _gate(organisation, 3, fin, 1))
    with pytest.raises(ConflictError) as raced:
        _gate(organisation, 4, owner, 1)

    assert stale.value.members["current"] == first
    assert raced.value.members["current"].monthly == 3


@pytest.mark.parametrize(
    "element, error",
    [("retail.x.y", NotFoundError), ("retail", InvalidError), (WEB_SHOP, InvalidError)],
)
def test_only_a_portfolio_of_a_chart_has_a_gate(
    organisation: Organisation, staff: dict[Role, Person], element: str, error: type[Exception]
) -> None:
    with pytest.raises(error, match="portfolio"):
        set_gate(
            *(element, 1, 0),
            by=staff[Role.FINANCIAL_ADMIN],
            desk=organisation.desk,
            act=act(),
        )


def test_behind_a_gate_a_large_estimate_is_approved_before_a_schedule_is_submitted(
    organisation: Organisation, staff: dict[Role, Person]
) -> None:
    owner, portfolio = staff[Role.PRODUCT_OWNER], staff[Role.PORTFOLIO_OWNER]
    _gate(organisation, UNIT - 1, portfolio)
    submit: Callable[[], Budget] = lambda: give(organisation, Command.SUBMIT, owner)  # noqa: E731
    give(organisation, Command.SAVE_DRAFT, owner)
    with pytest.raises(ConflictError, match="wants an estimate"):
        submit()
    give(organisation, Command.STATE_ESTIMATE, owner)
    with pytest.raises(ConflictError, match="have it approved first"):
        submit()
    give(organisation, Command.APPROVE_ESTIMATE, portfolio)

    assert submit().status is PENDING


def test_a_lifted_gate_demands_nothing(
    organisation: Organisation, staff: dict[Role, Person]
) -> None:
    owner, portfolio = staff[Role.PRODUCT_OWNER], staff[Role.PORTFOLIO_OWNER]
    _gate(organisation, 0, portfolio)
    _gate(organisation, None, portfolio, 1)
    give(organisation, Command.SAVE_DRAFT, owner)

    assert give(organisation, Command.SUBMIT, owner).status is PENDING
