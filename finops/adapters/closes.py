"""The tables of month closes, of delegations, and of the organisation's settings.

Beside a month's close there are its locks. They are locked by the step in which the close begins, and
whoever books something in the month needs one of them open in the step that books it. There are
several, for transactions that need the same item at once are in each other's way.
"""

import zlib
from collections.abc import Sequence
from functools import partial

from finops.adapters.records import Need, Put, Records
from finops.adapters.rules import Kind
from finops.domain.audit import Act
from finops.domain.credits import Credit
from finops.domain.delegations import Delegation
from finops.domain.month_closes import MonthClose
from finops.domain.organisation_settings import OrganisationSettings
from finops.usecases.ports import Save

LOCK = "month-lock"  # the partition of all locks
LOCKS = 16  # of a month


class DynamoCloses(Kind[MonthClose]):
    """`finops.usecases.ports.Closes`."""

    def prepared(self, saves: Sequence[Save], act: Act) -> tuple[list[Put], list[MonthClose]]:
        puts, saved = super().prepared(saves, act)
        for one in saves:
            was_frozen = one.before is not None and one.before.is_frozen
            if one.after.is_frozen != was_frozen:
                puts += [
                    Put(
                        self._table,
                        {**_lock(one.after.month, number), "is_locked": one.after.is_frozen},
                        ("pk", "sk"),
                        before=None,
                        record=None,
                    )
                    for number in range(LOCKS)
                ]
        return puts, saved


def open_month(table: str, month: str, who: str) -> Need:
    """That the close of *month* has not begun; *who* needs it, says which lock they look at."""
    return Need(
        table,
        _lock(month, zlib.crc32(who.encode()) % LOCKS),
        "attribute_not_exists(pk) OR is_locked = :open",
        {":open": False},
    )


def _lock(month: str, number: int) -> dict[str, str]:
    return {"pk": LOCK, "sk": f"{month}#{number:02}"}


dynamo_closes = partial(DynamoCloses, model=MonthClose, kind="month-close", of="month")
dynamo_delegations = partial(Kind, model=Delegation, kind="delegation", of="delegation_id")
dynamo_settings = partial(Kind, model=OrganisationSettings, kind="settings", of="settings_id")


class DynamoSettlement:
    """`finops.usecases.ports.Settlement`: items of two tables, written in one transaction."""

    def __init__(self, records: Records, closes: Kind[MonthClose], credits_: Kind[Credit]) -> None:
        self._records, self._closes, self._credits = records, closes, credits_

    def save(self, close: Save, credits_: Sequence[Save], act: Act) -> MonthClose:
        puts, closed = self._closes.prepared([close], act)
        paid, settled = self._credits.prepared(credits_, act)
        self._records.commit([*puts, *paid], act)
        self._closes.remember(closed)
        self._credits.remember(settled)
        return closed[0]
