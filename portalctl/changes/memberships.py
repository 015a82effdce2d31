"""Team changes: teams to create or update, developers who join or leave."""

from __future__ import annotations

from functools import lru_cache

from portalctl.changes.difference import Difference, expiry_class, of_developer
from portalctl.changes.observations import AmbiguousTeam, Awaited, ExtraMember, MissingIdpTeam
from portalctl.changes.operation import Removal
from portalctl.changes.operations import AddMember, CreateTeam, RemoveMember, UpdateTeam
from portalctl.changes.states import NewTeam
from portalctl.manifest.model import TeamRule
from portalctl.portals.models import OUT, Developer, Snapshot
from portalctl.portals.models import Team as LiveTeam
from portalctl.reason import Reason
from portalctl.rules.resolve import Decision
from portalctl.rules.rulebook import Rulebook

KEEPS_OUT = frozenset({"denied", "revoked", "rejected", "absent"})
NO_TEAMS: frozenset[str] = frozenset()


class Teams:
    """Declared teams beside live ones, without those that the identity provider owns.

    `of` maps a developer's id to the touched teams they are in; developers in the same teams share one set.
    """

    def __init__(self, book: Rulebook, snapshot: Snapshot) -> None:
        live: dict[str, list[LiveTeam]] = {}
        for there in snapshot.teams:
            live.setdefault(there.name, []).append(there)
        declared = [team for team in book.portal.teams if team.membership != "idp"]  # those stay unchanged
        self.declared = {team.name: team for team in declared}
        self.ambiguous = [team for team in declared if len(live.get(team.name, ())) > 1]
        self.missing = [team for team in declared if team.name not in live]
        self.missing_idp = [team for team in book.portal.teams if team.membership == "idp" and team.name not in live]
        self.pairs = [(team, live[team.name][0]) for team in declared if len(live.get(team.name, ())) == 1]
        self.touched = book.touched_teams() - {team.name for team in self.ambiguous}
        self.ruled = book.ruled_teams()
        self.kept = book.kept_teams
        self.feeding = {team: found for team in self.declared if (found := book.feeding(team))}
        self.roles = {team.name: snapshot.roles.get(there.id, ()) for team, there in self.pairs}
        self.of = of = dict[str, frozenset[str]]()
        for team, there in self.pairs:
            for developer_id in snapshot.members.get(there.id, ()) if team.name in self.touched else ():
                of[developer_id] = _with(of.get(developer_id, NO_TEAMS), team.name)

    def prunes(self, name: str) -> bool:
        """Return whether this team loses all members that no rule wants."""
        return self.declared[name].membership == "exclusive" and name in self.ruled

    def absence(self, team: str, developer: Developer) -> tuple[Reason, ...]:
        """The reasons why a developer leaves a team without a rule for it: the groups that feed it, else the team."""
        feeding = self.feeding.get(team)
        if feeding is None:
            return (self.declared[team].why,)
        return tuple(state.absence(developer.address) for state in feeding)


@lru_cache(maxsize=4096)  # many developers share few combinations of teams
def _with(teams: frozenset[str], team: str) -> frozenset[str]:
    return teams | {team}


def team_changes(teams: Teams, result: Difference) -> None:
    """Plan to create missing teams, and to set managed descriptions that differ."""
    result.observations.update(map(AmbiguousTeam, teams.ambiguous))
    result.observations.update(map(MissingIdpTeam, teams.missing_idp))
    result.changes += [CreateTeam(team=team.name, after=_new_team(team), why=(team.why,)) for team in teams.missing]
    result.changes += [update for team, live in teams.pairs if (update := _update(team, live)) is not None]


def _new_team(team: TeamRule) -> NewTeam:
    """Return the properties that a manifest manages; an absent key is not managed."""
    if team.description is None:
        return {"name": team.name}
    return {"name": team.name, "description": team.description}


def _update(team: TeamRule, live: LiveTeam) -> UpdateTeam | None:
    """Return the change of the managed properties that differ: so far, the description."""
    wanted = _new_team(team)
    found = {"name": live.name, "description": live.description}
    if all(found[key] == value for key, value in wanted.items()):
        return None
    from deepdiff import DeepDiff  # noqa: PLC0415 (136 ms to import, and needed only where a pair differs)

    differing = DeepDiff({key: found[key] for key in wanted}, dict(wanted)).affected_root_keys
    assert set(differing) == {"description"}  # noqa: S101 (teams are paired by name)
    return UpdateTeam(
        team=team.name,
        before={"description": live.description},
        after={"description": wanted["description"]},
        why=(team.why,),
    )


def memberships(teams: Teams, developer: Developer, decision: Decision, status: str, result: Difference) -> None:
    """Yield a developer's team changes; `status` is the one that the plan leads to."""
    live = teams.of.get(developer.id, NO_TEAMS)
    if live == decision.teams.keys() and status not in OUT:
        return  # as wanted, like nearly all developers
    wanted = {team: why for team, why in decision.teams.items() if team in teams.touched}
    missing = [team for team in wanted if team not in live and team not in decision.kept]
    if missing and status == "pending":
        result.observations.add(Awaited(developer.address or developer.id))
    if status == "approved" and decision.blocked is None:
        result.changes += [AddMember(team=team, **of_developer(developer, wanted[team])) for team in missing]
    out = status in OUT
    for team in sorted(live if out else live - wanted.keys()):
        leaving = _leaving(teams, developer, decision, team, out=out)
        if leaving is not None:
            op_class, why = leaving
            result.changes.append(RemoveMember(op_class=op_class, team=team, **of_developer(developer, why)))
        elif not out and team in teams.ruled and team not in teams.kept:
            result.observations.add(ExtraMember(developer, team))


def _leaving(
    teams: Teams, developer: Developer, decision: Decision, team: str, *, out: bool
) -> tuple[Removal, tuple[Reason, ...]] | None:
    """Return why a developer that no rule wants in a team is removed from it; None: they stay."""
    if decision.complete is not None and not out:
        return "offboard", (decision.complete,)
    if team in decision.lapsed_teams:
        return expiry_class(decision.lapsed_teams[team]), decision.lapsed_teams[team]
    if not teams.prunes(team):
        return None
    if out and decision.lapsed:
        return expiry_class(decision.lapsed), decision.lapsed
    if decision.verdict in KEEPS_OUT:
        return "offboard", decision.why
    # Where a group that feeds the team was not read completely, developers who seem to be in none of them stay.
    return None if team in teams.kept else ("offboard", teams.absence(team, developer))
