"""Allocating a bill, step by step: plan, allocate shares of the accounts, spread, publish.

What a run makes is a function of the load and of the rules that matter for it, and lies under the
name of that: each step can be run again at any time, by several executions at once.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

from finops.domain.allocation_runs import (
    ENGINE,
    LINEAGE,
    READ,
    Allocation,
    AllocationTotal,
    Days,
    Succession,
    rollups,
    succession,
    turn,
)
from finops.domain.allocations import Bill as SpendBill
from finops.domain.allocations import PartKind, Spends, added
from finops.domain.bills import Bill
from finops.domain.charges import ChargeCategory
from finops.domain.class_policies import ChargeClass, CostBasis, PolicyKind
from finops.domain.errors import ConflictError, NotFoundError
from finops.domain.loads import BillSummary
from finops.domain.month_closes import MonthClose
from finops.domain.periods import Period
from finops.domain.places import allocation, generation, work
from finops.domain.rule_changes import applied
from finops.domain.rule_snapshots import Scene, Snapshot
from finops.domain.values import Frozen
from finops.ledger import allocating, engine, ownership
from finops.usecases.grounds import Book, ground_of, living
from finops.usecases.load_bill import scratch
from finops.usecases.ports import Allocations, Bills, Closes, Ledger, Rollup
from finops.usecases.previews import Preview, compared

ROWS_PER_SHARD = 4_000_000  # charges that one worker allocates
TRANSFERS = 16
TRIES = 5
CHARGES = "/charges.parquet"
NONE = "(none)"
SPREAD = "spread-"  # begins the names of what goes in proportion to spend
SUMS = ("days", "owners", "spend", "cards", "allotments")  # what parts add up to, in the index


class Planned(Frozen):
    """What `plan_allocation` tells the state machine."""

    status: str
    payer: str
    billing_period: str
    preview_id: str | None = None
    base_id: str = ""  # the run of the rules as they are, beside that of a preview
    run_id: str = ""
    billed_run_id: str = ""  # the run on billed cost beside it, where owners pay another one
    bucket: str = ""
    items: int = 0
    items_key: str = ""
    revision: int = 0
    spreads: bool = False
    is_frozen: bool = False  # the month's close has begun: the rules are those of the close
    engine: int = 1


class Item(Frozen):
    """A share of the accounts of a run."""

    payer: str
    billing_period: str
    load_id: str
    run_id: str
    shard: int
    shards: int
    accounts: tuple[str, ...]  # folders of the ledger


# -- plan -------------------------------------------------------------------------------------


def plan_allocation(
    payer: str,
    period: str,
    preview_id: str | None,
    *,
    book: Book,
    bills: Bills,
    allocations: Allocations,
    closes: Closes,
    ledger: Ledger,
    bucket: str,
) -> Planned:
    """Take down the rules as they are, and cut the bill into shares of the accounts.

    A preview is planned beside the rules as they are, so that only its changes make a difference.
    Where owners do not pay the billed cost, a run on it is planned beside theirs, by the same rules:
    what is invoiced has owners too (specification section 11).
    Raises NotFoundError for a bill that there is not, and what its changes raise.
    """
    bill = bills.find(payer, period)
    if bill is None:
        raise NotFoundError(f"there is no bill of {payer} for {period}")
    rules, revision = book.now()
    products = living(book.grounds)
    index = ledger.get_json(f"{generation(payer, period, bill.load_id)}/index.json")
    scene = _scene(bill, index)
    now = Snapshot.of(rules, products, scene)
    close = closes.find(period)
    is_frozen = close is not None and close.is_frozen
    stays = is_frozen or book.is_closed(period)
    snapshots = [_as_closed(now, bill, close, allocations, ledger) if stays else now]
    basis = snapshots[0].basis
    run_ids = [snapshots[0].run_id(_source(bill), ENGINE)]
    planned = Planned(
        status="Planned",
        payer=payer,
        billing_period=period,
        revision=revision,
        is_frozen=is_frozen,
        engine=ENGINE,
    )
    base_id = run_id = run_ids[0]
    if preview_id is not None:
        preview = Preview(**ledger.get_json(Preview.place(preview_id)))
        base = ground_of(preview.by, preview.at, grounds=book.grounds)
        changed = applied(preview.changes, rules, base._replace(sees=preview.sees))
        snapshots.append(Snapshot.of(changed, products, scene))
        run_ids.append(run_id := snapshots[1].run_id(_source(bill), ENGINE))
    elif _is_current(allocations, bill, run_id, revision, basis, is_closed=stays):
        return planned.model_copy(update={"status": "Unchanged", "run_id": run_id})
    elif basis is not CostBasis.BILLED:
        snapshots.append(snapshots[0].model_copy(update={"basis": CostBasis.BILLED}))
        run_ids.append(snapshots[1].run_id(_source(bill), ENGINE))
        planned = planned.model_copy(update={"billed_run_id": run_ids[1]})
    items = [
        item
        for each, snapshot in dict(zip(run_ids, snapshots, strict=True)).items()
        if not _is_made(bill, each, ledger)
        for item in _items(bill, each, snapshot, index, ledger)
    ]
    key = work("-".join(["allocate", *dict.fromkeys(run_ids)]), "items.json")
    ledger.put_json(key, [item.model_dump() for item in items])
    return planned.model_copy(
        update={
            "preview_id": preview_id,
            "base_id": base_id,
            "run_id": run_id,
            "bucket": bucket,
            "items": len(items),
            "items_key": key,
            "spreads": bool(items) and any(_spreads(one, period) for one in snapshots),
        }
    )


def _as_closed(
    now: Snapshot,
    bill: Bill,
    close: MonthClose | None,
    allocations: Allocations,
    ledger: Ledger,
) -> Snapshot:
    """The rules that a bill of a closed month is allocated by: as they were, whatever they are *now*.

    What changes of a closed month is its bill, and that alone is corrected. They are those of the run
    that the month was closed with; where its files are gone, of the one that came of it.
    """
    current = allocations.find(bill.billing_account_id, bill.billing_period)
    if current is None:
        return now
    closed_with = dict(close.snapshot.runs) if close and close.snapshot else {}
    later = _rules_of(bill, current.run_id, ledger).beside(now)
    try:
        run_id = closed_with[bill.billing_account_id]
        return _rules_of(bill, run_id, ledger).beside(later)
    except (KeyError, NotFoundError):
        return later


def _rules_of(bill: Bill, run_id: str, ledger: Ledger) -> Snapshot:
    return Snapshot(**ledger.get_json(f"{_root(bill, run_id)}/rules.json"))


def _source(bill: Bill) -> str:
    """What a run is made of: one load may bring the bills of several payers and months."""
    return f"{bill.billing_account_id} {bill.billing_period} {bill.load_id}"


def _scene(bill: Bill, index: Mapping[str, Any]) -> Scene:
    summaries = [BillSummary(**summary) for summary in index["summaries"]]
    days = [date.fromisoformat(day) for one in summaries for day in one.by_day if day != NONE]
    return Scene(
        payer=bill.billing_account_id,
        billing_period=bill.billing_period,
        days=Period(min(days), max(days) + timedelta(1)) if days else Period(date.max, date.max),
        accounts=frozenset(account for one in summaries for account in one.by_account),
    )


def _spreads(snapshot: Snapshot, period: str) -> bool:
    policies = snapshot.policies
    decided = [policies.on(name, period) for name in ChargeClass] if policies else []
    return any(policy and policy.kind is PolicyKind.IN_PROPORTION for policy in decided)


def _is_current(
    allocations: Allocations,
    bill: Bill,
    run_id: str,
    revision: int,
    basis: CostBasis,
    *,
    is_closed: bool,
) -> bool:
    """Whether readers see this very run; then they are told how new the rules are that made it."""
    current = allocations.find(bill.billing_account_id, bill.billing_period)
    if current is None or current.run_id != run_id:
        return False
    if not current.is_of(bill.load_id, revision, basis, is_closed=is_closed):
        try:
            allocations.publish(current.model_copy(update={"revision": revision}))
        except ConflictError:
            return False  # another run was published meanwhile: this one says for itself
    return True


def _is_made(bill: Bill, run_id: str, ledger: Ledger) -> bool:
    """Whether all that the run makes is there; then it counts as made now, and stays for a while.

    The files are looked at last: who is deleting the run begins with its index, and leaves the rest
    where that is back.
    """
    root = _root(bill, run_id)
    try:
        index = ledger.get_json(f"{root}/index.json")
    except NotFoundError:
        return False
    ledger.put_json(f"{root}/index.json", index)
    parts = [part["name"] for part in index["parts"]]
    sums = [name for kind in SUMS for name in index[kind]]
    named = {"index.json", "rules.json", *parts, *sums}
    return {f"{root}/{name}" for name in named} <= set(ledger.keys(f"{root}/"))


def _root(bill: Bill, run_id: str) -> str:
    return allocation(bill.billing_account_id, bill.billing_period, run_id)


def _items(
    bill: Bill, run_id: str, snapshot: Snapshot, index: Mapping[str, Any], ledger: Ledger
) -> list[Item]:
    shards: list[list[str]] = []
    rows = ROWS_PER_SHARD
    for file in index["files"]:
        if not str(file["name"]).endswith(CHARGES):
            continue
        if not shards or rows + file["rows"] > ROWS_PER_SHARD:
            shards.append([])
            rows = 0
        shards[-1].append(str(file["name"]).removesuffix(CHARGES))
        rows += file["rows"]
    ledger.put_json(_scratch(run_id, "rules.json"), snapshot.model_dump(mode="json"))
    items = [
        Item(
            payer=bill.billing_account_id,
            billing_period=bill.billing_period,
            load_id=bill.load_id,
            run_id=run_id,
            shard=shard,
            shards=len(shards),
            accounts=tuple(accounts),
        )
        for shard, accounts in enumerate(shards)
    ]
    ledger.put_json(_scratch(run_id, "plan.json"), {"shards": len(items)})
    return items


def _scratch(run_id: str, name: str) -> str:
    return work(f"allocate-{run_id}", name)


# -- allocate ---------------------------------------------------------------------------------


def allocate_accounts(item: Item, *, ledger: Ledger, limits: engine.Limits) -> int:
    """Allocate a share of the accounts; the number of parts."""
    snapshot = Snapshot(**ledger.get_json(_scratch(item.run_id, "rules.json")))
    source = generation(item.payer, item.billing_period, item.load_id)
    with scratch() as folder, ThreadPoolExecutor(TRANSFERS) as pool:
        charges = [folder / f"{number}.charges" for number in range(len(item.accounts))]
        keys = [f"{source}/{account}{CHARGES}" for account in item.accounts]
        list(pool.map(ledger.get, keys, charges))
        with engine.connect(limits.model_copy(update={"scratch": folder})) as connection:
            made = allocating.allocate(
                connection, charges, folder / "made", snapshot.rules, snapshot.products
            )
        told = _put(item, made, "", ledger, pool)
        waiting = made.waiting
        if waiting is not None:
            keys = [_waiting(item, file.name) for file in waiting]
            list(pool.map(ledger.put, keys, waiting))
    told["accounts"] = list(item.accounts)
    told["waiting"] = [file.name for file in waiting] if waiting else []
    told["spends"] = [
        [*of, product, ticks]
        for of, weights in made.spends.items()
        for product, ticks in weights.items()
    ]
    ledger.put_json(_scratch(item.run_id, f"allocated/{item.shard}.json"), told)
    return made.rows


def _waiting(item: Item, name: str) -> str:
    return _scratch(item.run_id, f"waiting/{item.shard}/{name}")


def _put(
    item: Item,
    made: allocating.Allocated,
    prefix: str,
    ledger: Ledger,
    pool: ThreadPoolExecutor,
) -> dict[str, Any]:
    """The files of a share of the accounts in the run's place; their names."""
    root = allocation(item.payer, item.billing_period, item.run_id)
    names = {
        "parts": [f"{prefix}parts-{item.shard:04}-{n:04}.parquet" for n in range(len(made.parts))],
        "days": [f"{prefix}days-{item.shard:04}.parquet"],
        "owners": [f"{prefix}owners-{item.shard:04}.parquet"],
        "spend": [f"{prefix}spend-{item.shard:04}.parquet"],
        "cards": [f"{prefix}cards-{item.shard:04}.parquet"],
        "allotments": [f"{prefix}allotments-{item.shard:04}.parquet"],
    }
    sums = (made.days, made.owners, made.by_service, made.card_lines, made.allotments)
    files = [*made.parts, *sums]
    keys = [f"{root}/{name}" for some in names.values() for name in some]
    list(pool.map(ledger.put, keys, files))
    return {**names, "rows": made.rows}


