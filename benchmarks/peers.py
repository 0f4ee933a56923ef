"""The same reduction as somebody would write it by hand: DuckDB's SQL, Polars, and mere decoding.

For CUR 2.0 Parquet only, and without what the product does besides: no other formats, no control
totals, no refusals. Keys, sums and their names are those of `finops.ledger.reduction`.
"""

from collections.abc import Sequence
from pathlib import Path

KEYS = (
    "billing_account_id",
    "billing_period",
    "billing_currency",
    "sub_account_id",
    "charge_date",
    "charge_category",
    "line_item_type",
    "service_code",
    "region_id",
    "resource_id",
    "invoice_id",
    "invoice_issuer_name",
    "billing_entity",
    "commitment_discount_id",
    "tags",
    "split_parent_resource_id",
)
SUMS = (
    "lines",
    "net_lines",
    "unblended_cost",
    "billed_cost",
    "effective_cost",
    "list_cost",
    "split_cost",
    "split_unused_cost",
)
TEXTS = {
    "billing_account_id": "bill_payer_account_id",
    "billing_currency": "line_item_currency_code",
    "sub_account_id": "line_item_usage_account_id",
    "line_item_type": "line_item_line_item_type",
    "service_code": "line_item_product_code",
    "resource_id": "line_item_resource_id",
    "invoice_id": "bill_invoice_id",
    "billing_entity": "bill_billing_entity",
    "split_parent_resource_id": "split_line_item_parent_resource_id",
}
CATEGORIES = {
    "Usage": "Usage DiscountedUsage SavingsPlanCoveredUsage SavingsPlanNegation"
    " FlatRateSubscription",
    "Purchase": "SavingsPlanRecurringFee SavingsPlanUpfrontFee RIFee Fee",
    "Tax": "Tax",
    "Credit": "Credit",
    "Adjustment": "Refund EdpDiscount PrivateRateDiscount BundledDiscount RiVolumeDiscount"
    " SppDiscount Discount",
}
CATEGORY = {kind: category for category, kinds in CATEGORIES.items() for kind in kinds.split()}

UNBLENDED, NET = "line_item_unblended_cost", "line_item_net_unblended_cost"
COVERED = "savings_plan_savings_plan_effective_cost"
NET_COVERED = "savings_plan_net_savings_plan_effective_cost"
COMMITTED, USED = "savings_plan_total_commitment_to_date", "savings_plan_used_commitment"
RESERVED, NET_RESERVED = "reservation_effective_cost", "reservation_net_effective_cost"
UPFRONT = "unused_amortized_upfront_fee_for_billing_period"
RECURRING = "unused_recurring_fee"
ONE_TIME = "Refund for one-time fee for Savings Plan ID"
COLUMNS = (
    *TEXTS.values(),
    *(UNBLENDED, NET, COVERED, NET_COVERED, COMMITTED, USED, RESERVED, NET_RESERVED),
    *(f"reservation_{net}{fee}" for net in ("", "net_") for fee in (UPFRONT, RECURRING)),
    *("bill_billing_period_start_date", "bill_invoicing_entity", "line_item_legal_entity"),
    *("line_item_availability_zone", "line_item_line_item_description"),
    *("line_item_usage_start_date", "pricing_public_on_demand_cost", "product"),
    *("product_region_code", "reservation_reservation_a_r_n", "savings_plan_savings_plan_a_r_n"),
    *("split_line_item_split_cost", "split_line_item_unused_cost", "tags"),
)
ZONE = "^[a-z]+(-[a-z]+)+-[0-9]+"


# ---- DuckDB


