"""The lines of a file in our words: one SQL expression for each field of a `LineItem`.

An amount is two integers: *ticks* of 1e-10, and *dust* of 1e-20 for what a tick cannot hold. AWS
states ten decimals, so dust is almost always 0 and costs nothing; where a file states more, it is
carried until the ledger rounds once (`finops.domain.money.carried`).
"""

from collections.abc import Collection, Mapping
from enum import StrEnum

from finops.domain.charges import CATEGORIES, COVERED, NEGATION
from finops.domain.formats import BillFormat
from finops.ledger import engine
from finops.ledger.sources import Column, Source

# fmt: off
CUR_TEXTS: Mapping[str, tuple[str, ...]] = {
    "billing_account_id": ("bill_payer_account_id",),
    "billing_currency": ("line_item_currency_code",),
    "sub_account_id": ("line_item_usage_account_id",),
    "line_item_type": ("line_item_line_item_type",),
    "service_code": ("line_item_product_code",),
    "region_id": ("product_region_code", "product_region"),
    "resource_id": ("line_item_resource_id",),
    "invoice_id": ("bill_invoice_id",),
    "invoice_issuer_name": ("bill_invoicing_entity", "line_item_legal_entity"),
    "billing_entity": ("bill_billing_entity",),
    "commitment_discount_id": ("savings_plan_savings_plan_a_r_n", "reservation_reservation_a_r_n"),
    "reservation_arn": ("reservation_reservation_a_r_n",),
    "description": ("line_item_line_item_description",),
    "split_parent_resource_id": ("split_line_item_parent_resource_id",),
}
FOCUS_TEXTS: Mapping[str, tuple[str, ...]] = {
    "billing_account_id": ("BillingAccountId",),
    "billing_currency": ("BillingCurrency",),
    "sub_account_id": ("SubAccountId",),
    "line_item_type": ("ChargeCategory",),  # FOCUS has no line item types; its category stands in
    "service_code": ("x_ServiceCode", "ServiceName"),
    "region_id": ("RegionId",),
    "resource_id": ("ResourceId",),
    "invoice_id": ("InvoiceId",),
    "invoice_issuer_name": ("InvoiceIssuerName",),
    "billing_entity": ("PublisherName",),
    "commitment_discount_id": ("CommitmentDiscountId",),
    "description": ("ChargeDescription",),
}
CUR_AMOUNTS: Mapping[str, str] = {
    "unblended_cost": "line_item_unblended_cost",
    "net_unblended_cost": "line_item_net_unblended_cost",
    "list_cost": "pricing_public_on_demand_cost",
    "covered_cost": "savings_plan_savings_plan_effective_cost",
    "net_covered_cost": "savings_plan_net_savings_plan_effective_cost",
    "commitment": "savings_plan_total_commitment_to_date",
    "used_commitment": "savings_plan_used_commitment",
    "reserved_cost": "reservation_effective_cost",
    "net_reserved_cost": "reservation_net_effective_cost",
    "unused_upfront_fee": "reservation_unused_amortized_upfront_fee_for_billing_period",
    "net_unused_upfront_fee": "reservation_net_unused_amortized_upfront_fee_for_billing_period",
    "unused_recurring_fee": "reservation_unused_recurring_fee",
    "net_unused_recurring_fee": "reservation_net_unused_recurring_fee",
    "split_cost": "split_line_item_split_cost",
    "split_unused_cost": "split_line_item_unused_cost",
}
FOCUS_AMOUNTS: Mapping[str, str] = {
    "unblended_cost": "BilledCost",
    "effective_cost": "EffectiveCost",
    "list_cost": "ListCost",
}
# fmt: on
DAYS = {BillFormat.FOCUS: ("ChargePeriodStart", "BillingPeriodStart")}
CUR_DAYS = ("line_item_usage_start_date", "bill_billing_period_start_date")


class Part(StrEnum):
    """The two integers an amount is kept in."""

    TICKS = "ticks"
    DUST = "dust"


