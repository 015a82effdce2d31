"""Replacing an address in files that portalctl wrote: snapshots and other documents, journals, JSON lines."""

from __future__ import annotations

import json
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any

from portalctl.cli.session import read_file
from portalctl.errors import PortalctlError
from portalctl.events import Observer
from portalctl.execution.journal_lock import locked_journal
from portalctl.output_file import rewrite
from portalctl.portals import snapshot_file

if TYPE_CHECKING:
    from portalctl.controller.erasure import Replacement

LINES = ".jsonl"  # the ending of journals and of exports


def erase_in_file(path: Path, replacement: Replacement, observer: Observer) -> bool:
    """Replace the address in a file, which is rewritten whole or not at all. Returns whether the file had it.

    Waits for an apply that is writing to a journal. Raises InputError for a file that cannot be read, and
    PortalctlError for one that cannot be written.
    """
    with locked_journal(path, observer) if path.suffix == LINES and path.is_file() else nullcontext():
        content = read_file(path, "document")
        text = _erased(content, str(path), replacement)
        if text is None:
            return False
        try:
            rewrite(path, text)
        except OSError as error:
            raise PortalctlError(
                f"{path} could not be rewritten: {error.strerror or error}", "It still has the address."
            ) from error
        return True


def _erased(content: bytes, file: str, replacement: Replacement) -> str | None:
    """Return the new text of a file; None where it does not have the address. Raises InputError."""
    text = content.decode(errors="backslashreplace")
    whole = _object(text)
    if whole is None:
        lines = [replacement.json(line) for line in text.split("\n")]
        return "\n".join(lines) if lines != text.split("\n") else None
    new = replacement.value(whole)
    if new == whole:
        return None
    if whole.get("kind") == snapshot_file.KIND:
        return snapshot_file.edited(content, file, replacement.value)
    return json.dumps(new, indent=2 if "\n " in text else None) + "\n"


def _object(text: str) -> dict[str, Any] | None:
    """Return the one JSON object that a text is; None for JSON lines and other text."""
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None
