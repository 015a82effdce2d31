"""The result of an apply: one for each change of the plan, without exception."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from portalctl.changes.operations import Change
from portalctl.events import Result
from portalctl.times import rfc3339


def timestamp(moment: datetime) -> str:
    """RFC 3339, UTC, to the millisecond: it shows the order of writes."""
    return rfc3339(moment, "milliseconds")


@dataclass(frozen=True, slots=True)
class Settled:
    """One change and its result. `already`: it was as wanted before anything was sent.

    `status`, `advice`, `sent_at` and `answered_at` belong to the last request: the HTTP status, what to do, and when
    it was sent and answered; None and empty where no request was sent or answered.
    """

    change: Change
    result: Result
    detail: str = ""
    trace: str | None = None
    already: bool = False
    sent_at: str | None = None
    answered_at: str | None = None
    settled_at: str | None = None
    status: int | None = None
    advice: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class PortalReport:
    """Results in the plan's order. `interrupted`: the run was stopped before its end."""

    name: str
    settled: tuple[Settled, ...]
    started_at: str
    ended_at: str
    interrupted: bool = False

    def count(self, result: Result) -> int:
        return sum(item.result == result for item in self.settled)

    @property
    def clean(self) -> bool:
        return all(item.result == "confirmed" for item in self.settled)
