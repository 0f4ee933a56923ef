"""Saving tasks: what was approved and waits to be done, and large cases that wait to be decided on.

Whoever decides gets one task for all of a currency, whoever implements one for each case.
"""

from collections import defaultdict
from collections.abc import Iterable
from datetime import UTC, date, datetime, time
from enum import StrEnum

from finops.domain.authorization import RIGHTS, Action
from finops.domain.money import TICKS_PER_UNIT
from finops.domain.people import Person, Role
from finops.domain.savings import Saving, SavingStatus
from finops.domain.values import Frozen

LARGE = 100 * TICKS_PER_UNIT  # a month, in any currency: smaller cases are in the list


class SavingStep(StrEnum):
    """What is to be done."""

    IMPLEMENT_SAVING = "ImplementSaving"
    DECIDE_SAVINGS = "DecideSavings"


# Others who may implement, too, do so for their own products; the engineers are the ones to do it.
TAKEN_BY = {
    SavingStep.IMPLEMENT_SAVING: (Role.CLOUD_ENGINEER,),
    SavingStep.DECIDE_SAVINGS: tuple(RIGHTS[Action.APPROVE_SAVING]),
}


class SavingTask(Frozen):
    """A step on one approved case (*saving_id*), or on *number* large ones that are New.

    *amount* is what they save a month, in ticks; *since* when it was approved, or when the oldest of
    them was first recommended.
    """

    kind: SavingStep
    name: str
    saving_id: str | None = None
    account_id: str | None = None
    currency: str
    amount: int
    number: int = 1
    since: datetime

    @property
    def about(self) -> str:
        """What it is about: a case by its id, many by their currency."""
        return self.saving_id or self.currency

    def is_for(self, person: Person) -> bool:
        """Whether *person* is one of those who owe it."""
        return person.role in TAKEN_BY[self.kind] and not person.is_suspended


def saving_tasks(savings: Iterable[Saving]) -> list[SavingTask]:
    """What waits, the longest first."""
    found: list[SavingTask] = []
    large: defaultdict[str, list[Saving]] = defaultdict(list)
    for one in savings:
        counted = one.counted
        if one.status is SavingStatus.APPROVED and one.note is not None:
            found.append(
                SavingTask(
                    kind=SavingStep.IMPLEMENT_SAVING,
                    name=_name(one),
                    saving_id=one.saving_id,
                    account_id=one.account_id,
                    currency=counted.currency,
                    amount=counted.monthly_savings,
                    since=one.note.at,
                )
            )
        elif one.status is SavingStatus.NEW and counted.monthly_savings >= LARGE:
            large[counted.currency].append(one)
    found += [
        SavingTask(
            kind=SavingStep.DECIDE_SAVINGS,
            name=f"{len(some)} large saving{'s' if len(some) > 1 else ''}",
            currency=currency,
            amount=sum(one.counted.monthly_savings for one in some),
            number=len(some),
            since=_midnight(min(one.first_seen for one in some)),
        )
        for currency, some in large.items()
    ]
    return sorted(found, key=lambda task: (task.since, task.kind, task.about))


def _name(one: Saving) -> str:
    """What is to be done to what: "Rightsize i-0abc to m5.large"."""
    counted = one.counted
    what = one.resource_id or one.resource_type or counted.recommended_type or "the account"
    is_changed = counted.recommended not in (None, counted.action_type)
    change = f" to {counted.recommended}" if is_changed else ""
    return f"{counted.action_type} {what}{change}"


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), UTC)
