"""The portals of a manifest, or of servers, as text."""

from __future__ import annotations

from collections.abc import Iterable

from portalctl.output.documents import ListedPortal, ListedPortals, LivePortal, LivePortals
from portalctl.output.escaping import terminal
from portalctl.output.text.style import Style, joined


def portals_text(document: ListedPortals, style: Style) -> str:
    """Return the name and provider of each portal, then its files."""
    return joined(line for portal in document.portals for line in _lines(portal, style))


def _lines(portal: ListedPortal, style: Style) -> Iterable[str]:
    yield f"{style.strong(portal.name)}  {terminal(portal.provider)}"
    yield from (f"  {terminal(file)}" for file in portal.files)


def live_portals_text(document: LivePortals, style: Style) -> str:
    """Return a line for each portal: id, names, provider and server, and its name in the manifest."""
    rows = [_cells(portal) for portal in document.portals]
    widths = [max((len(row[column]) for row in rows), default=0) for column in range(2)]
    return joined(
        f"{style.strong(id_.ljust(widths[0]))}  {names.ljust(widths[1])}  {place}" for id_, names, place in rows
    )


def _cells(portal: LivePortal) -> tuple[str, str, str]:
    names = ", ".join(f"'{terminal(name)}'" for name in dict.fromkeys(filter(None, portal.names)))
    declared = f", in the manifest as {portal.declared}" if portal.declared else ""
    return terminal(portal.id), names or "(no name)", f"{portal.provider} at {terminal(portal.server)}{declared}"
