"""Credits: seen in scope, granted, found on bills, mapped, withdrawn, and what they would pay."""

from collections.abc import Callable, Collection, Iterable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from finops.domain.audit import Deed, findings
from finops.domain.class_policies import ChargeClass
from finops.domain.credits import (
    Credit,
    CreditSource,
    CreditStatus,
    CreditTerms,
    CreditUse,
    WarningKind,
)
from finops.domain.discounts import DiscountRate, PriceBook, ProductCost
from finops.domain.elements import ENTERPRISE, shared
from finops.domain.errors import (
    ConflictError,
    ForbiddenError,
    InvalidError,
    NotFoundError,
)
from finops.domain.people import Person, Role
from finops.usecases import bill_notes, load_bill
from finops.usecases.accounts import LoadedBill
from finops.usecases.audit import verify
from finops.usecases.bill_notes import BillNotes
from finops.usecases.credits import (
    STEP,
    Statement,
    Treasury,
    find_credits,
    grant,
    map_credit,
    price_book,
    reconcile,
    seen_credit,
    seen_credits,
    set_discounts,
    statements,
    warn_of_credits,
    withdraw,
)
from finops.usecases.ports import Save
from tests.credits_fakes import InMemoryProductSpend
from tests.exports import MONTH, PAYER, Line, csv_file, overwritten
from tests.loading import House
from tests.usecases.organisation import (
    CHECKOUT,
    LOANS,
    NOW,
    SEARCH,
    TILLS,
    TODAY,
    UNIT,
    WEB_SHOP,
    Organisation,
    act,
)

ACCOUNT = "444455556666"
LOADED = datetime(2026, 9, 20, 8, 0, tzinfo=UTC)
SEPTEMBER = [LoadedBill(payer_id=PAYER, billing_period=MONTH)]
MAY = (Role.FINANCIAL_ADMIN, Role.VENDOR_MANAGER)


@pytest.fixture
def house(tmp_path: Path) -> House:
    return House(tmp_path)


@pytest.fixture
def organisation() -> Organisation:
    made = Organisation()
    made.drop()
    return made


@pytest.fixture
def staff(organisation: Organisation) -> dict[Role, Person]:
    return organisation.staff()


@pytest.fixture
def admin(staff: dict[Role, Person]) -> Person:
    return staff[Role.FINANCIAL_ADMIN]


@pytest.fixture
def treasury(organisation: Organisation, house: House) -> Treasury:
    return Treasury(
        organisation.credits,
        organisation.product_spend,
        house.bills,
        BillNotes(house.bills, house.ledger),
        organisation.open_from,
        "USD",
    )


def terms(amount: int = 1_200, product: str = WEB_SHOP, **said: Any) -> CreditTerms:
    usual: dict[str, Any] = {
        "text": "PROMO-1",
        "currency": "USD",
        "start": date(2026, 1, 1),
        "expiry": date(2026, 12, 31),
    }
    return CreditTerms(product_id=product, amount=amount * UNIT, **usual | said)


def granted(organisation: Organisation, by: Person, at: datetime = NOW, **said: Any) -> Credit:
    return grant(
        terms(**said),
        by=by,
        credits_=organisation.credits,
        charts=organisation.charts,
        open_from=organisation.open_from,
        act=act(by.email, at),
    )


def load(house: House, *lines: Line, execution: int = 1) -> None:
    id_ = f"{execution:08d}-0000-0000-0000-000000000000"
    house.load(overwritten(id_, [csv_file(lines)]), LOADED + timedelta(hours=execution))


def credited(amount: str, text: str, **said: Any) -> Line:
    """A line by which AWS credits something."""
    return Line(amount, line_item_type="Credit", description=text, **said)


def find(organisation: Organisation, treasury: Treasury) -> list[str]:
    """The texts of the credits that the bill of September names, and nobody knew."""
    found = find_credits(
        SEPTEMBER,
        notes=treasury.notes,
        credits_=organisation.credits,
        act=act("the bill", LOADED),
    )
    return [one.text for one in found]


