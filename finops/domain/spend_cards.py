"""Spend cards: what a product cost in a business week, signed by its owner and by the portfolio's.

An open card follows the bill. The first decision freezes it: what the bill says later goes onto
another card as an adjustment (`restatements`). Source: specification section 10.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import Annotated, NamedTuple, Self

from pydantic import Field, field_validator, model_validator

from finops.domain.allocations import Part, PartKind
from finops.domain.audit import reason as kept_reason
from finops.domain.delegations import Signature
from finops.domain.elements import shared
from finops.domain.errors import ConflictError, FinOpsError, ForbiddenError, InvalidError
from finops.domain.paces import Colour, MonthDays, Pace
from finops.domain.periods import BillingPeriod, Period, billed_period, is_last_of_month
from finops.domain.rule_changes import Change, MapAccount
from finops.domain.values import Entity, Frozen

Days = Annotated[int, Field(ge=1)]


class CardStatus(StrEnum):
    """Where a card is on its way to being signed."""

    OPEN = "Open"
    ACCEPTED = "Accepted"
    REJECTED = "Rejected"
    DISPUTED = "Disputed"
    APPROVED = "Approved"
    RESOLVED = "Resolved"


class CardCommand(StrEnum):
    """What may be done to a card."""

    ACCEPT = "Accept"
    APPROVE = "Approve"
    REJECT = "Reject"
    DISPUTE = "Dispute"
    RESOLVE = "Resolve"
    REMAP = "Remap"
    APPROVE_ZERO = "ApproveZero"
    RECOMPUTE = "Recompute"


FINAL = frozenset({CardStatus.APPROVED, CardStatus.RESOLVED})

# What each command makes of a card; what is not here is refused. Specification section 10.
TRANSITIONS: Mapping[tuple[CardStatus, CardCommand], CardStatus] = {
    (CardStatus.OPEN, CardCommand.ACCEPT): CardStatus.ACCEPTED,
    (CardStatus.OPEN, CardCommand.DISPUTE): CardStatus.DISPUTED,
    (CardStatus.OPEN, CardCommand.APPROVE_ZERO): CardStatus.APPROVED,
    (CardStatus.ACCEPTED, CardCommand.APPROVE): CardStatus.APPROVED,
    (CardStatus.ACCEPTED, CardCommand.REJECT): CardStatus.REJECTED,
    (CardStatus.REJECTED, CardCommand.ACCEPT): CardStatus.ACCEPTED,
    (CardStatus.REJECTED, CardCommand.DISPUTE): CardStatus.DISPUTED,
    (CardStatus.DISPUTED, CardCommand.RESOLVE): CardStatus.RESOLVED,
    (CardStatus.DISPUTED, CardCommand.REMAP): CardStatus.DISPUTED,  # until it is recomputed
    (CardStatus.DISPUTED, CardCommand.RECOMPUTE): CardStatus.OPEN,
}

# The level whose step a command is; the others are nobody's: they follow from a setting or a run.
COMMAND_LEVELS: Mapping[CardCommand, int] = {
    CardCommand.ACCEPT: 4,
    CardCommand.DISPUTE: 4,
    CardCommand.APPROVE: 3,
    CardCommand.REJECT: 3,
    CardCommand.RESOLVE: 3,
    CardCommand.REMAP: 3,
}
NEED_A_REASON = frozenset({CardCommand.REJECT, CardCommand.DISPUTE, CardCommand.RESOLVE})
IN_BULK = frozenset({CardCommand.ACCEPT, CardCommand.APPROVE})
AUTHORED = frozenset({CardCommand.ACCEPT, CardCommand.DISPUTE})
OF_TWO_PEOPLE = frozenset(
    {CardCommand.APPROVE, CardCommand.REJECT, CardCommand.RESOLVE, CardCommand.REMAP}
)


class CardSettings(Frozen):
    """What an organisation chooses about its cards.

    Cards that wait are accepted by themselves *accept_after* days (None: never) where they are at
    most *tolerance* basis points above the budget's pace. Who owes a step is reminded, and the
    levels above are told, after so many days each.
    """

    approves_zero: bool = True
    month_days: MonthDays = MonthDays.THIRTY
    accept_after: Days | None = None
    tolerance: Annotated[int, Field(ge=0)] = 200
    remind_after: tuple[Days, ...] = (2, 4)
    escalate_after: tuple[Days, ...] = (7, 10, 14)

    @field_validator("remind_after", "escalate_after")
    @classmethod
    def _goes_up(cls, days: tuple[int, ...]) -> tuple[int, ...]:
        if list(days) != sorted(set(days)):
            raise InvalidError(
                f"{list(days)} are no days one after the other; write them like 2, 4"
            )
        return days


# -- lines ---------------------------------------------------------------------------------------


class LineKey(NamedTuple):
    """What a card sums up in one line: whose charges, what gave them to the product, what for.

    What a policy gives is of no account: it is a slice of many that are not the product's.
    """

    account_id: str | None
    kind: PartKind
    workload_id: str | None
    rule: str | None
    service: str | None


class CardLine(Frozen):
    """A line of a card in ticks, never 0; *rule* is the one of `allocations.Owner`."""

    account_id: str | None
    kind: PartKind
    workload_id: str | None = None
    rule: str | None = None
    service: str | None = None
    amount: int

    @property
    def key(self) -> LineKey:
        return LineKey(self.account_id, self.kind, self.workload_id, self.rule, self.service)


Lines = tuple[CardLine, ...]


def lines_of(amounts: Mapping[LineKey, int]) -> Lines:
    """One line for each key that comes to anything, in order, what is absent last."""
    listed = sorted(amounts, key=lambda key: [(part is None, part or "") for part in key])
    return tuple(CardLine(amount=amounts[key], **key._asdict()) for key in listed if amounts[key])


def added(*groups: Iterable[CardLine], less: Iterable[CardLine] = ()) -> Lines:
    """The lines of all *groups* put together, without those of *less*."""
    sums: defaultdict[LineKey, int] = defaultdict(int)
    for lines in groups:
        for line in lines:
            sums[line.key] += line.amount
    for line in less:
        sums[line.key] -= line.amount
    return lines_of(sums)


def total(lines: Iterable[CardLine]) -> int:
    return sum(line.amount for line in lines)


class CardKey(NamedTuple):
    """A card is of a product, a business week by its first day, and a currency of its own."""

    product_id: str
    start: date
    currency: str | None

    @property
    def entity(self) -> str:
        """What the audit trail calls the card."""
        return f"spend-card#{self.product_id}#{self.start}#{self.currency or ''}"


def card_lines(parts: Iterable[Part]) -> dict[CardKey, Lines]:
    """What each card holds of allocated *parts*; what nobody owns is on no card.

    A class in proportion to spend gives every product a part of every account: one line for each
    service is what is left of them.
    Every month's cards add up to what products pay of its bill (`periods.billed_period`).
    """
    sums: defaultdict[CardKey, defaultdict[LineKey, int]] = defaultdict(lambda: defaultdict(int))
    for part in parts:
        if part.product_id is None:
            continue
        week = billed_period(BillingPeriod(part.billing_period), part.day)
        account = None if part.kind == PartKind.POLICY else part.account
        line = LineKey(account, part.kind, part.workload_id, part.rule, part.service)
        sums[CardKey(part.product_id, week.start, part.currency)][line] += part.amount
    return {key: lines_of(amounts) for key, amounts in sums.items()}


class Spend(Frozen):
    """What a product pays for a business week, as some *runs* of the allocation say.

    There is a run for each payer; *revision* is the oldest of the rules that one of them knows of.
    """

    lines: Lines = ()
    runs: tuple[str, ...] = ()
    revision: int = 0

    @field_validator("lines")
    @classmethod
    def _in_order(cls, lines: Lines) -> Lines:
        return added(lines)

    @field_validator("runs")
    @classmethod
    def _sorted(cls, runs: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(sorted(set(runs)))

    @property
    def amount(self) -> int:
        return total(self.lines)


class Cause(StrEnum):
    """Why a card has an adjustment."""

    BILL = "BillRestated"
    RULES = "RulesChanged"
    ELSEWHERE = (
        "BookedElsewhere"  # a card that was opened again lets later cards keep what they have
    )


class Adjustment(Frozen):
    """A difference (ticks, by line) to what was signed for the business week from *start* on."""

    start: date
    cause: Cause
    runs: tuple[str, ...]
    lines: Lines
    made_at: datetime

    @property
    def amount(self) -> int:
        return total(self.lines)


# -- decisions -----------------------------------------------------------------------------------


class RemapProposal(Frozen):
    """How a disputed card should come to another amount.

    *effect* is what products would pay more in the card's month, in ticks, as the preview
    *preview_id* found it for those that who proposes it may see.
    """

    changes: Annotated[tuple[Change, ...], Field(min_length=1)]
    effect: tuple[tuple[str, int], ...] = ()
    preview_id: str | None = None


class CardDecision(Frozen):
    """A step of a card, and the *amount* (ticks) it was about; automatic: by a setting or a run."""

    command: CardCommand
    status: CardStatus
    amount: int
    signature: Signature
    at: datetime
    reason: str | None = None
    proposal: RemapProposal | None = None
    is_automatic: bool = False


class FormerAmount(Frozen):
    """What a card came to before it was computed anew: all of it, and its own *spend*, in ticks."""

    amount: int
    spend: int
    runs: tuple[str, ...]
    until: datetime


class SpendCard(Entity):
    """A product's card of the days [*start*, *end*).

    *adjustments* are about other weeks; *since* is when the step that it waits for came up, and
    *reminded* and *escalated* count who was told of it. A disputed card that *awaits* a revision of
    the rules is computed anew with the first run that knows it. Where lines are too many to be kept
    with a card, they and its adjustments are kept in a *document*, and it is told without them.
    *reminded_at* and *escalated_at* are the moments of the run that told it last.
    """

    product_id: str
    start: date
    end: date
    currency: str | None
    status: CardStatus = CardStatus.OPEN
    is_provisional: bool = False
    lines: Lines = ()
    runs: tuple[str, ...] = ()
    adjustments: tuple[Adjustment, ...] = ()
    pace: Pace = Pace()
    history: tuple[CardDecision, ...] = ()
    former: tuple[FormerAmount, ...] = ()  # oldest first
    awaits: int | None = None
    reminded: int = 0
    escalated: int = 0
    reminded_at: datetime | None = None
    escalated_at: datetime | None = None
    made_at: datetime
    since: datetime
    changed_at: datetime
    document: str | None = None
    sums: tuple[int, int] | None = None

    @classmethod
    def made(
        cls,
        key: CardKey,
        spend: Spend,
        *,
        due: Iterable[Adjustment] = (),
        pace: Pace,
        is_provisional: bool = False,
        at: datetime,
    ) -> Self:
        """The card of a week, with the adjustments that are *due* (`restatements.Restatement`).

        Raises InvalidError where the key's day is not the first one of a spend period.
        """
        period = billed_period(BillingPeriod.of(key.start), key.start)
        if period.start != key.start:
            raise InvalidError(
                f"no spend period starts on {key.start}; the one of that day starts on "
                f"{period.start}"
            )
        return cls(
            product_id=key.product_id,
            start=period.start,
            end=period.end,
            currency=key.currency,
            is_provisional=is_provisional,
            lines=spend.lines,
            runs=spend.runs,
            adjustments=tuple(due),
            pace=pace,
            made_at=at,
            since=at,
            changed_at=at,
        )

    @model_validator(mode="after")
    def _waits_only_disputed(self) -> Self:
        if self.awaits is not None and self.status is not CardStatus.DISPUTED:
            raise InvalidError(f"a card that is {self.status} awaits no other rules")
        return self

    @property
    def key(self) -> CardKey:
        return CardKey(self.product_id, self.start, self.currency)

    @property
    def period(self) -> Period:
        return Period(self.start, self.end)

    @property
    def month(self) -> BillingPeriod:
        return BillingPeriod.of(self.start)

    @property
    def spend(self) -> int:
        """What the product pays for the week itself."""
        return total(self.lines) if self.sums is None else self.sums[0]

    @property
    def amount(self) -> int:
        """What is signed: the week's spend and all adjustments."""
        if self.sums is not None:
            return self.sums[1]
        return self.spend + sum(one.amount for one in self.adjustments)

    @property
    def is_zero(self) -> bool:
        """Whether there is nothing to look at; lines that cancel each other out are something."""
        return not self.lines and not self.adjustments and self.document is None

    @property
    def is_frozen(self) -> bool:
        """Whether somebody has decided on the amount since the card was opened."""
        return self.status is not CardStatus.OPEN

    @property
    def is_final(self) -> bool:
        return self.status in FINAL

    @property
    def colour(self) -> Colour:
        """The week's own pace; an adjustment is about other days and has no part in it."""
        return self.pace.colour(self.spend, self.period.days)

    @property
    def authors(self) -> frozenset[str]:
        """Who accepted or disputed the card since it was opened, and in whose place: not its judges."""
        names: set[str] = set()
        for decision in self.history:
            if decision.command is CardCommand.RECOMPUTE:
                names.clear()
            elif decision.command in AUTHORED and not decision.is_automatic:
                names |= decision.signature.names
        return frozenset(names)

    @property
    def on_record(self) -> str:
        """Where its changes are on record: whoever reads there may see all that a proposal names."""
        named = {self.product_id}
        for decision in self.history:
            if decision.proposal is not None:
                named.update(product for product, _ in decision.proposal.effect)
                for change in decision.proposal.changes:
                    if isinstance(change, MapAccount):
                        named.update(product for product, _ in change.shares)
        return shared(named)

    @property
    def allowed(self) -> tuple[CardCommand, ...]:
        """The commands of people that the card takes, whoever may give them."""
        if self.is_provisional:
            return ()
        return tuple(one for one in COMMAND_LEVELS if (self.status, one) in TRANSITIONS)

    # -- what people do --------------------------------------------------------------------------

    def decided(
        self,
        command: CardCommand,
        *,
        by: Signature,
        at: datetime,
        reason: str | None = None,
        proposal: RemapProposal | None = None,
    ) -> Self:
        """This card after *command*; a dispute may propose a remap. `remapped` answers with one.

        Raises ConflictError where the card does not take it, ForbiddenError where *by* or who they
        act for accepted or disputed it, and InvalidError where a reason is missing.
        """
        if command not in COMMAND_LEVELS or command is CardCommand.REMAP:
            raise InvalidError(f"{command} is no decision; take {_listed(self.allowed)}")
        if proposal is not None and command is not CardCommand.DISPUTE:
            raise InvalidError(f"only a dispute proposes a remap, {command} does not")
        said = kept_reason(reason, needed=command in NEED_A_REASON)
        return self._after(command, by, at, reason=said, proposal=proposal)

    def remapped(
        self, revision: int, *, by: Signature, at: datetime, reason: str | None = None
    ) -> Self:
        """This card, disputed still, after the rules were changed: it awaits a run with *revision*."""
        after = self._after(CardCommand.REMAP, by, at, reason=kept_reason(reason))
        return after.changed(awaits=max(revision, self.awaits or 0))

    # -- what nobody needs to do -----------------------------------------------------------------

    def settled(self, settings: CardSettings, *, by: str, at: datetime) -> Self:
        """This card after what the *settings* let happen by itself, itself where that is nothing.

        A zero card is approved. Another one is accepted once it has waited long enough, where both
        its spend and its amount are within the tolerance; without an approved budget it never is.
        """
        if self.is_provisional or self.status is not CardStatus.OPEN:
            return self
        signature = Signature(by=by)
        if settings.approves_zero and self.is_zero:
            return self._after(CardCommand.APPROVE_ZERO, signature, at, is_automatic=True)
        days = settings.accept_after
        if days is None or self.pace.budget is None or at < self.since + timedelta(days):
            return self
        if self.pace.exceeds(settings.tolerance, max(self.spend, self.amount), self.period.days):
            return self
        return self._after(CardCommand.ACCEPT, signature, at, is_automatic=True)

    def finalised(self, at: datetime) -> Self:
        """This card once its month's bill is final: from now on it may be decided."""
        if not self.is_provisional:
            return self
        return self.changed(is_provisional=False, since=at, changed_at=at)

    def restated(
        self, lines: Lines, runs: tuple[str, ...], adjustments: tuple[Adjustment, ...], at: datetime
    ) -> Self:
        """This open card with what the bill says now. Raises ConflictError once it is frozen."""
        if self.is_frozen:
            raise ConflictError(f"a card that is {self.status} keeps its amount", current=self)
        if (lines, runs, adjustments) == (self.lines, self.runs, self.adjustments):
            return self
        return self.changed(lines=lines, runs=runs, adjustments=adjustments, changed_at=at)

    def reopened(self, *, by: str, at: datetime) -> Self:
        """This card after the run that it awaited: open again, the old amount kept.

        Its lines are still the old ones; `restatements.restated` gives it those of the run.
        """
        if self.awaits is None:
            raise ConflictError("only a disputed card whose remap is made is computed anew")
        before = FormerAmount(amount=self.amount, spend=self.spend, runs=self.runs, until=at)
        after = self._after(CardCommand.RECOMPUTE, Signature(by=by), at, is_automatic=True)
        return after.changed(former=(*self.former, before))

    # --------------------------------------------------------------------------------------------

    def _after(
        self,
        command: CardCommand,
        by: Signature,
        at: datetime,
        *,
        reason: str | None = None,
        proposal: RemapProposal | None = None,
        is_automatic: bool = False,
    ) -> Self:
        status = TRANSITIONS.get((self.status, command))
        if self.is_provisional:
            raise ConflictError(
                f"this card is provisional until the bill of {self.month} is final; decide then"
            )
        if status is None:
            raise ConflictError(
                f"a card that is {self.status} takes no {command}; it takes {_listed(self.allowed)}"
            )
        if command in OF_TWO_PEOPLE and (same := by.names & self.authors):
            raise ForbiddenError(
                f"{min(same)} accepted or disputed this card; somebody else decides on it"
            )
        decision = CardDecision(
            command=command,
            status=status,
            amount=self.amount,
            signature=by,
            at=at,
            reason=reason,
            proposal=proposal,
            is_automatic=is_automatic,
        )
        return self.changed(
            status=status,
            history=(*self.history, decision),
            awaits=None,
            reminded=0,
            escalated=0,
            reminded_at=None,
            escalated_at=None,
            since=at,
            changed_at=at,
        )


