"""`finops savings realised`, and what a case and the report say of it."""

from datetime import UTC, date, datetime
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from finops.domain.money import TICKS_PER_UNIT
from finops.domain.realised_savings import (
    MeasuredBill,
    Method,
    Part,
    Realised,
    RealisedHead,
    RealisedMonth,
    RealisedSavings,
)
from finops.local import cli
from tests.functions.conftest import loaded, organisation, staff
from tests.local.test_savings import CASE, INSTANCE, world
from tests.savings_fakes import ACCOUNT, PAYER
from tests.usecases.organisation import WEB_SHOP, Organisation

__all__ = ["loaded", "organisation", "staff", "world"]

AT = datetime(2026, 3, 1, tzinfo=UTC)


@pytest.fixture(autouse=True)
def measured(world: Organisation) -> None:
    common: dict[str, Any] = {"account_id": ACCOUNT, "implemented_on": date(2026, 1, 10)}
    told = Realised(
        saving_id=CASE,
        resource_id=INSTANCE,
        action_type="Rightsize",
        owners=(WEB_SHOP,),
        method=Method.PER_UNIT,
        days_before=30,
        cost_before=TICKS_PER_UNIT,
        **common,
    )
    plan = Realised(
        saving_id="plan",
        resource_id=None,
        action_type="PurchaseSavingsPlans",
        reason="[bold] of no resource",
        is_final=True,
        **common,
    )
    figure = RealisedMonth(
        saving_id=CASE,
        billing_period="2026-02",
        currency="USD",
        days=28,
        cost=TICKS_PER_UNIT,
        realised=1234 * TICKS_PER_UNIT,
        expected=1500 * TICKS_PER_UNIT,
        is_used=True,
        parts=(Part(WEB_SHOP, 1234 * TICKS_PER_UNIT, 1500 * TICKS_PER_UNIT),),
        loads=("a",),
    )
    bill = MeasuredBill(
        payer=PAYER,
        billing_period="2026-02",
        load_id="a",
        delivered_at=AT,
        complete_through=date(2026, 2, 28),
    )
    kept = world.realised_kept
    document = kept.write(RealisedSavings(savings=(told, plan), figures=(figure,), bills=(bill,)))
    kept.publish(RealisedHead(document=document, planned_at=AT, measured_at=AT))


def run(*said: str) -> Result:
    found = CliRunner().invoke(cli.app, list(said))
    assert found.exit_code == 0, found.output
    return found


def test_sums_are_beside_what_was_expected() -> None:
    said = run("savings", "realised", "--by", "owner").output

    assert WEB_SHOP in said
    assert "1,234.00" in said
    assert "1,500.00" in said
    assert "Not measured: PurchaseSavingsPlans" in said
    assert "[bold] of no resource" in said
    assert "complete through 2026-02-28" in said
    assert "by the claims, rules and shares of each day as they are known now" in " ".join(
        said.split()
    )


def test_it_is_json_and_csv_as_well() -> None:
    assert '"realised": "1234.0000000000"' in run("savings", "realised", "--json").output
    assert "2026-02,,USD,1,1234.0000000000" in run("savings", "realised", "--csv").output


def test_a_case_and_the_report_tell_of_it() -> None:
    assert (
        "Realised, per unit of usage, against 30 days before" in run("savings", "show", CASE).output
    )
    assert "1,234.00" in run("report", "savings").output
