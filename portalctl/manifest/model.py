"""The manifest as the rest of the house sees it: frozen values, one per rule, each with its reason.

`load.load` makes these from files; `file_models` describes the files. Addresses and domains are already in
the normal form of `portalctl.identity`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Final, Literal

from portalctl.errors import Finding, Position
from portalctl.reason import Reason

#: Codes of lint findings made while loading: a grant to somebody who is denied, a file that is not read.
DENIED_GRANT: Final = "PC010"
NOT_READ: Final = "PC012"

Status = Literal["approved", "pending", "rejected", "revoked", "absent"]
Membership = Literal["additive", "exclusive", "idp"]
OnRevoke = Literal["report", "revoke_registrations"]
RuleKind = Literal["trusted_domains", "denied_domains", "members", "teams", "overrides", "access_requests", "policy"]


# The reasons behind the defaults of the policy, which have no place in a file.
_UNMATCHED: Final = Reason("policy", "unmatched")
_ON_REVOKE: Final = Reason("policy", "on_revoke")


@dataclass(frozen=True, slots=True)
class TrustedDomain:
    """A domain whose people are approved, and put in `teams`."""

    domain: str
    why: Reason
    subdomains: bool = False
    teams: tuple[str, ...] = ()
    review_by: date | None = None
    expires: date | None = None


@dataclass(frozen=True, slots=True)
class DeniedDomain:
    """A domain whose people are kept out."""

    domain: str
    why: Reason
    subdomains: bool = False
    expires: date | None = None


@dataclass(frozen=True, slots=True)
class Invitation:
    """The account to make for someone who has none. `full_name` None: the address stands for it. `mail`: by mail."""

    full_name: str | None = None
    mail: bool = False


@dataclass(frozen=True, slots=True)
class Member:
    """One entry of a team's list. `developer` is a normalised address."""

    developer: str
    why: Reason
    expires: date | None = None
    invitation: Invitation | None = None


@dataclass(frozen=True, slots=True)
class Role:
    """What a team may do with one API, which is named by its name or its id."""

    role: str
    api: str
    why: Reason


@dataclass(frozen=True, slots=True)
class Team:
    """A team that rules may name. `description`, `members` and `roles` None: that side is not managed."""

    name: str
    why: Reason
    description: str | None = None
    membership: Membership = "additive"
    members: tuple[Member, ...] | None = None
    synced: bool | None = None  # what the author says of identity-provider sync; None: says nothing
    roles: tuple[Role, ...] | None = None


@dataclass(frozen=True, slots=True)
class Override:
    """What is said of one person. `developer` is a normalised address, or (API7) a developer_id.

    `status` None: status is left to the other rules. `teams` None: so are teams; a tuple is complete.
    """

    developer: str
    why: Reason
    status: Status | None = None
    teams: tuple[str, ...] | None = None
    expires: date | None = None
    pin: str | None = None  # the live id a grant is meant for
    reinstate: bool | None = None
    on_revoke: OnRevoke | None = None
    invitation: Invitation | None = None


@dataclass(frozen=True, slots=True)
class AccessRule:
    """Whose requests for which products (APIs) are approved. Exactly one of `domains` and `teams` is not empty."""

    products: tuple[str, ...]
    why: Reason
    domains: tuple[str, ...] = ()
    teams: tuple[str, ...] = ()
    expires: date | None = None


@dataclass(frozen=True, slots=True)
class Limits:
    """The brake. Numbers of people, and percentages 0-100; `expires` is the last day they hold, UTC."""

    removals: int = 10
    removals_percent: int = 10
    team_percent: int = 50
    expires: date | None = None


@dataclass(frozen=True, slots=True)
class Policy:
    """What holds for the whole portal."""

    unmatched_pending: Literal["keep", "rejected"] = "keep"
    unmatched_approved: Literal["keep", "revoked"] = "keep"
    unmatched_why: Reason = _UNMATCHED
    reinstate: bool = False
    require_verified_email: bool = True
    on_revoke: OnRevoke = "report"
    on_revoke_why: Reason = _ON_REVOKE
    allow_delete: bool = False
    limits: Limits = Limits()


@dataclass(frozen=True, slots=True)
class Protected:
    """Someone from whom nothing may be taken. `developer` is as in Override."""

    developer: str
    why: Reason


@dataclass(frozen=True, slots=True)
class PortalManifest:
    """All that files say of one portal. Exactly one of `id` and `title` is set; `files` are as in Manifest.

    `options` are the keys of the `portal:` block that only this provider has, `region` too.
    """

    name: str
    provider: str
    at: Position
    region: str | None = None
    id: str | None = None
    title: str | None = None
    policy: Policy = Policy()
    trusted_domains: tuple[TrustedDomain, ...] = ()
    denied_domains: tuple[DeniedDomain, ...] = ()
    teams: tuple[Team, ...] = ()
    overrides: tuple[Override, ...] = ()
    access_requests: tuple[AccessRule, ...] = ()
    protected: tuple[Protected, ...] = ()
    files: tuple[str, ...] = ()
    options: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Manifest:
    """Everything that was loaded. `files` are shown paths, sorted; `digest` covers their bytes and relative names.

    `warnings` are lint findings that only loading can make: those with the codes DENIED_GRANT and NOT_READ.
    `portals` may be narrowed to those of one run. `roots` are all that the files declare: whether two of them are
    one portal is decided over all.
    """

    portals: Mapping[str, PortalManifest]
    files: tuple[str, ...]
    digest: str
    warnings: tuple[Finding, ...] = ()
    roots: tuple[PortalManifest, ...] = ()
