"""What the doors really ask of AWS, beside what their roles allow: bills and charts come on moto,
people are invited, budgets planned and decided.

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
from finops.runtime import rest, wiring
from finops.runtime.observability import now
from finops.usecases import housekeeping
from infra.nag import flat
from infra.people import FOLLOWED
from tests.infra.synthesis import Synthesized
from tests.infra.test_doors import DOORS

MACHINE = f"arn:aws:states:us-east-1:{DEFAULT_ACCOUNT_ID}:stateMachine:load_bill"
BILLING, LEDGER, SORFILE = "billing-bucket", "ledger-bucket", "sorfile-bucket"
NOTICES, SENDER = "notices", "finops@example.com"
TABLES = {
    name: f"{name.lower()}-table"
    for name in (
        *("Loads", "Bills", "Charts", "People", "Budgets", "Audit", "Requests"),
        "Accounts",
    )
}
ENVIRONMENT = {
    "BILLING_BUCKET": BILLING,
    "LEDGER_BUCKET": LEDGER,
    "CHARTS_BUCKET": SORFILE,
    **{f"{name.upper()}_TABLE": table for name, table in TABLES.items()},
    "LOAD_BILL_ARN": MACHINE,
    "NOTICES_NAME": NOTICES,
    "MAX_LINES_PER_ITEM": "1000",
    "LEDGER_MEMORY_MB": "500",
    "LEDGER_THREADS": "1",
    "KEEP_DAYS": "0",
    "WAIT_SECONDS": "1",
    "QUIET_SECONDS": "0",
    "FISCAL_YEAR_STARTS": "1",
    "GROUP_ROLES": "{}",
    "ALLOWED_ORIGINS": "",
    "MAIL_FROM": SENDER,
    "MAIL_LOGO": "",
    "APP_URL": "",
    "DIGEST_SUBJECT": "What waits for you",
    "DIGEST_TEXT": "This waits for you.",
}
# What a role names, and what is there instead: resources by the beginning of their logical ids.
ARNS = {
    BILLING: f"arn:aws:s3:::{BILLING}",
    LEDGER: f"arn:aws:s3:::{LEDGER}",
    SORFILE: f"arn:aws:s3:::{SORFILE}",
    **{
        table: f"arn:aws:dynamodb:us-east-1:{DEFAULT_ACCOUNT_ID}:table/{table}"
        for table in TABLES.values()
    },
    MACHINE: MACHINE,
    NOTICES: "the event bus",
    SENDER: f"arn:aws:ses:eu-west-1:111122223333:identity/{SENDER}",
}
POOL = "the user pool"
ORGANIZATION = "arn:<AWS::Partition>:organizations::999988887777"
NAMED = {
    "<BillingBucket": ARNS[BILLING],
    "<LedgerBucket": ARNS[LEDGER],
    "<SorfileBucket": ARNS[SORFILE],
    **{f"<{name}Table": ARNS[table] for name, table in TABLES.items()},
    "<BillsloadbillMachine": MACHINE,
    "<NoticesBus": ARNS[NOTICES],
    "<PeoplePool": POOL,
}
# What Lambda asks for on behalf of a door.
PLATFORM = {
    *("logs:CreateLogStream", "logs:PutLogEvents", "sqs:SendMessage"),
    *("dynamodb:DescribeStream", "dynamodb:GetRecords"),
    *("dynamodb:GetShardIterator", "dynamodb:ListStreams"),
}
# Allowed and not seen in this story: what for.
RESERVED = {
    "s3:ListBucket": "who may not list is told 403, not 404, of an object that is not there",
    "s3:GetObjectVersion": "a file that was replaced while it was read is read as it was",
}

# What every door of the API may do for knowing who calls.
SHARED = ("KnowCallers", "KnowCallersIndex", "KeepAudit", "RememberRequests")

Call = tuple[str, str]


@dataclass
class Office:
    """AWS as the doors see it, noting who asks for what."""

    door: str = ""
    calls: dict[str, set[Call]] = field(default_factory=dict)
    notices: list[dict[str, Any]] = field(default_factory=list)

    def client(self, service: str) -> Any:
        made = boto3.client(service, region_name="us-east-1")
        made.meta.events.register("provide-client-params", self._note)
        return made

    def open(self, door: str, event: dict[str, Any]) -> Any:
        self.door = door
        _forget()
        handler = importlib.import_module(f"functions.{door}.handler").handler
        return handler(event, _Context())

    def _note(self, params: dict[str, Any], model: Any, **_: Any) -> None:
        noted = self.calls.setdefault(self.door, set())
        noted.update(_rights(model.name, params))
        if model.name == "PutEvents":
            self.notices += params["Entries"]

    def ask(self, door: str, method: str, path: str, body: Any = None, **headers: str) -> Any:
        """What *door* answers, about people to a cloud engineer and else to a financial admin."""
        role = "cloud_engineer" if door == "people_api" else "financial_admin"
        path, _, query = path.partition("?")
        asked = dict(pair.split("=", 1) for pair in query.split("&") if pair)
        event = {
            "httpMethod": method,
            "path": path,
            "headers": {
                "Content-Type": "application/json",
                **{name.replace("_", "-"): value for name, value in headers.items()},
            },
            "queryStringParameters": asked,
            "multiValueQueryStringParameters": {name: [value] for name, value in asked.items()},
            "body": json.dumps(body) if body is not None else None,
            "requestContext": {
                "requestId": "test",
                "stage": "v1",
                "authorizer": {
                    "claims": {
                        "sub": f"sub-of-{role}",
                        "email": f"{role}@example.com",
                        "email_verified": "true",
                        "cognito:groups": role,
                    }
                },
            },
        }
        answer = self.open(door, event)
        assert answer["statusCode"] < 300, (method, path, answer)
        return json.loads(answer["body"])


def _forget() -> None:
    """What a door would not know when it is opened for the first time."""
    for part in vars(wiring).values():
        if hasattr(part, "cache_clear"):
            part.cache_clear()
    rest._known.clear()


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
        case "PutEvents":
            for one in asked["Entries"]:
                yield "events:PutEvents", ARNS[one["EventBusName"]]
        case "SendEmail":
            yield "ses:SendEmail", ARNS[asked["FromEmailAddress"]]
        case _ if "UserPoolId" in asked:
            yield f"cognito-idp:{operation}", POOL
        case "BatchWriteItem":
            for table in asked["RequestItems"]:
                yield "dynamodb:BatchWriteItem", ARNS[table]
        case "DescribeOrganization" | "ListAccounts" | "ListRoots":
            yield f"organizations:{operation}", "*"
        case "ListAccountsForParent" | "ListOrganizationalUnitsForParent":
            kind = "root" if asked["ParentId"].startswith("r-") else "ou"
            yield f"organizations:{operation}", f"{ORGANIZATION}:{kind}/o-1/{asked['ParentId']}"
        case "ListTagsForResource":
            yield f"organizations:{operation}", f"{ORGANIZATION}:account/o-1/{asked['ResourceId']}"
        case "StartExecution":
            yield "states:StartExecution", ARNS[asked["stateMachineArn"]]
        case _:
            yield f"dynamodb:{operation}", ARNS[asked["TableName"]]


@pytest.fixture(scope="module")
def calls(
    full: Synthesized, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[dict[str, set[Call]]]:
    """By door, what it asked in the whole story."""
    office = Office()
    folder = tmp_path_factory.mktemp("bills")
    with pytest.MonkeyPatch.context() as patch, mock_aws():
        for name, value in ENVIRONMENT.items():
            patch.setenv(name, value)
        patch.setattr(wiring, "client", office.client)
        # A door keeps what it has read of the ledger; nothing of an earlier run may be found.
        patch.setattr(housekeeping, "TOTALS_KEPT", timedelta(0))
        patch.setattr(tempfile, "tempdir", str(tmp_path_factory.mktemp("scratch")))
        patch.setenv("USER_POOL_ID", _furnish(full))
        for restate in (0, 1):
            bill = _sample(folder, restate)
            _load(office, _deliver(bill, folder))
        _ask(office, bill)
        _fail(office, _deliver(_sample(folder, 2), folder, elsewhere="broken/"))
        _deliver(bill, folder, elsewhere="missed/")
        office.open("sweep_deliveries", {})
        office.open("expire_generations", {})
        _know_accounts(office, bill)
        _organize(office)
        yield office.calls
    _forget()


def _furnish(full: Synthesized) -> str:
    """The buckets, the tables as the template has them, the bus, the mail; the user pool's id."""
    s3 = boto3.client("s3", region_name="us-east-1")
    for bucket in (BILLING, LEDGER, SORFILE):
        s3.create_bucket(Bucket=bucket)
        s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    dynamodb = boto3.client("dynamodb", region_name="us-east-1")
    for id_, table in full.resources("AWS::DynamoDB::GlobalTable").items():
        properties = table["Properties"]
        told = ("AttributeDefinitions", "KeySchema", "GlobalSecondaryIndexes", "BillingMode")
        dynamodb.create_table(
            TableName=TABLES[id_.removeprefix("Data/").partition("Table")[0]],
            **{key: properties[key] for key in told if key in properties},
        )
    boto3.client("stepfunctions", region_name="us-east-1").create_state_machine(
        name="load_bill",
        roleArn=f"arn:aws:iam::{DEFAULT_ACCOUNT_ID}:role/states",
        definition='{"StartAt": "Done", "States": {"Done": {"Type": "Succeed"}}}',
    )
    boto3.client("events", region_name="us-east-1").create_event_bus(Name=NOTICES)
    boto3.client("sesv2", region_name="us-east-1").create_email_identity(EmailIdentity=SENDER)
    cognito = boto3.client("cognito-idp", region_name="us-east-1")
    pool = cognito.create_user_pool(PoolName="people", UsernameAttributes=["email"])
    return str(pool["UserPool"]["Id"])


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
    def ask(method: str, path: str, body: Any = None, **headers: str) -> Any:
        return office.ask("bills_api", method, path, body, **headers)

    ask("GET", "/bills")
    ask("GET", f"/bills?billing_period={bill.billing_period}")
    ask("GET", "/freshness")
    ask("GET", f"/bills/{bill.billing_period}/costs?by=account,day")
    ask("GET", f"/bills/{bill.billing_period}/costs?by=service,resource")
    loads = ask("GET", "/loads")
    ask("GET", f"/loads/{loads['items'][0]['load_id']}")
    for _ in range(2):
        manifest = {"manifest_key": bill.manifest_key}
        ask("POST", "/loads", manifest, Idempotency_Key="a-load")


