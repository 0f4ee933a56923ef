"""Grounds: what a change of who pays stands on, gathered from the charts, accounts and workloads."""

from collections.abc import Mapping
from datetime import date, datetime
from functools import partial
from typing import NamedTuple

from finops.domain.allocations import Lives, lives
from finops.domain.authorization import Action, may
from finops.domain.class_policies import CostBasis
from finops.domain.people import Person
from finops.domain.periods import BillingPeriod
from finops.domain.rule_changes import Ground
from finops.usecases.memo import Memo, stamp
from finops.usecases.ports import Accounts, Charts, Rulebook, RulesNow, Workloads


class Grounds(NamedTuple):
    """Where a ground is gathered; *open_from* is the first day of the first open month."""

    charts: Charts
    accounts: Accounts
    workloads: Workloads
    first_month: int
    open_from: date
    memo: Memo

    def is_closed(self, month: str) -> bool:
        return BillingPeriod(month).start < self.open_from


def ground(by: Person, at: datetime, *, grounds: Grounds) -> Ground:
    """What a change that *by* makes at that moment stands on."""
    sees = partial(may, by, Action.SEE_ELEMENT)
    return ground_of(by.email, at, grounds=grounds)._replace(sees=sees)


def ground_of(by: str, at: datetime, *, grounds: Grounds) -> Ground:
    """The same, of somebody known by their address, whose rights were looked at before."""
    return Ground(
        by=by,
        at=at,
        open_from=grounds.open_from,
        first_month=grounds.first_month,
        products=living(grounds),
        workloads=grounds.workloads.all(),
        **everyone(grounds)._asdict(),
    )


def living(grounds: Grounds) -> Lives:
    """The days on which each product of any year's chart is alive."""
    heads = grounds.charts.heads()
    return grounds.memo.of(
        "lives", stamp(heads), lambda: lives(grounds.charts.read(head) for head in heads)
    )


class Everyone(NamedTuple):
    """All accounts there are, when they joined, and everybody who ever paid for one."""

    accounts: frozenset[str]
    joined: Mapping[str, date]
    payers: frozenset[str]


def everyone(grounds: Grounds) -> Everyone:
    """At most a moment behind."""
    known = grounds.accounts.all()

    def made() -> Everyone:
        return Everyone(
            accounts=frozenset(one.account_id for one in known),
            joined={one.account_id: one.joined for one in known if one.joined is not None},
            payers=frozenset(each.value for one in known for each in one.payers),
        )

    return grounds.memo.of("everyone", stamp(known), made)


class Edition(NamedTuple):
    """How far rules and charts are by now, for who need not know what they say."""

    rulebook: Rulebook
    charts: Charts
    basis: CostBasis

    def revision(self) -> int:
        """How many changes there were; at most a moment behind."""
        return sum(head.version for head in self.charts.heads()) + self.rulebook.revision()


class Book(NamedTuple):
    """Where the rules of a run come from."""

    rulebook: Rulebook
    grounds: Grounds
    basis: CostBasis

    def now(self) -> RulesNow:
        """The rules as they are, and how many changes of rules and charts there were."""
        of_charts = self._of_charts()  # looked at first: what comes between makes it no newer
        told = self.rulebook.now()
        return RulesNow(told.rules._replace(basis=self.basis), of_charts + told.revision)

    def is_closed(self, month: str) -> bool:
        return self.grounds.is_closed(month)

    def revision(self) -> int:
        """How many changes there were; at most a moment behind."""
        return self._of_charts() + self.rulebook.revision()

    def _of_charts(self) -> int:
        return sum(head.version for head in self.grounds.charts.heads())
