"""People: recognized, invited, remapped, suspended, one by one and by a file."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from finops.domain.audit import Deed, findings
from finops.domain.errors import (
    ConflictError,
    FinOpsError,
    ForbiddenError,
    InvalidError,
    NotFoundError,
)
from finops.domain.people import Person, PersonStatus, Role
from finops.usecases.people import (
    COLUMNS,
    STEP,
    PeopleReport,
    SignIn,
    Wanted,
    invite,
    load_people,
    recognize,
    remap,
    remind,
    restore,
    seen_people,
    seen_person,
    suspend,
)
from finops.usecases.ports import Save
from finops.usecases.sign_ins import keep_sign_in
from tests.usecases.organisation import (
    CHECKOUT,
    LOANS,
    NOW,
    SEARCH,
    STOREFRONT,
    WEB_SHOP,
    WHO,
    Organisation,
    act,
    sign_in,
)

ADA = "ada@example.com"
GROUPS = {"Finance Team": Role.FINANCIAL_ADMIN, "Cloud": Role.CLOUD_ENGINEER}
INVITED, ACTIVE, SUSPENDED = PersonStatus
INVITE = Deed(action="Invite")


@pytest.fixture
def organisation() -> Organisation:
    made = Organisation()
    made.drop()
    return made


@pytest.fixture
def staff(organisation: Organisation) -> dict[Role, Person]:
    return organisation.staff()


def hello(
    organisation: Organisation, email: str = ADA, *groups: str, vouched: tuple[str, ...] = ()
) -> Person:
    """Somebody comes, of these groups in the pool, and of others at their identity provider."""
    return recognize(
        SignIn(email, sign_in(email), groups, vouched),
        group_roles=GROUPS,
        people=organisation.people,
        act=act(email),
    )


# Recognized ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("role", Role)
def test_who_is_seen_for_the_first_time_gets_the_role_of_their_group(
    organisation: Organisation, role: Role
) -> None:
    person = hello(organisation, "Ada@Example.com", "others", role.value)

    assert (person.email, person.role, person.scope, person.status) == (ADA, role, (), ACTIVE)
    [record] = organisation.audit.chain(f"person#{ADA}")
    assert (record.action, record.actor) == ("Recognize", ADA)


def test_a_group_of_the_identity_provider_is_mapped(organisation: Organisation) -> None:
    person = hello(organisation, ADA, vouched=("others", "Finance Team"))

    assert person.role is Role.FINANCIAL_ADMIN


@pytest.mark.parametrize(
    "groups, vouched",
    [
        (("Finance Team",), ()),  # a group of the pool has no other name than a role's
        ((), tuple(Role)),  # whoever names groups there gives no role here
        ((), ("finance team", "FINANCE TEAM", "Finance", "Team")),
    ],
)
def test_a_group_that_gives_no_role_makes_nobody_known(
    organisation: Organisation, groups: tuple[str, ...], vouched: tuple[str, ...]
) -> None:
    with pytest.raises(ForbiddenError, match="is not known here"):
        hello(organisation, ADA, *groups, vouched=vouched)
    assert organisation.people.find(ADA) is None


@pytest.mark.parametrize(
    "groups, vouched, role",
    [
        (("cloud_engineer", "financial_admin"), (), Role.FINANCIAL_ADMIN),
        (("product_owner", "cloud_engineer"), (), Role.CLOUD_ENGINEER),
        (("product_owner",), ("Cloud",), Role.CLOUD_ENGINEER),
        (("vendor_manager",), ("Cloud", "others"), Role.VENDOR_MANAGER),
        ((), ("Cloud", "Finance Team"), Role.FINANCIAL_ADMIN),
    ],
)
def test_of_several_groups_the_role_that_is_named_first_counts(
    organisation: Organisation, groups: tuple[str, ...], vouched: tuple[str, ...], role: Role
) -> None:
    assert hello(organisation, ADA, *groups, vouched=vouched).role is role


def test_from_then_on_the_record_counts_whatever_the_token_says(organisation: Organisation) -> None:
    organisation.hire(ADA, Role.PRODUCT_OWNER, [WEB_SHOP])

    person = hello(organisation, ADA, "financial_admin")

    assert (person.role, person.scope) == (Role.PRODUCT_OWNER, (WEB_SHOP,))


def test_who_comes_in_another_way_is_the_same_person(organisation: Organisation) -> None:
    organisation.hire(ADA, Role.PRODUCT_OWNER, [WEB_SHOP])
    again = recognize(
        SignIn(ADA, "federated", ()), group_roles={}, people=organisation.people, act=act(ADA)
    )

    assert again.sign_ins == (sign_in(ADA), "federated")


def test_who_changed_their_address_is_nobody_new(organisation: Organisation) -> None:
    """Else whoever is suspended would be back under another address."""
    organisation.hire(ADA, Role.PRODUCT_OWNER, status=SUSPENDED)

    with pytest.raises(ForbiddenError, match="your mail address has changed"):
        recognize(
            SignIn("eve@example.com", sign_in(ADA), ("financial_admin",)),
            group_roles=GROUPS,
            people=organisation.people,
            act=act("eve@example.com"),
        )


def test_who_nobody_knows_is_nobody(organisation: Organisation) -> None:
    for groups in ((), ("financial_admins",), ("FINANCIAL_ADMIN",)):
        with pytest.raises(ForbiddenError, match="ask a cloud engineer for an invitation"):
            hello(organisation, ADA, *groups)
    assert organisation.people.find(ADA) is None


def test_who_was_invited_has_come(organisation: Organisation) -> None:
    organisation.hire(ADA, Role.PRODUCT_OWNER, [WEB_SHOP], INVITED)

    assert hello(organisation).status is ACTIVE
    assert hello(organisation).version == 2
    newest = list(organisation.audit.chain(f"person#{ADA}"))[-1]
    assert newest.event == "PersonArrived"


def test_who_is_suspended_is_told_so_whatever_their_group(organisation: Organisation) -> None:
    organisation.hire(ADA, Role.FINANCIAL_ADMIN, status=SUSPENDED)

    with pytest.raises(ForbiddenError, match="is suspended"):
        hello(organisation, ADA, "financial_admin")


@pytest.mark.parametrize("is_known", [False, True])
def test_two_first_requests_at_once_make_one_record(
    organisation: Organisation, is_known: bool
) -> None:
    if is_known:
        organisation.hire(ADA, Role.CLOUD_ENGINEER, status=INVITED)
    organisation.records.meanwhile.append(lambda: hello(organisation, ADA, "cloud_engineer"))

    person = hello(organisation, ADA, "cloud_engineer")

    assert person == organisation.people.find(ADA)
    assert person.version == 1 + is_known


def test_an_address_that_is_none_is_refused(organisation: Organisation) -> None:
    with pytest.raises(InvalidError):
        hello(organisation, "not an address", "financial_admin")


# Seen ---------------------------------------------------------------------------------------------


def test_people_see_those_who_answer_for_less(
    organisation: Organisation, staff: dict[Role, Person]
) -> None:
    organisation.hire("loans@example.com", Role.PRODUCT_OWNER, [LOANS])

    def seen(role: Role) -> set[str]:
        found = seen_people(by=staff[role], people=organisation.people)
        return {one.email.partition("@")[0] for one in found}

    assert len(seen(Role.CLOUD_ENGINEER)) == 8
    assert seen(Role.BUSINESS_UNIT_OWNER) == {"unit", "department", "portfolio", "product"}
    assert seen(Role.PORTFOLIO_OWNER) == {"portfolio", "product"}
    assert seen(Role.PRODUCT_OWNER) == {"product"}


def test_who_has_a_part_of_their_scope_elsewhere_is_not_seen(organisation: Organisation) -> None:
    organisation.hire("both@example.com", Role.PRODUCT_OWNER, [WEB_SHOP, LOANS])
    by = organisation.hire("unit@example.com", Role.BUSINESS_UNIT_OWNER, ["retail"])

    with pytest.raises(NotFoundError, match="in your financial scope"):
        seen_person("both@example.com", by=by, people=organisation.people)


@pytest.mark.parametrize("role", [Role.FINANCIAL_ADMIN, Role.VENDOR_MANAGER, Role.CLOUD_ENGINEER])
def test_an_owner_without_a_scope_yet_is_seen_by_who_looks_after_people(
    organisation: Organisation, role: Role
) -> None:
    hello(organisation, ADA, "product_owner")
    by = organisation.hire("by@example.com", role)

    assert seen_person(ADA, by=by, people=organisation.people).scope == ()
    assert ADA in [one.email for one in seen_people(by=by, people=organisation.people)]


def test_an_owner_without_a_scope_is_seen_by_no_other_owner(organisation: Organisation) -> None:
    hello(organisation, ADA, "product_owner")
    by = organisation.hire("unit@example.com", Role.BUSINESS_UNIT_OWNER, ["retail"])

    assert [one.email for one in seen_people(by=by, people=organisation.people)] == [by.email]


# Invited ------------------------------------------------------------------------------------------


def _invite(organisation: Organisation, by: Person, wanted: Wanted) -> Person:
    return invite(
        wanted, by=by, people=organisation.people, charts=organisation.charts, act=act(by.email)
    )


OWNER = Wanted(email=" Ada@Example.com", role=Role.PRODUCT_OWNER, scope=(WEB_SHOP, SEARCH))


def test_somebody_is_invited_with_a_role_and_a_scope(
    organisation: Organisation, staff: dict[Role, Person]
) -> None:
    person = _invite(organisation, staff[Role.CLOUD_ENGINEER], OWNER)

    assert (person.email, person.status, person.scope) == (ADA, INVITED, (SEARCH, WEB_SHOP))
    [record] = organisation.audit.chain(f"person#{ADA}")
    assert (record.action, record.event, record.element) == ("Invite", "PersonInvited", STOREFRONT)


@pytest.mark.parametrize("role", [role for role in Role if role is not Role.CLOUD_ENGINEER])
@pytest.mark.parametrize("is_known", [False, True])
def test_nobody_but_a_cloud_engineer_invites_or_learns_who_is_known(
    organisation: Organisation, staff: dict[Role, Person], role: Role, is_known: bool
) -> None:
    known = staff[Role.PRODUCT_OWNER]
    wanted = Wanted(email=known.email, role=known.role, scope=known.scope) if is_known else OWNER
    before = len(organisation.records)

    with pytest.raises(ForbiddenError):
        _invite(organisation, staff[role], wanted)

    assert len(organisation.records) == before


@pytest.mark.parametrize(
    "fields, error, told",
    [
        ({"email": "ada"}, InvalidError, "is no mail address"),
        ({"role": Role.FINANCIAL_ADMIN}, InvalidError, "leave the scope empty"),
        ({"scope": ("retail",)}, InvalidError, "is of level E1"),
        ({"scope": (f"{STOREFRONT}.nothing",)}, InvalidError, "no element of any chart"),
        ({"scope": (WEB_SHOP, CHECKOUT)}, InvalidError, "only a financial admin grants across"),
        ({"email": "product@example.com"}, ConflictError, "is known already"),
    ],
)
def test_an_invitation_that_cannot_be_is_refused_and_nothing_is_written(
    organisation: Organisation,
    staff: dict[Role, Person],
    fields: dict[str, object],
    error: type[FinOpsError],
    told: str,
) -> None:
    before = len(organisation.records)

    with pytest.raises(error, match=told):
        _invite(organisation, staff[Role.CLOUD_ENGINEER], OWNER.model_copy(update=fields))

    assert len(organisation.records) == before


def test_a_conflict_tells_who_is_there(
    organisation: Organisation, staff: dict[Role, Person]
) -> None:
    with pytest.raises(ConflictError) as told:
        _invite(
            organisation,
            staff[Role.CLOUD_ENGINEER],
            Wanted(email="product@example.com", role=Role.VENDOR_MANAGER),
        )

    assert told.value.members["current"] == staff[Role.PRODUCT_OWNER]


# Remapped -----------------------------------------------------------------------------------------


def _remap(
    organisation: Organisation, by: Person, of: Person, version: int | None = None, **fields: object
) -> Person:
    said = {"email": of.email, "role": of.role, "scope": of.scope, "name": of.name}
    return remap(
        Wanted.model_validate(said | fields),
        of.version if version is None else version,
        by=by,
        people=organisation.people,
        charts=organisation.charts,
        act=act(by.email, reason="moved"),
    )


def test_a_financial_admin_grants_across_parents_and_it_is_on_record(
    organisation: Organisation, staff: dict[Role, Person]
) -> None:
    person = _remap(
        organisation,
        staff[Role.FINANCIAL_ADMIN],
        staff[Role.PRODUCT_OWNER],
        scope=(WEB_SHOP, CHECKOUT),
    )

    assert person.scope == (CHECKOUT, WEB_SHOP)
    newest = list(organisation.audit.chain(f"person#{person.email}"))[-1]
    assert (newest.action, newest.actor, newest.reason) == ("Remap", "fin@example.com", "moved")


def test_what_changes_nothing_is_not_written(
    organisation: Organisation, staff: dict[Role, Person]
) -> None:
    before = len(organisation.records)
    of = staff[Role.PRODUCT_OWNER]

    assert _remap(organisation, staff[Role.CLOUD_ENGINEER], of) == of
    assert len(organisation.records) == before


@pytest.mark.parametrize(
    "said, kept", [(None, "Ada"), ("Ada", "Ada"), ("Ada L.", "Ada L."), ("", None), ("  ", None)]
)
def test_a_name_that_is_not_said_stays_and_an_empty_one_goes(
    organisation: Organisation, staff: dict[Role, Person], said: str | None, kept: str | None
) -> None:
    by = staff[Role.CLOUD_ENGINEER]
    of = _remap(organisation, by, staff[Role.PRODUCT_OWNER], name="Ada")
    before = len(organisation.records)

    after = _remap(organisation, by, of, name=said)

    assert after.name == kept
    assert (len(organisation.records) == before) is (kept == "Ada")


def test_who_may_not_change_a_name_moves_somebody_without_saying_it(
    organisation: Organisation, staff: dict[Role, Person]
) -> None:
    of = organisation.people.save(
        [Save(None, Person(email=ADA, role=Role.PRODUCT_OWNER, name="Ada"), INVITE)], act()
    )[0]
    after = _remap(organisation, staff[Role.FINANCIAL_ADMIN], of, name=None, scope=(SEARCH,))

    assert (after.name, after.scope) == ("Ada", (SEARCH,))


OWN = ("cloud+admin@example.com", "CLOUD+2@Example.com", "cloud+@example.com")


@pytest.mark.parametrize("email", OWN)
@pytest.mark.parametrize("is_known", [False, True])
def test_nobody_gives_rights_to_their_own_mailbox_under_another_name(
    organisation: Organisation, staff: dict[Role, Person], email: str, is_known: bool
) -> None:
    by = staff[Role.CLOUD_ENGINEER]
    if is_known:
        organisation.hire(email.lower(), Role.PRODUCT_OWNER, [WEB_SHOP])
    before = len(organisation.records)
    wanted = Wanted(email=email, role=Role.FINANCIAL_ADMIN)

    with pytest.raises(InvalidError, match="is your own mailbox: somebody else must"):
        _invite(organisation, by, wanted)
    if is_known:
        of = seen_person(email, by=by, people=organisation.people)
        with pytest.raises(InvalidError, match="is your own mailbox"):
            _remap(organisation, by, of, role=Role.FINANCIAL_ADMIN, scope=())
    assert len(organisation.records) == before


def test_who_signs_in_by_a_plus_address_does_not_change_the_plain_one(
    organisation: Organisation,
) -> None:
    by = organisation.hire("cloud+b@example.com", Role.CLOUD_ENGINEER)

    for email in ("cloud@example.com", "cloud+a@example.com"):
        with pytest.raises(InvalidError, match="is your own mailbox"):
            _invite(organisation, by, Wanted(email=email, role=Role.VENDOR_MANAGER))


def test_a_plus_address_of_somebody_else_is_somebody(
    organisation: Organisation, staff: dict[Role, Person]
) -> None:
    for email in ("ada+1@example.com", "cloud+1@example.org", "cloudy+1@example.com"):
        wanted = Wanted(email=email, role=Role.VENDOR_MANAGER)
        assert _invite(organisation, staff[Role.CLOUD_ENGINEER], wanted).email == email


RIGHTS_NEEDED = [
    (Role.CLOUD_ENGINEER, {"role": Role.VENDOR_MANAGER, "scope": ()}, True),
    (Role.CLOUD_ENGINEER, {"scope": (SEARCH,)}, True),
    (Role.CLOUD_ENGINEER, {"name": "Ada"}, True),
    (Role.FINANCIAL_ADMIN, {"scope": (SEARCH,)}, True),
    (Role.FINANCIAL_ADMIN, {"role": Role.VENDOR_MANAGER, "scope": ()}, False),
    (Role.FINANCIAL_ADMIN, {"name": "Ada"}, False),
    (Role.VENDOR_MANAGER, {"scope": (SEARCH,)}, False),
    (Role.PORTFOLIO_OWNER, {"scope": (SEARCH,)}, False),
    (Role.PORTFOLIO_OWNER, {"name": "Ada"}, False),
    (Role.PRODUCT_OWNER, {"scope": (SEARCH,)}, False),
    (Role.PRODUCT_OWNER, {"name": "Ada"}, True),  # oneself
]


@pytest.mark.parametrize("role, fields, is_allowed", RIGHTS_NEEDED)
def test_a_role_a_scope_and_a_name_are_changed_by_those_who_may(
    organisation: Organisation,
    staff: dict[Role, Person],
    role: Role,
    fields: dict[str, Any],
    is_allowed: bool,
) -> None:
    of = staff[Role.PRODUCT_OWNER]
    if is_allowed:
        changed = _remap(organisation, staff[role], of, **fields)
        assert {name: getattr(changed, name) for name in fields} == fields
    else:
        with pytest.raises(ForbiddenError):
            _remap(organisation, staff[role], of, **fields)
        assert organisation.people.find(of.email) == of


@pytest.mark.parametrize("role", [Role.CLOUD_ENGINEER, Role.FINANCIAL_ADMIN])
def test_nobody_changes_their_own_role_or_scope(
    organisation: Organisation, staff: dict[Role, Person], role: Role
) -> None:
    with pytest.raises(ForbiddenError):
        _remap(organisation, staff[role], staff[role], role=Role.PRODUCT_OWNER, scope=(WEB_SHOP,))


def test_who_changed_meanwhile_is_told_with_what_is_there(
    organisation: Organisation, staff: dict[Role, Person]
) -> None:
    of, by = staff[Role.PRODUCT_OWNER], staff[Role.CLOUD_ENGINEER]
    now = _remap(organisation, by, of, scope=(SEARCH,))

    with pytest.raises(ConflictError) as told:
        _remap(organisation, by, of, scope=())

    assert told.value.members["current"] == now


def test_of_two_who_change_somebody_at_once_one_is_told(
    organisation: Organisation, staff: dict[Role, Person]
) -> None:
    of, by = staff[Role.PRODUCT_OWNER], staff[Role.CLOUD_ENGINEER]
    organisation.records.meanwhile.append(lambda: _remap(organisation, by, of, scope=(SEARCH,)))

    with pytest.raises(ConflictError) as told:
        _remap(organisation, by, of, name="Ada")

    assert told.value.members["current"].scope == (SEARCH,)


def test_a_scope_that_was_granted_across_stays_where_only_the_name_changes(
    organisation: Organisation, staff: dict[Role, Person]
) -> None:
    of = organisation.hire(ADA, Role.PRODUCT_OWNER, [WEB_SHOP, LOANS])

    assert _remap(organisation, staff[Role.CLOUD_ENGINEER], of, name="Ada").name == "Ada"


# Suspended, restored, reminded --------------------------------------------------------------------

Change = Callable[..., Person]


@pytest.mark.parametrize("role", Role)
@pytest.mark.parametrize(
    "change, status", [(suspend, ACTIVE), (restore, SUSPENDED), (remind, INVITED)]
)
def test_only_a_cloud_engineer_suspends_restores_and_reminds(
    organisation: Organisation,
    staff: dict[Role, Person],
    role: Role,
    change: Change,
    status: PersonStatus,
) -> None:
    of = organisation.hire(ADA, Role.PRODUCT_OWNER, [WEB_SHOP], status)
    by = staff[role]

    def done() -> Person:
        return change(of.email, of.version, by=by, people=organisation.people, act=act(by.email))

    if role is Role.CLOUD_ENGINEER:
        after = done()
        assert after.version == 2
        assert after.status is {suspend: SUSPENDED, restore: ACTIVE, remind: INVITED}[change]
        records = list(organisation.audit.chain(f"person#{ADA}"))
        assert findings(f"person#{ADA}", records, after) == []
    else:
        with pytest.raises((ForbiddenError, NotFoundError)):
            done()
        assert organisation.people.find(ADA) == of


@pytest.mark.parametrize(
    "change, status, told",
    [
        (suspend, SUSPENDED, "is suspended already"),
        (restore, ACTIVE, "is not suspended"),
        (remind, ACTIVE, "only an invitation is sent again"),
        (remind, SUSPENDED, "only an invitation is sent again"),
    ],
)
def test_a_step_that_does_not_fit_is_told_with_what_is_there(
    organisation: Organisation,
    staff: dict[Role, Person],
    change: Change,
    status: PersonStatus,
    told: str,
) -> None:
    of = organisation.hire(ADA, Role.PRODUCT_OWNER, [WEB_SHOP], status)

    with pytest.raises(ConflictError, match=told) as error:
        change(ADA, 1, by=staff[Role.CLOUD_ENGINEER], people=organisation.people, act=act())

    assert error.value.members["current"] == of


@pytest.mark.parametrize("change", [suspend, restore, remind])
def test_a_step_from_an_old_version_is_refused(
    organisation: Organisation, staff: dict[Role, Person], change: Change
) -> None:
    by = staff[Role.CLOUD_ENGINEER]

    with pytest.raises(ConflictError, match="changed since you read it"):
        change("product@example.com", 7, by=by, people=organisation.people, act=act())
    with pytest.raises(NotFoundError):
        change("nobody@example.com", 0, by=by, people=organisation.people, act=act())


def test_nobody_suspends_themselves(organisation: Organisation, staff: dict[Role, Person]) -> None:
    by = staff[Role.CLOUD_ENGINEER]

    with pytest.raises(ForbiddenError, match="nobody changes their own"):
        suspend(by.email, 1, by=by, people=organisation.people, act=act())


def test_who_was_invited_and_suspended_is_invited_once_restored(
    organisation: Organisation, staff: dict[Role, Person]
) -> None:
    organisation.hire(ADA, Role.PRODUCT_OWNER, [WEB_SHOP], INVITED)
    by, people = staff[Role.CLOUD_ENGINEER], organisation.people
    suspend(ADA, 1, by=by, people=people, act=act())

    assert restore(ADA, 2, by=by, people=people, act=act()).status is INVITED


# Sign-ins -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "status, event, allowed, mails",
    [
        (INVITED, "PersonInvited", True, 1),
        (INVITED, "PersonReminded", True, 1),
        (INVITED, "PersonRestored", True, 1),
        (ACTIVE, "PersonRestored", True, 0),
        (ACTIVE, "PersonInvited", True, 0),  # it came late: the record counts
        (SUSPENDED, "PersonSuspended", False, 0),
        (SUSPENDED, "PersonInvited", False, 0),  # late too
    ],
)
def test_a_sign_in_is_what_the_record_says_now(
    organisation: Organisation,
    status: PersonStatus,
    event: str,
    allowed: bool,
    mails: int,
) -> None:
    organisation.hire(ADA, Role.CLOUD_ENGINEER, status=status)
    sign_ins = organisation.sign_ins
    name = ADA if status is INVITED else sign_in(ADA)
    if status is not INVITED:
        sign_ins.allowed[name] = status is SUSPENDED  # as it was before

    told = keep_sign_in(ADA, event, people=organisation.people, sign_ins=sign_ins)

    assert (told, sign_ins.allowed.get(name), len(sign_ins.invited)) == (status, allowed, mails)


def test_who_has_no_record_gets_no_sign_in(organisation: Organisation) -> None:
    sign_ins = organisation.sign_ins

    assert keep_sign_in(ADA, "PersonInvited", people=organisation.people, sign_ins=sign_ins) is None
    assert sign_ins.allowed == {}


def test_nobody_is_invited_under_the_pools_own_name_for_them(organisation: Organisation) -> None:
    """It is no address, and their sign-in may be gone from the pool."""
    organisation.hire(ADA, Role.CLOUD_ENGINEER)
    sign_ins = organisation.sign_ins

    keep_sign_in(ADA, "PersonRestored", people=organisation.people, sign_ins=sign_ins)

    assert (sign_ins.invited, sign_ins.allowed) == ([], {})


@pytest.mark.parametrize("status, is_allowed", [(SUSPENDED, False), (ACTIVE, True)])
def test_every_sign_in_of_somebody_is_forbidden_and_allowed_together(
    organisation: Organisation, status: PersonStatus, is_allowed: bool
) -> None:
    """By all of the pool's names for them, and by their address, under which they were invited."""
    person = organisation.hire(ADA, Role.CLOUD_ENGINEER, status=status)
    names = ("sub-1", "federated_ada")
    organisation.records.states[f"person#{ADA}"] = person.changed(sign_ins=names)
    sign_ins = organisation.sign_ins
    sign_ins.allowed = dict.fromkeys((*names, ADA, "eve"), not is_allowed)

    keep_sign_in(ADA, "PersonSuspended", people=organisation.people, sign_ins=sign_ins)

    assert sign_ins.allowed == dict.fromkeys((*names, ADA), is_allowed) | {"eve": not is_allowed}


