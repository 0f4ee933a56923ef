"""The traps of cost allocation, walked into by the ledger itself: files in, files out."""

import json
from collections.abc import Callable
from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from finops.domain.bills import DIMENSIONS, cost_query
from finops.domain.charges import LineItem
from finops.domain.money import TICKS_PER_UNIT
from finops.domain.tags import collisions
from finops.ledger import queries
from tests import traps
from tests.ledger.bill_files import (
    Ledger,
    cur_row,
    differences,
    legacy_csv_rows,
    line,
    plain,
    rows,
    tagged,
    write_csv,
    write_parquet,
)
from tests.ledger.conftest import Worker

UNIT = TICKS_PER_UNIT

BILLS: dict[str, Callable[[], list[LineItem]]] = {
    "a savings plan": traps.savings_plan_day,
    "a reservation": traps.reservation_month,
    "a year paid upfront": lambda: [one for month in traps.all_upfront_year() for one in month],
    "containers": traps.containers,
    "three invoices": traps.classes,
    "a moved account": lambda: [one for bill in traps.moved_account() for one in bill],
}


def asked(worker: Worker, made: Ledger, by: tuple[str, ...], **where: str) -> dict[Any, int]:
    """Billed cost by dimensions, as the ledger's files answer."""
    query = cost_query("2026-09", by, ("billed",), where)
    name = "/charges.parquet" if query.needs_resources else "cube-"
    files = [file.path for file in made.merged.files if name in file.name]
    found = queries.sums(worker.connection, files, query).rows
    return {row[: len(by)] if len(by) > 1 else row[0]: int(row[len(by) + 1]) for row in found}


@pytest.mark.parametrize("name", BILLS)
@pytest.mark.parametrize("format_", ["CUR 2.0 Parquet", "CUR 2.0 CSV", "legacy CSV"])
def test_the_numbers_of_a_trap_are_those_of_the_plain_rule(
    worker: Worker, name: str, format_: str
) -> None:
    lines, folder = BILLS[name](), worker.folder()
    match format_:
        case "CUR 2.0 Parquet":
            file = write_parquet(folder / "a.parquet", [cur_row(one) for one in lines])
        case "CUR 2.0 CSV":
            file = write_csv(folder / "a.csv.gz", [cur_row(one) for one in lines])
        case _:
            file = write_csv(folder / "a.csv", legacy_csv_rows(lines))

    assert differences(worker.ledger(file).charges, plain(lines)) == []


@pytest.fixture(scope="module")
def planned(worker: Worker) -> Ledger:
    """The day of a Savings Plan, its halves in two files."""
    covered, rest = traps.savings_plan_day()[:2], traps.savings_plan_day()[2:]
    folder = worker.folder()
    files = [
        write_parquet(folder / f"{n}.parquet", [cur_row(one) for one in some])
        for n, some in enumerate((covered, rest))
    ]
    return worker.ledger(*files)


def test_a_savings_plan_costs_24_in_each_of_the_three_costs(planned: Ledger) -> None:
    for cost in ("unblended_cost", "billed_cost", "effective_cost"):
        assert planned.total(cost) == 24 * UNIT


@pytest.mark.parametrize("by", ["service", "account", "tags", "line_item_type", "resource"])
def test_the_groups_of_a_savings_plan_add_up_to_24(
    worker: Worker, planned: Ledger, by: str
) -> None:
    assert sum(asked(worker, planned, (by,)).values()) == 24 * UNIT


def test_usage_alone_is_billed_nothing_where_a_plan_has_paid_for_it(
    worker: Worker, planned: Ledger
) -> None:
    covered = asked(worker, planned, (), line_item_type="SavingsPlanCoveredUsage")

    assert list(covered.values()) == [0]
    assert asked(worker, planned, ("service",)) == {
        "AmazonEC2": 0,
        "ComputeSavingsPlans": 24 * UNIT,
    }


def test_split_lines_of_containers_leave_the_bill_at_10(worker: Worker) -> None:
    instance, *pods = traps.containers()

    alone = worker.ledger_of([cur_row(instance)])
    together = worker.ledger_of([cur_row(one) for one in (instance, *pods)])

    for cost in ("unblended_cost", "billed_cost", "effective_cost"):
        assert alone.total(cost) == together.total(cost) == 10 * UNIT
    assert together.total("split_cost") == 9 * UNIT
    assert together.total("split_unused_cost") == 1 * UNIT


