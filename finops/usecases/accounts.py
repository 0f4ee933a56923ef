"""Accounts: looked up in the organization, found on a bill, seen, typed, their notices seen to."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date, datetime
from typing import TypeVar

from pydantic import BaseModel

from finops.domain.accounts import (
    Account,
    AccountChange,
    AccountCheck,
    AccountTask,
    AccountType,
    CheckStatus,
    NoticeKind,
    account_tasks,
    changes,
    must_be_plausible,
)
from finops.domain.audit import Act, Deed
from finops.domain.authorization import Action, must
from finops.domain.errors import ConflictError, NotFoundError
from finops.domain.people import Person
from finops.usecases.ports import Accounts, Bills, Organizations, Save

STEP = 45  # accounts in one transaction: two writes each
TRIES = 5
# Of several things that became of an account in one look, the one that its event is named by.
TOLD_FIRST = (
    *(NoticeKind.NEW, NoticeKind.DEPARTED, NoticeKind.CLOSED, NoticeKind.SUSPENDED),
    *(NoticeKind.RETURNED, NoticeKind.MOVED, NoticeKind.RENAMED),
)
Done = TypeVar("Done")


# Looked up ----------------------------------------------------------------------------------------


def ask_check(*, force: bool, by: Person, accounts: Accounts, act: Act) -> AccountCheck:
    """The organization shall be looked at now; the event that tells of it starts the look.

    With *force* a listing is taken as it is, however suspicious.
    """
    must(by, Action.CHECK_ACCOUNTS)
    before = accounts.check()
    after = (before or AccountCheck()).asked(by.email, act.at, force=force)
    deed = Deed(action="AskCheck", event="AccountCheckAsked")
    return accounts.save_check(before, after, deed, act)


def last_check(*, by: Person, accounts: Accounts) -> AccountCheck:
    """What became of the last look. Raises NotFoundError where there was none."""
    must(by, Action.SEE_ACCOUNTS)
    found = accounts.check()
    if found is None:
        raise NotFoundError("the organization was never looked at; finops accounts check does it")
    return found


def check_accounts(
    since: datetime | None, *, accounts: Accounts, organizations: Organizations, act: Act
) -> AccountCheck | None:
    """Take over what the organization says; None where it was looked at *since* then.

    Raises ConflictError for a listing that cannot be (unless somebody asked for it by force), and
    whatever the organization raises: then nothing is changed.
    """
    check = accounts.check()
    is_asked = check is not None and check.status is CheckStatus.ASKED
    # The bus tells times in whole seconds: who asks right after a look is not told of that one.
    if since and check and not is_asked and check.began_at and check.began_at >= since:
        return None
    force = check is not None and is_asked and check.force
    listing = organizations.listing()
    if not force:
        try:
            must_be_plausible(_by_id(accounts), listing)
        except ConflictError as error:
            why = error.detail
            _end(
                lambda known: known.refused(act.at, len(listing.accounts), why),
                Deed(action="RefuseCheck", event="AccountCheckRefused"),
                accounts,
                act,
            )
            raise
    made = _made(lambda: changes(_by_id(accounts), listing, act.at), "List", accounts, act)
    kinds = [kind for change in made for kind in change.kinds]
    return _end(
        lambda known: known.done(act.at, len(listing.accounts), kinds),
        Deed(action="EndCheck"),
        accounts,
        act,
    )


def _end(
    outcome: Callable[[AccountCheck], AccountCheck], deed: Deed, accounts: Accounts, act: Act
) -> AccountCheck:
    """What became of the look."""

    def saved() -> AccountCheck:
        known = accounts.check()
        return accounts.save_check(known, outcome(known or AccountCheck()), deed, act)

    return _tried_again(saved)


# Found on a bill ----------------------------------------------------------------------------------


class LoadedBill(BaseModel, frozen=True):
    """A bill that readers see from now on; the notice says more of it."""

    payer_id: str
    billing_period: str


class BillsLoaded(BaseModel, frozen=True):
    """The notice BillLoaded: the bills of a delivery."""

    load_id: str
    bills: tuple[LoadedBill, ...]


def find_accounts(
    loaded: Sequence[LoadedBill], *, bills: Bills, accounts: Accounts, act: Act
) -> list[Account]:
    """Put on record whom these bills charge and nobody knew; those that are new now."""
    first_days: dict[tuple[str, str], date] = {}
    for one in loaded:
        bill = bills.find(one.payer_id, one.billing_period)
        for totals in bills.account_totals(bill) if bill else ():
            if totals.account is None or totals.days is None:
                continue
            key = totals.account, one.payer_id
            day = _first_day(totals.days, one.billing_period)
            first_days[key] = min(day, first_days.get(key, day))

    def found_on_them() -> list[AccountChange]:
        known = _by_id(accounts)
        found: dict[str, AccountChange] = {}
        for (account_id, payer), day in sorted(first_days.items(), key=lambda one: one[1]):
            # All may be a moment behind: who seems to be new is looked up.
            before = known.get(account_id) or accounts.find(account_id)
            now = found[account_id].after if account_id in found else before
            after = (
                now.as_billed(payer, day, act.at)
                if now
                else Account.billed(account_id, payer, day, act.at)
            )
            if after != now:
                found[account_id] = AccountChange(before, after)
        return list(found.values())

    made = _made(found_on_them, "Bill", accounts, act)
    return [change.after for change in made if change.before is None]


def _first_day(days: Iterable[str], billing_period: str) -> date:
    """The first day with a charge; of a month whose charges have no day, its first."""
    return date.fromisoformat(min((day for day in days if day), default=f"{billing_period}-01"))


# Seen ---------------------------------------------------------------------------------------------


def seen_accounts(*, by: Person, accounts: Accounts) -> Sequence[Account]:
    """All accounts, by id."""
    must(by, Action.SEE_ACCOUNTS)
    return accounts.all()


def seen_account(account_id: str, *, by: Person, accounts: Accounts) -> Account:
    """One of them. Raises NotFoundError."""
    must(by, Action.SEE_ACCOUNTS)
    found = accounts.find(account_id)
    if found is None:
        raise NotFoundError(
            f"nobody has seen an account {account_id}; finops accounts check looks for new ones"
        )
    return found


def tasks_of_accounts(*, by: Person, accounts: Accounts) -> list[AccountTask]:
    """What the open notices ask of people of *by*'s role, the longest waiting first."""
    must(by, Action.SEE_ACCOUNTS)
    return [task for task in account_tasks(accounts.all()) if task.is_for(by)]


