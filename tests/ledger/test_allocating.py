"""The SQL allocates what the plain rule allocates, part by part and tick by tick."""

import os
from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any, NamedTuple
from zlib import crc32

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from finops.domain.allocations import (
    Lives,
    Part,
    PartKind,
    Reason,
    Rules,
    added,
    allocate,
    order,
    spend_of,
)
from finops.domain.charges import CATEGORIES, Charge, ChargeCategory, Key, charge_category
from finops.domain.claim_rules import ClaimRule, ClaimRules, TagPattern, like
from finops.domain.claims import AccountClaims
from finops.domain.class_policies import (
    ChargeClass,
    ClassPolicies,
    CostBasis,
    PolicyKind,
    charge_class,
    is_spend,
)
from finops.domain.errors import FinOpsError
from finops.domain.money import TICKS_PER_UNIT
from finops.domain.periods import Period
from finops.domain.shares import WHOLE, AccountShares, Revision
from finops.domain.tag_settings import KeyAlias, TagAliases, TagSettings, ValueAlias
from finops.domain.workloads import Workload
from finops.ledger import allocating, engine, ownership
from tests.domain.test_allocations import TRAPS, Trap
from tests.ledger.bill_files import tagged
from tests.ledger.conftest import Worker

UNIT = TICKS_PER_UNIT
WALKS = int(os.environ.get("FINOPS_WALKS", "0"))
# What differs is told part by part; a seed is as small as it gets.
CASES, LOTS = 20, 10
some = settings(
    max_examples=max(WALKS, 1) * CASES,
    deadline=None,
    derandomize=not WALKS,
    phases=[Phase.generate],
)

PAYERS = ("111122223333", "999900001111")
ACCOUNTS = ("444455556666", "555566667777", "666677778888")
PRODUCTS = tuple(f"retail.digital.shop.p{n}" for n in range(5))
RESOURCES = ("i-1", "i-2", "arn:aws:s3:::it's_50%", "größe\nzwei", "[a]!")
KEYS = ("user:Team", "user:team", "b", "it's")
TEXTS = ("", "web", "web-shop", "50%", "a_b", "it's", "x!y", "größe", "two\nlines")
PATTERNS = ("*", "web*", "*-shop", "?eb", "50%", "a_b", "a?b", "*'*", "x!y", "*!*", "gr??e", "[a]*")
DAYS = tuple(date(2026, 8, 31) + timedelta(n) for n in range(8))
TYPES = (*CATEGORIES, "Purchase", "NobodyKnowsYet", None)
SERVICES = ("AmazonEC2", "AmazonS3", "AWSSupportBusiness", "OCBPremiumSupport", None)


# -- files ------------------------------------------------------------------------------------


def write_charges(path: Path, charges: Sequence[Charge]) -> Path:
    """*charges* as the ledger keeps them."""
    columns: dict[str, pa.Array] = {}
    for name in Key._fields:
        kind = pa.date32() if name == "charge_date" else pa.string()
        columns[name] = pa.array([getattr(charge.key, name) for charge in charges], kind)
    for name in Charge._fields[1:]:
        columns[name] = pa.array([getattr(charge, name) for charge in charges], pa.int64())
    pq.write_table(pa.table(columns), path)
    return path


class Made(NamedTuple):
    parts: list[Part]
    files: list[Path]
    allocated: list[allocating.Allocated]


def made(
    worker: Worker, charges: Sequence[Charge], rules: Rules, products: Lives, *, shards: int = 1
) -> Made:
    """What the engine makes of *charges*, the accounts dealt to so many workers."""
    folder = worker.folder()
    results: list[allocating.Allocated] = []
    files: list[Path] = []
    for shard in range(shards):
        mine = [one for one in charges if _shard(one.key.sub_account_id) % shards == shard]
        source = write_charges(folder / f"charges-{shard}.parquet", mine)
        results.append(
            allocating.allocate(worker.connection, [source], folder / f"{shard}", rules, products)
        )
    spends = added(result.spends for result in results)
    for shard, result in enumerate(list(results)):
        files += result.parts
        if result.waiting:
            rest = allocating.spread(worker.connection, result.waiting, spends, folder / f"{shard}")
            results.append(rest)
            files += rest.parts
    return Made(list(allocating.read(worker.connection, files)), files, results)


def _shard(account: str | None) -> int:
    return crc32((account or "").encode())


