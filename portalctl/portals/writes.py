"""What can be written to a portal, one value per request, and how the portal took it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from portalctl.portals.models import Team


@dataclass(frozen=True, slots=True)
class SetStatus:
    developer_id: str
    status: Literal["approved", "pending", "rejected", "revoked"]


@dataclass(frozen=True, slots=True)
class CreateDeveloper:
    """A new account for `developer`: an address, on API7 a developer_id. `mail`: the portal invites by mail."""

    developer: str
    full_name: str
    status: Literal["approved", "pending"] = "approved"
    mail: bool = False


@dataclass(frozen=True, slots=True)
class DeleteDeveloper:
    """The account, with everything that belongs to it. API7 calls it rejecting while the registration waits."""

    developer_id: str


@dataclass(frozen=True, slots=True)
class CreateTeam:
    name: str
    description: str | None


@dataclass(frozen=True, slots=True)
class UpdateTeam:
    team_id: str
    description: str


@dataclass(frozen=True, slots=True)
class AddMember:
    team_id: str
    developer_id: str


@dataclass(frozen=True, slots=True)
class RemoveMember:
    team_id: str
    developer_id: str


@dataclass(frozen=True, slots=True)
class AssignRole:
    team_id: str
    role: str
    api_id: str
    region: str


@dataclass(frozen=True, slots=True)
class UnassignRole:
    team_id: str
    assignment_id: str


@dataclass(frozen=True, slots=True)
class RevokeRegistration:
    application_id: str
    registration_id: str


@dataclass(frozen=True, slots=True)
class ApproveRequest:
    application_id: str
    request_id: str


Write = (
    SetStatus
    | CreateDeveloper
    | DeleteDeveloper
    | CreateTeam
    | UpdateTeam
    | AddMember
    | RemoveMember
    | AssignRole
    | UnassignRole
    | RevokeRegistration
    | ApproveRequest
)


Precheck = Callable[[], None]  # raises NoAnswerError for a write that is not to be sent any more


def at_any_time() -> None:
    """A write may be sent however long it had to wait."""


@dataclass(frozen=True, slots=True)
class Written:
    """How the portal took a write: `done` it said so, `refused` it said no, `unclear` only the live state can tell.

    `status` is the HTTP status, None where no answer came; `id` is that of a created thing, when it was told.
    `personal`: nothing was sent, for a reason that is this one person's. `note`: what else was done, for the record.
    `misdirected`: an answer was about another thing than the one asked for, so no further write may be sent.
    """

    result: Literal["done", "refused", "unclear"]
    detail: str = ""
    trace: str | None = None
    id: str | None = None
    status: int | None = None
    personal: bool = False
    note: str = ""
    misdirected: bool = False


@dataclass(frozen=True, slots=True)
class NewTeam:
    """What was seen of a team after its creation.

    `team` None: there is none by this name yet. `note`: what was done where there were two. `wrong`: the id returned
    at its creation is that of another team, so no further write may be sent.
    """

    team: Team | None
    note: str = ""
    wrong: str = ""
