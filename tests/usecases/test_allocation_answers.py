"""Answers about who pays: added up by hand, and nothing of what lies outside the reader's scope."""

import json
from collections.abc import Iterable, Iterator
from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from finops.domain.allocations import Reason
from finops.domain.charts import Chart
from finops.domain.elements import ENTERPRISE
from finops.domain.errors import ForbiddenError, InvalidError, NotFoundError
from finops.domain.people import Person, Role
from finops.domain.rule_changes import MapAccount
from finops.ledger.allocating import OwnersMonth
from finops.ledger.engine import connect
from finops.ledger.ownership import Where
from finops.usecases import allocation_answers, allocation_views
from finops.usecases.allocated import Month, Run, Shelf
from finops.usecases.allocation_answers import (
    NOT_YET,
    Node,
    Sources,
    Tree,
    Unowned,
    allocation_tree,
    bill_statuses,
    days_of,
    newest_month,
    unallocated,
)
from finops.usecases.allocation_views import Called
from tests.allocating import AT, FIRST, LOGS, NOBODYS, OWN, RULES, SHARED, Allocating, decide, ticks
from tests.allocating import furnish as furnished
from tests.exports import MONTH, PAYER, Line
from tests.usecases.organisation import (
    CHECKOUT,
    LOANS,
    ROWS,
    SEARCH,
    TILLS,
    WEB_SHOP,
    WHO,
    chart_csv,
)

ADMIN = Person(email="fin@example.com", role=Role.FINANCIAL_ADMIN)
MAPPED, CLAIMED, POLICY = RULES[:2], RULES[:4], RULES[-1]
LINES = (
    Line("10.00", SHARED, resource="i-1"),
    Line("3.00", SHARED),
    Line("7.01", SHARED, day="2026-09-03", service="AmazonS3", resource=LOGS),
    Line("5.00", OWN, resource="i-9"),
    Line("2.00", OWN, service="AWSSupportBusiness"),
    Line("1.00", NOBODYS),
    Line("-0.75", SHARED, line_item_type="Credit"),
)


def owner(role: Role, *scope: str) -> Person:
    return Person(email="o@example.com", role=role, scope=scope)


def shelf_of(made: Allocating) -> Shelf:
    house = made.house
    return Shelf(made.allocations, house.bills, house.ledger, lambda: connect(house.limits))


def sources_of(made: Allocating) -> Sources:
    organisation = made.organisation
    return Sources(shelf_of(made), made.book, organisation.charts, organisation.shares, 1)


class WatchedShelf(Shelf):
    """Keeps what is read of it."""

    def __init__(self, made: Allocating) -> None:
        house = made.house
        super().__init__(made.allocations, house.bills, house.ledger, lambda: connect(house.limits))
        self.months: list[str] = []
        self.rows: list[OwnersMonth] = []

    def month(self, period: str) -> Month:
        self.months.append(period)
        return super().month(period)

    def owners(self, runs: Iterable[Run], where: Where) -> list[OwnersMonth]:
        found = super().owners(runs, where)
        self.rows += found
        return found


def called(made: Allocating) -> Called:
    return Called.in_month(MONTH, made.organisation.accounts, made.organisation.workloads)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Allocating:
    """Web shop 1.80, search 1.20, checkout 7.01, tills 10.00, loans 7.00; nobody 1.00: 28.01."""
    world = Allocating(tmp_path_factory.mktemp("allocated"))
    furnished(world.organisation, CLAIMED)
    world.load(1, LINES)
    assert world.run() == "Published"
    return world


def usd(amount: str) -> dict[str | None, int]:
    return {"USD": ticks(amount)}


def tree(made: Allocating, element: str = ENTERPRISE, depth: int = 4, by: Person = ADMIN) -> Tree:
    return allocation_tree(element, MONTH, depth, by=by, sources=sources_of(made))


def nodes(node: Node) -> Iterator[Node]:
    yield node
    for child in node.children:
        yield from nodes(child)


# How far ------------------------------------------------------------------------------------------


