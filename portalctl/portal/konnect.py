"""Kong Konnect, Portal Management API v3.

Facts about the API are from the vendor's OpenAPI document (portal-management v3) unless a line says otherwise.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Hashable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import cache
from types import TracebackType
from typing import Generic, Self, TypeVar, assert_never, cast
from urllib.parse import quote

from pydantic import TypeAdapter, ValidationError

from portalctl.errors import AnswerError, NoAnswerError, PortalError
from portalctl.events import Observer, Progress
from portalctl.http import Answer, Client
from portalctl.portal.models import (
    AddMember,
    CreateTeam,
    Developer,
    RemoveMember,
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
from portalctl.portal.paging import Page, Row, Source, read_lists

# Neither default nor maximum is documented; Kong's own clients ask for 100. More than the maximum may be clamped,
# which the paging copes with, or refused: then this is asked for, the size of every example in the document.
PAGE_SIZE = 100
MODEST_PAGE_SIZE = 10
WORKERS = 16
SETTLE_ROUNDS = 3
BATCH_CHARACTERS = 1500  # of addresses in one query: keeps the URL well below what servers take

ADVICE = {
    401: "kpat_ tokens end after 12 months at most, and stop when their owner leaves",
    403: "reading teams and writing need the role Admin on the portal (Organization > Teams or System Accounts)",
}


@dataclass(frozen=True, slots=True)
class _PageNumbers:
    total: float  # JSON numbers here may be written 10.0


@dataclass(frozen=True, slots=True)
class _Meta:
    page: _PageNumbers


T = TypeVar("T", bound=Row)
V = TypeVar("V")


@dataclass(frozen=True, slots=True)
class _List(Generic[T]):
    data: list[T]
    meta: _Meta


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


@dataclass(frozen=True, slots=True)
class _Identified:
    """A list of a team's members has no status and requires no field; only the id is needed."""

    id: str


@cache
def _shape(kind: type[object]) -> TypeAdapter[object]:
    return TypeAdapter(kind)


