"""The data with which a provider connects with one portal."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from portalctl.cancellation import Stop
from portalctl.events import Observer
from portalctl.http import READ_ONLY, Client, Server, Throttles
from portalctl.providers.definition import LocalFile, Provider

AnyServer = Server | LocalFile


@dataclass(frozen=True, slots=True)
class Connection:
    """One portal to connect with. `name` is the handle for messages.

    Exactly one of `portal_id` and `title` is given, unless both lead to the same portal. `servers` by the name of
    their service; the first service's is always set. `options` are further keys of the `portal:` block. Only
    `methods` can be sent. `now` returns the time as RFC 3339.
    """

    provider: Provider
    name: str
    servers: Mapping[str, AnyServer]
    portal_id: str | None
    title: str | None
    methods: frozenset[str]
    now: Callable[[], str]
    observer: Observer
    stop: Stop
    throttles: Throttles
    options: Mapping[str, str] = field(default_factory=dict)

    @property
    def may_write(self) -> bool:
        """Return whether writes are allowed."""
        return self.methods != READ_ONLY

    def client(self, service: str) -> Client | None:
        """Return a client for one service; None where the environment names no server for it."""
        server = self.servers.get(service)
        if not isinstance(server, Server):
            return None
        advice = next(known.advice for known in self.provider.services if known.name == service)
        throttle = self.throttles.of(server.url)
        return Client(
            server, methods=self.methods, observer=self.observer, advice=advice, stop=self.stop, throttle=throttle
        )

    def required_client(self) -> Client:
        """Return a client for the portal's own API."""
        client = self.client(self.provider.service.name)
        assert client is not None  # noqa: S101 (the command line and the library check servers before)
        return client

    @property
    def file(self) -> Path:
        """The portal's file, for a provider with a file as its first service."""
        server = self.servers[self.provider.service.name]
        assert isinstance(server, LocalFile)  # noqa: S101 (as above)
        return server.path
