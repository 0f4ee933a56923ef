"""What every test may rely on: no cloud is at hand, and a recent enough Node is."""

import os

import pytest

from finops.local import node

# Nobody's credentials, profile or region reach a test; one that asks AWS by mistake is refused.
os.environ.update(
    AWS_ACCESS_KEY_ID="111122223333",
    AWS_SECRET_ACCESS_KEY="test",
    AWS_DEFAULT_REGION="us-east-1",
    AWS_CONFIG_FILE=os.devnull,
    AWS_SHARED_CREDENTIALS_FILE=os.devnull,
    AWS_EC2_METADATA_DISABLED="true",
)
for name in ("AWS_PROFILE", "AWS_REGION", "AWS_SESSION_TOKEN", "AWS_ENDPOINT_URL"):
    os.environ.pop(name, None)
# jsii starts the `node` of PATH.
os.environ["PATH"] = node.path()


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What starts the local AWS, or CDK, is run by one worker, which then starts it once."""
    for item in items:
        for name in ("local_aws", "cdk"):
            if item.get_closest_marker(name):
                item.add_marker(pytest.mark.xdist_group(name))
