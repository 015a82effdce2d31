"""Which vendor's portal is behind which `provider:` of a manifest."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from portalctl.events import Observer
from portalctl.http import Client, Server
from portalctl.portal.api7 import provider as api7
from portalctl.portal.konnect import provider as konnect
from portalctl.portal.konnect.dialect import DIALECTS
from portalctl.portal.provider import Provider
from portalctl.stop import Stop


@dataclass(frozen=True, slots=True)
class Address:
    """Where a portal is. `backend` is API7's second service, None where nothing is known of it.

    Exactly one of `portal_id` and `title` is given, unless both lead to the same portal.
    """

    server: Server
    backend: Server | None
    portal_id: str | None
    title: str | None = None


def connect(
    kind: str,
    name: str,
    address: Address,
    *,
    methods: frozenset[str],
    now: Callable[[], str],
    observer: Observer,
    stop: Stop,
) -> Provider:
    """The portal of this kind, whose handle for messages is `name`. Only `methods` can be sent."""
    if kind in DIALECTS:
        client = Client(address.server, methods=methods, observer=observer, advice=konnect.ADVICE, stop=stop)
        return konnect.Konnect(
            client,
            DIALECTS[kind],
            name=name,
            portal_id=address.portal_id,
            title=address.title,
            now=now,
            observer=observer,
        )
    dashboard = Client(address.server, methods=methods, observer=observer, advice=api7.ADVICE, stop=stop)
    backend = None
    if address.backend is not None:
        backend = Client(address.backend, methods=methods, observer=observer, advice=api7.BACKEND_ADVICE, stop=stop)
    return api7.Api7(
        dashboard,
        backend,
        name=name,
        portal_id=address.portal_id,
        title=address.title,
        now=now,
        observer=observer,
    )
