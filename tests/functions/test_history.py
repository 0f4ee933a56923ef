"""GET /reports/history: parameters as they are sent, three formats, and who sees what."""

import csv
import io
import json
from collections.abc import Mapping
from datetime import date
from typing import Any

import pytest

from finops.domain.people import Person, Role
from finops.domain.spend_cubes import CREDIT
from finops.runtime import wiring
from finops.runtime.openapi.history import HistoryAnswer
from finops.usecases.cost_reports import ReportSources
from tests.cube_fakes import InMemorySpendCubes, row
from tests.functions.conftest import Answer, ask
from tests.reporting import daily
from tests.usecases.organisation import LOANS, UNIT, WEB_SHOP, Organisation

CSV = {"Accept": "text/csv"}


@pytest.fixture(autouse=True)
def cubes(organisation: Organisation, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two months: the shop's two a day, the bank's one, and five that AWS credited."""
    rows = [
        *daily("2026-01-01", "2026-02-28", 2, product_id=WEB_SHOP),
        *daily("2026-01-01", "2026-02-28", 1, product_id=LOANS, service="AmazonRDS"),
        row("2026-02-02", -5 * UNIT, product_id=None, charge_class=CREDIT),
    ]
    its = organisation
    sources = ReportSources(
        *(InMemorySpendCubes(rows), its.charts, its.accounts, its.planning, its.settings_kept),
        first_month=1,
        currency="USD",
    )
    monkeypatch.setattr(wiring, "report_sources", lambda: sources)


@pytest.fixture
def by(staff: dict[Role, Person]) -> Person:
    return staff[Role.FINANCIAL_ADMIN]


def asked(who: Person, headers: Mapping[str, str] | None = None, **query: Any) -> Answer:
    query = {"by": "service", **query}
    return ask("GET", "/reports/history", query, by=who, headers=headers or {})


def test_json_is_as_the_contract_has_it(by: Person) -> None:
    told = json.loads(asked(by, months="2").body)
    HistoryAnswer.model_validate(told)
    [table] = told["items"]
    assert [one["amount"] for one in table["total"]] == ["93.0000000000", "84.0000000000"]
    assert [one["amount"] for one in table["net"]] == ["93.0000000000", "79.0000000000"]
    assert table["total"][1]["change"]["per_day_change"] == "0.0000000000"


def test_dimensions_are_named_with_commas_between(by: Person) -> None:
    told = json.loads(asked(by, by="product,service", months="1").body)
    assert told["by"] == ["product", "service"]
    assert told["items"][0]["rows"][0]["values"] == [WEB_SHOP, "AmazonEC2"]


def test_conditions_and_quarters_are_asked_for(by: Person) -> None:
    told = json.loads(asked(by, where="service=AmazonRDS", step="quarter").body)
    assert [one["span"] for one in told["spans"]][-1] == "FY2026 Q1"
    assert told["items"][0]["total"][-1]["amount"] == "59.0000000000"


@pytest.mark.parametrize("how", [{"headers": CSV}, {"format": "csv"}], ids=["header", "format"])
def test_a_table_has_the_same_numbers(by: Person, how: dict[str, Any]) -> None:
    header, *rows = csv.reader(io.StringIO(asked(by, months="2", **how).body))
    totals = [dict(zip(header, one, strict=True)) for one in rows if "Total" in one]
    assert [(one["span"], one["amount"]) for one in totals] == [
        ("2026-01", "93.0000000000"),
        ("2026-02", "84.0000000000"),
    ]


def test_a_page_is_for_reading_and_runs_nothing(by: Person) -> None:
    told = asked(by, months="2", format="html")
    assert told.headers["Content-Type"].startswith("text/html")
    assert "sandbox" in told.headers["Content-Security-Policy"]
    assert "84.00" in told.body


def test_an_owner_sees_their_own_and_of_others_nothing(staff: dict[Role, Person]) -> None:
    owner = staff[Role.PRODUCT_OWNER]
    told = json.loads(asked(owner, months="1").body)
    assert told["elements"] == [WEB_SHOP]
    assert told["items"][0]["total"][0]["amount"] == "56.0000000000"
    assert told["items"][0]["net"] is None
    assert asked(owner, months="1", element=LOANS).status == 404


@pytest.mark.parametrize(
    "query, words",
    [
        ({"by": "colour"}, "'colour' is no dimension"),
        ({"by": "a,b,c,d"}, "1 to 3 dimensions"),
        ({"until": f"{date(2026, 12, 1):%Y-%m}"}, "until: 2026-12 has not begun"),
        ({"months": "0"}, "months"),
        ({"step": "week"}, "step"),
    ],
    ids=str,
)
def test_what_is_wrong_is_named(by: Person, query: dict[str, Any], words: str) -> None:
    told = asked(by, **query)
    assert told.status == 422
    assert words in json.loads(told.body)["detail"]
