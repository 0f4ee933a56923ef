"""The table of accounts: one item each, and one for the last look at the organization."""

from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any

from finops.adapters.items import attributes, items, values
from finops.adapters.records import Mirror, Records, entity_of, put
from finops.domain.accounts import Account, AccountCheck
from finops.domain.audit import Act, Deed
from finops.domain.errors import ConflictError
from finops.usecases.ports import Save

ACCOUNT, CHECK = "ACCOUNT", "CHECK"
CHECK_ENTITY = "account-check#organization"


class DynamoAccounts:
    """`finops.usecases.ports.Accounts`."""

    def __init__(self, records: Records, table: str) -> None:
        self._records = records
        self._client = records.client
        self._table = table
        self._mirror = Mirror(partial(entity_of, Account), self._changed, key="account")

    def find(self, account_id: str) -> Account | None:
        item = self._get(account_id) if account_id != CHECK else None
        return entity_of(Account, item) if item else None

    def all(self) -> Sequence[Account]:
        known = self._mirror.look()
        return [known[account_id] for account_id in sorted(known)]

    def save(self, saves: Sequence[Save], act: Act) -> list[Account]:
        puts, saved = [], []
        for one in saves:
            item = {"account": one.after.account_id, "kind": ACCOUNT}
            made, after = put(self._table, f"account#{one.after.account_id}", one, act, item)
            puts.append(made)
            saved.append(after)
        try:
            self._records.commit(puts, act)
        except ConflictError as error:
            # The index may be behind: whoever tries again shall see what was in the way.
            current = [self.find(one.after.account_id) for one in saves]
            for account in current:
                if account is not None:
                    self._mirror.put(account.account_id, account)
            raise ConflictError(
                error.detail, current=current[0] if len(current) == 1 else None
            ) from error
        for account in saved:
            self._mirror.put(account.account_id, account)
        return saved

    def check(self) -> AccountCheck | None:
        item = self._get(CHECK)
        return entity_of(AccountCheck, item) if item else None

    def save_check(
        self, before: AccountCheck | None, after: AccountCheck, deed: Deed, act: Act
    ) -> AccountCheck:
        save = Save(before, after, deed)
        made, saved = put(self._table, CHECK_ENTITY, save, act, {"account": CHECK})
        try:
            self._records.commit([made], act)
        except ConflictError as error:
            raise ConflictError(error.detail, current=self.check()) from error
        return saved  # type: ignore[no-any-return]

    def _get(self, key: str) -> dict[str, Any] | None:
        item = self._client.get_item(
            TableName=self._table, Key=attributes({"account": key}), ConsistentRead=True
        ).get("Item")
        return values(item) if item else None

    def _changed(self, since: str) -> Iterator[dict[str, Any]]:
        return items(
            self._client,
            TableName=self._table,
            IndexName="by_kind",
            KeyConditionExpression="kind = :kind AND changed_at > :since",
            ExpressionAttributeValues=attributes({":kind": ACCOUNT, ":since": since or "0"}),
        )
