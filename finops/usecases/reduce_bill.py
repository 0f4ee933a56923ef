"""The heavy steps of loading a bill: planning its work, reducing a range of it, merging a share.

Apart from `load_bill` because they bring the engine with them.
"""

import gzip
import hashlib
import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from finops.domain.errors import RefusedError
from finops.domain.loads import Load, LoadedFile, LoadStatus
from finops.domain.places import generation, work
from finops.domain.values import Frozen
from finops.ledger import engine, merging, parquet, reduction, sources
from finops.usecases.load_bill import refuse_load, scratch
from finops.usecases.ports import Deliveries, Ledger, Loads

LINES_PER_SHARD = 15_000_000  # so that a share of the accounts merges in one worker's memory
TRANSFERS = 16
BYTES_PER_LINE = 100  # of gzipped text; plain text has ten times as many


class Item(Frozen):
    """A reducer's work: a file, or a range of its row groups."""

    load_id: str
    item: int
    key: str
    first_group: int | None = None  # None: the whole file
    last_group: int | None = None
    shards: int = 1


class Plan(Frozen):
    """Where the work of a load is written down for the state machine to hand out."""

    status: str
    bucket: str = ""
    items_key: str = ""
    shards_key: str = ""
    items: int = 0
    shards: int = 0


def plan_load(
    load: str,
    *,
    lines_per_item: int,
    bucket: str,
    deliveries: Deliveries,
    loads: Loads,
    ledger: Ledger,
    limits: engine.Limits,
) -> Plan:
    """Cut the delivery into items of about *lines_per_item* lines, and its accounts into shards."""
    record = loads.get(load)
    try:
        ranges, lines = _ranges(record, lines_per_item, deliveries, limits)
    except RefusedError as error:
        refuse_load(load, error, loads=loads)
        return Plan(status=LoadStatus.REFUSED)
    shards = max(1, -(-lines // LINES_PER_SHARD))
    items = [
        Item(load_id=load, item=number, key=key, first_group=a, last_group=b, shards=shards)
        for number, (key, a, b) in enumerate(ranges)
    ]
    ledger.put_json(work(load, "items.json"), [item.model_dump() for item in items])
    ledger.put_json(
        work(load, "shards.json"), [{"load_id": load, "shard": shard} for shard in range(shards)]
    )
    ledger.put_json(work(load, "plan.json"), {"items": len(items), "shards": shards})
    update = {"items_total": len(items), "shards": shards}
    if (record.items_total, record.shards) != (len(items), shards):
        loads.save(record.model_copy(update=update))
    return Plan(
        status="Planned",
        bucket=bucket,
        items_key=work(load, "items.json"),
        shards_key=work(load, "shards.json"),
        items=len(items),
        shards=shards,
    )


def _ranges(
    record: Load, lines_per_item: int, deliveries: Deliveries, limits: engine.Limits
) -> tuple[list[tuple[str, int | None, int | None]], int]:
    ranges: list[tuple[str, int | None, int | None]] = []
    lines = 0
    with (
        scratch() as folder,
        engine.connect(limits) as connection,
        ThreadPoolExecutor(TRANSFERS) as pool,
    ):

        def look(file: LoadedFile) -> Path | None:
            """The footer of a Parquet file; nothing of a text."""
            start = deliveries.read_range(file, 0, 4) if file.size else b""
            if sources.packing(start) is not sources.Packing.PARQUET:
                return None
            local = folder / hashlib.sha256(file.key.encode()).hexdigest()
            parquet.fetch_footer(deliveries, file, local)
            return local

        for file, local in zip(record.files, pool.map(look, record.files), strict=True):
            if local is not None:
                outline = parquet.outline(connection, file, local)
                lines += outline.rows
                ranges += [(file.key, a, b) for a, b in outline.cut(lines_per_item)]
            else:
                # Nobody can start in the middle of text; AWS cuts it every million lines or so.
                ranges.append((file.key, None, None))
                lines += file.size // BYTES_PER_LINE
    return ranges, lines


class Outcome(Frozen):
    """What a worker tells the state machine: whether to go on, and how much it did."""

    status: str
    count: int = 0


def reduce_bill(
    item: Item, *, deliveries: Deliveries, loads: Loads, ledger: Ledger, limits: engine.Limits
) -> Outcome:
    """Reduce one item to partial charges, one file for each shard; the count is of lines.

    A line that cannot become a charge refuses the whole load, which later steps see.
    """
    record = loads.get(item.load_id)
    file = next(file for file in record.files if file.key == item.key)
    with scratch() as folder:
        targets = [folder / f"{shard}.parquet" for shard in range(item.shards)]
        try:
            with engine.connect(limits.model_copy(update={"scratch": folder})) as connection:
                source = _source(connection, item, file, folder, deliveries)
                reduced = reduction.reduce(
                    connection,
                    source,
                    targets,
                    payer=reduction.Payer(always=record.payer, otherwise=record.account),
                    billing_period=record.billing_period,
                )
        except RefusedError as error:
            refuse_load(item.load_id, error, loads=loads)
            return Outcome(status=LoadStatus.REFUSED)
        for shard, target in enumerate(targets):
            ledger.put(work(item.load_id, f"partial/{shard}/{item.item}.parquet"), target)
    told = {"key": item.key, "format": source.format, **reduced.model_dump(mode="json")}
    ledger.put_json(work(item.load_id, f"reduced/{item.item}.json"), told)
    loads.add_done(item.load_id, item.item)
    return Outcome(status="Reduced", count=sum(control.lines for control in reduced.controls))


def _source(
    connection: engine.Connection,
    item: Item,
    file: LoadedFile,
    folder: Path,
    deliveries: Deliveries,
) -> sources.Source:
    local = folder / "delivered" / Path(file.key).name  # whatever it is called
    local.parent.mkdir()
    if item.first_group is not None and item.last_group is not None:
        return parquet.fetch(connection, deliveries, file, local, item.first_group, item.last_group)
    deliveries.download(file, local)
    with local.open("rb") as raw:
        packed = sources.packing(raw.read(4))
    if packed is sources.Packing.ZIP:
        inside = sources.unzip(local, folder)
        local.unlink()
        return sources.open_text(inside)
    return sources.open_text(local)


def merge_bill(
    load: str, shard: int, *, loads: Loads, ledger: Ledger, limits: engine.Limits
) -> Outcome:
    """Merge the partial charges of a share of the accounts into the ledger's files."""
    if loads.get(load).status is LoadStatus.REFUSED:
        return Outcome(status=LoadStatus.REFUSED)
    plan = ledger.get_json(work(load, "plan.json"))
    with scratch() as folder:
        partials = [folder / f"{item}.partial" for item in range(plan["items"])]
        with ThreadPoolExecutor(TRANSFERS) as pool:
            keys = [work(load, f"partial/{shard}/{item}.parquet") for item in range(plan["items"])]
            list(pool.map(ledger.get, keys, partials))
            keys = [work(load, f"reduced/{item}.json") for item in range(plan["items"])]
            reduced = list(pool.map(ledger.get_json, keys))
        net_bills = {(payer, period) for one in reduced for payer, period in one["net_bills"]}
        with engine.connect(limits.model_copy(update={"scratch": folder})) as connection:
            merged = merging.merge(
                connection, partials, folder / "made", shard=shard, net_bills=net_bills
            )
            accounts = folder / "accounts.jsonl.gz"
            with accounts.open("wb") as raw, gzip.GzipFile("", "wb", 6, raw, mtime=0) as packed:
                for month in merging.account_months(connection):
                    packed.write((merging.dumped(month) + "\n").encode())
        shutil.rmtree(folder / "spill", ignore_errors=True)
        with ThreadPoolExecutor(TRANSFERS) as pool:
            keys = [
                f"{generation(file.billing_account_id, file.billing_period, load)}/{file.name}"
                for file in merged.files
            ]
            list(pool.map(ledger.put, keys, [file.path for file in merged.files]))
        ledger.put(work(load, f"merged/{shard}.accounts.jsonl.gz"), accounts)
    told = {
        "summaries": [summary.model_dump() for summary in merged.summaries],
        "files": [file.model_dump(exclude={"path"}) for file in merged.files],
        "tag_keys": merged.tag_keys,
    }
    ledger.put_json(work(load, f"merged/{shard}.json"), told)
    return Outcome(status="Merged", count=len(merged.files))
