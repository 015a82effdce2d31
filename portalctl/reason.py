"""The reason behind a change or a finding: a rule of the manifest, and where it is written."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Annotated

from pydantic import Field

from portalctl.errors import Position


def _is_nothing(value: object) -> bool:
    return not value


_IfAny = Annotated[str | None, Field(exclude_if=_is_nothing)]  # published where it is set


@dataclass(frozen=True, slots=True)
class Reason:
    """One rule, in its published form. All developers that the rule matches share one object.

    `rule` is the manifest key of the rule (`trusted_domains`, `members` …), `value` what the rule is for (a domain,
    an address, a team, a policy key, a group as `directory/group`) and `reason` its author's own text. `file` and
    `line` are None for built-in defaults. `column` is for messages about the file alone: it is neither published nor
    compared.

    Rules that rest on a group of a directory also have `directory`, the group's stable id (`group`) and name, the id
    of the developer's `identity` there, the nested groups that lead to it (`via`), and when the group was read.
    Rules that map an answer to the sign-up form also have the form's `field` and, where the team is not for every
    other answer, the `answer`.

    Reasons that differ in the identity alone are equal, so that changes are shown together.
    """

    rule: str
    value: str
    file: str | None = None
    line: int | None = None
    reason: str | None = None
    column: Annotated[int | None, Field(exclude=True)] = dataclasses.field(default=None, compare=False, repr=False)
    directory: _IfAny = None
    group: _IfAny = None
    group_name: _IfAny = dataclasses.field(default=None, compare=False)
    identity: _IfAny = dataclasses.field(default=None, compare=False)
    via: Annotated[tuple[str, ...], Field(exclude_if=_is_nothing)] = dataclasses.field(default=(), compare=False)
    observed_at: _IfAny = dataclasses.field(default=None, compare=False)
    field: _IfAny = None
    answer: _IfAny = None

    @property
    def rule_alone(self) -> Reason:
        """The reason as the rule has it, whatever a developer answered."""
        return self if self.field is None else dataclasses.replace(self, field=None, answer=None)

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
