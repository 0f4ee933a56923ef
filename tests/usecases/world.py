"""A small world for trap 4: AWS that writes deliveries, a bucket they travel to, runs that load them.

Everything that happens is asked for by a test. Time stands still between two askings.
"""

from collections import defaultdict, deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow.parquet as pq

from finops.adapters.dynamodb import DynamoBills, DynamoLoads
from finops.adapters.s3 import S3Deliveries, S3Ledger
from finops.domain.bills import Bill
from finops.domain.errors import ConflictError, DeliveryChangedError
from finops.domain.loads import LoadStatus
from finops.domain.places import generation, work
from finops.ledger.engine import Limits
from finops.usecases.housekeeping import expire_generations, sweep_deliveries
from finops.usecases.load_bill import check_load, fail_load, find_delivery, publish_load
from finops.usecases.ports import Bills, Deliveries, Ledger, Loads
from finops.usecases.reduce_bill import Item, merge_bill, plan_load, reduce_bill
from tests.aws import BILLING, BILLS, LEDGER, LOADS, client, put_at
from tests.exports import MONTH, PAYER, Line, created_new, csv_file, overwritten, parquet_file
from tests.fakes import FolderLedger, InMemoryBills, InMemoryDeliveries, InMemoryLoads, InMemoryRuns

MINUTE = timedelta(minutes=1)
WAIT = MINUTE
QUIET = timedelta(minutes=15)
LAG = timedelta(minutes=10)  # of replication, at most: less than the quiet that is waited for
OTHER_PAYER = "888877776666"
LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)
TRIES = 3  # of a step, before the machine records a failure


class Crash(Exception):  # noqa: N818  an accident, not an error of ours
    """A worker dies: its disk, its memory, its time."""


# What a step may end with; anything else is a defect and fails the test.
TROUBLES = (Crash, DeliveryChangedError, ConflictError)


@dataclass
class Stores:
    """The ports, on fakes or on moto, and the ways into the bucket that are not a port's."""

    deliveries: Deliveries
    put: Callable[[str, bytes, datetime], None]
    forget_versions: Callable[[str], None]
    ledger: Ledger
    loads: Loads
    bills: Bills


def in_memory(folder: Path) -> Stores:
    bucket = InMemoryDeliveries()

    def put(key: str, body: bytes, at: datetime) -> None:
        bucket.put(key, body, modified_at=at)

    return Stores(
        deliveries=bucket,
        put=put,
        forget_versions=bucket.forget_versions,
        ledger=FolderLedger(folder / "ledger"),
        loads=InMemoryLoads(),
        bills=InMemoryBills(),
    )


def on_moto(folder: Path) -> Stores:
    """The real adapters, inside of `tests.aws.furnished`."""
    s3, dynamodb = client("s3"), client("dynamodb")

    def put(key: str, body: bytes, at: datetime) -> None:
        put_at(BILLING, key, body, at)

    def forget_versions(key: str) -> None:
        for one in s3.list_object_versions(Bucket=BILLING, Prefix=key).get("Versions", ()):
            if one["Key"] == key and not one["IsLatest"]:
                s3.delete_object(Bucket=BILLING, Key=key, VersionId=one["VersionId"])

    return Stores(
        deliveries=S3Deliveries(s3, BILLING),
        put=put,
        forget_versions=forget_versions,
        ledger=S3Ledger(s3, LEDGER, folder / "cache"),
        loads=DynamoLoads(dynamodb, LOADS),
        bills=DynamoBills(dynamodb, BILLS),
    )


class Sum(NamedTuple):
    """Lines, and ticks of their unblended cost."""

    lines: int = 0
    ticks: int = 0

    def plus(self, lines: int, ticks: int) -> "Sum":
        return Sum(self.lines + lines, self.ticks + ticks)


Of = tuple[str, str]  # a payer and an account
Seen = Mapping[Of, Sum]


class Made(NamedTuple):
    """A delivery as AWS made it: what it adds up to by payer and account, and by file."""

    number: int
    execution_id: str
    manifest_key: str
    manifest: bytes
    sums: Seen
    files: Mapping[str, Sum]


def sums(of: Iterable[tuple[Of, int, int]]) -> Seen:
    found: defaultdict[Of, Sum] = defaultdict(Sum)
    for key, lines, ticks in of:
        found[key] = found[key].plus(lines, ticks)
    return dict(found)


