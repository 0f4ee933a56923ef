"""Cubes in SQL are cut as the plain rule cuts them, and answer as the plain rule answers."""

from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from random import Random
from typing import Any

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from finops.domain.allocations import Rules, allocate
from finops.domain.claim_rules import read_tags
from finops.domain.class_policies import is_spend
from finops.domain.cube_cuts import cut
from finops.domain.elements import ancestors
from finops.domain.spend_cubes import CREDIT, DIMENSIONS, CubeQuery, CubeRow, sums
from finops.domain.tag_settings import KeyAlias, TagSettings, ValueAlias
from finops.ledger import engine, spend_cubes
from finops.ledger.spend_cubes import Cube
from tests.ledger.bill_files import tagged
from tests.ledger.conftest import Worker
from tests.ledger.test_allocating import (
    ACCOUNTS,
    DAYS,
    PRODUCTS,
    TEXTS,
    Organisation,
    _shard,
    big,
    made,
    organisation,
    write_charges,
)

CASES = 4
some = settings(max_examples=CASES, deadline=None, derandomize=True, phases=[Phase.generate])
REGIONS = ("eu-west-1", "us-east-1", "größe", None)
TEAM, STAGE = "user:Team", "user:stage"
SETTINGS = (
    TagSettings(),
    TagSettings(report_keys=(TEAM,)),
    TagSettings(
        report_keys=("b", TEAM, STAGE),
        key_aliases=(
            KeyAlias(key=TEAM, alias="user:team"),
            KeyAlias(key=TEAM, alias="it's"),
            KeyAlias(key="b", alias="user:b"),
        ),
        value_aliases=(
            ValueAlias(key=TEAM, value="web", alias="web-shop"),
            ValueAlias(key=TEAM, value="it's", alias=""),
        ),
    ),
)


def told(random: Random, of: Organisation) -> Organisation:
    """*of*, in more regions and with tags in more spellings; some charges cancel others."""
    charges = []
    for charge in of.charges:
        tags = {
            name: random.choice(TEXTS)
            for name in (TEAM, "user:team", STAGE, "it's", "user:b", "b")
            if random.random() < 0.4
        }
        key = charge.key._replace(
            region_id=random.choice(REGIONS), tags=tagged(**tags) if tags else None
        )
        charges.append(charge._replace(key=key))
        if random.random() < 0.3:
            back = key._replace(region_id=random.choice(REGIONS))
            charges.append(
                charge._replace(
                    key=back,
                    billed_cost=-charge.billed_cost,
                    effective_cost=-charge.effective_cost,
                )
            )
    return of._replace(charges=charges)


def cubes(
    worker: Worker, of: Organisation, tags: TagSettings, *, shards: int = 1
) -> list[spend_cubes.Cut]:
    """What the engine cuts of *of*, the accounts dealt to so many workers as the run deals them."""
    run = made(worker, of.charges, of.rules, of.products, shards=shards)
    folder = worker.folder()
    found = []
    for shard in range(shards):
        mine = [one for one in of.charges if _shard(one.key.sub_account_id) % shards == shard]
        source = write_charges(folder / f"charges-{shard}.parquet", mine)
        files = [one for one in run.files if one.parent.name == str(shard)]
        found.append(
            spend_cubes.cut(
                worker.connection,
                [source],
                [one for one in files if not one.name.startswith("spread")],
                [one for one in files if one.name.startswith("spread")],
                of.rules,
                of.products,
                tags,
                folder / f"{shard}",
            )
        )
    return found


def rows(worker: Worker, cuts: Sequence[spend_cubes.Cut], tags: TagSettings) -> list[CubeRow]:
    fields = [name for name in CubeRow._fields if name not in ("tags", "amount")]
    listed = ", ".join((*fields, *spend_cubes.columns_of(tags), "amount"))
    width = len(fields)
    files = [file for one in cuts for file in one.days]
    return [
        CubeRow._make(
            (
                *row[:width],
                {
                    key: value
                    for key, value in zip(tags.report_keys, row[width:-1], strict=True)
                    if value is not None
                },
                row[-1],
            )
        )
        for row in worker.connection.execute(
            f"SELECT {listed} FROM read_parquet({engine.paths(files)})"
        ).fetchall()
    ]


def plainly(found: Sequence[CubeRow]) -> dict[Any, int]:
    by_row: defaultdict[Any, int] = defaultdict(int)
    for row in found:
        by_row[(*row[:-2], tuple(sorted(row.tags.items())))] += row.amount
    return dict(by_row)