# -- spread -----------------------------------------------------------------------------------


def spread_classes(item: Item, *, ledger: Ledger, limits: engine.Limits) -> int:
    """Spread what waits for the spend of all accounts together; the number of parts."""
    told = _results(item.run_id, item.shards, "allocated", ledger)
    mine = told[item.shard]
    if not mine["waiting"]:
        return 0
    spends = added(_spends(one["spends"]) for one in told)
    with scratch() as folder, ThreadPoolExecutor(TRANSFERS) as pool:
        files = [folder / name for name in mine["waiting"]]
        list(pool.map(ledger.get, [_waiting(item, name) for name in mine["waiting"]], files))
        with engine.connect(limits.model_copy(update={"scratch": folder})) as connection:
            made = allocating.spread(
                connection, allocating.Waiting(*files), spends, folder / "made"
            )
        spread = _put(item, made, SPREAD, ledger, pool)
    ledger.put_json(_scratch(item.run_id, f"spread/{item.shard}.json"), spread)
    return made.rows


def _spends(rows: Iterable[Sequence[Any]]) -> Spends:
    spends: defaultdict[SpendBill, dict[str, int]] = defaultdict(dict)
    for *of, product, ticks in rows:
        spends[SpendBill(*of)][product] = ticks
    return spends


def _results(run_id: str, shards: int, step: str, ledger: Ledger) -> list[dict[str, Any]]:
    keys = [_scratch(run_id, f"{step}/{shard}.json") for shard in range(shards)]
    with ThreadPoolExecutor(TRANSFERS) as pool:
        return list(pool.map(ledger.get_json, keys))


