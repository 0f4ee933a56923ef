"""The part of `finops demo` in which every dollar gets an owner, or a stated reason why not."""

from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any, NamedTuple

from finops.local import organization, screen
from finops.local.api import Api
from finops.local.commands import explain
from finops.local.commands.allocations import all_unallocated, show_tree, show_unallocated
from finops.local.commands.bills import ask
from finops.local.commands.claims import show_workloads
from finops.local.commands.credits import show_credits
from finops.local.commands.listing import PAGE
from finops.local.commands.policies import show_policies, show_rules
from finops.local.commands.previews import made_preview, show_preview
from finops.local.commands.resources import found, show_resources
from finops.local.commands.shares import show_account, show_load, show_shares
from finops.local.errors import DemoError
from finops.local.installation import Installation
from finops.local.sample.chart import PRODUCTS, address
from finops.local.sample.shares import FIRST_DAY, SPLITS, SampleShares
from finops.local.sign_in import CLOUD_ENGINEER
from finops.local.waiting import wait_until

SECONDS = 180  # that both months may take to be allocated again
CREDIT = "Credit"  # what AWS credits is nobody's spend, and stays apart
LEAVES = 4  # the level of products, below which there are only accounts
ENTERPRISE, UNALLOCATED = "enterprise", "unallocated"

Sums = dict[str, Decimal]  # by element; and UNALLOCATED, which nobody pays


# Accounts -----------------------------------------------------------------------------------------


def map_accounts(api: Api, files: SampleShares) -> None:
    """Shares from a file, once a wrong one was refused row by row; two accounts stay unmapped."""
    screen.console.print("A file with errors changes nothing, and says what to mend in each row:")
    report = _load(api, files.broken, dry_run=True)
    if not report["errors"]:
        raise DemoError("the shares with errors were not refused")
    show_load(report)
    ours = _of_sample(api)
    mapped = [one for one in ours if one["current"]]
    if mapped:
        screen.tell(f"Nothing to do: {len(mapped)} accounts were mapped before")
    else:
        report = _load(api, files.shares, dry_run=False)
        if report["errors"]:
            raise DemoError(f"the sample shares were not loaded: {report['errors'][:3]}")
        screen.tell(f"{len(report['mapped'])} accounts mapped, from {FIRST_DAY} on")
    show_shares(_of_sample(api))


def _load(api: Api, file: Path, *, dry_run: bool) -> dict[str, Any]:
    body = {"csv": file.read_text(encoding="utf-8-sig"), "dry_run": dry_run}
    return api.post("share-loads", body=body)


def _of_sample(api: Api) -> list[dict[str, Any]]:
    ids = {one.account_id for one in organization.members().values()}
    return [one for one in api.items("shares", limit=PAGE) if one["account_id"] in ids]


class Remap(NamedTuple):
    """An account split anew in the middle of a month; *parts* are percent by application."""

    account: str
    parts: Mapping[str, int]
    start: str
    reason: str


REMAP = Remap(
    "payments-production",
    {"checkout": 70, "orders": 30},
    "2026-09-13",  # a Sunday: spend periods begin there
    "Orders moved its refunds into the payments account in the second week of September",
)


def remap(api: Api) -> None:
    """An account goes another way from a Sunday in mid-month on; the days before stay as they were."""
    path = ("shares", organization.members()[REMAP.account].account_id)
    known, etag = api.read(*path)
    if any(one["start"] == REMAP.start for one in known["revisions"]):
        screen.tell(f"Nothing to do: {REMAP.account} was split anew before")
    else:
        parts = [
            {"product_id": PRODUCTS[application].id, "basis_points": 100 * percent}
            for application, percent in REMAP.parts.items()
        ]
        body = {"shares": parts, "start": REMAP.start, "reason": REMAP.reason}
        api.put(*path, body=body, etag=etag)
    show_account(api.get(*path, on=REMAP.start))


# Policies -----------------------------------------------------------------------------------------


class Policy(NamedTuple):
    """How a class of the payer's charges goes; *application* is who pays all of it."""

    charge_class: str
    policy: str
    application: str | None
    reason: str


POLICIES = (
    Policy("Support", "InProportion", None, "The support plan is priced by what everybody spends"),
    Policy("Marketplace", "ToProduct", "security", "Security buys the monitoring for all"),
)


