"""The loop: one thread owns the progress of all portals; workers poll and run, one task a portal at a time.

Other threads (API, signals) put messages into the inbox; workers put their results there. Readers see `views`, a
mapping that is replaced as a whole. Where schedules are kept, and which process has a portal's turn: `turns.py`.
"""

from __future__ import annotations

import queue
import threading
import time
import traceback
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Final

from portalctl.cancellation import Stop
from portalctl.controller.database_errors import StoreError
from portalctl.controller.models import Mode, PortalView, Registered, SignUp, Trigger
from portalctl.controller.polling import Pollers
from portalctl.controller.schedule import AT_ONCE, PortalTask, Timing, due, failed, next_due, polled, ran, woken
from portalctl.controller.source import Loaded, ManifestSource, ManifestSourceState
from portalctl.controller.state import state_of
from portalctl.controller.turn import Job, RunOutcome, Tools, run_portal
from portalctl.controller.turns import Done, LocalTurns, PortalProgress, Turns
from portalctl.errors import PortalctlError
from portalctl.portals.models import PendingSignUps

LONGEST_WAIT: Final = 1.0  # seconds between two rounds: signals and a stopped clock are noticed
FRESH: Final = 5.0  # seconds: a full run starts from a manifest that was looked at so recently
FRESH_FOR_USERS: Final = 0.5  # the same for runs that a user waits for: what was merged just now counts
STORE_PAUSE: Final = 5.0  # seconds until a database that failed is tried again
LOOK_SECONDS: Final = 60.0  # how long a worker waits for a look at the manifest


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
    """The end of a poll. `settled` is set once it is recorded, as in `Ended`."""

    name: str
    trigger: Trigger
    found: PendingSignUps | None  # None: the portal could not be read
    error: str = ""
    settled: threading.Event = field(default_factory=threading.Event)


@dataclass(frozen=True, slots=True)
class Ended:
    name: str
    outcome: RunOutcome | None  # None: the database could not record the run
    judged: PendingSignUps | None
    error: str = ""
    settled: threading.Event = field(default_factory=threading.Event)


