"""A bill becomes what products pay, to the last digit, however often and in whatever order."""

import os
import time
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from finops.domain import allocation_runs
from finops.domain.allocation_runs import ENGINE, Allocation
from finops.domain.class_policies import CostBasis
from finops.domain.errors import ConflictError, NotFoundError
from finops.domain.places import allocation
from finops.domain.rule_changes import Change, MapAccount
from finops.ledger import allocating, ownership
from finops.usecases import allocate_month, allocation_starts, housekeeping
from finops.usecases.housekeeping import expire_allocations
from finops.usecases.previews import Effect, Preview
from tests.allocating import (
    ANOTHER,
    AT,
    BY,
    FIRST,
    LINES,
    NOBODYS,
    OF,
    OWN,
    RULES,
    SHARED,
    Allocating,
    decide,
    furnish,
    ticks,
)
from tests.allocation_fakes import InMemoryAllocations
from tests.exports import MONTH, Line
from tests.remembered import remembering
from tests.usecases.organisation import CHECKOUT, LOANS, SEARCH, TILLS, WEB_SHOP

WHAT_IF = "what-if"
SUM, NOBODY = ticks("32.01"), ticks("1.00")
OTHER_SPLIT = MapAccount(account_id=SHARED, shares=((SEARCH, 10_000),), start=FIRST)


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    remembering(monkeypatch)


@pytest.fixture
def made(tmp_path: Path) -> Allocating:
    """A bill is loaded, and it is decided who pays."""
    new = Allocating(tmp_path)
    furnish(new.organisation)
    new.load()
    return new


def current(made: Allocating) -> Allocation:
    found = made.allocations.find(*OF)
    assert found is not None
    return found


def index(made: Allocating, run_id: str | None = None) -> Mapping[str, Any]:
    root = allocation(*OF, run_id or current(made).run_id)
    found: Mapping[str, Any] = made.house.ledger.get_json(f"{root}/index.json")
    return found


def paid(made: Allocating, run_id: str | None = None) -> Mapping[str, int]:
    """Ticks by product."""
    products: Mapping[str, int] = index(made, run_id)["products"]["USD"]
    return products


def days_of(made: Allocating, element: str) -> Mapping[str, int]:
    [rollup] = made.allocations.rollups(current(made), element)
    return rollup.days


def files(made: Allocating) -> dict[str, bytes]:
    """All that was made of the bill, by name."""
    ledger = made.house.ledger
    return {key: ledger.cached(key).read_bytes() for key in ledger.keys("allocations/")}


def ask(made: Allocating, *changes: Change) -> Effect:
    """What if?"""
    asked = Preview(preview_id=WHAT_IF, by=BY, at=AT, changes=changes, bills=(OF,))
    place = Preview.place(asked.preview_id)
    made.house.ledger.put_json(place, asked.model_dump(mode="json"))
    assert made.run(asked.preview_id) == "Previewed"
    return Effect(**made.house.ledger.get_json(Preview.result(asked.preview_id, *OF)))


# -- what owners pay --------------------------------------------------------------------------


def test_a_bill_is_claimed_shared_and_spread_and_nobodys_part_has_its_reason(
    made: Allocating,
) -> None:
    assert made.run() == "Published"

    spread = ticks("2.00")
    spent = {
        TILLS: ticks("14"),
        CHECKOUT: ticks("7.01"),
        WEB_SHOP: ticks("1.80"),
        SEARCH: ticks("1.20"),
        LOANS: ticks("5"),
    }
    of_support = {product: paid(made)[product] - mine for product, mine in spent.items()}
    assert sum(of_support.values()) == spread
    for product, mine in spent.items():
        assert abs(of_support[product] - spread * mine / sum(spent.values())) < 1
    [total] = current(made).totals
    assert total.unallocated == {"No share in force": NOBODY}
    assert (total.currency, total.whole) == ("USD", SUM)


