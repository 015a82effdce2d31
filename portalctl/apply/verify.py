"""Comparing a change with the live state: still as before, already as wanted, or neither. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

from portalctl.plan.model import Change, State
from portalctl.portal.models import Sighting, Touched

Stand = Literal["before", "after", "other"]


def touched(changes: Iterable[Change]) -> Touched:
    """What has to be looked at to know where these changes stand."""
    changes = list(changes)
    people = {c.developer.id: c.developer.email for c in changes if c.developer is not None}
    return Touched(
        people=tuple(sorted(people.items())),
        teams=frozenset(c.team for c in changes if c.team is not None),
        members_of=frozenset(c.team for c in changes if c.team is not None and c.developer is not None),
    )


def stand(change: Change, seen: Sighting) -> Stand:
    """Where a change stands now."""
    live = live_state(change, seen)
    if live == _compared(change.after, live):
        return "after"
    return "before" if live == _compared(change.before, live) else "other"


def live_state(change: Change, seen: Sighting) -> State | None:
    """The live side of a change, in the form of its `before` and `after`; None: the person or team is gone."""
    if change.developer is None:
        team = seen.teams.get(change.team or "")
        return {"name": team.name, "description": team.description} if team is not None else None
    status = seen.status.get(change.developer.id)
    if status is None:
        return None
    if change.team is None:
        return {"status": status}
    return {"member": change.developer.id in seen.members.get(change.team, ())}


def _compared(wanted: State | None, live: State | None) -> State | None:
    """What `live` would have to be: what a change does not name does not count."""
    return wanted if wanted is None or live is None else {**live, **wanted}
