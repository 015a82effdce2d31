"""A controller that runs in a thread of the test, on a simulated portal and a database of its own."""

from __future__ import annotations

import contextlib
import io
import json
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from portalctl.cli.controller import run_factory
from portalctl.controller.database import open_database
from portalctl.controller.logs import Log
from portalctl.controller.loop import Modes
from portalctl.controller.models import Mode, PortalView
from portalctl.controller.schedule import Timing
from portalctl.controller.service import Controller, ControllerSettings
from portalctl.controller.source import Folder, ManifestSource
from portalctl.controller.store import Store
from portalctl.run_context import utc_now
from tests.conftest import Bench

NEVER = 3600.0


@dataclass(slots=True)
class Running:
    """A controller under way. `sent`: its notifications."""

    bench: Bench
    store: Store
    controller: Controller
    log: io.StringIO
    sent: list[dict[str, Any]]

    def view(self, name: str = "partners") -> PortalView:
        return self.controller.loop.views[name]

    def wake(self, name: str = "partners", trigger: str = "manual") -> None:
        self.controller.loop.wake(name, trigger)  # type: ignore[arg-type]  # one of them

    def runs(self, name: str = "partners") -> int:
        """Return how many runs have ended."""
        return sum(run.state != "running" for run in self.store.runs(name, 1000))

    def run_again(self, name: str = "partners", trigger: str = "manual") -> PortalView:
        """Ask for a run, wait until it has ended, and return the view."""
        before = self.runs(name)
        shown = self.view(name).last_run
        self.wake(name, trigger)
        until(lambda: self.runs(name) > before and self.view(name).last_run != shown)
        return self.view(name)

    def events(self, event: str) -> list[dict[str, Any]]:
        lines = map(json.loads, self.log.getvalue().splitlines())
        return [line for line in lines if line["event"] == event]


def until(holds: Callable[[], bool], seconds: float = 20.0) -> None:
    """Wait until something holds; fail after some seconds."""
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, "this did not happen in time"
        time.sleep(0.01)


@dataclass(slots=True)
class Starter:
    """Starts controllers one after the other, on one database."""

    bench: Bench
    state: Path
    url: str
    log: io.StringIO = field(default_factory=io.StringIO)
    sent: list[dict[str, Any]] = field(default_factory=list)

    @contextlib.contextmanager
    def __call__(
        self,
        mode: Mode = "full",
        *,
        poll: float = NEVER,
        interval: float = NEVER,
        source: ManifestSource | None = None,
        by_name: dict[str, Mode] | None = None,
        ready: bool = True,
    ) -> Iterator[Running]:
        """Run a controller while the context lasts. `ready`: begin after the first run of each portal."""
        engine = open_database(self.url, state=self.state)
        store = Store(engine)
        log = Log(self.log)
        controller = Controller(
            store,
            source or Folder((self.bench.folder,)),
            ControllerSettings(Modes(mode, by_name or {}), Timing(poll, interval)),
            run_factory(None),
            log,
            send=lambda message: self.sent.append(dict(message)),
        )
        began = utc_now()
        thread = threading.Thread(target=controller.run, name="controller")
        thread.start()
        running = Running(self.bench, store, controller, self.log, self.sent)
        try:
            if ready:
                until(lambda: bool(controller.loop.views))
                until(lambda: all(one.last_run and one.last_run >= began for one in controller.loop.views.values()))
            yield running
        finally:
            controller.stop.ask()
            thread.join(30)
            engine.dispose()
            assert not thread.is_alive()
