"""Charts of accounts: the products of a fiscal year, their annual amounts, and what a file changes.

An annual amount is a step: it is in force from its start until the next one.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from datetime import date
from enum import StrEnum
from functools import cached_property

from finops.domain.chart_files import ChartFile, Controls, Names, Row, RowError
from finops.domain.elements import ENTERPRISE, LEVELS, ancestors, element_id, parent
from finops.domain.errors import InvalidError, NotFoundError
from finops.domain.fiscal_years import FiscalYear
from finops.domain.values import Frozen

ENTERPRISE_NAME = "Enterprise"


class Step(Frozen):
    """An annual amount (ticks) from *start* on; None: the product ends the day before."""

    start: date
    annual: int | None


class Product(Frozen):
    """What a budget belongs to: an element of level 4.

    *steps* are by start, one a start; *proposed* is ticks for each month of the fiscal year.
    """

    id: str
    names: Names
    steps: tuple[Step, ...]
    proposed: tuple[int, ...] | None = None

    @property
    def starts(self) -> date:
        return self.steps[0].start

    def ends(self, year: FiscalYear) -> date:
        """The day after the product's last one in *year*."""
        last = self.steps[-1]
        return last.start if last.annual is None else year.end

    def annual(self, on: date) -> int | None:
        """The annual amount in force *on* that day, in ticks; None where the product is not alive."""
        return next((step.annual for step in reversed(self.steps) if step.start <= on), None)

    def limit(self, on: date) -> int | None:
        """The annual amount to plan against: one that starts later can be planned already."""
        if (now := self.annual(on)) is not None:
            return now
        ahead = (step.annual for step in self.steps if step.start > on)
        return next((annual for annual in ahead if annual is not None), None)

    def is_alive(self, on: date) -> bool:
        return self.annual(on) is not None

    def lives_from(self, day: date) -> bool:
        """Whether the product is alive on *day* or on a later one."""
        return self.is_alive(day) or any(
            step.annual is not None for step in self.steps if step.start >= day
        )


class Chart(Frozen):
    """The chart of accounts of fiscal year *year*; *products* are sorted by id.

    A chart keeps what it has looked up: change one with `Chart(…)`, not `model_copy`.
    """

    year: int
    first_month: int
    labels: Names
    products: tuple[Product, ...]

    @cached_property
    def fiscal_year(self) -> FiscalYear:
        return FiscalYear(self.year, self.first_month)

    @cached_property
    def elements(self) -> tuple[str, ...]:
        """Every element of levels 1 to 4, ended products and what is above them included."""
        return tuple(sorted(self._under.keys() - {ENTERPRISE}))

    @cached_property
    def _by_id(self) -> dict[str, Product]:
        return {product.id: product for product in self.products}

    @cached_property
    def _under(self) -> dict[str, tuple[Product, ...]]:
        under: defaultdict[str, list[Product]] = defaultdict(list)
        for product in self.products:
            for element in ancestors(product.id):
                under[element].append(product)
        return {element: tuple(products) for element, products in under.items()}

    @cached_property
    def _children(self) -> dict[str, tuple[str, ...]]:
        children: defaultdict[str, list[str]] = defaultdict(list)
        for element in self.elements:
            children[parent(element)].append(element)
        return {element: tuple(below) for element, below in children.items()}

    def product(self, element: str) -> Product | None:
        return self._by_id.get(element)

    def products_under(self, element: str) -> tuple[Product, ...]:
        """The products that *element* covers, by id; itself where it is one."""
        return self._under.get(element, ())

    def children(self, element: str) -> tuple[str, ...]:
        """The elements one level below *element*, by id."""
        return self._children.get(element, ())

    def names(self, element: str) -> str:
        """What *element* is called; raises NotFoundError for one that is not in the chart."""
        if element == ENTERPRISE:
            return ENTERPRISE_NAME
        below = self.products_under(element)
        if not below:
            raise NotFoundError(f"there is no {element} in the chart of accounts of {self.year}")
        return below[0].names[element.count(".")]

    def annual(self, element: str, on: date) -> int:
        """What is in force below *element* on that day, in ticks: the sum of its children."""
        return sum(product.annual(on) or 0 for product in self.products_under(element))


