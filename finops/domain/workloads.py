"""Workloads: what runs for a product in an account, what it should cost, and in which months."""

from collections.abc import Iterable
from datetime import date
from typing import Annotated, Self

from pydantic import Field, model_validator

from finops.domain.errors import InvalidError
from finops.domain.fiscal_years import FiscalYear
from finops.domain.links import must_be_safe
from finops.domain.money import text
from finops.domain.periods import BillingPeriod
from finops.domain.values import Entity, Frozen

LONGEST_NAME = 120

Ticks = Annotated[int, Field(ge=0)]


class Component(Frozen):
    """A part of a workload, and what it should cost a month, in ticks."""

    name: str
    monthly: Ticks


class Workload(Entity):
    """Something that runs for *product_id* in *account_id* from month *launch* to month *end*.

    Both months are part of it, written `YYYY-MM`. *monthly* is its estimate in ticks: the sum of
    its *components*, where they are stated.
    """

    workload_id: str
    product_id: str
    account_id: str
    name: str
    estimate_url: str | None = None
    monthly: Ticks | None = None
    components: tuple[Component, ...] = ()
    launch: str
    end: str

    @model_validator(mode="after")
    def _is_possible(self) -> Self:
        if not 1 <= len(self.name.strip()) <= LONGEST_NAME:
            raise InvalidError(
                f"a workload's name has 1 to {LONGEST_NAME} characters, this one has "
                f"{len(self.name.strip())}"
            )
        if self.estimate_url is not None:
            must_be_safe(self.estimate_url)
        if BillingPeriod(self.end) < BillingPeriod(self.launch):
            raise InvalidError(
                f"the workload would end in {self.end}, before its launch in {self.launch}"
            )
        self._must_add_up()
        return self

    def _must_add_up(self) -> None:
        names = [component.name for component in self.components]
        if twice := [name for name in names if names.count(name) > 1]:
            raise InvalidError(f"the component {twice[0]!r} is named twice")
        total = sum(component.monthly for component in self.components)
        if self.components and self.monthly != total:
            stated = "nothing" if self.monthly is None else text(self.monthly)
            raise InvalidError(
                f"the components add up to {text(total)} a month, the estimate says {stated}"
            )

    @classmethod
    def planned(
        cls,
        workload_id: str,
        *,
        product_id: str,
        account_id: str,
        name: str,
        today: date,
        launch: str,
        end: str | None = None,
        first_month: int = 1,
        estimate_url: str | None = None,
        monthly: int | None = None,
        components: Iterable[Component] = (),
    ) -> Self:
        """A new workload; without an *end* it runs to the end of the fiscal year of its launch.

        Raises InvalidError for a launch before this month, and what no workload may be.
        Source: specification section 7.2.
        """
        _not_before(launch, today)
        parts = tuple(components)
        return cls(
            workload_id=workload_id,
            product_id=product_id,
            account_id=account_id,
            name=name.strip(),
            estimate_url=estimate_url,
            monthly=_estimate(monthly, parts),
            components=parts,
            launch=launch,
            end=end or str(FiscalYear.of(BillingPeriod(launch).start, first_month).months[-1]),
        )

    def replanned(
        self,
        *,
        name: str,
        today: date,
        launch: str,
        end: str,
        estimate_url: str | None = None,
        monthly: int | None = None,
        components: Iterable[Component] = (),
    ) -> Self:
        """This workload with another plan; product and account stay.

        A launch that is over stays where it is; another one is not before this month.
        """
        if launch != self.launch:
            _not_before(launch, today)
        parts = tuple(components)
        return type(self)(
            version=self.version,
            head=self.head,
            workload_id=self.workload_id,
            product_id=self.product_id,
            account_id=self.account_id,
            name=name.strip(),
            estimate_url=estimate_url,
            monthly=_estimate(monthly, parts),
            components=parts,
            launch=launch,
            end=end,
        )

    def ended(self, month: str) -> Self:
        """This workload with *month* as its last one, which is before the one that was planned.

        Its claims stay until they are released. Raises InvalidError for another month.
        """
        last = BillingPeriod(month)
        if last >= BillingPeriod(self.end):
            raise InvalidError(f"{self.name} ends in {self.end} already; name an earlier month")
        if last < BillingPeriod(self.launch):
            raise InvalidError(
                f"{self.name} launches in {self.launch}; it can end in that month, not in {last}"
            )
        return self.changed(end=str(last))

    def runs_in(self, month: str) -> bool:
        return self.launch <= month <= self.end


def _not_before(launch: str, today: date) -> None:
    if BillingPeriod(launch) < (this := BillingPeriod.of(today)):
        raise InvalidError(f"a workload launches in {this} or later, not in {launch}")


def _estimate(monthly: int | None, components: tuple[Component, ...]) -> int | None:
    if monthly is None and components:
        return sum(component.monthly for component in components)
    return monthly
