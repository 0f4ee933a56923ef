"""Writes a sample bill: parts first, the manifest last, as AWS Data Exports delivers CUR 2.0."""

import json
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from itertools import islice, pairwise
from pathlib import Path
from typing import NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq
from pydantic import BaseModel, ConfigDict

from finops.domain.errors import InvalidError
from finops.domain.money import from_ticks
from finops.domain.periods import BillingPeriod
from finops.local.sample.columns import COLUMNS, TYPE_NAMES
from finops.local.sample.delivery import Delivery, Layout
from finops.local.sample.entries import Entry, Ledger, entry_table
from finops.local.sample.sources import Discounts, Grid, Sources, plan_sources
from finops.local.sample.totals import CostGroup, Costs, Money, Sums
from finops.local.sample.usage import WRITTEN, Metering, Rows

LINES_A_PART = 750_000
LINES_A_ROW_GROUP = 131_072
ENTRIES_AT_ONCE = 10_000
WRITERS = 2


class SampleFile(BaseModel):
    """A data file of the bill: its key in the bucket, and the sums of what it holds."""

    model_config = ConfigDict(frozen=True)

    key: str
    bytes: int
    lines: int
    unblended_cost: Money


class SampleBill(Costs):
    """A written bill and its control totals: exact sums of what its files say."""

    billing_period: str
    payer_id: str
    payer_name: str
    currency: str
    execution_id: str
    bucket: str
    manifest_key: str
    manifest_path: Path
    files: tuple[SampleFile, ...]
    by_line_item_type: tuple[CostGroup, ...]
    by_account: tuple[CostGroup, ...]
    by_day: tuple[CostGroup, ...]
    by_invoice: tuple[CostGroup, ...]


def write_sample(
    out: Path,
    *,
    month: str,
    lines: int,
    restate: int = 0,
    through_day: int | None = None,
    final: bool = False,
    seed: int = 1,
    layout: Layout = "overwrite",
    discounts: Discounts = "lines",
    export: str = "finops-cur2",
    bucket: str = "fernhollow-data-exports",
    prefix: str = "cur2",
) -> SampleBill:
    """Writes the bill of *month* under *out*, keys as folders, and tells its control totals.

    The same arguments write the same bytes. The first delivery of a whole month has exactly *lines*
    lines where discounts are lines. *restate* says which rewrite it is: with each, some lines are
    late, changed or withdrawn, and a refund comes. *through_day* cuts the month after a day;
    *final* puts it on invoices and adds support. *discounts* stand in lines of their own, or in the
    net columns: both bill the same. Another *seed* is another company.

    Raises InvalidError where the arguments contradict each other.
    """
    period = BillingPeriod(month)
    delivery = Delivery(
        period=period,
        lines=lines,
        restate=restate,
        through_day=through_day if through_day is not None else Grid(period, hourly=False).days,
        final=final,
        seed=seed,
        layout=layout,
        discounts=discounts,
        export=export,
        bucket=bucket,
        prefix=prefix,
    )
    return _Bill(delivery, out).write()


class _Written(NamedTuple):
    file: SampleFile
    sums: Sums


