"""Charges to owners over millions of rows: `finops.domain.allocations`, in SQL.

What decides is worked out once, not once a charge: a *deal* is a set of owners with their parts.
Charges find their deal by claim or rule, groups of charges by policy or shares, and only then is
money split.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

from finops.domain.allocations import (
    Bill,
    Group,
    Lives,
    Owner,
    Part,
    PartKind,
    Reason,
    Rules,
    Spends,
    nobody,
    owned,
)
from finops.domain.charges import ChargeCategory
from finops.domain.claim_rules import ClaimRule
from finops.domain.class_policies import (
    COMMITMENT_FEES,
    MARKETPLACE,
    ONE_OFF_FEES,
    SUPPORT_PREFIX,
    SUPPORT_SERVICES,
    ChargeClass,
    CostBasis,
    PolicyKind,
)
from finops.domain.periods import Period
from finops.domain.shares import WHOLE
from finops.domain.tag_settings import TagAliases
from finops.ledger import engine
from finops.ledger.reduction import PARQUET

GROUP = ", ".join(Group._fields)
PART = ", ".join(Part._fields)
BILL = ", ".join(Bill._fields)
LAST_MONTH, LAST_DAY = "9999-12", date.max
LOT = 50_000  # rows that are handed to the engine at a time
SPREAD_ROWS = 500_000  # that a class in proportion to spend is written by
ROWS_AT_ONCE = 16_384  # of card lines that are read for one product

# The ledger's columns, in the words of an allocation.
COLUMNS = {
    "payer": "billing_account_id",
    "billing_period": "billing_period",
    "currency": "billing_currency",
    "account": "sub_account_id",
    "day": "charge_date",
    "charge_category": "charge_category",
    "service": "service_code",
    "invoice_id": "invoice_id",
    "issuer": "invoice_issuer_name",
}


class ProductDay(NamedTuple):
    """What a product pays for a day, in ticks; *reason* is why nobody does, where nobody does."""

    payer: str
    billing_period: str
    currency: str | None
    product_id: str | None
    reason: str | None
    day: date
    amount: int


class OwnersMonth(NamedTuple):
    """What an owner pays of an account's charges of one class, in ticks, and on which days.

    *first_day* and *last_day* are those that something is paid for.
    """

    payer: str
    billing_period: str
    currency: str | None
    product_id: str | None
    account: str | None
    kind: str
    workload_id: str | None
    rule: str | None
    basis_points: int | None
    reason: str | None
    meant_for: str | None
    charge_class: str
    first_day: date
    last_day: date
    amount: int


class ServiceDay(NamedTuple):
    """What a product pays for a service and a day, of charges of one class, in ticks."""

    currency: str | None
    product_id: str
    day: date
    service: str | None
    charge_class: str
    amount: int


class WeekLine(NamedTuple):
    """A line of a product's card of the business week from *week* on, in ticks.

    Of the lines of `finops.domain.spend_cards.card_lines` as much as one worker knows of.
    """

    currency: str | None
    product_id: str
    week: date
    account: str | None
    kind: str
    workload_id: str | None
    rule: str | None
    service: str | None
    amount: int


class InvoicePart(NamedTuple):
    """What is paid of an account's charges of one kind on an invoice, in ticks.

    Of `finops.domain.close_figures.allotted` as much as one worker knows of.
    """

    payer: str
    currency: str | None
    invoice_id: str | None
    issuer: str | None
    account: str | None
    charge_category: str | None
    charge_class: str
    product_id: str | None
    reason: str | None
    amount: int


class Allocated(NamedTuple):
    """What a worker made of its share of the accounts.

    *parts* are files in the order of the parts; *days*, *owners*, *by_service*, *card_lines* and
    *allotments* are what they add up to, by `ProductDay`, `OwnersMonth`, `ServiceDay`, `WeekLine` and
    `InvoicePart`. *spends* are what claims, rules and shares gave each product of a bill. *waiting*
    are files with what is to be spread in proportion to the spend of all shares together (see
    `spread`); None where nothing is.
    """

    parts: tuple[Path, ...]
    rows: int
    days: Path
    owners: Path
    by_service: Path
    card_lines: Path
    allotments: Path
    spends: Spends
    waiting: "Waiting | None" = None


class Waiting(NamedTuple):
    """Groups of charges that wait for the organisation's spend, and what becomes of them without."""

    groups: Path
    by_shares: Path


