"""The contract of `Bills`: whole bills, switched in one step, and the totals of their accounts."""

import pytest

from finops.domain.bills import Bill
from finops.domain.errors import ConflictError, InvalidError
from finops.usecases.ports import AccountTotals, Bills
from tests import samples

OTHER_PAYER = "888877776666"


def _seen(bills: Bills) -> Bill:
    found = bills.find(samples.PAYER, samples.MONTH)
    assert found is not None
    return found


def _publish(bills: Bills, load_id: str, *written: AccountTotals) -> Bill:
    """The next load of the bill: its totals, then the switch."""
    before = bills.find(samples.PAYER, samples.MONTH)
    bills.write_totals(samples.PAYER, samples.MONTH, written)
    lineage = (*(before.lineage if before else ()), load_id)
    version = before.version if before else 0
    bills.publish([samples.bill(load_id, lineage=lineage, version=version)])
    return _seen(bills)


def _in_force(bills: Bills, bill: Bill) -> dict[str | None, str]:
    return {t.account: t.load_id for t in bills.account_totals(bill)}


def test_what_was_published_is_found_with_its_next_version(bills: Bills) -> None:
    bill = samples.bill()
    bills.publish([bill])

    assert _seen(bills) == bill.model_copy(update={"version": 1})


def test_a_bill_nobody_published_is_not_there(bills: Bills) -> None:
    assert bills.find(samples.PAYER, samples.MONTH) is None
    assert bills.in_period(samples.MONTH) == []
    assert bills.all(10).items == []


def test_the_second_of_two_who_publish_a_first_bill_is_told(bills: Bills) -> None:
    bills.publish([samples.bill("first")])

    with pytest.raises(ConflictError, match="another load"):
        bills.publish([samples.bill("second")])

    assert _seen(bills).load_id == "first"


def test_the_second_of_two_who_replace_a_bill_is_told(bills: Bills) -> None:
    bills.publish([samples.bill("first")])
    bills.publish([samples.bill("second", version=1)])

    with pytest.raises(ConflictError):
        bills.publish([samples.bill("third", version=1)])

    assert _seen(bills).load_id == "second"


def test_several_bills_are_published_all_or_none(bills: Bills) -> None:
    bills.publish([samples.bill("first")])

    with pytest.raises(ConflictError):
        bills.publish(
            [samples.bill("second", billing_account_id=OTHER_PAYER), samples.bill("second")]
        )

    assert bills.find(OTHER_PAYER, samples.MONTH) is None
    assert _seen(bills).load_id == "first"


def test_a_hundred_bills_are_published_in_one_step_and_no_more(bills: Bills) -> None:
    many = [samples.bill(billing_account_id=f"{n:012d}") for n in range(101)]

    bills.publish(many[:100])

    assert len(bills.in_period(samples.MONTH)) == 100
    with pytest.raises(InvalidError):
        bills.publish(many)


def test_to_publish_nothing_is_nothing(bills: Bills) -> None:
    bills.publish([])

    assert bills.all(10).items == []


def test_the_bills_of_a_month_are_those_of_all_payers_in_order(bills: Bills) -> None:
    bills.publish([samples.bill(), samples.bill(billing_account_id=OTHER_PAYER)])
    bills.publish([samples.bill(billing_period="2026-08")])

    found = bills.in_period(samples.MONTH)

    assert [bill.billing_account_id for bill in found] == [OTHER_PAYER, samples.PAYER]


def test_all_bills_come_newest_month_first_page_by_page(bills: Bills) -> None:
    months = [f"2026-0{n}" for n in range(1, 8)]
    for month in months:
        bills.publish([samples.bill(billing_period=month)])

    first = bills.all(4)
    second = bills.all(4, first.next_cursor)

    found = [bill.billing_period for bill in (*first.items, *second.items)]
    assert found == months[::-1]


def test_account_totals_are_those_of_the_load(bills: Bills) -> None:
    mine = samples.totals("111111111111", "l1", ticks=5)
    bill = _publish(bills, "l1", mine, samples.totals(None, "l1"))

    found = {t.account: t for t in bills.account_totals(bill)}

    assert found["111111111111"] == mine
    assert set(found) == {"111111111111", None}


def test_digests_are_by_account_and_currency(bills: Bills) -> None:
    bill = _publish(
        bills,
        "l1",
        samples.totals("111111111111", "l1", 5),
        samples.totals("111111111111", "l1", 6, currency="EUR"),
    )

    assert bills.digests(bill) == {
        ("111111111111", "USD"): "digest of 5",
        ("111111111111", "EUR"): "digest of 6",
    }


