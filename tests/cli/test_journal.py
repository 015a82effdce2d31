"""The journal, and an apply that is killed: run again, it ends as if nothing had happened."""

from __future__ import annotations

import json
import os
import signal
import stat
import threading
from collections.abc import Callable, Iterator
from contextlib import chdir, contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from portalctl.changes.operations import NAMES
from portalctl.http.transport import StreamedAnswer, Transport
from portalctl.simulator.faults import Fault
from portalctl.simulator.message import Request
from portalctl.simulator.server import Simulator
from tests.cli.test_interrupts import apply_and
from tests.conftest import PORTAL_ID, WRITES, Bench

pytestmark = pytest.mark.usefixtures("quick")
BenchMaker = Callable[..., Bench]
JOURNAL = Path(".portalctl/partners.jsonl")
THOROUGH = os.environ.get("HYPOTHESIS_PROFILE") == "thorough"

# Every op there is, in some thirty changes.
RULES = """
policy: {limits: {removals_percent: 100}, allow_delete: true, on_revoke: revoke_registrations}
trusted_domains:
  - {domain: club.example, teams: [reds, blues]}
denied_domains:
  - domain: junk.example
access_requests: [{products: [Orders], domains: [club.example], status: approved}]
teams:
  - {name: reds, description: new words, roles: [{role: API Viewer, api: 0a6f2c0e-0000-4000-8000-00000000000b}]}
  - {name: blues, members: [{developer: guest@club.example, invite: true}]}
  - {name: closed, membership: exclusive, members: []}
overrides:
  - {developer: l0@x.org, status: revoked, reason: Left}
  - {developer: l1@x.org, status: revoked, reason: Left}
  - {developer: l2@x.org, status: revoked, reason: Left}
  - {developer: gone@x.org, status: absent, reason: Asked for it}
  - {developer: w0@x.org, status: pending, reason: Wait}
  - {developer: w1@x.org, status: pending, reason: Wait}
"""
CHANGES = 1 + 1 + 1 + 1 + 6 + 14 + 1 + 1 + 2 + 3 + 3 + 3 + 1 + 1
APPLY = ("apply", "--yes", "--allow-delete")


def fill(bench: Bench) -> Bench:
    bench.people(
        pending=[*(f"p{n}@club.example" for n in range(6)), *(f"j{n}@junk.example" for n in range(3))],
        approved=["l0@x.org", "l1@x.org", "l2@x.org", "w0@x.org", "w1@x.org", "gone@x.org"],
    )
    asking = bench.sim.store.add_application(PORTAL_ID, "New", bench.emails["p1@club.example"])
    bench.sim.store.add_registration(asking, "Orders", "pending")
    bench.team("reds", description="old words")
    bench.sim.store.add_role(bench.teams["reds"])
    bench.sim.store.add_registration(bench.sim.store.add_application(PORTAL_ID, "Scores", bench.emails["l1@x.org"]))
    bench.team("closed", "l0@x.org", "w0@x.org", "w1@x.org")
    bench.manifest(RULES)
    return bench


def state(bench: Bench) -> Any:
    """All that an apply can change."""
    store = bench.sim.store
    teams = {team["name"]: team["description"] for team in store.teams(PORTAL_ID)}
    people = sorted((person["email"], person["status"]) for person in store.developers(PORTAL_ID))
    roles = [
        {(row["role_name"], row["entity_id"]) for row in store.roles(team["id"])} for team in store.teams(PORTAL_ID)
    ]
    return people, teams, {name: bench.members(name) for name in teams}, roles


