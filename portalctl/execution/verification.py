"""The parts of a portal to read to verify changes, and descriptions of the states seen. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from portalctl.changes.operation import State
from portalctl.changes.operations import Change, DeleteDeveloper
from portalctl.portals.models import Sighting, Touched


def touched(changes: Iterable[Change]) -> Touched:
    """Return the parts of a portal to read to verify these changes."""
    changes = list(changes)
    developers = [change.developer for change in changes if change.developer is not None]
    of_registrations = [change for change in changes if "registrations" in change.facts]
    return Touched(
        developers=tuple(
            sorted({developer.id: developer.email for developer in developers if developer.id is not None}.items())
        ),
        newcomers=frozenset(developer.name for developer in developers if developer.id is None),
        registrations_of=frozenset(change.developer.key for change in of_registrations if change.developer),
        registrations=frozenset(change.registration for change in changes if change.registration is not None),
        requests=frozenset(change.detail[0] for change in changes if "requests" in change.facts),
        teams=frozenset(change.team for change in changes if change.team is not None),
        members_of=frozenset(
            change.team for change in changes if change.team is not None and change.developer is not None
        ),
        roles_of=frozenset(change.team for change in changes if change.team is not None and "roles" in change.facts),
    )


def touched_alone(change: Change) -> Touched:
    """Return the parts to read for this change only. Of a developer's teams only their membership counts."""
    one = touched([change])
    return replace(one, teams=frozenset()) if change.developer is not None else one


def newcomer_ids(seen: Sighting) -> dict[str, str]:
    """Return the ids of developers who had no account when the plan was made, by address."""
    return {address: developer.id for address, developer in seen.newcomers.items()}


def statuses(changes: Iterable[Change]) -> dict[str, frozenset[str | None]]:
    """Return the statuses of developers before and after a plan, by their key in it. None: no account."""
    known: dict[str, set[str | None]] = {}
    for change in changes:
        if change.developer is None:
            continue
        of_developer = known.setdefault(change.developer.key, {change.developer_status})
        if change.new_status is not None:
            of_developer.add(change.new_status)
        elif isinstance(change, DeleteDeveloper):
            of_developer.add(None)
    return {developer: frozenset(item) for developer, item in known.items()}


def words(state: State | None, nothing: str = "gone") -> str:
    """Format a state for messages."""
    if state is None:
        return nothing
    return ", ".join(_fact(*entry) for entry in state.items())


def _fact(key: str, value: str | bool | None) -> str:
    return f"{key} {value}" if not isinstance(value, bool) else f"{'' if value else 'not '}{key.replace('_', ' ')}"
