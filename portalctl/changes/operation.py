"""What all kinds of change (operations) have in common; `operations.py` has one class for each.

An operation is one API write of a plan. Its fields are its published JSON (`schemas/plan.v1.schema.json`): a field is
a key, and the types of `op`, `class`, `before` and `after` say which values a plan file may hold. Everything else
that differs from one operation to the next is a class variable or a method, so that no other module compares names of
operations: what it needs, what has to be read to see where it stands, what it grants or removes, how it is sent, its
words.
"""

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
Origin = Literal["change", "pending"]  # from the change of the manifest under review, or planned before it
Stand = Literal["before", "after", "other"]  # where the portal is, compared with a change
Effect = Literal["grants", "removes", "changes"]
DriftKind = Literal["backlog", "missing_grant", "unexpected_grant", "setting", "expired"]
Fact = Literal["roles", "registrations", "requests"]  # what has to be read beyond the account and the team
Show = Callable[[str], str]  # makes text that others wrote printable in some medium
Target = tuple[str, str]  # an operation's name, and the developer's key or the team's name
if TYPE_CHECKING:
    State: TypeAlias = Mapping[str, Any]  # mypy has no closer type that every TypedDict of `states` is
else:
    State = Mapping[str, str | bool | None]

CLASSES: tuple[OpClass, ...] = get_args(OpClass)  # in the order of writing


@dataclass(frozen=True, slots=True)
class Subject:
    """The developer of a change: the live spelling of the address (None where there is none) and the portal's id.

    `id` None: the account is yet to be created, and the address is the manifest's.
    """

    email: str | None
    id: str | None

    @property
    def key(self) -> str:
        """What tells developers apart, with an account or without."""
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
    """The portal's ids: of teams by name, of developers by what the plan calls them (`Subject.key`)."""

    teams: Mapping[str, str]
    developers: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangeFields:
    """One change in its published form, for whatever operation. What a plan file has is this before it is checked.

    `before` and `after` say what it finds and leaves; None: nothing is there. `id` is unique within a portal's plan.
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
    """What all operations answer."""

    id: str = ""  # made of the other fields where none is given
    effect_of_op: ClassVar[Effect] = "changes"
    creates: ClassVar[bool] = False  # makes something that has no id yet, and that a second try would make twice
    repeatable: ClassVar[bool] = True  # whether a second write of what was done already goes unnoticed
    facts: ClassVar[frozenset[Fact]] = frozenset()
    nothing: ClassVar[str] = "nothing"  # what drift calls the side that is None
    would: ClassVar[str]  # what a plan says
    done: ClassVar[str]  # what is said of it when it was made, and with "not" before it when it was not

    def __post_init__(self) -> None:
        if not self.id:
            names = (self.developer.name if self.developer is not None else None, self.team, *self.detail)
            object.__setattr__(self, "id", ":".join([self.op, *(name for name in names if name is not None)]))

    @property
    def subject(self) -> str:
        """The developer or team it is about, for people to read."""
        return self.developer.name if self.developer is not None else f"team {self.team}"

    @property
    def detail(self) -> tuple[str, ...]:
        """What tells apart changes about the same developer or team: a registration, or a role on an API."""
        return ()

    @property
    def registration(self) -> RegistrationKey | None:
        """The registration that it ends, which has to be read by its id where no list has it."""
        return None

    @property
    def target(self) -> Target:
        """What others name it by in `needs`."""
        return self.op, self.developer.key if self.developer is not None else self.team or ""

    def needs(self, *, members_first: bool) -> tuple[Target, ...]:  # noqa: ARG002 (some operations use it)
        """The changes to make before this one, where the plan has them.

        Args:
            members_first: whether the provider adds a developer to teams before the approval.
        """
        return ()

    @property
    def loses(self) -> bool:
        """Whether the developer loses something they have: what the removal limits count."""
        return False

    @property
    def changes_nothing(self) -> bool:
        """Whether it finds what it leaves: no plan has such a change."""
        return _agree(self.before, self.after)

    @property
    def effect(self) -> Effect:
        """Whether it grants, removes, or neither."""
        return "removes" if self.loses else self.effect_of_op

    @property
    def new_status(self) -> str | None:
        """The status that the developer has afterwards, where it sets one."""
        return None

    def drift_kind(self, *, entering: bool) -> DriftKind:
        """What kind of drift it stands for. `entering`: the plan approves the developer's first sign-up."""
        # A trusted domain in force is never a reason to remove: where one is, it has expired.
        domain_expired = any(why.rule == "trusted_domains" for why in self.why)
        kinds: Mapping[OpClass, DriftKind] = {
            "structure": "setting",
            "onboard": "backlog" if entering else "missing_grant",
            "reinstate": "missing_grant",
            "expire": "expired",
            "offboard": "expired" if domain_expired else "unexpected_grant",
        }
        return kinds[self.op_class]

    def stand(self, live: Sighting) -> Stand:
        """Where the portal is now, compared with this change."""
        now = self.live_state(live)
        if _agree(self.after, now):
            return "after"
        return "before" if _agree(self.before, now) else "other"

    @abstractmethod
    def live_state(self, live: Sighting) -> State | None:
        """The live side, in the form of `before` and `after`; None: what it is about is not there."""

    @abstractmethod
    def write(self, ids: Ids) -> writes.Write:
        """The write that makes it."""

    def words(self, template: str, show: Show = str) -> str:
        """`done` or `would` of this change, with the names in it made printable by `show`."""
        sides = (
            {key: _shown(value, show) for key, value in (side or {}).items()} for side in (self.before, self.after)
        )
        before, after = sides
        return template.format(team=_shown(self.team, show), before=before, after=after)


def _shown(value: object, show: Show) -> str:
    """A value for people. Statuses are words of ours, and need nothing around them."""
    return "none" if value is None else str(value) if value in get_args(Status) else show(str(value))


def _agree(planned: State | None, live: State | None) -> bool:
    """Whether two states agree on every key that both have."""
    if planned is None or live is None:
        return planned is live
    return all(planned[key] == live[key] for key in planned.keys() & live.keys())
