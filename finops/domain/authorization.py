"""Authorization: who may do what on which element. What this table does not allow is denied.

The same rules are written a second time as Cedar policies in `tests/authorization`, which must
agree on every generated case.
"""

from collections.abc import Mapping
from enum import StrEnum

from finops.domain.elements import ENTERPRISE
from finops.domain.errors import ForbiddenError, NotFoundError
from finops.domain.people import Person, Role


class Action(StrEnum):
    """What somebody may want to do."""

    SEE_ONESELF = "SeeOneself"
    SEE_BILL = "SeeBill"
    START_LOAD = "StartLoad"
    SEE_ELEMENT = "SeeElement"
    SEE_WHOLE_CHART = "SeeWholeChart"
    LOAD_CHART = "LoadChart"
    SEE_PEOPLE = "SeePeople"
    INVITE_PERSON = "InvitePerson"
    CHANGE_ROLE = "ChangeRole"
    CHANGE_SCOPE = "ChangeScope"
    GRANT_ACROSS = "GrantAcross"
    SUSPEND_PERSON = "SuspendPerson"
    PLAN_BUDGET = "PlanBudget"
    DECIDE_BUDGET = "DecideBudget"
    SET_GATE = "SetGate"
    SEE_AUDIT = "SeeAudit"
    VERIFY_AUDIT = "VerifyAudit"
    SEE_ACCOUNTS = "SeeAccounts"
    CHECK_ACCOUNTS = "CheckAccounts"
    SET_ACCOUNT_TYPE = "SetAccountType"
    SEE_ALLOCATIONS = "SeeAllocations"
    SEE_UNALLOCATED = "SeeUnallocated"
    RUN_ALLOCATION = "RunAllocation"
    SET_SHARES = "SetShares"
    SET_POLICY = "SetPolicy"
    SET_CLAIM_RULE = "SetClaimRule"
    SEE_RESOURCES = "SeeResources"
    PLAN_WORKLOAD = "PlanWorkload"
    CLAIM_RESOURCES = "ClaimResources"
    SEE_CREDITS = "SeeCredits"
    GRANT_CREDIT = "GrantCredit"
    SEE_DISCOUNTS = "SeeDiscounts"
    SET_DISCOUNT = "SetDiscount"
    SEE_CARDS = "SeeCards"
    MAKE_CARDS = "MakeCards"
    ANSWER_CARD = "AnswerCard"
    DECIDE_CARD = "DecideCard"
    PROPOSE_REMAP = "ProposeRemap"
    REMAP = "Remap"
    DELEGATE_FOR_OTHERS = "DelegateForOthers"
    SEE_CLOSE = "SeeClose"
    SET_CLOSE_HEADERS = "SetCloseHeaders"
    CLOSE_MONTH = "CloseMonth"
    SEE_CLOSE_FILES = "SeeCloseFiles"
    SEE_CORRECTIONS = "SeeCorrections"
    SEE_SETTINGS = "SeeSettings"
    CHANGE_SETTINGS = "ChangeSettings"
    SEE_REPORTS = "SeeReports"
    SEND_REPORTS = "SendReports"
    SEE_TAGS = "SeeTags"
    SCAN_TAGS = "ScanTags"
    SEE_SAVINGS = "SeeSavings"
    COLLECT_SAVINGS = "CollectSavings"
    APPROVE_SAVING = "ApproveSaving"
    IGNORE_SAVING = "IgnoreSaving"
    IMPLEMENT_SAVING = "ImplementSaving"
    SEE_ALERTS = "SeeAlerts"
    ANSWER_ALERT = "AnswerAlert"


class Reach(StrEnum):
    """How far a right goes."""

    EVERYWHERE = "Everywhere"
    IN_SCOPE = "InScope"
    OWED = "Owed"  # in scope, where a step is owed at the level of the role


