"""The two buckets: deliveries of the bill, and the ledger."""

import json
import os
import tempfile
import time
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from stat import S_ISREG
from typing import Any

from botocore.exceptions import ClientError

from finops.domain.deliveries import MANIFEST_SUFFIX, FileSeen
from finops.domain.errors import DeliveryChangedError, NotFoundError
from finops.domain.loads import LoadedFile
from finops.usecases.ports import Document

ABSENT = {"404", "NoSuchKey", "NoSuchVersion", "NotFound"}
CHANGED = {"412", "PreconditionFailed", "InvalidRange"} | ABSENT
LOOKS = 16  # at once
BLOCK = 1 << 20
IN_USE = 60  # seconds in which a file that was asked for may still be read


class S3Deliveries:
    """`finops.usecases.ports.Deliveries` over a versioned bucket."""

    def __init__(self, client: Any, bucket: str) -> None:
        self._client = client
        self._bucket = bucket

    def read(self, key: str) -> Document:
        try:
            found = self._client.get_object(Bucket=self._bucket, Key=key)
        except ClientError as error:
            if _code(error) in ABSENT:
                raise NotFoundError(f"there is no {key} in the billing bucket") from error
            raise
        return Document(
            text=found["Body"].read().decode("utf-8-sig", errors="replace"),
            version=_version(found),
            modified_at=found["LastModified"],
            notes=found.get("Metadata", {}),
        )

    def version(self, key: str) -> str | None:
        head = self._head(key)
        return None if head is None else _version(head)

    def look(self, keys: Iterable[str]) -> dict[str, FileSeen | None]:
        listed = list(keys)
        with ThreadPoolExecutor(LOOKS) as pool:
            return dict(zip(listed, pool.map(self._seen, listed), strict=True))

    def read_range(self, file: LoadedFile, start: int, length: int) -> bytes:
        if length <= 0:
            return b""
        answer = self._get(file, Range=f"bytes={start}-{start + length - 1}")
        content: bytes = answer["Body"].read()
        # A server may leave a range aside and send the whole.
        return content if "ContentRange" in answer else content[start : start + length]

    def download(self, file: LoadedFile, target: Path) -> None:
        body = self._get(file)["Body"]
        with target.open("wb") as local:
            for block in body.iter_chunks(BLOCK):
                local.write(block)

    def manifests(self, since: datetime) -> Iterator[str]:
        for item in _objects(self._client, self._bucket, ""):
            if item["Key"].endswith(MANIFEST_SUFFIX) and item["LastModified"] >= since:
                yield item["Key"]

    def _seen(self, key: str) -> FileSeen | None:
        head = self._head(key)
        if head is None:
            return None
        return FileSeen(
            etag=head["ETag"].strip('"'),
            size=head["ContentLength"],
            modified_at=head["LastModified"],
            version_id=head.get("VersionId"),
        )

    def _head(self, key: str) -> Any:
        try:
            return self._client.head_object(Bucket=self._bucket, Key=key)
        except ClientError as error:
            if _code(error) in ABSENT:
                return None
            raise

    def _get(self, file: LoadedFile, **more: str) -> Any:
        """That very content: the newest version while it is that, else the version it was."""
        versions: list[dict[str, str]] = [{}]
        if file.version_id and file.version_id != "null":
            versions.append({"VersionId": file.version_id})
        for version in versions:
            try:
                return self._client.get_object(
                    Bucket=self._bucket, Key=file.key, IfMatch=f'"{file.etag}"', **version, **more
                )
            except ClientError as error:
                if _code(error) not in CHANGED:
                    raise
        raise DeliveryChangedError(f"{file.key} was replaced while it was read")


class S3Ledger:
    """`finops.usecases.ports.Ledger`; what is published is kept under *cache* for more questions."""

    def __init__(self, client: Any, bucket: str, cache: Path, cache_bytes: int = 2 << 30) -> None:
        self._client = client
        self._bucket = bucket
        self._cache = cache
        self._cache_bytes = cache_bytes

    def put(self, key: str, path: Path) -> None:
        self._client.upload_file(str(path), self._bucket, key)

    def get(self, key: str, target: Path) -> None:
        with target.open("wb") as local:
            body = self._read(key)
            for block in body.iter_chunks(BLOCK):
                local.write(block)

    def cached(self, key: str) -> Path:
        # An engine takes folders named like `account=…` for columns of that name.
        path = self._cache / key.replace("=", "-")
        if path.exists():
            os.utime(path)
            return path
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=path.parent, delete=False) as part:
            for block in self._read(key).iter_chunks(BLOCK):
                part.write(block)
        Path(part.name).replace(path)  # a broken download never looks finished
        self._make_room(path)
        return path

    def put_json(self, key: str, value: Any) -> None:
        text = json.dumps(value, separators=(",", ":"), sort_keys=True, default=str)
        self._client.put_object(
            Bucket=self._bucket, Key=key, Body=text.encode(), ContentType="application/json"
        )

    def get_json(self, key: str) -> Any:
        return json.loads(self._read(key).read())

    def keys(self, prefix: str) -> Iterator[str]:
        return (item["Key"] for item in _objects(self._client, self._bucket, prefix))

    def written(self, prefix: str) -> Iterator[tuple[str, datetime]]:
        found = _objects(self._client, self._bucket, prefix)
        return ((item["Key"], item["LastModified"]) for item in found)

    def delete(self, keys: Iterable[str]) -> int:
        listed = list(keys)
        for at in range(0, len(listed), 1000):
            some = [{"Key": key} for key in listed[at : at + 1000]]
            answer = self._client.delete_objects(
                Bucket=self._bucket, Delete={"Objects": some, "Quiet": True}
            )
            if errors := answer.get("Errors"):
                first = errors[0]
                raise OSError(f"{len(errors)} objects stay, first {first['Key']}: {first['Code']}")
        return len(listed)

    def _read(self, key: str) -> Any:
        try:
            return self._client.get_object(Bucket=self._bucket, Key=key)["Body"]
        except ClientError as error:
            if _code(error) in ABSENT:
                raise NotFoundError(f"the ledger has no {key}") from error
            raise

    def _make_room(self, newest: Path) -> None:
        """Drop what was asked for longest ago; several may come and go at once."""
        held, kept = 0, []
        for path in self._cache.rglob("*"):
            with suppress(FileNotFoundError):
                found = path.stat()
                if S_ISREG(found.st_mode):
                    held += found.st_size
                    kept.append((found.st_mtime, found.st_size, path))
        in_use = time.time() - IN_USE
        for asked_at, size, path in sorted(kept):
            if held <= self._cache_bytes or asked_at > in_use:
                return
            if path != newest:
                path.unlink(missing_ok=True)
                held -= size


def _objects(client: Any, bucket: str, prefix: str) -> Iterator[Any]:
    for page in client.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix):
        yield from page.get("Contents", ())


def _version(found: Any) -> str:
    """What changes with each write: the version, or in a bucket without, the time and the content."""
    version = found.get("VersionId")
    if version and version != "null":
        return str(version)
    return f"{found['LastModified'].isoformat()} {found['ETag'].strip(chr(34))}"


def _code(error: ClientError) -> str:
    return str(error.response.get("Error", {}).get("Code", ""))
