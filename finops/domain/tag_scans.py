"""Tag scans: what AWS's tagging API knows of resources, those that cost nothing among them."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from typing import NamedTuple

from finops.domain.claim_rules import read_tags
from finops.domain.tag_coverage import has
from finops.domain.tag_settings import TagAliases
from finops.domain.tags import canonical
from finops.domain.values import Frozen

USER = "user:"


class ScannedResource(Frozen):
    """A resource that the API named; *tags* as the ledger keeps them."""

    arn: str
    tags: str | None


class RegionScan(Frozen):
    """A region that was asked. One that did not answer is told with the reason, and has no figures:
    nobody knows what runs there.
    """

    region: str
    answered: bool
    resources: tuple[ScannedResource, ...] = ()
    why: str | None = None


class TagScan(Frozen):
    """What all regions of an account answered at a moment."""

    account_id: str
    at: datetime
    regions: tuple[RegionScan, ...]


class RegionCoverage(NamedTuple):
    """Of a region's resources that no bill names: how many there are, how many have all keys, and
    those that lack some. All None where the region did not answer.
    """

    region: str
    answered: bool
    why: str | None
    resources: int | None = None
    complete: int | None = None
    lacking: Sequence[tuple[str, tuple[str, ...]]] | None = None


def as_billed(tags: Iterable[tuple[str, str]]) -> str | None:
    """Tags of the API as the bill has them: `Team` is `user:Team` there.

    >>> as_billed([("Team", "web"), ("aws:createdBy", "x")])
    '{"aws:createdBy":"x","user:Team":"web"}'
    """
    return canonical({key if key.startswith("aws:") else USER + key: value for key, value in tags})


def free_of_charge(
    scan: TagScan, billed: Collection[str], keys: Sequence[str], *, aliases: TagAliases
) -> list[RegionCoverage]:
    """What the bill says nothing of: resources that are not among *billed*, by ARN or by bare id."""
    return [_of_region(one, billed, keys, aliases) for one in scan.regions]


def _of_region(
    one: RegionScan, billed: Collection[str], keys: Sequence[str], aliases: TagAliases
) -> RegionCoverage:
    if not one.answered:
        return RegionCoverage(one.region, False, one.why)
    found = [
        (each.arn, _lacks(aliases.meant(read_tags(each.tags)), keys))
        for each in one.resources
        if each.arn not in billed and bare(each.arn) not in billed
    ]
    lacking = sorted((arn, missing) for arn, missing in found if missing is not None)
    return RegionCoverage(one.region, True, None, len(found), len(found) - len(lacking), lacking)


def _lacks(tags: Mapping[str, str], keys: Sequence[str]) -> tuple[str, ...] | None:
    """The keys that are missing; None where nothing is."""
    missing = tuple(key for key in keys if not has(tags, key))
    return missing if missing or (not keys and not tags) else None


def bare(arn: str) -> str:
    """The id that the bill may have in place of an ARN.

    >>> bare("arn:aws:ec2:eu-west-1:444455556666:instance/i-1"), bare("arn:aws:s3:::logs")
    ('i-1', 'logs')
    """
    return arn.split(":", 5)[-1].rpartition("/")[2]