def journal(path: Path = JOURNAL) -> list[Any]:
    return [json.loads(line) for line in path.read_text(encoding="ascii").splitlines()]


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """The end state, and the number of mails, of a run that nothing happens to."""
    seed = {"portals": [{"id": PORTAL_ID, "name": "partners", "display_name": "Partners"}]}
    folder = tmp_path_factory.mktemp("undisturbed") / "portals"
    folder.mkdir()
    with chdir(folder.parent), Simulator(seed=seed) as sim:
        bench = fill(Bench(sim, folder))
        assert bench.run(*APPLY).code == 0
        assert {line["change"].split(":")[0] for line in journal() if line["event"] == "intent"} == set(NAMES)
        return state(bench), len(sim.store.mails())


class Death(BaseException):
    """The end of the process, as far as a process can live through it."""


@contextmanager
def dying(at: int, *, after: bool) -> Iterator[None]:
    """From write number `at` on, nothing is sent any more; with `after`, that one still takes effect."""
    lock = threading.Lock()
    writes = 0
    dead = False
    send = Transport.send

    def handle(transport: Transport, request: httpx.Request) -> StreamedAnswer:
        nonlocal writes, dead
        with lock:
            writes += request.method in WRITES
            if dead or writes >= at:
                if after and not dead:
                    b"".join(send(transport, request).chunks)
                dead = True
                raise Death
        return send(transport, request)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Transport, "send", handle)
        yield


def assert_resumed(bench: Bench, undisturbed: Any, *words: str) -> None:
    """A run after a killed one does the rest, and nothing that had been answered."""
    killed = journal() if JOURNAL.exists() else []
    answered = {line["change"] for line in killed if line["event"] == "answer"}
    in_flight = {line["change"] for line in killed if line["event"] == "intent"} - answered
    bench.sim.clear_log()
    done = bench.run(*(words or APPLY))
    assert done.code == 0, done.out + done.err
    end, mails = undisturbed
    assert state(bench) == end
    again = [line["change"] for line in journal()[len(killed) :] if line["event"] == "intent"]
    assert len(again) == len(bench.writes) == len(set(again))
    assert not answered & set(again)
    assert len(answered) + len(again) + len(in_flight) >= CHANGES
    assert mails <= len(bench.sim.store.mails()) <= mails + len(in_flight)


EVERY = range(1, CHANGES + 1)


@pytest.mark.wide(1)
@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("at", EVERY if THOROUGH else [21])
def test_killed_at_any_write_and_run_again(bench: Bench, undisturbed: Any, at: int, *, after: bool) -> None:
    fill(bench)
    with dying(at, after=after), pytest.raises(Death):
        bench.run(*APPLY)
    assert_resumed(bench, undisturbed)


@pytest.mark.slow
@pytest.mark.parametrize("at", EVERY if THOROUGH else [24])
def test_a_saved_plan_is_finished_by_applying_it_again(bench: Bench, undisturbed: Any, at: int) -> None:
    fill(bench)
    assert bench.run("plan", "--out", "plan.json", "--allow-delete").code == 0
    with dying(at, after=True), pytest.raises(Death):
        bench.run("apply", "plan.json", "--yes")
    assert_resumed(bench, undisturbed, "apply", "plan.json", "--yes")


@pytest.mark.slow
@pytest.mark.parametrize("at", EVERY[::3] if THOROUGH else [14])
def test_a_real_kill_and_run_again(make_bench: BenchMaker, undisturbed: Any, at: int) -> None:
    bench = fill(make_bench())
    lock = threading.Lock()
    writes = 0

    def kill(request: Request, process: int) -> None:
        nonlocal writes
        with lock:
            writes += request.method in WRITES
            if writes == at and request.method in WRITES:
                os.kill(process, signal.SIGKILL)

    assert apply_and(bench, kill, "--allow-delete").code == -signal.SIGKILL
    assert bench.sim.wait_until_idle()  # what was on its way still takes effect
    writes = 2 * CHANGES
    assert_resumed(bench, undisturbed)