def allocate(
    connection: engine.Connection,
    charges: Sequence[Path],
    target: Path,
    rules: Rules,
    products: Lives,
) -> Allocated:
    """Allocate the ledger's *charges* files, of some accounts, into *target*.

    The Parquet columns are those of `Part`, money in ticks of 1e-10, rows in `allocations.order`, so
    that the same input gives the same bytes. Raises ArithmeticError where parts do not add up to the
    charges of each account, day, class and invoice, which would be a defect of this engine.
    """
    target.mkdir(parents=True, exist_ok=True)
    source = f"read_parquet({engine.paths(list(charges))}, hive_partitioning = false)"
    tables = Tables(rules, products, days_of(connection, source))
    tables.load(connection)
    table(connection, "summed", summed(connection, source, rules, tables))
    table(connection, "grouped", grouped(tables))
    table(connection, "amounts", AMOUNTS)
    connection.execute("SET preserve_insertion_order = true")  # from here on rows are in order
    parts = target / "parts.parquet"
    rows = write(connection, f"SELECT {PART} {_parts('IS NULL')}", parts)
    waiting = None
    if _has_rows(connection, "grouped WHERE spread IS NOT NULL"):
        waiting = Waiting(target / "waiting.parquet", target / "by-shares.parquet")
        groups = f"SELECT place, {GROUP}, spread, amount FROM grouped WHERE spread IS NOT NULL"
        write(connection, f"{groups} ORDER BY place", waiting.groups)
        write(connection, f"SELECT place, owner, {PART} {_parts('IS NOT NULL')}", waiting.by_shares)
    _must_add_up(connection, source, rules, [parts, *([waiting.by_shares] if waiting else [])])
    return Allocated(
        parts=(parts,),
        rows=rows,
        days=_days_file(connection, [parts], target / "days.parquet"),
        owners=_owners_file(connection, [parts], target / "owners.parquet"),
        by_service=_by_service_file(connection, [parts], target / "by-service.parquet"),
        card_lines=_card_lines_file(connection, [parts], target / "card-lines.parquet"),
        allotments=_allotments_file(connection, [parts], target / "allotments.parquet"),
        spends=_spends(connection, parts),
        waiting=waiting,
    )


def spread(
    connection: engine.Connection, waiting: Waiting, spends: Spends, target: Path
) -> Allocated:
    """Spread what one worker left *waiting* over *spends* (`allocations.added` of all workers).

    A group of a bill in which no product spends anything goes by its account's shares.
    """
    target.mkdir(parents=True, exist_ok=True)
    _load_spends(connection, spends)
    table(connection, "grouped", _waiting(waiting.groups))
    # So many groups at a time that their parts stay few, however many products there are.
    lots = connection.execute(f"""
        SELECT max(place) FROM (SELECT place,
            sum(coalesce(products, 1)) OVER (ORDER BY place) // {SPREAD_ROWS} AS lot FROM grouped)
        GROUP BY lot ORDER BY 1""").fetchall()
    connection.execute("SET preserve_insertion_order = true")
    parts: list[Path] = []
    rows = 0
    for after, last in pairwise([0, *(place for (place,) in lots)]):
        parts.append(target / f"spread-{len(parts):04}.parquet")
        some = f"place > {after} AND place <= {last}"
        rows += write(connection, _spread(waiting.by_shares, some, spends), parts[-1])
    days = _days_file(connection, parts, target / "spread-days.parquet")
    owners = _owners_file(connection, parts, target / "spread-owners.parquet")
    by_service = _by_service_file(connection, parts, target / "spread-by-service.parquet")
    card_lines = _card_lines_file(connection, parts, target / "spread-card-lines.parquet")
    allotments = _allotments_file(connection, parts, target / "spread-allotments.parquet")
    return Allocated(tuple(parts), rows, days, owners, by_service, card_lines, allotments, {})


def read(connection: engine.Connection, files: Sequence[Path]) -> Iterator[Part]:
    """The parts that some files hold, as they stand in them."""
    found = connection.execute(
        f"SELECT {', '.join(Part._fields)} FROM read_parquet({engine.paths(list(files))})"
    )
    while some := found.fetchmany(10_000):
        yield from (Part(*row) for row in some)


