"""Findings of drift that are acknowledged: listed apart, and no reason to fail, until the acknowledgement expires."""

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
    """Return the portals with acknowledged findings apart. An acknowledgement holds through its `expires` day (UTC).

    One that names another kind, developer or team than the finding has no effect: a reviewer has read what it names.
    """
    holding = {entry.finding: entry for entry in acknowledgements if not has_ended(entry, today)}
    return tuple(_apart(portal, holding) for portal in portals)


def acknowledgement_notices(
    portals: Iterable[PortalDrift], acknowledgements: Sequence[Acknowledgement], today: date, *, complete: bool = True
) -> Iterator[Notice]:
    """Yield a notice for each acknowledgement without effect.

    `portals` are those that `acknowledged` returned. `complete`: whether they are all portals that the
    acknowledgements may be about; otherwise nothing is said of those without a finding.
    """
    found = {finding.fingerprint: finding for portal in portals for finding in all_findings(portal)}
    for entry in acknowledgements:
        finding = found.get(entry.finding)
        if finding is not None or complete:
            yield from _notices(entry, finding, today)


def all_findings(portal: PortalDrift) -> Iterator[DriftFinding]:
    """Yield the findings of a portal, also those that are acknowledged."""
    yield from portal.findings
    yield from (known.finding for known in portal.acknowledged)


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
    """Return whether all that an acknowledgement says of its finding is true."""
    developer = (finding.developer or "").casefold()
    return (
        entry.kind in (None, finding.kind)
        and entry.team in (None, finding.team)
        and (entry.developer is None or entry.developer.casefold() == developer)
    )


def _apart(portal: PortalDrift, holding: Mapping[str, Acknowledgement]) -> PortalDrift:
    known, left = [], []
    for finding in portal.findings:
        entry = holding.get(finding.fingerprint)
        if entry is not None and _is_about(entry, finding):
            known.append(Acknowledged(finding, entry.reason, entry.expires, entry.at.file, entry.at.line))
        else:
            left.append(finding)
    return replace(portal, findings=tuple(left), acknowledged=tuple(known))
