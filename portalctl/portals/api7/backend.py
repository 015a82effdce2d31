"""The portal backend: API7's second service, which creates accounts and lists applications."""

from __future__ import annotations

import time
from collections.abc import Iterable

from portalctl.errors import PortalError
from portalctl.events import Observer
from portalctl.http import Client
from portalctl.portals.api7.dashboard import Live
from portalctl.portals.api7.lists import Query, Wire
from portalctl.portals.api7.records import Account
from portalctl.portals.api7.registrations import in_order, read_registrations
from portalctl.portals.api7.shared_reading import Shared
from portalctl.portals.models import Registration
from portalctl.portals.thread_pool import Pool

UNKNOWN = "no server and token of the portal backend are set, and the Dashboard can't do this"


class Backend:
    """The backend of the portal `name`, checked against the developers of `live`.

    All methods raise PortalError. `pool` runs the pages of lists.
    """

    def __init__(self, client: Client, pool: Pool, live: Live, *, name: str, observer: Observer) -> None:
        self._client = client
        self._live = live
        self._name = name
        self._wire = Wire(client, pool, name=name, observer=observer)
        self._checked = Shared(self._check)

    def client(self) -> Client:
        return self._checked.any()

    def registrations(self, developers: Iterable[str], readers: Pool) -> tuple[Registration, ...]:
        """Return the applications of these developers and their subscriptions, by `readers`: two calls for each."""
        self._checked.any()
        lists = readers.map(lambda developer: read_registrations(self._wire, developer), developers)
        return in_order(row for rows in lists for row in rows)

    def _check(self) -> Client:
        """Check the portal of the token: no call reports it, but another portal has other developers."""
        accounts = self._wire.read_list("accounts", Query("/api/developers"), Account)
        developers = self._live.developers.read_after(time.monotonic()).values()
        known = {text for developer in developers for text in (developer.id, developer.developer_id)}
        strangers = any(account.id not in known for account in accounts)
        if strangers or (not accounts and not all(developer.pending for developer in developers)):
            raise PortalError(
                f"the portal backend at {self._client.server.url} has other developers than portal {self._name} on "
                "the Dashboard",
                f"check that the token from {self._client.server.token_source} belongs to this portal",
            )
        return self._client