# The organization ----------------------------------------------------------------------------------

YEAR = now().year
CONTROLS = f"Acme_{YEAR}_true_{YEAR}-01-01_false_Budget_v1.csv"
PRODUCT = "retail.digital.storefront.web-shop"
CHART = b"""\
Unit,Department,Portfolio,Product,Annual amount
Retail,Digital,Storefront,Web shop,1200
Retail,Digital,Storefront,Checkout,600
"""


def _organize(office: Office) -> None:
    _load_charts(office)
    _keep_people(office)
    _plan(office)
    _audit(office)
    assert office.open("send_digest", {})["sent"] > 0


def _load_charts(office: Office) -> None:
    def ask(method: str, path: str, body: Any = None) -> Any:
        return office.ask("charts_api", method, path, body)

    s3 = boto3.client("s3", region_name="us-east-1")
    put = s3.put_object(Bucket=SORFILE, Key=f"ours/{CONTROLS}", Body=CHART)
    dropped = {"key": f"ours/{CONTROLS}", "version_id": put["VersionId"]}
    assert office.open("load_chart", dropped)["status"] == "Loaded"
    # A second one, of which some event does not say the version.
    s3.put_object(Bucket=SORFILE, Key=f"again/{CONTROLS}", Body=CHART.replace(b"600", b"700"))
    assert office.open("load_chart", {"key": f"again/{CONTROLS}"})["status"] == "Loaded"
    upload = ask("POST", "/chart-uploads")["upload_id"]
    s3.put_object(Bucket=SORFILE, Key=f"drafts/{upload}", Body=CHART.replace(b"1200", b"1300"))
    file = {"upload_id": upload, "start_date": f"{YEAR}-01-01", "dry_run": False}
    load_id = ask("POST", f"/charts/{YEAR}/loads", file)["load"]["load_id"]
    ask("GET", "/charts")
    ask("GET", f"/charts/{YEAR}")
    ask("GET", f"/charts/{YEAR}/loads")
    ask("GET", f"/chart-loads/{load_id}")
    ask("GET", f"/chart-loads/{load_id}/file")


