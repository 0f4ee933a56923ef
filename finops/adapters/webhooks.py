"""Chat rooms that messages are posted to, by addresses that are secrets."""

import json
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import urllib3

from finops.domain.errors import FinOpsError

SECONDS = urllib3.Timeout(connect=5, read=10)
AGAIN = frozenset({429, 500, 502, 503, 504})
TRIES = 2


class KnownWebhook(NamedTuple):
    """A room of a *kind* (`Slack`, `Teams`), and the name of the secret that holds its address."""

    kind: str
    secret: str


class SecretWebhooks:
    """`finops.usecases.ports.Webhooks`: addresses from Secrets Manager, asked for at each message.

    Who has the address may post: it is in no error and in no log. Only https, and no redirects.
    """

    def __init__(
        self,
        secrets: Any,
        known: Mapping[str, KnownWebhook],
        pool: Callable[[], urllib3.PoolManager] = urllib3.PoolManager,
    ) -> None:
        self._secrets, self._known, self._pool = secrets, known, pool

    def names(self) -> Mapping[str, str]:
        return {name: one.kind for name, one in self._known.items()}

    def post(self, name: str, message: Mapping[str, Any]) -> None:
        address = self._address(name)
        body = json.dumps(message).encode()
        for attempt in range(TRIES):
            why = self._tried(address, body)
            if why is None:
                return
            if attempt == TRIES - 1 or not why.is_worth_another:
                raise FinOpsError(f"the webhook {name} {why.told}")

    def _tried(self, address: str, body: bytes) -> "_Failure | None":
        try:
            answer = self._pool().request(
                "POST",
                address,
                body=body,
                headers={"Content-Type": "application/json"},
                timeout=SECONDS,
                retries=False,
                redirect=False,
            )
        except urllib3.exceptions.HTTPError as error:
            # What it says may hold the address.
            return _Failure(f"was not reached: {type(error).__name__}", is_worth_another=True)
        if 200 <= answer.status < 300:
            return None
        return _Failure(f"answered {answer.status}", is_worth_another=answer.status in AGAIN)

    def _address(self, name: str) -> str:
        if name not in self._known:
            raise FinOpsError(f"the deployment knows no webhook {name}")
        secret = self._known[name].secret
        found = self._secrets.get_secret_value(SecretId=secret).get("SecretString") or ""
        address = str(found).strip()
        try:
            parts = urlsplit(address)
            is_usable = parts.scheme == "https" and bool(parts.hostname) and not parts.username
        except ValueError:
            is_usable = False
        if not is_usable:
            raise FinOpsError(
                f"the secret {secret} of the webhook {name} holds no https address; put the address"
                " there as it is, without quotes"
            ) from None
        return address


class _Failure(NamedTuple):
    """Why a message did not arrive."""

    told: str
    is_worth_another: bool


def known_webhooks(said: Mapping[str, str]) -> dict[str, KnownWebhook]:
    """By name, from what a deployment says.

    >>> known_webhooks({"chat": "Slack:finops/chat"})
    {'chat': KnownWebhook(kind='Slack', secret='finops/chat')}
    """
    found = {}
    for name, one in said.items():
        kind, _, secret = one.partition(":")
        found[name] = KnownWebhook(kind, secret)
    return found
