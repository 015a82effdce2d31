"""One Konnect portal, of either version of the API, as a Provider."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from types import TracebackType
from typing import Literal, Self, assert_never

from portalctl.errors import AnswerError, NoAnswerError, PortalError
from portalctl.events import Observer
from portalctl.http import Client
from portalctl.portal.konnect.dialect import Dialect
from portalctl.portal.konnect.registrations import read_registrations
from portalctl.portal.konnect.wire import (
    Identified,
    Query,
    UnsettledError,
    Wire,
    batches,
    just_listed,
    segment,
    settle,
)
from portalctl.portal.models import (
    AddMember,
    CreateTeam,
    Developer,
    Registration,
    RemoveMember,
    RevokeRegistration,
    Scope,
    SetStatus,
    Settings,
    Sighting,
    Snapshot,
    Team,
    Touched,
    UpdateTeam,
    Write,
    Written,
)

WORKERS = 16
FEW = 16  # people are asked for one by one up to here; beyond, the whole list is read

ADVICE = {
    401: "kpat_ tokens end after 12 months at most, and stop when their owner leaves",
    403: "reading teams and writing need the role Admin on the portal (Organization > Teams or System Accounts)",
}


@dataclass(frozen=True, slots=True)
class _Portal:
    id: str
    name: str
    auto_approve_developers: bool | None = None
    rbac_enabled: bool | None = None


@dataclass(frozen=True, slots=True)
class _Authentication:
    """`oidc_team_mapping_enabled` is the older name of `idp_mapping_enabled`."""

    idp_mapping_enabled: bool | None = None
    oidc_team_mapping_enabled: bool | None = None
    oidc_auth_enabled: bool | None = None
    saml_auth_enabled: bool | None = None


class Konnect:
    """One portal. `name` is the handle for messages; exactly one of `portal_id` and `title` is given.

    `now` gives the time of a reading as RFC 3339. The client decides whether writes can be sent.
    """

    def __init__(
        self,
        client: Client,
        dialect: Dialect,
        *,
        name: str,
        portal_id: str | None,
        title: str | None,
        now: Callable[[], str],
        observer: Observer,
    ) -> None:
        self._client = client
        self._dialect = dialect
        self._name = name
        self._wanted_id = portal_id
        self._title = title
        self._now = now
        self._pool = ThreadPoolExecutor(WORKERS, thread_name_prefix="portalctl-read")
        self._wire = Wire(client, self._pool, name=name, observer=observer)
        self._found: _Portal | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._pool.shutdown(cancel_futures=True)
        self._client.__exit__(kind, error, trace)

    # --- reading

    def read(self, scope: Scope) -> Snapshot:
        """See `Reader.read`."""
        calls = self._client.calls
        observed_at = self._now()
        settings = self._settings()
        teams, developers, members = settle(lambda: self._everything(scope.teams))
        return Snapshot(
            portal_id=self._portal.id,
            server=self._client.server.url,
            settings=settings,
            scope=scope,
            developers=developers,
            teams=teams,
            members=members,
            observed_at=observed_at,
            calls=self._client.calls - calls,
        )

    def reread(self, touched: Touched) -> Sighting:
        """See `Reader.reread`. People are asked for by address in batches; see `_statuses` for the others.

        Raises PortalError when a touched name is that of several teams: which is meant can't be told.
        """
        teams, members = settle(lambda: self._touched_teams(touched))
        return Sighting(
            status=self._statuses(touched.people),
            teams=teams,
            members={name: members[teams[name].id] for name in touched.members_of & teams.keys()},
        )

    def details(self, people: Collection[str]) -> tuple[Registration, ...]:
        """See `Reader.details`."""
        owned_by_teams = self._dialect.team_applications
        return settle(lambda: read_registrations(self._wire, self._path, people, team_applications=owned_by_teams))

    @property
    def _portal(self) -> _Portal:
        if self._found is None:
            self._found = self._find_portal()
        return self._found

    @property
    def _portals(self) -> str:
        return f"{self._dialect.prefix}/portals"

    @property
    def _path(self) -> str:
        return f"{self._portals}/{segment(self._portal.id)}"

    def _find_portal(self) -> _Portal:
        if self._wanted_id is not None:
            found = self._wire.get(f"{self._portals}/{segment(self._wanted_id)}", _Portal)
            if found is not None:
                return found
        portals = self._wire.read_list("portals", Query(self._portals), _Portal)
        match = [portal for portal in portals if portal.name == self._title]
        if len(match) == 1:
            return match[0]
        wanted = f"titled {self._title!r}" if self._wanted_id is None else f"with id {self._wanted_id}"
        there = ", ".join(f"{portal.name} ({portal.id})" for portal in portals) or "none that this token can see"
        raise PortalError(
            f"{'more than one' if match else 'no'} portal {wanted} at {self._client.server.url}",
            f"portals there: {there}",
            "each region has its own portals; see `region` in the manifest",
            "API v2 has classic portals (`provider: konnect-v2`), v3 the others (`provider: konnect`)",
        )

    def _settings(self) -> Settings:
        """A stack that does not know the settings at all (404, 405) tells nothing; any other failure is an error."""
        answer = self._client.request("GET", f"{self._path}/authentication-settings")
        if not answer.ok and answer.status not in {404, 405}:
            raise self._client.explain(answer)
        told = self._wire.parse(answer, _Authentication) if answer.ok else _Authentication()
        return Settings(
            auto_approve_developers=self._portal.auto_approve_developers,
            rbac_enabled=self._portal.rbac_enabled,
            single_sign_on=_either(told.oidc_auth_enabled, told.saml_auth_enabled),
            team_mapping=_either(told.idp_mapping_enabled, told.oidc_team_mapping_enabled),
        )

    def _everything(
        self, names: Collection[str]
    ) -> tuple[tuple[Team, ...], tuple[Developer, ...], dict[str, frozenset[str]]]:
        """Teams, developers, and the members of the teams of these names. Raises UnsettledError."""
        teams = self._teams()
        developers = self._developers()
        members = self._members(team for team in teams if team.name in names)
        known = {developer.id for developer in developers}
        if not all(ids <= known for ids in members.values()):
            raise UnsettledError(
                f"teams of portal {self._name} have members that the list of developers does not have"
            )
        return teams, developers, members

    def _touched_teams(self, touched: Touched) -> tuple[dict[str, Team], dict[str, frozenset[str]]]:
        """Touched teams by name, and members by team id. Raises UnsettledError."""
        names = touched.teams | touched.members_of
        teams = [team for team in self._teams() if team.name in names] if names else []
        by_name = {team.name: team for team in teams}
        if len(by_name) < len(teams):
            twice = sorted(name for name in by_name if sum(team.name == name for team in teams) > 1)
            raise PortalError(
                f"portal {self._name} has more than one team named {', '.join(twice)}: which is meant can't be told",
                "rename or delete the others on the portal, and plan again",
            )
        return by_name, self._members(team for team in teams if team.name in touched.members_of)

    def _developers(self) -> tuple[Developer, ...]:
        # New sign-ups land at the end of this order, where a reading can follow them.
        query = Query(f"{self._path}/developers", {"sort": "created_at"})
        return self._wire.read_list("developers", query, Developer)

    def _teams(self) -> tuple[Team, ...]:
        # What an absent description looks like is not documented: null, "" and a missing key are one.
        teams = self._wire.read_list("teams", Query(f"{self._path}/teams"), Team)
        return tuple(replace(team, description=team.description or None) for team in teams)

    def _members(self, teams: Iterable[Team]) -> dict[str, frozenset[str]]:
        teams = list(teams)
        queries = [Query(f"{self._path}/teams/{segment(team.id)}/developers") for team in teams]
        with just_listed():
            lists = self._wire.read_lists("members", queries, Identified)
        return {team.id: frozenset(row.id for row in rows) for team, rows in zip(teams, lists, strict=True)}

    def _statuses(self, people: Iterable[tuple[str, str | None]]) -> dict[str, str | None]:
        """The status by id; None: gone. Who is not found by address is asked for by id, or many by the whole list."""
        people = list(people)
        found = self._by_address([email for _, email in people if email and "," not in email])
        missing = [developer_id for developer_id, _ in people if developer_id not in found]
        if len(missing) > FEW:
            found |= {developer.id: developer.status for developer in self._developers()}
            return {developer_id: found.get(developer_id) for developer_id, _ in people}
        asked = dict(zip(missing, self._pool.map(self._status, missing), strict=True))
        return {developer_id: asked.get(developer_id) or found.get(developer_id) for developer_id, _ in people}

    def _by_address(self, addresses: list[str]) -> dict[str, str]:
        queries = [
            Query(f"{self._path}/developers", {"filter[email][oeq]": ",".join(batch)}) for batch in batches(addresses)
        ]
        try:
            lists = self._wire.read_lists("people", queries, Developer)
        except AnswerError as error:
            if error.status != 400:
                raise
            return {}  # a stack without this filter
        return {row.id: row.status for rows in lists for row in rows}

    def _status(self, developer_id: str) -> str | None:
        found = self._wire.get(f"{self._path}/developers/{segment(developer_id)}", Developer)
        return found.status if found is not None else None

    # --- writing

    def write(self, write: Write) -> Written:
        """See `Provider.write`. 409 on an add is "already a member", taken as done and confirmed by the list."""
        try:
            method, path, body = self._call(write)
        except PortalError as error:
            return Written("refused", error.message)  # nothing was sent
        try:
            answer = self._client.request(method, path, body=body)
        except NoAnswerError as error:
            return Written("unclear" if error.sent else "refused", error.message)
        if answer.ok or (isinstance(write, AddMember) and answer.status == 409):
            created = _id_told(answer.body) if isinstance(write, CreateTeam) else None
            return Written("done", trace=answer.trace, id=created, status=answer.status)
        # What is to end may have ended already: a 404 can be that, or a wrong path. The live state tells.
        gone = isinstance(write, RemoveMember | RevokeRegistration) and answer.status == 404
        problem = self._client.explain(answer)
        result: Literal["unclear", "refused"] = "unclear" if gone or answer.status >= 500 else "refused"
        return Written(result, problem.message, answer.trace, status=answer.status)

    def _call(self, write: Write) -> tuple[str, str, dict[str, object] | None]:
        match write:
            case SetStatus(developer_id, status):
                return "PATCH", f"{self._path}/developers/{segment(developer_id)}", {"status": status}
            case CreateTeam(name, description):
                described = {} if description is None else {"description": description}
                return "POST", f"{self._path}/teams", {"name": name, **described}
            case UpdateTeam(team_id, description):
                return "PATCH", f"{self._path}/teams/{segment(team_id)}", {"description": description}
            case AddMember(team_id, developer_id):
                return "POST", f"{self._path}/teams/{segment(team_id)}/developers", {"id": developer_id}
            case RemoveMember(team_id, developer_id):
                path = f"{self._path}/teams/{segment(team_id)}/developers/{segment(developer_id)}"
                return "DELETE", path, None
            case RevokeRegistration(application_id, registration_id):
                application = f"{self._path}/applications/{segment(application_id)}"
                path = f"{application}/registrations/{segment(registration_id)}"
                return "PATCH", path, {"status": "revoked"}
            case _:
                assert_never(write)


def _either(*flags: bool | None) -> bool | None:
    told = [flag for flag in flags if flag is not None]
    return any(told) if told else None


def _id_told(body: bytes) -> str | None:
    try:
        told = json.loads(body)
    except ValueError:
        return None
    created = told.get("id") if isinstance(told, dict) else None
    return created if isinstance(created, str) else None
