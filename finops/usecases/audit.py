"""The audit trail, read by who may, and walked to find what was tampered with."""

import base64
import json
from collections.abc import Callable, Mapping
from datetime import date, timedelta
from typing import Any, NamedTuple

from finops.domain.alerts import OF_CREDITS
from finops.domain.audit import AuditRecord, Finding, findings, kept_time
from finops.domain.authorization import Action, Reach, must, must_reach
from finops.domain.elements import ENTERPRISE, covers
from finops.domain.errors import InvalidError
from finops.domain.organisation_settings import ALL as ALL_SETTINGS
from finops.domain.people import Person
from finops.domain.periods import BillingPeriod
from finops.domain.spend_cards import CardKey, SpendCard
from finops.domain.values import Entity, Frozen
from finops.usecases.ports import (
    Accounts,
    Alerts,
    Audit,
    Budgets,
    Charts,
    Closes,
    Credits,
    Delegations,
    Page,
    People,
    Policies,
    RulesHeads,
    SavingsKept,
    SavingsSnapshots,
    SettingsKept,
    Shares,
    SpendCards,
    TrailPlace,
    Workloads,
)

ROUNDS = 20  # pages of the table read for one page of an answer
LARGEST_PAGE = 250  # records: what stays below the size of an answer that API Gateway carries
ORGANIZATION = "organization"  # what the one look at it is known by
DISCOUNTS = "discounts"  # what the one price book is known by
CHAINS = 100  # verified for one answer
ALERT_MONTHS = 6
LOADS = 1_000
YEARS_AROUND = 5
MOST_AT_ONCE = 5_000  # records of one moment
STATES = "states"
CARDS = "cards"  # and a month: they are too many to be listed with the rest
CARD = "spend-card"
# Entities that have a state.
KEPT = frozenset(
    {
        *("person", "chart", "chart-load", "budget", "gate", "account", "account-check"),
        *("shares", "class-policies", "claim-rules", "claims", "workload"),
        *("credit", "price-book", "spend-card", "month-close", "delegation", "settings"),
        *("saving", "savings-day", "alert"),
    }
)
USUAL = timedelta(days=92)  # how far back a trail goes where nobody says
FARTHEST = timedelta(days=3653)
EARLIEST = date(2000, 1, 1)

IsWanted = Callable[[AuditRecord], bool]


class TrailQuery(Frozen):
    """Which records are wanted; *since* and *until* are days, both included."""

    entity: str | None = None
    actor: str | None = None
    element: str | None = None
    since: date
    until: date


def trail_query(
    entity: str | None,
    actor: str | None,
    element: str | None,
    since: date | None,
    until: date | None,
    today: date,
) -> TrailQuery:
    """A question to the trail: of the last three months, where nobody says; ten years at most.

    Raises InvalidError for days the wrong way round or too far apart.
    """
    last = min(until or today, today)
    first = since or max(last, EARLIEST + USUAL) - USUAL
    if first > last:
        raise InvalidError(f"since {first} is after until {last}")
    if last - first > FARTHEST:
        raise InvalidError(f"{first} to {last} is too long: ask for {FARTHEST.days} days at most")
    return TrailQuery(entity=entity, actor=actor, element=element, since=first, until=last)


class Books(NamedTuple):
    """What chains are compared with."""

    people: People
    charts: Charts
    budgets: Budgets
    accounts: Accounts
    shares: Shares
    policies: Policies
    claim_rules: RulesHeads
    claims: RulesHeads
    workloads: Workloads
    credits: Credits
    cards: SpendCards
    closes: Closes
    delegations: Delegations
    settings: SettingsKept
    alerts: Alerts
    savings: SavingsKept
    savings_days: SavingsSnapshots


def trail(query: TrailQuery, limit: int, cursor: str | None, *, by: Person, audit: Audit) -> Page:
    """The records that match and that *by* may see, newest first; no page outgrows an answer."""
    reach = must_reach(by, Action.SEE_AUDIT)

    def is_wanted(record: AuditRecord) -> bool:
        return _matches(record, query) and (reach is Reach.EVERYWHERE or _may_see(record, by))

    most = min(limit, LARGEST_PAGE)
    if query.entity is not None:
        return _of_chain(query.entity, most, cursor, is_wanted, audit)
    return _of_months(query, most, cursor, is_wanted, audit)


