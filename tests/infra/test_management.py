"""The management account's template: it stands alone, and asks AWS for the whole bill."""

import json
import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from infra.management import COLUMNS, SAVINGS_COLUMNS, columns
from infra.settings import Delivery, Export, Granularity
from tests.infra.synthesis import Synthesized

SCRIPT = Path(__file__).parent.parent.parent / "infra/scripts/prepare-management-account.sh"


FINOPS = "111122223333"


def _export(synthesized: Synthesized) -> dict[str, Any]:
    properties: dict[str, Any] = _exports(synthesized)["finops-cur2"]["Properties"]["Export"]
    return properties


def _exports(synthesized: Synthesized) -> dict[str, Any]:
    found = synthesized.resources("AWS::BCMDataExports::Export", "Management").values()
    return {one["Properties"]["Export"]["Name"]: one for one in found}


def _asked(synthesized: Synthesized) -> list[str]:
    query = _export(synthesized)["DataQuery"]["QueryStatement"]
    match = re.fullmatch(r"SELECT (.+) FROM COST_AND_USAGE_REPORT", query)
    assert match
    return match[1].split(", ")


def _configured(**changed: bool) -> Export:
    said = {"resources": True, "split_cost": True, "manual_discount": False, **changed}
    return Export(
        delivery=Delivery.REPLICATION,
        granularity=Granularity.DAILY,
        organization_delegation=True,
        organization_events=True,
        **said,
    )


def test_it_needs_no_bootstrap_and_has_no_assets(plain: Synthesized) -> None:
    template = plain.templates["Management"]

    assert set(template["Parameters"]) == {
        *("FinOpsAccountId", "FinOpsRegion", "BillingBucketName", "ExportRecommendations")
    }
    assert "Rules" not in template
    assert not (plain.folder / "Management.assets.json").exists()
    # What CloudFormation takes without a bucket to fetch it from.
    assert len((plain.folder / "Management.template.json").read_bytes()) < 51_200


def test_all_127_columns_are_asked_for_by_name(plain: Synthesized) -> None:
    asked = _asked(plain)

    assert len(asked) == len(set(asked)) == 127
    assert asked == COLUMNS


def test_the_export_is_cur_2_in_parquet_that_rewrites_its_month(plain: Synthesized) -> None:
    export = _export(plain)
    target = export["DestinationConfigurations"]["S3Destination"]

    assert export["DataQuery"]["TableConfigurations"] == {
        "COST_AND_USAGE_REPORT": {
            "TIME_GRANULARITY": "DAILY",
            "INCLUDE_RESOURCES": "TRUE",
            "INCLUDE_SPLIT_COST_ALLOCATION_DATA": "TRUE",
            "INCLUDE_MANUAL_DISCOUNT_COMPATIBILITY": "FALSE",
        }
    }
    assert target["S3OutputConfigurations"] == {
        "OutputType": "CUSTOM",
        "Format": "PARQUET",
        "Compression": "PARQUET",
        "Overwrite": "OVERWRITE_REPORT",
    }
    assert "S3BucketOwner" not in target
    assert target["S3Prefix"] == {"Fn::Join": ["", ["cur2/", {"Ref": "AWS::AccountId"}]]}


def test_what_an_export_leaves_out_is_not_asked_for() -> None:
    assert len(columns(_configured())) == 127
    assert set(COLUMNS) - set(columns(_configured(resources=False))) == {"line_item_resource_id"}
    assert set(COLUMNS) - set(columns(_configured(manual_discount=True))) == {"discount"}
    split = set(COLUMNS) - set(columns(_configured(split_cost=False)))
    assert len(split) == 11
    assert all(name.startswith("split_line_item_") for name in split)


def test_data_and_manifests_are_replicated_and_deletions_too(plain: Synthesized) -> None:
    [bucket] = plain.resources("AWS::S3::Bucket", "Management").values()
    rules = bucket["Properties"]["ReplicationConfiguration"]["Rules"]

    # data/ and metadata/ are both below
    assert [rule["Filter"] for rule in rules] == [{"Prefix": "cur2/"}, {"Prefix": "coh/"}]
    assert [rule["Priority"] for rule in rules] == [1, 2]
    for rule in rules:
        assert rule["Status"] == "Enabled"
        assert rule["DeleteMarkerReplication"] == {"Status": "Enabled"}
        to = rule["Destination"]
        assert to["AccessControlTranslation"] == {"Owner": "Destination"}
        assert to["Account"] == {"Ref": "FinOpsAccountId"}
        assert to["Metrics"]["Status"] == "Enabled"
        assert to["ReplicationTime"] == {"Status": "Enabled", "Time": {"Minutes": 15}}


def test_the_role_has_the_name_that_the_other_end_asks_for(plain: Synthesized) -> None:
    roles = plain.resources("AWS::IAM::Role", "Management")
    [role] = (role for name, role in roles.items() if name.startswith("Management/Source"))

    assert role["Properties"]["RoleName"] == "finops-export-replication"


def test_the_export_waits_for_the_right_to_write(plain: Synthesized) -> None:
    for export in _exports(plain).values():
        assert any(name.startswith("SourceBucketPolicy") for name in export["DependsOn"])


