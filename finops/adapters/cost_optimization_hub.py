"""What AWS Cost Optimization Hub recommends to an organization, through its API.

Only the management account, or a member that is delegated administrator of the service, is told of
all accounts; any other account is told of itself alone, which must not be taken for all there is.
"""

import json
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from botocore.exceptions import ClientError, HTTPClientError
from botocore.exceptions import ConnectionError as UnconnectedError

from finops.domain.errors import UnansweredError
from finops.domain.money import carried
from finops.domain.savings import WHOLE, Recommendation, billed_id

PAGE = 1000
ENROLMENTS = 100
SERVICE = "cost-optimization-hub.bcm.amazonaws.com"
# What AWS says where it does not answer; anything else is a defect of ours and flies.
REASONS: Mapping[str, str] = {
    "AccessDeniedException": "it refuses the right to ask",
    "ThrottlingException": "it was asked too much",
    "InternalServerException": "it failed by itself",
    "ServiceUnavailableException": "it failed by itself",
}
# What it makes of a question about the organization from an account that may not ask it.
NO_ADMINISTRATOR = "ValidationException"
NO_ORGANIZATION = "AWSOrganizationsNotInUseException"


class AwsCostOptimizationHub:
    """`finops.usecases.ports.Recommendations`, of the organization that this account is in."""

    def __init__(self, hub: Any, organizations: Any, identity: Any) -> None:
        self._hub, self._organizations, self._identity = hub, organizations, identity

    def of_payer(self, payer: str) -> list[Recommendation]:
        try:
            self._must_speak_for(payer)
            is_discounted = self._is_discounted()
            return [_recommendation(one, is_discounted) for one in self._pages()]
        except ClientError as error:
            code = error.response["Error"]["Code"]
            if code not in REASONS:
                raise
            said = error.response["Error"].get("Message", "")
            raise _unanswered(payer, f"{REASONS[code]} ({code}: {said[:200]})") from error
        except (UnconnectedError, HTTPClientError) as error:
            raise _unanswered(payer, f"it cannot be reached ({error})") from error

    def _must_speak_for(self, payer: str) -> None:
        """Raises UnansweredError where what it says would not be all of *payer*'s recommendations."""
        here = str(self._identity.get_caller_identity()["Account"])
        own = self._payer(here)
        if own != payer:
            raise _unanswered(
                payer,
                f"account {here} belongs to {own}; let {payer} deliver an export of its "
                "recommendations",
            )
        try:
            found, is_of_all = self._enrolments()
        except ClientError as error:
            if error.response["Error"]["Code"] != NO_ADMINISTRATOR:
                raise
            said = error.response["Error"].get("Message", "")[:200]
            raise _alone(payer, here, f" ({said})") from error
        if here != payer and not is_of_all:
            raise _alone(payer, here)
        # A member may be enrolled by itself: of the others nothing is recommended then.
        if found.get(payer, found.get(here)) != "Active":
            raise _unanswered(
                payer, f"{payer} is not enrolled; enrol the organization in Cost Optimization Hub"
            )

    def _payer(self, here: str) -> str:
        try:
            described = self._organizations.describe_organization()["Organization"]
        except ClientError as error:
            if error.response["Error"]["Code"] == NO_ORGANIZATION:
                return here
            raise
        return str(described["MasterAccountId"])

    def _enrolments(self) -> tuple[dict[str, str], bool]:
        """Accounts by their enrolment, and whether it is that of the whole organization."""
        found: dict[str, str] = {}
        is_of_all, token = False, None
        while True:
            page = self._hub.list_enrollment_statuses(
                includeOrganizationInfo=True,
                maxResults=ENROLMENTS,
                **({"nextToken": token} if token else {}),
            )
            found |= {one["accountId"]: one["status"] for one in page.get("items", ())}
            # Only who speaks for the organization is told whether its members are in it.
            is_of_all = is_of_all or "includeMemberAccounts" in page
            token = page.get("nextToken")
            if not token:
                return found, is_of_all

    def _is_discounted(self) -> bool:
        """Whether its amounts are after discounts, as the organization prefers."""
        mode = self._hub.get_preferences().get("savingsEstimationMode")
        return bool(mode == "AfterDiscounts")

    def _pages(self) -> Iterator[Mapping[str, Any]]:
        """All that is recommended, one of what excludes each other; a page may be empty."""
        token = None
        while True:
            page = self._hub.list_recommendations(
                includeAllRecommendations=False,
                maxResults=PAGE,
                **({"nextToken": token} if token else {}),
            )
            yield from page.get("items", ())
            token = page.get("nextToken")
            if not token:
                return


def _unanswered(payer: str, why: str) -> UnansweredError:
    return UnansweredError(f"Cost Optimization Hub did not answer for {payer}: {why}")


def _alone(payer: str, here: str, said: str = "") -> UnansweredError:
    return _unanswered(
        payer,
        f"account {here} is told of itself alone{said}; register it as delegated administrator of "
        f"{SERVICE}, or let {payer} deliver an export of its recommendations",
    )


def _recommendation(said: Mapping[str, Any], is_discounted: bool) -> Recommendation:
    share = said.get("estimatedSavingsPercentage")
    refreshed: datetime | None = said.get("lastRefreshTimestamp")
    tags = {tag["key"]: tag.get("value", "") for tag in said.get("tags", ()) if "key" in tag}
    return Recommendation(
        source=said.get("source") or "CostOptimizationHub",
        recommendation_id=said["recommendationId"],
        account_id=said["accountId"],
        region=said.get("region") or None,
        resource_id=billed_id(said.get("resourceArn") or said.get("resourceId")),
        resource_type=said.get("currentResourceType") or None,
        action_type=said["actionType"],
        current=said.get("currentResourceSummary") or None,
        recommended=said.get("recommendedResourceSummary") or None,
        recommended_type=said.get("recommendedResourceType") or None,
        currency=said["currencyCode"],
        monthly_savings=_ticks(said["estimatedMonthlySavings"]),
        monthly_cost=_optional(said.get("estimatedMonthlyCost")),
        is_discounted=is_discounted,
        savings_basis_points=None if share is None else round(_exact(share) * WHOLE / 100),
        effort=said.get("implementationEffort") or None,
        restart_needed=said.get("restartNeeded"),
        rollback_possible=said.get("rollbackPossible"),
        lookback_days=said.get("recommendationLookbackPeriodInDays"),
        refreshed_at=refreshed.astimezone(UTC) if refreshed is not None else None,
        tags=dict(sorted(tags.items())),
    )


def _optional(amount: float | None) -> int | None:
    return None if amount is None else _ticks(amount)


def _ticks(amount: float) -> int:
    return carried([_exact(amount)])[0]


def _exact(amount: float) -> Decimal:
    """The shortest decimals that are that double, which is what AWS wrote."""
    return Decimal(json.dumps(amount))
