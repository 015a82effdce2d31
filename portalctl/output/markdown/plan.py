"""A plan as Markdown, for a comment on a pull request that is understood in ten seconds.

What is refused, what takes away and what warns stands first and is never collapsed. The document keeps to a limit,
whatever the plan: where the table of removals does not fit, it becomes a list of developers.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import groupby, islice
from urllib.parse import urlsplit

from portalctl.changes.plan import Plan, PortalPlan, Refusal, UnruledGrant
from portalctl.output import view_model
from portalctl.output.escaping import markdown, markdown_words
from portalctl.output.markdown.parts import (
    MOST,
    SHORTEST_ROW,
    Row,
    collapsed,
    listed,
    more,
    part,
    place_words,
    sentence,
    short,
    short_html,
    table,
    who,
    whys_words,
)
from portalctl.output.size_limit import Part, fitted, size
from portalctl.output.view_model import BRAKE, MOST_ALIKE, SHOWN_OF_ALIKE, ChangeGroup, Kept, Kind, NoticeGroup
from portalctl.words import age_between, moment, people, plural

ALL = "`portalctl plan -o html` lists all."
MOST_TEAMS = 3  # in the line that opens a group
MOST_WORDS = 10  # things that happen to one person, in one row
TABLE = ("who", "what", "why")
GONE = ("who", "what", "rule before this change")


@dataclass(frozen=True, slots=True)
class _Portal:
    name: str
    heading: str
    parts: tuple[Part, ...]
    urgent: bool

    @property
    def least(self) -> int:
        """Bytes it takes with no row at all."""
        return size(self.heading) + sum(part.size(0) for part in self.parts)


def plan_markdown(plan: Plan, *, most: int = MOST) -> str:
    """The whole plan in at most `most` bytes of UTF-8; `most` is 4,000 or more.

    Rows fall out from the least important part first, removals last, and each part states how many did. Where not
    even the headings of all portals fit, portals fall out: first those that are not refused and lose nothing.
    """
    foot = _foot(plan)
    alone = len(plan.portals) == 1
    portals = [_portal(portal, most, alone=alone) for portal in plan.portals]
    room = most - size(foot) - size(_more_portals(plan.portals))
    shown = _with_room(portals, room)
    room -= sum(size(portal.heading) for portal in shown)
    texts = iter(fitted([part for portal in shown for part in portal.parts], room))
    body = [portal.heading + "".join(islice(texts, len(portal.parts))) for portal in shown]
    names = {portal.name for portal in shown}
    return "".join(body) + _more_portals([portal for portal in plan.portals if portal.name not in names]) + foot


def _more_portals(portals: Sequence[PortalPlan]) -> str:
    """How many portals are not shown, and how many developers lose access there."""
    count = view_model.totals(portals).losers
    loss = f", on which {plural(count, 'developer')} {'loses' if count == 1 else 'lose'} access" if count else ""
    return more(len(portals), f"portal{'s' if len(portals) != 1 else ''}{loss}. {ALL}")


def _with_room(portals: Sequence[_Portal], room: int) -> list[_Portal]:
    chosen: set[str] = set()
    for portal in sorted(portals, key=lambda each: not each.urgent):
        if portal.least <= room:
            room -= portal.least
            chosen.add(portal.name)
    return [portal for portal in portals if portal.name in chosen]


def _portal(portal: PortalPlan, most: int, *, alone: bool) -> _Portal:
    kinds: dict[Kind, list[ChangeGroup]] = {kind: [] for kind in view_model.SIGNS}
    for effect in view_model.effects(portal.changes):
        kinds[effect.kind].append(effect)
    takes, changes = (sorted(kinds[kind], key=view_model.was_pending) for kind in ("takes", "changes"))
    gives = sorted(kinds["gives"], key=lambda each: (view_model.was_pending(each), each.teams))
    groups = view_model.notice_groups(portal.notices)
    warnings = [group for group in groups if group.warning]
    notes = [*map(markdown_words, view_model.left_alone(portal)), *(_notice(g) for g in groups if not g.warning)]
    sizes = Counter(map(_about, gives))
    unruled = portal.base.unruled if portal.base is not None else ()
    prevented = view_model.effects(portal.base.prevented) if portal.base is not None else ()
    sized = partial(part, most=most)
    parts = (
        sized(6, portal.refusals, _refusal, lambda rows: _refused(rows, portal), named=f"reasons. {ALL}"),
        sized(7, takes, _effect, _taken, named="rows that take away", compact=_compact(takes, most)),
        sized(5, view_model.kept(unruled), _kept, lambda rows: _stays(rows, unruled, portal), named="who stay live"),
        sized(4, prevented, _effect, _prevented, named="prevented"),
        sized(3, warnings, _warning, lambda rows: f"### ⚠ Warnings\n\n{listed(rows)}", named="warnings"),
        sized(2, gives, _effect, lambda rows: _given(rows, sizes), named=f"rows that give. {ALL}"),
        sized(
            1,
            changes,
            _effect,
            lambda rows: collapsed("Other changes", table(rows, *TABLE)),
            named=f"other changes. {ALL}",
        ),
        sized(0, notes, _note, lambda rows: collapsed("Left alone", listed(rows)), named="notes"),
    )
    heading = _heading(portal, len(warnings), alone=alone)
    return _Portal(portal.name, heading, parts, bool(portal.refusals or takes or unruled))


def _heading(portal: PortalPlan, warnings: int, *, alone: bool) -> str:
    """What an `alone` portal is stands at the foot."""
    count = len(portal.changes)
    state = "refused" if portal.refusals else plural(count, "change") if count else "nothing to do"
    common = [plural(portal.summary["mails"], "e-mail")] if count else []
    common += [plural(warnings, "warning")] if warnings else []
    if portal.base is not None and count:
        told = [*_by_origin(portal), ", ".join(common)]
    else:
        told = [", ".join([*([_people(portal)] if count else []), *common])]
    line = " · ".join(filter(None, [*told, "" if alone else _where(portal)]))
    return f"## Portal access · {short(portal.name)}: {state}\n\n" + (f"{line}\n\n" if line else "")


def _by_origin(portal: PortalPlan) -> Iterator[str]:
    """What the change under review does, then what was pending before it."""
    for origin, words in view_model.ORIGINS.items():
        part = view_model.of_origin(portal, origin)
        yield f"{len(part.changes):,} {words}" + (f": {_people(part)}" if part.changes else "")


def _people(portal: PortalPlan) -> str:
    count = view_model.totals([portal])
    return view_model.access_words(count, "**{}**".format)


def _foot(plan: Plan) -> str:
    """Which plan this is, of what, and how old the reading behind it."""
    facts = [f"digest {view_model.digest_words(plan.digest, short)}"]
    facts += [f"commit {short(plan.manifest.commit)}"] if plan.manifest.commit else []
    facts += _reading(plan)
    facts += [_where(portal) for portal in plan.portals] if len(plan.portals) == 1 else []
    return f"<sub>{' · '.join([*facts, short(plan.generator)])}</sub>\n"


def _where(portal: PortalPlan) -> str:
    return f"{portal.provider} {short(urlsplit(portal.server).netloc)}, {plural(portal.developers, 'developer')}"


def _reading(plan: Plan) -> Iterator[str]:
    if not plan.portals:
        return
    read = min(portal.observed_at for portal in plan.portals)
    if plan.snapshot is None:
        yield f"read {moment(read)}"
    else:
        age = age_between(read, plan.created_at)
        yield f"snapshot {age} old ({moment(read)})" if age else f"snapshot of {moment(read)}"


def _refused(rows: Sequence[Row], portal: PortalPlan) -> str:
    ways = ""
    if any(refusal.code in BRAKE for refusal in portal.refusals):
        allow = markdown(f"--allow-removals {portal.summary['removals']}")
        ways = (
            "Two ways on: raise that limit under `policy.limits` in the manifest (with `expires`), "
            f"or allow this run alone: {allow}\n\n"
        )
    return f"### Refused: nothing of this portal can be written\n\n{listed(rows)}{ways}"


def _taken(rows: Sequence[Row]) -> str:
    return f"### Takes away\n\n{table(rows, *TABLE)}"


def _compact(takes: Sequence[ChangeGroup], most: int) -> Part:
    """The removals, one entry for each developer or team, those that lose the same together; without the rules."""
    losses: dict[tuple[bool, str], list[ChangeGroup]] = {}
    for effect in takes:
        losses.setdefault((effect.about_team, effect.key), []).append(effect)
    entries = [(_lost(effects), _who(effects[0])) for effects in islice(losses.values(), most // SHORTEST_ROW)]

    def text(kept: int) -> str:
        groups: dict[str, list[str]] = {}
        for lost, name in entries[:kept]:
            groups.setdefault(lost, []).append(name)
        lines = "".join(f"- {lost}: {', '.join(names)}\n" for lost, names in groups.items())
        missing = more(len(losses) - kept, f"developers and teams with removals. {ALL}")
        return f"### Takes away\n\n{lines}\n{missing}"

    return Part(7, len(entries), text)


def _lost(effects: Sequence[ChangeGroup]) -> str:
    return ", ".join(
        view_model.what(effect, short, MOST_WORDS) + view_model.origin_note(effect) for effect in effects
    )


def _others(rows: Sequence[Row]) -> str:
    return collapsed("Other changes", table(rows, *TABLE))


def _prevented(rows: Sequence[Row]) -> str:
    return f"### Prevented by this change\n\nPlanned before it, and not any more:\n\n{table(rows, *GONE)}"


def _stays(rows: Sequence[Row], unruled: Sequence[UnruledGrant], portal: PortalPlan) -> str:
    advice = view_model.unruled_advice(unruled, portal.provider, "`{}`".format)
    return f"### ⚠ {view_model.unruled_words(unruled)}\n\n{advice}\n\n{table(rows, *GONE)}"


def _given(rows: Sequence[Row], sizes: Mapping[str, int]) -> str:
    groups = (
        collapsed(f"{about}: {sizes[about]:,}", table(list(group), *TABLE))
        for about, group in groupby(rows, key=lambda row: row.about)
    )
    return f"### Gives\n\n{''.join(groups)}"


def _effect(effect: ChangeGroup) -> Row:
    what = view_model.what(effect, short, MOST_WORDS) + view_model.origin_note(effect)
    return Row(f"| {_who(effect)} | {what} | {whys_words(effect.why)} |", _about(effect))


def _who(effect: ChangeGroup) -> str:
    return f"team {who(effect.who)}" if effect.about_team else who(effect.who)


def _kept(person: Kept) -> Row:
    return Row(f"| {who(person.who)} | {view_model.keeps(person, short, MOST_WORDS)} | {whys_words(person.why)} |")


def _about(effect: ChangeGroup) -> str:
    """Whose doing an effect is, and its teams, as the line that opens their group; HTML."""
    shown = [f"<code>{short_html(team)}</code>" for team in effect.teams[:MOST_TEAMS]]
    others = len(effect.teams) - len(shown)
    more = [f"{others:,} more"] if others else []
    teams = f"team{'s' if len(effect.teams) > 1 else ''} {', '.join(shown + more)}" if shown else "in no team"
    about = f"{view_model.ORIGINS[effect.origin]}, {teams}" if effect.origin is not None else teams
    return about[0].upper() + about[1:]


def _refusal(refusal: Refusal) -> Row:
    return Row(f"- ✗ {sentence(refusal.message)}{view_model.origin_note(refusal)}")


def _warning(group: NoticeGroup) -> Row:
    return Row(f"- {_notice(group)}")


def _note(note: str) -> Row:
    return Row(f"- {note}")


def _notice(group: NoticeGroup) -> str:
    shown = group.people if len(group.people) <= MOST_ALIKE else group.people[:SHOWN_OF_ALIKE]
    others = len(group.people) - len(shown)
    names = [*map(short, shown), *([f"{people(others)} more"] if others else [])]
    named = f"{', '.join(names)}: " if names else ""
    where = f" {place_words(group.place)}" if group.place else ""
    return f"{named}{sentence(group.message)}{where}"
