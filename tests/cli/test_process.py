"""The process that a command runs in: its standard streams, working folder, limits, variables and platform."""

from __future__ import annotations

import json
import os
import resource
import shlex
import signal
import stat
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from portalctl.cli.main import main
from portalctl.cli.process import ClosedOutput
from tests.conftest import Bench, Done, portalctl

RULES = "trusted_domains: [club.example]\n"
CLOSED = "error: standard output is closed, but this command prints a result there"


@pytest.fixture
def club(bench: Bench) -> Bench:
    bench.people(pending=["ann@club.example"])
    bench.manifest(RULES)
    return bench


def shell(bench: Bench, line: str, **env: str) -> Done:
    """A line for Bash in which `$P` is portalctl, with nothing of our own environment."""
    given = {"PATH": os.environ["PATH"], "KONNECT_SERVER_URL": bench.sim.url, "KONNECT_TOKEN": bench.sim.token}
    given["P"] = f"{shlex.quote(sys.executable)} -m portalctl"
    done = subprocess.run(
        ["bash", "-c", line], env=given | env, capture_output=True, timeout=120, check=False, stdin=subprocess.DEVNULL
    )
    return Done(done.returncode, done.stdout.decode(errors="replace"), done.stderr.decode(errors="replace"))


def leaves(monkeypatch: pytest.MonkeyPatch, *words: str) -> int | str | None:
    """The exit code of `main` with this command line."""
    monkeypatch.setattr("sys.argv", ["portalctl", *words])
    with pytest.raises(SystemExit) as leaving:
        main()
    return leaving.value.code


# --- standard streams


@pytest.mark.wide(3)
@pytest.mark.parametrize(
    "words",
    [
        ("--version",),
        ("--help",),
        ("validate",),
        ("plan", "--out", "plan.json"),
        ("apply", "--yes", "--report", "report.json"),
        ("snapshot", "--out", "snapshot.json"),
        ("drift", "--metrics", "drift.prom"),
        ("report", "access", "--out", "-"),
        ("plan", "--out", "/dev/stdout"),
        ("fmt",),
        ("init", "--portal", "a", "--provider", "api7", "--title", "A", "--ci", "none", "--out", "new"),
    ],
)
def test_a_closed_standard_output_is_known_before_anything_is_done(
    club: Bench, words: tuple[str, ...], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    club.manifest("trusted_domains: ['club.example']   # not canonical\n")
    before = sorted(Path().rglob("*")), Path("portals/partners.yaml").read_bytes()
    monkeypatch.setenv("KONNECT_SERVER_URL", club.sim.url)
    monkeypatch.setenv("KONNECT_TOKEN", club.sim.token)
    monkeypatch.setattr("sys.stdout", ClosedOutput())
    assert leaves(monkeypatch, *words) == 64
    assert CLOSED in capsys.readouterr().err
    assert before == (sorted(Path().rglob("*")), Path("portals/partners.yaml").read_bytes())
    assert club.sim.log == ()


def test_what_prints_nothing_needs_no_standard_output(club: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    assert club.run("snapshot", "--out", "snapshot.json").code == 0
    monkeypatch.setattr("sys.stdout", ClosedOutput())
    assert leaves(monkeypatch, "report", "access", "--snapshot", "snapshot.json", "--out", "access.csv") == 0
    assert "ann@club.example" in Path("access.csv").read_text()


@pytest.mark.slow
@pytest.mark.parametrize("others", ["", "<&-", "2>&-", "<&- 2>&-"])
@pytest.mark.parametrize("closed", [">&-", "1</dev/null"])
def test_nothing_is_written_where_standard_output_is_closed(club: Bench, closed: str, others: str) -> None:
    for words in ("--version", "--help", "plan --out plan.json", "apply --yes", "demo", "schema plan"):
        done = shell(club, f"$P {words} {closed} {others}")
        assert (done.code, done.out) == (64, ""), words
        assert done.err == "" if "2>&-" in others else CLOSED in done.err
    assert sorted(map(str, Path().iterdir())) == ["portals"]
    assert club.writes == []


@pytest.mark.slow
@pytest.mark.parametrize("closed", ["<&-", "2>&-", "<&- 2>&-", "2</dev/null", "2>/dev/full", "<&- 2>/dev/full"])
def test_standard_input_and_error_may_be_closed(club: Bench, closed: str) -> None:
    """What is printed there reaches no file and no connection that was opened since."""
    club.manifest(f"{RULES}overrides: [{{developer: x@x.org, status: pending, reason: r, expires: 2020-01-01}}]\n")
    assert shell(club, f"$P plan -f portals --out plan.json --base nowhere {closed}").code == 64  # says so, unheard
    done = shell(club, f"$P plan -f portals --out plan.json {closed}")
    assert done.code == 0
    assert json.loads(Path("plan.json").read_text())["kind"] == "plan"
    done = shell(club, f"$P apply -f portals --yes --report report.json {closed}")
    assert (done.code, club.status("ann@club.example")) == (0, "approved")
    assert json.loads(Path("report.json").read_text())["kind"] == "report"
    assert all(json.loads(line) for line in Path(".portalctl/partners.jsonl").read_text().splitlines())
    assert shell(club, f"$P nope {closed}").code == 64
    assert shell(club, f"$P apply -f portals {closed}").code in {0, 3}
    assert shell(club, f"$P report access -f portals --out access.csv {closed}").code == 0


@pytest.mark.slow
def test_an_interrupt_during_an_apply_needs_no_standard_error(club: Bench) -> None:
    club.people(pending=[f"p{number}@club.example" for number in range(40)])
    process: list[int] = []
    first = threading.Lock()

    def interrupt(request: Any) -> None:
        if request.method == "PATCH" and first.acquire(blocking=False):
            os.kill(process[0], signal.SIGTERM)

    club.sim.on_request(interrupt)
    env = {"PATH": os.environ["PATH"], "KONNECT_SERVER_URL": club.sim.url, "KONNECT_TOKEN": club.sim.token}
    line = [sys.executable, "-m", "portalctl", "apply", "-f", "portals", "--yes", "--report", "report.json"]
    with Path("/dev/full").open("wb") as full, subprocess.Popen(line, env=env, stderr=full) as started:
        process.append(started.pid)
        assert started.wait(60) == 130
    assert json.loads(Path("report.json").read_text())["interrupted"] is True


@pytest.mark.slow
@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "us-ascii", "ascii:strict", "cp037"])
def test_any_encoding_shows_escapes(club: Bench, encoding: str) -> None:
    env = {
        **os.environ,
        "PYTHONIOENCODING": encoding,
        "KONNECT_SERVER_URL": club.sim.url,
        "KONNECT_TOKEN": "kpat_sim",
    }
    for words in (["plan", "-f", "portals"], ["plan", "-f", "portals", "--portal", "\udcff→"]):
        line = [sys.executable, "-m", "portalctl", *words]
        done = subprocess.run(line, env=env, capture_output=True, timeout=60, check=False)
        shown = (done.stdout + done.stderr).decode(encoding.partition(":")[0])
        assert r"\u2192" in shown
        assert "Traceback" not in shown
        assert "internal error" not in shown


