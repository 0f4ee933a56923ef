"""The application synthesized for the tests, and how they look into its templates."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from aws_cdk import App, Validations
from cdk_nag import AwsSolutionsChecks

from infra.application import build

PAYERS = ["222233334444", "555566667777"]
Template = dict[str, Any]


@dataclass(frozen=True)
class Synthesized:
    """The templates by stack, and the report of the checks that ran on them."""

    folder: Path
    templates: Mapping[str, Template]
    report: Mapping[str, Any]

    def resources(self, type_: str, stack: str | None = None) -> dict[str, Template]:
        """The resources of *type_*, in one stack or all but the payer's, by `Stack/LogicalId`."""
        return {
            f"{name}/{id_}": resource
            for name, template in self.templates.items()
            if (name == stack if stack else name != "Management")
            for id_, resource in template["Resources"].items()
            if resource["Type"] == type_
        }

    def referred(self, value: Any) -> Any:
        """*value* with references to other stacks followed to where they lead."""
        match value:
            case {"Fn::GetStackOutput": {"StackName": stack, "OutputName": output}}:
                return self.templates[stack]["Outputs"][output]["Value"]
            case dict():
                return {key: self.referred(part) for key, part in value.items()}
            case list():
                return [self.referred(part) for part in value]
            case _:
                return value


def checked_application(folder: Path, context: Mapping[str, Any]) -> App:
    """The application as `cdk` would build it somewhere in Europe, with cdk-nag watching."""
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("CDK_DEFAULT_ACCOUNT", "111122223333")
        environment.setenv("CDK_DEFAULT_REGION", "eu-west-1")
        environment.delenv("CDK_CONTEXT_JSON", raising=False)
        # [] = no asset is bundled; a layer's name is a digest of its source all the same.
        app = build(outdir=str(folder), context={"aws:cdk:bundling-stacks": [], **context})
    Validations.of(app).add_plugins(AwsSolutionsChecks(app))
    return app


def synthesize(folder: Path, context: Mapping[str, Any]) -> Synthesized:
    """The templates of the application with *context*, and what the checks say of them."""
    app = checked_application(folder, context)
    try:
        app.synth()
    except RuntimeError as error:
        # Findings are written to the report all the same; the tests say which.
        if "ValidationFailed" not in str(error):
            raise
    suffix = ".template.json"
    return Synthesized(
        folder=folder,
        templates={
            path.name.removesuffix(suffix): json.loads(path.read_text())
            for path in sorted(folder.glob(f"*{suffix}"))
        },
        report=json.loads((folder / "validation-report.json").read_text()),
    )
