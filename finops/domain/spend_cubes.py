"""Spend cubes: what months cost, by owner and by what the bill says of it, and questions to them.

The functions here are the plain form, row by row. `finops.ledger.spend_cubes` answers the same over
millions of rows and is tested against them.
"""

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import date, datetime
from typing import NamedTuple, Self

from pydantic import model_validator

from finops.domain.class_policies import CostBasis
from finops.domain.elements import covers
from finops.domain.errors import InvalidError
from finops.domain.periods import BillingPeriod
from finops.domain.values import Frozen

TAG = "tag:"
# By the level of an element: whose spend it is, looked at from so far above.
OWNERS = ("unit", "department", "portfolio", "product")
DIMENSIONS = (
    *("month", "day", "payer", "currency"),
    *OWNERS,
    *("reason", "account", "service", "region", "class", "charge_category"),
)
CREDIT = "AwsCredit"  # the class of what AWS credited, which is nobody's spend
MOST_DIMENSIONS = 6


class CubeRow(NamedTuple):
    """What a product pays for charges that agree in all of this, in ticks.

    *product_id* is None of what nobody owns, which has a *reason*, and of what AWS credited, whose
    *charge_class* is `CREDIT`. *tags* are those that spend is taken apart by, as they are meant.
    """

    month: str
    day: date
    payer: str
    currency: str | None
    product_id: str | None
    reason: str | None
    account: str | None
    service: str | None
    region: str | None
    charge_class: str
    charge_category: str | None
    tags: Mapping[str, str]
    amount: int


class CubeTotal(Frozen):
    """What the cube of a bill comes to in one of its currencies, in ticks: all of it is the bill."""

    currency: str | None
    allocated: int
    unallocated: int
    credited: int

    @property
    def net(self) -> int:
        return self.allocated + self.unallocated + self.credited


class CubeHead(Frozen):
    """The cube of a bill that readers see: of which run and load it is, and by which tags.

    *months* are the files without days, for questions that need none. Written over the *version* it
    was made from.
    """

    payer: str
    billing_period: str
    run_id: str
    load_id: str
    basis: CostBasis
    tags: str  # the digest of the tag settings it was made by
    tag_keys: tuple[str, ...]
    days: tuple[str, ...]
    months: tuple[str, ...]
    totals: tuple[CubeTotal, ...]
    delivered_at: datetime
    published_at: datetime
    complete_through: date | None
    is_final: bool
    made_at: datetime
    version: int = 0


class CubeQuery(Frozen):
    """Ticks of some *months*, summed by dimensions, of the rows that match all of the rest.

    *elements* are those that cost is seen of, at and below; None: all there is, with what nobody owns
    and what AWS credited. The days are those of [*start*, *end*). Of *where* each dimension has the
    values that count; "" is what has none.
    """

    months: tuple[str, ...]
    by: tuple[str, ...] = ()
    elements: tuple[str, ...] | None = None
    start: date | None = None
    end: date | None = None
    where: Mapping[str, tuple[str, ...]] = {}

    @model_validator(mode="after")
    def _is_known(self) -> Self:
        for month in self.months:
            BillingPeriod(month)
        for name in (*self.by, *self.where):
            if name not in DIMENSIONS and not re.fullmatch(f"{TAG}.+", name, re.DOTALL):
                raise InvalidError(
                    f"{name!r} is no dimension of spend; known are {', '.join(DIMENSIONS)}, and"
                    f" {TAG}<key>"
                )
        if len(set(self.by)) < len(self.by):
            raise InvalidError("a dimension is named twice")
        if len(self.by) > MOST_DIMENSIONS:
            raise InvalidError(f"spend is taken apart by {MOST_DIMENSIONS} dimensions at most")
        return self

    @property
    def needs_days(self) -> bool:
        """Whether whole months are not enough to answer it."""
        days = (self.start, self.end)
        return "day" in (*self.by, *self.where) or days != (None, None)

    @property
    def tag_keys(self) -> tuple[str, ...]:
        """The keys of tags that it asks about."""
        named = (name for name in (*self.by, *self.where) if name.startswith(TAG))
        return tuple(dict.fromkeys(name.removeprefix(TAG) for name in named))


def value_of(row: CubeRow, dimension: str) -> str | date | None:
    """What *row* has of a dimension.

    >>> row = CubeRow("2026-09", date(2026, 9, 1), "1", None, "a.b.c.d", None, *[None] * 3, "Usage",
    ...     None, {"user:Team": "web"}, 5)
    >>> value_of(row, "department"), value_of(row, "tag:user:Team"), value_of(row, "region")
    ('a.b', 'web', None)
    """
    if dimension.startswith(TAG):
        return row.tags.get(dimension.removeprefix(TAG))
    if dimension in OWNERS:
        if row.product_id is None:
            return None
        return ".".join(row.product_id.split(".")[: OWNERS.index(dimension) + 1])
    column = {"class": "charge_class"}.get(dimension, dimension)
    found: str | date | None = getattr(row, column)
    return found


def fits(row: CubeRow, query: CubeQuery) -> bool:
    """Whether *row* is among what *query* asks about."""
    if row.month not in query.months:
        return False
    if query.start is not None and row.day < query.start:
        return False
    if query.end is not None and row.day >= query.end:
        return False
    if query.elements is not None and (
        row.product_id is None or not any(covers(one, row.product_id) for one in query.elements)
    ):
        return False
    return all(
        ("" if (value := value_of(row, name)) is None else str(value)) in wanted
        for name, wanted in query.where.items()
    )


def sums(rows: Iterable[CubeRow], query: CubeQuery) -> list[tuple[tuple[object, ...], int]]:
    """The rows of the answer: their dimensions, and ticks; in order, what is absent last.

    Rows that come to nothing are there as well, for spend and credit may cancel.
    """
    found: defaultdict[tuple[object, ...], int] = defaultdict(int)
    for row in rows:
        if fits(row, query):
            found[tuple(value_of(row, name) for name in query.by)] += row.amount
    return sorted(found.items(), key=lambda one: [(v is None, v or "") for v in one[0]])
