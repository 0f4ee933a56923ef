"""Shares: accounts split over products, one by one or by a file, renewed for a year, and looked at."""

from collections.abc import Callable, Iterator, Sequence
from datetime import date, timedelta
from functools import cache, partial
from typing import Literal, NamedTuple

from finops.domain.accounts import Account
from finops.domain.audit import Act, Deed
from finops.domain.authorization import Action, Reach, may, must, must_reach
from finops.domain.chart_files import RowError
from finops.domain.elements import ENTERPRISE, covers, shared
from finops.domain.errors import ConflictError, InvalidError, NotFoundError
from finops.domain.fiscal_years import FiscalYear
from finops.domain.people import Person
from finops.domain.periods import Period
from finops.domain.rule_changes import Ground, MapAccount, unknown_account
from finops.domain.share_files import ShareRow, read
from finops.domain.shares import (
    AccountShares,
    Renewal,
    Revision,
    ShareStatus,
    Span,
    first_start,
    terms,
    whole,
)
from finops.domain.values import Frozen
from finops.usecases.grounds import Grounds, ground
from finops.usecases.ports import Save
from finops.usecases.ports import Shares as SharesPort

STEP = 45  # accounts in one transaction: two writes each
EVENT = "AccountMapped"
Sees = Callable[[str], bool]

# Seen ---------------------------------------------------------------------------------------------


class SeenShares(NamedTuple):
    """The splits of an account as somebody may see them, from the day *on*.

    *sees* says which products they may know of; of other parts they see only the sum. The fiscal
    year starts with *first_month*.
    """

    account_id: str
    account: Account | None
    shares: AccountShares
    on: date
    sees: Sees
    first_month: int

    @property
    def current(self) -> Revision | None:
        """The split in force, where it is theirs to see."""
        found = self.shares.on(self.on)
        return found if found and self.is_seen(found) else None

    @property
    def status(self) -> ShareStatus | None:
        """Of the split in force."""
        current = self.current
        return self.shares.status(current, self.on) if current else None

    @property
    def next(self) -> Span | None:
        """The next days with another split or, after the last one, with none."""
        last = max((one.end for one in self.shares.revisions), default=self.on)
        if last <= self.on:
            return None
        _, *following = self.shares.spans(Period(self.on, last + timedelta(1)))
        if not following:
            return None
        is_theirs = following[0].revision is not None and self.is_seen(following[0].revision)
        return following[0] if is_theirs or self.current else None

    @property
    def renewal(self) -> Renewal | None:
        """What is proposed for the next fiscal year."""
        year = FiscalYear.of(self.on, self.first_month)
        found = self.shares.renewal(self.on, year=year)
        return found if found and self.is_seen(found) else None

    @property
    def revisions(self) -> tuple[Revision, ...]:
        """All that are theirs to see, oldest first."""
        return tuple(one for one in self.shares.revisions if self.is_seen(one))

    def is_seen(self, split: Revision | Renewal) -> bool:
        return any(self.sees(product) for product, _ in split.shares)

    def spans(self) -> tuple[Span, ...]:
        """From the first split's start to the last one's end, cut where another one comes in force."""
        known = self.shares.revisions
        if not known:
            return ()
        period = Period(min(one.start for one in known), max(one.end for one in known))
        return tuple(
            span
            for span in self.shares.spans(period)
            if span.revision is None or self.is_seen(span.revision)
        )


def seen_shares(
    on: date,
    *,
    by: Person,
    shares: SharesPort,
    grounds: Grounds,
    element: str = ENTERPRISE,
    unmapped: bool = False,
) -> list[SeenShares]:
    """The accounts that *by* may see, those without a split on the day *on* first, then by id.

    With a scope these are the accounts that ever had a product in it; with *element* those that
    have one at or under it on that day.
    """
    reach = must_reach(by, Action.SEE_ALLOCATIONS)
    known = {one.account_id: one for one in grounds.accounts.all()}
    splits = shares.all()
    sees = _sees(by)
    found = []
    for account_id in sorted({*known, *splits}):
        split = splits.get(account_id) or AccountShares(account_id=account_id)
        account = known.get(account_id)
        one = SeenShares(account_id, account, split, on, sees, grounds.first_month)
        if reach is not Reach.EVERYWHERE and not one.revisions:
            continue
        if element != ENTERPRISE and not _is_at(one.current, element, one.sees):
            continue
        if not (unmapped and one.current):
            found.append(one)
    return sorted(found, key=order)


def order(one: SeenShares) -> str:
    """Where an account stands in a list: what nobody pays for comes first."""
    return f"{int(one.current is not None)} {one.account_id}"


