"""Measuring what implemented savings saved, step by step: plan, read bills, publish.

The ledger has no quantities, so the delivered lines are read again, in the versions that were loaded
and only those of the resources that matter. What was read of a load is kept: of bills that nobody
restated, nothing is read twice.
"""

import hashlib
import json
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import date, datetime, timedelta
from enum import StrEnum
from pathlib import Path
from typing import Any, NamedTuple

from finops.domain.bills import Bill
from finops.domain.claim_rules import Resource
from finops.domain.errors import ConflictError, DeliveryChangedError, FinOpsError, NotFoundError
from finops.domain.loads import LoadedFile
from finops.domain.periods import BillingPeriod, Period
from finops.domain.places import account_folder, generation, saving_usages, work
from finops.domain.realised_savings import (
    LEAST_DAYS,
    MeasuredBill,
    MeasuredMonth,
    Owners,
    Realised,
    RealisedHead,
    RealisedMonth,
    RealisedSavings,
    Unmeasured,
    Use,
    baseline_span,
    expected_of,
    measured,
    months_of,
    never_measured,
    parts,
    unit_of,
)
from finops.domain.savings import Recommendation, Saving, SavingStatus
from finops.domain.shares import WHOLE
from finops.domain.values import Frozen
from finops.ledger import engine, parquet, sources, usages
from finops.ledger.origins import ranges
from finops.usecases.load_bill import scratch
from finops.usecases.organisation_settings import in_force
from finops.usecases.ports import Bills, Deliveries, Ledger, Loads, RealisedKept, SavingsKept
from finops.usecases.resource_owners import OwnerSources, as_ruled, read_claims

EDITION = 1  # to be raised where the same bill gives other usages
TRANSFERS = 16
TRIES = 5
NAMED = 20  # characters of a hash
NAMED_AT_ONCE = 5  # bills in a failure
LINGERS = timedelta(days=1)  # for so long somebody may still be reading what was replaced
USAGES, REALISED = "savings/usages/", "savings/realised/"


class PlannedBill(Frozen):
    """A bill that savings are measured in: *usages* is what their resources used in it, if any are
    on it; *items* is how many workers read it, none where it was read before.
    """

    payer: str
    billing_period: str
    load_id: str
    delivered_at: datetime
    complete_through: date | None
    usages: str = ""
    wanted: str = ""  # the file that lists the resources
    items: int = 0

    def scratch(self, name: str) -> str:
        return _scratch(self.usages, name)


class Planned(Frozen):
    """What `plan_measures` tells the state machine."""

    status: str
    at: datetime | None = None
    bucket: str = ""
    savings: int = 0
    savings_key: str = ""
    bills: int = 0
    bills_key: str = ""
    items: int = 0
    items_key: str = ""


class Reads(StrEnum):
    """What a worker reads: a delivered file, or what the ledger made of an account."""

    DELIVERY = "Delivery"
    LEDGER = "Ledger"


class Item(Frozen):
    """A delivered file of a bill, or an account of its ledger."""

    payer: str
    billing_period: str
    load_id: str
    usages: str
    wanted: str
    item: int
    reads: Reads
    name: str  # the file's key, or the account


class Read(Frozen):
    """What a worker tells the state machine."""

    status: str
    rows: int = 0


class PublishedMeasures(Frozen):
    """What readers see from now on: figures, and savings that nothing can be said of."""

    status: str
    figures: int = 0
    unmeasured: int = 0


# -- plan -------------------------------------------------------------------------------------


def plan_measures(
    *,
    at: datetime,
    savings: SavingsKept,
    kept: RealisedKept,
    bills: Bills,
    loads: Loads,
    ledger: Ledger,
    bucket: str,
) -> Planned:
    """Which bills savings are measured in, and what of them nobody has read yet."""
    cases = implemented(savings)
    if not cases and kept.find() is None:
        return Planned(status="Nothing")
    found: list[PlannedBill] = []
    items: list[Item] = []
    for bill in _bills(cases, at.date(), bills):
        planned, its = _planned(bill, cases, at.date(), loads, ledger)
        found.append(planned)
        items += its
    told = f"{at.isoformat()} {[one.model_dump_json() for one in found]}"
    name = f"measure-{hashlib.sha256(told.encode()).hexdigest()[:NAMED]}"
    keys = {kind: work(name, f"{kind}.json") for kind in ("savings", "bills", "items")}
    # As they are now: of what is done from now on, nobody has read the charges.
    ledger.put_json(keys["savings"], [one.model_dump(mode="json") for one in cases])
    ledger.put_json(keys["bills"], [one.model_dump(mode="json") for one in found])
    ledger.put_json(keys["items"], [one.model_dump(mode="json") for one in items])
    return Planned(
        status="Planned",
        at=at,
        bucket=bucket,
        savings=len(cases),
        savings_key=keys["savings"],
        bills=len(found),
        bills_key=keys["bills"],
        items=len(items),
        items_key=keys["items"],
    )