def test_a_bill_is_what_owners_and_nobody_pay(made: Allocating) -> None:
    [one] = bill_statuses(MONTH, by=ADMIN, book=made.book, shelf=shelf_of(made))

    assert (one.spend, one.allocated) == (usd("28.01"), usd("27.01"))
    assert (one.unallocated, one.difference) == (usd("1.00"), {"USD": 0})
    assert one.standing.is_current


def test_what_no_run_was_made_of_is_nobodys(made: Allocating) -> None:
    waiting = Allocating(made.house.limits.scratch)
    waiting.house = made.house
    waiting.organisation = made.organisation

    [one] = bill_statuses(MONTH, by=ADMIN, book=waiting.book, shelf=shelf_of(waiting))
    standings, [row] = unallocated(MONTH, by=ADMIN, book=waiting.book, shelf=shelf_of(waiting))
    whole = tree(waiting)

    assert (one.allocated, one.unallocated) == ({}, usd("28.01"))
    assert (row.reason, row.amount) == (NOT_YET, ticks("28.01"))
    assert whole.frame.unallocated == usd("28.01")
    assert [(each.allocation, each.is_current) for each in standings] == [(None, False)]


def test_an_allocation_is_current_until_a_rule_changes(made: Allocating) -> None:
    made.now = AT
    [before] = tree(made, depth=0).frame.standings
    change = MapAccount(account_id=NOBODYS, shares=((LOANS, 10_000),), start=FIRST)
    records = dict(made.organisation.records.states)
    decide(made.organisation, change)
    [after] = tree(made, depth=0).frame.standings
    made.organisation.records.states = records

    assert (before.is_current, after.is_current) == (True, False)


# The tree -----------------------------------------------------------------------------------------


def test_a_tree_is_what_its_products_pay(made: Allocating) -> None:
    found = {node.element: node.spend for node in nodes(tree(made).node)}

    assert found[ENTERPRISE] == usd("27.01")
    assert (found["retail"], found["bank"]) == (usd("20.01"), usd("7.00"))
    assert found["retail.digital"] == usd("10.01")
    assert found["retail.digital.storefront"] == usd("3.00")
    paid = {product: found[product] for product in (WEB_SHOP, SEARCH, CHECKOUT, TILLS, LOANS)}
    assert paid == {
        WEB_SHOP: usd("1.80"),
        SEARCH: usd("1.20"),
        CHECKOUT: usd("7.01"),
        TILLS: usd("10.00"),
        LOANS: usd("7.00"),
    }


@pytest.mark.parametrize("depth, count", [(0, 1), (1, 3), (2, 6), (3, 10), (4, 15)])
def test_a_tree_is_as_deep_as_it_is_asked_for(made: Allocating, depth: int, count: int) -> None:
    found = tree(made, depth=depth)

    assert len(list(nodes(found.node))) == count
    assert found.node.spend == usd("27.01")


def test_a_product_tells_its_accounts_and_what_gave_them(made: Allocating) -> None:
    leaves = [node for node in nodes(tree(made).node) if node.accounts]
    told = {
        node.element: [allocation_views.paid(one, called(made)) for one in node.accounts]
        for node in leaves
    }

    [shop] = told[WEB_SHOP]
    assert (shop["account_id"], shop["kind"], shop["share"]) == (SHARED, "Share", "60.00")
    assert (shop["rule"], shop["start"], shop["end"]) == ("1", "2026-09-01", "2027-01-01")
    assert (shop["first_day"], shop["last_day"]) == ("2026-09-02", "2026-09-02")
    [till] = told[TILLS]
    assert (till["kind"], till["workload"], till["share"]) == ("Claim", "tills", None)
    [logs] = told[CHECKOUT]
    assert (logs["kind"], logs["rule"], logs["start"]) == ("Rule", "logs", "2026-09-01")
    classes = [(one["charge_class"], one["amount"]) for one in told[LOANS]]
    assert classes == [("Support", "2.0000000000"), ("Usage", "5.0000000000")]
    for node in leaves:
        assert sum(one.row.amount for one in node.accounts) == node.spend["USD"]


