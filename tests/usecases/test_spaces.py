"""Spaces: what a scope sees of the accounts it pays for, and of its credits."""

from collections.abc import Sequence
from datetime import date

import pytest

from finops.domain.allocation_runs import Allocation
from finops.domain.audit import Deed
from finops.domain.bill_notes import CreditLine
from finops.domain.bills import Bill, BillTotal
from finops.domain.class_policies import CostBasis
from finops.domain.credits import Credit, CreditTerms
from finops.domain.elements import ENTERPRISE
from finops.domain.errors import NotFoundError
from finops.domain.loads import Costs
from finops.domain.people import Person, Role
from finops.domain.periods import BillingPeriod
from finops.domain.shares import ShareStatus
from finops.usecases.grounds import Book
from finops.usecases.ports import Save
from finops.usecases.spaces import Space, Spaces, SpaceSources, place, some_spaces, spaces
from finops.usecases.workloads import end_workload
from tests.claiming import LAB, SHARED, admin, know_accounts, run, share, take
from tests.fakes import InMemoryBills
from tests.usecases.organisation import (
    LOANS,
    NOW,
    SEARCH,
    STOREFRONT,
    TODAY,
    UNIT,
    WEB_SHOP,
    Organisation,
    act,
)


@pytest.fixture
def organisation() -> Organisation:
    made = Organisation()
    made.drop()
    know_accounts(made)
    return made


@pytest.fixture
def owner(organisation: Organisation) -> Person:
    return organisation.hire("owner@example.com", Role.PRODUCT_OWNER, [WEB_SHOP])


def seen(
    organisation: Organisation,
    by: Person,
    element: str = ENTERPRISE,
    month: str = "2026-03",
    today: date = TODAY,
) -> list[Space]:
    found = looked(organisation, by, element, month, today)
    return some_spaces(found, found.accounts, by=by, desk=organisation.claims_desk)


def looked(
    organisation: Organisation,
    by: Person,
    element: str = ENTERPRISE,
    month: str = "2026-03",
    today: date = TODAY,
    bills: Sequence[Bill] = (),
) -> Spaces:
    known = InMemoryBills()
    known.publish(bills)
    sources = SpaceSources(
        desk=organisation.claims_desk,
        spend=organisation.workload_spend,
        credits=organisation.credits,
        bills=known,
        allocations=organisation.allocations,
        book=Book(organisation.rulebook, organisation.grounds, CostBasis.BILLED),
    )
    return spaces(element, BillingPeriod(month), today, by=by, sources=sources)


def grant(
    organisation: Organisation,
    product: str | None,
    credit_id: str,
    expiry: date = date(2026, 12, 31),
) -> Credit:
    """A credit of *product*; without one it is queued."""
    if product is None:
        line = CreditLine(
            billing_account_id="999988887777",
            billing_period="2026-02",
            billing_currency="USD",
            sub_account_id=SHARED,
            description="PC-1",
            amount=-UNIT,
            first_day=date(2026, 2, 1),
            last_day=date(2026, 2, 1),
        )
        new = Credit.seen(credit_id, line, NOW)
    else:
        terms = CreditTerms(
            product_id=product,
            text="PROMO",
            amount=5 * UNIT,
            currency="USD",
            start=date(2026, 1, 1),
            expiry=expiry,
        )
        new = Credit.granted(credit_id, terms, NOW)
    return organisation.credits.save([Save(None, new, Deed(action="Grant"))], act())[0]


def made_bill(payer: str) -> Bill:
    return Bill(
        billing_account_id=payer,
        billing_period="2026-03",
        load_id="load-1",
        delivered_at=NOW,
        published_at=NOW,
        lineage=("load-1",),
        totals=(BillTotal(billing_currency="USD", costs=Costs()),),
    )


def made_run(bill: Bill, revision: int) -> Allocation:
    return Allocation(
        billing_account_id=bill.billing_account_id,
        billing_period=bill.billing_period,
        run_id="run-1",
        load_id=bill.load_id,
        basis=CostBasis.BILLED,
        revision=revision,
        made_at=NOW,
        lineage=("run-1",),
        totals=(),
    )


def test_a_split_tells_the_products_of_the_scope_and_the_others_in_one(
    organisation: Organisation, owner: Person
) -> None:
    share(organisation, SHARED, (WEB_SHOP, 5_000), (SEARCH, 3_000), (LOANS, 2_000))

    def told(by: Person, element: str = ENTERPRISE) -> tuple[list[tuple[str, int]], int]:
        [space] = seen(organisation, by, element)
        [part] = space.shares
        return list(part.shares), part.others

    boss = admin(organisation)
    assert told(owner) == ([(WEB_SHOP, 5_000)], 5_000)
    assert told(boss, STOREFRONT) == ([(SEARCH, 3_000), (WEB_SHOP, 5_000)], 2_000)
    assert told(boss)[1] == 0


