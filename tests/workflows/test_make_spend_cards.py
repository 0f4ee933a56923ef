"""`make_spend_cards` as AWS would run it: the machine of the file, the real doors, on moto."""

import importlib
import json
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from finops.domain.audit import Deed
from finops.domain.card_runs import asked_period
from finops.domain.delegations import Signature
from finops.domain.spend_cards import CardCommand, CardKey, CardStatus, SpendCard
from finops.runtime import wiring
from finops.usecases.ports import CardRun, Save
from tests.allocating import LINES, OF, OWN, SHARED, bill, furnish, ticks
from tests.aws import AUDIT, BILLING, SPEND_CARDS, client, count_items
from tests.exports import MONTH, Line
from tests.usecases.organisation import LOANS, ROWS, TILLS, WEB_SHOP, Organisation, act
from tests.workflows.conftest import Ended, Machine

MONDAY = datetime(2026, 9, 14, 6, 0, tzinfo=UTC)  # after the first two weeks
W1, W2, W3, W4, W5 = (date(2026, 9, day) for day in (1, 6, 13, 20, 27))
STEPS = ["plan_spend_cards", "write_spend_cards", "tell_spend_cards"]
MADE = [
    *("LetIndexesSettle", "PlanCards", "IsThereAnythingToMake", "MakeCards", "TellCards"),
    *("IsAnythingNew", "SayCardsMade", "DoWeeksWait", "CardsMade"),
]


