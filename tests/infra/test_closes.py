"""The close of a month: a bucket that keeps all there is, and steps that may do what is theirs."""

from typing import Any

from tests.infra.synthesis import Synthesized
from tests.infra.test_load_bill import machine

DOORS = ("begin", "writefiles", "complete", "settle", "deliver", "giveup")


def _rights(synthesized: Synthesized, door: str) -> dict[str, dict[str, Any]]:
    """What a door may do, by the name of the statement."""
    [policy] = (
        policy
        for id_, policy in synthesized.resources("AWS::IAM::Policy", "Close").items()
        if f"Closes{door}Rights" in id_
    )
    return {one["Sid"]: one for one in policy["Properties"]["PolicyDocument"]["Statement"]}


def _prefixes(statement: dict[str, Any]) -> list[str]:
    """The prefixes that a statement on objects is about."""
    resources = statement["Resource"]
    listed = resources if isinstance(resources, list) else [resources]
    return sorted(one["Fn::Join"][1][-1] for one in listed)


def _bucket(synthesized: Synthesized) -> tuple[str, dict[str, Any]]:
    [(name, bucket)] = (
        (name, bucket)
        for name, bucket in synthesized.resources("AWS::S3::Bucket", "Data").items()
        if name.startswith("Data/CloseFiles")
    )
    return name.partition("/")[2], bucket


def test_what_a_close_keeps_stays_whatever_rights_somebody_has(plain: Synthesized) -> None:
    id_, bucket = _bucket(plain)
    [policy] = (
        one["Properties"]["PolicyDocument"]["Statement"]
        for one in plain.resources("AWS::S3::BucketPolicy", "Data").values()
        if one["Properties"]["Bucket"]["Ref"] == id_
    )
    denied = {one["Sid"]: one for one in policy if one["Effect"] == "Deny" and "Sid" in one}

    assert bucket["DeletionPolicy"] == "Retain"
    assert bucket["Properties"]["VersioningConfiguration"] == {"Status": "Enabled"}
    [rule] = bucket["Properties"]["LifecycleConfiguration"]["Rules"]
    assert not [word for word in rule if "Expiration" in word]
    assert denied["NobodyDeletes"]["Action"] == ["s3:DeleteObject", "s3:DeleteObjectVersion"]
    assert denied["NobodyDeletes"]["Principal"] == {"AWS": "*"}
    assert denied["NothingIsReplaced"]["Action"] == "s3:PutObject"
    assert denied["NothingIsReplaced"]["Condition"]["Null"] == {"s3:if-none-match": "true"}


def test_a_step_writes_its_own_part_of_the_bucket_and_no_other(plain: Synthesized) -> None:
    written = {
        door: _prefixes(rights["WriteCloses"])
        for door in DOORS
        if "WriteCloses" in (rights := _rights(plain, _name(door)))
    }

    assert written == {
        "begin": ["/snapshots/*"],
        "writefiles": ["/files/*", "/seals/*"],
        "deliver": ["/delivered/*"],
    }


def _name(door: str) -> str:
    return {"writefiles": "writeclosefiles", "giveup": "giveupclose"}.get(door, f"{door}close")


def test_only_the_steps_that_settle_credits_write_them(plain: Synthesized) -> None:
    may = {
        door: "dynamodb:PutItem"
        in _rights(plain, _name(door)).get("Credits", {"Action": []})["Action"]
        for door in DOORS
    }

    assert [door for door, is_so in may.items() if is_so] == ["complete", "settle"]


def test_nobody_starts_a_close_but_the_door_that_is_asked_for_it(plain: Synthesized) -> None:
    starters = [
        id_
        for id_, policy in plain.resources("AWS::IAM::Policy").items()
        for one in policy["Properties"]["PolicyDocument"]["Statement"]
        if one.get("Sid") == "StartCloseMonth"
    ]

    assert len(starters) == 1
    assert "closesapi" in starters[0]
    assert machine(plain, "close_month")["TracingConfiguration"] == {"Enabled": True}


def test_files_go_to_a_bucket_of_somebody_elses_that_is_only_written_to(full: Synthesized) -> None:
    rights = _rights(full, "deliverclose")

    assert "WriteCloses" not in rights
    assert rights["DeliverFiles"]["Action"] == "s3:PutObject"
    assert str(rights["DeliverFiles"]["Resource"]).count(":s3:::finance-inbox/*") == 1
    assert rights["DeliverFiles"]["Condition"] == {
        "StringEquals": {"s3:ResourceAccount": "444455556666"}
    }
    assert not [
        sid
        for sid, one in rights.items()
        if sid != "DeliverFiles" and "finance-inbox" in str(one["Resource"])
    ]