@pytest.mark.parametrize("lot", range(6))
@some
@given(seed=st.integers(0, 10**9))
def test_any_organisations_cube_is_cut_as_the_plain_rule_does(
    worker: Worker, lot: int, seed: int
) -> None:
    random = Random(seed * 6 + lot)
    of = told(random, organisation(random))
    tags = SETTINGS[lot % len(SETTINGS)]

    cuts = cubes(worker, of, tags, shards=random.choice([1, 1, 3]))

    assert plainly(rows(worker, cuts, tags)) == plainly(
        cut(of.charges, of.rules, of.products, tags)
    )


@some
@given(seed=st.integers(0, 10**9))
def test_rows_are_what_the_parts_say_of_owners_and_the_charges_of_regions_and_tags(
    seed: int,
) -> None:
    random = Random(seed)
    of = told(random, organisation(random))
    column = of.rules.basis.column

    found = cut(of.charges, of.rules, of.products, SETTINGS[1])

    owners: defaultdict[Any, int] = defaultdict(int)
    places: defaultdict[Any, int] = defaultdict(int)
    for row in found:
        if row.charge_class != CREDIT:
            owners[row.day, row.account, row.service, row.product_id, row.reason] += row.amount
        places[row.day, row.account, row.service, row.region, row.tags.get(TEAM)] += row.amount
    for part in allocate(*of):
        owners[part.day, part.account, part.service, part.product_id, part.reason] -= part.amount
    for charge in of.charges:
        key = charge.key
        team = SETTINGS[1].meant(read_tags(key.tags)).get(TEAM)
        of_place = (key.charge_date, key.sub_account_id, key.service_code, key.region_id, team)
        places[of_place] -= getattr(charge, column)
    assert not any(owners.values())
    assert not any(places.values())
    assert sum(row.amount for row in found if row.charge_class == CREDIT) == sum(
        getattr(charge, column) for charge in of.charges if not is_spend(charge.key)
    )


# -- files ------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def large() -> Organisation:
    random = Random(7)
    return told(random, big(random))


@pytest.fixture(scope="module")
def large_cut(worker: Worker, large: Organisation) -> spend_cubes.Cut:
    return cubes(worker, large, SETTINGS[2])[0]


def test_the_same_charges_in_another_order_give_the_same_bytes(
    worker: Worker, large: Organisation, large_cut: spend_cubes.Cut, tmp_path: Path
) -> None:
    limits = engine.Limits(scratch=tmp_path, memory_mb=300, threads=2)
    with engine.connect(limits) as connection:
        [other] = cubes(
            Worker(connection, tmp_path), large._replace(charges=large.charges[::-1]), SETTINGS[2]
        )

    for files, others in ((large_cut.days, other.days), (large_cut.months, other.months)):
        assert len(files) == 2  # what is given, and what goes in proportion
        assert [one.read_bytes() for one in files] == [one.read_bytes() for one in others]


def test_a_cut_tells_what_its_rows_come_to_by_currency(
    worker: Worker, large: Organisation, large_cut: spend_cubes.Cut
) -> None:
    column = large.rules.basis.column
    for total in large_cut.totals:
        mine = [one for one in large.charges if one.key.billing_currency == total.currency]
        assert total.net == sum(getattr(one, column) for one in mine)
        assert total.credited == sum(getattr(one, column) for one in mine if not is_spend(one.key))
    assert {total.currency for total in large_cut.totals} == {"USD", "CNY", None}


def test_no_charges_are_no_rows(worker: Worker, large: Organisation) -> None:
    [found] = cubes(worker, large._replace(charges=[]), SETTINGS[2])

    assert (found.rows, found.totals) == (0, ())
    assert (
        spend_cubes.sums(
            worker.connection, [Cube(found.days, ())], CubeQuery(months=("2026-09",), by=("day",))
        )
        == []
    )


