"""The SQL says what the plain rule says, charge by charge and tick by tick, in every format."""

from decimal import Decimal
from itertools import pairwise

from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from finops.domain.charges import ChargeCategory, LineItem
from tests.ledger.bill_files import (
    AMOUNTS,
    CUR2,
    TEXTS,
    cur_row,
    differences,
    focus_row,
    legacy_csv_rows,
    plain,
    without,
    write_csv,
    write_parquet,
)
from tests.ledger.conftest import Worker
from tests.ledger.strategies import (
    NULLABLE_AMOUNTS,
    OPTIONAL_AMOUNTS,
    TAGS,
    amounts,
    bills,
    left_out,
)

# What differs is told charge by charge; making an example smaller would take minutes.
some = settings(max_examples=10, deadline=None, derandomize=True, phases=[Phase.generate])

CUTS = st.lists(st.integers(0, 12), max_size=2).map(sorted)
OPTIONAL = (
    *OPTIONAL_AMOUNTS,
    *NULLABLE_AMOUNTS,
    "region_id",
    "invoice_id",
    "description",
    "reservation_arn",
    "commitment_discount_id",
    "split_parent_resource_id",
    "tags",
)


def cut(lines: list[LineItem], cuts: list[int]) -> list[list[LineItem]]:
    """*lines* as they lie in one to three files."""
    ends = [0, *cuts, len(lines)]
    parts = [lines[a:b] for a, b in pairwise(ends)]
    return [part for part in parts if part]


@some
@given(bills(), CUTS, st.sampled_from([None, ""]), st.sampled_from([1, 1, 2, 3]))
def test_cur_2_in_parquet_becomes_the_charges_of_the_plain_rule(
    worker: Worker, lines: list[LineItem], cuts: list[int], blank: str | None, shards: int
) -> None:
    folder = worker.folder()
    files = [
        write_parquet(folder / f"{n}.parquet", [cur_row(one) for one in part], blank=blank, group=2)
        for n, part in enumerate(cut(lines, cuts))
    ]

    assert differences(worker.ledger(*files, shards=shards).charges, plain(lines)) == []


@some
@given(bills(decimals=20, below=10**8), CUTS, st.sampled_from(["{:f}", "{:E}", "{}"]))
def test_cur_2_in_csv_becomes_the_charges_of_the_plain_rule_at_twenty_decimals(
    worker: Worker, lines: list[LineItem], cuts: list[int], number: str
) -> None:
    folder = worker.folder()
    files = [
        write_csv(folder / f"{n}.csv.gz", [cur_row(one) for one in part], number=number.format)
        for n, part in enumerate(cut(lines, cuts))
    ]

    assert differences(worker.ledger(*files).charges, plain(lines)) == []


@some
@given(bills(decimals=14, below=1, most=8))
def test_doubles_finer_than_a_tick_are_carried_as_the_plain_rule_carries_them(
    worker: Worker, lines: list[LineItem]
) -> None:
    made = worker.ledger_of([cur_row(one) for one in lines])

    assert differences(made.charges, plain(lines)) == []


@some
@given(bills(), st.sets(st.sampled_from(OPTIONAL), min_size=1), st.booleans())
def test_columns_that_an_export_leaves_out_count_as_what_no_line_says(
    worker: Worker, lines: list[LineItem], fields: set[str], is_text: bool
) -> None:
    names = {field: columns[CUR2] for field, columns in {**TEXTS, **AMOUNTS}.items()}
    rows = without([cur_row(one) for one in lines], [names.get(field, "tags") for field in fields])
    folder = worker.folder()
    file = (
        write_csv(folder / "a.csv", rows) if is_text else write_parquet(folder / "a.parquet", rows)
    )

    expected = plain(left_out(one, fields) for one in lines)
    assert differences(worker.ledger(file).charges, expected) == []


@some
@given(bills(), CUTS)
def test_legacy_csv_becomes_the_charges_of_the_plain_rule(
    worker: Worker, lines: list[LineItem], cuts: list[int]
) -> None:
    # A column for each tag: an empty cell says that the line has no such tag.
    full = [one if one.tags != TAGS[2] else one._replace(tags=TAGS[1]) for one in lines]
    folder = worker.folder()
    files = [
        write_csv(folder / f"{n}.csv", legacy_csv_rows(part))
        for n, part in enumerate(cut(full, cuts))
    ]

    assert differences(worker.ledger(*files).charges, plain(full)) == []


@some
@given(
    st.lists(
        st.tuples(bills(most=1, types=[*ChargeCategory, None]).map(lambda one: one[0]), amounts()),
        min_size=1,
        max_size=12,
    ),
    st.booleans(),
)
def test_focus_says_its_categories_and_effective_cost_itself(
    worker: Worker, said: list[tuple[LineItem, Decimal]], is_text: bool
) -> None:
    fields = (
        *OPTIONAL_AMOUNTS,
        "net_unblended_cost",
        "reservation_arn",
        "split_parent_resource_id",
    )
    pairs = [(left_out(one, fields)._replace(description=None), cost) for one, cost in said]
    rows = [focus_row(one, cost) for one, cost in pairs]
    folder = worker.folder()
    file = (
        write_csv(folder / "a.csv", rows) if is_text else write_parquet(folder / "a.parquet", rows)
    )

    made = worker.ledger(file).charges

    # By the plain rule with each line's effective cost as its unblended one: what sums must be.
    effective = plain(one._replace(unblended_cost=cost, list_cost=None) for one, cost in pairs)
    expected = plain(one for one, _ in pairs)
    assert [c._replace(effective_cost=0) for c in made] == [
        c._replace(effective_cost=0, key=c.key._replace(charge_category=c.key.line_item_type))
        for c in expected
    ]
    assert [c.effective_cost for c in made] == [c.unblended_cost for c in effective]
