"""The bucket of closes, and where the finance system picks up their files."""

import base64
import gzip
import hashlib
import zlib
from typing import Any

from botocore.exceptions import ClientError

from finops.adapters.s3 import ABSENT
from finops.domain.errors import ConflictError, NotFoundError
from finops.usecases.ports import CloseFiles

# S3's words for a key that has an object already, and for one that is written at this moment.
TAKEN = frozenset({"PreconditionFailed", "412", "ConditionalRequestConflict", "409"})
PICKED_UP = "delivered/"  # the prefix of what waits to be picked up
KINDS = {"csv": "text/csv; charset=utf-8", "json": "application/json", "gz": "application/gzip"}


class S3CloseFiles:
    """`finops.usecases.ports.CloseFiles`: an object is written where there is none, and stays."""

    def __init__(self, client: Any, bucket: str) -> None:
        self._client = client
        self._bucket = bucket

    def put(self, key: str, content: bytes) -> None:
        try:
            _put(self._client, self._bucket, key, content, IfNoneMatch="*")
        except ClientError as error:
            if error.response["Error"]["Code"] not in TAKEN:
                raise
            if not same(key, self.read(key), content):
                raise ConflictError(f"{key} holds something else, and stays as it is") from error

    def read(self, key: str) -> bytes:
        try:
            found = self._client.get_object(Bucket=self._bucket, Key=key)
        except ClientError as error:
            if error.response["Error"]["Code"] in ABSENT:
                raise NotFoundError(f"the bucket of closes has no {key}") from error
            raise
        return bytes(found["Body"].read())

    def link(self, key: str, name: str, seconds: int) -> str:
        plain = "".join(c if c.isascii() and (c.isalnum() or c in "-_.") else "_" for c in name)
        link = self._client.generate_presigned_url(
            "get_object",
            Params={
                "Bucket": self._bucket,
                "Key": key,
                "ResponseContentDisposition": f'attachment; filename="{plain}"',
                "ResponseContentType": KINDS["csv"],
            },
            ExpiresIn=seconds,
        )
        return str(link)


class KeptDelivery:
    """`finops.usecases.ports.CloseDelivery` under a prefix of the bucket of closes."""

    def __init__(self, files: CloseFiles) -> None:
        self._files = files

    def put(self, key: str, content: bytes) -> None:
        self._files.put(f"{PICKED_UP}{key}", content)


class S3CloseDelivery:
    """`finops.usecases.ports.CloseDelivery` to a bucket of somebody else's, which is only written to.

    What is there is not ours to read: the same file is written again, of the same bytes. S3 refuses
    a bucket of that name in another *account*.
    """

    def __init__(self, client: Any, bucket: str, account: str) -> None:
        self._client = client
        self._bucket = bucket
        self._account = account

    def put(self, key: str, content: bytes) -> None:
        _put(self._client, self._bucket, key, content, ExpectedBucketOwner=self._account)


def same(key: str, there: bytes, content: bytes) -> bool:
    """Whether two objects of a *key* say the same; another zlib packs it in other bytes."""
    if there == content or not key.endswith(".gz"):
        return there == content
    try:
        return gzip.decompress(there) == gzip.decompress(content)
    except (OSError, EOFError, zlib.error):
        return False


def _put(client: Any, bucket: str, key: str, content: bytes, **conditions: str) -> None:
    """S3 refuses what is not of the checksum it is told."""
    client.put_object(
        Bucket=bucket,
        Key=key,
        Body=content,
        ContentType=KINDS.get(key.rpartition(".")[2], "application/octet-stream"),
        ChecksumSHA256=base64.b64encode(hashlib.sha256(content).digest()).decode(),
        **conditions,
    )
