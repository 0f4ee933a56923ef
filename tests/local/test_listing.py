"""A list is told as a table, as JSON or as CSV, always to its last page."""

import json
from collections.abc import Mapping
from typing import Any, cast

import pytest

from finops.local.api import Api
from finops.local.commands.listing import PAGE, answer_list


class TwoPages:
    """An API whose every list is two items and three lines; *asked* is what it was asked."""

    def __init__(self) -> None:
        self.asked: list[tuple[tuple[str, ...], dict[str, object]]] = []

    def items(self, *path: str, **query: object) -> list[dict[str, int]]:
        self.asked.append((path, query))
        return [{"number": 1}, {"number": 2}]

    def csv(self, *path: str, **query: object) -> str:
        self.asked.append((path, query))
        return "number\n1\n2\n"


def answer(
    api: TwoPages,
    *,
    as_json: bool = False,
    as_csv: bool = False,
    beside: Mapping[str, object] | None = None,
) -> list[Any]:
    shown: list[Any] = []
    answer_list(
        *(cast("Api", api), "budgets", "2026"),
        show=shown.extend,
        as_json=as_json,
        as_csv=as_csv,
        asked={"status": "New", "element": None},
        beside=beside,
    )
    return shown


def test_people_see_all_items(capsys: pytest.CaptureFixture[str]) -> None:
    assert answer(TwoPages()) == [{"number": 1}, {"number": 2}]
    assert capsys.readouterr().out == ""


def test_programs_get_json_with_what_is_beside_the_items(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert answer(TwoPages(), as_json=True, beside={"year": 2026}) == []
    said = json.loads(capsys.readouterr().out)
    assert said == {"year": 2026, "items": [{"number": 1}, {"number": 2}]}


def test_spreadsheets_get_csv_and_nothing_else(capsys: pytest.CaptureFixture[str]) -> None:
    assert answer(TwoPages(), as_csv=True) == []
    assert capsys.readouterr().out == "number\n1\n2\n"


def test_filters_go_to_the_api_with_the_size_of_a_page() -> None:
    api = TwoPages()
    answer(api)
    answer(api, as_csv=True)

    wanted = (("budgets", "2026"), {"status": "New", "element": None, "limit": PAGE})
    assert api.asked == [wanted, wanted]
