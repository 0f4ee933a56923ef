"""A lint for state machines: statelint for the structure, our own rules for what it cannot see.

It knows JSONPath machines with states that speak JSONata. Problems come back as sentences that
begin with the path of what is wrong.
"""

import copy
import json
import re
from collections.abc import Collection, Iterator
from functools import cache
from typing import Any

import botocore.session
from botocore.model import OperationModel
from jsonata import Jsonata
from jsonpath_ng.ext.parser import ExtendedJsonPathParser
from statelint.linter import Linter

State = dict[str, Any]

PLACEHOLDER = re.compile(r"\$\{(\w+)\}")
CATCHES_ALL = {"States.ALL", "States.TaskFailed"}
# The arguments of Step Functions' own integrations, by the operation of AWS they stand for.
INTEGRATIONS = {
    "dynamodb:getItem": ("dynamodb", "GetItem"),
    "dynamodb:putItem": ("dynamodb", "PutItem"),
    "dynamodb:updateItem": ("dynamodb", "UpdateItem"),
    "events:putEvents": ("events", "PutEvents"),
    "lambda:invoke": ("lambda", "Invoke"),
    "s3:getObject": ("s3", "GetObject"),
    "s3:listObjectsV2": ("s3", "ListObjectsV2"),
    "sns:publish": ("sns", "Publish"),
    "sqs:sendMessage": ("sqs", "SendMessage"),
    "states:startExecution": ("stepfunctions", "StartExecution"),
}
RESOURCE = re.compile(r"arn:aws:states:::(aws-sdk:)?(\w+:\w+)(\.sync(:2)?|\.waitForTaskToken)?")
PATH_FIELDS = re.compile(
    r"(Variable|(Input|Output|Result|Items|Seconds|Timestamp|Cause|Error|\w+)Path)"
)
CONTEXT = re.compile(r"\$\$(\.(Execution|State|StateMachine|Task|Map)\b.*)?")
INTRINSIC = re.compile(r"States\.[A-Za-z0-9]+\(.*\)")
ROOT = re.compile(r"\$\.(\w+)")
STRING = re.compile(r"'[^']*'|\"[^\"]*\"")
STATES_MEMBERS = {"input", "result", "errorOutput", "context"}


def lint(text: str, *, substitutions: Collection[str], inputs: Collection[str]) -> list[str]:
    """What is wrong with the machine *text*, which is started with *inputs*.

    *substitutions* are the placeholders that will be filled.
    """
    try:
        machine = json.loads(text, object_pairs_hook=_without_twins)
    except ValueError as error:
        return [f"$: {error}"]
    used = set(PLACEHOLDER.findall(text))
    return [
        *(f"$: nobody fills ${{{name}}}" for name in sorted(used - set(substitutions))),
        *(f"$: ${{{name}}} is not used" for name in sorted(set(substitutions) - used)),
        *_structure(machine),
        *_of_scope(machine, "$.States", machine.get("QueryLanguage", "JSONPath")),
        *_reads(machine, frozenset(inputs)),
    ]


