"""The portals of a manifest, as text."""

from __future__ import annotations

from collections.abc import Iterable

from portalctl.output.documents import ListedPortal, Portals
from portalctl.output.escaping import terminal
from portalctl.output.text.style import Style, joined


def portals_text(document: Portals, style: Style) -> str:
    """Name and provider of each portal, then its files."""
    return joined(line for portal in document.portals for line in _lines(portal, style))


def _lines(portal: ListedPortal, style: Style) -> Iterable[str]:
    yield f"{style.strong(portal.name)}  {terminal(portal.provider)}"
    yield from (f"  {terminal(file)}" for file in portal.files)
