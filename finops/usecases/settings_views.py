"""The settings of the organisation as they leave the product."""

from decimal import Decimal
from typing import Any

from finops.domain.alert_settings import AlertSettings, Channel
from finops.domain.column_plans import ColumnPlan
from finops.domain.organisation_settings import CloseSettings, OrganisationSettings
from finops.domain.report_settings import ReportGroup, ReportSettings, Threshold
from finops.domain.spend_cards import CardSettings
from finops.domain.tag_settings import TagSettings
from finops.usecases.organisation_views import ENTERPRISE_ID, shown


@shown.register
def organisation_settings(one: OrganisationSettings) -> dict[str, Any]:
    return {
        "cards": card_settings(one.cards),
        "close": close_settings(one.close),
        "reports": report_settings(one.reports),
        "tags": tag_settings(one.tags),
        "alerts": alert_settings(one.alerts),
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


def report_settings(reports: ReportSettings) -> dict[str, Any]:
    """As they are sent to be changed."""
    return {
        "roles": [role.value for role in reports.roles],
        "rhythms": [rhythm.value for rhythm in reports.rhythms],
        "groups": [_group(group) for group in reports.groups],
        "thresholds": [_threshold(one) for one in reports.thresholds],
        "accounts": reports.accounts.model_dump(mode="json"),
    }


def tag_settings(tags: TagSettings) -> dict[str, Any]:
    """As they are sent to be changed."""
    return tags.model_dump(mode="json")


def alert_settings(alerts: AlertSettings) -> dict[str, Any]:
    """As they are sent to be changed."""
    unusual = alerts.anomalies
    return {
        "levels": list(alerts.levels),
        "forecast": alerts.forecast,
        "pace": alerts.pace,
        "credit_days": list(alerts.credit_days),
        "late_hours": alerts.late_hours,
        "anomalies": {
            "spreads": f"{unusual.spreads:f}",
            "least": f"{unusual.least:f}",
            "weeks": unusual.weeks,
            "new_spender": f"{unusual.new_spender:f}",
        },
        "channels": [_channel(one) for one in alerts.channels],
    }


def _group(group: ReportGroup) -> dict[str, Any]:
    return {
        "name": group.name,
        "element": group.element or ENTERPRISE_ID,
        "recipients": list(group.recipients),
        "rhythms": [rhythm.value for rhythm in group.rhythms],
        "thresholds": [_threshold(one) for one in group.thresholds],
    }


def _threshold(one: Threshold) -> dict[str, Any]:
    return {
        "dimension": one.dimension.value,
        "tag_key": one.tag_key,
        "value": one.value,
        "amount": _amount(one.amount),
        "growth": _amount(one.growth),
        "share": one.share,
    }


def _channel(one: Channel) -> dict[str, Any]:
    return {
        "name": one.name,
        "element": one.element or ENTERPRISE_ID,
        "recipients": list(one.recipients),
        "webhook": one.webhook,
    }


def _amount(amount: Decimal | None) -> str | None:
    return None if amount is None else f"{amount:f}"
