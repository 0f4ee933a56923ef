"""What is approved here is watched by AWS as well: its budgets are kept in step with the schedules."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from typing import NamedTuple

from finops.domain.accounts import GONE
from finops.domain.allocations import lives
from finops.domain.aws_budgets import (
    MOST_MONTHS,
    Billing,
    Found,
    Step,
    StepKind,
    Terms,
    Unwatched,
    steps,
    watches,
)
from finops.domain.charts import Chart
from finops.domain.class_policies import CostBasis
from finops.domain.figures import NOTHING
from finops.domain.fiscal_years import FiscalYear
from finops.domain.periods import BillingPeriod
from finops.domain.values import Frozen
from finops.usecases.organisation_settings import in_force
from finops.usecases.plans import product_line
from finops.usecases.ports import Accounts, AwsBudgets, Budgets, Charts, Rulebook, SettingsKept


class BudgetSources(NamedTuple):
    """What budgets are made of. *address* hears of them, *payers* are those that have them."""

    charts: Charts
    budgets: Budgets
    accounts: Accounts
    rulebook: Rulebook
    settings: SettingsKept
    first_month: int
    basis: CostBasis
    currency: str
    payers: Sequence[str]
    address: str


class Pushed(Frozen):
    """What was done at AWS, by the names of budgets; *failed* with why, a payer by its account."""

    created: tuple[str, ...] = ()
    changed: tuple[str, ...] = ()
    deleted: tuple[str, ...] = ()
    watched: int = 0
    unwatched: tuple[Unwatched, ...] = ()
    failed: tuple[tuple[str, str], ...] = ()


def push_budgets(
    today: date, *, is_thorough: bool, sources: BudgetSources, aws: AwsBudgets
) -> Pushed:
    """AWS's budgets as they should be, and no others of ours; what fails keeps nothing else back.

    *is_thorough* looks at who is warned as well, which takes a question for each budget.
    """
    month = BillingPeriod.of(today)
    wanted, unwatched = watches(
        _schedules(today, sources), _billing(month, sources), _terms(sources)
    )
    found: dict[str, Sequence[Found]] = {}
    failed: list[tuple[str, str]] = []
    for payer in sources.payers:
        try:
            found[payer] = aws.found(payer, with_addresses=is_thorough)
        except Exception as error:
            failed.append((payer, _why(error)))
    done: defaultdict[StepKind, list[str]] = defaultdict(list)
    for step in steps(wanted, found, month):
        try:
            _take(step, month, aws)
        except Exception as error:
            failed.append((step.name, _why(error)))
        else:
            done[step.kind].append(step.name)
    return Pushed(
        created=tuple(done[StepKind.CREATE]),
        changed=tuple(done[StepKind.CHANGE]),
        deleted=tuple(done[StepKind.DELETE]),
        watched=len(wanted),
        unwatched=tuple(unwatched),
        failed=tuple(failed),
    )


def _take(step: Step, month: BillingPeriod, aws: AwsBudgets) -> None:
    if step.wanted is None:
        aws.delete(step.payer, step.name)
    elif step.found is None:
        aws.create(step.wanted, month)
    else:
        aws.change(step.found, step.wanted, month)


def _why(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"


def _schedules(today: date, sources: BudgetSources) -> Mapping[str, Mapping[str, int]]:
    """What is approved for each product in the months from the running one on."""
    first = BillingPeriod.of(today)
    found: defaultdict[str, dict[str, int]] = defaultdict(dict)
    for chart in _charts(today, sources):
        known = sources.budgets.of_year(chart.year)
        for product in chart.products:
            budget = known.get(product.id)
            if budget is None or budget.approved is None:
                continue
            line = product_line(product, budget, NOTHING, chart.fiscal_year, today)
            for month, amount in zip(chart.fiscal_year.months, line.approved, strict=True):
                if month >= first:
                    found[product.id][str(month)] = amount
    return found


def _charts(today: date, sources: BudgetSources) -> list[Chart]:
    """Those that the next twelve months lie in, as far as there are any."""
    last = today + timedelta(31 * (MOST_MONTHS - 1))
    years = {FiscalYear.of(day, sources.first_month).year for day in (today, last)}
    heads = [sources.charts.head(year) for year in sorted(years)]
    return [sources.charts.read(head) for head in heads if head is not None]


def _billing(month: BillingPeriod, sources: BudgetSources) -> Billing:
    days = (month.start, month.end - timedelta(1))
    heads = sources.charts.heads()
    return Billing(
        month=month,
        rules=sources.rulebook.now().rules._replace(basis=sources.basis),
        lives=lives(sources.charts.read(head) for head in heads),
        payers={
            account.account_id: {payer for day in days if (payer := account.payer_on(day))}
            for account in sources.accounts.all()
            if account.state not in GONE or BillingPeriod.of(account.state_since) >= month
        },
    )


def _terms(sources: BudgetSources) -> Terms:
    return Terms(
        payers=sources.payers,
        currency=sources.currency,
        levels=in_force(sources.settings).alerts.levels,
        address=sources.address,
    )
