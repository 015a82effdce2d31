"""Developers as Konnect lists them."""

from __future__ import annotations

from dataclasses import dataclass, fields
from operator import attrgetter
from typing import Final

from portalctl.portals.konnect.forms import Answers
from portalctl.portals.models import Developer


@dataclass(frozen=True, slots=True)
class DeveloperRow(Developer):
    """A developer as Konnect lists them."""

    answers: Answers = ()


_values: Final = attrgetter(*(field.name for field in fields(Developer)))


def developers_of(rows: tuple[DeveloperRow, ...]) -> tuple[Developer, ...]:
    """Return the developers of a list's rows."""
    return tuple(map(developer_of, rows))


def developer_of(row: DeveloperRow) -> Developer:
    """Return the developer of a row."""
    return Developer(*_values(row))
