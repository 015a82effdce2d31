"""`list portals`: what a CI matrix is made of."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from portalctl.cli.list import list as list_command
from tests.conftest import HEAD, portalctl

OTHER = "version: 1\nportal: {name: club-api7, provider: api7, title: Club}\n"
SHARED = "version: 1\nportals: [partners]\nteams:\n  - {name: city, description: Only described here}\n"


@pytest.fixture
def portals(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, offline: None) -> Path:  # noqa: ARG001
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "portals"
    (folder / "teams").mkdir(parents=True)
    (folder / "partners.yaml").write_text(HEAD + "teams: [{name: city}]\n")
    (folder / "teams" / "city.yaml").write_text(SHARED)
    (folder / "club.yaml").write_text(OTHER)
    return folder


@pytest.mark.usefixtures("portals")
def test_json_has_each_portal_with_the_files_that_speak_of_it_in_one_line() -> None:
    done = portalctl("list", "portals", "-f", "portals", "-o", "json")
    assert (done.code, done.out.count("\n")) == (0, 1)
    assert (done.json["version"], done.json["kind"]) == (1, "portals")
    club, partners = done.json["portals"]
    assert club == {
        "name": "club-api7",
        "provider": "api7",
        "region": None,
        "id": None,
        "title": "Club",
        "files": ["portals/club.yaml"],
    }
    assert partners["files"] == ["portals/partners.yaml", "portals/teams/city.yaml"]


@pytest.mark.usefixtures("portals")
def test_text() -> None:
    assert portalctl("list", "portals").out == (
        "club-api7  api7\n  portals/club.yaml\n"
        "partners  konnect\n  portals/partners.yaml\n  portals/teams/city.yaml\n"
    )


def test_a_file_name_does_nothing_to_a_ci_log(portals: Path) -> None:
    (portals / "club.yaml").rename(portals / "##[group]\x1b.yaml")
    for words in ((), ("-o", "json")):
        out = portalctl("list", "portals", *words).out
        assert "\x1b" not in out
        assert "##[" not in out


def test_broken_files_are_an_error_and_nothing_is_listed(portals: Path) -> None:
    (portals / "club.yaml").write_text("version: 2\n")
    done = portalctl("list", "portals", "-o", "json")
    assert (done.code, done.out) == (65, "")
    assert "portals/club.yaml:1" in done.err


@pytest.mark.usefixtures("portals")
def test_the_examples_of_its_help() -> None:
    for command in list_command.commands.values():
        assert command.help is not None
        examples = command.help.partition("Examples:\n")[2].strip().splitlines()
        assert len(examples) >= 2
        for example in examples:
            found = re.search(r"portalctl (list (\w+)[^)]*)", example)
            assert found is not None
            if "--live" not in example:
                done = portalctl(*found[1].split())
                assert (done.code, "club-api7" in done.out) == (0, found[2] == "portals")


@pytest.mark.slow
def test_the_example_for_a_ci_variable_works_in_a_shell(tmp_path: Path) -> None:
    (tmp_path / "portals").mkdir()
    (tmp_path / "portals" / "partners.yaml").write_text(HEAD)
    example = (list_command.commands["portals"].help or "").strip().splitlines()[-1].strip()
    script = example.replace("portalctl", f"{sys.executable} -m portalctl", 1)
    env = {**os.environ, "GITHUB_OUTPUT": str(tmp_path / "output")}
    subprocess.run(["bash", "-euc", script], check=True, cwd=tmp_path, env=env)
    name, _, value = (tmp_path / "output").read_text().partition("=")
    assert (name, json.loads(value)["portals"][0]["name"]) == ("portals", "partners")
