"""The settings of the organisation as they leave the product."""

from typing import Any

from finops.domain.column_plans import ColumnPlan
from finops.domain.organisation_settings import CloseSettings, OrganisationSettings
from finops.domain.spend_cards import CardSettings
from finops.usecases.organisation_views import ENTERPRISE_ID, shown


@shown.register
def organisation_settings(one: OrganisationSettings) -> dict[str, Any]:
    return {
        "cards": card_settings(one.cards),
        "close": close_settings(one.close),
        "version": one.version,
    }


def card_settings(cards: CardSettings) -> dict[str, Any]:
    """As they are sent to be changed."""
    return cards.model_dump(mode="json")


def close_settings(close: CloseSettings) -> dict[str, Any]:
    """As they are sent to be changed; cost centres by element, the whole enterprise by its id."""
    return {
        "plans": [_plan(plan) for plan in close.plans],
        "accounts": close.accounts.model_dump(),
        "cost_centres": {
            element or ENTERPRISE_ID: centre for element, centre in close.cost_centres
        },
        "rates": [
            {"currency": one.currency, "rate": f"{one.rate:f}", "source": one.source}
            for one in close.rates
        ],
        "reporting_currency": close.reporting_currency,
    }


def _plan(plan: ColumnPlan) -> dict[str, Any]:
    return plan.model_dump(mode="json")
