"""The demonstration's part about spend cards: signed amounts stay, and no step is taken twice."""

from typing import Any, cast

import pytest

from finops.local import screen
from finops.local.commands import demo_cards as story
from finops.local.commands.demo_people import Company
from finops.local.errors import DemoError
from tests.demo_fakes import FakeApi, api_of

MONTH = "2026-08"


class OnePerson:
    """A company in which everybody asks the same API."""

    def __init__(self, api: FakeApi) -> None:
        self.admin = self.second_admin = self.engineer = api

    def api(self, name: str) -> FakeApi:
        return self.admin


def company_of(answers: dict[tuple[str, ...], Any]) -> tuple[Company, FakeApi]:
    fake = FakeApi(answers)
    return cast(Company, OnePerson(fake)), fake


@pytest.fixture(autouse=True)
def said(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What is told aside."""
    told: list[str] = []
    monkeypatch.setattr(screen, "tell", told.append)
    return told


def card(product: str = "a.b.c.d", start: str = "2026-08-02", **said: Any) -> dict[str, Any]:
    return {
        "product_id": product,
        "start": start,
        "week": f"week of {start}",
        "status": "Approved",
        "is_provisional": False,
        "spend": "10.00",
        "adjusted": "2.00",
        "amount": "12.00",
        "history": [],
    } | said


# Amounts that stay --------------------------------------------------------------------------------


def test_only_what_somebody_decided_on_has_to_stay() -> None:
    open_one = card("a.b.c.e", status="Open")
    disputed = card("a.b.c.f", status="Disputed")
    api, _ = api_of({("spend-cards",): {"items": [card(), open_one, disputed]}})

    assert story.signed_amounts(api, MONTH) == {("a.b.c.d", "2026-08-02"): "12.00"}


def test_signed_amounts_that_stay_are_counted() -> None:
    before = {("a.b.c.d", "2026-08-02"): "12.00"}
    after = before | {("a.b.c.d", "2026-08-09"): "7.00"}

    assert story.must_be_kept(before, after) == 1


@pytest.mark.parametrize("after", [{}, {("a.b.c.d", "2026-08-02"): "12.0000000001"}])
def test_a_signed_amount_that_changes_or_goes_fails_the_demonstration(
    after: dict[tuple[str, str], str],
) -> None:
    with pytest.raises(DemoError, match=r"was signed with 12\.00"):
        story.must_be_kept({("a.b.c.d", "2026-08-02"): "12.00"}, after)


# Each step once -----------------------------------------------------------------------------------


def settings(version: int, *, approves_zero: bool) -> dict[tuple[str, ...], Any]:
    return {("settings",): {"version": version, "cards": {"approves_zero": approves_zero}}}


@pytest.mark.parametrize(
    "version, approves_zero, waits, settles",
    [(0, True, 1, 0), (2, False, 0, 1), (3, True, 0, 0)],
    ids=["nothing set yet", "while who pays is not settled", "all done"],
)
def test_zero_cards_wait_until_who_pays_is_settled(
    version: int, approves_zero: bool, waits: int, settles: int
) -> None:
    api, fake = api_of(settings(version, approves_zero=approves_zero))

    story.let_zero_cards_wait(api)
    assert len(fake.written) == waits
    story.let_zero_cards_settle(api)
    assert len(fake.written) == waits + settles


def step(command: str) -> dict[str, Any]:
    return {
        "command": command,
        "by": "ada@example.com",
        "reason": "why",
        "amount": "12.00",
        "is_automatic": False,
    }


def test_a_rejected_card_is_accepted_again_by_its_owner() -> None:
    found = card(history=[step("Accept")])
    company, fake = company_of(
        {story.REJECTED.path: found, ("POST", *story.REJECTED.path, "decisions"): {}}
    )

    story.reject_one(company)

    assert [body["command"] for body in fake.bodies] == ["Reject", "Accept"]


def test_a_card_that_was_rejected_is_left_alone(said: list[str]) -> None:
    found = card(history=[step("Accept"), step("Reject"), step("Accept")])
    company, fake = company_of({story.REJECTED.path: found})

    story.reject_one(company)

    assert fake.written == []
    assert said == ["Nothing to do: it was rejected and accepted again before"]


def test_a_card_that_was_disputed_and_remapped_is_left_alone() -> None:
    found = card(history=[step("Dispute"), step("Remap")])
    proposal = {
        "proposed_by": "ada@example.com",
        "reason": "why",
        "changes": [{"kind": "MapAccount"}],
        "billing_period": MONTH,
        "currency": "USD",
        "effect": [],
        "rest": "0.00",
    }
    company, fake = company_of(
        {story.DISPUTED.path: found, (*story.DISPUTED.path, "proposal"): proposal}
    )

    story.dispute_one(company)

    assert not story.remap_one(company)
    assert fake.written == []


def test_a_remap_that_leaves_the_amount_fails_the_demonstration() -> None:
    company, _ = company_of({story.DISPUTED.path: card(former=[])})

    with pytest.raises(DemoError, match="its remap came to nothing"):
        story.show_reopened(company)


def decided(*amounts: str, refused: int = 0) -> dict[tuple[str, ...], Any]:
    cards = [
        {"product_id": "a.b.c.d", "start": f"2026-08-{9 + number:02}", "currency": "USD"}
        | {"amount": amount}
        for number, amount in enumerate(amounts)
    ]
    refusals = [
        {"product_id": "a.b.c.d", "start": "2026-08-02", "currency": "USD", "detail": "not yours"}
    ] * refused
    told = {"command": "Accept", "decided": cards, "refused": refusals, "left": 0}
    return {("POST", "spend-card-decisions"): told}


def test_a_decision_that_is_refused_fails_the_demonstration() -> None:
    company, _ = company_of(decided("1.00", refused=1))

    with pytest.raises(DemoError, match="not yours"):
        story.accept(company, MONTH)


def test_where_nothing_waits_nothing_is_to_do(said: list[str]) -> None:
    company, _ = company_of(decided())

    story.approve(company, MONTH)

    assert said == [f"Nothing to do: what waited of {MONTH} was approved before"]


# Shown --------------------------------------------------------------------------------------------


def test_weeks_add_up(capsys: pytest.CaptureFixture[str]) -> None:
    story.show_weeks([card(), card("a.b.c.e"), card(start="2026-08-09", status="Open")])

    lines = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert ["week", "of", "2026-08-02", "2", "approved", "2", "20.00", "4.00", "24.00"] in lines
    assert ["week", "of", "2026-08-09", "1", "open", "1", "10.00", "2.00", "12.00"] in lines
    assert ["All", "3", "30.00", "6.00", "36.00"] in lines


def test_more_adjustments_than_are_shown_are_summed_up(capsys: pytest.CaptureFixture[str]) -> None:
    items = [
        {"amount": f"{number}.00", "week": f"week {number}", "cause": "BillRestated"}
        for number in range(1, 11)
    ]
    api, _ = api_of(
        {
            ("spend-cards",): {"items": [card()]},
            ("spend-cards", "a.b.c.d", "2026-08-02"): {"adjustments": items},
        }
    )

    story.show_adjustments(api, MONTH, "2026-08-02")

    lines = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert ["2", "smaller", "ones", "3.00"] in lines
    assert ["All", "55.00"] in lines
