"""The plan: all changes of a run, in order, each with its reasons. What `--out` writes and `apply` reads.

These dataclasses are the published JSON too (`schemas/plan.v1.schema.json`): a field is a key.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Literal, get_args

from pydantic import Field

Op = Literal[
    "create_team",
    "update_team",
    "assign_role",
    "create_developer",
    "approve",
    "add_member",
    "approve_request",
    "revoke_registration",
    "reopen",
    "reject",
    "revoke",
    "remove_member",
    "unassign_role",
    "delete_developer",
]
OpClass = Literal["structure", "onboard", "reinstate", "expire", "offboard"]
State = Mapping[str, str | bool | None]
VERIFIED: State = {"email_verified": True}  # beside the status of who is to be approved, where the portal tells
Origin = Literal["change", "pending"]  # of the change of the manifest under review, or already there before it

CLASSES: tuple[OpClass, ...] = ("structure", "onboard", "reinstate", "expire", "offboard")
OPS: tuple[Op, ...] = get_args(Op)  # in the order of writing within a class
Status = Literal["approved", "pending", "rejected", "revoked"]
STATUS_OPS: Mapping[Op, Status] = {
    "approve": "approved",
    "reopen": "pending",
    "reject": "rejected",
    "revoke": "revoked",
}


@dataclass(frozen=True, slots=True)
class Subject:
    """A person: the live spelling of the address (None where there is none) and the portal's id.

    `id` None: the account is yet to be created, and the address is the manifest's.
    """

    email: str | None
    id: str | None

    @property
    def key(self) -> str:
        """What tells people apart, with an account or without."""
        return self.id or self.email or ""

    @property
    def name(self) -> str:
        """What to call this person."""
        return self.email or self.id or ""


@dataclass(frozen=True, slots=True)
class Why:
    """The rule behind a change. `line` is None for built-in defaults only; `reason` is its author's own text."""

    rule: str
    value: str
    file: str | None = None
    line: int | None = None
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class Change:
    """One write. `before` and `after` say what it finds and what it leaves; None: nothing is there.

    `origin` None: the plan was not compared with that of a base. `developer_status`: the live status of its person
    when the plan was made; None: no account yet.
    """

    id: str
    op: Op
    op_class: Annotated[OpClass, Field(alias="class")]
    developer: Subject | None
    team: str | None
    before: State | None
    after: State | None
    why: tuple[Why, ...]
    origin: Origin | None = None
    developer_status: str | None = None


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
    why: tuple[Why, ...]


@dataclass(frozen=True, slots=True)
class BaseComparison:
    """What the changes do not tell of a change of the manifest: `prevented` are those that only the base plans."""

    prevented: tuple[Change, ...]
    unruled: tuple[UnruledGrant, ...]

    @property
    def says_something(self) -> bool:
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
    changes: tuple[Change, ...]
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


def rank(change: Change) -> tuple[int, int, str, str, str, str]:
    """The order of writing: class, op, then the names, so that equal input gives equal plans."""
    person = change.developer
    return (
        CLASSES.index(change.op_class),
        OPS.index(change.op),
        (person.email or "").lower() if person else "",
        change.team or "",
        person.key if person else "",
        change.id,
    )


def needs(change: Change, others: Mapping[tuple[Op, str], Change]) -> list[Change]:
    """The changes without which this one makes no sense: its team's creation, its person's account or approval.

    `others` is `by_target` of the changes to look among.
    """
    targets: list[tuple[Op, str]] = []
    if change.op in {"add_member", "assign_role"}:
        targets.append(("create_team", change.team or ""))
    if change.op in {"add_member", "approve_request"} and change.developer is not None:
        targets += [("create_developer", change.developer.key), ("approve", change.developer.key)]
    return [others[target] for target in targets if target in others]


def by_target(changes: tuple[Change, ...]) -> dict[tuple[Op, str], Change]:
    """Changes by op and the team's name or the person's id, for the ops that others depend on."""
    return {
        (change.op, change.developer.key if change.developer else change.team or ""): change
        for change in changes
        if change.op in {"create_team", "create_developer", "approve"}
    }