def implemented(savings: SavingsKept) -> list[Saving]:
    """The cases that somebody said are done, in order of their ids."""
    known = savings.all()
    return [known[id_] for id_ in sorted(known) if _done(known[id_]) is not None]


class _Done(NamedTuple):
    """What was done about a case, and when."""

    on: date
    action_type: str
    baseline: Recommendation


def _done(one: Saving) -> _Done | None:
    note = one.note
    if one.status is not SavingStatus.IMPLEMENTED or note is None or note.implemented_on is None:
        return None
    baseline = note.baseline or one.counted
    return _Done(note.implemented_on, note.action_type or baseline.action_type, baseline)


def _months(one: Saving, today: date) -> list[str]:
    done = _done(one)
    if done is None or never_measured(done.action_type, one.resource_id):
        return []
    return months_of(done.on, today)


def _bills(cases: Iterable[Saving], today: date, bills: Bills) -> Iterator[Bill]:
    months = {month for one in cases for month in _months(one, today)}
    for month in sorted(months):
        yield from sorted(bills.in_period(month), key=lambda bill: bill.billing_account_id)


def _planned(
    bill: Bill, cases: Iterable[Saving], today: date, loads: Loads, ledger: Ledger
) -> tuple[PlannedBill, list[Item]]:
    of = (bill.billing_account_id, bill.billing_period)
    planned = PlannedBill(
        payer=of[0],
        billing_period=of[1],
        load_id=bill.load_id,
        delivered_at=bill.delivered_at,
        complete_through=bill.complete_through,
    )
    index = ledger.get_json(f"{generation(*of, bill.load_id)}/index.json")
    folders = {str(file["name"]).partition("/")[0] for file in index["files"]}
    wanted = sorted(
        {
            (one.account_id, one.resource_id)
            for one in cases
            if one.resource_id is not None
            and account_folder(one.account_id) in folders
            and of[1] in _months(one, today)
        }
    )
    if not wanted:
        return planned, []
    digest = hashlib.sha256(json.dumps([EDITION, of, wanted]).encode()).hexdigest()[:NAMED]
    place = saving_usages(*of, bill.load_id, digest)
    planned = planned.model_copy(update={"usages": place})
    planned = planned.model_copy(update={"wanted": planned.scratch("wanted.json")})
    ledger.put_json(planned.wanted, wanted)
    if place in set(ledger.keys(place)):
        return planned, []
    load = loads.get(bill.load_id)
    names = [(Reads.DELIVERY, file.key) for file in load.files if _is_of(file, of)]
    names += [(Reads.LEDGER, account) for account in sorted({account for account, _ in wanted})]
    items = [
        Item(
            payer=of[0],
            billing_period=of[1],
            load_id=bill.load_id,
            usages=place,
            wanted=planned.wanted,
            item=number,
            reads=reads,
            name=name,
        )
        for number, (reads, name) in enumerate(names)
    ]
    return planned.model_copy(update={"items": len(items)}), items


def _scratch(usages_: str, name: str) -> str:
    """Something that workers make of the very bill, load and resources that usages are of."""
    return work(f"usages-{hashlib.sha256(usages_.encode()).hexdigest()[:NAMED]}", name)


def _is_of(file: LoadedFile, of: tuple[str, str]) -> bool:
    """Whether a file has lines of the bill; its control totals say so."""
    return any((one.billing_account_id, one.billing_period) == of for one in file.controls)


# -- read -------------------------------------------------------------------------------------


