"""The loop: one thread owns the schedules of all portals; workers poll and run, one task a portal at a time.

Other threads (API, signals) put messages into the inbox; workers put their results there. Readers see `views`, a
mapping that is replaced as a whole.
"""

from __future__ import annotations

import queue
import time
import traceback
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Final

from portalctl.cancellation import Stop
from portalctl.controller.database_errors import StoreError
from portalctl.controller.models import Mode, PortalView, Registered, SignUp, Trigger
from portalctl.controller.polling import Pollers
from portalctl.controller.registrations import UNAVAILABLE
from portalctl.controller.schedule import (
    AT_ONCE,
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
from portalctl.controller.source import Loaded, ManifestSource, ManifestSourceState
from portalctl.controller.state import state_of
from portalctl.controller.turn import Job, RunOutcome, Tools, run_portal
from portalctl.errors import PortalctlError
from portalctl.portals.models import PendingSignUps

WORKERS: Final = 8
LONGEST_WAIT: Final = 1.0  # seconds between two rounds: signals and a stopped clock are noticed
FRESH: Final = 5.0  # seconds: a full run starts from a manifest that was looked at so recently
FRESH_FOR_USERS: Final = 0.5  # the same for runs that a user waits for: what was merged just now counts
STORE_PAUSE: Final = 5.0  # seconds until a database that failed is tried again


@dataclass(frozen=True, slots=True)
class Modes:
    """The mode of each portal: `by_name`, else `default`."""

    default: Mode = "observe"
    by_name: Mapping[str, Mode] = field(default_factory=dict)

    def of(self, name: str) -> Mode:
        return self.by_name.get(name, self.default)


@dataclass(frozen=True, slots=True)
class Woken:
    name: str
    trigger: Trigger


@dataclass(frozen=True, slots=True)
class Pushed:
    """Look for a new manifest now."""


@dataclass(frozen=True, slots=True)
class SourceLooked:
    state: ManifestSourceState


@dataclass(frozen=True, slots=True)
class Polled:
    name: str
    trigger: Trigger
    found: PendingSignUps | None  # None: the portal could not be read
    error: str = ""


@dataclass(frozen=True, slots=True)
class Ended:
    name: str
    outcome: RunOutcome | None  # None: the database could not record the run
    judged: PendingSignUps | None
    error: str = ""


@dataclass(frozen=True, slots=True)
class Reported:
    """A sign-up that waits for the next run of a portal. `answer` gets the outcome."""

    name: str
    sign_up: SignUp
    answer: Future[Registered]


Message = Reported | Woken | Pushed | SourceLooked | Polled | Ended
Observe = Callable[[PortalView | None, PortalView, RunOutcome | None], None]


class Loop:
    """`run` is the owning thread's; `wake`, `push` and `stop.ask` may be called from any.

    Args:
        observe: gets each new view of a portal, with the one before and the outcome of the run, in the loop's
            thread; it must not block.
        refresh: seconds between two looks at the source.
    """

    def __init__(
        self,
        source: ManifestSource,
        tools: Tools,
        pollers: Pollers,
        modes: Modes,
        *,
        timing: Timing,
        refresh: float = 60.0,
        observe: Observe = lambda _before, _now, _outcome: None,
        stop: Stop | None = None,
        workers: int = WORKERS,
    ) -> None:
        self.views: Mapping[str, PortalView] = {}
        self.loaded: Loaded | None = None
        self.problem: str | None = "the manifest was not read yet"
        self.alive_at: datetime | None = None
        self.store_problem: str | None = None
        self.stop = stop or Stop()
        self._tried: set[str] = set()  # portals that were run at least once, whatever came of it
        self._source = source
        self._tools = tools
        self._pollers = pollers
        self._modes = modes
        self._timing = timing
        self._refresh = refresh
        self._observe = observe
        self._inbox: queue.SimpleQueue[Message] = queue.SimpleQueue()
        self._schedules: dict[str, Schedule] = {}
        self.outcomes: dict[str, RunOutcome] = {}
        self._poll_errors: dict[str, str] = {}
        self._judged: dict[str, PendingSignUps] = {}
        self._reported: dict[str, list[Reported]] = {}
        self._source_state = ManifestSourceState()
        self._source_busy = False
        self._source_at = float("-inf")
        self._push = True
        self._pool = ThreadPoolExecutor(workers, "portal")
        self._source_pool = ThreadPoolExecutor(1, "source")

    # --- any thread

    def wake(self, name: str, trigger: Trigger) -> None:
        self._inbox.put(Woken(name, trigger))

    def push(self) -> None:
        self._inbox.put(Pushed())

    def report(self, name: str, sign_up: SignUp) -> Future[Registered]:
        """Let the next run of a portal decide a sign-up, and return where its outcome will be."""
        reported = Reported(name, sign_up, Future())
        self._inbox.put(reported)
        return reported.answer

    # --- the loop's thread

    def run(self, *, once: bool = False) -> None:
        """Go round until `stop` is asked, or, with `once`, until each portal was run once, then drain."""
        try:
            while not self.stop.asked and not (once and self._all_ran()):
                self.alive_at = datetime.now(UTC)
                self._begin_due(once=once)
                self._receive(self._pause())
        finally:
            self._drain()

    def _all_ran(self) -> bool:
        if self._source_state.loaded is None:
            return not self._source_busy and self._source_at > float("-inf")
        return self._tried >= self._schedules.keys()

    def _drain(self) -> None:
        """Wait for what is under way: runs end after their writes in flight, since they share `stop`."""
        self._pool.shutdown(wait=True, cancel_futures=True)
        self._source_pool.shutdown(wait=True, cancel_futures=True)
        with suppress(queue.Empty):
            while True:
                self._handle(self._inbox.get_nowait())
        for waiting in self._reported.values():
            _answer(waiting, {})
        self._pollers.close()
        self.alive_at = None

    def _pause(self) -> float:
        now = time.monotonic()
        least = 0.05 if self._source_busy else 0.0  # runs that are due wait for it
        times = [next_due(schedule) for schedule in self._schedules.values()]
        return max(least, min(LONGEST_WAIT, min(times, default=now + LONGEST_WAIT) - now))

    def _receive(self, seconds: float) -> None:
        """Handle what is in the inbox; wait for the first message for at most `seconds`."""
        try:
            self._handle(self._inbox.get(timeout=seconds) if seconds > 0 else self._inbox.get_nowait())
            while True:
                self._handle(self._inbox.get_nowait())
        except queue.Empty:
            return

    def _begin_due(self, *, once: bool) -> None:
        now = time.monotonic()
        tasks = {name: task for name, one in self._schedules.items() if (task := due(one, now)) is not None}
        ages = [
            FRESH_FOR_USERS if task.trigger in AT_ONCE else FRESH for task in tasks.values() if task.kind == "run"
        ]
        stale = now - self._source_at > min(ages, default=self._refresh)
        if (stale or self._push) and not self._source_busy:
            self._source_busy, self._push = True, False
            self._source_pool.submit(self._look)
        for name, task in tasks.items():
            if task.kind == "run" and self._source_busy:
                continue  # it starts from the newest manifest
            if once and (name in self._tried or task.kind == "poll"):
                continue
            self._schedules[name] = started(self._schedules[name], task, now)
            if task.kind == "poll":
                self._pool.submit(self._poll, name, task)
            else:
                self._pool.submit(self._run, name, task, self._reported.pop(name, []))

    def _handle(self, message: Message) -> None:
        now = time.monotonic()
        if isinstance(message, Woken):
            if message.name in self._schedules:
                self._schedules[message.name] = woken(self._schedules[message.name], message.trigger, now)
        elif isinstance(message, Reported):
            self._report_to_run(message, now)
        elif isinstance(message, Pushed):
            self._push = True
        elif isinstance(message, SourceLooked):
            self._source_looked(message, now)
        elif message.name not in self._schedules:
            return  # the portal has left the manifest
        elif isinstance(message, Polled):
            self._polled(message, now)
        else:
            self._ended(message, now)

    def _report_to_run(self, message: Reported, now: float) -> None:
        schedule = self._schedules.get(message.name)
        if schedule is None:
            message.answer.set_result(UNAVAILABLE)
            return
        self._reported.setdefault(message.name, []).append(message)
        self._schedules[message.name] = woken(schedule, "registration", now)

    def _source_looked(self, message: SourceLooked, now: float) -> None:
        self._source_busy, self._source_at = False, now
        before, self._source_state = self._source_state, message.state
        self.problem = message.state.problem
        if before.problem != message.state.problem and message.state.problem is not None:
            self._tools.log.error("manifest", problem=message.state.problem)
        loaded = message.state.loaded
        new = loaded is not None and (message.state.changed or self.loaded is None)
        if loaded is not None and new:
            self._take(loaded, now)
        if new or before.problem != message.state.problem:
            for name in self._schedules:
                self._show(name)

    def _take(self, loaded: Loaded, now: float) -> None:
        """Follow another manifest: new portals begin, those that left end, all are run soon."""
        first = self.loaded is None
        self.loaded = loaded
        names = loaded.manifest.portals
        self._tools.log.info("manifest", commit=loaded.commit, digest=loaded.manifest.digest, portals=len(names))
        try:
            self._tools.store.first_start(names, self._tools.clock())
        except StoreError as error:
            self._store_failed(error)
        for name in self._schedules.keys() - names.keys():
            for table in (self._schedules, self.outcomes, self._poll_errors, self._judged):
                table.pop(name, None)
            self._pollers.renew(name)
        self.views = {name: view for name, view in self.views.items() if name in names}
        for name in names:
            known = self._schedules.get(name)
            trigger: Trigger = "start" if first else "push"
            self._schedules[name] = begun(now, trigger) if known is None else woken(known, trigger, now)
            self._pollers.renew(name)

    def _polled(self, message: Polled, now: float) -> None:
        schedule = self._schedules[message.name]
        if message.found is None:
            self._poll_errors[message.name] = message.error
            self._schedules[message.name] = failed(schedule, now)
        else:
            self._poll_errors.pop(message.name, None)
            hit = is_new(message.found, self._judged.get(message.name))
            self._schedules[message.name] = polled(schedule, message.trigger, now, self._timing, hit=hit)
        self._show(message.name)

    def _ended(self, message: Ended, now: float) -> None:
        schedule = self._schedules[message.name]
        self._tried.add(message.name)
        outcome = message.outcome
        if outcome is None:  # an error, or another writer has the lease: the next run tries again
            self.store_problem = message.error or None
            self._schedules[message.name] = failed(schedule, now)
            self._show(message.name)
            return
        self.store_problem = None
        self.outcomes[message.name] = outcome
        if outcome.read:
            self._poll_errors.pop(message.name, None)
            self._schedules[message.name] = ran(schedule, now, self._timing)
            if message.judged is not None:
                self._judged[message.name] = message.judged
        else:
            self._schedules[message.name] = failed(schedule, now)
        self._show(message.name, outcome)

    def _store_failed(self, error: StoreError) -> None:
        self.store_problem = error.message
        self._tools.log.error("database", problem=error.message)

    def _show(self, name: str, outcome: RunOutcome | None = None) -> None:
        """Publish the view of a portal."""
        before = self.views.get(name)
        view = self._view(name)
        self.views = {**self.views, name: view}
        if outcome is not None or before is None or replace(before, next_run=None) != replace(view, next_run=None):
            self._observe(before, view, outcome)

    def _view(self, name: str) -> PortalView:
        assert self.loaded is not None  # noqa: S101 (there are schedules)
        portal = self.loaded.manifest.portals[name]
        last = self.outcomes.get(name)
        problems = [*(last.problems if last is not None else ())]
        problems += filter(None, (self._poll_errors.get(name), self._source_state.problem, self.store_problem))
        key = last.key if last is not None else None
        suspension = None
        with suppress(StoreError):
            suspension = self._tools.store.suspension(key or name, self._tools.clock())
        wait = next_due(self._schedules[name]) - time.monotonic()
        return PortalView(
            name=name,
            provider=portal.provider,
            key=key,
            mode=self._modes.of(name),
            state=state_of(
                suspension=suspension,
                problems=problems,
                held=last.held if last is not None else None,
                drift=last.drift if last is not None else {"backlog": 1},  # not read yet: unknown is not in sync
                contested=last.contested if last is not None else frozenset(),
            ),
            last_run=last.record.ended_at if last is not None else None,
            next_run=self._tools.clock() + timedelta(seconds=max(0.0, wait)) if wait < float("inf") else None,
            commit=self.loaded.commit,
            held=last.held if last is not None else None,
            suspension=suspension,
            problems=tuple(problems),
            drift=last.drift if last is not None else None,
            pending=last.pending if last is not None else 0,
            oldest_pending=last.oldest_pending if last is not None else None,
            median_pending=last.median_pending if last is not None else None,
            contested=len(last.contested) if last is not None else 0,
            waiting=last.waiting if last is not None else (),
            observing=last.observing if last is not None else "",
        )

    # --- workers

    def _look(self) -> None:
        try:
            state = self._source.look()
        except Exception as error:  # the last good manifest holds, and the next look tries again
            self._tools.log.error("unexpected", error=type(error).__name__, trace=traceback.format_exc())
            state = replace(self._source_state, problem=f"unexpected {type(error).__name__}", changed=False)
        self._inbox.put(SourceLooked(state))

    def _poll(self, name: str, task: PortalTask) -> None:
        try:
            found = self._pollers.pending(name)
        except PortalctlError as error:
            self._inbox.put(Polled(name, task.trigger, None, ". ".join((error.message, *error.advice))))
        except Exception as error:  # one portal's failure never stops the others
            self._tools.log.error("unexpected", portal=name, error=type(error).__name__)
            self._inbox.put(Polled(name, task.trigger, None, f"unexpected {type(error).__name__}"))
        else:
            self._inbox.put(Polled(name, task.trigger, found))

    def _run(self, name: str, task: PortalTask, reported: Sequence[Reported]) -> None:
        """Run a portal, and answer the sign-ups that were reported for it whatever happens."""
        outcome = None
        try:
            outcome = self._ran(name, task, tuple({one.sign_up.email: one.sign_up for one in reported}.values()))
        finally:
            _answer(reported, outcome.registered if outcome is not None else {})

    def _ran(self, name: str, task: PortalTask, sign_ups: tuple[SignUp, ...]) -> RunOutcome | None:
        loaded, state = self.loaded, self._source_state
        assert loaded is not None  # noqa: S101 (there are schedules)
        judged = None
        with suppress(Exception):  # the run itself reports what is wrong; without marks the next poll leads to a run
            judged = self._pollers.pending(name)
        blocked = state.problem if state.untrusted else None
        try:
            job = Job(name, loaded, self._modes.of(name), task.trigger, blocked, sign_ups)
            outcome = run_portal(job, self._tools)
        except StoreError as error:
            self._inbox.put(Ended(name, None, None, error.message))
        except Exception as error:
            self._tools.log.error("unexpected", portal=name, error=type(error).__name__)
            self._inbox.put(Ended(name, None, None, f"unexpected {type(error).__name__}"))
        else:
            self._inbox.put(Ended(name, outcome, judged))
            return outcome
        return None


def _answer(reported: Iterable[Reported], outcomes: Mapping[str, Registered]) -> None:
    for one in reported:
        one.answer.set_result(outcomes.get(one.sign_up.email, UNAVAILABLE))


def is_new(found: PendingSignUps, judged: PendingSignUps | None) -> bool:
    """Return whether a poll shows a sign-up that no full run decided. One that waits by policy is not new."""
    return judged is None or found.total > judged.total or not found.marks <= judged.marks
