"""`portalctl history` and `portalctl erase`, beside a controller's database."""

from __future__ import annotations

import json
import re
import stat
import subprocess
import sys
from pathlib import Path

import jsonschema
import pytest

from portalctl.cli.history import history
from portalctl.controller.database import open_database
from portalctl.controller.store import Store
from tests.conftest import Bench, portalctl
from tests.controller.records import NOW, run
from tests.controller.test_history import fill

pytestmark = pytest.mark.slow  # starts servers

SCHEMAS = Path(__file__).parents[2] / "schemas"
STATE = Path(".portalctl")
RULES = "trusted_domains: [{domain: club.example}]\n"


@pytest.fixture
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the folder of a controller that was stopped, in the working folder."""
    monkeypatch.chdir(tmp_path)
    engine = open_database(None, state=STATE)
    fill(Store(engine))
    engine.dispose()
    return tmp_path / STATE


@pytest.mark.usefixtures("state")
def test_it_begins_with_the_day_and_the_writers() -> None:
    done = portalctl("history")
    lines = done.out.splitlines()
    assert done.code == 0
    assert lines[0] == (
        "History since 2026-06-15 08:00:00 UTC. Writers: controller (2 runs, 2026-06-15 to 2026-06-15)."
    )
    assert lines[3].startswith("2026-06-15 08:00:00  city  run other: interval, mode full, succeeded, no changes")
    assert "✗ cid@example.com  not approved  [partners.yaml:7  trusted domain example.com]" in done.out
    assert "portal suspended by bob: audit of ann@example.com" in done.out


@pytest.mark.usefixtures("state")
def test_one_developer_one_portal_and_one_day() -> None:
    done = portalctl("history", "--developer", "ann@example.com", "-o", "json")
    assert {item["change"]["developer"]["email"] for item in done.json["changes"]} == {"Ann@Example.com"}
    assert portalctl("history", "--portal", "city", "-o", "json").json["changes"] == []
    assert portalctl("history", "--since", "2026-06-16", "-o", "json").json["runs"] == []
    assert len(portalctl("history", "--since", "2026-06-15", "-o", "json").json["runs"]) == 2


@pytest.mark.usefixtures("state")
@pytest.mark.parametrize(
    ("kind", "words"), [("history", ["history"]), ("evidence", ["history", "evidence", "run-1"])]
)
def test_the_json_fits_its_schema_and_can_be_shown(kind: str, words: list[str], tmp_path: Path) -> None:
    done = portalctl(*words, "-o", "json")
    jsonschema.validate(done.json, json.loads((SCHEMAS / f"{kind}.v1.schema.json").read_text(encoding="utf-8")))
    saved = tmp_path / "saved.json"
    saved.write_text(done.out, encoding="utf-8")
    for form in ("text", "markdown", "html"):
        assert portalctl("show", str(saved), "-o", form).code == 0
    assert portalctl("show", str(saved)).out == portalctl(*words).out


@pytest.mark.usefixtures("state")
@pytest.mark.parametrize(
    "words", [["history"], ["history", "-o", "json"], ["history", "export"], ["history", "evidence", "run-1"]]
)
def test_a_masked_history_has_no_address(words: list[str]) -> None:
    done = portalctl(*words, "--mask-emails")
    assert done.code == 0
    assert "dev-" in done.out
    assert not re.search(r"(ann|cid)@example|id-ann|id-cid", done.out, re.IGNORECASE)


@pytest.mark.usefixtures("state")
def test_the_export_is_json_lines(tmp_path: Path) -> None:
    done = portalctl("history", "export")
    records = [json.loads(line) for line in done.out.splitlines()]
    assert [item["record"] for item in records] == [
        *("history", "run", "run", "change", "change"),
        *("decision",) * 4,
        *("finding", "finding", "observation"),
    ]
    out = tmp_path / "evidence.jsonl"
    assert portalctl("history", "export", "--evidence", "--out", str(out)).code == 0
    assert stat.S_IMODE(out.stat().st_mode) == 0o600
    (evidence,) = [json.loads(line) for line in out.read_text(encoding="utf-8").splitlines()]
    assert (evidence["run"]["id"], evidence["run"]["approver"], evidence["run"]["commit"]) == (
        "run-1",
        "bob",
        "c0ffee",
    )
    assert [item["change"]["result"] for item in evidence["changes"]] == ["confirmed", "failed"]
    assert len(evidence["drift_afterwards"]) == 2


@pytest.mark.usefixtures("state")
@pytest.mark.parametrize(
    "place",
    [
        *[("since",), ("writers", 0, "first"), ("runs", 0, "started_at"), ("decisions", 0, "at")],
        *[
            ("changes", 0, "at"),
            ("changes", 0, "change", "op"),
            ("findings", 0, "first_seen"),
            ("observations", 0, "at"),
        ],
    ],
)
def test_a_forged_history_is_shown_without_what_is_wrong(place: tuple[str | int, ...], tmp_path: Path) -> None:
    document = portalctl("history", "-o", "json").json
    inner = document
    for key in place[:-1]:
        inner = inner[key]
    inner[place[-1]] = "\x1b[31m9999-99"
    forged = tmp_path / "forged.json"
    forged.write_text(json.dumps(document), encoding="utf-8")
    for form in ("text", "markdown", "html", "jsonl"):
        done = portalctl("show", str(forged), "-o", form)
        assert done.code in {0, 65}, done.err
        assert "\x1b" not in done.out + done.err


@pytest.mark.usefixtures("state")
def test_the_evidence_of_no_run_is_a_usage_error() -> None:
    done = portalctl("history", "evidence", "unknown")
    assert (done.code, done.err.splitlines()[0]) == (64, "error: 'unknown': no single run has this id")


@pytest.mark.parametrize("words", [["history"], ["history", "export"], ["history", "evidence", "x"]])
def test_without_a_database(words: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    done = portalctl(*words)
    assert (done.code, done.out) == (1, "")
    assert "there is no database at .portalctl/controller.db" in done.err
    assert not STATE.exists()


@pytest.mark.usefixtures("state")
def test_options_before_a_subcommand_are_refused() -> None:
    done = portalctl("history", "--portal", "city", "export")
    assert done.code == 64
    assert "--portal has no effect before a subcommand" in done.err


def test_the_database_can_be_named(state: Path) -> None:
    url = f"sqlite:///{state / 'controller.db'}"
    elsewhere = ["--state", "elsewhere"]
    assert portalctl("history", *elsewhere, "--database", url).out == portalctl("history").out
    assert portalctl("history", *elsewhere, env={"PORTALCTL_DATABASE": url}).out == portalctl("history").out
    done = portalctl("history", "--database", url, env={"PORTALCTL_DATABASE": url})
    assert (done.code, "--database and PORTALCTL_DATABASE are both set" in done.err) == (64, True)
    done = portalctl("history", env={"PORTALCTL_DATABASE": "oracle://scott:tiger@host/db"})
    assert done.code == 64
    assert "tiger" not in done.err


def test_the_history_can_be_read_while_a_controller_runs(state: Path) -> None:
    engine = open_database(None, state=state)
    Store(engine).begin_run(run("now", started_at=NOW))
    assert "run now: interval, mode full, running" in portalctl("history").out
    engine.dispose()


# --- reports of CI


def applied(bench: Bench) -> Path:
    bench.people(pending=["ann@club.example", "bob@club.example"])
    bench.manifest(RULES)
    assert bench.run("apply", "--yes", "--report", "report.json").code == 0
    open_database(None, state=STATE).dispose()
    return Path("report.json")


def test_a_report_of_an_apply_is_imported_once(bench: Bench) -> None:
    report = applied(bench)
    done = portalctl("history", "import", str(report))
    assert (done.code, done.out) == (0, "report.json: imported, 1 run with 2 changes\n")
    assert portalctl("history", "import", str(report)).out == "report.json: nothing new\n"
    found = portalctl("history", "--developer", "ann@club.example", "-o", "json").json
    (change,) = found["changes"]
    assert (change["change"]["op"], change["change"]["result"]) == ("approve", "confirmed")
    assert change["writer"].startswith("report:")
    assert found["writers"][0]["name"] == change["writer"]
    assert "Writers: 1 imported report (20" in portalctl("history").out


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("started_at", "yesterday", "portals[0].started_at: should be a date and time with a time zone"),
        ("ended_at", "2026-06-15T08:00:00", "portals[0].ended_at: should be a date and time with a time zone"),
        ("op", "promote", "portals[0].changes[0].op: is not an operation of this version"),
        ("settled_at", "9", "portals[0].changes[0].settled_at: should be a date and time with a time zone"),
    ],
)
def test_a_report_that_portalctl_did_not_write_is_refused(bench: Bench, key: str, value: str, message: str) -> None:
    report = applied(bench)
    content = json.loads(report.read_text(encoding="utf-8"))
    where = content["portals"][0] if key in content["portals"][0] else content["portals"][0]["changes"][0]
    where[key] = value
    report.write_text(json.dumps(content), encoding="utf-8")
    done = portalctl("history", "import", str(report))
    assert (done.code, done.out) == (65, "")
    assert message in done.err
    assert portalctl("history", "-o", "json").json["runs"] == []


def test_another_document_is_no_report(bench: Bench) -> None:
    applied(bench)
    bench.run("plan", "--out", "plan.json")
    done = portalctl("history", "import", "plan.json")
    assert (done.code, "this is a plan; expected a report of an apply" in done.err) == (65, True)
    assert portalctl("history", "import", "missing.json").code == 65


# --- erasing


def test_an_address_is_erased_from_database_journal_and_files(bench: Bench) -> None:
    bench.people(pending=["Ann@club.example", "joann@club.example"])
    bench.manifest(RULES)
    bench.run("snapshot", "--out", "snapshot.json")
    bench.run("plan", "--out", "plan.json")
    assert bench.run("apply", "--yes", "--report", "report.json").code == 0
    open_database(None, state=STATE).dispose()
    portalctl("history", "import", "report.json")
    portalctl("history", "export", "--out", "export.jsonl")
    files = ["snapshot.json", "plan.json", "report.json", "export.jsonl"]
    for name in (*files, ".portalctl/partners.jsonl"):
        assert "ann@club.example" in Path(name).read_text(encoding="utf-8").lower(), name
    done = portalctl("erase", "ann@club.example", *files, env={"PORTALCTL_MASK_KEY": "0123456789abcdef"})
    assert done.code == 0
    mask = done.out.splitlines()[0].removeprefix("ann@club.example becomes ")
    assert re.fullmatch(r"dev-[0-9a-f]{8}@club\.example", mask)
    assert "  .portalctl/partners.jsonl: rewritten\n" in done.out
    assert "database .portalctl/controller.db: results: 1" in done.out
    assert "Git: the manifest's files and their history" in done.out
    for path in [*map(Path, files), *STATE.iterdir()]:
        content = path.read_bytes().lower()
        assert not re.search(rb"(?<![\w.])ann@club", content), path
        assert b"joann@club.example" in content or path.suffix not in {".json", ".jsonl"}, path
        assert stat.S_IMODE(path.stat().st_mode) == 0o600, path
    assert mask in portalctl("history", "--developer", mask).out
    # A snapshot stays usable, and a journal too.
    assert bench.run("plan", "--snapshot", "snapshot.json").code == 0
    assert bench.run("apply", "--yes").code == 0
    again = portalctl("erase", "ann@club.example", "snapshot.json")
    assert "database .portalctl/controller.db: does not have the address" in again.out
    assert "snapshot.json: does not have the address" in again.out


def test_a_journal_with_a_torn_line_is_erased_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    STATE.mkdir()
    journal = STATE / "partners.jsonl"
    journal.write_text(
        '{"event": "begin"}\n{"event": "intent", "change": "approve:ann@club.example", "dev', encoding="utf-8"
    )
    done = portalctl("erase", "ann@club.example")
    assert done.code == 0
    assert "no database at .portalctl/controller.db" in done.out
    text = journal.read_text(encoding="utf-8")
    assert text.startswith('{"event": "begin"}\n{"event": "intent", "change": "approve:dev-')
    assert text.endswith('", "dev')


@pytest.mark.parametrize("address", ["ann", "@club.example", "", "ann@\x1b[31m"])
def test_what_is_no_address_is_refused(address: str, state: Path) -> None:
    before = (state / "controller.db").read_bytes()
    done = portalctl("erase", address)
    assert (done.code, "is not an address" in done.err) == (64, True)
    assert "\x1b" not in done.err
    assert (state / "controller.db").read_bytes() == before


@pytest.mark.usefixtures("state")
def test_a_file_that_cannot_be_erased_is_an_error() -> None:
    done = portalctl("erase", "ann@example.com", "missing.json")
    assert done.code == 65
    assert "missing.json" in done.err


def test_every_subcommand_is_a_command() -> None:
    assert set(history.commands) == {"import", "export", "evidence"}


def test_without_the_extra_it_names_what_to_install(state: Path) -> None:
    code = "import sys; sys.modules['sqlalchemy'] = None; from portalctl.cli.main import main; main()"
    for words in (["history"], ["history", "import", "x.json"], ["erase", "ann@example.com"]):
        done = subprocess.run(
            [sys.executable, "-c", code, *words], cwd=state.parent, capture_output=True, text=True, check=False
        )
        assert (done.returncode, done.stdout.count("replaced")) == (64, 0)
        assert "needs the extra controller (sqlalchemy is not installed)" in done.stderr
        assert "pip install '.[controller]'" in done.stderr
    elsewhere = [sys.executable, "-c", code, "erase", "ann@example.com", "--state", "elsewhere"]
    assert subprocess.run(elsewhere, cwd=state.parent, capture_output=True, check=False).returncode == 0
