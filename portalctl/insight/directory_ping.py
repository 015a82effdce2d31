"""Whether a run would find what it needs in directories: what was looked at, as values."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from portalctl.errors import PortalctlError
from portalctl.portals.ping_result import Check, Result
from portalctl.rules.groups import GroupFault, GroupState


@dataclass(frozen=True, slots=True)
class DirectoryPing:
    """The checks of one directory."""

    name: str
    kind: str
    server: str
    checks: tuple[Check, ...]

    @property
    def failed(self) -> bool:
        return any(check.result == "failed" for check in self.checks)


def failed_check(code: str, error: PortalctlError) -> Check:
    """Return the check that an error makes of something that was looked at."""
    return Check(code, "failed", error.message, " ".join(error.advice) or None)


def group_checks(states: Iterable[GroupState]) -> Iterator[Check]:
    """Yield what was found in the groups of a directory, each once."""
    seen: set[str] = set()
    for state in states:
        reading = state.reading
        if reading is not None and reading.value not in seen:
            seen.add(reading.value)
            counts = reading.counts
            disabled = f", {counts.disabled:,} disabled" if counts.disabled else ""
            text = (
                f"group {reading.value}: {counts.active:,} identities, {counts.usable:,} with an address that counts"
            )
            yield Check("group", "ok", f"{text}{disabled} (id {reading.id})")
        for fault in state.faults:
            yield Check(fault.code, _result(fault), fault.message, f"See {state.why.file}:{state.why.line}.")


def _result(fault: GroupFault) -> Result:
    if fault.refuses:
        return "failed"
    return "ok" if fault.severity == "info" else "warning"
