"""What the doors really ask of AWS, beside what their roles allow: bills and charts come on moto,
people are invited, budgets planned and decided, spend cards signed for and a month closed; reports
and alerts go out, and what is saved is measured.

Grants of CDK constructs change nothing here (`infra.rights`), so a right that was forgotten would
be found by the customer. It is found by this test instead: nothing that is called may be missing,
and nothing that is allowed may be needless.
"""

import importlib
import json
import re
import tempfile
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal
from fnmatch import fnmatchcase
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from urllib.parse import parse_qsl

import boto3
import pytest
from botocore.awsrequest import AWSPreparedRequest, AWSResponse
from moto import mock_aws
from moto.core.models import DEFAULT_ACCOUNT_ID

from finops.adapters import spend_cards as kept_cards
from finops.adapters.webhooks import SecretWebhooks
from finops.domain.audit import Act, Deed
from finops.domain.class_policies import ChargeClass, ClassPolicies, PolicyKind
from finops.domain.errors import ConflictError, UnansweredError
from finops.domain.periods import BillingPeriod
from finops.domain.rule_changes import MapAccount
from finops.domain.shares import AccountShares
from finops.domain.workloads import Workload
from finops.local.sample.bill import SampleBill, write_sample
from finops.local.sample.recommendations import write_recommendations
from finops.runtime import rest, wiring
from finops.runtime.observability import now
from finops.usecases import (
    close_month,
    housekeeping,
    measure_savings,
    savings_intake,
    watch_spend,
)
from finops.usecases.ports import Save
from finops.usecases.previews import Preview
from infra.aws_budgets import ROLE
from infra.nag import flat
from infra.people import FOLLOWED
from infra.views_api import VIEWS
from tests.aws_budgets_fakes import BudgetsService
from tests.infra.synthesis import PAYERS, Synthesized
from tests.infra.test_doors import DOORS

