"""The explanation of a developer, domain or team as text for a terminal or a CI log."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from portalctl.changes.operations import AddMember, Change
from portalctl.changes.plan import Notice
from portalctl.insight.explain import About, PortalExplanation, Standing
from portalctl.output.documents import Explanation
from portalctl.output.escaping import terminal
from portalctl.output.manifest_files import override_to_paste
from portalctl.output.text.style import Line, Style, joined, place, rows, rule_lines, rule_words
from portalctl.output.view_model import (
    MOST_ALIKE,
    SHOWN_OF_ALIKE,
    SIGNS,
    answer_words,
    change_groups,
    change_words,
    unchanged_words,
)
from portalctl.portals.models import OUT
from portalctl.rules.blocks import BLOCKED, SHARING
from portalctl.rules.trace import RuleEffect, TracedRule
from portalctl.words import plural

EFFECTS: Mapping[RuleEffect, str] = {
    "decides": "✓",
    "adds": "+",
    "takes": "-",
    "exception": "~",
    "overruled": "✗",
    "blocked": "✗",
    "ended": "✗",
}
# Codes of notices that repeat the reason why a status does not change.
REPEATED = {"withheld", *(code for code, _ in BLOCKED.values())}


def explanation_text(document: Explanation, style: Style) -> str:
    """Return each portal: the subject with its live state, each rule with its effect, and the planned changes."""
    blocks = ["\n".join(_portal(portal, style)) for portal in document.portals]
    return joined(["\n\n".join(blocks)])


def _portal(portal: PortalExplanation, style: Style) -> Iterator[str]:
    yield f"{style.strong(portal.name)}  {portal.provider} · {portal.about} {terminal(portal.subject)}"
    yield from _live(portal)
    yield from ("", f"  {style.strong('Rules')}", *_rules(portal.rules, style))
    yield from (line for standing in portal.standings for line in _standing(standing, portal.about, style))
    if portal.about != "developer" or (portal.changes and not portal.live):
        yield from _changes(portal, style)
    for refusal in portal.refusals:
        yield f"  {style.sign('✗')} refused: {terminal(refusal.message)}"


def _live(portal: PortalExplanation) -> Iterator[str]:
    if portal.observed_at is None:
        yield "  live state not read (--offline)"
    elif portal.about != "developer":
        counts = [f"{count:,} {terminal(status)}" for status, count in portal.live.items()]
        yield f"  live: {', '.join(counts) or 'no developers'}"
    elif not portal.live:
        yield "  no account with this address" if portal.standings else "  no account with this id"


def _rules(traced: tuple[TracedRule, ...], style: Style) -> Iterator[str]:
    """Yield the rules. Many rules that name one developer each, such as members of a team, fold."""
    if not traced:
        yield "    none"
    folds = len(traced) > MOST_ALIKE and not style.verbose
    named = 0
    for rule in traced:
        named += _names_one(rule)
        if not folds or named <= SHOWN_OF_ALIKE or not _names_one(rule):
            yield f"    {style.sign(EFFECTS[rule.effect])} {rule_words(rule.why)}"
            because = f" ({terminal(rule.because)})" if rule.because else ""
            yield f"        {rule.effect}: {terminal(rule.says)}{because}"
    if folds and named > SHOWN_OF_ALIKE:
        yield f"    {named - SHOWN_OF_ALIKE:,} more rules that name one developer each  (--verbose lists them)"


def _names_one(rule: TracedRule) -> bool:
    return rule.effect == "exception" or rule.why.rule == "members"


def _standing(standing: Standing, about: About, style: Style) -> Iterator[str]:
    yield ""
    if standing.id is None:
        domain = standing.developer.rpartition("@")[2]
        name = style.strong(terminal(standing.developer if about == "developer" else f"a developer of {domain}"))
        yield f"  If {name} signs up"
        yield from (f"    {line}" for line in _would(standing))
    else:
        name = style.strong(terminal(standing.developer))
        teams = f", in {', '.join(map(terminal, standing.teams))}" if standing.teams else ""
        id_words = f" (id {terminal(standing.id)})" if standing.id != standing.developer else ""
        yield f"  {name}{id_words}: {terminal(standing.status)}{teams}"
        yield from _planned(standing.changes, style) if standing.changes else _unchanged(standing)
    yield from (f"    would join {terminal(team)} once approved" for team in standing.awaited)
    if standing.answers:
        yield f"    answered {answer_words(standing.answers, terminal)}"
    yield from (
        f"    {_sign(notice)} {terminal(notice.message)}"
        for notice in standing.notices
        if notice.code not in REPEATED
    )


def _sign(notice: Notice) -> str:
    return "!" if notice.severity == "warning" else "·"


def _unchanged(standing: Standing) -> Iterator[str]:
    yield f"    stays {terminal(standing.status)}: {_cause(standing)}"
    if standing.blocked in SHARING and standing.id is not None and standing.why[0].rule != "members":
        by_id = override_to_paste(standing.developer, id=standing.id, status="approved")
        yield f"      to approve only this account: {by_id}"
    if standing.verdict == "approved" and standing.blocked is None and standing.status in OUT:
        reinstated = override_to_paste(standing.developer, status="approved", reinstate=True)
        yield f"      to keep it:   {override_to_paste(standing.developer, status=standing.status)}"
        yield f"      to reinstate: {reinstated}"


def _would(standing: Standing) -> Iterator[str]:
    """Yield the status and the teams of a new sign-up, with their rules."""
    decided = [change for change in standing.changes if change.new_status is not None]
    if not decided:
        yield f"would stay {standing.status}: {_cause(standing)}"
    for change in decided:
        yield f"would be {change.new_status} because of {rule_words(change.why[0])}"
    for change in standing.changes:
        if isinstance(change, AddMember):
            yield f"would join {terminal(change.team)} because of {rule_words(change.why[0])}"


def _cause(standing: Standing) -> str:
    """Return the reason why a developer's status does not change, with the position of the rule."""
    return f"{unchanged_words(standing)}  {place(standing.why[0])}"


def _changes(portal: PortalExplanation, style: Style) -> Iterator[str]:
    if portal.observed_at is None:
        return
    affected = {change.developer.key for change in portal.changes if change.developer is not None}
    note = (
        f" ({plural(len(portal.changes), 'change')}, {plural(len(affected), 'developer')})"
        if portal.changes
        else ": nothing"
    )
    yield from ("", f"  {style.strong('Planned changes')}{note}", *_planned(portal.changes, style))


def _planned(changes: Iterable[Change], style: Style) -> list[str]:
    lines = [
        Line(
            SIGNS[group.effect],
            terminal(f"team {group.name}" if group.about_team else group.name),
            change_words(group, terminal),
            rule_lines(group.why),
        )
        for group in change_groups(changes)
    ]
    return rows(lines, style)
