"""The values of the controller that the loop, the database and the API share. All are frozen."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final, Literal, NamedTuple

from portalctl.insight.explain import Standing

DATABASE_FILE: Final = "controller.db"  # in the state folder
Mode = Literal["observe", "onboard", "full"]
PortalState = Literal["in_sync", "pending", "drifted", "held", "failing", "suspended"]
Trigger = Literal["start", "poll", "interval", "event", "push", "manual", "approval", "registration", "report"]
RunState = Literal["running", "succeeded", "failed", "interrupted"]
PlanState = Literal["held", "approved", "applied", "rejected", "stale", "expired"]
Role = Literal["viewer", "operator", "approver", "registrar"]


class PortalKey(NamedTuple):
    """A portal's identity. Modes, suspensions, held plans and leases belong to it, not to the portal's handle."""

    server: str
    portal_id: str


@dataclass(frozen=True, slots=True)
class Counts:
    """The numbers of changes of a run by result."""

    confirmed: int = 0
    failed: int = 0
    skipped: int = 0
    unknown: int = 0


@dataclass(frozen=True, slots=True)
class RunRecord:
    """One run of a portal.

    `digest`: that of the plan it carried out. `detail`: why it failed. `key` None: the portal could not be read.
    `approver`: who approved its plan. `writer`: `controller`, or `report:ID` for a run that a report was imported of.
    """

    id: str
    portal: str
    trigger: Trigger
    mode: Mode
    state: RunState
    started_at: datetime
    ended_at: datetime | None = None
    commit: str | None = None
    digest: str | None = None
    counts: Counts = Counts()
    detail: str | None = None
    key: PortalKey | None = None
    approver: str | None = None
    writer: str = "controller"


@dataclass(frozen=True, slots=True)
class HeldPlan:
    """Changes by which developers lose something, held until they are approved.

    `digest` is that of `held.held_digest`. `plan` is the plan document (JSON) with the held changes only. It can be
    approved for 24 h from `started_at`.
    """

    digest: str
    key: PortalKey
    portal: str
    plan: str
    state: PlanState
    started_at: datetime
    expires: datetime
    decided_by: str | None = None
    decided_at: datetime | None = None
    files: Mapping[str, str] = field(default_factory=dict)  # digests of the files of its reasons, by name


@dataclass(frozen=True, slots=True)
class Suspension:
    """A portal that is not written to: who decided it, why, and until when (None: until `resume`)."""

    reason: str
    by: str
    started_at: datetime
    expires: datetime | None = None


@dataclass(frozen=True, slots=True)
class WaitingSignUp:
    """A pending sign-up, since when it waits (None: the portal has no such time), and what the rules yield for it."""

    since: datetime | None
    standing: Standing


@dataclass(frozen=True, slots=True)
class GroupUse:
    """A group of a directory that rules name: on which portals, and what it had when it was last read.

    `members` and `read_at` None: it was not read yet.
    """

    name: str
    portals: tuple[str, ...]
    members: int | None = None
    read_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class DirectoryView:
    """The state of a directory for readers. `problems`: why it cannot be read, by portal."""

    name: str
    kind: str
    groups: tuple[GroupUse, ...]
    problems: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class PortalView:
    """The state of a portal for readers: API, page, metrics and logs.

    `key` None: the portal was not read yet. `problems`: why it is failing, each a sentence. `contested`:
    the number of developers and teams that another program changes back, and that are left alone. `waiting`: the
    oldest pending sign-ups at the last run. `observing`: why nothing is written whatever the mode; empty: it may be.
    """

    name: str
    provider: str
    key: PortalKey | None
    mode: Mode
    state: PortalState
    last_run: datetime | None = None
    next_run: datetime | None = None
    commit: str | None = None
    held: HeldPlan | None = None
    suspension: Suspension | None = None
    problems: tuple[str, ...] = ()
    drift: Mapping[str, int] | None = None  # findings by kind
    pending: int = 0
    oldest_pending: datetime | None = None
    median_pending: datetime | None = None
    contested: int = 0
    waiting: tuple[WaitingSignUp, ...] = ()
    observing: str = ""


@dataclass(frozen=True, slots=True)
class SignUp:
    """A sign-up that a registration portal of the organisation reports."""

    email: str
    full_name: str
    email_verified: bool


@dataclass(frozen=True, slots=True)
class AccessDecision:
    """A developer's status on the portal, their teams, and the kind of rule that decides it.

    `status` None: no account, and no rule would approve it. `why` names the kind of rule and the domain or group.
    """

    status: str | None
    teams: tuple[str, ...]
    why: str


@dataclass(frozen=True, slots=True)
class Registered:
    """The outcome of a registration. `outcome` maps to the HTTP status of the API."""

    outcome: Literal["approved", "already", "pending", "denied", "unavailable", "unsupported"]
    teams: tuple[str, ...] = ()
    detail: str = ""


NOT_KNOWN: Final = ""  # the status of a developer in `Reading`, after a write of unknown result


@dataclass(frozen=True, slots=True)
class Reading:
    """What the last complete reading of a portal had: the status of each developer by id, and the number of teams.

    A status is NOT_KNOWN after a write by the controller, or in an imported report, that may have changed it: what
    the next reading shows is then not a change by others.
    """

    developers: Mapping[str, str]
    teams: int
    at: datetime


@dataclass(frozen=True, slots=True)
class DeveloperCounts:
    """The numbers of developers of a portal at a time."""

    at: datetime
    pending: int
    approved: int


@dataclass(frozen=True, slots=True)
class ExternalChange:
    """A change on a portal that neither the controller nor an imported report made.

    `kind`: `status`, `membership` or `account`. `before` and `after` None: there was, or is, nothing.
    """

    developer: str
    address: str | None
    kind: str
    before: str | None
    after: str | None
    at: datetime


@dataclass(frozen=True, slots=True)
class Lease:
    """The right to write to a portal until `expires`."""

    holder: str
    expires: datetime
