"""Saving steps: what is said in words, and which commands are stated, word for word."""

import shlex

import pytest
from hypothesis import given
from hypothesis import strategies as st

from finops.domain.saving_steps import steps
from finops.domain.savings import Recommendation
from tests.savings_fakes import recommendation

INSTANCE, VOLUME = "i-0a1b2c3d4e5f60718", "vol-0a1b2c3d4e5f60718"
DATABASE = "arn:aws:rds:eu-west-1:111122223333:db:shop-1"
FUNCTION = "arn:aws:lambda:eu-west-1:111122223333:function:resize"
REGION = "--region eu-west-1"


@pytest.mark.parametrize(
    "resource_id, action_type, recommended, command",
    [
        (INSTANCE, "Stop", None, f"ec2 stop-instances {REGION} --instance-ids {INSTANCE}"),
        (DATABASE, "Stop", None, f"rds stop-db-instance {REGION} --db-instance-identifier shop-1"),
        (
            *(VOLUME, "Upgrade", "gp3/100 GB Storage/3000 IOPS"),
            f"ec2 modify-volume {REGION} --volume-id {VOLUME} --volume-type gp3",
        ),
        (
            *(VOLUME, "Delete", None),
            (
                f"ec2 create-snapshot {REGION} --volume-id {VOLUME} "
                f"--description 'Before {VOLUME} is deleted'"
            ),
        ),
        (
            *(DATABASE, "Rightsize", "db.t4g.medium"),
            (
                f"rds modify-db-instance {REGION} --db-instance-identifier shop-1 "
                "--db-instance-class db.t4g.medium --no-apply-immediately"
            ),
        ),
        (
            *(FUNCTION, "Rightsize", "512 MB"),
            (
                f"lambda update-function-configuration {REGION} --function-name resize "
                "--memory-size 512"
            ),
        ),
    ],
)
def test_what_can_be_taken_back_has_a_command(
    resource_id: str, action_type: str, recommended: str | None, command: str
) -> None:
    told = steps(recommendation(resource_id, action_type, recommended=recommended))

    assert told.commands == (f"aws {command}",)


def test_an_instance_is_stopped_changed_and_started() -> None:
    told = steps(recommendation(INSTANCE, "Rightsize", recommended="m5.large"))

    assert [command.split()[2] for command in told.commands] == [
        *("stop-instances", "wait", "modify-instance-attribute", "start-instances"),
    ]
    assert "Agree on a time" in told.words[1]


@pytest.mark.parametrize(
    "one",
    [
        recommendation(INSTANCE, "Delete"),
        recommendation(DATABASE, "Delete"),
        recommendation(INSTANCE, "MigrateToGraviton", recommended="m7g.large"),
        recommendation("arn:aws:ecs:eu-west-1:111122223333:service/c/s", "Rightsize"),
        recommendation(None, "PurchaseSavingsPlans"),
        recommendation(INSTANCE, "Stop", region=None),
        recommendation(INSTANCE, "Rightsize", recommended="something smaller"),
        recommendation("a", "Hibernate"),
    ],
    ids=lambda one: f"{one.action_type} {one.resource_id}",
)
def test_what_cannot_or_is_not_wholly_known_is_said_in_words_alone(one: Recommendation) -> None:
    told = steps(one)

    assert told.commands == ()
    assert len(told.words) >= 3


@pytest.mark.parametrize(
    "current, recommended",
    [
        ("gp3/500 GB Storage/9000 IOPS", "gp3/500 GB Storage/3000 IOPS"),
        ("gp2/500 GB Storage", "io2/500 GB Storage/3000 IOPS"),
    ],
)
def test_a_volume_that_keeps_its_type_or_needs_more_than_a_type_has_no_command(
    current: str, recommended: str
) -> None:
    told = steps(recommendation(VOLUME, "Rightsize", current=current, recommended=recommended))

    assert told.commands == ()


TEXT = st.text(max_size=30) | st.sampled_from(
    ["$(reboot)", "`id`", "'; rm -rf /", "-x", "i-0\nrm", 'a"b', "m5.large; id", "gp3 $(id)"]
)


@given(
    resource_id=TEXT | st.sampled_from([INSTANCE, VOLUME, DATABASE, FUNCTION]),
    region=TEXT | st.just("eu-west-1"),
    recommended=TEXT | st.just("m5.large"),
    action_type=st.sampled_from(["Stop", "Delete", "Rightsize", "Upgrade"]),
)
def test_whatever_is_stated_a_command_is_one_of_aws_and_nothing_else(
    resource_id: str, region: str, recommended: str, action_type: str
) -> None:
    one = recommendation(resource_id, action_type, region=region, recommended=recommended)

    for command in steps(one).commands:
        assert "\n" not in command
        words = shlex.split(command)
        assert shlex.join(words) == command
        assert words[0] == "aws"
        assert (words[words.index("--region") + 1], region) == ("eu-west-1", "eu-west-1")
        assert not set("$`;|&<>(){}*?!#") & set(command)