# -- publish ----------------------------------------------------------------------------------


class Published(Frozen):
    """What became of a run."""

    status: str
    payer: str
    billing_period: str
    run_id: str
    rollups: int = 0


def publish_allocation(
    planned: Planned,
    *,
    now: datetime,
    bills: Bills,
    allocations: Allocations,
    closes: Closes,
    ledger: Ledger,
    limits: engine.Limits,
) -> Published:
    """Hold what was made against the bill, to the last tick, and let readers see it in one step.

    What was planned before the month's close began, or was given up, is to be planned anew. Of a
    preview nobody sees anything but who asks for it. Raises ArithmeticError where parts and bill
    differ: then nothing is published, and an alarm is due.
    """
    items = [Item(**item) for item in ledger.get_json(planned.items_key)]
    for first in {item.run_id: item for item in items}.values():
        _close(first, ledger, limits)
    of = (planned.payer, planned.billing_period)
    told = {"payer": of[0], "billing_period": of[1], "run_id": planned.run_id}
    index = ledger.get_json(f"{allocation(*of, planned.run_id)}/index.json")
    if planned.preview_id is not None:
        before = ledger.get_json(f"{allocation(*of, planned.base_id)}/index.json")
        effect = compared(*of, before, index)
        ledger.put_json(Preview.result(planned.preview_id, *of), effect.model_dump(mode="json"))
        return Published(status="Previewed", **told)
    for _ in range(TRIES):
        current = allocations.find(*of)
        bill = bills.find(*of)
        close = closes.find(planned.billing_period)
        found = succession(
            current,
            planned.run_id,
            index["load_id"],
            bill.load_id if bill else "",
            planned.revision,
            is_late=planned.is_frozen != (close is not None and close.is_frozen),
        )
        if current and found is Succession.SAME and current.revision < planned.revision:
            # Made by others who knew of fewer changes: none of those is still to be allocated.
            after, written = current.model_copy(update={"revision": planned.revision}), 0
        elif found is not Succession.TAKES_OVER:
            return Published(status=found, **told)
        else:
            after = _succeeded(current, planned, index, now)
            written = _write_rollups(current, after, ledger, limits, index, allocations)
        try:
            allocations.publish(after)
        except ConflictError:
            continue
        status = "Published" if found is Succession.TAKES_OVER else found
        return Published(status=status, rollups=written, **told)
    raise ConflictError(f"others publish the allocation of {of} at this moment: try again")


