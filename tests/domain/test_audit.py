"""The audit trail: a chain of records that shows whatever is done to it, and what it cannot show."""

import json
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any, NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from finops.domain.audit import (
    LONGEST_REASON,
    NO_SEAL,
    Act,
    AuditRecord,
    Deed,
    Fault,
    Receipt,
    findings,
    reason,
    record,
    sealed,
    state,
)
from finops.domain.budgets import Budget, BudgetStatus, Estimate
from finops.domain.errors import InvalidError
from finops.domain.gates import Gate
from finops.domain.people import Person, PersonStatus, Role
from finops.domain.values import Entity

some = settings(max_examples=100, deadline=None, derandomize=True)

NOW = datetime(2026, 1, 15, 9, tzinfo=UTC)
WEB_SHOP = "retail.digital.storefront.web-shop"
GATE = "gate#retail.digital.storefront"


class Chain(NamedTuple):
    """An entity as it is kept: its records, and its state after them."""

    entity: str
    records: tuple[AuditRecord, ...]
    current: Entity

    def found(self) -> set[Fault]:
        return {one.fault for one in findings(self.entity, self.records, self.current)}

    def places(self) -> list[tuple[int, Fault]]:
        told = findings(self.entity, self.records, self.current)
        assert all(one.entity == self.entity and one.detail for one in told)
        return [(one.sequence, one.fault) for one in told]

    def without(self, number: int) -> "Chain":
        return self._replace(records=self.records[: number - 1] + self.records[number:])

    def altered(self, number: int, **fields: Any) -> "Chain":
        one = self.records[number - 1].model_copy(update=fields)
        return self._replace(records=(*self.records[: number - 1], one, *self.records[number:]))

    def resealed(self, number: int) -> "Chain":
        """With one record sealed again, as somebody would who knows how that is done."""
        return self.altered(number, hash=resealed(self.records[number - 1]).hash)


def act(number: int = 0, **told: Any) -> Act:
    at = NOW + timedelta(hours=number)
    return Act(actor="ada@example.org", at=at, request_id=f"request-{number}", **told)


def chained(
    entity: str, states: Sequence[Entity], acts: Sequence[Act] = (), deed: Deed | None = None
) -> Chain:
    """The records of an entity that was in each of *states*, one after the other."""
    before: Entity | None = None
    records = []
    for number, after in enumerate(states):
        done = acts[number] if acts else act(number)
        made = record(entity, before, after, done, deed or Deed(action=f"Do{number}"))
        records.append(made)
        before = after.changed(version=made.sequence, head=made.hash)
    assert before is not None
    return Chain(entity, tuple(records), before)


def gates(*monthly: int | None) -> Chain:
    portfolio = GATE.removeprefix("gate#")
    return chained(GATE, [Gate(portfolio=portfolio, monthly=amount) for amount in monthly])


def resealed(one: AuditRecord) -> AuditRecord:
    return sealed(
        one.entity,
        number=one.sequence,
        previous=one.previous,
        before=one.before,
        after=one.after,
        act=Act(actor=one.actor, at=one.at, request_id=one.request_id, reason=one.reason),
        deed=Deed(
            action=one.action,
            element=one.element,
            event=one.event,
            event_element=one.event_element,
        ),
    )


# What is recorded --------------------------------------------------------------------------------


def test_a_record_says_who_when_what_before_after_and_why() -> None:
    before = Gate(portfolio="a.b.c", monthly=5, version=7, head="5ea1")
    after = before.changed(monthly=6)
    done = act(reason="dearer", receipt=Receipt(key="k", fingerprint="f"))

    made = record("gate#a.b.c", before, after, done, Deed(action="SetGate", element="a.b.c"))

    assert made.model_dump(exclude={"hash"}) == {
        "entity": "gate#a.b.c",
        "sequence": 8,
        "at": NOW,
        "actor": "ada@example.org",
        "action": "SetGate",
        "element": "a.b.c",
        "event": None,
        "event_element": None,
        "reason": "dearer",
        "request_id": "request-0",
        "before": '{"changed_at":null,"monthly":5,"portfolio":"a.b.c"}',
        "after": '{"changed_at":null,"monthly":6,"portfolio":"a.b.c"}',
        "previous": "5ea1",
    }
    assert made.is_sealed


def test_the_first_record_has_nothing_before_it() -> None:
    gate = Gate(portfolio="a.b.c")

    for before in (None, gate):  # a gate that nobody saved yet has no record either
        made = record("gate#a.b.c", before, gate.changed(monthly=1), act(), Deed(action="SetGate"))
        assert (made.sequence, made.previous, made.before) == (1, NO_SEAL, None)