class ChangeKind(StrEnum):
    """What a file does to a product."""

    ADDED = "Added"
    CHANGED = "Changed"
    ENDED = "Ended"
    UNCHANGED = "Unchanged"


class ChartChange(Frozen):
    """What a file does to a product: the annual ticks on the day it takes effect, and those before.

    A product is changed by its amounts and proposed months, not by how it is spelled.
    """

    product_id: str
    names: Names
    kind: ChangeKind
    before: int | None
    after: int | None


class ChartReport(Frozen):
    """What a file does to the chart, or why it does nothing; changes are by product id.

    *start* is the day it takes effect, *flagged* are products that now get less than is planned,
    *respelled* the elements that go by another name. Totals are ticks of all products on the last
    day of the year.
    """

    file_name: str | None = None
    controls: Controls | None = None
    labels: Names | None = None
    labels_before: Names | None = None
    start: date | None = None
    rows: int = 0
    added: tuple[ChartChange, ...] = ()
    changed: tuple[ChartChange, ...] = ()
    ended: tuple[ChartChange, ...] = ()
    unchanged: tuple[ChartChange, ...] = ()
    flagged: tuple[ChartChange, ...] = ()
    respelled: tuple[str, ...] = ()
    errors: tuple[RowError, ...] = ()
    warnings: tuple[str, ...] = ()
    annual_before: int = 0
    annual_after: int = 0

    @property
    def is_refused(self) -> bool:
        return bool(self.errors)

    @property
    def changes_nothing(self) -> bool:
        """Whether the chart stays as it is: all is in it already, or the file is refused."""
        changes = (self.added, self.changed, self.ended, self.respelled)
        return self.is_refused or (not any(changes) and self.labels == self.labels_before)


def apply(
    chart: Chart | None,
    controls: Controls,
    file: ChartFile,
    *,
    first_month: int,
    planned: Mapping[str, int],
    open_from: date = date.min,
) -> tuple[Chart | None, ChartReport]:
    """*chart* with *file* in force, and what that changes; as it was where anything is wrong.

    *planned* is what is approved for the year, in ticks by product. Days before the file's start
    stay as they were; steps after it stay in force, unless the file replaces the year (isOverride).
    No product ends before *open_from*, the first day of the first open month, if it was alive then.
    Source: specification section 4.
    """
    year = FiscalYear(controls.year, first_month)
    start = controls.starts(year)
    known = {product.id: product for product in chart.products} if chart else {}
    rows = {element_id(row.names): row for row in file.rows}
    products = _products(known, rows, start, is_override=controls.is_override)
    applied = Chart(
        year=year.year,
        first_month=first_month,
        labels=file.labels,
        products=tuple(products[product_id] for product_id in sorted(products)),
    )
    conflicts = _two_parents(products, rows, file.labels)
    errors = (
        *_year_errors(chart, controls, year),
        *_closed_errors(known, products, year, start, open_from),
        *file.errors,
        *conflicts,
    )
    before = chart.annual(ENTERPRISE, year.last_day) if chart else 0
    report = ChartReport(
        controls=controls,
        labels=file.labels,
        labels_before=chart.labels if chart else None,
        start=start,
        rows=len(file.rows),
        errors=tuple(sorted(errors, key=lambda error: error.row or 0)),
        warnings=tuple(_control_warnings(chart, controls, start)),
        annual_before=before,
        annual_after=before,
    )
    if report.is_refused:
        return chart, report
    changes = [
        _change(known.get(product.id), product, start, is_listed=product.id in rows)
        for product in applied.products
        if product.id in rows or product.steps != known[product.id].steps
    ]
    respelled = _respelled(known, products)
    told = {kind.lower(): tuple(c for c in changes if c.kind is kind) for kind in ChangeKind}
    return applied, report.model_copy(
        update={
            **told,
            "flagged": tuple(change for change in changes if _is_short(change, planned)),
            "respelled": tuple(sorted(respelled)),
            "warnings": (*report.warnings, *_warnings(chart, applied, rows, start, respelled)),
            "annual_after": applied.annual(ENTERPRISE, year.last_day),
        }
    )


