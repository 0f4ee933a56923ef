"""Which run readers see, and what its parts come to for every element."""

from collections import defaultdict
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from finops.domain import allocation_runs
from finops.domain.allocation_runs import (
    ENGINE,
    Allocation,
    AllocationTotal,
    Succession,
    rollups,
    succession,
)
from finops.domain.class_policies import CostBasis

some = settings(max_examples=50, deadline=None, derandomize=True)

SHOP, SEARCH, LOANS = "retail.digital.web.shop", "retail.digital.web.search", "bank.a.b.loans"
DAY, NEXT = "2026-09-01", "2026-09-02"
NO_SHARE = "No share in force"


def seen(run_id: str = "run-1", load_id: str = "load-1", revision: int = 5) -> Allocation:
    return Allocation(
        billing_account_id="999988887777",
        billing_period="2026-09",
        run_id=run_id,
        load_id=load_id,
        basis=CostBasis.BILLED,
        revision=revision,
        made_at=datetime(2026, 9, 20, tzinfo=UTC),
        lineage=(run_id,),
        totals=(),
    )


@pytest.mark.parametrize(
    "load_id, revision, basis, expected",
    [
        ("load-1", 5, CostBasis.BILLED, True),
        ("load-1", 4, CostBasis.BILLED, True),
        ("load-1", 6, CostBasis.BILLED, False),
        ("load-2", 5, CostBasis.BILLED, False),
        ("load-1", 5, CostBasis.EFFECTIVE, False),
    ],
)
def test_an_allocation_is_up_to_date_while_bill_rules_and_basis_are_the_same(
    load_id: str, revision: int, basis: CostBasis, expected: bool
) -> None:
    assert seen().is_of(load_id, revision, basis) is expected


def test_an_allocation_of_another_engine_is_not_up_to_date(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(allocation_runs, "ENGINE", ENGINE + 1)

    assert not seen().is_of("load-1", 5, CostBasis.BILLED)


def test_of_a_closed_month_only_another_bill_makes_it_old() -> None:
    one = seen()

    assert one.is_of(one.load_id, 99, CostBasis.EFFECTIVE, is_closed=True)
    assert not one.is_of("load-9", 0, one.basis, is_closed=True)


def test_the_newest_two_turns_and_those_that_may_come_are_kept() -> None:
    current = seen().model_copy(update={"lineage": ("a.1", "b.2", "c.3"), "version": 4})

    turns = ("a.1", "lost.2", "b.2", "c.3", "lost.4", "d.5", "of-old")
    assert [one for one in turns if current.keeps(one)] == ["b.2", "c.3", "d.5"]
    assert current.runs_read == {"b", "c"}


@pytest.mark.parametrize(
    "current, expected",
    [
        (None, Succession.TAKES_OVER),
        (seen("run-2"), Succession.SAME),
        (seen(), Succession.TAKES_OVER),
        (seen(revision=6), Succession.TAKES_OVER),
        (seen(revision=7), Succession.OVERTAKEN),
        (seen(load_id="load-0", revision=7), Succession.TAKES_OVER),
    ],
)
def test_a_run_takes_over_from_an_older_one_only(
    current: Allocation | None, expected: Succession
) -> None:
    assert succession(current, "run-2", "load-1", "load-1", 6) is expected


@pytest.mark.parametrize("current", [None, seen("run-2"), seen(revision=1)])
def test_a_run_of_another_load_than_the_bills_never_takes_over(current: Allocation | None) -> None:
    assert succession(current, "run-2", "load-1", "load-2", 6) is Succession.OVERTAKEN


def test_a_total_is_what_owners_pay_and_what_nobody_does() -> None:
    total = AllocationTotal(currency="USD", allocated=28, unallocated={NO_SHARE: 3, "Else": 1})

    assert total.whole == 32


def test_every_element_above_a_product_pays_what_it_pays() -> None:
    made = rollups([("USD", SHOP, None, DAY, 7), ("USD", SEARCH, None, DAY, 2)])

    assert made[SHOP, "USD"] == {DAY: 7}
    for element in ("retail.digital.web", "retail.digital", "retail", ""):
        assert made[element, "USD"] == {DAY: 9}


def test_what_nobody_owns_is_in_no_element() -> None:
    made = rollups(
        [
            ("USD", None, NO_SHARE, DAY, 7),
            ("USD", None, "Else", NEXT, 2),
            ("USD", SHOP, None, DAY, 1),
        ]
    )

    assert made["~", "USD"] == {DAY: 7, NEXT: 2}
    assert made[f"~{NO_SHARE}", "USD"] == {DAY: 7}
    assert made["", "USD"] == {DAY: 1}


def test_currencies_are_never_added() -> None:
    made = rollups([("USD", SHOP, None, DAY, 7), (None, SHOP, None, DAY, 2)])

    assert (made["", "USD"], made["", None]) == ({DAY: 7}, {DAY: 2})


def test_days_stand_in_order_whatever_order_they_came_in() -> None:
    made = rollups([("USD", SHOP, None, NEXT, 7), ("USD", SHOP, None, DAY, 2)])

    assert list(made[SHOP, "USD"]) == [DAY, NEXT]


@some
@given(
    st.lists(
        st.tuples(
            st.sampled_from(["USD", None]),
            st.sampled_from([SHOP, SEARCH, LOANS]),
            st.none(),
            st.sampled_from([DAY, NEXT]),
            st.integers(-(10**20), 10**20),
        )
    )
)
def test_the_enterprise_is_the_sum_of_its_products(rows: list[tuple[Any, ...]]) -> None:
    made = rollups(rows)

    whole: defaultdict[str | None, int] = defaultdict(int)
    for currency, *_, ticks in rows:
        whole[currency] += ticks
    for currency, ticks in whole.items():
        assert sum(made["", currency].values()) == ticks
        units = [made.get((unit, currency), {}) for unit in ("retail", "bank")]
        assert sum(sum(days.values()) for days in units) == ticks
