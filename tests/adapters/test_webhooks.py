"""Webhooks: what is posted where, and that no address is ever told."""

import json
from types import SimpleNamespace
from typing import Any

import pytest
import urllib3

from finops.adapters.webhooks import KnownWebhook, SecretWebhooks
from finops.domain.errors import FinOpsError

ADDRESS = "https://hooks.example/services/T0/B0/secret-part"


class Secrets:
    """A vault with one address."""

    def __init__(self, address: str = ADDRESS) -> None:
        self.address = address
        self.asked: list[str] = []

    def get_secret_value(self, **said: str) -> dict[str, str]:
        self.asked.append(said["SecretId"])
        return {"SecretString": self.address}


class Pool:
    """Answers in turn: a status, or an error to raise."""

    def __init__(self, *answers: Any) -> None:
        self.answers = list(answers)
        self.requests: list[tuple[str, str, dict[str, Any]]] = []

    def request(self, method: str, url: str, **said: Any) -> Any:
        self.requests.append((method, url, said))
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return SimpleNamespace(status=answer)


def webhooks(pool: Pool, secrets: Secrets | None = None) -> SecretWebhooks:
    known = {"chat": KnownWebhook("Slack", "finops/chat")}
    made: Any = pool
    return SecretWebhooks(secrets or Secrets(), known, lambda: made)


def test_a_message_goes_to_the_address_in_the_secret_as_json() -> None:
    pool, secrets = Pool(200), Secrets(f" {ADDRESS}\n")

    webhooks(pool, secrets).post("chat", {"text": "é"})

    [(method, url, said)] = pool.requests
    assert (method, url, secrets.asked) == ("POST", ADDRESS, ["finops/chat"])
    assert json.loads(said["body"]) == {"text": "é"}
    assert said["redirect"] is False
    assert said["timeout"].read_timeout == 10


@pytest.mark.parametrize("first", [503, 429, urllib3.exceptions.ConnectTimeoutError()])
def test_what_may_pass_is_tried_once_more(first: Any) -> None:
    pool = Pool(first, 204)

    webhooks(pool).post("chat", {})

    assert len(pool.requests) == 2


@pytest.mark.parametrize(
    "answers, told",
    [
        ((404,), "answered 404"),
        ((302,), "answered 302"),
        ((500, 500), "answered 500"),
        (
            (urllib3.exceptions.LocationValueError(ADDRESS),) * 2,
            "was not reached: LocationValueError",
        ),
    ],
)
def test_what_does_not_arrive_is_told_without_the_address(
    answers: tuple[Any, ...], told: str
) -> None:
    with pytest.raises(FinOpsError, match=told) as failed:
        webhooks(Pool(*answers)).post("chat", {})

    assert "secret-part" not in str(failed.value)
    assert "hooks.example" not in str(failed.value)


@pytest.mark.parametrize(
    "address", ["http://hooks.example/x", "", "ftp://x", "https://", "https://[", "https://a:b@c/"]
)
def test_an_address_that_is_not_https_is_refused_without_being_told(address: str) -> None:
    pool = Pool()
    with pytest.raises(FinOpsError, match="holds no https address") as failed:
        webhooks(pool, Secrets(address)).post("chat", {})

    assert pool.requests == []
    assert not address or address not in str(failed.value)


def test_a_webhook_that_is_not_known_is_refused() -> None:
    with pytest.raises(FinOpsError, match="knows no webhook other"):
        webhooks(Pool()).post("other", {})


def test_the_rooms_are_known_by_their_kind() -> None:
    assert webhooks(Pool()).names() == {"chat": "Slack"}
