"""What Cost Optimization Hub would recommend of a sample bill's resources, as its export says it.

Every resource is one that the bill charges, and what it would save is a part of what it costs there.
"""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import ROUND_HALF_EVEN, Decimal
from pathlib import Path
from typing import Any, NamedTuple
from uuid import NAMESPACE_URL, uuid5

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
from pydantic import BaseModel, ConfigDict

from finops.domain.deliveries import MANIFEST_SUFFIX, Manifest, parse_manifest
from finops.domain.errors import InvalidError
from finops.domain.tags import RESOURCE_TAG_PREFIX
from finops.local.sample.catalogue import METERS, Size

TEXT, DOUBLE, TRUTH = pa.string(), pa.float64(), pa.bool_()
COLUMNS: Mapping[str, pa.DataType] = {
    "account_id": TEXT,
    "action_type": TEXT,
    "currency_code": TEXT,
    "current_resource_details": TEXT,
    "current_resource_summary": TEXT,
    "current_resource_type": TEXT,
    "estimated_monthly_cost_after_discount": DOUBLE,
    "estimated_monthly_cost_before_discount": DOUBLE,
    "estimated_monthly_savings_after_discount": DOUBLE,
    "estimated_monthly_savings_before_discount": DOUBLE,
    "estimated_savings_percentage_after_discount": DOUBLE,
    "estimated_savings_percentage_before_discount": DOUBLE,
    "implementation_effort": TEXT,
    "last_refresh_timestamp": TEXT,
    "recommendation_id": TEXT,
    "recommendation_lookback_period_in_days": pa.int32(),
    "recommendation_source": TEXT,
    "recommended_resource_details": TEXT,
    "recommended_resource_summary": TEXT,
    "recommended_resource_type": TEXT,
    "region": TEXT,
    "resource_arn": TEXT,
    "restart_needed": TRUTH,
    "rollback_possible": TRUTH,
    "tags": pa.map_(TEXT, TEXT),
}
EXPORT, BUCKET = "finops-coh", "fernhollow-data-exports"
LEAST = Decimal(1)  # USD a month that is worth a recommendation
USER = "user:"
QUIET = timedelta(7)  # without a charge: then it is not there any more
GROWN = Decimal("1.25")
CENT = Decimal("0.01")
# By the meter of the catalogue, how many of the costliest resources something is recommended for.
FIRST_OF = {"instance": 6, "volume": 4, "database": 3, "function": 2, "nat-hours": 1}
COMMITTED = "ComputeSavingsPlans"
INSTANCES = METERS["instance"].sizes + METERS["arm-instance"].sizes
GRAVITON = {"m6i": "m7g", "t3": "t4g"}
USED = """line_item_line_item_type = 'Usage' AND line_item_unblended_cost > 0
    AND line_item_resource_id <> '' AND product_region_code <> ''"""
RESOURCE = (
    "line_item_usage_account_id, line_item_resource_id, line_item_usage_type, product_region_code"
)
NAMED = "line_item_usage_account_id, line_item_resource_id"
LAST = "max(CAST(line_item_usage_start_date AS DATE)) AS last"
COSTS = """sum(CAST(round(line_item_unblended_cost * 1e10) AS HUGEINT)) AS ticks,
    count(DISTINCT CAST(line_item_usage_start_date AS DATE)) AS days,
    min(to_json(tags)::VARCHAR) AS tags"""
Details = Mapping[str, Any]


class SampleRecommendations(BaseModel):
    """A written export: where it is, and how much it says; *saved* is the sum of each resource once."""

    model_config = ConfigDict(frozen=True)

    day: date
    payer_id: str
    manifest_path: Path
    manifest_key: str
    recommendations: int
    resources: int
    monthly_savings: Decimal


class Billed(NamedTuple):
    """A resource of the bill: its usage, and what it costs in a month of thirty days."""

    account: str
    resource: str
    usage: str
    region: str
    cost: Decimal
    tags: Mapping[str, str]
    has_ended: bool = False


