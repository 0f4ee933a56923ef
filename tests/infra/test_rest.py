"""The REST API: who gets in, and what is refused before a door is asked."""

import json
import re
from typing import Any

import pytest

from tests.infra.synthesis import Synthesized

ROUTES = {
    "GET /bills",
    "GET /bills/{billing_period}/costs",
    "GET /loads",
    "POST /loads",
    "GET /loads/{load_id}",
    "GET /freshness",
    "GET /charts",
    "GET /charts/{year}",
    "GET /charts/{year}/loads",
    "POST /charts/{year}/loads",
    "POST /chart-uploads",
    "GET /chart-loads/{load_id}",
    "GET /chart-loads/{load_id}/file",
    "GET /me",
    "GET /tasks",
    "GET /people",
    "POST /people",
    "GET /people/{email}",
    "PUT /people/{email}",
    "POST /people/{email}/suspension",
    "DELETE /people/{email}/suspension",
    "POST /people/{email}/reminders",
    "POST /people-loads",
    "GET /missing-owners",
    "GET /budgets/{year}",
    "GET /budgets/{year}/{product}",
    "PUT /budgets/{year}/{product}/draft",
    "POST /budgets/{year}/{product}/decisions",
    "PUT /budgets/{year}/{product}/estimate",
    "GET /budgets/{year}/{product}/versions",
    "GET /plans/{year}/{element}",
    "GET /gates/{portfolio}",
    "PUT /gates/{portfolio}",
    "GET /credits",
    "POST /credits",
    "GET /credits/reconciliation",
    "GET /credits/{credit_id}",
    "PUT /credits/{credit_id}",
    "POST /credits/{credit_id}/withdrawals",
    "GET /discounts",
    "PUT /discounts",
    "GET /resources",
    "GET /explain/{product_id}",
    "GET /explain/{product_id}/charges",
    "GET /explain/{product_id}/lines",
    "GET /allocations",
    "POST /allocations",
    "GET /allocations/tree",
    "GET /allocations/days",
    "GET /allocations/unallocated",
    "GET /financial-scope",
    "POST /previews",
    "GET /previews/{preview_id}",
    "GET /shares",
    "GET /shares/{account_id}",
    "PUT /shares/{account_id}",
    "POST /shares/{account_id}/renewals",
    "POST /share-loads",
    "GET /class-policies",
    "PUT /class-policies/{payer_id}/{charge_class}",
    "GET /claim-rules",
    "POST /claim-rules",
    "POST /claim-rules/{rule_id}/endings",
    "PUT /claim-rules/order",
    "GET /workloads",
    "POST /workloads",
    "GET /workloads/{workload_id}",
    "PUT /workloads/{workload_id}",
    "POST /workloads/{workload_id}/endings",
    "GET /claims/{account_id}",
    "POST /claims/{account_id}",
    "POST /releases/{account_id}",
    "GET /spaces",
    "GET /audit",
    "GET /audit/verification",
    "GET /accounts",
    "GET /accounts/tasks",
    "GET /accounts/checks",
    "POST /accounts/checks",
    "GET /accounts/{account_id}",
    "PUT /accounts/{account_id}/type",
    "POST /accounts/{account_id}/acknowledgements",
    "GET /spend-cards",
    "GET /spend-cards/{product_id}/{start}",
    "GET /spend-cards/{product_id}/{start}/lines",
    "GET /spend-cards/{product_id}/{start}/resources",
    "GET /spend-cards/{product_id}/{start}/proposal",
    "POST /spend-cards/{product_id}/{start}/decisions",
    "POST /spend-cards/{product_id}/{start}/remaps",
    "POST /spend-card-decisions",
    "POST /spend-card-runs",
    "GET /spend-card-runs/{run_id}",
    "GET /delegations",
    "POST /delegations",
    "POST /delegations/{delegation_id}/end",
    "GET /closes",
    "GET /closes/{month}",
    "PUT /closes/{month}/headers",
    "POST /closes/{month}/waivers",
    "POST /closes/{month}/waivers/{check}/withdrawal",
    "POST /closes/{month}/close",
    "GET /closes/{month}/files",
    "POST /closes/{month}/files/{name}/links",
    "GET /corrections",
    "GET /corrections/years/{fiscal_year}",
    "GET /views/summary",
    "GET /views/snapshot",
    "GET /views/cards-by-status",
    "GET /views/variance",
    "GET /views/heat-map",
    "GET /views/weekly-cards",
    "GET /views/trend",
    "GET /views/schedule",
    "GET /settings",
    "PUT /settings/cards",
    "PUT /settings/close",
    "GET /alerts",
    "GET /alerts/{alert_id}",
    "POST /alerts/{alert_id}/answers",
    "POST /alerts/checks",
    "POST /alerts/channels/{name}/tests",
    "PUT /settings/reports",
    "PUT /settings/tags",
    "PUT /settings/alerts",
    "GET /reports/cost",
    "GET /reports/cost/kept",
    "GET /reports/cost/kept/{report_id}",
    "POST /reports/cost/runs",
    "GET /reports/cost/runs/{run_id}",
    "GET /reports/history",
    "GET /savings",
    "GET /savings/totals",
    "GET /savings/report",
    "GET /savings/realised",
    "POST /savings/decisions",
    "POST /savings/collections",
    "GET /savings/{saving_id}",
    "POST /savings/{saving_id}/decisions",
    "GET /tags/coverage",
    "GET /tags/missing",
    "GET /tags/untagged",
    "GET /tags/keys",
    "GET /tags/values",
    "GET /tags/commands",
    "GET /tags/report",
    "GET /tags/scans",
    "POST /tags/scans",
}
# By the first word of a path, whose door it leads to.
LEADS_TO = {
    **dict.fromkeys(("bills", "loads", "freshness"), "BillsApibillsapi"),
    **dict.fromkeys(("charts", "chart-uploads", "chart-loads"), "ChartsApichartsapi"),
    **dict.fromkeys(("me", "tasks", "people", "people-loads"), "PeopleApipeopleapi"),
    "missing-owners": "PeopleApipeopleapi",
    **dict.fromkeys(("budgets", "plans", "gates"), "BudgetsApibudgetsapi"),
    **dict.fromkeys(("credits", "discounts"), "CreditsApicreditsapi"),
    **dict.fromkeys(("allocations", "financial-scope"), "AllocationsApiallocationsapi"),
    "previews": "PreviewsApipreviewsapi",
    **dict.fromkeys(("shares", "share-loads"), "SharesApisharesapi"),
    **dict.fromkeys(("class-policies", "claim-rules"), "PoliciesApipoliciesapi"),
    **dict.fromkeys(("workloads", "claims", "releases", "spaces"), "ClaimsApiclaimsapi"),
    "audit": "AuditApiauditapi",
    **dict.fromkeys(
        ("spend-cards", "spend-card-decisions", "delegations"), "SpendCardsApispendcardsapi"
    ),
    "spend-card-runs": "CardRunsApicardrunsapi",
    "closes": "ClosesApiclosesapi",
    "corrections": "CorrectionsApicorrectionsapi",
    "views": "ViewsApiviewsapi",
    "settings": "SettingsApisettingsapi",
    "explain": "ExplainApiexplainapi",
    "resources": "ResourcesApiresourcesapi",
    "accounts": "AccountsApiaccountsapi",
    "alerts": "AlertsApialertsapi",
    "reports": "ReportsApireportsapi",
    "savings": "SavingsApisavingsapi",
    "tags": "TagsApitagsapi",
}
# By the last word, where a subject has several doors.
LAST_LEADS_TO = dict.fromkeys(("proposal", "remaps"), "RemapsApiremapsapi")


