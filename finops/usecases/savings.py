"""Savings, decided: what somebody sees of what could be saved, whose it is, and what is decided on it.

A case is asked of the product that pays the largest part of its resource. Who pays a smaller part
sees it too, whole, for only a whole resource can be changed; in a sum each resource counts once.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date
from enum import StrEnum
from functools import cache, partial
from typing import NamedTuple, Self

from pydantic import model_validator

from finops.domain.audit import Act, AuditRecord, Deed
from finops.domain.authorization import Action, Reach, may, must, must_reach
from finops.domain.elements import ENTERPRISE, covers, level, shared
from finops.domain.errors import ConflictError, ForbiddenError, InvalidError, NotFoundError
from finops.domain.people import Person, Role, holders, owed_at
from finops.domain.resource_owners import ResourceOwners
from finops.domain.savings import (
    Saving,
    SavingDecision,
    SavingStatus,
    SourceState,
    source_states,
)
from finops.domain.values import Frozen
from finops.usecases.ports import (
    Accounts,
    Audit,
    People,
    Save,
    SavingsKept,
    SavingsSnapshots,
)
from finops.usecases.resource_owners import Ownership, OwnerSources, as_ruled

COLLECTION = "savings-collection"  # what a wish to collect is on record as
COLLECT = "SavingsCollectionAsked"
UNTOLD = "it did not answer; a financial admin sees why"
TOP = 5  # cases that a summary names
FARTHEST = 10**30  # beyond any amount in ticks
EVENTS: Mapping[SavingDecision, str] = {
    SavingDecision.APPROVE: "SavingApproved",
    SavingDecision.IGNORE: "SavingIgnored",
    SavingDecision.IMPLEMENT: "SavingImplemented",
    SavingDecision.REOPEN: "SavingReopened",
}
RIGHTS: Mapping[SavingDecision, Action] = {
    SavingDecision.APPROVE: Action.APPROVE_SAVING,
    SavingDecision.IGNORE: Action.IGNORE_SAVING,
    SavingDecision.IMPLEMENT: Action.IMPLEMENT_SAVING,
}
# A case is opened again by those who may decide what it is.
REOPENED_BY: Mapping[SavingStatus, Action] = {
    SavingStatus.APPROVED: Action.APPROVE_SAVING,
    SavingStatus.IGNORED: Action.IGNORE_SAVING,
    SavingStatus.IMPLEMENTED: Action.IMPLEMENT_SAVING,
}


class SavingsBoard(NamedTuple):
    """Where savings are seen and decided on."""

    savings: SavingsKept
    snapshots: SavingsSnapshots
    owners: OwnerSources
    accounts: Accounts
    people: People


class SavingQuery(Frozen):
    """Which cases are wanted: those that all that is said fits; *least* in ticks a month.

    *is_open*: those that can still be saved (True), or cannot (False). *element* is one that an owner
    of the resource is at or under.
    """

    status: SavingStatus | None = None
    is_open: bool | None = None
    account_id: str | None = None
    element: str = ENTERPRISE
    action_type: str | None = None
    region: str | None = None
    currency: str | None = None
    least: int | None = None

    def fits(self, one: Saving) -> bool:
        """Whether it is wanted, whoever owns the resource."""
        counted = one.counted
        return (
            self.status in (None, one.status)
            and self.is_open in (None, one.is_open)
            and self.account_id in (None, one.account_id)
            and self.action_type in (None, counted.action_type)
            and self.region in (None, one.region)
            and self.currency in (None, counted.currency)
            and (self.least is None or counted.monthly_savings >= self.least)
        )


class SeenSaving(NamedTuple):
    """A case as somebody sees it: *owners* are those that they may know of.

    *is_asked*: the product that pays the largest part is one of them.
    """

    saving: Saving
    owners: ResourceOwners
    is_asked: bool

    @property
    def asked(self) -> str | None:
        """The product that is asked, where the reader may know of it."""
        return self.owners.asked if self.is_asked else None


# Seen ---------------------------------------------------------------------------------------------


def seen_savings(
    query: SavingQuery, today: date, *, by: Person, board: SavingsBoard
) -> list[SeenSaving]:
    """The cases in scope that are wanted: by currency, the largest saving first."""
    reach = must_reach(by, Action.SEE_SAVINGS)
    if query.element != ENTERPRISE:
        must(by, Action.SEE_SAVINGS, query.element)
    known = board.savings.all()
    sees = _sees(by, reach)
    owners = _owners(known, today, board)
    found = []
    for saving_id, one in known.items():
        if query.fits(one):
            seen = _seen(one, owners[saving_id], sees)
            if seen is not None and _is_at(query.element, seen.owners):
                found.append(seen)
    return sorted(found, key=order)


def order(one: SeenSaving) -> str:
    """Where a case stands in a list; amounts of two currencies are never compared."""
    counted = one.saving.counted
    return f"{counted.currency} {FARTHEST - counted.monthly_savings:031} {one.saving.saving_id}"


def seen_saving(saving_id: str, today: date, *, by: Person, board: SavingsBoard) -> SeenSaving:
    """One of them, as it is now. Raises NotFoundError, also for one outside the scope of *by*."""
    return _looked_at(saving_id, today, by=by, board=board)[0]


def _looked_at(
    saving_id: str, today: date, *, by: Person, board: SavingsBoard
) -> tuple[SeenSaving, ResourceOwners]:
    found = board.savings.find(saving_id)
    accounts = [found.account_id] if found is not None else []
    return Sight(accounts, today, by=by, board=board).of(saving_id, found)


class Sight:
    """What *by* sees of cases in some *accounts*, as the rules are today."""

    def __init__(
        self, accounts: Iterable[str], today: date, *, by: Person, board: SavingsBoard
    ) -> None:
        self._sees = _sees(by, must_reach(by, Action.SEE_SAVINGS))
        self._ownership = Ownership(today, accounts, board.owners)

    def of(self, saving_id: str, one: Saving | None) -> tuple[SeenSaving, ResourceOwners]:
        """A case as they see it, and all owners of its resource. Raises NotFoundError."""
        if one is not None:
            whole = _owner(one, self._ownership)
            seen = _seen(one, whole, self._sees)
            if seen is not None:
                return seen, whole
        raise NotFoundError(f"there is no saving {saving_id} in your financial scope")


def _sees(by: Person, reach: Reach) -> Callable[[str], bool] | None:
    """Which products somebody knows of; None: all there are, and what nobody owns."""
    if reach is Reach.EVERYWHERE:
        return None
    return cache(partial(may, by, Action.SEE_SAVINGS))


def _seen(
    one: Saving, whole: ResourceOwners, sees: Callable[[str], bool] | None
) -> SeenSaving | None:
    """None where it is none of theirs."""
    if sees is None:
        return SeenSaving(one, whole, is_asked=True)
    own = whole.seen(sees)
    return SeenSaving(one, own, is_asked=own.asked == whole.asked) if own.products else None


def _is_at(element: str, owners: ResourceOwners) -> bool:
    return element == ENTERPRISE or any(covers(element, product) for product, _ in owners.products)


def _owners(
    known: Mapping[str, Saving], today: date, board: SavingsBoard
) -> Mapping[str, ResourceOwners]:
    """Of each case, worked out anew for those that changed, or for all once the rules did."""
    ownership = Ownership(today, {one.account_id for one in known.values()}, board.owners)
    found, _ = board.owners.memo.each(
        "saving owners",
        ownership.stamp,
        {saving_id: one.version for saving_id, one in known.items()},
        lambda saving_id: _owner(known[saving_id], ownership),
    )
    return found


def _owner(one: Saving, ownership: Ownership) -> ResourceOwners:
    if one.resource_id is None:
        return ownership.of(one.account_id, None)
    tags = one.options[0].tags.items()
    return ownership.of(
        one.account_id, as_ruled(one.account_id, one.resource_id, one.resource_type, tags)
    )


# Sums ---------------------------------------------------------------------------------------------


class GroupBy(StrEnum):
    """What cases are added up by."""

    OWNER = "owner"
    ACTION_TYPE = "action_type"
    ACCOUNT = "account"
    STATUS = "status"
    REGION = "region"


class SavingTotal(NamedTuple):
    """What some cases come to, in ticks a month, and what of it can still be saved.

    *key* is what they have in common; None: nobody owns them, or they have no region.
    """

    key: str | None
    currency: str
    number: int
    monthly_savings: int
    open_number: int
    open_monthly_savings: int


def totals(found: Iterable[SeenSaving], by: GroupBy | None = None) -> list[SavingTotal]:
    """Cases by group and currency, each of them once: the groups add up to the whole.

    By owner a case is with the product that is asked, or with the largest that the reader knows of.
    Groups are by currency, the largest saving first.
    """
    sums: dict[tuple[str, str | None], list[int]] = {}
    for one in found:
        counted = one.saving.counted
        of = sums.setdefault((counted.currency, _key(one, by)), [0, 0, 0, 0])
        of[0] += 1
        of[1] += counted.monthly_savings
        if one.saving.is_open:
            of[2] += 1
            of[3] += counted.monthly_savings
    made = [SavingTotal(key, currency, *of) for (currency, key), of in sums.items()]
    return sorted(made, key=lambda one: (one.currency, -one.monthly_savings, one.key or ""))


def _key(one: SeenSaving, by: GroupBy | None) -> str | None:
    match by:
        case None:
            return None
        case GroupBy.OWNER:
            return one.owners.asked
        case GroupBy.ACTION_TYPE:
            return one.saving.counted.action_type
        case GroupBy.ACCOUNT:
            return one.saving.account_id
        case GroupBy.STATUS:
            return one.saving.status.value
        case GroupBy.REGION:
            return one.saving.region


class TopSavings(NamedTuple):
    """The largest open cases at and under an element, *totals* of all that are open there."""

    cases: Sequence[SeenSaving]
    totals: Sequence[SavingTotal]
    sources: Sequence[SourceState]


def top_savings(element: str, today: date, *, by: Person, board: SavingsBoard) -> TopSavings:
    """What is worth looking at first: of each currency the `TOP` largest."""
    found = seen_savings(SavingQuery(is_open=True, element=element), today, by=by, board=board)
    named: dict[str, list[SeenSaving]] = {}
    for one in found:
        named.setdefault(one.saving.counted.currency, []).append(one)
    cases = [one for some in named.values() for one in some[:TOP]]
    return TopSavings(cases, totals(found), sources(today, by=by, board=board))


# Sources ------------------------------------------------------------------------------------------


def sources(today: date, *, by: Person, board: SavingsBoard) -> list[SourceState]:
    """How fresh what is known of each payer is, and which source did not answer.

    With a scope these are the payers of accounts that a product in it has a part of; of an account
    whose payer nobody knows, they may be any.
    """
    reach = must_reach(by, Action.SEE_SAVINGS)
    payers = {one.account_id: one.payer_on(today) for one in board.accounts.all()}
    known = {payer for payer in payers.values() if payer is not None}
    states = source_states(board.snapshots.all().values(), known, today)
    sees = _sees(by, reach)
    if sees is None:
        return states
    theirs = {
        account
        for account, split in board.owners.shares.all().items()
        if (revision := split.on(today)) and any(sees(product) for product, _ in revision.shares)
    }
    savings = board.savings.all()
    owners = _owners(savings, today, board)
    seen = [one for id_, one in savings.items() if _seen(one, owners[id_], sees) is not None]
    own = {payers.get(account) for account in theirs} | {one.payer for one in seen}
    return [_in_brief(one) for one in states if one.payer in own or None in own]


def _in_brief(one: SourceState) -> SourceState:
    """Why a source did not answer names accounts of others."""
    if one.unanswered is None:
        return one
    return one.model_copy(
        update={"unanswered": one.unanswered.model_copy(update={"reason": UNTOLD})}
    )


# Who is asked -------------------------------------------------------------------------------------


def people_asked(product: str | None, people: Iterable[Person]) -> list[str]:
    """The addresses of those who answer for a product: its holders, else those of what is above it.

    In the end, and for what nobody owns, the financial admins.
    """
    known = [one for one in people if not one.is_suspended]
    up = 0 if product is None else owed_at(product, level(product), holders(known))
    if not up or product is None:
        return sorted(one.email for one in known if one.role is Role.FINANCIAL_ADMIN)
    element = ".".join(product.split(".")[:up])
    return sorted(one.email for one in known if one.role.level == up and one.holds(element))


# Decided ------------------------------------------------------------------------------------------


class Wish(Frozen):
    """What somebody decides: *action_type* approves that option, *until* ends an ignoring, *on* is
    the day that it was done; each only with its own decision.
    """

    decision: SavingDecision
    action_type: str | None = None
    until: date | None = None
    on: date | None = None

    @model_validator(mode="after")
    def _is_of_one_piece(self) -> Self:
        for field, decision in (
            ("action_type", SavingDecision.APPROVE),
            ("until", SavingDecision.IGNORE),
            ("on", SavingDecision.IMPLEMENT),
        ):
            if getattr(self, field) is not None and self.decision is not decision:
                raise InvalidError(
                    f"{field} belongs to {decision}; leave it out of {self.decision}"
                )
        return self


def decide(
    saving_id: str, wish: Wish, version: int, *, by: Person, board: SavingsBoard, act: Act
) -> Saving:
    """A case after somebody decided on it. Raises ConflictError for another *version*."""
    seen, whole = _looked_at(saving_id, act.at.date(), by=by, board=board)
    before = seen.saving
    must_decide(wish.decision, before, whole.asked, by=by)
    if before.version != version:
        raise ConflictError("it has changed since you read it: look at it again", current=before)
    after = decided(before, wish, act)
    return board.savings.save([save_of(before, after, wish.decision, whole)], act)[0]


def must_decide(decision: SavingDecision, one: Saving, asked: str | None, *, by: Person) -> None:
    """Raises ForbiddenError where that is not for *by*: with a scope, what is *asked* of others.

    *asked* None is nobody's product, or one that *by* may not know of.
    """
    action = _right(decision, one)
    reach = must_reach(by, action)
    if reach is not Reach.EVERYWHERE and not may(by, action, asked or ENTERPRISE):
        raise ForbiddenError(
            f"{action} is for who owns the largest part of the resource, which lies outside your "
            "financial scope; ask a financial admin"
        )


def may_decide(decision: SavingDecision, seen: SeenSaving, *, by: Person) -> bool:
    """Whether that is for *by*, and can be decided on the case as it is."""
    is_allowed = may(by, _right(decision, seen.saving), seen.asked or ENTERPRISE)
    return is_allowed and seen.saving.may_be(decision)


def _right(decision: SavingDecision, one: Saving) -> Action:
    return RIGHTS.get(decision) or REOPENED_BY.get(one.status, Action.APPROVE_SAVING)


def decided(one: Saving, wish: Wish, act: Act) -> Saving:
    """A case after *wish*, where its status allows it."""
    match wish.decision:
        case SavingDecision.APPROVE:
            return one.approve(wish.action_type, by=act.actor, at=act.at, reason=act.reason)
        case SavingDecision.IGNORE:
            return one.ignore(act.reason, wish.until, by=act.actor, at=act.at)
        case SavingDecision.IMPLEMENT:
            on = wish.on or act.at.date()
            return one.implement(on, by=act.actor, at=act.at, reason=act.reason)
        case SavingDecision.REOPEN:
            return one.reopen()


def save_of(
    before: Saving,
    after: Saving,
    decision: SavingDecision,
    whole: ResourceOwners,
    *,
    is_told: bool = True,
) -> Save:
    """On record for who covers all owners; it was done at the product that is asked.

    Deeds of hundreds of cases at once are not *told* one by one.
    """
    deed = Deed(
        action=decision.value,
        element=shared(product for product, _ in whole.products),
        event=EVENTS[decision] if is_told else None,
        event_element=whole.asked,
    )
    return Save(before, after, deed)


# History ------------------------------------------------------------------------------------------


class Past(NamedTuple):
    """What a case was after one of its changes."""

    record: AuditRecord
    saving: Saving


def history(saving_id: str, *, audit: Audit) -> list[Past]:
    """All that became of a case, oldest first; for who has seen it."""
    return [
        Past(record, Saving.model_validate_json(record.after).changed(version=record.sequence))
        for record in audit.chain(f"saving#{saving_id}")
    ]


# Collected ----------------------------------------------------------------------------------------


def ask_collection(*, by: Person, audit: Audit, act: Act) -> dict[str, str]:
    """Ask the sources now instead of tomorrow; `sources` tell what they answered."""
    must(by, Action.COLLECT_SAVINGS)
    told = {"asked_by": by.email, "asked_at": act.at.isoformat(), "status": "Asked"}
    audit.note(f"{COLLECTION}#asked", told, Deed(action="CollectSavings", event=COLLECT), act)
    return told
