"""Handles of portals and providers, and the ids that portals assign to their objects."""

from __future__ import annotations

import re
from uuid import UUID

HANDLE = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")
LONGEST_ID = 256
_ID = re.compile(rf"[a-zA-Z0-9_.-]{{1,{LONGEST_ID}}}", re.ASCII)


def is_id(text: object) -> bool:
    """Return whether this is a valid id that can stand in a URL path:

    neither `.` nor `..`, which would leave the folder.
    Konnect's ids are UUIDs. API7 documents these characters for a developer_id (POST /api/developers:
    `^[a-zA-Z0-9-_.]+$`, 1 to 256).
    """
    return isinstance(text, str) and _ID.fullmatch(text) is not None and text not in {".", ".."}


def is_uuid(text: str) -> bool:
    """Return whether this is a UUID in the usual form, the form of all of Konnect's ids."""
    try:
        return str(UUID(text)) == text.lower()
    except ValueError:
        return False
