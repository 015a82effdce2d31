"""The check that no two root files lead to one portal, once servers and portals are known. Pure.

The checks of the files alone are in `portalctl.manifest.roots`. Here an id is compared with a title, and the two
names of a portal with each other, on servers that the environment may name. Protected developers and removal limits
are those of one root file, so a second one for the portal would be a way around them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from ipaddress import ip_address
from urllib.parse import urlsplit

from portalctl.errors import Finding, InputError
from portalctl.manifest.model import Manifest, PortalManifest
from portalctl.manifest.roots import declared_twice, may_share_server
from portalctl.portals.models import Identity
from portalctl.providers.registry import family_of

_PORTS: Mapping[str, int] = {"http": 80, "https": 443}


@dataclass(frozen=True, slots=True)
class Found:
    """The portals behind root files, by the name in the file: server addresses, and identities."""

    servers: Mapping[str, str]
    identities: Mapping[str, Identity]


def check_distinct(manifest: Manifest, found: Found) -> None:
    """Raise InputError, with findings at both root files, where a portal of the run has another root file too.

    `manifest.portals` are those of the run; they are compared with all `manifest.roots`.
    """
    findings: dict[Finding, None] = {}
    for portal, root in _pairs(manifest, found):
        if _are_one(portal, root, found):
            findings |= dict.fromkeys(declared_twice(portal, root, _shared(portal, root, found)))
    if findings:
        raise InputError(tuple(findings), "Two root files lead to one portal. Nothing was written.")


def undecided(manifest: Manifest, found: Found) -> tuple[PortalManifest, ...]:
    """Return the portals of the run that have to be identified before any other read."""
    unclear = (portal for portal, root in _pairs(manifest, found) if _are_one(portal, root, found) is None)
    return tuple({portal.name: portal for portal in unclear}.values())


def portal_key(server: str, portal_id: str) -> tuple[object, ...]:
    """Return a key that is equal for two spellings of one portal: server address and portal id."""
    return *_server_key(server), portal_id.casefold()


def _pairs(manifest: Manifest, found: Found) -> Iterator[tuple[PortalManifest, PortalManifest]]:
    """Yield each portal of the run with each other root file that may be on the same server."""
    keys = {name: _server_key(address) for name, address in found.servers.items()}
    for portal in manifest.portals.values():
        here, service = keys.get(portal.name), family_of(portal.provider)
        for root in manifest.roots:
            there = keys.get(root.name)
            known = here is not None and there is not None
            if root.name == portal.name or family_of(root.provider) != service:
                continue
            if here == there if known else may_share_server(portal, root):
                yield portal, root


def _are_one(portal: PortalManifest, root: PortalManifest, found: Found) -> bool | None:
    """Return whether two root files lead to one portal; None:

    the identity of `portal` is needed. The versions of Konnect's API have separate portals, so a title of one names
    no portal of the other."""
    ids = [_id(candidate, found) for candidate in (portal, root)]
    if None not in ids:
        return ids[0] == ids[1]
    names = [_names(first, second, found) for first, second in ((portal, root), (root, portal))]
    if any(names):
        return True
    return False if portal.provider != root.provider and ids[0] is not None else names[0]


def _id(portal: PortalManifest, found: Found) -> str | None:
    known = found.identities.get(portal.name)
    own = known.id if known is not None else portal.id
    return own.casefold() if own is not None else None


def _names(portal: PortalManifest, root: PortalManifest, found: Found) -> bool | None:
    """Return whether the title in `root` is a name of the identified `portal`; None: its names are not known."""
    known = found.identities.get(portal.name)
    if known is None or not known.names:
        return None
    return portal.provider == root.provider and root.title in known.names


def _shared(portal: PortalManifest, root: PortalManifest, found: Found) -> str:
    own = next(
        (identity.id for name in (portal.name, root.name) if (identity := found.identities.get(name))), portal.id
    )
    server = found.servers.get(portal.name) or found.servers.get(root.name)
    return f"both lead to the portal with the id {own}{f' at {server}' if server else ''}"


def _server_key(address: str) -> tuple[object, ...]:
    """Return a key that is equal for two spellings of a server's address."""
    try:
        parts = urlsplit(address)
        host, port = parts.hostname or "", parts.port or _PORTS.get(parts.scheme)
    except ValueError:  # not an address; the run that uses it reports that
        return (address,)
    return "localhost" if _is_loopback(host) else host.rstrip("."), port, parts.path.rstrip("/")


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False