Message = Woken | Pushed | SourceLooked | Polled | Ended
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
        turns: Turns | None = None,
    ) -> None:
        self.views: Mapping[str, PortalView] = {}
        self.loaded: Loaded | None = None
        self._followed: Loaded | None = None  # the manifest that the schedules follow
        self.problem: str | None = "the manifest was not read yet"
        self.alive_at: datetime | None = None
        self.store_problem: str | None = None
        self._store_at = 0.0  # when it failed
        self.stop = stop or Stop()
        self.outcomes: dict[str, RunOutcome] = {}  # of the last runs in this process
        self._tried: set[str] = set()  # portals that were run at least once, whatever came of it
        self._source = source
        self._tools = tools
        self._pollers = pollers
        self._modes = modes
        self._timing = timing
        self._refresh = refresh
        self._observe = observe
        self._inbox: queue.SimpleQueue[Message] = queue.SimpleQueue()
        self._turns = turns or LocalTurns()
        self._started_at = datetime.now(UTC)
        self._source_state = ManifestSourceState()
        self._source_busy = False
        self._source_at = float("-inf")
        self._looked = threading.Condition()
        self._push = True
        self._source_pool = ThreadPoolExecutor(1, "source")

    # --- any thread

    def wake(self, name: str, trigger: Trigger) -> None:
        """Ask for a run soon. Raises StoreError where the wake-up cannot be recorded for all replicas."""
        self._turns.wake(name, trigger)

    def woken(self, name: str, trigger: Trigger) -> None:
        """See `Carrier.woken`."""
        self._inbox.put(Woken(name, trigger))

    def push(self) -> None:
        self._inbox.put(Pushed())

    def register(self, name: str, sign_up: SignUp, seconds: float) -> Registered:
        """Let the next run of a portal decide a sign-up, and wait for the outcome. Raises StoreError."""
        return self._turns.register(name, sign_up, seconds)

    # --- the loop's thread

    def run(self, *, once: bool = False) -> None:
        """Go round until `stop` is asked, or, with `once`, until each portal was run once, then drain."""
        self._started_at = self._tools.clock()
        self._turns.start(self)
        try:
            while not self.stop.asked and not (once and self._all_ran()):
                self.alive_at = datetime.now(UTC)
                self._go_round(once=once)
                self._receive(self._pause())
        finally:
            self._drain()

    def _all_ran(self) -> bool:
        if self._source_state.loaded is None:
            return not self._source_busy and self._source_at > float("-inf")
        return self._tried >= self._turns.progress.keys()

    def _drain(self) -> None:
        """Wait for what is under way: runs end after their writes in flight, since they share `stop`."""
        self._turns.close(lambda: self._receive(0))
        self._source_pool.shutdown(wait=True, cancel_futures=True)
        self._receive(0)
        self._pollers.close()
        self.alive_at = None

    def _pause(self) -> float:
        now = self._turns.now()
        least = 0.05 if self._source_busy else 0.0  # runs that are due wait for it
        times = [next_due(known.schedule) for known in self._turns.progress.values()]
        return max(least, min(LONGEST_WAIT, min(times, default=now + LONGEST_WAIT) - now))

    def _receive(self, seconds: float) -> None:
        """Handle what is in the inbox; wait for the first message for at most `seconds`."""
        try:
            self._handle(self._inbox.get(timeout=seconds) if seconds > 0 else self._inbox.get_nowait())
            while True:
                self._handle(self._inbox.get_nowait())
        except queue.Empty:
            return

    def _go_round(self, *, once: bool) -> None:
        """Show what other replicas did, and begin what is due. A database that fails is tried again."""
        try:
            for name in self._turns.refresh():
                self._show(name)
                if (self.views[name].last_run or datetime.min.replace(tzinfo=UTC)) >= self._started_at:
                    self._tried.add(name)  # by another replica
            self._begin_due(once=once)
            self._check_store()
        except StoreError as error:
            self._store_failed(error)

    def _check_store(self) -> None:
        """Try a database that failed again. Raises StoreError while it fails."""
        if self.store_problem is not None and time.monotonic() - self._store_at > STORE_PAUSE:
            self._tools.store.check_writable(self._tools.clock())
            self._tools.log.info("database", recovered=True)
            self.store_problem = None
            for name in self._turns.progress:
                self._show(name)

    def _begin_due(self, *, once: bool) -> None:
        at, progress = self._turns.now(), self._turns.progress
        tasks = {name: task for name, known in progress.items() if (task := due(known.schedule, at)) is not None}
        ages = [
            FRESH_FOR_USERS if task.trigger in AT_ONCE else FRESH for task in tasks.values() if task.kind == "run"
        ]
        stale = time.monotonic() - self._source_at > min(ages, default=self._refresh)
        if (stale or self._push) and not self._source_busy:
            self._source_busy, self._push = True, False
            self._source_pool.submit(self._look)
        for name, task in tasks.items():
            if task.kind == "run" and self._source_busy:
                continue  # it starts from the newest manifest
            if once and (name in self._tried or task.kind == "poll"):
                continue
            self._turns.begin(name, task)

    def _handle(self, message: Message) -> None:
        if isinstance(message, Pushed):
            self._push = True
            return
        try:
            self._record(message)
        except StoreError as error:
            self._store_failed(error)
        finally:
            if isinstance(message, Polled | Ended):
                message.settled.set()

    def _record(self, message: Woken | SourceLooked | Polled | Ended) -> None:
        """Record the content of a message. Raises StoreError."""
        now = self._turns.now()
        if isinstance(message, SourceLooked):
            self._source_looked(message)
        elif message.name not in self._turns.progress:
            return  # the portal has left the manifest
        elif isinstance(message, Woken):
            trigger = message.trigger
            self._turns.change(
                message.name, lambda known: replace(known, schedule=woken(known.schedule, trigger, now))
            )
        elif isinstance(message, Polled):
            self._polled(message, now)
        else:
            self._ended(message, now)

    def _source_looked(self, message: SourceLooked) -> None:
        before, self._source_state = self._source_state, message.state
        self.problem = message.state.problem
        if before.problem != message.state.problem and message.state.problem is not None:
            self._tools.log.error("manifest", problem=message.state.problem)
        loaded = message.state.loaded
        new = loaded is not None and loaded is not self._followed
        try:
            if loaded is not None and new:
                self._take(loaded)
        finally:
            with self._looked:
                self._source_busy, self._source_at = False, time.monotonic()
                self._looked.notify_all()
        if new or before.problem != message.state.problem:
            for name in self._turns.progress:
                self._show(name)

    def _take(self, loaded: Loaded) -> None:
        """Follow another manifest: new portals begin, those that left end, all are run soon. Raises StoreError."""
        self.loaded = loaded
        names = loaded.manifest.portals
        self._tools.log.info("manifest", commit=loaded.commit, digest=loaded.manifest.digest, portals=len(names))
        for name in self._turns.progress.keys() | names.keys():
            self._pollers.renew(name)
        self.outcomes = {name: outcome for name, outcome in self.outcomes.items() if name in names}
        self.views = {name: view for name, view in self.views.items() if name in names}
        try:
            self._tools.store.first_start(names, self._tools.clock())
        except StoreError as error:
            self._store_failed(error)
        self._turns.follow(names, loaded.manifest.digest)
        self._followed = loaded

    def _polled(self, message: Polled, now: float) -> None:
        found, timing = message.found, self._timing

        def change(known: PortalProgress) -> PortalProgress:
            if found is None:
                return replace(known, schedule=failed(known.schedule, now), poll_error=message.error)
            hit = is_new(found, known.judged)
            schedule = polled(known.schedule, message.trigger, now, timing, hit=hit)
            return replace(known, schedule=schedule, poll_error=None)

        self._turns.change(message.name, change)
        self._show(message.name, own=True)

    def _ended(self, message: Ended, now: float) -> None:
        self._tried.add(message.name)
        outcome, timing = message.outcome, self._timing

        def change(known: PortalProgress) -> PortalProgress:
            if outcome is None:  # an error, or another writer has the lease: the next run tries again
                return replace(known, schedule=failed(known.schedule, now))
            if not outcome.read:
                return replace(known, schedule=failed(known.schedule, now), seen=self._seen(message.name, outcome))
            schedule = ran(known.schedule, now, timing)
            if outcome.record.state == "interrupted":
                schedule = woken(schedule, "start", now)  # this process ends: another replica does the rest
            judged = message.judged if message.judged is not None else known.judged
            return replace(
                known, schedule=schedule, seen=self._seen(message.name, outcome), judged=judged, poll_error=None
            )

        if outcome is not None:
            self.store_problem = None
        elif message.error:
            self.store_problem, self._store_at = message.error, time.monotonic()
        if outcome is not None:
            self.outcomes[message.name] = outcome
        self._turns.change(message.name, change)
        self._show(message.name, outcome, own=True)

    def _store_failed(self, error: StoreError) -> None:
        if self.store_problem != error.message:
            self._tools.log.error("database", problem=error.message)
        self.store_problem, self._store_at = error.message, time.monotonic()

    def _show(self, name: str, outcome: RunOutcome | None = None, *, own: bool = False) -> None:
        """Publish the view of a portal. `own`: a task of this process led to it, so that it is announced."""
        before = self.views.get(name)
        view = self._view(name)
        self.views = {**self.views, name: view}
        changed = before is None or replace(before, next_run=None) != replace(view, next_run=None)
        if outcome is not None or (changed and own):
            self._observe(before, view, outcome)

    def _seen(self, name: str, outcome: RunOutcome) -> PortalView:
        """Return what a run found, as all replicas show it."""
        assert self.loaded is not None  # noqa: S101 (it was run)
        return PortalView(
            name=name,
            provider=self.loaded.manifest.portals[name].provider,
            key=outcome.key,
            mode=self._modes.of(name),
            state="in_sync",
            last_run=outcome.record.ended_at,
            held=outcome.held,
            problems=outcome.problems,
            drift=outcome.drift,
            pending=outcome.pending,
            oldest_pending=outcome.oldest_pending,
            median_pending=outcome.median_pending,
            contested=len(outcome.contested),
            waiting=outcome.waiting,
            observing=outcome.observing,
        )

    def _view(self, name: str) -> PortalView:
        """Return the view of a portal: what its last run found, and what is wrong since then."""
        assert self.loaded is not None  # noqa: S101 (there are schedules)
        known, provider = self._turns.progress[name], self.loaded.manifest.portals[name].provider
        seen = known.seen or PortalView(name, provider, None, self._modes.of(name), "failing")
        problems = (*seen.problems, *filter(None, (known.poll_error, self._source_state.problem, self.store_problem)))
        suspension = None
        with suppress(StoreError):
            suspension = self._tools.store.suspension(seen.key or name, self._tools.clock())
        wait = next_due(known.schedule) - self._turns.now()
        return replace(
            seen,
            provider=provider,
            mode=self._modes.of(name),
            state=state_of(
                suspension=suspension,
                problems=problems,
                held=seen.held,
                drift=seen.drift if seen.drift is not None else {"backlog": 1},  # not read yet: unknown, not in sync
                contested=range(seen.contested),
            ),
            next_run=self._tools.clock() + timedelta(seconds=max(0.0, wait)) if wait < float("inf") else None,
            commit=self.loaded.commit,
            suspension=suspension,
            problems=problems,
        )

    # --- workers

    def _look(self) -> None:
        try:
            state = self._source.look()
        except Exception as error:  # the last good manifest holds, and the next look tries again
            self._tools.log.error("unexpected", error=type(error).__name__, trace=traceback.format_exc())
            state = replace(self._source_state, problem=f"unexpected {type(error).__name__}", changed=False)
        self._inbox.put(SourceLooked(state))

    def ready(self, name: str, task: PortalTask) -> bool:
        """See `Carrier.ready`: a run starts from a manifest that was just looked at, never from an older commit."""
        if task.kind == "run" and not self._looked_lately(FRESH_FOR_USERS if task.trigger in AT_ONCE else FRESH):
            return False
        loaded = self.loaded
        return loaded is not None and name in loaded.manifest.portals and self._source.is_newest(loaded)

    def _looked_lately(self, seconds: float) -> bool:
        """Wait until the manifest was looked at since `seconds` ago. Returns False where that takes too long."""
        oldest = time.monotonic() - seconds
        with self._looked:
            if self._source_at < oldest:
                self.push()
            self._looked.wait_for(lambda: self.stop.asked or self._source_at >= oldest, LOOK_SECONDS)
            return self._source_at >= oldest

    def carry_out(self, name: str, task: PortalTask, sign_ups: tuple[SignUp, ...]) -> Done:
        """See `Carrier.carry_out`."""
        if task.kind == "poll":
            polled = self._poll(name, task)
            self._inbox.put(polled)
            return Done(settled=polled.settled)
        ended = self._run(name, task, sign_ups)
        self._inbox.put(ended)
        return Done(ended.outcome.registered if ended.outcome is not None else {}, ended.settled)

    def _poll(self, name: str, task: PortalTask) -> Polled:
        try:
            return Polled(name, task.trigger, self._pollers.pending(name))
        except PortalctlError as error:
            return Polled(name, task.trigger, None, ". ".join((error.message, *error.advice)))
        except Exception as error:  # one portal's failure never stops the others
            self._tools.log.error("unexpected", portal=name, error=type(error).__name__)
            return Polled(name, task.trigger, None, f"unexpected {type(error).__name__}")

    def _run(self, name: str, task: PortalTask, sign_ups: tuple[SignUp, ...]) -> Ended:
        loaded, state = self.loaded, self._source_state
        assert loaded is not None  # noqa: S101 (there are schedules)
        judged = None
        with suppress(Exception):  # the run itself reports what is wrong; without marks the next poll leads to a run
            judged = self._pollers.pending(name)
        blocked = state.problem if state.untrusted else None
        try:
            job = Job(name, loaded, self._modes.of(name), task.trigger, blocked, sign_ups)
            return Ended(name, run_portal(job, self._tools), judged)
        except StoreError as error:
            return Ended(name, None, None, error.message)
        except Exception as error:
            self._tools.log.error("unexpected", portal=name, error=type(error).__name__)
            return Ended(name, None, None, f"unexpected {type(error).__name__}")


def is_new(found: PendingSignUps, judged: PendingSignUps | None) -> bool:
    """Return whether a poll shows a sign-up that no full run decided. One that waits by policy is not new."""
    return judged is None or found.total > judged.total or not found.marks <= judged.marks