def read_usages(
    item: Item, *, deliveries: Deliveries, loads: Loads, ledger: Ledger, limits: engine.Limits
) -> Read:
    """What some resources used by a file of the delivery, or cost by the ledger.

    A delivered version that is kept no longer is told of as such: nobody can read it ever again.
    """
    wanted = [(str(account), str(resource)) for account, resource in ledger.get_json(item.wanted)]
    told: dict[str, Any]
    with scratch() as folder:
        within = limits.model_copy(update={"scratch": folder})
        with engine.connect(within) as connection:
            try:
                rows = _read(item, wanted, folder, connection, deliveries, loads, ledger)
                told = {"reads": item.reads.value, "rows": rows}
            except DeliveryChangedError as error:
                told = {"reads": item.reads.value, "rows": [], "gone": error.detail}
    ledger.put_json(_scratch(item.usages, f"read/{item.item}.json"), told)
    return Read(status="Gone" if "gone" in told else "Read", rows=len(told["rows"]))


def _read(
    item: Item,
    wanted: Sequence[usages.Wanted],
    folder: Path,
    connection: engine.Connection,
    deliveries: Deliveries,
    loads: Loads,
    ledger: Ledger,
) -> list[list[Any]]:
    of = (item.payer, item.billing_period)
    source = generation(*of, item.load_id)
    if item.reads is Reads.LEDGER:
        local = folder / "charges.parquet"
        ledger.get(f"{source}/{account_folder(item.name)}/charges.parquet", local)
        return [_plain(row) for row in usages.charged_days(connection, [local], wanted)]
    load = loads.get(item.load_id)
    file = next(one for one in load.files if one.key == item.name)
    summaries = ledger.get_json(f"{source}/index.json")["summaries"]
    whose = usages.Of(
        *of,
        always=load.payer,
        otherwise=load.account,
        period=load.billing_period,
        is_net=any(one["is_net"] for one in summaries),
    )
    some = _parts(file, wanted, folder, connection, deliveries)
    return [_plain(row) for row in usages.usages(connection, some, wanted, whose)]


def _parts(
    file: LoadedFile,
    wanted: Sequence[usages.Wanted],
    folder: Path,
    connection: engine.Connection,
    deliveries: Deliveries,
) -> list[sources.Source]:
    """What of a delivered file may hold such lines, brought here; a text whole."""
    local = folder / "delivered" / Path(file.key).name
    local.parent.mkdir()
    start = deliveries.read_range(file, 0, 4) if file.size else b""
    if sources.packing(start) is not sources.Packing.PARQUET:
        deliveries.download(file, local)
        return [usages.in_text(local, folder)]
    parquet.fetch_footer(deliveries, file, local)
    source = sources.open_parquet(connection, local, name=file.key)
    groups = usages.row_groups(connection, source, wanted)
    parquet.bring(deliveries, file, local, [span for group in groups for span in group.spans])
    return list(ranges(source, groups))


def _plain(row: Sequence[Any]) -> list[Any]:
    """A row as JSON has it."""
    return [value.isoformat() if isinstance(value, date) else value for value in row]


# -- publish ----------------------------------------------------------------------------------


def publish_measures(
    planned: Planned,
    *,
    now: datetime,
    kept: RealisedKept,
    owners: OwnerSources,
    ledger: Ledger,
) -> PublishedMeasures:
    """What was realised by each saving and month, and whose it is; then readers see it.

    What depends on a bill that could not be read stays as it was. Raises FinOpsError naming these
    bills, once all others are published. The same input is the same document.
    """
    bills = [PlannedBill(**told) for told in ledger.get_json(planned.bills_key)]
    read = _Usages()
    for bill in bills:
        read.add(bill, ledger)
    current = kept.find()
    before = kept.read(current) if current is not None else RealisedSavings()
    cases = [Saving.model_validate(told) for told in ledger.get_json(planned.savings_key)]
    made = _made(cases, bills, read, before, now.date(), owners)
    status = _published(made, planned.at or now, now, kept)
    overtaken = status == "Overtaken"  # by one that looked into the bills as well
    if not overtaken:
        _sweep(bills, current, now, kept, ledger)
    if read.failed and not overtaken:
        more = len(read.failed) - NAMED_AT_ONCE
        shown = "; ".join(list(read.failed.values())[:NAMED_AT_ONCE])
        raise FinOpsError(
            f"{len(read.failed)} bills were not read: {shown}"
            + (f"; and {more} more" if more > 0 else "")
        )
    return PublishedMeasures(
        status=status,
        figures=len(made.figures),
        unmeasured=sum(one.reason is not None for one in made.savings),
    )


