"""The OpenAPI definition of the REST API, as API Gateway takes it in: a route costs no resource."""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from aws_cdk.aws_apigateway import ResponseType

# What the definition calls its authorizer and its validator.
PEOPLE, VALIDATOR = "People", "BodyAndParameters"
CORS_METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
CORS_HEADERS = (
    *("Authorization", "Content-Type", "Accept"),
    *("Idempotency-Key", "If-Match", "If-None-Match"),
)
CORS_EXPOSED = ("ETag", "Location", "X-Next-Cursor", "Idempotency-Replayed")

# API Gateway's own refusals, as problems: its words for an unknown path, for one, tell nobody.
REFUSALS = (
    (ResponseType.UNAUTHORIZED, 401, "Sign in: no valid token came with the request"),
    (ResponseType.EXPIRED_TOKEN, 401, "Sign in again: the token is too old"),
    (ResponseType.ACCESS_DENIED, 403, "This is not for you"),
    (ResponseType.MISSING_AUTHENTICATION_TOKEN, 404, "There is no such path"),
    # The status by which a door answers a body that it cannot use.
    (ResponseType.BAD_REQUEST_BODY, 422, "The body is not as docs/openapi.json has it"),
    (ResponseType.REQUEST_TOO_LARGE, 413, "The request is too large"),
    (ResponseType.THROTTLED, 429, "Too many requests: wait a little"),
    (ResponseType.WAF_FILTERED, 403, "The firewall refused the request"),
    (ResponseType.INTEGRATION_TIMEOUT, 504, "It took too long: ask for less"),
    (ResponseType.DEFAULT_5_XX, 500, "Something went wrong on our side"),
)


@dataclass(frozen=True)
class Model:
    """What a body is like: a JSON schema, and its name (letters and digits)."""

    name: str
    schema: Mapping[str, Any]


@dataclass
class Definition:
    """The routes as they come in, and what holds for all of them.

    The keys `x-amazon-apigateway-…` are API Gateway's extensions to OpenAPI, see
    https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-swagger-extensions.html
    """

    title: str
    description: str
    version: str
    pool_arn: str
    origins: Sequence[str]
    _paths: dict[str, dict[str, Any]] = field(default_factory=dict)
    _models: dict[str, Mapping[str, Any]] = field(default_factory=dict)

    def route(self, method: str, path: str, uri: str, *, body: Model | None = None) -> None:
        """*method* of *path* is answered where *uri* leads, for whom the pool has given a token.

        Raises ValueError for a path that begins with a slash, a route that is there already, a part
        of a path that goes by two names, and a model whose name another one has: API Gateway takes
        none of them.
        """
        route = f"/{path}"
        self._check(method, route)
        operation: dict[str, Any] = {
            "parameters": [
                {"name": name, "in": "path", "required": True, "schema": {"type": "string"}}
                for name in re.findall(r"{(\w+)}", path)
            ],
            "responses": {},
            "security": [{PEOPLE: []}],
            "x-amazon-apigateway-request-validator": VALIDATOR,
            "x-amazon-apigateway-integration": {
                "type": "aws_proxy",
                "httpMethod": "POST",  # how Lambda is called, whatever the method of the route
                "uri": uri,
            },
        }
        if body:
            if self._models.setdefault(body.name, body.schema) != body.schema:
                raise ValueError(
                    f"{body.name} is another model already: give this one its own name"
                )
            reference = {"$ref": f"#/components/schemas/{body.name}"}
            content = {"application/json": {"schema": reference}}
            operation["requestBody"] = {"required": True, "content": content}
        preflight = {"options": _preflight(self.origins)} if self.origins else {}
        self._paths.setdefault(route, preflight)[method.lower()] = operation

    def document(self) -> dict[str, Any]:
        """All of it."""
        return {
            "openapi": "3.0.1",
            "info": {
                "title": self.title,
                "description": self.description,
                "version": self.version,
            },
            "paths": self._paths,
            "components": {
                "schemas": self._models,
                "securitySchemes": {
                    PEOPLE: {
                        "type": "apiKey",
                        "name": "Authorization",
                        "in": "header",
                        "x-amazon-apigateway-authtype": "cognito_user_pools",
                        "x-amazon-apigateway-authorizer": {
                            "type": "cognito_user_pools",
                            "providerARNs": [self.pool_arn],
                        },
                    }
                },
            },
            "x-amazon-apigateway-request-validators": {
                VALIDATOR: {"validateRequestBody": True, "validateRequestParameters": True}
            },
            "x-amazon-apigateway-gateway-responses": _refusals(self.origins),
        }

    def _check(self, method: str, route: str) -> None:
        if route.startswith("//"):
            raise ValueError(f"{route[1:]} begins with a slash: leave it out")
        if method.lower() in self._paths.get(route, {}):
            raise ValueError(f"{method} {route} is routed twice: take one of them away")
        names = {before: name for path in self._paths for before, name in _variables(path)}
        for before, name in _variables(route):
            if names.get(before, name) != name:
                raise ValueError(
                    f"{route}: after {before} comes {{{name}}}, and elsewhere {{{names[before]}}}:"
                    " give them one name"
                )


