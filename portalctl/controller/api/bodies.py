"""What requests to the API hold, and what its answers hold. The OpenAPI document is made from these classes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import StringConstraints

from portalctl.controller.models import Mode, PlanState, PortalState, RunState, Trigger

Email = Annotated[str, StringConstraints(min_length=1, max_length=320)]
_ONE_LINE = r"^[^\x00-\x1f\x7f]+$"
Name = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200, pattern=_ONE_LINE)]
Line = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=500, pattern=_ONE_LINE)]
HolderId = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9-]{16,64}$")]


@dataclass(frozen=True, slots=True)
class EventData:
    """What an event is about. The address is a hint: everything is read from the portal."""

    email: Email | None = None


@dataclass(frozen=True, slots=True)
class EventBody:
    """An event, such as `developer.registered`, that wakes a portal."""

    type: Line | None = None
    data: EventData | None = None


@dataclass(frozen=True, slots=True)
class RegistrationBody:
    """A sign-up at a registration portal. `email_verified`: the developer has proved to own the address."""

    email: Email
    full_name: Name
    email_verified: bool = False


@dataclass(frozen=True, slots=True)
class SuspendBody:
    """Why a portal is suspended, and until when: a time (RFC 3339), a day (its end, in UTC), or null."""

    reason: Line
    expires: str | None = None


@dataclass(frozen=True, slots=True)
class LeaseRequest:
    """A request for the lease of a portal. `holder`: random, of the sender's choice. `renew`: only prolong it."""

    holder: HolderId
    renew: bool = False


@dataclass(frozen=True, slots=True)
class Problem:
    """Why a request was not carried out (RFC 9457)."""

    status: int
    title: str
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Accepted:
    """The request was accepted; what comes of it is in the runs of the portal."""

    status: Literal["accepted"] = "accepted"


@dataclass(frozen=True, slots=True)
class HeldItem:
    """Changes that wait for approval: held `since`, and to be decided before `expires`."""

    digest: str
    since: str
    expires: str


@dataclass(frozen=True, slots=True)
class SuspensionItem:
    """The suspension of a portal. `expires` null: until it is resumed."""

    reason: str
    by: str
    since: str
    expires: str | None


@dataclass(frozen=True, slots=True)
class PortalItem:
    """One portal. `drift`: findings by kind; null: not compared yet. `pending`: sign-ups that wait for a decision.

    `contested`: developers and teams that another program changes back.
    """

    name: str
    provider: str
    mode: Mode
    state: PortalState
    last_run: str | None
    next_run: str | None
    commit: str | None
    held: HeldItem | None
    suspension: SuspensionItem | None
    problems: tuple[str, ...]
    drift: Mapping[str, int] | None
    pending: int
    oldest_pending: str | None
    contested: int


@dataclass(frozen=True, slots=True)
class PortalList:
    """The portals of the manifest, by name."""

    portals: tuple[PortalItem, ...]


@dataclass(frozen=True, slots=True)
class RunItem:
    """One run. The four numbers are those of its changes, by result. `detail`: why it failed."""

    id: str
    trigger: Trigger
    mode: Mode
    state: RunState
    started_at: str
    ended_at: str | None
    commit: str | None
    digest: str | None
    confirmed: int
    failed: int
    skipped: int
    unknown: int
    detail: str | None
    approver: str | None
    writer: str


@dataclass(frozen=True, slots=True)
class RunList:
    """Runs of a portal, the newest first."""

    runs: tuple[RunItem, ...]


@dataclass(frozen=True, slots=True)
class PlanAnswer:
    """A plan that is or was held: the document of `portalctl plan -o json`, and what was decided about it."""

    plan: Mapping[str, Any]
    portal: str
    state: PlanState
    since: str
    expires: str
    decided_by: str | None
    decided_at: str | None


@dataclass(frozen=True, slots=True)
class RegistrationAnswer:
    """The outcome of a registration, with the developer's teams."""

    status: Literal["approved", "pending", "denied"]
    teams: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class DecisionAnswer:
    """A developer's status (null: no account), their teams, and the kind of rule that decides."""

    status: str | None
    teams: tuple[str, ...]
    why: str


@dataclass(frozen=True, slots=True)
class LeaseAnswer:
    """The right to write to a portal for some seconds from now. `server`, `portal_id`: which portal it is."""

    holder: str
    seconds: int
    expires: str
    server: str
    portal_id: str


@dataclass(frozen=True, slots=True)
class HealthAnswer:
    """Whether the controller works. `reasons`: why it does not."""

    status: Literal["ok", "failing"]
    reasons: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ImportedRuns:
    """How many runs a report added to the history."""

    runs: int
