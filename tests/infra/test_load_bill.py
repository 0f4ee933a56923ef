"""The state machine that loads a bill, and that all of `statemachines/` are sound and filled."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.infra.asl_lint import lint
from tests.infra.synthesis import Synthesized

MACHINES = Path(__file__).parent.parent.parent / "statemachines"
STARTED_WITH = {
    "load_bill": {"manifest_key", "attempt"},
    "allocate_month": {"payer", "billing_period", "preview_id"},
    "make_spend_cards": {"at", "period", "waits"},
    "make_reports": {"at", "rhythm", "end", "again", "waits"},
    "cut_cubes": {"payer", "billing_period"},
    "close_month": {"month", "by", "attempt"},
    "measure_savings": set[str](),
}


def machine(synthesized: Synthesized, name: str = "load_bill") -> dict[str, Any]:
    """The properties of the machine of a file."""
    [found] = (
        each["Properties"]
        for id_, each in synthesized.resources("AWS::StepFunctions::StateMachine").items()
        if f"{name.replace('_', '')}Machine" in id_
    )
    properties: dict[str, Any] = found
    return properties


def test_every_state_machine_of_the_house_is_deployed_and_no_other(plain: Synthesized) -> None:
    files = {path.name.removesuffix(".asl.json") for path in MACHINES.glob("*.asl.json")}

    assert files == set(STARTED_WITH)
    assert len(plain.resources("AWS::StepFunctions::StateMachine")) == len(files)


@pytest.mark.parametrize("name", STARTED_WITH)
def test_nothing_is_wrong_with_a_state_machine(name: str, plain: Synthesized) -> None:
    problems = lint(
        (MACHINES / f"{name}.asl.json").read_text(),
        substitutions=machine(plain, name)["DefinitionSubstitutions"],
        inputs=STARTED_WITH[name],
    )

    assert problems == []


@pytest.mark.parametrize("name", STARTED_WITH)
def test_what_is_deployed_is_the_file(name: str, plain: Synthesized) -> None:
    deployed = json.loads(machine(plain, name)["DefinitionString"])

    assert deployed == json.loads((MACHINES / f"{name}.asl.json").read_text())


@pytest.mark.parametrize("name", sorted(STARTED_WITH.keys() - {"close_month"}))
def test_on_one_machine_two_workers_run_at_a_time(name: str, local: Synthesized) -> None:
    states = json.loads(machine(local, name)["DefinitionString"])["States"].values()

    assert {state["MaxConcurrency"] for state in states if state["Type"] == "Map"} == {2}


def test_a_manifest_that_arrives_starts_a_load(plain: Synthesized) -> None:
    [rule] = plain.resources("AWS::Events::Rule", "Billing").values()
    pattern = plain.referred(rule["Properties"]["EventPattern"])
    [target] = rule["Properties"]["Targets"]

    assert pattern["source"] == ["aws.s3"]
    assert pattern["detail-type"] == ["Object Created"]
    assert pattern["detail"]["object"]["key"] == [{"suffix": "-Manifest.json"}]
    [bucket] = pattern["detail"]["bucket"]["name"]
    assert bucket["Ref"].startswith("BillingBucket")
    assert target["InputTransformer"] == {
        "InputPathsMap": {"detail-object-key": "$.detail.object.key"},
        "InputTemplate": '{"manifest_key":<detail-object-key>,"attempt":0}',
    }
    assert "DeadLetterConfig" in target


@pytest.mark.parametrize("name", STARTED_WITH)
def test_every_step_is_logged_and_traced(name: str, plain: Synthesized) -> None:
    made = machine(plain, name)

    assert made["LoggingConfiguration"]["Level"] == "ALL"
    assert made["TracingConfiguration"] == {"Enabled": True}
