"""Answers from spend cubes: what months cost by owner, account, service, region and tag."""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from itertools import groupby
from pathlib import Path

from finops.domain.errors import InvalidError
from finops.domain.places import cube
from finops.domain.spend_cubes import TAG, CubeHead, CubeQuery
from finops.ledger import engine, spend_cubes
from finops.usecases.ports import Allocations, Bills, CubeAnswer, CubeHeads, Ledger

DOWNLOADS = 16

Engine = Callable[[], AbstractContextManager[engine.Connection]]


class LedgerSpendCubes:
    """`finops.usecases.ports.SpendCubes`: the published cubes, read from the ledger's bucket.

    Files of cubes never change, so each is fetched once; those with days only where days matter.
    """

    def __init__(
        self,
        heads: CubeHeads,
        bills: Bills,
        allocations: Allocations,
        ledger: Ledger,
        connect: Engine,
    ) -> None:
        self._heads, self._bills, self._allocations = heads, bills, allocations
        self._ledger, self._connect = ledger, connect

    def ask(self, query: CubeQuery) -> CubeAnswer:
        heads = self.heads(query.months)
        _must_be_known(query, heads)
        missing = [*self._missing(query.months, heads), *_untold(query, heads)]
        cubes = [
            spend_cubes.Cube(self._files(some, days=query.needs_days), tag_keys)
            for tag_keys, some in _by_tag_keys(heads)
        ]
        if not cubes:
            return CubeAnswer([], heads, tuple(missing))
        with self._connect() as connection:
            rows = spend_cubes.sums(connection, cubes, query)
        return CubeAnswer(rows, heads, tuple(missing))

    def heads(self, months: Sequence[str]) -> Sequence[CubeHead]:
        with ThreadPoolExecutor(DOWNLOADS) as pool:
            found = pool.map(self._heads.in_period, sorted(set(months)))
            return [head for some in found for head in some]

    def _files(self, heads: Sequence[CubeHead], *, days: bool) -> Sequence[Path]:
        keys = [
            f"{cube(head.payer, head.billing_period, head.run_id, head.tags)}/{name}"
            for head in heads
            for name in (head.days if days else head.months)
        ]
        with ThreadPoolExecutor(DOWNLOADS) as pool:
            return list(pool.map(self._ledger.cached, keys))

    def _missing(self, months: Sequence[str], heads: Sequence[CubeHead]) -> Iterator[str]:
        """The bills of the months that are in no cube, and why."""
        cut = {(head.payer, head.billing_period) for head in heads}
        for month in sorted(set(months)):
            payers = sorted(bill.billing_account_id for bill in self._bills.in_period(month))
            for payer in payers:
                if (payer, month) in cut:
                    continue
                if self._allocations.find(payer, month) is None:
                    yield f"the bill of {payer} for {month} is not allocated yet"
                else:
                    yield f"the bill of {payer} for {month} is being made ready to be asked"


def _by_tag_keys(
    heads: Sequence[CubeHead],
) -> Iterator[tuple[tuple[str, ...], Sequence[CubeHead]]]:
    ordered = sorted(heads, key=lambda head: head.tag_keys)
    for tag_keys, some in groupby(ordered, key=lambda head: head.tag_keys):
        yield tag_keys, list(some)


def _must_be_known(query: CubeQuery, heads: Sequence[CubeHead]) -> None:
    """Raises InvalidError for a tag that no cube knows, where there is any cube."""
    known = sorted({key for head in heads for key in head.tag_keys})
    for key in query.tag_keys:
        if heads and key not in known:
            there_are = f"known are {', '.join(known)}" if known else "there is none yet"
            raise InvalidError(
                f"{TAG}{key}: spend is not told by this tag; {there_are}. Which tags it is told by"
                " is a setting of the organisation (report_keys)"
            )


def _untold(query: CubeQuery, heads: Sequence[CubeHead]) -> Iterator[str]:
    """The cubes that are of fewer tags than are asked about: they are being cut anew."""
    for head in heads:
        if unknown := [key for key in query.tag_keys if key not in head.tag_keys]:
            yield (
                f"the bill of {head.payer} for {head.billing_period} is not told by"
                f" {', '.join(unknown)} yet"
            )
