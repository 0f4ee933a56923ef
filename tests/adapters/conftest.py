"""Each port twice: the fake that use cases are tested on, and the adapter on moto.

A contract that both keep is what lets the fakes stand for AWS everywhere else.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from finops.adapters.dynamodb import DynamoBills, DynamoLoads
from finops.adapters.s3 import S3Deliveries, S3Ledger
from finops.usecases.ports import Bills, Deliveries, Ledger, Loads
from tests.aws import BILLING, BILLS, LEDGER, LOADS, client, fill, furnished, organised
from tests.fakes import FolderLedger, InMemoryBills, InMemoryDeliveries, InMemoryLoads
from tests.usecases.organisation import Organisation


@pytest.fixture(params=["fake", "real"])
def kind(request: pytest.FixtureRequest) -> Iterator[str]:
    if request.param == "fake":
        yield "fake"
    else:
        with furnished():
            yield "real"


@dataclass
class Bucket:
    """The port, and what others do to its bucket."""

    port: Deliveries
    put: Callable[..., str]
    fill: Callable[[Iterable[str]], None]
    remove: Callable[[str], None]
    forget_versions: Callable[[str], None]


@pytest.fixture
def bucket(kind: str) -> Bucket:
    if kind == "fake":
        fake = InMemoryDeliveries()

        def fill_the_fake(keys: Iterable[str]) -> None:
            for key in keys:
                fake.put(key, "")

        return Bucket(fake, fake.put, fill_the_fake, fake.remove, fake.forget_versions)
    s3 = client("s3")

    def put(key: str, body: bytes | str, *, notes: dict[str, str] | None = None) -> str:
        made = s3.put_object(Bucket=BILLING, Key=key, Body=body, Metadata=notes or {})
        return str(made["VersionId"])

    def remove(key: str) -> None:
        s3.delete_object(Bucket=BILLING, Key=key)

    def forget_versions(key: str) -> None:
        listed = s3.list_object_versions(Bucket=BILLING, Prefix=key)["Versions"]
        for one in listed:
            if not one["IsLatest"]:
                s3.delete_object(Bucket=BILLING, Key=key, VersionId=one["VersionId"])

    def put_all(keys: Iterable[str]) -> None:
        fill(BILLING, keys)

    return Bucket(S3Deliveries(s3, BILLING), put, put_all, remove, forget_versions)


@pytest.fixture
def ledger(kind: str, tmp_path: Path) -> Ledger:
    if kind == "fake":
        return FolderLedger(tmp_path / "ledger")
    return S3Ledger(client("s3"), LEDGER, tmp_path / "cache")


@pytest.fixture
def ledger_fill(kind: str, ledger: Ledger) -> Callable[[Iterable[str]], None]:
    """Many small objects, whose content does not matter."""

    def on_the_fake(keys: Iterable[str]) -> None:
        for key in keys:
            ledger.put_json(key, {})

    return on_the_fake if kind == "fake" else lambda keys: fill(LEDGER, keys)


@pytest.fixture
def loads(kind: str) -> Loads:
    return InMemoryLoads() if kind == "fake" else DynamoLoads(client("dynamodb"), LOADS)


@pytest.fixture
def bills(kind: str) -> Bills:
    return InMemoryBills() if kind == "fake" else DynamoBills(client("dynamodb"), BILLS)


@pytest.fixture(params=["fake", "real"])
def organisation(request: pytest.FixtureRequest) -> Iterator[Organisation]:
    """All ports of the organisation: on fakes, and on tables of moto."""
    if request.param == "fake":
        yield Organisation()
    else:
        with organised():
            yield Organisation.on_aws()
