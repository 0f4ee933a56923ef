"""What products spend by day, service and class, as the runs that readers see have it."""

from collections.abc import Collection, Iterable
from pathlib import Path
from typing import Any

import pytest

from finops.domain.class_policies import ChargeClass
from finops.domain.discounts import ProductCost
from finops.domain.places import allocation
from finops.ledger import engine
from finops.usecases.allocated import RunSpend, Shelf
from tests.allocating import LINES, OF, OWN, Allocating, furnish, ticks
from tests.exports import MONTH, PAYER, Line
from tests.remembered import remembering
from tests.usecases.organisation import LOANS, SEARCH, TILLS, WEB_SHOP


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    remembering(monkeypatch)


@pytest.fixture
def made(tmp_path: Path) -> Allocating:
    """A bill is loaded and allocated; its support is spread over all products."""
    new = Allocating(tmp_path)
    furnish(new.organisation)
    new.load(
        1, [*LINES, Line("5.00", OWN, currency="EUR"), Line("0.50", OWN, line_item_type="Tax")]
    )
    new.run()
    return new


class Reads:
    """The files that a ledger hands out, by name."""

    def __init__(self, made: Allocating, monkeypatch: pytest.MonkeyPatch) -> None:
        self.names: list[str] = []
        read = made.house.ledger.cached

        def cached(key: str) -> Path:
            self.names.append(key.rsplit("/", 1)[1])
            return read(key)

        monkeypatch.setattr(made.house.ledger, "cached", cached)


def spend_of(made: Allocating) -> RunSpend:
    house = made.house
    connect = engine.connect
    return RunSpend(
        Shelf(made.allocations, house.bills, house.ledger, lambda: connect(house.limits))
    )


def told(spend: RunSpend, products: Collection[str] | None = None) -> set[ProductCost]:
    return set(spend.rows(MONTH, products))


def root(made: Allocating) -> str:
    found = made.allocations.find(*OF)
    assert found is not None
    return allocation(*OF, found.run_id)


def by_class(costs: Iterable[ProductCost], currency: str = "USD") -> dict[str, int]:
    sums: dict[str, int] = {}
    for cost in costs:
        if cost.currency == currency:
            sums[cost.charge_class] = sums.get(cost.charge_class, 0) + cost.ticks
    return sums


def test_a_product_spends_by_day_service_class_and_currency(made: Allocating) -> None:
    found = told(spend_of(made), [LOANS])

    assert {cost.payer for cost in found} == {PAYER}
    assert by_class(found, "EUR") == {ChargeClass.USAGE: ticks("5.00")}
    dollars = by_class(found)
    assert dollars[ChargeClass.USAGE] == ticks("5.00")
    assert dollars[ChargeClass.TAX] == ticks("0.50")
    assert dollars[ChargeClass.SUPPORT] > 0
    index = made.house.ledger.get_json(f"{root(made)}/index.json")
    assert sum(dollars.values()) == index["products"]["USD"][LOANS]


def test_only_the_small_files_are_read(made: Allocating, monkeypatch: pytest.MonkeyPatch) -> None:
    reads = Reads(made, monkeypatch)

    told(spend_of(made), [WEB_SHOP])

    assert sorted(reads.names) == ["spend-0000.parquet", "spread-spend-0000.parquet"]


def test_the_small_files_say_the_same_as_the_parts(
    made: Allocating, monkeypatch: pytest.MonkeyPatch
) -> None:
    small = told(spend_of(made))
    monkeypatch.setattr(Shelf, "spend", lambda shelf, run, by, where: shelf.sums([run], by, where))
    by_parts = spend_of(made)

    assert small == told(by_parts)
    assert {c for c in small if c.product_id == TILLS} == told(by_parts, [TILLS])


def test_what_was_asked_before_is_remembered_by_product(
    made: Allocating, monkeypatch: pytest.MonkeyPatch
) -> None:
    spend = spend_of(made)
    both = told(spend, [TILLS, WEB_SHOP])
    reads = Reads(made, monkeypatch)

    assert told(spend, [TILLS]) == {cost for cost in both if cost.product_id == TILLS}
    assert reads.names == []
    asked: list[Any] = []
    read = Shelf.spend

    def counted(self: Shelf, run: Any, by: Any, where: Any) -> Any:
        asked.append(where["product"])
        return read(self, run, by, where)

    monkeypatch.setattr(Shelf, "spend", counted)
    assert {cost.product_id for cost in told(spend, [SEARCH, TILLS])} == {SEARCH, TILLS}
    assert asked == [[SEARCH]]


def test_nobody_is_no_product(made: Allocating) -> None:
    assert all(cost.product_id for cost in told(spend_of(made)))
