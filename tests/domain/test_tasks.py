"""Tasks: what a budget waits for, who owes it, and what becomes of it when nobody is there."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, date, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from finops.domain.authorization import Action, may
from finops.domain.budgets import Budget, BudgetStatus, Command, Estimate, Schedule
from finops.domain.charts import Chart, Product, Step
from finops.domain.elements import ancestors, level
from finops.domain.people import Holders, Person, PersonStatus, Role, holders
from finops.domain.tasks import (
    STEPS,
    MissingOwner,
    Task,
    TaskKind,
    appointments,
    missing_owners,
    tasks_on,
    together,
)

some = settings(max_examples=100, deadline=None, derandomize=True)

NOW = datetime(2026, 5, 14, 9, tzinfo=UTC)
TODAY = date(2026, 5, 15)
JANUARY, MAY_15, MAY_16, JULY = (
    date(2026, 1, 1),
    TODAY,
    date(2026, 5, 16),
    date(2026, 7, 1),
)
WEB_SHOP = "retail.digital.storefront.web-shop"
APP = "retail.digital.storefront.app"
STOREFRONT, DIGITAL, RETAIL = "retail.digital.storefront", "retail.digital", "retail"

OLA = Person(email="ola@example.org", role=Role.PRODUCT_OWNER, scope=(WEB_SHOP,))
PIA = Person(email="pia@example.org", role=Role.PORTFOLIO_OWNER, scope=(STOREFRONT,))
DEB = Person(email="deb@example.org", role=Role.DEPARTMENT_OWNER, scope=(DIGITAL,))
BEN = Person(email="ben@example.org", role=Role.BUSINESS_UNIT_OWNER, scope=(RETAIL,))
FIN = Person(email="fin@example.org", role=Role.FINANCIAL_ADMIN)
VIC = Person(email="vic@example.org", role=Role.VENDOR_MANAGER)
CLO = Person(email="clo@example.org", role=Role.CLOUD_ENGINEER)
EVERYBODY = (OLA, PIA, DEB, BEN, FIN, VIC, CLO)


def held_by(*people: Person) -> dict[str, frozenset[str]]:
    """Each of *people* holds what they have."""
    return {element: frozenset({one.email}) for one in people for element in one.scope}


HELD = held_by(OLA, PIA, DEB, BEN)


def tasks(of_year: Chart, budgets: Mapping[str, Budget], held: Holders, on: date) -> Iterator[Task]:
    """What waits in a year, by product."""
    for one in of_year.products:
        yield from tasks_on(one, of_year.year, budgets.get(one.id), held, on)


def product(element: str = WEB_SHOP, *steps: tuple[date, int | None]) -> Product:
    e1, e2, e3, e4 = element.split(".")
    return Product(
        id=element,
        names=(e1, e2, e3, e4),
        steps=tuple(Step(start=start, annual=annual) for start, annual in steps)
        or (Step(start=JANUARY, annual=1_200),),
    )


def chart(*products: Product, year: int = 2026) -> Chart:
    return Chart(
        year=year,
        first_month=1,
        labels=("Unit", "Department", "Portfolio", "Product"),
        products=tuple(sorted(products, key=lambda one: one.id)),
    )


def budget(status: BudgetStatus, *, planned: int = 0, waiting: bool | None = None) -> Budget:
    """One whose approved months are *planned* altogether; *waiting*: its estimate is, for approval."""
    schedule = Schedule(
        number=1,
        months=(planned, *(0,) * 11),
        annual=planned,
        submitted_by=OLA.email,
        approved_by=PIA.email,
        approved_at=NOW,
    )
    estimate = Estimate(
        monthly=5,
        url="https://calculator.aws",
        stated_by=OLA.email,
        approved_by=None if waiting else PIA.email,
    )
    return Budget(
        product_id=WEB_SHOP,
        year=2026,
        status=status,
        schedules=(schedule,) if planned else (),
        estimate=None if waiting is None else estimate,
        changed_at=NOW,
    )


def of_web_shop(
    one: Budget | None, held: Holders = HELD, *steps: tuple[date, int | None]
) -> list[Task]:
    budgets = {WEB_SHOP: one} if one else {}
    return list(tasks(chart(product(WEB_SHOP, *steps)), budgets, held, TODAY))


def owing(task: Task, people: Sequence[Person] = EVERYBODY) -> list[str]:
    return [person.email[:3] for person in people if task.is_for(person)]


# What a budget waits for -------------------------------------------------------------------------


@pytest.mark.parametrize(
    "status, kind, step_of, who",
    [
        (BudgetStatus.NEW, TaskKind.DRAFT_SCHEDULE, 4, "ola"),
        (BudgetStatus.DRAFT, TaskKind.SUBMIT_SCHEDULE, 4, "ola"),
        (BudgetStatus.PENDING, TaskKind.DECIDE_SCHEDULE, 3, "pia"),
        (BudgetStatus.REJECTED, TaskKind.CORRECT_SCHEDULE, 4, "ola"),
        (BudgetStatus.RESCHEDULE_REQUESTED, TaskKind.DECIDE_RESCHEDULE, 3, "pia"),
        (BudgetStatus.RESCHEDULING, TaskKind.RESCHEDULE, 4, "ola"),
    ],
)
def test_each_status_waits_for_one_step_of_one_owner(
    status: BudgetStatus, kind: TaskKind, step_of: int, who: str
) -> None:
    (task,) = of_web_shop(budget(status))

    assert task == Task(
        kind=kind,
        element=WEB_SHOP,
        year=2026,
        level=step_of,
        owed_at=step_of,
        owed_by=WEB_SHOP if step_of == 4 else STOREFRONT,
        since=NOW,
    )
    assert not task.is_escalated
    assert owing(task) == [who]


def test_an_approved_budget_waits_for_nothing() -> None:
    assert of_web_shop(budget(BudgetStatus.APPROVED, planned=1_200)) == []
    assert set(BudgetStatus) - set(STEPS) == {BudgetStatus.APPROVED}


def test_a_product_that_nobody_touched_waits_for_its_first_draft() -> None:
    (task,) = of_web_shop(None)

    assert (task.kind, task.since) == (TaskKind.DRAFT_SCHEDULE, None)


def test_tasks_come_by_product_and_a_budget_is_of_its_own_product() -> None:
    plan = chart(product(WEB_SHOP), product(APP), product("wholesale.a.b.c"))

    found = list(tasks(plan, {WEB_SHOP: budget(BudgetStatus.PENDING)}, HELD, TODAY))

    assert [(task.element, task.kind) for task in found] == [
        (APP, TaskKind.DRAFT_SCHEDULE),
        (WEB_SHOP, TaskKind.DECIDE_SCHEDULE),
        ("wholesale.a.b.c", TaskKind.DRAFT_SCHEDULE),
    ]


@pytest.mark.parametrize(
    "steps, waits",
    [
        ([(JANUARY, 1_200)], True),
        ([(JANUARY, 1_200), (JULY, None)], True),  # ends in summer
        ([(JANUARY, 1_200), (MAY_16, None)], True),  # today is its last day
        ([(JANUARY, 1_200), (MAY_15, None)], False),  # yesterday was
        ([(JANUARY, 1_200), (JANUARY, None)], False),
        ([(JULY, 1_200)], True),  # can be planned already
        ([(JANUARY, 1_200), (MAY_15, None), (JULY, 600)], True),  # comes back
        ([(JULY, None)], False),  # never was
        ([(JANUARY, 0)], True),  # of nothing, but alive
    ],
)
def test_a_product_that_has_ended_owes_nothing(
    steps: list[tuple[date, int | None]], waits: bool
) -> None:
    for one in (None, budget(BudgetStatus.DRAFT, waiting=True)):
        assert bool(of_web_shop(one, HELD, *steps)) is waits


# Plans above the annual amount -------------------------------------------------------------------


@pytest.mark.parametrize(
    "planned, steps, is_flagged",
    [
        (1_200, [(JANUARY, 1_200)], False),
        (1_201, [(JANUARY, 1_200)], True),
        (1_200, [(JANUARY, 1_200), (MAY_15, 1_199)], True),  # cut from today on
        (1_200, [(JANUARY, 1_200), (MAY_16, 1_199)], False),  # not cut before tomorrow
        (1_200, [(JANUARY, 1_199), (MAY_15, 1_200)], False),
        (1_201, [(JULY, 1_200)], True),
        (1, [(JANUARY, 0)], True),
    ],
)
def test_a_plan_above_the_annual_amount_is_for_its_owner_to_fit(
    planned: int, steps: list[tuple[date, int | None]], is_flagged: bool
) -> None:
    found = of_web_shop(budget(BudgetStatus.APPROVED, planned=planned), HELD, *steps)

    assert [task.kind for task in found] == [TaskKind.FIT_SCHEDULE] * is_flagged
    assert [owing(task) for task in found] == [["ola"]] * is_flagged


@pytest.mark.parametrize("status", [status for status in BudgetStatus if status in STEPS])
def test_work_on_another_schedule_is_what_fits_a_plan_unless_it_is_only_asked_for(
    status: BudgetStatus,
) -> None:
    found = of_web_shop(budget(status, planned=1_201))

    is_asked_for = status is BudgetStatus.RESCHEDULE_REQUESTED
    assert [task.kind for task in found] == [
        STEPS[status][0],
        *[TaskKind.FIT_SCHEDULE] * is_asked_for,
    ]


# Estimates ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", BudgetStatus)
def test_an_estimate_waits_for_its_approval_beside_whatever_else_waits(
    status: BudgetStatus,
) -> None:
    beside = of_web_shop(budget(status))

    found = of_web_shop(budget(status, waiting=True))

    assert found[:-1] == beside == of_web_shop(budget(status, waiting=False))
    assert (found[-1].kind, found[-1].level) == (TaskKind.APPROVE_ESTIMATE, 3)
    assert owing(found[-1]) == ["pia"]


def test_one_product_may_wait_for_people_of_two_roles() -> None:
    draft, estimate = of_web_shop(budget(BudgetStatus.DRAFT, waiting=True))

    assert (owing(draft), owing(estimate)) == (["ola"], ["pia"])


# Who owes it -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "gone, planner, decider",
    [
        ([], "ola", "pia"),
        ([WEB_SHOP], "pia", "pia"),
        ([STOREFRONT], "ola", "deb"),
        ([WEB_SHOP, STOREFRONT], "deb", "deb"),
        ([STOREFRONT, DIGITAL], "ola", "ben"),
        ([WEB_SHOP, STOREFRONT, DIGITAL], "ben", "ben"),
        ([WEB_SHOP, STOREFRONT, DIGITAL, RETAIL], "fin", "fin"),
    ],
)
def test_a_step_goes_up_one_level_at_a_time_and_ends_with_the_financial_admins(
    gone: list[str], planner: str, decider: str
) -> None:
    people = [person for person in EVERYBODY if not set(person.scope) & set(gone)]
    held = holders(people)

    (plan,) = of_web_shop(budget(BudgetStatus.DRAFT), held)
    (decision,) = of_web_shop(budget(BudgetStatus.PENDING), held)

    assert (owing(plan, people), owing(decision, people)) == ([planner], [decider])
    assert plan.is_escalated == (planner != "ola")
    assert decision.is_escalated == (decider != "pia")
    assert (plan.level, decision.level) == (4, 3)
    assert plan.owed_by == ".".join(WEB_SHOP.split(".")[: plan.owed_at])


def test_all_holders_of_an_element_owe_it_and_nobody_beside() -> None:
    both = OLA.changed(email="two@example.org", scope=(APP, WEB_SHOP))
    beside = OLA.changed(email="not@example.org", scope=(APP,))
    alike = OLA.changed(email="nor@example.org", scope=(f"{WEB_SHOP}-2",))
    wrong = PIA.changed(email="nix@example.org", scope=(WEB_SHOP,))  # no level of that role

    (task,) = of_web_shop(budget(BudgetStatus.DRAFT))

    assert owing(task, (OLA, both, beside, alike, wrong)) == ["ola", "two"]


def test_a_task_belongs_to_the_element_and_a_new_holder_finds_it() -> None:
    (task,) = of_web_shop(budget(BudgetStatus.DRAFT))
    app_owner = OLA.changed(email="new@example.org", scope=(APP,))

    left = OLA.remapped(Role.PRODUCT_OWNER, (APP,), NOW)
    came = app_owner.remapped(Role.PRODUCT_OWNER, (WEB_SHOP,), NOW)

    assert owing(task, (OLA, app_owner)) == ["ola"]
    assert owing(task, (left, came)) == ["new"]
    assert of_web_shop(budget(BudgetStatus.DRAFT), holders([left, came, PIA])) == [task]


def test_whoever_is_suspended_owes_nothing() -> None:
    found = [
        *of_web_shop(budget(BudgetStatus.DRAFT, waiting=True)),
        *of_web_shop(budget(BudgetStatus.DRAFT), {}),
        *appointments(missing_owners(of_web_shop(None, {}))),
    ]

    for task in found:
        assert owing(task)
        assert owing(task, [person.suspended(NOW) for person in EVERYBODY]) == []


def test_financial_admins_get_what_nobody_else_has_and_nothing_more() -> None:
    (held,) = of_web_shop(budget(BudgetStatus.DRAFT))
    (unheld,) = of_web_shop(budget(BudgetStatus.DRAFT), {})

    assert (unheld.owed_at, unheld.owed_by) == (0, "")
    assert "fin" not in owing(held)
    assert owing(unheld) == ["fin"]


# Somebody else decides ---------------------------------------------------------------------------


def of_two_people(author: Person) -> list[Budget]:
    """What waits to be decided on, each the work of *author*: a plan, a request, an estimate."""
    estimate = Estimate(monthly=5, url="https://calculator.aws", stated_by=author.email)
    return [
        budget(BudgetStatus.PENDING).changed(submitted_by=author.email),
        budget(BudgetStatus.RESCHEDULE_REQUESTED).changed(requested_by=author.email),
        budget(BudgetStatus.APPROVED).changed(estimate=estimate),
    ]


@pytest.mark.parametrize(
    "author, decider", [(OLA, "pia"), (PIA, "deb"), (DEB, "pia"), (FIN, "pia"), (VIC, "pia")]
)
def test_what_is_to_be_decided_goes_past_whoever_made_it(author: Person, decider: str) -> None:
    for one in of_two_people(author):
        (task,) = of_web_shop(one)

        assert (task.author, owing(task)) == (author.email, [decider])


def test_a_decision_stays_with_the_others_who_hold_the_element() -> None:
    ann = PIA.changed(email="ann@example.org")
    people = [OLA, PIA, ann, DEB]

    for one in of_two_people(PIA):
        (task,) = of_web_shop(one, holders(people))

        assert (task.owed_at, task.is_escalated) == (3, False)
        assert owing(task, people) == ["ann"]


def test_a_financial_admin_decides_on_nothing_of_their_own() -> None:
    other = FIN.changed(email="pen@example.org")

    for one in of_two_people(FIN):
        (task,) = of_web_shop(one, {})

        assert owing(task, [FIN, other]) == ["pen"]


def test_who_submitted_or_asked_before_still_plans() -> None:
    """A budget remembers who submitted; only what is to be decided is for somebody else."""
    for status in (BudgetStatus.REJECTED, BudgetStatus.RESCHEDULING):
        again = budget(status).changed(submitted_by=OLA.email, requested_by=OLA.email)
        (task,) = of_web_shop(again)

        assert (task.author, owing(task)) == (None, ["ola"])


def test_a_plan_and_its_estimate_may_be_the_work_of_two() -> None:
    one = budget(BudgetStatus.PENDING, waiting=True).changed(submitted_by=PIA.email)

    decision, estimate = of_web_shop(one)

    assert (decision.author, owing(decision)) == (PIA.email, ["deb"])
    assert (estimate.author, owing(estimate)) == (OLA.email, ["pia"])


# Missing owners ----------------------------------------------------------------------------------


def test_elements_that_nobody_holds_are_listed_with_who_has_their_tasks_meanwhile() -> None:
    plan = chart(product(WEB_SHOP), product(APP), product("retail.digital.stores.tills"))
    budgets = {WEB_SHOP: budget(BudgetStatus.DRAFT, waiting=True)}

    held = {DIGITAL: frozenset({DEB.email}), APP: frozenset({OLA.email, CLO.email})}
    found = list(tasks(plan, budgets, held, TODAY))

    assert missing_owners(found) == [
        MissingOwner(element=STOREFRONT, year=2026, level=3, goes_to=DIGITAL, tasks=1),
        MissingOwner(element=WEB_SHOP, year=2026, level=4, goes_to=DIGITAL, tasks=1),
        MissingOwner(
            element="retail.digital.stores.tills", year=2026, level=4, goes_to=DIGITAL, tasks=1
        ),
    ]


def test_a_portfolio_without_an_owner_counts_what_waits_for_one() -> None:
    plan = chart(product(WEB_SHOP), product(APP))
    pending = budget(BudgetStatus.PENDING, waiting=True)

    held = dict.fromkeys((WEB_SHOP, APP), frozenset({OLA.email}))
    found = list(tasks(plan, {WEB_SHOP: pending, APP: pending}, held, TODAY))

    assert missing_owners(found) == [
        MissingOwner(element=STOREFRONT, year=2026, level=3, goes_to="", tasks=4)
    ]


def test_an_element_that_nobody_holds_is_not_missed_before_something_waits_there() -> None:
    assert missing_owners(of_web_shop(budget(BudgetStatus.APPROVED, planned=5), {})) == []
    assert missing_owners(of_web_shop(budget(BudgetStatus.DRAFT), held_by(OLA))) == []
    assert missing_owners([]) == []


def test_an_owner_who_is_missing_in_two_years_is_listed_for_each() -> None:
    years = [chart(product(WEB_SHOP), year=year) for year in (2027, 2026)]

    found = [task for one in years for task in tasks(one, {}, held_by(PIA), TODAY)]

    assert [(one.year, one.goes_to) for one in missing_owners(found)] == [
        (2026, STOREFRONT),
        (2027, STOREFRONT),
    ]


def test_cloud_engineers_are_asked_to_appoint_who_is_missing() -> None:
    missing = missing_owners(of_web_shop(budget(BudgetStatus.DRAFT, waiting=True), {}))

    found = list(appointments(missing))

    assert [(task.kind, task.element, task.year) for task in found] == [
        (TaskKind.APPOINT_OWNER, STOREFRONT, 2026),
        (TaskKind.APPOINT_OWNER, WEB_SHOP, 2026),
    ]
    for task in found:
        assert owing(task) == ["clo"]
        assert not task.is_escalated
        assert missing_owners([task]) == []  # nobody is missing to appoint somebody


# Whoever is there --------------------------------------------------------------------------------

PRODUCTS = (WEB_SHOP, APP, "retail.digital.stores.tills", "retail-x.digital.storefront.web-shop")
ELEMENTS = sorted({above for one in PRODUCTS for above in ancestors(one)} - {""})
PLAN = chart(*map(product, PRODUCTS))
STEP_ACTIONS = {4: Action.PLAN_BUDGET, 3: Action.DECIDE_BUDGET}
BUDGETS = st.dictionaries(
    st.sampled_from(PRODUCTS),
    st.builds(
        budget,
        st.sampled_from(BudgetStatus),
        planned=st.sampled_from([0, 1_200, 1_201]),
        waiting=st.none() | st.booleans(),
    ),
)
BY_WHOM = st.sampled_from([None, *(f"{number}@example.org" for number in range(6)), FIN.email])


@st.composite
def crowds(draw: st.DrawFn) -> list[Person]:
    """People with scopes that fit their roles, and two financial admins."""
    crowd = [FIN, FIN.changed(email="pen@example.org")]
    for number, role in enumerate(draw(st.lists(st.sampled_from(Role), max_size=6))):
        own = [element for element in ELEMENTS if level(element) == role.level]
        scope = draw(st.lists(st.sampled_from(own), max_size=2)) if own else []
        status = draw(st.sampled_from(PersonStatus))
        crowd.append(
            Person(email=f"{number}@example.org", role=role, scope=tuple(scope), status=status)
        )
    return crowd


@some
@given(crowds(), BUDGETS, BY_WHOM, BY_WHOM)
def test_every_task_is_for_somebody_and_whoever_it_is_for_may_do_it(
    crowd: list[Person], budgets: dict[str, Budget], submitter: str | None, asker: str | None
) -> None:
    made = {
        id_: one.changed(submitted_by=submitter, requested_by=asker) for id_, one in budgets.items()
    }
    for task in tasks(PLAN, made, holders(crowd), TODAY):
        owing_it = [person for person in crowd if task.is_for(person)]
        action = STEP_ACTIONS[task.level]

        assert owing_it
        assert {person.role.level for person in owing_it} == {task.owed_at}
        allowed = [
            person
            for person in crowd
            if may(person, action, task.element, owed_at=task.owed_at, author=task.author)
        ]
        assert [person for person in owing_it if person not in allowed] == []
        # And who may, without owing it, answers for all budgets.
        assert {person.role for person in allowed if person not in owing_it} <= {
            Role.FINANCIAL_ADMIN,
            Role.VENDOR_MANAGER,
        }


def test_who_submitted_is_not_missing() -> None:
    (task,) = of_web_shop(budget(BudgetStatus.PENDING).changed(submitted_by=PIA.email))

    assert owing(task) == ["deb"]
    assert missing_owners([task]) == []


@some
@given(crowds(), BUDGETS)
def test_missing_owners_count_every_task_that_went_up_once(
    crowd: list[Person], budgets: dict[str, Budget]
) -> None:
    held = holders(crowd)

    found = list(tasks(PLAN, budgets, held, TODAY))

    missing = missing_owners(found)
    assert sum(one.tasks for one in missing) == sum(task.is_escalated for task in found)
    assert [one for one in missing if held.get(one.element)] == []
    assert [one for one in missing if one.goes_to and not held.get(one.goes_to)] == []
    assert [one.element for one in missing] == sorted({one.element for one in missing})


@pytest.mark.parametrize("status", STEPS)
def test_whoever_owes_the_step_of_a_status_has_a_command_for_it(status: BudgetStatus) -> None:
    commands = {Command.SAVE_DRAFT, Command.SUBMIT, Command.APPROVE, Command.APPROVE_RESCHEDULE}

    assert set(budget(status).allowed) & commands


def test_what_its_only_holder_submitted_is_decided_by_somebody_who_finds_it() -> None:
    crowd = [PIA, DEB, FIN]  # nobody holds the product, so that Pia planned and submitted
    pending = budget(BudgetStatus.PENDING).changed(submitted_by=PIA.email)

    (task,) = of_web_shop(pending, holders(crowd))

    assert owing(task, crowd) == ["deb"]
    assert [
        may(person, Action.DECIDE_BUDGET, WEB_SHOP, owed_at=task.owed_at, author=task.author)
        for person in crowd
    ] == [False, True, True]


def test_what_waits_at_an_element_for_two_reasons_is_counted_once_each() -> None:
    def missing(element: str, tasks: int) -> MissingOwner:
        return MissingOwner(element=element, year=2026, level=4, goes_to="a.b.c", tasks=tasks)

    found = together([missing("a.b.c.y", 1), missing("a.b.c.x", 2)], [missing("a.b.c.y", 3)])

    assert found == [missing("a.b.c.x", 2), missing("a.b.c.y", 4)]
