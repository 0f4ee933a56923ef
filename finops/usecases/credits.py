"""Credits and the price book: granted, found on bills, mapped, withdrawn, and what they pay.

While a month is open, what a credit pays of it is an estimate, worked out when somebody asks: the
product's spend, less the discounts of the price book on its usage, less the credits in their order.
"""

import hashlib
import json
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import NamedTuple, TypeVar

from finops.domain.audit import Act, Deed
from finops.domain.authorization import Action, may, must, must_reach
from finops.domain.close_figures import CreditPaid, ProductSum
from finops.domain.credits import (
    BurnDown,
    Cost,
    Credit,
    CreditStatus,
    CreditTerms,
    CreditUse,
    CreditWarning,
    Reconciliation,
    burn_down,
    estimated,
    untold,
    warnings,
)
from finops.domain.discounts import DiscountRate, PriceBook, discounted
from finops.domain.elements import ENTERPRISE, covers, shared
from finops.domain.errors import ConflictError, InvalidError, NotFoundError
from finops.domain.people import Person
from finops.domain.periods import BillingPeriod
from finops.usecases.accounts import LoadedBill
from finops.usecases.bill_notes import BillNotes
from finops.usecases.grounds import Book
from finops.usecases.ports import Allocations, Bills, Charts, Credits, ProductSpend, Save
from finops.usecases.standings import Standing, seen_standings, standings

STEP = 45  # credits in one transaction: two writes each
TRIES = 5
Done = TypeVar("Done")


class Treasury(NamedTuple):
    """What credits are looked after with; *open_from* is the first day of the first open month.

    *currency* is that of plans: a bill that names none is taken to be in it, as it is there.
    """

    credits: Credits
    spend: ProductSpend
    bills: Bills
    notes: BillNotes
    open_from: date
    currency: str


class CreditMonth(NamedTuple):
    """A month of a credit's product, in its currency, and what the credit pays of it; in ticks.

    *discount* is the price book's, an estimate until it is billed.
    """

    month: str
    spend: int
    discount: int
    use: CreditUse | None


class Statement(NamedTuple):
    """A credit with all that it has paid and would pay, and when it ends; *through* that day."""

    credit: Credit
    months: Sequence[CreditMonth]
    estimates: Sequence[CreditUse]
    ahead: BurnDown | None
    warnings: Sequence[CreditWarning]
    through: date


# Seen ---------------------------------------------------------------------------------------------


def seen_credits(
    today: date,
    *,
    by: Person,
    credits_: Credits,
    status: CreditStatus | None = None,
    product: str | None = None,
    under: str = ENTERPRISE,
) -> list[Credit]:
    """The credits in scope, by id. Those that are queued are nobody's, and for who sees all."""
    must_reach(by, Action.SEE_CREDITS)
    return [
        credit
        for credit in sorted(credits_.all().values(), key=lambda one: one.credit_id)
        if may(by, Action.SEE_CREDITS, _element(credit))
        and status in (None, credit.status(today))
        and product in (None, credit.product_id)
        and (under == ENTERPRISE or covers(under, _element(credit)))
    ]


def seen_credit(credit_id: str, *, by: Person, credits_: Credits) -> Credit:
    """One of them. Raises NotFoundError, also for one outside the scope of *by*."""
    must_reach(by, Action.SEE_CREDITS)
    found = credits_.find(credit_id)
    if found is None or not may(by, Action.SEE_CREDITS, _element(found)):
        raise NotFoundError(f"there is no credit {credit_id} in your financial scope")
    return found


def statements(some: Iterable[Credit], today: date, treasury: Treasury) -> list[Statement]:
    """What each of *some* has paid and would pay, beside the other credits of its product."""
    wanted = list(some)
    products = {credit.product_id for credit in wanted if credit.product_id is not None}
    # All may be a moment behind what was just read.
    every = {**treasury.credits.all(), **{one.credit_id: one for one in wanted}}
    beside = [credit for credit in every.values() if credit.product_id in products]
    spent = _spent(beside, today, treasury) if beside else {}
    through = _through(today, treasury.bills)
    return [
        _statement(credit, spent, _may_pay(credit, today, treasury.open_from), today, through)
        for credit in wanted
    ]


