"""Alerts: what a crossing is known by, and where an answer leads."""

from datetime import UTC, date, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from finops.domain.alerts import (
    OF_CREDITS,
    Alert,
    AlertCommand,
    AlertKind,
    AlertStatus,
    CreditEnd,
    Crossing,
    book_of,
    levels_passed,
)
from finops.domain.errors import ConflictError, InvalidError

AT = datetime(2026, 3, 10, 9, tzinfo=UTC)
LEVEL: dict[str, Any] = {
    "kind": AlertKind.SCHEDULE_LEVEL,
    "element": "a.b.c.d",
    "month": "2026-03",
    "level": 8_000,
    "schedule": "number 1 of 2026",
}


def test_a_crossing_is_known_by_what_it_is_of_and_not_by_its_figures() -> None:
    one = Crossing(**LEVEL, actual=800, limit=1_000)

    assert one.alert_id == Crossing(**LEVEL, actual=900, limit=1_000).alert_id
    assert book_of(one.alert_id) == one.book == "2026-03"


@pytest.mark.parametrize(
    "other",
    [
        {"level": 10_000},
        {"schedule": "number 2 of 2026"},
        {"element": "a.b.c"},
        {"month": "2026-04"},
        {"kind": AlertKind.PACE},
    ],
)
def test_another_level_schedule_element_or_month_is_another_crossing(other: dict[str, Any]) -> None:
    assert Crossing(**LEVEL).alert_id != Crossing(**(LEVEL | other)).alert_id


def test_a_credit_is_of_no_month_and_all_else_is_of_one() -> None:
    credit = Crossing(
        kind=AlertKind.CREDIT_RUNNING_OUT, credit_id="c", credit_end=CreditEnd.EXPIRY, within=7
    )
    assert credit.book == OF_CREDITS
    with pytest.raises(InvalidError, match="is of a month"):
        Crossing(kind=AlertKind.LATE_DATA, payer="1")


def test_an_anomaly_is_known_by_the_first_day_of_its_run() -> None:
    days = {"since": date(2026, 3, 9), "month": "2026-03", "service": "AmazonEC2"}
    first = Crossing(kind=AlertKind.ANOMALY, **days, day=date(2026, 3, 9))
    later = Crossing(kind=AlertKind.ANOMALY, **days, day=date(2026, 3, 11))

    assert first.alert_id == later.alert_id


def raised() -> Alert:
    return Alert.raised(Crossing(**LEVEL), AT)


def test_an_alert_is_acknowledged_and_resolved_with_reasons() -> None:
    known = raised().acknowledged("a@example.com", "a load test", AT)
    done = known.resolved("b@example.com", "it is over", AT)

    assert (known.status, done.status) == (AlertStatus.ACKNOWLEDGED, AlertStatus.RESOLVED)
    assert [(one.by, one.reason) for one in done.answers] == [
        ("a@example.com", "a load test"),
        ("b@example.com", "it is over"),
    ]
    assert not done.resolved_itself


@pytest.mark.parametrize("command", ["acknowledged", "resolved"])
def test_an_answer_without_a_reason_is_refused(command: str) -> None:
    with pytest.raises(InvalidError, match="needs a reason"):
        getattr(raised(), command)("a@example.com", " ", AT)


def test_what_is_resolved_takes_no_answer() -> None:
    done = raised().resolved("a@example.com", "over", AT)

    assert done.allowed == ()
    with pytest.raises(
        ConflictError, match="Acknowledge is no answer to an alert that is Resolved"
    ):
        done.acknowledged("a@example.com", "again", AT)
    with pytest.raises(ConflictError):
        done.assigned("b@example.com", "a@example.com", None, AT)


def test_what_resolved_itself_may_return_and_keeps_its_history() -> None:
    back = raised().settled("taken away", AT).returned("there again", AT)

    assert back.status is AlertStatus.OPEN
    assert [one.command for one in back.answers] == [AlertCommand.SETTLE, AlertCommand.RETURN]


def test_an_alert_is_given_to_somebody_once() -> None:
    given_to = raised().assigned("b@example.com", "a@example.com", None, AT)

    assert (given_to.assigned_to, given_to.status) == ("b@example.com", AlertStatus.OPEN)
    assert given_to.assigned("b@example.com", "c@example.com", None, AT) is given_to


LEVELS = st.lists(st.integers(1, 100_000), unique=True, max_size=8).map(sorted).map(tuple)


@given(LEVELS, st.integers(1, 10**15), st.integers(-(10**15), 10**15), st.integers(0, 10**15))
def test_more_spend_never_passes_fewer_levels(
    levels: tuple[int, ...], limit: int, actual: int, more: int
) -> None:
    before = levels_passed(actual, limit, levels)
    after = levels_passed(actual + more, limit, levels)

    assert before == after[: len(before)]
    assert before == levels[: len(before)]
