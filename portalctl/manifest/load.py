"""Paths → Manifest, or every error at once.

files        paths → bytes             yaml_source  bytes → plain data with places
validation   plain data → rules        csv_list     bytes → the members in a list
file_rules   places and normal forms of the rules in one file; the checks that need one rule
consistency  the checks that need all rules of a portal
delegate     what each file may contain
roots        which files may be root files, and whether two of them are one portal
"""

from __future__ import annotations

import os
import posixpath
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from portalctl.errors import Finding, InputError, Position
from portalctl.garbage import no_garbage_collection
from portalctl.manifest import csv_list
from portalctl.manifest.consistency import Together, place, together
from portalctl.manifest.csv_list import MemberList
from portalctl.manifest.delegate import Delegation, Resolve, check_granted, delegation_of, naming
from portalctl.manifest.directory_kinds import NO_KINDS, Kinds
from portalctl.manifest.directory_rules import check_group_rules, check_same_directories, directories_of
from portalctl.manifest.file_models import FragmentFile, PolicyEntry, RootFile
from portalctl.manifest.file_rules import FileRules, rules_of
from portalctl.manifest.files import File, digest, named_file, read_files, read_list
from portalctl.manifest.group_rules import group_value
from portalctl.manifest.model import Directory, Manifest, MemberFile, NamedFile, Policy, PortalManifest
from portalctl.manifest.roots import check_declared_once, check_root_files
from portalctl.manifest.unread import entries_without_file, unread
from portalctl.manifest.validation import Shaped, ShapedAcknowledgements, ShapedExpectations, read_entries
from portalctl.manifest.value_display import shown_value
from portalctl.manifest.yaml_source import YamlSource
from portalctl.providers.definition import Provider
from portalctl.providers.registry import STAND_IN, bundled, find, unknown
from portalctl.reason import Reason
from portalctl.words import did_you_mean, quoted


def load(paths: Sequence[Path], kinds: Kinds = NO_KINDS) -> Manifest:
    """Load manifest files and folders. Raises InputError with every error of all files.

    `kinds`: the kinds of directories.
    """
    with no_garbage_collection():
        files, findings = read_files(paths)
        try:
            manifest = assemble(files, findings, partial(read_list, paths), os.path.realpath, kinds)
        except InputError as error:  # a missing name may be in a file that is not read
            more = unread(paths, {file.shown for file in files})
            raise InputError((*error.findings, *more), error.message) from error
        warnings = {*manifest.warnings, *unread(paths, manifest.files)}
        return replace(manifest, warnings=tuple(sorted(warnings)))


ReadList = Callable[[File, str], File | str]


def _no_list(_: File, path: str) -> str:
    raise AssertionError(f"list not found: {path}")


def assemble(
    files: Sequence[File],
    findings: Sequence[Finding] = (),
    lists: ReadList = _no_list,
    resolve: Resolve = posixpath.normpath,
    kinds: Kinds = NO_KINDS,
) -> Manifest:
    """Return the manifest of several files.

    `findings`: errors found so far. `lists` returns the list that a file names by a path, or the error. `resolve`
    returns a path with its symbolic links resolved. `kinds`: the kinds of directories. Raises InputError like `load`.
    Its only I/O is in `lists` and `resolve`."""
    loading = _Loading(list(findings), lists, resolve, kinds)
    for file in sorted(files, key=lambda file: file.shown):
        loading.add(file)
    portals, warnings = loading.finish()
    beside = [*loading.acknowledgements, *loading.expectations]
    files = [file for file in files if file not in beside]  # they change no plan
    if not files and not loading.findings:
        raise InputError((), "no manifest was given; name a file or a folder with -f")
    if loading.findings:
        raise InputError(tuple(dict.fromkeys(loading.findings)))
    return Manifest(
        portals={name: portals[name] for name in sorted(portals)},
        files=tuple(sorted(file.shown for file in [*files, *loading.lists])),
        digest=digest([*files, *loading.lists]),
        warnings=tuple(sorted(dict.fromkeys(warnings))),
        roots=tuple(portals[name] for name in sorted(portals)),
    )