def decide_policies(api: Api) -> None:
    """Charges that no resource causes: support in proportion to spend, marketplace to one product."""
    payer = organization.members()["management"].account_id
    known = {one["charge_class"]: one for one in _policies(api, payer)}
    new = [one for one in POLICIES if known[one.charge_class]["policy"] != one.policy]
    for one in new:
        etag = f'"{_policies(api, payer)[0]["version"]}"'
        body = {
            "policy": one.policy,
            "product_id": PRODUCTS[one.application].id if one.application else None,
            "start": FIRST_DAY[:7],
            "reason": one.reason,
        }
        api.put("class-policies", payer, one.charge_class, body=body, etag=etag)
    screen.tell(f"{len(new)} decided" if new else "Nothing to do: all were decided before")
    show_policies(_policies(api, payer))


def _policies(api: Api, payer: str) -> list[dict[str, Any]]:
    return [one for one in api.items("class-policies", limit=PAGE) if one["payer_id"] == payer]


# Workloads and claims -----------------------------------------------------------------------------


class Plan(NamedTuple):
    """A workload of an application in an account, what it should cost a month, and what is its own.

    *service* None: nobody claims for it by hand.
    """

    application: str
    account: str
    name: str
    components: Mapping[str, str]
    service: str | None = None


RECOMMENDATIONS = Plan(
    "loyalty",
    "shop-production",
    "Recommendations",
    {"model": "1300.00"},
    service="AmazonBedrock",
)
TRAINING = Plan(
    "forecasting",
    "data-platform",
    "Demand training",
    {"training": "2800.00", "evaluation": "400.00"},
    service="AmazonSageMaker",
)
ORDER_BOOK = Plan(
    "orders",
    "shop-production",
    "Order book",
    {"database": "9000.00", "tables": "4300.00", "files": "3200.00"},
)
WHY_EARLIER = "It has run for this product alone since August; only now can anybody say so"


def claim_resources(place: Installation, month: str) -> None:
    """Owners plan what runs for them, look up their resources by service and tag, and claim them.

    Who has no share of an account does not know it: there a cloud engineer does it for them.
    """
    made = [planned(place, plan) for plan in (RECOMMENDATIONS, TRAINING, ORDER_BOOK)]
    claimed = 0
    for plan in (RECOMMENDATIONS, TRAINING):
        who = _who(plan)
        api = Api(place, who)
        account = organization.members()[plan.account].account_id
        asked = {
            "month": month,
            "account": account,
            "service": plan.service,
            "tag": f"user:Application={plan.application}",
        }
        claimed += _claimed(api, plan, account, found(api, asked, is_whole=True)["items"])
        screen.console.print(f"{who} finds, and has claimed:")
        show_resources(found(api, asked, is_whole=True))
    if not any(made) and not claimed:
        screen.tell("Nothing to do: all was planned and claimed before")
    show_workloads(list(Api(place).items("workloads", limit=PAGE)))


def _who(plan: Plan) -> str:
    """The owner of the product, or a cloud engineer on their behalf."""
    if plan.application in SPLITS[plan.account]:
        return address(PRODUCTS[plan.application].owner or "")
    return CLOUD_ENGINEER


def _workload(api: Api, plan: Plan) -> dict[str, Any] | None:
    account = organization.members()[plan.account].account_id
    there = api.items("workloads", account=account, limit=PAGE)
    own = PRODUCTS[plan.application].id
    return next((w for w in there if (w["product_id"], w["name"]) == (own, plan.name)), None)


def planned(place: Installation, plan: Plan) -> bool:
    """Whether it was still to be planned."""
    api = Api(place, _who(plan))
    if _workload(api, plan) is not None:
        return False
    parts = [{"name": name, "monthly": monthly} for name, monthly in plan.components.items()]
    body = {
        "account_id": organization.members()[plan.account].account_id,
        "product_id": PRODUCTS[plan.application].id,
        "name": plan.name,
        "components": parts,
    }
    api.post("workloads", body=body)
    return True


