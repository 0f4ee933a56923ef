"""Explanations as they leave the product: money as decimal text, and the path of the next step."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date
from typing import Any
from urllib.parse import quote, urlencode

from finops.domain.money import text
from finops.ledger.origins import BillLine
from finops.usecases.allocated import Month
from finops.usecases.explain import (
    FILTERS,
    Asked,
    Charged,
    ChargesOf,
    Explanation,
    Grouped,
    Said,
    percent,
)
from finops.usecases.explain_lines import LinesExplained, LinesOf
from finops.usecases.views import freshness

# The words of a row that the next question is narrowed by.
NARROWED = ("account", "day", "service", "class", "payer", "currency", *FILTERS)
GROUP_COLUMNS = (
    *("payer_id", "currency", "service", "class", "charge_category", "invoice_id", "issuer"),
    *("kind", "workload_id", "rule", "share", "reason", "meant_for", "whole", "part"),
)
CHARGE_COLUMNS = (
    *("charge_id", "resource_id", "region", "line_item_type", "tags", "lines", "cost"),
    *("claimed_by", "claimed_at", "claimed_from", "next"),
)
LINE_COLUMNS = (
    *("file", "row", "line_item_id", "time_interval", "line_item_type", "resource_id"),
    *("usage_type", "operation", "description", "quantity", "unit", "unblended_cost", "cost"),
)


# A figure ---------------------------------------------------------------------------------------


def explanation(found: Explanation) -> dict[str, Any]:
    """A figure in rows, the rules that they name, and where each row leads."""
    return {
        **_asked(found.asked),
        "by": list(found.by),
        "rows": [_row(found, row) for row in found.rows],
        "totals": _totals(found.totals),
        "rules": list(map(_rule, found.rules)),
        "freshness": _freshness(found.month),
    }


def explanation_table(found: Explanation) -> tuple[list[str], list[list[Any]]]:
    """The same rows as a header and rows."""
    header = [*found.by, "amount", "next"]
    return header, [[told[name] for name in header] for told in explanation(found)["rows"]]


def _row(found: Explanation, row: Sequence[Any]) -> dict[str, Any]:
    *words, ticks = row
    told = dict(zip(found.by, words, strict=True))
    narrowed = {
        word: "" if told[word] is None else str(told[word]) for word in NARROWED if word in told
    }
    return {
        **{name: _cell(name, value) for name, value in told.items()},
        "amount": text(ticks),
        "next": _next(found.asked, narrowed),
    }


def _next(asked: Asked, narrowed: Mapping[str, str]) -> str:
    """Where a row leads: from an account to its days, from a day to its charges."""
    query = {**_question(asked), **narrowed}
    is_day = "account" in query and "day" in query
    return _path(asked.product_id, "charges" if is_day else None, query)


def _path(product: str, step: str | None, query: Mapping[str, str]) -> str:
    parts = ["explain", product, *([step] if step else [])]
    return (
        f"/{'/'.join(quote(part, safe='') for part in parts)}?{urlencode(query, quote_via=quote)}"
    )


def _question(asked: Asked) -> dict[str, str]:
    told: dict[str, str | None] = {
        "month": asked.billing_period,
        "account": asked.account,
        "day": asked.day.isoformat() if asked.day else None,
        "service": asked.service,
        "class": asked.charge_class,
        "payer": asked.payer,
        "currency": asked.currency,
        **dict(asked.more),
    }
    return {name: value for name, value in told.items() if value is not None}


def _asked(asked: Asked) -> dict[str, Any]:
    return {
        "product_id": asked.product_id,
        "billing_period": asked.billing_period,
        "asked": {name: value for name, value in _question(asked).items() if name != "month"},
    }


def _cell(name: str, value: Any) -> Any:
    if isinstance(value, date):
        return value.isoformat()
    return percent(value) if name == "share" and value is not None else value


def _totals(totals: Mapping[str | None, int]) -> list[dict[str, Any]]:
    return [
        {"currency": currency, "amount": text(ticks)}
        for currency, ticks in sorted(totals.items(), key=lambda one: one[0] or "")
    ]


def _rule(said: Said) -> dict[str, Any]:
    return {
        "kind": said.kind,
        "rule": said.rule,
        "of": said.of,
        "start": said.start,
        "end": said.end,
        "said": said.said,
        "set_by": said.set_by,
        "set_at": said.set_at,
        "reason": said.reason,
    }


def _freshness(month: Month) -> list[dict[str, Any]]:
    """How fresh each bill is, and what of it was allocated; null: nothing yet."""
    made = {run.allocation.billing_account_id: run.allocation for run in month.runs}
    return [
        {
            **freshness(bill),
            "allocation": {
                "run_id": one.run_id,
                "made_at": one.made_at.isoformat(),
                "basis": one.basis.value,
                "is_of_last_load": one.load_id == bill.load_id,
            }
            if (one := made.get(bill.billing_account_id))
            else None,
        }
        for bill in month.bills
    ]


# Its charges ------------------------------------------------------------------------------------


def charges(found: ChargesOf) -> dict[str, Any]:
    """The groups of charges that were given out together, with the product's part of each."""
    return {
        **_asked(found.asked),
        "groups": [
            {
                **_group(group),
                "charges": [_charge(one, group, found.asked) for one in group.charges],
                "others": group.others,
                "rest": text(group.rest),
            }
            for group in found.groups
        ],
        "totals": _totals(found.totals),
        "rules": list(map(_rule, found.rules)),
        "freshness": _freshness(found.month),
    }


