"""Cutting spend cubes, step by step: plan, cut shares of the accounts, publish.

What a cube is made of is the run that readers see and the tag settings, and it lies under the names
of both: each step can be run again at any time, by several executions at once.
"""

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import date, datetime
from typing import Any, NamedTuple

from finops.domain.allocation_runs import AllocationTotal
from finops.domain.bills import Bill
from finops.domain.class_policies import CostBasis
from finops.domain.errors import ConflictError, FinOpsError, NotFoundError
from finops.domain.loads import BillSummary
from finops.domain.places import allocation, cube, generation, work
from finops.domain.rule_snapshots import Snapshot
from finops.domain.spend_cubes import CubeHead, CubeTotal
from finops.domain.tag_settings import TagSettings
from finops.domain.values import Frozen
from finops.ledger import engine, spend_cubes
from finops.usecases.allocate_month import SPREAD
from finops.usecases.allocation_starts import every_bill
from finops.usecases.load_bill import scratch
from finops.usecases.organisation_settings import in_force
from finops.usecases.ports import Allocations, Bills, CubeHeads, Ledger, SettingsKept

CUTTER = 1  # to be raised where the same run and tags give another cube
TRANSFERS = 16
TRIES = 5
NAMED = 20  # characters of a hash
NAMED_AT_ONCE = 5  # bills in a failure


class PlannedCube(Frozen):
    """A cube that is to be cut: of which run and tags it is, and how fresh the bill behind it."""

    payer: str
    billing_period: str
    load_id: str
    run_id: str
    basis: CostBasis
    tags: str
    tag_keys: tuple[str, ...]
    shards: int = 0
    delivered_at: datetime
    published_at: datetime
    complete_through: date | None
    is_final: bool

    @property
    def place(self) -> str:
        return cube(self.payer, self.billing_period, self.run_id, self.tags)

    def scratch(self, name: str) -> str:
        return _scratch(self.run_id, self.tags, name)


class Planned(Frozen):
    """What `plan_cubes` tells the state machine. There may be many cubes: they are in a file."""

    status: str
    bucket: str = ""
    cubes: int = 0
    cubes_key: str = ""
    items: int = 0
    items_key: str = ""


class Item(Frozen):
    """A share of the accounts of a cube, and the names of the parts that the run made of them."""

    payer: str
    billing_period: str
    load_id: str
    run_id: str
    tags: str
    shard: int
    accounts: tuple[str, ...]  # folders of the ledger
    parts: tuple[str, ...]
    spread: tuple[str, ...]  # those with what goes in proportion to spend


class Published(Frozen):
    """How many cubes readers see from now on, saw already, and will never see."""

    published: int = 0
    same: int = 0
    overtaken: int = 0


# -- plan -------------------------------------------------------------------------------------


def plan_cubes(
    payer: str | None,
    period: str | None,
    *,
    bills: Bills,
    allocations: Allocations,
    heads: CubeHeads,
    settings: SettingsKept,
    ledger: Ledger,
    bucket: str,
) -> Planned:
    """Which cubes are not of the runs and the tags that are in force: of one bill, or of all.

    A bill whose newest load is not allocated yet has its turn when it is.
    """
    tags = in_force(settings).tags
    found: list[PlannedCube] = []
    items: list[Item] = []
    for bill in _asked(payer, period, bills):
        planned = _planned(bill, tags, allocations, heads)
        if planned is None:
            continue
        root = allocation(planned.payer, planned.billing_period, planned.run_id)
        shards = _shards(ledger.get_json(f"{root}/index.json"))
        found.append(planned.model_copy(update={"shards": len(shards)}))
        items += [
            Item(
                **_of(planned),
                shard=shard,
                accounts=accounts,
                parts=tuple(one for one in parts if not one.startswith(SPREAD)),
                spread=tuple(one for one in parts if one.startswith(SPREAD)),
            )
            for shard, (accounts, parts) in enumerate(shards.items())
        ]
        ledger.put_json(planned.scratch("tags.json"), tags.model_dump(mode="json"))
    if not found:
        return Planned(status="Unchanged")
    told = " ".join(f"{one.run_id} {one.tags}" for one in found)
    name = f"cubes-{hashlib.sha256(told.encode()).hexdigest()[:NAMED]}"
    keys = {kind: work(name, f"{kind}.json") for kind in ("cubes", "items")}
    ledger.put_json(keys["cubes"], [one.model_dump(mode="json") for one in found])
    ledger.put_json(keys["items"], [one.model_dump(mode="json") for one in items])
    return Planned(
        status="Planned",
        bucket=bucket,
        cubes=len(found),
        cubes_key=keys["cubes"],
        items=len(items),
        items_key=keys["items"],
    )