def statement(credit: Credit, treasury: Treasury, today: date = TODAY) -> Statement:
    [one] = statements([credit], today, treasury)
    return one


def units(uses: Any) -> list[tuple[str, int]]:
    return [(use.month, use.amount // UNIT) for use in uses]


# Seen ---------------------------------------------------------------------------------------------


def test_people_see_the_credits_of_their_products_and_nobodys_are_for_who_sees_all(
    organisation: Organisation,
    staff: dict[Role, Person],
    admin: Person,
    treasury: Treasury,
    house: House,
) -> None:
    load(house, credited("-5", "PC-1"))
    find(organisation, treasury)
    shop = granted(organisation, admin)
    loans = granted(organisation, admin, product=LOANS)

    def seen(role: Role, **query: Any) -> set[str | None]:
        found = seen_credits(TODAY, by=staff[role], credits_=organisation.credits, **query)
        return {one.product_id for one in found}

    for role in (Role.FINANCIAL_ADMIN, Role.VENDOR_MANAGER, Role.CLOUD_ENGINEER):
        assert seen(role) == {None, WEB_SHOP, LOANS}
    for role in (Role.BUSINESS_UNIT_OWNER, Role.PORTFOLIO_OWNER, Role.PRODUCT_OWNER):
        assert seen(role) == {WEB_SHOP}
        with pytest.raises(NotFoundError) as told:
            seen_credit(loans.credit_id, by=staff[role], credits_=organisation.credits)
        with pytest.raises(NotFoundError) as unknown:
            seen_credit("none", by=staff[role], credits_=organisation.credits)
        assert told.value.detail.replace(loans.credit_id, "none") == unknown.value.detail
    owner = staff[Role.PRODUCT_OWNER]
    assert seen_credit(shop.credit_id, by=owner, credits_=organisation.credits) == shop
    assert seen(Role.FINANCIAL_ADMIN, under="bank") == {LOANS}
    assert seen(Role.FINANCIAL_ADMIN, product=WEB_SHOP) == {WEB_SHOP}
    assert seen(Role.FINANCIAL_ADMIN, status=CreditStatus.QUEUED) == {None}


def test_what_a_credit_would_pay_is_after_discounts_and_credits_before_it(
    organisation: Organisation, admin: Person, treasury: Treasury
) -> None:
    """Trap 9: 1,000 less 5 % are 950 of 1,200; then 190 of 200; a refund of 300 is paid by nobody."""
    set_discounts(
        [DiscountRate(basis_points=500)],
        date(2026, 1, 1),
        0,
        by=admin,
        credits_=organisation.credits,
        open_from=organisation.open_from,
        act=act(),
    )
    one = granted(organisation, admin)
    spend = organisation.product_spend.spend
    spend(WEB_SHOP, "2026-01-09", 1_000 * UNIT)
    spend(WEB_SHOP, "2026-02-09", 200 * UNIT)
    spend(WEB_SHOP, "2026-03-09", -300 * UNIT)
    spend(SEARCH, "2026-01-09", 70 * UNIT)
    spend(WEB_SHOP, "2026-01-10", 40 * UNIT, currency="EUR")

    found = statement(one, treasury)

    assert units(found.estimates) == [("2026-01", 950), ("2026-02", 190)]
    assert [(m.month, m.spend // UNIT, m.discount // UNIT) for m in found.months] == [
        ("2026-01", 1_000, 50),
        ("2026-02", 200, 10),
        ("2026-03", -300, -15),
    ]
    assert found.ahead is not None
    assert found.ahead.left == 60 * UNIT
    assert organisation.credits.find(one.credit_id) == one


def test_credits_of_a_product_share_its_cost_whichever_is_asked_for(
    organisation: Organisation, admin: Person, treasury: Treasury
) -> None:
    later = granted(organisation, admin, amount=100)
    sooner = granted(organisation, admin, amount=100, expiry=date(2026, 6, 30))
    organisation.product_spend.spend(WEB_SHOP, "2026-01-09", 150 * UNIT)

    assert units(statement(later, treasury).estimates) == [("2026-01", 50)]
    assert units(statement(sooner, treasury).estimates) == [("2026-01", 100)]


def test_the_pace_is_of_the_days_that_the_bills_are_complete_through(
    organisation: Organisation, admin: Person, treasury: Treasury, house: House
) -> None:
    one = granted(organisation, admin)
    assert statement(one, treasury, date(2026, 9, 20)).through == date(2026, 9, 19)
    load(house, Line("1", day="2026-09-15"))

    # Delivered on the 20th: the 15th is over.
    assert statement(one, treasury, date(2026, 9, 20)).through == date(2026, 9, 15)


def test_while_no_month_is_allocated_no_product_spends_anything(
    organisation: Organisation, admin: Person, treasury: Treasury
) -> None:
    one = granted(organisation, admin)

    found = statement(one, treasury._replace(spend=InMemoryProductSpend()))

    assert (list(found.estimates), list(found.months)) == ([], [])
    assert found.ahead is not None
    assert found.ahead.lapses == 1_200 * UNIT


def test_a_cost_without_a_currency_is_in_that_of_plans(
    organisation: Organisation, admin: Person, treasury: Treasury
) -> None:
    dollars = granted(organisation, admin)
    euros = granted(organisation, admin, currency="EUR")
    spend = organisation.product_spend.spend
    spend(WEB_SHOP, "2026-01-09", 30 * UNIT, currency=None)
    spend(WEB_SHOP, "2026-01-09", 12 * UNIT)

    assert units(statement(dollars, treasury).estimates) == [("2026-01", 42)]
    assert units(statement(euros, treasury).estimates) == []


def test_credits_pay_for_every_class_and_discounts_are_on_usage_alone(
    organisation: Organisation, admin: Person, treasury: Treasury
) -> None:
    """10 % of 100 of usage are 10; of 20 of tax and 5 of support nothing: 115 are to be paid."""
    _price(organisation, admin, {None: 1_000})
    one = granted(organisation, admin)
    spend = organisation.product_spend.spend
    spend(WEB_SHOP, "2026-01-09", 100 * UNIT)
    spend(WEB_SHOP, "2026-01-09", 20 * UNIT, charge_class=ChargeClass.TAX)
    spend(WEB_SHOP, "2026-01-09", 5 * UNIT, service=None, charge_class=ChargeClass.SUPPORT)

    [month] = statement(one, treasury).months

    assert (month.spend // UNIT, month.discount // UNIT) == (125, 10)
    assert month.use == CreditUse(month="2026-01", amount=115 * UNIT)


def test_only_months_and_products_that_a_credit_may_still_pay_for_are_looked_at(
    organisation: Organisation, admin: Person, treasury: Treasury
) -> None:
    """Today is in March. One has ended, one was taken back before it began, one is used up."""
    granted(organisation, admin, expiry=date(2026, 1, 20))
    granted(organisation, admin, product=SEARCH, start=date(2026, 3, 1))
    later = granted(organisation, admin, product=LOANS, start=date(2026, 4, 1))
    taken_back = granted(organisation, admin, product=TILLS)
    used_up = granted(organisation, admin, product=CHECKOUT, amount=1)
    organisation.credits.save(
        [
            Save(taken_back, taken_back.withdrawn(date(2026, 1, 1), NOW), Deed(action="Withdraw")),
            Save(used_up, used_up.closed("2026-01", UNIT, NOW), Deed(action="Close")),
        ],
        act(),
    )
    asked = Asked(organisation.product_spend)

    every = organisation.credits.all().values()
    found = statements(every, TODAY, treasury._replace(spend=asked))

    assert asked.rows_of == [("2026-01", {WEB_SHOP}), ("2026-03", {SEARCH})]
    assert len(found) == 5
    assert statement(later, treasury).months == []


def test_what_a_credit_shows_does_not_depend_on_the_credits_beside_it(
    organisation: Organisation, admin: Person, treasury: Treasury
) -> None:
    used_up = granted(organisation, admin, amount=5)
    after = used_up.closed("2026-01", 5 * UNIT, NOW)
    organisation.credits.save([Save(used_up, after, Deed(action="Close"))], act())
    organisation.product_spend.spend(WEB_SHOP, "2026-02-09", 50 * UNIT)
    alone = statement(after, treasury)

    granted(organisation, admin)

    assert statement(after, treasury) == alone
    assert [month.month for month in alone.months] == ["2026-01"]


class Asked:
    """`ProductSpend` that writes down what it was asked."""

    def __init__(self, spend: InMemoryProductSpend) -> None:
        self._spend = spend
        self.rows_of: list[tuple[str, set[str]]] = []

    def rows(self, month: str, products: Collection[str] | None) -> Iterable[ProductCost]:
        self.rows_of.append((month, set(products or ())))
        return self._spend.rows(month, products)


# Changed ------------------------------------------------------------------------------------------


def test_a_credit_is_granted_corrected_and_withdrawn_and_its_chain_tells(
    organisation: Organisation, admin: Person
) -> None:
    one = granted(organisation, admin)
    corrected = map_credit(
        one.credit_id,
        terms(900),
        1,
        by=admin,
        credits_=organisation.credits,
        charts=organisation.charts,
        open_from=organisation.open_from,
        act=act(reason="a typing error"),
    )
    gone = withdraw(
        one.credit_id,
        None,
        2,
        by=admin,
        credits_=organisation.credits,
        open_from=organisation.open_from,
        act=act(reason="it was for somebody else"),
    )

    assert (corrected.balance, corrected.version) == (900 * UNIT, 2)
    assert (gone.withdrawn_from, gone.status(TODAY)) == (TODAY, CreditStatus.WITHDRAWN)
    records = list(organisation.audit.chain(f"credit#{one.credit_id}"))
    assert [(record.action, record.event, record.element) for record in records] == [
        ("Grant", "CreditGranted", WEB_SHOP),
        ("Correct", "CreditCorrected", WEB_SHOP),
        ("Withdraw", "CreditWithdrawn", WEB_SHOP),
    ]
    assert findings(f"credit#{one.credit_id}", records, gone) == []


def test_a_correction_is_read_by_who_sees_both_the_old_product_and_the_new_one(
    organisation: Organisation, staff: dict[Role, Person], admin: Person
) -> None:
    """From the web shop to the search is a matter of the storefront; from there to loans of all."""
    one = granted(organisation, admin)
    for version, product in enumerate((SEARCH, LOANS), start=1):
        map_credit(
            one.credit_id,
            terms(product=product),
            version,
            by=admin,
            credits_=organisation.credits,
            charts=organisation.charts,
            open_from=organisation.open_from,
            act=act(),
        )

    elements = [r.element for r in organisation.audit.chain(f"credit#{one.credit_id}")]
    assert elements == [WEB_SHOP, shared([WEB_SHOP, SEARCH]), shared([SEARCH, LOANS])]
    assert not staff[Role.PRODUCT_OWNER].covers(elements[1])
    assert elements[2] == ENTERPRISE


def test_what_a_bill_says_of_a_credit_is_in_no_record_that_owners_read(
    organisation: Organisation, admin: Person, treasury: Treasury, house: House
) -> None:
    load(house, credited("-5", "PC-1"))
    find(organisation, treasury)
    [queued] = organisation.credits.all().values()
    at_hand: dict[str, Any] = {"by": admin, "credits_": organisation.credits}
    for version, amount in ((1, 80), (2, 90)):
        map_credit(
            queued.credit_id,
            terms(amount),
            version,
            charts=organisation.charts,
            open_from=organisation.open_from,
            act=act(),
            **at_hand,
        )
    warn_of_credits(date(2026, 12, 30), treasury=treasury, act=act())
    withdraw(
        queued.credit_id,
        None,
        4,
        open_from=organisation.open_from,
        act=act(reason="a mistake"),
        **at_hand,
    )

    records = organisation.audit.chain(f"credit#{queued.credit_id}")
    assert [(record.action, record.element) for record in records] == [
        (action, ENTERPRISE) for action in ("Find", "Map", "Correct", "Warn", "Withdraw")
    ]


def test_the_same_terms_again_change_nothing(organisation: Organisation, admin: Person) -> None:
    one = granted(organisation, admin)
    before = len(organisation.records)

    again = map_credit(
        one.credit_id,
        terms(),
        1,
        by=admin,
        credits_=organisation.credits,
        charts=organisation.charts,
        open_from=organisation.open_from,
        act=act(),
    )

    assert (again, len(organisation.records)) == (one, before)


def _changes(organisation: Organisation, by: Person, credit_id: str) -> list[Callable[[], Any]]:
    at_hand: dict[str, Any] = {
        "by": by,
        "credits_": organisation.credits,
        "open_from": organisation.open_from,
        "act": act(reason="so"),
    }
    return [
        lambda: grant(terms(), charts=organisation.charts, **at_hand),
        lambda: map_credit(credit_id, terms(5), 1, charts=organisation.charts, **at_hand),
        lambda: withdraw(credit_id, None, 1, **at_hand),
    ]


def test_only_who_may_grants_maps_and_withdraws(
    organisation: Organisation, staff: dict[Role, Person], admin: Person
) -> None:
    one = granted(organisation, admin)
    for role in set(Role) - set(MAY):
        for change in _changes(organisation, staff[role], one.credit_id):
            with pytest.raises(ForbiddenError):
                change()
    stranger = organisation.hire("loans@example.com", Role.PRODUCT_OWNER, [LOANS])
    for change in _changes(organisation, stranger, one.credit_id):
        with pytest.raises(NotFoundError):
            change()
    assert organisation.credits.find(one.credit_id) == one


def test_who_comes_second_is_told(organisation: Organisation, admin: Person) -> None:
    one = granted(organisation, admin)
    _, correct, take_back = _changes(organisation, admin, one.credit_id)
    correct()

    for change in (correct, take_back):
        with pytest.raises(ConflictError, match="has changed since") as told:
            change()
        assert told.value.members["current"].balance == 5 * UNIT


@pytest.mark.parametrize(
    "day, reason, why",
    [(date(1999, 12, 31), "so", "is in a closed month"), (None, None, "needs a reason")],
)
def test_a_withdrawal_has_a_reason_and_an_open_month(
    organisation: Organisation, admin: Person, day: date | None, reason: str | None, why: str
) -> None:
    one = granted(organisation, admin)

    with pytest.raises(InvalidError, match=why):
        withdraw(
            one.credit_id,
            day,
            1,
            by=admin,
            credits_=organisation.credits,
            open_from=organisation.open_from,
            act=act(reason=reason),
        )


def test_a_product_that_no_chart_names_gets_no_credit(
    organisation: Organisation, admin: Person
) -> None:
    with pytest.raises(InvalidError, match=r"a\.b\.c\.d; finops chart show lists"):
        granted(organisation, admin, product="a.b.c.d")


# Found on bills -----------------------------------------------------------------------------------


def test_a_code_that_nobody_knew_is_queued_once(
    organisation: Organisation, treasury: Treasury, house: House
) -> None:
    load(
        house,
        Line("100"),
        credited("-5", "PC-1", day="2026-09-02"),
        credited("-7", "PC-1", day="2026-09-04"),
        credited("-3", "PC-1", account="555566667777"),
        credited("-2", "PC-2"),
        credited("4", "taken back"),
        credited("-9", ""),
    )

    assert sorted(find(organisation, treasury)) == ["PC-1", "PC-1", "PC-2"]
    assert find(organisation, treasury) == []
    [mine] = [
        one
        for one in organisation.credits.all().values()
        if (one.text, one.account_id) == ("PC-1", ACCOUNT)
    ]
    assert mine.found is not None
    assert (mine.source, mine.found.amount // UNIT) == (CreditSource.FOUND_ON_BILL, -12)
    assert (mine.found.first_day.day, mine.found.last_day.day) == (2, 4)
    [record] = organisation.audit.chain(f"credit#{mine.credit_id}")
    assert (record.action, record.event, record.element) == ("Find", "CreditFound", "")


def test_a_code_is_known_where_it_was_granted_by_its_text_to_its_account(
    organisation: Organisation, admin: Person, treasury: Treasury, house: House
) -> None:
    granted(organisation, admin, text=" promo  1", account_id=ACCOUNT)
    load(house, credited("-5", "PROMO 1"), credited("-5", "PROMO 1", account="555566667777"))

    [found] = find_credits(
        SEPTEMBER, notes=treasury.notes, credits_=organisation.credits, act=act("the bill")
    )

    assert found.account_id == "555566667777"


def test_a_queued_one_is_mapped_by_who_knows_and_pays_from_then_on(
    organisation: Organisation, admin: Person, treasury: Treasury, house: House
) -> None:
    load(house, credited("-5", "PC-1"))
    find(organisation, treasury)
    [queued] = organisation.credits.all().values()
    assert statement(queued, treasury) == Statement(queued, [], [], None, [], date(2026, 3, 9))

    mapped = map_credit(
        queued.credit_id,
        terms(80),
        1,
        by=admin,
        credits_=organisation.credits,
        charts=organisation.charts,
        open_from=organisation.open_from,
        act=act(),
    )
    organisation.product_spend.spend(WEB_SHOP, "2026-02-09", 50 * UNIT)

    assert units(statement(mapped, treasury).estimates) == [("2026-02", 50)]
    record = list(organisation.audit.chain(f"credit#{queued.credit_id}"))[-1]
    assert (record.action, record.event) == ("Map", "CreditMapped")


def test_more_codes_than_a_step_takes_are_queued_all_though_somebody_is_faster(
    organisation: Organisation, treasury: Treasury, house: House
) -> None:
    load(house, *(credited("-1", f"PC-{number}") for number in range(STEP + 3)))
    organisation.records.meanwhile.append(lambda: find(organisation, treasury))

    find(organisation, treasury)

    assert len(organisation.credits.all()) == STEP + 3


def test_a_bill_that_says_nothing_of_its_credits_queues_none(
    organisation: Organisation, treasury: Treasury, house: House
) -> None:
    """One that was loaded before its notes were kept."""
    load(house, credited("-5", "PC-1"))
    [key] = [key for key in house.ledger.keys("ledger/") if key.endswith("index.json")]
    index = house.ledger.get_json(key)
    kept = {name: index[name] for name in ("files", "summaries")}
    house.ledger.put_json(key, kept)

    assert find(organisation, treasury) == []
    assert not treasury.notes.discounts(MONTH).services
    assert treasury.notes.credits(PAYER, "2026-08") == []


def test_credits_beyond_the_largest_are_left_out_after_all_files_were_added_and_the_load_says_so(
    organisation: Organisation,
    treasury: Treasury,
    house: House,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """PC-1 is the smallest of each of two files, and the largest of both together."""
    monkeypatch.setattr(load_bill, "MOST_CREDITS", 1)
    files = [
        csv_file([credited("-4", "PC-1"), credited("-5", "PC-2")]),
        csv_file([credited("-4", "PC-1"), credited("-6", "PC-3")]),
    ]
    id_ = house.load(overwritten("00000001-0000-0000-0000-000000000000", files), LOADED)

    assert find(organisation, treasury) == ["PC-1"]
    [told] = house.loads.get(id_).warnings
    assert told == (
        f"bill of {PAYER} for {MONTH}: its lines name 3 credits; the 2 smallest of them are not "
        "queued to be mapped"
    )


def test_what_is_remembered_of_bills_does_not_grow_for_ever(
    treasury: Treasury, house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bill_notes, "KEPT", 2)
    for number in range(4):
        load(house, credited(f"-{number + 1}", "PC-1"), execution=number + 1)
        assert treasury.notes.credited(MONTH) == {"USD": (number + 1) * UNIT}
        assert not treasury.notes.discounts(MONTH).payers

    kept = [value for value in vars(treasury.notes).values() if isinstance(value, dict)]
    assert [len(one) for one in kept] == [2, 2]


# The price book -----------------------------------------------------------------------------------


def test_a_discount_that_the_bill_holds_is_not_estimated(
    organisation: Organisation, admin: Person, treasury: Treasury, house: House
) -> None:
    _price(organisation, admin, {None: 1_000})
    load(
        house,
        Line("100"),
        Line("-5", line_item_type="EdpDiscount"),
        Line("40", service="AmazonS3"),
    )
    one = granted(organisation, admin)
    spend = organisation.product_spend.spend
    spend(WEB_SHOP, "2026-09-02", 95 * UNIT)
    spend(WEB_SHOP, "2026-09-02", 40 * UNIT, service="AmazonS3")

    [month] = statement(one, treasury, date(2026, 9, 20)).months

    assert (month.spend // UNIT, month.discount // UNIT) == (135, 4)
    assert month.use == CreditUse(month=MONTH, amount=131 * UNIT)


def test_a_discount_on_no_service_by_name_is_on_all_of_the_bill(
    treasury: Treasury, house: House
) -> None:
    load(house, Line("100"), Line("-5", line_item_type="SppDiscount", service=""))

    billed = treasury.notes.discounts(MONTH)

    assert billed.carry(PAYER, "AmazonS3")
    assert not billed.carry("888877776666", "AmazonS3")


def _price(
    organisation: Organisation, by: Person, rates: dict[str | None, int], version: int = 0
) -> PriceBook:
    return set_discounts(
        [DiscountRate(service=name, basis_points=points) for name, points in rates.items()],
        date(2026, 1, 1),
        version,
        by=by,
        credits_=organisation.credits,
        open_from=organisation.open_from,
        act=act(by.email, reason="a contract"),
    )


def test_who_answers_for_money_or_vendors_sees_and_sets_the_price_book_and_nobody_else(
    organisation: Organisation, staff: dict[Role, Person]
) -> None:
    for role, person in staff.items():
        version = organisation.credits.price_book().version
        if role in MAY:
            assert price_book(by=person, credits_=organisation.credits).version == version
            assert _price(organisation, person, {None: 500}, version).version == version + 1
        else:
            with pytest.raises(ForbiddenError):
                price_book(by=person, credits_=organisation.credits)
            with pytest.raises(ForbiddenError):
                _price(organisation, person, {None: 500}, version)
    [first, second] = organisation.credits.price_book().lists
    assert (first.number, second.number, first.reason) == (1, 2, "a contract")
    with pytest.raises(ConflictError):
        _price(organisation, staff[Role.FINANCIAL_ADMIN], {}, 1)
    assert [r.event for r in organisation.audit.chain("price-book#discounts")] == [
        "DiscountsSet",
        "DiscountsSet",
    ]


# Warned of ----------------------------------------------------------------------------------------


def test_an_end_is_told_of_once_for_each_of_60_30_and_7_days(
    organisation: Organisation, admin: Person, treasury: Treasury
) -> None:
    one = granted(organisation, admin, expiry=date(2026, 6, 30))
    granted(organisation, admin, expiry=date(2026, 12, 31))

    def told(day: str) -> list[str]:
        on = date.fromisoformat(day)
        return [each.credit_id for each in warn_of_credits(on, treasury=treasury, act=act())]

    days = ["2026-04-30", "2026-05-01", "2026-05-02", "2026-06-24", "2026-06-29", "2026-07-01"]
    assert [told(day) for day in days] == [[], [one.credit_id], [], [one.credit_id], [], []]
    known = organisation.credits.find(one.credit_id)
    assert known is not None
    assert [(each.kind, each.before) for each in known.warned] == [
        (WarningKind.EXPIRY, 60),
        (WarningKind.EXPIRY, 7),
    ]
    events = [record.event for record in organisation.audit.chain(f"credit#{one.credit_id}")]
    assert events == ["CreditGranted", "CreditEnding", "CreditEnding"]


def test_a_credit_that_changes_meanwhile_is_warned_of_the_next_day(
    organisation: Organisation, admin: Person, treasury: Treasury
) -> None:
    one = granted(organisation, admin, expiry=date(2026, 6, 30))
    _, correct, _ = _changes(organisation, admin, one.credit_id)
    organisation.records.meanwhile.append(correct)

    assert warn_of_credits(date(2026, 6, 1), treasury=treasury, act=act()) == []
    assert organisation.credits.find(one.credit_id) != one


# Beside the bill ----------------------------------------------------------------------------------


def test_trap_9_what_aws_credits_and_what_the_ledger_does_are_two_figures(
    organisation: Organisation, admin: Person, treasury: Treasury, house: House
) -> None:
    """AWS credits 100 of 1,000 on the bill; the ledger pays 30 of the 1,000 that owners spend."""
    load(house, Line("1000"), credited("-100", "PC-1"))
    organisation.product_spend.spend(WEB_SHOP, "2026-09-02", 1_000 * UNIT)
    granted(organisation, admin, amount=30)
    granted(organisation, admin, amount=7, currency="EUR")
    today = date(2026, 9, 20)

    [line] = reconcile(MONTH, today, by=admin, treasury=treasury)

    assert (line.currency, line.is_estimated) == ("USD", True)
    assert (line.on_bills // UNIT, line.in_ledger // UNIT) == (100, 30)
    assert line.difference // UNIT == 70
    assert reconcile("2026-08", today, by=admin, treasury=treasury) == []


def test_a_bill_that_names_no_currency_is_beside_the_credits_in_that_of_plans(
    organisation: Organisation, admin: Person, treasury: Treasury, house: House
) -> None:
    load(house, credited("-3", "PC-1", currency=""), credited("-4", "PC-1"))

    [line] = reconcile(MONTH, date(2026, 9, 20), by=admin, treasury=treasury)

    assert (line.currency, line.on_bills // UNIT) == ("USD", 7)


def test_a_month_is_reconciled_by_the_credits_of_its_days(
    organisation: Organisation, admin: Person, treasury: Treasury
) -> None:
    granted(organisation, admin, product=SEARCH, start=date(2026, 3, 1))
    granted(organisation, admin)
    spend = organisation.product_spend.spend
    spend(WEB_SHOP, "2026-01-09", 1_000 * UNIT)
    spend(WEB_SHOP, "2026-02-09", 300 * UNIT)
    asked = Asked(organisation.product_spend)

    treasury = treasury._replace(spend=asked)
    [line] = reconcile("2026-02", TODAY, by=admin, treasury=treasury)

    assert line.in_ledger // UNIT == 200
    assert asked.rows_of == [("2026-01", {WEB_SHOP}), ("2026-02", {WEB_SHOP})]


def test_what_is_final_is_no_estimate(
    organisation: Organisation, admin: Person, treasury: Treasury
) -> None:
    one = granted(organisation, admin)
    closed = one.closed("2026-02", 12 * UNIT, NOW)
    organisation.credits.save([Save(one, closed, Deed(action="Close"))], act())

    [line] = reconcile("2026-02", TODAY, by=admin, treasury=treasury)

    assert (line.in_ledger // UNIT, line.is_estimated) == (12, False)


@pytest.mark.parametrize("role", sorted(Role))
def test_the_reconciliation_is_for_who_sees_the_whole(
    organisation: Organisation, staff: dict[Role, Person], treasury: Treasury, role: Role
) -> None:
    if role in (*MAY, Role.CLOUD_ENGINEER):
        assert reconcile("2026-02", TODAY, by=staff[role], treasury=treasury) == []
        return
    with pytest.raises(ForbiddenError):
        reconcile("2026-02", TODAY, by=staff[role], treasury=treasury)


def test_the_chains_of_credits_and_prices_are_walked(
    organisation: Organisation, admin: Person
) -> None:
    one = granted(organisation, admin)
    _price(organisation, admin, {None: 500})
    states = organisation.records.states
    states[f"credit#{one.credit_id}"] = one.changed(terms=terms(9_999))

    walked = verify(None, TODAY, None, by=admin, audit=organisation.audit, books=organisation.books)

    assert [(each.entity, each.fault) for each in walked.findings] == [
        (f"credit#{one.credit_id}", "StateAltered")
    ]
