"""A spend card goes the way of the specification, and what somebody decided on keeps its amount."""

from datetime import UTC, date, datetime, timedelta
from itertools import product
from typing import Any

import pytest

from finops.domain.allocations import Part, PartKind
from finops.domain.class_policies import ChargeClass
from finops.domain.delegations import Signature
from finops.domain.errors import ConflictError, ForbiddenError, InvalidError
from finops.domain.paces import Colour, Pace
from finops.domain.periods import Period, spend_period
from finops.domain.rule_changes import MapAccount, ReleaseResources
from finops.domain.spend_cards import (
    COMMAND_LEVELS,
    FINAL,
    TRANSITIONS,
    Adjustment,
    CardCommand,
    CardKey,
    CardLine,
    CardSettings,
    CardStatus,
    Cause,
    Readiness,
    RemapProposal,
    Spend,
    SpendCard,
    added,
    card_lines,
    decided_in_bulk,
    readiness,
)

WEB_SHOP = "retail.digital.storefront.web-shop"
SHOP = "111122223333"
AT = datetime(2026, 8, 10, 6, tzinfo=UTC)
WEEK = date(2026, 8, 2)
OLA, PIA, QUINN = (f"{name}@example.org" for name in ("ola", "pia", "quinn"))
PROPOSAL = RemapProposal(
    changes=(ReleaseResources(account_id=SHOP, resources=("i-1",)),), effect=((WEB_SHOP, -5),)
)


def line(amount: int, service: str = "AmazonEC2", rule: str | None = "1") -> CardLine:
    return CardLine(account_id=SHOP, kind=PartKind.SHARE, rule=rule, service=service, amount=amount)


def card(*amounts: int, start: date = WEEK, **told: Any) -> SpendCard:
    """A card with a line of a service of its own for each of *amounts*."""
    lines = tuple(line(amount, f"Service{n}") for n, amount in enumerate(amounts))
    spend = Spend(lines=lines, runs=("run-1",))
    said: dict[str, Any] = {"pace": Pace(budget=300), "at": AT}
    return SpendCard.made(CardKey(WEB_SHOP, start, "USD"), spend, **said | told)


def signed(name: str, acting_for: str | None = None) -> Signature:
    return Signature(by=name, acting_for=acting_for)


def given_to(one: SpendCard, command: CardCommand, by: str | Signature) -> SpendCard:
    signature = by if isinstance(by, Signature) else signed(by)
    if command is CardCommand.REMAP:
        return one.remapped(7, by=signature, at=AT)
    return one.decided(command, by=signature, at=AT, reason="because")


def after(*steps: tuple[CardCommand, str], of: SpendCard | None = None) -> SpendCard:
    one = of or card(70)
    for command, by in steps:
        one = given_to(one, command, by)
    return one


ACCEPTED = ((CardCommand.ACCEPT, OLA),)
APPROVED = (*ACCEPTED, (CardCommand.APPROVE, PIA))
REJECTED = (*ACCEPTED, (CardCommand.REJECT, PIA))
DISPUTED = ((CardCommand.DISPUTE, OLA),)
RESOLVED = (*DISPUTED, (CardCommand.RESOLVE, PIA))
WAYS = {
    CardStatus.OPEN: (),
    CardStatus.ACCEPTED: ACCEPTED,
    CardStatus.APPROVED: APPROVED,
    CardStatus.REJECTED: REJECTED,
    CardStatus.DISPUTED: DISPUTED,
    CardStatus.RESOLVED: RESOLVED,
}


# The table ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("status, command", [*product(CardStatus, COMMAND_LEVELS)], ids=str)
def test_a_card_takes_what_the_table_says_and_nothing_else(
    status: CardStatus, command: CardCommand
) -> None:
    before = after(*WAYS[status])
    assert before.status is status

    if (status, command) in TRANSITIONS:
        assert command in before.allowed
        assert given_to(before, command, QUINN).status is TRANSITIONS[status, command]
    else:
        assert command not in before.allowed
        with pytest.raises(ConflictError, match=f"a card that is {status} takes no {command}"):
            given_to(before, command, QUINN)


