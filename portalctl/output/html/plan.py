"""A plan as one HTML file that needs nothing else: no server, no network."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

from portalctl.changes.operation import Origin
from portalctl.changes.operations import NAMES
from portalctl.changes.plan import Plan, PortalPlan
from portalctl.output import view_model
from portalctl.output.html.chart import Bar, bars
from portalctl.output.html.environment import code, page
from portalctl.output.links import NO_LINKS, Links
from portalctl.output.refusal_causes import causes, how_to_continue
from portalctl.output.view_model import ChangeGroup, Kind, NoticeGroup
from portalctl.reason import Reason
from portalctl.words import age_between, moment, plural

KINDS: Mapping[Kind, str] = {"takes": "removes", "gives": "grants", "changes": "changes"}
MOST_REMOVALS = 20  # listed before the table, which has all of them


@dataclass(frozen=True, slots=True)
class _Row:
    """A row of the table. `ops` and `teams` are what the filter compares."""

    effect: ChangeGroup
    ops: str
    teams: str


@dataclass(frozen=True, slots=True)
class _RuleRows:
    """The rows of the same rules. `rules` are the numbers of the rules in the filter."""

    why: tuple[Reason, ...]
    rules: str
    rows: Sequence[_Row]


@dataclass(frozen=True, slots=True)
class Choice:
    """A list of the filter: its name in the script, its label, and its options as value and text."""

    name: str
    label: str
    options: Sequence[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class _Portal:
    """What the page shows of one portal."""

    portal: PortalPlan
    state: str
    facts: Sequence[str]
    removals: Sequence[ChangeGroup]
    warnings: Sequence[NoticeGroup]
    notes: Sequence[str | NoticeGroup]
    bars: Sequence[Bar]
    groups: Sequence[_RuleRows]
    former: view_model.Former


def plan_html(plan: Plan, links: Links = NO_LINKS) -> str:
    """Return the whole plan, however long: first what a reviewer decides on, then the filter and every change."""
    effects = {portal.name: _ordered(portal) for portal in plan.portals}
    found = [effect for portal in plan.portals for effect in effects[portal.name]]
    teams = {team: str(number) for number, team in enumerate(sorted({t for effect in found for t in effect.teams}))}
    rules = {why: str(number) for number, why in enumerate(dict.fromkeys(w for effect in found for w in effect.why))}
    return page(
        "plan.html",
        filtered=True,
        plan=plan,
        links=links,
        names=", ".join(portal.name for portal in plan.portals),
        age=_age(plan),
        kinds=KINDS,
        most_removals=MOST_REMOVALS,
        causes=causes,
        how_to_continue=how_to_continue,
        items=[_portal(portal, effects[portal.name], teams, rules) for portal in plan.portals],
        choices=(
            Choice("ops", "What", tuple(_ops(found))),
            Choice("teams", "Team", tuple((number, team) for team, number in teams.items())),
            Choice("rules", "Rule", tuple((number, _rule(why)) for why, number in rules.items())),
        ),
    )


def _age(plan: Plan) -> str | None:
    if plan.snapshot is None or not plan.portals:
        return None
    return age_between(min(portal.observed_at for portal in plan.portals), plan.created_at)


def _ordered(portal: PortalPlan) -> list[ChangeGroup]:
    """Return removals first; then, changes from this change of the manifest before the others; then by rule."""

    def rank(effect: ChangeGroup) -> tuple[int, bool, tuple[tuple[str, int], ...]]:
        places = tuple((why.file or "", why.line or 0) for why in effect.why)
        return list(KINDS).index(effect.kind), view_model.was_pending(effect), places

    return sorted(view_model.effects(portal.changes), key=rank)


def _portal(
    portal: PortalPlan, effects: Sequence[ChangeGroup], teams: Mapping[str, str], rules: Mapping[Reason, str]
) -> _Portal:
    notices = view_model.notice_groups(portal.notices)
    groups: dict[tuple[Kind, bool, Origin | None, tuple[Reason, ...]], list[_Row]] = {}
    for effect in effects:
        row = _Row(effect, _row_ops(effect), " ".join(teams[team] for team in dict.fromkeys(effect.teams)))
        groups.setdefault((effect.kind, effect.about_team, effect.origin, effect.why), []).append(row)
    changes = plural(len(portal.changes), "change") if portal.changes else "nothing to do"
    return _Portal(
        portal=portal,
        state="refused" if portal.refusals else changes,
        facts=tuple(_facts(portal)),
        removals=[effect for effect in effects if effect.kind == "takes"],
        warnings=[group for group in notices if group.warning],
        notes=[*view_model.left_alone(portal), *(group for group in notices if not group.warning)],
        bars=bars(portal.changes),
        former=view_model.former_rules(portal.base),
        groups=[_RuleRows(why, " ".join(rules[w] for w in why), rows) for (*_, why), rows in groups.items()],
    )


def _facts(portal: PortalPlan) -> Iterator[str]:
    yield portal.provider
    yield code(urlsplit(portal.server).netloc)
    yield plural(portal.developers, "developer")
    yield f"read {moment(portal.observed_at)}"
    origins = view_model.origin_words([portal])
    if origins:
        yield origins


def _row_ops(effect: ChangeGroup) -> str:
    origin = [f"from-{effect.origin}"] if effect.origin is not None else []
    return " ".join([effect.kind, *origin, *dict.fromkeys(change.op for change in effect.changes)])


def _ops(effects: Sequence[ChangeGroup]) -> Iterator[tuple[str, str]]:
    kinds = {effect.kind for effect in effects}
    origins = {effect.origin for effect in effects}
    ops = {change.op for effect in effects for change in effect.changes}
    yield from ((kind, words) for kind, words in KINDS.items() if kind in kinds)
    yield from ((f"from-{origin}", words) for origin, words in view_model.ORIGINS.items() if origin in origins)
    yield from ((op, op.replace("_", " ")) for op in NAMES if op in ops)


def _rule(why: Reason) -> str:
    return f"{view_model.rule(why, str)} ({view_model.place(why) or 'built-in default'})"
