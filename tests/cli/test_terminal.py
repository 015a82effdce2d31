"""What only a terminal shows: the question before writing, progress, colour."""

from __future__ import annotations

import contextlib
import io
import json
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import pexpect
import pytest

from portalctl.cli.main import main
from portalctl.simulator.faults import Fault
from tests.conftest import Bench, portalctl

pytestmark = pytest.mark.slow

RULES = "trusted_domains: [club.example]\n"


@contextmanager
def terminal(bench: Bench, *words: str, **env: str) -> Iterator[pexpect.spawn]:
    child = pexpect.spawn(
        sys.executable,
        ["-m", "portalctl", words[0], "-f", str(bench.folder), *words[1:]],
        env={
            "PATH": os.environ["PATH"],
            "TERM": "xterm",
            "KONNECT_SERVER_URL": bench.sim.url,
            "KONNECT_TOKEN": bench.sim.token,
            "LANG": "C.UTF-8",
            **env,
        },
        encoding="utf-8",
        dimensions=(24, 100),
        timeout=20,
    )
    child.delayafterclose = child.delaybeforesend = 0
    try:
        yield child
    finally:
        child.close(force=True)


@pytest.fixture
def club(bench: Bench) -> Bench:
    bench.people(pending=["ann@club.example"])
    bench.manifest(RULES)
    return bench


@pytest.mark.parametrize(
    ("answer", "code", "status"), [pytest.param("y", 0, "approved", marks=pytest.mark.slow), ("", 3, "pending")]
)
def test_apply_asks_and_no_is_the_default(club: Bench, answer: str, code: int, status: str) -> None:
    with terminal(club, "apply") as child:
        child.expect_exact("Apply this plan? [y/N]: ")
        assert club.writes == []
        child.sendline(answer)
        child.expect(pexpect.EOF)
        child.wait()
        assert child.exitstatus == code
    assert club.status("ann@club.example") == status


@pytest.mark.slow
def test_ctrl_c_at_the_question_writes_nothing(club: Bench) -> None:
    with terminal(club, "apply") as child:
        child.expect_exact("Apply this plan? [y/N]: ")
        child.sendintr()
        child.expect(pexpect.EOF)
        child.wait()
        assert child.exitstatus == 130
    assert club.writes == []


@pytest.mark.slow
def test_colours_and_progress_are_for_terminals_and_no_color_is_heeded(club: Bench) -> None:
    with terminal(club, "plan") as child:
        child.expect(pexpect.EOF)
        shown = child.before
    assert "\x1b[32m+\x1b[0m ann@club.example" in shown
    assert "reading developers 1/1" in shown
    piped = club.run("plan")
    assert "\x1b[" not in piped.out + piped.err
    assert "reading developers" not in piped.err
    assert "\x1b[32m+" in club.run("plan", FORCE_COLOR="1").out
    assert "\x1b[" not in club.run("plan", FORCE_COLOR="1", NO_COLOR="1").out


def test_no_line_is_wider_than_the_terminal_unless_an_address_is(bench: Bench) -> None:
    long = f"{'x' * 60}@club.example"
    bench.people(pending=["ann@club.example", long])
    bench.manifest(RULES)
    for width in ("80", "120"):
        lines = bench.run("plan", COLUMNS=width).out.splitlines()
        to_copy = ("Plan: ", "Digest: ", "To apply ")  # one line each, however long
        fixed = [line for line in lines if long not in line and not line.startswith(to_copy)]
        assert max(len(line) for line in fixed) <= int(width)
        assert any(long in line for line in lines)


def main_writing_to(stream: IO[str], bench: Bench, monkeypatch: pytest.MonkeyPatch, *words: str) -> int | str | None:
    """The program as the shell starts it, in this process, with its stdout on a stream of ours."""
    monkeypatch.setattr("sys.stdout", stream)
    monkeypatch.setattr("sys.argv", ["portalctl", "plan", "-f", "portals", *words])
    monkeypatch.setenv("KONNECT_SERVER_URL", bench.sim.url)
    monkeypatch.setenv("KONNECT_TOKEN", bench.sim.token)
    with pytest.raises(SystemExit) as leaving:
        main()
    return leaving.value.code


