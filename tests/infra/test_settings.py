"""The context: read from cdk.json and from the command, and refused where it means nothing."""

import json
from pathlib import Path
from typing import Any

import pytest
from aws_cdk import App

from infra.application import build
from infra.settings import CostBasis, Delivery, Federation, Mfa, Oidc, Room, Settings, Webhook
from tests.infra.synthesis import Synthesized

ROOT = Path(__file__).parent.parent.parent
CONTEXT = json.loads((ROOT / "cdk.json").read_text())["context"]
TEXTS: dict[str, str] = CONTEXT["texts"]
SAML = {
    "saml_metadata_url": "https://idp.example.com/metadata.xml",
    "sign_in_domain": "example-finops",
    "sign_in_callback_urls": ["https://finops.example.com"],
}
OIDC = {
    "oidc_issuer": "https://idp.example.com",
    "oidc_client_id": "finops",
    "oidc_client_secret_name": "finops/oidc",
}
UNBUNDLED: dict[str, Any] = {"aws:cdk:bundling-stacks": []}
OUTPUTS = {
    *("BillingBucketName", "LedgerBucketName", "LoadsTableName", "BillsTableName"),
    *("SorfileBucketName", "ChartsTableName", "PeopleTableName", "BudgetsTableName"),
    "AccountsTableName",
    "CreditsTableName",
    *("AuditTableName", "RequestsTableName"),
    *("UserPoolId", "UserPoolClientId", "ApiUrl", "LoadBillArn"),
}


def _settings(**changed: Any) -> Settings:
    return Settings.of(App(context={**CONTEXT, **changed}).node)


def test_cdk_json_says_everything_and_it_all_has_a_meaning() -> None:
    settings = _settings()

    assert (settings.payers, settings.alarm_email, settings.local) == ((), None, False)
    assert (settings.mfa, settings.export.delivery) == (Mfa.OPTIONAL, Delivery.REPLICATION)
    assert (settings.max_concurrency, settings.wait_seconds) == (40, 60)
    assert (settings.fiscal_year_starts, settings.group_roles) == (1, {})
    assert settings.currency == "USD"
    assert settings.federation is None
    assert (settings.mail.sender, settings.mail.make_identity) == (None, True)
    assert (settings.mail.logo, settings.mail.app_url, settings.mail.digest_hour) == (None, None, 6)
    assert settings.mail.invitation_text == TEXTS["invitation_text"]
    assert (settings.mail.report_text, settings.mail.alert_subject) == (
        TEXTS["report_text"],
        TEXTS["alert_subject"],
    )
    assert (settings.reports_hour, settings.webhooks, settings.tagging_regions) == (7, (), ())
    assert (settings.savings_api, settings.aws_budgets) == (True, False)


def test_the_command_says_everything_as_text() -> None:
    settings = _settings(payers="222233334444, 555566667777", waf="true", keep_days="7")

    assert settings.payers == ("222233334444", "555566667777")
    assert settings.waf is True
    assert settings.keep_days == 7


def test_the_command_says_an_object_as_json() -> None:
    texts = {**TEXTS, "digest_subject": "Your morning"}
    settings = _settings(
        group_roles='{"buyers": "vendor_manager"}', texts=json.dumps(texts), digest_hour="0"
    )

    assert settings.group_roles == {"buyers": "vendor_manager"}
    assert settings.mail.digest_subject == "Your morning"
    assert settings.mail.digest_hour == 0


def test_a_webhook_is_a_room_of_a_kind_and_the_secret_that_holds_its_address() -> None:
    rooms = {"ops": "Teams:finops/teams", "chat": "Slack:finops/slack-AbCdEf"}

    told = _settings(webhooks=json.dumps(rooms), tagging_regions="eu-central-1, us-gov-west-1")

    assert told.webhooks == (
        Webhook(name="chat", room=Room.SLACK, secret="finops/slack-AbCdEf"),
        Webhook(name="ops", room=Room.TEAMS, secret="finops/teams"),
    )
    assert told.tagging_regions == ("eu-central-1", "us-gov-west-1")


@pytest.mark.parametrize(
    "said, words",
    [
        ({"payers": ["222233334444"]}, "aws_budgets: fill alarm_email as well"),
        ({"alarm_email": "finops@example.com"}, "aws_budgets: fill payers as well"),
    ],
)
def test_aws_budgets_without_anybody_to_warn_or_anything_to_watch_are_refused(
    said: dict[str, Any], words: str
) -> None:
    with pytest.raises(ValueError, match=words):
        _settings(aws_budgets="true", **said)


def test_aws_budgets_warn_the_address_of_the_alarms_about_the_payers() -> None:
    told = _settings(aws_budgets="true", alarm_email="finops@example.com", payers=["222233334444"])

    assert told.aws_budgets is True


