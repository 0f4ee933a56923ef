"""Budgets: planned by who owns the product, decided by who owns the portfolio, never by one person."""

from collections.abc import Callable, Mapping, Sequence
from datetime import date
from typing import Any, NamedTuple

from finops.domain.audit import Act, AuditRecord, Deed
from finops.domain.authorization import NATURAL_LEVEL, Action, may, must
from finops.domain.budgets import TRANSITIONS, Budget, BudgetStatus, Command, Estimate
from finops.domain.charts import Chart, Product
from finops.domain.elements import ENTERPRISE, covers, level, parent
from finops.domain.errors import ConflictError, InvalidError, NotFoundError
from finops.domain.gates import Gate
from finops.domain.people import Holders, Person, holders, owed_at
from finops.usecases.charts import chart_of, seen_chart
from finops.usecases.ports import Audit, Budgets, Charts, People

ACTIONS: Mapping[Command, Action] = {
    Command.SAVE_DRAFT: Action.PLAN_BUDGET,
    Command.SUBMIT: Action.PLAN_BUDGET,
    Command.REQUEST_RESCHEDULE: Action.PLAN_BUDGET,
    Command.STATE_ESTIMATE: Action.PLAN_BUDGET,
    Command.APPROVE: Action.DECIDE_BUDGET,
    Command.REJECT: Action.DECIDE_BUDGET,
    Command.APPROVE_RESCHEDULE: Action.DECIDE_BUDGET,
    Command.REFUSE_RESCHEDULE: Action.DECIDE_BUDGET,
    Command.APPROVE_ESTIMATE: Action.DECIDE_BUDGET,
}
EVENTS: Mapping[Command, str | None] = {
    Command.SAVE_DRAFT: None,
    Command.STATE_ESTIMATE: None,
    Command.SUBMIT: "BudgetSubmitted",
    Command.APPROVE: "BudgetApproved",
    Command.REJECT: "BudgetRejected",
    Command.REQUEST_RESCHEDULE: "RescheduleRequested",
    Command.APPROVE_RESCHEDULE: "RescheduleApproved",
    Command.REFUSE_RESCHEDULE: "RescheduleRefused",
    Command.APPROVE_ESTIMATE: "EstimateApproved",
}


PORTFOLIO = 3


class Desk(NamedTuple):
    """What a budget is worked on with."""

    charts: Charts
    budgets: Budgets
    people: People


class OnDesk(NamedTuple):
    """A product, its budget, and what the chart says of it today."""

    chart: Chart
    product: Product
    budget: Budget
    limit: int

    def locked(self, today: date) -> dict[int, int]:
        """The months that are over, and what was approved for them: another schedule keeps it.

        So the version in force then is what each month is measured by, whatever is planned since.
        """
        approved = self.budget.approved
        running = self.chart.fiscal_year.running(today)
        if approved is None:
            return {}
        return dict(enumerate(approved[: len(approved) if running is None else max(0, running)]))


def see_budget(product_id: str, year: int, today: date, *, by: Person, desk: Desk) -> OnDesk:
    """A product's budget. Raises NotFoundError, also for a product outside the scope of *by*."""
    must(by, Action.SEE_ELEMENT, product_id)
    return _on_desk(product_id, year, today, desk)


class Seen(NamedTuple):
    """Products of a chart, and the budgets that somebody has touched."""

    chart: Chart
    products: Sequence[Product]
    budgets: Mapping[str, Budget]

    def on_desk(self, product: Product, today: date) -> OnDesk:
        """One of them as a whole."""
        budget = self.budgets.get(product.id) or Budget.new(product.id, self.chart.year)
        return OnDesk(self.chart, product, budget, product.limit(today) or 0)


def seen_budgets(
    year: int,
    *,
    by: Person,
    desk: Desk,
    status: BudgetStatus | None = None,
    under: str = ENTERPRISE,
) -> Seen:
    """The products whose budgets *by* may see; of this *status* and *under* this element only."""
    chart, products = seen_chart(year, by=by, charts=desk.charts)
    known = desk.budgets.of_year(year)

    def is_wanted(product: Product) -> bool:
        budget = known.get(product.id)
        of = budget.status if budget else BudgetStatus.NEW
        return covers(under, product.id) and status in (None, of)

    return Seen(chart, [product for product in products if is_wanted(product)], known)


def allowed_commands(found: OnDesk, *, by: Person, people: People) -> tuple[Command, ...]:
    """What *by* may do with the budget now."""
    held = holders(people.all())
    return tuple(
        command for command in found.budget.allowed if _may(by, command, found.budget, held)
    )


def save_draft(
    product_id: str,
    year: int,
    months: tuple[int, ...],
    version: int,
    *,
    by: Person,
    desk: Desk,
    act: Act,
) -> Budget:
    """Twelve months to work on."""

    def drafted(found: OnDesk) -> Budget:
        return found.budget.drafted(
            months, limit=found.limit, locked=found.locked(act.at.date()), by=by.email, at=act.at
        )

    return _given(Command.SAVE_DRAFT, product_id, year, version, drafted, by=by, desk=desk, act=act)


def state_estimate(
    product_id: str,
    year: int,
    monthly: int,
    url: str,
    version: int,
    *,
    by: Person,
    desk: Desk,
    act: Act,
) -> Budget:
    """What the product is expected to cost in a month."""
    estimate = Estimate(monthly=monthly, url=url, stated_by=by.email)

    def stated(found: OnDesk) -> Budget:
        return found.budget.state_estimate(estimate, at=act.at)

    return _given(
        Command.STATE_ESTIMATE, product_id, year, version, stated, by=by, desk=desk, act=act
    )


