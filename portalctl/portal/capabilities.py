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
    "mails",
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
    "mails": "writes a mail to whom a decision is about",
}


@dataclass(frozen=True, slots=True)
class Capabilities:
    """`statuses`: what a person can be set to. `deletion`: what goes with an account."""

    title: str
    statuses: frozenset[str]
    abilities: frozenset[Ability]
    deletion: str


_KONNECT_DELETION = "memberships, applications of their own and all their credentials"
_KONNECT_STATUSES = frozenset({"approved", "pending", "rejected", "revoked"})

CAPABILITIES: Mapping[str, Capabilities] = {
    "konnect": Capabilities(
        title="Kong Konnect (v3)",
        statuses=_KONNECT_STATUSES,
        abilities=frozenset({"teams", "roles", "api_names", "registrations", "accounts", "account_details", "mails"}),
        deletion=_KONNECT_DELETION,
    ),
    "konnect-v2": Capabilities(
        title="Kong Konnect (v2, classic)",
        statuses=_KONNECT_STATUSES,
        abilities=frozenset({"teams", "roles", "registrations", "mails"}),
        deletion=_KONNECT_DELETION,
    ),
    "api7": Capabilities(
        title="API7 Enterprise",
        statuses=frozenset({"approved"}),
        abilities=frozenset({"account_ids", "verified_email"}),
        deletion="applications, credentials, subscriptions and requests for approval",
    ),
}
