"""A month that is allocated can be asked by anything that its bill says; all of it is the bill."""

import os
import time
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from finops.domain.class_policies import CostBasis
from finops.domain.errors import ConflictError, FinOpsError, InvalidError
from finops.domain.money import to_ticks
from finops.domain.places import allocation
from finops.domain.spend_cubes import CREDIT, CubeHead, CubeQuery
from finops.domain.tag_settings import KeyAlias, TagSettings
from finops.usecases import allocate_month, housekeeping
from finops.usecases.cut_cubes import Published
from finops.usecases.housekeeping import expire_cubes
from tests.allocating import (
    ANOTHER,
    AT,
    LINES,
    NOBODYS,
    OF,
    OWN,
    RULES,
    SHARED,
    decide,
    furnish,
)
from tests.cutting import BY_TEAM, TEAM, Cutting
from tests.exports import MONTH, PAYER, Line
from tests.remembered import remembering
from tests.usecases.organisation import LOANS, SEARCH, WEB_SHOP

WEB, SHOP = '{"resourceTags/user:Team": "web"}', '{"resourceTags/user:team": "shop"}'
# Ten of an account that is split 60 : 40, of two teams; two of one that is one product's; one that
# is nobody's; and what AWS credited.
TAGGED = (
    Line("7.00", SHARED, tags=WEB),
    Line("3.00", SHARED, tags=SHOP),
    Line("2.00", OWN, day="2026-09-03", tags=WEB),
    Line("1.00", NOBODYS),
    Line("-0.75", SHARED, line_item_type="Credit"),
)


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    remembering(monkeypatch)


@pytest.fixture
def made(tmp_path: Path) -> Cutting:
    """A bill is loaded and allocated, and spend is told by team."""
    new = Cutting(tmp_path)
    furnish(new.organisation, RULES[:2])
    new.load(1, TAGGED)
    new.run()
    new.tell_by(BY_TEAM)
    return new


def asked(made: Cutting, *by: str, **told: Any) -> dict[Any, Decimal]:
    rows = made.cubes.ask(CubeQuery(months=(MONTH,), by=by, **told)).rows
    return {(of if len(of) > 1 else of[0]): Decimal(ticks).scaleb(-10) for of, ticks in rows}


def head(made: Cutting) -> CubeHead:
    found = made.heads.find(*OF)
    assert found is not None
    return found


def test_all_of_a_cube_is_its_bill(made: Cutting) -> None:
    assert made.cut() == Published(published=1)

    assert sum(asked(made, "product").values()) == Decimal("12.25")
    [total] = head(made).totals
    assert (total.currency, total.net) == ("USD", to_ticks(Decimal("12.25")))
    assert total.allocated == to_ticks(Decimal(12))
    assert (total.unallocated, total.credited) == (10**10, -75 * 10**8)


def test_what_owners_share_is_told_apart_by_the_tags_of_what_it_was_made_of(made: Cutting) -> None:
    made.cut()

    assert asked(made, "product", f"tag:{TEAM}", elements=("",)) == {
        (WEB_SHOP, "web"): Decimal("4.20"),
        (WEB_SHOP, None): Decimal("1.80"),
        (SEARCH, "web"): Decimal("2.80"),
        (SEARCH, None): Decimal("1.20"),
        (LOANS, "web"): Decimal(2),
    }


def test_other_spellings_of_a_tag_are_told_as_they_are_meant(made: Cutting) -> None:
    made.cut()
    alias = KeyAlias(key=TEAM, alias="user:team")
    made.tell_by(TagSettings(report_keys=(TEAM,), key_aliases=(alias,)))

    assert made.cut() == Published(published=1)

    assert asked(made, f"tag:{TEAM}") == {
        "shop": Decimal(3),
        "web": Decimal(9),
        None: Decimal("0.25"),  # what is nobody's, less the credit
    }


