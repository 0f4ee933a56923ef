"""Lines that are no metered usage: fees, taxes, credits, refunds, discounts and negations.

Each says what it cost in all four views, so that the control totals do not have to read it back.
"""

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any, NamedTuple

import pyarrow as pa

from finops.domain.money import TICKS_PER_UNIT
from finops.local.sample.catalogue import METERS, REGIONS, RESOURCE_IDS
from finops.local.sample.columns import COLUMNS, ZEROS
from finops.local.sample.delivery import AT_ONCE, Delivery, Invoice
from finops.local.sample.organisation import (
    ACCOUNTS,
    EMEA,
    INC,
    PAYER,
    RESERVATIONS,
    SAVINGS_PLANS,
    SELLER,
    VOLUME,
)
from finops.local.sample.sources import (
    ACCOUNT_NAMES,
    PLANS,
    Group,
    LineType,
    Offer,
    Sources,
    hexadecimal,
    plan_rate,
)
from finops.local.sample.totals import Cell, Sums
from finops.local.sample.usage import (
    account_cells,
    cost_categories,
    line_item_id,
    offer_cells,
    plan_cells,
    product_map,
    rate_text,
    reservation_cells,
    tag_map,
    written,
)

CENT = TICKS_PER_UNIT // 100
USD = TICKS_PER_UNIT
FIRST_WEEK, LAST_WEEK = 8, 9  # the days on which a Savings Plan's netting is off, then put right
RESIDUE = 31  # ticks
YEAR_HOURS = 8_760

# What a bill with few lines sums up over several days to leave room for usage.
DAYS_TOGETHER, FEW_LINES = 10, 20_000

TAX_RATES = {EMEA: 20, INC: 4}  # percent
# In the United States only these are taxed, and only where the shops are.
TAXED = frozenset({"AmazonS3", "AmazonCloudFront", "AmazonRDS", "AmazonEC2"})
SUPPORT_TIERS = ((10_000, 10), (70_000, 7), (170_000, 5), (10**9, 3))  # USD, percent


class Entry(NamedTuple):
    """A row of the bill; amounts in ticks, *cells* by column."""

    cell: Cell
    unblended: int
    net: int
    effective: int
    listed: int
    cells: Mapping[str, Any]


