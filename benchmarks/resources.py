"""Searching a million resources: the product's warm inventory beside DuckDB over the same files.

The inventories are generated as the merge writes them, a file for each account; the questions are
the same for both, and both must find the same before any clock counts.
"""

import json
import os
import random
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import duckdb

from benchmarks.contenders import peak_mb
from benchmarks.measuring import ROOT, table

ACCOUNTS, RESOURCES, CLAIMS, QUESTIONS = 300, 1_000_000, 100_000, 200
PAYER, MONTH, LOAD = "111122223333", "2026-09", "0" * 24
PAGE, RULES = 100, 20
ZSTD = "FORMAT parquet, COMPRESSION zstd, COMPRESSION_LEVEL 1"
KINDS = ("contains", "pattern", "tag", "key", "service", "region", "cost", "account", "unclaimed")
NAMES = ("web", "api", "batch", "db", "checkout", "search", "login")


def compare(out: Path, *, resources: int = RESOURCES) -> str:
    """Milliseconds of a question by its kind, and what the first one costs."""
    folder = inventories(out / f"resources-{resources}", resources)
    runs = {who: _once(who=who, folder=str(folder)) for who in WHO}
    ours, peer = runs["finops"], runs["duckdb"]
    assert ours["found"] == peer["found"], "both find the same, to the tick"
    rows = []
    for kind in [*KINDS, "all of them"]:
        cells: list[object] = [kind]
        for run in (ours, peer):
            taken = sorted(
                ms
                for of, ms in zip(run["kinds"], run["ms"], strict=True)
                if kind in (of, "all of them")
            )
            cells += [round(statistics.median(taken)), round(taken[int(len(taken) * 0.95)])]
        rows.append(cells)
    told = (
        f"{resources:,} resources in {ACCOUNTS} accounts, {CLAIMS:,} claims, {QUESTIONS} questions; "
        f"2 threads. The first question of a process {ours['first'] * 1000:.0f} ms, "
        f"the first about claims {ours['marked'] * 1000:.0f} ms; peak {ours['peak_mb']:.0f} MB, "
        f"DuckDB {peer['peak_mb']:.0f} MB.\n\n"
    )
    titles = ["question", "p50 ms", "p95 ms", "DuckDB p50 ms", "DuckDB p95 ms"]
    return told + table(titles, rows)


def inventories(folder: Path, resources: int) -> Path:
    """A `resources.parquet` for each account, in the order that the merge leaves them in."""
    if folder.exists():
        return folder
    folder.mkdir(parents=True)
    connection = duckdb.connect(config={"threads": 2, "memory_limit": "3GB"})
    listed = ", ".join(f"'{name}'" for name in NAMES)
    connection.execute(f"""CREATE TABLE resources AS
        SELECT 'USD' AS billing_currency, printf('%012d', n % {ACCOUNTS}) AS sub_account_id,
            CASE n % 4
                WHEN 0 THEN printf('arn:aws:s3:::%s-%s', name, md5(n::VARCHAR)[:12])
                WHEN 1 THEN printf('i-0%s', md5(n::VARCHAR)[:16])
                WHEN 2 THEN printf('arn:aws:lambda:eu-west-1:%012d:function:%s-%d',
                    n % {ACCOUNTS}, name, n)
                ELSE printf('arn:aws:logs:us-east-1:%012d:log-group:/aws/lambda/%s-%d',
                    n % {ACCOUNTS}, name, n) END AS resource_id,
            ['AmazonS3', 'AmazonEC2', 'AWSLambda', 'AmazonCloudWatch'][n % 4 + 1] AS service_code,
            CASE WHEN n % 11 > 0 THEN ['eu-west-1', 'us-east-1'][n % 2 + 1] END AS region_id,
            CASE WHEN n % 6 > 0 THEN to_json(map(
                ['user:CostCenter', 'user:Env', 'user:Name', 'user:Team'],
                ['cc-' || n % 400, ['prod', 'test'][n % 2 + 1], name || '-' || n,
                    'team-' || n % 89]))::VARCHAR END AS tags,
            DATE '2026-09-01' AS first_day, DATE '2026-09-01' + (n % 30)::INTEGER AS last_day,
            720::BIGINT AS lines, cost AS unblended_cost, cost AS billed_cost,
            cost AS effective_cost, cost AS list_cost, 0::BIGINT AS unblended_dust
        FROM (SELECT n, [{listed}][(hash(n) % {len(NAMES)})::INTEGER + 1] AS name,
                (hash(n * 13) % 10000000000000)::BIGINT AS cost FROM range({resources}) t(n))""")
    for number in range(ACCOUNTS):
        account = f"{number:012}"
        connection.execute(
            f"COPY (FROM resources WHERE sub_account_id = '{account}'"
            f" ORDER BY resource_id, service_code) TO '{folder}/{account}.parquet' ({ZSTD})"
        )
    return folder


