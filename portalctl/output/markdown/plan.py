"""A plan as Markdown, for a comment on a pull request or the summary of a job.

Refusals, removals and warnings come first and are never collapsed; rows are grouped under their rule. The document
keeps to a limit of bytes, whatever the plan: where the removals do not fit, they become a list of developers.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import islice
from typing import Self
from urllib.parse import urlsplit

from portalctl.changes.operation import Origin
from portalctl.changes.plan import Plan, PortalPlan, Refusal, RuleChange, UnruledGrant
from portalctl.output import view_model
from portalctl.output.escaping import markdown, markdown_words
from portalctl.output.links import NO_LINKS, Links
from portalctl.output.markdown.parts import (
    MOST,
    MOST_RULES,
    SHORTEST_ROW,
    Row,
    collapsed,
    grouped,
    link,
    listed,
    more,
    part,
    place_words,
    sentence,
    short,
    who,
    why_words,
    whys_words,
)
from portalctl.output.masks import is_mask
from portalctl.output.refusal_causes import Cause, causes, how_to_continue
from portalctl.output.size_limit import Part, fitted, size
from portalctl.output.view_model import MOST_ALIKE, SHOWN_OF_ALIKE, ChangeGroup, Kept, Kind, NoticeGroup
from portalctl.reason import Reason
from portalctl.words import age_between, moment, plural

ALL = "`portalctl plan -o html` lists all."
MOST_WORDS = 10  # changes of one developer, in one row
MOST_RULE_CHANGES = 20  # shown without a click


@dataclass(frozen=True, slots=True)
class _Portal:
    name: str
    heading: str
    parts: tuple[Part, ...]
    urgent: bool

    @property
    def least(self) -> int:
        """Return the bytes it takes without any row."""
        return size(self.heading) + sum(part.size(0) for part in self.parts)


def plan_markdown(plan: Plan, links: Links = NO_LINKS, *, most: int = MOST) -> str:
    """Return the plan in at most `most` bytes of UTF-8; `most` is 4,000 or more.

    Rows are left out from the least important part first, removals last, and each part counts those it leaves out.
    Where not even the headings of all portals fit, portals are left out: first those without refusals and removals.
    """
    foot = _foot(plan)
    alone = len(plan.portals) == 1
    portals = [_Document.of(portal, links, most).portal(alone=alone) for portal in plan.portals]
    room = most - size(foot) - size(_more_portals(plan.portals))
    shown = _with_room(portals, room)
    room -= sum(size(portal.heading) for portal in shown)
    texts = iter(fitted([part for portal in shown for part in portal.parts], room))
    body = [portal.heading + "".join(islice(texts, len(portal.parts))) for portal in shown]
    names = {portal.name for portal in shown}
    return "".join(body) + _more_portals([portal for portal in plan.portals if portal.name not in names]) + foot


def _more_portals(portals: Sequence[PortalPlan]) -> str:
    """Return how many portals are not shown, and how many developers lose access there."""
    count = view_model.totals(portals).losers
    loses = view_model.by_count(count, "loses", "lose")
    loss = f", on which {plural(count, 'developer')} {loses} access" if count else ""
    return more(len(portals), f"portal{'s' if len(portals) != 1 else ''}{loss}. {ALL}")


def _with_room(portals: Sequence[_Portal], room: int) -> list[_Portal]:
    chosen: set[str] = set()
    for portal in sorted(portals, key=lambda portal: not portal.urgent):
        if portal.least <= room:
            room -= portal.least
            chosen.add(portal.name)
    return [portal for portal in portals if portal.name in chosen]


def _foot(plan: Plan) -> str:
    """Return which plan this is, of which commit, from which snapshot, and how to resolve its masks."""
    facts = [f"digest {view_model.digest_words(plan.digest, short)}"]
    facts += [f"commit {short(plan.manifest.commit)}"] if plan.manifest.commit else []
    facts += _read(plan)
    facts += [_where(portal) for portal in plan.portals] if len(plan.portals) == 1 else []
    names = (change.developer.name for portal in plan.portals for change in portal.changes if change.developer)
    mask = next(filter(is_mask, names), None) if plan.digest is not None else None
    masks = [f"masks: {markdown(f'portalctl explain {mask}')}"] if mask else []
    return f"<sub>{' · '.join([*facts, short(plan.generator), *masks])}</sub>\n"


def _where(portal: PortalPlan) -> str:
    return f"{portal.provider} {short(urlsplit(portal.server).netloc)}, {plural(portal.developers, 'developer')}"


def _read(plan: Plan) -> Iterator[str]:
    if not plan.portals:
        return
    read = min(portal.observed_at for portal in plan.portals)
    if plan.snapshot is None:
        yield f"read {moment(read)}"
    else:
        age = age_between(read, plan.created_at)
        yield f"snapshot {age} old ({moment(read)})" if age else f"snapshot of {moment(read)}"


@dataclass(frozen=True, slots=True)
class _Document:
    """One portal's plan in a document of `most` bytes."""

    plan: PortalPlan
    links: Links
    former: view_model.Former
    causes: Mapping[Refusal, Sequence[Cause]]
    most: int

    @classmethod
    def of(cls, plan: PortalPlan, links: Links, most: int) -> Self:
        """Return the document of a portal's plan."""
        return cls(plan, links, view_model.former_rules(plan.base), causes(plan), most)

    def portal(self, *, alone: bool) -> _Portal:
        """Return the heading and the parts. The facts of a portal that is `alone` are in the foot."""
        warnings = [group for group in view_model.notice_groups(self.plan.notices) if group.warning]
        effects = view_model.effects(self.plan.changes)
        heading = self._heading(len(warnings), alone=alone)
        urgent = bool(self.plan.refusals or any(effect.kind == "takes" for effect in effects))
        unruled = self.plan.base is not None and bool(self.plan.base.unruled)
        return _Portal(self.plan.name, heading, tuple(self._parts(effects, warnings)), urgent or unruled)

    def _parts(self, effects: Sequence[ChangeGroup], warnings: Sequence[NoticeGroup]) -> Iterator[Part]:
        base = self.plan.base
        unruled, prevented, rules = (base.unruled, base.prevented, base.rules) if base is not None else ((), (), ())
        kinds: dict[Kind, list[ChangeGroup]] = {kind: [] for kind in view_model.SIGNS}
        for effect in sorted(effects, key=self._rank):
            kinds[effect.kind].append(effect)
        takes = kinds["takes"]
        sized = partial(part, most=self.most)
        yield sized(6, self.plan.refusals, self._refusal, self._refused, named=f"reasons. {ALL}")
        yield sized(7, takes, self._effect, _removals, named="removals", compact=_compact(takes, self.most))
        stays = partial(self._stays, unruled)
        yield sized(5, view_model.kept(unruled), self._kept, stays, named="developers without a rule")
        yield sized(4, view_model.effects(prevented), self._before, self._prevented, named="prevented")
        yield sized(3, warnings, self._warning, lambda rows: f"### ⚠ Warnings\n\n{listed(rows)}", named="warnings")
        yield sized(3, rules, self._rule_change, lambda rows: _rules(rows, rules), named=f"rules. {ALL}")
        for importance, origin in ((2, "change"), (1, "pending")):
            gives = [effect for effect in kinds["gives"] if (effect.origin == "pending") == (origin == "pending")]
            title = self._title("Grants", gives)
            yield sized(importance, gives, self._effect, partial(_folded, title), named=f"grants. {ALL}")
        changes = kinds["changes"]
        title = f"Other changes: {len(changes):,}"
        yield sized(1, changes, self._effect, partial(_folded, title), named=f"other changes. {ALL}")
        notes = [group for group in view_model.notice_groups(self.plan.notices) if not group.warning]
        lines = [*map(markdown_words, view_model.left_alone(self.plan)), *map(self._notice, notes)]
        yield sized(0, lines, _note, lambda rows: collapsed("Unchanged", listed(rows)), named="notes")

    def _rank(self, effect: ChangeGroup) -> tuple[bool, tuple[tuple[str, int], ...]]:
        """Sort key: changes from this pull request first, then by rule."""
        return view_model.was_pending(effect), tuple((why.file or "", why.line or 0) for why in effect.why)

    def _origin(self, origin: Origin | None) -> str:
        return view_model.origin_of(origin, self.links.request) if origin is not None else ""

    def _heading(self, warnings: int, *, alone: bool) -> str:
        plan, count = self.plan, len(self.plan.changes)
        state = "refused" if plan.refusals else plural(count, "change") if count else "nothing to do"
        cost = [view_model.cost_words(view_model.totals([plan]))] if count else []
        cost += [plural(warnings, "warning")] if warnings else []
        figures = [*self._figures()] if count else []
        facts = [". ".join(filter(None, [" · ".join(figures), ", ".join(cost)]))]
        facts += [] if alone else [_where(plan)]
        facts += [link("run", self.links.run)] if self.links.run else []
        facts += [link("full report", self.links.report)] if self.links.report else []
        line = " · ".join(filter(None, facts))
        return f"## Portal access · {short(plan.name)}: {state}\n\n" + (f"{line}\n\n" if line else "")

    def _figures(self) -> Iterator[str]:
        """Yield who gains and loses access; in a compared plan, first by this pull request, then otherwise."""
        if self.plan.base is None:
            yield _people(self.plan)
            return
        for origin in view_model.ORIGINS:
            part = view_model.of_origin(self.plan, origin)
            words = self._origin(origin)
            yield f"{words[0].upper()}{words[1:]}: {_people(part) if part.changes else 'nothing'}"

    def _title(self, what: str, effects: Sequence[ChangeGroup]) -> str:
        """Return the summary line of a collapsed part, as HTML."""
        if not effects:
            return what
        origin = self._origin(effects[0].origin)
        developers = len({effect.key for effect in effects if not effect.about_team})
        teams = len({effect.who for effect in effects if effect.about_team})
        counts = [plural(developers, "developer")] if developers else []
        counts += [plural(teams, "team")] if teams else []
        return f"{what}{f' {origin}' if origin else ''}: {', '.join(counts)}"

    def _refused(self, rows: Sequence[Row]) -> str:
        ways = " ".join(how_to_continue(self.plan, "`{}`".format))
        return f"### {view_model.refused_words(self.plan, short)}\n\n{listed(rows)}" + (f"{ways}\n\n" if ways else "")

    def _refusal(self, refusal: Refusal) -> Row:
        note = f" ({self._origin(refusal.origin)})" if refusal.origin is not None else ""
        found = self.causes[refusal]
        rules = [f"{why_words(cause.why, self.links)} ({cause.developers:,})" for cause in found[:MOST_RULES]]
        rules += [f"{len(found) - len(rules):,} more rules"] if len(found) > len(rules) else []
        by = f"; by {'; '.join(rules)}" if rules else ""
        return Row(f"- ✗ {sentence(refusal.message)}{note}{by}")

    def _stays(self, unruled: Sequence[UnruledGrant], rows: Sequence[Row]) -> str:
        advice = view_model.unruled_advice(unruled, self.plan.provider, "`{}`".format)
        return f"### ⚠ {view_model.unruled_words(unruled)}\n\n{advice}\n\n{grouped(rows)}"

    def _prevented(self, rows: Sequence[Row]) -> str:
        return f"### Prevented by this {self.links.request}\n\n{grouped(rows)}"

    def _effect(self, effect: ChangeGroup) -> Row:
        note = f" ({self._origin(effect.origin)})" if effect.kind == "takes" and effect.origin is not None else ""
        former = view_model.until_now(effect, self.former)
        until = f"; until now by {whys_words(former, self.links, before=True)}" if former else ""
        what = view_model.what(effect, short, MOST_WORDS)
        return Row(f"- {_who(effect)}: {what}{note}{until}", whys_words(effect.why, self.links))

    def _before(self, effect: ChangeGroup) -> Row:
        """Return the row of a change that only the base planned."""
        what = view_model.what(effect, short, MOST_WORDS)
        return Row(f"- {_who(effect)}: {what}", self._until_now(effect.why))

    def _kept(self, developer: Kept) -> Row:
        keeps = view_model.keeps(developer, short, MOST_WORDS)
        return Row(f"- {who(developer.who)}: {keeps}", self._until_now(developer.why))

    def _until_now(self, why: Iterable[Reason]) -> str:
        return f"until now by {whys_words(why, self.links, before=True)}"

    def _rule_change(self, change: RuleChange) -> Row:
        removed = change.action == "removed"
        values = view_model.rule_values(change, short, MOST_WORDS)
        words = why_words(change.why, self.links, before=removed, named=True)
        team = f" of team {short(change.team)}" if change.team else ""
        return Row(f"- {change.action}: {words}{team}{f' ({values})' if values else ''}")

    def _warning(self, group: NoticeGroup) -> Row:
        return Row(f"- {self._notice(group)}")

    def _notice(self, group: NoticeGroup) -> str:
        shown = group.people if len(group.people) <= MOST_ALIKE else group.people[:SHOWN_OF_ALIKE]
        others = len(group.people) - len(shown)
        names = [*map(short, shown), *([f"{plural(others, 'developer')} more"] if others else [])]
        named = f"{', '.join(names)}: " if names else ""
        where = f" {place_words(group.place, self.links.at(group.place))}" if group.place else ""
        return f"{named}{sentence(group.message)}{where}"


def _people(portal: PortalPlan) -> str:
    return view_model.access_words(view_model.totals([portal]), "**{}**".format)


def _removals(rows: Sequence[Row]) -> str:
    return f"### Removals\n\n{grouped(rows)}"


def _folded(title: str, rows: Sequence[Row]) -> str:
    return collapsed(title, grouped(rows))


def _rules(rows: Sequence[Row], rules: Sequence[RuleChange]) -> str:
    title = view_model.rule_counts(rules)
    if len(rules) > MOST_RULE_CHANGES:
        return collapsed(title, listed(rows))
    return f"### {title}\n\n{listed(rows)}"


def _compact(takes: Sequence[ChangeGroup], most: int) -> Part:
    """Return the removals without their rules: an entry for each developer or team, equal losses together."""
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
        return f"### Removals\n\n{lines}\n{missing}"

    return Part(7, len(entries), text)


def _lost(effects: Sequence[ChangeGroup]) -> str:
    return ", ".join(
        view_model.what(effect, short, MOST_WORDS) + view_model.origin_note(effect) for effect in effects
    )


def _who(effect: ChangeGroup) -> str:
    return f"team {who(effect.who)}" if effect.about_team else who(effect.who)


def _note(note: str) -> Row:
    return Row(f"- {note}")
