"""How a command answers: JSON for programs on stdout, tables and words for people."""

import json
import sys
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Annotated, Any, TypeVar

import typer
from rich import box
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from finops.domain.errors import InvalidError

# For `def command(as_json: Json = False)`.
Json = Annotated[bool, typer.Option("--json", help="Answer in JSON.")]

Choice = TypeVar("Choice", bound=str)

LONG = frozenset(
    {
        *("Which", "File", "Resource", "Tags", "Commitment", "Place", "Held by"),
        *("Column", "Found", "Product", "What is wrong", "Element", "Scope", "Change", "Name"),
        *("What to do", "What fits", "Reason", "By", "Line", "Months", "Ends", "Set by", "Owner"),
        *("Waits, for", "Sums", "Owed by", "Pace", "What", "Looked after by", "Where"),
    }
)
WIDTH = 110  # of what goes to a file or a pipe, which says none

console = Console(highlight=False, width=None if sys.stdout.isatty() else WIDTH)
# What is under way goes to stderr, so that an answer can be piped.
aside = Console(stderr=True, highlight=False)


def tell(said: str) -> None:
    """Says what is under way."""
    aside.print(said, markup=False)


def fault(said: str) -> None:
    """Says why there is no answer."""
    aside.print("Error:", style="bold red", end=" ")
    aside.print(said, markup=False)


def answer(said: object) -> None:
    """The answer as JSON, and nothing else, on stdout."""
    sys.stdout.write(f"{json.dumps(said, indent=2, ensure_ascii=False)}\n")


def write(said: str) -> None:
    """The answer as text with commas, and nothing else, on stdout."""
    sys.stdout.write(said)


def facts(said: Mapping[str, Any]) -> None:
    """Names and values, those that there are."""
    there = {name: str(value) for name, value in said.items() if value is not None}
    width = max(map(len, there), default=0)
    for name, value in there.items():
        # Never wrapped: a path or an address is there to be copied.
        console.print(f"[bold]{name:<{width}}[/bold]  {escape(value)}", soft_wrap=True)


def table(title: str | None, *names: str, right: Sequence[str] = ()) -> Table:
    """An empty table; the columns named in *right* hold numbers, those in `LONG` may wrap."""
    made = Table(title=title, title_justify="left", box=box.SIMPLE_HEAD, pad_edge=False)
    for name in names:
        made.add_column(name, overflow="fold", no_wrap=name not in LONG)
    for name in right:
        made.add_column(name, justify="right", no_wrap=True)
    return made


def money(amount: str | None) -> str:
    """Decimal text for reading: thousands apart, no decimals that are all zero beyond cents.

    >>> money("1234.5000000000"), money("-0.0000000676"), money(None)
    ('1,234.50', '-0.0000000676', '')
    """
    if amount is None:
        return ""
    whole, _, decimals = amount.partition(".")
    kept = decimals.rstrip("0").ljust(2, "0")
    sign = "-" if whole.startswith("-") else ""
    return f"{sign}{int(whole.lstrip('-') or 0):,}.{kept}"


def cents(amount: str | None) -> str:
    """Decimal text for a table: rounded to cents, but never to nothing.

    >>> cents("1234.5678901234"), cents("-0.0000000676"), cents("0.0000000000")
    ('1,234.57', '-0.0000000676', '0.00')
    """
    if amount is None:
        return ""
    rounded = Decimal(amount).quantize(Decimal("0.01"))
    return money(amount) if not rounded and Decimal(amount) else f"{rounded:,.2f}"


def plain(said: str) -> str:
    """Text that is shown as it is, whatever it looks like."""
    return escape(said)


def one_of(name: str, said: str, allowed: tuple[Choice, ...]) -> Choice:
    """*said*, where it is one of *allowed*. Raises InvalidError."""
    for choice in allowed:
        if choice == said:
            return choice
    raise InvalidError(f"{name} is {said!r}; it can be {' or '.join(allowed)}")
