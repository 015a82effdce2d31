"""Part of a plan: by class, person or team. What depends on a dropped change is dropped with it, and said."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from portalctl.changes.operation import OpClass
from portalctl.changes.operations import Change
from portalctl.changes.order import by_target, needed
from portalctl.changes.plan import Notice
from portalctl.identity import normal_address
from portalctl.words import plural


@dataclass(frozen=True, slots=True)
class Selection:
    """What of the plan a run is about, how many people it may take something from, and whether it may delete.

    None: everything. `developer` is a normal address or a portal's id, `team` a name.
    """

    only: frozenset[OpClass] | None = None
    developer: str | None = None
    team: str | None = None
    allow_removals: int | None = None
    allow_delete: bool | None = None

    def takes(self, change: Change) -> bool:
        return (
            (self.only is None or change.op_class in self.only)
            and (self.team is None or change.team == self.team)
            and (self.developer is None or self.developer in _names(change))
        )


def select(changes: Sequence[Change], selection: Selection) -> tuple[tuple[Change, ...], tuple[Notice, ...]]:
    """The selected changes that can stand without the others, and a notice where some could not."""
    chosen = [change for change in changes if selection.takes(change)]
    dropped = by_target(change for change in changes if not selection.takes(change))
    kept = tuple(change for change in chosen if not needed(change, dropped))
    lost = len(chosen) - len(kept)
    if not lost:
        return kept, ()
    text = f"{plural(lost, 'change')} left out: the team, account or approval needed is not selected"
    return kept, (Notice("selection_dropped", "info", text),)


def _names(change: Change) -> tuple[str | None, ...]:
    """What a person may be called: the portal's id, the live spelling, its normal form."""
    person = change.developer
    return (person.id, person.email, normal_address(person.email or "")) if person is not None else ()
