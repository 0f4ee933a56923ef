"""Month closes as they are prepared: check list, headers, waivers, and the run that is asked for."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from datetime import date
from typing import NamedTuple

from finops.domain.audit import Act, Deed
from finops.domain.authorization import Action, must
from finops.domain.charts import Chart
from finops.domain.close_figures import Allotment, Allotments, Header
from finops.domain.delegations import Signature
from finops.domain.errors import ConflictError, InvalidError, NotFoundError
from finops.domain.month_closes import (
    Check,
    CheckLine,
    CloseStatus,
    Findings,
    MonthClose,
    WeekStanding,
    bill_findings,
    card_findings,
    closed_before,
    findings,
    header_findings,
    invoice_findings,
    must_not_have_waived,
    proposed_headers,
    rate_findings,
    share_findings,
    unallocated_findings,
)
from finops.domain.people import Person
from finops.domain.periods import BillingPeriod
from finops.domain.spend_cards import CardKey, CardSummary
from finops.usecases.allocation_starts import open_bills
from finops.usecases.corrections import BookedInMonth, booked_in_month
from finops.usecases.credits import Treasury
from finops.usecases.grounds import Edition
from finops.usecases.organisation_settings import in_force
from finops.usecases.ports import (
    Allocations,
    Audit,
    BilledMonth,
    BilledMonths,
    Budgets,
    CardSpending,
    Charts,
    CloseFiles,
    CloseRuns,
    Closes,
    Save,
    SettingsKept,
    Shares,
    SpendCards,
)

PAGE = 1_000  # bills


class CloseDesk(NamedTuple):
    """What a month is prepared and begun to be closed with.

    *edition* says whether runs are current. Weeks before *cards_from* have no cards; None: all have.
    """

    closes: Closes
    files: CloseFiles
    billed: BilledMonths
    cards: SpendCards
    card_spending: CardSpending
    cards_from: date | None
    shares: Shares
    treasury: Treasury
    budgets: Budgets
    charts: Charts
    allocations: Allocations
    edition: Edition
    settings: SettingsKept
    first_month: int


class Prepared(NamedTuple):
    """A month's close, its check list as it is now, and the headers that the bill itself proposes.

    Once a close has begun, the check list is the one that it began with.
    """

    close: MonthClose
    lines: tuple[CheckLine, ...]
    proposed: tuple[Header, ...] = ()


# Seen ---------------------------------------------------------------------------------------------


def seen_closes(*, by: Person, desk: CloseDesk) -> list[MonthClose]:
    """All months that have a bill, or that somebody has prepared, newest first."""
    must(by, Action.SEE_CLOSE)
    every: dict[str, MonthClose] = {}
    cursor: str | None = None
    while True:
        page = desk.treasury.bills.all(PAGE, cursor)
        months = {bill.billing_period for bill in page.items} - every.keys()
        every |= {month: MonthClose.new(month) for month in months}
        cursor = page.next_cursor
        if cursor is None:
            break
    every |= desk.closes.all()
    return [every[month] for month in sorted(every, reverse=True)]


def seen_close(month: str, *, by: Person, desk: CloseDesk) -> Prepared:
    """A month with its check list. Raises NotFoundError for one without a bill and a close."""
    must(by, Action.SEE_CLOSE)
    close = desk.closes.find(BillingPeriod(month))
    if close is not None and close.status is not CloseStatus.PREPARING:
        return Prepared(close, close.lines)
    if close is None and not desk.treasury.bills.in_period(month):
        raise NotFoundError(f"there is no bill of {month} yet, and nobody has prepared its close")
    known = close or MonthClose.new(month)
    found = Inspection.of(known, desk)
    return Prepared(known, known.check_list(found.findings), proposed_headers(found.invoiced))


class Inspection(NamedTuple):
    """What a close would be made of now, and what is wrong with it."""

    billed: BilledMonth
    corrections: BookedInMonth
    findings: Findings

    @classmethod
    def of(cls, close: MonthClose, desk: CloseDesk) -> "Inspection":
        """All of it is looked up: the bills, their runs, cards, shares and corrections."""
        month = close.month
        made = cls(desk.billed.read(month), booked_in_month(close, desk.files), {})
        of_files = in_force(desk.settings).close
        bills = desk.treasury.bills.in_period(month)
        before = desk.treasury.bills.in_period(BillingPeriod(month).before)
        found = findings(
            bill=bill_findings(month, {one.billing_account_id for one in (*bills, *before)}, bills),
            invoices=(
                *unallocated_bills(made.billed, desk),
                *invoice_findings(made.billed.bill, made.billed.billed),
            ),
            unallocated=unallocated_findings(made.charged, made.billed.billed),
            cards=card_findings(_week_standings(month, desk)),
            shares=share_findings(made.billed.charged, desk.shares.all()),
            headers=(
                *header_findings(close, made.invoiced),
                *rate_findings(made.currencies, of_files.rates, of_files.reporting_currency),
            ),
        )
        return made._replace(findings=found)

    @property
    def charged(self) -> Allotments:
        """What owners are charged with, and what AWS credited."""
        return self.billed.billed if self.billed.spend is None else self.billed.spend

    @property
    def currencies(self) -> set[str | None]:
        """Those of what owners are charged with, corrections included."""
        of = self.corrections
        since = of.billed if of.spend is None else of.spend
        return {one.currency for one in (*self.charged, *(each.of for each in since))}

    @property
    def invoiced(self) -> list[Allotment]:
        """All that headers are for: the bill, and the corrections that are paid with it."""
        return [*self.billed.billed, *(one.of for one in self.corrections.billed)]


def unallocated_bills(billed: BilledMonth, desk: CloseDesk) -> list[str]:
    """Which bills no run has allocated as they are now, by the rules as they are now; and which have
    another load or run by now than those that *billed* is of.

    What is decided must be in the figures that stay; nobody waives this.
    """
    month = billed.month
    bills = desk.treasury.bills.in_period(month)
    if not bills:
        return [f"there is no bill of {month}"]
    made = {one.billing_account_id: one for one in desk.allocations.in_period(month)}
    revision, basis = desk.edition.revision(), desk.edition.basis
    loads, runs = dict(billed.loads), dict(billed.runs)
    found = []
    for bill in bills:
        payer = bill.billing_account_id
        whose = f"the bill of payer {payer}"
        run = made.get(payer)
        if run is None:
            found.append(f"{whose} is not allocated yet")
        elif not run.is_of(bill.load_id, revision, basis):
            found.append(f"{whose} or a rule is newer than its allocation; wait for the next run")
        elif (loads.get(payer), runs.get(payer)) != (bill.load_id, run.run_id):
            found.append(f"{whose} was allocated anew while it was read; look again")
    return found


def _week_standings(month: str, desk: CloseDesk) -> list[WeekStanding]:
    """All cards of a month, and the weeks that spent something and have none."""
    known = {one.key: one for one in desk.cards.in_month(month)}
    spent = {
        CardKey(product, start, currency): ticks
        for (product, currency), weeks in desk.card_spending.totals(month).items()
        for start, ticks in weeks.items()
    }
    booked: Counter[CardKey] = Counter()
    for card in _cards_since(month, desk):
        for start, ticks in card.about:
            booked[CardKey(card.product_id, start, card.currency)] += ticks
    return [
        *(
            WeekStanding(
                key, card.status, card.amount, spent.get(key, 0) - card.spend - booked[key]
            )
            for key, card in known.items()
        ),
        *(
            WeekStanding(key, None, ticks)
            for key, ticks in spent.items()
            if ticks
            and key not in known
            and (desk.cards_from is None or key.start >= desk.cards_from)
        ),
    ]


def _cards_since(month: str, desk: CloseDesk) -> Iterator[CardSummary]:
    """The cards of a month and all later ones: adjustments about its weeks are on one of them."""
    bills = open_bills(desk.treasury.bills, BillingPeriod(month).start)
    for one in sorted({month, *(bill.billing_period for bill in bills)}):
        yield from desk.cards.in_month(one)


# Prepared -----------------------------------------------------------------------------------------


def set_headers(
    month: str,
    headers: Sequence[Header],
    version: int,
    *,
    by: Person,
    desk: CloseDesk,
    act: Act,
) -> MonthClose:
    """Some headers filled in, each in place of what was there. The same changes nothing.

    Raises InvalidError for a payer without a bill or corrections, and a business unit that no chart
    names.
    """
    must(by, Action.SET_CLOSE_HEADERS)
    close = _current(month, version, desk.closes)
    _must_be_known(close, headers, desk)
    after = close.with_headers(headers, act.at)
    return close if after == close else saved(close, after, "SetHeaders", desk.closes, act)


def waive(
    month: str, check: Check, version: int, *, by: Person, desk: CloseDesk, act: Act
) -> MonthClose:
    """All that is wrong in a line now is let be, by name and with the reason of *act*."""
    must(by, Action.CLOSE_MONTH)
    close = _current(month, version, desk.closes)
    wrong = Inspection.of(close, desk).findings
    signed = Signature(by=by.email)
    after = close.waived(check, wrong, by=signed, at=act.at, reason=act.reason)
    return saved(close, after, "Waive", desk.closes, act, event="CheckWaived")


def withdraw_waiver(
    month: str, check: Check, version: int, *, by: Person, desk: CloseDesk, act: Act
) -> MonthClose:
    """A line is red again, where something is wrong. Raises ConflictError where it was not waived."""
    must(by, Action.CLOSE_MONTH)
    close = _current(month, version, desk.closes)
    after = close.unwaived(check, act.at)
    return saved(close, after, "WithdrawWaiver", desk.closes, act, event="WaiverWithdrawn")


def _current(month: str, version: int, closes: Closes) -> MonthClose:
    """The close of a month as somebody has read it."""
    close = open_close(month, closes)
    if close.version != version:
        raise ConflictError("it has changed since you read it: look at it again", current=close)
    return close


def open_close(month: str, closes: Closes) -> MonthClose:
    """The close of a month as it is.

    Raises ConflictError for a month before the first open one that was never closed itself.
    """
    period = BillingPeriod(month)
    close = closes.find(period) or MonthClose.new(period)
    if not close.is_closed and period.start < (first := closed_before(closes.all().values())):
        raise ConflictError(
            f"{month} is before the first open month {BillingPeriod.of(first)} and was passed over: it "
            "is never closed, and what changes of it is booked nowhere; finops close year has it"
        )
    return close


def _must_be_known(close: MonthClose, headers: Iterable[Header], desk: CloseDesk) -> None:
    units = {
        element
        for chart in charts_of(desk.charts)
        for element in chart.elements
        if "." not in element
    }
    payers = {
        bill.billing_account_id
        for of in (BillingPeriod(close.month).before, close.month)
        for bill in desk.treasury.bills.in_period(of)
    }
    # Of one that has left there may still be corrections, and they are paid.
    payers |= {one.of.payer for one in booked_in_month(close, desk.files).billed}
    for header in headers:
        if header.payer not in payers:
            raise InvalidError(
                f"payer {header.payer} has no bill of {close.month}; the payers are "
                f"{', '.join(sorted(payers)) or 'not known yet'}"
            )
        if header.unit is not None and header.unit not in units:
            raise InvalidError(
                f"no chart of accounts has a business unit {header.unit}; it can be "
                f"{', '.join(sorted(units)) or 'none yet'}, or left out for what nobody owns"
            )


def saved(
    before: MonthClose,
    after: MonthClose,
    action: str,
    closes: Closes,
    act: Act,
    *,
    event: str | None = None,
) -> MonthClose:
    """*after* as it is kept; ConflictError where somebody was faster."""
    known = before if before.version else None
    return closes.save([Save(known, after, Deed(action=action, event=event))], act)[0]


# Asked for ----------------------------------------------------------------------------------------


def ask_to_close(
    month: str, *, by: Person, desk: CloseDesk, runs: CloseRuns, audit: Audit, act: Act
) -> Prepared:
    """The run that closes a month is started, where nothing stands in its way at this moment.

    It is on record who asked for it before anything starts. A run that died on its way is gone on
    with. Raises what `MonthClose.must_close` does, and ConflictError while another month is closing.
    """
    must(by, Action.CLOSE_MONTH)
    close = open_close(month, desk.closes)
    signed, lines = Signature(by=by.email), close.lines
    if close.status is CloseStatus.CLOSING:
        must_not_have_waived(lines, signed)
    else:
        must_be_alone(close, desk.closes)
        lines = close.must_close(
            {} if close.is_closed else Inspection.of(close, desk).findings,
            by=signed,
            at=act.at,
            last_closed=last_closed(desk.closes),
        )
    told = {"month": close.month, "attempt": close.asked_at}
    # The receipt is for who answers: asked again after a crash, it is started again.
    unanswered = act.model_copy(update={"receipt": None})
    audit.note(close_request(month), told, Deed(action="AskToClose"), unanswered)
    runs.start(close.month, close.asked_at, by.email)
    return Prepared(close, lines)


def close_request(month: str) -> str:
    """The name, in the audit trail, of what is asked for."""
    return f"close-request#{month}"


def must_be_alone(close: MonthClose, closes: Closes) -> None:
    """Months close one after the other. Raises ConflictError while another one is closing."""
    for other in closes.all().values():
        if other.status is CloseStatus.CLOSING and other.month != close.month:
            raise ConflictError(f"{other.month} is closing at this moment; wait until it is closed")


def last_closed(closes: Closes) -> str | None:
    """The newest month that is closed."""
    return max((one.month for one in closes.all().values() if one.is_closed), default=None)


def charts_of(charts: Charts) -> list[Chart]:
    """The charts of all fiscal years, newest first."""
    return [charts.read(head) for head in charts.heads()]
