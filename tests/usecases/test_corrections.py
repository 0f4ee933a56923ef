"""After the close: what later bills change is booked in an open month, once, and nothing else moves."""

from dataclasses import dataclass
from datetime import date
from functools import partial

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from finops.domain.class_policies import ChargeClass, CostBasis
from finops.domain.close_figures import InvoiceSum, digest, summed
from finops.domain.corrections import booked_so_far
from finops.domain.errors import ConflictError, FinOpsError
from finops.domain.periods import BillingPeriod
from finops.domain.restatements import restated
from finops.domain.spend_cards import CardStatus, Cause, Spend
from finops.usecases.book_corrections import Outcome, book_all_corrections
from finops.usecases.corrections import booked_in_month, document
from tests.carding import card_line, put_card
from tests.correcting import (
    ACT,
    AUGUST,
    JULY,
    LOANS,
    OCTOBER,
    SEPTEMBER,
    SHOP,
    UNIT,
    Books,
    allotment,
    in_units,
    units,
)
from tests.usecases.organisation import Organisation

SUPPORT = ChargeClass.SUPPORT


@pytest.fixture
def books() -> Books:
    """August is closed at 1,000.00."""
    made = Books()
    made.bill(AUGUST, allotment(1_000))
    made.close(AUGUST)
    return made


# Trap 5 -------------------------------------------------------------------------------------------


def test_trap_5_a_refund_and_support_after_the_close_are_15_in_the_next_month(
    books: Books,
) -> None:
    """Closed at 1,000.00; then -25.00 and +40.00 come on the same invoice: 1,015.00."""
    before = books.closes.find(AUGUST)
    assert before is not None
    assert before.snapshot is not None
    kept = books.files.read(before.snapshot.key)
    refund = allotment(-25, charge_category="Adjustment")
    support = allotment(40, charge_class=SUPPORT)
    books.bill(AUGUST, allotment(1_000), refund, support)

    done = books.book(AUGUST)

    assert (done.outcome, done.booked_in) == (Outcome.BOOKED, SEPTEMBER)
    assert done.booked is not None
    assert done.booked.net == (("USD", 15 * UNIT),)
    assert in_units(books.booked(AUGUST)) == {SEPTEMBER: 15}
    assert {one.of.invoice_id for one in books.booked(AUGUST)[SEPTEMBER]} == {"INV-1"}
    assert books.closes.find(AUGUST) == before
    assert books.files.read(before.snapshot.key) == kept
    corrections = books.booked(AUGUST)[SEPTEMBER]
    assert booked_so_far(AUGUST, books.figures(AUGUST).billed, corrections) == books.latest(AUGUST)


def test_trap_5_what_was_signed_keeps_its_bytes_and_what_it_lacks_is_what_is_booked(
    books: Books,
) -> None:
    """The one card of August was approved at 1,000.00; the month is closed, its card is restated."""
    organisation, week = Organisation(), date(2026, 8, 2)
    card = put_card(organisation, 1_000 * UNIT, SHOP, week, status=CardStatus.APPROVED)
    signed = card.model_dump_json()
    books.bill(AUGUST, allotment(1_015))

    done = books.book(AUGUST)
    found = restated(
        [card],
        {week: Spend(lines=(card_line(1_015 * UNIT),), runs=("run-2",))},
        cause=Cause.BILL,
        closed_before=date(2026, 9, 1),
        by="the calendar",
        at=ACT.at,
    )

    assert card.model_dump_json() == signed
    assert (found.cards, found.due) == ((), ())
    assert done.booked is not None
    assert sum(one.amount for one in found.corrections) == dict(done.booked.net)["USD"]


def test_the_second_time_only_the_rest_is_booked(books: Books) -> None:
    books.bill(AUGUST, allotment(1_015))
    books.book(AUGUST)
    books.bill(AUGUST, allotment(1_012))
    books.book(AUGUST)

    september = books.closes.find(SEPTEMBER)

    assert september is not None
    assert [one.net for one in september.corrections] == [
        (("USD", 15 * UNIT),),
        (("USD", -3 * UNIT),),
    ]
    assert in_units(books.booked(AUGUST)) == {SEPTEMBER: 12}


def test_the_month_that_books_is_closed_with_it_and_the_next_one_takes_the_rest(
    books: Books,
) -> None:
    books.bill(AUGUST, allotment(1_015))
    books.book(AUGUST)
    books.bill(SEPTEMBER, allotment(200, invoice_id="INV-2"))
    books.close(SEPTEMBER)
    books.bill(AUGUST, allotment(1_020))

    done = books.book(AUGUST)

    assert done.booked_in == OCTOBER
    assert units(books.figures(SEPTEMBER).corrections) == 15
    assert in_units(books.booked(AUGUST)) == {SEPTEMBER: 15, OCTOBER: 5}


