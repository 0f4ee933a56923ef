"""Month closes: the check list that turns green, who waived what, and the close that stays.

A month is prepared, closing while its files are written, and closed for ever. What changes after that
is a correction of the open month (`corrections`). Source: specification section 11.
"""

import hashlib
from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import NamedTuple, Self

from pydantic import field_validator

from finops.domain.audit import reason as kept_reason
from finops.domain.bills import Bill
from finops.domain.close_figures import (
    Allotment,
    ExchangeRate,
    Header,
    InvoiceSum,
    by_payer,
    differences,
)
from finops.domain.close_files import FileSeal
from finops.domain.column_plans import ColumnPlan
from finops.domain.delegations import Signature
from finops.domain.errors import ConflictError, ForbiddenError, InvalidError
from finops.domain.money import text
from finops.domain.periods import BillingPeriod
from finops.domain.rounding import order
from finops.domain.shares import AccountShares
from finops.domain.spend_cards import FINAL, CardKey, CardStatus
from finops.domain.values import Entity, Frozen


class Check(StrEnum):
    """What has to be so before a month is closed."""

    BILL_FINAL = "BillFinal"
    INVOICES_RECONCILED = "InvoicesReconciled"
    NOTHING_UNALLOCATED = "NothingUnallocated"
    CARDS_FINAL = "CardsFinal"
    SHARES_SET = "SharesSet"
    HEADERS_FILLED = "HeadersFilled"


# What nobody waives: files of parts that are not the bill would break the one promise there is.
NEVER_WAIVED = frozenset({Check.INVOICES_RECONCILED})
MOST_WAIVED = 5_000  # findings of a line: a waiver remembers each of them
SOME = 50  # findings of a line that a close keeps


class CheckStatus(StrEnum):
    """How a line of the check list stands."""

    GREEN = "Green"
    RED = "Red"
    WAIVED = "Waived"


class CloseStatus(StrEnum):
    """Where a month is on its way to being closed."""

    PREPARING = "Preparing"
    CLOSING = "Closing"
    CLOSED = "Closed"


class CloseCommand(StrEnum):
    """What may be done to the close of a month."""

    SET_HEADERS = "SetHeaders"
    WAIVE = "Waive"
    WITHDRAW_WAIVER = "WithdrawWaiver"
    BOOK_CORRECTIONS = "BookCorrections"
    BEGIN = "Begin"
    ABANDON = "Abandon"
    COMPLETE = "Complete"


# What each command makes of a close; what is not here is refused. Nothing leads out of Closed.
TRANSITIONS: Mapping[tuple[CloseStatus, CloseCommand], CloseStatus] = {
    (CloseStatus.PREPARING, CloseCommand.SET_HEADERS): CloseStatus.PREPARING,
    (CloseStatus.PREPARING, CloseCommand.WAIVE): CloseStatus.PREPARING,
    (CloseStatus.PREPARING, CloseCommand.WITHDRAW_WAIVER): CloseStatus.PREPARING,
    (CloseStatus.PREPARING, CloseCommand.BOOK_CORRECTIONS): CloseStatus.PREPARING,
    (CloseStatus.PREPARING, CloseCommand.BEGIN): CloseStatus.CLOSING,
    (CloseStatus.CLOSING, CloseCommand.ABANDON): CloseStatus.PREPARING,
    (CloseStatus.CLOSING, CloseCommand.COMPLETE): CloseStatus.CLOSED,
}


Findings = Mapping[Check, tuple[str, ...]]  # what is wrong, by line; a line left out is green


class Waiver(Frozen):
    """Who lets a red line be, and why; only what was wrong by then (*covers*, by digest) is let be."""

    check: Check
    signature: Signature
    reason: str
    at: datetime
    covers: tuple[str, ...]


class CheckLine(Frozen):
    """A line of the check list: what is wrong, and who waived it; a waiver may cover no longer all.

    *wrong* counts the findings; a close keeps only `SOME` of them.
    """

    check: Check
    status: CheckStatus
    wrong: int = 0
    findings: tuple[str, ...] = ()
    waiver: Waiver | None = None

    @property
    def kept(self) -> Self:
        """This line without what makes it long."""
        waiver = self.waiver and self.waiver.model_copy(update={"covers": ()})
        return self.model_copy(update={"findings": self.findings[:SOME], "waiver": waiver})