def digest(tags: TagSettings) -> str:
    """What a cube is known by of its tags: as much of the settings as makes its rows."""
    aliases = tags.aliases.of(tags.report_keys)
    told = f"{CUTTER}\n{tags.report_keys}\n{aliases.model_dump_json()}"
    return hashlib.sha256(told.encode()).hexdigest()[:NAMED]


def _asked(payer: str | None, period: str | None, bills: Bills) -> Iterator[Bill]:
    if payer is None or period is None:
        yield from every_bill(bills)
    elif bill := bills.find(payer, period):
        yield bill


def _planned(
    bill: Bill, tags: TagSettings, allocations: Allocations, heads: CubeHeads
) -> PlannedCube | None:
    of = (bill.billing_account_id, bill.billing_period)
    run = allocations.find(*of)
    if run is None or run.load_id != bill.load_id:
        return None
    head = heads.find(*of)
    if head and (head.run_id, head.tags) == (run.run_id, digest(tags)):
        return None
    return PlannedCube(
        payer=of[0],
        billing_period=of[1],
        load_id=run.load_id,
        run_id=run.run_id,
        basis=run.basis,
        tags=digest(tags),
        tag_keys=tags.report_keys,
        delivered_at=bill.delivered_at,
        published_at=bill.published_at,
        complete_through=bill.complete_through,
        is_final=bill.is_final,
    )


def _shards(index: Mapping[str, Any]) -> dict[tuple[str, ...], list[str]]:
    """The parts of a run by the accounts that they are of, as the run dealt them to its workers."""
    shards: defaultdict[tuple[str, ...], list[str]] = defaultdict(list)
    for part in index["parts"]:
        shards[tuple(part["accounts"])].append(part["name"])
    return shards


def _of(planned: PlannedCube) -> dict[str, str]:
    told = ("payer", "billing_period", "load_id", "run_id", "tags")
    return {name: getattr(planned, name) for name in told}


def _scratch(run_id: str, tags: str, name: str) -> str:
    return work(f"cube-{run_id}-{tags}", name)


# -- cut --------------------------------------------------------------------------------------


def cut_cube(item: Item, *, ledger: Ledger, limits: engine.Limits) -> int:
    """Cut the cube of a share of the accounts; the number of its rows."""
    of = (item.payer, item.billing_period)
    source, run = generation(*of, item.load_id), allocation(*of, item.run_id)
    snapshot = Snapshot(**ledger.get_json(f"{run}/rules.json"))
    tags = TagSettings(**ledger.get_json(_scratch(item.run_id, item.tags, "tags.json")))
    with scratch() as folder, ThreadPoolExecutor(TRANSFERS) as pool:
        charges = [folder / f"{number}.charges" for number in range(len(item.accounts))]
        parts = [folder / f"{number}.parts" for number in range(len(item.parts))]
        spread = [folder / f"{number}.spread" for number in range(len(item.spread))]
        keys = [f"{source}/{account}/charges.parquet" for account in item.accounts]
        keys += [f"{run}/{name}" for name in (*item.parts, *item.spread)]
        list(pool.map(ledger.get, keys, [*charges, *parts, *spread]))
        with engine.connect(limits.model_copy(update={"scratch": folder})) as connection:
            made = spend_cubes.cut(
                connection,
                charges,
                parts,
                spread,
                snapshot.rules,
                snapshot.products,
                tags,
                folder / "made",
            )
        names = {
            "days": [f"days-{item.shard:04}-{n:04}.parquet" for n in range(len(made.days))],
            "months": [f"months-{item.shard:04}-{n:04}.parquet" for n in range(len(made.months))],
        }
        place = cube(*of, item.run_id, item.tags)
        keys = [f"{place}/{name}" for some in names.values() for name in some]
        list(pool.map(ledger.put, keys, [*made.days, *made.months]))
    totals = [total.model_dump(mode="json") for total in made.totals]
    ledger.put_json(
        _scratch(item.run_id, item.tags, f"cut/{item.shard}.json"), {**names, "totals": totals}
    )
    return made.rows


# -- publish ----------------------------------------------------------------------------------


def publish_cubes(
    planned: Planned,
    *,
    now: datetime,
    allocations: Allocations,
    heads: CubeHeads,
    settings: SettingsKept,
    ledger: Ledger,
) -> Published:
    """Hold each cube against its bill and its run, to the last tick, and let readers see it.

    What is not of the run or the tags in force any more is left: who changed them has cubes of their
    own cut. Raises FinOpsError naming the bills whose cubes could not be published, once all others
    are.
    """
    found = {"published": 0, "same": 0, "overtaken": 0}
    failed: list[str] = []
    for told in ledger.get_json(planned.cubes_key):
        one = PlannedCube(**told)
        try:
            found[_publish(one, now, allocations, heads, settings, ledger)] += 1
        except (ArithmeticError, FinOpsError) as error:
            failed.append(f"{one.billing_period} of {one.payer}: {error}")
    if failed:
        more = len(failed) - NAMED_AT_ONCE
        shown = "; ".join(failed[:NAMED_AT_ONCE]) + (f"; and {more} more" if more > 0 else "")
        raise FinOpsError(f"{len(failed)} cubes were not published: {shown}")
    return Published(**found)