def test_the_table_is_the_one_of_the_specification() -> None:
    drawn = {
        "Open": {"Accepted", "Disputed", "Approved"},  # approved: zero, by itself
        "Accepted": {"Approved", "Rejected"},
        "Rejected": {"Accepted", "Disputed"},
        "Disputed": {"Resolved", "Disputed", "Open"},  # disputed: while a remap is computed
    }

    found: dict[str, set[str]] = {}
    for (status, _), following in TRANSITIONS.items():
        found.setdefault(status.value, set()).add(following.value)

    assert found == drawn


def test_nothing_follows_on_a_final_status() -> None:
    assert {status for status, _ in TRANSITIONS} & FINAL == set()
    assert after(*APPROVED).is_final
    assert after(*RESOLVED).is_final
    assert not after(*REJECTED).is_final


@pytest.mark.parametrize(
    "command, steps",
    [
        (CardCommand.REJECT, ACCEPTED),
        (CardCommand.DISPUTE, ()),
        (CardCommand.RESOLVE, DISPUTED),
    ],
)
@pytest.mark.parametrize("reason", [None, "", "  "])
def test_who_says_no_says_why(
    command: CardCommand, steps: tuple[tuple[CardCommand, str], ...], reason: str | None
) -> None:
    with pytest.raises(InvalidError, match="say why"):
        after(*steps).decided(command, by=signed(QUINN), at=AT, reason=reason)


def test_who_says_yes_need_not_say_why() -> None:
    accepted = card(70).decided(CardCommand.ACCEPT, by=signed(OLA), at=AT)

    assert accepted.decided(CardCommand.APPROVE, by=signed(PIA), at=AT).is_final


@pytest.mark.parametrize("command", [CardCommand.APPROVE_ZERO, CardCommand.RECOMPUTE])
def test_what_happens_by_itself_is_nobodys_decision(command: CardCommand) -> None:
    with pytest.raises(InvalidError, match="is no decision; take Accept or Dispute"):
        card(70).decided(command, by=signed(OLA), at=AT)


def test_every_step_is_kept_with_its_amount() -> None:
    done = after(*REJECTED, *DISPUTED, (CardCommand.RESOLVE, PIA))

    assert [
        (step.command.value, step.status.value, step.signature.by, step.amount)
        for step in done.history
    ] == [
        ("Accept", "Accepted", OLA, 70),
        ("Reject", "Rejected", PIA, 70),
        ("Dispute", "Disputed", OLA, 70),
        ("Resolve", "Resolved", PIA, 70),
    ]


def test_a_dispute_carries_the_remap_it_proposes() -> None:
    disputed = card(70).decided(
        CardCommand.DISPUTE, by=signed(OLA), at=AT, reason="not ours", proposal=PROPOSAL
    )

    assert disputed.history[-1].proposal == PROPOSAL
    assert SpendCard.model_validate_json(disputed.model_dump_json()) == disputed


def test_only_a_dispute_proposes_a_remap() -> None:
    with pytest.raises(InvalidError, match="only a dispute proposes"):
        card(70).decided(CardCommand.ACCEPT, by=signed(OLA), at=AT, proposal=PROPOSAL)


# Two people ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "command, steps",
    [
        (CardCommand.APPROVE, ACCEPTED),
        (CardCommand.REJECT, ACCEPTED),
        (CardCommand.RESOLVE, DISPUTED),
        (CardCommand.REMAP, DISPUTED),
    ],
)
@pytest.mark.parametrize(
    "by", [signed(OLA), signed("OLA@example.org"), signed(OLA, PIA), signed(QUINN, OLA)], ids=str
)
def test_nobody_decides_on_their_own_word_nor_a_delegate_for_them(
    command: CardCommand, steps: tuple[tuple[CardCommand, str], ...], by: Signature
) -> None:
    with pytest.raises(ForbiddenError, match="accepted or disputed this card"):
        given_to(after(*steps), command, by)


def test_a_delegate_who_accepted_and_the_one_they_did_it_for_both_approve_nothing() -> None:
    accepted = given_to(card(70), CardCommand.ACCEPT, signed(QUINN, OLA))

    for by in (OLA, QUINN):
        with pytest.raises(ForbiddenError):
            given_to(accepted, CardCommand.APPROVE, by)
    assert given_to(accepted, CardCommand.APPROVE, PIA).is_final


def test_who_accepted_the_card_earlier_does_not_approve_it_after_somebody_else_did() -> None:
    again = after(*REJECTED, (CardCommand.ACCEPT, QUINN))

    with pytest.raises(ForbiddenError):
        given_to(again, CardCommand.APPROVE, OLA)


