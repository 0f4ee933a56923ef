"""The context: read from cdk.json and from the command, and refused where it means nothing."""

import json
from pathlib import Path
from typing import Any

import pytest
from aws_cdk import App

from infra.application import build
from infra.settings import Delivery, Mfa, Settings
from tests.infra.synthesis import Synthesized

ROOT = Path(__file__).parent.parent.parent
CONTEXT = json.loads((ROOT / "cdk.json").read_text())["context"]
UNBUNDLED: dict[str, Any] = {"aws:cdk:bundling-stacks": []}
OUTPUTS = {
    *("BillingBucketName", "LedgerBucketName", "LoadsTableName", "BillsTableName"),
    *("UserPoolId", "UserPoolClientId", "ApiUrl", "LoadBillArn"),
}


def _settings(**changed: Any) -> Settings:
    return Settings.of(App(context={**CONTEXT, **changed}).node)


def test_cdk_json_says_everything_and_it_all_has_a_meaning() -> None:
    settings = _settings()

    assert (settings.payers, settings.alarm_email, settings.local) == ((), None, False)
    assert (settings.mfa, settings.export.delivery) == (Mfa.OPTIONAL, Delivery.REPLICATION)
    assert (settings.max_concurrency, settings.wait_seconds) == (40, 60)


def test_the_command_says_everything_as_text() -> None:
    settings = _settings(payers="222233334444, 555566667777", waf="true", keep_days="7")

    assert settings.payers == ("222233334444", "555566667777")
    assert settings.waf is True
    assert settings.keep_days == 7


@pytest.mark.parametrize(
    "key, value",
    [
        ("payers", "2222"),
        ("payers", ["22223333444x"]),
        ("spa_origins", "finops.example.com"),
        ("spa_origins", "https://*.example.com"),
        ("waf", "yes"),
        ("mfa", "maybe"),
        ("keep_days", "0"),
        ("keep_days", "-1"),
        ("delivery", "pigeon"),
        ("granularity", "WEEKLY"),
    ],
)
def test_a_word_that_means_nothing_is_refused(key: str, value: Any) -> None:
    with pytest.raises(ValueError, match=r"context|is not a valid"):
        _settings(**{key: value})


def test_the_context_of_the_command_wins_over_cdk_json(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CDK_CONTEXT_JSON", json.dumps({"keep_days": "9", "local": "true"}))

    app = build(outdir=str(tmp_path), context=UNBUNDLED)

    assert Settings.of(app.node).keep_days == 9
    assert Settings.of(app.node).local is True


def test_the_templates_go_where_the_environment_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CDK_OUTDIR", str(tmp_path / "here"))

    app = build(context={**UNBUNDLED, "local": True})

    assert app.outdir == str(tmp_path / "here")


@pytest.mark.parametrize("fixture", ["plain", "local"])
def test_the_command_finds_its_way_by_the_outputs(
    fixture: str, request: pytest.FixtureRequest
) -> None:
    synthesized: Synthesized = request.getfixturevalue(fixture)
    told = [
        key
        for template in synthesized.templates.values()
        for key in template.get("Outputs", {})
        if key in OUTPUTS
    ]

    assert sorted(told) == sorted(OUTPUTS), "each once"


def test_what_must_outlive_the_rest_is_protected(plain: Synthesized) -> None:
    manifest = json.loads((plain.folder / "manifest.json").read_text())
    protected = {
        name
        for name, artifact in manifest["artifacts"].items()
        if artifact.get("properties", {}).get("terminationProtection")
    }

    assert protected == {"Data", "Identity"}


def test_the_page_on_deploying_explains_every_word_of_the_context() -> None:
    page = (ROOT / "docs" / "deploy.md").read_text()
    ours = [key for key in CONTEXT if not key.startswith("@")]

    assert [key for key in ours if f"`{key}`" not in page] == []