def test_a_state_leaves_out_the_numbers_of_its_keeping() -> None:
    gate = Gate(portfolio="a.b.c", monthly=5)

    assert state(gate.changed(version=3, head="5ea1")) == state(gate)
    assert "version" not in state(gate)


def test_a_seal_is_the_sha_256_of_the_record_as_json_by_name() -> None:
    (one,) = gates(5).records
    text = (
        '{"action":"Do0","actor":"ada@example.org",'
        '"after":"{\\"changed_at\\":null,\\"monthly\\":5,'
        '\\"portfolio\\":\\"retail.digital.storefront\\"}",'
        '"at":"2026-01-15T09:00:00Z","before":null,"element":"",'
        '"entity":"gate#retail.digital.storefront","event":null,"previous":"","reason":null,'
        '"request_id":"request-0","sequence":1}'
    )

    assert one.hash == sha256(text.encode()).hexdigest()
    # What was sealed once is verified for years: this one never changes.
    assert one.hash == "97413a3c8efac3466e694fa52d3129bf3c8f7328e5f4f92ad081537dc3481d44"


def test_a_seal_is_the_same_in_letters_of_any_script() -> None:
    made = record(
        "gate#x", None, Gate(portfolio="x"), act(reason="größer, 東京"), Deed(action="Do")
    )

    assert made.is_sealed
    assert AuditRecord.model_validate_json(made.model_dump_json()).is_sealed


class Weights(Entity):
    """Something that holds a mapping."""

    of: Mapping[str, int]
    nested: tuple[Mapping[str, int], ...] = ()


@some
@given(st.dictionaries(st.text(max_size=3), st.integers(), max_size=6), st.randoms())
def test_a_seal_does_not_depend_on_the_order_of_a_mapping(
    weights: dict[str, int], rng: Any
) -> None:
    names = list(weights)
    rng.shuffle(names)
    other = {name: weights[name] for name in names}

    one, same = (
        record("weights#1", None, Weights(of=each, nested=(each,)), act(), Deed(action="Weigh"))
        for each in (weights, other)
    )

    assert one == same
    assert one.hash == same.hash


def test_a_record_is_sealed_still_after_it_was_stored_and_read() -> None:
    zones = (UTC, datetime.fromisoformat("2026-01-01T00:00:00+05:30").tzinfo)
    for zone in zones:
        at = datetime(2026, 7, 1, 12, 30, 15, 123_456, tzinfo=zone)
        done = Act(actor="a", at=at, request_id="r", reason='"quotes"\n\\ and lines')
        made = record("gate#x", None, Gate(portfolio="x", changed_at=at), done, Deed(action="Do"))

        read = AuditRecord.model_validate(json.loads(json.dumps(made.model_dump(mode="json"))))

        assert read == made
        assert read.is_sealed


@pytest.mark.parametrize(
    "said, kept", [(None, None), ("", None), (" \n", None), (" it fits ", "it fits")]
)
def test_a_reason_is_kept_without_the_space_around_it(said: str | None, kept: str | None) -> None:
    assert reason(said) == kept
    if kept is None:
        with pytest.raises(InvalidError, match="say why"):
            reason(said, needed=True)
    else:
        assert reason(said, needed=True) == kept


def test_a_reason_has_at_most_five_hundred_characters() -> None:
    assert reason(" " + "x" * LONGEST_REASON) == "x" * 500
    with pytest.raises(InvalidError, match="at most 500 characters"):
        reason("x" * 501)


def test_an_act_takes_its_reason_later() -> None:
    assert act().because("it fits") == act(reason="it fits")


# Chains that are whole ---------------------------------------------------------------------------

TEXTS = st.none() | st.text(st.characters(codec="utf-8"), max_size=5)
MOMENTS = st.timedeltas(timedelta(0), timedelta(days=9)).map(lambda since: NOW + since)
ACTS = st.builds(
    Act, actor=st.text("abc@", min_size=1), at=MOMENTS, request_id=st.text("r1"), reason=TEXTS
)
DEEDS = st.builds(
    Deed,
    action=st.text("Do", min_size=1),
    element=st.text("ab."),
    event=TEXTS,
    event_element=st.none() | st.text("ab."),
)
STATES: Mapping[type[Entity], st.SearchStrategy[Entity]] = {
    Gate: st.builds(Gate, portfolio=st.just("a.b.c"), monthly=st.none() | st.integers(0)),
    Person: st.builds(
        Person,
        email=st.just("ada@example.org"),
        name=TEXTS,
        role=st.sampled_from(Role),
        scope=st.lists(st.text("ab.", max_size=5), max_size=3).map(tuple),
        status=st.sampled_from(PersonStatus),
        sign_ins=st.lists(st.text("p1", max_size=2), max_size=2).map(tuple),
        changed_at=st.none() | MOMENTS,
    ),
    Budget: st.builds(
        Budget,
        product_id=st.just(WEB_SHOP),
        year=st.just(2026),
        status=st.sampled_from(BudgetStatus),
        draft=st.none() | st.integers(0).map(lambda ticks: (ticks,) * 12),
        estimate=st.none() | st.just(Estimate(monthly=5, url="https://x.org", stated_by="a")),
    ),
}


