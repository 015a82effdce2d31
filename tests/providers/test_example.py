"""The example provider is a distribution of its own: every command works with it, and it passes the suite."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from uuid import uuid4

import pytest

from portalctl.providers import registry
from portalctl.providers.definition import LocalFile
from portalctl.testing import Conformance, Fault, State
from tests.conftest import Done, portalctl

EXAMPLE = Path(__file__).parents[2] / "examples" / "provider"
METADATA = "Metadata-Version: 2.1\nName: {name}\nVersion: 0.1.0\n"


def install(site: Path, name: str = "portalctl-json-file", module: str = "portalctl_json_file") -> None:
    """Put the example into a folder as an installer does: the module, and its metadata with the entry point."""
    site.mkdir(exist_ok=True)
    shutil.copy(EXAMPLE / "portalctl_json_file.py", site / f"{module}.py")
    info = site / f"{name.replace('-', '_')}-0.1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(METADATA.format(name=name))
    (info / "entry_points.txt").write_text(f"[portalctl.providers]\njson-file = {module}:PROVIDER\n")


@pytest.fixture(autouse=True)
def forget() -> Iterator[None]:
    """Forget which plug-ins were found, and their modules."""
    registry.find.cache_clear()
    yield
    registry.find.cache_clear()
    for name in [name for name in sys.modules if name.startswith(("portalctl_json", "evil"))]:
        del sys.modules[name]


@pytest.fixture
def club(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working folder with a manifest and the portal's file; the provider is installed elsewhere."""
    install(tmp_path / "site")
    monkeypatch.syspath_prepend(tmp_path / "site")
    folder = tmp_path / "checkout"
    (folder / "portals").mkdir(parents=True)
    shutil.copy(EXAMPLE / "club.yaml", folder / "portals")
    shutil.copy(EXAMPLE / "club.json", folder)
    monkeypatch.chdir(folder)
    return folder


def run(*words: str) -> Done:
    return portalctl(*words, env={"PORTALCTL_CLUB_SERVER": "club.json"})


def test_every_command_works_with_it(club: Path) -> None:
    assert run("validate", "-f", "portals").code == 0
    assert run("fmt", "--check", "-f", "portals").code == 0
    assert run("ping", "-f", "portals").code == 0
    assert run("plan", "-f", "portals", "--detailed-exitcode", "--out", "plan.json").code == 2
    assert run("snapshot", "-f", "portals", "--out", "snapshot.json").code == 0
    planned = run("plan", "-f", "portals", "--snapshot", "snapshot.json", "-o", "json").json["portals"][0]
    assert [change["id"] for change in planned["changes"]] == [
        "approve:ann@city.example",
        "add_member:ann@city.example:city",
        "revoke:leaver@city.example",
    ]
    assert planned["server"] == (club / "club.json").as_uri()
    assert run("drift", "-f", "portals").code == 2
    assert "trusted domain city.example" in run("explain", "ann@city.example", "-f", "portals").out
    assert run("explain", "ann@city.example", "-f", "portals", "--offline").code == 0
    assert run("apply", "plan.json", "--yes", "--report", "report.json").code == 0
    assert run("plan", "-f", "portals", "--detailed-exitcode").code == 0
    assert run("drift", "-f", "portals").code == 0
    assert run("report", "access", "-f", "portals", "-o", "json").code == 0
    assert "json-file" in run("list", "portals", "-f", "portals").out
    live = json.loads((club / "club.json").read_text())
    assert [developer["status"] for developer in live["developers"]] == ["approved", "revoked"]


def test_a_repository_can_begin_with_it(club: Path) -> None:
    portal = ("--portal", "club", "--provider", "json-file")
    assert run("import", *portal, "--portal-id", "club", "--out", "imported").code == 0
    assert run("plan", "-f", "imported", "--detailed-exitcode").code == 0
    assert run("init", *portal, "--title", "Club", "--ci", "github", "--out", "begun").code == 0
    workflow = (club / "begun" / ".github" / "workflows" / "portal-apply.yml").read_text()
    assert "PORTALCTL_CLUB_SERVER: ${{ vars.PORTALCTL_CLUB_SERVER }}" in workflow
    assert "KONNECT" not in workflow
    refused = run("import", *portal, "--portal-id", "club", "--region", "eu")
    assert (refused.code, "JSON file has no key 'region'" in refused.err) == (64, True)


def test_another_portal_in_the_file_is_an_error(club: Path) -> None:
    (club / "club.json").write_text(json.dumps({"id": "other", "name": "O", "developers": [], "teams": []}))
    done = run("plan", "-f", "portals")
    assert done.code == 1
    assert "its id is 'other', not 'club'" in done.err


