"""What each kind of portal can express, as a table. Known without asking any portal, so `validate` works offline."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Capabilities:
    """`statuses`: what a person can be set to. `available`: this version of portalctl can work with it."""

    title: str
    statuses: frozenset[str]
    teams: bool
    available: bool


CAPABILITIES: Mapping[str, Capabilities] = {
    "konnect": Capabilities(
        title="Kong Konnect (v3)",
        statuses=frozenset({"approved", "pending", "rejected", "revoked"}),
        teams=True,
        available=True,
    ),
    "konnect-v2": Capabilities(
        title="Kong Konnect (v2, classic)",
        statuses=frozenset({"approved", "pending", "rejected", "revoked"}),
        teams=True,
        available=False,
    ),
    "api7": Capabilities(
        title="API7 Enterprise",
        statuses=frozenset({"approved", "pending"}),
        teams=False,
        available=False,
    ),
}