@dataclass(frozen=True)
class Action:
    """Something to do about a resource; *share* is the percentage of its cost that it saves."""

    name: str
    share: int
    effort: str
    after: str | None = None
    restart: bool = False
    rollback: bool = True


def write_recommendations(
    out: Path, bill: Path, *, day: date, later: bool = False, prefix: str = "coh"
) -> SampleRecommendations:
    """Writes the export of *day* under *out*, of the resources of the sample bill under *bill*.

    The same bill and day write the same bytes. *later* is how another day looks: what has ended and
    something else is gone, something has grown. Raises InvalidError where there is no bill.
    """
    manifest = _bill(bill)
    payer = str(manifest.account)
    billed = _billed(manifest, bill)
    if later:
        billed = [one for one in billed if not one.has_ended]
    rows = list(_rows(billed, payer, day))
    if later:
        rows = _a_while_later(rows)
    root = f"{prefix}/{payer}/{EXPORT}"
    key = f"{root}/data/date={day}/{EXPORT}-00001.snappy.parquet"
    manifest_key = f"{root}/metadata/date={day}/{EXPORT}{MANIFEST_SUFFIX}"
    path, told = out / key, out / manifest_key
    for file in (path, told):
        file.parent.mkdir(parents=True, exist_ok=True)
    columns = {name: pa.array([row[name] for row in rows], kind) for name, kind in COLUMNS.items()}
    # Without Arrow's own schema, which AWS does not write.
    pq.write_table(pa.table(columns), path, compression="snappy", store_schema=False)
    said = {
        "executionId": str(uuid5(NAMESPACE_URL, f"{payer}/{day}/{later}/{manifest.execution_id}")),
        "exportArn": f"arn:aws:bcm-data-exports:us-east-1:{payer}:export/{EXPORT}-{payer}",
        "columns": [{"name": name, "type": str(kind)} for name, kind in COLUMNS.items()],
        "dataFiles": [f"s3://{BUCKET}/{key}"],
        "additionalOutputFiles": [],
    }
    told.write_text(json.dumps(said, indent=1) + "\n", encoding="utf-8")
    largest: dict[tuple[str, str], Decimal] = {}
    for row in rows:
        of = (row["account_id"], row["resource_arn"] or row["action_type"])
        saved = Decimal(str(row["estimated_monthly_savings_after_discount"]))
        largest[of] = max(saved, largest.get(of, Decimal(0)))
    return SampleRecommendations(
        day=day,
        payer_id=payer,
        manifest_path=told,
        manifest_key=manifest_key,
        recommendations=len(rows),
        resources=len(largest),
        monthly_savings=sum(largest.values(), Decimal(0)),
    )


# The bill -----------------------------------------------------------------------------------------


def _bill(folder: Path) -> Manifest:
    for path in sorted(folder.rglob(f"*{MANIFEST_SUFFIX}")):
        manifest = parse_manifest(path.relative_to(folder).as_posix(), path.read_text("utf-8"))
        if manifest.billing_period is not None and manifest.account is not None:
            return manifest
    raise InvalidError(f"{folder} holds no sample bill; finops sample --out writes one")


def _billed(manifest: Manifest, folder: Path) -> list[Billed]:
    """What each resource costs on demand: what a commitment covers is saved already."""
    with duckdb.connect() as connection:
        lines = connection.read_parquet([str(folder / key) for key in manifest.files])
        found = (
            lines.filter(USED)
            .aggregate(f"{RESOURCE}, {COSTS}", RESOURCE)
            .order(f"ticks DESC, {RESOURCE}")
            .fetchall()
        )
        # What a commitment covers has no usage of its own, and goes on.
        last = {
            (account, resource): day
            for account, resource, day in lines.aggregate(f"{NAMED}, {LAST}", NAMED).fetchall()
        }
    newest = max(last.values(), default=date.min)
    return [
        Billed(
            *(account, resource, usage, region),
            Decimal(int(ticks)).scaleb(-10) * 30 / days,
            _own(json.loads(tags or "{}")),
            newest - last[account, resource] > QUIET,
        )
        for account, resource, usage, region, ticks, days, tags in found
    ]


