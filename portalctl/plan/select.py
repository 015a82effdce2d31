"""`--only`: part of a plan. What depends on a dropped change is dropped with it, and said."""

from __future__ import annotations

from collections.abc import Sequence

from portalctl.plan.model import Change, Notice, OpClass, by_target, needs


def select(
    changes: Sequence[Change], only: frozenset[OpClass] | None
) -> tuple[tuple[Change, ...], tuple[Notice, ...]]:
    """The changes of the classes in `only` (None: all) that can stand without the others, and what was dropped."""
    if only is None:
        return tuple(changes), ()
    chosen = [change for change in changes if change.op_class in only]
    dropped = by_target(tuple(change for change in changes if change.op_class not in only))
    kept = tuple(change for change in chosen if not needs(change, dropped))
    lost = len(chosen) - len(kept)
    if not lost:
        return kept, ()
    text = f"{lost} membership{'s' if lost > 1 else ''} left out: --only leaves out the team or approval they need"
    return kept, (Notice("selection_dropped", "info", text),)