@dataclass(slots=True)
class _PortalDraft:
    """A portal while its files are combined: its root file, and the rules of this and of every other file."""

    own: Shaped
    entry: RootFile
    file: File
    provider: Provider
    delegation: Delegation
    directories: dict[str, Directory]
    rules: list[FileRules]


class _Loading:
    """One load of several files."""

    def __init__(self, findings: list[Finding], read: ReadList, resolve: Resolve, kinds: Kinds) -> None:
        self.findings = findings
        self._kinds = kinds
        self._read = read
        self._resolve = resolve
        self._lists: dict[
            str, File
        ] = {}  # by path Whether all names were read: if not, a missing one may be in an unreadable file.
        self._portals_known = self._teams_known = not findings
        self._roots: list[tuple[Shaped, RootFile, File]] = []
        self._fragments: list[tuple[Shaped, FragmentFile, File]] = []
        self.acknowledgements: list[File] = []
        self.expectations: list[File] = []
        self._portals: dict[str, _PortalDraft] = {}
        self._delegations: list[Delegation] = []

    @property
    def lists(self) -> Iterable[File]:
        """Return the lists that were read."""
        return self._lists.values()

    def add(self, file: File) -> None:
        """Add one file: YAML and form are checked now, the rest in `finish`."""
        entries = read_entries(file.shown, file.content)
        shaped = entries.shaped
        if isinstance(shaped, ShapedExpectations) and entries.parsed and not shaped.other_keys:
            self.expectations.append(file)  # `validate` and `test` report what is wrong in it
            return
        self.findings += entries.findings
        if shaped is None or not entries.parsed:
            self._portals_known = self._teams_known = False
        if shaped is None:
            return
        if isinstance(shaped, ShapedAcknowledgements):
            self.acknowledgements.append(file)
        elif isinstance(shaped.entry, RootFile):
            self._roots.append((shaped, shaped.entry, file))
        elif isinstance(shaped.entry, FragmentFile):
            self._fragments.append((shaped, shaped.entry, file))

    def finish(self) -> tuple[dict[str, PortalManifest], list[Finding]]:
        """Return the portals and the warnings. Do not use them if there are findings."""
        portals = [self._root(*root) for root in self._roots]
        self._check_names(portals)
        self._delegations = [portal.delegation for portal in portals]
        self.findings += check_root_files(self._delegations)
        for fragment in self._fragments:
            self._fragment(*fragment)
        warnings = list(self._unread_entries())
        made: list[PortalManifest] = []
        for portal in portals:
            rules = sorted(portal.rules, key=lambda item: item.file)
            # A provider without teams: each team is a finding for that reason, and not because it is undeclared.
            has_teams = "teams" in portal.provider.abilities
            whole = together(rules, all_teams_known=self._teams_known and has_teams)
            self.findings += whole.findings
            warnings += whole.warnings
            if "directories" not in portal.own.lost:
                self.findings += check_group_rules(portal.directories, rules, whole.trusted, self._kinds)
            if "portal" not in portal.own.lost:
                made.append(_portal_manifest(portal, whole))
        self.findings += check_declared_once(made)
        self.findings += check_same_directories(made)
        self.findings += self._unnamed_acknowledgements(made)
        return {portal.name: portal for portal in made}, warnings

    def _unnamed_acknowledgements(self, portals: Iterable[PortalManifest]) -> Iterator[Finding]:
        """Yield each file of acknowledgements among the manifest files that no root file names."""
        named = {self._resolve(portal.acknowledgements.path) for portal in portals if portal.acknowledgements}
        for file in self.acknowledgements:
            if self._portals_known and self._resolve(file.path) not in named:
                text = "no root file names this file of acknowledgements; add `acknowledgements:` to the root file"
                yield Finding(Position(file.shown, 1, 1), text)

    def _unread_entries(self) -> Iterator[Finding]:
        """Warn of `delegate` entries for files that were not read."""
        read = [file.path for _, _, file in (*self._roots, *self._fragments)]
        for shaped, _, file in self._roots:
            yield from entries_without_file(shaped, file.path, read, self._resolve)

    def _root(self, shaped: Shaped, entry: RootFile, file: File) -> _PortalDraft:
        provider, unknown = _provider(shaped, entry)
        self.findings += unknown
        rules = self._rules(shaped, file, developer_ids="account_ids" in provider.abilities)
        self._teams_known = self._teams_known and "teams" not in shaped.lost
        delegation, findings = delegation_of(shaped, file.path, self._resolve)
        self.findings += findings
        self.findings += _check_portal(shaped, entry, None if unknown else provider)
        directories, findings = directories_of(shaped, self._kinds)
        self.findings += findings
        return _PortalDraft(shaped, entry, file, provider, delegation, directories, [rules])

    def _check_names(self, portals: list[_PortalDraft]) -> None:
        """Return the portals by name; report repeated names."""
        for portal in portals:
            if "portal" in portal.own.lost:
                self._portals_known = False
                continue
            name = portal.entry.portal.name
            other = self._portals.setdefault(name, portal)
            if other is not portal:
                here, there = (item.own.source.at("portal", "name") for item in (portal, other))
                self.findings.append(Finding(here, f"{place(there, here)} is a portal of this name already"))
                self.findings.append(Finding(there, f"{place(here, there)} is a portal of this name too"))

    def _fragment(self, shaped: Shaped, entry: FragmentFile, file: File) -> None:
        portals = self._named(shaped, entry)
        if shaped.lost or not portals or len(portals) < len(entry.portals):
            self._teams_known = False
        # Check that all of the portals support the file's rules.
        ids = all("account_ids" in portal.provider.abilities for portal in portals)
        rules = self._rules(shaped, file, developer_ids=ids)
        path = self._resolve(file.path)
        named = naming(self._delegations, path)
        for portal in portals:
            portal.rules.append(rules)
            self.findings += check_granted(portal.delegation, shaped, path, rules, named)

    def _named(self, shaped: Shaped, entry: FragmentFile) -> list[_PortalDraft]:
        """Return the portals that a fragment names, without repetition."""
        named: dict[str, _PortalDraft] = {}
        paths = [("portals", index) for index in range(len(entry.portals))]
        for name, path in zip((entry.portal, *entry.portals), (("portal",), *paths), strict=True):
            if name is None:
                continue
            here = shaped.source.at(*path)
            if name in named:
                self.findings.append(Finding(here, "this portal is named twice"))
            elif name in self._portals:
                named[name] = self._portals[name]
            elif self._portals_known:
                hint = did_you_mean(name, self._portals)
                self.findings.append(Finding(here, f"no file has a `portal:` block of this name{hint}"))
        return list(named.values())

    def _rules(self, shaped: Shaped, file: File, *, developer_ids: bool) -> FileRules:
        rules, findings = rules_of(shaped, self._member_lists(shaped, file), developer_ids=developer_ids)
        self.findings += findings
        return rules

    def _member_lists(self, shaped: Shaped, file: File) -> dict[MemberFile, MemberList]:
        """Read the lists that a file's teams name; report their errors."""
        read: dict[MemberFile, MemberList] = {}
        for index, team in enumerate(shaped.entry.teams):
            wanted = team.members_from
            if not isinstance(wanted, MemberFile):
                continue
            found = self._read(file, wanted.file)
            if isinstance(found, str):
                self.findings.append(Finding(shaped.source.at("teams", index, "members_from"), found))
            elif wanted not in read:
                read[wanted], findings = csv_list.read(self._lists.setdefault(found.path, found), wanted)
                self.findings += findings
        return read


