"""When a portal is looked at: polls, full runs, wake-ups, looks after a wake-up, and backoff. Pure.

Times are seconds of a monotonic clock. A portal has at most one task at a time, and at most one waiting run: what
arrives while a task is under way leads to one more run, and nothing is lost.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, replace
from typing import Final, Literal

from portalctl.controller.models import Trigger

LOOKS: Final = (2.0, 5.0, 10.0, 20.0, 40.0)  # seconds after a wake-up: reads of a portal may lag behind a sign-up
JITTER: Final = 0.1  # of the interval between full runs, so that many portals spread
FIRST_PAUSE: Final = 30.0
LONGEST_PAUSE: Final = 900.0
# A user waits for these: they are not held up by a backoff.
AT_ONCE: Final[frozenset[Trigger]] = frozenset({"approval", "manual", "registration", "report"})

Kind = Literal["poll", "run"]


@dataclass(frozen=True, slots=True)
class Timing:
    """The pauses of all portals, in seconds."""

    poll: float = 30.0
    interval: float = 600.0


@dataclass(frozen=True, slots=True)
class PortalTask:
    """What to do with a portal now, and why."""

    kind: Kind
    trigger: Trigger


@dataclass(frozen=True, slots=True)
class Schedule:
    """When one portal is due.

    `waiting`: the trigger of a run that was asked for and has not begun. `looks`: when to look again after a wake-up.
    `busy`: a task is under way. `failures`: failed tasks in a row; `not_before`: the end of the pause after them.
    """

    poll_at: float
    run_at: float
    waiting: Trigger | None = None
    looks: tuple[float, ...] = ()
    busy: bool = False
    failures: int = 0
    not_before: float = 0.0


def begun(now: float, trigger: Trigger = "start") -> Schedule:
    """Return the schedule of a portal that the manifest has from now on: it is due at once."""
    return Schedule(now, now, trigger)


def due(schedule: Schedule, now: float) -> PortalTask | None:
    """Return the task that is due; None: none is."""
    if schedule.busy:
        return None
    if schedule.waiting is not None and (schedule.waiting in AT_ONCE or now >= schedule.not_before):
        return PortalTask("run", schedule.waiting)
    if now < schedule.not_before:
        return None
    if now >= schedule.run_at:
        return PortalTask("run", "interval")
    look = bool(schedule.looks) and now >= schedule.looks[0]
    return PortalTask("poll", "event" if look else "poll") if look or now >= schedule.poll_at else None


def next_due(schedule: Schedule) -> float:
    """Return when the next task is due; infinity while one is under way."""
    if schedule.busy:
        return float("inf")
    if schedule.waiting in AT_ONCE:
        return 0.0
    times = (schedule.run_at, schedule.poll_at, *schedule.looks[:1], *([0.0] if schedule.waiting else []))
    return max(schedule.not_before, min(times))


def started(schedule: Schedule, task: PortalTask, now: float) -> Schedule:
    """Return the schedule after a task began: what waits from here on is another one."""
    looks = tuple(look for look in schedule.looks if look > now)
    if task.kind == "poll":
        return replace(schedule, busy=True, looks=looks)
    return replace(schedule, busy=True, waiting=None)


def woken(schedule: Schedule, trigger: Trigger, now: float) -> Schedule:
    """Return the schedule after a wake-up. An event leads to a poll at once and to looks, others to a full run."""
    if trigger == "event":
        return replace(schedule, looks=(now, *(now + look for look in LOOKS)))
    if schedule.waiting in AT_ONCE and trigger not in AT_ONCE:
        return schedule
    return replace(schedule, waiting=trigger)


def polled(schedule: Schedule, trigger: Trigger, now: float, timing: Timing, *, hit: bool) -> Schedule:
    """Return the schedule after a poll. `hit`: it showed something new, which a full run decides."""
    looks = () if hit else schedule.looks
    waiting = schedule.waiting or (trigger if hit else None)
    return replace(
        schedule, busy=False, failures=0, not_before=0.0, looks=looks, waiting=waiting, poll_at=now + timing.poll
    )


def ran(schedule: Schedule, now: float, timing: Timing) -> Schedule:
    """Return the schedule after a full run that could read the portal."""
    spread = random.uniform(1 - JITTER, 1 + JITTER)  # noqa: S311 (it spreads runs)
    return replace(
        schedule,
        busy=False,
        failures=0,
        not_before=0.0,
        poll_at=now + timing.poll,
        run_at=now + timing.interval * spread,
    )


def failed(schedule: Schedule, now: float) -> Schedule:
    """Return the schedule after a task that could not read the portal: a pause that doubles, with jitter."""
    longest = min(LONGEST_PAUSE, FIRST_PAUSE * 2.0 ** min(schedule.failures, 10))
    pause = random.uniform(FIRST_PAUSE / 2, longest)  # noqa: S311 (it spreads retries)
    return replace(schedule, busy=False, failures=schedule.failures + 1, not_before=now + pause, run_at=now + pause)
