"""Disputes: a remap is proposed, previewed, made once, and the card is open again with its money."""

from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from finops.domain.audit import Deed, Receipt
from finops.domain.errors import ConflictError, ForbiddenError, InvalidError, NotFoundError
from finops.domain.people import Role
from finops.domain.rule_changes import (
    Change,
    ClaimResources,
    DecidePolicy,
    MapAccount,
    ReleaseResources,
)
from finops.domain.spend_cards import CardCommand, CardKey, CardStatus
from finops.usecases.disputes import proposal
from finops.usecases.ports import Save
from finops.usecases.previews import ask_preview
from tests.allocating import FIRST, OWN, SHARED, decide, ticks
from tests.disputing import LATER, SHOP_CARD, WEEK, Disputing
from tests.exports import MONTH, PAYER
from tests.remembered import remembering
from tests.usecases.organisation import (
    CHECKOUT,
    LOANS,
    SEARCH,
    STOREFRONT,
    TILLS,
    WEB_SHOP,
    act,
)

HALVES = MapAccount(account_id=SHARED, shares=((SEARCH, 5_000), (WEB_SHOP, 5_000)), start=FIRST)
AWAY = MapAccount(account_id=SHARED, shares=((LOANS, 2_500), (WEB_SHOP, 7_500)), start=FIRST)
CLAIM = ClaimResources(
    workload_id="w-checkout", resources=("i-2",), start=FIRST, reason="it is theirs"
)
RELEASE = ReleaseResources(account_id=SHARED, resources=("i-1",))


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    remembering(monkeypatch)


@pytest.fixture
def made(tmp_path: Path) -> Disputing:
    return Disputing(tmp_path)


# Proposed -----------------------------------------------------------------------------------------


def test_an_owner_proposes_what_they_have_previewed_with_its_money(made: Disputing) -> None:
    """Web shop pays 6.00, and would pay 5.00; what the search would pay is none of theirs."""
    found = made.proposed(HALVES)

    assert found.changes == (HALVES,)
    assert found.effect == ((WEB_SHOP, -ticks("1")),)
    assert found.preview_id is not None


def test_who_holds_both_products_proposes_with_the_money_of_both(made: Disputing) -> None:
    found = made.proposed(HALVES, by=made.portfolio)

    assert found.effect == ((SEARCH, ticks("1")), (WEB_SHOP, -ticks("1")))


def test_a_preview_of_somebody_else_is_not_there(made: Disputing) -> None:
    asked = made.preview(HALVES, by=made.admin)

    with pytest.raises(NotFoundError, match="no preview"):
        proposal(asked.preview_id, made.card(), by=made.shop, ledger=made.made.house.ledger)


def test_what_is_not_previewed_yet_is_not_proposed(made: Disputing) -> None:
    asked = ask_preview([HALVES], by=made.shop, at=LATER, studio=made.made.studio)

    with pytest.raises(ConflictError, match="still running"):
        proposal(asked.preview_id, made.card(), by=made.shop, ledger=made.made.house.ledger)


def test_only_shares_and_claims_are_proposed(made: Disputing) -> None:
    tax = DecidePolicy(payer=PAYER, charge_class="Tax", policy="InProportion", start=MONTH)
    asked = made.preview(tax, by=made.admin)

    with pytest.raises(InvalidError, match="DecidePolicy is no change of a remap"):
        proposal(asked.preview_id, made.card(), by=made.admin, ledger=made.made.house.ledger)


def test_who_only_sees_the_card_proposes_nothing(made: Disputing) -> None:
    unit = made.organisation.hire("unit@example.com", Role.BUSINESS_UNIT_OWNER, ("retail",))

    with pytest.raises(ForbiddenError, match="proposed by its owner"):
        proposal("0" * 20, made.card(), by=unit, ledger=made.made.house.ledger)


# Answered -----------------------------------------------------------------------------------------


def test_a_remap_brings_the_card_back_open_with_its_new_amount_and_keeps_the_old_one(
    made: Disputing,
) -> None:
    made.dispute(made.proposed(HALVES))
    before = made.run_id()

    answered = made.remap()
    assert (answered.status, answered.amount) == (CardStatus.DISPUTED, ticks("6"))
    made.bring_up()
    assert made.card().status is CardStatus.DISPUTED  # the run does not know of it yet

    made.allocate()
    card = made.card()
    assert (card.status, card.amount, card.awaits) == (CardStatus.OPEN, ticks("5"), None)
    [old] = card.former
    assert (old.amount, old.runs) == (ticks("6"), (before,))
    assert [one.command for one in card.history] == [
        CardCommand.DISPUTE,
        CardCommand.REMAP,
        CardCommand.RECOMPUTE,
    ]
    assert made.carded() == made.paid()
    assert made.paid() == {WEB_SHOP: ticks("5"), SEARCH: ticks("5"), TILLS: ticks("5")}


