"""A month closes once, when every line is green or waived by somebody who does not close it."""

from collections.abc import Callable
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from finops.domain.bills import Bill, BillTotal
from finops.domain.class_policies import ChargeClass
from finops.domain.close_figures import Allotment, ExchangeRate, Header, Invoice, InvoiceSum
from finops.domain.close_files import FileSeal
from finops.domain.column_plans import FileKind
from finops.domain.delegations import Signature
from finops.domain.errors import ConflictError, FinOpsError, ForbiddenError, InvalidError
from finops.domain.loads import Costs
from finops.domain.month_closes import (
    NEVER_WAIVED,
    TRANSITIONS,
    BookedCorrections,
    Check,
    CheckStatus,
    CloseCommand,
    CloseStatus,
    Findings,
    MonthClose,
    Snapshot,
    WeekStanding,
    bill_findings,
    card_findings,
    closed_before,
    findings,
    frozen_before,
    header_findings,
    invoice_findings,
    proposed_headers,
    rate_findings,
    share_findings,
    unallocated_findings,
)
from finops.domain.shares import AccountShares
from finops.domain.spend_cards import CardKey, CardStatus

UNIT = 10**10
MONTH = "2026-08"
AT = datetime(2026, 9, 7, 9, tzinfo=UTC)
ADA, FIN = Signature(by="ada@example.org"), Signature(by="fin@example.org")
SHOP = "retail.digital.storefront.web-shop"
CARD = CardKey(SHOP, date(2026, 8, 9), "USD")
SNAPSHOT = Snapshot(key="closes/2026-08/figures.json", sha256="a" * 64)
REFUND = BookedCorrections(
    original_period="2026-07",
    key="closes/2026-08/corrections/c.json.gz",
    sha256="c" * 64,
    runs=(("1111", "run-1"),),
    net=(("USD", 15 * UNIT),),
    at=AT,
)
SEAL = FileSeal(kind=FileKind.AP, sha256="b" * 64, size=7, rows=1)
GREEN: Findings = findings()
CARDS: Findings = findings(cards=("one is Open", "two is Disputed"))


def new() -> MonthClose:
    return MonthClose.new(MONTH)


def begun(close: MonthClose, found: Findings = GREEN, **said: Any) -> MonthClose:
    usual: dict[str, Any] = {"by": FIN, "at": AT, "last_closed": None}
    return close.begun(found, SNAPSHOT, **usual | said)


def closed() -> MonthClose:
    return begun(new()).completed([SEAL], AT)


def waived(found: Findings = CARDS, check: Check = Check.CARDS_FINAL, **said: Any) -> MonthClose:
    usual: dict[str, Any] = {"by": ADA, "at": AT, "reason": "on leave"}
    return new().waived(check, found, **usual | said)


def booked(number: int = 1) -> BookedCorrections:
    return REFUND.model_copy(update={"key": f"closes/2026-08/corrections/{number}.json.gz"})


def status(close: MonthClose, found: Findings, check: Check = Check.CARDS_FINAL) -> CheckStatus:
    (line,) = (line for line in close.check_list(found) if line.check is check)
    return line.status


def allotment(amount: int, product: str | None = SHOP, **said: Any) -> Allotment:
    usual: dict[str, Any] = {
        "payer": "1111",
        "currency": "USD",
        "invoice_id": "INV-1",
        "issuer": "AWS",
        "account": "3333",
        "charge_category": "Usage",
        "charge_class": ChargeClass.USAGE,
        "product_id": product,
        "reason": None if product else "No share in force",
        "ticks": amount * UNIT,
    }
    return Allotment(**usual | said)


# The check list -----------------------------------------------------------------------------------


def test_every_line_is_on_the_list_and_green_where_nothing_is_wrong() -> None:
    lines = new().check_list(GREEN)

    assert [line.check for line in lines] == list(Check)
    assert {line.status for line in lines} == {CheckStatus.GREEN}


def test_a_red_line_says_all_that_is_wrong_and_keeps_the_month_open() -> None:
    line = next(line for line in new().check_list(CARDS) if line.check is Check.CARDS_FINAL)

    assert (line.status, line.findings) == (CheckStatus.RED, ("one is Open", "two is Disputed"))
    with pytest.raises(ConflictError, match="CardsFinal: one is Open, and 1 more"):
        begun(new(), CARDS)