def test_who_is_restored_before_they_ever_came_may_sign_in_again(
    organisation: Organisation,
) -> None:
    organisation.hire(ADA, Role.CLOUD_ENGINEER, status=INVITED)
    sign_ins = organisation.sign_ins
    sign_ins.allowed = {ADA: False}

    keep_sign_in(ADA, "PersonRestored", people=organisation.people, sign_ins=sign_ins)

    assert (sign_ins.allowed, sign_ins.invited) == ({ADA: True}, [])


# In bulk ------------------------------------------------------------------------------------------

HEADER = ",".join(COLUMNS)
ROWS = f"""{HEADER}
ada@example.com,product_owner,{WEB_SHOP};{SEARCH},Ada
bob@example.com,Portfolio Owner,{STOREFRONT},
cyd@example.com,vendor_manager,,"Cyd, Ph.D."
"""


def _load(
    organisation: Organisation, by: Person, text: str, *, dry_run: bool = False
) -> PeopleReport:
    return load_people(
        text,
        dry_run=dry_run,
        by=by,
        people=organisation.people,
        charts=organisation.charts,
        act=act(by.email),
    )


def test_a_file_invites_all_that_it_names(
    organisation: Organisation, staff: dict[Role, Person]
) -> None:
    by = staff[Role.CLOUD_ENGINEER]
    dry = _load(organisation, by, ROWS, dry_run=True)
    assert organisation.people.find(ADA) is None

    report = _load(organisation, by, "\ufeff" + ROWS.replace("\n", "\r\n"))

    assert report.invited == (ADA, "bob@example.com", "cyd@example.com")
    assert (dry.applied, report.applied, report.rows) == (False, True, 3)
    assert dry.invited == report.invited
    found = {person.email: person for person in organisation.people.all()}
    assert found[ADA].scope == (SEARCH, WEB_SHOP)
    assert (found["bob@example.com"].role, found["cyd@example.com"].name) == (
        Role.PORTFOLIO_OWNER,
        "Cyd, Ph.D.",
    )


