"""What each kind of portal can express, as a table. Known without asking any portal, so `validate` works offline."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

# What some kinds of portal can do and others can't. `plan/capability.py` says what in a manifest asks for it.
Ability = Literal["teams"]


@dataclass(frozen=True, slots=True)
class Capabilities:
    """`statuses`: what a person can be set to. `available`: this version of portalctl can work with it."""

    title: str
    statuses: frozenset[str]
    abilities: frozenset[Ability]
    available: bool


CAPABILITIES: Mapping[str, Capabilities] = {
    "konnect": Capabilities(
        title="Kong Konnect (v3)",
        statuses=frozenset({"approved", "pending", "rejected", "revoked"}),
        abilities=frozenset({"teams"}),
        available=True,
    ),
    "konnect-v2": Capabilities(
        title="Kong Konnect (v2, classic)",
        statuses=frozenset({"approved", "pending", "rejected", "revoked"}),
        abilities=frozenset({"teams"}),
        available=True,
    ),
    "api7": Capabilities(
        title="API7 Enterprise",
        statuses=frozenset({"approved", "pending"}),
        abilities=frozenset(),
        available=False,
    ),
}
