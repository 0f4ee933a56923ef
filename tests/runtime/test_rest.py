"""REST as every API of the product speaks it."""

import csv
import io
import json
from http import HTTPStatus

import pytest

from finops.domain.errors import ConflictError
from finops.runtime import rest
from finops.runtime.rest import PROBLEM, as_csv, page, problem


def test_a_problem_says_what_where_and_how_bad() -> None:
    told = problem(HTTPStatus.CONFLICT, "somebody was faster", version=3)

    assert (told.status_code, told.content_type) == (409, PROBLEM)
    assert json.loads(told.body or "") == {
        "type": "about:blank",
        "title": "Conflict",
        "status": 409,
        "detail": "somebody was faster",
        "version": 3,
    }


@pytest.mark.parametrize(
    "cell, shown",
    [
        ("=1+2", "'=1+2"),
        ("+1", "'+1"),
        ("-x", "'-x"),
        ("@cmd", "'@cmd"),
        ("\tx", "'\tx"),
        ("-0.5000000000", "-0.5000000000"),
        ('a "quoted", cell', 'a "quoted", cell'),
        ("two\nlines", "two\nlines"),
        (None, ""),
        (7, "7"),
    ],
)
def test_a_cell_comes_out_as_it_went_in_and_runs_nowhere(cell: object, shown: str) -> None:
    table = as_csv(["column"], [[cell]])

    assert table.content_type == "text/csv; charset=utf-8"
    assert list(csv.reader(io.StringIO(str(table.body), newline=""))) == [["column"], [shown]]


def test_a_page_ends_where_an_answer_is_full_and_the_next_goes_on(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(rest, "LARGEST_PAGE", 10)
    found = ["a" * 4, "b" * 2, "c" * 20, "d"]  # as JSON 6, 4, 22 and 3 bytes
    cursor, pages = None, []
    while True:
        some, cursor = page(found, 3, cursor, str, told=str)
        pages.append(some)
        if cursor is None:
            break

    assert pages == [found[:2], found[2:3], found[3:]]


def test_a_cursor_is_of_one_state_of_what_is_listed() -> None:
    _, cursor = page(["a", "b"], 1, None, str, state=1)

    assert page(["a", "b"], 1, cursor, str, state=1) == (["b"], None)
    with pytest.raises(ConflictError, match="start again"):
        page(["a", "b"], 1, cursor, str, state=2)
