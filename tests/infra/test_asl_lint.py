"""The lint of state machines, shown faults that were put there on purpose."""

import copy
import json
from collections.abc import Callable
from typing import Any

import pytest

from tests.infra.asl_lint import lint

Machine = dict[str, Any]

RETRY = [
    {
        "ErrorEquals": ["States.ALL"],
        "IntervalSeconds": 2,
        "MaxAttempts": 3,
        "BackoffRate": 2,
        "JitterStrategy": "FULL",
    }
]
CATCH = [{"ErrorEquals": ["States.ALL"], "ResultPath": "$.error", "Next": "Failed"}]

# Small, but with all that load_bill has: a step, a choice, a wait, a distributed map, an
# integration, a state that speaks JSONata, and a failure with a name.
SOUND: Machine = {
    "StartAt": "Find",
    "States": {
        "Find": {
            "Type": "Task",
            "Resource": "${Find}",
            "TimeoutSeconds": 60,
            "Parameters": {"key.$": "$.key", "started.$": "$$.Execution.StartTime"},
            "ResultPath": "$.found",
            "Retry": RETRY,
            "Catch": CATCH,
            "Next": "Ready",
        },
        "Ready": {
            "Type": "Choice",
            "Choices": [
                {"Variable": "$.found.status", "StringEquals": "Ready", "Next": "Reduce"},
                {"Variable": "$.found.status", "StringEquals": "Waiting", "Next": "Wait"},
            ],
            "Default": "Done",
        },
        "Wait": {"Type": "Wait", "SecondsPath": "$.found.seconds", "Next": "Again"},
        "Again": {
            "Type": "Pass",
            "Parameters": {"key.$": "$.key", "name.$": "States.Format('{}', $.found.name)"},
            "Next": "Find",
        },
        "Reduce": {
            "Type": "Map",
            "Label": "Reduce",
            "MaxConcurrency": 40,
            "ItemReader": {
                "Resource": "arn:aws:states:::s3:getObject",
                "ReaderConfig": {"InputType": "JSON"},
                "Parameters": {"Bucket": "b", "Key.$": "$.found.items"},
            },
            "ItemProcessor": {
                "ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"},
                "StartAt": "One",
                "States": {
                    "One": {
                        "Type": "Task",
                        "Resource": "${Reduce}",
                        "TimeoutSeconds": 900,
                        "Retry": RETRY,
                        "End": True,
                    }
                },
            },
            "ResultPath": None,
            "Catch": CATCH,
            "Next": "Count",
        },
        "Count": {
            "Type": "Pass",
            "QueryLanguage": "JSONata",
            "Assign": {"total": "{% $sum($states.input.found.parts) %}"},
            "Output": "{% $merge([$states.input, {'count': 1}]) %}",
            "Next": "Say",
        },
        "Say": {
            "Type": "Task",
            "Resource": "arn:aws:states:::events:putEvents",
            "TimeoutSeconds": 30,
            "Parameters": {"Entries": [{"Source": "finops", "EventBusName": "${Notices}"}]},
            "ResultPath": None,
            "Retry": RETRY,
            "Catch": CATCH,
            "Next": "Done",
        },
        "Done": {"Type": "Succeed"},
        "Failed": {"Type": "Fail", "Error": "Failed", "CausePath": "$.error.Cause"},
    },
}
FILLED = {"Find", "Reduce", "Notices"}


def _lint(machine: Machine) -> list[str]:
    return lint(json.dumps(machine), substitutions=FILLED, inputs={"key"})


def test_nothing_is_wrong_with_a_sound_machine() -> None:
    assert _lint(SOUND) == []


def _at(machine: Machine, path: str) -> Any:
    node: Any = machine["States"]
    for part in path.split("/"):
        node = node[int(part)] if part.isdecimal() else node[part]
    return node


def _set(path: str, value: Any) -> Callable[[Machine], None]:
    parent, _, key = path.rpartition("/")

    def change(machine: Machine) -> None:
        _at(machine, parent)[int(key) if key.isdecimal() else key] = value

    return change


def _drop(path: str) -> Callable[[Machine], None]:
    parent, _, key = path.rpartition("/")

    def change(machine: Machine) -> None:
        del _at(machine, parent)[key]

    return change


ITEM = "Reduce/ItemProcessor/States/One"


def _leave(comment: str | None) -> Callable[[Machine], None]:
    """An item that fails ends well, and says which step after the map is to fail for it."""

    def change(machine: Machine) -> None:
        states = _at(machine, "Reduce/ItemProcessor/States")
        states["One"]["Catch"] = [{**CATCH[0], "Next": "Left"}]
        states["Left"] = {"Type": "Succeed"} | ({"Comment": comment} if comment else {})

    return change


