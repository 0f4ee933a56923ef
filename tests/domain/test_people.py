"""People: addresses, scopes that fit a role, and who owes a step when nobody holds an element."""

import unicodedata
from collections.abc import Mapping
from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from finops.domain.elements import ancestors
from finops.domain.errors import ConflictError, InvalidError
from finops.domain.people import (
    LEVELS,
    Person,
    PersonStatus,
    Role,
    address,
    holders,
    must_fit,
    owed_at,
)

some = settings(max_examples=100, deadline=None, derandomize=True)

NOW = datetime(2026, 1, 15, 9, tzinfo=UTC)
LATER = datetime(2026, 1, 16, 9, tzinfo=UTC)
WEB_SHOP = "retail.digital.storefront.web-shop"
APP = "retail.digital.storefront.app"
STOREFRONT, DIGITAL, RETAIL = "retail.digital.storefront", "retail.digital", "retail"


def person(role: Role, *scope: str, email: str = "ada@example.org") -> Person:
    """Somebody who came."""
    return Person(
        email=email, role=role, scope=scope, status=PersonStatus.ACTIVE, sign_ins=("pool-1",)
    )


def long_address(*lengths: int) -> str:
    """With so many letters before the @ and in each label after it."""
    local, *labels = ("x" * length for length in lengths)
    return f"{local}@{'.'.join(labels)}"


# Addresses ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "said, known",
    [
        ("ada@example.org", "ada@example.org"),
        ("  Ada.Lovelace@Example.ORG\n", "ada.lovelace@example.org"),
        ("ada+finops@example.org", "ada+finops@example.org"),
        ("ADA+FinOps+2@example.org", "ada+finops+2@example.org"),
        ("o'brien_{x}=!@mail.example.co.uk", "o'brien_{x}=!@mail.example.co.uk"),
        ("ada@xn--bcher-kva.xn--p1ai", "ada@xn--bcher-kva.xn--p1ai"),  # in letters of other scripts
        ("ada@example.o", "ada@example.o"),
        ("ada@e-x--ample.o-g", "ada@e-x--ample.o-g"),
        ("-ada-@1.2c", "-ada-@1.2c"),
        (long_address(64, 62, 62, 63), long_address(64, 62, 62, 63)),  # 254 characters
    ],
)
def test_people_are_known_by_their_address_in_lower_case(said: str, known: str) -> None:
    assert address(said) == known
    assert address(known.upper()) == known


def test_an_address_with_a_plus_is_somebody_else() -> None:
    assert address("ada+1@example.org") != address("ada@example.org")


@pytest.mark.parametrize(
    "said",
    [
        "",
        " ",
        "ada",
        "ada@",
        "@example.org",
        "ada@example",
        "ada@example..org",
        "ada@.org",
        "ada@example.org.",
        ".ada@example.org",
        "ada.@example.org",
        "ada..lovelace@example.org",
        ".@example.org",
        "ada@-example.org",
        "ada@example-.org",
        "ada@example.-org",
        "ada@example.org-",
        "ada@exam_ple.org",
        "ada@example.12",
        "ada@[192.0.2.1]",
        "ada@192.0.2.1",
        "ada lovelace@example.org",
        "Ada <ada@example.org>",
        "mailto:ada@example.org",
        "ada@example.org,bob@example.org",
        "ada@example.org;bob@example.org",
        "ada@bob@example.org",
        "ada@example.org\nbcc:bob@example.org",
        "ada\x00@example.org",
        "ada@exam\u200bple.org",
        "\u0430da@example.org",  # the first letter is Cyrillic
        "\u212aate@example.org",  # the Kelvin sign: a plain k in lower case
        "ada@example.org\u00a0",
        "ad\u00e9@example.org",
        "ada@b\u00fccher.example",
        "person#ada",
        long_address(65, 7, 3),
        long_address(3, 64, 3),
        long_address(64, 62, 63, 63),  # 255 characters
    ],
)
def test_what_is_no_address_is_refused(said: str) -> None:
    with pytest.raises(InvalidError, match="is no mail address; write it as name@"):
        address(said)


