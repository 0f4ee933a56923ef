"""The steps of a close: figures, files, the one write, the delivery; and every crash in between."""

import csv
import gzip
import io
import json
from collections.abc import Callable
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest

from finops.domain.audit import Deed, findings
from finops.domain.close_figures import ProductSum, digest
from finops.domain.column_plans import Column, ColumnPlan, FileKind
from finops.domain.credits import Credit, CreditTerms
from finops.domain.discounts import DiscountRate
from finops.domain.errors import ConflictError, FinOpsError, ForbiddenError, NotFoundError
from finops.domain.month_closes import Check, CloseStatus
from finops.domain.organisation_settings import CloseSettings, OrganisationSettings
from finops.domain.people import Person, Role
from finops.usecases.close_month import MANIFEST, settle, snapshot_of
from finops.usecases.credits import STEP, statements
from finops.usecases.month_closes import waive
from finops.usecases.ports import BilledMonth, Save
from tests.closing import MONTH, NEXT, PAYER, USUAL, Closing, allotment
from tests.usecases.organisation import LOANS, NOW, UNIT, WEB_SHOP, Organisation, act

APRIL = NOW + timedelta(days=30)


@pytest.fixture
def closing() -> Closing:
    made = Organisation()
    made.drop()
    return Closing(made)


@pytest.fixture
def admin(closing: Closing) -> Person:
    return closing.ready()


def file(closing: Closing, kind: FileKind, unit: str | None = None) -> list[dict[str, str]]:
    """A delivered file, read as finance does."""
    name = f"{kind}{'' if unit is None else f'.{unit}'}.csv"
    content = closing.delivery.objects[f"{MONTH}/{name}"].decode()
    return list(csv.DictReader(io.StringIO(content)))


def total(rows: list[dict[str, str]], column: str, currency: str = "USD") -> Decimal:
    some = [row for row in rows if row["Currency"] == currency]
    return sum((Decimal(row[column]) for row in some if row[column]), Decimal(0))


def grant(closing: Closing, credit_id: str, amount: int, product: str = WEB_SHOP) -> None:
    """A credit of so many units."""
    terms = CreditTerms(
        product_id=product,
        text="PROMO",
        amount=amount * UNIT,
        currency="USD",
        start=date(2026, 1, 1),
        expiry=date(2026, 12, 31),
    )
    new = Credit.granted(credit_id, terms, NOW)
    closing.organisation.credits.save([Save(None, new, Deed(action="Grant"))], act())


def choose(closing: Closing, **chosen: Any) -> None:
    kept = closing.organisation.settings_kept
    known = kept.find("all")
    before = known or OrganisationSettings()
    after = before.changed(close=CloseSettings(**chosen))
    kept.save([Save(known, after, Deed(action="Set"))], act())


# The way of a month -------------------------------------------------------------------------------


def test_a_month_is_closed_with_its_four_files_and_those_of_each_unit(
    closing: Closing, admin: Person
) -> None:
    closing.begin(admin)
    key = closing.write()
    assert closing.close().status is CloseStatus.CLOSING
    assert closing.close().files == (), "nobody sees them yet"

    done = closing.complete(key)

    assert (done.status, done.closed_by and done.closed_by.by) == (CloseStatus.CLOSED, admin.email)
    assert [seal.name for seal in done.files] == [
        "AccountsPayable.csv",
        "Journal.csv",
        "PlanningAndAnalysis.csv",
        "PlanningAndAnalysis.bank.csv",
        "PlanningAndAnalysis.retail.csv",
        "Reconciliation.csv",
    ]


def test_a_close_tells_what_happened_and_its_chain_is_whole(
    closing: Closing, admin: Person
) -> None:
    closing.run(admin)

    name = f"month-close#{MONTH}"
    chain = list(closing.organisation.audit.chain(name))
    assert [(one.action, one.event) for one in chain] == [
        ("SetHeaders", None),
        ("Begin", None),
        ("Complete", "MonthClosed"),
    ]
    assert findings(name, chain, closing.close()) == []