# -- what decides -----------------------------------------------------------------------------


class Tables:
    """The rules as small tables: who takes what, on which days."""

    def __init__(self, rules: Rules, products: Lives, days: Period) -> None:
        self._rules, self._products, self._days = rules, products, days
        self._deals: dict[tuple[Owner, ...], int] = {}
        self.claim_rules = rules.claim_rules.meant(rules.aliases).rules
        self.no_account = self._deal([nobody(Reason.NO_ACCOUNT)])
        self.no_share = self._deal([nobody(Reason.NO_SHARE)])
        self.share_days = list(self._share_days())
        self.claim_days = list(self._claim_days())
        self.policy_days = list(self._policy_days())
        self.rule_days = list(self._rule_days())

    def load(self, connection: engine.Connection) -> None:
        days = {"start": "DATE", "end": "DATE"}
        account = {"account": "VARCHAR"}
        deal = {"deal": "INTEGER"}
        fill(connection, "share_days", account | days | deal, self.share_days)
        fill(
            connection,
            "claim_days",
            account | {"resource": "VARCHAR"} | days | deal,
            self.claim_days,
        )
        months = dict.fromkeys(("payer", "charge_class", "from", "until"), "VARCHAR")
        fill(
            connection,
            "policy_days",
            months | days | deal | {"spread": "VARCHAR"},
            self.policy_days,
        )
        # Owners are numbered in their order, so that parts are sorted by two whole numbers.
        owners = sorted({owner for deal in self._deals for owner in deal}, key=_owner_order)
        place = {owner: number for number, owner in enumerate(owners)}
        fill(
            connection,
            "deals",
            dict.fromkeys(("deal", "owners", "tie", "owner", "points"), "INTEGER"),
            [
                (number, len(deal), tie, place[owner], owner.basis_points or WHOLE)
                for deal, number in self._deals.items()
                for tie, owner in enumerate(deal)
            ],
        )
        fill(
            connection,
            "owners",
            {"owner": "INTEGER", **dict.fromkeys(Owner._fields, "VARCHAR")}
            | {"basis_points": "INTEGER"},
            [(number, *owner) for owner, number in place.items()],
        )

    def _deal(self, owners: Iterable[Owner]) -> int:
        """The number of a deal; *owners* are in the order in which ties are decided."""
        return self._deals.setdefault(tuple(owners), len(self._deals))

    def _alike(self, names: Iterable[str], start: date, end: date) -> Iterator[tuple[date, date]]:
        """Those of the days [*start*, *end*) that matter, cut where a product begins or ends."""
        start, end = max(start, self._days.start), min(end, self._days.end)
        edges = {
            day
            for name in names
            for period in self._products.get(name, ())
            for day in (period.start, period.end)
            if start < day < end
        }
        if start < end:
            yield from pairwise([start, *sorted(edges), end])

    def _whole(self, owner: Owner, start: date, end: date) -> Iterator[tuple[date, date, int]]:
        """One owner of all there is, on the days [*start*, *end*)."""
        for first, last in self._alike([owner.product_id or ""], start, end):
            yield first, last, self._deal([owned(self._products, first, owner)])

    def _share_days(self) -> Iterator[tuple[Any, ...]]:
        for account, shares in self._rules.shares.items():
            for start, end, revision in shares.spans(self._days, self._rules.known_at):
                if revision is None:
                    continue
                names = [product for product, _ in revision.shares]
                for first, last in self._alike(names, start, end):
                    owners = [
                        owned(
                            self._products,
                            first,
                            Owner(
                                PartKind.SHARE,
                                product_id=product,
                                rule=str(revision.number),
                                basis_points=points,
                            ),
                        )
                        for product, points in revision.shares
                    ]
                    yield account, first, last, self._deal(owners)

    def _claim_days(self) -> Iterator[tuple[Any, ...]]:
        for account, claims in self._rules.claims.items():
            for claim in claims.known(self._rules.known_at):
                owner = Owner(PartKind.CLAIM, claim.product_id, claim.workload_id)
                for days in self._whole(owner, claim.start, claim.end or LAST_DAY):
                    yield account, claim.resource_id, *days

    def _rule_days(self) -> Iterator[tuple[ClaimRule, date, date, int]]:
        for rule in self.claim_rules:
            owner = Owner(PartKind.RULE, rule.product_id, rule.workload_id, rule.rule_id)
            for days in self._whole(owner, rule.start, rule.end or LAST_DAY):
                yield rule, *days

    def _policy_days(self) -> Iterator[tuple[Any, ...]]:
        ever = (self._days.start, self._days.end)
        for payer, policies in self._rules.policies.items():
            for name in ChargeClass:
                starts = sorted({p.start for p in policies.policies if p.charge_class is name})
                for month, until in pairwise([*starts, LAST_MONTH]):
                    policy = policies.on(name, month, self._rules.known_at)
                    if policy is None or policy.kind is PolicyKind.FOLLOW_SHARES:
                        continue
                    number = str(policy.number)
                    if policy.kind is PolicyKind.IN_PROPORTION:
                        yield (payer, name, month, until, *ever, None, number)
                        continue
                    owner = Owner(PartKind.POLICY, policy.product_id, rule=number)
                    for days in self._whole(owner, *ever):
                        yield payer, name, month, until, *days, None