class Snapshot(Frozen):
    """The exact figures that a month is closed with: where they are kept, and their checksum.

    *runs* and *loads* are the allocations and the bills that they were taken from, by payer.
    """

    key: str
    sha256: str
    runs: tuple[tuple[str, str], ...] = ()
    loads: tuple[tuple[str, str], ...] = ()


class BookedCorrections(Frozen):
    """Corrections of a closed month that an open one took over: where they are kept, and what of.

    *runs* are the allocations, by payer, that told of the change. *net* is what they come to for the
    invoices, in ticks by currency; sums that cancel each other out are there too.
    """

    original_period: str
    key: str
    sha256: str
    runs: tuple[tuple[str, str], ...]
    net: tuple[tuple[str | None, int], ...]
    at: datetime

    @field_validator("original_period")
    @classmethod
    def _is_a_month(cls, month: str) -> str:
        return str(BillingPeriod(month))


class MonthClose(Entity):
    """The close of a month.

    *lines*, *plans* and *snapshot* are those of the moment that it began; *files* are what it wrote.
    *corrections* are of months before it, in the order in which they were booked. *attempt* is the
    version that the close was asked for at, which is what its run is known by.
    """

    month: str
    status: CloseStatus = CloseStatus.PREPARING
    headers: tuple[Header, ...] = ()
    waivers: tuple[Waiver, ...] = ()
    lines: tuple[CheckLine, ...] = ()
    plans: tuple[ColumnPlan, ...] = ()
    snapshot: Snapshot | None = None
    files: tuple[FileSeal, ...] = ()
    corrections: tuple[BookedCorrections, ...] = ()
    closed_by: Signature | None = None
    attempt: int | None = None
    begun_at: datetime | None = None
    closed_at: datetime | None = None
    abandoned: str | None = None  # why the last attempt ended
    changed_at: datetime | None = None

    @field_validator("month")
    @classmethod
    def _is_a_month(cls, month: str) -> str:
        return str(BillingPeriod(month))

    @field_validator("headers")
    @classmethod
    def _by_payer(cls, headers: tuple[Header, ...]) -> tuple[Header, ...]:
        return by_payer(headers)

    @classmethod
    def new(cls, month: str) -> Self:
        """The close of a month that nobody has begun to prepare."""
        return cls(month=month)

    @property
    def is_closed(self) -> bool:
        return self.status is CloseStatus.CLOSED

    @property
    def is_frozen(self) -> bool:
        """Whether its figures are taken down: a rule that comes now is for later months."""
        return self.status is not CloseStatus.PREPARING

    @property
    def asked_at(self) -> int:
        """The version that it is asked to be closed at: of a close that has begun, its attempt."""
        return self.version if self.attempt is None else self.attempt

    @property
    def allowed(self) -> tuple[CloseCommand, ...]:
        """The commands that the status takes, whoever may give them."""
        return tuple(one for one in CloseCommand if (self.status, one) in TRANSITIONS)

    def header(self, payer: str, unit: str | None) -> Header:
        """What is filled in for a payer and business unit; an empty one where nothing is."""
        found = (one for one in self.headers if (one.payer, one.unit) == (payer, unit))
        return next(found, Header(payer=payer, unit=unit))

    def why(self, check: Check) -> str | None:
        """Who waived a line, and the reason, as the reconciliation names it."""
        found = (one for one in self.waivers if one.check is check)
        return next((f"{one.signature.by}: {one.reason}" for one in found), None)

    def check_list(self, findings: Findings) -> tuple[CheckLine, ...]:
        """Every line, by what is wrong now; one is waived where its waiver covers all of that."""
        return tuple(self._line(check, findings.get(check, ())) for check in Check)

    def _line(self, check: Check, findings: tuple[str, ...]) -> CheckLine:
        wrong = tuple(sorted(set(findings)))
        waiver = next((one for one in self.waivers if one.check is check), None)
        status = CheckStatus.GREEN
        if wrong:
            covered = set(waiver.covers) if waiver else set()
            is_waived = all(_mark(one) in covered for one in wrong)
            status = CheckStatus.WAIVED if is_waived else CheckStatus.RED
        return CheckLine(
            check=check, status=status, wrong=len(wrong), findings=wrong, waiver=waiver
        )

    # -- while it is prepared --------------------------------------------------------------------

    def with_headers(self, headers: Iterable[Header], at: datetime) -> Self:
        """This close with some *headers* filled in, each in place of what was there."""
        status = self._after(CloseCommand.SET_HEADERS)
        given = by_payer(headers)
        new = {(one.payer, one.unit) for one in given}
        kept = [one for one in self.headers if (one.payer, one.unit) not in new]
        after = self.changed(status=status, headers=by_payer([*kept, *given]))
        return self if after == self else after.changed(changed_at=at)

    def waived(
        self, check: Check, findings: Findings, *, by: Signature, at: datetime, reason: str | None
    ) -> Self:
        """This close with all that is wrong in a line let be; what comes up later is red again.

        Raises ForbiddenError for a line that nobody waives, ConflictError for one that is green or has
        more findings than a waiver can cover.
        """
        status = self._after(CloseCommand.WAIVE)
        said = kept_reason(reason, needed=True)
        assert said is not None  # noqa: S101  # it was needed
        if check in NEVER_WAIVED:
            raise ForbiddenError(
                f"{check} is never waived: a month is closed with all of its bill, or not at all; "
                "allocate the bill that is loaded"
            )
        wrong = sorted(set(findings.get(check, ())))
        if not wrong:
            raise ConflictError(f"{check} is green; there is nothing to waive", current=self)
        if len(wrong) > MOST_WAIVED:
            raise ConflictError(
                f"{len(wrong):,} findings are more than the {MOST_WAIVED:,} that a waiver covers; "
                f"{check} needs work first",
                current=self,
            )
        waiver = Waiver(
            check=check,
            signature=by,
            reason=said,
            at=at,
            covers=tuple(_mark(one) for one in wrong),
        )
        kept = [one for one in self.waivers if one.check is not check]
        waivers = sorted([*kept, waiver], key=lambda one: list(Check).index(one.check))
        return self.changed(status=status, waivers=tuple(waivers), changed_at=at)

    def unwaived(self, check: Check, at: datetime) -> Self:
        """This close without the waiver of a line. Raises ConflictError where there is none."""
        status = self._after(CloseCommand.WITHDRAW_WAIVER)
        kept = tuple(one for one in self.waivers if one.check is not check)
        if kept == self.waivers:
            raise ConflictError(f"{check} is not waived", current=self)
        return self.changed(status=status, waivers=kept, changed_at=at)

    def with_corrections(self, booked: BookedCorrections, at: datetime) -> Self:
        """This close with corrections of a month before it, beside those that it has.

        Booked twice they are booked once. Raises ConflictError once the close has begun, and
        InvalidError for a month that is not before it.
        """
        if booked in self.corrections:
            return self
        status = self._after(CloseCommand.BOOK_CORRECTIONS)
        if booked.original_period >= self.month:
            raise InvalidError(
                f"{booked.original_period} is not before {self.month}: corrections are booked in a "
                "later month than their own"
            )
        return self.changed(status=status, corrections=(*self.corrections, booked), changed_at=at)

    # -- the close -------------------------------------------------------------------------------

    def must_close(
        self, findings: Findings, *, by: Signature, at: datetime, last_closed: str | None
    ) -> tuple[CheckLine, ...]:
        """The check list, where *by* may close the month now; *last_closed* is the month before.

        Raises ConflictError for a month that is not over, not the next one, or has a red line, and
        ForbiddenError where *by* waived a line, or acts for who did: closing approves the waivers.
        """
        self._after(CloseCommand.BEGIN)
        month = BillingPeriod(self.month)
        if not month.period.has_ended(at):
            raise ConflictError(f"{month} is not over; close it on {month.end} or later")
        if last_closed is not None and BillingPeriod(last_closed).end != month.start:
            following = BillingPeriod.of(BillingPeriod(last_closed).end)
            raise ConflictError(
                f"{last_closed} is the last month that is closed; {following} is the next one"
            )
        lines = self.check_list(findings)
        if red := [line for line in lines if line.status is CheckStatus.RED]:
            told = "; ".join(
                f"{line.check}: {line.findings[0]}"
                + (f", and {len(line.findings) - 1} more" if len(line.findings) > 1 else "")
                for line in red
            )
            raise ConflictError(
                f"{month} cannot be closed yet: {told}", lines=tuple(line.kept for line in lines)
            )
        must_not_have_waived(lines, by)
        return lines

    def begun(
        self,
        findings: Findings,
        snapshot: Snapshot,
        *,
        plans: Iterable[ColumnPlan] = (),
        by: Signature,
        at: datetime,
        last_closed: str | None,
        attempt: int | None = None,
    ) -> Self:
        """This close while its files are written from *snapshot*. See `must_close`.

        Begun again with the same snapshot, it is what it was: whoever finds it so goes on with it.
        Raises ConflictError for another snapshot.
        """
        if self.status is CloseStatus.CLOSING and self.snapshot == snapshot:
            return self
        lines = self.must_close(findings, by=by, at=at, last_closed=last_closed)
        return self.changed(
            status=CloseStatus.CLOSING,
            lines=tuple(line.kept for line in lines),
            plans=tuple(sorted(plans, key=lambda plan: plan.kind)),
            snapshot=snapshot,
            closed_by=by,
            attempt=self.asked_at if attempt is None else attempt,
            begun_at=at,
            abandoned=None,
            changed_at=at,
        )

    def given_up(self, reason: str | None, at: datetime) -> Self:
        """This close in preparation again, nothing closed; what was written is nobody's to read.

        One that could not even begin only says why.
        """
        status = self.status
        return self.changed(
            status=status if status is CloseStatus.PREPARING else self._after(CloseCommand.ABANDON),
            abandoned=kept_reason(reason, needed=True),
            lines=(),
            plans=(),
            snapshot=None,
            closed_by=None,
            attempt=None,
            begun_at=None,
            changed_at=at,
        )

    def completed(self, files: Iterable[FileSeal], at: datetime) -> Self:
        """This close with its *files*, all of them in place: the month is closed.

        The same files once more change nothing. Raises ConflictError for others, InvalidError for
        none.
        """
        sealed = tuple(
            sorted(files, key=lambda one: (one.kind, one.unit is not None, one.unit or ""))
        )
        if self.is_closed and sealed == self.files:
            return self
        status = self._after(CloseCommand.COMPLETE)
        if not sealed:
            raise InvalidError("a month is closed with its files; write them first")
        return self.changed(status=status, files=sealed, closed_at=at, changed_at=at)

    def _after(self, command: CloseCommand) -> CloseStatus:
        status = TRANSITIONS.get((self.status, command))
        if status is None:
            what = "nothing reopens it" if self.is_closed else f"it takes {_listed(self.allowed)}"
            raise ConflictError(
                f"{self.month} is {self.status} and takes no {command}; {what}", current=self
            )
        return status