class _Usages:
    """What was used, by account and resource: rows of day, currency, unit, quantity and cost."""

    def __init__(self) -> None:
        self.of: defaultdict[tuple[str, str], list[tuple[str | None, Use]]] = defaultdict(list)
        self.on: defaultdict[tuple[str, str], set[int]] = defaultdict(set)  # of which bills
        self.gone: set[int] = set()  # what cannot be read ever again
        self.failed: dict[int, str] = {}
        self._bills = 0

    def add(self, bill: PlannedBill, ledger: Ledger) -> None:
        number, self._bills = self._bills, self._bills + 1
        if not bill.usages:
            return
        try:
            told = _usages(bill, ledger)
        except (ArithmeticError, FinOpsError) as error:
            self.failed[number] = f"{bill.billing_period} of {bill.payer}: {error}"
            told = {"wanted": ledger.get_json(bill.wanted), "rows": []}
        if "gone" in told:
            self.gone.add(number)
        for account, resource in told["wanted"]:
            self.on[account, resource].add(number)
        for account, resource, day, currency, unit, quantity, cost in told["rows"]:
            use = Use(date.fromisoformat(day), unit, quantity, cost)
            self.of[account, resource].append((currency, use))


def _usages(bill: PlannedBill, ledger: Ledger) -> dict[str, Any]:
    """What was read of a bill before, or is now: held against the ledger, and kept.

    NotFoundError where a worker has read nothing, or where nobody was to read it, for it was kept, and
    another measurement has dropped it since.
    """
    try:
        found: dict[str, Any] = ledger.get_json(bill.usages)
    except NotFoundError:
        if not bill.items:
            raise
    else:
        return found
    keys = [bill.scratch(f"read/{item}.json") for item in range(bill.items)]
    with ThreadPoolExecutor(TRANSFERS) as pool:
        some = list(pool.map(ledger.get_json, keys))
    wanted = ledger.get_json(bill.wanted)
    if gone := [str(one["gone"]) for one in some if "gone" in one]:
        lost = {"wanted": wanted, "rows": [], "gone": gone[0]}
        ledger.put_json(bill.usages, lost)
        return lost
    stated = [
        usages.LineUsage._make([*row[:2], date.fromisoformat(row[2]), *row[3:]])
        for one in some
        if one["reads"] == Reads.DELIVERY
        for row in one["rows"]
    ]
    charged = [
        usages.ChargedDay._make([*row[:2], date.fromisoformat(row[2]), *row[3:]])
        for one in some
        if one["reads"] == Reads.LEDGER
        for row in one["rows"]
    ]
    sums: defaultdict[tuple[Any, ...], list[int]] = defaultdict(lambda: [0, 0])
    for used in usages.agreed(stated, charged):
        key = (used.account, used.resource, used.day.isoformat(), used.currency, unit_of(used.unit))
        sums[key][0] += used.quantity
        sums[key][1] += used.effective
    told = {"wanted": wanted, "rows": [[*key, *both] for key, both in sums.items()]}
    ledger.put_json(bill.usages, told)
    return told


def _made(
    cases: Sequence[Saving],
    bills: Sequence[PlannedBill],
    read: _Usages,
    before: RealisedSavings,
    today: date,
    sources_: OwnerSources,
) -> RealisedSavings:
    """Everything that can be said of *cases*, and why of the others nothing."""
    owned = OwnersByDay({one.account_id for one in cases}, sources_)
    known = {one.saving_id: one for one in before.savings}
    figures_before: defaultdict[str, list[RealisedMonth]] = defaultdict(list)
    for figure in before.figures:
        figures_before[figure.saving_id].append(figure)
    found: list[Realised] = []
    figures: list[RealisedMonth] = []
    for one in cases:
        its = _bills_of(one, bills, read, today)
        made = _case(one, today)
        old = known.get(one.saving_id)
        if any(number in read.failed for number in its):
            # Of what it was measured in the last time only, if it is the same that was done.
            if old is not None and _is_same(old, made):
                found.append(old)
                figures += figures_before[one.saving_id]
            else:
                month = next(bill.billing_period for n, bill in its.items() if n in read.failed)
                reason = f"the bill of {month} could not be read"
                named = sorted(product for product, _ in owned.of(one)(today))
                update = {"reason": reason, "owners": tuple(named)}
                found.append(made.model_copy(update=update))
            continue
        realised, months = _measured(one, made, its, read, owned, today)
        found.append(realised)
        figures += months
    return RealisedSavings(
        savings=tuple(found),
        figures=tuple(figures),
        bills=tuple(
            MeasuredBill(
                payer=one.payer,
                billing_period=one.billing_period,
                load_id=one.load_id,
                delivered_at=one.delivered_at,
                complete_through=one.complete_through,
            )
            for one in bills
        ),
    )


