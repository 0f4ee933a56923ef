"""`finops close corrections|year`: what the API answers, for reading."""

from collections.abc import Iterator
from typing import Any

import pytest
from typer.testing import CliRunner

from finops.local.cli import app
from finops.local.commands import corrections as commands

ROW = {
    "BillingPeriodStart": "2026-09-01T00:00:00Z",
    "ChargeCategory": "Usage",
    "InvoiceId": "INV-8",
    "SubAccountId": "444455556666",
    "BilledCost": "15.0000000000",
    "EffectiveCost": None,
    "x_ChargeClass": "Support",
    "x_ProductId": "retail.digital.storefront.web-shop",
    "x_UnallocatedReason": None,
    "x_OriginalBillingPeriod": "2026-08",
}
LINE = {
    "month": "2026-08",
    "is_closed": True,
    "is_passed_over": False,
    "currency": "USD",
    "closed": "1000.0000000000",
    "corrected": "15.0000000000",
    "waiting": "0.0000000000",
    "latest": "1015.0000000000",
}
YEAR = {
    "fiscal_year": 2026,
    "items": [{"element": "", **LINE}, {"element": None, **LINE}],
    "totals": [LINE],
    "bill": None,
    "freshness": [],
}


class OneMonth:
    """An API that knows one correction and one month; *asked* is what it was asked."""

    def __init__(self) -> None:
        self.asked: list[tuple[tuple[str, ...], dict[str, object]]] = []

    def items(self, *path: str, **query: object) -> Iterator[dict[str, Any]]:
        self.asked.append((path, query))
        yield ROW

    def get(self, *path: str, **query: object) -> dict[str, Any]:
        self.asked.append((path, query))
        return YEAR


@pytest.fixture
def api(monkeypatch: pytest.MonkeyPatch) -> OneMonth:
    one = OneMonth()
    monkeypatch.setattr(commands, "api_of", lambda *said, **usually: one)
    monkeypatch.setenv("COLUMNS", "200")
    return one


def said(*words: str) -> str:
    result = CliRunner().invoke(app, ["close", *words])
    if result.exception is not None:
        raise result.exception
    return result.output


def test_corrections_are_told_with_what_they_are_of_and_where_they_are_booked(
    api: OneMonth,
) -> None:
    told = said("corrections", "2026-09", "--of", "2026-08", "--owners")

    [(path, query)] = api.asked
    assert path == ("corrections",)
    assert (query["month"], query["original_period"], query["of_owners"]) == (
        *("2026-09", "2026-08", "true"),
    )
    for word in ("2026-08", "2026-09", "INV-8", "Support", "15.0"):
        assert word in told


def test_a_month_that_was_passed_over_is_told_apart_from_an_open_one(
    api: OneMonth, monkeypatch: pytest.MonkeyPatch
) -> None:
    july = LINE | {"is_closed": False, "is_passed_over": True}
    monkeypatch.setitem(YEAR, "totals", [july])

    assert "before the first close" in said("year", "--year", "2026")


def test_a_year_is_told_by_element_and_month(api: OneMonth) -> None:
    told = said("year", "retail", "--year", "2026")

    assert api.asked == [(("corrections", "years", "2026"), {"element": "retail"})]
    for word in ("enterprise", "nobody", "all of it", "closed", "1,015", "15.0"):
        assert word in told