def _may_see(record: AuditRecord, by: Person) -> bool:
    return record.element != ENTERPRISE and by.covers(record.element)


def _matches(record: AuditRecord, query: TrailQuery) -> bool:
    return (
        query.since <= record.at.date() <= query.until
        and query.actor in (None, record.actor)
        and query.entity in (None, record.entity)
        and (query.element is None or covers(query.element, record.element))
    )


def _of_chain(
    entity: str, limit: int, cursor: str | None, is_wanted: IsWanted, audit: Audit
) -> Page:
    (start,) = _read(cursor, int) if cursor else (0,)
    found = [record for record in audit.chain(entity) if is_wanted(record)][::-1]
    end = start + limit
    return Page(found[start:end], _write(end) if end < len(found) else None)


def _of_months(
    query: TrailQuery, limit: int, cursor: str | None, is_wanted: IsWanted, audit: Audit
) -> Page:
    """Page after page of the table, from the newest month back, until the answer is full."""
    month, place = _placed(cursor) if cursor else (str(BillingPeriod.of(query.until)), None)
    last = str(BillingPeriod.of(query.since))
    found: list[AuditRecord] = []
    for _ in range(ROUNDS):
        if query.actor is not None:
            some = audit.of_actor(query.actor, limit, place)
        else:
            some = audit.in_month(month, limit, place)
        for record in some:
            place = _after(record, place)
            if is_wanted(record):
                found.append(record)
                if len(found) == limit:
                    return Page(found, _cursor(month, place))
        if len(some) < limit:
            if query.actor is not None or month <= last:
                return Page(found, None)
            month, place = _before(month), None
    return Page(found, _cursor(month, place))


def _after(record: AuditRecord, place: TrailPlace | None) -> TrailPlace:
    """The place behind *record*."""
    at = kept_time(record.at)
    return TrailPlace(at, place.passed + 1 if place and place.at == at else 1)


def _before(month: str) -> str:
    return str(BillingPeriod(month).before)


# Verified -----------------------------------------------------------------------------------------


class Verification(Frozen):
    """What was walked in one step, and what is wrong in it."""

    chains: int
    records: int
    findings: tuple[Finding, ...]
    next_cursor: str | None


def verify(
    since: date | None,
    today: date,
    cursor: str | None,
    *,
    by: Person,
    audit: Audit,
    books: Books,
) -> Verification:
    """Walk some chains, and go on at *cursor*: first of all that has a state, then of each month.

    What has a state is found by it, whatever became of its records: spend cards month by month, from
    *since* on (ten years where nobody says). The months tell of the rest, and of records whose
    entity is gone.
    """
    must(by, Action.VERIFY_AUDIT)
    stage, at, passed = _read(cursor, str, str, int) if cursor else (STATES, "", 0)
    entities = _with_state(books, today)
    if stage == STATES:
        end = passed + CHAINS
        is_last = end >= len(entities)
        newest = str(BillingPeriod.of(today))
        on = _write(CARDS, newest, 0) if is_last else _write(STATES, "", end)
        return _walked(dict.fromkeys(entities[passed:end]), on, audit, books)
    last = str(BillingPeriod.of(max(since or EARLIEST, today - FARTHEST)))
    if stage == CARDS:
        return _cards_walked(str(BillingPeriod(at)), passed, last, today, audit, books)
    walked = set(entities)
    month, place = str(BillingPeriod(stage)), TrailPlace(at, passed) if at else None
    for _ in range(ROUNDS):
        some = audit.in_month(month, CHAINS, place)
        for record in some:
            place = _after(record, place)
        others: dict[str, int] = {}
        for one in some:
            if one.entity not in walked and not _is_kept_card(one.entity, books):
                others[one.entity] = max(one.sequence, others.get(one.entity, 0))
        is_over = len(some) < CHAINS
        if is_over and month <= last:
            return _walked(others, None, audit, books)
        if is_over:
            month, place = _before(month), None
        if others:
            return _walked(others, _cursor(month, place), audit, books)
    return _walked({}, _cursor(month, place), audit, books)