def _owner_order(owner: Owner) -> tuple[tuple[bool, object], ...]:
    return tuple((value is None, "" if value is None else value) for value in owner)


# -- charges to groups ------------------------------------------------------------------------


def summed(
    connection: engine.Connection,
    source: str,
    rules: Rules,
    tables: Tables,
    finer: Mapping[str, str] | None = None,
    joined: str = "",
) -> str:
    """Charges summed by group, and by the deal of the claim or rule that takes them whole.

    *finer* are further columns to tell them apart by, and what they are of a charge `c` and of what
    is *joined* to it.
    """
    joins, deals = joined, []
    finer = finer or {}
    told = "".join(f", {expression} AS {name}" for name, expression in finer.items())
    if tables.claim_days:
        joins += (
            " LEFT JOIN claim_days claim ON claim.account = c.sub_account_id"
            " AND claim.resource = c.resource_id"
            ' AND c.charge_date >= claim."start" AND c.charge_date < claim."end"'
        )
        deals.append("claim.deal")
    if tables.rule_days:
        keys = sorted({rule.tag.key for rule, *_ in tables.rule_days if rule.tag})
        if keys:
            labels = ", ".join(f"{label(key, rules.aliases)} AS t{n}" for n, key in enumerate(keys))
            table(
                connection,
                "labels",
                f"SELECT tags, {labels} FROM (SELECT tags,"
                " TRY_CAST(TRY_CAST(tags AS JSON) AS MAP(VARCHAR, VARCHAR)) AS cells"
                f" FROM (SELECT DISTINCT tags FROM {source} WHERE tags IS NOT NULL))",
            )
            joins += " LEFT JOIN labels ON labels.tags = c.tags"
        places = {key: f"labels.t{n}" for n, key in enumerate(keys)}
        cases = " ".join(
            f"WHEN {_takes(rule, start, end, places)} THEN {deal}"
            for rule, start, end, deal in tables.rule_days
        )
        deals.append(f"CASE WHEN c.resource_id IS NULL THEN NULL {cases} END")
    deal = f"coalesce({', '.join(deals)})" if deals else "NULL"
    cost = rules.basis.column
    return f"""
        SELECT {", ".join((*Group._fields, *finer))}, deal, sum(cost)::BIGINT AS amount FROM (
            SELECT {columns_of(Group._fields, rules.basis)}{told}, ({deal})::INTEGER AS deal,
                c.{cost} AS cost
            FROM {source} c {joins}
            WHERE {SPEND} AND c.{cost} <> 0)
        GROUP BY ALL HAVING sum(cost) <> 0"""


# What AWS credited is nobody's spend.
SPEND = f"c.charge_category IS DISTINCT FROM {engine.text(ChargeCategory.CREDIT)}"


def columns_of(fields: Iterable[str], basis: CostBasis) -> str:
    """The *fields* of a group, from the ledger's columns."""
    said = {field: f"c.{column}" for field, column in COLUMNS.items()}
    said["charge_class"] = charge_class(basis)
    return ", ".join(f"{said[field]} AS {field}" for field in fields)


