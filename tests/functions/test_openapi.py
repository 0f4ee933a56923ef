"""`docs/openapi.json` is what the doors say of themselves."""

import json
import os
from enum import StrEnum
from pathlib import Path
from typing import Any

import pytest

from finops.domain.bills import COSTS, DIMENSIONS
from finops.domain.budgets import BudgetStatus
from finops.domain.loads import LoadStatus
from finops.domain.people import PersonStatus, Role
from finops.runtime.openapi.bills import CostRow, Sums
from finops.runtime.openapi.document import document
from tests.functions.conftest import APPS
from tests.functions.routes import VERSIONED, WRITES

COMMITTED = Path(__file__).parents[2] / "docs" / "openapi.json"


def _operations(told: dict[str, Any]) -> list[dict[str, Any]]:
    return [operation for path in told["paths"].values() for operation in path.values()]


def test_the_committed_document_is_current() -> None:
    """`make openapi` (FINOPS_WRITE_GOLDEN=1) writes it anew."""
    now = json.dumps(document(APPS), indent=2, ensure_ascii=False) + "\n"
    if os.environ.get("FINOPS_WRITE_GOLDEN"):
        COMMITTED.write_text(now)

    assert COMMITTED.read_text() == now, "make openapi"


def test_the_document_is_openapi_3_1() -> None:
    assert document(APPS)["openapi"].startswith("3.1.")


def test_every_operation_says_what_it_does_in_a_sentence() -> None:
    for operation in _operations(document(APPS)):
        assert operation["summary"]
        assert operation["description"].endswith(".")
        assert operation["tags"]


def test_every_error_is_a_problem() -> None:
    for operation in _operations(document(APPS)):
        errors = {code: told for code, told in operation["responses"].items() if code >= "400"}
        assert {"400", "401", "403", "422"} <= errors.keys()
        for told in errors.values():
            assert list(told["content"]) == ["application/problem+json"]


def test_every_operation_needs_a_sign_in() -> None:
    told = document(APPS)

    assert told["security"] == [{"SignIn": []}]
    assert all("security" not in operation for operation in _operations(told))


def test_every_dimension_is_a_filter_and_a_column_of_the_answer() -> None:
    costs = document(APPS)["paths"]["/bills/{billing_period}/costs"]["get"]

    assert set(DIMENSIONS) <= {parameter["name"] for parameter in costs["parameters"]}
    assert CostRow.model_fields.keys() - Sums.model_fields.keys() == set(DIMENSIONS)
    assert Sums.model_fields.keys() == {"lines", *COSTS.values()}


@pytest.mark.parametrize("kind", [LoadStatus, Role, PersonStatus, BudgetStatus])
def test_every_word_of_a_kind_is_named(kind: type[StrEnum]) -> None:
    named = document(APPS)["components"]["schemas"][kind.__name__]["enum"]

    assert named == [one.value for one in kind]


def test_every_change_says_its_headers() -> None:
    paths = document(APPS)["paths"]
    for method, path in WRITES:
        named = {one["name"]: one["required"] for one in paths[path][method]["parameters"]}
        assert named["Idempotency-Key"] is False
        assert named.get("If-Match", False) is ((method, path) in VERSIONED)


def test_every_schema_is_used() -> None:
    told = document(APPS)
    text = json.dumps(told)

    assert [
        name
        for name in told["components"]["schemas"]
        if f'"#/components/schemas/{name}"' not in text
    ] == []