def test_only_accounts_that_the_scope_pays_for_in_the_month_are_told(
    organisation: Organisation, owner: Person
) -> None:
    share(organisation, LAB, (LOANS, 10_000))
    run(organisation, launch="2026-04", end="2026-05")

    assert seen(organisation, owner) == []
    assert [one.account_id for one in seen(organisation, owner, month="2026-04")] == [SHARED]
    assert [one.account_id for one in seen(organisation, admin(organisation))] == [LAB]


def test_an_element_out_of_scope_is_not_there(organisation: Organisation, owner: Person) -> None:
    for element in (LOANS, STOREFRONT):
        with pytest.raises(NotFoundError):
            seen(organisation, owner, element)


@pytest.mark.parametrize(
    "month, status",
    [
        ("2026-02", ShareStatus.NEW),
        ("2026-03", ShareStatus.CURRENT),
        ("2026-12", ShareStatus.EXPIRING),
    ],
)
def test_a_status_is_as_of_today_or_of_the_nearest_day_of_the_month(
    organisation: Organisation, month: str, status: ShareStatus
) -> None:
    share(organisation, SHARED, (WEB_SHOP, 10_000))

    [space] = seen(organisation, admin(organisation), month=month)

    assert [one.status for one in space.shares] == [status]


def test_a_workload_tells_its_estimate_its_spend_and_its_claims(
    organisation: Organisation,
) -> None:
    made = run(organisation, monthly=3 * UNIT)
    take(organisation, made, "i-1", "i-2")
    organisation.workload_spend.months["2026-03"] = {made.workload_id: 2 * UNIT}

    [space] = seen(organisation, admin(organisation))

    [told] = space.workloads
    assert (told.workload.monthly, told.spent, told.claims) == (3 * UNIT, 2 * UNIT, 2)


def test_a_workload_that_has_ended_is_told_while_it_pays(organisation: Organisation) -> None:
    made = run(organisation)
    boss = admin(organisation)
    end_workload(
        *(made.workload_id, "2026-03", made.version),
        by=boss,
        workloads=organisation.workloads,
        act=act(boss.email),
    )

    assert seen(organisation, boss, month="2026-04") == []
    organisation.workload_spend.months["2026-04"] = {}
    assert seen(organisation, boss, month="2026-04") == []
    organisation.workload_spend.months["2026-04"] = {made.workload_id: UNIT}
    [space] = seen(organisation, boss, month="2026-04")
    assert [one.spent for one in space.workloads] == [UNIT]


def test_what_pays_for_nothing_is_told_from_what_nobody_knows_yet(
    organisation: Organisation,
) -> None:
    run(organisation)

    def spent() -> int | None:
        [space] = seen(organisation, admin(organisation))
        return space.workloads[0].spent

    assert spent() is None
    organisation.workload_spend.months["2026-03"] = {}
    assert spent() == 0


def test_credits_are_those_of_the_scope_s_products(
    organisation: Organisation, owner: Person
) -> None:
    for credit_id, product in (("c-1", LOANS), ("c-2", WEB_SHOP), ("c-3", SEARCH), ("c-4", None)):
        grant(organisation, product, credit_id)
    unit = organisation.hire("bank@example.com", Role.BUSINESS_UNIT_OWNER, ["bank"])

    def told(by: Person, element: str = ENTERPRISE) -> list[str]:
        return [one.credit_id for one in looked(organisation, by, element).credits]

    assert told(owner) == ["c-2"]
    assert told(unit) == ["c-1"]
    assert told(admin(organisation)) == ["c-1", "c-2", "c-3"]
    assert told(admin(organisation), STOREFRONT) == ["c-2", "c-3"]


def test_accounts_come_before_credits_in_one_order(organisation: Organisation) -> None:
    share(organisation, SHARED, (WEB_SHOP, 10_000))
    share(organisation, LAB, (WEB_SHOP, 10_000))
    for credit_id in ("b", "0", "a"):
        grant(organisation, WEB_SHOP, credit_id)

    places = [place(one) for one in looked(organisation, admin(organisation)).entries]

    assert places == [SHARED, LAB, "credit 0", "credit a", "credit b"] == sorted(places)


def test_every_bill_of_the_month_tells_how_fresh_it_and_its_allocation_are(
    organisation: Organisation,
) -> None:
    bills = [made_bill(payer) for payer in ("111100001111", "222200002222")]
    share(organisation, SHARED, (WEB_SHOP, 10_000))
    book = Book(organisation.rulebook, organisation.grounds, CostBasis.BILLED)
    organisation.allocations.publish(made_run(bills[0], book.revision()))

    def told() -> list[tuple[str, bool, bool]]:
        found = looked(organisation, admin(organisation), bills=bills).standings
        return [
            (one.bill.billing_account_id, one.allocation is not None, one.is_current)
            for one in found
        ]

    assert told() == [("111100001111", True, True), ("222200002222", False, False)]
    share(organisation, LAB, (WEB_SHOP, 10_000))
    assert told()[0] == ("111100001111", True, False)
    assert looked(organisation, admin(organisation), month="2026-04", bills=bills).standings == []
