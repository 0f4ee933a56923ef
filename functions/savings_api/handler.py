"""The door to savings: what could be saved, whose it is, what to do, and what is decided on it."""

from datetime import date
from decimal import Decimal
from http import HTTPStatus
from typing import Annotated, Any, Literal

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.event_handler.openapi.params import Path, Query
from aws_lambda_powertools.logging import correlation_paths
from aws_lambda_powertools.utilities.typing import LambdaContext
from pydantic import BaseModel, ConfigDict, Field

from finops.domain.audit import AuditRecord
from finops.domain.authorization import Action, may
from finops.domain.errors import InvalidError
from finops.domain.money import to_ticks
from finops.domain.people import Person
from finops.domain.savings import SavingDecision, SavingStatus
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
from finops.usecases import realised_views, saving_decisions, saving_pages, saving_views
from finops.usecases import savings as use_cases
from finops.usecases.organisation_views import ENTERPRISE_ID, element_said, shown
from finops.usecases.realised_savings import (
    MOST_MONTHS,
    RealisedBy,
    RealisedQuestion,
    realised_case,
    realised_savings,
)
from finops.usecases.saving_views import Names
from finops.usecases.savings import GroupBy, SavingQuery, Wish

HTML = "text/html; charset=utf-8"
# A report is a page to read and nothing else, wherever it is opened.
READ_ONLY = {
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; img-src https:; sandbox",
    "X-Content-Type-Options": "nosniff",
}


def _may_be_told_again(by: Person, record: AuditRecord) -> bool:
    if saving_decisions.is_of_many(record):
        today, board = now().date(), wiring.savings_board()
        return saving_decisions.may_be_told_again(by, record, today, board=board)
    return may(by, Action.SEE_SAVINGS, record.done_at)


app = rest_api(may_be_told_again=_may_be_told_again)

Word = Annotated[str | None, Field(min_length=1, max_length=100)]
Amount = Annotated[
    str | None,
    Field(pattern=r"^\d{1,12}(\.\d{1,10})?$", description="Decimal text, a month"),
]
SavingId = Annotated[str, Path(description="The saving's id", max_length=64)]
Status = Annotated[SavingStatus | None, Query(description="Only this status")]
IsOpen = Annotated[
    bool | None,
    Query(alias="open", description="Only what can still be saved (true), or cannot (false)"),
]
Account = Annotated[str | None, Query(description="Only of this account", max_length=64)]
Element = Annotated[
    str | None, Query(description="Only of resources owned at or under it", max_length=250)
]
ActionType = Annotated[str | None, Query(description="Only this kind of step", max_length=64)]
Region = Annotated[str | None, Query(description="Only of this region", max_length=64)]
Currency = Annotated[str | None, Query(description="Only in this currency", max_length=10)]
Least = Annotated[
    str | None,
    Query(
        description="Only what saves as much a month, in its currency",
        pattern=r"^\d{1,12}(\.\d{1,10})?$",
    ),
]


@app.get(
    "/savings",
    summary="What could be saved in a scope",
    tags=["Savings"],
    operation_id="get_savings",
    responses=READ,
)
def get_savings(
    status: Status = None,
    is_open: IsOpen = None,
    account: Account = None,
    element: Element = None,
    action_type: ActionType = None,
    region: Region = None,
    currency: Currency = None,
    least: Least = None,
    limit: Limit = 100,
    cursor: Cursor = None,
) -> Response[Any]:
    """A case for each resource, the largest saving first, with the products that own the resource.

    The one that pays the largest part is asked; who pays a part sees the case. Totals are of all that
    fit, each resource once. `sources` say how old what AWS recommends is, and who did not answer.
    CSV by `Accept: text/csv`.
    """
    by, today, board = caller(app), now().date(), wiring.savings_board()
    query = _query(status, is_open, account, element, action_type, region, currency, least)
    found = use_cases.seen_savings(query, today, by=by, board=board)
    names = Names.of(board, today)

    some, following = page(
        found,
        limit,
        cursor,
        use_cases.order,
        told=lambda one: saving_views.saving_in_list(one, names),
    )
    if wants_csv(app):
        return as_csv(*saving_views.saving_table(some, names), following)
    return as_json(
        saving_views.savings_page(
            found,
            [saving_views.saving_in_list(one, names) for one in some],
            use_cases.sources(today, by=by, board=board),
            following,
            with_numbers=_sees_all(by),
        )
    )


