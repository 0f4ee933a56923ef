"""Who pays, as it leaves the product: money as decimal text, products with their accounts."""

from calendar import monthrange
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from finops.domain.accounts import Account
from finops.domain.allocations import PartKind
from finops.domain.elements import ENTERPRISE, LEVELS, ancestors
from finops.domain.money import text
from finops.domain.people import Person
from finops.domain.periods import BillingPeriod
from finops.domain.workloads import Workload
from finops.usecases.allocation_answers import (
    BillStatus,
    ByDay,
    Days,
    Frame,
    Node,
    Paid,
    Sums,
    Tree,
    Unowned,
    added,
)
from finops.usecases.financial_scope import ScopeRow
from finops.usecases.organisation_views import ENTERPRISE_ID, labels, named
from finops.usecases.ports import Accounts, Workloads
from finops.usecases.rule_views import percent
from finops.usecases.standings import Standing
from finops.usecases.views import standing

STATUS_COLUMNS = (
    *("payer_id", "billing_period", "currency", "spend", "allocated", "unallocated"),
    *("difference", "made_at", "basis", "is_current"),
    *("last_delivery", "last_load", "complete_through", "is_final"),
)
PAID_COLUMNS = (
    *("payer_id", "account_id", "account", "kind", "charge_class", "share", "workload_id"),
    *("workload", "rule", "start", "end", "first_day", "last_day"),
)
TREE_COLUMNS = (
    *("billing_period", "element", "e1", "e2", "e3", "e4"),
    *(*PAID_COLUMNS, "currency", "amount"),
)
DAY_COLUMNS = ("billing_period", "element", "day", "kind", "currency", "amount")
UNOWNED_COLUMNS = (
    *("reason", "currency", "amount", "payer_id", "account_id", "account", "charge_class"),
    *("meant_for", "first_day", "last_day", "remedy", "owed_by"),
)
SCOPE_COLUMNS = (
    *("product_id", "names", "budget_status", "owners", "account_id", "account", "share"),
    *("status", "start", "end", "set_by", "set_at", "reason"),
)
ALLOCATED = "Allocated"


# Names --------------------------------------------------------------------------------------------


def _named(frame: Frame, id_: str) -> dict[str, Any]:
    """What somebody with a scope sees of the whole is that scope."""
    told = named(frame.charts, id_)
    is_scope = frame.is_part and id_ == ENTERPRISE
    return told | {"name": "Financial scope", "label": "Scope"} if is_scope else told


class Called(NamedTuple):
    """What accounts and workloads are called in a month, by id."""

    accounts: Mapping[str, str | None]
    workloads: Mapping[str, str]

    @classmethod
    def in_month(
        cls, month: str, accounts: Accounts, workloads: Workloads | None = None
    ) -> "Called":
        """As it was on the last day of the month; of workloads, as it is now."""
        start = BillingPeriod(month).start
        day = start.replace(day=monthrange(start.year, start.month)[1])
        known: Iterable[Account] = accounts.all()
        running: Mapping[str, Workload] = workloads.all() if workloads else {}
        return cls(
            {one.account_id: one.name_on(day) for one in known},
            {one.workload_id: one.name for one in running.values()},
        )


# How far ------------------------------------------------------------------------------------------


def sums(told: Sums) -> list[dict[str, Any]]:
    """Amounts, each in its currency."""
    return [
        {"currency": currency, "amount": text(ticks)}
        for currency, ticks in sorted(told.items(), key=lambda one: one[0] or "")
    ]


def statuses(month: str, found: Sequence[BillStatus]) -> dict[str, Any]:
    """How far a month is allocated: each bill, and all of them together."""
    whole = {
        "spend": added(one.spend for one in found),
        "allocated": added(one.allocated for one in found),
        "unallocated": added(one.unallocated for one in found),
        "difference": added(one.difference for one in found),
    }
    return {
        "billing_period": month,
        "items": [{**standing(one.standing), "amounts": _amounts(_parts(one))} for one in found],
        "totals": _amounts(whole),
    }


