"""Sends writes. Developers are accepted or rejected only by their own pending approval."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Literal

from portalctl.errors import NoAnswerError, PortalError
from portalctl.http import Client
from portalctl.ids import is_id
from portalctl.portals.answer_ids import OtherAnswerError
from portalctl.portals.api7.backend import UNKNOWN, Backend
from portalctl.portals.api7.dashboard import Live
from portalctl.portals.api7.records import Approval
from portalctl.portals.api7.write_results import write_result
from portalctl.portals.writes import (
    ApproveRequestWrite,
    CreateDeveloperWrite,
    DeleteDeveloperWrite,
    Precheck,
    SetStatusWrite,
    Write,
    WriteResult,
    at_any_time,
)


@dataclass(frozen=True, slots=True)
class _Call:
    """One write as an HTTP request. `asked`: see `taken`. `portal_id`: the one that the answer may name."""

    client: Client
    method: Literal["POST", "DELETE"]
    path: str
    params: Mapping[str, str] = field(default_factory=dict)
    body: Mapping[str, object] | None = None
    asked: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    portal_id: str | None = None


# Seconds for which an approval that was seen pending may be accepted: thousands are accepted in one apply, and each
# look reads all pending ones. A decision made elsewhere in these seconds wins, and the live state shows it. A
# rejection deletes an account, and has its own look before it.
FRESH = 3.0


class _UntiedError(PortalError):
    """No approval provably belongs to this developer."""


class _OvertakenError(PortalError):
    """The live state is no longer that of the plan: nothing was sent, and the live state decides."""


class Writer:
    """Writes to one portal. `backend` None: operations that need it are refused."""

    def __init__(self, live: Live, backend: Backend | None) -> None:
        self._live = live
        self._backend = backend
        self._unsure = float("-inf")  # when a write last failed: no earlier look is used

    def write(self, write: Write, precheck: Precheck = at_any_time) -> WriteResult:
        """See `Provider.write`."""
        written = self._send(write, precheck)
        if written.result != "done":
            self._unsure = time.monotonic()
        if isinstance(write, CreateDeveloperWrite) and written.result == "done":
            return self._let_in(write.developer, written, precheck)
        return written

    def _let_in(self, developer_id: str, made: WriteResult, precheck: Precheck) -> WriteResult:
        """Accept a new account that is pending; whether accounts start pending is not documented."""
        try:
            developer = self._live.developers.read_after(time.monotonic()).get(developer_id)
        except PortalError:
            return made  # the confirmation will show it
        if developer is None or not developer.pending:
            return made
        accepted = self._send(SetStatusWrite(developer_id, "approved"), precheck)
        if accepted.result == "done":
            return replace(accepted, id=made.id)
        return replace(accepted, id=made.id, detail=f"the account was created and is pending: {accepted.detail}")

    def _send(self, write: Write, precheck: Precheck) -> WriteResult:
        try:
            call = self._call(write)
        except _OvertakenError as error:
            return WriteResult("unclear", error.message, personal=True)
        except PortalError as error:  # nothing was sent
            reason = "; ".join((error.message, *error.advice))
            other = isinstance(error, OtherAnswerError)
            return WriteResult("refused", reason, personal=isinstance(error, _UntiedError), misdirected=other)
        try:
            answer = call.client.request(
                call.method, call.path, params=call.params, body=call.body, precheck=precheck
            )
        except NoAnswerError as error:
            return WriteResult("unclear" if error.sent else "refused", error.message, advice=error.advice)
        created = write.developer if isinstance(write, CreateDeveloperWrite) else None
        return write_result(call.client, answer, created=created, asked=call.asked, portal_id=call.portal_id)

    def _call(self, write: Write) -> _Call:
        """Return the HTTP request for a write.

        Raises PortalError for one that must not or can't be sent, _OvertakenError where the portal is no longer as
        planned.
        """
        match write:
            case SetStatusWrite(developer_id, "approved"):
                return self._decision("accept", developer_id)
            case DeleteDeveloperWrite(developer_id):
                return self._deletion(developer_id)
            case ApproveRequestWrite(request_id=request_id):
                return self._acceptance(request_id)
            case CreateDeveloperWrite(developer=developer_id):
                return self._creation(developer_id)
            case SetStatusWrite(_, status):
                raise PortalError(f"API7 cannot set a developer to {status}")
            case _:
                raise PortalError(f"API7 does not support {type(write).__name__}")

    def _creation(self, developer_id: str) -> _Call:
        if self._backend is None:
            raise PortalError(UNKNOWN)
        body = {"developer_id": _checked(developer_id)}
        asked = {"developer_id": ("developer", developer_id)}
        return _Call(self._backend.client(), "POST", "/api/developers", body=body, asked=asked)

    def _deletion(self, developer_id: str) -> _Call:
        developer = self._live.developers.read_after(time.monotonic()).get(developer_id)
        if developer is None:
            raise _OvertakenError(f"there is no developer {developer_id}")
        if developer.pending:
            return self._decision("reject", developer_id)
        path, portal_id = f"/api/developers/{_checked(developer_id)}", self._live.place().id
        asked = {"developer_id": ("developer", developer_id)}
        return _Call(self._live.client, "DELETE", path, {"portal_id": portal_id}, asked=asked, portal_id=portal_id)

    def _decision(self, verb: Literal["accept", "reject"], developer_id: str) -> _Call:
        asked = self._fresh() if verb == "accept" else time.monotonic()
        approval = self._waiting_approval(developer_id, asked)
        return self._of_approval(approval.id, verb)

    def _acceptance(self, request_id: str) -> _Call:
        waiting = self._live.requests.read_after(self._fresh())
        if request_id not in {item.id for item in waiting if item.awaits_subscription}:
            raise _OvertakenError(f"request {request_id} is no longer pending: it was decided elsewhere")
        return self._of_approval(request_id, "accept")

    def _of_approval(self, approval_id: str, verb: Literal["accept", "reject"]) -> _Call:
        path = f"/api/approvals/{_checked(approval_id)}/{verb}"
        asked = {"id": ("approval", approval_id)}
        return _Call(self._live.client, "POST", path, asked=asked, portal_id=self._live.place().id)

    def _fresh(self) -> float:
        """Return the earliest time of a look that may be used to accept a pending approval."""
        return max(time.monotonic() - FRESH, self._unsure)

    def _waiting_approval(self, developer_id: str, asked: float) -> Approval:
        """Return the developer's approval, seen pending since `asked`.

        The developer of an approval does not change: one look at all developers serves many decisions.
        """
        approval = self._live.looks.any().approval_of(developer_id)
        if approval is None or developer_id not in self._live.developers.any():
            look = self._live.looks.read_after(time.monotonic())
            approval = look.approval_of(developer_id)
            developer = look.developers.get(developer_id)
            if developer is None or not developer.pending:
                raise _OvertakenError(f"{developer_id} is no longer pending")
        if approval is None:
            raise _UntiedError(
                f"no pending approval provably belongs to {developer_id}: decide on it in the Dashboard"
            )
        if approval not in self._live.registrations.read_after(asked):
            raise _OvertakenError(f"the approval of {developer_id} is no longer pending: it was decided elsewhere")
        return approval


def _checked(text: str) -> str:
    """Return an id that needs no encoding in a path. Raises PortalError for an invalid id."""
    if not is_id(text):
        raise PortalError(f"{text[:80]!r} is not a valid id; expected letters, digits, `-`, `_` and `.`")
    return text