def test_a_remap_makes_the_card_of_a_product_that_had_none(made: Disputing) -> None:
    made.dispute(made.proposed(AWAY))

    made.remap(by=made.admin)
    made.allocate()

    assert made.card().amount == ticks("7.50")
    assert made.card(CardKey(LOANS, WEEK, "USD")).amount == ticks("2.50")
    assert made.carded() == made.paid() | {SEARCH: 0}


def test_the_rules_say_which_dispute_they_were_changed_for(made: Disputing) -> None:
    made.dispute(made.proposed(HALVES))

    made.remap(reason="agreed by both")

    split = made.organisation.shares.find(SHARED)
    assert split is not None
    why = f"dispute of {WEB_SHOP}, week from {WEEK}: agreed by both"
    assert (split.revisions[-1].set_by, split.revisions[-1].reason) == (made.portfolio.email, why)
    record = made.records.chains[f"shares#{SHARED}"][-1]
    assert (record.action, record.event, record.reason) == ("MapAccount", "AccountMapped", why)
    record = made.records.chains[SHOP_CARD.entity][-1]
    assert (record.action, record.event, record.done_at) == ("Remap", "CardRemapped", WEB_SHOP)
    assert made.card().history[-1].reason == "agreed by both"


def test_other_changes_than_the_proposed_ones_can_answer(made: Disputing) -> None:
    made.dispute(made.proposed(AWAY))

    made.remap(HALVES)
    made.allocate()

    assert made.card().amount == ticks("5")


def test_a_dispute_without_a_proposal_needs_changes(made: Disputing) -> None:
    made.dispute()

    with pytest.raises(InvalidError, match="proposes no remap"):
        made.remap()
    made.remap(HALVES)


def test_claims_and_releases_answer_a_dispute(made: Disputing) -> None:
    """The 10.00 of i-2 are the checkout's from the first on; i-1 is free from tomorrow on."""
    made.dispute(made.proposed(CLAIM, RELEASE, by=made.admin))

    made.remap(by=made.admin)
    made.allocate()

    assert made.paid() == {CHECKOUT: ticks("10"), TILLS: ticks("5")}
    assert (made.card().amount, made.card().status) == (0, CardStatus.OPEN)
    [one] = made.organisation.claims.find(SHARED).of("i-1")
    assert one.end == LATER.date() + timedelta(1)
    record = made.records.chains[f"claims#{SHARED}"][-1]
    assert (record.action, record.event) == ("ReleaseResources", "ResourcesReleased")


def test_what_is_in_force_already_is_not_made_again(made: Disputing) -> None:
    made.dispute(made.proposed(HALVES, CLAIM, RELEASE, by=made.admin))
    for change in (HALVES, CLAIM, RELEASE):
        decide(made.organisation, change, LATER)
    kept = {name: len(chain) for name, chain in made.records.chains.items() if "card" not in name}

    made.remap(by=made.admin)

    now = {name: len(chain) for name, chain in made.records.chains.items() if "card" not in name}
    assert now == kept
    made.allocate()
    assert made.card().status is CardStatus.OPEN


# Who ----------------------------------------------------------------------------------------------


def test_a_portfolio_owner_moves_nothing_out_of_their_portfolios(made: Disputing) -> None:
    made.dispute(made.proposed(AWAY))

    with pytest.raises(NotFoundError, match="in your financial scope"):
        made.remap()
    assert made.card().awaits is None


def test_what_is_outside_and_stays_as_it_is_keeps_nobody_from_a_remap(made: Disputing) -> None:
    thirds = ((LOANS, 2_000), (SEARCH, 3_000), (WEB_SHOP, 5_000))
    decide(made.organisation, HALVES.model_copy(update={"shares": thirds}))
    made.dispute()
    moved = ((LOANS, 2_000), (SEARCH, 4_000), (WEB_SHOP, 4_000))

    made.remap(HALVES.model_copy(update={"shares": moved}))

    assert made.card().awaits is not None