def charge_class(basis: CostBasis) -> str:
    """`finops.domain.class_policies.charge_class`, of a row of the ledger."""
    kind, service = "coalesce(c.line_item_type, '')", "coalesce(c.service_code, '')"
    conditions = {
        ChargeClass.TAX: f"c.charge_category = {engine.text(ChargeCategory.TAX)}",
        ChargeClass.MARKETPLACE: f"c.billing_entity = {engine.text(MARKETPLACE)}",
        ChargeClass.SUPPORT: f"starts_with({service}, {engine.text(SUPPORT_PREFIX)})"
        f" OR {service} IN {_listed(SUPPORT_SERVICES)}",
        ChargeClass.UNUSED_COMMITMENT: f"{kind} IN {_listed(COMMITMENT_FEES)}"
        if basis is CostBasis.EFFECTIVE
        else "false",
        ChargeClass.ONE_OFF_FEE: f"{kind} IN {_listed(ONE_OFF_FEES)} OR ({kind} ="
        f" {engine.text(ChargeCategory.PURCHASE)} AND c.commitment_discount_id IS NULL)",
    }
    cases = " ".join(f"WHEN {fits} THEN {engine.text(name)}" for name, fits in conditions.items())
    return f"CASE {cases} ELSE {engine.text(ChargeClass.USAGE)} END"


def _takes(rule: ClaimRule, start: date, end: date, labels: dict[str, str]) -> str:
    """The condition under which a charge of a resource is under *rule* on these days."""
    conditions = [f"c.charge_date >= DATE '{start}'", f"c.charge_date < DATE '{end}'"]
    if rule.account_id is not None:
        conditions.append(f"c.sub_account_id = {engine.text(rule.account_id)}")
    if rule.service is not None:
        conditions.append(f"c.service_code = {engine.text(rule.service)}")
    if rule.name is not None:
        conditions.append(like("c.resource_id", rule.name))
    if rule.tag is not None:
        conditions.append(like(labels[rule.tag.key], rule.tag.value))
    return " AND ".join(conditions)


def label(key: str, aliases: TagAliases) -> str:
    """The value of a tag as `TagAliases.meant` reads it, of the map `cells`.

    >>> label("Team", TagAliases())
    "cells['Team']"
    >>> from finops.domain.tag_settings import KeyAlias
    >>> label("Team", TagAliases(keys=(KeyAlias(key="Team", alias="team"),)))
    "coalesce(cells['Team'], cells['team'])"
    """
    spelled = [f"cells[{engine.text(one)}]" for one in aliases.spellings(key)]
    found = f"coalesce({', '.join(spelled)})" if len(spelled) > 1 else spelled[0]
    cases = " ".join(
        f"WHEN {engine.text(one.alias)} THEN {engine.text(one.value)}"
        for one in aliases.values
        if one.key == key
    )
    return f"CASE {found} {cases} ELSE {found} END" if cases else found


def like(column: str, pattern: str) -> str:
    """`finops.domain.claim_rules.like` of a column.

    >>> like("name", "it's 5%-*")
    "name LIKE 'it''s 5!%-%' ESCAPE '!'"
    """
    if not set(pattern) & {"*", "?"}:
        return f"{column} = {engine.text(pattern)}"
    special = set(pattern) & {"%", "_", "!"}
    escaped = "".join(f"!{sign}" if sign in special else sign for sign in pattern)
    told = f"{column} LIKE {engine.text(escaped.replace('*', '%').replace('?', '_'))}"
    return f"{told} ESCAPE '!'" if special else told


def _listed(words: Iterable[str]) -> str:
    return f"({', '.join(engine.text(word) for word in sorted(words))})"


# -- groups to parts --------------------------------------------------------------------------


