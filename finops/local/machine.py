"""The whole product on this machine: started, deployed, with people who may sign in."""

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

from finops.local import local_aws, organization, sign_in
from finops.local.assembly import synthesize
from finops.local.deployment import deploy, deployed
from finops.local.installation import Installation
from finops.local.local_aws import ACCOUNT_ID, REGION, LocalAws, one_at_a_time


@dataclass(frozen=True)
class Status:
    """What is where. None is what there is not: not running, or not deployed."""

    running: bool
    deployed: bool
    aws_endpoint: str | None
    api: str | None
    region: str
    account_id: str
    billing_bucket: str | None
    ledger_bucket: str | None
    sorfile_bucket: str | None
    user_pool_id: str | None
    client_id: str | None
    people: tuple[str, ...]
    sign_ins: str | None
    folder: str
    log: str
    pid: int | None

    def json(self) -> dict[str, Any]:
        return asdict(self)


def here() -> LocalAws:
    """The local AWS of this clone; the sample company has its organization there."""
    return LocalAws(local_aws.folder(), organization.at_first)


def up(tell: Callable[[str], None] = lambda said: None) -> Installation:
    """The installation of this clone, started and deployed as far as it is not."""
    aws = here()
    with one_at_a_time(aws.folder / "machine.lock"):
        if aws.up(tell):
            tell(f"Local AWS started at {aws.endpoint}")
        assembly = synthesize(aws.folder / "assembly")
        if deploy(assembly, aws, tell):
            tell(f"Deployed {len(assembly.stacks)} stacks")
        made = Installation.on_this_machine(aws)
        sign_in.make_first_people(made, aws.folder)
    return made


def installation(profile: str | None = None, region: str | None = None) -> Installation:
    """What a command speaks to: where *profile* leads, else this machine.

    Raises NotInstalledError.
    """
    if profile is None:
        return Installation.on_this_machine(here())
    return Installation.in_account(profile, region)


def down() -> bool:
    """Stops it, everything kept; whether there was anything to stop."""
    return here().down()


def reset() -> None:
    """Stops it and forgets everything it stored."""
    aws = here()
    with one_at_a_time(aws.folder / "machine.lock"):
        aws.reset()


def status() -> Status:
    """What there is, asked of the local AWS itself."""
    aws = here()
    ready = aws.running and deployed(aws) is not None
    made = Installation.on_this_machine(aws) if ready else None
    people = tuple(sign_in.keyring(aws.folder))
    return Status(
        running=aws.running,
        deployed=ready,
        aws_endpoint=aws.endpoint,
        api=made.api if made else None,
        region=REGION,
        account_id=ACCOUNT_ID,
        billing_bucket=made.billing_bucket if made else None,
        ledger_bucket=made.ledger_bucket if made else None,
        sorfile_bucket=made.sorfile_bucket if made else None,
        user_pool_id=made.user_pool_id if made else None,
        client_id=made.client_id if made else None,
        people=people,
        sign_ins=str(sign_in.kept(aws.folder)) if people else None,
        folder=str(aws.folder),
        log=str(aws.log),
        pid=aws.pid,
    )