# Changed ------------------------------------------------------------------------------------------


def set_type(
    account_id: str, type_: AccountType, version: int, *, by: Person, accounts: Accounts, act: Act
) -> Account:
    """What the account is for, which finishes its mapping. The same again changes nothing."""
    account = _current(account_id, version, by, accounts)
    after = account.typed(type_, act.at)
    if after == account:
        return account
    deed = Deed(action="SetType", event="AccountTyped")
    return accounts.save([Save(account, after, deed)], act)[0]


def acknowledge(
    account_id: str, kind: NoticeKind, version: int, *, by: Person, accounts: Accounts, act: Act
) -> Account:
    """Somebody has seen to a notice; it is open no more."""
    account = _current(account_id, version, by, accounts)
    after = account.acknowledged(kind, act.at)
    return accounts.save([Save(account, after, Deed(action=f"Acknowledge{kind}"))], act)[0]


def _current(account_id: str, version: int, by: Person, accounts: Accounts) -> Account:
    must(by, Action.SET_ACCOUNT_TYPE)
    account = seen_account(account_id, by=by, accounts=accounts)
    if account.version != version:
        raise ConflictError("it has changed since you read it: look at it again", current=account)
    return account


# Saved --------------------------------------------------------------------------------------------


def _by_id(accounts: Accounts) -> Mapping[str, Account]:
    return {account.account_id: account for account in accounts.all()}


def _made(
    find: Callable[[], Sequence[AccountChange]], action: str, accounts: Accounts, act: Act
) -> list[AccountChange]:
    """All that *find* finds, saved as many at a time as fit in a step: it is not found again."""
    made: list[AccountChange] = []

    def saved() -> list[AccountChange]:
        found = find()
        for start in range(0, len(found), STEP):
            some = found[start : start + STEP]
            deeds = [Deed(action=action, event=_event(one)) for one in some]
            accounts.save([Save(*one, deed) for one, deed in zip(some, deeds, strict=True)], act)
            made.extend(some)
        return made

    return _tried_again(saved)


def _event(change: AccountChange) -> str | None:
    told = next((kind for kind in TOLD_FIRST if kind in change.kinds), None)
    if told is NoticeKind.NEW:
        return "AccountFound"
    return f"Account{told.value}" if told else None


def _tried_again(do: Callable[[], Done]) -> Done:
    """*do* once more where somebody changed an account meanwhile: it looks again at what is there."""
    for _ in range(TRIES - 1):
        try:
            return do()
        except ConflictError:
            continue
    return do()
