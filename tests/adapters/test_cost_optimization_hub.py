"""Cost Optimization Hub's API: asked to the last page, and believed only where it speaks for all."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError
from botocore.stub import Stubber

from finops.adapters.cost_optimization_hub import AwsCostOptimizationHub
from finops.domain.errors import UnansweredError
from finops.domain.money import TICKS_PER_UNIT
from tests.aws import client

PAYER, MEMBER, OTHER = "999988887777", "111122223333", "888877776666"
ITEM: dict[str, Any] = {
    "recommendationId": "r-1",
    "accountId": "444455556666",
    "region": "eu-west-1",
    "resourceId": "i-1",
    "resourceArn": "arn:aws:ec2:eu-west-1:444455556666:instance/i-1",
    "currentResourceType": "Ec2Instance",
    "recommendedResourceType": "Ec2Instance",
    "estimatedMonthlySavings": 30.1,
    "estimatedSavingsPercentage": 25.125,
    "estimatedMonthlyCost": 119.8,
    "currencyCode": "USD",
    "implementationEffort": "Medium",
    "restartNeeded": True,
    "actionType": "Rightsize",
    "rollbackPossible": True,
    "currentResourceSummary": "m5.xlarge",
    "recommendedResourceSummary": "m5.large",
    "lastRefreshTimestamp": datetime(2026, 9, 20, 3, tzinfo=UTC),
    "recommendationLookbackPeriodInDays": 14,
    "source": "ComputeOptimizer",
    "tags": [{"key": "Team", "value": "Shop"}],
}
ASKED = {"includeAllRecommendations": False, "maxResults": 1000}
ENROLMENT = {"includeOrganizationInfo": True, "maxResults": 100}
ACTIVE = {"accountId": PAYER, "status": "Active"}


class Aws:
    """The three services, told what to answer."""

    def __init__(self) -> None:
        self.hub = Stubber(client("cost-optimization-hub"))
        self.organizations = Stubber(client("organizations"))
        self.identity = Stubber(client("sts"))
        self.port = AwsCostOptimizationHub(
            self.hub.client, self.organizations.client, self.identity.client
        )

    def stands(self, here: str, *, of: str = PAYER) -> None:
        """The account that asks, and the payer of its organization."""
        self.identity.add_response("get_caller_identity", {"Account": here})
        self.organizations.add_response(
            "describe_organization", {"Organization": {"MasterAccountId": of}}
        )

    def enrolled(self, *items: dict[str, Any], members: bool | None = True) -> None:
        told: dict[str, Any] = {"items": list(items)}
        if members is not None:
            told["includeMemberAccounts"] = members
        self.hub.add_response("list_enrollment_statuses", told, ENROLMENT)

    def prefers(self, mode: str) -> None:
        self.hub.add_response("get_preferences", {"savingsEstimationMode": mode}, {})

    def recommends(self, *items: dict[str, Any], after: str | None = None, then: str = "") -> None:
        """A page, asked for with the token *after*, and the token that follows."""
        told: dict[str, Any] = {"items": list(items)} | ({"nextToken": then} if then else {})
        asked = ASKED | ({"nextToken": after} if after else {})
        self.hub.add_response("list_recommendations", told, asked)


@pytest.fixture
def aws() -> Iterator[Aws]:
    made = Aws()
    with made.hub, made.organizations, made.identity:
        yield made
        for service in (made.hub, made.organizations, made.identity):
            service.assert_no_pending_responses()


def test_what_it_recommends_is_told_in_our_words(aws: Aws) -> None:
    aws.stands(PAYER)
    aws.enrolled(ACTIVE)
    aws.prefers("AfterDiscounts")
    aws.recommends(ITEM)

    [found] = aws.port.of_payer(PAYER)

    assert (found.resource_id, found.account_id, found.region) == (
        "i-1",
        "444455556666",
        "eu-west-1",
    )
    assert found.monthly_savings == 301 * TICKS_PER_UNIT // 10, "30.1 to the tick"
    assert found.monthly_cost == 1_198 * TICKS_PER_UNIT // 10
    assert (found.savings_basis_points, found.is_discounted) == (2_512, True)
    assert (found.restart_needed, found.rollback_possible, found.lookback_days) == (True, True, 14)
    assert found.tags == {"Team": "Shop"}


def test_it_is_asked_to_the_last_page_and_a_page_may_be_empty(aws: Aws) -> None:
    aws.stands(PAYER)
    aws.enrolled(ACTIVE)
    aws.prefers("BeforeDiscounts")
    aws.recommends(ITEM, then="b")
    aws.recommends(after="b", then="c")
    aws.recommends(ITEM | {"recommendationId": "r-2"}, after="c")

    found = aws.port.of_payer(PAYER)

    assert [one.recommendation_id for one in found] == ["r-1", "r-2"]
    assert not any(one.is_discounted for one in found)


def test_a_plan_to_buy_has_no_resource(aws: Aws) -> None:
    aws.stands(PAYER)
    aws.enrolled(ACTIVE)
    aws.prefers("AfterDiscounts")
    plan = {name: ITEM[name] for name in ("recommendationId", "accountId", "currencyCode")} | {
        "actionType": "PurchaseSavingsPlans",
        "estimatedMonthlySavings": 100.0,
        "recommendedResourceType": "ComputeSavingsPlans",
    }
    aws.recommends(plan)

    [found] = aws.port.of_payer(PAYER)

    assert (found.resource_id, found.region, found.monthly_cost) == (None, None, None)


def test_a_delegated_administrator_speaks_for_the_payer(aws: Aws) -> None:
    aws.stands(MEMBER)
    aws.enrolled({"accountId": MEMBER, "status": "Active"}, members=True)
    aws.prefers("AfterDiscounts")
    aws.recommends()

    assert aws.port.of_payer(PAYER) == []


def test_a_member_that_is_told_of_itself_alone_does_not(aws: Aws) -> None:
    aws.stands(MEMBER)
    aws.enrolled({"accountId": MEMBER, "status": "Active"}, members=None)

    with pytest.raises(UnansweredError, match="told of itself alone; register it as delegated"):
        aws.port.of_payer(PAYER)


def test_another_organization_is_not_spoken_for(aws: Aws) -> None:
    aws.stands(PAYER)

    with pytest.raises(UnansweredError, match=f"belongs to {PAYER}; let {OTHER} deliver an export"):
        aws.port.of_payer(OTHER)


def test_an_account_without_an_organization_speaks_for_itself(aws: Aws) -> None:
    aws.identity.add_response("get_caller_identity", {"Account": MEMBER})
    aws.organizations.add_client_error("describe_organization", "AWSOrganizationsNotInUseException")
    aws.enrolled({"accountId": MEMBER, "status": "Active"}, members=None)
    aws.prefers("AfterDiscounts")
    aws.recommends(ITEM)

    assert len(aws.port.of_payer(MEMBER)) == 1


def test_where_nobody_is_enrolled_it_does_not_answer(aws: Aws) -> None:
    aws.stands(PAYER)
    aws.enrolled(ACTIVE | {"status": "Inactive"})

    with pytest.raises(UnansweredError, match=f"{PAYER} is not enrolled; enrol the organization"):
        aws.port.of_payer(PAYER)


def test_a_member_that_enrolled_by_itself_is_not_the_payer(aws: Aws) -> None:
    aws.stands(PAYER)
    aws.enrolled(ACTIVE | {"status": "Inactive"}, ACTIVE | {"accountId": MEMBER}, members=False)

    with pytest.raises(UnansweredError, match=f"{PAYER} is not enrolled; enrol the organization"):
        aws.port.of_payer(PAYER)


def test_a_member_that_may_not_ask_about_the_organization_is_told_what_to_do(aws: Aws) -> None:
    aws.stands(MEMBER)
    aws.hub.add_client_error("list_enrollment_statuses", "ValidationException", "not an admin")

    with pytest.raises(UnansweredError, match=r"\(not an admin\); register it as delegated admin"):
        aws.port.of_payer(PAYER)


def test_enrolments_are_read_to_the_last_page(aws: Aws) -> None:
    aws.stands(PAYER)
    aws.hub.add_response(
        "list_enrollment_statuses",
        {"items": [{"accountId": MEMBER, "status": "Inactive"}], "nextToken": "b"},
        ENROLMENT,
    )
    aws.hub.add_response(
        "list_enrollment_statuses",
        {"items": [ACTIVE], "includeMemberAccounts": False},
        ENROLMENT | {"nextToken": "b"},
    )
    aws.prefers("AfterDiscounts")
    aws.recommends()

    assert aws.port.of_payer(PAYER) == []


@pytest.mark.parametrize(
    "code, said",
    [
        ("AccessDeniedException", "it refuses the right to ask"),
        ("ThrottlingException", "it was asked too much"),
        ("InternalServerException", "it failed by itself"),
    ],
)
def test_a_refusal_in_the_middle_is_no_answer_at_all(aws: Aws, code: str, said: str) -> None:
    aws.stands(PAYER)
    aws.enrolled(ACTIVE)
    aws.prefers("AfterDiscounts")
    aws.recommends(ITEM, then="b")
    aws.hub.add_client_error("list_recommendations", code, "no")

    with pytest.raises(UnansweredError, match=rf"for {PAYER}: {said} \({code}: no\)"):
        aws.port.of_payer(PAYER)


def test_what_is_a_mistake_of_ours_flies(aws: Aws) -> None:
    aws.stands(PAYER)
    aws.enrolled(ACTIVE)
    aws.hub.add_client_error("get_preferences", "ValidationException")

    with pytest.raises(ClientError, match="ValidationException"):
        aws.port.of_payer(PAYER)


def test_a_service_that_cannot_be_reached_does_not_answer() -> None:
    class Nowhere:
        def __getattr__(self, _: str) -> Any:
            raise EndpointConnectionError(endpoint_url="https://nowhere")

    port = AwsCostOptimizationHub(Nowhere(), Nowhere(), Nowhere())

    with pytest.raises(UnansweredError, match="it cannot be reached"):
        port.of_payer(PAYER)
