"""Bills that we did not write: all of them reduce and merge to the control totals beside them."""

import json
import os
from collections import defaultdict
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from finops.domain.money import DUST_PER_TICK, TICK, from_ticks
from finops.ledger import engine
from tests.ledger import bill_files
from tests.ledger.bill_files import Ledger

ROOT = Path(__file__).parent.parent.parent
FOLDER = Path(os.environ.get("FINOPS_SHARED") or ROOT.parent / "shared") / "data" / "billing"
TOTALS: dict[str, Any] = (
    json.loads((FOLDER / "control-totals.json").read_text())
    if (FOLDER / "control-totals.json").is_file()
    else {}
)
pytestmark = pytest.mark.skipif(
    not TOTALS, reason="other people's bills are not at hand (../shared, or FINOPS_SHARED)"
)
# A line that states no day is of the first of its month; the totals leave its day blank.
BLANK_DAYS = {"edge-cases/fivetran/aws_cost_report": {"": "2024-04-01"}}
# Totals call a blank type "" and a missing column "null".
ABSENT = ("", "null", "None", "(blank)")

# Of each group: its lines, and its unblended cost in units of 1e-20.
Sums = dict[str | None, tuple[int, int]]


def made(name: str, folder: Path) -> Ledger:
    files = [FOLDER / file for file in TOTALS[name]["files"]]
    with engine.connect(engine.Limits(scratch=folder, memory_mb=500)) as connection:
        return bill_files.ledger(connection, folder, files)


def sums(ledger: Ledger, column: str) -> Sums:
    """Of the charges that have lines: a residue of Savings Plans has none, and no unblended cost."""
    lines: defaultdict[str | None, int] = defaultdict(int)
    units: defaultdict[str | None, int] = defaultdict(int)
    for charge in ledger.charges:
        if charge.lines:
            value = getattr(charge.key, column)
            key = None if value is None else str(value)
            lines[key] += charge.lines
            units[key] += charge.unblended_cost * DUST_PER_TICK + charge.unblended_dust
    return {key: (lines[key], units[key]) for key in lines}


def stated(name: str, breakdown: str, words: dict[str, str] | None = None) -> Sums:
    said = words or dict.fromkeys(ABSENT)
    return {
        said.get(key, key): (one["lines"], int(Decimal(one["cost"]).scaleb(20)))
        for key, one in TOTALS[name][breakdown].items()
    }


def same(made: Sums, told: Sums) -> bool:
    """Whether they agree to half of 1e-20 for each line, which is as fine as a line is kept."""
    return made.keys() == told.keys() and all(
        lines == told[key][0] and 2 * abs(units - told[key][1]) <= lines
        for key, (lines, units) in made.items()
    )


@pytest.mark.parametrize("name", TOTALS or ["control-totals.json"])
def test_a_delivery_becomes_the_ledger_that_its_control_totals_foretell(
    name: str, tmp_path: Path
) -> None:
    ledger = made(name, tmp_path)
    totals = TOTALS[name]

    whole = sum(c.unblended_cost * DUST_PER_TICK + c.unblended_dust for c in ledger.charges)
    assert sum(charge.lines for charge in ledger.charges) == totals["rows"]
    assert abs(Decimal(whole).scaleb(-20) - Decimal(totals["total_cost"])) < Decimal("1e-15")
    assert same(sums(ledger, "sub_account_id"), stated(name, "by_account"))
    assert same(sums(ledger, "charge_date"), stated(name, "by_day", BLANK_DAYS.get(name)))
    assert same(sums(ledger, "line_item_type"), stated(name, "by_line_item_type"))
    if set(totals["by_billing_month"]) != {"None"}:  # columns were chosen, the month was not
        assert same(sums(ledger, "billing_period"), stated(name, "by_billing_month"))
    amortized = Decimal(totals.get("amortized_cost_cid_formula") or totals["effective_cost"])
    off = abs(from_ticks(ledger.total("effective_cost")) - amortized)
    assert off <= len(ledger.merged.summaries) * TICK / 2  # each bill rounds once
