"""The weekly digest: one mail to everybody who answers for spend, about the cards under them.

A product owner reads about their cards of the week just ended; who is above them about the cards of
open months by status, and who owes the next step; finance about the whole enterprise, and about what
no card says.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime, timedelta
from itertools import dropwhile
from typing import NamedTuple, TypeVar

from finops.domain.authorization import Action, reach
from finops.domain.charts import Chart
from finops.domain.elements import ENTERPRISE, ancestors
from finops.domain.fiscal_years import FiscalYear
from finops.domain.people import Holders, Person, Role, holders
from finops.domain.periods import BillingPeriod, Period, label, spend_period, spend_periods
from finops.domain.spend_cards import CardSettings, CardStatus, CardSummary, Readiness, readiness
from finops.usecases import plots
from finops.usecases.card_tasks import (
    CardDesk,
    CardWork,
    OwedCard,
    card_work,
    cards_in,
    open_months,
)
from finops.usecases.digest import Letterhead, amount, product_name
from finops.usecases.mail_pages import Block, page
from finops.usecases.mail_rounds import KEPT_A_WEEK, Sent, sent_to_each
from finops.usecases.organisation_settings import in_force
from finops.usecases.ports import CardSpending, Charts, Mail, MonthStanding, Pictures, Spending
from finops.usecases.tend_cards import STEP_WORDS, Post, who_owes

T = TypeVar("T")
WEEK = timedelta(7)
PLOT = "cards"
# What a picture is called, and what it says to who does not see it.
PICTURED: Mapping[str, tuple[str, str]] = {
    PLOT: (
        "Cards at a glance",
        "The cards of open months by status, in {currency}, as in the table below",
    ),
}
MOST_BARS = 12
PROVISIONAL = "Provisional"
READERS = (
    *(Role.FINANCIAL_ADMIN, Role.VENDOR_MANAGER),
    *(Role.BUSINESS_UNIT_OWNER, Role.DEPARTMENT_OWNER, Role.PORTFOLIO_OWNER, Role.PRODUCT_OWNER),
)
# In the order of a card's way.
STATUSES: Mapping[str, str] = {
    PROVISIONAL: "provisional, until the month's bill is final",
    CardStatus.OPEN: "open",
    CardStatus.ACCEPTED: "accepted",
    CardStatus.REJECTED: "rejected",
    CardStatus.DISPUTED: "disputed",
    CardStatus.APPROVED: "approved",
    CardStatus.RESOLVED: "resolved",
}


class Sources(NamedTuple):
    """What the digest is made of; *currency* is that of plans."""

    desk: CardDesk
    charts: Charts
    spending: Spending
    card_spending: CardSpending
    currency: str


class Facts(NamedTuple):
    """What all mails of a week are made of.

    *weeks* are those that just ended: two, where a month ended among them. *cards* and *waiting*
    (for somebody) are by each element that covers them. *uncovered* are ended weeks that their bills
    do not cover, and why not; *unallocated* is by month and currency, in ticks.
    """

    today: date
    weeks: Sequence[Period]
    cards: Mapping[str, Sequence[CardSummary]]
    waiting: Mapping[str, Sequence[OwedCard]]
    work: CardWork
    held: Holders
    charts: Mapping[int, Chart]
    settings: CardSettings
    first_month: int
    uncovered: Sequence[tuple[Period, str]]
    unallocated: Sequence[tuple[str, str | None, int]]
    currency: str

    def currency_of(self, card: CardSummary) -> str:
        """What names no currency is in that of plans."""
        return card.currency or self.currency

    def name(self, product_id: str, day: date) -> str:
        """A product by its name in the fiscal year of a day."""
        year = FiscalYear.of(day, self.first_month).year
        return product_name(product_id, self.charts.get(year))

    def is_new(self, card: CardSummary) -> bool:
        """Whether it is of the week that just ended."""
        return card.period in self.weeks

    def cards_of(self, person: Person) -> list[CardSummary]:
        return [card for element in person.reach for card in self.cards.get(element, ())]

    def waiting_under(self, person: Person) -> list[OwedCard]:
        return [one for element in person.reach for one in self.waiting.get(element, ())]


def send_weekly_digests(
    at: datetime, *, sources: Sources, post: Post, pictures: Pictures | None = None
) -> Sent:
    """A mail to each reader who has something to read, once a week however often this is asked.

    One that does not go out keeps nobody else from theirs.
    """
    facts = facts_of(at, sources)
    year, week, _ = at.date().isocalendar()
    told = {person.email: weekly_blocks(person, facts) for person in sources.desk.people.all()}
    return sent_to_each(
        [person for person in sources.desk.people.all() if told[person.email]],
        lambda person: f"weekly-digest#{year}-W{week:02}#{person.email}",
        lambda person: weekly_digest(
            person,
            told[person.email],
            facts,
            post.letterhead,
            plots=_drawn(person, facts, pictures),
        ),
        mails=post.mails,
        receipts=post.receipts,
        kept=KEPT_A_WEEK,
    )


def ended_weeks(today: date) -> list[Period]:
    """The spend periods that make up the newest business week that is over.

    >>> [str(week.start) for week in ended_weeks(date(2026, 9, 7))]
    ['2026-08-30', '2026-09-01']
    """
    sunday = today - timedelta((today.weekday() + 1) % 7)
    first, last = spend_period(sunday - WEEK), spend_period(sunday - timedelta(1))
    return [first] if first == last else [first, last]


def facts_of(at: datetime, sources: Sources) -> Facts:
    """How things stand at a moment."""
    desk, today = sources.desk, at.date()
    months = open_months(today, desk.closes.all().values())
    known = sorted({*months, *(BillingPeriod.of(week.start) for week in ended_weeks(today))})
    spent = sources.spending.spent(known)
    work = card_work(today, desk)
    return Facts(
        today=today,
        weeks=ended_weeks(today),
        cards=_by_element(
            (card.product_id, card) for some in cards_in(known, desk.cards) for card in some
        ),
        waiting=_by_element((one.card.product_id, one) for one in work.all),
        work=work,
        held=holders(desk.people.all()),
        charts={head.year: sources.charts.read(head) for head in sources.charts.heads()},
        settings=in_force(desk.settings).cards,
        first_month=desk.first_month,
        uncovered=_uncovered(months, at, sources.card_spending),
        unallocated=[
            (month, currency, ticks[place])
            for place, month in enumerate(known)
            for currency, ticks in spent.unallocated.items()
            if ticks[place]
        ],
        currency=sources.currency,
    )


def _by_element(some: Iterable[tuple[str, T]]) -> dict[str, list[T]]:
    """Each under its product and all elements above it, the enterprise too."""
    found: defaultdict[str, list[T]] = defaultdict(list)
    for product_id, one in some:
        for element in ancestors(product_id):
            found[element].append(one)
    return found


def _uncovered(
    months: Sequence[BillingPeriod], at: datetime, spending: CardSpending
) -> list[tuple[Period, str]]:
    """The weeks that are over and not covered by their bills, from the first month with a bill on."""
    standings = [spending.standing(month) for month in months]
    known = dropwhile(lambda one: not one.runs, standings)
    return [
        (week, _why(standing))
        for standing in known
        for week in spend_periods(BillingPeriod(standing.month))
        if week.has_ended(at)
        and readiness(week, complete_through=standing.complete_through, is_final=standing.is_final)
        is Readiness.WAITS
    ]


def _why(standing: MonthStanding) -> str:
    if standing.missing:
        return "; ".join(standing.missing)
    through = standing.complete_through
    return f"complete through {through}" if through else "it covers no whole day yet"


# The mail -------------------------------------------------------------------------------------------


def weekly_digest(
    person: Person,
    blocks: Sequence[Block],
    facts: Facts,
    letterhead: Letterhead,
    *,
    plots: Mapping[str, bytes],
) -> Mail:
    """The mail to one person; *plots* are PNG by name, of what they may see."""
    pictured = [
        Block(title, image=name, image_about=about.format(currency=facts.currency))
        for name, (title, about) in PICTURED.items()
        if name in plots
    ]
    said = {
        "name": person.name or person.email,
        "week": f"{facts.weeks[0].start} to {facts.weeks[-1].end - timedelta(1)}",
        "count": str(len(facts.work.of(person))),
    }
    return page(person.email, [*pictured, *blocks], letterhead, said, plots)


def weekly_blocks(person: Person, facts: Facts) -> list[Block]:
    """What somebody reads about, none where there is nothing: by role, and never beyond their scope."""
    if person.role not in READERS or reach(person, Action.SEE_CARDS) is None:
        return []
    mine = facts.cards_of(person)
    owed = facts.work.of(person)
    if person.role is Role.PRODUCT_OWNER:
        found = [
            _of_the_week(mine, owed, facts),
            _owed([one for one in owed if one.acting_for or not facts.is_new(one.card)], facts),
        ]
    else:
        found = [
            *_by_status(mine, facts),
            _next_steps(person, facts),
            _overspent(mine, facts),
            _owed(owed, facts),
        ]
        if person.role.level == 0:
            found += [_late(facts), _unallocated(facts), _weeks_that_wait(facts)]
    return [one for one in found if one.rows]


def _of_the_week(mine: Iterable[CardSummary], owed: Iterable[OwedCard], facts: Facts) -> Block:
    due = {one.card.key: one for one in owed}
    rows = [
        (
            facts.name(card.product_id, card.start),
            amount(card.amount, card.currency),
            amount(card.amount - card.spend, None) if card.amount != card.spend else "–",
            card.colour.word,
            STATUSES[_status(card)],
            _what_is_owed(due.get(card.key)),
        )
        for card in sorted(mine, key=lambda one: (one.start, one.product_id, one.currency or ""))
        if facts.is_new(card)
    ]
    return Block(
        "Your cards of the week",
        f"{' and '.join(map(label, facts.weeks))}. Amounts include adjustments of earlier weeks.",
        ("Product", "Amount", "Adjustments", "Pace", "Status", "To do"),
        rows,
        right=(1, 2),
    )


def _what_is_owed(owed: OwedCard | None) -> str:
    if owed is None:
        return "–"
    by = f" by {owed.due:%Y-%m-%d}" if owed.due else ""
    return f"{STEP_WORDS[owed.kind]}{by}"


def _owed(owed: Sequence[OwedCard], facts: Facts) -> Block:
    rows = [
        (
            f"{facts.name(one.card.product_id, one.card.start)}, week of {one.card.start}",
            amount(one.card.amount, one.card.currency),
            _what_is_owed(one) + (f", in the place of {one.acting_for}" if one.acting_for else ""),
        )
        for one in owed
    ]
    return Block(
        f"Waiting for you ({len(rows)})",
        "The longest waiting first.",
        ("Card", "Amount", "To do"),
        rows,
        right=(1,),
    )


def _by_status(mine: Iterable[CardSummary], facts: Facts) -> list[Block]:
    """A table for each currency: amounts of two are never added."""
    found: defaultdict[str, dict[str, list[int]]] = defaultdict(dict)
    for card in mine:
        found[facts.currency_of(card)].setdefault(_status(card), []).append(card.amount)
    return [
        Block(
            f"Cards by status, in {currency}",
            f"Of the months that are open, as of {facts.today}.",
            ("Status", "Cards", "Amount"),
            [
                (STATUSES[status], str(len(of[status])), amount(sum(of[status]), currency))
                for status in STATUSES
                if status in of
            ],
            right=(1, 2),
        )
        for currency, of in sorted(found.items())
    ]


def _next_steps(person: Person, facts: Facts) -> Block:
    """Who owes the next step, the longest waiting first."""
    waiting: defaultdict[tuple[str, str], list[OwedCard]] = defaultdict(list)
    for one in sorted(facts.waiting_under(person), key=lambda one: one.since):
        waiting[who_owes(one.task, facts.held), STEP_WORDS[one.kind]].append(one)
    rows = [
        (who, step, str(len(some)), _summed(some), f"{some[0].since:%Y-%m-%d}")
        for (who, step), some in waiting.items()
    ]
    return Block(
        "Who owes the next step",
        "",
        ("Who", "Step", "Cards", "Amount", "Since"),
        rows,
        right=(2, 3),
    )


def _summed(some: Iterable[OwedCard]) -> str:
    sums: Counter[str | None] = Counter()
    for one in some:
        sums[one.card.currency] += one.card.amount
    return " + ".join(amount(ticks, currency) for currency, ticks in sums.items())


def _overspent(mine: Iterable[CardSummary], facts: Facts) -> Block:
    """What is farthest over the budget's pace among the cards of the week."""
    beyond = [
        (over, card)
        for card in mine
        if facts.is_new(card) and (over := _beyond(card, facts.settings)) > 0
    ]
    beyond.sort(key=lambda one: (-one[0], one[1].product_id, one[1].start))
    rows = [
        (
            f"{facts.name(card.product_id, card.start)}, week of {card.start}",
            amount(card.spend, card.currency),
            amount(over, card.currency),
            card.colour.word,
        )
        for over, card in beyond
    ]
    return Block(
        "Most above budget",
        "Cards of the week that spent more than the month's budget allows for its days.",
        ("Card", "Spend", "Above", "Pace"),
        rows,
        right=(1, 2),
    )


