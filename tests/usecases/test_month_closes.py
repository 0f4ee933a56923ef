"""Month closes: the check list as it is, headers, waivers, and a close that is asked for."""

from datetime import date, datetime, timedelta
from typing import Any

import pytest

from finops.domain.allocations import PartKind
from finops.domain.audit import Deed
from finops.domain.authorization import Action, may
from finops.domain.close_figures import CREDIT
from finops.domain.errors import ConflictError, ForbiddenError, InvalidError, NotFoundError
from finops.domain.month_closes import Check, CheckStatus, CloseStatus, MonthClose
from finops.domain.organisation_settings import CloseSettings, OrganisationSettings
from finops.domain.paces import Pace
from finops.domain.people import Person, Role
from finops.domain.shares import AccountShares, Revision
from finops.domain.spend_cards import (
    Adjustment,
    CardKey,
    CardLine,
    CardStatus,
    Cause,
    Spend,
    SpendCard,
)
from finops.usecases.month_closes import (
    ask_to_close,
    seen_close,
    seen_closes,
    set_headers,
    waive,
    withdraw_waiver,
)
from finops.usecases.ports import Save
from tests.closing import (
    ACCOUNT,
    MONTH,
    NEXT,
    OTHER,
    PAYER,
    USUAL,
    Closing,
    allotment,
    header,
)
from tests.correcting import booked
from tests.usecases.organisation import LOANS, NOW, SEARCH, WEB_SHOP, Organisation, act

NO_SHARE = "No share in force"


@pytest.fixture
def closing() -> Closing:
    made = Organisation()
    made.drop()
    return Closing(made)


@pytest.fixture
def staff(closing: Closing) -> dict[Role, Person]:
    return closing.organisation.staff()


@pytest.fixture
def admin(staff: dict[Role, Person]) -> Person:
    return staff[Role.FINANCIAL_ADMIN]


@pytest.fixture
def other(closing: Closing) -> Person:
    return closing.organisation.hire("other@example.com", Role.FINANCIAL_ADMIN)


def lines(closing: Closing, by: Person, month: str = MONTH) -> dict[Check, tuple[str, ...]]:
    """What is wrong by now, without the lines that are green."""
    found = seen_close(month, by=by, desk=closing.desk).lines
    return {line.check: line.findings for line in found if line.status is CheckStatus.RED}


def let_be(closing: Closing, check: Check, by: Person, reason: str | None = "known") -> MonthClose:
    return waive(
        MONTH,
        check,
        closing.close().version,
        by=by,
        desk=closing.desk,
        act=act(by.email, reason=reason),
    )


# The check list -----------------------------------------------------------------------------------


def test_a_month_that_is_ready_is_green(closing: Closing, admin: Person) -> None:
    closing.ready()

    assert lines(closing, admin) == {}


def test_a_month_without_a_bill_and_a_close_is_not_found(closing: Closing, admin: Person) -> None:
    with pytest.raises(NotFoundError, match="no bill of 2026-01"):
        seen_close("2026-01", by=admin, desk=closing.desk)


def test_a_bill_that_is_not_final_says_how_many_lines_are_open(
    closing: Closing, admin: Person
) -> None:
    closing.ready()
    closing.bill(*USUAL, is_final=False)

    assert lines(closing, admin) == {
        Check.BILL_FINAL: tuple(
            f"the bill of payer {payer}, {amount}, has 3 lines without an invoice id"
            for payer, amount in ((PAYER, "140.0000000000 USD"), (OTHER, "7.0000000000 EUR"))
        )
    }


def test_a_payer_that_had_a_bill_the_month_before_is_expected(
    closing: Closing, admin: Person
) -> None:
    closing.ready()
    closing.bill(allotment(1, payer="444444444444"), month="2026-01")

    assert lines(closing, admin) == {
        Check.BILL_FINAL: ("payer 444444444444 has no bill of 2026-02",)
    }


def test_parts_that_are_not_the_bill_are_named_and_never_waived(
    closing: Closing, admin: Person
) -> None:
    closing.ready()
    billed = closing.billed.read(MONTH)
    closing.billed.months[MONTH] = billed._replace(billed=billed.billed[:-1])

    assert Check.INVOICES_RECONCILED in lines(closing, admin)
    with pytest.raises(ForbiddenError, match="never waived"):
        let_be(closing, Check.INVOICES_RECONCILED, admin)