def _own(tags: Mapping[str, str]) -> dict[str, str]:
    """A resource's own tags, as their owner spelled them: without what AWS puts before a key."""
    return {
        key.removeprefix(RESOURCE_TAG_PREFIX).removeprefix(USER): value
        for key, value in tags.items()
        if key.startswith(RESOURCE_TAG_PREFIX)
    }


def _of(meter: str, billed: Iterable[Billed]) -> Iterator[Billed]:
    """The costliest resources of a *meter*, the costliest first."""
    words = METERS[meter].usage.partition("{")[0]
    fits = (one for one in billed if words in one.usage and one.cost >= LEAST)
    for _, one in zip(range(FIRST_OF.get(meter, 1)), fits, strict=False):
        yield one


# Rows ---------------------------------------------------------------------------------------------


def _rows(billed: list[Billed], payer: str, day: date) -> Iterator[dict[str, Any]]:
    intel = 0
    for one in _of("instance", billed):
        size = one.usage.rpartition(":")[2]
        options = []
        if (smaller := _smaller(INSTANCES, size)) is not None:
            options.append(Action("Rightsize", 50, "Medium", smaller, restart=True))
        if (family := size.partition(".")[0]) in GRAVITON:
            like = size.replace(family, GRAVITON[family])
            options.append(Action("MigrateToGraviton", 15, "VeryHigh", like, restart=True))
            intel += 1
            if intel == 1:
                options.append(Action("Stop", 100, "Low", restart=True))
        for action in options:
            told = [
                {"ec2Instance": {"configuration": {"instance": {"type": name}}}} if name else {}
                for name in (size, action.after)
            ]
            yield _row(one, "Ec2Instance", size, action, _ec2("instance"), told, day)
    for place, one in enumerate(_of("volume", billed)):
        delete = Action("Delete", 100, "Low", rollback=False)
        upgrade = Action("Rightsize", 20, "VeryLow", "gp3, 3000 IOPS, 125 MB/s")
        action = delete if place % 2 == 0 else upgrade
        volume = {"ebsVolume": {"configuration": {"storage": {"type": "gp3"}}}}
        yield _row(one, "EbsVolume", "gp3", action, _ec2("volume"), [volume, {}], day)
    for one in _of("database", billed):
        size = one.usage.rpartition(":")[2]
        smaller = _smaller(METERS["database"].sizes, size)
        options = [Action("Rightsize", 50, "Medium", smaller, restart=True)] if smaller else []
        if one.has_ended:  # nobody is connected to it for the rest of the month
            options.append(Action("Stop", 100, "Low"))
        for action in options:
            classes = [
                {"rdsDbInstance": {"configuration": {"instance": {"dbInstanceClass": name}}}}
                if name
                else {}
                for name in (size, action.after)
            ]
            yield _row(one, "RdsDbInstance", size, action, _itself, classes, day)
    for one in _of("function", billed):
        memories = [
            {"lambdaFunction": {"configuration": {"compute": {"memorySizeInMB": memory}}}}
            for memory in (1024, 640)
        ]
        action = Action("Rightsize", 30, "Low", "640 MB")
        yield _row(one, "LambdaFunction", "1024 MB", action, _itself, memories, day)
    for one in _of("nat-hours", billed):
        delete = Action("Delete", 100, "Medium", rollback=False)
        yield _row(one, "NatGateway", "NAT gateway", delete, _itself, [{}, {}], day)
    yield from _plan(billed, payer, day)