def grouped(tables: Tables, finer: Iterable[str] = ()) -> str:
    """What claims and rules left, by policy and then by shares; numbered in the order of groups."""
    of_group = ", ".join(f"s.{field}" for field in (*Group._fields, *finer))
    ordered = ", ".join(f"s.{field} NULLS LAST" for field in Group._fields)
    return f"""
        SELECT {of_group}, s.amount, CASE WHEN s.deal IS NULL THEN p.spread END AS spread,
            coalesce(s.deal, p.deal, d.deal, CASE WHEN s.account IS NULL
                THEN {tables.no_account} ELSE {tables.no_share} END) AS deal,
            dense_rank() OVER (ORDER BY {ordered}) AS place
        FROM summed s
        LEFT JOIN policy_days p ON p.payer = s.payer AND p.charge_class = s.charge_class
            AND s.billing_period >= p."from" AND s.billing_period < p.until
            AND s.day >= p."start" AND s.day < p."end"
        LEFT JOIN share_days d
            ON d.account = s.account AND s.day >= d."start" AND s.day < d."end\""""


_ALL = "ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING"
_LARGEST = "PARTITION BY id ORDER BY remainder DESC, tie"
# Largest remainder, in whole numbers below 64 bits: `finops.domain.allocation.split`.
AMOUNTS = f"""
    SELECT * FROM (
        SELECT g.rowid AS id, g.place, g.spread, d.owner, g.amount
        FROM grouped g JOIN deals d USING (deal) WHERE d.owners = 1
        UNION ALL
        SELECT id, place, spread, owner, (sign(amount) * (floored + (
            row_number() OVER ({_LARGEST}) <= sum(remainder) OVER ({_LARGEST} {_ALL}) // {WHOLE}
            )::BIGINT))::BIGINT AS amount
        FROM (
            SELECT g.rowid AS id, g.place, g.spread, d.owner, d.tie, g.amount,
                abs(g.amount) // {WHOLE} * d.points
                    + abs(g.amount) % {WHOLE} * d.points // {WHOLE} AS floored,
                abs(g.amount) % {WHOLE} * d.points % {WHOLE} AS remainder
            FROM grouped g JOIN deals d USING (deal) WHERE d.owners > 1))
    WHERE amount <> 0"""


def _parts(spread: str) -> str:
    """The parts of groups whose *spread* is as it says, in the order of `allocations.order`."""
    return f"""
        FROM (SELECT * EXCLUDE (spread) FROM amounts WHERE spread {spread}) a
        JOIN (SELECT rowid AS id, {GROUP} FROM grouped) g USING (id)
        JOIN owners o USING (owner)
        ORDER BY place, owner"""


# -- in proportion to spend -------------------------------------------------------------------


def _load_spends(connection: engine.Connection, spends: Spends) -> None:
    """The bills by number, their weights, and the products by their number in order of id."""
    products = sorted({product for weights in spends.values() for product in weights})
    place = {product: number for number, product in enumerate(products)}
    fill(
        connection,
        "bills",
        {"bill": "INTEGER", **dict.fromkeys(Bill._fields, "VARCHAR")}
        | {"whole": "HUGEINT", "products": "BIGINT"},
        [
            (number, *bill, sum(weights.values()), len(weights))
            for number, (bill, weights) in enumerate(spends.items())
        ],
    )
    fill(
        connection,
        "weights",
        {"bill": "INTEGER", "tie": "INTEGER", "weight": "HUGEINT"},
        [
            (number, place[product], weight)
            for number, weights in enumerate(spends.values())
            for product, weight in weights.items()
        ],
    )
    fill(
        connection,
        "products",
        {"tie": "INTEGER", "product_id": "VARCHAR"},
        list(enumerate(products)),
    )


def _waiting(groups: Path) -> str:
    """The groups that wait, and their bill; none, where no product of it spends anything."""
    of_bill = " AND ".join(f"g.{field} IS NOT DISTINCT FROM b.{field}" for field in Bill._fields)
    return f"""
        SELECT g.*, b.bill, b.whole, b.products
        FROM read_parquet({engine.paths([groups])}) g LEFT JOIN bills b ON {of_bill}"""


