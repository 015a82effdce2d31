"""Finds the teams that an identity provider fills against the manifest. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from portalctl.changes.observations import MappedTeam
from portalctl.portals.models import Snapshot, TeamMapping
from portalctl.rules.rulebook import Rulebook


def mappings_by_name(snapshot: Snapshot) -> dict[str, tuple[TeamMapping, ...]]:
    """Return the mappings of each team by its name, or by its id where the portal has no such team."""
    names = {team.id: team.name for team in snapshot.teams}
    found: dict[str, list[TeamMapping]] = {}
    for mapping in snapshot.settings.mappings:
        found.setdefault(names.get(mapping.team_id, mapping.team_id), []).append(mapping)
    return {name: tuple(mappings) for name, mappings in found.items()}


def mapped_teams(book: Rulebook, snapshot: Snapshot) -> Iterator[MappedTeam]:
    """Yield the mapped teams that rules manage too, and those that the manifest does not declare.

    A team with `membership: idp` or `synced: true` is left to the identity provider.
    """
    declared = {team.name: team for team in book.portal.teams}
    managed = book.touched_teams()
    for name, mappings in sorted(mappings_by_name(snapshot).items()):
        team = declared.get(name)
        if team is None or (
            team.membership != "idp" and not team.synced and (name in managed or team.synced is False)
        ):
            yield MappedTeam(name, mappings, team)
