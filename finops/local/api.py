"""The REST API of an installation, as a command calls it."""

import csv
import io
import json
import time
import uuid
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from email.message import Message
from functools import cached_property
from typing import Any, NamedTuple
from urllib.error import HTTPError, URLError
from urllib.parse import quote, urlencode
from urllib.request import OpenerDirector, ProxyHandler, Request, build_opener

from finops.domain.errors import FinOpsError
from finops.local.installation import Installation
from finops.local.sign_in import person_of, token

SECONDS = 60
TOO_MANY = 429
WAITS = (0.2, 0.5, 1.0, 2.0, 4.0)  # seconds between tries, where too many ask
JSON, CSV = "application/json", "text/csv"
WRITES = frozenset({"POST", "PUT", "DELETE"})


class ApiError(FinOpsError):
    """What the API refused, in its own words; *errors* and *current* are what else it told."""

    def __init__(
        self,
        status: int,
        said: str,
        *,
        errors: Sequence[Mapping[str, Any]] = (),
        current: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(said)
        self.status = status
        self.errors = errors
        self.current = current


class Answer(NamedTuple):
    """What the API says of something, and the version of it, which a change has to name."""

    body: dict[str, Any]
    etag: str | None


class _Raw(NamedTuple):
    body: bytes
    headers: Message


class Api:
    """Signs in when first asked, then answers with what the API's JSON says.

    *who* is the mail address of the person who asks; without it, who this machine's installation
    came with. Every method raises ApiError.
    """

    def __init__(self, installation: Installation, who: str | None = None) -> None:
        self._installation = installation
        self._who = who

    def now(self) -> datetime:
        """What the installation takes for this moment."""
        return self._installation.now()

    def get(self, *path: str, **query: object) -> dict[str, Any]:
        """What is at *path*; a part of it may hold any character. Absent (None) is not asked."""
        return self.read(*path, **query).body

    def read(self, *path: str, **query: object) -> Answer:
        """The same, with its version."""
        return _answer(self._ask("GET", path, query))

    def pages(self, *path: str, **query: object) -> Iterator[dict[str, Any]]:
        """What is at *path*, page after page to the last."""
        cursor = None
        while True:
            page = self.get(*path, **query, cursor=cursor)
            yield page
            cursor = page["next_cursor"]
            if cursor is None:
                return

    def items(self, *path: str, **query: object) -> Iterator[dict[str, Any]]:
        """The items of all pages."""
        for page in self.pages(*path, **query):
            yield from page["items"]

    def csv(self, *path: str, **query: object) -> str:
        """The same as text with commas: one header, the rows of all pages."""
        table = io.StringIO()
        writer = csv.writer(table, lineterminator="\n")
        cursor, is_first = None, True
        while True:
            raw = self._ask("GET", path, {**query, "cursor": cursor}, accept=CSV)
            header, *rows = list(csv.reader(io.StringIO(raw.body.decode(), newline=""))) or [[]]
            writer.writerows([header, *rows] if is_first and header else rows)
            cursor, is_first = raw.headers.get("X-Next-Cursor"), False
            if cursor is None:
                return table.getvalue()

    def svg(self, *path: str, **query: object) -> str:
        """The same, drawn."""
        return self._ask("GET", path, {**query, "format": "svg"}).body.decode()

    def html(self, *path: str, **query: object) -> str:
        """The same, as a page."""
        return self._ask("GET", path, {**query, "format": "html"}).body.decode()

    def post(
        self, *path: str, body: Mapping[str, object], etag: str | None = None, **query: object
    ) -> dict[str, Any]:
        """What the API answers to *body*; *etag* is the version that it is a change of."""
        return _answer(self._ask("POST", path, query, body=body, etag=etag)).body

    def put(
        self, *path: str, body: Mapping[str, object], etag: str | None = None
    ) -> dict[str, Any]:
        """The same, where the whole is replaced."""
        return _answer(self._ask("PUT", path, {}, body=body, etag=etag)).body

    def delete(self, *path: str, etag: str | None = None) -> dict[str, Any]:
        """The same, where it is taken away."""
        return _answer(self._ask("DELETE", path, {}, etag=etag)).body

    def upload(self, link: str, content: bytes) -> None:
        """Puts *content* where a link of the API's leads; the link says itself who may."""
        # S310: the API made the address. No content type: what the link was signed without.
        headers = {"Content-Type": ""}
        request = Request(link, data=content, headers=headers, method="PUT")  # noqa: S310
        self._open(request)

    def fetch(self, link: str) -> bytes:
        """What is where a link of the API's leads."""
        return self._open(Request(link, method="GET")).body  # noqa: S310 - the API made the address

    @cached_property
    def _token(self) -> str:
        return token(self._installation, person_of(self._installation, self._who))

    @cached_property
    def _opener(self) -> OpenerDirector:
        # A proxy leads out of this machine.
        return build_opener(ProxyHandler({})) if self._installation.local else build_opener()

    def _ask(
        self,
        method: str,
        path: tuple[str, ...],
        query: Mapping[str, object],
        *,
        accept: str = JSON,
        body: Mapping[str, object] | None = None,
        etag: str | None = None,
    ) -> _Raw:
        address = "/".join([self._installation.api, *(quote(part, safe="") for part in path)])
        asked = {name: value for name, value in query.items() if value is not None}
        if asked:
            address += f"?{urlencode(asked, doseq=True)}"
        headers = {"Authorization": f"Bearer {self._token}", "Accept": accept}
        if method in WRITES:
            headers["Idempotency-Key"] = uuid.uuid4().hex  # done once, whatever the network does
        if etag is not None:
            headers["If-Match"] = etag
        sent = None
        if body is not None:
            headers["Content-Type"] = JSON
            sent = json.dumps(body).encode()
        # S310: the address is a stack's output, http only on 127.0.0.1.
        request = Request(address, data=sent, headers=headers, method=method)  # noqa: S310
        for wait in WAITS:
            try:
                return self._open(request)
            except ApiError as error:
                if error.status != TOO_MANY:
                    raise
            time.sleep(wait)
        return self._open(request)

    def _open(self, request: Request) -> _Raw:
        try:
            with self._opener.open(request, timeout=SECONDS) as answer:
                return _Raw(bytes(answer.read()), answer.headers)
        except HTTPError as error:
            raise _problem(error.read(), error.headers, error.code) from error
        except URLError as error:
            raise ApiError(0, f"the API does not answer: {error.reason}") from error


def _answer(raw: _Raw) -> Answer:
    body: dict[str, Any] = json.loads(raw.body)
    return Answer(body, raw.headers.get("ETag"))


def _problem(body: bytes, headers: Message, status: int) -> ApiError:
    """An `application/problem+json` as it was meant, or what came in its place."""
    text = body.decode(errors="replace")
    said = json.loads(text) if "json" in headers.get_content_type() else None
    if not isinstance(said, dict):
        return ApiError(status, f"{status}: {text[:500]}")
    words = said.get("detail") or said.get("title") or said.get("message") or text
    return ApiError(
        status, str(words), errors=said.get("errors") or (), current=said.get("current")
    )