def must_not_have_waived(lines: Iterable[CheckLine], by: Signature) -> None:
    """Closing approves the waivers. Raises ForbiddenError where *by* signed one of them, or acts for
    who did.
    """
    for line in lines:
        signed = line.waiver.signature.names if line.waiver else frozenset()
        if line.status is CheckStatus.WAIVED and (same := by.names & signed):
            raise ForbiddenError(f"{min(same)} waived {line.check}; somebody else closes the month")


def _mark(finding: str) -> str:
    """What a waiver knows a finding by; a close may have thousands."""
    return hashlib.sha256(finding.encode()).hexdigest()[:16]


def _listed(commands: Iterable[CloseCommand]) -> str:
    return " or ".join(commands)


# What is wrong ------------------------------------------------------------------------------------


class WeekStanding(NamedTuple):
    """Where the card of a product's week stands, and what it comes to, in ticks.

    No status: the week spent something and has no card yet. *waiting* is what the newest bill says of
    the week and no card has, of whatever week it is: it was signed before, or nobody looked since.
    """

    key: CardKey
    status: CardStatus | None
    ticks: int
    waiting: int = 0


def bill_findings(month: str, payers: Iterable[str], bills: Iterable[Bill]) -> tuple[str, ...]:
    """Whose bill is not final, or not there: *payers* are all that are expected to send one.

    Where AWS gives no invoice ids, a financial admin says so by waiving the line: of the bill as it
    is, and so what it comes to is told.
    """
    known = {one.billing_account_id: one for one in bills if one.billing_period == month}
    found = [f"payer {payer} has no bill of {month}" for payer in set(payers) if payer not in known]
    for payer, bill in known.items():
        if not bill.is_final:
            lines = sum(total.lines_without_invoice for total in bill.totals)
            sums = " and ".join(
                _money(total.costs.billed_cost, total.billing_currency) for total in bill.totals
            )
            found.append(
                f"the bill of payer {payer}, {sums}, has {lines:,} lines without an invoice id"
            )
    return tuple(sorted(found))


