"""Alerts and the messages about them: one contract, in memory and in DynamoDB."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from finops.adapters.alerts import DynamoAlerts, DynamoDispatches
from finops.adapters.records import Records
from finops.domain.alerts import OF_CREDITS, Alert, AlertKind, CreditEnd, Crossing
from finops.domain.audit import Deed
from finops.domain.errors import ConflictError
from finops.usecases.ports import Save
from tests.alert_fakes import InMemoryAlerts, InMemoryDispatches
from tests.aws import ALERTS, AUDIT, REQUESTS, client, organised
from tests.fakes import InMemoryRecords
from tests.usecases.organisation import WEB_SHOP, act

AT = datetime(2026, 3, 10, 9, tzinfo=UTC)
LEASE = timedelta(minutes=16)
LATE = Crossing(
    kind=AlertKind.LATE_DATA, month="2026-03", payer="999988887777", delivered_at=AT, within=36
)
ENDING = Crossing(
    kind=AlertKind.CREDIT_RUNNING_OUT,
    element=WEB_SHOP,
    credit_id="c-1",
    credit_end=CreditEnd.EXPIRY,
    credit_terms="1 to 2026-04-01",
    within=30,
    day=date(2026, 4, 1),
)


@pytest.fixture(params=["memory", "dynamodb"])
def ports(request: pytest.FixtureRequest) -> Iterator[tuple[Any, Any]]:
    if request.param == "memory":
        yield InMemoryAlerts(InMemoryRecords()), InMemoryDispatches()
        return
    with organised():
        writer = Records(client("dynamodb"), AUDIT, REQUESTS)
        yield DynamoAlerts(writer, ALERTS), DynamoDispatches(client("dynamodb"), ALERTS)


def raised(alerts: Any, crossing: Crossing) -> Alert:
    new = Alert.raised(crossing, AT)
    saved: Alert = alerts.save([Save(None, new, Deed(action="Raise"))], act())[0]
    return saved


def test_an_alert_is_in_its_book_and_in_no_other(ports: tuple[Any, Any]) -> None:
    alerts, _ = ports
    late, ending = raised(alerts, LATE), raised(alerts, ENDING)

    assert (late.book, ending.book) == ("2026-03", OF_CREDITS)
    assert alerts.of("2026-03") == {late.alert_id: late}
    assert alerts.of(OF_CREDITS) == {ending.alert_id: ending}
    assert alerts.of("2026-02") == {}
    assert alerts.find(late.alert_id) == late
    assert alerts.find("2026-03-0f3a5b7c9d1e2f4a") is None
    assert alerts.find("nonsense") is None


def test_of_two_who_raise_the_same_alert_the_second_is_told(ports: tuple[Any, Any]) -> None:
    alerts, _ = ports
    first = raised(alerts, LATE)

    with pytest.raises(ConflictError) as refused:
        raised(alerts, LATE)

    assert refused.value.members["current"] == first


def test_a_message_is_taken_once_and_again_only_when_it_was_given_back_or_lapsed(
    ports: tuple[Any, Any],
) -> None:
    _, dispatches = ports
    of = ("2026-03-a", "mail:a@example.com")

    assert dispatches.take(*of, AT, LEASE)
    assert not dispatches.take(*of, AT + timedelta(minutes=15), LEASE)
    assert dispatches.take(*of, AT + timedelta(minutes=16), LEASE)
    dispatches.release(*of)
    assert dispatches.take(*of, AT + timedelta(minutes=17), LEASE)
    assert dispatches.sent("2026-03-a") == set()
    dispatches.done(*of, AT + timedelta(minutes=18))
    assert dispatches.sent("2026-03-a") == {"mail:a@example.com"}
    assert not dispatches.take(*of, AT + timedelta(days=30), LEASE)
    assert dispatches.take("2026-03-b", of[1], AT, LEASE)
