"""Drift for a terminal or a CI log."""

from __future__ import annotations

from collections.abc import Iterable

from portalctl.plan.drift import FAILING, DriftFinding, PortalDrift
from portalctl.report.safe import terminal
from portalctl.report.text.style import Line, Style, joined, rows, said
from portalctl.report.words import plural

MOST_BACKLOG = 20


def drift_text(portals: Iterable[PortalDrift], style: Style) -> str:
    """Each portal: the disagreements by kind, then what merely waits."""
    return joined(line for portal in portals for line in _portal(portal, style))


def _portal(portal: PortalDrift, style: Style) -> list[str]:
    findings = [finding for finding in portal.findings if finding.kind in FAILING]
    waiting = [finding for finding in portal.findings if finding.kind not in FAILING]
    people = len({finding.developer for finding in waiting})
    note = f"  waiting to be let in or turned away: {people:,} (no drift)" if people else ""
    if not findings:
        return [f"{style.strong(portal.name)}: no drift", *([note] if note else [])]
    head = f"{style.strong(portal.name)}: differs in {plural(len(findings), 'place')}"
    lines = rows([line for finding in findings for line in _lines(finding)], style)
    return [head, "", *lines, *(["", note] if note else [])]


def _lines(finding: DriftFinding) -> list[Line]:
    who = terminal(finding.developer) if finding.developer else f"team {terminal(finding.team or '')}"
    kind = finding.kind.replace("_", " ")
    live = terminal(finding.live)
    if finding.team and finding.developer:
        live = f"{live} of {terminal(finding.team)}"
    what = f"{live}, by no rule" if finding.kind == "unruled_grant" else f"{live}; wanted: {terminal(finding.wanted)}"
    sign = "-" if finding.kind in {"missing_grant", "withheld"} else "+"
    lines = [Line(sign, f"{kind:<16}  {who}", what, said(finding.why) if finding.why else "")]
    if finding.kind == "withheld" and finding.developer:
        status = terminal(finding.live)
        keep = f'- {{developer: {who}, status: {status}, reason: "…"}}'
        lines.append(Line(" ", f"{'':<16}  keep it so:", keep, said(finding.why) if finding.why else ""))
    return lines
