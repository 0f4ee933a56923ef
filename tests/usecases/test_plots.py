"""Plots: their numbers are those of the answers, and nothing is said by colour alone."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from finops.adapters.pictures import ResvgPictures
from finops.domain.money import text
from finops.domain.paces import Colour
from finops.domain.spend_cards import CardStatus
from finops.usecases import plots
from finops.usecases.plots import Bar, Line, Stack, Tile
from tests.plotted import NAMESPACE, drawn, marks

TICK = 10**10
USD = "USD"
HOSTILE = "<script>alert('1')</script> & \"co\""

amounts = st.integers(-(10**16), 10**16)


def tile(name: str, spend: int, colour: Colour = Colour.BLACK, group: str = "Storefront") -> Tile:
    return Tile(name, group, spend * TICK, colour)


def areas(svg: str) -> dict[str, float]:
    """The area of each mark with an amount that is drawn as a rectangle, by its name."""
    found = {}
    for mark in marks(svg, "g"):
        rectangle = mark.find(f"{NAMESPACE}rect")
        assert rectangle is not None
        # Between two tiles is a gap of two pixels.
        sides = [float(rectangle.attrib[side]) + 2 for side in ("width", "height")]
        found[mark.attrib["data-name"]] = sides[0] * sides[1]
    return found


def test_areas_of_the_heat_map_are_in_proportion_to_spend() -> None:
    of = areas(plots.heat_map([tile("search", 300), tile("shop", 100)], title="", currency=USD))

    assert of["search"] / of["shop"] == pytest.approx(3, rel=0.02)


def test_a_product_without_an_area_is_told_below() -> None:
    svg = plots.heat_map([tile("refunded", -12), tile("idle", 0)], title="", currency=USD)

    assert drawn(svg) == {"refunded": text(-12 * TICK), "idle": text(0)}
    assert "refunded: -12.00" in svg


@pytest.mark.parametrize("colour", Colour)
def test_a_pace_is_said_by_a_word_and_a_sign_too(colour: Colour) -> None:
    svg = plots.heat_map([tile("search", 5, colour)], title="", currency=USD)

    assert f"search: {text(5 * TICK)} USD, {colour.word}" in svg
    assert f"{plots.LOOKS[colour].sign} search" in svg


def _darkness(fill: str) -> float:
    red, green, blue = (int(fill[at : at + 2], 16) for at in (1, 3, 5))
    return 0.299 * red + 0.587 * green + 0.114 * blue


@pytest.mark.parametrize("looks", [plots.LOOKS, plots.STATUSES])
def test_fills_are_told_apart_in_grey(looks: dict[str, plots._Look]) -> None:
    listed = list(looks.values())

    for one in listed:
        for other in listed:
            is_like = abs(_darkness(one.fill) - _darkness(other.fill)) < 12
            assert one is other or not is_like or one.pattern != other.pattern


@pytest.mark.parametrize("look", [*plots.LOOKS.values(), *plots.STATUSES.values()])
def test_letters_stand_out_from_their_fill(look: plots._Look) -> None:
    assert abs(_darkness(look.fill) - _darkness(look.ink)) > 100


@settings(max_examples=30, deadline=None)
@given(st.dictionaries(st.text("abcdef-", min_size=1, max_size=12), amounts, max_size=20))
def test_every_amount_of_the_heat_map_is_in_it(spends: dict[str, int]) -> None:
    tiles = [Tile(name, name[0], spend, Colour.GREEN) for name, spend in spends.items()]

    svg = plots.heat_map(tiles, title="August", currency=USD)

    assert drawn(svg) == {name: text(spend) for name, spend in spends.items()}


@settings(max_examples=30, deadline=None)
@given(st.lists(st.tuples(st.none() | amounts, st.none() | amounts), max_size=12))
def test_every_amount_of_the_schedule_is_in_it(months: list[tuple[int | None, int | None]]) -> None:
    bars = [Bar(f"2026-{number + 1:02}", *month) for number, month in enumerate(months)]

    told = drawn(plots.schedule(bars, title="2026", currency=None))

    expected = {}
    for bar in bars:
        if bar.spend is not None:
            is_over = bar.schedule is not None and bar.spend > bar.schedule
            expected[f"{bar.label} spend{' above the schedule' if is_over else ''}"] = bar.spend
        if bar.schedule is not None:
            expected[f"{bar.label} schedule"] = bar.schedule
    assert told == {name: text(ticks) for name, ticks in expected.items()}


@settings(max_examples=30, deadline=None)
@given(st.lists(st.dictionaries(st.sampled_from(CardStatus), amounts), max_size=6))
def test_every_amount_of_the_card_status_is_in_it(parts: list[dict[str, int]]) -> None:
    stacks = [Stack(f"E{number}", amounts_) for number, amounts_ in enumerate(parts)]

    told = drawn(plots.card_status(stacks, title="Cards", currency=USD))

    assert told == {
        f"{stack.name} {status.lower()}": text(ticks)
        for stack in stacks
        for status, ticks in stack.amounts.items()
        if ticks
    }


def test_the_status_plot_says_how_many_cards_there_are() -> None:
    stack = Stack("Storefront", {"Open": 5 * TICK}, {"Open": 3})

    assert "Storefront open, 3 cards" in drawn(plots.card_status([stack], title="", currency=USD))


@settings(max_examples=30, deadline=None)
@given(st.lists(st.none() | amounts, min_size=1, max_size=31))
def test_every_amount_of_the_trend_is_in_it(values: list[int | None]) -> None:
    labels = [f"{day + 1:02}" for day in range(len(values))]

    told = drawn(plots.trend(labels, [Line("August", values)], title="", currency=USD))

    assert told == {
        f"{label} August": text(value)
        for label, value in zip(labels, values, strict=True)
        if value is not None
    }


def test_nothing_to_show_is_said() -> None:
    for svg in (
        plots.heat_map([], title="", currency=USD),
        plots.schedule([], title="", currency=USD),
        plots.card_status([], title="", currency=USD),
        plots.trend([], [], title="", currency=USD),
    ):
        assert "Nothing to show" in svg


def test_a_hostile_name_stays_a_name() -> None:
    for svg in (
        plots.heat_map([tile(HOSTILE, 5, group=HOSTILE)], title=HOSTILE, currency=HOSTILE),
        plots.schedule([Bar(HOSTILE, 1, 2)], title=HOSTILE, currency=HOSTILE),
        plots.card_status([Stack(HOSTILE, {HOSTILE: 1})], title=HOSTILE, currency=HOSTILE),
        plots.trend([HOSTILE], [Line(HOSTILE, [1])], title=HOSTILE, currency=HOSTILE),
    ):
        assert "<script" not in svg
        assert all("script" not in mark.tag for mark in marks(svg))


def test_a_plot_is_a_picture_for_mails() -> None:
    svg = plots.heat_map([tile("search", 5)], title="August", currency=USD)

    assert ResvgPictures().png(svg).startswith(b"\x89PNG")