def _parts(one: BillStatus) -> dict[str, Sums]:
    return {
        "spend": one.spend,
        "allocated": one.allocated,
        "unallocated": one.unallocated,
        "difference": one.difference,
    }


def _amounts(parts: Mapping[str, Sums]) -> list[dict[str, Any]]:
    currencies = {currency for part in parts.values() for currency in part}
    return [
        {
            "currency": currency,
            **{name: text(part.get(currency, 0)) for name, part in parts.items()},
        }
        for currency in sorted(currencies, key=lambda one: one or "")
    ]


def status_table(found: Sequence[BillStatus]) -> tuple[list[str], list[list[Any]]]:
    """The same as a table: a row for each bill and currency."""
    rows = []
    for one in found:
        told = standing(one.standing)
        made = told.pop("allocation") or {}
        for amounts in _amounts(_parts(one)):
            line = told | made | amounts
            rows.append([line.get(name) for name in STATUS_COLUMNS])
    return list(STATUS_COLUMNS), rows


# The tree -----------------------------------------------------------------------------------------


def tree(found: Tree, called: Called) -> dict[str, Any]:
    """An element's month with all that is below it, as deep as was asked."""
    frame = found.frame
    return {
        "billing_period": frame.month.billing_period,
        "labels": labels(frame.charts[0]),
        "node": _node(found.node, frame, called),
        "unallocated": None if frame.unallocated is None else sums(frame.unallocated),
        "freshness": [standing(one) for one in frame.standings],
    }


def _node(node: Node, frame: Frame, called: Called) -> dict[str, Any]:
    return {
        **_named(frame, node.element),
        "spend": sums(node.spend),
        "children": [_node(child, frame, called) for child in node.children],
        "accounts": [paid(one, called) for one in node.accounts],
    }


def paid(one: Paid, called: Called) -> dict[str, Any]:
    """What a product pays of an account, and by what."""
    row = one.row
    return {
        "payer_id": row.payer,
        "account_id": row.account,
        "account": called.accounts.get(row.account or ""),
        "kind": str(row.kind),
        "charge_class": str(row.charge_class),
        "share": None if row.basis_points is None else percent(row.basis_points),
        "workload_id": row.workload_id,
        "workload": called.workloads.get(row.workload_id or ""),
        "rule": row.rule,
        "start": one.start.isoformat() if one.start else None,
        "end": one.end.isoformat() if one.end else None,
        "first_day": row.first_day.isoformat(),
        "last_day": row.last_day.isoformat(),
        "currency": row.currency,
        "amount": text(row.amount),
    }


def tree_table(found: Tree, called: Called) -> tuple[list[str], list[list[Any]]]:
    """The lowest level of the same as a table, so that the amounts add up; then what nobody owns."""
    frame = found.frame
    rows = []
    for node in _leaves(found.node):
        about = {
            "billing_period": frame.month.billing_period,
            "element": _named(frame, node.element)["element"],
            **_path(frame, node.element),
        }
        for part in [paid(one, called) for one in node.accounts] or sums(node.spend):
            line = about | part
            rows.append([line.get(name) for name in TREE_COLUMNS])
    for part in sums(frame.unallocated or {}):
        line = {
            "billing_period": frame.month.billing_period,
            "kind": PartKind.UNALLOCATED.value,
            **part,
        }
        rows.append([line.get(name) for name in TREE_COLUMNS])
    return list(TREE_COLUMNS), rows


def _leaves(node: Node) -> Iterator[Node]:
    if not node.children:
        yield node
    for child in node.children:
        yield from _leaves(child)


def _path(frame: Frame, id_: str) -> dict[str, str]:
    """What the elements down to *id_* are called."""
    path = ancestors(id_)[-2::-1]
    return {f"e{n}": named(frame.charts, one)["name"] for n, one in enumerate(path[:LEVELS], 1)}


# The days -----------------------------------------------------------------------------------------


