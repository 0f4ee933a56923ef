"""Commands call the REST API signed in, and hand on its own words when it refuses."""

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


class Answers(BaseHTTPRequestHandler):
    """Says what it was asked; `/refused` is refused in one way, `/broken` in another."""

    def do_GET(self) -> None:
        if self.path == "/v1/refused":
            said = {"title": "Forbidden", "detail": "that is for a financial_admin", "status": 403}
            self.answer(403, "application/problem+json", json.dumps(said))
        elif self.path == "/v1/broken":
            self.answer(502, "text/html", "<h1>Bad gateway</h1>")
        elif self.headers["Accept"] == "text/csv":
            self.answer(200, "text/csv", "account,lines\n")
        else:
            self.told("GET")

    def do_POST(self) -> None:
        self.told("POST", json.loads(self.rfile.read(int(self.headers["Content-Length"]))))

    def told(self, method: str, body: object = None) -> None:
        said = {
            "method": method,
            "path": self.path,
            "authorization": self.headers["Authorization"],
            "body": body,
        }
        self.answer(200, "application/json", json.dumps(said))

    def answer(self, status: int, kind: str, text: str) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(text.encode())))
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
    assert api.get("bills")["authorization"] == f"Bearer {TOKEN}"


def test_parts_of_a_path_and_of_a_query_may_hold_any_character(api: Api) -> None:
    said = api.get("loads", "a/b c", account=["1", "2"], service="EC2 & more")

    assert said["path"] == "/v1/loads/a%2Fb%20c?account=1&account=2&service=EC2+%26+more"


def test_what_is_absent_is_not_asked_for(api: Api) -> None:
    assert api.get("bills", payer_id=None, billing_period="2026-09")["path"] == (
        "/v1/bills?billing_period=2026-09"
    )


def test_a_body_is_sent_as_json(api: Api) -> None:
    said = api.post("loads", body={"manifest_key": "a/b-Manifest.json"})

    assert (said["method"], said["body"]) == ("POST", {"manifest_key": "a/b-Manifest.json"})


def test_csv_comes_as_it_is(api: Api) -> None:
    assert api.csv("bills", "2026-09", "costs") == "account,lines\n"


def test_a_refusal_keeps_its_words(api: Api) -> None:
    with pytest.raises(ApiError, match="that is for a financial_admin") as refused:
        api.get("refused")

    assert refused.value.status == 403


def test_what_is_no_problem_document_is_shown_as_it_came(api: Api) -> None:
    with pytest.raises(ApiError, match="502: <h1>Bad gateway</h1>"):
        api.get("broken")


def test_an_api_that_is_not_there_is_named_so(api: Api, tmp_path: Path) -> None:
    with pytest.raises(ApiError, match="does not answer"):
        Api(installation("http://127.0.0.1:9/v1", tmp_path)).get("bills")
