"""The bucket that people bring their charts of accounts to."""

import gzip
import hashlib
import json
from collections.abc import Mapping
from typing import Any

from botocore.exceptions import ClientError

from finops.adapters.s3 import ABSENT
from finops.domain.chart_files import MOST_BYTES
from finops.domain.errors import NotFoundError
from finops.usecases.ports import UploadedFile

LARGEST = MOST_BYTES + 1  # bytes read of a file: one more than a chart may have


class S3ChartFiles:
    """`finops.usecases.ports.ChartFiles` over a versioned bucket."""

    def __init__(self, client: Any, bucket: str) -> None:
        self._client = client
        self._bucket = bucket

    def upload_link(self, upload_id: str, seconds: int) -> str:
        link = self._client.generate_presigned_url(
            "put_object",
            Params={"Bucket": self._bucket, "Key": _draft(upload_id)},
            ExpiresIn=seconds,
        )
        return str(link)

    def uploaded(self, upload_id: str) -> UploadedFile | None:
        try:
            return self.read(_draft(upload_id), None)
        except NotFoundError:
            return None

    def read(self, key: str, version: str | None) -> UploadedFile:
        named = {"VersionId": version} if version else {}
        try:
            found = self._client.get_object(Bucket=self._bucket, Key=key, **named)
        except ClientError as error:
            if error.response["Error"]["Code"] in ABSENT:
                raise NotFoundError(f"there is no {key} in the bucket any more") from error
            raise
        # A file that is too large is refused by its length, not by the memory it takes.
        content = found["Body"].read(LARGEST)
        return UploadedFile(key, str(found.get("VersionId") or ""), content, found["LastModified"])

    def download_link(self, key: str, version: str, name: str, seconds: int) -> str:
        plain = "".join(c if c.isascii() and (c.isalnum() or c in "-_.") else "_" for c in name)
        link = self._client.generate_presigned_url(
            "get_object",
            Params={
                "Bucket": self._bucket,
                "Key": key,
                **({"VersionId": version} if version else {}),
                "ResponseContentDisposition": f'attachment; filename="{plain}"',
                "ResponseContentType": "text/csv",
            },
            ExpiresIn=seconds,
        )
        return str(link)

    def keep(self, load_id: str, content: bytes) -> tuple[str, str]:
        key = f"files/{load_id}"
        made = self._client.put_object(
            Bucket=self._bucket, Key=key, Body=content, ContentType="text/csv"
        )
        return key, str(made.get("VersionId") or "")

    def write_report(self, load_id: str, report: Mapping[str, Any]) -> str:
        body = gzip.compress(json.dumps(report, separators=(",", ":")).encode(), mtime=0)
        key = f"reports/{load_id}-{hashlib.sha256(body).hexdigest()[:12]}.json.gz"
        self._client.put_object(Bucket=self._bucket, Key=key, Body=body)
        return key

    def report(self, key: str) -> dict[str, Any]:
        found = self._client.get_object(Bucket=self._bucket, Key=key)
        told: dict[str, Any] = json.loads(gzip.decompress(found["Body"].read()))
        return told

    def write_beside(self, key: str, report: Mapping[str, Any]) -> None:
        self._client.put_object(
            Bucket=self._bucket,
            Key=f"{key}.report.json",
            Body=json.dumps(report, indent=1, ensure_ascii=False).encode(),
            ContentType="application/json",
        )


def _draft(upload_id: str) -> str:
    return f"drafts/{upload_id}"
