"""Spend cards of an organisation of 5,000 products: five weeks made, made again, and restated.

The use cases on the tables of a local AWS of their own, in one process and one item after the other;
what products pay comes from memory. (moto copies a whole table for each transaction.)
"""

import time
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

from finops.adapters.records import Records
from finops.adapters.spend_cards import DynamoSpendCards
from finops.domain.allocations import PartKind
from finops.domain.bills import Bill
from finops.domain.card_runs import Mondays
from finops.domain.periods import BillingPeriod, spend_periods
from finops.domain.spend_cards import CardLine, Spend
from finops.local.local_aws import LocalAws
from finops.usecases.make_spend_cards import Press, make_cards
from finops.usecases.plan_spend_cards import Item, Sources, Timing, plan
from finops.usecases.tell_spend_cards import Told, tell
from tests.card_fakes import InMemoryCardSpending, in_memory_settings
from tests.fakes import FolderLedger, InMemoryBills
from tests.usecases.organisation import Organisation, chart_csv

SPEND_CARDS, CLOSES, AUDIT, LEDGER = "spend-cards", "closes", "audit", "ledger"
MONTH, PAYER = "2026-08", "999988887777"
PRODUCTS, LINES, RESTATED = 5_000, 6, 20  # one in twenty products is restated
TIMING = Timing(Mondays(6, "UTC"), None, retry_minutes=30, retry_hours=24)
MONDAY = datetime(2026, 8, 31, 6, 0, tzinfo=UTC)  # five weeks are over


class Turn(NamedTuple):
    """A run of making cards: seconds for its plan and for its items, and what it told."""

    name: str
    plan: float
    items: float
    told: Told


def load(folder: Path) -> str:
    """A table of the first run, the same again, and one after a bill that changes some products."""
    aws = LocalAws(folder / "aws")
    aws.up()
    try:
        made = _turns(folder, aws)
    finally:
        aws.down()
    rows = [
        f"| {one.name} | {one.told.made:,} | {one.told.restated:,} | {one.plan:.1f} |"
        f" {one.items:.1f} |"
        for one in made
    ]
    head = "| run | made | restated | plan s | items s |\n|---|---|---|---|---|\n"
    return f"{PRODUCTS:,} products, {LINES} lines a card.\n\n{head}" + "\n".join(rows)


def _turns(folder: Path, aws: LocalAws) -> list[Turn]:
    dynamodb, s3 = aws.client("dynamodb"), aws.client("s3")
    s3.create_bucket(Bucket=LEDGER)
    _table(dynamodb, SPEND_CARDS, ("pk", "sk"), by_month=("kind", "changed_at"))
    _table(dynamodb, CLOSES, ("pk", "sk"))
    _table(dynamodb, AUDIT, ("entity", "sequence"))
    organisation = Organisation()
    names = [
        (f"Unit {n % 5}", f"Department {n % 25}", f"Portfolio {n % 250}", f"Product {n}", "1200")
        for n in range(PRODUCTS)
    ]
    organisation.drop(content=chart_csv(names))
    products = [one.id for one in organisation.chart().products]
    bills = InMemoryBills()
    bills.publish([_bill()])
    spending = InMemoryCardSpending()
    records = Records(dynamodb, AUDIT, "none")
    ledger = FolderLedger(folder)
    settings = in_memory_settings(organisation.records)

    def run(name: str, at: datetime) -> Turn:
        # Each run in processes of its own: nothing is remembered.
        cards = DynamoSpendCards(records, SPEND_CARDS, CLOSES, s3, LEDGER)
        sources = Sources(
            *(bills, spending, cards, organisation.charts, organisation.budgets, settings),
            fiscal_start=1,
            currency="USD",
            open_from=date(2026, 1, 1),
        )
        press = Press(cards, spending, ledger, lambda: date(2026, 1, 1))
        began = time.monotonic()
        planned = plan(
            f"{name}-{at:%H%M}",
            MONDAY,
            None,
            now=at,
            timing=TIMING,
            sources=sources,
            ledger=ledger,
            bucket="",
        )
        middle = time.monotonic()
        for item in ledger.get_json(planned.items_key):
            make_cards(Item(**item), press=press)
        return Turn(name, middle - began, time.monotonic() - middle, tell(planned, ledger=ledger))

    _tell(spending, products, "run-1", lambda _: 1)
    turns = [run("first", MONDAY), run("same again", MONDAY + timedelta(hours=1))]
    _tell(spending, products, "run-2", lambda number: 2 if number % RESTATED == 0 else 1)
    return [*turns, run("after a new bill", MONDAY + timedelta(hours=2))]


def _tell(
    spending: InMemoryCardSpending, products: list[str], run: str, times: Callable[[int], int]
) -> None:
    """What each product pays, so many *times* what it did at first."""
    weeks = [week.start for week in spend_periods(BillingPeriod(MONTH))]
    spends: dict[tuple[str, str | None], Mapping[date, Spend]] = {}
    for number, product in enumerate(products):
        lines = tuple(
            CardLine(
                account_id=f"{number % 300:012}",
                kind=PartKind.SHARE,
                rule="1",
                service=f"Service {line}",
                amount=10**10 * (number + line + 1) * times(number),
            )
            for line in range(LINES)
        )
        spend = Spend(lines=lines, runs=(run,), revision=1)
        spends[product, "USD"] = dict.fromkeys(weeks, spend)
    spending.tell(MONTH, spends, runs={PAYER: run}, complete_through=date(2026, 8, 30))


def _bill() -> Bill:
    return Bill(
        billing_account_id=PAYER,
        billing_period=MONTH,
        load_id="load-1",
        delivered_at=MONDAY,
        published_at=MONDAY,
        lineage=("load-1",),
        totals=(),
    )


def _table(client: Any, name: str, key: tuple[str, str], **indexes: tuple[str, str]) -> None:
    def schema(names: tuple[str, str]) -> list[dict[str, str]]:
        return [
            {"AttributeName": one, "KeyType": kind}
            for one, kind in zip(names, ("HASH", "RANGE"), strict=True)
        ]

    held = {"ProjectionType": "INCLUDE", "NonKeyAttributes": ["card", "summary", "version"]}
    listed = [
        {"IndexName": index, "KeySchema": schema(names), "Projection": held}
        for index, names in indexes.items()
    ]
    client.create_table(
        TableName=name,
        KeySchema=schema(key),
        AttributeDefinitions=[
            {"AttributeName": one, "AttributeType": "S"}
            for one in sorted({*key, *(one for names in indexes.values() for one in names)})
        ],
        **({"GlobalSecondaryIndexes": listed} if listed else {}),
        BillingMode="PAY_PER_REQUEST",
    )