def test_days_accounts_and_classes_are_told_with_what_is_nobodys_and_what_was_credited(
    made: Cutting,
) -> None:
    made.cut()

    assert asked(made, "day", "account", "class", "reason") == {
        (date(2026, 9, 2), SHARED, CREDIT, None): Decimal("-0.75"),
        (date(2026, 9, 2), SHARED, "Usage", None): Decimal(10),
        (date(2026, 9, 2), NOBODYS, "Usage", "No share in force"): Decimal(1),
        (date(2026, 9, 3), OWN, "Usage", None): Decimal(2),
    }
    assert asked_total(made, start=date(2026, 9, 3)) == Decimal(2)


def asked_total(made: Cutting, **told: Any) -> Decimal:
    return sum(asked(made, "month", **told).values(), Decimal(0))


def test_an_element_sees_its_own_and_what_is_below(made: Cutting) -> None:
    made.cut()

    assert asked_total(made, elements=("retail",)) == Decimal(10)
    assert asked_total(made, elements=(LOANS,)) == Decimal(2)
    assert asked_total(made, elements=()) == 0


def test_without_days_only_the_small_files_are_read(
    made: Cutting, monkeypatch: pytest.MonkeyPatch
) -> None:
    made.cut()
    names: list[str] = []
    cached = made.house.ledger.cached

    def read(key: str) -> Path:
        names.append(key.rsplit("/", 1)[1])
        return cached(key)

    monkeypatch.setattr(made.house.ledger, "cached", read)

    asked(made, "service")
    assert names == ["months-0000-0000.parquet"]
    asked(made, "service", end=date(2026, 9, 3))
    assert names[1:] == ["days-0000-0000.parquet"]


def test_the_answer_names_the_cubes_it_is_of(made: Cutting) -> None:
    made.cut()

    answer = made.cubes.ask(CubeQuery(months=(MONTH,)))

    assert [one.run_id for one in answer.heads] == [head(made).run_id]
    found = made.house.bills.find(*OF)
    assert found is not None
    assert head(made).delivered_at == found.delivered_at
    assert head(made).complete_through == found.complete_through
    assert head(made).made_at == AT + timedelta(minutes=5)
    assert answer.missing == ()


def test_a_class_in_proportion_and_a_claimed_resource_are_the_runs(tmp_path: Path) -> None:
    new = Cutting(tmp_path)
    furnish(new.organisation)
    new.load(1, [*LINES, Line("0.10", OWN, line_item_type="Tax", currency="EUR")])
    new.run()

    new.cut()

    run = new.allocations.find(*OF)
    assert run is not None
    for total, cut in zip(run.totals, head(new).totals, strict=True):
        assert (total.currency, total.allocated) == (cut.currency, cut.allocated)
        assert sum(total.unallocated.values()) == cut.unallocated
        assert cut.credited == (0 if cut.currency == "EUR" else -75 * 10**8)
    index = new.house.ledger.get_json(f"{allocation(*OF, run.run_id)}/index.json")
    products = {
        product: ticks
        for (product,), ticks in new.cubes.ask(
            CubeQuery(
                months=(MONTH,), by=("product",), where={"currency": ("USD",)}, elements=("",)
            )
        ).rows
    }
    assert products == index["products"]["USD"]