def test_a_terminal_without_our_signs_gets_escapes_and_no_traceback(
    club: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    written = io.BytesIO()
    assert main_writing_to(io.TextIOWrapper(written, "latin-1"), club, monkeypatch) == 0
    assert rb"pending \u2192 approved" in written.getvalue()


def test_a_reader_that_leaves_early_breaks_nothing(
    club: Bench, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    stream = os.fdopen(writer, "w", encoding="utf-8")
    assert main_writing_to(stream, club, monkeypatch, "-o", "json") == 1
    with contextlib.suppress(BrokenPipeError):
        stream.close()
    said = capsys.readouterr().err
    assert "Traceback" not in said
    assert "error" not in said


def test_usage_errors_are_64() -> None:
    for words in (["plan", "--nope"], ["nope"], ["plan", "--only", "onbord"], ["plan", "-o", "xml"], ["apply", "x"]):
        done = portalctl(*words)
        assert done.code == 64, words
        assert done.err
    assert "did you mean 'onboard'" in portalctl("plan", "--only", "onbord").err


def started(bench: Bench, *words: str, stdout: int | IO[bytes]) -> subprocess.Popen[bytes]:
    """The program in a process of its own, without a terminal."""
    return subprocess.Popen(
        [sys.executable, "-m", "portalctl", words[0], "-f", str(bench.folder), *words[1:]],
        env={"PATH": os.environ["PATH"], "KONNECT_SERVER_URL": bench.sim.url, "KONNECT_TOKEN": bench.sim.token},
        stdout=stdout,
        stderr=subprocess.PIPE,
    )


def test_a_full_disk_is_an_error_and_no_mistake_of_ours(club: Bench) -> None:
    with Path("/dev/full").open("wb") as full, started(club, "plan", stdout=full) as run:
        _, err = run.communicate(timeout=20)
    assert run.returncode == 1
    assert b"error: the output cannot be written: No space left on device" in err
    assert b"bug" not in err


def test_an_apply_goes_on_when_its_reader_has_left(bench: Bench) -> None:
    """What it did has to be in the report, whoever reads along."""
    people = [f"p{number}@club.example" for number in range(40)]
    bench.people(pending=people)
    bench.manifest(RULES)
    bench.sim.inject(Fault("status", method="PATCH", path=f"*/{bench.emails[people[0]]}", status=400))
    bench.sim.inject(Fault("slow", method="PATCH", delay=0.3))
    with started(bench, "apply", "--yes", "--report", "report.json", stdout=subprocess.PIPE) as run:
        assert run.stdout is not None
        while b"Digest" not in run.stdout.readline():
            pass
        run.stdout.close()
        assert run.wait(timeout=20) == 1  # its result could not be told
    outcomes = Counter(
        each["result"] for each in json.loads(Path("report.json").read_text())["portals"][0]["changes"]
    )
    assert outcomes == {"confirmed": 39, "failed": 1}
    assert sum(bench.status(who) == "approved" for who in people) == 39


def test_a_masked_apply_names_nobody_on_a_terminal(club: Bench) -> None:
    with terminal(club, "apply", "--mask-emails", FORCE_COLOR="1") as child:
        child.expect_exact("Apply this plan? [y/N]: ")
        shown = child.before
        child.sendline("y")
        child.expect(pexpect.EOF)
        shown += child.before
    assert club.status("ann@club.example") == "approved"
    assert "ann@" not in shown
    assert shown.count("@club.example") >= 2
    assert "\x1b[32m✓\x1b[0m dev-" in shown


def test_an_error_in_a_manifest_shows_the_line_with_carets(bench: Bench) -> None:
    bench.manifest("trusted_domain: [city.com]\n")
    with terminal(bench, "plan") as child:
        child.expect_exact("  6 | trusted_domain: [city.com]\r\n    | ^^^^^^^^^^^^^^\r\n")
        child.expect_exact("1 error. No portal was contacted.")
        child.expect(pexpect.EOF)
    assert "^^^" not in bench.run("plan").err
