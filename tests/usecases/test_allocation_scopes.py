"""Trap 15: whatever the tree and the scope, no answer tells of an element outside, nor its money.

Every element's id and name hold a word of its own, every product's money is a digit of its own.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from types import SimpleNamespace
from typing import Any, NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from finops.domain.allocation_runs import UNALLOCATED, Allocation, AllocationTotal, rollups
from finops.domain.allocations import PartKind, Reason
from finops.domain.charts import Chart, Product, Step
from finops.domain.class_policies import CostBasis
from finops.domain.elements import ENTERPRISE, ancestors, covers, level
from finops.domain.errors import ForbiddenError, NotFoundError
from finops.domain.people import Person, PersonStatus, Role
from finops.domain.rule_changes import MapAccount
from finops.domain.rule_snapshots import Snapshot
from finops.domain.shares import AccountShares, Revision
from finops.ledger.allocating import OwnersMonth
from finops.ledger.ownership import Where
from finops.usecases import allocation_views, preview_views
from finops.usecases.allocated import Month, Run
from finops.usecases.allocation_answers import (
    Node,
    Sources,
    allocation_tree,
    bill_statuses,
    days_of,
    unallocated,
)
from finops.usecases.allocation_views import Called
from finops.usecases.financial_scope import ScopeSources, financial_scope
from finops.usecases.ports import Rollup
from finops.usecases.previews import Preview, PreviewStatus, Studio, compared, preview_effects
from tests import samples
from tests.exports import MONTH, PAYER
from tests.usecases.organisation import NOW

NOBODYS = 7
DAY = date(2026, 9, 2)
LABELS = ("Unit", "Department", "Portfolio", "Product")
ROLES = {role.level: role for role in Role if role.level}
PREVIEW = "0f3a5b7c9d1e2f4a6b8c"
some = settings(max_examples=40, deadline=None, derandomize=True)


class World(NamedTuple):
    """Products with their ticks, those that the chart has, and somebody with a scope."""

    products: Mapping[str, int]
    in_chart: Sequence[str]
    by: Person

    @property
    def elements(self) -> set[str]:
        return {one for product in self.products for one in ancestors(product)} - {ENTERPRISE}

    @property
    def seen(self) -> int:
        return sum(ticks for product, ticks in self.products.items() if self.by.covers(product))

    @property
    def hidden(self) -> list[str]:
        """The words of elements that are neither in the scope nor above it."""
        return [
            _word(one)
            for one in self.elements
            if not self.by.covers(one) and not any(covers(one, own) for own in self.by.scope)
        ]


def _word(element: str) -> str:
    return element.rpartition(".")[2]


@st.composite
def worlds(draw: st.DrawFn) -> World:
    few = st.integers(1, 2)
    words = (f"w{number}w" for number in range(1_000))
    paths = [""]
    for _ in range(4):
        paths = [f"{path}.{next(words)}".lstrip(".") for path in paths for _ in range(draw(few))]
    # Every sum of some of them is another one.
    products = {path: 10**place for place, path in enumerate(paths)}
    in_chart = [path for path in paths if draw(st.integers(0, 5))] or paths
    elements = sorted({one for path in paths for one in ancestors(path)} - {ENTERPRISE})
    of_level = draw(st.sampled_from(sorted(ROLES)))
    there = [one for one in elements if level(one) == of_level]
    scope = draw(st.lists(st.sampled_from(there), unique=True, max_size=3))
    return World(
        products,
        in_chart,
        Person(
            email="reader@example.com",
            role=ROLES[of_level],
            scope=tuple(sorted(scope)),
            status=PersonStatus.ACTIVE,
        ),
    )


class ToldShelf:
    """`Shelf` of one run, in which each product has an account of its own."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.allocations, self.bills = self, self

    def month(self, period: str) -> Month:
        run_id = "run"
        total = AllocationTotal(
            currency="USD",
            allocated=sum(self.world.products.values()),
            unallocated={Reason.NO_SHARE: NOBODYS},
        )
        allocated = Allocation(
            billing_account_id=PAYER,
            billing_period=period,
            run_id=run_id,
            load_id="load",
            basis=CostBasis.BILLED,
            revision=1,
            made_at=NOW,
            lineage=(run_id,),
            totals=(total,),
        )
        return Month(period, [samples.bill()], [Run(allocated, self.told)])

    @property
    def told(self) -> dict[str, Any]:
        nobodys = {"USD": {Reason.NO_SHARE.value: NOBODYS}}
        return {"products": {"USD": dict(self.world.products)}, "unallocated": nobodys}

    def count_owners(self, runs: Sequence[Run], where: Where) -> int:
        return len(list(self.owners(runs, where)))

    def owners(self, runs: Sequence[Run], where: Where) -> Iterator[OwnersMonth]:
        products: Any = where["product"]
        for product in products:
            yield OwnersMonth(
                payer=PAYER,
                billing_period=MONTH,
                currency="USD",
                product_id=product,
                account=f"account of {_word(product)}",
                kind=PartKind.SHARE,
                workload_id=None,
                rule="1",
                basis_points=10_000,
                reason=None,
                meant_for=None,
                charge_class="Usage",
                first_day=DAY,
                last_day=DAY,
                amount=self.world.products[product],
            )

    def rules(self, run: Run) -> Snapshot:
        return Snapshot(basis=CostBasis.BILLED)

    def rollups(self, allocated: Allocation, element: str) -> list[Rollup]:
        days = [("USD", one, None, str(DAY), ticks) for one, ticks in self.world.products.items()]
        made = rollups([*days, ("USD", None, Reason.NO_SHARE, str(DAY), NOBODYS)])
        return [Rollup.of(of, told) for of, told in made.items() if of[0] == element]


