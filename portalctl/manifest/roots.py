"""The checks of root files:

where they may be, and that no two of them lead to one portal, as far as files show it. The comparison of an id with a
title needs the portals: `portalctl.rules.distinct_portals`."""

from __future__ import annotations

import posixpath
from collections.abc import Iterable, Iterator, Sequence
from itertools import combinations

from portalctl.errors import Finding
from portalctl.manifest.consistency import place
from portalctl.manifest.delegate import Delegation, Grant, same_name
from portalctl.manifest.model import PortalManifest
from portalctl.providers.registry import family_of
from portalctl.words import quoted


def check_root_files(delegations: Sequence[Delegation]) -> Iterator[Finding]:
    """Yield each root file that a `delegate` names, and each below the folder of one that does not allow it."""
    deciding = [
        (same_name(posixpath.dirname(delegation.path)), delegation)
        for delegation in delegations
        if delegation.grants is not None
    ]
    for root in delegations:
        name = same_name(root.path)
        for folder, other in deciding:
            grant = other.by_name.get(name)
            if grant is not None and not grant.entry.roots:
                yield _named(root, grant)
            elif grant is None and _is_in_subfolder(name, folder):
                yield _not_allowed(root, other)


def _is_in_subfolder(path: str, folder: str) -> bool:
    inside = posixpath.dirname(path)
    return inside != folder and inside.startswith(f"{folder.rstrip('/')}/")


def _named(root: Delegation, grant: Grant) -> Finding:
    here = root.root.source.key_at("portal")
    fix = "write `portal: NAME` here, or change that entry to `{roots: true}`"
    return Finding(here, f"{place(grant.at, here)} names this file in `delegate`, so it can't be a root file; {fix}")


def _not_allowed(root: Delegation, other: Delegation) -> Finding:
    here, where = root.root.source.key_at("portal"), other.root.source.key_at("delegate")
    name = quoted(posixpath.relpath(root.path, posixpath.dirname(other.path)))
    fix = f"move it, or add `{name[1:-1]}: {{roots: true}}` there"
    return Finding(
        here, f"{place(where, here)} (`delegate`) allows no root file in a subfolder without an entry; {fix}"
    )


def check_declared_once(portals: Iterable[PortalManifest]) -> Iterator[Finding]:
    """Yield, at both places, root files that lead to one portal: by the same id, or by the same title and region."""
    known: dict[tuple[str | None, ...], list[PortalManifest]] = {}
    for portal in portals:
        known.setdefault(_key(portal), []).append(portal)
    for same in known.values():
        for one, other in combinations(same, 2):
            if one.name != other.name and may_share_server(one, other):
                yield from declared_twice(one, other, _shared(one))


def declared_twice(one: PortalManifest, other: PortalManifest, shared: str) -> Iterator[Finding]:
    """Yield the findings, one at each root file, for two that lead to one portal.

    `shared`: what they have in common.
    """
    for here, there in ((one, other), (other, one)):
        where = f"{quoted(there.name)} ({place(there.at, here.at)})"
        text = f"{quoted(here.name)} is the same portal as {where}: {shared}; keep one root file for it"
        yield Finding(here.at, text)


def may_share_server(one: PortalManifest, other: PortalManifest) -> bool:
    """Return whether two portals can be on one server, according to their files. Without a region, it may be any."""
    same_service = family_of(one.provider) == family_of(other.provider)
    return same_service and (one.region == other.region or None in (one.region, other.region))


def _key(portal: PortalManifest) -> tuple[str | None, ...]:
    """Return a key that is equal for root files of one portal. Ids are unique everywhere, titles within a region."""
    if portal.id is not None:
        return family_of(portal.provider), portal.id.casefold()
    return portal.provider, portal.region, portal.title, "title"


def _shared(portal: PortalManifest) -> str:
    if portal.id is not None:
        return f"both have the id {portal.id}"
    region = f" in region {portal.region}" if portal.region is not None else ""
    return f"both have the title {quoted(portal.title or '')}{region} (if they are two portals, write `id` in both)"
