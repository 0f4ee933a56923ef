"""AWS's budgets, by the API: what is written is found again, to the last page, and others' stay."""

from collections.abc import Callable
from datetime import date
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError
from moto import mock_aws

from finops.adapters.aws_budgets import PayersBudgets
from finops.domain.aws_budgets import PREFIX, Watch
from finops.domain.periods import BillingPeriod
from finops.usecases.ports import AwsBudgets
from tests.aws_budgets_fakes import BudgetsService, InMemoryAwsBudgets, as_found

PAYER, OTHER = "999900001111", "999900002222"
MARCH, APRIL = BillingPeriod("2026-03"), BillingPeriod("2026-04")
UNIT = 10**10


def watch(element: str = "retail", **changed: Any) -> Watch:
    usual: dict[str, Any] = {
        "payer": PAYER,
        "element": element,
        "accounts": ("111111111111", "222222222222"),
        "limits": tuple((f"2026-{month:02}", month * UNIT + 10**8) for month in range(3, 13)),
        "is_amortized": False,
        "levels": (5_000, 9_950, 10_000),
        "address": "finops@example.com",
    }
    return Watch(**(usual | changed))


@pytest.fixture
def service() -> BudgetsService:
    return BudgetsService(MARCH.start)


@pytest.fixture(params=["fake", "real"])
def port(request: pytest.FixtureRequest, service: BudgetsService) -> AwsBudgets:
    if request.param == "fake":
        return InMemoryAwsBudgets()
    client = service.client()
    return PayersBudgets(lambda payer: client)


def test_what_is_written_is_found_again(port: AwsBudgets) -> None:
    wanted = watch()

    port.create(wanted, MARCH)

    assert port.found(PAYER, with_addresses=True) == [as_found(wanted, MARCH.start)]
    assert port.found(OTHER, with_addresses=True) == []


def test_nobody_is_looked_for_who_is_not_asked_for(port: AwsBudgets) -> None:
    port.create(watch(), MARCH)

    [found] = port.found(PAYER, with_addresses=False)

    assert (found.addresses, found.levels) == (None, (5_000, 9_950, 10_000))


@pytest.mark.parametrize(
    "changed",
    [
        {"accounts": ()},
        {"accounts": ("333333333333",)},
        {"is_amortized": True},
        {"limits": (("2026-03", UNIT),)},
        {"levels": (8_000,)},
        {"levels": ()},
        {"levels": (5_000, 8_000, 10_000), "address": "others@example.com"},
        {"accounts": (), "levels": tuple(range(1_000, 11_000, 1_000))},
    ],
)
def test_a_change_leads_to_what_is_wanted(port: AwsBudgets, changed: dict[str, Any]) -> None:
    port.create(watch(), MARCH)
    [before] = port.found(PAYER, with_addresses=True)
    wanted = watch(**changed)

    port.change(before, wanted, MARCH)

    assert port.found(PAYER, with_addresses=True) == [as_found(wanted, MARCH.start)]


def test_twelve_months_go_on_without_an_end(port: AwsBudgets) -> None:
    months = [*(f"2026-{month:02}" for month in range(3, 13)), "2027-01", "2027-02"]
    wanted = watch(limits=tuple((month, UNIT) for month in months))

    port.create(wanted, MARCH)

    [found] = port.found(PAYER, with_addresses=True)
    assert (found.end, len(found.limits)) == (None, 12)


def test_what_is_gone_is_gone_and_to_delete_it_again_is_no_error(port: AwsBudgets) -> None:
    port.create(watch(), MARCH)

    for _ in range(2):
        port.delete(PAYER, watch().name)

    assert port.found(PAYER, with_addresses=False) == []


def test_who_comes_second_with_a_new_budget_changes_nothing(port: AwsBudgets) -> None:
    port.create(watch(), MARCH)

    port.create(watch(limits=(("2026-03", UNIT),)), MARCH)

    [found] = port.found(PAYER, with_addresses=True)
    assert found.limits == watch().limits


def test_all_pages_are_read(port: AwsBudgets) -> None:
    for number in range(7):
        port.create(watch(f"unit-{number}"), MARCH)

    found = port.found(PAYER, with_addresses=True)

    assert sorted(one.name for one in found) == [f"{PREFIX}unit-{number}" for number in range(7)]
    assert all(one.levels == (5_000, 9_950, 10_000) for one in found)


# What only AWS does -------------------------------------------------------------------------------


@pytest.fixture
def real(service: BudgetsService) -> PayersBudgets:
    client = service.client()
    return PayersBudgets(lambda payer: client)


