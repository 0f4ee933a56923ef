"""Whoever gets at the tables behind the product's back is found out, on the fake and on moto."""

from collections.abc import Callable
from datetime import date
from typing import Any

import pytest

from finops.domain.audit import Deed, Fault, Finding
from finops.domain.people import Person, Role
from finops.usecases.accounts import check_accounts
from finops.usecases.audit import verify
from tests.aws import ACCOUNTS, AUDIT, BUDGETS, CHARTS, PEOPLE, client
from tests.usecases.organisation import NOW, TODAY, UNIT, WEB_SHOP, Organisation, act

ADMIN = Person(email="fin@example.com", role=Role.FINANCIAL_ADMIN)
BUDGET = f"budget#2026#{WEB_SHOP}"


def verified(organisation: Organisation) -> tuple[int, list[Finding]]:
    """All records that a whole walk reads, and all that is wrong."""
    records, cursor = 0, None
    found: list[Finding] = []
    while True:
        step = verify(
            date(2026, 1, 1),
            TODAY,
            cursor,
            by=ADMIN,
            audit=organisation.audit,
            books=organisation.books,
        )
        records += step.records
        found += step.findings
        cursor = step.next_cursor
        if cursor is None:
            return records, found


class Burglar:
    """Somebody who writes to the tables of *organisation* without its knowing."""

    def __init__(self, organisation: Organisation) -> None:
        self._records = organisation.records
        self._is_fake = organisation.chart_files is organisation.files

    def edit(self, entity: str, sequence: int, **texts: str) -> None:
        if self._is_fake:
            chain = self._records.chains[entity]
            chain[sequence - 1] = chain[sequence - 1].model_copy(update=texts)
            return
        key = {"entity": {"S": entity}, "sequence": {"S": f"{sequence:09d}"}}
        item = client("dynamodb").get_item(TableName=AUDIT, Key=key)["Item"]
        told = {name: {"S": text} for name, text in texts.items()}
        client("dynamodb").put_item(TableName=AUDIT, Item=item | told)

    def delete(self, entity: str, sequence: int) -> None:
        if self._is_fake:
            chain = self._records.chains[entity]
            chain[:] = [one for one in chain if one.sequence != sequence]
            return
        key = {"entity": {"S": entity}, "sequence": {"S": f"{sequence:09d}"}}
        client("dynamodb").delete_item(TableName=AUDIT, Key=key)

    def edit_state(self, entity: str, old: str, new: str) -> None:
        """Another text in the state, its version and seal kept."""
        if self._is_fake:
            state = self._records.states[entity]
            text = state.model_dump_json()
            assert old in text
            self._records.states[entity] = type(state).model_validate_json(text.replace(old, new))
            return
        table, key = _place(entity)
        item = client("dynamodb").get_item(TableName=table, Key=key)["Item"]
        assert old in item["detail"]["S"]
        item["detail"]["S"] = item["detail"]["S"].replace(old, new)
        client("dynamodb").put_item(TableName=table, Item=item)

    def delete_state(self, entity: str) -> None:
        if self._is_fake:
            del self._records.states[entity]
            return
        table, key = _place(entity)
        client("dynamodb").delete_item(TableName=table, Key=key)


def _place(entity: str) -> tuple[str, dict[str, Any]]:
    kind, _, name = entity.partition("#")
    if kind == "person":
        return PEOPLE, {"person": {"S": name}}
    if kind == "budget":
        year, _, product = name.partition("#")
        return BUDGETS, {"pk": {"S": product}, "sk": {"S": year}}
    if kind == "gate":
        return BUDGETS, {"pk": {"S": name}, "sk": {"S": "GATE"}}
    if kind == "account":
        return ACCOUNTS, {"account": {"S": name}}
    if kind == "chart":
        return CHARTS, {"pk": {"S": "HEAD"}, "sk": {"S": name}}
    return CHARTS, {"pk": {"S": "LOAD"}, "sk": {"S": name}}


