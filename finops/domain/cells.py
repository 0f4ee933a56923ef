"""Cells of a table that somebody will open in a spreadsheet."""

from typing import Any


def harmless(cell: Any) -> Any:
    """*cell*, with an apostrophe before what a spreadsheet would run; amounts stay amounts.

    >>> harmless("=HYPERLINK(1)"), harmless("-0.5"), harmless(None)
    ("'=HYPERLINK(1)", '-0.5', '')
    """
    if cell is None:
        return ""
    if isinstance(cell, str) and cell[:1] in tuple("=+-@\t\r") and not _is_amount(cell):
        return f"'{cell}"
    return cell


def _is_amount(cell: str) -> bool:
    return cell.removeprefix("-").replace(".", "", 1).isdecimal()
