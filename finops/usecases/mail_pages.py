"""Mails made of blocks (a title, a table, a picture): HTML that is read at 640 pixels, and text."""

import html
from collections.abc import Iterable, Iterator, Mapping, Sequence
from string import Template
from typing import NamedTuple

from finops.usecases.digest import PAPER, Letterhead
from finops.usecases.ports import Mail

RULE = "border-bottom:1px solid #c8c8c8"
CELL = "padding:4px 12px 4px 0;vertical-align:top;font-size:14px"
SHOWN = 10  # rows of a table
SHORT = 12  # letters that are never parted


class Block(NamedTuple):
    """A part of a mail. Of *rows*, so many are *shown* and the others counted.

    *right* are the columns of amounts. The image of that name stands above the table, and *about*
    is what it shows, for who does not see it.
    """

    title: str
    about: str = ""
    header: Sequence[str] = ()
    rows: Sequence[Sequence[str]] = ()
    right: Sequence[int] = ()
    image: str | None = None
    image_about: str = ""
    shown: int = SHOWN


def page(
    to: str,
    blocks: Sequence[Block],
    letterhead: Letterhead,
    said: Mapping[str, str],
    images: Mapping[str, bytes] | None = None,
) -> Mail:
    """A mail of *blocks*; *said* fills the `$words` of the letterhead's subject and text."""
    text = Template(letterhead.text).safe_substitute(said)
    subject = Template(letterhead.subject).safe_substitute(said)
    return Mail(
        to=to,
        subject=" ".join(subject.split()),
        html="\n".join(_html(text, blocks, letterhead)),
        text="\n".join(_plain(text, blocks, letterhead)),
        images=images or {},
    )


# HTML -----------------------------------------------------------------------------------------------


def _html(text: str, blocks: Iterable[Block], letterhead: Letterhead) -> Iterator[str]:
    yield f'<div style="{PAPER}">'
    if letterhead.logo:
        source = html.escape(letterhead.logo, quote=True)
        yield f'<p><img src="{source}" alt="" style="max-height:48px"></p>'
    yield from (f"<p>{html.escape(line)}</p>" for line in text.split("\n") if line.strip())
    for block in blocks:
        yield (
            f'<h2 style="font-size:17px;margin:24px 0 4px;{RULE};padding-bottom:4px">'
            f"{html.escape(block.title)}</h2>"
        )
        if block.about:
            yield f'<p style="color:#595959;margin:4px 0">{html.escape(block.about)}</p>'
        if block.image:
            yield (
                f'<p><img src="cid:{html.escape(block.image, quote=True)}"'
                f' alt="{html.escape(block.image_about, quote=True)}"'
                ' style="max-width:100%;height:auto"></p>'
            )
        if block.rows:
            yield from _table(block)
    if letterhead.app_url:
        address = html.escape(letterhead.app_url, quote=True)
        yield (
            f'<p style="margin-top:24px"><a href="{address}" style="background:#0b5cad;'
            'color:#fff;padding:10px 16px;text-decoration:none;border-radius:4px">'
            "Open the FinOps Center</a></p>"
        )
    yield "</div>"


def _table(block: Block) -> Iterator[str]:
    yield '<table style="border-collapse:collapse;width:100%;margin:8px 0">'
    if block.header:
        cells = (
            f'<th style="{_style(number, block, name)};{RULE};font-weight:600">'
            f"{html.escape(name)}</th>"
            for number, name in enumerate(block.header)
        )
        yield f"<tr>{''.join(cells)}</tr>"
    for row in block.rows[: block.shown]:
        told = (
            f'<td style="{_style(number, block, cell)}">{html.escape(cell)}</td>'
            for number, cell in enumerate(row)
        )
        yield f"<tr>{''.join(told)}</tr>"
    yield "</table>"
    if (more := len(block.rows) - block.shown) > 0:
        yield f'<p style="color:#595959;margin:4px 0">… and {more} more</p>'


def _style(column: int, block: Block, cell: str) -> str:
    """Amounts and what is short, as days are, stay on a line; long names may break anywhere."""
    side = "right" if column in block.right else "left"
    if side == "right" or len(cell) <= SHORT:
        return f"{CELL};text-align:{side};white-space:nowrap"
    return f"{CELL};text-align:left;overflow-wrap:anywhere"


# Text -----------------------------------------------------------------------------------------------


def _plain(text: str, blocks: Iterable[Block], letterhead: Letterhead) -> Iterator[str]:
    yield text
    for block in blocks:
        if not block.rows:
            continue  # a picture of what another block tells
        yield f"\n{block.title}"
        if block.about:
            yield block.about
        yield from _lines(block)
    if letterhead.app_url:
        yield f"\n{letterhead.app_url}"


def _lines(block: Block) -> Iterator[str]:
    rows = block.rows[: block.shown]
    shown = [block.header, *rows] if block.header else list(rows)
    cells = [[" ".join(cell.split()) for cell in row] for row in shown]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    for row in cells:
        placed = (
            cell.rjust(width) if number in block.right else cell.ljust(width)
            for number, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        yield f"  {'  '.join(placed)}".rstrip()
    if (more := len(block.rows) - block.shown) > 0:
        yield f"  … and {more} more"
