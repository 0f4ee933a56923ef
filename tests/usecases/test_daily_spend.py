"""What is paid by day, as the runs that readers see have it: the same ticks as their indexes."""

from datetime import date
from pathlib import Path

import pytest

from finops.ledger import engine
from finops.usecases.allocated import Shelf
from finops.usecases.daily_spend import RunDailySpend
from finops.usecases.spending import AllocatedSpending
from tests.allocating import LINES, OWN, Allocating, furnish, ticks
from tests.exports import MONTH, Line
from tests.remembered import remembering
from tests.usecases.organisation import LOANS

NOBODYS = "121212121212"


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    remembering(monkeypatch)


@pytest.fixture
def made(tmp_path: Path) -> Allocating:
    """A bill with some euros, and an account that nobody owns."""
    new = Allocating(tmp_path)
    furnish(new.organisation)
    new.load(
        1,
        [
            *LINES,
            Line("5.00", OWN, currency="EUR"),
            Line("2.00", NOBODYS, day="2026-09-03"),
            Line("3.00", NOBODYS, day="2026-09-04", service="AmazonS3"),
            Line("0.25", OWN, day="2026-08-31"),
        ],
    )
    new.run()
    return new


def shelf_of(made: Allocating) -> Shelf:
    house = made.house
    return Shelf(made.allocations, house.bills, house.ledger, lambda: engine.connect(house.limits))


def days_of(made: Allocating) -> RunDailySpend:
    return RunDailySpend(shelf_of(made), "USD")


def test_the_days_of_products_add_up_to_what_they_spend_in_the_currency_of_plans(
    made: Allocating,
) -> None:
    spent = AllocatedSpending(
        *(made.allocations, made.house.bills, made.house.ledger),
        currency="USD",
        basis=made.allocations.all()[0].basis,
    ).spent([MONTH])

    found = days_of(made).products([MONTH])

    assert {product: sum(days.values()) for product, days in found.items()} == {
        product: ticks_[0] for product, ticks_ in spent.products.items()
    }


def test_services_add_up_to_their_product(made: Allocating) -> None:
    spend = days_of(made)
    whole = spend.products([MONTH])[LOANS]

    services = spend.services([MONTH], [LOANS])

    assert {product for product, _ in services} == {LOANS}
    sums: dict[date, int] = {}
    for days in services.values():
        for day, amount in days.items():
            sums[day] = sums.get(day, 0) + amount
    assert sums == whole


def test_a_day_before_the_month_counts_on_its_first(made: Allocating) -> None:
    days = days_of(made).products([MONTH])[LOANS]

    assert min(days) >= date(2026, 9, 1)


def test_what_nobody_owns_is_told_by_account_and_day(made: Allocating) -> None:
    found = days_of(made).unowned([MONTH])

    assert found[NOBODYS] == {date(2026, 9, 3): ticks("2.00"), date(2026, 9, 4): ticks("3.00")}


def test_months_without_a_run_are_not_known(made: Allocating) -> None:
    spend = days_of(made)

    assert spend.first_day(["2026-07", "2026-08"]) is None
    assert spend.first_day(["2026-08", MONTH]) == date(2026, 9, 1)
    assert spend.products(["2026-08"]) == {}
    assert spend.unowned([]) == {}
