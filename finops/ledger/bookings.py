"""Questions for spend cards and the close of a month: to allocation runs, and to the bill itself."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import date
from pathlib import Path

from finops.domain.allocations import PartKind
from finops.domain.charges import COVERED, DISCOUNTS, NEGATION, ChargeCategory
from finops.domain.class_policies import ChargeClass, CostBasis
from finops.domain.close_figures import Allotment
from finops.domain.spend_cards import CardKey, LineKey
from finops.ledger import engine
from finops.ledger.allocating import InvoicePart, WeekLine, charge_class, week

LOT = 10_000
DUST = 10**10  # in a tick


def card_lines(
    connection: engine.Connection, files: Sequence[Path], products: Collection[str] | None
) -> Iterator[tuple[CardKey, LineKey, int]]:
    """The lines of several `Allocated.card_lines` files, in ticks: of some products, or of all.

    In no order; those that come to nothing are left out.
    """
    if not files or (products is not None and not products):
        return
    where, values = "", list[object]()
    if products is not None:
        # The files are in the order of products: what is beyond the first and last is not read.
        listed = sorted(set(products))
        where = "WHERE product_id BETWEEN ? AND ? AND product_id IN (SELECT unnest(?::VARCHAR[]))"
        values = [listed[0], listed[-1], listed]
    fields = ", ".join(WeekLine._fields[:-1])
    found = connection.execute(
        f"SELECT {fields}, sum(amount)::HUGEINT FROM read_parquet({engine.paths(list(files))})"
        f" {where} GROUP BY ALL HAVING sum(amount) <> 0",
        values,
    )
    while some := found.fetchmany(LOT):
        for currency, product, start, account, kind, workload, rule, service, ticks in some:
            line = LineKey(account, PartKind(kind), workload, rule, service)
            yield CardKey(product, start, currency), line, int(ticks)


def weeks(
    connection: engine.Connection, files: Sequence[Path]
) -> Iterator[tuple[tuple[str, str | None], date, int]]:
    """What products pay in ticks by product, currency and business week: of `Allocated.days` files.

    In no order; what comes to nothing is left out.
    """
    if not files:
        return
    found = connection.execute(
        f"SELECT product_id, currency, {week('billing_period', 'day')}, sum(amount)::HUGEINT"
        f" FROM read_parquet({engine.paths(list(files))}) WHERE product_id IS NOT NULL"
        " GROUP BY ALL HAVING sum(amount) <> 0"
    )
    while some := found.fetchmany(LOT):
        for product, currency, start, ticks in some:
            yield (product, currency), start, int(ticks)


def allotments(connection: engine.Connection, files: Sequence[Path]) -> Iterator[Allotment]:
    """The sums of several `Allocated.allotments` files; in no order, none of nothing."""
    if not files:
        return
    fields = ", ".join(InvoicePart._fields[:-1])
    found = connection.execute(
        f"SELECT {fields}, sum(amount)::HUGEINT FROM read_parquet({engine.paths(list(files))})"
        " GROUP BY ALL HAVING sum(amount) <> 0"
    )
    while some := found.fetchmany(LOT):
        for row in some:
            part = InvoicePart(*row)
            yield Allotment(
                *part[:6],
                ChargeClass(part.charge_class),
                part.product_id,
                part.reason,
                int(part.amount),
            )


def invoiced(
    connection: engine.Connection, cubes: Sequence[Path], *, is_net: bool
) -> Iterator[Allotment]:
    """What the ledger has of a bill by invoice, account and kind of charge, as nobody's; in no order.

    Ticks are billed cost, what AWS credited among it. *discount* is what the bill says was taken off
    already: its lines of discounts and, of a bill that states net costs, gross cost less net cost. A
    Savings Plan's covered usage and negation take off each other, and are no discount.
    """
    if not cubes:
        return
    kind = "coalesce(c.line_item_type, '')"
    gross = (
        f"c.unblended_cost::HUGEINT * {DUST} + c.unblended_dust - c.billed_cost::HUGEINT * {DUST}"
    )
    found = connection.execute(f"""
        SELECT c.billing_account_id, c.billing_currency, c.invoice_id, c.invoice_issuer_name,
            c.sub_account_id, c.charge_category, {charge_class(CostBasis.BILLED)} AS class,
            sum(c.billed_cost)::HUGEINT,
            sum(CASE
                WHEN {kind} IN {_listed(DISCOUNTS)} THEN -c.billed_cost::HUGEINT * {DUST}
                WHEN {kind} IN {_listed((COVERED, NEGATION))} THEN 0
                WHEN c.charge_category = {engine.text(ChargeCategory.CREDIT)} THEN 0
                ELSE {gross if is_net else 0} END)::HUGEINT
        FROM {_cubes(cubes)} c GROUP BY ALL""")
    while some := found.fetchmany(LOT):
        for *of, name, ticks, dust in some:
            discount = (int(dust) + DUST // 2) // DUST
            if ticks or discount:
                yield Allotment._make((*of, ChargeClass(name), None, None, int(ticks), discount))


def charged_days(
    connection: engine.Connection,
    cubes: Sequence[Path],
    basis: CostBasis,
    classes: Collection[ChargeClass],
) -> Mapping[str, set[date]]:
    """The days on which each account has charges of some classes."""
    days: dict[str, set[date]] = {}
    if not cubes or not classes:
        return days
    found = connection.execute(f"""
        SELECT DISTINCT c.sub_account_id, c.charge_date FROM {_cubes(cubes)} c
        WHERE c.sub_account_id IS NOT NULL AND c.{basis.column} <> 0
            AND c.charge_category IS DISTINCT FROM {engine.text(ChargeCategory.CREDIT)}
            AND {charge_class(basis)} IN {_listed(classes)}""")
    while some := found.fetchmany(LOT):
        for account, day in some:
            days.setdefault(account, set()).add(day)
    return days


def _cubes(files: Sequence[Path]) -> str:
    # Cubes do not know whose commitment a charge is; only a FOCUS purchase goes by that, and FOCUS
    # states no net costs.
    return (
        "(SELECT *, NULL::VARCHAR AS commitment_discount_id FROM"
        f" read_parquet({engine.paths(list(files))}, hive_partitioning = false))"
    )


def _listed(words: Collection[str]) -> str:
    return f"({', '.join(engine.text(word) for word in sorted(words))})"