def decide(
    product_id: str,
    year: int,
    command: Command,
    version: int,
    *,
    by: Person,
    desk: Desk,
    act: Act,
) -> Budget:
    """One of the steps between a draft and an approved schedule, for the reason *act* gives."""

    def decided(found: OnDesk) -> Budget:
        budget, who, why = found.budget, by.email, act.reason
        match command:
            case Command.SUBMIT:
                return budget.submitted(
                    limit=found.limit,
                    locked=found.locked(act.at.date()),
                    gate=_gate(product_id, desk.budgets),
                    by=who,
                    at=act.at,
                )
            case Command.APPROVE:
                return budget.approve(
                    limit=found.limit,
                    locked=found.locked(act.at.date()),
                    by=who,
                    at=act.at,
                    reason=why,
                )
            case Command.REJECT:
                return budget.reject(reason=why, by=who, at=act.at)
            case Command.REQUEST_RESCHEDULE:
                return budget.request_reschedule(reason=why, by=who, at=act.at)
            case Command.APPROVE_RESCHEDULE:
                return budget.allow_reschedule(by=who, at=act.at, reason=why)
            case Command.REFUSE_RESCHEDULE:
                return budget.refuse_reschedule(reason=why, by=who, at=act.at)
            case Command.APPROVE_ESTIMATE:
                return budget.approve_estimate(by=who, at=act.at)
            case Command.SAVE_DRAFT | Command.STATE_ESTIMATE:
                raise ConflictError(f"{command} has a path of its own")

    return _given(command, product_id, year, version, decided, by=by, desk=desk, act=act)


def _given(
    command: Command,
    product_id: str,
    year: int,
    version: int,
    change: Callable[[OnDesk], Budget],
    *,
    by: Person,
    desk: Desk,
    act: Act,
) -> Budget:
    must(by, Action.SEE_ELEMENT, product_id)
    found = _on_desk(product_id, year, act.at.date(), desk)
    budget = found.budget
    if budget.version != version:
        raise ConflictError(
            "the budget has changed since you read it: look at it again", current=budget
        )
    if (budget.status, command) in TRANSITIONS:
        held = holders(desk.people.all())
        must(by, ACTIONS[command], product_id, **_facts(by, command, budget, held))
    after = change(found)
    deed = Deed(action=command.value, element=product_id, event=EVENTS[command])
    return desk.budgets.save(budget if budget.version else None, after, deed, act)


def _may(by: Person, command: Command, budget: Budget, held: Holders) -> bool:
    facts = _facts(by, command, budget, held)
    return may(by, ACTIONS[command], budget.product_id, **facts)


def _facts(by: Person, command: Command, budget: Budget, held: Holders) -> dict[str, Any]:
    """What deciding on a command depends on: which level owes it, and whose work it is about."""
    is_drafter = budget.drafted_by == by.email
    author = {
        Command.APPROVE: by.email if is_drafter else budget.submitted_by,
        Command.REJECT: budget.submitted_by,
        Command.APPROVE_RESCHEDULE: budget.requested_by,
        Command.REFUSE_RESCHEDULE: budget.requested_by,
        Command.APPROVE_ESTIMATE: budget.estimate.stated_by if budget.estimate else None,
    }.get(command)
    natural = NATURAL_LEVEL[ACTIONS[command]]
    return {"owed_at": owed_at(budget.product_id, natural, held, author), "author": author}


def _on_desk(product_id: str, year: int, today: date, desk: Desk) -> OnDesk:
    chart = chart_of(year, desk.charts)
    product = chart.product(product_id)
    if product is None:
        raise NotFoundError(f"the chart of accounts of {year} has no product {product_id}")
    budget = desk.budgets.find(product_id, year) or Budget.new(product_id, year)
    return OnDesk(chart, product, budget, product.limit(today) or 0)


def _gate(product_id: str, budgets: Budgets) -> int | None:
    gate = budgets.gate(parent(product_id))
    return gate.monthly if gate else None


# The gate of a portfolio --------------------------------------------------------------------------


def see_gate(portfolio: str, *, by: Person, budgets: Budgets) -> Gate:
    """What a portfolio demands."""
    must(by, Action.SEE_ELEMENT, portfolio)
    return budgets.gate(portfolio) or Gate(portfolio=portfolio)


def set_gate(
    portfolio: str, monthly: int | None, version: int, *, by: Person, desk: Desk, act: Act
) -> Gate:
    """From now on an estimate above *monthly* needs approval before a schedule is submitted."""
    must(by, Action.SET_GATE, portfolio)
    if level(portfolio) != PORTFOLIO:
        raise InvalidError(f"{portfolio} is no portfolio: a gate belongs to an element of level E3")
    if not any(portfolio in desk.charts.read(head).elements for head in desk.charts.heads()):
        raise NotFoundError(f"no chart of accounts in force has a portfolio {portfolio}")
    gate = desk.budgets.gate(portfolio) or Gate(portfolio=portfolio)
    if gate.version != version:
        raise ConflictError("the gate has changed since you read it", current=gate)
    after = gate.changed(monthly=monthly, changed_at=act.at)
    deed = Deed(action="SetGate", element=portfolio)
    return desk.budgets.save_gate(gate if gate.version else None, after, deed, act)


# Versions -----------------------------------------------------------------------------------------


def versions(
    product_id: str, year: int, *, by: Person, desk: Desk, audit: Audit
) -> list[tuple[Budget, AuditRecord]]:
    """Every state a budget was ever in, oldest first, each with the record of how it came about."""
    must(by, Action.SEE_ELEMENT, product_id)
    chart_of(year, desk.charts)
    return [
        (Budget.model_validate_json(record.after).changed(version=record.sequence), record)
        for record in audit.chain(f"budget#{year}#{product_id}")
    ]
