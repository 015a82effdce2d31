"""Which vendor's portal is behind which `provider:` of a manifest."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial

from portalctl.cancellation import Stop
from portalctl.events import Observer
from portalctl.http import Client, Server
from portalctl.http.throttle import Throttles
from portalctl.portals.provider import Provider

_MakeClient = Callable[[Server, Mapping[int, str]], Client]  # with what is to be said to some statuses


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
    throttles: Throttles,
) -> Provider:
    """The portal of this kind, whose handle for messages is `name`. Only `methods` can be sent."""

    def client(server: Server, advice: Mapping[int, str]) -> Client:
        throttle = throttles.of(server.url)
        return Client(server, methods=methods, observer=observer, advice=advice, stop=stop, throttle=throttle)

    make = _api7 if kind == "api7" else partial(_konnect, kind)
    return make(name, address, client, now=now, observer=observer)


def _konnect(
    kind: str, name: str, address: Address, client: _MakeClient, *, now: Callable[[], str], observer: Observer
) -> Provider:
    from portalctl.portals.konnect import provider  # noqa: PLC0415 (loaded for its own portals only)
    from portalctl.portals.konnect.api_versions import DIALECTS  # noqa: PLC0415

    return provider.Konnect(
        client(address.server, provider.ADVICE),
        DIALECTS[kind],
        name=name,
        portal_id=address.portal_id,
        title=address.title,
        now=now,
        observer=observer,
    )


def _api7(
    name: str, address: Address, client: _MakeClient, *, now: Callable[[], str], observer: Observer
) -> Provider:
    from portalctl.portals.api7 import provider  # noqa: PLC0415 (loaded for its own portals only)

    return provider.Api7(
        client(address.server, provider.ADVICE),
        client(address.backend, provider.BACKEND_ADVICE) if address.backend is not None else None,
        name=name,
        portal_id=address.portal_id,
        title=address.title,
        now=now,
        observer=observer,
    )
