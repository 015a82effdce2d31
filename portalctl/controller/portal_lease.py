"""The lease of a portal while a run writes to it, renewed in the background. It fences writes between replicas."""

from __future__ import annotations

import threading
import time
from typing import Final

from portalctl.controller.database_errors import StoreError
from portalctl.controller.models import PortalKey
from portalctl.controller.store import Store

LEASE_SECONDS: Final = 20.0
RENEW_SECONDS: Final = 5.0
MARGIN_SECONDS: Final = 8.0  # with less left nothing is sent: a write in flight ends before the lease does
JOIN_SECONDS: Final = 5.0  # a renewal that waits for a database that is gone is left behind


class PortalLease:
    """The lease of one portal, for one run. The database's clock decides when it ends, for all machines alike.

    Here, its end is counted from before the request that took or renewed it, on a clock that goes on while the
    process is stopped: it never ends later here than it does in the database.
    """

    def __init__(self, store: Store, key: PortalKey, holder: str) -> None:
        self._store = store
        self._key = key
        self._holder = holder
        self._ends = float("-inf")
        self._ended = threading.Event()
        self._thread: threading.Thread | None = None

    def take(self) -> bool:
        """Take the lease, and renew it from now on. Returns False where another holder has it. Raises StoreError."""
        began = time.monotonic()
        if self._store.take_lease(self._key, self._holder, LEASE_SECONDS, self._store.time()) is None:
            return False
        self._ends = began + LEASE_SECONDS
        self._thread = threading.Thread(target=self._renew, name="lease", daemon=True)
        self._thread.start()
        return True

    def check(self) -> None:
        """Raise StoreError where too little is left to send a write."""
        if self._ends - time.monotonic() < MARGIN_SECONDS:
            raise StoreError("the lease of this portal was lost; nothing more was sent")

    def release(self) -> None:
        """End the renewals and the lease. Raises StoreError."""
        self._ended.set()
        if self._thread is not None:
            self._thread.join(JOIN_SECONDS)
            self._store.release_lease(self._key, self._holder)

    def _renew(self) -> None:
        while not self._ended.wait(RENEW_SECONDS):
            began = time.monotonic()
            try:
                renewed = self._store.renew_lease(self._key, self._holder, LEASE_SECONDS, self._store.time())
            except StoreError:
                continue  # while something is left the next renewal may succeed
            if renewed is None:
                self._ends = float("-inf")
                return
            self._ends = began + LEASE_SECONDS
