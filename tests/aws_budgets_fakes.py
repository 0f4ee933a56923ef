"""AWS Budgets in memory: the port, and AWS's own service as far as its API reference tells."""

import json
import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from typing import Any

import boto3
from botocore.awsrequest import AWSPreparedRequest, AWSResponse

from finops.domain.aws_budgets import Found, Watch
from finops.domain.periods import BillingPeriod

JSON = {"Content-Type": "application/x-amz-json-1.1"}
FOREVER = 3_706_473_600  # 2087-06-15
NAME = re.compile(r"^(?![^:\\]*/action/|(?i:.*<script>.*</script>.*))[^:\\]{1,100}$")


class InMemoryAwsBudgets:
    """`AwsBudgets`; *refused* are payers, and names of budgets, that nothing can be done with."""

    def __init__(self) -> None:
        self.kept: defaultdict[str, dict[str, Found]] = defaultdict(dict)
        self.refused: set[str] = set()
        self.did: list[tuple[str, str]] = []

    def found(self, payer: str, *, with_addresses: bool) -> Sequence[Found]:
        self._must_not_refuse(payer)
        left_out = {} if with_addresses else {"addresses": None}
        return [one.model_copy(update=left_out) for one in self.kept[payer].values()]

    def create(self, wanted: Watch, month: BillingPeriod) -> None:
        self._must_not_refuse(wanted.name)
        if wanted.name not in self.kept[wanted.payer]:
            self.kept[wanted.payer][wanted.name] = as_found(wanted, month.start)
        self.did.append(("create", wanted.name))

    def change(self, found: Found, wanted: Watch, month: BillingPeriod) -> None:
        self._must_not_refuse(wanted.name)
        self.kept[wanted.payer][wanted.name] = as_found(wanted, found.start)
        self.did.append(("change", wanted.name))

    def delete(self, payer: str, name: str) -> None:
        self._must_not_refuse(name)
        self.kept[payer].pop(name, None)
        self.did.append(("delete", name))

    def _must_not_refuse(self, what: str) -> None:
        if what in self.refused:
            raise PermissionError(f"{what} is refused")


def as_found(wanted: Watch, start: date) -> Found:
    """What AWS has of a budget that was just written."""
    return Found(
        name=wanted.name,
        start=start,
        end=wanted.end,
        accounts=wanted.accounts,
        limits=wanted.limits,
        is_amortized=wanted.is_amortized,
        has_our_terms=True,
        levels=wanted.levels,
        addresses=(wanted.address,) if wanted.levels else None,
    )


