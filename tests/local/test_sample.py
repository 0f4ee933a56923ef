"""The sample bill says what its control totals say, whoever reads it."""

import json
from decimal import Decimal
from pathlib import Path
from typing import Literal

import duckdb
import polars as pl
import pytest

from finops.domain.errors import InvalidError
from finops.domain.loads import Costs as LedgerCosts
from finops.domain.money import to_ticks
from finops.domain.tags import normalised
from finops.ledger import engine, merging, reduction, sources
from finops.local.sample import CostGroup, SampleBill, write_sample
from finops.local.sample.columns import COLUMNS, TYPE_NAMES
from finops.local.sample.sources import LineType

MONTH = "2026-09"
LINES = 5_000
SPLIT = ("EKSPod-EC2", "ECSTask-EC2")


@pytest.fixture(scope="module")
def out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("sample")


@pytest.fixture(scope="module")
def bill(out: Path) -> SampleBill:
    return write_sample(out / "whole", month=MONTH, lines=LINES)


@pytest.fixture(scope="module")
def final(out: Path) -> SampleBill:
    return write_sample(out / "final", month=MONTH, lines=LINES, final=True)


@pytest.fixture(scope="module")
def lines(bill: SampleBill) -> pl.DataFrame:
    return read(bill)


@pytest.fixture(scope="module")
def final_lines(final: SampleBill) -> pl.DataFrame:
    return read(final)


def root(bill: SampleBill) -> Path:
    """The folder that stands for the bucket."""
    return Path(str(bill.manifest_path).removesuffix(bill.manifest_key))


def read(bill: SampleBill) -> pl.DataFrame:
    return pl.concat(pl.read_parquet(root(bill) / file.key) for file in bill.files)


def ticks(column: str) -> pl.Expr:
    return (pl.col(column) * 1e10).round().cast(pl.Int64)


def group(groups: tuple[CostGroup, ...], key: str | None) -> CostGroup:
    return next(group for group in groups if group.key == key)


def of_type(lines: pl.DataFrame, *names: str) -> pl.DataFrame:
    return lines.filter(pl.col("line_item_line_item_type").is_in(names))


# ---- the files


def test_the_same_arguments_write_the_same_bytes(bill: SampleBill, tmp_path: Path) -> None:
    again = write_sample(tmp_path, month=MONTH, lines=LINES)
    for key in (bill.manifest_key, *(file.key for file in bill.files)):
        assert (tmp_path / key).read_bytes() == (root(bill) / key).read_bytes()
    where = {"manifest_path"}
    assert again.model_dump(exclude=where) == bill.model_dump(exclude=where)


def test_a_whole_month_has_exactly_the_lines_asked_for(bill: SampleBill, out: Path) -> None:
    assert bill.lines == LINES
    fewest = write_sample(out / "fewest", month="2028-02", lines=1_000)
    assert fewest.lines == 1_000


def test_hours_are_told_where_lines_are_many(tmp_path: Path) -> None:
    many = write_sample(tmp_path, month=MONTH, lines=400_000, through_day=1)
    starts = read(many).get_column("line_item_usage_start_date")
    assert starts.dt.hour().n_unique() == 24


def test_the_manifest_names_exactly_the_files_and_columns(bill: SampleBill) -> None:
    manifest = json.loads(bill.manifest_path.read_text())
    data = root(bill) / "cur2/finops-cur2/data/BILLING_PERIOD=2026-09"
    written = sorted(path.relative_to(root(bill)).as_posix() for path in data.rglob("*.parquet"))
    assert manifest["dataFiles"] == [f"s3://{bill.bucket}/{key}" for key in written]
    assert len(written) >= 3
    assert manifest["executionId"] == bill.execution_id
    assert len(manifest["columns"]) == 127
    assert manifest["columns"][0] == {"name": "bill_bill_type", "type": "string"}
    assert manifest["additionalOutputFiles"] == []


def test_columns_have_the_names_types_and_order_that_aws_documents(bill: SampleBill) -> None:
    key = bill.files[0].key
    told = duckdb.execute(f"DESCRIBE SELECT * FROM '{root(bill) / key}'").fetchall()
    stored = {
        "string": "VARCHAR",
        "double": "DOUBLE",
        "timestamp": "TIMESTAMP WITH TIME ZONE",
        "map<string, string>": "MAP(VARCHAR, VARCHAR)",
        "map<string, double>": "MAP(VARCHAR, DOUBLE)",
    }
    assert [row[:2] for row in told if row[0] != "BILLING_PERIOD"] == [
        (name, stored[TYPE_NAMES[kind]]) for name, kind in COLUMNS.items()
    ]