def test_the_same_people_file_twice_changes_nobody(
    organisation: Organisation, staff: dict[Role, Person]
) -> None:
    by = staff[Role.CLOUD_ENGINEER]
    _load(organisation, by, ROWS)
    before = len(organisation.records)
    report = _load(organisation, by, ROWS)

    assert (report.invited, report.remapped, len(report.unchanged)) == ((), (), 3)
    assert len(organisation.records) == before


def test_a_file_remaps_whom_it_names_otherwise(
    organisation: Organisation, staff: dict[Role, Person]
) -> None:
    report = _load(
        organisation,
        staff[Role.FINANCIAL_ADMIN],
        f"scope,role,email\n{SEARCH};{LOANS},product_owner,PRODUCT@example.com\n",
    )

    assert report.remapped == ("product@example.com",)
    person = organisation.people.find("product@example.com")
    assert person is not None
    assert person.scope == (LOANS, SEARCH)


@pytest.mark.parametrize(
    "row, column, told",
    [
        ("ada,product_owner,", "email", "is no mail address"),
        (",product_owner,", "email", "is no mail address"),
        ("ada@example.com,king,", "role", "is no role"),
        ("ada@example.com,,", "role", "is no role"),
        ("ada@example.com,product_owner,retail", None, "is of level E1"),
        ("ada@example.com,vendor_manager,retail", None, "leave the scope empty"),
        ("ada@example.com,product_owner,retail.x.y.z", None, "no element of any chart"),
        (f"ada@example.com,product_owner,{WEB_SHOP};{LOANS}", None, "grants across parents"),
        ("ada@example.com,product_owner", None, "2 columns where the header has 3"),
        ("BOB@example.com,vendor_manager,", "email", "in row 2 already"),
        ("cloud@example.com,product_owner,", None, "nobody changes their own"),
        ("cloud+1@example.com,financial_admin,", None, "is your own mailbox"),
        ('"ada@example.com,vendor_manager,', None, "no CSV"),
    ],
)
def test_each_wrong_row_is_told_and_nobody_is_changed(
    organisation: Organisation,
    staff: dict[Role, Person],
    row: str,
    column: str | None,
    told: str,
) -> None:
    before = len(organisation.records)
    text = f"email,role,scope\nbob@example.com,vendor_manager,\n{row}\n"
    report = _load(organisation, staff[Role.CLOUD_ENGINEER], text)

    [error] = report.errors
    assert (error.row, error.column) == (3, column)
    assert told in error.detail
    assert not report.applied
    assert len(organisation.records) == before