def _products(
    known: Mapping[str, Product], rows: Mapping[str, Row], start: date, *, is_override: bool
) -> dict[str, Product]:
    """The products *known* and those of *rows*, from *start* on as the rows say."""
    spelling = {
        element: name
        for product_id, row in rows.items()
        for element, name in zip(_path(product_id), row.names, strict=True)
    }
    products: dict[str, Product] = {}
    for product_id, product in known.items():
        e1, e2, e3, e4 = (
            spelling.get(element, name)
            for element, name in zip(_path(product_id), product.names, strict=True)
        )
        steps = product.steps
        if is_override and product.lives_from(start):
            steps = _stepped(steps, start, None, keeps_later=False)
        products[product_id] = Product(
            id=product_id, names=(e1, e2, e3, e4), steps=steps, proposed=product.proposed
        )
    for product_id, row in rows.items():
        old = known.get(product_id)
        steps = old.steps if old else ()
        products[product_id] = Product(
            id=product_id,
            names=row.names,
            steps=_stepped(steps, start, row.annual, keeps_later=not is_override),
            proposed=row.months or (old.proposed if old else None),
        )
    return products


def _path(product_id: str) -> tuple[str, ...]:
    """The elements that lead to a product, its business unit first, itself last."""
    return ancestors(product_id)[LEVELS - 1 :: -1]


def _stepped(
    steps: tuple[Step, ...], start: date, annual: int | None, *, keeps_later: bool
) -> tuple[Step, ...]:
    """*steps* with *annual* in force from *start* on; no step where it is in force already."""
    so_far = tuple(step for step in steps if step.start <= start)
    if not so_far or so_far[-1].annual != annual:
        so_far = (
            *(step for step in so_far if step.start < start),
            Step(start=start, annual=annual),
        )
    return so_far + tuple(step for step in steps if keeps_later and step.start > start)


def _change(old: Product | None, new: Product, start: date, *, is_listed: bool) -> ChartChange:
    if not is_listed:
        kind = ChangeKind.ENDED
    elif old is None or not old.lives_from(start):
        kind = ChangeKind.ADDED
    elif (old.steps, old.proposed) != (new.steps, new.proposed):
        kind = ChangeKind.CHANGED
    else:
        kind = ChangeKind.UNCHANGED
    return ChartChange(
        product_id=new.id,
        names=new.names,
        kind=kind,
        before=old.annual(start) if old else None,
        after=new.annual(start),
    )


def _is_short(change: ChartChange, planned: Mapping[str, int]) -> bool:
    """Whether the file gives a product less than is planned for it; what it ends it does not flag."""
    is_new_amount = change.kind in (ChangeKind.ADDED, ChangeKind.CHANGED)
    return is_new_amount and planned.get(change.product_id, 0) > (change.after or 0)


def _respelled(
    known: Mapping[str, Product], products: Mapping[str, Product]
) -> dict[str, tuple[str, str]]:
    """The elements that go by another name now: the old one and the new one."""
    return {
        element: (old, new)
        for product_id, product in known.items()
        if product.names != products[product_id].names
        for element, old, new in zip(
            _path(product_id), product.names, products[product_id].names, strict=True
        )
        if old != new
    }


