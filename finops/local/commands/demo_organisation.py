"""The part of `finops demo` that an organisation plays: chart, people, schedules, plan, records."""

import json
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from typing import Any, NamedTuple
from urllib.request import ProxyHandler, build_opener

from finops.domain.money import text, to_ticks
from finops.domain.people import Role
from finops.local import screen, sign_in
from finops.local.api import Api
from finops.local.commands import audit
from finops.local.commands.bills import ask
from finops.local.commands.budgets import (
    DECISIONS,
    even_months,
    proposed_months,
    show_budgets,
    show_plan,
)
from finops.local.commands.charts import drop_file, show_report, upload
from finops.local.commands.demo_people import SECOND_ADMIN, Company
from finops.local.commands.people import load_file, show_missing, show_people, show_tasks
from finops.local.errors import DemoError
from finops.local.installation import Installation
from finops.local.sample.chart import (
    PORTFOLIO_OWNERS,
    PRODUCTS,
    Product,
    SampleOrganisation,
    address,
)
from finops.local.waiting import wait_until

YEAR = 2026
SIGN_IN_SECONDS = 90
DIGEST = "senddigest"  # in the logical id of the function that sends it
CREDIT = "Credit"


# Chart and people ---------------------------------------------------------------------------------


def load_chart(place: Installation, api: Api, files: SampleOrganisation) -> None:
    """The chart of the year through the bucket, and a file that is refused, by the API."""
    told = drop_file(place, api, files.chart)
    if told["load"]["status"] not in ("Loaded", "Unchanged"):
        raise DemoError(f"the sample chart was not loaded: {told['report']['errors'][:3]}")
    show_report(told | {"report": told["report"] | {"added": []}})
    screen.console.print()
    refused = upload(api, files.broken, dry_run=True)
    if not refused["report"]["errors"]:
        raise DemoError("the chart with errors was not refused")
    show_report(refused)


def load_people(place: Installation, files: SampleOrganisation) -> None:
    """Everybody of the file: who they are, and where their passwords are."""
    engineer = Api(place, sign_in.CLOUD_ENGINEER)
    report = load_file(engineer, files.people)
    if report["errors"]:
        raise DemoError(f"the sample people were not loaded: {report['errors'][:3]}")
    screen.tell(f"{len(report['invited'])} invited, {len(report['unchanged'])} as they were")
    show_people(list(engineer.items("people")))
    if place.local:
        screen.facts({"Passwords in": sign_in.kept(place.local.folder)})


def invite_admin(company: Company) -> None:
    """A second financial admin: nobody closes a month in which they waived a line."""
    email = address(SECOND_ADMIN)
    if any(one["email"] == email for one in company.engineer.items("people")):
        screen.tell(f"Nothing to do: {SECOND_ADMIN} was invited before")
        return
    body = {"email": email, "role": Role.FINANCIAL_ADMIN, "scope": [], "name": SECOND_ADMIN}
    company.engineer.post("people", body=body)
    screen.console.print(f"{SECOND_ADMIN} is a financial admin, too")


def let_in(place: Installation) -> None:
    """Waits for the sign-ins of everybody invited, and gives each a password."""
    if place.local is None:
        raise DemoError("the demonstration is for this machine")
    owners = [*PORTFOLIO_OWNERS.values(), *(one.owner for one in PRODUCTS.values() if one.owner)]
    invited = {address(name) for name in (*owners, SECOND_ADMIN)}
    cognito = place.client("cognito-idp")
    wait_until(
        lambda: not invited - _sign_ins(cognito, place.user_pool_id),
        SIGN_IN_SECONDS,
        f"the invited have no sign-ins after {SIGN_IN_SECONDS} s",
        DemoError,
    )
    for email in sorted(invited - sign_in.keyring(place.local.folder).keys()):
        sign_in.let_in(place, place.local.folder, email)


def _sign_ins(cognito: Any, pool: str) -> set[str]:
    pages = cognito.get_paginator("list_users").paginate(UserPoolId=pool)
    return {
        attribute["Value"]
        for page in pages
        for user in page["Users"]
        for attribute in user["Attributes"]
        if attribute["Name"] == "email"
    }


