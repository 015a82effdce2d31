"""Sending a write to a Konnect portal, and what its answer says of it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Literal

from portalctl.errors import NoAnswerError, PortalError
from portalctl.http import Answer
from portalctl.portal.konnect.calls import call
from portalctl.portal.konnect.wire import Query, Wire, segment
from portalctl.portal.writes import (
    AddMember,
    AssignRole,
    CreateDeveloper,
    CreateTeam,
    DeleteDeveloper,
    RemoveMember,
    RevokeRegistration,
    Still,
    UnassignRole,
    Write,
    Written,
    at_any_time,
)

JOINING = (AddMember, AssignRole)  # a 409 means: it is so already
ENDINGS = (RemoveMember, DeleteDeveloper, UnassignRole, RevokeRegistration)  # a 404 may mean: it has ended already


@dataclass(frozen=True, slots=True)
class _NamedTeam:
    name: str
    id: str
    created_at: str | None = None

    @property
    def age(self) -> tuple[str, str]:
        """The oldest first; two of one moment by their ids, so that everybody chooses the same."""
        return self.created_at or "", self.id


class Writer:
    """Writes to the portal at the path `portal`."""

    def __init__(self, wire: Wire, portal: str) -> None:
        self._wire = wire
        self._portal = portal

    def write(self, write: Write, still: Still = at_any_time) -> Written:
        """See `Provider.write`.

        A team that somebody else has made at the same moment is used, and the one made here taken back.
        """
        try:
            method, path, body = call(self._portal, write)
        except PortalError as error:
            return Written("refused", error.message)  # nothing was sent
        try:
            answer = self._wire.client.request(method, path, body=body, still=still)
        except NoAnswerError as error:
            return Written("unclear" if error.sent else "refused", error.message)
        if not answer.ok:
            return self._refused(write, answer)
        if answer.is_page:  # of something in between, which may or may not have passed the request on
            message = self._wire.client.not_json(answer).message
            return Written("unclear", message, answer.trace, status=answer.status)
        created, note = _id_told(answer.body) if isinstance(write, CreateTeam | CreateDeveloper) else None, ""
        if isinstance(write, CreateTeam) and created is not None:
            created, note = self._one_of_this_name(write.name, created)
        return Written("done", trace=answer.trace, id=created, status=answer.status, note=note)

    def _refused(self, write: Write, answer: Answer) -> Written:
        """A 409 on an add is "already so", taken as done and confirmed by the list.

        What is to end may have ended already: a 404 can be that, or a wrong path. Who is to get an account may have
        one by now. The live state tells.
        """
        result: Literal["done", "refused", "unclear"] = "unclear" if answer.status >= 500 else "refused"
        match answer.status:
            case 409 if isinstance(write, JOINING):
                result = "done"
            case 409 if isinstance(write, CreateDeveloper):
                result = "unclear"
            case 404 if isinstance(write, ENDINGS):
                result = "unclear"
        return Written(result, self._wire.client.explain(answer).message, answer.trace, status=answer.status)

    def _one_of_this_name(self, name: str, ours: str) -> tuple[str, str]:
        """The team to use after `ours` was made, and what was done about it, if anything.

        Nothing keeps two hands, or a portal, from making two of one name. The oldest stays, for everyone. What can't
        be read or taken back stays, too: the look at the end tells.
        """
        try:
            teams = self._wire.read_list("teams", Query(f"{self._portal}/teams"), _NamedTeam)
            oldest = min((team for team in teams if team.name == name), key=lambda team: team.age, default=None)
            if oldest is None or oldest.id == ours or all(team.id != ours for team in teams):
                return ours, ""
            taken_back = self._wire.client.request("DELETE", f"{self._portal}/teams/{segment(ours)}").ok
        except PortalError:
            return ours, ""
        outcome = "was taken back" if taken_back else "could not be taken back"
        return oldest.id, f"somebody else made it at the same moment; the one made here ({ours}) {outcome}"


def _id_told(body: bytes) -> str | None:
    try:
        told = json.loads(body)
    except ValueError:
        return None
    created = told.get("id") if isinstance(told, dict) else None
    return created if isinstance(created, str) else None
