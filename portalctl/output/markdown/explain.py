"""The explanation of a developer, domain or team as Markdown."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import partial

from portalctl.changes.operations import Change
from portalctl.insight.explain import PortalExplanation, Standing
from portalctl.output import view_model
from portalctl.output.documents import Explanation
from portalctl.output.markdown.parts import (
    MOST,
    Row,
    listed,
    part,
    sentence,
    short,
    subject,
    table,
    why_words,
    whys_words,
)
from portalctl.output.size_limit import Part, fitted, size
from portalctl.rules.trace import TracedRule


def explanation_markdown(document: Explanation, *, most: int = MOST) -> str:
    """Return the rules and the resulting changes of each portal, in at most `most` bytes of UTF-8."""
    foot = f"<sub>{short(document.generator)}</sub>\n"
    headings = [_heading(portal) for portal in document.portals]
    parts = [part for portal in document.portals for part in _parts(portal, most)]
    texts = iter(fitted(parts, most - size("".join(headings) + foot)))
    return "".join(heading + next(texts) + next(texts) for heading in headings) + foot


def _heading(portal: PortalExplanation) -> str:
    live = ", ".join(f"{count:,} {short(status)}" for status, count in portal.live.items())
    state = "no portal was read" if portal.observed_at is None else live or "no account"
    refused = "".join(f"- ✗ {sentence(refusal.message)}\n" for refusal in portal.refusals)
    head = f"## {portal.about} {subject(portal.subject)} on {short(portal.name)}: {state}\n\n"
    return f"{head}{view_model.refused_words(portal, short)}\n\n{refused}\n" if refused else head


def _parts(portal: PortalExplanation, most: int) -> tuple[Part, Part]:
    lines = [line for standing in portal.standings for line in _standing(standing)]
    lines += _changes(portal.changes) if portal.about != "developer" else []
    sized = partial(part, most=most)
    columns = ("effect", "rule", "meaning")
    return (
        sized(1, portal.rules, _rule, lambda rows: table(rows, *columns), named="rules"),
        sized(0, lines, Row, listed, named="lines"),
    )


def _rule(rule: TracedRule) -> Row:
    because = f" ({sentence(rule.because)})" if rule.because else ""
    return Row(f"| {rule.effect} | {why_words(rule.why)} | {sentence(rule.says)}{because} |")


def _standing(standing: Standing) -> Iterator[str]:
    name = subject(standing.developer)
    teams = f", in {', '.join(map(short, standing.teams))}" if standing.teams else ""
    yield f"**If {name} signs up**" if standing.id is None else f"**{name}: {short(standing.status)}{teams}**"
    yield ""
    if standing.changes:
        yield from _changes(standing.changes)
    else:
        yield f"- stays {short(standing.status)}: {view_model.unchanged_words(standing)}; {whys_words(standing.why)}"
    yield from (f"- would join {short(team)} once approved" for team in standing.awaited)
    if standing.answers:
        yield f"- answered {view_model.answer_words(standing.answers, short)}"
    yield from (
        f"- {'⚠ ' if notice.severity == 'warning' else ''}{sentence(notice.message)}" for notice in standing.notices
    )
    yield ""


def _changes(changes: Iterable[Change]) -> Iterator[str]:
    for group in view_model.change_groups(changes):
        name = f"team {subject(group.name)}" if group.about_team else subject(group.name)
        yield f"- {name}: {view_model.change_words(group, short)}; {whys_words(group.why)}"