def test_two_plug_ins_of_one_name_are_an_error(club: Path) -> None:
    install(club.parent / "site", "portalctl-json-again", "portalctl_json_again")
    done = run("validate", "-f", "portals")
    assert done.code == 64
    assert "provider 'json-file': 2 plug-ins have this name (portalctl-json-again, portalctl-json-file)" in done.err


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("raise RuntimeError('broken')", "RuntimeError: broken"),
        ("raise SystemExit(0)", "SystemExit: 0"),
        ("PROVIDER = 3", "is int, not a Provider of this name"),
        (
            "from portalctl.providers.registry import provider_named\nPROVIDER = provider_named('api7')",
            "named 'api7'",
        ),
    ],
)
def test_a_plug_in_that_cannot_be_used_is_an_error(club: Path, code: str, words: str) -> None:
    (club.parent / "site" / "portalctl_json_file.py").write_text(code)
    done = run("validate", "-f", "portals")
    assert (done.code, words in done.err, "Traceback" in done.err) == (64, True, False)


EVIL = "from pathlib import Path\nPath('ran').touch()\nPROVIDER = None\n"


@pytest.mark.parametrize("place", [".", "below"])
def test_nothing_in_the_working_folder_is_a_plug_in(club: Path, monkeypatch: pytest.MonkeyPatch, place: str) -> None:
    folder = club / place
    install(folder, "evil", "evil")
    (folder / "evil.py").write_text(EVIL)
    (folder / "evil-0.1.0.dist-info" / "entry_points.txt").write_text("[portalctl.providers]\nevil = evil:PROVIDER\n")
    (club / "portals" / "club.yaml").write_text("version: 1\nportal: {name: club, provider: evil, id: x}\n")
    monkeypatch.syspath_prepend(folder)
    done = run("validate", "-f", "portals")
    assert (done.code, (club / "ran").exists()) == (65, False)
    assert "'evil' is not a known provider" in done.err


def test_a_plug_ins_module_is_not_taken_from_the_working_folder(club: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (club / "portalctl_json_file.py").write_text(EVIL)
    monkeypatch.syspath_prepend(club)
    assert run("validate", "-f", "portals").code == 0
    assert not (club / "ran").exists()


class JsonHarness:
    """The example's file, changed by hand."""

    portal_id = "club"

    def __init__(self, path: Path) -> None:
        found = registry.find("json-file")
        assert found is not None
        self.provider = found
        self.path = path
        self.servers = {"portal": LocalFile(path)}
        self._write({"id": "club", "name": "Club", "developers": [], "teams": []})

    def fill(self, state: State) -> None:
        data = json.loads(self.path.read_text())
        ids = {address: str(uuid4()) for address in state.developers}
        data["developers"] += [
            {"id": ids[address], "email": address, "status": status} for address, status in state.developers.items()
        ]
        data["teams"] += [
            {"id": str(uuid4()), "name": name, "description": None, "members": [ids[address] for address in members]}
            for name, members in state.teams.items()
        ]
        self._write(data)

    def state(self) -> State:
        data = json.loads(self.path.read_text())
        addresses = {row["id"]: row["email"] for row in data["developers"]}
        return State(
            {row["email"]: row["status"] for row in data["developers"]},
            {row["name"]: frozenset(addresses[key] for key in row["members"]) for row in data["teams"]},
        )

    def fault(self, kind: Fault) -> AbstractContextManager[None] | None:
        del kind  # a file has none of them
        return None

    def _write(self, data: object) -> None:
        self.path.write_text(json.dumps(data))


class TestExample(Conformance):
    @pytest.fixture
    def harness(self, club: Path) -> JsonHarness:
        return JsonHarness(club / "portal.json")


@pytest.mark.slow
def test_it_can_be_built_and_installed(tmp_path: Path) -> None:
    """By pip, into a folder of its own, as the README beside it says."""
    pytest.importorskip("hatchling", reason="installed in .ci/run only")
    pip = [sys.executable, "-m", "pip", "install", "-q", "--no-deps", "--no-build-isolation", "--no-index"]
    subprocess.run([*pip, "--target", str(tmp_path / "site"), str(EXAMPLE)], check=True)
    assert sorted(path.name for path in (tmp_path / "site").glob("*.dist-info")) == [
        "portalctl_json_file-0.1.0.dist-info"
    ]
    env = {"PYTHONPATH": str(tmp_path / "site"), "PORTALCTL_CLUB_SERVER": str(EXAMPLE / "club.json"), "PATH": ""}
    words = [sys.executable, "-m", "portalctl", "plan", "-f", str(EXAMPLE / "club.yaml")]
    folder = tmp_path / "checkout"  # the plug-in is not below it
    folder.mkdir()
    done = subprocess.run(words, env=env, cwd=folder, capture_output=True, text=True, check=False)
    assert (done.returncode, "approve" in done.stdout or "pending → approved" in done.stdout) == (0, True)