def test_a_waiver_covers_what_was_wrong_then_and_less() -> None:
    close = waived()

    assert status(close, CARDS) is CheckStatus.WAIVED
    assert status(close, findings(cards=("two is Disputed",))) is CheckStatus.WAIVED
    assert status(close, GREEN) is CheckStatus.GREEN
    assert close.why(Check.CARDS_FINAL) == "ada@example.org: on leave"


def test_what_comes_up_after_a_waiver_is_red_again() -> None:
    more = findings(cards=("one is Open", "three is Open"))

    assert status(waived(), more) is CheckStatus.RED
    assert status(waived(more), more) is CheckStatus.WAIVED


def test_a_waiver_needs_a_reason_and_something_to_waive() -> None:
    with pytest.raises(InvalidError, match="say why"):
        waived(reason=" ")
    with pytest.raises(ConflictError, match="CardsFinal is green"):
        waived(GREEN)


def test_nobody_waives_an_invoice_that_does_not_add_up() -> None:
    wrong = findings(invoices=("INV-1 differs",))

    with pytest.raises(ForbiddenError, match="never waived"):
        waived(wrong, Check.INVOICES_RECONCILED)
    assert {Check.INVOICES_RECONCILED} == NEVER_WAIVED


def test_a_close_of_thousands_of_findings_counts_them_and_keeps_some() -> None:
    many = findings(cards=tuple(f"card {n} is Open" for n in range(5_000)))

    close = begun(waived(many), many)

    line = next(line for line in close.lines if line.check is Check.CARDS_FINAL)
    assert (line.wrong, len(line.findings)) == (5_000, 50)
    assert len(close.model_dump_json()) < 130_000
    with pytest.raises(ConflictError, match="5,001 findings are more than"):
        waived(findings(cards=tuple(f"card {n}" for n in range(5_001))))


def test_a_waiver_is_taken_back() -> None:
    close = waived().unwaived(Check.CARDS_FINAL, AT)

    assert status(close, CARDS) is CheckStatus.RED
    with pytest.raises(ConflictError, match="is not waived"):
        close.unwaived(Check.CARDS_FINAL, AT)


@pytest.mark.parametrize(
    "by", [ADA, Signature(by="FIN@x.org", acting_for="Ada@example.org")], ids=["self", "delegate"]
)
def test_who_waived_a_line_does_not_close_the_month(by: Signature) -> None:
    with pytest.raises(ForbiddenError, match=r"ada@example.org waived CardsFinal"):
        begun(waived(), CARDS, by=by)

    assert begun(waived(), CARDS).status is CloseStatus.CLOSING


def test_for_whom_a_delegate_waived_a_line_does_not_close_the_month() -> None:
    close = waived(by=Signature(by="cy@example.org", acting_for=FIN.by))

    with pytest.raises(ForbiddenError, match=r"fin@example.org waived CardsFinal"):
        begun(close, CARDS)

    assert begun(close, CARDS, by=ADA).status is CloseStatus.CLOSING


def test_a_waiver_of_what_is_green_by_now_keeps_nobody_from_closing() -> None:
    assert begun(waived(), GREEN, by=ADA).status is CloseStatus.CLOSING


# The close ----------------------------------------------------------------------------------------


def test_a_month_that_is_not_over_cannot_be_closed() -> None:
    with pytest.raises(ConflictError, match="close it on 2026-09-01 or later"):
        begun(new(), at=datetime(2026, 8, 31, 23, 59, tzinfo=UTC))

    assert begun(new(), at=datetime(2026, 9, 1, tzinfo=UTC)).status is CloseStatus.CLOSING


def test_months_are_closed_one_after_the_other() -> None:
    for last in ("2026-06", "2026-08"):
        with pytest.raises(ConflictError, match="is the next one"):
            begun(new(), last_closed=last)

    assert begun(new(), last_closed="2026-07").status is CloseStatus.CLOSING


