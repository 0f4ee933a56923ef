"""What a bill adds up to: exact sums by any dimension, and how fresh they are."""

import base64
import hashlib
import json
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, Protocol

from finops.domain.bills import COSTS, MEASURES, Bill, CostQuery
from finops.domain.errors import ConflictError, InvalidError
from finops.domain.places import account_folder, generation
from finops.domain.values import Frozen
from finops.usecases.ports import Bills, Ledger

NONE = "(none)"
DOWNLOADS = 16
PAGE_BYTES = 4_500_000  # of the 6 MB that a function may answer


class Row(Frozen):
    """Charges that agree in the dimensions asked for, summed; costs in ticks, None if not stated.

    *dust* is what the unblended cost has beyond its ticks, in 1e-20.
    """

    of: tuple[str | None, ...]
    lines: int
    costs: tuple[int | None, ...]
    dust: int = 0


class CostAnswer(Frozen):
    """The rows of a page, the totals of all rows by currency, and the bills they come from."""

    rows: tuple[Row, ...]
    totals: tuple[tuple[str | None, Row], ...]
    bills: tuple[Bill, ...]
    next_cursor: str | None = None


class Summing(Protocol):
    """The engine's way of answering: see `finops.ledger.queries.sums`."""

    def __call__(
        self, files: Sequence[Path], query: CostQuery, *, offset: int, limit: int | None
    ) -> Any: ...


Engine = Callable[[], AbstractContextManager[Summing]]


def costs(
    query: CostQuery,
    *,
    limit: int | None = None,
    cursor: str | None = None,
    bills: Bills,
    ledger: Ledger,
    engine: Engine,
) -> CostAnswer:
    """Answer *query* from what is published now, all of it or a page of *limit* rows.

    A cursor is of one state of the bills: ConflictError where a newer delivery has come since.
    InvalidError where rows of two currencies would be added.
    """
    asked = tuple(bill for bill in bills.in_period(query.billing_period) if _asked(bill, query))
    _refuse_mixed_currencies(asked, query)
    state = hashlib.sha256("".join(f"{b.load_id}{b.version}" for b in asked).encode()).hexdigest()[
        :12
    ]
    offset = _offset(cursor, state)
    if query.needs_only_account_days:
        every = _from_account_days(query, asked, bills)
        count, totals = len(every.rows), every.totals
        page = every.rows[offset : None if limit is None else offset + limit]
    else:
        page, count, totals = _from_ledger(query, asked, offset, limit, ledger, engine)
    page = _fitting(page)
    shown = offset + len(page)
    return CostAnswer(
        rows=page,
        totals=totals,
        bills=asked,
        next_cursor=_cursor(shown, state) if shown < count else None,
    )


def _fitting(rows: tuple[Row, ...]) -> tuple[Row, ...]:
    """As many of *rows* as one answer can carry, whatever their tags are; one at least."""
    size = 0
    for number, row in enumerate(rows):
        size += len(json.dumps(row.of)) + 60 * (1 + len(row.of) + len(row.costs))
        if size > PAGE_BYTES and number:
            return rows[:number]
    return rows


def _asked(bill: Bill, query: CostQuery) -> bool:
    payer = query.where.get("payer")
    return payer is None or bill.billing_account_id == payer


def _refuse_mixed_currencies(asked: Sequence[Bill], query: CostQuery) -> None:
    if "currency" in query.dimensions:
        return
    currencies = sorted({str(t.billing_currency) for bill in asked for t in bill.totals})
    if len(currencies) > 1:
        raise InvalidError(
            f"{query.billing_period} holds {' and '.join(currencies)}, which are never added: "
            "choose one (currency=…), group by currency, or choose a payer"
        )


def _cursor(offset: int, state: str) -> str:
    return base64.urlsafe_b64encode(json.dumps([offset, state]).encode()).decode()


def _offset(cursor: str | None, state: str) -> int:
    if cursor is None:
        return 0
    no_cursor = "the cursor is none of ours; start again without it"
    try:
        offset, of = json.loads(base64.urlsafe_b64decode(cursor.encode()))
    except (ValueError, TypeError) as error:
        raise InvalidError(no_cursor) from error
    if type(offset) is not int or offset < 0:
        raise InvalidError(no_cursor)
    if of != state:
        raise ConflictError(
            "a newer delivery was published meanwhile; start again without a cursor"
        )
    return offset


