"""The state machines of `statemachines/`: sound by the lint, and filled by infra exactly."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.infra.asl_lint import lint
from tests.infra.synthesis import Synthesized

MACHINES = Path(__file__).parent.parent.parent / "statemachines"
STARTED_WITH = {"load_bill": {"manifest_key", "attempt"}}


def _machine(synthesized: Synthesized) -> dict[str, Any]:
    [machine] = synthesized.resources("AWS::StepFunctions::StateMachine").values()
    properties: dict[str, Any] = machine["Properties"]
    return properties


@pytest.mark.parametrize("path", sorted(MACHINES.glob("*.asl.json")), ids=lambda path: path.name)
def test_nothing_is_wrong_with_a_state_machine(path: Path, plain: Synthesized) -> None:
    filled = _machine(plain)["DefinitionSubstitutions"]

    problems = lint(
        path.read_text(),
        substitutions=filled,
        inputs=STARTED_WITH[path.name.removesuffix(".asl.json")],
    )

    assert problems == []


def test_what_is_deployed_is_the_file(plain: Synthesized) -> None:
    deployed = json.loads(_machine(plain)["DefinitionString"])

    assert deployed == json.loads((MACHINES / "load_bill.asl.json").read_text())


def test_on_one_machine_two_workers_run_at_a_time(local: Synthesized) -> None:
    states = json.loads(_machine(local)["DefinitionString"])["States"].values()

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


def test_every_step_of_a_load_is_logged_and_traced(plain: Synthesized) -> None:
    machine = _machine(plain)

    assert machine["LoggingConfiguration"]["Level"] == "ALL"
    assert machine["TracingConfiguration"] == {"Enabled": True}
