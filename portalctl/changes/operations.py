"""Every kind of change, one frozen class each: the only module with details of single operations.

To add one, write its class here, add it to `Change`, and teach a provider its write (`portalctl/portals/writes.py`).
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Annotated, ClassVar, Literal, TypeAlias, get_args

from pydantic import Field, TypeAdapter

from portalctl.changes.operation import (
    ChangeFields,
    DriftKind,
    Effect,
    Fact,
    Ids,
    Operation,
    Removal,
    State,
    Subject,
    Target,
    account,
)
from portalctl.changes.states import (
    ApprovedState,
    FoundDescription,
    FoundRegistration,
    FoundRequest,
    FoundRole,
    FoundStatus,
    MemberState,
    NewAccount,
    NewDescription,
    NewRole,
    NewTeam,
    PendingState,
    RejectedState,
    RevokedState,
    Status,
    StatusState,
)
from portalctl.portals import writes
from portalctl.portals.models import RegistrationKey, Sighting


@dataclass(frozen=True, slots=True, kw_only=True)
class _DeveloperOperation(Operation):
    """An operation on a developer."""

    developer: Subject

    def status(self, live: Sighting) -> str | None:
        """The live status of the developer; None: no account."""
        found = account(self.developer, live)
        return found.status if found is not None else None


@dataclass(frozen=True, slots=True, kw_only=True)
class _OfAccount(_DeveloperOperation):
    """An operation on the account itself, or on what belongs to it."""

    team: None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class _SetStatus(_OfAccount):
    """Sets a developer's status."""

    before: FoundStatus
    sets: ClassVar[Status]
    repeatable: ClassVar[bool] = False  # it may send a second e-mail
    would: ClassVar[str] = "{before[status]} → {after[status]}"

    @property
    def loses(self) -> bool:
        return self.effect_of_op != "grants" and self.before["status"] == "approved"

    @property
    def new_status(self) -> str | None:
        return self.sets

    def drift_kind(self, *, entering: bool) -> DriftKind:
        """Return the kind of drift. A sign-up to be rejected is not drift."""
        if self.op_class == "offboard" and self.before["status"] == "pending":
            return "backlog"
        return Operation.drift_kind(self, entering=entering)

    def live_state(self, live: Sighting) -> State | None:
        status = self.status(live)
        return None if status is None else {"status": status}

    def write(self, ids: Ids) -> writes.Write:
        return writes.SetStatusWrite(ids.developers[self.developer.key], self.sets)


@dataclass(frozen=True, slots=True, kw_only=True)
class Approve(_SetStatus):
    """Approves a developer."""

    op: Literal["approve"] = "approve"
    op_class: Annotated[Literal["onboard", "reinstate"], Field(alias="class")]
    after: ApprovedState = field(default_factory=lambda: ApprovedState(status="approved"))
    sets: ClassVar[Status] = "approved"
    effect_of_op: ClassVar[Effect] = "grants"
    done: ClassVar[str] = "approved"

    def needs(self, *, members_first: bool) -> tuple[Target, ...]:
        return (("add_member", self.developer.key),) if members_first else ()

    def live_state(self, live: Sighting) -> State | None:
        """Includes whether the address is verified; if it no longer is, this is not the developer under review."""
        found = account(self.developer, live)
        if found is None:
            return None
        verified = found.email_verified
        return {"status": found.status} | ({"email_verified": verified} if verified is not None else {})


@dataclass(frozen=True, slots=True, kw_only=True)
class Reopen(_SetStatus):
    """Makes a decided developer pending again."""

    op: Literal["reopen"] = "reopen"
    op_class: Annotated[Literal["reinstate", "expire", "offboard"], Field(alias="class")]
    after: PendingState = field(default_factory=lambda: PendingState(status="pending"))
    sets: ClassVar[Status] = "pending"
    done: ClassVar[str] = "set back to pending"


@dataclass(frozen=True, slots=True, kw_only=True)
class Reject(_SetStatus):
    """Rejects a sign-up."""

    op: Literal["reject"] = "reject"
    op_class: Annotated[Removal, Field(alias="class")]
    after: RejectedState = field(default_factory=lambda: RejectedState(status="rejected"))
    sets: ClassVar[Status] = "rejected"
    done: ClassVar[str] = "rejected"


