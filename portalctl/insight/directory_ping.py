"""The checks of `ping` for directories: whether their groups are as the rules need them. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime

from portalctl.directories.access import Access
from portalctl.directories.protocol import DirectoryError, Facts
from portalctl.directories.reading import GroupReading
from portalctl.errors import PortalctlError
from portalctl.manifest.model import PortalManifest
from portalctl.portals.clock import clock_check
from portalctl.portals.ping_result import Check, Result
from portalctl.rules.groups import GroupFault, Groups, GroupState
from portalctl.rules.rulebook import Rulebook
from portalctl.times import rfc3339


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


def unreachable(name: str, kind: str, access: Access, error: DirectoryError) -> DirectoryPing:
    """Return the failed check of a directory to which no connection could be made."""
    return DirectoryPing(name, kind, access.url, (_failed("server", error),))


def directory_ping(
    name: str,
    kind: str,
    access: Access,
    facts: Facts,
    found: Collection[GroupReading | DirectoryError],
    *,
    portals: Iterable[PortalManifest],
    now: datetime,
) -> DirectoryPing:
    """Return the checks of a directory.

    Args:
        found: each group named by a rule, or the error on reading it.
        portals: the manifests with the rules that use these groups.
    """
    product = f" ({facts.server})" if facts.server else ""
    checks = [Check("server", "ok", f"{access.url} responds{product}; credential accepted ({access.secret_source})")]
    if facts.date is not None:
        checks.append(clock_check(facts.date, rfc3339(now)))
    checks += [_failed("group", error) for error in found if isinstance(error, DirectoryError)]
    readings = Groups({(one.directory, one.asked): one for one in found if isinstance(one, GroupReading)})
    states = [state for portal in portals for state in Rulebook.of(portal, now.date(), readings).now.groups]
    checks += _group_checks(state for state in states if state.rule.directory == name)
    return DirectoryPing(name, kind, access.url, tuple(checks))


def _failed(code: str, error: PortalctlError) -> Check:
    """Return an error as a failed check."""
    return Check(code, "failed", error.message, " ".join(error.advice) or None)


def _group_checks(states: Iterable[GroupState]) -> Iterator[Check]:
    """Yield the checks of the groups of a directory: its counts once for each group, and all faults."""
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
