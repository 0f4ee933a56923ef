"""Implemented savings measured on bills as they are delivered, loaded and restated."""

import itertools
import os
from collections.abc import Sequence
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest

from finops.domain.audit import Deed
from finops.domain.claims import AccountClaims, Claim
from finops.domain.errors import DeliveryChangedError, FinOpsError
from finops.domain.money import TICKS_PER_UNIT
from finops.domain.realised_savings import Realised, RealisedMonth
from finops.domain.savings import Saving
from finops.usecases.measure_savings import (
    Item,
    Planned,
    PublishedMeasures,
    plan_measures,
    publish_measures,
    read_usages,
)
from finops.usecases.ports import Save
from tests.loading import House
from tests.realised_fakes import InMemoryRealised
from tests.savings_fakes import ACCOUNT
from tests.usecases.organisation import SEARCH, WEB_SHOP, Organisation, act
from tests.usecases.test_savings import split
from tests.using import INSTANCE, Used, daily, done, month_of

LAST_OF_FEBRUARY, LAST_OF_MARCH = date(2026, 2, 28), date(2026, 3, 31)
BEFORE = daily(date(2026, 2, 1), LAST_OF_FEBRUARY, "4.80")  # 0.20 an hour
AFTER = daily(date(2026, 3, 1), LAST_OF_MARCH, "2.40", usage_type="BoxUsage:m5.large")


class Measuring:
    """A house with bills, an organisation with savings, and the steps between them."""

    def __init__(self, folder: Path) -> None:
        self.house = House(folder)
        self.organisation = Organisation()
        self.kept = InMemoryRealised()
        self._numbers = itertools.count(1)
        self.items: list[Item] = []

    def load(self, month: str, lines: Sequence[Used], **how: Any) -> str:
        number = next(self._numbers)
        at = datetime(2026, 5, number, tzinfo=UTC)
        return self.house.load(month_of(number, month, lines, **how), at)

    def keep(self, *cases: Saving) -> None:
        for one in cases:
            self.organisation.savings.save([Save(None, one, Deed(action="Find"))], act())

    def plan(self, at: datetime = datetime(2026, 5, 20, tzinfo=UTC)) -> Planned:
        planned = plan_measures(
            at=at,
            savings=self.organisation.savings,
            kept=self.kept,
            bills=self.house.bills,
            loads=self.house.loads,
            ledger=self.house.ledger,
            bucket="",
        )
        told = self.house.ledger.get_json(planned.items_key) if planned.items_key else []
        self.items = [Item(**one) for one in told]
        return planned

    def read(self, item: Item) -> str:
        house = self.house
        read = read_usages(
            item,
            deliveries=house.deliveries,
            loads=house.loads,
            ledger=house.ledger,
            limits=house.limits,
        )
        return read.status

    def run_at(self, at: datetime, *cases: Saving) -> PublishedMeasures:
        self.keep(*cases)
        planned = self.plan(at)
        for item in self.items:
            self.read(item)
        return self.publish(planned)

    def publish(self, planned: Planned) -> PublishedMeasures:
        return publish_measures(
            planned,
            now=datetime(2026, 5, 20, 1, tzinfo=UTC),
            kept=self.kept,
            owners=self.organisation.savings_board.owners,
            ledger=self.house.ledger,
        )

    def run(self) -> PublishedMeasures:
        return self.run_at(datetime(2026, 5, 20, tzinfo=UTC))

    def figures(self) -> dict[str, RealisedMonth]:
        assert self.kept.head is not None
        return {one.billing_period: one for one in self.kept.read(self.kept.head).figures}

    def only(self) -> Realised:
        assert self.kept.head is not None
        [one] = self.kept.read(self.kept.head).savings
        return one


@pytest.fixture
def measuring(tmp_path: Path) -> Measuring:
    made = Measuring(tmp_path)
    split(made.organisation, ACCOUNT, (WEB_SHOP, 6_000), (SEARCH, 4_000))
    return made


def dollars(amount: float) -> int:
    return round(amount * TICKS_PER_UNIT)


@pytest.mark.parametrize("suffix", ["csv", "parquet"])
@pytest.mark.parametrize("files", [1, 2])
def test_a_smaller_instance_saves_the_difference_of_its_rate_an_hour(
    measuring: Measuring, suffix: str, files: int
) -> None:
    measuring.load("2026-02", BEFORE, suffix=suffix, files=files, export="february")
    measuring.load("2026-03", AFTER, suffix=suffix, files=files, export="march")
    measuring.keep(done())

    measuring.run()

    march = measuring.figures()["2026-03"]
    # From the 2nd to the 31st: 30 days of 24 hours, each 0.10 less.
    assert (march.days, march.realised) == (30, dollars(72))
    assert march.cost == dollars(72)
    assert march.expected == dollars(30)  # 31 dollars a month, of a month of 31 days
    assert [(one.product_id, one.realised) for one in march.parts] == [
        (SEARCH, dollars(28.8)),
        (WEB_SHOP, dollars(43.2)),
    ]
    told = measuring.only()
    assert (told.method, told.days_before, told.cost_before) == ("PerUnit", 28, dollars(134.4))


