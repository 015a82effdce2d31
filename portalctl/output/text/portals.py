"""The portals of a manifest, a block each."""

from __future__ import annotations

from collections.abc import Iterable

from portalctl.manifest.model import PortalManifest
from portalctl.output.escaping import terminal
from portalctl.output.text.style import joined


def portals_text(portals: Iterable[PortalManifest]) -> str:
    """Name and provider, then the files below it."""
    return joined(line for portal in portals for line in _lines(portal))


def _lines(portal: PortalManifest) -> Iterable[str]:
    yield f"{portal.name}  {portal.provider}"
    yield from (f"  {terminal(file)}" for file in portal.files)
