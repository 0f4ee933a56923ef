"""`finops credits` and `finops discounts`, as the people run them who look after money."""

import csv
import io
import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from finops.local import cli
from finops.local.installation import Installation
from finops.local.sample import write_organisation

pytestmark = [pytest.mark.local_aws, pytest.mark.cdk]

YEAR = 2033  # a chart of its own, that no other test meets
SHOP = "retail.digital.storefront.web-shop"
MONTH = "2026-05"


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


@pytest.fixture(scope="module", autouse=True)
def _chart(_installed: None, tmp_path_factory: pytest.TempPathFactory) -> None:
    """The products of a year."""
    files = write_organisation(tmp_path_factory.mktemp("organisation"), year=YEAR)
    assert told("chart", "load", str(files.chart))["report"]["errors"] == []


@pytest.fixture
def credit() -> dict[str, Any]:
    """A credit of the web shop."""
    granted: dict[str, Any] = told(
        *("credits", "grant", SHOP, "--text", "MAP 2033", "--amount", "1200.50"),
        *("--start", f"{YEAR}-01-01", "--expiry", f"{YEAR}-12-31", "--reference", "R-1"),
    )
    return granted


def test_a_credit_is_granted_shown_corrected_and_withdrawn(credit: dict[str, Any]) -> None:
    id_ = credit["credit_id"]
    shown = finops("credits", "show", id_).stdout
    assert "1,200.50 USD" in shown
    assert "Grant" in shown
    listed = finops("credits", "--product", SHOP, "--csv").stdout
    rows = {row["credit_id"]: row for row in csv.DictReader(io.StringIO(listed))}
    assert rows[id_]["status"] == "Future"
    assert "MAP 2033" in finops("credits").stdout

    corrected = told(
        *("credits", "map", id_, SHOP, "--amount", "900", "--service", "AmazonS3"),
        *("--start", f"{YEAR}-01-01", "--expiry", f"{YEAR}-06-30"),
    )
    assert (corrected["amount"], corrected["text"]) == ("900.0000000000", "MAP 2033")
    assert (corrected["service"], corrected["reference"]) == ("AmazonS3", "R-1")
    gone = told("credits", "withdraw", id_, "--reason", "for somebody else", "--day", "2033-02-01")
    assert gone["withdrawn_from"] == "2033-02-01"
    [newest, *_] = told("audit", "--entity", f"credit#{id_}")["items"]
    assert (newest["action"], newest["reason"]) == ("Withdraw", "for somebody else")


def test_the_price_book_is_set_from_a_day_on() -> None:
    book = told("discounts", "set", f"{YEAR}-01-01", "5%", "AmazonS3=7.5%", "--reason", "a deal")

    assert book["lists"][-1]["rates"] == [
        {"service": "AmazonS3", "basis_points": 750},
        {"service": None, "basis_points": 500},
    ]
    assert "AmazonS3 7.50%, all services 5.00%" in finops("discounts").stdout
    assert "AmazonS3,750" in finops("discounts", "--csv").stdout


def test_the_codes_of_a_loaded_bill_are_queued_and_set_beside_the_ledger(tmp_path: Path) -> None:
    told("sample", "--out", str(tmp_path), "--month", MONTH, "--seed", "5", "--lines", "2000")
    told("load", str(tmp_path))
    deadline = time.monotonic() + 60
    while True:
        queued = [
            one
            for one in told("credits", "--status", "Queued")["items"]
            if one["found"]["billing_period"] == MONTH
        ]
        if queued:
            break
        assert time.monotonic() < deadline
        time.sleep(0.3)

    assert any("MAP26-7Q4XKD" in one["text"] for one in queued)
    [line] = told("credits", "reconcile", MONTH)["items"]
    assert (line["in_ledger"], line["difference"]) == ("0.0000000000", line["on_bills"])
    assert float(line["on_bills"]) > 0
    assert "Difference" in finops("credits", "reconcile", MONTH).stdout
