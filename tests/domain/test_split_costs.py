"""Containers are a view of their instance, never on top of it: trap 3."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from finops.domain.errors import InvalidError
from finops.domain.split_costs import container_view, owners_view

PODS = {"pod-a": 6_00, "pod-b": 3_00}


def test_pods_and_what_none_used_are_the_instance() -> None:
    assert container_view(10_00, PODS) == {"pod-a": 6_00, "pod-b": 3_00, "unused": 1_00}


def test_an_instance_claimed_by_a_and_its_pod_by_b_cost_four_and_six() -> None:
    taken_by_b, left_to_a = owners_view(10_00, PODS, {"pod-a"})

    assert (left_to_a, taken_by_b) == (4_00, {"pod-a": 6_00})


def test_pods_that_nobody_claims_stay_with_the_instance() -> None:
    assert owners_view(10_00, PODS, set()) == ({}, 10_00)
    assert owners_view(10_00, PODS, {"pod-of-another-instance"}) == ({}, 10_00)


def test_pods_that_claim_more_than_the_instance_are_cut_in_proportion() -> None:
    assert container_view(6_00, PODS) == {"pod-a": 4_00, "pod-b": 2_00, "unused": 0}


def test_an_instance_without_pods_is_unused() -> None:
    assert container_view(10_00, {}) == {"unused": 10_00}


@pytest.mark.parametrize(
    "pods, reason",
    [
        ({"unused": 1}, "cannot be called 'unused'"),
        ({"pod-a": -1}, "the split cost of pod-a is negative"),
    ],
)
def test_what_is_no_container_is_refused(pods: dict[str, int], reason: str) -> None:
    with pytest.raises(InvalidError, match=reason):
        container_view(10_00, pods)


@settings(max_examples=100, deadline=None, derandomize=True)
@given(
    st.integers(0, 10**12),
    st.dictionaries(st.sampled_from("abcdef"), st.integers(0, 10**12)),
    st.sets(st.sampled_from("abcdef")),
)
def test_every_view_of_an_instance_adds_up_to_it(
    instance: int, pods: dict[str, int], claimed: set[str]
) -> None:
    taken, left = owners_view(instance, pods, claimed)

    assert sum(container_view(instance, pods).values()) == instance
    assert sum(taken.values()) + left == instance
    assert left >= 0