def test_a_part_has_several_row_groups(bill: SampleBill) -> None:
    for file in bill.files[:-1]:
        groups = duckdb.execute(
            f"SELECT count(DISTINCT row_group_id) FROM parquet_metadata('{root(bill) / file.key}')"
        ).fetchall()
        assert groups[0][0] >= 2


def test_deliveries_can_lie_side_by_side(tmp_path: Path) -> None:
    first, second = (
        write_sample(tmp_path, month=MONTH, lines=1_000, restate=k, layout="create-new")
        for k in (0, 1)
    )
    assert first.execution_id in first.files[0].key
    assert {file.key for file in first.files}.isdisjoint(file.key for file in second.files)
    assert first.manifest_key < second.manifest_key


# ---- the control totals


def test_totals_are_the_exact_sums_of_what_the_files_hold(
    bill: SampleBill, lines: pl.DataFrame
) -> None:
    cost = ticks("line_item_unblended_cost").sum()
    assert to_ticks(bill.unblended_cost) == lines.select(cost).item()
    for groups, by in (
        (bill.by_line_item_type, pl.col("line_item_line_item_type")),
        (bill.by_account, pl.col("line_item_usage_account_id")),
        (bill.by_day, pl.col("line_item_usage_start_date").dt.date().cast(pl.String)),
        (bill.by_invoice, pl.col("bill_invoice_id")),
    ):
        held = lines.group_by(by.alias("key")).agg(cost.alias("cost"), pl.len().alias("lines"))
        assert {(g.key, to_ticks(g.unblended_cost), g.lines) for g in groups} == set(held.rows())
    for file in bill.files:
        part = pl.read_parquet(root(bill) / file.key)
        assert (to_ticks(file.unblended_cost), file.lines) == part.select(cost, pl.len()).row(0)
        assert file.bytes == (root(bill) / file.key).stat().st_size


AMORTIZED = (
    pl.when(pl.col("line_item_line_item_type") == "SavingsPlanCoveredUsage")
    .then(ticks("savings_plan_savings_plan_effective_cost"))
    .when(pl.col("line_item_line_item_type") == "SavingsPlanRecurringFee")
    .then(ticks("savings_plan_total_commitment_to_date") - ticks("savings_plan_used_commitment"))
    .when(
        pl.col("line_item_line_item_type").is_in(["SavingsPlanNegation", "SavingsPlanUpfrontFee"])
        | (pl.col("line_item_line_item_type") == "Fee")
        & (pl.col("reservation_reservation_a_r_n") != "")
    )
    .then(pl.lit(0, pl.Int64))
    .when(pl.col("line_item_line_item_type") == "DiscountedUsage")
    .then(ticks("reservation_effective_cost"))
    .when(pl.col("line_item_line_item_type") == "RIFee")
    .then(
        ticks("reservation_unused_amortized_upfront_fee_for_billing_period")
        + ticks("reservation_unused_recurring_fee")
    )
    .otherwise(
        pl.coalesce(ticks("line_item_net_unblended_cost"), ticks("line_item_unblended_cost"))
    )
)


@pytest.mark.parametrize("discounts", ["lines", "columns"])
def test_costs_are_those_of_the_documented_views(
    discounts: Literal["lines", "columns"], out: Path
) -> None:
    told = write_sample(out / discounts, month=MONTH, lines=2_000, discounts=discounts)
    lines = read(told)
    net = pl.coalesce(ticks("line_item_net_unblended_cost"), ticks("line_item_unblended_cost"))
    public = lines.filter(pl.col("line_item_line_item_type") != "SavingsPlanNegation")
    assert to_ticks(told.billed_cost) == lines.select(net.sum()).item()
    assert to_ticks(told.effective_cost) == lines.select(AMORTIZED.sum()).item()
    assert (
        to_ticks(told.list_cost)
        == public.select(ticks("pricing_public_on_demand_cost").sum()).item()
    )


