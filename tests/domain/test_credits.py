"""Credits: which costs they pay and in what order, their ledger, and how long they last."""

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from itertools import combinations
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from pydantic import ValidationError

from finops.domain.bill_notes import BilledDiscounts, CreditLine, credits_of
from finops.domain.credits import (
    BurnDown,
    Cost,
    Credit,
    CreditSource,
    CreditStatus,
    CreditTerms,
    CreditUse,
    CreditWarning,
    Reconciliation,
    WarningKind,
    apply,
    burn_down,
    estimated,
    untold,
    warnings,
)
from finops.domain.discounts import DiscountRate, PriceBook, ProductCost, discounted
from finops.domain.errors import ConflictError, InvalidError

UNIT = 10**10  # ticks
AT = datetime(2026, 1, 1, 9, 0, tzinfo=UTC)
SHOP = "retail.digital.storefront.web-shop"
EC2, S3 = "AmazonEC2", "AmazonS3"
LINE = CreditLine(
    billing_account_id="999988887777",
    billing_period="2026-09",
    billing_currency="USD",
    sub_account_id="444455556666",
    description="PC-1",
    amount=-100 * UNIT,
    first_day=date(2026, 9, 2),
    last_day=date(2026, 9, 3),
)


def terms(amount: int = 1_200, **said: Any) -> CreditTerms:
    """A credit of *amount* units for the web shop, good in 2026."""
    usual: dict[str, Any] = {
        "product_id": SHOP,
        "text": "PROMO-1",
        "amount": amount * UNIT,
        "currency": "USD",
        "start": date(2026, 1, 1),
        "expiry": date(2026, 12, 31),
    }
    return CreditTerms(**usual | said)


def credit(amount: int = 1_200, name: str = "c-1", at: datetime = AT, **said: Any) -> Credit:
    return Credit.granted(name, terms(amount, **said), at)


def cost(amount: int, month: int = 1, day: int = 9, service: str | None = EC2) -> Cost:
    return Cost(date(2026, month, day), service, amount * UNIT)


