"""A file changes the chart from its start on and nothing before it: trap 22."""

from collections.abc import Mapping
from datetime import date, timedelta
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from finops.domain.chart_files import ChartFile, Controls, Row, RowError
from finops.domain.charts import Chart, ChartReport, Product, Step, apply
from finops.domain.elements import ENTERPRISE, element_id
from finops.domain.errors import NotFoundError
from finops.domain.fiscal_years import FiscalYear

some = settings(max_examples=60, deadline=None, derandomize=True)

LABELS = ("Unit", "Department", "Portfolio", "Product")
YEAR = FiscalYear(2026)
JAN, MAR, APR, JUL, OCT = (date(2026, month, 1) for month in (1, 3, 4, 7, 10))
WEB = "retail.digital.storefront.web"
APP = "retail.digital.storefront.app"
TV = "media.digital.screens.tv"
LATER_STEPS = (
    f"later steps stay in force, of 1 of the file's products, e.g. {WEB} from 2026-07-01 on;"
    " isOverride=true replaces them"
)
PATHS = {
    "web": ("Retail", "Digital", "Storefront", "Web"),
    "app": ("Retail", "Digital", "Storefront", "App"),
    "tv": ("Media", "Digital", "Screens", "TV"),
    "tv under retail": ("Retail", "Digital", "Screens", "TV"),
}


def controls(start: date = JAN, *, is_new: bool = False, is_override: bool = False) -> Controls:
    return Controls(
        customer="Acme",
        year=2026,
        is_new=is_new,
        start=start,
        is_override=is_override,
        option="Budget",
        edition="v1",
    )


def file(**amounts: int) -> ChartFile:
    """A file of some of PATHS, with their amounts."""
    rows = [
        Row(number=number, names=PATHS[path.replace("_", " ")], annual=annual)
        for number, (path, annual) in enumerate(amounts.items(), 2)
    ]
    return ChartFile(labels=LABELS, rows=tuple(rows))


def loaded(
    chart: Chart | None,
    said: Controls,
    of: ChartFile,
    *,
    planned: Mapping[str, int] | None = None,
) -> tuple[Chart, ChartReport]:
    after, report = apply(chart, said, of, first_month=1, planned=planned or {})
    assert report.errors == ()
    assert after is not None
    return after, report


def steps(chart: Chart, product_id: str) -> list[tuple[date, int | None]]:
    product = chart.product(product_id)
    return [(step.start, step.annual) for step in product.steps] if product else []


@pytest.fixture
def chart() -> Chart:
    """Web 100, App 50 and TV 30 from January on."""
    return loaded(None, controls(is_new=True), file(web=100, app=50, tv=30))[0]


# -- products ---------------------------------------------------------------------------------


def test_the_newest_step_in_force_is_the_annual_amount() -> None:
    product = Product(
        id=WEB,
        names=PATHS["web"],
        steps=(Step(start=MAR, annual=100), Step(start=JUL, annual=150)),
    )

    assert product.annual(date(2026, 2, 28)) is None
    assert [product.annual(day) for day in (MAR, date(2026, 6, 30), JUL)] == [100, 100, 150]
    assert (product.limit(JAN), product.limit(JUL)) == (100, 150)
    assert (product.is_alive(JAN), product.is_alive(MAR)) == (False, True)
    assert (product.starts, product.ends(YEAR)) == (MAR, date(2027, 1, 1))


def test_a_product_ends_the_day_before_its_last_step() -> None:
    product = Product(
        id=WEB,
        names=PATHS["web"],
        steps=(Step(start=JAN, annual=100), Step(start=JUL, annual=None)),
    )

    assert product.ends(YEAR) == JUL
    assert (product.is_alive(date(2026, 6, 30)), product.is_alive(JUL)) == (True, False)
    assert (product.limit(JUL), product.lives_from(JUL)) == (None, False)


