"""The grants of a root file to other files (`delegate`), and the errors of files that exceed them.

A grant belongs to a file on disk, whatever spelling names it: paths are compared with links resolved. A file that any
`delegate` names is bound by it: portals without a `delegate` of their own grant it nothing.
"""

from __future__ import annotations

import posixpath
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from portalctl.errors import Finding, Position
from portalctl.identity import normal_domain
from portalctl.manifest.consistency import at, place
from portalctl.manifest.file_models import FragmentFile, GrantEntry, RootFile
from portalctl.manifest.file_rules import FileRules, no_domain
from portalctl.manifest.group_rules import GroupRule, group_value
from portalctl.manifest.validation import Shaped
from portalctl.manifest.yaml_source import Data
from portalctl.words import did_you_mean, quoted

Resolve = Callable[[str], str]  # an absolute path → the path with symbolic links resolved

_ANY: Final = object()
#: Keys of a fragment that no grant covers, not even `all`: the path of the key, through lists, and its value.
#: Top-level keys that are never granted (`policy`, `protected` …) are not keys of a FragmentFile at all.
_NEVER: Final[Mapping[tuple[str, ...], object]] = {
    ("teams", "roles"): _ANY,
    ("teams", "membership"): "idp",
    ("teams", "synced"): _ANY,
    ("teams", "self_service"): _ANY,
    ("overrides", "reinstate"): _ANY,
    ("trusted_groups", "allow_empty"): _ANY,
    ("trusted_groups", "authoritative_for"): _ANY,
    ("teams", "members_from", "allow_empty"): _ANY,
}
_SECTIONS: Final[tuple[str, ...]] = tuple(
    key for key in FragmentFile.model_fields if key not in {"version", "portal", "portals"}
)
_ONLY_WITH_ALL: Final = frozenset({"denied_domains", "access_requests"})
_MOST_LISTED: Final = 5  # granted names in one message


@dataclass(frozen=True, slots=True)
class Grant:
    """An entry of a `delegate`. `key` is the path as written, and `at` its place."""

    key: str
    at: Position
    entry: GrantEntry


@dataclass(frozen=True, slots=True)
class Delegation:
    """The grants of one root file.

    `path`: the root file's absolute path, with links resolved. `grants`: by the resolved path of the file; `by_name`:
    by `same_name` of that path. `grants` None: there is no `delegate`; other files may write `teams`."""

    root: Shaped
    path: str
    grants: Mapping[str, Grant] | None
    by_name: Mapping[str, Grant]


def same_name(path: str) -> str:
    """Return a key that is equal for all spellings of a path on disks that ignore letter case or Unicode form."""
    return unicodedata.normalize("NFC", path).casefold()


def delegation_of(root: Shaped, path: str, resolve: Resolve) -> tuple[Delegation, list[Finding]]:
    """Return the delegation of the root file at an absolute path, and the errors in its `delegate`."""
    entry, source = root.entry, root.source
    if not isinstance(entry, RootFile) or entry.delegate is None:
        return Delegation(root, resolve(path), None, {}), []
    findings: list[Finding] = []
    grants: dict[str, Grant] = {}
    by_name: dict[str, Grant] = {}
    for key, granted in entry.delegate.items():
        grant = Grant(key, source.key_at("delegate", key), granted)
        real = resolve(posixpath.join(posixpath.dirname(path), key))
        grants[real] = grant
        first = by_name.setdefault(same_name(real), grant)
        if first is not grant:
            twice = f"{quoted(key)}: the same file as {quoted(first.key)} ({place(first.at, grant.at)})"
            findings.append(Finding(grant.at, f"{twice}; write one entry"))
        findings += _wrong_entry(root, grant)
    return Delegation(root, resolve(path), grants, by_name), findings


def _wrong_entry(root: Shaped, grant: Grant) -> Iterator[Finding]:
    """Yield the errors of one entry by itself."""
    source, entry = root.source, grant.entry
    if "roots" in entry.model_fields_set and len(entry.model_fields_set) > 1:
        here = source.key_at("delegate", grant.key, "roots")
        yield Finding(here, "`roots` is allowed alone only: remove the other keys of this entry, or `roots`")
    for index, domain in enumerate(entry.domains):
        if normal_domain(domain) is None:
            yield Finding(source.at("delegate", grant.key, "domains", index), no_domain(domain))


def naming(delegations: Iterable[Delegation], path: str) -> Grant | None:
    """Return the first entry of any `delegate` that names the file at a resolved path."""
    name = same_name(path)
    return next((delegation.by_name[name] for delegation in delegations if name in delegation.by_name), None)


def check_granted(
    delegation: Delegation, fragment: Shaped, path: str, rules: FileRules, named: Grant | None
) -> Iterator[Finding]:
    """Yield the errors of a fragment that exceeds the grant of one portal.

    `path`: the fragment's, with links resolved. `named`: an entry of any portal's `delegate` that names the file.
    """
    yield from _never(fragment, delegation.root.source.file)
    if delegation.grants is None:
        yield from _without_delegate(delegation, fragment, named, rules)
        return
    grant = delegation.grants.get(path)
    if grant is None:
        yield from _without_entry(delegation, fragment, path)
    elif not grant.entry.all:
        yield from _beyond(grant, fragment, rules)


def _written(fragment: Shaped) -> list[str]:
    return [key for key in _SECTIONS if key in fragment.entry.model_fields_set]


def _never(fragment: Shaped, root: str) -> Iterator[Finding]:
    source = fragment.source
    for keys, forbidden in _NEVER.items():
        for path, value in _occurrences(source.data, keys):
            if forbidden in (_ANY, value):
                shown = keys[-1] if forbidden is _ANY else f"{keys[-1]}: {value}"
                yield Finding(source.key_at(*path), f"`{shown}` is never granted to another file; write it in {root}")