def _without_twins(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """A JSON object; json would silently keep the last of two members of one name."""
    names = [name for name, _ in pairs]
    twins = {name for name in names if names.count(name) > 1}
    if twins:
        raise ValueError(f"twice in one object: {sorted(twins)}")
    return dict(pairs)


def _structure(machine: State) -> list[str]:
    """What statelint finds, without what it does not know yet."""
    known = copy.deepcopy(machine)
    for _, node in _walk(known):
        if isinstance(node, dict):
            if isinstance(node.get("BackoffRate"), int):
                node["BackoffRate"] = float(node["BackoffRate"])
            if PLACEHOLDER.fullmatch(str(node.get("Resource"))):
                node["Resource"] = "arn:aws:lambda:us-east-1:111122223333:function:placeholder"
            if node.get("Type") == "Map":
                node.pop("Label", None)
                node.get("ItemReader", {}).get("ReaderConfig", {}).pop("InputType", None)
    return list(Linter.validate(known))


def _of_scope(
    scope: State,
    where: str,
    language: str,
    *,
    caught: bool = False,
    later: Collection[str] | None = None,
) -> Iterator[str]:
    """The house rules in the states of *scope*; *caught*: a map around them catches what fails.

    *later* are the steps after that map which may fail the run; None where there is no map around.
    """
    states = scope.get("States", {})
    for name, state in states.items():
        path = f"{where}.{name}"
        spoken = state.get("QueryLanguage", language)
        match state.get("Type"):
            case "Task":
                yield from _task(path, state, states, caught=caught, later=later)
            case "Map":
                yield from _map(path, state, states, later=later)
                yield from _of_scope(
                    state.get("ItemProcessor", {}),
                    f"{path}.ItemProcessor",
                    spoken,
                    caught=_catches_all(state),
                    later=_may_fail(states, state.get("Next", "")),
                )
            case "Choice" if "Default" not in state:
                yield f"{path}: a Choice without Default fails on what nobody thought of"
            case "Fail" if not {"Cause", "CausePath"} & set(state):
                yield f"{path}: a Fail says its Cause"
        own = {key: value for key, value in state.items() if key != "ItemProcessor"}
        if spoken == "JSONata":
            yield from _jsonata(path, own, _assigned(scope))
        else:
            yield from _jsonpath(path, own)
    labels = [state["Label"] for state in states.values() if "Label" in state]
    if len(set(labels)) < len(labels):
        yield f"{where}: two maps have one Label"


def _task(
    path: str,
    state: State,
    states: dict[str, State],
    *,
    caught: bool,
    later: Collection[str] | None,
) -> Iterator[str]:
    if not {"TimeoutSeconds", "TimeoutSecondsPath"} & set(state):
        yield f"{path}: a Task has TimeoutSeconds"
    yield from _retry(path, state)
    if not (caught or _catches_all(state)):
        yield f"{path}: nobody catches States.ALL"
    yield from _catch(path, state, states, later)
    yield from _resource(path, state)


def _map(
    path: str, state: State, states: dict[str, State], *, later: Collection[str] | None
) -> Iterator[str]:
    if not {"MaxConcurrency", "MaxConcurrencyPath"} & set(state):
        yield f"{path}: a Map has MaxConcurrency"
    if not _catches_all(state):
        yield f"{path}: nobody catches States.ALL"
    yield from _catch(path, state, states, later)
    mode = state.get("ItemProcessor", {}).get("ProcessorConfig", {}).get("Mode")
    if mode == "DISTRIBUTED":
        if "Label" not in state:
            yield f"{path}: a distributed Map has a Label, for the right to redrive its items"
        if state.get("ToleratedFailurePercentage", 0) or state.get("ToleratedFailureCount", 0):
            yield f"{path}: an item that may fail is a part of the bill that may be missing"
    if "ItemReader" in state:
        yield from _resource(f"{path}.ItemReader", state["ItemReader"])


def _retry(path: str, state: State) -> Iterator[str]:
    retriers = state.get("Retry", [])
    if not any(CATCHES_ALL & set(retrier.get("ErrorEquals", [])) for retrier in retriers):
        yield f"{path}: a Task has Retry for States.ALL or States.TaskFailed"
    for retrier in retriers:
        if retrier.get("JitterStrategy") != "FULL":
            yield f"{path}: a Retry has JitterStrategy FULL"
    for rules in (retriers, state.get("Catch", [])):
        for rule in rules[:-1]:
            if "States.ALL" in rule.get("ErrorEquals", []):
                yield f"{path}: after States.ALL no other rule is ever asked"


def _catches_all(state: State) -> bool:
    return any("States.ALL" in catcher.get("ErrorEquals", []) for catcher in state.get("Catch", []))


def _catch(
    path: str, state: State, states: dict[str, State], later: Collection[str] | None
) -> Iterator[str]:
    """What is caught fails the run: at once, or of an item, by a step after its map.

    An item may end well all the same where its end names that step, for who reads it.
    """
    for catcher in state.get("Catch", []):
        reached = [states[name] for name in _reachable(states, catcher.get("Next"))]
        if any(one.get("Type") == "Fail" for one in reached):
            continue
        ends = [one for one in reached if one.get("Type") == "Succeed" or one.get("End")]
        told = [one["Comment"] for one in ends if "Comment" in one]
        if later is None or not told:
            yield f"{path}: what is caught leads to no Fail"
        elif not any(set(re.findall(r"\w+", comment)) & set(later) for comment in told):
            yield f"{path}: what is caught is left to no step after the map that may fail"


def _may_fail(states: dict[str, State], start: str) -> set[str]:
    """The tasks and choices from *start* on that lead to a Fail, by themselves or by what follows."""
    fails = {name for name, state in states.items() if state.get("Type") == "Fail"}
    return {
        name
        for name in _reachable(states, start)
        if states[name].get("Type") in ("Task", "Choice") and _reachable(states, name) & fails
    }


def _reachable(states: dict[str, State], start: str) -> set[str]:
    seen: set[str] = set()
    ahead = [start]
    while ahead:
        name = ahead.pop()
        if name in states and name not in seen:
            seen.add(name)
            ahead += [target for target, _ in _ways_on(states[name])]
    return seen


def _ways_on(state: State) -> Iterator[tuple[str, State | None]]:
    """The states that may follow, each with the catcher that leads there or None."""
    for key in ("Next", "Default"):
        if key in state:
            yield state[key], None
    for choice in state.get("Choices", []):
        if "Next" in choice:
            yield choice["Next"], None
    for catcher in state.get("Catch", []):
        if "Next" in catcher:
            yield catcher["Next"], catcher


def _resource(path: str, state: State) -> Iterator[str]:
    resource = str(state.get("Resource"))
    if PLACEHOLDER.fullmatch(resource):
        return
    match = RESOURCE.fullmatch(resource)
    operation = None
    if match and match[1]:
        service, _, action = match[2].partition(":")
        operation = _operation(service, action[:1].upper() + action[1:])
    elif match and match[2] in INTEGRATIONS:
        operation = _operation(*INTEGRATIONS[match[2]])
    shape = operation.input_shape if operation else None
    if operation is None or shape is None:
        yield f"{path}: {resource} is no integration"
        return
    arguments: State = state.get("Arguments") or state.get("Parameters") or {}
    given = {_first_up(name.removesuffix(".$")) for name in arguments}
    needed = {_first_up(name) for name in shape.required_members}
    possible = {_first_up(name) for name in shape.members}
    yield from (f"{path}: {operation.name} needs {name}" for name in sorted(needed - given))
    yield from (f"{path}: {operation.name} knows no {name}" for name in sorted(given - possible))


def _first_up(name: str) -> str:
    return name[:1].upper() + name[1:]


@cache
def _operation(service: str, name: str) -> OperationModel | None:
    service = {"sfn": "stepfunctions"}.get(service, service)
    session = botocore.session.get_session()
    if service not in session.get_available_services():
        return None
    model = session.get_service_model(service)
    return model.operation_model(name) if name in model.operation_names else None


def _jsonpath(path: str, state: State) -> Iterator[str]:
    for where, key, value in _paths(state):
        if CONTEXT.fullmatch(value):
            continue
        if INTRINSIC.fullmatch(value) and key.endswith(".$"):
            if value.count("(") != value.count(")"):
                yield f"{path}{where}: {value} is not closed"
            continue
        try:
            ExtendedJsonPathParser().parse(value)
        except Exception:  # noqa: BLE001,RUF100 - its parser raises bare Exceptions
            yield f"{path}{where}: {value} is no JSONPath"


def _paths(node: Any, where: str = "") -> Iterator[tuple[str, str, str]]:
    """Every JSONPath in *node*: where, its key, and itself."""
    match node:
        case dict():
            for key, value in node.items():
                here = f"{where}.{key}"
                if isinstance(value, str) and (key.endswith(".$") or PATH_FIELDS.fullmatch(key)):
                    yield here, key, value
                else:
                    yield from _paths(value, here)
        case list():
            for number, value in enumerate(node):
                yield from _paths(value, f"{where}[{number}]")


def _reads(machine: State, inputs: frozenset[str]) -> Iterator[str]:
    """JSONPath reads of names that may not be there: on some way nobody has written them."""
    states: dict[str, State] = machine.get("States", {})
    # What is certainly there when a state begins; None where a result replaced everything.
    there: dict[str, frozenset[str] | None] = {machine.get("StartAt", ""): inputs}
    ahead = list(there)
    while ahead:
        name = ahead.pop()
        if name not in states:
            continue
        for target, catcher in _ways_on(states[name]):
            after = _after(there[name], catcher if catcher else states[name], bool(catcher))
            known = there.get(target, after)
            both = None if known is None or after is None else known & after
            if target not in there or both != known:
                there[target] = both
                ahead.append(target)
    for name, state in states.items():
        certain = there.get(name)
        if certain is None or state.get("QueryLanguage") == "JSONata":
            continue
        asked = {
            node["Variable"]
            for _, node in _walk(state)
            if isinstance(node, dict) and "IsPresent" in node
        }
        own = {key: value for key, value in state.items() if key not in {"ItemProcessor", "Catch"}}
        for where, key, value in _paths(own):
            if key == "ResultPath" or value in asked:
                continue
            for root in sorted(set(ROOT.findall(value)) - certain):
                if not value.startswith("$$"):
                    yield f"$.States.{name}{where}: nobody is certain to have written $.{root}"


def _after(before: frozenset[str] | None, writer: State, is_catcher: bool) -> frozenset[str] | None:
    """What is there after *writer*, a state or a catcher."""
    if before is None:
        return None
    result_path = writer.get("ResultPath", "$")
    if is_catcher:
        return before | set(ROOT.findall(result_path)) if result_path != "$" else None
    if writer.get("OutputPath", "$") != "$":
        return None
    match writer.get("Type"):
        case "Choice" | "Wait" | "Succeed":
            return before
        case "Pass" if result_path == "$" and "Parameters" in writer:
            return frozenset(name.removesuffix(".$") for name in writer["Parameters"])
        case "Pass" if result_path == "$" and "Result" not in writer:
            return before
        case _ if result_path == "$":
            return None
        case _:
            return before | set(ROOT.findall(result_path or ""))


def _jsonata(path: str, state: State, assigned: set[str]) -> Iterator[str]:
    for where, node in _walk(state):
        if not isinstance(node, str) or "{%" not in node:
            continue
        if not (node.startswith("{%") and node.endswith("%}")):
            yield f"{path}{where}: JSONata must fill the whole string"
            continue
        expression = node[2:-2]
        try:
            Jsonata(expression)
        except Exception as error:  # noqa: BLE001,RUF100 - its parser raises bare Exceptions
            yield f"{path}{where}: {error}"
            continue
        bare = STRING.sub("''", expression)
        for member in re.findall(r"\$states\.(\w+)", bare):
            if member not in STATES_MEMBERS:
                yield f"{path}{where}: $states.{member} does not exist"
        local = set(re.findall(r"\$(\w+)\s*:=", bare)) | {
            name
            for names in re.findall(r"function\s*\(([^)]*)\)", bare)
            for name in re.findall(r"\$(\w+)", names)
        }
        free = set(re.findall(r"\$(\w+)\b(?!\s*\()", bare)) - {"states"} - local - assigned
        yield from (f"{path}{where}: ${name} is never assigned" for name in sorted(free))


def _assigned(scope: State) -> set[str]:
    return {
        name.removesuffix(".$")
        for _, node in _walk(scope)
        if isinstance(node, dict) and isinstance(node.get("Assign"), dict)
        for name in node["Assign"]
    }


def _walk(node: Any, where: str = "") -> Iterator[tuple[str, Any]]:
    yield where, node
    match node:
        case dict():
            for key, value in node.items():
                yield from _walk(value, f"{where}.{key}")
        case list():
            for number, value in enumerate(node):
                yield from _walk(value, f"{where}[{number}]")