def test_a_refusal_does_not_repeat_a_whole_novel() -> None:
    with pytest.raises(InvalidError) as refused:
        address("no " * 10_000)

    assert len(refused.value.detail) < 150


@some
@given(st.text("aB1+.-_ \tÉß", max_size=8), st.text("aB1.-É ", max_size=8))
def test_an_address_stays_what_it_is_once_it_is_known(before: str, after: str) -> None:
    try:
        known = address(f"{before}@{after}.org")
    except InvalidError:
        return
    assert address(known) == known == known.lower().strip()
    assert known.isascii()
    local, _, domain = known.partition("@")
    assert all(local.split("."))
    assert all(label.strip("-") == label != "" for label in domain.split("."))


def test_a_letter_that_becomes_a_plain_one_makes_nobody_else_of_somebody() -> None:
    becoming_plain = [
        letter for letter in map(chr, range(128, 0x11_0000)) if letter.lower().isascii()
    ]

    assert [unicodedata.name(letter) for letter in becoming_plain] == ["KELVIN SIGN"]
    with pytest.raises(InvalidError):
        address(f"{becoming_plain[0]}ate@example.org")


# Scopes ------------------------------------------------------------------------------------------


def test_the_roles_are_about_the_levels_of_the_specification() -> None:
    assert {role.value: level for role, level in LEVELS.items()} == {
        "financial_admin": 0,
        "vendor_manager": 0,
        "cloud_engineer": 0,
        "business_unit_owner": 1,
        "department_owner": 2,
        "portfolio_owner": 3,
        "product_owner": 4,
    }


@pytest.mark.parametrize(
    "role, scope",
    [
        (Role.FINANCIAL_ADMIN, []),
        (Role.BUSINESS_UNIT_OWNER, [RETAIL, "wholesale"]),  # both right under the enterprise
        (Role.DEPARTMENT_OWNER, [DIGITAL, "retail.stores"]),
        (Role.PORTFOLIO_OWNER, [STOREFRONT]),
        (Role.PRODUCT_OWNER, [WEB_SHOP, APP, WEB_SHOP]),
        (Role.PRODUCT_OWNER, []),
    ],
)
def test_a_scope_is_of_the_level_of_the_role_under_one_parent(role: Role, scope: list[str]) -> None:
    must_fit(role, scope, across=False)


@pytest.mark.parametrize("role", [role for role in Role if role.level])
@pytest.mark.parametrize("element", [RETAIL, DIGITAL, STOREFRONT, WEB_SHOP, f"{WEB_SHOP}.blue"])
@pytest.mark.parametrize("across", [True, False])
def test_an_element_of_another_level_does_not_fit(role: Role, element: str, across: bool) -> None:
    level = element.count(".") + 1
    if level == role.level:
        must_fit(role, [element], across=across)
        return
    with pytest.raises(InvalidError, match=rf"^{element} is of level E{level}; a {role} .* E\d$"):
        must_fit(role, [element], across=across)


@pytest.mark.parametrize("across", [True, False])
def test_the_whole_enterprise_is_no_scope(across: bool) -> None:
    for role in Role:
        with pytest.raises(InvalidError):
            must_fit(role, [""], across=across)


def test_one_element_that_does_not_fit_spoils_the_others() -> None:
    with pytest.raises(InvalidError, match="digital is of level E2"):
        must_fit(Role.PRODUCT_OWNER, [WEB_SHOP, DIGITAL], across=True)


@pytest.mark.parametrize("role", [role for role in Role if not role.level])
def test_whoever_sees_the_whole_enterprise_has_no_scope(role: Role) -> None:
    with pytest.raises(InvalidError, match="sees the whole enterprise: leave the scope empty"):
        must_fit(role, [RETAIL], across=True)


def test_several_parents_are_for_a_financial_admin_to_grant() -> None:
    scope = ["wholesale.direct.orders.desk", WEB_SHOP]

    with pytest.raises(
        InvalidError, match=f"under {STOREFRONT} and wholesale.direct.orders; only a financial"
    ):
        must_fit(Role.PRODUCT_OWNER, scope, across=False)
    must_fit(Role.PRODUCT_OWNER, scope, across=True)


