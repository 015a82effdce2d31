"""The checks of portals and directories as text for a terminal or a CI log."""

from __future__ import annotations

from collections.abc import Iterator

from portalctl.insight.directory_ping import DirectoryPing
from portalctl.insight.ping import PortalPing
from portalctl.output.documents import Ping
from portalctl.output.escaping import terminal
from portalctl.output.text.style import Style, joined

SIGNS = {"ok": "✓", "warning": "!", "failed": "✗", "unknown": "?"}


def ping_text(document: Ping, style: Style) -> str:
    """Return each portal and directory with a line for each check, and the remedy below it."""
    return joined(
        line
        for listed in (document.portals, document.directories)
        for item in listed
        for line in _checks(item, style)
    )


def _checks(item: PortalPing | DirectoryPing, style: Style) -> Iterator[str]:
    kind = item.provider if isinstance(item, PortalPing) else f"directory, {item.kind}"
    yield f"{style.strong(item.name)}  {kind} · {terminal(item.server)}"
    for check in item.checks:
        yield f"  {style.sign(SIGNS[check.result])} {terminal(check.message)}"
        if check.remedy is not None:
            yield f"      {terminal(check.remedy)}"