def test_cost_is_billed_or_effective_and_blended_is_refused_with_the_reason() -> None:
    assert _settings().cost_basis is CostBasis.BILLED
    assert _settings(cost_basis="effective").cost_basis is CostBasis.EFFECTIVE
    with pytest.raises(ValueError, match="averages rates over accounts"):
        _settings(cost_basis="blended")


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
        ("fiscal_year_starts", 0),
        ("fiscal_year_starts", 13),
        ("cost_basis", ""),
        ("cost_basis", "Billed"),
        ("currency", ""),
        ("currency", "usd"),
        ("close_delivery", "s3://finance"),
        ("close_delivery", "Finance@444455556666"),
        ("close_delivery", "finance-inbox"),
        ("digest_hour", 24),
        ("digest_hour", "noon"),
        ("group_roles", {"buyers": "king"}),
        ("group_roles", {"buyers": 1}),
        ("group_roles", "buyers=vendor_manager"),
        ("group_roles", ["buyers"]),
        ("group_roles", {f"a group of number {n}": "product_owner" for n in range(100)}),
        ("mail_from", "The FinOps Center <finops@example.com>"),
        ("mail_from", "finops"),
        ("mail_logo", "http://example.com/logo.png"),
        ("mail_logo", 'https://example.com/"onload="'),
        ("app_url", "finops.example.com"),
        ("mail_identity", "perhaps"),
        ("mail_invitations", "later"),
        ("texts", {**TEXTS, "digest_text": " "}),
        ("texts", {word: TEXTS[word] for word in TEXTS if word != "digest_subject"}),
        ("texts", {**TEXTS, "farewell": "Bye"}),
        ("texts", {**TEXTS, "invitation_text": "Your password is {####}"}),
        ("texts", {**TEXTS, "invitation_text": "You are {username}"}),
        ("texts", {**TEXTS, "invitation_subject": "x" * 141}),
        ("texts", {**TEXTS, "digest_text": "x" * 1501}),
        ("texts", {**TEXTS, "report_subject": ""}),
        ("texts", {**TEXTS, "report_subject": "x" * 141}),
        ("texts", {**TEXTS, "alert_text": "x" * 1501}),
        ("texts", {word: TEXTS[word] for word in TEXTS if word != "alert_text"}),
        ("reports_hour", 24),
        ("reports_hour", "seven"),
        ("webhooks", {"chat": "https://hooks.example.com/services/T0/B0"}),
        ("webhooks", {"chat": "Slack"}),
        ("webhooks", {"chat": "Slack:"}),
        ("webhooks", {"chat": "IRC:finops/chat"}),
        ("webhooks", {"chat": "Slack:finops chat"}),
        ("webhooks", {"the chat": "Slack:finops/chat"}),
        ("webhooks", {"": "Slack:finops/chat"}),
        ("webhooks", {"x" * 51: "Slack:finops/chat"}),
        ("webhooks", "chat=Slack:finops/chat"),
        ("webhooks", ["Slack:finops/chat"]),
        ("savings_api", "sometimes"),
        ("tagging_regions", "Frankfurt"),
        ("tagging_regions", ["eu-central-1a"]),
        ("aws_budgets", "yes"),
    ],
)
def test_a_word_that_means_nothing_is_refused(key: str, value: Any) -> None:
    with pytest.raises(ValueError, match=r"context|is not a valid"):
        _settings(**{key: value})


def test_people_sign_in_with_saml_or_openid_connect_or_both() -> None:
    oidc = Oidc(
        issuer="https://idp.example.com", client_id="finops", client_secret_name="finops/oidc"
    )
    without_saml = {**SAML, "saml_metadata_url": ""}

    assert _settings(**SAML).federation == Federation(
        saml_metadata_url="https://idp.example.com/metadata.xml",
        oidc=None,
        domain="example-finops",
        callback_urls=("https://finops.example.com",),
    )
    only_oidc = _settings(**without_saml, **OIDC).federation
    assert only_oidc is not None
    assert (only_oidc.saml_metadata_url, only_oidc.oidc) == (None, oidc)
    both = _settings(**SAML, **OIDC).federation
    assert both is not None
    assert both.saml_metadata_url
    assert both.oidc == oidc


@pytest.mark.parametrize("missing", ["sign_in_domain", "sign_in_callback_urls", *OIDC])
def test_an_identity_provider_that_is_half_described_is_refused(missing: str) -> None:
    with pytest.raises(ValueError, match=f"context: {missing} must be filled"):
        _settings(**{**SAML, **OIDC, missing: ""})


def test_a_way_back_from_nowhere_is_refused() -> None:
    with pytest.raises(ValueError, match="oidc_issuer, oidc_client_id, oidc_client_secret_name"):
        _settings(**{**SAML, "saml_metadata_url": ""})


@pytest.mark.parametrize(
    "key, value",
    [
        ("saml_metadata_url", "http://idp.example.com/metadata.xml"),
        ("oidc_issuer", "https://idp.example.com/"),
        ("oidc_client_secret_name", "the secret itself"),
        ("sign_in_domain", "Example"),
        ("sign_in_domain", "my-aws-finops"),
        ("sign_in_callback_urls", ["http://finops.example.com"]),
    ],
)
def test_a_federation_that_would_not_work_is_refused(key: str, value: Any) -> None:
    with pytest.raises(ValueError, match=f"context {key}"):
        _settings(**{**SAML, **OIDC, key: value})


def test_on_one_machine_somebody_sends_mail_and_nobody_else_knows_people() -> None:
    local = _settings(**SAML, local="true")

    assert local.mail.sender == "finops@fernhollow.example"
    assert local.federation is None
    assert _settings(local="true", mail_from="a@b.example").mail.sender == "a@b.example"


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