def _variables(route: str) -> list[tuple[str, str]]:
    """The variables of *route*, each after the path before it.

    >>> _variables("/closes/{month}/files/{name}/links")
    [('/closes/', 'month'), ('/closes/{month}/files/', 'name')]
    """
    return [(route[: found.start()], found[1]) for found in re.finditer(r"{(\w+)}", route)]


def _preflight(origins: Sequence[str]) -> dict[str, Any]:
    """What a browser is answered that asks whether a page of another origin may call."""
    told = {
        "Access-Control-Allow-Headers": ",".join(CORS_HEADERS),
        "Access-Control-Allow-Origin": origins[0],
        "Vary": "Origin",
        "Access-Control-Allow-Methods": ",".join(CORS_METHODS),
        "Access-Control-Expose-Headers": ",".join(CORS_EXPOSED),
    }
    answer: dict[str, Any] = {
        "statusCode": "204",
        "responseParameters": {
            f"method.response.header.{name}": f"'{value}'" for name, value in told.items()
        },
    }
    if len(origins) > 1:
        answer["responseTemplates"] = {"application/json": _whichever(origins[1:])}
    headers = {name: {"schema": {"type": "string"}} for name in told}
    return {
        "responses": {"204": {"description": "Pages may call", "headers": headers}},
        "x-amazon-apigateway-integration": {
            "type": "mock",
            "requestTemplates": {"application/json": "{ statusCode: 200 }"},
            "responses": {"default": answer},
        },
    }


def _whichever(origins: Sequence[str]) -> str:
    """A template that names the origin which asks, where it is one of *origins*: a header holds one."""
    is_known = " || ".join(f'$origin == "{origin}"' for origin in origins)
    header = "$context.responseOverride.header.Access-Control-Allow-Origin"
    return "\n".join(
        [
            '#set($origin = $input.params().header.get("Origin"))',
            '#if($origin == "")',
            '  #set($origin = $input.params().header.get("origin"))',
            "#end",
            f"#if({is_known})",
            f"  #set({header} = $origin)",
            "#end",
        ]
    )


def _refusals(origins: Sequence[str]) -> dict[str, Any]:
    headers = {"Content-Type": "'application/problem+json'"}
    if len(origins) == 1:
        headers["Access-Control-Allow-Origin"] = f"'{origins[0]}'"
    told = {f"gatewayresponse.header.{name}": value for name, value in headers.items()}
    return {
        type_.response_type: {
            "statusCode": str(status),
            "responseParameters": told,
            "responseTemplates": {
                "application/json": json.dumps(
                    {"type": "about:blank", "title": title, "status": status}
                )
            },
        }
        for type_, status, title in REFUSALS
    }
