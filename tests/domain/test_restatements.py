"""What a later bill changes goes where nobody has signed yet, and the sum is always the bill's."""

from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from finops.domain.allocations import PartKind
from finops.domain.card_tasks import CardNotice, notices, told
from finops.domain.delegations import Signature
from finops.domain.errors import FinOpsError, InvalidError
from finops.domain.paces import Pace
from finops.domain.periods import BillingPeriod, is_last_of_month, spend_periods
from finops.domain.restatements import Restatement, apart, booked, restated
from finops.domain.spend_cards import (
    COMMAND_LEVELS,
    TRANSITIONS,
    Adjustment,
    CardCommand,
    CardKey,
    CardLine,
    CardSettings,
    CardStatus,
    Cause,
    Spend,
    SpendCard,
)

WEB_SHOP = "retail.digital.storefront.web-shop"
AT = datetime(2026, 8, 10, 6, tzinfo=UTC)
FIRST, SECOND, THIRD = (date(2026, 8, day) for day in (2, 9, 16))
SEPTEMBER = date(2026, 9, 1)
OLA, PIA, QUINN, FIN = (f"{name}@example.org" for name in ("ola", "pia", "quinn", "fin"))


def spend(run: str, *, revision: int = 0, **services: int) -> Spend:
    """What each service costs, by one split of one account."""
    lines = tuple(
        CardLine(
            account_id="111122223333",
            kind=PartKind.SHARE,
            rule="1",
            service=service,
            amount=amount,
        )
        for service, amount in services.items()
        if amount
    )
    return Spend(lines=lines, runs=(run,), revision=revision)


def card(start: date, what: Spend, **told: Any) -> SpendCard:
    said: dict[str, Any] = {"pace": Pace(), "at": AT}
    return SpendCard.made(CardKey(WEB_SHOP, start, "USD"), what, **said | told)


def given_to(one: SpendCard, *steps: tuple[CardCommand, str]) -> SpendCard:
    for command, by in steps:
        one = one.decided(command, by=Signature(by=by), at=AT, reason="because")
    return one


def accepted(one: SpendCard) -> SpendCard:
    return given_to(one, (CardCommand.ACCEPT, OLA))


def approved(one: SpendCard) -> SpendCard:
    return given_to(accepted(one), (CardCommand.APPROVE, PIA))


def remapped(one: SpendCard, revision: int) -> SpendCard:
    disputed = given_to(one, (CardCommand.DISPUTE, OLA))
    return disputed.remapped(revision, by=Signature(by=PIA), at=AT)


def after(
    cards: list[SpendCard], latest: Mapping[date, Spend], **told: Any
) -> tuple[Restatement, dict[date, SpendCard]]:
    """What came of it, and all cards as they are then."""
    said: dict[str, Any] = {"cause": Cause.BILL, "by": "restate_cards", "at": AT}
    found = restated(cards, latest, **said | told)
    return found, {one.start: one for one in (*cards, *found.cards)}


def amounts(items: tuple[Adjustment, ...]) -> list[tuple[int, str, int]]:
    return [(one.start.day, one.runs[0], one.amount) for one in items]


# Open and frozen ----------------------------------------------------------------------------------


def test_an_open_card_follows_the_bill() -> None:
    found, cards = after([card(FIRST, spend("r1", ec2=70))], {FIRST: spend("r2", ec2=75, s3=1)})

    assert (cards[FIRST].amount, cards[FIRST].runs) == (76, ("r2",))
    assert (found.due, found.corrections) == ((), ())


def test_an_open_card_that_costs_the_same_is_not_touched_by_another_run() -> None:
    found, _ = after([card(FIRST, spend("r1", ec2=70))], {FIRST: spend("r2", ec2=70)})

    assert found == ((), (), ())


