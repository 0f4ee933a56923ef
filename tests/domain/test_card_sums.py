"""Card sums: whatever was signed, the parts of a week are what the runs say of it."""

from datetime import UTC, date, datetime

from hypothesis import given, settings
from hypothesis import strategies as st

from finops.domain.card_sums import (
    Booking,
    CardState,
    Measure,
    Rollup,
    Sums,
    bookings,
    card_sums,
    total,
)
from finops.domain.elements import ENTERPRISE, ancestors
from finops.domain.paces import Colour
from finops.domain.spend_cards import CardStatus, CardSummary

AT = datetime(2026, 9, 21, 6, tzinfo=UTC)
FIRST, SECOND, THIRD = (date(2026, 9, day) for day in (1, 6, 13))
OPEN, APPROVED = CardState(CardStatus.OPEN), CardState(CardStatus.APPROVED)


def card(
    start: date,
    spend: int,
    status: CardStatus = CardStatus.OPEN,
    about: tuple[tuple[date, int], ...] = (),
    currency: str | None = "USD",
) -> CardSummary:
    return CardSummary(
        product_id="a.b.c.d",
        start=start,
        end=start,
        currency=currency,
        status=status,
        is_provisional=False,
        spend=spend,
        amount=spend + sum(ticks for _, ticks in about),
        colour=Colour.GREY,
        budget=None,
        authors=frozenset(),
        awaits=None,
        reminded=0,
        escalated=0,
        former=0,
        made_at=AT,
        since=AT,
        changed_at=AT,
        about=about,
    )


def of(sums: Sums, measure: Measure) -> int:
    return total(sums, measure, "USD")


def test_what_is_on_no_card_yet_is_uncarded() -> None:
    sums = card_sums({("USD", FIRST): 10, ("USD", SECOND): 7}, [card(FIRST, 10)], [], "USD")

    assert [of(sums, one) for one in (Measure.SPEND, Measure.OWN, Measure.UNCARDED)] == [17, 10, 7]


def test_a_difference_waits_until_a_card_has_it() -> None:
    """Signed for 10, the week costs 12 now; then the next card has the 2."""
    signed = card(FIRST, 10, CardStatus.APPROVED)
    spends = {("USD", FIRST): 12, ("USD", SECOND): 7}
    later = card(SECOND, 7, about=((FIRST, 2),))
    before = card_sums(spends, [signed], [], "USD")
    after = card_sums(spends, [signed, later], bookings([later], "USD"), "USD")

    assert (of(before, Measure.WAITING), of(before, Measure.BOOKED)) == (2, 0)
    assert (of(after, Measure.WAITING), of(after, Measure.BOOKED)) == (0, 2)
    assert of(after, Measure.CARRIED) == 2


def test_what_names_no_currency_is_in_that_of_plans() -> None:
    sums = card_sums({("USD", FIRST): 3}, [card(FIRST, 3, currency=None)], [], "USD")

    assert {key.currency for key in sums} == {"USD"}
    assert of(sums, Measure.WAITING) == 0


amounts = st.integers(-50, 50)
weeks = st.sampled_from([FIRST, SECOND, THIRD])


@settings(max_examples=60, deadline=None)
@given(
    st.dictionaries(weeks, amounts),
    st.dictionaries(weeks, st.tuples(amounts, st.sampled_from(CardStatus))),
    st.lists(st.tuples(weeks, amounts)),
)
def test_all_parts_add_up_to_the_spend(
    spends: dict[date, int],
    signed: dict[date, tuple[int, CardStatus]],
    booked: list[tuple[date, int]],
) -> None:
    cards = [card(start, *what) for start, what in signed.items()]
    adjustments = [Booking("USD", start, OPEN, ticks) for start, ticks in booked]
    sums = card_sums({("USD", s): t for s, t in spends.items()}, cards, adjustments, "USD")
    parts = (Measure.OWN, Measure.BOOKED, Measure.WAITING, Measure.UNCARDED)

    assert sum(of(sums, one) for one in parts) == of(sums, Measure.SPEND) == sum(spends.values())


products = st.sampled_from(["a.b.c.d", "a.b.c.e", "a.x.y.z", "q.r.s.t"])


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(products, st.dictionaries(weeks, amounts))))
def test_a_node_is_the_sum_of_its_products_whatever_changed(
    changes: list[tuple[str, dict[date, int]]],
) -> None:
    rollup, newest = Rollup(), dict[str, int]()
    for product, spends in changes:
        rollup.put(
            product,
            ancestors(product),
            card_sums({("USD", s): t for s, t in spends.items()}, [], [], "USD"),
        )
        newest[product] = sum(spends.values())

    for element in ("a", "a.b.c", "q", ENTERPRISE):
        mine = [ticks for product, ticks in newest.items() if element in ancestors(product)]
        assert of(rollup.of(element), Measure.SPEND) == sum(mine)
