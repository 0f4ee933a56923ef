"""What a saving saved: by unit, by day, by request, nothing, and whose it is."""

from collections.abc import Sequence
from datetime import date, timedelta
from fractions import Fraction

from hypothesis import given, settings
from hypothesis import strategies as st

from finops.domain.realised_savings import (
    DAYS_BEFORE,
    Measured,
    Method,
    Unmeasured,
    Use,
    in_ticks,
    measured,
    measured_span,
    months_of,
    never_measured,
    parts,
    unit_of,
)

DONE = date(2026, 3, 31)
UNIT = 10**10
EARLIER = [DONE - timedelta(n) for n in range(DAYS_BEFORE, 0, -1)]
APRIL = [date(2026, 4, n) for n in range(1, 31)]
KNOWN = {*EARLIER, DONE, *APRIL}


def used(
    days: Sequence[date], cost: int, quantity: int = 24, unit: str | None = "Hours"
) -> list[Use]:
    return [Use(day, unit, quantity * UNIT, cost) for day in days]


def measure(action_type: str, *uses: list[Use], known: set[date] = KNOWN) -> Measured:
    found = measured(action_type, DONE, [one for some in uses for one in some], known)
    assert isinstance(found, Measured), found
    return found


def why_not(action_type: str, *uses: list[Use], known: set[date] = KNOWN) -> Unmeasured:
    found = measured(action_type, DONE, [one for some in uses for one in some], known)
    assert isinstance(found, Unmeasured), found
    return found


def test_a_smaller_instance_saves_by_the_hour_that_it_runs() -> None:
    # 10 an hour before, 6 after, for 12 hours a day: 4 x 12 x 30.
    found = measure("Rightsize", used(EARLIER, 240), used(APRIL, 72, 12))

    assert (found.method, found.saved, found.days_before) == (Method.PER_UNIT, 1440, 30)
    assert found.months[0].cost == 72 * 30


def test_what_became_dearer_is_negative() -> None:
    assert measure("MigrateToGraviton", used(EARLIER, 240), used(APRIL, 264)).saved == -720


def test_what_was_stopped_saves_its_days() -> None:
    found = measure("Stop", used(EARLIER, 240), used(APRIL[:2], 100))

    assert (found.method, found.saved) == (Method.PER_DAY, 240 * 30 - 200)


def test_a_resource_that_is_gone_is_no_saving_of_a_rightsizing() -> None:
    found = measure("Rightsize", used(EARLIER, 240))

    assert found.saved == 0
    assert found.note is not None
    assert "no saving of a Rightsize" in found.note
    assert not found.months[0].is_used


def test_what_ended_later_saves_nothing_from_then_on() -> None:
    found = measure("Rightsize", used(EARLIER, 240), used(APRIL[:10], 144))

    assert found.saved == 96 * 10
    assert found.note == (
        "the resource has no charges after 2026-04-10; nothing is counted as saved since"
    )


def test_fewer_gigabytes_of_a_disk_are_what_is_saved() -> None:
    before = used(EARLIER, 50, 500, "GB-Months")
    after = used(APRIL, 20, 200, "GB-Months")

    assert measure("Rightsize", before, after).saved == 30 * 30


def test_provisioned_operations_that_are_gone_were_the_point() -> None:
    before = used(EARLIER, 50, 100, "GB-Months"), used(EARLIER, 30, 3000, "IOPS-Months")

    assert measure("Upgrade", *before, used(APRIL, 40, 100, "GB-Months")).saved == 40 * 30


def test_a_function_with_less_memory_saves_by_its_requests() -> None:
    before = used(EARLIER, 100, 50, "Lambda-GB-Second"), used(EARLIER, 0, 10, "Requests")
    after = used(APRIL, 120, 60, "Lambda-GB-Second"), used(APRIL, 0, 20, "Requests")

    # 10 a request before; 200 for 20 requests, and they cost 120.
    assert measure("Rightsize", *before, *after).saved == 80 * 30


def test_traffic_that_ceased_is_nobodys_doing() -> None:
    before = used(EARLIER, 240), used(EARLIER, 90, 9, "GB")

    assert measure("Rightsize", *before, used(APRIL, 240)).saved == 0


def test_what_is_new_counts_as_what_it_costs() -> None:
    after = used(APRIL, 240), used(APRIL, 90, 9, "GB")

    assert measure("Rightsize", used(EARLIER, 240), *after).saved == -90 * 30


def test_what_is_counted_in_another_unit_since_goes_by_the_day() -> None:
    assert measure("Upgrade", used(EARLIER, 240), used(APRIL, 100, 86400, "Seconds")).saved == (
        140 * 30
    )


def test_traffic_after_the_end_is_no_other_work() -> None:
    after = used(APRIL[:1], 1, 1, "GB")

    assert measure("Rightsize", used(EARLIER, 240), after).saved == -1


