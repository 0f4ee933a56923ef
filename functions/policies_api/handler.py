"""The door to what is said of many charges at once: class policies, and claim rules."""

from datetime import date
from typing import Annotated, Any

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.event_handler.openapi.params import Path
from aws_lambda_powertools.logging import correlation_paths
from aws_lambda_powertools.utilities.typing import LambdaContext
from pydantic import BaseModel, ConfigDict, Field

from finops.domain.accounts import ACCOUNT_ID
from finops.domain.claim_rules import MOST_KEPT
from finops.domain.class_policies import ChargeClass, PolicyKind
from finops.domain.rule_changes import AddClaimRule, DecidePolicy, EndClaimRule, OrderClaimRules
from finops.runtime import settings, wiring
from finops.runtime.observability import logger, now
from finops.runtime.rest import (
    CHANGED,
    READ,
    VERSIONED,
    Cursor,
    Limit,
    Reason,
    act,
    answer,
    as_csv,
    as_entity,
    as_json,
    caller,
    etag,
    page,
    rest_api,
    version,
    wants_csv,
)
from finops.usecases import claim_rules, class_policies, rule_views
from finops.usecases.organisation_views import shown

app = rest_api()

Text = Annotated[str, Field(min_length=1, max_length=500)]
RuleId = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{0,63}$", examples=["web-shop-by-tag"])]


# Class policies -----------------------------------------------------------------------------------


@app.get(
    "/class-policies",
    summary="Class policies",
    tags=["Class policies"],
    operation_id="get_class_policies",
    responses=READ,
)
def get_class_policies(limit: Limit = 100, cursor: Cursor = None) -> Response[Any]:
    """How support, tax and other such charges of each payer go this month, and how they went.

    A class that nobody has decided about follows the accounts' shares. With a scope: what was
    decided, and of what goes to one product only theirs. CSV by `Accept: text/csv`.
    """
    found = class_policies.seen_policies(
        now().date(), by=caller(app), policies=wiring.policies(), grounds=wiring.grounds()
    )
    found.sort(key=_policy_key)
    some, following = page(found, limit, cursor, _policy_key, told=rule_views.policy_in_list)
    if wants_csv(app):
        return as_csv(*rule_views.policy_table(some), following)
    items = [rule_views.policy_in_list(one) for one in some]
    return as_json({"items": items, "next_cursor": following})


class Policy(BaseModel):
    """How a class goes from the bill of a month on."""

    model_config = ConfigDict(extra="forbid")

    policy: PolicyKind
    product_id: Annotated[
        str | None, Field(max_length=250, description="Who pays all of it, for ToProduct")
    ] = None
    start: Annotated[
        str,
        Field(pattern=r"^[1-9]\d{3}-(0[1-9]|1[0-2])$", description="YYYY-MM", examples=["2026-09"]),
    ]
    reason: Reason = None


@app.put(
    "/class-policies/<payer_id>/<charge_class>",
    summary="Decide how a class goes",
    tags=["Class policies"],
    operation_id="put_class_policy",
    responses=VERSIONED,
)
def put_class_policy(
    payer_id: Annotated[str, Path(description="Who pays the bill", pattern=ACCOUNT_ID)],
    charge_class: Annotated[ChargeClass, Path(description="The class of charges; not Usage")],
    policy: Policy,
) -> Response[Any]:
    """From that month on; the version is that of all policies of the payer, 0 where there is none."""
    doing = act(app, policy.reason)
    change = DecidePolicy(
        payer=payer_id,
        charge_class=charge_class,
        policy=policy.policy,
        product_id=policy.product_id,
        start=policy.start,
        reason=doing.reason,
    )
    decided = class_policies.decide_policy(
        change,
        version(app),
        by=caller(app),
        policies=wiring.policies(),
        grounds=wiring.grounds(),
        act=doing,
    )
    return as_entity(decided, shown(decided))


def _policy_key(one: class_policies.SeenPolicy) -> str:
    return f"{one.payer} {one.charge_class}"


# Claim rules --------------------------------------------------------------------------------------


