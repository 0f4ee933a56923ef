"""The door to people: oneself, one's tasks, everybody's roles and scopes, and missing owners."""

from collections.abc import Sequence
from http import HTTPStatus
from typing import Annotated, Any

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.event_handler.openapi.params import Path, Query
from aws_lambda_powertools.logging import correlation_paths
from aws_lambda_powertools.utilities.typing import LambdaContext
from pydantic import BaseModel, ConfigDict, Field

from finops.domain.accounts import AccountTask
from finops.domain.allocation_tasks import AllocationTask
from finops.domain.people import PersonStatus, Role
from finops.domain.saving_tasks import SavingTask
from finops.domain.tasks import MissingOwner
from finops.runtime import settings, wiring
from finops.runtime.observability import logger, now
from finops.runtime.rest import (
    READ,
    VERSIONED,
    WRITE,
    Cursor,
    Limit,
    Reason,
    act,
    answer,
    as_csv,
    as_entity,
    as_json,
    caller,
    instead_of_ok,
    page,
    rest_api,
    version,
    wants_csv,
)
from finops.usecases import organisation_views, people
from finops.usecases.card_tasks import OwedCard
from finops.usecases.organisation_views import shown
from finops.usecases.people import Wanted
from finops.usecases.tasks import Owed, seen_missing_owners, tasks_of

app = rest_api()

Email = Annotated[str, Path(description="The mail address", max_length=254)]


@app.get("/me", summary="Oneself", tags=["People"], operation_id="get_me", responses=READ)
def get_me() -> Response[Any]:
    """The caller's role and scope, the labels of the levels this year, and how many tasks wait."""
    by = caller(app)
    found, owed = tasks_of(now().date(), by=by, office=wiring.office())
    years = sorted(found.charts)
    chart = found.charts[years[0]] if years else None
    named = [
        organisation_views.element(chart, element)
        for element in by.scope
        if chart is not None and chart.products_under(element)
    ]
    body = {
        **shown(by),
        "elements": named,
        "labels": organisation_views.labels(chart),
        "open_tasks": len(owed),
    }
    return as_entity(by, body)


@app.get(
    "/tasks",
    summary="What the caller owes",
    tags=["People"],
    operation_id="get_tasks",
    responses=READ,
)
def get_tasks(limit: Limit = 100, cursor: Cursor = None) -> Response[Any]:
    """Steps that wait for the caller, what accounts need of them, who is to pay, cards, and savings.

    Who is to pay: accounts without a split in force, splits that end with the fiscal year, credits
    that a bill names and nobody has mapped. Cards are of months that are open, the newest six, also
    of whom the caller stands in for. Savings wait to be implemented, each by itself, or to be decided
    on: those of 100 a month or more, all of a currency in one task. CSV by `Accept: text/csv`.
    """
    found, owed = tasks_of(now().date(), by=caller(app), office=wiring.office())
    some, following = page(owed, limit, cursor, _task_key)
    items = [organisation_views.task(task, found.named) for task in some]
    return _listed(items, following, organisation_views.TASK_COLUMNS)


@app.get(
    "/missing-owners",
    summary="Elements that nobody holds",
    tags=["People"],
    operation_id="get_missing_owners",
    responses=READ,
)
def get_missing_owners(limit: Limit = 100, cursor: Cursor = None) -> Response[Any]:
    """Where a step waits and nobody holds the element: how many, and to whom they go meanwhile."""
    found, missing = seen_missing_owners(now().date(), by=caller(app), office=wiring.office())
    some, following = page(missing, limit, cursor, _missing_key)
    items = [organisation_views.missing_owner(one, found.named) for one in some]
    return _listed(items, following, organisation_views.MISSING_COLUMNS)


@app.get(
    "/people",
    summary="Who is here",
    tags=["People"],
    operation_id="get_people",
    responses=READ,
)
def get_people(
    role: Annotated[Role | None, Query(description="Only this role")] = None,
    status: Annotated[PersonStatus | None, Query(description="Only this status")] = None,
    element: Annotated[
        str | None, Query(description="Only who holds this element", max_length=250)
    ] = None,
    limit: Limit = 100,
    cursor: Cursor = None,
) -> Response[Any]:
    """Everybody the caller may see, by address; CSV by `Accept: text/csv`."""
    found = [
        person
        for person in people.seen_people(by=caller(app), people=wiring.people())
        if role in (None, person.role)
        and status in (None, person.status)
        and (element is None or element in person.scope)
    ]
    some, following = page(found, limit, cursor, lambda person: person.email)
    people_shown = [shown(person) for person in some]
    return _listed(people_shown, following, organisation_views.PERSON_COLUMNS)


class Invitation(BaseModel):
    """Somebody to invite: one role, and elements of its level."""

    model_config = ConfigDict(extra="forbid")

    email: Annotated[str, Field(max_length=254)]
    role: Role
    scope: Annotated[list[str], Field(max_length=500)] = []
    name: Annotated[str | None, Field(max_length=120)] = None


@app.post(
    "/people",
    summary="Invite somebody",
    tags=["People"],
    operation_id="post_person",
    responses=instead_of_ok(WRITE, 201, "Invited; the mail follows"),
)
def post_person(invitation: Invitation) -> Response[Any]:
    """The record is made at once; the sign-in and the invitation mail follow within seconds."""
    person = people.invite(
        Wanted(**invitation.model_dump()),
        by=caller(app),
        people=wiring.people(),
        charts=wiring.charts(),
        act=act(app, status=HTTPStatus.CREATED),
    )
    return as_entity(person, shown(person), status=HTTPStatus.CREATED)