def test_a_cube_that_is_not_what_the_run_made_is_never_handed_on(
    worker: Worker, large: Organisation, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = made(worker, *large)
    source = write_charges(worker.folder() / "charges.parquet", large.charges)
    other = Rules(basis=large.rules.basis)
    target = worker.folder()

    with pytest.raises(ArithmeticError, match=r"cube and parts of .* differ by"):
        spend_cubes.cut(
            worker.connection, [source], found.files, [], other, {}, TagSettings(), target
        )


def test_rows_that_do_not_add_up_to_the_charges_are_never_handed_on(
    worker: Worker, large: Organisation, monkeypatch: pytest.MonkeyPatch
) -> None:
    lossy = spend_cubes._GIVEN.replace("FROM credits", "FROM credits WHERE amount > 0")
    monkeypatch.setattr(spend_cubes, "_GIVEN", lossy)

    with pytest.raises(ArithmeticError, match=r"cube and charges of .* differ by"):
        cubes(worker, large, SETTINGS[0])


def test_a_thousand_million_dollars_shared_by_region_are_told_apart_to_the_tick(
    worker: Worker, large: Organisation
) -> None:
    """The largest amounts that a row holds; their products need 128 bits."""
    base = next(one for one in large.charges if one.key.sub_account_id == ACCOUNTS[0])
    usage = base.key._replace(
        charge_category="Usage", line_item_type="Usage", resource_id=None, service_code="AmazonS3"
    )
    charges = [
        base._replace(
            key=usage._replace(region_id=region), billed_cost=amount, effective_cost=amount
        )
        for region, amount in (("a", 4 * 10**18 + 1), ("b", 10**18 - 3), ("c", 4 * 10**18 + 7))
    ]
    of = large._replace(charges=charges)

    found = rows(worker, cubes(worker, of, SETTINGS[0]), SETTINGS[0])

    assert plainly(found) == plainly(cut(*of, SETTINGS[0]))
    assert {row.region for row in found} == {"a", "b", "c"}
    assert sum(row.amount for row in found) == 9 * 10**18 + 5


# -- questions --------------------------------------------------------------------------------

TAGGED = tuple(f"tag:{key}" for key in SETTINGS[2].report_keys)


MANY = ("retail.digit", "retail.digital.shop.p", "x", *PRODUCTS[2:], *(f"u{n}.d" for n in range(9)))


def query(random: Random) -> CubeQuery:
    names = (*DIMENSIONS, *TAGGED)
    values = {
        "currency": ["USD", "CNY", ""],
        "account": [*ACCOUNTS, ""],
        "class": ["Usage", "Tax", CREDIT],
        "region": [*map(str, REGIONS[:-1]), ""],
        "department": ["retail.digital", ""],
        "day": [str(day) for day in DAYS],
        TAGGED[1]: [*TEXTS],
    }
    where = {name: tuple(random.sample(some, 2)) for name, some in values.items()}
    asked = random.sample(sorted(where), random.choice([0, 0, 1, 2]))
    elements = random.choice([None, None, (), ("",), ("retail", PRODUCTS[1]), (PRODUCTS[2],), MANY])
    return CubeQuery(
        months=tuple(random.sample(["2026-08", "2026-09", "2026-10"], random.choice([1, 2, 3]))),
        by=tuple(random.sample(names, random.choice([0, 1, 2, 3]))),
        elements=elements,
        start=random.choice([None, None, random.choice(DAYS)]),
        end=random.choice([None, None, random.choice(DAYS)]),
        where={name: where[name] for name in asked},
    )


@pytest.fixture(scope="module")
def large_rows(worker: Worker, large_cut: spend_cubes.Cut) -> list[CubeRow]:
    return rows(worker, [large_cut], SETTINGS[2])


@settings(max_examples=60, deadline=None, derandomize=True, phases=[Phase.generate])
@given(seed=st.integers(0, 10**9))
def test_any_question_is_answered_as_the_plain_rule_does(
    worker: Worker, large_cut: spend_cubes.Cut, large_rows: list[CubeRow], seed: int
) -> None:
    asked = query(Random(seed))
    files = large_cut.days if asked.needs_days else large_cut.months

    found = spend_cubes.sums(worker.connection, [Cube(files, SETTINGS[2].report_keys)], asked)

    assert found == sums(large_rows, asked)


def test_a_cube_that_knows_no_such_tag_has_rows_without_it(
    worker: Worker, large: Organisation, large_cut: spend_cubes.Cut
) -> None:
    [other] = cubes(worker, large, SETTINGS[0])
    asked = CubeQuery(months=("2026-09",), by=(TAGGED[2],))
    known = Cube(large_cut.months, SETTINGS[2].report_keys)

    alone = dict(spend_cubes.sums(worker.connection, [known], asked))
    both = dict(spend_cubes.sums(worker.connection, [known, Cube(other.months, ())], asked))

    assert both == alone | {(None,): alone[(None,)] + sum(alone.values())}


def test_every_element_is_the_sum_of_what_is_below_it(
    worker: Worker, large_cut: spend_cubes.Cut
) -> None:
    cube = Cube(large_cut.months, SETTINGS[2].report_keys)

    def of(element: str, *by: str) -> list[tuple[tuple[Any, ...], int]]:
        asked = CubeQuery(months=("2026-09",), by=by, elements=(element,))
        return spend_cubes.sums(worker.connection, [cube], asked)

    products = {product: amount for (product,), amount in of("", "product")}
    for element in {above for product in PRODUCTS for above in ancestors(product)}:
        [(_, amount)] = of(element)
        assert amount == sum(
            ticks for product, ticks in products.items() if element in ancestors(product)
        )
