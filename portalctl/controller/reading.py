"""What the controller remembers of its last reading of a portal, and what others changed since. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime
from typing import Final

from portalctl.controller.models import NOT_KNOWN, ExternalChange, Reading
from portalctl.execution.report import PortalReport
from portalctl.portals.models import Snapshot

MANY: Final = 5  # developers or teams: a smaller portal may well be emptied by an administrator


def reading_of(snapshot: Snapshot, at: datetime) -> Reading:
    """Return what is remembered of a snapshot."""
    statuses = {developer.id: developer.status for developer in snapshot.developers}
    return Reading(developers=statuses, teams=len(snapshot.teams), at=at)


def after_writes(reading: Reading, reports: Iterable[PortalReport]) -> Reading:
    """Return what is remembered, with the results of our own writes.

    The status of a developer with an unknown result is not known: whatever it turns out to be, others did not do it.
    """
    statuses = dict(reading.developers)
    teams = reading.teams
    for settled in (item for report in reports for item in report.settled):
        change = settled.change
        if settled.result == "confirmed" and change.developer is None and change.creates:
            teams += 1
        if change.developer is None or change.developer.id is None or change.new_status is None:
            continue
        if settled.result == "confirmed":
            statuses[change.developer.id] = change.new_status
        elif settled.result == "unknown":
            statuses[change.developer.id] = NOT_KNOWN
    return replace(reading, developers=statuses, teams=teams)


def changed_by_others(before: Reading, snapshot: Snapshot, at: datetime) -> tuple[ExternalChange, ...]:
    """Return the changes of status, deletions and sign-ups since the portal was last read; none of them is ours."""
    now = {developer.id: developer for developer in snapshot.developers}
    found = []
    for key, status in before.developers.items():
        developer = now.get(key)
        if status == NOT_KNOWN:
            continue
        if developer is None:
            found.append(ExternalChange(key, None, "account", status, None, at))
        elif developer.status != status:
            found.append(ExternalChange(key, developer.email, "status", status, developer.status, at))
    new = (developer for key, developer in now.items() if key not in before.developers)
    found += [ExternalChange(one.id, one.email, "account", None, one.status, at) for one in new]
    return tuple(found)


def sudden(before: Reading, snapshot: Snapshot, others: Iterable[ExternalChange], percent: int) -> str | None:
    """Return why a portal changed too much since the last reading to be written to; None: it did not.

    Args:
        others: what `changed_by_others` returned.
        percent: the policy's `removals_percent`.
    """
    known = len(before.developers)
    if known > MANY and not snapshot.developers:
        return f"the portal has no developers any more; it had {known:,} at the last reading"
    if before.teams > MANY and not snapshot.teams:
        return f"the portal has no teams any more; it had {before.teams:,} at the last reading"
    changed = sum(item.before is not None for item in others)
    if changed >= MANY and changed * 100 > percent * known:
        return (
            f"{changed:,} of {known:,} developers were changed or deleted by others since the last reading; "
            f"policy.limits.removals_percent is {percent}"
        )
    return None
