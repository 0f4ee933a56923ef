"""An element's id is its path in slugs: it says what is above it."""

import re
import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from finops.domain.elements import (
    ENTERPRISE,
    ancestors,
    covers,
    element_id,
    level,
    parent,
    shared,
    slug,
)
from finops.domain.errors import InvalidError

some = settings(max_examples=200, deadline=None, derandomize=True)

TEXTS = st.text(st.characters(codec="utf-8"), max_size=70)
PATHS = st.lists(st.sampled_from(["Retail", "Retail X", "IT", "Web & App"]), max_size=4)


@pytest.mark.parametrize(
    "name, expected",
    [
        ("Web shop", "web-shop"),
        ("  Web -- Shop! ", "web-shop"),
        ("Crédit Agricole", "credit-agricole"),
        ("Research & Development", "research-and-development"),
        ("R&D", "r-and-d"),
        ("Retail, Inc.", "retail-inc"),
        ("Straße", "strasse"),
        ("Łódź", "lodz"),
        ("København", "kobenhavn"),
        ("e.commerce", "e-commerce"),
    ],
)
def test_a_slug_reads_like_its_name(name: str, expected: str) -> None:
    assert slug(name) == expected


@pytest.mark.parametrize(
    "one, other",
    [
        ("Web shop", "WEB  Shop"),
        ("Café", "Cafe"),
        ("Café", unicodedata.normalize("NFD", "Café")),
        ("Risk & Fraud", "risk and fraud"),
        ("東京 IT", "東京  it"),
        ("A" * 60, "a" * 60),
    ],
)
def test_spellings_of_one_name_have_one_slug(one: str, other: str) -> None:
    assert slug(one) == slug(other)


@pytest.mark.parametrize(
    "one, other",
    [
        ("東京 IT", "大阪 IT"),
        ("Отдел 1", "Склад 1"),
        ("かき", "がき"),
        ("A" * 60, "A" * 61),
        ("!", "?"),
    ],
)
def test_names_that_differ_in_what_a_slug_cannot_hold_have_two_slugs(one: str, other: str) -> None:
    assert slug(one) != slug(other)


def test_forty_eight_characters_stay_and_more_are_cut_and_sealed() -> None:
    assert slug("a" * 48) == "a" * 48
    assert re.fullmatch(r"a{41}-[0-9a-f]{6}", slug("a" * 49))
    assert len(slug("a" * 49)) == 48


def test_a_name_with_nothing_left_is_known_by_its_hash() -> None:
    assert re.fullmatch(r"x[0-9a-f]{8}", slug("東京"))
    assert re.fullmatch(r"x[0-9a-f]{8}", slug("--"))


@some
@given(TEXTS)
def test_a_slug_is_short_plain_and_has_no_loose_ends(name: str) -> None:
    assert re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", slug(name))
    assert len(slug(name)) <= 48


@some
@given(TEXTS)
def test_a_slug_does_not_depend_on_how_unicode_composes(name: str) -> None:
    forms = {slug(unicodedata.normalize(form, name)) for form in ("NFC", "NFD")}

    assert len(forms) == 1


def test_an_id_is_the_path() -> None:
    web = element_id(["Retail", "Digital", "Storefront", "Web shop"])

    assert web == "retail.digital.storefront.web-shop"
    assert (level(web), level("retail"), level(ENTERPRISE)) == (4, 1, 0)
    assert parent(web) == "retail.digital.storefront"
    assert parent("retail") == ENTERPRISE
    assert element_id([]) == ENTERPRISE


def test_a_business_unit_called_enterprise_is_not_the_enterprise() -> None:
    assert element_id(["Enterprise", "Enterprise"]) == "enterprise-unit.enterprise"


def test_the_enterprise_has_nothing_above_it() -> None:
    assert ancestors(ENTERPRISE) == (ENTERPRISE,)
    with pytest.raises(InvalidError, match="nothing above"):
        parent(ENTERPRISE)


def test_a_scope_covers_itself_and_what_is_below_but_no_namesake() -> None:
    assert covers("retail", "retail")
    assert covers("retail", "retail.digital")
    assert not covers("retail", "retail-x")
    assert not covers("retail.digital", "retail")
    assert covers(ENTERPRISE, "retail.digital")
    assert not covers("retail", ENTERPRISE)


@some
@given(PATHS, PATHS)
def test_a_scope_covers_an_element_exactly_if_it_is_one_of_its_ancestors(
    one: list[str], other: list[str]
) -> None:
    scope, element = element_id(one), element_id(other)

    assert covers(scope, element) == (scope in ancestors(element))
    assert [level(above) for above in ancestors(element)] == list(range(len(other), -1, -1))


@pytest.mark.parametrize(
    "ids, lowest",
    [
        ([], ENTERPRISE),
        ([ENTERPRISE], ENTERPRISE),
        (["retail.digital"], "retail.digital"),
        (["retail.digital", "retail.digital"], "retail.digital"),
        (["retail.digital.web", "retail.digital.app"], "retail.digital"),
        (["retail.digital.web.shop", "retail.stores"], "retail"),
        (["retail", "retail.digital.web"], "retail"),
        (["retail.digital", "retail-x.digital"], ENTERPRISE),  # names that only begin alike
        (["retail.web.app", "retail.web-shop.app"], "retail"),
        (["retail.digital.app", "retail.stores.app"], "retail"),  # alike again below
        (["retail.digital", ENTERPRISE], ENTERPRISE),
    ],
)
def test_what_elements_share_is_the_lowest_that_covers_them_all(
    ids: list[str], lowest: str
) -> None:
    assert shared(ids) == shared(reversed(ids)) == lowest


@some
@given(st.lists(PATHS.map(element_id), min_size=1, max_size=4))
def test_what_is_shared_covers_all_and_nothing_below_it_does(ids: list[str]) -> None:
    common = set(ancestors(ids[0])).intersection(*map(ancestors, ids))

    assert all(covers(shared(ids), id_) for id_ in ids)
    assert shared(ids) == max(common, key=level)
    assert shared([shared(ids), *ids]) == shared(ids)
