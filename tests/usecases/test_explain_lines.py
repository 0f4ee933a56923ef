"""From a charge to the bill's own lines: they add up to it, and what lies between has a name."""

import gzip
from collections.abc import Callable, Iterator, Sequence
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import Phase, given, settings

from finops.domain.allocations import Rules
from finops.domain.charges import LineItem
from finops.domain.class_policies import CostBasis
from finops.domain.errors import DeliveryChangedError, InvalidError, NotFoundError
from finops.domain.money import TICKS_PER_UNIT as UNIT
from finops.domain.money import text
from finops.ledger import engine
from finops.usecases.explain import NOBODY, Asked, explain, explain_charges
from finops.usecases.explain_lines import LinesOf, Step, Which, explain_lines
from finops.usecases.originals import Originals
from tests.domain.test_allocations import claims, shares
from tests.exports import Export, overwritten
from tests.ledger import bill_files, strategies
from tests.ledger.bill_files import LEGACY, WEB, csv_text, cur_row, focus_row, line
from tests.usecases.explaining import ADMIN, Explained, explained, owner
from tests.usecases.test_explain import FIRST, LIVES, MONTH, P1, P2, P3

PRODUCTS = dict.fromkeys((P1, P2, P3), LIVES)
ALONE = Rules(shares={WEB: shares(WEB, (FIRST, {P1: 10_000}))})
EXECUTION = "00000000-0000-0000-0000-000000000000"
FORMATS = ("parquet", "csv", "csv.gz", "legacy csv", "focus parquet", "focus csv")

House = Callable[..., Explained]


@pytest.fixture(scope="module")
def connection(tmp_path_factory: pytest.TempPathFactory) -> Iterator[engine.Connection]:
    limits = engine.Limits(scratch=tmp_path_factory.mktemp("engine"), memory_mb=600, threads=1)
    with engine.connect(limits) as connection:
        yield connection


@pytest.fixture(scope="module")
def house(connection: engine.Connection, tmp_path_factory: pytest.TempPathFactory) -> House:
    """A house that was brought files of lines."""

    def made(
        *files: Sequence[LineItem], rules: Rules = ALONE, format_: str = "parquet"
    ) -> Explained:
        folder = tmp_path_factory.mktemp("house")
        export = delivered([content(file, format_, folder) for file in files])
        return explained(connection, folder, [export], rules, PRODUCTS)

    return made


def delivered(files: Sequence[bytes]) -> Export:
    return overwritten(EXECUTION, files)


def content(lines: Sequence[LineItem], format_: str, folder: Path) -> bytes:
    if "focus" in format_:
        rows = [focus_row(one, one.unblended_cost) for one in lines]
    else:
        of = LEGACY if "legacy" in format_ else bill_files.CUR2
        rows = [cur_row(one, of) | details(n, of) for n, one in enumerate(lines)]
    if "legacy" in format_:
        rows = [{k: v for k, v in row.items() if k != "tags"} for row in rows]
    if "parquet" in format_:
        return bill_files.write_parquet(folder / "a.parquet", rows, group=3).read_bytes()
    raw = csv_text(rows).encode()
    return gzip.compress(raw) if format_.endswith("gz") else raw


def details(number: int, of: int) -> dict[str, str]:
    names = (
        ("identity_line_item_id", "identity/LineItemId"),
        ("identity_time_interval", "identity/TimeInterval"),
        ("line_item_usage_type", "lineItem/UsageType"),
        ("line_item_operation", "lineItem/Operation"),
        ("line_item_usage_amount", "lineItem/UsageAmount"),
        ("pricing_unit", "pricing/unit"),
    )
    told = (f"line-{number}", "2026-09-01T23/2026-09-02T00", "BoxUsage:m7g", "Run", "1.5", "Hrs")
    return dict(zip((name[of] for name in names), told, strict=True))


def lines_of(of: Explained, product: str = P1, which: Which | None = None, **asked: Any) -> LinesOf:
    question = Asked(product, MONTH, **{"account": WEB, "day": FIRST, **asked})
    [found] = explain_lines(question, which or Which(), who=ADMIN, **of.lines).of
    return found


