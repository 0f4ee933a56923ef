"""Remaps: a card and the rules that answer its dispute are written together."""

from collections.abc import Sequence

from finops.adapters.records import Records
from finops.adapters.rules import Kind, S3Claims
from finops.adapters.spend_cards import DynamoSpendCards
from finops.domain.audit import Act
from finops.domain.errors import ConflictError
from finops.domain.shares import AccountShares
from finops.domain.spend_cards import SpendCard
from finops.usecases.ports import Save


class DynamoRemaps:
    """`finops.usecases.ports.Remaps`."""

    def __init__(
        self,
        records: Records,
        cards: DynamoSpendCards,
        shares: Kind[AccountShares],
        claims: S3Claims,
    ) -> None:
        self._records = records
        self._cards, self._shares, self._claims = cards, shares, claims

    def save(
        self, card: Save, shares: Sequence[Save], claims: Sequence[Save], act: Act
    ) -> SpendCard:
        of_card, [saved] = self._cards.prepared([card], act)
        of_shares, splits = self._shares.prepared(shares, act)
        of_claims, heads = self._claims.prepared(claims, act)
        try:
            needs = self._cards.needs([card])
            self._records.commit([*of_card, *of_shares, *of_claims], act, needs)
        except ConflictError as error:
            now = self._cards.find(saved.key)
            is_stale = now is not None and now.version >= saved.version
            raise ConflictError(error.detail, current=now if is_stale else None) from error
        self._cards.remember([saved])
        self._shares.remember(splits)
        self._claims.remember(heads)
        return saved