class CardSummary(Frozen):
    """What lists and tasks need of a card: all but its lines, its decisions and what it was before.

    Fields are as in `SpendCard`; *budget* is what is approved for the month, *about* what its
    adjustments come to for each week, by its first day; in ticks. *lines* counts them, those of
    adjustments too.
    """

    product_id: str
    start: date
    end: date
    currency: str | None
    status: CardStatus
    is_provisional: bool
    spend: int
    amount: int
    colour: Colour
    budget: int | None
    authors: frozenset[str]
    awaits: int | None
    reminded: int
    escalated: int
    former: int
    made_at: datetime
    since: datetime
    changed_at: datetime
    reminded_at: datetime | None = None
    escalated_at: datetime | None = None
    about: tuple[tuple[date, int], ...] = ()
    lines: int = 0
    version: int = 0

    @classmethod
    def of(cls, card: SpendCard) -> Self:
        return cls(
            product_id=card.product_id,
            start=card.start,
            end=card.end,
            currency=card.currency,
            status=card.status,
            is_provisional=card.is_provisional,
            spend=card.spend,
            amount=card.amount,
            colour=card.colour,
            budget=card.pace.budget,
            authors=card.authors,
            awaits=card.awaits,
            reminded=card.reminded,
            escalated=card.escalated,
            former=len(card.former),
            made_at=card.made_at,
            since=card.since,
            changed_at=card.changed_at,
            reminded_at=card.reminded_at,
            escalated_at=card.escalated_at,
            about=tuple((one.start, one.amount) for one in card.adjustments),
            lines=len(card.lines) + sum(len(one.lines) for one in card.adjustments),
            version=card.version,
        )

    @property
    def key(self) -> CardKey:
        return CardKey(self.product_id, self.start, self.currency)

    @property
    def period(self) -> Period:
        return Period(self.start, self.end)

    @property
    def is_final(self) -> bool:
        return self.status in FINAL