def test_what_is_paid_is_the_invoice_of_every_payer_and_currency(
    closing: Closing, admin: Person
) -> None:
    closing.run(admin)

    rows = file(closing, FileKind.AP)
    assert [
        (row["Business unit"], row["Invoice"], row["Net"], row["Currency"]) for row in rows
    ] == [
        ("Bank", "INV-1", "40.00", "USD"),
        ("Retail", "INV-1", "100.00", "USD"),
        ("Bank", "INV-2", "7.00", "EUR"),
    ]
    assert {row["PO"] for row in rows} == {"PO-7"}
    assert total(file(closing, FileKind.JOURNAL), "Debit") == Decimal(140)
    assert total(file(closing, FileKind.JOURNAL), "Credit") == Decimal(140)


def test_a_unit_has_its_own_rows_of_planning_and_no_others(closing: Closing, admin: Person) -> None:
    closing.run(admin)

    whole, own = file(closing, FileKind.FPA), file(closing, FileKind.FPA, "retail")
    assert [row["Product id"] for row in own] == [WEB_SHOP]
    assert [row for row in whole if row["Business unit"] == "Retail"] == own


def test_budgets_of_the_month_stand_beside_what_is_accrued(closing: Closing, admin: Person) -> None:
    closing.organisation.approve(WEB_SHOP, [90 * UNIT] * 12)

    closing.run(admin)

    (row,) = file(closing, FileKind.FPA, "retail")
    assert (row["Net"], row["Budget"], row["Variance"]) == ("100.00", "90.00", "10.00")


def test_plans_accounts_and_cost_centres_are_those_that_were_chosen(
    closing: Closing, admin: Person
) -> None:
    columns = (Column(name="net", header="Betrag"), Column(name="currency"))
    choose(
        closing,
        plans=(ColumnPlan(kind=FileKind.AP, columns=columns),),
        cost_centres=(("bank", "4200"),),
    )

    closing.run(admin)

    content = closing.delivery.objects[f"{MONTH}/AccountsPayable.csv"].decode()
    assert content.splitlines()[0] == "Betrag,Currency"
    assert "4200" in {row["Cost centre"] for row in file(closing, FileKind.JOURNAL)}


def test_a_plan_that_changes_while_a_month_is_closing_changes_no_file_of_it(
    closing: Closing, admin: Person
) -> None:
    closing.begin(admin)
    columns = (Column(name="net"), Column(name="currency"))
    choose(closing, plans=(ColumnPlan(kind=FileKind.AP, columns=columns),))

    closing.complete(closing.write())
    closing.deliver()

    assert "Business unit" in file(closing, FileKind.AP)[0]


def test_what_a_spreadsheet_would_run_is_made_harmless(closing: Closing, admin: Person) -> None:
    closing.bill(*USUAL, allotment(1, issuer="=HYPERLINK(1)", invoice_id="+INV"))
    closing.fill_headers(admin)

    closing.run(admin)

    [row] = [row for row in file(closing, FileKind.AP) if row["Net"] == "1.00"]
    assert (row["InvoiceIssuerName"], row["Invoice"]) == ("'=HYPERLINK(1)", "'+INV")


def test_what_is_waived_is_named_in_the_reconciliation(closing: Closing, admin: Person) -> None:
    closing.bill(*USUAL, allotment(3, None))
    closing.fill_headers(admin)
    waive(
        *(MONTH, Check.NOTHING_UNALLOCATED, closing.close().version),
        by=admin,
        desk=closing.desk,
        act=act(reason="a trial account"),
    )
    other = closing.organisation.hire("other@example.com", Role.FINANCIAL_ADMIN)

    closing.run(other)

    rows = file(closing, FileKind.RECONCILIATION)
    [told] = [row for row in rows if row["Line"].startswith("Waived")]
    assert (told["Amount"], told["Detail"]) == (
        "-3.0000000000",
        f"{admin.email}: a trial account",
    )


def test_owners_are_charged_by_the_other_cost_where_there_is_one(
    closing: Closing, admin: Person
) -> None:
    closing.bill(allotment(100), spend=(allotment(60), allotment(30, LOANS)))
    closing.fill_headers(admin)

    closing.run(admin)

    assert total(file(closing, FileKind.AP), "Net") == Decimal(100)
    assert total(file(closing, FileKind.FPA), "Net") == Decimal(90)


