"""Buckets and tables: closed, encrypted, restorable, and open to the payers as far as they need."""

from typing import Any

import pytest

from finops.adapters.rules import CLAIMS, POLICIES, RULES, SHARES
from tests.infra.synthesis import PAYERS, Synthesized


@pytest.fixture(params=["plain", "full"])
def synthesized(request: pytest.FixtureRequest) -> Synthesized:
    made: Synthesized = request.getfixturevalue(request.param)
    return made


def _buckets(synthesized: Synthesized) -> dict[str, dict[str, Any]]:
    return synthesized.resources("AWS::S3::Bucket") | synthesized.resources(
        "AWS::S3::Bucket", "Management"
    )


def _statements(synthesized: Synthesized, stack: str, bucket: str) -> list[dict[str, Any]]:
    return [
        statement
        for policy in synthesized.resources("AWS::S3::BucketPolicy", stack).values()
        if policy["Properties"]["Bucket"]["Ref"] == bucket
        for statement in policy["Properties"]["PolicyDocument"]["Statement"]
    ]


def _bucket(synthesized: Synthesized, prefix: str) -> tuple[str, dict[str, Any]]:
    [(name, bucket)] = (
        (name, bucket)
        for name, bucket in synthesized.resources("AWS::S3::Bucket", "Data").items()
        if name.startswith(f"Data/{prefix}")
    )
    return name.partition("/")[2], bucket["Properties"]


def test_every_bucket_is_closed_to_the_public(synthesized: Synthesized) -> None:
    for name, bucket in _buckets(synthesized).items():
        access = bucket["Properties"]["PublicAccessBlockConfiguration"]
        assert len(access) == 4, name
        assert all(access.values()), name


def test_every_bucket_is_encrypted_and_kept_when_its_stack_goes(synthesized: Synthesized) -> None:
    for name, bucket in _buckets(synthesized).items():
        assert bucket["Properties"]["BucketEncryption"], name
        assert (bucket["DeletionPolicy"], bucket["UpdateReplacePolicy"]) == ("Retain", "Retain")


def test_every_bucket_refuses_what_is_not_tls(synthesized: Synthesized) -> None:
    for name in _buckets(synthesized):
        stack, _, id_ = name.partition("/")
        denied = [
            statement["Condition"]
            for statement in _statements(synthesized, stack, id_)
            if statement["Effect"] == "Deny"
            and statement["Principal"] == {"AWS": "*"}
            and "Condition" in statement
        ]
        assert {"Bool": {"aws:SecureTransport": "false"}} in denied, name
        assert {"NumericLessThan": {"s3:TlsVersion": 1.2}} in denied, name


def test_bills_ledger_and_charts_keep_versions_and_log_who_asked(plain: Synthesized) -> None:
    for prefix in ("Billing", "Ledger", "Sorfile"):
        _, bucket = _bucket(plain, prefix)
        assert bucket["VersioningConfiguration"] == {"Status": "Enabled"}
        assert bucket["LoggingConfiguration"]["LogFilePrefix"] == f"{prefix.lower()}/"


def test_the_scratch_of_a_load_is_gone_after_a_week(plain: Synthesized) -> None:
    _, ledger = _bucket(plain, "Ledger")
    [work] = (r for r in ledger["LifecycleConfiguration"]["Rules"] if r.get("Prefix") == "work/")

    assert work["ExpirationInDays"] == 7
    assert work["NoncurrentVersionExpiration"] == {"NoncurrentDays": 1}


def test_a_preview_is_gone_after_a_month(plain: Synthesized) -> None:
    _, ledger = _bucket(plain, "Ledger")
    rules = ledger["LifecycleConfiguration"]["Rules"]
    [previews] = (rule for rule in rules if rule.get("Prefix") == "previews/")

    assert previews["ExpirationInDays"] == 30


def test_nothing_else_in_bills_or_ledger_expires_while_it_is_current(plain: Synthesized) -> None:
    for prefix in ("Billing", "Ledger"):
        for rule in _bucket(plain, prefix)[1]["LifecycleConfiguration"]["Rules"]:
            assert "ExpirationInDays" not in rule or rule["Prefix"] in ("work/", "previews/")


def test_of_the_charts_files_only_drafts_go_and_every_other_version_stays(
    plain: Synthesized,
) -> None:
    """A load names the version that it read, and can be asked for that file."""
    _, sorfile = _bucket(plain, "Sorfile")
    rules = sorfile["LifecycleConfiguration"]["Rules"]
    [drafts] = (rule for rule in rules if "Prefix" in rule)

    assert (drafts["Prefix"], drafts["ExpirationInDays"]) == ("drafts/", 7)
    for rule in rules:
        if rule is not drafts:
            assert "ExpirationInDays" not in rule
            assert "NoncurrentVersionExpiration" not in rule


