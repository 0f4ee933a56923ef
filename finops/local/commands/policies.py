"""`finops policies` and `finops claim-rules`: what is said of many charges at once."""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Annotated, Any

import typer

from finops.domain.class_policies import ChargeClass, PolicyKind
from finops.local import screen
from finops.local.api import Api
from finops.local.commands.listing import answer_list
from finops.local.commands.options import As, Csv, Json, Profile, Reason, Region, api_of
from finops.local.errors import LoadError
from finops.local.sign_in import FINANCIAL_ADMIN

policies = typer.Typer(
    invoke_without_command=True, help="Who pays for support, tax and other charges of no resource."
)
rules = typer.Typer(
    invoke_without_command=True, help="What workloads take by tag, name or service, in order."
)

RuleId = Annotated[str, typer.Argument(help="The rule's id, as web-shop-by-tag.")]


# Class policies -----------------------------------------------------------------------------------


@policies.callback()
def list_policies(
    context: typer.Context,
    who: As = None,
    profile: Profile = None,
    region: Region = None,
    as_json: Json = False,
    as_csv: Csv = False,
) -> None:
    """How each class of each payer's charges goes this month."""
    if context.invoked_subcommand is not None:
        return
    api = api_of(who, profile, region, usually=FINANCIAL_ADMIN)
    answer_list(api, "class-policies", show=show_policies, as_json=as_json, as_csv=as_csv)


def show_policies(items: Sequence[Mapping[str, Any]]) -> None:
    """Class policies as a table."""
    table = screen.table("Class policies", "Payer", "Class", "Policy", "Product", "Since", "Set by")
    for one in items:
        table.add_row(
            screen.plain(one["payer_id"]),
            one["charge_class"],
            one["policy"],
            screen.plain(one["product_id"] or ""),
            one["start"] or "",
            one["set_by"] or "nobody",
        )
    screen.console.print(table)


@policies.command("set")
def set_policy(
    payer: Annotated[str, typer.Argument(help="The payer account.")],
    charge_class: Annotated[ChargeClass, typer.Argument(metavar="CLASS", help="Which charges.")],
    policy: Annotated[PolicyKind, typer.Argument(metavar="POLICY", help="Which way they go.")],
    product: Annotated[
        str | None, typer.Option(help="Who pays all of it, where it goes ToProduct.")
    ] = None,
    start: Annotated[
        str | None, typer.Option(help="From the bill of this month on, YYYY-MM; else this month.")
    ] = None,
    reason: Reason = None,
    who: As = None,
    profile: Profile = None,
    region: Region = None,
    as_json: Json = False,
) -> None:
    """Say which way a class of a payer's charges goes."""
    api = api_of(who, profile, region, usually=FINANCIAL_ADMIN)
    known = (one["version"] for one in api.items("class-policies") if one["payer_id"] == payer)
    body = {
        "policy": policy.value,
        "product_id": product,
        "start": start or f"{api.now():%Y-%m}",
        "reason": reason,
    }
    etag = f'"{next(known, 0)}"'
    told = api.put("class-policies", payer, charge_class.value, body=body, etag=etag)
    if as_json:
        screen.answer(told)
        return
    show_policies([{**one, "payer_id": payer} for one in told["policies"]])


# Claim rules --------------------------------------------------------------------------------------


@rules.callback()
def list_rules(
    context: typer.Context,
    who: As = None,
    profile: Profile = None,
    region: Region = None,
    as_json: Json = False,
    as_csv: Csv = False,
) -> None:
    """All claim rules in the order they are tried; the first that fits counts."""
    if context.invoked_subcommand is not None:
        return
    api = api_of(who, profile, region, usually=FINANCIAL_ADMIN)
    answer_list(api, "claim-rules", show=show_rules, as_json=as_json, as_csv=as_csv)


def show_rules(items: Sequence[Mapping[str, Any]]) -> None:
    """Claim rules as a table."""
    if not items:
        screen.console.print("There are no claim rules.")
        return
    table = screen.table("Claim rules", "Rule", "What fits", "Workload", "Product", "Start", "End")
    for one in items:
        table.add_row(
            one["rule_id"],
            screen.plain(fits(one)),
            screen.plain(one["workload"] or one["workload_id"]),
            screen.plain(one["product_id"]),
            one["start"],
            one["end"] or "",
        )
    screen.console.print(table)


