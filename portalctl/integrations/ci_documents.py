"""The JSON that other commands left for a CI step: a plan, where portal and files disagree, or what an apply did.

Whoever reads these files needs no token of a portal: the step that may write comments has none.
"""

from __future__ import annotations

from pydantic_core import from_json

from portalctl.changes import saved_plan
from portalctl.changes.plan import Plan
from portalctl.errors import Finding, InputError, Position
from portalctl.output import documents
from portalctl.output.apply_report import Report
from portalctl.output.documents import Drift

Document = Plan | Drift | Report


def read(content: bytes, file: str) -> Document:
    """The document in a file. `file` is how errors call it.

    Raises InputError for what is none of the three, and RefusedError for a plan that is not as it was written.
    """
    match _kind(content):
        case "plan":
            return saved_plan.read(content, file)
    found = documents.read(content, file)
    if isinstance(found, Drift | Report):
        return found
    message = "this is none of: a plan (plan --out), drift (drift -o json), a report (apply --report)"
    raise InputError((Finding(Position(file, 1, 1), message),))


def _kind(content: bytes) -> object:
    try:
        given = from_json(content)
    except ValueError:
        return None
    return given.get("kind") if isinstance(given, dict) else None