def adds_up(found: LinesOf) -> bool:
    """Whether the lines state, and with the named steps cost, what the charges do."""
    exact = [found.stated, *found.steps.values()]
    told = [line.unblended for line in found.lines] + [found.rest_stated]
    return (
        total(exact) == found.cost * 10**10
        and total(told) == total([found.stated])
        and found.cost == sum(getattr(one, found.basis.column) for one in found.charges)
    )


def total(amounts: Sequence[tuple[int, int]]) -> int:
    return sum(ticks * 10**10 + dust for ticks, dust in amounts)


# -- lines --------------------------------------------------------------------------------------


@pytest.mark.parametrize("format_", FORMATS)
def test_the_lines_of_a_charge_are_told_as_they_are_delivered(house: House, format_: str) -> None:
    others = [
        line("50", resource_id="i-2"),
        line("60", charge_date=date(2026, 9, 2), resource_id="i-1"),
        line("70", sub_account_id="B", resource_id="i-1"),
    ]
    mine = [line("3", resource_id="i-1"), line("4.25", resource_id="i-1")]
    of = house([*others, mine[0]], [others[0], mine[1], *others], format_=format_)

    found = lines_of(of, which=Which(resource_id="i-1"))

    assert [text(*one.cost) for one in found.lines] == ["4.2500000000", "3.0000000000"]
    assert [(one.file, one.row) for one in found.lines] == [(1, 2), (0, 4)]
    assert (found.cost, found.steps, found.number, found.others) == (72_500_000_000, {}, 2, 0)
    assert adds_up(found)
    assert found.files[1].endswith("cur2-00002.csv")
    if "focus" not in format_:
        one = found.lines[0]
        assert (one.line_item_id, one.usage_type, one.operation) == (
            "line-1",
            "BoxUsage:m7g",
            "Run",
        )
        assert (one.quantity, one.unit) == ("1.5", "Hrs")


def test_a_charge_is_found_again_by_its_id_among_others_alike(house: House) -> None:
    tagged = bill_files.tagged(team="web")
    of = house([line("1", resource_id="i-1"), line("2", resource_id="i-1", tags=tagged)])
    asked = Asked(P1, MONTH, account=WEB, day=FIRST)
    [group] = explain_charges(asked, who=ADMIN, shelf=of.stand.shelf).groups

    for charge in group.charges:
        found = lines_of(of, which=Which(charge_id=charge.charge_id))
        assert (found.cost, found.number) == (charge.cost, 1)
    assert sum(charge.cost for charge in group.charges) == group.whole == 3 * UNIT


