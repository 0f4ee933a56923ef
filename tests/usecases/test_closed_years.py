"""A year by month: closed + corrected + waiting = latest, of what somebody may see, and in total."""

from collections import defaultdict
from collections.abc import Iterable
from contextlib import nullcontext
from datetime import timedelta
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from finops.domain.bills import Bill, BillTotal
from finops.domain.class_policies import CostBasis
from finops.domain.close_figures import Allotment
from finops.domain.elements import ENTERPRISE
from finops.domain.errors import NotFoundError
from finops.domain.loads import Costs
from finops.domain.people import Person, Role
from finops.domain.places import allocation
from finops.usecases.allocated import Shelf
from finops.usecases.book_corrections import Outcome
from finops.usecases.closed_years import YearAnswer, YearSources, closed_year
from finops.usecases.corrections import seen_corrections
from finops.usecases.corrections_views import correction, year_table
from finops.usecases.memo import Memo
from finops.usecases.ports import CloseFiles
from tests.correcting import (
    AT,
    AUGUST,
    JULY,
    LOANS,
    PAYER,
    SEPTEMBER,
    SHOP,
    TILLS,
    UNIT,
    Books,
    allotment,
    booked,
    units,
)
from tests.fakes import FolderLedger, InMemoryBills

ADMIN = Person(email="fin@example.com", role=Role.FINANCIAL_ADMIN)
RETAIL = Person(email="unit@example.com", role=Role.BUSINESS_UNIT_OWNER, scope=("retail",))
OWNER = Person(email="shop@example.com", role=Role.PRODUCT_OWNER, scope=(SHOP,))
LENDER = Person(email="loans@example.com", role=Role.PRODUCT_OWNER, scope=(LOANS,))
CREDIT: dict[str, Any] = {"charge_category": "Credit", "charge_class": None}


class Year(Books):
    """Books whose bills and runs can be read as an allocation has left them."""

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self.bills = InMemoryBills()
        self.ledger = FolderLedger(folder)
        self.memo = Memo()

    def bill(
        self,
        month: str,
        *billed: Allotment,
        spend: Iterable[Allotment] | None = None,
        missing: tuple[str, ...] = (),
    ) -> None:
        super().bill(month, *billed, spend=spend, missing=missing)
        made = self.allocations.find(PAYER, month)
        assert made is not None
        products: defaultdict[str, defaultdict[str, int]] = defaultdict(lambda: defaultdict(int))
        nobodys: defaultdict[str, defaultdict[str, int]] = defaultdict(lambda: defaultdict(int))
        for one in billed if spend is None else spend:
            if not one.is_credit:
                of = products if one.product_id else nobodys
                of[one.currency or ""][one.product_id or one.reason or ""] += one.ticks
        root = allocation(PAYER, month, made.run_id)
        self.ledger.put_json(f"{root}/index.json", {"products": products, "unallocated": nobodys})
        known = self.bills.find(PAYER, month)
        sums: defaultdict[str | None, int] = defaultdict(int)
        for one in billed:
            sums[one.currency] += one.ticks
        self.bills.publish(
            [
                Bill(
                    billing_account_id=PAYER,
                    billing_period=month,
                    load_id=made.load_id,
                    delivered_at=AT,
                    published_at=AT + timedelta(hours=1),
                    lineage=(made.load_id,),
                    totals=tuple(
                        BillTotal(billing_currency=name, costs=Costs(billed_cost=ticks))
                        for name, ticks in sums.items()
                    ),
                    version=known.version if known else 0,
                )
            ]
        )

    def told(self, by: Person = ADMIN, element: str | None = None) -> YearAnswer:
        def connect() -> Any:
            return nullcontext()

        shelf = Shelf(self.allocations, self.bills, self.ledger, connect)
        sources = YearSources(self.closes, self.files, shelf, 1, CostBasis.BILLED, self.memo)
        return closed_year(2026, element, by=by, sources=sources)


@pytest.fixture
def year(tmp_path: Path) -> Year:
    """August is closed, corrected, and differs again; September is open."""
    made = Year(tmp_path)
    made.bill(
        AUGUST,
        *(allotment(100), allotment(50, TILLS), allotment(40, LOANS), allotment(5, None)),
        allotment(-9, **CREDIT),
    )
    made.close(AUGUST)
    made.bill(
        AUGUST,
        *(allotment(115), allotment(50, TILLS), allotment(40, LOANS), allotment(5, None)),
        allotment(-10, **CREDIT),
    )
    made.book(AUGUST)
    made.bill(
        AUGUST,
        *(allotment(118), allotment(50, TILLS), allotment(41, LOANS), allotment(5, None)),
        allotment(-10, **CREDIT),
    )
    made.bill(SEPTEMBER, allotment(70), allotment(20, LOANS))
    return made