def _year_errors(chart: Chart | None, controls: Controls, year: FiscalYear) -> Iterator[RowError]:
    try:
        controls.must_start_in(year)
    except InvalidError as error:
        yield RowError(row=None, column=None, detail=error.detail, value=str(controls.start))
    if chart and chart.fiscal_year != year:
        detail = (
            f"the chart of accounts is of the fiscal year from {chart.fiscal_year.start}, the file"
            f" of that from {year.start}; a year keeps the month it started in"
        )
        yield RowError(row=None, column=None, detail=detail)


def _closed_errors(
    known: Mapping[str, Product],
    products: Mapping[str, Product],
    year: FiscalYear,
    start: date,
    open_from: date,
) -> Iterator[RowError]:
    """Where a product that paid for something in closed months would not have been there."""
    ended = [
        product_id
        for product_id, product in known.items()
        if start < open_from
        and any(
            product.is_alive(day) and not products[product_id].is_alive(day)
            for day in _steps(product, products[product_id], start, open_from)
        )
    ]
    if ended:
        more = f" and {len(ended) - 1} more" if len(ended) > 1 else ""
        remedy = (
            f"end products on {open_from} or later: isNew=false and startDate {open_from}"
            if open_from < year.end
            else f"all of {year.year} is closed: end products with the chart of a later year"
        )
        detail = f"{ended[0]}{more} would end on {start}, in a closed month; {remedy}"
        yield RowError(row=None, column=None, detail=detail, value=str(start))


def _steps(one: Product, other: Product, start: date, end: date) -> set[date]:
    """The days from *start* to *end* on which it may change whether one of them is alive."""
    days = (step.start for product in (one, other) for step in product.steps)
    return {start, *(day for day in days if start <= day < end)}


def _two_parents(
    products: Mapping[str, Product], rows: Mapping[str, Row], labels: Names
) -> Iterator[RowError]:
    """Rows whose product is also alive under another parent, which the file does not name."""
    by_name: defaultdict[str, list[Product]] = defaultdict(list)
    for product in products.values():
        by_name[_own_slug(product.id)].append(product)
    for product_id, row in rows.items():
        for other in by_name[_own_slug(product_id)]:
            if other.id not in rows and _meet(products[product_id], other):
                detail = (
                    f"{row.names[-1]!r} is already under {' / '.join(other.names[:-1])}; a product"
                    " has one parent: move it with a file that has isOverride=true, or call this"
                    " one something else"
                )
                yield RowError(
                    row=row.number, column=labels[-1], detail=detail, value=row.names[-1]
                )


def _own_slug(product_id: str) -> str:
    return product_id.rpartition(".")[2]


def _meet(one: Product, other: Product) -> bool:
    """Whether there is a day on which both are alive."""
    days = (step.start for step in (*one.steps, *other.steps))
    return any(one.is_alive(day) and other.is_alive(day) for day in days)


def _control_warnings(chart: Chart | None, controls: Controls, start: date) -> Iterator[str]:
    if controls.is_new and controls.start != start:
        yield f"isNew=true: starts on {start}, startDate {controls.start} is not used"
    if chart is None and not controls.is_new:
        yield f"there is no chart of accounts of {controls.year} yet: isNew=false starts it on {start}"


def _warnings(
    chart: Chart | None,
    applied: Chart,
    rows: Mapping[str, Row],
    start: date,
    respelled: Mapping[str, tuple[str, str]],
) -> Iterator[str]:
    if chart and chart.labels != applied.labels:
        yield f"the labels were {', '.join(chart.labels)} and are now {', '.join(applied.labels)}"
    later = [
        product
        for product in applied.products
        if product.id in rows and product.steps[-1].start > start
    ]
    if later:
        first = next(step.start for step in later[0].steps if step.start > start)
        yield (
            f"later steps stay in force, of {len(later)} of the file's products, e.g."
            f" {later[0].id} from {first} on; isOverride=true replaces them"
        )
    for element, (old, new) in sorted(respelled.items()):
        yield f"{element} was spelled {old!r} and is now {new!r}"
