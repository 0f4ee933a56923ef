"""What a run sums up for cards and for the close is what the plain rules sum up of its parts."""

from collections import defaultdict
from datetime import date, timedelta
from pathlib import Path
from random import Random
from typing import Any

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from finops.domain.close_figures import allotted, summed
from finops.domain.periods import BillingPeriod, billed_period
from finops.domain.spend_cards import CardKey, Lines, card_lines, lines_of
from finops.ledger import allocating, bookings
from tests.ledger.conftest import Worker
from tests.ledger.test_allocating import PRODUCTS, Made, Organisation, big, made, organisation

some = settings(max_examples=10, deadline=None, derandomize=True, phases=[Phase.generate])


@pytest.fixture(scope="module")
def large() -> Organisation:
    """Thousands of charges, of which a class goes in proportion to spend."""
    return big(Random(7))


def files(found: Made) -> list[Path]:
    return [one.card_lines for one in found.allocated]


def told(worker: Worker, found: Made, products: list[str] | None = None) -> dict[CardKey, Lines]:
    """What the files hold, as the plain rule tells it."""
    sums: defaultdict[CardKey, dict[Any, int]] = defaultdict(dict)
    for key, line, ticks in bookings.card_lines(worker.connection, files(found), products):
        sums[key][line] = ticks
    return {key: lines_of(amounts) for key, amounts in sums.items()}


def cards(found: Made) -> dict[CardKey, Lines]:
    """What the parts are on cards; without cards whose lines all come to nothing."""
    return {key: lines for key, lines in card_lines(found.parts).items() if lines}


@some
@given(seed=st.integers(0, 10**9))
def test_any_card_has_the_lines_of_the_plain_rule(worker: Worker, seed: int) -> None:
    random = Random(seed)
    found = made(worker, *organisation(random), shards=random.choice([1, 3]))

    assert told(worker, found) == cards(found)


@some
@given(seed=st.integers(0, 10**9))
def test_any_invoice_is_allotted_as_by_the_plain_rule(worker: Worker, seed: int) -> None:
    random = Random(seed)
    found = made(worker, *organisation(random), shards=random.choice([1, 3]))

    read = bookings.allotments(worker.connection, [one.allotments for one in found.allocated])

    assert summed(read) == allotted(found.parts)


def test_thousands_of_parts_are_summed_as_by_the_plain_rules(
    worker: Worker, large: Organisation
) -> None:
    found = made(worker, *large, shards=2)

    assert told(worker, found) == cards(found)
    read = bookings.allotments(worker.connection, [one.allotments for one in found.allocated])
    assert summed(read) == allotted(found.parts)


def test_of_some_products_the_same_is_read_as_of_all(worker: Worker, large: Organisation) -> None:
    found = made(worker, *large, shards=2)
    every = told(worker, found)

    for asked in ([PRODUCTS[3]], [PRODUCTS[4], PRODUCTS[0]], ["nobody's"], []):
        expected = {key: lines for key, lines in every.items() if key.product_id in asked}
        assert told(worker, found, asked) == expected


def test_the_weeks_of_products_are_the_sums_of_their_lines(
    worker: Worker, large: Organisation
) -> None:
    found = made(worker, *large, shards=2)

    days = [one.days for one in found.allocated]
    read = {(*of, start): ticks for of, start, ticks in bookings.weeks(worker.connection, days)}

    assert read == {
        (key.product_id, key.currency, key.start): ticks
        for key, lines in cards(found).items()
        if (ticks := sum(line.amount for line in lines))
    }


def test_of_no_files_nothing_is_told(worker: Worker) -> None:
    assert list(bookings.card_lines(worker.connection, [], None)) == []
    assert list(bookings.weeks(worker.connection, [])) == []
    assert list(bookings.allotments(worker.connection, [])) == []


@pytest.mark.parametrize("month", ["2026-02", "2026-08", "2028-02", "2026-12", "1999-10"])
def test_sql_counts_every_day_in_the_week_of_the_calendar(worker: Worker, month: str) -> None:
    """Also those of the months beside it."""
    period = BillingPeriod(month)
    days = [period.start + timedelta(n) for n in range(-40, 80)]

    found = worker.connection.execute(
        f"SELECT day, {allocating.week('?', 'day')}::DATE FROM (SELECT unnest(?::DATE[]) AS day)",
        [month] * allocating.week("?", "day").count("?") + [days],
    ).fetchall()

    assert dict(found) == {day: billed_period(period, day).start for day in days}


def test_card_lines_are_in_the_order_of_products(worker: Worker, large: Organisation) -> None:
    """So who asks for a few products reads a few row groups."""
    [first, rest] = made(worker, *large).allocated
    for file in (first.card_lines, rest.card_lines):
        rows = worker.connection.execute(
            f"SELECT currency, product_id FROM read_parquet('{file}')"
        ).fetchall()
        assert rows == sorted(rows, key=lambda row: [(cell is None, cell or "") for cell in row])


def test_a_card_key_begins_a_week(worker: Worker, large: Organisation) -> None:
    found = made(worker, *large)

    assert all(
        billed_period(BillingPeriod.of(key.start), key.start).start == key.start
        and isinstance(key.start, date)
        for key in told(worker, found)
    )
