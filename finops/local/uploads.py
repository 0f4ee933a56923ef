"""Deliveries on this machine's disk, and their way into the billing bucket."""

import json
import re
import uuid
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path, PurePosixPath
from typing import Any, NamedTuple

from finops.domain.deliveries import MANIFEST_SUFFIX, load_id, parse_manifest
from finops.domain.errors import InvalidError
from finops.usecases.load_bill import PAYER_NOTE

BILL_SUFFIXES = (".csv", ".csv.gz", ".gz", ".zip", ".parquet")
PARTITION = re.compile(
    r"(year=(?P<y>\d{4})/month=(?P<m>\d{1,2})|billing_period=(?P<p>\d{4}-\d\d))", re.I
)


class LocalDelivery(NamedTuple):
    """A delivery to upload: its files by key, then its manifests, the one to follow last."""

    execution_id: str
    order: tuple[str, float]
    files: dict[str, Path]
    manifests: dict[str, str]


class Uploaded(NamedTuple):
    """A delivery in the bucket, known by what was uploaded."""

    load_id: str
    manifest_key: str


def deliveries_at(path: Path) -> list[LocalDelivery]:
    """The deliveries at *path*, oldest first: a tree with manifests, or bare files of a bill.

    Raises InvalidError where there is none, and where a manifest names a file that is not there.
    """
    if not path.exists():
        raise InvalidError(f"there is no {path}")
    if path.is_file():
        return [_bare(path.stem.partition(".")[0], [path])]
    every = sorted(
        file for file in path.rglob("*") if file.is_file() and not _is_hidden(file, path)
    )
    manifests = [file for file in every if file.name.endswith(MANIFEST_SUFFIX)]
    if manifests:
        return sorted(_with_manifests(path, every, manifests), key=lambda found: found.order)
    bills = [file for file in every if file.name.lower().endswith(BILL_SUFFIXES)]
    if not bills:
        raise InvalidError(
            f"{path} holds no delivery: no …{MANIFEST_SUFFIX} and no {', '.join(BILL_SUFFIXES)} file"
        )
    return [_bare(name, files) for name, files in _partitions(path, bills).items()]


def upload(
    found: LocalDelivery, client: Any, bucket: str, payer: str | None, tell: Any
) -> Uploaded:
    """Put the files into the *bucket*, then the manifest that makes a delivery of them."""
    etags = {}
    for number, (key, file) in enumerate(found.files.items()):
        tell(number, len(found.files), file)
        client.upload_file(str(file), bucket, key)
        etags[key] = client.head_object(Bucket=bucket, Key=key)["ETag"].strip('"')
    notes = {PAYER_NOTE: payer} if payer else {}
    for key, text in found.manifests.items():
        client.put_object(
            Bucket=bucket,
            Key=key,
            Body=text.encode(),
            ContentType="application/json",
            Metadata=notes,
        )
    return Uploaded(
        load_id(found.execution_id, etags.items(), payer), next(reversed(found.manifests))
    )


def _is_hidden(file: Path, root: Path) -> bool:
    return any(part.startswith(".") for part in file.relative_to(root).parts)


def _with_manifests(
    root: Path, every: Sequence[Path], manifests: Sequence[Path]
) -> Iterator[LocalDelivery]:
    by_name: dict[str, list[PurePosixPath]] = {}
    for file in every:
        by_name.setdefault(file.name, []).append(PurePosixPath(file.relative_to(root).as_posix()))
    found: dict[str, LocalDelivery] = {}
    for path in sorted(manifests, key=lambda file: (-len(file.parts), str(file))):
        text = path.read_text(encoding="utf-8-sig")
        relative = PurePosixPath(path.relative_to(root).as_posix())
        manifest = parse_manifest(str(relative), text)
        if manifest.execution_id in found:
            before = found[manifest.execution_id]
            before.manifests[_key_of(relative, before, root)] = text
            continue
        files: dict[str, Path] = {}
        for key in manifest.files:
            near = max(
                by_name.get(PurePosixPath(key).name, []),
                key=lambda local: (_shared(key, local), _alike(relative, local)),
                default=None,
            )
            if near is None:
                raise InvalidError(f"{path} names {key}, which is not below {root}")
            files[key] = root / near
        stated = manifest.stated_at.isoformat() if manifest.stated_at else ""
        order = (stated, path.stat().st_mtime)
        delivery = LocalDelivery(manifest.execution_id, order, files, {})
        delivery.manifests[_key_of(relative, delivery, root)] = text
        found[manifest.execution_id] = delivery
    yield from found.values()


def _shared(key: str, local: PurePosixPath) -> int:
    """How many of the last parts of *key* and *local* are the same."""
    pairs = zip(reversed(PurePosixPath(key).parts), reversed(local.parts), strict=False)
    return next(
        (n for n, (a, b) in enumerate(pairs) if a != b),
        min(len(PurePosixPath(key).parts), len(local.parts)),
    )


def _alike(one: PurePosixPath, other: PurePosixPath) -> int:
    """How many of the first parts of two paths are the same."""
    pairs = zip(one.parts, other.parts, strict=False)
    return next((n for n, (a, b) in enumerate(pairs) if a != b), 0)


def _key_of(manifest: PurePosixPath, found: LocalDelivery, root: Path) -> str:
    """The key of a manifest: as far from its files as it is on disk."""
    key, file = next(iter(found.files.items()))
    local = PurePosixPath(file.relative_to(root).as_posix())
    shared = _shared(key, local)
    above_key = PurePosixPath(key).parts[: len(PurePosixPath(key).parts) - shared]
    above_local = local.parts[: len(local.parts) - shared]
    if manifest.parts[: len(above_local)] == above_local:
        return str(PurePosixPath(*above_key, *manifest.parts[len(above_local) :]))
    return str(PurePosixPath(key).with_name(manifest.name))


def _partitions(root: Path, bills: Sequence[Path]) -> dict[str, list[Path]]:
    """Bare files as deliveries: those of one partition folder together, any other by itself."""
    found: dict[str, list[Path]] = {}
    for file in bills:
        folder = file.parent.as_posix()
        name = folder if PARTITION.search(folder) else str(file)
        found.setdefault(name, []).append(file)
    return {Path(name).stem.partition(".")[0]: files for name, files in found.items()}


def _bare(name: str, files: Sequence[Path]) -> LocalDelivery:
    """A delivery of files that came without a manifest: it gets one that says as much."""
    now = datetime.now(UTC)
    folder = f"bare/{re.sub(r'[^A-Za-z0-9._-]+', '-', name)}/{uuid.uuid4()}"
    placed = {f"{folder}/{file.name}": file for file in files}
    said: dict[str, Any] = {
        "executionId": folder.rpartition("/")[2],
        "dataFiles": [f"s3://this-bucket/{key}" for key in placed],
    }
    if match := PARTITION.search(files[0].absolute().as_posix()):
        period = match["p"] or f"{match['y']}-{int(match['m']):02d}"
        said["billingPeriod"] = {"start": f"{period.replace('-', '')}01T000000.000Z"}
    manifests = {f"{folder}/{Path(name).name}{MANIFEST_SUFFIX}": json.dumps(said, indent=2)}
    return LocalDelivery(said["executionId"], ("", now.timestamp()), placed, manifests)
