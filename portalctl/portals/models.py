"""The live side as values: the contents of a portal, and the requested parts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated

from pydantic import Field

from portalctl.identity import normal_address

OUT = frozenset({"revoked", "rejected"})
MAILS_UNREAD = "mails_unread"  # code of a remark
GONE = "gone"  # of a registration, if its application is no longer on the portal


def _is_nothing(value: object) -> bool:
    return not value


def _is_unknown(value: object) -> bool:
    return value is None


IF_KNOWN = Field(exclude_if=_is_unknown)
IF_ANY = Field(exclude_if=_is_nothing)  # saved where it is set: older snapshots, and their digests, do not have it


@dataclass(frozen=True, slots=True)
class FormAnswer:
    """An answer to a form, typed or chosen by a stranger. `values` are several where a list allows that.

    `label` and `type` are those of the field at the time of the answer; None: the portal does not report them.
    """

    field: str
    values: tuple[str, ...]
    label: str | None = None
    type: str | None = None


@dataclass(frozen=True, slots=True)
class FormField:
    """A field of a form. `options`: the values of its closed list; empty where anything can be answered."""

    name: str
    type: str
    label: str | None = None
    options: tuple[str, ...] = ()
    required: bool = False


@dataclass(frozen=True, slots=True)
class SignUpForm:
    """The published form for sign-ups: its fields, none where the portal has no form of its own.

    `unread`: why it could not be read.
    """

    fields: tuple[FormField, ...] = ()
    unread: str | None = None


@dataclass(frozen=True, slots=True)
class Developer:
    """One account. `email` is the live spelling; `status` is approved, pending, rejected or revoked, or an unknown
    word. `email_verified` and `provider` (the verifier of the address: `builtin` or `sso`) are None where the portal
    does not report them. `approvable` False: the portal has no approval request that provably belongs to this
    account. `answers`: those to the sign-up form."""

    id: str
    email: str | None
    status: str
    full_name: str | None = None
    created_at: str | None = None
    email_verified: bool | None = None
    provider: str | None = None
    approvable: bool = True
    answers: Annotated[tuple[FormAnswer, ...], IF_ANY] = ()

    @property
    def address(self) -> str | None:
        """The address in its normal form, which rules compare; None where there is none, or it is malformed."""
        return normal_address(self.email) if self.email else None

    @property
    def name(self) -> str:
        """The live address, or the id where there is none, for outputs."""
        return self.email or self.id


@dataclass(frozen=True, slots=True)
class Team:
    """`description` None: there is none, in any spelling of the portal."""

    id: str
    name: str
    description: str | None = None


@dataclass(frozen=True, slots=True)
class Identity:
    """The identity of a portal: its id, and every name that matches a `title` in a manifest."""

    id: str
    names: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class TeamMapping:
    """A group of an identity provider; its developers join a team at login.

    `provider` names it in messages; empty: the mapping is the portal's, not one provider's.
    """

    team_id: str
    group: str
    provider: str = ""


@dataclass(frozen=True, slots=True)
class Settings:
    """The portal settings that act by themselves. None: the portal does not report it."""

    auto_approve_developers: bool | None = None
    rbac_enabled: bool | None = None
    single_sign_on: bool | None = None
    team_mapping: bool | None = None  # the identity provider decides team membership at each login
    mappings: Annotated[tuple[TeamMapping, ...], IF_ANY] = ()  # of enabled identity providers
    mail_operations: Annotated[frozenset[str] | None, IF_KNOWN] = None  # those that send the developer an e-mail


@dataclass(frozen=True, slots=True)
class Scope:
    """The parts of a portal to read in addition to all developers and teams:

    `teams` are those to read with members, `roles` those with roles; `apis` are the names of APIs to look up;
    `requests`: pending requests, too; `form`: the sign-up form, too. `every_team`: members and roles of all teams,
    whatever their names.
    """

    teams: frozenset[str] = frozenset()
    roles: frozenset[str] = frozenset()
    apis: frozenset[str] = frozenset()
    requests: bool = False
    every_team: bool = False
    form: Annotated[bool, IF_ANY] = False

    def __or__(self, other: Scope) -> Scope:
        """Return the scope that covers both."""
        return Scope(
            self.teams | other.teams,
            self.roles | other.roles,
            self.apis | other.apis,
            self.requests or other.requests,
            self.every_team or other.every_team,
            self.form or other.form,
        )

    def has_members(self, team: str) -> bool:
        """Return whether the members of a team of this name are read."""
        return self.every_team or team in self.teams

    def has_roles(self, team: str) -> bool:
        """Return whether the roles of a team of this name are read."""
        return self.every_team or team in self.roles


@dataclass(frozen=True, slots=True)
class Assignment:
    """A role that a team has on one API. `id` is the assignment's."""

    id: str
    role: str
    api_id: str


