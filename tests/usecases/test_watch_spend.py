"""Watching spend over hourly deliveries: every crossing once, in order, and to everybody once."""

from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, date, datetime, timedelta
from itertools import count
from typing import Any

import pytest

from finops.domain.alerts import AlertKind, AlertStatus
from finops.domain.audit import Deed
from finops.domain.budgets import Command
from finops.domain.credits import Credit, CreditTerms
from finops.domain.people import PersonStatus, Role
from finops.usecases.budgets import decide, save_draft
from finops.usecases.ports import Save
from tests.usecases.organisation import (
    LOANS,
    SEARCH,
    STOREFRONT,
    UNIT,
    WEB_SHOP,
    Organisation,
    act,
)
from tests.watching import Watching

HOUR, DAY = timedelta(hours=1), timedelta(1)
MARCH = datetime(2026, 3, 1, tzinfo=UTC)
OWNER, PORTFOLIO, FINANCE = "product@example.com", "portfolio@example.com", "fin@example.com"
LEVELS = {"levels": (5_000, 8_000, 10_000, 12_000), "forecast": False, "pace": False}


@pytest.fixture
def organisation() -> Organisation:
    made = Organisation()
    made.drop()
    made.staff()
    return made


def spend_before(world: Watching, product: str, ticks: int, days: int = 59) -> None:
    """The same on each day of January and February."""
    for n in range(days):
        world.days.spend(product, MARCH.date() - timedelta(n + 1), ticks)


