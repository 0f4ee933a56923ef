"""Names that are probably one are found, however many names there are."""

from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from finops.domain import look_alikes as domain
from finops.domain.look_alikes import LookAlike, distance, folded, look_alikes, slips


@pytest.mark.parametrize(
    "name, like, apart",
    [
        ("user:team", "user:Team", 0),
        ("Cost Center", "cost-center", 0),
        ("teams", "team", 1),
        ("prodution", "production", 1),
        ("enviroment", "environments", 2),
    ],
)
def test_a_slip_is_found_beside_what_is_used_more(name: str, like: str, apart: int) -> None:
    assert look_alikes([like, "something", name]).found == (LookAlike(name, like, apart),)


@pytest.mark.parametrize(
    "names", [("web-1", "web-2"), ("dev", "deb"), ("blue", "grey"), ("", "-"), ("prod", "preprod")]
)
def test_what_is_another_name_is_none(names: tuple[str, str]) -> None:
    assert look_alikes(names).found == ()


def test_long_names_that_differ_at_their_end_are_two() -> None:
    stack = "arn:aws:cloudformation:eu-west-1:444455556666:stack/StackSet-AWSControlTower-"
    names = [f"{stack}alpha", f"{stack}gamma", f"{stack}GAMMA"]

    assert look_alikes(names).found == (LookAlike(names[2], names[1], 0),)


def test_nothing_looks_like_what_looks_like_another() -> None:
    found = look_alikes(["production", "productoin", "roductoin"]).found

    assert [(one.name, one.like) for one in found] == [("productoin", "production")]


def plain(one: str, other: str) -> int:
    """The edit distance, by its definition."""
    if not one or not other:
        return len(one) + len(other)
    return min(
        plain(one[1:], other) + 1,
        plain(one, other[1:]) + 1,
        plain(one[1:], other[1:]) + (one[0] != other[0]),
    )


@settings(max_examples=60, deadline=None)
@given(st.text("abc", max_size=5), st.text("abc", max_size=5), st.integers(0, 2))
def test_the_distance_is_what_its_definition_says(one: str, other: str, most: int) -> None:
    apart = plain(one, other)

    assert distance(one, other, most) == (apart if apart <= most else None)


@settings(max_examples=100, deadline=None)
@given(seed=st.integers(0, 10**9))
def test_no_slip_is_missed_because_of_where_it_is(seed: int) -> None:
    random = Random(seed)
    name = "".join(random.choices("abcdef", k=random.randint(4, 16)))
    other = list(name)
    for _ in range(slips(len(name))):
        place = random.randrange(len(other))
        match random.choice(["in", "out", "other"]):
            case "in":
                other.insert(place, random.choice("abcdef"))
            case "out":
                del other[place]
            case _:
                other[place] = random.choice("abcdef")
    spelled = "".join(other)
    allowed = min(slips(len(name)), slips(len(spelled)))
    apart = distance(folded(name), folded(spelled), allowed)

    found = look_alikes([name, spelled]).found

    assert found == (() if apart is None else (LookAlike(spelled, name, apart),))


def test_a_hundred_thousand_names_are_looked_at_with_bounded_work(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(domain, "MOST_NAMES", 500)
    names = [f"host-{number:06d}" for number in range(2_000)]

    told = look_alikes([*names, "HOST_000001"], 100)

    assert not told.is_whole
    assert told.found == (LookAlike("HOST_000001", "host-000001", 0),)
