"""Judges exchanges with the simulator by the vendor's own OpenAPI document.

The folder of documents is named by the environment variable PORTALCTL_SPECS; without it these checks skip.
Checked with jsonschema, not openapi-core: that one lets unknown query parameters pass and cannot read
`filter[name][eq]` together with the bare `filter[name]`. The document is OpenAPI 3.0, whose schemas are those of
JSON Schema draft 4 but for `nullable`, `readOnly` and `writeOnly`, which are translated here.
"""

from __future__ import annotations

import functools
import os
import re
from collections import Counter
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

FOLDER = "PORTALCTL_SPECS"
V3, V2 = "/v3", "/v2"  # each version of the API has its own document
_ROOT = "urn:konnect"
_METHODS = ("get", "post", "put", "patch", "delete")
# The document's lists of errors are incomplete; an error it doesn't list for an operation has its usual shape.
_USUAL_ERRORS = {
    400: "BadRequestError",
    401: "UnauthorizedError",
    403: "ForbiddenError",
    404: "NotFoundError",
    409: "ConflictError",
}
_PROBLEM = "application/problem+json"
_FORMATS = FormatChecker()  # every format there is, uuid and date-time among them
_FILTER = re.compile(r"filter\[([^\]]*)\](?:\[([^\]]*)\])?")


