"""Partial charges become the ledger's files: the same bytes whatever their order, nothing twice."""

import hashlib
from datetime import date
from decimal import Decimal
from fractions import Fraction
from pathlib import Path

import polars as pl
import pytest
from hypothesis import Phase, given, settings

from finops.domain.charges import LineItem
from finops.domain.loads import Costs, merged, total
from finops.domain.money import DUST_PER_TICK, TICKS_PER_UNIT, settled
from finops.ledger import engine, merging, reduction
from tests.ledger.bill_files import (
    PAYER,
    WEB,
    Ledger,
    cur_row,
    differences,
    line,
    opened,
    plain,
    rows,
    tagged,
    write_csv,
    write_parquet,
)
from tests.ledger.conftest import Worker
from tests.ledger.strategies import SECOND_PAYER, bills

some = settings(max_examples=8, deadline=None, derandomize=True, phases=[Phase.generate])
UNIT = TICKS_PER_UNIT
COSTS = ("unblended_cost", "billed_cost", "effective_cost", "list_cost")


def partials(worker: Worker, files: list[list[LineItem]]) -> list[Path]:
    """A partial for each file's lines."""
    made = []
    for some_lines in files:
        folder = worker.folder()
        file = write_parquet(folder / "a.parquet", [cur_row(one) for one in some_lines])
        made.append(folder / "0.partial")
        reduction.reduce(worker.connection, opened(worker.connection, file), [made[-1]])
    return made


def digests(worker: Worker, some_partials: list[Path], threads: int) -> dict[str, str]:
    """The merged files by name, of a worker that starts afresh."""
    folder = worker.folder()
    with engine.connect(engine.Limits(scratch=folder, threads=threads)) as connection:
        made = merging.merge(connection, some_partials, folder / "made")
    return {file.name: hashlib.sha256(file.path.read_bytes()).hexdigest() for file in made.files}


def test_the_same_partials_in_another_order_give_the_same_bytes(worker: Worker) -> None:
    days = [
        [
            line(
                f"0.{n}",
                charge_date=date(2026, 9, day),
                resource_id=f"i-{n}",
                sub_account_id=account,
            )
            for n in range(50)
            for account in (PAYER, WEB)
        ]
        for day in (1, 2, 3)
    ]
    made = partials(worker, days)

    first = digests(worker, made, threads=1)

    assert len(first) == 1 + 2 * 2
    assert digests(worker, made[::-1], threads=2) == first


# -- files ------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def month(worker: Worker) -> Ledger:
    """Two payers, three accounts and one charge of no account; a resource whose tags change."""
    team, shop = tagged(**{"user:Team": "web"}), tagged(**{"user:Team": "shop"})
    day = {n: date(2026, 9, n) for n in (3, 10, 17)}
    return worker.ledger_of(
        [
            cur_row(one)
            for one in (
                line("1", resource_id="i-1", charge_date=day[3], list_cost=Decimal(2)),
                line("2", resource_id="i-1", charge_date=day[10], tags=team),
                line("4", resource_id="i-1", charge_date=day[17], tags=shop, region_id="us-east-1"),
                line("8", resource_id="i-2", charge_date=day[10], invoice_id="INV-1"),
                line("16", charge_date=day[10], service_code="AWSSupportBusiness"),
                line("32", sub_account_id=PAYER, line_item_type="NobodyKnowsYet"),
                line(
                    "64", sub_account_id=None, line_item_type="Tax", charge_date=date(2026, 9, 30)
                ),
                line("128", billing_account_id=SECOND_PAYER),
            )
        ]
    )


def test_each_account_has_its_charges_and_resources_and_each_bill_a_cube(month: Ledger) -> None:
    assert [(f.billing_account_id, f.name, f.rows) for f in month.merged.files] == [
        (PAYER, "cube-0.parquet", 7),
        (PAYER, f"account={PAYER}/charges.parquet", 1),
        (PAYER, f"account={PAYER}/resources.parquet", 0),
        (PAYER, f"account={WEB}/charges.parquet", 5),
        (PAYER, f"account={WEB}/resources.parquet", 2),
        (PAYER, "account=/charges.parquet", 1),
        (PAYER, "account=/resources.parquet", 0),
        (SECOND_PAYER, "cube-0.parquet", 1),
        (SECOND_PAYER, f"account={WEB}/charges.parquet", 1),
        (SECOND_PAYER, f"account={WEB}/resources.parquet", 0),
    ]


