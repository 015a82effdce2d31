"""Files that commands read and that are no ordinary files: bounded, and never waited for without end."""

from __future__ import annotations

import os
import socket
import stat
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from portalctl.input_file import TooLargeError, read_input
from tests.conftest import HEAD, Bench, Done, portalctl

pytestmark = pytest.mark.slow  # many cases, each with a simulator of its own

RULES = "trusted_domains: [club.example]\n"

# What reads a file named on the command line, and the exit code for one that cannot be read.
READERS: dict[str, tuple[tuple[str, ...], int]] = {
    "apply": (("apply", "--yes"), 65),
    "plan": (("plan", "-f", "portals", "--snapshot"), 65),
    "validate": (("validate", "-f"), 65),
    "drift": (("drift", "-f", "portals", "--acknowledge"), 65),
    "github": (("ci", "github", "--comment", "never"), 64),
    "gitlab": (("ci", "gitlab", "--dotenv", "out.env"), 64),
}
every_reader = pytest.mark.parametrize("name", READERS)


@pytest.fixture
def club(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> Bench:
    bench.people(pending=["ann@club.example"])
    bench.manifest(RULES)
    monkeypatch.setattr("portalctl.input_file.FIRST_BYTES_SECONDS", 0.2)
    return bench


def read_by(bench: Bench, name: str, path: str) -> Done:
    env = {"KONNECT_SERVER_URL": bench.sim.url, "KONNECT_TOKEN": bench.sim.token}
    return portalctl(*READERS[name][0], path, env=env)


@contextmanager
def written(path: str, *parts: bytes, pause: float = 0.0) -> Iterator[None]:
    """Writes to a named pipe, as another program does, with a pause before each part."""

    def write() -> None:
        with Path(path).open("wb", buffering=0) as pipe:
            for part in parts:
                time.sleep(pause)
                pipe.write(part)

    thread = threading.Thread(target=write, daemon=True)
    thread.start()
    yield
    thread.join(10)
    assert not thread.is_alive()


@every_reader
def test_a_pipe_that_nobody_writes_to_is_given_up(club: Bench, name: str) -> None:
    os.mkfifo("pipe")
    done = read_by(club, name, "pipe")
    assert done.code == READERS[name][1]
    assert "no program writes to this pipe" in done.err
    assert club.writes == []


@every_reader
def test_devices_and_sockets_are_not_read(club: Bench, name: str) -> None:
    with socket.socket(socket.AF_UNIX) as made:
        made.bind("socket")
    for path in ("/dev/zero", "/dev/null", "socket"):
        done = read_by(club, name, path)
        assert done.code == READERS[name][1], path
        assert "a device, not a file" in done.err or "No such device or address" in done.err


@pytest.mark.parametrize("pause", [0.0, 0.4])
def test_a_pipe_is_read_to_its_end_however_slow(club: Bench, pause: float) -> None:
    assert club.run("plan", "--out", "plan.json").code == 0
    text = Path("plan.json").read_bytes()
    os.mkfifo("pipe")
    with written("pipe", text[:100], text[100:], pause=pause):
        assert read_by(club, "apply", "pipe").code == 0
    assert club.status("ann@club.example") == "approved"
    with written("pipe", (HEAD + RULES).encode(), pause=pause):
        assert portalctl("validate", "-f", "pipe").code == 0
    assert stat.S_ISFIFO(Path("pipe").stat().st_mode)


def test_what_is_larger_than_allowed_is_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("file").write_bytes(b"x" * 1000)
    assert read_input("file", 1000) == b"x" * 1000
    with pytest.raises(TooLargeError):
        read_input("file", 999)
    with Path("sparse").open("wb") as file:
        file.truncate(1 << 40)
    with pytest.raises(TooLargeError):
        read_input("sparse", 1 << 30)
    os.mkfifo("pipe")
    with written("pipe", b"x" * 60_000):
        with pytest.raises(TooLargeError):
            read_input("pipe", 50_000)
    with written("pipe", b"x" * 50_000):
        assert len(read_input("pipe", 50_000)) == 50_000


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="needs files that do not state their size")
def test_a_file_that_does_not_state_its_size_is_read() -> None:
    assert Path("/proc/self/status").stat().st_size == 0
    assert read_input("/proc/self/status", 1 << 20).startswith(b"Name:")


def test_a_file_of_the_runner_s_that_cannot_be_read_is_wrong_usage(club: Bench) -> None:
    assert club.run("plan", "--out", "plan.json").code == 0
    os.mkfifo("pipe")
    env = {"GITHUB_EVENT_PATH": "pipe", "GITHUB_REPOSITORY": "o/r", "GITHUB_TOKEN": "t"}
    done = portalctl("ci", "github", "plan.json", env=env)
    assert done.code == 64
    assert "no program writes to this pipe" in done.err
