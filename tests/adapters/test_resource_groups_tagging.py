"""The tagging API is read to its last page, and says so where it does not answer."""

from typing import Any

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError

from finops.adapters.resource_groups_tagging import ResourceGroupsTagging
from finops.domain.errors import UnansweredError

ARN = "arn:aws:ec2:eu-west-1:444455556666:instance/i-"


class Api:
    """Pages by token, as the API gives them."""

    def __init__(self, *pages: dict[str, Any] | Exception) -> None:
        self._pages = pages
        self.asked: list[dict[str, Any]] = []

    def get_resources(self, **asked: Any) -> dict[str, Any]:
        self.asked.append(asked)
        page = self._pages[len(self.asked) - 1]
        if isinstance(page, Exception):
            raise page
        return page


def page(token: str, **resources: dict[str, str]) -> dict[str, Any]:
    return {
        "PaginationToken": token,
        "ResourceTagMappingList": [
            {"ResourceARN": ARN + name, "Tags": [{"Key": k, "Value": v} for k, v in tags.items()]}
            for name, tags in resources.items()
        ],
    }


def test_every_page_is_read_also_after_one_that_holds_nothing() -> None:
    api = Api(page("2", a={"Team": "web"}), page("3"), page("", b={}))

    found = list(ResourceGroupsTagging(lambda _: api).of_region("eu-west-1"))

    assert found == [(f"{ARN}a", {"Team": "web"}), (f"{ARN}b", {})]
    assert [one.get("PaginationToken") for one in api.asked] == [None, "2", "3"]


@pytest.mark.parametrize(
    "error",
    [
        ClientError({"Error": {"Code": "AccessDeniedException", "Message": "no"}}, "GetResources"),
        EndpointConnectionError(endpoint_url="https://tagging.mars-north-1.amazonaws.com"),
    ],
)
def test_a_region_that_does_not_answer_is_told_with_the_reason(error: Exception) -> None:
    asked: list[str] = []

    def client_of(region: str) -> Api:
        asked.append(region)
        return Api(page("2", a={}), error)

    with pytest.raises(UnansweredError, match="of mars-north-1 did not answer"):
        list(ResourceGroupsTagging(client_of).of_region("mars-north-1"))
    assert asked == ["mars-north-1"]
