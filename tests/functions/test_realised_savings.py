"""The door to realised savings: sums by anything, scope, what was not measured, CSV, one case."""

import csv
import io
from datetime import UTC, date, datetime
from typing import Any

import pytest

from finops.domain.audit import Deed
from finops.domain.money import TICKS_PER_UNIT
from finops.domain.people import Person, Role
from finops.domain.realised_savings import (
    MeasuredBill,
    Method,
    Part,
    Realised,
    RealisedHead,
    RealisedMonth,
    RealisedSavings,
)
from finops.domain.savings import Saving
from finops.usecases.ports import Save
from tests.functions.conftest import ask
from tests.realised_fakes import InMemoryRealised
from tests.savings_fakes import ACCOUNT, PAYER
from tests.usecases.organisation import LOANS, WEB_SHOP, Organisation, act
from tests.usecases.test_savings import split
from tests.using import INSTANCE, done

AT = datetime(2026, 3, 1, tzinfo=UTC)
STOPPED = done("Stop", resource="i-2")
SMALLER = done()
PLAN = done("PurchaseSavingsPlans", resource=None)
HOSTILE = "<script>alert(1)</script>"


def figure(of: Saving, month: str, load: str = "a", **by: int) -> RealisedMonth:
    """Whole dollars by owner (`web`, `loans`, `nobody`); ten were expected of each."""
    named = {"web": WEB_SHOP, "loans": LOANS, "nobody": None}
    parts = tuple(
        Part(named[name], amount * TICKS_PER_UNIT, 10 * TICKS_PER_UNIT)
        for name, amount in by.items()
    )
    return RealisedMonth(
        saving_id=of.saving_id,
        billing_period=month,
        currency="USD",
        days=28,
        cost=TICKS_PER_UNIT,
        realised=sum(part.realised for part in parts),
        expected=sum(part.expected or 0 for part in parts),
        is_used=True,
        parts=parts,
        loads=(load,),
    )


def told(of: Saving, *owners: str, **said: Any) -> Realised:
    assert of.note is not None
    return Realised(
        saving_id=of.saving_id,
        account_id=of.account_id,
        resource_id=of.resource_id,
        action_type=str(of.note.action_type),
        implemented_on=date(2026, 1, 10),
        owners=owners,
        **said,
    )


def bill(payer: str, month: str, load: str) -> MeasuredBill:
    return MeasuredBill(
        payer=payer,
        billing_period=month,
        load_id=load,
        delivered_at=AT,
        complete_through=date(2026, 2, 27),
    )


@pytest.fixture(autouse=True)
def by(organisation: Organisation, staff: dict[Role, Person]) -> Person:
    """A smaller instance of the web shop and the loans, a stopped one of nobody's, and a plan."""
    split(organisation, ACCOUNT, (WEB_SHOP, 10_000))
    for one in (SMALLER, STOPPED, PLAN):
        organisation.savings.save([Save(None, one, Deed(action="Find"))], act())
    measured = RealisedSavings(
        savings=(
            told(SMALLER, WEB_SHOP, LOANS, method=Method.PER_UNIT, days_before=30, cost_before=9),
            told(STOPPED, method=Method.PER_DAY, days_before=30, cost_before=9),
            told(PLAN, LOANS, reason=HOSTILE, is_final=True),
        ),
        figures=(
            figure(SMALLER, "2026-01", web=5, loans=3),
            figure(SMALLER, "2026-02", web=-2, loans=1),
            figure(STOPPED, "2026-02", "b", nobody=40),
        ),
        bills=(
            bill(PAYER, "2026-01", "a"),
            bill(PAYER, "2026-02", "a"),
            bill("111100001111", "2026-02", "b"),
        ),
    )
    kept = organisation.realised_kept
    kept.publish(RealisedHead(document=kept.write(measured), planned_at=AT, measured_at=AT))
    return staff[Role.FINANCIAL_ADMIN]


@pytest.fixture
def owner(staff: dict[Role, Person]) -> Person:
    """Of the web shop."""
    return staff[Role.PRODUCT_OWNER]


def realised(who: Person, **query: str) -> Any:
    return ask("GET", "/savings/realised", query, by=who).json


def rows(answer: Any) -> dict[str | None, str]:
    return {row["key"]: row["realised"].removesuffix(".0000000000") for row in answer["items"]}


