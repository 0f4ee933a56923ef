"""Views of 5,000 products for who sees all of them, on fakes: what the product itself takes."""

import time
from collections.abc import Callable, Sequence
from datetime import date
from typing import Any, cast

from benchmarks.measuring import table
from finops.domain.paces import Pace
from finops.domain.periods import BillingPeriod, spend_periods
from finops.domain.spend_cards import CardKey, CardStatus, CardSummary, SpendCard
from finops.usecases import spend_answers, spend_views
from finops.usecases.month_sums import ViewSources
from finops.usecases.spend_frames import Question, span_of
from tests.spend_world import AT, Entry, SpendWorld
from tests.usecases.organisation import UNIT, Organisation, chart_csv
from tests.usecases.test_spend_answers import ADMIN

PRODUCTS = 5_000
MONTHS = ("2026-07", "2026-08", "2026-09")
TODAY = date(2026, 9, 28)
TRIES = 21


class Remembered:
    """`SpendCards` whose lists of months are at hand, as they are in a door that is warm."""

    def __init__(self) -> None:
        self.months: dict[str, list[CardSummary]] = {}

    def in_month(self, month: str) -> Sequence[CardSummary]:
        return list(self.months.get(month, ()))

    def make(self, world: SpendWorld, month: str) -> None:
        """A card of every week, each seventh accepted."""
        listed = self.months.setdefault(month, [])
        for (product, currency), weeks in world.card_spending.spend(month).spends.items():
            for start, spend in weeks.items():
                key = CardKey(product, start, currency)
                card = CardSummary.of(SpendCard.made(key, spend, pace=Pace(), at=AT))
                status = CardStatus.OPEN if len(listed) % 7 else CardStatus.ACCEPTED
                listed.append(card.model_copy(update={"status": status, "version": 1}))


def organisation() -> tuple[Organisation, list[str]]:
    names = [
        (f"Unit {n % 5}", f"Department {n % 25}", f"Portfolio {n % 250}", f"Product {n}")
        for n in range(PRODUCTS)
    ]
    made = Organisation()
    made.drop(content=chart_csv(dict.fromkeys(names, "1200")))
    return made, [product.id for product in made.chart().products]


def world() -> ViewSources:
    """Three months of spend in every week, with a card for each."""
    made, products = organisation()
    for product in products[:5]:
        made.approve(product, [100 * UNIT] * 12)
    world, cards = SpendWorld(made), Remembered()
    for month in MONTHS:
        weeks = spend_periods(BillingPeriod(month))
        world.load(
            [
                Entry(week.start.isoformat(), number % 40 + 1, product)
                for number, product in enumerate(products)
                for week in weeks
            ]
        )
        cards.make(world, month)
    return world.sources._replace(cards=cast(Any, cards))


def compare() -> str:
    """Milliseconds of the processor: the first time, and warm."""
    sources = world()
    rows = []
    for span in ("month", "year"):
        asked = Question("", span_of(span, MONTHS[-1], None, TODAY, sources), TODAY, ADMIN)
        for name, ask in VIEWS.items():
            taken = []
            for _ in range(TRIES):
                start = time.process_time()
                ask(asked, sources)
                taken.append(1_000 * (time.process_time() - start))
            first, warm = taken[0], sorted(taken[1:])
            told = (first, warm[len(warm) // 2], warm[int(len(warm) * 0.95)])
            rows.append([span, name, *(f"{one:,.0f} ms" for one in told)])
    return table(["span", "view", "first", "warm", "p95"], rows)


Ask = Callable[[Question, ViewSources], object]


def _rows(answer: Callable[..., Any], rows: Callable[..., Any]) -> Ask:
    def ask(asked: Question, sources: ViewSources) -> object:
        found = answer(asked, sources=sources)
        return spend_views.paged(found, rows(found, found.keys[:100]))

    return ask


def _deep(answer: Callable[..., Any]) -> Callable[..., Any]:
    return lambda asked, sources: answer(asked, 4, sources=sources)


def _statuses(asked: Question, sources: ViewSources) -> object:
    found = spend_answers.cards_by_status(asked, sources=sources)
    return spend_views.cards_by_status(found, found.waiting[:100], None)


VIEWS: dict[str, Ask] = {
    "summary": lambda asked, sources: spend_views.summary(
        spend_answers.summary(asked, sources=sources)
    ),
    "snapshot": _rows(_deep(spend_answers.snapshot), spend_views.snapshot_rows),
    "cards by status": _statuses,
    "variance": _rows(_deep(spend_answers.variances), spend_views.variance_rows),
    "heat map": _rows(spend_answers.heat_map, spend_views.heat_rows),
    "weekly cards": _rows(_deep(spend_answers.weekly_cards), spend_views.week_rows),
    "trend": lambda asked, sources: spend_views.trend(spend_answers.trend(asked, sources=sources)),
    "schedule": lambda asked, sources: spend_views.schedule(
        spend_answers.schedule(asked, sources=sources)
    ),
}