ADMINS = (Role.FINANCIAL_ADMIN, Role.VENDOR_MANAGER, Role.CLOUD_ENGINEER)
OWNERS = (
    Role.BUSINESS_UNIT_OWNER,
    Role.DEPARTMENT_OWNER,
    Role.PORTFOLIO_OWNER,
    Role.PRODUCT_OWNER,
)
EVERYBODY = dict.fromkeys(Role, Reach.EVERYWHERE)
ALL_OR_OWN = dict.fromkeys(ADMINS, Reach.EVERYWHERE) | dict.fromkeys(OWNERS, Reach.IN_SCOPE)
# A step is for who owes it; who answers for all budgets may take every one, so that none stands still.
BUDGETS = dict.fromkeys((Role.FINANCIAL_ADMIN, Role.VENDOR_MANAGER), Reach.EVERYWHERE)
PLAN = BUDGETS | dict.fromkeys(OWNERS, Reach.OWED)
DECIDE = BUDGETS | dict.fromkeys(OWNERS[:-1], Reach.OWED)
# Owners say what runs for them; a cloud engineer does it on their behalf.
WORKLOADS = dict.fromkeys((Role.FINANCIAL_ADMIN, Role.CLOUD_ENGINEER), Reach.EVERYWHERE) | {
    Role.PRODUCT_OWNER: Reach.IN_SCOPE
}
# A card's step is for who owes it, in the end for the financial admins.
ANSWER = dict.fromkeys((Role.FINANCIAL_ADMIN, *OWNERS), Reach.OWED)
JUDGE = dict.fromkeys((Role.FINANCIAL_ADMIN, *OWNERS[:-1]), Reach.OWED)
REMAPPERS = {Role.FINANCIAL_ADMIN: Reach.EVERYWHERE, Role.PORTFOLIO_OWNER: Reach.IN_SCOPE}


def _only(*roles: Role) -> dict[Role, Reach]:
    return dict.fromkeys(roles, Reach.EVERYWHERE)