def differences(parts: Iterable[Part], expected: Iterable[Part]) -> list[str]:
    """What tells two allocations apart, in few words; nothing where they are the same."""
    of, wanted = {one[:-1]: one for one in parts}, {one[:-1]: one for one in expected}
    told = [f"not expected: {of[key]}" for key in of.keys() - wanted.keys()]
    told += [f"missing: {wanted[key]}" for key in wanted.keys() - of.keys()]
    return told + [
        f"expected {wanted[key]}, not {of[key].amount}"
        for key in of.keys() & wanted.keys()
        if of[key] != wanted[key]
    ]


# -- organisations ----------------------------------------------------------------------------


class Organisation(NamedTuple):
    charges: list[Charge]
    rules: Rules
    products: Lives


def organisation(random: Random) -> Organisation:
    """A few accounts, days and products that meet in every way, and a history of rules."""
    return Organisation(
        charges=[_charge(random) for _ in range(random.randint(1, 60))],
        rules=Rules(
            shares={a: _shares(random, a) for a in ACCOUNTS if random.random() < 0.95},
            claims={a: _claims(random, a) for a in ACCOUNTS if random.random() < 0.8},
            claim_rules=_claim_rules(random),
            policies={p: _policies(random, p) for p in PAYERS if random.random() < 0.8},
            basis=random.choice(list(CostBasis)),
            known_at=random.choice([None, None, _at(random.choice(DAYS))]),
            aliases=_aliases(random),
        ),
        products={p: _life(random) for p in PRODUCTS if random.random() < 0.95},
    )


def _at(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, 12, tzinfo=UTC)


def _amount(random: Random) -> int:
    return random.choice(
        [0, 1, -1, 2, 3, 7, 10_000, UNIT, -UNIT, random.randint(-(10**16), 10**16)]
    ) * random.choice([1, 1, 1, 3])


def _charge(random: Random) -> Charge:
    kind = random.choice(TYPES)
    category = kind if kind == "Purchase" else charge_category(kind)
    period = random.choice(["2026-09", "2026-09", "2026-10"])
    key = Key(
        billing_account_id=random.choice(PAYERS),
        billing_period=period,
        billing_currency=random.choice(["USD", "USD", "USD", "CNY", None]),
        sub_account_id=random.choice([*ACCOUNTS * 4, None]),
        charge_date=random.choice(DAYS),
        charge_category=category,
        line_item_type=kind,
        service_code=random.choice(SERVICES),
        region_id=random.choice(["eu-west-1", None]),
        resource_id=random.choice([*RESOURCES, None]),
        invoice_id=random.choice([None, None, "INV-1", "INV-2"]),
        invoice_issuer_name=random.choice(["Amazon Web Services, Inc.", None]),
        billing_entity=random.choice(["AWS", "AWS", "AWS Marketplace", None]),
        commitment_discount_id=random.choice([None, "plan"]),
        tags=random.choice([None, tagged(**{key: random.choice(TEXTS) for key in _keys(random)})]),
        split_parent_resource_id=None,
    )
    return Charge(key, 1, 0, _amount(random), _amount(random), None, 0, 0)


def _points(random: Random, number: int) -> list[int]:
    cuts = sorted(random.sample(range(1, WHOLE), number - 1))
    return [b - a for a, b in zip([0, *cuts], [*cuts, WHOLE], strict=True)]


def _shares(random: Random, account: str) -> AccountShares:
    revisions = []
    for number in range(random.choice([0, 1, 2, 3, 4])):
        names = random.sample(PRODUCTS, random.choice([1, 2, 2, 3, 5]))
        start = random.choice(DAYS if number else DAYS[:3])
        revisions.append(
            Revision(
                number=number + 1,
                start=start,
                end=start + timedelta(random.choice([1, 3, 100, 100])),
                shares=tuple(zip(names, _points(random, len(names)), strict=True)),
                set_by="ann@example.com",
                set_at=_at(random.choice(DAYS[:4])),
            )
        )
    return AccountShares(account_id=account, revisions=tuple(revisions))


def _workload(number: int, account: str) -> Workload:
    return Workload(
        workload_id=f"w{number}",
        product_id=PRODUCTS[number],
        account_id=account,
        name=f"W {number}",
        launch="2026-09",
        end="2026-12",
    )