INTEGRATION = "x-amazon-apigateway-integration"
VALIDATOR = "x-amazon-apigateway-request-validator"


def _definition(synthesized: Synthesized) -> dict[str, Any]:
    [api] = synthesized.resources("AWS::ApiGateway::RestApi").values()
    definition: dict[str, Any] = api["Properties"]["Body"]
    return definition


def _methods(synthesized: Synthesized) -> dict[str, dict[str, Any]]:
    return {
        f"{method.upper()} {path}": operation
        for path, operations in _definition(synthesized)["paths"].items()
        for method, operation in operations.items()
    }


def _asked(synthesized: Synthesized) -> dict[str, dict[str, Any]]:
    """The methods that lead to a door: all but the preflights."""
    return {
        route: method
        for route, method in _methods(synthesized).items()
        if not route.startswith("OPTIONS ")
    }


def _stage(synthesized: Synthesized) -> dict[str, Any]:
    [stage] = synthesized.resources("AWS::ApiGateway::Stage").values()
    properties: dict[str, Any] = stage["Properties"]
    return properties


def test_the_routes_are_those_of_the_product(plain: Synthesized) -> None:
    assert set(_methods(plain)) == ROUTES


@pytest.mark.parametrize("fixture", ["plain", "full"])
def test_each_route_leads_to_the_door_of_its_subject(
    fixture: str, request: pytest.FixtureRequest
) -> None:
    for route, method in _asked(request.getfixturevalue(fixture)).items():
        integration = method[INTEGRATION]
        door = LAST_LEADS_TO.get(route.rpartition("/")[2]) or LEADS_TO[route.split("/")[1]]
        assert integration["uri"]["Fn::Join"][1][1]["Fn::GetAtt"][0].startswith(f"{door}Function")
        assert (integration["type"], integration["httpMethod"]) == ("aws_proxy", "POST"), route


