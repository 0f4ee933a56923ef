"""Allocation runs: what became of a bill and the rules of one moment, and the one readers see."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import datetime
from enum import StrEnum

from finops.domain.class_policies import CostBasis
from finops.domain.elements import ancestors
from finops.domain.values import Frozen

ENGINE = 2  # to be raised where the same input gives other parts, or other files
LINEAGE = 60  # runs after which all roll-ups are written anew
READ = 2  # newest turns that somebody may still be reading
UNALLOCATED = "~"  # begins the name of a roll-up of what nobody owns; behind it stands the reason


class AllocationTotal(Frozen):
    """What owners pay of a bill in one currency, in ticks, and what nobody does, by reason."""

    currency: str | None
    allocated: int
    unallocated: Mapping[str, int] = {}

    @property
    def whole(self) -> int:
        return self.allocated + sum(self.unallocated.values())


def turn(run_id: str, version: int) -> str:
    """The name under which a run writes the roll-ups with which it would become *version*.

    Versions only grow, so whoever missed a turn never gets the same again: what was written for it
    comes into force now or never.

    >>> turn("0c3e", 4), run_of("0c3e.4")
    ('0c3e.4', '0c3e')
    """
    return f"{run_id}.{version}"


def run_of(turn_: str) -> str:
    return turn_.partition(".")[0]


def _version_of(turn_: str) -> int:
    """0 where the name has none."""
    return int(turn_.partition(".")[2] or 0)


class Allocation(Frozen):
    """The run that readers see for a payer's month.

    *revision* counts the changes of rules and charts that it knows of, *engine* is the one that
    made its parts; *lineage* are the turns whose roll-ups are in force, the current one last.
    *billed_runs* are the runs on billed cost of the newest turns, the current one last: where owners
    pay another cost, each has been made beside the turn's own run, by the same rules.
    """

    billing_account_id: str
    billing_period: str
    run_id: str
    load_id: str
    basis: CostBasis
    revision: int
    made_at: datetime
    lineage: tuple[str, ...]
    totals: tuple[AllocationTotal, ...]
    engine: int = ENGINE
    billed_runs: tuple[str, ...] = ()
    version: int = 0

    @property
    def billed_run_id(self) -> str | None:
        """The run on billed cost: itself, where that is what owners pay; None where none was made."""
        if self.basis is CostBasis.BILLED:
            return self.run_id
        return self.billed_runs[-1] if self.billed_runs else None

    def is_of(
        self, load_id: str, revision: int, basis: CostBasis, *, is_closed: bool = False
    ) -> bool:
        """Whether nothing has changed since: the bill, the rules, the kind of cost, the engine.

        Of a month that *is_closed* only the bill counts: all else is as it was when it was closed.
        """
        if is_closed:
            return self.load_id == load_id
        made_of = (self.load_id, self.basis, self.engine)
        return made_of == (load_id, basis, ENGINE) and self.revision >= revision

    @property
    def runs_read(self) -> frozenset[str]:
        """The runs whose files somebody may be reading: this one, the one before, on either cost."""
        return frozenset((*map(run_of, self.lineage[-READ:]), *self.billed_runs[-READ:]))

    def keeps(self, turn_: str) -> bool:
        """Whether the roll-ups of a turn may be read although newer ones are in force, or may come
        into force yet."""
        return turn_ in self.lineage[-READ:] or _version_of(turn_) > self.version


class Succession(StrEnum):
    """What becomes of a run once it is made."""

    TAKES_OVER = "TakesOver"
    SAME = "Same"
    OVERTAKEN = "Overtaken"


def succession(
    current: Allocation | None,
    run_id: str,
    load_id: str,
    loaded: str,
    revision: int,
    *,
    is_late: bool = False,
) -> Succession:
    """Of a run of *load_id*, where *loaded* is the bill's load now: an older one never comes back.

    One *is_late* that was planned for a month that was open, and is being closed since, or the other
    way round: it is by other rules than those that count now.
    """
    if load_id != loaded:
        return Succession.OVERTAKEN
    if current is None:
        return Succession.TAKES_OVER
    if current.run_id == run_id:
        return Succession.SAME
    if is_late:
        return Succession.OVERTAKEN
    is_older = current.load_id == loaded and revision < current.revision
    return Succession.OVERTAKEN if is_older else Succession.TAKES_OVER


Days = Mapping[str, int]  # ticks by day


def rollups(
    days: Iterable[tuple[str | None, str | None, str | None, str, int]],
) -> dict[tuple[str, str | None], Days]:
    """Ticks by day, for each element (or reason, or all that nobody owns) and currency.

    *days* are (currency, product, reason, day, ticks). An element is the sum of its products, the
    enterprise of all of them. Source: specification section 2.
    """
    sums: defaultdict[tuple[str, str | None], defaultdict[str, int]] = defaultdict(
        lambda: defaultdict(int)
    )
    for currency, product, reason, day, ticks in days:
        if product is not None:
            names = list(ancestors(product))
        else:
            names = [UNALLOCATED, f"{UNALLOCATED}{reason}"]
        for name in names:
            sums[name, currency][day] += ticks
    return {of: dict(sorted(by_day.items())) for of, by_day in sums.items()}