def sql(relation: str) -> str:
    """The reduction of *relation* in one query."""

    def ticks(column: str) -> str:
        return f"CAST(round({column} * 1e10) AS BIGINT)"

    def net(narrow: str, gross: str) -> str:
        return ticks(f"coalesce({narrow}, {gross})")

    cases = " ".join(f"WHEN '{kind}' THEN '{name}'" for kind, name in CATEGORY.items())
    texts = ", ".join(f"nullif({column}, '') AS {name}" for name, column in TEXTS.items())
    arn = "nullif(reservation_reservation_a_r_n, '')"
    billed = net(NET, UNBLENDED)
    effective = f"""CASE {TEXTS["line_item_type"]}
        WHEN 'SavingsPlanCoveredUsage' THEN {net(NET_COVERED, COVERED)}
        WHEN 'SavingsPlanRecurringFee' THEN {ticks(COMMITTED)} - {ticks(USED)}
        WHEN 'SavingsPlanNegation' THEN 0
        WHEN 'SavingsPlanUpfrontFee' THEN 0
        WHEN 'DiscountedUsage' THEN {net(NET_RESERVED, RESERVED)}
        WHEN 'RIFee' THEN {net(f"reservation_net_{UPFRONT}", f"reservation_{UPFRONT}")}
            + {net(f"reservation_net_{RECURRING}", f"reservation_{RECURRING}")}
        WHEN 'Fee' THEN CASE WHEN {arn} IS NULL THEN {billed} ELSE 0 END
        WHEN 'Refund' THEN CASE WHEN line_item_product_code = 'ComputeSavingsPlans'
            AND line_item_line_item_description LIKE '{ONE_TIME}%' THEN 0 ELSE {billed} END
        ELSE {billed} END"""
    listed = ticks("pricing_public_on_demand_cost")
    return f"""
        SELECT {texts},
            strftime(bill_billing_period_start_date, '%Y-%m') AS billing_period,
            CAST(line_item_usage_start_date AS DATE) AS charge_date,
            CASE {TEXTS["line_item_type"]} {cases} END AS charge_category,
            coalesce(nullif(product_region_code, ''), nullif(product['region'], ''),
                nullif(regexp_extract(line_item_availability_zone, '{ZONE}'), '')) AS region_id,
            coalesce(nullif(bill_invoicing_entity, ''), nullif(line_item_legal_entity, ''))
                AS invoice_issuer_name,
            coalesce(nullif(savings_plan_savings_plan_a_r_n, ''), {arn}) AS commitment_discount_id,
            CASE WHEN cardinality(tags) > 0 THEN to_json(tags)::VARCHAR END AS tags,
            count(*)::BIGINT AS lines,
            count(*) FILTER ({ticks(NET)} <> {ticks(UNBLENDED)})::BIGINT AS net_lines,
            coalesce(sum({ticks(UNBLENDED)}), 0)::BIGINT AS unblended_cost,
            coalesce(sum({billed}), 0)::BIGINT AS billed_cost,
            coalesce(sum({effective}), 0)::BIGINT AS effective_cost,
            sum(CASE WHEN {TEXTS["line_item_type"]} = 'SavingsPlanNegation' THEN 0
                ELSE {listed} END)::BIGINT AS list_cost,
            coalesce(sum({ticks("split_line_item_split_cost")}), 0)::BIGINT AS split_cost,
            coalesce(sum({ticks("split_line_item_unused_cost")}), 0)::BIGINT AS split_unused_cost
        FROM {relation} GROUP BY ALL"""


def duckdb_reduce(batches: Sequence[tuple[Sequence[Path], Path]], threads: int) -> None:
    """Each batch of files into one target."""
    import duckdb

    connection = duckdb.connect(config={"threads": threads})
    connection.execute("SET TimeZone = 'UTC'")
    for files, target in batches:
        listed = ", ".join(f"'{file}'" for file in files)
        query = sql(f"read_parquet([{listed}])")
        connection.execute(
            f"COPY ({query}) TO '{target}' (FORMAT parquet, COMPRESSION zstd, COMPRESSION_LEVEL 1)"
        )


# ---- Polars


