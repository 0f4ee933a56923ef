"""The door to accounts: all that were ever seen, what waits on them, and a look for new ones."""

from datetime import date
from http import HTTPStatus
from typing import Annotated, Any

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.event_handler.openapi.params import Path, Query
from aws_lambda_powertools.logging import correlation_paths
from aws_lambda_powertools.utilities.typing import LambdaContext
from pydantic import BaseModel, ConfigDict, Field

from finops.domain.accounts import ACCOUNT_ID, AccountState, AccountTask, AccountType, NoticeKind
from finops.runtime import settings, wiring
from finops.runtime.observability import logger
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
from finops.usecases import accounts, organisation_views
from finops.usecases.organisation_views import shown

app = rest_api()

AccountId = Annotated[str, Path(description="The account's id", pattern=ACCOUNT_ID)]


@app.get(
    "/accounts",
    summary="All accounts",
    tags=["Accounts"],
    operation_id="get_accounts",
    responses=READ,
)
def get_accounts(
    type_: Annotated[AccountType | None, Query(alias="type", description="Only this type")] = None,
    state: Annotated[AccountState | None, Query(description="Only this state")] = None,
    notice: Annotated[
        NoticeKind | None, Query(description="Only with an open notice of this kind")
    ] = None,
    on: Annotated[
        date | None, Query(description="Name, payer and place as of this day; without it, now")
    ] = None,
    limit: Limit = 100,
    cursor: Cursor = None,
) -> Response[Any]:
    """Every account that was ever listed or billed, by id; CSV by `Accept: text/csv`."""
    found = [
        account
        for account in accounts.seen_accounts(by=caller(app), accounts=wiring.accounts())
        if type_ in (None, account.type)
        and state in (None, account.state)
        and (notice is None or notice in {one.kind for one in account.notices})
    ]
    some, following = page(found, limit, cursor, lambda account: account.account_id)
    if wants_csv(app):
        return as_csv(*organisation_views.account_table(some, on), following)
    items = [organisation_views.account_in_list(account, on) for account in some]
    return as_json({"items": items, "next_cursor": following})


@app.get(
    "/accounts/tasks",
    summary="What accounts need",
    tags=["Accounts"],
    operation_id="get_account_tasks",
    responses=READ,
)
def get_account_tasks(limit: Limit = 100, cursor: Cursor = None) -> Response[Any]:
    """What open notices ask of the caller's role, the longest first; CSV by `Accept: text/csv`."""
    found = accounts.tasks_of_accounts(by=caller(app), accounts=wiring.accounts())
    some, following = page(found, limit, cursor, _task_key)
    items = [organisation_views.account_task(task) for task in some]
    if not wants_csv(app):
        return as_json({"items": items, "next_cursor": following})
    columns = organisation_views.ACCOUNT_TASK_COLUMNS
    told = [item | {"owed_by": ";".join(item["owed_by"])} for item in items]
    return as_csv(columns, [[item[name] for name in columns] for item in told], following)


@app.get(
    "/accounts/checks",
    summary="The last look at the organization",
    tags=["Accounts"],
    operation_id="get_account_check",
    responses=READ,
)
def get_account_check() -> Response[Any]:
    """When AWS Organizations was asked last, and what that has changed, or why it was refused."""
    check = accounts.last_check(by=caller(app), accounts=wiring.accounts())
    return as_entity(check, shown(check))


class Check(BaseModel):
    """How to look."""

    model_config = ConfigDict(extra="forbid")

    force: Annotated[
        bool, Field(description="Take a listing that lacks more than half of the accounts, too")
    ]


@app.post(
    "/accounts/checks",
    summary="Check for new accounts",
    tags=["Accounts"],
    operation_id="post_account_check",
    responses=instead_of_ok(WRITE, 202, "Asked for; the last look says when it has ended"),
)
def post_account_check(check: Check) -> Response[Any]:
    """The organization is listed within seconds; it may take minutes where it is large."""
    asked = accounts.ask_check(
        force=check.force,
        by=caller(app),
        accounts=wiring.accounts(),
        act=act(app, status=HTTPStatus.ACCEPTED),
    )
    return as_entity(asked, shown(asked), status=HTTPStatus.ACCEPTED)


@app.get(
    "/accounts/<account_id>",
    summary="One account",
    tags=["Accounts"],
    operation_id="get_account",
    responses=READ,
)
def get_account(account_id: AccountId) -> Response[Any]:
    """What it is, and what it was called, who paid and where it stood since when."""
    account = accounts.seen_account(account_id, by=caller(app), accounts=wiring.accounts())
    return as_entity(account, shown(account))


class Typing(BaseModel):
    """What an account is for."""

    model_config = ConfigDict(extra="forbid")

    type: AccountType
    reason: Reason = None


@app.put(
    "/accounts/<account_id>/type",
    summary="Say what an account is for",
    tags=["Accounts"],
    operation_id="put_account_type",
    responses=VERSIONED,
)
def put_account_type(account_id: AccountId, typing: Typing) -> Response[Any]:
    """Its type finishes the mapping of a new account, and settles that it has another name."""
    account = accounts.set_type(
        account_id,
        typing.type,
        version(app),
        by=caller(app),
        accounts=wiring.accounts(),
        act=act(app, typing.reason),
    )
    return as_entity(account, shown(account))


class Acknowledgement(BaseModel):
    """A notice that somebody has seen to."""

    model_config = ConfigDict(extra="forbid")

    kind: NoticeKind
    reason: Reason = None


@app.post(
    "/accounts/<account_id>/acknowledgements",
    summary="Close a notice",
    tags=["Accounts"],
    operation_id="post_acknowledgement",
    responses=VERSIONED,
)
def post_acknowledgement(account_id: AccountId, acknowledgement: Acknowledgement) -> Response[Any]:
    """The notice is open no more; the audit trail keeps who saw to it."""
    account = accounts.acknowledge(
        account_id,
        acknowledgement.kind,
        version(app),
        by=caller(app),
        accounts=wiring.accounts(),
        act=act(app, acknowledgement.reason),
    )
    return as_entity(account, shown(account))


def _task_key(task: AccountTask) -> str:
    return f"{task.since.isoformat(timespec='microseconds')} {task.account_id} {task.kind}"


@logger.inject_lambda_context(correlation_id_path=correlation_paths.API_GATEWAY_REST)
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    return answer(app, event, context, origins=settings.words("ALLOWED_ORIGINS"))
