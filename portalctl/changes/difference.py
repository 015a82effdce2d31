"""The result of a comparison: the changes that would make the portal agree, and further observations."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import TypedDict

from portalctl.changes.observations import KeptOut, Observations
from portalctl.changes.operation import Removal, Subject
from portalctl.changes.operations import Change
from portalctl.changes.order import rank
from portalctl.portals.models import Developer
from portalctl.reason import Reason

_PERSONAL = frozenset({"overrides", "members"})  # rules for one named developer


@dataclass(slots=True)
class Difference:
    """The changes, in order, and the observations."""

    changes: list[Change] = field(default_factory=list)
    observations: Observations = field(default_factory=Observations)

    @property
    def kept_out(self) -> dict[str, KeptOut]:
        """The ids of developers with registrations that have to be read."""
        return {item.developer.id: item for item in self.observations.of(KeptOut)}


def expiry_class(expired: Iterable[Reason]) -> Removal:
    """Return the class of a removal that follows from expired rules.

    `expire`, which unattended runs may apply, only if each rule was for one named developer. The expiry of a domain
    or group takes access from many at once: it is `offboard`, reviewed and limited like any other removal.
    """
    personal = all(reason.rule in _PERSONAL and reason.directory is None for reason in expired)
    return "expire" if personal else "offboard"


class _DeveloperFields(TypedDict):
    developer: Subject
    developer_status: str | None
    why: tuple[Reason, ...]


def of_developer(developer: Developer, why: Iterable[Reason]) -> _DeveloperFields:
    """Return the fields that every change of a developer has, as keyword arguments."""
    registered = developer.status != "absent"
    return {
        "developer": Subject(developer.email, developer.id or None),
        "developer_status": developer.status if registered else None,
        "why": tuple(why),
    }


def ordered(changes: Iterable[Change], provider: str) -> list[Change]:
    """Return the changes in the order of writing.

    Where developers share an address, ids make their changes unique.
    """
    result = sorted(changes, key=rank(provider))
    count = Counter(item.id for item in result)
    return [
        replace(item, id=f"{item.id}#{item.developer.id}") if count[item.id] > 1 and item.developer else item
        for item in result
    ]