def test_a_month_whose_bill_has_not_come_is_never_closed(closing: Closing, admin: Person) -> None:
    closing.ready()
    closing.bills = type(closing.bills)()

    assert lines(closing, admin)[Check.INVOICES_RECONCILED] == ("there is no bill of 2026-02",)


def test_a_rule_that_no_run_knows_of_yet_waits_for_it(closing: Closing, admin: Person) -> None:
    closing.ready()
    split(closing, SEARCH)

    assert lines(closing, admin) == {
        Check.INVOICES_RECONCILED: tuple(
            f"the bill of payer {payer} or a rule is newer than its allocation; wait for the next "
            "run"
            for payer in (PAYER, OTHER)
        )
    }
    closing.allocated()
    closing.allocated(OTHER)
    assert lines(closing, admin) == {}


def split(closing: Closing, product: str) -> None:
    """The account is a product's, from the 1st on."""
    shares = closing.organisation.shares
    revision = Revision(
        number=1,
        start=date(2026, 2, 1),
        end=date(2027, 1, 1),
        shares=((product, 10_000),),
        set_by="fin@example.com",
        set_at=NOW,
    )
    known = shares.find(ACCOUNT)
    made = AccountShares(account_id=ACCOUNT, revisions=(revision,))
    shares.save([Save(known, made, Deed(action="Map"))], act())


def test_what_nobody_owns_is_named_and_what_aws_credited_to_nobody(
    closing: Closing, admin: Person
) -> None:
    closing.ready()
    credit = allotment(-9, None, charge_category=CREDIT, charge_class=None)
    closing.bill(*USUAL, allotment(3, None), credit)
    closing.fill_headers(admin)

    whose = f"of account {ACCOUNT} (payer {PAYER})"
    assert lines(closing, admin) == {
        Check.NOTHING_UNALLOCATED: (
            f"-9.0000000000 USD {whose} is credited by AWS and has no owner: {NO_SHARE}",
            f"3.0000000000 USD {whose} has no owner: {NO_SHARE}",
        )
    }


def test_a_fee_of_nobodys_is_red_where_owners_are_charged_by_another_cost(
    closing: Closing, admin: Person
) -> None:
    closing.ready()
    closing.bill(*USUAL, allotment(8_760, None), spend=USUAL)
    closing.fill_headers(admin)

    whose = f"of account {ACCOUNT} (payer {PAYER})"
    assert lines(closing, admin) == {
        Check.NOTHING_UNALLOCATED: (
            f"8760.0000000000 USD {whose} is billed and has no owner: {NO_SHARE}",
        )
    }


def test_a_currency_without_an_exchange_rate_is_named_where_files_report_in_one(
    closing: Closing, admin: Person
) -> None:
    closing.ready()
    files = CloseSettings(reporting_currency="USD")
    chosen = OrganisationSettings().changed(close=files)
    closing.organisation.settings_kept.save([Save(None, chosen, Deed(action="Set"))], act())

    assert lines(closing, admin) == {
        Check.HEADERS_FILLED: (
            "EUR has no exchange rate to USD: the rows in EUR have no net in USD",
        )
    }


