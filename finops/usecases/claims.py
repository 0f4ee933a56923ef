"""Claims: many resources taken or given back in one step, and who ever held which."""

from datetime import date, timedelta
from typing import NamedTuple

from finops.domain.audit import Act, Deed
from finops.domain.authorization import Action, Reach, may, must, must_reach
from finops.domain.claims import AccountClaims, Claim
from finops.domain.elements import shared
from finops.domain.errors import ConflictError, InvalidError, NotFoundError
from finops.domain.people import Person
from finops.domain.rule_changes import ClaimResources, ReleaseResources
from finops.domain.rule_documents import RulesHead
from finops.usecases.grounds import Grounds, ground
from finops.usecases.ports import Claims, Shares
from finops.usecases.workloads import must_have_a_share, seen_workload


class ClaimsDesk(NamedTuple):
    """What claims are worked on with."""

    claims: Claims
    shares: Shares
    grounds: Grounds


class SeenClaim(NamedTuple):
    """A claim, and its place among all of its account, which never changes."""

    number: int
    claim: Claim


class SeenClaims(NamedTuple):
    """The claims on an account's resources that somebody may see, and the version of them all."""

    of: AccountClaims
    claims: list[SeenClaim]


# Changed ------------------------------------------------------------------------------------------


def claim(
    account_id: str,
    wanted: ClaimResources,
    version: int,
    *,
    by: Person,
    desk: ClaimsDesk,
    act: Act,
) -> RulesHead:
    """A workload pays whole for some resources of its account: all of them, or none.

    An owner claims in accounts that a product of their scope has a share of, today or later; raises
    NotFoundError for any other. Raises ConflictError naming a resource that is taken, and its holder
    where *by* may know of it; InvalidError for a start before tomorrow that *act* has no reason
    for. Source: specification section 7.3.
    """
    workload = seen_workload(wanted.workload_id, by=by, workloads=desk.grounds.workloads)
    must(by, Action.CLAIM_RESOURCES, workload.product_id)
    split = desk.shares.find(workload.account_id)
    must_have_a_share(workload.account_id, split, act.at.date(), by=by)
    if workload.account_id != account_id:
        raise InvalidError(
            f"{workload.name} runs in account {workload.account_id}; it claims nothing of account "
            f"{account_id}"
        )
    must_say_why(wanted.start, act.at.date(), act.reason)
    before = _current(account_id, version, desk)
    # The list of all workloads may be a moment behind; this one was just read.
    at_hand = ground(by, act.at, grounds=desk.grounds)._replace(
        workloads={workload.workload_id: workload}
    )
    after = wanted.after(before, at_hand)
    deed = claims_deed("ClaimResources", after, workload.product_id, "ResourcesClaimed")
    return _saved(before, after, deed, act, desk)


def must_say_why(start: date | None, today: date, reason: str | None) -> None:
    """Raises InvalidError for a claim that starts before tomorrow for no *reason*."""
    tomorrow = today + timedelta(1)
    if start is not None and start < tomorrow and reason is None:
        raise InvalidError(
            f"say why the claim starts on {start}, before tomorrow ({tomorrow}): this needs a reason"
        )


def release(
    account_id: str,
    given: ReleaseResources,
    version: int,
    *,
    by: Person,
    desk: ClaimsDesk,
    act: Act,
) -> RulesHead:
    """Some resources of one product go by their account's shares again from the next day on.

    All of them do, or none: raises NotFoundError naming those that nobody holds of whom *by* may
    know, and InvalidError where several products hold them, for a change is of one product.
    """
    _must_see_account(account_id, act.at.date(), by, desk)
    must_reach(by, Action.CLAIM_RESOURCES)
    before = _current(account_id, version, desk)
    at_hand = ground(by, act.at, grounds=desk.grounds)
    after = given.after(before, at_hand)
    [product] = given.products(before, at_hand)
    must(by, Action.CLAIM_RESOURCES, product)
    deed = claims_deed("ReleaseResources", after, product, "ResourcesReleased")
    return _saved(before, after, deed, act, desk)


def claims_deed(action: str, after: AccountClaims, product_id: str, event: str) -> Deed:
    """What was done for a product; its record, which counts all claims, is for who sees them all."""
    element = shared({one.product_id for one in after.claims})
    return Deed(action=action, element=element, event=event, event_element=product_id)


def _saved(
    before: AccountClaims, after: AccountClaims, deed: Deed, act: Act, desk: ClaimsDesk
) -> RulesHead:
    """The new head. A lost race tells the claims as they are now, and not their head."""
    try:
        return desk.claims.save(before, after, deed, act)
    except ConflictError as error:
        current = desk.claims.find(after.account_id)
        raise ConflictError(error.detail, current=current) from error


def _current(account_id: str, version: int, desk: ClaimsDesk) -> AccountClaims:
    found = desk.claims.find(account_id)
    if found.version != version:
        raise ConflictError(
            "somebody has claimed or released since you read it: look at it again", current=found
        )
    return found


# Seen ---------------------------------------------------------------------------------------------


def seen_claims(
    account_id: str,
    today: date,
    *,
    by: Person,
    desk: ClaimsDesk,
    workload_id: str | None = None,
    resource_id: str | None = None,
) -> SeenClaims:
    """Every claim there ever was on an account's resources, oldest first, that *by* may see.

    Of this workload or resource only, where one is named. Raises NotFoundError for an account that
    nobody has seen, or that *by* has nothing to do with.
    """
    must_reach(by, Action.SEE_RESOURCES)
    _must_see_account(account_id, today, by, desk)
    found = desk.claims.find(account_id)
    wanted = [
        SeenClaim(number, one)
        for number, one in enumerate(found.claims)
        if workload_id in (None, one.workload_id)
        and resource_id in (None, one.resource_id)
        and may(by, Action.SEE_RESOURCES, one.product_id)
    ]
    return SeenClaims(found, wanted)


def _must_see_account(account_id: str, day: date, by: Person, desk: ClaimsDesk) -> None:
    """Raises NotFoundError where neither a split of *day* nor a workload leads *by* there."""
    if must_reach(by, Action.SEE_RESOURCES) is Reach.EVERYWHERE:
        is_seen = desk.grounds.accounts.find(account_id) is not None
    else:
        split = desk.shares.find(account_id)
        revision = split.on(day) if split else None
        products = [product for product, _ in revision.shares] if revision else []
        products += [
            one.product_id
            for one in desk.grounds.workloads.all().values()
            if one.account_id == account_id
        ]
        is_seen = any(by.covers(product) for product in products)
    if not is_seen:
        raise NotFoundError(f"there is no account {account_id} in your financial scope")