def questions() -> Iterator[tuple[str, dict[str, Any]]]:
    """The mix: each kind in turn, with words of its own, half of the texts beside a service."""
    drawn = random.Random(7)
    for number in range(QUESTIONS):
        kind = KINDS[number % len(KINDS)]
        beside = {"service": "AWSLambda"} if drawn.random() < 0.5 else {}
        match kind:
            case "contains":
                yield kind, {"text": f"{drawn.choice(NAMES)}-{drawn.randrange(100)}"} | beside
            case "pattern":
                yield kind, {"text": f"*{drawn.choice(NAMES)}-?{drawn.randrange(10)}*"} | beside
            case "tag":
                yield kind, {"tags": [("user:Team", f"team-{drawn.randrange(89)}")]} | beside
            case "key":
                yield kind, {"tags": [("user:Team", None)]}
            case "service":
                yield kind, {"service": drawn.choice(["AmazonS3", "AmazonEC2"])}
            case "region":
                yield kind, {"region": "(none)"}
            case "cost":
                yield kind, {"least": drawn.randrange(10**13)}
            case "account":
                yield kind, {"accounts": [f"{drawn.randrange(ACCOUNTS):012}" for _ in range(3)]}
            case "unclaimed":
                yield kind, {"claimed": False} | beside


def claimed(folder: Path) -> dict[str, list[str]]:
    """The same claims every time: about one resource in ten."""
    found: dict[str, list[str]] = {f"{number:012}": [] for number in range(ACCOUNTS)}
    rows = duckdb.execute(
        f"SELECT sub_account_id, resource_id FROM read_parquet('{folder}/*.parquet')"
        f" ORDER BY hash(resource_id), sub_account_id LIMIT {CLAIMS}"
    ).fetchall()
    for account, resource in rows:
        found[account].append(resource)
    return found


Ask = Callable[[Mapping[str, Any]], list[Any]]


class Given:
    """The ports of a search over *folder*, with nothing behind them but memory and its files."""

    def __init__(self, folder: Path, claims: Mapping[str, Sequence[str]]) -> None:
        from finops.domain.claim_rules import ClaimRule, ClaimRules, TagPattern
        from finops.domain.claims import AccountClaims, Claim
        from finops.domain.rule_documents import RulesHead

        self._folder = folder
        start, at = date(2026, 9, 1), datetime(2026, 9, 1, tzinfo=UTC)
        self._claims = {
            account: AccountClaims(
                account_id=account,
                claims=tuple(
                    Claim(
                        account_id=account,
                        resource_id=one,
                        workload_id="w-1",
                        product_id="retail.digital.storefront.web-shop",
                        start=start,
                        claimed_by="ann@example.com",
                        claimed_at=at,
                    )
                    for one in ids
                ),
            )
            for account, ids in claims.items()
        }
        self._heads = {
            account: RulesHead(of=account, document=account, digest="", number=1, changed_at=at)
            for account in claims
        }
        self._rules = ClaimRules(
            rules=tuple(
                ClaimRule(
                    rule_id=f"r-{number}",
                    workload_id="w-1",
                    product_id="retail.digital.storefront.web-shop",
                    start=start,
                    tag=TagPattern(key="user:Team", value=f"team-{number}") if number % 2 else None,
                    name=None if number % 2 else f"*/i-*{number:03}",
                )
                for number in range(RULES)
            )
        )

    def in_period(self, period: str) -> list[Any]:
        from finops.domain.bills import Bill

        at = datetime(2026, 10, 1, tzinfo=UTC)
        bill = Bill(
            billing_account_id=PAYER,
            billing_period=period,
            load_id=LOAD,
            delivered_at=at,
            published_at=at,
            lineage=(LOAD,),
            totals=(),
        )
        return [bill]

    def get_json(self, key: str) -> Any:
        names = [
            f"account={path.stem}/resources.parquet" for path in self._folder.glob("*.parquet")
        ]
        return {"files": [{"name": name} for name in names]}

    def get(self, key: str, target: Path) -> None:
        account = key.rpartition("account=")[2].partition("/")[0]
        shutil.copyfile(self._folder / f"{account}.parquet", target)

    def heads(self) -> Any:
        return self._heads

    def read(self, head: Any) -> Any:
        return self._claims[head.of]

    def find(self) -> Any:
        return self._rules

    def all(self) -> Any:
        return {}


