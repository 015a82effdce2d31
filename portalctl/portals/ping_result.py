"""What came of looking whether a run would find what it needs on a portal. Values only."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from portalctl.portals.models import Identity, Settings

Result = Literal["ok", "warning", "failed", "unknown"]


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that was looked at. `code` is stable; `remedy` None: nothing is to be done."""

    code: str
    result: Result
    message: str
    remedy: str | None = None


@dataclass(frozen=True, slots=True)
class Checkup:
    """`settings` and `identity` None: they could not be read."""

    checks: tuple[Check, ...]
    settings: Settings | None = None
    identity: Identity | None = None