class Konnect:
    """One v3 portal. `name` is the handle for messages; exactly one of `portal_id` and `title` is given.

    `now` gives the time of a reading as RFC 3339. The client decides whether writes can be sent.
    """

    def __init__(
        self,
        client: Client,
        *,
        name: str,
        portal_id: str | None,
        title: str | None,
        now: Callable[[], str],
        observer: Observer,
    ) -> None:
        self._client = client
        self._name = name
        self._wanted_id = portal_id
        self._title = title
        self._now = now
        self._observer = observer
        self._pool = ThreadPoolExecutor(WORKERS, thread_name_prefix="portalctl-read")
        self._found: _Portal | None = None
        self._page_size = PAGE_SIZE

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
        teams = self._teams()
        in_scope = [team for team in teams if team.name in scope.teams]
        for _ in range(SETTLE_ROUNDS):
            developers = self._developers()
            members = self._members(in_scope)
            known = {developer.id for developer in developers}
            if all(ids <= known for ids in members.values()):
                break
        else:
            raise PortalError(
                f"teams of portal {self._name} have members that the list of developers does not have",
                "the portal may be changing quickly; run the command again",
            )
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
        """See `Reader.reread`. People are asked for by address in batches, and by id where that finds nobody."""
        teams = self._teams() if touched.teams or touched.members_of else ()
        counted = [team for team in teams if team.name in touched.members_of]
        members = self._members(counted)
        return Sighting(
            status=self._statuses(touched.people),
            teams={team.name: team for team in teams if team.name in touched.teams | touched.members_of},
            members={team.name: members[team.id] for team in counted},
        )

    @property
    def _portal(self) -> _Portal:
        if self._found is None:
            self._found = self._find_portal()
        return self._found

    @property
    def _path(self) -> str:
        return f"/v3/portals/{_segment(self._portal.id)}"

    def _find_portal(self) -> _Portal:
        if self._wanted_id is not None:
            path = f"/v3/portals/{_segment(self._wanted_id)}"
            answer = self._client.request("GET", path)
            if answer.ok:
                return self._parse(answer, _Portal)
            if answer.status != 404:
                raise self._client.explain(answer)
        portals = self._list("portals", "/v3/portals", _Portal)
        match = [portal for portal in portals if portal.name == self._title]
        if len(match) == 1:
            return match[0]
        wanted = f"titled {self._title!r}" if self._wanted_id is None else f"with id {self._wanted_id}"
        there = ", ".join(f"{portal.name} ({portal.id})" for portal in portals) or "none that this token can see"
        raise PortalError(
            f"no portal {wanted} at {self._client.server.url}",
            f"portals there: {there}",
            "each region has its own portals; see `region` in the manifest",
        )

    def _settings(self) -> Settings:
        """A stack that does not know the settings at all (404, 405) tells nothing; any other failure is an error."""
        answer = self._client.request("GET", f"{self._path}/authentication-settings")
        if not answer.ok and answer.status not in {404, 405}:
            raise self._client.explain(answer)
        told = self._parse(answer, _Authentication) if answer.ok else _Authentication()
        return Settings(
            auto_approve_developers=self._portal.auto_approve_developers,
            rbac_enabled=self._portal.rbac_enabled,
            single_sign_on=_either(told.oidc_auth_enabled, told.saml_auth_enabled),
            team_mapping=_either(told.idp_mapping_enabled, told.oidc_team_mapping_enabled),
        )

    def _developers(self) -> tuple[Developer, ...]:
        # New sign-ups land at the end of this order, where a reading can follow them.
        return self._list("developers", f"{self._path}/developers", Developer, {"sort": "created_at"})

    def _teams(self) -> tuple[Team, ...]:
        # What an absent description looks like is not documented: null, "" and a missing key are one.
        teams = self._list("teams", f"{self._path}/teams", Team)
        return tuple(replace(team, description=team.description or None) for team in teams)

    def _members(self, teams: Iterable[Team]) -> dict[str, frozenset[str]]:
        teams = list(teams)
        sources = [
            self._source("members", f"{self._path}/teams/{_segment(team.id)}/developers", _Identified, {})
            for team in teams
        ]
        lists = read_lists(sources, self._pool)
        return {team.id: frozenset(row.id for row in rows) for team, rows in zip(teams, lists, strict=True)}

    def _statuses(self, people: Iterable[tuple[str, str | None]]) -> dict[str, str | None]:
        people = list(people)
        sources = [
            self._source("people", f"{self._path}/developers", Developer, {"filter[email][oeq]": batch})
            for batch in _batches([email for _, email in people if email and "," not in email])
        ]
        try:
            found = {row.id: row.status for rows in read_lists(sources, self._pool) for row in rows}
        except AnswerError as error:
            if error.status != 400:
                raise
            found = {}  # a stack without this filter: everyone is asked for by id
        missing = [developer_id for developer_id, _ in people if developer_id not in found]
        return {
            **{developer_id: found[developer_id] for developer_id, _ in people if developer_id in found},
            **dict(zip(missing, self._pool.map(self._status, missing), strict=True)),
        }

    def _status(self, developer_id: str) -> str | None:
        answer = self._client.request("GET", f"{self._path}/developers/{_segment(developer_id)}")
        if answer.status == 404:
            return None
        if not answer.ok:
            raise self._client.explain(answer)
        return self._parse(answer, Developer).status

    def _list(self, what: str, path: str, kind: type[T], params: Mapping[str, str] | None = None) -> tuple[T, ...]:
        return read_lists([self._source(what, path, kind, params or {})], self._pool)[0]

    def _source(self, what: str, path: str, kind: type[T], params: Mapping[str, str]) -> Source[T]:
        shape: type[_List[T]] = _List[kind]  # type: ignore[valid-type]

        def fetch(number: int) -> Page[T]:
            listed = self._parse(self._page(path, number, params), shape)
            total = int(listed.meta.page.total)
            done = min(number * self._page_size, total)
            self._observer(Progress(self._name, f"reading {what}", done, total))
            return Page(listed.data, total)

        return Source(f"GET {path}", fetch)

    def _page(self, path: str, number: int, params: Mapping[str, str]) -> Answer:
        size = self._page_size
        numbers = {"page[size]": str(size), "page[number]": str(number)}
        answer = self._client.request("GET", path, params={**numbers, **params})
        if answer.status == 400 and number == 1 and "page[size]" in answer.detail and size == PAGE_SIZE:
            self._page_size = _told_maximum(answer.body) or MODEST_PAGE_SIZE
            return self._page(path, number, params)
        if not answer.ok:
            raise self._client.explain(answer)
        return answer

    def _parse(self, answer: Answer, kind: type[V]) -> V:
        """The answer's JSON as `kind`. What the portal sent is not quoted: it is other people's data."""
        try:
            return cast(V, _shape(cast("Hashable", kind)).validate_json(answer.body))
        except ValidationError as error:
            first = error.errors(include_input=False, include_url=False, include_context=False)[0]
        if first["type"] == "json_invalid":
            raise self._client.not_json(answer)
        where = ".".join(str(part) for part in first["loc"]) or "the whole"
        raise NoAnswerError(
            f"{answer.call} was answered {answer.status} in a shape that is not the API's: {where}: {first['msg']}",
            f"is {self._client.server.url} (from {self._client.server.url_source}) the API's address?",
            sent=True,
        )

    # --- writing

    def write(self, write: Write) -> Written:
        """See `Provider.write`. 409 on an add is "already a member", taken as done and confirmed by the list."""
        method, path, body = self._call(write)
        try:
            answer = self._client.request(method, path, body=body)
        except NoAnswerError as error:
            return Written("unclear" if error.sent else "refused", error.message)
        if answer.ok or (isinstance(write, AddMember) and answer.status == 409):
            created = _id_told(answer.body) if isinstance(write, CreateTeam) else None
            return Written("done", trace=answer.trace, id=created)
        unclear = answer.status >= 500 or (isinstance(write, RemoveMember) and answer.status == 404)
        problem = self._client.explain(answer)
        return Written("unclear" if unclear else "refused", problem.message, answer.trace)

    def _call(self, write: Write) -> tuple[str, str, dict[str, object] | None]:
        match write:
            case SetStatus(developer_id, status):
                return "PATCH", f"{self._path}/developers/{_segment(developer_id)}", {"status": status}
            case CreateTeam(name, description):
                described = {} if description is None else {"description": description}
                return "POST", f"{self._path}/teams", {"name": name, **described}
            case UpdateTeam(team_id, description):
                return "PATCH", f"{self._path}/teams/{_segment(team_id)}", {"description": description}
            case AddMember(team_id, developer_id):
                return "POST", f"{self._path}/teams/{_segment(team_id)}/developers", {"id": developer_id}
            case RemoveMember(team_id, developer_id):
                path = f"{self._path}/teams/{_segment(team_id)}/developers/{_segment(developer_id)}"
                return "DELETE", path, None
            case _:
                assert_never(write)


def _segment(text: str) -> str:
    """One path segment, whatever the text holds."""
    quoted = quote(text, safe="")
    if quoted.strip(".") == "":
        raise PortalError("the portal gave an id that can't stand in a path")
    return quoted


def _either(*flags: bool | None) -> bool | None:
    told = [flag for flag in flags if flag is not None]
    return any(told) if told else None


def _batches(addresses: list[str]) -> list[str]:
    """Comma lists for one query each."""
    batches: list[str] = []
    for address in addresses:
        if batches and len(batches[-1]) + len(address) < BATCH_CHARACTERS:
            batches[-1] += f",{address}"
        else:
            batches.append(address)
    return batches


def _told_maximum(body: bytes) -> int | None:
    """The largest page size, where a refusal tells it (`maximum` of an invalid parameter)."""
    try:
        told = json.loads(body)["invalid_parameters"]
        return next((int(entry["maximum"]) for entry in told if "maximum" in entry), None)
    except (ValueError, KeyError, TypeError):
        return None


def _id_told(body: bytes) -> str | None:
    try:
        told = json.loads(body)
    except ValueError:
        return None
    created = told.get("id") if isinstance(told, dict) else None
    return created if isinstance(created, str) else None