def test_the_limit_looks_ahead_to_when_a_product_lives_next() -> None:
    steps = (Step(start=MAR, annual=None), Step(start=JUL, annual=0), Step(start=OCT, annual=70))
    product = Product(id=WEB, names=PATHS["web"], steps=(Step(start=JAN, annual=100), *steps))

    assert [product.limit(day) for day in (JAN, MAR, JUL, OCT)] == [100, 0, 0, 70]


# -- the tree ---------------------------------------------------------------------------------


def test_a_chart_finds_what_is_below_an_element(chart: Chart) -> None:
    assert chart.children(ENTERPRISE) == ("media", "retail")
    assert chart.children("retail.digital.storefront") == (APP, WEB)
    assert chart.children(WEB) == ()
    assert [product.id for product in chart.products_under("retail")] == [APP, WEB]
    assert [product.id for product in chart.products_under(WEB)] == [WEB]
    assert len(chart.products_under(ENTERPRISE)) == 3
    assert chart.products_under("ret") == ()
    assert len(chart.elements) == 3 + 4 + 2  # Media's path, Retail's, and its two products' rest


def test_every_element_has_a_name(chart: Chart) -> None:
    assert chart.names(ENTERPRISE) == "Enterprise"
    assert chart.names("retail.digital") == "Digital"
    assert chart.names(TV) == "TV"
    with pytest.raises(
        NotFoundError, match=r"there is no retail\.x in the chart of accounts of 2026"
    ):
        chart.names("retail.x")


def test_a_chart_is_read_back_as_it_was_written(chart: Chart) -> None:
    assert Chart.model_validate_json(chart.model_dump_json()) == chart


# -- a new chart ------------------------------------------------------------------------------


def test_a_new_chart_starts_with_the_year_whatever_its_start_date_says() -> None:
    after, report = loaded(None, controls(MAR, is_new=True), file(web=100))

    assert steps(after, WEB) == [(JAN, 100)]
    assert report.start == JAN
    assert report.warnings == (
        "isNew=true: starts on 2026-01-01, startDate 2026-03-01 is not used",
    )


def test_a_first_file_that_is_not_new_is_taken_with_a_warning() -> None:
    after, report = loaded(None, controls(MAR), file(web=100))

    assert steps(after, WEB) == [(MAR, 100)]
    assert report.warnings == (
        "there is no chart of accounts of 2026 yet: isNew=false starts it on 2026-03-01",
    )


def test_the_report_says_what_was_added_and_the_totals() -> None:
    _, report = loaded(None, controls(is_new=True), file(web=100, tv=30))

    assert [(change.product_id, change.before, change.after) for change in report.added] == [
        (TV, None, 30),
        (WEB, None, 100),
    ]
    assert (report.rows, report.annual_before, report.annual_after) == (2, 0, 130)
    assert not report.changes_nothing


def test_a_year_from_july_starts_in_july() -> None:
    after, _ = apply(None, controls(is_new=True), file(web=100), first_month=7, planned={})

    assert after is not None
    assert steps(after, WEB) == [(date(2025, 7, 1), 100)]


# -- a change in the year ---------------------------------------------------------------------


def test_a_change_is_a_step_and_leaves_who_is_absent_alone(chart: Chart) -> None:
    after, report = loaded(chart, controls(APR), file(web=120))

    assert steps(after, WEB) == [(JAN, 100), (APR, 120)]
    assert steps(after, APP) == [(JAN, 50)]
    assert [(change.before, change.after) for change in report.changed] == [(100, 120)]
    assert (report.annual_before, report.annual_after) == (180, 200)


def test_a_second_change_of_the_same_start_replaces_the_first(chart: Chart) -> None:
    once, _ = loaded(chart, controls(APR), file(web=120))
    twice, report = loaded(once, controls(APR), file(web=130))

    assert steps(twice, WEB) == [(JAN, 100), (APR, 130)]
    assert [(change.before, change.after) for change in report.changed] == [(120, 130)]


def test_an_amount_that_is_in_force_already_makes_no_step(chart: Chart) -> None:
    after, report = loaded(chart, controls(APR), file(web=100))

    assert after == chart
    assert [change.product_id for change in report.unchanged] == [WEB]
    assert report.changes_nothing