def _beyond(card: CardSummary, settings: CardSettings) -> int:
    """Ticks above what the month's budget allows for the card's days; 0 without a budget."""
    if card.budget is None:
        return 0
    days = settings.month_days.of(BillingPeriod.of(card.start))
    return card.spend - card.budget * card.period.days // days


def _late(facts: Facts) -> Block:
    everything = facts.waiting.get(ENTERPRISE, ())
    late = [one for one in everything if one.due is not None and one.due.date() <= facts.today]
    rows = [
        (
            f"{facts.name(one.card.product_id, one.card.start)}, week of {one.card.start}",
            amount(one.card.amount, one.card.currency),
            who_owes(one.task, facts.held),
            f"{one.since:%Y-%m-%d}",
        )
        for one in late
    ]
    return Block(
        f"Late cards ({len(rows)})",
        "They waited until they were to go up a level.",
        ("Card", "Amount", "Owed by", "Since"),
        rows,
        right=(1,),
    )


def _unallocated(facts: Facts) -> Block:
    rows = [(month, amount(ticks, currency)) for month, currency, ticks in facts.unallocated]
    return Block(
        "Spend that nobody owns", "It is on no card.", ("Month", "Amount"), rows, right=(1,)
    )


def _weeks_that_wait(facts: Facts) -> Block:
    return Block(
        "Weeks that wait for the bill",
        "They are over, and the bill does not cover them yet.",
        ("Week", "Bill"),
        [(label(week), why) for week, why in facts.uncovered],
    )


