"""Which months are closed, as doors are told of it that change or plan what is still open."""

from dataclasses import dataclass

from infra.rights import Rights
from infra.tables import FinOpsTable


@dataclass(frozen=True, kw_only=True)
class OpenMonths:
    """The closes of months: what is before the first open day stays as it is."""

    closes: FinOpsTable

    @property
    def told(self) -> dict[str, str]:
        """What a door is told that asks for the first open day."""
        return {"CLOSES_TABLE": self.closes.table.table_name}

    def allow(self, rights: Rights) -> None:
        """Ask for it."""
        self.closes.allow(rights, indexes=("by_kind",))

    def allow_ask_now(self, rights: Rights) -> None:
        """Ask for it as it is in this moment."""
        self.closes.allow(rights, "Query", keys=("month-close",), sid="AskOpenMonths")

    def allow_need(self, rights: Rights) -> None:
        """Save what needs a month to be open."""
        need_open_month(rights, self.closes)


def need_open_month(rights: Rights, closes: FinOpsTable) -> None:
    """Save what needs a month to be open, which its locks say."""
    closes.allow(rights, "ConditionCheckItem", keys=("month-lock",), sid="NeedOpenMonth")
