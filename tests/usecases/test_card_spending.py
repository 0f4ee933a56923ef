"""What spend cards are made of is what the published runs of all payers say, week by week."""

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest

from finops.domain import allocation_runs
from finops.domain.allocation_runs import Allocation
from finops.domain.allocations import PartKind
from finops.domain.places import allocation
from finops.domain.spend_cards import card_lines
from finops.ledger import allocating, engine
from finops.usecases import allocate_month, allocation_starts
from finops.usecases.allocated import Shelf
from finops.usecases.card_spending import RunCardSpending, absent
from tests.allocating import ANOTHER as CHANGES
from tests.allocating import LINES, OF, OWN, SHARED, Allocating, decide, furnish, ticks
from tests.exports import MONTH, PAYER, Line, csv_file, overwritten
from tests.remembered import remembering
from tests.usecases.organisation import CHECKOUT, LOANS, SEARCH, TILLS, WEB_SHOP

OTHER = "111111111111"
WEEK_1, WEEK_4 = date(2026, 9, 1), date(2026, 9, 20)  # of five, the first from the 1st to the 5th


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    remembering(monkeypatch)


@pytest.fixture
def made(tmp_path: Path) -> Allocating:
    """A bill is loaded and allocated; its support is spread over all products."""
    new = Allocating(tmp_path)
    furnish(new.organisation)
    new.load(1, [*LINES, Line("5.00", OWN, currency="EUR"), Line("0.50", OWN, day="2026-10-02")])
    new.run()
    return new


def shelf(made: Allocating) -> Shelf:
    house, connect = made.house, engine.connect
    return Shelf(made.allocations, house.bills, house.ledger, lambda: connect(house.limits))


def spending(made: Allocating) -> RunCardSpending:
    return RunCardSpending(shelf(made))


def current(made: Allocating, of: tuple[str, str] = OF) -> Allocation:
    found = made.allocations.find(*of)
    assert found is not None
    return found


def index(made: Allocating, of: tuple[str, str] = OF) -> Mapping[str, Any]:
    root = allocation(*of, current(made, of).run_id)
    found: Mapping[str, Any] = made.house.ledger.get_json(f"{root}/index.json")
    return found


def load_another(made: Allocating, lines: Sequence[Line], number: int = 2) -> tuple[str, str]:
    """A bill of another payer."""
    export = overwritten(
        f"{number:08d}-0000-0000-0000-000000000000",
        [csv_file([line._replace(payer=OTHER) for line in lines])],
        export="other",
    )
    made.house.load(export, datetime(2026, 9, 21, number, tzinfo=UTC))
    return OTHER, MONTH


def test_a_product_pays_by_week_account_what_gave_it_and_service(made: Allocating) -> None:
    """Its claim: 10.00 on the 2nd and 4.00 on the 25th, both of i-1; support comes on top."""
    found = spending(made).spend(MONTH, [TILLS])

    assert found.spends.keys() == {(TILLS, "USD")}
    weeks = found.spends[TILLS, "USD"]
    assert list(weeks) == [WEEK_1, WEEK_4]
    [claimed, support] = weeks[WEEK_1].lines
    assert (claimed.account_id, claimed.kind, claimed.workload_id, claimed.service) == (
        *(SHARED, PartKind.CLAIM, "w-tills", "AmazonEC2"),
    )
    assert claimed.amount == ticks("10.00")
    assert (support.kind, support.service) == (PartKind.POLICY, "AWSSupportBusiness")
    assert [line.amount for line in weeks[WEEK_4].lines] == [ticks("4.00")]
    assert weeks[WEEK_1].runs == (current(made).run_id,)
    assert weeks[WEEK_1].revision == current(made).revision == found.standing.revision


def test_two_currencies_are_never_added(made: Allocating) -> None:
    spends = spending(made).spend(MONTH, [LOANS]).spends

    assert spends[LOANS, "EUR"][WEEK_1].amount == ticks("5.00")
    assert (
        sum(one.amount for one in spends[LOANS, "USD"].values())
        == index(made)["products"]["USD"][LOANS]
    )


def test_a_charge_beyond_the_end_of_the_month_counts_in_its_last_week(made: Allocating) -> None:
    weeks = spending(made).spend(MONTH, [LOANS]).spends[LOANS, "USD"]

    assert [line.amount for line in weeks[date(2026, 9, 27)].lines] == [ticks("0.50")]


def test_the_lines_of_all_cards_are_those_of_the_parts(made: Allocating) -> None:
    root = allocation(*OF, current(made).run_id)
    files = [made.house.ledger.cached(f"{root}/{part['name']}") for part in index(made)["parts"]]
    with engine.connect(made.house.limits) as connection:
        expected = card_lines(allocating.read(connection, files))

    found = spending(made).spend(MONTH)

    assert {
        (product, currency, start): spend.lines
        for (product, currency), weeks in found.spends.items()
        for start, spend in weeks.items()
    } == {(key.product_id, key.currency, key.start): lines for key, lines in expected.items()}


def test_of_some_products_the_same_is_told_as_of_all(made: Allocating) -> None:
    spend = spending(made)
    every = spend.spend(MONTH).spends

    for asked in ([TILLS], [WEB_SHOP, LOANS, CHECKOUT], ["no.such.product.anywhere"], []):
        assert spend.spend(MONTH, asked).spends == {
            of: weeks for of, weeks in every.items() if of[0] in asked
        }


