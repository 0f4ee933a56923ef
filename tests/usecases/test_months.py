"""Any course of months: bills, runs, people and clocks in any order; what is promised holds after each.

What is promised is said here a second time, from the records and files alone.
"""

import csv
import io
import json
import os
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping
from contextlib import contextmanager, suppress
from datetime import date, timedelta
from decimal import Decimal
from typing import Any, NamedTuple

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from finops.domain.audit import AuditRecord, Deed, findings
from finops.domain.close_figures import allotted
from finops.domain.close_files import FileSeal, written
from finops.domain.column_plans import FileKind
from finops.domain.errors import (
    ConflictError,
    ForbiddenError,
    InvalidError,
    NotFoundError,
)
from finops.domain.money import to_ticks
from finops.domain.month_closes import CloseStatus, MonthClose
from finops.domain.periods import BillingPeriod, spend_periods
from finops.domain.places import close_file
from finops.domain.restatements import booked, restated
from finops.domain.rounding import rounded
from finops.domain.rule_changes import MapAccount
from finops.domain.spend_cards import (
    CardCommand,
    CardSettings,
    CardStatus,
    Cause,
    RemapProposal,
    Spend,
    SpendCard,
)
from finops.usecases import (
    card_decisions,
    mail_rounds,
    make_spend_cards,
    plan_spend_cards,
    tend_cards,
)
from finops.usecases.book_corrections import Outcome
from finops.usecases.card_decisions import Chosen, decide_cards
from finops.usecases.close_month import content_of, deliver, snapshot_of
from finops.usecases.closed_years import closed_year
from finops.usecases.corrections import booked_in_month, document
from finops.usecases.delegations import grant_delegation
from finops.usecases.disputes import remap
from finops.usecases.organisation_settings import in_force, set_cards
from finops.usecases.ports import MonthSpend, Save
from finops.usecases.spend_cards import is_open
from tests.months import (
    CLOSER,
    LENDING,
    MONTHS,
    OWN,
    PAYERS,
    SHARED,
    STAFF,
    STRAY,
    BillLine,
    Months,
    by_owner,
)
from tests.usecases.organisation import CHECKOUT, SEARCH, UNIT, WEB_SHOP

WALKS = int(os.environ.get("FINOPS_WALKS", "0"))
# Specification section 10, once more: what each command makes of a card.
TABLE: Mapping[tuple[str, str], str] = {
    ("Open", "Accept"): "Accepted",
    ("Open", "Dispute"): "Disputed",
    ("Open", "ApproveZero"): "Approved",
    ("Accepted", "Approve"): "Approved",
    ("Accepted", "Reject"): "Rejected",
    ("Rejected", "Accept"): "Accepted",
    ("Rejected", "Dispute"): "Disputed",
    ("Disputed", "Resolve"): "Resolved",
    ("Disputed", "Remap"): "Disputed",
    ("Disputed", "Recompute"): "Open",
}
JUDGING = {"Approve", "Reject", "Resolve", "Remap"}
SAID = ("lines", "runs", "adjustments", "pace")  # what somebody has signed
REFUSED = (ConflictError, ForbiddenError, InvalidError, NotFoundError)
PEOPLE = st.sampled_from([*STAFF, "planner@example.com"])
ACCOUNTS = st.sampled_from([SHARED, OWN, LENDING, STRAY])
SPLITS = st.sampled_from(
    [
        ((WEB_SHOP, 5_000), (SEARCH, 5_000)),
        ((WEB_SHOP, 10_000),),
        ((SEARCH, 3_333), (WEB_SHOP, 6_667)),
        ((CHECKOUT, 1_000), (SEARCH, 4_000), (WEB_SHOP, 5_000)),
    ]
)
OTHERS = st.lists(
    st.sampled_from(
        ["make", "accept", "approve", "allocate", "deliver", "tend", "correct", "close"]
    ),
    max_size=2,
)


class NewBill(NamedTuple):
    """What a bill brings that comes so many *days* later; so many *runs* follow it at once."""

    days: float
    month: int
    account: str
    week: int
    units: int
    what: str
    is_final: bool
    payers: tuple[str, ...]
    runs: int


BILLS = st.builds(
    NewBill,
    days=st.sampled_from([0, 0, 0.1, 1, 3, 7, 7, 11]),
    month=st.integers(0, 2),
    account=ACCOUNTS,
    week=st.integers(0, 5),
    units=st.integers(-40, 40),
    what=st.sampled_from(["Usage", "Usage", "Adjustment", "Tax", "Credit", "Nothing more"]),
    is_final=st.booleans(),
    payers=st.sampled_from([PAYERS, PAYERS, PAYERS[:1], PAYERS[1:]]),
    runs=st.sampled_from([0, 1, 9, 9]),
)