RIGHTS: Mapping[Action, Mapping[Role, Reach]] = {
    Action.SEE_ONESELF: EVERYBODY,
    Action.SEE_BILL: _only(*ADMINS),
    Action.START_LOAD: _only(Role.FINANCIAL_ADMIN, Role.CLOUD_ENGINEER),
    Action.SEE_ELEMENT: ALL_OR_OWN,
    Action.SEE_WHOLE_CHART: _only(*ADMINS),
    Action.LOAD_CHART: _only(Role.FINANCIAL_ADMIN, Role.VENDOR_MANAGER),
    Action.SEE_PEOPLE: ALL_OR_OWN,
    Action.INVITE_PERSON: _only(Role.CLOUD_ENGINEER),
    Action.CHANGE_ROLE: _only(Role.CLOUD_ENGINEER),
    Action.CHANGE_SCOPE: _only(Role.FINANCIAL_ADMIN, Role.CLOUD_ENGINEER),
    Action.GRANT_ACROSS: _only(Role.FINANCIAL_ADMIN),
    Action.SUSPEND_PERSON: _only(Role.CLOUD_ENGINEER),
    Action.PLAN_BUDGET: PLAN,
    Action.DECIDE_BUDGET: DECIDE,
    Action.SET_GATE: BUDGETS | {Role.PORTFOLIO_OWNER: Reach.IN_SCOPE},
    Action.SEE_AUDIT: ALL_OR_OWN,
    Action.VERIFY_AUDIT: _only(Role.FINANCIAL_ADMIN, Role.CLOUD_ENGINEER),
    Action.SEE_ACCOUNTS: _only(*ADMINS),
    Action.CHECK_ACCOUNTS: _only(Role.FINANCIAL_ADMIN, Role.CLOUD_ENGINEER),
    Action.SET_ACCOUNT_TYPE: _only(Role.FINANCIAL_ADMIN, Role.CLOUD_ENGINEER),
    Action.SEE_ALLOCATIONS: ALL_OR_OWN,
    Action.SEE_UNALLOCATED: _only(*ADMINS),
    Action.RUN_ALLOCATION: _only(Role.FINANCIAL_ADMIN, Role.CLOUD_ENGINEER),
    Action.SET_SHARES: _only(Role.FINANCIAL_ADMIN),
    Action.SET_POLICY: _only(Role.FINANCIAL_ADMIN),
    Action.SET_CLAIM_RULE: _only(Role.FINANCIAL_ADMIN, Role.CLOUD_ENGINEER),
    Action.SEE_RESOURCES: ALL_OR_OWN,
    Action.PLAN_WORKLOAD: WORKLOADS,
    Action.CLAIM_RESOURCES: WORKLOADS,
    Action.SEE_CREDITS: ALL_OR_OWN,
    Action.GRANT_CREDIT: _only(Role.FINANCIAL_ADMIN, Role.VENDOR_MANAGER),
    # What was negotiated with the vendor is of those who negotiate, and of who answers for money.
    Action.SEE_DISCOUNTS: _only(Role.FINANCIAL_ADMIN, Role.VENDOR_MANAGER),
    Action.SET_DISCOUNT: _only(Role.FINANCIAL_ADMIN, Role.VENDOR_MANAGER),
    Action.SEE_CARDS: ALL_OR_OWN,
    Action.MAKE_CARDS: _only(Role.FINANCIAL_ADMIN, Role.CLOUD_ENGINEER),
    Action.ANSWER_CARD: ANSWER,
    Action.DECIDE_CARD: JUDGE,
    Action.PROPOSE_REMAP: REMAPPERS | {Role.PRODUCT_OWNER: Reach.IN_SCOPE},
    # A portfolio owner moves cost between products of their own portfolios, and no further.
    Action.REMAP: REMAPPERS,
    Action.DELEGATE_FOR_OTHERS: _only(Role.FINANCIAL_ADMIN, Role.CLOUD_ENGINEER),
    Action.SEE_CLOSE: _only(*ADMINS),
    Action.SET_CLOSE_HEADERS: _only(Role.FINANCIAL_ADMIN, Role.VENDOR_MANAGER),
    Action.CLOSE_MONTH: _only(Role.FINANCIAL_ADMIN),
    # A business unit gets the rows of planning that are its own.
    Action.SEE_CLOSE_FILES: _only(Role.FINANCIAL_ADMIN, Role.VENDOR_MANAGER)
    | {Role.BUSINESS_UNIT_OWNER: Reach.IN_SCOPE},
    Action.SEE_CORRECTIONS: ALL_OR_OWN,
    Action.SEE_SETTINGS: _only(*ADMINS),
    Action.CHANGE_SETTINGS: _only(Role.FINANCIAL_ADMIN),
    Action.SEE_REPORTS: ALL_OR_OWN,
    Action.SEND_REPORTS: _only(Role.FINANCIAL_ADMIN),
    Action.SEE_TAGS: ALL_OR_OWN,
    Action.SCAN_TAGS: _only(Role.FINANCIAL_ADMIN, Role.CLOUD_ENGINEER),
    Action.SEE_SAVINGS: ALL_OR_OWN,
    Action.COLLECT_SAVINGS: _only(Role.FINANCIAL_ADMIN, Role.CLOUD_ENGINEER),
    # Finance says what is to be saved; who runs a resource says why it is not, or does it.
    Action.APPROVE_SAVING: _only(Role.FINANCIAL_ADMIN, Role.VENDOR_MANAGER),
    Action.IGNORE_SAVING: _only(Role.FINANCIAL_ADMIN, Role.VENDOR_MANAGER)
    | dict.fromkeys(OWNERS, Reach.IN_SCOPE),
    Action.IMPLEMENT_SAVING: WORKLOADS,
    Action.SEE_ALERTS: ALL_OR_OWN,
    Action.ANSWER_ALERT: dict.fromkeys(
        (Role.FINANCIAL_ADMIN, Role.CLOUD_ENGINEER), Reach.EVERYWHERE
    )
    | dict.fromkeys(OWNERS, Reach.IN_SCOPE),
}
# The level whose step an action is, while that level has a holder.
NATURAL_LEVEL: Mapping[Action, int] = {
    Action.PLAN_BUDGET: 4,
    Action.DECIDE_BUDGET: 3,
    Action.ANSWER_CARD: 4,
    Action.DECIDE_CARD: 3,
}
# What nobody does to what they submitted, asked for, stated or accepted themselves.
OF_TWO_PEOPLE = frozenset({Action.DECIDE_BUDGET, Action.DECIDE_CARD, Action.REMAP})
# What nobody does to themselves.
OF_OTHERS = frozenset(
    {Action.CHANGE_ROLE, Action.CHANGE_SCOPE, Action.GRANT_ACROSS, Action.SUSPEND_PERSON}
)


