"""Planning a run of spend cards: what is due, what waits for the bill, and the products in items.

Nothing is kept of a run but the cards: what is due follows from the clock, the bills and the cards
that are there. So each step can be run again at any time, by several executions at once.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import NamedTuple

from finops.domain.allocations import Lives, lives
from finops.domain.budgets import Budget
from finops.domain.card_runs import Mondays, WeekTally, added_up, asked_period, weeks_of
from finops.domain.charts import Chart
from finops.domain.fiscal_years import FiscalYear
from finops.domain.organisation_settings import ALL, OrganisationSettings
from finops.domain.periods import BillingPeriod, Period, usage_day
from finops.domain.places import work
from finops.domain.spend_cards import CardSettings, Readiness, readiness
from finops.domain.values import Frozen
from finops.usecases.allocation_starts import open_bills
from finops.usecases.ports import (
    Bills,
    Budgets,
    CardSpending,
    Charts,
    Ledger,
    MonthStanding,
    SettingsKept,
    SpendCards,
)

PRODUCTS_PER_ITEM = 100
LINES_PER_ITEM = 250_000  # of cards; a worker holds them, and as many of the spend
LINES_OF_A_CARD = 50  # at least: how many a new one will have, nobody knows


class Member(Frozen):
    """A product of an item: the currencies that it has or may have cards in, the due weeks in which
    it is alive, and what is approved for it (ticks) by month."""

    product_id: str
    currencies: tuple[str | None, ...]
    alive: tuple[date, ...] = ()
    approved: Mapping[str, int] = {}


class Item(Frozen):
    """Some products whose cards are brought up to the bills of *months*; *weeks* are due.

    *at* is the moment of the run, which its cards are made and changed at.
    """

    run_id: str
    number: int
    at: datetime
    months: tuple[str, ...]
    weeks: tuple[date, ...]
    currency: str
    settings: CardSettings
    members: tuple[Member, ...]


class Planned(Frozen):
    """What `plan` tells the state machine.

    *due_at* is the moment that decides what is due; *waits* counts the weeks that wait, due and not
    covered by their bills, or with a remap that no run knows of, which *waiting* explains. *is_late*:
    they have waited long enough.
    """

    run_id: str
    at: datetime
    due_at: datetime
    months: tuple[str, ...]
    items: int
    bucket: str
    items_key: str
    waits: int
    waiting: tuple[WeekTally, ...]
    is_late: bool
    wait_seconds: int


class Timing(NamedTuple):
    """When cards are made, from which month on, and how long the machine waits for bills."""

    mondays: Mondays
    first_month: str | None
    retry_minutes: int
    retry_hours: int


class Sources(NamedTuple):
    """Where a plan comes from; *fiscal_start* is the fiscal year's first month."""

    bills: Bills
    spending: CardSpending
    cards: SpendCards
    charts: Charts
    budgets: Budgets
    settings: SettingsKept
    fiscal_start: int
    currency: str
    open_from: date


def plan(
    run_id: str,
    due_at: datetime | None,
    period: str | None,
    *,
    now: datetime,
    timing: Timing,
    sources: Sources,
    ledger: Ledger,
    bucket: str,
) -> Planned:
    """Which cards are due at a moment (None: now), and the products to look at, in items.

    A business week is due once it ended by the newest Monday run, in an open month that cards are
    made for, from the first one that has a bill. With a *period* only its months are looked at, and
    only its weeks are made.
    """
    at = due_at or now
    run, asked = timing.mondays.last(at), asked_period(period) if period else None
    months = _months(at, asked, timing, sources)
    standings = {month: sources.spending.standing(month) for month in months}
    due: list[Period] = []
    waiting: list[WeekTally] = []
    waits = 0
    for week in weeks_of(months, asked):
        if not week.has_ended(run):
            if asked is not None:
                why = f"its cards are made from {timing.mondays.following(week)} on"
                waiting.append(WeekTally(start=week.start, end=week.end, waiting=why))
        elif week_readiness(week, standings[BillingPeriod.of(week.start)]) is Readiness.WAITS:
            why = _why(standings[BillingPeriod.of(week.start)])
            waiting.append(WeekTally(start=week.start, end=week.end, waiting=why))
            waits += 1
        else:
            due.append(week)
    awaited = _awaited(standings, sources.cards)
    looked_at = tuple(month for month in months if not standings[month].missing)
    items = _items(run_id, now, looked_at, due, sources)
    key = run_place(run_id, f"{round_name(now)}/items.json")
    ledger.put_json(key, [item.model_dump(mode="json") for item in items])
    ledger.put_json(run_place(run_id, "plan.json"), {"round": round_name(now), "items": len(items)})
    return Planned(
        run_id=run_id,
        at=now,
        due_at=at,
        months=looked_at,
        items=len(items),
        bucket=bucket,
        items_key=key,
        waits=waits + len(awaited),
        waiting=tuple(added_up([*waiting, *awaited])),
        is_late=now >= at + timedelta(hours=timing.retry_hours),
        wait_seconds=60 * timing.retry_minutes,
    )


def _months(
    at: datetime, asked: Period | None, timing: Timing, sources: Sources
) -> list[BillingPeriod]:
    """The open months from the first one with a bill on; the bills of some may be still to come."""
    last = BillingPeriod.of(usage_day(at))
    first = BillingPeriod.of(sources.open_from)
    if timing.first_month is not None:
        first = max(first, BillingPeriod(timing.first_month))
    billed = open_bills(sources.bills, sources.open_from)
    found = {BillingPeriod(bill.billing_period) for bill in billed}
    if not found:
        return []
    coming = min(found)
    while coming < last:
        coming = BillingPeriod.of(coming.end)
        found.add(coming)
    return sorted(
        month
        for month in found
        if first <= month <= last
        and (asked is None or (month.start < asked.end and asked.start < month.end))
    )


