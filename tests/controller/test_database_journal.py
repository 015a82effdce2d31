"""The journal in the controller's database, with real applies."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from portalctl import flow
from portalctl.controller.database import open_database
from portalctl.controller.database_journal import DatabaseJournal, DatabasePlace
from portalctl.controller.models import PortalKey, RunRecord
from portalctl.controller.store import Store
from portalctl.errors import PortalctlError
from portalctl.execution.confirm_wait import Patience
from portalctl.execution.report import PortalReport
from portalctl.http import Server
from portalctl.manifest.load import load
from portalctl.run_context import Run, utc_now
from portalctl.simulator.behaviour import Behaviour
from tests.conftest import PORTAL_ID, Bench
from tests.controller.conftest import ON_SQLITE
from tests.controller.records import run as run_record

RULES = """
trusted_domains: [{domain: club.example, teams: [reds]}]
teams: [{name: reds}]
"""


def begun(store: Store, bench: Bench, run_id: str = "run-1") -> RunRecord:
    """Record a run of the bench's portal that starts now."""
    key = PortalKey(bench.sim.url, PORTAL_ID)
    record = run_record(run_id, key=key, started_at=utc_now())
    store.meet(key, "partners", "konnect", utc_now())
    store.begin_run(record)
    return record


def apply(bench: Bench, place: DatabasePlace, **settings: Any) -> tuple[PortalReport, ...]:
    """Plan and apply, as a run of the controller does."""
    manifest = load([bench.folder])
    servers = {"partners": Server(bench.sim.url, bench.sim.token)}
    run = Run(servers, journals={"partners": place}, patience=Patience(3.0), **settings)
    with flow.exclusive(manifest.portals.values(), run):
        return flow.apply(flow.plan(manifest, run), run)


def fill(bench: Bench, count: int) -> None:
    bench.people(pending=[f"p{number}@club.example" for number in range(count)])
    bench.manifest(RULES)


def test_results_are_in_the_history_when_the_apply_ends(bench: Bench, store: Store) -> None:
    fill(bench, 3)
    record = begun(store, bench)
    (report,) = apply(bench, DatabasePlace(store, "partners", record.id))
    assert report.clean
    results = store.results(record.id)
    assert Counter((item.op, item.result) for item in results) == {
        ("create_team", "confirmed"): 1,
        ("add_member", "confirmed"): 3,
        ("approve", "confirmed"): 3,
    }
    approval = next(item for item in results if item.op == "approve")
    assert (approval.why[0].rule, approval.why[0].value) == ("trusted_domains", "club.example")
    assert approval.why[0].file == "portals/partners.yaml"
    assert approval.trace is not None
    assert store.journal_lines(PortalKey(bench.sim.url, PORTAL_ID)) == []


def test_nothing_is_sent_once_the_check_fails(bench: Bench, store: Store) -> None:
    fill(bench, 3)
    record = begun(store, bench)
    checks: list[int] = []

    def check() -> None:
        checks.append(1)
        if len(checks) > 2:  # one before the first intent, one directly before it is sent
            raise PortalctlError("the lease of this portal was lost")

    (report,) = apply(bench, DatabasePlace(store, "partners", record.id, check))
    assert bench.writes == ["POST /teams"]
    assert Counter(item.result for item in report.settled) == {"confirmed": 1, "skipped": 6}
    assert "skipped, because the lease of this portal was lost" in {item.detail for item in report.settled}
    assert Counter(item.result for item in store.results(record.id)) == {"confirmed": 1, "skipped": 6}


@ON_SQLITE
def test_nothing_is_sent_without_the_database(bench: Bench, store: Store) -> None:
    fill(bench, 3)
    place = DatabasePlace(store, "partners", begun(store, bench).id)
    database = Path(store.place)

    def remove() -> None:
        database.rename(database.with_name("away"))

    (report,) = apply(bench, place, before_writing=remove)
    database.with_name("away").rename(database)
    assert bench.writes == []
    assert {item.result for item in report.settled} == {"skipped"}
    assert any("was removed or replaced" in item.detail for item in report.settled)


@ON_SQLITE
def test_a_database_that_is_gone_before_the_apply_stops_it(bench: Bench, store: Store) -> None:
    fill(bench, 1)
    place = DatabasePlace(store, "partners", begun(store, bench).id)
    Path(store.place).unlink()
    with pytest.raises(PortalctlError, match="was removed or replaced"):
        apply(bench, place)
    assert bench.writes == []


def test_intents_of_many_threads_share_commits_and_none_returns_before_its_own(store: Store) -> None:
    key = PortalKey("https://portal.example", PORTAL_ID)
    journal = DatabaseJournal(DatabasePlace(store, "partners", "run-1"), key, utc_now)
    commits = []
    missing: list[str] = []

    def write(number: int) -> None:
        line = journal.line("intent", {"change": f"change-{number}"})
        journal._commit(line)
        commits.append(number)
        if line not in store.journal_lines(key):
            missing.append(str(line))

    threads = [threading.Thread(target=write, args=(number,)) for number in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (len(commits), missing) == (16, [])


CHILD = """
import sys
from pathlib import Path
from tests.controller.test_database_journal import *
from portalctl.simulator.server import Simulator

url, token, folder, state, run_id = sys.argv[1:]
manifest = load([Path(folder)])
store = Store(open_database(None, state=Path(state)))
place = DatabasePlace(store, "partners", run_id)
key = PortalKey(url, PORTAL_ID)
store.meet(key, "partners", "konnect", utc_now())
record = run_record(run_id, key=key, started_at=utc_now())
store.begin_run(record)
run = Run({"partners": Server(url, token)}, journals={"partners": place})
with flow.exclusive(manifest.portals.values(), run):
    flow.apply(flow.plan(manifest, run), run)
"""


@pytest.mark.slow
@pytest.mark.parametrize("at", [1, 2, 5, 9, 14])
def test_a_killed_process_loses_no_result_and_leaves_no_false_one(
    make_bench: Callable[..., Bench], tmp_path: Path, at: int
) -> None:
    bench = make_bench(behaviour=Behaviour(visible_after=0.3))
    fill(bench, 8)
    state = tmp_path / "state"
    words = [bench.sim.url, bench.sim.token, str(bench.folder), str(state), "run-1"]
    env = os.environ | {"PYTHONPATH": str(Path(__file__).parents[2])}
    child = subprocess.Popen([sys.executable, "-c", CHILD, *words], env=env)
    deadline = time.monotonic() + 60
    while len(bench.writes) < at and child.poll() is None and time.monotonic() < deadline:
        time.sleep(0.001)
    child.send_signal(signal.SIGKILL)
    assert child.wait(30) == -signal.SIGKILL
    time.sleep(0.5)  # what was sent takes effect
    store = Store(open_database(None, state=state))
    (ended,) = store.interrupted_runs(utc_now())
    assert ended.state == "interrupted"
    results = {item.id: item.result for item in store.results("run-1")}
    assert set(results.values()) <= {"unknown"}
    done = {f"approve:{name}" for name in bench.emails if bench.status(name) == "approved"}
    assert done <= results.keys()
    assert len(results) >= len(bench.writes)
    # The next run carries out the rest, once.
    (report,) = apply(bench, DatabasePlace(store, "partners", begun(store, bench, "run-2").id))
    assert report.clean
    assert {bench.status(name) for name in bench.emails} == {"approved"}
    approvals = Counter(write for write in bench.writes if write.startswith("PATCH /developers/"))
    assert set(approvals.values()) == {1}
    assert set(Counter(item.result for item in store.results("run-2"))) == {"confirmed"}
    store.engine.dispose()
