"""The price book: the percentages that a bill is lowered by before it says so itself.

A price list is dated; it holds from its start until another one does. Its discounts are on usage:
tax, support, Marketplace, one-off fees and unused commitments have prices of their own. They are
estimates: where a bill carries a discount itself, that one counts. Source: specification section 8.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable
from datetime import date, datetime
from typing import NamedTuple, Self

from pydantic import field_validator, model_validator

from finops.domain.bill_notes import BilledDiscounts
from finops.domain.class_policies import ChargeClass
from finops.domain.errors import InvalidError
from finops.domain.values import Entity, Frozen

WHOLE = 10_000  # basis points: 100 %
MOST_RATES = 500
LONGEST_SERVICE = 100


class DiscountRate(Frozen):
    """What a service costs less, in basis points; of all services (None) those without their own."""

    service: str | None = None
    basis_points: int

    @model_validator(mode="after")
    def _is_possible(self) -> Self:
        if self.service is not None and not 1 <= len(self.service.strip()) <= LONGEST_SERVICE:
            raise InvalidError(
                f"a service has 1 to {LONGEST_SERVICE} characters; leave it out for all services"
            )
        if not 0 <= self.basis_points <= WHOLE:
            raise InvalidError(
                f"the discount on {self.service or 'all services'} is {self.basis_points} basis "
                f"points; it is 0 to {WHOLE} (100 %)"
            )
        return self


class PriceList(Frozen):
    """The rates from the day *start* on; *number* counts the lists from 1. No rates: no discount."""

    number: int
    start: date
    rates: tuple[DiscountRate, ...]
    set_by: str
    set_at: datetime
    reason: str | None = None

    @field_validator("rates")
    @classmethod
    def _names_each_once(cls, rates: tuple[DiscountRate, ...]) -> tuple[DiscountRate, ...]:
        services = [rate.service for rate in rates]
        if twice := [name for name in services if services.count(name) > 1]:
            raise InvalidError(f"{twice[0] or 'all services'} is named twice; give it one rate")
        if len(rates) > MOST_RATES:
            raise InvalidError(f"{len(rates)} rates are more than the {MOST_RATES} of a price list")
        return tuple(sorted(rates, key=lambda rate: (rate.service is None, rate.service or "")))

    def basis_points(self, service: str | None) -> int:
        """What *service* costs less: its own rate, else that of all services."""
        rates = {rate.service: rate.basis_points for rate in self.rates}
        return rates.get(service, rates.get(None, 0))


class PriceBook(Entity):
    """Every price list, oldest first; of those that began, the newest counts. None ever goes."""

    name: str = "discounts"
    lists: tuple[PriceList, ...] = ()
    changed_at: datetime | None = None

    def on(self, day: date, known_at: datetime | None = None) -> PriceList | None:
        """The list in force on *day*; as it was known at a moment, where one is given."""
        return next(
            (
                one
                for one in reversed(self.lists)
                if one.start <= day and (known_at is None or one.set_at <= known_at)
            ),
            None,
        )

    def priced(
        self,
        rates: Iterable[DiscountRate],
        *,
        start: date,
        open_from: date,
        by: str,
        at: datetime,
        reason: str | None = None,
    ) -> Self:
        """This book and another list, from *start* on.

        Raises InvalidError for a start in a month that is closed, and what no list may hold.
        """
        if start < open_from:
            raise InvalidError(f"{start} is in a closed month; start on {open_from} or later")
        new = PriceList(
            number=len(self.lists) + 1,
            start=start,
            rates=tuple(rates),
            set_by=by,
            set_at=at,
            reason=reason,
        )
        return self.changed(lists=(*self.lists, new), changed_at=at)


class ProductCost(NamedTuple):
    """What a product spent in a day on a service, in ticks, as the bill of *payer* has it.

    A service has a cost for each class: its usage, the tax on it.
    """

    product_id: str
    currency: str | None
    day: date
    service: str | None
    ticks: int
    payer: str
    charge_class: ChargeClass = ChargeClass.USAGE


class NetCost(NamedTuple):
    """A cost before its discount, and the estimated *discount* on it, both in ticks."""

    cost: ProductCost
    discount: int

    @property
    def ticks(self) -> int:
        return self.cost.ticks - self.discount


def discounted(
    costs: Iterable[ProductCost], book: PriceBook, billed: BilledDiscounts
) -> list[NetCost]:
    """*costs* by product, currency, payer, service, day and class, each with the discount of *book*.

    On what is no usage there is none, nor where the bill carries one itself (*billed*). Over the
    days of a product's service that have one rate, the discounts add up to that rate of their sum,
    rounded once: a day carries what the days before it lost in rounding. The order of *costs* does
    not matter.

    >>> at = datetime(2026, 1, 1)
    >>> book = PriceBook().priced([DiscountRate(basis_points=500)], start=at.date(),
    ...                           open_from=at.date(), by="ada", at=at)
    >>> cost = ProductCost("a.b.c.d", "USD", date(2026, 1, 9), "AmazonEC2", 1_000, "1111")
    >>> [net.ticks for net in discounted([cost], book, BilledDiscounts())]
    [950]
    """
    sums: Counter[ProductCost] = Counter()
    for cost in costs:
        sums[cost._replace(ticks=0)] += cost.ticks
    groups: defaultdict[tuple[str | None, str | None, str, str | None, int], list[ProductCost]] = (
        defaultdict(list)
    )
    for of in sorted(sums, key=_order):
        cost = of._replace(ticks=sums[of])
        in_force = book.on(cost.day)
        is_usage = cost.charge_class == ChargeClass.USAGE
        if in_force is None or not is_usage or billed.carry(cost.payer, cost.service):
            points = 0
        else:
            points = in_force.basis_points(cost.service)
        groups[cost.product_id, cost.currency, cost.payer, cost.service, points].append(cost)
    found = []
    for (*_, points), some in groups.items():
        running = told = 0
        for cost in some:
            running += cost.ticks * points
            now = (2 * running + WHOLE) // (2 * WHOLE)  # halves go up
            found.append(NetCost(cost, now - told))
            told = now
    return sorted(found, key=lambda net: _order(net.cost))


def _order(cost: ProductCost) -> tuple[object, ...]:
    return (
        *(cost.product_id, cost.currency or "", cost.payer),
        *(cost.service is None, cost.service or "", cost.day, cost.charge_class),
    )
