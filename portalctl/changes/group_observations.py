"""What a comparison sees of the groups that rules rest on."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator

from portalctl.changes.observations import GroupRead, OneIdentity, UnsureGroup
from portalctl.directories.reading import GroupReading
from portalctl.portals.models import Developer
from portalctl.rules.rulebook import Rulebook


def group_observations(
    book: Rulebook, developers: Iterable[Developer]
) -> Iterator[GroupRead | UnsureGroup | OneIdentity]:
    """Yield each group that was read, what is wrong with it, and identities that several developers have."""
    readings: dict[tuple[str, str], GroupReading] = {}
    for state in book.now.groups:
        yield from (UnsureGroup(fault, state.why) for fault in state.faults)
        if state.reading is not None and (key := (state.reading.directory, state.reading.asked)) not in readings:
            readings[key] = state.reading
            yield GroupRead(state.reading, state.why)
    if readings:
        yield from _one_identity(readings.values(), developers)


def _one_identity(readings: Iterable[GroupReading], developers: Iterable[Developer]) -> Iterator[OneIdentity]:
    addresses = {developer.address for developer in developers if developer.address is not None}
    for reading in readings:
        found = defaultdict[str, list[str]](list)
        for address in addresses & reading.members.keys():
            found[reading.members[address].identity].append(address)
        for same in sorted(sorted(names) for names in found.values() if len(names) > 1):
            yield OneIdentity(reading.value, tuple(same))