class Ledger:
    """Writes the entries of one delivery, from the sums of its usage."""

    def __init__(self, delivery: Delivery, sources: Sources) -> None:
        self.delivery, self.sources = delivery, sources
        self.grid = sources.grid
        self.together = DAYS_TOGETHER if delivery.lines < FEW_LINES else 1

    # ---- of a day

    def of_days(self, first: int, last: int, sums: Sums) -> Iterator[Entry]:
        for day in range(first, last):
            yield from self.savings_plans(day, sums)
            yield from self.credits(day, sums)
        if self.delivery.discounts == "lines":
            yield from self.discounts(first, last, sums)

    def count(self) -> int:
        """How many entries the whole month has."""
        nothing = Sums(self.delivery, self.sources)
        slots = self.grid.slots_a_day
        daily = sum(
            (len(self._plans(day)) + len(self.sources.groups_running("negation", day))) * slots
            + sum(1 for _ in self.credits(day, nothing))
            for day in range(self.grid.days)
        )
        if self.delivery.discounts == "lines":
            daily += sum(1 for _ in self.discounts(0, self.grid.days, nothing))
        return daily + sum(1 for _ in self.of_month(nothing))

    def _plans(self, day: int) -> list[str]:
        return [name for name in PLANS if (SAVINGS_PLANS[name].bought or 0) <= day]

    def savings_plans(self, day: int, sums: Sums) -> Iterator[Entry]:
        """The hours' commitments of *day*, and the negations of what they covered."""
        slots = range(day * self.grid.slots_a_day, (day + 1) * self.grid.slots_a_day)
        running = self.sources.groups_running("negation", day)
        for slot in slots:
            begin = self.delivery.at(0, slot * self.grid.hours)
            end = begin + timedelta(hours=self.grid.hours)
            for name in self._plans(day):
                yield self._commitment(name, begin, end, int(sums.used[PLANS.index(name), slot]))
            for number in running:
                off = 0
                if number == running[0] and slot == slots[0]:
                    off = {FIRST_WEEK: RESIDUE, LAST_WEEK: -RESIDUE}.get(day, 0)
                covered = int(sums.negated[number, slot])
                yield self._negation(self.sources.negations[number], begin, end, covered - off)

    def _commitment(self, name: str, begin: datetime, end: datetime, used: int) -> Entry:
        plan = SAVINGS_PLANS[name]
        recurring, upfront = (part * self.grid.hours for part in self.sources.commitments[name])
        return self._entry(
            LineType.SavingsPlanRecurringFee,
            plan.owner,
            begin,
            end,
            recurring,
            effective=recurring + upfront - used,
            product=("ComputeSavingsPlans", "Savings Plans for AWS Compute usage"),
            words=f"{self._term(name)} Compute Savings Plan, hourly commitment",
            line_item_usage_type=f"ComputeSP:{self._term(name)}",
            line_item_usage_amount=float(self.grid.hours),
            pricing_unit="Hrs",
            savings_plan_recurring_commitment_for_billing_period=_money(recurring),
            savings_plan_amortized_upfront_commitment_for_billing_period=_money(upfront),
            savings_plan_total_commitment_to_date=_money(recurring + upfront),
            savings_plan_used_commitment=_money(used),
            **plan_cells(self.delivery, name),
        )

    def _term(self, name: str) -> str:
        plan = SAVINGS_PLANS[name]
        years = "3yr" if plan.bought is None else "1yr"
        return f"{years}{'PartialUpfront' if plan.upfront else 'NoUpfront'}"

    def _negation(self, group: Group, begin: datetime, end: datetime, covered: int) -> Entry:
        offer = self.sources.offers[group.offer]
        cells = offer_cells(offer)
        cells["line_item_line_item_description"] = (
            f"SavingsPlanNegation used by AccountId : {self.delivery.account_ids[group.account]} "
            f"and UsageSku : {cells['product_sku']}"
        )
        return self._entry(
            LineType.SavingsPlanNegation,
            ACCOUNT_NAMES[group.account],
            begin,
            end,
            -covered,
            effective=0,
            product=(group.product, group.name),
            product_cells=product_map(offer),
            line_item_availability_zone=f"{_place(offer)}{'abc'[group.zone]}",
            line_item_usage_amount=covered / max(1, offer.rate),
            pricing_public_on_demand_cost=_money(-covered),
            **cells,
            **plan_cells(self.delivery, PLANS[group.plan]),
        )

    def discounts(self, first: int, last: int, sums: Sums) -> Iterator[Entry]:
        """A line for each discount, account, product and day; for ten days, if lines are few."""
        for begin in range(first - first % self.together, last, self.together):
            days = range(max(begin, first), min(begin + self.together, last))
            groups = {g for day in days for g in self.sources.groups_running("discount", day)}
            for number in sorted(groups):
                group = self.sources.discounts[number]
                if group.discount is None:
                    continue
                amount = -int(sums.discounted[number, days.start : days.stop].sum())
                yield self._entry(
                    LineType[group.discount.line_item_type],
                    ACCOUNT_NAMES[group.account],
                    self.delivery.at(days.start),
                    self.delivery.at(days.stop),
                    amount,
                    product=(group.product, group.name),
                    words=f"{group.discount.words} ({group.discount.percent}%)",
                )

    def credits(self, day: int, sums: Sums) -> Iterator[Entry]:
        """A migration programme's credit, and the free tier's in the sandbox."""
        if day % self.together:
            return
        begin, days = self.delivery.at(day), range(day, min(day + self.together, self.grid.days))
        granted = sum(
            4_750 * CENT + int(hexadecimal(self.delivery.seed, "credit", d)[:4], 16) * 10**6
            for d in days
        )
        yield self._entry(
            LineType.Credit,
            "data-platform",
            begin,
            begin + timedelta(days=1),
            -granted,
            product=("AmazonRedshift", "Amazon Redshift"),
            words="AWS Migration Acceleration Program credit (promotion code MAP26-7Q4XKD)",
        )
        yield self._entry(
            LineType.Credit,
            "sandbox-innovation",
            begin,
            begin + timedelta(days=1),
            -int(sums.forgiven[days.start : days.stop].sum()),
            product=("AWSLambda", "AWS Lambda"),
            words="AWS Free Tier",
        )

    # ---- of the month

    def of_month(self, sums: Sums) -> Iterator[Entry]:
        """What belongs to no day: it needs the sums of the whole bill, so it comes last."""
        yield from self.purchases()
        yield from self.reservations(sums)
        yield from self.subscriptions()
        yield from self.odd_usage()
        yield from self.refunds()
        yield from self.taxes(sums)
        if self.delivery.final:
            yield from self.support(sums)

    def purchases(self) -> Iterator[Entry]:
        """What was paid at once for the commitments bought this month."""
        for name, plan in SAVINGS_PLANS.items():
            if plan.bought is not None and plan.bought < self.delivery.through_day:
                yield self._entry(
                    LineType.SavingsPlanUpfrontFee,
                    plan.owner,
                    self.delivery.at(plan.bought),
                    self.delivery.at(plan.bought, YEAR_HOURS),
                    self.sources.commitments[name][1] * YEAR_HOURS,
                    invoice=Invoice.SAVINGS_PLAN,
                    effective=0,
                    bill_type="Purchase",
                    product=("ComputeSavingsPlans", "Savings Plans for AWS Compute usage"),
                    words=f"One-time fee for Savings Plan ID {self.delivery.plan_arn(name)[-36:]}",
                    line_item_usage_type=f"ComputeSP:{self._term(name)}",
                    **plan_cells(self.delivery, name),
                )
        for name, held in RESERVATIONS.items():
            if held.bought is not None and held.bought < self.delivery.through_day:
                yield from self._reservation_purchase(name, held.bought)

    def _reservation_purchase(self, name: str, day: int) -> Iterator[Entry]:
        fee = self._reserved_hour(name)[0] * YEAR_HOURS
        less = fee * VOLUME.percent // 100
        inside = self.delivery.discounts == "columns"
        paid: dict[str, Any] = {
            "invoice": Invoice.RESERVATION,
            "bill_type": "Purchase",
            "product": ("AmazonRDS", METERS["database"].name),
        }
        owner, begin = RESERVATIONS[name].owner, self.delivery.at(day)
        end = self.delivery.at(day, YEAR_HOURS)
        yield self._entry(
            LineType.Fee,
            owner,
            begin,
            end,
            fee,
            discount=less if inside else 0,
            discount_key=VOLUME.key,
            effective=0,
            words=f"Sign up charge for subscription: {self.delivery.reservation_arn(name)}",
            reservation_upfront_value=_money(fee),
            line_item_usage_amount=float(self.sources.reserved_units[name]),
            **paid,
            **reservation_cells(self.delivery, name),
        )
        if not inside:
            yield self._entry(
                LineType.RiVolumeDiscount, owner, begin, end, -less, words=VOLUME.words, **paid
            )

    def _reserved_hour(self, name: str) -> tuple[int, int]:
        """Ticks an hour for all units of a reservation: upfront, recurring."""
        held = RESERVATIONS[name]
        rate = self.sources.offers[self.sources.reserved_offers[name]].rate
        units = self.sources.reserved_units[name]
        return plan_rate(rate, held.upfront) * units, plan_rate(rate, held.recurring) * units

    def reservations(self, sums: Sums) -> Iterator[Entry]:
        """A monthly fee for each reservation, with what was not used until now."""
        for number, (name, held) in enumerate(RESERVATIONS.items()):
            begun = held.bought or 0
            if begun >= self.delivery.through_day:
                continue
            upfront_hour, recurring_hour = self._reserved_hour(name)
            elapsed = (self.delivery.through_day - begun) * 24
            whole = (self.grid.days - begun) * 24
            units = self.sources.reserved_units[name]
            offer = self.sources.offers[self.sources.reserved_offers[name]]
            upfront = upfront_hour * elapsed
            unused_upfront = upfront - int(sums.reserved_upfront[number])
            unused_recurring = recurring_hour * elapsed - int(sums.reserved_recurring[number])
            unused = units * elapsed - float(sums.reserved_used[number])
            cells = offer_cells(offer)
            cells["line_item_line_item_description"] = (
                f"USD {recurring_hour * whole / USD:.2f} hourly fee for {units} x "
                f"{offer.size.name if offer.size else ''} ({held.payment})"
            )
            cells["line_item_usage_type"] = f"HeavyUsage:{offer.size.name if offer.size else ''}"
            yield self._entry(
                LineType.RIFee,
                held.owner,
                self.delivery.at(begun),
                self.delivery.end - timedelta(seconds=1),
                recurring_hour * whole,
                effective=unused_upfront + unused_recurring,
                product=(offer.meter.product, offer.meter.name),
                product_cells=product_map(offer),
                line_item_usage_amount=float(units * whole),
                reservation_amortized_upfront_fee_for_billing_period=_money(upfront),
                reservation_unused_amortized_upfront_fee_for_billing_period=_money(unused_upfront),
                reservation_unused_recurring_fee=_money(unused_recurring),
                reservation_unused_quantity=round(unused, 6),
                reservation_number_of_reservations=str(units),
                reservation_units_per_reservation=str(YEAR_HOURS),
                reservation_total_reserved_units=str(units * whole),
                pricing_term="Reserved",
                **cells,
                **reservation_cells(self.delivery, name),
            )

    def subscriptions(self) -> Iterator[Entry]:
        """A Marketplace seller's yearly plan, bought on the 3rd, and CloudFront's flat rates."""
        name = METERS["market"].name
        if self.delivery.through_day > 2:
            yield self._entry(
                LineType.Fee,
                "shared-security",
                self.delivery.at(2),
                self.delivery.at(2, YEAR_HOURS),
                4_800 * USD,
                invoice=Invoice.SUBSCRIPTION,
                bill_type="Purchase",
                entity="AWS Marketplace",
                issuer=SELLER,
                product=(METERS["market"].product, name),
                words=f"{name}, annual plan for 40 hosts",
                line_item_usage_type="Global-SubscriptionAgreement",
                line_item_operation="Subscription",
            )
        for account, plan, dollars in (
            ("shop-production", "Business", 200),
            ("shop-preproduction", "Pro", 15),
        ):
            yield self._entry(
                LineType.FlatRateSubscription,
                account,
                self.delivery.start,
                self.delivery.end,
                dollars * USD,
                listed=dollars * USD,
                product=("AmazonCloudFront", "Amazon CloudFront"),
                words=f"CloudFront flat-rate plan, {plan}, monthly",
                line_item_usage_type=f"Global-FlatRatePlan-{plan}",
                line_item_resource_id=self._resource(account, "distribution", "web-shop", "flat"),
            )

    def odd_usage(self) -> Iterator[Entry]:
        """Usage of the month before that was told late, and a job that ran for two nights."""
        before = self.delivery.start - timedelta(hours=1)
        for account, app, meter, dollars in (
            ("data-platform", "lakehouse", "storage-reads", 23),
            ("shop-production", "web-shop", "transfer-out", 41),
            ("delivery-production", "fleet", "logs", 17),
        ):
            offer = Offer(METERS[meter], REGIONS[ACCOUNTS[account].region], None)
            amount = dollars * USD + int(hexadecimal(self.delivery.seed, meter)[:8], 16)
            kind = METERS[meter].resource or "bucket"
            resource = self._resource(account, kind, app, "late")
            yield self._used(account, before, self.delivery.start, offer, amount, resource)
        if self.delivery.through_day > 8:
            offer = Offer(METERS["training"], REGIONS["us-east-1"], None)
            begin, end = self.delivery.at(6, 13), self.delivery.at(8, 2)
            resource = self._resource("data-platform", "training", "forecasting", "long")
            amount = offer.rate * 37
            yield self._used("data-platform", begin, end, offer, amount, resource)

    def _used(
        self,
        account: str,
        begin: datetime,
        end: datetime,
        offer: Offer,
        amount: int,
        resource: str,
    ) -> Entry:
        return self._entry(
            LineType.Usage,
            account,
            begin,
            end,
            amount,
            listed=amount,
            product=(offer.meter.product, offer.meter.name),
            product_cells=product_map(offer),
            line_item_usage_amount=amount / offer.rate,
            line_item_resource_id=resource,
            line_item_unblended_rate=rate_text(offer.rate),
            pricing_public_on_demand_rate=rate_text(offer.rate),
            pricing_term="OnDemand",
            **offer_cells(offer),
        )

    def _resource(self, account: str, kind: str, app: str, number: object) -> str:
        delivery = self.delivery
        return RESOURCE_IDS[kind](
            region=ACCOUNTS[account].region,
            account=delivery.account_ids[ACCOUNT_NAMES.index(account)],
            app=f"{app}-{ACCOUNTS[account].environment.split('-')[0]}",
            hex=hexadecimal(delivery.seed, account, kind, number),
        )

    def refunds(self) -> Iterator[Entry]:
        """One refund of every month, and a late one with each rewrite."""
        if self.delivery.through_day > 3:
            yield self._refund("shop-production", 3, 186_40, "AmazonCloudFront", "June, overcharge")
        for level in range(1, self.delivery.restate + 1):
            day = (4 + 3 * level) % self.delivery.through_day
            cents = 120_00 + level * 37_51
            yield self._refund("warehouse-production", day, cents, "AmazonEC2", f"case {level}")

    def _refund(self, account: str, day: int, cents: int, product: str, why: str) -> Entry:
        return self._entry(
            LineType.Refund,
            account,
            self.delivery.at(day),
            self.delivery.at(day + 1),
            -cents * CENT,
            invoice=Invoice.REFUND,
            bill_type="Refund",
            product=(product, product),
            words=f"Refund ({why})",
        )

    def taxes(self, sums: Sums) -> Iterator[Entry]:
        """VAT on everything the European accounts use, zeros too; sales tax on some of the rest."""
        for number, group in enumerate(self.sources.taxes):
            account = ACCOUNTS[ACCOUNT_NAMES[group.account]]
            european = account.legal_entity == EMEA
            if not european and (group.product not in TAXED or account.business_unit != "Retail"):
                continue
            rate = TAX_RATES[account.legal_entity]
            owed = int(sums.taxed[number]) * rate // 100
            yield self._entry(
                LineType.Tax,
                account.name,
                self.delivery.start,
                self.delivery.end,
                (owed + CENT // 2) // CENT * CENT,
                product=(group.product, group.name),
                words=f"Tax for product code {group.product}",
                line_item_tax_type="VAT" if european else "US Sales Tax",
                line_item_usage_amount=1.0,
            )

    def support(self, sums: Sums) -> Iterator[Entry]:
        """Business support of the organisation, by tiers of what AWS itself sold it."""
        basis = sum(
            amounts[2]
            for cell, amounts in sums.cells.items()
            if cell.line_type not in (LineType.Tax, LineType.Credit, LineType.Refund)
            and cell.invoice not in (Invoice.MARKETPLACE, Invoice.SUBSCRIPTION)
        )
        for dollars, percent in SUPPORT_TIERS:
            part = min(max(basis, 0), dollars * USD)
            basis -= part
            if part:
                yield self._entry(
                    LineType.Fee,
                    PAYER,
                    self.delivery.start,
                    self.delivery.end,
                    (part * percent // 100 + CENT // 2) // CENT * CENT,
                    product=("AWSSupportBusiness", "AWS Support (Business)"),
                    words=f"{percent}% of monthly AWS usage, a tier of up to ${dollars:,}",
                    line_item_usage_type="Dollar",
                    line_item_operation="Business",
                    line_item_usage_amount=part / USD,
                )

    # ---- a row

    def _entry(
        self,
        line_type: LineType,
        account: str,
        begin: datetime,
        end: datetime,
        unblended: int,
        *,
        product: tuple[str, str],
        product_cells: Mapping[str, str] | None = None,
        words: str | None = None,
        effective: int | None = None,
        listed: int = 0,
        discount: int = 0,
        discount_key: str = "",
        invoice: Invoice | None = None,
        bill_type: str = "Anniversary",
        entity: str = "AWS",
        issuer: str | None = None,
        **cells: Any,
    ) -> Entry:
        delivery, number = self.delivery, ACCOUNT_NAMES.index(account)
        if invoice is None:
            invoice = delivery.usage_invoice(number, entity=entity)
        elif not delivery.final and invoice not in AT_ONCE:
            invoice = Invoice.NONE
        net = unblended - discount
        identity = hexadecimal(
            delivery.seed, line_type, account, begin, product, words, *cells.items()
        )
        interval = "/".join(f"{moment:%Y-%m-%dT%H:%M:%SZ}" for moment in (begin, end))
        row: dict[str, Any] = {
            "bill_bill_type": bill_type,
            "bill_billing_entity": entity,
            "bill_billing_period_start_date": delivery.start,
            "bill_billing_period_end_date": delivery.end,
            "bill_invoice_id": delivery.invoice_id(invoice),
            "bill_payer_account_id": delivery.payer_id,
            "bill_payer_account_name": delivery.payer_name,
            "identity_line_item_id": line_item_id(identity),
            "identity_time_interval": interval,
            "line_item_line_item_type": line_type.name,
            "line_item_currency_code": "USD",
            "pricing_currency": "USD",
            "line_item_product_code": product[0],
            "line_item_resource_id": "",
            "reservation_reservation_a_r_n": "",
            "savings_plan_savings_plan_a_r_n": "",
            "line_item_line_item_description": words,
            "line_item_usage_start_date": begin,
            "line_item_usage_end_date": end,
            "line_item_unblended_cost": _money(unblended),
            "line_item_blended_cost": _money(unblended),
            "pricing_public_on_demand_cost": _money(listed),
            "product": product_cells or {"product_name": product[1]},
            "product_servicecode": product[0],
            "cost_category": cost_categories(account),
            "resource_tags": {},
            "tags": tag_map((), account),
            **account_cells(delivery, number),
        }
        if issuer:
            row |= {"bill_invoicing_entity": issuer, "line_item_legal_entity": issuer}
        if delivery.discounts == "columns" and ACCOUNTS[account].discounted:
            row["line_item_net_unblended_cost"] = _money(net)
            row["discount_total_discount"] = _money(-discount)
            row["discount"] = {discount_key: _money(-discount)} if discount else {}
        return Entry(
            Cell(line_type, number, begin.date(), invoice),
            unblended,
            net,
            net if effective is None else effective,
            listed,
            {**row, **{name: value for name, value in cells.items() if value is not None}},
        )


def _money(ticks: int) -> float:
    return ticks / TICKS_PER_UNIT


def _place(offer: Offer) -> str:
    return offer.region.code if offer.region else ""


def entry_table(entries: Iterable[Entry]) -> pa.Table:
    """*entries* as rows of the bill, in the columns of the usage."""
    rows = [entry.cells for entry in entries]
    columns = {}
    for name, kind in COLUMNS.items():
        absent = 0.0 if name in ZEROS else None
        values = [row.get(name, absent) for row in rows]
        if pa.types.is_map(kind):
            values = [list(v.items()) if v is not None else None for v in values]
        columns[name] = pa.array(values, kind)
    return written(columns)
