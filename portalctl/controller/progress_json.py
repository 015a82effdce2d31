"""The progress of a portal as the text that replicas share."""

from __future__ import annotations

import json
from dataclasses import replace
from functools import cache
from typing import Any

from pydantic import TypeAdapter, ValidationError

from portalctl.changes.operations import parsed, plain
from portalctl.controller.models import PortalView, WaitingSignUp
from portalctl.controller.schedule import begun
from portalctl.controller.turns import PortalProgress


def dump_progress(progress: PortalProgress) -> str:
    """Return progress as JSON. The text of a held plan is left out: the database has it under its digest."""
    document = _progress().dump_python(replace(progress, seen=None), mode="json")
    if progress.seen is not None:
        document["seen"] = _dump_view(progress.seen)
    return json.dumps(document)


def load_progress(text: str) -> PortalProgress:
    """Return progress from its JSON.

    Of another version's text, what this one cannot read is left out: the view; the portal is due where also the
    schedule cannot be read.
    """
    document = json.loads(text)
    seen = document.pop("seen", None)
    try:
        progress = _progress().validate_python(document)
    except ValidationError:
        return PortalProgress(begun(0.0))
    try:
        return replace(progress, seen=_load_view(seen)) if seen is not None else progress
    except (ValidationError, KeyError, TypeError):
        return progress


def _dump_view(view: PortalView) -> dict[str, Any]:
    held = replace(view.held, plan="") if view.held is not None else None
    bare = (replace(item, standing=replace(item.standing, changes=())) for item in view.waiting)
    document: dict[str, Any] = _views().dump_python(replace(view, held=held, waiting=tuple(bare)), mode="json")
    for written, item in zip(document["waiting"], view.waiting, strict=True):
        written["standing"]["changes"] = [{"id": change.id, **plain(change)} for change in item.standing.changes]
    return document


def _load_view(document: dict[str, Any]) -> PortalView:
    changes = [item["standing"].pop("changes") for item in document["waiting"]]
    for item in document["waiting"]:
        item["standing"]["changes"] = ()
    view = _views().validate_python(document)
    return replace(view, waiting=tuple(map(_with_changes, view.waiting, changes)))


def _with_changes(item: WaitingSignUp, changes: list[dict[str, Any]]) -> WaitingSignUp:
    return replace(item, standing=replace(item.standing, changes=tuple(map(parsed, changes))))


@cache
def _progress() -> TypeAdapter[PortalProgress]:
    return TypeAdapter(PortalProgress)


@cache
def _views() -> TypeAdapter[PortalView]:
    return TypeAdapter(PortalView)
