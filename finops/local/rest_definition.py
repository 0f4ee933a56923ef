"""What the local AWS does not read of a REST API's definition: preflights and refusals."""

import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from finops.local.assembly import Stack

REST_API = "AWS::ApiGateway::RestApi"
INTEGRATION = "x-amazon-apigateway-integration"
REFUSALS = "x-amazon-apigateway-gateway-responses"


def put_what_is_not_read(client: Callable[[str], Any], stack: Stack) -> None:
    """Gives each API of *stack*, which is deployed, the mocks and refusals of its definition.

    It reads paths, who gets in and which function answers; for the rest there are calls, and a
    deployment that takes them in. The template stays the one that AWS is given.
    """
    cloudformation, apigateway = client("cloudformation"), client("apigateway")
    for id_, definition in _definitions(stack):
        api = cloudformation.describe_stack_resource(StackName=stack.name, LogicalResourceId=id_)[
            "StackResourceDetail"
        ]["PhysicalResourceId"]
        _put_refusals(apigateway, api, definition.get(REFUSALS, {}))
        _put_mocks(apigateway, api, definition["paths"])
        for stage in apigateway.get_stages(restApiId=api)["item"]:
            apigateway.create_deployment(restApiId=api, stageName=stage["stageName"])


def _definitions(stack: Stack) -> Iterator[tuple[str, dict[str, Any]]]:
    for id_, resource in json.loads(stack.template.read_text())["Resources"].items():
        if resource["Type"] == REST_API and "Body" in resource["Properties"]:
            yield id_, resource["Properties"]["Body"]


def _put_refusals(apigateway: Any, api: str, refusals: Mapping[str, Any]) -> None:
    for type_, refusal in refusals.items():
        apigateway.put_gateway_response(restApiId=api, responseType=type_, **refusal)


def _put_mocks(apigateway: Any, api: str, paths: Mapping[str, Any]) -> None:
    resources = {
        resource["path"]: resource["id"]
        for page in apigateway.get_paginator("get_resources").paginate(restApiId=api)
        for resource in page["items"]
    }
    for path, operations in paths.items():
        for method, operation in operations.items():
            integration = operation[INTEGRATION]
            if integration["type"] == "mock":
                where = {
                    "restApiId": api,
                    "resourceId": resources[path],
                    "httpMethod": method.upper(),
                }
                answer = integration["responses"]["default"]
                apigateway.put_integration_response(**where, **answer)
