"""Commands call the REST API signed in, and hand on its own words when it refuses."""

import csv
import io
import json
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from types import SimpleNamespace
from typing import Any

import pytest

from finops.local.api import Api, ApiError
from finops.local.installation import Installation
from finops.local.local_aws import LocalAws

TOKEN = "a.signed.token"
ASKED: list[dict[str, Any]] = []
BUSY = iter((True, True, False))


class Answers(BaseHTTPRequestHandler):
    """Says what it was asked; `/refused` is refused in one way, `/broken` in another.

    `/paged` has three pages of one item each; `/busy` answers the third time.
    """

    def do_GET(self) -> None:
        path, _, query = self.path.partition("?")
        page = int(query.partition("cursor=")[2] or 0)
        following = str(page + 1) if path == "/v1/paged" and page < 2 else None
        if path == "/v1/refused":
            said = {
                "title": "Conflict",
                "detail": "that is for a financial_admin",
                "status": 409,
                "errors": [{"where": "body.role", "what": "Field required"}],
                "current": {"version": 4},
            }
            self.answer(409, "application/problem+json", json.dumps(said))
        elif path == "/v1/busy" and next(BUSY):
            self.answer(429, "application/problem+json", json.dumps({"detail": "wait a little"}))
        elif path == "/v1/broken":
            self.answer(502, "text/html", "<h1>Bad gateway</h1>")
        elif self.headers["Accept"] == "text/csv":
            more = {"X-Next-Cursor": following} if following else {}
            self.answer(200, "text/csv", f'account,lines\r\n"a,\r\nb",{page}\r\n', **more)
        elif path == "/v1/paged":
            said = {"items": [{"number": page}], "next_cursor": following}
            self.answer(200, "application/json", json.dumps(said))
        else:
            self.told()

    def do_POST(self) -> None:
        self.told()

    def do_PUT(self) -> None:
        self.told()

    def do_DELETE(self) -> None:
        self.told()

    def told(self) -> None:
        sent = self.rfile.read(int(self.headers["Content-Length"] or 0)).decode()
        said = {
            "method": self.command,
            "path": self.path,
            "headers": {name.lower(): value for name, value in self.headers.items()},
            "body": sent,
        }
        ASKED.append(said)
        self.answer(200, "application/json", json.dumps(said), ETag='"3"')

    def answer(self, status: int, kind: str, text: str, **headers: str) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(text.encode())))
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(text.encode())

    def log_message(self, *_: Any) -> None:
        """Says nothing aside."""


def installation(address: str, folder: Path) -> Installation:
    result = {"AuthenticationResult": {"IdToken": TOKEN}}
    cognito = SimpleNamespace(initiate_auth=lambda **_: result)
    return Installation(
        region="us-east-1",
        api=address,
        billing_bucket="bills",
        ledger_bucket="ledger",
        sorfile_bucket="charts",
        user_pool_id="pool",
        client_id="client",
        client=lambda name: cognito,
        local=LocalAws(folder),
    )


@pytest.fixture
def api(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Api]:
    monkeypatch.setenv("FINOPS_USERNAME", "ann@example.com")
    monkeypatch.setenv("FINOPS_PASSWORD", "Made-up-1")
    # What is on this machine is not asked for through a proxy.
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    with ThreadingHTTPServer(("127.0.0.1", 0), Answers) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield Api(installation(f"http://127.0.0.1:{server.server_port}/v1", tmp_path))
        server.shutdown()


def test_every_call_is_signed_in(api: Api) -> None:
    assert api.get("bills")["headers"]["authorization"] == f"Bearer {TOKEN}"


def test_parts_of_a_path_and_of_a_query_may_hold_any_character(api: Api) -> None:
    said = api.get("loads", "a/b c", account=["1", "2"], service="EC2 & more")

    assert said["path"] == "/v1/loads/a%2Fb%20c?account=1&account=2&service=EC2+%26+more"


def test_what_is_absent_is_not_asked_for(api: Api) -> None:
    assert api.get("bills", payer_id=None, billing_period="2026-09")["path"] == (
        "/v1/bills?billing_period=2026-09"
    )


def test_a_body_is_sent_as_json(api: Api) -> None:
    said = api.post("loads", body={"manifest_key": "a/b-Manifest.json"})

    assert (said["method"], json.loads(said["body"])) == (
        "POST",
        {"manifest_key": "a/b-Manifest.json"},
    )


def test_a_change_names_the_version_that_was_read(api: Api) -> None:
    _, etag = api.read("people", "ann@example.com")

    changed = api.put("people", "ann@example.com", body={}, etag=etag)
    taken = api.delete("people", "ann@example.com", "suspension", etag=etag)

    assert (changed["method"], taken["method"], taken["body"]) == ("PUT", "DELETE", "")
    assert [said["headers"]["if-match"] for said in (changed, taken)] == ['"3"', '"3"']
    assert "if-match" not in api.post("people", body={})["headers"]


def test_every_write_has_a_key_of_its_own_and_no_read_has_one(api: Api) -> None:
    writes = [
        api.post("a", body={}),
        api.post("a", body={}),
        api.put("a", body={}),
        api.delete("a"),
    ]

    assert len({said["headers"]["idempotency-key"] for said in writes}) == 4
    assert "idempotency-key" not in api.get("a")["headers"]


def test_all_pages_are_one_list(api: Api) -> None:
    assert [item["number"] for item in api.items("paged")] == [0, 1, 2]
    assert [page["next_cursor"] for page in api.pages("paged")] == ["1", "2", None]


def test_csv_has_one_header_and_the_rows_of_all_pages(api: Api) -> None:
    assert api.csv("bills", "2026-09", "costs") == 'account,lines\n"a,\r\nb",0\n'
    rows = list(csv.reader(io.StringIO(api.csv("paged"), newline="")))
    assert rows == [["account", "lines"], *(["a,\r\nb", page] for page in "012")]


def test_an_upload_carries_the_bytes_and_nobody_s_token(api: Api) -> None:
    link = api.get("anywhere")["headers"]["host"]

    api.upload(f"http://{link}/bucket/drafts/1?Signature=s", "Zoë".encode())

    (said,) = [said for said in ASKED if said["path"].startswith("/bucket/")]
    assert (said["method"], said["body"]) == ("PUT", "Zoë")
    assert not said["headers"].get("content-type")
    assert "authorization" not in said["headers"]


def test_a_refusal_keeps_its_words_and_what_else_it_told(api: Api) -> None:
    with pytest.raises(ApiError, match="that is for a financial_admin") as refused:
        api.get("refused")

    assert refused.value.status == 409
    assert refused.value.errors == [{"where": "body.role", "what": "Field required"}]
    assert refused.value.current == {"version": 4}


def test_where_too_many_ask_it_waits_its_turn(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    waits: list[float] = []
    monkeypatch.setattr("time.sleep", waits.append)

    assert api.get("busy")["path"] == "/v1/busy"
    assert waits == [0.2, 0.5]


def test_what_is_no_problem_document_is_shown_as_it_came(api: Api) -> None:
    with pytest.raises(ApiError, match="502: <h1>Bad gateway</h1>"):
        api.get("broken")


def test_an_api_that_is_not_there_is_named_so(api: Api, tmp_path: Path) -> None:
    with pytest.raises(ApiError, match="does not answer"):
        Api(installation("http://127.0.0.1:9/v1", tmp_path)).get("bills")