def chart(world: World) -> Chart:
    return Chart(
        year=2026,
        first_month=1,
        labels=LABELS,
        products=tuple(
            Product(
                id=one,
                names=tuple(f"name of {part}" for part in one.split(".")),
                steps=(Step(start=date(2026, 1, 1), annual=1),),
            )
            for one in sorted(world.in_chart)
        ),
    )


def sources(world: World) -> Any:
    made = chart(world)
    charts = SimpleNamespace(head=lambda year: made, heads=lambda: [made], read=lambda head: made)
    book = SimpleNamespace(
        revision=lambda: 1, basis=CostBasis.BILLED, is_closed=lambda month: False
    )
    shelf: Any = ToldShelf(world)
    shares = SimpleNamespace(all=dict)
    return Sources(shelf, book, charts, shares, 1)  # type: ignore[arg-type]


def names(world: World) -> Called:
    return Called(
        {f"account of {_word(one)}": f"called {_word(one)}" for one in world.products}, {}
    )


def must_hide(world: World, told: object) -> None:
    text = json.dumps(told, default=str)
    assert [word for word in world.hidden if word in text] == []


def total(node: Node) -> int:
    if node.children:
        assert sum(child.spend.get("USD", 0) for child in node.children) == node.spend["USD"]
    for child in node.children:
        total(child)
    if node.accounts:
        assert sum(one.row.amount for one in node.accounts) == node.spend["USD"]
    return node.spend.get("USD", 0)


@some
@given(worlds(), st.integers(0, 4))
def test_a_tree_tells_of_a_scope_and_of_nothing_else(world: World, depth: int) -> None:
    found = allocation_tree(ENTERPRISE, MONTH, depth, by=world.by, sources=sources(world))

    assert total(found.node) == world.seen
    must_hide(world, allocation_views.tree(found, names(world)))
    header, rows = allocation_views.tree_table(found, names(world))
    must_hide(world, rows)
    amounts = [row[header.index("amount")] for row in rows]
    assert sum(round(float(one) * 10**10) for one in amounts) == world.seen


@some
@given(worlds())
def test_days_tell_of_a_scope_and_of_nothing_else(world: World) -> None:
    found = days_of(ENTERPRISE, MONTH, by=world.by, sources=sources(world))

    assert sum(found.days.values()) == world.seen
    assert found.unallocated is None
    must_hide(world, allocation_views.days(found))


@some
@given(worlds())
def test_an_element_outside_a_scope_is_not_there(world: World) -> None:
    for element in world.elements:
        if world.by.covers(element):
            node = allocation_tree(element, MONTH, 4, by=world.by, sources=sources(world)).node
            of = {one for one in world.products if covers(element, one)}
            assert total(node) == sum(world.products[one] for one in of)
            continue
        with pytest.raises(NotFoundError):
            allocation_tree(element, MONTH, 1, by=world.by, sources=sources(world))
        with pytest.raises(NotFoundError):
            days_of(element, MONTH, by=world.by, sources=sources(world))
        with pytest.raises(NotFoundError):
            financial_scope(element, DAY, by=world.by, sources=scope_sources(world))


@some
@given(worlds())
def test_what_tells_of_the_whole_bill_is_not_for_owners(world: World) -> None:
    made = sources(world)
    for ask in (bill_statuses, unallocated):
        with pytest.raises(ForbiddenError):
            ask(MONTH, by=world.by, book=made.book, shelf=made.shelf)


