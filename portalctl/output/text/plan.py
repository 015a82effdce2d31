"""A plan as text for a terminal or a CI log: removals, grants, warnings, and what stays unchanged."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from textwrap import wrap
from urllib.parse import urlsplit

from portalctl.changes.plan import BaseComparison, Plan, PortalPlan, RuleChange
from portalctl.output.escaping import terminal
from portalctl.output.refusal_causes import causes, how_to_continue
from portalctl.output.text.style import Line, Style, form_lines, joined, place, rows, rule_lines, rule_words
from portalctl.output.view_model import (
    HEADINGS,
    MOST_ALIKE,
    SHOWN_OF_ALIKE,
    SIGNS,
    SUBMITTED,
    ChangeGroup,
    Former,
    NoticeGroup,
    by_rule,
    change_groups,
    change_words,
    deleted_rules,
    digest_words,
    duration_words,
    former_rules,
    kept_access,
    kept_words,
    notice_groups,
    origin_note,
    origin_words,
    pending_words,
    rule_counts,
    rule_named,
    rule_values,
    totals,
    totals_words,
    unchanged_developers,
    unruled_advice,
    unruled_words,
)
from portalctl.reason import Reason
from portalctl.words import plural

MOST_NOTICES = 100
MOST_CAUSES = 5  # rules listed for each refusal


def plan_text(plan: Plan, style: Style, next_step: str | None = None) -> str:
    """Return the whole plan as text.

    Args:
        next_step: the command that applies it, shown if the plan can be applied.
    """
    parts: list[str] = []
    for portal in plan.portals:
        block = list(_portal(portal, style))
        parts += ["", *block] if parts and len(block) > 1 else block
    if plan.changes:
        parts += ["", *_totals(plan)]
    if plan.refused:
        parts += [line for portal in plan.portals for line in _refusals(portal, style)]
    elif plan.changes and next_step:
        parts.append(terminal(next_step))
    return joined(parts)


def _portal(portal: PortalPlan, style: Style) -> Iterator[str]:
    host = urlsplit(portal.server).netloc
    facts = (portal.provider, host, plural(portal.developers, "developer"))
    title = f"{style.strong(portal.name)}  {' · '.join(facts)}"
    ages = pending_words(portal.pending)
    has_base = portal.base is not None and portal.base.has_content
    if not (portal.changes or portal.notices or has_base or portal.submitted_forms):
        yield f"{title}: nothing to do{_in_brief((*_unchanged_in_brief(portal), *ages))}"
        return
    yield " · ".join((title, *ages)) if portal.changes else f"{title}: nothing to do{_in_brief(ages)}"
    groups = by_rule(portal.changes)
    former = former_rules(portal.base)
    for effect, heading in HEADINGS.items():
        chosen = [group for group in groups if group.effect == effect]
        yield from _section(heading, rows(_lines(chosen, style, former), style), style)
    yield from _without_writes(portal.base, portal.provider, style) if portal.base is not None else ()
    notices = notice_groups(portal.notices)
    warnings = [group for group in notices if group.warning]
    infos = [group for group in notices if not group.warning]
    yield from _section("Warnings", _notices(warnings, portal, style), style)
    unchanged = [f"    {line}" for line in unchanged_developers(portal)]
    yield from _section("Unchanged", [*unchanged, *_notices(infos, portal, style)], style)
    yield from _section(SUBMITTED, form_lines(portal.submitted_forms, style), style)


def _section(heading: str, lines: Iterable[str], style: Style) -> Iterator[str]:
    """Yield lines below a heading, nothing without lines."""
    lines = list(lines)
    if lines:
        yield from ("", f"  {style.strong(heading)}", *lines)


def _without_writes(base: BaseComparison, provider: str, style: Style) -> Iterator[str]:
    """Yield the results of the change under review that need no write. They never fold: nothing else lists them."""
    unruled = [
        Line("!", terminal(kept.name), kept_words(kept, terminal), rule_lines(kept.why))
        for kept in kept_access(base.unruled)
    ]
    if unruled:
        advice = wrap(unruled_advice(base.unruled, provider, str), max(style.width - 4, 40))
        yield from _section(
            unruled_words(base.unruled), [*rows(unruled, style), *(f"    {line}" for line in advice)], style
        )
    prevented = [
        Line("~", _name(group), change_words(group, terminal), rule_lines(group.why))
        for group in change_groups(base.prevented)
    ]
    yield from _section("Prevented by this change", rows(prevented, style), style)
    yield from _section(rule_counts(base.rules), _rules(base.rules), style)


def _lines(groups: Sequence[ChangeGroup], style: Style, former: Former) -> list[Line]:
    """Return a line for each group, with equal groups of a rule together.

    Many equal grants fold, unless they come from the change under review. Removals never fold.
    """
    alike: dict[tuple[tuple[Reason, ...], str, str], list[ChangeGroup]] = {}
    for group in groups:
        places = ", ".join(map(place, deleted_rules(group, former)))
        words = (
            change_words(group, terminal)
            + origin_note(group)
            + (f"; previously granted by {places}" if places else "")
        )
        alike.setdefault((group.why, words, SIGNS[group.effect]), []).append(group)
    lines: list[Line] = []
    for (whys, words, sign), same in alike.items():
        must_show = style.verbose or same[0].effect == "removes" or same[0].origin == "change"
        folds = len(same) > MOST_ALIKE and not must_show
        shown = same[:SHOWN_OF_ALIKE] if folds else same
        rules = rule_lines(whys)
        lines += [Line(sign, _name(group), words, rules) for group in shown]
        if folds:
            more = len(same) - len(shown)
            lines.append(Line(sign, f"{more:,} more with the same change", "(--verbose lists them)", rules))
    return lines


def _rules(rules: Iterable[RuleChange]) -> Iterator[str]:
    """Yield the rules that the change under review adds, removes or changes, with old and new values."""
    for rule in rules:
        team = f" of team {terminal(rule.team)}" if rule.team else ""
        yield f"    {rule.action:<7}  {place(rule.why)}  {rule_named(rule.why, terminal)}{team}"
        values = rule_values(rule, terminal)
        if values:
            yield f"             {values}"


def _name(group: ChangeGroup) -> str:
    return terminal(f"team {group.name}" if group.about_team else group.name)


def _unchanged_in_brief(portal: PortalPlan) -> Iterator[str]:
    unmanaged, awaited = portal.summary["unmanaged"], portal.summary["awaited"]
    yield from [f"{unmanaged:,} {'matches' if unmanaged == 1 else 'match'} no rule"] if unmanaged else []
    yield from [f"{awaited:,} awaited"] if awaited else []


def _in_brief(parts: Sequence[str]) -> str:
    return f" ({', '.join(parts)})" if parts else ""


def _notices(groups: Sequence[NoticeGroup], portal: PortalPlan, style: Style) -> Iterator[str]:
    """Yield the notices, at most MOST_NOTICES unless `verbose`."""
    shown = groups if style.verbose else groups[:MOST_NOTICES]
    for group in shown:
        yield from _notice(group, style, folds=not style.verbose and not (group.warning and portal.base is not None))
    if len(shown) < len(groups):
        yield f"    {plural(len(groups) - len(shown), 'more notice')}  (--verbose lists them)"


def _notice(group: NoticeGroup, style: Style, *, folds: bool) -> Iterator[str]:
    """Yield a notice: one developer in the line of the message, several below it."""
    message, where = terminal(group.message), terminal(group.place or "")
    developers = [terminal(name) for name in group.developers]
    text = f"{developers[0]}: {message}" if len(developers) == 1 else message
    if len(text) + len(where) + 6 <= style.width or not where:
        yield f"    {text}  {where}".rstrip()
    else:
        yield from (f"    {text}", f"        {where}")
    if len(developers) > 1:
        shown = developers[:SHOWN_OF_ALIKE] if folds and len(developers) > MOST_ALIKE else developers
        yield from (f"      {name}" for name in shown)
        if len(shown) < len(developers):
            yield f"      {len(developers) - len(shown):,} more  (--verbose lists them)"


def _totals(plan: Plan) -> Iterator[str]:
    count = totals(plan.portals)
    yield f"Plan: {totals_words(count)} (about {duration_words(count.writes)})."
    if origins := origin_words(plan.portals):
        yield f"Changes: {origins}."
    yield f"Digest: {digest_words(plan.digest, terminal)}"


def _refusals(portal: PortalPlan, style: Style) -> Iterator[str]:
    """Yield the refusals of a portal, each with the rules that cause it, then the advice on how to continue."""
    if not portal.refusals:
        return
    yield from ("", f"{style.strong('Refused')}: no changes will be made to {portal.name}.")
    causes_of = causes(portal)
    for refusal in portal.refusals:
        yield f"  {style.sign('✗')} {terminal(refusal.message)}{origin_note(refusal)}"
        found = causes_of[refusal]
        for cause in found[:MOST_CAUSES]:
            yield f"      {rule_words(cause.why)} ({plural(cause.developers, 'developer')})"
        if len(found) > MOST_CAUSES:
            yield f"      and {plural(len(found) - MOST_CAUSES, 'more rule')}"
    yield from (f"  {line}" for line in how_to_continue(portal, str))
