"""The states before and after a change (`before`, `after`), typed, in the form of a plan file."""

from __future__ import annotations

from typing import Annotated, Literal, NotRequired

from pydantic import AfterValidator, ConfigDict, with_config
from typing_extensions import TypedDict

from portalctl.ids import is_id

Status = Literal["approved", "pending", "rejected", "revoked"]


def _id(text: str) -> str:
    if not is_id(text):
        raise ValueError("is not an id")
    return text


Id = Annotated[str, AfterValidator(_id)]


# One side of a change in its JSON form. A plan file with further keys there is refused.
_exact = with_config(ConfigDict(extra="forbid"))


@_exact
class StatusState(TypedDict):
    status: Status


@_exact
class FoundStatus(StatusState):
    """`email_verified`: only where the portal reports it, for a developer to be approved."""

    email_verified: NotRequired[Literal[True]]


@_exact
class MemberState(TypedDict):
    member: bool


@_exact
class NewTeam(TypedDict):
    name: str
    description: NotRequired[str]


@_exact
class FoundDescription(TypedDict):
    description: str | None


@_exact
class NewDescription(TypedDict):
    description: str


@_exact
class NewRole(TypedDict):
    role: str
    api: str
    api_id: Id
    region: str


@_exact
class FoundRole(TypedDict):
    role: str
    api_id: Id
    assignment_id: Id


@_exact
class NewAccount(TypedDict):
    status: Literal["approved", "pending"]
    full_name: str
    send_invitation_email: bool


@_exact
class FoundRequest(TypedDict):
    request_id: Id
    application_id: str
    application: str
    product: str
    status: Literal["pending"]


@_exact
class FoundRegistration(TypedDict):
    registration_id: Id
    application_id: Id
    application: str
    api: str
    status: str


@_exact
class ApprovedState(TypedDict):
    status: Literal["approved"]


@_exact
class PendingState(TypedDict):
    status: Literal["pending"]


@_exact
class RejectedState(TypedDict):
    status: Literal["rejected"]


@_exact
class RevokedState(TypedDict):
    status: Literal["revoked"]