# By itself ----------------------------------------------------------------------------------------


def test_a_zero_card_approves_itself() -> None:
    done = card().settled(CardSettings(), by="make_spend_cards", at=AT)

    assert done.status is CardStatus.APPROVED
    assert done.history[-1].is_automatic


def test_a_zero_card_waits_like_any_other_where_the_organisation_wants_it() -> None:
    before = card()

    assert before.settled(CardSettings(approves_zero=False), by="x", at=AT) is before


def test_lines_that_cancel_each_other_out_are_looked_at() -> None:
    before = card(5, -5)

    assert before.amount == 0
    assert before.settled(CardSettings(), by="x", at=AT) is before


@pytest.mark.parametrize(
    "days, spend, status",
    [
        (2, 70, CardStatus.OPEN),  # too early
        (3, 70, CardStatus.ACCEPTED),
        (3, 77, CardStatus.ACCEPTED),  # 10 % over 10 a day
        (3, 78, CardStatus.OPEN),
        (9, 78, CardStatus.OPEN),
        (3, 1, CardStatus.ACCEPTED),
    ],
)
def test_a_card_within_the_tolerance_accepts_itself_once_it_has_waited(
    days: int, spend: int, status: CardStatus
) -> None:
    chosen = CardSettings(accept_after=3, tolerance=1_000)

    assert card(spend).settled(chosen, by="x", at=AT + timedelta(days)).status is status


def test_no_card_accepts_itself_unless_the_organisation_wants_it() -> None:
    before = card(70)

    assert before.settled(CardSettings(), by="x", at=AT + timedelta(365)) is before


def test_no_card_without_an_approved_budget_accepts_itself() -> None:
    before = card(1, pace=Pace())

    assert before.settled(CardSettings(accept_after=1), by="x", at=AT + timedelta(9)) is before


def test_an_adjustment_beyond_the_tolerance_is_looked_at() -> None:
    more = Adjustment(
        start=date(2026, 8, 1), cause=Cause.BILL, runs=("run-2",), lines=(line(50),), made_at=AT
    )
    before = card(70, due=[more])

    assert before.settled(CardSettings(accept_after=1), by="x", at=AT + timedelta(9)) is before


def test_anybody_may_approve_what_accepted_itself() -> None:
    accepted = card(70).settled(CardSettings(accept_after=1), by=OLA, at=AT + timedelta(1))

    assert given_to(accepted, CardCommand.APPROVE, OLA).is_final


# Provisional --------------------------------------------------------------------------------------


@pytest.mark.parametrize("command", [CardCommand.ACCEPT, CardCommand.DISPUTE])
def test_nobody_decides_on_a_provisional_card(command: CardCommand) -> None:
    before = card(70, start=date(2026, 8, 30), is_provisional=True)

    assert before.allowed == ()
    with pytest.raises(ConflictError, match="provisional until the bill of 2026-08 is final"):
        given_to(before, command, OLA)


def test_a_provisional_zero_card_does_not_approve_itself_before_it_is_final() -> None:
    before = card(start=date(2026, 8, 30), is_provisional=True)
    assert before.settled(CardSettings(), by="x", at=AT) is before

    final = before.finalised(AT)

    assert final.settled(CardSettings(), by="x", at=AT).is_final


def test_a_provisional_card_waits_for_its_owner_from_the_day_it_is_final() -> None:
    later = AT + timedelta(9)

    assert card(70, is_provisional=True).finalised(later).since == later
    assert card(70).finalised(later).since == AT


@pytest.mark.parametrize(
    "period, through, is_final, expected",
    [
        (Period(date(2026, 8, 2), date(2026, 8, 9)), None, False, Readiness.WAITS),
        (Period(date(2026, 8, 2), date(2026, 8, 9)), date(2026, 8, 7), False, Readiness.WAITS),
        (Period(date(2026, 8, 2), date(2026, 8, 9)), date(2026, 8, 8), False, Readiness.READY),
        (Period(date(2026, 8, 30), date(2026, 9, 1)), date(2026, 8, 30), False, Readiness.WAITS),
        (
            Period(date(2026, 8, 30), date(2026, 9, 1)),
            date(2026, 8, 31),
            False,
            Readiness.PROVISIONAL,
        ),
        (Period(date(2026, 8, 30), date(2026, 9, 1)), date(2026, 8, 30), True, Readiness.READY),
    ],
)
def test_a_card_waits_for_the_bill_and_the_last_one_for_its_invoice(
    period: Period, through: date | None, is_final: bool, expected: Readiness
) -> None:
    assert readiness(period, complete_through=through, is_final=is_final) is expected