def _occurrences(
    data: Data, keys: tuple[str, ...], path: tuple[str | int, ...] = ()
) -> Iterator[tuple[tuple[str | int, ...], Data]]:
    """Yield each value that a path of keys leads to, through the entries of lists, with its place."""
    if not keys:
        yield path, data
    elif isinstance(data, list):
        for index, entry in enumerate(data):
            yield from _occurrences(entry, keys, (*path, index))
    elif isinstance(data, dict) and keys[0] in data:
        yield from _occurrences(data[keys[0]], keys[1:], (*path, keys[0]))


def _without_delegate(
    delegation: Delegation, fragment: Shaped, named: Grant | None, rules: FileRules
) -> Iterator[Finding]:
    """Yield the errors where there is no `delegate`:

    only `teams` are free, without groups, except in a file that another portal restricts.
    """
    file = delegation.root.source.file
    for key in _written(fragment):
        here = fragment.source.key_at(key)
        if named is not None:
            because = f"{place(named.at, here)} restricts it, and {file} has no `delegate`"
            yield Finding(here, f"`{key}`: not granted to this file: {because}; add one that names this file")
        elif key != "teams":
            yield Finding(here, f"`{key}`: not granted to this file; {_fix(file)}")
    for _, rule in rules.member_groups if named is None else ():
        text = f"{quoted(group_value(rule))}: group not granted to this file; {_fix(file)}"
        yield Finding(at(rule.why), text)


def _fix(root: str) -> str:
    return f"write it in {root}, or grant it there (`delegate`)"


def _without_entry(delegation: Delegation, fragment: Shaped, path: str) -> Iterator[Finding]:
    where = delegation.root.source.key_at("delegate")
    name = quoted(posixpath.relpath(path, posixpath.dirname(delegation.path)))
    similar = delegation.by_name.get(same_name(path))
    hint = f"; did you mean {name} instead of {quoted(similar.key)}?" if similar else f"; add {name} there"
    for key in _written(fragment):
        here = fragment.source.key_at(key)
        yield Finding(here, f"`{key}`: {place(where, here)} grants nothing to this file{hint}")


def _beyond(grant: Grant, fragment: Shaped, rules: FileRules) -> Iterator[Finding]:
    """Yield the errors of a fragment that exceeds one entry without `all`."""
    entry = grant.entry
    for key in _written(fragment):
        if key in _ONLY_WITH_ALL or (key == "overrides" and not entry.overrides):
            here = fragment.source.key_at(key)
            needs = "; it needs `all: true`" if key in _ONLY_WITH_ALL else ""
            grants = f"{place(grant.at, here)} {_kinds(entry)}{needs}"
            yield Finding(here, f"`{key}`: not granted to this file ({grants})")
    for name, here in [(one.team.name, at(one.team.why)) for one in rules.teams] + rules.named:
        if name not in entry.teams:
            yield Finding(here, _refused("team", name, entry.teams, grant, here))
    yield from _groups_beyond(grant, rules)
    domains = [domain for domain in map(normal_domain, entry.domains) if domain is not None]
    for rule in rules.trusted:
        here = at(rule.why)
        if rule.domain not in domains:
            yield Finding(here, _refused("domain", rule.domain, domains, grant, here))
        elif rule.subdomains:
            without = f"granted without its subdomains ({place(grant.at, here)}); remove `subdomains: true`"
            yield Finding(here, f"{quoted(rule.domain)}: {without}")


def _groups_beyond(grant: Grant, rules: FileRules) -> Iterator[Finding]:
    """Yield each group that the file was not granted, spelled as it spells it, or not within these bounds."""
    granted = {entry.group: entry for entry in grant.entry.groups}
    every: list[GroupRule] = [*rules.groups, *(rule for _, rule in rules.member_groups)]
    for rule in every:
        here, name = at(rule.why), group_value(rule)
        entry = granted.get(name)
        if entry is None:
            yield Finding(here, _refused("group", name, list(granted), grant, here))
            continue
        where = f"{place(grant.at, here)} grants it with"
        if entry.maximum is not None and (rule.maximum is None or rule.maximum > entry.maximum):
            fix = f"write `maximum: {entry.maximum}` or less"
            yield Finding(here, f"{quoted(name)}: {where} `maximum: {entry.maximum}`; {fix}")
        if entry.minimum is not None and (rule.minimum is None or rule.minimum < entry.minimum):
            fix = f"write `minimum: {entry.minimum}` or more"
            yield Finding(here, f"{quoted(name)}: {where} `minimum: {entry.minimum}`; {fix}")


def _refused(kind: str, value: str, granted: Sequence[str], grant: Grant, here: Position) -> str:
    """Return the message for a team or domain that is not granted: the value, a suggestion, and what is granted."""
    listed = ", ".join(quoted(name)[1:-1] for name in granted[:_MOST_LISTED])
    more = f" and {len(granted) - _MOST_LISTED} more" if len(granted) > _MOST_LISTED else ""
    grants = f"grants: {listed}{more}" if granted else f"grants no {kind}"
    hint = did_you_mean(value, granted)
    return f"{quoted(value)}: {kind} not granted to this file{hint} ({place(grant.at, here)} {grants})"


def _kinds(entry: GrantEntry) -> str:
    kinds = [key for key in GrantEntry.model_fields if getattr(entry, key)]
    return f"grants: {', '.join(kinds)}" if kinds else "grants nothing"
