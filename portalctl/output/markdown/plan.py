"""A plan as Markdown, for a comment on a pull request or a job summary.

Refusals, removals and warnings come first and are never collapsed; rows are grouped under their rule. The document
has a limit of bytes for every plan: if the removals do not fit, they become a list of developers.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import islice
from typing import Self
from urllib.parse import urlsplit

from portalctl.changes.operation import Effect, Origin
from portalctl.changes.plan import Plan, PortalPlan, Refusal, RuleChange, UnruledGrant
from portalctl.output import view_model
from portalctl.output.escaping import html, markdown, markdown_words
from portalctl.output.links import NO_LINKS, Links
from portalctl.output.markdown.parts import (
    LONGEST_NAME,
    MOST,
    MOST_RULES,
    SHORTEST_ROW,
    Row,
    collapsed,
    form_row,
    grouped,
    link,
    listed,
    more,
    part,
    place_words,
    sentence,
    short,
    subject,
    why_words,
    whys_words,
)
from portalctl.output.masks import is_mask
from portalctl.output.refusal_causes import RefusalCause, causes, how_to_continue
from portalctl.output.size_limit import Part, fitted, size
from portalctl.output.view_model import MOST_ALIKE, SHOWN_OF_ALIKE, ChangeGroup, KeptAccess, NoticeGroup
from portalctl.reason import Reason
from portalctl.words import age_between, moment, plural

ALL = "`portalctl plan -o html` lists all."
MOST_WORDS = 10  # changes of one developer in one row
MOST_RULE_CHANGES = 20  # shown without collapsing


@dataclass(frozen=True, slots=True)
class _FittedPortal:
    name: str
    heading: str
    parts: tuple[Part, ...]
    urgent: bool

    @property
    def least(self) -> int:
        """The bytes of the portal without any row."""
        return size(self.heading) + sum(part.size(0) for part in self.parts)


def plan_markdown(plan: Plan, links: Links = NO_LINKS, *, most: int = MOST) -> str:
    """Return the plan in at most `most` bytes of UTF-8; `most` is 4,000 or more.

    Rows are left out from the least important part first, from removals last, and each part states the number of its
    missing rows. If not even the headings of all portals fit, portals are left out: first those without refusals and
    removals.
    """
    foot = _foot(plan)
    alone = len(plan.portals) == 1
    portals = [_Document.of(portal, links, most).portal(alone=alone) for portal in plan.portals]
    available = most - size(foot) - size(_more_portals(plan.portals))
    shown = _that_fit(portals, available)
    available -= sum(size(portal.heading) for portal in shown)
    texts = iter(fitted([part for portal in shown for part in portal.parts], available))
    body = [portal.heading + "".join(islice(texts, len(portal.parts))) for portal in shown]
    names = {portal.name for portal in shown}
    return "".join(body) + _more_portals([portal for portal in plan.portals if portal.name not in names]) + foot


def _more_portals(portals: Sequence[PortalPlan]) -> str:
    """Return the number of portals that are not shown, and of the developers who lose access there."""
    count = view_model.totals(portals).losers
    loses = view_model.by_count(count, "loses", "lose")
    loss = f", on which {plural(count, 'developer')} {loses} access" if count else ""
    return more(len(portals), f"portal{'s' if len(portals) != 1 else ''}{loss}. {ALL}")


def _that_fit(portals: Sequence[_FittedPortal], available: int) -> list[_FittedPortal]:
    chosen: set[str] = set()
    for portal in sorted(portals, key=lambda portal: not portal.urgent):
        if portal.least <= available:
            available -= portal.least
            chosen.add(portal.name)
    return [portal for portal in portals if portal.name in chosen]


def _foot(plan: Plan) -> str:
    """Return the plan's digest, commit and snapshot, and the command that resolves its masks."""
    facts = [f"digest {view_model.digest_words(plan.digest, short)}"]
    facts += [f"commit {short(plan.manifest.commit)}"] if plan.manifest.commit else []
    facts += _read(plan)
    facts += [_where(portal) for portal in plan.portals] if len(plan.portals) == 1 else []
    names = (change.developer.name for portal in plan.portals for change in portal.changes if change.developer)
    mask = next(filter(is_mask, names), None) if plan.digest is not None else None
    masks = [f"masks: {markdown(f'portalctl explain {mask}')}"] if mask else []
    return f"<sub>{' · '.join([*facts, short(plan.generator), *masks])}</sub>\n"