@app.get(
    "/savings/totals",
    summary="What could be saved, added up",
    tags=["Savings"],
    operation_id="get_saving_totals",
    responses=READ,
)
def get_saving_totals(
    by: Annotated[
        GroupBy, Query(description="What the cases of a row have in common")
    ] = GroupBy.OWNER,
    status: Status = None,
    is_open: IsOpen = None,
    account: Account = None,
    element: Element = None,
    action_type: ActionType = None,
    region: Region = None,
    currency: Currency = None,
    least: Least = None,
) -> Response[Any]:
    """A row for each group and currency; each resource is in one of them, so they add up.

    By owner it is with the product that pays the largest part of it, of those that the caller may
    know of; `key` null is what nobody owns. CSV by `Accept: text/csv`.
    """
    who, today, board = caller(app), now().date(), wiring.savings_board()
    query = _query(status, is_open, account, element, action_type, region, currency, least)
    found = use_cases.seen_savings(query, today, by=who, board=board)
    names = Names.of(board, today)
    rows = [saving_views.group(one, names) for one in use_cases.totals(found, by)]
    if wants_csv(app):
        columns = saving_views.TOTAL_COLUMNS
        return as_csv(columns, [[row[name] for name in columns] for row in rows])
    states = use_cases.sources(today, by=who, board=board)
    told = saving_views.savings_page(found, rows, states, None, with_numbers=_sees_all(who))
    return as_json({"by": by.value} | {k: v for k, v in told.items() if k != "next_cursor"})


@app.get(
    "/savings/report",
    summary="The open, the decided and the implemented savings",
    tags=["Savings"],
    operation_id="get_saving_report",
    responses=READ,
)
def get_saving_report(
    element: Element = None,
    format: Annotated[  # noqa: A002  # its name in the query
        Literal["json", "html"], Query(description="`html`: a page to read or to send")
    ] = "json",
    limit: Limit = 1000,
    cursor: Cursor = None,
) -> Response[Any]:
    """Sums by status, owner, action and account; the largest open cases, and those decided on.

    The lists of the page are short; `/savings` has all. CSV by `Accept: text/csv` has every case,
    and only that has pages.
    """
    by, today, board = caller(app), now().date(), wiring.savings_board()
    made = saving_pages.report(
        element_said(element), today, by=by, board=board, kept=wiring.realised_kept()
    )
    if format == "html":
        told: Response[Any] = Response(
            status_code=HTTPStatus.OK, content_type=HTML, body=saving_pages.html(made)
        )
        told.headers.update(READ_ONLY)
        return told
    if wants_csv(app):
        some, following = page(
            made.found,
            limit,
            cursor,
            use_cases.order,
            told=lambda one: saving_views.saving_in_list(one, made.names),
        )
        return as_csv(*saving_views.saving_table(some, made.names), following)
    return as_json(saving_pages.told(made, with_numbers=_sees_all(by)))


@app.get(
    "/savings/realised",
    summary="What implemented savings saved",
    tags=["Savings"],
    operation_id="get_realised_savings",
    responses=READ,
)
def get_realised_savings(
    by: Annotated[
        RealisedBy, Query(description="What the figures of a row have in common")
    ] = RealisedBy.MONTH,
    months: Annotated[int, Query(ge=1, le=MOST_MONTHS, description="How many")] = 12,
    until: Annotated[
        str | None,
        Query(
            description="The last of them, YYYY-MM; without it, the newest that is measured",
            pattern=r"^\d{4}-\d{2}$",
        ),
    ] = None,
    element: Element = None,
) -> Response[Any]:
    """Measured in the bill: a resource's charges of up to 30 days before, and of the year after.

    Per unit of usage where the resource works on, per day where it was stopped or deleted; what costs
    more than before is negative. Of a resource with several owners each has the part of its days, by
    the claims, rules and shares of each day as they are known now, so rows by anything add up to the
    totals of a scope. `expected` is what was recommended, for the same
    days. What could not be measured is in no sum and says why. CSV by `Accept: text/csv`.
    """
    who, today, board = caller(app), now().date(), wiring.savings_board()
    asked = RealisedQuestion(by, months, until, element_said(element or ENTERPRISE_ID))
    kept, memo = wiring.realised_kept(), board.owners.memo
    found = realised_savings(asked, today, by=who, kept=kept, memo=memo)
    if wants_csv(app):
        return as_csv(*realised_views.table(found))
    return as_json(realised_views.answer(found, Names.of(board, today)))


@app.get(
    "/savings/<saving_id>",
    summary="One case, and what to do",
    tags=["Savings"],
    operation_id="get_saving",
    responses=READ,
)
def get_saving(saving_id: SavingId) -> Response[Any]:
    """All that AWS recommends for its resource, what became of it, and the task to implement it.

    Commands are stated where they can be taken back and all of them is known; what deletes or buys is
    said in words.
    """
    by, today, board = caller(app), now().date(), wiring.savings_board()
    seen = use_cases.seen_saving(saving_id, today, by=by, board=board)
    past = use_cases.history(saving_id, audit=wiring.audit())
    told = saving_views.saving_with_task(seen, past, Names.of(board, today), board)
    states = use_cases.sources(today, by=by, board=board)
    sources = saving_views.told_sources(states, with_numbers=_sees_all(by))
    kept, memo = wiring.realised_kept(), board.owners.memo
    saved = realised_views.case(realised_case(saving_id, by=by, kept=kept, memo=memo))
    return as_entity(seen.saving, told | {"sources": sources, "realised": saved})


class NewDecision(BaseModel):
    """What is decided on a case, and what that takes."""

    model_config = ConfigDict(extra="forbid")

    decision: SavingDecision
    action_type: Annotated[
        Word, Field(description="Of Approve: which option; without it, the largest saving")
    ] = None
    reason: Reason = None
    until: Annotated[
        date | None, Field(description="Of Ignore: its last day, within a year from today")
    ] = None
    on: Annotated[
        date | None, Field(description="Of Implement: the day it was done; without it, today")
    ] = None

    @property
    def wish(self) -> Wish:
        return Wish(
            decision=self.decision, action_type=self.action_type, until=self.until, on=self.on
        )