def test_what_ran_twice_as_long_saves_twice_as_much(measuring: Measuring) -> None:
    measuring.load("2026-02", daily(date(2026, 2, 1), LAST_OF_FEBRUARY, "2.40", quantity="12"))
    measuring.load("2026-03", AFTER, export="march")
    measuring.keep(done())

    measuring.run()

    assert measuring.figures()["2026-03"].realised == dollars(72)


def test_what_was_stopped_saves_what_it_had_cost_a_day(measuring: Measuring) -> None:
    measuring.load("2026-02", BEFORE)
    other = daily(date(2026, 3, 1), LAST_OF_MARCH, "9", resource="i-2")
    measuring.load("2026-03", [*other, Used(date(2026, 3, 5), "0.80")], export="march")
    measuring.keep(done("Stop"))

    measuring.run()

    assert measuring.figures()["2026-03"].realised == dollars(30 * 4.80 - 0.80)


def test_nothing_of_a_bill_is_read_twice_until_it_is_restated(measuring: Measuring) -> None:
    measuring.load("2026-02", BEFORE)
    measuring.load("2026-03", AFTER, export="march")
    measuring.keep(done())
    measuring.run()
    assert len(measuring.items) == 4, "a file and an account of each bill"
    before = measuring.kept.head

    assert measuring.run().status == "Same"
    assert (measuring.items, measuring.kept.head) == ([], before)

    later = datetime(2026, 5, 21, tzinfo=UTC)
    assert measuring.publish(measuring.plan(later)).status == "Same"
    assert before is not None
    assert measuring.kept.head is not None
    assert measuring.kept.head.document == before.document
    assert measuring.kept.head.planned_at == later, "readers see how fresh it is"

    load = measuring.load("2026-03", [*AFTER[:-1], AFTER[-1]._replace(cost="1.40")], export="march")
    measuring.run_at(datetime(2026, 5, 22, tzinfo=UTC))
    assert {item.billing_period for item in measuring.items} == {"2026-03"}
    march = measuring.figures()["2026-03"]
    assert march.realised == dollars(73)
    assert load in march.loads


def test_discounts_plans_and_credits_are_as_the_ledger_counts_them(measuring: Measuring) -> None:
    covered: dict[str, Any] = {"line_item_type": "SavingsPlanCoveredUsage", "covered": "3.60"}
    negated: dict[str, Any] = {"line_item_type": "SavingsPlanNegation", "usage_type": "x"}
    february = daily(date(2026, 2, 1), LAST_OF_FEBRUARY, "4.80", **covered)
    february += daily(date(2026, 2, 1), LAST_OF_FEBRUARY, "-4.80", **negated)
    february += daily(date(2026, 2, 1), LAST_OF_FEBRUARY, "-1", line_item_type="Credit", unit="")
    measuring.load("2026-02", february)
    march = [one._replace(net="1.20") for one in AFTER]
    march += daily(
        date(2026, 3, 1), LAST_OF_MARCH, "-1.20", line_item_type="EdpDiscount", quantity="0"
    )
    measuring.load("2026-03", march, export="march")
    measuring.keep(done())

    measuring.run()

    # 0.15 an hour before (amortized), 0.05 after (net of its discount, which counts once).
    assert measuring.figures()["2026-03"].realised == dollars(30 * 24 * 0.10)


def test_who_owns_it_from_a_day_on_has_what_is_saved_from_then_on(measuring: Measuring) -> None:
    claim = Claim(
        account_id=ACCOUNT,
        resource_id=INSTANCE,
        workload_id="w",
        product_id=SEARCH,
        start=date(2026, 3, 17),
        claimed_by="x",
        claimed_at=datetime(2026, 3, 1, tzinfo=UTC),
    )
    claims = measuring.organisation.claims
    known = claims.find(ACCOUNT)
    after = AccountClaims(version=known.version, account_id=ACCOUNT, claims=(claim,))
    claims.save(known, after, Deed(action="Claim"), act())
    measuring.load("2026-02", BEFORE)
    measuring.load("2026-03", AFTER, export="march")
    measuring.keep(done())

    measuring.run()

    # 15 days are split 60 to 40, the other 15 are all search's: 36 dollars each.
    assert {one.product_id: one.realised for one in measuring.figures()["2026-03"].parts} == {
        WEB_SHOP: dollars(21.6),
        SEARCH: dollars(50.4),
    }