def test_recommendations_are_exported_whole_and_once_each_where_they_are_wanted(
    plain: Synthesized,
) -> None:
    found = _exports(plain)["finops-coh"]
    export = found["Properties"]["Export"]
    asked = export["DataQuery"]["QueryStatement"]
    [condition] = plain.templates["Management"]["Conditions"].items()

    assert asked == f"SELECT {', '.join(SAVINGS_COLUMNS)} FROM COST_OPTIMIZATION_RECOMMENDATIONS"
    assert export["DataQuery"]["TableConfigurations"] == {
        "COST_OPTIMIZATION_RECOMMENDATIONS": {
            "FILTER": "{}",
            "INCLUDE_ALL_RECOMMENDATIONS": "FALSE",
        }
    }
    assert json.dumps(export["DestinationConfigurations"]["S3Destination"]["S3Prefix"]) == (
        json.dumps({"Fn::Join": ["", ["coh/", {"Ref": "AWS::AccountId"}]]})
    )
    assert condition == (
        found["Condition"],
        {"Fn::Equals": [{"Ref": "ExportRecommendations"}, "yes"]},
    )


def test_direct_delivery_has_no_bucket_and_no_role(full: Synthesized) -> None:
    target = _export(full)["DestinationConfigurations"]["S3Destination"]

    assert not full.resources("AWS::S3::Bucket", "Management")
    # What is lent to push_budgets has nothing to do with deliveries.
    assert all("Budgets" in name for name in full.resources("AWS::IAM::Policy", "Management"))
    assert target["S3Bucket"] == {"Ref": "BillingBucketName"}
    assert target["S3BucketOwner"] == {"Ref": "FinOpsAccountId"}


def test_finops_may_read_the_organization_and_change_nothing(plain: Synthesized) -> None:
    [policy] = plain.resources("AWS::Organizations::ResourcePolicy", "Management").values()
    [statement] = policy["Properties"]["Content"]["Statement"]

    assert all(re.match(r"organizations:(Describe|List)", action) for action in statement["Action"])
    assert "FinOpsAccountId" in json.dumps(statement["Principal"])


def test_what_happens_to_accounts_is_told_to_the_finops_account_at_once(
    plain: Synthesized,
) -> None:
    [rule] = plain.resources("AWS::Events::Rule", "Management").values()
    [heard] = (
        rule["Properties"]["EventPattern"]
        for name, rule in plain.resources("AWS::Events::Rule", "Organization").items()
        if "organizationchanged" in name
    )
    [target] = rule["Properties"]["Targets"]

    assert rule["Properties"]["EventPattern"] == heard
    assert "MoveAccount" in heard["detail"]["eventName"]
    assert target["Arn"] == {
        "Fn::Join": [
            "",
            [
                "arn:aws:events:",
                {"Ref": "FinOpsRegion"},
                ":",
                {"Ref": "FinOpsAccountId"},
                ":event-bus/default",
            ],
        ]
    }


def test_where_the_organization_shall_tell_nothing_it_has_no_rule(full: Synthesized) -> None:
    """The daily list is enough for whoever wants no rule in the payer's account."""
    assert not full.resources("AWS::Events::Rule", "Management")


@pytest.mark.skipif(not shutil.which("bash"), reason="no bash here")
@pytest.mark.parametrize("arguments", [["--help"], []])
def test_the_script_says_what_it_does(arguments: list[str]) -> None:
    said = subprocess.run(
        ["bash", str(SCRIPT), *arguments], capture_output=True, text=True, check=False
    )

    assert said.returncode == (0 if arguments else 2)
    assert "usage: prepare-management-account.sh" in said.stdout + said.stderr


ALREADY = """#!/bin/sh
echo "$@" >> "$CALLS"
case "$*" in
    *get-caller-identity*|*describe-organization*) echo 222233334444 ;;
    *register-delegated*) echo "$TROUBLE" >&2; exit 254 ;;
    *create-service-linked-role*) echo "... has been taken in this account" >&2; exit 254 ;;
esac
"""


def _prepare(folder: Path, *arguments: str, trouble: str) -> tuple[int, list[str]]:
    """Runs the script with an `aws` that says all is done already: its exit code and its calls."""
    aws, calls = folder / "aws", folder / "calls"
    aws.write_text(ALREADY)
    aws.chmod(0o755)
    path = f"{folder}{os.pathsep}{os.environ['PATH']}"
    said = subprocess.run(
        ["bash", str(SCRIPT), *arguments],
        env={"PATH": path, "CALLS": str(calls), "TROUBLE": trouble},
        capture_output=True,
        check=False,
    )
    return said.returncode, calls.read_text().splitlines() if calls.exists() else []


@pytest.mark.skipif(not shutil.which("bash"), reason="no bash here")
def test_the_script_run_again_changes_nothing_and_succeeds(tmp_path: Path) -> None:
    code, calls = _prepare(
        tmp_path, "--tags", "Team,App", FINOPS, trouble="AccountAlreadyRegisteredException"
    )

    assert code == 0
    assert sum("register-delegated-administrator" in call for call in calls) == 3
    assert sum("update-cost-allocation-tags-status" in call for call in calls) == 2


@pytest.mark.skipif(not shutil.which("bash"), reason="no bash here")
def test_the_script_stops_at_what_it_does_not_expect(tmp_path: Path) -> None:
    code, calls = _prepare(tmp_path, FINOPS, trouble="AccessDeniedException")

    assert code != 0
    assert not any("cost-optimization-hub" in call for call in calls)


@pytest.mark.skipif(not shutil.which("bash"), reason="no bash here")
def test_a_dry_run_asks_aws_nothing(tmp_path: Path) -> None:
    code, calls = _prepare(tmp_path, "--dry-run", FINOPS, trouble="")

    assert (code, calls) == (0, [])


@pytest.mark.skipif(not shutil.which("shellcheck"), reason="no shellcheck here")
def test_shellcheck_finds_nothing() -> None:
    said = subprocess.run(["shellcheck", str(SCRIPT)], capture_output=True, text=True, check=False)

    assert said.stdout == ""
