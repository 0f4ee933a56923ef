"""The API under load: a chart of 5,000 products, several clients at once, reads and writes mixed."""

import os
import random
import secrets
import statistics
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any

import requests

from benchmarks.measuring import table
from finops.local import machine
from finops.local.installation import Installation

PRODUCTS = 5_000
CLIENTS = 2
YEAR = 2026
WARM_UP = 10  # seconds
PORTFOLIOS, DEPARTMENTS, UNITS = 250, 25, 5


def load(out: Path, *, seconds: int) -> str:
    """Milliseconds by route, beside a read of one item from the same local AWS without an API."""
    os.environ["FINOPS_LOCAL_DIR"] = str(out / "local")
    place = machine.up()
    try:
        admin = _Client(place, "bench.admin@example.com", "financial_admin")
        _fill(admin)
        owner = _owner(place)
        routes = _routes(admin, owner, place)
        _run(routes, WARM_UP)
        return _told(_run(routes, seconds), seconds)
    finally:
        machine.here().down()


class _Client:
    """Somebody with a connection of each thread's own."""

    def __init__(self, place: Installation, email: str, group: str | None = None) -> None:
        self._api = place.api
        self._token = _token(place, email, group)
        self._sessions = threading.local()

    def ask(self, method: str, path: str, **more: Any) -> requests.Response:
        if not hasattr(self._sessions, "session"):
            session = requests.Session()
            session.trust_env = False  # a proxy leads out of this machine
            session.headers["Authorization"] = f"Bearer {self._token}"
            self._sessions.session = session
        answered: requests.Response = self._sessions.session.request(
            method, f"{self._api}{path}", timeout=60, **more
        )
        return answered

    def get(self, path: str) -> Any:
        return _good(self.ask("GET", path)).json()


def _good(answered: requests.Response) -> requests.Response:
    if not answered.ok:
        raise RuntimeError(f"{answered.request.method} {answered.url}: {answered.text[:500]}")
    return answered


def _token(place: Installation, email: str, group: str | None) -> str:
    cognito, password = place.client("cognito-idp"), f"Aa1-{secrets.token_urlsafe(12)}"
    user = {"UserPoolId": place.user_pool_id, "Username": email}
    attributes = [
        {"Name": "email", "Value": email},
        {"Name": "email_verified", "Value": "true"},
    ]
    with suppress(cognito.exceptions.UsernameExistsException):  # their invitation was faster
        cognito.admin_create_user(**user, MessageAction="SUPPRESS", UserAttributes=attributes)
    cognito.admin_set_user_password(**user, Password=password, Permanent=True)
    if group:
        cognito.admin_add_user_to_group(**user, GroupName=group)
    answered = cognito.initiate_auth(
        ClientId=place.client_id,
        AuthFlow="USER_PASSWORD_AUTH",
        AuthParameters={"USERNAME": email, "PASSWORD": password},
    )
    return str(answered["AuthenticationResult"]["IdToken"])


def _fill(admin: _Client) -> None:
    """The chart, loaded by the API."""
    rows = ["Business unit,Department,Portfolio,Product,Annual amount"]
    rows += [
        f"Unit {n % UNITS},Department {n % DEPARTMENTS},Portfolio {n % PORTFOLIOS},"
        f"Product {n},{12_000 + n}.00"
        for n in range(PRODUCTS)
    ]
    link = _good(admin.ask("POST", "/chart-uploads")).json()
    put = requests.Session()
    put.trust_env = False
    _good(put.put(link["url"], data="\n".join(rows).encode(), timeout=60))
    body = {
        "upload_id": link["upload_id"],
        "is_new": True,
        "start_date": f"{YEAR}-01-01",
        "dry_run": False,
    }
    began = time.perf_counter()
    report = _good(admin.ask("POST", f"/charts/{YEAR}/loads", json=body)).json()
    took = time.perf_counter() - began
    if report["report"]["counts"]["added"] != PRODUCTS:
        raise RuntimeError(f"the chart was not loaded: {report['report']['errors'][:3]}")
    print(f"A chart of {PRODUCTS:,} products was loaded in {took:.2f} s.\n")


def _owner(place: Installation) -> _Client:
    """The owner of a portfolio, invited by a cloud engineer."""
    engineer = _Client(place, "bench.engineer@example.com", "cloud_engineer")
    body = {
        "email": "bench.owner@example.com",
        "role": "portfolio_owner",
        "scope": ["unit-0.department-0.portfolio-0"],
    }
    _good(engineer.ask("POST", "/people", json=body))
    return _Client(place, "bench.owner@example.com")