def test_a_scope_has_at_most_five_hundred_elements() -> None:
    """Else a person outgrows what a table keeps in one item."""
    scope = [f"a.b.c.p{number:03d}" for number in range(501)]
    must_fit(Role.PRODUCT_OWNER, scope[:500], across=False)
    must_fit(Role.PRODUCT_OWNER, scope[:500] * 2, across=False)  # each of them counts once

    with pytest.raises(InvalidError, match="at most 500 elements, not 501; hold their parents"):
        must_fit(Role.PRODUCT_OWNER, scope, across=True)


def test_parents_that_only_begin_alike_are_two() -> None:
    with pytest.raises(InvalidError, match="retail and retail-x"):
        must_fit(Role.DEPARTMENT_OWNER, ["retail.digital", "retail-x.digital"], across=False)


# What a person reaches ---------------------------------------------------------------------------


def test_an_owner_reaches_the_own_elements_and_what_is_below() -> None:
    pia = person(Role.PORTFOLIO_OWNER, STOREFRONT)

    assert [pia.covers(one) for one in (STOREFRONT, WEB_SHOP)] == [True, True]
    assert [pia.covers(one) for one in ("", RETAIL, DIGITAL, f"{STOREFRONT}-2")] == [False] * 4
    assert pia.holds(STOREFRONT)
    assert not pia.holds(WEB_SHOP)


def test_the_three_roles_about_all_reach_everything_and_hold_the_enterprise() -> None:
    for role in (Role.FINANCIAL_ADMIN, Role.VENDOR_MANAGER, Role.CLOUD_ENGINEER):
        assert person(role).reach == ("",)
        assert person(role).covers(WEB_SHOP)
        assert person(role).holds("")
        assert not person(role).holds(WEB_SHOP)


def test_without_a_scope_an_owner_reaches_nothing() -> None:
    new = person(Role.BUSINESS_UNIT_OWNER)

    assert new.reach == ()
    assert not new.covers("")
    assert not new.covers(RETAIL)


def test_elements_of_another_level_than_the_role_give_nothing() -> None:
    ada = person(Role.PORTFOLIO_OWNER, RETAIL, STOREFRONT, WEB_SHOP, "")

    assert ada.reach == (STOREFRONT,)
    assert [ada.holds(one) for one in ("", RETAIL, STOREFRONT, WEB_SHOP)] == [
        False,
        False,
        True,
        False,
    ]
    assert not ada.covers("retail.stores")
    assert person(Role.CLOUD_ENGINEER, WEB_SHOP).reach == ("",)


# What becomes of a person ------------------------------------------------------------------------


def test_a_remap_gives_another_role_and_scope_and_keeps_the_rest() -> None:
    ada = person(Role.PRODUCT_OWNER, WEB_SHOP).changed(version=3, head="f00", name="Ada")

    moved = ada.remapped(Role.PORTFOLIO_OWNER, ("x.y.z", STOREFRONT, "x.y.z"), LATER)

    assert (moved.role, moved.scope) == (Role.PORTFOLIO_OWNER, (STOREFRONT, "x.y.z"))
    assert (moved.email, moved.name, moved.status) == (ada.email, "Ada", PersonStatus.ACTIVE)
    assert (moved.version, moved.head, moved.changed_at) == (3, "f00", LATER)
    assert (ada.role, ada.scope) == (Role.PRODUCT_OWNER, (WEB_SHOP,))


def test_a_remap_restores_nobody() -> None:
    suspended = person(Role.PRODUCT_OWNER, WEB_SHOP).suspended(NOW)

    assert suspended.remapped(Role.PRODUCT_OWNER, (APP,), LATER).is_suspended


def test_who_is_suspended_holds_nothing_until_they_are_restored() -> None:
    ada = person(Role.PRODUCT_OWNER, WEB_SHOP)

    suspended = ada.suspended(NOW)

    assert suspended.is_suspended
    assert (suspended.scope, suspended.changed_at) == ((WEB_SHOP,), NOW)
    assert not suspended.holds(WEB_SHOP)
    assert suspended.restored(LATER) == ada.changed(changed_at=LATER)


