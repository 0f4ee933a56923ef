"""The part of `finops demo` about tags: which are required, how much has them, and what to type."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from finops.local import screen
from finops.local.api import Api
from finops.local.commands import tags
from finops.local.errors import DemoError

APPLICATION, COST_CENTER, TEAM = "user:Application", "user:CostCenter", "user:Team"
MISSPELLED = "user:cost-center"
REPORT_KEYS, REQUIRED_KEYS = [TEAM], [APPLICATION, COST_CENTER]
CHOSEN: Mapping[str, Any] = {
    "report_keys": REPORT_KEYS,
    "required_keys": REQUIRED_KEYS,
    "key_aliases": [{"key": COST_CENTER, "alias": MISSPELLED}],
    "value_aliases": [],
}
WHY = "Logistics spells the key of its cost centres its own way"
LINES = 6  # of the script that are shown


def choose(api: Api, month: str) -> None:
    """Required tags, tags to tell spend by, another spelling of a key; and what that changes."""
    known = api.read("settings")
    there = known.body["tags"]
    if all(there[name] == value for name, value in CHOSEN.items()):
        screen.tell("Nothing to do: the tags were chosen before")
    else:
        before = _share(api, month, COST_CENTER)
        api.put("settings", "tags", body={**there, **CHOSEN, "reason": WHY}, etag=known.etag)
        after = _share(api, month, COST_CENTER)
        screen.console.print(
            f"{COST_CENTER} has {tags.percent(before)} of spend; {MISSPELLED} is an alias of it from"
            f" now on: {tags.percent(after)}"
        )
        if not Decimal(before) < Decimal(after):
            raise DemoError(f"the alias {MISSPELLED} adds nothing to what {COST_CENTER} has")
    screen.facts({"Required": ", ".join(REQUIRED_KEYS), "Reports tell by": TEAM})


def _share(api: Api, month: str, key: str) -> str:
    """How much of the spend that could have *key* has it, as a part of 1."""
    (whole,) = api.get("tags", "coverage", by="total", key=key, month=month)["items"]
    return str(whole["all_keys"]["cost_covered"])


def show(api: Api, month: str) -> None:
    """Coverage by owner and of each key, the dearest without, and the script that would mend it."""
    tags.show_coverage(api.get("tags", "coverage", by="owner", month=month))
    tags.show_missing(api.get("tags", "missing", month=month))
    tags.show_untagged(api.get("tags", "untagged", top=5, month=month))
    told = api.get("tags", "commands", key=COST_CENTER, month=month)
    script = tags.script(told).splitlines()
    screen.console.print(f"[bold]finops tags commands {COST_CENTER}[/bold]")
    for line in script[:LINES]:
        screen.console.print(screen.plain(line), soft_wrap=True)
    if len(script) > LINES:
        screen.console.print(f"[dim]… and {len(script) - LINES} more lines[/dim]")