class Lines:
    """The fields of *source* as SQL; *billing_period* is for lines that do not say theirs.

    *finer* names the amounts that state more than ten decimals; text always may.
    """

    def __init__(
        self, source: Source, *, billing_period: str | None = None, finer: Collection[str] = ()
    ) -> None:
        self.source = source
        self._columns = source.by_name()
        self._is_focus = source.format is BillFormat.FOCUS
        self._texts = FOCUS_TEXTS if self._is_focus else CUR_TEXTS
        self._billing_period = billing_period
        named = FOCUS_AMOUNTS if self._is_focus else CUR_AMOUNTS
        self.amounts = {
            field: self._columns[name] for field, name in named.items() if name in self._columns
        }
        self._exact = {f for f, column in self.amounts.items() if not column.is_double}
        self._exact.update(finer)

    def used_columns(self) -> list[str]:
        """The columns that the expressions read: all a worker has to fetch."""
        texts = [name for names in self._texts.values() for name in names]
        days = DAYS.get(self.source.format, CUR_DAYS)
        others = ["line_item_availability_zone", "product", "tags", "resource_tags", "Tags"]
        wanted = {*texts, *days, *others}
        found = {self._columns[name].name for name in wanted if name in self._columns}
        found |= {column.name for column in self.amounts.values()}
        return sorted(found | {column.name for column in self.source.tag_columns().values()})

    # -- texts ----------------------------------------------------------------------------

    def text(self, field: str) -> str:
        """The text *field*; NULL where the file has no such column or the cell is blank."""
        found = [
            self._blank(self._columns[n]) for n in self._texts.get(field, ()) if n in self._columns
        ]
        if field == "region_id" and not self._is_focus:
            found += self._other_regions()
        return f"coalesce({', '.join(found)})" if found else "NULL::VARCHAR"

    def _other_regions(self) -> list[str]:
        """AWS leaves the region of a transfer to the product map, and some to the zone alone."""
        found = []
        product = self._columns.get("product")
        if product is not None and product.is_map:
            found.append(f"nullif({engine.name(product.name)}['region'], '')")
        elif product is not None:
            cell = self._blank(product)
            found.append(f"nullif(CASE WHEN json_valid({cell}) THEN {cell} ->> '$.region' END, '')")
        if zone := self._columns.get("line_item_availability_zone"):
            region = f"regexp_extract({engine.name(zone.name)}, '^[a-z]+(-[a-z]+)+-[0-9]+')"
            found.append(f"nullif({region}, '')")
        return found

    def _blank(self, column: Column) -> str:
        cell = (
            f"nullif({engine.name(column.name)}, '')"
            if column.is_text
            else f"CAST({engine.name(column.name)} AS VARCHAR)"
        )
        return f"nullif({cell}, 'NULL')" if self._is_focus and column.is_text else cell

    def tags(self) -> str:
        """The tags as JSON, as the file spells them; `merging` makes them canonical."""
        for name in ("tags", "Tags", "resource_tags"):
            if column := self._columns.get(name):
                if column.is_map:
                    cell = engine.name(column.name)
                    return f"CASE WHEN cardinality({cell}) > 0 THEN to_json({cell})::VARCHAR END"
                cell = f"nullif({self._blank(column)}, '{{}}')"
                return f"CASE WHEN json_valid({cell}) THEN {cell} END"
        pairs = [
            f"{engine.text(key)}, {self._blank(column)}"
            for key, column in sorted(self.source.tag_columns().items())
        ]
        return (
            f"nullif(json_object({', '.join(pairs)})::VARCHAR, '{{}}')"
            if pairs
            else "NULL::VARCHAR"
        )

    # -- time -----------------------------------------------------------------------------

    def charge_date(self) -> str:
        """The UTC day of the usage start; of the billing period, where a line states none."""
        names = DAYS.get(self.source.format, CUR_DAYS)
        found = [self._day(self._columns[name]) for name in names if name in self._columns]
        if self._billing_period is not None:
            found.append(f"DATE {engine.text(self._billing_period + '-01')}")
        return f"coalesce({', '.join(found)})" if found else "NULL::DATE"

    def billing_period(self) -> str:
        """The first day of the bill's month: the line's own, else the manifest's, else the usage's."""
        name = "BillingPeriodStart" if self._is_focus else "bill_billing_period_start_date"
        found = []
        if column := self._columns.get(name):
            found.append(self._day(column))
        if self._billing_period is not None:
            found.append(f"DATE {engine.text(self._billing_period + '-01')}")
        return f"coalesce({', '.join([*found, self.charge_date()])})"

    @staticmethod
    def _day(column: Column) -> str:
        cell = engine.name(column.name)
        return f"TRY_CAST(left({cell}, 10) AS DATE)" if column.is_text else f"CAST({cell} AS DATE)"

    # -- money ----------------------------------------------------------------------------

    def amount(self, field: str, part: Part, absent: str = "0") -> str:
        """The *part* of an amount; *absent* where the file has no such column or the cell is blank."""
        column = self.amounts.get(field)
        if column is None:
            return absent
        if part is Part.DUST and not self.states_dust(field):
            return "0"
        if field not in self._exact:
            return f"coalesce(CAST(round({engine.name(column.name)} * 1e10) AS BIGINT), {absent})"
        exact = self.exact(column)
        if part is Part.TICKS:
            whole = f"CAST(CAST(round({exact}, 10) AS DECIMAL(38, 10)) * 10000000000 AS BIGINT)"
            return f"coalesce({whole}, {absent})"
        rest = f"CAST(({exact} - round({exact}, 10)) * 10000000000 * 10000000000 AS BIGINT)"
        return f"coalesce({rest}, 0)"

    def states_dust(self, field: str) -> bool:
        """Whether the file may state more than ten decimals of *field*."""
        return field in self._exact

    def present(self, field: str) -> str:
        """Whether a line states *field* at all: null means "as gross", 0 does not."""
        column = self.amounts.get(field)
        if column is None:
            return "false"
        is_read = column.is_text or (column.is_double and field in self._exact)
        return (
            f"({self.exact(column)} IS NOT NULL)"
            if is_read
            else f"({engine.name(column.name)} IS NOT NULL)"
        )

    def exact(self, column: Column) -> str:
        """The amount in *column* with all its decimals, NULL where it is blank or no number."""
        cell = (
            self._blank(column)
            if column.is_text
            else f"CAST({engine.name(column.name)} AS VARCHAR)"
        )
        return f"TRY_CAST({cell} AS DECIMAL(38, 20))"

    def unreadable(self, field: str) -> str:
        """Whether a line's *field* holds something that is no amount."""
        column = self.amounts[field]
        if column.is_text:
            return f"({self._blank(column)} IS NOT NULL AND {self.exact(column)} IS NULL)"
        if column.is_double:
            return f"(NOT isfinite({engine.name(column.name)}))"
        return "false"

    def finer_than_a_tick(self, field: str) -> str:
        """Whether some line states more than ten decimals of *field*, a double.

        A double is AWS's ten decimals to within its own precision, or it states more; a large one is
        read digit by digit too.
        """
        ticks = f"({engine.name(self.amounts[field].name)} * 1e10)"
        off = f"abs({ticks} - round({ticks})) > 1e-6 + 4.5e-16 * abs({ticks})"
        # Beyond 2^51 ticks (225,179 of a currency) a double times 1e10 may be off by one.
        return f"coalesce(bool_or({off} OR abs({ticks}) > 2e15), false)"

    # -- the four costs -------------------------------------------------------------------

    def billed_cost(self, part: Part) -> str:
        """`finops.domain.charges.billed_cost`."""
        return self._net("net_unblended_cost", "unblended_cost", part)

    def effective_cost(self, part: Part) -> str:
        """`finops.domain.charges.effective_cost`; FOCUS states it."""
        if part is Part.DUST and not self._exact:
            return "0"
        if self._is_focus:
            return self.amount("effective_cost", part)
        of = self.text
        refund = (
            f"({of('service_code')} = 'ComputeSavingsPlans' AND"
            f" {of('description')} LIKE 'Refund for one-time fee for Savings Plan ID%')"
        )
        fee = f"({self.amount('commitment', part)} - {self.amount('used_commitment', part)})"
        upfront = self._net("net_unused_upfront_fee", "unused_upfront_fee", part)
        recurring = self._net("net_unused_recurring_fee", "unused_recurring_fee", part)
        return f"""CASE {of("line_item_type")}
            WHEN '{COVERED}' THEN {self._net("net_covered_cost", "covered_cost", part)}
            WHEN 'SavingsPlanRecurringFee' THEN {fee}
            WHEN '{NEGATION}' THEN 0
            WHEN 'SavingsPlanUpfrontFee' THEN 0
            WHEN 'DiscountedUsage' THEN {self._net("net_reserved_cost", "reserved_cost", part)}
            WHEN 'RIFee' THEN {upfront} + {recurring}
            WHEN 'Fee' THEN CASE WHEN {of("reservation_arn")} IS NOT NULL THEN 0
                            ELSE {self.billed_cost(part)} END
            WHEN 'Refund' THEN CASE WHEN {refund} THEN 0 ELSE {self.billed_cost(part)} END
            ELSE {self.billed_cost(part)} END"""

    def list_cost(self, part: Part) -> str:
        """`finops.domain.charges.list_cost`."""
        if part is Part.DUST and "list_cost" not in self._exact:
            return "0"
        stated = self.amount("list_cost", part, absent="NULL")
        return f"CASE WHEN {self.text('line_item_type')} = '{NEGATION}' THEN 0 ELSE {stated} END"

    def charge_category(self, line_item_type: str) -> str:
        """The FOCUS category; NULL for a line item type nobody has seen yet."""
        if self._is_focus:
            return line_item_type
        cases = " ".join(
            f"WHEN '{name}' THEN '{category}'" for name, category in CATEGORIES.items()
        )
        return f"CASE {line_item_type} {cases} END"

    def is_net(self) -> str:
        """Whether a line's net cost differs from its gross one: the bill holds its discounts."""
        if "net_unblended_cost" not in self.amounts:
            return "false"
        differs = [
            f"{self.amount('net_unblended_cost', part)} <> {self.amount('unblended_cost', part)}"
            for part in Part
        ]
        return f"({self.present('net_unblended_cost')} AND ({' OR '.join(differs)}))"

    def _net(self, net: str, gross: str, part: Part) -> str:
        if net not in self.amounts:
            return self.amount(gross, part)
        stated, fallback = self.amount(net, part), self.amount(gross, part)
        if stated == fallback == "0":
            return "0"
        return f"(CASE WHEN {self.present(net)} THEN {stated} ELSE {fallback} END)"
