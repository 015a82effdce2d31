"""The reason behind a change or a finding: a rule of the manifest, and where it is written."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Annotated

from pydantic import Field

from portalctl.errors import Position


@dataclass(frozen=True, slots=True)
class Reason:
    """One rule, in its published form. All developers that the rule matches share one object.

    `rule` is the manifest key of the rule (`trusted_domains`, `members` …), `value` what the rule is for (a domain,
    an address, a team, a policy key) and `reason` its author's own text. `file` and `line` are None for built-in
    defaults. `column` is for messages about the file alone: it is neither published nor compared.
    """

    rule: str
    value: str
    file: str | None = None
    line: int | None = None
    reason: str | None = None
    column: Annotated[int | None, Field(exclude=True)] = field(default=None, compare=False, repr=False)

    @classmethod
    def of(cls, rule: str, value: str, place: Position | None, reason: str | None = None) -> Reason:
        """Return the reason for a rule that is written at a place; None: a built-in default."""
        if place is None:
            return cls(rule, value, reason=reason)
        return cls(rule, value, place.file, place.line, reason, place.column)

    @property
    def at(self) -> Position | None:
        """The place of the rule; None for built-in defaults."""
        if self.file is None or self.line is None:
            return None
        return Position(self.file, self.line, self.column or 1)
