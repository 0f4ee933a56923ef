"""Deliveries of the bill: what a manifest says, and whether its files are those it speaks of.

AWS writes the files of a delivery and then its manifest. Replication brings them in any order, an
*overwrite* export replaces the files one by one before it replaces the manifest, and notifications
come late, twice or not at all. So nothing is believed but the manifest and the files' own versions.
"""

import hashlib
import json
import re
from collections.abc import Collection, Iterable, Mapping
from datetime import UTC, date, datetime, timedelta
from typing import Any
from urllib.parse import unquote

from finops.domain.errors import RefusedError
from finops.domain.loads import UNDER_WAY, DeliveryKind, Load, LoadStatus
from finops.domain.values import Frozen

MANIFEST_SUFFIX = "-Manifest.json"
LEDGER_EDITION = "1"  # raised when the ledger's files change, so that a period can be loaded again
PATIENCE = timedelta(hours=24)  # how long the files of a manifest may take to arrive

_RUN = re.compile(r"/(\d{4}-\d\d-\d\dT[\d:.]+Z)-([^/]+)/")  # create-new, Data Exports
_ASSEMBLY = re.compile(r"/[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}/")  # create-new, legacy CUR
_PARTITIONS = (
    re.compile(r"billing_period=(\d{4})-(\d\d)", re.IGNORECASE),
    re.compile(r"/(\d{4})(\d\d)01-\d{8}/"),
    re.compile(r"year=(\d{4})/month=(\d{1,2})"),
)
_DAY = re.compile(r"/date=(\d{4}-\d\d-\d\d)/", re.IGNORECASE)
# What only an export of recommendations has among its columns.
_OF_SAVINGS = frozenset(
    {
        *("recommendation_id", "recommendation_source", "recommended_resource_summary"),
        "estimated_monthly_savings_after_discount",
        "estimated_monthly_savings_before_discount",
    }
)


class FileSeen(Frozen):
    """A file as it is in the bucket now."""

    etag: str
    size: int
    modified_at: datetime
    version_id: str | None = None


class Manifest(Frozen):
    """What a manifest says of its delivery."""

    key: str
    execution_id: str
    files: tuple[str, ...]
    billing_period: str | None = None
    account: str | None = None
    stated_at: datetime | None = None
    kind: DeliveryKind = DeliveryKind.BILL
    day: date | None = None

    @property
    def place(self) -> str:
        return place_of(self.key)


class Verdict(Frozen):
    """What to do about a delivery."""

    status: LoadStatus | None  # None: load it
    reason: str | None = None


def place_of(manifest_key: str) -> str:
    """The partition of the export: the same for every delivery of a month, in either layout.

    >>> place_of("cur2/e/metadata/BILLING_PERIOD=2026-09/2026-09-21T09:41:00.000Z-ab/e-Manifest.json")
    'cur2/e/metadata/BILLING_PERIOD=2026-09/e-Manifest.json'
    """
    return _ASSEMBLY.sub("/", _RUN.sub("/", f"/{manifest_key}")).lstrip("/")


def parse_manifest(key: str, text: str) -> Manifest:
    """The manifest of a Data Export or a legacy report, stored under *key*.

    Files are named by their keys: a replica's bucket has another name than the manifest says.
    Raises RefusedError where it names no execution or no files. Source: `billing-data.md` 2 and 3.
    """
    try:
        said = json.loads(text)
    except ValueError as error:
        raise RefusedError(f"{key} is no JSON ({error}); a manifest was expected") from error
    if not isinstance(said, dict):
        raise RefusedError(f"{key} is no manifest: it holds no JSON object")
    execution = said.get("executionId") or said.get("assemblyId")
    named = said.get("dataFiles") or said.get("reportKeys")
    if not isinstance(execution, str) or not isinstance(named, list) or not named:
        raise RefusedError(
            f"{key} names no delivery: executionId and dataFiles (Data Exports), or assemblyId and "
            "reportKeys (legacy reports) are needed"
        )
    files = tuple(_file_key(str(name)) for name in named)
    run = next((match for name in (*files, key) if (match := _RUN.search(f"/{name}"))), None)
    return Manifest(
        key=key,
        execution_id=execution,
        files=files,
        billing_period=_billing_period(said, (key, *files)),
        account=_account(said),
        stated_at=datetime.fromisoformat(run.group(1)).astimezone(UTC) if run else None,
        kind=_kind(said, (key, *files)),
        day=_day((key, *files)),
    )


def _kind(said: Mapping[str, Any], keys: Iterable[str]) -> DeliveryKind:
    """What is delivered, by the columns that the manifest names; where it names none, by the
    partition: recommendations come by the day, a bill by the month. Source: `billing-data.md` 9.
    """
    named = said.get("columns")
    columns = named if isinstance(named, list) else []
    names = {str(one.get("name")).lower() for one in columns if isinstance(one, dict)}
    if names:
        return DeliveryKind.SAVINGS if names & _OF_SAVINGS else DeliveryKind.BILL
    is_daily = _day(keys) is not None and _billing_period(said, keys) is None
    return DeliveryKind.SAVINGS if is_daily else DeliveryKind.BILL