# What is on it ------------------------------------------------------------------------------------


def part(amount: int, day: date, **told: Any) -> Part:
    said: dict[str, Any] = {
        "payer": "999988887777",
        "billing_period": "2026-08",
        "currency": "USD",
        "account": SHOP,
        "day": day,
        "charge_class": ChargeClass.USAGE,
        "charge_category": "Usage",
        "service": "AmazonEC2",
        "invoice_id": None,
        "issuer": None,
        "kind": PartKind.SHARE,
        "product_id": WEB_SHOP,
        "workload_id": None,
        "rule": "1",
        "basis_points": 10_000,
        "reason": None,
        "meant_for": None,
    }
    return Part(**said | told, amount=amount)


def test_a_card_has_a_line_for_each_account_owner_and_service() -> None:
    days = [date(2026, 8, 3), date(2026, 8, 4)]
    claimed = {"kind": PartKind.CLAIM, "workload_id": "w-1", "rule": None}
    parts = [
        *(part(10, day) for day in days),
        part(4, days[0], **claimed),
        part(3, days[0], service=None),
        part(99, days[0], product_id=None, kind=PartKind.UNALLOCATED),
    ]

    found = card_lines(parts)

    assert list(found) == [CardKey(WEB_SHOP, WEEK, "USD")]
    assert [
        (one.kind.value, one.workload_id, one.service, one.amount)
        for one in found[CardKey(WEB_SHOP, WEEK, "USD")]
    ] == [
        ("Claim", "w-1", "AmazonEC2", 4),
        ("Share", None, "AmazonEC2", 20),
        ("Share", None, None, 3),
    ]


def test_what_a_policy_gives_has_a_line_for_each_service_and_no_account() -> None:
    """A class in proportion to spend gives each product a part of every account."""
    policy = {"kind": PartKind.POLICY, "charge_class": ChargeClass.TAX}
    parts = [part(2, WEEK, account=str(n), **policy) for n in range(300)]

    [[one]] = card_lines(parts).values()

    assert (one.account_id, one.kind, one.service, one.amount) == (
        *(None, PartKind.POLICY, "AmazonEC2", 600),
    )


def test_late_usage_of_the_month_before_is_on_the_first_card_of_the_month_it_is_billed_in() -> None:
    parts = [part(10, date(2026, 7, 31)), part(5, date(2026, 8, 1)), part(1, date(2026, 9, 1))]

    found = card_lines(parts)

    assert {key.start: sum(one.amount for one in lines) for key, lines in found.items()} == {
        date(2026, 8, 1): 15,
        date(2026, 8, 30): 1,
    }


def test_two_currencies_are_on_two_cards() -> None:
    parts = [part(10, WEEK), part(10, WEEK, currency="EUR")]

    assert {key.currency for key in card_lines(parts)} == {"USD", "EUR"}


def test_lines_that_come_to_nothing_are_left_out() -> None:
    assert added([line(5), line(3, "AmazonS3")], less=[line(5)]) == (line(3, "AmazonS3"),)


def test_the_lines_of_a_spend_are_put_together_and_in_order() -> None:
    spend = Spend(lines=(line(3, "B"), line(1, "A"), line(4, "B")), runs=("r-2", "r-1", "r-2"))

    assert spend.lines == (line(1, "A"), line(7, "B"))
    assert spend.runs == ("r-1", "r-2")


def test_a_card_adds_up_and_its_colour_is_of_the_week_alone() -> None:
    more = Adjustment(
        start=date(2026, 8, 1), cause=Cause.BILL, runs=("run-2",), lines=(line(50),), made_at=AT
    )

    found = card(60, 10, due=[more])

    assert (found.spend, found.amount) == (70, 120)
    assert found.colour is Colour.BLACK


def test_a_card_is_of_a_spend_period() -> None:
    assert card(1, start=date(2026, 8, 30)).period == spend_period(date(2026, 8, 31))
    with pytest.raises(InvalidError, match="the one of that day starts on 2026-08-02"):
        card(1, start=date(2026, 8, 3))


