"""What the parts of the demonstration speak to in tests."""

from collections.abc import Iterator, Mapping
from typing import Any, cast

from finops.local.api import Answer, Api


class FakeApi:
    """Answers by path what it was told to, and keeps what it was asked to write."""

    def __init__(self, answers: Mapping[tuple[str, ...], Any]) -> None:
        self._answers = answers
        self.written: list[tuple[str, ...]] = []
        self.bodies: list[Mapping[str, Any]] = []

    def get(self, *path: str, **query: object) -> dict[str, Any]:
        found = self._answers[path]
        return dict(found()) if callable(found) else dict(found)

    def read(self, *path: str, **query: object) -> Answer:
        return Answer(self.get(*path), '"1"')

    def html(self, *path: str, **query: object) -> str:
        return str(self._answers[("HTML", *path)])

    def pages(self, *path: str, **query: object) -> Iterator[dict[str, Any]]:
        yield self.get(*path)

    def items(self, *path: str, **query: object) -> Iterator[dict[str, Any]]:
        yield from self.get(*path)["items"]

    def fetch(self, link: str) -> bytes:
        content: bytes = self._answers[("FETCH", link)]
        return content

    def post(
        self, *path: str, body: Mapping[str, Any], etag: str | None = None, **query: object
    ) -> dict[str, Any]:
        if not body.get("dry_run"):
            self.written.append(path)
            self.bodies.append(body)
        return self.get("POST", *path)

    def put(self, *path: str, body: Mapping[str, Any], etag: str | None = None) -> dict[str, Any]:
        self.written.append(path)
        self.bodies.append(body)
        return {}


def api_of(answers: Mapping[tuple[str, ...], Any]) -> tuple[Api, FakeApi]:
    fake = FakeApi(answers)
    return cast(Api, fake), fake