def hours(
    world: Watching, first: datetime, last: datetime, product: str, daily: int
) -> Iterator[tuple[datetime, Any]]:
    """Each hour a larger bill is delivered, and watched; *daily* ticks come hour by hour."""
    at = first
    while at < last:
        world.days.spend(product, at.date(), daily * (at.hour + 1) // 24)
        at += HOUR
        world.deliver(at - timedelta(minutes=1))
        yield at, world.watch(at)


def told(world: Watching, kind: AlertKind, element: str = WEB_SHOP) -> list[Any]:
    return [one for one in world.raised() if one.kind is kind and one.element == element]


def test_every_level_is_told_once_and_in_order_on_the_hour_it_was_passed(
    organisation: Organisation,
) -> None:
    """100 a month, 5 a day: 50 after ten days, 80 after sixteen, 100 after twenty, 120 after 24."""
    organisation.approve(WEB_SHOP, [100 * UNIT] * 12)
    world = Watching(organisation, **LEVELS)

    for _ in hours(world, MARCH, MARCH + 26 * DAY, WEB_SHOP, 5 * UNIT):
        pass

    levels = told(world, AlertKind.SCHEDULE_LEVEL)
    assert [(one.crossing.level, one.raised_at) for one in levels] == [
        (5_000, MARCH + 10 * DAY),
        (8_000, MARCH + 16 * DAY),
        (10_000, MARCH + 20 * DAY),
        (12_000, MARCH + 24 * DAY),
    ]
    assert [one.crossing.actual // UNIT for one in levels] == [50, 80, 100, 120]
    mine = [one for one in organisation.mails.sent if one.to == OWNER]
    assert [one.subject for one in mine] == [
        f"FinOps Center: Web shop has reached {points} % of its schedule of 2026-03: {points}.00 of"
        " 100.00 USD"
        for points in (50, 80, 100, 120)
    ]


def test_the_owner_and_the_level_above_hear_of_it_and_the_elements_above_are_watched_too(
    organisation: Organisation,
) -> None:
    organisation.approve(WEB_SHOP, [100 * UNIT] * 12)
    world = Watching(organisation, **(LEVELS | {"levels": (5_000,)}))
    world.days.spend(WEB_SHOP, date(2026, 3, 2), 60 * UNIT)
    world.deliver(MARCH + 2 * DAY)

    world.watch(MARCH + 2 * DAY)

    assert {one.element for one in world.raised()} == {
        *(WEB_SHOP, STOREFRONT, "retail.digital", "retail", ""),
    }
    [alert] = told(world, AlertKind.SCHEDULE_LEVEL)
    assert alert.told == (f"mail:{PORTFOLIO}", f"mail:{OWNER}")
    [mine] = [one for one in organisation.mails.sent if one.to == OWNER]
    assert "retail" not in mine.html
    assert "Storefront" not in mine.html


def test_another_schedule_is_another_crossing(organisation: Organisation) -> None:
    organisation.approve(WEB_SHOP, [90 * UNIT] * 12)
    world = Watching(organisation, **LEVELS)
    world.days.spend(WEB_SHOP, date(2026, 3, 2), 50 * UNIT)
    world.deliver(MARCH + 2 * DAY)
    world.watch(MARCH + 2 * DAY)
    world.watch(MARCH + 2 * DAY + HOUR)
    [first] = told(world, AlertKind.SCHEDULE_LEVEL)

    reschedule(organisation, WEB_SHOP, [90 * UNIT] * 2 + [95 * UNIT] + [90 * UNIT] * 9)
    world.watch(MARCH + 2 * DAY + 2 * HOUR)

    assert [one.crossing.limit // UNIT for one in told(world, AlertKind.SCHEDULE_LEVEL)] == [90, 95]
    before = world.alerts.find(first.alert_id)
    assert (before.status, before.answers[-1].reason) == (
        AlertStatus.RESOLVED,
        "another schedule is in force",
    )
    assert len([one for one in organisation.mails.sent if one.to == OWNER]) == 2


def test_a_schedule_that_is_approved_while_spend_is_looked_at_is_told_by_its_own_limit(
    organisation: Organisation,
) -> None:
    organisation.approve(WEB_SHOP, [90 * UNIT] * 12)
    world = Watching(organisation, **LEVELS)
    world.days.spend(WEB_SHOP, date(2026, 3, 2), 50 * UNIT)
    world.deliver(MARCH + 2 * DAY)
    budgets, looks = organisation.budgets, count(1)

    class Meanwhile:
        """Budgets of which one is approved anew between the two reads of the look at March."""

        def of_year(self, year: int) -> Any:
            if next(looks) == 4:
                organisation.budgets = budgets
                months = [90 * UNIT] * 2 + [95 * UNIT] + [90 * UNIT] * 9
                reschedule(organisation, WEB_SHOP, months)
            return budgets.of_year(year)

        def __getattr__(self, name: str) -> Any:
            return getattr(budgets, name)

    organisation.budgets = Meanwhile()
    world.watch(MARCH + 2 * DAY)
    world.watch(MARCH + 2 * DAY + HOUR)

    limits = {
        one.crossing.schedule: one.crossing.limit // UNIT
        for one in told(world, AlertKind.SCHEDULE_LEVEL)
    }
    assert limits["number 2 of 2026"] == 95


def reschedule(organisation: Organisation, product: str, months: list[int]) -> None:
    """Another schedule is asked for, drafted and approved."""
    planner = organisation.people.find("planner@example.com")
    decider = organisation.people.find("decider@example.com")
    assert planner is not None
    assert decider is not None
    for command, by in (
        (Command.REQUEST_RESCHEDULE, planner),
        (Command.APPROVE_RESCHEDULE, decider),
        (None, planner),
        (Command.SUBMIT, planner),
        (Command.APPROVE, decider),
    ):
        known = organisation.budgets.find(product, 2026)
        assert known is not None
        why = act(by.email, reason="other plans")
        if command is None:
            save_draft(
                product, 2026, tuple(months), known.version, by=by, desk=organisation.desk, act=why
            )
        else:
            decide(product, 2026, command, known.version, by=by, desk=organisation.desk, act=why)


def test_spend_that_falls_and_rises_again_is_no_second_crossing(organisation: Organisation) -> None:
    organisation.approve(WEB_SHOP, [100 * UNIT] * 12)
    world = Watching(organisation, **(LEVELS | {"levels": (5_000,)}))
    for hour, spent in enumerate((60, 40, 60)):
        world.days.spend(WEB_SHOP, date(2026, 3, 2), spent * UNIT)
        world.deliver(MARCH + 2 * DAY + hour * HOUR)
        world.watch(MARCH + 2 * DAY + hour * HOUR)

    assert len(told(world, AlertKind.SCHEDULE_LEVEL)) == 1
    assert len([one for one in organisation.mails.sent if one.to == OWNER]) == 1


def test_whatever_is_spent_of_a_schedule_of_nothing_is_told_once(
    organisation: Organisation,
) -> None:
    organisation.approve(WEB_SHOP, [0] * 12)
    world = Watching(organisation, **LEVELS)
    world.days.spend(WEB_SHOP, date(2026, 3, 2), 1)
    world.deliver(MARCH + 2 * DAY)
    world.watch(MARCH + 2 * DAY)

    assert [one.crossing.level for one in told(world, AlertKind.SCHEDULE_LEVEL)] == [10_000]


def test_a_product_without_a_schedule_has_no_levels_and_counts_in_nobody_s(
    organisation: Organisation,
) -> None:
    organisation.approve(WEB_SHOP, [100 * UNIT] * 12)
    world = Watching(organisation, **LEVELS)
    world.days.spend(SEARCH, date(2026, 3, 2), 1_000 * UNIT)
    world.deliver(MARCH + 2 * DAY)
    world.watch(MARCH + 2 * DAY)

    assert [one for one in world.raised() if one.kind is AlertKind.SCHEDULE_LEVEL] == []


def test_the_pace_says_on_which_day_the_schedule_is_passed(organisation: Organisation) -> None:
    """5 a day of 100: they are spent on the 20th; the 21st is the day beyond them."""
    organisation.approve(WEB_SHOP, [100 * UNIT] * 12)
    world = Watching(organisation, levels=(), forecast=True, pace=True)
    spend_before(world, WEB_SHOP, 5 * UNIT)

    first: dict[AlertKind, datetime] = {}
    for at, _ in hours(world, MARCH, MARCH + 9 * DAY, WEB_SHOP, 5 * UNIT):
        for one in world.raised():
            first.setdefault(one.kind, at)

    [pace] = told(world, AlertKind.PACE)
    [breach] = told(world, AlertKind.FORECAST_BREACH)
    assert pace.crossing.day == date(2026, 3, 21)
    assert breach.crossing.expected == 155 * UNIT
    assert breach.crossing.low <= breach.crossing.expected <= breach.crossing.high
    # The first complete day of March is known once the second one is over.
    assert set(first) == {AlertKind.PACE, AlertKind.FORECAST_BREACH}


def test_a_month_within_its_schedule_is_not_told_of(organisation: Organisation) -> None:
    organisation.approve(WEB_SHOP, [100 * UNIT] * 12)
    world = Watching(organisation, levels=(10_000,))
    spend_before(world, WEB_SHOP, 3 * UNIT)
    for _ in hours(world, MARCH, MARCH + 31 * DAY, WEB_SHOP, 3 * UNIT):
        pass

    assert world.raised() == []


# Anomalies ------------------------------------------------------------------------------------------


def unusual(organisation: Organisation, ticks: int = 500 * UNIT) -> Watching:
    """20 a day, and once so much: on the 11th of March."""
    world = Watching(organisation, levels=(), forecast=False, pace=False)
    spend_before(world, LOANS, 20 * UNIT)
    for day in range(1, 13):
        world.days.spend(LOANS, date(2026, 3, day), 20 * UNIT)
    world.days.spend(LOANS, date(2026, 3, 11), ticks)
    world.deliver(MARCH + 12 * DAY + HOUR)
    return world


def test_an_unusual_day_is_told_of_once_it_is_complete(organisation: Organisation) -> None:
    world = Watching(organisation, levels=(), forecast=False, pace=False)
    spend_before(world, LOANS, 20 * UNIT)
    seen: list[datetime] = []
    for at, run in hours(world, MARCH, MARCH + 10 * DAY, LOANS, 20 * UNIT):
        seen += [at] * len(run.raised)
    for at, run in hours(world, MARCH + 10 * DAY, MARCH + 14 * DAY, LOANS, 20 * UNIT):
        if at <= MARCH + 11 * DAY:
            world.days.spend(LOANS, date(2026, 3, 11), 500 * UNIT)
        seen += [at] * len(run.raised)

    [alert] = told(world, AlertKind.ANOMALY, LOANS)
    assert (alert.crossing.day, alert.crossing.service) == (date(2026, 3, 11), "AmazonEC2")
    assert (alert.crossing.actual, alert.crossing.limit) == (500 * UNIT, 20 * UNIT)
    # The 11th is complete with the first bill that has charges of the 12th.
    assert seen == [MARCH + 11 * DAY + HOUR]


def test_an_anomaly_that_a_later_bill_takes_away_resolves_itself_and_returns_with_it(
    organisation: Organisation,
) -> None:
    world = unusual(organisation)
    at = MARCH + 13 * DAY
    world.watch(at)
    mails = len(organisation.mails.sent)

    world.days.spend(LOANS, date(2026, 3, 11), 20 * UNIT)
    world.watch(at + HOUR)
    [alert] = told(world, AlertKind.ANOMALY, LOANS)
    assert alert.resolved_itself

    world.days.spend(LOANS, date(2026, 3, 11), 500 * UNIT)
    world.watch(at + 2 * HOUR)
    [alert] = told(world, AlertKind.ANOMALY, LOANS)
    assert alert.status is AlertStatus.OPEN
    assert len(organisation.mails.sent) == mails


def test_an_unusual_run_that_goes_on_in_the_next_month_is_told_of_once(
    organisation: Organisation,
) -> None:
    """20 a day, and 500 from the 27th of February to the 2nd of March."""
    world = Watching(organisation, levels=(), forecast=False, pace=False)
    spend_before(world, LOANS, 20 * UNIT)
    for n in range(-2, 2):
        world.days.spend(LOANS, MARCH.date() + n * DAY, 500 * UNIT)
    world.deliver(MARCH + 2 * HOUR, month="2026-02")
    world.watch(MARCH + 2 * HOUR)
    world.deliver(MARCH + 2 * DAY + HOUR, month="2026-02")
    world.deliver(MARCH + 2 * DAY + HOUR)
    world.watch(MARCH + 2 * DAY + HOUR)

    [alert] = told(world, AlertKind.ANOMALY, LOANS)
    assert (alert.crossing.month, alert.crossing.day) == ("2026-02", date(2026, 2, 27))


def test_what_returns_before_anybody_was_told_is_told_then(organisation: Organisation) -> None:
    world = unusual(organisation)
    at = MARCH + 13 * DAY
    organisation.mails.bounces = {one.email for one in organisation.people.all()}
    assert world.watch(at).sent == ()

    world.days.spend(LOANS, date(2026, 3, 11), 20 * UNIT)
    world.watch(at + HOUR)
    organisation.mails.bounces = set()
    world.days.spend(LOANS, date(2026, 3, 11), 500 * UNIT)
    world.watch(at + 2 * HOUR)

    [alert] = told(world, AlertKind.ANOMALY, LOANS)
    assert alert.told == tuple(sorted(f"mail:{one.to}" for one in organisation.mails.sent))
    assert alert.told


def test_an_account_that_nobody_owns_has_anomalies_for_finance(organisation: Organisation) -> None:
    world = unusual(organisation, 20 * UNIT)
    for n in range(71):
        world.days.nobodys["444455556666"][date(2026, 1, 1) + timedelta(n)] = 20 * UNIT
    world.days.nobodys["444455556666"][date(2026, 3, 11)] = 500 * UNIT
    world.watch(MARCH + 13 * DAY)

    [alert] = world.raised()
    assert (alert.element, alert.crossing.account_id) == ("", "444455556666")
    assert alert.told == (f"mail:{FINANCE}",)


# Late data ------------------------------------------------------------------------------------------


def test_late_bills_are_told_of_once_also_when_nothing_comes_and_resolve_with_the_next(
    organisation: Organisation,
) -> None:
    world = Watching(organisation, levels=())
    world.deliver(MARCH + 3 * DAY)
    for hour in range(1, 60):
        world.watch(MARCH + 3 * DAY + hour * HOUR)

    [late] = told(world, AlertKind.LATE_DATA, "")
    assert late.raised_at == MARCH + 3 * DAY + 37 * HOUR
    assert [one.to for one in organisation.mails.sent] == [FINANCE]

    world.deliver(MARCH + 6 * DAY)
    world.watch(MARCH + 6 * DAY + HOUR)
    [late] = told(world, AlertKind.LATE_DATA, "")
    assert (late.status, late.answers[-1].reason) == (AlertStatus.RESOLVED, "a bill was delivered")
    assert world.events() == {"SpendAlertLateData": 1, "SpendAlertResolved": 1}


def test_a_payer_without_a_bill_in_a_new_month_is_late(organisation: Organisation) -> None:
    world = Watching(organisation, levels=())
    world.deliver(MARCH - 2 * HOUR, month="2026-02")
    world.watch(MARCH + 20 * HOUR)
    assert world.raised() == []
    world.watch(MARCH + 40 * HOUR)

    assert [one.crossing.payer for one in world.raised()] == ["999988887777"]


def test_a_late_bill_that_comes_months_later_resolves_its_alert(organisation: Organisation) -> None:
    world = Watching(organisation, levels=())
    world.deliver(MARCH + 3 * DAY)
    world.watch(MARCH + 5 * DAY)
    world.deliver(MARCH + 64 * DAY)
    world.watch(MARCH + 64 * DAY + HOUR)

    [late] = told(world, AlertKind.LATE_DATA, "")
    assert (late.crossing.month, late.status) == ("2026-03", AlertStatus.RESOLVED)


# Credits --------------------------------------------------------------------------------------------


def credit(organisation: Organisation, **said: Any) -> Credit:
    terms = {
        "product_id": WEB_SHOP,
        "text": "MAP 2026",
        "amount": 1_000 * UNIT,
        "currency": "USD",
        "start": date(2026, 1, 1),
        "expiry": date(2026, 4, 10),
    }
    new = Credit.granted("c-1", CreditTerms(**(terms | said)), MARCH)
    return organisation.credits.save([Save(None, new, Deed(action="Grant"))], act())[0]


def test_a_credit_whose_end_moves_away_again_is_not_told_of_for_more_days(
    organisation: Organisation,
) -> None:
    credit(organisation)
    world = Watching(organisation, levels=(), credit_days=(7,))
    world.watch(datetime(2026, 4, 5, tzinfo=UTC))
    world.choose(levels=(), credit_days=(30, 7))
    world.watch(datetime(2026, 3, 20, tzinfo=UTC))

    assert [one.crossing.within for one in world.raised()] == [7]


def test_a_credit_is_told_of_once_for_each_of_the_days_ahead(organisation: Organisation) -> None:
    credit(organisation)
    world = Watching(organisation, levels=(), credit_days=(30, 7), late_hours=336)
    for day in range(45):
        world.watch(MARCH + day * DAY)

    ends = told(world, AlertKind.CREDIT_RUNNING_OUT)
    assert [(one.crossing.within, one.raised_at.date()) for one in ends] == [
        (30, date(2026, 3, 11)),
        (7, date(2026, 4, 3)),
    ]
    assert {one.status for one in ends} == {AlertStatus.RESOLVED}  # it is over on 11 April


# Nobody twice, nobody left out ----------------------------------------------------------------------


def passed(organisation: Organisation, **settings: Any) -> Watching:
    """Half of the web shop's schedule is spent."""
    organisation.approve(WEB_SHOP, [100 * UNIT] * 12)
    world = Watching(organisation, **({"levels": (5_000,), "forecast": False} | settings))
    world.days.spend(WEB_SHOP, date(2026, 3, 2), 60 * UNIT)
    world.deliver(MARCH + 2 * DAY)
    return world


def test_a_mail_that_fails_keeps_nobody_from_theirs_and_goes_out_next_time(
    organisation: Organisation,
) -> None:
    world = passed(organisation)
    organisation.mails.bounces = {OWNER}

    run = world.watch(MARCH + 2 * DAY)

    assert run.failed == ((f"mail:{OWNER}", f"RuntimeError: {OWNER} bounces"),)
    assert PORTFOLIO in {one.to for one in organisation.mails.sent}
    before = len(organisation.mails.sent)

    organisation.mails.bounces = set()
    again = world.watch(MARCH + 2 * DAY + HOUR)
    assert (again.failed, again.sent) == ((), (f"mail:{OWNER}",))
    assert len(organisation.mails.sent) == before + 1
    assert world.watch(MARCH + 2 * DAY + 2 * HOUR).sent == ()


def test_who_cannot_be_reached_for_days_is_given_up_and_named(organisation: Organisation) -> None:
    world = passed(organisation, late_hours=336)
    organisation.mails.bounces = {OWNER}
    for hour in range(0, 80, 8):
        world.watch(MARCH + 2 * DAY + hour * HOUR)

    [alert] = told(world, AlertKind.SCHEDULE_LEVEL)
    assert (alert.told, alert.missed) == ((f"mail:{PORTFOLIO}",), (f"mail:{OWNER}",))


def test_channels_hear_of_their_element_and_what_is_below(organisation: Organisation) -> None:
    channels = (
        {"name": "retail", "element": "retail", "recipients": ("Desk@example.com",)},
        {"name": "bank", "element": "bank", "webhook": "bank"},
        {"name": "all", "webhook": "chat"},
    )
    world = passed(organisation, channels=channels)
    world.webhooks.rooms = {"chat": "Slack", "bank": "Teams"}

    world.watch(MARCH + 2 * DAY)

    assert [name for name, _ in world.webhooks.posted] == ["chat"]
    [desk] = [one for one in organisation.mails.sent if one.to == "desk@example.com"]
    assert "Enterprise has" not in desk.text
    assert "Retail has reached 50 %" in desk.text


def test_a_webhook_that_the_deployment_does_not_know_fails_the_run(
    organisation: Organisation,
) -> None:
    world = passed(organisation, channels=({"name": "all", "webhook": "chat"},))

    [(target, why)] = world.watch(MARCH + 2 * DAY).failed

    assert target == "webhook:chat"
    assert "the deployment knows no webhook chat" in why


def test_who_is_suspended_gets_nothing_and_an_element_without_a_holder_has_the_one_above(
    organisation: Organisation,
) -> None:
    name = f"person#{OWNER}"
    states = organisation.records.states
    states[name] = states[name].changed(status=PersonStatus.SUSPENDED)
    world = passed(organisation)
    world.watch(MARCH + 2 * DAY)

    [alert] = told(world, AlertKind.SCHEDULE_LEVEL)
    assert alert.told == (f"mail:{PORTFOLIO}",)


def test_who_was_given_an_alert_and_sees_it_no_more_gets_nothing(
    organisation: Organisation,
) -> None:
    world = passed(organisation)
    organisation.hire("guest@example.com", Role.PRODUCT_OWNER, [LOANS])
    organisation.mails.bounces = {OWNER}
    world.watch(MARCH + 2 * DAY)
    [alert] = told(world, AlertKind.SCHEDULE_LEVEL)
    given = alert.assigned("guest@example.com", OWNER, None, MARCH + 2 * DAY)
    world.alerts.save([Save(alert, given, Deed(action="Assign"))], act())
    organisation.mails.bounces = set()
    world.watch(MARCH + 2 * DAY + HOUR)

    to = [one.to for one in organisation.mails.sent]
    assert OWNER in to
    assert "guest@example.com" not in to


def test_a_part_that_fails_keeps_no_other_from_its_own(organisation: Organisation) -> None:
    world = passed(organisation)

    def broken(*_: Any) -> Any:
        raise RuntimeError("no engine")

    world.days.services = broken
    run = world.watch(MARCH + 2 * DAY)

    assert run.failed == (("anomalies of 2026-03", "RuntimeError: no engine"),)
    assert len(told(world, AlertKind.SCHEDULE_LEVEL)) == 1
    assert OWNER in {one.to for one in organisation.mails.sent}


class Killed(BaseException):
    """The process is gone."""


class Fragile:
    """A port that is killed at one of all calls: before it is answered, or after."""

    def __init__(self, port: Any, dies: Any) -> None:
        self._port, self._dies = port, dies

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._port, name)
        if not callable(found):
            return found

        def called(*args: Any, **kwargs: Any) -> Any:
            self._dies(f"before {name}")
            answer = found(*args, **kwargs)
            self._dies(f"after {name}")
            return answer

        return called


def killed_at(moment: int) -> tuple[str | None, Watching]:
    """A run that is killed at one of its calls, and the next ones; at which it was killed."""
    organisation = Organisation()
    organisation.drop()
    organisation.staff()
    world = passed(
        organisation, levels=(5_000,), channels=({"name": "all", "webhook": "chat"},), pace=False
    )
    world.webhooks.rooms = {"chat": "Slack"}
    ports = {
        name: getattr(world, name)
        for name in ("alerts", "dispatches", "webhooks", "mails", "days", "bills", "allocations")
    }
    calls, died = count(), list[str]()

    def dies(place: str) -> None:
        if next(calls) == moment:
            died.append(place)
            raise Killed

    for name, port in ports.items():
        setattr(world, name, Fragile(port, dies))
    with suppress(Killed):
        world.watch(MARCH + 2 * DAY)
    for name, port in ports.items():
        setattr(world, name, port)
    world.watch(MARCH + 2 * DAY + HOUR)
    return (died[0] if died else None), world


def test_wherever_a_run_is_killed_the_next_one_does_the_rest() -> None:
    """A message comes twice only where the kill was between sending it and writing that down."""
    quiet, calm = killed_at(-1)
    assert quiet is None
    usual = sorted(one.to for one in calm.organisation.mails.sent)
    assert len(usual) == len(set(usual))
    for moment in count():
        place, world = killed_at(moment)
        if place is None:
            assert moment > 40
            break
        sent = sorted(one.to for one in world.organisation.mails.sent)
        assert set(sent) == set(usual), place
        assert {name for name, _ in world.webhooks.posted} == {"chat"}, place
        twice = len(sent) - len(usual) + len(world.webhooks.posted) - 1
        unsure = {"after send", "after post", "before done", "after done"}
        assert twice <= (1 if place in unsure else 0), place
        assert all(one.told_at is not None for one in world.raised()), place
        assert len(world.raised()) == len(calm.raised())


def test_two_runs_at_once_send_everything_once(organisation: Organisation) -> None:
    """The second run comes while the first one is about to send its first mail."""
    world = passed(organisation)
    mails, inner = organisation.mails, list[Any]()

    class Meanwhile:
        def send(self, mail: Any) -> None:
            if not inner:
                inner.append(None)
                world.mails = mails
                inner.append(world.watch(MARCH + 2 * DAY))
            mails.send(mail)

    world.mails = Meanwhile()
    world.watch(MARCH + 2 * DAY)

    told_of = [
        (one.to, alert.alert_id)
        for one in mails.sent
        for alert in world.raised()
        if alert.alert_id in one.text
    ]
    assert len(told_of) == len(set(told_of))
    assert {(target, one.alert_id) for one in world.raised() for target in addressed(one)} == set(
        told_of
    )


def addressed(alert: Any) -> list[str]:
    """The addresses that an alert says it was mailed to."""
    return [target.removeprefix("mail:") for target in alert.told]
