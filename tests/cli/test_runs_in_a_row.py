"""Two applies on one portal, one after the other: after a kill with reads that lag, and at the same time."""

from __future__ import annotations

import fcntl
import json
import os
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from portalctl.simulator.behaviour import Behaviour
from tests.cli.test_journal import JOURNAL, Death, dying, journal
from tests.conftest import PORTAL_ID, WRITES, Bench

BenchMaker = Callable[..., Bench]
RULES = """
trusted_domains: [{domain: club.example, teams: [reds]}]
teams: [{name: reds}]
"""


def fill(bench: Bench, people: int) -> Bench:
    bench.people(pending=[f"p{number}@club.example" for number in range(people)])
    bench.manifest(RULES)
    return bench


def assert_done_once(bench: Bench, people: int) -> None:
    """One team of the name, everybody in it, and one e-mail each."""
    assert bench.members("reds") == {f"p{number}@club.example" for number in range(people)}
    mails = Counter(json.dumps(mail, default=str, sort_keys=True) for mail in bench.sim.store.mails())
    assert len(bench.sim.store.mails()) == people, mails
    approvals = Counter(write for write in bench.writes if write.startswith("PATCH /developers/"))
    assert set(approvals.values()) == {1}


def kill_and_repeat(bench: Bench, at: int, people: int) -> str:
    """Kill an apply at its write number `at`, which still takes effect, and run it again at once."""
    with dying(at, after=True), pytest.raises(Death):
        bench.run("apply", "--yes")
    done = bench.run("apply", "--yes", "--confirm-timeout", "6")
    assert done.code == 0, done.out + done.err
    assert_done_once(bench, people)
    return done.err


@pytest.mark.slow
@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize("at", [1, 2])
def test_killed_and_run_again_while_reads_lag(
    make_bench: BenchMaker, monkeypatch: pytest.MonkeyPatch, at: int
) -> None:
    bench = fill(make_bench(behaviour=Behaviour(visible_after=0.7)), 1)
    monkeypatch.setattr("portalctl.execution.interrupted_run.MAX_WAIT", 30.0)
    told = kill_and_repeat(bench, at, 1)
    assert f"the last apply did not finish ({JOURNAL}): waiting until its writes are visible" in told


@pytest.mark.slow
@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize("at", range(1, 14, 2))
def test_killed_at_many_points_and_run_again_while_reads_lag_2_s(
    make_bench: BenchMaker, monkeypatch: pytest.MonkeyPatch, at: int
) -> None:
    bench = fill(make_bench(behaviour=Behaviour(visible_after=2.0)), 6)
    monkeypatch.setattr("portalctl.execution.interrupted_run.MAX_WAIT", 30.0)
    kill_and_repeat(bench, at, 6)


def cut_off(bench: Bench, **begin: Any) -> None:
    """A journal whose last run ended in the middle of a line after an approval that never took effect."""
    at = begin.pop("at", datetime.now(UTC)).isoformat()
    run = {"run": "a", "at": at}
    place = {"server": bench.sim.url, "portal_id": PORTAL_ID, "portal": "partners"} | begin
    developer = {"email": "p0@club.example", "id": bench.emails["p0@club.example"]}
    act = {"op": "approve", "class": "onboard", "developer": developer, "team": None}
    states = {"before": {"status": "pending"}, "after": {"status": "approved"}}
    change = {"change": "approve:p0@club.example"}
    lines = [
        {"event": "begin", **run, **place},
        {"event": "intent", **run, **change, **act, **states},
        {"event": "answer", **run, **change, "result": "done"},
    ]
    JOURNAL.parent.mkdir()
    JOURNAL.write_text("[[[\n" + "".join(json.dumps(line) + "\n" for line in lines) + '{"event": "int')


@pytest.mark.wide(1)
@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize(
    ("begin", "waits"),
    [
        ({}, True),
        ({"server": "https://eu.api.konghq.com"}, False),
        ({"portal_id": "another"}, False),
        ({"portal_id": "../.."}, False),
        ({"at": datetime.now(UTC) - timedelta(seconds=40)}, False),
    ],
    ids=["same", "other server", "other portal", "no id", "old"],
)
def test_only_a_young_journal_of_the_same_portal_is_waited_for(bench: Bench, begin: Any, waits: bool) -> None:
    fill(bench, 1)
    cut_off(bench, **begin)
    done = bench.run("apply", "--yes")
    assert done.code == 0, done.err
    assert ("the last apply did not finish" in done.err) == waits
    assert_done_once(bench, 1)


@pytest.mark.slow
@pytest.mark.usefixtures("quick")
def test_an_intent_has_the_change_itself(bench: Bench) -> None:
    fill(bench, 1)
    assert bench.run("apply", "--yes").code == 0
    acts = {line["change"]: line for line in journal() if line["event"] == "intent"}
    developer = {"email": "p0@club.example", "id": bench.emails["p0@club.example"]}
    line = acts["add_member:p0@club.example:reds"]
    assert (line["op"], line["developer"], line["team"]) == ("add_member", developer, "reds")
    assert acts["create_team:reds"]["after"] == {"name": "reds"}


@contextmanager
def locked() -> Iterator[int]:
    JOURNAL.parent.mkdir(exist_ok=True)
    descriptor = os.open(JOURNAL, os.O_WRONLY | os.O_CREAT)
    fcntl.flock(descriptor, fcntl.LOCK_EX)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


@pytest.mark.wide(1)
@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize("saved", [False, True])
def test_an_apply_gives_up_on_a_locked_journal(bench: Bench, monkeypatch: pytest.MonkeyPatch, saved: bool) -> None:
    monkeypatch.setattr("portalctl.execution.journal_lock.MAX_WAIT", 0.3)
    fill(bench, 1)
    assert bench.run("plan", "--out", "plan.json").code == 0
    bench.sim.clear_log()
    with locked():
        done = bench.run("apply", *(["plan.json"] if saved else []), "--yes")
    assert done.code == 1
    assert f"error: another apply on this portal has locked the journal {JOURNAL} for 0.3 s" in done.err
    assert not bench.sim.log


@pytest.mark.usefixtures("quick")
def test_an_apply_waits_for_the_lock_before_it_reads(bench: Bench) -> None:
    fill(bench, 1)
    with locked() as descriptor:
        threading.Timer(0.4, fcntl.flock, (descriptor, fcntl.LOCK_UN)).start()
        done = bench.run("apply", "--yes")
    assert done.code == 0, done.err
    assert f"waiting for another apply on this portal, which has locked the journal {JOURNAL}" in done.err
    assert_done_once(bench, 1)


@pytest.mark.slow
def test_two_processes_at_once_write_everything_once(bench: Bench) -> None:
    fill(bench, 20)
    env = {"PATH": os.environ["PATH"], "KONNECT_SERVER_URL": bench.sim.url, "KONNECT_TOKEN": bench.sim.token}
    line = [sys.executable, "-m", "portalctl", "apply", "--yes", "-f", "portals"]
    runs = [
        subprocess.Popen(line, env=env, cwd=bench.folder.parent, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        for _ in range(2)
    ]
    told = [run.communicate(timeout=60)[0].decode() for run in runs]
    assert [run.returncode for run in runs] == [0, 0], told
    assert_done_once(bench, 20)
    assert len([write for write in bench.writes if write.split()[0] in WRITES]) == 1 + 20 + 20


def test_an_apply_with_nothing_to_write_leaves_no_journal_behind(bench: Bench) -> None:
    bench.manifest("trusted_domains: [club.example]\n")
    assert bench.run("apply", "--yes").code == 0
    assert not JOURNAL.parent.exists()
