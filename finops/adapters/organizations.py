"""The organization as AWS Organizations lists it: accounts, where they stand, and their tags."""

from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any

from botocore.exceptions import ClientError

from finops.domain.accounts import AccountState, Listed, Listing

SIDE_BY_SIDE = 4  # AWS allows few calls a second; the client waits where they are too many
STATES: Mapping[str, AccountState] = {
    "ACTIVE": AccountState.ACTIVE,
    "PENDING_ACTIVATION": AccountState.PENDING_ACTIVATION,
    "SUSPENDED": AccountState.SUSPENDED,
    "PENDING_CLOSURE": AccountState.PENDING_CLOSURE,
    "CLOSED": AccountState.CLOSED,
}
Tags = tuple[tuple[str, str], ...]
Path = tuple[str, ...]


class AwsOrganizations:
    """`finops.usecases.ports.Organizations`.

    `ListAccounts` says who belongs to it; the tree, walked once, says where. An account that is
    moved meanwhile may be met nowhere: then its place is not said.
    """

    def __init__(self, client: Any) -> None:
        self._client = client

    def listing(self) -> Listing:
        payer = self._client.describe_organization()["Organization"]["MasterAccountId"]
        accounts = list(self._pages("list_accounts", "Accounts"))
        paths = dict(self._places())
        ids = [account["Id"] for account in accounts]
        with ThreadPoolExecutor(SIDE_BY_SIDE) as pool:
            tags = dict(zip(ids, pool.map(self._tags, ids), strict=True))
        said = [_listed(one, paths.get(one["Id"]), tags[one["Id"]]) for one in accounts]
        return Listing(payer=payer, accounts=tuple(said))

    def _places(self) -> Iterator[tuple[str, Path]]:
        """Each account, and the names of the units above it."""
        ahead: list[tuple[str, Path]] = [
            (root["Id"], ()) for root in self._pages("list_roots", "Roots")
        ]
        while ahead:
            parent, path = ahead.pop()
            for account in self._pages("list_accounts_for_parent", "Accounts", ParentId=parent):
                yield account["Id"], path
            units = self._pages(
                "list_organizational_units_for_parent", "OrganizationalUnits", ParentId=parent
            )
            ahead += [(unit["Id"], (*path, unit["Name"])) for unit in units]

    def _tags(self, account_id: str) -> Tags | None:
        """Not said of an account that has left since it was listed."""
        try:
            found = self._pages("list_tags_for_resource", "Tags", ResourceId=account_id)
            return tuple(sorted((tag["Key"], tag["Value"]) for tag in found))
        except ClientError as error:
            if error.response["Error"]["Code"] == "TargetNotFoundException":
                return None
            raise

    def _pages(self, operation: str, items: str, **asked: Any) -> Iterator[Any]:
        """All *items*, to the last page: one without any may have others after it."""
        call = getattr(self._client, operation)
        page = call(**asked)
        yield from page.get(items, ())
        while token := page.get("NextToken"):
            page = call(**asked, NextToken=token)
            yield from page.get(items, ())


def _listed(account: Mapping[str, Any], path: Path | None, tags: Tags | None) -> Listed:
    joined: datetime | None = account.get("JoinedTimestamp")
    return Listed(
        account_id=account["Id"],
        name=account.get("Name") or account["Id"],
        email=account.get("Email"),
        state=_state(account),
        joined=joined.astimezone(UTC).date() if joined else None,
        path=path,
        tags=tags,
    )


def _state(account: Mapping[str, Any]) -> AccountState:
    """`State`; `Status`, which AWS retires on 2026-09-09, where only that is said.

    A word that AWS has added since is Unknown: better than none of the listing.
    """
    return STATES.get(account.get("State") or account.get("Status") or "", AccountState.UNKNOWN)
