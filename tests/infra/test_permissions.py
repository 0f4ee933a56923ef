"""What the doors really ask of AWS, beside what their roles allow: two bills are loaded on moto.

Grants of CDK constructs change nothing here (`infra.rights`), so a right that was forgotten would
be found by the customer. It is found by this test instead: nothing that is called may be missing,
and nothing that is allowed may be needless.
"""

import importlib
import json
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import boto3
import pytest
from moto import mock_aws
from moto.core.models import DEFAULT_ACCOUNT_ID

from finops.local.sample.bill import SampleBill, write_sample
from finops.runtime import wiring
from finops.usecases import housekeeping
from infra.nag import flat
from tests.infra.synthesis import Synthesized
from tests.infra.test_doors import DOORS

MACHINE = f"arn:aws:states:us-east-1:{DEFAULT_ACCOUNT_ID}:stateMachine:load_bill"
BILLING, LEDGER, LOADS, BILLS = "billing-bucket", "ledger-bucket", "loads-table", "bills-table"
ENVIRONMENT = {
    "BILLING_BUCKET": BILLING,
    "LEDGER_BUCKET": LEDGER,
    "LOADS_TABLE": LOADS,
    "BILLS_TABLE": BILLS,
    "LOAD_BILL_ARN": MACHINE,
    "MAX_LINES_PER_ITEM": "1000",
    "LEDGER_MEMORY_MB": "500",
    "LEDGER_THREADS": "1",
    "KEEP_DAYS": "0",
    "WAIT_SECONDS": "1",
    "QUIET_SECONDS": "0",
}
TABLES = f"arn:aws:dynamodb:us-east-1:{DEFAULT_ACCOUNT_ID}:table"
ARNS = {
    BILLING: f"arn:aws:s3:::{BILLING}",
    LEDGER: f"arn:aws:s3:::{LEDGER}",
    LOADS: f"{TABLES}/{LOADS}",
    BILLS: f"{TABLES}/{BILLS}",
    MACHINE: MACHINE,
}
PLATFORM = {"logs:CreateLogStream", "logs:PutLogEvents", "sqs:SendMessage"}
# Allowed and not seen in these two loads: what for.
RESERVED = {
    "s3:ListBucket": "who may not list is told 403, not 404, of an object that is not there",
    "s3:GetObjectVersion": "a file that was replaced while it was read is read as it was",
}

Call = tuple[str, str]


@dataclass
class Office:
    """AWS as the doors see it, noting who asks for what."""

    door: str = ""
    calls: dict[str, set[Call]] = field(default_factory=dict)

    def client(self, service: str) -> Any:
        made = boto3.client(service, region_name="us-east-1")
        made.meta.events.register("provide-client-params", self._note)
        return made

    def open(self, door: str, event: dict[str, Any]) -> Any:
        self.door = door
        for name in ("deliveries", "ledger", "loads", "bills", "runs"):
            getattr(wiring, name).cache_clear()
        handler = importlib.import_module(f"functions.{door}.handler").handler
        return handler(event, _Context())

    def _note(self, params: dict[str, Any], model: Any, **_: Any) -> None:
        noted = self.calls.setdefault(self.door, set())
        noted.update(_rights(model.name, params))


class _Context:
    function_name = memory_limit_in_mb = invoked_function_arn = aws_request_id = "test"


def _rights(operation: str, asked: dict[str, Any]) -> Iterator[Call]:
    """The action and the resource that IAM is asked about."""
    match operation:
        case "ListObjectsV2":
            yield "s3:ListBucket", ARNS[asked["Bucket"]]
        case "DeleteObjects":
            for one in asked["Delete"]["Objects"]:
                yield "s3:DeleteObject", f"{ARNS[asked['Bucket']]}/{one['Key']}"
        case "GetObject" | "HeadObject":
            action = "s3:GetObjectVersion" if "VersionId" in asked else "s3:GetObject"
            yield action, f"{ARNS[asked['Bucket']]}/{asked['Key']}"
        case "PutObject" | "CreateMultipartUpload" | "UploadPart" | "CompleteMultipartUpload":
            yield "s3:PutObject", f"{ARNS[asked['Bucket']]}/{asked['Key']}"
        case "Query" if "IndexName" in asked:
            yield "dynamodb:Query", f"{ARNS[asked['TableName']]}/index/{asked['IndexName']}"
        case "TransactWriteItems":
            for one in asked["TransactItems"]:
                for kind, part in one.items():
                    yield f"dynamodb:{kind}Item", ARNS[part["TableName"]]
        case "BatchWriteItem":
            for table in asked["RequestItems"]:
                yield "dynamodb:BatchWriteItem", ARNS[table]
        case "StartExecution":
            yield "states:StartExecution", ARNS[asked["stateMachineArn"]]
        case _:
            yield f"dynamodb:{operation}", ARNS[asked["TableName"]]