def test_several_workers_cut_one_cube(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(allocate_month, "ROWS_PER_SHARD", 1)
    new = Cutting(tmp_path)
    furnish(new.organisation)
    new.load(1, LINES)
    new.run()

    planned = new.plan_cubes()

    assert (planned.cubes, planned.items) == (1, 3)
    new.cut_items(planned)
    assert new.publish_cubes(planned) == Published(published=1)
    # One for each, and one for what the account with the support spreads.
    assert len(head(new).days) == len(head(new).months) == 4
    assert asked_total(new) == Decimal("31.26")


def test_effective_cost_is_told_where_owners_pay_it(tmp_path: Path) -> None:
    new = Cutting(tmp_path)
    new.basis = CostBasis.EFFECTIVE
    furnish(new.organisation)
    new.load(1, LINES)
    new.run()

    new.cut()

    assert head(new).basis is CostBasis.EFFECTIVE
    assert asked_total(new) == Decimal("31.26")


# -- again ------------------------------------------------------------------------------------


def test_what_is_up_to_date_is_not_cut_again(made: Cutting) -> None:
    made.cut()

    assert made.cut() is None
    assert made.cut(*OF) is None
    assert made.cut(PAYER, "2026-08") is None


def test_required_keys_make_no_other_cube(made: Cutting) -> None:
    made.cut()
    made.tell_by(TagSettings(report_keys=(TEAM,), required_keys=("user:Cost",)))

    assert made.cut() is None


def test_another_allocation_has_another_cube(made: Cutting) -> None:
    made.cut()
    before = head(made)
    decide(made.organisation, ANOTHER[0])
    made.run()

    assert made.cut(*OF) == Published(published=1)

    assert head(made).run_id != before.run_id
    assert asked(made, "product", elements=(WEB_SHOP,)) == {WEB_SHOP: Decimal("5.999")}


def test_a_bill_whose_newest_load_is_not_allocated_waits_for_it(made: Cutting) -> None:
    made.load(2, [Line("9.00", OWN)])

    assert made.cut() is None


def test_cutting_twice_at_once_publishes_once(made: Cutting) -> None:
    one, other = made.plan_cubes(), made.plan_cubes(*OF)
    for planned in (one, other):
        made.cut_items(planned)

    assert made.publish_cubes(one) == Published(published=1)
    assert made.publish_cubes(other) == Published(same=1)
    assert made.heads.published == 1


@pytest.mark.parametrize("what", ["run", "tags"])
def test_what_is_overtaken_meanwhile_is_never_seen(made: Cutting, what: str) -> None:
    planned = made.plan_cubes()
    made.cut_items(planned)
    if what == "run":
        decide(made.organisation, ANOTHER[0])
        made.run()
    else:
        made.tell_by(TagSettings())

    assert made.publish_cubes(planned) == Published(overtaken=1)
    assert made.heads.find(*OF) is None
    assert made.cut() == Published(published=1)


def test_who_loses_a_race_looks_again(made: Cutting, monkeypatch: pytest.MonkeyPatch) -> None:
    planned = made.plan_cubes()
    made.cut_items(planned)
    publish, tries = made.heads.publish, []

    def lost_once(one: CubeHead) -> None:
        tries.append(one)
        if len(tries) == 1:
            raise ConflictError("another cube was published first")
        publish(one)

    monkeypatch.setattr(made.heads, "publish", lost_once)

    assert made.publish_cubes(planned) == Published(published=1)
    assert len(tries) == 2


# -- what is wrong ----------------------------------------------------------------------------


def test_a_share_that_was_not_cut_fails_its_cube_and_no_other(tmp_path: Path) -> None:
    new = Cutting(tmp_path)
    furnish(new.organisation)
    other = "111122223333"
    new.load(1, [Line("1.00", OWN), Line("2.00", OWN, payer=other)])
    for payer in (PAYER, other):
        new.run(of=(payer, MONTH))
    planned = new.plan_cubes()
    new.cut_items(planned)
    [gone] = [key for key in new.house.ledger.keys("cubes/") if PAYER in key and "days" in key]
    new.house.ledger.delete([gone])

    with pytest.raises(FinOpsError, match=rf"1 cubes were not published: {MONTH} of {PAYER}: 1 of"):
        new.publish_cubes(planned)

    assert new.heads.find(*OF) is None
    assert new.heads.find(other, MONTH) is not None


def _cut_wrong(made: Cutting, planned: Any, **wrong: int) -> None:
    [plan] = made.house.ledger.get_json(planned.cubes_key)
    key = f"work/cube-{plan['run_id']}-{plan['tags']}/cut/0.json"
    told = made.house.ledger.get_json(key)
    [total] = told["totals"]
    total |= {name: total[name] + some for name, some in wrong.items()}
    made.house.ledger.put_json(key, told | {"totals": [total]})


@pytest.mark.parametrize(
    "wrong, said",
    [
        ({"credited": 1}, r"bill .* is 122500000000 ticks, its cube is 122500000001"),
        ({"allocated": 1, "unallocated": -1}, r"in USD the run has \(120000000000, 10000000000\)"),
    ],
)
def test_a_cube_that_is_not_its_bill_is_never_published(
    made: Cutting, wrong: dict[str, int], said: str
) -> None:
    planned = made.plan_cubes()
    made.cut_items(planned)
    _cut_wrong(made, planned, **wrong)

    with pytest.raises(FinOpsError, match=said):
        made.publish_cubes(planned)

    assert made.heads.find(*OF) is None


def test_a_tag_that_no_cube_is_told_by_is_refused_with_those_that_are(made: Cutting) -> None:
    made.cut()

    with pytest.raises(InvalidError, match=r"tag:user:Stage: .* known are user:Team\."):
        asked(made, "tag:user:Stage")


def test_bills_that_are_in_no_cube_are_named(made: Cutting) -> None:
    def missing() -> Sequence[str]:
        return made.cubes.ask(CubeQuery(months=("2026-08", MONTH))).missing

    assert missing() == (f"the bill of {PAYER} for {MONTH} is being made ready to be asked",)
    assert made.cubes.ask(CubeQuery(months=(MONTH,))).rows == []
    made.cut()
    assert missing() == ()

    made.load(2, [Line("3.00", OWN, payer="111122223333"), *TAGGED])
    assert missing() == (f"the bill of 111122223333 for {MONTH} is not allocated yet",)


def test_a_cube_of_fewer_tags_is_named_beside_those_that_know_them(tmp_path: Path) -> None:
    new = Cutting(tmp_path)
    furnish(new.organisation)
    other = "111122223333"
    new.load(1, [Line("1.00", OWN, tags=WEB), Line("2.00", OWN, payer=other)])
    for payer in (PAYER, other):
        new.run(of=(payer, MONTH))
    new.cut()
    new.tell_by(BY_TEAM)
    new.cut(*OF)

    answer = new.cubes.ask(CubeQuery(months=(MONTH,), by=(f"tag:{TEAM}",)))

    assert answer.missing == (f"the bill of {other} for {MONTH} is not told by {TEAM} yet",)
    assert answer.rows == [(("web",), 10**10), ((None,), 2 * 10**10)]


# -- kept and deleted -------------------------------------------------------------------------


def _age(made: Cutting) -> None:
    """All that was cut is eight days old."""
    then = time.time() - timedelta(days=8).total_seconds()
    for key in made.house.ledger.keys("cubes/"):
        os.utime(made.house.ledger.cached(key), (then, then))


def _expire(made: Cutting) -> int:
    return expire_cubes(
        now=datetime.fromtimestamp(time.time(), UTC),
        keep=timedelta(days=7),
        bills=made.house.bills,
        heads=made.heads,
        ledger=made.house.ledger,
    )


def test_cubes_that_nobody_sees_are_deleted_a_week_later(
    made: Cutting, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(housekeeping, "TURNS", 1)
    made.cut()
    made.tell_by(TagSettings())
    made.cut()
    assert _expire(made) == 0
    _age(made)

    assert _expire(made) == 2

    assert len(list(made.house.ledger.keys("cubes/"))) == 2
    assert asked_total(made) == Decimal("12.25")


def test_a_cube_that_is_being_cut_anew_is_spared(
    made: Cutting, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(housekeeping, "TURNS", 1)
    made.cut()
    _age(made)
    made.tell_by(TagSettings())
    made.cut()
    made.tell_by(BY_TEAM)
    planned = made.plan_cubes()
    made.cut_items(planned)

    assert _expire(made) == 0
    assert made.publish_cubes(planned) == Published(published=1)