def _close(item: Item, ledger: Ledger, limits: engine.Limits) -> None:
    """Add up what the workers made of a run, compare it with the bill, and write its index."""
    shards = int(ledger.get_json(_scratch(item.run_id, "plan.json"))["shards"])
    told = _results(item.run_id, shards, "allocated", ledger)
    waiting = [number for number, one in enumerate(told) if one["waiting"]]
    keys = [_scratch(item.run_id, f"spread/{shard}.json") for shard in waiting]
    spread = [ledger.get_json(key) for key in keys]
    index: dict[str, Any] = {"load_id": item.load_id, "run_id": item.run_id}
    for kind in SUMS:
        index[kind] = [name for one in (*told, *spread) for name in one[kind]]
    index["parts"] = [
        {"name": name, "accounts": one["accounts"]} for one in told for name in one["parts"]
    ] + [
        {"name": name, "accounts": told[shard]["accounts"]}
        for shard, one in zip(waiting, spread, strict=True)
        for name in one["parts"]
    ]
    index["rows"] = sum(one["rows"] for one in (*told, *spread))
    snapshot = Snapshot(**ledger.get_json(_scratch(item.run_id, "rules.json")))
    index["basis"] = snapshot.basis
    root = allocation(item.payer, item.billing_period, item.run_id)
    days = _days([f"{root}/{name}" for name in index["days"]], ledger, limits)
    products: defaultdict[str, defaultdict[str, int]] = defaultdict(lambda: defaultdict(int))
    reasons: defaultdict[str, defaultdict[str, int]] = defaultdict(lambda: defaultdict(int))
    for currency, product, reason, _, ticks in days:
        if product is not None:
            products[currency or ""][product] += ticks
        else:
            reasons[currency or ""][reason or ""] += ticks
    index["products"], index["unallocated"] = products, reasons
    index["workloads"] = _workloads([f"{root}/{name}" for name in index["owners"]], ledger, limits)
    _must_be_the_bill(item, index, ledger)
    # What was decided by stays with what came of it.
    ledger.put_json(f"{root}/rules.json", snapshot.model_dump(mode="json"))
    ledger.put_json(f"{root}/index.json", index)


