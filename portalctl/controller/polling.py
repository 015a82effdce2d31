"""The connections of polls: one for each portal, kept open, so that a poll is one request without a TLS handshake."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import ExitStack

from portalctl.http import READ_ONLY
from portalctl.manifest.model import PortalManifest
from portalctl.portals.models import PendingSignUps
from portalctl.portals.protocol import Portal
from portalctl.run_context import Run, open_portal


class Pollers:
    """The open connections. `settings` returns a portal's manifest and the settings of a run of it, by name."""

    def __init__(self, settings: Callable[[str], tuple[PortalManifest, Run]]) -> None:
        self._settings = settings
        self._open: dict[str, tuple[Portal, ExitStack]] = {}
        self._stale: set[str] = set()
        self._lock = threading.Lock()

    def pending(self, name: str) -> PendingSignUps:
        """Return the pending developers of a portal. Raises PortalctlError; the next call connects anew."""
        if name in self._stale:
            self.forget(name)
        portal = self._connected(name)
        try:
            return portal.pending()
        except BaseException:
            self.forget(name)
            raise

    def renew(self, name: str) -> None:
        """Let the next poll of a portal connect anew: its settings may have changed. May be called during a poll."""
        with self._lock:
            if name in self._open:
                self._stale.add(name)

    def forget(self, name: str) -> None:
        """Close the connection of a portal that no poll uses now."""
        with self._lock:
            found = self._open.pop(name, None)
            self._stale.discard(name)
        if found is not None:
            found[1].close()

    def close(self) -> None:
        for name in list(self._open):
            self.forget(name)

    def _connected(self, name: str) -> Portal:
        with self._lock:
            if name in self._open:
                return self._open[name][0]
        manifest, run = self._settings(name)
        with ExitStack() as stack:
            opened = open_portal(manifest, run, methods=READ_ONLY, portal_id=manifest.id, title=manifest.title)
            portal = stack.enter_context(opened)
            with self._lock:
                self._open[name] = (portal, stack.pop_all())
        return portal