def test_later_steps_stay_in_force_and_the_report_says_so(chart: Chart) -> None:
    once, _ = loaded(chart, controls(JUL), file(web=150, app=60))
    after, report = loaded(once, controls(APR), file(web=120))

    assert steps(after, WEB) == [(JAN, 100), (APR, 120), (JUL, 150)]
    assert report.warnings == (LATER_STEPS,)


def test_a_new_chart_over_an_old_one_resets_the_start_and_keeps_the_history(chart: Chart) -> None:
    once, _ = loaded(chart, controls(JUL), file(web=150))
    after, report = loaded(once, controls(APR, is_new=True), file(web=110))

    assert steps(after, WEB) == [(JAN, 110), (JUL, 150)]
    assert steps(after, APP) == [(JAN, 50)]
    assert [warning.partition(":")[0] for warning in report.warnings] == [
        "isNew=true",
        LATER_STEPS,
    ]


def test_a_row_without_months_keeps_what_was_proposed() -> None:
    row = Row(number=2, names=PATHS["web"], annual=120, months=(10,) * 12)
    first, _ = loaded(None, controls(is_new=True), ChartFile(labels=LABELS, rows=(row,)))
    after, _ = loaded(first, controls(APR), file(web=130))
    other = row.model_copy(update={"months": (5,) * 12})
    changed, report = loaded(first, controls(JAN), ChartFile(labels=LABELS, rows=(other,)))

    assert [product.proposed for product in after.products] == [(10,) * 12]
    assert [product.proposed for product in changed.products] == [(5,) * 12]
    assert [(change.before, change.after) for change in report.changed] == [(120, 120)]


# -- an override ------------------------------------------------------------------------------


def test_an_override_ends_what_is_absent_the_day_before_and_deletes_nothing(chart: Chart) -> None:
    after, report = loaded(chart, controls(APR, is_override=True), file(web=100))

    assert steps(after, TV) == [(JAN, 30), (APR, None)]
    assert [change.product_id for change in report.ended] == [TV, APP]
    assert [(change.before, change.after) for change in report.ended] == [(30, None), (50, None)]
    assert after.annual(ENTERPRISE, date(2026, 3, 31)) == 180
    assert after.annual(ENTERPRISE, APR) == report.annual_after == 100
    assert after.names("media") == "Media"


def test_no_product_ends_in_a_month_that_is_closed(chart: Chart) -> None:
    """It has paid for something there. App and TV would have ended in January."""
    override, web = controls(JAN, is_new=True, is_override=True), file(web=100)
    same, report = apply(chart, override, web, first_month=1, planned={}, open_from=APR)

    [error] = report.errors
    assert same == chart
    assert error.detail == (
        f"{TV} and 1 more would end on 2026-01-01, in a closed month; end products on 2026-04-01 or "
        "later: isNew=false and startDate 2026-04-01"
    )
    remedy = controls(APR, is_override=True)
    after, report = apply(chart, remedy, web, first_month=1, planned={}, open_from=APR)
    assert after is not None
    assert report.errors == ()
    assert steps(after, APP) == [(JAN, 50), (APR, None)]


def test_a_product_that_would_begin_later_may_be_taken_back_from_a_closed_month_on() -> None:
    chart, _ = loaded(None, controls(is_new=True), file(web=100))
    ahead, _ = loaded(chart, controls(OCT), file(app=50))

    _, report = apply(
        *(ahead, controls(JAN, is_override=True), file(web=100)),
        first_month=1,
        planned={},
        open_from=APR,
    )

    assert report.errors == ()


def test_amounts_of_a_year_change_whatever_is_closed(chart: Chart) -> None:
    after, report = apply(
        chart, controls(JAN), file(web=120), first_month=1, planned={}, open_from=APR
    )

    assert report.errors == ()
    assert after is not None
    assert steps(after, WEB) == [(JAN, 120)]