def test_who_pays_less_outside_of_the_portfolios_is_not_named(made: Disputing) -> None:
    loans = ((LOANS, 4_000), (WEB_SHOP, 6_000))
    decide(made.organisation, HALVES.model_copy(update={"shares": loans}))
    made.dispute()

    with pytest.raises(ForbiddenError, match="ask a financial admin") as refused:
        made.remap(HALVES)
    assert LOANS not in refused.value.detail


@pytest.mark.parametrize("change", [CLAIM, RELEASE], ids=lambda one: str(one.kind))
def test_a_claim_outside_of_the_portfolios_is_not_there(made: Disputing, change: Change) -> None:
    made.dispute()

    with pytest.raises(NotFoundError) as refused:
        made.remap(change)
    assert not {CHECKOUT, TILLS} & set(refused.value.detail.split())


def test_a_claim_within_the_portfolios_is_theirs_to_make(made: Disputing) -> None:
    digital = made.organisation.hire(
        "digital@example.com",
        Role.PORTFOLIO_OWNER,
        (STOREFRONT, "retail.digital.payments"),
    )
    made.dispute()

    made.remap(CLAIM, by=digital)
    made.allocate()

    assert made.card(CardKey(CHECKOUT, WEEK, "USD")).amount == ticks("10")


def test_who_disputed_a_card_does_not_remap_it(made: Disputing) -> None:
    made.dispute(made.proposed(HALVES, by=made.portfolio), by=made.portfolio)

    with pytest.raises(ForbiddenError, match="disputed themselves"):
        made.remap()
    made.remap(by=made.admin)


def test_who_does_not_owe_the_step_does_not_remap(made: Disputing) -> None:
    made.dispute(made.proposed(HALVES))
    unit = made.organisation.hire("unit@example.com", Role.BUSINESS_UNIT_OWNER, ("retail",))

    for by in (unit, made.shop):
        with pytest.raises(ForbiddenError, match=r"disputed themselves|owed by the holder of"):
            made.remap(by=by)


def test_who_cannot_see_the_card_is_told_that_there_is_none(made: Disputing) -> None:
    made.dispute(made.proposed(HALVES))

    with pytest.raises(NotFoundError, match="no card"):
        made.remap(by=made.cashier)


def test_who_stands_in_for_somebody_remaps_with_their_rights_and_signs_for_both(
    made: Disputing,
) -> None:
    made.dispute(made.proposed(HALVES))
    made.away(made.portfolio, made.cashier)

    card = made.remap(by=made.cashier)

    signed = card.history[-1].signature
    assert (signed.by, signed.acting_for) == (made.cashier.email, made.portfolio.email)
    split = made.organisation.shares.find(SHARED)
    assert split is not None
    assert split.revisions[-1].set_by == made.cashier.email


def test_a_department_owner_resolves_but_moves_no_cost(made: Disputing) -> None:
    """The step has come up to them: nobody holds the portfolio of the tills."""
    unit = made.organisation.hire("unit@example.com", Role.BUSINESS_UNIT_OWNER, ("retail",))
    card = CardKey(TILLS, WEEK, "USD")
    made.dispute(by=made.cashier, key=card)

    with pytest.raises(ForbiddenError, match="Remap is for"):
        made.remap(RELEASE, by=unit, key=card)


# When ---------------------------------------------------------------------------------------------


def test_only_a_disputed_card_is_remapped(made: Disputing) -> None:
    with pytest.raises(ConflictError, match="only a disputed card"):
        made.remap(HALVES)


def test_a_card_is_remapped_once(made: Disputing) -> None:
    made.dispute(made.proposed(HALVES))
    made.remap()

    with pytest.raises(ConflictError, match="the remap of this card is made"):
        made.remap()


def test_a_card_that_has_changed_is_looked_at_again(made: Disputing) -> None:
    made.dispute(made.proposed(HALVES))

    with pytest.raises(ConflictError, match="look at it again") as lost:
        made.remap(version=1)
    assert lost.value.members["current"] == made.card()


def test_no_card_of_a_closed_month_is_remapped(made: Disputing) -> None:
    made.dispute(made.proposed(HALVES))
    made.organisation.open_from = date(2026, 10, 1)

    with pytest.raises(ConflictError, match="closed"):
        made.remap()


def test_no_rule_is_changed_in_a_closed_month(made: Disputing) -> None:
    made.dispute()
    before = HALVES.model_copy(update={"start": date(2026, 8, 2)})
    made.organisation.open_from = FIRST

    with pytest.raises(InvalidError, match="closed month"):
        made.remap(before)


