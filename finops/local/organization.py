"""The sample company's organization, which local AWS knows from its first start.

An account that is made in local AWS gets its id by chance, and no bill would know it. So the whole
organization is there before anything starts, with the ids that the sample bills charge; its payer is
another account than the one that the product runs in, as it should be.
"""

import json
from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime, timedelta
from typing import Any, NamedTuple

from finops.domain.accounts import AccountType
from finops.domain.errors import FinOpsError
from finops.domain.periods import BillingPeriod
from finops.local.local_aws import ACCOUNT_ID

SEED = 1  # of the bills of the same company
STATE = "organizations"  # the service that starts with it
FORM = 2  # of what local AWS keeps of a service
FOUNDED = date(2023, 1, 9)  # the oldest account; the others came a month apart
OPENED_IN = BillingPeriod("2026-08")  # the month of its bills in which the newest account is opened
TYPES: Mapping[str, AccountType] = {
    "production": AccountType.PRODUCTION,
    "pre-production": AccountType.PRE_PRODUCTION,
    "shared": AccountType.SHARED,
    "development": AccountType.DEVELOPMENT,
    "sandbox": AccountType.SANDBOX,
}
# What becomes of it between two bills: payments are for all business units now, the old catalogue
# is closed.
MOVED, MOVED_TO = "payments-production", ("Technology", "Production")
CLOSED = "catalogue-legacy"


class NotOursError(FinOpsError):
    """Local AWS holds another organization than the sample company's."""


class Member(NamedTuple):
    """An account as the organization has it, and what it is for; *path* is the units above it."""

    account_id: str
    name: str
    email: str
    path: tuple[str, ...]
    environment: str
    joined: date

    @property
    def type(self) -> AccountType:
        return TYPES[self.environment]


def members() -> Mapping[str, Member]:
    """The accounts by their names in the sample, the payer first; it stands at the root."""
    # Bills are made with libraries that take long to import, which few commands need.
    from finops.local.sample.organisation import ACCOUNTS, COMPANIES, PAYER
    from finops.local.sample.sources import account_id

    company = COMPANIES[SEED - 1].lower()
    return {
        name: Member(
            account_id=account_id(name, SEED),
            name=f"{company}-{name}",
            email=f"aws+{name}@{company}.example",
            path=() if name == PAYER else (one.business_unit, TYPES[one.environment].value),
            environment=one.environment,
            joined=OPENED_IN.start + timedelta(one.opened)
            if one.opened
            else FOUNDED + timedelta(30 * number),
        )
        for number, (name, one) in enumerate(ACCOUNTS.items())
    }


def at_first() -> Mapping[str, str]:
    """The state that local AWS starts with, by service, in the form in which it keeps its own."""
    there = members()
    payer = next(iter(there.values())).account_id
    arn = f"arn:aws:organizations::{payer}"
    organization, root = "o-fernhollow1", "r-fern"
    units = {(): root} | {
        path: f"ou-fern-{number:08}" for number, path in enumerate(_units(there), start=1)
    }
    stores: Mapping[str, Mapping[str, Any]] = {
        "orgs": {
            "self": {
                "Id": organization,
                "Arn": f"{arn}:organization/{organization}",
                "FeatureSet": "ALL",
                "MasterAccountArn": f"{arn}:account/{organization}/{payer}",
                "MasterAccountId": payer,
                "MasterAccountEmail": there["management"].email,
                "AvailablePolicyTypes": [],
            }
        },
        "roots": {
            root: {
                "Id": root,
                "Arn": f"{arn}:root/{organization}/{root}",
                "Name": "Root",
                "PolicyTypes": [],
            }
        },
        "ous": {
            units[path]: {
                "Id": units[path],
                "Arn": f"{arn}:ou/{organization}/{units[path]}",
                "Name": path[-1],
                "Path": f"/{'/'.join(path)}/",
                "_ParentId": units[path[:-1]],
            }
            for path in units
            if path
        },
        "accounts": {
            one.account_id: {
                "Id": one.account_id,
                "Arn": f"{arn}:account/{organization}/{one.account_id}",
                "Email": one.email,
                "Name": one.name,
                "Status": "ACTIVE",
                "JoinedMethod": "CREATED",
                "JoinedTimestamp": int(
                    datetime.combine(one.joined, datetime.min.time(), UTC).timestamp()
                ),
                "Path": f"/{'/'.join(one.path)}",
                "_ParentId": units[one.path],
            }
            for one in there.values()
        },
        "tags": {one.account_id: {"Environment": one.environment} for one in there.values()},
    }
    kept = {name: _of_account(store) for name, store in stores.items()}
    return {STATE: json.dumps({"__ministack_format__": FORM, "payload": kept})}


def _units(there: Mapping[str, Member]) -> Iterator[tuple[str, ...]]:
    """Every unit once, each after the one above it."""
    yield from dict.fromkeys(one.path[:1] for one in there.values() if one.path)
    yield from dict.fromkeys(one.path for one in there.values() if one.path)


def _of_account(store: Mapping[str, Any]) -> dict[str, Any]:
    """*store* as what the account of this machine is told when it asks."""
    return {
        "__scoped__": True,
        "data": {f"{ACCOUNT_ID}\x00{key!r}": value for key, value in store.items()},
    }


def must_be_there(organizations: Any) -> None:
    """Raises NotOursError where the *organizations* client finds another organization."""
    found = organizations.describe_organization()["Organization"]["MasterAccountId"]
    if found != members()["management"].account_id:
        raise NotOursError(
            "local AWS was started before it knew the sample company's organization:"
            " `finops local reset` forgets what it stores, and starts with it the next time"
        )


def reorganize(organizations: Any) -> tuple[str, ...]:
    """Moves an account and closes one, as far as not done before; the names of those changed."""
    there = members()
    moved, closed = there[MOVED], there[CLOSED]
    units = dict(_unit_ids(organizations))
    changed = []
    [parent] = organizations.list_parents(ChildId=moved.account_id)["Parents"]
    if parent["Id"] != units[MOVED_TO]:
        organizations.move_account(
            AccountId=moved.account_id,
            SourceParentId=parent["Id"],
            DestinationParentId=units[MOVED_TO],
        )
        changed.append(moved.name)
    account = organizations.describe_account(AccountId=closed.account_id)["Account"]
    if account["Status"] == "ACTIVE":
        organizations.close_account(AccountId=closed.account_id)
        changed.append(closed.name)
    return tuple(changed)


def _unit_ids(organizations: Any) -> Iterator[tuple[tuple[str, ...], str]]:
    """The ids of all units, by their paths."""
    ahead: list[tuple[tuple[str, ...], str]] = [
        ((), root["Id"]) for root in organizations.list_roots()["Roots"]
    ]
    while ahead:
        path, parent = ahead.pop()
        found = organizations.list_organizational_units_for_parent(ParentId=parent)
        below = [((*path, unit["Name"]), unit["Id"]) for unit in found["OrganizationalUnits"]]
        yield from below
        ahead += below