def test_no_product_of_a_year_that_is_closed_ends(chart: Chart) -> None:
    override = controls(OCT, is_override=True)
    _, report = apply(
        chart, override, file(web=1), first_month=1, planned={}, open_from=date(2027, 1, 1)
    )

    assert [error.detail.partition("; ")[2] for error in report.errors] == [
        "all of 2026 is closed: end products with the chart of a later year"
    ]


def test_an_override_replaces_later_steps_too(chart: Chart) -> None:
    once, _ = loaded(chart, controls(JUL), file(web=150, tv=40))
    after, report = loaded(once, controls(APR, is_override=True), file(web=100))

    assert steps(after, WEB) == [(JAN, 100)]
    assert steps(after, TV) == [(JAN, 30), (APR, None)]
    assert [change.product_id for change in report.changed] == [WEB]
    assert (report.annual_before, report.annual_after) == (240, 100)
    assert report.warnings == ()


def test_an_override_ends_what_would_have_started_later() -> None:
    first, _ = loaded(None, controls(JUL), file(web=100, tv=30))
    after, report = loaded(first, controls(APR, is_override=True), file(web=100))

    assert steps(after, TV) == [(APR, None)]
    assert [(change.kind, change.before) for change in report.ended] == [("Ended", None)]


def test_a_product_that_ended_can_come_back(chart: Chart) -> None:
    once, _ = loaded(chart, controls(APR, is_override=True), file(web=100))
    after, report = loaded(once, controls(JUL), file(tv=35))

    assert steps(after, TV) == [(JAN, 30), (APR, None), (JUL, 35)]
    assert [change.product_id for change in report.added] == [TV]


# -- moves ------------------------------------------------------------------------------------


def test_a_product_cannot_be_under_two_parents_at_once(chart: Chart) -> None:
    after, report = apply(
        chart, controls(APR), file(web=120, tv_under_retail=30), first_month=1, planned={}
    )

    assert after is chart
    assert [(error.row, error.column, error.value) for error in report.errors] == [
        (3, "Product", "TV")
    ]
    assert "is already under Media / Digital / Screens" in report.errors[0].detail
    assert "isOverride=true" in report.errors[0].detail


def test_an_override_moves_a_product_and_its_past_stays_under_the_old_parent(chart: Chart) -> None:
    after, report = loaded(
        chart, controls(APR, is_override=True), file(web=100, app=50, tv_under_retail=30)
    )

    assert [change.product_id for change in report.ended] == [TV]
    assert [change.product_id for change in report.added] == ["retail.digital.screens.tv"]
    assert [after.annual("media", day) for day in (MAR, APR)] == [30, 0]
    assert [after.annual("retail", day) for day in (MAR, APR)] == [150, 180]


def test_a_product_whose_old_path_has_ended_is_no_conflict(chart: Chart) -> None:
    once, _ = loaded(chart, controls(APR, is_override=True), file(web=100, app=50))
    after, report = loaded(once, controls(APR), file(tv_under_retail=30))

    assert [change.product_id for change in report.added] == ["retail.digital.screens.tv"]
    assert after.annual("media", APR) == 0


def test_a_product_that_is_to_start_elsewhere_later_is_a_conflict_already(chart: Chart) -> None:
    gone, _ = loaded(chart, controls(MAR, is_override=True), file(web=100, app=50))
    later, _ = loaded(gone, controls(JUL), file(tv=30))
    _, report = apply(later, controls(APR), file(tv_under_retail=30), first_month=1, planned={})

    assert report.is_refused


def test_the_past_of_a_product_that_moves_later_can_still_be_changed(chart: Chart) -> None:
    moved, _ = loaded(chart, controls(JUL, is_override=True), file(web=100, tv_under_retail=30))
    after, _ = loaded(moved, controls(APR), file(tv=25))

    assert steps(after, TV) == [(JAN, 30), (APR, 25), (JUL, None)]


# -- names and labels -------------------------------------------------------------------------