def _claims(random: Random, account: str) -> AccountClaims:
    """What is left of some people's wishes."""
    claims = AccountClaims(account_id=account)
    for day in sorted(random.choices(DAYS, k=6)):
        resources = random.sample(RESOURCES, random.randint(1, 2))
        try:
            if random.random() < 0.3:
                claims = claims.released(resources, by="ann@example.com", at=_at(day))
            else:
                claims = claims.claimed(
                    resources,
                    _workload(random.randrange(5), account),
                    start=random.choice([None, random.choice(DAYS)]),
                    open_from=DAYS[0],
                    by="bob@example.com",
                    at=_at(day),
                )
        except FinOpsError:
            continue
    return claims


def _claim_rules(random: Random) -> ClaimRules:
    rules: list[ClaimRule] = []
    count = random.choice([0, 2, 4, 8])
    while len(rules) < count:
        workload = random.randrange(5)
        start = random.choice(DAYS)
        told: dict[str, Any] = {
            "tag": random.choice(
                [
                    None,
                    TagPattern(key=random.choice(KEYS), value=random.choice([*PATTERNS, *TEXTS])),
                ]
            ),
            "name": random.choice([None, "i-?", "*", *RESOURCES, "*%", "gr?*e?zwei", "[a]?"]),
            "service": random.choice([None, None, "AmazonEC2"]),
        }
        if any(told.values()):
            rules.append(
                ClaimRule(
                    rule_id=f"r{len(rules)}",
                    workload_id=f"w{workload}",
                    product_id=PRODUCTS[workload],
                    account_id=random.choice([None, None, *ACCOUNTS]),
                    start=start,
                    end=random.choice([None, start + timedelta(random.randint(0, 5))]),
                    **told,
                )
            )
    return ClaimRules(rules=tuple(rules))


def _keys(random: Random) -> list[str]:
    return random.sample(KEYS, random.choice([1, 2, 2, 3]))


def _aliases(random: Random) -> TagAliases:
    """Spellings of a few keys and values; none where there is no table."""
    if random.random() < 0.4:
        return TagAliases()
    key, *others = random.sample(KEYS, random.choice([1, 2, 3]))
    told = [ValueAlias(key=key, value="web", alias=one) for one in random.sample(TEXTS, 3)]
    return TagSettings(
        key_aliases=tuple(KeyAlias(key=key, alias=one) for one in others),
        value_aliases=tuple(one for one in told if one.alias != one.value),
    ).aliases


def _policies(random: Random, payer: str) -> ClassPolicies:
    policies = ClassPolicies(payer=payer)
    for _ in range(random.randint(0, 5)):
        kind = random.choice([*PolicyKind, PolicyKind.IN_PROPORTION])
        policies = policies.decided(
            random.choice([name for name in ChargeClass if name is not ChargeClass.USAGE]),
            kind,
            product_id=random.choice(PRODUCTS) if kind is PolicyKind.TO_PRODUCT else None,
            start=random.choice(["2026-08", "2026-09", "2026-10"]),
            open_from="2026-08",
            by="ann@example.com",
            at=_at(random.choice(DAYS)),
        )
    return policies


def _life(random: Random) -> tuple[Period, ...]:
    return random.choice(
        [
            *[(Period(date(2026, 1, 1), date(2028, 1, 1)),)] * 7,
            (Period(date(2026, 1, 1), DAYS[4]),),
            (Period(DAYS[3], date(2027, 1, 1)),),
            (Period(DAYS[0], DAYS[2]), Period(DAYS[5], DAYS[6])),
        ]
    )


# -- the same as the plain rule ---------------------------------------------------------------


@pytest.mark.parametrize("lot", range(LOTS))
@some
@given(seed=st.integers(0, 10**9))
def test_any_organisation_is_allocated_as_the_plain_rule_does(
    worker: Worker, lot: int, seed: int
) -> None:
    random = Random(seed * LOTS + lot)
    of = organisation(random)

    found = made(worker, of.charges, of.rules, of.products, shards=random.choice([1, 1, 1, 3]))

    assert differences(found.parts, allocate(*of)) == []
    assert len(found.parts) == len({part[:-1] for part in found.parts})


@some
@given(seed=st.integers(0, 10**9))
def test_parts_add_up_to_the_charges_of_every_account_day_class_and_invoice(seed: int) -> None:
    of = organisation(Random(seed))

    sums: defaultdict[Any, int] = defaultdict(int)
    for charge in of.charges:
        if is_spend(charge.key):
            sums[_cell(charge, of.rules.basis)] += getattr(charge, of.rules.basis.column)
    for part in allocate(*of):
        sums[part.group] -= part.amount

    assert {key: amount for key, amount in sums.items() if amount} == {}


