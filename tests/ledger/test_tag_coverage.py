"""The SQL tells of tags what the plain rule tells, over any inventory."""

import json
from collections.abc import Iterator, Sequence
from datetime import date
from pathlib import Path
from random import Random
from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from finops.domain import tag_coverage as plain
from finops.domain.claim_rules import ClaimRule, ClaimRules, TagPattern
from finops.domain.class_policies import CostBasis
from finops.domain.resources import BilledResource, Generation, Sight
from finops.domain.tag_coverage import CoverageBy, Owners, Tagged, Untaggable
from finops.domain.tag_settings import KeyAlias, TagAliases, TagSettings, ValueAlias
from finops.ledger import engine, tag_coverage
from finops.ledger.inventory import Inventory
from finops.ledger.tag_coverage import Seen
from tests.ledger.test_inventory import BILL, fill, resource

some = settings(
    max_examples=25,
    deadline=None,
    derandomize=True,
    phases=[Phase.generate],
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
ACCOUNTS = ("111111111111", "222222222222", None)
PRODUCTS = ("retail.digital.shop.a", "retail.digital.shop.b", plain.OTHERS)
KEYS = ("user:Team", "user:team", "b", "it's", "a/b~c", 'quo"te')
TEXTS = ("", " ", "web", "WEB", "50%", "it's", "größe", "two\nlines", "\\")


@pytest.fixture(scope="module")
def opened(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Inventory]:
    limits = engine.Limits(scratch=tmp_path_factory.mktemp("tags"), memory_mb=300, threads=1)
    with engine.connect(limits) as connection:
        yield Inventory(connection)


class World(NamedTuple):
    """An inventory at hand, and the same in plain rows."""

    seen: Seen
    rows: list[Tagged]
    aliases: TagAliases
    owners: Owners


def world(random: Random, opened: Inventory, folder: Path) -> World:
    resources = [_resource(random, number) for number in range(random.randint(0, 30))]
    accounts = fill(opened, folder, resources)
    aliases = _aliases(random)
    basis = random.choice(list(CostBasis))
    return World(
        seen=Seen(opened, {BILL: list(accounts)} if resources else {}, {}, basis),
        rows=[tagged(one, basis) for one in resources],
        aliases=aliases,
        owners=_owners(random, aliases),
    )


def tagged(one: BilledResource, basis: CostBasis = CostBasis.BILLED) -> Tagged:
    return Tagged(
        account_id=one.account_id,
        resource_id=one.resource_id,
        service=one.service,
        region=one.region,
        tags=one.tags,
        currency=one.currency,
        cost=getattr(one, basis.column) or 0,
    )


def _resource(random: Random, number: int) -> BilledResource:
    tags = {key: random.choice(TEXTS) for key in random.sample(KEYS, random.choice([0, 1, 2, 3]))}
    return resource(
        random.choice(["i-", "vol-", "it's-"]) + str(number),
        random.choice([0, 1, 7, -3, 10**15]),
        account_id=random.choice(ACCOUNTS),
        service=random.choice(["AmazonEC2", "AmazonS3", None]),
        currency=random.choice(["USD", "USD", "EUR", None]),
        tags=tags,
    )


def _aliases(random: Random) -> TagAliases:
    if random.random() < 0.3:
        return TagAliases()
    key, *others = random.sample(KEYS, 3)
    return TagSettings(
        key_aliases=tuple(KeyAlias(key=key, alias=one) for one in others),
        value_aliases=tuple(
            ValueAlias(key=key, value="web", alias=one)
            for one in random.sample(TEXTS, 2)
            if one != "web"
        ),
    ).aliases


def _owners(random: Random, aliases: TagAliases) -> Owners:
    rules = [
        ClaimRule(
            rule_id=f"r{number}",
            workload_id="w",
            product_id=random.choice(PRODUCTS),
            account_id=random.choice([None, *ACCOUNTS]),
            name=random.choice([None, "i-*", "it's*", "?-1*"]),
            service=random.choice([None, "AmazonS3"]),
            tag=TagPattern(key=random.choice(KEYS), value=random.choice(["*", "web", "?EB", ""])),
            start=date(2026, 9, 1),
        )
        for number in range(random.choice([0, 1, 3]))
    ]
    return Owners(
        claims={
            account: {f"i-{n}": random.choice(PRODUCTS) for n in range(0, 30, 3)}
            for account in ACCOUNTS
            if account and random.random() < 0.7
        },
        rules=ClaimRules(rules=tuple(rules)).meant(aliases).rules,
        splits={one: random.choice(PRODUCTS) for one in ACCOUNTS if one and random.random() < 0.7},
    )


def _keys(random: Random, aliases: TagAliases) -> list[str]:
    return sorted({aliases.key(key) for key in random.sample(KEYS, random.choice([0, 1, 2]))})


@some
@given(seed=st.integers(0, 10**9))
def test_coverage_is_what_the_plain_rule_says(opened: Inventory, tmp_path: Path, seed: int) -> None:
    random = Random(seed)
    of = world(random, opened, tmp_path)
    rest = [
        Untaggable(random.choice(ACCOUNTS), random.choice(["AmazonEC2", None]), "USD", 5)
        for _ in range(random.choice([0, 2]))
    ]
    keys, by = _keys(random, of.aliases), random.choice(list(CoverageBy))
    how: Any = {"aliases": of.aliases, "owners": of.owners}

    found = tag_coverage.coverage(of.seen, rest, keys, by, **how)

    assert found == plain.coverage(of.rows, rest, keys, by, **how)
    whole = sum(one.cost for one in of.rows) + sum(one.cost for one in rest)
    assert sum(one.cost + one.untaggable for one in found) == whole


@some
@given(seed=st.integers(0, 10**9))
def test_what_lacks_a_tag_is_what_the_plain_rule_says(
    opened: Inventory, tmp_path: Path, seed: int
) -> None:
    random = Random(seed)
    of = world(random, opened, tmp_path)
    keys, top = _keys(random, of.aliases), random.choice([1, 3, 100])
    how: Any = {"aliases": of.aliases, "owners": of.owners}

    assert tag_coverage.untagged(of.seen, keys, top, **how) == plain.untagged(
        of.rows, keys, top, **how
    )


@some
@given(seed=st.integers(0, 10**9))
def test_keys_and_values_are_what_the_plain_rule_says(
    opened: Inventory, tmp_path: Path, seed: int
) -> None:
    random = Random(seed)
    of = world(random, opened, tmp_path)
    key = random.choice(KEYS)

    assert tag_coverage.keys_used(of.seen) == plain.keys_used(of.rows)
    assert tag_coverage.values_used(of.seen, key, aliases=of.aliases) == plain.values_used(
        of.rows, key, aliases=of.aliases
    )


# By hand ------------------------------------------------------------------------------------------


def inventory(
    opened: Inventory,
    folder: Path,
    rows: Sequence[BilledResource],
    sight: Sight | None = None,
) -> Seen:
    accounts = fill(opened, folder, rows)
    return Seen(opened, {BILL: list(accounts)}, {BILL: sight} if sight else {}, CostBasis.BILLED)


TEAM = "user:Team"
NO: Any = {"aliases": TagAliases(), "owners": Owners()}


def test_what_shows_no_cost_to_somebody_is_in_no_figure(opened: Inventory, tmp_path: Path) -> None:
    rows = [resource("i-1", 5, tags={TEAM: "web"}), resource("i-2", 7), resource("i-3", 9)]
    account = rows[0].account_id
    sight = Sight(only={account: {"i-1", "i-2"}}, untold={account: {"i-2"}})

    [found] = tag_coverage.coverage(
        inventory(opened, tmp_path, rows, sight), [], [TEAM], CoverageBy.TOTAL, **NO
    )

    assert (found.resources, found.cost) == (1, 5)
    assert [(one.resources, one.cost) for one in found.keys] == [(1, 5), (1, 5)]


def test_charges_of_no_resource_are_what_the_bill_has_beyond_resources(
    opened: Inventory, tmp_path: Path
) -> None:
    seen = inventory(opened, tmp_path, [resource("i-1", 5), resource("i-2", 7, currency="EUR")])
    [account] = seen.asked[BILL]
    rows = [
        (account, "AmazonEC2", "USD", 5),
        (account, "AmazonEC2", "EUR", 8),
        (account, "AWSSupportBusiness", "USD", 2),
        ("999999999999", "AmazonEC2", "USD", 1),
    ]
    cube = tmp_path / "cube.parquet"
    names = ("sub_account_id", "service_code", "billing_currency", "billed_cost")
    pq.write_table(pa.table(dict(zip(names, zip(*rows, strict=True), strict=True))), cube)

    found = tag_coverage.untaggable(seen.inventory, seen.asked, [cube], CostBasis.BILLED)

    assert found == [
        Untaggable(account, "AWSSupportBusiness", "USD", 2),
        Untaggable(account, "AmazonEC2", "EUR", 1),
    ]


def test_a_value_is_proposed_where_most_of_its_owner_s_resources_agree(
    opened: Inventory, tmp_path: Path
) -> None:
    rows = [
        *(resource(f"i-{n}", 1, tags={TEAM: "web"}) for n in range(2)),
        resource("i-2", 1, tags={TEAM: "shop"}),
        resource("i-3", 9),
        resource("i-4", 8, account_id="222222222222"),
    ]
    owners = Owners(splits={rows[0].account_id or "": "a.b.c.d"})

    found, number = tag_coverage.to_fix(
        inventory(opened, tmp_path, rows), TEAM, 10, aliases=TagAliases(), owners=owners
    )

    assert [(one.resource_id, one.value) for one in found] == [("i-3", "web"), ("i-4", None)]
    assert number == 2


def test_two_generations_are_one_answer(opened: Inventory, tmp_path: Path) -> None:
    made = opened
    other = Generation("888877776666", BILL.period, "load-9")
    accounts = {
        BILL: fill(made, tmp_path, [resource("i-1", 5)]),
        other: fill(made, tmp_path, [resource("i-1", 6)], other),
    }
    asked = {of: list(its) for of, its in accounts.items()}

    [found] = tag_coverage.coverage(
        Seen(made, asked, {}, CostBasis.BILLED), [], [], CoverageBy.TOTAL, **NO
    )

    assert (found.resources, found.cost, found.complete.resources) == (2, 11, 0)


def test_tags_are_json_of_texts_alone() -> None:
    assert json.loads(resource(tags={TEAM: "two\nlines"}).tags or "") == {TEAM: "two\nlines"}
