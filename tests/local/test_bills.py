"""`finops sample`, `load`, `bill` and `loads` against the deployed product, as a person runs them."""

import csv
import io
import json
import os
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from finops.local import cli, machine
from finops.local.errors import LoadError
from finops.local.installation import Installation

pytestmark = [pytest.mark.local_aws, pytest.mark.cdk]

MONTH = "2026-03"


def finops(*words: str) -> Result:
    return CliRunner().invoke(cli.app, list(words))


def told(*words: str) -> Any:
    result = finops(*words, "--json")
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


@pytest.fixture(scope="module", autouse=True)
def _installed(installation: Installation) -> Iterator[None]:
    """The command finds the shared installation."""
    assert installation.local is not None
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FINOPS_LOCAL_DIR", str(installation.local.folder))
        assert machine.status().deployed, os.environ["FINOPS_LOCAL_DIR"]
        yield


@pytest.fixture(scope="module")
def loaded(tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, Any], dict[str, Any]]:
    """A sample month to date, then the whole of it: its control totals, and what the load told."""
    out = tmp_path_factory.mktemp("sample")
    told(
        "sample", "--out", str(out / "1"), "--month", MONTH, "--lines", "3000", "--through-day", "9"
    )
    first = finops("load", str(out / "1"), "--json")
    assert first.exit_code == 0, first.output
    written = told(
        "sample", "--out", str(out / "2"), "--month", MONTH, "--lines", "3000", "--restate", "1"
    )
    result = finops("load", str(out / "2"), "--json")
    assert result.exit_code == 0, result.output
    again = finops("load", str(out / "2"), "--json")
    (line,) = result.stdout.splitlines()
    return written, {**json.loads(line), "again": json.loads(again.stdout)}


def test_a_load_tells_the_bill_it_made(loaded: tuple[dict[str, Any], dict[str, Any]]) -> None:
    written, bill = loaded

    assert (bill["status"], bill["billing_period"], bill["currency"]) == ("Published", MONTH, "USD")
    assert bill["lines"] == written["lines"]
    for cost in ("unblended_cost", "billed_cost", "effective_cost"):
        assert Decimal(bill[cost]) == Decimal(written[cost])


def test_the_same_delivery_again_changes_nothing(
    loaded: tuple[dict[str, Any], dict[str, Any]],
) -> None:
    assert loaded[1]["again"]["status"] == "Unchanged"


@pytest.mark.parametrize(
    "by",
    ["", "account", "day", "line_item_type", "resource", "account,day,service,region", "invoice"],
)
def test_the_parts_add_up_to_the_files_whatever_they_are(
    loaded: tuple[dict[str, Any], dict[str, Any]], by: str
) -> None:
    written, _ = loaded

    answer = told("bill", "--month", MONTH, "--by", by, "--cost", "unblended")

    parts = sum(Decimal(row["unblended_cost"]) for row in answer["rows"])
    assert parts == Decimal(answer["total"]["unblended_cost"]) == Decimal(written["unblended_cost"])
    assert sum(row["lines"] for row in answer["rows"]) == written["lines"]


def test_line_item_types_agree_with_the_sample_s_control_totals(
    loaded: tuple[dict[str, Any], dict[str, Any]],
) -> None:
    written, _ = loaded
    answer = told("bill", "--month", MONTH, "--by", "line_item_type")

    ours = {row["line_item_type"]: Decimal(row["billed_cost"]) for row in answer["rows"]}
    theirs = {row["key"]: Decimal(row["billed_cost"]) for row in written["by_line_item_type"]}
    assert ours == theirs


def test_a_filter_takes_what_it_names_and_the_empty_one_what_has_none(
    loaded: tuple[dict[str, Any], dict[str, Any]],
) -> None:
    whole = told("bill", "--month", MONTH, "--by", "region", "--cost", "billed")
    none = told("bill", "--month", MONTH, "--where", "region=", "--cost", "billed")

    (row,) = [row for row in whole["rows"] if row["region"] is None]
    assert none["total"]["billed_cost"] == row["billed_cost"]


def test_csv_holds_the_same_rows_and_runs_no_formula(
    loaded: tuple[dict[str, Any], dict[str, Any]],
) -> None:
    result = finops("bill", "--month", MONTH, "--by", "tags", "--cost", "billed", "--csv")

    rows = list(csv.DictReader(io.StringIO(result.stdout)))
    answer = told("bill", "--month", MONTH, "--by", "tags", "--cost", "billed")
    assert [row["billed_cost"] for row in rows] == [r["billed_cost"] for r in answer["rows"]]
    assert not [row for row in rows if row["tags"].startswith(("=", "+", "-", "@"))]


def test_the_history_shows_both_deliveries_and_which_one_is_in_force(
    loaded: tuple[dict[str, Any], dict[str, Any]],
) -> None:
    items = told("loads", "--month", MONTH)["items"]

    assert [(item["status"], item["bills"][0]["is_current"]) for item in items] == [
        ("Published", True),
        ("Published", False),
    ]
    shown = told("loads", "show", items[0]["load_id"])
    assert shown["changes"][0]["lines_before"] == items[1]["bills"][0]["lines"]
    assert sum(file["lines"] for file in shown["files"]) == items[0]["bills"][0]["lines"]
    for words in (("loads",), ("loads", "show", items[0]["load_id"]), ("bill", "--month", MONTH)):
        assert finops(*words).exit_code == 0


def test_a_line_that_is_no_amount_refuses_the_delivery_by_row_and_field(tmp_path: Path) -> None:
    bill = tmp_path / "broken.csv"
    bill.write_text(
        "bill_payer_account_id,bill_billing_period_start_date,line_item_unblended_cost\n"
        "111122223333,2026-01-01T00:00:00Z,1.25\n"
        "111122223333,2026-01-01T00:00:00Z,1;25\n"
    )

    result = finops("load", str(bill), "--json")

    assert isinstance(result.exception, LoadError)
    assert "broken.csv, row 2: line_item_unblended_cost is '1;25'" in str(result.exception)
    assert json.loads(result.stdout)["status"] == "Refused"
    assert told("bill", "--month", "2026-01")["rows"] == []


def test_a_payer_named_by_hand_goes_before_what_the_lines_say(tmp_path: Path) -> None:
    bill = tmp_path / "one.csv"
    bill.write_text(
        "bill_payer_account_id,bill_billing_period_start_date,line_item_unblended_cost\n"
        "111122223333,2026-02-01T00:00:00Z,1.25\n"
    )

    assert finops("load", str(bill), "--payer", "999988887777", "--json").exit_code == 0

    rows = told("bill", "--month", "2026-02", "--by", "payer")["rows"]
    assert [(row["payer"], row["unblended_cost"]) for row in rows] == [
        ("999988887777", "1.2500000000")
    ]


@pytest.mark.parametrize(
    "words, said",
    [
        (("--month", "2026-9"), "YYYY-MM"),
        (("--month", MONTH, "--cost", "blended"), "blended cost is not kept"),
        (("--month", MONTH, "--by", "moon"), "'moon' is no dimension"),
        (("--month", MONTH, "--where", "region"), "is no filter"),
    ],
)
def test_a_question_that_makes_no_sense_is_answered_with_what_would(
    words: tuple[str, ...], said: str
) -> None:
    assert said in str(finops("bill", *words).exception)
