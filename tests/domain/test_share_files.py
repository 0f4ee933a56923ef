"""A file of shares is read whole, or everything that is wrong with it is told with row and column."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from finops.domain.errors import InvalidError
from finops.domain.share_files import MOST_ACCOUNTS, MOST_ROWS, points, read

some = settings(max_examples=200, deadline=None, derandomize=True)
HEADER = "account_id,product_id,share,start,reason\n"
SHOP, LAB = "444455556666", "555566667777"


def told(text: str) -> list[tuple[int | None, str | None, str]]:
    """Row, column and reason of each error."""
    return [(one.row, one.column, one.detail) for one in read(text).errors]


@some
@given(st.integers(0, 99_999))
def test_a_share_is_read_to_the_last_basis_point(share: int) -> None:
    assert points(f"{share // 100}.{share % 100:02}") == share
    assert points(f" {share // 100}.{share % 100:02} % ") == share


@pytest.mark.parametrize(
    "said", ["", "33,33", "33.333", "-1", "1e2", "a third", "1000", "%", "5 5"]
)
def test_what_is_no_percent_is_refused(said: str) -> None:
    with pytest.raises(InvalidError, match="is no share; write percent"):
        points(said)


def test_the_rows_of_an_account_are_put_together_in_any_order_of_columns() -> None:
    file = read(
        "\ufeffShare, Product_ID ,Account_ID\r\n60,P1," + SHOP + "\r\n100 %,P1," + LAB + "\r\n"
        "\r\n40,P2," + SHOP + "\r\n"
    )

    assert file.errors == ()
    assert file.rows == 3
    assert [(row.number, row.product_id, row.points) for row in file.accounts[SHOP]] == [
        (2, "P1", 6_000),
        (5, "P2", 4_000),
    ]
    assert [row.points for row in file.accounts[LAB]] == [10_000]


def test_start_and_reason_may_stand_in_any_row_of_their_account() -> None:
    file = read(f"{HEADER}{SHOP},P1,60,,\n{SHOP},P2,40,2026-04-05,moved\n")

    assert file.errors == ()
    assert [(row.start and str(row.start), row.reason) for row in file.accounts[SHOP]] == [
        (None, None),
        ("2026-04-05", "moved"),
    ]


def test_every_cell_that_is_wrong_is_named() -> None:
    text = f"{HEADER}4.44456E+11,,60.001,5.4.2026,\n{SHOP},P1,0,2026-04-05,\n"

    assert [(row, column) for row, column, _ in told(text)] == [
        *[(2, name) for name in ("account_id", "product_id", "share", "start")],
        (3, "share"),
    ]


def test_an_account_with_a_row_that_cannot_be_read_is_not_half_there() -> None:
    file = read(f"{HEADER}{SHOP},P1,60,,\n{SHOP},P2,fourty,,\n{LAB},P1,100,,\n")

    assert list(file.accounts) == [LAB]


@pytest.mark.parametrize(
    "rows, row, column, reason",
    [
        ("P1,50,,\n{0},P1,50,,", 3, "product_id", "row 2 has this product"),
        ("P1,50,2026-04-05,\n{0},P2,50,2026-04-12,", 3, "start", "row 2 says 2026-04-05"),
        ("P1,50,,one\n{0},P2,50,,another", 3, "reason", "row 2 gives another reason"),
        (f"P1,100,,{'x' * 501}", 2, "reason", "at most 500 characters"),
        ("P1,100", 2, None, "3 columns where the header has 5"),
        ('P1,100,,"open', 2, None, "no CSV"),
    ],
)
def test_rows_that_cannot_be_true_together_are_named(
    rows: str, row: int, column: str | None, reason: str
) -> None:
    [(number, where, detail)] = told(f"{HEADER}{SHOP},{rows.format(SHOP)}\n")

    assert (number, where) == (row, column)
    assert reason in detail


@pytest.mark.parametrize(
    "text, reason",
    [
        ("", "there are no rows"),
        (HEADER, "there are no rows"),
        ("account_id;product;share\n", "separated by semicolons"),
        ("account_id,share\n", "lacks product"),
        ("account_id,product_id,share,percent\n", "names percent"),
        ("account_id,product_id,share,share\n", "names a column twice"),
    ],
)
def test_a_file_without_shares_says_what_one_looks_like(text: str, reason: str) -> None:
    [(_, _, detail)] = told(text)

    assert reason in detail


def test_a_file_that_is_too_long_is_refused() -> None:
    accounts = [f"{number:012d},P1,100,,\n" for number in range(MOST_ACCOUNTS + 1)]
    rows = [f"{SHOP},P{number},100,,\n" for number in range(MOST_ROWS + 5)]

    [(row, _, detail)] = told(HEADER + "".join(accounts))
    assert (row, "2,001 accounts" in detail) == (MOST_ACCOUNTS + 2, True)
    assert read(HEADER + "".join(accounts[:-1])).errors == ()
    assert "at most 10,000 rows" in told(HEADER + "".join(rows))[-1][2]


@some
@given(st.text())
def test_no_text_makes_it_fall_over(text: str) -> None:
    file = read(text)

    assert file.errors or file.accounts
