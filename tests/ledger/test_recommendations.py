"""The file of an export of recommendations: its two forms say the same, and what is wrong is named."""

import math
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from finops.domain.errors import RefusedError
from finops.domain.money import TICKS_PER_UNIT, carried
from finops.ledger.recommendations import Stated, read
from tests.ledger.conftest import Worker
from tests.savings_exports import ACCOUNT, Row, csv_file, parquet_file, row

Reading = Callable[..., Stated]
FORMS: dict[str, Callable[[Sequence[Row]], bytes]] = {
    "parquet": parquet_file,
    "csv.gz": csv_file,
    "csv": lambda rows: csv_file(rows, gzipped=False),
}


@pytest.fixture
def reading(worker: Worker) -> Reading:
    def of(rows: Sequence[Row] | bytes, form: str = "parquet") -> Stated:
        path = worker.folder() / "coh-00001"
        path.write_bytes(rows if isinstance(rows, bytes) else FORMS[form](rows))
        return read(worker.connection, path, name="coh-00001.file")

    return of


@pytest.mark.parametrize("form", FORMS)
def test_a_row_is_a_recommendation_in_whatever_form_it_comes(reading: Reading, form: str) -> None:
    found = reading([row(), row("i-2", action_type="HopAround")], form)

    first, second = found.recommendations
    assert found.notes == []
    assert first.resource_id == "i-1"
    assert (first.account_id, first.region, first.currency) == (ACCOUNT, "eu-west-1", "USD")
    assert (first.current, first.recommended) == ("m5.xlarge", "m5.large")
    assert first.monthly_savings == 305 * TICKS_PER_UNIT // 10
    assert first.monthly_cost == 100 * TICKS_PER_UNIT
    assert (first.savings_basis_points, first.is_discounted) == (3_050, True)
    assert (first.restart_needed, first.rollback_possible, first.lookback_days) == (True, True, 14)
    assert first.refreshed_at == datetime(2026, 9, 20, 3, tzinfo=UTC)
    assert first.tags == {"user:Team": "Shop"}
    assert first.details == (
        '{"current":{"ec2Instance":{"type":"m5.xlarge"}},'
        '"recommended":{"ec2Instance":{"type":"m5.large"}}}'
    )
    assert second.action_type == "HopAround", "what AWS invents is kept in its own words"


@pytest.mark.parametrize("form", FORMS)
def test_without_an_amount_after_discounts_the_one_before_them_counts(
    reading: Reading, form: str
) -> None:
    [found] = reading([row(estimated_monthly_savings_after_discount=None)], form).recommendations

    assert found.monthly_savings == 366 * TICKS_PER_UNIT // 10
    assert found.monthly_cost == 120 * TICKS_PER_UNIT
    assert not found.is_discounted


def test_a_plan_to_buy_has_no_resource(reading: Reading) -> None:
    [found] = reading([row(resource_arn="", region="")]).recommendations

    assert (found.resource_id, found.region) == (None, None)


@pytest.mark.parametrize("form", FORMS)
def test_a_file_that_recommends_nothing_is_a_file(reading: Reading, form: str) -> None:
    assert reading([], form).recommendations == []


WRONG: dict[str, tuple[dict[str, Any], str]] = {
    "no account": ({"account_id": ""}, "row 2: account_id is empty; export the column"),
    "a short account": ({"account_id": "12"}, "row 2: account_id is '12'; an account has twelve"),
    "no action": ({"action_type": None}, "row 2: action_type is empty"),
    "no currency": ({"currency_code": ""}, "row 2: currency_code is empty"),
    "no amount": (
        {
            "estimated_monthly_savings_after_discount": None,
            "estimated_monthly_savings_before_discount": None,
        },
        "row 2: estimated_monthly_savings_after_discount is empty",
    ),
    "not a number": (
        {"estimated_monthly_savings_after_discount": math.nan},
        "row 2: estimated_monthly_savings_after_discount is 'nan', which is no amount; write it",
    ),
    "without end": (
        {"estimated_monthly_cost_after_discount": math.inf},
        "row 2: estimated_monthly_cost_after_discount is 'inf'",
    ),
}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("wrong", WRONG)
def test_a_bad_row_is_refused_with_its_file_row_field_and_remedy(
    reading: Reading, wrong: str, form: str
) -> None:
    changed, said = WRONG[wrong]

    with pytest.raises(RefusedError) as refused:
        reading([row(), row("i-2", **changed)], form)

    assert refused.value.detail.startswith(f"coh-00001.file, {said}")