def _where(portal: PortalPlan) -> str:
    place = f"{portal.provider} {short(urlsplit(portal.server).netloc)}"
    return ", ".join([place, plural(portal.developers, "developer"), *view_model.pending_words(portal.pending)])


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
    causes: Mapping[Refusal, Sequence[RefusalCause]]
    most: int

    @classmethod
    def of(cls, plan: PortalPlan, links: Links, most: int) -> Self:
        """Return the document of a portal's plan."""
        return cls(plan, links, view_model.former_rules(plan.base), causes(plan), most)

    def portal(self, *, alone: bool) -> _FittedPortal:
        """Return the heading and the parts. `alone`: the facts about the portal are in the foot."""
        warnings = [group for group in view_model.notice_groups(self.plan.notices) if group.warning]
        groups = view_model.change_groups(self.plan.changes)
        heading = self._heading(len(warnings), alone=alone)
        urgent = bool(self.plan.refusals or any(group.effect == "removes" for group in groups))
        unruled = self.plan.base is not None and bool(self.plan.base.unruled)
        return _FittedPortal(self.plan.name, heading, tuple(self._parts(groups, warnings)), urgent or unruled)

    def _parts(self, groups: Sequence[ChangeGroup], warnings: Sequence[NoticeGroup]) -> Iterator[Part]:
        base = self.plan.base
        unruled, prevented, rules = (base.unruled, base.prevented, base.rules) if base is not None else ((), (), ())
        by_effect: dict[Effect, list[ChangeGroup]] = {effect: [] for effect in view_model.SIGNS}
        for group in sorted(groups, key=self._rank):
            by_effect[group.effect].append(group)
        removals = by_effect["removes"]
        sized = partial(part, most=self.most)
        yield sized(6, self.plan.refusals, self._refusal, self._refused_part, named=f"refusals. {ALL}")
        yield sized(7, removals, self._change, _removals, named="removals", compact=_compact(removals, self.most))
        unruled_part = partial(self._unruled_part, unruled)
        yield sized(5, view_model.kept_access(unruled), self._kept, unruled_part, named="developers without a rule")
        yield sized(
            4,
            view_model.change_groups(prevented),
            self._prevented_change,
            self._prevented_part,
            named="prevented changes",
        )
        yield sized(3, warnings, self._warning, lambda rows: f"### ⚠ Warnings\n\n{listed(rows)}", named="warnings")
        yield sized(3, rules, self._rule_change, lambda rows: _rules(rows, rules), named=f"rules. {ALL}")
        for importance, origin in ((2, "change"), (1, "pending")):
            grants = [group for group in by_effect["grants"] if (group.origin == "pending") == (origin == "pending")]
            title = self._title("Grants", grants)
            yield sized(importance, grants, self._change, partial(_folded, title), named=f"grants. {ALL}")
        changes = by_effect["changes"]
        title = f"Other changes: {len(changes):,}"
        yield sized(1, changes, self._change, partial(_folded, title), named=f"other changes. {ALL}")
        notes = [group for group in view_model.notice_groups(self.plan.notices) if not group.warning]
        lines = [*map(markdown_words, view_model.unchanged_developers(self.plan)), *map(self._notice, notes)]
        yield sized(0, lines, _note, lambda rows: collapsed("Unchanged", listed(rows)), named="notes")
        forms = self.plan.submitted_forms
        yield sized(0, forms, form_row, lambda rows: collapsed(view_model.SUBMITTED, listed(rows)), named="answers")

    def _rank(self, group: ChangeGroup) -> tuple[bool, tuple[tuple[str, int], ...]]:
        """Return the sort key: changes from this pull request first, then by rule."""
        return view_model.was_pending(group), tuple((why.file or "", why.line or 0) for why in group.why)

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
        """Yield the figures of access; with a base, of this pull request first, then of all other changes."""
        if self.plan.base is None:
            yield _access(self.plan)
            return
        for origin in view_model.ORIGINS:
            part = view_model.of_origin(self.plan, origin)
            words = self._origin(origin)
            yield f"{words[0].upper()}{words[1:]}: {_access(part) if part.changes else 'nothing'}"

    def _title(self, heading: str, groups: Sequence[ChangeGroup]) -> str:
        """Return the summary line of a collapsed part, as HTML."""
        if not groups:
            return heading
        origin = self._origin(groups[0].origin)
        developers = len({group.key for group in groups if not group.about_team})
        teams = len({group.name for group in groups if group.about_team})
        counts = [plural(developers, "developer")] if developers else []
        counts += [plural(teams, "team")] if teams else []
        words = {view_model.change_words(group, _html_code, MOST_WORDS) for group in groups}
        same = f" ({words.pop()})" if len(words) == 1 else ""
        return f"{heading}{f' {origin}' if origin else ''}: {', '.join(counts)}{same}"

    def _refused_part(self, rows: Sequence[Row]) -> str:
        advice = " ".join(how_to_continue(self.plan, "`{}`".format))
        return f"### {view_model.refused_words(self.plan, short)}\n\n{listed(rows)}" + (
            f"{advice}\n\n" if advice else ""
        )

    def _refusal(self, refusal: Refusal) -> Row:
        note = f" ({self._origin(refusal.origin)})" if refusal.origin is not None else ""
        found = self.causes[refusal]
        rules = [
            f"{why_words(cause.why, self.links)} ({plural(cause.developers, 'developer')})"
            for cause in found[:MOST_RULES]
        ]
        rules += [f"{len(found) - len(rules):,} more rules"] if len(found) > len(rules) else []
        caused = f"; caused by {'; '.join(rules)}" if rules else ""
        return Row(f"- ✗ {sentence(refusal.message)}{note}{caused}")

    def _unruled_part(self, unruled: Sequence[UnruledGrant], rows: Sequence[Row]) -> str:
        advice = view_model.unruled_advice(unruled, self.plan.provider, "`{}`".format)
        return f"### ⚠ {view_model.unruled_words(unruled)}\n\n{advice}\n\n{grouped(rows)}"

    def _prevented_part(self, rows: Sequence[Row]) -> str:
        return f"### Prevented by this {self.links.request}\n\n{grouped(rows)}"

    def _change(self, group: ChangeGroup) -> Row:
        note = f" ({self._origin(group.origin)})" if group.effect == "removes" and group.origin is not None else ""
        former = view_model.deleted_rules(group, self.former)
        previously = f"; previously granted by {self._base_rules(former)}" if former else ""
        words = view_model.change_words(group, short, MOST_WORDS)
        return Row(f"- {_name(group)}: {words}{note}{previously}", whys_words(group.why, self.links))

    def _prevented_change(self, group: ChangeGroup) -> Row:
        """Return the row of a change that only the base's plan has."""
        words = view_model.change_words(group, short, MOST_WORDS)
        return Row(f"- {_name(group)}: {words}", f"previously planned by {self._base_rules(group.why)}")

    def _kept(self, kept: KeptAccess) -> Row:
        words = view_model.kept_words(kept, short, MOST_WORDS)
        return Row(f"- {subject(kept.name)}: {words}", f"previously granted by {self._base_rules(kept.why)}")

    def _base_rules(self, why: Iterable[Reason]) -> str:
        return whys_words(why, self.links, before=True)

    def _rule_change(self, change: RuleChange) -> Row:
        removed = change.action == "removed"
        values = view_model.rule_values(change, short, MOST_WORDS)
        words = why_words(change.why, self.links, before=removed, named=True)
        team = f" of team {short(change.team)}" if change.team else ""
        return Row(f"- {change.action}: {words}{team}{f' ({values})' if values else ''}")

    def _warning(self, group: NoticeGroup) -> Row:
        return Row(f"- {self._notice(group)}")

    def _notice(self, group: NoticeGroup) -> str:
        shown = group.developers if len(group.developers) <= MOST_ALIKE else group.developers[:SHOWN_OF_ALIKE]
        others = len(group.developers) - len(shown)
        names = [*map(short, shown), *([f"{plural(others, 'developer')} more"] if others else [])]
        named = f"{', '.join(names)}: " if names else ""
        where = f" {place_words(group.place, self.links.at(group.place))}" if group.place else ""
        return f"{named}{sentence(group.message)}{where}"


