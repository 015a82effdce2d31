"""The schedules that replicas share in PostgreSQL. Implements `Turns`; the queue decides who has a portal's turn.

A portal's progress is one row. The replica that has the turn reads in it what is due, notes it there, and clears
it at the end; a task that was noted and has no job any more was that of a replica which died, and is due again.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Collection
from dataclasses import replace
from functools import cache
from typing import Final
from uuid import uuid4

from pydantic import TypeAdapter
from sqlalchemy import Connection

from portalctl.controller.logs import Log
from portalctl.controller.models import Registered, SignUp, Trigger
from portalctl.controller.progress_json import dump_progress, load_progress
from portalctl.controller.registrations import UNAVAILABLE
from portalctl.controller.replica_queue import ReplicaQueue
from portalctl.controller.schedule import PortalTask, begun, due, started, woken
from portalctl.controller.store import Store
from portalctl.controller.turn import HOLDER
from portalctl.controller.turns import WORKERS, Carrier, PortalProgress, ProgressChange
from portalctl.run_context import utc_now

REFRESH_SECONDS: Final = 0.25  # at least, between two looks at the rows
EARLY_SECONDS: Final = 0.5  # a job that comes so much too early is not too early: clocks differ
PAUSE_SECONDS: Final = 1.0  # of a replica that may not take a turn now, so that others get it
ANSWER_SECONDS: Final = 0.2  # between two looks for the answer to a sign-up


class SharedTurns:
    """The schedules of all replicas."""

    def __init__(self, store: Store, log: Log, workers: int = WORKERS) -> None:
        self.progress: dict[str, PortalProgress] = {}
        self._store = store
        self._log = log
        self._numbers: dict[str, int] = {}
        self._turn_ids: dict[str, str] = {}  # of the turns that this process has
        self._offset = 0.0
        self._refreshed = float("-inf")
        self._closed = threading.Event()
        self._carrier: Carrier | None = None
        self._queue = ReplicaQueue(store.engine.url, self._take, log, workers)

    # --- the loop's thread

    def now(self) -> float:
        """Return the time of the database's clock, in seconds since 1970."""
        return time.monotonic() + self._offset

    def start(self, carrier: Carrier) -> None:
        self._carrier = carrier
        self._set_clock()
        self._queue.start()

    def follow(self, names: Collection[str], manifest: str) -> None:
        first = not self.progress

        def change(known: PortalProgress) -> PortalProgress:
            if known.manifest == manifest and not first:
                return known  # another replica has followed it
            schedule = woken(known.schedule, "start" if first else "push", self.now())
            return replace(known, schedule=schedule, manifest=manifest)

        found = {name: self._changed(name, change) for name in names}
        self.progress = {name: progress for name, (_, progress) in found.items()}
        self._numbers = {name: number for name, (number, _) in found.items()}

    def change(self, name: str, change: ProgressChange) -> None:
        """Record the end of a task, unless another replica has taken over the turn."""
        turn = self._turn_ids.get(name)

        def settled(known: PortalProgress) -> PortalProgress:
            return replace(change(known), under_way=None) if known.turn == turn else known

        self._numbers[name], self.progress[name] = self._changed(name, settled)

    def begin(self, name: str, task: PortalTask) -> None:  # noqa: ARG002 (the replica that has the turn decides)
        self._store.in_transaction(lambda connection: self._queue.add(connection, name))
        known = self.progress[name]
        self.progress[name] = replace(known, schedule=replace(known.schedule, busy=True))

    def refresh(self) -> Collection[str]:
        if time.monotonic() - self._refreshed < REFRESH_SECONDS:
            return ()
        self._set_clock()
        rows = self._store.turns()
        changed = [name for name in self.progress if name in rows and rows[name][0] != self._numbers[name]]
        for name, (number, body) in (self._store.turn_bodies(changed) if changed else {}).items():
            self._numbers[name], self.progress[name] = number, load_progress(body)
        for name, known in self.progress.items():
            queued = name in rows and rows[name][1]
            now = known if queued else _recovered(known, self.now())
            self.progress[name] = replace(now, schedule=replace(now.schedule, busy=queued))
        self._refreshed = time.monotonic()
        return changed

    def close(self, pump: Callable[[], None]) -> None:
        self._closed.set()
        self._queue.stop()
        while self._queue.alive:
            pump()
            time.sleep(0.01)

    # --- any thread

    def wake(self, name: str, trigger: Trigger) -> None:
        """Record a wake-up and add its job, both or none of them."""

        def change(known: PortalProgress) -> PortalProgress:
            return replace(known, schedule=woken(known.schedule, trigger, self.now()))

        self._changed(name, change, add_job=True)

    def register(self, name: str, sign_up: SignUp, seconds: float) -> Registered:
        """Any replica may run the portal: the sign-up and its answer go through the database."""
        sign_up_id, deadline = uuid4().hex, time.monotonic() + seconds
        self._store.add_sign_up(sign_up_id, name, _sign_ups().dump_json(sign_up).decode(), utc_now())
        try:
            self.wake(name, "registration")
            while time.monotonic() < deadline and not self._closed.wait(ANSWER_SECONDS):
                answer = self._store.sign_up_answer(sign_up_id)
                if answer is not None:
                    return _answers().validate_json(answer)
            return UNAVAILABLE
        finally:
            self._store.remove_sign_up(sign_up_id)

    # --- a worker's thread, with the portal's turn

    def _take(self, name: str) -> None:
        """Take a portal's turn: do what is due, if this process may."""
        assert self._carrier is not None  # noqa: S101 (set at the start)
        task = self._due(name)
        if task is None:
            return
        if not self._carrier.ready(name, task) or not self._leases_ended(name, task):
            self._closed.wait(PAUSE_SECONDS)
            return
        task = self._begun(name)
        if task is None:
            return
        waiting: dict[str, SignUp] = {}
        if task.kind == "run":
            self._log.info("turn", portal=name, trigger=task.trigger)
            for run in self._store.interrupted_runs(utc_now(), name):
                self._log.warning("interrupted", portal=name, run=run.id)
            bodies = self._store.sign_ups(name)
            waiting = {key: _sign_ups().validate_json(body) for key, body in bodies.items()}
        done = self._carrier.carry_out(name, task, tuple({one.email: one for one in waiting.values()}.values()))
        done.settled.wait()
        if waiting:
            outcomes = {key: done.registered.get(one.email, UNAVAILABLE) for key, one in waiting.items()}
            self._store.answer_sign_ups({key: _answers().dump_json(one).decode() for key, one in outcomes.items()})

    def _due(self, name: str) -> PortalTask | None:
        found = self._store.turn_bodies([name]).get(name)
        now = self.now()
        return (
            due(_recovered(load_progress(found[1]), now).schedule, now + EARLY_SECONDS) if found is not None else None
        )

    def _begun(self, name: str) -> PortalTask | None:
        """Note in the row what is done now; None: nothing is due any more."""
        turn = uuid4().hex

        def change(known: PortalProgress) -> PortalProgress:
            now = self.now()
            current = _recovered(known, now)
            task = due(current.schedule, now + EARLY_SECONDS)
            if task is None:
                return known
            schedule = replace(started(current.schedule, task, now), busy=False)
            return replace(current, schedule=schedule, under_way=task, turn=turn)

        _, progress = self._changed(name, change)
        if progress.turn != turn:
            return None
        self._turn_ids[name] = turn
        return progress.under_way

    def _leases_ended(self, name: str, task: PortalTask) -> bool:
        """Wait until the lease of a replica that died has ended; its writes in flight have ended by then, too."""
        key = self._store.portal_named(name) if task.kind == "run" else None
        while key is not None:
            lease = self._store.lease(key, self._store.time())
            if lease is None or not lease.holder.startswith(f"{HOLDER}:"):
                return True
            if self._closed.wait(PAUSE_SECONDS / 2):
                return False
        return True

    def _changed(self, name: str, change: ProgressChange, *, add_job: bool = False) -> tuple[int, PortalProgress]:
        def change_row(connection: Connection, body: str) -> str | None:
            known = load_progress(body)
            changed = change(known)
            if add_job:
                self._queue.add(connection, name)
            return dump_progress(changed) if changed != known else None

        number, body = self._store.change_turn(name, dump_progress(PortalProgress(begun(self.now()))), change_row)
        return number, load_progress(body)

    def _set_clock(self) -> None:
        self._offset = self._store.time().timestamp() - time.monotonic()


def _recovered(known: PortalProgress, now: float) -> PortalProgress:
    """Return the progress after a task that ended with its replica: its wake-up is not lost."""
    task = known.under_way
    if task is None:
        return known
    schedule = known.schedule
    if task.kind == "run" or task.trigger == "event":
        schedule = woken(schedule, schedule.waiting or task.trigger if task.kind == "run" else "event", now)
    return replace(known, schedule=schedule, under_way=None)


@cache
def _sign_ups() -> TypeAdapter[SignUp]:
    return TypeAdapter(SignUp)


@cache
def _answers() -> TypeAdapter[Registered]:
    return TypeAdapter(Registered)
