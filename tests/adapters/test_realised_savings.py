"""What savings have realised: one contract, on the fake and on moto."""

from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from finops.adapters.realised_savings import DynamoRealised
from finops.domain.errors import ConflictError, FinOpsError
from finops.domain.realised_savings import RealisedHead, RealisedMonth, RealisedSavings
from finops.usecases.ports import RealisedKept
from tests.aws import LEDGER, SAVINGS, client, organised
from tests.realised_fakes import InMemoryRealised

AT = datetime(2026, 5, 1, tzinfo=UTC)
FIGURE = RealisedMonth(
    saving_id="1",
    billing_period="2026-04",
    currency="USD",
    days=30,
    cost=1,
    realised=-(10**18),
    expected=None,
    is_used=True,
    parts=((None, -(10**18), None),),
    loads=("a",),
)
MEASURED = RealisedSavings(figures=(FIGURE,))


@pytest.fixture(params=["fake", "aws"])
def kept(request: pytest.FixtureRequest) -> Iterator[RealisedKept]:
    if request.param == "fake":
        yield InMemoryRealised()
        return
    with organised():
        yield DynamoRealised(client("dynamodb"), SAVINGS, client("s3"), LEDGER)


def _head(document: str, version: int = 0) -> RealisedHead:
    return RealisedHead(document=document, planned_at=AT, measured_at=AT, version=version)


def test_nobody_sees_what_no_head_names(kept: RealisedKept) -> None:
    document = kept.write(MEASURED)

    assert kept.find() is None
    kept.publish(_head(document))
    found = kept.find()
    assert found == _head(document, 1)
    assert found is not None
    assert kept.read(found) == MEASURED


def test_the_same_is_the_same_document(kept: RealisedKept) -> None:
    assert kept.write(MEASURED) == kept.write(RealisedSavings(figures=(FIGURE,)))
    assert kept.write(MEASURED) != kept.write(RealisedSavings())


def test_the_second_of_two_writers_is_told(kept: RealisedKept) -> None:
    document = kept.write(MEASURED)
    kept.publish(_head(document))

    for version in (0, 2):
        with pytest.raises(ConflictError):
            kept.publish(_head(document, version))
    kept.publish(_head(document, 1))
    assert kept.find() == _head(document, 2)


def test_a_document_that_was_tampered_with_is_not_read() -> None:
    with organised():
        kept = DynamoRealised(client("dynamodb"), SAVINGS, client("s3"), LEDGER)
        document = kept.write(MEASURED)
        client("s3").put_object(Bucket=LEDGER, Key=document, Body=b"{}")

        with pytest.raises(FinOpsError, match="is not what was written there"):
            kept.read(_head(document))
