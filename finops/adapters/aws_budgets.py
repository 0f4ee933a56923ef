"""Budgets as AWS Budgets keeps them, in the account of each payer."""

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import Any

from botocore.exceptions import ClientError

from finops.domain.aws_budgets import (
    CURRENCY,
    PREFIX,
    Found,
    Watch,
    warns_as,
    watches_as,
)
from finops.domain.money import from_ticks, to_ticks
from finops.domain.periods import BillingPeriod

# What an owner spends: all that is billed but what AWS credits. See `Rules`.
TERMS: Mapping[str, bool] = {
    "IncludeTax": True,
    "IncludeSubscription": True,
    "UseBlended": False,
    "IncludeRefund": True,
    "IncludeCredit": False,
    "IncludeUpfront": True,
    "IncludeRecurring": True,
    "IncludeOtherSubscription": True,
    "IncludeSupport": True,
    "IncludeDiscount": True,
}
ACCOUNTS = "LinkedAccount"
FOREVER = 2087  # the year that a budget without an end ends in
PAGE = {"PageSize": 100}
# Ours; whatever else people have added to a budget stays.
OURS = {
    "NotificationType": "ACTUAL",
    "ComparisonOperator": "GREATER_THAN",
    "ThresholdType": "PERCENTAGE",
}


class PayersBudgets:
    """`finops.usecases.ports.AwsBudgets`; *client_of* has a client for the account of each payer.

    AWS takes planned limits from the running month on: twelve of them, or fewer where the budget
    ends with the last one. Source: AWS Budgets API reference, `Budget` and `Notification`.
    """

    def __init__(self, client_of: Callable[[str], Any]) -> None:
        self._client_of = client_of

    def found(self, payer: str, *, with_addresses: bool) -> list[Found]:
        ours = [
            one
            for one in self._pages(payer, "describe_budgets", "Budgets")
            if one["BudgetName"].startswith(PREFIX)
        ]
        levels = self._levels(payer) if ours else {}
        found = []
        for one in ours:
            name = one["BudgetName"]
            known = tuple(sorted(levels.get(name, ())))
            addresses = self._addresses(payer, name, known) if with_addresses else None
            found.append(_found(one, known, addresses))
        return found

    def create(self, wanted: Watch, month: BillingPeriod) -> None:
        try:
            self._client_of(wanted.payer).create_budget(
                AccountId=wanted.payer,
                Budget=_budget(wanted, month.start),
                NotificationsWithSubscribers=[
                    {"Notification": _notification(level), "Subscribers": _subscribers(wanted)}
                    for level in wanted.levels
                ],
            )
        except ClientError as error:
            if error.response["Error"]["Code"] != "DuplicateRecordException":
                raise

    def change(self, found: Found, wanted: Watch, month: BillingPeriod) -> None:
        client, payer = self._client_of(wanted.payer), wanted.payer
        if not watches_as(wanted, found, month):
            client.update_budget(AccountId=payer, NewBudget=_budget(wanted, found.start))
        if warns_as(wanted, found):
            return
        is_strange = found.addresses not in (None, (wanted.address,))
        stale = [one for one in found.levels if is_strange or one not in wanted.levels]
        for level in stale:
            client.delete_notification(
                AccountId=payer, BudgetName=wanted.name, Notification=_notification(level)
            )
        for level in wanted.levels:
            if level not in found.levels or level in stale:
                client.create_notification(
                    AccountId=payer,
                    BudgetName=wanted.name,
                    Notification=_notification(level),
                    Subscribers=_subscribers(wanted),
                )

    def delete(self, payer: str, name: str) -> None:
        if not name.startswith(PREFIX):
            raise ValueError(f"{name} is no budget of ours")
        try:
            self._client_of(payer).delete_budget(AccountId=payer, BudgetName=name)
        except ClientError as error:
            if error.response["Error"]["Code"] != "NotFoundException":
                raise

    def _levels(self, payer: str) -> Mapping[str, list[int]]:
        """The levels that each budget of *payer* warns at, in basis points."""
        levels: defaultdict[str, list[int]] = defaultdict(list)
        for one in self._pages(
            payer, "describe_budget_notifications_for_account", "BudgetNotificationsForAccount"
        ):
            for said in one.get("Notifications", ()):
                if OURS.items() <= {"ThresholdType": "PERCENTAGE", **said}.items():
                    levels[one["BudgetName"]].append(round(said["Threshold"] * 100))
        return levels

    def _addresses(self, payer: str, name: str, levels: tuple[int, ...]) -> tuple[str, ...] | None:
        """Who hears of a budget: at its first level, for all of them are written alike."""
        if not levels:
            return None
        said = self._pages(
            payer,
            "describe_subscribers_for_notification",
            "Subscribers",
            BudgetName=name,
            Notification=_notification(levels[0]),
        )
        return tuple(sorted(one["Address"] for one in said))

    def _pages(self, payer: str, operation: str, of: str, **asked: Any) -> Iterator[dict[str, Any]]:
        paginator = self._client_of(payer).get_paginator(operation)
        for page in paginator.paginate(AccountId=payer, PaginationConfig=PAGE, **asked):
            yield from page.get(of, ())


def _budget(wanted: Watch, start: date) -> dict[str, Any]:
    said: dict[str, Any] = {
        "BudgetName": wanted.name,
        "BudgetType": "COST",
        "TimeUnit": "MONTHLY",
        "TimePeriod": {"Start": _moment(start)},
        "PlannedBudgetLimits": {
            str(int(_moment(BillingPeriod(month).start).timestamp())): {
                "Amount": f"{from_ticks(limit):.2f}",
                "Unit": CURRENCY,
            }
            for month, limit in wanted.limits
        },
        "CostTypes": {**TERMS, "UseAmortized": wanted.is_amortized},
    }
    if wanted.end is not None:
        said["TimePeriod"]["End"] = _moment(wanted.end)
    if wanted.accounts:
        said["CostFilters"] = {ACCOUNTS: list(wanted.accounts)}
    return said


def _found(said: Mapping[str, Any], levels: tuple[int, ...], addresses: Any) -> Found:
    terms = dict(said.get("CostTypes", {}))
    is_amortized = terms.pop("UseAmortized", False)
    filters = said.get("CostFilters", {})
    planned = said.get("PlannedBudgetLimits", {})
    end = said["TimePeriod"]["End"].astimezone(UTC).date()
    return Found(
        name=said["BudgetName"],
        start=said["TimePeriod"]["Start"].astimezone(UTC).date(),
        end=None if end.year >= FOREVER else end,
        accounts=tuple(sorted(filters.get(ACCOUNTS, ()))),
        limits=tuple(sorted((_month(key), _ticks(one)) for key, one in planned.items())),
        is_amortized=is_amortized,
        has_our_terms=terms == TERMS
        and (said["BudgetType"], said["TimeUnit"]) == ("COST", "MONTHLY")
        and filters.keys() <= {ACCOUNTS}
        and all(one["Unit"] == CURRENCY for one in planned.values()),
        levels=levels,
        addresses=addresses,
    )


def _notification(level: int) -> dict[str, Any]:
    return {**OURS, "Threshold": level / 100}


def _subscribers(wanted: Watch) -> list[dict[str, str]]:
    return [{"SubscriptionType": "EMAIL", "Address": wanted.address}]


def _moment(day: date) -> datetime:
    return datetime.combine(day, time(), UTC)


def _month(key: str) -> str:
    return str(BillingPeriod.of(datetime.fromtimestamp(int(key), UTC).date()))


def _ticks(spend: Mapping[str, str]) -> int:
    return to_ticks(Decimal(spend["Amount"]))
