"""Generated seasons: days of spend with a week's shape, growth, fees on the 1st, noise, surprises."""

import random
from collections.abc import Mapping
from datetime import date, timedelta
from math import exp
from typing import NamedTuple

from finops.domain.money import TICKS_PER_UNIT

MONTH = date(2026, 9, 1)  # the month that is forecast; what lies before is history


class Season(NamedTuple):
    """Ticks of each day up to the end of the month, and the days on which a spike was put."""

    kind: str
    days: Mapping[date, int]
    spikes: tuple[date, ...] = ()


KINDS = ("steady", "weekly", "growing", "fees", "stepped", "spiky", "wandering", "young", "sparse")


def season(kind: str, seed: int) -> Season:
    """One season of a *kind*; the same seed gives the same days.

    All but `steady` have a week's shape; *young* begins some weeks ago, *sparse* has days without
    charges, *stepped* changes its level once, before the month or in it.
    """
    rng = random.Random(f"{kind} {seed}")
    level = 10 ** rng.uniform(1, 4)
    noise = rng.uniform(0.02, 0.12)
    weekend = 1.0 if kind == "steady" else rng.uniform(0.3, 0.95)
    growth = rng.uniform(-0.02, 0.05) if kind in ("growing", "fees", "young") else 0.0
    length = rng.randint(12, 45) if kind == "young" else rng.randint(50, 120)
    fee = rng.uniform(2, 25) * level if kind == "fees" else 0.0
    stepped = rng.randint(length - 70, length + 25) if kind == "stepped" else None
    step = rng.choice((0.5, 0.7, 1.4, 2.0))
    spikes, wander = [], 0.0
    days: dict[date, int] = {}
    start = MONTH - timedelta(length)
    for n in range(length + 30):
        day = start + timedelta(n)
        wander = 0.7 * wander + rng.gauss(0, noise) if kind == "wandering" else 0.0
        amount = level * (1 + growth) ** (n / 7) * exp(wander)
        amount *= weekend if day.weekday() >= 5 else 1.0
        amount *= step if stepped is not None and n >= stepped else 1.0
        amount *= max(0.0, 1 + rng.gauss(0, noise))
        if kind == "spiky" and rng.random() < 0.03:
            amount *= rng.uniform(2, 5)
            spikes.append(day)
        if kind == "sparse" and rng.random() < 0.3:
            continue
        if day.day == 1:
            amount += fee
        days[day] = round(amount * TICKS_PER_UNIT)
    return Season(kind, days, tuple(spikes))


def spiked(season: Season, seed: int) -> Season:
    """The same with one more spike of the month, of four to ten times the day."""
    rng = random.Random(f"spike {seed}")
    day = MONTH + timedelta(rng.randint(1, 29))
    more = round(season.days.get(day, 0) * rng.uniform(4, 10))
    return season._replace(days={**season.days, day: more}, spikes=(*season.spikes, day))