FAULTS: dict[str, tuple[Callable[[Machine], None], str]] = {
    "a next state that does not exist": (_set("Wait/Next", "Nowhere"), "Nowhere"),
    "a type that does not exist": (_set("Wait/Type", "Sleep"), "Sleep"),
    "a field that does not exist": (_set("Find/TimeoutSecond", 5), "TimeoutSecond"),
    "a default that does not exist": (_set("Ready/Default", "Nowhere"), "Nowhere"),
    "States.ALL before other errors": (
        _set("Find/Retry", [*RETRY, {**RETRY[0], "ErrorEquals": ["States.Timeout"]}]),
        "after States.ALL",
    ),
    "a comparison that does not exist": (
        _set("Ready/Choices/0", {"Variable": "$.found", "StringLooks": "x", "Next": "Done"}),
        "Choices",
    ),
    "a state nobody reaches": (_set("Ready/Choices/1/Next", "Reduce"), "Wait"),
    "a task without a timeout": (_drop("Find/TimeoutSeconds"), "TimeoutSeconds"),
    "a task without a retry": (_drop("Find/Retry"), "Retry"),
    "a retry without jitter": (
        _set("Find/Retry", [{"ErrorEquals": ["States.ALL"], "MaxAttempts": 2}]),
        "JitterStrategy",
    ),
    "a retry with a jitter of another name": (
        _set("Find/Retry", [{**RETRY[0], "JitterStrategy": "HALF"}]),
        "JitterStrategy",
    ),
    "a retry for one error only": (
        _set("Find/Retry", [{**RETRY[0], "ErrorEquals": ["Lambda.Unknown"]}]),
        "Retry for States.ALL",
    ),
    "a task nobody catches": (_drop("Find/Catch"), "nobody catches"),
    "a catch that ends well": (
        _set("Say/Catch", [{**CATCH[0], "Next": "Done"}]),
        "leads to no Fail",
    ),
    "an item that fails and is forgotten": (_leave(None), "leads to no Fail"),
    "an item that is left to nobody": (_leave("Somebody will see to it"), "left to no step"),
    "an item that is left to a step before it": (_leave("Find fails the run"), "left to no step"),
    "an item that is left to a step that cannot fail": (_leave("Count sees"), "left to no step"),
    "a map nobody catches": (_drop("Reduce/Catch"), "nobody catches"),
    "a map as wide as it likes": (_drop("Reduce/MaxConcurrency"), "MaxConcurrency"),
    "a distributed map without a label": (_drop("Reduce/Label"), "Label"),
    "a map that lets items fail": (
        _set("Reduce/ToleratedFailurePercentage", 5),
        "may be missing",
    ),
    "an item without a timeout": (_drop(f"{ITEM}/TimeoutSeconds"), "TimeoutSeconds"),
    "a choice without default": (_drop("Ready/Default"), "Default"),
    "a failure without a cause": (_drop("Failed/CausePath"), "Cause"),
    "a misspelt placeholder": (_set("Find/Resource", "${Fnd}"), "nobody fills ${Fnd}"),
    "a placeholder nobody uses": (_set(f"{ITEM}/Resource", "${Find}"), "${Reduce} is not used"),
    "an integration that does not exist": (
        _set("Say/Resource", "arn:aws:states:::events:sendEvents"),
        "is no integration",
    ),
    "an operation that does not exist": (
        _set("Say/Resource", "arn:aws:states:::aws-sdk:eventbridge:putEvent"),
        "is no integration",
    ),
    "an argument left out": (_set("Say/Parameters", {}), "needs Entries"),
    "an argument nobody knows": (
        _set("Reduce/ItemReader/Parameters", {"Bucket": "b", "Key": "k", "Kye": "x"}),
        "knows no Kye",
    ),
    "a path that is none": (_set("Wait/SecondsPath", "$.found["), "$.found["),
    "a path without its dollar": (_set("Find/Parameters", {"key.$": "key"}), "Find"),
    "an intrinsic function left open": (
        _set("Again/Parameters", {"key.$": "States.Format('{}', ($.key)"}),
        "not closed",
    ),
    "a name nobody wrote": (_set("Wait/SecondsPath", "$.fuond.seconds"), "$.fuond"),
    "a name written on another way only": (
        _set("Find/Parameters/why.$", "$.error.Cause"),
        "$.error",
    ),
    "a name lost on the way back": (_set("Again/Parameters", {"again": True}), "$.key"),
    "a result that replaces what is read later": (
        _set("Find/Parameters/a.$", "$.attempt"),
        "$.attempt",
    ),
    "JSONata with a syntax error": (_set("Count/Output", "{% $states.input.( %}"), "Count"),
    "JSONata beside other text": (_set("Count/Output", "n = {% 1 %}"), "fill the whole string"),
    "a member of $states that does not exist": (
        _set("Count/Output", "{% $states.inputs %}"),
        "$states.inputs",
    ),
    "a variable never assigned": (_set("Count/Output", "{% $totla %}"), "$totla"),
    "a path in a state that speaks JSONata": (_set("Count/InputPath", "$.found"), "InputPath"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_every_seeded_fault_is_found(fault: str) -> None:
    change, said = FAULTS[fault]
    broken = copy.deepcopy(SOUND)
    change(broken)

    problems = _lint(broken)

    assert any(said in problem for problem in problems), problems


def test_an_item_may_leave_its_failure_to_a_step_after_the_map() -> None:
    machine = copy.deepcopy(SOUND)
    _leave("It keeps no other from theirs; Say fails the run")(machine)

    assert _lint(machine) == []


def test_a_member_written_twice_is_found() -> None:
    text = json.dumps(SOUND).replace('"StartAt": "Find"', '"StartAt": "Find", "StartAt": "Find"')

    problems = lint(text, substitutions=FILLED, inputs={"key"})

    assert problems == ["$: twice in one object: ['StartAt']"]


def test_what_is_no_json_is_said_and_not_raised() -> None:
    assert lint("{", substitutions=FILLED, inputs={"key"})[0].startswith("$: ")