@app.get(
    "/claim-rules",
    summary="Claim rules",
    tags=["Claim rules"],
    operation_id="get_claim_rules",
    responses=READ | CHANGED,
)
def get_claim_rules(limit: Limit = 100, cursor: Cursor = None) -> Response[Any]:
    """All rules in the order they are tried, those that are over too; the first that fits counts.

    With a scope: those of its products. The `ETag` is what the next change names by `If-Match`.
    CSV by `Accept: text/csv`.
    """
    found = claim_rules.seen_rules(
        by=caller(app), claim_rules=wiring.claim_rule_book(), grounds=wiring.grounds()
    )
    placed = list(enumerate(found.rules))
    some, following = page(placed, limit, cursor, lambda one: f"{one[0]:06}", state=found.version)
    rules = [rule for _, rule in some]
    if wants_csv(app):
        return as_csv(*rule_views.rule_table(rules), following)
    items = [rule_views.claim_rule(rule) for rule in rules]
    told = as_json({"items": items, "next_cursor": following, "version": found.version})
    told.headers["ETag"] = etag(found.version)
    return told


class Tag(BaseModel):
    """A tag by its key, as its owner spells it, and a pattern for its value."""

    model_config = ConfigDict(extra="forbid")

    key: Annotated[str, Field(min_length=1, max_length=300, examples=["user:Team"])]
    value: Annotated[str, Field(max_length=500, description="`*` any text, `?` any sign")] = "*"


class NewRule(BaseModel):
    """Which resources a workload pays for whole; a tag, a name or a service is needed."""

    model_config = ConfigDict(extra="forbid")

    rule_id: RuleId
    workload_id: Annotated[str, Field(max_length=128)]
    account_id: Annotated[
        str | None, Field(pattern=ACCOUNT_ID, description="Only of this account")
    ] = None
    tag: Tag | None = None
    name: Annotated[Text | None, Field(description="A pattern for the resource's id")] = None
    service: Annotated[Text | None, Field(description="Its code, as AmazonEC2")] = None
    start: date
    end: Annotated[date | None, Field(description="The day it takes nothing any more")] = None
    before: Annotated[
        RuleId | None, Field(description="The rule it goes ahead of; without it, it is the last")
    ] = None
    reason: Reason = None


@app.post(
    "/claim-rules",
    summary="Add a claim rule",
    tags=["Claim rules"],
    operation_id="post_claim_rule",
    responses=VERSIONED,
)
def post_claim_rule(rule: NewRule) -> Response[Any]:
    """What fits is the workload's from that day on, unless an earlier rule or a claim has it."""
    return _changed(AddClaimRule.model_validate(rule.model_dump()), rule.reason)


class RuleEnd(BaseModel):
    """The day from which on a rule takes nothing."""

    model_config = ConfigDict(extra="forbid")

    end: date
    reason: Reason = None


@app.post(
    "/claim-rules/<rule_id>/endings",
    summary="End a claim rule",
    tags=["Claim rules"],
    operation_id="post_claim_rule_ending",
    responses=VERSIONED,
)
def post_claim_rule_ending(
    rule_id: Annotated[str, Path(description="The rule's id", max_length=64)], ending: RuleEnd
) -> Response[Any]:
    """Its resources go by later rules again, or by their accounts' shares."""
    return _changed(EndClaimRule(rule_id=rule_id, end=ending.end), ending.reason)


class RuleOrder(BaseModel):
    """All rules, the one that is tried first at the top."""

    model_config = ConfigDict(extra="forbid")

    rule_ids: Annotated[list[RuleId], Field(min_length=1, max_length=MOST_KEPT)]
    reason: Reason = None


@app.put(
    "/claim-rules/order",
    summary="Order the claim rules",
    tags=["Claim rules"],
    operation_id="put_claim_rule_order",
    responses=VERSIONED,
)
def put_claim_rule_order(order: RuleOrder) -> Response[Any]:
    """Every rule is named once; the order counts in every open month."""
    return _changed(OrderClaimRules(rule_ids=tuple(order.rule_ids)), order.reason)


def _changed(change: claim_rules.RuleChange, why: str | None) -> Response[Any]:
    head = claim_rules.change_rules(
        change,
        version(app),
        by=caller(app),
        claim_rules=wiring.claim_rule_book(),
        heads=wiring.claim_rule_heads(),
        grounds=wiring.grounds(),
        act=act(app, why),
    )
    return as_entity(head, shown(head))


@logger.inject_lambda_context(correlation_id_path=correlation_paths.API_GATEWAY_REST)
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    return answer(app, event, context, origins=settings.words("ALLOWED_ORIGINS"))