@st.composite
def chains(draw: st.DrawFn) -> Chain:
    """Of one to four records; a state may come again, as when something is set back."""
    kind = draw(st.sampled_from(list(STATES)))
    states = draw(st.lists(STATES[kind], min_size=1, max_size=4))
    acts = [draw(ACTS) for _ in states]
    return chained(draw(st.sampled_from(["entity#a", "entity#b"])), states, acts, draw(DEEDS))


@some
@given(chains())
def test_what_was_recorded_is_verified(chain: Chain) -> None:
    assert chain.places() == []
    assert [one.sequence for one in chain.records] == list(range(1, len(chain.records) + 1))
    read = [AuditRecord.model_validate_json(one.model_dump_json()) for one in chain.records]
    assert findings(chain.entity, read, chain.current) == []


def test_an_entity_that_comes_and_goes_between_two_states_is_verified() -> None:
    assert gates(5, 6, 5, 6, None).places() == []


# Chains that were tampered with ------------------------------------------------------------------


def other(value: Any, field: str) -> Any:
    """Something else of its kind."""
    match value:
        case None:
            return "{}" if field == "before" else "x"
        case str() if field in ("before", "after"):
            known = json.loads(value)
            name = min(known)
            return json.dumps(known | {name: [known[name]]})
        case datetime():
            return value + timedelta(microseconds=1)
        case int():
            return value + 1
        case _:
            return f"{value}x"


FIELDS = sorted(AuditRecord.model_fields)


@some
@given(chains(), st.data())
def test_any_field_of_any_record_that_was_altered_is_found(
    chain: Chain, data: st.DataObject
) -> None:
    number = data.draw(st.integers(1, len(chain.records)))

    for field in FIELDS:
        value = getattr(chain.records[number - 1], field)
        tampered = chain.altered(number, **{field: other(value, field)})

        assert Fault.ALTERED in tampered.found()
        assert number in {place for place, _ in tampered.places()} or field == "sequence"


@some
@given(chains(), st.data())
def test_a_record_that_was_altered_and_sealed_again_is_found(
    chain: Chain, data: st.DataObject
) -> None:
    number = data.draw(st.integers(1, len(chain.records)))

    for field in sorted(set(FIELDS) - {"hash"}):
        value = getattr(chain.records[number - 1], field)
        tampered = chain.altered(number, **{field: other(value, field)}).resealed(number)

        assert tampered.records[number - 1].is_sealed
        assert tampered.found()


@some
@given(chains(), st.data())
def test_any_record_that_was_taken_out_is_missed(chain: Chain, data: st.DataObject) -> None:
    number = data.draw(st.integers(1, len(chain.records)))

    assert Fault.MISSING in chain.without(number).found()


@pytest.mark.parametrize("number", [1, 2, 3])
def test_a_gap_is_told_where_it_is(number: int) -> None:
    assert gates(5, 6, 7).without(number).places()[0] == (number, Fault.MISSING)


def test_a_chain_that_was_taken_whole_is_missed() -> None:
    assert gates(5, 6)._replace(records=()).places() == [(1, Fault.MISSING)]


@some
@given(chains(), chains(), st.data())
def test_a_record_that_was_put_in_is_found(
    chain: Chain, another: Chain, data: st.DataObject
) -> None:
    place = data.draw(st.integers(0, len(chain.records)))
    foreign = data.draw(st.sampled_from(another.records))

    put_in = (*chain.records[:place], foreign, *chain.records[place:])

    assert chain._replace(records=put_in).found()


@some
@given(chains(), st.data())
def test_a_record_that_was_forged_with_its_right_number_is_found(
    chain: Chain, data: st.DataObject
) -> None:
    """All later ones get the next number, and every record is sealed; only the old seals stay."""
    place = data.draw(st.integers(0, len(chain.records)))
    last = chain.records[place - 1] if place else None
    forged = sealed(
        chain.entity,
        number=place + 1,
        previous=last.hash if last else NO_SEAL,
        before=last.after if last else None,
        after=last.after if last else "{}",
        act=act(),
        deed=Deed(action="Forge"),
    )
    later = [
        resealed(one.model_copy(update={"sequence": one.sequence + 1}))
        for one in chain.records[place:]
    ]

    assert chain._replace(records=(*chain.records[:place], forged, *later)).found()


