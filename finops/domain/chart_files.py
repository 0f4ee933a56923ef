"""Chart files: the chart of accounts as people make it, a CSV file whose name carries controls."""

import re
import unicodedata
from collections import defaultdict
from collections.abc import Iterator, Sequence
from datetime import date
from itertools import islice
from typing import NamedTuple, Self

from pydantic import model_validator

from finops.domain.elements import LEVELS, element_id, slug
from finops.domain.errors import InvalidError
from finops.domain.fiscal_years import FIRST_YEAR, LAST_YEAR, FiscalYear
from finops.domain.money import TICKS_PER_UNIT, from_ticks
from finops.domain.values import Frozen

MOST_BYTES = 20_000_000
MOST_ROWS = 50_000
LONGEST_NAME = 120
LONGEST_VALUE = 80  # of what an error shows as it was found
MONTHS = 12
ANNUAL = LEVELS  # the position of the annual amount; the months follow
WIDTHS = (ANNUAL + 1, ANNUAL + 1 + MONTHS)
MOST_DECIMALS = 10
MOST_DIGITS = 15

Names = tuple[str, str, str, str]

# -- the name ---------------------------------------------------------------------------------

FORM = (
    "the form is <customer>_<year>_<isNew>_<startDate>_<isOverride>_<option>_<version>.csv, e.g."
    " Acme_2026_true_2026-01-01_false_Budget_v1.csv"
)
_PARTS = (
    ("customer", r".*\S.*", "a name"),
    ("year", r"2[01][0-9]{2}", f"a year from {FIRST_YEAR} to {LAST_YEAR}"),
    ("isNew", r"(?i:true|false)", "true or false"),
    ("startDate", r"[1-9][0-9]{3}-(0[1-9]|1[0-2])-01", "the first of a month as YYYY-MM-01"),
    ("isOverride", r"(?i:true|false)", "true or false"),
    ("option", r".*\S.*", "a word"),
    ("version", r"(?i:v)[0-9]+", "v and a number"),
)


class Controls(Frozen):
    """What the name of a file says about it; *start* as it was said, *edition* is its version.

    Raises InvalidError for a year outside 2000 to 2199, and a start that is no first of a month.
    """

    customer: str
    year: int
    is_new: bool
    start: date
    is_override: bool
    option: str
    edition: str

    @model_validator(mode="after")
    def _is_possible(self) -> Self:
        if not FIRST_YEAR <= self.year <= LAST_YEAR:
            raise InvalidError(f"year {self.year} must be from {FIRST_YEAR} to {LAST_YEAR}")
        if self.start.day != 1:
            raise InvalidError(
                f"startDate {self.start} must be the first of a month, e.g. {self.start:%Y-%m}-01"
            )
        return self

    @classmethod
    def of(cls, file_name: str) -> Self:
        """The controls in *file_name*, which may have folders before it.

        Parsed from the right: a customer may hold underscores. Raises InvalidError that names every
        part that is wrong. Source: specification section 4.

        >>> Controls.of("in/Acme_Corp_2026_true_2026-01-01_false_Budget_v1.csv").customer
        'Acme_Corp'
        """
        name = file_name.rpartition("/")[2]
        stem, _, ending = name.rpartition(".")
        if ending.lower() != "csv":
            raise InvalidError(f"{name!r} does not end in .csv; {FORM}")
        said = stem.rsplit("_", len(_PARTS) - 1)
        if len(said) < len(_PARTS):
            raise InvalidError(f"{name!r} has {len(said)} of {len(_PARTS)} parts; {FORM}")
        wrong = [
            f"{part} is {text!r} and must be {wanted}"
            for text, (part, pattern, wanted) in zip(said, _PARTS, strict=True)
            if not re.fullmatch(pattern, text)
        ]
        if wrong:
            raise InvalidError(f"{name!r}: {'; '.join(wrong)}; {FORM}")
        customer, year, is_new, start, is_override, option, edition = said
        return cls(
            customer=customer,
            year=int(year),
            is_new=is_new.lower() == "true",
            start=date.fromisoformat(start),
            is_override=is_override.lower() == "true",
            option=option,
            edition=edition,
        )

    def starts(self, year: FiscalYear) -> date:
        """The day the file takes effect: a new chart on the first day of its *year*."""
        return year.start if self.is_new else self.start

    def must_start_in(self, year: FiscalYear) -> None:
        """Raises InvalidError where the start is outside *year*; a new chart's does not matter."""
        if not self.is_new and self.start not in year:
            raise InvalidError(
                f"startDate {self.start} is not in fiscal year {year.year}, which runs from"
                f" {year.start} to {year.last_day}; start in it, or set isNew=true"
            )