def polars_reduce(batches: Sequence[tuple[Sequence[Path], Path]]) -> None:
    """Each batch of files into one target; tags stay a map, which is cheaper than their JSON."""
    import polars as pl

    def text(column: str) -> pl.Expr:
        return pl.when(pl.col(column) != "").then(pl.col(column))

    def ticks(column: str | pl.Expr) -> pl.Expr:
        expression = pl.col(column) if isinstance(column, str) else column
        return (expression * 1e10).round().cast(pl.Int64)

    def net(narrow: str, gross: str) -> pl.Expr:
        return ticks(pl.coalesce(narrow, gross))

    kind = pl.col(TEXTS["line_item_type"])
    billed, zero = net(NET, UNBLENDED), pl.lit(0, pl.Int64)
    one_time = (pl.col("line_item_product_code") == "ComputeSavingsPlans") & pl.col(
        "line_item_line_item_description"
    ).str.starts_with(ONE_TIME)
    effective = (
        pl.when(kind == "SavingsPlanCoveredUsage")
        .then(net(NET_COVERED, COVERED))
        .when(kind == "SavingsPlanRecurringFee")
        .then(ticks(COMMITTED) - ticks(USED))
        .when(kind.is_in(["SavingsPlanNegation", "SavingsPlanUpfrontFee"]))
        .then(zero)
        .when(kind == "DiscountedUsage")
        .then(net(NET_RESERVED, RESERVED))
        .when(kind == "RIFee")
        .then(
            net(f"reservation_net_{UPFRONT}", f"reservation_{UPFRONT}")
            + net(f"reservation_net_{RECURRING}", f"reservation_{RECURRING}")
        )
        .when((kind == "Fee") & text("reservation_reservation_a_r_n").is_not_null())
        .then(zero)
        .when((kind == "Refund") & one_time.fill_null(value=False))
        .then(zero)
        .otherwise(billed)
    )
    listed = ticks("pricing_public_on_demand_cost")
    keys = [text(column).alias(name) for name, column in TEXTS.items()] + [
        pl.col("bill_billing_period_start_date").dt.strftime("%Y-%m").alias("billing_period"),
        pl.col("line_item_usage_start_date").dt.date().alias("charge_date"),
        kind.replace_strict(CATEGORY, default=None).alias("charge_category"),
        pl.coalesce(
            text("product_region_code"),
            pl.col("product").map.get("region"),
            pl.col("line_item_availability_zone").str.extract(f"({ZONE})", 1),
        ).alias("region_id"),
        pl.coalesce(text("bill_invoicing_entity"), text("line_item_legal_entity")).alias(
            "invoice_issuer_name"
        ),
        pl.coalesce(
            text("savings_plan_savings_plan_a_r_n"), text("reservation_reservation_a_r_n")
        ).alias("commitment_discount_id"),
        pl.col("tags"),
    ]
    sums = [
        pl.len().cast(pl.Int64).alias("lines"),
        (ticks(NET) != ticks(UNBLENDED)).sum().cast(pl.Int64).alias("net_lines"),
        ticks(UNBLENDED).sum().alias("unblended_cost"),
        billed.sum().alias("billed_cost"),
        effective.sum().alias("effective_cost"),
        pl.when(kind == "SavingsPlanNegation")
        .then(zero)
        .otherwise(listed)
        .sum()
        .alias("list_cost"),
        ticks("split_line_item_split_cost").sum().alias("split_cost"),
        ticks("split_line_item_unused_cost").sum().alias("split_unused_cost"),
    ]
    for files, target in batches:
        lazy = pl.scan_parquet(list(files)).group_by(keys).agg(sums)
        lazy.sink_parquet(target, compression="zstd", compression_level=1)


# ---- decoding alone


def decode(files: Sequence[Path], threads: int) -> int:
    """Reads the columns of the reduction and drops them; says how many rows there were."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    pa.set_cpu_count(threads)
    plain = {"line_item_resource_id", "line_item_line_item_description", "tags", "product"}
    rows = 0
    for file in files:
        schema = pq.read_schema(file)
        texts = [
            name
            for name in COLUMNS
            if name not in plain and pa.types.is_string(schema.field(name).type)
        ]
        parts = pq.ParquetFile(file, read_dictionary=texts)
        for group in range(parts.num_row_groups):
            table = parts.read_row_group(group, columns=list(COLUMNS), use_threads=threads > 1)
            rows += table.num_rows
    return rows
