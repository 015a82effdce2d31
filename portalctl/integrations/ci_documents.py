"""The JSON that other commands write for a CI step: a plan, drift, or the report of an apply.

Reading these files needs no portal token: the step that may write comments has none.
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
    """Return the document in a file; `file` names it in errors.

    Raises InputError for any other content, and RefusedError for a plan that was edited.
    """
    match _kind(content):
        case "plan":
            return saved_plan.read(content, file)
    found = documents.read(content, file)
    if isinstance(found, Drift | Report):
        return found
    message = "not a plan (plan --out), drift (drift -o json) or report (apply --report)"
    raise InputError((Finding(Position(file, 1, 1), message),))


def _kind(content: bytes) -> object:
    try:
        given = from_json(content)
    except ValueError:
        return None
    return given.get("kind") if isinstance(given, dict) else None