def invoice_findings(bill: Iterable[InvoiceSum], billed: Iterable[Allotment]) -> tuple[str, ...]:
    """Which invoices are not the sum of what is allocated and what is not, and by how much."""
    return tuple(
        f"invoice {one.invoice.invoice_id or '(no id)'} of payer {one.invoice.payer}: "
        f"{_money(one.lines, one.invoice.currency)} on the bill, {text(one.parts)} allocated or "
        f"unallocated, difference {text(one.ticks)}"
        for one in differences(bill, billed)
    )


def unallocated_findings(
    charged: Iterable[Allotment], billed: Iterable[Allotment]
) -> tuple[str, ...]:
    """What nobody owns, by payer, account and reason: of what owners are *charged* with, then of what
    is *billed* where that is something else, and of what AWS credited.

    Sums of several accounts that cancel each other out are there too.
    """
    invoices = list(billed)
    owed = _of_nobody(one for one in charged if not one.is_credit)
    paid = _of_nobody(one for one in invoices if not one.is_credit)
    credited = _of_nobody(one for one in invoices if one.is_credit)
    return (
        *_told(owed, "has no owner"),
        *_told(
            {key: ticks for key, ticks in paid.items() if owed.get(key) != ticks},
            "is billed and has no owner",
        ),
        *_told(credited, "is credited by AWS and has no owner"),
    )


