"""Claims on moto: a document that no head names is never read, and a large one is quick enough."""

import time
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

from finops.adapters.records import Records
from finops.adapters.rules import S3Claims
from finops.domain.audit import findings
from finops.domain.errors import ConflictError
from finops.domain.rule_changes import MOST_RESOURCES
from tests.aws import AUDIT, LEDGER, REQUESTS, RULES, client, organised
from tests.claiming import SHARED, give_back, holders, know_accounts, run, take
from tests.usecases.organisation import SEARCH, TODAY, Organisation

TOMORROW = TODAY + timedelta(1)


@pytest.fixture
def organisation() -> Iterator[Organisation]:
    """On tables and buckets of moto."""
    with organised():
        made = Organisation.on_aws()
        made.drop()
        know_accounts(made)
        yield made


def elsewhere() -> S3Claims:
    """The claims as another process reads them, which has read nothing yet."""
    return S3Claims(Records(client("dynamodb"), AUDIT, REQUESTS), RULES, client("s3"), LEDGER)


def documents() -> int:
    return int(client("s3").list_objects_v2(Bucket=LEDGER, Prefix="rules/claims/")["KeyCount"])


def test_what_is_claimed_and_released_is_read_elsewhere_as_it_was_saved(
    organisation: Organisation,
) -> None:
    made = run(organisation)
    take(organisation, made, "i-1", "arn:aws:s3:::büchër/=x")
    head = give_back(organisation, "i-1")

    assert elsewhere().find(SHARED) == organisation.claims.find(SHARED)
    assert holders(organisation, TOMORROW) == {"arn:aws:s3:::büchër/=x": made.workload_id}
    records = list(organisation.audit.chain(f"claims#{SHARED}"))
    assert [one.event for one in records] == ["ResourcesClaimed", "ResourcesReleased"]
    assert findings(f"claims#{SHARED}", records, head) == []


def test_whoever_falls_between_document_and_head_has_changed_nothing(
    organisation: Organisation, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = run(organisation), run(organisation, SEARCH)
    take(organisation, first, "i-1")

    def fall(*_: Any) -> None:
        raise ConnectionError("the process is gone")

    with monkeypatch.context() as patch:
        patch.setattr(Records, "commit", fall)
        with pytest.raises(ConnectionError):
            take(organisation, second, "i-2", "i-3")

    assert documents() == 2
    assert holders(organisation, TOMORROW) == {"i-1": first.workload_id}
    take(organisation, first, "i-3")
    assert holders(organisation, TOMORROW).keys() == {"i-1", "i-3"}
    assert elsewhere().find(SHARED) == organisation.claims.find(SHARED)


def test_whose_document_was_written_but_whose_head_came_second_is_told(
    organisation: Organisation, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = run(organisation), run(organisation, SEARCH)
    commit = Records.commit

    def cross(records: Records, *of: Any) -> None:
        monkeypatch.setattr(Records, "commit", commit)
        take(organisation, second, "i-1")
        commit(records, *of)

    monkeypatch.setattr(Records, "commit", cross)
    with pytest.raises(ConflictError) as told:
        take(organisation, first, "i-1", "i-2")

    assert told.value.members["current"].version == 1
    assert documents() == 2
    assert holders(organisation, TOMORROW) == {"i-1": second.workload_id}
    assert holders(organisation, TOMORROW) == {
        one.resource_id: one.workload_id for one in elsewhere().find(SHARED).claims
    }


def test_ten_thousand_resources_are_claimed_beside_as_many_within_seconds(
    organisation: Organisation,
) -> None:
    made = run(organisation)
    take(organisation, made, *(f"i-{number:05}" for number in range(MOST_RESOURCES)))
    organisation.claims = elsewhere()
    began = time.monotonic()

    head = take(organisation, made, *(f"j-{number:05}" for number in range(MOST_RESOURCES)))

    assert time.monotonic() - began < 3
    assert (head.number, head.version) == (2 * MOST_RESOURCES, 2)
    assert len(holders(organisation, TOMORROW)) == 2 * MOST_RESOURCES
