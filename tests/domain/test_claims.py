"""A resource is claimed by one workload at a time, whole, and history stays."""

import time
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from finops.domain.claims import AccountClaims
from finops.domain.errors import ConflictError, FinOpsError, InvalidError, NotFoundError
from finops.domain.workloads import Workload

some = settings(max_examples=100, deadline=None, derandomize=True)

ACCOUNT = "444455556666"
ANN, BOB = "ann@example.com", "bob@example.com"
NOBODYS = AccountClaims(account_id=ACCOUNT)
OPEN = date(2025, 11, 1)


def day(number: int) -> date:
    return date(2025, 11, number)


def noon(number: int) -> datetime:
    return datetime(2025, 11, number, 12, tzinfo=UTC)


def workload(name: str, account: str = ACCOUNT, end: str = "2025-12") -> Workload:
    return Workload(
        workload_id=f"w-{name}",
        product_id=f"product {name}",
        account_id=account,
        name=name,
        launch="2025-10",
        end=end,
    )


WEB, LAKE = workload("web"), workload("lake")


def claimed(
    of: AccountClaims = NOBODYS,
    resources: Any = ("i-1",),
    by: Workload = WEB,
    on: int = 15,
    start: date | None = None,
    **told: Any,
) -> AccountClaims:
    return of.claimed(resources, by, start=start, open_from=OPEN, by=BOB, at=noon(on), **told)


def held(of: AccountClaims, resource: str = "i-1") -> list[tuple[int, str]]:
    """The days of November on which a workload holds a resource."""
    return [
        (number, claim.workload_id)
        for number in range(1, 31)
        if (claim := of.on(resource, day(number)))
    ]


def test_a_claim_starts_on_the_next_day_and_goes_on() -> None:
    of = claimed()

    assert held(of) == [(number, "w-web") for number in range(16, 31)]
    (claim,) = of.of("i-1")
    assert (claim.start, claim.end, claim.claimed_by) == (day(16), None, BOB)
    assert (claim.claimed_at, claim.product_id) == (noon(15), "product web")
    assert of.on("i-2", day(20)) is None


def test_a_claim_may_start_as_early_as_the_open_period() -> None:
    assert held(claimed(start=OPEN))[0] == (1, "w-web")
    with pytest.raises(InvalidError, match="2025-10-31 is before the open period"):
        claimed(start=date(2025, 10, 31))
    with pytest.raises(InvalidError, match="starts on 2025-11-16 at the latest"):
        claimed(start=day(17))


def test_a_release_gives_back_from_the_next_day_and_says_who_did() -> None:
    of = claimed().released(["i-1"], by=ANN, at=noon(20))

    assert held(of) == [(number, "w-web") for number in range(16, 21)]
    (claim,) = of.of("i-1")
    assert (claim.end, claim.released_by, claim.released_at) == (day(21), ANN, noon(20))


def test_a_claim_released_before_its_first_day_covers_none_and_stays_told() -> None:
    of = claimed().released(["i-1"], by=ANN, at=noon(14))

    assert held(of) == []
    assert len(of.claims) == 1


def test_the_second_of_two_claims_is_refused_and_told_who_holds_it() -> None:
    with pytest.raises(ConflictError, match="i-1 is claimed from 2025-11-16 by workload w-web of"):
        claimed(claimed(), by=LAKE, on=18)
    with pytest.raises(
        ConflictError, match=r"product web \(bob@example.com\); nothing was claimed"
    ):
        claimed(claimed(), by=WEB, on=18)


def test_a_holder_that_the_claimer_may_not_know_of_is_not_named() -> None:
    with pytest.raises(ConflictError) as told:
        claimed(claimed(), by=LAKE, on=18, sees=lambda product: product == "product lake")

    assert told.value.detail == (
        "i-1 is claimed from 2025-11-16 by a workload outside your financial scope; nothing was "
        "claimed"
    )
    with pytest.raises(NotFoundError, match="i-1: claimed by nobody in your financial scope"):
        claimed().released(["i-1"], by=ANN, at=noon(20), sees=lambda product: False)


