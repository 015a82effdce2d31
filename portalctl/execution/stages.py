"""The stages of an apply: groups of changes that may be in flight at the same time. Pure."""

from __future__ import annotations

from portalctl.changes.operation import CLASSES
from portalctl.changes.operations import AddMember, Change, CreateTeam
from portalctl.changes.order import Targets, by_target, needed


def stages_of(changes: tuple[Change, ...], *, members_first: bool) -> list[list[Change]]:
    """Return the changes by class in order, the creations of teams before the rest of their class.

    A change that needs another is not made in an earlier stage than that, nor before it. One that needs a membership
    is made in a later stage than that: by then the portal has answered."""
    targets = by_target(changes)
    stages: dict[tuple[int, bool], list[Change]] = {}
    creations: list[Change] = []
    for change in changes:
        if isinstance(change, CreateTeam):
            creations.append(change)
        else:
            place = _place(change, targets, members_first=members_first)
            stages.setdefault(place, []).append(change)
    others = [sorted(stage, key=lambda change: _class(change) != place[0]) for place, stage in sorted(stages.items())]
    return [stage for stage in (creations, *others) if stage]


def _place(change: Change, targets: Targets, *, members_first: bool) -> tuple[int, bool]:
    """Return the class a change is made with, and whether it comes after the memberships of that class."""
    needs = needed(change, targets, members_first=members_first)
    places = [
        (place, later or isinstance(other, AddMember))
        for other in needs
        for place, later in (_place(other, targets, members_first=members_first),)
    ]
    return max([(_class(change), False), *places])


def _class(change: Change) -> int:
    return CLASSES.index(change.op_class)
