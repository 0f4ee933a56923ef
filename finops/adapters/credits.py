"""The table of credits, and of the one price book."""

from collections.abc import Mapping, Sequence
from functools import partial

from finops.adapters.records import Records
from finops.adapters.rules import Kind
from finops.domain.audit import Act, Deed
from finops.domain.credits import Credit
from finops.domain.discounts import PriceBook
from finops.usecases.ports import Save

CREDIT, PRICE_BOOK = "credit", "price-book"
ONLY = "discounts"  # what the one price book is known by

dynamo_credits = partial(Kind, model=Credit, kind=CREDIT, of="credit_id")


class DynamoCredits:
    """`finops.usecases.ports.Credits`."""

    def __init__(self, records: Records, table: str) -> None:
        self._credits = dynamo_credits(records, table)
        self._books = Kind(records, table, PriceBook, PRICE_BOOK, "name")

    def find(self, credit_id: str) -> Credit | None:
        return self._credits.find(credit_id)

    def all(self) -> Mapping[str, Credit]:
        return self._credits.all()

    def save(self, saves: Sequence[Save], act: Act) -> list[Credit]:
        return self._credits.save(saves, act)

    def price_book(self) -> PriceBook:
        return self._books.find(ONLY) or PriceBook()

    def save_price_book(
        self, before: PriceBook, after: PriceBook, deed: Deed, act: Act
    ) -> PriceBook:
        return self._books.save([Save(before if before.version else None, after, deed)], act)[0]
