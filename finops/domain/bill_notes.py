"""What a bill says beside its sums: the credits that its lines name, and the discounts it holds."""

from collections.abc import Iterable
from datetime import date

from finops.domain.values import Frozen

MOST_CREDITS = 1_000  # of a bill that are kept: the largest


class CreditLine(Frozen):
    """All lines of a bill that name one credit: Σ of what they credit in ticks, negative as there."""

    billing_account_id: str
    billing_period: str
    billing_currency: str | None
    sub_account_id: str | None
    description: str
    amount: int
    first_day: date
    last_day: date

    @property
    def of(self) -> tuple[str, str, str | None, str | None, str]:
        """The credit, and the bill that names it."""
        return (
            *(self.billing_account_id, self.billing_period),
            *(self.billing_currency, self.sub_account_id, self.description),
        )


def credits_of(parts: Iterable[CreditLine]) -> list[CreditLine]:
    """*parts* put together, what several files say of one credit added; the largest first."""
    found: dict[tuple[str, str, str | None, str | None, str], CreditLine] = {}
    for part in parts:
        known = found.get(part.of)
        found[part.of] = (
            part
            if known is None
            else known.model_copy(
                update={
                    "amount": known.amount + part.amount,
                    "first_day": min(known.first_day, part.first_day),
                    "last_day": max(known.last_day, part.last_day),
                }
            )
        )
    return sorted(
        found.values(),
        key=lambda one: (-abs(one.amount), one.sub_account_id or "", one.description),
    )


class BilledDiscounts(Frozen):
    """What bills have discounted already: all of some *payers*, and (payer, service) of others."""

    payers: frozenset[str] = frozenset()
    services: frozenset[tuple[str, str]] = frozenset()

    def carry(self, payer: str, service: str | None) -> bool:
        """Whether the bill of *payer* holds a discount on *service* itself."""
        return payer in self.payers or (service is not None and (payer, service) in self.services)