def test_a_split_tells_the_days_on_which_it_is_in_force(tmp_path: Any) -> None:
    """Of 60 and 40 from the 1st on, and 59.99 and 40.01 from the 6th, a Sunday."""
    world = Allocating(tmp_path)
    furnished(world.organisation, MAPPED)
    later = MapAccount(
        account_id=SHARED,
        shares=((WEB_SHOP, 5_999), (SEARCH, 4_001)),
        start=FIRST.replace(day=6),
    )
    decide(world.organisation, later)
    world.load(1, [Line("1.00", SHARED), Line("1.00", SHARED, day="2026-09-07")])
    world.run()

    rows = [
        (str(one.start), str(one.end), one.row.amount)
        for one in tree(world, WEB_SHOP).node.accounts
    ]

    assert rows == [
        ("2026-09-01", "2026-09-06", ticks("0.60")),
        ("2026-09-06", "2027-01-01", ticks("0.5999")),
    ]


@pytest.mark.parametrize("is_made_first", [True, False])
def test_a_split_ends_where_one_of_a_later_month_takes_its_place(
    tmp_path: Any, is_made_first: bool
) -> None:
    """Also where the run was made before: no charge of its month is given to anybody else."""
    world = Allocating(tmp_path)
    furnished(world.organisation, MAPPED)
    world.load(1, [Line("1.00", SHARED)])
    later = MapAccount(account_id=SHARED, shares=((LOANS, 10_000),), start=date(2026, 11, 1))
    if is_made_first:
        world.run()
        decide(world.organisation, later)
    else:
        decide(world.organisation, later)
        world.run()

    [shop] = tree(world, WEB_SHOP).node.accounts

    assert (shop.start, shop.end) == (FIRST, date(2026, 11, 1))
    assert shop.row.amount == ticks("0.60")


def test_a_split_whose_days_another_one_took_tells_those_it_was_made_for(tmp_path: Any) -> None:
    """Until the next run of its month is published."""
    world = Allocating(tmp_path)
    furnished(world.organisation, MAPPED)
    world.load(1, [Line("1.00", SHARED)])
    world.run()
    decide(
        world.organisation,
        MapAccount(account_id=SHARED, shares=((LOANS, 10_000),), start=FIRST),
    )

    found = tree(world, WEB_SHOP)

    assert [(one.start, one.end) for one in found.node.accounts] == [(FIRST, date(2027, 1, 1))]
    assert [one.is_current for one in found.frame.standings] == [False]


def test_what_a_policy_gives_says_since_when(tmp_path: Any) -> None:
    """Support of 2.00 over 25.01 of spend, of which loans are 5.00."""
    world = Allocating(tmp_path)
    furnished(world.organisation, [*CLAIMED, POLICY])
    world.load(1, LINES)
    world.run()

    given = [one for one in tree(world, LOANS).node.accounts if one.row.kind == "Policy"]

    assert [(str(one.start), one.end) for one in given] == [("2026-09-01", None)]
    assert given[0].row.amount == ticks("0.3998400640")  # 10 / 25.01, which ends in 3974


