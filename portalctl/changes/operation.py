"""The base of all kinds of change (operations); `operations.py` has one class for each.

An operation is one API write of a plan. Its fields are its published JSON (`schemas/plan.v1.schema.json`): a field is
a key, and the types of `op`, `class`, `before` and `after` define the values that a plan file may hold. Everything
else that differs from one operation to the next is a class variable or a method, so that no other module compares
names of operations: what it needs, what has to be read to see where it stands, what it grants or removes, how it is
sent, its texts."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal, TypeAlias, get_args

from pydantic import Field

from portalctl.changes.states import Status
from portalctl.portals import writes
from portalctl.portals.models import Developer, RegistrationKey, Sighting
from portalctl.reason import Reason

OpClass = Literal["structure", "onboard", "reinstate", "expire", "offboard"]
Removal = Literal["expire", "offboard"]  # the classes by which access ends
Origin = Literal["change", "pending"]  # from the manifest change under review, or planned before it
Stand = Literal["before", "after", "other"]  # where the portal is, compared with a change
Effect = Literal["grants", "removes", "changes"]
DriftKind = Literal["backlog", "missing_grant", "unexpected_grant", "setting", "expired"]
Fact = Literal["roles", "registrations", "requests"]  # what has to be read beyond the account and the team
Show = Callable[[str], str]  # makes text from outside printable in some medium
Target = tuple[str, str]  # an operation's name, and the developer's key or the team's name
if TYPE_CHECKING:
    State: TypeAlias = Mapping[str, Any]  # mypy has no closer type that every TypedDict of `states` is
else:
    State = Mapping[str, str | bool | None]

CLASSES: tuple[OpClass, ...] = get_args(OpClass)  # in the order of writing
_STATUSES: frozenset[object] = frozenset(get_args(Status))


@dataclass(frozen=True, slots=True)
class Subject:
    """The developer of a change: the live spelling of the address (None where there is none) and the portal's id.

    `id` None: the account is yet to be created, and the address is the manifest's.
    """

    email: str | None
    id: str | None

    @property
    def key(self) -> str:
        """A key that is unique to a developer, with an account or without."""
        return self.id or self.email or ""

    @property
    def name(self) -> str:
        """The address, or the id where there is none."""
        return self.email or self.id or ""


def account(developer: Subject, live: Sighting) -> Developer | None:
    """The account that a developer has now."""
    return live.developers.get(developer.id) if developer.id is not None else live.newcomers.get(developer.name)


@dataclass(frozen=True, slots=True)
class Ids:
    """The portal's ids: of teams by name, of developers by `Subject.key`."""

    teams: Mapping[str, str]
    developers: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangeFields:
    """One change in its published form, of any operation; a plan file is first read as this.

    `before` and `after` are the states that it finds and leaves; None: absent. `id` is unique within a portal's plan.
    `origin` None: the plan was not compared with a base. `developer_status`: the live status of the developer when
    the plan was made; None: no account yet.
    """

    id: str
    op: str
    op_class: Annotated[OpClass, Field(alias="class")]
    developer: Subject | None
    team: str | None
    before: State | None
    after: State | None
    why: tuple[Reason, ...]
    origin: Origin | None = None
    developer_status: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation(ChangeFields, ABC):
    """The interface of all operations."""

    id: str = ""  # derived from the other fields by default
    effect_of_op: ClassVar[Effect] = "changes"
    creates: ClassVar[bool] = False  # creates something without an id, which a second try would create twice
    repeatable: ClassVar[bool] = True  # whether a second write of the same change is harmless
    facts: ClassVar[frozenset[Fact]] = frozenset()
    nothing: ClassVar[str] = "nothing"  # the text in drift for a side that is None
    would: ClassVar[str]  # the text in a plan
    done: ClassVar[str]  # the text of the result when it was made, and with "not" before it when it was not

    def __post_init__(self) -> None:
        if not self.id:
            names = (self.developer.name if self.developer is not None else None, self.team, *self.detail)
            object.__setattr__(self, "id", ":".join([self.op, *(name for name in names if name is not None)]))

    @property
    def subject(self) -> str:
        """The developer or team it is about, for messages."""
        return self.developer.name if self.developer is not None else f"team {self.team}"

    @property
    def detail(self) -> tuple[str, ...]:
        """A key that is unique among changes about one developer or team: a registration, or a role on an API."""
        return ()

    @property
    def registration(self) -> RegistrationKey | None:
        """The registration that it ends, to be read by its id where no list has it."""
        return None

    @property
    def target(self) -> Target:
        """The target that other changes name in `needs`."""
        return self.op, self.developer.key if self.developer is not None else self.team or ""

    def needs(self, *, members_first: bool) -> tuple[Target, ...]:  # noqa: ARG002 (some operations use it)
        """Return the targets of changes to make before this one, where the plan has them.

        Args:
            members_first: whether the provider adds a developer to teams before the approval.
        """
        return ()

    @property
    def loses(self) -> bool:
        """Return whether the developer loses something they have: the removal limits count that."""
        return False

    @property
    def changes_nothing(self) -> bool:
        """Return whether `before` equals `after`: no plan has such a change."""
        return _agree(self.before, self.after)

    @property
    def effect(self) -> Effect:
        """Return whether it grants, removes, or neither."""
        return "removes" if self.loses else self.effect_of_op

    @property
    def new_status(self) -> str | None:
        """Return the status that the developer has afterwards, where it sets one."""
        return None

    def drift_kind(self, *, entering: bool) -> DriftKind:
        """Return the kind of drift. `entering`: the plan approves the developer's first sign-up."""
        # A trusted domain in force, or a group that the developer is in, is never a reason to remove: it has expired.
        has_expired = any(
            why.rule == "trusted_domains" or (why.rule == "trusted_groups" and why.identity is not None)
            for why in self.why
        )
        kinds: Mapping[OpClass, DriftKind] = {
            "structure": "setting",
            "onboard": "backlog" if entering else "missing_grant",
            "reinstate": "missing_grant",
            "expire": "expired",
            "offboard": "expired" if has_expired else "unexpected_grant",
        }
        return kinds[self.op_class]

    def stand(self, live: Sighting) -> Stand:
        """Return where the portal is now, compared with this change."""
        now = self.live_state(live)
        if _agree(self.after, now):
            return "after"
        return "before" if _agree(self.before, now) else "other"

    @abstractmethod
    def live_state(self, live: Sighting) -> State | None:
        """Return the live side, in the form of `before` and `after`; None: absent."""

    @abstractmethod
    def write(self, ids: Ids) -> writes.Write:
        """Return the API write for this change."""

    def words(self, template: str, show: Show = str) -> str:
        """Format `done` or `would` of this change; `show` makes names printable."""
        sides = (
            {key: _shown(value, show) for key, value in (side or {}).items()} for side in (self.before, self.after)
        )
        before, after = sides
        return template.format(team=_shown(self.team, show), before=before, after=after)


def _shown(value: object, show: Show) -> str:
    """Format a value for messages. Statuses are our own words, and need no quotes."""
    return "none" if value is None else str(value) if value in _STATUSES else show(str(value))


def _agree(planned: State | None, live: State | None) -> bool:
    """Return whether two states agree on every key that both have."""
    if planned is None or live is None:
        return planned is live
    return all(planned[key] == live[key] for key in planned.keys() & live.keys())