def test_another_spelling_holds_for_the_whole_tree_and_is_told(chart: Chart) -> None:
    row = Row(number=2, names=("RETAIL", "Digital", "Storefront", "Web"), annual=100)
    after, report = loaded(chart, controls(APR), ChartFile(labels=LABELS, rows=(row,)))

    assert {product.names[0] for product in after.products} == {"RETAIL", "Media"}
    assert after.names("retail") == "RETAIL"
    assert report.warnings == ("retail was spelled 'Retail' and is now 'RETAIL'",)
    assert report.respelled == ("retail",)
    assert [change.product_id for change in report.unchanged] == [WEB]
    assert not report.changes_nothing


def test_other_labels_are_told(chart: Chart) -> None:
    said = file(web=100).model_copy(update={"labels": ("A", "B", "C", "D")})
    after, report = loaded(chart, controls(APR), said)

    assert after.labels == ("A", "B", "C", "D")
    assert report.warnings == (
        "the labels were Unit, Department, Portfolio, Product and are now A, B, C, D",
    )
    assert not report.changes_nothing


# -- flags and refusals -----------------------------------------------------------------------


def test_a_product_that_gets_less_than_is_planned_is_flagged_and_not_cut(chart: Chart) -> None:
    planned = {WEB: 90, APP: 41, TV: 31}
    after, report = loaded(chart, controls(APR), file(web=90, app=40, tv=30), planned=planned)

    assert [change.product_id for change in report.flagged] == [APP]
    assert steps(after, APP) == [(JAN, 50), (APR, 40)]


def test_a_file_with_an_error_changes_nothing(chart: Chart) -> None:
    wrong = RowError(row=3, column="Product", detail="the name is empty")
    said = file(web=120).model_copy(update={"errors": (wrong,)})
    after, report = apply(chart, controls(APR), said, first_month=1, planned={})

    assert after is chart
    assert report.errors == (wrong,)
    assert (report.is_refused, report.changes_nothing) == (True, True)
    assert (report.changed, report.annual_before, report.annual_after) == ((), 180, 180)
    assert apply(None, controls(APR), said, first_month=1, planned={})[0] is None


def test_every_kind_of_error_is_told_at_once(chart: Chart) -> None:
    wrong = RowError(row=9, column="Product", detail="the name is empty")
    said = file(tv_under_retail=30).model_copy(update={"errors": (wrong,)})
    _, report = apply(chart, controls(date(2027, 1, 1)), said, first_month=1, planned={})

    assert [(error.row, error.value) for error in report.errors] == [
        (None, "2027-01-01"),
        (2, "TV"),
        (9, None),
    ]
    assert "not in fiscal year 2026" in report.errors[0].detail


def test_a_year_keeps_the_month_it_started_in(chart: Chart) -> None:
    after, report = apply(chart, controls(APR), file(web=1), first_month=4, planned={})

    assert after is chart
    assert "a year keeps the month it started in" in report.errors[-1].detail


# -- any sequence of files --------------------------------------------------------------------

NAMES = st.sampled_from(["A", "B"])
PRODUCTS = st.tuples(NAMES, NAMES, NAMES, st.sampled_from(["P", "Q", "R"]))
STARTS = st.integers(1, 12).map(lambda month: date(2026, month, 1))


@st.composite
def loads(draw: st.DrawFn) -> tuple[Controls, ChartFile]:
    rows = draw(
        st.lists(
            st.tuples(PRODUCTS, st.integers(0, 3)),
            min_size=1,
            max_size=3,
            unique_by=lambda row: row[0][3],
        )
    )
    said = controls(draw(STARTS), is_new=draw(st.booleans()), is_override=draw(st.booleans()))
    numbered = tuple(
        Row(number=number, names=names, annual=annual)
        for number, (names, annual) in enumerate(rows, 2)
    )
    return said, ChartFile(labels=LABELS, rows=numbered)


SEQUENCES = st.lists(loads(), min_size=1, max_size=6)
Sequence = list[tuple[Controls, ChartFile]]


