"""An account that is shared, workloads in it, and claims of them, for tests of who holds what."""

from collections.abc import Iterable
from datetime import date

from finops.domain.audit import Act, Deed
from finops.domain.people import Person, Role
from finops.domain.rule_changes import ClaimResources, ReleaseResources
from finops.domain.rule_documents import RulesHead
from finops.domain.shares import AccountShares
from finops.domain.workloads import Workload
from finops.usecases.accounts import check_accounts
from finops.usecases.claims import claim, release
from finops.usecases.ports import Save
from finops.usecases.workloads import WorkloadPlan, plan_workload
from tests.usecases.organisation import NOW, WEB_SHOP, Organisation, act

SHARED, LAB, UNKNOWN = "444455556666", "555566667777", "999900001111"
ADMIN = "admin@example.com"


def admin(organisation: Organisation) -> Person:
    """A financial admin, who is hired where there is none yet."""
    return organisation.people.find(ADMIN) or organisation.hire(ADMIN, Role.FINANCIAL_ADMIN)


def know_accounts(organisation: Organisation) -> None:
    """Two accounts of the organization are known."""
    organisation.organizations.put(SHARED, "shared", path=("Retail",))
    organisation.organizations.put(LAB, "lab", path=())
    check_accounts(
        None,
        accounts=organisation.accounts,
        organizations=organisation.organizations,
        act=act("the organization"),
    )


def share(
    organisation: Organisation,
    account_id: str,
    *shares: tuple[str, int],
    start: date = date(2026, 2, 1),
) -> AccountShares:
    """*account_id* is split so in 2026."""
    after = AccountShares(account_id=account_id).mapped(
        shares, start=start, open_from=start, by=ADMIN, at=NOW
    )
    saved: AccountShares = organisation.shares.save(
        [Save(None, after, Deed(action="MapAccount"))], act(ADMIN)
    )[0]
    return saved


def run(
    organisation: Organisation,
    product: str = WEB_SHOP,
    name: str = "front end",
    account_id: str = SHARED,
    by: Person | None = None,
    **planned: object,
) -> Workload:
    """A workload of *product*."""
    who = by or admin(organisation)
    plan = WorkloadPlan.model_validate({"name": name, **planned})
    return plan_workload(
        *(account_id, product, plan),
        by=who,
        grounds=organisation.grounds,
        shares=organisation.shares,
        act=act(who.email),
    )


def take(
    organisation: Organisation,
    workload: Workload,
    *resources: str,
    by: Person | None = None,
    doing: Act | None = None,
    version: int | None = None,
    start: date | None = None,
) -> RulesHead:
    """*workload* claims *resources*."""
    who = by or admin(organisation)
    account = workload.account_id
    return claim(
        account,
        ClaimResources(workload_id=workload.workload_id, resources=resources, start=start),
        organisation.claims.find(account).version if version is None else version,
        by=who,
        desk=organisation.claims_desk,
        act=doing or act(who.email),
    )


def give_back(
    organisation: Organisation,
    *resources: str,
    account_id: str = SHARED,
    by: Person | None = None,
    doing: Act | None = None,
    version: int | None = None,
) -> RulesHead:
    """*resources* are released."""
    who = by or admin(organisation)
    return release(
        account_id,
        ReleaseResources(account_id=account_id, resources=resources),
        organisation.claims.find(account_id).version if version is None else version,
        by=who,
        desk=organisation.claims_desk,
        act=doing or act(who.email),
    )


def holders(organisation: Organisation, day: date, account_id: str = SHARED) -> dict[str, str]:
    """Who holds each resource on a day, by workload; AssertionError where two do."""
    held: dict[str, str] = {}
    for one in organisation.claims.find(account_id).claims:
        if day in one:
            assert one.resource_id not in held, f"{one.resource_id} has two holders on {day}"
            held[one.resource_id] = one.workload_id
    return held


def names(found: Iterable[Workload]) -> list[str]:
    return [one.name for one in found]
