"""Lists the portals that exist on the servers of the environment and the manifest."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import portalctl
from portalctl.cancellation import Stop
from portalctl.cli.console import Console
from portalctl.cli.existing_manifest import manifest_exists
from portalctl.cli.paths import manifest_paths
from portalctl.cli.servers import Destination, Tls, servers
from portalctl.errors import AnswerError, BadUsageError
from portalctl.events import Warned
from portalctl.http import READ_ONLY
from portalctl.http.throttle import Throttles
from portalctl.manifest.model import Manifest, PortalManifest
from portalctl.output.documents import LivePortal, LivePortals
from portalctl.portals.connection import AnyServer, Connection
from portalctl.portals.models import Identity
from portalctl.providers.registry import bundled, family_of, provider_named
from portalctl.run_context import utc_now
from portalctl.times import rfc3339

_COMMAND_LINE = "the command line"
_MISSING = frozenset({403, 404, 405})  # for an API that the server does not have, or that the token may not use


@dataclass(frozen=True, slots=True)
class Wanted:
    """The portals to list: of one provider, or of all providers with a server and a token in the environment."""

    provider: str | None
    region: str | None
    tls: Tls


def live_portals(paths: tuple[Path, ...], wanted: Wanted) -> LivePortals:
    """Return the portals on the servers. Raises BadUsageError and PortalError."""
    manifest = _manifest(paths)
    console = Console()
    listed: dict[tuple[str, str], LivePortal] = {}
    places = _places(manifest, wanted)
    for (provider, url), server in places.items():
        try:
            found = _portals(provider, server, console)
        except AnswerError as error:
            if wanted.provider is not None or error.status not in _MISSING or len(places) == 1:
                raise
            console(Warned(f"{provider}: portals cannot be listed: {error.message}"))
            continue
        for portal in found:
            listed[provider, portal.id] = LivePortal(
                id=portal.id,
                names=portal.names,
                provider=provider,
                server=url,
                declared=_declared(manifest, provider, portal),
            )
    return LivePortals(portals=tuple(listed[key] for key in sorted(listed)))


def _manifest(paths: tuple[Path, ...]) -> Manifest | None:
    """Return the manifest; None if there is none, since portals can be listed before one is written."""
    if not paths and not manifest_exists(Path()):
        return None
    return portalctl.load(*manifest_paths(paths))


def _places(manifest: Manifest | None, wanted: Wanted) -> Mapping[tuple[str, str], AnyServer]:
    """Return the servers by provider and address, each once."""
    places: dict[tuple[str, str], AnyServer] = {}
    for destination in _destinations(manifest, wanted):
        server = servers([destination], os.environ, wanted.tls)[destination.name]
        places.setdefault((destination.provider, server.url), server)
    if not places:
        names = dict.fromkeys(filter(None, (known.service.any_token for known in bundled())))
        raise BadUsageError(
            "no server and token in the environment",
            f"Set {' or '.join(names)}, and pass --provider and --region, or set the address of the server.",
        )
    return places


def _destinations(manifest: Manifest | None, wanted: Wanted) -> Iterator[Destination]:
    if wanted.provider is not None:
        yield _destination(wanted.provider, wanted.region)
        return
    if manifest is not None and wanted.region is None:
        yield from (Destination.of_manifest(portal) for portal in manifest.portals.values())
        return
    for provider in bundled():
        destination = _destination(provider.name, wanted.region)
        try:
            servers([destination], os.environ, wanted.tls)
        except BadUsageError:
            continue
        yield destination


def _destination(provider: str, region: str | None) -> Destination:
    has_regions = bool(provider_named(provider).service.regions)
    return Destination("live", provider, region if has_regions else None, _COMMAND_LINE, "Pass --region")


def _portals(name: str, server: AnyServer, console: Console) -> tuple[Identity, ...]:
    provider = provider_named(name)
    if provider.portals is None:
        raise BadUsageError(f"portals of {provider.title} cannot be listed")
    return provider.portals(
        Connection(
            provider,
            name,
            {provider.service.name: server},
            None,
            None,
            methods=READ_ONLY,
            now=lambda: rfc3339(utc_now()),
            observer=console,
            stop=Stop(),
            throttles=Throttles(),
        )
    )


def _declared(manifest: Manifest | None, provider: str, portal: Identity) -> str | None:
    declared: Iterable[PortalManifest] = manifest.portals.values() if manifest is not None else ()
    return next((item.name for item in declared if _is_declared(item, provider, portal)), None)


def _is_declared(declared: PortalManifest, provider: str, portal: Identity) -> bool:
    if family_of(declared.provider) != family_of(provider):
        return False
    if declared.id is not None:
        return declared.id.casefold() == portal.id.casefold()
    return declared.title in portal.names