# Schedules ----------------------------------------------------------------------------------------


class Step(NamedTuple):
    """One change of a budget: a draft of some months, or a decision; by its owner, or above it."""

    command: str
    is_owners: bool
    months: Callable[[Mapping[str, Any]], list[str]] | None = None
    reason: str | None = None


def _planned(budget: Mapping[str, Any]) -> list[str]:
    return proposed_months(budget) if budget["proposed"] else even_months(budget)


def _raised(budget: Mapping[str, Any]) -> list[str]:
    """The months in force, and what the year has got more spread over those that are not over."""
    first = max(6, int(budget["locked_months"]))
    more = to_ticks(Decimal(budget["figures"]["unallocated"])) // max(1, 12 - first)
    months = [to_ticks(Decimal(month)) for month in budget["approved"]]
    return [text(month + (more if number >= first else 0)) for number, month in enumerate(months)]


DRAFT = Step("draft", is_owners=True, months=_planned)
SUBMIT = Step("submit", is_owners=True)
APPROVED = (DRAFT, SUBMIT, Step("approve", is_owners=False))
REJECTED = (
    DRAFT,
    SUBMIT,
    Step(
        "reject",
        is_owners=False,
        reason="Training moves to Spot capacity in the second half: plan it lower",
    ),
)
# What happens to each product's budget, until its chart changes in mid-year; Ideas has no owner.
JOURNEYS: Mapping[str, tuple[Step, ...]] = {
    **{application: APPROVED for application, product in PRODUCTS.items() if product.owner},
    "forecasting": REJECTED,
    "picking": (DRAFT, SUBMIT),
    "fleet": (DRAFT,),
    "returns": (),
}
# And what follows the change.
RESCHEDULED: Mapping[str, tuple[Step, ...]] = {
    "web-shop": (
        Step(
            "request-reschedule",
            is_owners=True,
            reason="The second half got 60,000 more: a storefront for two new countries",
        ),
        Step("approve-reschedule", is_owners=False),
        Step("draft", is_owners=True, months=_raised),
    ),
}


def plan_year(place: Installation) -> None:
    """Owners plan, portfolio owners decide; a budget goes on from where it is."""
    done = sum(_go(place, PRODUCTS[name], steps, before=0) for name, steps in JOURNEYS.items())
    screen.tell(f"{done} steps taken" if done else "Nothing to do: every step was taken before")
    show_budgets(YEAR, list(Api(place).items("budgets", str(YEAR), limit=1_000)))


def change_chart(place: Installation, api: Api, files: SampleOrganisation) -> None:
    """Amounts from July on: checked, loaded; then one owner asks for other months."""
    checked = upload(api, files.change, dry_run=True)
    if checked["report"]["errors"]:
        raise DemoError(f"the change was refused: {checked['report']['errors'][:3]}")
    if any(checked["report"][name] for name in ("added", "changed", "ended")):
        show_report(checked)
    loaded = upload(api, files.change, dry_run=False)["load"]
    screen.tell(f"{files.change.name}: {loaded['status']}")
    for name, steps in RESCHEDULED.items():
        _go(place, PRODUCTS[name], steps, before=len(JOURNEYS[name]))
        budget = api.get("budgets", str(YEAR), PRODUCTS[name].id)
        screen.console.print(
            f"{screen.plain(' / '.join(budget['names']))}: {budget['status']}, because"
            f" “{screen.plain(budget['reason'] or '')}”; {screen.cents(budget['planned'])} stay in"
            " force meanwhile"
        )


def _go(place: Installation, product: Product, steps: Sequence[Step], *, before: int) -> int:
    """How many of *steps* were still to be taken: each makes one version, after *before* others."""
    owner = Api(place, address(product.owner or ""))
    above = Api(place, address(PORTFOLIO_OWNERS[product.names[:3]]))
    path = ("budgets", str(YEAR), product.id)
    version = int(owner.get(*path)["version"]) if steps else 0
    left = steps[max(0, version - before) :] if version >= before else ()
    for step in left:
        by = owner if step.is_owners else above
        budget, etag = by.read(*path)
        if step.months is not None:
            by.put(*path, "draft", body={"months": step.months(budget)}, etag=etag)
        else:
            body = {"decision": DECISIONS[step.command], "reason": step.reason}
            by.post(*path, "decisions", body=body, etag=etag)
    return len(left)