def test_pages_of_our_origins_may_send_and_fetch_files_and_no_others(
    plain: Synthesized, full: Synthesized
) -> None:
    assert "CorsConfiguration" not in _bucket(plain, "Sorfile")[1]
    [rule] = _bucket(full, "Sorfile")[1]["CorsConfiguration"]["CorsRules"]
    assert rule["AllowedOrigins"] == ["https://finops.example.com", "http://localhost:5173"]
    assert sorted(rule["AllowedMethods"]) == ["GET", "PUT"]
    for prefix in ("Billing", "Ledger"):
        assert "CorsConfiguration" not in _bucket(full, prefix)[1]


def test_broken_uploads_are_removed_everywhere(plain: Synthesized) -> None:
    for name, bucket in _buckets(plain).items():
        rules = bucket["Properties"]["LifecycleConfiguration"]["Rules"]
        assert any("AbortIncompleteMultipartUpload" in rule for rule in rules), name


def test_the_buckets_that_others_put_into_tell_eventbridge(plain: Synthesized) -> None:
    for prefix in ("Billing", "Sorfile"):
        assert _bucket(plain, prefix)[1]["NotificationConfiguration"] == {
            "EventBridgeConfiguration": {"EventBridgeEnabled": True}
        }
    assert "NotificationConfiguration" not in _bucket(plain, "Ledger")[1]


def test_data_exports_may_put_for_our_payers_only(plain: Synthesized) -> None:
    id_, _ = _bucket(plain, "Billing")
    [direct] = (s for s in _statements(plain, "Data", id_) if s.get("Sid") == "DirectDelivery")

    assert direct["Principal"] == {"Service": "bcm-data-exports.amazonaws.com"}
    assert direct["Action"] == "s3:PutObject"
    assert direct["Condition"] == {
        "StringEquals": {"aws:SourceAccount": PAYERS},
        "ArnLike": {
            "aws:SourceArn": [
                f"arn:aws:bcm-data-exports:us-east-1:{payer}:export/*" for payer in PAYERS
            ]
        },
    }


def test_replication_is_for_one_role_of_each_payer(plain: Synthesized) -> None:
    id_, _ = _bucket(plain, "Billing")
    [replication] = (s for s in _statements(plain, "Data", id_) if s.get("Sid") == "Replication")

    assert replication["Principal"] == {"AWS": [f"arn:aws:iam::{payer}:root" for payer in PAYERS]}
    assert replication["Condition"] == {
        "ArnEquals": {
            "aws:PrincipalArn": [
                f"arn:aws:iam::{payer}:role/finops-export-replication" for payer in PAYERS
            ]
        }
    }


def test_without_payers_nobody_else_may_write_bills(local: Synthesized) -> None:
    id_, _ = _bucket(local, "Billing")

    assert {s["Effect"] for s in _statements(local, "Data", id_)} == {"Deny"}


def test_every_table_can_be_restored_and_not_be_deleted(synthesized: Synthesized) -> None:
    tables = synthesized.resources("AWS::DynamoDB::GlobalTable")

    assert len(tables) == len(TABLES)
    for name, table in tables.items():
        [replica] = table["Properties"]["Replicas"]
        recovery = replica["PointInTimeRecoverySpecification"]
        assert recovery["PointInTimeRecoveryEnabled"] is True, name
        assert replica["DeletionProtectionEnabled"] is True, name
        assert table["DeletionPolicy"] == "Retain", name
        assert table["Properties"]["TimeToLiveSpecification"] == {
            "AttributeName": "expires_at",
            "Enabled": True,
        }


# By table: its key, and its indexes.
TABLES: dict[str, tuple[list[str], dict[str, list[str]]]] = {
    "Loads": (
        ["load_id"],
        {"by_kind": ["kind", "recorded_at"], "by_place": ["place", "recorded_at"]},
    ),
    "Bills": (["pk", "sk"], {"by_kind": ["kind", "billing_period"]}),
    "Charts": (["pk", "sk"], {}),
    "People": (["person"], {"by_kind": ["kind", "changed_at"]}),
    "Budgets": (["pk", "sk"], {"by_year": ["year", "changed_at"]}),
    "Accounts": (["account"], {"by_kind": ["kind", "changed_at"]}),
    "Credits": (["pk", "sk"], {"by_kind": ["kind", "changed_at"]}),
    "Rules": (["pk", "sk"], {"by_kind": ["kind", "changed_at"]}),
    "Workloads": (["pk", "sk"], {"by_kind": ["kind", "changed_at"]}),
    "Allocations": (["pk", "sk"], {"by_kind": ["kind", "billing_period"]}),
    "SpendCards": (["pk", "sk"], {"by_month": ["kind", "changed_at"]}),
    "Closes": (["pk", "sk"], {"by_kind": ["kind", "changed_at"]}),
    "Delegations": (["pk", "sk"], {"by_kind": ["kind", "changed_at"]}),
    "Settings": (["pk", "sk"], {"by_kind": ["kind", "changed_at"]}),
    "Reports": (["pk", "sk"], {"by_kind": ["kind", "changed_at"]}),
    "Savings": (["pk", "sk"], {"by_kind": ["kind", "changed_at"]}),
    "Alerts": (["pk", "sk"], {"by_kind": ["kind", "changed_at"]}),
    "Audit": (["entity", "sequence"], {"by_month": ["month", "at"], "by_actor": ["actor", "at"]}),
    "Requests": (["request"], {}),
}


