"""The command `finops`."""

import sys

import typer
from botocore.exceptions import BotoCoreError

from finops.domain.errors import FinOpsError
from finops.local import screen
from finops.local.commands import (
    accounts,
    alerts,
    allocations,
    audit,
    bills,
    budgets,
    card_runs,
    cards,
    charts,
    claims,
    close,
    corrections,
    delegations,
    disputes,
    local,
    people,
    policies,
    reports,
    savings,
    settings,
    shares,
    tags,
    views,
)
from finops.local.commands.credits import app as credits_app
from finops.local.commands.credits import discounts
from finops.local.commands.demo import demo
from finops.local.commands.explain import explain
from finops.local.commands.history import history
from finops.local.commands.previews import preview
from finops.local.commands.resources import resources
from finops.local.commands.sample import sample

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="Every dollar of the AWS bill, to the last digit.",
)
app.command()(demo)
app.command()(sample)
app.command()(bills.load)
app.command()(bills.bill)
app.add_typer(bills.loads, name="loads")
app.add_typer(charts.app, name="chart")
app.add_typer(people.app, name="people")
app.command()(people.me)
app.command()(people.tasks)
app.add_typer(budgets.app, name="budget")
app.command()(budgets.budgets)
app.command()(budgets.plan)
app.add_typer(accounts.app, name="accounts")
app.command()(resources)
app.add_typer(claims.app, name="workloads")
app.command()(claims.claims)
app.command()(claims.claim)
app.command()(claims.release)
app.command()(claims.spaces)
app.add_typer(shares.app, name="shares")
app.add_typer(policies.policies, name="policies")
app.add_typer(policies.rules, name="claim-rules")
app.add_typer(allocations.app, name="allocations")
app.command("financial-scope")(allocations.financial_scope)
app.command()(preview)
app.command()(explain)
app.add_typer(credits_app, name="credits")
app.add_typer(discounts, name="discounts")
app.add_typer(cards.app, name="cards")
cards.app.command()(card_runs.make)
cards.app.command()(disputes.propose)
cards.app.command()(disputes.remap)
app.add_typer(delegations.app, name="delegations")
app.add_typer(views.app, name="views")
app.command()(views.summary)
app.add_typer(close.app, name="close")
close.app.command()(corrections.corrections)
close.app.command()(corrections.year)
app.add_typer(reports.app, name="report")
reports.app.command()(history)
app.add_typer(savings.app, name="savings")
reports.app.command("savings")(savings.report)
app.add_typer(tags.app, name="tags")
reports.app.command("tags")(tags.report)
app.add_typer(alerts.app, name="alerts")
app.add_typer(settings.app, name="settings")
app.add_typer(audit.app, name="audit")
app.add_typer(local.app, name="local")


def main() -> None:
    """Runs the command. What a person can mend is one message on stderr, and exit code 1."""
    try:
        app()
    # No credentials, no connection; a file that is not there, or that nobody may read.
    except (FinOpsError, BotoCoreError, OSError) as error:
        screen.fault(str(error))
        sys.exit(1)


if __name__ == "__main__":
    main()
