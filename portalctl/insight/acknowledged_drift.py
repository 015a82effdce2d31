"""Acknowledged drift findings: listed separately, and without effect on the exit code, until they expire."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import date

from portalctl.changes.plan import Notice
from portalctl.insight.drift import Acknowledged, DriftFinding, PortalDrift
from portalctl.manifest.acknowledgements_file import Acknowledgement


def acknowledged(
    portals: Iterable[PortalDrift], acknowledgements: Iterable[Acknowledgement], today: date
) -> tuple[PortalDrift, ...]:
    """Return the portals with their acknowledged findings moved to `acknowledged`.

    An acknowledgement holds through its `expires` day (UTC). One that names another kind, developer or team than its
    finding has no effect, since its reviewer accepted something else.
    """
    holding = {entry.finding: entry for entry in acknowledgements if not has_ended(entry, today)}
    return tuple(_separated(portal, holding) for portal in portals)


def acknowledgement_notices(
    portals: Iterable[PortalDrift], acknowledgements: Sequence[Acknowledgement], today: date, *, complete: bool = True
) -> Iterator[Notice]:
    """Yield a notice for each acknowledgement without effect.

    Args:
        portals: what `acknowledged` returned.
        complete: whether these are all portals of the acknowledgements; if not, an acknowledgement without a finding
            may belong to another portal, and yields no notice.
    """
    found = {finding.fingerprint: finding for portal in portals for finding in all_findings(portal)}
    for entry in acknowledgements:
        finding = found.get(entry.finding)
        if finding is not None or complete:
            yield from _notices(entry, finding, today)


def all_findings(portal: PortalDrift) -> Iterator[DriftFinding]:
    """Yield the findings of a portal, including the acknowledged ones."""
    yield from portal.findings
    yield from (entry.finding for entry in portal.acknowledged)


def has_ended(entry: Acknowledgement, today: date) -> bool:
    """Return whether the last day of an acknowledgement has passed."""
    return entry.expires is not None and entry.expires < today


def _notices(entry: Acknowledgement, finding: DriftFinding | None, today: date) -> Iterator[Notice]:
    if finding is None:
        text = f"{entry.finding} is no longer found; remove its acknowledgement: portalctl acknowledge --prune"
        yield Notice("acknowledgement_unknown", "info", text, file=entry.at.file, line=entry.at.line)
    elif has_ended(entry, today):
        text = f"the acknowledgement of {entry.finding} expired after {entry.expires}; the finding counts again"
        yield Notice("acknowledgement_ended", "warning", text, file=entry.at.file, line=entry.at.line)
    elif not _is_about(entry, finding):
        text = f"the acknowledgement of {entry.finding} names another kind, developer or team; the finding counts"
        yield Notice("acknowledgement_mismatch", "warning", text, file=entry.at.file, line=entry.at.line)


def _is_about(entry: Acknowledgement, finding: DriftFinding) -> bool:
    """Return whether an acknowledgement names no other kind, developer or team than its finding has."""
    developer = (finding.developer or "").casefold()
    return (
        entry.kind in (None, finding.kind)
        and entry.team in (None, finding.team)
        and (entry.developer is None or entry.developer.casefold() == developer)
    )


def _separated(portal: PortalDrift, holding: Mapping[str, Acknowledgement]) -> PortalDrift:
    """Return a portal with its acknowledged findings moved to `acknowledged`."""
    accepted, remaining = [], []
    for finding in portal.findings:
        entry = holding.get(finding.fingerprint)
        if entry is not None and _is_about(entry, finding):
            accepted.append(Acknowledged(finding, entry.reason, entry.expires, entry.at.file, entry.at.line))
        else:
            remaining.append(finding)
    return replace(portal, findings=tuple(remaining), acknowledged=tuple(accepted))
