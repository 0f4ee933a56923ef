"""The price book: dated rates, exact to the tick, and nothing where the bill has it already."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from finops.domain.bill_notes import BilledDiscounts
from finops.domain.class_policies import ChargeClass
from finops.domain.discounts import DiscountRate, PriceBook, ProductCost, discounted
from finops.domain.errors import InvalidError

AT = datetime(2026, 1, 5, 9, 0, tzinfo=UTC)
OPEN = date(2026, 1, 1)
SHOP = "retail.digital.storefront.web-shop"
PAYER, OTHER = "999988887777", "888877776666"
EC2, S3 = "AmazonEC2", "AmazonS3"
NOTHING = BilledDiscounts()


def priced(
    book: PriceBook, start: date, rates: dict[str | None, int], at: datetime = AT
) -> PriceBook:
    listed = [DiscountRate(service=name, basis_points=points) for name, points in rates.items()]
    return book.priced(listed, start=start, open_from=OPEN, by="ada", at=at)


BOOK = priced(PriceBook(), OPEN, {None: 500})


def cost(ticks: int, day: int = 9, service: str | None = EC2, **said: Any) -> ProductCost:
    made = ProductCost(SHOP, "USD", date(2026, 1, day), service, ticks, PAYER)
    return made._replace(**said)


def test_a_service_has_its_own_rate_or_that_of_all() -> None:
    book = priced(PriceBook(), OPEN, {None: 500, S3: 1_000})
    costs = [cost(100), cost(100, service=S3), cost(100, service=None)]

    found = {net.cost.service: net.discount for net in discounted(costs, book, NOTHING)}

    assert found == {EC2: 5, S3: 10, None: 5}


def test_of_the_lists_that_began_the_newest_counts() -> None:
    book = priced(BOOK, date(2026, 2, 1), {None: 900}, AT + timedelta(days=1))
    book = priced(book, date(2026, 1, 20), {}, AT + timedelta(days=2))

    def rate(day: date, known_at: datetime | None = None) -> int:
        one = book.on(day, known_at)
        return one.basis_points(EC2) if one else -1

    assert [rate(date(2026, 1, 19)), rate(date(2026, 1, 20)), rate(date(2026, 2, 1))] == [500, 0, 0]
    assert rate(date(2026, 2, 1), AT + timedelta(days=1)) == 900
    assert rate(date(2025, 12, 31)) == -1


def test_a_list_applies_from_its_first_day() -> None:
    book = priced(BOOK, date(2026, 1, 10), {None: 1_000})

    found = discounted([cost(1_000, 9), cost(1_000, 10)], book, NOTHING)

    assert [net.ticks for net in found] == [950, 900]


def test_a_discount_that_the_bill_carries_is_not_taken_off_twice() -> None:
    costs = [
        cost(100),
        cost(100, service=S3),
        cost(100, payer=OTHER),
        cost(100, payer=OTHER, service=None),
    ]
    billed = BilledDiscounts(payers=frozenset({OTHER}), services=frozenset({(PAYER, S3)}))

    found = {
        (net.cost.payer, net.cost.service): net.discount for net in discounted(costs, BOOK, billed)
    }

    assert found == {(PAYER, EC2): 5, (PAYER, S3): 0, (OTHER, EC2): 0, (OTHER, None): 0}


@pytest.mark.parametrize("name", sorted(set(ChargeClass) - {ChargeClass.USAGE}))
def test_only_usage_is_discounted(name: ChargeClass) -> None:
    """5 % of the 1,000 of usage; nothing of what the same service costs beside it."""
    found = discounted([cost(700, charge_class=name), cost(1_000)], BOOK, NOTHING)

    told = {net.cost.charge_class: (net.cost.ticks, net.discount) for net in found}
    assert told == {ChargeClass.USAGE: (1_000, 50), name: (700, 0)}


def test_a_refund_is_of_the_discounted_price() -> None:
    [net] = discounted([cost(-1_000)], BOOK, NOTHING)

    assert net.ticks == -950


def test_what_a_day_loses_in_rounding_the_next_ones_carry() -> None:
    """5 % of 10 ticks is half a tick: of four such days, two ticks."""
    found = discounted([cost(10, day) for day in (1, 2, 3, 4)], BOOK, NOTHING)

    assert [net.discount for net in found] == [1, 0, 1, 0]


@settings(max_examples=150)
@given(
    st.lists(
        st.builds(
            lambda ticks, day, service, product, currency, name: cost(
                *(ticks, day, service), product_id=product, currency=currency, charge_class=name
            ),
            st.integers(-(10**15), 10**15),
            st.integers(1, 31),
            st.sampled_from([EC2, S3, None]),
            st.sampled_from([SHOP, "a.b.c.d"]),
            st.sampled_from(["USD", "EUR"]),
            st.sampled_from([ChargeClass.USAGE, ChargeClass.USAGE, ChargeClass.TAX]),
        ),
        max_size=12,
    ),
    st.integers(0, 10_000),
    st.randoms(),
)
def test_nothing_is_lost_and_the_sum_is_rounded_once(
    costs: list[ProductCost], points: int, chance: Any
) -> None:
    book = priced(PriceBook(), OPEN, {None: points})
    found = discounted(costs, book, NOTHING)

    for product, currency, service in {(c.product_id, c.currency, c.service) for c in costs}:
        mine = [
            n for n in found if (n.cost[0], n.cost[1], n.cost[3]) == (product, currency, service)
        ]
        lines = [c for c in costs if (c[0], c[1], c[3]) == (product, currency, service)]
        gross = sum(c.ticks for c in lines)
        usage = sum(c.ticks for c in lines if c.charge_class == ChargeClass.USAGE)
        assert sum(net.cost.ticks for net in mine) == gross
        assert sum(net.ticks + net.discount for net in mine) == gross
        assert abs(10_000 * sum(net.discount for net in mine) - usage * points) <= 5_000
    chance.shuffle(costs)
    assert discounted(costs, book, NOTHING) == found
    alone = [net for net in found if net.cost.product_id == SHOP]
    assert discounted([c for c in costs if c.product_id == SHOP], book, NOTHING) == alone


@pytest.mark.parametrize(
    "rates, why",
    [
        ([("AmazonEC2", 10_001)], r"it is 0 to 10000 \(100 %\)"),
        ([("AmazonEC2", -1)], r"discount on AmazonEC2 is -1 basis points"),
        ([("", 1)], "leave it out for all services"),
        ([(None, 1), (None, 2)], "all services is named twice"),
        ([(f"s-{n}", 1) for n in range(501)], "501 rates are more than the 500"),
    ],
)
def test_what_no_list_can_hold_is_refused(rates: list[tuple[str | None, int]], why: str) -> None:
    with pytest.raises((InvalidError, ValidationError), match=why):
        PriceBook().priced(
            [DiscountRate(service=name, basis_points=points) for name, points in rates],
            start=OPEN,
            open_from=OPEN,
            by="ada",
            at=AT,
        )


def test_a_closed_month_has_its_prices() -> None:
    with pytest.raises(InvalidError, match="2025-12-31 is in a closed month"):
        priced(PriceBook(), date(2025, 12, 31), {})
