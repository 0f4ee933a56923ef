"""Tasks: the step each budget waits for, and who owes it. They belong to elements, not to people."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from datetime import date, datetime
from enum import StrEnum

from finops.domain.budgets import Budget, BudgetStatus
from finops.domain.charts import Product
from finops.domain.people import Holders, Person, Role, owed_at
from finops.domain.values import Frozen


class TaskKind(StrEnum):
    """What is to be done."""

    DRAFT_SCHEDULE = "DraftSchedule"
    SUBMIT_SCHEDULE = "SubmitSchedule"
    DECIDE_SCHEDULE = "DecideSchedule"
    CORRECT_SCHEDULE = "CorrectSchedule"
    DECIDE_RESCHEDULE = "DecideReschedule"
    RESCHEDULE = "Reschedule"
    FIT_SCHEDULE = "FitSchedule"
    APPROVE_ESTIMATE = "ApproveEstimate"
    APPOINT_OWNER = "AppointOwner"


# The step that a budget of this status waits for, and the level whose step it is.
STEPS: Mapping[BudgetStatus, tuple[TaskKind, int]] = {
    BudgetStatus.NEW: (TaskKind.DRAFT_SCHEDULE, 4),
    BudgetStatus.DRAFT: (TaskKind.SUBMIT_SCHEDULE, 4),
    BudgetStatus.PENDING: (TaskKind.DECIDE_SCHEDULE, 3),
    BudgetStatus.REJECTED: (TaskKind.CORRECT_SCHEDULE, 4),
    BudgetStatus.RESCHEDULE_REQUESTED: (TaskKind.DECIDE_RESCHEDULE, 3),
    BudgetStatus.RESCHEDULING: (TaskKind.RESCHEDULE, 4),
}


class Task(Frozen):
    """A step on *element* (a product, or the element without an owner) of a fiscal year.

    *level* is the one whose step it is, *owed_at* the one that owes it now: where nobody holds the
    element, the level above; 0 are the financial admins. *owed_by* is the element at that level.
    """

    kind: TaskKind
    element: str
    year: int
    level: int
    owed_at: int
    owed_by: str
    since: datetime | None = None
    author: str | None = None  # of what is to be decided: it is for somebody else
    is_unowned: bool = False  # nobody at all holds the element whose step it is

    @property
    def is_escalated(self) -> bool:
        return self.owed_at < self.level

    def is_for(self, person: Person) -> bool:
        """Whether *person* is one of those who owe it."""
        if person.is_suspended or person.email == self.author:
            return False
        if self.kind is TaskKind.APPOINT_OWNER:
            return person.role is Role.CLOUD_ENGINEER
        if self.owed_at == 0:
            return person.role is Role.FINANCIAL_ADMIN
        return person.role.level == self.owed_at and self.owed_by in person.scope


class MissingOwner(Frozen):
    """An element that nobody holds while something waits there; *goes_to* is who has it meanwhile."""

    element: str
    year: int
    level: int
    goes_to: str
    tasks: int


def tasks_on(
    product: Product, year: int, budget: Budget | None, held: Holders, on: date
) -> Iterator[Task]:
    """What waits on one product; one that has ended owes nothing.

    *held* says who holds each element (`people.holders`).
    """
    if not product.lives_from(on):
        return
    status = budget.status if budget else BudgetStatus.NEW
    since = budget.changed_at if budget else None
    if status in STEPS:
        yield _task(*STEPS[status], product.id, year, held, since, _author(budget))
    if budget is None:
        return
    limit = product.limit(on)
    is_settled = status in (BudgetStatus.APPROVED, BudgetStatus.RESCHEDULE_REQUESTED)
    if is_settled and limit is not None and budget.planned > limit:
        yield _task(TaskKind.FIT_SCHEDULE, 4, product.id, year, held, since)
    if budget.estimate is not None and budget.estimate.approved_by is None:
        by = budget.estimate.stated_by
        yield _task(TaskKind.APPROVE_ESTIMATE, 3, product.id, year, held, since, by)


def _author(budget: Budget | None) -> str | None:
    """Whose work waits to be decided on."""
    if budget is None:
        return None
    match budget.status:
        case BudgetStatus.PENDING:
            return budget.submitted_by
        case BudgetStatus.RESCHEDULE_REQUESTED:
            return budget.requested_by
        case _:
            return None


def missing_owners(found: Iterable[Task]) -> list[MissingOwner]:
    """The elements whose steps went up because nobody holds them, by id."""
    counts: Counter[tuple[str, int, int, str]] = Counter()
    for task in found:
        if task.is_unowned:
            own = ".".join(task.element.split(".")[: task.level])
            counts[own, task.year, task.level, task.owed_by] += 1
    return _counted(counts)


def _counted(counts: Mapping[tuple[str, int, int, str], int]) -> list[MissingOwner]:
    return [
        MissingOwner(element=element, year=year, level=level, goes_to=goes_to, tasks=waiting)
        for (element, year, level, goes_to), waiting in sorted(counts.items())
    ]


def together(*groups: Iterable[MissingOwner]) -> list[MissingOwner]:
    """All of them, by id; what waits at one element is counted once."""
    counts: Counter[tuple[str, int, int, str]] = Counter()
    for group in groups:
        for one in group:
            counts[one.element, one.year, one.level, one.goes_to] += one.tasks
    return _counted(counts)


def appointments(missing: Iterable[MissingOwner]) -> Iterator[Task]:
    """What missing owners ask of the cloud engineers, by year and element."""
    for year, element in sorted({(one.year, one.element) for one in missing}):
        yield Task(
            kind=TaskKind.APPOINT_OWNER,
            element=element,
            year=year,
            level=0,
            owed_at=0,
            owed_by="",
        )


def _task(
    kind: TaskKind,
    level: int,
    product: str,
    year: int,
    held: Holders,
    since: datetime | None,
    author: str | None = None,
) -> Task:
    owed = owed_at(product, level, held, author)
    return Task(
        kind=kind,
        element=product,
        year=year,
        level=level,
        owed_at=owed,
        owed_by=".".join(product.split(".")[:owed]),
        since=since,
        author=author,
        is_unowned=owed_at(product, level, held) < level,
    )