def test_a_run_tells_what_its_workloads_pay_and_no_other_row_is_read(
    made: Allocating, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Tills 10.00 and 4.00, checkout 7.01; what is given by shares and policies is no workload's."""
    monkeypatch.setattr(ownership, "owners", None)

    made.run()

    assert index(made)["workloads"] == {
        "USD": {"w-checkout": ticks("7.01"), "w-tills": ticks("14.00")}
    }


def test_owners_and_nobody_together_are_the_bill(made: Allocating) -> None:
    made.run()

    [total] = current(made).totals
    found = made.house.bills.find(*OF)
    assert found is not None
    credited = ticks("-0.75")
    assert total.whole == found.totals[0].costs.unblended_cost - credited
    assert sum(paid(made).values()) == total.allocated == SUM - NOBODY


def test_the_roll_up_of_an_element_is_that_of_the_products_below_it(made: Allocating) -> None:
    made.run()

    retail = [WEB_SHOP, SEARCH, CHECKOUT, TILLS]
    for day in ("2026-09-02", "2026-09-03", "2026-09-25"):
        below = sum(days_of(made, product).get(day, 0) for product in retail)
        assert days_of(made, "retail").get(day, 0) == below
    assert sum(days_of(made, "").values()) == SUM - NOBODY
    assert days_of(made, "~") == {"2026-09-02": NOBODY}
    assert days_of(made, "~No share in force") == {"2026-09-02": NOBODY}


def test_a_month_in_which_nobody_owns_anything_is_published_with_its_reasons(
    tmp_path: Path,
) -> None:
    made = Allocating(tmp_path)
    furnish(made.organisation, ())
    made.load()

    made.run()

    [total] = current(made).totals
    assert (total.allocated, total.unallocated) == (0, {"No share in force": SUM})


def test_a_bill_of_credits_alone_is_nobodys_spend(tmp_path: Path) -> None:
    made = Allocating(tmp_path)
    furnish(made.organisation)
    made.load(lines=[Line("-1.00", SHARED, line_item_type="Credit")])

    assert made.run() == "Published"
    assert current(made).totals == ()


def test_every_currency_is_allocated_for_itself(made: Allocating) -> None:
    made.load(2, [*LINES, Line("5.00", OWN, currency="EUR")])

    made.run()

    assert {one.currency: one.whole for one in current(made).totals} == {
        "EUR": ticks("5.00"),
        "USD": SUM,
    }
    assert [one.currency for one in made.allocations.rollups(current(made), LOANS)] == [
        "EUR",
        "USD",
    ]


def test_a_bill_that_there_is_not_is_not_found(made: Allocating) -> None:
    with pytest.raises(NotFoundError, match="there is no bill of 1 for 2026-09"):
        made.plan(of=("1", MONTH))


# -- again ------------------------------------------------------------------------------------


def test_the_same_again_is_nothing_to_do_and_writes_nothing(made: Allocating) -> None:
    made.run()
    written, kept = made.allocations.written, files(made)

    assert made.run() == "Unchanged"

    assert made.allocations.written == written
    assert files(made) == kept


def test_a_change_rewrites_the_roll_ups_that_it_changes_and_no_others(made: Allocating) -> None:
    # No class in proportion: there every product's part depends on every other's.
    decide(made.organisation, ANOTHER[-1])
    made.run()
    before = made.allocations.written
    decide(made.organisation, ANOTHER[0])  # one basis point from the web shop to search

    planned = made.plan()
    made.make(planned)
    published = made.publish(planned)

    assert published.rollups == 2  # their portfolio and all above pay what they paid
    assert made.allocations.written == before + 2 + 1


def test_what_a_product_does_not_pay_any_more_is_gone_for_readers(made: Allocating) -> None:
    made.run()
    for change in (ANOTHER[2], ANOTHER[5]):
        decide(made.organisation, change)
    decide(made.organisation, OTHER_SPLIT)

    made.run()

    assert made.allocations.rollups(current(made), WEB_SHOP) == []
    assert WEB_SHOP not in paid(made)


def test_rules_that_come_back_bring_the_same_figures_back(made: Allocating) -> None:
    made.run()
    was = paid(made)
    decide(made.organisation, ANOTHER[-1])
    made.run()
    assert paid(made) != was

    decide(made.organisation, RULES[-1])
    made.run()

    assert paid(made) == was
    assert {product: sum(days_of(made, product).values()) for product in was} == was


def test_roll_ups_stay_right_however_many_runs_there_were(
    made: Allocating, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(allocate_month, "LINEAGE", 3)
    lineages = []
    for points in range(1_000, 6_000, 1_000):
        shares = ((SEARCH, 10_000 - points), (WEB_SHOP, points))
        decide(made.organisation, MapAccount(account_id=SHARED, shares=shares, start=FIRST))
        made.run()
        lineages.append(len(current(made).lineage))
        for product, ticks_ in paid(made).items():
            assert sum(days_of(made, product).values()) == ticks_
        made.allocations.expire_rollups(current(made))
    assert lineages == [1, 2, 3, 1, 2]


def test_a_run_from_scratch_makes_the_same_bytes(made: Allocating) -> None:
    made.run()
    kept = files(made)
    made.house.ledger.delete(list(made.house.ledger.keys("allocations/")))
    assert files(made) == {}

    made.allocations = InMemoryAllocations()
    made.run()

    assert files(made) == kept


@pytest.mark.parametrize("rows", [1, 2, 1_000])
def test_however_a_bill_is_cut_its_parts_are_the_same(
    made: Allocating, monkeypatch: pytest.MonkeyPatch, rows: int
) -> None:
    made.run()
    whole, days = paid(made), days_of(made, "")
    made.house.ledger.delete(list(made.house.ledger.keys("allocations/")))
    monkeypatch.setattr(allocate_month, "ROWS_PER_SHARD", rows)
    made.allocations = InMemoryAllocations()

    planned = made.plan()
    made.make(planned)
    made.publish(planned)

    assert len(made.items(planned)) == {1: 3, 2: 3, 1_000: 1}[rows]
    assert (paid(made), days_of(made, "")) == (whole, days)


# -- several at once --------------------------------------------------------------------------


def test_of_two_runs_of_the_same_the_second_is_the_same(made: Allocating) -> None:
    first, second = made.plan(), made.plan()
    made.make(first)
    made.make(second)

    assert made.publish(first).status == "Published"
    assert made.publish(second).status == "Same"
    assert made.publish(first).status == "Same"


def test_who_finds_the_same_made_by_others_tells_readers_how_new_it_is(made: Allocating) -> None:
    first = made.plan()
    later = MapAccount(account_id=NOBODYS, shares=((LOANS, 10_000),), start=date(2026, 11, 1))
    decide(made.organisation, later)
    second = made.plan()
    made.make(first)
    assert made.publish(first).status == "Published"
    assert made.start() == [OF]

    assert made.publish(second).status == "Same"

    assert current(made).revision == second.revision == first.revision + 1
    assert made.start() == []


def test_a_run_of_older_rules_never_takes_over_from_one_of_newer_ones(made: Allocating) -> None:
    slow = made.plan()
    decide(made.organisation, OTHER_SPLIT)
    assert made.run() == "Published"
    newer = current(made)
    made.make(slow)

    assert made.publish(slow).status == "Overtaken"
    assert current(made) == newer


def test_a_run_of_a_load_that_was_replaced_is_overtaken_and_the_next_one_is_current(
    made: Allocating,
) -> None:
    slow = made.plan()
    load = made.load(2, [Line("9.00", OWN)])
    made.make(slow)

    assert made.publish(slow).status == "Overtaken"
    assert made.allocations.find(*OF) is None

    assert made.run() == "Published"
    assert (current(made).load_id, paid(made)) == (load, {LOANS: ticks("9.00")})


def test_a_run_that_loses_the_last_write_looks_again(
    made: Allocating, monkeypatch: pytest.MonkeyPatch
) -> None:
    slow = made.plan()
    made.make(slow)
    decide(made.organisation, OTHER_SPLIT)
    fast = made.plan()
    made.make(fast)
    publish = made.allocations.publish
    others: list[str] = []

    def interrupted(allocation: Allocation) -> None:
        monkeypatch.setattr(made.allocations, "publish", publish)
        others.append(made.publish(fast).status)
        publish(allocation)

    monkeypatch.setattr(made.allocations, "publish", interrupted)

    assert made.publish(slow).status == "Overtaken"
    assert others == ["Published"]
    assert paid(made)[SEARCH] > ticks("3.00")


def test_who_always_loses_says_so(made: Allocating, monkeypatch: pytest.MonkeyPatch) -> None:
    def lost(_: Allocation) -> None:
        raise ConflictError("another run was published first")

    monkeypatch.setattr(made.allocations, "publish", lost)

    with pytest.raises(ConflictError, match="try again"):
        made.run()


def test_parts_that_are_not_the_bill_are_never_published(
    made: Allocating, monkeypatch: pytest.MonkeyPatch
) -> None:
    planned = made.plan()
    made.make(planned)
    product_days = allocating.product_days

    def one_tick_less(*told: Any) -> Iterator[Any]:
        first, *rest = product_days(*told)
        yield first._replace(amount=int(first.amount) - 1)
        yield from rest

    monkeypatch.setattr(allocating, "product_days", one_tick_less)

    with pytest.raises(ArithmeticError, match="is 320100000000 ticks of spend, its parts are"):
        made.publish(planned)
    assert made.allocations.find(*OF) is None


def test_the_order_in_which_rules_were_made_changes_no_figure(tmp_path: Path) -> None:
    found = []
    for number, rules in enumerate([RULES, (*RULES[2:], *RULES[1::-1])]):
        made = Allocating(tmp_path / str(number))
        furnish(made.organisation, rules)
        made.load()
        made.run()
        found.append((index(made)["products"], index(made)["unallocated"], days_of(made, "")))

    assert found[0] == found[1]


# -- what makes no difference -----------------------------------------------------------------


def test_a_change_that_cannot_matter_is_known_and_makes_nothing_new(made: Allocating) -> None:
    made.run()
    before = current(made)
    later = MapAccount(account_id=NOBODYS, shares=((LOANS, 10_000),), start=date(2026, 11, 1))
    decide(made.organisation, later)
    assert made.start() == [OF]

    assert made.run() == "Unchanged"

    assert current(made).run_id == before.run_id
    assert current(made).revision == before.revision + 1
    assert made.start() == []


# -- what if ----------------------------------------------------------------------------------


@pytest.mark.parametrize("change", ANOTHER, ids=lambda change: change.kind)
def test_a_preview_is_what_applying_then_gives_to_the_last_digit(
    made: Allocating, change: Change
) -> None:
    made.run()
    before = index(made)
    told = ask(made, change)

    decide(made.organisation, change, AT + timedelta(hours=3))
    assert made.run() == "Published"

    for outcome, found in ((told.before, before), (told.after, index(made))):
        assert outcome.products == found["products"]
        assert outcome.unallocated == found["unallocated"]
    assert told.before != told.after


def test_of_a_preview_readers_see_nothing(made: Allocating) -> None:
    made.run()
    before, written = current(made), made.allocations.written

    ask(made, OTHER_SPLIT)

    assert (current(made), made.allocations.written) == (before, written)
    assert made.run() == "Unchanged"


def test_a_preview_needs_no_allocation_to_compare_with(made: Allocating) -> None:
    told = ask(made, OTHER_SPLIT)

    assert made.allocations.find(*OF) is None
    assert WEB_SHOP in told.before.products["USD"]
    assert WEB_SHOP not in told.after.products["USD"]


def test_a_preview_of_a_change_that_changes_nothing_says_so(made: Allocating) -> None:
    told = ask(made, RULES[0])

    assert told.before == told.after


# -- started ----------------------------------------------------------------------------------


def test_a_bill_that_nobody_allocated_is_started_once(made: Allocating) -> None:
    assert made.start() == [OF]
    assert made.start() == [OF]
    [name] = made.runs.started
    assert name.startswith(f"{MONTH}-")

    made.run()
    assert made.start() == []


def test_a_run_that_failed_is_started_again(made: Allocating) -> None:
    made.start()
    [name] = made.runs.started
    made.runs.failed.add(name)

    made.start()

    assert not made.runs.has_failed(name)


@pytest.mark.parametrize("what", ["load", "rule", "chart", "basis"])
def test_whatever_makes_figures_old_starts_another_run(made: Allocating, what: str) -> None:
    made.run()
    match what:
        case "load":
            made.load(2, [Line("9.00", OWN)])
        case "rule":
            decide(made.organisation, OTHER_SPLIT)
        case "chart":
            # A file that came later, and says the same of another year.
            name = "Acme_2027_true_2027-01-01_false_Budget_v1.csv"
            made.organisation.drop(name, at=datetime(2026, 9, 1, tzinfo=UTC))
        case "basis":
            made.basis = CostBasis.EFFECTIVE

    assert made.start() == [OF]


def test_what_was_allocated_before_is_started_again_when_its_basis_comes_back(
    made: Allocating,
) -> None:
    made.start()
    [name] = made.runs.started
    made.run()
    made.runs.succeeded.add(name)
    made.basis = CostBasis.EFFECTIVE
    made.start()
    made.run()
    made.basis = CostBasis.BILLED

    assert made.start() == [OF]

    assert name not in made.runs.succeeded


def test_a_newer_engine_allocates_everything_anew(
    made: Allocating, monkeypatch: pytest.MonkeyPatch
) -> None:
    made.start()
    made.run()
    for module in (allocation_runs, allocate_month, allocation_starts):
        monkeypatch.setattr(module, "ENGINE", ENGINE + 1)

    assert made.start() == [OF]
    assert made.run() == "Published"

    assert len(made.runs.started) == 2
    assert made.start() == []


def test_months_that_are_closed_are_left_alone(made: Allocating) -> None:
    made.run()
    decide(made.organisation, ANOTHER[0])
    made.organisation.open_from = date(2026, 10, 1)

    assert made.start() == []


# -- kept and deleted -------------------------------------------------------------------------


@pytest.fixture
def daily(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is old is looked for in every bill every day."""
    monkeypatch.setattr(housekeeping, "TURNS", 1)


def _age(made: Allocating) -> None:
    """All that was made is eight days old."""
    then = time.time() - timedelta(days=8).total_seconds()
    for key in made.house.ledger.keys("allocations/"):
        os.utime(made.house.ledger.cached(key), (then, then))


def _expire(made: Allocating, now: datetime) -> int:
    return expire_allocations(
        now=now,
        keep=timedelta(days=7),
        bills=made.house.bills,
        allocations=made.allocations,
        ledger=made.house.ledger,
    )


def _runs(made: Allocating) -> Sequence[str]:
    month = allocation(*OF, "")
    keys = made.house.ledger.keys(month)
    return sorted({key.removeprefix(month).partition("/")[0] for key in keys})


@pytest.mark.usefixtures("daily")
def test_runs_that_nobody_sees_are_deleted_a_week_later(made: Allocating) -> None:
    seen = []
    for change in (ANOTHER[0], OTHER_SPLIT, ANOTHER[0]):
        decide(made.organisation, change)
        made.run()
        seen.append(current(made).run_id)
    ask(made, OTHER_SPLIT)
    assert len(_runs(made)) == 4

    now = datetime.now(UTC)
    _expire(made, now + timedelta(days=6))
    assert len(_runs(made)) == 4
    _expire(made, now + timedelta(days=8))

    assert _runs(made) == sorted(seen[1:])
    assert sum(days_of(made, "").values()) == SUM - NOBODY


@pytest.mark.usefixtures("daily")
def test_a_run_that_was_deleted_is_made_again(made: Allocating) -> None:
    ask(made, OTHER_SPLIT)
    _expire(made, datetime.now(UTC) + timedelta(days=8))
    assert _runs(made) == []

    assert made.run(WHAT_IF) == "Previewed"
    assert made.run() == "Published"


def test_a_run_that_is_planned_again_is_young_again(made: Allocating) -> None:
    ask(made, OTHER_SPLIT)
    old = dict(made.house.ledger.written("allocations/"))

    made.plan(WHAT_IF)

    young = dict(made.house.ledger.written("allocations/"))
    renewed = {key.rpartition("/")[2] for key, at in young.items() if at > old[key]}
    assert renewed == {"index.json"}


@pytest.mark.usefixtures("daily")
@pytest.mark.parametrize("after", ["written", "find"])
def test_a_run_that_comes_back_while_old_ones_are_looked_for_stays(
    made: Allocating, monkeypatch: pytest.MonkeyPatch, after: str
) -> None:
    """After the runs were listed; after it was read which one is seen."""
    ask(made, OTHER_SPLIT)
    decide(made.organisation, OTHER_SPLIT)
    _age(made)
    ledger = made.house.ledger
    port: Any = ledger if after == "written" else made.allocations
    asked = getattr(port, after)

    def then_it_comes_back(*of: str) -> Any:
        found = asked(*of)
        answer = list(found) if after == "written" else found
        monkeypatch.setattr(port, after, asked)
        assert made.run() == "Published"
        return answer

    monkeypatch.setattr(port, after, then_it_comes_back)

    _expire(made, datetime.now(UTC))

    assert current(made).run_id in _runs(made)
    root = allocation(*OF, current(made).run_id)
    assert all(ledger.cached(f"{root}/{name}").is_file() for name in index(made)["days"])


@pytest.mark.usefixtures("daily")
def test_a_run_whose_index_is_back_while_it_is_deleted_keeps_its_files(
    made: Allocating, monkeypatch: pytest.MonkeyPatch
) -> None:
    made.run()
    _age(made)
    kept = files(made)
    made.allocations = InMemoryAllocations()
    ledger = made.house.ledger
    delete = ledger.delete

    def then_it_is_back(keys: Sequence[str]) -> int:
        [key] = keys
        found = ledger.get_json(key)
        deleted = delete(keys)
        ledger.put_json(key, found)
        return deleted

    monkeypatch.setattr(ledger, "delete", then_it_is_back)

    _expire(made, datetime.now(UTC))

    assert files(made) == kept


def test_an_index_whose_files_are_gone_counts_for_nothing(made: Allocating) -> None:
    made.run()
    kept = files(made)
    made.house.ledger.delete([key for key in kept if not key.endswith("/index.json")])
    made.allocations = InMemoryAllocations()

    assert made.run() == "Published"

    assert files(made) == kept


@pytest.mark.usefixtures("daily")
def test_roll_ups_of_a_run_that_is_being_published_are_not_expired(
    made: Allocating, monkeypatch: pytest.MonkeyPatch
) -> None:
    made.run()
    decide(made.organisation, OTHER_SPLIT)
    publish = made.allocations.publish

    def after_a_look_for_old_ones(allocation: Allocation) -> None:
        _expire(made, datetime.now(UTC))
        publish(allocation)

    monkeypatch.setattr(made.allocations, "publish", after_a_look_for_old_ones)

    made.run()

    assert paid(made) == {product: sum(days_of(made, product).values()) for product in paid(made)}


def test_bills_that_have_been_quiet_are_looked_at_one_day_in_four_weeks(
    made: Allocating, monkeypatch: pytest.MonkeyPatch
) -> None:
    made.run()
    day, looked_on = 0, list[int]()

    def written(_: str) -> Iterator[tuple[str, datetime]]:
        looked_on.append(day)
        return iter(())

    monkeypatch.setattr(made.house.ledger, "written", written)

    for day in range(36 + 28):
        _expire(made, AT + timedelta(days=day))

    *daily, once = looked_on
    assert daily == list(range(36))  # 35 days since it was loaded, an hour after the first look
    assert once >= 36


def test_runs_keep_what_was_decided_by_beside_what_came_of_it(made: Allocating) -> None:
    made.run()

    root = allocation(*OF, current(made).run_id)
    rules = made.house.ledger.get_json(f"{root}/rules.json")
    assert rules["basis"] == "billed"
    assert [one["account_id"] for one in rules["shares"]] == [SHARED, OWN]
