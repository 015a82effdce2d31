"""Matches a vendor's log of changes with drift findings and developers. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import replace
from typing import get_args

from portalctl.changes.plan import Notice
from portalctl.insight.drift import DriftFinding, PortalDrift
from portalctl.insight.explain import PortalExplanation, Standing
from portalctl.portals.change_log import ChangeLog, Principal, PrincipalKind, RecordedChange
from portalctl.portals.models import Snapshot
from portalctl.words import moment, plural

UNREAD = "change_log_unread"  # codes of notices
LAST_CHANGE = "last_change"
MOST_CANDIDATES = 3  # principals that may have made one change
MOST_SHOWN = 10  # changes of one developer


def manual_changes(log: ChangeLog, portal_id: str, own: Collection[str]) -> tuple[RecordedChange, ...]:
    """Return the changes of a portal without those that portalctl sent (`own`: their traces), newest first."""
    wanted = portal_id.lower()
    return tuple(change for change in log.changes if change.portal_id == wanted and change.trace not in own)


def with_recorded(drift: PortalDrift, snapshot: Snapshot, log: ChangeLog, own: Collection[str]) -> PortalDrift:
    """Return the drift of a portal with its manual changes, and each finding with those that may have led to it."""
    wanted = drift.portal_id.lower()
    every = [change for change in log.changes if change.portal_id == wanted]
    teams: dict[str, list[str]] = {}
    for team in snapshot.teams:
        teams.setdefault(team.name, []).append(team.id)
    findings = tuple(
        replace(item, changed=_newest(_behind(item, every, teams.get(item.team or "", ())), own))
        for item in drift.findings
    )
    recorded, calls = manual_changes(log, drift.portal_id, own), drift.calls + log.calls
    return replace(drift, findings=findings, recorded=recorded, unrecorded=log.unread, calls=calls)


def _behind(
    finding: DriftFinding, changes: Iterable[RecordedChange], teams: Collection[str]
) -> Iterator[RecordedChange]:
    """Yield the changes of what a finding is about, newest first. `teams`: the ids of its team.

    The log does not name the developer who was added to a team: then it is any addition since they were removed."""
    for change in changes:
        if finding.developer_id is None:
            if change.what in {"team", "role"} and change.team_id in teams:
                yield change
        elif finding.team is None:
            if (change.what, change.developer_id) == ("developer", finding.developer_id) and not _is_access(finding):
                yield change
        elif change.what == "member" and change.team_id in teams:
            if change.developer_id == finding.developer_id:
                yield from () if finding.live == "member" else (change,)
                return
            if change.developer_id is None and finding.live == "member":
                yield change


def _is_access(finding: DriftFinding) -> bool:
    """Return whether a finding is about a registration: the log has its application only."""
    return finding.live.startswith("registration of ")


def _newest(changes: Iterable[RecordedChange], own: Collection[str]) -> tuple[RecordedChange, ...]:
    """Return the newest change; of additions to a team the newest one of each principal. None of portalctl's own."""
    changes = list(changes)
    additions = [change for change in changes if change.what == "member" and change.developer_id is None]
    if not additions:
        return tuple(change for change in changes[:1] if change.trace not in own)
    newest = {change.principal.id: change for change in reversed(additions) if change.trace not in own}
    return tuple(change for change in additions if newest.get(change.principal.id) is change)[:MOST_CANDIDATES]


def with_last_changes(
    explanation: PortalExplanation, portal_id: str, log: ChangeLog | None, own: Collection[str]
) -> PortalExplanation:
    """Return an explanation with the last changes of each account as notices; None: the vendor has no log."""
    if log is None:
        return explanation
    unread = [Notice(UNREAD, "info", unread_words(log.unread))] if log.unread is not None else []
    standings = []
    for number, standing in enumerate(explanation.standings):
        more = [*_last_changes(standing, portal_id.lower(), log, own), *(unread if number == 0 else ())]
        standings.append(replace(standing, notices=(*standing.notices, *more)))
    return replace(explanation, standings=tuple(standings))


def _last_changes(standing: Standing, portal_id: str, log: ChangeLog, own: Collection[str]) -> list[Notice]:
    mine = [change for change in log.changes if (change.portal_id, change.developer_id) == (portal_id, standing.id)]
    texts = (
        f"{moment(change.at)}: {change.method} {change.path} by {'portalctl, ' if change.trace in own else ''}"
        f"{principal_words(change.principal)}"
        for change in mine[:MOST_SHOWN]
    )
    return [Notice(LAST_CHANGE, "info", text, standing.developer) for text in texts]


def drift_notices(portals: Iterable[PortalDrift]) -> list[Notice]:
    """Return a notice for each portal with manual changes, and one for each log that could not be read."""
    portals = list(portals)
    changed = [
        Notice("manual_changes", "info", f"{portal.name}: {recorded_words(portal.recorded)}")
        for portal in portals
        if portal.recorded
    ]
    unread = dict.fromkeys(portal.unrecorded for portal in portals if portal.unrecorded is not None)
    return [*changed, *(Notice(UNREAD, "info", unread_words(text)) for text in unread)]


def unread_words(cause: str) -> str:
    return f"who made manual changes could not be read: {cause}"


def recorded_words(changes: Sequence[RecordedChange]) -> str:
    """Return changes in words: `3 manual changes of the last 7 days (2 by users, 1 by system accounts)`."""
    names = {"user": "user", "system_account": "system account", "unknown": "unknown principal"}
    kinds = ", ".join(f"{count:,} by {names[kind]}s" for kind, count in kinds_of(changes).items() if count)
    return f"{plural(len(changes), 'manual change')} of the last 7 days ({kinds})"


def principal_words(principal: Principal) -> str:
    """Return a principal in words: `Ann Administrator (user)`."""
    kind = principal.kind.replace("_", " ") if principal.kind != "unknown" else "unknown principal"
    return f"{principal.name or principal.id or 'nobody'} ({kind})"


def changed_words(changes: Sequence[RecordedChange]) -> str:
    """Return who led to a finding: `changed by Ann Administrator (user), 2026-06-15 08:00 UTC`."""
    names = [f"{principal_words(change.principal)}, {moment(change.at)}" for change in changes]
    return f"changed by {'one of ' if len(names) > 1 else ''}{'; '.join(names)}" if names else ""


def kinds_of(changes: Iterable[RecordedChange]) -> dict[PrincipalKind, int]:
    """Return the number of changes by kind of principal."""
    count = Counter(change.principal.kind for change in changes)
    return {kind: count[kind] for kind in get_args(PrincipalKind)}
