"""Resources as they leave the product: what each cost, and who has claimed it."""

from collections.abc import Sequence
from datetime import date
from typing import Any

from finops.domain.claim_rules import read_tags
from finops.domain.money import text
from finops.domain.resources import BilledResource, Total
from finops.usecases.organisation_views import money
from finops.usecases.resources import Holding, ResourcePage
from finops.usecases.views import freshness

CLAIM, CLAIM_RULE = "Claim", "ClaimRule"
COLUMNS = (
    *("payer_id", "account_id", "resource_id", "name", "service", "region"),
    *("first_day", "last_day", "currency", "billed_cost", "effective_cost", "held_by"),
    *("product_id", "workload_id", "workload", "claimed_by", "claimed_at", "rule_id"),
    *("start", "end", "part_of", "tags"),
)


def answer(page: ResourcePage) -> dict[str, Any]:
    """A page of resources, the totals of all that fit, and how fresh they are."""
    return {
        "billing_period": page.month,
        "items": [_resource(one, holding) for one, holding in page.resources],
        "resources": page.number,
        "totals": [_total(total) for total in page.totals],
        "freshness": [freshness(bill) for bill in page.bills],
        "next_cursor": page.next_cursor,
    }


def table(page: ResourcePage) -> tuple[Sequence[str], list[list[Any]]]:
    """The same page as a header and rows; tags as one JSON text."""
    rows = []
    for one, holding in page.resources:
        told = _resource(one, holding)
        told |= (told["claim"] or {}) | (told["claim_rule"] or {}) | {"tags": one.tags}
        rows.append([told.get(name) for name in COLUMNS])
    return COLUMNS, rows


def _resource(one: BilledResource, holding: Holding | None) -> dict[str, Any]:
    return {
        "payer_id": one.payer,
        "account_id": one.account_id,
        "resource_id": one.resource_id,
        "name": one.name,
        "service": one.service,
        "region": one.region,
        "tags": None if one.tags is None else dict(read_tags(one.tags)),
        "currency": one.currency,
        "first_day": _day(one.first_day),
        "last_day": _day(one.last_day),
        "billed_cost": money(one.billed_cost),
        "effective_cost": money(one.effective_cost),
        "part_of": one.part_of,
        **_holding(holding),
    }


def _holding(holding: Holding | None) -> dict[str, Any]:
    """Whose a resource is; only that it is somebody's, where that is not the caller's to know."""
    if holding is None:
        return {"held_by": None, "claim": None, "claim_rule": None}
    workload = holding.workload.name if holding.workload else None
    claim, rule = holding.claim, holding.rule
    return {
        "held_by": CLAIM_RULE if holding.by_rule else CLAIM,
        "claim": claim
        and {
            "product_id": claim.product_id,
            "workload_id": claim.workload_id,
            "workload": workload,
            "claimed_by": claim.claimed_by,
            "claimed_at": claim.claimed_at.isoformat(),
            "start": _day(claim.start),
            "end": _day(claim.end),
        },
        "claim_rule": rule
        and {
            "product_id": rule.product_id,
            "workload_id": rule.workload_id,
            "workload": workload,
            "rule_id": rule.rule_id,
            "start": _day(rule.start),
            "end": _day(rule.end),
        },
    }


def _total(total: Total) -> dict[str, Any]:
    return {
        "currency": total.currency,
        "resources": total.number,
        "billed_cost": text(total.billed_cost),
        "effective_cost": text(total.effective_cost),
    }


def _day(day: date | None) -> str | None:
    return None if day is None else day.isoformat()
