"""The sources of a sample bill: every resource's meter that gives one line for each hour or day.

The number of lines asked for decides how many resources share the month's cost and how finely time
is cut; what the organisation does, and about what it pays, stays the same.
"""

import calendar
import hashlib
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date
from enum import IntEnum
from functools import cached_property
from typing import Literal, NamedTuple

import numpy as np
import numpy.typing as npt

from finops.domain.money import TICKS_PER_UNIT
from finops.domain.periods import BillingPeriod
from finops.local.sample import organisation
from finops.local.sample.catalogue import (
    GLOBAL,
    METERS,
    REGIONS,
    RESOURCE_IDS,
    Meter,
    Region,
    Size,
)
from finops.local.sample.organisation import (
    ACCOUNTS,
    APPLICATIONS,
    DAY,
    HOSTILE,
    RESERVATIONS,
    SAVINGS_PLANS,
    WEEK,
    WORKLOADS,
    Discount,
    Run,
)

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
Bits = npt.NDArray[np.uint64]
Flags = npt.NDArray[np.bool_]

Discounts = Literal["lines", "columns"]

HOURLY_FROM = 400_000  # lines; smaller bills are daily exports
HOURS = 720  # of a month, as prices are told
NONE = -1

ACCOUNT_NAMES = tuple(ACCOUNTS)
RHYTHMS = tuple(WEEK)
PLANS = tuple(SAVINGS_PLANS)
RESERVED = tuple(RESERVATIONS)


class LineType(IntEnum):
    """AWS's line item types, as the bill spells them."""

    Usage = 0
    SavingsPlanCoveredUsage = 1
    SavingsPlanNegation = 2
    SavingsPlanRecurringFee = 3
    SavingsPlanUpfrontFee = 4
    DiscountedUsage = 5
    RIFee = 6
    Fee = 7
    Tax = 8
    Credit = 9
    Refund = 10
    EdpDiscount = 11
    PrivateRateDiscount = 12
    BundledDiscount = 13
    RiVolumeDiscount = 14
    SppDiscount = 15
    FlatRateSubscription = 16


def noise(seed: int, *values: npt.ArrayLike) -> Bits:
    """64 well-mixed bits for each tuple of integers: the finalizer of MurmurHash3, chained."""
    with np.errstate(over="ignore"):
        state = np.asarray(np.uint64(seed * 2 + 1))
        for value in values:
            mixed = np.asarray(value).astype(np.uint64) * np.uint64(0xFF51AFD7ED558CCD)
            state = (state ^ mixed) * np.uint64(0xC4CEB9FE1A85EC53) + np.uint64(0x632BE59BD9B4E019)
            state = (state ^ (state >> np.uint64(33))) * np.uint64(0xFF51AFD7ED558CCD)
            state = state ^ (state >> np.uint64(29))
        return state


def unit_interval(bits: Bits) -> Floats:
    """Evenly spread numbers in [0, 1); plain arithmetic, so the same on every machine."""
    return (bits >> np.uint64(11)).astype(np.float64) * 2.0**-53


def hexadecimal(*words: object) -> str:
    """64 hexadecimal digits that stand for *words*."""
    return hashlib.sha256("/".join(map(str, words)).encode()).hexdigest()


@dataclass(frozen=True)
class Grid:
    """The time of a bill: a month cut into hours or days; the numbers of both start at 0."""

    period: BillingPeriod
    hourly: bool

    @cached_property
    def days(self) -> int:
        return calendar.monthrange(self.period.start.year, self.period.start.month)[1]

    @property
    def slots_a_day(self) -> int:
        return 24 if self.hourly else 1

    @property
    def hours(self) -> int:
        """Hours in a slot."""
        return 1 if self.hourly else 24

    @property
    def slots(self) -> int:
        return self.days * self.slots_a_day

    @cached_property
    def start_ms(self) -> int:
        return (self.period.start - date(1970, 1, 1)).days * 86_400_000

    @cached_property
    def percent(self) -> Floats:
        """Activity by rhythm and slot, in 1 of the usual."""
        weekdays = (self.period.start.weekday() + np.arange(self.days)) % 7
        rows = []
        for rhythm in RHYTHMS:
            of_day = np.array(WEEK[rhythm])[weekdays]
            of_hour = np.array(DAY[rhythm]) if self.hourly else np.array([100])
            rows.append((of_day[:, None] * of_hour).ravel() / 10_000)
        return np.array(rows)