# Races --------------------------------------------------------------------------------------------


def test_a_rule_that_is_changed_meanwhile_is_changed_as_it_is_then(made: Disputing) -> None:
    made.dispute(made.proposed(HALVES))
    thirds = HALVES.model_copy(update={"shares": ((SEARCH, 3_000), (WEB_SHOP, 7_000))})
    made.records.meanwhile.append(lambda: decide(made.organisation, thirds, LATER))

    made.remap()

    split = made.organisation.shares.find(SHARED)
    assert split is not None
    assert [dict(one.shares)[WEB_SHOP] for one in split.revisions] == [6_000, 7_000, 5_000]
    made.allocate()
    assert made.card().amount == ticks("5")


def test_a_card_that_is_resolved_meanwhile_changes_no_rule(made: Disputing) -> None:
    disputed = made.dispute(made.proposed(HALVES))
    resolved = disputed.changed(status=CardStatus.RESOLVED)
    made.records.meanwhile.append(
        lambda: made.cards.save([Save(disputed, resolved, Deed(action="Resolve"))], act())
    )

    with pytest.raises(ConflictError) as lost:
        made.remap()

    assert lost.value.members["current"].status is CardStatus.RESOLVED
    split = made.organisation.shares.find(SHARED)
    assert split is not None
    assert len(split.revisions) == 1


def test_a_run_that_knows_as_many_changes_but_not_these_opens_no_card(made: Disputing) -> None:
    """Between the counting of changes and the remap comes another one, and a run that knows it."""
    made.dispute(made.proposed(HALVES))
    other = MapAccount(account_id=OWN, shares=((SEARCH, 10_000),), start=FIRST)

    def meanwhile() -> None:
        decide(made.organisation, other, LATER)
        assert made.made.run() == "Unchanged"  # nothing of that account is on the bill

    made.records.meanwhile.append(meanwhile)
    made.remap()
    made.bring_up()
    assert made.card().status is CardStatus.DISPUTED

    made.allocate()
    assert (made.card().status, made.card().amount) == (CardStatus.OPEN, ticks("5"))


def test_the_receipt_of_a_request_is_kept_with_the_change(made: Disputing) -> None:
    made.dispute(made.proposed(HALVES))

    made.remap(receipt=Receipt(key="once", fingerprint="remap"))

    told = made.records.receipts["once"]
    assert told.entity == SHOP_CARD.entity
    assert made.records.chains[told.entity][told.sequence - 1].action == "Remap"


# Whatever is proposed -----------------------------------------------------------------------------


@st.composite
def splits(draw: st.DrawFn) -> MapAccount:
    points = draw(st.integers(1, 9_999))
    other = draw(st.sampled_from([SEARCH, LOANS, CHECKOUT]))
    start = draw(st.sampled_from([FIRST, date(2026, 9, 6), date(2026, 9, 13)]))
    shares = ((other, points), (WEB_SHOP, 10_000 - points))
    return MapAccount(account_id=SHARED, shares=shares, start=start)


@pytest.fixture
def folders(tmp_path: Path) -> Callable[[], Path]:
    made: list[Path] = []

    def new() -> Path:
        made.append(tmp_path / str(len(made)))
        made[-1].mkdir()
        return made[-1]

    return new


@settings(
    max_examples=4,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(split=splits(), also=st.lists(st.sampled_from([CLAIM, RELEASE]), unique=True))
def test_what_was_previewed_is_what_the_remap_does(
    folders: Callable[[], Path], split: MapAccount, also: list[Change]
) -> None:
    made = Disputing(folders())
    before = made.paid()
    proposed = made.proposed(split, *also, by=made.admin)
    made.dispute(proposed)

    made.remap(by=made.portfolio if _stays(split, also) else made.admin)
    made.allocate()

    after = made.paid()
    moved = {one: after.get(one, 0) - before.get(one, 0) for one in {*before, *after}}
    assert {one: ticks for one, ticks in moved.items() if ticks} == dict(proposed.effect)
    assert sum(made.carded().values()) == sum(after.values()) == sum(before.values())
    assert made.card().amount == after.get(WEB_SHOP, 0)


def _stays(split: MapAccount, also: list[Change]) -> bool:
    return not also and dict(split.shares).keys() == {SEARCH, WEB_SHOP}