def credit_standings(
    some: Iterable[Credit],
    today: date,
    *,
    by: Person,
    treasury: Treasury,
    allocations: Allocations,
    book: Book,
) -> list[Standing]:
    """How fresh the bills are that the estimates of *some* are made of, and those of this month.

    To who has a scope it is of the bills that the scope pays something of.
    """
    months = {str(BillingPeriod.of(today))}
    months.update(*(_may_pay(credit, today, treasury.open_from) for credit in some))
    listed = sorted(months)
    found = standings(
        [bill for month in listed for bill in treasury.bills.in_period(month)],
        [made for month in listed for made in allocations.in_period(month)],
        book,
    )
    return seen_standings(found, by=by, allocations=allocations)


def _statement(
    credit: Credit,
    spent: Mapping[tuple[str, str], "_Spent"],
    may_pay: Sequence[str],
    today: date,
    through: date,
) -> Statement:
    terms = credit.terms
    if terms is None:
        return Statement(credit, [], [], None, [], through)
    of = spent[terms.product_id, terms.currency]
    estimates = of.uses[credit.credit_id]
    uses = {use.month: use for use in (*credit.uses, *estimates)}
    sums = {month: of.sums[month] for month in may_pay if month in of.sums}
    months = [
        CreditMonth(month, *sums.get(month, (0, 0)), uses.get(month))
        for month in sorted({*sums, *uses})
    ]
    ahead = burn_down(credit, uses.values(), through)
    return Statement(credit, months, estimates, ahead, warnings(credit, ahead, today), through)


class _Spent(NamedTuple):
    """Of a product in a currency: spend and discount by month, and what its credits would pay."""

    sums: Mapping[str, tuple[int, int]]
    uses: Mapping[str, Sequence[CreditUse]]


def _spent(
    some: Sequence[Credit], today: date, treasury: Treasury
) -> dict[tuple[str, str], _Spent]:
    """By product and currency: the months that some of these credits may pay of."""
    granted: defaultdict[tuple[str, str], list[Credit]] = defaultdict(list)
    wanted: defaultdict[str, set[str]] = defaultdict(set)
    for credit in some:
        if credit.terms is not None:
            granted[credit.terms.product_id, credit.terms.currency].append(credit)
            for month in _may_pay(credit, today, treasury.open_from):
                wanted[month].add(credit.terms.product_id)
    book = treasury.credits.price_book()
    nets: defaultdict[tuple[str, str], dict[str, list[Cost]]] = defaultdict(dict)
    sums: defaultdict[tuple[str, str], dict[str, tuple[int, int]]] = defaultdict(dict)
    for month, products in sorted(wanted.items()):
        rows = (
            cost._replace(currency=cost.currency or treasury.currency)
            for cost in treasury.spend.rows(month, products)
        )
        for net in discounted(rows, book, treasury.notes.discounts(month)):
            of = net.cost.product_id, net.cost.currency or treasury.currency
            nets[of].setdefault(month, []).append(Cost(net.cost.day, net.cost.service, net.ticks))
            spend, less = sums[of].get(month, (0, 0))
            sums[of][month] = spend + net.cost.ticks, less + net.discount
    return {
        of: _Spent(sums[of], estimated(mine, nets[of], open_from=treasury.open_from))
        for of, mine in granted.items()
    }


def _may_pay(credit: Credit, today: date, open_from: date) -> list[str]:
    """The open months whose cost it may pay; none for one that is queued, used up or over."""
    if credit.terms is None or credit.last_day is None or not credit.balance:
        return []
    first, last = max(credit.terms.start, open_from), min(credit.last_day, today)
    found, month = [], BillingPeriod.of(first)
    while first <= last and month.start <= last:
        found.append(str(month))
        month = BillingPeriod.of(month.end)
    return found


