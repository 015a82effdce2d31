"""The state of the directories that rules take groups from, from the last run of each portal. Pure."""

from __future__ import annotations

from collections.abc import Mapping

from portalctl.controller.models import DirectoryView, GroupUse
from portalctl.controller.turn import RunOutcome
from portalctl.group_reading import definitions, wanted_groups
from portalctl.manifest.model import PortalManifest


def directory_views(
    portals: Mapping[str, PortalManifest], outcomes: Mapping[str, RunOutcome]
) -> tuple[DirectoryView, ...]:
    """Return the directories of a manifest, by name, with the groups that its rules name."""
    wanted = wanted_groups(portals.values())
    return tuple(
        DirectoryView(
            name=name,
            kind=directory.kind,
            groups=tuple(_group(name, group, portals, outcomes) for group in sorted(wanted.get(name, ()))),
            problems={
                portal: outcome.unread[name] for portal, outcome in sorted(outcomes.items()) if name in outcome.unread
            },
        )
        for name, directory in sorted(definitions(portals.values()).items())
    )


def _group(
    directory: str, group: str, portals: Mapping[str, PortalManifest], outcomes: Mapping[str, RunOutcome]
) -> GroupUse:
    users = tuple(
        name
        for name, portal in sorted(portals.items())
        if any((rule.directory, rule.group) == (directory, group) for rule in portal.group_rules)
    )
    read = [outcomes[name] for name in users if name in outcomes and (directory, group) in outcomes[name].group_sizes]
    newest = max(read, key=lambda outcome: outcome.group_times[directory], default=None)
    if newest is None:
        return GroupUse(group, users)
    return GroupUse(group, users, newest.group_sizes[directory, group], newest.group_times[directory])
