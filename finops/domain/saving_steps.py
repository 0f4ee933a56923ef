"""Saving steps: how a recommendation is put into practice, in words and, where it is safe, commands.

A command is stated only where it can be taken back and all of it is known: the resource's id and the
region are of the form that AWS gives them, and so is what the resource is to become. What deletes,
or buys, is said in words alone. Source: the AWS CLI reference; a Lambda function, an RDS instance
and a volume change in place, an EC2 instance has to be stopped for it.
"""

import re
import shlex
from collections.abc import Sequence
from typing import NamedTuple

from finops.domain.savings import ActionType, Recommendation

REGION = re.compile(r"[a-z]{2}(-[a-z]+)+-[0-9]")
INSTANCE = re.compile(r"i-[0-9a-f]{8,17}")
VOLUME = re.compile(r"vol-[0-9a-f]{8,17}")
DATABASE = re.compile(r"arn:aws[a-z-]*:rds:[a-z0-9-]+:[0-9]{12}:db:([a-zA-Z][a-zA-Z0-9-]{0,62})")
FUNCTION = re.compile(r"arn:aws[a-z-]*:lambda:[a-z0-9-]+:[0-9]{12}:function:([a-zA-Z0-9_-]{1,64})")
INSTANCE_TYPE = re.compile(r"[a-z][a-z0-9-]{1,15}\.[a-z0-9-]{2,15}")
DATABASE_CLASS = re.compile(r"db\.[a-z0-9-]{2,15}\.[a-z0-9-]{2,15}")
VOLUME_TYPE = re.compile(r"\b(gp2|gp3|io1|io2|st1|sc1)\b")
PROVISIONED = ("io1", "io2")  # these are told how fast they are to be, too
MEMORY = re.compile(r"([0-9]{3,5}) ?MB")

CHECK = "Check with its owner that nothing else depends on {resource}"
WATCH = "Watch it for a week; then say that the saving is implemented, and on which day"
BUYING = (
    (
        "Compare the commitment with the usage that is planned: what is to be stopped or made smaller "
        "needs none"
    ),
    (
        "Buy it in the payer account, under Billing and Cost Management, with the term and "
        "payment that finance has approved"
    ),
    "Say that the saving is implemented, and on which day",
)


class Steps(NamedTuple):
    """What to do, in order, and the *commands* that do a part of it."""

    words: tuple[str, ...]
    commands: tuple[str, ...] = ()


def steps(one: Recommendation) -> Steps:
    """How *one* is put into practice."""
    if one.action_type in (
        ActionType.PURCHASE_SAVINGS_PLANS,
        ActionType.PURCHASE_RESERVED_INSTANCES,
    ):
        return Steps(BUYING)
    resource = one.resource_id or "the resource"
    doing, commands = _doing(one)
    restart = ["Agree on a time: it is not there while it changes"] if one.restart_needed else []
    words = (CHECK.format(resource=resource), *restart, *doing, WATCH)
    return Steps(words, tuple(shlex.join(words) for words in commands))


def _doing(one: Recommendation) -> tuple[Sequence[str], Sequence[Sequence[str]]]:
    """What is done to a resource, and the words of its commands."""
    become = one.recommended or one.recommended_type or "what is recommended"
    match one.action_type:
        case ActionType.STOP:
            return ["Stop it; what it keeps on its disks stays"], _stopping(one)
        case ActionType.DELETE:
            return (
                [
                    "Take a last snapshot or backup, and keep it as long as your rules ask for",
                    "Delete it by hand once the backup is complete; there is no way back",
                ],
                _backing_up(one),
            )
        case ActionType.MIGRATE_TO_GRAVITON:
            return (
                [
                    "Build and test what runs on it for arm64",
                    f"Change it to {become}, and keep the old one until the new one has proven itself",
                ],
                (),
            )
        case ActionType.SCALE_IN:
            return [f"Lower the desired and the least number to {become}"], ()
        case ActionType.RIGHTSIZE | ActionType.UPGRADE:
            return [f"Change it to {become}"], _changing(one)
        case _:
            return [f"Do what is recommended: {one.action_type} to {become}"], ()


def _stopping(one: Recommendation) -> Sequence[Sequence[str]]:
    region, id_ = _region(one), one.resource_id or ""
    if region and INSTANCE.fullmatch(id_):
        return [["aws", "ec2", "stop-instances", *region, "--instance-ids", id_]]
    if region and (database := DATABASE.fullmatch(id_)):
        stop = ["aws", "rds", "stop-db-instance", *region]
        return [[*stop, "--db-instance-identifier", database[1]]]
    return ()


def _backing_up(one: Recommendation) -> Sequence[Sequence[str]]:
    """What makes a deletion one that can be taken back."""
    region, id_ = _region(one), one.resource_id or ""
    if region and VOLUME.fullmatch(id_):
        take = ["aws", "ec2", "create-snapshot", *region, "--volume-id", id_]
        return [[*take, "--description", f"Before {id_} is deleted"]]
    return ()


def _changing(one: Recommendation) -> Sequence[Sequence[str]]:
    region, id_, become = _region(one), one.resource_id or "", (one.recommended or "").strip()
    if not region:
        return ()
    if INSTANCE.fullmatch(id_) and INSTANCE_TYPE.fullmatch(become):
        of = [*region, "--instance-ids", id_]
        change = ["aws", "ec2", "modify-instance-attribute", *region, "--instance-id", id_]
        return [
            ["aws", "ec2", "stop-instances", *of],
            ["aws", "ec2", "wait", "instance-stopped", *of],
            [*change, "--instance-type", f"Value={become}"],
            ["aws", "ec2", "start-instances", *of],
        ]
    if VOLUME.fullmatch(id_) and (volume := VOLUME_TYPE.search(become)):
        was = VOLUME_TYPE.search(one.current or "")
        if volume[1] in PROVISIONED or (was is not None and was[1] == volume[1]):
            return ()  # its size or speed is to change
        change = ["aws", "ec2", "modify-volume", *region, "--volume-id", id_]
        return [[*change, "--volume-type", volume[1]]]
    if (database := DATABASE.fullmatch(id_)) and DATABASE_CLASS.fullmatch(become):
        change = ["aws", "rds", "modify-db-instance", *region]
        change += ["--db-instance-identifier", database[1], "--db-instance-class", become]
        return [[*change, "--no-apply-immediately"]]
    if (function := FUNCTION.fullmatch(id_)) and (memory := MEMORY.search(become)):
        change = ["aws", "lambda", "update-function-configuration", *region]
        return [[*change, "--function-name", function[1], "--memory-size", memory[1]]]
    return ()


def _region(one: Recommendation) -> list[str]:
    """The region as a command names it; none where it is of no form that AWS has."""
    if one.region is None or not REGION.fullmatch(one.region):
        return []
    return ["--region", one.region]
