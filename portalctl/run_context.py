"""The settings of a run, and the portals and directories that it opens with them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

from portalctl.cancellation import Stop
from portalctl.changes.plan import PortalPlan
from portalctl.errors import BadUsageError
from portalctl.events import Observer, ignore
from portalctl.execution.confirm_wait import Patience
from portalctl.execution.journal_place import JournalPlace
from portalctl.group_reading import NO_DIRECTORIES, Directories, GroupReader
from portalctl.http.throttle import Throttles
from portalctl.manifest.model import PortalManifest
from portalctl.portals.connection import AnyServer, Connection
from portalctl.portals.protocol import Portal
from portalctl.portals.snapshot_file import SavedSnapshot
from portalctl.providers.registry import provider_named
from portalctl.times import Clock, rfc3339


def utc_now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class Run:
    """The settings of a run: the servers of each portal by name, the clock, the observer, the time limits.

    With a `snapshot`, portals are read from it, and no server is needed or called.

    `services` has further servers by portal name and service (API7: `backend`, needed to create accounts). `stop`,
    once asked, ends an apply after the writes in flight. `journals`: the place of each portal's journal, by name; a
    portal without an entry has none. `throttles`: the rate limits learned from the servers. `before_writing` is
    called once, before the first write. `addresses`: server addresses of further root files, by portal name; they are
    only compared. `directories`: access to the manifest's directories, and which to leave out."""

    servers: Mapping[str, AnyServer]
    clock: Clock = utc_now
    observer: Observer = ignore
    patience: Patience = Patience()
    stop: Stop = field(default_factory=Stop)
    throttles: Throttles = field(default_factory=Throttles)
    journals: Mapping[str, JournalPlace] = field(default_factory=dict)
    before_writing: Callable[[], None] = lambda: None
    services: Mapping[str, Mapping[str, AnyServer]] = field(default_factory=dict)
    snapshot: SavedSnapshot | None = None
    addresses: Mapping[str, str] = field(default_factory=dict)
    directories: Directories = NO_DIRECTORIES


def group_reader(run: Run) -> GroupReader:
    """Return what reads groups for a run."""
    return GroupReader(run.directories, lambda: rfc3339(run.clock()), run.observer, run.stop, run.throttles)


def open_portal(
    portal: PortalManifest | PortalPlan,
    run: Run,
    *,
    methods: frozenset[str],
    portal_id: str | None,
    title: str | None = None,
) -> Portal:
    """Return a portal that can be used with `methods`, in a `with` block. Raises BadUsageError without a server."""
    connection = connection_of(portal, run, methods=methods, portal_id=portal_id, title=title)
    return connection.provider.connect(connection)


def connection_of(
    portal: PortalManifest | PortalPlan,
    run: Run,
    *,
    methods: frozenset[str],
    portal_id: str | None,
    title: str | None,
) -> Connection:
    """Return what a provider connects with a portal with. Raises BadUsageError without a server."""
    provider = provider_named(portal.provider)
    return Connection(
        provider,
        portal.name,
        {provider.service.name: server_of(portal.name, run), **run.services.get(portal.name, {})},
        portal_id,
        title,
        methods=methods,
        now=lambda: rfc3339(run.clock()),
        observer=run.observer,
        stop=run.stop,
        throttles=run.throttles,
        options=portal.options if isinstance(portal, PortalManifest) else {},
    )


def server_of(name: str, run: Run) -> AnyServer:
    """Return the server of a portal. Raises BadUsageError where the run has none."""
    server = run.servers.get(name)
    if server is None:
        prefix = f"PORTALCTL_{name.upper().replace('-', '_')}"
        raise BadUsageError(
            f"portal {name}: the run has no server for it",
            f"Pass one: Run({{{name!r}: Server(url, token)}}). The commands take url and token from the variables "
            f"{prefix}_SERVER and {prefix}_TOKEN.",
        )
    return server
