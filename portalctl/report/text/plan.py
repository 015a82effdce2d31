"""A plan for a terminal or a CI log: what it takes away, what it gives, what it leaves alone."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from urllib.parse import urlsplit

from portalctl.plan.guard import losers, takes
from portalctl.plan.model import Change, Notice, Plan, PortalPlan, Why
from portalctl.report.safe import terminal
from portalctl.report.text.style import Line, Style, joined, people, plural, rows, said

MOST_ALIKE = 20
SHOWN_OF_ALIKE = 3


@dataclass(frozen=True, slots=True)
class _Effect:
    """What happens to one person or team by one rule; all changes of theirs that have the same reasons."""

    takes: bool
    sign: str
    who: str
    what: str
    why: tuple[Why, ...]


def plan_text(plan: Plan, style: Style, next_step: str | None = None) -> str:
    """The whole plan. `next_step` says how to carry it out, and is shown when that can be done."""
    parts = [line for portal in plan.portals for line in _portal(portal, style)]
    if plan.changes:
        parts += ["", *_totals(plan)]
    if plan.refused:
        parts += ["", *(line for portal in plan.portals for line in _refusals(portal, style))]
    elif plan.changes and next_step:
        parts.append(next_step)
    return joined(parts)


def _portal(portal: PortalPlan, style: Style) -> Iterator[str]:
    host = urlsplit(portal.server).netloc
    title = f"{style.strong(portal.name)}  {portal.provider} · {host} · {plural(portal.developers, 'developer')}"
    if not portal.changes and not portal.notices:
        yield f"{title}: nothing to do{_left_alone_in_brief(portal)}"
        return
    yield title if portal.changes else f"{title}: nothing to do"
    effects = _effects(portal.changes)
    for heading, chosen in (
        ("Takes away", [effect for effect in effects if effect.takes]),
        ("Gives", [effect for effect in effects if not effect.takes and effect.sign == "+"]),
        ("Changes", [effect for effect in effects if not effect.takes and effect.sign != "+"]),
    ):
        if chosen:
            yield from ("", f"  {style.strong(heading)}", *rows(_lines(chosen, style), style))
    left = [*_left_alone(portal), *_notices(portal.notices, style)]
    if left:
        yield from ("", f"  {style.strong('Left alone')}", *left)


def _effects(changes: Iterable[Change]) -> list[_Effect]:
    grouped: dict[tuple[bool, str, str, tuple[Why, ...]], list[Change]] = {}
    for change in changes:
        person = change.developer
        who = (person.email or person.id) if person else f"team {change.team}"
        grouped.setdefault((takes(change), person.id if person else "", who, change.why), []).append(change)
    return [
        _Effect(loses, _sign(group[0], loses), terminal(who), ", ".join(_what(change) for change in group), why)
        for (loses, _, who, why), group in grouped.items()
    ]


def _sign(change: Change, loses: bool) -> str:
    if loses:
        return "-"
    return "+" if change.op in {"create_team", "approve", "add_member"} else "~"


def _what(change: Change) -> str:
    before, after = change.before or {}, change.after or {}
    if change.op == "create_team":
        return "new"
    if change.op == "update_team":
        return ", ".join(f"{key}: {_value(before.get(key))} → {_value(value)}" for key, value in after.items())
    if change.team is not None:
        return f"{'joins' if change.op == 'add_member' else 'leaves'} {terminal(change.team)}"
    return f"{_value(before.get('status'))} → {_value(after.get('status'))}"


def _value(value: str | bool | None) -> str:
    return "none" if value is None else terminal(str(value))


def _lines(effects: list[_Effect], style: Style) -> list[Line]:
    """A line per effect, those of one rule together; many alike fold, but none that takes something away."""
    alike: dict[tuple[tuple[Why, ...], str, str], list[_Effect]] = {}
    for effect in effects:
        alike.setdefault((effect.why, effect.what, effect.sign), []).append(effect)
    lines: list[Line] = []
    for (why, what, sign), group in alike.items():
        folds = len(group) > MOST_ALIKE and not group[0].takes and not style.verbose
        shown = group[:SHOWN_OF_ALIKE] if folds else group
        reasons = " + ".join(said(reason) for reason in why)
        lines += [Line(sign, effect.who, what, reasons) for effect in shown]
        if folds:
            more = len(group) - len(shown)
            lines.append(Line(sign, f"{more:,} more, the same", "(all: --verbose, or -o json)", reasons))
    return lines


def _left_alone(portal: PortalPlan) -> Iterator[str]:
    unmanaged, awaited = portal.summary["unmanaged"], portal.summary["awaited"]
    if unmanaged:
        yield f"    {people(unmanaged)} no rule speaks of (policy.unmatched: keep)"
    if awaited:
        yield f"    {people(awaited)} awaited: named by a rule, not signed up or not approved yet"


def _left_alone_in_brief(portal: PortalPlan) -> str:
    unmanaged, awaited = portal.summary["unmanaged"], portal.summary["awaited"]
    parts = [f"{unmanaged:,} no rule speaks of"] if unmanaged else []
    parts += [f"{awaited:,} awaited"] if awaited else []
    return f" ({', '.join(parts)})" if parts else ""


def _notices(notices: Iterable[Notice], style: Style) -> Iterator[str]:
    """One line for one person; where the same is said of several, it is said once above their names."""
    groups: dict[tuple[str, str, str], list[Notice]] = {}
    for notice in notices:
        where = terminal(f"{notice.file}:{notice.line}") if notice.file else ""
        groups.setdefault((terminal(notice.message), where, notice.severity), []).append(notice)
    for (message, where, severity), group in groups.items():
        people = [terminal(notice.developer) for notice in group if notice.developer]
        said = f"{people[0]}: {message}" if len(people) == 1 else message
        sign = "!" if severity == "warning" else " "
        if len(said) + len(where) + 6 <= style.width or not where:
            yield f"  {sign} {said}  {where}".rstrip()
        else:
            yield from (f"  {sign} {said}", f"        {where}")
        if len(people) > 1:
            shown = people if len(people) <= MOST_ALIKE or style.verbose else people[:SHOWN_OF_ALIKE]
            yield from (f"      {person}" for person in shown)
            if len(shown) < len(people):
                yield f"      {len(people) - len(shown):,} more  (all: --verbose, or -o json)"


def _totals(plan: Plan) -> Iterator[str]:
    changes = [change for portal in plan.portals for change in portal.changes]
    gains = {(c.developer.id if c.developer else c.team) for c in changes if _sign(c, takes(c)) == "+"}
    lost = sum(len(losers(portal.changes)) for portal in plan.portals)
    mails = sum(portal.summary["mails"] for portal in plan.portals)
    loses = f"{people(lost)} {'loses' if lost == 1 else 'lose'} something" if lost else "nobody loses anything"
    yield f"Plan: {len(gains):,} to give, {loses}, {plural(mails, 'mail')}. {plural(len(changes), 'write')}."
    yield f"digest {plan.digest}"


def _refusals(portal: PortalPlan, style: Style) -> Iterator[str]:
    if not portal.refusals:
        return
    yield f"{style.strong('Refused')}: nothing of {portal.name} can be written."
    for refusal in portal.refusals:
        yield f"  {style.sign('✗')} {terminal(refusal.message)}"
    if any(refusal.code in {"removals", "removals_percent", "team_percent"} for refusal in portal.refusals):
        count = portal.summary["removals"]
        yield "  Two ways on: raise that limit under policy.limits in the manifest (with `until`),"
        yield f"  or allow this run alone: --allow-removals {count}"
