"""The plan: all changes of a run, in order, each with its reasons. What `--out` writes and `apply` reads.

These dataclasses are the published JSON too (`schemas/plan.v1.schema.json`): a field is a key.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeAlias

from portalctl.changes.operation import ChangeFields, Origin, Subject
from portalctl.changes.operations import Change
from portalctl.reason import Reason

if TYPE_CHECKING:
    AnyChange: TypeAlias = Change
else:
    AnyChange = ChangeFields  # what a file is read as, until `document.checked` has looked at each operation


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why nothing of this portal may be written. `code` is stable; `origin` is as in Change."""

    code: str
    message: str
    developer: str | None = None
    team: str | None = None
    origin: Origin | None = None


@dataclass(frozen=True, slots=True)
class Notice:
    """Something a reader should know. `code` is stable."""

    code: str
    severity: Literal["info", "warning"]
    message: str
    developer: str | None = None
    file: str | None = None
    line: int | None = None


@dataclass(frozen=True, slots=True)
class GuardLimits:
    removals: int
    removals_percent: int
    team_percent: int


@dataclass(frozen=True, slots=True)
class Guard:
    """What held when the plan was made. `allow_removals`: the number of people this run was allowed to take from."""

    limits: GuardLimits
    protected: tuple[str, ...]
    allow_delete: bool
    allow_removals: int | None = None


@dataclass(frozen=True, slots=True)
class UnruledGrant:
    """What someone keeps though the rule that gave it is gone. `team` None: approval; `why` are the base's rules."""

    developer: Subject
    team: str | None
    why: tuple[Reason, ...]


@dataclass(frozen=True, slots=True)
class BaseComparison:
    """What the changes do not tell of a change of the manifest: `prevented` are those that only the base plans."""

    prevented: tuple[AnyChange, ...]
    unruled: tuple[UnruledGrant, ...]

    @property
    def has_content(self) -> bool:
        return bool(self.prevented or self.unruled)


@dataclass(frozen=True, slots=True)
class PortalPlan:
    """`base`: the comparison with the plan of a base manifest on the same reading, where one was asked for."""

    name: str
    provider: str
    portal_id: str
    server: str
    observed_at: str
    developers: int
    guard: Guard
    summary: Mapping[str, int]
    changes: tuple[AnyChange, ...]
    refusals: tuple[Refusal, ...]
    notices: tuple[Notice, ...]
    base: BaseComparison | None = None


@dataclass(frozen=True, slots=True)
class ManifestStamp:
    """Which manifest a plan was made from. `digest` is None in a masked document without a lasting key."""

    digest: str | None
    files: tuple[str, ...]
    commit: str | None = None


@dataclass(frozen=True, slots=True)
class SnapshotStamp:
    """The saved reading that a plan was made from, by its digest. Such a plan is for looking at, never applied.

    `digest` is None in a masked document without a lasting key.
    """

    digest: str | None
    created_at: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """`snapshot` None: the plan was made from what the portals answered.

    `digest` None: a masked document without a lasting key.
    """

    version: Literal[1] = 1
    kind: Literal["plan"] = "plan"
    generator: str
    created_at: str
    valid_until: str | None = None
    digest: str | None
    manifest: ManifestStamp
    snapshot: SnapshotStamp | None = None
    portals: tuple[PortalPlan, ...]

    @property
    def changes(self) -> int:
        return sum(len(portal.changes) for portal in self.portals)

    @property
    def refused(self) -> bool:
        return any(portal.refusals for portal in self.portals)

    @property
    def newly_refused(self) -> bool:
        """Whether anything is refused that the base's plan isn't; without a base, whether anything is."""
        return any(refusal.origin != "pending" for portal in self.portals for refusal in portal.refusals)
