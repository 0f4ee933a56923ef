"""Who pays, as it leaves the product: splits of accounts, class policies and claim rules."""

from collections.abc import Iterable
from typing import Any

from finops.domain.class_policies import ClassPolicies, ClassPolicy, PolicyKind
from finops.domain.rule_documents import RulesHead
from finops.domain.shares import AccountShares, Renewal, Revision, Shares
from finops.usecases.claim_rules import SeenRule
from finops.usecases.class_policies import SeenPolicy
from finops.usecases.organisation_views import shown
from finops.usecases.shares import SeenShares, Sees

SHARES_COLUMNS = (
    *("account_id", "name", "type", "state", "status", "product_id", "share", "start", "end"),
    *("next_change", "renewal", "version"),
)
POLICY_COLUMNS = (
    *("payer_id", "charge_class", "policy", "product_id", "start", "set_by", "set_at", "reason"),
    "version",
)
RULE_COLUMNS = (
    *("rule_id", "workload_id", "workload", "product_id", "account_id", "tag_key", "tag_value"),
    *("name", "service", "start", "end"),
)
OTHERS = "(others)"


# Shares -------------------------------------------------------------------------------------------


@shown.register
def account_shares(one: AccountShares) -> dict[str, Any]:
    return {
        "account_id": one.account_id,
        "revisions": [_revision(each) for each in one.revisions],
        "version": one.version,
    }


def shares_in_list(one: SeenShares) -> dict[str, Any]:
    """An account as a list has it: who pays for it now, and what comes next."""
    account, current, following, renewal = one.account, one.current, one.next, one.renewal
    return {
        "account_id": one.account_id,
        "name": account.name_on(one.on) if account else None,
        "type": account.type.value if account and account.type else None,
        "state": account.state.value if account else None,
        "status": one.shares.status(current, one.on).value if current else None,
        "current": _revision(current, one.sees) if current else None,
        "next": {
            "start": following.start.isoformat(),
            "end": following.end.isoformat() if following.revision else None,
            **_parts(following.revision.shares if following.revision else (), one.sees),
        }
        if following
        else None,
        "renewal": _renewal(renewal, one.sees) if renewal else None,
        "version": one.shares.version,
    }


def shares_of_account(one: SeenShares) -> dict[str, Any]:
    """An account with every split it ever had, and what is in force on which days."""
    return {
        **shares_in_list(one),
        "on": one.on.isoformat(),
        "revisions": [
            _revision(each, one.sees) | {"status": one.shares.status(each, one.on).value}
            for each in one.revisions
        ],
        "spans": [
            {
                "start": span.start.isoformat(),
                "end": span.end.isoformat(),
                "number": span.revision.number if span.revision else None,
            }
            for span in one.spans()
        ],
    }


def shares_table(found: Iterable[SeenShares]) -> tuple[list[str], list[list[Any]]]:
    """The list as a table: a row for each product that pays now, in percent."""
    rows = []
    for one in found:
        item = shares_in_list(one)
        current = item["current"]
        told = item | {
            "start": current and current["start"],
            "end": current and current["end"],
            "next_change": item["next"] and item["next"]["start"],
            "renewal": item["renewal"] and item["renewal"]["start"],
        }
        parts = [
            (each["product_id"], each["percent"]) for each in (current or {"shares": []})["shares"]
        ]
        if current and current["others_basis_points"]:
            parts.append((OTHERS, percent(current["others_basis_points"])))
        for product, share in parts or [(None, None)]:
            line = told | {"product_id": product, "share": share}
            rows.append([line[name] for name in SHARES_COLUMNS])
    return list(SHARES_COLUMNS), rows


def percent(points: int) -> str:
    """Basis points as people write them.

    >>> percent(3333), percent(10_000)
    ('33.33', '100.00')
    """
    return f"{points // 100}.{points % 100:02}"


def _everything(product: str) -> bool:
    return True


def _revision(one: Revision, sees: Sees = _everything) -> dict[str, Any]:
    return {
        "number": one.number,
        "start": one.start.isoformat(),
        "end": one.end.isoformat(),
        **_parts(one.shares, sees),
        "set_by": one.set_by,
        "set_at": one.set_at.isoformat(),
        "reason": one.reason,
    }


def _renewal(one: Renewal, sees: Sees) -> dict[str, Any]:
    return {
        "start": one.start.isoformat(),
        "end": one.end.isoformat(),
        **_parts(one.shares, sees),
    }


def _parts(shares: Shares, sees: Sees) -> dict[str, Any]:
    """The parts that somebody may see, and the sum of the others."""
    return {
        "shares": [
            {"product_id": product, "basis_points": points, "percent": percent(points)}
            for product, points in shares
            if sees(product)
        ],
        "others_basis_points": sum(points for product, points in shares if not sees(product)),
    }


# Class policies -----------------------------------------------------------------------------------


@shown.register
def class_policies(one: ClassPolicies) -> dict[str, Any]:
    return {
        "payer_id": one.payer,
        "policies": [
            {"charge_class": each.charge_class.value} | _policy(each) for each in one.policies
        ],
        "version": one.version,
    }


def policy_in_list(one: SeenPolicy) -> dict[str, Any]:
    """How a class goes now, and how it went."""
    now = {
        "policy": PolicyKind.FOLLOW_SHARES.value,
        **dict.fromkeys(("number", "product_id", "start", "set_by", "set_at", "reason")),
    }
    return {
        "payer_id": one.payer,
        "charge_class": one.charge_class.value,
        **(_policy(one.now) if one.now else now),
        "history": [_policy(each) for each in one.history],
        "version": one.version,
    }


def policy_table(found: Iterable[SeenPolicy]) -> tuple[list[str], list[list[Any]]]:
    """What is in force now, as a table."""
    items = [policy_in_list(one) for one in found]
    return list(POLICY_COLUMNS), [[item[name] for name in POLICY_COLUMNS] for item in items]


def _policy(one: ClassPolicy) -> dict[str, Any]:
    return {
        "number": one.number,
        "policy": one.kind.value,
        "product_id": one.product_id,
        "start": one.start,
        "set_by": one.set_by,
        "set_at": one.set_at.isoformat(),
        "reason": one.reason,
    }


# Claim rules --------------------------------------------------------------------------------------


@shown.register
def rules_head(head: RulesHead) -> dict[str, Any]:
    """What a change of a document tells: how many it holds now, not each of them."""
    return {
        "of": head.of,
        "number": head.number,
        "changed_at": head.changed_at.isoformat(),
        "version": head.version,
    }


def claim_rule(one: SeenRule) -> dict[str, Any]:
    rule = one.rule
    return {
        "rule_id": rule.rule_id,
        "workload_id": rule.workload_id,
        "workload": one.workload.name if one.workload else None,
        "product_id": rule.product_id,
        "account_id": rule.account_id,
        "tag": rule.tag.model_dump() if rule.tag else None,
        "name": rule.name,
        "service": rule.service,
        "start": rule.start.isoformat(),
        "end": rule.end.isoformat() if rule.end else None,
    }


def rule_table(found: Iterable[SeenRule]) -> tuple[list[str], list[list[Any]]]:
    """The same as a table, a tag's key and pattern beside each other."""
    rows = []
    for one in found:
        item = claim_rule(one)
        tag = item["tag"] or {"key": None, "value": None}
        line = item | {"tag_key": tag["key"], "tag_value": tag["value"]}
        rows.append([line[name] for name in RULE_COLUMNS])
    return list(RULE_COLUMNS), rows
