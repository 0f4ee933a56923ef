"""The contract of the savings' table, and of the documents of the days they were recommended on."""

from datetime import UTC, date, datetime

import pytest

from finops.domain.audit import Deed, findings
from finops.domain.errors import ConflictError, FinOpsError
from finops.domain.savings import Recommendation, Snapshot, SnapshotDay, Via
from finops.usecases.ports import Save
from tests.aws import LEDGER, client, organised
from tests.savings_fakes import PAYER, recommendation, saving
from tests.usecases.organisation import NOW, Organisation, act

FIND, TAKE = Deed(action="Find"), Deed(action="Take")
DAY = date(2026, 9, 20)
WHOLE = recommendation(
    details='{"current":{"type":"m5.xlarge"}}',
    refreshed_at=datetime(2026, 9, 20, 3, tzinfo=UTC),
    tags={"user:Team": "Shop"},
)


def test_a_saving_is_read_as_it_was_saved(organisation: Organisation) -> None:
    savings = organisation.savings
    new = saving(WHOLE, recommendation(action_type="Stop", savings=90))
    [saved] = savings.save([Save(None, new, FIND)], act())
    approved = saved.approve("Rightsize", by="ada", at=NOW, reason="go")
    [after] = savings.save([Save(saved, approved, Deed(action="Approve"))], act())

    assert savings.find(new.saving_id) == after
    assert after.counted == WHOLE
    assert savings.find("nothing") is None
    records = list(organisation.audit.chain(f"saving#{new.saving_id}"))
    assert [one.action for one in records] == ["Find", "Approve"]
    assert findings(f"saving#{new.saving_id}", records, after) == []


def test_forty_five_savings_are_saved_in_one_step(organisation: Organisation) -> None:
    some = [saving(recommendation(f"i-{n}")) for n in range(45)]

    organisation.savings.save([Save(None, one, FIND) for one in some], act())

    assert organisation.savings.all().keys() == {one.saving_id for one in some}


def test_of_two_who_change_a_saving_the_second_is_told(organisation: Organisation) -> None:
    savings = organisation.savings
    [one] = savings.save([Save(None, saving(), FIND)], act())
    [first] = savings.save([Save(one, one.missing(DAY), Deed(action="Drop"))], act())

    with pytest.raises(ConflictError) as told:
        savings.save([Save(one, one.approve(None, by="ada", at=NOW), FIND)], act())

    assert told.value.members["current"] == first


def _taken(organisation: Organisation, stated: list[Recommendation]) -> Snapshot:
    document, checksum, number = organisation.savings_snapshots.write(
        PAYER, DAY, Via.EXPORT, iter(stated)
    )
    return Snapshot(
        payer=PAYER,
        day=DAY,
        via=Via.EXPORT,
        taken_at=NOW,
        number=number,
        checksum=checksum,
        document=document,
    )


def test_a_snapshot_is_read_as_it_was_written(organisation: Organisation) -> None:
    stated = [WHOLE, recommendation("i-2", details=None)]

    snapshot = _taken(organisation, stated)

    assert snapshot.number == 2
    assert snapshot.document == (
        f"savings/date=2026-09-20/source=Export%20{PAYER}/{snapshot.checksum}.jsonl.gz"
    )
    assert list(organisation.savings_snapshots.read(snapshot)) == stated
    assert _taken(organisation, stated) == snapshot, "the same content has the same name"
    assert _taken(organisation, []).number == 0
    assert list(organisation.savings_snapshots.read(_taken(organisation, []))) == []


def test_a_day_is_read_as_it_was_saved(organisation: Organisation) -> None:
    snapshots = organisation.savings_snapshots
    day = SnapshotDay.of(PAYER, DAY).with_snapshot(_taken(organisation, [WHOLE]))

    [saved] = snapshots.save([Save(None, day, TAKE)], act())

    assert snapshots.find(PAYER, DAY) == saved
    assert snapshots.find(PAYER, date(2026, 9, 19)) is None
    assert dict(snapshots.all()) == {f"{PAYER} 2026-09-20": saved}


def test_a_document_that_was_tampered_with_is_not_believed() -> None:
    with organised():
        organisation = Organisation.on_aws()
        snapshot = _taken(organisation, [WHOLE])
        other = _taken(organisation, [recommendation("i-2")])
        client("s3").copy_object(
            Bucket=LEDGER, Key=snapshot.document, CopySource=f"{LEDGER}/{other.document}"
        )

        with pytest.raises(FinOpsError, match="is not what was written there"):
            list(organisation.savings_snapshots.read(snapshot))
