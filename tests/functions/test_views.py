"""The door to views: told as JSON, as tables and as pictures, page by page."""

import csv
import io
from typing import Any

import pytest

from finops.domain.money import text
from finops.domain.people import Person, Role
from finops.domain.spend_cards import CardCommand
from finops.runtime import wiring
from finops.runtime.openapi.document import ANSWERS
from finops.runtime.openapi.views import DRAWN
from tests.functions.conftest import Answer, ask
from tests.plotted import drawn
from tests.spend_world import Entry, SpendWorld
from tests.usecases.organisation import LOANS, SEARCH, UNIT, WEB_SHOP, Organisation

VIEWS = sorted(path for _, path in ANSWERS if path.startswith("/views/"))
PLOTS = sorted(path for _, path in DRAWN)
CSV = {"Accept": "text/csv"}
MARCH = [
    Entry("2026-02-03", 4, WEB_SHOP),
    Entry("2026-03-02", 10, WEB_SHOP),
    Entry("2026-03-03", 7, SEARCH),
    Entry("2026-03-03", 40, LOANS),
    Entry("2026-03-03", 3),
]


@pytest.fixture
def world(organisation: Organisation, monkeypatch: pytest.MonkeyPatch) -> SpendWorld:
    """February and March on bills; cards of March, one of them accepted."""
    made = SpendWorld(organisation)
    made.load(MARCH)
    cards = made.make_cards("2026-03")
    made.give(next(card for card in cards if card.product_id == WEB_SHOP), CardCommand.ACCEPT)
    organisation.approve(WEB_SHOP, [30 * UNIT] * 12)
    monkeypatch.setattr(wiring, "view_sources", lambda: made.sources)
    return made


@pytest.fixture
def admin(world: SpendWorld, staff: dict[Role, Person]) -> Person:
    return staff[Role.FINANCIAL_ADMIN]


def rows(answer: Answer) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(answer.body)))


@pytest.mark.parametrize("path", VIEWS)
@pytest.mark.parametrize("span", ["month", "year"])
def test_an_answer_has_the_documented_fields_and_no_others(
    admin: Person, path: str, span: str
) -> None:
    _, model = ANSWERS["get", path]
    told = ask("GET", path, {"span": span, "month": "2026-03"}, by=admin)

    assert told.status == 200
    model.model_validate_json(told.body)
    assert told.json["items"]
    assert told.json["freshness"]


@pytest.mark.parametrize("path", VIEWS)
def test_every_view_tells_the_totals_of_the_bill(admin: Person, path: str) -> None:
    [total] = ask("GET", path, {"month": "2026-03"}, by=admin).json["totals"]

    if path == "/views/variance":  # of the year so far
        assert total["spend"] == text(61 * UNIT)
    else:
        assert (total["bill_spend"], total["unallocated"]) == (text(60 * UNIT), text(3 * UNIT))
        assert total["spend"] == text(57 * UNIT)
    assert total["difference"] == text(0)


@pytest.mark.parametrize("path", VIEWS)
def test_every_view_is_a_table_too(admin: Person, path: str) -> None:
    told = ask("GET", path, {"month": "2026-03"}, by=admin, headers=CSV)

    assert told.headers["Content-Type"].startswith("text/csv")
    assert rows(told)


@pytest.mark.parametrize("path", VIEWS)
@pytest.mark.parametrize("role", [Role.PORTFOLIO_OWNER, Role.PRODUCT_OWNER])
def test_no_view_tells_an_owner_of_others(
    world: SpendWorld, staff: dict[Role, Person], role: Role, path: str
) -> None:
    for asked in ({}, {"format": "svg"} if path in PLOTS else {"span": "year"}):
        told = ask("GET", path, asked, by=staff[role])

        assert told.status == 200
        assert "loans" not in told.body.lower()
        assert text(57 * UNIT) not in told.body
    assert ask("GET", path, {"element": LOANS}, by=staff[role]).status == 404


def test_the_newest_bill_is_the_month_that_nobody_names(admin: Person) -> None:
    assert ask("GET", "/views/summary", by=admin).json["months"] == ["2026-03"]
    assert ask("GET", "/views/summary", {"year": "2026"}, by=admin).json["span"] == "year"