def test_a_close_keeps_its_check_list_and_who_closed() -> None:
    close = begun(waived(), CARDS).completed([SEAL], AT)

    line = next(line for line in close.lines if line.check is Check.CARDS_FINAL)
    assert line.waiver is not None
    assert (line.status, line.waiver.signature, line.waiver.reason) == (
        CheckStatus.WAIVED,
        ADA,
        "on leave",
    )
    assert (close.closed_by, close.closed_at, close.snapshot) == (FIN, AT, SNAPSHOT)


def test_begun_twice_with_the_same_figures_it_is_what_it_was() -> None:
    close = begun(new())

    assert begun(close, by=ADA) == close
    with pytest.raises(ConflictError, match="is Closing and takes no Begin"):
        close.begun(
            GREEN,
            SNAPSHOT.model_copy(update={"sha256": "c" * 64}),
            by=FIN,
            at=AT,
            last_closed=None,
        )


def test_closing_twice_takes_the_same_files_only() -> None:
    close = closed()

    assert close.completed([SEAL], AT) == close
    with pytest.raises(ConflictError, match="nothing reopens it"):
        close.completed([SEAL.model_copy(update={"sha256": "c" * 64})], AT)


def test_a_close_without_files_is_none() -> None:
    with pytest.raises(InvalidError, match="closed with its files"):
        begun(new()).completed([], AT)


def test_a_close_that_is_given_up_has_closed_nothing() -> None:
    close = begun(waived(), CARDS).given_up("the bucket was full", AT)

    assert (close.status, close.snapshot, close.closed_by, close.lines) == (
        CloseStatus.PREPARING,
        None,
        None,
        (),
    )
    assert (close.abandoned, close.waivers) == ("the bucket was full", waived().waivers)
    assert begun(close, CARDS).abandoned is None


def test_nothing_leads_out_of_closed() -> None:
    assert closed().allowed == ()
    assert not any(state is CloseStatus.CLOSED for state, _ in TRANSITIONS)
    acts: tuple[Callable[[], MonthClose], ...] = (
        lambda: closed().with_headers([Header(payer="1", unit=None)], AT),
        lambda: closed().waived(Check.CARDS_FINAL, CARDS, by=ADA, at=AT, reason="x"),
        lambda: closed().unwaived(Check.CARDS_FINAL, AT),
        lambda: begun(closed()),
        lambda: closed().given_up("x", AT),
    )
    for act in acts:
        with pytest.raises(ConflictError, match=r"2026-08 is Closed .* nothing reopens it"):
            act()


def test_a_month_in_preparation_takes_corrections_over_each_of_them_once() -> None:
    close = new().with_corrections(booked(1), AT).with_corrections(booked(2), AT)

    assert close.corrections == (booked(1), booked(2))
    assert close.with_corrections(booked(1), AT) is close


def test_a_close_that_has_begun_takes_no_corrections_over() -> None:
    for close in (begun(new()), closed()):
        with pytest.raises(ConflictError, match="2026-08 is Clos"):
            close.with_corrections(booked(), AT)


def test_a_close_that_is_given_up_keeps_its_corrections() -> None:
    close = begun(new().with_corrections(booked(), AT)).given_up("no space left", AT)

    assert close.corrections == (booked(),)


@pytest.mark.parametrize("month", [MONTH, "2026-09"])
def test_a_month_takes_no_corrections_of_itself_or_of_a_later_one(month: str) -> None:
    of = REFUND.model_copy(update={"original_period": month})

    with pytest.raises(InvalidError, match=f"{month} is not before 2026-08"):
        new().with_corrections(of, AT)


def test_all_before_the_last_closed_month_is_closed() -> None:
    july = MonthClose(month="2026-07", status=CloseStatus.CLOSED)

    assert closed_before([]) == date.min
    assert closed_before([closed(), july, MonthClose.new("2026-09")]) == date(2026, 9, 1)


def test_a_month_that_is_being_closed_is_out_of_reach_of_rules_and_not_closed_yet() -> None:
    closing = MonthClose(month="2026-09", status=CloseStatus.CLOSING)
    known = [closed(), closing, MonthClose.new("2026-10")]

    assert frozen_before([]) == date.min
    assert frozen_before(known) == date(2026, 10, 1)
    assert closed_before(known) == date(2026, 9, 1)


# Headers ------------------------------------------------------------------------------------------