def scope_sources(world: World) -> Any:
    def person(product: str) -> Person:
        return Person(
            email=f"{_word(product)}@example.com",
            role=Role.PRODUCT_OWNER,
            scope=(product,),
            status=PersonStatus.ACTIVE,
        )

    def shares(product: str) -> AccountShares:
        other = min(world.products)
        parts = {product: 6_000} | {other: 4_000} if other != product else {product: 10_000}
        split = Revision(
            number=1,
            start=date(2026, 9, 1),
            end=date(2027, 1, 1),
            shares=tuple(sorted(parts.items())),
            set_by="fin@example.com",
            set_at=NOW,
        )
        return AccountShares(account_id=f"account of {_word(product)}", revisions=(split,))

    made: Any = sources(world).charts
    everybody = [world.by, *map(person, world.products)]
    splits = {one.account_id: one for one in map(shares, world.products)}
    return ScopeSources(
        charts=made,
        budgets=SimpleNamespace(of_year=lambda year: {}),
        people=SimpleNamespace(all=lambda: everybody),
        accounts=SimpleNamespace(all=list),
        shares=SimpleNamespace(all=lambda: splits),
        first_month=1,
    )


@some
@given(worlds())
def test_a_financial_scope_is_the_products_in_it_and_who_is_in_it(world: World) -> None:
    found = financial_scope(ENTERPRISE, DAY, by=world.by, sources=scope_sources(world))

    assert {row.product_id for row in found} == {
        one for one in world.products if world.by.covers(one)
    }
    told = [allocation_views.scope_row(row) for row in found]
    for row in told:
        # An account that is split with a product of the scope is theirs to see.
        row.pop("account_id")
    must_hide(world, told)


@some
@given(worlds(), st.data())
def test_a_preview_tells_of_a_scope_and_of_nothing_else(world: World, data: st.DataObject) -> None:
    """Each product pays another amount, and what is missing nobody pays."""
    after = {one: ticks * data.draw(st.integers(0, 2)) for one, ticks in world.products.items()}
    nobodys = NOBODYS + sum(world.products.values()) - sum(after.values())
    shelf = ToldShelf(world)
    told = {"products": {"USD": after}, "unallocated": {"USD": {Reason.NO_SHARE: nobodys}}}
    effect = compared(PAYER, MONTH, shelf.told, told)

    def effects(by: Person) -> Any:
        change = MapAccount(account_id="444455556666", shares=((min(world.products), 10_000),))
        asked = Preview(
            preview_id=PREVIEW, by=by.email, at=NOW, changes=(change,), bills=((PAYER, MONTH),)
        )
        kept = {
            Preview.place(PREVIEW): asked.model_dump(mode="json"),
            Preview.result(PREVIEW, PAYER, MONTH): effect.model_dump(mode="json"),
        }
        ledger = SimpleNamespace(get_json=kept.__getitem__)
        bills: Any = SimpleNamespace(find=lambda *_: None)
        studio: Any = Studio(None, bills, ledger, None)  # type: ignore[arg-type]
        return preview_effects(PREVIEW, by=by, studio=studio)

    found = effects(world.by)
    whole = effects(Person(email="fin@example.com", role=Role.FINANCIAL_ADMIN))

    assert found.status is PreviewStatus.DONE
    moved = {one for one, ticks in world.products.items() if after[one] != ticks}
    mine = {one for one in moved if world.by.covers(one)}
    assert {one.element for one in found.moved if level(one.element) == 4} == mine
    for one in (*found.moved, *whole.moved):
        if one.element is not None:
            of = {product for product in world.products if covers(one.element, product)}
            assert one.before == sum(world.products[product] for product in of)
            assert one.after == sum(after[product] for product in of)
    gained = sum(after[one] - world.products[one] for one in mine)
    assert sum(one.after - one.before for one in found.totals) == gained
    assert [one.after - one.before for one in whole.totals] == ([0] if moved else [])
    assert sum(one.difference for one in found.others) == -gained
    assert whole.others == ()
    assert ENTERPRISE not in {one.element for one in found.moved}
    must_hide(world, preview_views.preview(found, found.moved, [chart(world)], None))
    header, rows = preview_views.preview_table(found.moved, [chart(world)])
    must_hide(world, rows)
    assert len(rows) == len(found.moved)
    assert UNALLOCATED not in json.dumps(rows)
    assert "reason" in header