def test_a_page_may_read_what_it_goes_on_with(full: Synthesized) -> None:
    told = json.dumps(_methods(full)["OPTIONS /budgets/{year}/{product}/draft"])

    assert "'ETag,Location,X-Next-Cursor,Idempotency-Replayed'" in told
    for header in ("If-Match", "If-None-Match", "Idempotency-Key"):
        assert header in told
    assert "PUT" in told


@pytest.mark.parametrize("fixture", ["plain", "full"])
def test_every_route_asks_for_a_token_of_our_people(
    fixture: str, request: pytest.FixtureRequest
) -> None:
    synthesized: Synthesized = request.getfixturevalue(fixture)
    [(name, scheme)] = _definition(synthesized)["components"]["securitySchemes"].items()
    authorizer = scheme["x-amazon-apigateway-authorizer"]
    [pool] = authorizer["providerARNs"]
    [people] = synthesized.resources("AWS::Cognito::UserPool")

    assert (scheme["type"], scheme["in"], scheme["name"]) == ("apiKey", "header", "Authorization")
    assert scheme["x-amazon-apigateway-authtype"] == "cognito_user_pools"
    assert authorizer["type"] == "cognito_user_pools"
    assert synthesized.referred(pool) == {"Fn::GetAtt": [people.partition("/")[2], "Arn"]}
    for route, method in _asked(synthesized).items():
        assert method["security"] == [{name: []}], route


@pytest.mark.parametrize("fixture", ["plain", "full"])
def test_every_route_is_validated(fixture: str, request: pytest.FixtureRequest) -> None:
    synthesized: Synthesized = request.getfixturevalue(fixture)
    [(name, validator)] = _definition(synthesized)[f"{VALIDATOR}s"].items()

    assert validator == {"validateRequestBody": True, "validateRequestParameters": True}
    for route, method in _asked(synthesized).items():
        assert method[VALIDATOR] == name, route


def test_what_varies_in_a_path_is_told(plain: Synthesized) -> None:
    for route, method in _asked(plain).items():
        told = [parameter["name"] for parameter in method["parameters"]]
        assert told == re.findall("{(.*?)}", route)
        assert all(each["in"] == "path" and each["required"] for each in method["parameters"])


def test_nothing_is_routed_beside_the_definition(full: Synthesized) -> None:
    beside = ("Method", "Resource", "Authorizer", "RequestValidator", "GatewayResponse", "Model")
    for type_ in beside:
        assert not full.resources(f"AWS::ApiGateway::{type_}"), type_


def test_a_definition_replaces_the_one_before(plain: Synthesized) -> None:
    [api] = plain.resources("AWS::ApiGateway::RestApi").values()

    assert api["Properties"]["Mode"] == "overwrite"
    assert api["Properties"]["EndpointConfiguration"] == {"Types": ["REGIONAL"]}


def test_another_definition_is_another_deployment(plain: Synthesized, full: Synthesized) -> None:
    [one] = plain.resources("AWS::ApiGateway::Deployment")
    [other] = full.resources("AWS::ApiGateway::Deployment")

    assert one != other
    assert _stage(full)["DeploymentId"] == {"Ref": other.partition("/")[2]}


