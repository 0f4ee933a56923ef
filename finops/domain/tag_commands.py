"""Tag commands: what to type so that resources have a tag, safe to be pasted whatever they are called.

A command is for the AWS command line: `resourcegroupstaggingapi tag-resources`, which takes 20
resources of one region and account. Source: AWS's reference of the API, TagResources.
"""

import json
import re
import shlex
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

MOST_ARNS = 20  # in one call
PLACEHOLDER = "<VALUE>"  # no tag of AWS's can have it, so a command is refused that still says so
LONGEST_KEY, LONGEST_VALUE = 128, 256
USER = "user:"

# What the tagging API takes: partition, service, region, account, resource.
_ARN = re.compile(r"arn:(aws[a-z-]*):([a-z0-9-]+):([a-z0-9-]*):(\d{12}|aws|):([!-~]+)")
_REGION = re.compile(r"[a-z]{2}(-[a-z]+)+-\d")
_ACCOUNT = re.compile(r"\d{12}")
# Ids that the bill has without an ARN: by service code, what they look like and where they belong.
_IDS: Sequence[tuple[str, str, str]] = (
    ("AmazonEC2", r"i-[0-9a-f]+", "ec2:instance"),
    ("AmazonEC2", r"vol-[0-9a-f]+", "ec2:volume"),
    ("AmazonEC2", r"snap-[0-9a-f]+", "ec2:snapshot"),
    ("AmazonEC2", r"nat-[0-9a-f]+", "ec2:natgateway"),
    ("AmazonEC2", r"eipalloc-[0-9a-f]+", "ec2:elastic-ip"),
    ("AmazonEC2", r"eni-[0-9a-f]+", "ec2:network-interface"),
    ("AmazonVPC", r"nat-[0-9a-f]+", "ec2:natgateway"),
    ("AmazonVPC", r"vpce-[0-9a-f]+", "ec2:vpc-endpoint"),
    ("AmazonVPC", r"vpn-[0-9a-f]+", "ec2:vpn-connection"),
    ("AmazonVPC", r"tgw-attach-[0-9a-f]+", "ec2:transit-gateway-attachment"),
    ("AmazonVPC", r"eipalloc-[0-9a-f]+", "ec2:elastic-ip"),
    ("AmazonEFS", r"fs-[0-9a-f]+", "elasticfilesystem:file-system"),
    ("AmazonFSx", r"fs-[0-9a-f]+", "fsx:file-system"),
)
_BUCKET = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")
_PARTITIONS = (("cn-", "aws-cn"), ("us-gov-", "aws-us-gov"))
# Services whose resources are in no region; the tagging API knows them in this one.
_EVERYWHERE = ("cloudfront", "globalaccelerator", "iam", "route53")
_HOME = "us-east-1"
# Tags in the bill that are not of a resource. Source: the CUR 2.0 column `tags`.
_OF_OTHERS = ("accountTag/", "userAttribute/", "costCategory/", "iamPrincipal/")
_TAG = re.compile(r"[\w .:/=+@-]*")
# What AWS's short form of a map takes as it stands, at the beginning of a word and after `=`.
_PLAIN_KEY, _PLAIN_VALUE = re.compile(r"\w[\w.-]*", re.A), re.compile(r"[\w.][\w./+-]*", re.A)


class Missing(NamedTuple):
    """A resource that lacks a tag; *value* is what it should say, where that is known."""

    account_id: str | None
    resource_id: str
    service: str | None
    region: str | None
    currency: str | None
    cost: int
    value: str | None = None


class TagCommand(NamedTuple):
    """What to run, signed in to an account, for some of its resources in a region."""

    account_id: str
    region: str
    key: str
    value: str | None
    resources: tuple[str, ...]  # their ARNs
    words: tuple[str, ...]

    @property
    def text(self) -> str:
        """As it is typed in a shell."""
        return shlex.join(self.words)


class Unfixable(NamedTuple):
    """A resource that no command is made for."""

    resource: Missing
    why: str


class Place(NamedTuple):
    """Where the tagging API finds a resource."""

    account_id: str
    region: str
    arn: str


