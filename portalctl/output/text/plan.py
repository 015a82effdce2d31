"""A plan for a terminal or a CI log: what it takes away, what it gives, what it leaves alone."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from textwrap import wrap
from urllib.parse import urlsplit

from portalctl.changes.plan import BaseComparison, Plan, PortalPlan
from portalctl.output.escaping import terminal
from portalctl.output.text.style import Line, Style, joined, rows, said
from portalctl.output.view_model import (
    BRAKE,
    MOST_ALIKE,
    SHOWN_OF_ALIKE,
    SIGNS,
    ChangeGroup,
    Kind,
    NoticeGroup,
    digest_words,
    effects,
    keeps,
    kept,
    left_alone,
    notice_groups,
    origin_note,
    origin_words,
    totals,
    totals_words,
    unruled_advice,
    unruled_words,
    was_pending,
    what,
)
from portalctl.reason import Reason
from portalctl.words import plural

MOST_NOTICES = 100
HEADINGS: dict[Kind, str] = {"takes": "Takes away", "gives": "Gives", "changes": "Changes"}


def plan_text(plan: Plan, style: Style, next_step: str | None = None) -> str:
    """The whole plan. `next_step` says how to carry it out, and is shown when that can be done."""
    parts: list[str] = []
    for portal in plan.portals:
        block = list(_portal(portal, style))
        parts += ["", *block] if parts and len(block) > 1 else block
    if plan.changes:
        parts += ["", *_totals(plan)]
    if plan.refused:
        parts += ["", *(line for portal in plan.portals for line in _refusals(portal, style))]
    elif plan.changes and next_step:
        parts.append(terminal(next_step))
    return joined(parts)


def _portal(portal: PortalPlan, style: Style) -> Iterator[str]:
    host = urlsplit(portal.server).netloc
    title = f"{style.strong(portal.name)}  {portal.provider} · {host} · {plural(portal.developers, 'developer')}"
    if not portal.changes and not portal.notices and not (portal.base is not None and portal.base.says_something):
        yield f"{title}: nothing to do{_left_alone_in_brief(portal)}"
        return
    yield title if portal.changes else f"{title}: nothing to do"
    found = sorted(effects(portal.changes), key=was_pending)
    for kind, heading in HEADINGS.items():
        chosen = [effect for effect in found if effect.kind == kind]
        if chosen:
            yield from ("", f"  {style.strong(heading)}", *rows(_lines(chosen, style), style))
    yield from _not_done(portal.base, portal.provider, style) if portal.base is not None else ()
    left = [*(f"    {line}" for line in left_alone(portal)), *_notices(portal, style)]
    if left:
        yield from ("", f"  {style.strong('Left alone')}", *left)


def _not_done(base: BaseComparison, provider: str, style: Style) -> Iterator[str]:
    """What this change of the manifest does without writing anything. Never folded: nothing else tells of it."""
    unruled = [
        Line("!", terminal(each.who), keeps(each, terminal), " + ".join(map(said, each.why)))
        for each in kept(base.unruled)
    ]
    if unruled:
        yield from ("", f"  {style.strong(unruled_words(base.unruled))}", *rows(unruled, style))
        yield from (
            f"    {line}" for line in wrap(unruled_advice(base.unruled, provider, str), max(style.width - 4, 40))
        )
    prevented = [
        Line("~", _who(effect), what(effect, terminal), " + ".join(map(said, effect.why)))
        for effect in effects(base.prevented)
    ]
    if prevented:
        yield from ("", f"  {style.strong('Prevented by this change')}", *rows(prevented, style))


def _lines(effects: Sequence[ChangeGroup], style: Style) -> list[Line]:
    """A line per effect, those of one rule together. Many equal grants fold, unless the change under review makes
    them; removals never do."""
    alike: dict[tuple[tuple[Reason, ...], str, str], list[ChangeGroup]] = {}
    for effect in effects:
        words = what(effect, terminal) + origin_note(effect)
        alike.setdefault((effect.why, words, SIGNS[effect.kind]), []).append(effect)
    lines: list[Line] = []
    for (why, words, sign), group in alike.items():
        must_show = style.verbose or group[0].kind == "takes" or group[0].origin == "change"
        folds = len(group) > MOST_ALIKE and not must_show
        shown = group[:SHOWN_OF_ALIKE] if folds else group
        reasons = " + ".join(said(reason) for reason in why)
        lines += [Line(sign, _who(effect), words, reasons) for effect in shown]
        if folds:
            more = len(group) - len(shown)
            lines.append(Line(sign, f"{more:,} more with the same change", "(--verbose lists them)", reasons))
    return lines


def _who(effect: ChangeGroup) -> str:
    return terminal(f"team {effect.who}" if effect.about_team else effect.who)


def _left_alone_in_brief(portal: PortalPlan) -> str:
    unmanaged, awaited = portal.summary["unmanaged"], portal.summary["awaited"]
    parts = [f"{unmanaged:,} {'matches' if unmanaged == 1 else 'match'} no rule"] if unmanaged else []
    parts += [f"{awaited:,} awaited"] if awaited else []
    return f" ({', '.join(parts)})" if parts else ""


def _notices(portal: PortalPlan, style: Style) -> Iterator[str]:
    """One line for one developer; the names of several follow the message they share. Without `verbose` at most
    MOST_NOTICES messages, warnings first."""
    groups = sorted(notice_groups(portal.notices), key=lambda group: not group.warning)
    shown = groups if style.verbose else groups[:MOST_NOTICES]
    for group in shown:
        yield from _notice(group, style, folds=not style.verbose and not (group.warning and portal.base is not None))
    if len(shown) < len(groups):
        yield f"    {plural(len(groups) - len(shown), 'more notice')}  (--verbose lists them)"


def _notice(group: NoticeGroup, style: Style, *, folds: bool) -> Iterator[str]:
    message, where = terminal(group.message), terminal(group.place or "")
    people = [terminal(person) for person in group.people]
    said = f"{people[0]}: {message}" if len(people) == 1 else message
    sign = "!" if group.warning else " "
    if len(said) + len(where) + 6 <= style.width or not where:
        yield f"  {sign} {said}  {where}".rstrip()
    else:
        yield from (f"  {sign} {said}", f"        {where}")
    if len(people) > 1:
        shown = people[:SHOWN_OF_ALIKE] if folds and len(people) > MOST_ALIKE else people
        yield from (f"      {person}" for person in shown)
        if len(shown) < len(people):
            yield f"      {len(people) - len(shown):,} more  (--verbose lists them)"


def _totals(plan: Plan) -> Iterator[str]:
    count = totals(plan.portals)
    origins = origin_words(plan.portals)
    yield f"Plan: {totals_words(count)}{f': {origins}' if origins else ''}."
    yield f"Digest: {digest_words(plan.digest, terminal)}"


def _refusals(portal: PortalPlan, style: Style) -> Iterator[str]:
    if not portal.refusals:
        return
    yield f"{style.strong('Refused')}: nothing of {portal.name} can be written."
    for refusal in portal.refusals:
        yield f"  {style.sign('✗')} {terminal(refusal.message)}{origin_note(refusal)}"
    if any(refusal.code in BRAKE for refusal in portal.refusals):
        count = portal.summary["removals"]
        yield "  Two ways on: raise that limit under policy.limits in the manifest (with `expires`),"
        yield f"  or allow this run alone: --allow-removals {count}"
