"""Sample bills: deterministic CUR 2.0 deliveries of an invented company, with exact totals."""

from finops.local.sample.bill import SampleBill, SampleFile, write_sample
from finops.local.sample.delivery import Layout
from finops.local.sample.sources import Discounts
from finops.local.sample.totals import CostGroup, Costs

__all__ = [
    "CostGroup",
    "Costs",
    "Discounts",
    "Layout",
    "SampleBill",
    "SampleFile",
    "write_sample",
]
