"""The door that keeps AWS's budgets in step: what calls it, and what it says of what it did."""

from typing import Any

import pytest

from finops.domain.aws_budgets import budget_name
from finops.domain.class_policies import CostBasis
from finops.runtime import wiring
from finops.usecases.push_budgets import BudgetSources
from functions.push_budgets import handler as door
from tests.functions.conftest import context
from tests.usecases.organisation import LOANS, NOW, WEB_SHOP
from tests.usecases.test_push_budgets import MONTHS, NAMES, PAYER, SHOP, Payers

QUEUED = {"Records": [{"messageId": "m-1", "body": '"BudgetApproved"'}]}


@pytest.fixture
def payers(monkeypatch: pytest.MonkeyPatch) -> Payers:
    payers = Payers()
    made = payers.organisation
    made.approve(WEB_SHOP, MONTHS)
    sources = BudgetSources(
        *(made.charts, made.budgets, made.accounts, made.rulebook, made.settings_kept),
        *(1, CostBasis.BILLED, "USD", (PAYER,), "finops@example.com"),
    )
    monkeypatch.setattr(wiring, "budget_sources", lambda: sources)
    monkeypatch.setattr(wiring, "aws_budgets", lambda: payers.aws)
    monkeypatch.setattr(door, "now", lambda: NOW)
    return payers


def call(event: dict[str, Any]) -> Any:
    return door.handler(event, context("push_budgets"))


@pytest.mark.parametrize("event", [QUEUED, {"thorough": True}, {}])
def test_whatever_calls_it_the_same_is_done(payers: Payers, event: dict[str, Any]) -> None:
    assert call(event) == {
        "created": 5,
        "changed": 0,
        "deleted": 0,
        "watched": 5,
        "unwatched": 0,
        "reasons": {},
    }
    assert call(event)["created"] == 0


def test_only_the_daily_call_asks_who_is_warned(payers: Payers) -> None:
    call(QUEUED)
    for name, one in payers.aws.kept[PAYER].items():
        payers.aws.kept[PAYER][name] = one.model_copy(update={"addresses": ("x@example.com",)})

    assert call(QUEUED)["changed"] == 0
    assert call({"thorough": True})["changed"] == len(NAMES)


def test_what_aws_cannot_watch_is_in_the_answer_with_the_reason(payers: Payers) -> None:
    payers.split(SHOP, (WEB_SHOP, 5_000), (LOANS, 5_000))

    told = call(QUEUED)

    assert (told["watched"], told["unwatched"]) == (1, 4)
    assert told["reasons"]["retail"] == f"{LOANS} pays for some of account {SHOP} in 2026-03"


def test_a_run_with_a_failure_fails_once_the_others_are_done(payers: Payers) -> None:
    payers.aws.refused = {budget_name("retail")}

    with pytest.raises(door.BudgetsNotPushedError, match="1 budgets or payers are not in step"):
        call(QUEUED)

    assert len(payers.aws.kept[PAYER]) == 4


def test_a_payer_lends_its_role_and_the_own_account_needs_none(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    role = f"arn:aws:iam::{PAYER}:role/finops-center-budgets"
    monkeypatch.setenv("BUDGETS_ROLES", f'{{"{PAYER}": "{role}", "111122223333": null}}')
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-1")
    asked: list[dict[str, str]] = []

    class Sts:
        def assume_role(self, **said: str) -> dict[str, dict[str, str]]:
            asked.append(said)
            lent = {"AccessKeyId": "lent", "SecretAccessKey": "s", "SessionToken": "t"}
            return {"Credentials": lent}

    made = {"sts": Sts(), "budgets": object()}
    monkeypatch.setattr(wiring, "client", lambda service: made[service])

    port: Any = wiring.aws_budgets()
    lent, again, own = (port._client_of(payer) for payer in (PAYER, PAYER, "111122223333"))

    assert asked == [{"RoleArn": role, "RoleSessionName": "push-budgets"}]
    assert lent is again
    assert lent._request_signer._credentials.access_key == "lent"
    assert own is made["budgets"]