def _claimed(api: Api, plan: Plan, account: str, resources: Sequence[Mapping[str, Any]]) -> int:
    """How many resources were still free, and are the workload's now."""
    workload = _workload(api, plan)
    free = [one["resource_id"] for one in resources if one["held_by"] is None]
    if workload is None or not resources:
        raise DemoError(f"{plan.name} has no resources of {plan.service} in {plan.account}")
    if len(free) < len(resources):
        return 0  # claimed before; what came later is a matter of its own
    if free:
        etag = api.read("claims", account, limit=1).etag
        body = {
            "workload_id": workload["workload_id"],
            "resources": free,
            "start": FIRST_DAY,
            "reason": WHY_EARLIER,
        }
        api.post("claims", account, body=body, etag=etag)
    return len(free)


# A rule, previewed --------------------------------------------------------------------------------

RULE = "orders-by-tag"


def apply_rule(api: Api, months: Sequence[str]) -> None:
    """A claim rule by tag: what it would do in money, then the rule; and both are the same."""
    if any(one["rule_id"] == RULE for one in api.items("claim-rules", limit=PAGE)):
        screen.tell(f"Nothing to do: {RULE} was previewed and added before")
        show_rules(list(api.items("claim-rules", limit=PAGE)))
        return
    workload = _workload(api, ORDER_BOOK)
    if workload is None:
        raise DemoError(f"there is no workload {ORDER_BOOK.name}")
    rule = {
        "rule_id": RULE,
        "workload_id": workload["workload_id"],
        "account_id": workload["account_id"],
        "tag": {"key": "user:Application", "value": "orders"},
        "start": FIRST_DAY,
    }
    before = {month: sums_of(api, month) for month in months}
    told = made_preview(api, [{"kind": "AddClaimRule", **rule}])
    show_preview(told)
    etag = api.read("claim-rules", limit=1).etag
    api.post("claim-rules", body=rule, etag=etag)
    show_rules(list(api.items("claim-rules", limit=PAGE)))
    wait(api, months)
    after = {month: sums_of(api, month) for month in months}
    compared = must_be_as_previewed(told, before, after)
    screen.console.print(
        f"[dim]Applied, and compared with the preview: {compared} amounts, each the same to the last"
        " digit[/dim]"
    )


def must_be_as_previewed(
    told: Mapping[str, Any], before: Mapping[str, Sums], after: Mapping[str, Sums]
) -> int:
    """How many amounts were compared. Raises DemoError for one that differs, or moved untold."""
    moved: dict[tuple[str, str], tuple[Decimal, Decimal]] = {
        (one["billing_period"], one["element"] or UNALLOCATED): (
            Decimal(one["before"]),
            Decimal(one["after"]),
        )
        for one in told["items"]
        if one["element"] is not None or one["reason"] is None
    }
    if not moved:
        raise DemoError("the preview says that nothing would change")
    compared = 0
    for month in before:
        for element in sorted(before[month].keys() | after[month].keys()):
            was = before[month].get(element, Decimal())
            then, now = moved.get((month, element), (was, was))
            came = after[month].get(element, Decimal())
            if (then, now) != (was, came):
                raise DemoError(
                    f"{element} in {month}: {then} and {now} were previewed, {was} and {came} came"
                )
            compared += 2
    return compared


def sums_of(api: Api, month: str) -> Sums:
    """What every element pays of a month, and what nobody does."""
    told = api.get("allocations", "tree", element=ENTERPRISE, month=month, depth=LEAVES)
    sums = {node["element"]: _sum(node["spend"]) for node in _nodes(told["node"])}
    return sums | {UNALLOCATED: _sum(told["unallocated"] or ())}


