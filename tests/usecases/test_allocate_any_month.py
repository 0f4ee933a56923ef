"""Whatever is decided and billed: the whole run makes what the plain rule makes."""

import os
from collections import defaultdict
from collections.abc import Iterable, Mapping
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import Phase, assume, given, settings
from hypothesis import strategies as st

from finops.domain.allocation_runs import UNALLOCATED
from finops.domain.allocations import Lives, Part, Rules, allocate
from finops.domain.charges import Charge
from finops.domain.elements import ancestors
from finops.domain.loads import BillSummary, Costs
from finops.domain.places import account_folder, allocation, generation
from finops.ledger import allocating, engine
from finops.usecases import allocate_month
from finops.usecases.allocate_month import NONE
from finops.usecases.grounds import Book
from finops.usecases.memo import Memo
from finops.usecases.ports import RulesNow
from tests import samples
from tests.allocating import Allocating
from tests.ledger.test_allocating import PAYERS, differences, organisation, write_charges
from tests.remembered import remembering

OF = (PAYERS[0], "2026-09")
WALKS = int(os.environ.get("FINOPS_WALKS", "0"))
some = settings(
    max_examples=max(WALKS, 1) * 3,
    deadline=None,
    derandomize=not WALKS,
    phases=[Phase.generate],
)
LOTS = 6  # so that each of them is quick


class _Written:
    """`Rulebook` of rules that are as they are."""

    def __init__(self, rules: Rules) -> None:
        self._rules = rules

    def now(self) -> RulesNow:
        return RulesNow(self._rules, self.revision())

    def revision(self) -> int:
        return 1


class _Known(Memo):
    """Remembers products of no chart."""

    def __init__(self, products: Any) -> None:
        super().__init__()
        self._products = products

    def of(self, *_: Any) -> Any:
        return self._products


def _book(rules: Rules, products: Lives, made: Allocating) -> Book:
    grounds = made.organisation.grounds._replace(memo=_Known(products))
    return Book(_Written(rules), grounds, rules.basis)


def _lay_down(made: Allocating, charges: Iterable[Charge], folder: Path) -> None:
    """A generation of the ledger that holds *charges*, as a load would have left it."""
    load_id = "a" * 24
    root = generation(*OF, load_id)
    ledger = made.house.ledger
    by_account: defaultdict[str | None, list[Charge]] = defaultdict(list)
    sums: defaultdict[str | None, dict[str, defaultdict[str, Costs]]] = defaultdict(
        lambda: {name: defaultdict(Costs) for name in ("account", "category", "day")}
    )
    for charge in charges:
        key = charge.key
        by_account[key.sub_account_id].append(charge)
        costs = Costs(lines=1, billed_cost=charge.billed_cost, effective_cost=charge.effective_cost)
        for name, value in (
            ("account", key.sub_account_id),
            ("category", key.charge_category),
            ("day", str(key.charge_date)),
        ):
            sums[key.billing_currency][name][value or NONE] += costs
    files = []
    for account, mine in by_account.items():
        name = f"{account_folder(account)}/charges.parquet"
        ledger.put(f"{root}/{name}", write_charges(folder / "charges.parquet", mine))
        files.append({"name": name, "rows": len(mine)})
    summaries = [
        BillSummary(
            billing_account_id=OF[0],
            billing_period=OF[1],
            billing_currency=currency,
            costs=Costs(),
            by_account=by["account"],
            by_charge_category=by["category"],
            by_day=by["day"],
        ).model_dump(mode="json")
        for currency, by in sums.items()
    ]
    ledger.put_json(f"{root}/index.json", {"files": files, "summaries": summaries})
    bill = samples.bill(load_id, billing_account_id=OF[0], billing_period=OF[1])
    made.house.bills.publish([bill])


def _run(folder: Path, seed: int) -> tuple[Allocating, list[Part]]:
    """A month of an organisation like no other is allocated; what it should have come to."""
    of = organisation(Random(seed))
    charges = [
        one for one in of.charges if (one.key.billing_account_id, one.key.billing_period) == OF
    ]
    assume(charges)
    rules = of.rules._replace(known_at=None)
    made = Allocating(folder)
    _lay_down(made, charges, folder)
    made.other_book = _book(rules, of.products, made)
    assert made.run(of=OF) == "Published"
    return made, allocate(charges, rules, of.products)


def _parts(made: Allocating) -> list[Part]:
    found = made.allocations.find(*OF)
    assert found is not None
    root = allocation(*OF, found.run_id)
    index = made.house.ledger.get_json(f"{root}/index.json")
    files = [made.house.ledger.cached(f"{root}/{part['name']}") for part in index["parts"]]
    if not files:
        return []
    with engine.connect(made.house.limits) as connection:
        return list(allocating.read(connection, files))


def _days(parts: Iterable[Part]) -> Mapping[tuple[str, str | None], Mapping[str, int]]:
    """What each element pays by day, and nobody, as the parts say."""
    sums: defaultdict[tuple[str, str | None], defaultdict[str, int]] = defaultdict(
        lambda: defaultdict(int)
    )
    for part in parts:
        names = (
            ancestors(part.product_id)
            if part.product_id
            else (UNALLOCATED, f"{UNALLOCATED}{part.reason}")
        )
        for name in names:
            sums[name, part.currency][str(part.day)] += part.amount
    return sums


@pytest.mark.parametrize("lot", range(LOTS))
@some
@given(seed=st.integers(0, 10**9))
def test_any_month_is_allocated_as_the_plain_rule_does(lot: int, seed: int) -> None:
    with pytest.MonkeyPatch.context() as patch, TemporaryDirectory() as folder:
        remembering(patch)
        patch.setattr(allocate_month, "ROWS_PER_SHARD", 8)
        made, expected = _run(Path(folder), seed * LOTS + lot)

        assert differences(_parts(made), expected) == []
        found = made.allocations.find(*OF)
        assert found is not None
        for (element, currency), days in _days(expected).items():
            rolled = {one.currency: one.days for one in made.allocations.rollups(found, element)}
            assert rolled[currency] == days


@some
@given(seed=st.integers(0, 10**9))
def test_the_same_from_scratch_is_the_same_bytes(seed: int) -> None:
    found = []
    for _ in range(2):
        with pytest.MonkeyPatch.context() as patch, TemporaryDirectory() as folder:
            remembering(patch)
            patch.setattr(allocate_month, "ROWS_PER_SHARD", 8)
            made, _ = _run(Path(folder), seed)
            ledger = made.house.ledger
            keys = ledger.keys("allocations/")
            found.append({key: ledger.cached(key).read_bytes() for key in keys})

    assert found[0] == found[1] != {}
