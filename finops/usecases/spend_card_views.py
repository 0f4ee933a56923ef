"""Spend cards and delegations as they leave the product: money as decimal text, colours in words."""

from collections.abc import Iterable, Sequence
from datetime import date, datetime
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import quote, urlencode

from finops.domain.card_tasks import CardTask
from finops.domain.card_trees import (
    LEVELS,
    AccountNode,
    GivenNode,
    ServiceNode,
    card_tree,
    depth,
)
from finops.domain.delegations import Delegation, Signature
from finops.domain.money import text
from finops.domain.periods import label, spend_period
from finops.domain.spend_cards import (
    Adjustment,
    Card,
    CardDecision,
    CardKey,
    CardLine,
    CardSummary,
    FormerAmount,
    Lines,
    SpendCard,
)
from finops.usecases.card_decisions import Decisions
from finops.usecases.organisation_views import ENTERPRISE_ID, money, shown
from finops.usecases.spend_cards import CardStanding

if TYPE_CHECKING:  # it brings the engine along, which not every door that shows a card has
    from finops.usecases.card_resources import ResourcesOf

CARD_COLUMNS = (
    *("product_id", "start", "end", "week", "currency", "status", "is_provisional"),
    *("spend", "adjusted", "amount", "budget", "colour", "word", "step", "owed_by"),
    *("is_escalated", "since", "due", "is_mine", "changed_at", "version"),
)
# Of all trees of a card together: each node names the path of what is behind it, and Lambda answers
# with 6 MB.
MOST_NODES = 5_000
LINE_COLUMNS = (
    *("product_id", "start", "currency", "of", "cause", "account_id", "kind", "workload_id"),
    *("rule", "service", "amount"),
)
RESOURCE_COLUMNS = ("resource_id", "service", "charges", "whole", "amount")
DELEGATION_COLUMNS = (
    *("delegation_id", "absent", "delegate", "start", "end", "is_in_force", "set_by", "set_at"),
    *("reason", "version"),
)


# Cards --------------------------------------------------------------------------------------------


@shown.register
def spend_card(card: SpendCard) -> dict[str, Any]:
    """A card without its lines, which may be thousands; what a dispute proposes is told elsewhere."""
    return {
        **_known(card),
        "former": [_former(one) for one in card.former],
        "history": [_decision(one) for one in card.history],
        "made_at": card.made_at.isoformat(),
        "since": card.since.isoformat(),
        "changed_at": card.changed_at.isoformat(),
        "version": card.version,
    }


def _known(card: Card) -> dict[str, Any]:
    return {
        "product_id": card.product_id,
        "start": card.start.isoformat(),
        "end": card.end.isoformat(),
        "week": label(card.period),
        "currency": card.currency,
        "status": card.status.value,
        "is_provisional": card.is_provisional,
        "awaits_run": card.awaits is not None,
        "spend": text(card.spend),
        "adjusted": text(card.amount - card.spend),
        "amount": text(card.amount),
        "budget": money(card.budget if isinstance(card, CardSummary) else card.pace.budget),
        "colour": card.colour.value,
        "word": card.colour.word,
    }


def _former(one: FormerAmount) -> dict[str, Any]:
    return {
        "amount": text(one.amount),
        "spend": text(one.spend),
        "runs": list(one.runs),
        "until": one.until.isoformat(),
    }


def _decision(one: CardDecision) -> dict[str, Any]:
    return {
        "command": one.command.value,
        "status": one.status.value,
        "amount": text(one.amount),
        **_signature(one.signature),
        "at": one.at.isoformat(),
        "reason": one.reason,
        "has_proposal": one.proposal is not None,
        "is_automatic": one.is_automatic,
    }


def _signature(one: Signature) -> dict[str, Any]:
    return {"by": one.by, "acting_for": one.acting_for}


def card_in_list(card: CardSummary, standing: CardStanding) -> dict[str, Any]:
    """A card as a list has it, with the step it waits for."""
    return {
        **_known(card),
        "task": _task(standing.task, standing.due),
        "is_mine": standing.is_mine,
        "since": card.since.isoformat(),
        "changed_at": card.changed_at.isoformat(),
        "version": card.version,
    }