def test_a_card_that_is_open_and_a_week_that_has_none_are_named(
    closing: Closing, admin: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    closing.ready()
    closing.card(start="2026-02-08", status=CardStatus.ACCEPTED)
    spent = {date(2026, 2, day): Spend(lines=(), runs=("run",)) for day in (1, 8, 15)}
    closing.card_spending.tell(MONTH, {(WEB_SHOP, "USD"): spent}, runs={PAYER: "run"})
    told: dict[tuple[str, str | None], dict[date, int]] = {
        (WEB_SHOP, "USD"): {date(2026, 2, 1): 0, date(2026, 2, 15): 5},
        (LOANS, "USD"): {date(2026, 2, 22): 0},
    }
    monkeypatch.setattr(closing.card_spending, "totals", lambda month: told)

    assert lines(closing, admin) == {
        Check.CARDS_FINAL: (
            f"{WEB_SHOP}: the card of 2026-02-08, 0.0000000000 USD, is Accepted",
            f"{WEB_SHOP}: the card of 2026-02-15, 0.0000000005 USD, is not made",
        )
    }
    closing.cards_from = date(2026, 3, 1)
    assert lines(closing, admin) == {
        Check.CARDS_FINAL: (f"{WEB_SHOP}: the card of 2026-02-08, 0.0000000000 USD, is Accepted",)
    }


def test_what_a_bill_changes_of_a_signed_card_is_red_until_a_card_has_it(
    closing: Closing, admin: Person
) -> None:
    closing.ready()
    week, line = date(2026, 2, 1), CardLine(account_id=ACCOUNT, kind=PartKind.SHARE, amount=50)
    spend = Spend(lines=(line,), runs=("run",))
    closing.card_spending.tell(MONTH, {(WEB_SHOP, "USD"): {week: spend}}, runs={PAYER: "run"})

    assert lines(closing, admin) == {
        Check.CARDS_FINAL: (
            f"{WEB_SHOP}: the card of 2026-02-01 lacks 0.0000000050 USD, which no other card has yet",
        )
    }

    more = Adjustment(start=week, cause=Cause.BILL, runs=("run",), lines=(line,), made_at=NOW)
    key = CardKey(WEB_SHOP, date(2026, 3, 1), "USD")
    card = SpendCard.made(key, Spend(), due=[more], pace=Pace(), at=NOW)
    made = closing.organisation.spend_cards
    made.save([Save(None, card, Deed(action="Make", element=WEB_SHOP))], act())
    closing.bill(*USUAL, month=NEXT)

    assert lines(closing, admin) == {}


def test_an_account_that_nobody_has_split_is_named_with_its_days(
    closing: Closing, admin: Person
) -> None:
    closing.ready()
    days = [date(2026, 2, day) for day in (3, 4)]
    closing.bill(*USUAL, charged={ACCOUNT: days})

    assert lines(closing, admin) == {
        Check.SHARES_SET: (
            f"account {ACCOUNT} has no share in force on 2 days: 2026-02-03 to 2026-02-04",
        )
    }
    split(closing, WEB_SHOP)
    closing.allocated()
    closing.allocated(OTHER)
    assert lines(closing, admin) == {}


def test_headers_are_asked_for_each_payer_and_business_unit(
    closing: Closing, admin: Person
) -> None:
    closing.bill(*USUAL)

    found = lines(closing, admin)[Check.HEADERS_FILLED]

    assert {line.partition(":")[0] for line in found} == {
        f"payer {PAYER}, retail",
        f"payer {PAYER}, bank",
        f"payer {OTHER}, bank",
    }


def test_what_the_bill_says_itself_is_proposed_and_not_kept(
    closing: Closing, admin: Person
) -> None:
    closing.bill(*USUAL)

    found = seen_close(MONTH, by=admin, desk=closing.desk)

    assert [(one.payer, one.unit, one.vendor, one.invoices) for one in found.proposed] == [
        (PAYER, "bank", "AWS", ("INV-1",)),
        (PAYER, "retail", "AWS", ("INV-1",)),
        (OTHER, "bank", "A seller", ("INV-2",)),
    ]
    assert found.close.headers == ()
    assert closing.organisation.closes.find(MONTH) is None


# Prepared -----------------------------------------------------------------------------------------


def test_headers_take_the_place_of_those_of_their_payer_and_unit(
    closing: Closing, admin: Person
) -> None:
    closing.ready()
    one = header(PAYER, "retail", "INV-1", memo="Another memo")

    after = set_headers(
        MONTH, [one], closing.close().version, by=admin, desk=closing.desk, act=act()
    )

    assert after.header(PAYER, "retail").memo == "Another memo"
    assert after.header(PAYER, "bank").memo == "Cloud"
    again = set_headers(MONTH, [one], after.version, by=admin, desk=closing.desk, act=act())
    assert again == after, "the same changes nothing"


def test_a_payer_that_has_left_has_a_header_for_its_corrections(
    closing: Closing, admin: Person
) -> None:
    closing.ready()
    left = header("999999999999", "retail", "INV-9")
    told = allotment(3, payer=left.payer, invoice_id="INV-9")
    closes = closing.organisation.closes
    booked(closes, closing.files, told, original_period="2026-01", month=MONTH)
    wrong = lines(closing, admin)[Check.HEADERS_FILLED]
    assert "payer 999999999999, retail: vendor is empty" in wrong

    version = closing.close().version
    set_headers(MONTH, [left], version, by=admin, desk=closing.desk, act=act())

    assert lines(closing, admin) == {}


@pytest.mark.parametrize(
    "one, told",
    [
        (header("999999999999", "retail"), "payer 999999999999 has no bill of 2026-02"),
        (header(PAYER, "retial"), "business unit retial; it can be bank, retail"),
    ],
)
def test_a_header_of_nobody_is_refused(
    closing: Closing, admin: Person, one: Any, told: str
) -> None:
    closing.ready()
    version = closing.close().version

    with pytest.raises(InvalidError, match=told):
        set_headers(MONTH, [one], version, by=admin, desk=closing.desk, act=act())


def test_who_comes_second_is_told_what_is_there(closing: Closing, admin: Person) -> None:
    closing.ready()

    with pytest.raises(ConflictError, match="changed since you read it") as told:
        set_headers(MONTH, [header(PAYER, "retail")], 0, by=admin, desk=closing.desk, act=act())

    assert told.value.members["current"] == closing.close()


def test_a_waiver_covers_what_is_wrong_now_and_nothing_that_comes_later(
    closing: Closing, admin: Person
) -> None:
    closing.ready()
    closing.bill(*USUAL, allotment(3, None))
    closing.fill_headers(admin)
    let_be(closing, Check.NOTHING_UNALLOCATED, admin, reason="a trial account")

    assert lines(closing, admin) == {}
    closing.bill(*USUAL, allotment(4, None))
    assert Check.NOTHING_UNALLOCATED in lines(closing, admin)
    [record] = [
        one
        for one in closing.organisation.audit.chain(f"month-close#{MONTH}")
        if one.action == "Waive"
    ]
    assert (record.event, record.actor, record.reason) == (
        "CheckWaived",
        admin.email,
        "a trial account",
    )


def test_a_waiver_needs_a_reason_and_is_withdrawn(closing: Closing, admin: Person) -> None:
    closing.ready()
    closing.bill(*USUAL, is_final=False)
    with pytest.raises(InvalidError, match="say why"):
        let_be(closing, Check.BILL_FINAL, admin, reason=None)
    waived = let_be(closing, Check.BILL_FINAL, admin)

    after = withdraw_waiver(
        MONTH, Check.BILL_FINAL, waived.version, by=admin, desk=closing.desk, act=act()
    )

    assert after.waivers == ()
    assert Check.BILL_FINAL in lines(closing, admin)
    with pytest.raises(ConflictError, match="is not waived"):
        withdraw_waiver(
            MONTH, Check.BILL_FINAL, after.version, by=admin, desk=closing.desk, act=act()
        )


# Asked for ----------------------------------------------------------------------------------------


def ask(closing: Closing, by: Person, month: str = MONTH) -> None:
    ask_at(closing, by, month)


def ask_at(closing: Closing, by: Person, month: str, at: datetime = NOW) -> None:
    ask_to_close(
        month,
        by=by,
        desk=closing.desk,
        runs=closing.runs,
        audit=closing.organisation.audit,
        act=act(by.email, at),
    )


def test_a_green_month_is_closed_by_a_run_of_its_version(closing: Closing, admin: Person) -> None:
    closing.ready()

    ask(closing, admin)

    assert closing.runs.started == [(MONTH, closing.close().version, admin.email)]
    assert closing.close().status is CloseStatus.PREPARING, "the run begins it"


def test_a_red_line_is_told_with_the_whole_list(closing: Closing, admin: Person) -> None:
    closing.ready()
    closing.bill(*USUAL, is_final=False)

    with pytest.raises(ConflictError, match="cannot be closed yet: BillFinal") as told:
        ask(closing, admin)

    assert [line.status for line in told.value.members["lines"]].count(CheckStatus.RED) == 1
    assert closing.runs.started == []


def test_who_waived_a_line_does_not_close_the_month(
    closing: Closing, admin: Person, other: Person
) -> None:
    closing.ready()
    closing.bill(*USUAL, is_final=False)
    let_be(closing, Check.BILL_FINAL, admin)

    with pytest.raises(ForbiddenError, match="somebody else closes the month"):
        ask(closing, admin)
    ask(closing, other)

    assert [by for _, _, by in closing.runs.started] == [other.email]


def test_only_the_next_month_is_closed(closing: Closing, admin: Person) -> None:
    closing.ready()
    closing.run(admin)
    closing.bill(*USUAL, month="2026-04")
    at = NOW + timedelta(days=90)

    with pytest.raises(ConflictError, match="2026-03 is the next one"):
        ask_at(closing, admin, "2026-04", at)
    with pytest.raises(
        ConflictError, match="2026-01 is before the first open month 2026-03 and was"
    ):
        ask(closing, admin, "2026-01")
    with pytest.raises(ConflictError, match="nothing reopens it"):
        ask(closing, admin)


def test_a_month_that_is_not_over_is_not_closed(closing: Closing, admin: Person) -> None:
    closing.ready()
    closing.bill(*USUAL, month=NEXT)

    with pytest.raises(ConflictError, match="2026-03 is not over"):
        ask(closing, admin, NEXT)


def test_a_close_that_died_on_its_way_is_gone_on_with(closing: Closing, admin: Person) -> None:
    closing.ready()
    ask(closing, admin)
    [(_, attempt, _)] = closing.runs.started
    begun = closing.begin(admin, attempt=attempt)
    closing.bill(*USUAL, is_final=False)

    ask(closing, admin)

    assert begun.version > attempt
    assert closing.runs.started == [(MONTH, attempt, admin.email)], "the run is found by its name"


def test_who_waived_a_line_does_not_go_on_with_the_close_either(
    closing: Closing, admin: Person, other: Person
) -> None:
    closing.ready()
    closing.bill(*USUAL, is_final=False)
    let_be(closing, Check.BILL_FINAL, admin)
    closing.begin(other)

    with pytest.raises(ForbiddenError, match="somebody else closes the month"):
        ask(closing, admin)

    assert closing.runs.started == []


def test_no_close_is_asked_for_while_another_month_is_closing(
    closing: Closing, admin: Person
) -> None:
    closing.ready()
    closing.bill(*USUAL, month="2026-01")
    closing.begin(admin)

    with pytest.raises(ConflictError, match="2026-02 is closing at this moment"):
        ask(closing, admin, "2026-01")


def test_who_asked_is_on_record_before_anything_starts(
    closing: Closing, admin: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    closing.ready()

    def fails(month: str, attempt: int, by: str) -> None:
        raise OSError

    monkeypatch.setattr(closing.runs, "start", fails)

    with pytest.raises(OSError):  # noqa: PT011  # it is the one that was raised
        ask(closing, admin)

    [record] = closing.organisation.audit.chain(f"close-request#{MONTH}")
    assert (record.action, record.actor) == ("AskToClose", admin.email)


# Rights -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("role", Role)
def test_everything_is_for_those_whose_right_it_is(
    closing: Closing, staff: dict[Role, Person], role: Role
) -> None:
    closing.ready()
    closing.bill(*USUAL, is_final=False)
    by = staff[role]

    def is_done(what: Any) -> bool:
        try:
            what()
        except ForbiddenError:
            return False
        return True

    def fill() -> object:
        version = closing.close().version
        return set_headers(
            MONTH,
            [header(PAYER, None, memo=role.value)],
            version,
            by=by,
            desk=closing.desk,
            act=act(),
        )

    sees = may(by, Action.SEE_CLOSE)
    assert is_done(lambda: seen_close(MONTH, by=by, desk=closing.desk)) is sees
    assert is_done(lambda: seen_closes(by=by, desk=closing.desk)) is sees
    assert is_done(fill) is may(by, Action.SET_CLOSE_HEADERS)
    assert is_done(lambda: let_be(closing, Check.BILL_FINAL, by)) is may(by, Action.CLOSE_MONTH)


def test_months_with_a_bill_are_listed_beside_those_somebody_has_prepared(
    closing: Closing, admin: Person
) -> None:
    closing.ready()
    closing.bill(*USUAL, month=NEXT)

    found = seen_closes(by=admin, desk=closing.desk)

    assert [(one.month, one.version) for one in found] == [
        (NEXT, 0),
        (MONTH, closing.close().version),
    ]
