"""Allocation tasks: accounts that nobody pays for, splits that end with the year, unmapped credits."""

from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime, time
from enum import StrEnum

from finops.domain.accounts import GONE, Account, AccountState
from finops.domain.authorization import RIGHTS, Action
from finops.domain.credits import Credit, CreditStatus
from finops.domain.fiscal_years import FiscalYear
from finops.domain.people import Person, Role
from finops.domain.shares import AccountShares
from finops.domain.values import Frozen

# What is charged today, and has to be paid by somebody: Unknown is on a bill, and in no listing.
CHARGED = frozenset({AccountState.ACTIVE, AccountState.UNKNOWN})


class AllocationStep(StrEnum):
    """What is to be done."""

    MAP_ACCOUNT = "MapAccount"
    RENEW_SHARES = "RenewShares"
    MAP_CREDIT = "MapCredit"


# What takes each step: whoever may do it everywhere owes it.
TAKEN_BY: Mapping[AllocationStep, Action] = {
    AllocationStep.MAP_ACCOUNT: Action.SET_SHARES,
    AllocationStep.RENEW_SHARES: Action.SET_SHARES,
    AllocationStep.MAP_CREDIT: Action.GRANT_CREDIT,
}


class AllocationTask(Frozen):
    """A step on an account, or on a credit; *name* is the account's, or the text of the credit.

    *account_id* of a credit is the account that it was applied to, where the bill names one.
    """

    kind: AllocationStep
    account_id: str | None
    credit_id: str | None = None
    name: str | None
    since: datetime

    @property
    def about(self) -> str:
        """The id of what it is about."""
        return self.credit_id or self.account_id or ""

    @property
    def owed_by(self) -> tuple[Role, ...]:
        return tuple(RIGHTS[TAKEN_BY[self.kind]])

    def is_for(self, person: Person) -> bool:
        """Whether *person* is one of those who owe it."""
        return person.role in self.owed_by and not person.is_suspended


def allocation_tasks(
    accounts: Iterable[Account],
    shares: Mapping[str, AccountShares],
    credits_: Iterable[Credit],
    today: date,
    *,
    year: FiscalYear,
) -> list[AllocationTask]:
    """What waits *today*, in *year*, the longest first; *shares* are by account.

    Nobody is asked to renew what an account has that is closed or has left.
    """
    found: list[AllocationTask] = []
    for account in accounts:
        split = shares.get(account.account_id) or AccountShares(account_id=account.account_id)
        if account.state in CHARGED and split.on(today) is None:
            found.append(
                _of(AllocationStep.MAP_ACCOUNT, account, _unpaid_since(account, split, today))
            )
        if account.state not in GONE and (since := _renewable_since(split, today, year)):
            found.append(_of(AllocationStep.RENEW_SHARES, account, since))
    found += [
        AllocationTask(
            kind=AllocationStep.MAP_CREDIT,
            account_id=credit.account_id,
            credit_id=credit.credit_id,
            name=credit.text,
            since=credit.recorded_at,
        )
        for credit in credits_
        if credit.status(today) is CreditStatus.QUEUED
    ]
    return sorted(found, key=lambda task: (task.since, task.kind, task.about))


def _of(kind: AllocationStep, account: Account, since: datetime) -> AllocationTask:
    return AllocationTask(kind=kind, account_id=account.account_id, name=account.name, since=since)


def _unpaid_since(account: Account, split: AccountShares, today: date) -> datetime:
    """The end of its last split, or when it joined (again); else the day it was first seen."""
    days = [revision.end for revision in split.revisions if revision.end <= today]
    if account.joined is not None:
        days.append(account.joined)
    return _midnight(max(days, default=account.first_seen))


def _renewable_since(split: AccountShares, today: date, year: FiscalYear) -> datetime | None:
    """Since when a renewal is proposed: the year's last month, or when the split was set in it."""
    ending = split.on(year.last_day)
    if ending is None or split.renewal(today, year=year) is None:
        return None
    return max(_midnight(year.months[-1].start), ending.set_at)


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), UTC)
