"""Read the JSON documents that a CI step gets from other commands: a plan, drift, or the report of an apply.

Reading them needs no portal token: a step that may write comments has none.
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
    """Return the document in `content`. `file` is its path, for messages.

    Raises InputError for any other content, and RefusedError for a plan that was edited.
    """
    match _kind(content):
        case "plan":
            return saved_plan.read(content, file)
    found = documents.read(content, file)
    if isinstance(found, Drift | Report):
        return found
    message = "not a valid document; expected a plan (plan --out), drift (drift -o json) or report (apply --report)"
    raise InputError((Finding(Position(file, 1, 1), message),))


def _kind(content: bytes) -> object:
    try:
        document = from_json(content)
    except ValueError:
        return None
    return document.get("kind") if isinstance(document, dict) else None