_Nobodys = tuple[str, str | None, str | None, str | None]  # payer, currency, account, and why


def _of_nobody(given: Iterable[Allotment]) -> dict[_Nobodys, int]:
    sums: Counter[_Nobodys] = Counter()
    for one in given:
        if one.product_id is None:
            sums[one.payer, one.currency, one.account, one.reason] += one.ticks
    return {key: sums[key] for key in sorted(sums, key=order) if sums[key]}


def _told(sums: Mapping[_Nobodys, int], how: str) -> Iterable[str]:
    return (
        f"{_money(ticks, currency)} of {f'account {account}' if account else 'no account'} "
        f"(payer {payer}) {how}: {reason or 'no reason given'}"
        for (payer, currency, account, reason), ticks in sums.items()
    )


def card_findings(weeks: Iterable[WeekStanding]) -> tuple[str, ...]:
    """Which cards of the month nobody has signed or made, and what of its weeks is on no card."""
    found = []
    for one in sorted(weeks, key=lambda one: (one.key.product_id, one.key.start, str(one.key))):
        whose, currency = f"{one.key.product_id}: the card of {one.key.start}", one.key.currency
        if one.status not in FINAL:
            status = "not made" if one.status is None else one.status
            found.append(f"{whose}, {_money(one.ticks, currency)}, is {status}")
        if one.waiting:
            lacking = _money(one.waiting, currency)
            found.append(f"{whose} lacks {lacking}, which no other card has yet")
    return tuple(found)


def share_findings(
    charged: Mapping[str, Iterable[date]], shares: Mapping[str, AccountShares]
) -> tuple[str, ...]:
    """Which accounts nobody has split, on which of the days that they are *charged* for."""
    found = []
    for account, days in sorted(charged.items()):
        of = shares.get(account)
        bare = sorted(day for day in set(days) if of is None or of.on(day) is None)
        if bare:
            found.append(
                f"account {account} has no share in force on {len(bare)} "
                f"{'day' if len(bare) == 1 else 'days'}: {_spans(bare)}"
            )
    return tuple(found)


