"""A world to watch: a chart with schedules, bills that come every hour, and a clock that is put."""

from collections.abc import Mapping
from datetime import date, datetime, timedelta
from typing import Any

from finops.domain.alert_settings import AlertSettings
from finops.domain.allocation_runs import Allocation
from finops.domain.audit import Deed
from finops.domain.bill_notes import BilledDiscounts
from finops.domain.bills import Bill, BillTotal
from finops.domain.class_policies import CostBasis
from finops.domain.loads import Costs
from finops.domain.organisation_settings import OrganisationSettings
from finops.domain.periods import BillingPeriod
from finops.usecases.alert_crossings import WatchSources
from finops.usecases.bill_notes import BillNotes
from finops.usecases.credits import Treasury
from finops.usecases.digest import Letterhead
from finops.usecases.plans import Planning
from finops.usecases.ports import Save, Spent
from finops.usecases.watch_spend import Outlets, Watched, watch_spend
from tests.alert_fakes import (
    InMemoryAlerts,
    InMemoryDailySpend,
    InMemoryDispatches,
    InMemoryWebhooks,
)
from tests.allocation_fakes import InMemoryAllocations
from tests.fakes import InMemoryBills
from tests.usecases.organisation import Organisation, act

PAYER = "999988887777"
PAPER = Letterhead(
    subject="FinOps Center: $alert",
    text="Hello $name,\n\nthis needs somebody to look at it.",
    app_url="https://finops.example/?from=mail&in=one",
)


class DaysSpent:
    """`Spending` of what the days say."""

    def __init__(self, days: InMemoryDailySpend) -> None:
        self._days = days

    def spent(self, months: Any) -> Spent:
        found: dict[str, list[int]] = {}
        for place, month in enumerate(months):
            for product, days in self._days.products([str(month)]).items():
                found.setdefault(product, [0] * len(months))[place] = sum(days.values())
        return Spent(found, {}, {}, state=repr(found))


class NoNotes(BillNotes):
    """Bills that name neither credits nor discounts."""

    def __init__(self) -> None:
        pass

    def discounts(self, month: str) -> Any:
        return BilledDiscounts(payers=frozenset(), services=frozenset())


class Watching:
    """An organisation whose bills are watched; *now* is put by tests."""

    def __init__(self, organisation: Organisation, **settings: Any) -> None:
        self.organisation = organisation
        self.alerts: Any = InMemoryAlerts(organisation.records)
        self.dispatches: Any = InMemoryDispatches()
        self.webhooks: Any = InMemoryWebhooks()
        self.mails: Any = organisation.mails
        self.days: Any = InMemoryDailySpend()
        self.bills: Any = InMemoryBills()
        self.allocations: Any = InMemoryAllocations()
        self.choose(**settings)

    def choose(self, **settings: Any) -> None:
        """Other settings of alerts from now on."""
        kept = self.organisation.settings_kept
        before = kept.find("all")
        known = before or OrganisationSettings()
        after = known.changed(alerts=AlertSettings(**settings))
        kept.save([Save(before, after, Deed(action="SetAlerts"))], act())

    def deliver(self, at: datetime, *, payer: str = PAYER, month: str | None = None) -> None:
        """A bill of the month is delivered and allocated: it has charges up to the day of *at*."""
        period = month or f"{at:%Y-%m}"
        last = min(at.date(), BillingPeriod(period).end - timedelta(1))
        known = self.bills.find(payer, period)
        load = f"{payer}-{at:%Y%m%dT%H%M}"
        total = BillTotal(
            billing_currency="USD",
            costs=Costs(),
            last_usage_day=last.isoformat(),
            lines_without_invoice=1,
        )
        bill = Bill(
            billing_account_id=payer,
            billing_period=period,
            load_id=load,
            delivered_at=at,
            published_at=at,
            lineage=(load,),
            totals=(total,),
            version=known.version if known else 0,
        )
        self.bills.publish([bill])
        made = self.allocations.find(payer, period)
        self.allocations.publish(
            Allocation(
                billing_account_id=payer,
                billing_period=period,
                run_id=f"run-{load}",
                load_id=load,
                basis=CostBasis.BILLED,
                revision=0,
                made_at=at,
                lineage=(load,),
                totals=(),
                version=made.version if made else 0,
            )
        )

    @property
    def sources(self) -> WatchSources:
        made = self.organisation
        return WatchSources(
            planning=Planning(made.charts, made.budgets, DaysSpent(self.days), made.memo),
            spend=self.days,
            bills=self.bills,
            allocations=self.allocations,
            treasury=Treasury(
                *(made.credits, made.product_spend, self.bills, NoNotes()),
                open_from=date(2026, 1, 1),
                currency="USD",
            ),
            closes=made.closes,
            first_month=1,
            currency="USD",
        )

    @property
    def outlets(self) -> Outlets:
        made = self.organisation
        return Outlets(
            *(made.people, made.charts, self.dispatches, self.mails, self.webhooks, PAPER)
        )

    def watch(self, at: datetime, month: str | None = None) -> Watched:
        return watch_spend(
            at,
            "request-1",
            month=month,
            sources=self.sources,
            alerts=self.alerts,
            settings=self.organisation.settings_kept,
            outlets=self.outlets,
        )

    def raised(self) -> list[Any]:
        """All alerts, as they were raised."""
        found = self.organisation.records.of_kind("alert#")
        return sorted(found, key=lambda one: (one.raised_at, one.crossing.level or 0))

    def events(self) -> Mapping[str, int]:
        """How often each event was told of."""
        found: dict[str, int] = {}
        for name, chain in self.organisation.records.chains.items():
            for record in chain:
                if name.startswith("alert#") and record.event:
                    found[record.event] = found.get(record.event, 0) + 1
        return found