@pytest.mark.parametrize(
    "wrong",
    [
        {"span": "week"},
        {"month": "03/2026"},
        {"year": "1999"},
        {"month": "2026-03", "year": "2025"},
    ],
)
def test_a_span_that_does_not_fit_is_refused_with_the_reason(
    admin: Person, wrong: dict[str, str]
) -> None:
    told = ask("GET", "/views/summary", wrong, by=admin)

    assert told.status == 422
    assert told.json["detail"]


def test_rows_go_on_where_the_page_before_ended(admin: Person) -> None:
    """Each element before what is below it, however many fit on a page."""
    asked = {"month": "2026-03", "depth": "4"}
    whole = ask("GET", "/views/snapshot", asked, by=admin).json["items"]
    parts: list[Any] = []
    cursor = None
    while True:
        page = asked | {"limit": "3"} | ({"cursor": cursor} if cursor else {})
        told = ask("GET", "/views/snapshot", page, by=admin).json
        parts += told["items"]
        cursor = told["next_cursor"]
        if cursor is None:
            break

    assert parts == whole
    assert [one["element"] for one in whole][:2] == ["enterprise", "bank"]


def test_cards_that_wait_go_on_where_the_page_before_ended(admin: Person) -> None:
    whole = ask("GET", "/views/cards-by-status", by=admin).json["items"]
    first = ask("GET", "/views/cards-by-status", {"limit": "1"}, by=admin).json
    rest = ask(
        "GET",
        "/views/cards-by-status",
        {"limit": "100", "cursor": first["next_cursor"]},
        by=admin,
    ).json

    assert len(whole) == 3
    assert [*first["items"], *rest["items"]] == whole


def test_a_currency_can_be_asked_for_alone(world: SpendWorld, admin: Person) -> None:
    world.load([Entry("2026-03-04", 9, WEB_SHOP, payer="888877776666", currency="EUR")])
    asked = {"month": "2026-03", "currency": "EUR"}

    [only] = ask("GET", "/views/summary", asked, by=admin).json["items"]
    assert (only["currency"], only["spend"]) == ("EUR", text(9 * UNIT))
    assert drawn(ask("GET", "/views/heat-map", asked | {"format": "svg"}, by=admin).body) == {
        "Web shop": text(9 * UNIT)
    }


@pytest.mark.parametrize("path", PLOTS)
def test_a_picture_does_nothing_wherever_it_is_opened(admin: Person, path: str) -> None:
    told = ask("GET", path, {"month": "2026-03", "format": "svg"}, by=admin)

    assert told.headers["Content-Type"] == "image/svg+xml"
    assert told.headers["Content-Security-Policy"] == "default-src 'none'; sandbox"
    assert told.headers["X-Content-Type-Options"] == "nosniff"
    assert "<script" not in told.body
    assert drawn(told.body)


def test_what_is_drawn_is_what_is_told(admin: Person) -> None:
    asked = {"month": "2026-03"}

    def both(path: str, **more: str) -> tuple[Any, dict[str, str]]:
        told = ask("GET", path, asked | more, by=admin).json
        svg = ask("GET", path, asked | more | {"format": "svg"}, by=admin).body
        return told, drawn(svg)

    told, of = both("/views/heat-map")
    assert of == {one["name"]: one["spend"] for one in told["items"] if one["level"] == 4}
    told, of = both("/views/schedule", span="year")
    for one in told["items"]:
        assert of[f"{one['month']} schedule"] == one["approved"]
        assert of.get(f"{one['month']} spend", one["spend"]) == one["spend"] or one["spend"] is None
    told, of = both("/views/trend")
    for month in told["items"]:
        for number, day in enumerate(month["days"], start=1):
            name = f"{number} {month['month']}"
            assert of.get(name, day["to_date"]) == day["to_date"]
    assert of["1 2026-02"] == text(0)
    told, of = both("/views/cards-by-status")
    amounts = {cards["amount"] for period in told["periods"] for cards in period["on_cards"]}
    assert set(of.values()) == amounts


def test_the_schedule_of_a_product_is_drawn_as_it_was_approved(admin: Person) -> None:
    asked = {"month": "2026-03", "span": "year", "element": WEB_SHOP, "format": "svg"}
    of = drawn(ask("GET", "/views/schedule", asked, by=admin).body)

    assert of["2026-03 spend"] == text(10 * UNIT)
    assert of["2026-12 schedule"] == text(30 * UNIT)
