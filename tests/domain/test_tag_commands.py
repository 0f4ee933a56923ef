"""Commands say exactly what is meant, whatever resources and tags are called."""

import json
import shlex
import subprocess

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from finops.domain.tag_commands import (
    MOST_ARNS,
    PLACEHOLDER,
    Missing,
    commands,
    place_of,
    settable,
)

ACCOUNT, REGION = "444455556666", "eu-west-1"
WORDS = ("aws", "resourcegroupstaggingapi", "tag-resources", "--region", REGION)


def missing(resource: str = "i-0a1", value: str | None = None, **fields: str | None) -> Missing:
    told: dict[str, str | None] = {
        "account_id": ACCOUNT,
        "service": "AmazonEC2",
        "region": REGION,
        "currency": "USD",
    }
    return Missing(resource_id=resource, cost=1, value=value, **told | fields)


def arn(resource: str) -> str:
    return f"arn:aws:ec2:{REGION}:{ACCOUNT}:instance/{resource}"


def test_a_command_is_what_somebody_would_type() -> None:
    [made], _ = commands("user:Team", [missing(value="web")])

    assert made.text == f"{' '.join(WORDS)} --resource-arn-list {arn('i-0a1')} --tags Team=web"


def test_what_nobody_knows_is_left_to_be_filled_in() -> None:
    [made], _ = commands("user:Team", [missing()])

    assert made.text.endswith(f"--tags 'Team={PLACEHOLDER}'")
    assert made.value is None


def test_twenty_resources_of_an_account_and_region_go_into_one_command() -> None:
    here = [missing(f"i-{number:x}") for number in range(MOST_ARNS + 1)]
    there = missing("i-f1", region="us-east-1")

    made, others = commands("user:Team", [*here, there])

    assert [(one.region, len(one.resources)) for one in made] == [
        (REGION, 20),
        (REGION, 1),
        ("us-east-1", 1),
    ]
    assert others == []


def test_a_resource_that_two_services_charge_is_tagged_once() -> None:
    name = f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:f"
    twice = [missing(name, service="AWSLambda"), missing(name, service="AWSDataTransfer")]

    [made], _ = commands("user:Team", twice)

    assert made.resources == (name,)


def test_a_resource_of_which_two_things_are_known_is_given_the_first_and_no_other() -> None:
    name = f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:f"
    twice = [missing(name, "web", service="AWSLambda"), missing(name, "ops", service="AWSXRay")]

    [made], _ = commands("user:Team", twice)

    assert (made.value, made.resources) == ("web", (name,))


@pytest.mark.parametrize("key", ["aws:createdBy", "user:aws:x", "accountTag/Team", "user:", "a\nb"])
def test_a_key_that_nobody_can_set_is_never_proposed(key: str) -> None:
    made, others = commands(key, [missing()])

    assert made == []
    assert [one.why for one in others] == [f"nobody can set {key} on a resource"]


@pytest.mark.parametrize(
    "one, why",
    [
        (missing("$(reboot)"), "its id is no ARN"),
        (missing("i-0a1\nreboot"), "its id is no ARN"),
        (missing("--help"), "its id is no ARN"),
        (missing("arn:aws:ec2:eu-west-1:999999999999:instance/i-1"), "another account"),
        (missing(account_id=None), "in no account"),
        (missing(region=None), "region is not known"),
        (missing(region="$(reboot)"), "region is not known"),
    ],
)
def test_a_resource_that_cannot_be_named_exactly_is_told_apart(one: Missing, why: str) -> None:
    made, [other] = commands("user:Team", [one])

    assert made == []
    assert why in other.why


@pytest.mark.parametrize(
    "one, expected",
    [
        (missing("vol-0b", service="AmazonEC2"), f"arn:aws:ec2:{REGION}:{ACCOUNT}:volume/vol-0b"),
        (missing("my-bucket", service="AmazonS3"), "arn:aws:s3:::my-bucket"),
        (
            missing("i-0a1", region="us-gov-west-1"),
            f"arn:aws-us-gov:ec2:us-gov-west-1:{ACCOUNT}:instance/i-0a1",
        ),
    ],
)
def test_an_id_becomes_the_arn_that_its_service_gives_it(one: Missing, expected: str) -> None:
    place = place_of(one)

    assert not isinstance(place, str)
    assert place.arn == expected


def test_what_is_in_no_region_is_tagged_where_the_tagging_api_knows_it() -> None:
    [made], _ = commands("user:Team", [missing(f"arn:aws:cloudfront::{ACCOUNT}:distribution/E1")])

    assert made.region == "us-east-1"


hostile = st.one_of(
    st.text(max_size=20),
    st.sampled_from(
        ["'; rm -rf / #", "$(reboot)", "`id`", "-", "--tags", "a b", "file://x", "ü ñ"]
    ),
)


@settings(max_examples=200, deadline=None)
@given(key=hostile, value=st.none() | hostile, name=hostile)
def test_a_shell_reads_exactly_the_words_that_were_meant(
    key: str, value: str | None, name: str
) -> None:
    resource = f"arn:aws:sqs:{REGION}:{ACCOUNT}:{name}"

    made, others = commands(f"user:{key}", [missing(resource, value)])

    assert len(made) + len(others) == 1
    for one in made:
        assert "\n" not in one.text
        assert tuple(shlex.split(one.text)) == one.words
        assert one.words[:5] == WORDS
        assert one.words[5:8] == ("--resource-arn-list", resource, "--tags")
        [tags] = one.words[8:]
        said = {settable(f"user:{key}"): PLACEHOLDER if one.value is None else one.value}
        assert (json.loads(tags) if tags[0] == "{" else dict([tags.split("=")])) == said


def test_a_real_shell_reads_them_too() -> None:
    name = f"arn:aws:sqs:{REGION}:{ACCOUNT}:it's$(echo)`id`;#\"\\"
    [made], _ = commands("user:Team x", [missing(name, "a = b")])

    told = subprocess.run(
        ["/bin/sh", "-c", f"printf '%s\\0' {made.text}"], capture_output=True, check=True
    )

    assert told.stdout.decode().split("\0")[:-1] == list(made.words)
