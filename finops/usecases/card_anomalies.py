"""The anomalies of a spend card's week: looked up, for a card says what was spent and nothing else."""

from collections.abc import Iterable, Mapping

from finops.domain.alerts import Alert, AlertKind
from finops.domain.spend_cards import Card, CardKey
from finops.usecases.ports import Alerts


def card_anomalies(
    cards: Iterable[Card], currency: str, alerts: Alerts
) -> Mapping[CardKey, list[Alert]]:
    """By card, the unusual days of its product and week; what names no currency is in that of plans."""
    some = list(cards)
    found: dict[CardKey, list[Alert]] = {card.key: [] for card in some}
    by_product: dict[str, list[Alert]] = {}
    for month in sorted({f"{card.start:%Y-%m}" for card in some}):
        for one in alerts.of(month).values():
            if one.kind is AlertKind.ANOMALY:
                by_product.setdefault(one.element, []).append(one)
    for card in some:
        for one in by_product.get(card.product_id, ()):
            day = one.crossing.day
            if day is None or not card.start <= day < card.end:
                continue
            if one.crossing.currency == (card.currency or currency):
                found[card.key].append(one)
        found[card.key].sort(key=lambda one: (one.crossing.day, one.crossing.service or ""))
    return found