class Watch:
    """Looks at all that was written since it looked last."""

    def __init__(self, world: Months) -> None:
        self.world = world
        self._states: dict[str, Any] = {}
        self._lengths: dict[str, int] = {}
        self._told: set[tuple[Any, ...]] = set()
        self._closed: dict[str, MonthClose] = {}
        self._objects: dict[str, bytes] = {}
        self._delivered: dict[str, bytes] = {}
        self._open_from = world.open_from
        self._closing: str | None = None

    def look(self) -> None:
        records = self.world.records
        for name, chain in records.chains.items():
            state, known = records.states.get(name), self._lengths.get(name, 0)
            if len(chain) == known:
                # Nothing changes but with its record.
                assert state is self._states.get(name)
                continue
            assert findings(name, chain, state, is_kept=state is not None) == []
            for one in chain[known:]:
                self._recorded(one)
            self._lengths[name], self._states[name] = len(chain), state
        assert records.states.keys() <= records.chains.keys()
        self._closes()
        self._closing = self.world.closing

    def _recorded(self, one: AuditRecord) -> None:
        # So many records, so many changes.
        assert one.before != one.after, f"{one.action} of {one.entity} changed nothing"
        if one.entity.startswith("spend-card#"):
            before = None if one.before is None else json.loads(one.before)
            self._card(one, before, json.loads(one.after))

    # Cards --------------------------------------------------------------------------------------

    def _card(self, one: AuditRecord, before: Any, after: Any) -> None:
        start = date.fromisoformat(after["start"])
        assert start >= self._open_from, f"{one.action} of a card of {start}, which is closed"
        history, known = after["history"], before["history"] if before else []
        assert history[: len(known)] == known
        new = history[len(known) :]
        month = after["start"][:7]
        is_closing = self.world.close_of(month).status is not CloseStatus.PREPARING
        assert month != self._closing or not is_closing, f"{one.action} while {month} closes"
        status = before["status"] if before else "Open"
        assert status not in ("Approved", "Resolved"), f"{one.action} of a final card"
        if status != "Open" and all(step["command"] != "Recompute" for step in new):
            assert [after[name] for name in SAID] == [before[name] for name in SAID]
        for step in new:
            assert not (before or after)["is_provisional"] or not after["is_provisional"]
            assert TABLE[status, step["command"]] == step["status"]
            status = step["status"]
            if before is not None and not step["is_automatic"]:
                assert step["amount"] == _amount(before)
            if step["command"] in ("Reject", "Dispute", "Resolve"):
                assert (step["reason"] or "").strip()
        assert status == after["status"]
        recomputed = [step for step in new if step["command"] == "Recompute"]
        former = before["former"] if before else []
        assert after["former"][: len(former)] == former
        assert len(after["former"]) == len(former) + len(recomputed)
        if recomputed:
            assert after["former"][-1]["amount"] == _amount(before)
        _must_be_of_two_people(history)
        if one.action in ("RemindOfCard", "EscalateCard"):
            number = after["reminded" if one.action == "RemindOfCard" else "escalated"]
            notice = (one.entity, after["since"], one.action, number)
            assert notice not in self._told
            self._told.add(notice)
            assert one.event in ("CardReminded", "CardEscalated")

    # Closes -------------------------------------------------------------------------------------

    def _closes(self) -> None:
        world = self.world
        for close in world.closed:
            if close.month not in self._closed:
                _files_are_right(close, world)
                self._closed[close.month] = close
                self._open_from = world.open_from
                names = [key for key in world.files.objects if f"/{close.month}/" in key]
                self._objects |= {key: world.files.objects[key] for key in names}
            assert self._closed[close.month] == close
        assert len(world.closed) == len(self._closed)
        for key, content in self._objects.items():
            assert world.files.objects[key] == content
        for key, content in world.delivery.objects.items():
            assert self._delivered.setdefault(key, content) == content
            assert key.split("/")[0] in self._closed
        months = [close.month for close in world.closed]
        ends = [str(BillingPeriod.of(BillingPeriod(month).end)) for month in months]
        assert months[1:] == ends[:-1]


def _amount(card: Mapping[str, Any]) -> int:
    lines = [*card["lines"], *(line for one in card["adjustments"] for line in one["lines"])]
    return sum(line["amount"] for line in lines)


