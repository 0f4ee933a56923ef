"""Bills: which delivery readers see, how fresh it is, and the questions it answers."""

from datetime import UTC, date, datetime
from typing import Any

import pytest

from finops.domain.bills import (
    COSTS,
    DIMENSIONS,
    LINEAGE,
    Bill,
    BillTotal,
    cost_query,
    succeeded,
    succession,
)
from finops.domain.errors import InvalidError
from finops.domain.loads import Costs, Load, LoadStatus

NOW = datetime(2026, 9, 21, 10, tzinfo=UTC)


def load(load_id: str = "new", day: int = 21) -> Load:
    return Load(
        load_id=load_id,
        status=LoadStatus.CHECKING,
        manifest_key="e-Manifest.json",
        manifest_version="1",
        execution_id="e",
        place="e-Manifest.json",
        delivered_at=datetime(2026, 9, day, 9, tzinfo=UTC),
        recorded_at=NOW,
        shards=2,
    )


def bill(load_id: str = "old", day: int = 20, **fields: Any) -> Bill:
    return Bill(
        **{
            "billing_account_id": "1",
            "billing_period": "2026-09",
            "load_id": load_id,
            "delivered_at": datetime(2026, 9, day, 9, tzinfo=UTC),
            "published_at": NOW,
            "lineage": (load_id,),
            "totals": (),
            **fields,
        }
    )


def total(last_usage_day: str | None, open_lines: int = 1, currency: str = "USD") -> BillTotal:
    return BillTotal(
        billing_currency=currency,
        costs=Costs(lines=9),
        last_usage_day=last_usage_day,
        lines_without_invoice=open_lines,
    )


# -- succession -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "current, new, becomes",
    [
        (None, load(), None),
        (bill(day=20), load(day=21), None),
        (bill(day=21), load(day=21), None),  # the same second: the one that comes later
        (bill(day=22), load(day=21), LoadStatus.OLDER),
        (bill("new", day=21), load("new", day=21), LoadStatus.UNCHANGED),
        (bill("new", day=22), load("new", day=21), LoadStatus.UNCHANGED),
    ],
)
def test_a_delivery_takes_the_place_of_none_newer(
    current: Bill | None, new: Load, becomes: LoadStatus | None
) -> None:
    assert succession(current, new) is becomes


def test_a_bill_remembers_the_loads_whose_totals_are_in_force() -> None:
    first = succeeded(None, load("a"), ("1", "2026-09"), (), NOW)
    second = succeeded(first, load("b"), ("1", "2026-09"), (total("2026-09-20"),), NOW)

    assert first.lineage == ("a",)
    assert second.lineage == ("a", "b")
    assert (second.load_id, second.shards, second.totals) == ("b", 2, (total("2026-09-20"),))


def test_a_load_that_comes_again_is_once_in_the_lineage_and_last() -> None:
    current = bill("b", lineage=("a", "b"), version=7)

    again = succeeded(current, load("a"), ("1", "2026-09"), (), NOW)

    assert again.lineage == ("b", "a")
    assert again.version == 7  # the write that follows is conditional on it


def test_after_sixty_loads_all_totals_are_written_anew() -> None:
    full = bill(lineage=tuple(map(str, range(LINEAGE))))

    assert succeeded(full, load("new"), ("1", "2026-09"), (), NOW).lineage == ("new",)


# -- freshness --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "delivered, last_usage_day, complete",
    [
        (21, "2026-09-20", date(2026, 9, 19)),  # the 20th is still being filled
        (21, "2026-09-21", date(2026, 9, 20)),
        (22, "2026-09-20", date(2026, 9, 20)),  # all of the 21st has passed
        (21, None, None),
    ],
)
def test_the_newest_day_counts_once_another_is_over(
    delivered: int, last_usage_day: str | None, complete: date | None
) -> None:
    fresh = bill(day=delivered, totals=(total(last_usage_day),))

    assert fresh.complete_through == complete


def test_a_final_bill_is_complete_through_its_last_day() -> None:
    final = bill(day=21, totals=(total("2026-09-21", open_lines=0),))

    assert final.is_final
    assert final.complete_through == date(2026, 9, 21)


def test_a_bill_with_an_open_line_in_one_currency_is_not_final() -> None:
    totals = (total("2026-09-20", open_lines=0), total("2026-09-18", open_lines=1, currency="CNY"))

    mixed = bill(totals=totals)

    assert not mixed.is_final
    assert mixed.complete_through == date(2026, 9, 19)


# -- questions --------------------------------------------------------------------------------


def test_a_question_without_costs_asks_for_all_four() -> None:
    asked = cost_query("2026-09", ("account", "day"), (), {"service": "AmazonEC2"})

    assert asked.costs == ("unblended", "billed", "effective", "list") == tuple(COSTS)
    assert asked.dimensions == {"account", "day", "service"}


def test_blended_cost_is_refused_with_its_reason() -> None:
    with pytest.raises(InvalidError, match="blended cost is not kept: it averages rates"):
        cost_query("2026-09", (), ("billed", "blended"), {})


@pytest.mark.parametrize(
    "by, costs, where, reason",
    [
        (("team",), (), {}, "'team' is no dimension; known are payer, account"),
        ((), (), {"team": "web"}, "'team' is no dimension"),
        ((), ("net",), {}, "'net' is no cost; known are unblended, billed, effective, list"),
        (("day", "day"), (), {}, "a dimension is named twice"),
    ],
)
def test_a_word_that_is_not_ours_is_named(
    by: tuple[str, ...], costs: tuple[str, ...], where: dict[str, str], reason: str
) -> None:
    with pytest.raises(InvalidError, match=reason):
        cost_query("2026-09", by, costs, where)


def test_a_month_that_is_none_is_refused() -> None:
    with pytest.raises(InvalidError, match="write it as YYYY-MM"):
        cost_query("2026-13", (), (), {})


@pytest.mark.parametrize("dimension", DIMENSIONS)
def test_a_question_knows_what_it_needs_to_read(dimension: str) -> None:
    by, where = (
        cost_query("2026-09", (dimension,), (), {}),
        cost_query("2026-09", (), (), {dimension: "x"}),
    )

    for asked in (by, where):
        assert asked.needs_resources == (dimension in {"resource", "commitment", "tags"})
        assert asked.needs_only_account_days == (
            dimension in {"payer", "account", "day", "charge_category", "currency"}
        )
