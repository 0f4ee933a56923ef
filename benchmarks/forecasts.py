"""Forecasts and anomalies on generated seasons: how far off, how often inside, how many found.

Peers are what somebody would do by hand: the run-rate of the month, the last week again, and for
anomalies three standard deviations above the mean of the last 28 days.
"""

import time
from collections import defaultdict
from collections.abc import Iterator, Mapping
from datetime import date, timedelta
from decimal import Decimal
from statistics import fmean, pstdev

from benchmarks.measuring import table
from finops.domain.alert_settings import AnomalySettings
from finops.domain.anomalies import anomalies_of
from finops.domain.forecasts import forecast
from finops.domain.money import TICKS_PER_UNIT
from tests.seasons import KINDS, MONTH, season, spiked

END = date(2026, 10, 1)
SEEDS = range(10_000, 10_100)  # none that the forecasts were fitted by
MORNINGS = (7, 14, 21)
REGULAR = ("steady", "weekly", "growing", "fees", "wandering")

Days = Mapping[date, int]


def compare() -> str:
    return "\n\n".join([_forecasts(), _anomalies()])


# Forecasts ----------------------------------------------------------------------------------------


def _forecasts() -> str:
    errors: defaultdict[tuple[str, str], list[float]] = defaultdict(list)
    hits: defaultdict[str, list[bool]] = defaultdict(list)
    widths: defaultdict[str, list[float]] = defaultdict(list)
    taken = 0.0
    for kind, at, days in _months():
        actual = sum(ticks for day, ticks in days.items() if day >= MONTH)
        last = MONTH + timedelta(at - 1)
        began = time.process_time()
        told = forecast(days, END, today_complete=last)
        taken += time.process_time() - began
        assert told is not None
        for of in (kind, f"day {at}", "all"):
            hits[of].append(told.low <= actual <= told.high)
            widths[of].append((told.high - told.low) / actual)
            for name, said in (
                ("forecast", told.expected),
                ("run-rate", _run_rate(days, last)),
                ("last week again", _last_week_again(days, last)),
            ):
                errors[of, name].append(abs(said - actual) / actual)
    rows = [
        [
            of,
            *(f"{100 * fmean(errors[of, name]):.1f} %" for name in _NAMES),
            f"{100 * fmean(hits[of]):.0f} %",
            f"{100 * fmean(widths[of]):.1f} %",
        ]
        for of in (*KINDS, *(f"day {at}" for at in MORNINGS), "all")
    ]
    head = ["seasons", *(f"error of {name}" for name in _NAMES), "inside the 80 %", "its width"]
    count = len(hits["all"])
    return f"{count:,} forecasts, {1000 * taken / count:.1f} ms each.\n\n{table(head, rows)}"


_NAMES = ("forecast", "run-rate", "last week again")


def _months() -> Iterator[tuple[str, int, Days]]:
    for kind in KINDS:
        for seed in SEEDS:
            days = season(kind, seed).days
            for at in MORNINGS:
                yield kind, at, days


def _run_rate(days: Days, last: date) -> float:
    spent = sum(ticks for day, ticks in days.items() if MONTH <= day <= last)
    return spent * (END - MONTH).days / last.day


def _last_week_again(days: Days, last: date) -> float:
    spent = sum(ticks for day, ticks in days.items() if MONTH <= day <= last)
    ahead = range((END - last).days - 1)
    return spent + sum(days.get(last + timedelta(n % 7 - 6), 0) for n in ahead)


# Anomalies ----------------------------------------------------------------------------------------


def _anomalies() -> str:
    settings = AnomalySettings(least=Decimal(1), new_spender=Decimal(1))
    counts: defaultdict[str, list[int]] = defaultdict(lambda: [0, 0, 0])  # found, missed, false
    for kind in REGULAR:
        for seed in SEEDS:
            one = spiked(season(kind, seed), seed)
            for n in range(30):
                day = MONTH + timedelta(n)
                told = {
                    "same weekday, robust": anomalies_of(one.days, day, settings) is not None,
                    "mean + 3 deviations": _far_above(one.days, day),
                }
                for name, is_told in told.items():
                    place = (0 if is_told else 1) if day in one.spikes else (2 if is_told else None)
                    if place is not None:
                        counts[name][place] += 1
    rows = [
        [
            name,
            f"{100 * found / (found + missed):.1f} %",
            f"{100 * found / (found + false):.1f} %",
            false,
        ]
        for name, (found, missed, false) in counts.items()
    ]
    days = 30 * len(SEEDS) * len(REGULAR)
    about = f"One spike in each of {len(SEEDS) * len(REGULAR)} months, {days:,} days looked at."
    return f"{about}\n\n{table(['', 'recall', 'precision', 'false alarms'], rows)}"


def _far_above(days: Days, day: date) -> bool:
    before = [days.get(day - timedelta(n), 0) / TICKS_PER_UNIT for n in range(1, 29)]
    return days.get(day, 0) / TICKS_PER_UNIT > fmean(before) + max(1.0, 3 * pstdev(before))