def test_of_many_lines_the_largest_are_told_and_the_rest_is_a_sum(house: House) -> None:
    of = house([line(str(cost)) for cost in range(1, 11)])
    asked = Asked(P1, MONTH, account=WEB, day=FIRST)
    [found] = explain_lines(asked, Which(), who=ADMIN, **of.lines, most=2).of

    assert [one.cost[0] // UNIT for one in found.lines] == [10, 9]
    assert (found.number, found.others) == (10, 8)
    assert found.rest_cost == found.rest_stated == (36 * UNIT, 0)
    assert adds_up(found)


def test_credits_are_no_lines_of_a_product(house: House) -> None:
    of = house([line("5"), line("-2", line_item_type="Credit")])

    assert [one.line_item_type for one in lines_of(of).lines] == ["Usage"]


def test_charges_of_no_account_have_lines(house: House) -> None:
    of = house([line("5", sub_account_id=None), line("7")])

    assert lines_of(of, NOBODY, account="").cost == 5 * UNIT


# -- what lies between --------------------------------------------------------------------------

PLAN = "arn:aws:savingsplans::111122223333:savingsplan/7"


def plan() -> list[LineItem]:
    """Usage of 30.00 that a plan covers for 20.00, negated; and 1.00 that it does not cover."""
    covered = {"commitment_discount_id": PLAN, "resource_id": "i-1"}
    return [
        line("30", line_item_type="SavingsPlanCoveredUsage", covered_cost=Decimal(20), **covered),
        line("-30.5", line_item_type="SavingsPlanNegation", service_code="ComputeSavingsPlans"),
        line("1", resource_id="i-1"),
    ]


def test_covered_usage_is_billed_at_nothing_and_says_why(house: House) -> None:
    found = lines_of(house(plan()), which=Which(resource_id="i-1"))

    assert (found.cost, found.stated) == (1 * UNIT, (31 * UNIT, 0))
    assert found.steps == {Step.NETTING: (-30 * UNIT, 0)}
    assert adds_up(found)


def test_what_a_plan_leaves_over_is_told_by_the_lines_it_is_left_of(house: House) -> None:
    found = lines_of(
        house(plan()), which=Which(resource_id="", line_item_type="SavingsPlanNegation"), service=""
    )

    assert (found.cost, found.steps) == (-UNIT // 2, {})
    assert [one.cost[0] for one in found.lines] == [-305 * UNIT // 10, 30 * UNIT]
    assert adds_up(found)


def test_amortized_usage_names_the_amortization(house: House) -> None:
    rules = ALONE._replace(basis=CostBasis.EFFECTIVE)
    found = lines_of(house(plan(), rules=rules), which=Which(resource_id="i-1"))

    assert (found.cost, found.stated) == (21 * UNIT, (31 * UNIT, 0))
    assert found.steps == {Step.AMORTIZATION: (-10 * UNIT, 0)}
    assert adds_up(found)


def test_discounts_in_net_columns_are_named_and_discount_lines_counted_once(house: House) -> None:
    of = house(
        [
            line("10", net_unblended_cost=Decimal(9)),
            line("-1", line_item_type="EdpDiscount", net_unblended_cost=Decimal(-1)),
            line("-3", line_item_type="Refund", net_unblended_cost=Decimal(-3)),
        ]
    )
    found = lines_of(of)

    assert (found.cost, found.stated) == (6 * UNIT, (6 * UNIT, 0))
    assert found.steps == {Step.DISCOUNTS: (-UNIT, 0), Step.COUNTED_ONCE: (UNIT, 0)}
    assert adds_up(found)


def test_more_than_ten_decimals_end_in_a_rounding_that_is_told(house: House) -> None:
    of = house([line("0.00000000004"), line("1.00000000004")], format_="csv")
    found = lines_of(of)

    assert (found.cost, found.stated) == (UNIT + 1, (UNIT, 8_000_000_000))
    assert found.steps == {Step.ROUNDING: (0, 2_000_000_000)}
    assert adds_up(found)


@settings(max_examples=4, deadline=None, derandomize=True, phases=[Phase.generate])
@given(lines=strategies.bills())
def test_the_lines_of_any_bill_add_up(house: House, lines: list[LineItem]) -> None:
    of = house(lines, rules=Rules())
    days = {(one.sub_account_id, one.charge_date) for one in lines}
    for account, day in sorted(days, key=str)[:3]:
        asked = Asked(NOBODY, lines[0].billing_period, account=account or "", day=day)
        charges = explain_charges(asked, who=ADMIN, shelf=of.stand.shelf)
        if charges.groups:
            told = explain_lines(asked, Which(), who=ADMIN, **of.lines)
            assert all(map(adds_up, told.of))


# -- who, and how much --------------------------------------------------------------------------


def test_an_owner_sees_lines_of_what_they_pay_for_and_no_others(house: House) -> None:
    rules = ALONE._replace(claims={WEB: claims(P3, "i-1", on=date(2026, 8, 30))})
    of = house([line("3", resource_id="i-1"), line("4")], rules=rules)
    asked = Asked(P1, MONTH, account=WEB, day=FIRST)

    [found] = explain_lines(asked, Which(), who=owner(P1), **of.lines).of
    assert [one.resource_id for one in found.lines] == [None]
    with pytest.raises(NotFoundError, match="no such charge"):
        explain_lines(asked, Which(resource_id="i-1"), who=owner(P1), **of.lines)
    with pytest.raises(NotFoundError, match="financial scope"):
        explain_lines(asked, Which(), who=owner(P2), **of.lines)


def test_a_second_question_brings_nothing_again(house: House) -> None:
    of = house([line("3")], [line("4")], format_="parquet")
    before = lines_of(of)
    for key in list(of.house.deliveries._versions):
        of.house.deliveries._versions[key].clear()

    assert lines_of(of) == before


def test_other_days_are_brought_when_they_are_asked_for(house: House) -> None:
    days = [line("1", charge_date=FIRST + timedelta(n // 3)) for n in range(9)]
    of = house(days, format_="parquet")

    for n in range(3):
        assert lines_of(of, day=FIRST + timedelta(n)).cost == 3 * UNIT


def test_more_than_is_kept_is_refused_with_where_to_look(house: House, tmp_path: Path) -> None:
    of = house([line("3")], format_="csv")
    small = of._replace(originals=Originals(of.house.deliveries, tmp_path, most_bytes=10))

    with pytest.raises(
        InvalidError, match=r"Look into exports/cur2/.*account 444455556666.*2026-09-01"
    ):
        lines_of(small)


def test_what_was_asked_for_longest_ago_makes_room(house: House, tmp_path: Path) -> None:
    of = house([line("3")], format_="csv")
    lines_of(of._replace(originals=Originals(of.house.deliveries, tmp_path)))
    [old] = tmp_path.glob("*.text")
    other = house([line("4")], format_="csv")
    lines_of(
        other._replace(
            originals=Originals(other.house.deliveries, tmp_path, old.stat().st_blocks * 512 + 1)
        )
    )

    assert not old.exists()
    assert len(list(tmp_path.glob("*.text"))) == 1


def test_a_delivery_that_is_kept_no_longer_is_said_to_be_gone(house: House) -> None:
    of = house([line("3")], format_="csv")
    for key in list(of.house.deliveries._versions):
        of.house.deliveries.put(key, "another")
        of.house.deliveries.forget_versions(key)

    with pytest.raises(DeliveryChangedError):
        lines_of(of)


# -- trap 7 -------------------------------------------------------------------------------------


def test_trap_7_is_explained_from_its_totals_to_the_lines_of_the_bill(
    connection: engine.Connection, tmp_path: Path
) -> None:
    """10.00 a day; from the 9th P1 60 and P2 40; 2.00 a day is P3's from the 16th."""
    month, first, ninth = "2025-11", date(2025, 11, 1), date(2025, 11, 9)
    days = [first + timedelta(n) for n in range(30)]
    lines = [
        line(cost, charge_date=day, billing_period=month, resource_id=resource)
        for day in days
        for cost, resource in (("8", None), ("2", "R"))
    ]
    rules = Rules(
        shares={WEB: shares(WEB, (first, {P1: 10_000}), (ninth, {P1: 6_000, P2: 4_000}))},
        claims={WEB: claims(P3, "R", on=date(2025, 11, 15))},
    )
    of = explained(
        connection, tmp_path, [delivered([content(lines, "parquet", tmp_path)])], rules, PRODUCTS
    )
    shelf = of.stand.shelf
    expected = {P1: 194, P2: 76, P3: 30}
    for product, amount in expected.items():
        by = ("account", "day")
        found = explain(Asked(product, month), by, who=owner(product), shelf=shelf)
        assert found.totals == {"USD": amount * UNIT}
        assert sum(ticks for *_, ticks in found.rows) == amount * UNIT
        for _, account, day, ticks in found.rows[::7]:
            asked = Asked(product, month, account=account, day=day)
            told = explain_charges(asked, who=owner(product), shelf=shelf)
            assert sum(group.part for group in told.groups) == ticks
            for group in told.groups:
                for charge in group.charges:
                    [behind] = explain_lines(
                        asked, Which(charge.charge_id), who=owner(product), **of.lines
                    ).of
                    assert behind.cost == charge.cost
                    assert sum(one.cost[0] for one in behind.lines) == charge.cost
                    assert adds_up(behind)

    asked = Asked(P1, month, account=WEB, day=date(2025, 11, 20))
    [group] = explain_charges(asked, who=owner(P1), shelf=shelf).groups
    assert (group.whole, group.basis_points, group.part) == (8 * UNIT, 6_000, 48 * UNIT // 10)
    told_rules = explain(Asked(P1, month), who=owner(P1), shelf=shelf).rules
    assert [(rule.start, rule.said) for rule in told_rules] == [
        ("2025-11-01", "100.00 % of it"),
        ("2025-11-09", "60.00 % of it"),
    ]