class _Bill:
    def __init__(self, delivery: Delivery, out: Path) -> None:
        self.delivery, self.out = delivery, out
        self.sources = _sources(delivery)
        self.metering = Metering(delivery, self.sources)
        self.rows = Rows(delivery, self.sources)
        self.ledger = Ledger(delivery, self.sources)

    def write(self) -> SampleBill:
        bounds = list(pairwise(self._bounds()))
        with ThreadPoolExecutor(WRITERS) as writers:
            parts = list(writers.map(self._days, range(1, len(bounds) + 1), bounds))
        sums = self._sums()
        for part in parts:
            sums.merge(part.sums)
        month = self._month(len(parts) + 1, sums)
        sums.merge(month.sums)
        files = tuple(part.file for part in (*parts, month))
        manifest = self.out / self.delivery.manifest_key
        manifest.parent.mkdir(parents=True, exist_ok=True)
        manifest.write_text(json.dumps(self._manifest(files), indent=1) + "\n", encoding="utf-8")
        return SampleBill(
            billing_period=self.delivery.period,
            payer_id=self.delivery.payer_id,
            payer_name=self.delivery.payer_name,
            currency="USD",
            execution_id=self.delivery.execution_id,
            bucket=self.delivery.bucket,
            manifest_key=self.delivery.manifest_key,
            manifest_path=manifest,
            files=files,
            by_line_item_type=sums.by_line_item_type(),
            by_account=sums.by_account(),
            by_day=sums.by_day(),
            by_invoice=sums.by_invoice(),
            **dict(sums.costs()),
        )

    def _bounds(self) -> list[int]:
        """The days at which parts begin, and the end; a discount's days stay in one part."""
        days, step = self.delivery.through_day, self.ledger.together
        parts = max(2, -(-self.delivery.lines // LINES_A_PART))
        starts = {round(days * part / parts / step) * step for part in range(parts)}
        return [*sorted(start for start in starts if start < days), days]

    def _days(self, number: int, bounds: tuple[int, int]) -> _Written:
        """The part with the usage of some days, and the entries that belong to those days."""
        first, last = bounds
        sums = self._sums()
        share = self.delivery.lines * (last - first) // self.sources.grid.days
        size = max(1, min(LINES_A_ROW_GROUP, share // 2))

        def tables() -> Iterator[pa.Table]:
            for usage in self.metering.days(first, last, size):
                sums.add_usage(usage)
                yield self.rows.table(usage)
            yield from self._entries(self.ledger.of_days(first, last, sums), sums)

        return self._part(number, tables(), sums)

    def _month(self, number: int, before: Sums) -> _Written:
        """The last part, with what needs the sums of all others."""
        sums = self._sums()
        entries = self._entries(self.ledger.of_month(before), sums)
        return self._part(number, entries, sums)

    def _entries(self, entries: Iterable[Entry], sums: Sums) -> Iterator[pa.Table]:
        waiting = iter(entries)
        for first in waiting:
            some = [first, *islice(waiting, ENTRIES_AT_ONCE - 1)]
            for entry in some:
                sums.add(entry.cell, 1, entry.unblended, entry.net, entry.effective, entry.listed)
            yield entry_table(some)

    def _part(self, number: int, tables: Iterable[pa.Table], sums: Sums) -> _Written:
        key = self.delivery.part_key(number)
        path = self.out / key
        path.parent.mkdir(parents=True, exist_ok=True)
        # Without Arrow's own schema, which AWS does not write: readers see plain text columns.
        with pq.ParquetWriter(path, WRITTEN, compression="snappy", store_schema=False) as writer:
            for table in tables:
                writer.write_table(table, row_group_size=len(table))
        file = SampleFile(
            key=key,
            bytes=path.stat().st_size,
            lines=sums.lines,
            unblended_cost=from_ticks(sums.unblended),
        )
        return _Written(file, sums)

    def _sums(self) -> Sums:
        return Sums(self.delivery, self.sources)

    def _manifest(self, files: Iterable[SampleFile]) -> dict[str, object]:
        columns = [{"name": name, "type": TYPE_NAMES[kind]} for name, kind in COLUMNS.items()]
        return {
            "executionId": self.delivery.execution_id,
            "exportArn": self.delivery.export_arn,
            "columns": columns,
            "dataFiles": [f"s3://{self.delivery.bucket}/{file.key}" for file in files],
            "additionalOutputFiles": [],
        }


def _sources(delivery: Delivery) -> Sources:
    """Sources that, with the entries that follow from them, give exactly the lines asked for."""
    # Every delivery of a month comes from the same sources, whatever it shows of them, so that two
    # forms of one bill bill the same.
    days = delivery.grid.days
    whole = replace(delivery, through_day=days, restate=0, final=False, discounts="lines")
    target = whole.lines
    while target > 0:
        sources = plan_sources(whole.grid, target, seed=whole.seed)
        left = whole.lines - sources.lines() - Ledger(whole, sources).count()
        if left >= 0:
            return sources.filled(left)
        target += left
    raise InvalidError(f"{whole.lines:,} lines are too few for a bill with every kind of line")
