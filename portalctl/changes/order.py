"""Changes of one plan together: the order of writing, and which of them need which.

Both depend on whether the provider adds members first (`Provider.members_first`): then a developer joins every team
before the approval, so that no developer has access without their teams."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import cache

from portalctl.changes.operation import CLASSES, Target
from portalctl.changes.operations import OPERATIONS, AddMember, Approve, Change
from portalctl.providers.registry import provider_named

Rank = tuple[int, int, str, str, str, str]
Targets = Mapping[Target, list[Change]]


def rank(provider: str) -> Callable[[Change], Rank]:
    """Return the sort key of a provider's order of writing: class, operation, then names.

    Names make equal input give equal plans.
    """
    places = _places(members_first=members_first(provider))

    def key(change: Change) -> Rank:
        developer = change.developer
        return (
            CLASSES.index(change.op_class),
            places[type(change)],
            (developer.email or "").lower() if developer else "",
            change.team or "",
            developer.key if developer else "",
            change.id,
        )

    return key


def reading_rank(change: Change) -> tuple[int, int]:
    """Return the sort key for readers of a plan: a developer's status, then their teams, on every provider."""
    return CLASSES.index(change.op_class), _places(members_first=False)[type(change)]


def members_first(provider: str) -> bool:
    """Return whether memberships are written before the approval."""
    return provider_named(provider).members_first


@cache
def _places(*, members_first: bool) -> Mapping[type[Change], int]:
    """Return each operation's place within a class."""
    operations = list(OPERATIONS)
    if not members_first:
        operations.remove(AddMember)
        operations.insert(operations.index(Approve) + 1, AddMember)
    return {operation: place for place, operation in enumerate(operations)}


def by_target(changes: Iterable[Change]) -> Targets:
    """Return changes by their targets, which other changes name in `needs`."""
    targets: dict[Target, list[Change]] = {}
    for change in changes:
        targets.setdefault(change.target, []).append(change)
    return targets


def needed(change: Change, others: Targets, *, members_first: bool) -> list[Change]:
    """Return those of `others` that have to be made before a change."""
    needs = change.needs(members_first=members_first)
    return [other for target in needs for other in others.get(target, ())]


def makes_sense_without(change: Change, others: Targets, *, members_first: bool) -> bool:
    """Return whether a change may be made without `others`.

    A developer who stays pending joins no team, whichever of the two is written first.
    """
    orders = {False, members_first}
    return not any(needed(change, others, members_first=order) for order in orders)
