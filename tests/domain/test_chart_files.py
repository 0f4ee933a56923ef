"""A chart file is read as people make it, and all that is wrong with it is told at once."""

import csv
import io
import time
import unicodedata
from contextlib import suppress
from datetime import date
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from finops.domain.chart_files import MOST_BYTES, ChartFile, Controls, Row, RowError, read
from finops.domain.errors import InvalidError
from finops.domain.fiscal_years import FiscalYear

some = settings(max_examples=100, deadline=None, derandomize=True)

UNIT = 10**10  # ticks of 1.00
HEADER = "Unit,Department,Portfolio,Product,Annual amount"
MONTHS = "Jan,Feb,Mar,Apr,May,Jun,Jul,Aug,Sep,Oct,Nov,Dec"
SHOP = "Retail,Digital,Storefront,Web shop,1200.00"
APP = "Retail,Digital,Storefront,App,600"
NAME = "Acme_2026_true_2026-01-01_false_Budget_v1.csv"


def lines(*rows: str) -> bytes:
    return "\n".join((HEADER, *rows)).encode()


def schedule(*months: str, annual: str = "1200") -> bytes:
    row = f"Retail,Digital,Storefront,Web shop,{annual},{','.join(months)}"
    return f"{HEADER},{MONTHS}\n{row}".encode()


def only_error(content: bytes) -> RowError:
    file = read(content)
    assert len(file.errors) == 1, file.errors
    return file.errors[0]


def where(content: bytes) -> list[tuple[int | None, str | None]]:
    return [(error.row, error.column) for error in read(content).errors]


# -- the name ---------------------------------------------------------------------------------


def test_the_name_says_the_controls() -> None:
    assert Controls.of(NAME) == Controls(
        customer="Acme",
        year=2026,
        is_new=True,
        start=date(2026, 1, 1),
        is_override=False,
        option="Budget",
        edition="v1",
    )


def test_a_customer_may_hold_underscores_and_the_key_folders() -> None:
    controls = Controls.of("in/2026_x/Acme_Corp_of_Old_2026_FALSE_2026-03-01_True_Budget_V12.CSV")

    assert controls.customer == "Acme_Corp_of_Old"
    assert (controls.is_new, controls.is_override) == (False, True)
    assert (controls.start, controls.edition) == (date(2026, 3, 1), "V12")


@pytest.mark.parametrize(
    "name, part",
    [
        (NAME.replace("2026_", "26_"), "year is '26'"),
        (NAME.replace("2026_", "1999_"), "year is '1999'"),
        (NAME.replace("2026_", "2200_"), "year is '2200'"),
        (NAME.replace("true", "yes"), "isNew is 'yes'"),
        (NAME.replace("2026-01-01", "2026-01-15"), "startDate is '2026-01-15'"),
        (NAME.replace("2026-01-01", "2026-13-01"), "startDate is '2026-13-01'"),
        (NAME.replace("2026-01-01", "20260101"), "startDate is '20260101'"),
        (NAME.replace("false", "0"), "isOverride is '0'"),
        (NAME.replace("Budget", ""), "option is ''"),
        (NAME.replace("v1", "1"), "version is '1'"),
        (NAME.replace("v1", "v1 (1)"), r"version is 'v1 \(1\)'"),
        (NAME.replace("Acme", ""), "customer is ''"),
        (NAME.replace("Acme_", ""), "has 6 of 7 parts"),
        (NAME.replace(".csv", ".xlsx"), "does not end in .csv"),
        ("", "does not end in .csv"),
    ],
)
def test_a_wrong_name_is_told_its_wrong_part_and_the_form(name: str, part: str) -> None:
    with pytest.raises(InvalidError, match=rf"{part}.*, e\.g\. Acme_2026_true_2026-01-01_false"):
        Controls.of(f"inbox/{name}")


