"""Drift as Markdown, for an issue: differences first, then pending sign-ups and acknowledged findings, collapsed."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import partial
from urllib.parse import urlsplit

from portalctl.changes.plan import Notice
from portalctl.insight.drift import FAILING, Acknowledged, DriftFinding, PortalDrift
from portalctl.output.documents import Drift
from portalctl.output.drift_words import finding_difference, finding_subject, kind_counts, pending_sign_ups
from portalctl.output.escaping import markdown
from portalctl.output.markdown.parts import (
    MOST,
    Row,
    collapsed,
    form_row,
    listed,
    part,
    place_words,
    sentence,
    short,
    subject,
    table,
    why_words,
)
from portalctl.output.size_limit import Part, fitted, size
from portalctl.output.view_model import SUBMITTED, pending_words
from portalctl.words import moment, plural

COLUMNS = ("kind", "developer or team", "on the portal", "rule", "finding")


def drift_markdown(document: Drift, *, most: int = MOST) -> str:
    """Return drift in at most `most` bytes of UTF-8: rows are left out, findings last, with their number.

    Headings are never left out: each portal needs some hundred bytes.
    """
    portals, notices = document.portals, document.notices
    read = [f"read {moment(min(portal.observed_at for portal in portals))}"] if portals else []
    foot = f"<sub>{' · '.join([*read, short(document.generator)])}</sub>\n"
    headings = [_heading(portal) for portal in portals]
    parts = [[*_parts(portal, most)] for portal in portals]
    notes = part(1, [*notices], _note, lambda rows: f"### Notices\n\n{listed(rows)}", named="notices", most=most)
    room = most - size(foot) - sum(map(size, headings))
    texts = iter(fitted([*(part for portal_parts in parts for part in portal_parts), notes], room))
    body = [
        heading + "".join(next(texts) for _ in portal_parts)
        for heading, portal_parts in zip(headings, parts, strict=True)
    ]
    return "".join(body) + next(texts) + foot


def _heading(portal: PortalDrift) -> str:
    failing = [finding for finding in portal.findings if finding.kind in FAILING]
    state = kind_counts(failing)
    host = short(urlsplit(portal.server).netloc)
    known = (portal.provider, host, plural(portal.developers, "developer"), *pending_words(portal.pending))
    facts = " · ".join(known)
    return f"## Portal drift · {short(portal.name)}: {state}\n\n{facts}\n\n"


def _parts(portal: PortalDrift, most: int) -> Iterable[Part]:
    failing = [finding for finding in portal.findings if finding.kind in FAILING]
    pending = [finding for finding in portal.findings if finding.kind not in FAILING]
    sized = partial(part, most=most)
    yield sized(3, failing, _finding, _table, named="findings")
    title = f"Not drift: {pending_sign_ups(pending)}"
    yield sized(0, pending, _finding, lambda rows: collapsed(title, _table(rows)), named="pending sign-ups")
    forms = portal.submitted_forms
    yield sized(0, forms, form_row, lambda rows: collapsed(SUBMITTED, listed(rows)), named="answers")
    known = f"Acknowledged: {len(portal.acknowledged):,}"
    yield sized(
        2,
        portal.acknowledged,
        _acknowledged,
        lambda rows: collapsed(known, _table(rows)),
        named="acknowledged findings",
    )


def _table(rows: Sequence[Row]) -> str:
    return table(rows, *COLUMNS)


def _finding(finding: DriftFinding) -> Row:
    return Row(f"{_cells(finding)} {markdown(finding.fingerprint)} |")


def _acknowledged(known: Acknowledged) -> Row:
    expires = f", expires {known.expires}" if known.expires else ""
    place = place_words(f"{known.file}:{known.line}")
    words = f"{markdown(known.finding.fingerprint)}: {sentence(known.reason)}{expires} {place}"
    return Row(f"{_cells(known.finding)} {words} |")


def _cells(finding: DriftFinding) -> str:
    why = why_words(finding.why) if finding.why is not None else ""
    kind = finding.kind.replace("_", " ")
    return f"| {kind} | {finding_subject(finding, subject)} | {finding_difference(finding, sentence)} | {why} |"


def _note(notice: Notice) -> Row:
    place = f" {place_words(f'{notice.file}:{notice.line}')}" if notice.file else ""
    return Row(f"- {'⚠ ' if notice.severity == 'warning' else ''}{sentence(notice.message)}{place}")