@pytest.mark.parametrize("first", [1, 2, 3])
def test_two_records_that_changed_places_are_found(first: int) -> None:
    chain = gates(5, 6, 5, 6)
    one, two = chain.records[first - 1 : first + 1]
    swapped = (*chain.records[: first - 1], two, one, *chain.records[first + 1 :])

    assert chain._replace(records=swapped).places()[0][0] == first

    renumbered = (
        *chain.records[: first - 1],
        resealed(two.model_copy(update={"sequence": first})),
        resealed(one.model_copy(update={"sequence": first + 1})),
        *chain.records[first + 1 :],
    )
    assert chain._replace(records=renumbered).places()[0] == (first, Fault.FOREIGN)


def test_a_record_of_another_entity_is_foreign() -> None:
    mine, theirs = gates(5), chained("gate#x.y.z", [Gate(portfolio="x.y.z")])

    assert mine._replace(records=theirs.records).places()[0] == (1, Fault.FOREIGN)


@some
@given(chains(), st.data())
def test_a_state_that_was_altered_is_found(chain: Chain, data: st.DataObject) -> None:
    current = chain.current
    another = data.draw(STATES[type(current)]).changed(version=current.version, head=current.head)

    assert chain._replace(current=another).found() == (
        set() if another == current else {Fault.STATE}
    )
    for version in (0, current.version - 1, current.version + 1):
        assert chain._replace(current=current.changed(version=version)).found() == {Fault.MISSING}
    assert chain._replace(current=current.changed(head="5ea1")).found() == {Fault.MISSING}


def test_faults_are_told_where_they_are() -> None:
    chain = gates(5, 6, 7)

    assert chain.altered(2, actor="eve@example.org").places() == [(2, Fault.ALTERED)]
    assert chain.altered(2, actor="eve").resealed(2).places() == [(3, Fault.FOREIGN)]
    assert chain.altered(3, reason="why").resealed(3).places() == [(4, Fault.MISSING)]
    assert chain._replace(current=chain.current.changed(monthly=9)).places() == [(3, Fault.STATE)]
    assert [one.fault for one in findings(GATE, chain.records, None)] == [Fault.STATE]


def test_a_before_that_is_not_the_after_of_the_record_before_is_foreign() -> None:
    one, two = gates(5, 6).records
    forged = resealed(two.model_copy(update={"before": one.after.replace("5", "4")}))
    current = Gate(portfolio="retail.digital.storefront", monthly=6, version=2, head=forged.hash)

    assert Chain(GATE, (one, forged), current).places() == [(2, Fault.FOREIGN)]


def test_every_fault_of_a_chain_is_told_not_only_the_first() -> None:
    chain = gates(5, 6, 7).altered(1, actor="eve").altered(3, actor="eve")

    assert chain.places() == [(1, Fault.ALTERED), (3, Fault.ALTERED)]


# What a chain alone cannot show ------------------------------------------------------------------


def test_state_and_chain_rolled_back_together_look_like_the_past() -> None:
    past, now = gates(5, 6), gates(5, 6, 7)

    assert now.without(3)._replace(current=past.current).places() == []


def test_a_chain_written_anew_to_its_end_with_its_state_is_whole() -> None:
    """The seals have no key: who may write both tables can seal anything."""
    assert gates(5, 60, 7).places() == []


def test_of_what_has_no_state_the_newest_records_may_be_missing() -> None:
    records = gates(5, 6, 7).records

    def found(kept: Sequence[AuditRecord]) -> list[Fault]:
        return [one.fault for one in findings(GATE, kept, None, is_kept=False)]

    assert found(records) == found(records[:2]) == found(()) == []
    assert found(records[1:]) == [Fault.MISSING]


# After a new release -----------------------------------------------------------------------------


class GateOfTheNextRelease(Gate):
    """A gate that has one more field, with a default."""

    is_strict: bool = False


def next_release(gate: Entity) -> GateOfTheNextRelease:
    """As the item of the last release is read."""
    return GateOfTheNextRelease.model_validate_json(gate.model_dump_json())


def test_an_entity_that_nobody_touched_is_whole_after_a_release_that_added_a_field() -> None:
    chain = gates(5, 6)

    assert chain._replace(current=next_release(chain.current)).places() == []