@dataclass(frozen=True, slots=True)
class Operation:
    """One operation of the document. `place` is its JSON pointer, `parameters` its own and its path's, by name."""

    name: str
    place: str
    node: Mapping[str, Any]
    parameters: Mapping[str, Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class Document:
    """The vendor's document of the paths below `base`; its schemas as they apply to what is sent (`requests`) and to
    what comes back."""

    base: str
    raw: Mapping[str, Any]
    requests: Registry[Any]
    answers: Registry[Any]

    def resolve(self, node: Any) -> Any:
        while isinstance(node, dict) and "$ref" in node:
            node = functools.reduce(lambda at, key: at[key], node["$ref"].removeprefix("#/").split("/"), self.raw)
        return node

    def find(self, method: str, path: str) -> tuple[Operation, dict[str, str]] | None:
        """The operation of a decoded path, and the path's parameters."""
        segments = path.removeprefix(self.base).split("/")
        templates = [template for template in self.raw["paths"] if _fits(template.split("/"), segments)]
        item = self.raw["paths"][templates[0]] if templates else {}
        if method.lower() not in item:
            return None
        node = item[method.lower()]
        declared = [self.resolve(p) for p in [*item.get("parameters", []), *node.get("parameters", [])]]
        pairs = zip(templates[0].split("/"), segments, strict=True)
        values = {part[1:-1]: value for part, value in pairs if part.startswith("{")}
        place = f"/paths/{templates[0].replace('/', '~1')}/{method.lower()}"
        parameters = {parameter["name"]: parameter for parameter in declared}
        return Operation(node["operationId"], place, node, parameters), values

    def operations(self) -> set[str]:
        """Every operationId."""
        return {
            item[method]["operationId"]
            for item in self.raw["paths"].values()
            for method in _METHODS
            if method in item
        }


def _fits(template: list[str], segments: list[str]) -> bool:
    return len(template) == len(segments) and all(
        part.startswith("{") or part == segment for part, segment in zip(template, segments, strict=True)
    )


def document(path: str = V3) -> Document:
    """The document that a path is of, v3's where it is of none. Skips the test where PORTALCTL_SPECS is not set."""
    folder = os.environ.get(FOLDER)
    if not folder:
        pytest.skip(f"{FOLDER} does not name the folder with the vendor's documents")
    base = V2 if path.startswith(f"{V2}/") or path == V2 else V3
    return _load(Path(folder) / f"konnect-{base[1:]}.yaml", base)


@functools.cache
def _load(path: Path, base: str) -> Document:
    raw = yaml.load(path.read_text(encoding="utf-8"), Loader=yaml.CSafeLoader)
    return Document(base, raw, _registry(raw, requests=True), _registry(raw, requests=False))


def _registry(raw: Mapping[str, Any], *, requests: bool) -> Registry[Any]:
    resource = DRAFT4.create_resource(_translated(raw, raw, requests))
    registry: Registry[Any] = Registry().with_resource(_ROOT, resource)
    return registry


def _translated(node: Any, raw: Mapping[str, Any], requests: bool) -> Any:
    if isinstance(node, list):
        return [_translated(item, raw, requests) for item in node]
    if not isinstance(node, dict):
        return node
    result = {key: _translated(item, raw, requests) for key, item in node.items()}
    if requests and isinstance(node.get("properties"), dict):
        for name, schema in node["properties"].items():
            if _is_read_only(schema, raw):
                result["properties"][name] = {"not": {}}
    if node.get("nullable") is True:
        return {"anyOf": [{"enum": [None]}, result]}
    return result


def _is_read_only(schema: Mapping[str, Any], raw: Mapping[str, Any]) -> bool:
    target = schema.get("$ref", "").removeprefix("#/components/schemas/")
    return bool(schema.get("readOnly") or (target and raw["components"]["schemas"][target].get("readOnly")))


def _errors(registry: Registry[Any], pointer: str, value: Any) -> Iterator[str]:
    validator = Draft4Validator({"$ref": f"{_ROOT}#{pointer}"}, registry=registry, format_checker=_FORMATS)
    for error in validator.iter_errors(value):
        place = "/".join(str(part) for part in error.absolute_path) or "the body"
        yield f"{place}: {error.message[:300]}"


def _uuid_errors(values: Mapping[str, str]) -> Iterator[str]:
    for name, value in values.items():
        if not _FORMATS.conforms(value, "uuid"):
            yield f"{name} in the path is no UUID: {value!r}"


def check_request(exchange: Exchange) -> None:
    """Raises AssertionError where the document does not allow the request.

    The portal's own side, e-mails, the audit log and APIs are in other documents of the vendor, and forms
    in later ones.
    """
    others = ("/api/", "/v3/apis/", "/v3/audit-logs", "/v3/users/", "/v3/system-accounts/")
    elsewhere = exchange.path.startswith(others) or exchange.path == "/v3/apis"
    if elsewhere or "/email-" in exchange.path or "/forms" in exchange.path:
        return
    vendor = document(exchange.path)
    found = vendor.find(exchange.method, exchange.path)
    assert found is not None, f"no operation: {exchange.method} {exchange.path}"
    operation, values = found
    wrong = [*_uuid_errors(values), *_query_errors(vendor, operation, exchange)]
    wrong += _body_errors(vendor, operation, exchange)
    if not exchange.authorized:
        wrong.append("no bearer token")
    assert not wrong, _message(operation, exchange, wrong)


def _query_errors(vendor: Document, operation: Operation, exchange: Exchange) -> Iterator[str]:
    counts = Counter(match[1] if (match := _FILTER.fullmatch(name)) else name for name, _ in exchange.params)
    for name, count in counts.items():
        if count > 1:
            yield f"{name} is given {count} times; the document defines one value"
    for name, value in exchange.params:
        if match := _FILTER.fullmatch(name):
            yield from _filter_errors(vendor, operation, match, value)
        elif name not in operation.parameters or operation.parameters[name]["in"] != "query":
            yield f"unknown query parameter {name!r}"
        elif name == "sort":
            yield from _sort_errors(operation.parameters[name], value)
        elif operation.parameters[name]["schema"]["type"] == "integer" and not re.fullmatch(r"-?\d+|", value):
            yield f"{name} is no integer: {value!r}"


def _sort_errors(parameter: Mapping[str, Any], value: str) -> Iterator[str]:
    known = re.findall(r"^ +- (\w+)$", parameter["description"], re.MULTILINE)
    for term in value.split(","):
        if re.sub(r" (asc|desc)$", "", term) not in known:
            yield f"cannot sort by {term!r}; known: {', '.join(known)}"


def _filter_errors(vendor: Document, operation: Operation, match: re.Match[str], value: str) -> Iterator[str]:
    schema = vendor.resolve(operation.parameters.get("filter", {}).get("schema", {}))
    field, operator = match[1], match[2]
    if field not in schema.get("properties", {}):
        yield f"unknown filter {field!r}"
        return
    kind = vendor.resolve(schema["properties"][field])
    if kind.get("type") == "boolean":
        if operator is not None or value not in ("true", "false"):
            yield f"filter on {field} takes true or false alone"
        return
    forms = list(_forms(vendor, kind))
    operators = {name for form in forms for name in form.get("properties", {})}
    bare = any(form.get("type") == "string" or "type" not in form for form in forms)
    if operator is None and not bare:
        yield f"filter on {field} needs an operator"
    if operator is not None and operator not in operators:
        yield f"filter on {field} knows no operator {operator!r}"


def _forms(vendor: Document, kind: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """The ways to write a filter: v3 gives one object of all operators, v2 choices within choices of one each."""
    if "oneOf" not in kind:
        yield kind
    for form in kind.get("oneOf", []):
        yield from _forms(vendor, vendor.resolve(form))


def _body_errors(vendor: Document, operation: Operation, exchange: Exchange) -> Iterator[str]:
    declared = vendor.resolve(operation.node.get("requestBody"))
    if declared is None:
        if exchange.raw_body:
            yield "this operation takes no body"
        return
    if exchange.headers.get("content-type", "").partition(";")[0] != "application/json":
        yield "the body's Content-Type is not application/json"
        return
    pointer = _pointer(operation.node["requestBody"], f"{operation.place}/requestBody")
    body = exchange.body
    if isinstance(body, dict):  # answers to forms are in later documents
        body = {key: value for key, value in body.items() if key != "additional_data"}
    yield from _errors(vendor.requests, f"{pointer}/content/application~1json/schema", body)


def _pointer(node: Mapping[str, Any], place: str) -> str:
    return str(node["$ref"].removeprefix("#")) if "$ref" in node else place


def check_answer(exchange: Exchange) -> None:
    """Raises AssertionError where the answer is not as the document says.

    Outside of it, and so not checked: answers that an injected fault made, and the portal's own side.
    """
    if exchange.fault or exchange.path.startswith("/api/"):
        return
    vendor = document(exchange.path)
    found = vendor.find(exchange.method, exchange.path)
    if found is None:
        assert exchange.status in (401, 404, 405), f"{exchange.method} {exchange.path}: {exchange.status}"
        wrong = list(_errors(vendor.answers, "/components/schemas/BaseError", exchange.answer))
        assert not wrong, f"{exchange.method} {exchange.path}: {wrong}"
        return
    operation, _ = found
    wrong = list(_answer_errors(vendor, operation, exchange))
    assert not wrong, _message(operation, exchange, wrong)


def _answer_errors(vendor: Document, operation: Operation, exchange: Exchange) -> Iterator[str]:
    media_type = exchange.reply.content_type.partition(";")[0] if exchange.reply else ""
    declared = operation.node["responses"].get(str(exchange.status))
    if declared is None:
        usual = _USUAL_ERRORS.get(exchange.status)
        if usual is None or media_type != _PROBLEM:
            yield f"undeclared answer {exchange.status} {media_type}"
            return
        yield from _errors(vendor.answers, f"/components/schemas/{usual}", exchange.answer)
        return
    content = vendor.resolve(declared).get("content")
    if content is None:
        if exchange.status == 204 and exchange.answer is not None:
            yield "204 with a body"
        return
    if media_type not in content:
        yield f"Content-Type {media_type!r}, declared: {', '.join(content)}"
        return
    place = _pointer(declared, f"{operation.place}/responses/{exchange.status}")
    pointer = f"{place}/content/{media_type.replace('/', '~1')}/schema"
    yield from _errors(vendor.answers, pointer, exchange.answer)


def _message(operation: Operation, exchange: Exchange, wrong: list[str]) -> str:
    query = f"?{exchange.query}" if exchange.query else ""
    lines = "\n  ".join(wrong)
    return f"{operation.name}: {exchange.method} {exchange.path}{query} → {exchange.status}\n  {lines}"