def test_amortized_cost_with_true_up_and_fees_paid_is_unblended_cost(
    bill: SampleBill, lines: pl.DataFrame
) -> None:
    true_up = -(
        ticks("savings_plan_amortized_upfront_commitment_for_billing_period")
        + ticks("reservation_amortized_upfront_fee_for_billing_period")
    )
    paid = pl.concat(
        [
            of_type(lines, "SavingsPlanUpfrontFee"),
            of_type(lines, "Fee").filter(pl.col("reservation_reservation_a_r_n") != ""),
        ]
    )
    assert (
        to_ticks(bill.effective_cost)
        + lines.select(true_up.sum()).item()
        + paid.select(ticks("line_item_unblended_cost").sum()).item()
    ) == to_ticks(bill.unblended_cost)


def test_discounts_in_columns_bill_what_discounts_in_lines_bill(
    bill: SampleBill, out: Path
) -> None:
    inside = write_sample(out / "inside", month=MONTH, lines=LINES, discounts="columns")
    assert inside.billed_cost == bill.billed_cost
    assert inside.unblended_cost > bill.unblended_cost
    types = {group.key for group in inside.by_line_item_type}
    assert not any(name.endswith("Discount") for name in types if name)


@pytest.mark.parametrize("discounts", ["lines", "columns"])
def test_the_ledger_makes_the_control_totals_of_it(
    discounts: Literal["lines", "columns"], tmp_path: Path
) -> None:
    told = write_sample(tmp_path / "out", month=MONTH, lines=2_000, discounts=discounts, final=True)
    partials = [tmp_path / f"{n}.partial" for n in range(len(told.files))]
    with engine.connect(engine.Limits(scratch=tmp_path)) as connection:
        for file, partial in zip(told.files, partials, strict=True):
            source = sources.open_parquet(connection, root(told) / file.key)
            (control,) = reduction.reduce(connection, source, [partial]).controls
            assert (control.lines, control.unblended_cost) == (
                file.lines,
                to_ticks(file.unblended_cost),
            )
        (summary,) = merging.merge(connection, partials, tmp_path / "made").summaries
    for groups, made in (
        (told.by_account, summary.by_account),
        (told.by_day, summary.by_day),
        (told.by_invoice, summary.by_invoice),
    ):
        assert {key: _ticks(costs) for key, costs in made.items()} == {
            group.key: (
                group.lines,
                to_ticks(group.unblended_cost),
                to_ticks(group.billed_cost),
                to_ticks(group.effective_cost),
                to_ticks(group.list_cost),
            )
            for group in groups
        }


def _ticks(costs: LedgerCosts) -> tuple[int | None, ...]:
    return (
        costs.lines,
        costs.unblended_cost,
        costs.billed_cost,
        costs.effective_cost,
        costs.list_cost,
    )


def test_money_is_decimal_text_in_json(bill: SampleBill) -> None:
    told = json.loads(bill.model_dump_json())
    assert told["unblended_cost"] == f"{bill.unblended_cost:.10f}"


# ---- what a month holds


def test_every_line_item_type_is_there(bill: SampleBill) -> None:
    assert {group.key for group in bill.by_line_item_type} == {kind.name for kind in LineType}


def test_a_month_costs_what_such_a_company_pays_however_finely_it_is_told(tmp_path: Path) -> None:
    for lines in (1_000, 30_000):
        told = write_sample(tmp_path / str(lines), month=MONTH, lines=lines)
        assert Decimal(120_000) < told.unblended_cost < Decimal(200_000)


def test_negations_net_by_account_and_day_but_for_a_residue_put_right_a_day_later(
    lines: pl.DataFrame,
) -> None:
    covered = of_type(lines, "SavingsPlanCoveredUsage", "SavingsPlanNegation")
    left = (
        covered.group_by(
            pl.col("line_item_usage_start_date").dt.day().alias("day"),
            pl.col("line_item_usage_account_id").alias("account"),
        )
        .agg(ticks("line_item_unblended_cost").sum().alias("left"))
        .filter(pl.col("left") != 0)
        .sort("day")
    )
    assert left.select("day", "left").rows() == [(9, 31), (10, -31)]
    assert left.get_column("account").n_unique() == 1