def test_what_was_paid_of_an_invoice_before_is_told_with_its_correction(books: Books) -> None:
    """Of INV-1 August has paid 1,000; September pays what makes it 1,015, October 1,020."""
    books.bill(AUGUST, allotment(1_015))
    books.book(AUGUST)
    books.bill(AUGUST, allotment(1_017))
    books.book(AUGUST)
    september = books.closes.find(SEPTEMBER)
    assert september is not None
    books.bill(SEPTEMBER, allotment(200, invoice_id="INV-2"))
    books.close(SEPTEMBER)
    books.bill(AUGUST, allotment(1_020))
    books.book(AUGUST)
    october = books.closes.find(OCTOBER)
    assert october is not None

    invoice = allotment(0).invoice
    for month, paid in ((september, 1_000), (october, 1_017)):
        [one] = booked_in_month(month, books.files).booked
        assert one == InvoiceSum(AUGUST, invoice, paid * UNIT)


# Nothing to book ----------------------------------------------------------------------------------


def test_a_bill_that_says_the_same_books_nothing_and_writes_nothing(books: Books) -> None:
    books.bill(AUGUST, allotment(1_000))
    written, puts = len(books.records), len(books.files.puts)

    assert books.book(AUGUST).outcome is Outcome.NOTHING
    assert (len(books.records), len(books.files.puts)) == (written, puts)


def test_a_month_whose_runs_are_those_it_was_closed_with_is_not_read_again(books: Books) -> None:
    del books.billed.months[AUGUST]

    assert books.book(AUGUST).outcome is Outcome.NOTHING


def test_an_open_month_has_no_corrections(books: Books) -> None:
    books.bill(SEPTEMBER, allotment(200))

    assert books.book(SEPTEMBER).outcome is Outcome.NOTHING
    assert books.closes.find(SEPTEMBER) is None


@pytest.mark.parametrize("missing", ["payer 2222 has no bill", "the bill is not allocated"])
def test_a_month_that_is_not_whole_waits(books: Books, missing: str) -> None:
    """With half of its bill a month would be corrected by the other half."""
    books.bill(AUGUST, allotment(400), missing=(missing,))

    assert books.book(AUGUST).outcome is Outcome.WAITING
    assert books.booked(AUGUST) == {}


def test_sums_that_cancel_each_other_out_are_booked(books: Books) -> None:
    books.bill(AUGUST, allotment(900), allotment(100, LOANS))

    done = books.book(AUGUST)

    assert done.booked is not None
    assert done.booked.net == (("USD", 0),)
    assert {one.of.product_id: one.of.ticks // UNIT for one in books.booked(AUGUST)[SEPTEMBER]} == {
        SHOP: -100,
        LOANS: 100,
    }


def test_a_charge_that_was_invoiced_after_the_close_is_no_correction() -> None:
    books = Books()
    books.bill(AUGUST, allotment(1_000, invoice_id=None))
    books.close(AUGUST)
    books.bill(AUGUST, allotment(1_000))

    assert books.book(AUGUST).outcome is Outcome.NOTHING


# Who is faster ------------------------------------------------------------------------------------


def test_while_the_open_month_closes_corrections_wait_for_the_next_one(books: Books) -> None:
    books.bill(SEPTEMBER, allotment(200))
    books.begin(SEPTEMBER)
    books.bill(AUGUST, allotment(1_015))

    assert books.book(AUGUST).outcome is Outcome.WAITING
    books.complete(SEPTEMBER)
    assert books.book(AUGUST).booked_in == OCTOBER
    assert in_units(books.booked(AUGUST)) == {OCTOBER: 15}


def test_a_close_that_was_given_up_takes_what_waited(books: Books) -> None:
    books.bill(SEPTEMBER, allotment(200))
    books.begin(SEPTEMBER)
    books.bill(AUGUST, allotment(1_015))
    books.book(AUGUST)
    books.give_up(SEPTEMBER)

    assert books.book(AUGUST).booked_in == SEPTEMBER


def test_a_close_that_begins_first_leaves_the_correction_to_the_next_month(books: Books) -> None:
    books.bill(SEPTEMBER, allotment(200))
    books.bill(AUGUST, allotment(1_015))
    books.records.meanwhile.append(lambda: books.close(SEPTEMBER))

    assert books.book(AUGUST).booked_in == OCTOBER
    assert books.figures(SEPTEMBER).corrections == ()
    assert in_units(books.booked(AUGUST)) == {OCTOBER: 15}


