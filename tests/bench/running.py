"""What is measured of a controller under way, with its API, on a portal in another process."""

from __future__ import annotations

import base64
import gc
import io
import os
import random
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from math import ceil
from pathlib import Path

import httpx
from standardwebhooks import Webhook

from portalctl.cli.controller import run_factory
from portalctl.cli.controller_api import serving
from portalctl.controller import schedule
from portalctl.controller.database import open_database
from portalctl.controller.listening import ListenSettings
from portalctl.controller.logs import Log
from portalctl.controller.loop import Modes
from portalctl.controller.models import Mode
from portalctl.controller.schedule import Timing
from portalctl.controller.server import ApiServer
from portalctl.controller.service import Controller, ControllerSettings
from portalctl.controller.source import Folder
from portalctl.controller.store import Store
from portalctl.http import client
from portalctl.http.retry import RetryPolicy
from portalctl.portals.konnect import lists
from portalctl.simulator.server import TOKEN
from tests.bench import population
from tests.bench.portal import TROUBLES
from tests.bench.processes import Portal

SECRET = "whsec_" + base64.b64encode(b"benchmark-benchmark-benchmark").decode()
NEVER = 86_400.0
PATIENCE = 60.0  # seconds for one sign-up


def wake(folder: str, developers: int, sign_ups: int, latency: float) -> dict[str, float]:
    """Sign-ups one after the other, each with a signed event: the seconds from the event to the approval."""
    manifest = (
        f"{population.HEAD}trusted_domains:\n  - {{domain: club0.com, teams: [team1]}}\nteams:\n  - name: team1\n"
    )
    took = []
    with (
        Portal(developers, latency=latency) as portal,
        running(Path(folder), manifest, portal.url, "onboard", Timing(NEVER, NEVER)) as (_, server),
        httpx.Client(headers={"Authorization": f"Bearer {TOKEN}"}) as http,
    ):
        events = f"http://127.0.0.1:{server.port}/v1/portals/partners/events"
        for number in range(sign_ups):
            row = f"{portal.url}/v3/portals/{population.PORTAL_ID}/developers/{portal.ask(f'sign_up {number}')}"
            began = time.perf_counter()
            _event(http, events, f"event-{number}")
            while http.get(row).json()["status"] != "approved":
                if time.perf_counter() - began > PATIENCE:
                    raise TimeoutError(f"sign-up {number} was not approved")
            took.append(time.perf_counter() - began)
    took.sort()
    return {"p50": took[len(took) // 2], "p95": took[ceil(len(took) * 0.95) - 1]}


def days(folder: str, hours: int, speed: float) -> dict[str, float]:
    """Hours of polls, full runs and random faults, at many times their speed: what grows after the first quarter."""
    for name in ("FIRST_PAUSE", "LONGEST_PAUSE"):
        setattr(schedule, name, getattr(schedule, name) / speed)
    setattr(client, "DEFAULT_POLICY", RetryPolicy(first=0.0))  # noqa: B010 (mypy: it is final)
    setattr(lists, "SETTLE_PAUSES", (0.0, 0.0))  # noqa: B010
    timing, chance = Timing(30.0 / speed, 600.0 / speed), random.Random(20260601)
    began, seconds = time.monotonic(), hours * 3600 / speed
    with (
        Portal(500) as portal,
        running(Path(folder), population.manifest(500), portal.url, "observe", timing) as (controller, _),
    ):
        early = None
        while (passed := time.monotonic() - began) < seconds:
            portal.ask(f"trouble {chance.randrange(len(TROUBLES))}")
            time.sleep(chance.uniform(0.05, 0.5))
            if early is None and passed > seconds / 4:
                early = _held()
        late = _held()
        runs = controller.metrics_text()
    assert early is not None
    return {name: late[name] - early[name] for name in late} | {"runs": _total(runs)}


@contextmanager
def running(
    folder: Path, manifest: str, url: str, mode: Mode, timing: Timing
) -> Iterator[tuple[Controller, ApiServer]]:
    """A controller with its API, after its first run."""
    os.environ |= {"KONNECT_SERVER_URL": url, "KONNECT_TOKEN": TOKEN, "PORTALCTL_WEBHOOK_SECRET": SECRET}
    (folder / "portals").mkdir()
    (folder / "portals" / "partners.yaml").write_text(manifest, encoding="utf-8")
    engine, log = open_database(None, state=folder / "state"), Log(io.StringIO())
    store, settings = Store(engine), ControllerSettings(Modes(mode), timing)
    controller = Controller(store, Folder((folder / "portals",)), settings, run_factory(None), log)
    thread = threading.Thread(target=controller.run)
    with serving(ListenSettings(port=0), store, log)(controller) as server:
        assert isinstance(server, ApiServer)
        thread.start()
        while not any(view.last_run for view in controller.loop.views.values()):
            time.sleep(0.02)
        yield controller, server
        controller.stop.ask()
        thread.join()
    engine.dispose()


def _event(http: httpx.Client, url: str, message: str) -> None:
    now, body = datetime.now(UTC), '{"type": "developer.registered"}'
    headers = {
        "webhook-id": message,
        "webhook-timestamp": str(int(now.timestamp())),
        "webhook-signature": Webhook(SECRET).sign(message, now, body),
    }
    http.post(url, content=body, headers=headers).raise_for_status()


def _held() -> dict[str, float]:
    """What this process holds now: memory (MiB), threads and file descriptors, sockets among them."""
    gc.collect()
    status = Path("/proc/self/status").read_text(encoding="ascii")
    resident = next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmRSS:"))
    return {
        "memory": resident / 1024,
        "threads": float(threading.active_count()),
        "files": float(len(list(Path("/proc/self/fd").iterdir()))),
    }


def _total(metrics: str) -> float:
    """The runs that the metrics count, whatever their end."""
    lines = (line for line in metrics.splitlines() if line.startswith("portalctl_runs_total{"))
    return sum(float(line.rpartition(" ")[2]) for line in lines)