def test_each_of_three_invoices_reconciles_alone_and_no_region_is_a_group(worker: Worker) -> None:
    made = worker.ledger_of([cur_row(one) for one in traps.classes()])

    assert asked(worker, made, ("invoice",)) == {
        "EUINES26-1": 1_605_000_000_000,
        "EUINES26-2": 210_000_000_000,
        "MARKET-3": 5_000_000_000_000,
    }
    assert asked(worker, made, ("region",)) == {
        "eu-west-1": 1_000_000_000_000,
        None: 5_815_000_000_000,
    }
    assert asked(worker, made, ("region",), region="(none)") == {None: 5_815_000_000_000}
    assert asked(worker, made, ("issuer",), billing_entity="AWS Marketplace") == {
        "Observability GmbH": 500 * UNIT
    }
    assert asked(worker, made, ("account",), line_item_type="Tax") == {
        "444455556666": 15 * UNIT,
        None: 6 * UNIT,
    }


def test_an_account_that_moves_payer_on_the_12th_has_rows_in_both_bills(worker: Worker) -> None:
    made = worker.ledger_of([cur_row(one) for bill in traps.moved_account() for one in bill])

    assert asked(worker, made, ("payer", "account")) == {
        ("111122223333", "444455556666"): 11 * UNIT,
        ("999900001111", "444455556666"): 19 * UNIT,
    }
    assert [(s.billing_account_id, s.costs.billed_cost) for s in made.merged.summaries] == [
        ("111122223333", 11 * UNIT),
        ("999900001111", 19 * UNIT),
    ]
    assert made.total() == 30 * UNIT


def test_ten_thousand_lines_of_a_tenth_of_a_tick_keep_full_precision(worker: Worker) -> None:
    tiny = cur_row(line("1e-11", net_unblended_cost=None))
    folder = worker.folder()

    as_text = worker.ledger(write_csv(folder / "a.csv", [tiny] * 10_000))
    as_doubles = worker.ledger(write_parquet(folder / "a.parquet", [tiny] * 10_000, group=5_000))

    for made in (as_text, as_doubles):
        assert made.total("unblended_cost") == made.total("billed_cost") == 1_000
        assert [(c.lines, c.unblended_cost, c.dust) for c in made.controls] == [(10_000, 1_000, 0)]


# -- tags: trap 13 ----------------------------------------------------------------------------

ODD = {
    "Team": "web",
    "team": "Web",
    "user:Team": "",
    "user_team": "a,b",
    "aws:createdBy": 'AssumedRole:"ops"',
    "größe": "sehr groß",
    "user:note": "two\nlines",
    "user:html": "<script>alert(1)</script>",
    "user:formula": "=HYPERLINK(1)",
}


def kept(made: Ledger) -> Any:
    (charge,) = made.charges
    return json.loads(charge.key.tags or "null")


def test_odd_tags_arrive_whole_from_a_map_column(worker: Worker) -> None:
    made = worker.ledger_of([cur_row(line("1", tags=tagged(**ODD)))])

    assert kept(made) == ODD
    assert set(made.merged.tag_keys) == set(ODD)


def test_odd_tags_arrive_whole_from_a_csv_cell(worker: Worker) -> None:
    file = write_csv(worker.folder() / "a.csv.gz", [cur_row(line("1", tags=tagged(**ODD)))])

    assert kept(worker.ledger(file)) == ODD


def test_odd_tags_arrive_from_columns_of_their_own_where_empty_is_absent(worker: Worker) -> None:
    file = write_csv(worker.folder() / "a.csv", legacy_csv_rows([line("1", tags=tagged(**ODD))]))

    assert kept(worker.ledger(file)) == {key: value for key, value in ODD.items() if value}


def test_keys_that_look_alike_are_reported_and_not_merged(worker: Worker) -> None:
    made = worker.ledger_of([cur_row(line("1", tags=tagged(**ODD)))])

    assert collisions(made.merged.tag_keys) == [("Team", "team"), ("user:Team", "user_team")]


def test_the_same_tags_in_another_order_and_spelling_are_one_charge(worker: Worker) -> None:
    row = cur_row(line("1"))
    spellings: list[dict[str, str]] = [
        {"resourceTags/user:Team": "web", "resourceTags/user:Stage": "prod"},
        {"user:Stage": "prod", "user:Team": "web"},
    ]

    made = worker.ledger_of([row | {"tags": tags} for tags in spellings])

    assert kept(made) == {"user:Stage": "prod", "user:Team": "web"}
    assert made.charges[0].lines == 2


def test_account_tags_and_cost_categories_keep_their_prefix(worker: Worker) -> None:
    tags = {"accountTag/Env": "prod", "costCategory/Unit": "a", "resourceTags/user:Team": "web"}

    made = worker.ledger_of([cur_row(line("1")) | {"tags": tags}])

    assert kept(made) == {"accountTag/Env": "prod", "costCategory/Unit": "a", "user:Team": "web"}


@pytest.mark.parametrize("cell", ["", "{}", "no JSON", "[1]", "7", '"x"'])
def test_a_tag_cell_that_holds_no_tags_is_none(worker: Worker, cell: str) -> None:
    file = write_csv(worker.folder() / "a.csv", [cur_row(line("1")) | {"tags": cell}])

    assert kept(worker.ledger(file)) is None


