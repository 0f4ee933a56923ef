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
    }
    return synthesize(tmp_path_factory.mktemp("full"), context)


@pytest.fixture(scope="session")
def local(tmp_path_factory: pytest.TempPathFactory) -> Synthesized:
    """What the local AWS is given."""
    return synthesize(tmp_path_factory.mktemp("local"), {"local": "true"})