def fits(rule: Mapping[str, Any]) -> str:
    """What a rule asks for, as people say it.

    >>> fits({"tag": {"key": "user:Team", "value": "web-*"}, "name": None, "service": "AmazonEC2",
    ...     "account_id": None})
    'tag user:Team=web-*, service AmazonEC2'
    """
    tag = rule["tag"]
    asked = {
        "tag": f"{tag['key']}={tag['value']}" if tag else None,
        **{name: rule[name] for name in ("name", "service")},
        "account": rule["account_id"],
    }
    return ", ".join(f"{name} {value}" for name, value in asked.items() if value)


@rules.command()
def add(
    rule_id: RuleId,
    workload: Annotated[str, typer.Argument(help="Who takes what fits, by its id.")],
    tag: Annotated[str | None, typer.Option(help="KEY=PATTERN; * is any text, ? any sign.")] = None,
    name: Annotated[str | None, typer.Option(help="A pattern for the resource's id.")] = None,
    service: Annotated[str | None, typer.Option(help="The service's code, as AmazonEC2.")] = None,
    account: Annotated[str | None, typer.Option(help="Only of this account.")] = None,
    start: Annotated[str | None, typer.Option(help="YYYY-MM-DD; without it, tomorrow.")] = None,
    end: Annotated[str | None, typer.Option(help="The day it takes nothing any more.")] = None,
    before: Annotated[str | None, typer.Option(help="The rule that it goes ahead of.")] = None,
    reason: Reason = None,
    who: As = None,
    profile: Profile = None,
    region: Region = None,
    as_json: Json = False,
) -> None:
    """Have a workload take what fits, unless an earlier rule or a claim has it."""
    api = api_of(who, profile, region, usually=FINANCIAL_ADMIN)
    body = {
        "rule_id": rule_id,
        "workload_id": workload,
        "account_id": account,
        "tag": tag_of(tag) if tag is not None else None,
        "name": name,
        "service": service,
        "start": start or str((api.now() + timedelta(1)).date()),
        "end": end,
        "before": before,
        "reason": reason,
    }
    _told(api, api.post("claim-rules", body=body, etag=_etag(api)), as_json)


def tag_of(said: str) -> dict[str, str]:
    """A tag and the pattern for its value; a key alone fits any value.

    >>> tag_of("user:Team=web-*"), tag_of("user:Team")
    ({'key': 'user:Team', 'value': 'web-*'}, {'key': 'user:Team', 'value': '*'})
    """
    key, sign, value = said.partition("=")
    if not key:
        raise LoadError(f"{said!r} is no tag; write KEY=PATTERN, as user:Team=web-*")
    return {"key": key, "value": value if sign else "*"}


@rules.command()
def end(
    rule_id: RuleId,
    on: Annotated[
        str | None, typer.Option(help="The day it takes nothing any more; without it, tomorrow.")
    ] = None,
    reason: Reason = None,
    who: As = None,
    profile: Profile = None,
    region: Region = None,
    as_json: Json = False,
) -> None:
    """End a rule; what it took goes by later rules, or by its account's shares."""
    api = api_of(who, profile, region, usually=FINANCIAL_ADMIN)
    body = {"end": on or str((api.now() + timedelta(1)).date()), "reason": reason}
    _told(api, api.post("claim-rules", rule_id, "endings", body=body, etag=_etag(api)), as_json)


@rules.command()
def order(
    rule_ids: Annotated[list[str], typer.Argument(metavar="RULE_ID...", help="Every rule once.")],
    reason: Reason = None,
    who: As = None,
    profile: Profile = None,
    region: Region = None,
    as_json: Json = False,
) -> None:
    """Have the rules tried in this order."""
    body = {"rule_ids": rule_ids, "reason": reason}
    api = api_of(who, profile, region, usually=FINANCIAL_ADMIN)
    _told(api, api.put("claim-rules", "order", body=body, etag=_etag(api)), as_json)


def _etag(api: Api) -> str | None:
    return api.read("claim-rules", limit=1).etag


def _told(api: Api, head: Mapping[str, Any], as_json: bool) -> None:
    if as_json:
        screen.answer(head)
    else:
        show_rules(list(api.items("claim-rules")))
