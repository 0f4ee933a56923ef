"""Lines of usage: what each source used in each hour or day, what it costs, and its row.

Money is whole ticks of 1e-10 USD until it is written as the nearest double, as AWS does.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from finops.domain.money import TICKS_PER_UNIT
from finops.domain.tags import normalised
from finops.local.sample.catalogue import Meter
from finops.local.sample.columns import COLUMNS, DOUBLE, DOUBLES, SCHEMA, TEXT, TEXTS, ZEROS
from finops.local.sample.delivery import Delivery
from finops.local.sample.organisation import ACCOUNTS, RESERVATIONS, SAVINGS_PLANS, SELLER
from finops.local.sample.sources import (
    ACCOUNT_NAMES,
    NONE,
    PLANS,
    RESERVED,
    Flags,
    Floats,
    Ints,
    LineType,
    Offer,
    Sources,
    hexadecimal,
    noise,
    plan_rate,
    unit_interval,
)

Texts = Iterable[str | None]
LATE = 10  # days before a delivery that its rewrites mostly change


@dataclass(frozen=True)
class Usage:
    """Lines as columns: the source and slot of each, and its amounts in ticks."""

    source: Ints
    slot: Ints
    late: Flags  # told by a later delivery, beside the line that was there
    quantity: Floats
    unblended: Ints
    discount: Ints
    listed: Ints
    covered: Ints  # effective cost under a Savings Plan
    upfront: Ints  # the two parts of the effective cost of reserved capacity
    recurring: Ints
    split: Ints
    split_unused: Ints

    def __len__(self) -> int:
        return len(self.source)


def commitment_rates(sources: Sources) -> tuple[Ints, Ints, Ints]:
    """Ticks for one unit of each source: Savings Plan rate, reservation upfront, recurring."""
    plan, upfront, recurring = (np.zeros(len(sources), np.int64) for _ in range(3))
    rate = sources.ints("rate")
    for number, name in enumerate(PLANS):
        for k in np.flatnonzero(sources.ints("plan") == number):
            plan[k] = plan_rate(int(rate[k]), SAVINGS_PLANS[name].rate)
    for number, name in enumerate(RESERVED):
        held = RESERVATIONS[name]
        for k in np.flatnonzero(sources.ints("reservation") == number):
            upfront[k] = plan_rate(int(rate[k]), held.upfront)
            recurring[k] = plan_rate(int(rate[k]), held.recurring)
    return plan, upfront, recurring


class Metering:
    """Says what sources used: a pure function of the delivery's arguments, source and slot."""

    def __init__(self, delivery: Delivery, sources: Sources) -> None:
        self.delivery, self.sources = delivery, sources
        self.plan_rate, self.upfront_rate, self.recurring_rate = commitment_rates(sources)
        self.percent = np.array([0, *(g.discount.percent for g in sources.discounts if g.discount)])
        # One line in so many is late, one changed, one withdrawn, with each rewrite.
        self.rare = max(90, min(2_000, delivery.lines // 25))

    def days(self, first: int, last: int, rows: int) -> Iterable[Usage]:
        """The usage of the days [first, last), about *rows* lines at a time."""
        grid, held, waiting = self.sources.grid, [], 0
        for day in range(first, last):
            running = self.sources.running(day)
            for slot in range(day * grid.slots_a_day, (day + 1) * grid.slots_a_day):
                begun = self.sources.ints("first")[running] <= slot
                there = running[begun & (self.sources.ints("last")[running] > slot)]
                held.append((there, np.full(len(there), slot, np.int64)))
                waiting += len(there)
                if waiting >= rows:
                    yield self._usage(held)
                    held, waiting = [], 0
        if waiting:
            yield self._usage(held)

    def _usage(self, held: list[tuple[Ints, Ints]]) -> Usage:
        source, slot, late, changed = self._restated(
            np.concatenate([k for k, _ in held]), np.concatenate([t for _, t in held])
        )
        quantity, listed = self._used(source, slot, late, changed)
        kind = self.sources.ints("line_type")[source]
        zeros = np.zeros(len(source), np.int64)
        reserved = kind == LineType.DiscountedUsage
        unblended = np.where(reserved, zeros, listed)
        percent = self.percent[self.sources.ints("discount")[source] + 1]
        split, unused = self._split(source, slot)
        return Usage(
            source,
            slot,
            late,
            quantity,
            unblended=unblended,
            discount=(unblended * percent + 50) // 100,
            listed=listed,
            covered=_times(quantity, self.plan_rate[source]),
            upfront=_times(quantity, self.upfront_rate[source]),
            recurring=_times(quantity, self.recurring_rate[source]),
            split=split,
            split_unused=unused,
        )

    def _restated(self, source: Ints, slot: Ints) -> tuple[Ints, Ints, Flags, Flags]:
        """The lines of the first delivery, as the delivery's rewrites changed them."""
        level = self.delivery.restate
        nothing = np.zeros(len(source), np.bool_)
        if not level:
            return source, slot, nothing, nothing
        day = slot // self.sources.grid.slots_a_day
        seldom = noise(self.delivery.seed, 3, source, slot) % np.uint64(8) == 0
        may = self.sources.flags("restated")[source]
        may &= (day >= self.delivery.through_day - LATE) | seldom
        withdrawn, changed, late = (
            may & self._drawn(what, source, slot, level) for what in (4, 5, 6)
        )
        kept, more = np.flatnonzero(~withdrawn), np.flatnonzero(late)
        rows = np.concatenate([kept, more])
        is_late = np.arange(len(rows)) >= len(kept)
        return source[rows], slot[rows], is_late, changed[rows]

    def _drawn(self, what: int, source: Ints, slot: Ints, level: int) -> Flags:
        lot = noise(self.delivery.seed, what, source, slot) % np.uint64(self.rare)
        drawn: Flags = lot < np.uint64(level)
        return drawn

    def _used(self, source: Ints, slot: Ints, late: Flags, changed: Flags) -> tuple[Floats, Ints]:
        """Quantity, and its cost at the public price."""
        sources = self.sources
        activity = sources.grid.percent[sources.ints("rhythm")[source], slot]
        lot = unit_interval(noise(self.delivery.seed, 7, source, slot))
        timed = sources.flags("timed")[source]
        activity = np.where(timed, np.minimum(activity, 1.0), activity * (0.7 + 0.6 * lot))
        activity = np.where(late, activity * 0.35, activity)
        activity = np.where(changed, activity * 1.08, activity)
        used = sources.quantity[source] * activity * sources.grid.hours
        quantity = np.rint(used * 1e6) / 1e6
        return quantity, _times(quantity, sources.ints("rate")[source])

    def _split(self, source: Ints, slot: Ints) -> tuple[Ints, Ints]:
        """Containers' parts of their instance's cost: used, and paid for but not used."""
        split, unused = np.zeros(len(source), np.int64), np.zeros(len(source), np.int64)
        rows = np.flatnonzero(self.sources.ints("node")[source] != NONE)
        if not len(rows):
            return split, unused
        k, t = source[rows], slot[rows]
        node = self.sources.ints("node")[k]
        never = np.zeros(len(rows), np.bool_)
        _, cost = self._used(node, t, never, never)
        # Differences of running shares: the parts of one instance add up to it, to the tick.
        part = cost * self.sources.ints("share_to")[k] // 10_000
        part -= cost * self.sources.ints("share_from")[k] // 10_000
        idle = (noise(self.delivery.seed, 8, k, t) % np.uint64(40)).astype(np.int64)
        unused[rows] = part * idle // 100
        split[rows] = part - unused[rows]
        return split, unused


def _times(quantity: Floats, rate: Ints) -> Ints:
    return np.rint(quantity * rate).astype(np.int64)


def doubles(ticks: Ints) -> pa.Array:
    """Money as AWS writes it: the double nearest to each number of ticks."""
    return pa.array(ticks / TICKS_PER_UNIT, DOUBLE)


# --------------------------------------------------------------------------------------------------

Column = Callable[[Usage], pa.Array]


class Rows:
    """Turns usage into rows of the bill, one Arrow column at a time."""

    def __init__(self, delivery: Delivery, sources: Sources) -> None:
        self.delivery, self.sources = delivery, sources
        self.columns: dict[str, Column] = {}
        self._constants()
        self._what_was_used()
        self._who_used_it()
        self._commitments()
        self._time()
        self._money()

    def table(self, usage: Usage) -> pa.Table:
        count = len(usage)
        blank = {name: pa.nulls(count, kind) for name, kind in COLUMNS.items()}
        zeros = pa.array(np.zeros(count), DOUBLE)
        blank.update(dict.fromkeys(ZEROS, zeros))
        made = {name: column(usage) for name, column in self.columns.items()}
        return written({**blank, **made})

    # ---- how a column follows from the source

    def _coded(self, values: Texts, codes: Ints) -> Column:
        """Text by source: *codes* point into *values*."""
        encoded = pa.array(list(values), TEXT).dictionary_encode()
        index = np.asarray(encoded.indices.fill_null(NONE))[codes].astype(np.int32)
        absent = index == NONE
        if absent.any():
            return lambda usage: pa.DictionaryArray.from_arrays(
                pa.array(index[usage.source], mask=absent[usage.source]), encoded.dictionary
            )
        return lambda usage: pa.DictionaryArray.from_arrays(
            pa.array(index[usage.source]), encoded.dictionary
        )

    def _mapped(self, values: Iterable[Mapping[str, str]], codes: Ints) -> Column:
        entries = pa.array([list(value.items()) for value in values], TEXTS)
        return lambda usage: entries.take(pa.array(codes[usage.source]))

    def _same(self, value: str) -> Column:
        one = pa.array([value], TEXT)
        return lambda usage: pa.DictionaryArray.from_arrays(
            pa.array(np.zeros(len(usage), np.int32)), one
        )

    def _by_source(self, **columns: Texts) -> None:
        every = np.arange(len(self.sources))
        for name, values in columns.items():
            self.columns[name] = self._coded(values, every)

    # ---- the columns

    def _constants(self) -> None:
        payer = self.delivery
        for name, value in {
            "bill_bill_type": "Anniversary",
            "bill_payer_account_id": payer.payer_id,
            "bill_payer_account_name": payer.payer_name,
            "line_item_currency_code": "USD",
            "pricing_currency": "USD",
        }.items():
            self.columns[name] = self._same(value)

    def _what_was_used(self) -> None:
        offers, codes = self.sources.offers, self.sources.ints("offer")
        self.columns["product"] = self._mapped(map(product_map, offers), codes)
        cells = [offer_cells(offer) for offer in offers]
        for name in cells[0]:
            self.columns[name] = self._coded([cell[name] for cell in cells], codes)
        factor = np.array([offer.size.factor if offer.size else 0.0 for offer in offers])[codes]
        self.columns["line_item_normalization_factor"] = lambda usage: pa.array(
            factor[usage.source]
        )
        self.columns["line_item_normalized_usage_amount"] = lambda usage: pa.array(
            factor[usage.source] * usage.quantity
        )

    def _who_used_it(self) -> None:
        sources, delivery = self.sources, self.delivery
        accounts = sources.ints("account")
        entities = np.array([offer.meter.entity != "AWS" for offer in sources.offers])
        market = entities[sources.ints("offer")]
        for name in account_cells(delivery, 0):
            values = [account_cells(delivery, a)[name] for a in range(len(ACCOUNTS))]
            self.columns[name] = self._coded(values, accounts)
        self._by_source(
            bill_billing_entity=["AWS Marketplace" if m else "AWS" for m in market],
            bill_invoice_id=[
                delivery.invoice_id(delivery.usage_invoice(a, entity="Other" if m else "AWS"))
                for a, m in zip(accounts.tolist(), market, strict=True)
            ],
        )
        if market.any():
            legal = [
                SELLER if m else ACCOUNTS[ACCOUNT_NAMES[a]].legal_entity
                for a, m in zip(accounts.tolist(), market, strict=True)
            ]
            self._by_source(line_item_legal_entity=legal, bill_invoicing_entity=legal)
        self.columns["cost_category"] = self._mapped(map(cost_categories, ACCOUNTS), accounts)
        resource = sources.ints("resource")
        self.columns["line_item_resource_id"] = self._coded(
            [r.resource_id or "" for r in sources.resources], resource
        )
        # An account's own tags stand on its lines without a resource, too.
        tagged = np.where(resource == 0, len(sources.resources) + accounts, resource)
        owner = dict(zip(resource.tolist(), accounts.tolist(), strict=True))
        tags = [
            tag_map(r.tags, ACCOUNT_NAMES[owner.get(i, 0)]) for i, r in enumerate(sources.resources)
        ]
        tags += [tag_map((), name) for name in ACCOUNT_NAMES]
        self.columns["tags"] = self._mapped(tags, tagged)
        resource_tags = [normalised_map(r.tags) for r in sources.resources]
        self.columns["resource_tags"] = self._mapped(resource_tags, resource)
        zones = [
            f"{offer.region.code}{'abc'[zone]}" if offer.region and zone != NONE else None
            for offer, zone in zip(
                (sources.offers[o] for o in sources.ints("offer")),
                sources.ints("zone").tolist(),
                strict=True,
            )
        ]
        self._by_source(line_item_availability_zone=zones)
        node = sources.ints("node")
        self._by_source(
            split_line_item_parent_resource_id=[
                sources.resources[int(resource[n])].resource_id if n != NONE else None for n in node
            ]
        )
        ids = [hexadecimal(delivery.seed, delivery.period, "line", k) for k in range(len(sources))]
        late = [hexadecimal(delivery.seed, delivery.period, "late", k) for k in range(len(sources))]
        names = pa.array([line_item_id(text) for text in (*ids, *late)], TEXT)
        self.columns["identity_line_item_id"] = lambda usage: pa.DictionaryArray.from_arrays(
            pa.array((usage.source + usage.late * len(ids)).astype(np.int32)), names
        )

    def _commitments(self) -> None:
        sources, delivery = self.sources, self.delivery
        kinds = sources.ints("line_type")
        reserved = kinds == LineType.DiscountedUsage
        rates = [rate_text(rate) for rate in sources.ints("rate").tolist()]
        nothing = [rate_text(0)]
        self._by_source(
            line_item_line_item_type=[LineType(kind).name for kind in kinds],
            line_item_blended_rate=rates,
            pricing_public_on_demand_rate=rates,
            line_item_unblended_rate=[
                nothing[0] if r else text for r, text in zip(reserved, rates, strict=True)
            ],
            pricing_term=["Reserved" if r else "OnDemand" for r in reserved],
            # Filled on nearly every line of a real bill, reserved or not.
            reservation_subscription_id=[
                str(int(hexadecimal("subscription", o)[:9], 16)) for o in sources.ints("offer")
            ],
        )
        plan, held = sources.ints("plan"), sources.ints("reservation")
        cells = [plan_cells(delivery, name) for name in PLANS]
        for name in cells[0]:
            self.columns[name] = self._coded([*(c[name] for c in cells), _blank(name)], plan)
        cells = [reservation_cells(delivery, name) for name in RESERVED]
        for name in cells[0]:
            self.columns[name] = self._coded([*(c[name] for c in cells), _blank(name)], held)

    def _time(self) -> None:
        grid, delivery = self.sources.grid, self.delivery
        length = grid.hours * 3_600_000
        starts = grid.start_ms + np.arange(grid.slots + 1, dtype=np.int64) * length
        moments = [
            f"{delivery.at(0, slot * grid.hours):%Y-%m-%dT%H:%M:%SZ}"
            for slot in range(grid.slots + 1)
        ]
        intervals = pa.array([f"{moments[s]}/{moments[s + 1]}" for s in range(grid.slots)], TEXT)
        stamp = COLUMNS["line_item_usage_start_date"]

        def always(moment: int) -> Column:
            return lambda usage: pa.array(np.full(len(usage), moment)).cast(stamp)

        self.columns |= {
            "identity_time_interval": lambda usage: pa.DictionaryArray.from_arrays(
                pa.array(usage.slot.astype(np.int32)), intervals
            ),
            "line_item_usage_start_date": lambda usage: pa.array(starts[usage.slot]).cast(stamp),
            "line_item_usage_end_date": lambda usage: pa.array(starts[usage.slot + 1]).cast(stamp),
            "bill_billing_period_start_date": always(int(starts[0])),
            "bill_billing_period_end_date": always(int(starts[-1])),
        }

    def _money(self) -> None:
        sources = self.sources
        split = sources.ints("node") != NONE
        plan = commitment_rates(sources)[0]
        self.columns |= {
            "line_item_usage_amount": lambda usage: pa.array(usage.quantity),
            "line_item_unblended_cost": lambda usage: doubles(usage.unblended),
            "line_item_blended_cost": lambda usage: doubles(usage.unblended),
            "pricing_public_on_demand_cost": lambda usage: doubles(usage.listed),
            "savings_plan_savings_plan_effective_cost": lambda usage: doubles(usage.covered),
            "savings_plan_savings_plan_rate": lambda usage: doubles(plan[usage.source]),
            "reservation_effective_cost": lambda usage: doubles(usage.upfront + usage.recurring),
            "reservation_amortized_upfront_cost_for_usage": lambda usage: doubles(usage.upfront),
            "reservation_recurring_fee_for_usage": lambda usage: doubles(usage.recurring),
        }

        def container(amount: Callable[[Usage], Floats]) -> Column:
            return lambda usage: pa.array(amount(usage), DOUBLE, mask=~split[usage.source])

        money, whole = TICKS_PER_UNIT, np.maximum
        self.columns |= {
            "split_line_item_split_cost": container(lambda u: u.split / money),
            "split_line_item_unused_cost": container(lambda u: u.split_unused / money),
            "split_line_item_public_on_demand_split_cost": container(lambda u: u.split / money),
            "split_line_item_public_on_demand_unused_cost": container(
                lambda u: u.split_unused / money
            ),
            "split_line_item_split_usage": container(lambda u: u.quantity),
            "split_line_item_reserved_usage": container(lambda u: u.quantity),
            "split_line_item_actual_usage": container(
                lambda u: (
                    np.rint(u.quantity * u.split / whole(u.split + u.split_unused, 1) * 1e6) / 1e6
                )
            ),
            "split_line_item_split_usage_ratio": container(
                lambda u: (
                    np.rint((sources.ints("share_to") - sources.ints("share_from"))[u.source] / 1.0)
                    / 10_000
                )
            ),
        }
        if self.delivery.discounts == "columns":
            self._net_columns()

    def _net_columns(self) -> None:
        """Discounts inside the line: filled for accounts that have any, empty for the others."""
        sources = self.sources
        names = tuple(ACCOUNTS)
        under = np.array([ACCOUNTS[name].discounted for name in names])[sources.ints("account")]
        group = sources.ints("discount")
        percent = np.array([g.discount.percent for g in sources.discounts if g.discount] + [0])
        rates = (sources.ints("rate") * (100 - percent[group]) + 50) // 100
        net_rates = np.where(sources.ints("line_type") == LineType.DiscountedUsage, 0, rates)

        def net(amount: Callable[[Usage], Ints]) -> Column:
            return lambda usage: pa.array(
                amount(usage) / TICKS_PER_UNIT, DOUBLE, mask=~under[usage.source]
            )

        self._by_source(
            line_item_net_unblended_rate=[
                rate_text(rate) if there else None
                for rate, there in zip(net_rates.tolist(), under, strict=True)
            ]
        )
        keys = [*(g.discount.key for g in sources.discounts if g.discount), ""]
        bundled = np.array([key == "bundled_discount" for key in keys])[group]
        self.columns |= {
            "line_item_net_unblended_cost": net(lambda u: u.unblended - u.discount),
            "savings_plan_net_savings_plan_effective_cost": net(lambda u: u.covered),
            "reservation_net_effective_cost": net(lambda u: u.upfront + u.recurring),
            "reservation_net_amortized_upfront_cost_for_usage": net(lambda u: u.upfront),
            "reservation_net_recurring_fee_for_usage": net(lambda u: u.recurring),
            "discount_total_discount": net(lambda u: -u.discount),
            "discount_bundled_discount": net(lambda u: -u.discount * bundled[u.source]),
            "discount": lambda usage: discount_maps(
                pa.array(keys, TEXT), group[usage.source], usage.discount
            ),
        }


def discount_maps(keys: pa.Array, group: Ints, discount: Ints) -> pa.Array:
    """A map of one entry for each line with a discount, an empty one for the others."""
    there = np.flatnonzero(discount != 0)
    offsets = np.zeros(len(group) + 1, np.int32)
    np.cumsum(discount != 0, out=offsets[1:])
    return pa.MapArray.from_arrays(
        pa.array(offsets), keys.take(pa.array(group[there])), doubles(-discount[there])
    ).cast(DOUBLES)


def written(columns: Mapping[str, Any]) -> pa.Table:
    """*columns* as a table in AWS's order, text as codes into a dictionary."""
    coded = pa.dictionary(pa.int32(), TEXT)
    arrays = {
        name: columns[name].cast(coded) if kind == TEXT else columns[name]
        for name, kind in COLUMNS.items()
    }
    return pa.table(arrays)


WRITTEN = pa.schema(
    [(f.name, pa.dictionary(pa.int32(), TEXT) if f.type == TEXT else f.type) for f in SCHEMA]
)


# ---- the cells that depend on one thing only; entries that are no usage take theirs from here, too


def rate_text(ticks: int) -> str:
    """A rate as the bill writes it: text with ten decimals.

    >>> rate_text(960_000_000)
    '0.0960000000'
    """
    return f"{ticks // TICKS_PER_UNIT}.{ticks % TICKS_PER_UNIT:010}"


def line_item_id(digits: str) -> str:
    """52 characters of base 32, as AWS's line item ids look."""
    letters = "abcdefghijklmnopqrstuvwxyz234567"
    number = int(digits, 16)
    return "".join(letters[number >> shift & 31] for shift in range(0, 260, 5))


def offer_cells(offer: Offer) -> dict[str, Any]:
    """What a line says about the meter, its place and its price list."""
    meter, region = offer.meter, offer.region
    transfer = meter.family == "Data Transfer"
    # As in real bills, transfers name the region in `product` only.
    place = None if transfer or region is None else region
    sku = hexadecimal("sku", offer.usage_type, meter.product, meter.operation)[:16].upper()
    return {
        "line_item_operation": meter.operation,
        "line_item_product_code": meter.product,
        "line_item_usage_type": offer.usage_type,
        "line_item_line_item_description": offer.words,
        "pricing_rate_code": f"{sku}.JRTCKXETXF.6YS6EN2CT7",
        "pricing_rate_id": str(int(sku[:10], 16)),
        "pricing_unit": meter.unit,
        "product_from_location": region.location if transfer and region else None,
        "product_from_location_type": "AWS Region" if transfer and region else None,
        "product_from_region_code": region.code if transfer and region else None,
        "product_instance_family": _family(meter) if offer.size else None,
        "product_instance_type": offer.size.name if offer.size else None,
        "product_location": place.location if place else None,
        "product_location_type": "AWS Region" if place else None,
        "product_operation": meter.operation,
        "product_pricing_unit": meter.unit,
        "product_product_family": meter.family or None,
        "product_region_code": place.code if place else None,
        "product_servicecode": meter.service or meter.product,
        "product_sku": sku,
        "product_usagetype": offer.usage_type,
    }


def _family(meter: Meter) -> str:
    if meter.product != "AmazonEC2":
        return "Memory optimized"
    return (
        "Compute optimized" if "c7g.large" in {s.name for s in meter.sizes} else "General purpose"
    )


def product_map(offer: Offer) -> dict[str, str]:
    meter = offer.meter
    cells = {"product_name": meter.name}
    if meter.entity == "AWS":
        cells["servicename"] = "AWS Data Transfer" if "Transfer" in meter.service else meter.name
        cells["region"] = offer.region.code if offer.region else "global"
    if offer.size and meter.product == "AmazonEC2":
        cells |= {"operating_system": "Linux", "tenancy": "Shared"}
    if meter.product == "AmazonRDS":
        cells |= {"database_engine": "PostgreSQL", "deployment_option": "Single-AZ"}
    return cells


def account_cells(delivery: Delivery, account: int) -> dict[str, str | None]:
    name = ACCOUNT_NAMES[account]
    return {
        "line_item_usage_account_id": delivery.account_ids[account],
        "line_item_usage_account_name": delivery.account_name(name),
        "line_item_legal_entity": ACCOUNTS[name].legal_entity,
        "bill_invoicing_entity": ACCOUNTS[name].legal_entity,
    }


def cost_categories(account: str) -> dict[str, str]:
    return {"business_unit": ACCOUNTS[account].business_unit}


def tag_map(tags: Iterable[tuple[str, str]], account: str) -> dict[str, str]:
    """The column `tags`: every kind of tag in its owner's spelling."""
    own = {f"resourceTags/{key}": value for key, value in tags}
    return {**own, "accountTag/Environment": ACCOUNTS[account].environment}


def normalised_map(tags: Iterable[tuple[str, str]]) -> dict[str, str]:
    """The column `resource_tags`, where keys that AWS cannot tell apart have become one."""
    cells: dict[str, str] = {}
    for key, value in tags:
        cells.setdefault(normalised(key), value)
    return cells


def plan_cells(delivery: Delivery, name: str) -> dict[str, Any]:
    plan = SAVINGS_PLANS[name]
    begun = delivery.bought(name, plan.bought)
    years = 1 if plan.bought is not None else 3
    return {
        "savings_plan_savings_plan_a_r_n": delivery.plan_arn(name),
        "savings_plan_offering_type": plan.offering,
        "savings_plan_payment_option": "Partial Upfront" if plan.upfront else "No Upfront",
        "savings_plan_purchase_term": f"{years}yr",
        "savings_plan_start_time": f"{begun}T00:00:00.000Z",
        "savings_plan_end_time": f"{begun.replace(year=begun.year + years)}T00:00:00.000Z",
    }


def reservation_cells(delivery: Delivery, name: str) -> dict[str, Any]:
    held = RESERVATIONS[name]
    begun = delivery.bought(name, held.bought)
    years = 1 if held.bought is not None else 3
    return {
        "reservation_reservation_a_r_n": delivery.reservation_arn(name),
        "reservation_start_time": f"{begun}T00:00:00.000Z",
        "reservation_end_time": f"{begun.replace(year=begun.year + years)}T00:00:00.000Z",
        "pricing_lease_contract_length": f"{years}yr",
        "pricing_offering_class": "standard",
        "pricing_purchase_option": held.payment,
    }


def _blank(name: str) -> str | None:
    """ARNs that do not apply are empty texts in real bills, other cells are absent."""
    return "" if name.endswith("a_r_n") else None
