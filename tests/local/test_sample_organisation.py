"""The sample organisation says what its bill says, and its files do what they are for."""

import csv
import io
from pathlib import Path

import pytest

from finops.domain.chart_files import Controls, read
from finops.domain.charts import Chart, apply
from finops.domain.elements import level, parent
from finops.domain.money import from_ticks
from finops.domain.people import Role, address, must_fit
from finops.local.sample import SampleOrganisation, write_organisation
from finops.local.sample.chart import PORTFOLIO_OWNERS, PRODUCTS
from finops.local.sample.organisation import APPLICATIONS, WORKLOADS


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> SampleOrganisation:
    return write_organisation(tmp_path_factory.mktemp("organisation"))


def applied(chart: Chart | None, file: Path, **planned: int) -> tuple[Chart | None, list[str]]:
    after, report = apply(
        chart, Controls.of(file.name), read(file.read_bytes()), first_month=1, planned=planned
    )
    return after, [error.detail for error in report.errors]


def test_every_application_of_the_bill_is_a_product() -> None:
    assert PRODUCTS.keys() == APPLICATIONS.keys()
    assert len({product.id for product in PRODUCTS.values()}) == len(PRODUCTS)


def test_budgets_are_a_little_above_what_the_applications_cost() -> None:
    costs = dict.fromkeys(APPLICATIONS, 0)
    for applications in WORKLOADS.values():
        for application, runs in applications.items():
            costs[application] += 12 * sum(run.cost for run in runs)

    for application, cost in costs.items():
        assert PRODUCTS[application].annual > cost
    assert sum(product.annual for product in PRODUCTS.values()) < 1.2 * sum(costs.values())


def test_the_chart_loads_without_an_error_and_its_name_carries_its_controls(
    files: SampleOrganisation,
) -> None:
    controls = Controls.of(files.chart.name)
    chart, errors = applied(None, files.chart)

    assert (controls.year, controls.is_new, controls.is_override) == (2026, True, False)
    assert errors == []
    assert chart is not None
    assert chart.labels == ("Business unit", "Department", "Portfolio", "Product")
    assert len(chart.products) == 17
    assert from_ticks(chart.annual("", chart.fiscal_year.last_day)) == 2_213_000


def test_most_products_come_with_proposed_months_and_none_with_more_than_its_year(
    files: SampleOrganisation,
) -> None:
    rows = read(files.chart.read_bytes()).rows

    with_months = [row for row in rows if row.months is not None]
    assert len(rows) / 2 < len(with_months) < len(rows)
    assert all(sum(row.months or ()) <= row.annual for row in with_months)


def test_the_change_starts_in_july_and_names_only_what_changes(files: SampleOrganisation) -> None:
    controls = Controls.of(files.change.name)
    chart, _ = applied(None, files.chart)
    changed, errors = applied(chart, files.change)

    assert (controls.is_new, f"{controls.start}") == (False, "2026-07-01")
    assert errors == []
    assert changed is not None
    assert len(changed.products) == 18
    shop = changed.product("retail.digital.storefront.web-shop")
    assert shop is not None
    assert [int(from_ticks(step.annual or 0)) for step in shop.steps] == [780_000, 840_000]


def test_every_row_of_the_broken_file_but_the_first_is_wrong_in_its_own_way(
    files: SampleOrganisation,
) -> None:
    chart, _ = applied(None, files.chart)

    after, errors = applied(chart, files.broken)

    assert after == chart
    assert len(errors) == 9
    assert len(set(errors)) == 9
    for said in ("thousands", "decimal comma", "same product", "negative", "currency", "1 column"):
        assert any(said in error for error in errors)


def test_everybody_holds_elements_of_the_chart_at_the_level_of_their_role(
    files: SampleOrganisation,
) -> None:
    chart, _ = applied(None, files.chart)
    assert chart is not None

    people = list(csv.DictReader(io.StringIO(files.people.read_text("utf-8-sig"))))

    for person in people:
        scope = [element for element in person["scope"].split(";") if element]
        assert address(person["email"]) == person["email"]
        assert set(scope) <= set(chart.elements)
        must_fit(Role(person["role"]), scope, across=False)
    assert len({person["email"] for person in people}) == len(people)


def test_every_portfolio_has_an_owner_and_every_product_but_one(files: SampleOrganisation) -> None:
    chart, _ = applied(None, files.chart)
    assert chart is not None
    people = csv.DictReader(io.StringIO(files.people.read_text("utf-8-sig")))

    held = {element for person in people for element in person["scope"].split(";") if element}

    assert {parent(product.id) for product in chart.products} <= held
    assert [product.id for product in chart.products if product.id not in held] == [
        "technology.platform.innovation.ideas"
    ]
    assert len([element for element in held if level(element) == 3]) == len(PORTFOLIO_OWNERS)


def test_the_same_year_is_the_same_bytes_and_another_year_another_chart(
    files: SampleOrganisation, tmp_path: Path
) -> None:
    again = write_organisation(tmp_path / "again")
    later = write_organisation(tmp_path / "later", year=2031)

    for ours, theirs in zip(files.paths, again.paths, strict=True):
        assert (ours.name, ours.read_bytes()) == (theirs.name, theirs.read_bytes())
    assert Controls.of(later.change.name).year == 2031
    assert f"{Controls.of(later.change.name).start}" == "2031-07-01"