DayRow = tuple[str | None, str | None, str | None, str, int]


def _days(keys: Sequence[str], ledger: Ledger, limits: engine.Limits) -> list[DayRow]:
    """Ticks by currency, product or reason, and day."""
    if not keys:
        return []
    with ThreadPoolExecutor(TRANSFERS) as pool:
        files: list[Path] = list(pool.map(ledger.cached, keys))
    with engine.connect(limits) as connection:
        return [
            (row.currency, row.product_id, row.reason, row.day.isoformat(), int(row.amount))
            for row in allocating.product_days(connection, files)
        ]


def _workloads(
    keys: Sequence[str], ledger: Ledger, limits: engine.Limits
) -> dict[str, dict[str, int]]:
    """Ticks of workloads, by currency; of those whose product is alive."""
    sums: defaultdict[str, dict[str, int]] = defaultdict(dict)
    given = {"kind": [PartKind.CLAIM.value, PartKind.RULE.value]}
    with ThreadPoolExecutor(TRANSFERS) as pool:
        files = list(pool.map(ledger.cached, keys))
    with engine.connect(limits) as connection:
        of_each = ownership.sums(connection, files, ("currency", "workload"), given)
        for currency, workload, ticks in of_each:
            sums[currency or ""][workload] = int(ticks)
    return dict(sums)


