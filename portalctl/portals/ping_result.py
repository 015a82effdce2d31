"""The results of checking a portal for a run. Values only."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from portalctl.portals.models import Identity, Settings

Result = Literal["ok", "warning", "failed", "unknown"]


@dataclass(frozen=True, slots=True)
class Check:
    """One check. `code` is stable; `remedy` None: nothing to do."""

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