def _spread(by_shares: Path, some: str, spends: Spends) -> str:
    """The parts of *some* groups, by `finops.domain.allocation.split`."""
    # Sorting whole numbers of 64 bits is much faster; more than 922 million need 128.
    largest = max((sum(weights.values()) for weights in spends.values()), default=0)
    whole = "BIGINT" if largest < 2**63 else "HUGEINT"
    return f"""
        WITH lot AS (FROM grouped WHERE {some}), amounts AS (
            SELECT place, tie, (sign * (floored + (row_number() OVER (
                    PARTITION BY place ORDER BY remainder DESC, tie)
                <= sum(remainder) OVER (
                    PARTITION BY place ORDER BY remainder DESC, tie {_ALL}) // whole
                )::BIGINT))::BIGINT AS amount
            FROM (
                SELECT g.place, w.tie, g.whole, sign(g.amount) AS sign,
                    (abs(g.amount)::HUGEINT * w.weight // g.whole)::BIGINT AS floored,
                    (abs(g.amount)::HUGEINT * w.weight % g.whole)::{whole} AS remainder
                FROM lot g JOIN weights w USING (bill)))
        SELECT {PART} FROM (
            SELECT place, tie, {GROUP}, {engine.text(PartKind.POLICY)} AS kind, product_id,
                NULL::VARCHAR AS workload_id, spread AS rule, NULL::INTEGER AS basis_points,
                NULL::VARCHAR AS reason, NULL::VARCHAR AS meant_for, a.amount
            FROM amounts a JOIN lot g USING (place) JOIN products p USING (tie)
            WHERE a.amount <> 0
            UNION ALL
            SELECT place, owner AS tie, {PART} FROM read_parquet({engine.paths([by_shares])})
            SEMI JOIN (FROM lot WHERE bill IS NULL) USING (place))
        ORDER BY place, tie"""


# -- what is told of them ---------------------------------------------------------------------


def _days_file(connection: engine.Connection, parts: Sequence[Path], path: Path) -> Path:
    return _summed_file(connection, ProductDay._fields[:-1], "", parts, path)


def _owners_file(connection: engine.Connection, parts: Sequence[Path], path: Path) -> Path:
    fields = tuple(field for field in OwnersMonth._fields[:-1] if not field.endswith("_day"))
    days = "min(day) AS first_day, max(day) AS last_day, "
    return _summed_file(connection, fields, days, parts, path)


def _by_service_file(connection: engine.Connection, parts: Sequence[Path], path: Path) -> Path:
    owned = "WHERE product_id IS NOT NULL"
    return _summed_file(connection, ServiceDay._fields[:-1], "", parts, path, owned)


def _card_lines_file(connection: engine.Connection, parts: Sequence[Path], path: Path) -> Path:
    """In the order of products and in small row groups: who asks for a few reads little of it."""
    source = f"read_parquet({engine.paths(list(parts))})"
    table(
        connection,
        "weeks",
        f"SELECT *, {week('billing_period', 'day')} AS week"
        f" FROM (SELECT DISTINCT billing_period, day FROM {source})",
    )
    account = f"CASE WHEN kind <> {engine.text(PartKind.POLICY)} THEN account END AS account"
    lines = f"""(SELECT * REPLACE ({account}) FROM {source} JOIN weeks USING (billing_period, day)
        WHERE product_id IS NOT NULL)"""
    options = PARQUET.replace(")", f", ROW_GROUP_SIZE {ROWS_AT_ONCE})")
    write(connection, _sums(WeekLine._fields[:-1], "", lines), path, options)
    return path


def _allotments_file(connection: engine.Connection, parts: Sequence[Path], path: Path) -> Path:
    """`close_figures.allotted`: what a policy gave a product is of no account."""
    of_policy = f"kind = '{PartKind.POLICY}' AND product_id IS NOT NULL"
    account = f"CASE WHEN {of_policy} THEN NULL ELSE account END AS account"
    every = f"(SELECT * REPLACE ({account}) FROM read_parquet({engine.paths(list(parts))}))"
    write(connection, _sums(InvoicePart._fields[:-1], "", every), path)
    return path


def _summed_file(
    connection: engine.Connection,
    fields: Sequence[str],
    days: str,
    parts: Sequence[Path],
    path: Path,
    where: str = "",
) -> Path:
    source = f"read_parquet({engine.paths(list(parts))}) {where}"
    write(connection, _sums(fields, days, source), path)
    return path


def _sums(fields: Sequence[str], days: str, source: str) -> str:
    """*source* summed by *fields*. An overflow of 922 million a row is an error, not a loss."""
    listed = ", ".join(fields)
    ordered = ", ".join(f"{field} NULLS LAST" for field in fields)
    return (
        f"SELECT {listed}, {days}sum(amount)::BIGINT AS amount FROM {source}"
        f" GROUP BY {listed} ORDER BY {ordered}"
    )


