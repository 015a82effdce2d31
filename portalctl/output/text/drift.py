"""Drift for a terminal or a CI log."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping

from portalctl.changes.observations import DELETION
from portalctl.changes.plan import Notice
from portalctl.insight.drift import FAILING, Acknowledged, DriftFinding, Kind, PortalDrift
from portalctl.output.documents import Drift
from portalctl.output.escaping import terminal
from portalctl.output.manifest_files import override_to_paste
from portalctl.output.text.style import Line, Style, joined, rows, said
from portalctl.output.view_model import MOST_ALIKE, SHOWN_OF_ALIKE
from portalctl.words import people, plural

Safe = Callable[[str], str]
SIGNS: Mapping[Kind, str] = {"missing_grant": "-", "withheld": "-", "setting": "~"}  # the others: more than wanted


def drift_text(document: Drift, style: Style) -> str:
    """Each portal: the disagreements by kind, then what is acknowledged and what merely waits; then the notices."""
    parts: list[str] = []
    for block in (_portal(portal, style) for portal in document.portals):
        parts += ["", *block] if parts and len(block) > 1 else block
    return joined([*parts, *_notes(document.notices)])


def waiting_people(backlog: Iterable[DriftFinding]) -> str:
    """How many people wait, each for one thing or several: `3 people`."""
    return people(len({finding.developer_id or finding.developer for finding in backlog}))


def finding_who(finding: DriftFinding, safe: Safe) -> str:
    return safe(finding.developer) if finding.developer else f"team {safe(finding.team or '')}"


def finding_what(finding: DriftFinding, safe: Safe) -> str:
    """What is live, and what is wanted instead: `member of reds, by no rule`."""
    live = safe(finding.live)
    if finding.team and finding.developer:
        live = f"{live} of {safe(finding.team)}"
    return f"{live}, by no rule" if finding.kind == "unruled_grant" else f"{live}; wanted: {safe(finding.wanted)}"


def _portal(portal: PortalDrift, style: Style) -> list[str]:
    findings = [finding for finding in portal.findings if finding.kind in FAILING]
    waiting = [finding for finding in portal.findings if finding.kind not in FAILING]
    note = [f"  waiting to be let in or turned away: {waiting_people(waiting)} (no drift)"] if waiting else []
    state = f"differs in {plural(len(findings), 'place')}" if findings else "no drift"
    lines = rows([line for finding in findings for line in _lines(finding)], style)
    known = rows([line for same in _alike(portal.acknowledged) for line in _acknowledged(same)], style)
    blocks = [lines, [f"  {style.strong('Acknowledged')}", *known] if known else [], note]
    quiet = not lines and not known  # one line, and the next
    return [
        f"{style.strong(portal.name)}: {state}",
        *(text for block in blocks if block for text in (*([] if quiet else [""]), *block)),
    ]


def _lines(finding: DriftFinding) -> list[Line]:
    why = said(finding.why) if finding.why else ""
    who = finding_who(finding, terminal)
    kind = finding.kind.replace("_", " ")
    sign = SIGNS.get(finding.kind, "+")
    what = f"{finding_what(finding, terminal)}  [{finding.fingerprint}]"
    lines = [Line(sign, f"{kind:<16}  {who}", what, why)]
    if finding.developer and (finding.kind == "withheld" or finding.wanted == DELETION):
        title, status = ("keep it so", finding.live) if finding.kind == "withheld" else ("remove them", "absent")
        paste = override_to_paste(finding.developer, status=status)
        lines.append(Line(" ", f"{'':<16}  {title}:", paste, why))
    return lines


def _alike(acknowledged: Iterable[Acknowledged]) -> Iterable[list[Acknowledged]]:
    """Those that one file lets stand for the same reason together."""
    groups: dict[tuple[object, ...], list[Acknowledged]] = {}
    for each in acknowledged:
        groups.setdefault((each.file, each.reason, each.expires), []).append(each)
    return groups.values()


def _acknowledged(alike: list[Acknowledged]) -> list[Line]:
    """A line each; of many that are alike, as in the baseline of an import, only how many there are."""
    if len(alike) <= MOST_ALIKE:
        return [_acknowledged_one(each) for each in alike]
    first = alike[0]
    return [Line(" ", f"{len(alike):,} findings", "(all: -o json)", _agreed(first, first.file))]


def _acknowledged_one(each: Acknowledged) -> Line:
    kind = each.finding.kind.replace("_", " ")
    what = f"{finding_what(each.finding, terminal)}  [{each.finding.fingerprint}]"
    who = f"{kind:<16}  {finding_who(each.finding, terminal)}"
    return Line(" ", who, what, _agreed(each, f"{each.file}:{each.line}"))


def _agreed(each: Acknowledged, place: str) -> str:
    expires = f" until {each.expires}" if each.expires else ""
    return f'{terminal(place)}  acknowledged{expires}: "{terminal(each.reason)}"'


def _notes(notices: Iterable[Notice]) -> Iterator[str]:
    """A line each; of many of one kind and file the first few, and how many more there are."""
    groups: dict[tuple[object, ...], list[Notice]] = {}
    for notice in notices:
        groups.setdefault((notice.code, notice.file), []).append(notice)
    for alike in groups.values():
        shown = alike if len(alike) <= MOST_ALIKE else alike[:SHOWN_OF_ALIKE]
        yield from map(_note, shown)
        if len(shown) < len(alike):
            yield f"    {len(alike) - len(shown):,} more, the same  (all: -o json)"


def _note(notice: Notice) -> str:
    place = terminal(f"{notice.file}:{notice.line}") if notice.file else ""
    return f"  {'!' if notice.severity == 'warning' else ' '} {terminal(notice.message)}  {place}".rstrip()
