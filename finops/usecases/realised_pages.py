"""What was realised, as a part of the savings report: in JSON, and as blocks of its page."""

from collections.abc import Mapping
from datetime import date
from typing import Any

from finops.domain.people import Person
from finops.usecases.digest import amount
from finops.usecases.mail_pages import Block
from finops.usecases.memo import Memo
from finops.usecases.ports import RealisedKept
from finops.usecases.realised_savings import (
    RealisedAnswer,
    RealisedBy,
    RealisedQuestion,
    realised_savings,
)
from finops.usecases.realised_views import OWNED, answer, rows
from finops.usecases.saving_views import Names

SHOWN = 50  # rows of a sum, and savings that were not measured
TITLES: Mapping[RealisedBy, tuple[str, str]] = {
    RealisedBy.MONTH: ("Realised, by month", "Month"),
    RealisedBy.OWNER: ("Realised, by owner", "Product"),
    RealisedBy.ACTION_TYPE: ("Realised, by action", "Action"),
}
ABOUT = (
    "Measured in the bill, on the resources' own charges before and after; expected is what AWS "
    f"recommended, for the same days; {OWNED}"
)

Realised = Mapping[RealisedBy, RealisedAnswer]


def realised(
    element: str, today: date, *, by: Person, kept: RealisedKept, memo: Memo
) -> dict[RealisedBy, RealisedAnswer]:
    """The last twelve months that are measured, by each of `TITLES`."""
    return {
        each: realised_savings(
            RealisedQuestion(by=each, element=element), today, by=by, kept=kept, memo=memo
        )
        for each in TITLES
    }


def told(made: Realised, names: Names) -> dict[str, Any]:
    """As JSON: the answer by month, and the rows of the others."""
    whole = answer(made[RealisedBy.MONTH], names)
    common = {name: whole[name] for name in whole if name not in ("by", "items")}
    sums = {f"by_{each.value}": rows(found) for each, found in made.items()}
    return common | sums


def blocks(made: Realised) -> list[Block]:
    """Sums, then what could not be measured, and why."""
    parts = [_sums(each, found) for each, found in made.items()]
    first = next(iter(made.values()))
    unmeasured = [
        (
            f"{one.action_type} {one.resource_id or one.account_id}",
            one.implemented_on.isoformat(),
            f"{one.reason}{'' if one.is_final else ' (may still be)'}",
        )
        for one in first.unmeasured
    ]
    header = ("What", "Done on", "Why not")
    parts.append(Block("Not measured", "In no sum", header, unmeasured, shown=SHOWN))
    return parts


def _sums(by: RealisedBy, found: RealisedAnswer) -> Block:
    title, name = TITLES[by]
    lines = [
        (
            row.key or "nobody",
            str(row.number),
            amount(row.realised, row.currency or ""),
            "" if row.expected is None else amount(row.expected, row.currency or ""),
        )
        for row in found.rows
    ]
    header = (name, "Savings", "Realised", "Expected")
    return Block(title, ABOUT, header, lines, right=(1, 2, 3), shown=SHOWN)
