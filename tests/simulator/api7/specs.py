"""Judges exchanges by the OpenAPI sketch of both services, api7.yaml in the folder that PORTALCTL_SPECS names.

Its paths start with /dashboard or /backend, which are no part of the real ones.
"""

from __future__ import annotations

import functools
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft4Validator, FormatChecker
from referencing import Registry
from referencing.jsonschema import DRAFT4

from portalctl.simulator.message import Exchange
from tests.vendor import FOLDER

_ROOT = "urn:api7"


@dataclass(frozen=True, slots=True)
class Operation:
    name: str
    node: Mapping[str, Any]
    parameters: Mapping[str, Mapping[str, Any]]
    path: Mapping[str, str]


@functools.cache
def sketch() -> dict[str, Any]:
    """The document. Skips the test where PORTALCTL_SPECS is not set."""
    folder = os.environ.get(FOLDER)
    if not folder:
        pytest.skip(f"{FOLDER} does not name the folder with the vendors' documents")
    raw = yaml.load((Path(folder) / "api7.yaml").read_text(encoding="utf-8"), Loader=yaml.CSafeLoader)
    document: dict[str, Any] = _translated(raw)
    return document


def operations(service: str) -> set[str]:
    """Every operationId of a service; drafts are left out."""
    return {
        node["operationId"]
        for template, item in sketch()["paths"].items()
        for method, node in item.items()
        if template.startswith(f"/{service}/") and method in ("get", "post", "put", "patch", "delete")
        if "dashboard-draft" not in node["tags"]
    }


def find(exchange: Exchange) -> Operation | None:
    segments = [exchange.service, *exchange.path.split("/")[1:]]
    fitting = [
        (sum(part.startswith("{") for part in parts), template)
        for template in sketch()["paths"]
        if len(parts := template.split("/")[1:]) == len(segments)
        and all(part.startswith("{") or part == segment for part, segment in zip(parts, segments, strict=True))
    ]
    for _, template in sorted(fitting):  # a literal segment wins over a parameter
        item = sketch()["paths"][template]
        if exchange.method.lower() in item:
            node = item[exchange.method.lower()]
            declared = [resolve(entry) for entry in [*item.get("parameters", []), *node.get("parameters", [])]]
            pairs = zip(template.split("/")[1:], segments, strict=True)
            values = {part[1:-1]: value for part, value in pairs if part.startswith("{")}
            return Operation(node["operationId"], node, {entry["name"]: entry for entry in declared}, values)
    return None


def resolve(node: Any) -> Any:
    while isinstance(node, dict) and "$ref" in node:
        node = functools.reduce(lambda at, key: at[key], node["$ref"].removeprefix("#/").split("/"), sketch())
    return node


def check_request(exchange: Exchange) -> None:
    """Raises AssertionError where the sketch does not allow the request."""
    operation = find(exchange)
    assert operation is not None, f"no operation: {exchange.service} {exchange.method} {exchange.path}"
    assert not (wrong := list(_request_errors(operation, exchange))), _message(operation, exchange, wrong)


def check_answer(exchange: Exchange) -> None:
    """Raises AssertionError where the answer is not as the sketch says. Answers that a fault made are not judged."""
    if exchange.fault:
        return
    operation = find(exchange)
    assert operation is not None, f"no operation: {exchange.service} {exchange.method} {exchange.path}"
    assert not (wrong := list(_answer_errors(operation, exchange))), _message(operation, exchange, wrong)


def _request_errors(operation: Operation, exchange: Exchange) -> Iterator[str]:
    given = dict(exchange.params)
    for name, value in exchange.params:
        parameter = operation.parameters.get(name)
        if parameter is None or parameter["in"] != "query":
            yield f"unknown query parameter {name!r}"
        else:
            yield from _errors(parameter["schema"], _parsed(parameter["schema"], value))
    for name, parameter in operation.parameters.items():
        if parameter["in"] == "query" and parameter.get("required") and name not in given:
            yield f"{name} is missing"
        if parameter["in"] == "path":
            yield from _errors(parameter["schema"], operation.path[name])
    declared = resolve(operation.node.get("requestBody"))
    if declared is None and exchange.raw_body:
        yield "this operation takes no body"
    elif declared is not None and (exchange.raw_body or declared.get("required")):
        yield from _errors(declared["content"]["application/json"]["schema"], exchange.body)
    if not exchange.authorized and operation.node.get("security") != []:
        yield "no credential"


def _parsed(schema: Mapping[str, Any], text: str) -> Any:
    kind = resolve(schema).get("type")
    if kind == "array":
        return [text]
    return int(text) if kind == "integer" and text.isdecimal() else text


def _answer_errors(operation: Operation, exchange: Exchange) -> Iterator[str]:
    responses = operation.node["responses"]
    declared = resolve(responses.get(str(exchange.status)) or responses.get("default"))
    if declared is None or (exchange.status < 400 and str(exchange.status) not in responses):
        yield f"undeclared answer {exchange.status}"
        return
    if "content" in declared:
        yield from _errors(declared["content"]["application/json"]["schema"], exchange.answer)
    elif exchange.service == "backend" and exchange.answer is not None:
        yield "a body where none is declared"


def _errors(schema: Any, value: Any) -> Iterator[str]:
    validator = Draft4Validator(_absolute(schema), registry=_registry(), format_checker=FormatChecker())
    for error in validator.iter_errors(value):
        yield f"{'/'.join(str(part) for part in error.absolute_path)}: {error.message[:300]}"


@functools.cache
def _registry() -> Registry[Any]:
    registry: Registry[Any] = Registry().with_resource(_ROOT, DRAFT4.create_resource(sketch()))
    return registry


def _absolute(node: Any) -> Any:
    """A part of the document whose references lead into it from outside."""
    if isinstance(node, list):
        return [_absolute(item) for item in node]
    if not isinstance(node, dict):
        return node
    return {key: f"{_ROOT}{item}" if key == "$ref" else _absolute(item) for key, item in node.items()}


def _translated(node: Any) -> Any:
    """OpenAPI 3.0 as JSON Schema draft 4, which has no `nullable`."""
    if isinstance(node, list):
        return [_translated(item) for item in node]
    if not isinstance(node, dict):
        return node
    result = {key: _translated(item) for key, item in node.items()}
    return {"anyOf": [{"enum": [None]}, result]} if node.get("nullable") is True else result


def _message(operation: Operation, exchange: Exchange, wrong: list[str]) -> str:
    lines = "\n  ".join(wrong)
    return f"{operation.name}: {exchange.method} {exchange.path}?{exchange.query} → {exchange.status}\n  {lines}"