def test_a_commitment_is_measured_on_no_resource(measuring: Measuring) -> None:
    measuring.keep(done("PurchaseSavingsPlans", resource=None))

    measuring.run()

    told = measuring.only()
    assert told.is_final
    assert "measured on none" in str(told.reason)
    assert measuring.items == []


def test_without_the_month_before_nothing_is_said_yet(measuring: Measuring) -> None:
    measuring.load("2026-03", AFTER)
    measuring.keep(done())

    measuring.run()

    assert measuring.figures() == {}
    assert (measuring.only().is_final, measuring.only().reason) == (
        False,
        "the bill of the days before it was done is not there",
    )


def test_what_is_opened_again_is_measured_no_more(measuring: Measuring) -> None:
    measuring.load("2026-02", BEFORE)
    measuring.load("2026-03", AFTER, export="march")
    measuring.keep(done())
    measuring.run()
    [one] = measuring.organisation.savings.all().values()
    measuring.organisation.savings.save(
        [Save(one, one.reopen(), Deed(action="Reopen"))], act("fin@example.com")
    )

    measuring.run()

    assert measuring.figures() == {}


def test_without_anything_implemented_there_is_nothing_to_do(measuring: Measuring) -> None:
    assert measuring.plan().status == "Nothing"


def test_a_bill_that_was_not_read_leaves_what_was_known_and_is_named(
    measuring: Measuring,
) -> None:
    measuring.load("2026-02", BEFORE)
    measuring.load("2026-03", AFTER, export="march")
    measuring.keep(done())
    measuring.run()
    measuring.load("2026-03", [*AFTER[:-1], AFTER[-1]._replace(cost="1.40")], export="march")
    planned = measuring.plan()

    with pytest.raises(FinOpsError, match="1 bills were not read: 2026-03 of"):
        measuring.publish(planned)

    assert measuring.figures()["2026-03"].realised == dollars(72)


def test_its_owners_are_told_that_a_bill_was_not_read(measuring: Measuring) -> None:
    measuring.load("2026-02", BEFORE)
    measuring.keep(done())

    with pytest.raises(FinOpsError, match="1 bills were not read"):
        measuring.publish(measuring.plan())

    told = measuring.only()
    assert told.reason == "the bill of 2026-02 could not be read"
    assert told.owners == (SEARCH, WEB_SHOP)


def test_what_was_read_and_is_gone_is_not_taken_for_no_usage(measuring: Measuring) -> None:
    measuring.load("2026-02", BEFORE)
    measuring.load("2026-03", AFTER, export="march")
    measuring.keep(done())
    measuring.run()
    planned = measuring.plan()
    assert measuring.items == [], "all was read before"
    ledger = measuring.house.ledger
    ledger.delete(list(ledger.keys("savings/usages/")))

    with pytest.raises(FinOpsError, match="2 bills were not read"):
        measuring.publish(planned)

    assert measuring.figures()["2026-03"].realised == dollars(72)
    measuring.run()
    assert len(measuring.items) == 4, "it is read again"
    assert measuring.figures()["2026-03"].realised == dollars(72)


def test_a_measurement_that_was_overtaken_fails_for_no_bill(measuring: Measuring) -> None:
    measuring.load("2026-02", BEFORE)
    measuring.keep(done())
    early = measuring.plan(datetime(2026, 5, 19, tzinfo=UTC))
    measuring.load("2026-02", BEFORE[:-1])
    measuring.run()

    assert measuring.publish(early).status == "Overtaken"


def test_lines_that_are_not_what_the_ledger_has_are_refused(
    measuring: Measuring, monkeypatch: pytest.MonkeyPatch
) -> None:
    measuring.load("2026-02", BEFORE)
    measuring.keep(done())
    planned = measuring.plan()
    for item in measuring.items:
        measuring.read(item)
    read = measuring.house.ledger.get_json

    def another(key: str) -> Any:
        told = read(key)
        if "/read/" in key and told["reads"] == "Delivery":
            told["rows"][0][9] += 2  # ticks of effective cost
        return told

    monkeypatch.setattr(measuring.house.ledger, "get_json", another)

    with pytest.raises(FinOpsError, match="in the ledger; its lines come to"):
        measuring.publish(planned)


def test_a_later_measurement_is_not_overtaken_by_an_earlier_one(measuring: Measuring) -> None:
    measuring.load("2026-02", BEFORE)
    measuring.keep(done())
    early = measuring.plan(datetime(2026, 5, 19, tzinfo=UTC))
    measuring.load("2026-03", AFTER, export="march")
    measuring.run()

    assert measuring.publish(early).status == "Overtaken"
    assert "2026-03" in measuring.figures()


