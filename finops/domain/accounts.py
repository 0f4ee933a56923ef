"""Accounts: who they are, since when, and what a listing or a bill says about them that is new.

An account is never forgotten: one that is closed or has left keeps its record, for its charges go on
to come. What it was called, who paid and where it stood are kept by day, so that a report about the
past says what was true then. Source: specification section 6.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime
from enum import StrEnum
from typing import Any, Generic, NamedTuple, Self, TypeVar

from finops.domain.errors import ConflictError, NotFoundError
from finops.domain.people import Person, Role
from finops.domain.values import Entity, Frozen

Value = TypeVar("Value")
# Twelve digits at AWS, anything else elsewhere: paths, project names, identifiers.
ACCOUNT_ID = r"^[^\x00-\x1f\x7f]{1,128}$"


class AccountType(StrEnum):
    """What an account is for; its mapping is not finished without it."""

    PRODUCTION = "Production"
    PRE_PRODUCTION = "Pre-Production"
    SHARED = "Shared"
    DEVELOPMENT = "Development"
    SANDBOX = "Sandbox"


class AccountState(StrEnum):
    """Where an account is in its life; Unknown was seen on a bill and is in no listing of ours."""

    ACTIVE = "Active"
    PENDING_ACTIVATION = "PendingActivation"
    SUSPENDED = "Suspended"
    PENDING_CLOSURE = "PendingClosure"
    CLOSED = "Closed"
    DEPARTED = "Departed"
    UNKNOWN = "Unknown"


class NoticeKind(StrEnum):
    """What somebody should know about an account."""

    NEW = "New"
    RENAMED = "Renamed"
    MOVED = "Moved"
    SUSPENDED = "Suspended"
    CLOSED = "Closed"
    RETURNED = "Returned"
    DEPARTED = "Departed"


class Need(StrEnum):
    """What a notice asks for."""

    SET_TYPE = "SetType"
    CHECK_TYPE = "CheckType"
    CHECK_SHARES = "CheckShares"
    END_SHARES = "EndShares"


ADMINS = (Role.CLOUD_ENGINEER, Role.FINANCIAL_ADMIN)
# What each notice asks for, and of whom.
NEEDS: Mapping[NoticeKind, tuple[Need, tuple[Role, ...]]] = {
    NoticeKind.NEW: (Need.SET_TYPE, ADMINS),
    NoticeKind.RENAMED: (Need.CHECK_TYPE, ADMINS),
    NoticeKind.MOVED: (Need.CHECK_SHARES, ADMINS),
    NoticeKind.SUSPENDED: (Need.CHECK_SHARES, ADMINS),
    NoticeKind.CLOSED: (Need.END_SHARES, (Role.FINANCIAL_ADMIN,)),
    NoticeKind.RETURNED: (Need.CHECK_SHARES, ADMINS),
    NoticeKind.DEPARTED: (Need.END_SHARES, (Role.FINANCIAL_ADMIN,)),
}
GONE = frozenset({AccountState.DEPARTED, AccountState.CLOSED})
# In no listing, so that none can lose them.
UNLISTED = frozenset({*GONE, AccountState.UNKNOWN})
STOPPED = frozenset({AccountState.SUSPENDED, AccountState.PENDING_CLOSURE, AccountState.CLOSED})
# Of these only the newest is true.
OF_LIFE = frozenset(
    {NoticeKind.SUSPENDED, NoticeKind.CLOSED, NoticeKind.RETURNED, NoticeKind.DEPARTED}
)


class Dated(Frozen, Generic[Value]):
    """What holds from the day *since* on, until something else does."""

    since: date
    value: Value


def on_day(history: Sequence[Dated[Value]], day: date) -> Value | None:
    """What held on *day*; before the first was known, the first. None where nothing was ever known.

    >>> old, new = (Dated(since=date(2026, 9, day), value=day) for day in (1, 12))
    >>> [on_day([old, new], date(2026, month, 11)) for month in (8, 9, 10)]
    [1, 1, 12]
    """
    held = [one.value for one in history if one.since <= day]
    if held:
        return held[-1]
    return history[0].value if history else None


class AccountNotice(Frozen):
    """Something to know about an account, open until somebody has seen to it."""

    kind: NoticeKind
    since: datetime

    @property
    def need(self) -> Need:
        return NEEDS[self.kind][0]


class Listed(Frozen):
    """What AWS Organizations says of an account now. None is what it was not asked, or did not say."""

    account_id: str
    name: str
    email: str | None = None
    state: AccountState = AccountState.ACTIVE
    joined: date | None = None
    path: tuple[str, ...] | None = None
    tags: tuple[tuple[str, str], ...] | None = None


class Listing(Frozen):
    """All accounts of the organization that *payer* pays for."""

    payer: str
    accounts: tuple[Listed, ...]


class Account(Entity):
    """An AWS account; *path* is the names of the organizational units above it, the highest first."""

    account_id: str
    names: tuple[Dated[str], ...] = ()
    payers: tuple[Dated[str], ...] = ()
    paths: tuple[Dated[tuple[str, ...]], ...] = ()
    email: str | None = None
    state: AccountState = AccountState.UNKNOWN
    state_since: date
    joined: date | None = None
    tags: tuple[tuple[str, str], ...] = ()
    type: AccountType | None = None
    first_seen: date
    notices: tuple[AccountNotice, ...] = ()
    changed_at: datetime

    # What it is, and what it was -----------------------------------------------------------------

    @property
    def name(self) -> str | None:
        return self.names[-1].value if self.names else None

    @property
    def payer(self) -> str | None:
        return self.payers[-1].value if self.payers else None

    @property
    def path(self) -> tuple[str, ...] | None:
        return self.paths[-1].value if self.paths else None

    def name_on(self, day: date) -> str | None:
        """What it was called on *day*."""
        return on_day(self.names, day)

    def payer_on(self, day: date) -> str | None:
        """Who paid for it on *day*."""
        return on_day(self.payers, day)

    def path_on(self, day: date) -> tuple[str, ...] | None:
        """Where in the organization it stood on *day*."""
        return on_day(self.paths, day)

    # What is found out about it ------------------------------------------------------------------

    @classmethod
    def listed(cls, said: Listed, payer: str, at: datetime) -> Self:
        """One that nobody knew, as Organizations says it is."""
        return cls(
            account_id=said.account_id,
            state=said.state,
            state_since=at.date(),
            first_seen=at.date(),
            changed_at=at,
            notices=(AccountNotice(kind=NoticeKind.NEW, since=at),),
        )._told(said, payer, at)

    @classmethod
    def billed(cls, account_id: str, payer: str, first_day: date, at: datetime) -> Self:
        """One that nobody knew and that a bill of *payer* charges for, from *first_day* on."""
        return cls(
            account_id=account_id,
            payers=(Dated(since=first_day, value=payer),),
            state_since=first_day,
            first_seen=first_day,
            changed_at=at,
            notices=(AccountNotice(kind=NoticeKind.NEW, since=at),),
        )

    def as_listed(self, said: Listed, payer: str, at: datetime) -> Self:
        """This account, known, as Organizations says it is now; itself where nothing has changed."""
        kinds = []
        if self.name not in (None, said.name):
            kinds.append(NoticeKind.RENAMED)
        has_moved = said.path is not None and self.path not in (None, said.path)
        if has_moved or self.payer not in (None, payer):
            kinds.append(NoticeKind.MOVED)
        if said.state is not self.state and (kind := _of_life(self.state, said.state)):
            kinds.append(kind)
        return self._told(said, payer, at)._noticed(kinds, at)

    def as_billed(self, payer: str, first_day: date, at: datetime) -> Self:
        """This account, known, on a bill of *payer*: who pays is news where no listing says so."""
        is_news = self.state in UNLISTED and self.payer != payer
        if not is_news or (self.payers and first_day <= self.payers[-1].since):
            return self
        return self.changed(payers=_dated(self.payers, payer, first_day), changed_at=at)

    def departed(self, at: datetime) -> Self:
        """Listed no more. One that was closed has come to its end there: it stays Closed."""
        if self.state in GONE:
            return self
        gone = self.changed(state=AccountState.DEPARTED, state_since=at.date())
        return gone._noticed([NoticeKind.DEPARTED], at)

    def _told(self, said: Listed, payer: str, at: datetime) -> Self:
        # What it was when we first heard of it, it was from the day it joined, as far as we know.
        first = min(said.joined or self.first_seen, self.first_seen)
        told = self.changed(
            names=_dated(self.names, said.name, at.date() if self.names else first),
            payers=_dated(self.payers, payer, at.date() if self.payers else first),
            email=said.email or self.email,
            state=said.state,
            state_since=at.date() if said.state is not self.state else self.state_since,
            joined=said.joined or self.joined,
            tags=self.tags if said.tags is None else tuple(sorted(said.tags)),
        )
        if said.path is not None:
            since = at.date() if self.paths else first
            told = told.changed(paths=_dated(told.paths, said.path, since))
        return self if told == self else told.changed(changed_at=at)

    def _noticed(self, kinds: Sequence[NoticeKind], at: datetime) -> Self:
        if not kinds:
            return self
        over = frozenset(kinds) | (OF_LIFE if OF_LIFE & frozenset(kinds) else frozenset())
        kept = tuple(one for one in self.notices if one.kind not in over)
        new = tuple(AccountNotice(kind=kind, since=at) for kind in kinds)
        return self.changed(notices=kept + new, changed_at=at)

    # What people say about it --------------------------------------------------------------------

    def typed(self, type_: AccountType, at: datetime) -> Self:
        """With its type; nothing else was asked of a new one, or of one with another name."""
        settled = {NoticeKind.NEW, NoticeKind.RENAMED}
        open_ = tuple(one for one in self.notices if one.kind not in settled)
        typed = self.changed(type=type_, notices=open_)
        return self if typed == self else typed.changed(changed_at=at)

    def acknowledged(self, kind: NoticeKind, at: datetime) -> Self:
        """After somebody has seen to a notice.

        Raises NotFoundError where none of that kind is open, ConflictError for a new account
        without a type.
        """
        if kind not in {one.kind for one in self.notices}:
            raise NotFoundError(f"account {self.account_id} has no open notice {kind.value}")
        if kind is NoticeKind.NEW and self.type is None:
            raise ConflictError(
                f"account {self.account_id} has no type: set it, and nothing is left to acknowledge",
                current=self,
            )
        left = tuple(one for one in self.notices if one.kind is not kind)
        return self.changed(notices=left, changed_at=at)


def _dated(
    history: tuple[Dated[Value], ...], value: Value, since: date
) -> tuple[Dated[Value], ...]:
    """*history* with what holds from *since* on; twice in a day, the last counts."""
    if history and history[-1].value == value:
        return history
    kept = tuple(one for one in history if one.since < since)
    if kept and kept[-1].value == value:
        return kept
    return (*kept, Dated(since=since, value=value))


def _of_life(before: AccountState, now: AccountState) -> NoticeKind | None:
    if now is AccountState.SUSPENDED:
        return NoticeKind.SUSPENDED
    if now in STOPPED:
        # Whoever was told that it closes needs not be told that it has closed.
        return None if before in STOPPED - {AccountState.SUSPENDED} else NoticeKind.CLOSED
    if before is AccountState.DEPARTED or before in STOPPED:
        return NoticeKind.RETURNED
    return None


# A whole listing ----------------------------------------------------------------------------------


class AccountChange(NamedTuple):
    """An account as it was known (None: not at all), and as it is now."""

    before: Account | None
    after: Account

    @property
    def kinds(self) -> tuple[NoticeKind, ...]:
        """The notices that the change has opened."""
        known = self.before.notices if self.before else ()
        return tuple(one.kind for one in self.after.notices if one not in known)


def changes(known: Mapping[str, Account], listing: Listing, at: datetime) -> list[AccountChange]:
    """What *listing* changes about the accounts that are *known*, by account id.

    Accounts that another payer pays for are in the listing of their own organization, if in any.
    """
    found: list[AccountChange] = []
    for said in listing.accounts:
        before = known.get(said.account_id)
        if before is None:
            found.append(AccountChange(None, Account.listed(said, listing.payer, at)))
        else:
            found.append(AccountChange(before, before.as_listed(said, listing.payer, at)))
    found += [AccountChange(one, one.departed(at)) for one in _lost(known, listing)]
    changed = [one for one in found if one.after != one.before]
    return sorted(changed, key=lambda one: one.after.account_id)


def must_be_plausible(known: Mapping[str, Account], listing: Listing) -> None:
    """Raises ConflictError for a listing that looks like a fault, not like an organization.

    No organization is without its own payer, and none loses more than half of its accounts between
    two looks.
    """
    if not listing.accounts:
        raise ConflictError(
            f"the organization of {listing.payer} lists no account at all, which cannot be; "
            "nothing was changed"
        )
    of_payer = [one for one in _of(known.values(), listing.payer) if one.state not in UNLISTED]
    lost = [one for one in _lost(known, listing) if one.state not in UNLISTED]
    if 2 * len(lost) > len(of_payer):
        named = ", ".join(one.account_id for one in lost[:5]) + (", …" if len(lost) > 5 else "")
        raise ConflictError(
            f"the organization of {listing.payer} lists {len(lost)} of {len(of_payer)} accounts no "
            f"more ({named}); nothing was changed: look at the organization, and check again with "
            "`force` where that is so"
        )


def _lost(known: Mapping[str, Account], listing: Listing) -> list[Account]:
    listed = {said.account_id for said in listing.accounts}
    return [one for one in _of(known.values(), listing.payer) if one.account_id not in listed]


def _of(accounts: Iterable[Account], payer: str) -> list[Account]:
    return [one for one in accounts if one.payer == payer]


# Tasks --------------------------------------------------------------------------------------------


class AccountTask(Frozen):
    """What an open notice asks of whoever looks after accounts."""

    account_id: str
    name: str | None
    kind: NoticeKind
    need: Need
    since: datetime
    owed_by: tuple[Role, ...]

    def is_for(self, person: Person) -> bool:
        """Whether *person* is one of those who owe it."""
        return person.role in self.owed_by and not person.is_suspended


def account_tasks(accounts: Iterable[Account]) -> list[AccountTask]:
    """What waits, the longest first."""
    found = [
        AccountTask(
            account_id=account.account_id,
            name=account.name,
            kind=notice.kind,
            need=notice.need,
            since=notice.since,
            owed_by=NEEDS[notice.kind][1],
        )
        for account in accounts
        for notice in account.notices
    ]
    return sorted(found, key=lambda task: (task.since, task.account_id, task.kind))


# Checks -------------------------------------------------------------------------------------------


class CheckStatus(StrEnum):
    """What became of the last look at the organization."""

    ASKED = "Asked"
    DONE = "Done"
    REFUSED = "Refused"


class AccountCheck(Entity):
    """The last look at the organization, and what it has changed; there is one such record."""

    status: CheckStatus = CheckStatus.ASKED
    force: bool = False
    asked_by: str | None = None
    asked_at: datetime | None = None
    began_at: datetime | None = None  # of the last that came to an end
    listed: int = 0
    found: tuple[tuple[str, int], ...] = ()  # notices that it opened, by kind
    detail: str | None = None

    def asked(self, by: str, at: datetime, *, force: bool) -> Self:
        """Somebody wants one now."""
        return self.changed(status=CheckStatus.ASKED, force=force, asked_by=by, asked_at=at)

    def done(self, began_at: datetime, listed: int, kinds: Iterable[NoticeKind]) -> Self:
        """After it came to an end."""
        opened = list(kinds)
        counts = tuple((kind.value, opened.count(kind)) for kind in NoticeKind if kind in opened)
        return self._ended(CheckStatus.DONE, began_at, listed=listed, found=counts, detail=None)

    def refused(self, began_at: datetime, listed: int, detail: str) -> Self:
        """After a listing that looks like a fault."""
        return self._ended(CheckStatus.REFUSED, began_at, listed=listed, found=(), detail=detail)

    def _ended(self, status: CheckStatus, began_at: datetime, **fields: Any) -> Self:
        """Who asked for another one after this one began is still to be answered."""
        is_asked = self.status is CheckStatus.ASKED and self.asked_at and self.asked_at > began_at
        answered = {} if is_asked else {"status": status, "force": False}
        return self.changed(began_at=began_at, **fields, **answered)
