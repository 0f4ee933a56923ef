"""The contract of what is saved: a change is state, audit record and receipt, or it is nothing."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import pytest
from botocore.exceptions import ClientError
from hypothesis import given, settings
from hypothesis import strategies as st

from finops.adapters import records as adapter
from finops.adapters.organisation import DynamoPeople
from finops.adapters.records import OVERLAP, Mirror, Records, entity_of
from finops.domain import accounts
from finops.domain.audit import AuditRecord, Deed, Receipt, findings, kept_time
from finops.domain.budgets import Budget
from finops.domain.errors import ConflictError
from finops.domain.gates import Gate
from finops.domain.people import Person, Role
from finops.domain.shares import AccountShares
from finops.usecases.ports import Page, Save, TrailPlace
from tests.aws import (
    AUDIT,
    BUDGETS,
    CHARTS,
    PEOPLE,
    REQUESTS,
    client,
    copy_items,
    count_items,
    organised,
)
from tests.fakes import InMemoryRecords
from tests.usecases.organisation import NOW, STOREFRONT, UNIT, WEB_SHOP, Organisation, act

ADA = "ada@example.com"
INVITE, REMAP = Deed(action="Invite", event="PersonInvited"), Deed(action="Remap")
RECEIPT = Receipt(key="key-1", fingerprint="print-1", status=201)


def written(organisation: Organisation) -> int:
    """How many states, records and receipts there are."""
    if organisation.people.__class__.__name__.startswith("InMemory"):
        return len(organisation.records) + len(organisation.records.states)
    return count_items(PEOPLE, CHARTS, BUDGETS, AUDIT, REQUESTS)


def ada(**fields: Any) -> Person:
    return Person(email=ADA, role=Role.PRODUCT_OWNER, scope=(WEB_SHOP,), changed_at=NOW).changed(
        **fields
    )


def drafted(product: str = WEB_SHOP, year: int = 2026, at: datetime = NOW) -> Budget:
    return Budget.new(product, year).drafted(
        (UNIT,) * 12, limit=12 * UNIT, locked={}, by=ADA, at=at
    )


def pages(listed: Callable[[int, str | None], Page], limit: int) -> Iterator[Page]:
    cursor: str | None = None
    while True:
        page = listed(limit, cursor)
        yield page
        cursor = page.next_cursor
        if cursor is None:
            return


# A change -----------------------------------------------------------------------------------------


def test_a_change_is_its_state_its_record_and_its_receipt(organisation: Organisation) -> None:
    [saved] = organisation.people.save([Save(None, ada(), INVITE)], act(receipt=RECEIPT))

    assert organisation.people.find(ADA) == saved
    [record] = organisation.audit.chain(f"person#{ADA}")
    assert (saved.version, saved.head) == (1, record.hash)
    assert (record.action, record.event, record.before) == ("Invite", "PersonInvited", None)
    receipt = organisation.receipts.find("key-1")
    assert receipt == RECEIPT.model_copy(update={"entity": f"person#{ADA}", "sequence": 1})
    assert written(organisation) == 3


def test_a_chain_of_changes_is_sealed_and_ends_in_the_state(organisation: Organisation) -> None:
    [person] = organisation.people.save([Save(None, ada(), INVITE)], act())
    for name in ("Ada", "Ada L.", "Countess"):
        [person] = organisation.people.save([Save(person, person.changed(name=name), REMAP)], act())

    records = list(organisation.audit.chain(f"person#{ADA}"))

    assert [one.sequence for one in records] == [1, 2, 3, 4]
    assert [one.before for one in records[1:]] == [one.after for one in records[:-1]]
    assert findings(f"person#{ADA}", records, organisation.people.find(ADA)) == []
    assert organisation.audit.record(f"person#{ADA}", 3) == records[2]
    assert organisation.audit.record(f"person#{ADA}", 5) is None
    assert organisation.audit.record("person#bob@example.com", 1) is None


def test_a_lost_race_writes_nothing_at_all(organisation: Organisation) -> None:
    [read] = organisation.people.save([Save(None, ada(), INVITE)], act())
    organisation.people.save([Save(read, read.changed(name="first"), REMAP)], act())
    before = written(organisation)

    with pytest.raises(ConflictError, match="somebody else was faster") as lost:
        organisation.people.save(
            [Save(read, read.changed(name="second"), REMAP)], act(receipt=RECEIPT)
        )

    assert written(organisation) == before
    assert organisation.receipts.find("key-1") is None
    assert lost.value.members["current"].name == "first"
    assert lost.value.members["current"].version == 2


def test_of_many_in_one_step_all_are_written_or_none(organisation: Organisation) -> None:
    bob = ada(email="bob@example.com")
    organisation.people.save([Save(None, bob, INVITE)], act())
    before = written(organisation)

    with pytest.raises(ConflictError):
        organisation.people.save(
            [Save(None, ada(), INVITE), Save(None, bob, INVITE)], act(receipt=RECEIPT)
        )

    assert written(organisation) == before
    assert organisation.people.find(ADA) is None


def test_the_same_key_changes_something_once(organisation: Organisation) -> None:
    organisation.people.save([Save(None, ada(), INVITE)], act(receipt=RECEIPT))
    before = written(organisation)

    with pytest.raises(ConflictError):
        organisation.people.save(
            [Save(None, ada(email="bob@example.com"), INVITE)], act(receipt=RECEIPT)
        )

    assert written(organisation) == before


@pytest.mark.parametrize("kind", ["budget", "gate"])
def test_the_second_of_two_is_told_what_is_there_now(organisation: Organisation, kind: str) -> None:
    budgets = organisation.budgets
    done = Deed(action="SaveDraft", element=WEB_SHOP)
    if kind == "budget":
        first: Any = budgets.save(None, drafted(), done, act())
        second: Callable[[], Any] = lambda: budgets.save(None, drafted(), done, act())  # noqa: E731
    else:
        gate = Gate(portfolio=STOREFRONT, monthly=UNIT, changed_at=NOW)
        first = budgets.save_gate(None, gate, done, act())
        second = lambda: budgets.save_gate(None, gate, done, act())  # noqa: E731
    before = written(organisation)

    with pytest.raises(ConflictError) as lost:
        second()

    assert lost.value.members["current"] == first
    assert written(organisation) == before


# Budgets ------------------------------------------------------------------------------------------


def test_budgets_are_found_by_product_and_year(organisation: Organisation) -> None:
    budgets = organisation.budgets
    this, next_ = drafted(), drafted(year=2027)
    done = Deed(action="SaveDraft", element=WEB_SHOP)
    saved = budgets.save(None, this, done, act())
    later = budgets.save(None, next_, done, act())

    assert budgets.find(WEB_SHOP, 2026) == saved
    assert budgets.find(WEB_SHOP, 2025) is None
    assert dict(budgets.of_year(2026)) == {WEB_SHOP: saved}
    assert dict(budgets.of_year(2027)) == {WEB_SHOP: later}
    assert dict(budgets.of_year(2025)) == {}


def test_a_year_shows_what_was_just_saved(organisation: Organisation) -> None:
    budgets = organisation.budgets
    done = Deed(action="SaveDraft", element=WEB_SHOP)
    assert dict(budgets.of_year(2026)) == {}
    first = budgets.save(None, drafted(), done, act())
    assert budgets.of_year(2026)[WEB_SHOP] == first
    again = first.drafted((0,) * 12, limit=0, locked={}, by=ADA, at=NOW)
    second = budgets.save(first, again, done, act())

    assert budgets.of_year(2026)[WEB_SHOP] == second


def test_a_gate_is_no_budget(organisation: Organisation) -> None:
    assert organisation.budgets.gate(STOREFRONT) is None
    gate = organisation.budgets.save_gate(
        None, Gate(portfolio=STOREFRONT, monthly=5, changed_at=NOW), Deed(action="SetGate"), act()
    )

    assert organisation.budgets.gate(STOREFRONT) == gate
    assert dict(organisation.budgets.of_year(2026)) == {}


# People -------------------------------------------------------------------------------------------


def test_everybody_is_told_by_address(organisation: Organisation) -> None:
    for name in ("cyd", "ada", "bob"):
        organisation.hire(f"{name}@example.com", Role.CLOUD_ENGINEER)

    assert [one.email[:3] for one in organisation.people.all()] == ["ada", "bob", "cyd"]
    assert organisation.people.find("eve@example.com") is None


def test_45_people_fit_in_one_step_with_a_receipt(organisation: Organisation) -> None:
    crowd = [Save(None, ada(email=f"p{n}@example.com"), INVITE) for n in range(45)]

    organisation.people.save(crowd, act(receipt=RECEIPT))

    assert len(organisation.people.all()) == 45
    assert written(organisation) == 45 * 2 + 1


# The trail ----------------------------------------------------------------------------------------


def test_a_note_goes_on_with_its_chain(organisation: Organisation) -> None:
    for number in (1, 2, 3):
        organisation.audit.note("delivery#a", {"run": number}, Deed(action="StartLoad"), act())

    records = list(organisation.audit.chain("delivery#a"))

    assert [one.after for one in records] == ['{"run":1}', '{"run":2}', '{"run":3}']
    assert findings("delivery#a", records, None, is_kept=False) == []


def test_a_note_with_a_receipt_is_taken_once(organisation: Organisation) -> None:
    organisation.audit.note("delivery#a", {}, Deed(action="StartLoad"), act(receipt=RECEIPT))

    with pytest.raises(ConflictError):
        organisation.audit.note("delivery#a", {}, Deed(action="StartLoad"), act(receipt=RECEIPT))

    assert len(list(organisation.audit.chain("delivery#a"))) == 1


def test_records_of_a_month_and_of_somebody_come_newest_first(organisation: Organisation) -> None:
    for number, (who, days) in enumerate([("ada", 0), ("bob", 1), ("ada", 2), ("ada", 40)]):
        at = NOW + timedelta(days=days)
        organisation.audit.note(f"x#{number}", {}, Deed(action="Do"), act(f"{who}@example.com", at))

    def told(some: Sequence[AuditRecord]) -> list[str]:
        return [record.entity for record in some]

    assert told(organisation.audit.in_month("2026-03", 10)) == ["x#2", "x#1", "x#0"]
    assert told(organisation.audit.in_month("2026-04", 10)) == ["x#3"]
    assert told(organisation.audit.in_month("2026-05", 10)) == []
    assert told(organisation.audit.of_actor("ada@example.com", 10)) == ["x#3", "x#2", "x#0"]


Listed = Callable[[int, TrailPlace | None], Sequence[AuditRecord]]


def trail_pages(listed: Listed, limit: int) -> Iterator[Sequence[AuditRecord]]:
    """All that is listed; each page goes on behind the last record of the one before."""
    place: TrailPlace | None = None
    while True:
        some = listed(limit, place)
        yield some
        if len(some) < limit:
            return
        at = kept_time(some[-1].at)
        same = sum(kept_time(record.at) == at for record in some)
        place = TrailPlace(at, same + (place.passed if place and place.at == at else 0))


def _fill_trail(
    organisation: Organisation, count: int, apart: timedelta = timedelta(seconds=1)
) -> None:
    organisation.audit.note("x#0", {}, Deed(action="Do"), act(ADA))
    [one] = organisation.audit.chain("x#0")
    names = {f"x#{n}": one.at + n * apart for n in range(count)}
    if isinstance(organisation.audit, type(Organisation().audit)):
        for name, at in names.items():
            made = one.model_copy(update={"entity": name, "at": at})
            organisation.records.chains[name] = [made]
    else:
        copies = ({"entity": name, "at": kept_time(at)} for name, at in names.items())
        copy_items(AUDIT, copies)


@pytest.mark.parametrize("count, limit", [(5001, 1000), (501, 100)])
def test_thousands_of_records_are_listed_to_the_last(
    organisation: Organisation, count: int, limit: int
) -> None:
    _fill_trail(organisation, count)

    found = list(
        trail_pages(lambda n, place: organisation.audit.in_month("2026-03", n, place), limit)
    )

    entities = [record.entity for page in found for record in page]
    assert entities == [f"x#{n}" for n in reversed(range(count))]
    assert max(map(len, found)) == limit


@pytest.mark.parametrize("limit", [1, 7, 100])
def test_records_of_one_moment_are_each_told_once(organisation: Organisation, limit: int) -> None:
    """A file of people writes all of them at the same time."""
    _fill_trail(organisation, 25, timedelta(0))

    found = list(
        trail_pages(lambda n, place: organisation.audit.in_month("2026-03", n, place), limit)
    )

    assert sorted(record.entity for page in found for record in page) == sorted(
        f"x#{n}" for n in range(25)
    )


def test_what_somebody_did_is_listed_to_the_last(organisation: Organisation) -> None:
    _fill_trail(organisation, 101)

    found = trail_pages(lambda n, place: organisation.audit.of_actor(ADA, n, place), 10)

    assert sum(map(len, found)) == 101


def test_what_comes_while_a_trail_is_read_is_told_to_nobody_twice(
    organisation: Organisation,
) -> None:
    _fill_trail(organisation, 4)
    first = organisation.audit.in_month("2026-03", 2)
    organisation.audit.note("x#new", {}, Deed(action="Do"), act(ADA, NOW + timedelta(days=1)))

    rest = organisation.audit.in_month("2026-03", 9, TrailPlace(kept_time(first[-1].at), 1))

    assert [one.entity for one in (*first, *rest)] == ["x#3", "x#2", "x#1", "x#0"]


# Receipts -----------------------------------------------------------------------------------------


def test_what_is_done_once_a_day_is_taken_once(organisation: Organisation) -> None:
    day = timedelta(days=1)
    assert organisation.receipts.find("digest#2026-03-10#ada") is None
    assert organisation.receipts.take("digest#2026-03-10#ada", day)
    assert not organisation.receipts.take("digest#2026-03-10#ada", day)
    assert organisation.receipts.find("digest#2026-03-10#ada") is not None
    assert organisation.receipts.take("digest#2026-03-11#ada", day)


def test_what_could_not_be_done_is_taken_again(organisation: Organisation) -> None:
    assert organisation.receipts.take("digest#2026-03-10#ada", timedelta(days=1))
    organisation.receipts.release("digest#2026-03-10#ada")

    assert organisation.receipts.find("digest#2026-03-10#ada") is None
    assert organisation.receipts.take("digest#2026-03-10#ada", timedelta(days=1))


# On DynamoDB --------------------------------------------------------------------------------------


class Busy:
    """A client whose transactions meet others *times* before they go through."""

    def __init__(self, times: int, codes: list[str]) -> None:
        self.asked = 0
        self._times, self._codes = times, codes

    def transact_write_items(self, **_: Any) -> None:
        self.asked += 1
        if self.asked <= self._times:
            told = {
                "Error": {"Code": "TransactionCanceledException", "Message": ""},
                "CancellationReasons": [{"Code": code} for code in self._codes],
            }
            raise ClientError(told, "TransactWriteItems")


@pytest.mark.parametrize(
    "times, codes, asked, is_lost",
    [
        (4, ["None", "TransactionConflict"], 5, False),
        (5, ["None", "TransactionConflict"], 5, True),
        (1, ["ConditionalCheckFailed", "TransactionConflict"], 1, True),
    ],
)
def test_transactions_that_only_met_are_tried_again(
    times: int, codes: list[str], asked: int, is_lost: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(adapter, "PAUSE", 0)
    busy = Busy(times, codes)
    made = InMemoryRecords()
    organisation = Organisation()
    organisation.audit.note("x#0", {}, Deed(action="Do"), act())
    [record] = organisation.audit.chain("x#0")
    assert len(made) == 0

    if is_lost:
        with pytest.raises(ConflictError):
            Records(busy, AUDIT, REQUESTS).note(record, act())
    else:
        Records(busy, AUDIT, REQUESTS).note(record, act())
    assert busy.asked == asked


def test_an_error_that_is_no_race_flies() -> None:
    busy = Busy(1, ["ValidationError"])
    organisation = Organisation()
    organisation.audit.note("x#0", {}, Deed(action="Do"), act())
    [record] = organisation.audit.chain("x#0")

    with pytest.raises(ClientError):
        Records(busy, AUDIT, REQUESTS).note(record, act())


def test_receipts_expire_and_the_trail_does_not() -> None:
    with organised():
        organisation = Organisation.on_aws()
        began = int(datetime.now(UTC).timestamp())
        organisation.people.save([Save(None, ada(), INVITE)], act(receipt=RECEIPT))
        [receipt] = client("dynamodb").scan(TableName=REQUESTS)["Items"]
        [record] = client("dynamodb").scan(TableName=AUDIT)["Items"]
        [person] = client("dynamodb").scan(TableName=PEOPLE)["Items"]

    assert 0 <= int(receipt["expires_at"]["N"]) - began - 86_400 <= 60  # whatever the act says
    assert "expires_at" not in record
    assert "expires_at" not in person


# Gates --------------------------------------------------------------------------------------------


def test_all_gates_that_were_ever_set_are_told_by_portfolio(organisation: Organisation) -> None:
    budgets, done = organisation.budgets, Deed(action="SetGate")
    assert list(budgets.gates()) == []
    budgets.save(None, drafted(), Deed(action="SaveDraft", element=WEB_SHOP), act())
    made = [
        budgets.save_gate(None, Gate(portfolio=name, monthly=1, changed_at=NOW), done, act())
        for name in (STOREFRONT, "bank.credit.lending")
    ]
    taken = budgets.save_gate(made[0], made[0].changed(monthly=None), done, act())

    assert list(budgets.gates()) == [made[1], taken]


# The mirror ---------------------------------------------------------------------------------------


class Index:
    """An index that follows its table: what was written shows up when it is told to."""

    def __init__(self) -> None:
        self.shown: dict[str, Person] = {}
        self.asked: list[str] = []

    def show(self, one: Person) -> None:
        self.shown[one.email] = one

    def query(self, since: str) -> list[dict[str, Any]]:
        self.asked.append(since)
        return [
            {
                "person": one.email,
                "version": one.version,
                "head": one.head,
                "detail": one.model_dump_json(exclude={"version", "head"}),
            }
            for one in self.shown.values()
            if one.changed_at is not None and (not since or one.changed_at.isoformat() > since)
        ]


class Watch:
    """A clock that is set by hand."""

    def __init__(self, now: datetime = NOW) -> None:
        self.now = now

    def __call__(self) -> datetime:
        return self.now


def _mirror(index: Index, clock: Callable[[], datetime] | None = None) -> Mirror[Person]:
    return Mirror(partial(entity_of, Person), index.query, key="person", clock=clock or Watch())


def test_an_older_version_never_replaces_a_newer_one() -> None:
    index = Index()
    mirror = _mirror(index)
    newer = ada(version=3, name="newer")
    mirror.put(ADA, newer)
    index.show(ada(version=2, name="older"))

    assert mirror.look()[ADA] == newer
    mirror.put(ADA, ada(version=1))
    assert mirror.look()[ADA] == newer


@pytest.mark.parametrize("is_warm", [False, True])
def test_a_write_of_ones_own_hides_nothing_that_others_wrote(is_warm: bool) -> None:
    """It says nothing of what others wrote between the last look and now."""
    index, watch = Index(), Watch()
    mirror = _mirror(index, watch)
    if is_warm:
        mirror.look()
    watch.now = NOW + timedelta(hours=1)
    theirs = ada(email="theirs@example.com", version=1, changed_at=NOW + timedelta(minutes=5))
    mine = ada(version=1, changed_at=watch.now)
    index.show(theirs)
    index.show(mine)
    mirror.put(ADA, mine)

    assert mirror.look() == {"theirs@example.com": theirs, ADA: mine}


def test_a_look_goes_back_over_what_a_slower_clock_wrote() -> None:
    index = Index()
    mirror = _mirror(index)
    index.show(ada(email="ahead@example.com", version=1, changed_at=NOW))
    mirror.look()
    behind = NOW - OVERLAP + timedelta(seconds=1)
    index.show(ada(email="behind@example.com", version=1, changed_at=behind))

    assert set(mirror.look()) == {"ahead@example.com", "behind@example.com"}


def test_a_look_asks_for_what_is_new_and_not_for_all() -> None:
    index, watch = Index(), Watch()
    mirror = _mirror(index, watch)
    mirror.look()
    watch.now = NOW + timedelta(hours=1)
    mirror.look()
    mirror.look()

    assert index.asked == [
        "",
        (NOW - OVERLAP).isoformat(),
        (NOW + timedelta(hours=1) - OVERLAP).isoformat(),
    ]


def test_what_is_written_while_a_look_lasts_is_found_by_the_next() -> None:
    """The pages of a large year take longer than the clocks are apart."""
    index, watch = Index(), Watch()
    late = ada(version=1, changed_at=NOW + timedelta(seconds=1))

    def slow(since: str) -> Iterator[dict[str, Any]]:
        yield from index.query(since)
        watch.now += timedelta(minutes=10)

    mirror: Mirror[Person] = Mirror(partial(entity_of, Person), slow, key="person", clock=watch)
    assert mirror.look() == {}
    index.show(late)

    assert mirror.look() == {ADA: late}


def test_a_look_that_was_cut_off_is_made_again_from_where_it_began() -> None:
    index, watch = Index(), Watch()

    def cut_off(since: str) -> Iterator[dict[str, Any]]:
        yield from index.query(since)
        if len(index.asked) == 2:
            raise ConnectionError("away")

    mirror: Mirror[Person] = Mirror(partial(entity_of, Person), cut_off, key="person", clock=watch)
    mirror.look()
    watch.now = NOW + timedelta(hours=1)
    with pytest.raises(ConnectionError):
        mirror.look()
    watch.now = NOW + timedelta(hours=2)
    mirror.look()

    assert index.asked[1:] == [(NOW - OVERLAP).isoformat()] * 2


writes = st.lists(
    st.tuples(
        st.sampled_from(["ada", "bob", "cyd"]),
        st.integers(0, 300),  # tenths of seconds that the writer's clock is behind
        st.integers(0, 30),  # seconds that the index is behind
        st.booleans(),  # whether it is this process that writes
        st.booleans(),  # whether somebody looks afterwards
    ),
    max_size=25,
)


@settings(deadline=None)
@given(writes)
def test_nothing_is_missed_by_writers_whose_clocks_differ(
    drawn: list[tuple[str, int, int, bool, bool]],
) -> None:
    index, watch = Index(), Watch()
    mirror = _mirror(index, watch)
    truth: dict[str, Person] = {}
    due: list[tuple[datetime, Person]] = []

    def pass_to(now: datetime) -> None:
        watch.now = now
        for at, one in [some for some in due if some[0] <= now]:
            if index.shown.get(one.email, one).version <= one.version:
                index.show(one)
            due.remove((at, one))

    for number, (name, off, lag, is_own, is_looked) in enumerate(drawn):
        # Writers come so far apart that many a change is older than the overlap.
        pass_to(NOW + timedelta(seconds=45 * number))
        at = watch.now - timedelta(seconds=off / 10)
        known = truth.get(name)
        one = ada(email=name, version=(known.version if known else 0) + 1, changed_at=at)
        truth[name] = one
        due.append((watch.now + timedelta(seconds=lag), one))
        if is_own:
            mirror.put(name, one)
        if is_looked:
            mirror.look()
    pass_to(watch.now + timedelta(seconds=31))

    assert mirror.look() == truth


def test_two_processes_see_what_the_other_saves() -> None:
    with organised():
        mine, theirs = Organisation.on_aws(), Organisation.on_aws()
        now = datetime.now(UTC)  # processes look as far back as they have looked before
        assert list(theirs.people.all()) == []
        [saved] = mine.people.save([Save(None, ada(changed_at=now), INVITE)], act())
        assert list(theirs.people.all()) == [saved]
        done = Deed(action="SaveDraft", element=WEB_SHOP)
        assert dict(mine.budgets.of_year(2026)) == {}
        budget = mine.budgets.save(None, drafted(at=now), done, act())
        assert dict(theirs.budgets.of_year(2026)) == {WEB_SHOP: budget}
        known: Mapping[str, Budget] = theirs.budgets.of_year(2026)
        again = known[WEB_SHOP].drafted((0,) * 12, limit=0, locked={}, by=ADA, at=now)
        newest = theirs.budgets.save(known[WEB_SHOP], again, done, act())
        assert mine.budgets.of_year(2026)[WEB_SHOP] == newest


def test_what_was_committed_long_after_it_began_is_seen_by_who_looked_in_between() -> None:
    """A step may save for a quarter of an hour, all of it at the time at which it began."""
    began = datetime.now(UTC) - timedelta(minutes=15)
    listed = accounts.Listed(account_id="444455556666", name="shop")
    shop = accounts.Account.listed(listed, "999988887777", began)
    split = AccountShares(account_id="444455556666").mapped(
        [(WEB_SHOP, 10_000)], open_from=began.date(), by=ADA, at=began
    )
    with organised():
        mine, theirs = Organisation.on_aws(), Organisation.on_aws()
        looks: list[Callable[[], int]] = [
            lambda: len(theirs.people.all()),
            lambda: len(theirs.accounts.all()),
            lambda: len(theirs.budgets.of_year(2026)),
            lambda: len(theirs.shares.all()),
        ]
        assert [look() for look in looks] == [0, 0, 0, 0]
        late = act(at=began)
        mine.people.save([Save(None, ada(changed_at=began), INVITE)], late)
        mine.accounts.save([Save(None, shop, Deed(action="List"))], late)
        mine.budgets.save(None, drafted(at=began), Deed(action="SaveDraft"), late)
        mine.shares.save([Save(None, split, Deed(action="MapAccount"))], late)

        assert [look() for look in looks] == [1, 1, 1, 1]


def test_an_item_says_when_it_was_committed_and_its_record_when_it_was_done() -> None:
    committed = NOW + timedelta(minutes=15)
    with organised():
        writer = Records(client("dynamodb"), AUDIT, REQUESTS, clock=Watch(committed))
        [saved] = DynamoPeople(writer, PEOPLE).save([Save(None, ada(), INVITE)], act())
        [item] = client("dynamodb").scan(TableName=PEOPLE)["Items"]
        [record] = client("dynamodb").scan(TableName=AUDIT)["Items"]

    assert item["changed_at"]["S"] == committed.isoformat()
    assert saved.changed_at == NOW
    assert datetime.fromisoformat(record["at"]["S"]) == NOW


@pytest.mark.parametrize(
    "is_warm, before", [(False, timedelta(hours=1)), (True, timedelta(seconds=30))]
)
def test_who_writes_before_they_look_sees_what_others_saved(
    is_warm: bool, before: timedelta
) -> None:
    with organised():
        mine, theirs = Organisation.on_aws(), Organisation.on_aws()
        now = datetime.now(UTC)
        if is_warm:
            assert list(mine.people.all()) == []
        bob = ada(email="bob@example.com", changed_at=now - before)
        [his] = theirs.people.save([Save(None, bob, INVITE)], act())
        [own] = mine.people.save([Save(None, ada(changed_at=now), INVITE)], act())

        assert list(mine.people.all()) == [own, his]