@pytest.mark.parametrize("fixture", ["plain", "full"])
def test_a_stack_has_room_to_grow(fixture: str, request: pytest.FixtureRequest) -> None:
    """CloudFormation takes 500 resources and a million bytes of a template."""
    synthesized: Synthesized = request.getfixturevalue(fixture)
    for name, template in synthesized.templates.items():
        assert len(template["Resources"]) < 400, name
        assert (synthesized.folder / f"{name}.template.json").stat().st_size < 900_000, name


def test_a_load_is_started_with_a_manifest_key(plain: Synthesized) -> None:
    body = _methods(plain)["POST /loads"]["requestBody"]
    model = _definition(plain)["components"]["schemas"]["Manifest"]

    assert body["required"] is True
    assert body["content"]["application/json"]["schema"] == {
        "$ref": "#/components/schemas/Manifest"
    }
    assert model["required"] == ["manifest_key"]


def test_requests_are_throttled_logged_and_traced(plain: Synthesized) -> None:
    stage = _stage(plain)
    [settings] = stage["MethodSettings"]

    assert stage["StageName"] == "v1"
    assert stage["TracingEnabled"] is True
    assert (settings["ThrottlingRateLimit"], settings["ThrottlingBurstLimit"]) == (50, 100)
    assert settings["DataTraceEnabled"] is False
    assert json.loads(stage["AccessLogSetting"]["Format"])["person"] == (
        "$context.authorizer.claims.sub"
    )


def test_refusals_are_problems(plain: Synthesized) -> None:
    refusals = _definition(plain)["x-amazon-apigateway-gateway-responses"]

    assert len(refusals) == 10
    for refusal in refusals.values():
        problem = json.loads(refusal["responseTemplates"]["application/json"])
        assert refusal["responseParameters"] == {
            "gatewayresponse.header.Content-Type": "'application/problem+json'"
        }
        assert str(problem["status"]) == refusal["statusCode"]
        assert problem["title"]


def test_pages_of_other_origins_are_not_served_unless_named(
    plain: Synthesized, full: Synthesized
) -> None:
    assert _methods(plain) == _asked(plain)
    preflights = {route for route in _methods(full) if route.startswith("OPTIONS ")}
    assert preflights == {f"OPTIONS {route.partition(' ')[2]}" for route in ROUTES}


def test_a_preflight_names_the_origin_that_asks(full: Synthesized) -> None:
    preflight = _methods(full)["OPTIONS /bills"]
    answer = preflight[INTEGRATION]["responses"]["default"]
    told = answer["responseParameters"]

    assert "security" not in preflight
    assert preflight[INTEGRATION]["type"] == "mock"
    assert answer["statusCode"] == "204"
    assert told["method.response.header.Access-Control-Allow-Origin"] == (
        "'https://finops.example.com'"
    )
    assert told["method.response.header.Vary"] == "'Origin'"
    assert '$origin == "http://localhost:5173"' in answer["responseTemplates"]["application/json"]
    assert "'*'" not in json.dumps(preflight)
    assert {
        f"method.response.header.{name}" for name in preflight["responses"]["204"]["headers"]
    } == (set(told))


def test_a_firewall_stands_in_front_where_asked(plain: Synthesized, full: Synthesized) -> None:
    assert not plain.resources("AWS::WAFv2::WebACL")
    [acl] = full.resources("AWS::WAFv2::WebACL").values()
    assert [rule["Name"] for rule in acl["Properties"]["Rules"]] == ["common", "rate"]
    assert len(full.resources("AWS::WAFv2::WebACLAssociation")) == 1


def test_the_firewall_lets_a_file_of_people_through(full: Synthesized) -> None:
    [acl] = full.resources("AWS::WAFv2::WebACL").values()
    common = acl["Properties"]["Rules"][0]["Statement"]["ManagedRuleGroupStatement"]

    assert common["RuleActionOverrides"] == [
        {"Name": "SizeRestrictions_BODY", "ActionToUse": {"Count": {}}}
    ]


def test_a_door_of_the_api_may_be_called_by_this_api_only(plain: Synthesized) -> None:
    permissions = plain.resources("AWS::Lambda::Permission", "Api").values()

    doors = {*LEADS_TO.values(), *LAST_LEADS_TO.values()}
    assert len(permissions) == len(doors), "one for each door"
    for permission in permissions:
        assert permission["Properties"]["Principal"] == "apigateway.amazonaws.com"
        assert "SourceArn" in permission["Properties"]
