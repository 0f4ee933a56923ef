"""The resources behind a line of a card add up to it, by the very run it was made of."""

from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path
from random import Random

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from finops.domain.allocations import PartKind, allocate
from finops.domain.card_trees import Branch
from finops.domain.errors import ConflictError, NotFoundError
from finops.domain.money import TICKS_PER_UNIT as UNIT
from finops.domain.paces import Pace
from finops.domain.spend_cards import Spend, SpendCard, card_lines
from finops.ledger import engine
from finops.usecases.allocated import Shelf
from finops.usecases.card_resources import card_resources
from tests.domain.test_allocations import bill
from tests.fakes import FolderLedger
from tests.ledger.bill_files import WEB, line
from tests.ledger.test_allocating import Organisation
from tests.usecases.explaining import shelved
from tests.usecases.test_explain import FIRST, MONTH, P1, P3, known, split_account

AT = datetime(2026, 9, 20, tzinfo=UTC)
some = settings(max_examples=3, deadline=None, derandomize=True, phases=[Phase.generate])


@pytest.fixture(scope="module")
def connection(tmp_path_factory: pytest.TempPathFactory) -> Iterator[engine.Connection]:
    limits = engine.Limits(scratch=tmp_path_factory.mktemp("engine"), memory_mb=400, threads=1)
    with engine.connect(limits) as connection:
        yield connection


def cards_of(of: Organisation, shelf: Shelf) -> list[SpendCard]:
    """All cards of what an organisation is charged."""
    runs = tuple(one.run_id for one in shelf.allocations.in_period(MONTH))
    return [
        SpendCard.made(key, Spend(lines=lines, runs=runs), pace=Pace(), at=AT)
        for key, lines in card_lines(allocate(*of)).items()
        if lines
    ]


@some
@given(seed=st.integers(0, 10**9))
def test_the_resources_of_any_branch_add_up_to_it(
    connection: engine.Connection, tmp_path_factory: pytest.TempPathFactory, seed: int
) -> None:
    random = Random(seed)
    of = known(random)
    shelf = shelved(connection, tmp_path_factory.mktemp("shelf"), *of)
    cards = cards_of(of, shelf)
    for card in random.sample(cards, min(2, len(cards))):
        one = random.choice(card.lines)
        branch = Branch(one.account_id or "", one.kind, one.workload_id or "", one.rule or "")
        for asked in (branch, branch._replace(service=one.service or ""), Branch(branch.account)):
            found = card_resources(card, asked, 3, shelf=shelf)

            assert found.amount == sum(line.amount for line in asked.of(card.lines))
            assert sum(each.amount for each in found.resources) + found.rest == found.amount


@pytest.fixture
def of() -> Organisation:
    """An account whose first day cost 100 of i-2, 50 of i-3, and -30 that was given back; P1 has 60 %,
    and P3 has claimed i-1."""
    costs = {"i-1": "10", "i-2": "100", "i-3": "50", "i-4": "-30"}
    charges = bill(*(line(cost, resource_id=id_) for id_, cost in costs.items()))
    rules = split_account()
    return Organisation(charges, rules.rules, rules.products)


def one_card(of: Organisation, shelf: Shelf, product: str) -> SpendCard:
    [card] = [card for card in cards_of(of, shelf) if card.product_id == product]
    return card


def test_a_share_is_a_part_of_each_resource_the_largest_first(
    connection: engine.Connection, tmp_path: Path, of: Organisation
) -> None:
    shelf = shelved(connection, tmp_path, *of)
    card = one_card(of, shelf, P1)

    found = card_resources(card, Branch(WEB), 2, shelf=shelf)

    assert [(one.resource_id, one.whole, one.amount) for one in found.resources] == [
        ("i-2", 100 * UNIT, 60 * UNIT),
        ("i-3", 50 * UNIT, 30 * UNIT),
    ]
    assert (found.others, found.rest, found.amount) == (1, -18 * UNIT, 72 * UNIT)


def test_a_claim_is_all_of_its_resource(
    connection: engine.Connection, tmp_path: Path, of: Organisation
) -> None:
    shelf = shelved(connection, tmp_path, *of)
    card = one_card(of, shelf, P3)

    found = card_resources(card, Branch(WEB, PartKind.CLAIM), 9, shelf=shelf)

    [only] = found.resources
    assert (only.resource_id, only.charges, only.amount) == ("i-1", 1, 10 * UNIT)


def test_a_branch_that_the_card_does_not_have_is_not_there(
    connection: engine.Connection, tmp_path: Path, of: Organisation
) -> None:
    shelf = shelved(connection, tmp_path, *of)

    with pytest.raises(NotFoundError, match="no such line"):
        card_resources(one_card(of, shelf, P1), Branch("999999999999"), 9, shelf=shelf)


def test_a_card_of_an_earlier_run_is_told_by_that_run(
    connection: engine.Connection, tmp_path: Path, of: Organisation
) -> None:
    """The card was signed; another run has taken its run's place since."""
    shelf = shelved(connection, tmp_path, *of)
    card = one_card(of, shelf, P1)
    [made] = shelf.allocations.in_period(MONTH)
    run = shelf.run(made)
    shelf.ledger.put_json(f"{run.root}/index.json", {**run.told, "load_id": made.load_id})
    shelf.allocations.publish(made.model_copy(update={"run_id": "another", "version": 1}))

    found = card_resources(card, Branch(WEB), 9, shelf=shelf)

    assert found.amount == 72 * UNIT


def test_what_is_not_kept_any_more_is_said_so(
    connection: engine.Connection, tmp_path: Path, of: Organisation
) -> None:
    shelf = shelved(connection, tmp_path, *of)
    card = one_card(of, shelf, P1)
    gone = card.changed(runs=("gone",))
    with pytest.raises(ConflictError, match="not kept any more"):
        card_resources(gone, Branch(WEB), 9, shelf=shelf)

    ledger = shelf.ledger
    assert isinstance(ledger, FolderLedger)
    ledger.delete([key for key in ledger.keys("ledger/") if key.endswith("charges.parquet")])
    with pytest.raises(ConflictError, match="not kept any more"):
        card_resources(card, Branch(WEB), 9, shelf=shelf)


def test_only_the_days_of_the_week_count(connection: engine.Connection, tmp_path: Path) -> None:
    """The first week of September 2026 ends on Saturday, the fifth."""
    rules = split_account()
    charges = bill(
        line("100", resource_id="i-2"),
        line("50", resource_id="i-2", charge_date=date(2026, 9, 6)),
    )
    of = Organisation(charges, rules.rules, rules.products)
    shelf = shelved(connection, tmp_path, *of)
    first = {card.start: card for card in cards_of(of, shelf) if card.product_id == P1}

    amounts = {
        start: card_resources(card, Branch(WEB), 9, shelf=shelf).amount
        for start, card in first.items()
    }

    assert amounts == {FIRST: 60 * UNIT, date(2026, 9, 6): 30 * UNIT}
