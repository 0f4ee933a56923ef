"""One synth for all tests of infra, and all of them on one worker."""

from pathlib import Path

import pytest

from tests.infra.synthesis import PAYERS, Synthesized, synthesize

HERE = Path(__file__).parent


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if HERE in item.path.parents:
            item.add_marker(pytest.mark.cdk)
            # On several workers each would pay for the first synth.
            item.add_marker(pytest.mark.xdist_group("cdk"))


@pytest.fixture(scope="session")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Synthesized:
    """What `cdk.json` says, with two payers."""
    return synthesize(tmp_path_factory.mktemp("plain"), {"payers": PAYERS})


@pytest.fixture(scope="session")
def full(tmp_path_factory: pytest.TempPathFactory) -> Synthesized:
    """Every option on, and each choice the other one."""
    context = {
        "payers": ",".join(PAYERS),
        "own_key": "true",
        "waf": "true",
        "mfa": "required",
        "alarm_email": "finops@example.com",
        "spa_origins": "https://finops.example.com,http://localhost:5173",
        "delivery": "direct",
        "split_cost": "false",
        "resources": "false",
        "manual_discount": "true",
        "organization_events": "false",
        "fiscal_year_starts": "7",
        "group_roles": '{"FinOps Admins": "financial_admin", "buyers": "vendor_manager"}',
        "saml_metadata_url": "https://idp.example.com/metadata.xml",
        "oidc_issuer": "https://idp.example.com",
        "oidc_client_id": "finops",
        "oidc_client_secret_name": "finops/oidc",
        "sign_in_domain": "example-finops",
        "sign_in_callback_urls": "https://finops.example.com/signed-in,http://localhost:5173/",
        "mail_from": "finops@example.com",
        "mail_logo": "https://example.com/logo.png",
        "app_url": "https://finops.example.com/?from=mail&in=one",
        "digest_hour": "0",
        "close_delivery": "finance-inbox@444455556666",
        "aws_budgets": "true",
        "tagging_regions": "eu-west-1",
        "webhooks": '{"chat": "Slack:finops/chat"}',
    }
    return synthesize(tmp_path_factory.mktemp("full"), context)


@pytest.fixture(scope="session")
def known_sender(tmp_path_factory: pytest.TempPathFactory) -> Synthesized:
    """Where SES knows the sender of mails before we come."""
    context = {
        "mail_from": "finops@example.com",
        "mail_identity": "false",
        "mail_invitations": "true",
    }
    return synthesize(tmp_path_factory.mktemp("known_sender"), context)


@pytest.fixture(scope="session")
def local(tmp_path_factory: pytest.TempPathFactory) -> Synthesized:
    """What the local AWS is given."""
    return synthesize(tmp_path_factory.mktemp("local"), {"local": "true"})


@pytest.fixture(scope="session")
def with_budgets(tmp_path_factory: pytest.TempPathFactory) -> Synthesized:
    """Where AWS Budgets are kept in step, and the FinOps account is one of the payers itself."""
    context = {
        "payers": ",".join(["111122223333", *PAYERS]),
        "alarm_email": "finops@example.com",
        "aws_budgets": "true",
    }
    return synthesize(tmp_path_factory.mktemp("with_budgets"), context)