def test_the_first_change_after_a_release_that_added_a_field_follows_the_record_before() -> None:
    chain = gates(5, 6)
    before = next_release(chain.current)
    made = record(GATE, before, before.changed(monthly=7), act(), Deed(action="SetGate"))
    current = before.changed(monthly=7, version=made.sequence, head=made.hash)

    assert Chain(GATE, (*chain.records, made), current).places() == []


def test_a_known_field_that_was_altered_is_found_after_a_release_that_added_one() -> None:
    chain = gates(5, 6)
    read = next_release(chain.current)

    for altered in (
        read.changed(monthly=60),
        read.changed(monthly=None),
        read.changed(portfolio="x"),
    ):
        assert chain._replace(current=altered).places() == [(2, Fault.STATE)]


def test_a_first_change_that_was_made_of_another_state_is_foreign_after_a_release() -> None:
    chain = gates(5, 6)
    before = next_release(chain.current).changed(monthly=60)
    made = record(GATE, before, before.changed(monthly=7), act(), Deed(action="SetGate"))
    current = before.changed(monthly=7, version=made.sequence, head=made.hash)

    assert Chain(GATE, (*chain.records, made), current).places() == [(3, Fault.FOREIGN)]


def test_what_a_release_added_counts_from_the_first_change_that_says_it() -> None:
    chain = gates(5, 6)
    strict = next_release(chain.current).changed(is_strict=True)
    assert chain._replace(current=strict).places() == []  # nothing sealed says it was not

    made = record(GATE, next_release(chain.current), strict, act(), Deed(action="SetGate"))
    current = strict.changed(version=made.sequence, head=made.hash)
    after = Chain(GATE, (*chain.records, made), current)

    assert after.places() == []
    lax = after._replace(current=current.changed(is_strict=False))
    assert lax.places() == [(3, Fault.STATE)]


def test_a_field_that_a_release_dropped_is_no_fault() -> None:
    wide = chained(GATE, [GateOfTheNextRelease(portfolio="a.b.c", monthly=5, is_strict=True)])
    kept = Gate.model_validate(wide.current.model_dump(exclude={"is_strict"}))

    assert wide._replace(current=kept).places() == []
    assert wide._replace(current=kept.changed(monthly=6)).places() == [(1, Fault.STATE)]


class EstimateOfTheNextRelease(Estimate):
    """An estimate that says more."""

    is_rough: bool = False


class BudgetOfTheNextRelease(Budget):
    """A budget whose parts got a field."""

    estimate: EstimateOfTheNextRelease | None = None


def test_what_is_inside_a_state_is_compared_field_by_field_too() -> None:
    stated = Estimate(monthly=5, url="https://x.org", stated_by="a")
    chain = chained("budget#1", [Budget(product_id=WEB_SHOP, year=2026, estimate=stated)])
    read = BudgetOfTheNextRelease.model_validate_json(chain.current.model_dump_json())
    assert read.estimate is not None

    dearer = read.changed(estimate=read.estimate.model_copy(update={"monthly": 6}))

    assert chain._replace(current=read).places() == []
    assert chain._replace(current=dearer).places() == [(1, Fault.STATE)]
    assert chain._replace(current=read.changed(estimate=None)).places() == [(1, Fault.STATE)]


def test_a_list_that_lost_or_got_an_element_is_altered() -> None:
    scope = ("a.b.c.d", "a.b.c.e")
    ada = Person(email="ada@example.org", role=Role.PRODUCT_OWNER, scope=scope)
    chain = chained("person#ada", [ada])

    for altered in (scope[:1], (*scope, "a.b.c.f"), scope[::-1], ()):
        current = chain.current.changed(scope=altered)
        assert chain._replace(current=current).places() == [(1, Fault.STATE)]


@pytest.mark.parametrize("number, field", [(1, "after"), (2, "before"), (2, "after")])
@pytest.mark.parametrize("written", ["", "x", '{"monthly":5'])
def test_a_state_in_a_record_that_is_no_json_any_more_is_found(
    number: int, field: str, written: str
) -> None:
    chain = gates(5, 6).altered(number, **{field: written})

    assert (number, Fault.ALTERED) in chain.places()


def test_a_record_takes_no_other_field_and_none_changes() -> None:
    (one,) = gates(5).records
    changes: Sequence[Callable[[], object]] = (
        lambda: setattr(one, "actor", "eve"),
        lambda: AuditRecord.model_validate(one.model_dump() | {"note": "x"}),
    )

    for change in changes:
        with pytest.raises(ValidationError):
            change()