def test_a_file_that_says_no_name_takes_none_away(
    organisation: Organisation, staff: dict[Role, Person]
) -> None:
    by = staff[Role.CLOUD_ENGINEER]
    _load(organisation, by, ROWS)
    without = "\n".join(line.rpartition(",")[0] for line in ROWS.split("\n")[:2]) + "\n"
    empty = ROWS.replace(",Ada\n", ",\n")

    for text in (without, empty):
        assert ADA in _load(organisation, by, text).unchanged
    person = organisation.people.find(ADA)
    assert person is not None
    assert person.name == "Ada"


def test_a_file_that_meets_another_change_at_once_says_that_nothing_is_made(
    organisation: Organisation, staff: dict[Role, Person]
) -> None:
    organisation.records.meanwhile.append(lambda: organisation.hire(ADA, Role.VENDOR_MANAGER))

    with pytest.raises(ConflictError, match="0 of 3 changes are made"):
        _load(organisation, staff[Role.CLOUD_ENGINEER], ROWS)

    assert organisation.people.find("bob@example.com") is None


def test_all_wrong_rows_are_told_by_row(
    organisation: Organisation, staff: dict[Role, Person]
) -> None:
    text = "email,role,scope\nx,product_owner,\n\na@example.com,king,\nb@example.com\n"

    report = _load(organisation, staff[Role.CLOUD_ENGINEER], text)

    assert [error.row for error in report.errors] == [2, 4, 5]