def _must_be_of_two_people(history: Iterable[Mapping[str, Any]]) -> None:
    authors: set[str] = set()
    for step in history:
        names = {step["signature"]["by"], step["signature"]["acting_for"]} - {None}
        if step["command"] == "Recompute":
            authors.clear()
        elif step["command"] in JUDGING:
            assert not names & authors, f"{names} judged what they said themselves"
        elif not step["is_automatic"]:
            authors |= names


# Files ------------------------------------------------------------------------------------------


def _rows(kind: FileKind, close: MonthClose, world: Months) -> list[dict[str, str]]:
    [seal] = [one for one in close.files if one.kind is kind and one.unit is None]
    return _read(seal, close, world)


def _read(seal: FileSeal, close: MonthClose, world: Months) -> list[dict[str, str]]:
    content = content_of(close.month, seal, world.files).decode()
    return list(csv.DictReader(io.StringIO(content)))


def _cents(cell: str) -> Decimal:
    return Decimal(cell or "0")


def _files_are_right(close: MonthClose, world: Months) -> None:
    figures = snapshot_of(close, world.files)
    # Closed twice, it has the same bytes.
    for seal, content in written(figures, close.plans):
        assert world.files.objects[close_file(close.month, seal.name, seal.sha256)] == content
    assert len(written(figures, close.plans)) == len(close.files)
    # It has all that it had booked of others.
    since = (one.of for one in booked_in_month(close, world.files).billed)
    assert by_owner(since) == by_owner(one.of for one in figures.corrections)
    for seal in close.files:
        assert len(_read(seal, close, world)) == seal.rows
    _payable(close, figures, world)
    for row in (planning := _rows(FileKind.FPA, close, world)):
        parts = ("Spend", "Discount", "Ledger credits")
        assert _cents(row["Net"]) == sum(_cents(row[name]) for name in parts)
    spent: Counter[str | None] = Counter()
    for one in (*figures.charged, *(each.of for each in figures.charged_corrections)):
        spent[one.currency] += one.ticks
    for currency, ticks in spent.items():
        net = sum(_cents(row["Net"]) for row in planning if row["Currency"] == currency)
        assert net * 100 == rounded(ticks)
    books: Counter[str] = Counter()
    for row in _rows(FileKind.JOURNAL, close, world):
        books[row["Currency"]] += to_ticks(_cents(row["Debit"]) - _cents(row["Credit"]))
    assert not any(books.values())


def _payable(close: MonthClose, figures: Any, world: Months) -> None:
    """What is paid of each invoice by this month, and by it with its corrections, to the cent."""
    rows = _rows(FileKind.AP, close, world)
    for row in rows:
        parts = ("Gross", "Discount", "AWS credits", "Tax")
        assert _cents(row["Net"]) == sum(_cents(row[name]) for name in parts)
    for currency in ("USD", "EUR"):
        own = [row for row in rows if row["Currency"] == currency and not row["Original period"]]
        invoices = [one for one in figures.bill if one.invoice.currency == currency]
        net = sum(_cents(row["Net"]) for row in own)
        assert net * 100 == sum(rounded(one.ticks) for one in invoices)
    every = [one for one in world.closed if one.month <= close.month]
    for month in every:
        _invoices_are_paid(month.month, every, world)


def _invoices_are_paid(month: str, every: Iterable[MonthClose], world: Months) -> None:
    """All that the months of *every* have paid of an invoice of *month* is the invoice in cents."""
    paid: Counter[str] = Counter()
    billed: Counter[str | None] = Counter()
    for close in every:
        figures = snapshot_of(close, world.files)
        if close.month == month:
            for whole in figures.bill:
                billed[whole.invoice.invoice_id] += whole.ticks
        for one in figures.corrections:
            if one.original_period == month:
                billed[one.of.invoice_id] += one.of.ticks
        for row in _rows(FileKind.AP, close, world):
            if (row["Original period"] or close.month) == month:
                paid[row["Invoice"]] += int(_cents(row["Net"]) * 100)
    if None in billed:
        return  # what AWS invoices later is another invoice then
    for invoice, ticks in billed.items():
        assert invoice is not None
        assert paid[invoice] == rounded(ticks), (month, invoice)


# The course -------------------------------------------------------------------------------------