def _keep_people(office: Office) -> None:
    def ask(method: str, path: str, body: Any = None, **headers: str) -> Any:
        return office.ask("people_api", method, path, body, **headers)

    owner = {"email": "owner@example.com", "role": "product_owner", "scope": [PRODUCT]}
    for _ in range(2):
        ask("POST", "/people", owner, Idempotency_Key="a-person")
    ask("GET", "/people/owner@example.com")
    ask("POST", "/people/owner@example.com/reminders", If_Match="1")
    _follow(office)
    ask("POST", "/people/owner@example.com/suspension", {}, If_Match="2")
    _follow(office)
    ask("DELETE", "/people/owner@example.com/suspension", If_Match="3")
    _follow(office)
    ask("POST", "/people-loads", {"csv": "email,role,scope\n", "dry_run": True})
    for path in ("/me", "/tasks", "/people", "/missing-owners"):
        ask("GET", path)


def _follow(office: Office) -> None:
    """Everything in the audit trail is told, and sign-ins follow."""
    dynamodb = boto3.client("dynamodb", region_name="us-east-1")
    records = [
        {
            "eventName": "INSERT",
            "dynamodb": {"NewImage": item, "SequenceNumber": str(number)},
        }
        for number, item in enumerate(dynamodb.scan(TableName=TABLES["Audit"])["Items"])
    ]
    office.notices.clear()
    assert office.open("tell_notices", {"Records": records}) == {"batchItemFailures": []}
    for notice in list(office.notices):
        if notice["DetailType"] in FOLLOWED:
            event = {"detail-type": notice["DetailType"], "detail": json.loads(notice["Detail"])}
            office.open("keep_sign_ins", event)