def test_a_tree_that_no_answer_holds_is_refused(
    made: Allocating, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(allocation_answers, "MOST_ROWS", 14)

    with pytest.raises(InvalidError, match="further down"):
        tree(made)
    assert tree(made, depth=3).node.spend == usd("27.01")


def test_accounts_that_no_answer_holds_are_counted_and_not_read(
    made: Allocating, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Six, of which the shops' element has three."""
    shelf = WatchedShelf(made)
    sources = sources_of(made)._replace(shelf=shelf)
    monkeypatch.setattr(allocation_answers, "MOST_ROWS", 5)

    with pytest.raises(InvalidError, match="further down"):
        allocation_tree(ENTERPRISE, MONTH, 4, by=ADMIN, sources=sources)
    assert shelf.rows == []


def test_of_an_element_only_its_own_accounts_are_read(made: Allocating) -> None:
    shelf = WatchedShelf(made)
    sources = sources_of(made)._replace(shelf=shelf)

    allocation_tree("retail.digital", MONTH, 2, by=ADMIN, sources=sources)

    assert [row.product_id for row in shelf.rows] == [CHECKOUT, SEARCH, WEB_SHOP]


def test_where_no_product_is_reached_no_account_is_read(made: Allocating) -> None:
    """Of a scope of a product and a department, at its first level, only the product's are."""
    shelf = WatchedShelf(made)
    sources = sources_of(made)._replace(shelf=shelf)

    allocation_tree(ENTERPRISE, MONTH, 3, by=ADMIN, sources=sources)
    assert shelf.rows == []

    by = owner(Role.PRODUCT_OWNER, WEB_SHOP, "bank.credit")
    allocation_tree(ENTERPRISE, MONTH, 1, by=by, sources=sources)
    assert [row.product_id for row in shelf.rows] == [WEB_SHOP]


def test_of_what_nobody_owns_nothing_else_is_read(made: Allocating) -> None:
    shelf = WatchedShelf(made)

    unallocated(MONTH, by=ADMIN, book=made.book, shelf=shelf)

    assert [(row.kind, row.account) for row in shelf.rows] == [("Unallocated", NOBODYS)]


def test_an_answer_is_of_one_reading_of_the_runs(made: Allocating) -> None:
    """What is published meanwhile is in all of its sums, or in none."""
    shelf = WatchedShelf(made)
    sources = sources_of(made)._replace(shelf=shelf)

    allocation_tree(ENTERPRISE, MONTH, 4, by=ADMIN, sources=sources)
    days_of(ENTERPRISE, MONTH, by=ADMIN, sources=sources)
    unallocated(MONTH, by=ADMIN, book=made.book, shelf=shelf)
    bill_statuses(MONTH, by=ADMIN, book=made.book, shelf=shelf)

    assert shelf.months == [MONTH] * 4


def test_a_product_that_the_chart_lacks_is_in_the_tree_by_its_id(made: Allocating) -> None:
    """As one that moved is, for the months before."""
    organisation = made.organisation
    known, heads = organisation.chart(), organisation.charts.heads()
    less = Chart(
        year=known.year,
        first_month=known.first_month,
        labels=known.labels,
        products=tuple(one for one in known.products if one.id != TILLS),
    )

    class Less:
        def head(self, year: int) -> Any:
            return heads[0]

        def heads(self) -> Any:
            return heads

        def read(self, head: Any) -> Any:
            return less

    sources = sources_of(made)._replace(charts=Less())  # type: ignore[arg-type]
    found = allocation_tree(ENTERPRISE, MONTH, 4, by=ADMIN, sources=sources)
    told = json.dumps(allocation_views.tree(found, called(made)))

    assert found.node.spend == usd("27.01")
    assert '"element": "retail.stores.tills.registers", "name": "registers"' in told


# Scopes -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("element", ["bank", LOANS, "retail", "nowhere", "retail.stores"])
def test_what_lies_outside_is_not_there(made: Allocating, element: str) -> None:
    by = owner(Role.DEPARTMENT_OWNER, "retail.digital")

    with pytest.raises(NotFoundError):
        tree(made, element, by=by)
    with pytest.raises(NotFoundError):
        days_of(element, MONTH, by=by, sources=sources_of(made))


@pytest.mark.parametrize("element", ["nowhere", "retail.digital.storefront.nothing"])
def test_what_there_is_not_is_not_found(made: Allocating, element: str) -> None:
    with pytest.raises(NotFoundError, match="has no"):
        tree(made, element)
    with pytest.raises(NotFoundError, match="has no"):
        days_of(element, MONTH, by=ADMIN, sources=sources_of(made))


def test_the_enterprise_of_an_owner_is_their_scope(made: Allocating) -> None:
    by = owner(Role.DEPARTMENT_OWNER, "retail.digital", "bank.credit")
    found = tree(made, depth=1, by=by)
    told = allocation_views.tree(found, called(made))

    assert found.node.spend == usd("17.01")
    assert [node.element for node in found.node.children] == ["bank.credit", "retail.digital"]
    assert (told["node"]["name"], told["node"]["label"]) == ("Financial scope", "Scope")
    assert told["unallocated"] is None


@pytest.mark.parametrize("depth, count", [(0, 1), (1, 2), (2, 4), (3, 7), (4, 7)])
def test_below_a_scope_is_the_scope_itself(made: Allocating, depth: int, count: int) -> None:
    found = tree(made, depth=depth, by=owner(Role.DEPARTMENT_OWNER, "retail.digital"))

    assert len(list(nodes(found.node))) == count
    assert found.node.spend == usd("10.01")


def test_what_nobody_owns_is_for_who_looks_after_the_bill(made: Allocating) -> None:
    for role, (email, scope) in WHO.items():
        by = Person(email=email, role=role, scope=scope)
        if role.level == 0:
            assert len(unallocated(MONTH, by=by, book=made.book, shelf=shelf_of(made))[1]) == 1
            continue
        with pytest.raises(ForbiddenError):
            unallocated(MONTH, by=by, book=made.book, shelf=shelf_of(made))
        with pytest.raises(ForbiddenError):
            bill_statuses(MONTH, by=by, book=made.book, shelf=shelf_of(made))
        assert days_of(ENTERPRISE, MONTH, by=by, sources=sources_of(made)).unallocated is None


# The days -----------------------------------------------------------------------------------------


def test_days_are_the_tree_by_day(made: Allocating) -> None:
    found = days_of(ENTERPRISE, MONTH, by=ADMIN, sources=sources_of(made))

    assert found.days == {
        ("2026-09-02", "USD"): ticks("20.00"),
        ("2026-09-03", "USD"): ticks("7.01"),
    }
    assert found.unallocated == {("2026-09-02", "USD"): ticks("1.00")}


def test_the_days_of_a_scope_are_those_of_its_elements_together(made: Allocating) -> None:
    by = owner(Role.DEPARTMENT_OWNER, "bank.credit", "retail.stores")

    found = days_of(ENTERPRISE, MONTH, by=by, sources=sources_of(made))

    assert found.days == {("2026-09-02", "USD"): ticks("17.00")}


# Trap 8 -------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def trap_8(tmp_path_factory: pytest.TempPathFactory) -> Allocating:
    """Three accounts nobody mapped (1, 2, 3), one that is closed (4), one of a budget that was
    deleted (5), one of a budget without an owner (6), one that is new on the last day (7)."""
    world = Allocating(tmp_path_factory.mktemp("trap-8"))
    accounts = {number: str(number) * 12 for number in range(1, 8)}
    furnished(
        world.organisation,
        [
            MapAccount(account_id=accounts[number], shares=((product, 10_000),), start=FIRST)
            for number, product in ((4, WEB_SHOP), (5, CHECKOUT), (6, SEARCH))
        ],
        tuple(accounts.values()),
    )
    kept = {names: amount for names, amount in ROWS.items() if names[3] != "Checkout"}
    world.organisation.drop("Acme_2026_false_2026-09-01_true_Budget_v1.csv", chart_csv(kept))
    world.load(
        1,
        [
            Line(
                f"{number}.00", accounts[number], day="2026-09-30" if number == 7 else "2026-09-02"
            )
            for number in accounts
        ],
    )
    world.run()
    return world


def test_no_money_is_dropped_and_what_nobody_owns_says_why(trap_8: Allocating) -> None:
    [status] = bill_statuses(MONTH, by=ADMIN, book=trap_8.book, shelf=shelf_of(trap_8))
    _, rows = unallocated(MONTH, by=ADMIN, book=trap_8.book, shelf=shelf_of(trap_8))

    assert (status.spend, status.allocated) == (usd("28"), usd("10"))
    assert (status.unallocated, status.difference) == (usd("18"), {"USD": 0})
    assert [(row.amount // 10**10, row.reason, row.meant_for) for row in rows] == [
        (7, Reason.NO_SHARE, None),
        (5, Reason.ENDED, CHECKOUT),
        (3, Reason.NO_SHARE, None),
        (2, Reason.NO_SHARE, None),
        (1, Reason.NO_SHARE, None),
    ]
    assert all(row.remedy for row in rows)
    assert {row.owed_by for row in rows} == {(Role.FINANCIAL_ADMIN,)}


def test_every_reason_has_a_remedy_and_somebody_who_can_do_it() -> None:
    reasons = {*Reason, NOT_YET}
    assert reasons == set(allocation_answers.REMEDIES) == set(allocation_answers.REMEDIED_BY)
    owed = {
        reason: Unowned(None, reason, PAYER, None, None, None, None, None, 1).owed_by
        for reason in reasons
    }
    assert all(owed.values())
    assert owed[Reason.NO_PRODUCT] == (Role.FINANCIAL_ADMIN, Role.VENDOR_MANAGER)
    assert owed[NOT_YET] == (Role.FINANCIAL_ADMIN, Role.CLOUD_ENGINEER)


def test_every_view_adds_up_to_the_bill(trap_8: Allocating) -> None:
    sources, names = sources_of(trap_8), called(trap_8)
    for depth in range(5):
        found = tree(trap_8, depth=depth)
        header, rows = allocation_views.tree_table(found, names)
        assert sum(Decimal(row[header.index("amount")]) for row in rows) == 28
        assert found.frame.unallocated is not None
        assert found.node.spend["USD"] + found.frame.unallocated["USD"] == ticks("28")
    days = days_of(ENTERPRISE, MONTH, by=ADMIN, sources=sources)
    header, rows = allocation_views.day_table(days)
    assert sum(Decimal(row[header.index("amount")]) for row in rows) == 28


def test_every_roles_parent_is_what_its_children_pay(trap_8: Allocating) -> None:
    for role, (email, scope) in WHO.items():
        by = Person(email=email, role=role, scope=scope)
        found = tree(trap_8, by=by)
        for node in nodes(found.node):
            if node.children:
                below = allocation_answers.added(child.spend for child in node.children)
                assert below == dict(node.spend)
        days = days_of(ENTERPRISE, MONTH, by=by, sources=sources_of(trap_8))
        assert sum(days.days.values()) == found.node.spend["USD"]


def test_every_answer_of_a_month_says_how_fresh_it_is(made: Allocating) -> None:
    names, statuses = (
        called(made),
        bill_statuses(MONTH, by=ADMIN, book=made.book, shelf=shelf_of(made)),
    )
    nobodys = unallocated(MONTH, by=ADMIN, book=made.book, shelf=shelf_of(made))
    answers = [
        allocation_views.tree(tree(made), names)["freshness"],
        allocation_views.days(days_of(ENTERPRISE, MONTH, by=ADMIN, sources=sources_of(made)))[
            "freshness"
        ],
        allocation_views.unallocated(MONTH, nobodys, names, nobodys[1])["freshness"],
        allocation_views.statuses(MONTH, statuses)["items"],
    ]

    for [bill] in answers:
        assert (bill["payer_id"], bill["complete_through"]) == (PAYER, "2026-09-03")
        assert bill["last_delivery"] <= bill["last_load"]
        assert bill["allocation"] == {
            "made_at": AT.isoformat(),
            "basis": "billed",
            "is_current": True,
        }


def test_without_a_month_it_is_the_newest_bills(made: Allocating, tmp_path: Any) -> None:
    assert newest_month(FIRST, made.house.bills) == MONTH
    assert newest_month(FIRST.replace(year=2027), Allocating(tmp_path).house.bills) == "2027-09"


def test_accounts_go_by_their_names_in_unallocated_tables(made: Allocating) -> None:
    _, rows = unallocated(MONTH, by=ADMIN, book=made.book, shelf=shelf_of(made))
    header, table = allocation_views.unallocated_table(
        rows, Called({NOBODYS: "sandbox", OWN: "loans"}, {})
    )

    [row] = [dict(zip(header, one, strict=True)) for one in table]
    assert (row["account_id"], row["account"], row["amount"]) == (
        NOBODYS,
        "sandbox",
        "1.0000000000",
    )
    assert row["owed_by"] == "financial_admin"
