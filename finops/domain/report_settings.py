"""Report settings: who gets which cost report, when, and what is told of in it."""

import re
from collections.abc import Iterable
from decimal import Decimal
from enum import StrEnum
from typing import Self

from pydantic import field_validator, model_validator

from finops.domain.accounts import ACCOUNT_ID
from finops.domain.elements import ENTERPRISE
from finops.domain.errors import InvalidError
from finops.domain.people import Role, address
from finops.domain.tags import must_be_spelled
from finops.domain.values import Frozen

MOST_GROUPS = 100
MOST_RECIPIENTS = 50
MOST_THRESHOLDS = 50
MOST_ACCOUNTS = 1_000
WHOLE = 10_000  # basis points: 100 %
# Twelve digits at AWS, anything else elsewhere; what is written like a number is meant for AWS.
AWS_ACCOUNT = re.compile(r"[0-9]{12}")
LIKE_A_NUMBER = re.compile(r"[\d\s.-]*")


class Dimension(StrEnum):
    """What a report takes spend apart by."""

    ACCOUNT = "Account"
    SERVICE = "Service"
    REGION = "Region"
    TAG = "Tag"


class Rhythm(StrEnum):
    """When a report comes: on Mondays about the week before, on the 1st about the month before."""

    WEEKLY = "Weekly"
    MONTHLY = "Monthly"


class Threshold(Frozen):
    """From when on a row of a report is told about: where it spent, or grew by, so much.

    *value* is exact, as the bill spells it; without one every row of *dimension* is looked at. All
    limits that are stated must be reached: *amount* spent, *growth* against the span before, *share*
    of it in basis points. *tag_key* is for tags, which have no dimension without one.
    """

    dimension: Dimension
    tag_key: str | None = None
    value: str | None = None
    amount: Decimal | None = None
    growth: Decimal | None = None
    share: int | None = None

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        if (self.dimension is Dimension.TAG) != (self.tag_key is not None):
            raise InvalidError("a threshold on tags names the key, and no other does")
        if self.tag_key is not None:
            must_be_spelled(self.tag_key)
        if self.amount is None and self.growth is None and self.share is None:
            raise InvalidError("a threshold needs an amount, a growth or a share")
        if any(limit is not None and limit <= 0 for limit in (self.amount, self.growth)):
            raise InvalidError("the amount and the growth of a threshold are more than 0")
        if self.share is not None and not 0 < self.share <= WHOLE:
            raise InvalidError(
                f"the share of a threshold is {self.share} basis points; it is above 0 and up to "
                f"{WHOLE}, which are 100 %"
            )
        return self


class ReportGroup(Frozen):
    """Some who get the report of one element, whether or not they are people with a sign-in."""

    name: str
    element: str = ENTERPRISE
    recipients: tuple[str, ...]
    rhythms: tuple[Rhythm, ...] = (Rhythm.WEEKLY, Rhythm.MONTHLY)
    thresholds: tuple[Threshold, ...] = ()

    @field_validator("recipients")
    @classmethod
    def _are_addresses(cls, given: tuple[str, ...]) -> tuple[str, ...]:
        return addresses(given)

    @model_validator(mode="after")
    def _has_readers(self) -> Self:
        if not self.name.strip() or len(self.name) > 100:
            raise InvalidError("a group of recipients has a name of 1 to 100 characters")
        if not 0 < len(self.recipients) <= MOST_RECIPIENTS:
            raise InvalidError(
                f"the group {self.name} has {len(self.recipients)} recipients; name 1 to"
                f" {MOST_RECIPIENTS}"
            )
        if not self.rhythms or len(set(self.rhythms)) < len(self.rhythms):
            raise InvalidError(f"name each rhythm of the group {self.name} once, and one at least")
        if len(self.thresholds) > MOST_THRESHOLDS:
            raise InvalidError(f"the group {self.name} has more than {MOST_THRESHOLDS} thresholds")
        return self


class AccountFilter(Frozen):
    """The accounts that reports take apart: *only* these, or all but those *without*.

    What it leaves out is a row of its own, so no total changes by it.
    """

    only: tuple[str, ...] = ()
    without: tuple[str, ...] = ()

    @field_validator("only", "without")
    @classmethod
    def _are_accounts(cls, given: tuple[str, ...]) -> tuple[str, ...]:
        for account in given:
            is_number = LIKE_A_NUMBER.fullmatch(account) is not None
            if is_number and not AWS_ACCOUNT.fullmatch(account):
                raise InvalidError(f"{account!r} is no account id; write its twelve digits")
            if not is_number and not re.fullmatch(ACCOUNT_ID, account):
                raise InvalidError(f"{account[:80]!r} is no account id: 1 to 128 characters")
        if len(given) > MOST_ACCOUNTS:
            raise InvalidError(f"there are {len(given)} accounts; {MOST_ACCOUNTS} is the most")
        return tuple(sorted(set(given)))

    @model_validator(mode="after")
    def _one_of_both(self) -> Self:
        if self.only and self.without:
            raise InvalidError("name the accounts to show, or those to leave out, not both")
        return self

    def shows(self, account: str | None) -> bool:
        if self.only:
            return account in self.only
        return account not in self.without


class ReportSettings(Frozen):
    """Cost reports: to people by *roles*, each of what they may see, and to *groups* besides."""

    roles: tuple[Role, ...] = tuple(Role)
    rhythms: tuple[Rhythm, ...] = (Rhythm.WEEKLY, Rhythm.MONTHLY)
    groups: tuple[ReportGroup, ...] = ()
    thresholds: tuple[Threshold, ...] = ()
    accounts: AccountFilter = AccountFilter()

    @model_validator(mode="after")
    def _each_word_once(self) -> Self:
        if len(set(self.roles)) < len(self.roles):
            raise InvalidError("name each of the roles that get reports once")
        if len(set(self.rhythms)) < len(self.rhythms):
            raise InvalidError("name each rhythm of the reports once")
        return self

    @field_validator("groups")
    @classmethod
    def _each_once(cls, groups: tuple[ReportGroup, ...]) -> tuple[ReportGroup, ...]:
        if len({one.name for one in groups}) < len(groups):
            raise InvalidError("two groups of recipients have one name; name them apart")
        if len(groups) > MOST_GROUPS:
            raise InvalidError(f"there are {len(groups)} groups; {MOST_GROUPS} is the most")
        return groups

    @field_validator("thresholds")
    @classmethod
    def _not_too_many(cls, thresholds: tuple[Threshold, ...]) -> tuple[Threshold, ...]:
        if len(thresholds) > MOST_THRESHOLDS:
            raise InvalidError(f"there are more than {MOST_THRESHOLDS} thresholds")
        return thresholds


def addresses(given: Iterable[str]) -> tuple[str, ...]:
    """Mail addresses, each once. Raises InvalidError for what is none.

    >>> addresses(["Ada@Example.com", "bob@example.com", "ada@example.com"])
    ('ada@example.com', 'bob@example.com')
    """
    return tuple(dict.fromkeys(address(one) for one in given))
