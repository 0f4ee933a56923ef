"""What was spent, as plans are told of it: the bill without credits, by nobody yet."""

from datetime import UTC, datetime

from finops.domain.bills import MEASURES, Bill, BillTotal
from finops.domain.loads import Costs
from finops.usecases.memo import Memo, stamp
from finops.usecases.ports import AccountTotals
from finops.usecases.spending import BilledSpending
from tests.fakes import InMemoryBills
from tests.usecases.organisation import Organisation

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


def test_spend_is_what_is_billed_without_credits_by_month() -> None:
    bills = InMemoryBills()
    publish(bills, "2026-01", {"2026-01-05": {"Usage": 100, "Credit": -30, "Tax": 5}}, "a")
    publish(bills, "2026-03", {"2026-03-01": {"Usage": 7}, "2026-03-02": {"Usage": 1}}, "b")
    publish(bills, "2025-12", {"2025-12-01": {"Usage": 1000}}, "c")
    spending = BilledSpending(bills)

    assert spending.unallocated(MONTHS) == {"USD": [105, 0, 8]}
    assert spending.of_products(MONTHS) == {}


def test_payers_are_added_and_currencies_are_not() -> None:
    bills = InMemoryBills()
    publish(bills, "2026-01", {"2026-01-05": {"Usage": 100}}, "a")
    publish(bills, "2026-01", {"2026-01-05": {"Usage": 20}}, "b", payer="999988887777")
    publish(
        bills, "2026-01", {"2026-01-05": {"Usage": 3}}, "c", payer="222233334444", currency="EUR"
    )

    assert BilledSpending(bills).unallocated(MONTHS) == {"USD": [120, 0, 0], "EUR": [3, 0, 0]}


def test_a_bill_that_is_restated_is_read_again() -> None:
    bills = InMemoryBills()
    spending = BilledSpending(bills)
    publish(bills, "2026-01", {"2026-01-05": {"Usage": 100}}, "a")
    before = spending.unallocated(MONTHS)
    publish(bills, "2026-01", {"2026-01-05": {"Usage": 90}}, "b")

    assert before == {"USD": [100, 0, 0]}
    assert spending.unallocated(MONTHS) == {"USD": [90, 0, 0]}


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
