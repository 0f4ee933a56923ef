"""Files of shares: which account goes to which products, a row for each product of an account."""

import csv
import io
import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from typing import NamedTuple

from finops.domain.accounts import ACCOUNT_ID
from finops.domain.chart_files import RowError
from finops.domain.errors import InvalidError

COLUMNS = ("account_id", "product_id", "share", "start", "reason")
NEEDED = COLUMNS[:3]
MOST_ACCOUNTS = 2_000
MOST_ROWS = 10_000
LONGEST_REASON = 500
MANGLED = re.compile(r"\d[.,]\d+E\+\d+")  # what spreadsheets make of twelve digits
SHARE = re.compile(r"(\d{1,3})(?:\.(\d{1,2}))?\s*%?")


class ShareRow(NamedTuple):
    """A product's part of an account, in basis points, and the row that says so.

    Start and reason are those of the account, and need not stand in all of its rows.
    """

    number: int
    account_id: str
    product_id: str
    points: int
    start: date | None
    reason: str | None


class ShareFile(NamedTuple):
    """The rows of each account whose rows can all be read, and everything that is wrong."""

    accounts: Mapping[str, Sequence[ShareRow]]
    rows: int
    errors: Sequence[RowError]


def read(text: str) -> ShareFile:
    """The shares in *text*; what is wrong with it is told, all of it, and never raised.

    >>> file = read("account_id,product_id,share\\n444455556666,a.b.c.d,60\\n444455556666,a.b.c.e,40 %")
    >>> [(row.product_id, row.points) for row in file.accounts["444455556666"]]
    [('a.b.c.d', 6000), ('a.b.c.e', 4000)]
    >>> read("account_id,product_id,share\\n444455556666,a.b.c.d,a third").errors[0].column
    'share'
    """
    errors: list[RowError] = []
    accounts: dict[str, list[ShareRow]] = {}
    unread: set[str] = set()
    rows = 0
    for record in _records(text):
        if isinstance(record, RowError):
            errors.append(record)
            continue
        number, cells = record
        rows += 1
        if rows > MOST_ROWS:
            errors.append(_wrong(number, None, f"a file has at most {MOST_ROWS:,} rows: split it"))
            break
        row, wrong = _row(number, cells)
        errors += wrong
        if row is None:
            unread.add(cells["account_id"])
        else:
            accounts.setdefault(row.account_id, []).append(row)
    for listed in accounts.values():
        errors += _apart(listed)
    if len(accounts) > MOST_ACCOUNTS:
        first = list(accounts.values())[MOST_ACCOUNTS][0]
        told = f"{len(accounts):,} accounts; a file has at most {MOST_ACCOUNTS:,}: split it"
        errors.append(_wrong(first.number, "account_id", told, first.account_id))
    whole = {name: listed for name, listed in accounts.items() if name not in unread}
    return ShareFile(whole, rows, tuple(errors))


def points(said: str) -> int:
    """A share in percent as basis points.

    >>> points("33.33"), points("33.3 %"), points("100")
    (3333, 3330, 10000)

    Raises InvalidError for anything else than percent with at most two decimals.
    """
    found = SHARE.fullmatch(said.strip())
    if found is None:
        raise InvalidError(
            f"{said!r} is no share; write percent with at most two decimals and a point, as 33.33"
        )
    return int(found.group(1)) * 100 + int((found.group(2) or "").ljust(2, "0"))


def _records(text: str) -> Iterator[tuple[int, dict[str, str]] | RowError]:
    """The rows below the header, by its names; what is no row is an error in its place."""
    reader = csv.reader(io.StringIO(text.removeprefix("\ufeff"), newline=""), strict=True)
    header: list[str] | None = None
    is_empty = True
    try:
        for cells in reader:
            number, values = reader.line_num, [cell.strip() for cell in cells]
            if not any(values):
                continue
            if header is None:
                header = [name.lower() for name in values]
                if fault := _header_fault(header):
                    yield _wrong(number, None, fault)
                    return
                continue
            is_empty = False
            if len(values) != len(header):
                told = f"{len(values)} columns where the header has {len(header)}"
                yield _wrong(number, None, told)
                continue
            yield number, dict.fromkeys(COLUMNS, "") | dict(zip(header, values, strict=True))
    except csv.Error as error:
        yield _wrong(reader.line_num, None, f"no CSV: {error}; save the file as CSV again")
        return
    if is_empty:
        told = f"there are no rows; write {','.join(COLUMNS)} and, below, a row for each product"
        yield _wrong(1, None, told)


def _header_fault(header: Sequence[str]) -> str | None:
    form = f"it is {','.join(NEEDED)}, and {' and '.join(COLUMNS[3:])} where they are wanted"
    if len(header) == 1 and ";" in header[0]:
        return "columns are separated by semicolons; save the file with commas between them"
    if missing := [name for name in NEEDED if name not in header]:
        return f"the header lacks {', '.join(missing)}; {form}"
    if unknown := [name for name in header if name not in COLUMNS]:
        return f"the header names {', '.join(unknown)}; {form}"
    if len(set(header)) < len(header):
        return f"the header names a column twice; {form}"
    return None


def _row(number: int, cells: Mapping[str, str]) -> tuple[ShareRow | None, list[RowError]]:
    """A row, or all that is wrong with it."""
    errors: list[RowError] = []

    def tell(column: str, detail: str) -> None:
        errors.append(_wrong(number, column, detail, cells[column]))

    if not re.fullmatch(ACCOUNT_ID, cells["account_id"]):
        tell("account_id", "an account id has 1 to 128 characters, none of them invisible")
    elif MANGLED.fullmatch(cells["account_id"]):
        tell("account_id", "an account id has lost digits; format the column as text")
    if not cells["product_id"]:
        tell("product_id", "name the product; finops chart show lists them")
    share = 0
    try:
        share = points(cells["share"])
        if share < 1:
            tell("share", "a share is 0.01 % or more; leave out who pays nothing")
    except InvalidError as error:
        tell("share", error.detail)
    start: date | None = None
    if cells["start"]:
        try:
            start = date.fromisoformat(cells["start"])
        except ValueError:
            tell("start", f"{cells['start']!r} is no day; write it as YYYY-MM-DD")
    if len(cells["reason"]) > LONGEST_REASON:
        tell("reason", f"a reason has at most {LONGEST_REASON} characters")
    if errors:
        return None, errors
    row = ShareRow(
        number, cells["account_id"], cells["product_id"], share, start, cells["reason"] or None
    )
    return row, []


def _apart(rows: Sequence[ShareRow]) -> Iterator[RowError]:
    """Where rows of one account say different things of the whole of it."""
    named: dict[str, int] = {}
    for row in rows:
        if row.product_id in named:
            told = f"row {named[row.product_id]} has this product of the account already"
            yield _wrong(row.number, "product_id", told, row.product_id)
        named.setdefault(row.product_id, row.number)
    starts = [row for row in rows if row.start is not None]
    for row in starts:
        if row.start != starts[0].start:
            told = f"row {starts[0].number} says {starts[0].start}; an account has one start"
            yield _wrong(row.number, "start", told, str(row.start))
    reasons = [row for row in rows if row.reason is not None]
    for row in reasons:
        if row.reason != reasons[0].reason:
            told = f"row {reasons[0].number} gives another reason; an account is mapped for one"
            yield _wrong(row.number, "reason", told, row.reason)


def _wrong(number: int, column: str | None, detail: str, value: str | None = None) -> RowError:
    return RowError(row=number, column=column, detail=detail, value=value or None)
