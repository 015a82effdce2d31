"""A controller that is killed at any point: its history is true and complete, and the next run does the rest."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from portalctl.controller.database import open_database
from portalctl.controller.store import Store
from portalctl.simulator.behaviour import Behaviour
from tests.conftest import Bench

pytestmark = pytest.mark.slow
RULES = """
trusted_domains: [{domain: club.example, teams: [reds]}]
teams: [{name: reds}]
"""
COUNT = 8
ONCE = [sys.executable, "-m", "portalctl", "run", "-f", "portals", "--mode", "full", "--once"]


def start(bench: Bench) -> subprocess.Popen[bytes]:
    env = os.environ | {"KONNECT_SERVER_URL": bench.sim.url, "KONNECT_TOKEN": bench.sim.token}
    return subprocess.Popen(ONCE, env=env, cwd=bench.folder.parent, stderr=subprocess.DEVNULL)


def kill_when(bench: Bench, ready: Callable[[], bool]) -> None:
    """Start a controller and kill it as soon as something holds, or let it end."""
    process = start(bench)
    deadline = time.monotonic() + 60
    while not ready() and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.0005)
    process.send_signal(signal.SIGKILL)
    process.wait(30)
    time.sleep(0.3)  # what was sent takes effect


def approved(bench: Bench) -> set[str]:
    return {name for name in bench.emails if bench.status(name) == "approved"}


def check_history(bench: Bench, store: Store) -> None:
    """Check the history against the portal: each write has a result, and each result is true."""
    done = approved(bench)
    results = [item for run in store.runs("partners", 100) for item in store.results(run.id)]
    approvals = [item for item in results if item.op == "approve" and item.developer is not None]
    assert done <= {item.developer.email for item in approvals if item.developer is not None}
    for item in approvals:
        assert item.developer is not None
        assert item.result in {"confirmed", "unknown", "skipped"}
        assert item.result != "confirmed" or item.developer.email in done
    for run in store.runs("partners", 100):
        counts = Counter(item.result for item in store.results(run.id))
        assert counts == Counter({name: getattr(run.counts, name) for name in run.counts.__slots__}) + Counter()


@pytest.mark.parametrize("writes", [0, 1, 2, 5, 8, 9, 12, 17])
def test_a_controller_that_is_killed_after_a_write(make_bench: Callable[..., Bench], writes: int) -> None:
    bench = make_bench(behaviour=Behaviour(visible_after=0.2))
    bench.people(pending=[f"p{number}@club.example" for number in range(COUNT)])
    bench.manifest(RULES)
    state = Path(".portalctl")
    kill_when(bench, lambda: len(bench.writes) >= max(writes, 1) if writes else (state / "controller.db").exists())
    assert start(bench).wait(60) == 0
    assert approved(bench) == set(bench.emails)
    sent = Counter(write for write in bench.writes if write.startswith("PATCH /developers/"))
    assert set(sent.values()) == {1}  # one e-mail each
    store = Store(open_database(None, state=state))
    runs = store.runs("partners", 100)
    assert runs[0].state == "succeeded"
    assert {run.state for run in runs[1:]} <= {"interrupted", "succeeded"}
    check_history(bench, store)
    store.engine.dispose()


def test_a_controller_that_is_killed_again_and_again(make_bench: Callable[..., Bench]) -> None:
    bench = make_bench(behaviour=Behaviour(visible_after=0.1))
    bench.people(pending=[f"p{number}@club.example" for number in range(COUNT)])
    bench.manifest(RULES)
    for number in range(6):
        before = len(bench.sim.log)
        kill_when(bench, lambda wanted=before + 5 + 4 * number: len(bench.sim.log) >= wanted)  # type: ignore[misc]
    assert start(bench).wait(60) == 0
    assert approved(bench) == set(bench.emails)
    store = Store(open_database(None, state=Path(".portalctl")))
    assert not [run for run in store.runs("partners", 100) if run.state == "running"]
    check_history(bench, store)
    store.engine.dispose()