Asking = Callable[[random.Random], None]


def _routes(
    admin: _Client, owner: _Client, place: Installation
) -> Sequence[tuple[str, int, Asking]]:
    """Name, how often of a hundred requests, and the request."""

    def read(client: _Client, path: str) -> Asking:
        return lambda draw: client.get(path.format(n=draw.randrange(PRODUCTS))) and None

    product = _product
    dynamodb = place.client("dynamodb")
    name = next(name for name in dynamodb.list_tables()["TableNames"] if "people" in name.lower())

    def save_draft(draw: random.Random) -> None:
        path = f"/budgets/{YEAR}/{product(draw.randrange(PRODUCTS))}"
        found = _good(admin.ask("GET", path))
        if "SaveDraft" not in found.json()["allowed"]:
            return
        months = [f"{draw.randrange(500)}.50" for _ in range(12)]
        headers = {"If-Match": found.headers["ETag"], "Idempotency-Key": secrets.token_hex(8)}
        saved = admin.ask("PUT", f"{path}/draft", json={"months": months}, headers=headers)
        if saved.status_code != 409:  # somebody else of us was faster
            _good(saved)

    def one_budget(draw: random.Random) -> None:
        admin.get(f"/budgets/{YEAR}/{product(draw.randrange(PRODUCTS))}")

    def one_item(draw: random.Random) -> None:
        key = {"person": {"S": "bench.owner@example.com"}}
        dynamodb.get_item(TableName=name, Key=key, ConsistentRead=True)

    return (
        ("GET /me", 10, read(owner, "/me")),
        ("GET /tasks (a portfolio's)", 10, read(owner, "/tasks")),
        ("GET /plans/{year}/enterprise", 15, read(admin, f"/plans/{YEAR}/enterprise")),
        ("GET /plans/{year}/{portfolio}", 10, read(owner, f"/plans/{YEAR}/enterprise")),
        ("GET /budgets/{year} (100 of 5,000)", 15, read(admin, f"/budgets/{YEAR}?limit=100")),
        ("GET /budgets/{year}/{product}", 15, one_budget),
        ("GET /charts/{year} (100 of 5,000)", 5, read(admin, f"/charts/{YEAR}?limit=100")),
        ("GET /audit (100)", 5, read(admin, "/audit")),
        ("PUT …/draft, with its GET", 5, save_draft),
        ("(peer) one item by DynamoDB's own API", 10, one_item),
    )


def _product(n: int) -> str:
    return f"unit-{n % UNITS}.department-{n % DEPARTMENTS}.portfolio-{n % PORTFOLIOS}.product-{n}"


def _run(routes: Sequence[tuple[str, int, Asking]], seconds: int) -> dict[str, list[float]]:
    """Milliseconds of each request, by route."""
    until = time.monotonic() + seconds
    took: dict[str, list[float]] = {name: [] for name, _, _ in routes}

    def client(number: int) -> None:
        draw = random.Random(number)
        weights = [weight for _, weight, _ in routes]
        while time.monotonic() < until:
            [(name, _, asking)] = draw.choices(routes, weights)
            began = time.perf_counter()
            asking(draw)
            took[name].append(1000 * (time.perf_counter() - began))

    with ThreadPoolExecutor(CLIENTS) as pool:
        for done in [pool.submit(client, number) for number in range(CLIENTS)]:
            done.result()
    return took


def _told(took: dict[str, list[float]], seconds: int) -> str:
    rows: list[list[object]] = []
    for name, times in took.items():
        cuts = statistics.quantiles(times, n=100)
        rows.append([name, len(times), *(f"{cuts[p - 1]:.0f}" for p in (50, 95, 99))])
    everything = [one for name, times in took.items() if "peer" not in name for one in times]
    cuts = statistics.quantiles(everything, n=100)
    rows.append(
        ["**all of the API**", len(everything), *(f"**{cuts[p - 1]:.0f}**" for p in (50, 95, 99))]
    )
    rate = len(everything) / seconds
    said = f"{CLIENTS} clients at once for {seconds} s, {rate:.0f} requests a second.\n\n"
    return said + table(["route", "requests", "p50 ms", "p95 ms", "p99 ms"], rows)
