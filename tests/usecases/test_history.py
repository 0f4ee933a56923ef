"""History on demand: like with like, gaps named, everybody in their own scope, all adding up."""

import csv
import io
from collections.abc import Iterable
from datetime import UTC, date, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from finops.domain.errors import ConflictError, InvalidError, NotFoundError
from finops.domain.history import Step, Sums
from finops.domain.money import TICKS_PER_UNIT as UNIT
from finops.domain.people import Person, PersonStatus, Role
from finops.domain.spend_cubes import CREDIT, CubeQuery, CubeRow
from finops.usecases import history_views
from finops.usecases.digest import Letterhead
from finops.usecases.history import History, HistoryQuestion, HistoryTable, history
from finops.usecases.ports import CubeAnswer
from tests.cube_fakes import InMemorySpendCubes, row
from tests.reporting import daily, organised, sources
from tests.usecases.organisation import LOANS, WEB_SHOP

AT = datetime(2026, 3, 11, 6, tzinfo=UTC)
LETTERS = Letterhead(subject="", text="")
HOUSE = organised()


def person(role: Role = Role.FINANCIAL_ADMIN, *scope: str) -> Person:
    return Person(email="who@example.com", role=role, scope=scope, status=PersonStatus.ACTIVE)


ADMIN = person()


def asked(
    rows: Iterable[CubeRow] | InMemorySpendCubes,
    *by: str,
    who: Person = ADMIN,
    at: datetime = AT,
    first_month: int = 1,
    **question: Any,
) -> History:
    its = sources(rows, HOUSE)._replace(first_month=first_month)
    return history(HistoryQuestion(by or ("service",), **question), by=who, at=at, sources=its)


def only(found: History) -> HistoryTable:
    [table] = found.tables
    return table