def _provider(shaped: Shaped, entry: RootFile) -> tuple[Provider, list[Finding]]:
    """Return the provider of a root file; without a valid one, a provider with every ability, to find more errors."""
    name = entry.portal.provider
    at = shaped.source.at("portal", "provider")
    found = find(name)
    if found is not None or "portal" in shaped.lost:
        return found or STAND_IN, []
    wrong, remedy = unknown(name)
    return STAND_IN, [Finding(at, f"{wrong}; {remedy[0].lower()}{remedy[1:].rstrip('.')}")]


def _check_portal(shaped: Shaped, entry: RootFile, provider: Provider | None) -> Iterator[Finding]:
    """Yield the errors of a `portal:` block, by the keys that are written. `provider` None: it is unknown."""
    source, portal = shaped.source, entry.portal
    written = source.keys("portal")
    if {"id", "title"} <= written:
        yield Finding(source.key_at("portal", "title"), "write `id` or `title`, not both")
    elif not {"id", "title"} & written:
        yield Finding(source.at("portal"), "no `id` or `title`; write one, to identify the portal")
    if provider is None:
        return
    for name, value in portal.options.items():
        yield from _check_option(source, provider, name, value)
    form = provider.id_form
    if form is not None and portal.id is not None and not form.fits(portal.id):
        yield Finding(
            source.at("portal", "id"), f"{shown_value(portal.id)} is not {form.words}, as ids of {provider.title} are"
        )


