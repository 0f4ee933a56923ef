"""The part of `finops demo` that accounts play: found, typed, one moved and one closed."""

from finops.local import organization, screen
from finops.local.api import Api
from finops.local.commands.accounts import look, show_accounts, show_check, show_tasks
from finops.local.errors import DemoError
from finops.local.installation import Installation
from finops.local.sign_in import CLOUD_ENGINEER


def find_accounts(place: Installation) -> None:
    """The organization is looked at for the first time; every account found gets its type."""
    organization.must_be_there(place.client("organizations"))
    engineer = Api(place, CLOUD_ENGINEER)
    show_check(look(engineer))
    known = {one["account_id"]: one for one in engineer.items("accounts")}
    members = organization.members().values()
    if missing := [one.name for one in members if one.account_id not in known]:
        raise DemoError(f"the look at the organization has not found {', '.join(missing)}")
    untyped = [one for one in members if known[one.account_id]["type"] is None]
    for one in untyped:
        path = ("accounts", one.account_id)
        etag = engineer.read(*path).etag
        body = {"type": one.type.value, "reason": None}
        engineer.put(*path, "type", body=body, etag=etag)
    screen.tell(
        f"{len(untyped)} waited for a type, and got it" if untyped else "All have their types"
    )
    ours = {one.account_id for one in members}
    show_accounts([one for one in engineer.items("accounts") if one["account_id"] in ours])


def follow_accounts(place: Installation) -> None:
    """An account moves and one is closed: both are on record and wait for somebody."""
    engineer = Api(place, CLOUD_ENGINEER)
    changed = organization.reorganize(place.client("organizations"))
    if changed:
        screen.tell(f"Moved to another unit, and closed: {' and '.join(changed)}")
        show_check(look(engineer))
    else:
        screen.tell("Nothing to do: one was moved and one closed before")
    show_tasks(list(engineer.items("accounts", "tasks")))