def test_rows_by_anything_add_up_to_the_total(by: Person) -> None:
    assert rows(realised(by)) == {"2026-01": "8", "2026-02": "39"}
    assert rows(realised(by, by="owner")) == {None: "40", LOANS: "4", WEB_SHOP: "3"}
    assert rows(realised(by, by="action_type")) == {"Stop": "40", "Rightsize": "7"}
    saved = rows(realised(by, by="saving"))
    assert saved == {STOPPED.saving_id: "40", SMALLER.saving_id: "7"}
    for what in ("month", "owner", "action_type", "saving"):
        [total] = realised(by, by=what)["totals"]
        assert (total["realised"], total["expected"]) == ("47.0000000000", "50.0000000000")
        assert total["savings"] == 2


def test_who_has_a_scope_sees_their_own_part_everywhere(by: Person, owner: Person) -> None:
    mine = realised(owner)

    assert rows(mine) == {"2026-01": "5", "2026-02": "-2"}
    assert rows(realised(owner, by="owner")) == {WEB_SHOP: "3"}
    assert mine["totals"][0]["realised"] == "3.0000000000"
    assert mine["unmeasured"] == []
    assert [one["payer_id"] for one in mine["bills"]] == [PAYER]
    assert rows(realised(by, element=LOANS, by="owner")) == {LOANS: "4"}
    assert ask("GET", "/savings/realised", {"element": LOANS}, by=owner).status in (403, 404)


def test_months_are_those_that_are_asked_for(by: Person) -> None:
    found = realised(by, months="1")
    assert (found["months"], rows(found)) == (["2026-02"], {"2026-02": "39"})
    assert rows(realised(by, months="2", until="2026-01")) == {"2026-01": "8"}
    for wrong in ({"months": "0"}, {"months": "61"}, {"until": "2026"}, {"until": "2026-13"}):
        assert ask("GET", "/savings/realised", wrong, by=by).status == 422


def test_what_was_not_measured_says_why(by: Person) -> None:
    found = realised(by)

    [one] = found["unmeasured"]
    assert (one["action_type"], one["reason"], one["is_final"]) == (
        *("PurchaseSavingsPlans", HOSTILE, True),
    )
    assert [(b["payer_id"], b["billing_period"]) for b in found["bills"]] == [
        ("111100001111", "2026-02"),
        (PAYER, "2026-02"),
    ]
    assert found["measured_at"] == AT.isoformat()


def test_it_is_a_table_as_well(by: Person) -> None:
    body = ask("GET", "/savings/realised", {"by": "saving"}, by=by, headers={"Accept": "text/csv"})

    [first, _] = csv.DictReader(io.StringIO(body.body))
    assert (first["name"], first["realised"]) == ("Stop i-2", "40.0000000000")


def test_a_case_tells_its_months(by: Person, owner: Person) -> None:
    found = ask("GET", f"/savings/{SMALLER.saving_id}", by=owner).json["realised"]

    assert (found["method"], found["days_before"]) == ("PerUnit", 30)
    assert [(m["billing_period"], m["realised"]) for m in found["months"]] == [
        ("2026-01", "8.0000000000"),
        ("2026-02", "-1.0000000000"),
    ]
    assert [part["product_id"] for part in found["months"][0]["owners"]] == [WEB_SHOP]
    plan = ask("GET", f"/savings/{PLAN.saving_id}", by=by).json["realised"]
    assert (plan["reason"], plan["months"]) == (HOSTILE, [])


def test_the_report_has_it_and_its_page_is_escaped(by: Person) -> None:
    found = ask("GET", "/savings/report", by=by).json["realised"]
    assert [row["key"] for row in found["by_owner"]] == [None, LOANS, WEB_SHOP]
    assert found["totals"][0]["realised"] == "47.0000000000"

    page = ask("GET", "/savings/report", {"format": "html"}, by=by).body
    assert "Realised, by month" in page
    assert "owners by the claims, rules and shares of each day as they are known now" in page
    assert INSTANCE in page
    assert HOSTILE not in page


def test_before_anything_was_measured_there_is_nothing(
    organisation: Organisation, by: Person
) -> None:
    assert isinstance(organisation.realised_kept, InMemoryRealised)
    organisation.realised_kept.head = None

    found = realised(by)
    assert (found["items"], found["totals"], found["measured_at"]) == ([], [], None)
