"""A plan as one self-contained HTML file: no server, no network."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from portalctl.changes.operation import Effect, Origin
from portalctl.changes.operations import NAMES
from portalctl.changes.plan import Plan, PortalPlan
from portalctl.output import view_model
from portalctl.output.html.chart import Bar, bars
from portalctl.output.html.environment import code, page
from portalctl.output.links import NO_LINKS, Links
from portalctl.output.refusal_causes import causes, how_to_continue
from portalctl.output.view_model import HEADINGS, ChangeGroup, NoticeGroup
from portalctl.reason import Reason
from portalctl.words import age_between, moment, plural

MOST_REMOVALS = 20  # listed before the table, which lists all


@dataclass(frozen=True, slots=True)
class _ChangeRow:
    """A row of the table, with the values of the filter: operations, and numbers of teams."""

    group: ChangeGroup
    ops: str
    teams: str


@dataclass(frozen=True, slots=True)
class _RuleRows:
    """The rows with the same rules. `rules` has the numbers of the rules in the filter."""

    why: tuple[Reason, ...]
    rules: str
    rows: Sequence[_ChangeRow]


@dataclass(frozen=True, slots=True)
class Choice:
    """A drop-down list of the filter: its name in the script, its label, and its options as value and text."""

    name: str
    label: str
    options: Sequence[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class _PlanSection:
    """The content of the page about one portal."""

    portal: PortalPlan
    state: str
    facts: Sequence[str]
    removals: Sequence[ChangeGroup]
    warnings: Sequence[NoticeGroup]
    notes: Sequence[str | NoticeGroup]
    bars: Sequence[Bar]
    rule_rows: Sequence[_RuleRows]
    former: view_model.Former


def plan_html(plan: Plan, links: Links = NO_LINKS) -> str:
    """Return the whole plan: first what a reviewer decides on, then the filter and every change, without a limit."""
    return page("plan.html", filtered=True, **plan_values(plan, links))


def plan_values(plan: Plan, links: Links = NO_LINKS) -> dict[str, Any]:
    """Return what the template `plan.html` prints."""
    groups = {portal.name: _sorted(portal) for portal in plan.portals}
    found = [group for portal in plan.portals for group in groups[portal.name]]
    teams = {team: str(number) for number, team in enumerate(sorted({t for group in found for t in group.teams}))}
    rules = {why: str(number) for number, why in enumerate(dict.fromkeys(w for group in found for w in group.why))}
    return {
        "plan": plan,
        "links": links,
        "names": ", ".join(portal.name for portal in plan.portals),
        "age": _age(plan),
        "most_removals": MOST_REMOVALS,
        "causes": causes,
        "how_to_continue": how_to_continue,
        "items": [_portal(portal, groups[portal.name], teams, rules) for portal in plan.portals],
        "choices": (
            Choice("ops", "Change", tuple(_ops(found))),
            Choice("teams", "Team", tuple((number, team) for team, number in teams.items())),
            Choice("rules", "Rule", tuple((number, _rule(why)) for why, number in rules.items())),
        ),
    }


def _age(plan: Plan) -> str | None:
    if plan.snapshot is None or not plan.portals:
        return None
    return age_between(min(portal.observed_at for portal in plan.portals), plan.created_at)


def _sorted(portal: PortalPlan) -> list[ChangeGroup]:
    """Sort by effect, removals first; then changes of the change under review before the others; then by rule."""

    def rank(group: ChangeGroup) -> tuple[int, bool, tuple[tuple[str, int], ...]]:
        places = tuple((why.file or "", why.line or 0) for why in group.why)
        return list(HEADINGS).index(group.effect), view_model.was_pending(group), places

    return sorted(view_model.change_groups(portal.changes), key=rank)


def _portal(
    portal: PortalPlan, groups: Sequence[ChangeGroup], teams: Mapping[str, str], rules: Mapping[Reason, str]
) -> _PlanSection:
    notices = view_model.notice_groups(portal.notices)
    by_rules: dict[tuple[Effect, bool, Origin | None, tuple[Reason, ...]], list[_ChangeRow]] = {}
    for group in groups:
        row = _ChangeRow(group, _row_ops(group), " ".join(teams[team] for team in dict.fromkeys(group.teams)))
        by_rules.setdefault((group.effect, group.about_team, group.origin, group.why), []).append(row)
    changes = plural(len(portal.changes), "change") if portal.changes else "nothing to do"
    return _PlanSection(
        portal=portal,
        state="refused" if portal.refusals else changes,
        facts=tuple(_facts(portal)),
        removals=[group for group in groups if group.effect == "removes"],
        warnings=[group for group in notices if group.warning],
        notes=[*view_model.unchanged_developers(portal), *(group for group in notices if not group.warning)],
        bars=bars(portal.changes),
        former=view_model.former_rules(portal.base),
        rule_rows=[_RuleRows(why, " ".join(rules[w] for w in why), rows) for (*_, why), rows in by_rules.items()],
    )


def _facts(portal: PortalPlan) -> Iterator[str]:
    yield portal.provider
    yield code(urlsplit(portal.server).netloc)
    yield plural(portal.developers, "developer")
    yield from view_model.pending_words(portal.pending)
    yield f"read {moment(portal.observed_at)}"
    origins = view_model.origin_words([portal])
    if origins:
        yield origins


def _row_ops(group: ChangeGroup) -> str:
    origin = [f"from-{group.origin}"] if group.origin is not None else []
    return " ".join([group.effect, *origin, *dict.fromkeys(change.op for change in group.changes)])


def _ops(groups: Sequence[ChangeGroup]) -> Iterator[tuple[str, str]]:
    present = {group.effect for group in groups}
    origins = {group.origin for group in groups}
    ops = {change.op for group in groups for change in group.changes}
    yield from ((effect, heading.lower()) for effect, heading in HEADINGS.items() if effect in present)
    yield from ((f"from-{origin}", words) for origin, words in view_model.ORIGINS.items() if origin in origins)
    yield from ((op, op.replace("_", " ")) for op in NAMES if op in ops)


def _rule(why: Reason) -> str:
    return f"{view_model.rule(why, str)} ({view_model.place(why) or 'built-in default'})"
