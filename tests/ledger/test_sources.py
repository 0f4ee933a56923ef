"""Files are recognised by what is in them, and refused with file, row and column."""

import gzip
import zipfile
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from finops.domain.errors import RefusedError
from finops.domain.formats import BillFormat
from finops.domain.money import TICKS_PER_UNIT
from finops.ledger import sources
from finops.ledger.reduction import Payer
from finops.ledger.sources import Packing, packing
from tests.ledger.bill_files import (
    LEGACY,
    csv_text,
    cur_row,
    differences,
    focus_row,
    legacy_csv_rows,
    line,
    opened,
    parquet_table,
    plain,
    tagged,
    write_csv,
    write_parquet,
)
from tests.ledger.conftest import Worker

LINES = [
    line("1.5", resource_id="i-1", tags=tagged(**{"user:Team": "web"})),
    line("2.25", line_item_type="Tax", region_id=None, list_cost=Decimal(3)),
]
CUR2_ROWS = [cur_row(one) for one in LINES]
LEGACY_ROWS = legacy_csv_rows(LINES)
UNIT = TICKS_PER_UNIT


def lower(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Titles as Athena's Parquet spells those of legacy CUR."""
    cut = {"/": "_", ":": "_"}
    return [
        {"".join(cut.get(c, c) for c in title): cell for title, cell in row.items()} for row in rows
    ]


# -- recognised by content --------------------------------------------------------------------


@pytest.mark.parametrize(
    "first_bytes, told",
    [
        (b"PAR1\x15\x04", Packing.PARQUET),
        (b"\x1f\x8b\x08\x00", Packing.GZIP),
        (b"PK\x03\x04", Packing.ZIP),
        (b"line", Packing.PLAIN),
        (b"", Packing.PLAIN),
    ],
)
def test_a_packing_is_seen_from_the_first_bytes(first_bytes: bytes, told: Packing) -> None:
    assert packing(first_bytes) is told


def zipped(path: Path, text: str) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("folder/", "")
        archive.writestr("folder/report-1.csv", text)
    return path


def written(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    return path


WRITERS: dict[str, Callable[[Path], Path]] = {
    "Parquet": lambda path: write_parquet(path, CUR2_ROWS),
    "plain": lambda path: write_csv(path, LEGACY_ROWS),
    "gzip": lambda path: written(path, gzip.compress(csv_text(LEGACY_ROWS).encode())),
    "gzip of two members": lambda path: written(
        path,
        gzip.compress(csv_text(LEGACY_ROWS).encode()[:500])
        + gzip.compress(csv_text(LEGACY_ROWS).encode()[500:]),
    ),
    "zip": lambda path: zipped(path, csv_text(LEGACY_ROWS)),
    "byte order mark": lambda path: written(path, csv_text(LEGACY_ROWS).encode("utf-8-sig")),
    "semicolons": lambda path: write_csv(path, LEGACY_ROWS, delimiter=";"),
    "tabs": lambda path: write_csv(path, LEGACY_ROWS, delimiter="\t"),
    "line ends of Windows": lambda path: written(
        path, csv_text(LEGACY_ROWS).replace("\n", "\r\n").encode()
    ),
    "no last line end": lambda path: written(path, csv_text(LEGACY_ROWS).rstrip("\n").encode()),
}


@pytest.mark.parametrize("how", WRITERS)
@pytest.mark.parametrize("name", ["report-1.csv.gz", "delivery"])
def test_a_bill_is_the_same_however_it_is_packed_and_whatever_it_is_called(
    worker: Worker, how: str, name: str
) -> None:
    made = worker.ledger(WRITERS[how](worker.folder() / name))

    assert differences(made.charges, plain(LINES)) == []
    assert made.warnings == []


def test_athenas_text_has_control_a_between_fields_and_quotes_nothing(worker: Worker) -> None:
    rows = [cur_row(one) for one in LINES]
    for row in rows:
        del row["tags"]
        row["line_item_line_item_description"] = 'a 3" disk, "fast"'
    titles = "\x01".join(rows[0])
    cells = ["\x01".join("" if c is None else str(c) for c in row.values()) for row in rows]
    path = worker.folder() / "rows.gz"
    path.write_bytes(gzip.compress("\n".join([titles, *cells]).encode()))

    made = worker.ledger(path)

    assert differences(made.charges, plain(one._replace(tags=None) for one in LINES)) == []


@pytest.mark.parametrize(
    "rows, told",
    [
        (CUR2_ROWS, BillFormat.CUR2),
        (LEGACY_ROWS, BillFormat.LEGACY),
        ([focus_row(one, Decimal(1)) for one in LINES], BillFormat.FOCUS),
    ],
    ids=["CUR 2.0", "legacy", "FOCUS"],
)
def test_a_format_is_told_by_its_columns(
    worker: Worker, rows: list[dict[str, Any]], told: BillFormat
) -> None:
    folder = worker.folder()

    assert opened(worker.connection, write_csv(folder / "a.csv", rows)).format is told


def test_legacy_parquet_is_lower_case_blank_and_has_a_column_for_each_tag(worker: Worker) -> None:
    plain_rows = [cur_row(one) for one in LINES]
    for row in plain_rows:
        tags = row.pop("tags")
        row["resource_tags_user_team"] = tags.get("resourceTags/user:Team")

    made = worker.ledger(write_parquet(worker.folder() / "a.snappy.parquet", plain_rows, blank=""))

    team = tagged(user_team="web")
    assert differences(made.charges, plain([LINES[0]._replace(tags=team), LINES[1]])) == []


def test_columns_that_differ_in_case_alone_are_two(worker: Worker) -> None:
    rows = [
        row | {"resourceTags/user:team": "TEAM", "lineItem/unblendedCost#": "x"}
        for row in LEGACY_ROWS
    ]

    made = worker.ledger(write_csv(worker.folder() / "a.csv", rows))

    first = next(charge for charge in made.charges if charge.key.resource_id)
    assert first.key.tags == tagged(**{"user:Team": "web", "user:team": "TEAM"})
    assert made.total() == 37_500_000_000


def test_unknown_columns_are_ignored_and_optional_ones_may_be_missing(worker: Worker) -> None:
    needed = (
        "bill_payer_account_id",
        "line_item_unblended_cost",
        "line_item_usage_start_date",
    )
    rows = [{name: row[name] for name in needed} | {"noTags/x": "?"} for row in CUR2_ROWS]

    (charge,) = worker.ledger(write_csv(worker.folder() / "a.csv", rows)).charges

    assert (charge.lines, charge.unblended_cost) == (2, 37_500_000_000)
    assert (charge.key.sub_account_id, charge.key.line_item_type) == (None, None)
    assert charge.list_cost is None


@pytest.mark.parametrize(
    "kind", [pa.decimal128(38, 10), pa.decimal128(20, 4), pa.string(), pa.float32()], ids=str
)
def test_amounts_may_be_decimals_text_or_floats(worker: Worker, kind: pa.DataType) -> None:
    table = parquet_table(CUR2_ROWS)
    place = table.column_names.index("line_item_unblended_cost")
    cells = pa.array(["1.5", "2.25"])
    table = table.set_column(place, "line_item_unblended_cost", cells.cast(kind))
    path = worker.folder() / "a.parquet"
    pq.write_table(table, path)

    assert worker.ledger(path).total() == 37_500_000_000


def test_the_region_of_a_transfer_comes_from_its_product_or_its_zone(worker: Worker) -> None:
    nowhere = cur_row(line("1", region_id=None))
    rows = [
        nowhere | {"product": {"region": "eu-west-1"}, "line_item_availability_zone": None},
        nowhere | {"product": {}, "line_item_availability_zone": "eu-west-1b"},
        nowhere | {"product": {}, "line_item_availability_zone": "us-east-1-bos-1a"},
        nowhere | {"product": {}, "line_item_availability_zone": ""},
    ]
    folder = worker.folder()
    regions = {"eu-west-1": 2 * UNIT, "us-east-1": 1 * UNIT, None: 1 * UNIT}

    for file in (write_parquet(folder / "a.parquet", rows), write_csv(folder / "a.csv", rows)):
        assert worker.ledger(file).sums("region_id") == regions


def test_focus_writes_null_where_it_has_nothing_to_say(worker: Worker) -> None:
    rows = [
        {name: "NULL" if cell is None else cell for name, cell in row.items()}
        for row in [focus_row(one, Decimal("1.25")) for one in LINES]
    ]

    made = worker.ledger(write_csv(worker.folder() / "a.csv", rows))

    assert {charge.key.region_id for charge in made.charges} == {"eu-west-1", None}
    assert made.total("effective_cost") == 25_000_000_000
    assert [charge.list_cost for charge in made.charges] == [3 * UNIT, None]
    assert made.warnings == []


# -- whose bill it is -------------------------------------------------------------------------


def of_payers(worker: Worker, *payers: str | None, **how: Any) -> dict[Any, int]:
    rows = [cur_row(line("1")) | {"bill_payer_account_id": payer} for payer in payers]
    return worker.ledger_of(rows, **how).sums("billing_account_id")


def test_lines_name_their_payer_and_several_payers_stay_apart(worker: Worker) -> None:
    assert of_payers(worker, "1", "2", "2") == {"1": UNIT, "2": 2 * UNIT}


def test_lines_without_payer_are_the_exports_accounts(worker: Worker) -> None:
    assert of_payers(worker, "1", None, payer=Payer(otherwise="9")) == {"1": UNIT, "9": UNIT}


def test_a_payer_that_somebody_states_goes_before_the_lines(worker: Worker) -> None:
    assert of_payers(worker, "1", None, payer=Payer(always="9")) == {"9": 2 * UNIT}


def test_lines_without_payer_beside_lines_of_just_one_are_taken_for_its(worker: Worker) -> None:
    rows = [cur_row(line("1")) | {"bill_payer_account_id": payer} for payer in ("1", None)]

    made = worker.ledger_of(rows)

    assert made.sums("billing_account_id") == {"1": 2 * UNIT}
    (warning,) = made.warnings
    assert warning == "a.parquet: lines without a payer account were taken for payer 1's"


@pytest.mark.parametrize("payers", [(None,), ("1", "2", None)])
def test_lines_that_are_nobodys_bill_are_refused(
    worker: Worker, payers: tuple[str | None, ...]
) -> None:
    with pytest.raises(RefusedError, match="1 lines name no payer account; say whose bill it is"):
        of_payers(worker, *payers)


def test_lines_that_say_no_month_are_refused(worker: Worker) -> None:
    row = cur_row(line("1"))
    del row["bill_billing_period_start_date"]
    row["line_item_usage_start_date"] = None

    with pytest.raises(RefusedError, match="neither a billing period nor a usage date"):
        worker.ledger(write_csv(worker.folder() / "a.csv", [row]))


# -- what cannot be read ----------------------------------------------------------------------


def test_text_in_an_optional_number_is_warned_of_and_counts_nothing(worker: Worker) -> None:
    rows = [row | {"pricing/publicOnDemandCost": "convertible"} for row in LEGACY_ROWS]

    made = worker.ledger(write_csv(worker.folder() / "a.csv", rows))

    assert [charge.list_cost for charge in made.charges] == [None, None]
    (warning,) = made.warnings
    assert warning == (
        "a.csv: 2 lines hold no number in pricing/publicOnDemandCost; "
        "what they would add to list_cost is not known"
    )


@pytest.mark.parametrize("cell", ["convertible", "1,5", "1.2.3", "NaN", "inf", "$3"])
def test_text_in_the_unblended_cost_is_refused_naming_file_row_and_column(
    worker: Worker, cell: str
) -> None:
    rows = [*LEGACY_ROWS, LEGACY_ROWS[0] | {"lineItem/UnblendedCost": cell}]

    with pytest.raises(RefusedError) as refused:
        worker.ledger(write_csv(worker.folder() / "report-1.csv", rows))

    assert refused.value.detail == (
        f"report-1.csv, row 3: lineItem/UnblendedCost is {cell!r}, which is no amount "
        "(1 such rows); deliver the file again"
    )


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
def test_a_double_that_is_no_number_is_refused_in_the_unblended_cost(
    worker: Worker, value: float
) -> None:
    rows = [*CUR2_ROWS, CUR2_ROWS[0] | {"line_item_unblended_cost": value}]

    with pytest.raises(RefusedError, match=r"a\.parquet, row 3: line_item_unblended_cost is"):
        worker.ledger_of(rows)


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_a_double_that_is_no_number_is_warned_of_elsewhere(worker: Worker, value: float) -> None:
    rows = [row | {"line_item_net_unblended_cost": value} for row in CUR2_ROWS]

    made = worker.ledger_of(rows)

    assert made.total("billed_cost") == 37_500_000_000  # the gross cost stands
    (warning,) = made.warnings
    assert warning == (
        "a.parquet: 2 lines hold no number in line_item_net_unblended_cost; "
        "what they would add to net_unblended_cost is not known"
    )


def test_a_blank_unblended_cost_is_warned_of_and_counts_nothing(worker: Worker) -> None:
    rows = [CUR2_ROWS[0], CUR2_ROWS[0] | {"line_item_unblended_cost": None}]
    folder = worker.folder()

    for file in (write_parquet(folder / "a.parquet", rows), write_csv(folder / "a.csv", rows)):
        made = worker.ledger(file)
        assert made.total() == 15_000_000_000
        assert made.warnings == [
            f"{file.name}: 1 lines leave line_item_unblended_cost blank; they count as 0"
        ]


def test_an_amount_beyond_922_million_is_refused_not_cut(worker: Worker) -> None:
    rows = [CUR2_ROWS[0] | {"line_item_unblended_cost": Decimal("1e9")}]
    folder = worker.folder()

    for file in (write_parquet(folder / "a.parquet", rows), write_csv(folder / "a.csv", rows)):
        with pytest.raises(RefusedError, match="an amount is out of range"):
            worker.ledger(file)


@pytest.mark.parametrize("rows", [CUR2_ROWS, LEGACY_ROWS], ids=["CUR 2.0", "legacy"])
def test_a_file_that_has_titles_only_holds_no_bill(
    worker: Worker, rows: list[dict[str, Any]]
) -> None:
    path = worker.folder() / "a.csv"
    path.write_text(csv_text(rows).partition("\n")[0] + "\n")

    made = worker.ledger(path)

    assert (made.charges, made.controls, made.merged.files) == ([], [], ())


def test_an_empty_parquet_file_holds_no_bill(worker: Worker) -> None:
    path = worker.folder() / "a.parquet"
    pq.write_table(parquet_table(CUR2_ROWS).slice(0, 0), path)

    assert worker.ledger(path).charges == []


def _rubbish(path: Path) -> bytes:
    content = bytearray(path.read_bytes())
    content[4:120] = bytes(range(116))
    return bytes(content)


BROKEN: dict[str, Callable[[Path], Path]] = {
    "empty": lambda path: written(path, b""),
    "one word": lambda path: written(path, b"hello\n"),
    "another table": lambda path: written(path, b"date,amount\n2026-09-01,3\n"),
    "binary": lambda path: written(path, bytes(range(200, 256)) * 20),
    "gzip cut off": lambda path: written(
        path, gzip.compress(csv_text(LEGACY_ROWS * 500).encode())[:-200]
    ),
    "gzip of nothing": lambda path: written(path, gzip.compress(b"")),
    "gzip in name only": lambda path: written(path, b"\x1f\x8b\x08\x00rubbish"),
    "Parquet cut off": lambda path: written(
        path, write_parquet(path, CUR2_ROWS).read_bytes()[:-100]
    ),
    "Parquet without footer": lambda path: written(path, b"PAR1" + bytes(100)),
    "Parquet with rubbish inside": lambda path: written(
        path, _rubbish(write_parquet(path, CUR2_ROWS))
    ),
    "zip cut off": lambda path: written(
        path, zipped(path, csv_text(LEGACY_ROWS)).read_bytes()[:-30]
    ),
}


@pytest.mark.parametrize("how", BROKEN)
def test_what_is_no_whole_bill_is_refused_by_name(worker: Worker, how: str) -> None:
    path = BROKEN[how](worker.folder() / "report-1.csv")

    with pytest.raises(RefusedError, match=r"report-1\.csv"):
        worker.ledger(path)


def test_an_archive_of_two_files_is_refused(worker: Worker) -> None:
    path = worker.folder() / "report.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("a.csv", "x")
        archive.writestr("b.csv", "x")

    with pytest.raises(RefusedError, match=r"report\.zip holds 2 files; one was expected"):
        sources.unzip(path, path.parent)


def test_a_row_cut_off_in_the_middle_is_refused(worker: Worker) -> None:
    text = csv_text(LEGACY_ROWS)
    path = worker.folder() / "a.csv"
    path.write_text(text + text.splitlines()[1][:40] + "\n")

    with pytest.raises(RefusedError, match=r"a\.csv: 1 lines name neither a billing period nor"):
        worker.ledger(path)


def test_legacy_titles_stand_for_the_same_columns() -> None:
    assert cur_row(LINES[0], LEGACY)["lineItem/UnblendedCost"] == Decimal("1.5")