@pytest.fixture(scope="module")
def calls(
    plain: Synthesized, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[dict[str, set[Call]]]:
    """By door, what it asked while two deliveries were loaded, shown, swept and expired."""
    office = Office()
    folder = tmp_path_factory.mktemp("bills")
    with pytest.MonkeyPatch.context() as patch, mock_aws():
        for name, value in ENVIRONMENT.items():
            patch.setenv(name, value)
        patch.setattr(wiring, "client", office.client)
        # A door keeps what it has read of the ledger; nothing of an earlier run may be found.
        patch.setattr(housekeeping, "TOTALS_KEPT", timedelta(0))
        patch.setattr(tempfile, "tempdir", str(tmp_path_factory.mktemp("scratch")))
        _furnish(plain)
        for restate in (0, 1):
            bill = _sample(folder, restate)
            _load(office, _deliver(bill, folder))
        _ask(office, bill)
        _fail(office, _deliver(_sample(folder, 2), folder, elsewhere="broken/"))
        _deliver(bill, folder, elsewhere="missed/")
        office.open("sweep_deliveries", {})
        office.open("expire_generations", {})
        yield office.calls
    for name in ("deliveries", "ledger", "loads", "bills", "runs"):
        getattr(wiring, name).cache_clear()


def _furnish(plain: Synthesized) -> None:
    """The buckets, and the tables as the template has them."""
    s3 = boto3.client("s3", region_name="us-east-1")
    for bucket in (BILLING, LEDGER):
        s3.create_bucket(Bucket=bucket)
        s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    dynamodb = boto3.client("dynamodb", region_name="us-east-1")
    for id_, table in plain.resources("AWS::DynamoDB::GlobalTable").items():
        properties = table["Properties"]
        dynamodb.create_table(
            TableName=LOADS if id_.startswith("Data/Loads") else BILLS,
            **{
                key: properties[key]
                for key in (
                    *("AttributeDefinitions", "KeySchema", "GlobalSecondaryIndexes"),
                    "BillingMode",
                )
            },
        )
    boto3.client("stepfunctions", region_name="us-east-1").create_state_machine(
        name="load_bill",
        roleArn=f"arn:aws:iam::{DEFAULT_ACCOUNT_ID}:role/states",
        definition='{"StartAt": "Done", "States": {"Done": {"Type": "Succeed"}}}',
    )


def _sample(folder: Path, restate: int) -> SampleBill:
    return write_sample(folder, month="2026-09", lines=2000, restate=restate)


def _deliver(bill: SampleBill, folder: Path, elsewhere: str = "") -> str:
    s3 = boto3.client("s3", region_name="us-east-1")
    for key in [*(file.key for file in bill.files), bill.manifest_key]:
        s3.upload_file(str(folder / key), BILLING, f"{elsewhere}{key}")
    return f"{elsewhere}{bill.manifest_key}"


def _look(manifest_key: str) -> dict[str, Any]:
    return {"manifest_key": manifest_key, "attempt": 0}


def _load(office: Office, manifest_key: str) -> None:
    """The way of `load_bill`, step by step."""
    found = office.open("find_delivery", _look(manifest_key))
    assert found["status"] == "Ready", found
    step = {"load_id": found["load_id"]}
    plan = office.open("plan_load", step)
    for item in _work(plan["items_key"]):
        office.open("reduce_bill", item)
    for shard in _work(plan["shards_key"]):
        office.open("merge_bill", shard)
    office.open("check_load", step)
    assert office.open("publish_load", step)["status"] == "Published"


def _fail(office: Office, manifest_key: str) -> None:
    found = office.open("find_delivery", _look(manifest_key))
    caught = {"delivery": found, "error": {"Error": "Crash", "Cause": "the disk is full"}}
    failed = office.open("fail_load", {"manifest_key": manifest_key, "input": caught})
    assert failed["status"] == "Failed"


def _work(key: str) -> list[dict[str, Any]]:
    s3 = boto3.client("s3", region_name="us-east-1")
    listed: list[dict[str, Any]] = json.loads(s3.get_object(Bucket=LEDGER, Key=key)["Body"].read())
    return listed


def _ask(office: Office, bill: SampleBill) -> None:
    def ask(method: str, path: str, query: dict[str, str] | None = None, body: Any = None) -> Any:
        event = {
            "httpMethod": method,
            "path": path,
            "headers": {"Content-Type": "application/json"},
            "queryStringParameters": query,
            "multiValueQueryStringParameters": {k: [v] for k, v in (query or {}).items()},
            "body": json.dumps(body) if body else None,
            "requestContext": {
                "requestId": "test",
                "stage": "v1",
                "authorizer": {"claims": {"cognito:groups": "financial_admin"}},
            },
        }
        answer = office.open("bills_api", event)
        assert answer["statusCode"] < 300, answer
        return json.loads(answer["body"])

    ask("GET", "/bills")
    ask("GET", "/bills", {"billing_period": bill.billing_period})
    ask("GET", "/freshness")
    costs = f"/bills/{bill.billing_period}/costs"
    ask("GET", costs, {"by": "account,day"})
    ask("GET", costs, {"by": "service,resource"})
    loads = ask("GET", "/loads")
    ask("GET", f"/loads/{loads['items'][0]['load_id']}")
    ask("POST", "/loads", body={"manifest_key": bill.manifest_key})


def _allowed(plain: Synthesized, door: str) -> list[Call]:
    """The rights of the door's role: action, and the pattern of the resource."""
    names = {
        "<BillingBucket": ARNS[BILLING],
        "<LedgerBucket": ARNS[LEDGER],
        "<LoadsTable": ARNS[LOADS],
        "<BillsTable": ARNS[BILLS],
        "<BillsloadbillMachine": MACHINE,
    }

    def arn(resource: Any) -> str:
        text = flat(plain.referred(resource))
        for name, real in names.items():
            if text.startswith(name):
                return real + text.partition(">")[2]
        return text

    [function] = (
        function["Properties"]
        for function in plain.resources("AWS::Lambda::Function").values()
        if function["Properties"]["Environment"]["Variables"]["POWERTOOLS_SERVICE_NAME"] == door
    )
    role = function["Role"]["Fn::GetAtt"][0]
    return [
        (action, arn(resource))
        for policy in plain.resources("AWS::IAM::Policy").values()
        if policy["Properties"]["Roles"] == [{"Ref": role}]
        for statement in policy["Properties"]["PolicyDocument"]["Statement"]
        for action in _list(statement["Action"])
        for resource in _list(statement["Resource"])
        if action not in PLATFORM and not action.startswith("xray:")
    ]


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _covers(right: Call) -> Callable[[Call], bool]:
    return lambda call: right[0] == call[0] and fnmatchcase(call[1], right[1])


@pytest.mark.parametrize("door", DOORS)
def test_a_door_may_do_all_that_it_does(
    plain: Synthesized, calls: dict[str, set[Call]], door: str
) -> None:
    rights = _allowed(plain, door)
    missing = {call for call in calls[door] if not any(_covers(right)(call) for right in rights)}

    assert missing == set()


@pytest.mark.parametrize("door", DOORS)
def test_a_door_may_do_nothing_that_it_never_does(
    plain: Synthesized, calls: dict[str, set[Call]], door: str
) -> None:
    needless = {
        right for right in _allowed(plain, door) if not any(map(_covers(right), calls[door]))
    }

    assert {right for right in needless if right[0] not in RESERVED} == set()
