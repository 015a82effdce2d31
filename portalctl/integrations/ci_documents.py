"""The JSON that other commands left for a CI step: a plan, where portal and files disagree, or what an apply did.

Whoever reads these files needs no token of a portal: the step that may write comments has none.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from pydantic import TypeAdapter
from pydantic_core import from_json

from portalctl import json_file
from portalctl.changes import saved_plan
from portalctl.changes.plan import Notice, Plan
from portalctl.errors import Finding, InputError, Position
from portalctl.insight.drift import PortalDrift
from portalctl.output.apply_report import Report


@dataclass(frozen=True, slots=True)
class Drift:
    """What `drift -o json` prints."""

    version: Literal[1]
    kind: Literal["drift"]
    generator: str
    portals: tuple[PortalDrift, ...]
    notices: tuple[Notice, ...]


Document = Plan | Drift | Report


def read(content: bytes, file: str) -> Document:
    """The document in a file. `file` is how errors call it.

    Raises InputError for what is none of the three, and RefusedError for a plan that is not as it was written.
    """
    match _kind(content):
        case "plan":
            return saved_plan.read(content, file)
        case "drift":
            return json_file.parse(content, file, TypeAdapter(Drift), "drift")
        case "report":
            return json_file.parse(content, file, TypeAdapter(Report), "report")
    message = "this is none of: a plan (plan --out), drift (drift -o json), a report (apply --report)"
    raise InputError((Finding(Position(file, 1, 1), message),))


def _kind(content: bytes) -> object:
    try:
        given = from_json(content)
    except ValueError:
        return None
    return given.get("kind") if isinstance(given, dict) else None
