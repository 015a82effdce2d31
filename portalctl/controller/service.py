"""`portalctl run` without the command line: the parts put together, started and stopped."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from types import FrameType
from typing import Final

from portalctl.cancellation import Stop
from portalctl.controller.announcements import Announcements
from portalctl.controller.hub_of_loop import LoopHub
from portalctl.controller.logs import Log
from portalctl.controller.loop import Loop, Modes
from portalctl.controller.metrics import Metrics
from portalctl.controller.models import PortalView
from portalctl.controller.polling import Pollers
from portalctl.controller.schedule import Timing
from portalctl.controller.source import Folder, Loaded, ManifestSource
from portalctl.controller.store import Store
from portalctl.controller.turn import RunOutcome, Tools
from portalctl.controller.turns import Turns
from portalctl.events import Event
from portalctl.manifest.model import PortalManifest
from portalctl.run_context import Run, utc_now

FOLDER_SECONDS: Final = 5.0  # between two looks at a folder
GIT_SECONDS: Final = 60.0
RETENTION: Final = timedelta(days=400)
HOUSEKEEPING_SECONDS: Final = 3600.0


@dataclass(frozen=True, slots=True)
class ControllerSettings:
    """The settings of `portalctl run`: see its options."""

    modes: Modes
    timing: Timing
    once: bool = False
    public_url: str | None = None


class AcceptedCommits:
    """The accepted commits of one branch, in the database."""

    def __init__(self, store: Store, source: str) -> None:
        self._store = store
        self._source = source

    def accepted(self) -> str | None:
        return self._store.accepted_commit(self._source)

    def accept(self, commit: str, before: str | None) -> bool:
        return self._store.accept_commit(self._source, commit, before, utc_now())


RunFor = Callable[[Loaded, str, Callable[[Event], None]], Run]
Serve = Callable[["Controller"], AbstractContextManager[object]]


class Controller:
    """The running controller. `run_for` makes the settings of a portal's run from the environment as it is then.

    Args:
        serve: returns what listens; None: nothing does.
        send: posts a notification; None: there are none.
        turns: the schedules that replicas share; None: this is the only process.
    """

    def __init__(
        self,
        store: Store,
        source: ManifestSource,
        settings: ControllerSettings,
        run_for: RunFor,
        log: Log,
        *,
        serve: Serve | None = None,
        send: Callable[[Mapping[str, object]], None] | None = None,
        turns: Turns | None = None,
    ) -> None:
        self.metrics = Metrics()
        self.stop = Stop()
        self._store = store
        self._settings = settings
        self._log = log
        self._run_for = run_for
        self._serve = serve
        self._announce = Announcements(send, settings.public_url) if send is not None else None
        self._alone = turns is None
        tools = Tools(store, self._run, log, utc_now, shared=turns is not None, is_newest=source.is_newest)
        self.loop = Loop(
            source,
            tools,
            Pollers(self._polling),
            settings.modes,
            timing=settings.timing,
            refresh=FOLDER_SECONDS if isinstance(source, Folder) else GIT_SECONDS,
            observe=self._observed,
            stop=self.stop,
            turns=turns,
        )
        self.hub = LoopHub(self.loop, tools)

    def run(self) -> int:
        """Run until a signal asks to stop, and return the exit code. Raises StoreError where it cannot begin."""
        # Replicas end the runs of a dead one when they have the turn of its portal.
        for interrupted in self._store.interrupted_runs(utc_now()) if self._alone else ():
            self._log.warning("interrupted", portal=interrupted.portal, run=interrupted.id)
        with ExitStack() as stack:
            stack.enter_context(draining(self.stop))
            if self._serve is not None and not self._settings.once:
                stack.enter_context(self._serve(self))
            stack.enter_context(housekeeping(self._store, self._log, self.stop))
            self._log.info("started", modes=self._settings.modes.default)
            self.loop.run(once=self._settings.once)
            self._log.info("stopped")
        return self._exit_code()

    def metrics_text(self) -> str:
        """Return what `/metrics` shows."""
        return self.metrics.text(self.loop.views, manifest_good=self.loop.problem is None)

    def _exit_code(self) -> int:
        """Return the exit code of `--once`: that of `apply` over all portals."""
        if not self._settings.once:
            return 0
        views, outcomes = self.loop.views, self.loop.outcomes
        elsewhere = [view for name, view in views.items() if name not in outcomes]  # run by another replica
        problems = [problem for one in outcomes.values() for problem in one.problems]
        problems += [problem for view in elsewhere for problem in view.problems]
        unread = any(view.key is None or self._alone for view in elsewhere)
        if self.loop.loaded is None or unread or any(not one.read for one in outcomes.values()):
            return 1
        if any(not report.clean for one in outcomes.values() for report in one.reports):
            return 4
        if any(problem.startswith("refused") for problem in problems):
            return 3
        return 4 if problems else 0

    def _run(self, loaded: Loaded, name: str) -> Run:
        logged = self._log.observer(name)

        def observe(event: Event) -> None:
            self.metrics.event(name, event)
            logged(event)

        return replace(self._run_for(loaded, name, observe), stop=self.stop)

    def _polling(self, name: str) -> tuple[PortalManifest, Run]:
        loaded = self.loop.loaded
        assert loaded is not None  # noqa: S101 (portals are polled once there is a manifest)
        return loaded.manifest.portals[name], self._run(loaded, name)

    def _observed(self, before: PortalView | None, view: PortalView, outcome: RunOutcome | None) -> None:
        """Log, count and announce. Called in the loop's thread."""
        if outcome is not None:
            self.metrics.ended(outcome)
            record = outcome.record
            counts = {key: getattr(record.counts, key) for key in ("confirmed", "failed", "skipped", "unknown")}
            self._log.info(
                "run",
                portal=view.name,
                run=record.id,
                trigger=record.trigger,
                mode=record.mode,
                state=record.state,
                seconds=round((record.ended_at - record.started_at).total_seconds(), 3) if record.ended_at else None,
                observing=outcome.observing or None,
                **{key: count for key, count in counts.items() if count},
            )
        if before is None or before.state != view.state or before.problems != view.problems:
            problems = list(view.problems) or None
            write = self._log.warning if view.problems else self._log.info
            write("state", portal=view.name, state=view.state, problems=problems)
        if self._announce is not None:
            self._announce.view(view, outcome)


@contextmanager
def draining(stop: Stop) -> Iterator[None]:
    """Take SIGINT and SIGTERM: the first lets the writes in flight end, the second ends the process."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def drain(number: int, frame: FrameType | None) -> None:
        del frame
        if stop.asked:
            signal.signal(number, signal.SIG_DFL)
            signal.raise_signal(number)
        stop.ask()

    before = {number: signal.signal(number, drain) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def housekeeping(store: Store, log: Log, stop: Stop) -> Iterator[None]:
    """Remove what is older than the retention, at the start and every hour, in a thread of its own."""
    ended = threading.Event()

    def work() -> None:
        while not stop.asked:
            try:
                store.prune(utc_now(), RETENTION.days)
            except Exception as error:  # the next hour tries again; runs report a database that fails
                log.warning("retention", error=str(error).partition("\n")[0])
            if ended.wait(HOUSEKEEPING_SECONDS):
                return

    thread = threading.Thread(target=work, name="housekeeping", daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join(5)
