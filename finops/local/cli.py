"""The command `finops`."""

import sys

import typer
from botocore.exceptions import BotoCoreError

from finops.domain.errors import FinOpsError
from finops.local import screen
from finops.local.commands import accounts, audit, bills, budgets, charts, local, people
from finops.local.commands.demo import demo
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
app.add_typer(audit.app, name="audit")
app.add_typer(local.app, name="local")


def main() -> None:
    """Runs the command. What a person can mend is one message on stderr, and exit code 1."""
    try:
        app()
    except (FinOpsError, BotoCoreError) as error:  # the latter: no credentials, no connection
        screen.fault(str(error))
        sys.exit(1)


if __name__ == "__main__":
    main()
