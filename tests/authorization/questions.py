"""Every question that the rules can tell apart, about one product and who could answer for it."""

from collections.abc import Mapping
from itertools import product

from finops.domain.authorization import Action
from finops.domain.people import Person, PersonStatus, Role
from tests.authorization.oracle import Case

WEB_SHOP = "retail.digital.storefront.web-shop"
ME, OTHER = "me@example.org", "other@example.org"

# The elements of each role's level on the way down to the web shop.
SCOPES: Mapping[Role, tuple[str, ...]] = {
    Role.FINANCIAL_ADMIN: (),
    Role.VENDOR_MANAGER: (),
    Role.CLOUD_ENGINEER: (),
    Role.BUSINESS_UNIT_OWNER: ("retail",),
    Role.DEPARTMENT_OWNER: ("retail.digital",),
    Role.PORTFOLIO_OWNER: ("retail.digital.storefront",),
    Role.PRODUCT_OWNER: (WEB_SHOP,),
}


def person(role: Role, status: PersonStatus = PersonStatus.ACTIVE) -> Person:
    return Person(email=ME, role=role, scope=SCOPES[role], status=status)


def around(role: Role) -> tuple[str, ...]:
    """The own element, what is below, above and beside it, one that only begins alike, and all."""
    (own,) = SCOPES[role] or (WEB_SHOP,)
    above = own.rpartition(".")[0]
    beside = f"{above}.beside" if above else "beside"
    return tuple(dict.fromkeys((own, f"{own}.below", above, beside, f"{own}-outlet", "")))


def levels(role: Role) -> tuple[int | None, ...]:
    """Not said, the financial admins, the role's own one, and those next to it."""
    own = role.level
    return tuple(dict.fromkeys((None, 0, own, max(own - 1, 0), min(own + 1, 4))))


# Who made what is decided on, and whom it is done to.
OTHERS = ((None, None), (ME, None), (None, ME), (OTHER, OTHER))


def questions(status: PersonStatus = PersonStatus.ACTIVE) -> list[Case]:
    """Role × action × element × level that owes it × who made it, and whom it is done to."""
    return [
        Case(person(role, status), action, element, owed, *others)
        for role, action in product(Role, Action)
        for element, owed, others in product(around(role), levels(role), OTHERS)
    ]