@pytest.mark.parametrize(
    "text, told",
    [
        ("", "the file is empty"),
        ("\n\n", "the file is empty"),
        ("email;role;scope\n", "separated by semicolons"),
        ("email,role\n", "the header lacks scope"),
        ("email,role,scope,salary\n", "the header names salary"),
        ("email,role,scope,email\n", "names a column twice"),
    ],
)
def test_a_file_that_is_none_of_ours_is_said_so(
    organisation: Organisation, staff: dict[Role, Person], text: str, told: str
) -> None:
    [error] = _load(organisation, staff[Role.CLOUD_ENGINEER], text).errors

    assert told in error.detail


def test_a_file_of_more_people_than_one_takes_is_refused(
    organisation: Organisation, staff: dict[Role, Person]
) -> None:
    rows = "".join(f"p{n}@example.com,vendor_manager,\n" for n in range(1001))
    [error] = _load(organisation, staff[Role.CLOUD_ENGINEER], f"email,role,scope\n{rows}").errors

    assert "1001 people" in error.detail


@pytest.mark.parametrize("role", Role)
def test_a_file_invites_by_whoever_may_invite(
    organisation: Organisation, staff: dict[Role, Person], role: Role
) -> None:
    if role is Role.CLOUD_ENGINEER:
        assert _load(organisation, staff[role], ROWS).applied
    elif role is Role.FINANCIAL_ADMIN:
        assert len(_load(organisation, staff[role], ROWS).errors) == 3
    else:
        with pytest.raises(ForbiddenError):
            _load(organisation, staff[role], ROWS)
    assert (organisation.people.find(ADA) is None) is (role is not Role.CLOUD_ENGINEER)