class Offer(NamedTuple):
    """A meter where and in which size it is sold: all that a line says about what was used."""

    meter: Meter
    region: Region | None  # None is global
    size: Size | None

    @property
    def usage_type(self) -> str:
        prefix = self.region.prefix if self.region else ""
        return prefix + self.meter.usage.format(size=self.size.name if self.size else "")

    @property
    def rate(self) -> int:
        """The public price, in ticks for one unit."""
        markup = self.region.markup if self.region else 100
        return round((self.size.price if self.size else self.meter.price) * markup * 10**8)

    @property
    def words(self) -> str:
        size = self.size.name if self.size else ""
        price = f"{self.rate / TICKS_PER_UNIT:.10f}".rstrip("0").rstrip(".")
        place = f" in {self.region.location}" if self.region else ""
        return f"${price} per {self.meter.words.format(size=size)}{place}"


class Resource(NamedTuple):
    """A resource as a line names it, with the tags its owner gave it, in their spelling."""

    resource_id: str | None
    tags: tuple[tuple[str, str], ...] = ()


class Source(NamedTuple):
    """One resource's meter, and when it runs: on the slots [first, last), every *stride*-th day."""

    offer: int
    resource: int
    account: int
    line_type: LineType
    first: int
    last: int
    stride: int
    phase: int
    rate: int
    quantity: float  # in an hour of the usual
    timed: bool
    rhythm: int
    zone: int
    plan: int
    reservation: int
    node: int  # the source whose cost a container splits
    share_from: int  # of the node's cost, in 1 of 10,000
    share_to: int
    discount: int  # group of discount lines
    negation: int  # group of negation lines
    taxed: int  # group of tax lines
    forgiven: bool  # by the free tier's credits
    restated: bool  # a later delivery may change it


class Group(NamedTuple):
    """Lines that one line of the bill sums up: a day's discount, an hour's negation, a tax."""

    account: int
    product: str
    name: str
    discount: Discount | None = None
    plan: int = NONE
    offer: int = NONE
    zone: int = NONE


@dataclass(frozen=True)
class Sources:
    """All sources of a bill as columns (numpy), and what their numbers point at."""

    grid: Grid
    columns: Mapping[str, npt.NDArray[np.generic]]
    offers: tuple[Offer, ...]
    resources: tuple[Resource, ...]
    discounts: tuple[Group, ...]
    negations: tuple[Group, ...]
    taxes: tuple[Group, ...]
    reserved_units: Mapping[str, int]
    reserved_offers: Mapping[str, int]
    commitments: Mapping[str, tuple[int, int]]  # ticks an hour: recurring, upfront

    def __len__(self) -> int:
        return len(self.columns["offer"])

    def ints(self, name: str) -> Ints:
        return self.columns[name].astype(np.int64, copy=False)

    @cached_property
    def quantity(self) -> Floats:
        return self.columns["quantity"].astype(np.float64)

    def flags(self, name: str) -> Flags:
        return self.columns[name].astype(np.bool_, copy=False)

    def running(self, day: int) -> Ints:
        """The sources that give lines on *day*."""
        begin = day * self.grid.slots_a_day
        there = (self.ints("first") < begin + self.grid.slots_a_day) & (self.ints("last") > begin)
        due = (day + self.ints("phase")) % self.ints("stride") == 0
        return np.flatnonzero(there & due)

    def lines(self) -> int:
        """How many lines the sources give in the whole month."""
        total = 0
        for day in range(self.grid.days):
            running, begin = self.running(day), day * self.grid.slots_a_day
            first = np.maximum(self.ints("first")[running], begin)
            last = np.minimum(self.ints("last")[running], begin + self.grid.slots_a_day)
            total += int((last - first).sum())
        return total

    def filled(self, lines: int) -> "Sources":
        """These and as many lines more, of recorded events, which cost nothing."""
        free = [i for i, offer in enumerate(self.offers) if offer.meter is METERS["trail-free"]]
        like = np.flatnonzero(np.isin(self.ints("offer"), free) & (self.ints("stride") == 1))
        if not len(like):
            like = np.flatnonzero(np.isin(self.ints("offer"), free))
        whole, rest = divmod(lines, self.grid.slots)
        picked = like[np.arange(whole + (rest > 0)) % len(like)]
        columns = {name: np.concatenate([c, c[picked]]) for name, c in self.columns.items()}
        more = slice(len(self), None)
        columns["first"][more], columns["last"][more] = 0, self.grid.slots
        columns["stride"][more], columns["phase"][more] = 1, 0
        if rest:
            columns["last"][-1:] = rest
        return replace(self, columns=columns)

    def groups_running(self, name: str, day: int) -> list[int]:
        """The groups of *name* (discount or negation) that have lines on *day*."""
        return [int(g) for g in np.unique(self.ints(name)[self.running(day)]) if g != NONE]