def _through(today: date, bills: Bills) -> date:
    """The last day that all bills of this month are complete through; before the first, yesterday."""
    days = [bill.complete_through for bill in bills.in_period(BillingPeriod.of(today))]
    known = [day for day in days if day is not None]
    return min(known) if known and len(known) == len(days) else today - timedelta(1)


def _element(credit: Credit) -> str:
    return credit.product_id or ENTERPRISE


def _on_record(before: Credit, after: Credit) -> str:
    """Where a change is on record: whoever reads the record there may see both states whole.

    What a bill says of a credit is of a whole account, and in every state of one that was found.
    """
    if after.found is not None:
        return ENTERPRISE
    return shared([_element(before), _element(after)])


# Changed ------------------------------------------------------------------------------------------


def grant(
    terms: CreditTerms,
    *,
    by: Person,
    credits_: Credits,
    charts: Charts,
    open_from: date,
    act: Act,
) -> Credit:
    """A credit of somebody's own. It pays no month before *open_from*, which are closed.

    Raises InvalidError for one that could pay for nothing else.
    """
    must(by, Action.GRANT_CREDIT, terms.product_id)
    _must_be_known(terms.product_id, charts)
    _must_pay(terms, open_from)
    told = [act.actor, act.request_id, act.at.isoformat(), terms.model_dump_json()]
    new = Credit.granted(_id(told), terms, act.at)
    deed = Deed(action="Grant", element=terms.product_id, event="CreditGranted")
    return credits_.save([Save(None, new, deed)], act)[0]


def map_credit(
    credit_id: str,
    terms: CreditTerms,
    version: int,
    *,
    by: Person,
    credits_: Credits,
    charts: Charts,
    open_from: date,
    act: Act,
) -> Credit:
    """Its product, amount and dates: for the first time, or corrected. The same changes nothing.

    Raises InvalidError for days that are all in closed months, which it could not pay for.
    """
    credit = _current(credit_id, version, by, credits_)
    must(by, Action.GRANT_CREDIT, terms.product_id)
    _must_be_known(terms.product_id, charts)
    after = credit.with_terms(terms, act.at)
    if after == credit:
        return credit
    _must_pay(terms, open_from)
    is_first = credit.terms is None
    deed = Deed(
        action="Map" if is_first else "Correct",
        element=_on_record(credit, after),
        event="CreditMapped" if is_first else "CreditCorrected",
    )
    return credits_.save([Save(credit, after, deed)], act)[0]


def withdraw(
    credit_id: str,
    day: date | None,
    version: int,
    *,
    by: Person,
    credits_: Credits,
    open_from: date,
    act: Act,
) -> Credit:
    """From *day* on (today, where nobody says) it pays nothing. Needs a reason.

    Raises InvalidError for a day in a closed month.
    """
    credit = _current(credit_id, version, by, credits_)
    first = day or act.at.date()
    if first < open_from:
        raise InvalidError(f"{first} is in a closed month; withdraw it from {open_from} or later")
    if act.reason is None:
        raise InvalidError("say why: a withdrawal needs a reason")
    after = credit.withdrawn(first, act.at)
    deed = Deed(action="Withdraw", element=_on_record(credit, after), event="CreditWithdrawn")
    return credits_.save([Save(credit, after, deed)], act)[0]


def _current(credit_id: str, version: int, by: Person, credits_: Credits) -> Credit:
    credit = seen_credit(credit_id, by=by, credits_=credits_)
    must(by, Action.GRANT_CREDIT, _element(credit))
    if credit.version != version:
        raise ConflictError("it has changed since you read it: look at it again", current=credit)
    return credit


def _must_be_known(product_id: str, charts: Charts) -> None:
    """Raises InvalidError for a product that no chart of accounts names."""
    if not any(charts.read(head).product(product_id) for head in charts.heads()):
        raise InvalidError(
            f"no chart of accounts has a product {product_id}; finops chart show lists "
            "those there are"
        )