def test_a_file_that_was_cut_off_in_the_middle_is_sent_again(
    organisation: Organisation, staff: dict[Role, Person]
) -> None:
    """More than one step takes: somebody of the second one is made by somebody else meanwhile."""
    by = staff[Role.CLOUD_ENGINEER]
    names = [f"p{n:03d}@example.com" for n in range(STEP + 1)]
    text = "email,role,scope\n" + "".join(f"{name},vendor_manager,\n" for name in names)

    def another() -> None:
        organisation.hire(names[-1], Role.VENDOR_MANAGER)

    organisation.records.meanwhile.append(another)
    with pytest.raises(ConflictError, match="45 of 46 changes are made; send the file again"):
        _load(organisation, by, text)
    report = _load(organisation, by, text)

    assert (len(report.unchanged), report.invited) == (STEP + 1, ())
    assert len(organisation.people.all()) == len(WHO) + STEP + 1


def test_what_waits_for_somebody_changes_nothing_about_when_they_came() -> None:
    organisation = Organisation()
    organisation.drop()
    first = hello(organisation, ADA, "cloud_engineer")
    again = recognize(
        SignIn(ADA, sign_in(ADA), ()),
        group_roles={},
        people=organisation.people,
        act=act(ADA, NOW + timedelta(days=1)),
    )

    assert again == first