def _html_code(text: str) -> str:
    """Return a name as code in HTML."""
    return f"<code>{html(text, most=LONGEST_NAME)}</code>"


def _access(portal: PortalPlan) -> str:
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


def _compact(removals: Sequence[ChangeGroup], most: int) -> Part:
    """Return the removals without their rules: an entry for each developer or team, equal removals together."""
    by_subject: dict[tuple[bool, str], list[ChangeGroup]] = {}
    for group in removals:
        by_subject.setdefault((group.about_team, group.key), []).append(group)
    entries = [(_removed(groups), _name(groups[0])) for groups in islice(by_subject.values(), most // SHORTEST_ROW)]

    def text(kept: int) -> str:
        by_words: dict[str, list[str]] = {}
        for words, name in entries[:kept]:
            by_words.setdefault(words, []).append(name)
        lines = "".join(f"- {words}: {', '.join(names)}\n" for words, names in by_words.items())
        missing = more(len(by_subject) - kept, f"developers and teams with removals. {ALL}")
        return f"### Removals\n\n{lines}\n{missing}"

    return Part(7, len(entries), text)


def _removed(groups: Sequence[ChangeGroup]) -> str:
    return ", ".join(
        view_model.change_words(group, short, MOST_WORDS) + view_model.origin_note(group) for group in groups
    )


def _name(group: ChangeGroup) -> str:
    return f"team {subject(group.name)}" if group.about_team else subject(group.name)


def _note(note: str) -> Row:
    return Row(f"- {note}")