def test_a_close_that_begins_later_loses_to_the_correction(books: Books) -> None:
    books.bill(SEPTEMBER, allotment(200))
    books.bill(AUGUST, allotment(1_015))
    books.records.meanwhile.append(lambda: books.book(AUGUST))

    with pytest.raises(ConflictError):
        books.begin(SEPTEMBER)
    books.close(SEPTEMBER)

    assert units(books.figures(SEPTEMBER).corrections) == 15


def test_two_who_book_the_same_book_it_once(books: Books) -> None:
    books.bill(AUGUST, allotment(1_015))
    others: list[Outcome] = []
    books.records.meanwhile.append(lambda: others.append(books.book(AUGUST).outcome))

    assert books.book(AUGUST).outcome is Outcome.NOTHING
    assert others == [Outcome.BOOKED]
    assert in_units(books.booked(AUGUST)) == {SEPTEMBER: 15}


def test_who_books_another_month_at_the_same_time_is_not_lost() -> None:
    books = Books()
    for month in (JULY, AUGUST):
        books.bill(month, allotment(100))
        books.close(month)
    books.bill(JULY, allotment(101))
    books.bill(AUGUST, allotment(102))
    books.records.meanwhile.append(lambda: books.book(JULY))

    books.book(AUGUST)

    assert in_units(books.booked(JULY) | {}) == {SEPTEMBER: 1}
    assert in_units(books.booked(AUGUST)) == {SEPTEMBER: 2}


# What no event told -------------------------------------------------------------------------------


def test_a_daily_look_finds_every_closed_month_that_has_changed() -> None:
    books = Books()
    for month in (JULY, AUGUST):
        books.bill(month, allotment(100))
        books.close(month)
    books.bill(JULY, allotment(101))

    done = book_all_corrections(ledgers=books.ledgers, act=ACT)

    assert [(one.original_period, one.outcome) for one in done] == [
        (JULY, Outcome.BOOKED),
        (AUGUST, Outcome.NOTHING),
    ]


def test_a_month_that_cannot_be_read_keeps_no_other_from_being_corrected() -> None:
    books = Books()
    for month in (JULY, AUGUST):
        books.bill(month, allotment(100))
        books.close(month)
        books.bill(month, allotment(101))
    july = books.closes.find(JULY)
    assert july is not None
    assert july.snapshot is not None
    del books.files.objects[july.snapshot.key]

    with pytest.raises(ExceptionGroup, match="1 of 2 closed months"):
        book_all_corrections(ledgers=books.ledgers, act=ACT)

    assert in_units(books.booked(AUGUST)) == {SEPTEMBER: 1}


def test_a_run_that_was_published_while_its_own_month_closed_is_booked_after_it() -> None:
    books = Books()
    books.bill(AUGUST, allotment(1_000))
    books.begin(AUGUST)
    books.bill(AUGUST, allotment(1_015))
    assert books.book(AUGUST).outcome is Outcome.NOTHING
    books.complete(AUGUST)

    [done] = book_all_corrections(ledgers=books.ledgers, act=ACT)

    assert (done.outcome, done.booked_in) == (Outcome.BOOKED, SEPTEMBER)


def test_a_booking_is_on_record_and_told_of(books: Books) -> None:
    books.bill(AUGUST, allotment(1_015))
    books.book(AUGUST)

    [record] = books.records.chains[f"month-close#{SEPTEMBER}"]

    assert (record.action, record.event) == ("BookCorrections", "CorrectionsBooked")


# Of another cost ----------------------------------------------------------------------------------


def test_where_owners_are_charged_by_effective_cost_both_are_corrected() -> None:
    books = Books()
    books.bill(AUGUST, allotment(1_000), spend=[allotment(900)])
    books.close(AUGUST)
    books.bill(AUGUST, allotment(1_015), spend=[allotment(910)])

    done = books.book(AUGUST)

    assert done.booked is not None
    kept = document(done.booked, books.files)
    assert (units(kept.corrections), units(kept.owners)) == (15, 10)
    assert kept.basis is CostBasis.EFFECTIVE


def test_a_month_that_was_closed_on_billed_cost_is_corrected_on_it(books: Books) -> None:
    books.bill(AUGUST, allotment(1_015), spend=[allotment(910)])
    done = books.book(AUGUST)

    assert done.booked is not None
    kept = document(done.booked, books.files)
    assert (units(kept.owners), kept.basis) == (15, CostBasis.BILLED)
    books.bill(SEPTEMBER, allotment(200), spend=[allotment(180)])
    books.close(SEPTEMBER)
    assert units(books.figures(SEPTEMBER).charged_corrections) == 15