Card = SpendCard | CardSummary  # what a card is known by, wherever its lines are of no matter


def months_booked(before: SpendCard | None, after: SpendCard) -> frozenset[BillingPeriod]:
    """The months that a change of a card books something in: its own, and those of the adjustments
    that it did not have before."""
    known = before.adjustments if before is not None else ()
    new = {one.start for one in after.adjustments if one not in known}
    return frozenset({after.month, *(BillingPeriod.of(start) for start in new)})


class BulkDecision(NamedTuple):
    """The cards that took a decision, and why the others did not."""

    decided: tuple[SpendCard, ...]
    refused: Mapping[CardKey, FinOpsError]


def decided_in_bulk(
    cards: Iterable[tuple[SpendCard, Signature]],
    command: CardCommand,
    *,
    at: datetime,
    reason: str | None = None,
) -> BulkDecision:
    """Many cards accepted or approved for one reason, each by itself: one keeps no other one up.

    Raises InvalidError for another command: to reject, dispute or resolve is about one card.
    """
    if command not in IN_BULK:
        raise InvalidError(f"{command} is for one card at a time; in bulk, accept or approve")
    decided: list[SpendCard] = []
    refused: dict[CardKey, FinOpsError] = {}
    for card, by in cards:
        try:
            decided.append(card.decided(command, by=by, at=at, reason=reason))
        except (ConflictError, ForbiddenError) as error:
            refused[card.key] = error
    return BulkDecision(tuple(decided), refused)


class Readiness(StrEnum):
    """Whether a card can be made for a week that has ended."""

    WAITS = "Waits"
    PROVISIONAL = "Provisional"
    READY = "Ready"


def readiness(period: Period, *, complete_through: date | None, is_final: bool) -> Readiness:
    """That of a week, where the bills of its month are complete through a day (the least of them).

    A bill that is final covers all of its month. Source: specification section 10.
    """
    if is_final:
        return Readiness.READY
    if complete_through is None or complete_through < period.end - timedelta(1):
        return Readiness.WAITS
    return Readiness.PROVISIONAL if is_last_of_month(period) else Readiness.READY


def _listed(commands: Iterable[CardCommand]) -> str:
    return " or ".join(commands) or "nothing more"
