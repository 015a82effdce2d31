"""Drift as text for a terminal or a CI log: findings by kind, with the command or override that accepts them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime, timedelta

from portalctl.changes.observations import DELETION
from portalctl.changes.plan import Notice
from portalctl.insight.drift import FAILING, KINDS, Acknowledged, DriftFinding, Kind, PortalDrift
from portalctl.output.documents import Drift
from portalctl.output.drift_words import finding_difference, finding_subject, kind_counts, pending_sign_ups
from portalctl.output.escaping import terminal
from portalctl.output.manifest_files import override_to_paste
from portalctl.output.text.style import Line, Style, form_lines, joined, rows, rule_words
from portalctl.output.view_model import MOST_ALIKE, SHOWN_OF_ALIKE, SUBMITTED, pending_words

SIGNS: Mapping[Kind, str] = {
    "missing_grant": "-",
    "withheld": "-",
    "setting": "~",
}  # others: access beyond the rules
MOST_OF_KIND = 20  # findings of one kind that are listed
HINT_DAYS = 60  # after which a suggested acknowledgement expires
LISTS_ALL = "(--verbose lists them)"


def drift_text(document: Drift, style: Style) -> str:
    """Return each portal with its findings by kind and its acknowledged findings, then the notices."""
    parts: list[str] = []
    for block in (_portal(portal, style) for portal in document.portals):
        parts += ["", *block] if parts and len(block) > 1 else block
    return joined([*parts, *_notices(document.notices, style)])


def _portal(portal: PortalDrift, style: Style) -> list[str]:
    findings = [finding for finding in portal.findings if finding.kind in FAILING]
    backlog = [finding for finding in portal.findings if finding.kind not in FAILING]
    parts = [kind_counts(findings)]
    parts += [f"{len(portal.acknowledged):,} acknowledged"] if portal.acknowledged else []
    parts += [pending_sign_ups(backlog)] if backlog else []
    parts += pending_words(portal.pending)
    lines = rows([line for kind in KINDS for line in _of_kind(portal, kind, style)], style)
    known = rows([line for same in _alike(portal.acknowledged) for line in _acknowledged(same, style)], style)
    forms = [*form_lines(portal.submitted_forms, style)]
    blocks = [
        lines,
        [f"  {style.strong('Acknowledged')}", *known] if known else [],
        [f"  {style.strong(SUBMITTED)}", *forms] if forms else [],
    ]
    return [
        f"{style.strong(portal.name)}: {'; '.join(parts)}",
        *(text for block in blocks if block for text in ("", *block)),
    ]


def _of_kind(portal: PortalDrift, kind: Kind, style: Style) -> Iterator[Line]:
    """Yield the findings of a kind, at most MOST_OF_KIND unless `verbose`, and the command that accepts them."""
    findings = [finding for finding in portal.findings if finding.kind == kind and kind in FAILING]
    shown = findings if style.verbose else findings[:MOST_OF_KIND]
    for finding in shown:
        words = f"{finding_difference(finding, terminal)}  [{finding.fingerprint}]"
        yield Line(
            SIGNS.get(kind, "+"), f"{_column(kind)}  {finding_subject(finding, terminal)}", words, _why(finding)
        )
        if finding.developer and (kind == "withheld" or finding.wanted == DELETION):
            title, status = ("keep", finding.live) if kind == "withheld" else ("delete", "absent")
            paste = override_to_paste(finding.developer, status=status)
            yield Line(" ", f"{_column()}  {title}:", paste, _why(finding))
    last = _why(findings[-1]) if findings else ""
    if len(shown) < len(findings):
        more = f"{len(findings) - len(shown):,} more of this kind"
        yield Line(" ", f"{_column()}  {more}", LISTS_ALL, last)
    if kind == "unruled_grant" and findings:
        yield Line(" ", f"{_column()}  accept:", _acknowledge(portal, findings), last)


def _column(kind: str = "") -> str:
    return f"{kind.replace('_', ' '):<16}"


def _why(finding: DriftFinding) -> str:
    return rule_words(finding.why) if finding.why else ""


def _acknowledge(portal: PortalDrift, findings: list[DriftFinding]) -> str:
    """Return the command that accepts findings of one kind."""
    expires = datetime.fromisoformat(portal.observed_at).date() + timedelta(days=HINT_DAYS)
    which = findings[0].fingerprint if len(findings) == 1 else f"--kind {findings[0].kind}"
    return f'portalctl acknowledge {which} --reason "…" --expires {expires}'


def _alike(acknowledged: Iterable[Acknowledged]) -> Iterable[list[Acknowledged]]:
    """Return acknowledged findings grouped by file, reason and expiry."""
    groups: dict[tuple[object, ...], list[Acknowledged]] = {}
    for finding in acknowledged:
        groups.setdefault((finding.file, finding.reason, finding.expires), []).append(finding)
    return groups.values()


def _acknowledged(alike: list[Acknowledged], style: Style) -> list[Line]:
    """Return a line for each finding of a group, or only their number if they are many, as after an import."""
    if len(alike) <= MOST_ALIKE or style.verbose:
        return [_acknowledged_one(finding) for finding in alike]
    first = alike[0]
    return [Line(" ", f"{len(alike):,} findings", LISTS_ALL, _agreed(first, first.file))]


def _acknowledged_one(accepted: Acknowledged) -> Line:
    finding = accepted.finding
    words = f"{finding_difference(finding, terminal)}  [{finding.fingerprint}]"
    subject = f"{_column(finding.kind)}  {finding_subject(finding, terminal)}"
    return Line(" ", subject, words, _agreed(accepted, f"{accepted.file}:{accepted.line}"))


def _agreed(accepted: Acknowledged, place: str) -> str:
    expires = f", expires {accepted.expires}" if accepted.expires else ""
    return f'{terminal(place)}  acknowledged{expires}: "{terminal(accepted.reason)}"'


def _notices(notices: Iterable[Notice], style: Style) -> Iterator[str]:
    """Yield a line for each notice. Many of one code and file fold."""
    groups: dict[tuple[object, ...], list[Notice]] = {}
    for notice in notices:
        groups.setdefault((notice.code, notice.file), []).append(notice)
    for alike in groups.values():
        shown = alike if len(alike) <= MOST_ALIKE or style.verbose else alike[:SHOWN_OF_ALIKE]
        yield from map(_notice, shown)
        if len(shown) < len(alike):
            yield f"    {len(alike) - len(shown):,} more like this  {LISTS_ALL}"


def _notice(notice: Notice) -> str:
    place = terminal(f"{notice.file}:{notice.line}") if notice.file else ""
    return f"  {'!' if notice.severity == 'warning' else ' '} {terminal(notice.message)}  {place}".rstrip()