def _cell(charge: Charge, basis: CostBasis) -> tuple[Any, ...]:
    key = charge.key
    return (
        *(key.billing_account_id, key.billing_period, key.billing_currency, key.sub_account_id),
        *(key.charge_date, charge_class(key, basis), key.charge_category, key.service_code),
        *(key.invoice_id, key.invoice_issuer_name),
    )


def test_the_organisations_meet_every_kind_of_part_and_every_reason() -> None:
    parts = [part for seed in range(100) for part in allocate(*organisation(Random(seed)))]

    assert {part.kind for part in parts} == set(PartKind)
    assert {part.reason for part in parts} == {None, *Reason}
    assert {part.charge_class for part in parts} == set(ChargeClass)
    assert sum(part.kind is PartKind.SHARE for part in parts) > len(parts) // 5


@pytest.mark.parametrize("trap", TRAPS)
def test_the_numbers_of_a_trap_are_those_of_the_plain_rule(worker: Worker, trap: str) -> None:
    of: Trap = TRAPS[trap]()

    for shards in (1, 3):
        found = made(worker, of.charges, of.rules, of.products, shards=shards)
        assert differences(found.parts, allocate(of.charges, of.rules, of.products)) == []
        told: defaultdict[str | None, int] = defaultdict(int)
        for result in found.allocated:
            for day in allocating.product_days(worker.connection, [result.days]):
                told[day.product_id] += day.amount
        assert dict(told) == of.expected


# -- files ------------------------------------------------------------------------------------


def big(random: Random) -> Organisation:
    """An organisation whose every account is split, and whose tax goes by spend."""
    of = organisation(random)
    policies = {
        payer: ClassPolicies(payer=payer).decided(
            ChargeClass.TAX,
            PolicyKind.IN_PROPORTION,
            start="2026-09",
            open_from="2026-09",
            by="ann@example.com",
            at=_at(DAYS[0]),
        )
        for payer in PAYERS
    }
    shares = {
        account: AccountShares(account_id=account).mapped(
            zip(PRODUCTS, _points(random, 5), strict=True),
            open_from=date(2026, 8, 1),
            by="ann@example.com",
            at=_at(DAYS[1]),
        )
        for account in ACCOUNTS
    }
    lives = dict.fromkeys(PRODUCTS, (Period(date(2026, 1, 1), date(2028, 1, 1)),))
    charges = [_charge(random) for _ in range(2_000)]
    return Organisation(charges, of.rules._replace(shares=shares, policies=policies), lives)


@pytest.fixture(scope="module")
def large() -> Organisation:
    return big(Random(7))


def test_thousands_of_charges_are_allocated_as_the_plain_rule_does_in_its_order(
    worker: Worker, large: Organisation
) -> None:
    (result, rest) = made(worker, *large).allocated
    expected = allocate(*large)

    waiting = [
        part
        for part in expected
        if part.charge_class == "Tax" and part.kind not in (PartKind.CLAIM, PartKind.RULE)
    ]
    assert list(allocating.read(worker.connection, rest.parts)) == waiting
    assert sorted(allocating.read(worker.connection, [*result.parts, *rest.parts]), key=order) == (
        expected
    )


def test_the_same_charges_in_another_order_give_the_same_bytes(
    worker: Worker, large: Organisation, tmp_path: Path
) -> None:
    one = made(worker, *large)
    limits = engine.Limits(scratch=tmp_path, memory_mb=300, threads=2)
    with engine.connect(limits) as connection:
        other = made(Worker(connection, tmp_path), large.charges[::-1], large.rules, large.products)

    assert [file.read_bytes() for file in one.files] == [file.read_bytes() for file in other.files]