def _must_be_the_bill(item: Item, index: Mapping[str, Any], ledger: Ledger) -> None:
    """Raises ArithmeticError where owners and nobody together are not the bill's spend."""
    source = generation(item.payer, item.billing_period, item.load_id)
    summaries = [
        BillSummary(**summary) for summary in ledger.get_json(f"{source}/index.json")["summaries"]
    ]
    column = CostBasis(index["basis"]).column
    for summary in summaries:
        spend = sum(
            getattr(costs, column)
            for category, costs in summary.by_charge_category.items()
            if category != ChargeCategory.CREDIT
        )
        currency = summary.billing_currency or ""
        made = sum(index["products"].get(currency, {}).values())
        made += sum(index["unallocated"].get(currency, {}).values())
        if made != spend:
            raise ArithmeticError(
                f"bill {summary.of} is {spend} ticks of spend, its parts are {made}"
            )


def _succeeded(
    current: Allocation | None,
    planned: Planned,
    index: Mapping[str, Any],
    now: datetime,
) -> Allocation:
    run_id = str(index["run_id"])
    inherited = current.lineage if current and len(current.lineage) < LINEAGE else ()
    version = current.version if current else 0
    billed_before = current.billed_runs if current else ()
    currencies = sorted({*index["products"], *index["unallocated"]})
    return Allocation(
        billing_account_id=planned.payer,
        billing_period=planned.billing_period,
        run_id=run_id,
        load_id=str(index["load_id"]),
        basis=CostBasis(index["basis"]),
        revision=planned.revision,
        made_at=now,
        lineage=(*inherited, turn(run_id, version + 1)),
        totals=tuple(
            AllocationTotal(
                currency=currency or None,
                allocated=sum(index["products"].get(currency, {}).values()),
                unallocated=index["unallocated"].get(currency, {}),
            )
            for currency in currencies
        ),
        engine=planned.engine,
        billed_runs=(*billed_before, planned.billed_run_id or run_id)[-READ:],
        version=version,
    )


def _write_rollups(
    current: Allocation | None,
    after: Allocation,
    ledger: Ledger,
    limits: engine.Limits,
    index: Mapping[str, Any],
    allocations: Allocations,
) -> int:
    """The roll-ups that differ from those in force; readers do not see them yet."""
    root = allocation(after.billing_account_id, after.billing_period, after.run_id)
    made = rollups(_days([f"{root}/{name}" for name in index["days"]], ledger, limits))
    known = allocations.digests(current) if current and len(after.lineage) > 1 else {}
    gone: dict[tuple[str, str | None], Days] = {of: {} for of in known if of not in made}
    return allocations.write_rollups(
        after,
        [
            rollup
            for of, days in (made | gone).items()
            if known.get(of) != (rollup := Rollup.of(of, days)).digest
        ],
    )
