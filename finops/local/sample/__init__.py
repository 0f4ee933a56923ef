"""Sample bills and the organisation behind them: deterministic, with exact totals, all invented."""

from finops.local.sample.bill import SampleBill, SampleFile, write_sample
from finops.local.sample.chart import SampleOrganisation, write_organisation
from finops.local.sample.delivery import Layout
from finops.local.sample.recommendations import SampleRecommendations, write_recommendations
from finops.local.sample.shares import SampleShares, write_shares
from finops.local.sample.sources import Discounts
from finops.local.sample.totals import CostGroup, Costs

__all__ = [
    "CostGroup",
    "Costs",
    "Discounts",
    "Layout",
    "SampleBill",
    "SampleFile",
    "SampleOrganisation",
    "SampleRecommendations",
    "SampleShares",
    "write_organisation",
    "write_recommendations",
    "write_sample",
    "write_shares",
]