def see_shares(
    account_id: str, on: date, *, by: Person, shares: SharesPort, grounds: Grounds
) -> SeenShares:
    """The splits of one account. Raises NotFoundError, also for one that is not theirs to see."""
    reach = must_reach(by, Action.SEE_ALLOCATIONS)
    account = grounds.accounts.find(account_id)
    split = shares.find(account_id) or AccountShares(account_id=account_id)
    one = SeenShares(account_id, account, split, on, _sees(by), grounds.first_month)
    if reach is not Reach.EVERYWHERE and not one.revisions:
        raise NotFoundError(f"there is no account {account_id} in your financial scope")
    if account is None and not split.revisions:
        raise unknown_account(account_id)
    return one


def _sees(by: Person) -> Sees:
    """Asked of the same products for account after account."""
    return cache(partial(may, by, Action.SEE_ALLOCATIONS))


def _is_at(revision: Revision | None, element: str, sees: Sees) -> bool:
    return revision is not None and any(
        covers(element, product) and sees(product) for product, _ in revision.shares
    )


# Changed ------------------------------------------------------------------------------------------


def map_account(
    change: MapAccount,
    version: int,
    *,
    by: Person,
    shares: SharesPort,
    grounds: Grounds,
    act: Act,
) -> AccountShares:
    """Split an account anew. The same split again changes nothing.

    Raises InvalidError for what no split may be, ConflictError for another *version*.
    """
    must(by, Action.SET_SHARES)
    stands_on = ground(by, act.at, grounds=grounds)
    before = _current(change.account_id, version, shares, stands_on)
    after = change.after(before, stands_on)
    return before if after is before else _saved(after, before, "MapAccount", shares, act)


def renew(
    account_id: str,
    version: int,
    *,
    by: Person,
    shares: SharesPort,
    grounds: Grounds,
    act: Act,
) -> AccountShares:
    """Take over for the next fiscal year the split that this one ends with.

    Raises ConflictError where there is no proposal, or no chart of accounts of the next year yet.
    """
    must(by, Action.SET_SHARES)
    stands_on = ground(by, act.at, grounds=grounds)
    before = _current(account_id, version, shares, stands_on)
    year = FiscalYear.of(act.at.date(), grounds.first_month)
    proposal = before.renewal(act.at.date(), year=year)
    if proposal is None:
        raise ConflictError(
            f"there is nothing to renew: a proposal comes with {year.months[-1]}, the last month "
            f"of the fiscal year, where a split is in force on {year.last_day} and none follows",
            current=before if before.version else None,
        )
    if all(head.year != year.year + 1 for head in grounds.charts.heads()):
        raise ConflictError(
            f"there is no chart of accounts of {year.year + 1} yet, so nobody can pay in it; "
            "finops chart load FILE brings one",
            current=before,
        )
    change = MapAccount(
        account_id=account_id, shares=proposal.shares, start=proposal.start, reason=act.reason
    )
    return _saved(change.after(before, stands_on), before, "RenewShares", shares, act)


def _current(account_id: str, version: int, shares: SharesPort, stands_on: Ground) -> AccountShares:
    stands_on.must_know(account_id)
    before = shares.find(account_id) or AccountShares(account_id=account_id)
    if before.version != version:
        raise ConflictError("it has changed since you read it: look at it again", current=before)
    return before


def _saved(
    after: AccountShares, before: AccountShares, action: str, shares: SharesPort, act: Act
) -> AccountShares:
    return shares.save([split_save(before, after, action)], act)[0]


def split_save(before: AccountShares, after: AccountShares, action: str) -> Save:
    """The record holds every split there was: it is for those whose scope covers all of them."""
    products = {product for revision in after.revisions for product, _ in revision.shares}
    deed = Deed(action=action, element=shared(products), event=EVENT)
    return Save(before if before.version else None, after, deed)


# Loaded -------------------------------------------------------------------------------------------

Outcome = Literal["mapped", "remapped", "unchanged"]


class ShareReport(Frozen):
    """What a file does, or every reason why it does nothing. Accounts are by id."""

    rows: int
    mapped: tuple[str, ...]
    remapped: tuple[str, ...]
    unchanged: tuple[str, ...]
    errors: tuple[RowError, ...]
    applied: bool = False


class _Change(NamedTuple):
    before: AccountShares
    after: AccountShares

    @property
    def outcome(self) -> Outcome:
        if self.after is self.before:
            return "unchanged"
        return "remapped" if self.before.revisions else "mapped"