@pytest.fixture
def house(organisation: Organisation) -> Organisation:
    organisation.drop(at=NOW)
    organisation.approve(WEB_SHOP, [UNIT] * 12)
    organisation.audit.note("delivery#a", {}, Deed(action="StartLoad"), act())
    organisation.organizations.put("111122223333", "shop")
    check_accounts(
        None,
        accounts=organisation.accounts,
        organizations=organisation.organizations,
        act=act(),
    )
    return organisation


def again(house: Organisation) -> Organisation:
    """The same house, as a process sees it that has just started."""
    return house if house.chart_files is house.files else Organisation.on_aws()


def test_what_nobody_touched_is_whole(house: Organisation) -> None:
    records, found = verified(house)

    assert found == []
    # A load and its chart, two people, three steps of a budget, a note, an account and its look.
    assert records == 10


Deeds = Callable[[Burglar], None]


@pytest.mark.parametrize(
    "do, fault",
    [
        (lambda it: it.edit(BUDGET, 1, actor="eve@example.com"), Fault.ALTERED),
        (lambda it: it.edit(BUDGET, 2, after="{}"), Fault.ALTERED),
        (lambda it: it.edit(BUDGET, 3, reason="because"), Fault.ALTERED),
        (lambda it: it.delete(BUDGET, 1), Fault.MISSING),
        (lambda it: it.delete(BUDGET, 2), Fault.MISSING),
        (lambda it: it.delete(BUDGET, 3), Fault.MISSING),
        (lambda it: it.edit_state(BUDGET, "Approved", "Pending"), Fault.STATE),
        (lambda it: it.delete_state(BUDGET), Fault.STATE),
        (lambda it: it.delete_state("chart#2026"), Fault.STATE),
        (lambda it: it.delete("chart#2026", 1), Fault.MISSING),
        (lambda it: it.edit_state("chart#2026", '"products":5', '"products":4'), Fault.STATE),
        (lambda it: it.delete("person#planner@example.com", 1), Fault.MISSING),
        (lambda it: it.delete_state("person#planner@example.com"), Fault.STATE),
        (lambda it: it.delete("account#111122223333", 1), Fault.MISSING),
        (lambda it: it.edit_state("account#111122223333", '"shop"', '"mine"'), Fault.STATE),
        (lambda it: it.delete_state("account#111122223333"), Fault.STATE),
        (lambda it: it.edit("delivery#a", 1, actor="eve@example.com"), Fault.ALTERED),
    ],
)
def test_it_is_found_out(house: Organisation, do: Deeds, fault: Fault) -> None:
    do(Burglar(house))

    _, found = verified(again(house))

    assert fault in {one.fault for one in found}
    assert len({one.entity for one in found}) == 1


def test_all_records_of_an_entity_gone_are_missed(house: Organisation) -> None:
    burglar = Burglar(house)
    for sequence in (1, 2, 3):
        burglar.delete(BUDGET, sequence)

    _, found = verified(again(house))

    assert {one.entity for one in found} == {BUDGET}


@pytest.mark.parametrize("kind", ["chart-load", "gate"])
def test_the_only_record_of_a_load_or_a_gate_is_missed(house: Organisation, kind: str) -> None:
    from finops.usecases.budgets import set_gate

    head = house.charts.head(2026)
    assert head is not None
    portfolio = "retail.digital.storefront"
    set_gate(portfolio, 1, 0, by=ADMIN, desk=house.desk, act=act())
    entity = f"chart-load#{head.load_id}" if kind == "chart-load" else f"gate#{portfolio}"
    Burglar(house).delete(entity, 1)

    _, found = verified(again(house))

    assert {one.entity for one in found} == {entity}


@pytest.mark.parametrize("entity", ["budget#zzz", "chart#zzz"])
def test_a_record_that_was_planted_stops_no_walk(house: Organisation, entity: str) -> None:
    house.audit.note(entity, {}, Deed(action="Do"), act())

    _, found = verified(again(house))

    assert entity in {one.entity for one in found}