def account_id(account: str, seed: int) -> str:
    """Twelve digits, the same for the same company."""
    return str(10**11 + int(hexadecimal("account", seed, account)[:12], 16) % (9 * 10**11))


# --------------------------------------------------------------------------------------------------


class _Planned(NamedTuple):
    account: str
    application: str
    run: Run
    weight: float
    most: int  # resources that the cost can be spread over
    window: tuple[int, int]  # days
    stride: int
    phase: int

    def count(self, scale: float) -> int:
        return min(self.most, max(1, round(self.weight * scale)))

    def days(self) -> int:
        first, last = self.window
        return sum((day + self.phase) % self.stride == 0 for day in range(first, last))


CONTAINERS_A_NODE = 3
LINES_A_NODE = 1 + 2 * CONTAINERS_A_NODE
# Half of a real bill's lines cost nothing; with the containers, this weight gets there.
FREE_WEIGHT = 42.0


def _steady(run: Run) -> bool:
    """Committed capacity runs every day, however few lines were asked for."""
    return bool(run.plan or run.reservation)


def _planned(grid: Grid, stride: int) -> list[_Planned]:
    out: list[_Planned] = []
    for account, applications in WORKLOADS.items():
        opened = ACCOUNTS[account].opened
        closed = ACCOUNTS[account].closed or grid.days
        for application, runs in applications.items():
            for run in runs:
                meter = METERS[run.meter]
                lowest = meter.sizes[0].price if meter.sizes else meter.price
                most = max(1, int(run.cost / (HOURS * lowest))) if meter.timed else 10**9
                weight = math.sqrt(run.cost) if run.cost else FREE_WEIGHT
                step = 1 if _steady(run) else stride
                out.append(
                    _Planned(
                        account,
                        application,
                        run,
                        weight / (3 if run.containers else 1),
                        most,
                        (opened, closed),
                        step,
                        len(out) % step,
                    )
                )
    return out


def _lines(planned: list[_Planned], grid: Grid, scale: float) -> int:
    return sum(
        p.count(scale) * p.days() * grid.slots_a_day * (LINES_A_NODE if p.run.containers else 1)
        for p in planned
    )


def _scale(planned: list[_Planned], grid: Grid, lines: int) -> float:
    low, high = 0.0, float(max(lines, 1))
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if _lines(planned, grid, middle) <= lines else (low, middle)
    return low


def plan_sources(grid: Grid, lines: int, *, seed: int) -> Sources:
    """Sources that give at most *lines* lines in the whole month, if so few are possible at all."""
    stride = 1
    while stride < grid.days and _lines(_planned(grid, stride), grid, 0) > lines:
        stride += 1
    planned = _planned(grid, stride)
    return _Builder(grid, planned, _scale(planned, grid, lines), seed).sources()


