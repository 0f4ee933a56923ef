"""Organisation settings: what an organisation chooses while the product runs, kept and audited."""

from decimal import Decimal
from typing import Self

from pydantic import field_validator, model_validator

from finops.domain.alert_settings import AlertSettings
from finops.domain.close_figures import ExchangeRate, JournalAccounts
from finops.domain.column_plans import ColumnPlan
from finops.domain.errors import InvalidError
from finops.domain.report_settings import ReportSettings
from finops.domain.spend_cards import CardSettings
from finops.domain.tag_settings import TagSettings
from finops.domain.values import Entity, Frozen

ALL = "all"  # what the one set of settings is known by


class CloseSettings(Frozen):
    """How the files of a close are written, and what the journal books on.

    *cost_centres* are of elements; one without has that of the nearest above it.
    """

    plans: tuple[ColumnPlan, ...] = ()
    accounts: JournalAccounts = JournalAccounts()
    cost_centres: tuple[tuple[str, str], ...] = ()
    rates: tuple[ExchangeRate, ...] = ()
    reporting_currency: str | None = None

    @field_validator("plans")
    @classmethod
    def _each_kind_once(cls, plans: tuple[ColumnPlan, ...]) -> tuple[ColumnPlan, ...]:
        if len({plan.kind for plan in plans}) < len(plans):
            raise InvalidError("a file has two column plans; keep one")
        return tuple(sorted(plans, key=lambda plan: plan.kind))

    @field_validator("cost_centres")
    @classmethod
    def _each_element_once(cls, given: tuple[tuple[str, str], ...]) -> tuple[tuple[str, str], ...]:
        if len(dict(given)) < len(given):
            raise InvalidError("an element is named twice; give it one cost centre")
        return tuple(sorted(given))

    @model_validator(mode="after")
    def _rates_lead_somewhere(self) -> Self:
        if self.rates and self.reporting_currency is None:
            raise InvalidError("say which currency the exchange rates lead to")
        if len({one.currency for one in self.rates}) < len(self.rates):
            raise InvalidError("a currency has two exchange rates; state one of them")
        if any(
            one.currency == self.reporting_currency and one.rate != Decimal(1) for one in self.rates
        ):
            raise InvalidError("the reporting currency is worth one of itself; leave its rate out")
        return self


class OrganisationSettings(Entity):
    """All of them; without a version nobody has changed any."""

    settings_id: str = ALL
    cards: CardSettings = CardSettings()
    close: CloseSettings = CloseSettings()
    reports: ReportSettings = ReportSettings()
    tags: TagSettings = TagSettings()
    alerts: AlertSettings = AlertSettings()
    alias_changes: int = 0  # how often tags were given other spellings: who pays may be another

    def with_tags(self, tags: TagSettings) -> Self:
        """These with other tag settings; a change of aliases is counted."""
        is_other = tags.aliases != self.tags.aliases
        return self.changed(tags=tags, alias_changes=self.alias_changes + is_other)