def _case(one: Saving, today: date) -> Realised:
    done = _done(one) or _Done(today, one.counted.action_type, one.counted)
    return Realised(
        saving_id=one.saving_id,
        account_id=one.account_id,
        resource_id=one.resource_id,
        action_type=done.action_type,
        implemented_on=done.on,
    )


def _is_same(old: Realised, new: Realised) -> bool:
    return (old.action_type, old.implemented_on) == (new.action_type, new.implemented_on)


def _bills_of(
    one: Saving, bills: Sequence[PlannedBill], read: _Usages, today: date
) -> dict[int, PlannedBill]:
    """The bills that say what the resource cost, by their numbers: those that its account is on.

    In a month in which it is on none, the bill of its payer says that it cost nothing.
    """
    months = set(_months(one, today))
    on = read.on.get((one.account_id, one.resource_id or ""), set())
    mine = {n: bill for n, bill in enumerate(bills) if bill.billing_period in months and n in on}
    told = {bill.billing_period for bill in mine.values()}
    for n, bill in enumerate(bills):
        month = bill.billing_period
        if month in months and month not in told and bill.payer == one.payer:
            mine[n] = bill
    return dict(sorted(mine.items()))


def _measured(
    one: Saving,
    made: Realised,
    its: Mapping[int, PlannedBill],
    read: _Usages,
    owned: "OwnersByDay",
    today: date,
) -> tuple[Realised, list[RealisedMonth]]:
    day_owners = owned.of(one)
    named = {product for product, _ in day_owners(today)}

    def without(why: Unmeasured) -> tuple[Realised, list[RealisedMonth]]:
        update = {"reason": why.reason, "is_final": why.is_final, "owners": tuple(sorted(named))}
        return made.model_copy(update=update), []

    if never := never_measured(made.action_type, one.resource_id):
        return without(never)
    listed = read.of.get((one.account_id, one.resource_id or ""), [])
    currencies = {currency for currency, _ in listed}
    if len(currencies) > 1:
        named_all = " and ".join(sorted(str(currency) for currency in currencies))
        return without(Unmeasured(f"the resource is charged in {named_all}", is_final=True))
    result = measured(
        made.action_type,
        made.implemented_on,
        (use for _, use in listed),
        _complete(its, read.gone),
    )
    gone = {bill.billing_period for number, bill in its.items() if number in read.gone}
    lost = f"the delivered files of {' and '.join(sorted(gone))} are kept no longer"
    start, end = baseline_span(made.implemented_on)
    if isinstance(result, Unmeasured):
        if gone and not result.is_final:
            left = sum(BillingPeriod.of(day) not in gone for day in Period(start, end))
            return without(Unmeasured(f"{result.reason}; {lost}", is_final=left < LEAST_DAYS))
        return without(result)
    done = _done(one)
    [currency] = currencies
    loads: defaultdict[str, list[str]] = defaultdict(list)
    for bill in its.values():
        loads[bill.billing_period].append(bill.load_id)
    early = [
        load
        for month, some in loads.items()
        if BillingPeriod(month).end > start and BillingPeriod(month).start < end
        for load in some
    ]
    hoped = done.baseline if done is not None else None
    figures = [
        _figure(one, month, currency, hoped, day_owners, [*early, *loads[month.billing_period]])
        for month in result.months
    ]
    named |= {part.product_id for figure in figures for part in figure.parts if part.product_id}
    notes = [result.note, f"{lost}, so its days count nowhere" if gone else None]
    update = {
        "owners": tuple(sorted(named)),
        "method": result.method,
        "days_before": result.days_before,
        "cost_before": result.cost_before,
        "note": "; ".join(note for note in notes if note) or None,
    }
    return made.model_copy(update=update), figures