@pytest.mark.parametrize(
    "steps",
    [
        [(CardCommand.ACCEPT, OLA)],
        [(CardCommand.DISPUTE, OLA)],
        [(CardCommand.ACCEPT, OLA), (CardCommand.REJECT, PIA)],
        [(CardCommand.ACCEPT, OLA), (CardCommand.APPROVE, PIA)],
    ],
)
def test_the_first_decision_freezes_a_card_and_the_next_one_takes_the_difference(
    steps: list[tuple[CardCommand, str]],
) -> None:
    frozen = given_to(card(FIRST, spend("r1", ec2=70)), *steps)
    waiting = card(SECOND, spend("r1", ec2=10))

    found, cards = after([frozen, waiting], {FIRST: spend("r2", ec2=72, s3=3)})

    assert found.cards == (cards[SECOND],)
    assert (cards[SECOND].spend, cards[SECOND].amount) == (10, 15)
    (one,) = cards[SECOND].adjustments
    assert (one.start, one.cause, one.runs) == (FIRST, Cause.BILL, ("r2",))
    assert [(line.service, line.amount) for line in one.lines] == [("ec2", 2), ("s3", 3)]


def test_a_difference_passes_over_cards_that_are_frozen_too() -> None:
    frozen = [accepted(card(start, spend("r1", ec2=70))) for start in (FIRST, SECOND)]

    _, cards = after([*frozen, card(THIRD, spend("r1"))], {FIRST: spend("r2", ec2=69)})

    assert amounts(cards[THIRD].adjustments) == [(2, "r2", -1)]


def test_an_earlier_open_card_is_not_the_next_one() -> None:
    waiting, frozen = card(FIRST, spend("r1")), accepted(card(SECOND, spend("r1", ec2=70)))

    found, cards = after([waiting, frozen], {SECOND: spend("r2", ec2=75)})

    assert cards[FIRST].adjustments == ()
    assert amounts(found.due) == [(9, "r2", 5)]


def test_a_difference_waits_for_the_next_card_to_be_made() -> None:
    frozen = accepted(card(FIRST, spend("r1", ec2=70)))
    latest = {FIRST: spend("r2", ec2=75)}
    found, _ = after([frozen], latest)
    assert amounts(found.due) == [(2, "r2", 5)]

    following = card(SECOND, spend("r2", ec2=10), due=found.due)

    assert following.amount == 15
    assert after([frozen, following], latest)[0] == ((), (), ())


def test_a_week_that_is_not_told_of_stays_and_one_without_lines_costs_nothing() -> None:
    cards = [card(FIRST, spend("r1", ec2=70)), card(SECOND, spend("r1", ec2=10))]

    found, known = after(cards, {SECOND: Spend(runs=("r2",))})

    assert [one.start for one in found.cards] == [SECOND]
    assert (known[FIRST].amount, known[SECOND].amount) == (70, 0)


def test_differences_between_lines_that_come_to_nothing_are_no_adjustment() -> None:
    frozen = accepted(card(FIRST, spend("r1", ec2=70)))

    assert after([frozen], {FIRST: spend("r2", ec2=60, s3=10)})[0] == ((), (), ())
    found, _ = after([frozen], {FIRST: spend("r3", ec2=60, s3=12)})
    assert [(line.service, line.amount) for line in found.due[0].lines] == [
        ("ec2", -10),
        ("s3", 12),
    ]


def test_cards_of_two_currencies_or_products_are_never_added() -> None:
    dollars = card(FIRST, spend("r1"))

    for other in ({"currency": "EUR"}, {"product_id": "retail.digital.storefront.app"}):
        with pytest.raises(InvalidError, match="several products or currencies"):
            after([dollars, card(SECOND, spend("r1")).changed(**other)], {})


def test_a_week_has_one_card() -> None:
    with pytest.raises(InvalidError, match="two of these cards are of one week"):
        after([card(FIRST, spend("r1"))] * 2, {})


# Five deliveries ----------------------------------------------------------------------------------