def paid(credits_: Sequence[Credit], *costs: Cost) -> dict[str, int]:
    """What each pays, in units."""
    return {name: ticks // UNIT for name, ticks in apply(credits_, costs).items()}


# Trap 9 -------------------------------------------------------------------------------------------


def net_of_discount(amount: int, month: int) -> list[Cost]:
    """A month that costs *amount* units, after the price book's 5 %."""
    book = PriceBook().priced(
        [DiscountRate(basis_points=500)],
        start=date(2026, 1, 1),
        open_from=date(2026, 1, 1),
        by="ada",
        at=AT,
    )
    gross = ProductCost(SHOP, "USD", date(2026, month, 9), EC2, amount * UNIT, "999988887777")
    [net] = discounted([gross], book, BilledDiscounts())
    return [Cost(net.cost.day, net.cost.service, net.ticks)]


def test_trap_9_discount_first_then_credits_and_never_on_a_refund() -> None:
    one = credit(1_200)
    nets, left = [], []
    for month, costs in (
        ("2026-01", net_of_discount(1_000, 1)),
        ("2026-02", net_of_discount(200, 2)),
        ("2026-03", [cost(-300, 3)]),
    ):
        uses = apply([one], costs)
        for amount in uses.values():
            one = one.closed(month, amount, AT)
        nets.append((sum(c.ticks for c in costs) - sum(uses.values())) // UNIT)
        left.append(one.balance // UNIT)

    assert [use.amount // UNIT for use in one.uses] == [950, 190]
    assert nets == [0, 0, -300]
    assert left == [250, 60, 60]


def test_trap_9_what_has_expired_or_is_for_another_service_pays_nothing() -> None:
    expired = credit(500, "expired", expiry=date(2026, 1, 8))
    storage = credit(500, "storage", service=S3)

    assert paid([expired, storage], cost(100), cost(30, service=S3)) == {"storage": 30}


def test_trap_9_soonest_expiry_goes_first_then_the_oldest() -> None:
    later = credit(100, "a-later", expiry=date(2026, 12, 31))
    sooner = credit(100, "b-sooner", expiry=date(2026, 6, 30), start=date(2026, 1, 5))
    older = credit(100, "c-older", expiry=date(2026, 6, 30), start=date(2026, 1, 1))

    assert paid([later, sooner, older], cost(150)) == {"c-older": 100, "b-sooner": 50}


def test_trap_9_what_aws_credited_is_beside_the_ledger_and_the_line_states_the_difference() -> None:
    line = Reconciliation(currency="USD", on_bills=100 * UNIT, in_ledger=0, is_estimated=True)

    assert line.difference == 100 * UNIT


def test_trap_9_two_projects_with_a_credit_each_of_a_bill_of_50_000() -> None:
    costs = {"one": cost(30_000), "two": cost(20_000)}
    used = sum(sum(apply([credit(5_000, name)], [spent]).values()) for name, spent in costs.items())

    assert (sum(spent.ticks for spent in costs.values()) - used) // UNIT == 40_000


# Use ----------------------------------------------------------------------------------------------


def test_a_credit_pays_its_first_day_and_its_last() -> None:
    one = credit(start=date(2026, 1, 10), expiry=date(2026, 1, 20))

    days = [cost(1, day=day) for day in (9, 10, 20, 21)]

    assert paid([one], *days) == {"c-1": 2}


def test_a_refund_within_its_days_lowers_what_a_credit_pays() -> None:
    assert paid([credit()], cost(100), cost(-30, day=12)) == {"c-1": 70}
    assert paid([credit()], cost(100), cost(-30, day=12, service=S3)) == {"c-1": 70}


def test_a_refund_lowers_its_own_service_before_others() -> None:
    storage = credit(500, "storage", service=S3)
    costs = cost(100), cost(50, service=S3), cost(-40, day=12)

    assert paid([storage], *costs) == {"storage": 50}
    assert paid([storage], *costs, cost(-70, day=13)) == {"storage": 40}


def test_a_credit_pays_no_more_than_the_net_of_its_own_days() -> None:
    one = credit(expiry=date(2026, 1, 10))
    costs = cost(300, day=8), cost(-300, day=10), cost(300, day=11)

    assert paid([one], *costs) == {}


def test_a_cost_that_only_an_earlier_credit_may_pay_is_not_kept_from_it_by_a_later_one() -> None:
    """The general one expires first: it pays for computing, and leaves storage to the other."""
    general = credit(100, "general", expiry=date(2026, 6, 30))
    storage = credit(100, "storage", service=S3)

    assert paid([general, storage], cost(100), cost(100, service=S3)) == {
        "general": 100,
        "storage": 100,
    }
    assert paid([general, storage], cost(40), cost(100, service=S3)) == {
        "general": 100,
        "storage": 40,
    }


def test_costs_without_a_service_are_paid_by_credits_for_all_of_them() -> None:
    named = credit(100, "named", service=S3)

    assert paid([named, credit(100, "any")], cost(70, service=None)) == {"any": 70}


DAYS = st.integers(1, 31).map(lambda day: date(2026, 1, day))
SERVICES = st.sampled_from([EC2, S3, None])
COSTS = st.lists(st.builds(Cost, DAYS, SERVICES, st.integers(-40, 100)), max_size=8)
CREDITS = st.lists(
    st.tuples(st.integers(1, 150), DAYS, st.integers(0, 20), SERVICES), max_size=4
).map(
    lambda drawn: [
        Credit.granted(
            f"c-{number}",
            terms().model_copy(
                update={
                    "amount": amount,
                    "start": start,
                    "expiry": start + timedelta(days),
                    "service": service,
                }
            ),
            AT,
        )
        for number, (amount, start, days, service) in enumerate(drawn)
    ]
)


@settings(max_examples=150)
@given(CREDITS, COSTS, st.randoms())
def test_no_order_of_credits_or_costs_changes_what_is_paid(
    some: list[Credit], costs: list[Cost], chance: Any
) -> None:
    expected = apply(some, costs)
    for listed in (some, costs):
        chance.shuffle(listed)

    assert apply(some, costs) == expected


@settings(max_examples=150)
@given(CREDITS, COSTS)
def test_nobody_pays_more_than_there_is(some: list[Credit], costs: list[Cost]) -> None:
    uses = apply(some, costs)
    net = sum(one.ticks for one in costs)

    assert sum(uses.values()) <= max(0, net)
    for one in some:
        use = uses.get(one.credit_id, 0)
        own = sum(c.ticks for c in costs if one.pays(c.day, c.service))
        assert 0 <= use <= min(one.balance, max(0, own))


@settings(max_examples=150)
@given(CREDITS, COSTS)
def test_each_in_its_turn_pays_as_much_as_any_choice_of_costs_allows(
    some: list[Credit], costs: list[Cost]
) -> None:
    """Without refunds: of any credits together, no more than what any of them may pay (Hall)."""
    charged = [one for one in costs if one.ticks > 0]
    turns = sorted(
        some,
        key=lambda one: (
            one.terms and one.terms.expiry,
            one.terms and one.terms.start,
            one.credit_id,
        ),
    )
    expected: dict[str, int] = {}
    for number, one in enumerate(turns):
        most = one.balance
        for size in range(number + 1):
            for others in combinations(turns[:number], size):
                together = (*others, one)
                reach = sum(
                    c.ticks for c in charged if any(x.pays(c.day, c.service) for x in together)
                )
                most = min(most, reach - sum(expected.get(x.credit_id, 0) for x in others))
        if most:
            expected[one.credit_id] = most

    assert apply(some, charged) == expected


# Estimates ----------------------------------------------------------------------------------------


def test_an_estimate_goes_on_with_what_the_month_before_would_leave() -> None:
    one = credit(100)
    costs = {"2026-02": [cost(70, 2)], "2026-01": [cost(60)]}

    found = estimated([one], costs, open_from=date(2026, 1, 1))

    assert [(use.month, use.amount // UNIT, use.is_final) for use in found["c-1"]] == [
        ("2026-01", 60, False),
        ("2026-02", 40, False),
    ]
    assert one.balance == 100 * UNIT


def test_a_closed_month_is_not_estimated_again() -> None:
    one = credit(100).closed("2026-01", 60 * UNIT, AT)
    costs = {"2026-01": [cost(90)], "2026-02": [cost(70, 2)]}

    assert [
        (use.month, use.amount // UNIT)
        for use in estimated([one], costs, open_from=date(2026, 1, 1))["c-1"]
    ] == [("2026-02", 40)]
    assert estimated([credit(100)], costs, open_from=date(2026, 3, 1)) == {"c-1": []}


# The ledger ---------------------------------------------------------------------------------------


def test_the_ledger_tells_every_change_and_what_is_left() -> None:
    one = credit(100).closed("2026-01", 60 * UNIT, AT)
    later = [CreditUse(month="2026-02", amount=30 * UNIT)]

    told = [
        (entry.what, entry.when, entry.amount // UNIT, entry.balance // UNIT, entry.is_final)
        for entry in one.ledger(later, on=date(2027, 1, 1))
    ]

    assert told == [
        ("Grant", "2026-01-01", 100, 100, True),
        ("Use", "2026-01", -60, 40, True),
        ("Use", "2026-02", -30, 10, False),
        ("Expiry", "2026-12-31", -10, 0, False),
    ]
    assert one.ledger(on=date(2026, 12, 31))[-1].what == "Use"


def test_a_month_is_closed_once() -> None:
    one = credit(100).closed("2026-01", 60 * UNIT, AT)

    assert one.closed("2026-01", 60 * UNIT, AT) is one
    with pytest.raises(ConflictError, match=r"has paid 60.0000000000 of it already"):
        one.closed("2026-01", 50 * UNIT, AT)
    with pytest.raises(ConflictError, match=r"it has 40.0000000000 left"):
        one.closed("2026-02", 50 * UNIT, AT)
    with pytest.raises(ConflictError):
        one.closed("2026-02", 0, AT)


def test_a_credit_is_corrected_until_a_closed_month_has_used_it() -> None:
    one = credit(100).with_terms(terms(200), AT)
    assert one.balance == 200 * UNIT
    assert one.with_terms(terms(200), AT + timedelta(1)) is one

    with pytest.raises(ConflictError, match="has paid in 2026-01, which is closed"):
        one.closed("2026-01", UNIT, AT).with_terms(terms(300), AT)


def test_what_was_found_is_queued_until_it_is_mapped() -> None:
    found = Credit.seen("c-1", LINE, AT)

    assert found.status(date(2026, 9, 9)) is CreditStatus.QUEUED
    assert (found.text, found.account_id, found.balance) == ("PC-1", "444455556666", 0)
    assert (apply([found], [cost(1)]), found.ledger(), found.pays(AT.date(), None)) == (
        {},
        [],
        False,
    )
    mapped = found.with_terms(terms(80), AT)
    assert (mapped.source, mapped.status(AT.date())) == (
        CreditSource.FOUND_ON_BILL,
        CreditStatus.ACTIVE,
    )
    assert mapped.found == LINE


def test_a_credit_that_is_withdrawn_pays_no_cost_of_that_day_or_later() -> None:
    one = credit().withdrawn(date(2026, 1, 10), AT)

    assert paid([one], cost(5, day=9), cost(7, day=10)) == {"c-1": 5}
    assert one.status(date(2026, 1, 9)) is CreditStatus.ACTIVE
    assert one.status(date(2026, 1, 10)) is CreditStatus.WITHDRAWN
    assert one.ledger(on=date(2026, 1, 10))[-1].what == "Withdrawal"
    with pytest.raises(ConflictError, match="was withdrawn from 2026-01-10 on"):
        one.withdrawn(date(2026, 2, 1), AT)
    with pytest.raises(ConflictError, match="was withdrawn from 2026-01-10 on"):
        one.with_terms(terms(), AT)


def test_what_a_closed_month_has_paid_is_not_withdrawn() -> None:
    one = credit().closed("2026-03", UNIT, AT)

    with pytest.raises(ConflictError, match="withdraw it from 2026-04-01 or later"):
        one.withdrawn(date(2026, 3, 31), AT)
    assert one.withdrawn(date(2026, 4, 1), AT).used == UNIT


def test_a_queued_one_can_be_set_aside() -> None:
    one = Credit.seen("c-1", LINE, AT).withdrawn(date(2026, 9, 9), AT)

    assert one.status(date(2026, 9, 9)) is CreditStatus.WITHDRAWN
    assert burn_down(one, [], date(2026, 9, 9)) is None


@pytest.mark.parametrize(
    "on, status",
    [
        *(("2025-12-31", "Future"), ("2026-01-01", "Active")),
        *(("2026-12-31", "Active"), ("2027-01-01", "Expired")),
    ],
)
def test_a_credit_is_active_from_its_start_to_its_expiry(on: str, status: str) -> None:
    assert credit().status(date.fromisoformat(on)) == status


def test_one_without_a_balance_is_used_up() -> None:
    assert credit(1).closed("2026-01", UNIT, AT).status(AT.date()) is CreditStatus.USED_UP


@pytest.mark.parametrize(
    "said, why",
    [
        ({"product_id": "retail.digital"}, "is no product"),
        ({"amount": 0}, "is more than zero"),
        ({"currency": "usd"}, "is no currency"),
        ({"expiry": date(2025, 12, 31)}, "is before the start"),
        ({"text": " "}, "1 to 500 characters"),
        ({"service": ""}, "service has 1 to 100"),
        ({"reference": "x" * 101}, "reference has 1 to 100"),
    ],
)
def test_what_no_credit_can_be_is_refused(said: dict[str, Any], why: str) -> None:
    with pytest.raises((InvalidError, ValidationError), match=why):
        terms(**said)


class Ledger(RuleBasedStateMachine):
    """A credit beside a plain sum: months close, terms are corrected, it is withdrawn."""

    def __init__(self) -> None:
        super().__init__()
        self.credit = credit(100)
        self.granted = 100 * UNIT
        self.applied: dict[str, int] = {}

    @precondition(lambda self: len(self.applied) < 12)
    @rule(amounts=st.lists(st.integers(-50 * UNIT, 80 * UNIT), max_size=4))
    def close(self, amounts: list[int]) -> None:
        number = len(self.applied) + 1
        costs = [Cost(date(2026, number, 9), EC2, amount) for amount in amounts]
        uses = apply([self.credit], costs)
        self.applied[f"2026-{number:02}"] = sum(uses.values())
        for amount in uses.values():
            self.credit = self.credit.closed(f"2026-{number:02}", amount, AT)

    @rule(amount=st.integers(1, 150))
    def correct(self, amount: int) -> None:
        try:
            self.credit = self.credit.with_terms(terms(amount), AT)
            self.granted = amount * UNIT
        except ConflictError:
            assert self.credit.uses or self.credit.withdrawn_from

    @rule(month=st.integers(1, 12))
    def withdraw(self, month: int) -> None:
        try:
            self.credit = self.credit.withdrawn(date(2026, month, 1), AT)
        except ConflictError:
            assert self.credit.uses or self.credit.withdrawn_from

    @invariant()
    def never_below_zero(self) -> None:
        assert 0 <= self.credit.balance <= self.granted
        assert all(entry.balance >= 0 for entry in self.credit.ledger(on=date(2027, 1, 1)))

    @invariant()
    def uses_are_what_was_applied(self) -> None:
        assert self.credit.used == sum(self.applied.values())
        assert self.credit.balance == self.granted - self.credit.used


TestLedger = Ledger.TestCase
TestLedger.settings = settings(max_examples=40, stateful_step_count=15, deadline=None)


# Burn-down ----------------------------------------------------------------------------------------


def test_a_credit_runs_out_at_the_pace_it_was_used_with() -> None:
    uses = [
        CreditUse(month="2026-01", amount=310 * UNIT),
        CreditUse(month="2026-02", amount=90 * UNIT),
    ]

    ahead = burn_down(credit(1_000), uses, date(2026, 2, 9))

    # 400 in 40 days: 60 more days are paid, from 10 February to 10 April.
    assert ahead == BurnDown(left=600 * UNIT, run_out=date(2026, 4, 11), lapses=0)


def test_a_credit_that_expires_first_lapses_with_the_rest() -> None:
    uses = [CreditUse(month="2026-01", amount=31 * UNIT)]

    ahead = burn_down(credit(100, expiry=date(2026, 2, 10)), uses, date(2026, 1, 31))

    assert ahead == BurnDown(left=69 * UNIT, run_out=None, lapses=59 * UNIT)


def test_the_pace_begins_with_the_month_of_the_first_use() -> None:
    uses = [CreditUse(month="2026-06", amount=10 * UNIT)]

    ahead = burn_down(credit(100), uses, date(2026, 6, 10))

    assert ahead is not None
    assert ahead.run_out == date(2026, 9, 9)


def test_a_credit_nobody_uses_lapses_whole() -> None:
    assert burn_down(credit(5), [], date(2026, 6, 1)) == BurnDown(
        left=5 * UNIT, run_out=None, lapses=5 * UNIT
    )


@pytest.mark.parametrize(
    "today, before",
    [
        *(("2026-10-31", []), ("2026-11-01", [60]), ("2026-12-01", [30])),
        *(("2026-12-24", [7]), ("2026-12-31", [7]), ("2027-01-01", [])),
    ],
)
def test_an_expiry_is_warned_of_60_30_and_7_days_before(today: str, before: list[int]) -> None:
    one, on = credit(), date.fromisoformat(today)

    found = warnings(one, burn_down(one, [], on), on)

    assert [(each.kind, each.before) for each in found] == [
        (WarningKind.EXPIRY, days) for days in before
    ]


def test_a_run_out_is_warned_of_beside_the_expiry() -> None:
    uses = [CreditUse(month="2026-11", amount=80 * UNIT)]
    one, on = credit(100, start=date(2026, 11, 1)), date(2026, 11, 20)

    found = warnings(one, burn_down(one, uses, on), on)

    # 4 a day: the 20 that are left pay 5 days.
    assert [(each.kind, each.before, each.day.isoformat()) for each in found] == [
        ("Expiry", 60, "2026-12-31"),
        ("RunOut", 7, "2026-11-26"),
    ]


def test_what_was_warned_of_once_is_not_warned_of_again() -> None:
    def warning(before: int, kind: WarningKind = WarningKind.EXPIRY) -> CreditWarning:
        return CreditWarning(kind=kind, before=before, day=date(2026, 12, 31))

    one = credit().told([warning(30)], AT)

    assert untold(one, [warning(60), warning(30), warning(7)]) == [warning(7)]
    assert untold(one, [warning(60, WarningKind.RUN_OUT)]) == [warning(60, WarningKind.RUN_OUT)]
    assert untold(one.told([warning(7)], AT), [warning(30), warning(7)]) == []


def test_another_end_is_warned_of_again() -> None:
    told = [CreditWarning(kind=kind, before=30, day=date(2026, 12, 31)) for kind in WarningKind]
    one = credit().told(told, AT)

    def kept(**said: Any) -> list[str]:
        return [each.kind for each in one.with_terms(terms(**said), AT).warned]

    assert kept(reference="R-1") == ["Expiry", "RunOut"]
    assert kept(amount=7) == ["Expiry"]
    assert kept(expiry=date(2026, 11, 30)) == []


# On the bill --------------------------------------------------------------------------------------


def test_parts_of_a_credit_are_put_together_the_largest_first() -> None:
    other = LINE.model_copy(update={"description": "PC-2", "amount": -150 * UNIT})
    again = LINE.model_copy(
        update={"amount": -60 * UNIT, "first_day": date(2026, 9, 1), "last_day": date(2026, 9, 2)}
    )

    first, second = credits_of([LINE, other, again])

    assert (first.description, first.amount) == ("PC-1", -160 * UNIT)
    assert (first.first_day, first.last_day) == (date(2026, 9, 1), date(2026, 9, 3))
    assert second == other
