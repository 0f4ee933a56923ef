"""`finops shares`, `policies` and `claim-rules`, as a financial admin runs them.

The chart here is of a year of its own, so that no other test meets it.
"""

import csv
import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from typer.testing import CliRunner, Result

from finops.domain.errors import InvalidError
from finops.local import cli
from finops.local.api import ApiError
from finops.local.commands.policies import tag_of
from finops.local.commands.shares import parsed
from finops.local.errors import LoadError
from finops.local.installation import Installation

YEAR = "2042"
SHOP = "shares.digital.storefront.web-shop"
SEARCH = "shares.digital.storefront.search"
ON = f"{YEAR}-03-01"


# What is said of a share and a tag -----------------------------------------------------------------


@pytest.mark.parametrize("said", ["60", "=60", ""])
def test_a_share_names_its_product(said: str) -> None:
    with pytest.raises(LoadError, match="write PRODUCT=PERCENT"):
        parsed(said)


def test_a_share_is_percent() -> None:
    with pytest.raises(InvalidError, match="'half' is no share"):
        parsed(f"{SHOP}=half")


def test_a_tag_has_a_key() -> None:
    with pytest.raises(LoadError, match="write KEY=PATTERN"):
        tag_of("=web-*")


# On this machine ----------------------------------------------------------------------------------


def finops(*words: str) -> Result:
    return CliRunner().invoke(cli.app, list(words))


def told(*words: str) -> Any:
    result = finops(*words, "--json")
    assert result.exit_code == 0, result.output + repr(result.exception)
    return json.loads(result.stdout)


@pytest.fixture(scope="module")
def accounts(
    installation: Installation, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[list[str]]:
    """Three accounts that were looked at, and two products to pay for them."""
    assert installation.local is not None
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FINOPS_LOCAL_DIR", str(installation.local.folder))
        name = f"S_{YEAR}_true_{YEAR}-01-01_false_Budget_v1.csv"
        file = tmp_path_factory.mktemp("chart") / name
        rows = [f"Shares,Digital,Storefront,{name},12" for name in ("Web shop", "Search")]
        file.write_text("\n".join(("Unit,Department,Portfolio,Product,Amount", *rows, "")))
        told("chart", "load", str(file))
        organizations = installation.client("organizations")
        made = []
        for _ in range(3):
            mark = uuid4().hex[:8]
            created = organizations.create_account(
                Email=f"{mark}@example.com", AccountName=f"shop-{mark}"
            )
            made.append(str(created["CreateAccountStatus"]["AccountId"]))
        told("accounts", "check")
        yield made


@pytest.mark.local_aws
@pytest.mark.cdk
def test_an_account_is_split_split_again_and_shown(accounts: list[str]) -> None:
    account = accounts[0]
    assert account in finops("shares", "--unmapped").stdout
    first = told("shares", "set", account, f"{SHOP}=100", "--start", f"{YEAR}-01-01")
    assert [one["start"] for one in first["revisions"]] == [f"{YEAR}-01-01"]
    split = (f"{SHOP}=33.33", f"{SEARCH}=66.67 %")
    finops("shares", "set", account, *split, "--start", f"{YEAR}-04-06", "--reason", "agreed")

    found = told("shares", "show", account, "--on", ON)
    assert (found["status"], found["version"]) == ("Current", 2)
    assert found["next"]["start"] == f"{YEAR}-04-06"
    shown = finops("shares", "show", account, "--on", ON).stdout
    assert "66.67 %" in shown
    assert "agreed" in shown
    listed = finops("shares", "--on", ON, "--under", "shares").stdout
    assert f"{account}" in listed
    table = finops("shares", "--on", f"{YEAR}-05-01", "--under", "shares", "--csv").stdout
    rows = [row for row in csv.DictReader(io.StringIO(table)) if row["account_id"] == account]
    assert [(row["product_id"], row["share"]) for row in rows] == [
        (SEARCH, "66.67"),
        (SHOP, "33.33"),
    ]
    with pytest.raises(ApiError, match="nothing to renew"):
        CliRunner().invoke(cli.app, ["shares", "renew", account], catch_exceptions=False)


@pytest.mark.local_aws
@pytest.mark.cdk
def test_a_file_splits_accounts_or_says_what_is_wrong(accounts: list[str], tmp_path: Path) -> None:
    _, shop, lab = accounts
    file = tmp_path / "shares.csv"
    header = "account_id,product_id,share,start"
    rows = [f"{shop},{SHOP},60,{YEAR}-01-01", f"{shop},{SEARCH},39.99,", f"{lab},nobody,100,"]
    file.write_text("\n".join((header, *rows)))
    refused = finops("shares", "load", str(file))
    assert isinstance(refused.exception, LoadError)
    assert "99.99 %" in str(refused.exception)
    assert "Refused: 2 errors; nothing was changed" in str(refused.exception)
    assert "nobody" in refused.stdout

    rows = [f"{shop},{SHOP},60,{YEAR}-01-01", f"{shop},{SEARCH},40,", f"{lab},{SHOP},100,{ON}"]
    file.write_text("\n".join((header, *rows)))
    assert told("shares", "load", str(file), "--dry-run")["applied"] is False
    assert "2 mapped" in finops("shares", "load", str(file)).stdout
    again = told("shares", "load", str(file))
    assert sorted(again["unchanged"]) == sorted((shop, lab))


@pytest.mark.local_aws
@pytest.mark.cdk
def test_a_class_of_a_payers_charges_goes_another_way(accounts: list[str]) -> None:
    [payer] = {one["payer"] for one in told("accounts")["items"] if one["account_id"] in accounts}
    month = f"{YEAR}-02"
    decided = told(
        *("policies", "set", payer, "Support", "ToProduct"),
        *("--product", SHOP, "--start", month, "--reason", "agreed"),
    )
    newest = decided["policies"][-1]
    assert (newest["policy"], newest["product_id"], newest["start"]) == ("ToProduct", SHOP, month)

    shown = finops("policies", "set", payer, "Tax", "InProportion", "--start", month).stdout
    assert "InProportion" in shown
    items = [one for one in told("policies")["items"] if one["payer_id"] == payer]
    assert {one["version"] for one in items} == {decided["version"] + 1}
    assert payer in finops("policies").stdout


@pytest.mark.local_aws
@pytest.mark.cdk
def test_claim_rules_are_added_ordered_and_ended(accounts: list[str]) -> None:
    months = ("--launch", f"{YEAR}-01", "--end", f"{YEAR}-06")
    run = told("workloads", "add", accounts[0], SHOP, "by rule", *months)["workload_id"]
    mark = uuid4().hex[:8]
    tag, name = f"tag-{mark}", f"name-{mark}"
    start = ("--start", f"{YEAR}-01-01")
    told("claim-rules", "add", tag, run, "--tag", f"user:Team={mark}*", *start)
    shown = finops("claim-rules", "add", name, run, "--name", f"*/{mark}", "--before", tag, *start)
    assert f"name */{mark}" in shown.stdout

    def ids() -> list[str]:
        return [one["rule_id"] for one in told("claim-rules")["items"]]

    assert [one for one in ids() if mark in one] == [name, tag]
    others = [one for one in ids() if mark not in one]
    told("claim-rules", "order", tag, name, *others)
    assert ids() == [tag, name, *others]
    told("claim-rules", "end", tag, "--on", f"{YEAR}-02-01", "--reason", "over")
    [ended] = [one for one in told("claim-rules")["items"] if one["rule_id"] == tag]
    assert ended["end"] == f"{YEAR}-02-01"