def _plan(office: Office) -> None:
    """From a draft to another schedule asked for; and what others may ask of it."""

    def ask(method: str, path: str, body: Any = None, **headers: str) -> Any:
        return office.ask("budgets_api", method, path, body, **headers)

    portfolio = PRODUCT.rpartition(".")[0]
    budget = f"/budgets/{YEAR}/{PRODUCT}"
    months = {"months": ["100"] * 12}
    for _ in range(2):
        ask("PUT", f"{budget}/draft", months, If_Match="0", Idempotency_Key="a-draft")
    estimate = {"monthly": "100", "url": "https://calculator.aws/#/estimate?id=1"}
    ask("PUT", f"{budget}/estimate", estimate, If_Match="1")
    ask("PUT", f"/gates/{portfolio}", {"estimate_approval_above": "1000"}, If_Match="0")
    ask("POST", f"{budget}/decisions", {"decision": "Submit"}, If_Match="2")
    for path in (budget, f"{budget}/versions", f"/budgets/{YEAR}", f"/gates/{portfolio}"):
        ask("GET", path)
    for element in ("enterprise", portfolio):
        ask("GET", f"/plans/{YEAR}/{element}")


def _know_accounts(office: Office, bill: SampleBill) -> None:
    """Some are on a bill first, others in the organization; one gets a type, and a notice is closed."""

    def ask(method: str, path: str, body: Any = None, **headers: str) -> Any:
        return office.ask("accounts_api", method, path, body, **headers)

    organizations = boto3.client("organizations", region_name="us-east-1")
    organizations.create_organization(FeatureSet="ALL")
    [root] = organizations.list_roots()["Roots"]
    organizations.create_organizational_unit(ParentId=root["Id"], Name="Retail")
    one = {"payer_id": bill.payer_id, "billing_period": bill.billing_period}
    assert office.open("find_accounts", {"load_id": "load", "bills": [one]})["found"] > 0
    for _ in range(2):
        ask("POST", "/accounts/checks", {"force": False}, Idempotency_Key="a-check")
    assert office.open("check_accounts", {})["listed"] == 1
    account_id = ask("GET", "/accounts?state=Active")["items"][0]["account_id"]
    ask("PUT", f"/accounts/{account_id}/type", {"type": "Shared"}, If_Match="1")
    for path in ("/accounts/tasks", "/accounts/checks", f"/accounts/{account_id}"):
        ask("GET", path)


