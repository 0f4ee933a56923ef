"""Spend cards that wait for somebody, as doors are told of them that say who owes what."""

from dataclasses import dataclass

from infra.buckets import LedgerBucket
from infra.open_months import need_open_month
from infra.rights import Rights
from infra.tables import FinOpsTable


@dataclass(frozen=True, kw_only=True)
class WaitingCards:
    """The cards, the months that are closed, who stands in for whom, and when a step is late."""

    spend_cards: FinOpsTable
    closes: FinOpsTable
    delegations: FinOpsTable
    settings_table: FinOpsTable
    ledger: LedgerBucket

    @property
    def told(self) -> dict[str, str]:
        return {
            "SPEND_CARDS_TABLE": self.spend_cards.table.table_name,
            "CLOSES_TABLE": self.closes.table.table_name,
            "DELEGATIONS_TABLE": self.delegations.table.table_name,
            "SETTINGS_TABLE": self.settings_table.table.table_name,
            # Where the lines of large cards are, for those who may read them.
            "LEDGER_BUCKET": self.ledger.bucket.bucket_name,
        }

    def allow_look(self, rights: Rights) -> None:
        """See which cards wait, without their lines."""
        self.spend_cards.allow(rights, indexes=("by_month",))
        self._allow_rest(rights)

    def allow_change(self, rights: Rights) -> None:
        """See which cards wait, and change them."""
        self.spend_cards.allow(rights, "GetItem", "PutItem", indexes=("by_month",))
        self.ledger.allow_read(rights, "cards/")
        self.ledger.allow_write(rights, "cards/")
        need_open_month(rights, self.closes)
        self._allow_rest(rights)

    def _allow_rest(self, rights: Rights) -> None:
        self.closes.allow(rights, indexes=("by_kind",))
        self.delegations.allow(rights, indexes=("by_kind",))
        self.settings_table.allow(rights, "GetItem")
