"""The plan: all changes of a run, in order, each with its reasons. `--out` writes it, and `apply` reads it.

These dataclasses are the published JSON too (`schemas/plan.v1.schema.json`): a field is a key.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Literal, TypeAlias

from portalctl.changes.operation import ChangeFields, Origin, Subject
from portalctl.changes.operations import Change
from portalctl.changes.pending_ages import PendingAgesIfAny
from portalctl.changes.submitted_forms import SubmittedForm
from portalctl.portals.models import IF_ANY
from portalctl.reason import Reason

if TYPE_CHECKING:
    AnyChange: TypeAlias = Change
else:
    AnyChange = ChangeFields  # the type of changes in a file, until `document.checked` has checked each operation


@dataclass(frozen=True, slots=True)
class Refusal:
    """A reason why nothing may be written to this portal. `code` is stable; `origin` is as in Change."""

    code: str
    message: str
    developer: str | None = None
    team: str | None = None
    origin: Origin | None = None


@dataclass(frozen=True, slots=True)
class Notice:
    """Information or a warning for readers. `code` is stable."""

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
    """The limits when the plan was made.

    `allow_removals`: the number of developers who may lose access in this run. `no_mail_above`: the number of e-mails
    that all portals of the run together may send.
    """

    limits: GuardLimits
    protected: tuple[str, ...]
    allow_delete: bool
    allow_removals: int | None = None
    no_mail_above: int | None = None


@dataclass(frozen=True, slots=True)
class UnruledGrant:
    """Access that a developer keeps although its rule was removed.

    `team` None: approval; `why` are the base's rules.
    """

    developer: Subject
    team: str | None
    why: tuple[Reason, ...]


@dataclass(frozen=True, slots=True)
class RuleChange:
    """A rule that a change of the manifest adds, removes or changes.

    `why` is its kind, what it is for, and its place: in the base for a removed rule, else in the manifest. `team` is
    that of a member. `before` and `after` are the values that differ, by key, as a manifest writes them.
    """

    action: Literal["added", "removed", "changed"]
    why: Reason
    team: str | None
    before: Mapping[str, str]
    after: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class BaseComparison:
    """How a plan differs from that of the base, beyond the origins of its changes.

    `prevented` are changes that only the base plans. `unruled` is access that developers keep without a rule, `lost`
    is access that the changes remove; both with the base's rules that granted it. `rules` are all rules that differ.
    """

    prevented: tuple[AnyChange, ...]
    unruled: tuple[UnruledGrant, ...]
    lost: tuple[UnruledGrant, ...] = ()
    rules: tuple[RuleChange, ...] = ()

    @property
    def has_content(self) -> bool:
        return bool(self.prevented or self.unruled or self.rules)


@dataclass(frozen=True, slots=True)
class PortalPlan:
    """`base`: the comparison with the plan of a base manifest on the same snapshot, where one was requested.

    `mail_operations`: the operations about which the portal sends the developer an e-mail, as it reported them. None:
    it does not report them, and the figure `mails` counts those of the provider.
    `pending`: the ages of the sign-ups that were pending; None where none are or the portal reports no times.
    `submitted_forms`: what pending developers answered to forms, for reviewers; no digest covers it.
    """

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
    mail_operations: tuple[str, ...] | None = None
    base: BaseComparison | None = None
    pending: PendingAgesIfAny = None
    submitted_forms: Annotated[tuple[SubmittedForm, ...], IF_ANY] = ()


@dataclass(frozen=True, slots=True)
class ManifestStamp:
    """The manifest of a plan. `digest` is None in a masked document without a lasting key."""

    digest: str | None
    files: tuple[str, ...]
    commit: str | None = None


@dataclass(frozen=True, slots=True)
class SnapshotStamp:
    """The saved snapshot that a plan was made from, by its digest. Such a plan is for review, never applied.

    `digest` is None in a masked document without a lasting key.
    """

    digest: str | None
    created_at: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """`snapshot` None: the plan was made from live portals.

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
        """Return whether anything is refused that the base's plan allows; without a base, whether anything is."""
        return any(refusal.origin != "pending" for portal in self.portals for refusal in portal.refusals)