def test_a_claim_after_a_release_is_taken_where_no_day_is_claimed_twice() -> None:
    free = claimed().released(["i-1"], by=ANN, at=noon(20))

    assert held(claimed(free, by=LAKE, on=20))[4:6] == [(20, "w-web"), (21, "w-lake")]
    assert held(claimed(free, by=LAKE, on=25, start=day(21)))[5] == (21, "w-lake")
    with pytest.raises(ConflictError, match="from 2025-11-16 up to 2025-11-20"):
        claimed(free, by=LAKE, on=25, start=day(20))


def test_all_resources_are_claimed_or_none() -> None:
    of = claimed()

    with pytest.raises(ConflictError, match="i-1 is claimed"):
        claimed(of, ["i-0", "i-1", "i-2"], LAKE)
    with pytest.raises(NotFoundError, match="i-2: claimed by nobody"):
        of.released(["i-1", "i-2"], by=ANN, at=noon(20))
    assert held(claimed(of, ["i-0", "i-2"], LAKE), "i-2")[0] == (16, "w-lake")


def test_a_refusal_names_five_resources_and_the_number_of_the_others() -> None:
    names = [f"i-{number}" for number in range(9)]

    with pytest.raises(ConflictError, match=r"i-4 is claimed .*; and 4 more; nothing"):
        claimed(claimed(resources=names), names, LAKE)
    with pytest.raises(NotFoundError, match="i-4 and 4 more: claimed by nobody"):
        NOBODYS.released(names, by=ANN, at=noon(20))


@pytest.mark.parametrize(
    "told, reason",
    [
        ({"resources": ()}, "name the resources"),
        ({"resources": ("i-1", "i-2", "i-1")}, "i-1: named twice"),
        ({"by": workload("web", "1")}, "runs in account 1; it claims nothing of account"),
        (
            {"by": workload("web", end="2025-10")},
            "web ended with 2025-10; plan it to a later month",
        ),
    ],
)
def test_what_cannot_be_claimed_is_refused(told: dict[str, Any], reason: str) -> None:
    with pytest.raises(InvalidError, match=reason):
        claimed(**told)


def test_a_workload_claims_in_its_last_month_what_starts_in_it() -> None:
    last = workload("last", end="2025-11")

    assert claimed(by=last, on=29).on("i-1", day(30)) is not None
    with pytest.raises(InvalidError, match="last ended with 2025-11"):
        claimed(by=last, on=30)
    assert claimed(by=last, on=30, start=day(30)).on("i-1", day(30)) is not None


def test_what_was_known_before_a_claim_or_release_stays_known() -> None:
    of = claimed().released(["i-1"], by=ANN, at=noon(20))

    assert of.on("i-1", day(25)) is None
    then = of.on("i-1", day(25), known_at=noon(19))
    assert then is not None
    assert (then.workload_id, then.end, then.released_by) == ("w-web", None, None)
    assert of.on("i-1", day(25), known_at=noon(14)) is None
    assert of.known(noon(19)) == claimed().claims
    assert of.known(None) == of.claims


def test_a_workload_knows_what_it_holds_on_a_day() -> None:
    of = claimed(claimed(), ["i-2"], LAKE)

    assert [claim.resource_id for claim in of.held_by("w-lake", day(20))] == ["i-2"]
    assert of.held_by("w-lake", day(15)) == ()


@some
@given(
    st.lists(
        st.tuples(st.sampled_from("abc"), st.sampled_from([WEB, LAKE, None]), st.integers(0, 9)),
        max_size=12,
    )
)
def test_whatever_people_wish_a_resource_has_one_holder_a_day(
    wishes: list[tuple[str, Workload | None, int]],
) -> None:
    of = NOBODYS
    for number, (resource, by, back) in enumerate(wishes, start=5):
        before = of
        try:
            if by is None:
                of = of.released([resource], by=ANN, at=noon(number))
            else:
                start = max(day(number + 1) - timedelta(back), OPEN)
                of = claimed(of, [resource], by, on=number, start=start)
        except FinOpsError:
            assert of == before
    for resource in "abc":
        for number in range(1, 31):
            assert sum(day(number) in claim for claim in of.of(resource)) <= 1


def test_looking_up_one_of_a_hundred_thousand_claims_is_fast() -> None:
    of = claimed(resources=[f"i-{number}" for number in range(100_000)])
    of.on("i-1", day(20))

    began = time.process_time()
    found = [of.on(f"i-{number}", day(20)) for number in range(0, 100_000, 10)]

    assert all(found)
    assert time.process_time() - began < 1