def test_a_word_that_is_no_amount_is_refused(reading: Reading) -> None:
    with pytest.raises(RefusedError, match="row 1: estimated_monthly_savings_after_discount is 'a"):
        reading([row(estimated_monthly_savings_after_discount="a lot")], "csv")


def test_what_is_said_beside_the_money_may_be_unreadable_and_is_noted(reading: Reading) -> None:
    found = reading([row(last_refresh_timestamp="yesterday", tags="[1]")], "csv")

    [one] = found.recommendations
    assert (one.refreshed_at, one.tags) == (None, {})
    assert found.notes == [
        "coh-00001.file: last_refresh_timestamp 'yesterday' is no time; it was left out",
        "coh-00001.file: tags '[1]' is no map of tags; it was left out",
    ]


@pytest.mark.parametrize(
    "said",
    [
        *("2026-09-20T03:00:00.000Z", "2026-09-20T05:00:00+02:00"),
        *("2026-09-20 03:00:00", "2026-09-20 03:00:00 UTC"),
        *("1789873200", "1789873200000"),
    ],
)
def test_a_time_is_read_as_aws_may_write_it(reading: Reading, said: str) -> None:
    [found] = reading([row(last_refresh_timestamp=said)], "csv").recommendations

    assert found.refreshed_at == datetime(2026, 9, 20, 3, tzinfo=UTC)


@pytest.mark.parametrize("form", FORMS)
def test_a_file_of_something_else_is_refused(reading: Reading, form: str) -> None:
    other = {name: value for name, value in row().items() if name != "recommendation_id"}

    with pytest.raises(RefusedError, match="it has no recommendation_id; export all columns"):
        reading([other], form)


@pytest.mark.parametrize(
    "body, said",
    [
        (b"PAR1 and nothing that follows", "no readable Parquet file"),
        (b"\x1f\x8b\x08\x00 and nothing", "no readable text file"),
        (b"PK\x03\x04", "is a zip archive; deliver the export as Parquet"),
        (b"", "it has no account_id"),
        (csv_file([row()])[:-20], "no readable text file"),
    ],
)
def test_a_broken_file_is_refused(reading: Reading, body: bytes, said: str) -> None:
    with pytest.raises(RefusedError, match=said):
        reading(body)


def test_a_row_with_too_few_cells_is_refused(reading: Reading) -> None:
    short = csv_file([row()], gzipped=False) + b"111122223333,Stop\r\n"

    with pytest.raises(RefusedError, match="row 2: has 2 cells under 25 titles"):
        reading(short)


@settings(max_examples=25, deadline=None)
@given(amounts=st.lists(st.floats(0, 1e6), min_size=1, max_size=8))
def test_a_double_becomes_the_ticks_of_its_shortest_decimals_in_both_forms(
    worker: Worker, amounts: list[float]
) -> None:
    rows = [row(estimated_monthly_savings_after_discount=amount) for amount in amounts]
    found = []
    for form, made in FORMS.items():
        path = worker.folder() / Path(form)
        path.write_bytes(made(rows))
        stated = read(worker.connection, path).recommendations
        found.append([one.monthly_savings for one in stated])

    exact = [carried([Decimal(repr(amount))])[0] for amount in amounts]
    assert found == [exact, exact, exact]
