"""Sends a write to a Konnect portal and interprets the answer."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

from portalctl.errors import NoAnswerError, PortalError
from portalctl.http import Answer
from portalctl.identity import normal_address
from portalctl.ids import is_id
from portalctl.portals.answer_ids import (
    JsonObject,
    OtherAnswerError,
    check_id,
    check_portal,
    json_object,
    other_answer,
)
from portalctl.portals.konnect.lists import Query, Wire, segment
from portalctl.portals.konnect.write_requests import call
from portalctl.portals.models import Team
from portalctl.portals.writes import (
    AddMemberWrite,
    ApproveRequestWrite,
    AssignRoleWrite,
    CreateDeveloperWrite,
    CreatedTeam,
    CreateTeamWrite,
    DeleteDeveloperWrite,
    Precheck,
    RemoveMemberWrite,
    RevokeRegistrationWrite,
    SetStatusWrite,
    UnassignRoleWrite,
    UpdateTeamWrite,
    Write,
    WriteResult,
    at_any_time,
)

ADDITIONS = (AddMemberWrite, AssignRoleWrite, CreateDeveloperWrite)  # a 409 may mean: already done
ENDINGS = (
    RemoveMemberWrite,
    DeleteDeveloperWrite,
    UnassignRoleWrite,
    RevokeRegistrationWrite,
)  # a 404 may mean: already ended


@dataclass(frozen=True, slots=True)
class _ListedTeam:
    name: str
    id: str
    created_at: str | None = None
    description: str | None = None

    @property
    def team(self) -> Team:
        return Team(self.id, self.name, self.description or None)

    @property
    def age(self) -> tuple[str, str]:
        """Sort key: the oldest first; two of one moment by their ids, so that every run chooses the same."""
        return self.created_at or "", self.id


class Writer:
    """Writes to the portal at the path `portal`."""

    def __init__(self, wire: Wire, portal: str) -> None:
        self._wire = wire
        self._portal = portal

    def write(self, write: Write, precheck: Precheck = at_any_time) -> WriteResult:
        """See `Provider.write`."""
        try:
            method, path, body = call(self._portal, write)
        except PortalError as error:
            return WriteResult("refused", error.message, advice=error.advice)  # nothing was sent
        try:
            answer = self._wire.client.request(method, path, body=body, precheck=precheck)
        except NoAnswerError as error:
            return WriteResult("unclear" if error.sent else "refused", error.message, advice=error.advice)
        if not answer.ok:
            return self._refused(write, answer)
        if answer.is_page:  # of a gateway in between, which may or may not have passed the request on
            message = self._wire.client.not_json(answer).message
            return WriteResult("unclear", message, answer.trace, status=answer.status)
        try:
            return self._accepted(write, answer)
        except OtherAnswerError as error:
            return WriteResult("unclear", error.message, answer.trace, status=answer.status, misdirected=True)

    def _accepted(self, write: Write, answer: Answer) -> WriteResult:
        """Return the result of a write that the portal accepted. Raises OtherAnswerError."""
        response_object = json_object(answer.body)
        check_portal(self._wire.client, answer, response_object, self._portal.rpartition("/")[2])
        for what, asked, answered in _named(write, response_object):
            check_id(self._wire.client, answer, what, asked, answered)
        created = None
        if isinstance(write, CreateTeamWrite | CreateDeveloperWrite):
            created = response_object.get("id")
            if created is not None and not is_id(created):
                text = f"{answer.call} returned an id that is not valid for what was created"
                return WriteResult("unclear", text, answer.trace, status=answer.status)
        created = created if isinstance(created, str) else None
        return WriteResult("done", trace=answer.trace, id=created, status=answer.status)

    def _refused(self, write: Write, answer: Answer) -> WriteResult:
        """Return the result of a write that the portal did not accept.

        A 409 on an addition, or on a new account, may mean that it is already done, and a 404 on a removal that it
        has ended: only the live state shows whether that is true."""
        result: Literal["done", "refused", "unclear"] = "unclear" if answer.status >= 500 else "refused"
        match answer.status:
            case 409 if isinstance(write, ADDITIONS):
                result = "unclear"
            case 404 if isinstance(write, ENDINGS):
                result = "unclear"
        error = self._wire.client.explain(answer)
        return WriteResult(result, error.message, answer.trace, status=answer.status, advice=error.advice)

    def new_teams(self, made: Mapping[str, str | None]) -> Mapping[str, CreatedTeam]:
        """See `Provider.new_teams`."""
        rows = self._wire.read_list("teams", Query(f"{self._portal}/teams"), _ListedTeam)
        by_id = {row.id: row for row in rows}
        by_name: dict[str, list[_ListedTeam]] = {}
        for row in rows:
            by_name.setdefault(row.name, []).append(row)
        return {
            name: self._new_team(name, by_id.get(ours or ""), by_name.get(name, [])) for name, ours in made.items()
        }

    def _new_team(self, name: str, ours: _ListedTeam | None, named: list[_ListedTeam]) -> CreatedTeam:
        """Return the team to use among the `named` ones.

        `ours` was created here, and is deleted where another is used.
        """
        if ours is not None and not _same_name(ours.name, name):
            call = f"POST {self._portal}/teams"
            error = other_answer(self._wire.client, call, "team", asked=name, answered=ours.name)
            return CreatedTeam(None, wrong=error.message)
        oldest = min(named, key=lambda team: team.age, default=ours)
        if oldest is None or ours is None or oldest.id == ours.id:
            return CreatedTeam(None if oldest is None else oldest.team)
        try:
            deleted = self._wire.client.request("DELETE", f"{self._portal}/teams/{segment(ours.id)}").ok
        except PortalError:
            deleted = False
        outcome = "was deleted" if deleted else "could not be deleted"
        note = f"another run created it at the same moment; the one created here ({ours.id}) {outcome}"
        return CreatedTeam(oldest.team, note)


def _named(write: Write, response_object: JsonObject) -> Iterator[tuple[str, str, object]]:
    """Yield the ids and names in an answer to a write:

    the kind of object, the requested value, and the one in the answer. Missing values are None. Adding a member is
    documented to return nothing; the kind of object shows what an `id` in such an answer refers to."""
    match write:
        case SetStatusWrite(developer_id) | DeleteDeveloperWrite(developer_id):
            yield "developer", developer_id, response_object.get("id")
        case CreateDeveloperWrite(email):
            yield "developer", email, _same_address(email, response_object.get("email"))
        case CreateTeamWrite(name):
            answered = response_object.get("name")
            yield "team", name, name if _same_name(name, answered) else answered
        case UpdateTeamWrite(team_id):
            yield "team", team_id, response_object.get("id")
        case AddMemberWrite(team_id, developer_id) | RemoveMemberWrite(team_id, developer_id):
            yield from _membership(team_id, developer_id, response_object)
        case AssignRoleWrite(_, role, api_id):
            yield "role", role, response_object.get("role_name")
            yield "API", api_id, response_object.get("entity_id")
        case UnassignRoleWrite(_, assignment_id):
            yield "role assignment", assignment_id, response_object.get("id")
        case RevokeRegistrationWrite(application_id, registration_id) | ApproveRequestWrite(
            application_id, registration_id
        ):
            yield "registration", registration_id, response_object.get("id")
            yield "application", application_id, _id_of(response_object.get("application"))


def _membership(team_id: str, developer_id: str, response_object: JsonObject) -> Iterator[tuple[str, str, object]]:
    yield "team", team_id, response_object.get("team_id")
    yield "team", team_id, _id_of(response_object.get("team"))
    yield "developer", developer_id, response_object.get("developer_id")
    yield "developer", developer_id, _id_of(response_object.get("developer"))
    if "email" in response_object:
        yield "developer", developer_id, response_object.get("id")
    elif "name" in response_object:
        yield "team", team_id, response_object.get("id")


def _id_of(value: object) -> object:
    return value.get("id") if isinstance(value, dict) else None


def _same_name(one: str, other: object) -> bool:
    """Return whether two names are equal for a portal, which may trim a name or change its Unicode form."""
    return isinstance(other, str) and _plain(one) == _plain(other)


def _plain(name: str) -> str:
    return unicodedata.normalize("NFKC", name).strip().casefold()


def _same_address(asked: str, answered: object) -> object:
    """Return the requested address where the answer has it in another spelling."""
    same = isinstance(answered, str) and normal_address(answered) == normal_address(asked)
    return asked if same else answered
