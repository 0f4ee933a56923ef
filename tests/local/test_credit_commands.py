"""`finops credits map`: what is not said stays as it was."""

from types import SimpleNamespace
from typing import Any

import pytest
from typer.testing import CliRunner

from finops.domain.errors import InvalidError
from finops.local.commands import credits as commands

KNOWN = {
    "credit_id": "c-1",
    "text": "MAP 2026",
    "source": "Granted",
    "product_id": "retail.digital.storefront.web-shop",
    "account_id": "444455556666",
    "service": "AmazonS3",
    "reference": "R-1",
    "currency": "EUR",
    "amount": "1200.0000000000",
    "balance": "1200.0000000000",
    "start": "2026-01-01",
    "expiry": "2026-12-31",
    "withdrawn_from": None,
}
MAP = (
    *("map", "c-1", "retail.digital.storefront.search"),
    *("--amount", "900", "--start", "2026-01-01", "--expiry", "2026-06-30"),
)


class OneCredit:
    """An API that knows one credit; *put_* is what it was told of it."""

    def __init__(self) -> None:
        self.told: dict[str, Any] = {}

    def read(self, *path: str) -> Any:
        return SimpleNamespace(body=KNOWN, etag='"1"')

    def put(self, *path: str, body: dict[str, Any], etag: str) -> dict[str, Any]:
        self.told = body
        return KNOWN


@pytest.fixture
def api(monkeypatch: pytest.MonkeyPatch) -> OneCredit:
    one = OneCredit()
    monkeypatch.setattr(commands, "api_of", lambda *said, **usually: one)
    return one


def mapped(api: OneCredit, *words: str) -> dict[str, Any]:
    result = CliRunner().invoke(commands.app, [*MAP, *words])
    if result.exception is not None:
        raise result.exception
    return api.told


def test_what_is_not_said_of_a_credit_stays_as_it_was(api: OneCredit) -> None:
    told = mapped(api)

    assert (told["product_id"], told["amount"]) == ("retail.digital.storefront.search", "900")
    kept = ("text", "currency", "service", "account_id", "reference")
    assert {name: told[name] for name in kept} == {name: KNOWN[name] for name in kept}


def test_a_credit_gets_another_service_or_all_of_them_by_saying_so(api: OneCredit) -> None:
    assert mapped(api, "--service", "AmazonEC2")["service"] == "AmazonEC2"
    assert mapped(api, "--all-services")["service"] is None
    with pytest.raises(InvalidError, match="--service for one of them or --all-services, not both"):
        mapped(api, "--service", "AmazonEC2", "--all-services")