def test_what_aws_credits_later_is_paid_less_and_charged_to_nobody(books: Books) -> None:
    credit = allotment(-30, charge_category="Credit", charge_class=None)
    books.bill(AUGUST, allotment(1_000), credit)

    done = books.book(AUGUST)

    assert done.booked is not None
    kept = document(done.booked, books.files)
    assert (units(kept.corrections), kept.owners) == (-30, ())


def test_a_document_that_is_not_what_was_kept_is_refused(books: Books) -> None:
    books.bill(AUGUST, allotment(1_015))
    done = books.book(AUGUST)
    assert done.booked is not None
    wrong = done.booked.model_copy(update={"sha256": "0" * 64})

    with pytest.raises(FinOpsError, match="is not what was kept there"):
        document(wrong, books.files)


# Any course ---------------------------------------------------------------------------------------

AMOUNTS = st.lists(
    st.tuples(st.sampled_from([SHOP, LOANS, None]), st.integers(-3, 3)), min_size=1, max_size=3
)
MONTHS = (JULY, AUGUST, SEPTEMBER, OCTOBER)
STEPS = ("book", "begin", "complete", "give_up")


@dataclass
class Kept:
    """What a closed month was closed with."""

    close: object
    digest: str


class AnyCourse(RuleBasedStateMachine):
    """Bills come again and again while months close one after the other, and others are faster."""

    @initialize()
    def months_are_billed(self) -> None:
        self.books = Books()
        self.kept: dict[str, Kept] = {}
        for month in MONTHS:
            self.books.bill(month, allotment(10))

    @rule(month=st.sampled_from(MONTHS), amounts=AMOUNTS, invoice=st.sampled_from(["INV-1", "A"]))
    def a_bill_comes(self, month: str, amounts: list[tuple[str | None, int]], invoice: str) -> None:
        told = [allotment(amount, product, invoice_id=invoice) for product, amount in amounts]
        self.books.bill(month, *told)

    @rule(month=st.sampled_from(MONTHS), others=st.lists(st.sampled_from(STEPS), max_size=3))
    def corrections_are_booked(self, month: str, others: list[str]) -> None:
        """While *others* do what they do just before it is written."""
        self.books.records.meanwhile += [partial(self.step, one) for one in others]
        self.step("book", month)
        self.books.records.meanwhile.clear()

    @rule(step=st.sampled_from(STEPS[1:]), book=st.booleans())
    def a_close_goes_on(self, step: str, book: bool) -> None:
        if book:
            self.books.records.meanwhile += [partial(self.step, "book", one) for one in MONTHS]
        self.step(step)
        self.books.records.meanwhile.clear()

    def step(self, name: str, month: str | None = None) -> None:
        books = self.books
        last = books.last_closed
        following = MONTHS[0] if last is None else str(BillingPeriod.of(BillingPeriod(last).end))
        try:
            match name:
                case "book":
                    books.book(month or MONTHS[0])
                case "begin" if books.closing is None and following in MONTHS[:-1]:
                    books.begin(following)
                case "complete" if books.closing is not None:
                    close = books.complete(books.closing)
                    self.kept[close.month] = Kept(close, digest(self.snapshot(close.month)))
                case "give_up" if books.closing is not None:
                    books.give_up(books.closing)
        except ConflictError:
            return

    def snapshot(self, month: str) -> bytes:
        return self.books.figures(month).snapshot

    @invariant()
    def what_is_closed_keeps_its_bytes(self) -> None:
        for month, kept in self.kept.items():
            assert self.books.closes.find(month) == kept.close
            assert digest(self.snapshot(month)) == kept.digest

    @invariant()
    def the_files_of_a_closed_month_have_all_that_it_booked(self) -> None:
        for month in self.kept:
            close = self.books.closes.find(month)
            assert close is not None
            booked = (one.of for one in booked_in_month(close, self.books.files).billed)
            assert summed(booked) == summed(one.of for one in self.books.figures(month).corrections)

    @precondition(lambda self: self.books.closing is None)
    @rule()
    def all_is_booked_in_the_end(self) -> None:
        books = self.books
        book_all_corrections(ledgers=books.ledgers, act=ACT)
        for month in self.kept:
            every = [one for some in books.booked(month).values() for one in some]
            so_far = booked_so_far(month, books.figures(month).billed, every)
            assert so_far == books.latest(month)
            assert books.book(month).outcome is Outcome.NOTHING


def test_in_any_course_snapshot_and_corrections_are_the_newest_bill() -> None:
    run_state_machine_as_test(
        AnyCourse, settings=settings(max_examples=40, stateful_step_count=20, deadline=None)
    )
