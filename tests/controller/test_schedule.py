"""When a portal is due: no wake-up is lost, at most one task at a time, and a failing portal is not hammered."""

from __future__ import annotations

from typing import Literal

from hypothesis import given
from hypothesis import strategies as st

from portalctl.controller.schedule import (
    AT_ONCE,
    FIRST_PAUSE,
    LONGEST_PAUSE,
    LOOKS,
    PortalTask,
    Schedule,
    Timing,
    begun,
    due,
    failed,
    next_due,
    polled,
    ran,
    started,
    woken,
)

TIMING = Timing(poll=30, interval=600)
Step = Literal["wait", "event", "push", "manual", "start", "ok", "fail"]


def after_run(now: float = 0.0) -> Schedule:
    return ran(started(begun(now), PortalTask("run", "start"), now), now, TIMING)


def test_a_new_portal_is_run_at_once_and_then_polled() -> None:
    assert due(begun(5.0), 5.0) == PortalTask("run", "start")
    schedule = after_run()
    assert due(schedule, 29.0) is None
    assert due(schedule, 30.0) == PortalTask("poll", "poll")
    assert due(schedule, 660.0) == PortalTask("run", "interval")


def test_nothing_is_due_while_a_task_is_under_way() -> None:
    schedule = started(begun(0.0), PortalTask("run", "start"), 0.0)
    assert due(woken(schedule, "manual", 1.0), 10_000.0) is None
    assert next_due(schedule) == float("inf")


def test_an_event_is_looked_for_at_once_and_again_until_it_is_found() -> None:
    schedule = woken(after_run(), "event", 1.0)
    times = []
    now = 1.0
    while (task := due(schedule, now)) is not None and task.trigger == "event":
        times.append(now)
        schedule = polled(started(schedule, task, now), "event", now, TIMING, hit=False)
        now = min(next_due(schedule), *schedule.looks[:1] or (float("inf"),))
    assert times == [1.0, *(1.0 + look for look in LOOKS)]
    found = polled(started(schedule, PortalTask("poll", "event"), now), "event", now, TIMING, hit=True)
    assert found.looks == ()
    assert due(found, now) == PortalTask("run", "event")


def test_a_wake_up_during_a_run_leads_to_one_more_run() -> None:
    schedule = started(begun(0.0), PortalTask("run", "start"), 0.0)
    for _ in range(5):
        schedule = woken(schedule, "push", 1.0)
    schedule = ran(schedule, 2.0, TIMING)
    assert due(schedule, 2.0) == PortalTask("run", "push")
    schedule = ran(started(schedule, PortalTask("run", "push"), 2.0), 3.0, TIMING)
    assert due(schedule, 3.0) is None


def test_failures_back_off_up_to_fifteen_minutes_with_jitter() -> None:
    schedule, now, pauses = begun(0.0), 0.0, []
    for _ in range(12):
        schedule = failed(started(schedule, PortalTask("run", "interval"), now), now)
        assert due(schedule, now + FIRST_PAUSE / 2 - 0.1) is None
        pauses.append(next_due(schedule) - now)
        now = next_due(schedule)
        assert due(schedule, now) is not None
    assert max(pauses) <= LONGEST_PAUSE
    assert len(set(pauses)) > 6


def test_a_user_does_not_wait_for_a_backoff_and_an_event_does() -> None:
    schedule = failed(started(begun(0.0), PortalTask("run", "start"), 0.0), 0.0)
    assert due(woken(schedule, "event", 1.0), 1.0) is None
    for trigger in sorted(AT_ONCE):
        assert due(woken(schedule, trigger, 1.0), 1.0) == PortalTask("run", trigger)


def ended(schedule: Schedule, task: PortalTask | None, now: float, *, ok: bool) -> Schedule:
    """Return the schedule after a task, if there is one, has ended."""
    if task is None:
        return schedule
    if not ok:
        return failed(schedule, now)
    return (
        polled(schedule, task.trigger, now, TIMING, hit=False) if task.kind == "poll" else ran(schedule, now, TIMING)
    )


@given(st.lists(st.sampled_from(["wait", "event", "push", "manual", "start", "ok", "fail"]), max_size=60))
def test_no_request_is_lost_whatever_happens(steps: list[Step]) -> None:
    """What was asked for during or before a task is run after it, once the backoff is over."""
    schedule, now = after_run(), 0.0
    asked = False
    task: PortalTask | None = None
    for step in steps:
        now += 0.5
        match step:
            case "wait":
                now += 100.0
            case "event" | "push" | "manual":
                schedule = woken(schedule, step, now)
                asked = asked or step != "event"
            case "start":
                if task is None and (task := due(schedule, now)) is not None:
                    schedule = started(schedule, task, now)
                    asked = asked and task.kind == "poll"
            case "ok" | "fail":
                schedule, task = ended(schedule, task, now, ok=step == "ok"), None
        assert schedule.busy == (task is not None)
    later = due(ended(schedule, task, now, ok=True), now + LONGEST_PAUSE + 1)
    assert later is not None
    assert later.kind == "run" or not asked
