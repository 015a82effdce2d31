"""Changes for tests that take any operation by its name."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, get_args, get_type_hints

from portalctl.changes.operations import BY_NAME, Change


def change_of(  # noqa: PLR0917 (the order of the published keys)
    id: str,
    op: str,
    op_class: str,
    developer: Any,
    team: str | None,
    before: Any,
    after: Any,
    why: Any,
    **others: Any,
) -> Change:
    """The change with these keys, unchecked as to whether the operation can have them."""
    return BY_NAME[op](
        id=id, op_class=op_class, developer=developer, team=team, before=before, after=after, why=why, **others
    )


def with_fields(change: Change, **fields: Any) -> Change:
    """The change with other values, unchecked like `change_of`."""
    alter: Any = replace
    altered: Change = alter(change, **fields)
    return altered


def op_class_of(op: str) -> str:
    """A class that an operation can have."""
    annotation = get_type_hints(BY_NAME[op])["op_class"]
    classes: tuple[str, ...] = get_args(annotation)
    return min(classes)
