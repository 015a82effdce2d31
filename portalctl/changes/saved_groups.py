"""Whether what a saved plan rests on still holds in the groups of directories. Pure: the groups are given."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from portalctl.changes.operations import Change
from portalctl.changes.plan import Plan
from portalctl.directories.reading import GroupReading
from portalctl.errors import RefusedError
from portalctl.identity import normal_address
from portalctl.reason import Reason

Readings = Mapping[tuple[str, str], GroupReading]


def directories_in(plan: Plan) -> frozenset[str]:
    """Return the names of the directories that a plan rests on."""
    changes = (change for portal in plan.portals for change in portal.changes)
    return frozenset(why.directory for change in changes for why in change.why if why.directory is not None)


def check_groups(plan: Plan, readings: Readings) -> None:
    """Check that each developer is in the groups, or not in them, as when the plan was made.

    Raises RefusedError with what differs. Groups that were not read again are left out.
    """
    differences = sorted(
        {text for portal in plan.portals for change in portal.changes for text in _of(change, readings)}
    )
    if differences:
        raise RefusedError(
            "the plan is stale, and nothing was written", *differences[:10], "plan again, and look at it"
        )


def _of(change: Change, readings: Readings) -> Iterator[str]:
    address = normal_address(change.developer.email or "") if change.developer is not None else None
    if address is None:
        return
    for why in change.why:
        reading = _reading(why, readings)
        if reading is None:
            continue
        member = reading.members.get(address)
        is_member = member is not None and member.active and address not in reading.shared
        # A reason with an identity rests on the developer being in the group, any other on them not being in it.
        if reading.id != why.group:
            yield f"{why.value} is another group now (id {reading.id}, in the plan {why.group})"
        elif is_member != (why.identity is not None):
            yield f"{address} is {'' if is_member else 'not '}in {why.value} now"


def _reading(why: Reason, readings: Readings) -> GroupReading | None:
    if why.directory is None:
        return None
    return readings.get((why.directory, why.value.removeprefix(f"{why.directory}/")))