def test_what_is_found_to_be_the_same_is_not_overtaken_by_what_was_planned_before(
    measuring: Measuring,
) -> None:
    measuring.load("2026-02", BEFORE)
    measuring.run_at(datetime(2026, 5, 18, tzinfo=UTC), done("Stop", resource="i-2"))
    measuring.keep(done())
    early = measuring.plan(datetime(2026, 5, 19, tzinfo=UTC))
    for item in measuring.items:
        measuring.read(item)
    one = next(
        one for one in measuring.organisation.savings.all().values() if one.resource_id == INSTANCE
    )
    measuring.organisation.savings.save(
        [Save(one, one.reopen(), Deed(action="Reopen"))], act("fin@example.com")
    )

    assert measuring.run().status == "Same"
    assert measuring.publish(early).status == "Overtaken"
    assert measuring.only().resource_id == "i-2"


def test_what_was_replaced_can_still_be_read_by_who_just_asked(measuring: Measuring) -> None:
    measuring.load("2026-02", BEFORE)
    measuring.load("2026-03", AFTER, export="march")
    measuring.keep(done())
    measuring.run()
    assert measuring.kept.head is not None
    first, ledger = measuring.kept.head.document, measuring.house.ledger
    ledger.put_json(first, {})  # written when bills came, days ago
    os.utime(ledger._path(first), (0, 0))

    measuring.load("2026-03", AFTER[:-1], export="march")
    assert measuring.run().status == "Published"
    assert first in list(ledger.keys("savings/realised/"))

    measuring.load("2026-03", AFTER[:-2], export="march")
    measuring.run()
    assert first not in list(ledger.keys("savings/realised/"))


def test_what_is_done_while_bills_are_read_is_left_to_the_next_measurement(
    measuring: Measuring,
) -> None:
    measuring.load("2026-02", BEFORE)
    measuring.keep(done("Stop", resource="i-2"))
    planned = measuring.plan()
    for item in measuring.items:
        measuring.read(item)
    measuring.keep(done())

    measuring.publish(planned)

    assert measuring.only().resource_id == "i-2"


def test_delivered_files_that_are_kept_no_longer_are_told_of(
    measuring: Measuring, monkeypatch: pytest.MonkeyPatch
) -> None:
    measuring.load("2026-02", BEFORE)
    measuring.load("2026-03", AFTER, export="march")
    measuring.keep(done())

    def gone(*_: Any) -> bytes:
        raise DeliveryChangedError("it is gone")

    monkeypatch.setattr(measuring.house.deliveries, "read_range", gone)

    measuring.run()

    assert measuring.only().is_final
    # No word on where and how files are delivered: owners read it.
    assert measuring.only().reason == (
        "the bill of the days before it was done is not there; the delivered files of 2026-02 and "
        "2026-03 are kept no longer"
    )


def test_files_that_are_gone_are_no_last_word_while_other_days_are_to_come(
    measuring: Measuring, monkeypatch: pytest.MonkeyPatch
) -> None:
    measuring.load("2026-02", BEFORE)
    measuring.load("2026-03", AFTER[:9], export="march")
    measuring.keep(done(on=date(2026, 3, 10)))
    read = measuring.house.deliveries.read_range

    def gone(file: Any, *span: int) -> bytes:
        if "usage" in file.key:
            raise DeliveryChangedError("it is gone")
        return read(file, *span)

    monkeypatch.setattr(measuring.house.deliveries, "read_range", gone)

    measuring.run()

    assert not measuring.only().is_final
    assert measuring.only().reason == (
        "no day after it was done is complete in the bill yet; the delivered files of 2026-02 are "
        "kept no longer"
    )


OTHER_PAYER = "222222222222"


def test_a_month_is_not_complete_without_a_bill_of_it_that_is_kept_no_longer(
    measuring: Measuring, monkeypatch: pytest.MonkeyPatch
) -> None:
    measuring.load("2026-02", BEFORE)
    elsewhere = Used(LAST_OF_MARCH, "9", resource="i-2")
    measuring.load("2026-03", [*AFTER[:15], elsewhere], export="march")
    moved = [one._replace(payer=OTHER_PAYER) for one in AFTER[15:]]
    measuring.load("2026-03", moved, export="other")
    april = daily(date(2026, 4, 1), date(2026, 4, 30), "2.40", payer=OTHER_PAYER)
    measuring.load("2026-04", april, export="april")
    measuring.keep(done())
    read = measuring.house.deliveries.read_range

    def gone(file: Any, *span: int) -> bytes:
        if "other" in file.key:
            raise DeliveryChangedError("it is gone")
        return read(file, *span)

    monkeypatch.setattr(measuring.house.deliveries, "read_range", gone)

    measuring.run()

    assert sorted(measuring.figures()) == ["2026-04"]
    assert "the delivered files of 2026-03 are kept no longer" in str(measuring.only().note)
