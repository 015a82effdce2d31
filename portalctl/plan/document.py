"""The plan as a document: its digest, its JSON, its schema."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from functools import cache
from typing import Any

from pydantic import TypeAdapter

from portalctl.plan.model import Plan, PortalPlan

SCHEMA_ID = "https://portalctl.dev/schemas/plan.v1.schema.json"
BOUND = ("name", "provider", "portal_id", "server", "guard", "changes")  # what of a portal the digest covers


@cache
def _plan() -> TypeAdapter[Plan]:
    return TypeAdapter(Plan)


@cache
def _portals() -> TypeAdapter[tuple[PortalPlan, ...]]:
    return TypeAdapter(tuple[PortalPlan, ...])


def digest(manifest_digest: str, portals: tuple[PortalPlan, ...]) -> str:
    """`sha256:…` of what an apply would be bound to; not of notices, counts or times."""
    plain = _portals().dump_python(portals, mode="json", by_alias=True)
    bound = [{key: portal[key] for key in BOUND} for portal in plain]
    document = {"version": 1, "manifest": manifest_digest, "portals": bound}
    text = json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return f"sha256:{hashlib.sha256(text.encode()).hexdigest()}"


def to_json(plan: Plan) -> str:
    """The published form, two-space indented, ending in a line break. Key order is that of the models."""
    return _plan().dump_json(plan, by_alias=True, indent=2).decode() + "\n"


def plan_schema() -> Mapping[str, Any]:
    """JSON Schema (2020-12) of a plan file. Later versions may add keys; readers ignore what they don't know."""
    schema = _plan().json_schema(by_alias=True, mode="serialization")
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": SCHEMA_ID,
        **schema,
        "title": "portalctl plan",
    }