def settable(key: str) -> str | None:
    """The bare key of a tag that its owner can set; None for others: of AWS, of accounts.

    >>> settable("user:Team"), settable("aws:createdBy"), settable("accountTag/Team"), settable("Team")
    ('Team', None, None, 'Team')
    """
    bare = key.removeprefix(USER)
    if bare.lower().startswith("aws:") or key.startswith(_OF_OTHERS):
        return None
    return bare if 1 <= len(bare) <= LONGEST_KEY and _TAG.fullmatch(bare) else None


def commands(key: str, missing: Iterable[Missing]) -> tuple[list[TagCommand], list[Unfixable]]:
    """The commands that give resources the tag *key*, and those that none can be made for.

    Together they are all of *missing*, each once: by account, region and value, in the order in
    which they came. Without a value a command says PLACEHOLDER, for somebody to fill in. A resource
    that is missing twice, by two services, has one tag all the same: what came first counts.
    """
    bare = settable(key)
    found: defaultdict[tuple[str, str, str | None], dict[str, None]] = defaultdict(dict)
    others: list[Unfixable] = []
    known: set[str] = set()
    for one in missing:
        if bare is None:
            others.append(Unfixable(one, f"nobody can set {key} on a resource"))
            continue
        place = place_of(one)
        if isinstance(place, str):
            others.append(Unfixable(one, place))
            continue
        if place.arn in known:
            continue
        known.add(place.arn)
        value = one.value if one.value is not None and is_value(one.value) else None
        found[place.account_id, place.region, value][place.arn] = None
    made = [
        TagCommand(account, region, key, value, arns, _words(region, bare or "", value, arns))
        for (account, region, value), every in found.items()
        for arns in _batches(every)
    ]
    return made, others


def _batches(arns: Iterable[str]) -> Iterator[tuple[str, ...]]:
    every = tuple(arns)
    for start in range(0, len(every), MOST_ARNS):
        yield every[start : start + MOST_ARNS]


def is_value(value: str) -> bool:
    """Whether AWS takes it as the value of a tag."""
    return 1 <= len(value) <= LONGEST_VALUE and _TAG.fullmatch(value) is not None


def place_of(one: Missing) -> Place | str:
    """Where a resource is tagged; or why that is not known.

    >>> place_of(Missing("444455556666", "i-0a1", "AmazonEC2", "eu-west-1", None, 0)).arn
    'arn:aws:ec2:eu-west-1:444455556666:instance/i-0a1'
    >>> place_of(Missing("444455556666", "Something", "AmazonEC2", "eu-west-1", None, 0))
    'its id is no ARN, and none is known for such ids of the service'
    """
    account = one.account_id or ""
    if not _ACCOUNT.fullmatch(account):
        return "it is in no account"
    if found := _ARN.fullmatch(one.resource_id):
        _, service, region, owner, _ = found.groups()
        if owner not in ("", account):
            return "its ARN is of another account"
        region = _HOME if service in _EVERYWHERE else region or one.region or ""
        if not _REGION.fullmatch(region):
            return "its region is not known"
        return Place(account, region, one.resource_id)
    region = one.region or ""
    if not _REGION.fullmatch(region):
        return "its region is not known"
    partition = next((name for start, name in _PARTITIONS if region.startswith(start)), "aws")
    if one.service == "AmazonS3" and _BUCKET.fullmatch(one.resource_id):
        return Place(account, region, f"arn:{partition}:s3:::{one.resource_id}")
    for code, ids, kind in _IDS:
        if one.service == code and re.fullmatch(ids, one.resource_id):
            service, _, kind = kind.partition(":")
            its = f"{service}:{region}:{account}:{kind}/{one.resource_id}"
            return Place(account, region, f"arn:{partition}:{its}")
    return "its id is no ARN, and none is known for such ids of the service"


def _words(region: str, key: str, value: str | None, arns: Sequence[str]) -> tuple[str, ...]:
    """The words of a command, before any shell has seen them."""
    said = PLACEHOLDER if value is None else value
    # The short form reads quotes, commas and more as its own signs, and a word that begins like
    # `file://` as the name of a file: JSON says any text, and begins with a bracket.
    is_plain = _PLAIN_KEY.fullmatch(key) and (value is None or _PLAIN_VALUE.fullmatch(value))
    tags = f"{key}={said}" if is_plain else json.dumps({key: said}, ensure_ascii=False)
    return (
        *("aws", "resourcegroupstaggingapi", "tag-resources", "--region", region),
        *("--resource-arn-list", *arns, "--tags", tags),
    )
