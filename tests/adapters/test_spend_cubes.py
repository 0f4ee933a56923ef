"""The contract of `CubeHeads`: one for each bill, switched in one step."""

from collections.abc import Iterator
from datetime import UTC, date, datetime
from typing import Any

import pytest

from finops.adapters.spend_cubes import DynamoCubeHeads
from finops.domain.class_policies import CostBasis
from finops.domain.errors import ConflictError
from finops.domain.spend_cubes import CubeHead, CubeTotal
from finops.usecases.ports import CubeHeads
from tests.aws import REPORTS, client, organised
from tests.cube_fakes import InMemoryCubeHeads

PAYER, OTHER, MONTH = "999988887777", "888877776666", "2026-09"
AT = datetime(2026, 9, 20, 8, 0, tzinfo=UTC)


@pytest.fixture(params=["fake", "real"])
def heads(request: pytest.FixtureRequest) -> Iterator[CubeHeads]:
    if request.param == "fake":
        yield InMemoryCubeHeads()
    else:
        with organised():
            yield DynamoCubeHeads(client("dynamodb"), REPORTS)


def head(**told: Any) -> CubeHead:
    given: dict[str, Any] = {
        "payer": PAYER,
        "billing_period": MONTH,
        "run_id": "run",
        "load_id": "load",
        "basis": CostBasis.BILLED,
        "tags": "digest",
        "tag_keys": ("user:Team", "größe"),
        "days": ("days-0000.parquet",),
        "months": ("months-0000.parquet",),
        "totals": (
            CubeTotal(currency="USD", allocated=10**19, unallocated=-4, credited=-7),
            CubeTotal(currency=None, allocated=0, unallocated=0, credited=0),
        ),
        "delivered_at": AT,
        "published_at": AT,
        "complete_through": date(2026, 9, 19),
        "is_final": False,
        "made_at": AT,
    }
    return CubeHead(**given | told)


def test_a_head_that_is_published_is_found_as_it_was_with_its_next_version(
    heads: CubeHeads,
) -> None:
    assert heads.find(PAYER, MONTH) is None

    heads.publish(head())

    assert heads.find(PAYER, MONTH) == head(version=1)
    heads.publish(head(version=1, run_id="other", complete_through=None))
    assert heads.find(PAYER, MONTH) == head(version=2, run_id="other", complete_through=None)


@pytest.mark.parametrize("version", [0, 2])
def test_the_second_of_two_writers_is_told(heads: CubeHeads, version: int) -> None:
    heads.publish(head())

    with pytest.raises(ConflictError, match="another cube was published first"):
        heads.publish(head(version=version, run_id="other"))

    assert heads.find(PAYER, MONTH) == head(version=1)


def test_the_heads_of_a_month_come_in_the_order_of_payers(heads: CubeHeads) -> None:
    for payer, period in ((PAYER, MONTH), (OTHER, MONTH), (OTHER, "2026-08")):
        heads.publish(head(payer=payer, billing_period=period))

    assert [one.payer for one in heads.in_period(MONTH)] == [OTHER, PAYER]
    assert [one.payer for one in heads.in_period("2026-08")] == [OTHER]
    assert list(heads.in_period("2026-07")) == []