def _must_pay(terms: CreditTerms, open_from: date) -> None:
    if terms.expiry < open_from:
        raise InvalidError(
            f"the credit ends on {terms.expiry}, in a closed month, and would pay for nothing: let it "
            f"end on {open_from} or later; one that a bill names and that is over is set aside by "
            "withdrawing it"
        )


def _id(told: Sequence[str | None]) -> str:
    return hashlib.sha256(json.dumps(told).encode()).hexdigest()[:16]


# Found on bills -----------------------------------------------------------------------------------


def find_credits(
    loaded: Sequence[LoadedBill], *, notes: BillNotes, credits_: Credits, act: Act
) -> list[Credit]:
    """Queue the credits that these bills name and nobody knew; those that are new now.

    One that was granted by the same text, to the same account, is known.
    """
    lines = [line for one in loaded for line in notes.credits(one.payer_id, one.billing_period)]
    made: list[Credit] = []

    def saved() -> list[Credit]:
        known = credits_.all()
        texts = {
            (one.terms.account_id, _folded(one.terms.text)) for one in known.values() if one.terms
        }
        new: dict[str, Credit] = {}
        for line in lines:
            id_ = _id(
                [
                    *(line.billing_account_id, line.sub_account_id),
                    *(line.billing_currency, line.description),
                ]
            )
            if line.amount >= 0 or id_ in known or id_ in new:
                continue
            if (line.sub_account_id, _folded(line.description)) in texts:
                continue
            # All may be a moment behind: what seems to be new is looked up.
            if credits_.find(id_) is None:
                new[id_] = Credit.seen(id_, line, act.at)
        deed = Deed(action="Find", event="CreditFound")
        found = [Save(None, one, deed) for one in new.values()]
        for start in range(0, len(found), STEP):
            made.extend(credits_.save(found[start : start + STEP], act))
        return made

    return _tried_again(saved)


def _folded(said: str) -> str:
    return " ".join(said.split()).casefold()


def _tried_again(do: Callable[[], Done]) -> Done:
    """*do* once more where somebody else was faster: it looks again at what is there."""
    for _ in range(TRIES - 1):
        try:
            return do()
        except ConflictError:
            continue
    return do()


# Warned of ----------------------------------------------------------------------------------------


def warn_of_credits(today: date, *, treasury: Treasury, act: Act) -> list[Credit]:
    """Tell of each credit that comes near its end, once for each of 60, 30 and 7 days; those told of.

    Whoever is faster has told of it: that one is left to the next day.
    """
    told = []
    alive = (CreditStatus.ACTIVE, CreditStatus.FUTURE)
    some = [one for one in treasury.credits.all().values() if one.status(today) in alive]
    for statement in statements(some, today, treasury):
        new = untold(statement.credit, statement.warnings)
        if not new:
            continue
        before = treasury.credits.find(statement.credit.credit_id)
        if before != statement.credit:
            continue
        after = before.told(new, act.at)
        deed = Deed(action="Warn", element=_on_record(before, after), event="CreditEnding")
        try:
            told += treasury.credits.save([Save(before, after, deed)], act)
        except ConflictError:
            continue
    return told


# Settled ------------------------------------------------------------------------------------------


def expected_discounts(month: str, treasury: Treasury) -> list[ProductSum]:
    """What the price book takes off a month's spend of each product, where the bill does not itself."""
    book = treasury.credits.price_book()
    sums: Counter[tuple[str, str | None]] = Counter()
    if book.lists:
        rows = treasury.spend.rows(month, None)
        for net in discounted(rows, book, treasury.notes.discounts(month)):
            sums[net.cost.product_id, net.cost.currency] += net.discount
    return [ProductSum(*of, ticks) for of, ticks in sums.items() if ticks]


class Uses(NamedTuple):
    """What credits pay of open months up to one of them, by credit and month; and the credits."""

    paid: Sequence[CreditPaid]
    credits: Mapping[str, Credit]


