"""Part of a plan: by class, developer or team. What depends on a dropped change is dropped with it, with a notice."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from portalctl.changes.operation import OpClass
from portalctl.changes.operations import Change
from portalctl.changes.order import by_target, makes_sense_without, members_first
from portalctl.changes.plan import Notice
from portalctl.identity import normal_address
from portalctl.words import plural


@dataclass(frozen=True, slots=True)
class Selection:
    """Which part of the plan a run makes, how many developers may lose access by it, and whether it may delete.

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


def select(
    changes: Sequence[Change], selection: Selection, provider: str
) -> tuple[tuple[Change, ...], tuple[Notice, ...]]:
    """Return the selected changes that make sense without the others, and a notice where some do not."""
    first = members_first(provider)
    kept = chosen = [change for change in changes if selection.takes(change)]
    dropped = [change for change in changes if not selection.takes(change)]
    while dropped:
        missing = by_target(dropped)
        dropped = [change for change in kept if not makes_sense_without(change, missing, members_first=first)]
        lost = {change.id for change in dropped}
        kept = [change for change in kept if change.id not in lost]
    lost_count = len(chosen) - len(kept)
    if not lost_count:
        return tuple(kept), ()
    text = (
        f"{plural(lost_count, 'change')} left out: a team, account, approval or membership that must be changed with "
        f"{'it' if lost_count == 1 else 'them'} is not selected"
    )
    return tuple(kept), (Notice("selection_dropped", "info", text),)


def _names(change: Change) -> tuple[str | None, ...]:
    """Return the names that select a change's developer: the portal's id, the live spelling, its normal form."""
    developer = change.developer
    return (developer.id, developer.email, normal_address(developer.email or "")) if developer is not None else ()