def test_the_day_itself_counts_on_neither_side() -> None:
    assert measure("Stop", used(EARLIER, 10), used([DONE], 999)).saved == 300


def test_a_week_before_is_needed() -> None:
    assert why_not("Rightsize", used(EARLIER[-6:], 1), used(APRIL, 1)).is_final
    assert measure("Rightsize", used(EARLIER[-7:], 1), used(APRIL, 1)).days_before == 7
    some = {day for day in KNOWN if day >= EARLIER[-3]}
    assert not why_not("Rightsize", used(EARLIER, 1), known=some).is_final


def test_without_a_day_after_it_is_too_early() -> None:
    found = why_not("Stop", used(EARLIER, 1), known=set(EARLIER))

    assert (found.is_final, found.reason) == (
        False,
        "no day after it was done is complete in the bill yet",
    )


def test_a_resource_that_never_cost_anything_is_never_measured() -> None:
    assert why_not("Delete", used(APRIL, 1)).is_final
    assert never_measured("PurchaseSavingsPlans", None) is not None
    assert never_measured("Rightsize", None) is not None
    assert never_measured("Rightsize", "i-1") is None


def test_a_year_is_measured_and_no_day_more() -> None:
    first, end = measured_span(date(2026, 3, 31))
    assert (first, end) == (date(2026, 4, 1), date(2027, 4, 1))
    assert measured_span(date(2028, 2, 28))[1] == date(2029, 2, 28)
    assert months_of(date(2026, 3, 15), date(2026, 4, 2)) == ["2026-02", "2026-03", "2026-04"]
    assert months_of(date(2026, 3, 15), date(2030, 1, 1))[-1] == "2027-03"


def test_units_are_one_whatever_the_bill_calls_them() -> None:
    assert unit_of("hours") == unit_of(" Hrs ") == "Hours"
    hours = used(EARLIER, 240, unit=unit_of("Hrs"))
    assert measure("Rightsize", hours, used(APRIL, 240, unit=unit_of("Hours"))).saved == 0


def test_owners_have_their_days() -> None:
    [month] = measure("Stop", used(EARLIER, 10)).months
    owners = {day: (("a", 10_000),) if day.day <= 15 else () for day in APRIL}

    found = parts(month, owners, 600)

    assert [tuple(one) for one in found] == [(None, 150, 300), ("a", 150, 300)]


AMOUNTS = st.integers(-(10**15), 10**15)
QUANTITIES = st.integers(0, 10**14)
UNITS = st.sampled_from(["Hours", "GB", "GB-Months", "Requests", None])
ANY_DAY = st.sampled_from([*EARLIER, DONE, *APRIL])
USES = st.lists(st.builds(Use, ANY_DAY, UNITS, QUANTITIES, AMOUNTS), max_size=30)
SHARES = st.sampled_from([(), (("a", 10_000),), (("a", 3_333), ("b", 6_667))])


@settings(max_examples=100, deadline=None)
@given(
    st.sampled_from(["Rightsize", "Stop", "Upgrade", "SomethingNew"]),
    USES,
    st.lists(SHARES, min_size=30, max_size=30),
    st.none() | AMOUNTS,
)
def test_parts_and_days_add_up_whatever_was_used(
    action_type: str,
    uses: list[Use],
    shares: list[tuple[tuple[str, int], ...]],
    expected: int | None,
) -> None:
    found = measured(action_type, DONE, [*uses, Use(EARLIER[0], "Hours", UNIT, 7)], KNOWN)

    assert isinstance(found, Measured)
    owners = dict(zip(APRIL, shares, strict=True))
    for month in found.months:
        assert sum(month.by_day) == month.saved
        made = parts(month, owners, expected)
        assert sum(one.realised for one in made) == month.saved
        if expected is not None:
            assert sum(one.expected or 0 for one in made) == expected
    shuffled = measured(action_type, DONE, [Use(EARLIER[0], "Hours", UNIT, 7), *uses[::-1]], KNOWN)
    assert shuffled == found


@settings(max_examples=100, deadline=None)
@given(st.integers(1, 10**12), st.integers(1, 10**6), st.integers(1, 10**6))
def test_the_same_rate_saves_nothing_however_much_is_used(
    rate: int, hours_before: int, hours_after: int
) -> None:
    before = used(EARLIER, rate * hours_before, hours_before)
    after = used(APRIL, rate * hours_after, hours_after)

    assert measure("Rightsize", before, after).saved == 0


@settings(max_examples=100, deadline=None)
@given(st.lists(st.fractions(-1000, 1000), max_size=20))
def test_ticks_are_the_exact_sum_rounded_once(amounts: list[Fraction]) -> None:
    assert abs(sum(in_ticks(amounts)) - sum(amounts, Fraction(0))) <= Fraction(1, 2)
