"""REST as every API of the product speaks it."""

import csv
import io
import json
from http import HTTPStatus

import pytest

from finops.runtime.rest import PROBLEM, as_csv, problem


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
