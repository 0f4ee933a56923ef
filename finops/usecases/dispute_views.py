"""What a dispute proposes, as it leaves the product: the changes, and what products would pay."""

from typing import Any

from finops.domain.money import text
from finops.domain.rule_changes import Change, ClaimResources, MapAccount, ReleaseResources
from finops.usecases.disputes import SeenProposal
from finops.usecases.rule_views import percent


def proposal(found: SeenProposal) -> dict[str, Any]:
    """The remap that is proposed for a card; of products out of sight one number each."""
    card, dispute = found.card, found.dispute
    return {
        "product_id": card.product_id,
        "start": card.start.isoformat(),
        "currency": card.currency,
        "status": card.status.value,
        "awaits_run": card.awaits is not None,
        "amount": text(card.amount),
        "reason": dispute.reason,
        "proposed_by": dispute.signature.by,
        "acting_for": dispute.signature.acting_for,
        "proposed_at": dispute.at.isoformat(),
        "preview_id": found.proposed.preview_id,
        "billing_period": card.month,
        "changes": [_change(one, found) for one in found.proposed.changes],
        "effect": [
            {"product_id": product, "difference": text(ticks)} for product, ticks in found.effect
        ],
        "rest": text(found.rest),
        "version": card.version,
    }


def _change(change: Change, found: SeenProposal) -> dict[str, Any]:
    """A change as `/previews` takes it, but for what is out of sight."""
    told: dict[str, Any] = {
        "kind": change.kind,
        **dict.fromkeys(("account_id", "start", "shares", "others_basis_points")),
        **dict.fromkeys(("workload_id", "resources")),
        "reason": change.reason,
    }
    if isinstance(change, MapAccount):
        seen = [(product, points) for product, points in change.shares if found.sees(product)]
        others = sum(points for _, points in change.shares) - sum(points for _, points in seen)
        told |= {
            "account_id": change.account_id,
            "shares": [
                {"product_id": product, "basis_points": points, "percent": percent(points)}
                for product, points in seen
            ],
            "others_basis_points": others,
        }
    elif isinstance(change, ClaimResources):
        is_seen = found.sees_workload(change.workload_id)
        told |= {
            "workload_id": change.workload_id if is_seen else None,
            "resources": list(change.resources),
        }
    elif isinstance(change, ReleaseResources):
        told |= {"account_id": change.account_id, "resources": list(change.resources)}
    if isinstance(change, MapAccount | ClaimResources):
        told["start"] = change.start.isoformat() if change.start else None
    return told
