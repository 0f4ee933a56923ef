"""Disputes: the remap that an owner proposes, what it would do, and the remap that answers it."""

from collections import defaultdict
from collections.abc import Sequence
from contextlib import suppress
from typing import NamedTuple

from finops.domain.audit import LONGEST_REASON, Act, Deed
from finops.domain.authorization import Action, Reach, may, must, must_reach, reach
from finops.domain.card_tasks import task_of
from finops.domain.claims import AccountClaims
from finops.domain.delegations import Signature
from finops.domain.errors import ConflictError, ForbiddenError, InvalidError, NotFoundError
from finops.domain.people import Person
from finops.domain.remaps import Remapped, Step, remapped, remaps
from finops.domain.rule_changes import Change, ClaimResources, Ground, MapAccount
from finops.domain.shares import AccountShares
from finops.domain.spend_cards import (
    CardCommand,
    CardDecision,
    CardKey,
    CardStatus,
    RemapProposal,
    SpendCard,
)
from finops.usecases.card_tasks import CardDesk
from finops.usecases.claims import claims_deed
from finops.usecases.grounds import Book, ground
from finops.usecases.ports import Ledger, Remaps, Save, Workloads
from finops.usecases.previews import Effect, Preview, asked_preview, unknown_preview
from finops.usecases.shares import split_save
from finops.usecases.spend_cards import Sight, is_open, seen_card, sight

TRIES = 3  # where somebody changes the same rules at the same moment
EVENT = "CardRemapped"
EVENTS = {"ClaimResources": "ResourcesClaimed", "ReleaseResources": "ResourcesReleased"}


# Proposed -----------------------------------------------------------------------------------------


def proposal(preview_id: str, card: SpendCard, *, by: Person, ledger: Ledger) -> RemapProposal:
    """What a dispute of *card* proposes: the changes of a preview that *by* asked for, and by how
    much each product of their scope would pay more or less in the card's month.

    Raises NotFoundError for a preview of somebody else, ConflictError for one that is not done, and
    InvalidError for changes that no remap is made of.
    """
    if not may(by, Action.PROPOSE_REMAP, card.product_id):
        raise ForbiddenError(
            f"a remap of {card.product_id} is proposed by its owner, its portfolio's, or a "
            "financial admin; dispute without a preview"
        )
    asked = asked_preview(preview_id, ledger=ledger)
    if asked.by != by.email:
        raise unknown_preview(preview_id)
    return RemapProposal(
        changes=remaps(asked.changes),
        effect=_effect(asked, card, by, ledger),
        preview_id=preview_id,
    )


def _effect(
    asked: Preview, card: SpendCard, by: Person, ledger: Ledger
) -> tuple[tuple[str, int], ...]:
    sums: defaultdict[str, int] = defaultdict(int)
    for payer, period in asked.bills:
        try:
            told = ledger.get_json(Preview.result(asked.preview_id, payer, period))
        except NotFoundError as error:
            raise ConflictError(
                f"the preview {asked.preview_id} is still running, or has failed: look at it, and "
                "dispute once it is done"
            ) from error
        if period != card.month:
            continue
        found = Effect(**told)
        for sign, outcome in ((-1, found.before), (1, found.after)):
            for product, ticks in outcome.products.get(card.currency or "", {}).items():
                sums[product] += sign * ticks
    return tuple(
        (product, ticks)
        for product, ticks in sorted(sums.items())
        if ticks and may(by, Action.SEE_ALLOCATIONS, product)
    )


def disputed(card: SpendCard) -> CardDecision | None:
    """The dispute that *card* waits to be answered, or was answered last."""
    found = (one for one in reversed(card.history) if one.command is CardCommand.DISPUTE)
    return next(found, None)


