"""Making changes, and what a comparison found besides them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import TypedDict

from portalctl.changes.operation import Removal, Subject
from portalctl.changes.operations import Change
from portalctl.changes.order import rank
from portalctl.manifest.model import OnRevoke, Role, Team
from portalctl.portals.models import Developer, Registration
from portalctl.reason import Reason
from portalctl.rules.resolve import Decision

_PERSONAL = frozenset({"overrides", "members"})  # rules for one named developer


def expiry_class(expired: Iterable[Reason]) -> Removal:
    """Return the class of a removal that follows from expired rules.

    `expire`, which unattended runs may apply, only if each rule was for one named developer. The expiry of a domain
    takes access from many at once: it is `offboard`, reviewed and limited like any other removal.
    """
    return "expire" if all(reason.rule in _PERSONAL for reason in expired) else "offboard"


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
    op_class: Removal
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


class _OfDeveloper(TypedDict):
    developer: Subject
    developer_status: str | None
    why: tuple[Reason, ...]


def of_developer(developer: Developer, why: Iterable[Reason]) -> _OfDeveloper:
    """The fields that every change of a developer has, as keyword arguments."""
    registered = developer.status != "absent"
    return {
        "developer": Subject(developer.email, developer.id or None),
        "developer_status": developer.status if registered else None,
        "why": tuple(why),
    }


def ordered(changes: Iterable[Change], provider: str) -> list[Change]:
    """The changes in the order of writing. Where two people share an address, their ids tell their changes apart."""
    result = sorted(changes, key=rank(provider))
    count = Counter(item.id for item in result)
    return [
        replace(item, id=f"{item.id}#{item.developer.id}") if count[item.id] > 1 and item.developer else item
        for item in result
    ]