def after_all(sequence: Sequence) -> Chart | None:
    chart: Chart | None = None
    for said, of in sequence:
        chart, _ = apply(chart, said, of, first_month=1, planned={})
    return chart


@some
@given(SEQUENCES)
def test_steps_are_in_order_and_one_a_start(sequence: Sequence) -> None:
    chart = after_all(sequence)

    assert chart is not None
    for product in chart.products:
        starts = [step.start for step in product.steps]
        assert starts == sorted(set(starts))
    assert list(chart.products) == sorted(chart.products, key=lambda product: product.id)


@some
@given(SEQUENCES)
def test_the_same_file_twice_changes_nothing(sequence: Sequence) -> None:
    once = after_all(sequence)
    again, report = apply(once, *sequence[-1], first_month=1, planned={})

    assert again == once
    assert report.changes_nothing
    assert report.is_refused or len(report.unchanged) == len(sequence[-1][1].rows)


@some
@given(SEQUENCES)
def test_an_override_ends_exactly_what_is_absent(sequence: Sequence) -> None:
    *earlier, (said, of) = sequence
    before = after_all(earlier)
    override = said.model_copy(update={"is_override": True})
    after, report = apply(before, override, of, first_month=1, planned={})

    start = override.starts(YEAR)
    listed = {element_id(row.names): row.annual for row in of.rows}
    lived = {p.id for p in before.products if p.lives_from(start)} if before else set()
    assert {change.product_id for change in report.ended} == lived - listed.keys()
    assert after is not None
    for day in (start, YEAR.last_day):
        assert {p.id: p.annual(day) for p in after.products if p.is_alive(day)} == listed


@some
@given(SEQUENCES)
def test_an_element_is_the_sum_of_its_children(sequence: Sequence) -> None:
    chart = after_all(sequence)

    assert chart is not None
    for day in (JAN, JUL, YEAR.last_day):
        for element in (ENTERPRISE, *chart.elements):
            if children := chart.children(element):
                assert chart.annual(element, day) == sum(chart.annual(c, day) for c in children)


@some
@given(SEQUENCES, st.randoms(use_true_random=False))
def test_the_order_of_rows_does_not_matter(sequence: Sequence, random: Random) -> None:
    *earlier, (said, of) = sequence
    before = after_all(earlier)
    shuffled = of.model_copy(update={"rows": tuple(random.sample(of.rows, len(of.rows)))})

    chart, report = apply(before, said, of, first_month=1, planned={})
    other, same = apply(before, said, shuffled, first_month=1, planned={})

    assert chart == other
    assert report.model_copy(update={"errors": ()}) == same.model_copy(update={"errors": ()})
    assert set(report.errors) == set(same.errors)


@some
@given(SEQUENCES)
def test_the_past_stays_as_it_was(sequence: Sequence) -> None:
    *earlier, (said, of) = sequence
    before = after_all(earlier)
    after, report = apply(before, said, of, first_month=1, planned={})

    if before and after and report.start:
        past = [month.start for month in YEAR.months if month.start < report.start]
        for day in (*past, report.start - timedelta(1)):
            for product in before.products:
                kept = after.product(product.id)
                assert kept is not None
                assert kept.annual(day) == product.annual(day)
            assert after.annual(ENTERPRISE, day) == before.annual(ENTERPRISE, day)


@some
@given(SEQUENCES)
def test_no_product_is_ever_alive_under_two_parents(sequence: Sequence) -> None:
    chart = after_all(sequence)

    assert chart is not None
    for month in YEAR.months:
        alive = [p.names[-1] for p in chart.products if p.is_alive(month.start)]
        assert len(alive) == len(set(alive))


@some
@given(SEQUENCES)
def test_a_report_accounts_for_every_row(sequence: Sequence) -> None:
    *earlier, (said, of) = sequence
    _, report = apply(after_all(earlier), said, of, first_month=1, planned={})

    if not report.is_refused:
        told = (*report.added, *report.changed, *report.unchanged)
        assert {c.product_id: c.after for c in told} == {
            element_id(row.names): row.annual for row in of.rows
        }