def test_each_write_is_in_the_journal_before_it_is_sent_and_after_it_is_answered(bench: Bench) -> None:
    fill(bench)
    early: list[str] = []

    def hook(request: Request) -> None:
        if request.method in WRITES:  # as text: of a line that is being written just now, half may be seen
            sent = 1 + len(bench.writes)  # counted first: others go on while the journal is read
            noted = JOURNAL.read_text(encoding="ascii").count('"event": "intent"')
            early.extend([request.path] * (noted < sent))

    bench.sim.on_request(hook)
    assert bench.run(*APPLY).code == 0
    assert early == []
    lines = journal()
    assert [line["event"] for line in lines].count("intent") == CHANGES
    assert (lines[0]["event"], lines[-1]["event"]) == ("begin", "end")
    assert lines[0]["plan"].startswith("sha256:")
    assert (lines[0]["portal"], lines[0]["changes"]) == ("partners", CHANGES)
    assert (lines[-1]["confirmed"], lines[-1]["interrupted"]) == (CHANGES, False)
    for change in {line["change"] for line in lines if "change" in line}:
        intent, answer = [line for line in lines if line.get("change") == change]
        assert (intent["event"], answer["event"], answer["result"]) == ("intent", "answer", "done")
        assert intent["at"] <= answer["at"]
    assert len({line["run"] for line in lines}) == 1
    assert stat.S_IMODE(JOURNAL.stat().st_mode) == 0o600
    assert bench.sim.token not in JOURNAL.read_text()


@pytest.mark.slow
def test_a_journal_of_one_s_own_is_gone_on_with_and_made_private(bench: Bench) -> None:
    fill(bench)
    own = Path("own.jsonl")
    own.write_text('{"event": "begin"}\n{"event": "int')
    own.chmod(0o644)
    assert bench.run(*APPLY, "--journal", "own.jsonl").code == 0
    lines = own.read_text().splitlines()
    assert lines[1] == '{"event": "int'
    assert json.loads(lines[2])["event"] == "begin"
    assert stat.S_IMODE(own.stat().st_mode) == 0o600
    assert not JOURNAL.exists()


def test_nothing_to_write_leaves_no_journal(bench: Bench) -> None:
    bench.manifest("trusted_domains: [club.example]\n")
    assert bench.run(*APPLY).code == 0
    assert not JOURNAL.parent.exists()


@pytest.mark.wide(1)
@pytest.mark.parametrize("way", ["folder in the way", "link", "full"])
def test_a_journal_that_cannot_be_written_stops_the_apply_before_any_write(bench: Bench, way: str) -> None:
    fill(bench)
    path = Path("/dev/full" if way == "full" else "there")
    if way == "folder in the way":
        path = Path("file") / "there"
        path.parent.write_text("")
    if way == "link":
        path.symlink_to("elsewhere")
    done = bench.run(*APPLY, "--journal", str(path))
    assert done.code == 64
    assert f"error: the journal {path} can't be written" in done.err
    assert bench.writes == []
    assert not Path("elsewhere").exists()


def test_a_disk_that_fills_up_stops_the_writes_that_could_not_be_noted(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(bench)
    write, left = os.write, iter(range(5))

    def full(descriptor: int, data: bytes) -> int:
        if b'"event"' in data and next(left, None) is None:
            raise OSError(28, "No space left on device")
        return write(descriptor, data)

    monkeypatch.setattr("os.write", full)
    done = bench.run(*APPLY)
    assert done.code == 4
    assert "the journal .portalctl/partners.jsonl can't be written: No space left on device" in done.out
    assert len(bench.writes) <= 4
    monkeypatch.undo()


def test_what_was_sent_twice_is_noted_twice(bench: Bench) -> None:
    bench.people(pending=["a@club.example"])
    bench.manifest("trusted_domains: [club.example]\n")
    bench.sim.inject(Fault("drop-before", method="PATCH", times=1))
    assert bench.run(*APPLY).code == 0
    said = [(line["event"], line.get("result")) for line in journal()[1:-1]]
    assert said == [("intent", None), ("answer", "unclear"), ("intent", None), ("answer", "done")]
