"""Workloads, claims and spaces as they leave the product: money as decimal text."""

from collections.abc import Iterable, Mapping
from datetime import date, datetime
from typing import Any

from finops.domain.claims import AccountClaims
from finops.domain.credits import Credit
from finops.domain.rule_documents import RulesHead
from finops.domain.workloads import Workload
from finops.usecases.claims import SeenClaim
from finops.usecases.credits_views import credit
from finops.usecases.organisation_views import ENTERPRISE_ID, money, shown
from finops.usecases.spaces import Space, Spaces
from finops.usecases.views import standing
from finops.usecases.workloads import Standing

WORKLOAD_COLUMNS = (
    *("workload_id", "name", "product_id", "account_id", "launch", "end", "monthly"),
    *("estimate_url", "spent", "warnings", "version"),
)
CLAIM_COLUMNS = (
    *("resource_id", "workload_id", "workload", "product_id", "start", "end"),
    *("claimed_by", "claimed_at", "released_by", "released_at"),
)
SPACE_COLUMNS = (
    *("account_id", "name", "type", "state", "kind", "product_id", "start", "end"),
    *("basis_points", "status", "workload_id", "workload", "monthly", "spent", "claims"),
    *("credit_id", "text", "currency", "amount", "balance", "expiry"),
)
CREDIT_WORDS = (
    *("credit_id", "text", "product_id", "currency", "amount", "balance", "start", "expiry"),
)


# Workloads ----------------------------------------------------------------------------------------


@shown.register
def workload(one: Workload) -> dict[str, Any]:
    return {
        "workload_id": one.workload_id,
        "name": one.name,
        "product_id": one.product_id,
        "account_id": one.account_id,
        "launch": one.launch,
        "end": one.end,
        "monthly": money(one.monthly),
        "components": [
            {"name": part.name, "monthly": money(part.monthly)} for part in one.components
        ],
        "estimate_url": one.estimate_url,
        "version": one.version,
    }


def workload_standing(one: Standing) -> dict[str, Any]:
    """A workload, and how it stands in the running month."""
    return {
        **workload(one.workload),
        "spent": money(one.spent),
        "warnings": [warning.value for warning in one.warnings],
    }


def workload_table(found: Iterable[Standing]) -> tuple[list[str], list[list[Any]]]:
    """The same as a table, without components; warnings by their names."""
    rows = []
    for one in found:
        item = workload_standing(one)
        told = item | {"warnings": ";".join(item["warnings"])}
        rows.append([told[name] for name in WORKLOAD_COLUMNS])
    return list(WORKLOAD_COLUMNS), rows


# Claims -------------------------------------------------------------------------------------------


@shown.register
def account_claims(one: AccountClaims) -> dict[str, Any]:
    """The same as `claims_head`."""
    times = (at for claim in one.claims for at in (claim.claimed_at, claim.released_at) if at)
    return _claims(one.account_id, max(times, default=None), one.version)


def claims_head(head: RulesHead) -> dict[str, Any]:
    """When an account's claims changed last, not how many there are: some are of others."""
    return _claims(head.of, head.changed_at, head.version)


def _claims(account_id: str, changed_at: datetime | None, version: int) -> dict[str, Any]:
    return {"of": account_id, "changed_at": _time(changed_at), "version": version}


def claim(one: SeenClaim, workloads: Mapping[str, Workload]) -> dict[str, Any]:
    """Who claimed a resource and when, for which workload and product, and who released it."""
    of = one.claim
    known = workloads.get(of.workload_id)
    return {
        "resource_id": of.resource_id,
        "workload_id": of.workload_id,
        "workload": known.name if known else None,
        "product_id": of.product_id,
        "start": of.start.isoformat(),
        "end": of.end.isoformat() if of.end else None,
        "claimed_by": of.claimed_by,
        "claimed_at": of.claimed_at.isoformat(),
        "released_by": of.released_by,
        "released_at": _time(of.released_at),
    }


def claim_table(
    found: Iterable[SeenClaim], workloads: Mapping[str, Workload]
) -> tuple[list[str], list[list[Any]]]:
    """The same as a table."""
    rows = [list(claim(one, workloads).values()) for one in found]
    return list(CLAIM_COLUMNS), rows


# Spaces -------------------------------------------------------------------------------------------


def spaces(found: Spaces, some: Iterable[Space], credits_: Iterable[Credit]) -> dict[str, Any]:
    """Some accounts and credits of a scope in a month, and how fresh that is."""
    return {
        "element": found.element or ENTERPRISE_ID,
        "billing_period": str(found.month),
        "as_of": found.day.isoformat(),
        "items": [space(one) for one in some],
        "credits": [space_credit(one, found.day) for one in credits_],
        "freshness": [standing(one) for one in found.standings],
    }


def space(one: Space) -> dict[str, Any]:
    """An account of a scope: its splits, as far as they are of the scope, and its workloads."""
    return {
        **_account(one),
        "shares": [
            {
                "start": share.revision.start.isoformat(),
                "end": share.revision.end.isoformat(),
                "status": share.status.value,
                "products": [
                    {"product_id": product, "basis_points": points}
                    for product, points in share.shares
                ],
                "others_basis_points": share.others,
            }
            for share in one.shares
        ],
        "workloads": [
            {
                "workload_id": each.workload.workload_id,
                "name": each.workload.name,
                "product_id": each.workload.product_id,
                "launch": each.workload.launch,
                "end": each.workload.end,
                "monthly": money(each.workload.monthly),
                "spent": money(each.spent),
                "claims": each.claims,
            }
            for each in one.workloads
        ],
    }


def space_credit(one: Credit, day: date) -> dict[str, Any]:
    """A credit with its status on a day: its dates are its first and its last day."""
    told = credit(one)
    return {name: told[name] for name in CREDIT_WORDS} | {"status": one.status(day).value}


def space_table(
    some: Iterable[Space], credits_: Iterable[Credit], day: date
) -> tuple[list[str], list[list[Any]]]:
    """The same as a table: a row for each product's share, each workload of an account, each credit.

    The start and end of a workload are its first and its last month.
    """
    rows: list[list[Any]] = []
    for one in some:
        account, item = _account(one), space(one)
        for share in item["shares"]:
            dates = {name: share[name] for name in ("start", "end", "status")}
            rows += [
                _row(account | dates | product | {"kind": "Share"}) for product in share["products"]
            ]
        rows += [
            _row(
                each
                | account
                | {"kind": "Workload", "start": each["launch"], "workload": each["name"]}
            )
            for each in item["workloads"]
        ]
    rows += [_row(space_credit(one, day) | {"kind": "Credit"}) for one in credits_]
    return list(SPACE_COLUMNS), rows


def _row(told: Mapping[str, Any]) -> list[Any]:
    return [told.get(name) for name in SPACE_COLUMNS]


def _account(one: Space) -> dict[str, Any]:
    account = one.account
    return {
        "account_id": one.account_id,
        "name": account.names[-1].value if account and account.names else None,
        "type": account.type.value if account and account.type else None,
        "state": account.state.value if account else None,
    }


def _time(at: datetime | None) -> str | None:
    return at.isoformat() if at else None
