"""A plan as one HTML file that needs nothing else: no server, no network, not even its own script."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

from portalctl.changes.operations import NAMES
from portalctl.changes.plan import BaseComparison, Plan, PortalPlan, Refusal
from portalctl.output import view_model
from portalctl.output.escaping import html
from portalctl.output.html.chart import rule_chart
from portalctl.output.html.frame import asset, box, code, document
from portalctl.output.view_model import BRAKE, ChangeGroup, Kind, NoticeGroup
from portalctl.reason import Reason
from portalctl.words import age_between, moment, people, plural

KINDS: Mapping[Kind, str] = {"takes": "takes away", "gives": "gives", "changes": "changes"}
COLUMNS = ("Who", "What", "Why")
MOST_TAKEN = 20  # shown before the table, where all of them are


@dataclass(frozen=True, slots=True)
class _Choices:
    """What the filter offers: ops with words for them, teams and rules with the numbers that rows carry for them."""

    ops: tuple[tuple[str, str], ...]
    teams: Mapping[str, int]
    rules: Mapping[Reason, int]


def plan_html(plan: Plan) -> str:
    """The whole plan, however long, in ASCII; a row for each person or team and the rules behind it.

    What a reader decides by stands first, for all portals; then the filter, and every change.
    """
    effects = [_ordered(view_model.effects(portal.changes)) for portal in plan.portals]
    choices = _choices([effect for found in effects for effect in found])
    several = len(plan.portals) > 1
    sums = [
        line
        for number, (portal, found) in enumerate(zip(plan.portals, effects, strict=True))
        for line in _portal(portal, found, f"portal-{number}")
    ]
    tables = [
        line
        for portal, found in zip(plan.portals, effects, strict=True)
        for line in _table(found, choices, f"Changes of {html(portal.name)}" if several else "Changes")
    ]
    names = ", ".join(portal.name for portal in plan.portals)
    return document(
        f"{html(names)}: {plural(plan.changes, 'change')}",
        "Portal access: what would change",
        _stamp(plan),
        [*sums, *_filter(choices), *tables],
        foot=f"digest {view_model.digest_words(plan.digest, code)} · {html(plan.generator)}",
        script=asset("page.js"),
    )


def _ordered(effects: Iterable[ChangeGroup]) -> list[ChangeGroup]:
    """What takes away first; then, what the change under review does before what was pending."""
    return sorted(effects, key=lambda effect: (list(KINDS).index(effect.kind), view_model.was_pending(effect)))


def _stamp(plan: Plan) -> str:
    facts = [f"made {html(moment(plan.created_at))}"]
    facts += [f"commit {code(plan.manifest.commit)}"] if plan.manifest.commit else []
    if plan.snapshot is not None and plan.portals:
        age = age_between(min(portal.observed_at for portal in plan.portals), plan.created_at)
        facts.append(f"from a snapshot, {age or 'nobody knows how'} old; the portal was not asked")
    return " · ".join(facts)


def _choices(effects: Sequence[ChangeGroup]) -> _Choices:
    kinds = {effect.kind for effect in effects}
    origins = {effect.origin for effect in effects}
    ops = {change.op for effect in effects for change in effect.changes}
    teams = sorted({team for effect in effects for team in effect.teams})
    rules = dict.fromkeys(why for effect in effects for why in effect.why)
    return _Choices(
        ops=(
            *((kind, words) for kind, words in KINDS.items() if kind in kinds),
            *((f"from-{origin}", words) for origin, words in view_model.ORIGINS.items() if origin in origins),
            *((op, op.replace("_", " ")) for op in NAMES if op in ops),
        ),
        teams={team: number for number, team in enumerate(teams)},
        rules={why: number for number, why in enumerate(rules)},
    )


def _filter(choices: _Choices) -> Iterator[str]:
    """Shown by the script, which alone can carry it out."""
    yield '<form role="search" aria-label="Filter the changes" hidden>'
    yield '<label class="find">Find <input type="search" name="find" autocomplete="off" spellcheck="false"></label>'
    yield _select("ops", "What", choices.ops)
    yield _select("teams", "Team", [(str(number), html(team)) for team, number in choices.teams.items()])
    rules = ((str(number), f"{view_model.rule(why, html)} ({_place(why)})") for why, number in choices.rules.items())
    yield _select("rules", "Rule", rules)
    yield '<button type="reset">Clear</button>'
    yield "<output></output>"
    yield "</form>"


def _select(name: str, label: str, options: Iterable[tuple[str, str]]) -> str:
    listed = "".join(f'<option value="{value}">{text}</option>' for value, text in options)
    return f'<label>{label} <select name="{name}"><option value="">any</option>{listed}</select></label>'


def _portal(portal: PortalPlan, effects: Sequence[ChangeGroup], anchor: str) -> Iterator[str]:
    """All that is said of a portal but its changes one by one; what takes away is said here too."""
    facts = [html(portal.provider), code(urlsplit(portal.server).netloc), plural(portal.developers, "developer")]
    origins = view_model.origin_words([portal])
    facts += [f"read {html(moment(portal.observed_at))}", *([origins] if origins else [])]
    yield f'<section aria-labelledby="{anchor}">'
    yield f'<h2 id="{anchor}">{html(portal.name)} {_state(portal)}</h2>'
    yield f'<p class="quiet">{" · ".join(facts)}</p>'
    yield from _counts(portal)
    yield from _refused(portal)
    yield from _taken([effect for effect in effects if effect.kind == "takes"])
    yield from _not_done(portal.base, portal.provider) if portal.base is not None else ()
    groups = view_model.notice_groups(portal.notices)
    warnings = [_notice(group) for group in groups if group.warning]
    notes = [*map(html, view_model.left_alone(portal)), *(_notice(group) for group in groups if not group.warning)]
    yield from box("changes", "Warnings", warnings)
    yield from rule_chart(portal.changes)
    yield from box("plain", "Left alone", notes)
    yield "</section>"


def _state(portal: PortalPlan) -> str:
    if portal.refusals:
        return '<span class="state refused">refused</span>'
    state = plural(len(portal.changes), "change") if portal.changes else "nothing to do"
    return f'<span class="state">{state}</span>'


def _counts(portal: PortalPlan) -> Iterator[str]:
    """Of all changes, or of those from the change under review and then of those that were pending before it."""
    if portal.base is None:
        yield from _tiles(portal)
    elif portal.changes:
        for origin, words in view_model.ORIGINS.items():
            part = view_model.of_origin(portal, origin)
            yield f"<h3>{words[0].upper()}{words[1:]}{'' if part.changes else ': nothing'}</h3>"
            yield from _tiles(part)


def _tiles(portal: PortalPlan) -> Iterator[str]:
    if not portal.changes:
        return
    count = view_model.totals([portal])
    yield '<ul class="counts">'
    yield _tile(count.losers, "person loses something", "people lose something", "takes")
    yield _tile(count.gainers, "person gains something", "people gain something", "gives")
    if count.new_teams:
        yield _tile(count.new_teams, "new team", "new teams")
    if portal.base is None:
        yield _tile(count.mails, "mail", "mails")
    yield _tile(count.writes, "write", "writes")
    yield "</ul>"


def _tile(count: int, one: str, many: str, kind: Kind | None = None) -> str:
    mark = f' class="{kind}"' if kind is not None and count else ""
    return f"<li{mark}><b>{count:,}</b> {one if count == 1 else many}</li>"


def _refused(portal: PortalPlan) -> Iterator[str]:
    ways = ""
    if any(refusal.code in BRAKE for refusal in portal.refusals):
        ways = (
            "<p>Two ways on: raise that limit under <code>policy.limits</code> in the manifest (with "
            f"<code>expires</code>), or allow this run alone: "
            f"<code>--allow-removals {portal.summary['removals']}</code></p>"
        )
    title = "Refused: nothing of this portal can be written"
    yield from box("refused", title, [_refusal(refusal) for refusal in portal.refusals], ways)


def _refusal(refusal: Refusal) -> str:
    return f"{html(refusal.message)}{view_model.origin_note(refusal)}"


def _taken(effects: Sequence[ChangeGroup]) -> Iterator[str]:
    others = len(effects) - MOST_TAKEN
    after = f"<p>{others:,} more stand first in the table of changes.</p>" if others > 0 else ""
    yield from box("takes", "Takes away", [_line(effect) for effect in effects[:MOST_TAKEN]], after)


def _line(effect: ChangeGroup) -> str:
    what = view_model.what(effect, code) + view_model.origin_note(effect)
    return f'{_who(effect)} {what} <span class="quiet">{_reasons(effect.why)}</span>'


def _not_done(base: BaseComparison, provider: str) -> Iterator[str]:
    """What this change of the manifest does without writing anything. `why` are rules as they were before it."""
    live = [
        f"{code(each.who)} {view_model.keeps(each, code)} {_before(each.why)}"
        for each in view_model.kept(base.unruled)
    ]
    advice = f"<p>{view_model.unruled_advice(base.unruled, provider, code)}</p>"
    yield from box("changes", view_model.unruled_words(base.unruled), live, advice)
    prevented = [
        f"{_who(effect)} {view_model.what(effect, code)} {_before(effect.why)}"
        for effect in view_model.effects(base.prevented)
    ]
    yield from box("plain", "Prevented by this change", prevented)


def _before(why: Iterable[Reason]) -> str:
    return f'<span class="quiet">until now by {_reasons(why)}</span>'


def _table(effects: Sequence[ChangeGroup], choices: _Choices, caption: str) -> Iterator[str]:
    if not effects:
        return
    heads = "".join(
        f'<th scope="col" aria-sort="none"><button type="button" disabled>{name}</button></th>' for name in COLUMNS
    )
    yield '<table class="changes-table">'
    yield f"<caption>{caption}</caption>"
    yield f'<thead><tr><th scope="col"><span class="seen-not">Kind</span></th>{heads}</tr></thead>'
    yield from ("<tbody>", *(_row(effect, choices) for effect in effects), "</tbody>", "</table>")


def _row(effect: ChangeGroup, choices: _Choices) -> str:
    origin = [f"from-{effect.origin}"] if effect.origin is not None else []
    ops = " ".join([effect.kind, *origin, *dict.fromkeys(change.op for change in effect.changes)])
    teams = " ".join(str(choices.teams[team]) for team in dict.fromkeys(effect.teams))
    rules = " ".join(str(choices.rules[why]) for why in effect.why)
    what = view_model.what(effect, code) + view_model.origin_note(effect)
    sign = f'<span aria-hidden="true">{view_model.SIGNS[effect.kind]}</span>'
    return (
        f'<tr class="{effect.kind}" data-ops="{ops}" data-teams="{teams}" data-rules="{rules}">'
        f'<td class="sign">{sign}<span class="seen-not">{KINDS[effect.kind]}</span></td>'
        f'<td class="who">{_who(effect)}</td><td class="what">{what}</td>'
        f'<td class="why">{_reasons(effect.why)}</td></tr>'
    )


def _who(effect: ChangeGroup) -> str:
    return f"team {code(effect.who)}" if effect.about_team else code(effect.who)


def _reasons(why: Iterable[Reason]) -> str:
    return "<br>".join(map(_why, why))


def _why(why: Reason) -> str:
    reason = f": “{html(why.reason)}”" if why.reason else ""
    return f"<code>{_place(why)}</code> {view_model.rule(why, html)}{reason}"


def _place(why: Reason) -> str:
    return html(view_model.place(why) or "built-in default")


def _notice(group: NoticeGroup) -> str:
    """Everybody it is about is named: a page has room."""
    place = f" <code>{html(group.place)}</code>" if group.place else ""
    if len(group.people) == 1:
        return f"{code(group.people[0])}: {html(group.message)}{place}"
    if not group.people:
        return f"{html(group.message)}{place}"
    names = ", ".join(map(code, group.people))
    summary = f"<summary>{people(len(group.people))}</summary>"
    return f"{html(group.message)}{place}<details>{summary}{names}</details>"
