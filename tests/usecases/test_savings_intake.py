"""What AWS recommends comes in: by the pipeline of the bill, or by its API; and makes cases."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from finops.domain.audit import Act, Deed
from finops.domain.deliveries import parse_manifest
from finops.domain.errors import DeliveryChangedError, InvalidError
from finops.domain.loads import DeliveryKind, Load, LoadStatus
from finops.domain.money import TICKS_PER_UNIT
from finops.domain.savings import (
    Recommendation,
    Return,
    SavingStatus,
    Snapshot,
    Via,
    open_sums,
)
from finops.usecases.load_bill import Found
from finops.usecases.ports import Save
from finops.usecases.savings_intake import (
    STEP,
    SavingsDesk,
    Taken,
    apply_newest,
    collect_recommendations,
    payers_of,
    savings_sources,
)
from finops.usecases.take_recommendations import take_recommendations
from tests import exports
from tests.exports import PAYER, Export
from tests.fakes import InMemoryRecords
from tests.loading import House
from tests.savings_exports import csv_file, delivered, parquet_file, row
from tests.savings_fakes import (
    InMemoryRecommendations,
    InMemorySavingsSnapshots,
    in_memory_savings,
    recommendation,
)

AT = datetime(2026, 9, 20, 8, 0, tzinfo=UTC)
DAY = date(2026, 9, 20)
OTHER = "888877776666"


def _id(number: int) -> str:
    return f"{number:08d}-0000-0000-0000-000000000000"


class Hub:
    """A house that savings come to."""

    def __init__(self, folder: Path) -> None:
        self.house = House(folder)
        self.records = InMemoryRecords()
        self.savings = in_memory_savings(self.records)
        self.snapshots = InMemorySavingsSnapshots(self.records)
        self.desk = SavingsDesk(self.savings, self.snapshots)
        self.source = InMemoryRecommendations()

    def act(self, at: datetime = AT) -> Act:
        return Act(actor="the bill", at=at, request_id="r-1")

    def look(self, export: Export, at: datetime = AT, **notes: str) -> Found:
        self.house.deliver(export, at, **notes)
        return self.house.look(export, at)

    def take(self, load_id: str | None, at: datetime = AT) -> Taken:
        assert load_id is not None
        return take_recommendations(
            load_id,
            deliveries=self.house.deliveries,
            loads=self.house.loads,
            desk=self.desk,
            limits=self.house.limits,
            act=self.act(at),
        )

    def deliver(self, export: Export, at: datetime = AT) -> Taken:
        return self.take(self.look(export, at).load_id, at)

    def collect(self, *payers: str, at: datetime = AT, always: bool = False) -> list[Taken]:
        return collect_recommendations(
            payers, source=self.source, desk=self.desk, act=self.act(at), always=always
        )

    def load(self) -> Load:
        """The newest."""
        [load] = self.house.loads.recent(1).items
        found: Load = load
        return found

    def statuses(self) -> dict[str | None, str]:
        return {one.resource_id: one.status.value for one in self.savings.all().values()}

    def events(self) -> list[str]:
        return [one.event for chain in self.records.chains.values() for one in chain if one.event]


@pytest.fixture
def hub(tmp_path: Path) -> Hub:
    return Hub(tmp_path)


# The same pipeline -------------------------------------------------------------------------------


@pytest.mark.parametrize("columns", [True, False])
def test_a_manifest_of_recommendations_is_known_for_what_it_is(hub: Hub, columns: bool) -> None:
    export = delivered(_id(1), [parquet_file([row()])], columns=columns)

    found = hub.look(export)

    assert (found.status, found.kind) == ("Ready", DeliveryKind.SAVINGS)
    assert (hub.load().kind, hub.load().day) == (DeliveryKind.SAVINGS, DAY)
    assert hub.load().account == PAYER


def test_a_bill_is_still_a_bill(hub: Hub) -> None:
    bill = exports.overwritten(_id(1), [exports.csv_file([exports.Line("1.50")])])

    assert hub.look(bill).kind is DeliveryKind.BILL
    assert hub.load().day is None


def test_a_bill_in_a_folder_of_some_date_is_not_taken_for_recommendations() -> None:
    text = '{"executionId": "a", "dataFiles": ["x/date=2026-09-20/BILLING_PERIOD=2026-09/a.csv"]}'

    assert parse_manifest("x/a-Manifest.json", text).kind is DeliveryKind.BILL


def test_recommendations_without_a_day_in_their_folder_are_of_the_day_they_were_made_on(
    hub: Hub,
) -> None:
    export = delivered(_id(1), [parquet_file([row()])])
    key = export.manifest_key.replace("/date=2026-09-20", "")
    files = {name.replace("/date=2026-09-20", ""): body for name, body in export.files.items()}
    text = export.manifest.replace("/date=2026-09-20", "")

    hub.look(Export(export.execution_id, files, key, text), AT + timedelta(days=1))

    assert hub.load().day == date(2026, 9, 21)


def test_what_is_delivered_becomes_cases(hub: Hub) -> None:
    files = [parquet_file([row(), row(action_type="Stop")]), csv_file([row("i-2")])]

    taken = hub.deliver(delivered(_id(1), files))

    assert (taken.status, taken.payer, taken.day, taken.number) == ("Published", PAYER, DAY, 3)
    assert (taken.counts.found, taken.counts.changes) == (2, 2)
    assert hub.statuses() == {"i-1": "New", "i-2": "New"}
    [total] = open_sums(hub.savings.all().values())
    assert total.monthly_savings == 61 * TICKS_PER_UNIT, "each resource once"
    load = hub.load()
    assert (load.status, load.recommendations) == (LoadStatus.PUBLISHED, 3)
    assert load.format == "Cost Optimization Hub"
    assert hub.events() == ["SavingsFound"]


def test_the_same_delivery_again_changes_nothing(hub: Hub) -> None:
    export = delivered(_id(1), [parquet_file([row()])])
    taken = hub.deliver(export)
    written = len(hub.records)

    assert hub.look(export).status == LoadStatus.UNCHANGED
    assert hub.take(hub.load().load_id).number == taken.number == 1
    assert len(hub.records) == written


def test_a_manifest_before_its_files_is_waited_for(hub: Hub) -> None:
    export = delivered(_id(1), [parquet_file([row()])])
    hub.house.deliveries.put(export.manifest_key, export.manifest, modified_at=AT)

    found = hub.house.look(export, AT)

    assert (found.status, found.kind) == (LoadStatus.WAITING, DeliveryKind.SAVINGS)


def test_a_snapshot_of_a_day_that_comes_again_takes_its_place(hub: Hub) -> None:
    hub.deliver(delivered(_id(1), [parquet_file([row(), row("i-2")])]))

    again = hub.deliver(delivered(_id(2), [parquet_file([row()])]), AT + timedelta(hours=6))

    assert (again.status, again.counts.gone) == ("Published", 1)
    assert hub.statuses() == {"i-1": "New", "i-2": "Gone"}
    [day] = hub.snapshots.all().values()
    assert day.taken is not None
    assert (day.taken.number, day.version) == (1, 4), "taken and applied, twice"


def test_an_older_day_that_comes_late_is_kept_and_changes_no_case(hub: Hub) -> None:
    hub.deliver(delivered(_id(2), [parquet_file([row()])], day="2026-09-20"))

    late = hub.deliver(
        delivered(_id(1), [parquet_file([row("i-9")])], day="2026-09-18"), AT + timedelta(hours=1)
    )

    assert late.status == LoadStatus.OLDER
    assert (
        late.reason
        == "recommendations of 2026-09-20 are there already; these are kept as that day's"
    )
    assert hub.statuses() == {"i-1": "New"}
    assert {one.day for one in hub.snapshots.all().values()} == {DAY, date(2026, 9, 18)}
    assert apply_newest(PAYER, desk=hub.desk, act=hub.act()).changes == 0


def test_a_bad_row_refuses_the_delivery_whole(hub: Hub) -> None:
    files = [parquet_file([row()]), parquet_file([row("i-2"), row("i-3", account_id="1")])]

    taken = hub.deliver(delivered(_id(1), files))

    assert taken.status == LoadStatus.REFUSED
    assert hub.load().status is LoadStatus.REFUSED
    assert str(hub.load().reason).startswith(
        "finops-coh-00002.snappy.parquet, row 2: account_id is '1'; an account has twelve digits"
    )
    assert hub.statuses() == {}
    assert hub.snapshots.all() == {}


def test_recommendations_of_nobody_are_refused_until_somebody_says_whose_they_are(
    hub: Hub,
) -> None:
    export = delivered(_id(1), [parquet_file([row()])])
    nameless = export._replace(manifest=export.manifest.replace("exportArn", "arn"))

    assert "load it again with its payer" in hub.deliver(nameless).reason
    found = hub.look(nameless, AT + timedelta(hours=1), **{"finops-payer": OTHER})
    assert hub.take(found.load_id).payer == OTHER


def test_files_replaced_while_they_are_read_are_looked_at_again(hub: Hub) -> None:
    export = delivered(_id(1), [parquet_file([row()])])
    found = hub.look(export)
    [key] = export.files
    hub.house.deliveries.put(key, parquet_file([row("i-2")]))
    hub.house.deliveries.forget_versions(key)

    with pytest.raises(DeliveryChangedError):
        hub.take(found.load_id)
    assert hub.statuses() == {}


def test_a_delivery_whose_manifest_was_replaced_is_not_taken(hub: Hub) -> None:
    found = hub.look(delivered(_id(1), [parquet_file([row()])]))
    newer = delivered(_id(2), [parquet_file([row("i-2")])])
    hub.house.deliveries.put(newer.manifest_key, newer.manifest)

    assert hub.take(found.load_id).status == LoadStatus.SUPERSEDED
    assert hub.statuses() == {}


def test_what_could_not_be_read_beside_the_money_is_a_warning_of_the_load(hub: Hub) -> None:
    hub.deliver(delivered(_id(1), [parquet_file([row(last_refresh_timestamp="soon")])]))

    assert hub.load().warnings == (
        "finops-coh-00001.snappy.parquet: last_refresh_timestamp 'soon' is no time; it was left out",
    )


# Cases -------------------------------------------------------------------------------------------


def test_two_payers_are_two_snapshots(hub: Hub) -> None:
    hub.deliver(delivered(_id(1), [parquet_file([row()])]))

    hub.deliver(delivered(_id(2), [parquet_file([row("i-2")])], payer=OTHER))

    assert hub.statuses() == {"i-1": "New", "i-2": "New"}


def test_many_cases_are_saved_some_at_a_time_and_told_of_once(hub: Hub) -> None:
    many = [row(f"i-{n}") for n in range(2 * STEP + 1)]

    taken = hub.deliver(delivered(_id(1), [parquet_file(many)]))

    assert taken.counts.found == len(hub.statuses()) == 2 * STEP + 1
    assert hub.events() == ["SavingsFound"]
    [day] = hub.snapshots.all().values()
    chain = hub.records.chains[f"savings-day#{day.snapshot_id}"]
    assert chain[-1].reason == "2026-09-20: 91 new, 0 back, 0 restated, 0 gone, 0 as they were"


def test_what_somebody_decides_at_the_same_moment_stays_decided(hub: Hub) -> None:
    hub.deliver(delivered(_id(1), [parquet_file([row()])]))
    [case] = hub.savings.all().values()

    def approve() -> None:
        after = case.approve(None, by="ada", at=AT)
        hub.records.states[f"saving#{case.saving_id}"] = after.changed(version=case.version + 1)

    export = delivered(_id(2), [parquet_file([row(), row("i-2")])], day="2026-09-21")
    changed = export._replace(
        files={name: parquet_file([row(action_type="Stop"), row("i-2")]) for name in export.files}
    )
    found = hub.look(changed, AT + timedelta(days=1))
    # The day is written first; the cases come next.
    hub.records.meanwhile = [lambda: hub.records.meanwhile.append(approve)]
    taken = hub.take(found.load_id, AT + timedelta(days=1))

    assert taken.status == LoadStatus.PUBLISHED
    assert hub.statuses() == {"i-1": "Approved", "i-2": "New"}
    [after] = [one for one in hub.savings.all().values() if one.resource_id == "i-1"]
    assert after.options[0].action_type == "Stop"
    assert after.counted.action_type == "Rightsize"


def test_a_run_that_was_cut_off_among_the_cases_is_finished_by_the_next(
    hub: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    many = [row(f"i-{n}") for n in range(STEP + 5)]
    found = hub.look(delivered(_id(1), [parquet_file(many)]))
    save, calls = hub.savings.save, []

    def cut_off(saves: list[Save], act: Act) -> object:
        calls.append(saves)
        if len(calls) == 2:
            raise OSError("the lights went out")
        return save(saves, act)

    monkeypatch.setattr(hub.savings, "save", cut_off)
    with pytest.raises(OSError, match="lights"):
        hub.take(found.load_id)
    assert len(hub.statuses()) == STEP

    assert hub.take(found.load_id).counts.found == 5
    assert len(hub.statuses()) == STEP + 5
    assert hub.events() == ["SavingsFound"]


def test_a_snapshot_that_is_overtaken_while_it_is_applied_undoes_nothing(
    hub: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    hub.deliver(delivered(_id(1), [parquet_file([row()])]))
    [case] = hub.savings.all().values()
    approved = case.approve(None, by="ada", at=AT)
    hub.savings.save([Save(case, approved, Deed(action="Approve"))], hub.act())
    without = delivered(_id(2), [parquet_file([row("i-2")])], day="2026-09-21")
    newer = delivered(_id(3), [parquet_file([row()])], day="2026-09-22")
    older_load = hub.look(without, AT + timedelta(days=1)).load_id
    newer_load = hub.look(newer, AT + timedelta(days=2)).load_id
    read, is_first = hub.snapshots.read, [True]

    def overtaken(snapshot: Snapshot) -> Iterator[Recommendation]:
        if is_first and is_first.pop():
            hub.take(newer_load, AT + timedelta(days=2))
        return read(snapshot)

    monkeypatch.setattr(hub.snapshots, "read", overtaken)
    hub.take(older_load, AT + timedelta(days=1))

    assert hub.statuses() == {"i-1": "Approved"}


def test_what_an_overtaken_snapshot_wrote_is_put_right_by_the_newer(
    hub: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    older = delivered(_id(1), [parquet_file([row("i-1"), row("i-2")])])
    newer = delivered(_id(2), [parquet_file([row("i-2")])], day="2026-09-21")
    older_load = hub.look(older).load_id
    newer_load = hub.look(newer, AT + timedelta(days=1)).load_id
    # The day is written first; while its cases are, the newer day comes whole.
    comes = [lambda: hub.take(newer_load, AT + timedelta(days=1))]
    hub.records.meanwhile = [lambda: hub.records.meanwhile.extend(comes)]
    hub.take(older_load)

    assert hub.statuses() == {"i-1": "Gone", "i-2": "New"}


def test_recommendations_of_a_day_to_come_are_refused(hub: Hub) -> None:
    export = delivered(_id(1), [parquet_file([row()])], day="2062-09-21")

    taken = hub.deliver(export)

    assert taken.status == LoadStatus.REFUSED
    assert "2062-09-21 is still to come" in taken.reason
    assert hub.snapshots.all() == {}


def test_without_any_snapshot_there_is_nothing_to_apply(hub: Hub) -> None:
    with pytest.raises(InvalidError, match="nothing was ever taken"):
        apply_newest(PAYER, desk=hub.desk, act=hub.act())


# The API -----------------------------------------------------------------------------------------


def test_the_api_is_asked_where_no_file_comes(hub: Hub) -> None:
    hub.source.stated = {PAYER: [recommendation()]}

    [taken] = hub.collect(PAYER)

    assert (taken.status, taken.number, taken.counts.found) == ("Taken", 1, 1)
    [state] = savings_sources(DAY, payers=[PAYER], snapshots=hub.snapshots)
    assert state.taken is not None
    assert (state.taken.via, state.age) == (Via.API, 0)


def test_the_api_is_not_asked_for_two_days_after_a_file_unless_somebody_wants_it(
    hub: Hub,
) -> None:
    hub.deliver(delivered(_id(1), [parquet_file([row()])]))
    hub.source.stated = {PAYER: [recommendation()]}

    [unneeded] = hub.collect(PAYER, at=AT + timedelta(days=2))
    assert (unneeded.status, unneeded.reason) == (
        "Unneeded",
        "the export of 2026-09-20 stands for it",
    )
    assert hub.source.asked == []
    assert hub.collect(PAYER, at=AT + timedelta(days=2), always=True)[0].status == "Taken"
    assert hub.collect(PAYER, at=AT + timedelta(days=3))[0].status == "Taken"


def test_a_source_that_does_not_answer_is_named_and_its_cases_stay(hub: Hub) -> None:
    hub.source.stated = {PAYER: [recommendation()], OTHER: [recommendation("i-2")]}
    hub.collect(PAYER, OTHER)
    del hub.source.stated[OTHER]

    found = hub.collect(PAYER, OTHER, at=AT + timedelta(days=1))

    assert [one.status for one in found] == ["Unanswered", "Taken"]
    assert hub.statuses() == {"i-1": "New", "i-2": "New"}, "silence is no word on them"
    [silent, fresh] = savings_sources(date(2026, 9, 21), payers=[], snapshots=hub.snapshots)
    assert (silent.payer, silent.age) == (OTHER, 1)
    assert silent.unanswered is not None
    assert silent.unanswered.reason == f"Cost Optimization Hub of {OTHER}: not enrolled"
    assert (fresh.age, fresh.unanswered) == (0, None)
    assert hub.events().count("SavingsUnanswered") == 1


def test_an_empty_answer_is_an_answer(hub: Hub) -> None:
    hub.source.stated = {PAYER: [recommendation()]}
    hub.collect(PAYER)
    hub.source.stated = {PAYER: []}

    [taken] = hub.collect(PAYER, at=AT + timedelta(days=1))

    assert taken.counts.gone == 1
    assert hub.statuses() == {"i-1": "Gone"}


def test_what_was_ignored_returns_with_the_snapshot_that_says_it_grew(hub: Hub) -> None:
    hub.source.stated = {PAYER: [recommendation(savings=100)]}
    hub.collect(PAYER)
    [case] = hub.savings.all().values()
    ignored = case.ignore("small", date(2026, 12, 1), by="ada", at=AT)
    hub.savings.save([Save(case, ignored, Deed(action="Ignore"))], hub.act())
    hub.source.stated = {PAYER: [recommendation(savings=120)]}

    [taken] = hub.collect(PAYER, at=AT + timedelta(days=1))

    [back] = hub.savings.all().values()
    assert (back.status, back.returned) == (SavingStatus.NEW, Return.GROWN)
    assert taken.counts.returned == 1


def test_payers_are_those_of_the_last_three_months_bills(hub: Hub) -> None:
    bill = exports.overwritten(_id(1), [exports.csv_file([exports.Line("1.50")])])
    hub.house.load(bill, AT)

    assert payers_of(hub.house.bills, date(2026, 11, 30)) == [PAYER]
    assert payers_of(hub.house.bills, date(2026, 12, 1)) == []