@pytest.fixture
def organisation(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> Organisation:
    """A bill of September is loaded and allocated."""
    made = Organisation.on_aws()
    furnish(made)
    _clock(monkeypatch, MONDAY + timedelta(minutes=3))
    _allocate(machine)
    return made


def _clock(patch: pytest.MonkeyPatch, at: datetime) -> None:
    planner = importlib.import_module("functions.plan_spend_cards.handler")
    patch.setattr(planner, "now", lambda: at)


def _allocate(machine: Machine, number: int = 1, lines: Sequence[Line] = LINES) -> None:
    export = bill(number, lines)
    for key, body in (*export.files.items(), (export.manifest_key, export.manifest)):
        client("s3").put_object(Bucket=BILLING, Key=key, Body=body)
    assert machine.run(export.manifest_key).status == "SUCCEEDED"
    assert machine.allocate(*OF).status == "SUCCEEDED"
    machine.calls.clear()


def _card(start: date, product: str = WEB_SHOP) -> SpendCard:
    found = wiring.spend_cards().find(CardKey(product, start, "USD"))
    assert found is not None
    return found


def _all() -> list[SpendCard]:
    return [
        card
        for summary in wiring.spend_cards().in_month(MONTH)
        if (card := wiring.spend_cards().find(summary.key)) is not None
    ]


def _told(ended: Ended) -> dict[str, Any]:
    found = ended.output["told"]
    assert isinstance(found, dict)
    return found


def _fail(_: dict[str, Any]) -> None:
    raise OSError("no space left on device")


def test_a_monday_makes_the_cards_of_the_weeks_that_are_over_and_says_so(
    machine: Machine, organisation: Organisation
) -> None:
    ended = machine.make_cards(MONDAY, waits=True)

    assert (ended.status, ended.error) == ("SUCCEEDED", None)
    assert ended.states == MADE
    told = _told(ended)
    assert [(week["start"], week["made"]) for week in told["weeks"]] == [
        ("2026-09-01", len(ROWS)),
        ("2026-09-06", len(ROWS)),
    ]
    [notice] = ended.notices
    assert (notice["DetailType"], notice["EventBusName"]) == ("CardsMade", "notices")
    detail = notice["Detail"]
    assert (json.loads(detail) if isinstance(detail, str) else detail) == told


def test_cards_of_a_week_are_what_products_pay_of_it_to_the_last_digit(
    machine: Machine, organisation: Organisation
) -> None:
    machine.make_cards(MONDAY)

    totals = wiring.card_spending().totals(MONTH)
    assert {(card.product_id, card.start): card.amount for card in _all() if card.amount} == {
        (product, start): amount
        for (product, _), weeks in totals.items()
        for start, amount in weeks.items()
        if start in (W1, W2)
    }
    whole = sum(amount for weeks in totals.values() for amount in weeks.values())
    assert whole == ticks("32.01") - ticks("1.00")  # which nobody owns
    assert _card(W1).lines
    assert _card(W2, TILLS).status is CardStatus.APPROVED


def test_every_card_has_its_record_in_the_audit_trail(
    machine: Machine, organisation: Organisation
) -> None:
    before = count_items(AUDIT)

    machine.make_cards(MONDAY)

    assert count_items(AUDIT) - before == count_items(SPEND_CARDS) == 2 * len(ROWS)


def test_the_same_again_changes_nothing_and_says_nothing(
    machine: Machine, organisation: Organisation, monkeypatch: pytest.MonkeyPatch
) -> None:
    machine.make_cards(MONDAY)
    before, records = _all(), count_items(AUDIT)
    _clock(monkeypatch, MONDAY + timedelta(minutes=30))

    ended = machine.make_cards(MONDAY)

    assert "SayCardsMade" not in ended.states
    assert ended.notices == []
    assert (_all(), count_items(AUDIT)) == (before, records)


def test_a_later_allocation_brings_open_cards_up_and_leaves_signed_ones(
    machine: Machine, organisation: Organisation, monkeypatch: pytest.MonkeyPatch
) -> None:
    machine.make_cards(MONDAY)
    signed = _card(W1, LOANS)
    accepted = signed.decided(CardCommand.ACCEPT, by=Signature(by="a@example.com"), at=MONDAY)
    wiring.spend_cards().save([Save(signed, accepted, Deed(action="Accept"))], act())
    amount = _card(W1).amount
    _allocate(machine, 2, [*LINES, Line("2.00", OWN), Line("10.00", SHARED, resource="i-3")])
    _clock(monkeypatch, MONDAY + timedelta(days=7, minutes=3))

    machine.make_cards(period=MONTH)

    assert _card(W1, LOANS).amount == signed.amount
    assert _card(W1).amount > amount
    [moved] = _card(W3, LOANS).adjustments
    assert moved.start == W1
    assert moved.amount > ticks("1.99")


def test_weeks_that_the_bill_does_not_cover_are_waited_for(
    machine: Machine, organisation: Organisation, monkeypatch: pytest.MonkeyPatch
) -> None:
    monday = MONDAY + timedelta(14)
    _clock(monkeypatch, monday)
    later = [*LINES, Line("1.00", OWN, day="2026-09-27")]

    def the_bill_comes(_: dict[str, Any]) -> None:
        _allocate(machine, 2, later)

    machine.before("plan_spend_cards", None, the_bill_comes)

    ended = machine.make_cards(monday, waits=True)

    assert ended.states.count("WaitForBills") == 1
    assert ended.states[-1] == "CardsMade"
    weeks = _told(ended)["weeks"]
    assert [(week["start"], week["made"] > 0, week["waiting"]) for week in weeks] == [
        (str(start), True, None) for start in (W1, W2, W3, W4)
    ]


def test_who_waits_for_nothing_leaves_them_to_the_next_allocation(
    machine: Machine, organisation: Organisation, monkeypatch: pytest.MonkeyPatch
) -> None:
    _clock(monkeypatch, MONDAY + timedelta(14))

    ended = machine.make_cards(period=MONTH)

    assert ended.states[-1] == "CardsMade"
    assert "WaitForBills" not in ended.states
    waiting = {week["start"]: week["waiting"] for week in _told(ended)["weeks"]}
    assert waiting["2026-09-20"] == "the bill is complete through 2026-09-25"


def test_after_a_day_of_waiting_it_is_said_that_cards_are_late(
    machine: Machine, organisation: Organisation, monkeypatch: pytest.MonkeyPatch
) -> None:
    monday = MONDAY + timedelta(14)
    _clock(monkeypatch, monday + timedelta(hours=24))

    ended = machine.make_cards(monday, waits=True)

    assert ended.states[-2:] == ["SayCardsLate", "CardsLate"]
    assert [one["DetailType"] for one in ended.notices] == ["CardsMade", "CardsLate"]
    assert (ended.status, _told(ended)["waits"]) == ("SUCCEEDED", 1)


def test_before_the_first_bill_there_is_nothing_to_do(machine: Machine) -> None:
    Organisation.on_aws()

    ended = machine.make_cards(MONDAY, waits=True)

    assert "MakeCards" not in ended.states
    assert (ended.states[-1], ended.notices) == ("CardsMade", [])


def test_steps_that_fail_once_are_taken_again(machine: Machine, organisation: Organisation) -> None:
    for door in STEPS:
        machine.before(door, _fail)

    ended = machine.make_cards(MONDAY)

    assert ended.states[-1] == "CardsMade"
    assert [machine.doors().count(door) for door in STEPS] == [2, 2, 2]
    assert count_items(SPEND_CARDS) == 2 * len(ROWS)


def test_a_step_that_dies_after_its_work_is_taken_again_and_nothing_is_doubled(
    machine: Machine, organisation: Organisation
) -> None:
    for door in STEPS:
        machine.after(door, _fail)

    ended = machine.make_cards(MONDAY)

    assert _told(ended)["made"] == count_items(SPEND_CARDS) == 2 * len(ROWS)
    assert {card.version for card in _all()} == {1}


@pytest.mark.parametrize("door", STEPS)
def test_a_step_that_keeps_failing_fails_the_run_which_says_so(
    machine: Machine, organisation: Organisation, door: str
) -> None:
    machine.before(door, *[_fail] * 4)

    ended = machine.make_cards(MONDAY, MONTH)

    assert (ended.status, ended.error) == ("FAILED", "MakingFailed")
    assert "no space left on device" in ended.cause
    [notice] = ended.notices
    assert notice["DetailType"] == "CardsFailed"
    assert notice["Detail"]["period"] == MONTH
    assert machine.make_cards(MONDAY).states[-1] == "CardsMade"


def test_of_two_executions_at_once_each_card_is_made_by_one(
    machine: Machine, organisation: Organisation
) -> None:
    others: list[Ended] = []
    machine.before("write_spend_cards", lambda _: others.append(machine.make_cards(MONDAY)))

    ended = machine.make_cards(MONDAY)

    assert [one.states[-1] for one in (ended, *others)] == ["CardsMade"] * 2
    assert {card.version for card in _all()} == {1}


def test_a_run_that_somebody_started_is_found_by_its_id(
    machine: Machine, organisation: Organisation, monkeypatch: pytest.MonkeyPatch
) -> None:
    arn = machine.deploy("make_spend_cards")
    monkeypatch.setenv("MAKE_SPEND_CARDS_ARN", arn)
    runs = wiring.card_runs()

    runs.start("2026-09-02-1", "2026-09-02")
    runs.start("2026-09-02-1", "2026-09-02")
    machine.wait_for(arn.replace(":stateMachine:", ":execution:") + ":2026-09-02-1")

    found = runs.find("2026-09-02-1")
    assert isinstance(found, CardRun)
    assert (found.status, found.cause) == ("Done", None)
    assert found.told is not None
    assert [week["start"] for week in found.told["weeks"]] == [
        str(asked_period("2026-09-02").start)
    ]
    assert runs.find("another") is None
