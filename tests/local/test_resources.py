"""`finops resources`, as people run it who look for what is theirs."""

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from finops.local import cli
from finops.local.api import ApiError
from finops.local.commands import resources
from finops.local.installation import Installation

ROW = {
    "payer_id": "999988887777",
    "account_id": "444455556666",
    "resource_id": "i-1",
    "name": "Web [shop]",
    "service": "AmazonEC2",
    "region": None,
    "currency": "USD",
    "billed_cost": "12.3456789012",
    "held_by": "Claim",
    "claim": {
        "workload": "The shop",
        "workload_id": "w-1",
        "start": "2026-09-10",
        "end": None,
    },
    "claim_rule": None,
}
PAGE: dict[str, Any] = {
    "billing_period": "2026-09",
    "items": [ROW],
    "resources": 2,
    "totals": [
        {
            "currency": "USD",
            "resources": 2,
            "billed_cost": "20.0000000001",
            "effective_cost": "0.0000000000",
        }
    ],
    "freshness": [
        {
            "payer_id": "999988887777",
            "last_delivery": "2026-10-01T08:00:00+00:00",
            "complete_through": "2026-09-30",
        }
    ],
    "next_cursor": "more",
}


class Api:
    """An API of two pages that remembers what it was asked."""

    def __init__(self) -> None:
        self.asked: dict[str, Any] = {}
        self.outdated = 0

    def get(self, *path: str, **asked: Any) -> dict[str, Any]:
        assert path == ("resources",)
        self.asked = {name: value for name, value in asked.items() if value is not None}
        return PAGE

    def pages(self, *path: str, **asked: Any) -> list[dict[str, Any]]:
        if self.outdated:
            self.outdated -= 1
            raise ApiError(409, "a newer delivery was published meanwhile")
        first = self.get(*path, **asked)
        return [first, first | {"items": [ROW | {"resource_id": "i-2"}], "next_cursor": None}]

    def csv(self, *path: str, **asked: Any) -> str:
        self.get(*path, **asked)
        return "resource_id\ni-1\n"


@pytest.fixture
def api(monkeypatch: pytest.MonkeyPatch) -> Api:
    made = Api()
    monkeypatch.setattr(resources, "api_of", lambda *_, **__: made)
    return made


def finops(*words: str) -> Result:
    result = CliRunner().invoke(cli.app, ["resources", *words])
    assert result.exit_code == 0, result.output + repr(result.exception)
    return result


def test_every_option_is_asked_of_the_api_by_its_word(api: Api) -> None:
    finops(
        *("--service", "AmazonEC2", "--name", "web*", "--id", "i-?", "--region", "(none)"),
        *("--tag", "user:Team", "--tag", "user:Env=prod", "--account", "444455556666"),
        *("--min-cost", "12.50", "--max-cost", "99", "--unclaimed", "--month", "2026-09"),
        *("--text", "shop", "--order", "LastDay"),
    )

    assert api.asked == {
        "service": "AmazonEC2",
        "name": "web*",
        "resource_id": "i-?",
        "region": "(none)",
        "tag": ["user:Team", "user:Env=prod"],
        "account": ["444455556666"],
        "min_cost": "12.50",
        "max_cost": "99",
        "claimed": "false",
        "month": "2026-09",
        "text": "shop",
        "order": "LastDay",
        "limit": 50,
    }


def test_a_screen_says_whose_a_resource_is_and_how_many_there_are(api: Api) -> None:
    shown = " ".join(finops().stdout.split())

    assert "Web [shop]" in shown
    assert "The shop (a claim from" in shown
    assert "2 found, the first 1 of them here" in shown
    assert "2 of billed 20.0000000001 USD" in shown
    assert "complete through 2026-09-30" in shown
    assert api.asked == {"order": "Cost", "limit": 50}


def test_json_holds_all_pages(api: Api) -> None:
    told = json.loads(finops("--json").stdout)

    assert [item["resource_id"] for item in told["items"]] == ["i-1", "i-2"]
    assert (told["resources"], told["next_cursor"]) == (2, None)


def test_where_a_newer_bill_comes_it_starts_again(api: Api) -> None:
    api.outdated = 1

    assert len(json.loads(finops("--json").stdout)["items"]) == 2


def test_csv_is_what_the_api_writes(api: Api) -> None:
    assert finops("--csv").stdout == "resource_id\ni-1\n"


def test_where_there_is_no_bill_the_way_to_one_is_told(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Api, "get", lambda *_, **__: PAGE | {"billing_period": None, "items": []})

    assert "finops load" in finops().stdout


@pytest.mark.local_aws
@pytest.mark.cdk
def test_what_is_found_adds_up_to_the_bill(
    installation: Installation, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On the deployed product: resources of a sample, and the bill by resource."""
    assert installation.local is not None
    monkeypatch.setenv("FINOPS_LOCAL_DIR", str(installation.local.folder))

    def told(*words: str) -> Any:
        result = CliRunner().invoke(cli.app, [*words])
        assert result.exit_code == 0, result.output + repr(result.exception)
        return json.loads(result.stdout)

    told("sample", "--out", str(tmp_path), "--month", "2026-06", "--lines", "3000", "--json")
    told("load", str(tmp_path), "--json")
    bill = told("bill", "--month", "2026-06", "--by", "resource", "--cost", "billed", "--json")
    billed = {
        row["resource"]: Decimal(row["billed_cost"]) for row in bill["rows"] if row["resource"]
    }

    found = told("resources", "--month", "2026-06", "--json")

    assert {item["resource_id"] for item in found["items"]} == set(billed)
    assert len(found["items"]) == found["resources"]
    [total] = found["totals"]
    assert Decimal(total["billed_cost"]) == sum(billed.values())
    costs = [Decimal(item["billed_cost"]) for item in found["items"]]
    assert costs == sorted(costs, reverse=True)
    first = found["items"][0]
    again = told("resources", "--month", "2026-06", "--id", first["resource_id"], "--json")
    assert first in again["items"]
    unclaimed = told("resources", "--month", "2026-06", "--unclaimed", "--json")
    assert unclaimed["resources"] == found["resources"]
