"""What rules say of one person, domain or team, for a terminal or a CI log."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from portalctl.plan.explain import PortalExplanation, Standing
from portalctl.plan.model import STATUS_OPS, Change
from portalctl.plan.voices import Voice
from portalctl.report.grouping import SIGNS, effects, what
from portalctl.report.safe import terminal
from portalctl.report.text.style import Line, Style, joined, place, rows, said
from portalctl.words import people, plural

EFFECTS = {"decides": "✓", "adds": "+", "exception": "~", "overruled": "✗", "blocked": "✗", "ended": "✗"}
MOST_RULES = 50  # of a team: its whole list of members may be longer


def explanations_text(portals: Iterable[PortalExplanation], style: Style) -> str:
    """Each portal: who it is about and what is live, every rule with what becomes of it, and what would change."""
    blocks = ["\n".join(_portal(portal, style)) for portal in portals]
    return joined(["\n\n".join(blocks)])


def _portal(portal: PortalExplanation, style: Style) -> Iterator[str]:
    yield f"{style.strong(portal.name)}  {portal.provider} · {portal.about} {terminal(portal.subject)}"
    yield from _live(portal)
    yield from ("", f"  {style.strong('Rules')}", *_rules(portal.rules, style))
    yield from (line for standing in portal.standings for line in _standing(standing, style))
    if portal.about != "developer" or (portal.changes and not portal.live):
        yield from _changes(portal, style)
    for refusal in portal.refusals:
        yield f"  {style.sign('✗')} refused: {terminal(refusal.message)}"


def _live(portal: PortalExplanation) -> Iterator[str]:
    if portal.observed_at is None:
        yield "  no portal was asked: what is live is not known"
    elif portal.about != "developer":
        counts = [f"{count:,} {terminal(status)}" for status, count in portal.live.items()]
        yield f"  live: {', '.join(counts) or 'nobody'}"
    elif not portal.live:
        yield "  nobody has registered under this name"
    elif sum(portal.live.values()) > 1:
        yield f"  {sum(portal.live.values()):,} registrations have this address: which is meant can't be told"


def _rules(voices: tuple[Voice, ...], style: Style) -> Iterator[str]:
    if not voices:
        yield "    none"
    for voice in voices[:MOST_RULES]:
        yield f"    {style.sign(EFFECTS[voice.effect])} {said(voice.why)}"
        because = f" ({terminal(voice.because)})" if voice.because else ""
        yield f"        {voice.effect}: {terminal(voice.says)}{because}"
    if len(voices) > MOST_RULES:
        yield f"    {len(voices) - MOST_RULES:,} more  (all: -o json)"


def _standing(standing: Standing, style: Style) -> Iterator[str]:
    who = style.strong(terminal(standing.developer))
    yield ""
    if standing.id is None:
        yield f"  If {who} signs up"
        yield from (f"    {line}" for line in _would(standing))
    else:
        inside = f", in {', '.join(map(terminal, standing.teams))}" if standing.teams else ""
        ident = f" (id {terminal(standing.id)})" if standing.id != standing.developer else ""
        yield f"  {who}{ident}: {terminal(standing.status)}{inside}"
        stays = f"    stays {terminal(standing.status)}: {_stays(standing)}"
        yield from _effects(standing.changes, style) if standing.changes else [stays]
    yield from (f"    ! {terminal(notice.message)}" for notice in standing.notices)


def _would(standing: Standing) -> Iterator[str]:
    """What becomes of a sign-up, and because of what."""
    decided = [change for change in standing.changes if change.op in STATUS_OPS]
    if not decided:
        yield f"would stay {standing.status}: {_stays(standing)}"
    for change in decided:
        yield f"would be {STATUS_OPS[change.op]} because of {said(change.why[0])}"
    for change in standing.changes:
        if change.op == "add_member":
            yield f"would join {terminal(change.team or '')} because of {said(change.why[0])}"


def _stays(standing: Standing) -> str:
    """Why nothing happens to somebody."""
    match standing.verdict:
        case "unmatched":
            because = "no rule speaks of them"
        case "silent":
            because = "rules give no status"
        case _:
            because = f"rules say {'kept out' if standing.verdict == 'denied' else standing.verdict}"
    return f"{because}  {place(standing.why[0])}"


def _changes(portal: PortalExplanation, style: Style) -> Iterator[str]:
    if portal.observed_at is None:
        return
    touched = {change.developer.key for change in portal.changes if change.developer is not None}
    note = f" ({plural(len(portal.changes), 'change')}, {people(len(touched))})" if portal.changes else ": nothing"
    yield from ("", f"  {style.strong('Would change now')}{note}", *_effects(portal.changes, style))


def _effects(changes: Iterable[Change], style: Style) -> list[str]:
    lines = [
        Line(
            SIGNS[effect.kind],
            terminal(f"team {effect.who}" if effect.about_team else effect.who),
            what(effect, terminal),
            " + ".join(said(why) for why in effect.why),
        )
        for effect in effects(changes)
    ]
    return rows(lines, style)
