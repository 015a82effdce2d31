"""The rule behind a change, in its published form."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

from portalctl.manifest.model import Reason


@dataclass(frozen=True, slots=True)
class Why:
    """The rule behind a change. `line` is None for built-in defaults only; `reason` is its author's own text."""

    rule: str
    value: str
    file: str | None = None
    line: int | None = None
    reason: str | None = None


@lru_cache(maxsize=4096)  # one Why per rule, however many people it speaks of
def why_of(reason: Reason) -> Why:
    file, line = (reason.at.file, reason.at.line) if reason.at is not None else (None, None)
    return Why(reason.rule, reason.value, file, line, reason.text)