# Discounts and credits ----------------------------------------------------------------------------


def test_discounts_that_were_expected_are_accrued(closing: Closing, admin: Person) -> None:
    book = closing.organisation.credits.price_book()
    after = book.priced(
        [DiscountRate(basis_points=500)],
        start=date(2026, 2, 1),
        open_from=date(2026, 1, 1),
        by=admin.email,
        at=NOW,
    )
    closing.organisation.credits.save_price_book(book, after, Deed(action="Set"), act())
    closing.organisation.product_spend.spend(WEB_SHOP, "2026-02-03", 100 * UNIT)

    closing.run(admin)

    (row,) = file(closing, FileKind.FPA, "retail")
    assert (row["Spend"], row["Discount"], row["Net"]) == ("100.00", "-5.00", "95.00")


def test_credits_are_settled_once_in_the_write_that_closes_the_month(
    closing: Closing, admin: Person
) -> None:
    grant(closing, "c-1", 30)
    grant(closing, "c-2", 200)
    closing.organisation.product_spend.spend(WEB_SHOP, "2026-02-03", 100 * UNIT)
    closing.begin(admin)
    key = closing.write()
    assert closing.organisation.credits.all()["c-1"].uses == ()

    closing.complete(key)
    closing.complete(key)
    closing.deliver()

    found = {name: one.used // UNIT for name, one in closing.organisation.credits.all().items()}
    assert found == {"c-1": 30, "c-2": 70}
    (row,) = file(closing, FileKind.FPA, "retail")
    assert (row["Ledger credits"], row["Net"]) == ("-100.00", "0.00")
    assert [one.action for one in closing.organisation.audit.chain("credit#c-1")] == [
        "Grant",
        "Settle",
    ]


def test_what_credits_pay_of_months_before_the_first_close_is_settled_too(
    closing: Closing, admin: Person
) -> None:
    grant(closing, "c-1", 130)
    spent = closing.organisation.product_spend
    spent.spend(WEB_SHOP, "2026-01-07", 50 * UNIT)
    spent.spend(WEB_SHOP, "2026-02-03", 100 * UNIT)
    spent.spend(WEB_SHOP, "2026-03-02", 100 * UNIT)

    closing.run(admin)

    known = closing.organisation.credits.all()["c-1"]
    assert [(use.month, use.amount // UNIT) for use in known.uses] == [
        ("2026-01", 50),
        ("2026-02", 80),
    ]
    (row,) = file(closing, FileKind.FPA, "retail")
    assert row["Ledger credits"] == "-80.00"


def test_once_it_is_closed_a_month_takes_no_estimate_any_more(
    closing: Closing, admin: Person
) -> None:
    grant(closing, "c-1", 130)
    closing.organisation.product_spend.spend(WEB_SHOP, "2026-02-03", 100 * UNIT)
    closing.run(admin)

    treasury = closing.treasury._replace(open_from=date(2026, 3, 1))
    [told] = statements(closing.organisation.credits.all().values(), NOW.date(), treasury)

    assert (told.credit.balance // UNIT, list(told.estimates)) == (30, [])


def test_a_bill_that_names_no_currency_is_paid_by_credits_in_that_of_plans(
    closing: Closing, admin: Person
) -> None:
    grant(closing, "c-1", 30)
    closing.organisation.product_spend.spend(WEB_SHOP, "2026-02-03", 9 * UNIT, currency=None)
    closing.bill(allotment(9, currency=None))
    closing.fill_headers(admin)
    closing.begin(admin)

    figures = snapshot_of(closing.close(), closing.files)

    assert figures.credits == (ProductSum(WEB_SHOP, None, 9 * UNIT),)


def test_more_credits_than_one_step_takes_are_settled_after_it(
    closing: Closing, admin: Person
) -> None:
    number = STEP + 3
    for n in range(number):
        grant(closing, f"c-{n:03}", 1)
    closing.organisation.product_spend.spend(WEB_SHOP, "2026-02-03", 100 * UNIT)
    closing.begin(admin)
    closing.complete(closing.write())

    def paid() -> int:
        return sum(bool(one.uses) for one in closing.organisation.credits.all().values())

    assert paid() == STEP
    credits_ = closing.organisation.credits
    assert settle(MONTH, archive=closing.archive, credits_=credits_, act=act()) == 3
    assert paid() == number
    assert settle(MONTH, archive=closing.archive, credits_=credits_, act=act()) == 0


def test_a_credit_that_was_changed_meanwhile_stops_the_close_and_nothing_is_done(
    closing: Closing, admin: Person
) -> None:
    grant(closing, "c-1", 30)
    grant(closing, "c-2", 30)
    closing.organisation.product_spend.spend(WEB_SHOP, "2026-02-03", 100 * UNIT)
    closing.begin(admin)
    key = closing.write()
    known = closing.organisation.credits.find("c-2")
    assert known is not None
    assert known.terms is not None
    less = known.with_terms(known.terms.model_copy(update={"amount": 5 * UNIT}), NOW)
    closing.organisation.credits.save([Save(known, less, Deed(action="Correct"))], act())

    with pytest.raises(ConflictError, match="credit c-2 was changed while the month was closing"):
        closing.complete(key)

    assert closing.close().status is CloseStatus.CLOSING
    assert not any(one.uses for one in closing.organisation.credits.all().values())


def test_a_credit_that_pays_for_another_product_by_now_is_not_settled_as_the_old_one(
    closing: Closing, admin: Person
) -> None:
    grant(closing, "c-1", 30)
    closing.organisation.product_spend.spend(WEB_SHOP, "2026-02-03", 100 * UNIT)
    closing.begin(admin)
    key = closing.write()
    known = closing.organisation.credits.find("c-1")
    assert known is not None
    assert known.terms is not None
    moved = known.with_terms(known.terms.model_copy(update={"product_id": LOANS}), NOW)
    closing.organisation.credits.save([Save(known, moved, Deed(action="Correct"))], act())

    with pytest.raises(ConflictError, match="credit c-1 was changed while the month was closing"):
        closing.complete(key)

    closing.give_up("a credit was changed")
    closing.run(admin)
    assert file(closing, FileKind.FPA, "retail")[0]["Ledger credits"] == "0.00"


def test_the_next_month_waits_until_credits_have_paid_what_this_one_has_used(
    closing: Closing, admin: Person
) -> None:
    for n in range(STEP + 1):
        grant(closing, f"c-{n:03}", 1)
    closing.organisation.product_spend.spend(WEB_SHOP, "2026-02-03", 100 * UNIT)
    closing.begin(admin)
    closing.complete(closing.write())
    closing.bill(*USUAL, month=NEXT)
    closing.fill_headers(admin, month=NEXT)

    with pytest.raises(ConflictError, match="has used of 1 credits is not written down yet"):
        closing.begin(admin, NEXT, APRIL)
    closing.deliver()

    assert closing.begin(admin, NEXT, APRIL).status is CloseStatus.CLOSING


# One attempt at a time ----------------------------------------------------------------------------


def test_files_of_one_attempt_never_close_another(closing: Closing, admin: Person) -> None:
    closing.begin(admin, attempt=1)
    old = closing.write(attempt=1)
    closing.give_up("the disk is full", attempt=1)
    closing.bill(allotment(100), allotment(540, LOANS), *USUAL[2:])
    closing.begin(admin, attempt=2)

    with pytest.raises(ConflictError, match="another run is closing 2026-02"):
        closing.complete(old, attempt=1)
    with pytest.raises(ConflictError, match="is of another snapshot of 2026-02"):
        closing.complete(old, attempt=2)

    assert closing.complete(closing.write(attempt=2), attempt=2).is_closed


def test_a_run_leaves_the_attempt_of_another_alone(closing: Closing, admin: Person) -> None:
    begun = closing.begin(admin, attempt=1)

    with pytest.raises(ConflictError, match="another run is closing 2026-02"):
        closing.begin(admin, attempt=2)
    with pytest.raises(ConflictError, match="another run is closing 2026-02"):
        closing.write(attempt=2)

    assert closing.give_up("it is not known here any more", attempt=2) == begun
    assert closing.begin(admin, attempt=1) == begun, "its own is gone on with"


def test_a_month_waits_while_another_one_is_closing(closing: Closing, admin: Person) -> None:
    closing.bill(*USUAL, month="2026-01")
    closing.fill_headers(admin, month="2026-01")
    closing.begin(admin, "2026-01")

    with pytest.raises(ConflictError, match="2026-01 is closing at this moment"):
        closing.begin(admin)

    closing.complete(closing.write("2026-01"), "2026-01")
    assert closing.run(admin).is_closed


def test_of_two_months_that_began_at_once_the_later_one_gives_way(
    closing: Closing, admin: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    closing.bill(*USUAL, month="2026-01")
    closing.fill_headers(admin, month="2026-01")
    closing.begin(admin, "2026-01")
    with monkeypatch.context() as unseen:
        unseen.setattr("finops.usecases.close_month.must_be_alone", lambda close, closes: None)
        closing.begin(admin)

    with pytest.raises(ConflictError, match="2026-01 is closing too, and comes before 2026-02"):
        closing.complete(closing.write())

    closing.give_up("another one comes first")
    assert closing.run(admin, "2026-01").is_closed


def test_an_earlier_month_is_not_closed_after_a_later_one(
    closing: Closing, admin: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    closing.bill(*USUAL, month="2026-01")
    closing.fill_headers(admin, month="2026-01")
    for month in ("2026-01", MONTH):
        with monkeypatch.context() as unseen:
            unseen.setattr("finops.usecases.close_month.must_be_alone", lambda close, closes: None)
            closing.begin(admin, month)
    with monkeypatch.context() as unseen:
        unseen.setattr("finops.usecases.close_month._must_be_in_turn", lambda close, closes: None)
        closing.complete(closing.write())

    with pytest.raises(ConflictError, match="2026-02 was closed meanwhile"):
        closing.complete(closing.write("2026-01"), "2026-01")


# Figures of one moment ----------------------------------------------------------------------------


def publish_another_run(closing: Closing) -> None:
    known = closing.organisation.allocations.find(PAYER, MONTH)
    assert known is not None
    closing.organisation.allocations.publish(known.model_copy(update={"run_id": "another-run"}))


def test_figures_of_another_run_than_the_published_one_are_not_closed(
    closing: Closing, admin: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    read = closing.billed.read

    def read_late(month: str, *, is_closed: bool = False) -> BilledMonth:
        found = read(month, is_closed=is_closed)
        publish_another_run(closing)
        return found

    monkeypatch.setattr(closing.billed, "read", read_late)

    with pytest.raises(ConflictError, match="was allocated anew while it was read"):
        closing.begin(admin)


def test_a_run_that_is_published_while_figures_are_taken_down_makes_it_look_again(
    closing: Closing, admin: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    put = closing.files.put

    def put_late(key: str, content: bytes) -> None:
        put(key, content)
        publish_another_run(closing)

    monkeypatch.setattr(closing.files, "put", put_late)

    with pytest.raises(ConflictError, match="changed while its figures were taken down"):
        closing.begin(admin)

    assert closing.close().status is CloseStatus.PREPARING


# What must not be ---------------------------------------------------------------------------------


def test_who_lost_the_right_since_does_not_begin_the_close(closing: Closing, admin: Person) -> None:
    owner = closing.organisation.people.find("unit@example.com")
    assert owner is not None

    with pytest.raises(ForbiddenError):
        closing.begin(owner)


def test_who_waived_a_line_goes_on_with_no_close_of_somebody_elses(
    closing: Closing, admin: Person
) -> None:
    closing.bill(*USUAL, is_final=False)
    waive(
        *(MONTH, Check.BILL_FINAL, closing.close().version),
        by=admin,
        desk=closing.desk,
        act=act(reason="no ids here"),
    )
    closing.begin(closing.organisation.hire("other@example.com", Role.FINANCIAL_ADMIN))

    with pytest.raises(ForbiddenError, match="somebody else closes the month"):
        closing.begin(admin)


def test_a_line_that_turned_red_since_stops_the_beginning(closing: Closing, admin: Person) -> None:
    closing.bill(*USUAL, is_final=False)

    with pytest.raises(ConflictError, match="BillFinal"):
        closing.begin(admin)

    assert closing.files.objects == {}


def test_a_correction_that_comes_at_the_same_moment_makes_the_beginning_look_again(
    closing: Closing, admin: Person
) -> None:
    before = closing.close()

    def booked() -> None:
        after = before.changed(changed_at=NOW)
        saved = [Save(before, after, Deed(action="BookCorrections"))]
        closing.organisation.closes.save(saved, act())

    closing.organisation.records.meanwhile = [booked]

    with pytest.raises(ConflictError, match="faster"):
        closing.begin(admin)
    assert closing.begin(admin).status is CloseStatus.CLOSING


def test_files_are_written_for_a_month_that_is_closing_only(
    closing: Closing, admin: Person
) -> None:
    with pytest.raises(ConflictError, match="not closing"):
        closing.write()
    closing.run(admin)
    assert closing.write() is None


def test_a_month_is_not_completed_without_its_files(closing: Closing, admin: Person) -> None:
    closing.begin(admin)

    with pytest.raises(ConflictError, match="not written yet"):
        closing.complete(None)


@pytest.mark.parametrize("place", ["files/", "snapshots/"])
def test_what_is_not_what_was_written_closes_no_month(
    closing: Closing, admin: Person, place: str
) -> None:
    closing.begin(admin)
    key = closing.write()
    [changed, *_] = [name for name in closing.files.objects if name.startswith(place)]
    others = gzip.compress(b"{}") if place == "snapshots/" else b"a,b"
    closing.files.objects[changed] = others

    with pytest.raises(FinOpsError, match="is not what was"):
        closing.complete(key)

    assert closing.close().status is CloseStatus.CLOSING


def test_nothing_is_delivered_of_a_month_that_is_not_closed(
    closing: Closing, admin: Person
) -> None:
    closing.begin(admin)

    with pytest.raises(NotFoundError, match="not closed"):
        closing.deliver()


# Delivered ----------------------------------------------------------------------------------------


def test_the_manifest_comes_last_and_names_every_file_by_its_checksum(
    closing: Closing, admin: Person
) -> None:
    closing.run(admin)

    assert closing.delivery.puts[-1] == f"{MONTH}/{MANIFEST}"
    told = json.loads(closing.delivery.objects[f"{MONTH}/{MANIFEST}"])
    assert told["month"] == MONTH
    delivered = {
        name.partition("/")[2]: digest(content)
        for name, content in closing.delivery.objects.items()
    }
    del delivered[MANIFEST]
    assert {one["name"]: one["sha256"] for one in told["files"]} == delivered


def test_what_is_delivered_again_is_the_same(closing: Closing, admin: Person) -> None:
    closing.run(admin)
    before = dict(closing.delivery.objects)

    closing.deliver()

    assert closing.delivery.objects == before


# Given up -----------------------------------------------------------------------------------------


def test_a_close_that_is_given_up_leaves_nothing_and_can_be_begun_again(
    closing: Closing, admin: Person
) -> None:
    closing.begin(admin)
    closing.write()

    after = closing.give_up("no space left")

    assert (after.status, after.abandoned, after.files) == (
        CloseStatus.PREPARING,
        "no space left",
        (),
    )
    assert closing.run(admin).is_closed


def test_a_closed_month_is_not_given_up(closing: Closing, admin: Person) -> None:
    done = closing.run(admin)

    assert closing.give_up("late") == done


def test_a_close_that_could_not_even_begin_says_why(closing: Closing, admin: Person) -> None:
    said = closing.give_up("a line turned red")

    assert (said.status, said.abandoned) == (CloseStatus.PREPARING, "a line turned red")


# Twice, and every crash ---------------------------------------------------------------------------


def test_the_same_month_closed_twice_is_the_same_bytes(admin: Person, closing: Closing) -> None:
    again = Closing(Organisation())
    by = again.ready()

    closing.run(admin, at=NOW)
    again.run(by, at=NOW)

    assert again.delivery.objects == closing.delivery.objects
    assert again.files.objects == closing.files.objects


class DeadError(Exception):
    """The machine is gone."""


class Fragile:
    """A port whose calls are counted with those of others; one of them dies, before or after."""

    def __init__(self, port: Any, calls: "Calls") -> None:
        self._port, self._calls = port, calls

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._port, name)
        if not callable(found):
            return found

        def called(*said: Any, **named: Any) -> Any:
            self._calls.number += 1
            number = self._calls.number
            if number == self._calls.dies_at and not self._calls.is_after:
                raise DeadError
            answer = found(*said, **named)
            if number == self._calls.dies_at:
                raise DeadError
            return answer

        return called


class Calls:
    """How many calls there were, and which one dies."""

    def __init__(self, dies_at: int | None, *, is_after: bool) -> None:
        self.number = 0
        self.dies_at, self.is_after = dies_at, is_after


class Walk:
    """A close on ports that die at one call, step by step as the machine takes them."""

    def __init__(self, dies_at: int | None, *, is_after: bool) -> None:
        self.closing = Closing(Organisation())
        self.admin = self.closing.ready()
        grant(self.closing, "c-1", 30)
        self.closing.organisation.product_spend.spend(WEB_SHOP, "2026-02-03", 100 * UNIT)
        self.calls = Calls(dies_at, is_after=is_after)
        self.credits = self.closing.organisation.credits
        self.files = self.closing.files
        self.closes = self.closing.organisation.closes
        self.delivered = self.closing.delivery
        made = self.closing
        for owner, name in (
            (made, "files"),
            (made, "delivery"),
            (made, "settlement"),
            (made.organisation, "closes"),
            (made.organisation, "credits"),
        ):
            setattr(owner, name, Fragile(getattr(owner, name), self.calls))

    def taken(self, step: Callable[[], Any], tries: int) -> Any:
        """What a step answers; taken again where it dies. Raises DeadError where it never ends."""
        for number in range(tries):
            try:
                return step()
            except DeadError:
                self.check()
                if number == tries - 1:
                    raise
        return None

    def check(self) -> None:
        """Nothing is visible, or everything is; and it is what was sealed."""
        close = self.closes.find(MONTH)
        assert close is not None
        credit = self.credits.find("c-1")
        assert credit is not None
        if not close.is_closed:
            assert close.files == ()
            assert self.delivered.objects == {}
            assert credit.uses == ()
            return
        assert len(close.files) == 6
        assert [use.amount for use in credit.uses] == [30 * UNIT]
        held = {digest(content) for content in self.files.objects.values()}
        assert {seal.sha256 for seal in close.files} <= held
        if f"{MONTH}/{MANIFEST}" in self.delivered.objects:
            assert len(self.delivered.objects) == len(close.files) + 1

    def run(self, tries: int) -> None:
        """As the machine does it: what dies before the end is given up, what dies after is not."""
        try:
            self.taken(lambda: self.closing.begin(self.admin), tries)
            key = self.taken(self.closing.write, tries)
            self.taken(lambda: self.closing.complete(key), tries)
        except DeadError:
            after = self.taken(lambda: self.closing.give_up("a step died"), 3)
            self.check()
            if not after.is_closed:
                assert after.status is CloseStatus.PREPARING
                return
        self.taken(self.closing.deliver, 3)
        self.check()


@pytest.mark.parametrize("tries", [1, 3], ids=["never again", "taken again"])
@pytest.mark.parametrize("is_after", [False, True], ids=["before", "after"])
def test_a_crash_at_any_call_leaves_nothing_or_everything(is_after: bool, tries: int) -> None:
    whole = Walk(None, is_after=False)
    whole.run(1)
    expected = dict(whole.delivered.objects)
    assert whole.calls.number > 40

    for dies_at in range(1, whole.calls.number + 1):
        walk = Walk(dies_at, is_after=is_after)
        walk.run(tries)
        close = walk.closes.find(MONTH)
        assert close is not None
        if tries > 1:
            assert close.is_closed
        if not close.is_closed:
            # Whoever asks again finds nothing in the way.
            walk.run(1)
        assert walk.delivered.objects == expected, dies_at