def test_the_split_costs_of_containers_add_up_to_their_instance(lines: pl.DataFrame) -> None:
    split = pl.col("line_item_operation").is_in(SPLIT)
    parts = (
        lines.filter(split)
        .group_by(
            pl.col("split_line_item_parent_resource_id").alias("line_item_resource_id"),
            "line_item_usage_start_date",
        )
        .agg(
            (ticks("split_line_item_split_cost") + ticks("split_line_item_unused_cost"))
            .sum()
            .alias("split")
        )
    )
    instances = lines.filter(
        pl.col("line_item_usage_type").str.contains("BoxUsage")
        & (pl.col("line_item_line_item_type") == "Usage")
    )
    both = parts.join(instances, on=["line_item_resource_id", "line_item_usage_start_date"])
    assert len(both) == len(parts) > 0
    assert both.filter(pl.col("split") != ticks("line_item_unblended_cost")).is_empty()
    assert lines.filter(split).select(ticks("line_item_unblended_cost").sum()).item() == 0
    assert set(lines.filter(split).get_column("line_item_operation")) == set(SPLIT)


def test_commitments_are_never_used_beyond_what_was_promised(lines: pl.DataFrame) -> None:
    fees = of_type(lines, "SavingsPlanRecurringFee")
    assert fees.filter(
        pl.col("savings_plan_used_commitment") > pl.col("savings_plan_total_commitment_to_date")
    ).is_empty()
    unused = of_type(lines, "RIFee").get_column("reservation_unused_quantity")
    assert (unused > 1).all()


def test_lines_look_like_those_of_real_bills(lines: pl.DataFrame) -> None:
    count = len(lines)
    free = lines.filter(pl.col("line_item_unblended_cost") == 0)
    assert 0.4 < len(free) / count < 0.65
    bare = lines.filter(pl.col("line_item_resource_id") == "")
    assert 0.14 < len(bare) / count < 0.35
    assert lines.select("identity_line_item_id", "identity_time_interval").is_unique().all()
    assert lines.get_column("identity_line_item_id").str.len_chars().unique().to_list() == [52]
    gateways = lines.filter(pl.col("line_item_usage_type").str.contains("NatGateway"))
    assert gateways.get_column("line_item_product_code").unique().to_list() == ["AmazonEC2"]
    transfer = lines.filter(pl.col("product_servicecode") == "AWSDataTransfer")
    assert len(transfer) > 0
    assert transfer.get_column("product_region_code").null_count() == len(transfer)


def test_usage_need_not_lie_in_a_day_or_in_the_month(lines: pl.DataFrame) -> None:
    usage = of_type(lines, "Usage")
    start, end = pl.col("line_item_usage_start_date"), pl.col("line_item_usage_end_date")
    assert len(usage.filter(start.dt.month() == 8)) == 3
    assert len(usage.filter((end - start) > pl.duration(days=1))) == 1


def test_an_account_closes_and_another_opens_in_the_month(lines: pl.DataFrame) -> None:
    day = pl.col("line_item_usage_start_date").dt.day()
    used = of_type(lines, "Usage").group_by("line_item_usage_account_name")
    days = {
        name: (first, last)
        for name, first, last in used.agg(day.min(), day.max().alias("z")).rows()
    }
    assert days["fernhollow-catalogue-legacy"][1] == 13
    assert days["fernhollow-returns-development"][0] == 20
    assert len(set(lines.get_column("line_item_usage_account_id"))) == 14


def test_tags_are_as_people_leave_them(lines: pl.DataFrame) -> None:
    resources = lines.filter(pl.col("line_item_resource_id") != "")
    maps = resources.select("tags", "resource_tags").unique().rows()
    keys = {key for tags, _ in maps for key in tags}
    assert {"resourceTags/user:CostCenter", "resourceTags/user:cost-center"} <= keys
    assert "accountTag/Environment" in keys
    values = {value for tags, _ in maps for value in tags.values()}
    assert "<script>alert(document.title)</script>" in values
    assert any(value.startswith("=HYPERLINK(") for value in values)
    assert any(not normal for _, normal in maps)
    for tags, normal in maps:
        own = {key.removeprefix("resourceTags/") for key in tags if "accountTag" not in key}
        assert set(normal) == {normalised(key) for key in own}


def test_taxes_come_from_two_legal_entities_and_some_are_zero(lines: pl.DataFrame) -> None:
    taxes = of_type(lines, "Tax")
    assert set(taxes.get_column("line_item_legal_entity")) == {
        "Amazon Web Services, Inc.",
        "Amazon Web Services EMEA SARL",
    }
    assert len(taxes.filter(pl.col("line_item_unblended_cost") == 0)) > 0


