"""The REST API of an installation, as a command calls it."""

import json
from collections.abc import Mapping
from email.message import Message
from functools import cached_property
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.parse import quote, urlencode
from urllib.request import OpenerDirector, ProxyHandler, Request, build_opener

from finops.domain.errors import FinOpsError
from finops.local.installation import Installation
from finops.local.sign_in import person_of, token

SECONDS = 60


class ApiError(FinOpsError):
    """What the API refused, in its own words."""

    def __init__(self, status: int, said: str) -> None:
        super().__init__(said)
        self.status = status


class Api:
    """Signs in when first asked, then answers with what the API's JSON says."""

    def __init__(self, installation: Installation) -> None:
        self._installation = installation

    def get(self, *path: str, **query: object) -> dict[str, Any]:
        """What is at *path*; a part of it may hold any character. Absent (None) is not asked.

        Raises ApiError.
        """
        asked = {name: value for name, value in query.items() if value is not None}
        answer: dict[str, Any] = json.loads(
            self._ask("GET", path, asked, accept="application/json")
        )
        return answer

    def csv(self, *path: str, **query: object) -> str:
        """The same as text with commas."""
        asked = {name: value for name, value in query.items() if value is not None}
        return self._ask("GET", path, asked, accept="text/csv").decode()

    def post(self, *path: str, body: Mapping[str, object]) -> dict[str, Any]:
        """What the API answers to *body*. Raises ApiError."""
        sent = json.dumps(body).encode()
        answer: dict[str, Any] = json.loads(
            self._ask("POST", path, {}, accept="application/json", body=sent)
        )
        return answer

    @cached_property
    def _token(self) -> str:
        return token(self._installation, person_of(self._installation))

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
        accept: str,
        body: bytes | None = None,
    ) -> bytes:
        address = "/".join([self._installation.api, *(quote(part, safe="") for part in path)])
        if query:
            address += f"?{urlencode(query, doseq=True)}"
        headers = {"Authorization": f"Bearer {self._token}", "Accept": accept}
        if body is not None:
            headers["Content-Type"] = "application/json"
        # S310: the address is a stack's output, http only on 127.0.0.1.
        request = Request(address, data=body, headers=headers, method=method)  # noqa: S310
        try:
            with self._opener.open(request, timeout=SECONDS) as answer:
                return bytes(answer.read())
        except HTTPError as error:
            raise ApiError(error.code, _problem(error.read(), error.headers, error.code)) from error
        except URLError as error:
            raise ApiError(0, f"the API does not answer: {error.reason}") from error


def _problem(body: bytes, headers: Message, status: int) -> str:
    """The words of an `application/problem+json`, or of what came in its place."""
    text = body.decode(errors="replace")
    said = json.loads(text) if "json" in headers.get_content_type() else None
    if not isinstance(said, dict):
        return f"{status}: {text[:500]}"
    return str(said.get("detail") or said.get("title") or said.get("message") or text)
