"""Ctrl-C and SIGTERM, sent to a real process at chosen moments."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from portalctl.execution.executor import IN_FLIGHT
from portalctl.simulator.faults import Fault
from portalctl.simulator.message import Request
from tests.conftest import Bench, Done

RULES = "trusted_domains: [club.example]\noverrides: [{developer: leaver@x.org, status: revoked, reason: Left}]\n"
PEOPLE = 40


@pytest.fixture
def club(bench: Bench) -> Bench:
    bench.people(pending=[f"p{number:02}@club.example" for number in range(PEOPLE)], approved=["leaver@x.org"])
    bench.manifest(RULES)
    return bench


def apply_and(
    bench: Bench,
    at_request: Callable[[Request, int], None],
    *words: str,
    command: tuple[str, ...] = ("apply", "--yes"),
) -> Done:
    """`portalctl apply --yes WORDS…` as a process of its own; `at_request` gets each request and the process id."""
    started = threading.Event()
    ids: list[int] = []

    def hook(request: Request) -> None:
        started.wait(10)
        at_request(request, ids[0])

    bench.sim.on_request(hook)
    env = {
        "PATH": os.environ["PATH"],
        "KONNECT_SERVER_URL": bench.sim.url,
        "KONNECT_TOKEN": bench.sim.token,
        "LANG": "C.UTF-8",
    }
    line = [sys.executable, "-m", "portalctl", *command, "-f", "portals", *words]
    with subprocess.Popen(
        line, env=env, cwd=bench.folder.parent, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        ids.append(process.pid)
        started.set()
        out, err = process.communicate(timeout=20)
    return Done(process.returncode, out, err)


def once(wanted: Callable[[Request], bool], act: Callable[[int], None]) -> Callable[[Request, int], None]:
    """Act at the first request that is wanted."""
    first = threading.Lock()

    def at_request(request: Request, process: int) -> None:
        if wanted(request) and first.acquire(blocking=False):
            act(process)

    return at_request


def is_write(request: Request) -> bool:
    return request.method == "PATCH"


@pytest.mark.slow
def test_the_first_interrupt_ends_an_apply_after_what_is_in_flight(club: Bench) -> None:
    club.sim.inject(Fault("slow", method="PATCH", delay=0.3))
    done = apply_and(club, once(is_write, lambda process: os.kill(process, signal.SIGINT)), "--report", "report.json")
    assert done.code == 130
    assert "interrupted: waiting for the writes in flight" in done.err
    made = len(club.writes)
    assert 1 <= made <= IN_FLIGHT
    assert f"Interrupted: {made} confirmed, {PEOPLE + 1 - made} skipped of {PEOPLE + 1} changes." in done.out
    assert f"Skipped ({PEOPLE + 1 - made}): the apply was interrupted" in done.out
    assert club.status("leaver@x.org") == "approved"
    report = json.loads(Path("report.json").read_text())
    assert report["interrupted"]
    assert report["portals"][0]["summary"]["confirmed"] == made
    *lines, end = [json.loads(line) for line in Path(".portalctl/partners.jsonl").read_text().splitlines()]
    assert sum(line["event"] == "intent" for line in lines) <= 2 * IN_FLIGHT
    assert (end["event"], end["confirmed"], end["interrupted"]) == ("end", made, True)

    club.sim.clear_faults()
    assert club.run("apply", "--yes").code == 0
    assert len(club.writes) == PEOPLE + 1


@pytest.mark.slow
def test_the_second_interrupt_ends_the_process_at_once(club: Bench) -> None:
    club.sim.inject(Fault("slow", method="PATCH", delay=15))

    def twice(process: int) -> None:
        os.kill(process, signal.SIGTERM)
        threading.Timer(0.3, os.kill, (process, signal.SIGINT)).start()

    done = apply_and(club, once(is_write, twice))
    assert done.code == 130
    assert "aborted: the journal shows which writes were sent" in done.err
    assert "Traceback" not in done.err
    lines = [json.loads(line) for line in Path(".portalctl/partners.jsonl").read_text().splitlines()]
    assert {line["detail"] for line in lines if line["event"] == "answer"} <= {"interrupted"}  # not sent any more
    assert sum(line["event"] == "intent" for line in lines) > sum(line["event"] == "answer" for line in lines)


@pytest.mark.slow
def test_before_the_first_write_an_interrupt_just_ends_the_run(club: Bench) -> None:
    looking = once(lambda request: "filter" in request.target, lambda process: os.kill(process, signal.SIGTERM))
    done = apply_and(club, looking)
    assert done.code == 130
    assert done.err.splitlines()[-1] == "interrupted"
    assert club.writes == []
    assert not Path(".portalctl").exists()


@pytest.mark.slow
@pytest.mark.parametrize(
    "fault",
    [
        Fault("status", status=429, path="*/developers", retry_after=60),
        Fault("slow", path="*/developers", delay=60.0),
    ],
    ids=["a pause that was asked for", "an answer that does not come"],
)
def test_an_interrupt_waits_for_nothing_where_nothing_is_written(club: Bench, fault: Fault) -> None:
    club.sim.inject(fault)

    def later(process: int) -> None:
        timer = threading.Timer(1.0, os.kill, (process, signal.SIGINT))
        timer.start()

    began = time.monotonic()
    done = apply_and(club, once(lambda r: r.path.endswith("/developers"), later), command=("plan",))
    assert done.code == 130
    assert (done.out, done.err.splitlines()[-1]) == ("", "interrupted")
    assert time.monotonic() - began < 15
