"""The groups that a run needs: each read once from its directory, or found in a saved snapshot."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from portalctl.cancellation import Stop
from portalctl.directories.access import Access
from portalctl.directories.connection import Connection
from portalctl.directories.kinds import KINDS
from portalctl.directories.protocol import DirectoryError, Facts, Group
from portalctl.directories.reading import Filter, GroupReading, reading_of
from portalctl.errors import BadUsageError, Finding, InputError, Position
from portalctl.events import Observer, ignore
from portalctl.http.throttle import Throttles
from portalctl.manifest.group_rules import group_value
from portalctl.manifest.model import Directory, PortalManifest
from portalctl.rules.groups import Groups
from portalctl.words import quoted

CheckedGroup = GroupReading | DirectoryError
GroupNames = dict[str, dict[str, None]]  # group names by directory name, in order
LEFT_OUT = "--without-directory"


@dataclass(frozen=True, slots=True)
class Directories:
    """The directories of a run.

    `accesses`: the address and the credential of each, by name. `without`: the names of those left out on purpose.
    """

    accesses: Mapping[str, Access] = field(default_factory=dict)
    without: frozenset[str] = frozenset()


def wanted_groups(portals: Iterable[PortalManifest]) -> GroupNames:
    """Return the groups named by rules, also by expired ones: the access that only these granted is removed."""
    wanted: GroupNames = {}
    for portal in portals:
        for rule in portal.group_rules:
            wanted.setdefault(rule.directory, {})[rule.group] = None
    return wanted


def definitions(portals: Iterable[PortalManifest]) -> dict[str, Directory]:
    """Return the directories that portals declare, by name. All portals declare a name in the same way."""
    return {name: directory for portal in portals for name, directory in portal.directories.items()}


NO_DIRECTORIES = Directories()


@dataclass(frozen=True, slots=True)
class GroupReader:
    """Reads groups for one run. `now` returns the time as RFC 3339."""

    directories: Directories
    now: Callable[[], str]
    observer: Observer = ignore
    stop: Stop = field(default_factory=Stop)
    throttles: Throttles = field(default_factory=Throttles)

    def read(
        self,
        heads: Sequence[PortalManifest],
        bases: Sequence[PortalManifest] = (),
        more: Iterable[tuple[str, str]] = (),
    ) -> Groups:
        """Return the groups that a plan needs.

        Args:
            heads: the portals to plan. Their groups are required.
            bases: the portals that `heads` are compared with. Their groups are left out where they cannot be read.
            more: further required groups, as names of directory and group.

        Raises DirectoryError if a required group could not be read completely, and BadUsageError if the run has no
        access to a directory.
        """
        without = self.directories.without
        unread = dict.fromkeys(without, LEFT_OUT)
        known, readings = definitions(heads), dict[tuple[str, str], GroupReading]()
        wanted, before = wanted_groups(heads), wanted_groups(bases)
        for directory_name, group in more:
            wanted.setdefault(directory_name, {})[group] = None
        lenient = bool(without)
        for name in sorted({*wanted, *before} - without):
            groups, others = wanted.get(name, {}), before.get(name, {})
            directory = known.get(name)
            if directory is None or not all(base.directories.get(name, directory) == directory for base in bases):
                if directory is None:
                    continue  # only the base declares it
                others = {}
            if not groups and name not in self.directories.accesses:
                continue  # only rules of the base name its groups
            for reading in self.of_directory(directory, groups, others, lenient=lenient):
                readings[reading.directory, reading.asked] = reading
        return Groups(readings, unread, lenient)

    def read_available(self, heads: Sequence[PortalManifest]) -> tuple[Groups, dict[str, DirectoryError]]:
        """Return the groups of every directory that can be read completely, and the errors of the others by name.

        The groups of a directory that cannot be read grant nothing and remove nothing, as with `--without-directory`.
        """
        known, wanted = definitions(heads), wanted_groups(heads)
        readings = dict[tuple[str, str], GroupReading]()
        errors = dict[str, DirectoryError]()
        for name in sorted(wanted.keys() - self.directories.without):
            try:
                found = self.of_directory(known[name], wanted[name], lenient=True)
            except DirectoryError as error:
                errors[name] = error
            else:
                readings |= {(reading.directory, reading.asked): reading for reading in found}
        unread = {**dict.fromkeys(self.directories.without, LEFT_OUT), **{name: str(errors[name]) for name in errors}}
        return Groups(readings, unread, lenient=True), errors

    def of_directory(
        self,
        directory: Directory,
        groups: Iterable[str],
        optional: Iterable[str] = (),
        *,
        lenient: bool = False,
    ) -> list[GroupReading]:
        """Return groups of one directory, read over one connection.

        Raises DirectoryError if one of `groups` cannot be read. Those of `optional` are then left out.
        """
        needed = dict.fromkeys(groups)
        further = [group for group in dict.fromkeys(optional) if group not in needed]
        if not needed and not further:
            return []
        keep = Filter(directory.domains, directory.ignore_without_address or lenient)
        found: list[GroupReading] = []
        with KINDS[directory.kind].connect(self.connection(directory)) as opened:
            for group in needed:
                found.append(reading_of(opened.read(group), directory.name, group, keep))
            for group in further:
                try:
                    found.append(reading_of(opened.read(group), directory.name, group, keep))
                except DirectoryError:
                    continue  # the change under review may repair a fault of its base
        return found

    def check(self, directory: Directory, groups: Iterable[str]) -> tuple[Facts, list[CheckedGroup]]:
        """Return the facts about a directory, and each group or the error at reading it, over one connection.

        Raises DirectoryError if the directory itself cannot be read.
        """
        keep = Filter(directory.domains, directory.ignore_without_address)
        with KINDS[directory.kind].connect(self.connection(directory)) as opened:
            facts = opened.begin()
            found: list[CheckedGroup] = []
            for group in groups:
                try:
                    found.append(reading_of(opened.read(group), directory.name, group, keep))
                except DirectoryError as error:
                    found.append(error)
        return facts, found

    def read_group(self, directory: Directory, group: str) -> tuple[Group, GroupReading]:
        """Return one group as the directory returns it, and as rules use it. Raises DirectoryError."""
        keep = Filter(directory.domains, directory.ignore_without_address)
        with KINDS[directory.kind].connect(replace(self.connection(directory), names=True)) as opened:
            found = opened.read(group)
        return found, reading_of(found, directory.name, group, keep)

    def connection(self, directory: Directory) -> Connection:
        """Return the settings of a connection. Raises BadUsageError if the run has no access to the directory."""
        access = self.directories.accesses.get(directory.name)
        if access is None:
            raise BadUsageError(
                f"directory {directory.name}: the run has no access to it",
                f"Pass one: Run(…, directories=Directories({{{directory.name!r}: Access(…)}})).",
            )
        kind = KINDS[directory.kind]
        return Connection(
            kind,
            directory.name,
            access,
            directory.email or kind.email,
            directory.options,
            self.now,
            ignore_missing=directory.ignore_missing,
            observer=self.observer,
            stop=self.stop,
            throttles=self.throttles,
        )


def saved_groups(
    saved: Sequence[GroupReading], heads: Sequence[PortalManifest], without: frozenset[str] = frozenset()
) -> Groups:
    """Return the groups of a snapshot. Raises InputError if it lacks a group that a rule of `heads` names."""
    readings = {(reading.directory, reading.asked): reading for reading in saved}
    missing = [
        Finding(rule.why.at or Position(portal.at.file, 1, 1), _lacks(group_value(rule)))
        for portal in heads
        for rule in portal.group_rules
        if rule.directory not in without and (rule.directory, rule.group) not in readings
    ]
    if missing:
        raise InputError(tuple(missing), "The snapshot does not have all groups that the rules name.")
    return Groups(readings, dict.fromkeys(without, LEFT_OUT), bool(without))


def _lacks(group: str) -> str:
    command = f"portalctl snapshot --group {shlex.quote(group)} --out FILE"
    return f"{quoted(group)}: group not in the snapshot; take the snapshot again with {command}"