@some
@given(st.text(max_size=30), st.text(st.sampled_from("_0126-truefalsv"), max_size=40))
def test_a_name_is_read_or_refused_whatever_it_is(customer: str, rest: str) -> None:
    for name in (customer, f"{rest}.csv", f"{customer}_{NAME.partition('_')[2]}"):
        with suppress(InvalidError):
            assert Controls.of(name).start.day == 1


def test_every_wrong_part_of_a_name_is_told_at_once() -> None:
    with pytest.raises(InvalidError, match=r"year is .*; startDate is .*; version is "):
        Controls.of("Acme_26_true_2026-01-02_false_Budget_final.csv")


@pytest.mark.parametrize("wrong", [{"year": 1999}, {"start": date(2026, 1, 2)}])
def test_controls_that_come_as_fields_keep_the_same_rules(wrong: dict[str, object]) -> None:
    with pytest.raises(InvalidError, match=r"year 1999|startDate 2026-01-02"):
        Controls.model_validate({**Controls.of(NAME).model_dump(), **wrong})


def test_a_new_chart_starts_with_its_year_and_a_change_when_it_says() -> None:
    year = FiscalYear(2026, first_month=7)
    said = "Acme_2026_{}_2025-10-01_false_Budget_v1.csv"

    assert Controls.of(said.format("true")).starts(year) == date(2025, 7, 1)
    assert Controls.of(said.format("false")).starts(year) == date(2025, 10, 1)


def test_a_change_must_start_in_its_year_and_a_new_chart_need_not() -> None:
    year = FiscalYear(2026, first_month=7)
    said = "Acme_2026_{}_2026-07-01_false_Budget_v1.csv"

    Controls.of(said.format("true")).must_start_in(year)
    with pytest.raises(InvalidError, match="from 2025-07-01 to 2026-06-30"):
        Controls.of(said.format("false")).must_start_in(year)


# -- what is taken ----------------------------------------------------------------------------


def test_a_row_is_a_path_and_an_amount_and_the_header_names_the_levels() -> None:
    assert read(lines(SHOP)) == ChartFile(
        labels=("Unit", "Department", "Portfolio", "Product"),
        rows=(
            Row(
                number=2,
                names=("Retail", "Digital", "Storefront", "Web shop"),
                annual=1200 * UNIT,
            ),
        ),
    )