def test_whoever_is_suspended_is_not_suspended_again_nor_anybody_else_restored() -> None:
    ada = person(Role.PRODUCT_OWNER, WEB_SHOP)

    with pytest.raises(ConflictError, match="is suspended already") as twice:
        ada.suspended(NOW).suspended(LATER)
    assert twice.value.members["current"] == ada.suspended(NOW)
    with pytest.raises(ConflictError, match="is not suspended"):
        ada.restored(LATER)


def test_who_had_not_come_yet_is_invited_still_when_they_are_restored() -> None:
    invited = Person(email="ada@example.org", role=Role.CLOUD_ENGINEER)

    assert invited.suspended(NOW).restored(LATER) == invited.changed(changed_at=LATER)
    assert invited.suspended(NOW).restored(LATER).reminded(LATER).reminded_at == LATER


def test_only_an_invitation_is_sent_again() -> None:
    invited = Person(email="ada@example.org", role=Role.CLOUD_ENGINEER)

    assert invited.reminded(NOW).reminded_at == NOW
    assert invited.reminded(NOW).reminded(LATER).reminded_at == LATER
    for other in (invited.arrived("pool-1", NOW), invited.suspended(NOW)):
        with pytest.raises(ConflictError, match=f"is {other.status}: only an invitation is sent"):
            other.reminded(LATER)


def test_who_arrives_is_active_and_known_by_their_sign_in() -> None:
    invited = Person(email="ada@example.org", role=Role.CLOUD_ENGINEER)

    arrived = invited.arrived("pool-1", NOW)

    assert (arrived.status, arrived.changed_at) == (PersonStatus.ACTIVE, NOW)
    assert (invited.sign_ins, arrived.sign_ins) == ((), ("pool-1",))


def test_who_comes_in_another_way_is_known_by_both() -> None:
    ada = person(Role.CLOUD_ENGINEER).arrived("saml_ada", LATER)

    assert ada.sign_ins == ("pool-1", "saml_ada")
    assert ada.suspended(NOW).restored(LATER).status is PersonStatus.ACTIVE
    assert ada.remapped(Role.FINANCIAL_ADMIN, (), LATER).sign_ins == ada.sign_ins


# Who owes a step ---------------------------------------------------------------------------------

ADA, BOB = "ada@example.org", "bob@example.org"
HELD = {
    WEB_SHOP: frozenset({"ola@example.org"}),
    STOREFRONT: frozenset({"pia@example.org"}),
    DIGITAL: frozenset({"deb@example.org"}),
    RETAIL: frozenset({"ben@example.org"}),
}


@pytest.mark.parametrize(
    "gone, planned_by, decided_by",
    [
        ((), 4, 3),
        ((WEB_SHOP,), 3, 3),
        ((STOREFRONT,), 4, 2),
        ((WEB_SHOP, STOREFRONT), 2, 2),
        ((STOREFRONT, DIGITAL), 4, 1),
        ((WEB_SHOP, STOREFRONT, DIGITAL), 1, 1),
        ((STOREFRONT, DIGITAL, RETAIL), 4, 0),
        ((WEB_SHOP, STOREFRONT, DIGITAL, RETAIL), 0, 0),
    ],
)
def test_what_nobody_holds_goes_up_one_level_at_a_time_and_ends_with_the_financial_admins(
    gone: tuple[str, ...], planned_by: int, decided_by: int
) -> None:
    held = {element: by for element, by in HELD.items() if element not in gone}

    assert owed_at(WEB_SHOP, 4, held) == planned_by
    assert owed_at(WEB_SHOP, 3, held) == decided_by


@pytest.mark.parametrize("beside", [APP, "retail.digital.stores", "retail.stores", "wholesale"])
def test_who_holds_something_beside_owes_nothing(beside: str) -> None:
    assert owed_at(WEB_SHOP, 4, {beside: frozenset({ADA, BOB})}) == 0


