"""What a vendor's own log has about changes on a portal: who made them, and when."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

PrincipalKind = Literal["user", "system_account", "unknown"]
What = Literal["developer", "member", "team", "role", "other"]


@dataclass(frozen=True, slots=True)
class Principal:
    """Who made a change. `name` None: it could not be looked up."""

    id: str
    kind: PrincipalKind = "unknown"
    name: str | None = None


@dataclass(frozen=True, slots=True)
class RecordedChange:
    """A write that succeeded. All texts come from the vendor's log, and are bounded.

    `at` is RFC 3339, `path` the path below the portal, `trace` the vendor's id of the request without a prefix.
    `what` is the kind of object; `developer_id` and `team_id` are those in the path: the log has no bodies, so a
    developer who was added to a team is not known.
    """

    at: str
    portal_id: str
    method: str
    path: str
    trace: str | None
    principal: Principal
    what: What
    developer_id: str | None = None
    team_id: str | None = None


@dataclass(frozen=True, slots=True)
class ChangeLog:
    """The changes of some portals, newest first. `unread`: why they could not be read, or not all of them. `calls`:
    the number of requests."""

    changes: tuple[RecordedChange, ...] = ()
    unread: str | None = None
    calls: int = 0