def finops(folder: Path, claims: Mapping[str, Sequence[str]]) -> dict[str, Any]:
    """The use case and the JSON of its answer, without the network; 20 claim rules beside claims."""
    from finops.domain.people import Person, Role
    from finops.domain.resources import ResourceQuery, TagFilter
    from finops.ledger import engine
    from finops.ledger.inventory import Inventory
    from finops.usecases.memo import Memo
    from finops.usecases.resource_views import answer
    from finops.usecases.resources import Stock, resources

    given: Any = Given(folder, claims)
    by = Person(email="ann@example.com", role=Role.FINANCIAL_ADMIN)
    limits = engine.Limits(scratch=Path(tempfile.gettempdir()), memory_mb=1400, threads=2)
    with engine.connect(limits) as connection:
        inventory = Inventory(connection)
        stock = Stock(given, given, inventory, given, given, given, given, Memo(), given)

        def ask(asked: Mapping[str, Any]) -> list[Any]:
            told = dict(asked)
            tags = [TagFilter(key=key, value=value) for key, value in told.pop("tags", ())]
            query = ResourceQuery(tags=tuple(tags), **told)
            page = resources(
                query, month=MONTH, by=by, today=date(2026, 10, 5), limit=PAGE, stock=stock
            )
            body = json.loads(json.dumps(answer(page)))
            spent = body["totals"][0]["billed_cost"] if body["totals"] else "0.0000000000"
            return [body["resources"], spent, sorted(one["resource_id"] for one in body["items"])]

        began = time.perf_counter()
        ask({})
        first = time.perf_counter() - began
        began = time.perf_counter()
        ask({"claimed": False})
        return {"first": first, "marked": time.perf_counter() - began, **_asked(ask)}


def plain(folder: Path, claims: Mapping[str, Sequence[str]]) -> dict[str, Any]:
    """The same questions as somebody would write them over the files, nothing kept but claims."""
    from finops.domain.money import text

    connection = duckdb.connect(config={"threads": 2, "memory_limit": "1400MB"})
    pairs = [(account, id_) for account, ids in claims.items() for id_ in ids]
    connection.execute(
        "CREATE TABLE claims AS SELECT unnest(?::VARCHAR[]) AS sub_account_id,"
        " unnest(?::VARCHAR[]) AS resource_id",
        [list(some) for some in zip(*pairs, strict=True)],
    )
    name = "json_extract_string(tags, '/user:Name')"

    def ask(asked: Mapping[str, Any]) -> list[Any]:
        where, values = ["true"], []
        for column, wanted in (("service_code", "service"), ("region_id", "region")):
            if asked.get(wanted) == "(none)":
                where.append(f"{column} IS NULL")
            elif wanted in asked:
                where.append(f"{column} = ?")
                values.append(asked[wanted])
        if "text" in asked:
            said = asked["text"].replace("*", "%").replace("?", "_")
            said = said if said != asked["text"] else f"%{said}%"
            where.append(f"(resource_id ILIKE ? OR {name} ILIKE ?)")
            values += [said, said]
        for key, value in asked.get("tags", ()):
            read = f"json_extract_string(tags, '/{key}')"
            where.append(f"{read} IS NOT NULL" if value is None else f"{read} = '{value}'")
        if "least" in asked:
            where.append("billed_cost >= ?")
            values.append(asked["least"])
        if "claimed" in asked:
            where.append("NOT EXISTS (FROM claims c WHERE c.sub_account_id = r.sub_account_id")
            where[-1] += " AND c.resource_id = r.resource_id)"
        files = [str(folder / f"{one}.parquet") for one in asked.get("accounts", ())]
        source = str(files) if files else f"'{folder}/*.parquet'"
        relation = f"read_parquet({source}) r WHERE {' AND '.join(where)}"
        total = connection.execute(
            f"SELECT count(*), coalesce(sum(billed_cost), 0)::HUGEINT FROM {relation}", values
        ).fetchone()
        rows = connection.execute(
            f"SELECT r.resource_id, {name}, service_code, region_id, tags, last_day::VARCHAR,"
            f" billed_cost FROM {relation}"
            f" ORDER BY billed_cost DESC, r.sub_account_id, r.resource_id LIMIT {PAGE}",
            values,
        ).fetchall()
        json.dumps(rows)
        assert total is not None
        return [total[0], text(int(total[1])), sorted(row[0] for row in rows)]

    ask({})
    return _asked(ask)


def _asked(ask: Ask) -> dict[str, Any]:
    """All questions, once: what each took, and what it found."""
    kinds, taken, found = [], [], []
    for kind, asked in questions():
        began = time.perf_counter()
        answer = ask(asked)
        taken.append(1000 * (time.perf_counter() - began))
        kinds.append(kind)
        found.append(answer)
    return {"kinds": kinds, "ms": taken, "found": found, "peak_mb": peak_mb()}


WHO: dict[str, Callable[[Path, Mapping[str, Sequence[str]]], dict[str, Any]]] = {
    "finops": finops,
    "duckdb": plain,
}


def _once(**arguments: Any) -> dict[str, Any]:
    """One contender in a process of its own."""
    finished = subprocess.run(
        [sys.executable, "-m", "benchmarks.resources", json.dumps(arguments)],
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        cwd=ROOT,
        stdout=subprocess.PIPE,
        check=True,
        text=True,
    )
    told: dict[str, Any] = json.loads(finished.stdout.splitlines()[-1])
    return told


def main() -> None:
    arguments = json.loads(sys.argv[1])
    folder = Path(arguments["folder"])
    print(json.dumps(WHO[arguments["who"]](folder, claimed(folder))))


if __name__ == "__main__":
    main()