@dataclass(frozen=True, slots=True, kw_only=True)
class Revoke(_SetStatus):
    """Ends the access of a developer and keeps the account."""

    op: Literal["revoke"] = "revoke"
    op_class: Annotated[Removal, Field(alias="class")]
    after: RevokedState = field(default_factory=lambda: RevokedState(status="revoked"))
    sets: ClassVar[Status] = "revoked"
    done: ClassVar[str] = "revoked"


@dataclass(frozen=True, slots=True, kw_only=True)
class CreateDeveloper(_OfAccount):
    """Creates an account. API7: by a developer_id that the portal's owner assigns."""

    op: Literal["create_developer"] = "create_developer"
    op_class: Annotated[Literal["onboard"], Field(alias="class")] = "onboard"
    before: None = None
    after: NewAccount
    effect_of_op: ClassVar[Effect] = "grants"
    creates: ClassVar[bool] = True
    nothing: ClassVar[str] = "not on the portal"
    would: ClassVar[str] = "new account, {after[status]}"
    done: ClassVar[str] = "given an account"

    @property
    def new_status(self) -> str | None:
        return self.after["status"]

    def live_state(self, live: Sighting) -> State | None:
        status = self.status(live)
        return None if status is None else {"status": status}

    def write(self, ids: Ids) -> writes.Write:
        after = self.after
        return writes.CreateDeveloperWrite(
            self.developer.name, after["full_name"], after["status"], mail=after["send_invitation_email"]
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class DeleteDeveloper(_OfAccount):
    """Deletes an account with everything that belongs to it."""

    op: Literal["delete_developer"] = "delete_developer"
    op_class: Annotated[Literal["offboard"], Field(alias="class")] = "offboard"
    before: StatusState
    after: None = None
    nothing: ClassVar[str] = "no account"
    would: ClassVar[str] = "account deleted"
    done: ClassVar[str] = "deleted"

    @property
    def loses(self) -> bool:
        return True

    def drift_kind(self, *, entering: bool) -> DriftKind:
        """Return the kind of drift. A sign-up to be rejected is not drift."""
        if self.before["status"] == "pending":
            return "backlog"
        return Operation.drift_kind(self, entering=entering)

    def live_state(self, live: Sighting) -> State | None:
        status = self.status(live)
        return None if status is None else {"status": status}

    def write(self, ids: Ids) -> writes.Write:
        return writes.DeleteDeveloperWrite(ids.developers[self.developer.key])


@dataclass(frozen=True, slots=True, kw_only=True)
class _Membership(_DeveloperOperation):
    """Whether a developer is in a team."""

    team: str
    before: MemberState
    after: MemberState

    def live_state(self, live: Sighting) -> State | None:
        found = account(self.developer, live)
        if found is None and self.developer.id is not None:
            return None
        return {"member": found is not None and found.id in live.members.get(self.team, ())}


@dataclass(frozen=True, slots=True, kw_only=True)
class AddMember(_Membership):
    """Adds a developer to a team."""

    op: Literal["add_member"] = "add_member"
    op_class: Annotated[Literal["onboard"], Field(alias="class")] = "onboard"
    before: MemberState = field(default_factory=lambda: MemberState(member=False))
    after: MemberState = field(default_factory=lambda: MemberState(member=True))
    effect_of_op: ClassVar[Effect] = "grants"
    would: ClassVar[str] = "joins {team}"
    done: ClassVar[str] = "joined {team}"

    def needs(self, *, members_first: bool) -> tuple[Target, ...]:
        key = self.developer.key
        approval = () if members_first else (("approve", key),)
        return ("create_team", self.team), ("create_developer", key), *approval

    def write(self, ids: Ids) -> writes.Write:
        return writes.AddMemberWrite(ids.teams[self.team], ids.developers[self.developer.key])


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoveMember(_Membership):
    """Removes a developer from a team."""

    op: Literal["remove_member"] = "remove_member"
    op_class: Annotated[Removal, Field(alias="class")]
    before: MemberState = field(default_factory=lambda: MemberState(member=True))
    after: MemberState = field(default_factory=lambda: MemberState(member=False))
    would: ClassVar[str] = "leaves {team}"
    done: ClassVar[str] = "left {team}"

    @property
    def loses(self) -> bool:
        return True

    def write(self, ids: Ids) -> writes.Write:
        return writes.RemoveMemberWrite(ids.teams[self.team], ids.developers[self.developer.key])


@dataclass(frozen=True, slots=True, kw_only=True)
class ApproveRequest(_OfAccount):
    """Approves the request of a developer's application to use an API or product."""

    op: Literal["approve_request"] = "approve_request"
    op_class: Annotated[Literal["onboard"], Field(alias="class")] = "onboard"
    before: FoundRequest
    after: ApprovedState = field(default_factory=lambda: ApprovedState(status="approved"))
    effect_of_op: ClassVar[Effect] = "grants"
    repeatable: ClassVar[bool] = False  # it may send a second e-mail
    facts: ClassVar[frozenset[Fact]] = frozenset({"registrations", "requests"})
    would: ClassVar[str] = "may use {before[product]}"
    done: ClassVar[str] = "let into {before[product]}"

    @property
    def detail(self) -> tuple[str, ...]:
        return (self.before["request_id"],)

    def needs(self, *, members_first: bool) -> tuple[Target, ...]:
        return ("create_developer", self.developer.key), ("approve", self.developer.key)

    def drift_kind(self, *, entering: bool) -> DriftKind:
        return "backlog"

    def live_state(self, live: Sighting) -> State | None:
        if self.status(live) is None:
            return None
        now = live.requests.get(self.before["request_id"])
        return None if now is None else {"status": now}

    def write(self, ids: Ids) -> writes.Write:
        return writes.ApproveRequestWrite(self.before["application_id"], self.before["request_id"])


@dataclass(frozen=True, slots=True, kw_only=True)
class RevokeRegistration(_OfAccount):
    """Revokes one registration of a developer's application."""

    op: Literal["revoke_registration"] = "revoke_registration"
    op_class: Annotated[Removal, Field(alias="class")]
    before: FoundRegistration
    after: RevokedState = field(default_factory=lambda: RevokedState(status="revoked"))
    repeatable: ClassVar[bool] = False  # it may send a second e-mail
    facts: ClassVar[frozenset[Fact]] = frozenset({"registrations"})
    would: ClassVar[str] = "application {before[application]} may no longer use {before[api]}"
    done: ClassVar[str] = "cut off from {before[api]} (registration of {before[application]})"

    @property
    def detail(self) -> tuple[str, ...]:
        return (self.before["registration_id"],)

    @property
    def loses(self) -> bool:
        return True

    @property
    def registration(self) -> RegistrationKey:
        before = self.before
        return RegistrationKey(before["registration_id"], before["application_id"], self.developer.key)

    def live_state(self, live: Sighting) -> State | None:
        """Return the live side: ended only where the registration was seen to have ended, for any reason."""
        found = live.registrations.get(self.registration.id)
        if found is None or self.status(live) is None:
            return None
        if found.has_ended:
            return self.after
        if found.other_owner is not None:  # it no longer belongs to the developer
            return {"status": f"{found.status} for an application of {found.other_owner}"}
        return self.before

    def write(self, ids: Ids) -> writes.Write:
        return writes.RevokeRegistrationWrite(self.before["application_id"], self.before["registration_id"])


@dataclass(frozen=True, slots=True, kw_only=True)
class _OfTeam(Operation):
    """An operation on a team itself."""

    developer: None = None
    team: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CreateTeam(_OfTeam):
    op: Literal["create_team"] = "create_team"
    op_class: Annotated[Literal["structure"], Field(alias="class")] = "structure"
    before: None = None
    after: NewTeam
    effect_of_op: ClassVar[Effect] = "grants"
    creates: ClassVar[bool] = True
    nothing: ClassVar[str] = "not on the portal"
    would: ClassVar[str] = "created"
    done: ClassVar[str] = "created"

    def live_state(self, live: Sighting) -> State | None:
        return _team(self.team, live)

    def write(self, ids: Ids) -> writes.Write:
        return writes.CreateTeamWrite(self.team, self.after.get("description"))


@dataclass(frozen=True, slots=True, kw_only=True)
class UpdateTeam(_OfTeam):
    op: Literal["update_team"] = "update_team"
    op_class: Annotated[Literal["structure"], Field(alias="class")] = "structure"
    before: FoundDescription
    after: NewDescription
    would: ClassVar[str] = "description: {before[description]} → {after[description]}"
    done: ClassVar[str] = "updated"

    def live_state(self, live: Sighting) -> State | None:
        return _team(self.team, live)

    def write(self, ids: Ids) -> writes.Write:
        return writes.UpdateTeamWrite(ids.teams[self.team], self.after["description"])


def _team(name: str, live: Sighting) -> State | None:
    team = live.teams.get(name)
    return None if team is None else {"name": team.name, "description": team.description}


@dataclass(frozen=True, slots=True, kw_only=True)
class _OfRole(_OfTeam):
    facts: ClassVar[frozenset[Fact]] = frozenset({"roles"})

    @property
    @abstractmethod
    def role(self) -> tuple[str, str]:
        """The role and the id of the API."""

    @property
    def detail(self) -> tuple[str, ...]:
        return self.role

    def live_state(self, live: Sighting) -> State | None:
        assigned = {(item.role, item.api_id) for item in live.roles.get(self.team, ())}
        role, api_id = self.role
        return {"role": role, "api_id": api_id} if self.role in assigned else None


@dataclass(frozen=True, slots=True, kw_only=True)
class AssignRole(_OfRole):
    """Assigns a team a role on an API."""

    op: Literal["assign_role"] = "assign_role"
    op_class: Annotated[Literal["structure"], Field(alias="class")] = "structure"
    before: None = None
    after: NewRole
    effect_of_op: ClassVar[Effect] = "grants"
    would: ClassVar[str] = "may act as {after[role]} on API {after[api]}"
    done: ClassVar[str] = "given role {after[role]} for API {after[api]}"

    @property
    def role(self) -> tuple[str, str]:
        return self.after["role"], self.after["api_id"]

    def needs(self, *, members_first: bool) -> tuple[Target, ...]:
        return (("create_team", self.team),)

    def write(self, ids: Ids) -> writes.Write:
        after = self.after
        return writes.AssignRoleWrite(ids.teams[self.team], after["role"], after["api_id"], after["region"])


@dataclass(frozen=True, slots=True, kw_only=True)
class UnassignRole(_OfRole):
    """Unassigns a team's role on an API."""

    op: Literal["unassign_role"] = "unassign_role"
    op_class: Annotated[Literal["offboard"], Field(alias="class")] = "offboard"
    before: FoundRole
    after: None = None
    effect_of_op: ClassVar[Effect] = "removes"
    would: ClassVar[str] = "may no longer act as {before[role]} on API {before[api_id]}"
    done: ClassVar[str] = "deprived of role {before[role]} for API {before[api_id]}"

    @property
    def role(self) -> tuple[str, str]:
        return self.before["role"], self.before["api_id"]

    def drift_kind(self, *, entering: bool) -> DriftKind:
        return "setting"

    def write(self, ids: Ids) -> writes.Write:
        return writes.UnassignRoleWrite(ids.teams[self.team], self.before["assignment_id"])


StatusChange: TypeAlias = Approve | Reopen | Reject | Revoke
# In the order of writing within a class, where memberships come before the approval (see `order.py`).
Change: TypeAlias = (
    CreateTeam
    | UpdateTeam
    | AssignRole
    | CreateDeveloper
    | AddMember
    | Approve
    | ApproveRequest
    | RevokeRegistration
    | Reopen
    | Reject
    | Revoke
    | RemoveMember
    | UnassignRole
    | DeleteDeveloper
)
OPERATIONS: tuple[type[Change], ...] = get_args(Change)
BY_NAME: Mapping[str, Callable[..., Change]] = {
    str(operation.__dataclass_fields__["op"].default): operation for operation in OPERATIONS
}
NAMES: tuple[str, ...] = tuple(BY_NAME)


def typed(fields: ChangeFields) -> Change:
    """Return the change with these fields. Raises ValidationError where they do not fit its operation."""
    plain = _fields().dump_python(fields, by_alias=True)
    change: Change = _any_change().validate_python(plain)
    return change


def plain(change: Change) -> dict[str, object]:
    """Return a change in its published form, without its id and its reasons."""
    fields: dict[str, object] = _fields().dump_python(change, by_alias=True, include=_ACT)
    return fields


def parsed(plain_fields: Mapping[str, object]) -> Change:
    """Return the change from its `plain` form and its id. Raises ValidationError where they do not fit."""
    change: Change = _any_change().validate_python(
        {"why": (), **{key: value for key, value in plain_fields.items() if key in _ACT_KEYS}}
    )
    return change


_ACT = {"op", "op_class", "developer", "team", "before", "after"}
_ACT_KEYS = {"id", "op", "class", "developer", "team", "before", "after"}


@cache
def _fields() -> TypeAdapter[ChangeFields]:
    return TypeAdapter(ChangeFields)


@cache
def _any_change() -> TypeAdapter[Change]:
    return TypeAdapter(Annotated[Change, Field(discriminator="op")])
