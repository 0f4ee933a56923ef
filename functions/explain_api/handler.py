"""The door to explanations: from a figure to accounts and days, to charges, to lines of the bill."""

from datetime import date
from typing import Annotated, Any

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.event_handler.openapi.params import Path, Query
from aws_lambda_powertools.logging import correlation_paths
from aws_lambda_powertools.utilities.typing import LambdaContext

from finops.domain.class_policies import ChargeClass
from finops.domain.errors import ConflictError, DeliveryChangedError
from finops.runtime import settings, wiring
from finops.runtime.observability import logger, now
from finops.runtime.rest import READ, answer, as_csv, as_json, caller, rest_api, wants_csv
from finops.usecases import explain_views
from finops.usecases.allocation_answers import newest_month
from finops.usecases.explain import DIMENSIONS, FILTERS, NOBODY, Asked, explain, explain_charges
from finops.usecases.explain_lines import Which, explain_lines

app = rest_api()

GONE: dict[int, Any] = {409: {"description": "A delivered file is not kept in that version"}}

Product = Annotated[str, Path(description=f"The product's id; `{NOBODY}`: what nobody owns")]
Month = Annotated[
    str | None, Query(description="The billing period, YYYY-MM; without it, the newest")
]
Account = Annotated[str | None, Query(description="The account; empty: charges of none")]
Day = Annotated[date | None, Query(description="The day, YYYY-MM-DD")]
Service = Annotated[str | None, Query(description="The service's code; empty: without one")]
Class = Annotated[ChargeClass | None, Query(alias="class", description="What charges are for")]
Payer = Annotated[str | None, Query(description="The payer account")]
Currency = Annotated[str | None, Query(description="As the bill states it")]


@app.get(
    "/explain/<product_id>",
    summary="A figure taken apart",
    tags=["Explanations"],
    operation_id="get_explanation",
    responses=READ,
)
def get_explanation(
    product_id: Product,
    month: Month = None,
    account: Account = None,
    day: Day = None,
    service: Service = None,
    charge_class: Class = None,
    payer: Payer = None,
    currency: Currency = None,
    dimensions: Annotated[
        str, Query(alias="by", description=f"Dimensions, comma separated: {', '.join(DIMENSIONS)}")
    ] = "",
) -> Response[Any]:
    """What a product pays in a month by account; of an account by day, of its day by service.

    The rows add up to the figure. Each has a `next`: with `by=account,day` the path of a row's
    charges. The rules are told as they were when the bill was allocated. CSV by `Accept: text/csv`.
    """
    by = caller(app)
    asked = Asked(
        product_id, _month(month), account, day, service, charge_class, payer, currency, _filters()
    )
    found = explain(asked, _words(dimensions), who=by, shelf=wiring.shelf())
    if wants_csv(app):
        return as_csv(*explain_views.explanation_table(found))
    return as_json(explain_views.explanation(found))


@app.get(
    "/explain/<product_id>/charges",
    summary="The charges behind a day's figure",
    tags=["Explanations"],
    operation_id="get_explained_charges",
    responses=READ,
)
def get_explained_charges(
    product_id: Product,
    month: Month = None,
    account: Account = None,
    day: Day = None,
    service: Service = None,
    charge_class: Class = None,
    payer: Payer = None,
    currency: Currency = None,
) -> Response[Any]:
    """Charges of an account's day in the groups they were given out in.

    The charges of a group add up to its whole, of which the product's part is what its rule says;
    the parts add up to the figure. Each charge has a `next`: the path of its lines. CSV by
    `Accept: text/csv`.
    """
    by = caller(app)
    asked = Asked(
        product_id, _month(month), account, day, service, charge_class, payer, currency, _filters()
    )
    found = explain_charges(asked, who=by, shelf=wiring.shelf())
    if wants_csv(app):
        return as_csv(*explain_views.charges_table(found))
    return as_json(explain_views.charges(found))


@app.get(
    "/explain/<product_id>/lines",
    summary="The bill's lines behind charges",
    tags=["Explanations"],
    operation_id="get_explained_lines",
    responses=READ | GONE,
)
def get_explained_lines(
    product_id: Product,
    month: Month = None,
    account: Account = None,
    day: Day = None,
    service: Service = None,
    charge_class: Class = None,
    payer: Payer = None,
    currency: Currency = None,
    charge: Annotated[str | None, Query(description="One charge, by its `charge_id`")] = None,
    resource: Annotated[
        str | None, Query(description="The resource's id; empty: charges of none")
    ] = None,
    region: Annotated[str | None, Query(description="Its code; empty: without one")] = None,
    line_item_type: Annotated[str | None, Query(description="As the bill states it")] = None,
) -> Response[Any]:
    """Lines of the delivered files, as they were loaded, of charges that the product pays for.

    What the lines state and the named steps add up to what the charges cost. Of more than 1,000
    lines the largest are told, and the rest as a sum. CSV by `Accept: text/csv`.
    """
    by = caller(app)
    asked = Asked(
        product_id, _month(month), account, day, service, charge_class, payer, currency, _filters()
    )
    try:
        found = explain_lines(
            asked,
            Which(charge, resource, region, line_item_type),
            who=by,
            shelf=wiring.shelf(),
            loads=wiring.loads(),
            originals=wiring.originals(),
            connect=wiring.connect,
        )
    except DeliveryChangedError as error:
        raise ConflictError(
            f"{error.detail}: its lines are kept for two weeks after AWS replaces a file; load the"
            " delivery that is there now"
        ) from error
    if wants_csv(app):
        return as_csv(*explain_views.lines_table(found))
    return as_json(explain_views.lines(found))


def _month(said: str | None) -> str:
    return said or newest_month(now().date(), wiring.bills())


def _filters() -> tuple[tuple[str, str], ...]:
    said = app.current_event.query_string_parameters or {}
    return tuple((name, said[name]) for name in FILTERS if name in said)


def _words(listed: str) -> tuple[str, ...]:
    return tuple(word.strip() for word in listed.split(",") if word.strip())


@logger.inject_lambda_context(correlation_id_path=correlation_paths.API_GATEWAY_REST)
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    return answer(app, event, context, origins=settings.words("ALLOWED_ORIGINS"))
