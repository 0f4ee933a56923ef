"""Allocating a month again: the product beside the same joins in plain DuckDB, with doubles.

The ledger is generated as charges, as many as 10 M lines of a large organisation reduce to.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import duckdb

from benchmarks import allocation_run
from benchmarks.contenders import Work, peak_mb
from benchmarks.measuring import ROOT, Measured, median, table

ACCOUNTS, PRODUCTS, CLAIMS, RESOURCES, RULES = 300, 2_000, 100_000, 500_000, 20
CHARGES = 1_700_000  # 10 M hourly lines of 500,000 resources come to this (README, "Merge")
A_MILLION_LINES = CHARGES // 10
PAYER, MONTH = "111122223333", "2026-09"
ZSTD = "FORMAT parquet, COMPRESSION zstd, COMPRESSION_LEVEL 1"


def compare(out: Path, *, rounds: int, charges: int = CHARGES) -> str:
    """A table of the month allocated by each, by one worker and by four one after the other."""
    files = ledger(out / f"charges-{charges}", charges)
    contenders: dict[str, dict[str, Any]] = {
        "FinOps Center": {"who": "finops", "workers": 1},
        "FinOps Center, 4 workers in turn": {"who": "finops", "workers": 4},
        "FinOps Center, tax in proportion": {"who": "finops", "workers": 1, "spreads": True},
        "DuckDB, doubles": {"who": "duckdb"},
        "DuckDB, doubles, 600 MB": {"who": "duckdb", "memory_mb": 600},
    }
    runs: dict[str, list[Measured]] = {name: [] for name in contenders}
    for turn in range(rounds):
        for name in list(contenders)[:: 1 if turn % 2 == 0 else -1]:
            target = str(out / name.replace(" ", "-"))
            runs[name].append(_once(files=[str(f) for f in files], out=target, **contenders[name]))
    measured = {name: median(some) for name, some in runs.items()}
    whole = measured["FinOps Center"].told
    peer = measured["DuckDB, doubles"]
    assert abs(whole["sum"] - peer.told["sum"]) < 10**10, "both hand out the bill, to a dollar"
    rows = [
        [name, run.told["parts"], run.wall, run.cpu, round(run.peak_mb), run.wall / peer.wall]
        for name, run in measured.items()
    ]
    told = (
        f"{charges:,} charges of {ACCOUNTS} accounts, {PRODUCTS:,} products, {CLAIMS:,} claims, "
        f"{RULES} claim rules; 2 threads.\n\n"
    )
    return (
        told
        + table(["", "parts", "wall s", "CPU s", "peak MB", "wall ÷ DuckDB"], rows)
        + "\n\nThe whole run, from the rules to what readers see:\n\n"
        + whole_runs(out, rounds=rounds)
    )


def whole_runs(out: Path, *, rounds: int) -> str:
    """A table of allocation runs through the use cases, of a month of 1 M lines and one of 10 M."""
    rows = []
    for charges in (A_MILLION_LINES, CHARGES):
        files = [str(file) for file in ledger(out / f"charges-{charges}", charges)]
        for spreads in (False, True):
            some = [
                _once(who="run", files=files, out=str(out / f"run-{turn}"), spreads=spreads)
                for turn in range(rounds)
            ]
            run = median(some)
            name = f"{charges:,} charges{', tax in proportion' if spreads else ''}"
            rows.append([name, run.told["parts"], run.wall, run.cpu, round(run.peak_mb)])
    return table(["", "parts", "wall s", "CPU s", "peak MB"], rows)


def ledger(folder: Path, charges: int) -> list[Path]:
    """Charges as the merge writes them: a file for each account, in the order of the key."""
    if folder.exists():
        return sorted(folder.glob("*.parquet"))
    folder.mkdir(parents=True)
    connection = duckdb.connect(config={"threads": 2, "memory_limit": "2GB"})
    each = RESOURCES // ACCOUNTS
    connection.execute(f"""CREATE TABLE charges AS
        SELECT '{PAYER}' AS billing_account_id, '{MONTH}' AS billing_period,
            'USD' AS billing_currency, printf('%012d', account) AS sub_account_id,
            DATE '2026-09-01' + day::INTEGER AS charge_date, category AS charge_category,
            CASE category WHEN 'Tax' THEN 'Tax' ELSE 'Usage' END AS line_item_type,
            printf('Amazon%02d', resource % 60) AS service_code,
            CASE resource % 3 WHEN 0 THEN 'eu-west-1' ELSE 'us-east-1' END AS region_id,
            CASE WHEN category = 'Usage' AND r % 6 > 0 THEN printf(
                'arn:aws:ec2:eu-west-1:%012d:instance/i-%017d', account, resource) END AS resource_id,
            'EUINES26-1' AS invoice_id, 'Amazon Web Services EMEA SARL' AS invoice_issuer_name,
            'AWS' AS billing_entity, NULL::VARCHAR AS commitment_discount_id,
            CASE WHEN r % 6 > 1 THEN printf('{{"user:Name":"n-%d","user:Team":"team-%d"}}',
                resource % 997, resource % 89) END AS tags,
            NULL::VARCHAR AS split_parent_resource_id, 1::BIGINT AS lines,
            cost AS unblended_cost, cost AS billed_cost, cost AS effective_cost,
            cost AS list_cost, 0::BIGINT AS split_cost, 0::BIGINT AS split_unused_cost,
            0::BIGINT AS unblended_dust
        FROM (SELECT n // 30 AS r, CASE WHEN n % 100 = 0 THEN 0 ELSE n % 30 END AS day,
                CASE WHEN n % 100 = 0 THEN 'Tax' ELSE 'Usage' END AS category,
                r % {ACCOUNTS} AS account, r // {ACCOUNTS} % {each} AS resource,
                (hash(n) % 10000000000000)::BIGINT AS cost
            FROM range({charges}) t(n))""")
    for (account,) in connection.execute(
        "SELECT DISTINCT sub_account_id FROM charges ORDER BY 1"
    ).fetchall():
        connection.execute(
            f"COPY (FROM charges WHERE sub_account_id = '{account}' ORDER BY ALL)"
            f" TO '{folder}/{account}.parquet' ({ZSTD})"
        )
    return sorted(folder.glob("*.parquet"))


def rules_of(*, spreads: bool) -> tuple[Any, Any]:
    """What the organisation has decided: the same every time."""
    from finops.domain.allocations import Rules
    from finops.domain.claim_rules import ClaimRule, ClaimRules, TagPattern
    from finops.domain.claims import AccountClaims, Claim
    from finops.domain.class_policies import ChargeClass, ClassPolicies, PolicyKind
    from finops.domain.periods import Period
    from finops.domain.shares import AccountShares, Revision

    start, end, at = date(2026, 1, 1), date(2027, 1, 1), datetime(2026, 9, 1, tzinfo=UTC)
    who = {"set_by": "ann@example.com", "set_at": at}
    product = [
        f"unit-{n % 7}.department-{n % 40}.portfolio-{n % 200}.product-{n:04}"
        for n in range(PRODUCTS)
    ]
    shares, claims = {}, {}
    for number in range(ACCOUNTS):
        account = f"{number:012}"
        revisions = []
        for change, day in enumerate(
            (start, date(2026, 9, 6), date(2026, 9, 20))[: 1 + number % 3]
        ):
            count = 1 + (number + change) % 6
            points = [10_000 // count] * (count - 1)
            names = [product[(number * 7 + change * 3 + n) % PRODUCTS] for n in range(count)]
            split = tuple(zip(names, [*points, 10_000 - sum(points)], strict=True))
            revisions.append(Revision(number=change + 1, start=day, end=end, shares=split, **who))
        shares[account] = AccountShares(account_id=account, revisions=tuple(revisions))
        claims[account] = AccountClaims(
            account_id=account,
            claims=tuple(
                Claim(
                    account_id=account,
                    resource_id=f"arn:aws:ec2:eu-west-1:{account}:instance/i-{resource:017}",
                    workload_id=f"w-{(number * 5 + resource) % 5_000}",
                    product_id=product[(number * 5 + resource) % PRODUCTS],
                    start=date(2026, 9, 1 + resource % 20),
                    end=date(2026, 9, 25) if resource % 10 == 0 else None,
                    claimed_by="bob@example.com",
                    claimed_at=at,
                )
                for resource in range(CLAIMS // ACCOUNTS)
            ),
        )
    rules = ClaimRules(
        rules=tuple(
            ClaimRule(
                rule_id=f"r-{n}",
                workload_id=f"w-{n}",
                product_id=product[n],
                start=start,
                tag=TagPattern(key="user:Team", value=f"team-{n}") if n % 2 else None,
                name=None if n % 2 else f"*/i-*{n:03}",
            )
            for n in range(RULES)
        )
    )
    policies = ClassPolicies(payer=PAYER)
    if spreads:
        policies = policies.decided(
            ChargeClass.TAX,
            PolicyKind.IN_PROPORTION,
            start=MONTH,
            open_from=MONTH,
            by="ann@example.com",
            at=at,
        )
    lives = {name: (Period(start, end),) for name in product}
    return Rules(shares, claims, rules, {PAYER: policies}), lives


def finops(files: Sequence[str], out: str, *, workers: int, spreads: bool = False) -> Work:
    """The product; workers take their accounts one after the other, each with a lid of 600 MB."""
    from finops.domain.allocations import added
    from finops.ledger import allocating, engine

    rules, lives = rules_of(spreads=spreads)

    def work() -> dict[str, int]:
        rows, total, made = 0, 0, []
        with tempfile.TemporaryDirectory() as scratch:
            limits = engine.Limits(scratch=Path(scratch), threads=2)
            for worker in range(workers):
                mine = [Path(file) for file in files[worker::workers]]
                accounts = {path.stem for path in mine}
                its = rules._replace(
                    shares={a: s for a, s in rules.shares.items() if a in accounts},
                    claims={a: c for a, c in rules.claims.items() if a in accounts},
                )
                with engine.connect(limits) as connection:
                    made.append(
                        allocating.allocate(connection, mine, Path(out) / str(worker), its, lives)
                    )
            spends = added(one.spends for one in made)
            for worker, one in enumerate(list(made)):
                if one.waiting:
                    with engine.connect(limits) as connection:
                        made.append(
                            allocating.spread(
                                connection, one.waiting, spends, Path(out) / str(worker)
                            )
                        )
        for one in made:
            rows += one.rows
            with engine.connect(limits) as connection:
                days = allocating.product_days(connection, [one.days])
                total += sum(day.amount for day in days)
        return {"parts": rows, "sum": total}

    return work


def plain(files: Sequence[str], out: str, *, memory_mb: int | None = None) -> Work:
    """The same joins as somebody would write them, in doubles: nothing is rounded, nor adds up."""
    rules, _ = rules_of(spreads=False)
    shares = [
        (account, span.start, span.end, product, points / 10_000)
        for account, of in rules.shares.items()
        for span in of.spans(_month())
        for product, points in span.revision.shares
    ]
    claims = [
        (
            c.account_id,
            c.resource_id,
            c.start,
            c.end or date(9999, 12, 31),
            c.product_id,
            c.workload_id,
        )
        for of in rules.claims.values()
        for c in of.claims
    ]
    cases = " ".join(
        f"WHEN json_extract_string(tags, '$.\"user:Team\"') = '{rule.tag.value}' THEN {n}"
        if rule.tag
        else f"WHEN resource_id LIKE '{rule.name.replace('*', '%')}' THEN {n}"
        for n, rule in enumerate(rules.claim_rules.rules)
    )
    names = ", ".join(f"'{rule.product_id}'" for rule in rules.claim_rules.rules)
    group = (
        "billing_account_id, billing_period, billing_currency, c.sub_account_id, charge_date,"
        " charge_category, service_code, invoice_id, invoice_issuer_name"
    )

    def work() -> dict[str, int]:
        config: dict[str, Any] = {"threads": 2}
        if memory_mb is not None:
            config |= {"memory_limit": f"{memory_mb}MB", "preserve_insertion_order": False}
        connection = duckdb.connect(config=config)
        for name, rows, kinds in (
            ("shares", shares, ("VARCHAR", "DATE", "DATE", "VARCHAR", "DOUBLE")),
            ("claims", claims, ("VARCHAR", "VARCHAR", "DATE", "DATE", "VARCHAR", "VARCHAR")),
        ):
            cells = ", ".join(f"unnest(?::{kind}[]) AS c{n}" for n, kind in enumerate(kinds))
            lists = [list(some) for some in zip(*rows, strict=True)]
            connection.execute(f"CREATE TABLE {name} AS SELECT {cells}", lists)
        listed = ", ".join(f"'{file}'" for file in files)
        Path(out).mkdir(parents=True, exist_ok=True)
        path = f"{out}/parts.parquet"
        connection.execute(
            f"""COPY (
            WITH summed AS (
                SELECT {group}, k.c4 AS claimed, k.c5 AS workload,
                    CASE WHEN resource_id IS NOT NULL AND k.c4 IS NULL
                        THEN CASE {cases} END END AS rule,
                    sum(billed_cost)::DOUBLE AS amount
                FROM read_parquet([{listed}]) c LEFT JOIN claims k ON k.c0 = c.sub_account_id
                    AND k.c1 = c.resource_id AND charge_date >= k.c2 AND charge_date < k.c3
                WHERE charge_category IS DISTINCT FROM 'Credit' GROUP BY ALL)
            SELECT s.* EXCLUDE (amount),
                coalesce(claimed, [{names}][rule + 1], h.c3) AS product_id,
                amount * CASE WHEN claimed IS NULL AND rule IS NULL
                    THEN coalesce(h.c4, 1) ELSE 1 END AS amount
            FROM summed s LEFT JOIN shares h ON claimed IS NULL AND rule IS NULL
                AND h.c0 = s.sub_account_id AND charge_date >= h.c1 AND charge_date < h.c2
            ) TO '{path}' ({ZSTD})"""
        )
        row = connection.execute(f"SELECT count(*), sum(amount) FROM '{path}'").fetchone()
        return {"parts": row[0], "sum": round(row[1])} if row else {}

    return work


WHO: dict[str, Callable[..., Work]] = {
    "finops": finops,
    "run": allocation_run.run,
    "duckdb": plain,
}


def _month() -> Any:
    from finops.domain.periods import BillingPeriod

    return BillingPeriod(MONTH).period


def _once(**arguments: Any) -> Measured:
    """One run in a process of its own."""
    finished = subprocess.run(
        [sys.executable, "-m", "benchmarks.allocate", json.dumps(arguments)],
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        cwd=ROOT,
        stdout=subprocess.PIPE,
        check=True,
        text=True,
    )
    return Measured(**json.loads(finished.stdout.splitlines()[-1]))


def main() -> None:
    arguments = json.loads(sys.argv[1])
    work = WHO[arguments.pop("who")](**arguments)
    wall, cpu = time.perf_counter(), time.process_time()
    told = work()
    measured = {
        "wall": time.perf_counter() - wall,
        "cpu": time.process_time() - cpu,
        "peak_mb": peak_mb(),
        "told": told,
    }
    print(json.dumps(measured))


if __name__ == "__main__":
    main()
