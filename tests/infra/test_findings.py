"""cdk-nag, cfn-lint and CDK's own rules find nothing that is not answered with a reason."""

import json
from pathlib import Path
from typing import Any

import pytest
from aws_cdk import Stack
from aws_cdk import aws_s3 as s3
from cfnlint import ManualArgs, lint_file

from tests.infra.synthesis import Synthesized, checked_application

BROAD = "has no resource-level permissions."
# The rules answered with a reason, by the part of the house they are about. This list is part of
# the security documentation (docs/deploy.md): whoever adds a line explains it there.
REVIEWED = {
    ("APIG2", "The definition validates bodies and parameters of every method."),
    ("APIG3", "Every method asks for a token and is throttled; context waf=true adds a firewall."),
    ("COG2", "A second factor is offered to everybody and required by context mfa=required."),
    (
        "COG8",
        "The Plus plan costs more than all else here; Essentials has what the product uses.",
    ),
    ("IAM4", "One role for all APIs of the account; API Gateway refuses one with less."),
    ("IAM5", "Charts are named by year and version, uploads by chance."),
    ("IAM5", "AWS chooses the keys of an export's files."),
    ("IAM5", "An execution is named by what it is for."),
    ("IAM5", "Objects are named by load, month and account."),
    (
        "IAM5",
        "Objects are named by load, month and account. Objects are named by what they are made of.",
    ),
    ("IAM5", "What is kept of a close is named by month and checksum."),
    ("IAM5", "Organizations names roots, units and accounts, in the payer's own account."),
    ("IAM5", "Payers choose the keys of their exports."),
    ("IAM5", "People name the files of a chart, and where they put them."),
    ("IAM5", "Step Functions names the executions of a map's items."),
    ("IAM5", f"The log delivery of Step Functions {BROAD} X-Ray {BROAD}"),
    ("IAM5", f"X-Ray {BROAD}"),
    ("IAM5", f"X-Ray {BROAD} The list of streams {BROAD}"),
    ("IAM5", f"X-Ray {BROAD} The list of an organization {BROAD}"),
    ("IAM5", f"X-Ray {BROAD} The list of tagged resources {BROAD}"),
    (
        "IAM5",
        f"X-Ray {BROAD} Cost Optimization Hub {BROAD} The organization that an account is in {BROAD}",
    ),
    ("L1", "Python 3.13 is supported as long as 3.14 (2029-06-30), and the tests run on it."),
    ("S1", "Holds copies for 14 days; the bucket they go to logs its access."),
    ("SQS3", "This is the dead-letter queue."),
}

REVIEWED_OF_OPTIONS = {
    ("IAM5", "Files are named by month and kind, in a bucket of somebody else's."),
    ("IAM5", "AWS lists the budgets of an account all together, or none."),
    (
        "IAM5",
        "Budgets of ours are made and deleted; they have this beginning of a name, and no others do.",
    ),
}


@pytest.fixture(params=["plain", "full"])
def synthesized(request: pytest.FixtureRequest) -> Synthesized:
    made: Synthesized = request.getfixturevalue(request.param)
    return made


def test_no_finding_is_open(synthesized: Synthesized) -> None:
    found = [
        f"{violation['ruleName']} {construct['constructPath']}"
        for violation in _of_all_plugins(synthesized, "violations")
        for construct in violation["violatingConstructs"]
    ]

    assert found == []


def test_nag_really_ran(plain: Synthesized) -> None:
    ran = {plugin["pluginName"] for plugin in plain.report["pluginReports"]}

    assert "AwsSolutions" in ran


def test_what_is_acknowledged_is_what_was_reviewed(plain: Synthesized) -> None:
    answered = {
        (finding["ruleName"].partition("[")[0].rpartition("-")[2], finding["reason"])
        for finding in _of_all_plugins(plain, "suppressedViolations")
    }

    assert answered == REVIEWED


def test_with_every_option_on_nothing_else_is_acknowledged(full: Synthesized) -> None:
    answered = {finding["reason"] for finding in _of_all_plugins(full, "suppressedViolations")}

    assert answered <= {reason for _, reason in REVIEWED | REVIEWED_OF_OPTIONS}


def test_a_real_finding_would_be_seen(tmp_path: Path) -> None:
    """The canary: a bucket without any of the house's care, in the same app."""
    app = checked_application(tmp_path, {})
    s3.Bucket(Stack(app, "Careless"), "Bucket")
    with pytest.raises(RuntimeError, match="ValidationFailed"):
        app.synth()
    report = json.loads((tmp_path / "validation-report.json").read_text())
    found = {v["ruleName"] for plugin in report["pluginReports"] for v in plugin["violations"]}

    assert "AwsSolutions-S10" in found


@pytest.mark.parametrize(
    "stack",
    [
        *("Data", "Identity", "Billing", "Allocation", "Cards", "Close"),
        *("Reports", "Savings", "Alerts"),
        *("Organization", "Api", "Observability"),
    ],
)
def test_cfn_lint_finds_nothing_in_the_finops_account(plain: Synthesized, stack: str) -> None:
    assert _cfn_lint(plain, stack, region="eu-west-1") == []


@pytest.mark.parametrize("stack", ["Data", "Identity", "Alerts", "Organization", "Api"])
def test_cfn_lint_finds_nothing_in_what_the_options_add(full: Synthesized, stack: str) -> None:
    assert _cfn_lint(full, stack, region="eu-west-1") == []


def test_cfn_lint_finds_nothing_in_the_management_account(synthesized: Synthesized) -> None:
    assert _cfn_lint(synthesized, "Management", region="us-east-1") == []


def _of_all_plugins(synthesized: Synthesized, kind: str) -> list[Any]:
    return [
        finding
        for plugin in synthesized.report["pluginReports"]
        for finding in plugin.get(kind, [])
    ]


def _cfn_lint(synthesized: Synthesized, stack: str, *, region: str) -> list[str]:
    # W3005: CDK says DependsOn also where a reference already says so.
    config = ManualArgs(regions=[region], ignore_checks=["W3005"])
    path = synthesized.folder / f"{stack}.template.json"
    return [str(match) for match in lint_file(path, config=config)]