def _cards_walked(
    month: str, passed: int, last: str, today: date, audit: Audit, books: Books
) -> Verification:
    """Some cards of a month and, where it has no more, of those before it; then the trail itself."""
    for _ in range(ROUNDS):
        names = sorted(card.key.entity for card in books.cards.in_month(month))
        some = names[passed : passed + CHAINS]
        passed += CHAINS
        is_over = passed >= len(names)
        if is_over and month <= last:
            on = _write(str(BillingPeriod.of(today)), "", 0)
            return _walked(dict.fromkeys(some), on, audit, books)
        if is_over:
            month, passed = _before(month), 0
        if some:
            return _walked(dict.fromkeys(some), _write(CARDS, month, passed), audit, books)
    return _walked({}, _write(CARDS, month, passed), audit, books)


def _is_kept_card(entity: str, books: Books) -> bool:
    """Whether *entity* is a card that was walked by its state."""
    return entity.startswith(f"{CARD}#") and _state(entity, books) is not None


def _card(name: str, cards: SpendCards) -> SpendCard | None:
    """The card that the trail knows by *name*: product, first day, currency."""
    product, _, rest = name.partition("#")
    start, _, currency = rest.partition("#")
    try:
        key = CardKey(product, date.fromisoformat(start), currency or None)
    except ValueError:
        return None
    return cards.kept(key)


def _walked(
    entities: Mapping[str, int | None], next_cursor: str | None, audit: Audit, books: Books
) -> Verification:
    """The chains of *entities*. One that goes on beyond the record a month told of (its sequence) is
    walked where its last one is told of."""
    chains = records = 0
    found: list[Finding] = []
    for entity, told in entities.items():
        count, last, faults = _faults(entity, audit, books)
        if told is not None and last > told:
            continue
        if faults:
            # An honest change may have come between the two readings: what stays is a fault.
            count, _, again = _faults(entity, audit, books)
            faults = [fault for fault in faults if fault in again]
        found += faults
        chains += 1
        records += count
    return Verification(
        chains=chains, records=records, findings=tuple(found), next_cursor=next_cursor
    )


def _faults(entity: str, audit: Audit, books: Books) -> tuple[int, int, list[Finding]]:
    """How many records the chain of *entity* has, the sequence of its last one, and what is wrong."""
    state = _state(entity, books)
    chain = list(audit.chain(entity))
    is_kept = entity.partition("#")[0] in KEPT
    last = chain[-1].sequence if chain else 0
    return len(chain), last, findings(entity, chain, state, is_kept=is_kept)


def _with_state(books: Books, today: date) -> list[str]:
    """The entities that have a state."""
    found = [f"person#{person.email}" for person in books.people.all()]
    found += [f"gate#{gate.portfolio}" for gate in books.budgets.gates()]
    found += [f"account#{account.account_id}" for account in books.accounts.all()]
    if books.accounts.check() is not None:
        found.append(f"account-check#{ORGANIZATION}")
    found += [f"shares#{account}" for account in sorted(books.shares.all())]
    found += [f"class-policies#{payer}" for payer in sorted(books.policies.all())]
    found += [f"claim-rules#{name}" for name in sorted(books.claim_rules.all())]
    found += [f"claims#{account}" for account in sorted(books.claims.all())]
    found += [f"workload#{workload}" for workload in sorted(books.workloads.all())]
    found += [f"credit#{credit_id}" for credit_id in sorted(books.credits.all())]
    if books.credits.price_book().version:
        found.append(f"price-book#{DISCOUNTS}")
    found += [f"month-close#{month}" for month in sorted(books.closes.all())]
    found += [f"delegation#{id_}" for id_ in sorted(books.delegations.all())]
    if books.settings.find(ALL_SETTINGS) is not None:
        found.append(f"settings#{ALL_SETTINGS}")
    for book in [*_newest_months(today), OF_CREDITS]:
        found += [f"alert#{id_}" for id_ in sorted(books.alerts.of(book))]
    found += [f"saving#{saving_id}" for saving_id in sorted(books.savings.all())]
    found += [f"savings-day#{day}" for day in sorted(books.savings_days.all())]
    years = [head.year for head in books.charts.heads()]
    for year in years:
        found.append(f"chart#{year}")
        found += [f"budget#{year}#{product}" for product in sorted(books.budgets.of_year(year))]
    # A file may have been refused that was to be the first of its year.
    around = range(today.year - YEARS_AROUND, today.year + YEARS_AROUND + 1)
    for year in sorted({*years, *around, 0}):
        cursor: str | None = None
        while True:
            page = books.charts.loads(year, LOADS, cursor)
            found += [f"chart-load#{load.load_id}" for load in page.items]
            cursor = page.next_cursor
            if cursor is None:
                break
    return found