# In bulk ------------------------------------------------------------------------------------------


def test_one_card_that_cannot_be_approved_keeps_no_other_one_up() -> None:
    weeks = [date(2026, 8, 2), date(2026, 8, 9), date(2026, 8, 16)]
    fine, own, still_open = (card(70, start=week) for week in weeks)
    listed = [
        (after(*ACCEPTED, of=fine), signed(PIA)),
        (after((CardCommand.ACCEPT, PIA), of=own), signed(PIA)),
        (still_open, signed(PIA)),
    ]

    found = decided_in_bulk(listed, CardCommand.APPROVE, at=AT, reason="checked with finance")

    assert [(one.start, one.history[-1].reason) for one in found.decided] == [
        (weeks[0], "checked with finance")
    ]
    assert {key.start: type(error) for key, error in found.refused.items()} == {
        weeks[1]: ForbiddenError,
        weeks[2]: ConflictError,
    }


def test_a_dispute_is_about_one_card() -> None:
    with pytest.raises(InvalidError, match="one card at a time"):
        decided_in_bulk([(card(70), signed(OLA))], CardCommand.DISPUTE, at=AT, reason="no")


# Opened again -------------------------------------------------------------------------------------


def test_a_remapped_card_is_opened_again_and_keeps_its_old_amount() -> None:
    remapped = after(*DISPUTED, (CardCommand.REMAP, PIA))
    assert (remapped.status, remapped.awaits) == (CardStatus.DISPUTED, 7)

    opened = remapped.reopened(by="make_spend_cards", at=AT)

    assert (opened.status, opened.awaits) == (CardStatus.OPEN, None)
    assert [(old.amount, old.runs) for old in opened.former] == [(70, ("run-1",))]
    assert opened.authors == frozenset()


def test_a_card_that_awaits_no_rules_is_not_opened_again() -> None:
    with pytest.raises(ConflictError, match="whose remap is made"):
        after(*DISPUTED).reopened(by="x", at=AT)


def test_a_dispute_may_be_resolved_while_its_remap_is_still_computed() -> None:
    resolved = after(*DISPUTED, (CardCommand.REMAP, PIA), (CardCommand.RESOLVE, PIA))

    assert (resolved.status, resolved.awaits) == (CardStatus.RESOLVED, None)


def test_a_second_remap_never_waits_for_less() -> None:
    disputed = after(*DISPUTED).remapped(9, by=signed(PIA), at=AT)

    assert disputed.remapped(8, by=signed(PIA), at=AT).awaits == 9


def test_a_frozen_card_takes_no_other_amount() -> None:
    with pytest.raises(ConflictError, match="keeps its amount"):
        after(*ACCEPTED).restated((line(1),), ("run-2",), (), AT)


def test_only_a_disputed_card_awaits_rules() -> None:
    kept = card(70).model_dump() | {"awaits": 3}

    with pytest.raises(InvalidError, match="awaits no other rules"):
        SpendCard.model_validate(kept)


@pytest.mark.parametrize("days", [(3, 2), (2, 2)])
def test_days_of_reminders_go_up(days: tuple[int, ...]) -> None:
    with pytest.raises(InvalidError, match="one after the other"):
        CardSettings(remind_after=days)


def test_a_card_is_on_record_where_all_that_a_proposal_names_is_in_sight() -> None:
    portfolio = "retail.digital.storefront"
    split = MapAccount(account_id=SHOP, shares=((f"{portfolio}.search", 10_000),))
    proposed = RemapProposal(changes=(split,), effect=((WEB_SHOP, -70),))
    foreign = PROPOSAL.model_copy(update={"effect": (("bank.credit.lending.loans", 70),)})
    disputed = [
        card(70).decided(
            CardCommand.DISPUTE, by=signed(OLA), at=AT, reason="not ours", proposal=one
        )
        for one in (None, proposed, foreign)
    ]

    assert [one.on_record for one in disputed] == [WEB_SHOP, portfolio, ""]


def test_a_card_whose_lines_are_elsewhere_is_known_by_what_they_come_to() -> None:
    kept = card().changed(document="cards/x", sums=(78, 75))

    assert (kept.spend, kept.amount, kept.is_zero) == (78, 75, False)
    assert kept.colour is Colour.RED
