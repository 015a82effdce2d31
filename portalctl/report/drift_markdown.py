"""Drift as Markdown, for an issue: what differs first, then what waits and what was acknowledged, collapsed."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TypeVar
from urllib.parse import urlsplit

from portalctl.plan.drift import FAILING, Acknowledged, DriftFinding, PortalDrift
from portalctl.plan.model import Notice
from portalctl.report.fit import Part, fitted, size
from portalctl.report.markdown import collapsed, more, short, why_words
from portalctl.report.safe import markdown, markdown_words
from portalctl.report.text.drift import finding_what, finding_who
from portalctl.words import plural

T = TypeVar("T")

HEAD = "| kind | who | on the portal | rule | finding |\n| --- | --- | --- | --- | --- |\n"
LONGEST_ROW = 6_000  # bytes; a longer row is only counted, so that it crowds out no other


def drift_markdown(
    portals: Sequence[PortalDrift], notices: Iterable[Notice], *, generator: str, most: int = 60_000
) -> str:
    """At most `most` bytes of UTF-8 for any number of findings: rows fall out, those that count last, with a count.

    Headings are never left out: each portal takes some hundred bytes.
    """
    foot = f"<sub>read {short(min((p.observed_at for p in portals), default='never'))} · {short(generator)}</sub>\n"
    headings = [_heading(portal) for portal in portals]
    parts = [[*_parts(portal)] for portal in portals]
    notes = _part(1, "notes", [*notices], _note, lambda rows: f"### Notes\n\n{rows}\n")
    room = most - size(foot) - sum(map(size, headings))
    texts = iter(fitted([*(part for own in parts for part in own), notes], room))
    body = [heading + "".join(next(texts) for _ in own) for heading, own in zip(headings, parts, strict=True)]
    return "".join(body) + next(texts) + foot


def _heading(portal: PortalDrift) -> str:
    failing = [finding for finding in portal.findings if finding.kind in FAILING]
    state = f"differs in {plural(len(failing), 'place')}" if failing else "no drift"
    host = short(urlsplit(portal.server).netloc)
    facts = f"{portal.provider} · {host} · {plural(portal.developers, 'developer')}"
    return f"## Portal drift · {short(portal.name)}: {state}\n\n{facts}\n\n"


def _parts(portal: PortalDrift) -> Iterable[Part]:
    failing = [finding for finding in portal.findings if finding.kind in FAILING]
    waiting = [finding for finding in portal.findings if finding.kind not in FAILING]
    yield _part(3, "findings", failing, _finding, _table)
    yield _part(
        0,
        "that wait",
        waiting,
        _finding,
        lambda rows: collapsed(f"Waiting to be let in or turned away (no drift): {len(waiting):,}", _table(rows)),
    )
    yield _part(
        2,
        "that are acknowledged",
        portal.acknowledged,
        _acknowledged,
        lambda rows: collapsed(f"Acknowledged: {len(portal.acknowledged):,}", _table(rows)),
    )


def _table(rows: str) -> str:
    return f"{HEAD}{rows}\n" if rows else ""


def _part(
    importance: int, named: str, items: Sequence[T], row: Callable[[T], str], frame: Callable[[str], str]
) -> Part:
    """`frame` puts rows under their heading. `named`: what those are that are missing."""
    rows = [text for text in map(row, items) if size(text) <= LONGEST_ROW]

    def text(count: int) -> str:
        return frame("".join(rows[:count])) + more(len(items) - count, named) if items else ""

    return Part(importance, len(rows), text)


def _finding(finding: DriftFinding) -> str:
    return f"{_cells(finding)} {markdown(finding.fingerprint)} |\n"


def _acknowledged(each: Acknowledged) -> str:
    until = f" until {each.until}" if each.until else ""
    place = markdown(f"{each.file}:{each.line}")
    words = f"{markdown(each.finding.fingerprint)}: {markdown_words(each.reason)}{until} {place}"
    return f"{_cells(each.finding)} {words} |\n"


def _cells(finding: DriftFinding) -> str:
    why = why_words(finding.why) if finding.why is not None else ""
    kind = finding.kind.replace("_", " ")
    return f"| {kind} | {finding_who(finding, markdown)} | {finding_what(finding, markdown_words)} | {why} |"


def _note(notice: Notice) -> str:
    place = f" {markdown(f'{notice.file}:{notice.line}')}" if notice.file else ""
    return f"- {'⚠ ' if notice.severity == 'warning' else ''}{markdown_words(notice.message)}{place}\n"