# What comes of it ---------------------------------------------------------------------------------


def show_year(api: Api, months: Sequence[str]) -> None:
    """The plan of the enterprise beside what was spent, proven against the bill."""
    told = api.get("plans", str(YEAR), "enterprise")
    show_plan(told)
    show_plan(api.get("plans", str(YEAR), "retail"))
    owned = [Decimal(amount) for amount in told["spent"]]
    for month in months:
        number = told["months"].index(month)
        without = sum(Decimal(one["months"][number]) for one in told["unallocated"])
        rows = ask(api, month, None, "charge_category", "billed", [])["rows"]
        billed = sum(Decimal(r["billed_cost"]) for r in rows if r["charge_category"] != CREDIT)
        if owned[number] + without != billed:
            raise DemoError(f"{month}: {owned[number]} + {without} is not the bill's {billed}")
    screen.console.print(
        f"[dim]{' and '.join(months)}: with and without an owner, it is the bill without AWS"
        " credits, to the last digit[/dim]"
    )


def show_work(place: Installation) -> None:
    """What waits for one person, and where nobody is to do it."""
    name = PORTFOLIO_OWNERS[PRODUCTS["picking"].names[:3]]
    screen.console.print(f"{name}, portfolio owner of the warehouse:")
    show_tasks(list(Api(place, address(name)).items("tasks")))
    show_missing(list(Api(place).items("missing-owners")))


def send_digest(place: Installation) -> None:
    """The daily mail to whoever owes a step, once; and what is in the mailbox of this machine."""
    answered = place.client("lambda").invoke(FunctionName=function_of(place, DIGEST), Payload=b"{}")
    said = json.loads(answered["Payload"].read())
    if "FunctionError" in answered:
        raise DemoError(f"the digest was not sent: {said}")
    screen.tell(
        f"{said['sent']} digests sent" if said["sent"] else "Today's digests went out before"
    )
    found = mails(place)
    table = screen.table("Mails of this machine", "Subject", right=("Mails", "People"))
    subjects = Counter(mail["Subject"] for mail in found)
    for subject, number in subjects.items():
        people = {to for mail in found if mail["Subject"] == subject for to in mail["To"]}
        table.add_row(screen.plain(subject), str(number), str(len(people)))
    screen.console.print(table)
    digests = [mail for mail in found if mail.get("BodyText")]  # an invitation has a password
    if digests:
        screen.console.print(f"[bold]To {screen.plain(', '.join(digests[-1]['To']))}[/bold]")
        screen.console.print(screen.plain(digests[-1]["BodyText"]))


def function_of(place: Installation, part: str) -> str:
    """The function that has *part* in its logical id."""
    cloudformation = place.client("cloudformation")
    for stack in cloudformation.describe_stacks()["Stacks"]:
        found = cloudformation.describe_stack_resources(StackName=stack["StackName"])
        for one in found["StackResources"]:
            is_function = one["ResourceType"] == "AWS::Lambda::Function"
            if is_function and part in one["LogicalResourceId"].lower():
                return str(one["PhysicalResourceId"])
    raise DemoError(f"no stack has a function {part}")


def mails(place: Installation) -> list[dict[str, Any]]:
    """What local AWS has sent nowhere, oldest first."""
    if place.local is None:
        return []
    address = f"{place.local.endpoint}/_ministack/ses/messages"
    with build_opener(ProxyHandler({})).open(address, timeout=10) as answer:
        accounts = json.loads(answer.read())["messages"]
    return sorted(
        (mail for mails in accounts.values() for mail in mails), key=lambda mail: mail["Timestamp"]
    )


def verify_records(api: Api) -> None:
    """Every chain of the audit trail, walked."""
    told = audit.walk(api, since=f"{YEAR}-01-01")
    audit.show_verification(told)
    if told["findings"]:
        raise DemoError("the audit trail is not whole")
