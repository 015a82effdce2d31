"""The content of a snapshot as text: figures, without addresses."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from portalctl.output.escaping import terminal
from portalctl.output.text.style import Style, joined
from portalctl.portals.snapshot_file import SavedPortal, SavedSnapshot
from portalctl.words import moment, plural


def snapshot_text(document: SavedSnapshot, style: Style) -> str:
    """Return each portal with the time of its snapshot and its figures; then the digest."""
    blocks = [line for portal in document.portals for line in _portal(portal, style)]
    return joined([*blocks, f"digest {terminal(document.digest)}"])


def _portal(saved: SavedPortal, style: Style) -> Iterator[str]:
    portal, snapshot = saved.portal, saved.snapshot
    yield f"{style.strong(portal.name)}  {terminal(portal.provider)} · {terminal(snapshot.server)}"
    yield f"  read {moment(snapshot.observed_at)}"
    counts = Counter(developer.status for developer in snapshot.developers)
    statuses = ", ".join(f"{count:,} {terminal(status)}" for status, count in sorted(counts.items()))
    yield f"  {plural(len(snapshot.developers), 'developer')}{f': {statuses}' if statuses else ''}"
    members = sum(map(len, snapshot.members.values()))
    yield f"  {plural(len(snapshot.teams), 'team')}, {plural(members, 'membership')}"