class Told(NamedTuple):
    """A line in units."""

    month: str
    is_closed: bool
    closed: int
    corrected: int
    waiting: int
    latest: int


def lines(found: YearAnswer, element: str | None) -> list[Told]:
    """Those of an element."""
    return [
        Told(
            *(line.month, line.is_closed, line.closed // UNIT, line.corrected // UNIT),
            *(line.waiting // UNIT, line.latest // UNIT),
        )
        for of, line in found.lines
        if of == element
    ]


def test_every_month_is_what_it_was_closed_with_and_what_came_since(year: Year) -> None:
    found = year.told()

    assert lines(found, ENTERPRISE) == [
        (AUGUST, True, 195, 15, 4, 214),
        (SEPTEMBER, False, 0, 0, 90, 90),
    ]
    assert lines(found, "retail") == [
        (AUGUST, True, 150, 15, 3, 168),
        (SEPTEMBER, False, 0, 0, 70, 70),
    ]
    assert lines(found, "bank")[0] == (AUGUST, True, 40, 0, 1, 41)
    assert lines(found, None)[0] == (AUGUST, True, 5, 0, 0, 5)


def test_for_every_line_the_parts_are_the_newest_bill(year: Year) -> None:
    found = year.told()

    every = [*(line for _, line in found.lines), *found.totals, *(found.bill or ())]
    for line in every:
        assert line.closed + line.corrected + line.waiting == line.latest


def test_units_and_nobody_together_are_the_enterprise(year: Year) -> None:
    found = year.told()

    units = [lines(found, of)[0][2:] for of in ("retail", "bank", None)]
    assert tuple(map(sum, zip(*units, strict=True))) == lines(found, ENTERPRISE)[0][2:]


def test_the_invoices_have_what_aws_credited_and_nobody_else_sees_them(year: Year) -> None:
    bill = year.told().bill

    assert bill is not None
    assert [(one.closed // UNIT, one.corrected // UNIT, one.latest // UNIT) for one in bill] == [
        (186, 14, 204),
        (0, 0, 90),
    ]
    assert year.told(RETAIL).bill is None


def test_an_owner_is_told_of_what_is_theirs_alone(year: Year) -> None:
    found = year.told(OWNER)

    assert {of for of, _ in found.lines} == {SHOP}
    assert lines(found, SHOP)[0] == (AUGUST, True, 100, 15, 3, 118)
    assert [one.latest // UNIT for one in found.totals] == [118, 70]
    assert [bill.billing_period for bill in found.bills] == [AUGUST, SEPTEMBER]


def test_of_an_element_there_is_what_lies_right_below_it(year: Year) -> None:
    found = year.told(RETAIL, "retail")

    assert [of for of, _ in found.lines][::2] == ["retail", "retail.digital", "retail.stores"]


def test_what_lies_outside_a_scope_is_not_there(year: Year) -> None:
    with pytest.raises(NotFoundError):
        year.told(RETAIL, "bank")


def test_a_closed_month_is_read_once(year: Year) -> None:
    year.told()
    year.files.objects.clear()

    assert lines(year.told(), ENTERPRISE)[0] == (AUGUST, True, 195, 15, 4, 214)


def test_where_owners_pay_effective_cost_they_are_told_of_it(tmp_path: Path) -> None:
    made = Year(tmp_path)
    made.bill(AUGUST, allotment(100), spend=[allotment(90)])
    made.close(AUGUST)
    made.bill(AUGUST, allotment(115), spend=[allotment(92)])
    made.book(AUGUST)

    assert lines(made.told(), SHOP.partition(".")[0]) == [(AUGUST, True, 90, 2, 0, 92)]
    assert [one.corrected // UNIT for one in made.told().bill or ()] == [15]


def test_a_table_says_what_each_row_is_of(year: Year) -> None:
    header, rows = year_table(year.told(RETAIL))

    assert header[:3] == ["of", "element", "month"]
    assert {(row[0], row[1]) for row in rows} == {
        ("owners", "retail"),
        ("owners", "retail.digital"),
        ("owners", "retail.stores"),
        ("total", None),
    }


def test_a_month_before_the_first_close_is_told_apart_from_an_open_one(year: Year) -> None:
    """July was never closed: what its bill says now is booked nowhere."""
    year.bill(JULY, allotment(1_000))
    year.bill(JULY, allotment(1_015))
    found = year.told()

    assert year.book(JULY).outcome is Outcome.NOTHING
    for listed in (found.totals, found.bill or (), [line for _, line in found.lines]):
        assert {(one.month, one.is_closed, one.is_passed_over) for one in listed} == {
            (JULY, False, True),
            (AUGUST, True, False),
            (SEPTEMBER, False, False),
        }
    assert lines(found, ENTERPRISE)[0] == (JULY, False, 0, 0, 1_015, 1_015)


# Corrections --------------------------------------------------------------------------------------


class Reading:
    """The files of closes; *count* says how many were read."""

    def __init__(self, files: CloseFiles) -> None:
        self._files = files
        self.count = 0

    def read(self, key: str) -> bytes:
        self.count += 1
        return self._files.read(key)


def of(year: Year, by: Person, **asked: Any) -> list[tuple[str | None, int]]:
    found = seen_corrections(by=by, closes=year.closes, files=year.files, memo=year.memo, **asked)
    return [(one.correction.of.product_id, one.correction.of.ticks // UNIT) for one in found]


def test_who_sees_the_bill_sees_what_was_credited_too(year: Year) -> None:
    assert of(year, ADMIN) == [(SHOP, -1), (SHOP, 15)]
    assert of(year, ADMIN, of_owners=True) == [(SHOP, 15)]


def test_an_owner_sees_corrections_of_their_own_products(year: Year) -> None:
    assert of(year, OWNER) == [(SHOP, 15)]
    assert of(year, LENDER) == []


def test_corrections_are_asked_for_by_month_and_by_what_they_are_of(year: Year) -> None:
    assert of(year, OWNER, month=SEPTEMBER, original_period=AUGUST) == [(SHOP, 15)]
    assert of(year, OWNER, month=AUGUST) == []
    assert of(year, OWNER, original_period=SEPTEMBER) == []


def test_no_more_is_read_than_what_a_page_is_kept_in(year: Year) -> None:
    """September has booked of August twice, October once; a page of two ends in the first booking."""
    for product, amount in ((TILLS, 3), (LOANS, 4)):
        booked(year.closes, year.files, allotment(amount, product), month="2026-10")
    reading = Reading(year.files)
    asked: dict[str, Any] = {"closes": year.closes, "files": reading, "memo": Memo()}

    first = seen_corrections(by=ADMIN, **asked, most=2)
    assert ([units([one.correction]) for one in first], reading.count) == ([-1, 15], 1)
    rest = seen_corrections(by=ADMIN, **asked, after=first[-1].place)
    assert [units([one.correction]) for one in rest] == [3, 4]
    assert [one.place for one in (*first, *rest)] == sorted(one.place for one in (*first, *rest))
    assert reading.count == 1 + 3, "its last row says nothing of what is behind it"


def test_an_owner_has_read_again_only_what_holds_something_of_theirs(year: Year) -> None:
    for product, amount in ((TILLS, 3), (LOANS, 4)):
        booked(year.closes, year.files, allotment(amount, product), month="2026-10")
    reading = Reading(year.files)
    asked: dict[str, Any] = {"closes": year.closes, "files": reading, "memo": Memo()}

    def told() -> tuple[list[int], int]:
        before = reading.count
        found = seen_corrections(by=LENDER, **asked)
        return [units([one.correction]) for one in found], reading.count - before

    assert told() == ([4], 3 + 1)
    assert told() == ([4], 1)


def test_what_is_booked_meanwhile_shifts_no_page(year: Year) -> None:
    asked: dict[str, Any] = {"closes": year.closes, "files": year.files, "memo": year.memo}
    [first] = seen_corrections(by=ADMIN, **asked, most=1)
    year.book(AUGUST)
    rest = seen_corrections(by=ADMIN, **asked, after=first.place)

    assert first.place not in {one.place for one in rest}
    assert [first.place, *(one.place for one in rest)] == [
        one.place for one in seen_corrections(by=ADMIN, **asked)
    ]
    assert units(one.correction for one in (first, *rest)) == 14 + 4


def test_a_correction_of_effective_cost_is_in_its_own_column(tmp_path: Path) -> None:
    made = Year(tmp_path)
    made.bill(AUGUST, allotment(100), spend=[allotment(90)])
    made.close(AUGUST)
    made.bill(AUGUST, allotment(115), spend=[allotment(92)])
    made.book(AUGUST)

    def cost(by: Person) -> list[tuple[str | None, str | None]]:
        found = seen_corrections(by=by, closes=made.closes, files=made.files, memo=made.memo)
        return [(row["BilledCost"], row["EffectiveCost"]) for row in map(correction, found)]

    assert cost(ADMIN) == [("15.0000000000", None)]
    assert cost(OWNER) == [(None, "2.0000000000")]
