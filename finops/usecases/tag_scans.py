"""Tag scans: the tagging API asked region by region, and what it adds to what the bill knows."""

from collections.abc import Sequence
from datetime import date, datetime
from typing import NamedTuple

from finops.domain.audit import Act, Deed
from finops.domain.authorization import Action, Reach, must, must_reach
from finops.domain.errors import ConflictError, NotFoundError, UnansweredError
from finops.domain.people import Person
from finops.domain.tag_scans import (
    RegionCoverage,
    RegionScan,
    ScannedResource,
    TagScan,
    as_billed,
    free_of_charge,
)
from finops.usecases.organisation_settings import in_force
from finops.usecases.ports import Audit, Ledger, TaggedResources
from finops.usecases.resources import View, look
from finops.usecases.tag_reports import TagDesk, billed_ids

SCANNED = "TagScanAsked"  # the event that starts it
PREFIX = "tags"
NEWEST = f"{PREFIX}/scan.json"


class ScanTold(NamedTuple):
    """The newest scan, as much as it adds to the newest bill; no *account_id*: there is none to see."""

    account_id: str | None
    at: datetime | None
    keys: tuple[str, ...]
    regions: Sequence[RegionCoverage]


def ask_scan(regions: Sequence[str], *, by: Person, audit: Audit, act: Act) -> dict[str, str]:
    """Scan now instead of tomorrow; raises ConflictError where the deployment names no regions."""
    must(by, Action.SCAN_TAGS)
    if not regions:
        raise ConflictError(
            "this deployment scans no region; name them as tagging_regions in cdk.json"
        )
    told = {"asked_by": by.email, "asked_at": act.at.isoformat(), "status": "Asked"}
    audit.note("tag-scan#asked", told, Deed(action="ScanTags", event=SCANNED), act)
    return told


def scan_tags(
    account_id: str,
    regions: Sequence[str],
    *,
    at: datetime,
    tagging: TaggedResources,
    ledger: Ledger,
) -> TagScan:
    """Ask every region and keep what they answered; one that did not is kept as that.

    Raises UnansweredError once all is kept, where a region did not answer.
    """
    scan = TagScan(
        account_id=account_id, at=at, regions=tuple(_asked(region, tagging) for region in regions)
    )
    told = scan.model_dump(mode="json")
    ledger.put_json(f"{PREFIX}/scans/{at:%Y-%m-%dT%H-%M-%S}.json", told)
    ledger.put_json(NEWEST, told)
    if silent := [one for one in scan.regions if not one.answered]:
        raise UnansweredError("; ".join(f"{one.region}: {one.why}" for one in silent))
    return scan


def seen_scan(
    keys: Sequence[str] = (), *, by: Person, today: date, desk: TagDesk, ledger: Ledger
) -> ScanTold:
    """What the newest scan found that the newest bill charges nothing for; of an account that *by*
    sees all of. Before there is a bill, nobody does but who sees every account.
    """
    sees_every = must_reach(by, Action.SEE_TAGS) is Reach.EVERYWHERE
    view = look(None, by=by, today=today, stock=desk.stock, action=Action.SEE_TAGS)
    tags = in_force(desk.stock.settings).tags
    wanted = tuple(dict.fromkeys(map(tags.key, keys))) or tags.required_keys
    try:
        scan = TagScan(**ledger.get_json(NEWEST))
    except NotFoundError:
        return ScanTold(None, None, wanted, ())
    if not (sees_every or (view is not None and _sees_all_of(scan.account_id, view))):
        return ScanTold(None, None, wanted, ())
    billed = billed_ids(scan.account_id, view, desk) if view else frozenset()
    found = free_of_charge(scan, billed, wanted, aliases=tags.aliases)
    return ScanTold(scan.account_id, scan.at, wanted, found)


def _sees_all_of(account: str, view: View) -> bool:
    sights = view.sights or {}
    return any(
        account in its and of in sights and account not in sights[of].only
        for of, its in view.asked.items()
    )


def _asked(region: str, tagging: TaggedResources) -> RegionScan:
    try:
        found = [
            ScannedResource(arn=arn, tags=as_billed(tags.items()))
            for arn, tags in tagging.of_region(region)
        ]
    except UnansweredError as error:
        return RegionScan(region=region, answered=False, why=error.detail)
    return RegionScan(region=region, answered=True, resources=tuple(found))