@app.get(
    "/people/<email>",
    summary="One person",
    tags=["People"],
    operation_id="get_person",
    responses=READ,
)
def get_person(email: Email) -> Response[Any]:
    """Role, scope and status."""
    person = people.seen_person(email, by=caller(app), people=wiring.people())
    return as_entity(person, shown(person))


class Remapping(BaseModel):
    """What somebody shall be from now on."""

    model_config = ConfigDict(extra="forbid")

    role: Role
    scope: Annotated[list[str], Field(max_length=500)] = []
    name: Annotated[str | None, Field(max_length=120)] = None
    reason: Reason = None


@app.put(
    "/people/<email>",
    summary="Change a role or a scope",
    tags=["People"],
    operation_id="put_person",
    responses=VERSIONED,
)
def put_person(email: Email, remapping: Remapping) -> Response[Any]:
    """Tasks belong to elements: what waited for the one before is the next holder's at once."""
    person = people.remap(
        Wanted(email=email, **remapping.model_dump(exclude={"reason"})),
        version(app),
        by=caller(app),
        people=wiring.people(),
        charts=wiring.charts(),
        act=act(app, remapping.reason),
    )
    return as_entity(person, shown(person))


class Why(BaseModel):
    """The reason of a step."""

    model_config = ConfigDict(extra="forbid")

    reason: Reason = None


@app.post(
    "/people/<email>/suspension",
    summary="Suspend somebody",
    tags=["People"],
    operation_id="post_suspension",
    responses=VERSIONED,
)
def post_suspension(email: Email, why: Why) -> Response[Any]:
    """No right from now on (within a minute everywhere); the sign-in is closed."""
    person = people.suspend(
        email, version(app), by=caller(app), people=wiring.people(), act=act(app, why.reason)
    )
    return as_entity(person, shown(person))


@app.delete(
    "/people/<email>/suspension",
    summary="Restore somebody",
    tags=["People"],
    operation_id="delete_suspension",
    responses=VERSIONED,
)
def delete_suspension(email: Email) -> Response[Any]:
    """As they were before they were suspended."""
    person = people.restore(
        email, version(app), by=caller(app), people=wiring.people(), act=act(app)
    )
    return as_entity(person, shown(person))


@app.post(
    "/people/<email>/reminders",
    summary="Send an invitation again",
    tags=["People"],
    operation_id="post_reminder",
    responses=VERSIONED,
)
def post_reminder(email: Email) -> Response[Any]:
    """For somebody who was invited and has not come yet."""
    person = people.remind(
        email, version(app), by=caller(app), people=wiring.people(), act=act(app)
    )
    return as_entity(person, shown(person))


class PeopleFile(BaseModel):
    """A file of people, as text."""

    model_config = ConfigDict(extra="forbid")

    csv: Annotated[
        str,
        Field(
            max_length=1_000_000,
            description="Columns email, role, scope (elements with `;` between), name",
        ),
    ]
    dry_run: Annotated[bool, Field(description="Report only; change nothing")] = True


@app.post(
    "/people-loads",
    summary="Invite and remap many",
    tags=["People"],
    operation_id="post_people_load",
    responses=WRITE,
)
def post_people_load(file: PeopleFile) -> Response[Any]:
    """A file with an error changes nobody: every row is named. The same file again changes nobody."""
    report = people.load_people(
        file.csv,
        dry_run=file.dry_run,
        by=caller(app),
        people=wiring.people(),
        charts=wiring.charts(),
        act=act(app).model_copy(update={"receipt": None}),  # the same file again changes nobody
    )
    return as_json(report.model_dump(mode="json"))


def _task_key(task: Owed) -> str:
    """In the order of the list: a year comes before the word."""
    if isinstance(task, AccountTask):
        since = task.since.isoformat(timespec="microseconds")
        return f"account {since} {task.account_id} {task.kind}"
    if isinstance(task, AllocationTask):
        since = task.since.isoformat(timespec="microseconds")
        return f"allocation {since} {task.kind} {task.about}"
    if isinstance(task, OwedCard):
        since = task.since.isoformat(timespec="microseconds")
        card = task.card
        return f"card {since} {task.kind} {card.product_id} {card.start} {card.currency or ''}"
    if isinstance(task, SavingTask):
        since = task.since.isoformat(timespec="microseconds")
        return f"saving {since} {task.kind} {task.about}"
    return f"{task.year} {task.kind} {task.element}"


def _missing_key(one: MissingOwner) -> str:
    return f"{one.element} {one.year} {one.level} {one.goes_to}"


def _listed(
    items: list[dict[str, Any]], following: str | None, columns: Sequence[str]
) -> Response[Any]:
    if not wants_csv(app):
        return as_json({"items": items, "next_cursor": following})
    rows = [
        [";".join(cell) if isinstance(cell, list) else cell for cell in map(item.get, columns)]
        for item in items
    ]
    return as_csv(columns, rows, following)


@logger.inject_lambda_context(correlation_id_path=correlation_paths.API_GATEWAY_REST)
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    return answer(app, event, context, origins=settings.words("ALLOWED_ORIGINS"))
