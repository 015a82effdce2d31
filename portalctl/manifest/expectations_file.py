"""Files of expectations: what the rules of the manifest have to yield, for `portalctl test`."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Final, Literal

from portalctl.errors import Finding, InputError, Position
from portalctl.identity import normal_address, normal_domain
from portalctl.ids import is_id
from portalctl.manifest.file_models import ExpectationEntry, ExpectationFile, ExpectedStatus
from portalctl.manifest.file_rules import no_address, no_domain
from portalctl.manifest.files import File, read_files, shown_path
from portalctl.manifest.group_rules import TrustedGroup, group_value
from portalctl.manifest.model import Manifest, PortalManifest, TrustedDomain
from portalctl.manifest.validation import Shaped, ShapedExpectations, read_entries
from portalctl.manifest.value_display import shown_value
from portalctl.providers.registry import provider_named
from portalctl.words import did_you_mean, quoted

_BESIDE: Final = re.compile(r"\.test\.ya?ml\Z", re.ASCII | re.IGNORECASE)
#: The members of groups, as pairs of a group (`directory/group`) and an address in normal form.
GroupMembers = frozenset[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class Expectation:
    """One expectation, checked against the names in the manifest.

    `subject` is an address, id or domain in normal form. `status` and `teams` None: nothing is expected. `members`:
    all members of all groups. `answers`: those to the sign-up form, by field. `on` None: today. The others: see
    `ExpectationEntry`.
    """

    at: Position
    portal: str
    about: Literal["developer", "domain"]
    subject: str
    status: ExpectedStatus | None
    teams: tuple[str, ...] | None
    not_teams: tuple[str, ...]
    members: GroupMembers
    answers: tuple[tuple[str, tuple[str, ...]], ...]
    on: date | None
    live: Literal["pending", "approved", "revoked", "rejected"]
    email_verified: bool


def found_expectations(paths: Sequence[Path], manifest: Manifest) -> list[File]:
    """Return the files of expectations at the paths of a manifest, and beside its files by their names.

    Raises InputError for a file or folder that cannot be read.
    """
    beside = [found for path in paths if path.is_file() for found in _beside(path.parent)]
    others = [path for path in paths if shown_path(path) not in manifest.files]  # a pipe can be read once only
    read, findings = read_files([*others, *(found for found in beside if isinstance(found, Path))])
    findings += [found for found in beside if isinstance(found, Finding)]
    if findings:
        raise InputError(tuple(findings))
    return [file for file in read if file.shown not in manifest.files and is_expectations(file)]


def _beside(folder: Path) -> Iterator[Path | Finding]:
    try:
        names = sorted(entry.name for entry in folder.iterdir())
    except OSError as error:
        yield Finding(Position(shown_path(folder), 1, 1), f"cannot read this folder: {error.strerror}")
        return
    yield from (folder / name for name in names if _BESIDE.search(name) and (folder / name).is_file())


def is_expectations(file: File) -> bool:
    """Return whether a file is one of expectations, by its keys."""
    return isinstance(read_entries(file.shown, file.content).shaped, ShapedExpectations)


def load_expectations(
    files: Sequence[File], portals: Mapping[str, PortalManifest], findings: Sequence[Finding] = ()
) -> tuple[Expectation, ...]:
    """Return the expectations in files, in their order. Does no I/O.

    Args:
        portals: those of the manifest, by name.
        findings: the errors found so far.

    Raises InputError with everything that is wrong in any file.
    """
    errors = list(findings)
    found: list[Expectation] = []
    for file in files:
        if _is_manifest(file):
            at = Position(file.shown, 1, 1)
            errors.append(Finding(at, "this is a manifest file, not one of expectations; pass it with -f"))
            continue
        entries = read_entries(file.shown, file.content, ExpectationFile)
        errors += entries.findings
        if isinstance(entries.shaped, ShapedExpectations):
            checks = _ExpectationChecks(entries.shaped, portals, faulty=bool(entries.findings))
            found += checks.expectations()
            errors += checks.findings
    if errors:
        raise InputError(tuple(dict.fromkeys(errors)))
    return tuple(found)


def _is_manifest(file: File) -> bool:
    shaped = read_entries(file.shown, file.content).shaped
    return isinstance(shaped, Shaped) and bool({"portal", "portals"} & shaped.source.keys())


class _ExpectationChecks:
    """The checks of one file that need the manifest."""

    def __init__(self, shaped: ShapedExpectations, portals: Mapping[str, PortalManifest], *, faulty: bool) -> None:
        self.findings: list[Finding] = []
        self._source = shaped.source
        self._entry = shaped.entry
        self._faulty = faulty  # entries may be missing
        self._portals = portals

    def expectations(self) -> Iterator[Expectation]:
        """Yield the expectations without errors; the errors are in `findings`."""
        if not self._entry.expectations and not self._faulty:
            self._find("expected at least one entry", "expectations")
        members = self._members()
        for index, entry in enumerate(self._entry.expectations):
            portal = self._portal(entry, index)
            subject = self._subject(entry, index, portal)
            self._check_keys(index)
            if portal is None or subject is None:
                continue
            self._check_names(entry, index, portal)
            own = {(group, subject) for group in entry.groups}
            yield Expectation(
                at=self._source.at("expectations", index),
                portal=portal.name,
                about="domain" if entry.developer is None else "developer",
                subject=subject,
                status=entry.status,
                teams=entry.teams,
                not_teams=entry.not_teams,
                members=members | own if own else members,
                answers=tuple(entry.answers.items()),
                on=entry.on,
                live=entry.live,
                email_verified=entry.email_verified,
            )

    def _members(self) -> GroupMembers:
        known = {name for portal in self._portals.values() for name in _groups(portal)}
        found = set()
        for group, addresses in self._entry.groups.items():
            if group not in known:
                self._find(_unknown_group(group, known), "groups", group, key=True)
            for number, text in enumerate(addresses):
                address = normal_address(text)
                if address is None:
                    self._find(no_address(text), "groups", group, number)
                else:
                    found.add((group, address))
        return frozenset(found)

    def _portal(self, entry: ExpectationEntry, index: int) -> PortalManifest | None:
        names = tuple(self._portals)
        if entry.portal is None:
            if len(names) == 1:
                return self._portals[names[0]]
            text = f"the manifest has {len(names)} portals; write `portal:` with one of: {', '.join(names)}"
            self._find(text, "expectations", index)
        elif entry.portal not in self._portals:
            text = f"{quoted(entry.portal)}: portal not declared in the manifest{did_you_mean(entry.portal, names)}"
            self._find(text, "expectations", index, "portal")
        return self._portals.get(entry.portal or "")

    def _subject(self, entry: ExpectationEntry, index: int, portal: PortalManifest | None) -> str | None:
        """Return the developer or the domain in normal form."""
        if entry.developer is not None:
            ids = portal is not None and "account_ids" in provider_named(portal.provider).abilities
            address = normal_address(entry.developer)
            if address is None and ids and is_id(entry.developer):
                return entry.developer
            if address is None:
                text = no_address(entry.developer, " or a developer_id" if ids else "")
                self._find(text, "expectations", index, "developer")
            return address
        if entry.domain is None:
            return None
        domain = normal_domain(entry.domain)
        if domain is None:
            self._find(no_domain(entry.domain), "expectations", index, "domain")
        return domain

    def _check_keys(self, index: int) -> None:
        """Check which keys go together."""
        written = self._source.keys("expectations", index)  # also wrong ones, which are reported already
        if len({"developer", "domain"} & written) != 1:
            self._find("write `developer` or `domain`: who is expected to have this", "expectations", index)
        if not {"is", "teams", "not_teams"} & written:
            self._find("this expects nothing; write `is`, `teams` or `not_teams`", "expectations", index)
        if "domain" in written and "groups" in written:
            text = "`groups` goes with `developer`: a domain is in no group"
            self._find(text, "expectations", index, "groups", key=True)

    def _check_names(self, entry: ExpectationEntry, index: int, portal: PortalManifest) -> None:
        """Check that the portal has the teams and groups: a misspelt team in `not_teams` would always pass."""
        teams, groups = {team.name for team in portal.teams}, _groups(portal)
        for key, names in (("teams", entry.teams or ()), ("not_teams", entry.not_teams)):
            for number, name in enumerate(names):
                if name not in teams:
                    text = f"{shown_value(name)}: team not declared for {portal.name}{did_you_mean(name, teams)}"
                    self._find(text, "expectations", index, key, number)
        for number, name in enumerate(entry.not_teams):
            if name in (entry.teams or ()):
                text = f"{shown_value(name)} is in `teams`, too; delete one"
                self._find(text, "expectations", index, "not_teams", number)
        fields = _fields(portal)
        for field in entry.answers:
            if field not in fields:
                text = f"{shown_value(field)}: no `teams_by` maps this field{did_you_mean(field, fields)}"
                self._find(text, "expectations", index, "answers", field, key=True)
        for number, group in enumerate(entry.groups):
            if group not in groups:
                self._find(_unknown_group(group, groups), "expectations", index, "groups", number)

    def _find(self, message: str, *path: str | int, key: bool = False) -> None:
        at = self._source.key_at(*path) if key else self._source.at(*path)
        self.findings.append(Finding(at, message))


def _groups(portal: PortalManifest) -> set[str]:
    """Return the groups that rules of a portal rest on."""
    return {group_value(rule) for rule in portal.group_rules}


def _fields(portal: PortalManifest) -> set[str]:
    """Return the fields of the sign-up form that rules map to teams."""
    rules: tuple[TrustedDomain | TrustedGroup, ...] = (*portal.trusted_domains, *portal.trusted_groups)
    return {rule.teams_by.field for rule in rules if rule.teams_by is not None}


def _unknown_group(group: str, known: Collection[str]) -> str:
    return f"{shown_value(group)}: no rule names this group{did_you_mean(group, known)}"
