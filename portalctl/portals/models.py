"""The live side as values: what a portal holds, and what was asked of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from portalctl.identity import normal_address

OUT = frozenset({"revoked", "rejected"})
GONE = "gone"  # of a registration, if its application is no longer on the portal


@dataclass(frozen=True, slots=True)
class Developer:
    """One registration. `email` is the live spelling; `status` is approved, pending, rejected or revoked, or a word
    we don't know.

    `email_verified` and `provider` (who vouches for the address: `builtin` or `sso`) are None where the portal does
    not tell. `approvable` False: the portal has no request for approval that is provably this registration's.
    """

    id: str
    email: str | None
    status: str
    full_name: str | None = None
    created_at: str | None = None
    email_verified: bool | None = None
    provider: str | None = None
    approvable: bool = True

    @property
    def address(self) -> str | None:
        """The address in its normal form, which rules compare; None where there is none, or it is malformed."""
        return normal_address(self.email) if self.email else None

    @property
    def name(self) -> str:
        """The live address, or the id where there is none: what outputs show."""
        return self.email or self.id


@dataclass(frozen=True, slots=True)
class Team:
    """`description` None: there is none, however the portal spells that."""

    id: str
    name: str
    description: str | None = None


@dataclass(frozen=True, slots=True)
class Identity:
    """Which portal this is: its id, and every name that a `title` in a manifest may give."""

    id: str
    names: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Settings:
    """What a portal does by itself. None: the portal does not tell."""

    auto_approve_developers: bool | None = None
    rbac_enabled: bool | None = None
    single_sign_on: bool | None = None
    team_mapping: bool | None = None  # the identity provider decides team membership at each login


@dataclass(frozen=True, slots=True)
class Scope:
    """What a reading must cover beyond all developers and teams: `teams` names those whose members are read, `roles`
    those whose roles are; `apis` are the names of APIs whose ids are needed; `requests`: those that wait, too.
    `every_team`: members and roles of all teams there are, whatever their names.
    """

    teams: frozenset[str] = frozenset()
    roles: frozenset[str] = frozenset()
    apis: frozenset[str] = frozenset()
    requests: bool = False
    every_team: bool = False

    def __or__(self, other: Scope) -> Scope:
        """What covers both."""
        return Scope(
            self.teams | other.teams,
            self.roles | other.roles,
            self.apis | other.apis,
            self.requests or other.requests,
            self.every_team or other.every_team,
        )

    def has_members(self, team: str) -> bool:
        """Whether the members of a team of this name are read."""
        return self.every_team or team in self.teams

    def has_roles(self, team: str) -> bool:
        """Whether the roles of a team of this name are read."""
        return self.every_team or team in self.roles


@dataclass(frozen=True, slots=True)
class Assignment:
    """A role that a team has on one API. `id` is that of the assignment."""

    id: str
    role: str
    api_id: str


@dataclass(frozen=True, slots=True)
class AccessRequest:
    """What a developer's own application asks to use, and nobody has decided on. On API7 `id` is the approval's."""

    id: str
    developer_id: str
    application_id: str
    application_name: str
    product: str
    product_id: str = ""


@dataclass(frozen=True, slots=True)
class Remark:
    """Something that a reading came across and a reader of the plan should know. `code` is stable."""

    code: str
    message: str
    developer: str | None = None


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A reading of a portal, complete for its scope.

    `members` and `roles` map a team id to the ids of its people and to its roles, for the teams of the scope that
    exist. `apis` maps each name of the scope to the ids of the APIs that carry it. `observed_at` is RFC 3339, UTC.
    `portal_names`: see `Identity`.
    """

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


@dataclass(frozen=True, slots=True)
class RegistrationKey:
    """Names one registration: its id, its application's id, and the id of the developer it was planned for."""

    id: str
    application_id: str
    developer_id: str


@dataclass(frozen=True, slots=True)
class Touched:
    """The few things an apply is about.

    `people` are developers (id, live address), `newcomers` addresses without an account; `registrations_of` the ids
    of developers, `registrations` those that are to end, `requests` the ids of requests for access. The others are
    names of teams to look up, with their members (`members_of`) and their roles (`roles_of`). A team in `members_of`
    alone need not be found when no touched developer is in it.
    """

    developers: tuple[tuple[str, str | None], ...] = ()
    newcomers: frozenset[str] = frozenset()
    registrations_of: frozenset[str] = frozenset()
    registrations: frozenset[RegistrationKey] = frozenset()
    requests: frozenset[str] = frozenset()
    teams: frozenset[str] = frozenset()
    members_of: frozenset[str] = frozenset()
    roles_of: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class SeenRegistration:
    """A registration as it is now: its status, and the owner of its application where that is another one now."""

    status: str
    other_owner: str | None = None

    @property
    def has_ended(self) -> bool:
        """Whether nothing can be used through it any more."""
        return self.status in OUT or self.status == GONE


@dataclass(frozen=True, slots=True)
class Sighting:
    """The touched things as they are now.

    `developers` has each that was asked for by id; None: the account is gone. `newcomers` has, by normal address,
    those of them who have an account now. `registrations` has, by id, the developers' live registrations and each one
    asked for that there is, also where it has ended; `requests` the status of those asked for, by id. `teams`,
    `members` and `roles` are by team name; a name with no team is absent.
    """

    developers: Mapping[str, Developer | None]
    teams: Mapping[str, Team]
    members: Mapping[str, frozenset[str]]
    roles: Mapping[str, tuple[Assignment, ...]] = field(default_factory=dict)
    newcomers: Mapping[str, Developer] = field(default_factory=dict)
    registrations: Mapping[str, SeenRegistration] = field(default_factory=dict)
    requests: Mapping[str, str] = field(default_factory=dict)

    @property
    def statuses(self) -> dict[str, str | None]:
        """The status of each developer that was asked for by id; None: the account is gone."""
        return {key: developer.status if developer else None for key, developer in self.developers.items()}


@dataclass(frozen=True, slots=True)
class Registration:
    """What one developer's application may use, and so what goes on working when only the developer is revoked.

    `api_name` is the product's where the portal has products. `owned_by_team`: the name of the team that owns the
    application, of which the developer is a member; None: it is the developer's own.
    """

    id: str
    developer_id: str
    application_id: str
    application_name: str
    api_name: str
    status: str
    owned_by_team: str | None = None
