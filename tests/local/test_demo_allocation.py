"""The demonstration's part about who pays: it fails where anything differs, and repeats nothing."""

from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any, cast

import pytest

from finops.local import organization, screen
from finops.local.commands import demo_allocation as story
from finops.local.errors import DemoError
from finops.local.installation import Installation
from finops.local.sample import SampleShares, write_shares
from tests.demo_fakes import FakeApi, api_of

MONTH = "2026-09"
CHECKOUT = "retail.commerce.orders-and-payments.checkout"
PAYMENTS = "payments-production"


@pytest.fixture(autouse=True)
def said(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What is told aside."""
    told: list[str] = []
    monkeypatch.setattr(screen, "tell", told.append)
    monkeypatch.setattr("finops.local.waiting.POLL", 0)
    return told


# A preview, and what came -------------------------------------------------------------------------


def moved(
    element: str | None, before: str, after: str, reason: str | None = None
) -> dict[str, Any]:
    return {
        "billing_period": MONTH,
        "element": element,
        "reason": reason,
        "before": before,
        "after": after,
    }


def sums(**amounts: str) -> dict[str, story.Sums]:
    return {MONTH: {name: Decimal(amount) for name, amount in amounts.items()}}


PREVIEW = {"items": [moved("shop", "6.00", "4.00"), moved("orders", "3.00", "5.00")]}
BEFORE = sums(enterprise="9.00", shop="6.00", orders="3.00", unallocated="1.00")


def test_what_was_previewed_is_what_came() -> None:
    came = sums(enterprise="9.00", shop="4.00", orders="5.00", unallocated="1.00")

    assert story.must_be_as_previewed(PREVIEW, BEFORE, came) == 8  # four sums, before and after


@pytest.mark.parametrize(
    "came",
    [
        sums(enterprise="9.00", shop="4.0000000001", orders="5.00", unallocated="1.00"),
        sums(enterprise="9.0000000001", shop="4.00", orders="5.00", unallocated="1.00"),
        sums(enterprise="9.00", shop="4.00", orders="5.00", unallocated="0.00"),
        sums(enterprise="9.00", shop="4.00", orders="5.00", unallocated="1.00", new="0.01"),
        sums(enterprise="9.00", shop="4.00", unallocated="1.00"),
    ],
    ids=["another amount", "untold", "nobody's", "a new element", "an element less"],
)
def test_a_digit_that_was_not_previewed_fails_the_demonstration(
    came: dict[str, story.Sums],
) -> None:
    with pytest.raises(DemoError, match="were previewed"):
        story.must_be_as_previewed(PREVIEW, BEFORE, came)


def test_another_amount_before_fails_it_too() -> None:
    other = sums(enterprise="9.00", shop="6.01", orders="2.99", unallocated="1.00")
    came = sums(enterprise="9.00", shop="4.00", orders="5.00", unallocated="1.00")

    with pytest.raises(DemoError, match="were previewed"):
        story.must_be_as_previewed(PREVIEW, other, came)


def test_what_nobody_pays_is_compared_as_a_whole() -> None:
    told = {"items": [moved(None, "1.00", "0.00"), moved(None, "1.00", "0.00", "No share")]}
    before, came = sums(unallocated="1.00"), sums(unallocated="0.00")

    assert story.must_be_as_previewed(told, before, came) == 2


def test_a_preview_that_moves_nothing_shows_nothing() -> None:
    with pytest.raises(DemoError, match="nothing would change"):
        story.must_be_as_previewed({"items": []}, BEFORE, BEFORE)


# The bill, and who pays it ------------------------------------------------------------------------


def node(element: str, level: int, amount: str, *children: Mapping[str, Any]) -> dict[str, Any]:
    spend = [{"currency": "USD", "amount": amount}]
    return {"element": element, "level": level, "spend": spend, "children": list(children)}


def month_of(owned: str, nobodys: str) -> Mapping[tuple[str, ...], Any]:
    """Two products, one of 4.00; and a bill of 10.00, of which AWS credits 2.00."""
    leaves = node("a.b.c.d", 4, "4.00"), node("a.b.c.e", 4, owned)
    above = node("a.b.c", 3, "0.00", *leaves)
    rows = [
        {"charge_category": "Usage", "billed_cost": "7.00"},
        {"charge_category": "Tax", "billed_cost": "3.00"},
        {"charge_category": "Credit", "billed_cost": "-2.00"},
    ]
    left = [{"amount": nobodys, "currency": "USD"}]
    made = {"basis": "billed", "is_current": True}
    return {
        ("allocations",): {"items": [{"allocation": made}]},
        ("bills", MONTH, "costs"): {"rows": rows, "next_cursor": None},
        ("allocations", "tree"): {
            "node": node("enterprise", 0, "0.00", above),
            "unallocated": left,
        },
        ("allocations", "unallocated"): {"items": left, "totals": left, "next_cursor": None},
    }


def test_the_bill_is_what_products_pay_and_what_nobody_does(
    capsys: pytest.CaptureFixture[str],
) -> None:
    api, _ = api_of(month_of("5.50", "0.50"))

    story.prove(api, [MONTH])

    assert "bill = Σ products + unallocated, difference 0.0000000000" in capsys.readouterr().out


@pytest.mark.parametrize("owned, nobodys", [("5.4999999999", "0.50"), ("5.50", "0.5000000001")])
def test_a_bill_that_does_not_add_up_fails_the_demonstration(owned: str, nobodys: str) -> None:
    api, _ = api_of(month_of(owned, nobodys))

    with pytest.raises(DemoError, match="are not the bill's 10"):
        story.prove(api, [MONTH])


# Runs ---------------------------------------------------------------------------------------------


def states(*said: bool | None) -> Callable[[], dict[str, Any]]:
    """The states that a bill's allocation is in, one after the other; None: there is none yet."""
    ahead = iter(said)

    def one() -> dict[str, Any]:
        state = next(ahead)
        return {"items": [{"allocation": None if state is None else {"is_current": state}}]}

    return one


def test_a_run_is_waited_for(said: list[str]) -> None:
    api, _ = api_of({("allocations",): states(None, False, True)})

    story.wait(api, [MONTH])

    assert said == [f"{MONTH} is allocated by the rules as they are now"]


def test_a_run_is_not_waited_for_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(story, "SECONDS", -1)
    api, _ = api_of({("allocations",): states(False, False)})

    with pytest.raises(DemoError, match="are not allocated after"):
        story.wait(api, [MONTH])


# Again --------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> SampleShares:
    return write_shares(tmp_path_factory.mktemp("shares"))


def account(name: str, *starts: str) -> dict[str, Any]:
    """An account as the list and its own page have it, all of it checkout's."""
    parts = {"shares": [{"product_id": CHECKOUT, "percent": "100.00"}], "others_basis_points": 0}
    told = {"end": "2027-01-01", "set_by": "somebody@example.com", "reason": None}
    return {
        "account_id": organization.members()[name].account_id,
        "name": name,
        "status": None,
        "current": parts if starts else None,
        "next": None,
        "renewal": None,
        "revisions": [
            {"number": number, "start": start, **told, **parts}
            for number, start in enumerate(starts, 1)
        ],
    }


def report(*errors: Mapping[str, Any], mapped: int = 0) -> dict[str, Any]:
    ids = ["444455556666"] * mapped
    return {
        "rows": 3,
        "mapped": ids,
        "remapped": [],
        "unchanged": [],
        "errors": list(errors),
        "applied": bool(mapped),
    }


def test_accounts_that_are_mapped_are_not_mapped_again(
    files: SampleShares, said: list[str]
) -> None:
    refused = report({"row": 2, "column": "share", "value": None, "detail": "99.99 %"})
    listed = {"items": [account(PAYMENTS, "2026-08-01")]}
    api, fake = api_of({("POST", "share-loads"): refused, ("shares",): listed})

    story.map_accounts(api, files)

    assert fake.written == []
    assert said == ["Nothing to do: 1 accounts were mapped before"]


def test_a_broken_file_that_is_taken_fails_the_demonstration(files: SampleShares) -> None:
    api, _ = api_of({("POST", "share-loads"): report(mapped=1)})

    with pytest.raises(DemoError, match="were not refused"):
        story.map_accounts(api, files)


@pytest.mark.parametrize(
    "starts, writes", [(("2026-08-01",), 1), (("2026-08-01", story.REMAP.start), 0)]
)
def test_an_account_is_split_anew_once(starts: tuple[str, ...], writes: int) -> None:
    one = account(PAYMENTS, *starts)
    api, fake = api_of({("shares", one["account_id"]): one})

    story.remap(api)

    assert len(fake.written) == writes


def test_policies_are_decided_once(said: list[str]) -> None:
    payer = organization.members()["management"].account_id
    listed = [
        {
            "payer_id": payer,
            "charge_class": one.charge_class,
            "policy": one.policy,
            "product_id": None,
            "start": "2026-08",
            "set_by": "somebody@example.com",
            "version": 2,
        }
        for one in story.POLICIES
    ]
    api, fake = api_of({("class-policies",): {"items": listed}})

    story.decide_policies(api)

    assert fake.written == []
    assert said == ["Nothing to do: all were decided before"]


def test_a_rule_that_is_there_is_not_previewed_again(said: list[str]) -> None:
    rule = {
        "rule_id": story.RULE,
        "tag": None,
        "name": "orders-*",
        "service": None,
        "account_id": None,
        "workload": "Order book",
        "workload_id": "w-1",
        "product_id": "a.b.c.d",
        "start": "2026-08-01",
        "end": None,
    }
    api, fake = api_of({("claim-rules",): {"items": [rule]}})

    story.apply_rule(api, [MONTH])

    assert fake.written == []
    assert said == [f"Nothing to do: {story.RULE} was previewed and added before"]


@pytest.mark.parametrize(
    "plan, planner",
    [
        (story.TRAINING, "lucia.fernandez@fernhollow.example"),  # has a share of that account
        (story.RECOMMENDATIONS, "cloud.engineer@example.com"),  # whose owner has none
    ],
)
def test_who_has_no_share_of_an_account_has_a_workload_planned_there(
    plan: story.Plan, planner: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    by: dict[str, FakeApi] = {}

    def signed_in(place: object, who: str) -> FakeApi:
        answers: dict[tuple[str, ...], Any] = {
            ("workloads",): {"items": []},
            ("POST", "workloads"): {},
        }
        return by.setdefault(who, FakeApi(answers))

    monkeypatch.setattr(story, "Api", signed_in)

    assert story.planned(cast(Installation, None), plan)

    assert [who for who, api in by.items() if api.written] == [planner]
