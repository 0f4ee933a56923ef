"""The local AWS answers for a REST API's definition as AWS would, and anew when it changes."""

import json
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.request import ProxyHandler, Request, build_opener

import pytest

from finops.local.deployment import deploy
from finops.local.local_aws import LocalAws
from tests.local.test_deployment import assembly

pytestmark = pytest.mark.local_aws

PROBLEM = {"type": "about:blank", "title": "There is no such path", "status": 404}


def definition(*paths: str) -> dict[str, Any]:
    preflight = {
        "responses": {"204": {"description": "Pages may call"}},
        "x-amazon-apigateway-integration": {
            "type": "mock",
            "requestTemplates": {"application/json": "{ statusCode: 200 }"},
            "responses": {
                "default": {
                    "statusCode": "204",
                    "responseParameters": {
                        "method.response.header.Access-Control-Allow-Origin": "'https://a.example'"
                    },
                }
            },
        },
    }
    refusal = {
        "statusCode": "404",
        "responseParameters": {"gatewayresponse.header.Content-Type": "'application/problem+json'"},
        "responseTemplates": {"application/json": json.dumps(PROBLEM)},
    }
    return {
        "openapi": "3.0.1",
        "info": {"title": "books", "version": "v1"},
        "paths": {path: {"options": preflight} for path in paths},
        "x-amazon-apigateway-gateway-responses": {"MISSING_AUTHENTICATION_TOKEN": refusal},
    }


def rest_api(deployment: str, body: dict[str, Any]) -> dict[str, Any]:
    api = {"Ref": "Api"}
    return {
        "Resources": {
            "Api": {
                "Type": "AWS::ApiGateway::RestApi",
                "Properties": {"Name": "books", "Body": body, "Mode": "overwrite"},
            },
            deployment: {"Type": "AWS::ApiGateway::Deployment", "Properties": {"RestApiId": api}},
            "Stage": {
                "Type": "AWS::ApiGateway::Stage",
                "Properties": {
                    "RestApiId": api,
                    "DeploymentId": {"Ref": deployment},
                    "StageName": "v1",
                },
            },
        },
        "Outputs": {"Id": {"Value": api}},
    }


def asked(aws: LocalAws, stack: str, method: str, path: str) -> tuple[int, str, bytes]:
    """Status, content type or allowed origin, and body of what the stack's API answers."""
    (told,) = aws.client("cloudformation").describe_stacks(StackName=stack)["Stacks"]
    api = told["Outputs"][0]["OutputValue"]
    address = f"{aws.endpoint}/_aws/execute-api/{api}/v1{path}"
    try:
        request = Request(address, method=method)  # noqa: S310 - an address of this machine
        with build_opener(ProxyHandler({})).open(request) as answer:
            return answer.status, answer.headers["Access-Control-Allow-Origin"], answer.read()
    except HTTPError as error:
        return error.code, error.headers["Content-Type"], error.read()


def test_a_preflight_is_answered(running_aws: LocalAws, tmp_path: Path) -> None:
    deploy(assembly(tmp_path, Pages=rest_api("One", definition("/books"))), running_aws)

    status, origin, _ = asked(running_aws, "Pages", "OPTIONS", "/books")

    assert (status, origin) == (204, "https://a.example")


def test_a_refusal_is_the_definitions(running_aws: LocalAws, tmp_path: Path) -> None:
    deploy(assembly(tmp_path, Refusing=rest_api("One", definition("/books"))), running_aws)

    status, kind, body = asked(running_aws, "Refusing", "GET", "/nowhere")

    assert (status, kind, json.loads(body)) == (404, "application/problem+json", PROBLEM)


def test_another_definition_is_the_one_that_answers(running_aws: LocalAws, tmp_path: Path) -> None:
    deploy(assembly(tmp_path, Growing=rest_api("One", definition("/books"))), running_aws)
    deploy(assembly(tmp_path, Growing=rest_api("Two", definition("/papers"))), running_aws)

    assert asked(running_aws, "Growing", "OPTIONS", "/papers")[0] == 204
    assert asked(running_aws, "Growing", "OPTIONS", "/books")[0] == 404
    assert json.loads(asked(running_aws, "Growing", "GET", "/books")[2]) == PROBLEM