class Arriving(NamedTuple):
    key: str
    body: bytes
    written_at: datetime


@dataclass
class Run:
    """An execution of `load_bill`: where it stands, as the state machine would know."""

    manifest_key: str
    at: str = "find"
    attempt: int = 0
    load_id: str = ""
    items: int = 0
    reduced: int = 0
    not_before: datetime = LONG_AGO
    failures: int = 0
    failed_at: str = ""

    @property
    def is_over(self) -> bool:
        return self.at in ("done", "failed")


class Troubled:
    """A port before each call of which something may happen."""

    def __init__(self, port: Any, before: Callable[[], None]) -> None:
        self._port = port
        self._before = before

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._port, name)

        def call(*args: Any, **named: Any) -> Any:
            self._before()
            return method(*args, **named)

        return call


class World:
    """AWS, the bucket, the runs; and what a reader sees of it all."""

    def __init__(
        self,
        stores: Stores,
        scratch: Path,
        *,
        layout: str,
        suffix: str,
        in_order: bool,
        keeps_times: bool,
    ) -> None:
        self.stores = stores
        self.layout, self.suffix = layout, suffix
        self.in_order, self.keeps_times = in_order, keeps_times
        self.now = datetime(2026, 9, 20, 8, 0, tzinfo=UTC)
        self.made: list[Made] = []
        self.travelling: deque[Arriving] = deque()
        self.events: list[str] = []
        self.runs: list[Run] = []
        self.newest_seen = -1
        self._limits = Limits(scratch=scratch, memory_mb=200, threads=1)
        self._bodies: list[list[Line]] = []
        self._hook: Callable[[], None] | None = None
        self._calls = 0
        self._checked: dict[str, Seen] = {}

    # -- AWS -----------------------------------------------------------------------------------

    def deliver(self, files: int, changed: Sequence[bool]) -> None:
        """The next delivery is made: *files* of them, of which those not *changed* are as before."""
        self._see_the_one_before()
        self.pass_time(timedelta(hours=4))
        number = len(self.made)
        bodies = [
            self._bodies[n]
            if n < len(self._bodies) and not changed[n]
            else [
                Line(f"{number + 1}.{n}000000001", account=f"11111111111{n}"),
                Line(f"-0.{number + 1:03d}", account=f"11111111111{n}", day="2026-09-03"),
                Line(f"{n}.{number + 1:03d}", account="222222222222", payer=OTHER_PAYER),
            ]
            for n in range(files)
        ]
        self._bodies = bodies
        packed = [(parquet_file if self.suffix == "parquet" else csv_file)(b) for b in bodies]
        execution = f"{number:08d}-0000-0000-0000-000000000000"
        if self.layout == "overwrite":
            export = overwritten(execution, packed, suffix=self.suffix)
        else:
            export = created_new(execution, packed, self.now, suffix=self.suffix)
        for key, body in export.files.items():
            self.travelling.append(Arriving(key, body, self.now))
            self.now += MINUTE
        manifest = export.manifest.encode()
        self.travelling.append(Arriving(export.manifest_key, manifest, self.now))
        self.made.append(
            Made(
                number,
                execution,
                export.manifest_key,
                manifest,
                sums(((ln.payer, ln.account), 1, ln.ticks) for body in bodies for ln in body),
                {
                    key: Sum(len(body), sum(line.ticks for line in body))
                    for key, body in zip(export.files, bodies, strict=True)
                },
            )
        )

    def _see_the_one_before(self) -> None:
        """Where objects come in any order onto the same keys, nothing tells a file of a delivery
        that nobody has found whole from one of the next: so this one was (see test_load_bill)."""
        if self.layout == "overwrite" and not self.in_order and self.made:
            self.arrive_all()
            run = self.start(self.made[-1].manifest_key)
            while run.at == "find":
                self.step(run)

    def noise(self, many: int) -> None:
        """*many* other objects in the prefix of the export, among them a file it left behind."""
        folder = f"exports/cur2/data/BILLING_PERIOD={MONTH}"
        left_behind = csv_file([Line("999999", payer=PAYER)])
        self.stores.put(f"{folder}/cur2-00009.csv", left_behind, self.now)
        for n in range(many - 1):
            self.stores.put(f"{folder}/old/{n:05d}-Manifest.json.bak", b"", self.now)

    def pass_time(self, time: timedelta) -> None:
        """Time passes, and what is on its way for too long arrives in it."""
        until = self.now + time
        while self.travelling and self.travelling[0].written_at + LAG <= until:
            self.arrive(0)
        self.now = max(self.now, until)

    def send_manifest_again(self, number: int) -> None:
        """The same manifest is written once more, after the objects that are on their way."""
        again = self.made[number]
        self.travelling.append(Arriving(again.manifest_key, again.manifest, self.now))

    def arrive(self, choice: int) -> None:
        """One of the objects on their way arrives; of one key, the older version first."""
        next_of: dict[str, Arriving] = {}
        for one in self.travelling:
            next_of.setdefault(one.key, one)
        waiting = list(next_of.values())
        one = waiting[0 if self.in_order else choice % len(waiting)]
        self.travelling.remove(one)
        self.now += MINUTE
        self.stores.put(one.key, one.body, one.written_at if self.keeps_times else self.now)
        if one.key.endswith("-Manifest.json"):
            self.events.append(one.key)

    # -- runs ----------------------------------------------------------------------------------

    def start(self, manifest_key: str) -> Run:
        run = Run(manifest_key)
        self.runs.append(run)
        return run

    def sweep(self) -> list[Run]:
        runs = InMemoryRuns()
        sweep_deliveries(
            now=self.now, deliveries=self.stores.deliveries, loads=self.stores.loads, runs=runs
        )
        return [self.start(key) for key in runs.started]

    def expire(self) -> None:
        expire_generations(
            now=self.now,
            keep=timedelta(days=7),
            bills=self.stores.bills,
            loads=self.stores.loads,
            ledger=self.stores.ledger,
        )

    def step(self, run: Run, *, before_call: int = 0, do: Callable[[], None] | None = None) -> None:
        """The next step of *run*; ahead of its *before_call*-th call of a port, *do* happens."""
        if run.is_over:
            return
        outer = self._hook, self._calls
        self._hook, self._calls = do, before_call
        try:
            getattr(self, f"_{run.at}")(run)
            run.failures = 0
        except TROUBLES as trouble:
            run.failures += 1
            if run.failures >= TRIES:
                self._hook = None
                self.give_up(run, repr(trouble))
        finally:
            self._hook, self._calls = outer

    def give_up(self, run: Run, cause: str) -> None:
        """The machine records the failure; a redrive starts at the step that failed."""
        fail_load(
            run.load_id or None,
            cause,
            loads=self.stores.loads,
            deliveries=self.stores.deliveries,
        )
        run.failed_at, run.at, run.failures = run.at, "failed", 0

    def redrive(self, run: Run) -> None:
        if run.at == "failed":
            run.at, run.failed_at = run.failed_at, ""

    def _meddle(self) -> None:
        if self._hook is not None:
            self._calls -= 1
            if self._calls < 0:
                hook, self._hook = self._hook, None
                hook()

    def _port(self, name: str) -> Any:
        return Troubled(getattr(self.stores, name), self._meddle)

    def _find(self, run: Run) -> None:
        self.pass_time(max(run.not_before - self.now, timedelta()))
        found = find_delivery(
            run.manifest_key,
            run.attempt,
            now=self.now,
            wait=WAIT,
            quiet=QUIET,
            deliveries=self._port("deliveries"),
            loads=self._port("loads"),
        )
        run.load_id = found.load_id or ""
        run.attempt = found.next_attempt
        run.not_before = self.now + WAIT
        match found.status:
            case "Ready":
                run.at = "plan"
            case LoadStatus.WAITING:
                run.at = "find"
            case _:
                run.at = "done"

    def _plan(self, run: Run) -> None:
        plan = plan_load(
            run.load_id,
            lines_per_item=2,
            bucket="",
            deliveries=self._port("deliveries"),
            loads=self._port("loads"),
            ledger=self._port("ledger"),
            limits=self._limits,
        )
        assert plan.status == "Planned", self.stores.loads.get(run.load_id).reason
        run.items, run.reduced, run.at = plan.items, 0, "reduce"

    def _reduce(self, run: Run) -> None:
        item = self.stores.ledger.get_json(work(run.load_id, "items.json"))[run.reduced]
        reduced = reduce_bill(
            Item(**item),
            deliveries=self._port("deliveries"),
            loads=self._port("loads"),
            ledger=self._port("ledger"),
            limits=self._limits,
        )
        assert reduced.status == "Reduced", self.stores.loads.get(run.load_id).reason
        run.reduced += 1
        run.at = "reduce" if run.reduced < run.items else "merge"

    def _merge(self, run: Run) -> None:
        merge_bill(
            run.load_id,
            0,
            loads=self._port("loads"),
            ledger=self._port("ledger"),
            limits=self._limits,
        )
        run.at = "check"

    def _check(self, run: Run) -> None:
        check_load(run.load_id, loads=self._port("loads"), ledger=self._port("ledger"))
        run.at = "publish"

    def _publish(self, run: Run) -> None:
        publish_load(
            run.load_id,
            now=self.now,
            deliveries=self._port("deliveries"),
            loads=self._port("loads"),
            bills=self._port("bills"),
            ledger=self._port("ledger"),
        )
        run.at = "done"

    # -- readers -------------------------------------------------------------------------------

    def check(self) -> None:
        """What a reader sees is one whole delivery, in every place, and none older than before."""
        bills = self.stores.bills.in_period(MONTH)
        if not bills:
            assert self.newest_seen == -1, "what was there is there no more"
            return
        [load_id] = {bill.load_id for bill in bills}
        seen = sums(
            ((bill.billing_account_id, t.account or ""), lines, ticks)
            for bill in bills
            for t in self.stores.bills.account_totals(bill)
            for categories in (t.days or {}).values()
            for lines, ticks, *_ in categories.values()
        )
        for bill in bills:
            told = [(t.costs.lines, t.costs.unblended_cost) for t in bill.totals]
            its = [sum_ for (payer, _), sum_ in seen.items() if payer == bill.billing_account_id]
            assert told == [(sum(s.lines for s in its), sum(s.ticks for s in its))]
        load = self.stores.loads.get(load_id)
        [made] = [made for made in self.made if made.execution_id == load.execution_id]
        assert seen == made.sums, f"readers see no delivery that was made: {load_id}"
        assert self._in_the_ledger(bills, load_id) == made.sums
        assert {
            file.key: Sum(
                sum(control.lines for control in file.controls),
                sum(control.unblended_cost for control in file.controls),
            )
            for file in load.files
        } == made.files
        assert made.number >= self.newest_seen, "readers go back in time"
        self.newest_seen = made.number

    def _in_the_ledger(self, bills: Sequence[Bill], load_id: str) -> Seen:
        """Σ of the cubes, after the charges were found to say the same."""
        if load_id in self._checked and all(run.load_id != load_id for run in self.runs):
            return self._checked[load_id]
        cubes: list[tuple[Of, int, int]] = []
        charges: list[tuple[Of, int, int]] = []
        for bill in bills:
            root = generation(bill.billing_account_id, bill.billing_period, load_id)
            index = self.stores.ledger.get_json(f"{root}/index.json")
            for file in index["files"]:
                kind = Path(file["name"]).name
                if kind == "resources.parquet":
                    continue
                rows = pq.read_table(self.stores.ledger.cached(f"{root}/{file['name']}"))
                found = [
                    ((row["billing_account_id"], row["sub_account_id"]), *_sum_of(row))
                    for row in rows.to_pylist()
                ]
                (charges if kind == "charges.parquet" else cubes).extend(found)
        assert sums(cubes) == sums(charges)
        self._checked[load_id] = sums(cubes)
        return self._checked[load_id]

    # -- the dust ------------------------------------------------------------------------------

    def settle(self) -> None:
        """Everything arrives, every event comes, the daily sweep runs; then readers see the newest."""
        self.arrive_all()
        for key in self.events:
            self.start(key)
        self.events.clear()
        for _ in range(4):
            for run in self.runs:
                self.redrive(run)
            self._finish_all()
            self.pass_time(timedelta(days=1))
            self.sweep()
        self._finish_all()
        if self.made:
            self.check()
            assert self.newest_seen == self.made[-1].number, "the newest delivery is not there"

    def arrive_all(self) -> None:
        while self.travelling:
            self.arrive(0)

    def finish(self, run: Run) -> None:
        """*run* to its end, or to where it only waits."""
        for _ in range(100):
            if run.is_over:
                return
            with suppress(*TROUBLES):
                self.step(run)

    def _finish_all(self) -> None:
        for run in self.runs:
            self.finish(run)
        self.runs = [run for run in self.runs if run.at != "done"]


def _sum_of(row: Mapping[str, Any]) -> tuple[int, int]:
    return row["lines"], row["unblended_cost"]