def _status(card: CardSummary) -> str:
    return PROVISIONAL if card.is_provisional else card.status


# The plot -------------------------------------------------------------------------------------------


def _drawn(person: Person, facts: Facts, pictures: Pictures | None) -> dict[str, bytes]:
    """The cards by status, a bar for each element below those of *person*; in the plans' currency."""
    if pictures is None or person.role is Role.PRODUCT_OWNER:
        return {}
    bars = _bars(person, facts)
    if not bars:
        return {}
    title = "Spend cards of open months by status"
    return {PLOT: pictures.png(plots.card_status(bars, title=title, currency=facts.currency))}


def _bars(person: Person, facts: Facts) -> list[plots.Stack]:
    """The largest elements, and all others together."""
    amounts: defaultdict[str, Counter[str]] = defaultdict(Counter)
    counts: defaultdict[str, Counter[str]] = defaultdict(Counter)
    up = person.role.level + 1
    for card in facts.cards_of(person):
        if facts.currency_of(card) == facts.currency:
            element = ".".join(card.product_id.split(".")[:up])
            amounts[element][_status(card)] += card.amount
            counts[element][_status(card)] += 1
    listed = sorted(amounts, key=lambda one: (-sum(amounts[one].values()), one))
    most = MOST_BARS if len(listed) <= MOST_BARS else MOST_BARS - 1
    bars = [
        plots.Stack(_element_name(one, facts), amounts[one], counts[one]) for one in listed[:most]
    ]
    if others := listed[most:]:
        bars.append(
            plots.Stack(
                f"{len(others)} others",
                _together(amounts[one] for one in others),
                _together(counts[one] for one in others),
            )
        )
    return bars


def _together(some: Iterable[Counter[str]]) -> Counter[str]:
    """All of *some*, below zero too: there are credits."""
    sums: Counter[str] = Counter()
    for one in some:
        sums.update(one)
    return sums


def _element_name(element: str, facts: Facts) -> str:
    """The name of *element* in the newest chart that has it."""
    for year in sorted(facts.charts, reverse=True):
        if below := facts.charts[year].products_under(element):
            return below[0].names[element.count(".")]
    return element.rpartition(".")[2]