def test_five_deliveries_with_decisions_in_between_add_up_to_the_last_one() -> None:
    """Two weeks are billed at 70 and 10, then at 75, 74, 80 and 79 and at 10, 10, 12 and 9."""
    first = accepted(card(FIRST, spend("r1", ec2=70)))
    second = card(SECOND, spend("r1", ec2=10))
    signed = first.model_dump_json()
    _, cards = after([first, second], {FIRST: spend("r2", ec2=75), SECOND: spend("r2", ec2=10)})
    _, cards = after([*cards.values()], {FIRST: spend("r3", ec2=74), SECOND: spend("r3", ec2=10)})
    assert amounts(cards[SECOND].adjustments) == [(2, "r2", 5), (2, "r3", -1)]
    second = approved(cards[SECOND])
    assert second.amount == 14
    third = card(THIRD, spend("r3", ec2=1))

    latest = {FIRST: spend("r4", ec2=80), SECOND: spend("r4", ec2=12)}
    _, cards = after([first, second, third], latest)
    third = accepted(cards[THIRD])
    latest = {FIRST: spend("r5", ec2=79), SECOND: spend("r5", ec2=9)}
    found, cards = after([first, second, third], latest)

    assert cards[FIRST].model_dump_json() == signed
    assert cards[SECOND] == second
    assert amounts(third.adjustments) == [(2, "r4", 6), (9, "r4", 2)]
    assert amounts(found.due) == [(2, "r5", -1), (9, "r5", -3)]
    assert booked(cards.values()) == {FIRST: 80, SECOND: 12, THIRD: 1}
    # 70 + (10 + 4) + (1 + 8) signed, 4 to be taken off: 79 + 9 + 1.
    assert sum(one.amount for one in cards.values()) - 4 == 89


# After the close: trap 5 --------------------------------------------------------------------------