class AnyCourse(RuleBasedStateMachine):
    """An organisation whose people, bills and machines do anything at any time."""

    @initialize(weeks=st.integers(0, 11), refunds=st.lists(st.integers(-9, 9), max_size=2))
    def it_begins(self, weeks: int, refunds: list[int]) -> None:
        """Some *weeks* after January's first cards, some months closed, each with a late refund."""
        self.world = Months()
        self.watch = Watch(self.world)
        self.world.now += timedelta(weeks=weeks)
        for month in self.begun:
            self.world.usual(month)
            self.world.deliver(month, is_final=False)
        self.world.allocate()
        self.world.make()
        for units in refunds:
            self._close_the_next()
            if self.world.closed:
                self.a_closed_month_is_billed_anew(0, SHARED, units, 9, [])

    @property
    def begun(self) -> list[str]:
        """The months that may have a bill."""
        return [one for one in MONTHS if BillingPeriod(one).start < self.world.now.date()]

    def _month(self, number: int) -> str:
        """One of them, of late the likeliest."""
        return self.begun[-1 - number % len(self.begun)]

    @contextmanager
    def _meanwhile(self, others: Iterable[str]) -> Any:
        """Others do something just before the next step is written."""
        self.world.records.meanwhile += [self._does(one) for one in others]
        try:
            yield
        finally:
            self.world.records.meanwhile.clear()

    def _does(self, name: str) -> Callable[[], object]:
        world = self.world

        def done() -> None:
            with suppress(ConflictError):
                match name:
                    case "make":
                        world.make()
                    case "accept":
                        world.decide_all(CardCommand.ACCEPT, "ola@example.com")
                    case "approve":
                        world.decide_all(CardCommand.APPROVE, "pia@example.com")
                    case "allocate":
                        world.allocate()
                    case "deliver":
                        month = self.begun[0]
                        world.lines[month].append(self._late(month))
                        world.deliver(month, is_final=False)
                    case "tend":
                        world.tend(world.now)
                    case "correct":
                        world.correct()
                    case "close":
                        self._close_the_next()

        return done

    def _late(self, month: str) -> BillLine:
        return BillLine(SHARED, BillingPeriod(month).start, "AWSLambda", "Usage", 7 * UNIT + 1)

    # The bill -----------------------------------------------------------------------------------

    @rule(bill=BILLS)
    def a_bill_comes(self, bill: NewBill) -> None:
        """After some days, with a line more, or with nothing left of a week."""
        world = self.world
        world.now += timedelta(bill.days)
        name = self._month(bill.month)
        world.usual(name)
        weeks = spend_periods(BillingPeriod(name))
        start = weeks[bill.week % len(weeks)].start
        ticks = -abs(bill.units) if bill.what == "Credit" else bill.units
        of = (bill.account, start)
        if bill.what == "Nothing more":
            lines = world.lines[name]
            world.lines[name] = [one for one in lines if (one.account, one.day) != of]
        elif ticks:
            world.lines[name].append(BillLine(*of, "AmazonS3", bill.what, ticks * UNIT // 7))
        is_over = BillingPeriod(name).end <= world.now.date()
        world.deliver(name, bill.payers, is_final=bill.is_final and is_over)
        world.allocate(bill.runs)

    @rule(account=st.sampled_from([SHARED, STRAY]), shares=SPLITS, month=st.integers(0, 2))
    def an_account_is_split_anew(self, account: str, shares: Any, month: int) -> None:
        start = BillingPeriod(self._month(month)).start
        with suppress(InvalidError):
            self.world.map_account(account, shares, start)

    # Cards --------------------------------------------------------------------------------------

    @rule(
        late=st.sampled_from([None, None, 1, 6, 8, 15, 40]),
        period=st.sampled_from([None, None, *MONTHS, "2026-01-14", "2026-02-10"]),
        bill=BILLS,
        others=OTHERS,
    )
    def cards_are_made(
        self, late: int | None, period: str | None, bill: NewBill, others: list[str]
    ) -> None:
        """As of a moment that may be long ago, while others are faster."""
        self.a_bill_comes(bill)
        due_at = None if late is None else self.world.now - timedelta(days=late)
        with self._meanwhile(others), suppress(ConflictError):
            self.world.make(due_at, period)

    @rule(bill=BILLS)
    def cards_are_made_of_all_that_is_there(self, bill: NewBill) -> None:
        """Then there is nothing left to do: nothing differs that has a card to stand on."""
        world = self.world
        self.a_bill_comes(bill)
        world.allocate()
        world.make()
        count = len(world.records)
        world.make()
        assert len(world.records) == count
        told = self._told()
        for of, cards in self._by_product().items():
            latest = self._latest(of, {card.start for card in cards}, told)
            done = self._restated(cards, latest)
            assert done.cards == ()
            for card in cards:
                if card.status is CardStatus.OPEN and card.start in latest:
                    assert card.lines == latest[card.start].lines
            open_weeks = [card.start for card in cards if card.status is CardStatus.OPEN]
            for one in done.due:
                assert not [start for start in open_weeks if start > one.start]

    @rule(
        number=st.integers(0, 99),
        by=PEOPLE,
        command=st.sampled_from(list(CardCommand)),
        reason=st.sampled_from([None, " ", "it is so"]),
        is_stale=st.booleans(),
    )
    def somebody_tries_something(
        self, number: int, by: str, command: CardCommand, reason: str | None, is_stale: bool
    ) -> None:
        if not (cards := self.world.cards):
            return
        card = cards[number % len(cards)]
        with suppress(*REFUSED):
            after = self.world.decide(
                *(card, command, by, reason), version=card.version - int(is_stale)
            )
            assert not is_stale
            assert after.status is not card.status
            assert after.history[-1].signature.by == by

    @rule(number=st.integers(0, 99), choice=st.integers(0, 9), by=PEOPLE, shares=SPLITS)
    def somebody_does_what_they_are_told_they_may(
        self, number: int, choice: int, by: str, shares: Any
    ) -> None:
        """Who sees a command may give it; a dispute proposes another split."""
        world = self.world
        told = [
            (card, [one for one in world.allowed(card, by) if one is not CardCommand.REMAP])
            for card in world.cards
            if is_open(card.month, world.organisation.closes)
        ]
        cards = [(card, commands) for card, commands in told if commands and card.awaits is None]
        if not cards:
            return
        card, commands = cards[number % len(cards)]
        command = commands[choice % len(commands)]
        said: dict[str, Any] = {}
        if command is CardCommand.DISPUTE and choice > 2:
            change = MapAccount(account_id=SHARED, shares=shares, start=card.start)
            said["propose"] = lambda _: RemapProposal(changes=(change,), preview_id="p-1")
        world.decide(card, command, by, "because", **said)

    @rule(
        by=PEOPLE, command=st.sampled_from([CardCommand.ACCEPT, CardCommand.APPROVE]), others=OTHERS
    )
    def somebody_decides_on_all(self, by: str, command: CardCommand, others: list[str]) -> None:
        with self._meanwhile(others):
            self.world.decide_all(command, by)

    @rule(
        by=PEOPLE,
        command=st.sampled_from([CardCommand.ACCEPT, CardCommand.APPROVE]),
        numbers=st.lists(st.tuples(st.integers(0, 99), st.booleans()), max_size=8),
        others=OTHERS,
    )
    def somebody_names_many(
        self,
        by: str,
        command: CardCommand,
        numbers: list[tuple[int, bool]],
        others: list[str],
    ) -> None:
        """What may be decided is; all others say why not. Sent again, it is answered again."""
        world = self.world
        if not (cards := world.cards) or world.person(by).is_suspended:
            return
        named = {cards[number % len(cards)].key: is_stale for number, is_stale in numbers}
        some = [card for card in cards if card.key in named]
        chosen = [Chosen(card.key, card.version - int(named[card.key])) for card in some]
        told: dict[str, Any] = {"by": world.person(by), "desk": world.organisation.card_desk}
        with self._meanwhile(others):
            done = decide_cards(chosen, command, **told, act=world.act(by))
        keys = {card.key for card in done.decided}
        assert keys.isdisjoint(one.key for one in done.refused)
        assert len(keys) + len(done.refused) == len(chosen)
        count = len(world.records)
        again = decide_cards(chosen, command, **told, act=world.act(by))
        assert keys <= {card.key for card in again.decided} or others
        assert len(world.records) == count or others

    @rule(
        number=st.integers(0, 99),
        shares=SPLITS,
        by=st.sampled_from(["pia@example.com", CLOSER]),
        another=st.none() | SPLITS,
        steps=st.sampled_from([1, 2, 2, 3, 4, 4]),
        others=OTHERS,
    )
    def a_dispute_goes_its_way(
        self, number: int, shares: Any, by: str, another: Any, steps: int, others: list[str]
    ) -> None:
        """The web shop's owner proposes a split, it is made, a run knows it, the card is open again:
        as many *steps* of that as there are."""
        world, owner = self.world, "ola@example.com"
        cards = [
            card
            for card in world.cards
            if is_open(card.month, world.organisation.closes)
            and (
                CardCommand.DISPUTE in world.allowed(card, owner)
                or CardCommand.REMAP in world.allowed(card, by)
            )
        ]
        if not cards:
            return
        before = after = cards[number % len(cards)]
        if before.status is not CardStatus.DISPUTED:
            change = MapAccount(account_id=SHARED, shares=shares, start=before.start)
            after = world.decide(
                *(before, CardCommand.DISPUTE, owner, "it is not ours"),
                propose=lambda _: RemapProposal(changes=(change,), preview_id="p-1"),
            )
        if steps > 1:
            own = another and [MapAccount(account_id=SHARED, shares=another, start=before.start)]
            try:
                with self._meanwhile(others):
                    self._remap(after, own, by)
            except (ForbiddenError, NotFoundError):
                assert by != CLOSER  # somebody away, or a split that is about others too
                return
            except (ConflictError, InvalidError):
                # Others were faster, or nobody has proposed anything.
                assert others or (own is None and before is after)
                return
        if steps > 2:
            world.allocate()
        if steps > 3:
            world.make()
            now = next(one for one in world.cards if one.key == before.key)
            waits = bool(world.spending.standing(before.month).missing)
            assert (now.status is CardStatus.DISPUTED) == waits
            assert waits or now.former[-1].amount == before.amount

    def _remap(self, card: SpendCard, changes: list[Any] | None, by: str) -> SpendCard:
        world = self.world
        after = remap(
            card.key,
            changes,
            card.version,
            by=world.person(by),
            desk=world.remap_desk,
            act=world.act(by, "as it was used"),
        )
        assert (after.status, after.amount) == (CardStatus.DISPUTED, card.amount)
        assert after.awaits is not None
        return after

    @rule(month=st.integers(0, 2))
    def everybody_does_what_they_owe(self, month: int) -> None:
        with suppress(ConflictError):
            self.world.work(self._month(month))

    @rule(
        absent=st.sampled_from(["ola@example.com", "pia@example.com", "kim@example.com"]),
        delegate=PEOPLE,
        days=st.integers(1, 20),
        command=st.sampled_from([CardCommand.ACCEPT, CardCommand.APPROVE]),
        leaves=st.sampled_from([False, False, True]),
    )
    def somebody_is_away(
        self, absent: str, delegate: str, days: int, command: CardCommand, leaves: bool
    ) -> None:
        """Another one takes what they owe, or nobody does: they have left, until they come back."""
        world, today = self.world, self.world.now.date()
        person = world.person(absent)
        if leaves or person.is_suspended:
            after = (person.restored if person.is_suspended else person.suspended)(world.now)
            save = Save(person, after, Deed(action="Leave"))
            world.organisation.people.save([save], world.act("cloud@example.com"))
            return
        with suppress(InvalidError, ConflictError):  # oneself, one who has left, the same again
            grant_delegation(
                delegate,
                today,
                today + timedelta(days),
                by=person,
                people=world.organisation.people,
                delegations=world.organisation.delegations,
                act=world.act(absent),
            )
        world.decide_all(command, delegate)

    @rule(
        again=st.booleans(),
        bounces=st.sampled_from([None, None, "pia@example.com"]),
        days=st.sampled_from([0, 1, 4]),
        said=st.fixed_dictionaries(
            {
                "accept_after": st.sampled_from([None, 1, 5]),
                "approves_zero": st.booleans(),
                "tolerance": st.sampled_from([0, 200, 100_000]),
                "remind_after": st.sampled_from([(), (1,), (2, 4)]),
            }
        ),
    )
    def cards_are_tended(
        self, again: bool, bounces: str | None, days: int, said: dict[str, Any]
    ) -> None:
        """By other settings. Nobody gets two mails of one run, however often it is taken again."""
        world, mails = self.world, self.world.organisation.mails
        self._choose(CardSettings(escalate_after=(3, 5, 9), **said))
        world.now += timedelta(days)
        before = len(mails.sent)
        mails.bounces = {bounces} - {None}  # type: ignore[assignment]
        done = world.tend(world.now)
        assert done.missed == ()
        mails.bounces = set()
        if again:
            count = len(world.records)
            once_more = world.tend(world.now)
            assert (once_more.reminded, once_more.escalated) == (done.reminded, done.escalated)
            assert once_more.settled == 0
            assert len(world.records) == count + len(once_more.mails.sent)
        sent = [mail.to for mail in mails.sent[before:]]
        assert len(sent) == len(set(sent))

    def _choose(self, said: CardSettings) -> None:
        kept, world = self.world.organisation.settings_kept, self.world
        version, by = in_force(kept).version, world.person(CLOSER)
        set_cards(said, version, by=by, settings=kept, act=world.act(CLOSER))

    # Closes -------------------------------------------------------------------------------------

    @rule(month=st.integers(0, 2), is_prepared=st.booleans(), others=OTHERS)
    @precondition(lambda self: self.world.now.date() >= date(2026, 2, 1))
    def somebody_closes_a_month(self, month: int, is_prepared: bool, others: list[str]) -> None:
        """Whatever there is of it: in most cases that is refused."""
        world, name = self.world, self._month(month)
        with suppress(*REFUSED):
            if is_prepared:
                world.prepare(name)
            with self._meanwhile(others):
                world.close(name)

    @rule(
        passes=st.sampled_from([None, None, *range(12)]),
        is_after=st.booleans(),
        then=st.sampled_from(["GoOn", "GiveUp", "Nothing"]),
        others=OTHERS,
    )
    @precondition(lambda self: self.world.next_to_close in self.begun[:-1])
    def the_next_month_is_closed(
        self, passes: int | None, is_after: bool, then: str, others: list[str]
    ) -> None:
        """All is done for it, though the machine may die at any call: nothing is visible, or all."""
        self._close_the_next(passes, is_after, then, others)

    def _close_the_next(
        self,
        passes: int | None = None,
        is_after: bool = False,
        then: str = "Nothing",
        others: Iterable[str] = (),
    ) -> None:
        world, month = self.world, self.world.next_to_close
        if month is None or month not in self.begun[:-1]:
            return
        if world.close_of(month).status is CloseStatus.PREPARING:
            world.usual(month)
            world.deliver(month, is_final=True)
            world.allocate()
            with suppress(ConflictError):
                world.make()
                world.work(month)
            world.prepare(month)
        with suppress(ConflictError), self._meanwhile(others):
            died = world.close(month, passes=passes, is_after=is_after)
            if died and then == "GoOn":
                world.close(month)
            elif died and then == "GiveUp":
                world.give_up(month)

    @rule(
        month=st.integers(0, 1),
        account=ACCOUNTS,
        units=st.integers(-30, 30),
        runs=st.sampled_from([0, 1, 9, 9]),
        others=OTHERS,
    )
    @precondition(lambda self: self.world.closed)
    def a_closed_month_is_billed_anew(
        self, month: int, account: str, units: int, runs: int, others: list[str]
    ) -> None:
        """And corrected, as far as it is allocated."""
        world = self.world
        name = world.closed[month % len(world.closed)].month
        if units:
            start, ticks = BillingPeriod(name).start, units * UNIT // 7
            world.lines[name].append(BillLine(account, start, "AmazonS3", "Adjustment", ticks))
            world.deliver(name, is_final=units % 3 != 0)
        world.allocate(runs)
        with self._meanwhile(others):
            world.correct()

    @rule()
    @precondition(lambda self: self.world.closed and not self.world.closing)
    def all_is_booked_in_the_end(self) -> None:
        """Then every closed month and its corrections are its newest bill, and so says the year.

        And a month that is closed or delivered again stays what it is.
        """
        world = self.world
        self._close_again(world.closed[-1])
        world.allocate()
        bookings = world.correct()
        if any(one.outcome is Outcome.WAITING for one in bookings):
            return
        count = len(world.records)
        assert {one.outcome for one in world.correct()} == {Outcome.NOTHING}
        assert len(world.records) == count
        for close in world.closed:
            latest = world.billed.read(close.month, is_closed=True)
            assert self._so_far(close) == by_owner(latest.billed)
        answer = closed_year(2026, None, by=world.person(CLOSER), sources=world.year_sources)
        assert answer.bill is not None
        lines = [*answer.totals, *answer.bill, *(one.line for one in answer.lines)]
        assert all(line.waiting == 0 for line in lines if line.is_closed)
        assert all(line.closed == line.corrected == 0 for line in lines if not line.is_closed)
        for line in answer.bill:
            lines_of = world.bills.in_period(line.month)
            assert line.latest == sum(
                one.costs.billed_cost
                for bill in lines_of
                for one in bill.totals
                if one.billing_currency == line.currency
            )

    def _close_again(self, close: MonthClose) -> None:
        world = self.world
        world.close(close.month)
        assert world.close_of(close.month) == close
        before = dict(world.delivery.objects)
        deliver(close.month, archive=world.archive, delivery=world.delivery)
        assert world.delivery.objects == before
        manifest = json.loads(before[f"{close.month}/manifest.json"])
        assert [one["sha256"] for one in manifest["files"]] == [one.sha256 for one in close.files]

    # What holds ---------------------------------------------------------------------------------

    def _by_product(self) -> dict[tuple[str, str | None], list[SpendCard]]:
        found: defaultdict[tuple[str, str | None], list[SpendCard]] = defaultdict(list)
        for card in self.world.cards:
            if card.start >= self.world.open_from:
                found[card.product_id, card.currency].append(card)
        return found

    def _told(self) -> dict[str, MonthSpend]:
        """What the runs say of the open months whose bills are all there."""
        world = self.world
        months = [one for one in MONTHS if BillingPeriod(one).start >= world.open_from]
        told = {month: world.spending.spend(month) for month in months}
        return {month: one for month, one in told.items() if not one.standing.missing}

    def _latest(
        self, of: tuple[str, str | None], weeks: Iterable[date], told: Mapping[str, MonthSpend]
    ) -> dict[date, Spend]:
        """That of a product; of *weeks* also that they cost nothing."""
        found: dict[date, Spend] = {}
        for month, spend in told.items():
            runs, revision = spend.standing.runs, spend.standing.revision
            nothing = Spend(runs=tuple(runs.values()), revision=revision)
            found |= {week: nothing for week in weeks if str(BillingPeriod.of(week)) == month}
            found |= spend.spends.get(of, {})
        return found

    def _restated(self, cards: list[SpendCard], latest: Mapping[date, Spend]) -> Any:
        world = self.world
        return restated(
            *(cards, latest),
            cause=Cause.BILL,
            closed_before=world.open_from,
            by="the test",
            at=world.now,
        )

    @invariant()
    def all_that_was_written_keeps_its_promises(self) -> None:
        self.watch.look()

    @invariant()
    def cards_and_what_waits_are_what_the_runs_say(self) -> None:
        open_from, told = self.world.open_from, self._told()
        for of, cards in self._by_product().items():
            carded = {card.start for card in cards}
            latest = self._latest(of, carded, told)
            done = self._restated(cards, latest)
            after = {card.start: card for card in cards} | {one.start: one for one in done.cards}
            sums = Counter(booked(after.values()))
            for one in done.due:
                sums[one.start] += one.amount
            for week in carded | sums.keys():
                if week in latest and week >= open_from:
                    assert week in carded or not sums[week]
                    if week in carded:
                        assert sums[week] == latest[week].amount, (of, week)

    def _so_far(
        self, close: MonthClose, *, with_credits: bool = True
    ) -> dict[tuple[Any, ...], int]:
        """What a closed month has in its snapshot, and in all corrections of it."""
        world = self.world
        every = [
            each.of
            for month in world.organisation.closes.all().values()
            for one in month.corrections
            if one.original_period == close.month
            for each in document(one, world.files).corrections
        ]
        known = [*snapshot_of(close, world.files).billed, *every]
        return by_owner(one for one in known if with_credits or not one.is_credit)

    @invariant()
    def what_is_booked_of_a_closed_month_is_a_bill_of_it(self) -> None:
        """That of the runs that were booked last: no correction is in two months, or in none."""
        world = self.world
        for close in world.closed:
            every = [
                one
                for month in sorted(world.organisation.closes.all().values(), key=lambda c: c.month)
                for one in month.corrections
                if one.original_period == close.month
            ]
            assert close.snapshot is not None
            last = every[-1].runs if every else close.snapshot.runs
            latest = allotted(part for _, run in last for part in world.parts[run])
            assert self._so_far(close, with_credits=False) == by_owner(latest)


def test_whatever_happens_months_keep_their_promises(monkeypatch: pytest.MonkeyPatch) -> None:
    """FINOPS_WALKS=n takes n times as many courses, and longer ones."""
    for module, name in (
        *((make_spend_cards, "READERS"), (tend_cards, "WRITERS"), (mail_rounds, "AT_ONCE")),
        (card_decisions, "READERS"),
    ):
        monkeypatch.setattr(module, name, 1)  # one after the other: the same course each time
    monkeypatch.setattr(plan_spend_cards, "PRODUCTS_PER_ITEM", 2)
    run_state_machine_as_test(
        AnyCourse,
        settings=settings(
            max_examples=16 * max(1, WALKS),
            stateful_step_count=60 if WALKS else 40,
            deadline=None,
            print_blob=True,
            phases=list(Phase)[:-1],  # its explanation would take longer than the search
            report_multiple_bugs=False,
            suppress_health_check=list(HealthCheck),
        ),
    )