def week(billing_period: str, day: str) -> str:
    """The first day of `finops.domain.periods.billed_period`, of two columns."""
    start = f"({billing_period} || '-01')::DATE"
    of_bill = f"least(greatest({day}, {start}), last_day({start}))"
    return f"greatest({start}, {of_bill} - dayofweek({of_bill})::INTEGER)"


def product_days(connection: engine.Connection, files: Sequence[Path]) -> Iterator[ProductDay]:
    """The sums of several `Allocated.days` files, in no order."""
    fields = ", ".join(ProductDay._fields[:-1])
    found = connection.execute(
        f"SELECT {fields}, sum(amount)::HUGEINT FROM read_parquet({engine.paths(list(files))})"
        " GROUP BY ALL"
    )
    while some := found.fetchmany(LOT):
        yield from (ProductDay(*row) for row in some)


def _spends(connection: engine.Connection, parts: Path) -> dict[Bill, dict[str, int]]:
    """`finops.domain.allocations.spend_of`, where other shares of the accounts are still to come."""
    spends: defaultdict[Bill, dict[str, int]] = defaultdict(dict)
    for *bill, product, amount in connection.execute(
        f"SELECT {BILL}, product_id, sum(amount)::HUGEINT FROM read_parquet({engine.paths([parts])})"
        f" WHERE product_id IS NOT NULL AND kind <> {engine.text(PartKind.POLICY)}"
        f" GROUP BY ALL ORDER BY ALL NULLS LAST"
    ).fetchall():
        spends[Bill(*bill)][product] = amount
    return dict(spends)


def _must_add_up(
    connection: engine.Connection, source: str, rules: Rules, parts: list[Path]
) -> None:
    """Raises ArithmeticError where parts are not what the charges of a day come to."""
    fields = ("payer", "billing_period", "currency", "account", "day", "charge_class", "invoice_id")
    listed = ", ".join(fields)
    off = connection.execute(f"""
        SELECT {listed}, sum(amount)::HUGEINT FROM (
            SELECT {columns_of(fields, rules.basis)}, c.{rules.basis.column}::HUGEINT AS amount
            FROM {source} c WHERE {SPEND}
            UNION ALL SELECT {listed}, -amount::HUGEINT FROM read_parquet({engine.paths(parts)},
                union_by_name = true))
        GROUP BY ALL HAVING sum(amount) <> 0 LIMIT 1""").fetchone()
    if off is not None:
        raise ArithmeticError(f"parts and charges of {off[:-1]} differ by {off[-1]} ticks")


def table(connection: engine.Connection, name: str, query: str) -> None:
    connection.execute(f"CREATE OR REPLACE TEMP TABLE {name} AS {query}")


def days_of(connection: engine.Connection, source: str) -> Period:
    """The days of the charges; none, where there are no charges."""
    row = connection.execute(f"SELECT min(charge_date), max(charge_date) FROM {source}").fetchone()
    first, last = row or (None, None)
    return Period(first, last + timedelta(1)) if first and last else Period(LAST_DAY, LAST_DAY)


def fill(
    connection: engine.Connection,
    name: str,
    columns: Mapping[str, str],
    rows: Sequence[tuple[Any, ...]],
) -> None:
    """A table of *columns* (name and type) that holds *rows*."""
    typed = ", ".join(f"{engine.name(column)} {kind}" for column, kind in columns.items())
    connection.execute(f"CREATE OR REPLACE TEMP TABLE {name} ({typed})")
    cells = ", ".join(f"unnest(?::{kind}[])" for kind in columns.values())
    for first in range(0, len(rows), LOT):
        lists = [list(cells) for cells in zip(*rows[first : first + LOT], strict=True)]
        connection.execute(f"INSERT INTO {name} SELECT {cells}", lists)


def _has_rows(connection: engine.Connection, relation: str) -> bool:
    return connection.execute(f"SELECT 1 FROM {relation} LIMIT 1").fetchone() is not None


def write(connection: engine.Connection, query: str, path: Path, options: str = PARQUET) -> int:
    """Writes the rows of *query*; their number."""
    told = connection.execute(f"COPY ({query}) TO {engine.text(str(path))} {options}").fetchone()
    return int(told[0]) if told else 0
