"""What a portal's own file lets other files say (`delegate:`)."""

from __future__ import annotations

import posixpath
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from portalctl.errors import Finding, Position
from portalctl.identity import normal_domain
from portalctl.manifest.check import at, place
from portalctl.manifest.entries import FragmentFile, GrantEntry, RootFile
from portalctl.manifest.rules import Rules, no_domain
from portalctl.manifest.shape import Shaped
from portalctl.manifest.source import position
from portalctl.manifest.syntax import quoted

_SECTIONS: Final[tuple[str, ...]] = tuple(
    key for key in FragmentFile.model_fields if key not in {"version", "portal", "portals"}
)
_WITH_ALL: Final = frozenset({"policy", "denied_domains", "access_requests", "protected"})


@dataclass(frozen=True, slots=True)
class Delegation:
    """What one portal's own file grants.

    `folder`: its absolute folder. `grants`: by normal path, the key as written and what it grants; None: `teams`
    only, to every file.
    """

    root: Shaped
    folder: str
    grants: dict[str, tuple[str, GrantEntry]] | None


def delegation_of(root: Shaped, path: str) -> tuple[Delegation, list[Finding]]:
    """What the root file at an absolute path delegates, and what is wrong with that."""
    entry, source = root.entry, root.source
    folder = posixpath.dirname(path)
    if not isinstance(entry, RootFile) or entry.delegate is None:
        return Delegation(root, folder, None), []
    findings = []
    grants: dict[str, tuple[str, GrantEntry]] = {}
    for key, grant in entry.delegate.items():
        normal = posixpath.normpath(key)
        if normal in grants:
            findings.append(Finding(source.key_at("delegate", key), "this is the same file as another key here"))
        grants[normal] = (key, grant)
        for index, domain in enumerate(grant.domains):
            if normal_domain(domain) is None:
                findings.append(Finding(source.at("delegate", key, "domains", index), no_domain(domain)))
    return Delegation(root, folder, grants), findings


def check_granted(delegation: Delegation, fragment: Shaped, path: str, rules: Rules) -> Iterator[Finding]:
    """What a fragment (at an absolute path) says without being allowed to."""
    source, root = fragment.source, delegation.root.source
    written = [key for key in _SECTIONS if key in fragment.entry.model_fields_set]
    if delegation.grants is None:
        for key in written:
            if key != "teams":
                it = "`all`" if key in _WITH_ALL else "it"
                owner = f"only the portal's own file ({root.file}) may write `{key}`"
                yield Finding(source.key_at(key), f"{owner}, unless it delegates {it} to this one")
        return
    name = posixpath.relpath(path, delegation.folder)
    granted = delegation.grants.get(name)
    if granted is None:
        where = root.key_at("delegate")
        for key in written:
            here = source.key_at(key)
            yield Finding(here, f"{place(where, here)} delegates nothing to this file, which is {quoted(name)} there")
        return
    as_written, grant = granted
    if grant.all:
        return
    for key in written:
        if key in _WITH_ALL:
            where, here = root.key_at("delegate", as_written), source.key_at(key)
            yield Finding(here, f"{place(where, here)} does not delegate `{key}` to this file (`all: true` does)")
    yield from _beyond(grant, root.key_at("delegate", as_written), fragment, rules)


def _beyond(grant: GrantEntry, where: Position, fragment: Shaped, rules: Rules) -> Iterator[Finding]:
    """What goes beyond a grant, which stands at `where`."""
    names = [(part.entry.name, at(part.why)) for part in rules.teams] + rules.named
    for name, here in names:
        if name not in grant.teams:
            yield Finding(here, f"{place(where, here)} does not delegate this team to this file")
    for part in rules.teams:
        if part.roles is not None:
            here = position(fragment.source.file, part.branch.keys["roles"])
            yield Finding(here, f"`roles` are never delegated ({place(where, here)}); write them in {where.file}")
    domains = {normal_domain(domain) for domain in grant.domains}
    for rule in rules.trusted:
        here = at(rule.why)
        if rule.domain not in domains:
            yield Finding(here, f"{place(where, here)} does not delegate this domain to this file")
        elif rule.subdomains:
            yield Finding(here, f"{place(where, here)} delegates exactly this domain, without its subdomains")
    if not grant.overrides and "overrides" in fragment.entry.model_fields_set:
        here = fragment.source.key_at("overrides")
        yield Finding(here, f"{place(where, here)} does not delegate overrides to this file")