class _Builder:
    """Spreads every run's cost over its resources and writes down their sources."""

    def __init__(self, grid: Grid, planned: list[_Planned], scale: float, seed: int) -> None:
        self.grid, self.planned, self.scale, self.seed = grid, planned, scale, seed
        self.rows: list[Source] = []
        self.offers: dict[Offer, int] = {}
        self.resources: list[Resource] = [Resource(None)]
        self.discounts: dict[Group, int] = {}
        self.negations: dict[Group, int] = {}
        self.taxes: dict[Group, int] = {}
        self.reserved_units: dict[str, int] = {}
        self.reserved_offers: dict[str, int] = {}
        self.pools: dict[tuple[str, str, str], list[int]] = {}

    def sources(self) -> Sources:
        for number, planned in enumerate(self.planned):
            self._add(number, planned)
        columns = {
            name: np.array(values)
            for name, values in zip(Source._fields, zip(*self.rows, strict=True), strict=True)
        }
        return Sources(
            grid=self.grid,
            columns=columns,
            offers=tuple(self.offers),
            resources=tuple(self.resources),
            discounts=tuple(self.discounts),
            negations=tuple(self.negations),
            taxes=tuple(self.taxes),
            reserved_units=self.reserved_units,
            reserved_offers=self.reserved_offers,
            commitments=self._commitments(),
        )

    def _commitments(self) -> dict[str, tuple[int, int]]:
        """What each plan promises an hour: a little more than its usage can ever take."""
        out = {}
        for number, (name, plan) in enumerate(SAVINGS_PLANS.items()):
            covered = sum(
                plan_rate(row.rate, plan.rate) * row.quantity
                for row in self.rows
                if row.plan == number
            )
            thousandth = TICKS_PER_UNIT // 1000
            promised = max(1, math.ceil(covered * 1.03 / thousandth)) * thousandth
            upfront = promised * plan.upfront // 100
            out[name] = (promised - upfront, upfront)
        return out

    def _add(self, number: int, planned: _Planned) -> None:
        run, meter = planned.run, METERS[planned.run.meter]
        region = REGIONS[ACCOUNTS[planned.account].region]
        where = None if meter.product in GLOBAL or meter.entity != "AWS" else region
        count = planned.count(self.scale)
        spread = list(self._spread(number, run, meter, where, count))
        pool = self._pool(planned, meter, region, len(spread))
        for i, (size, quantity) in enumerate(spread):
            offer = Offer(meter, where, size)
            self._add_source(planned, offer, pool[i % len(pool)], quantity * planned.stride, i)
            if run.containers:
                self._add_containers(planned, run.containers, region, len(self.rows) - 1)
        if run.reservation:
            self.reserved_units[run.reservation] = len(spread)
            self.reserved_offers[run.reservation] = self.rows[-1].offer

    def _spread(
        self, number: int, run: Run, meter: Meter, region: Region | None, count: int
    ) -> Iterator[tuple[Size | None, float]]:
        """Size and hourly quantity of each of *count* resources that together cost *run.cost*."""
        lot = unit_interval(noise(self.seed, 1, number, np.arange(count)))
        shares = 1 + 3 * lot * lot * lot
        shares = shares / shares.sum()
        if not run.cost:
            yield from ((None, meter.idle * (0.5 + float(part))) for part in lot)
            return
        markup = region.markup / 100 if region else 1.0
        hourly = run.cost / HOURS
        if not meter.timed:
            for share in shares:
                yield None, round(hourly * float(share) / (meter.price * markup), 9)
        elif not meter.sizes:
            owed = 0.0
            for share in shares:
                owed += hourly * float(share) / (meter.price * markup)
                units = max(1, round(owed))
                owed -= units
                yield None, float(units)
        elif run.reservation:
            size = _nearest(meter.sizes, hourly / count / markup)
            for _ in range(max(1, round(hourly / (size.price * markup)))):
                yield size, 1.0
        else:
            owed = 0.0
            for share in shares:
                owed += hourly * float(share) / markup
                size = _nearest(meter.sizes, owed)
                units = max(1, int(owed / size.price))  # above 1 only where lines are very few
                owed -= units * size.price
                yield size, float(units)

    def _pool(self, planned: _Planned, meter: Meter, region: Region, count: int) -> list[int]:
        """The resources of one kind that an application has; its meters share them."""
        if meter.resource is None:
            return [0]
        key = (planned.account, planned.application, meter.resource)
        pool = self.pools.setdefault(key, [])
        # An instance has one size, so a second run of instances has instances of its own.
        known = len(pool) if meter.sizes else 0
        if meter.timed or not pool:
            for _ in range(len(pool), known + count):
                pool.append(self._resource(planned, meter.resource, region, len(pool)))
        return pool[known:]

    def _resource(self, planned: _Planned, kind: str, region: Region, number: int) -> int:
        account, application = planned.account, planned.application
        digits = hexadecimal(self.seed, account, application, kind, number)
        owner = account_id(account, self.seed)
        name = f"{application}-{ACCOUNTS[account].environment.split('-')[0]}"
        resource_id = RESOURCE_IDS[kind](region=region.code, account=owner, app=name, hex=digits)
        tags = tuple(_tags(account, application, kind, number, digits))
        self.resources.append(Resource(resource_id, tags))
        return len(self.resources) - 1

    def _add_source(
        self, planned: _Planned, offer: Offer, resource: int, quantity: float, number: int
    ) -> None:
        """A source; two where a commitment bought this month covers it from a day on."""
        run, account = planned.run, ACCOUNT_NAMES.index(planned.account)
        slots = self.grid.slots_a_day
        opened, closed = (day * slots for day in planned.window)
        zone = number % 3 if offer.meter.zonal else NONE
        product = offer.meter.product
        cut = organisation.discount(planned.account, product, offer.meter.entity)
        tax_name = offer.meter.name if offer.meter.entity == "AWS" else ""
        source = Source(
            offer=self.offers.setdefault(offer, len(self.offers)),
            resource=resource,
            account=account,
            line_type=LineType.Usage,
            first=opened,
            last=closed,
            stride=planned.stride,
            phase=planned.phase,
            rate=offer.rate,
            quantity=quantity,
            timed=offer.meter.timed,
            rhythm=RHYTHMS.index(run.rhythm),
            zone=zone,
            plan=NONE,
            reservation=NONE,
            node=NONE,
            share_from=0,
            share_to=0,
            discount=_number(self.discounts, Group(account, product, offer.meter.name, cut))
            if cut and offer.rate
            else NONE,
            negation=NONE,
            taxed=_number(self.taxes, Group(account, product, tax_name)) if tax_name else NONE,
            forgiven=run.meter == "function" and planned.application == "ideas",
            restated=not (_steady(run) or run.containers) and offer.rate > 0,
        )
        bought = 0
        if run.plan:
            bought = (SAVINGS_PLANS[run.plan].bought or 0) * slots
            plan = PLANS.index(run.plan)
            group = Group(account, product, offer.meter.name, None, plan, source.offer, zone)
            covered = source._replace(
                line_type=LineType.SavingsPlanCoveredUsage,
                first=max(opened, bought),
                plan=plan,
                negation=_number(self.negations, group),
                discount=NONE,
            )
        elif run.reservation:
            bought = (RESERVATIONS[run.reservation].bought or 0) * slots
            covered = source._replace(
                line_type=LineType.DiscountedUsage,
                first=max(opened, bought),
                reservation=RESERVED.index(run.reservation),
                discount=NONE,
            )
        else:
            self.rows.append(source)
            return
        if bought:
            self.rows.append(source._replace(last=bought))
        self.rows.append(covered)

    def _add_containers(self, planned: _Planned, kind: str, region: Region, node: int) -> None:
        """Containers of one instance; their shares cover its whole cost."""
        lot = unit_interval(noise(self.seed, 2, node, np.arange(CONTAINERS_A_NODE)))
        weights = np.cumsum(1 + lot)
        bounds = [0, *(round(float(w) * 10_000) for w in weights[:-1] / weights[-1]), 10_000]
        for i in range(CONTAINERS_A_NODE):
            resource = self._resource(planned, kind, region, node * CONTAINERS_A_NODE + i)
            middle = bounds[i] + (bounds[i + 1] - bounds[i]) * 9 // 10
            parts = (("vcpu", bounds[i], middle), ("memory", middle, bounds[i + 1]))
            for what, share_from, share_to in parts:
                meter = METERS[f"{kind}-{what}"]
                offer = Offer(meter, region, None)
                host = self.rows[node]
                self.rows.append(
                    host._replace(
                        offer=self.offers.setdefault(offer, len(self.offers)),
                        resource=resource,
                        rate=0,
                        quantity=meter.idle,
                        timed=False,
                        node=node,
                        share_from=share_from,
                        share_to=share_to,
                        discount=NONE,
                        taxed=NONE,
                    )
                )


