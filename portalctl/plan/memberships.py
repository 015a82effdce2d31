"""Teams: which are declared and live, who is in them, and who should join or leave."""

from __future__ import annotations

from functools import lru_cache

from portalctl.identity import normal_address
from portalctl.manifest.model import Reason, Team
from portalctl.plan.changes import Difference, Extra, change
from portalctl.plan.model import Change, OpClass, State
from portalctl.plan.resolve import Decision
from portalctl.plan.rulebook import Rulebook
from portalctl.portal.models import OUT, Developer, Snapshot
from portalctl.portal.models import Team as LiveTeam

KEEPS_OUT = frozenset({"denied", "revoked", "rejected", "absent"})
NO_TEAMS: frozenset[str] = frozenset()
NOT_MEMBER: State = {"member": False}
MEMBER: State = {"member": True}


class Teams:
    """Declared teams beside live ones, without those that the identity provider owns.

    `of` maps a developer's id to the touched teams they are in; people in the same teams share one set.
    """

    def __init__(self, book: Rulebook, snapshot: Snapshot) -> None:
        live: dict[str, list[LiveTeam]] = {}
        for there in snapshot.teams:
            live.setdefault(there.name, []).append(there)
        declared = [team for team in book.portal.teams if team.membership != "idp"]  # those are left alone
        self.declared = {team.name: team for team in declared}
        self.ambiguous = [team for team in declared if len(live.get(team.name, ())) > 1]
        self.missing = [team for team in declared if team.name not in live]
        self.missing_idp = [team for team in book.portal.teams if team.membership == "idp" and team.name not in live]
        self.pairs = [(team, live[team.name][0]) for team in declared if len(live.get(team.name, ())) == 1]
        self.touched = book.touched_teams() - {team.name for team in self.ambiguous}
        self.ruled = book.ruled_teams()
        self.roles = {team.name: snapshot.roles.get(there.id, ()) for team, there in self.pairs}
        self.of = of = dict[str, frozenset[str]]()
        for team, there in self.pairs:
            for developer_id in snapshot.members.get(there.id, ()) if team.name in self.touched else ():
                of[developer_id] = _with(of.get(developer_id, NO_TEAMS), team.name)

    def prunes(self, name: str) -> bool:
        """Whether this team loses everyone not wanted."""
        return self.declared[name].membership == "exclusive" and name in self.ruled


@lru_cache(maxsize=4096)  # many people share few combinations of teams
def _with(teams: frozenset[str], team: str) -> frozenset[str]:
    return teams | {team}


def team_changes(teams: Teams) -> list[Change]:
    """Missing teams are created, and managed properties that differ are set."""
    created = [
        change("create_team", "structure", [team.why], team=team.name, before=None, after=_managed_properties(team))
        for team in teams.missing
    ]
    updated = [
        change("update_team", "structure", [team.why], team=team.name, before=before, after=after)
        for team, live in teams.pairs
        for before, after in [_property_difference(team, live)]
        if after
    ]
    return created + updated


def _managed_properties(team: Team) -> dict[str, str | bool | None]:
    """The properties a manifest manages; an absent key is not managed."""
    every = {"name": team.name, "description": team.description}
    return {key: value for key, value in every.items() if value is not None}


def _property_difference(team: Team, live: LiveTeam) -> tuple[State, State]:
    """The managed properties that differ, as they are and as they should be."""
    wanted = _managed_properties(team)
    every: State = {"name": live.name, "description": live.description}
    found = {key: every[key] for key in wanted}
    if wanted == found:
        return {}, {}
    from deepdiff import DeepDiff  # noqa: PLC0415 (136 ms to import, and needed only where a pair differs)

    keys = sorted(DeepDiff(found, wanted).affected_root_keys)
    return {key: found[key] for key in keys}, {key: wanted[key] for key in keys}


def memberships(teams: Teams, developer: Developer, decision: Decision, status: str, result: Difference) -> None:
    """Who joins and who leaves; `status` is the one this person will have once the plan is carried out."""
    live = teams.of.get(developer.id, NO_TEAMS)
    if live == decision.teams.keys() and status not in OUT:
        return  # as wanted, like nearly everybody
    wanted = {team: why for team, why in decision.teams.items() if team in teams.touched}
    missing = [team for team in wanted if team not in live]
    if missing and status == "pending":
        result.awaited.add(normal_address(developer.email or "") or developer.id)
    if status == "approved" and decision.blocked is None:
        result.changes += [
            change("add_member", "onboard", wanted[t], developer=developer, team=t, before=NOT_MEMBER, after=MEMBER)
            for t in missing
        ]
    out = status in OUT
    for team in sorted(live if out else live - wanted.keys()):
        leaving = _leaving(teams, decision, team, out=out)
        if leaving is not None:
            op_class, why = leaving
            result.changes.append(
                change(
                    "remove_member", op_class, why, developer=developer, team=team, before=MEMBER, after=NOT_MEMBER
                )
            )
        elif not out and team in teams.ruled:
            result.extras.append(Extra(developer, team))


def _leaving(teams: Teams, decision: Decision, team: str, *, out: bool) -> tuple[OpClass, tuple[Reason, ...]] | None:
    """Why someone who is not wanted in a team is taken out of it; None: they stay."""
    if decision.complete is not None and not out:
        return "offboard", (decision.complete,)
    if team in decision.lapsed_teams:
        return "expire", decision.lapsed_teams[team]
    if not teams.prunes(team):
        return None
    if out and decision.lapsed:
        return "expire", decision.lapsed
    return "offboard", decision.why if decision.verdict in KEEPS_OUT else (teams.declared[team].why,)
