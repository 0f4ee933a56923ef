"""The demonstration's part about a close: it fails where a promise does not hold, and closes once."""

import hashlib
import io
import json
from collections.abc import Mapping
from decimal import Decimal
from types import SimpleNamespace
from typing import Any, cast

import pytest

from finops.local import screen
from finops.local.commands import demo_close as story
from finops.local.errors import DemoError
from finops.local.installation import Installation
from tests.demo_fakes import FakeApi, api_of

MONTH = "2026-08"
CLOSE = ("closes", MONTH)
SIGNED = "retail.digital.storefront.search"


@pytest.fixture(autouse=True)
def said(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What is told aside."""
    told: list[str] = []
    monkeypatch.setattr(screen, "tell", told.append)
    monkeypatch.setattr(story, "SECONDS", 0)
    monkeypatch.setattr("finops.local.waiting.POLL", 0)
    return told


# On the way ---------------------------------------------------------------------------------------


def header(unit: str | None) -> dict[str, Any]:
    return {
        "payer_id": "111111111111",
        "business_unit": unit,
        "vendor": None,
        "purchase_order": None,
        "invoices": ["INV-1"],
        "memo": None,
        "period": None,
    }


def preparing(**more: Any) -> dict[tuple[str, ...], Any]:
    told = {"status": "Preparing", "headers": [], "check_list": [], "version": 1}
    return {CLOSE: told | {"proposed_headers": [header("retail"), header(None)]} | more}


def line(check: str, status: str = "Red") -> dict[str, Any]:
    return {"check": check, "status": status}


def test_each_header_has_the_order_of_its_unit_and_the_bill_s_invoices() -> None:
    api, fake = api_of(preparing())

    story.fill_headers(api, MONTH)

    (body,) = fake.bodies
    assert [(one["purchase_order"], one["invoices"]) for one in body["headers"]] == [
        (story.ORDERS["retail"], ["INV-1"]),
        (story.ORDERS[None], ["INV-1"]),
    ]


@pytest.mark.parametrize("more", [{"headers": [header("retail")]}, {"status": "Closed"}])
def test_headers_are_filled_in_once(more: dict[str, Any], said: list[str]) -> None:
    api, fake = api_of(preparing(**more))

    story.fill_headers(api, MONTH)

    assert fake.written == []
    assert said == ["Nothing to do: the headers were filled in before"]


def test_what_has_no_owner_is_waived_with_a_reason() -> None:
    lines = [line("BillFinal", "Green"), line("NothingUnallocated"), line("SharesSet")]
    api, fake = api_of(preparing(check_list=lines) | {("POST", *CLOSE, "waivers"): {}})

    story.waive(api, MONTH)

    assert [body["check"] for body in fake.bodies] == ["NothingUnallocated", "SharesSet"]
    assert {body["reason"] for body in fake.bodies} == {story.WHY_WAIVED}


@pytest.mark.parametrize("check", ["BillFinal", "CardsFinal", "HeadersFilled"])
def test_another_line_that_is_red_fails_the_demonstration(check: str) -> None:
    api, fake = api_of(preparing(check_list=[line(check)]))

    with pytest.raises(DemoError, match=f"{check} is red"):
        story.waive(api, MONTH)
    assert fake.written == []


def test_a_month_is_closed_once(said: list[str]) -> None:
    api, fake = api_of(preparing(status="Closed"))

    assert story.close_month(api, MONTH)["status"] == "Closed"
    assert fake.written == []
    assert said == [f"Nothing to do: {MONTH} was closed before"]


def test_only_a_closed_month_is_closed() -> None:
    closes = [{"month": "2026-09", "status": "Closed"}, {"month": MONTH, "status": "Closing"}]
    api, _ = api_of({("closes",): {"items": closes}})

    assert not story.is_closed(api, MONTH)


# The files ----------------------------------------------------------------------------------------


def payable(*rows: str) -> tuple[Any, dict[str, Any]]:
    """The API with a file for accounts payable, and the close that it is of."""
    content = "\r\n".join(["Invoice,Net,ChargeClass", *rows, ""]).encode()
    link = {"url": "here", "sha256": hashlib.sha256(content).hexdigest()}
    api, _ = api_of(
        {("POST", *CLOSE, "files", story.FILES[0], "links"): link, ("FETCH", "here"): content}
    )
    return api, {"month": MONTH}


def billed(**invoices: str) -> dict[str, Decimal]:
    return {invoice: Decimal(amount) for invoice, amount in invoices.items()}


def test_accounts_payable_pays_each_invoice_to_the_cent() -> None:
    api, found = payable("I1,10.00,", "I1,0.51,", "I2,5.00,", "I0,-3.00,Correction")

    story.must_be_invoices(api, found, billed(I1="10.5062", I2="4.9951"))


@pytest.mark.parametrize(
    "invoices",
    [{"I1": "10.516", "I2": "5.00"}, {"I1": "10.51"}, {"I1": "10.51", "I2": "5.00", "I3": "0.01"}],
    ids=["a cent more", "an invoice less", "an invoice more"],
)
def test_another_invoice_fails_the_demonstration(invoices: dict[str, str]) -> None:
    api, found = payable("I1,10.51,", "I2,5.00,")

    with pytest.raises(DemoError, match="accounts payable pays"):
        story.must_be_invoices(api, found, billed(**invoices))


class Bucket:
    """What finance finds."""

    def __init__(self, objects: Mapping[str, bytes]) -> None:
        self.objects = objects

    def list_objects_v2(self, **asked: str) -> dict[str, Any]:
        return {"Contents": [{"Key": key} for key in self.objects]}

    def get_object(self, **asked: str) -> dict[str, Any]:
        return {"Body": io.BytesIO(self.objects[asked["Key"]])}


def place_of(objects: Mapping[str, bytes]) -> Installation:
    outputs = [{"OutputKey": story.BUCKET, "OutputValue": "closes"}]
    stacks = SimpleNamespace(describe_stacks=lambda: {"Stacks": [{"Outputs": outputs}]})
    clients = {"s3": Bucket(objects), "cloudformation": stacks}
    return cast(Installation, SimpleNamespace(client=clients.__getitem__))


def delivered(content: bytes, told: bytes, snapshot: str = "5") -> dict[str, bytes]:
    files = [{"name": "Journal.csv", "sha256": hashlib.sha256(told).hexdigest()}]
    manifest = {"files": files, "snapshot_sha256": snapshot}
    prefix = f"{story.DELIVERED}/{MONTH}"
    return {
        f"{prefix}/Journal.csv": content,
        f"{prefix}/manifest.json": json.dumps(manifest).encode(),
    }


CLOSED = {"month": MONTH, "snapshot_sha256": "5"}


def test_what_is_delivered_is_as_its_checksums_say() -> None:
    story.must_be_delivered(place_of(delivered(b"a", b"a")), CLOSED)


@pytest.mark.parametrize(
    "objects, why",
    [
        (delivered(b"b", b"a"), "is not what its checksum says"),
        (delivered(b"a", b"a", snapshot="6"), "of another snapshot"),
        ({}, "was not delivered"),
    ],
)
def test_another_delivery_fails_the_demonstration(objects: dict[str, bytes], why: str) -> None:
    with pytest.raises(DemoError, match=why):
        story.must_be_delivered(place_of(objects), CLOSED)


# Proven -------------------------------------------------------------------------------------------


def year(**amounts: str) -> dict[str, Any]:
    told = {"month": MONTH, "is_closed": True, "currency": "USD", "waiting": "0.00"}
    line = told | {"closed": "10.00", "corrected": "-1.00", "latest": "9.00"} | amounts
    return {"items": [line | {"element": SIGNED}], "totals": [line], "bill": [line]}


def signed(amount: str, told: dict[str, Any]) -> dict[tuple[str, ...], Any]:
    one = {"product_id": SIGNED, "amount": amount, "adjusted": "1.00"}
    return {
        ("spend-cards",): {"items": [one]},
        ("corrections", "years", MONTH[:4]): told,
    }


def test_cards_add_up_to_what_products_pay_of_the_closed_bill() -> None:
    api, _ = api_of(signed("10.00", year()))

    story.must_be_signed(api, MONTH)


def test_a_card_that_is_off_by_the_last_digit_fails_the_demonstration() -> None:
    api, _ = api_of(signed("10.0000000001", year()))

    with pytest.raises(DemoError, match=r"signed 10\.0000000001"):
        story.must_be_signed(api, MONTH)


def test_closed_and_corrected_is_the_latest_bill() -> None:
    api, _ = api_of(signed("10.00", year()))

    story.must_add_up(api, MONTH, Decimal("9.00"))


@pytest.mark.parametrize(
    "told, billed",
    [
        (year(corrected="-0.99"), "9.00"),
        (year(latest="9.0000000001"), "9.0000000001"),
        (year(is_closed=cast(str, False)), "9.00"),
        (year(), "9.01"),
    ],
    ids=["a correction less", "another bill", "not closed", "another bill than its files"],
)
def test_a_closed_month_that_does_not_add_up_fails_the_demonstration(
    told: dict[str, Any], billed: str
) -> None:
    api, _ = api_of(signed("10.00", told))

    with pytest.raises(DemoError):
        story.must_add_up(api, MONTH, Decimal(billed))


@pytest.mark.parametrize(
    "waiting, booked", [("1.00", [{}]), ("0.00", [])], ids=["some wait", "none is there"]
)
def test_corrections_are_not_waited_for_for_ever(waiting: str, booked: list[Any]) -> None:
    answers = signed("10.00", year(waiting=waiting)) | {("corrections",): {"items": booked}}

    with pytest.raises(DemoError, match="not booked after 0 s"):
        story.wait_for_corrections(cast(Any, FakeApi(answers)), MONTH)


def test_corrections_of_one_kind_are_one_row(capsys: pytest.CaptureFixture[str]) -> None:
    usual = {"InvoiceId": "INV-1", "ChargeCategory": "Usage", "x_ProductId": "a.b.c.d"}
    nobodys = usual | {"x_ProductId": None, "BilledCost": "9.00"}
    items = [usual | {"BilledCost": "1.50"}, usual | {"BilledCost": "-2.00"}, nobodys]
    api, _ = api_of({("corrections",): {"items": items}})

    story.show_corrections(api, MONTH)

    rows = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert ["INV-1", "Usage", "a.b.c.d", "-0.50"] in rows
    assert ["INV-1", "Usage", "nobody's", "9.00"] in rows
    assert ["All", "3", "rows", "8.50"] in rows
