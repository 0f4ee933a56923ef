"""Savings as they leave the product: money as decimal text, whose they are, and what to do."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from typing import Any, NamedTuple

from finops.domain.accounts import Account
from finops.domain.money import text
from finops.domain.resource_owners import ResourceOwners
from finops.domain.saving_steps import steps
from finops.domain.savings import Recommendation, Saving, SavingNote, SourceState
from finops.usecases.organisation_views import money, shown
from finops.usecases.saving_decisions import Decisions
from finops.usecases.savings import (
    Past,
    SavingsBoard,
    SavingTotal,
    SeenSaving,
    TopSavings,
    people_asked,
    totals,
)

Table = tuple[list[str], list[list[Any]]]

SAVING_COLUMNS = (
    *("saving_id", "status", "account_id", "account_name", "region", "resource_id"),
    *("resource_type", "action_type", "current", "recommended", "currency", "monthly_savings"),
    *("monthly_cost", "savings_percent", "effort", "restart_needed", "rollback_possible"),
    *("asked", "held_by", "owners", "options", "first_seen", "last_seen", "returned"),
    *("decided_by", "decided_at", "reason", "ignored_until", "implemented_on"),
    *("still_recommended", "payer_id", "version"),
)
TOTAL_COLUMNS = (
    *("key", "name", "currency", "resources", "monthly_savings"),
    *("open_resources", "open_monthly_savings"),
)


class Names(NamedTuple):
    """What accounts are called on a day."""

    accounts: Mapping[str, Account]
    on: date

    @classmethod
    def of(cls, board: SavingsBoard, on: date) -> "Names":
        return cls({one.account_id: one for one in board.accounts.all()}, on)

    def account(self, account_id: str | None) -> str | None:
        known = self.accounts.get(account_id) if account_id else None
        return known.name_on(self.on) if known else None


# A case -------------------------------------------------------------------------------------------


@shown.register
def saving(one: Saving) -> dict[str, Any]:
    """A case as it is kept, without what the rules make of it today."""
    counted = one.counted
    return {
        "saving_id": one.saving_id,
        "status": one.status.value,
        "payer_id": one.payer,
        "account_id": one.account_id,
        "region": one.region,
        "resource_id": one.resource_id,
        "resource_type": one.resource_type,
        **_option(counted),
        "options": len(one.options),
        **_decided(one.note),
        "returned": one.returned.value if one.returned else None,
        "first_seen": one.first_seen.isoformat(),
        "last_seen": one.last_seen.isoformat(),
        "gone_on": one.gone_on.isoformat() if one.gone_on else None,
        "still_recommended": one.still_recommended,
        "version": one.version,
    }


def _option(one: Recommendation) -> dict[str, Any]:
    return {
        "action_type": one.action_type,
        "current": one.current,
        "recommended": one.recommended,
        "currency": one.currency,
        "monthly_savings": text(one.monthly_savings),
        "monthly_cost": money(one.monthly_cost),
        "savings_percent": _percent(one.savings_basis_points),
        "is_discounted": one.is_discounted,
        "effort": one.effort,
        "restart_needed": one.restart_needed,
        "rollback_possible": one.rollback_possible,
    }


def _percent(basis_points: int | None) -> str | None:
    """Basis points in percent.

    >>> _percent(2_505), _percent(-250), _percent(None)
    ('25.05', '-2.50', None)
    """
    if basis_points is None:
        return None
    whole, rest = divmod(abs(basis_points), 100)
    return f"{'-' if basis_points < 0 else ''}{whole}.{rest:02}"


def _decided(note: SavingNote | None) -> dict[str, Any]:
    names = ("decided_by", "decided_at", "reason", "ignored_until", "implemented_on")
    if note is None:
        return dict.fromkeys(names)
    until, on = note.ignored_until, note.implemented_on
    told = (
        *(note.by, note.at.isoformat(), note.reason),
        *(until.isoformat() if until else None, on.isoformat() if on else None),
    )
    return dict(zip(names, told, strict=True))


def saving_in_list(seen: SeenSaving, names: Names) -> dict[str, Any]:
    """A case with whose it is."""
    one = seen.saving
    return {
        **saving(one),
        "account_name": names.account(one.account_id),
        "asked": seen.asked,
        "held_by": seen.owners.held_by.value if seen.owners.held_by else None,
        "workload_id": seen.owners.workload_id,
        "owners": _owners(seen.owners),
    }


def _owners(owners: ResourceOwners) -> list[dict[str, Any]]:
    return [{"product_id": product, "basis_points": points} for product, points in owners.products]


def saving_table(found: Iterable[SeenSaving], names: Names) -> Table:
    """The same as a table; owners as `product share`, in percent."""
    rows = []
    for seen in found:
        item = saving_in_list(seen, names)
        owners = "; ".join(f"{id_} {_percent(points)} %" for id_, points in seen.owners.products)
        rows.append([(item | {"owners": owners})[name] for name in SAVING_COLUMNS])
    return list(SAVING_COLUMNS), rows


def saving_with_task(
    seen: SeenSaving, past: Sequence[Past], names: Names, board: SavingsBoard
) -> dict[str, Any]:
    """A case with all that is recommended for it, what became of it, and what is to be done."""
    return {
        **saving_in_list(seen, names),
        "options": [
            {
                **_option(option),
                "source": option.source,
                "recommended_type": option.recommended_type,
                "details": option.details,
                "lookback_days": option.lookback_days,
                "refreshed_at": option.refreshed_at.isoformat() if option.refreshed_at else None,
                "is_counted": option == seen.saving.counted,
            }
            for option in seen.saving.options
        ],
        "history": [_past(one) for one in past],
        "task": task(seen, names, board),
    }


def _past(one: Past) -> dict[str, Any]:
    counted = one.saving.counted
    return {
        "at": one.record.at.isoformat(),
        "by": one.record.actor,
        "action": one.record.action,
        "reason": one.record.reason,
        "status": one.saving.status.value,
        "action_type": counted.action_type,
        "currency": counted.currency,
        "monthly_savings": text(counted.monthly_savings),
    }


def task(seen: SeenSaving, names: Names, board: SavingsBoard) -> dict[str, Any]:
    """What whoever implements a case has to know, filled in."""
    one, counted = seen.saving, seen.saving.counted
    todo = steps(counted)
    return {
        "title": title(one, names),
        "account_id": one.account_id,
        "account_name": names.account(one.account_id),
        "region": one.region,
        "resource_id": one.resource_id,
        "resource_type": one.resource_type,
        **_option(counted),
        "asked": seen.asked,
        "people": people_asked(seen.asked, board.people.all()) if seen.is_asked else [],
        "steps": list(todo.words),
        "commands": list(todo.commands),
    }


def title(one: Saving, names: Names) -> str:
    """What is to be done where, in a line."""
    counted = one.counted
    where = names.account(one.account_id) or one.account_id
    what = one.resource_id or one.resource_type
    said = " ".join(word for word in (counted.action_type, what, "in", where) if word)
    if counted.recommended in (None, counted.action_type):
        return said
    return f"{said}: {' to '.join(step for step in (counted.current, counted.recommended) if step)}"


# Sums, sources ------------------------------------------------------------------------------------


def savings_page(
    found: Sequence[SeenSaving],
    items: Sequence[dict[str, Any]],
    states: Iterable[SourceState],
    next_cursor: str | None,
    *,
    with_numbers: bool,
) -> dict[str, Any]:
    """A page of cases, what all that fit come to, and which sources they are from."""
    return {
        "items": list(items),
        "totals": [_sums(one) for one in totals(found)],
        "sources": told_sources(states, with_numbers=with_numbers),
        "next_cursor": next_cursor,
    }


def group(one: SavingTotal, names: Names) -> dict[str, Any]:
    """What some cases have in common and come to; an account has its name."""
    return {"key": one.key, "name": names.account(one.key), **_sums(one)}


def _sums(one: SavingTotal) -> dict[str, Any]:
    return {
        "currency": one.currency,
        "resources": one.number,
        "monthly_savings": text(one.monthly_savings),
        "open_resources": one.open_number,
        "open_monthly_savings": text(one.open_monthly_savings),
    }


def told_sources(states: Iterable[SourceState], *, with_numbers: bool) -> list[dict[str, Any]]:
    """Each payer: when it was last answered, and what went wrong since.

    *with_numbers* tells how much was recommended, which is of the whole payer.
    """
    return [
        {
            "payer_id": one.payer,
            "answered": one.taken is not None and one.unanswered is None,
            "via": one.taken.via.value if one.taken else None,
            "day": one.taken.day.isoformat() if one.taken else None,
            "taken_at": one.taken.taken_at.isoformat() if one.taken else None,
            "age": one.age,
            "recommendations": one.taken.number if one.taken and with_numbers else None,
            "why_not": _why_not(one),
            "asked_at": one.unanswered.at.isoformat() if one.unanswered else None,
        }
        for one in states
    ]


def _why_not(one: SourceState) -> str | None:
    if one.unanswered is not None:
        return one.unanswered.reason
    return None if one.taken else "no export has come, and the API has not been asked"


def top(found: TopSavings, names: Names, *, with_numbers: bool) -> dict[str, Any]:
    """The largest open cases, as a summary tells them."""
    return {
        "items": [
            {
                "saving_id": one.saving.saving_id,
                "title": title(one.saving, names),
                "status": one.saving.status.value,
                "account_id": one.saving.account_id,
                "asked": one.asked,
                "currency": one.saving.counted.currency,
                "monthly_savings": text(one.saving.counted.monthly_savings),
            }
            for one in found.cases
        ],
        "totals": [_sums(one) for one in found.totals],
        "sources": told_sources(found.sources, with_numbers=with_numbers),
    }


# Many decisions -----------------------------------------------------------------------------------


def decisions(made: Decisions) -> dict[str, Any]:
    """The cases that took a decision, and why each of the others did not."""
    return {
        "decision": made.decision.value,
        "decided": [
            {
                "saving_id": one.saving_id,
                "status": one.status.value,
                "currency": one.counted.currency,
                "monthly_savings": text(one.counted.monthly_savings),
                "version": one.version,
            }
            for one in made.decided
        ],
        "refused": [
            {
                "saving_id": one.saving_id,
                "why": type(one.error).__name__.removesuffix("Error"),
                "detail": one.error.detail,
            }
            for one in made.refused
        ],
        "left": made.left,
    }
