"""`SpendCubes` in memory, of rows that a test writes down."""

from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime
from typing import Any

from finops.domain.class_policies import CostBasis
from finops.domain.errors import ConflictError
from finops.domain.spend_cubes import CREDIT, CubeHead, CubeQuery, CubeRow, CubeTotal, sums
from finops.usecases.ports import CubeAnswer

PAYER = "111122223333"
AT = datetime(2026, 10, 5, 6, tzinfo=UTC)


def row(day: str, amount: int, **fields: Any) -> CubeRow:
    """A row of *amount* ticks on a day; what is not said is that of a usual charge."""
    usual: dict[str, Any] = {
        "month": day[:7],
        "payer": PAYER,
        "currency": "USD",
        "product_id": "retail.digital.storefront.web-shop",
        "reason": None,
        "account": "444455556666",
        "service": "AmazonEC2",
        "region": "eu-central-1",
        "charge_class": "Usage",
        "charge_category": "Usage",
        "tags": {},
    }
    return CubeRow(**(usual | fields | {"day": date.fromisoformat(day), "amount": amount}))


class InMemorySpendCubes:
    """`SpendCubes`: the plain rule over rows; a month is there once it has one."""

    def __init__(
        self,
        rows: Iterable[CubeRow] = (),
        *,
        complete_through: date | None = None,
        missing: Sequence[str] = (),
    ) -> None:
        self.rows = list(rows)
        self.complete_through = complete_through
        self.missing = tuple(missing)

    def ask(self, query: CubeQuery) -> CubeAnswer:
        return CubeAnswer(sums(self.rows, query), self.heads(query.months), self.missing)

    def heads(self, months: Sequence[str]) -> Sequence[CubeHead]:
        found = sorted({(one.month, one.payer) for one in self.rows if one.month in months})
        return [self._head(month, payer) for month, payer in found]

    def _head(self, month: str, payer: str) -> CubeHead:
        mine = [one for one in self.rows if (one.month, one.payer) == (month, payer)]
        return CubeHead(
            payer=payer,
            billing_period=month,
            run_id="run",
            load_id="load",
            basis=CostBasis.BILLED,
            tags="tags",
            tag_keys=tuple(sorted({key for one in mine for key in one.tags})),
            days=(),
            months=(),
            totals=tuple(
                _total(currency, [one for one in mine if one.currency == currency])
                for currency in sorted({one.currency for one in mine}, key=str)
            ),
            delivered_at=AT,
            published_at=AT,
            complete_through=self.complete_through or max(one.day for one in mine),
            is_final=False,
            made_at=AT,
        )


class InMemoryCubeHeads:
    """`CubeHeads`; *published* counts all that ever were."""

    def __init__(self) -> None:
        self._heads: dict[tuple[str, str], CubeHead] = {}
        self.published = 0

    def find(self, payer: str, period: str) -> CubeHead | None:
        return self._heads.get((period, payer))

    def in_period(self, period: str) -> list[CubeHead]:
        return [head for of, head in sorted(self._heads.items()) if of[0] == period]

    def publish(self, head: CubeHead) -> None:
        of = (head.billing_period, head.payer)
        known = self._heads.get(of)
        if (known.version if known else 0) != head.version:
            raise ConflictError("another cube was published first")
        self._heads[of] = head.model_copy(update={"version": head.version + 1})
        self.published += 1


def _total(currency: str | None, rows: Sequence[CubeRow]) -> CubeTotal:
    credited = sum(one.amount for one in rows if one.charge_class == CREDIT)
    allocated = sum(one.amount for one in rows if one.product_id is not None)
    return CubeTotal(
        currency=currency,
        allocated=allocated,
        unallocated=sum(one.amount for one in rows) - credited - allocated,
        credited=credited,
    )
