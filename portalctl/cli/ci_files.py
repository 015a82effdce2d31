"""Files that a CI runner gives to a job."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from portalctl.errors import BadUsageError
from portalctl.input_file import MOST_BYTES, read_input


def event_content(env: Mapping[str, str]) -> bytes:
    """Return the content of the file that GITHUB_EVENT_PATH names, empty if unset. Raises BadUsageError."""
    name = env.get("GITHUB_EVENT_PATH")
    return read_content(Path(name)) if name else b""


def read_content(path: Path) -> bytes:
    """Return the content of a file. Raises BadUsageError for one that cannot be read or is too large."""
    try:
        return read_input(path, MOST_BYTES)
    except (OSError, ValueError) as error:
        raise BadUsageError(f"cannot read '{path}': {getattr(error, 'strerror', None) or error}") from error