def _day(keys: Iterable[str]) -> date | None:
    for key in keys:
        if match := _DAY.search(unquote(f"/{key}")):
            try:
                return date.fromisoformat(match.group(1))
            except ValueError:
                continue
    return None


def _file_key(name: str) -> str:
    return re.sub(r"^s3://[^/]*/", "", name).lstrip("/")


def _billing_period(said: Mapping[str, Any], keys: Iterable[str]) -> str | None:
    stated = said.get("billingPeriod")
    if isinstance(stated, dict) and re.match(r"\d{8}T", str(stated.get("start"))):
        start = str(stated["start"])
        return f"{start[:4]}-{start[4:6]}"
    for key in keys:
        for pattern in _PARTITIONS:
            if match := pattern.search(unquote(f"/{key}")):
                return f"{match.group(1)}-{int(match.group(2)):02d}"
    return None


def _account(said: Mapping[str, Any]) -> str | None:
    """The account the export belongs to: the payer of lines that name none."""
    if account := said.get("account"):
        return str(account)
    arn = str(said.get("exportArn", "")).split(":")
    return arn[4] if len(arn) > 5 and arn[4] else None


def load_id(execution_id: str, files: Iterable[tuple[str, str]], payer: str | None = None) -> str:
    """The identity of a delivery: its execution, the content (*key*, *ETag*) of its files, and the
    payer it was filed under by hand.
    """
    content = [f"{key} {etag.strip(chr(34))}" for key, etag in sorted(files)]
    told = [LEDGER_EDITION, execution_id, *content, *([payer] if payer else [])]
    return hashlib.sha256("\n".join(told).encode()).hexdigest()[:24]


def delivered_at(manifest: Manifest, modified_at: datetime) -> datetime:
    """When the delivery was made: as its folder says, else as its manifest was written."""
    return manifest.stated_at or modified_at


def look(
    manifest: Manifest,
    modified_at: datetime,
    seen: Mapping[str, FileSeen | None],
    known: Collection[Load],
    *,
    now: datetime,
    quiet: timedelta,
    payer: str | None = None,
) -> Verdict:
    """Whether the delivery of *manifest* is whole and new.

    *modified_at* is when the manifest was written; *seen* its files as they are now, None for those
    that are not there; *known* the loads of the same partition so far.
    """
    missing = sorted(key for key, file in seen.items() if file is None)
    if missing:
        return Verdict(
            status=LoadStatus.WAITING,
            reason=f"{len(missing)} of {len(seen)} files are not there yet, first {missing[0]}",
        )
    files = {key: file for key, file in seen.items() if file is not None}
    told = [(key, file.etag) for key, file in files.items()]
    identity = load_id(manifest.execution_id, told, payer)
    published = [load for load in known if load.status is LoadStatus.PUBLISHED]
    if same := next((load for load in known if load.load_id == identity), None):
        if same.status is LoadStatus.PUBLISHED:
            return _again(same, published)
        if same.status in UNDER_WAY:
            return Verdict(status=None)
    # The files of an execution never change; whatever manifest comes again, these are another's.
    for load in published:
        if load.execution_id == manifest.execution_id and load.payer == payer:
            return Verdict(
                status=LoadStatus.SUPERSEDED,
                reason=f"execution {manifest.execution_id} was loaded as {load.load_id}, from other"
                " files; they are being replaced by those of another delivery",
            )
    if stale := _stale(manifest, files, known):
        return Verdict(status=LoadStatus.WAITING, reason=stale)
    newest = max(file.modified_at for file in files.values())
    if newest > modified_at and now - newest < quiet:
        return Verdict(
            status=LoadStatus.WAITING,
            reason="files are newer than their manifest: another delivery may be on its way",
        )
    at = delivered_at(manifest, modified_at)
    if newer := next((load for load in published if load.delivered_at > at), None):
        return Verdict(
            status=LoadStatus.OLDER,
            reason=f"delivered {at:%Y-%m-%d %H:%M} UTC; loaded is one of"
            f" {newer.delivered_at:%Y-%m-%d %H:%M} UTC ({newer.load_id})",
        )
    return Verdict(status=None)


def _again(same: Load, published: list[Load]) -> Verdict:
    """A delivery that was loaded before: it is what is there, or something newer is."""
    latest = max(published, key=lambda load: (load.delivered_at, load.recorded_at))
    if latest.load_id == same.load_id:
        return Verdict(status=LoadStatus.UNCHANGED, reason="this very delivery is loaded already")
    return Verdict(
        status=LoadStatus.OLDER, reason=f"loaded before, and replaced since by {latest.load_id}"
    )


def _stale(
    manifest: Manifest, files: Mapping[str, FileSeen], known: Collection[Load]
) -> str | None:
    """Why a file is still that of another delivery, if one is: AWS writes all of them anew.

    A load names the files that it was found whole with, and none where it was not.
    """
    for load in known:
        if load.execution_id == manifest.execution_id:
            continue
        for old in load.files:
            file = files.get(old.key)
            if file and old.version_id and old.version_id == file.version_id:
                return f"{old.key} is still that of delivery {load.execution_id}"
    return None