class _Every(Frozen):
    rows: tuple[Row, ...]
    totals: tuple[tuple[str | None, Row], ...]


def _from_account_days(query: CostQuery, asked: Sequence[Bill], bills: Bills) -> _Every:
    """The answer from the account totals: no file is read."""
    sums: dict[tuple[str | None, ...], list[int | None]] = {}
    totals: dict[tuple[str | None, ...], list[int | None]] = {}
    for bill in asked:
        for month in bills.account_totals(bill):
            for day, categories in (month.days or {}).items():
                for category, told in categories.items():
                    of = {
                        "payer": bill.billing_account_id,
                        "account": month.account,
                        "currency": month.currency,
                        "day": day,
                        "charge_category": None if category == NONE else category,
                    }
                    if all(_matches(of[name], value) for name, value in query.where.items()):
                        _add(sums, tuple(of[name] for name in query.by), told)
                        _add(totals, (month.currency,), told)
    ordered = sorted(sums.items(), key=lambda item: [(v is None, v or "") for v in item[0]])
    return _Every(
        rows=tuple(_row(of, told, query) for of, told in ordered),
        totals=tuple(
            (of[0], _row((), told, query)) for of, told in sorted(totals.items(), key=str)
        ),
    )


def _matches(value: str | None, wanted: str) -> bool:
    return value is None if wanted in ("", NONE) else value == wanted


def _add(
    sums: dict[tuple[str | None, ...], list[int | None]],
    of: tuple[str | None, ...],
    told: Sequence[int | None],
) -> None:
    before = sums.setdefault(of, [None] * len(MEASURES))
    for place, value in enumerate(told):
        if value is not None:
            before[place] = (before[place] or 0) + value


def _row(of: tuple[str | None, ...], told: Sequence[int | None], query: CostQuery) -> Row:
    by_name = dict(zip(MEASURES, told, strict=True))
    return Row(
        of=of,
        lines=by_name["lines"] or 0,
        costs=tuple(by_name[COSTS[cost]] for cost in query.costs),
        dust=by_name["unblended_dust"] or 0,
    )


def _from_ledger(
    query: CostQuery,
    asked: Sequence[Bill],
    offset: int,
    limit: int | None,
    ledger: Ledger,
    engine: Engine,
) -> tuple[tuple[Row, ...], int, tuple[tuple[str | None, Row], ...]]:
    keys = [key for bill in asked for key in _files(bill, query, ledger)]
    with ThreadPoolExecutor(DOWNLOADS) as pool:
        files = list(pool.map(ledger.cached, keys))
    if not files:
        return (), 0, ()
    with engine() as summing:
        found = summing(files, query, offset=offset, limit=limit)
    width = len(query.by)
    rows = (_summed(row[:width], row[width:]) for row in found.rows)
    totals = ((row[0], _summed((), row[1:])) for row in found.totals)
    return tuple(rows), found.number, tuple(totals)


def _summed(of: tuple[str | None, ...], measures: tuple[Any, ...]) -> Row:
    lines, *costs, dust = measures
    return Row(of=of, lines=lines, costs=tuple(costs), dust=dust)


def _files(bill: Bill, query: CostQuery, ledger: Ledger) -> list[str]:
    """The files to read: cubes, or the charges of the accounts where resources matter."""
    root = generation(bill.billing_account_id, bill.billing_period, bill.load_id)
    names = [str(file["name"]) for file in ledger.get_json(f"{root}/index.json")["files"]]
    if not query.needs_resources:
        return [f"{root}/{name}" for name in names if name.startswith("cube-")]
    charges = [name for name in names if name.endswith("/charges.parquet")]
    if (account := query.where.get("account")) is not None:
        folder = account_folder(None if account in ("", NONE) else account)
        charges = [name for name in charges if name.startswith(f"{folder}/")]
    return [f"{root}/{name}" for name in charges]
