"""What the reducer notes beside the charges: credits that lines name, services that have discounts."""

from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from finops.domain.bill_notes import MOST_CREDITS, CreditLine
from finops.domain.charges import LineItem
from finops.ledger import reduction
from finops.ledger.reduction import LONGEST_DESCRIPTION, Payer, Reduced
from tests.ledger.bill_files import (
    PAYER,
    USAGE,
    WEB,
    cur_row,
    focus_row,
    line,
    opened,
    write_csv,
    write_parquet,
)
from tests.ledger.conftest import Worker

UNIT = 10**10  # ticks
SHOP = "555566667777"


def credit(cost: str, said: str | None = "PC-1", **fields: Any) -> LineItem:
    return line(cost, line_item_type="Credit", description=said, **fields)


def reduced(worker: Worker, file: Path, shards: int = 1, **how: Any) -> Reduced:
    targets = [worker.folder() / f"{shard}.partial" for shard in range(shards)]
    return reduction.reduce(worker.connection, opened(worker.connection, file), targets, **how)


def of(worker: Worker, *lines: LineItem, **how: Any) -> Reduced:
    """What is noted of a CUR 2.0 file in Parquet."""
    file = write_parquet(worker.folder() / "a.parquet", [cur_row(one) for one in lines])
    return reduced(worker, file, **how)


def told(found: Reduced) -> list[tuple[str | None, str, int]]:
    return [(one.sub_account_id, one.description, one.amount // UNIT) for one in found.credits]


LINES = (
    line("100", description="$0.1 per hour"),
    credit("-5", charge_date=date(2026, 9, 4)),
    credit("-2", charge_date=date(2026, 9, 2), service_code="AmazonS3", resource_id="b-1"),
    credit("-4", sub_account_id=SHOP),
    credit("-9", "PC-2"),
    credit("-1", None),
    line("-3", line_item_type="Refund", description="PC-3"),
)
EXPECTED = [(WEB, "PC-2", -9), (WEB, "PC-1", -7), (SHOP, "PC-1", -4)]


def test_lines_of_credits_are_summed_by_payer_account_and_text(worker: Worker) -> None:
    found = of(worker, *LINES)

    assert told(found) == EXPECTED
    assert found.credits[1] == CreditLine(
        billing_account_id=PAYER,
        billing_period="2026-09",
        billing_currency="USD",
        sub_account_id=WEB,
        description="PC-1",
        amount=-7 * UNIT,
        first_day=date(2026, 9, 2),
        last_day=date(2026, 9, 4),
    )


def test_shares_of_the_accounts_and_text_files_are_noted_alike(worker: Worker) -> None:
    file = write_csv(worker.folder() / "a.csv.gz", [cur_row(one) for one in LINES])

    assert told(reduced(worker, file)) == EXPECTED
    assert told(of(worker, *LINES, shards=3)) == EXPECTED


def test_focus_says_in_words_of_its_own_what_a_credit_is(worker: Worker) -> None:
    rows = [
        focus_row(one, one.unblended_cost) | {"ChargeDescription": one.description}
        for one in LINES
        if one.line_item_type != "Refund"
    ]

    assert told(reduced(worker, write_parquet(worker.folder() / "a.parquet", rows))) == EXPECTED


def test_a_bill_without_descriptions_names_no_credit(worker: Worker) -> None:
    rows = [cur_row(one) for one in LINES]
    for row in rows:
        del row["line_item_line_item_description"]

    assert reduced(worker, write_parquet(worker.folder() / "a.parquet", rows)).credits == ()


def test_who_pays_is_who_the_whole_file_says_pays(worker: Worker) -> None:
    lines = [one._replace(billing_account_id="") for one in LINES]  # blank, as AWS leaves it

    found = of(worker, line("1"), *lines)

    assert told(found) == EXPECTED
    assert {one.billing_account_id for one in found.credits} == {PAYER}
    always = of(worker, *LINES, payer=Payer(always="999900001111"))
    assert {one.billing_account_id for one in always.credits} == {"999900001111"}


def test_more_credits_than_a_bill_keeps_are_noted_all(worker: Worker) -> None:
    """What is small in one file may be large in all of them together."""
    some = [credit(f"-{n}", f"PC-{n:05}") for n in range(1, MOST_CREDITS + 11)]

    found = of(worker, *some)

    assert len(found.credits) == MOST_CREDITS + 10
    assert found.credits[0].amount // UNIT == -MOST_CREDITS - 10
    assert found.warnings == ()


def test_of_more_credits_than_a_worker_notes_it_says_how_many_it_left_out(
    worker: Worker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reduction, "MOST_NOTED", 2)

    found = of(worker, *LINES)

    assert told(found) == EXPECTED[:2]
    assert found.warnings == (
        "a.parquet: lines name 3 credits; the 1 smallest of them are not noted",
    )


def test_a_long_description_is_cut(worker: Worker) -> None:
    [one] = of(worker, credit("-1", "x" * 2 * LONGEST_DESCRIPTION)).credits

    assert one.description == "x" * LONGEST_DESCRIPTION


def test_the_amount_is_what_was_billed(worker: Worker) -> None:
    [one] = of(worker, credit("-5", net_unblended_cost=Decimal("-4"))).credits

    assert one.amount == -4 * UNIT


@pytest.mark.parametrize("kind", ["EdpDiscount", "SppDiscount", "Discount"])
def test_services_that_lines_lower_are_noted_once(worker: Worker, kind: str) -> None:
    lower = [
        line("-1", line_item_type=kind, service_code=service, charge_date=date(2026, 9, day))
        for service, day in (("AmazonS3", 1), ("AmazonS3", 2), (None, 3), ("AmazonEC2", 1))
    ]

    found = of(worker, USAGE, *lower, credit("-1", service_code="AWSLambda"))

    month = (PAYER, "2026-09")
    assert set(found.discounted) == {(*month, "AmazonS3"), (*month, "AmazonEC2"), (*month, None)}
    assert len(found.discounted) == 3
