"""The simulated Konnect: which operation a request means, who may call it, and what is checked before it runs."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

from portalctl.simulator.konnect import portal_side
from portalctl.simulator.konnect.api import V2, V3, Api
from portalctl.simulator.konnect.body import is_uuid
from portalctl.simulator.konnect.call import Call
from portalctl.simulator.konnect.database import TableReader
from portalctl.simulator.konnect.operations import applications, audit, developers, emails, forms, portals, teams
from portalctl.simulator.konnect.problems import (
    PROBLEM_TYPE,
    ProblemError,
    bad_request,
    not_found,
    not_uuid,
    problem_body,
)
from portalctl.simulator.konnect.world import World
from portalctl.simulator.message import Request, SimulatedAnswer, json_answer
from portalctl.simulator.router import Router

Operation = Callable[[Call], SimulatedAnswer]

OWNER = "5c1d0a4e-9f0b-4a53-8a63-0d4f0f6f7a10"  # the system account of the simulator's own token
_WRITES = frozenset({"POST", "PUT", "PATCH", "DELETE"})
_FIRST_TRACE = 1_433_447_772_874_964_729


@dataclass(frozen=True, slots=True)
class _Route:
    """What a path means. `any_kind`: the version opens portals of the other kind here too."""

    api: Api
    operation: Operation
    any_kind: bool = False


_PORTAL = "/portals/{portalId}"
_DEVELOPER = _PORTAL + "/developers/{developerId}"
_TEAM = _PORTAL + "/teams/{teamId}"
_APPLICATION = _PORTAL + "/applications/{applicationId}"
_MAPPINGS = _PORTAL + "/identity-providers/{providerId}/team-group-mappings"
_REGISTRATION = _APPLICATION + "/registrations/{registrationId}"

_BOTH: tuple[tuple[str, str, Operation], ...] = (
    ("GET", "/portals", portals.list_portals),
    ("GET", _PORTAL, portals.get_portal),
    ("PATCH", _PORTAL, portals.update_portal),
    ("GET", _PORTAL + "/authentication-settings", portals.get_settings),
    ("PATCH", _PORTAL + "/authentication-settings", portals.update_settings),
    ("GET", _PORTAL + "/identity-providers", portals.list_identity_providers),
    ("GET", _PORTAL + "/identity-provider/team-group-mappings", portals.list_group_mappings),
    ("GET", "/portal-roles", portals.list_roles),
    ("GET", _PORTAL + "/developers", developers.list_developers),
    ("GET", _DEVELOPER, developers.get_developer),
    ("PATCH", _DEVELOPER, developers.update_developer),
    ("DELETE", _DEVELOPER, developers.delete_developer),
    ("GET", _DEVELOPER + "/teams", developers.list_developer_teams),
    ("GET", _PORTAL + "/teams", teams.list_teams),
    ("POST", _PORTAL + "/teams", teams.create_team),
    ("GET", _TEAM, teams.get_team),
    ("PATCH", _TEAM, teams.update_team),
    ("DELETE", _TEAM, teams.delete_team),
    ("GET", _TEAM + "/developers", teams.list_members),
    ("POST", _TEAM + "/developers", teams.add_member),
    ("DELETE", _TEAM + "/developers/{developerId}", teams.remove_member),
    ("GET", _TEAM + "/assigned-roles", teams.list_team_roles),
    ("POST", _TEAM + "/assigned-roles", teams.assign_role),
    ("DELETE", _TEAM + "/assigned-roles/{roleId}", teams.remove_role),
    ("GET", _PORTAL + "/applications", applications.list_applications),
    ("GET", _APPLICATION, applications.get_application),
    ("DELETE", _APPLICATION, applications.delete_application),
    ("GET", "/applications/{applicationId}", applications.get_application),
    ("GET", _PORTAL + "/application-registrations", applications.list_portal_registrations),
    ("GET", _APPLICATION + "/registrations", applications.list_application_registrations),
    ("GET", _REGISTRATION, applications.get_registration),
    ("PATCH", _REGISTRATION, applications.update_registration),
    ("DELETE", _REGISTRATION, applications.delete_registration),
)
_V3_ONLY: tuple[tuple[str, str, Operation], ...] = (
    ("GET", "/apis", portals.list_apis),
    ("GET", "/audit-logs", audit.list_entries),
    ("GET", "/users/{userId}", audit.get_user),
    ("GET", "/system-accounts/{accountId}", audit.get_system_account),
    ("GET", _PORTAL + "/email-config", emails.get_config),
    ("GET", _PORTAL + "/email-templates", emails.list_templates),
    ("GET", _PORTAL + "/email-templates/{templateName}", emails.get_template),
    ("PATCH", _PORTAL + "/email-templates/{templateName}", emails.update_template),
    ("GET", _MAPPINGS, portals.list_provider_mappings),
    ("POST", _MAPPINGS, portals.create_provider_mapping),
    ("GET", _MAPPINGS + "/{mappingId}", portals.get_provider_mapping),
    ("DELETE", _MAPPINGS + "/{mappingId}", portals.delete_provider_mapping),
    ("POST", _PORTAL + "/developers", developers.create_developer),
    ("GET", _PORTAL + "/forms", forms.list_forms),
    ("POST", _PORTAL + "/forms", forms.create_form),
    ("GET", _PORTAL + "/forms/{formId}", forms.get_form),
    ("PUT", _PORTAL + "/forms/{formId}", forms.replace_form),
    ("DELETE", _PORTAL + "/forms/{formId}", forms.delete_form),
    ("PUT", "/apis/{apiId}/publications/{portalId}", forms.publish_api),
    ("POST", _PORTAL + "/applications", applications.create_application),
    ("PATCH", _APPLICATION, applications.update_application),
    ("POST", _APPLICATION + "/registrations", applications.create_registration),
    ("GET", _APPLICATION + "/developers", applications.list_application_developers),
)
_PORTAL_SIDE: tuple[tuple[str, str, Operation], ...] = (
    ("POST", "/developer", portal_side.sign_up),
    ("GET", "/portal", portal_side.get_portal),
)

_OTHER_PORTAL = (
    "SELECT id FROM portals WHERE id <> ? AND classic = (SELECT classic FROM portals WHERE id = ?) ORDER BY seq"
)
# What an id names: the table, and the column that ties it to an id further left in the path.
_EXISTS = {
    "portalId": ("portals", "", ""),
    "developerId": ("developers", "portal_id", "portalId"),
    "providerId": ("identity_providers", "portal_id", "portalId"),
    "mappingId": ("provider_mappings", "provider_id", "providerId"),
    "formId": ("forms", "portal_id", "portalId"),
    "apiId": ("apis", "", ""),
    "teamId": ("teams", "portal_id", "portalId"),
    "roleId": ("roles", "team_id", "teamId"),
    "applicationId": ("applications", "portal_id", "portalId"),
    "registrationId": ("registrations", "application_id", "applicationId"),
}


def _routes() -> Iterator[tuple[str, str, _Route]]:
    for api, templates in ((V3, (*_BOTH, *_V3_ONLY)), (V2, _BOTH)):
        for method, template, operation in templates:
            any_kind = api is V3 and template.startswith(f"{_PORTAL}/teams")
            yield method, api.prefix + template, _Route(api, operation, any_kind)
        for method, template, operation in _PORTAL_SIDE:
            yield method, f"/api{api.prefix}{template}", _Route(api, operation)


_ROUTER = Router(_routes())


class KonnectService:
    """Answers requests from a World. `token` is the bearer token that is accepted, beside those of principals."""

    name = ""
    rows = "data"

    def __init__(self, world: World, token: str) -> None:
        self.world = world
        self._authorization = f"Bearer {token}"

    def answer(self, request: Request) -> SimulatedAnswer:
        answer = self._answer(request)
        principal = self._principal(request)
        if principal is not None and request.method in _WRITES and request.path.startswith(("/v2/", "/v3/")):
            _, ids = _ROUTER.find(request.segments)
            with self.world.db.lock:
                self.world.log(
                    request.method,
                    request.target.partition("?")[0],
                    answer.status,
                    principal=principal,
                    trace=_trace(request),
                    portal_id=ids.get("portalId"),
                )
        return answer

    def _principal(self, request: Request) -> str | None:
        """Who sent a request: the id of a user or system account; None: its token is unknown."""
        authorization = request.headers.get("authorization", "")
        scheme, _, token = authorization.partition(" ")
        with self.world.db.lock:
            found = self.world.principal(token) if scheme == "Bearer" else None
        return found or (OWNER if authorization == self._authorization else None)

    def _answer(self, request: Request) -> SimulatedAnswer:
        try:
            with self.world.db.lock:
                return self._operate(request)
        except ProblemError as problem:
            body = problem_body(problem.status, _trace(request), problem.detail, problem.invalid)
            answer = json_answer(problem.status, body, PROBLEM_TYPE)
            return _ROUTER.allowing(request, answer) if problem.status == 405 else answer

    def error(self, request: Request, status: int) -> SimulatedAnswer:
        return json_answer(status, problem_body(status, _trace(request)), PROBLEM_TYPE)

    def headers(self, request: Request) -> tuple[tuple[str, str], ...]:
        """The vendor shows the trace in problems only; the header is ours, so that any answer can be found again."""
        return (("x-kong-trace-id", _trace(request)),)

    def misrouted(self, request: Request) -> Request:
        _, ids = _ROUTER.find(request.segments)
        asked = ids.get("portalId")
        with self.world.db.lock:
            row = self.world.db.truth.row(_OTHER_PORTAL, asked, asked) if asked else None
        return replace(request, target=request.target.replace(f"/{asked}", f"/{row[0]}", 1)) if row else request

    def _operate(self, request: Request) -> SimulatedAnswer:
        if not request.path.startswith("/api/") and self._principal(request) is None:
            raise ProblemError(401)
        routes, ids = _ROUTER.find(request.segments)
        if not routes:
            raise not_found()
        route = routes.get(request.method)
        if route is None:
            raise ProblemError(405, f"The simulator has no {request.method} here")
        reader = self.world.db.seen() if request.method == "GET" else self.world.db.truth
        _check_ids(reader, ids, route)
        return route.operation(Call(route.api, request, ids, self.world, reader))


def _trace(request: Request) -> str:
    return str(_FIRST_TRACE + request.number)


def _check_ids(reader: TableReader, ids: dict[str, str], route: _Route) -> None:
    """Raises ProblemError 400 for an id that is not a UUID, 404 for one that does not exist at this path."""
    ids = {name: value for name, value in ids.items() if name in _EXISTS}  # the others are names
    wrong = [not_uuid(name, "path") for name, value in ids.items() if not is_uuid(value)]
    if wrong:
        raise bad_request(*wrong)
    for name, value in ids.items():
        table, column, parent = _EXISTS[name]
        sql, values = f"SELECT 1 FROM {table} t WHERE id = ?", [value]  # noqa: S608  # names of the table above
        if parent in ids:
            sql, values = f"{sql} AND {column} = ?", [value, ids[parent]]
        if name == "portalId" and not route.any_kind:
            sql = f"{sql} AND {route.api.kind}"
        if reader.row(sql, *values) is None:
            raise not_found()