def _plan(billed: list[Billed], payer: str, day: date) -> Iterator[dict[str, Any]]:
    """A Savings Plan for two thirds of the compute that none covers yet."""
    words = ("BoxUsage", "Fargate", "Lambda-GB-Second")
    eligible = sum(
        (one.cost for one in billed if any(word in one.usage for word in words)), Decimal(0)
    )
    if eligible < LEAST:
        return
    hourly = (eligible * 2 / 3 * Decimal("0.72") / 720).quantize(CENT, ROUND_HALF_EVEN)
    action = Action(
        "PurchaseSavingsPlans",
        18,
        "VeryLow",
        f"${hourly} an hour for 1 year, no upfront",
        rollback=False,
    )
    after = {"computeSavingsPlans": {"configuration": {"hourlyCommitment": str(hourly)}}}
    one = Billed(payer, "", "", "", eligible, {})
    yield _row(one, COMMITTED, None, action, lambda _: None, [{}, after], day)


def _row(
    one: Billed,
    kind: str,
    current: str | None,
    action: Action,
    arn: Callable[[Billed], str | None],
    details: Sequence[Details],
    day: date,
) -> dict[str, Any]:
    cost = one.cost.quantize(CENT, ROUND_HALF_EVEN)
    saved = (one.cost * action.share / 100).quantize(CENT, ROUND_HALF_EVEN)
    is_plan = kind == COMMITTED
    before, after = details
    refreshed = datetime(day.year, day.month, day.day, 3, 15, tzinfo=UTC)
    named = arn(one)
    return {
        "account_id": one.account,
        "action_type": action.name,
        "currency_code": "USD",
        "current_resource_details": json.dumps(before) if before else None,
        "current_resource_summary": current,
        "current_resource_type": None if is_plan else kind,
        "estimated_monthly_cost_after_discount": float(cost),
        "estimated_monthly_cost_before_discount": float(cost),
        "estimated_monthly_savings_after_discount": float(saved),
        "estimated_monthly_savings_before_discount": float(saved),
        "estimated_savings_percentage_after_discount": float(action.share),
        "estimated_savings_percentage_before_discount": float(action.share),
        "implementation_effort": action.effort,
        "last_refresh_timestamp": refreshed.isoformat().replace("+00:00", "Z"),
        "recommendation_id": str(
            uuid5(NAMESPACE_URL, f"{one.account}/{named}/{action.name}/{day}")
        ),
        "recommendation_lookback_period_in_days": 30 if is_plan else 14,
        "recommendation_source": "CostExplorer" if is_plan else "ComputeOptimizer",
        "recommended_resource_details": json.dumps(after) if after else None,
        "recommended_resource_summary": action.after or action.name,
        "recommended_resource_type": kind,
        "region": one.region or None,
        "resource_arn": named,
        "restart_needed": action.restart,
        "rollback_possible": action.rollback,
        "tags": list(one.tags.items()),
    }


def _a_while_later(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The first volume is gone, and the first database saves a quarter more."""
    kinds = [row["current_resource_type"] for row in rows]
    gone = kinds.index("EbsVolume") if "EbsVolume" in kinds else None
    grown = kinds.index("RdsDbInstance") if "RdsDbInstance" in kinds else None
    found = []
    for place, row in enumerate(rows):
        if place == gone:
            continue
        if place == grown:
            names = [name for name in row if name.startswith("estimated_monthly_")]
            more = {name: float((Decimal(str(row[name])) * GROWN).quantize(CENT)) for name in names}
            found.append(row | more)
        else:
            found.append(row)
    return found


def _smaller(sizes: tuple[Size, ...], size: str) -> str | None:
    """The size below, of the same family."""
    names = [one.name for one in sizes]
    place = names.index(size) if size in names else 0
    below = names[place - 1] if place else ""
    return below if below.partition(".")[0] == size.partition(".")[0] else None


def _ec2(kind: str) -> Callable[[Billed], str]:
    """The ARN of what bills know by its id alone."""

    def arn(one: Billed) -> str:
        return f"arn:aws:ec2:{one.region}:{one.account}:{kind}/{one.resource}"

    return arn


def _itself(one: Billed) -> str:
    return one.resource