class SeenProposal(NamedTuple):
    """A card and the dispute of it, as somebody may see what it proposes.

    Of products out of their sight they see only what all of them together would pay more.
    """

    card: SpendCard
    dispute: CardDecision
    proposed: RemapProposal
    look: Sight
    workloads: Workloads

    @property
    def effect(self) -> tuple[tuple[str, int], ...]:
        """What each product in sight would pay more in the card's month."""
        return tuple(one for one in self.proposed.effect if self.sees(one[0]))

    @property
    def rest(self) -> int:
        """What all products out of sight would pay more, and nobody."""
        return -sum(ticks for _, ticks in self.effect)

    def sees(self, product_id: str) -> bool:
        """Who stands in for somebody sees the card's product, and otherwise only their own."""
        return product_id == self.card.product_id or may(
            self.look.by, Action.SEE_ALLOCATIONS, product_id
        )

    def sees_workload(self, workload_id: str) -> bool:
        found = self.workloads.find(workload_id)
        return found is not None and self.sees(found.product_id)


def seen_proposal(
    key: CardKey, *, look: Sight, desk: CardDesk, workloads: Workloads
) -> SeenProposal:
    """What the last dispute of a card proposes.

    Raises NotFoundError for a card that is out of sight, and where no remap is proposed.
    """
    card = seen_card(key, look=look, desk=desk)
    dispute = disputed(card)
    if dispute is None or dispute.proposal is None:
        raise NotFoundError(
            f"no dispute of {key.product_id} for the week from {key.start} proposes a remap"
        )
    return SeenProposal(card, dispute, dispute.proposal, look, workloads)


# Answered -----------------------------------------------------------------------------------------


class RemapDesk(NamedTuple):
    """What a dispute is answered with."""

    cards: CardDesk
    book: Book
    remaps: Remaps


def remap(
    key: CardKey,
    changes: Sequence[Change] | None,
    version: int,
    *,
    by: Person,
    desk: RemapDesk,
    act: Act,
) -> SpendCard:
    """Change who pays, as the dispute of a card proposes it or by other *changes*.

    The card stays disputed until a run of the allocation knows the changed rules; then it is open
    again. Who owes the step makes each change that they may make anyway, or that is about products
    of their portfolios only; a financial admin, whom owners ask for the others, makes all of them.
    The rules and the card are saved in one step, or nothing is; a change that is in force already
    is not made again.

    Raises ForbiddenError for anybody else, ConflictError for a card that is not disputed, of a month
    that is closed, or of another *version*.
    """
    for _ in range(TRIES):
        with suppress(_RulesChangedError):  # the changes are made of what is there now
            return _remap(key, changes, version, by=by, desk=desk, act=act)
    raise ConflictError("others change the same rules at this moment: try again")


class _RulesChangedError(Exception):
    """Somebody changed a rule that a remap changes; the card is as it was read."""


def _remap(
    key: CardKey,
    changes: Sequence[Change] | None,
    version: int,
    *,
    by: Person,
    desk: RemapDesk,
    act: Act,
) -> SpendCard:
    look = sight(act.at.date(), by=by, desk=desk.cards)
    card = seen_card(key, look=look, desk=desk.cards)
    signature = _signed(card, version, look, desk)
    signer = look.signer(signature)
    wanted = remaps(changes if changes is not None else _proposed(card))
    why = _why(card, act)
    rules, revision = desk.book.now()
    base = _base(by, signer, act, desk)
    made = remapped(
        [
            one.model_copy(update={"reason": why}) if isinstance(one, MapAccount) else one
            for one in wanted
        ],
        rules,
        base,
    )
    for step in made.steps:
        _must_make(step, signer)
    awaits = revision + len(made.shares) + len(made.claims)
    after = card.remapped(awaits, by=signature, at=act.at, reason=act.reason)
    splits = [
        split_save(
            rules.shares.get(one) or AccountShares(account_id=one),
            made.rules.shares[one],
            "MapAccount",
        )
        for one in made.shares
    ]
    claims = [_claims_save(one, rules.claims.get(one), made) for one in made.claims]
    try:
        saved = desk.remaps.save(
            Save(card, after, _deed(after, CardCommand.REMAP.value, EVENT)),
            *(splits, claims),
            act.because(why),
        )
    except ConflictError as error:
        if error.members.get("current") is not None:
            raise
        raise _RulesChangedError from error
    _await(saved, desk, act)
    return saved


