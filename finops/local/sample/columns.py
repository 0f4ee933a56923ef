"""The columns of a CUR 2.0 export, in the order and with the types in which AWS delivers them.

Source: a real export of April 2026 with resources and split cost allocation; types as in the
table dictionary of Data Exports.
"""

import pyarrow as pa

TEXT = pa.string()
DOUBLE = pa.float64()
TIMESTAMP = pa.timestamp("ms", tz="UTC")
TEXTS = pa.map_(TEXT, TEXT)
DOUBLES = pa.map_(TEXT, DOUBLE)

# How a manifest names each type.
TYPE_NAMES = {
    TEXT: "string",
    DOUBLE: "double",
    TIMESTAMP: "timestamp",
    TEXTS: "map<string, string>",
    DOUBLES: "map<string, double>",
}

# One family of columns to a row: what they have in common, then the names; everything else is text.
_FAMILIES = (
    ("bill_", "bill_type billing_entity billing_period_end_date billing_period_start_date"),
    ("bill_", "invoice_id invoicing_entity payer_account_id payer_account_name"),
    ("", "cost_category discount discount_bundled_discount discount_total_discount"),
    ("identity_", "line_item_id time_interval"),
    ("line_item_", "availability_zone blended_cost blended_rate currency_code legal_entity"),
    ("line_item_", "line_item_description line_item_type net_unblended_cost net_unblended_rate"),
    ("line_item_", "normalization_factor normalized_usage_amount operation product_code"),
    ("line_item_", "resource_id tax_type unblended_cost unblended_rate usage_account_id"),
    ("line_item_", "usage_account_name usage_amount usage_end_date usage_start_date usage_type"),
    ("line_item_", "user_identifier"),
    ("pricing_", "currency lease_contract_length offering_class public_on_demand_cost"),
    ("pricing_", "public_on_demand_rate purchase_option rate_code rate_id term unit"),
    ("", "product"),
    ("product_", "comment fee_code fee_description from_location from_location_type"),
    ("product_", "from_region_code instance_family instance_type instancesku location"),
    ("product_", "location_type operation pricing_unit product_family region_code servicecode"),
    ("product_", "sku to_location to_location_type to_region_code usagetype"),
    ("reservation_", "amortized_upfront_cost_for_usage amortized_upfront_fee_for_billing_period"),
    ("reservation_", "availability_zone effective_cost end_time modification_status"),
    ("reservation_net_", "amortized_upfront_cost_for_usage"),
    ("reservation_net_", "amortized_upfront_fee_for_billing_period effective_cost"),
    ("reservation_net_", "recurring_fee_for_usage"),
    ("reservation_net_", "unused_amortized_upfront_fee_for_billing_period"),
    ("reservation_net_", "unused_recurring_fee upfront_value"),
    ("reservation_", "normalized_units_per_reservation number_of_reservations"),
    ("reservation_", "recurring_fee_for_usage reservation_a_r_n start_time subscription_id"),
    ("reservation_", "total_reserved_normalized_units total_reserved_units"),
    ("reservation_", "units_per_reservation unused_amortized_upfront_fee_for_billing_period"),
    ("reservation_", "unused_normalized_unit_quantity unused_quantity unused_recurring_fee"),
    ("reservation_", "upfront_value"),
    ("", "resource_tags"),
    ("savings_plan_", "amortized_upfront_commitment_for_billing_period end_time"),
    ("savings_plan_", "instance_type_family"),
    ("savings_plan_net_", "amortized_upfront_commitment_for_billing_period"),
    ("savings_plan_net_", "recurring_commitment_for_billing_period savings_plan_effective_cost"),
    ("savings_plan_", "offering_type payment_option purchase_term"),
    ("savings_plan_", "recurring_commitment_for_billing_period region savings_plan_a_r_n"),
    ("savings_plan_", "savings_plan_effective_cost savings_plan_rate start_time"),
    ("savings_plan_", "total_commitment_to_date used_commitment"),
    ("split_line_item_", "actual_usage net_split_cost net_unused_cost parent_resource_id"),
    ("split_line_item_", "public_on_demand_split_cost public_on_demand_unused_cost"),
    ("split_line_item_", "reserved_usage split_cost split_usage split_usage_ratio unused_cost"),
    ("", "tags"),
)
_MAPS = {
    "cost_category": TEXTS,
    "product": TEXTS,
    "resource_tags": TEXTS,
    "tags": TEXTS,
    "discount": DOUBLES,
}
_DATES = {
    "bill_billing_period_end_date",
    "bill_billing_period_start_date",
    "line_item_usage_end_date",
    "line_item_usage_start_date",
}
# Doubles end like this; the rates and counts that look like numbers are text, as AWS writes them.
_MEASURES = (
    "_amount _bundled_discount _commitment _commitment_for_billing_period _commitment_to_date "
    "_cost "
    "_cost_for_usage _fee _fee_for_billing_period _fee_for_usage _normalization_factor _plan_rate "
    "_reserved_usage _actual_usage _split_usage _total_discount _unit_quantity _unused_quantity "
    "_upfront_value _usage_ratio"
).split()


def _type(name: str) -> pa.DataType:
    if name in _MAPS:
        return _MAPS[name]
    if name in _DATES:
        return TIMESTAMP
    return DOUBLE if name.endswith(tuple(_MEASURES)) else TEXT


COLUMNS: dict[str, pa.DataType] = {
    prefix + name: _type(prefix + name) for prefix, names in _FAMILIES for name in names.split()
}
SCHEMA = pa.schema(list(COLUMNS.items()))

# AWS fills these with 0.0 where they do not apply; the net ones and the split ones stay empty.
ZEROS = frozenset(
    name
    for name, kind in COLUMNS.items()
    if kind == DOUBLE
    and "_net_" not in name
    and name.startswith(("reservation_", "savings_plan_", "line_item_norm", "pricing_public"))
)
