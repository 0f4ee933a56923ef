"""What the door to accounts answers."""

from typing import Annotated

from pydantic import Field

from finops.domain.accounts import (
    ACCOUNT_ID,
    AccountState,
    AccountType,
    CheckStatus,
    Need,
    NoticeKind,
)
from finops.domain.people import Role
from finops.runtime.openapi.words import Answers, Count, Cursor, Day, Time, Told

AccountId = Annotated[str, Field(pattern=ACCOUNT_ID, examples=["444455556666"])]
Path = Annotated[
    list[str], Field(description="Organizational units, the highest first; empty: the root")
]


class AccountNotice(Told):
    """Something to know about an account, and what it asks for."""

    kind: NoticeKind
    since: Time
    need: Need


class AccountInList(Told):
    """An account; what it is called, who pays and where it stands are null while nobody has said."""

    account_id: str
    name: str | None
    payer: str | None
    path: Path | None
    type: AccountType | None
    state: AccountState
    state_since: Day
    email: str | None
    joined: Day | None
    first_seen: Annotated[Day, Field(description="In the organization, or on a bill")]
    notices: list[AccountNotice]
    changed_at: Time
    version: Annotated[int, Field(ge=0, description="What `ETag` says: changes so far")]


class AccountPage(Told):
    items: list[AccountInList]
    next_cursor: Cursor


class DatedText(Told):
    """What holds from a day on, until something else does."""

    since: Day
    value: str


class DatedPath(Told):
    """Where an account stands from a day on."""

    since: Day
    value: Path


class Account(AccountInList):
    """An account, now and then."""

    tags: dict[str, str]
    names: list[DatedText]
    payers: list[DatedText]
    paths: list[DatedPath]


class AccountTask(Told):
    """What an open notice asks for."""

    account_id: str
    name: str | None
    notice: NoticeKind
    need: Need
    since: Time
    owed_by: list[Role]


class AccountTaskPage(Told):
    items: list[AccountTask]
    next_cursor: Cursor


class AccountCheck(Told):
    """The last look at the organization, and what it has changed."""

    status: CheckStatus
    force: bool
    asked_by: str | None
    asked_at: Time | None
    began_at: Annotated[Time | None, Field(description="Of the last that came to an end")]
    listed: Annotated[Count, Field(description="Accounts in it")]
    found: Annotated[dict[str, int], Field(description="Notices it opened, by kind")]
    detail: Annotated[str | None, Field(description="Why it was refused")]
    version: Annotated[int, Field(ge=0, description="What `ETag` says: changes so far")]


ANSWERS: Answers = {
    ("get", "/accounts"): ("200", AccountPage),
    ("get", "/accounts/tasks"): ("200", AccountTaskPage),
    ("get", "/accounts/checks"): ("200", AccountCheck),
    ("post", "/accounts/checks"): ("202", AccountCheck),
    ("get", "/accounts/{account_id}"): ("200", Account),
    ("put", "/accounts/{account_id}/type"): ("200", Account),
    ("post", "/accounts/{account_id}/acknowledgements"): ("200", Account),
}
