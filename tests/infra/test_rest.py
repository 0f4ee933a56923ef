"""The REST API: who gets in, and what is refused before a door is asked."""

import json
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
}
# By the last word, where a subject has several doors.
LAST_LEADS_TO = dict.fromkeys(("proposal", "remaps"), "RemapsApiremapsapi")


def _methods(synthesized: Synthesized) -> dict[str, dict[str, Any]]:
    resources = synthesized.templates["Api"]["Resources"]

    def path(reference: dict[str, Any]) -> str:
        if "Ref" not in reference:
            return ""  # the root is an attribute of the API
        part = resources[reference["Ref"]]["Properties"]
        return f"{path(part['ParentId'])}/{part['PathPart']}"

    return {
        f"{method['Properties']['HttpMethod']} {path(method['Properties']['ResourceId'])}": method[
            "Properties"
        ]
        for method in synthesized.resources("AWS::ApiGateway::Method").values()
    }


def _stage(synthesized: Synthesized) -> dict[str, Any]:
    [stage] = synthesized.resources("AWS::ApiGateway::Stage").values()
    properties: dict[str, Any] = stage["Properties"]
    return properties


def test_the_routes_are_those_of_the_product(plain: Synthesized) -> None:
    assert set(_methods(plain)) == ROUTES


def test_each_route_leads_to_the_door_of_its_subject(plain: Synthesized) -> None:
    for route, method in _methods(plain).items():
        uri = json.dumps(method["Integration"]["Uri"])
        door = LAST_LEADS_TO.get(route.rpartition("/")[2]) or LEADS_TO[route.split("/")[1]]
        assert f"{door}Function" in uri, route


def test_a_page_may_read_what_it_goes_on_with(full: Synthesized) -> None:
    told = json.dumps(_methods(full)["OPTIONS /budgets/{year}/{product}/draft"])

    assert "'ETag,Location,X-Next-Cursor,Idempotency-Replayed'" in told
    for header in ("If-Match", "If-None-Match", "Idempotency-Key"):
        assert header in told
    assert "PUT" in told


@pytest.mark.parametrize("fixture", ["plain", "full"])
def test_every_route_asks_for_a_token(fixture: str, request: pytest.FixtureRequest) -> None:
    synthesized: Synthesized = request.getfixturevalue(fixture)
    for route, method in _methods(synthesized).items():
        if not route.startswith("OPTIONS"):
            assert method["AuthorizationType"] == "COGNITO_USER_POOLS", route
            assert "AuthorizerId" in method, route


def test_every_route_is_validated(plain: Synthesized) -> None:
    [validator] = plain.resources("AWS::ApiGateway::RequestValidator").values()

    assert validator["Properties"]["ValidateRequestBody"] is True
    assert validator["Properties"]["ValidateRequestParameters"] is True
    assert all("RequestValidatorId" in method for method in _methods(plain).values())


def test_a_load_is_started_with_a_manifest_key(plain: Synthesized) -> None:
    [model] = plain.resources("AWS::ApiGateway::Model").values()
    body = _methods(plain)["POST /loads"]["RequestModels"]["application/json"]

    assert model["Properties"]["Schema"]["required"] == ["manifest_key"]
    assert body["Ref"].startswith("RestApiManifest")


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
    refusals = plain.resources("AWS::ApiGateway::GatewayResponse").values()

    assert len(refusals) == 10
    for refusal in refusals:
        properties = refusal["Properties"]
        content_type = properties["ResponseParameters"]["gatewayresponse.header.Content-Type"]
        problem = json.loads(properties["ResponseTemplates"]["application/json"])
        assert content_type == "'application/problem+json'"
        assert str(problem["status"]) == properties["StatusCode"]
        assert problem["title"]


def test_pages_of_other_origins_are_not_served_unless_named(
    plain: Synthesized, full: Synthesized
) -> None:
    assert not any(route.startswith("OPTIONS") for route in _methods(plain))
    asked = {route for route in _methods(full) if route.startswith("OPTIONS")}
    assert {f"OPTIONS {route.partition(' ')[2]}" for route in ROUTES} <= asked
    assert "https://finops.example.com" in json.dumps(_methods(full)["OPTIONS /bills"])
    assert "'*'" not in json.dumps(_methods(full)["OPTIONS /bills"])


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