def test_a_header_takes_the_place_of_the_one_before() -> None:
    first = Header(payer="1", unit="retail", vendor="A")
    other = Header(payer="1", unit=None, vendor="B")
    close = new().with_headers([first, other], AT)

    after = close.with_headers([Header(payer="1", unit="retail", vendor=" C ", memo=" ")], AT)

    assert [(one.unit, one.vendor, one.memo) for one in after.headers] == [
        ("retail", "C", None),
        (None, "B", None),
    ]
    assert after.with_headers([other], AT) == after


def test_a_field_of_a_header_is_not_a_story() -> None:
    with pytest.raises(InvalidError, match="at most 200 characters"):
        Header(payer="1", unit=None, memo="x" * 201)


def test_headers_name_all_fields_and_all_invoices_of_the_bill() -> None:
    header = Header(payer="1111", unit="retail", vendor="AWS", invoices=("INV-1",), memo="August")
    close = new().with_headers([header], AT)

    found = header_findings(close, [allotment(1), allotment(1, invoice_id="INV-2")])

    assert found == (
        "payer 1111, retail: PO is empty",
        "payer 1111, retail: invoice INV-2 of the bill is not named",
    )


def test_unallocated_money_needs_a_header_too() -> None:
    found = header_findings(new(), [allotment(1, None)])

    assert found[0] == "payer 1111, unallocated: vendor is empty"
    assert len(found) == 4


def test_the_bill_proposes_vendor_and_invoices() -> None:
    one, other = proposed_headers(
        [
            allotment(1),
            allotment(1, invoice_id="INV-2"),
            allotment(1, "media.a.b.c", issuer="A seller"),
            allotment(1, "media.a.b.c"),
        ]
    )

    assert (one.unit, one.vendor, one.invoices) == ("media", None, ("INV-1",))
    assert (other.unit, other.vendor, other.invoices) == ("retail", "AWS", ("INV-1", "INV-2"))


# What is wrong ------------------------------------------------------------------------------------


def bill(payer: str, without: int = 0, amount: int = 7) -> Bill:
    costs = Costs(billed_cost=amount * UNIT)
    total = BillTotal(billing_currency="USD", costs=costs, lines_without_invoice=without)
    return Bill(
        billing_account_id=payer,
        billing_period=MONTH,
        load_id="l-1",
        delivered_at=AT,
        published_at=AT,
        lineage=("l-1",),
        totals=(total,),
    )


def test_a_bill_is_final_when_every_payer_has_sent_one_with_all_its_invoice_ids() -> None:
    bills = [bill("1111"), bill("2222", 1_500)]

    assert bill_findings(MONTH, ["1111", "2222", "3333"], bills) == (
        "payer 3333 has no bill of 2026-08",
        "the bill of payer 2222, 7.0000000000 USD, has 1,500 lines without an invoice id",
    )
    assert bill_findings(MONTH, ["1111"], [bill("1111")]) == ()


def test_an_invoice_reconciles_to_the_last_tick() -> None:
    lines = [InvoiceSum(MONTH, Invoice("1111", "USD", "INV-1"), 3 * UNIT + 1)]
    parts = [allotment(2), allotment(1, None)]

    (found,) = invoice_findings(lines, parts)

    assert found == (
        "invoice INV-1 of payer 1111: 3.0000000001 USD on the bill, 3.0000000000 allocated or "
        "unallocated, difference 0.0000000001"
    )
    assert invoice_findings(lines, [*parts, allotment(0, ticks=1)]) == ()


def test_what_nobody_owns_is_told_by_account_and_reason() -> None:
    billed = [
        *(allotment(1), allotment(2, None)),
        *(allotment(3, None, account=None), allotment(3, None)),
    ]

    assert unallocated_findings(billed, billed) == (
        "5.0000000000 USD of account 3333 (payer 1111) has no owner: No share in force",
        "3.0000000000 USD of no account (payer 1111) has no owner: No share in force",
    )


def test_what_is_billed_to_nobody_is_told_beside_what_is_charged_to_nobody() -> None:
    """A yearly fee of 8,760.00 is nobody's, and the 24.00 that were used of it are a product's."""
    fee = allotment(8_760, None, account="9999", reason="No fee")
    both = allotment(5, None)

    assert unallocated_findings([allotment(24), both], [fee, both]) == (
        "5.0000000000 USD of account 3333 (payer 1111) has no owner: No share in force",
        "8760.0000000000 USD of account 9999 (payer 1111) is billed and has no owner: No fee",
    )


