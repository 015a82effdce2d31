"""What was found on looking at portals, for a terminal or a CI log."""

from __future__ import annotations

from collections.abc import Iterator

from portalctl.insight.ping import PortalPing
from portalctl.output.documents import Ping
from portalctl.output.escaping import terminal
from portalctl.output.text.style import Style, joined

SIGNS = {"ok": "✓", "warning": "!", "failed": "✗", "unknown": "?"}


def ping_text(document: Ping, style: Style) -> str:
    """Each portal: a line for each thing that was looked at, and below it what to do."""
    return joined(line for portal in document.portals for line in _portal(portal, style))


def _portal(portal: PortalPing, style: Style) -> Iterator[str]:
    yield f"{style.strong(portal.name)}  {portal.provider} · {terminal(portal.server)}"
    for check in portal.checks:
        yield f"  {style.sign(SIGNS[check.result])} {terminal(check.message)}"
        if check.remedy is not None:
            yield f"      {terminal(check.remedy)}"
