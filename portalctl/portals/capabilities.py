"""What each kind of portal can express, as a table. Known without asking any portal, so `validate` works offline."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

Ability = Literal[
    "teams",
    "roles",
    "api_names",
    "registrations",
    "accounts",
    "account_ids",
    "account_details",
    "verified_email",
]

# What some kinds of portal can do and others can't. `plan/capability.py` says what in a manifest asks for it.
ABILITIES: Mapping[Ability, str] = {
    "teams": "teams and their members",
    "roles": "team roles (`roles`)",
    "api_names": "APIs looked up by name",
    "registrations": "registrations revoked alone (`on_revoke: revoke_registrations`)",
    "accounts": "accounts made by address (`invite: true`)",
    "account_ids": "accounts made by developer_id (`status: approved`)",
    "account_details": "accounts made with a name, and told by mail (`full_name`, `send_invitation_email`)",
    "verified_email": "tells whose address is verified (`require_verified_email`)",
}


@dataclass(frozen=True, slots=True)
class Capabilities:
    """`statuses`: what a developer can be set to. `deletion`: what goes with an account.

    `mails`: the operations about which the portal writes an e-mail to the developer. `members_first`: a developer is
    added to teams before the approval, so that nobody has access without their teams.
    """

    title: str
    statuses: frozenset[str]
    abilities: frozenset[Ability]
    deletion: str
    mails: frozenset[str] = frozenset()
    members_first: bool = False


_KONNECT_DELETION = "memberships, applications of their own and all their credentials"
# Templates account-access-approved, -rejected, -revoked and app-registration-* (Portal Management API v3, e-mails).
_KONNECT_MAILS = frozenset({"approve", "reject", "revoke", "approve_request", "revoke_registration"})
_KONNECT_STATUSES = frozenset({"approved", "pending", "rejected", "revoked"})

CAPABILITIES: Mapping[str, Capabilities] = {
    "konnect": Capabilities(
        title="Kong Konnect (v3)",
        statuses=_KONNECT_STATUSES,
        abilities=frozenset({"teams", "roles", "api_names", "registrations", "accounts", "account_details"}),
        deletion=_KONNECT_DELETION,
        mails=_KONNECT_MAILS,
        members_first=True,  # membership does not depend on status: Terraform's tests add a pending developer
    ),
    "konnect-v2": Capabilities(
        title="Kong Konnect (v2, classic)",
        statuses=_KONNECT_STATUSES,
        abilities=frozenset({"teams", "roles", "registrations"}),
        deletion=_KONNECT_DELETION,
        mails=_KONNECT_MAILS,
        members_first=True,  # membership does not depend on status: Terraform's tests add a pending developer
    ),
    "api7": Capabilities(
        title="API7 Enterprise",
        statuses=frozenset({"approved"}),
        abilities=frozenset({"account_ids", "verified_email"}),
        deletion="applications, credentials, subscriptions and requests for approval",
    ),
}
