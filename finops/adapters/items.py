"""Items of DynamoDB: to and from plain values, page by page, to the last one."""

import base64
import gzip
import json
from collections.abc import Iterator, Mapping
from typing import Any

from boto3.dynamodb.types import TypeDeserializer, TypeSerializer
from botocore.exceptions import ClientError

from finops.domain.errors import InvalidError

NO_CURSOR = "the cursor is none of ours; start again without it"

_to_attribute = TypeSerializer().serialize
_to_value = TypeDeserializer().deserialize


def items(client: Any, **query: Any) -> Iterator[dict[str, Any]]:
    """All items that *query* finds, to the last page."""
    for page in client.get_paginator("query").paginate(**query):
        for item in page["Items"]:
            yield values(item)


def values(item: Mapping[str, Any]) -> dict[str, Any]:
    return {name: _to_value(value) for name, value in item.items()}


def attributes(item: Mapping[str, Any]) -> dict[str, Any]:
    return {name: _to_attribute(value) for name, value in item.items() if value is not None}


def packed(value: Any) -> bytes:
    return gzip.compress(json.dumps(value, separators=(",", ":")).encode(), mtime=0)


def unpacked(value: Any) -> Any:
    return json.loads(gzip.decompress(bytes(value)))


def lost(error: ClientError) -> bool:
    """Whether a condition failed, alone or in a transaction."""
    code = error.response["Error"]["Code"]
    if code == "TransactionCanceledException":
        reasons = error.response.get("CancellationReasons", [])
        lost = {"ConditionalCheckFailed", "TransactionConflict"}
        return any(reason.get("Code") in lost for reason in reasons)
    return bool(code == "ConditionalCheckFailedException")


def page(
    client: Any, limit: int, cursor: str | None, key: frozenset[str], **query: Any
) -> tuple[list[Any], str | None]:
    if cursor is not None:
        query["ExclusiveStartKey"] = _place(cursor, key)
    try:
        answer = client.query(Limit=limit, **query)
    except ClientError as error:
        if cursor is not None and error.response["Error"]["Code"] == "ValidationException":
            raise InvalidError(NO_CURSOR) from error
        raise
    last = answer.get("LastEvaluatedKey")
    return [values(item) for item in answer["Items"]], _cursor(last) if last else None


def _cursor(last: Mapping[str, Any]) -> str:
    return base64.urlsafe_b64encode(json.dumps(values(last)).encode()).decode()


def _place(cursor: str, key: frozenset[str]) -> dict[str, Any]:
    try:
        place = json.loads(base64.urlsafe_b64decode(cursor.encode()))
    except ValueError as error:
        raise InvalidError(NO_CURSOR) from error
    if not isinstance(place, dict) or place.keys() != key:
        raise InvalidError(NO_CURSOR)
    if not all(isinstance(part, str) and part for part in place.values()):
        raise InvalidError(NO_CURSOR)
    return attributes(place)
