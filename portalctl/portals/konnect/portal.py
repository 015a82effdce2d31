"""One Konnect portal, of either version of the API."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import replace
from functools import partial
from types import TracebackType
from typing import Self

from portalctl.errors import AmbiguousError, AnswerError, PortalError
from portalctl.events import Observer
from portalctl.http import Client
from portalctl.portals.answer_ids import no_portal
from portalctl.portals.konnect.accounts import DeveloperRow, developer_of, developers_of
from portalctl.portals.konnect.api_versions import ApiVersion
from portalctl.portals.konnect.emails import MailOperations, read_mail_operations
from portalctl.portals.konnect.forms import read_sign_up_form
from portalctl.portals.konnect.lists import (
    PAGE_SIZE,
    Counted,
    Query,
    UnsettledError,
    Wire,
    batches,
    just_listed,
    segment,
    settle,
)
from portalctl.portals.konnect.provider import SERVICE
from portalctl.portals.konnect.registrations import (
    read_registration,
    read_registrations,
    read_requests,
    seen_registrations,
)
from portalctl.portals.konnect.rows import AnyRows, ApiRow, AssignedRole, FoundPortal, PendingList, one_of
from portalctl.portals.konnect.team_mapping import read_authentication
from portalctl.portals.konnect.writing import Writer
from portalctl.portals.models import (
    Assignment,
    Developer,
    Identity,
    PendingSignUps,
    Registration,
    Remark,
    Scope,
    SeenRegistration,
    Settings,
    Sighting,
    Snapshot,
    Team,
    Touched,
)
from portalctl.portals.ping_checks import WRITING, Examination
from portalctl.portals.ping_result import Checkup
from portalctl.portals.thread_pool import Pool
from portalctl.portals.unexpected_errors import as_portal_error
from portalctl.portals.writes import CreatedTeam, Precheck, Write, WriteResult, at_any_time

WORKERS = 16
FIRST_ROW = {"page[size]": "1", "page[number]": "1"}
INFORMING = frozenset({"read_registrations", "read_applications"})
REGISTRATIONS_UNREAD = (
    "a plan then does not list the registrations of denied developers, and cannot revoke them "
    "(`on_revoke: revoke_registrations`)"
)
FEW = 16  # up to this number developers are read one by one; beyond, the whole list is read


class KonnectPortal:
    """One portal. `name` is the handle for messages; exactly one of `portal_id` and `title` is given.

    `now` returns the time of a snapshot as RFC 3339. The client decides whether writes can be sent. `workers`: the
    most requests in flight while reading."""

    def __init__(
        self,
        client: Client,
        dialect: ApiVersion,
        *,
        name: str,
        portal_id: str | None,
        title: str | None,
        now: Callable[[], str],
        observer: Observer,
        workers: int = WORKERS,
    ) -> None:
        self._client = client
        self._dialect = dialect
        self._name = name
        self._wanted_id = portal_id
        self._title = title
        self._now = now
        self._pool = Pool(workers, "read")
        self._wire = Wire(client, self._pool, name=name, observer=observer)
        self._found: FoundPortal | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._pool.__exit__(kind, error, trace)
        self._client.__exit__(kind, error, trace)

    # --- reading

    @property
    def calls(self) -> int:
        """See `Reader.calls`."""
        return self._client.calls

    @property
    def developers_per_check(self) -> int:
        """See `Reader.people_a_look`: a few queries."""
        return 200

    @as_portal_error("identifying the portal")
    def identity(self) -> Identity:
        """See `Reader.identity`."""
        return Identity(self._portal.id, self._portal.names)

    @as_portal_error("reading the portal")
    def read(self, scope: Scope) -> Snapshot:
        """See `Reader.read`."""
        observed_at = self._now()
        portal = self._portal  # looked for once
        (settings, unread), (teams, developers, members) = self._pool.both(
            self._read_settings, lambda: settle(lambda: self._everything(scope))
        )
        roles = settle(lambda: self._roles(team for team in teams if scope.has_roles(team.name)))
        apis = self._apis(scope.apis)
        requests, remarks = settle(lambda: read_requests(self._wire, self._path)) if scope.requests else ((), ())
        return Snapshot(
            portal_id=portal.id,
            server=self._client.server.url,
            settings=settings,
            scope=scope,
            developers=developers,
            teams=teams,
            members=members,
            observed_at=observed_at,
            roles=roles,
            apis=apis,
            requests=requests,
            remarks=(*unread, *remarks),
            portal_names=portal.names,
            form=settle(lambda: read_sign_up_form(self._wire, self._path)) if scope.form else None,
        )

    @as_portal_error("reading the portal again")
    def reread(self, touched: Touched) -> Sighting:
        """See `Reader.reread`. Developers are requested by address in batches; see `_accounts` for the others.

        Raises AmbiguousError when several teams have a touched name.
        """
        teams, members = settle(lambda: self._touched_teams(touched))
        roles = settle(lambda: self._roles(teams[name] for name in touched.roles_of & teams.keys()))
        registrations = settle(lambda: self._seen_registrations(touched))
        return Sighting(
            developers=self._accounts(touched.developers),
            teams=teams,
            members={name: members[teams[name].id] for name in touched.members_of & teams.keys()},
            roles={name: roles[teams[name].id] for name in touched.roles_of & teams.keys()},
            newcomers=self._newcomers(touched.newcomers),
            registrations=registrations,
            requests={
                key: registrations[key].status
                for key in touched.requests & registrations.keys()
                if not registrations[key].has_ended
            },
            mail_operations=self._mail_operations()[0] if touched.mail_operations else None,
        )

    @as_portal_error("reading registrations")
    def approved(self) -> int:
        """See `Reader.approved`."""
        params = {**FIRST_ROW, "filter[status][eq]": "approved"}
        return self._wire.parse(self._client.get(f"{self._path}/developers", params), Counted).meta.page.total

    @as_portal_error("looking for pending developers")
    def pending(self) -> PendingSignUps:
        """See `Reader.pending`: one call, for up to a hundred in no certain order."""
        params = {"page[size]": str(PAGE_SIZE), "page[number]": "1", "filter[status][eq]": "pending"}
        listed = self._wire.parse(self._client.get(f"{self._path}/developers", params), PendingList)
        return PendingSignUps(
            listed.meta.page.total, frozenset(f"{row.id} {row.updated_at or ''}" for row in listed.data)
        )

    def details(self, developers: Collection[str]) -> tuple[Registration, ...]:
        """See `Reader.details`."""
        return self._registrations(developers, team_applications=self._dialect.team_applications)

    def checkup(self, scope: Scope) -> Checkup:
        """See `Reader.checkup`."""
        exam = Examination(self._client, self._now)
        if not exam.begin(self._portals) or exam.look("portal", "the portal is there", lambda: self._portal) is None:
            return Checkup(tuple(exam.checks))
        exam.note("version", "ok", f"Portal Management API {self._dialect.prefix[1:]}")
        teams = exam.look("read_teams", "teams can be read", self._teams) or ()
        for code, what, path in self._needed(scope, teams[:1]):
            without = REGISTRATIONS_UNREAD if code in INFORMING else None
            exam.look(code, f"{what} can be read", partial(self._first_row, path), without=without)
        settings = exam.look("read_settings", "settings can be read", self._settings)
        exam.note("write", "unknown", WRITING, SERVICE.advice[403])
        return Checkup(tuple(exam.checks), settings, self.identity())

    def _needed(self, scope: Scope, teams: Iterable[Team]) -> Iterator[tuple[str, str, str]]:
        """Yield the lists that a plan may read: a code, its name and the path. `teams` have not been read yet."""
        yield "read_developers", "developers", f"{self._path}/developers"
        yield "read_registrations", "registrations", f"{self._path}/application-registrations"
        yield "read_applications", "applications", f"{self._path}/applications"
        if scope.form:
            yield "read_forms", "forms", f"{self._path}/forms"
        for team in teams:
            path = f"{self._path}/teams/{segment(team.id)}"
            yield "read_members", "members of teams", f"{path}/developers"
            if scope.roles:
                yield "read_roles", "roles of teams", f"{path}/assigned-roles"
        if scope.apis:
            yield "read_apis", "APIs", f"{self._dialect.prefix}/apis"

    def _first_row(self, path: str) -> AnyRows:
        return self._wire.parse(self._client.get(path, FIRST_ROW), AnyRows)

    @property
    def _portal(self) -> FoundPortal:
        if self._found is None:
            self._found = self._find_portal()
        return self._found

    @property
    def _portals(self) -> str:
        return f"{self._dialect.prefix}/portals"

    @property
    def _path(self) -> str:
        return f"{self._portals}/{segment(self._portal.id)}"

    @as_portal_error("listing the portals")
    def portals(self) -> tuple[Identity, ...]:
        """Return every portal on the server, with the names that match a title."""
        return tuple(Identity(portal.id, portal.names) for portal in self._listed())

    def _listed(self) -> tuple[FoundPortal, ...]:
        return self._wire.read_list("portals", Query(self._portals), FoundPortal)

    def _find_portal(self) -> FoundPortal:
        if self._wanted_id is not None:
            found = self._wire.get(self._portals, "portal", self._wanted_id, FoundPortal)
            if found is not None:
                return found
        portals = self._listed()
        named = [portal for portal in portals if self._title in portal.names]
        if len(named) == 1 and self._wanted_id is None:
            return named[0]
        listed = [(portal.id, portal.name) for portal in portals]
        error = no_portal(self._client, listed, portal_id=self._wanted_id, title=self._title, found=len(named))
        raise PortalError(
            error.message,
            *error.advice,
            "each region has its own portals; see `region` in the manifest",
            "API v2 has classic portals (`provider: konnect-v2`), v3 the others (`provider: konnect`)",
        )

    def _settings(self) -> Settings:
        """Return the portal settings; see `read_authentication` for a server that does not have all of them."""
        read = settle(
            lambda: read_authentication(self._wire, self._path, per_provider=self._dialect.provider_mappings)
        )
        return replace(
            read,
            auto_approve_developers=self._portal.auto_approve_developers,
            rbac_enabled=self._portal.rbac_enabled,
        )

    def _read_settings(self) -> tuple[Settings, tuple[Remark, ...]]:
        mail_operations, unread = self._mail_operations()
        return replace(self._settings(), mail_operations=mail_operations), unread

    def _mail_operations(self) -> tuple[MailOperations | None, tuple[Remark, ...]]:
        return read_mail_operations(self._wire, self._path) if self._dialect.email_templates else (None, ())

    def _everything(self, scope: Scope) -> tuple[tuple[Team, ...], tuple[Developer, ...], dict[str, frozenset[str]]]:
        """Read teams, developers, and the members of the scope's teams. Raises UnsettledError."""
        developers, (teams, members) = self._pool.both(self._developers, lambda: self._teams_and_members(scope))
        known = {developer.id for developer in developers}
        if not all(ids <= known for ids in members.values()):
            raise UnsettledError(
                f"teams of portal {self._name} have members that the list of developers does not have"
            )
        return teams, developers, members

    def _teams_and_members(self, scope: Scope) -> tuple[tuple[Team, ...], dict[str, frozenset[str]]]:
        teams = self._teams()
        return teams, self._members(team for team in teams if scope.has_members(team.name))

    def _touched_teams(self, touched: Touched) -> tuple[dict[str, Team], dict[str, frozenset[str]]]:
        """Return touched teams by name, and members by team id.

        Raises UnsettledError. Where only one developer's memberships count, that developer's teams are read: a team
        may have thousands of members."""
        names = touched.teams | touched.members_of | touched.roles_of
        if names and not touched.teams | touched.roles_of | touched.newcomers and len(touched.developers) == 1:
            return self._teams_of(touched.developers[0][0], names)
        teams = [team for team in self._teams() if team.name in names] if names else []
        by_name = {team.name: team for team in teams}
        if len(by_name) < len(teams):
            twice = sorted(name for name in by_name if sum(team.name == name for team in teams) > 1)
            raise AmbiguousError(
                f"portal {self._name} has more than one team named {', '.join(twice)}",
                "rename or delete the others on the portal, and plan again",
            )
        return by_name, self._members(team for team in teams if team.name in touched.members_of)

    def _teams_of(self, developer: str, names: Collection[str]) -> tuple[dict[str, Team], dict[str, frozenset[str]]]:
        """Return those of the named teams that one developer is in."""
        try:
            teams = self._wire.read_list("teams", Query(f"{self._path}/developers/{segment(developer)}/teams"), Team)
        except AnswerError as error:
            if error.status != 404 or self._account(developer) is not None:
                raise  # a 404 for an account that is there is a failed read, not "in no team"
            return {}, {}
        teams = tuple(team for team in teams if team.name in names)
        return {team.name: team for team in teams}, {team.id: frozenset({developer}) for team in teams}

    def _developers(self) -> tuple[Developer, ...]:
        # New sign-ups come last in this order, where a read can follow them.
        query = Query(f"{self._path}/developers", {"sort": "created_at"})
        return developers_of(self._wire.read_list("developers", query, DeveloperRow))

    def _teams(self) -> tuple[Team, ...]:
        # Return a team. The form of an absent description is not documented: null, "" and a missing key are equal.
        teams = self._wire.read_list("teams", Query(f"{self._path}/teams"), Team)
        return tuple(replace(team, description=team.description or None) for team in teams)

    def _members(self, teams: Iterable[Team]) -> dict[str, frozenset[str]]:
        teams = list(teams)
        queries = [Query(f"{self._path}/teams/{segment(team.id)}/developers") for team in teams]
        with just_listed():
            lists = self._wire.read_ids("members", queries)
        return {team.id: frozenset(ids) for team, ids in zip(teams, lists, strict=True)}

    def _roles(self, teams: Iterable[Team]) -> dict[str, tuple[Assignment, ...]]:
        """Return roles by team id. Raises UnsettledError."""
        teams = list(teams)
        queries = [Query(f"{self._path}/teams/{segment(team.id)}/assigned-roles") for team in teams]
        with just_listed():
            lists = self._wire.read_lists("roles", queries, AssignedRole)
        return {
            team.id: tuple(Assignment(row.id, row.role_name, row.entity_id) for row in rows)
            for team, rows in zip(teams, lists, strict=True)
        }

    def _apis(self, names: Collection[str]) -> dict[str, tuple[str, ...]]:
        """Return the ids of the APIs of each name.

        Konnect lists them outside the portals (API Builder v3, `list-apis`).
        """
        queries = [Query(f"{self._dialect.prefix}/apis", {"filter[name][eq]": name}) for name in sorted(names)]
        try:
            lists = self._wire.read_lists("APIs", queries, ApiRow)
        except AnswerError as error:
            raise PortalError(
                f"the ids of APIs can't be looked up by name: {error.message}",
                *error.advice,
                "write their ids under `roles:`, or give the token the permission to list APIs",
            ) from error
        return {
            name: tuple(row.id for row in rows if row.name == name)
            for name, rows in zip(sorted(names), lists, strict=True)
        }

    def _registrations(
        self, developers: Collection[str], *, team_applications: bool = False
    ) -> tuple[Registration, ...]:
        if not developers:
            return ()
        return settle(
            lambda: read_registrations(self._wire, self._path, developers, team_applications=team_applications)
        )

    def _seen_registrations(self, touched: Touched) -> dict[str, SeenRegistration]:
        """Return registrations by id.

        Those to end that are in no list are read one by one: absence proves nothing.
        """
        if not touched.registrations_of:
            return {}
        planned = {key.id: key.developer_id for key in touched.registrations}
        seen = seen_registrations(self._wire, self._path, touched.registrations_of, planned)
        missing = [key for key in touched.registrations if key.id not in seen]
        found = self._pool.map(partial(read_registration, self._wire, self._path), missing)
        return seen | {key.id: one for key, one in zip(missing, found, strict=True) if one is not None}

    def _newcomers(self, addresses: Collection[str]) -> dict[str, Developer]:
        """Return the accounts of these addresses (in normal form) by address; of several accounts see `one_of`."""
        if not addresses:
            return {}
        asked_for = self._by_address(sorted(addresses))
        developers = self._developers() if asked_for is None else asked_for
        accounts: dict[str, list[Developer]] = {}
        for developer in developers:
            address = developer.address
            if address in addresses and address is not None:
                accounts.setdefault(address, []).append(developer)
        return {address: found for address, item in accounts.items() if (found := one_of(item)) is not None}

    def _accounts(self, developers: Iterable[tuple[str, str | None]]) -> dict[str, Developer | None]:
        """Return accounts by id; None:

        gone. Developers not found by address are read by id, or many by the whole list.
        """
        developers = list(developers)
        found = {
            row.id: row
            for row in self._by_address([email for _, email in developers if email and "," not in email]) or ()
        }
        missing = [developer_id for developer_id, _ in developers if developer_id not in found]
        if len(missing) > FEW:
            found |= {row.id: row for row in self._developers()}
        else:
            rows = self._pool.map(self._account, missing)
            found |= {row.id: row for row in rows if row is not None}
        return {developer_id: found.get(developer_id) for developer_id, _ in developers}

    def _by_address(self, addresses: list[str]) -> list[Developer] | None:
        """Return developers by live address; None: this server has no such filter."""
        queries = [
            Query(f"{self._path}/developers", {"filter[email][oeq]": ",".join(batch)}) for batch in batches(addresses)
        ]
        try:
            lists = self._wire.read_lists("people", queries, DeveloperRow)
        except AnswerError as error:
            if error.status != 400:
                raise
            return None
        return [developer for rows in lists for developer in developers_of(rows)]

    def _account(self, developer_id: str) -> Developer | None:
        row = self._wire.get(f"{self._path}/developers", "developer", developer_id, DeveloperRow)
        return None if row is None else developer_of(row)

    def write(self, write: Write, precheck: Precheck = at_any_time) -> WriteResult:
        """See `Provider.write`."""
        try:
            path = self._path
        except PortalError as error:
            return WriteResult("refused", error.message, advice=error.advice)  # nothing was sent
        return Writer(self._wire, path).write(write, precheck)

    @as_portal_error("reading the new teams")
    def new_teams(self, made: Mapping[str, str | None]) -> Mapping[str, CreatedTeam]:
        """See `Provider.new_teams`."""
        return Writer(self._wire, self._path).new_teams(made)