# -- the content ------------------------------------------------------------------------------


class Row(Frozen):
    """A product and its annual amount; *number* is its line in the file, the header's is 1.

    *annual* and *months* are ticks; *months* is a proposed schedule over the fiscal year.
    """

    number: int
    names: Names
    annual: int
    months: tuple[int, ...] | None = None


class RowError(Frozen):
    """What is wrong where, and what to do; *column* is the header's own label of it."""

    row: int | None
    column: str | None
    detail: str
    value: str | None = None


class ChartFile(Frozen):
    """What a file holds: its rows that can be read, and everything that is wrong with it.

    *labels* name the levels; a file without a header that can be read has E1 to E4.
    """

    labels: Names = ("E1", "E2", "E3", "E4")
    rows: tuple[Row, ...] = ()
    errors: tuple[RowError, ...] = ()


class _Record(NamedTuple):
    line: int
    cells: list[str]
    fault: str | None = None  # where it is set, it is about the cell after *cells*


def read(content: bytes) -> ChartFile:
    """The chart in *content*; what is wrong with it is told, all of it, and never raised.

    >>> read(b"BU,Dept,Portfolio,Product,Annual\\nRetail,Digital,Web,Shop,1200.00\\n").rows[0].annual
    12000000000000
    >>> read(b"BU,Dept,Portfolio,Product,Annual\\nRetail,Digital,Web,Shop,EUR 5\\n").errors[0].detail
    'the amount has a currency; write the number alone, e.g. 1200.00'
    """
    text = _text(content)
    if isinstance(text, RowError):
        return ChartFile(errors=(text,))
    records = list(islice(_records(text), MOST_ROWS + 2))
    if len(records) > MOST_ROWS + 1:
        detail = f"the file has more than {MOST_ROWS:,} rows; a chart of accounts has fewer"
        return ChartFile(errors=(RowError(row=None, column=None, detail=detail),))
    while len(records) > 1 and not records[-1].fault and not any(map(str.strip, records[-1].cells)):
        records.pop()  # what is quoted and empty
    header, *body = records
    if fault := header.fault or _wrong_width(len(header.cells)):
        return ChartFile(errors=(RowError(row=header.line, column=None, detail=fault),))
    columns, errors = _columns(header)
    if not body:
        detail = "there are no rows below the header; give each product one"
        errors.append(RowError(row=None, column=None, detail=detail))
    rows: list[Row] = []
    named: list[tuple[int, Names]] = []
    for record in body:
        row, wrong = _row(record, columns)
        errors += wrong
        if isinstance(row, Row):
            rows.append(row)
        if row:
            named.append((record.line, row.names if isinstance(row, Row) else row))
    errors += _clashes(named, columns)
    return ChartFile(
        labels=(columns[0], columns[1], columns[2], columns[3]),
        rows=tuple(rows),
        errors=tuple(sorted(errors, key=lambda error: error.row or 0)),
    )


