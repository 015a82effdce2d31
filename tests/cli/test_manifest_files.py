"""Which files of a folder are read, through the command line."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from tests.conftest import HEAD, Bench

FRAGMENT = "version: 1\nportal: partners\n"
DENIAL = "overrides: [{developer: mallory@club.example, status: revoked, reason: Left}]\n"
ROOT = """
trusted_domains: [club.example]
delegate: {"%s": {overrides: true}}
"""
TEAM = "teams: [{name: reds, membership: exclusive, members: [ann@club.example]}]\n"
SPELLINGS = ["denied.yaml", "denied.yml", "denied.YML", "denied.YAML", "DENIED.Yaml", "x/denied.yMl"]


def write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


@pytest.mark.wide(2)
@pytest.mark.parametrize("name", [*reversed(SPELLINGS)])
def test_a_denial_counts_whatever_the_letter_case_of_its_file(bench: Bench, name: str) -> None:
    bench.people(pending=["mallory@club.example"])
    bench.manifest(ROOT % name)
    write(bench.folder / name, FRAGMENT + DENIAL)
    assert [change["op"] for change in bench.run("plan", "-o", "json").json["portals"][0]["changes"]] == ["revoke"]


def test_a_team_keeps_those_whom_a_file_in_capitals_lists(bench: Bench) -> None:
    bench.people(approved=["ann@club.example"])
    bench.team("reds", "ann@club.example")
    bench.manifest("teams: [{name: reds, membership: exclusive, members: []}]\n")
    write(bench.folder / "CITY.YAML", FRAGMENT + TEAM)
    assert bench.run("plan", "--detailed-exitcode").code == 0
    assert bench.run("fmt").out.startswith("portals/CITY.YAML\n")


def git(*words: str) -> None:
    subprocess.run(["git", "-c", "user.name=Ann", "-c", "user.email=ann@example.com", *words], check=True)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["denied.YML", "Denied.Yaml"])
def test_the_base_has_the_same_files(bench: Bench, name: str) -> None:
    bench.people(pending=["mallory@club.example"])
    bench.manifest(ROOT % name)
    write(bench.folder / name, FRAGMENT + DENIAL)
    git("init", "-q", "-b", "main")
    git("add", "-A")
    git("commit", "-qm", "Before")
    (portal,) = bench.run("plan", "--base", "main", "-o", "json").json["portals"]
    assert [(change["op"], change["origin"]) for change in portal["changes"]] == [("revoke", "pending")]


@pytest.mark.parametrize("name", ["portals/A.YML", "portals/x/a.Yaml", "portal.YAML", "portals/l.CSV"])
def test_the_hooks_for_pre_commit_match_the_same_files(name: str) -> None:
    hooks = YAML(typ="safe").load(Path(__file__).parents[2] / ".pre-commit-hooks.yaml")
    validate, fmt = (re.search(hook["files"], name) for hook in hooks)
    assert validate
    assert bool(fmt) != name.endswith(".CSV")


def test_a_folder_with_a_file_in_capitals_is_not_empty(bench: Bench) -> None:
    done = bench.run("validate")
    assert done.code == 65
    assert "portals:1:1: no *.yaml or *.yml file in this folder" in done.err
    write(bench.folder / "p.YAML", HEAD)
    assert bench.run("validate").code == 0
