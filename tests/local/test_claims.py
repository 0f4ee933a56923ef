"""`finops workloads`, `claims`, `claim`, `release` and `spaces`, as the owners of products run them.

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
from finops.local.commands.claims import named
from finops.local.errors import LoadError
from finops.local.installation import Installation

pytestmark = [pytest.mark.local_aws, pytest.mark.cdk]

YEAR = "2041"
PRODUCT = "claims.digital.storefront.web-shop"


def finops(*words: str) -> Result:
    return CliRunner().invoke(cli.app, list(words))


def told(*words: str) -> Any:
    result = finops(*words, "--json")
    assert result.exit_code == 0, result.output + repr(result.exception)
    return json.loads(result.stdout)


@pytest.fixture(scope="module", autouse=True)
def _installed(installation: Installation) -> Iterator[None]:
    """The command finds the shared installation."""
    assert installation.local is not None
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FINOPS_LOCAL_DIR", str(installation.local.folder))
        yield


@pytest.fixture(scope="module")
def account(
    _installed: None, installation: Installation, tmp_path_factory: pytest.TempPathFactory
) -> str:
    """An account that was looked at, and a product to run something for."""
    file = tmp_path_factory.mktemp("chart") / f"C_{YEAR}_true_{YEAR}-01-01_false_Budget_v1.csv"
    rows = ("Unit,Department,Portfolio,Product,Amount", "Claims,Digital,Storefront,Web shop,12")
    file.write_text("\n".join((*rows, "")))
    told("chart", "load", str(file))
    name = uuid4().hex[:8]
    made = installation.client("organizations").create_account(
        Email=f"{name}@example.com", AccountName=f"shop-{name}"
    )
    told("accounts", "check")
    return str(made["CreateAccountStatus"]["AccountId"])


def planned(account: str, name: str, *more: str) -> Any:
    months = ("--launch", f"{YEAR}-01", "--end", f"{YEAR}-06")
    return told("workloads", "add", account, PRODUCT, name, *months, *more)


def test_a_workload_is_added_changed_shown_and_ended(account: str) -> None:
    parts = ("--component", "compute=80", "--component", "disk=20.50")
    made = planned(account, "front end", *parts)
    assert (made["monthly"], made["end"]) == ("100.5000000000", f"{YEAR}-06")

    changed = told("workloads", "change", made["workload_id"], "--name", "shop")
    assert (changed["name"], changed["components"]) == ("shop", made["components"])
    changed = told("workloads", "change", made["workload_id"], "--monthly", "7")
    assert (changed["monthly"], changed["components"]) == ("7.0000000000", [])
    ended = told("workloads", "end", made["workload_id"], "--month", f"{YEAR}-02")
    assert (ended["end"], ended["version"]) == (f"{YEAR}-02", 4)

    shown = finops("workloads", "show", made["workload_id"]).stdout
    assert f"{YEAR}-01 to {YEAR}-02" in shown
    listed = finops("workloads", "--under", "claims", "--account", account).stdout
    assert made["workload_id"] in listed
    table = finops("workloads", "--under", "claims", "--csv").stdout
    rows = list(csv.DictReader(io.StringIO(table)))
    assert made["workload_id"] in [row["workload_id"] for row in rows]
    assert told("workloads", "--under", "claims", "--warning")["items"] == []


def test_resources_are_claimed_from_a_file_and_released(account: str, tmp_path: Path) -> None:
    made = planned(account, "back end", "--monthly", "5")
    file = tmp_path / "resources.txt"
    file.write_text("i-2\n\n i-3 \n")

    head = told("claim", made["workload_id"], "i-1", "--from-file", str(file))
    assert (head["of"], head["version"]) == (account, 1)
    told("release", account, "i-2", "--reason", "it is shared")

    items = told("claims", account, "--workload", made["workload_id"])["items"]
    assert [(one["resource_id"], one["end"] is None) for one in items] == [
        *(("i-1", True), ("i-2", False), ("i-3", True)),
    ]
    assert "back end" in finops("claims", account).stdout
    assert told("claims", account, "--resource", "i-9")["items"] == []
    assert "Nothing is claimed." in finops("claims", account, "--resource", "i-9").stdout
    with pytest.raises(ApiError, match=r"i-1 is claimed from .* by workload"):
        CliRunner().invoke(cli.app, ["claim", made["workload_id"], "i-1"], catch_exceptions=False)
    spaces = told("spaces", "--under", PRODUCT, "--month", f"{YEAR}-03")["items"]
    [workload] = [
        each
        for one in spaces
        for each in one["workloads"]
        if each["workload_id"] == made["workload_id"]
    ]
    assert (workload["monthly"], workload["claims"]) == ("5.0000000000", 2)
    assert "back end" in finops("spaces", "--under", PRODUCT, "--month", f"{YEAR}-03").stdout


def test_resources_have_to_be_named(tmp_path: Path) -> None:
    with pytest.raises(LoadError, match="--from-file"):
        named(None, None)
    with pytest.raises(LoadError, match="10,001 resources are named; one step takes 10,000"):
        named(["i"] * 10_001, None)
    with pytest.raises(LoadError, match="cannot be read"):
        named(None, tmp_path / "none.txt")


def test_a_component_is_a_name_and_an_amount(account: str) -> None:
    result = finops("workloads", "add", account, PRODUCT, "x", "--component", "compute")

    assert isinstance(result.exception, InvalidError)
    assert "NAME=AMOUNT" in str(result.exception)