def _audit(office: Office) -> None:
    def ask(path: str) -> Any:
        return office.ask("audit_api", "GET", path)

    ask("/audit")
    ask("/audit?actor=financial_admin@example.com")
    ask("/audit?entity=person#owner@example.com")
    walked = ask("/audit/verification")
    while walked["next_cursor"]:
        assert walked["findings"] == []
        walked = ask(f"/audit/verification?cursor={walked['next_cursor']}")


def _allowed(full: Synthesized, door: str, *sids: str) -> list[Call]:
    """The rights of the door's role: action, and the pattern of the resource; of *sids*, or all."""

    def arn(resource: Any) -> str:
        text = flat(full.referred(resource))
        for name, real in NAMED.items():
            if text.startswith(name):
                return real + text.partition(">")[2]
        return text

    [function] = (
        function["Properties"]
        for function in full.resources("AWS::Lambda::Function").values()
        if function["Properties"]["Environment"]["Variables"]["POWERTOOLS_SERVICE_NAME"] == door
    )
    role = function["Role"]["Fn::GetAtt"][0]
    return [
        (action, arn(resource))
        for policy in full.resources("AWS::IAM::Policy").values()
        if policy["Properties"]["Roles"] == [{"Ref": role}]
        for statement in policy["Properties"]["PolicyDocument"]["Statement"]
        for action in _list(statement["Action"])
        for resource in _list(statement["Resource"])
        if action not in PLATFORM and not action.startswith("xray:")
        if statement["Sid"] in sids or not sids
    ]


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _covers(right: Call) -> Callable[[Call], bool]:
    return lambda call: right[0] == call[0] and fnmatchcase(call[1], right[1])


@pytest.mark.parametrize("door", DOORS)
def test_a_door_may_do_all_that_it_does(
    full: Synthesized, calls: dict[str, set[Call]], door: str
) -> None:
    rights = _allowed(full, door)
    missing = {call for call in calls[door] if not any(_covers(right)(call) for right in rights)}

    assert missing == set()


@pytest.mark.parametrize("door", DOORS)
def test_a_door_may_do_nothing_that_it_never_does(
    full: Synthesized, calls: dict[str, set[Call]], door: str
) -> None:
    needless = {
        right for right in _allowed(full, door) if not any(map(_covers(right), calls[door]))
    }
    if door.endswith("_api"):
        needless -= set(_allowed(full, door, *SHARED))

    assert {right for right in needless if right[0] not in RESERVED} == set()


def test_what_all_doors_of_the_api_may_do_is_done_by_some(
    full: Synthesized, calls: dict[str, set[Call]]
) -> None:
    """Each of them may be the first to see somebody, or be asked the same again."""
    doors = [door for door in DOORS if door.endswith("_api")]
    [shared] = {frozenset(_allowed(full, door, *SHARED)) for door in doors}
    done = set().union(*(calls[door] for door in doors))

    assert {right for right in shared if not any(map(_covers(right), done))} == set()