@app.post(
    "/savings/<saving_id>/decisions",
    summary="Decide on a case",
    tags=["Savings"],
    operation_id="post_saving_decision",
    responses=VERSIONED,
)
def post_saving_decision(saving_id: SavingId, decision: NewDecision) -> Response[Any]:
    """Approve one of its options; ignore it for a reason until a day; say that it is implemented; or
    open it again.

    What is ignored returns after its day, or when it saves a tenth more. Finance approves, owners and
    finance ignore, engineers and product owners implement.
    """
    made = use_cases.decide(
        saving_id,
        decision.wish,
        version(app),
        by=caller(app),
        board=wiring.savings_board(),
        act=act(app, decision.reason),
    )
    return as_entity(made, shown(made))


class ChosenSaving(BaseModel):
    """A case as it was read."""

    model_config = ConfigDict(extra="forbid")

    saving_id: Annotated[str, Field(max_length=64)]
    version: Annotated[int, Field(ge=1)]


class FoundSavings(BaseModel):
    """All New cases that a list would have."""

    model_config = ConfigDict(extra="forbid")

    account: Word = None
    element: Annotated[str | None, Field(max_length=250)] = None
    action_type: Word = None
    region: Word = None
    currency: Annotated[str | None, Field(max_length=10)] = None
    least: Amount = None


class NewDecisions(BaseModel):
    """One decision on many cases: the *savings* that are named, or all that are *found*."""

    model_config = ConfigDict(extra="forbid")

    decision: Literal[SavingDecision.APPROVE, SavingDecision.IGNORE]
    action_type: Annotated[Word, Field(description="Of Approve: which option")] = None
    reason: Reason = None
    until: Annotated[date | None, Field(description="Of Ignore: its last day")] = None
    savings: Annotated[list[ChosenSaving] | None, Field(min_length=1, max_length=1000)] = None
    found: FoundSavings | None = None


@app.post(
    "/savings/decisions",
    summary="Decide on many cases",
    tags=["Savings"],
    operation_id="post_saving_decisions",
    responses=WRITE,
)
def post_saving_decisions(decisions: NewDecisions) -> Response[Any]:
    """Approve or ignore up to 1,000 cases, each by itself: `refused` says why one took it not.

    Of what is found only New cases are decided on, the largest first; `left` are for the next
    request. What was chosen stays chosen for an Idempotency-Key.
    """
    by, board, audit = caller(app), wiring.savings_board(), wiring.audit()
    doing = act(app, decisions.reason)
    if (decisions.savings is None) == (decisions.found is None):
        raise InvalidError("name the savings, or say which are found: `savings` or `found`")
    wish = Wish(
        decision=decisions.decision, action_type=decisions.action_type, until=decisions.until
    )
    if decisions.found is not None:
        said = decisions.found
        made = saving_decisions.decide_found(
            _query(
                *(None, None, said.account, said.element, said.action_type),
                *(said.region, said.currency, said.least),
            ),
            wish,
            by=by,
            board=board,
            audit=audit,
            receipts=wiring.receipts(),
            act=doing,
        )
    else:
        chosen = [
            saving_decisions.Chosen(one.saving_id, one.version) for one in decisions.savings or ()
        ]
        made = saving_decisions.decide_many(chosen, wish, by=by, board=board, act=doing)
    told = saving_views.decisions(made)
    saving_decisions.remember_decisions(told, made, act=doing, audit=audit)
    return as_json(told)


@app.post(
    "/savings/collections",
    summary="Ask AWS now what could be saved",
    tags=["Savings"],
    operation_id="post_savings_collection",
    responses=instead_of_ok(WRITE, 202, "Asked for; `sources` of a list say what was answered"),
)
def post_savings_collection() -> Response[Any]:
    """It happens every day by itself; payers that deliver a file are not asked while it is fresh."""
    told = use_cases.ask_collection(
        by=caller(app), audit=wiring.audit(), act=act(app, status=HTTPStatus.ACCEPTED)
    )
    return as_json(told, status=HTTPStatus.ACCEPTED)


def _query(
    status: SavingStatus | None,
    is_open: bool | None,
    account: str | None,
    element: str | None,
    action_type: str | None,
    region: str | None,
    currency: str | None,
    least: str | None,
) -> SavingQuery:
    return SavingQuery(
        status=status,
        is_open=is_open,
        account_id=account,
        element=element_said(element or ENTERPRISE_ID),
        action_type=action_type,
        region=region,
        currency=currency,
        least=None if least is None else to_ticks(Decimal(least)),
    )


def _sees_all(by: Person) -> bool:
    return may(by, Action.SEE_SAVINGS)


@logger.inject_lambda_context(correlation_id_path=correlation_paths.API_GATEWAY_REST)
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    return answer(app, event, context, origins=settings.words("ALLOWED_ORIGINS"))
