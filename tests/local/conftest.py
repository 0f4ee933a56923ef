"""A local AWS for the tests that need one, in a folder of their own."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from finops.local import machine
from finops.local.installation import Installation
from finops.local.local_aws import LocalAws


@pytest.fixture
def aws(tmp_path: Path) -> Iterator[LocalAws]:
    """A local AWS of this test's own; not started."""
    one = LocalAws(tmp_path / "local")
    yield one
    one.reset()


@pytest.fixture(scope="session")
def running_aws(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalAws]:
    """One that runs, and that tests share: what they make there has names of their own."""
    one = LocalAws(tmp_path_factory.mktemp("shared") / "local")
    one.up()
    yield one
    one.reset()


@pytest.fixture(scope="session")
def installation(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    """The whole product, deployed from the very template that `cdk deploy` deploys."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FINOPS_LOCAL_DIR", str(tmp_path_factory.mktemp("installed") / "local"))
        try:
            yield machine.up()
        finally:  # what came up although it could not be deployed, too
            machine.reset()