def _text(content: bytes) -> str | RowError:
    """*content* as text that ends with its last row, its lines apart by newlines alone."""
    if len(content) > MOST_BYTES:
        detail = (
            f"the file has {len(content):,} bytes, more than {MOST_BYTES:,}; a chart of accounts"
            " is smaller"
        )
        return RowError(row=None, column=None, detail=detail)
    if content[:2] in (b"\xff\xfe", b"\xfe\xff") or b"\0" in content[:2]:
        detail = 'the file is UTF-16 text; save it as "CSV UTF-8 (comma delimited)"'
        return RowError(row=None, column=None, detail=detail)
    try:
        decoded = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        return _not_utf8(error)
    text = _one_newline(decoded)
    last = len(text.rstrip("\n\t ,"))
    if not last:
        detail = "the file is empty; it needs a header and a row for each product"
        return RowError(row=None, column=None, detail=detail)
    first = text.partition("\n")[0]
    for separator, word in ((";", "semicolons"), ("\t", "tabs")):
        if first.count(separator) >= max(ANNUAL, first.count(",") + 1):
            detail = (
                f"the columns are separated by {word}, as Excel does in some countries; save the"
                ' file as "CSV UTF-8 (comma delimited)" with a comma as the list separator of'
                " the system"
            )
            return RowError(row=1, column=None, detail=detail, value=first[:LONGEST_VALUE])
    return text[: _line_end(text, last)]


def _line_end(text: str, at: int) -> int:
    end = text.find("\n", at)
    return len(text) if end < 0 else end


def _one_newline(text: str) -> str:
    return text.replace("\r\n", "\n").replace("\r", "\n")


def _not_utf8(error: UnicodeDecodeError) -> RowError:
    # Latin-1 reads any byte, and spells western Europe's names as they were meant.
    before = _one_newline(error.object[: error.start].decode("latin-1"))
    line = _one_newline(error.object.decode("latin-1")).split("\n")[before.count("\n")]
    return RowError(
        row=before.count("\n") + 1,
        column=None,
        detail=f"the byte {error.object[error.start]:#04x} is no UTF-8; save the file as"
        ' "CSV UTF-8 (comma delimited)"',
        value=line[:LONGEST_VALUE],
    )


# A cell up to its comma or the end of its row. Nothing is matched twice (`++`), however long it is.
_CELL = re.compile(r'[ \t]*+(?:"((?:[^"]++|"")*+)"[ \t]*+|([^",\n][^,\n]*+)?)(?=[,\n]|\Z)')
_QUOTE = re.compile(r'[ \t]*+"(?:[^"]++|"")*+')


def _records(text: str) -> Iterator[_Record]:
    """The rows of *text*, each with its line; one that cannot be read ends with its line."""
    at, line = 0, 1
    while at <= len(text):
        end = _line_end(text, at)
        if '"' not in (row := text[at:end]):
            yield _Record(line, row.split(","))
            at, line = end + 1, line + 1
            continue
        first, cells, fault = line, list[str](), None
        while fault is None:
            if cell := _CELL.match(text, at):
                quoted, bare = cell.groups()
                cells.append(bare or "" if quoted is None else quoted.replace('""', '"'))
                line += (quoted or "").count("\n")
                at = cell.end() + 1
                if text[at - 1 : at] != ",":
                    break
            else:
                fault = _quote_fault(text, at)
                at = _line_end(text, at) + 1
        yield _Record(line if fault else first, cells, fault)
        line += 1


def _quote_fault(text: str, at: int) -> str:
    quoted = _QUOTE.match(text, at)
    end = quoted.end() if quoted else at
    if end == len(text) or "\n" in text[at:end]:
        return 'a quote opens here and is never closed; close it, or write "" for a quote in a name'
    return 'there is text after the closing quote; write "" for a quote inside of quotes'


def _wrong_width(width: int) -> str | None:
    if width in WIDTHS:
        return None
    return (
        f"the header has {_count(width, 'column')} and must have 5 (four levels and the annual"
        " amount) or 17 (twelve months as well)"
    )


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def _columns(header: _Record) -> tuple[list[str], list[RowError]]:
    """The label of each column as errors call it, and what is wrong with the header."""
    columns: list[str] = []
    errors: list[RowError] = []
    for position, cell in enumerate(header.cells):
        label = _clean(" ".join(cell.split()))
        fault = _label_fault(label, columns[:LEVELS] if position < LEVELS else [])
        columns.append(label if label and not fault else f"column {position + 1}")
        if fault:
            errors.append(_error(header.line, columns[-1], fault, label))
    return columns, errors