def test_an_account_that_did_not_change_keeps_its_older_totals(bills: Bills) -> None:
    _publish(bills, "l1", samples.totals("1", "l1", 5), samples.totals("2", "l1", 6))
    bill = _publish(bills, "l2", samples.totals("2", "l2", 7))

    assert _in_force(bills, bill) == {"1": "l1", "2": "l2"}
    assert bills.digests(bill) == {("1", "USD"): "digest of 5", ("2", "USD"): "digest of 7"}


def test_an_account_that_left_the_bill_has_no_totals(bills: Bills) -> None:
    _publish(bills, "l1", samples.totals("1", "l1"), samples.totals("2", "l1"))
    bill = _publish(bills, "l2", samples.gone("1", "l2"))

    assert _in_force(bills, bill) == {"2": "l1"}
    assert ("1", "USD") not in bills.digests(bill)


def test_an_account_that_came_back_has_totals_again(bills: Bills) -> None:
    _publish(bills, "l1", samples.totals("1", "l1"))
    _publish(bills, "l2", samples.gone("1", "l2"))
    bill = _publish(bills, "l3", samples.totals("1", "l3", 9))

    assert _in_force(bills, bill) == {"1": "l3"}


def test_what_a_load_wrote_before_its_switch_is_not_seen(bills: Bills) -> None:
    bill = _publish(bills, "l1", samples.totals("1", "l1", 5))
    bills.write_totals(samples.PAYER, samples.MONTH, [samples.totals("1", "l2", 6)])

    assert _in_force(bills, bill) == {"1": "l1"}


def test_what_a_load_wrote_that_lost_its_race_is_never_seen(bills: Bills) -> None:
    _publish(bills, "l1", samples.totals("1", "l1", 5))
    bills.write_totals(samples.PAYER, samples.MONTH, [samples.totals("1", "lost", 6)])
    bill = _publish(bills, "l3")

    assert _in_force(bills, bill) == {"1": "l1"}


def test_a_load_that_writes_its_totals_twice_writes_them_once(bills: Bills) -> None:
    bills.write_totals(samples.PAYER, samples.MONTH, [samples.totals("1", "l1")])
    bill = _publish(bills, "l1", samples.totals("1", "l1"))

    assert len(bills.account_totals(bill)) == 1


def test_more_totals_than_one_request_takes_are_all_written(bills: Bills) -> None:
    many = [samples.totals(f"{n:012d}", "l1", n) for n in range(130)]

    assert bills.write_totals(samples.PAYER, samples.MONTH, many) == 130

    bills.publish([samples.bill("l1")])
    assert {t.account for t in bills.account_totals(_seen(bills))} == {t.account for t in many}


def test_totals_that_nobody_refers_to_expire(bills: Bills) -> None:
    _publish(bills, "l1", samples.totals("1", "l1", 5), samples.totals("2", "l1", 6))
    bill = _publish(bills, "l2", samples.totals("2", "l2", 7))

    assert bills.expire_totals(bill, set()) == 1
    assert _in_force(bills, bill) == {"1": "l1", "2": "l2"}
    assert bills.expire_totals(bill, set()) == 0


def test_totals_of_a_load_that_lost_expire_too(bills: Bills) -> None:
    bills.write_totals(samples.PAYER, samples.MONTH, [samples.totals("1", "lost")])
    bill = _publish(bills, "l1", samples.totals("1", "l1"))

    assert bills.expire_totals(bill, set()) == 1
    assert _in_force(bills, bill) == {"1": "l1"}


def test_totals_of_a_spared_load_stay(bills: Bills) -> None:
    bill = _publish(bills, "l1", samples.totals("1", "l1", 5))
    bills.write_totals(samples.PAYER, samples.MONTH, [samples.totals("1", "l2", 6)])

    assert bills.expire_totals(bill, {"l2"}) == 0

    bills.publish([samples.bill("l2", lineage=("l1", "l2"), version=1)])
    assert _in_force(bills, _seen(bills)) == {"1": "l2"}


def test_the_mark_of_an_account_that_left_stays_while_older_totals_do(bills: Bills) -> None:
    _publish(bills, "l1", samples.totals("1", "l1"), samples.totals("2", "l1"))
    bill = _publish(bills, "l2", samples.gone("1", "l2"))

    bills.expire_totals(bill, set())

    assert _in_force(bills, bill) == {"2": "l1"}