def _task(task: CardTask | None, due: datetime | None) -> dict[str, Any] | None:
    """A step: whose level it is, and the element whose holders owe it now."""
    if task is None:
        return None
    return {
        "step": task.step.value,
        "level": task.level,
        "owed_at": task.owed_at,
        "owed_by": task.owed_by or ENTERPRISE_ID,
        "escalated_to": task.escalated_to,
        "is_escalated": task.is_escalated,
        "since": task.since.isoformat(),
        "due": due.isoformat() if due else None,
    }


def card_table(
    found: Iterable[tuple[CardSummary, CardStanding]],
) -> tuple[list[str], list[list[Any]]]:
    """The same as a table."""
    rows = []
    for card, standing in found:
        item = card_in_list(card, standing)
        task = item["task"] or {}
        steps = {name: task.get(name) for name in ("step", "owed_by", "is_escalated", "due")}
        rows.append([(item | steps)[name] for name in CARD_COLUMNS])
    return list(CARD_COLUMNS), rows


def card_whole(card: SpendCard, standing: CardStanding) -> dict[str, Any]:
    """A card with its tree, its adjustments by the week they are about, and what may be done.

    Where its lines are too many, all its trees end above them.
    """
    groups = [lines for _, _, lines in _groups(card)]
    levels = depth(groups, MOST_NODES)
    return {
        **spend_card(card),
        "runs": list(card.runs),
        "tree": [_account(one, card.key) for one in card_tree(card.lines, levels)],
        "is_folded": levels < LEVELS,
        "line_count": sum(map(len, groups)),
        "lines": _path(card.key, "lines", {}),
        "adjustments": [_adjustment(one, levels) for one in card.adjustments],
        "task": _task(standing.task, standing.due),
        "is_mine": standing.is_mine,
        "allowed": [command.value for command in standing.allowed],
    }


def _adjustment(one: Adjustment, levels: int) -> dict[str, Any]:
    return {
        "start": one.start.isoformat(),
        "week": label(spend_period(one.start)),
        "cause": one.cause.value,
        "runs": list(one.runs),
        "amount": text(one.amount),
        "made_at": one.made_at.isoformat(),
        "tree": [_account(node, None) for node in card_tree(one.lines, levels)],
    }


def _account(node: AccountNode, key: CardKey | None) -> dict[str, Any]:
    """A node and those below it; with *key*, the path of the resources behind it."""
    asked = {"account": node.account_id or ""}
    return {
        "account_id": node.account_id,
        "amount": text(node.amount),
        "resources": _resources(key, asked),
        "given": None if node.given is None else [_given(one, key, asked) for one in node.given],
    }


def _given(node: GivenNode, key: CardKey | None, above: dict[str, str]) -> dict[str, Any]:
    asked = above | {
        "kind": node.kind.value,
        "workload": node.workload_id or "",
        "rule": node.rule or "",
    }
    return {
        "kind": node.kind.value,
        "workload_id": node.workload_id,
        "rule": node.rule,
        "amount": text(node.amount),
        "resources": _resources(key, asked),
        "services": None
        if node.services is None
        else [_service(one, key, asked) for one in node.services],
    }


def _service(node: ServiceNode, key: CardKey | None, above: dict[str, str]) -> dict[str, Any]:
    return {
        "service": node.service,
        "amount": text(node.amount),
        "resources": _resources(key, above | {"service": node.service or ""}),
    }


def _resources(key: CardKey | None, asked: dict[str, str]) -> str | None:
    return None if key is None else _path(key, "resources", asked)


def _path(key: CardKey, end: str, asked: dict[str, str]) -> str:
    query = {"currency": key.currency or "", **asked}
    place = f"/spend-cards/{quote(key.product_id, safe='')}/{key.start}/{end}"
    return f"{place}?{urlencode(query, quote_via=quote)}"


class PlacedLine(NamedTuple):
    """A line of a card by its number: of its own week, or of the one that an adjustment is about."""

    number: int
    of: date
    cause: str | None
    line: CardLine

    @property
    def place(self) -> str:
        """Where it stands in a list."""
        return f"{self.number:09}"


def placed_lines(card: SpendCard, account: str | None) -> list[PlacedLine]:
    """The lines of its week, then each adjustment's; those of an *account*, "" is none, or all."""
    found = ((of, cause, line) for of, cause, lines in _groups(card) for line in lines)
    return [
        PlacedLine(number, *one)
        for number, one in enumerate(found)
        if account in (None, one[2].account_id or "")
    ]