def _publish(
    one: PlannedCube,
    now: datetime,
    allocations: Allocations,
    heads: CubeHeads,
    settings: SettingsKept,
    ledger: Ledger,
) -> str:
    of = (one.payer, one.billing_period)
    made: _Made | None = None
    for _ in range(TRIES):
        # Read before what is in force: who changes that later is later with the head as well.
        current = heads.find(*of)
        run = allocations.find(*of)
        if run is None or run.run_id != one.run_id or digest(in_force(settings).tags) != one.tags:
            return "overtaken"
        if current and (current.run_id, current.tags) == (one.run_id, one.tags):
            return "same"
        if made is None:
            made = _made(one, ledger)
            _must_be_the_bill(one, made.totals, ledger)
            _must_be_the_run(made.totals, run.totals)
        try:
            heads.publish(_head(one, made, current, now))
        except ConflictError:
            continue
        return "published"
    raise ConflictError("others publish its cube at this moment: try again")


def _head(one: PlannedCube, made: "_Made", current: CubeHead | None, now: datetime) -> CubeHead:
    fresh = ("delivered_at", "published_at", "complete_through", "is_final")
    return CubeHead(
        **_of(one),
        **{name: getattr(one, name) for name in fresh},
        basis=one.basis,
        tag_keys=one.tag_keys,
        days=made.days,
        months=made.months,
        totals=made.totals,
        made_at=now,
        version=current.version if current else 0,
    )


class _Made(NamedTuple):
    """What the workers cut: the names of files, and totals by currency."""

    days: tuple[str, ...]
    months: tuple[str, ...]
    totals: tuple[CubeTotal, ...]


def _made(one: PlannedCube, ledger: Ledger) -> _Made:
    """NotFoundError where a worker has cut nothing, or its files are gone."""
    keys = [one.scratch(f"cut/{shard}.json") for shard in range(one.shards)]
    with ThreadPoolExecutor(TRANSFERS) as pool:
        shards = list(pool.map(ledger.get_json, keys))
    days, months = (
        tuple(name for shard in shards for name in shard[kind]) for kind in ("days", "months")
    )
    named = {f"{one.place}/{name}" for name in (*days, *months)}
    if missing := sorted(named - set(ledger.keys(f"{one.place}/"))):
        raise NotFoundError(f"{len(missing)} of its files are gone, first {missing[0]}")
    told = [CubeTotal(**total) for shard in shards for total in shard["totals"]]
    return _Made(
        days,
        months,
        tuple(
            CubeTotal(
                currency=currency,
                allocated=sum(one.allocated for one in told if one.currency == currency),
                unallocated=sum(one.unallocated for one in told if one.currency == currency),
                credited=sum(one.credited for one in told if one.currency == currency),
            )
            for currency in sorted({one.currency for one in told}, key=_last_if_absent)
        ),
    )


def _last_if_absent(currency: str | None) -> tuple[bool, str]:
    return (currency is None, currency or "")


def _must_be_the_bill(one: PlannedCube, totals: Iterable[CubeTotal], ledger: Ledger) -> None:
    """Raises ArithmeticError where the cube is not all that the bill comes to, credits included."""
    source = generation(one.payer, one.billing_period, one.load_id)
    net = {total.currency: total.net for total in totals}
    for told in ledger.get_json(f"{source}/index.json")["summaries"]:
        summary = BillSummary(**told)
        billed = getattr(summary.costs, one.basis.column)
        if (cut := net.pop(summary.billing_currency, 0)) != billed:
            raise ArithmeticError(f"bill {summary.of} is {billed} ticks, its cube is {cut}")
    if any(net.values()):
        raise ArithmeticError(f"the cube has {net}, of which the bill knows nothing")


def _must_be_the_run(totals: Iterable[CubeTotal], run: Iterable[AllocationTotal]) -> None:
    """Raises ArithmeticError where owners, or nobody, pay something else than by the run."""
    cut = {total.currency: (total.allocated, total.unallocated) for total in totals}
    paid = {total.currency: (total.allocated, sum(total.unallocated.values())) for total in run}
    for currency in {*cut, *paid}:
        if (mine := cut.get(currency, (0, 0))) != (theirs := paid.get(currency, (0, 0))):
            raise ArithmeticError(f"in {currency} the run has {theirs} ticks, its cube {mine}")