def open_uses(month: str, treasury: Treasury) -> Uses:
    """What all credits pay of the open months up to *month*, in their turn, before it is closed."""
    some = {key: one for key, one in treasury.credits.all().items() if one.terms is not None}
    last = BillingPeriod(month).end - timedelta(1)
    spent = _spent(list(some.values()), last, treasury) if some else {}
    paid = [
        CreditPaid(credit_id, use.month, use.amount, some[credit_id].version)
        for of in spent.values()
        for credit_id, uses in of.uses.items()
        for use in uses
    ]
    return Uses(sorted(paid), {one.credit_id: some[one.credit_id] for one in paid})


def settlements(
    paid: Iterable[CreditPaid], at: datetime, *, credits_: Credits, is_closed: bool = False
) -> list[Save]:
    """What it takes that credits have paid this for good; nothing for those that have already.

    Raises ConflictError for a credit that was changed since its use was worked out; once the month
    *is_closed*, only for one that cannot pay it any more.
    """
    found: dict[str, list[CreditPaid]] = defaultdict(list)
    for one in sorted(paid):
        found[one.credit_id].append(one)
    saves = []
    for credit_id, uses in found.items():
        before = credits_.find(credit_id)
        if before is None:
            raise ConflictError(f"there is no credit {credit_id} any more")
        if not is_closed and before.version != uses[0].version:
            raise ConflictError(
                f"credit {credit_id} was changed while the month was closing; close it again"
            )
        after = before
        for use in uses:
            after = after.closed(use.month, use.ticks, at)
        if after != before:
            deed = Deed(action="Settle", element=_on_record(before, after))
            saves.append(Save(before, after, deed))
    return saves


# The price book -----------------------------------------------------------------------------------


def price_book(*, by: Person, credits_: Credits) -> PriceBook:
    """All price lists there ever were; of version 0, where nobody has made one."""
    must(by, Action.SEE_DISCOUNTS)
    return credits_.price_book()


def set_discounts(
    rates: Sequence[DiscountRate],
    start: date,
    version: int,
    *,
    by: Person,
    credits_: Credits,
    open_from: date,
    act: Act,
) -> PriceBook:
    """Another price list, from *start* on."""
    must(by, Action.SET_DISCOUNT)
    book = credits_.price_book()
    if book.version != version:
        raise ConflictError("it has changed since you read it: look at it again", current=book)
    after = book.priced(
        rates, start=start, open_from=open_from, by=by.email, at=act.at, reason=act.reason
    )
    deed = Deed(action="SetDiscounts", event="DiscountsSet")
    return credits_.save_price_book(book, after, deed, act)


# Beside the bill ----------------------------------------------------------------------------------


def reconcile(month: str, today: date, *, by: Person, treasury: Treasury) -> list[Reconciliation]:
    """What AWS credited on the bills of *month*, and what the ledger does: a line by currency."""
    must(by, Action.SEE_CREDITS)
    period = BillingPeriod(month)
    on_bills: Counter[str] = Counter()
    for named, ticks in treasury.notes.credited(period).items():
        on_bills[named or treasury.currency] += ticks
    # What is used of later months changes nothing of this one.
    last = min(today, period.end - timedelta(1))
    some = [
        one
        for one in treasury.credits.all().values()
        if period in {*_may_pay(one, last, treasury.open_from), *(use.month for use in one.uses)}
    ]
    in_ledger: Counter[str] = Counter()
    estimates: set[str] = set()
    for one in statements(some, last, treasury):
        for use in (*one.credit.uses, *one.estimates):
            if use.month == period and one.credit.terms is not None:
                currency = one.credit.terms.currency
                in_ledger[currency] += use.amount
                if not use.is_final:
                    estimates.add(currency)
    return [
        Reconciliation(
            currency=currency,
            on_bills=on_bills[currency],
            in_ledger=in_ledger[currency],
            is_estimated=currency in estimates,
        )
        for currency in sorted({*on_bills, *in_ledger})
    ]
