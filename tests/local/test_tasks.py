"""`finops tasks`, with tasks that are written here."""

from typing import Any

from finops.local import screen
from finops.local.commands.people import show_tasks


def task(kind: str, **told: Any) -> dict[str, Any]:
    nothing = dict.fromkeys(
        ("year", "element", "name", "account_id", "notice", "credit_id", "saving_id", "savings")
    )
    since = "2026-03-10T09:00:00+00:00"
    return nothing | {"kind": kind, "since": since, "is_escalated": False} | told


def shown(*tasks: dict[str, Any]) -> str:
    with screen.console.capture() as kept:
        show_tasks(tasks)
    return " ".join(kept.get().split())


def test_accounts_and_credits_go_by_name_and_id() -> None:
    text = shown(
        task("SetType", name="shop", account_id="444455556666", notice="New"),
        task("MapAccount", name=None, account_id="555566667777"),
        task("MapCredit", name="PROMO [1]", account_id="555566667777", credit_id="c-1"),
    )

    assert "SetType shop 444455556666: New 2026-03-10" in text
    assert "MapAccount account 555566667777 2026-03-10" in text
    assert "MapCredit PROMO [1] c-1 2026-03-10" in text