class RefusedError(Exception):
    """What the service answers with an error of its own."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


class BudgetsService:
    """AWS Budgets behind boto3's own client, which checks and writes every request as for AWS.

    Its rules are those of the API reference, as of the day *today*. Pages hold two. *calls* are the
    operations that were asked for; one in *throttled* is refused so often.
    """

    def __init__(self, today: date) -> None:
        self.today = today
        self.budgets: defaultdict[str, dict[str, dict[str, Any]]] = defaultdict(dict)
        self.heard: defaultdict[tuple[str, str], list[dict[str, Any]]] = defaultdict(list)
        self.calls: list[str] = []
        self.throttled: dict[str, int] = {}

    def client(self) -> Any:
        made = boto3.client(
            "budgets",
            region_name="us-east-1",
            aws_access_key_id="any",
            aws_secret_access_key="any",
        )
        made.meta.events.register("before-send.budgets.*", self.answer)
        return made

    def answer(self, request: AWSPreparedRequest, **_: Any) -> AWSResponse:
        target = request.headers["X-Amz-Target"]
        operation = (target.decode() if isinstance(target, bytes) else target).partition(".")[2]
        self.calls.append(operation)
        body = request.body
        asked = json.loads(body if isinstance(body, (str, bytes)) else b"{}")
        try:
            if self.throttled.get(operation, 0) > 0:
                self.throttled[operation] -= 1
                raise RefusedError("ThrottlingException", "Rate exceeded")
            told, status = getattr(self, f"_{operation}")(asked) or {}, 200
        except RefusedError as refusal:
            told, status = {"__type": refusal.code, "message": str(refusal)}, 400
        answer = AWSResponse(request.url, status, JSON, None)
        answer._content = json.dumps(told).encode()
        return answer

    def _CreateBudget(self, asked: dict[str, Any]) -> None:  # noqa: N802 - AWS's name
        budget, known = asked["Budget"], self.budgets[asked["AccountId"]]
        if budget["BudgetName"] in known:
            raise RefusedError("DuplicateRecordException", "the budget already exists")
        known[budget["BudgetName"]] = self._taken(budget)
        for one in asked.get("NotificationsWithSubscribers", ()):
            self._warn(asked["AccountId"], budget["BudgetName"], **one)

    def _UpdateBudget(self, asked: dict[str, Any]) -> None:  # noqa: N802 - AWS's name
        budget = asked["NewBudget"]
        self._known(asked["AccountId"], budget["BudgetName"])
        self.budgets[asked["AccountId"]][budget["BudgetName"]] = self._taken(budget)

    def _DeleteBudget(self, asked: dict[str, Any]) -> None:  # noqa: N802 - AWS's name
        self._known(asked["AccountId"], asked["BudgetName"])
        del self.budgets[asked["AccountId"]][asked["BudgetName"]]
        self.heard.pop((asked["AccountId"], asked["BudgetName"]), None)

    def _DescribeBudgets(self, asked: dict[str, Any]) -> dict[str, Any]:  # noqa: N802 - AWS's name
        return _page(list(self.budgets[asked["AccountId"]].values()), "Budgets", asked)

    def _DescribeBudgetNotificationsForAccount(  # noqa: N802 - AWS's name
        self, asked: dict[str, Any]
    ) -> dict[str, Any]:
        told = [
            {"BudgetName": name, "Notifications": [one["Notification"] for one in heard]}
            for (account, name), heard in self.heard.items()
            if account == asked["AccountId"]
        ]
        return _page(told, "BudgetNotificationsForAccount", asked)

    def _DescribeSubscribersForNotification(  # noqa: N802 - AWS's name
        self, asked: dict[str, Any]
    ) -> dict[str, Any]:
        one = self._heard(asked)
        return _page(one["Subscribers"], "Subscribers", asked)

    def _CreateNotification(self, asked: dict[str, Any]) -> None:  # noqa: N802 - AWS's name
        self._known(asked["AccountId"], asked["BudgetName"])
        self._warn(
            asked["AccountId"], asked["BudgetName"], asked["Notification"], asked["Subscribers"]
        )

    def _DeleteNotification(self, asked: dict[str, Any]) -> None:  # noqa: N802 - AWS's name
        self.heard[asked["AccountId"], asked["BudgetName"]].remove(self._heard(asked))

    def _heard(self, asked: dict[str, Any]) -> dict[str, Any]:
        for one in self.heard[asked["AccountId"], asked["BudgetName"]]:
            if one["Notification"] == asked["Notification"]:
                return one
        raise RefusedError("NotFoundException", "there is no such notification")

    def _warn(
        self,
        account: str,
        name: str,
        Notification: dict[str, Any],  # noqa: N803 - AWS's name
        Subscribers: list[dict[str, Any]],  # noqa: N803 - AWS's name
    ) -> None:
        heard = self.heard[account, name]
        if any(one["Notification"] == Notification for one in heard):
            raise RefusedError("DuplicateRecordException", "the notification already exists")
        if len(heard) >= 10:
            raise RefusedError("CreationLimitExceededException", "ten notifications at most")
        heard.append({"Notification": Notification, "Subscribers": Subscribers})

    def _known(self, account: str, name: str) -> None:
        if name not in self.budgets[account]:
            raise RefusedError("NotFoundException", f"{name} doesn't exist")

    def _taken(self, budget: dict[str, Any]) -> dict[str, Any]:
        """A budget as it is kept. Raises RefusedError for what the API reference does not allow."""
        if not NAME.match(budget["BudgetName"]):
            raise RefusedError("InvalidParameterException", "BudgetName")
        if "BudgetLimit" in budget or not budget.get("PlannedBudgetLimits"):
            raise RefusedError(
                "InvalidParameterException", "PlannedBudgetLimits, and no BudgetLimit"
            )
        start = budget["TimePeriod"].get("Start")
        end = budget["TimePeriod"].get("End", FOREVER)
        first = BillingPeriod.of(max(self.today, datetime.fromtimestamp(start, UTC).date()))
        planned = budget["PlannedBudgetLimits"]
        wanted: list[str] = []
        month = first
        while len(wanted) < 12 and _seconds(month) < end:
            wanted.append(str(_seconds(month)))
            month = BillingPeriod.of(month.end)
        if sorted(planned) != wanted:
            raise RefusedError("InvalidParameterException", "planned limits, twelve or to the end")
        if any(float(one["Amount"]) <= 0 or one["Unit"] != "USD" for one in planned.values()):
            raise RefusedError("InvalidParameterException", "Amount")
        return {
            **budget,
            "PlannedBudgetLimits": {
                key: {"Amount": str(float(one["Amount"])), "Unit": "USD"}
                for key, one in planned.items()
            },
            "BudgetLimit": planned[wanted[0]],
            "CostFilters": budget.get("CostFilters", {}),
            "TimePeriod": {"Start": start, "End": end},
        }


def _seconds(month: BillingPeriod) -> int:
    return int(datetime.combine(month.start, datetime.min.time(), UTC).timestamp())


def _page(of: Sequence[Any], name: str, asked: Mapping[str, Any]) -> dict[str, Any]:
    start = int(asked.get("NextToken", 0))
    told: dict[str, Any] = {name: of[start : start + 2]}
    if start + 2 < len(of):
        told["NextToken"] = str(start + 2)
    return told
