"""What was spent, as plans are told of it: by owners, else the bill without credits by nobody."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from finops.domain.allocation_runs import Allocation, AllocationTotal
from finops.domain.bills import MEASURES, Bill, BillTotal
from finops.domain.class_policies import CostBasis
from finops.domain.loads import Costs
from finops.domain.places import allocation
from finops.usecases.memo import Memo, stamp
from finops.usecases.ports import AccountTotals
from finops.usecases.spending import AllocatedSpending
from tests.allocation_fakes import InMemoryAllocations
from tests.fakes import FolderLedger, InMemoryBills
from tests.usecases.organisation import LOANS, WEB_SHOP, Organisation

AT = datetime(2026, 3, 10, tzinfo=UTC)
MONTHS = ["2026-01", "2026-02", "2026-03"]


def publish(
    bills: InMemoryBills, month: str, days: dict[str, dict[str, int]], load: str, **of: str
) -> None:
    """A payer's month; *days* are billed ticks by day and charge category."""
    payer, currency = of.get("payer", "111122223333"), of.get("currency", "USD")
    at = MEASURES.index("billed_cost")

    def measures(ticks: int) -> list[object]:
        return [ticks if place == at else 7 for place in range(len(MEASURES))]

    known = bills.find(payer, month)
    bills.write_totals(
        payer,
        month,
        [
            AccountTotals(
                "444455556666",
                currency,
                load,
                "digest",
                {day: {c: measures(t) for c, t in of_day.items()} for day, of_day in days.items()},
            )
        ],
    )
    bills.publish(
        [
            Bill(
                billing_account_id=payer,
                billing_period=month,
                load_id=load,
                delivered_at=AT,
                published_at=AT,
                lineage=(load,),
                totals=(BillTotal(billing_currency=currency, costs=Costs()),),
                version=known.version if known else 0,
            )
        ]
    )


class Books:
    """Bills and what is allocated of them, on fakes."""

    def __init__(self, folder: Path) -> None:
        self.bills = InMemoryBills()
        self.allocations = InMemoryAllocations()
        self.ledger = FolderLedger(folder)
        self.spending = self.of(CostBasis.BILLED)

    def of(self, basis: CostBasis) -> AllocatedSpending:
        return AllocatedSpending(
            self.allocations, self.bills, self.ledger, currency="USD", basis=basis
        )

    def allocate(
        self,
        month: str,
        products: dict[str, dict[str, int]],
        nobodys: dict[str, int],
        *,
        run_id: str = "run",
        payer: str = "111122223333",
        workloads: dict[str, dict[str, int]] | None = None,
    ) -> None:
        """A run of a payer's month; ticks are by currency ("": none)."""
        told = {
            "products": products,
            "unallocated": {currency: {"x": ticks} for currency, ticks in nobodys.items()},
            "workloads": workloads or {},
        }
        self.ledger.put_json(f"{allocation(payer, month, run_id)}/index.json", told)
        known = self.allocations.find(payer, month)
        totals = [
            AllocationTotal(
                currency=currency or None,
                allocated=sum(products.get(currency, {}).values()),
                unallocated={"x": nobodys.get(currency, 0)},
            )
            for currency in sorted({*products, *nobodys})
        ]
        self.allocations.publish(
            Allocation(
                billing_account_id=payer,
                billing_period=month,
                run_id=run_id,
                load_id="a",
                basis=CostBasis.BILLED,
                revision=1,
                made_at=AT,
                lineage=(run_id,),
                totals=tuple(totals),
                version=known.version if known else 0,
            )
        )


@pytest.fixture
def books(tmp_path: Path) -> Books:
    return Books(tmp_path)


# Without an allocation ----------------------------------------------------------------------------


def test_spend_is_what_is_billed_without_credits_by_month(books: Books) -> None:
    publish(books.bills, "2026-01", {"2026-01-05": {"Usage": 100, "Credit": -30, "Tax": 5}}, "a")
    publish(books.bills, "2026-03", {"2026-03-01": {"Usage": 7}, "2026-03-02": {"Usage": 1}}, "b")
    publish(books.bills, "2025-12", {"2025-12-01": {"Usage": 1000}}, "c")

    assert books.spending.spent(MONTHS).unallocated == {"USD": [105, 0, 8]}
    assert books.spending.spent(MONTHS).products == {}


def test_by_another_basis_it_is_another_cost(books: Books) -> None:
    publish(books.bills, "2026-01", {"2026-01-05": {"Usage": 100}, "2026-01-06": {"Tax": 5}}, "a")

    assert books.of(CostBasis.EFFECTIVE).spent(MONTHS).unallocated == {"USD": [14, 0, 0]}


def test_payers_are_added_and_currencies_are_not(books: Books) -> None:
    for load, ticks, of in (
        ("a", 100, {}),
        ("b", 20, {"payer": "999988887777"}),
        ("c", 3, {"payer": "222233334444", "currency": "EUR"}),
    ):
        publish(books.bills, "2026-01", {"2026-01-05": {"Usage": ticks}}, load, **of)

    assert books.spending.spent(MONTHS).unallocated == {"USD": [120, 0, 0], "EUR": [3, 0, 0]}


