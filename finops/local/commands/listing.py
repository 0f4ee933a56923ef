"""How a command answers what it is asked: a table for people, JSON or CSV for programs."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from finops.local import screen
from finops.local.api import Api

PAGE = 1_000


def answer_list(
    api: Api,
    *path: str,
    show: Callable[[Sequence[dict[str, Any]]], None],
    as_json: bool,
    as_csv: bool,
    asked: Mapping[str, object] | None = None,
    beside: Mapping[str, object] | None = None,
) -> None:
    """All pages of the list at *path*: told to *show*, or written as `--json` or `--csv`.

    *asked* are the API's filters, where None is none; *beside* is what JSON tells before the items.
    """
    query = {**(asked or {}), "limit": PAGE}
    if as_csv:
        screen.write(api.csv(*path, **query))
        return
    items = list(api.items(*path, **query))
    if as_json:
        screen.answer({**(beside or {}), "items": items})
    else:
        show(items)


def answer_whole(
    api: Api,
    *path: str,
    show: Callable[[dict[str, Any]], None],
    as_json: bool,
    as_csv: bool,
    asked: Mapping[str, object] | None = None,
) -> None:
    """What *path* answers, which has no pages: told to *show*, or written as JSON or CSV."""
    query = asked or {}
    if as_csv:
        screen.write(api.csv(*path, **query))
        return
    told = api.get(*path, **query)
    if as_json:
        screen.answer(told)
    else:
        show(told)
