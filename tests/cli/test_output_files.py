"""Options that name an output file: what they replace, write into, print and refuse, before anything is done."""

from __future__ import annotations

import json
import os
import resource
import socket
import stat
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from portalctl.simulator.faults import Fault
from tests.conftest import Bench, Done, portalctl

RULES = "trusted_domains: [club.example]\n"
REAL = Path("real.json")
ROOT_ONLY = pytest.mark.skipif(os.geteuid() != 0, reason="only root can make a device")


@pytest.fixture
def club(bench: Bench) -> Bench:
    bench.people(pending=["ann@club.example", "bob@club.example"])
    bench.manifest(RULES)
    return bench


def mode(path: str | Path) -> int:
    return stat.S_IMODE(Path(path).lstat().st_mode)


def no_leftovers(folder: Path = Path()) -> bool:
    return not list(folder.rglob(".portalctl-*"))


@contextmanager
def files_of_at_most(size: int) -> Iterator[None]:
    """As on a full disk: no file may become larger."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


@contextmanager
def reader(path: str) -> Iterator[list[str]]:
    """Reads a named pipe until it ends."""
    read: list[str] = []
    thread = threading.Thread(target=lambda: read.append(Path(path).read_text(encoding="utf-8")), daemon=True)
    thread.start()
    yield read
    thread.join(10)


# Each option that names an output file, and what it writes.
OPTIONS: dict[str, tuple[str, ...]] = {
    "plan": ("plan", "--out"),
    "apply": ("apply", "--yes", "--report"),
    "drift": ("drift", "--fail-on", "expired", "--metrics"),
    "snapshot": ("snapshot", "--out"),
    "access": ("report", "access", "-o", "json", "--out"),
}


def write_to(bench: Bench, option: str, path: str) -> Done:
    words = OPTIONS[option]
    env = {"KONNECT_SERVER_URL": bench.sim.url, "KONNECT_TOKEN": bench.sim.token}
    return portalctl(*words, path, "-f", "portals", env=env)


# --- regular files and links


@pytest.mark.wide(1)
@pytest.mark.parametrize("option", OPTIONS)
def test_a_file_is_made_and_replaced_for_its_owner_alone(club: Bench, option: str) -> None:
    os.umask(os.umask(0o777))  # whatever the umask is
    expected = 0o644 if option == "drift" else 0o600
    Path("out").write_text("OLD")
    Path("out").chmod(0o666)
    for _ in range(2):
        assert write_to(club, option, "out").code == 0
        assert (mode("out"), no_leftovers()) == (expected, True)
    assert "OLD" not in Path("out").read_text()
    old = os.umask(0o777)
    try:
        assert write_to(club, option, "new").code == 0
    finally:
        os.umask(old)
    assert mode("new") == expected


@pytest.mark.wide(1)
@pytest.mark.parametrize("option", OPTIONS)
@pytest.mark.parametrize("there", [True, False], ids=["there", "dangling"])
def test_a_link_stays_one_and_its_target_is_written(club: Bench, option: str, *, there: bool) -> None:
    Path("below").mkdir()
    Path("below/link").symlink_to("../middle")
    Path("middle").symlink_to(REAL)
    if there:
        REAL.write_text("OLD")
    assert write_to(club, option, "below/link").code == 0
    assert (Path("below/link").is_symlink(), Path("middle").is_symlink()) == (True, True)
    assert "OLD" not in REAL.read_text()
    assert mode(REAL) == (0o644 if option == "drift" else 0o600)


def _socket(path: str) -> None:
    with socket.socket(socket.AF_UNIX) as made:
        made.bind(path)


REFUSED: dict[str, tuple[Callable[[], object], str]] = {
    "folder": (lambda: Path("out").mkdir(), "this is a folder"),
    "loop": (lambda: Path("out").symlink_to("out"), "Too many levels of symbolic links"),
    "into nowhere": (lambda: Path("out").symlink_to("none/x"), "No such file or directory"),
    "to standard output": (lambda: Path("out").symlink_to("/dev/stdout"), "this link leads to an open stream"),
    "to a descriptor": (lambda: Path("out").symlink_to("/proc/self/fd/1"), "this link leads to an open stream"),
    "socket": (lambda: _socket("out"), "this is a socket"),
    "a file as folder": (lambda: Path("file").write_text(""), "Not a directory"),
}
PATHS = {"a file as folder": "file/out"}


@pytest.mark.wide(3)
@pytest.mark.parametrize("option", OPTIONS)
@pytest.mark.parametrize("case", REFUSED)
def test_what_cannot_be_written_to_is_refused_before_any_request(club: Bench, option: str, case: str) -> None:
    make, because = REFUSED[case]
    make()
    before = os.lstat("out") if case not in PATHS else None
    done = write_to(club, option, PATHS.get(case, "out"))
    assert (done.code, done.out) == (64, "")
    assert f"error: {OPTIONS[option][-1]} {PATHS.get(case, 'out')}: {because}" in done.err
    assert (club.sim.log, no_leftovers()) == ((), True)
    assert before is None or os.path.samestat(before, os.lstat("out"))


@pytest.mark.wide(3)
@pytest.mark.parametrize(
    ("path", "because"),
    [
        ("", "the path is empty"),
        ("none/out", "No such file or directory"),
        ("none/", "this names a folder"),
        ("x" * 300, "File name too long"),
        ("/proc/out", "/proc"),
        ("/dev/fd/99", "no open stream"),
        ("/dev/fd/" + "9" * 30, "no open stream"),
    ],
)
def test_paths_that_no_file_can_have_are_refused(club: Bench, path: str, because: str) -> None:
    done = write_to(club, "plan", path)
    assert (done.code, club.sim.log) == (64, ())
    assert because in done.err


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_that_cannot_be_written_to_is_named(club: Bench) -> None:
    Path("closed").mkdir(mode=0o500)
    done = write_to(club, "apply", "closed/out")
    assert (done.code, club.sim.log) == (64, ())
    assert "--report closed/out: closed: Permission denied" in done.err


def test_a_name_that_is_not_utf8_is_written_to_and_shown_escaped(club: Bench) -> None:
    name = os.fsdecode(b"caf\xe9.json")
    done = write_to(club, "plan", name)
    assert done.code == 0
    assert json.loads(Path(name).read_bytes())["kind"] == "plan"
    assert r"caf\udce9.json" in done.out


# --- devices, pipes and the standard streams


@pytest.mark.wide(1)
@ROOT_ONLY
@pytest.mark.parametrize("option", OPTIONS)
@pytest.mark.parametrize("link", [False, True], ids=["device", "link to it"])
def test_a_device_is_written_into_and_stays(club: Bench, option: str, *, link: bool) -> None:
    os.mknod("null", 0o666 | stat.S_IFCHR, os.makedev(1, 3))
    Path("null").chmod(0o666)
    Path("link").symlink_to("null")
    assert write_to(club, option, "link" if link else "null").code == 0
    found = Path("null").lstat()
    assert stat.S_ISCHR(found.st_mode)
    assert (stat.S_IMODE(found.st_mode), found.st_rdev) == (0o666, os.makedev(1, 3))
    assert Path("link").is_symlink()


@ROOT_ONLY
@pytest.mark.parametrize(("kind", "number"), [(stat.S_IFBLK, (7, 99)), (stat.S_IFCHR, (1, 7))], ids=["block", "full"])
def test_devices_that_take_nothing_are_refused(club: Bench, kind: int, number: tuple[int, int]) -> None:
    os.mknod("device", 0o600 | kind, os.makedev(*number))
    done = write_to(club, "apply", "device")
    assert (done.code, club.sim.log) == (64, ())
    assert "--report device: " in done.err


@pytest.mark.wide(1)
@pytest.mark.parametrize("option", OPTIONS)
def test_a_named_pipe_is_written_into(club: Bench, option: str) -> None:
    os.mkfifo("pipe")
    with reader("pipe") as read:
        assert write_to(club, option, "pipe").code == 0
    assert stat.S_ISFIFO(Path("pipe").lstat().st_mode)
    assert read
    assert read[0]


def test_a_pipe_that_nobody_reads_is_refused(club: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("portalctl.output_file.READER_SECONDS", 0.1)
    os.mkfifo("pipe")
    done = write_to(club, "apply", "pipe")
    assert (done.code, club.sim.log) == (64, ())
    assert "no program reads from this pipe" in done.err


@pytest.mark.wide(3)
@pytest.mark.parametrize("option", OPTIONS)
@pytest.mark.parametrize("name", ["-", "/dev/stdout", "/dev/fd/1", "/proc/self/fd/1"])
def test_a_result_on_standard_output_stands_there_alone(club: Bench, option: str, name: str) -> None:
    done = write_to(club, option, name)
    assert done.code == 0
    if option == "drift":
        assert done.out.startswith("# HELP portalctl_")
    else:
        assert done.json["kind"] == {"apply": "report"}.get(option, option)
    assert "partners: read 2 developers" in done.err
    shown = {"plan": "Plan: ", "apply": "Applied: 2 changes confirmed", "snapshot": "1 portal"}
    assert shown.get(option, "") in done.err


def test_an_open_descriptor_is_written_into(club: Bench) -> None:
    with Path("seven").open("wb") as file:
        file.write(b"OLD\n")
        file.flush()
        assert write_to(club, "plan", f"/dev/fd/{file.fileno()}").code == 0
    head, _, plan = Path("seven").read_text().partition("\n")
    assert (head, json.loads(plan)["kind"]) == ("OLD", "plan")


@pytest.mark.parametrize(("option", "form"), [("plan", "json"), ("plan", "html"), ("drift", "markdown")])
def test_two_results_cannot_both_go_to_standard_output(club: Bench, option: str, form: str) -> None:
    done = club.run(option, OPTIONS[option][-1], "-", "-o", form)
    assert (done.code, done.out, club.sim.log) == (64, "", ())
    assert f"{OPTIONS[option][-1]} - and -o {form} both write to standard output" in done.err


def test_what_is_printed_is_masked_where_addresses_are_and_a_plan_on_disk_is_not(club: Bench) -> None:
    for words in (("plan", "--out", "-"), ("plan", "--out", "/dev/stderr"), ("snapshot", "--out", "/dev/stderr")):
        printed = club.run(*words, "--mask-emails")
        assert printed.code == 0
        assert "ann@" not in printed.out + printed.err
    assert club.run("plan", "--mask-emails", "--out", "plan.json").code == 0
    assert json.loads(Path("plan.json").read_text())["digest"].startswith("sha256:")


# --- two names for one file


def test_an_output_is_no_other_output_and_no_input(club: Bench) -> None:
    club.manifest(RULES, "more.yaml")
    Path("portals/more.yaml").unlink()
    assert club.run("plan", "--out", "plan.json").code == 0
    assert club.run("snapshot", "--out", "snapshot.json").code == 0
    os.link("portals/partners.yaml", "same.yaml")
    Path("link.yaml").symlink_to("portals/partners.yaml")
    club.sim.clear_log()
    for words in (
        ("plan", "--out", "portals/partners.yaml"),
        ("plan", "--out", "same.yaml"),
        ("plan", "--out", "link.yaml"),
        ("plan", "--out", "snapshot.json", "--snapshot", "./snapshot.json"),
        ("report", "access", "--out", "snapshot.json", "--snapshot", "snapshot.json"),
        ("apply", "--yes", "--report", "one", "--journal", "./one"),
        ("apply", "--yes", "--report", "portals/../portals/partners.yaml"),
        ("apply", "plan.json", "--yes", "--report", "plan.json"),
        ("apply", "plan.json", "--yes", "--journal", "plan.json"),
    ):
        before = {path: path.read_bytes() for path in Path().rglob("*.*") if path.is_file()}
        env = {"KONNECT_SERVER_URL": club.sim.url, "KONNECT_TOKEN": club.sim.token}
        done = portalctl(*words, *(() if "plan.json" in words else ("-f", "portals")), env=env)
        assert done.code == 64, words
        assert "this command also reads this file" in done.err or "name the same file" in done.err
        assert before == {path: path.read_bytes() for path in Path().rglob("*.*") if path.is_file()}
    assert club.sim.log == ()


def test_the_default_journal_is_no_report(club: Bench) -> None:
    Path(".portalctl").mkdir()
    done = club.run("apply", "--yes", "--report", ".portalctl/partners.jsonl")
    assert (done.code, club.writes) == (64, [])
    assert "--report .portalctl/partners.jsonl is the journal" in done.err


# --- no room


@pytest.mark.wide(1)
@pytest.mark.parametrize("option", ["plan", "snapshot", "access"])
def test_a_result_that_does_not_fit_leaves_what_was_there(club: Bench, option: str) -> None:
    club.people(pending=[f"{'x' * 50}{number}@club.example" for number in range(40)])
    Path("out").write_text("OLD")
    with files_of_at_most(4200):  # enough for what is tried first
        done = write_to(club, option, "out")
    assert done.code == 1
    assert f"error: {OPTIONS[option][-1]} out could not be written: File too large" in done.err
    assert (Path("out").read_text(), no_leftovers()) == ("OLD", True)


def test_an_apply_whose_report_would_not_fit_does_not_begin(club: Bench) -> None:
    club.people(pending=[f"p{number}@club.example" for number in range(10)])
    with files_of_at_most(8000):
        done = club.run("apply", "--yes", "--report", "report.json")
    assert (done.code, club.writes) == (64, [])
    assert "--report report.json cannot be written: File too large" in done.err
    assert not Path("report.json").exists()


@pytest.mark.wide(1)
@pytest.mark.parametrize("masked", [(), ("--mask-emails",)], ids=["plain", "masked"])
@pytest.mark.parametrize("refused", [0, 1])
def test_a_report_that_fails_after_the_writes_is_printed(club: Bench, refused: int, masked: tuple[str, ...]) -> None:
    """The reader of the pipe goes away while the portal is written to."""
    if refused:
        club.sim.inject(Fault("status", method="PATCH", path=f"*/{club.emails['ann@club.example']}", status=400))
    os.mkfifo("pipe")
    descriptor = os.open("pipe", os.O_RDONLY | os.O_NONBLOCK)

    first = threading.Lock()

    def leave(request: Any) -> None:
        if request.method == "PATCH" and first.acquire(blocking=False):
            os.close(descriptor)

    club.sim.on_request(leave)
    done = club.run("apply", "--yes", "--report", "pipe", *masked)
    assert done.code == (4 if refused else 1)
    assert "--report pipe could not be written: Broken pipe" in done.err
    assert "The report is printed above" in done.err
    start = done.err.index("{\n")
    report, _ = json.JSONDecoder().raw_decode(done.err[start:])
    assert report["kind"] == "report"
    assert len(report["portals"][0]["changes"]) == 2
    assert ("ann@club.example" in done.err) is (not masked)
    assert f"partners  {2 - refused} of 2 changes confirmed" in done.out


# --- journals


@pytest.mark.parametrize("words", [(), ("--journal", ".portalctl/own.jsonl")], ids=["default", "named"])
def test_a_committed_link_in_place_of_the_journals_folder_is_not_followed(
    club: Bench, words: tuple[str, ...]
) -> None:
    Path("elsewhere").mkdir()
    Path(".portalctl").symlink_to("elsewhere")
    done = club.run("apply", "--yes", *words)
    assert (done.code, club.sim.log, list(Path("elsewhere").iterdir())) == (64, (), [])
    assert ".portalctl is a symbolic link" in done.err


def test_a_journal_is_kept_in_regular_files_only(club: Bench) -> None:
    os.mkfifo("pipe")
    Path(".portalctl").mkdir()
    Path(".portalctl/partners.jsonl").symlink_to("/etc/hostname")
    for words in ((), ("--journal", "pipe"), ("--journal", "/dev/null"), ("--journal", "/dev/stdout")):
        null = Path("/dev/null").stat()
        done = club.run("apply", "--yes", *words)
        assert (done.code, club.writes) == (64, []), words
        assert "can't be written: it is " in done.err
        assert (Path("/dev/null").stat().st_mode, stat.S_ISFIFO(Path("pipe").lstat().st_mode)) == (null.st_mode, True)


def test_a_journal_is_its_owner_s_whatever_the_umask(club: Bench) -> None:
    old = os.umask(0o777)
    try:
        assert club.run("apply", "--yes").code == 0
    finally:
        os.umask(old)
    assert (mode(".portalctl"), mode(".portalctl/partners.jsonl")) == (0o700, 0o600)


# --- what CI services name


@pytest.mark.slow
def test_a_ci_file_that_cannot_be_written_is_named_by_its_variable(club: Bench) -> None:
    assert club.run("plan", "--out", "plan.json").code == 0
    os.mkfifo("pipe")
    for variable in ("GITHUB_OUTPUT", "GITHUB_STEP_SUMMARY"):
        for value in ("none/secret-name", "portals", "pipe", "/dev/full"):
            done = portalctl("ci", "github", "plan.json", "--comment", "never", env={variable: value})
            assert done.code == 64, (variable, value)
            assert f"error: cannot write to the file named by {variable}: " in done.err
            assert "secret-name" not in done.err


def test_dotenv_replaces_no_device_and_not_what_it_reads(club: Bench) -> None:
    assert club.run("plan", "--out", "plan.json").code == 0
    done = portalctl("ci", "gitlab", "plan.json", "--dotenv", "-")
    assert (done.code, done.out.startswith("PORTALCTL_HAS_CHANGES=true\n")) == (0, True)
    done = portalctl("ci", "gitlab", "plan.json", "--dotenv", "plan.json")
    assert (done.code, json.loads(Path("plan.json").read_text())["kind"]) == (64, "plan")


def test_import_prints_where_standard_output_is_named(club: Bench) -> None:
    words = (
        "import",
        "--portal",
        "new",
        "--provider",
        "konnect",
        "--portal-id",
        "3f51fa25-310a-421d-bd1a-007f859021a3",
    )
    env = {"KONNECT_SERVER_URL": club.sim.url, "KONNECT_TOKEN": club.sim.token}
    for out in ("-", "/dev/stdout"):
        done = portalctl(*words, "--out", out, env=env)
        assert (done.code, "\nversion: 1\n" in done.out, Path("-").exists()) == (0, True, False)
