"""Alert settings: from when on spend is told of while it happens, and to whom besides its owners."""

from decimal import Decimal
from typing import Self

from pydantic import field_validator, model_validator

from finops.domain.elements import ENTERPRISE
from finops.domain.errors import InvalidError
from finops.domain.report_settings import MOST_RECIPIENTS, addresses
from finops.domain.values import Frozen

MOST_LEVELS = 20
MOST_CHANNELS = 50


class Channel(Frozen):
    """Where alerts about *element* and what is below go besides its owners.

    *recipients* are mail addresses; *webhook* is the name of one that the deployment knows.
    """

    name: str
    element: str = ENTERPRISE
    recipients: tuple[str, ...] = ()
    webhook: str | None = None

    @field_validator("recipients")
    @classmethod
    def _are_addresses(cls, given: tuple[str, ...]) -> tuple[str, ...]:
        return addresses(given)

    @model_validator(mode="after")
    def _leads_somewhere(self) -> Self:
        if not self.name.strip() or len(self.name) > 100:
            raise InvalidError("a channel has a name of 1 to 100 characters")
        if not self.recipients and self.webhook is None:
            raise InvalidError(f"the channel {self.name} needs recipients or a webhook")
        if len(self.recipients) > MOST_RECIPIENTS:
            raise InvalidError(
                f"the channel {self.name} has {len(self.recipients)} recipients;"
                f" {MOST_RECIPIENTS} is the most"
            )
        return self


class AnomalySettings(Frozen):
    """What is unusual: a day that is *spreads* robust spreads above its weekday's median, and *least*.

    At least *weeks* of the same weekday are needed; who has fewer is a new spender, told of from
    *new_spender* a day on. *least* and *new_spender* are in the currency of plans.
    """

    spreads: Decimal = Decimal(5)
    least: Decimal = Decimal(100)
    weeks: int = 4
    new_spender: Decimal = Decimal(100)

    @model_validator(mode="after")
    def _is_possible(self) -> Self:
        if self.spreads <= 0 or self.least <= 0 or self.new_spender <= 0:
            raise InvalidError("the spreads and amounts of anomalies are more than 0")
        if not 3 <= self.weeks <= 12:
            raise InvalidError("anomalies look back 3 to 12 weeks")
        return self


class AlertSettings(Frozen):
    """*levels* are of the month's schedule, in basis points: 8000 are 80 %.

    *forecast* and *pace* say whether a month that is going to be beyond its schedule is told of, and a
    pace that crosses it. *credit_days*: a credit that will be used up or expire so soon. *late_hours*:
    a bill that was not delivered for so long.
    """

    levels: tuple[int, ...] = (5_000, 8_000, 10_000, 12_000)
    forecast: bool = True
    pace: bool = True
    credit_days: tuple[int, ...] = (30, 7)
    late_hours: int = 36
    anomalies: AnomalySettings = AnomalySettings()
    channels: tuple[Channel, ...] = ()

    @model_validator(mode="after")
    def _is_possible(self) -> Self:
        if len(self.levels) > MOST_LEVELS or any(not 0 < one <= 100_000 for one in self.levels):
            raise InvalidError(
                f"levels are above 0 and up to 100000 basis points, {MOST_LEVELS} at most"
            )
        if list(self.levels) != sorted(set(self.levels)):
            raise InvalidError("write each level once, the lowest first")
        if len(self.credit_days) > MOST_LEVELS or any(
            not 0 < days <= 365 for days in self.credit_days
        ):
            raise InvalidError(
                f"credits are warned of 1 to 365 days ahead, {MOST_LEVELS} times at most"
            )
        if len(set(self.credit_days)) < len(self.credit_days):
            raise InvalidError("write each number of days before the end of a credit once")
        if not 6 <= self.late_hours <= 24 * 14:
            raise InvalidError("a bill is late after 6 to 336 hours")
        if len({one.name for one in self.channels}) < len(self.channels):
            raise InvalidError("two channels have one name; name them apart")
        if len(self.channels) > MOST_CHANNELS:
            raise InvalidError(f"there are {len(self.channels)} channels; {MOST_CHANNELS} at most")
        return self