def _check_option(source: YamlSource, provider: Provider, name: str, value: str) -> Iterator[Finding]:
    """Yield the errors of a key of the `portal:` block that only some providers have."""
    keys = {key.name: key for key in provider.keys}
    known = ["name", "provider", "id", "title", *keys]
    if name not in keys:
        elsewhere = any(name == key.name for other in bundled() for key in other.keys)
        hint = "; leave it out" if elsewhere else did_you_mean(name, known) or f"; known here: {', '.join(known)}"
        yield Finding(source.key_at("portal", name), f"unknown key {quoted(name)} for {provider.title}{hint}")
        return
    choices = keys[name].choices
    if choices is not None and value not in choices:
        listed = f"{', '.join(choices[:-1])} or {choices[-1]}"
        text = f"{shown_value(value)}: expected {listed}{did_you_mean(value, choices)}"
        yield Finding(source.at("portal", name), text)


def _portal_manifest(portal: _PortalDraft, whole: Together) -> PortalManifest:
    entry, source = portal.entry, portal.own.source
    return PortalManifest(
        name=entry.portal.name,
        provider=entry.portal.provider,
        at=source.key_at("portal"),
        region=entry.portal.region,
        options=entry.portal.options,
        id=entry.portal.id,
        title=entry.portal.title,
        policy=_policy(entry.policy, source),
        trusted_domains=tuple(whole.trusted),
        denied_domains=tuple(whole.denied),
        teams=tuple(whole.teams),
        overrides=tuple(whole.overrides),
        access_requests=tuple(whole.access),
        protected=tuple(whole.protected),
        directories=portal.directories,
        trusted_groups=tuple(sorted((rule for file in portal.rules for rule in file.groups), key=group_value)),
        member_groups=tuple(
            sorted(
                (pair for file in portal.rules for pair in file.member_groups),
                key=lambda it: (it[0], group_value(it[1])),
            )
        ),
        acknowledgements=_acknowledgements(portal),
        files=tuple(sorted({file for rules in portal.rules for file in (rules.file, *rules.lists)})),
    )


def _acknowledgements(portal: _PortalDraft) -> NamedFile | None:
    path = portal.entry.acknowledgements
    return None if path is None else named_file(portal.file, path, portal.own.source.at("acknowledgements"))


def _policy(entry: PolicyEntry, source: YamlSource) -> Policy:
    return Policy(
        unmatched_pending=entry.unmatched.pending,
        unmatched_approved=entry.unmatched.approved,
        unmatched_why=_policy_why("unmatched", entry, source),
        reinstate=entry.reinstate,
        require_verified_email=entry.require_verified_email,
        on_revoke=entry.on_revoke,
        on_revoke_why=_policy_why("on_revoke", entry, source),
        allow_delete=entry.allow_delete,
        limits=entry.limits,
    )


def _policy_why(key: str, entry: PolicyEntry, source: YamlSource) -> Reason:
    """Return the reason for a key of the policy; a default has no place."""
    written = key in entry.model_fields_set
    return Reason.of("policy", key, source.key_at("policy", key) if written else None)