def _awaited(
    standings: Mapping[BillingPeriod, MonthStanding], cards: SpendCards
) -> list[WeekTally]:
    """The weeks with disputed cards whose remap no run knows of yet.

    Where the changed rules make no difference to a bill, no allocation of it tells of them.
    """
    found: Counter[Period] = Counter(
        card.period
        for month, standing in standings.items()
        for card in cards.in_month(month)
        if card.awaits is not None and standing.revision < card.awaits
    )
    return [
        WeekTally(
            start=week.start,
            end=week.end,
            waiting=f"the bill is not allocated by the rules that {found[week]} "
            f"disputed {'card waits' if found[week] == 1 else 'cards wait'} for",
        )
        for week in sorted(found, key=lambda week: week.start)
    ]


def week_readiness(week: Period, standing: MonthStanding) -> Readiness:
    if standing.missing:
        return Readiness.WAITS
    return readiness(week, complete_through=standing.complete_through, is_final=standing.is_final)


def _why(standing: MonthStanding) -> str:
    if standing.missing:
        return "; ".join(standing.missing)
    if standing.complete_through is None:
        return "the bill covers no whole day yet"
    return f"the bill is complete through {standing.complete_through}"


def _items(
    run_id: str, at: datetime, months: Sequence[str], due: Sequence[Period], sources: Sources
) -> list[Item]:
    if not months:
        return []
    kept = sources.settings.find(ALL) or OrganisationSettings()
    return [
        Item(
            run_id=run_id,
            number=number,
            at=at,
            months=tuple(months),
            weeks=tuple(week.start for week in due),
            currency=sources.currency,
            settings=kept.cards,
            members=tuple(members),
        )
        for number, members in enumerate(_shares(_members(months, due, sources)))
    ]


def _shares(members: Iterable[tuple[Member, int]]) -> Iterator[list[Member]]:
    """*members* for a worker each, by how many lines their cards have."""
    share: list[Member] = []
    lines = 0
    for member, own in members:
        if share and (len(share) == PRODUCTS_PER_ITEM or lines + own > LINES_PER_ITEM):
            yield share
            share, lines = [], 0
        share.append(member)
        lines += own
    if share:
        yield share


def _members(
    months: Sequence[str], due: Sequence[Period], sources: Sources
) -> Iterator[tuple[Member, int]]:
    """Every product that spends or has a card in *months*, or is alive in a week that is due.

    With each, about how many lines its cards will have: each as many as the one that has most.
    """
    currencies: defaultdict[str, set[str | None]] = defaultdict(set)
    cards: Counter[str] = Counter()
    most: dict[str, int] = {}
    for month in months:
        for product, currency in sources.spending.totals(month):
            currencies[product].add(currency)
        for card in sources.cards.in_month(month):
            currencies[card.product_id].add(card.currency)
            cards[card.product_id] += 1
            most[card.product_id] = max(card.lines, most.get(card.product_id, LINES_OF_A_CARD))
    charts = [sources.charts.read(head) for head in sources.charts.heads()]
    living = lives(charts)
    alive = {product: _alive(product, due, living) for product in living}
    approved = {month: _approved(BillingPeriod(month), charts, sources) for month in months}
    for product in sorted({*currencies, *(one for one, weeks in alive.items() if weeks)}):
        weeks = alive.get(product, ())
        of_plans = {sources.currency} if weeks else set[str]()
        member = Member(
            product_id=product,
            currencies=tuple(
                sorted(currencies[product] | of_plans, key=lambda one: (one is None, one or ""))
            ),
            alive=weeks,
            approved={
                month: amounts[product] for month, amounts in approved.items() if product in amounts
            },
        )
        yield member, (cards[product] + len(due)) * most.get(product, LINES_OF_A_CARD)


def _alive(product: str, due: Sequence[Period], living: Lives) -> tuple[date, ...]:
    """The first days of the weeks on some day of which *product* is alive."""
    return tuple(
        week.start
        for week in due
        if any(life.start < week.end and week.start < life.end for life in living[product])
    )


def _approved(month: BillingPeriod, charts: Sequence[Chart], sources: Sources) -> Mapping[str, int]:
    """What is approved for *month*, in ticks by product; nothing of one that ended before."""
    year = FiscalYear.of(month.start, sources.fiscal_start)
    chart = next((one for one in charts if one.year == year.year), None)
    year = chart.fiscal_year if chart else year
    if month not in year.months:
        return {}
    index = year.months.index(month)

    def amount(budget: Budget, approved: Sequence[int]) -> int:
        product = chart.product(budget.product_id) if chart else None
        is_over = product is not None and product.ends(year) <= month.start
        return 0 if is_over else approved[index]

    return {
        product: amount(budget, budget.approved)
        for product, budget in sources.budgets.of_year(year.year).items()
        if budget.approved is not None
    }


# -- where things are ------------------------------------------------------------------------------


def run_place(run_id: str, name: str) -> str:
    """Where something of a run is kept while it is made."""
    return work(f"cards-{run_id}", name)


def round_name(at: datetime) -> str:
    """What a round of a run is called."""
    return f"{at:%Y%m%dT%H%M%S%f}"
