"""The contract of the credits' table."""

from datetime import date

import pytest

from finops.domain.audit import Deed, Receipt, findings
from finops.domain.bill_notes import CreditLine
from finops.domain.credits import Credit, CreditTerms, CreditWarning, WarningKind
from finops.domain.discounts import DiscountRate, PriceBook
from finops.domain.errors import ConflictError
from finops.usecases.ports import Save
from tests.usecases.organisation import NOW, TODAY, UNIT, WEB_SHOP, Organisation, act

GRANT, FIND = Deed(action="Grant", element=WEB_SHOP, event="CreditGranted"), Deed(action="Find")
PRICE = Deed(action="SetDiscounts")
TERMS = CreditTerms(
    product_id=WEB_SHOP,
    text="PROMO-1",
    amount=1_200 * UNIT,
    currency="USD",
    start=date(2026, 1, 1),
    expiry=date(2026, 12, 31),
    service="AmazonS3",
)
LINE = CreditLine(
    billing_account_id="999988887777",
    billing_period="2026-02",
    billing_currency=None,
    sub_account_id=None,
    description="PC-1",
    amount=-7,
    first_day=date(2026, 2, 1),
    last_day=date(2026, 2, 2),
)


def new(credit_id: str = "c-1") -> Credit:
    return Credit.granted(credit_id, TERMS, NOW)


def test_a_credit_is_read_as_it_was_saved(organisation: Organisation) -> None:
    credits_ = organisation.credits
    warning = CreditWarning(kind=WarningKind.EXPIRY, before=30, day=TODAY)
    whole = new().closed("2026-01", 5, NOW).told([warning], NOW).withdrawn(TODAY, NOW)
    [saved] = credits_.save([Save(None, whole, GRANT)], act())

    assert credits_.find("c-1") == saved == whole.changed(version=1, head=saved.head)
    assert credits_.find("c-2") is None
    [record] = organisation.audit.chain("credit#c-1")
    assert (record.event, record.element, record.hash) == ("CreditGranted", WEB_SHOP, saved.head)


def test_all_credits_are_told_as_they_are(organisation: Organisation) -> None:
    credits_ = organisation.credits
    assert dict(credits_.all()) == {}
    found = Credit.seen("c-2", LINE, NOW)
    granted, queued = credits_.save([Save(None, new(), GRANT), Save(None, found, FIND)], act())
    assert dict(credits_.all()) == {"c-1": granted, "c-2": queued}
    [mapped] = credits_.save([Save(queued, queued.with_terms(TERMS, NOW), GRANT)], act())

    assert dict(credits_.all()) == {"c-1": granted, "c-2": mapped}
    records = list(organisation.audit.chain("credit#c-2"))
    assert findings("credit#c-2", records, mapped) == []


def test_of_two_who_change_a_credit_the_second_is_told(organisation: Organisation) -> None:
    credits_ = organisation.credits
    [one] = credits_.save([Save(None, new(), GRANT)], act())
    [first] = credits_.save([Save(one, one.closed("2026-01", 5, NOW), GRANT)], act())

    with pytest.raises(ConflictError) as told:
        credits_.save(
            [Save(one, one.withdrawn(TODAY, NOW), GRANT)],
            act(receipt=Receipt(key="key-1", fingerprint="print-1")),
        )

    assert told.value.members["current"] == first
    assert organisation.receipts.find("key-1") is None


def test_the_price_book_is_one_and_is_no_credit(organisation: Organisation) -> None:
    credits_ = organisation.credits
    none = credits_.price_book()
    assert none == PriceBook()
    rates = [DiscountRate(basis_points=500), DiscountRate(service="AmazonS3", basis_points=750)]
    priced = none.priced(rates, start=TODAY, open_from=TODAY, by="ada", at=NOW)
    saved = credits_.save_price_book(none, priced, PRICE, act())

    assert credits_.price_book() == saved == priced.changed(version=1, head=saved.head)
    assert dict(credits_.all()) == {}
    again = saved.priced([], start=TODAY, open_from=TODAY, by="ada", at=NOW)
    assert credits_.save_price_book(saved, again, PRICE, act()).version == 2
    with pytest.raises(ConflictError) as told:
        credits_.save_price_book(saved, again, PRICE, act())
    assert told.value.members["current"].version == 2
