"""Saving tasks: one for each approved case, one for all large ones of a currency."""

from datetime import UTC, date, datetime

from finops.domain.money import TICKS_PER_UNIT
from finops.domain.people import Person, PersonStatus, Role
from finops.domain.saving_tasks import LARGE, SavingStep, SavingTask, saving_tasks
from tests.savings_fakes import recommendation, saving

AT = datetime(2026, 9, 5, 9, tzinfo=UTC)


def test_approved_cases_are_tasks_of_their_own_and_large_new_ones_are_one() -> None:
    approved = saving(recommendation("i-0", savings=5)).approve(None, by="fin", at=AT)
    cases = [
        approved,
        *(saving(recommendation(f"i-{n}", savings=100 * n)) for n in (1, 2)),
        saving(recommendation("i-3", savings=99)),
        saving(recommendation("i-4", savings=100, currency="EUR"), on=date(2026, 9, 9)),
        saving(recommendation("i-5", savings=900)).ignore("no", AT.date(), by="fin", at=AT),
    ]

    found = saving_tasks(cases)

    assert [
        (one.kind, one.currency, one.number, one.amount // TICKS_PER_UNIT) for one in found
    ] == [
        (SavingStep.DECIDE_SAVINGS, "USD", 2, 300),
        (SavingStep.IMPLEMENT_SAVING, "USD", 1, 5),
        (SavingStep.DECIDE_SAVINGS, "EUR", 1, 100),
    ]
    assert [one.name for one in found] == [
        *("2 large savings", "Rightsize i-0 to m5.large", "1 large saving"),
    ]
    assert found[1].since == AT
    assert LARGE == 100 * TICKS_PER_UNIT


def test_tasks_are_for_who_takes_the_step() -> None:
    decide, implement = (
        SavingTask(kind=kind, name="x", currency="USD", amount=1, since=AT)
        for kind in (SavingStep.DECIDE_SAVINGS, SavingStep.IMPLEMENT_SAVING)
    )

    def able(task: SavingTask) -> set[Role]:
        return {role for role in Role if task.is_for(Person(email="a@example.com", role=role))}

    assert able(decide) == {Role.FINANCIAL_ADMIN, Role.VENDOR_MANAGER}
    assert able(implement) == {Role.CLOUD_ENGINEER}
    gone = Person(email="a@example.com", role=Role.CLOUD_ENGINEER, status=PersonStatus.SUSPENDED)
    assert not implement.is_for(gone)