def test_the_totals_are_those_of_the_lines(made: Allocating) -> None:
    spend = spending(made)

    assert spend.totals(MONTH) == {
        of: {start: one.amount for start, one in weeks.items()}
        for of, weeks in spend.spend(MONTH).spends.items()
    }


def test_totals_of_the_same_runs_are_read_once(
    made: Allocating, monkeypatch: pytest.MonkeyPatch
) -> None:
    spend = spending(made)
    before = spend.totals(MONTH)
    read = Shelf.weeks
    monkeypatch.setattr(Shelf, "weeks", None)
    assert spend.totals(MONTH) == before

    monkeypatch.setattr(Shelf, "weeks", read)
    decide(made.organisation, CHANGES[0])
    made.run()
    assert spend.totals(MONTH) != before


def test_several_payers_are_one_card(made: Allocating) -> None:
    """Both bills have charges of one account and week."""
    alone = spending(made).spend(MONTH, [LOANS]).spends[LOANS, "USD"][WEEK_1].amount
    of = load_another(made, [Line("7.00", OWN)])
    made.run(of=of)

    found = spending(made).spend(MONTH, [LOANS])

    week = found.spends[LOANS, "USD"][WEEK_1]
    assert week.amount == alone + ticks("7.00")
    assert week.runs == tuple(sorted([current(made).run_id, current(made, of).run_id]))
    assert found.standing.runs == {
        PAYER: current(made).run_id,
        OTHER: current(made, of).run_id,
    }
    assert found.standing.missing == ()


def test_the_revision_is_the_oldest_that_a_run_knows(made: Allocating) -> None:
    of = load_another(made, [Line("7.00", OWN)])
    made.run(of=of)
    decide(made.organisation, CHANGES[0])
    made.run(of=of)

    assert current(made, of).revision == current(made).revision + 1
    assert spending(made).standing(MONTH).revision == current(made).revision


# -- how far it is ----------------------------------------------------------------------------


def test_a_month_is_complete_through_the_least_of_its_bills(made: Allocating) -> None:
    """The first bill has usage of the 25th, delivered on the 20th; the other of the 3rd."""
    of = load_another(made, [Line("7.00", OWN, day="2026-09-03")])
    made.run(of=of)

    found = spending(made).standing(MONTH)

    assert (found.complete_through, found.is_final) == (date(2026, 9, 3), False)


def test_a_month_is_final_once_all_its_bills_are(made: Allocating) -> None:
    made.load(3, [Line("9.00", OWN, invoice="INV-1")])
    made.run()
    assert spending(made).standing(MONTH).is_final

    made.run(of=load_another(made, [Line("7.00", OWN)], 4))
    assert not spending(made).standing(MONTH).is_final


def test_without_any_bill_nothing_is_complete(made: Allocating) -> None:
    found = spending(made).standing("2026-12")

    assert found.missing == ("no payer has a bill of 2026-12",)
    assert (found.complete_through, found.is_final, found.runs) == (None, False, {})
    assert spending(made).spend("2026-12").spends == {}


def test_a_payer_whose_bill_is_not_allocated_is_missing(made: Allocating) -> None:
    load_another(made, [Line("7.00", OWN, invoice="INV-1")])

    found = spending(made).standing(MONTH)

    assert found.missing == (f"the bill of payer {OTHER} of {MONTH} is not allocated yet",)
    assert (found.complete_through, found.is_final) == (None, False)


def test_a_payer_whose_newest_bill_is_not_allocated_is_missing(made: Allocating) -> None:
    made.load(3, [Line("9.00", OWN, invoice="INV-1")])

    found = spending(made).standing(MONTH)

    assert found.missing == (f"the newest bill of payer {PAYER} of {MONTH} is not allocated yet",)
    assert not found.is_final


def test_a_payer_that_had_a_bill_the_month_before_is_expected(made: Allocating) -> None:
    found = spending(made).standing("2026-10")

    assert found.missing == (f"payer {PAYER} has no bill of 2026-10, and had one the month before",)


def test_a_payer_that_has_left_keeps_no_final_month_up(made: Allocating) -> None:
    [open_bill] = made.house.bills.in_period(MONTH)
    made.run(of=load_another(made, [Line("7.00", OWN, invoice="INV-1")]))
    look = shelf(made).month(MONTH)
    only = look._replace(bills=[bill for bill in look.bills if bill.is_final])
    waiting = look._replace(bills=[open_bill.model_copy(update={"billing_account_id": OTHER})])

    assert absent(only, [open_bill]) == ()
    assert any("has no bill" in told for told in absent(waiting, [open_bill]))


def test_a_run_of_an_older_engine_is_to_be_made_anew(
    made: Allocating, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in (allocation_runs, allocate_month, allocation_starts):
        monkeypatch.setattr(module, "ENGINE", 1)
    monkeypatch.setattr(allocate_month, "SUMS", ("days", "owners", "spend"))
    assert made.run() == "Published"

    found = spending(made).spend(MONTH)

    assert found.standing.missing == (
        f"the bill of payer {PAYER} of {MONTH} is to be allocated anew",
    )
    assert found.spends == {}


def test_what_nobody_owns_is_on_no_card(made: Allocating) -> None:
    assert {product for product, _ in spending(made).spend(MONTH).spends} == {
        *(TILLS, CHECKOUT, WEB_SHOP, SEARCH, LOANS),
    }
