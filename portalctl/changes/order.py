"""Changes of one plan together: the order of writing, and which of them need which."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from portalctl.changes.operation import CLASSES, Target
from portalctl.changes.operations import OPERATIONS, Change


def rank(change: Change) -> tuple[int, int, str, str, str, str]:
    """The order of writing: class, operation, then the names, so that equal input gives equal plans."""
    developer = change.developer
    return (
        CLASSES.index(change.op_class),
        OPERATIONS.index(type(change)),
        (developer.email or "").lower() if developer else "",
        change.team or "",
        developer.key if developer else "",
        change.id,
    )


def by_target(changes: Iterable[Change]) -> dict[Target, Change]:
    """Changes by what others name them by in `needs`."""
    return {change.target: change for change in changes}


def needed(change: Change, others: Mapping[Target, Change]) -> list[Change]:
    """Those of `others` (see `by_target`) without which a change makes no sense."""
    return [others[target] for target in change.needs if target in others]