def _table(synthesized: Synthesized, name: str) -> dict[str, Any]:
    [table] = (
        table
        for id_, table in synthesized.resources("AWS::DynamoDB::GlobalTable").items()
        if id_.startswith(f"Data/{name}Table")
    )
    properties: dict[str, Any] = table["Properties"]
    return properties


def _names(schema: list[dict[str, str]]) -> list[str]:
    return [key["AttributeName"] for key in schema]


@pytest.mark.parametrize("name", TABLES)
def test_what_a_table_holds_is_found_by_its_key_and_its_indexes(
    plain: Synthesized, name: str
) -> None:
    table = _table(plain, name)
    found = {
        index["IndexName"]: _names(index["KeySchema"])
        for index in table.get("GlobalSecondaryIndexes", [])
    }

    assert (_names(table["KeySchema"]), found) == TABLES[name]
    assert {each["AttributeType"] for each in table["AttributeDefinitions"]} == {"S"}


def test_only_the_audit_trail_is_followed(synthesized: Synthesized) -> None:
    followed = {name: _table(synthesized, name).get("StreamSpecification") for name in TABLES}

    assert followed.pop("Audit") == {"StreamViewType": "NEW_IMAGE"}
    assert set(followed.values()) == {None}


def test_the_own_key_is_turned_over_and_used_by_ledger_charts_tables_and_alarms(
    full: Synthesized,
) -> None:
    [key] = full.resources("AWS::KMS::Key").values()
    for prefix in ("Ledger", "Sorfile"):
        encryption = _bucket(full, prefix)[1]["BucketEncryption"]
        [rule] = encryption["ServerSideEncryptionConfiguration"]
        assert rule["ServerSideEncryptionByDefault"]["SSEAlgorithm"] == "aws:kms", prefix
    tables = full.resources("AWS::DynamoDB::GlobalTable").values()
    [topic] = full.resources("AWS::SNS::Topic").values()

    assert key["Properties"]["EnableKeyRotation"] is True
    assert {table["Properties"]["SSESpecification"]["SSEType"] for table in tables} == {"KMS"}
    assert "KmsMasterKeyId" in topic["Properties"]


def test_the_own_key_serves_this_account_and_through_the_services_only(full: Synthesized) -> None:
    [key] = full.resources("AWS::KMS::Key").values()
    statements = key["Properties"]["KeyPolicy"]["Statement"]
    [through] = (s for s in statements if s.get("Sid") == "ThroughTheServices")

    assert through["Condition"] == {
        "StringEquals": {
            "kms:CallerAccount": "111122223333",
            "kms:ViaService": ["s3.eu-west-1.amazonaws.com", "dynamodb.eu-west-1.amazonaws.com"],
        }
    }


def test_bills_are_never_under_the_own_key(full: Synthesized) -> None:
    """They come from other accounts, which would need rights to it."""
    _, billing = _bucket(full, "Billing")
    [rule] = billing["BucketEncryption"]["ServerSideEncryptionConfiguration"]

    assert rule["ServerSideEncryptionByDefault"] == {"SSEAlgorithm": "AES256"}


@pytest.mark.parametrize(
    "door, kinds",
    [
        ("sharesapi", [SHARES]),
        ("claimsapi", [CLAIMS]),
        ("policiesapi", [POLICIES, RULES]),
    ],
)
def test_a_door_writes_its_own_kind_of_rules_and_no_other(
    plain: Synthesized, door: str, kinds: list[str]
) -> None:
    [policy] = (
        policy
        for id_, policy in plain.resources("AWS::IAM::Policy", "Api").items()
        if f"Api{door}" in id_
    )
    [statement] = (
        one
        for one in policy["Properties"]["PolicyDocument"]["Statement"]
        if one["Sid"] == "WriteRules"
    )

    assert statement["Action"] == "dynamodb:PutItem"
    assert statement["Condition"] == {"ForAllValues:StringEquals": {"dynamodb:LeadingKeys": kinds}}
