"""Findings of drift that people have acknowledged: listed apart, and no reason to fail, while that holds."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import date

from portalctl.changes.plan import Notice
from portalctl.insight.drift import Acknowledged, PortalDrift
from portalctl.manifest.acknowledgements_file import Acknowledgement


def acknowledged(
    portals: Iterable[PortalDrift], acknowledgements: Iterable[Acknowledgement], today: date
) -> tuple[PortalDrift, ...]:
    """The portals with acknowledged findings apart. An acknowledgement holds through its `expires` day (UTC)."""
    holding = {each.finding: each for each in acknowledgements if not _ended(each, today)}
    return tuple(_apart(portal, holding) for portal in portals)


def acknowledgement_notices(
    portals: Iterable[PortalDrift], acknowledgements: Sequence[Acknowledgement], today: date
) -> Iterator[Notice]:
    """Those that have ended, and those that no finding has (any more). `portals` are what `acknowledged` gave."""
    there = {
        fingerprint
        for portal in portals
        for fingerprint in (
            *(each.fingerprint for each in portal.findings),
            *(each.finding.fingerprint for each in portal.acknowledged),
        )
    }
    for each in acknowledgements:
        yield from _notices(each, there, today)


def _notices(each: Acknowledgement, there: Collection[str], today: date) -> Iterator[Notice]:
    if each.finding not in there:
        text = f"no finding of this run is {each.finding}; the acknowledgement may go"
        yield Notice("acknowledgement_unknown", "info", text, file=each.at.file, line=each.at.line)
    elif _ended(each, today):
        text = f"the acknowledgement of {each.finding} ended after {each.expires}; the finding counts again"
        yield Notice("acknowledgement_ended", "warning", text, file=each.at.file, line=each.at.line)


def _apart(portal: PortalDrift, holding: dict[str, Acknowledgement]) -> PortalDrift:
    known = tuple(
        Acknowledged(finding, found.reason, found.expires, found.at.file, found.at.line)
        for finding in portal.findings
        if (found := holding.get(finding.fingerprint)) is not None
    )
    left = tuple(finding for finding in portal.findings if finding.fingerprint not in holding)
    return replace(portal, findings=left, acknowledged=known)


def _ended(each: Acknowledgement, today: date) -> bool:
    return each.expires is not None and each.expires < today
