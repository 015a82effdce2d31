"""Plain values for the tests of this room: rules with a place each, portals, and a plan carried out in memory."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import date, timedelta
from typing import Any

from portalctl.changes.difference import Difference
from portalctl.changes.operation import State
from portalctl.changes.operations import Change
from portalctl.changes.plan import Plan, PortalPlan
from portalctl.changes.planning import assemble, compare, plan_portal
from portalctl.changes.registrations import with_registrations
from portalctl.changes.selection import Selection
from portalctl.errors import Position
from portalctl.insight.drift import DriftFinding, drift_findings
from portalctl.manifest.model import (
    DeniedDomain,
    Manifest,
    Member,
    Membership,
    Override,
    PortalManifest,
    Protected,
    RuleKind,
    Status,
    TeamRule,
    TrustedDomain,
)
from portalctl.portals.models import Developer, Registration, Scope, Settings, Snapshot
from portalctl.portals.models import Team as LiveTeam
from portalctl.reason import Reason
from portalctl.rules.rulebook import Rulebook

TODAY = date(2026, 6, 15)
YESTERDAY = TODAY - timedelta(days=1)
TOMORROW = TODAY + timedelta(days=1)
FILE = "portals/partners.yaml"
LINES: Mapping[RuleKind, int] = {
    "policy": 5,
    "trusted_domains": 10,
    "denied_domains": 20,
    "teams": 30,
    "members": 40,
    "overrides": 50,
    "access_requests": 60,
}
QUIET = Settings(auto_approve_developers=False, rbac_enabled=True, single_sign_on=False, team_mapping=False)
UNMATCHED = Reason.of("policy", "unmatched", Position(FILE, LINES["policy"], 1))


def reason(rule: RuleKind, value: str, line: int | None = None) -> Reason:
    return Reason.of(rule, value, Position(FILE, line or LINES[rule], 5))


def trusted(domain: str, *teams: str, line: int | None = None, **more: Any) -> TrustedDomain:
    return TrustedDomain(domain, reason("trusted_domains", domain, line), teams=teams, **more)


def denied(domain: str, *, line: int | None = None, **more: Any) -> DeniedDomain:
    return DeniedDomain(domain, reason("denied_domains", domain, line), **more)


def member(address: str, expires: date | None = None, *, line: int | None = None) -> Member:
    return Member(address, reason("members", address, line), expires)


def team(
    name: str, members: Iterable[str | Member] | None = None, membership: Membership = "additive", **more: Any
) -> TeamRule:
    """`members` None: the key is not written."""
    listed = None if members is None else tuple(member(m) if isinstance(m, str) else m for m in members)
    return TeamRule(name, reason("teams", name), membership=membership, members=listed, **more)


def override(address: str, status: Status | None = None, teams: Iterable[str] | None = None, **more: Any) -> Override:
    """`teams` None: the key is not written."""
    listed = None if teams is None else tuple(teams)
    return Override(address, reason("overrides", address), status, listed, reason="", **more)


def protected(address: str) -> Protected:
    return Protected(address, reason("policy", "protected"))


def portal(**keys: Any) -> PortalManifest:
    return PortalManifest(name="partners", provider="konnect", at=Position(FILE, 2, 1), id="p-1", **keys)


def developer(email: str | None, status: str = "approved", id: str | None = None) -> Developer:
    return Developer(id or f"id-{email}", email, status)


def snapshot(
    *developers: Developer, teams: Mapping[str, Iterable[str]] | None = None, settings: Settings = QUIET, **more: Any
) -> Snapshot:
    """`teams`: the ids or addresses of the people in each; a team's id is `t-` and its name."""
    ids = {developer.email: developer.id for developer in developers} | {
        developer.id: developer.id for developer in developers
    }
    live = teams or {}
    return Snapshot(
        portal_id="p-1",
        server="https://eu.api.konghq.com",
        settings=settings,
        scope=Scope(frozenset(live)),
        developers=developers,
        teams=more.pop("live_teams", tuple(LiveTeam(f"t-{name}", name) for name in live)),
        members={f"t-{name}": frozenset(ids[who] for who in members) for name, members in live.items()},
        observed_at="2026-06-15T08:00:00Z",
        **more,
    )


def as_read(manifest: PortalManifest, whole: Snapshot, today: date = TODAY) -> Snapshot:
    """Of everything on a portal, what a run reads: the members of the teams that rules can touch, and no others."""
    scope = Rulebook.of(manifest, today).scope
    read = {item.id for item in whole.teams if item.name in scope.teams}
    managed = {item.id for item in whole.teams if item.name in scope.roles}
    return replace(
        whole,
        scope=scope,
        members={key: who for key, who in whole.members.items() if key in read},
        roles={key: roles for key, roles in whole.roles.items() if key in managed},
    )


def difference(manifest: PortalManifest, whole: Snapshot, today: date = TODAY) -> Difference:
    return compare(manifest, as_read(manifest, whole, today), today)


def planned(
    manifest: PortalManifest,
    whole: Snapshot,
    today: date = TODAY,
    selection: Selection = Selection(),
    registrations: Iterable[Registration] = (),
) -> PortalPlan:
    seen = as_read(manifest, whole, today)
    found = compare(manifest, seen, today)
    return plan_portal(manifest, seen, with_registrations(found, registrations, manifest.provider), today, selection)


def whole_plan(*portals: PortalPlan, created_at: str = "2026-06-15T08:00:01Z", digest: str = "sha256:aa") -> Plan:
    manifest = Manifest({}, (FILE,), digest)
    return assemble(manifest, portals, created_at=created_at, generator="portalctl 0.0")


def drift(manifest: PortalManifest, whole: Snapshot) -> tuple[DriftFinding, ...]:
    return drift_findings(manifest.name, difference(manifest, whole))


def ids(changes: Iterable[Change]) -> list[str]:
    return [change.id for change in changes]


def where(change: Change) -> list[tuple[str, str | None, int | None]]:
    """The rule, file and line of each reason."""
    return [(why.rule, why.file, why.line) for why in change.why]


TEAMS_ONLY = frozenset({"create_team", "update_team", "add_member", "remove_member"})


def carried_out(before: Snapshot, changes: Sequence[Change]) -> Snapshot:
    """The portal once every change has been made."""
    developers = {developer.id: developer for developer in before.developers}
    assert all(change.op in TEAMS_ONLY or change.new_status is not None for change in changes)
    teams = {item.name: item for item in before.teams}
    created: list[LiveTeam] = []
    members = {key: set(who) for key, who in before.members.items()}
    for change in changes:
        who, name = change.developer, change.team or ""
        if change.op == "create_team":
            teams[name] = LiveTeam(f"t-{name}", name, _description(change))
            created.append(teams[name])
            members[f"t-{name}"] = set()
        elif change.op == "update_team":
            teams[name] = replace(teams[name], description=_description(change))
        elif who is not None and change.op == "add_member":
            members[teams[name].id].add(who.key)
        elif who is not None and change.op == "remove_member":
            members[teams[name].id].remove(who.key)
        elif who is not None:
            developers[who.key] = replace(developers[who.key], status=change.new_status or "")
    return replace(
        before,
        developers=tuple(developers[developer.id] for developer in before.developers),
        teams=(*(teams[item.name] if teams[item.name].id == item.id else item for item in before.teams), *created),
        members={key: frozenset(who) for key, who in members.items()},
    )


def _description(change: Change) -> str | None:
    after: State = change.after or {}
    text = after.get("description")
    return str(text) if text is not None else None