def test_a_credit_names_its_promotion_code(lines: pl.DataFrame) -> None:
    words = of_type(lines, "Credit").get_column("line_item_line_item_description")
    assert words.str.contains("promotion code MAP26-").any()


# ---- deliveries


def test_before_the_month_is_final_only_purchases_are_invoiced(lines: pl.DataFrame) -> None:
    invoiced = lines.filter(pl.col("bill_invoice_id").is_not_null())
    assert set(invoiced.get_column("bill_bill_type")) == {"Purchase"}
    assert invoiced.get_column("bill_invoice_id").n_unique() == 3


def test_the_final_bill_is_on_invoices_to_the_last_line_and_has_support(
    bill: SampleBill, final: SampleBill, final_lines: pl.DataFrame
) -> None:
    assert final_lines.get_column("bill_invoice_id").null_count() == 0
    assert final_lines.get_column("bill_invoice_id").n_unique() == 7
    support = final_lines.filter(pl.col("line_item_product_code") == "AWSSupportBusiness")
    assert set(support.get_column("line_item_usage_account_id")) == {final.payer_id}
    assert final.lines == bill.lines + len(support)
    paid = support.select(ticks("line_item_unblended_cost").sum()).item()
    assert to_ticks(final.unblended_cost) == to_ticks(bill.unblended_cost) + paid


def test_a_marketplace_subscription_has_its_own_issuer(lines: pl.DataFrame) -> None:
    market = lines.filter(pl.col("bill_billing_entity") == "AWS Marketplace")
    assert set(market.get_column("line_item_line_item_type")) == {"Fee", "Usage"}
    assert set(market.get_column("bill_invoicing_entity")) == {"Halcyon Trace Software LLC"}


def test_a_month_cut_short_tells_its_days_as_the_whole_month_does(
    bill: SampleBill, tmp_path: Path
) -> None:
    cut = write_sample(tmp_path, month=MONTH, lines=LINES, through_day=12)
    assert {group.key for group in cut.by_day} == {
        "2026-08-31",
        *(f"{MONTH}-{d:02}" for d in range(1, 13)),
    }
    assert group(cut.by_day, "2026-09-08") == group(bill.by_day, "2026-09-08")


def test_a_rewrite_changes_withdraws_and_adds_lines(bill: SampleBill, tmp_path: Path) -> None:
    rewrites = [
        write_sample(tmp_path / str(k), month=MONTH, lines=LINES, restate=k) for k in (1, 2)
    ]
    again = write_sample(tmp_path / "again", month=MONTH, lines=LINES, restate=2)
    assert again.unblended_cost == rewrites[1].unblended_cost
    assert len({bill.unblended_cost, *(told.unblended_cost for told in rewrites)}) == 3
    key = ["identity_line_item_id", "identity_time_interval"]
    before, after = (of_type(read(told), "Usage") for told in (bill, rewrites[1]))
    assert len(after.join(before, on=key, how="anti")) > 0
    assert len(before.join(after, on=key, how="anti")) > 0
    both = before.join(after, on=key)
    cost = "line_item_unblended_cost"
    assert len(both.filter(pl.col(cost) != pl.col(f"{cost}_right"))) > 0
    assert group(rewrites[1].by_line_item_type, "Refund").lines == 3


def test_another_seed_is_another_company(bill: SampleBill, tmp_path: Path) -> None:
    other = write_sample(tmp_path, month=MONTH, lines=1_000, seed=2)
    assert other.payer_name == "tidewell-management"
    ours, theirs = ({group.key for group in told.by_account} for told in (bill, other))
    assert ours.isdisjoint(theirs)


@pytest.mark.parametrize(
    "lines,through_day,final,restate,reason",
    [
        (999, None, False, 0, "at least 1,000 lines"),
        (1_000, 31, False, 0, "no day 31"),
        (1_000, 20, True, 0, "only a whole month is invoiced"),
        (1_000, None, False, -1, "starts at 0"),
    ],
)
def test_arguments_that_contradict_each_other_are_refused(
    lines: int, through_day: int | None, final: bool, restate: int, reason: str, tmp_path: Path
) -> None:
    with pytest.raises(InvalidError, match=reason):
        write_sample(
            tmp_path,
            month=MONTH,
            lines=lines,
            through_day=through_day,
            final=final,
            restate=restate,
        )