def days(found: Days) -> dict[str, Any]:
    """What an element pays by day."""
    frame = found.frame
    return {
        "billing_period": frame.month.billing_period,
        **_named(frame, frame.element),
        "items": _days(found.days),
        "totals": sums(frame.spend),
        "unallocated": None if found.unallocated is None else _days(found.unallocated),
        "freshness": [standing(one) for one in frame.standings],
    }


def _days(told: ByDay) -> list[dict[str, Any]]:
    return [
        {"day": day, "currency": currency, "amount": text(ticks)}
        for (day, currency), ticks in told.items()
    ]


def day_table(found: Days) -> tuple[list[str], list[list[Any]]]:
    """The same as a table, what nobody owns behind it."""
    about = [found.frame.month.billing_period, found.frame.element or ENTERPRISE_ID]
    rows = [
        [*about, one["day"], kind, one["currency"], one["amount"]]
        for kind, told in (
            (ALLOCATED, found.days),
            (PartKind.UNALLOCATED.value, found.unallocated or {}),
        )
        for one in _days(told)
    ]
    return list(DAY_COLUMNS), rows


# What nobody owns ---------------------------------------------------------------------------------


def unallocated(
    month: str,
    found: tuple[Sequence[Standing], Sequence[Unowned]],
    called: Called,
    some: Iterable[Unowned],
    next_cursor: str | None = None,
) -> dict[str, Any]:
    """What nobody owns, why, and what would give it an owner: *some* rows, the totals of all."""
    standings, rows = found
    return {
        "billing_period": month,
        "items": [unowned(one, called) for one in some],
        "totals": sums(added({one.currency: one.amount} for one in rows)),
        "freshness": [standing(one) for one in standings],
        "next_cursor": next_cursor,
    }


def unowned(one: Unowned, called: Called) -> dict[str, Any]:
    return {
        "reason": str(one.reason),
        "currency": one.currency,
        "amount": text(one.amount),
        "payer_id": one.payer,
        "account_id": one.account,
        "account": called.accounts.get(one.account or ""),
        "charge_class": None if one.charge_class is None else str(one.charge_class),
        "meant_for": one.meant_for,
        "first_day": one.first_day.isoformat() if one.first_day else None,
        "last_day": one.last_day.isoformat() if one.last_day else None,
        "remedy": one.remedy,
        "owed_by": [role.value for role in one.owed_by],
    }


def unallocated_table(
    found: Iterable[Unowned], called: Called
) -> tuple[list[str], list[list[Any]]]:
    items = [
        item | {"owed_by": ";".join(item["owed_by"])}
        for item in (unowned(one, called) for one in found)
    ]
    return list(UNOWNED_COLUMNS), [[item[name] for name in UNOWNED_COLUMNS] for item in items]


# The financial scope ------------------------------------------------------------------------------


def scope_row(one: ScopeRow) -> dict[str, Any]:
    """A product, and an account that is split with it; or none."""
    split = one.revision
    return {
        "product_id": one.product_id,
        "names": list(one.names),
        "budget_status": one.budget_status.value if one.budget_status else None,
        "owners": [_owner(each) for each in one.owners],
        "account_id": one.account_id,
        "account": one.account,
        "share": None if one.basis_points is None else percent(one.basis_points),
        "status": one.status.value if one.status else None,
        "start": one.start.isoformat() if one.start else None,
        "end": one.end.isoformat() if one.end else None,
        "set_by": split.set_by if split else None,
        "set_at": split.set_at.isoformat() if split else None,
        "reason": split.reason if split else None,
    }


def _owner(person: Person) -> dict[str, Any]:
    return {"email": person.email, "name": person.name}


def scope_table(found: Iterable[ScopeRow]) -> tuple[list[str], list[list[Any]]]:
    """The same as a table; names from the business unit down, owners by address."""
    rows = []
    for one in found:
        item = scope_row(one)
        item["names"] = " / ".join(one.names)
        item["owners"] = ";".join(each.email for each in one.owners)
        rows.append([item[name] for name in SCOPE_COLUMNS])
    return list(SCOPE_COLUMNS), rows