def _label_fault(label: str, others: Sequence[str]) -> str | None:
    if not label:
        return "the header has no label here; say what the column holds"
    if fault := _name_fault(label):
        return f"the label {fault}"
    if label.casefold() in map(str.casefold, others):
        return "the header has this label twice; call each level something else"
    return None


def _row(record: _Record, columns: Sequence[str]) -> tuple[Row | Names | None, list[RowError]]:
    """The row that *record* is, or its names where its amounts are wrong, or None; and its errors."""
    line, cells = record.line, [cell.strip() for cell in record.cells]
    if record.fault:
        column = columns[len(cells)] if len(cells) < len(columns) else None
        return None, [_error(line, column, record.fault)]
    if not any(cells):
        return None, [_error(line, None, "the line is empty; delete it")]
    if len(cells) != len(columns):
        detail = (
            f"the row has {_count(len(cells), 'column')}, the header {len(columns)}; names that"
            " hold commas need quotes, and amounts are written without them, e.g. 1200.00"
        )
        return None, [_error(line, None, detail, ",".join(record.cells))]
    errors: list[RowError] = []
    e1, e2, e3, e4 = map(_clean, cells[:LEVELS])
    names = (e1, e2, e3, e4)
    for name, label in zip(names, columns, strict=False):
        if fault := _name_fault(name):
            errors.append(_error(line, label, f"the name {fault}", name))
    has_names = not errors
    annual = _ticks(cells[ANNUAL])
    if isinstance(annual, str):
        errors.append(_error(line, columns[ANNUAL], f"the amount {annual}", cells[ANNUAL]))
    months: list[int] = []
    given = cells[ANNUAL + 1 :] if any(cells[ANNUAL + 1 :]) else []
    for month, (cell, label) in enumerate(zip(given, columns[ANNUAL + 1 :], strict=False), 1):
        ticks = _ticks(cell)
        if isinstance(ticks, int):
            months.append(ticks)
        else:
            rest = "" if cell else "; give all twelve months or none"
            detail = f"the amount of month {month} {ticks}{rest}"
            errors.append(_error(line, label, detail, cell))
    if isinstance(annual, int) and len(months) == MONTHS and sum(months) > annual:
        detail = (
            f"the months add up to {_plain(sum(months))}, more than the annual amount"
            f" {_plain(annual)}; lower a month or raise the year"
        )
        errors.append(_error(line, columns[ANNUAL], detail, cells[ANNUAL]))
    if errors or isinstance(annual, str):
        return names if has_names else None, errors
    return Row(number=line, names=names, annual=annual, months=tuple(months) or None), []


def _error(line: int, column: str | None, detail: str, value: str = "") -> RowError:
    return RowError(row=line, column=column, detail=detail, value=value[:LONGEST_VALUE] or None)


_JOINERS = "\N{ZERO WIDTH JOINER}\N{ZERO WIDTH NON-JOINER}"  # letters of some scripts need them


def _clean(name: str) -> str:
    """*name* in the one way to write it: composed accents, and every space a plain one."""
    if name.isascii():
        return name
    composed = unicodedata.normalize("NFC", name)
    return "".join(" " if unicodedata.category(c) == "Zs" else c for c in composed)


def _name_fault(name: str) -> str | None:
    if not name:
        return "is empty; every product has a name on each level"
    if len(name) > LONGEST_NAME:
        return f"has {len(name)} characters; {LONGEST_NAME} are allowed"
    for character in name if not name.isprintable() else "":
        if not character.isprintable() and character not in _JOINERS:
            return (
                f"holds a line break or an invisible character (U+{ord(character):04X}); write it"
                " on one line, of letters one can see"
            )
    return None


# -- amounts ----------------------------------------------------------------------------------