def test_a_file_of_an_account_holds_no_other_accounts_charges(month: Ledger) -> None:
    for file in month.merged.files:
        if file.name == f"account={WEB}/charges.parquet":
            of = {(row["billing_account_id"], row["sub_account_id"]) for row in rows(file.path)}
            assert of == {(file.billing_account_id, WEB)}


def test_an_inventory_lists_a_resource_once_with_its_newest_tags(month: Ledger) -> None:
    (file,) = [
        file
        for file in month.merged.files
        if file.name == f"account={WEB}/resources.parquet" and file.billing_account_id == PAYER
    ]

    first, second = rows(file.path)

    assert (first["resource_id"], first["service_code"]) == ("i-1", "AmazonEC2")
    assert first["tags"] == tagged(**{"user:Team": "shop"})
    assert first["region_id"] == "us-east-1"
    assert (first["first_day"], first["last_day"]) == (date(2026, 9, 3), date(2026, 9, 17))
    assert (first["lines"], first["billed_cost"], first["list_cost"]) == (3, 7 * UNIT, 2 * UNIT)
    assert (second["resource_id"], second["tags"], second["billed_cost"]) == ("i-2", None, 8 * UNIT)


def test_an_inventory_never_adds_two_currencies(worker: Worker) -> None:
    ledger = worker.ledger_of(
        [
            cur_row(line("1.5", resource_id="i-1")),
            cur_row(line("100", resource_id="i-1", billing_currency="EUR")),
        ]
    )
    (file,) = [file for file in ledger.merged.files if file.name.endswith("/resources.parquet")]

    found = [(row["billing_currency"], row["unblended_cost"]) for row in rows(file.path)]
    assert found == [("EUR", 100 * UNIT), ("USD", 3 * UNIT // 2)]


def test_a_resource_whose_tags_were_taken_away_has_none(worker: Worker) -> None:
    ledger = worker.ledger_of(
        [
            cur_row(
                line("1", resource_id="i-1", charge_date=date(2026, 9, 3), tags=tagged(Team="web"))
            ),
            cur_row(line("1", resource_id="i-1", charge_date=date(2026, 9, 4))),
        ]
    )
    (file,) = [file for file in ledger.merged.files if file.name.endswith("/resources.parquet")]

    assert [row["tags"] for row in rows(file.path)] == [None]


def test_a_cube_holds_no_resources_and_adds_up_to_the_charges(month: Ledger) -> None:
    cubes = [row for f in month.merged.files if "cube" in f.name for row in rows(f.path)]

    assert not {"resource_id", "tags"} & cubes[0].keys()
    for cost in ("unblended_cost", "billed_cost", "effective_cost"):
        assert sum(row[cost] for row in cubes) == month.total(cost) == 255 * UNIT


# -- totals -----------------------------------------------------------------------------------


def test_the_days_of_an_account_add_up_to_its_month(month: Ledger) -> None:
    of = {(m.billing_account_id, m.sub_account_id): m for m in month.account_months}

    assert {
        key: sum(told[2] for day in m.days.values() for told in day.values()) // UNIT
        for key, m in of.items()
    } == {(PAYER, WEB): 31, (PAYER, PAYER): 32, (PAYER, None): 64, (SECOND_PAYER, WEB): 128}
    assert of[PAYER, WEB].days["2026-09-10"]["Usage"][:3] == (3, 26 * UNIT, 26 * UNIT)
    assert of[PAYER, PAYER].days["2026-09-01"]["(none)"][2] == 32 * UNIT


def test_a_summary_says_what_a_bill_is_made_of(month: Ledger) -> None:
    first, second = month.merged.summaries

    assert (first.costs.lines, first.costs.billed_cost, first.charges) == (7, 127 * UNIT, 7)
    assert first.by_account.keys() == {PAYER, WEB, "(none)"}
    assert first.by_charge_category["Tax"].billed_cost == 64 * UNIT
    assert first.by_charge_category["(none)"].billed_cost == 32 * UNIT
    assert first.by_service["AWSSupportBusiness"].billed_cost == 16 * UNIT
    assert first.by_invoice["INV-1"].billed_cost == 8 * UNIT
    assert first.lines_without_invoice == 6
    assert first.last_usage_day == "2026-09-17"  # the tax of the 30th is no usage
    assert (first.is_net, second.billing_account_id) == (False, SECOND_PAYER)


@some
@given(bills())
def test_summaries_account_months_and_control_totals_all_add_up_to_the_charges(
    worker: Worker, lines: list[LineItem]
) -> None:
    made = worker.ledger_of([cur_row(one) for one in lines], shards=2)

    for summary in merged(made.merged.summaries):
        for breakdown in ("account", "charge_category", "day", "service", "invoice"):
            parts = sum(getattr(summary, f"by_{breakdown}").values(), start=Costs())
            assert parts == summary.costs
    controls = total(made.controls)
    summaries = {summary.of: summary for summary in merged(made.merged.summaries)}
    assert controls.keys() == summaries.keys()
    for of, control in controls.items():
        costs = summaries[of].costs
        assert (costs.lines, costs.unblended_cost) == (control.lines, control.unblended_cost)
    days = [told for m in made.account_months for day in m.days.values() for told in day.values()]
    for place, name in enumerate(("lines", *COSTS[:3])):
        assert sum(told[place] or 0 for told in days) == made.total(name)


@some
@given(bills(decimals=20, below=10**8))
def test_what_a_bill_states_beyond_ten_decimals_is_in_every_total_of_its_unblended_cost(
    worker: Worker, lines: list[LineItem]
) -> None:
    folder = worker.folder()

    made = worker.ledger(write_csv(folder / "a.csv", [cur_row(one) for one in lines]))

    exact = sum(Fraction(one.unblended_cost) for one in lines) * 10**20
    charges = [(c.unblended_cost, c.unblended_dust) for c in made.charges]
    summaries = [(s.costs.unblended_cost, s.costs.unblended_dust) for s in made.merged.summaries]
    controls = [(c.unblended_cost, c.dust) for c in made.controls]
    for told in (charges, summaries, controls):
        assert sum(ticks * DUST_PER_TICK + dust for ticks, dust in told) == exact
        assert all(settled(*one) == one for one in told)


# -- Savings Plans and discounts across files and shards --------------------------------------


def test_what_a_negation_leaves_over_is_kept_as_a_charge_without_lines(worker: Worker) -> None:
    covered = line("30", line_item_type="SavingsPlanCoveredUsage", resource_id="i-1")
    negation = line("-29.75", line_item_type="SavingsPlanNegation")
    folder = worker.folder()
    files = [
        write_parquet(folder / f"{n}.parquet", [cur_row(one)])
        for n, one in enumerate((covered, negation))
    ]

    made = worker.ledger(*files)

    (residue,) = [charge for charge in made.charges if charge.billed_cost]
    assert (residue.lines, residue.billed_cost, residue.unblended_cost) == (0, UNIT // 4, 0)
    assert residue.key.service_code is None
    assert made.total("billed_cost") == UNIT // 4


def test_halves_that_cancel_in_dust_alone_leave_no_charge_over(worker: Worker) -> None:
    # Half a tick is a tick less half a tick's dust: twice that is one tick in no other spelling.
    halves = ["5e-11", "5e-11"]
    lines = [
        line(cost, line_item_type="SavingsPlanCoveredUsage", resource_id=f"i-{n}")
        for n, cost in enumerate(halves)
    ] + [line("-1e-10", line_item_type="SavingsPlanNegation", region_id=None)]

    made = worker.ledger(write_csv(worker.folder() / "a.csv", [cur_row(one) for one in lines]))

    assert differences(made.charges, plain(lines)) == []
    assert len(made.charges) == 3


@pytest.mark.parametrize("shards", [1, 4])
def test_discounts_that_net_columns_hold_are_taken_off_once_in_every_share_of_the_accounts(
    worker: Worker, shards: int
) -> None:
    accounts = [f"{n:012}" for n in range(8)]
    net = [line("100", net_unblended_cost=Decimal(95), sub_account_id=accounts[0])]
    discounts = [
        line("-5", line_item_type="EdpDiscount", sub_account_id=account) for account in accounts[1:]
    ]
    folder = worker.folder()
    files = [
        write_parquet(folder / f"{n}.parquet", [cur_row(one) for one in some_lines])
        for n, some_lines in enumerate((net, discounts))
    ]

    made = worker.ledger(*files, shards=shards)

    assert made.total("billed_cost") == made.total("effective_cost") == 95 * UNIT
    assert made.total("unblended_cost") == 65 * UNIT
    assert all(summary.is_net for summary in merged(made.merged.summaries))


def test_net_costs_of_one_bill_say_nothing_of_another(worker: Worker) -> None:
    lines = [
        line("100", net_unblended_cost=Decimal(95)),
        line("100", billing_account_id=SECOND_PAYER),
        line("-5", billing_account_id=SECOND_PAYER, line_item_type="EdpDiscount"),
    ]

    made = worker.ledger_of([cur_row(one) for one in lines])

    assert made.sums("billing_account_id", "billed_cost") == {
        PAYER: 95 * UNIT,
        SECOND_PAYER: 95 * UNIT,
    }


def test_a_net_cost_that_differs_by_less_than_a_tick_still_holds_a_discount(worker: Worker) -> None:
    lines = [
        line("100", net_unblended_cost=Decimal("99.99999999999")),
        line("-5", line_item_type="EdpDiscount"),
    ]

    made = worker.ledger(write_csv(worker.folder() / "a.csv", [cur_row(one) for one in lines]))

    assert made.total("billed_cost") == 100 * UNIT
    assert differences(made.charges, plain(lines)) == []


# -- by an engine that is not ours ------------------------------------------------------------


@some
@given(bills(most=30))
def test_polars_finds_the_same_sums_in_the_files_by_account_day_and_type(
    worker: Worker, lines: list[LineItem]
) -> None:
    folder = worker.folder()
    file = write_parquet(folder / "a.parquet", [cur_row(one) for one in lines], group=5)
    ticks = (pl.col("line_item_unblended_cost") * 1e10).round().cast(pl.Int64)
    table = pl.read_parquet(file, columns=_READ, use_pyarrow=False).with_columns(
        ticks=ticks, day=pl.col("line_item_usage_start_date").dt.date()
    )

    made = worker.ledger(file)

    for column, ours in (
        ("line_item_usage_account_id", "sub_account_id"),
        ("day", "charge_date"),
        ("line_item_line_item_type", "line_item_type"),
    ):
        theirs = dict(table.group_by(column).agg(pl.col("ticks").sum()).rows())
        told = made.sums(ours)
        assert {key: told[key] for key in theirs} == theirs
        assert sum(told.values()) == sum(theirs.values())


@some
@given(bills(decimals=18, below=10**6, most=30))
def test_polars_finds_the_same_exact_sums_in_text_by_account_and_type(
    worker: Worker, lines: list[LineItem]
) -> None:
    folder = worker.folder()
    file = write_csv(folder / "a.csv", [cur_row(one) for one in lines], number="{:f}".format)
    table = pl.read_csv(file, infer_schema=False, columns=_READ).with_columns(
        exact=pl.col("line_item_unblended_cost").cast(pl.Decimal(38, 18))
    )

    made = worker.ledger(file)

    for column, ours in (
        ("line_item_usage_account_id", "sub_account_id"),
        ("line_item_line_item_type", "line_item_type"),
    ):
        theirs = dict(table.group_by(column).agg(pl.col("exact").sum()).rows())
        told = made.sums(ours), made.sums(ours, "unblended_dust")
        assert {
            key: Decimal(told[0][key] * DUST_PER_TICK + told[1][key]).scaleb(-20) for key in theirs
        } == theirs


_READ = [
    "line_item_unblended_cost",
    "line_item_usage_account_id",
    "line_item_usage_start_date",
    "line_item_line_item_type",
]
