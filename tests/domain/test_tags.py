"""Tag keys that are not what they seem: trap 13."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from finops.domain.tags import canonical, collisions, normalised

ODD = ["Team", "team", "user:Team", "user_team", "aws:createdBy", "größe", "=1+1", "<script>"]
some = settings(max_examples=60, deadline=None, derandomize=True)


@pytest.mark.parametrize("key", ODD)
@pytest.mark.parametrize("value", ["", "a,b", 'a "b"', "a\nb", "<script>alert(1)</script>", "=1+1"])
def test_an_odd_key_or_value_is_kept_as_its_owner_wrote_it(key: str, value: str) -> None:
    assert json.loads(canonical({key: value}) or "") == {key: value}


def test_keys_that_differ_in_case_or_kind_stay_apart() -> None:
    assert json.loads(canonical(dict.fromkeys(ODD, "x")) or "") == dict.fromkeys(ODD, "x")


def test_aws_prefix_of_resource_tags_goes_and_others_stay() -> None:
    told = canonical({"resourceTags/user:Team": "web", "accountTag/user:Team": "ops"})

    assert told == '{"accountTag/user:Team":"ops","user:Team":"web"}'


def test_an_empty_value_is_a_value_and_none_is_not() -> None:
    assert canonical({"user:Team": ""}) == '{"user:Team":""}'
    assert canonical({"user:Team": None}) is None
    assert canonical({}) is None


@some
@given(st.dictionaries(st.sampled_from(ODD), st.one_of(st.none(), st.text(max_size=3))))
def test_the_order_of_tags_changes_nothing(tags: dict[str, str | None]) -> None:
    assert canonical(dict(reversed(tags.items()))) == canonical(tags)


def test_keys_that_aws_spells_alike_are_reported_and_not_merged() -> None:
    assert collisions(ODD) == [("Team", "team"), ("user:Team", "user_team")]
    assert collisions(["user:Team", "user:Stage", "user:Team"]) == []


@pytest.mark.parametrize(
    "title, name",
    [
        ("lineItem/UnblendedCost", "line_item_unblended_cost"),
        ("reservation/ReservationARN", "reservation_reservation_a_r_n"),
        ("pricing/publicOnDemandCost", "pricing_public_on_demand_cost"),
        ("bill/PayerAccountId", "bill_payer_account_id"),
        ("resourceTags/user:Cost Center", "resource_tags_user_cost_center"),
    ],
)
def test_a_title_is_normalised_as_aws_does_for_athena(title: str, name: str) -> None:
    assert normalised(title) == name


@some
@given(st.text(max_size=20))
def test_a_normalised_name_stays_as_it_is(name: str) -> None:
    assert normalised(normalised(name)) == normalised(name)