def units(sums: Sums) -> list[int | None]:
    return [None if ticks is None else ticks // UNIT for ticks in sums.amounts]


# Months -------------------------------------------------------------------------------------------


def test_months_stand_side_by_side_each_against_the_one_before() -> None:
    found = asked(daily("2026-01-01", "2026-02-28", 2), months=2)
    assert [span.label for span in found.layout.spans] == ["2026-01", "2026-02"]
    total = only(found).total
    assert units(total) == [62, 56]
    [first, second] = found.layout.changes(total)
    assert first is None
    assert second is not None
    assert (second.change, second.per_day_change) == (-6 * UNIT, 0)
    assert found.notes == [
        "2026-02: compared with more or fewer days; what is a day's says what changed"
    ]


def test_a_month_to_date_is_held_against_the_same_days() -> None:
    rows = [*daily("2026-02-01", "2026-02-28", 2), *daily("2026-03-01", "2026-03-10", 3)]
    found = asked(rows, months=2)
    assert units(only(found).total) == [56, 30]
    change = found.layout.changes(only(found).total)[1]
    assert change is not None
    assert (change.amount, change.before) == (30 * UNIT, 20 * UNIT)
    assert (change.days, change.days_before, change.percent) == (10, 10, 5000)
    assert found.notes == ["2026-03 is complete through its day 10 of 31"]


def test_a_day_that_is_not_complete_is_in_the_amount_and_not_in_what_is_compared() -> None:
    rows = [*daily("2026-02-01", "2026-02-28", 2), *daily("2026-03-01", "2026-03-10", 3)]
    cubes = InMemorySpendCubes([*rows, row("2026-03-11", UNIT)], complete_through=date(2026, 3, 10))
    found = asked(cubes, months=2, until="2026-03")
    assert units(only(found).total) == [56, 31]
    change = found.layout.changes(only(found).total)[1]
    assert change is not None
    assert change.amount == 30 * UNIT


def test_what_a_bill_has_of_days_before_its_month_counts_on_the_first() -> None:
    late = row("2026-02-27", 5 * UNIT)._replace(month="2026-03")
    rows = [*daily("2026-02-01", "2026-02-28", 2), *daily("2026-03-01", "2026-03-10", 3), late]
    change = asked(rows, months=2).layout.changes(only(asked(rows, months=2)).total)[1]
    assert change is not None
    assert change.amount == 35 * UNIT


def test_a_month_that_is_not_loaded_is_a_gap_and_no_zero() -> None:
    rows = [*daily("2026-01-01", "2026-01-31", 1), *daily("2026-03-01", "2026-03-10", 1)]
    found = asked(rows, months=3)
    assert units(only(found).total) == [31, None, 10]
    assert found.layout.changes(only(found).total) == [None, None, None]
    assert found.gaps == ["2026-02 is not loaded and allocated: a gap, not zero"]


def test_a_bill_that_is_in_no_cube_is_named_to_who_may_know() -> None:
    cubes = InMemorySpendCubes(daily("2026-02-01", "2026-02-28", 1), missing=["the bill of 1"])
    assert asked(cubes, months=1).gaps == ["the bill of 1"]
    owner = asked(cubes, months=1, who=person(Role.PRODUCT_OWNER, WEB_SHOP))
    assert owner.gaps == ["a bill of these months is not there yet"]


def test_without_a_month_the_newest_that_is_loaded_is_the_last() -> None:
    found = asked(daily("2025-11-01", "2025-11-30", 1), months=2)
    assert [span.label for span in found.layout.spans] == ["2025-10", "2025-11"]


def test_where_nothing_is_loaded_all_months_are_gaps() -> None:
    found = asked([], months=2)
    assert [span.label for span in found.layout.spans] == ["2026-02", "2026-03"]
    assert (len(found.gaps), units(only(found).total)) == (2, [None, None])


def test_a_payer_that_was_there_before_is_missed() -> None:
    rows = [
        *daily("2026-01-01", "2026-02-28", 1),
        *daily("2026-01-01", "2026-01-31", 1, payer="999988887777"),
    ]
    assert "of the payer 999988887777 there is nothing in 2026-02" in asked(rows, months=2).notes


# Quarters -----------------------------------------------------------------------------------------


def test_fiscal_quarters_are_told_and_a_part_is_marked() -> None:
    rows = [*daily("2025-11-01", "2026-02-28", 1), *daily("2026-03-01", "2026-03-10", 2)]
    found = asked(rows, months=5, step=Step.QUARTER, first_month=2)
    assert [(span.label, span.is_part) for span in found.layout.spans] == [
        ("FY2026 Q4", False),
        ("FY2027 Q1", True),
    ]
    assert units(only(found).total) == [92, 48]
    change = found.layout.changes(only(found).total)[1]
    assert change is not None
    # February and ten days of March, against November and ten days of December.
    assert (change.amount, change.before) == (48 * UNIT, 40 * UNIT)
    assert (change.days, change.days_before) == (38, 40)
    assert "FY2027 Q1 is a part of a quarter: 2026-02, 2026-03" in found.notes


# Rows ---------------------------------------------------------------------------------------------


def test_rows_are_by_any_three_dimensions_with_names() -> None:
    rows = daily("2026-02-01", "2026-02-28", 1, product_id=WEB_SHOP, tags={"user:Team": "web"})
    [one] = only(asked(rows, "product", "tag:user:Team", "reason", months=1)).rows
    assert one.values == (WEB_SHOP, "web", None)
    assert one.names == ("Web shop", "web", "No reason")


def test_what_nobody_owns_is_a_row_and_what_aws_credited_is_apart() -> None:
    rows = [
        row("2026-02-28", 10 * UNIT),
        row("2026-02-28", 4 * UNIT, product_id=None, reason="NoShares"),
        row("2026-02-28", -3 * UNIT, product_id=None, charge_class=CREDIT),
    ]
    table = only(asked(rows, "product", months=1))
    assert [(one.names[0], units(one.sums)) for one in table.rows] == [
        ("Web shop", [10]),
        ("Nobody owns it", [4]),
    ]
    assert table.credits is not None
    assert table.net is not None
    assert (units(table.total), units(table.credits), units(table.net)) == ([14], [-3], [11])


def test_credits_stay_apart_where_classes_are_told_apart() -> None:
    rows = [row("2026-02-28", 10 * UNIT), row("2026-02-28", -3 * UNIT, charge_class=CREDIT)]
    table = only(asked(rows, "class", months=1))
    assert [one.values for one in table.rows] == [("Usage",)]
    assert units(table.total) == [10]


def test_the_largest_rows_are_told_and_the_others_as_one() -> None:
    rows = [row("2026-02-28", n * UNIT, service=f"S{n}") for n in range(1, 6)]
    table = only(asked(rows, months=1, limit=2))
    assert [one.values for one in table.rows] == [("S5",), ("S4",)]
    assert table.others is not None
    assert (table.others.names, table.others.together) == (("3 others",), 3)
    assert (units(table.others.sums), units(table.total)) == ([6], [15])


def test_more_amounts_than_an_answer_holds_are_refused_with_what_to_ask_instead() -> None:
    """601 services in twenty months are 12,020 amounts."""
    rows = [row("2026-03-01", UNIT, service=f"S{n}") for n in range(601)]
    assert len(only(asked(rows, months=20, limit=600)).rows) == 600
    with pytest.raises(InvalidError, match=r"limit: 601 rows in 20 spans .* 12,000 .* 600 or less"):
        asked(rows, months=20, limit=1000)


def test_two_currencies_are_two_tables() -> None:
    rows = [row("2026-02-28", UNIT), row("2026-02-28", 5 * UNIT, currency="CNY")]
    found = asked(rows, months=1)
    assert [(one.currency, units(one.total)) for one in found.tables] == [
        ("CNY", [5]),
        ("USD", [1]),
    ]
    assert [one.currency for one in asked(rows, months=1, currency="CNY").tables] == ["CNY"]


def test_conditions_of_one_dimension_are_any_and_dimensions_are_all() -> None:
    rows = [
        row("2026-02-28", 1 * UNIT, service="A", region=None),
        row("2026-02-28", 2 * UNIT, service="B", region=None),
        row("2026-02-28", 4 * UNIT, service="B"),
        row("2026-02-28", 8 * UNIT, service="C", region=None),
    ]
    where = ("service=A", "service=B", "region=(none)")
    assert units(only(asked(rows, months=1, where=where)).total) == [3]


def test_a_tag_that_an_older_month_does_not_tell_is_absent_there() -> None:
    old = daily("2026-02-01", "2026-02-28", 1)
    new = daily("2026-03-01", "2026-03-10", 1, tags={"user:Team": "web"})
    found = asked([*old, *new], "tag:user:Team", months=2)
    told = {one.names[0]: units(one.sums) for one in only(found).rows}
    assert told == {"web": [0, 10], "Untagged": [28, 0]}
    where = asked([*old, *new], months=2, where=("tag:user:Team=web",))
    assert units(only(where).total) == [0, 10]


def test_movers_are_those_of_the_newest_span() -> None:
    rows = [
        *daily("2026-02-01", "2026-02-28", 2, service="A"),
        *daily("2026-03-01", "2026-03-10", 7, service="A"),
        *daily("2026-02-01", "2026-03-10", 9, service="B"),
    ]
    [one] = only(asked(rows, months=2)).movers
    assert (one.names, one.change.per_day_change) == (("A",), 5 * UNIT)


# Whose ----------------------------------------------------------------------------------------------


def test_an_owner_sees_their_scope_and_nothing_of_others() -> None:
    rows = [
        row("2026-02-28", 10 * UNIT, product_id=WEB_SHOP),
        row("2026-02-28", 7 * UNIT, product_id=LOANS, payer="999988887777"),
        row("2026-02-28", 5 * UNIT, product_id=None, reason="NoShares"),
        row("2026-02-28", -3 * UNIT, product_id=None, charge_class=CREDIT),
    ]
    owner = person(Role.PRODUCT_OWNER, WEB_SHOP)
    found = asked(rows, "product", months=1, who=owner)
    table = only(found)
    assert [one.values for one in table.rows] == [(WEB_SHOP,)]
    assert (units(table.total), table.credits, table.net) == ([10], None, None)
    assert {head.payer for head in found.heads} == {"111122223333"}
    for element in (LOANS, "nowhere"):
        with pytest.raises(NotFoundError, match=element):
            asked(rows, months=1, who=owner, element=element)


def test_an_element_that_no_chart_has_is_not_found() -> None:
    with pytest.raises(NotFoundError, match="no nowhere in the chart"):
        asked([row("2026-02-28", UNIT)], months=1, element="nowhere")


@pytest.mark.parametrize(
    "question, words",
    [
        ({"months": 0}, "months: ask for 1 to 120"),
        ({"months": 121}, "months: ask for 1 to 120"),
        ({"until": "2026-04"}, "until: 2026-04 has not begun; name 2026-03"),
        ({"until": "soon"}, "no billing period"),
        ({"where": ("service",)}, "where: 'service' is no condition"),
        ({"where": ("colour=red",)}, "'colour' is no dimension"),
    ],
    ids=str,
)
def test_what_cannot_be_asked_is_named(question: dict[str, Any], words: str) -> None:
    with pytest.raises(InvalidError, match=words):
        asked([row("2026-02-28", UNIT)], **question)


# Cubes that are replaced ---------------------------------------------------------------------------


class Restless(InMemorySpendCubes):
    """Cubes that are replaced after each of the first so many questions."""

    replaced = 0
    asked = 0

    def ask(self, query: CubeQuery) -> CubeAnswer:
        self.asked += 1
        found = super().ask(query)
        run = min(self.asked, self.replaced)
        heads = [one.model_copy(update={"run_id": f"run-{run}"}) for one in found.heads]
        return found._replace(heads=heads)


def test_a_cube_that_is_replaced_between_two_questions_is_asked_again() -> None:
    cubes = Restless([*daily("2026-02-01", "2026-02-28", 2), *daily("2026-03-01", "2026-03-10", 3)])
    cubes.replaced = 2
    assert units(only(asked(cubes, months=2)).total) == [56, 30]


def test_cubes_that_are_replaced_all_the_time_are_for_later() -> None:
    cubes = Restless([*daily("2026-02-01", "2026-02-28", 2), *daily("2026-03-01", "2026-03-10", 3)])
    cubes.replaced = 1_000
    with pytest.raises(ConflictError, match="ask again in a minute"):
        asked(cubes, months=2)


# Adding up ----------------------------------------------------------------------------------------

some_rows = st.lists(
    st.builds(
        row,
        st.sampled_from(
            ["2025-12-31", "2026-01-01", "2026-01-30", "2026-02-01", "2026-02-28", "2026-03-10"]
        ),
        st.integers(-(10**12), 10**13),
        service=st.sampled_from(["A", "B", None]),
        product_id=st.sampled_from([WEB_SHOP, LOANS, None]),
        region=st.sampled_from(["eu-central-1", None]),
        charge_class=st.sampled_from(["Usage", "Tax", CREDIT]),
        currency=st.sampled_from(["USD", "EUR"]),
    ),
    max_size=25,
)


@given(
    some_rows,
    st.lists(
        st.sampled_from(["service", "product", "region", "class"]),
        min_size=1,
        max_size=3,
        unique=True,
    ),
    st.sampled_from(Step),
    st.integers(1, 3),
)
def test_rows_and_others_are_the_total_and_with_credits_the_bill(
    rows: list[CubeRow], by: list[str], step: Step, limit: int
) -> None:
    found = asked(rows, *by, months=4, until="2026-03", step=step, limit=limit)
    for table in found.tables:
        parts = [*table.rows, *([table.others] if table.others else [])]
        whole = found.layout.nothing()
        for one in parts:
            whole = whole + one.sums
        assert whole == table.total
        assert table.net is not None
        bill = [
            sum(
                one.amount
                for one in rows
                if one.currency == table.currency and one.month in span.loaded
            )
            if span.loaded
            else None
            for span in found.layout.spans
        ]
        assert list(table.net.amounts) == bill
    told = history_views.history(found)
    assert {one["currency"] for one in told["items"]} == {one.currency for one in found.tables}


# Views --------------------------------------------------------------------------------------------


def usual() -> list[CubeRow]:
    return [
        *daily("2025-12-01", "2025-12-31", 2),
        *daily("2026-02-01", "2026-02-28", 2),
        *daily("2026-03-01", "2026-03-10", 3),
        *daily("2026-03-01", "2026-03-10", 1, service="=cmd<b>", account="777788889999"),
        row("2026-03-02", -5 * UNIT, product_id=None, charge_class=CREDIT),
    ]


def test_json_tells_spans_rows_totals_and_what_is_missing() -> None:
    told = history_views.history(asked(usual(), months=4))
    assert told["spans"][3] == {
        "span": "2026-03",
        "start": "2026-03-01",
        "end": "2026-04-01",
        "months": ["2026-03"],
        "gaps": [],
        "days": 10,
        "is_part": True,
        "compared": [{"month": "2026-03", "days": 10, "before": "2026-02", "before_days": 10}],
    }
    [table] = told["items"]
    first = table["rows"][0]
    assert first["values"] == first["names"] == ["AmazonEC2"]
    assert [one["amount"] for one in first["spans"]] == [
        "62.0000000000",
        None,
        "56.0000000000",
        "30.0000000000",
    ]
    assert first["spans"][3]["change"] == {
        "amount": "30.0000000000",
        "days": 10,
        "before": "20.0000000000",
        "before_days": 10,
        "change": "10.0000000000",
        "percent": "50.00",
        "per_day": "3.0000000000",
        "per_day_before": "2.0000000000",
        "per_day_change": "1.0000000000",
        "per_day_percent": "50.00",
    }
    assert table["net"][3]["amount"] == "35.0000000000"
    assert told["gaps"] == ["2026-01 is not loaded and allocated: a gap, not zero"]


def test_the_table_has_every_row_in_every_span() -> None:
    header, rows = history_views.table(asked(usual(), "service", "account", months=4))
    items = [dict(zip(header, one, strict=True)) for one in rows]
    assert len(items) == 4 * (2 + 3)
    march = [one for one in items if one["span"] == "2026-03"]
    assert [(one["part"], one["service"], one["amount"]) for one in march] == [
        ("Spend", "AmazonEC2", "30.0000000000"),
        ("Spend", "=cmd<b>", "10.0000000000"),
        ("Total", None, "40.0000000000"),
        ("AwsCredits", None, "-5.0000000000"),
        ("Net", None, "35.0000000000"),
    ]
    out = io.StringIO()
    csv.writer(out).writerows([header, *rows])
    assert out.getvalue().count("\n") == 21


def test_the_page_stands_alone_and_runs_nothing_that_a_bill_says() -> None:
    page = history_views.history_page(asked(usual(), months=4), LETTERS)
    assert page.startswith("<!doctype html>")
    assert "<b>" not in page
    assert "=cmd&lt;b&gt;" in page
    assert 'src="data:image/svg+xml;base64,' in page
    assert "cid:" not in page
    for said in ("a gap, not zero", "2026-03 (part)", "40.00", "not loaded", "-5.00"):
        assert said in page


def test_the_plot_has_the_totals_and_a_gap() -> None:
    found = asked(usual(), months=4)
    svg = history_views.plot(only(found), found)
    assert 'data-amount="40.0000000000"' in svg
    assert ">gap<" in svg