_AMOUNT = re.compile(r"([0-9]*)(?:\.([0-9]*))?")
_MINUS = r"[-–\u2212]"
_CURRENCY = (
    r"[$\u00a2-\u00a5\u0e3f\u20a0-\u20cf\uffe0-\uffe6]"  # signs
    r"|^[^\W\d_]{1,3}\.?\s*[0-9]|[0-9]\s*[^\W\d_]{2,3}\.?$"  # codes: USD 5, 5 kr.
)
_INSTEAD = "write it as 1200.00"
_FAULTS = tuple(
    (re.compile(pattern), fault)
    for pattern, fault in (
        (r"^$", "is empty; write 0 where there is no money"),
        (rf"^{_MINUS}+$", "is a dash; write 0 where there is no money"),
        (r"%", "is a percentage; write the amount itself, e.g. 1200.00"),
        (
            rf"^(\+|{_MINUS})?[0-9.,]+[eE][-+]?[0-9]+$",
            f"has an exponent, as Excel shortens long numbers; {_INSTEAD}",
        ),
        (
            rf"^\(.*[0-9].*\)$|^[^0-9]*{_MINUS}[^0-9]*[0-9]|[0-9]\s*{_MINUS}$",
            f"is negative; a budget is zero or more, {_INSTEAD}",
        ),
        (_CURRENCY, "has a currency; write the number alone, e.g. 1200.00"),
        (
            r"^[0-9\s.'’]*[0-9],(?![0-9]{3}$)[0-9]+$",
            f"has a decimal comma; use a point, {_INSTEAD}",
        ),
        (r"^[0-9][0-9,.\s'’_]*$", f"has thousands separators or a decimal comma; {_INSTEAD}"),
        (r"", f"is not a number; {_INSTEAD}"),
    )
)


def _ticks(cell: str) -> int | str:
    """The ticks that *cell* says, or what is wrong with it.

    >>> _ticks("1200.5"), _ticks("1.200,50")
    (12005000000000, 'has a decimal comma; use a point, write it as 1200.00')
    """
    plain = _AMOUNT.fullmatch(cell)
    if not plain or cell in ("", "."):
        start = cell[:LONGEST_VALUE]
        return next(fault for pattern, fault in _FAULTS if pattern.search(start))
    whole, decimals = plain.group(1).lstrip("0"), plain.group(2) or ""
    if len(decimals) > MOST_DECIMALS:
        return f"has {len(decimals)} decimals; {MOST_DECIMALS} are allowed"
    if len(whole) > MOST_DIGITS:
        return f"is 1e{MOST_DIGITS} or more; is it in the right currency?"
    return int(whole or 0) * TICKS_PER_UNIT + int(decimals.ljust(MOST_DECIMALS, "0"))


def _plain(ticks: int) -> str:
    """*ticks* as a file would have them, with two decimals or more.

    >>> _plain(12_005_000_000_000)
    '1200.50'
    """
    whole, _, decimals = f"{from_ticks(ticks):.10f}".partition(".")
    return f"{whole}.{decimals.rstrip('0'):0<2}"


# -- rows beside each other -------------------------------------------------------------------


def _clashes(named: Sequence[tuple[int, Names]], columns: Sequence[str]) -> Iterator[RowError]:
    """What rows that are fine alone say against each other; *named* has their lines and names."""
    spellings: defaultdict[str, dict[str, int]] = defaultdict(dict)
    products: dict[str, int] = {}
    homes: dict[str, tuple[str, int, Names]] = {}
    for line, names in named:
        for level in range(1, LEVELS + 1):
            name, known = names[level - 1], spellings[element_id(names[:level])]
            if known and name not in known:
                other, row = next(iter(known.items()))
                detail = f"{name!r} is spelled {other!r} in row {row}; choose one spelling"
                yield _error(line, columns[level - 1], detail, name)
            known.setdefault(name, line)
        product = element_id(names)
        if product in products:
            detail = f"the row has the same product as row {products[product]}; keep one of them"
            yield _error(line, None, detail, names[-1])
        products.setdefault(product, line)
        home, row, others = homes.setdefault(slug(names[-1]), (product, line, names))
        if home != product:
            detail = (
                f"{names[-1]!r} is under {' / '.join(names[:-1])} here and under"
                f" {' / '.join(others[:-1])} in row {row}; a product has one parent: keep one row,"
                " or call one of them something else"
            )
            yield _error(line, columns[LEVELS - 1], detail, names[-1])