@dataclass(frozen=True, slots=True)
class AccessRequest:
    """A pending request of a developer's own application to use an API. On API7 `id` is the approval's.

    `answers`: those to the form of the API.
    """

    id: str
    developer_id: str
    application_id: str
    application_name: str
    product: str
    product_id: str = ""
    answers: Annotated[tuple[FormAnswer, ...], IF_ANY] = ()


@dataclass(frozen=True, slots=True)
class Remark:
    """A notice from reading a portal, for readers of the plan. `code` is stable."""

    code: str
    message: str
    developer: str | None = None


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A snapshot of a portal, complete for its scope.

    `members` and `roles` map a team id to the ids of its members and to its roles, for the teams of the scope that
    exist. `apis` maps each name of the scope to the ids of the APIs with that name. `observed_at` is RFC 3339, UTC.
    `portal_names`: see `Identity`. `form`: the sign-up form; None where the scope does not have it."""

    portal_id: str
    server: str
    settings: Settings
    scope: Scope
    developers: tuple[Developer, ...]
    teams: tuple[Team, ...]
    members: Mapping[str, frozenset[str]]
    observed_at: str
    remarks: tuple[Remark, ...] = ()
    roles: Mapping[str, tuple[Assignment, ...]] = field(default_factory=dict)
    apis: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    requests: tuple[AccessRequest, ...] = ()
    portal_names: tuple[str, ...] = ()
    form: Annotated[SignUpForm | None, IF_ANY] = None


@dataclass(frozen=True, slots=True)
class PendingSignUps:
    """The pending developers, as far as one cheap look shows them.

    `total` is their number. `marks` has a text for each of the listed ones (at most some hundred), which is another
    one when the developer signs up again.
    """

    total: int
    marks: frozenset[str]


@dataclass(frozen=True, slots=True)
class RegistrationKey:
    """A reference to one registration: its id, its application's id, and the id of the developer in the plan."""

    id: str
    application_id: str
    developer_id: str


@dataclass(frozen=True, slots=True)
class Touched:
    """The few objects that an apply touches.

    `people` are developers (id, live address), `newcomers` addresses without an account; `registrations_of` the ids
    of developers, `registrations` those that are to end, `requests` the ids of requests for access. The others are
    names of teams to look up, with their members (`members_of`) and their roles (`roles_of`). A team in `members_of`
    alone need not be found when no touched developer is in it. `mail_operations`: also which operations send e-mail.
    """

    developers: tuple[tuple[str, str | None], ...] = ()
    newcomers: frozenset[str] = frozenset()
    registrations_of: frozenset[str] = frozenset()
    registrations: frozenset[RegistrationKey] = frozenset()
    requests: frozenset[str] = frozenset()
    teams: frozenset[str] = frozenset()
    members_of: frozenset[str] = frozenset()
    roles_of: frozenset[str] = frozenset()
    mail_operations: bool = False


@dataclass(frozen=True, slots=True)
class SeenRegistration:
    """The current state of a registration: its status, and the owner of its application where that has changed."""

    status: str
    other_owner: str | None = None

    @property
    def has_ended(self) -> bool:
        """Return whether the registration no longer gives access to anything."""
        return self.status in OUT or self.status == GONE


@dataclass(frozen=True, slots=True)
class Sighting:
    """The current state of the touched objects.

    `developers` has each requested id; None: the account is gone. `newcomers` has, by normal address, those of them
    with an account now. `registrations` has, by id, the developers' live registrations and each requested one that
    exists, also where it has ended; `requests` the status of the requested ones, by id. `teams`, `members` and
    `roles` are by team name; a name with no team is absent. `mail_operations`: see `Settings`."""

    developers: Mapping[str, Developer | None]
    teams: Mapping[str, Team]
    members: Mapping[str, frozenset[str]]
    roles: Mapping[str, tuple[Assignment, ...]] = field(default_factory=dict)
    newcomers: Mapping[str, Developer] = field(default_factory=dict)
    registrations: Mapping[str, SeenRegistration] = field(default_factory=dict)
    requests: Mapping[str, str] = field(default_factory=dict)
    mail_operations: frozenset[str] | None = None

    @property
    def statuses(self) -> dict[str, str | None]:
        """Return the status of each requested developer by id; None: the account is gone."""
        return {key: developer.status if developer else None for key, developer in self.developers.items()}


@dataclass(frozen=True, slots=True)
class Registration:
    """The access of one developer's application, which stays usable when only the developer is revoked.

    `api_name` is the product's where the portal has products. `owned_by_team`: the name of the developer's team that
    owns the application; None: it is the developer's own. `answers`: those to the form of the API."""

    id: str
    developer_id: str
    application_id: str
    application_name: str
    api_name: str
    status: str
    owned_by_team: str | None = None
    answers: Annotated[tuple[FormAnswer, ...], IF_ANY] = ()