def _state(entity: str, books: Books) -> Entity | None:
    """The state of *entity*; None where there is none, also for a name that is none of ours."""
    kind, _, name = entity.partition("#")
    year, _, product = name.partition("#")
    match kind:
        case "person":
            return books.people.find(name)
        case "chart" if year.isdecimal():
            return books.charts.head(int(year))
        case "chart-load":
            return books.charts.load(name)
        case "budget" if year.isdecimal() and product:
            return books.budgets.find(product, int(year))
        case "gate":
            return books.budgets.gate(name)
        case "account":
            return books.accounts.find(name)
        case "account-check" if name == ORGANIZATION:
            return books.accounts.check()
        case "shares":
            return books.shares.find(name)
        case "class-policies":
            return books.policies.find(name)
        case "claim-rules":
            return books.claim_rules.find(name)
        case "claims":
            return books.claims.find(name)
        case "workload":
            return books.workloads.find(name)
        case "credit":
            return books.credits.find(name)
        case "price-book" if name == DISCOUNTS:
            book = books.credits.price_book()
            return book if book.version else None
        case "spend-card":
            return _card(name, books.cards)
        case "month-close":
            return books.closes.find(name)
        case "delegation":
            return books.delegations.find(name)
        case "settings":
            return books.settings.find(name)
        case "alert":
            return books.alerts.find(name)
        case "saving":
            return books.savings.find(name)
        case "savings-day":
            return _savings_day(name, books.savings_days)
        case _:
            return None


def _newest_months(today: date) -> list[str]:
    """The months whose alerts are looked at by their state; older ones by their records."""
    found = [BillingPeriod.of(today)]
    while len(found) < ALERT_MONTHS:
        found.append(found[-1].before)
    return [str(month) for month in found]


def _savings_day(name: str, days: SavingsSnapshots) -> Entity | None:
    """What is known by `<payer> <day>`."""
    payer, _, day = name.rpartition(" ")
    try:
        return days.find(payer, date.fromisoformat(day))
    except ValueError:
        return None


# Cursors ------------------------------------------------------------------------------------------


def _cursor(month: str, place: TrailPlace | None) -> str:
    return _write(month, *(place or ("", 0)))


def _placed(cursor: str) -> tuple[str, TrailPlace | None]:
    month, at, passed = _read(cursor, str, str, int)
    if passed > MOST_AT_ONCE:
        raise InvalidError("the cursor is none of ours; start again without it")
    return str(BillingPeriod(month)), TrailPlace(at, passed) if at else None


def _write(*parts: Any) -> str:
    return base64.urlsafe_b64encode(json.dumps(parts).encode()).decode()


def _read(cursor: str, *kinds: type) -> list[Any]:
    """The parts of a cursor. Raises InvalidError for one that is none of ours."""
    try:
        parts = json.loads(base64.urlsafe_b64decode(cursor.encode()))
    except (ValueError, RecursionError):
        parts = None
    if not isinstance(parts, list) or [type(part) for part in parts] != list(kinds):
        raise InvalidError("the cursor is none of ours; start again without it")
    if any(isinstance(part, int) and not 0 <= part < 10**9 for part in parts):
        raise InvalidError("the cursor is none of ours; start again without it")
    return parts