def test_a_budget_is_of_billed_cost_without_credits_and_says_cents(
    service: BudgetsService, real: PayersBudgets
) -> None:
    real.create(watch(), MARCH)

    [kept] = service.budgets[PAYER].values()
    assert (kept["BudgetType"], kept["TimeUnit"]) == ("COST", "MONTHLY")
    assert kept["CostTypes"]["IncludeCredit"] is False
    assert (kept["CostTypes"]["UseBlended"], kept["CostTypes"]["UseAmortized"]) == (False, False)
    assert kept["CostFilters"] == {"LinkedAccount": ["111111111111", "222222222222"]}
    assert kept["BudgetLimit"] == {"Amount": "3.01", "Unit": "USD"}
    assert sorted(kept["PlannedBudgetLimits"])[0] == "1772323200", "2026-03-01, in seconds"
    [first, *_] = service.heard[PAYER, kept["BudgetName"]]
    assert first == {
        "Notification": {
            "NotificationType": "ACTUAL",
            "ComparisonOperator": "GREATER_THAN",
            "ThresholdType": "PERCENTAGE",
            "Threshold": 50.0,
        },
        "Subscribers": [{"SubscriptionType": "EMAIL", "Address": "finops@example.com"}],
    }


def test_budgets_of_others_are_neither_told_nor_deleted(
    service: BudgetsService, real: PayersBudgets
) -> None:
    service.budgets[PAYER]["theirs"] = {"BudgetName": "theirs"}

    assert real.found(PAYER, with_addresses=True) == []
    with pytest.raises(ValueError, match="no budget of ours"):
        real.delete(PAYER, "theirs")
    assert "theirs" in service.budgets[PAYER]


def test_what_people_have_added_to_a_budget_of_ours_stays(
    service: BudgetsService, real: PayersBudgets
) -> None:
    real.create(watch(), MARCH)
    forecast = {
        "Notification": {
            "NotificationType": "FORECASTED",
            "ComparisonOperator": "GREATER_THAN",
            "Threshold": 100.0,
        },
        "Subscribers": [{"SubscriptionType": "EMAIL", "Address": "me@example.com"}],
    }
    service.heard[PAYER, watch().name].append(forecast)
    [before] = real.found(PAYER, with_addresses=True)

    real.change(before, watch(levels=(8_000,)), MARCH)

    assert before.levels == watch().levels
    assert forecast in service.heard[PAYER, watch().name]


@pytest.mark.parametrize(
    "spoil",
    [
        lambda kept: kept["CostTypes"].update(IncludeCredit=True),
        lambda kept: kept["CostFilters"].update(Region=["eu-central-1"]),
        lambda kept: kept.update(TimeUnit="QUARTERLY"),
        lambda kept: kept.update(BudgetType="USAGE"),
    ],
)
def test_a_budget_that_somebody_has_changed_is_found_out(
    service: BudgetsService, real: PayersBudgets, spoil: Callable[[dict[str, Any]], None]
) -> None:
    real.create(watch(), MARCH)
    spoil(service.budgets[PAYER][watch().name])

    [found] = real.found(PAYER, with_addresses=False)

    assert not found.has_our_terms


def test_in_the_next_month_a_budget_says_the_months_from_then_on(
    service: BudgetsService, real: PayersBudgets
) -> None:
    real.create(watch(), MARCH)
    service.today = date(2026, 4, 2)
    [before] = real.found(PAYER, with_addresses=True)
    wanted = watch(limits=watch().limits[1:])

    real.change(before, wanted.model_copy(update={"accounts": ()}), APRIL)

    [after] = real.found(PAYER, with_addresses=True)
    assert (after.start, after.limits) == (MARCH.start, wanted.limits)


def test_a_change_of_levels_asks_for_nothing_else(
    service: BudgetsService, real: PayersBudgets
) -> None:
    real.create(watch(), MARCH)
    [before] = real.found(PAYER, with_addresses=True)
    service.calls.clear()

    real.change(before, watch(levels=(5_000, 8_000, 9_950)), MARCH)

    assert service.calls == ["DeleteNotification", "CreateNotification"]


def test_any_other_refusal_flies(service: BudgetsService, real: PayersBudgets) -> None:
    with pytest.raises(ClientError, match="NotFoundException"):
        real.change(as_found(watch(), MARCH.start), watch(accounts=()), MARCH)
    with pytest.raises(ClientError, match="InvalidParameterException"):
        real.create(watch(limits=(("2026-04", UNIT),)), MARCH)


def test_another_service_that_stands_for_aws_takes_the_same() -> None:
    """moto knows less of budgets, and is not ours."""
    with mock_aws():
        client = boto3.client("budgets", region_name="us-east-1")
        port = PayersBudgets(lambda payer: client)
        port.create(watch(), MARCH)
        kept = client.describe_budget(AccountId=PAYER, BudgetName=watch().name)["Budget"]
        warned = client.describe_notifications_for_budget(AccountId=PAYER, BudgetName=watch().name)[
            "Notifications"
        ]
        port.delete(PAYER, watch().name)
        port.delete(PAYER, watch().name)

        assert len(kept["PlannedBudgetLimits"]) == 10
        assert [one["Threshold"] for one in warned] == [50.0, 99.5, 100.0]
        assert client.describe_budgets(AccountId=PAYER)["Budgets"] == []