def _figure(
    one: Saving,
    month: MeasuredMonth,
    currency: str | None,
    hoped: Recommendation | None,
    day_owners: "DayOwners",
    loads: Iterable[str],
) -> RealisedMonth:
    is_comparable = hoped is not None and currency in (None, hoped.currency)
    expected = expected_of(hoped.monthly_savings, month) if hoped and is_comparable else None
    return RealisedMonth(
        saving_id=one.saving_id,
        billing_period=month.billing_period,
        currency=currency if currency is not None or hoped is None else hoped.currency,
        days=len(month.days),
        cost=month.cost,
        realised=month.saved,
        expected=expected,
        is_used=month.is_used,
        parts=parts(month, {day: day_owners(day) for day in month.days}, expected),
        loads=tuple(sorted(set(loads))),
    )


def _complete(bills: Mapping[int, PlannedBill], gone: Collection[int]) -> set[date]:
    """The days whose charges are all there: of a month of two bills, in both of them.

    Of a bill that is *gone* none is.
    """
    by_month: defaultdict[str, list[date | None]] = defaultdict(list)
    for number, bill in bills.items():
        by_month[bill.billing_period].append(None if number in gone else bill.complete_through)
    found: set[date] = set()
    for name, through in by_month.items():
        days = [day for day in through if day is not None]
        if len(days) == len(through):
            last = min(days)
            found |= {day for day in BillingPeriod(name).period if day <= last}
    return found


# Whose it is --------------------------------------------------------------------------------------


class DayOwners:
    """Who pays for one resource on a day, by the claims, rules and shares of that day."""

    def __init__(self, resource: Resource | None, account: str, owned: "OwnersByDay") -> None:
        claims = owned.claims.get(account)
        self._claims = claims.of(resource.resource_id) if claims and resource else ()
        self._rules = [rule for rule in owned.rules if resource and rule.fits(resource)]
        self._shares = owned.shares.get(account)

    def __call__(self, day: date) -> Owners:
        for one in self._claims:
            if day in one:
                return ((one.product_id, WHOLE),)
        for rule in self._rules:
            if rule.covers(day):
                return ((rule.product_id, WHOLE),)
        revision = self._shares.on(day) if self._shares is not None else None
        return () if revision is None else revision.shares


class OwnersByDay:
    """Who pays for the resources of some *accounts* day by day, as the rules are known now."""

    def __init__(self, accounts: Iterable[str], sources_: OwnerSources) -> None:
        self._aliases = in_force(sources_.settings).tags.aliases
        self.shares = sources_.shares.all()
        self.rules = sources_.claim_rules.find().meant(self._aliases).rules
        heads = sources_.claims.heads()
        wanted = [heads[account] for account in sorted(accounts) if account in heads]
        self.claims = read_claims(wanted, sources_)

    def of(self, one: Saving) -> DayOwners:
        if one.resource_id is None:
            return DayOwners(None, one.account_id, self)
        tags = one.options[0].tags.items()
        resource = as_ruled(one.account_id, one.resource_id, one.resource_type, tags)
        return DayOwners(resource.meant(self._aliases), one.account_id, self)


# Seen ---------------------------------------------------------------------------------------------


def _published(
    made: RealisedSavings, planned_at: datetime, now: datetime, kept: RealisedKept
) -> str:
    """Whether readers see *made* from now on, saw it before, or see what was planned later.

    What is the same is published, too: it is fresher, and nothing planned before may replace it.
    """
    document = kept.write(made)
    for _ in range(TRIES):
        current = kept.find()
        if current is not None and current.planned_at > planned_at:
            return "Overtaken"
        is_same = current is not None and current.document == document
        if is_same and current is not None and current.planned_at == planned_at:
            return "Same"
        head = RealisedHead(
            document=document,
            planned_at=planned_at,
            measured_at=now,
            version=current.version if current is not None else 0,
        )
        try:
            kept.publish(head)
        except ConflictError:
            continue
        return "Same" if is_same else "Published"
    raise ConflictError("others publish what was realised at this moment: try again")


def _sweep(
    bills: Iterable[PlannedBill],
    before: RealisedHead | None,
    now: datetime,
    kept: RealisedKept,
    ledger: Ledger,
) -> None:
    """Drop what was replaced a while ago; not what readers saw *before*, who may be at it."""
    heads = (before, kept.find())
    spared = {bill.usages for bill in bills} | {head.document for head in heads if head}
    ledger.delete(
        [
            key
            for prefix in (USAGES, REALISED)
            for key, written in ledger.written(prefix)
            if key not in spared and now - written > LINGERS
        ]
    )
