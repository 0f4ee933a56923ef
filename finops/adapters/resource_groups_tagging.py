"""AWS's tagging API: the resources of a region that have tags, or once had some."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from finops.domain.errors import UnansweredError

PAGE = 100  # resources; the API gives no more


class ResourceGroupsTagging:
    """`finops.usecases.ports.TaggedResources` of the account whose *client_of* a region it is."""

    def __init__(self, client_of: Callable[[str], Any]) -> None:
        self._client_of = client_of

    def of_region(self, region: str) -> Iterator[tuple[str, Mapping[str, str]]]:
        """To the last page: one without a token to go on with. A page may hold nothing."""
        asked: dict[str, Any] = {"ResourcesPerPage": PAGE}
        try:
            client = self._client_of(region)
            while True:
                page = client.get_resources(**asked)
                for one in page["ResourceTagMappingList"]:
                    yield (
                        one["ResourceARN"],
                        {tag["Key"]: tag["Value"] for tag in one.get("Tags", ())},
                    )
                token = page.get("PaginationToken")
                if not token:
                    return
                asked["PaginationToken"] = token
        except (ClientError, BotoCoreError) as error:
            raise UnansweredError(f"the tagging API of {region} did not answer: {error}") from error
