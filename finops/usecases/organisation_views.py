"""The organisation as it leaves the product: money as decimal text, elements with their names."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from functools import singledispatch
from typing import TYPE_CHECKING, Any

from finops.domain.accounts import Account, AccountCheck, AccountTask
from finops.domain.audit import AuditRecord
from finops.domain.budgets import Budget
from finops.domain.chart_loads import ChartHead, ChartLoad
from finops.domain.charts import Chart, ChartChange, ChartReport, Product
from finops.domain.elements import ENTERPRISE, level
from finops.domain.figures import NOTHING, Line
from finops.domain.gates import Gate
from finops.domain.money import text
from finops.domain.people import Person
from finops.domain.saving_tasks import SavingTask
from finops.domain.tasks import MissingOwner, Task
from finops.usecases.card_tasks import OwedCard

if TYPE_CHECKING:
    from finops.usecases.budgets import OnDesk
    from finops.usecases.plans import Plan
    from finops.usecases.ports import Spending
    from finops.usecases.tasks import Owed

ENTERPRISE_ID = "enterprise"
SOME_CHANGES = 1_000  # of each kind, in an answer; the report beside the file has all


def money(ticks: int | None) -> str | None:
    return None if ticks is None else text(ticks)


def months(ticks: Sequence[int | None] | None) -> list[str | None] | None:
    return None if ticks is None else [money(one) for one in ticks]


def element_said(said: str | None) -> str:
    """The element that somebody names by *said*; the enterprise by its id, or by nothing."""
    return ENTERPRISE if said in (None, ENTERPRISE_ID) else str(said)


# The columns of lists, as tables; an empty one has them too.
PERSON_COLUMNS = (
    *("email", "name", "role", "level", "scope", "status"),
    *("changed_at", "reminded_at", "version"),
)
NAMED_COLUMNS = ("element", "name", "level", "label")
TASK_COLUMNS = (
    *("kind", "year", *NAMED_COLUMNS, "owed_by", "is_escalated", "since"),
    *("account_id", "notice", "credit_id", "saving_id", "savings"),
    *("start", "end", "currency", "amount", "pace", "due", "acting_for"),
)
MISSING_COLUMNS = ("year", *NAMED_COLUMNS, "goes_to", "tasks")


@singledispatch
def shown(entity: Any) -> dict[str, Any]:
    """An entity as its own resource shows it."""
    raise TypeError(f"nobody has said how to show a {type(entity).__name__}")


# People -------------------------------------------------------------------------------------------


@shown.register
def person(one: Person) -> dict[str, Any]:
    return {
        "email": one.email,
        "name": one.name,
        "role": one.role.value,
        "level": one.role.level,
        "scope": list(one.scope),
        "status": one.status.value,
        "changed_at": _time(one.changed_at),
        "reminded_at": _time(one.reminded_at),
        "version": one.version,
    }


# Charts -------------------------------------------------------------------------------------------


@shown.register
def chart_head(head: ChartHead) -> dict[str, Any]:
    return {
        "year": head.year,
        "products": head.products,
        "annual": text(head.annual),
        "load_id": head.load_id,
        "changed_at": _time(head.changed_at),
        "version": head.version,
    }


@shown.register
def chart_load(load: ChartLoad) -> dict[str, Any]:
    return {
        "load_id": load.load_id,
        "year": load.year or None,
        "status": load.status.value,
        "file_name": load.file_name,
        "loaded_by": load.loaded_by,
        "loaded_at": _time(load.loaded_at),
        "chart_version": load.chart_version,
        "rows": load.rows,
        "added": load.added,
        "changed": load.changed_products,
        "ended": load.ended,
        "unchanged": load.unchanged,
        "flagged": load.flagged,
        "errors": load.errors,
        "warnings": load.warnings,
    }


def chart_report(report: ChartReport, *, most: int | None = None) -> dict[str, Any]:
    """What a file does: counts of all changes, and the changes themselves (*most* of each kind)."""
    lists = {
        "added": report.added,
        "changed": report.changed,
        "ended": report.ended,
        "flagged": report.flagged,
    }
    return {
        "file_name": report.file_name,
        "year": report.controls.year if report.controls else None,
        "starts": report.start.isoformat() if report.start else None,
        "labels": list(report.labels) if report.labels else None,
        "rows": report.rows,
        "annual_before": text(report.annual_before),
        "annual_after": text(report.annual_after),
        "counts": {name: len(found) for name, found in lists.items()}
        | {"unchanged": len(report.unchanged), "errors": len(report.errors)},
        **{name: [_change(one) for one in found[:most]] for name, found in lists.items()},
        "errors": [error.model_dump() for error in report.errors[:most]],
        "warnings": list(report.warnings[:most]),
    }


def _change(change: ChartChange) -> dict[str, Any]:
    return {
        "product_id": change.product_id,
        "names": list(change.names),
        "annual_before": money(change.before),
        "annual_after": money(change.after),
    }


def chart_in_list(head: ChartHead, *, with_totals: bool) -> dict[str, Any]:
    """A chart as everybody may know of it; its totals are for those who see the whole."""
    told = chart_head(head)
    hidden = {"products": None, "annual": None, "load_id": None}
    return told if with_totals else told | hidden


def chart_rows(chart: Chart, seen: Iterable[Product]) -> list[dict[str, Any]]:
    """The products of a chart, each with its steps."""
    year = chart.fiscal_year
    return [
        {
            "product_id": product.id,
            "names": list(product.names),
            "starts": product.starts.isoformat(),
            "ends": product.ends(year).isoformat(),
            "steps": [
                {"start": step.start.isoformat(), "annual": money(step.annual)}
                for step in product.steps
            ],
            "proposed": months(product.proposed),
        }
        for product in seen
    ]


def chart_table(chart: Chart, seen: Iterable[Product]) -> tuple[list[str], list[list[Any]]]:
    """The same as a table, in the columns of a chart file and what the year has made of them."""
    header = [*chart.labels, "Annual amount", "ProductId", "Starts", "Ends"]
    day = chart.fiscal_year.last_day
    rows = [
        [
            *product.names,
            money(product.annual(day)),
            product.id,
            product.starts.isoformat(),
            product.ends(chart.fiscal_year).isoformat(),
        ]
        for product in seen
    ]
    return header, rows


def labels(chart: Chart | None) -> dict[str, Any] | None:
    """What the levels are called in a year."""
    if chart is None:
        return None
    return {"year": chart.year, **{f"e{n}": name for n, name in enumerate(chart.labels, start=1)}}


def element(chart: Chart, id_: str) -> dict[str, Any]:
    """An element as a view names it."""
    return {
        "element": id_ or ENTERPRISE_ID,
        "name": chart.names(id_),
        "level": level(id_),
        "label": chart.labels[level(id_) - 1] if id_ != ENTERPRISE else "Enterprise",
    }


def named(charts: Sequence[Chart], id_: str) -> dict[str, Any]:
    """An element as `element` has it, with the labels of the first chart.

    One that is in none of the charts goes by the last part of its id.
    """
    label = charts[0].labels[level(id_) - 1] if charts and id_ != ENTERPRISE else "Enterprise"
    for chart in charts:
        if id_ == ENTERPRISE or chart.products_under(id_):
            return element(chart, id_) | {"label": label}
    is_whole = id_ == ENTERPRISE
    return {
        "element": id_ or ENTERPRISE_ID,
        "name": "Enterprise" if is_whole else id_.rpartition(".")[2],
        "level": level(id_),
        "label": label if charts or is_whole else f"E{level(id_)}",
    }


# Budgets ------------------------------------------------------------------------------------------


@shown.register
def budget(one: Budget) -> dict[str, Any]:
    return {
        "product_id": one.product_id,
        "year": one.year,
        "status": one.status.value,
        "draft": months(one.draft),
        "approved": months(one.approved),
        "planned": text(one.planned),
        "drafted_by": one.drafted_by,
        "submitted_by": one.submitted_by,
        "submitted_at": _time(one.submitted_at),
        "requested_by": one.requested_by,
        "reason": one.reason,
        "schedules": [
            {
                "number": schedule.number,
                "months": months(schedule.months),
                "annual": text(schedule.annual),
                "submitted_by": schedule.submitted_by,
                "approved_by": schedule.approved_by,
                "approved_at": _time(schedule.approved_at),
                "reason": schedule.reason,
            }
            for schedule in one.schedules
        ],
        "estimate": {
            "monthly": text(one.estimate.monthly),
            "url": one.estimate.url,
            "stated_by": one.estimate.stated_by,
            "approved_by": one.estimate.approved_by,
        }
        if one.estimate
        else None,
        "changed_at": _time(one.changed_at),
        "version": one.version,
    }


def budget_in_chart(found: "OnDesk", today: date, spending: "Spending") -> dict[str, Any]:
    """A budget with what the chart says of its product, and its figures."""
    from finops.usecases.plans import product_line

    year = found.chart.fiscal_year
    spent = spending.spent(year.months).products.get(found.product.id, NOTHING)
    line = product_line(found.product, found.budget, spent, year, today)
    return {
        **budget(found.budget),
        "names": list(found.product.names),
        "proposed": months(found.product.proposed),
        "months": [str(month) for month in year.months],
        "locked_months": len(found.locked(today)),
        "figures": figures(line, year.running(today)),
    }


def budget_in_list(found: "OnDesk") -> dict[str, Any]:
    """A row of the list of budgets."""
    one = found.budget
    return {
        "product_id": found.product.id,
        "names": list(found.product.names),
        "status": one.status.value,
        "annual": text(found.limit),
        "planned": text(one.planned),
        "approved": months(one.approved),
        "changed_at": _time(one.changed_at),
        "version": one.version,
    }


def budget_table(chart: Chart, found: Sequence["OnDesk"]) -> tuple[list[str], list[list[Any]]]:
    """The same as a table, in the columns of a chart file."""
    header = [
        *(*chart.labels, "Annual amount", "ProductId", "Status", "Planned"),
        *(f"Approved {month}" for month in chart.fiscal_year.months),
    ]
    rows = [
        [
            *one.product.names,
            *(text(one.limit), one.product.id, one.budget.status.value, text(one.budget.planned)),
            *(months(one.budget.approved) or [None] * 12),
        ]
        for one in found
    ]
    return header, rows


def budget_version(one: Budget, record: AuditRecord) -> dict[str, Any]:
    """A state that a budget was in, and how it came about."""
    return {
        "action": record.action,
        "actor": record.actor,
        "at": _time(record.at),
        "reason": record.reason,
        "budget": budget(one),
    }


def figures(line: Line, current: int | None) -> dict[str, Any]:
    """The figures of specification section 5."""
    found = line.figures(current)
    return {name: money(value) for name, value in found.model_dump().items()}


@shown.register
def gate(one: Gate) -> dict[str, Any]:
    return {
        "portfolio": one.portfolio,
        "estimate_approval_above": money(one.monthly),
        "version": one.version,
    }


# Plans --------------------------------------------------------------------------------------------


def plan(found: "Plan") -> dict[str, Any]:
    """An element's year and its children's: by month and as a whole."""
    year = found.chart.fiscal_year
    return {
        **_node(found, found.element, found.line),
        "year": year.year,
        "labels": labels(found.chart),
        "months": [str(month) for month in year.months],
        "children": [_node(found, child, line) for child, line in found.children],
        "unallocated": _by_currency(found.unallocated),
        "other_currencies": _by_currency(found.others),
    }


def _by_currency(sums: "Mapping[str | None, Sequence[int]]") -> list[dict[str, Any]]:
    return [
        {"currency": currency, "months": months(spent), "total": text(sum(spent))}
        for currency, spent in sums.items()
    ]


def _node(found: "Plan", id_: str, line: Line) -> dict[str, Any]:
    return {
        **_named(found, id_),
        "products": line.products,
        "budgeted_products": line.budgeted,
        "statuses": dict(sorted(line.counts.items())),
        "figures": figures(line, found.current),
        "approved": months(line.approved),
        "spent": months(line.spent),
        "variance": months(line.variances),
        "unbudgeted_spend": months(line.unbudgeted),
    }


def _named(found: "Plan", id_: str) -> dict[str, Any]:
    """An element as a plan names it; what somebody with a scope sees of the whole is that scope."""
    told = element(found.chart, id_)
    is_scope = found.is_part and id_ == ENTERPRISE
    return told | {"name": "Financial scope", "label": "Scope"} if is_scope else told


PLAN_COLUMNS = (
    *("Element", "Level", "Label", "Name", "Products", "BudgetedProducts"),
    *("Annual", "Planned", "Unallocated", "Spent", "Variance", "EoyPlanned", "EoyForecast"),
)


def plan_table(found: "Plan") -> tuple[list[str], list[list[Any]]]:
    """The same as a table: the element first, then its children; approved amounts by month."""
    header = [*PLAN_COLUMNS, *(f"Approved {month}" for month in found.chart.fiscal_year.months)]
    rows = []
    for id_, line in ((found.element, found.line), *found.children):
        told = figures(line, found.current)
        about = _named(found, id_)
        rows.append(
            [
                *(about[name] for name in ("element", "level", "label", "name")),
                *(line.products, line.budgeted),
                *(told[name] for name in ("annual", "planned", "unallocated", "spent")),
                *(told[name] for name in ("variance", "eoy_planned", "eoy_forecast")),
                *(months(line.approved) or ()),
            ]
        )
    return header, rows


# Tasks --------------------------------------------------------------------------------------------


def task(one: "Owed", charts: Mapping[int, Chart]) -> dict[str, Any]:
    """What somebody owes: a step on an element of a year, an account, a credit, a card, or savings."""
    nothing = dict.fromkeys(TASK_COLUMNS)
    if isinstance(one, OwedCard):
        card = one.card
        return nothing | {
            "kind": one.kind.value,
            "year": one.year,
            **named([charts[one.year]] if one.year in charts else [], card.product_id),
            "owed_by": one.task.owed_by or ENTERPRISE_ID,
            "is_escalated": one.task.is_escalated,
            "since": _time(one.since),
            "start": card.start.isoformat(),
            "end": card.end.isoformat(),
            "currency": card.currency,
            "amount": text(card.amount),
            "pace": card.colour.word,
            "due": _time(one.due),
            "acting_for": one.acting_for,
        }
    if isinstance(one, Task):
        return nothing | {
            "kind": one.kind.value,
            "year": one.year,
            **element(charts[one.year], one.element),
            "owed_by": one.owed_by or ENTERPRISE_ID,
            "is_escalated": one.is_escalated,
            "since": _time(one.since),
        }
    told = nothing | {
        "name": one.name,
        "label": "Account",
        "owed_by": ENTERPRISE_ID,
        "is_escalated": False,
        "since": _time(one.since),
        "account_id": one.account_id,
    }
    if isinstance(one, AccountTask):
        return told | {"kind": one.need.value, "notice": one.kind.value}
    if isinstance(one, SavingTask):
        return told | {
            "kind": one.kind.value,
            "label": "Saving",
            "saving_id": one.saving_id,
            "savings": one.number,
            "currency": one.currency,
            "amount": text(one.amount),
        }
    if one.credit_id is not None:
        told |= {"label": "Credit", "credit_id": one.credit_id}
    return told | {"kind": one.kind.value}


def missing_owner(one: MissingOwner, charts: Mapping[int, Chart]) -> dict[str, Any]:
    return {
        "year": one.year,
        **named([charts[one.year]] if one.year in charts else [], one.element),
        "goes_to": one.goes_to or ENTERPRISE_ID,
        "tasks": one.tasks,
    }


# Accounts -----------------------------------------------------------------------------------------

ACCOUNT_COLUMNS = (
    *("account_id", "name", "payer", "path", "type", "state", "state_since", "email"),
    *("joined", "first_seen", "notices", "changed_at", "version"),
)


@shown.register
def account(one: Account) -> dict[str, Any]:
    return {
        **account_in_list(one),
        "tags": dict(one.tags),
        "names": [_dated(each.since, each.value) for each in one.names],
        "payers": [_dated(each.since, each.value) for each in one.payers],
        "paths": [_dated(each.since, list(each.value)) for each in one.paths],
    }


def account_in_list(one: Account, on: date | None = None) -> dict[str, Any]:
    """An account as a list has it; its name, payer and place as of the day *on*, or now."""
    day = on or date.max
    path = one.path_on(day)
    return {
        "account_id": one.account_id,
        "name": one.name_on(day),
        "payer": one.payer_on(day),
        "path": None if path is None else list(path),
        "type": one.type.value if one.type else None,
        "state": one.state.value,
        "state_since": one.state_since.isoformat(),
        "email": one.email,
        "joined": one.joined.isoformat() if one.joined else None,
        "first_seen": one.first_seen.isoformat(),
        "notices": [
            {"kind": each.kind.value, "since": _time(each.since), "need": each.need.value}
            for each in one.notices
        ],
        "changed_at": _time(one.changed_at),
        "version": one.version,
    }


def account_table(found: Iterable[Account], on: date | None) -> tuple[list[str], list[list[Any]]]:
    """The same as a table: a place as a path from the root, which is `/`; notices by their kind."""
    rows = []
    for one in found:
        item = account_in_list(one, on)
        path = None if item["path"] is None else f"/{'/'.join(item['path'])}"
        kinds = ";".join(notice["kind"] for notice in item["notices"])
        rows.append([(item | {"path": path, "notices": kinds})[name] for name in ACCOUNT_COLUMNS])
    return list(ACCOUNT_COLUMNS), rows


ACCOUNT_TASK_COLUMNS = ("account_id", "name", "notice", "need", "since", "owed_by")


def account_task(one: AccountTask) -> dict[str, Any]:
    return {
        "account_id": one.account_id,
        "name": one.name,
        "notice": one.kind.value,
        "need": one.need.value,
        "since": _time(one.since),
        "owed_by": [role.value for role in one.owed_by],
    }


@shown.register
def account_check(one: AccountCheck) -> dict[str, Any]:
    return {
        "status": one.status.value,
        "force": one.force,
        "asked_by": one.asked_by,
        "asked_at": _time(one.asked_at),
        "began_at": _time(one.began_at),
        "listed": one.listed,
        "found": dict(one.found),
        "detail": one.detail,
        "version": one.version,
    }


def _dated(since: date, value: Any) -> dict[str, Any]:
    return {"since": since.isoformat(), "value": value}


# Audit --------------------------------------------------------------------------------------------


def audit_record(record: AuditRecord) -> dict[str, Any]:
    """A record as it is kept; before and after are the JSON text that was sealed."""
    return record.model_dump(mode="json")


def _time(at: Any) -> str | None:
    return at.isoformat() if at else None
