"""The port of remaps, in memory."""

from collections.abc import Sequence

from finops.domain.audit import Act
from finops.domain.errors import ConflictError
from finops.domain.spend_cards import SpendCard
from finops.usecases.ports import Save
from tests.fakes import InMemoryRecords
from tests.rules_fakes import InMemoryClaims


class InMemoryRemaps:
    """`Remaps` on the records that its cards, splits and claims are kept in."""

    def __init__(self, records: InMemoryRecords, claims: InMemoryClaims) -> None:
        self._records, self._claims = records, claims

    def save(
        self, card: Save, shares: Sequence[Save], claims: Sequence[Save], act: Act
    ) -> SpendCard:
        saves = {card.after.key.entity: card}
        saves |= {f"shares#{one.after.account_id}": one for one in shares}
        for one in claims:
            account = one.after.account_id
            saves[f"claims#{account}"] = self._claims.saving(one.before or one.after, one, act)
        try:
            saved: SpendCard = self._records.commit(saves, act)[0]
        except ConflictError as error:
            now = self._records.states.get(card.after.key.entity)
            is_stale = now is not None and now.version != card.after.version
            raise ConflictError(error.detail, current=now if is_stale else None) from error
        return saved