def charges_table(found: ChargesOf) -> tuple[Sequence[str], list[list[Any]]]:
    """The same, a row for each charge; what is left of a group is a row without one."""
    return (*GROUP_COLUMNS, *CHARGE_COLUMNS), list(_charge_rows(found))


def _charge_rows(found: ChargesOf) -> Iterator[list[Any]]:
    for group in found.groups:
        of = _group(group)
        rows = [_charge(one, group, found.asked) for one in group.charges]
        if group.others:
            rows.append({"lines": None, "cost": text(group.rest)})
        for row in rows:
            yield [of[name] for name in GROUP_COLUMNS] + [row.get(name) for name in CHARGE_COLUMNS]


def _group(group: Grouped) -> dict[str, Any]:
    return {
        "payer_id": group.payer,
        "currency": group.currency,
        "service": group.service,
        "class": group.charge_class,
        "charge_category": group.charge_category,
        "invoice_id": group.invoice_id,
        "issuer": group.issuer,
        "kind": group.kind,
        "workload_id": group.workload_id,
        "rule": group.rule,
        "share": _cell("share", group.basis_points),
        "reason": group.reason,
        "meant_for": group.meant_for,
        "whole": text(group.whole),
        "part": text(group.part),
    }


def _charge(one: Charged, group: Grouped, asked: Asked) -> dict[str, Any]:
    query = _question(asked) | {"payer": group.payer, "charge": one.charge_id}
    return {
        "charge_id": one.charge_id,
        "resource_id": one.resource_id,
        "region": one.region,
        "line_item_type": one.line_item_type,
        "tags": one.tags,
        "lines": one.lines,
        "cost": text(one.cost),
        "claimed_by": one.claimed_by,
        "claimed_at": one.claimed_at,
        "claimed_from": one.claimed_from,
        "next": _path(asked.product_id, "lines", query),
    }


# Their lines ------------------------------------------------------------------------------------


def lines(found: LinesExplained) -> dict[str, Any]:
    """The bill's lines behind charges, and what leads from what they state to what those cost."""
    return {
        **_asked(found.asked),
        "bills": [_bill(one) for one in found.of],
        "freshness": _freshness(found.month),
    }


def _bill(one: LinesOf) -> dict[str, Any]:
    allocation = one.run.allocation
    return {
        "payer_id": allocation.billing_account_id,
        "load_id": allocation.load_id,
        "currency": one.charges[0].key.billing_currency,
        "basis": one.basis.value,
        "format": one.format,
        "charges": len(one.charges),
        "number": one.number,
        "lines": [_line(line, one.files) for line in one.lines],
        "others": one.others,
        "rest_unblended_cost": text(*one.rest_stated),
        "rest_cost": text(*one.rest_cost),
        "unblended_cost": text(*one.stated),
        "steps": [
            {"step": step.value, "amount": text(*amount)} for step, amount in one.steps.items()
        ],
        "cost": text(one.cost),
    }


def lines_table(found: LinesExplained) -> tuple[list[str], list[list[Any]]]:
    """The same lines as a header and rows; what is left of them is a row without a place."""
    rows: list[list[Any]] = []
    for one in found.of:
        of = [one.run.allocation.billing_account_id, one.charges[0].key.billing_currency]
        told: Iterable[dict[str, Any]] = (_line(line, one.files) for line in one.lines)
        rows += [[*of, *(line[name] for name in LINE_COLUMNS)] for line in told]
        if one.others:
            rest = {
                "description": f"{one.others} more lines",
                "unblended_cost": text(*one.rest_stated),
                "cost": text(*one.rest_cost),
            }
            rows.append([*of, *(rest.get(name) for name in LINE_COLUMNS)])
    return ["payer_id", "currency", *LINE_COLUMNS], rows


def _line(line: BillLine, files: Sequence[str]) -> dict[str, Any]:
    return {
        "file": files[line.file],
        "row": line.row,
        "line_item_id": line.line_item_id,
        "time_interval": line.time_interval,
        "line_item_type": line.line_item_type,
        "resource_id": line.resource_id,
        "usage_type": line.usage_type,
        "operation": line.operation,
        "description": line.description,
        "quantity": line.quantity,
        "unit": line.unit,
        "unblended_cost": text(*line.unblended),
        "cost": text(*line.cost),
    }