def test_a_bill_that_is_restated_is_read_again(books: Books) -> None:
    publish(books.bills, "2026-01", {"2026-01-05": {"Usage": 100}}, "a")
    before, was = books.spending.spent(MONTHS).unallocated, books.spending.spent(MONTHS).state
    publish(books.bills, "2026-01", {"2026-01-05": {"Usage": 90}}, "b")

    assert before == {"USD": [100, 0, 0]}
    assert books.spending.spent(MONTHS).unallocated == {"USD": [90, 0, 0]}
    assert books.spending.spent(MONTHS).state != was


# Allocated ----------------------------------------------------------------------------------------


def test_what_is_allocated_is_of_products_and_the_rest_is_nobodys(books: Books) -> None:
    publish(books.bills, "2026-01", {"2026-01-05": {"Usage": 100}}, "a")
    publish(books.bills, "2026-02", {"2026-02-05": {"Usage": 30}}, "a")
    books.allocate("2026-01", {"USD": {WEB_SHOP: 60, LOANS: 30}}, {"USD": 10})

    assert books.spending.spent(MONTHS).products == {WEB_SHOP: [60, 0, 0], LOANS: [30, 0, 0]}
    assert books.spending.spent(MONTHS).unallocated == {"USD": [10, 30, 0]}


def test_a_month_without_anything_of_nobody_has_no_line(books: Books) -> None:
    publish(books.bills, "2026-01", {"2026-01-05": {"Usage": 60}}, "a")
    books.allocate("2026-01", {"USD": {WEB_SHOP: 60}}, {"USD": 0})

    assert books.spending.spent(MONTHS).unallocated == {}


def test_what_is_spent_in_another_currency_stands_beside(books: Books) -> None:
    """A bill that names no currency is taken to be in that of plans."""
    publish(books.bills, "2026-01", {"2026-01-05": {"Usage": 100}}, "a")
    books.allocate(
        "2026-01",
        {"USD": {WEB_SHOP: 60}, "EUR": {WEB_SHOP: 5, LOANS: 4}, "": {WEB_SHOP: 1}},
        {"USD": 2, "EUR": 3},
    )

    assert books.spending.spent(MONTHS).products == {WEB_SHOP: [61, 0, 0]}
    assert books.spending.spent(MONTHS).others == {"EUR": [9, 0, 0]}
    assert books.spending.spent(MONTHS).unallocated == {"USD": [2, 0, 0], "EUR": [3, 0, 0]}


def test_two_payers_whose_runs_have_one_name_are_told_apart(books: Books) -> None:
    for payer, ticks in (("111122223333", 60), ("999988887777", 5)):
        publish(books.bills, "2026-01", {"2026-01-05": {"Usage": ticks}}, "a", payer=payer)
        books.allocate("2026-01", {"USD": {WEB_SHOP: ticks}}, {}, payer=payer)

    assert books.spending.spent(MONTHS).products == {WEB_SHOP: [65, 0, 0]}


def test_another_run_is_read_and_makes_another_state(books: Books) -> None:
    publish(books.bills, "2026-01", {"2026-01-05": {"Usage": 60}}, "a")
    books.allocate("2026-01", {"USD": {WEB_SHOP: 60}}, {})
    before, was = books.spending.spent(MONTHS).products, books.spending.spent(MONTHS).state
    books.allocate("2026-01", {"USD": {LOANS: 60}}, {}, run_id="another")

    assert before == {WEB_SHOP: [60, 0, 0]}
    assert books.spending.spent(MONTHS).products == {LOANS: [60, 0, 0]}
    assert books.spending.spent(MONTHS).state != was


def test_workloads_pay_in_the_currency_of_plans(books: Books) -> None:
    publish(books.bills, "2026-01", {"2026-01-05": {"Usage": 60}}, "a")
    workloads = {"USD": {"w-1": 40}, "EUR": {"w-1": 7}, "": {"w-1": 1}}
    books.allocate("2026-01", {"USD": {WEB_SHOP: 60}}, {}, workloads=workloads)

    assert books.spending.of_workloads("2026-01") == {"w-1": 41}


def test_only_where_nothing_is_allocated_nobody_knows_what_workloads_pay(books: Books) -> None:
    publish(books.bills, "2026-01", {"2026-01-05": {"Usage": 60}}, "a")
    books.allocate("2026-01", {"USD": {WEB_SHOP: 60}}, {})
    publish(books.bills, "2026-02", {"2026-02-05": {"Usage": 60}}, "a")

    told = [books.spending.of_workloads(month) for month in ("2026-01", "2026-02", "2026-03")]

    assert told == [{}, None, None]


# Kept ---------------------------------------------------------------------------------------------


def test_what_is_worked_out_is_kept_until_what_it_is_made_of_changes() -> None:
    made: list[int] = []
    memo = Memo()
    organisation = Organisation()
    organisation.drop()

    def count() -> int:
        made.append(1)
        return len(made)

    heads = stamp(organisation.charts.heads())
    assert [memo.of("x", heads, count), memo.of("x", heads, count)] == [1, 1]
    organisation.drop("Acme_2027_true_2027-01-01_false_Budget_v1.csv")
    assert memo.of("x", stamp(organisation.charts.heads()), count) == 2
    assert memo.of("y", heads, count) == 3