def test_after_the_close_a_difference_is_a_correction_and_the_cards_keep_their_bytes() -> None:
    """A month of 1,000.00; then a refund of 25.00 and support of 40.00 come with the invoice."""
    unit = 10**10
    august = approved(card(FIRST, spend("r1", ec2=1_000 * unit)))
    open_now = card(SEPTEMBER, spend("r1", ec2=10 * unit))
    latest = {FIRST: spend("r2", ec2=975 * unit, support=40 * unit)}

    found, cards = after([august, open_now], latest, closed_before=SEPTEMBER)

    assert (found.cards, found.due) == ((), ())
    assert amounts(found.corrections) == [(2, "r2", 15 * unit)]
    assert [(line.service, line.amount // unit) for line in found.corrections[0].lines] == [
        ("ec2", -25),
        ("support", 40),
    ]
    assert cards[FIRST].amount + found.corrections[0].amount == 1_015 * unit


def test_an_open_card_of_a_closed_month_does_not_move_any_more() -> None:
    left = card(FIRST, spend("r1", ec2=70))

    found, _ = after([left], {FIRST: spend("r2", ec2=71)}, closed_before=SEPTEMBER)

    assert (found.cards, amounts(found.corrections)) == ((), [(2, "r2", 1)])


def test_what_was_adjusted_before_the_close_is_not_corrected_again() -> None:
    august = accepted(card(FIRST, spend("r1", ec2=70)))
    _, cards = after([august, card(SEPTEMBER, spend("r1"))], {FIRST: spend("r2", ec2=75)})

    found, _ = after([*cards.values()], {FIRST: spend("r3", ec2=77)}, closed_before=SEPTEMBER)

    assert amounts(found.corrections) == [(2, "r3", 2)]


def test_the_first_open_month_tells_adjustments_and_corrections_apart() -> None:
    both = [
        Adjustment(start=start, cause=Cause.BILL, runs=("r",), lines=(), made_at=AT)
        for start in (date(2026, 8, 30), SEPTEMBER)
    ]

    adjustments, corrections = apart(both, SEPTEMBER)

    assert ([one.start for one in adjustments], [one.start for one in corrections]) == (
        [SEPTEMBER],
        [date(2026, 8, 30)],
    )


# Remaps -------------------------------------------------------------------------------------------


def test_a_disputed_card_is_computed_anew_with_the_first_run_that_knows_the_remap() -> None:
    disputed = remapped(card(FIRST, spend("r1", ec2=70)), revision=4)
    early, _ = after([disputed], {FIRST: spend("r2", revision=3, ec2=72)})
    assert (early.cards, amounts(early.due)) == ((), [(2, "r2", 2)])

    _, cards = after([disputed], {FIRST: spend("r3", revision=4, ec2=40)}, cause=Cause.RULES)

    opened = cards[FIRST]
    assert (opened.status, opened.amount) == (CardStatus.OPEN, 40)
    assert [(old.amount, old.runs) for old in opened.former] == [(70, ("r1",))]


def test_others_that_a_remap_touches_have_it_as_an_adjustment() -> None:
    signed = accepted(card(FIRST, spend("r1", ec2=30)))

    found, _ = after([signed], {FIRST: spend("r2", revision=4, ec2=60)}, cause=Cause.RULES)

    assert [(one.cause.value, one.amount) for one in found.due] == [("RulesChanged", 30)]


def test_a_card_that_is_opened_again_takes_back_what_open_cards_had_of_it() -> None:
    disputed = remapped(card(FIRST, spend("r1", ec2=70)), revision=4)
    _, cards = after([disputed, card(SECOND, spend("r1"))], {FIRST: spend("r2", ec2=75)})
    assert cards[SECOND].amount == 5

    _, cards = after([*cards.values()], {FIRST: spend("r3", revision=4, ec2=40)})

    assert (cards[FIRST].amount, cards[SECOND].amount) == (40, 0)


def test_a_card_that_is_opened_again_takes_off_what_signed_cards_have_of_it() -> None:
    disputed = remapped(card(FIRST, spend("r1", ec2=70)), revision=4)
    _, cards = after([disputed, card(SECOND, spend("r1"))], {FIRST: spend("r2", ec2=75)})
    signed = accepted(cards[SECOND])
    latest = {FIRST: spend("r3", revision=4, ec2=40)}

    _, cards = after([disputed, signed], latest)

    assert cards[SECOND] == signed
    assert (cards[FIRST].spend, cards[FIRST].amount) == (40, 35)
    assert [(one.cause, one.amount) for one in cards[FIRST].adjustments] == [(Cause.ELSEWHERE, -5)]
    assert after([*cards.values()], latest, at=AT + timedelta(1))[0] == ((), (), ())


def test_a_disputed_card_of_a_closed_month_is_not_opened_again() -> None:
    disputed = remapped(card(FIRST, spend("r1", ec2=70)), revision=4)
    latest = {FIRST: spend("r2", revision=4, ec2=40)}

    found, _ = after([disputed], latest, closed_before=SEPTEMBER)

    assert (found.cards, amounts(found.corrections)) == ((), [(2, "r2", -30)])


def test_what_a_card_takes_off_itself_stands_after_adjustments_of_earlier_weeks() -> None:
    first = accepted(card(FIRST, spend("r1", ec2=70)))
    disputed = remapped(card(SECOND, spend("r1", ec2=10)), revision=4)
    _, cards = after([disputed, card(THIRD, spend("r1"))], {SECOND: spend("r2", ec2=15)})
    third = accepted(cards[THIRD])
    latest = {FIRST: spend("r3", revision=4, ec2=71), SECOND: spend("r3", revision=4, ec2=8)}

    _, cards = after([first, disputed, third], latest)

    assert amounts(cards[SECOND].adjustments) == [(2, "r3", 1), (9, "r3", -5)]
    assert cards[SECOND].amount == 4
    assert after([*cards.values()], latest)[0] == ((), (), ())


# A product's months -------------------------------------------------------------------------------

WEEKS = [  # few, so that much happens to each: three that end August, two that begin September
    *spend_periods(BillingPeriod("2026-08"))[-3:],
    *spend_periods(BillingPeriod("2026-09"))[:2],
]
STARTS = [week.start for week in WEEKS]
MONTHS = sorted({BillingPeriod.of(start) for start in STARTS})
SERVICES = st.dictionaries(st.sampled_from(("ec2", "s3", "tax")), st.integers(-9, 9))
PEOPLE = st.sampled_from((OLA, "Ola@example.org", PIA, QUINN))
CHOSEN = CardSettings(accept_after=5, tolerance=10_000)


class MonthsOfAProduct(RuleBasedStateMachine):
    """Bills are delivered, rules changed, cards made, decided on, remapped, and months closed."""

    def __init__(self) -> None:
        super().__init__()
        self.cards: dict[date, SpendCard] = {}
        self.truth: dict[date, dict[str, int]] = {start: {"ec2": 5} for start in STARTS}
        self.run, self.revision, self.known = 0, 0, 0
        self.clock = AT
        self.final: set[BillingPeriod] = set()
        self.closed_before = date.min
        self.told: set[tuple[date, datetime, CardNotice]] = set()
        self.frozen: dict[date, str] = {}
        self.signed: dict[date, str] = {}

    # -- what happens ----------------------------------------------------------------------------

    @precondition(lambda self: len(self.cards) < len(WEEKS))
    @rule()
    def the_next_card_is_made(self) -> None:
        week = WEEKS[len(self.cards)]
        self.cards[week.start] = card(
            week.start,
            self.latest()[week.start],
            due=self.restate().due,
            pace=Pace(budget=30),
            is_provisional=is_last_of_month(week)
            and BillingPeriod.of(week.start) not in self.final,
            at=self.clock,
        )

    @rule(start=st.sampled_from(STARTS), services=SERVICES)
    def a_bill_is_delivered(self, start: date, services: dict[str, int]) -> None:
        self.truth[start] = services
        self.allocate(Cause.BILL)

    @rule(start=st.sampled_from(STARTS), services=SERVICES)
    def the_rules_are_computed(self, start: date, services: dict[str, int]) -> None:
        self.truth[start] = services
        self.known = self.revision
        self.allocate(Cause.RULES)

    @precondition(lambda self: self.cards)
    @rule(
        chosen=st.data(),
        command=st.sampled_from(CardCommand),
        by=PEOPLE,
        acting_for=st.none() | PEOPLE,
        reason=st.none() | st.just("because"),
    )
    def somebody_tries(
        self,
        chosen: st.DataObject,
        command: CardCommand,
        by: str,
        acting_for: str | None,
        reason: str | None,
    ) -> None:
        before = self.cards[chosen.draw(st.sampled_from(sorted(self.cards)))]
        self.give(before, command, Signature(by=by, acting_for=acting_for), reason)

    @precondition(lambda self: any(one.allowed for one in self.cards.values()))
    @rule(chosen=st.data())
    def somebody_goes_on(self, chosen: st.DataObject) -> None:
        before = chosen.draw(st.sampled_from([one for one in self.cards.values() if one.allowed]))
        command = chosen.draw(st.sampled_from(before.allowed))
        by = next(name for name in (OLA, PIA, QUINN, FIN) if name not in before.authors)
        self.give(before, command, Signature(by=by), "because")

    @rule(month=st.sampled_from(MONTHS))
    def a_bill_becomes_final(self, month: BillingPeriod) -> None:
        self.final.add(month)
        for start, one in self.cards.items():
            if one.month == month:
                self.cards[start] = one.finalised(self.clock)

    @precondition(lambda self: len(self.cards) > 3)
    @rule()
    def the_first_month_is_closed(self) -> None:
        self.closed_before = SEPTEMBER

    @rule(days=st.integers(0, 9))
    def time_goes_by(self, days: int) -> None:
        self.clock += timedelta(days)
        for start, one in self.cards.items():
            settled = one.settled(CHOSEN, by="make_spend_cards", at=self.clock)
            made = notices(settled, CHOSEN, self.clock)
            for notice in made:
                again = (start, settled.since, notice)
                assert again not in self.told
                self.told.add(again)
            self.cards[start] = told(settled, made, self.clock)
            assert notices(self.cards[start], CHOSEN, self.clock) == ()
            self.note(one, self.cards[start])

    # -- how ---------------------------------------------------------------------------------------

    def latest(self) -> dict[date, Spend]:
        return {
            start: spend(f"r{self.run}", revision=self.known, **services)
            for start, services in self.truth.items()
        }

    def restate(self, cause: Cause = Cause.BILL) -> Restatement:
        return restated(
            self.cards.values(),
            self.latest(),
            cause=cause,
            closed_before=self.closed_before,
            by="restate_cards",
            at=self.clock,
        )

    def allocate(self, cause: Cause) -> None:
        self.run += 1
        for one in self.restate(cause).cards:
            before = self.cards[one.start]
            assert one.start >= self.closed_before
            if before.is_frozen:
                assert before.awaits is not None
                assert self.known >= before.awaits
                assert one.former[-1].amount == before.amount
                del self.frozen[one.start]
            assert one.status is CardStatus.OPEN
            self.cards[one.start] = one

    def give(
        self, before: SpendCard, command: CardCommand, by: Signature, reason: str | None
    ) -> None:
        kept = before.model_dump_json()
        try:
            if command is CardCommand.REMAP:
                self.revision += 1
                one = before.remapped(self.revision, by=by, at=self.clock, reason=reason)
            else:
                one = before.decided(command, by=by, at=self.clock, reason=reason)
        except FinOpsError:
            assert before.model_dump_json() == kept
            return
        assert command in COMMAND_LEVELS
        assert TRANSITIONS[before.status, command] is one.status
        assert not before.is_provisional
        if COMMAND_LEVELS[command] == 3:
            assert not by.names & before.authors
        self.cards[one.start] = one
        self.note(before, one)

    def note(self, before: SpendCard, one: SpendCard) -> None:
        assert one.history[: len(before.history)] == before.history
        assert one.former == before.former
        if one.is_frozen and not before.is_frozen:
            self.frozen[one.start] = money(before)
        if one.is_final and not before.is_final:
            self.signed[one.start] = one.model_dump_json()

    # -- what always holds -------------------------------------------------------------------------

    @invariant()
    def cards_and_differences_are_what_the_latest_bill_says(self) -> None:
        found = self.restate()
        sums = booked(self.cards.values())
        for one in (*found.due, *found.corrections):
            sums[one.start] += one.amount

        assert sums == {start: sum(self.truth[start].values()) for start in self.cards}
        assert all(one.start < self.closed_before for one in found.corrections)
        assert all(one.start >= self.closed_before for one in found.due)
        waiting = sum(one.amount for one in (*found.due, *found.corrections))
        assert sum(one.amount for one in self.cards.values()) + waiting == sum(sums.values())

    @invariant()
    def the_same_bill_once_more_changes_nothing(self) -> None:
        assert self.restate().cards == ()

    @invariant()
    def what_was_decided_on_keeps_its_bytes(self) -> None:
        for start, kept in self.frozen.items():
            assert money(self.cards[start]) == kept
        for start, kept in self.signed.items():
            assert self.cards[start].model_dump_json() == kept

    @invariant()
    def adjustments_are_of_earlier_weeks_and_say_which(self) -> None:
        for start, one in self.cards.items():
            for item in one.adjustments:
                is_own = item.cause is Cause.ELSEWHERE
                assert item.start == start if is_own else item.start < start
                assert item.amount != 0

    @invariant()
    def every_card_is_a_legal_one(self) -> None:
        for one in self.cards.values():
            assert SpendCard.model_validate_json(one.model_dump_json()) == one
            assert one.is_frozen or not one.authors
            assert one.is_final or one.is_provisional or one.allowed
            for done in one.history:
                assert done.is_automatic == (
                    done.signature.by in ("make_spend_cards", "restate_cards")
                )


def money(one: SpendCard) -> str:
    return one.model_dump_json(include={"lines", "runs", "adjustments"})


def test_whatever_happens_cards_and_adjustments_are_the_bill_and_signatures_stay() -> None:
    run_state_machine_as_test(
        MonthsOfAProduct,
        settings=settings(max_examples=20, stateful_step_count=40, deadline=None, derandomize=True),
    )
