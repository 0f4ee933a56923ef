"""Class policies: who pays a payer's support, tax and other such charges, decided and looked at."""

from datetime import date
from typing import NamedTuple

from finops.domain.audit import Act, Deed
from finops.domain.authorization import Action, Reach, may, must, must_reach
from finops.domain.class_policies import ChargeClass, ClassPolicies, ClassPolicy
from finops.domain.errors import ConflictError
from finops.domain.people import Person
from finops.domain.periods import BillingPeriod
from finops.domain.rule_changes import DecidePolicy
from finops.usecases.grounds import Grounds, everyone, ground
from finops.usecases.ports import Policies, Save


class SeenPolicy(NamedTuple):
    """How a class of a payer's charges goes; *now* is None where it follows the shares.

    *history* is all that was ever decided of it, oldest first; *version* is that of the payer's
    policies together.
    """

    payer: str
    charge_class: ChargeClass
    now: ClassPolicy | None
    history: tuple[ClassPolicy, ...]
    version: int


def seen_policies(
    today: date, *, by: Person, policies: Policies, grounds: Grounds
) -> list[SeenPolicy]:
    """Every class of every payer, in the month of *today*.

    Somebody with a scope sees what was decided, and of what goes whole to one product only theirs.
    """
    reach = must_reach(by, Action.SEE_ALLOCATIONS)
    known = policies.all()
    is_admin = reach is Reach.EVERYWHERE
    payers = {*known, *everyone(grounds).payers} if is_admin else set(known)
    month = str(BillingPeriod.of(today))
    found = []
    for payer in sorted(payers):
        of = known.get(payer) or ClassPolicies(payer=payer)
        for charge_class in ChargeClass:
            if charge_class is ChargeClass.USAGE:
                continue
            one = of.on(charge_class, month)
            history = tuple(
                each
                for each in of.policies
                if each.charge_class is charge_class and _is_seen(each, by)
            )
            if is_admin or (history and (one is None or _is_seen(one, by))):
                found.append(SeenPolicy(payer, charge_class, one, history, of.version))
    return found


def decide_policy(
    change: DecidePolicy,
    version: int,
    *,
    by: Person,
    policies: Policies,
    grounds: Grounds,
    act: Act,
) -> ClassPolicies:
    """A class of a payer's charges goes another way from a month on.

    Raises NotFoundError for a payer of no account, InvalidError for what no policy may be, and
    ConflictError for another *version*.
    """
    must(by, Action.SET_POLICY)
    found = policies.find(change.payer)
    before = found or ClassPolicies(payer=change.payer)
    if before.version != version:
        raise ConflictError("they have changed since you read them: look again", current=before)
    after = change.after(before, ground(by, act.at, grounds=grounds))
    deed = Deed(action="DecidePolicy", event="PolicyDecided")
    return policies.save([Save(found, after, deed)], act)[0]


def _is_seen(policy: ClassPolicy, by: Person) -> bool:
    return policy.product_id is None or may(by, Action.SEE_ALLOCATIONS, policy.product_id)
