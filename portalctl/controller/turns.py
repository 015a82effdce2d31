"""Who has the turn: the schedules of all portals, and the workers that carry out what is due.

One process keeps schedules in memory (`LocalTurns`); replicas share them through PostgreSQL (`shared_turns.py`).
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Collection, Iterable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from typing import Final, Protocol

from portalctl.controller.models import PortalView, Registered, SignUp, Trigger
from portalctl.controller.registrations import UNAVAILABLE
from portalctl.controller.schedule import PortalTask, Schedule, begun, started, woken
from portalctl.portals.models import PendingSignUps

WORKERS: Final = 8


@dataclass(frozen=True, slots=True)
class PortalProgress:
    """When a portal is due, and what its last tasks left.

    `seen`: the view of its last run, without what belongs to one process only (problems of the manifest's source and
    of the database). `judged`: the pending sign-ups that its last run decided. `poll_error`: why the last poll
    failed.

    Between replicas also: `under_way`, a task that has begun and not ended, `turn`, the id of its turn, and
    `manifest`, the digest of the manifest that was last followed.
    """

    schedule: Schedule
    seen: PortalView | None = None
    judged: PendingSignUps | None = None
    poll_error: str | None = None
    under_way: PortalTask | None = None
    turn: str = ""
    manifest: str = ""


@dataclass(frozen=True, slots=True)
class Done:
    """A task that has ended. `settled` is set once the loop has recorded what it left."""

    registered: Mapping[str, Registered] = field(default_factory=dict)
    settled: threading.Event = field(default_factory=threading.Event)


class Carrier(Protocol):
    """What turns ask of the loop. All methods can be called from any thread."""

    def woken(self, name: str, trigger: Trigger) -> None:
        """Let the loop's thread record a wake-up."""

    def ready(self, name: str, task: PortalTask) -> bool:
        """Return whether this process may carry out a task: after a look at the manifest, for a run."""

    def carry_out(self, name: str, task: PortalTask, sign_ups: tuple[SignUp, ...]) -> Done:
        """Carry out a task in the caller's thread."""


ProgressChange = Callable[[PortalProgress], PortalProgress]


class Turns(Protocol):
    """The schedules. The loop's thread calls all methods, except `wake` and `register`. Methods raise StoreError."""

    @property
    def progress(self) -> Mapping[str, PortalProgress]:
        """The portals that are followed, by name."""

    def now(self) -> float:
        """Return the time of the clock that schedules are in, in seconds."""

    def start(self, carrier: Carrier) -> None:
        """Begin to carry out tasks."""

    def follow(self, names: Collection[str], manifest: str) -> None:
        """Follow these portals, all due soon, and no others."""

    def change(self, name: str, change: ProgressChange) -> None:
        """Change the progress of a portal."""

    def begin(self, name: str, task: PortalTask) -> None:
        """Let a worker carry out a task that is due."""

    def refresh(self) -> Collection[str]:
        """Return the portals that others have changed since the last call."""

    def wake(self, name: str, trigger: Trigger) -> None:
        """Ask for a run of a portal soon. From any thread; where it returns, the wake-up is not lost."""

    def register(self, name: str, sign_up: SignUp, seconds: float) -> Registered:
        """Let the next run of a portal decide a sign-up, and wait for the outcome. From any thread."""

    def close(self, pump: Callable[[], None]) -> None:
        """End after the tasks under way. `pump` handles the loop's messages while they end."""


@dataclass(frozen=True, slots=True)
class _Reported:
    """A sign-up that waits for the next run of a portal. `answer` gets the outcome."""

    sign_up: SignUp
    answer: Future[Registered] = field(default_factory=Future)


class LocalTurns:
    """The schedules of the only process, in memory. Implements `Turns`."""

    def __init__(self, workers: int = WORKERS) -> None:
        self.progress: dict[str, PortalProgress] = {}
        self._reported: dict[str, list[_Reported]] = {}
        self._pool = ThreadPoolExecutor(workers, "portal")
        self._lock = threading.Lock()
        self._carrier: Carrier | None = None

    def now(self) -> float:
        return time.monotonic()

    def start(self, carrier: Carrier) -> None:
        self._carrier = carrier

    def follow(self, names: Collection[str], manifest: str) -> None:  # noqa: ARG002 (of the protocol)
        now, first = self.now(), not self.progress
        for name in self.progress.keys() - set(names):
            del self.progress[name]
        for name in names:
            known = self.progress.get(name)
            if known is None:
                schedule = begun(now, "start" if first else "push")
                self.progress[name] = PortalProgress(schedule)
            else:
                self.progress[name] = replace(known, schedule=woken(known.schedule, "push", now))

    def change(self, name: str, change: ProgressChange) -> None:
        self.progress[name] = change(self.progress[name])

    def begin(self, name: str, task: PortalTask) -> None:
        known = self.progress[name]
        self.progress[name] = replace(known, schedule=started(known.schedule, task, self.now()))
        with self._lock:
            reported = self._reported.pop(name, []) if task.kind == "run" else []
        self._pool.submit(self._carry_out, name, task, reported)

    def refresh(self) -> Collection[str]:
        return ()

    def wake(self, name: str, trigger: Trigger) -> None:
        assert self._carrier is not None  # noqa: S101 (set at the start)
        self._carrier.woken(name, trigger)

    def register(self, name: str, sign_up: SignUp, seconds: float) -> Registered:
        reported = _Reported(sign_up)
        with self._lock:
            self._reported.setdefault(name, []).append(reported)
        self.wake(name, "registration")
        try:
            return reported.answer.result(seconds)
        except TimeoutError:
            return UNAVAILABLE

    def close(self, pump: Callable[[], None]) -> None:
        self._pool.shutdown(wait=True, cancel_futures=True)
        pump()
        for waiting in self._reported.values():
            _answer(waiting, {})

    def _carry_out(self, name: str, task: PortalTask, reported: list[_Reported]) -> None:
        """Carry out a task, and answer the sign-ups that were reported for it whatever happens."""
        assert self._carrier is not None  # noqa: S101 (set at the start)
        done = Done()
        try:
            sign_ups = tuple({one.sign_up.email: one.sign_up for one in reported}.values())
            done = self._carrier.carry_out(name, task, sign_ups)
        finally:
            _answer(reported, done.registered)


def _answer(reported: Iterable[_Reported], outcomes: Mapping[str, Registered]) -> None:
    for one in reported:
        one.answer.set_result(outcomes.get(one.sign_up.email, UNAVAILABLE))