def test_an_element_that_was_held_once_is_held_by_nobody() -> None:
    assert owed_at(WEB_SHOP, 4, HELD | {WEB_SHOP: frozenset()}) == 3


def test_a_step_on_what_is_above_its_level_is_owed_there() -> None:
    assert owed_at(DIGITAL, 4, HELD) == 2
    assert owed_at("", 4, HELD) == 0


@pytest.mark.parametrize(
    "author, decided_by",
    [
        (None, 3),
        ("ola@example.org", 3),
        ("pia@example.org", 2),
        ("deb@example.org", 3),
        ("nobody@example.org", 3),
    ],
)
def test_what_its_only_holder_submitted_is_decided_on_the_level_above(
    author: str | None, decided_by: int
) -> None:
    assert owed_at(WEB_SHOP, 3, HELD, author) == decided_by


def test_who_holds_it_beside_the_author_decides() -> None:
    held = HELD | {STOREFRONT: frozenset({"pia@example.org", ADA})}

    assert owed_at(WEB_SHOP, 3, held, "pia@example.org") == 3
    assert owed_at(WEB_SHOP, 3, held, ADA) == 3


def test_an_author_who_holds_every_level_is_passed_over_on_each() -> None:
    alone = dict.fromkeys(HELD, frozenset({ADA}))

    assert owed_at(WEB_SHOP, 3, alone, ADA) == 0
    assert owed_at(WEB_SHOP, 3, alone | {RETAIL: frozenset({ADA, BOB})}, ADA) == 1


ELEMENTS = sorted({above for product in (WEB_SHOP, APP) for above in ancestors(product)} - {""})


@some
@given(
    st.sampled_from(ELEMENTS),
    st.integers(1, 4),
    st.dictionaries(st.sampled_from(ELEMENTS), st.frozensets(st.sampled_from([ADA, BOB]))),
    st.sampled_from([None, ADA, BOB]),
)
def test_a_step_is_owed_at_the_nearest_level_that_somebody_else_holds_never_below_its_own(
    element: str, natural: int, held: Mapping[str, frozenset[str]], author: str | None
) -> None:
    owed = owed_at(element, natural, held, author)
    above = {one.count(".") + 1: one for one in ancestors(element)[:-1]}
    by = {up: held.get(one, frozenset()) for up, one in above.items()}

    assert 0 <= owed <= min(natural, len(above))
    assert owed == 0 or any(one != author for one in by[owed])
    assert all(by[up] in (frozenset(), {author}) for up in above if owed < up <= natural)


def test_holders_are_named_by_element_without_the_suspended_and_those_about_all() -> None:
    people = [
        person(Role.PRODUCT_OWNER, WEB_SHOP, APP),
        person(Role.PRODUCT_OWNER, WEB_SHOP, email="bob@example.org"),
        person(Role.PORTFOLIO_OWNER, STOREFRONT, email="cyd@example.org").suspended(NOW),
        person(Role.DEPARTMENT_OWNER, email="dan@example.org"),
        person(Role.FINANCIAL_ADMIN, email="fin@example.org"),
        Person(email="eve@example.org", role=Role.BUSINESS_UNIT_OWNER, scope=(RETAIL,)),  # invited
        person(Role.DEPARTMENT_OWNER, WEB_SHOP, email="gus@example.org"),  # no level of that role
    ]

    assert holders(people) == {
        WEB_SHOP: {ADA, BOB},
        APP: {ADA},
        RETAIL: {"eve@example.org"},
    }
    assert holders([]) == {}


def test_what_a_suspended_owner_owed_goes_to_the_level_above_and_comes_back() -> None:
    ola, pia = person(Role.PRODUCT_OWNER, WEB_SHOP), person(Role.PORTFOLIO_OWNER, STOREFRONT)

    away = ola.suspended(NOW)

    assert owed_at(WEB_SHOP, 4, holders([ola, pia])) == 4
    assert owed_at(WEB_SHOP, 4, holders([away, pia])) == 3
    assert owed_at(WEB_SHOP, 4, holders([away.restored(LATER), pia])) == 4