def load_shares(
    text: str, *, dry_run: bool, by: Person, shares: SharesPort, grounds: Grounds, act: Act
) -> ShareReport:
    """Split every account that a file names; a file with an error changes nothing.

    The accounts are saved `STEP` at a time. The same file again changes nothing, so that one that
    was cut off in the middle by somebody else's change can be sent again. See
    `finops.domain.share_files` for its columns.
    """
    must(by, Action.SET_SHARES)
    file = read(text)
    errors = list(file.errors)
    stands_on = ground(by, act.at, grounds=grounds)
    known = shares.all()
    blamed = {error.row for error in errors}
    changes: list[_Change] = []
    for account_id, rows in sorted(file.accounts.items()):
        before = known.get(account_id) or AccountShares(account_id=account_id)
        change = _change_of(rows, act)
        found = list(_row_errors(rows, change, before, stands_on))
        errors += found
        if found or any(row.number in blamed for row in rows):
            continue
        try:
            changes.append(_changed(change, before, shares, stands_on))
        except InvalidError as error:
            errors.append(_of_account(rows, "start", error.detail, str(change.start or "")))
    report = ShareReport(
        rows=file.rows,
        mapped=_ids(changes, "mapped"),
        remapped=_ids(changes, "remapped"),
        unchanged=_ids(changes, "unchanged"),
        errors=tuple(sorted(errors, key=lambda error: error.row or 0)),
    )
    if errors or dry_run:
        return report
    _save_all([one for one in changes if one.outcome != "unchanged"], shares, act)
    return report.model_copy(update={"applied": True})


def _changed(
    change: MapAccount, before: AccountShares, shares: SharesPort, stands_on: Ground
) -> _Change:
    """What *change* does. The list of all may be a moment behind, so what seems to be unchanged is
    read again; of what is not, its saving tells.
    """
    after = change.after(before, stands_on)
    if after is before:
        before = shares.find(change.account_id) or before
        after = change.after(before, stands_on)
    return _Change(before, after)


def _save_all(changes: Sequence[_Change], shares: SharesPort, act: Act) -> None:
    for start in range(0, len(changes), STEP):
        some = changes[start : start + STEP]
        try:
            shares.save([split_save(one.before, one.after, "MapAccount") for one in some], act)
        except ConflictError as error:
            raise ConflictError(
                f"somebody mapped one of these accounts at the same time: {start} of "
                f"{len(changes)} accounts are done; send the file again for the rest"
            ) from error


def _row_errors(
    rows: Sequence[ShareRow], change: MapAccount, before: AccountShares, stands_on: Ground
) -> Iterator[RowError]:
    """What is wrong with the rows of an account, each of which can be read."""
    try:
        stands_on.must_know(change.account_id)
    except NotFoundError as error:
        yield _of_account(rows, "account_id", error.detail)
    if len({row.product_id for row in rows}) == len(rows):
        try:
            whole((row.product_id, row.points) for row in rows)
        except InvalidError as error:
            yield _of_account(rows, "share", error.detail)
    try:
        starts = _starts(change, before, stands_on)
    except InvalidError as error:
        yield _of_account(rows, "start", error.detail, str(change.start))
        return
    for row in rows:
        try:
            for start in starts:
                stands_on.must_pay(row.product_id, start)
        except InvalidError as error:
            yield RowError(
                row=row.number, column="product_id", detail=error.detail, value=row.product_id
            )


def _starts(change: MapAccount, before: AccountShares, stands_on: Ground) -> list[date]:
    """The days from which on products have to pay."""
    today = stands_on.at.date()
    start = change.start or first_start(
        today,
        joined=stands_on.joined.get(change.account_id),
        open_from=stands_on.open_from,
    )
    until = start if before.revisions else today
    return [term.start for term in terms(start, until, stands_on.first_month)]


def _of_account(
    rows: Sequence[ShareRow], column: str, detail: str, value: str | None = None
) -> RowError:
    """What is wrong with an account as a whole, told at its first row."""
    listed = ", ".join(str(row.number) for row in rows)
    where = f"account {rows[0].account_id}, row{'s' if len(rows) > 1 else ''} {listed}"
    return RowError(
        row=rows[0].number, column=column, detail=f"{where}: {detail}", value=value or None
    )


def _change_of(rows: Sequence[ShareRow], act: Act) -> MapAccount:
    return MapAccount(
        account_id=rows[0].account_id,
        shares=tuple((row.product_id, row.points) for row in rows),
        start=next((row.start for row in rows if row.start), None),
        reason=next((row.reason for row in rows if row.reason), act.reason),
    )


def _ids(changes: Sequence[_Change], outcome: Outcome) -> tuple[str, ...]:
    return tuple(one.before.account_id for one in changes if one.outcome == outcome)
