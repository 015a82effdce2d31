"""Making changes, and what a comparison found besides them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from functools import lru_cache

from portalctl.manifest.model import OnRevoke, Reason, Role, Team
from portalctl.plan.model import Change, Op, OpClass, State, Subject, Why, rank
from portalctl.plan.resolve import Decision
from portalctl.portal.models import Developer, Registration


@dataclass(frozen=True, slots=True)
class Held:
    """A developer the rules speak of and nothing is written for, and the decision."""

    developer: Developer
    decision: Decision


@dataclass(frozen=True, slots=True)
class Extra:
    """A live membership that no rule gives, in a team that keeps such people."""

    developer: Developer
    team: str


@dataclass(frozen=True, slots=True)
class KeptOut:
    """A developer whom rules keep out or send out: their registrations have to be looked at.

    `deleted`: the account goes, with everything that belongs to it.
    """

    developer: Developer
    op_class: OpClass
    why: tuple[Reason, ...]
    on_revoke: OnRevoke
    deleted: bool


@dataclass(frozen=True, slots=True)
class Residual:
    """A live registration of someone who is kept out. `ends`: by this plan, alone or with the account."""

    person: KeptOut
    registration: Registration
    ends: bool


@dataclass(slots=True)
class Difference:
    """What would change, in order, and what was seen and left alone."""

    changes: list[Change] = field(default_factory=list)
    withheld: list[Held] = field(default_factory=list)
    blocked: list[Held] = field(default_factory=list)
    unmatched: list[Developer] = field(default_factory=list)  # kept, by no rule
    unknown: list[Developer] = field(default_factory=list)  # a status we have no word for
    extras: list[Extra] = field(default_factory=list)
    awaited: set[str] = field(default_factory=set)  # addresses that teams wait for
    ambiguous_teams: list[Team] = field(default_factory=list)
    missing_idp_teams: list[Team] = field(default_factory=list)
    unclear_apis: list[tuple[Team, Role, int]] = field(default_factory=list)  # names, and how many APIs have them
    out: dict[str, KeptOut] = field(default_factory=dict)  # by id: kept out, and their registrations count
    residual: list[Residual] = field(default_factory=list)
    beyond: list[Held] = field(default_factory=list)  # rules keep them out, and this portal cannot


def change(
    op: Op,
    op_class: OpClass,
    why: Iterable[Reason],
    *,
    developer: Developer | None = None,
    team: str | None = None,
    detail: str | None = None,
    before: State | None = None,
    after: State | None = None,
) -> Change:
    """One write with its reasons. `detail` tells apart what is about the same person or team.

    The id is unique within a portal's plan once `ordered` has seen them all.
    """
    subject = Subject(developer.email, developer.id or None) if developer is not None else None
    registered = developer is not None and developer.status != "absent"
    names = [subject.name if subject else None, team, detail]
    return Change(
        id=":".join([op, *(name for name in names if name is not None)]),
        op=op,
        op_class=op_class,
        developer=subject,
        team=team,
        before=before,
        after=after,
        why=tuple(why_of(reason) for reason in why),
        developer_status=developer.status if developer is not None and registered else None,
    )


def ordered(changes: Iterable[Change]) -> list[Change]:
    """The changes in the order of writing. Where two people share an address, their ids tell their changes apart."""
    result = sorted(changes, key=rank)
    count = Counter(item.id for item in result)
    return [
        replace(item, id=f"{item.id}#{item.developer.id}") if count[item.id] > 1 and item.developer else item
        for item in result
    ]


@lru_cache(maxsize=4096)  # one Why per rule, however many people it speaks of
def why_of(reason: Reason) -> Why:
    file, line = (reason.at.file, reason.at.line) if reason.at is not None else (None, None)
    return Why(reason.rule, reason.value, file, line, reason.text)