def reach(person: Person, action: Action) -> Reach | None:
    """How far *person* may do *action*; None: nowhere. Nobody does anything while suspended."""
    if person.is_suspended:
        return None
    return RIGHTS.get(action, {}).get(person.role)


def may(
    person: Person,
    action: Action,
    element: str = ENTERPRISE,
    *,
    owed_at: int | None = None,
    author: str | None = None,
    subject: str | None = None,
) -> bool:
    """Whether *person* may do *action* on *element*.

    *owed_at* is the level that owes the step (`people.owed_at`), *author* who made what is being
    decided, *subject* the person it is done to; people are named by their mail address.
    """
    if action in OF_TWO_PEOPLE and author is not None and author == person.email:
        return False
    if action in OF_OTHERS and subject == person.email:
        return False
    match reach(person, action):
        case Reach.EVERYWHERE:
            return True
        case Reach.IN_SCOPE:
            return person.covers(element)
        case Reach.OWED:
            return owed_at == person.role.level and person.covers(element)
        case None:
            return False


def must(
    person: Person,
    action: Action,
    element: str = ENTERPRISE,
    *,
    owed_at: int | None = None,
    author: str | None = None,
    subject: str | None = None,
) -> None:
    """Nothing, where *person* may. Raises ForbiddenError; NotFoundError for an element out of sight."""
    if element != ENTERPRISE and not may(person, Action.SEE_ELEMENT, element):
        raise NotFoundError(f"there is no {element} in your financial scope")
    if may(person, action, element, owed_at=owed_at, author=author, subject=subject):
        return
    if person.is_suspended:
        raise ForbiddenError(_for_whom(person, action))
    if action in OF_TWO_PEOPLE and author == person.email:
        raise ForbiddenError("nobody decides what they submitted themselves: somebody else must")
    if action in OF_OTHERS and subject == person.email:
        raise ForbiddenError("nobody changes their own role, scope or status: somebody else must")
    if action in NATURAL_LEVEL and person.role in RIGHTS.get(action, {}):
        owing = f"the holder at level E{owed_at}" if owed_at else "a financial admin"
        raise ForbiddenError(f"this step is owed by {owing}, not by a {person.role}")
    raise ForbiddenError(_for_whom(person, action))


def must_reach(person: Person, action: Action) -> Reach:
    """How far *person* may do *action*. Raises ForbiddenError where it is nowhere."""
    found = reach(person, action)
    if found is None:
        raise ForbiddenError(_for_whom(person, action))
    return found


def _for_whom(person: Person, action: Action) -> str:
    if person.is_suspended:
        return f"{person.email} is suspended; a cloud engineer restores people"
    rights = RIGHTS.get(action, {})
    if rights.get(person.role) is Reach.IN_SCOPE:
        return f"{action.value} is for what lies in your financial scope"
    roles = sorted(rights)
    return f"{action.value} is for {', '.join(roles) or 'nobody'}; ask an administrator"
