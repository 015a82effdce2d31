"""Which files of a folder are read, through the command line."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from tests.conftest import HEAD, Bench, portalctl

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


@pytest.mark.wide(1)
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
    *together, fmt = (re.search(hook["files"], name) for hook in hooks)
    assert all(together)
    assert bool(fmt) != name.endswith(".CSV")


def test_a_folder_with_a_file_in_capitals_is_not_empty(bench: Bench) -> None:
    done = bench.run("validate")
    assert done.code == 65
    assert "portals:1:1: no *.yaml or *.yml file in this folder" in done.err
    write(bench.folder / "p.YAML", HEAD)
    assert bench.run("validate").code == 0


def test_a_file_that_looks_like_a_manifest_and_is_not_read_is_a_finding_everywhere(bench: Bench) -> None:
    bench.people(pending=["mallory@club.example"])
    bench.manifest("trusted_domains: [club.example]\n")
    name = "portals/denied.yaml.txt"
    write(Path(name), FRAGMENT + DENIAL)
    warning = f"{name}:1:1: warning PC012: looks like a manifest but is not read"
    done = bench.run("validate")
    assert (done.code, warning in done.err) == (0, True)
    assert bench.run("validate", "-W", "PC012=error").code == 65
    assert [each["code"] for each in bench.run("validate", "-o", "json").json["findings"]] == ["PC012"]
    for command in ("plan", "apply"):
        done = bench.run(command, *(("--yes",) if command == "apply" else ()))
        assert f"warning: {name}:1:1: looks like a manifest but is not read" in done.err, command
    (portal,) = bench.run("plan", "-o", "json").json["portals"]
    assert [(each["code"], each["severity"], each["file"]) for each in portal["notices"]] == [
        ("not_read", "warning", name)
    ]


LOOKS = ["city.yaml.txt", "city.yml.bak", "city.yaml~", "city.YAML.orig", "city.yaml (1)", "x/city.yml-old"]


@pytest.mark.wide(1)
@pytest.mark.parametrize("name", LOOKS)
def test_names_that_look_like_a_manifest(bench: Bench, name: str) -> None:
    bench.manifest("")
    write(bench.folder / name, "version: 1\n")
    assert f"portals/{name}:1:1: warning PC012" in bench.run("validate").err


@pytest.mark.wide(1)
@pytest.mark.parametrize(
    "name",
    ["city.yaml.disabled", ".city.yaml.swp", "city.yamlx", "notes.txt", ".old/city.yaml.txt", "yaml.md", "city.csv"],
)
def test_names_that_do_not(bench: Bench, name: str) -> None:
    bench.manifest("")
    write(bench.folder / name, "version: 1\n")
    assert "PC012" not in bench.run("validate").err


@pytest.mark.wide(3)
@pytest.mark.parametrize(
    ("text", "found"),
    [
        ('{"version": 1, "portal": "partners", "teams": []}', True),
        ('{"version": 1, "portals": ["partners"]}', True),
        ('{"version": 1, "kind": "plan", "portals": []}', False),
        ("version: 1\nportal: partners\n", True),  # YAML under another name
        ("\ufeff// ours\n{\n  portal: partners }", True),
        ('{"$schema": "x", "portal": 1}', False),
        ('{"teams": [{"portal": 1}]}', False),
        ("[" * 100_000, False),
        ("", False),
        ('["portal"]', False),
    ],
)
def test_json_files_are_judged_by_their_top_level(bench: Bench, text: str, found: bool) -> None:
    bench.manifest("")
    write(bench.folder / "city.JSON", text)
    assert ("portals/city.JSON:1:1: warning PC012" in bench.run("validate").err) is found


def test_what_is_read_after_all_is_no_finding(bench: Bench) -> None:
    bench.manifest("teams: [{name: reds, members_from: x.yaml.csv}]\n")
    write(bench.folder / "x.yaml.csv", "developer\nann@club.example\n")
    write(bench.folder / "city.yaml.txt", FRAGMENT)
    assert "PC012" not in bench.run("validate", "-f", "portals/city.yaml.txt").err


def test_an_error_is_shown_with_the_file_that_may_be_its_cause(bench: Bench) -> None:
    bench.manifest("trusted_domains: [{domain: club.example, teams: [reds]}]\n")
    write(bench.folder / "reds.yaml.txt", FRAGMENT + TEAM)
    done = bench.run("validate")
    assert done.code == 65
    assert "portals/reds.yaml.txt:1:1: warning PC012" in done.err
    assert "1 error." in done.err


def test_pipes_and_links_are_not_opened_to_judge_them(bench: Bench, tmp_path: Path) -> None:
    bench.manifest("")
    os.mkfifo(bench.folder / "pipe.json")
    os.mkfifo(bench.folder / "pipe.yaml.txt")
    write(tmp_path / "outside.json", '{"portal": "x"}')
    (bench.folder / "link.json").symlink_to(tmp_path / "outside.json")
    done = bench.run("validate")
    assert done.code == 0
    assert [line for line in done.err.splitlines() if "json" in line] == []


def test_many_such_files_are_counted(bench: Bench) -> None:
    bench.manifest("")
    for number in range(45):
        write(bench.folder / f"{number:02}.yaml.bak", "")
    findings = bench.run("validate", "-o", "json").json["findings"]
    assert len(findings) == 21
    assert "25 more files look like manifests and are not read" in [each["message"] for each in findings]


NOT_UTF8 = [b"city\xe9.yaml", b"b\xff.YML", b"teams\xfe/city.yaml", b"list\xff.csv", b"a\xff.yaml.txt"]


@pytest.mark.wide(2)
@pytest.mark.parametrize("name", NOT_UTF8)
def test_a_name_that_is_not_utf8_is_an_error_with_the_name_escaped(bench: Bench, name: bytes) -> None:
    bench.manifest("")
    write(bench.folder / os.fsdecode(name), FRAGMENT)
    shown = name.split(b"/")[0].decode("utf-8", "backslashreplace")
    done = bench.run("validate", "-o", "json")
    assert done.code == 65
    assert [(each["file"], each["message"]) for each in done.json["findings"]] == [
        (f"portals/{shown}", "this name is not UTF-8; rename the file or folder")
    ]
    for command in ("plan", "fmt", "drift"):
        failed = bench.run(command)
        assert (failed.code, "this name is not UTF-8" in failed.err) == (65, True), command


@pytest.mark.parametrize("name", [b"p\xff.yaml", b"p\xff"])
def test_a_path_that_is_not_utf8_is_an_error_too(bench: Bench, name: bytes) -> None:
    bench.manifest("")
    asked = os.fsdecode(name)
    Path(asked).symlink_to("portals")
    done = portalctl("validate", "-f", asked, "-o", "json")
    assert done.code == 65
    assert [each["file"] for each in done.json["findings"]] == [name.decode("utf-8", "backslashreplace")]


@pytest.mark.wide(1)
@pytest.mark.parametrize(
    ("key", "there", "advice"),
    [
        ("teams/reds.yaml", "", "no such file was read; remove the entry, or name the file with -f"),
        ("teams/reds.yaml", "teams/Reds.yaml", "there is 'teams/Reds.yaml': they differ only in letter case"),
        ("teams/sta\u0308dte.yaml", "teams/st\u00e4dte.yaml", "they differ only in Unicode form"),
        ("teams/r\u0435ds.yaml", "teams/reds.yaml", "the first has U+0435 CYRILLIC SMALL LETTER IE"),
        ("teams/redz.yaml", "teams/reds.yaml", "did you mean 'teams/reds.yaml'?"),
        ("teams/reds.yaml.txt", "teams/reds.yaml.txt", "no such file was read"),
    ],
)
def test_a_delegate_entry_without_its_file_is_a_finding(bench: Bench, key: str, there: str, advice: str) -> None:
    bench.people(approved=["ann@club.example"])
    bench.manifest(f'delegate: {{"{key}": {{teams: [reds]}}}}\n')
    if there:
        write(bench.folder / there, "version: 1\nportal: partners\n")
    done = bench.run("validate")
    assert done.code == 0
    assert "portals/partners.yaml:6:12: warning PC012: '" in done.err
    assert advice in done.err
    (portal,) = bench.run("plan", "-o", "json").json["portals"]
    assert ("not_read", "portals/partners.yaml", 6) in [(n["code"], n["file"], n["line"]) for n in portal["notices"]]


def test_a_delegate_entry_whose_file_is_not_below_what_was_given_is_a_finding(bench: Bench) -> None:
    bench.manifest("delegate: {teams/reds.yaml: {teams: [reds]}}\n")
    write(bench.folder / "teams/reds.yaml", FRAGMENT + TEAM)
    assert "PC012" not in bench.run("validate").err
    done = portalctl("validate", "-f", "portals/partners.yaml")
    assert "portals/partners.yaml:6:12: warning PC012: 'teams/reds.yaml': no such file was read" in done.err