MACHINE, ALLOCATES, MAKES_CARDS, CLOSES_MONTHS, MAKES_REPORTS = MACHINES = tuple(
    f"arn:aws:states:us-east-1:{DEFAULT_ACCOUNT_ID}:stateMachine:{name}"
    for name in ("load_bill", "allocate_month", "make_spend_cards", "close_month", "make_reports")
)
BILLING, LEDGER, SORFILE = "billing-bucket", "ledger-bucket", "sorfile-bucket"
CLOSED, FINANCE = "closes-bucket", "finance-inbox"
NOTICES, SENDER = "notices", "finops@example.com"
SECRET = "finops/chat"
BUDGETS_ROLES = {payer: f"arn:aws:iam::{payer}:role/{ROLE}" for payer in PAYERS}
TABLES = {
    name: f"{name.lower()}-table"
    for name in (
        *("Loads", "Bills", "Charts", "People", "Budgets", "Audit", "Requests"),
        "Accounts",
        "Credits",
        *("Rules", "Workloads", "Allocations"),
        *("SpendCards", "Closes", "Delegations", "Settings"),
        *("Reports", "Savings", "Alerts"),
    )
}
ENVIRONMENT = {
    "BILLING_BUCKET": BILLING,
    "LEDGER_BUCKET": LEDGER,
    "CHARTS_BUCKET": SORFILE,
    "CLOSES_BUCKET": CLOSED,
    "CLOSE_DELIVERY": f"{FINANCE}@{DEFAULT_ACCOUNT_ID}",
    **{
        f"{re.sub('(?<=[a-z])(?=[A-Z])', '_', name).upper()}_TABLE": table
        for name, table in TABLES.items()
    },
    "LOAD_BILL_ARN": MACHINE,
    "ALLOCATE_MONTH_ARN": ALLOCATES,
    "MAKE_SPEND_CARDS_ARN": MAKES_CARDS,
    "CLOSE_MONTH_ARN": CLOSES_MONTHS,
    "MAKE_REPORTS_ARN": MAKES_REPORTS,
    "REPORTS_TIME_ZONE": "UTC",
    "TAGGING_REGIONS": "eu-west-1",
    "WEBHOOKS": json.dumps({"chat": f"Slack:{SECRET}"}),
    "WEBHOOK_NAMES": "chat",
    "BUDGETS_ADDRESS": SENDER,
    "BUDGETS_ROLES": json.dumps(BUDGETS_ROLES),
    "CARDS_FROM": "",
    "CARDS_TIME_ZONE": "UTC",
    "COST_BASIS": "billed",
    "CURRENCY": "USD",
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
    "MAIL_SUBJECT": "Spend cards",
    "MAIL_TEXT": "These are yours.",
}
# What a role names, and what is there instead: resources by the beginning of their logical ids.
ARNS = {
    BILLING: f"arn:aws:s3:::{BILLING}",
    LEDGER: f"arn:aws:s3:::{LEDGER}",
    SORFILE: f"arn:aws:s3:::{SORFILE}",
    CLOSED: f"arn:aws:s3:::{CLOSED}",
    FINANCE: f"arn:aws:s3:::{FINANCE}",
    **{
        table: f"arn:aws:dynamodb:us-east-1:{DEFAULT_ACCOUNT_ID}:table/{table}"
        for table in TABLES.values()
    },
    **{machine: machine for machine in MACHINES},
    NOTICES: "the event bus",
    SENDER: f"arn:aws:ses:eu-west-1:111122223333:identity/{SENDER}",
}
POOL = "the user pool"
ORGANIZATION = "arn:<AWS::Partition>:organizations::999988887777"
SECRETS = "arn:aws:secretsmanager:eu-west-1:111122223333:secret"
NAMED = {
    "<BillingBucket": ARNS[BILLING],
    "<LedgerBucket": ARNS[LEDGER],
    "<SorfileBucket": ARNS[SORFILE],
    "<CloseFilesBucket": ARNS[CLOSED],
    **{f"<{name}Table": ARNS[table] for name, table in TABLES.items()},
    "<BillsloadbillMachine": MACHINE,
    "<AllocationsallocatemonthMachine": ALLOCATES,
    "<SpendCardsmakespendcardsMachine": MAKES_CARDS,
    "<ClosesclosemonthMachine": CLOSES_MONTHS,
    "<CostReportsmakereportsMachine": MAKES_REPORTS,
    "<NoticesBus": ARNS[NOTICES],
    "<PeoplePool": POOL,
}
# What Lambda asks for on behalf of a door.
PLATFORM = {
    *("logs:CreateLogStream", "logs:PutLogEvents", "sqs:SendMessage"),
    *("sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes"),
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

    disks: Path
    door: str = ""
    calls: dict[str, set[Call]] = field(default_factory=dict)
    notices: list[dict[str, Any]] = field(default_factory=list)
    rival: Callable[[], Any] | None = None  # who is faster than the next that writes
    told: dict[str, Any] = field(default_factory=dict)  # what AWS answers that moto does not know
    budgets: BudgetsService = field(default_factory=lambda: BudgetsService(now().date()))

    def client(self, service: str, region_name: str = "us-east-1", **lent: str) -> Any:
        made = boto3.client(service, region_name=region_name, **lent)
        if not lent:  # with what another account lent, its role is asked
            made.meta.events.register("provide-client-params", self._note)
        made.meta.events.register_first("before-send", self._tell)
        made.meta.events.register_first("before-send.budgets", self.budgets.answer)
        return made

    def _tell(self, request: AWSPreparedRequest, **_: Any) -> AWSResponse | None:
        target = request.headers.get("X-Amz-Target", b"")
        operation = (target.decode() if isinstance(target, bytes) else target).partition(".")[2]
        if operation not in self.told:
            return None
        answer = AWSResponse(request.url, 200, {}, None)
        answer._content = json.dumps(self.told[operation]).encode()
        return answer

    def open(self, door: str, event: dict[str, Any]) -> Any:
        self.door = door
        _forget()
        # What another door keeps of the ledger is not at hand.
        tempfile.tempdir = str(self.disks / door)
        (self.disks / door).mkdir(exist_ok=True)
        handler = importlib.import_module(f"functions.{door}.handler").handler
        return handler(event, _Context())

    def _note(self, params: dict[str, Any], model: Any, **_: Any) -> None:
        noted = self.calls.setdefault(self.door, set())
        noted.update(_rights(model.name, params))
        if model.name == "PutEvents":
            self.notices += params["Entries"]
        if model.name == "TransactWriteItems" and self.rival is not None:
            rival, self.rival = self.rival, None
            rival()

    def ask(self, door: str, method: str, path: str, body: Any = None, **headers: str) -> Any:
        """What *door* answers: about people to a cloud engineer, else to a financial admin."""
        return self.answered(
            "cloud_engineer" if door == "people_api" else "financial_admin",
            *(door, method, path, body),
            **headers,
        )

    def answered(
        self, role: str, door: str, method: str, path: str, body: Any = None, **headers: str
    ) -> Any:
        """What *door* answers to somebody of *role*, or to another one of it: `role+name`."""
        name, role = role, role.partition("+")[0]
        path, _, query = path.partition("?")
        asked = dict(parse_qsl(query, keep_blank_values=True))
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
                        "sub": f"sub-of-{name}",
                        "email": f"{name}@example.com",
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
    function_name = memory_limit_in_mb = aws_request_id = "test"
    invoked_function_arn = f"arn:aws:lambda:us-east-1:{DEFAULT_ACCOUNT_ID}:function:test"


class _ChatRoom:
    """What takes every message."""

    def request(self, *_: Any, **__: Any) -> Any:
        return SimpleNamespace(status=200)


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
            action = "ses:SendRawEmail" if "Raw" in asked["Content"] else "ses:SendEmail"
            yield action, ARNS[asked["FromEmailAddress"]]
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
        case "GetPreferences" | "ListEnrollmentStatuses" | "ListRecommendations":
            yield f"cost-optimization-hub:{operation}", "*"
        case "GetResources":
            yield "tag:GetResources", "*"
        case "GetCallerIdentity":
            return  # nobody is refused that
        case "AssumeRole":
            yield "sts:AssumeRole", asked["RoleArn"].replace(":aws:", ":<AWS::Partition>:", 1)
        case "GetSecretValue":
            yield f"secretsmanager:{operation}", f"{SECRETS}:{asked['SecretId']}-abcdef"
        case "DescribeExecution":
            machine = asked["executionArn"].replace(":execution:", ":stateMachine:")
            yield "states:DescribeExecution", machine
        case "StartExecution":
            yield "states:StartExecution", ARNS[asked["stateMachineArn"]]
        case _:
            yield f"dynamodb:{operation}", ARNS[asked["TableName"]]


@pytest.fixture(scope="module")
def calls(
    full: Synthesized, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[dict[str, set[Call]]]:
    """By door, what it asked in the whole story."""
    office = Office(tmp_path_factory.mktemp("disks"))
    folder = tmp_path_factory.mktemp("bills")
    with pytest.MonkeyPatch.context() as patch, mock_aws():
        for name, value in ENVIRONMENT.items():
            patch.setenv(name, value)
        patch.setattr(wiring, "_made", office.client)
        patch.setattr(SecretWebhooks.__init__, "__defaults__", (_ChatRoom,))
        # The bill is as old as it is, whoever runs this.
        patch.setattr(savings_intake, "PAYERS_OF", 120)
        # moto copies a table for a transaction, and must not be told of others meanwhile.
        patch.setattr(watch_spend, "AT_ONCE", 1)
        # What was replaced goes at once.
        patch.setattr(measure_savings, "LINGERS", timedelta(0))
        # A door keeps what it has read of the ledger; nothing of an earlier run may be found.
        patch.setattr(housekeeping, "TOTALS_KEPT", timedelta(0))
        # Of each card the lines are a document, as those of a large one are.
        patch.setattr(kept_cards, "MOST_LINES", 0)
        # One credit has room in the step that closes a month, the others follow.
        patch.setattr(close_month, "STEP", 1)
        patch.setattr(tempfile, "tempdir", str(office.disks))
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
        _organize(office, bill)
        _sign(office, bill)
        _watch(office, bill)
        _report(office, bill)
        _tag(office)
        _save(office, bill, folder)
        office.open("push_budgets", {"thorough": True})
        office.open("expire_generations", {})
        _close(office, bill)
        for restate in (3, 4):
            _correct(office, _sample(folder, restate), folder)
        _look_back(office)
        yield office.calls
    _forget()


def _furnish(full: Synthesized) -> str:
    """The buckets, the tables as the template has them, the bus, the mail; the user pool's id."""
    s3 = boto3.client("s3", region_name="us-east-1")
    for bucket in (BILLING, LEDGER, SORFILE, CLOSED, FINANCE):
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
    for machine in MACHINES:
        boto3.client("stepfunctions", region_name="us-east-1").create_state_machine(
            name=machine.rpartition(":")[2],
            roleArn=f"arn:aws:iam::{DEFAULT_ACCOUNT_ID}:role/states",
            definition='{"StartAt": "Done", "States": {"Done": {"Type": "Succeed"}}}',
        )
    boto3.client("events", region_name="us-east-1").create_event_bus(Name=NOTICES)
    boto3.client("secretsmanager", region_name="us-east-1").create_secret(
        Name=SECRET, SecretString="https://chat.example/room"
    )
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
CHECKOUT = "retail.digital.storefront.checkout"
CHART = b"""\
Unit,Department,Portfolio,Product,Annual amount
Retail,Digital,Storefront,Web shop,1200
Retail,Digital,Storefront,Checkout,600
"""


def _organize(office: Office, bill: SampleBill) -> None:
    _load_charts(office)
    _keep_people(office)
    _plan(office)
    _claim(office)
    _say_who_pays(office, bill)
    _search(office, bill)
    _view(office, bill, "financial_admin")
    office.open("watch_spend", {"billing_period": bill.billing_period})
    _allocate(office, bill)
    _see_allocations(office, bill)
    _explain(office, bill)
    _credit(office, bill)
    _see_scope(office, bill)


def _look_back(office: Office) -> None:
    _audit(office)
    _mail(office, "send_digest", {})


def _mail(office: Office, door: str, event: dict[str, Any]) -> None:
    """Mails that do not go out at first, and do when they are tried again."""
    mails = boto3.client("sesv2", region_name="us-east-1")
    mails.delete_email_identity(EmailIdentity=SENDER)
    with pytest.raises(RuntimeError):
        office.open(door, event)
    mails.create_email_identity(EmailIdentity=SENDER)
    assert office.open(door, event)["sent"] > 0


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


def _allocate(office: Office, bill: SampleBill) -> None:
    """As nobody pays, as somebody does, and what if it were somebody else; then what is old goes."""
    of = {"payer": bill.payer_id, "billing_period": bill.billing_period, "preview_id": None}
    for _ in range(2):  # the second time the name is taken, by one that failed
        assert office.open("start_allocations", {"Records": []})["started"] == 1
        _stop_runs()
    for number in range(3):
        _decide(office, bill, number)
        assert _step_by_step(office, of)["status"] == "Published"
    _step_by_step(office, of | {"preview_id": _ask_preview(office, bill)})
    office.open("expire_generations", {})
    _decide(office, bill, 3)
    assert _step_by_step(office, of)["status"] == "Published"
    # Of what changes nothing here readers are only told that it is known.
    office.door = "nobody"
    other = ClassPolicies(payer="777788889999")
    act = Act(actor=SENDER, at=now(), request_id="test")
    wiring.policies().save([Save(None, other, Deed(action="Test"))], act)
    assert office.open("plan_allocation", of)["status"] == "Unchanged"


def _step_by_step(office: Office, of: dict[str, Any]) -> Any:
    """The way of `allocate_month`."""
    planned = office.open("plan_allocation", of)
    for item in _work(planned["items_key"]):
        office.open("allocate_accounts", item)
    for item in _work(planned["items_key"]) if planned["spreads"] else ():
        office.open("spread_classes", item)
    return office.open("publish_allocation", {"planned": planned})


def _decide(office: Office, bill: SampleBill, number: int) -> None:
    """All accounts go another way; taxes and support in proportion; something is claimed."""
    office.door = "nobody"
    _forget()
    act = Act(actor=SENDER, at=now(), request_id="test")
    deed = Deed(action="Test")
    start = date.fromisoformat(f"{bill.billing_period}-01")
    said: dict[str, Any] = {"start": start, "open_from": start, "by": SENDER, "at": act.at}
    shares = wiring.shares()
    for account in wiring.accounts().all():
        known = shares.find(account.account_id)
        before = known or AccountShares(account_id=account.account_id)
        after = before.mapped(_split(number), **said)
        shares.save([Save(known, after, deed)], act)
    if number:
        return
    decided = wiring.policies().find(bill.payer_id)
    ways = decided or ClassPolicies(payer=bill.payer_id)
    for name in (ChargeClass.TAX, ChargeClass.SUPPORT):
        ways = ways.decided(
            name,
            PolicyKind.IN_PROPORTION,
            start=bill.billing_period,
            open_from=bill.billing_period,
            by=SENDER,
            at=act.at,
        )
    wiring.policies().save([Save(decided, ways, deed)], act)
    workload = Workload(
        workload_id="w-1",
        product_id=PRODUCT,
        account_id=account.account_id,
        name="front end",
        launch=bill.billing_period,
        end=f"{YEAR + 1}-12",
    )
    claims = wiring.claims().find(account.account_id)
    wiring.claims().save(claims, claims.claimed(["i-1"], workload, **said), deed, act)


def _split(number: int) -> tuple[tuple[str, int], ...]:
    return ((CHECKOUT, 4000 + number), (PRODUCT, 6000 - number))


def _ask_preview(office: Office, bill: SampleBill) -> str:
    """What if one account were split as `_decide` would next?"""
    office.door = "nobody"
    _forget()
    account = next(one for one in wiring.accounts().all())
    change = MapAccount(
        account_id=account.account_id,
        shares=_split(3),
        start=date.fromisoformat(f"{bill.billing_period}-01"),
    )
    asked = Preview(
        preview_id="a-preview",
        by=SENDER,
        at=now(),
        changes=(change,),
        bills=((bill.payer_id, bill.billing_period),),
    )
    wiring.ledger().put_json(Preview.place(asked.preview_id), asked.model_dump(mode="json"))
    return asked.preview_id


def _see_allocations(office: Office, bill: SampleBill) -> None:
    """A month from above and from below, a run started by hand, and what if."""

    def ask(method: str, path: str, body: Any = None, **headers: str) -> Any:
        door = "previews_api" if path.startswith("/previews") else "allocations_api"
        return office.ask(door, method, path, body, **headers)

    month = f"month={bill.billing_period}"
    ask("GET", f"/allocations?{month}")
    ask("GET", f"/allocations/tree?depth=4&{month}")
    ask("GET", f"/allocations/days?{month}")
    ask("GET", f"/allocations/unallocated?{month}")
    plan = office.ask("budgets_api", "GET", f"/plans/{YEAR}/enterprise")
    assert Decimal(plan["figures"]["spent"])
    assert office.ask("claims_api", "GET", f"/spaces?{month}")["items"]
    assert office.ask("claims_api", "GET", f"/spaces?{month}")["freshness"][0]["allocation"]
    rows = ask("GET", "/financial-scope?limit=1000")["items"]
    account_id = next(row["account_id"] for row in rows if row["account_id"])
    _decide(office, bill, 4)
    for _ in range(2):  # the second time the name is taken, by one that failed
        assert ask("POST", "/allocations")["items"]
        _stop_runs()
    change = {
        "kind": "MapAccount",
        "account_id": account_id,
        "shares": [[PRODUCT, 10_000]],
        "start": f"{bill.billing_period}-01",
    }
    asked = ask("POST", "/previews", {"changes": [change]})
    _stop_runs()
    seen = f"/previews/{asked['preview_id']}"
    assert ask("GET", seen)["status"] == "Failed"
    outcome: dict[str, Any] = {"products": {}, "unallocated": {}}
    of = {"payer": bill.payer_id, "billing_period": bill.billing_period}
    boto3.client("s3", region_name="us-east-1").put_object(
        Bucket=LEDGER,
        Key=Preview.result(asked["preview_id"], *of.values()),
        Body=json.dumps(of | {"before": outcome, "after": outcome}),
    )
    assert ask("GET", seen)["status"] == "Done"


def _see_scope(office: Office, bill: SampleBill) -> None:
    """A product owner sees of a month what is theirs, and how fresh that is."""
    owner = {"email": "product_owner@example.com", "role": "product_owner", "scope": [PRODUCT]}
    office.ask("people_api", "POST", "/people", owner)
    for door, path in (
        ("claims_api", f"/spaces?month={bill.billing_period}"),
        ("credits_api", "/credits"),
    ):
        office.answered("product_owner", door, "GET", path)


def _explain(office: Office, bill: SampleBill) -> None:
    """What a product pays for, from an account's day down to lines of the bill."""

    def ask(path: str) -> Any:
        return office.ask("explain_api", "GET", path)

    month = f"month={bill.billing_period}"
    figure = ask(f"/explain/{PRODUCT}?by=account,day&{month}")
    charges = ask(figure["rows"][0]["next"])
    assert ask(charges["groups"][0]["charges"][0]["next"])["bills"]


def _stop_runs(machine: str = ALLOCATES) -> None:
    stepfunctions = boto3.client("stepfunctions", region_name="us-east-1")
    for one in stepfunctions.list_executions(stateMachineArn=machine)["executions"]:
        stepfunctions.stop_execution(executionArn=one["executionArn"])


def _claim(office: Office) -> None:
    """A workload is planned, claims and releases, is planned anew and ends."""

    def ask(method: str, path: str, body: Any = None, **headers: str) -> Any:
        return office.ask("claims_api", method, path, body, **headers)

    account = office.ask("accounts_api", "GET", "/accounts?state=Active")["items"][0]["account_id"]
    new = {"account_id": account, "product_id": PRODUCT, "name": "shop", "end": f"{YEAR}-12"}
    for _ in range(2):
        workload = ask("POST", "/workloads", new, Idempotency_Key="a-workload")
    path = f"/workloads/{workload['workload_id']}"
    ask("PUT", path, {"name": "web shop", "end": f"{YEAR + 1}-12"}, If_Match="1")
    known = ask("GET", f"/claims/{account}")["version"]
    wanted = {"workload_id": workload["workload_id"], "resources": ["i-7", "i-8"]}
    ask("POST", f"/claims/{account}", wanted, If_Match=str(known))
    ask("POST", f"/releases/{account}", {"resources": ["i-7"]}, If_Match=str(known + 1))
    ask("POST", f"{path}/endings", {}, If_Match="2")
    for seen in (path, "/workloads?warning=true", f"/claims/{account}?resource=i-7", "/spaces"):
        ask("GET", seen)


def _say_who_pays(office: Office, bill: SampleBill) -> None:
    """One account is split, all by a file; a class goes another way; a rule takes a service."""

    def ask(method: str, path: str, body: Any = None, **headers: str) -> Any:
        door = "shares_api" if path.startswith("/share") else "policies_api"
        return office.ask(door, method, path, body, **headers)

    today = now().date()
    account_id = ask("GET", "/shares")["items"][0]["account_id"]
    known = ask("GET", f"/shares/{account_id}")["version"]
    split = [{"product_id": PRODUCT, "basis_points": 10_000}]
    for _ in range(2):
        body = {"shares": split, "start": str(today.replace(day=1))}
        ask("PUT", f"/shares/{account_id}", body, If_Match=str(known), Idempotency_Key="a-split")
    text = (
        f"account_id,product_id,share,start\n{account_id},{CHECKOUT},100,{today.replace(day=1)}\n"
    )
    assert ask("POST", "/share-loads", {"csv": text, "dry_run": False})["remapped"]
    policy = {"policy": "InProportion", "start": bill.billing_period}
    policies = ask("GET", "/class-policies")["items"]
    version = next(one["version"] for one in policies if one["payer_id"] == bill.payer_id)
    for _ in range(2):
        path = f"/class-policies/{bill.payer_id}/Marketplace"
        ask("PUT", path, policy, If_Match=str(version), Idempotency_Key="a-policy")
    plan = {"account_id": account_id, "product_id": PRODUCT, "name": "by rule"}
    workload = office.ask("claims_api", "POST", "/workloads", plan)["workload_id"]
    rule = {"rule_id": "ours", "workload_id": workload, "service": "AmazonEC2"}
    for _ in range(2):
        body = rule | {"start": str(today), "account_id": account_id}
        ask("POST", "/claim-rules", body, If_Match="0", Idempotency_Key="a-rule")
    ask("PUT", "/claim-rules/order", {"rule_ids": ["ours"]}, If_Match="1")
    ask("POST", "/claim-rules/ours/endings", {"end": str(today)}, If_Match="2")
    assert len(ask("GET", "/claim-rules")["items"]) == 1


def _credit(office: Office, bill: SampleBill) -> None:
    """Some are found on a bill, one of which is mapped; another is granted, warned of, withdrawn."""

    def ask(method: str, path: str, body: Any = None, **headers: str) -> Any:
        return office.ask("credits_api", method, path, body, **headers)

    one = {"payer_id": bill.payer_id, "billing_period": bill.billing_period}
    assert office.open("find_credits", {"load_id": "load", "bills": [one]})["found"] > 0
    found = ask("GET", "/credits?status=Queued")["items"][0]
    today = now().date()
    terms = {
        "product_id": PRODUCT,
        "text": "PROMO-1",
        "amount": "100000000",  # more than is spent: some of it would expire
        "currency": "USD",
        "start": f"{bill.billing_period}-01",
        "expiry": (today + timedelta(days=5)).isoformat(),
    }
    ask("PUT", f"/credits/{found['credit_id']}", terms, If_Match="1")
    for _ in range(2):
        granted = ask("POST", "/credits", terms, Idempotency_Key="a-credit")
    rates = {"start": f"{bill.billing_period}-01", "rates": [{"basis_points": 500}]}
    ask("PUT", "/discounts", rates, If_Match="0")
    assert office.open("warn_of_credits", {})["told"] == 2
    place = f"/credits/{granted['credit_id']}"
    ask("POST", f"{place}/withdrawals", {"reason": "a mistake"}, If_Match="2")
    for path in (place, "/discounts", f"/credits/reconciliation?month={bill.billing_period}"):
        ask("GET", path)


def _search(office: Office, bill: SampleBill) -> None:
    """Resources are looked for, after claims and a claim rule were made."""
    for query in ("text=i-*", f"month={bill.billing_period}&claimed=false"):
        assert office.ask("resources_api", "GET", f"/resources?{query}")["billing_period"]


# Spend cards and the close ------------------------------------------------------------------------

CLOSER = "financial_admin+closer"


def _sign(office: Office, bill: SampleBill) -> None:
    """Cards are made, seen and reminded of; one is disputed and remapped, the others accepted."""
    _choose(office)
    _make_cards(office, bill)
    _tend_cards(office, bill)
    _dispute(office, bill)
    _decide_cards(office, bill)
    _step_by_step(office, _of(bill) | {"preview_id": None})
    _make_cards(office, bill)  # the disputed one opens again
    _view(office, bill)


def _of(bill: SampleBill) -> dict[str, Any]:
    return {"payer": bill.payer_id, "billing_period": bill.billing_period}


def _choose(office: Office) -> None:
    """The organisation says when it is reminded, and what files of a close look like."""
    known = office.ask("settings_api", "GET", "/settings")
    cards = known["cards"] | {"remind_after": [1], "escalate_after": [2]}
    close = known["close"] | {"cost_centres": {"retail": "CC-1"}}
    for number, (path, body) in enumerate({"cards": cards, "close": close}.items()):
        office.ask("settings_api", "PUT", f"/settings/{path}", body, If_Match=str(number))


def _make_cards(office: Office, bill: SampleBill) -> None:
    """The way of `make_spend_cards`: for one product while somebody is faster, and for all."""
    run = office.ask("card_runs_api", "POST", "/spend-card-runs", {})["run_id"]
    told = {"run_id": run, "at": "", "period": f"{bill.billing_period}-01", "waits": False}
    planned = office.open("plan_spend_cards", told)
    [item] = _work(planned["items_key"])
    one = item | {"members": item["members"][:1]}
    office.rival = lambda: office.open("write_spend_cards", one)
    office.open("write_spend_cards", one)
    office.rival = None
    planned = office.open("plan_spend_cards", told | {"period": None})
    for item in _work(planned["items_key"]):
        office.open("write_spend_cards", item)
    assert office.open("tell_spend_cards", {"planned": planned})["has_news"]
    office.ask("card_runs_api", "GET", f"/spend-card-runs/{run}")


def _tend_cards(office: Office, bill: SampleBill) -> None:
    """Everybody is reminded who owes something, and told on Monday how it stands."""
    later = now() + timedelta(days=2)
    _mail(office, "tend_cards", {"at": later.isoformat()})
    monday = f"{bill.billing_period}-28T07:00:00Z"
    _mail(office, "send_weekly_digest", {"at": monday})


def _cards(office: Office, bill: SampleBill, role: str = "product_owner") -> Any:
    path = f"/spend-cards?month={bill.billing_period}&mine=true"
    return office.answered(role, "spend_cards_api", "GET", path)["items"]


def _dispute(office: Office, bill: SampleBill) -> None:
    """The owner proposes another split and a claim; a financial admin makes them."""

    def ask(door: str, method: str, path: str, body: Any = None, **headers: str) -> Any:
        return office.answered("product_owner", door, method, path, body, **headers)

    first = f"{bill.billing_period}-01"
    account = next(one for one in office.ask("shares_api", "GET", "/shares")["items"])
    split = {
        "kind": "MapAccount",
        "account_id": account["account_id"],
        "shares": [[PRODUCT, 5_000], [CHECKOUT, 5_000]],
        "start": first,
    }
    workloads = ask("claims_api", "GET", "/workloads")["items"]
    workload = next(one for one in workloads if one["name"] == "by rule")["workload_id"]
    claim = {"kind": "ClaimResources", "workload_id": workload, "resources": ["i-9"]}
    changes = {"changes": [split, claim]}
    preview = ask("previews_api", "POST", "/previews", changes)["preview_id"]
    outcome: dict[str, Any] = {"products": {}, "unallocated": {}}
    boto3.client("s3", region_name="us-east-1").put_object(
        Bucket=LEDGER,
        Key=Preview.result(preview, *_of(bill).values()),
        Body=json.dumps(_of(bill) | {"before": outcome, "after": outcome}),
    )
    path = f"/spend-cards/{PRODUCT}/{first}"
    card = ask("spend_cards_api", "GET", path)
    said = {"command": "Dispute", "reason": "not ours", "preview_id": preview}
    for _ in range(2):
        ask(
            *("spend_cards_api", "POST", f"{path}/decisions", said),
            If_Match=str(card["version"]),
            Idempotency_Key="a-dispute",
        )
    version = ask("spend_cards_api", "GET", path)["version"]
    office.ask("remaps_api", "GET", f"{path}/proposal")
    office.ask("remaps_api", "POST", f"{path}/remaps", {}, If_Match=str(version))


def _decide_cards(office: Office, bill: SampleBill) -> None:
    """The owner looks behind a card, accepts all that wait, and goes on leave."""

    def ask(method: str, path: str, body: Any = None, **headers: str) -> Any:
        return office.answered("product_owner", "spend_cards_api", method, path, body, **headers)

    waiting = _cards(office, bill)
    path = f"/spend-cards/{PRODUCT}/{waiting[0]['start']}"
    ask("GET", ask("GET", path)["tree"][0]["resources"])
    accept = {"command": "Accept"}
    ask("POST", f"{path}/decisions", accept, If_Match=str(waiting[0]["version"]))
    assert ask("POST", "/spend-card-decisions", accept | {"waiting": {}})["decided"]
    end = str(now().date() + timedelta(days=5))
    away = ask("POST", "/delegations", {"delegate": "owner@example.com", "end": end})
    ask("GET", "/delegations")
    place = f"/delegations/{away['delegation_id']}/end"
    ask("POST", place, {}, If_Match=str(away["version"]))


def _view(office: Office, bill: SampleBill, *roles: str) -> None:
    office.ask("corrections_api", "GET", f"/corrections/years/{bill.billing_period[:4]}")
    for role in roles or ("financial_admin", "product_owner"):
        for view in VIEWS:
            path = f"/views/{view}?month={bill.billing_period}&element={PRODUCT}"
            office.answered(role, "views_api", "GET", path)


def _close(office: Office, bill: SampleBill) -> None:
    """What stands in the way is waived, and somebody else closes; the first attempt is given up."""

    def ask(method: str, path: str, body: Any = None, **headers: str) -> Any:
        return office.ask("closes_api", method, path, body, **headers)

    month = bill.billing_period
    place = f"/closes/{month}"
    small = {
        "product_id": PRODUCT,
        "text": "PROMO-2",
        "amount": "1",
        "currency": "USD",
        "start": f"{month}-01",
        "expiry": str(now().date() + timedelta(days=4)),
    }
    office.ask("credits_api", "POST", "/credits", small)
    header = {"payer_id": bill.payer_id, "business_unit": "retail", "memo": "cloud"}
    ask("GET", "/closes")
    version = ask("PUT", f"{place}/headers", {"headers": [header]}, If_Match="0")["version"]
    red = [line["check"] for line in ask("GET", place)["check_list"] if line["status"] == "Red"]
    withdrawn = f"{place}/waivers/{red[0]}/withdrawal"
    for check in (*red, None, red[0]):
        said = {"reason": "known"} | ({"check": check} if check else {})
        path = f"{place}/waivers" if check else withdrawn
        version = ask("POST", path, said, If_Match=str(version))["version"]
    for _ in range(2):  # the second time the name is taken, by one that failed
        office.answered(CLOSER, "closes_api", "POST", f"{place}/close")
        _stop_runs(CLOSES_MONTHS)
    step = {"month": month, "by": f"{CLOSER}@example.com", "attempt": 1}
    office.open("begin_close", step)
    office.open("give_up_close", step | {"cause": "the disk is full"})
    office.open("begin_close", step)
    for _ in range(2):  # what it finds written, it reads
        written = office.open("write_close_files", step)
    assert office.open("complete_close", step | written)["status"] == "Closed"
    assert office.open("settle_close", step)["credits"] > 0
    assert office.open("deliver_close", step)["files"] > 0
    name = ask("GET", f"{place}/files")["items"][0]["name"]
    ask("POST", f"{place}/files/{name}/links")


def _correct(office: Office, bill: SampleBill, folder: Path) -> None:
    """The closed month is billed anew; the next one has what that changes, and is not over yet."""
    _load(office, _deliver(bill, folder))
    assert _step_by_step(office, _of(bill) | {"preview_id": None})["status"] == "Published"
    assert office.open("book_corrections", _of(bill))["booked"] == 1
    assert office.open("book_corrections", {})["booked"] == 0
    office.ask("corrections_api", "GET", "/corrections")
    _view(office, bill)
    following = str(BillingPeriod.of(BillingPeriod(bill.billing_period).end))
    office.ask("closes_api", "GET", f"/closes/{following}")
    step = {"month": following, "by": f"{CLOSER}@example.com", "attempt": 1}
    with pytest.raises(ConflictError):
        office.open("begin_close", step)


# What comes to you --------------------------------------------------------------------------------


def _set(office: Office, part: str, **said: Any) -> None:
    known = office.ask("settings_api", "GET", "/settings")
    put = {"If_Match": str(known["version"])}
    office.ask("settings_api", "PUT", f"/settings/{part}", known[part] | said, **put)


def _watch(office: Office, bill: SampleBill) -> None:
    """Spend is looked at, people and a room are told; an alert is answered, a channel tried."""

    def ask(method: str, path: str, body: Any = None, **headers: str) -> Any:
        return office.ask("alerts_api", method, path, body, **headers)

    channel = {"name": "ours", "recipients": ["ours@example.com"], "webhook": "chat"}
    _set(office, "alerts", channels=[channel])
    event = {"billing_period": bill.billing_period}

    def rival() -> None:
        with suppress(RuntimeError):  # its mails do not go out either
            office.open("watch_spend", event)

    office.rival = rival
    _mail(office, "watch_spend", event)
    alert = ask("GET", "/alerts")["items"][0]
    place = f"/alerts/{alert['alert_id']}"
    version = str(ask("GET", place)["version"])
    for _ in range(2):
        answer = {"command": "Acknowledge", "reason": "known"}
        ask("POST", f"{place}/answers", answer, If_Match=version, Idempotency_Key="an-answer")
    ask("POST", "/alerts/checks")
    ask("POST", "/alerts/channels/ours/tests")


def _report(office: Office, bill: SampleBill) -> None:
    """A month's reports go out with a gap; cubes are cut, and cut anew by other tags; the reports go
    out whole, and are read again.
    """
    end = str(BillingPeriod(bill.billing_period).end)
    office.ask("reports_api", "GET", f"/reports/cost?span=month&end={end}")
    _send_reports(office, {"run_id": "a-gap", "rhythm": "Monthly", "end": end})
    _cut_cubes(office, {})
    _set(office, "tags", report_keys=["user:Team"], required_keys=["user:Team"])
    _cut_cubes(office, {"payer": bill.payer_id, "billing_period": bill.billing_period})
    _send_reports(office, {"run_id": "all", "rhythm": "Monthly", "end": end, "again": True})

    def ask(method: str, path: str, body: Any = None, **headers: str) -> Any:
        return office.ask("reports_api", method, path, body, **headers)

    ask("GET", f"/reports/cost?span=month&end={end}")
    ask("GET", f"/reports/history?until={bill.billing_period}")
    kept = ask("GET", f"/reports/cost/kept?span=month&since={end}")["items"]
    ask("GET", f"/reports/cost/kept/{kept[0]['report_id']}")
    for _ in range(2):
        wish = {"span": "month", "end": end}
        run = ask("POST", "/reports/cost/runs", wish, Idempotency_Key="some-reports")
    ask("GET", f"/reports/cost/runs/{run['run_id']}")


def _send_reports(office: Office, step: dict[str, Any]) -> None:
    """The way of `make_reports`: mails do not go out at first."""
    planned = office.open("plan_reports", step)
    for item in _work(planned["items_key"]):
        office.open("write_report", item)
    mails = boto3.client("sesv2", region_name="us-east-1")
    mails.delete_email_identity(EmailIdentity=SENDER)
    assert office.open("tell_reports", {"planned": planned})["failed"]
    mails.create_email_identity(EmailIdentity=SENDER)
    assert office.open("tell_reports", {"planned": planned})["sent"] > 0


def _cut_cubes(office: Office, of: dict[str, str]) -> None:
    """The way of `cut_cubes`."""
    planned = office.open("plan_cubes", of)
    for item in _work(planned["items_key"]):
        office.open("cut_cube", item)
    assert office.open("publish_cubes", {"planned": planned})["published"] == 1


def _tag(office: Office) -> None:
    """A region is scanned, and the tags of a bill looked at."""
    office.open("scan_tags", {})
    for path in ("coverage?by=owner", "untagged", "commands?key=user:Team", "report", "scans"):
        for role in ("financial_admin", "product_owner"):
            office.answered(role, "tags_api", "GET", f"/tags/{path}")
    for _ in range(2):
        office.ask("tags_api", "POST", "/tags/scans", Idempotency_Key="a-scan")


def _save(office: Office, bill: SampleBill, folder: Path) -> None:
    """What could be saved comes as a file and by the API; some is done, and measured in the bill."""

    def ask(method: str, path: str, body: Any = None, role: str = "", **headers: str) -> Any:
        who = role or "financial_admin"
        return office.answered(who, "savings_api", method, path, body, **headers)

    stated = write_recommendations(folder, folder, day=BillingPeriod(bill.billing_period).start)
    s3 = boto3.client("s3", region_name="us-east-1")
    listed = json.loads(stated.manifest_path.read_text())["dataFiles"]
    for key in [*(one.split("/", 3)[3] for one in listed), stated.manifest_key]:
        s3.upload_file(str(folder / key), BILLING, key)
    found = office.open("find_delivery", _look(stated.manifest_key))
    taken = office.open("take_recommendations", {"load_id": found["load_id"]})
    assert taken["number"] > 0
    cases = [one for one in ask("GET", "/savings?limit=1000")["items"] if one["resource_id"]]
    for path in ("totals", "report", cases[0]["saving_id"]):
        ask("GET", f"/savings/{path}")
    some = [{name: one[name] for name in ("saving_id", "version")} for one in cases[:3]]
    chosen = {"decision": "Approve", "savings": some}
    assert len(ask("POST", "/savings/decisions", chosen)["decided"]) == 3
    for _ in range(2):
        least = {"decision": "Approve", "found": {"least": "100000000"}}
        ask("POST", "/savings/decisions", least, Idempotency_Key="all-of-them")
    assert office.open("plan_measures", {})["status"] == "Nothing"
    for one in cases[:2]:
        done = {"decision": "Implement", "on": f"{bill.billing_period}-10"}
        path = f"/savings/{one['saving_id']}"
        version = str(ask("GET", path)["version"])
        ask("POST", f"{path}/decisions", done, role="cloud_engineer", If_Match=version)
        _measure(office)
    _measure(office)
    ask("GET", "/savings/realised")
    ask("POST", "/savings/collections")
    _collect(office, bill)


def _measure(office: Office) -> None:
    """The way of `measure_savings`."""
    planned = office.open("plan_measures", {})
    for item in _work(planned["items_key"]):
        office.open("read_usages", item)
    office.open("publish_measures", {"planned": planned})


def _collect(office: Office, bill: SampleBill) -> None:
    """AWS is asked in vain, and then in the name of the organization that pays."""
    with pytest.raises(UnansweredError):
        office.open("collect_recommendations", {"always": True})
    payer = {"accountId": bill.payer_id, "status": "Active"}
    office.told = {
        "DescribeOrganization": {"Organization": {"MasterAccountId": bill.payer_id}},
        "ListEnrollmentStatuses": {"items": [payer], "includeMemberAccounts": True},
        "GetPreferences": {"savingsEstimationMode": "AfterDiscounts"},
        "ListRecommendations": {"items": []},
    }
    [source] = office.open("collect_recommendations", {"always": True})["sources"]
    assert source["status"] == "Taken"
    office.told = {}


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
        _, is_execution, machine = text.partition(":execution:")
        if is_execution:
            text = machine
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
