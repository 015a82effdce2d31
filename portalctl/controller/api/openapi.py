"""The OpenAPI document of the API, made from its endpoints."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import is_dataclass
from typing import Any, Final

from pydantic import TypeAdapter

from portalctl.controller.api.bodies import Problem
from portalctl.controller.api.endpoint import PROBLEM, Credential, Endpoint
from portalctl.version import __version__

_REF: Final = "#/components/schemas/{model}"
_PARAMETER: Final = re.compile(r"\{(\w+)(?::path)?\}")
_COMMON: Final[Mapping[int, str]] = {
    400: "The request is not valid.",
    401: "The credential is missing or not valid.",
    403: "The role of the sender does not allow this.",
    413: "The body is too large.",
    429: "Too many requests.",
    503: "The controller cannot do this now.",
}
_SECURITY: Final[Mapping[Credential, list[dict[str, list[str]]]]] = {
    "none": [],
    "token": [{"token": []}],
    "event": [{"signature": []}],
    "registration": [{"signature": []}],
    "github": [{"github": []}],
    "gitlab": [{"gitlab": []}],
}
_SCHEMES: Final = {
    "token": {"type": "http", "scheme": "bearer", "description": "A token made by `portalctl run token`."},
    "signature": {
        "type": "apiKey",
        "in": "header",
        "name": "webhook-signature",
        "description": "Standard Webhooks: with webhook-id and webhook-timestamp, over `id.timestamp.body`.",
    },
    "github": {"type": "apiKey", "in": "header", "name": "X-Hub-Signature-256"},
    "gitlab": {"type": "apiKey", "in": "header", "name": "X-Gitlab-Token"},
}


def document(endpoints: Iterable[Endpoint]) -> dict[str, Any]:
    """Return the document (OpenAPI 3.1)."""
    known = tuple(endpoints)
    paths: dict[str, dict[str, Any]] = {}
    for one in known:
        paths.setdefault(_PARAMETER.sub(r"{\1}", one.path), {})[one.method.lower()] = _operation(one)
    return {
        "openapi": "3.1.0",
        "info": {"title": "portalctl controller", "version": __version__},
        "paths": paths,
        "components": {"schemas": _schemas(known), "securitySchemes": _SCHEMES},
    }


def _operation(one: Endpoint) -> dict[str, Any]:
    operation: dict[str, Any] = {
        "operationId": f"{one.method.lower()}{re.sub(r'[^a-zA-Z0-9]+', '_', one.path).rstrip('_')}",
        "summary": one.summary,
        "security": _SECURITY[one.credential],
        "parameters": [
            {"name": name, "in": "path", "required": True, "schema": {"type": "string"}}
            for name in _PARAMETER.findall(one.path)
        ],
        "responses": _responses(one),
    }
    if one.roles:
        operation["description"] = f"Roles: {', '.join(sorted(one.roles))}."
    if one.body is not None:
        schema = {"type": "object"} if one.body is bytes else {"$ref": _REF.format(model=one.body.__name__)}
        content = {"application/json": {"schema": schema}}
        operation["requestBody"] = {"content": content}
    return operation


def _responses(one: Endpoint) -> dict[str, Any]:
    if one.credential == "none":
        common: Mapping[int, str] = {}
    else:
        common = _COMMON
    answers = {status: (text, None) for status, text in common.items()} | dict(one.answers)
    return {
        str(status): {"description": text, "content": _content(status, model)}
        for status, (text, model) in sorted(answers.items())
    }


def _content(status: int, model: Any) -> dict[str, Any]:  # noqa: ANN401 (a class, or None)
    if model is str:
        return {"text/plain": {"schema": {"type": "string"}}}
    if model is None and status < 400:
        return {"application/json": {"schema": {"type": "object"}}}
    named = Problem if model is None else model
    media = PROBLEM if named is Problem else "application/json"
    content = {media: {"schema": {"$ref": _REF.format(model=named.__name__)}}}
    if media != PROBLEM and status >= 400:
        content[PROBLEM] = {"schema": {"$ref": _REF.format(model=Problem.__name__)}}
    return content


def _schemas(endpoints: Iterable[Endpoint]) -> dict[str, Any]:
    models: dict[Any, None] = {Problem: None}
    for one in endpoints:
        found = [one.body, *(model for _, model in one.answers.values())]
        models.update(dict.fromkeys(model for model in found if is_dataclass(model)))
    inputs = [(model, "validation", TypeAdapter(model)) for model in models]
    _, definitions = TypeAdapter.json_schemas(inputs, ref_template=_REF)  # type: ignore[arg-type]
    schemas: dict[str, Any] = definitions["$defs"]
    return schemas