def test_what_is_spread_is_written_in_lots_that_do_not_grow_with_the_bill(
    worker: Worker, large: Organisation, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(allocating, "SPREAD_ROWS", 20)

    found = made(worker, *large)

    assert len(found.files) > 5
    assert differences(found.parts, allocate(*large)) == []


def test_products_days_and_spends_are_the_sums_of_the_parts(
    worker: Worker, large: Organisation
) -> None:
    found = made(worker, *large)

    sums: defaultdict[Any, int] = defaultdict(int)
    for part in found.parts:
        sums[(*part[:3], part.product_id, part.reason, part.day)] += part.amount
    told: defaultdict[Any, int] = defaultdict(int)
    for result in found.allocated:
        for row in allocating.product_days(worker.connection, [result.days]):
            told[row[:-1]] += row.amount
    assert told == sums
    before = [part for part in found.parts if part.kind != PartKind.POLICY]
    assert added([found.allocated[0].spends]) == spend_of(before)


def test_the_sums_by_service_are_those_of_the_parts_that_have_an_owner(
    worker: Worker, large: Organisation
) -> None:
    found = made(worker, *large, shards=2)

    sums: defaultdict[Any, int] = defaultdict(int)
    for part in found.parts:
        if part.product_id is not None:
            of = (part.currency, part.product_id, part.day, part.service, part.charge_class)
            sums[of] += part.amount
    files = [result.by_service for result in found.allocated]
    told = ownership.sums(
        worker.connection, files, ("currency", "product", "day", "service", "class"), {}
    )
    assert {row[:-1]: row[-1] for row in told} == {of: n for of, n in sums.items() if n}


def test_no_charges_are_no_parts(worker: Worker) -> None:
    of = organisation(Random(1))

    found = made(worker, [], of.rules, of.products)

    assert found.parts == []
    assert list(allocating.product_days(worker.connection, [found.allocated[0].days])) == []


def test_a_billion_dollars_a_product_are_spread_to_the_tick(worker: Worker) -> None:
    amounts = {"1": 9 * 10**18, "2": 9 * 10**18 + 1, "3": 9 * 10**18 - 1}
    base = Key(
        *(PAYERS[0], "2026-09", "USD", None, DAYS[1], "Usage", "Usage", None, None, None),
        *(None, None, None, None, None, None),
    )
    charges = [
        Charge(base._replace(sub_account_id=account), 1, 0, amount, 0, None, 0, 0)
        for account, amount in amounts.items()
    ]
    tax = base._replace(charge_category=ChargeCategory.TAX, line_item_type="Tax")
    charges.append(Charge(tax, 1, 0, -9 * 10**18, 0, None, 0, 0))
    shares = {
        account: AccountShares(account_id=account).mapped(
            [(f"P{account}", WHOLE)],
            open_from=date(2026, 8, 1),
            by="ann@example.com",
            at=_at(DAYS[1]),
        )
        for account in amounts
    }
    policies = {
        PAYERS[0]: ClassPolicies(payer=PAYERS[0]).decided(
            ChargeClass.TAX,
            PolicyKind.IN_PROPORTION,
            start="2026-09",
            open_from="2026-09",
            by="ann@example.com",
            at=_at(DAYS[0]),
        )
    }
    rules = Rules(shares=shares, policies=policies)
    lives = {f"P{a}": (Period(date(2026, 1, 1), date(2028, 1, 1)),) for a in amounts}

    assert (
        differences(made(worker, charges, rules, lives).parts, allocate(charges, rules, lives))
        == []
    )


def test_parts_that_do_not_add_up_are_never_handed_on(
    worker: Worker, large: Organisation, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = allocating.AMOUNTS.replace("WHERE amount <> 0", "WHERE amount > 1")
    monkeypatch.setattr(allocating, "AMOUNTS", broken)

    with pytest.raises(ArithmeticError, match="differ by"):
        made(worker, *large)


# -- words ------------------------------------------------------------------------------------


@pytest.mark.parametrize("basis", CostBasis)
def test_sql_puts_every_kind_of_line_into_the_class_of_the_plain_rule(
    worker: Worker, basis: CostBasis
) -> None:
    random = Random(3)
    charges = list(
        {charge.key: charge for charge in (_charge(random) for _ in range(3_000))}.values()
    )
    file = write_charges(worker.folder() / "charges.parquet", charges)

    found = worker.connection.execute(
        f"SELECT {allocating.charge_class(basis)}, {', '.join(Key._fields)}"
        f" FROM read_parquet('{file}') c"
    ).fetchall()

    assert [row[0] for row in found] == [charge_class(Key(*row[1:]), basis) for row in found]


@pytest.mark.parametrize("pattern", PATTERNS)
def test_sql_likes_what_the_plain_rule_likes(worker: Worker, pattern: str) -> None:
    for text in (*TEXTS, *RESOURCES, "WEB", "a.b", "xweb-shop"):
        (found,) = worker.connection.execute(
            f"SELECT {allocating.like('?::VARCHAR', pattern)}", [text]
        ).fetchone() or (None,)
        assert found is like(pattern, text), text
