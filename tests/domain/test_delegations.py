"""Who is absent names who acts for them, between two days and no longer."""

from datetime import UTC, date, datetime
from typing import Any

import pytest

from finops.domain.delegations import Delegation, Signature, absentees
from finops.domain.errors import ConflictError, FinOpsError, InvalidError

AT = datetime(2026, 8, 3, 9, tzinfo=UTC)
OLA, QUINN, PIA = "ola@example.org", "quinn@example.org", "pia@example.org"


def granted(absent: str = OLA, delegate: str = QUINN, **told: Any) -> Delegation:
    days = {"start": date(2026, 8, 10), "end": date(2026, 8, 17)}
    return Delegation.granted(
        "d-1", absent=absent, delegate=delegate, by=absent, at=AT, **days | told
    )


@pytest.mark.parametrize("day, acts_for", [(9, ()), (10, (OLA,)), (16, (OLA,)), (17, ())], ids=str)
def test_a_delegate_acts_from_the_first_day_to_the_one_before_the_end(
    day: int, acts_for: tuple[str, ...]
) -> None:
    assert absentees([granted()], QUINN, date(2026, 8, day)) == acts_for


def test_a_delegate_may_act_for_several() -> None:
    both = [granted(PIA), granted(OLA)]

    assert absentees(both, "Quinn@Example.org", date(2026, 8, 10)) == (OLA, PIA)


def test_a_delegate_of_a_delegate_acts_for_the_delegate_only() -> None:
    chain = [granted(OLA, QUINN), granted(QUINN, PIA)]

    assert absentees(chain, PIA, date(2026, 8, 10)) == (QUINN,)


@pytest.mark.parametrize(
    "told, why",
    [
        ({"delegate": "OLA@example.org"}, "cannot be their own delegate"),
        ({"end": date(2026, 8, 10)}, "is not after the start"),
        ({"start": date(2026, 7, 1), "end": date(2026, 8, 3)}, "is over"),
        ({"delegate": "quinn"}, "is no mail address"),
        ({"reason": "x" * 501}, "at most 500 characters"),
    ],
)
def test_what_no_delegation_can_be_is_refused(told: dict[str, Any], why: str) -> None:
    with pytest.raises(InvalidError, match=why):
        granted(**told)


def test_who_is_back_earlier_ends_it() -> None:
    shorter = granted().ended(date(2026, 8, 12), AT)

    assert absentees([shorter], QUINN, date(2026, 8, 11)) == (OLA,)
    assert absentees([shorter], QUINN, date(2026, 8, 12)) == ()


def test_one_that_is_ended_before_it_began_covers_no_day() -> None:
    none = granted().ended(date(2026, 8, 5), AT)

    assert (none.start, none.end) == (date(2026, 8, 5), date(2026, 8, 5))
    assert absentees([none], QUINN, date(2026, 8, 10)) == ()


@pytest.mark.parametrize(
    "day, at, error, why",
    [
        (date(2026, 8, 18), AT, InvalidError, "is after the end"),
        (date(2026, 8, 2), AT, InvalidError, "stays done"),
        (date(2026, 8, 17), datetime(2026, 8, 17, tzinfo=UTC), ConflictError, "ended on"),
    ],
)
def test_it_is_only_ever_made_shorter_and_from_now_on(
    day: date, at: datetime, error: type[FinOpsError], why: str
) -> None:
    with pytest.raises(error, match=why):
        granted().ended(day, at)


def test_a_delegate_signs_for_both() -> None:
    assert Signature(by="Quinn@example.org", acting_for=OLA).names == {QUINN, OLA}
    assert Signature(by=QUINN).names == {QUINN}
