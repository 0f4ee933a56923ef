"""Cells of a table that somebody will open in a spreadsheet."""

from typing import Any

# The wide ones of other keyboards are taken for the same.
FORMULA = (*"=+-@", *"\uff1d\uff0b\uff0d\uff20")


def harmless(cell: Any) -> Any:
    """*cell*, with an apostrophe before what a spreadsheet would run; amounts stay amounts.

    >>> harmless("=HYPERLINK(1)"), harmless("-0.5"), harmless(None)
    ("'=HYPERLINK(1)", '-0.5', '')
    """
    if cell is None:
        return ""
    if isinstance(cell, str) and _runs(cell) and not _is_amount(cell):
        return f"'{cell}"
    return cell


def _runs(cell: str) -> bool:
    """Whether a spreadsheet may take *cell* for a formula; some skip what is blank before it."""
    return cell[:1] in ("\t", "\r", "\n") or cell.lstrip()[:1] in FORMULA


def _is_amount(cell: str) -> bool:
    return cell.removeprefix("-").replace(".", "", 1).isdecimal()