def plan_rate(rate: int, percent: int) -> int:
    """A Savings Plan's rate: *percent* of the public one, in whole 1e-6 USD."""
    return round(rate * percent / 100 / 10_000) * 10_000


def _number(groups: dict[Group, int], group: Group) -> int:
    return groups.setdefault(group, len(groups))


def _nearest(sizes: tuple[Size, ...], price: float) -> Size:
    return min(sizes, key=lambda size: abs(size.price - price))


def _tags(
    account: str, application: str, kind: str, number: int, digits: str
) -> Iterator[tuple[str, str]]:
    """A resource's tags as people leave them: some none, some spelled twice, some to be wary of."""
    lot = int(digits[-6:], 16)
    app = APPLICATIONS[application]
    if account == "sandbox-innovation":
        yield "user:Team", app.team
        yield "user:Idea", HOSTILE[(number + list(RESOURCE_IDS).index(kind)) % len(HOSTILE)]
        return
    if lot % 100 < 18 and number:
        return
    yield "user:Application", application
    yield "user:Team", app.team
    yield "user:Environment", ACCOUNTS[account].environment
    yield f"user:{app.cost_center_key}", app.cost_center
    if account == "warehouse-production" and lot % 7 == 0:
        yield "user:CostCenter", "CC-3000"  # both spellings, with two answers
    if lot % 3 == 0:
        yield "aws:createdBy", f"AssumedRole:AROA{digits[:16].upper()}:deploy"
    if kind == "pod":
        yield "aws:eks:cluster-name", application