def test_what_aws_credited_to_nobody_is_told_and_makes_up_for_nothing() -> None:
    credit = allotment(-5, None, charge_category="Credit", charge_class=None, reason="None")
    billed = [allotment(5, None), credit]

    assert unallocated_findings(billed, billed) == (
        "5.0000000000 USD of account 3333 (payer 1111) has no owner: No share in force",
        "-5.0000000000 USD of account 3333 (payer 1111) is credited by AWS and has no owner: None",
    )


def test_only_approved_and_resolved_cards_are_final() -> None:
    def standing(day: int, said: CardStatus | None) -> WeekStanding:
        return WeekStanding(CardKey(SHOP, date(2026, 8, day), "USD"), said, day * UNIT)

    found = card_findings(
        [
            standing(16, None),
            standing(2, CardStatus.APPROVED),
            standing(1, CardStatus.RESOLVED),
            standing(9, CardStatus.ACCEPTED),
        ]
    )

    assert found == (
        f"{SHOP}: the card of 2026-08-09, 9.0000000000 USD, is Accepted",
        f"{SHOP}: the card of 2026-08-16, 16.0000000000 USD, is not made",
    )


def test_what_no_card_has_is_named_though_the_card_of_its_week_is_final() -> None:
    found = card_findings(
        [
            WeekStanding(CARD, CardStatus.APPROVED, 600 * UNIT, 50 * UNIT),
            WeekStanding(CARD._replace(start=date(2026, 8, 16)), CardStatus.OPEN, 0, -UNIT),
        ]
    )

    assert found == (
        f"{SHOP}: the card of 2026-08-09 lacks 50.0000000000 USD, which no other card has yet",
        f"{SHOP}: the card of 2026-08-16, 0.0000000000 USD, is Open",
        f"{SHOP}: the card of 2026-08-16 lacks -1.0000000000 USD, which no other card has yet",
    )


def test_an_account_is_split_on_every_day_that_it_is_charged_for() -> None:
    split = AccountShares(account_id="1").mapped(
        [(SHOP, 10_000)],
        start=None,
        open_from=date(2026, 1, 1),
        joined=date(2026, 8, 3),
        by="ada",
        at=datetime(2026, 8, 3, tzinfo=UTC),
    )
    days = [date(2026, 8, day) for day in (1, 2, 3, 4)]
    spread = [*days[:2], date(2026, 8, 31)]

    assert share_findings({"1": days, "2": days[:1], "3": spread}, {"1": split}) == (
        "account 1 has no share in force on 2 days: 2026-08-01 to 2026-08-02",
        "account 2 has no share in force on 1 day: 2026-08-01",
        "account 3 has no share in force on 3 days: 2026-08-01 to 2026-08-02, 2026-08-31",
    )
    assert share_findings({"1": days[2:]}, {"1": split}) == ()


def test_a_currency_without_a_rate_into_the_reporting_currency_is_named() -> None:
    rates = [ExchangeRate(currency="EUR", rate=Decimal("1.1"), source="the bank's")]

    assert rate_findings(["USD", "EUR", "JPY", "GBP", "JPY", None], rates, "USD") == (
        "GBP has no exchange rate to USD: the rows in GBP have no net in USD",
        "JPY has no exchange rate to USD: the rows in JPY have no net in USD",
    )
    assert rate_findings(["USD", "EUR"], rates, "USD") == ()
    assert rate_findings(["JPY"], [], None) == ()


