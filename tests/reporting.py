"""Cubes for cost reports: two months of an organisation, in whole units that can be added by head."""

from collections.abc import Iterable
from datetime import date, datetime, timedelta
from typing import Any

from finops.domain.cost_reports import CostReport, ReportSection, ReportSpan
from finops.domain.organisation_settings import OrganisationSettings
from finops.domain.report_settings import ReportSettings, Rhythm, Threshold
from finops.domain.spend_cubes import CREDIT, CubeRow
from finops.domain.tag_settings import TagSettings
from finops.usecases.cost_reports import ReportSources, cost_report
from tests.cube_fakes import InMemorySpendCubes, row
from tests.usecases.organisation import CHECKOUT, LOANS, UNIT, WEB_SHOP, Organisation

AT = datetime.fromisoformat("2026-03-09T07:00:00+00:00")  # a Monday
TEAM = "user:Team"
WEEK = ReportSpan.ending(Rhythm.WEEKLY, date(2026, 3, 8))
FEBRUARY = ReportSpan.ending(Rhythm.MONTHLY, date(2026, 3, 1))
SHOP, BANK = "444455556666", "777788889999"
ALL = OrganisationSettings(tags=TagSettings(report_keys=(TEAM,)))


def daily(first: str, last: str, units: int, **fields: Any) -> list[CubeRow]:
    """A row of *units* on each day from *first* to *last*."""
    day, end = date.fromisoformat(first), date.fromisoformat(last)
    days = [day + timedelta(n) for n in range((end - day).days + 1)]
    return [row(str(one), units * UNIT, **fields) for one in days]


def usual_rows() -> list[CubeRow]:
    """The shop's two a day become three, the bank's one stays one; the rest is small.

    In the week of 2026-03-01: shop 21, bank 7, nobody 2, credited -5; in that before: 14, 7, 0, 0.
    """
    shop = {"product_id": WEB_SHOP, "account": SHOP, "tags": {TEAM: "web"}}
    bank = {
        "product_id": LOANS,
        "account": BANK,
        "service": "AmazonRDS",
        "region": "us-east-1",
        "tags": {TEAM: "loans"},
    }
    nobody = {"product_id": None, "reason": "NoShares", "service": "AmazonS3", "region": None}
    return [
        *daily("2026-01-01", "2026-02-28", 2, **shop),
        *daily("2026-03-01", "2026-03-08", 3, **shop),
        *daily("2026-01-01", "2026-03-08", 1, **bank),
        row("2026-02-03", 4 * UNIT, product_id=CHECKOUT, account=SHOP, tags={TEAM: "till"}),
        row("2026-03-02", 2 * UNIT, **nobody),
        row("2026-03-02", -5 * UNIT, product_id=None, service="AmazonEC2", charge_class=CREDIT),
    ]


def organised() -> Organisation:
    made = Organisation()
    made.drop()
    made.staff()
    return made


def sources(
    rows: Iterable[CubeRow] | InMemorySpendCubes, organisation: Organisation | None = None
) -> ReportSources:
    its = organisation or organised()
    cubes = rows if isinstance(rows, InMemorySpendCubes) else InMemorySpendCubes(rows)
    return ReportSources(
        *(cubes, its.charts, its.accounts, its.planning, its.settings_kept),
        first_month=1,
        currency="USD",
    )


def reported(
    rows: Iterable[CubeRow] | InMemorySpendCubes | None = None,
    span: ReportSpan = WEEK,
    elements: tuple[str, ...] = (),
    *,
    thresholds: Iterable[Threshold] = (),
    chosen: OrganisationSettings = ALL,
    organisation: Organisation | None = None,
) -> CostReport:
    """The report of *rows*, those of `usual_rows` where none are given."""
    return cost_report(
        span,
        elements,
        tuple(thresholds),
        at=AT,
        chosen=chosen,
        sources=sources(usual_rows() if rows is None else rows, organisation),
    )


def only(report: CostReport) -> ReportSection:
    [section] = report.sections
    return section


def amounts(section: ReportSection, dimension: str) -> dict[str, int]:
    """What a breakdown says, in whole units by name."""
    found = next(one for one in section.breakdowns if one.dimension == dimension)
    return {one.name: one.amount // UNIT for one in found.rows}


def chosen(**reports: Any) -> OrganisationSettings:
    return ALL.model_copy(update={"reports": ReportSettings(**reports)})