def _nodes(node: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    yield node
    for child in node["children"]:
        yield from _nodes(child)


def _sum(amounts: Sequence[Mapping[str, Any]]) -> Decimal:
    return sum((Decimal(one["amount"]) for one in amounts), Decimal())


def wait(api: Api, months: Sequence[str]) -> None:
    """Until both months are allocated by the rules as they are: runs start by themselves."""
    wait_until(
        lambda: all(_is_current(api, month) for month in months),
        SECONDS,
        f"{' and '.join(months)} are not allocated after {SECONDS} s",
        DemoError,
    )
    is_one = len(months) == 1
    screen.tell(
        f"{' and '.join(months)} {'is' if is_one else 'are'} allocated by the rules as they are now"
    )


def _is_current(api: Api, month: str) -> bool:
    made = [one["allocation"] for one in api.get("allocations", month=month)["items"]]
    return bool(made) and all(one and one["is_current"] for one in made)


# Credits ------------------------------------------------------------------------------------------

GRANT = {
    "product_id": PRODUCTS["loyalty"].id,
    "text": "Pilot credit for generative models",
    "amount": "4000.00",
    "currency": "USD",
    "start": "2026-09-01",
    "expiry": "2026-12-31",
    "service": "AmazonBedrock",
    "account_id": None,
    "reference": "Mail of the account team of 2026-07-28",
    "reason": None,
}


def grant_credit(api: Api) -> None:
    """A credit for one product and service; what open months would use of it is an estimate."""
    there = list(api.items("credits", limit=PAGE))
    if any(one["text"] == GRANT["text"] for one in there):
        screen.tell("Nothing to do: it was granted before")
    else:
        api.post("credits", body=GRANT)
    show_credits(list(api.items("credits", limit=PAGE)))
    screen.console.print(
        "[dim]Balances are final ones: nothing is used up before its month is closed. Queued: found"
        " on the bill, and nobody has said whose it is[/dim]"
    )


# Seen ---------------------------------------------------------------------------------------------


def show_month(api: Api, month: str) -> None:
    """Who pays what, by level; the product whose account was split anew; and what nobody pays."""
    show_tree(api.get("allocations", "tree", element=ENTERPRISE, month=month, depth=2))
    product = PRODUCTS["checkout"].id
    screen.console.print("A product has its accounts, each from when on and by what:")
    show_tree(api.get("allocations", "tree", element=product, month=month, depth=0))
    screen.console.print("And nobody's, each with its reason and what would end it:")
    show_unallocated(all_unallocated(api, month))


def explain_product(api: Api, month: str) -> None:
    """One product taken apart: accounts and services, the charges of a day, lines of the bill."""
    product = PRODUCTS["loyalty"].id
    said = {"month": month}
    told = api.get("explain", product, **said, by="account,service,kind")
    explain.show_figure(told, said)
    largest = _largest(told["rows"], "amount")
    narrow = said | {"account": largest["account"], "service": largest["service"]}
    days = api.get("explain", product, **narrow, by="day")["rows"]
    narrow["day"] = _largest(days, "amount")["day"]
    charges = api.get("explain", product, "charges", **narrow)
    explain.show_charges(charges, narrow)
    charge = _largest([one for group in charges["groups"] for one in group["charges"]], "cost")
    narrow["charge"] = charge["charge_id"]
    explain.show_lines(api.get("explain", product, "lines", **narrow), narrow)


def _largest(rows: Sequence[Mapping[str, Any]], name: str) -> Mapping[str, Any]:
    if not rows:
        raise DemoError("there is nothing to explain")
    return max(rows, key=lambda row: abs(Decimal(row[name])))


# Proven -------------------------------------------------------------------------------------------


def prove(api: Api, months: Sequence[str]) -> None:
    """For each month: the bill is what products pay and what nobody does, to the last digit."""
    table = screen.table(
        *(None, "Month"), right=("Bill", "Σ products", "Unallocated", "Difference")
    )
    for month in months:
        status = api.get("allocations", month=month)["items"]
        basis = status[0]["allocation"]["basis"]
        rows = ask(api, month, None, "charge_category", basis, [])["rows"]
        spend = [row for row in rows if row["charge_category"] != CREDIT]
        bill = sum((Decimal(row[f"{basis}_cost"]) for row in spend), Decimal())
        tree = api.get("allocations", "tree", element=ENTERPRISE, month=month, depth=LEAVES)
        products = [node for node in _nodes(tree["node"]) if node["level"] == LEAVES]
        owned = sum((_sum(node["spend"]) for node in products), Decimal())
        nobodys = _sum(api.get("allocations", "unallocated", month=month)["totals"])
        difference = bill - owned - nobodys
        table.add_row(month, *(f"{one:,.10f}" for one in (bill, owned, nobodys, difference)))
        if difference:
            raise DemoError(
                f"{month}: {owned} of products and {nobodys} of nobody are not the bill's {bill}"
            )
    screen.console.print(table)
    screen.console.print(
        f"[bold]bill = Σ products + unallocated, difference {Decimal():.10f}[/bold]"
    )
