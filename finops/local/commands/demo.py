"""`finops demo`: a real run of the whole product on this machine, in two minutes."""

import tempfile
from decimal import Decimal
from pathlib import Path

from finops.local import machine, screen, sign_in
from finops.local.api import Api
from finops.local.commands import demo_accounts as accounts
from finops.local.commands import demo_allocation as allocation
from finops.local.commands import demo_organisation as organisation
from finops.local.commands.bills import ask, bring, show_bill
from finops.local.errors import DemoError
from finops.local.installation import Installation
from finops.local.sample import SampleBill, write_organisation, write_sample, write_shares
from finops.local.uploads import deliveries_at

LINES = 20_000
COMPANY_MONTHS = ("2026-08", "2026-09")


def demo() -> None:
    """Start local AWS, deploy the product; a sample company enters it, plans, and gets its bill."""
    _headline("The product on this machine: local AWS, and the template that `cdk deploy` deploys")
    place = machine.up(screen.tell)
    api = Api(place, sign_in.FINANCIAL_ADMIN)
    first, second = COMPANY_MONTHS
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        files = write_organisation(folder / "organisation", year=organisation.YEAR)
        _headline("The chart of accounts, dropped into a bucket; and one that is refused")
        organisation.load_chart(place, api, files)
        _headline("Its people, invited by a file")
        organisation.load_people(place, files)
        _headline("Its AWS accounts, found in the organization before they cost anything")
        accounts.find_accounts(place)
        _headline(f"The bill of {first}, invoiced; of {second}, as AWS delivered it on the 21st")
        august = _load(folder / "1", place, api, month=first, final=True)
        _load(folder / "2", place, api, month=second, through_day=20)
        _show(api, second, "account")
        _headline("The organization changes: what becomes of an account is somebody's task")
        accounts.follow_accounts(place)
        _headline(f"{second} again, now whole: late lines, changed lines, a refund")
        september = _load(folder / "3", place, api, month=second, restate=1)
        _show(api, second, "line_item_type")
        _show(api, second, "charge_category,service", cost="billed,effective", rows=12)
        _headline("Schedules: planned by product owners, approved by portfolio owners")
        organisation.let_in(place)
        organisation.plan_year(place)
        _headline("Other amounts from July on; an owner asks for other months")
        organisation.change_chart(place, api, files)
        _headline("Who pays: accounts split over products by a file, and two classes by a policy")
        allocation.map_accounts(api, write_shares(folder / "shares"))
        allocation.decide_policies(api)
        _headline("What runs for whom: owners plan workloads, and claim what they find")
        allocation.claim_resources(place, second)
        allocation.wait(api, COMPANY_MONTHS)
        _headline("A rule by tag: what it would do in money; and that it did just that")
        allocation.apply_rule(api, COMPANY_MONTHS)
        _headline("An account goes another way from a Sunday in mid-month on; a credit is granted")
        allocation.remap(api)
        allocation.grant_credit(api)
        allocation.wait(api, COMPANY_MONTHS)
        _headline(f"Who pays what of {second}, and what nobody does")
        allocation.show_month(api, second)
        _headline("One figure taken apart: charges of a day, lines of the bill")
        allocation.explain_product(api, second)
        _headline("What it adds up to: spend without an owner is a row, never left out")
        organisation.show_year(api, COMPANY_MONTHS)
        _headline("What waits for whom, and the mail that says so")
        organisation.show_work(place)
        organisation.send_digest(place)
        _headline("Who did what: every record sealed, every chain walked")
        organisation.verify_records(api)
        _headline("Against the bill, to the last digit")
        _compare(api, [august, september])
        allocation.prove(api, COMPANY_MONTHS)
    _what_next(place)


def _headline(said: str) -> None:
    screen.console.print()
    screen.console.rule(f"[bold]{said}[/bold]", align="left")


def _load(
    folder: Path,
    place: Installation,
    api: Api,
    *,
    month: str,
    through_day: int | None = None,
    restate: int = 0,
    final: bool = False,
) -> SampleBill:
    written = write_sample(
        folder,
        month=month,
        lines=LINES,
        restate=restate,
        through_day=through_day,
        final=final,
        bucket=place.billing_bucket,
    )
    (delivery,) = deliveries_at(folder)
    told = bring(delivery, place, api)
    if told["status"] not in ("Published", "Unchanged", "Older"):
        raise DemoError(f"the sample bill was not loaded: {told['status']}, {told['reason']}")
    again = "" if told["status"] == "Published" else f" ({told['reason']})"
    screen.tell(
        f"{month}: {written.lines:,} lines in {len(written.files)} files: {told['status']}{again}"
    )
    return written


def _show(api: Api, month: str, by: str, *, cost: str = "", rows: int | None = None) -> None:
    answer = ask(api, month, None, by, cost, [])
    if rows is not None and len(answer["rows"]) > rows:
        left = len(answer["rows"]) - rows
        answer["rows"] = sorted(answer["rows"], key=lambda r: -abs(Decimal(r["billed_cost"])))
        answer["rows"] = answer["rows"][:rows]
        show_bill(answer, by, note=f"… and {left} smaller rows")
    else:
        show_bill(answer, by)


def _compare(api: Api, bills: list[SampleBill]) -> None:
    table = screen.table(None, "Month", right=("Σ lines of the files", "Product", "Difference"))
    for bill in bills:
        answer = ask(api, bill.billing_period, bill.payer_id, "", "unblended", [])
        ours = Decimal(answer["total"]["unblended_cost"])
        difference = ours - bill.unblended_cost
        table.add_row(
            bill.billing_period,
            f"{bill.unblended_cost:,.10f}",
            f"{ours:,.10f}",
            f"{difference:.10f}",
        )
        if difference:
            raise DemoError(f"{bill.billing_period} differs from its files by {difference}")
    screen.console.print(table)


def _what_next(place: Installation) -> None:
    _headline("What to try next")
    kept = sign_in.kept(place.local.folder) if place.local else None
    screen.facts({"API": place.api, "Passwords in": kept})
    for command in (
        "finops accounts",
        "finops bill --month 2026-09 --by account,day",
        "finops bill --month 2026-09 --by resource --where service=AmazonEC2 --json",
        "finops chart show",
        "finops plan retail.digital",
        "finops allocations tree retail.digital --month 2026-09 --depth 2",
        "finops allocations unallocated --month 2026-09",
        "finops explain retail.digital.customer.loyalty --month 2026-09",
        "finops resources --tag user:Application=search --as theo.brandt@fernhollow.example",
        "finops credits",
        "finops tasks --as lucia.fernandez@fernhollow.example",
        "finops budget show retail.digital.storefront.web-shop",
        "finops audit --entity budget#2026#retail.digital.storefront.web-shop",
        "finops sample --chart out/organisation",
        "finops sample --out out/october --month 2026-10 --lines 200000",
        "finops load out/october",
        "finops local down",
    ):
        screen.console.print(f"  .venv/bin/{command}", soft_wrap=True)
