"""The table of savings and of the days they were recommended on, and the documents of those days."""

import gzip
import hashlib
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date
from functools import partial
from pathlib import Path
from typing import Any

from finops.adapters.records import Records
from finops.adapters.rules import Kind
from finops.domain.audit import Act
from finops.domain.errors import FinOpsError
from finops.domain.places import savings_snapshot
from finops.domain.savings import Recommendation, Saving, Snapshot, SnapshotDay, Via
from finops.usecases.ports import Save

SAVING, DAY = "saving", "savings-day"

dynamo_savings = partial(Kind, model=Saving, kind=SAVING, of="saving_id")


class S3SavingsSnapshots:
    """`finops.usecases.ports.SavingsSnapshots`: days in the table, documents in the ledger's bucket.

    A document has a recommendation to a line, so that none has to be in memory whole.
    """

    def __init__(self, records: Records, table: str, s3: Any, bucket: str) -> None:
        self._days = Kind(records, table, SnapshotDay, DAY, "snapshot_id")
        self._s3, self._bucket = s3, bucket

    def find(self, payer: str, day: date) -> SnapshotDay | None:
        return self._days.find(f"{payer} {day}")

    def all(self) -> Mapping[str, SnapshotDay]:
        return self._days.all()

    def save(self, saves: Sequence[Save], act: Act) -> list[SnapshotDay]:
        return self._days.save(saves, act)

    def write(
        self, payer: str, day: date, via: Via, stated: Iterable[Recommendation]
    ) -> tuple[str, str, int]:
        digest, number = hashlib.sha256(), 0
        with tempfile.TemporaryDirectory() as folder:
            local = Path(folder) / "snapshot"
            with local.open("wb") as raw, gzip.GzipFile("", "wb", 6, raw, mtime=0) as packed:
                for one in stated:
                    line = f"{one.model_dump_json()}\n".encode()
                    digest.update(line)
                    packed.write(line)
                    number += 1
            checksum = digest.hexdigest()
            document = savings_snapshot(str(day), f"{via} {payer}", checksum)
            self._s3.upload_file(str(local), self._bucket, document)
        return document, checksum, number

    def read(self, snapshot: Snapshot) -> Iterator[Recommendation]:
        digest = hashlib.sha256()
        with tempfile.TemporaryDirectory() as folder:
            local = Path(folder) / "snapshot"
            self._s3.download_file(self._bucket, snapshot.document, str(local))
            with gzip.open(local, "rb") as lines:
                for line in lines:
                    digest.update(line)
                    yield Recommendation.model_validate_json(line)
        if digest.hexdigest() != snapshot.checksum:
            raise FinOpsError(f"{snapshot.document} is not what was written there")