@pytest.mark.slow
def test_a_stream_that_does_not_wait_loses_nothing(club: Bench) -> None:
    """Other programs may have made a pipe that we share non-blocking."""
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    line = [sys.executable, "-m", "portalctl", "schema", "manifest"]
    with subprocess.Popen(line, stdout=writer, cwd=club.folder) as started:
        os.close(writer)
        with os.fdopen(reader) as stream:
            assert json.load(stream)["$id"] == "urn:portalctl:schema:manifest:v1"
        assert started.wait(60) == 0


# --- the working folder, limits and variables


def test_a_deleted_working_folder_is_named(club: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    gone = club.folder.parent / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()
    for words in (
        ("plan",),
        ("validate", "-f", str(club.folder)),
        ("apply", "plan.json"),
        ("init",),
        ("fmt",),
        ("demo",),
    ):
        done = portalctl(*words)
        assert (done.code, done.out) == (64, ""), words
        assert done.err.startswith("error: the working folder no longer exists\n")
    assert portalctl("--version").code == 0
    assert portalctl("--help").code == 0


@pytest.mark.skipif(os.geteuid() == 0, reason="root may look into every folder")
def test_a_working_folder_that_cannot_be_used_is_named(club: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    closed = club.folder.parent / "closed"
    closed.mkdir()
    monkeypatch.chdir(closed)
    closed.chmod(0)
    done = portalctl("plan")
    assert done.code == 64
    assert f"the working folder {closed} cannot be used: Permission denied" in done.err


@pytest.mark.wide(1)
@pytest.mark.parametrize("columns", ["1", "0", "-3", "abc", "9" * 12, "9" * 5000, "\udcff"])
def test_any_width_of_a_terminal_will_do(club: Bench, columns: str) -> None:
    assert "ann@club.example" in club.run("plan", COLUMNS=columns).out
    assert club.run("drift", "--fail-on", "expired", COLUMNS=columns, TERM="\udcff", LINES="-1").code == 0
    assert "ann@club.example" in club.run("explain", "ann@club.example", COLUMNS=columns).out


@pytest.mark.slow
def test_names_in_variables_may_be_any_bytes(club: Bench) -> None:
    for number, variable in enumerate(("LOGNAME", "GITHUB_ACTOR")):
        club.people(pending=[f"p{number}@club.example"])
        done = club.run("apply", "--yes", "--report", "report.json", **{variable: "a\udcff"})
        assert done.code == 0
        assert json.loads(Path("report.json").read_text())["who"]["actor"] == r"a\xff"


def limited(kind: int, value: int) -> Callable[[], None]:
    return lambda: resource.setrlimit(kind, (value, value))


@pytest.mark.slow
@pytest.mark.parametrize("files", [4, 5, 6, 8, 12])
def test_few_open_files_are_no_mistake_of_ours(club: Bench, files: int) -> None:
    env = {"PATH": os.environ["PATH"], "KONNECT_SERVER_URL": club.sim.url, "KONNECT_TOKEN": club.sim.token}
    line = [sys.executable, "-m", "portalctl", "plan", "-f", "portals"]
    done = subprocess.run(
        line, env=env, capture_output=True, text=True, timeout=60, check=False,
        preexec_fn=limited(resource.RLIMIT_NOFILE, files),
    )  # fmt: skip
    assert done.returncode in {0, 1, 64, 65}
    assert "internal error" not in done.stderr
    assert done.returncode != 64 or "too many open files" in done.stderr


@pytest.mark.slow
@pytest.mark.parametrize(
    "env",
    [
        {"HOME": "/nowhere", "TMPDIR": "/nowhere", "XDG_CACHE_HOME": "/nowhere"},
        {"PYTHONWARNINGS": "error", "PYTHONDEVMODE": "1"},
        {"LC_ALL": "xx_YY", "LANG": "xx"},
        {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
        {"LOGNAME": "\udcff", "TERM": "\udcff"},
    ],
    ids=lambda env: next(iter(env)),
)
def test_odd_variables_do_no_harm(club: Bench, env: dict[str, str]) -> None:
    done = shell(club, "$P apply -f portals --yes --report report.json", **env)
    assert (done.code, "Warning" in done.err) == (0, False)
    assert json.loads(Path("report.json").read_text())["kind"] == "report"


def test_no_folder_for_temporary_files_is_said(club: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> str:
        raise FileNotFoundError(2, "No usable temporary directory found in ['/tmp']")

    monkeypatch.setattr("tempfile.gettempdir", refuse)
    done = portalctl("demo")
    assert done.code == 64
    assert "Set TMPDIR to a folder" in done.err
    assert club.sim.log == ()


@pytest.mark.wide(4)
@pytest.mark.parametrize(
    "words",
    [
        ("plan", "--portal", "\udcff"),
        ("plan", "--team", "\udcff"),
        ("plan", "--only", "\udcff"),
        ("plan", "-f", "\udcff"),
        ("plan", "--snapshot", "\udcff"),
        ("plan", "--base", "\udcff"),
        (
            "plan",
            "--\udcff",
        ),
        ("\udcff",),
        ("apply", "\udcff"),
        ("explain", "\udcff", "--offline"),
        ("drift", "--acknowledge", "\udcff"),
        ("init", "--portal", "\udcff", "--provider", "api7", "--title", "A", "--ci", "none"),
        ("init", "--portal", "a", "--provider", "api7", "--title", "A", "--ci", "none", "--out", "\udcff/\udcff"),
        ("import", "--portal", "a", "--provider", "konnect", "--portal-id", "\udcff"),
    ],
    ids=lambda words: " ".join(words[:2]).encode("ascii", "backslashreplace").decode(),
)
def test_words_that_are_not_utf8_are_wrong_usage_or_names(club: Bench, words: tuple[str, ...]) -> None:
    env = {"KONNECT_SERVER_URL": club.sim.url, "KONNECT_TOKEN": club.sim.token}
    done = portalctl(*words, env=env)
    if "--out" in words:
        assert done.code == 0
        return
    assert done.code in {1, 64, 65}
    assert (done.out, bool(done.err)) == ("", True)


# --- what nobody expected


def test_an_unexpected_error_is_one_line_without_its_message(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(*_: object, **__: object) -> str:
        raise RuntimeError("kpat_secret")

    monkeypatch.setattr("json.dumps", fail)
    monkeypatch.delenv("PORTALCTL_TRACEBACK", raising=False)
    assert leaves(monkeypatch, "schema", "plan") == 1
    shown = capsys.readouterr()
    assert (shown.out, shown.err.count("\n")) == ("", 1)
    assert shown.err.startswith("error: internal error: RuntimeError. ")
    assert "PORTALCTL_TRACEBACK=1" in shown.err
    assert "kpat_secret" not in shown.err


def test_a_file_that_the_system_refuses_is_no_mistake_of_ours(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("file").write_text("")
    monkeypatch.delenv("PORTALCTL_TRACEBACK", raising=False)
    assert leaves(monkeypatch, "demo", "--keep", "file/new") in {1, 64}
    shown = capsys.readouterr().err
    assert "internal error" not in shown
    assert "Not a directory" in shown


def test_windows_is_told_where_portalctl_runs(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.platform", "win32")
    assert leaves(monkeypatch, "--version") == 64
    shown = capsys.readouterr()
    assert shown.out == ""
    assert shown.err.startswith("error: portalctl runs on Linux and macOS, not on Windows\n")


@pytest.mark.slow
def test_a_command_that_is_ended_leaves_no_half_file(club: Bench) -> None:
    """SIGTERM while a large plan is written to a slow reader, and at once before."""
    os.mkfifo("pipe")
    line = "$P plan -f portals --out plan.json > pipe & sleep 0.1; kill -TERM $!; wait $!"
    done = shell(club, f"exec 3<>pipe; {line}")
    assert done.code in {0, 130, 143}
    assert not list(Path().rglob(".portalctl-*"))
    if Path("plan.json").exists():
        assert json.loads(Path("plan.json").read_text())["kind"] == "plan"
        assert stat.S_IMODE(Path("plan.json").stat().st_mode) == 0o600