def test_a_tag_added_on_the_10th_applies_from_the_10th(worker: Worker) -> None:
    team = tagged(**{"user:Team": "web"})
    days = [
        line("1", charge_date=date(2026, 9, day), tags=team if day >= 10 else None)
        for day in range(1, 31)
    ]

    made = worker.ledger_of([cur_row(day) for day in days])

    assert asked(worker, made, ("tags",)) == {None: 9 * UNIT, team: 21 * UNIT}


# -- time: trap 14 ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "start, day",
    [
        ("2026-08-31T23:00:00Z", date(2026, 8, 31)),
        ("2026-09-01T00:00:00.000Z", date(2026, 9, 1)),
        ("2028-02-29T23:00:00Z", date(2028, 2, 29)),
        ("2026-09-01 05:00:00", date(2026, 9, 1)),
    ],
)
def test_an_hour_belongs_to_the_day_it_starts_on_and_to_its_bill(
    worker: Worker, start: str, day: date
) -> None:
    row = cur_row(line("1")) | {"line_item_usage_start_date": start}

    (charge,) = worker.ledger(write_csv(worker.folder() / "a.csv", [row])).charges

    assert (charge.key.charge_date, charge.key.billing_period) == (day, "2026-09")


def test_a_line_that_states_no_start_is_of_the_first_day_of_its_bill(worker: Worker) -> None:
    row = cur_row(line("1")) | {"line_item_usage_start_date": None}

    (charge,) = worker.ledger(write_csv(worker.folder() / "a.csv", [row])).charges

    assert charge.key.charge_date == date(2026, 9, 1)


@pytest.mark.parametrize("told, period", [(None, "2026-08"), ("2026-09", "2026-09")])
def test_a_bill_that_says_no_month_takes_the_manifests_or_else_the_usages(
    worker: Worker, told: str | None, period: str
) -> None:
    row = cur_row(line("1", charge_date=date(2026, 8, 31)))
    del row["bill_billing_period_start_date"]

    (charge,) = worker.ledger_of([row], billing_period=told).charges

    assert charge.key.billing_period == period


# -- blended cost and currencies: traps 16 and 17 ---------------------------------------------


def test_blended_cost_never_reaches_the_ledger(worker: Worker) -> None:
    made = worker.ledger_of([cur_row(line("1")) | {"line_item_blended_cost": "7"}])

    columns = {name for file in made.merged.files for row in rows(file.path) for name in row}
    assert not [name for name in columns if "blended" in name.replace("unblended", "")]
    assert not [name for name in DIMENSIONS if "blended" in name]


def test_two_currencies_are_two_bills_that_nothing_adds(worker: Worker) -> None:
    made = worker.ledger_of(
        [cur_row(line("1")), cur_row(line("7", billing_currency="CNY", sub_account_id="1"))]
    )

    assert [(s.billing_currency, s.costs.billed_cost) for s in made.merged.summaries] == [
        ("CNY", 7 * UNIT),
        ("USD", 1 * UNIT),
    ]
    assert [(c.billing_currency, c.unblended_cost) for c in made.controls] == [
        ("CNY", 7 * UNIT),
        ("USD", 1 * UNIT),
    ]
    assert asked(worker, made, ("currency",)) == {"CNY": 7 * UNIT, "USD": 1 * UNIT}


def test_one_currency_never_carries_the_rounding_of_another(worker: Worker) -> None:
    finer = [cur_row(line("4e-11", billing_currency=of)) for of in ("USD", "CNY")]

    made = worker.ledger(write_csv(worker.folder() / "a.csv", finer))

    assert made.sums("billing_currency", "billed_cost") == {"CNY": 0, "USD": 0}


# -- large amounts ----------------------------------------------------------------------------


@pytest.mark.parametrize("cost", ["1234567.89", "800000.01", "225180.07", "-98765432.1"])
def test_a_large_fee_in_a_double_is_exact_to_the_last_tick(worker: Worker, cost: str) -> None:
    made = worker.ledger_of([cur_row(line(cost, line_item_type="Fee"))])

    assert made.total() == made.total("billed_cost") == int(Decimal(cost) * UNIT)


def test_a_month_of_more_than_922_million_is_still_exact(worker: Worker) -> None:
    fees = [cur_row(line("700000000.01", service_code=service)) for service in ("A", "B", "C")]

    made = worker.ledger_of(fees)

    assert made.merged.summaries[0].costs.billed_cost == 2_100_000_000 * UNIT + 3 * UNIT // 100
    assert made.account_months[0].days["2026-09-01"]["Usage"][1] == 21_000_000_000_300_000_000