def test_twelve_more_columns_are_a_proposed_schedule() -> None:
    row = read(schedule(*["100"] * 11, "99.5")).rows[0]

    assert row.months == (*[100 * UNIT] * 11, 995 * UNIT // 10)
    assert read(schedule(*[""] * 12)).rows[0].months is None
    assert read(schedule(*["0"] * 12)).rows[0].months == (0,) * 12


@pytest.mark.parametrize(
    "content",
    [
        b"\xef\xbb\xbf" + lines(SHOP, APP),
        lines(SHOP, APP).replace(b"\n", b"\r\n"),
        lines(SHOP, APP).replace(b"\n", b"\r"),
        lines(SHOP, APP) + b"\n",
        lines(SHOP, APP) + b"\n\n,,,,\n , ,,,\r\n\r\n",
        lines(SHOP, APP) + b'\n"","","","",""\n',
        lines(SHOP.replace(",", " , "), f"  {APP}  "),
        lines('"Retail","Digital","Storefront","Web shop","1200.00"', APP),
        lines(' "Retail" ,Digital,\t"Storefront"\t,Web shop,1200.00', APP),
        lines("Retail,Digital,Storefront,\N{NO-BREAK SPACE}Web\N{NO-BREAK SPACE}shop,1200.", APP),
        lines("Retail,Digital,Storefront,Web shop,01200.0000000000", APP),
    ],
)
def test_the_same_chart_is_read_however_it_was_saved(content: bytes) -> None:
    assert read(content) == read(lines(SHOP, APP))
    assert len(read(content).rows) == 2


def test_names_may_hold_commas_quotes_accents_and_ampersands() -> None:
    file = read(lines('"Retail, Inc.",Crédit & Co,"The ""big"" one",5" disk,1'))

    assert file.errors == ()
    assert file.rows[0].names == ("Retail, Inc.", "Crédit & Co", 'The "big" one', '5" disk')


def test_accents_are_the_same_from_a_mac() -> None:
    mac = unicodedata.normalize("NFD", "Café,Digital,Web,Shop,1")

    assert read(lines(mac)).rows == read(lines("Café,Digital,Web,Shop,1")).rows


def test_line_breaks_in_quotes_are_counted_as_an_editor_counts_them() -> None:
    header = HEADER.replace("Annual amount", '"Annual\r\namount\r\nin USD"')
    file = read(f"{header}\r\n{SHOP}\r\n{APP.replace('600', '-6')}".encode())

    assert file.rows[0].number == 4
    assert [(error.row, error.column) for error in file.errors] == [(5, "Annual amount in USD")]


@pytest.mark.parametrize(
    "amount, ticks",
    [
        ("0", 0),
        ("1200", 1200 * UNIT),
        ("1200.5", 12005 * UNIT // 10),
        ("0.0000000001", 1),
        (".5", UNIT // 2),
        ("999999999999999.9999999999", 10**25 - 1),
    ],
)
def test_an_amount_is_read_to_the_tick(amount: str, ticks: int) -> None:
    assert read(lines(f"Retail,Digital,Storefront,Web shop,{amount}")).rows[0].annual == ticks


# -- what is refused: the file ----------------------------------------------------------------


def test_what_is_not_utf8_is_told_its_line() -> None:
    error = only_error(lines(SHOP, "Café,Digital,Web,Shop,1").decode().encode("cp1252"))

    assert (error.row, error.value) == (3, "Café,Digital,Web,Shop,1")
    assert error.detail == (
        'the byte 0xe9 is no UTF-8; save the file as "CSV UTF-8 (comma delimited)"'
    )


@pytest.mark.parametrize("coding", ["utf-16", "utf-16-le", "utf-16-be"])
def test_utf16_is_told_to_be_saved_as_utf8(coding: str) -> None:
    error = only_error(lines(SHOP).decode().encode(coding))

    assert error.row is None
    assert "UTF-16" in error.detail
    assert "CSV UTF-8" in error.detail


@pytest.mark.parametrize("separator, word", [(";", "semicolons"), ("\t", "tabs")])
def test_another_separator_is_one_clear_error(separator: str, word: str) -> None:
    content = lines(SHOP, APP).replace(b",", separator.encode())
    error = only_error(content.replace(b"1200.00", b"1200,00"))

    assert error.row == 1
    assert error.detail.startswith(f"the columns are separated by {word}")


@pytest.mark.parametrize("content", [b"", b"\n\n", b"\xef\xbb\xbf", b",,,,\n,,,,"])
def test_an_empty_file_is_one_error(content: bytes) -> None:
    assert "the file is empty" in only_error(content).detail


def test_a_header_alone_is_no_chart() -> None:
    error = only_error(HEADER.encode())

    assert "no rows below the header" in error.detail
    assert read(HEADER.encode()).labels == ("Unit", "Department", "Portfolio", "Product")


def test_too_many_rows_are_one_error() -> None:
    rows = [SHOP] * 50_001

    assert "more than 50,000 rows" in only_error(lines(*rows)).detail
    assert "more than 50,000 rows" in only_error(b"\n" * 60_000 + b"x").detail


def test_as_many_rows_as_allowed_are_read() -> None:
    rows = [f"U,D,P,x{number},1" for number in range(50_000)]

    assert len(read(lines(*rows)).rows) == 50_000


def test_too_many_bytes_are_one_error() -> None:
    assert "20,000,000" in only_error(b" " * (MOST_BYTES + 1)).detail


# -- what is refused: the header --------------------------------------------------------------


@pytest.mark.parametrize(
    "header, columns",
    [("Unit,Department,Portfolio,Product", 4), (f"{HEADER},Jan", 6), ("Chart of accounts", 1)],
)
def test_a_header_has_5_or_17_columns(header: str, columns: int) -> None:
    error = only_error(f"{header}\n{SHOP}".encode())

    assert error.row == 1
    assert error.detail.startswith(f"the header has {columns} column")


def test_a_header_with_a_loose_quote_is_refused() -> None:
    error = only_error(f'"{HEADER}\n{SHOP}'.encode())

    assert (error.row, error.detail.partition(" and ")[0]) == (1, "a quote opens here")


def test_every_column_has_a_label_and_rows_are_judged_all_the_same() -> None:
    content = f"Unit,,Portfolio,Product, \n{SHOP}\n{APP.replace('600', 'six')}".encode()

    assert where(content) == [(1, "column 2"), (1, "column 5"), (3, "column 5")]


def test_two_levels_have_two_labels() -> None:
    error = only_error(f"Unit,Portfolio,portfolio,Product,Annual\n{SHOP}".encode())

    assert (error.row, error.column, error.value) == (1, "column 3", "portfolio")


def test_months_may_share_their_initials() -> None:
    row = f"{SHOP},{','.join(['100'] * 12)}"

    assert read(f"{HEADER},J,F,M,A,M,J,J,A,S,O,N,D\n{row}".encode()).errors == ()


# -- what is refused: names -------------------------------------------------------------------


def test_an_empty_name_is_told_with_the_label_of_its_level() -> None:
    content = lines(SHOP, "Retail, ,Storefront,,1")

    assert where(content) == [(3, "Department"), (3, "Product")]


def test_a_line_that_is_empty_in_the_middle_is_told() -> None:
    content = lines(SHOP, "", ",,,,", APP)

    assert where(content) == [(3, None), (4, None)]
    assert len(read(content).rows) == 2


@pytest.mark.parametrize(
    "name, what",
    [
        ("x" * 121, "has 121 characters"),
        ('"Web\nshop"', "U+000A"),
        ("Web\tshop", "U+0009"),
        ("Web\0shop", "U+0000"),
        ("Web\N{ZERO WIDTH SPACE}shop", "U+200B"),
        ("Web\N{RIGHT-TO-LEFT OVERRIDE}shop", "U+202E"),
    ],
)
def test_a_name_is_one_line_that_one_can_see(name: str, what: str) -> None:
    error = only_error(lines(f"Retail,Digital,Storefront,{name},1", SHOP))

    assert (error.row, error.column) == (2, "Product")
    assert what in error.detail


def test_the_longest_name_is_taken() -> None:
    assert read(lines(f"Retail,Digital,Storefront,{'x' * 120},1")).errors == ()


@pytest.mark.parametrize("row", ["Retail,Digital,Web,1", "Acme, Inc.,Digital,Web,Shop,1", "x"])
def test_a_row_has_as_many_columns_as_the_header(row: str) -> None:
    error = only_error(lines(row, SHOP))

    assert (error.row, error.column, error.value) == (2, None, row)
    assert "need quotes" in error.detail


def test_a_quote_that_is_never_closed_hides_no_other_row() -> None:
    content = lines(SHOP, 'Retail,"Digital,Web,X,1', f"{APP}0,", APP, '"Media, Inc",D,P,X,-1')

    assert where(content) == [(3, "Department"), (4, None), (6, "Annual amount")]
    assert "never closed" in read(content).errors[0].detail
    assert len(read(content).rows) == 2


def test_text_after_a_closing_quote_is_told() -> None:
    error = only_error(lines('"Retail" Inc,Digital,Storefront,Web shop,1', SHOP))

    assert (error.row, error.column) == (2, "Unit")
    assert "after the closing quote" in error.detail


# -- what is refused: amounts -----------------------------------------------------------------


@pytest.mark.parametrize(
    "amount, what",
    [
        ("", "is empty"),
        ("-", "is a dash; write 0"),
        ("many", "is not a number"),
        ("1200.00.00", "write it as 1200.00"),
        ("٣", "is not a number"),
        ("NaN", "is not a number"),
        ("inf", "is not a number"),
        ("#REF!", "is not a number"),
        ("2026-01-01", "is not a number"),
        (".", "is not a number"),
        ('"1,200.00"', "has thousands separators"),
        ('"1,200"', "has thousands separators or a decimal comma"),
        ("1 200", "has thousands separators"),
        ("1\N{NARROW NO-BREAK SPACE}200", "has thousands separators"),
        ("1'200", "has thousands separators"),
        ("1’200.50", "has thousands separators"),
        ("1.200.000", "has thousands separators"),
        ('"1.200,00"', "has a decimal comma"),
        ('"1200,5"', "has a decimal comma"),
        ("$1200", "has a currency"),
        ("1200 €", "has a currency"),
        ("USD 1200", "has a currency"),
        ("1200 kr", "has a currency"),
        ("R 1200", "has a currency"),
        ("12%", "is a percentage"),
        ("-1200.00", "is negative"),
        ("−1200", "is negative"),  # noqa: RUF001 - the minus sign, as typographers write it
        ("1200-", "is negative"),
        ("-$5", "is negative"),
        ("(1200.00)", "is negative"),
        ("1E6", "has an exponent"),
        ("1.2e+06", "has an exponent"),
        ("0.00000000001", "has 11 decimals"),
        ("1000000000000000", "is 1e15 or more"),
        ("9" * 5000, "is 1e15 or more"),
    ],
)
def test_an_amount_that_could_be_misread_is_refused_with_its_remedy(amount: str, what: str) -> None:
    error = only_error(lines(f"Retail,Digital,Storefront,Web shop,{amount}", APP))

    assert (error.row, error.column) == (2, "Annual amount")
    assert error.detail.startswith("the amount ")
    assert what in error.detail
    assert error.value == (amount.strip('"')[:80] or None)


def test_months_are_all_or_none() -> None:
    content = schedule("100", "", *["100"] * 9, "")
    errors = read(content).errors

    assert where(content) == [(2, "Feb"), (2, "Dec")]
    assert errors[0].detail == (
        "the amount of month 2 is empty; write 0 where there is no money; give all twelve months"
        " or none"
    )


def test_every_wrong_month_is_told() -> None:
    assert where(schedule("-1", *["100"] * 10, "1E2")) == [(2, "Jan"), (2, "Dec")]


def test_months_add_up_to_the_annual_amount_at_most() -> None:
    months = ["100"] * 11
    error = only_error(schedule(*months, "100.0000000001"))

    assert (error.row, error.column) == (2, "Annual amount")
    assert "add up to 1200.0000000001, more than the annual amount 1200.00" in error.detail
    assert read(schedule(*months, "100")).errors == ()


# -- what is refused: rows beside each other --------------------------------------------------


def test_a_product_comes_once_and_both_rows_are_named() -> None:
    error = only_error(lines(SHOP, APP, SHOP))

    assert (error.row, error.column) == (4, None)
    assert "the same product as row 2" in error.detail


@pytest.mark.parametrize(
    "other, column, here, there",
    [
        ("RETAIL,Digital,Storefront,App,1", "Unit", "RETAIL", "Retail"),
        ("Retail,digital,Storefront,App,1", "Department", "digital", "Digital"),
        ("Retail,Digital,Storefront!,App,1", "Portfolio", "Storefront!", "Storefront"),
    ],
)
def test_an_element_is_spelled_in_one_way(other: str, column: str, here: str, there: str) -> None:
    error = only_error(lines(SHOP, other))

    assert (error.row, error.column, error.value) == (3, column, here)
    assert f"{here!r} is spelled {there!r} in row 2" in error.detail


def test_another_spelling_of_a_product_is_a_second_row_of_it_too() -> None:
    assert where(lines(SHOP, SHOP.replace("Web shop", "Web Shop"))) == [(3, "Product"), (3, None)]


def test_a_spelling_is_told_once_however_often_it_comes() -> None:
    content = lines(SHOP, *(f"RETAIL,Digital,Storefront,X{n},1" for n in range(9)))

    assert where(content) == [(3, "Unit")]


def test_namesakes_under_two_parents_may_be_spelled_in_two_ways() -> None:
    assert read(lines("Retail,IT,P,X,1", "Media,It,P,Y,1")).errors == ()


def test_a_product_has_one_parent_and_both_rows_are_named() -> None:
    error = only_error(lines(SHOP, APP, "Media,Digital,Storefront,Web shop,1"))

    assert (error.row, error.column, error.value) == (4, "Product", "Web shop")
    assert "under Media / Digital / Storefront here" in error.detail
    assert "under Retail / Digital / Storefront in row 2" in error.detail


def test_a_bad_row_hides_no_other_one() -> None:
    content = lines(
        "Retail,Digital,Storefront,Web shop,1.200,00",  # an unquoted comma: six columns
        "Retail,,Storefront,App,-1",
        "Media,Digital,Storefront,Games,ten",
        "Retail,Digital,Storefront,Games,1",
        SHOP,
    )

    assert where(content) == [
        (2, None),
        (3, "Department"),
        (3, "Annual amount"),
        (4, "Annual amount"),
        (5, "Product"),
    ]
    assert [row.number for row in read(content).rows] == [5, 6]


# -- whatever comes ---------------------------------------------------------------------------

NAMES = st.text(st.sampled_from('abcdefghABCÉéß&,"’ -.'), min_size=1, max_size=9).filter(
    lambda name: name.strip() and not name.startswith(" ")
)


@some
@given(
    st.lists(st.tuples(NAMES, st.integers(0, 10**25 - 1)), min_size=1, max_size=6),
    st.sampled_from(["\n", "\r\n", "\r"]),
    st.booleans(),
    st.booleans(),
)
def test_what_a_spreadsheet_writes_is_read_back(
    products: list[tuple[str, int]], newline: str, has_mark: bool, quotes_all: bool
) -> None:
    written = io.StringIO(newline="")
    writer = csv.writer(
        written,
        lineterminator=newline,
        quoting=csv.QUOTE_ALL if quotes_all else csv.QUOTE_MINIMAL,
    )
    writer.writerow(["A", "B", "C", "D", "Annual"])
    for number, (name, ticks) in enumerate(products):
        amount = f"{ticks // UNIT}.{ticks % UNIT:010}"
        writer.writerow([f"{name} {number}", name, name, f"{number} {name}", amount])

    file = read(written.getvalue().encode("utf-8-sig" if has_mark else "utf-8"))

    assert file.errors == ()
    assert [(row.names[1], row.annual) for row in file.rows] == [
        (name.strip(), ticks) for name, ticks in products
    ]
    assert [row.number for row in file.rows] == list(range(2, len(products) + 2))


@some
@given(
    st.binary(max_size=200) | st.text(st.sampled_from('a1,;"\r\n\t .'), max_size=99).map(str.encode)
)
def test_nothing_is_raised_whatever_comes(body: bytes) -> None:
    for content in (body, lines() + b"\n" + body):
        file = read(content)
        assert file.rows or file.errors
        last_line = content.count(b"\n") + content.count(b"\r") + 1
        assert all(error.row is None or 1 <= error.row <= last_line for error in file.errors)


@some
@given(st.permutations([SHOP, APP, "Media,D,P,X,1", "Media,D,P,Y,no", "Media,D,Q,X,2"]))
def test_the_order_of_rows_changes_only_their_numbers(rows: list[str]) -> None:
    file = read(lines(*rows))

    assert {row.names[-1] for row in file.rows} == {"Web shop", "App", "X"}
    assert len(file.errors) == 2


def test_five_thousand_rows_are_read_well_within_a_second() -> None:
    numbers = list(range(5_000))
    Random(1).shuffle(numbers)
    months = ",".join(["1.00"] * 12)
    rows = [f'"Unit {n % 9}, Inc",D {n % 90},P {n % 900},X {n},12.00,{months}' for n in numbers]
    content = "\n".join((f"{HEADER},{MONTHS}", *rows)).encode()

    began = time.process_time()
    file = read(content)

    assert time.process_time() - began < 1
    assert (len(file.rows), file.errors) == (5_000, ())