def _groups(card: SpendCard) -> list[tuple[date, str | None, Lines]]:
    """All lines of a card by the week they are about, and why they are on it."""
    adjusted = [(one.start, one.cause.value, one.lines) for one in card.adjustments]
    return [(card.start, None, card.lines), *adjusted]


def card_line(one: PlacedLine, card: SpendCard) -> dict[str, Any]:
    """A line as a list has it, *of* the week that it is about."""
    line = one.line
    return {
        **_named(card.key),
        "of": one.of.isoformat(),
        "cause": one.cause,
        "account_id": line.account_id,
        "kind": line.kind.value,
        "workload_id": line.workload_id,
        "rule": line.rule,
        "service": line.service,
        "amount": text(line.amount),
    }


def line_table(some: Iterable[PlacedLine], card: SpendCard) -> tuple[list[str], list[list[Any]]]:
    """The same as a table."""
    items = [card_line(one, card) for one in some]
    return list(LINE_COLUMNS), [[item[name] for name in LINE_COLUMNS] for item in items]


# Resources ----------------------------------------------------------------------------------------


def card_resources(found: "ResourcesOf", card: SpendCard) -> dict[str, Any]:
    """The resources of a branch: they and the rest add up to its amount."""
    return {
        "product_id": card.product_id,
        "start": card.start.isoformat(),
        "currency": card.currency,
        "asked": {
            "account": found.branch.account,
            "kind": found.branch.kind.value if found.branch.kind else None,
            "workload": found.branch.workload,
            "rule": found.branch.rule,
            "service": found.branch.service,
        },
        "resources": [
            {
                "resource_id": one.resource_id,
                "service": one.service,
                "charges": one.charges,
                "whole": text(one.whole),
                "amount": text(one.amount),
            }
            for one in found.resources
        ],
        "others": found.others,
        "rest": text(found.rest),
        "amount": text(found.amount),
    }


def resource_table(found: "ResourcesOf", card: SpendCard) -> tuple[list[str], list[list[Any]]]:
    """The same as a table; what is left is a row without a resource, of so many others."""
    told = card_resources(found, card)["resources"]
    rows = [[one[name] for name in RESOURCE_COLUMNS] for one in told]
    if found.others:
        rows.append([f"{found.others} others", None, None, None, text(found.rest)])
    return list(RESOURCE_COLUMNS), rows


# Many decisions -----------------------------------------------------------------------------------


def decisions(made: Decisions) -> dict[str, Any]:
    """The cards that took a decision, and why each of the others did not."""
    return {
        "command": made.command.value,
        "decided": [
            _named(card.key)
            | {"status": card.status.value, "amount": text(card.amount), "version": card.version}
            for card in made.decided
        ],
        "refused": [
            _named(one.key)
            | {"why": type(one.error).__name__.removesuffix("Error"), "detail": one.error.detail}
            for one in made.refused
        ],
        "left": made.left,
    }


def _named(key: CardKey) -> dict[str, Any]:
    return {
        "product_id": key.product_id,
        "start": key.start.isoformat(),
        "currency": key.currency,
    }


# Delegations --------------------------------------------------------------------------------------


@shown.register
def delegation(one: Delegation) -> dict[str, Any]:
    """Who acts for whom on the days from its start up to, but not including, its end."""
    return {
        "delegation_id": one.delegation_id,
        "absent": one.absent,
        "delegate": one.delegate,
        "start": one.start.isoformat(),
        "end": one.end.isoformat(),
        "set_by": one.set_by,
        "set_at": one.set_at.isoformat(),
        "reason": one.reason,
        "version": one.version,
    }


def delegation_in_list(one: Delegation, today: date) -> dict[str, Any]:
    return delegation(one) | {"is_in_force": today in one}


def delegation_table(found: Sequence[Delegation], today: date) -> tuple[list[str], list[list[Any]]]:
    """The same as a table."""
    items = [delegation_in_list(one, today) for one in found]
    return list(DELEGATION_COLUMNS), [[item[name] for name in DELEGATION_COLUMNS] for item in items]
