"""The directories of a manifest, as text."""

from __future__ import annotations

from collections.abc import Iterable

from portalctl.output.documents import ListedDirectories, ListedDirectory
from portalctl.output.escaping import terminal
from portalctl.output.text.style import Style, joined


def directories_text(document: ListedDirectories, style: Style) -> str:
    """Return the name, kind, groups and environment variables of each directory."""
    return joined(line for directory in document.directories for line in _lines(directory, style))


def _lines(directory: ListedDirectory, style: Style) -> Iterable[str]:
    preview = " (preview)" if directory.preview else ""
    yield f"{style.strong(directory.name)}  {terminal(directory.kind)}{preview} · {', '.join(directory.portals)}"
    yield from (f"  group {terminal(group)}" for group in directory.groups)
    yield f"  {' '.join(directory.variables)}"
