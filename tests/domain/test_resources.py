"""What fits a question about resources, said plainly."""

from datetime import date

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from finops.domain.errors import InvalidError
from finops.domain.resources import (
    NONE,
    BilledResource,
    ResourceQuery,
    TagFilter,
    folded,
    name_of,
    sought,
    tag_filter,
)

SHOP = BilledResource(
    payer="999988887777",
    account_id="444455556666",
    resource_id="i-0abc",
    name="Web-Shop",
    service="AmazonEC2",
    region=None,
    tags='{"user:Name":"Web-Shop","user:Team":"a=b*"}',
    currency="USD",
    first_day=date(2026, 9, 1),
    last_day=date(2026, 9, 30),
    billed_cost=5,
    effective_cost=4,
)


@pytest.mark.parametrize(
    "query, fits",
    [
        (ResourceQuery(), True),
        (ResourceQuery(text="shop"), True),
        (ResourceQuery(text="0AB"), True),
        (ResourceQuery(text="shop*"), False),
        (ResourceQuery(text="i-?abc"), True),
        (ResourceQuery(resource_id="shop"), False),
        (ResourceQuery(name="0abc"), False),
        (ResourceQuery(service="AmazonEC2"), True),
        (ResourceQuery(service="amazonec2"), False),
        (ResourceQuery(region=NONE), True),
        (ResourceQuery(region="eu-west-1"), False),
        (ResourceQuery(tags=(TagFilter(key="user:Team"),)), True),
        (ResourceQuery(tags=(TagFilter(key="user:team"),)), False),
        (ResourceQuery(tags=(TagFilter(key="user:Team", value="a=b*"),)), True),
        (ResourceQuery(tags=(TagFilter(key="user:Team", value="a=bc"),)), False),
        (ResourceQuery(accounts=("444455556666",)), True),
        (ResourceQuery(accounts=(NONE,)), False),
        (ResourceQuery(least=5, most=5), True),
        (ResourceQuery(least=6), False),
        (ResourceQuery(most=4), False),
        (ResourceQuery(claimed=False), True),
        (ResourceQuery(claimed=True), False),
    ],
)
def test_a_resource_is_found_where_it_fits_all_that_is_asked(
    query: ResourceQuery, fits: bool
) -> None:
    assert query.fits(SHOP, is_claimed=False) is fits


@pytest.mark.parametrize(
    "wrong, told",
    [
        ({"text": ""}, "text is empty"),
        ({"resource_id": "*" * 6}, "id has at most"),
        ({"name": "x" * 501}, "name has at most"),
        ({"least": 2, "most": 1}, "min_cost is more than max_cost"),
        ({"tags": (TagFilter(key="a"),) * 11}, "tag: at most 10"),
    ],
)
def test_a_question_that_cannot_be_is_refused_by_the_name_of_its_field(
    wrong: dict[str, object], told: str
) -> None:
    with pytest.raises(InvalidError, match=told):
        ResourceQuery.model_validate(wrong)


def test_a_tag_without_a_key_is_refused() -> None:
    with pytest.raises(InvalidError, match="write it as KEY or KEY=VALUE"):
        tag_filter("=web")


@given(st.text(min_size=1), st.text())
def test_any_tag_can_be_asked_for_by_its_very_words(key: str, value: str) -> None:
    assume("\\" not in key)  # AWS takes none in a key
    said = f"{key.replace('=', chr(92) + '=')}={value}"

    assert tag_filter(said) == TagFilter(key=key, value=value)


@given(st.text(st.characters(exclude_characters="*?"), min_size=1), st.text(), st.text())
def test_a_part_is_found_in_the_whole_in_any_case(part: str, before: str, after: str) -> None:
    whole = f"{before}{part}{after}"

    assert sought(part, whole)
    assert sought(folded(part), whole)
    assert sought(f"*{part}*", whole)


def test_a_name_is_the_tag_name_however_the_export_spells_its_key() -> None:
    assert name_of('{"Name":"b","user:Name":"a"}') == "a"
    assert name_of('{"Name":"b"}') == "b"
    assert name_of('{"user_name":"c"}') == "c"
    assert name_of(None) is None
