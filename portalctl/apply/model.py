"""What an apply did: a result for each change of the plan, none left out."""

from __future__ import annotations

from dataclasses import dataclass

from portalctl.events import Result
from portalctl.plan.model import Change


@dataclass(frozen=True, slots=True)
class Settled:
    """One change and its result. `already`: it was as wanted before anything was sent."""

    change: Change
    result: Result
    detail: str = ""
    trace: str | None = None
    already: bool = False


@dataclass(frozen=True, slots=True)
class PortalReport:
    """Results in the plan's order."""

    name: str
    settled: tuple[Settled, ...]

    def count(self, result: Result) -> int:
        return sum(item.result == result for item in self.settled)

    @property
    def clean(self) -> bool:
        return all(item.result == "confirmed" for item in self.settled)