def _signed(card: SpendCard, version: int, look: Sight, desk: RemapDesk) -> Signature:
    """How the remap of *card* is signed for."""
    if card.version != version:
        raise ConflictError(
            "the card has changed since you read it: look at it again", current=card
        )
    closed = card.start < desk.book.grounds.open_from
    if closed or not is_open(card.month, desk.cards.closes):
        raise ConflictError(
            f"{card.month} is closed, or being closed: its cards stay as they are", current=card
        )
    if card.awaits is not None:
        raise ConflictError(
            "the remap of this card is made; it opens again once its month is allocated by the "
            "changed rules",
            current=card,
        )
    if card.status is not CardStatus.DISPUTED:
        raise ConflictError(f"only a disputed card is remapped; it is {card.status}", current=card)
    task = task_of(card, look.held)
    if task is None:
        raise ConflictError(f"the bill of {card.month} is not final yet", current=card)
    signature = task.signature(look.by, look.absent)
    if signature is not None:
        return signature
    if look.by.email.lower() in task.authors:
        raise ForbiddenError("nobody decides on what they accepted or disputed themselves")
    if reach(look.by, Action.REMAP) is Reach.EVERYWHERE:
        return Signature(by=look.by.email)
    owing = (
        f"the holder of {task.owed_by} (E{task.owed_at})" if task.owed_at else "a financial admin"
    )
    raise ForbiddenError(
        f"this step is owed by {owing}, or who stands in for them; a financial admin remaps as well"
    )


def _proposed(card: SpendCard) -> Sequence[Change]:
    found = disputed(card)
    if found is None or found.proposal is None:
        raise InvalidError("the dispute proposes no remap: name the changes to make")
    return found.proposal.changes


def _why(card: SpendCard, act: Act) -> str:
    """What the rules are changed for."""
    of = f"dispute of {card.product_id}, week from {card.start}"
    return f"{of}: {act.reason}"[:LONGEST_REASON] if act.reason else of


def _base(by: Person, signer: Person, act: Act, desk: RemapDesk) -> Ground:
    """What the changes stand on: made by one, in sight of whom they sign for."""
    base = ground(signer, act.at, grounds=desk.book.grounds)
    seen = {id_: one for id_, one in base.workloads.items() if base.sees(one.product_id)}
    return base._replace(by=by.email, workloads=seen)


def _must_make(step: Step, signer: Person) -> None:
    """Raises ForbiddenError where *signer* may not make a change, NotFoundError where it names what
    lies outside of their scope.
    """
    change = step.change
    if isinstance(change, MapAccount):
        if may(signer, Action.SET_SHARES):
            return
        named = {product for product, _ in change.shares}
    else:
        if all(may(signer, Action.CLAIM_RESOURCES, product) for product in step.own):
            return
        named = set(step.own)
    must_reach(signer, Action.REMAP)
    for product in sorted(named & step.parts):
        must(signer, Action.REMAP, product)
    if not all(may(signer, Action.REMAP, product) for product in step.parts):
        what = (
            f"workload {change.workload_id}'s claim"
            if isinstance(change, ClaimResources)
            else f"this change of account {change.account_id}"
        )
        raise ForbiddenError(
            f"{what} may change what products outside of your portfolios pay; ask a financial "
            "admin to remap it"
        )


def _deed(after: SpendCard, action: str, event: str | None = None) -> Deed:
    return Deed(
        action=action,
        element=after.on_record,
        event=event,
        event_element=after.product_id,
    )


def _claims_save(account: str, before: AccountClaims | None, made: Remapped) -> Save:
    """The claims of an account, with the event of what was done to them last."""
    *_, step = (
        one
        for one in made.steps
        if one.account == account and not isinstance(one.change, MapAccount)
    )
    after = made.rules.claims[account]
    event = EVENTS[step.change.kind]
    return Save(before, after, claims_deed(step.change.kind, after, min(step.own), event))


def _await(saved: SpendCard, desk: RemapDesk, act: Act) -> None:
    """Has the card wait for a revision that only rules with its remap have.

    Where others have changed rules since they were counted, a run may know as many changes and not
    these. Nothing is lost where this is not written: a card that such a run opens follows the next.
    """
    revision = desk.book.now().revision
    if saved.awaits is None or revision <= saved.awaits:
        return
    later = saved.changed(awaits=revision)
    again = act.model_copy(update={"receipt": None})
    with suppress(ConflictError):
        desk.cards.cards.save([Save(saved, later, _deed(later, "Await"))], again)
