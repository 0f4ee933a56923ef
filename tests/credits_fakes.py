"""Credits, the price book and what products spend, in memory."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import date

from finops.domain.audit import Act, Deed
from finops.domain.class_policies import ChargeClass
from finops.domain.credits import Credit
from finops.domain.discounts import PriceBook, ProductCost
from finops.usecases.ports import Save
from tests.fakes import InMemoryRecords
from tests.rules_fakes import InMemoryKind


class InMemoryCredits:
    """`Credits` in dictionaries."""

    def __init__(self, records: InMemoryRecords) -> None:
        self._credits: InMemoryKind[Credit] = InMemoryKind(records, "credit", "credit_id")
        self._books: InMemoryKind[PriceBook] = InMemoryKind(records, "price-book", "name")

    def find(self, credit_id: str) -> Credit | None:
        return self._credits.find(credit_id)

    def all(self) -> Mapping[str, Credit]:
        return self._credits.all()

    def save(self, saves: Sequence[Save], act: Act) -> list[Credit]:
        return self._credits.save(saves, act)

    def price_book(self) -> PriceBook:
        return self._books.find("discounts") or PriceBook()

    def save_price_book(
        self, before: PriceBook, after: PriceBook, deed: Deed, act: Act
    ) -> PriceBook:
        return self._books.save([Save(before if before.version else None, after, deed)], act)[0]


class InMemoryProductSpend:
    """`ProductSpend`: what was said to be spent."""

    def __init__(self) -> None:
        self.spent: list[ProductCost] = []

    def spend(
        self,
        product: str,
        day: str,
        ticks: int,
        *,
        service: str | None = "AmazonEC2",
        currency: str | None = "USD",
        payer: str = "999988887777",
        charge_class: ChargeClass = ChargeClass.USAGE,
    ) -> None:
        """*product* spends something."""
        of = date.fromisoformat(day)
        cost = ProductCost(product, currency, of, service, ticks, payer, charge_class)
        self.spent.append(cost)

    def rows(self, month: str, products: Collection[str] | None) -> Iterable[ProductCost]:
        return [
            cost
            for cost in self.spent
            if f"{cost.day:%Y-%m}" == month and (products is None or cost.product_id in products)
        ]