@pytest.mark.parametrize(
    "check, seen, later",
    [
        pytest.param(
            Check.BILL_FINAL,
            findings(bill=bill_findings(MONTH, ["1111"], [bill("1111", 3, 100)])),
            findings(bill=bill_findings(MONTH, ["1111"], [bill("1111", 3, 1_000_100)])),
            id="a bill that has grown",
        ),
        pytest.param(
            Check.CARDS_FINAL,
            findings(cards=card_findings([WeekStanding(CARD, CardStatus.OPEN, 10)])),
            findings(cards=card_findings([WeekStanding(CARD, CardStatus.OPEN, 10**17)])),
            id="a card that has grown",
        ),
        pytest.param(
            Check.SHARES_SET,
            findings(shares=share_findings({"1": [date(2026, 8, 1), date(2026, 8, 2)]}, {})),
            findings(shares=share_findings({"1": [date(2026, 8, 1), date(2026, 8, 9)]}, {})),
            id="other days",
        ),
    ],
)
def test_a_waiver_covers_the_amounts_and_the_days_that_were_seen(
    check: Check, seen: Findings, later: Findings
) -> None:
    close = waived(seen, check)

    assert status(close, seen, check) is CheckStatus.WAIVED
    assert status(close, later, check) is CheckStatus.RED


# Any course of a close ----------------------------------------------------------------------------

PEOPLE = st.sampled_from([ADA, FIN, Signature(by="cy@example.org", acting_for="ada@example.org")])
WRONG = st.dictionaries(
    st.sampled_from(list(Check)), st.sets(st.sampled_from("abc"), max_size=2).map(tuple)
)


class AnyCourse(RuleBasedStateMachine):
    """People waive, close, crash and come back while what is wrong comes and goes."""

    def __init__(self) -> None:
        super().__init__()
        self.close = new()
        self.found: Findings = {}
        self.signed: MonthClose | None = None

    def attempt(self, act: Any) -> None:
        try:
            self.close = act()
        except FinOpsError:
            return

    @rule(found=WRONG)
    def something_changes(self, found: Findings) -> None:
        self.found = found

    @rule(check=st.sampled_from(list(Check)), by=PEOPLE)
    def somebody_waives(self, check: Check, by: Signature) -> None:
        self.attempt(lambda: self.close.waived(check, self.found, by=by, at=AT, reason="so"))

    @rule(check=st.sampled_from(list(Check)))
    def somebody_takes_a_waiver_back(self, check: Check) -> None:
        self.attempt(lambda: self.close.unwaived(check, AT))

    @rule(by=PEOPLE)
    def somebody_begins(self, by: Signature) -> None:
        self.attempt(lambda: begun(self.close, self.found, by=by))

    @rule()
    def it_is_given_up(self) -> None:
        self.attempt(lambda: self.close.given_up("a crash", AT))

    @rule(other=st.booleans())
    def its_files_are_there(self, other: bool) -> None:
        seal = SEAL.model_copy(update={"rows": 2}) if other else SEAL
        self.attempt(lambda: self.close.completed([seal], AT))

    @rule(number=st.integers(1, 3))
    def a_bill_before_it_is_corrected(self, number: int) -> None:
        self.attempt(lambda: self.close.with_corrections(booked(number), AT))

    @invariant()
    def what_is_closed_stays(self) -> None:
        if self.signed is not None:
            assert self.close == self.signed
        elif self.close.is_closed:
            self.signed = self.close

    @invariant()
    def nothing_is_half_closed(self) -> None:
        is_preparing = self.close.status is CloseStatus.PREPARING
        assert is_preparing == (self.close.snapshot is None) == (not self.close.lines)
        assert self.close.is_closed == bool(self.close.files) == bool(self.close.closed_at)

    @invariant()
    def no_line_was_red_and_nobody_closed_their_own_waiver(self) -> None:
        for line in self.close.lines:
            assert line.status is not CheckStatus.RED
            if line.status is CheckStatus.WAIVED:
                assert line.check is not Check.INVOICES_RECONCILED
                assert line.waiver is not None
                assert self.close.closed_by is not None
                assert not line.waiver.signature.names & self.close.closed_by.names


def test_any_course_of_a_close_keeps_its_promises() -> None:
    run_state_machine_as_test(
        AnyCourse, settings=settings(max_examples=50, stateful_step_count=20, deadline=None)
    )


def test_a_close_says_what_it_takes() -> None:
    assert list(new().allowed) == [
        CloseCommand.SET_HEADERS,
        CloseCommand.WAIVE,
        CloseCommand.WITHDRAW_WAIVER,
        CloseCommand.BOOK_CORRECTIONS,
        CloseCommand.BEGIN,
    ]
    assert list(begun(new()).allowed) == [CloseCommand.ABANDON, CloseCommand.COMPLETE]