def _spans(days: Iterable[date]) -> str:
    """Some days in order, those that follow each other as one."""
    spans: list[tuple[date, date]] = []
    for day in days:
        if spans and spans[-1][1] + timedelta(1) == day:
            spans[-1] = spans[-1][0], day
        else:
            spans.append((day, day))
    return ", ".join(str(first) if first == last else f"{first} to {last}" for first, last in spans)


def header_findings(close: MonthClose, billed: Iterable[Allotment]) -> tuple[str, ...]:
    """Which header fields are missing, and which of the bill's invoices no header names.

    A payer has a header for each business unit that its bill charges, corrections included.
    """
    invoices: dict[tuple[str, str | None], set[str]] = {}
    for one in billed:
        named = invoices.setdefault((one.payer, one.unit), set())
        if one.invoice_id is not None:
            named.add(one.invoice_id)
    found = []
    for payer, unit in sorted(invoices, key=order):
        header = close.header(payer, unit)
        whose = f"payer {payer}, {unit or 'unallocated'}"
        found += [f"{whose}: {field} is empty" for field in header.missing]
        if header.invoices:
            unnamed = sorted(invoices[payer, unit] - set(header.invoices))
            found += [f"{whose}: invoice {one} of the bill is not named" for one in unnamed]
    return tuple(found)


def rate_findings(
    currencies: Iterable[str | None], rates: Iterable[ExchangeRate], into: str | None
) -> tuple[str, ...]:
    """Which *currencies* have no rate *into* the reporting currency, where there is one."""
    known = {one.currency for one in rates}
    bare = sorted({one for one in currencies if one not in (None, into)} - known, key=str)
    if into is None:
        return ()
    return tuple(
        f"{one} has no exchange rate to {into}: the rows in {one} have no net in {into}"
        for one in bare
    )


def proposed_headers(billed: Iterable[Allotment]) -> tuple[Header, ...]:
    """What the bill itself says of each payer and business unit: who issued what invoices.

    The vendor is left out where there are several.
    """
    issuers: dict[tuple[str, str | None], set[str]] = {}
    invoices: dict[tuple[str, str | None], set[str]] = {}
    for one in billed:
        of = one.payer, one.unit
        issuers.setdefault(of, set()).update(filter(None, [one.issuer]))
        invoices.setdefault(of, set()).update(filter(None, [one.invoice_id]))
    return by_payer(
        Header(
            payer=payer,
            unit=unit,
            vendor=next(iter(issuers[payer, unit])) if len(issuers[payer, unit]) == 1 else None,
            invoices=tuple(sorted(invoices[payer, unit])),
        )
        for payer, unit in issuers
    )


def findings(
    *,
    bill: tuple[str, ...] = (),
    invoices: tuple[str, ...] = (),
    unallocated: tuple[str, ...] = (),
    cards: tuple[str, ...] = (),
    shares: tuple[str, ...] = (),
    headers: tuple[str, ...] = (),
) -> Findings:
    """What is wrong, line by line."""
    return {
        Check.BILL_FINAL: bill,
        Check.INVOICES_RECONCILED: invoices,
        Check.NOTHING_UNALLOCATED: unallocated,
        Check.CARDS_FINAL: cards,
        Check.SHARES_SET: shares,
        Check.HEADERS_FILLED: headers,
    }


def closed_before(closes: Iterable[MonthClose]) -> date:
    """The first day that is open: all months before it are closed. `date.min` while none is."""
    ends = [BillingPeriod(one.month).end for one in closes if one.is_closed]
    return max(ends, default=date.min)


def frozen_before(closes: Iterable[MonthClose]) -> date:
    """The first day that a change of rules may reach: months before it are closed, or being closed."""
    ends = [BillingPeriod(one.month).end for one in closes if one.is_frozen]
    return max(ends, default=date.min)


def _money(ticks: int, currency: str | None) -> str:
    return f"{text(ticks)} {currency}" if currency else text(ticks)
