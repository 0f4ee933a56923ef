"""A workload has a plan that can be: a name, a link, months and an estimate that adds up."""

from datetime import date
from typing import Any

import pytest

from finops.domain.errors import InvalidError
from finops.domain.workloads import Component, Workload

TODAY = date(2026, 11, 20)


def planned(**told: Any) -> Workload:
    given: dict[str, Any] = {
        "product_id": "retail.digital.shop.web",
        "account_id": "444455556666",
        "name": " Web shop ",
        "today": TODAY,
        "launch": "2026-11",
    }
    return Workload.planned("w1", **given | told)


def test_a_workload_runs_to_the_end_of_the_fiscal_year_of_its_launch() -> None:
    of = planned()

    assert (of.name, of.launch, of.end) == ("Web shop", "2026-11", "2026-12")
    assert planned(launch="2027-01").end == "2027-12"
    assert planned(first_month=7).end == "2027-06"
    assert planned(end="2028-03").end == "2028-03"
    assert [
        month for month in ("2026-10", "2026-11", "2026-12", "2027-01") if of.runs_in(month)
    ] == [
        "2026-11",
        "2026-12",
    ]


def test_components_add_up_to_the_estimate() -> None:
    parts = (Component(name="compute", monthly=7), Component(name="storage", monthly=3))

    assert planned(components=parts).monthly == 10
    assert planned(components=parts, monthly=10) == planned(components=parts)
    assert planned(monthly=10).components == ()
    assert planned().monthly is None


@pytest.mark.parametrize(
    "told, reason",
    [
        ({"launch": "2026-10"}, "launches in 2026-11 or later"),
        ({"launch": "2026-13"}, "no billing period"),
        ({"end": "2026-10"}, "before its launch"),
        ({"name": "  "}, "1 to 120 characters"),
        ({"name": "x" * 121}, "1 to 120 characters"),
        ({"estimate_url": "http://calculator.aws/1"}, "no link to an estimate"),
        ({"estimate_url": "https://ann@evil.example/"}, "no link to an estimate"),
        ({"estimate_url": "javascript:alert(1)"}, "no link to an estimate"),
        (
            {"components": (Component(name="compute", monthly=7),), "monthly": 8},
            "add up to 0.0000000007 a month, the estimate says 0.0000000008",
        ),
        ({"components": (Component(name="a", monthly=1),) * 2}, "'a' is named twice"),
    ],
)
def test_a_plan_that_cannot_be_is_refused(told: dict[str, Any], reason: str) -> None:
    with pytest.raises(InvalidError, match=reason):
        planned(**told)


def test_a_link_to_an_estimate_is_kept() -> None:
    url = "https://calculator.aws/#/estimate?id=1"

    assert planned(estimate_url=url).estimate_url == url


def test_a_workload_that_runs_keeps_its_launch_and_takes_another_plan() -> None:
    of = planned(launch="2026-11").changed(version=3, head="seal")
    later: dict[str, Any] = {"today": date(2027, 2, 1), "name": "Shop", "end": "2027-06"}

    again = of.replanned(launch="2026-11", monthly=5, **later)

    assert (again.version, again.head, again.workload_id) == (3, "seal", "w1")
    assert (again.name, again.launch, again.end, again.monthly) == ("Shop", "2026-11", "2027-06", 5)
    with pytest.raises(InvalidError, match="2027-02 or later"):
        of.replanned(launch="2026-12", **later)


def test_a_workload_ends_in_an_earlier_month_than_was_planned_and_not_before_its_launch() -> None:
    of = planned(launch="2026-11", end="2027-03")

    assert of.ended("2027-02") == of.changed(end="2027-02")
    assert of.ended("2026-11").end == "2026-11"
    for month, wrong in (("2027-03", "ends in 2027-03 already"), ("2026-10", "launches in 2026")):
        with pytest.raises(InvalidError, match=wrong):
            of.ended(month)
    with pytest.raises(InvalidError, match="no billing period"):
        of.ended("soon")
