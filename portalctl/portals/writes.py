"""The writes to a portal, one value per request, and their results."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from portalctl.portals.models import Team


@dataclass(frozen=True, slots=True)
class SetStatusWrite:
    developer_id: str
    status: Literal["approved", "pending", "rejected", "revoked"]


@dataclass(frozen=True, slots=True)
class CreateDeveloperWrite:
    """A new account for `developer`:

    an address, on API7 a developer_id. `mail`: the portal sends an e-mail with the invitation.
    """

    developer: str
    full_name: str
    status: Literal["approved", "pending"] = "approved"
    mail: bool = False


@dataclass(frozen=True, slots=True)
class DeleteDeveloperWrite:
    """The account, with everything that belongs to it. API7 calls it rejecting while the registration is pending."""

    developer_id: str


@dataclass(frozen=True, slots=True)
class CreateTeamWrite:
    name: str
    description: str | None


@dataclass(frozen=True, slots=True)
class UpdateTeamWrite:
    team_id: str
    description: str


@dataclass(frozen=True, slots=True)
class AddMemberWrite:
    team_id: str
    developer_id: str


@dataclass(frozen=True, slots=True)
class RemoveMemberWrite:
    team_id: str
    developer_id: str


@dataclass(frozen=True, slots=True)
class AssignRoleWrite:
    team_id: str
    role: str
    api_id: str
    region: str


@dataclass(frozen=True, slots=True)
class UnassignRoleWrite:
    team_id: str
    assignment_id: str


@dataclass(frozen=True, slots=True)
class RevokeRegistrationWrite:
    application_id: str
    registration_id: str


@dataclass(frozen=True, slots=True)
class ApproveRequestWrite:
    application_id: str
    request_id: str


Write = (
    SetStatusWrite
    | CreateDeveloperWrite
    | DeleteDeveloperWrite
    | CreateTeamWrite
    | UpdateTeamWrite
    | AddMemberWrite
    | RemoveMemberWrite
    | AssignRoleWrite
    | UnassignRoleWrite
    | RevokeRegistrationWrite
    | ApproveRequestWrite
)


Precheck = Callable[[], None]  # raises NoAnswerError for a write that must no longer be sent


def at_any_time() -> None:
    """Allow a write after any wait."""


@dataclass(frozen=True, slots=True)
class WriteResult:
    """The result of a write:

    `done` accepted, `refused` rejected, `unclear` only the live state shows it. `status` is the HTTP status, None
    without an answer; `id` is that of a created object, if returned. `personal`: nothing was sent, for a reason of
    this developer only. `note`: further actions, for the record. `misdirected`: an answer was about another object
    than the one requested, so no further write may be sent. `advice`:
    what to do, where the portal did not accept it.
    """

    result: Literal["done", "refused", "unclear"]
    detail: str = ""
    trace: str | None = None
    id: str | None = None
    status: int | None = None
    personal: bool = False
    note: str = ""
    misdirected: bool = False
    advice: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class CreatedTeam:
    """The live state of a team after its creation.

    `team` None: there is none by this name yet. `note`: the action taken where there were two. `wrong`: the id
    returned at its creation is that of another team, so no further write may be sent."""

    team: Team | None
    note: str = ""
    wrong: str = ""
