"""Team names that cannot be told apart, through the command line."""

from __future__ import annotations

import pytest

from tests.conftest import Bench

TWINS = [("Cit\u0443", "U+0443"), ("city", "letter case"), ("Ci\u00a0ty", "U+00A0"), ("\uff23ity", "U+FF23")]
UNSEEN = [
    "\u200b",
    "\u00ad",
    "\u202e",
    "\u2066",
    "\ufe0f",
    "\U000e0041",
    "\u2060",
    "\u034f",
    "\u3164",
    "\u200d",
    "\x08",
]


@pytest.mark.wide(2)
@pytest.mark.parametrize(("name", "how"), TWINS)
def test_two_spellings_in_one_manifest_are_a_finding(bench: Bench, name: str, how: str) -> None:
    bench.manifest(f"teams: [{{name: City, members: []}}, {{name: {name}, members: []}}]\n")
    done = bench.run("validate")
    assert done.code == 0
    assert "portals/partners.yaml:6:36: warning PC013: team " in done.err
    assert how in done.err
    assert bench.run("validate", "-W", "PC013=error").code == 65


@pytest.mark.wide(1)
@pytest.mark.parametrize(("name", "how"), TWINS)
def test_no_twin_of_a_live_team_is_planned_without_a_notice(bench: Bench, name: str, how: str) -> None:
    bench.team("City")
    bench.manifest(f"teams: [{{name: {name}, members: []}}]\n")
    (portal,) = bench.run("plan", "-o", "json").json["portals"]
    (notice,) = portal["notices"]
    assert (notice["code"], notice["severity"]) == ("similar_team", "warning")
    assert how in notice["message"]
    assert "looks like City" in bench.run("plan").out
    assert bench.run("snapshot", "--out", "snapshot.json").code == 0
    assert "warning PC013: team" in bench.run("validate", "--snapshot", "snapshot.json").err


def test_two_teams_that_are_both_on_the_portal_are_no_finding_against_it(bench: Bench) -> None:
    bench.team("City")
    bench.manifest("teams: [{name: City, members: []}]\n")
    assert bench.run("snapshot", "--out", "snapshot.json").code == 0
    assert "PC013" not in bench.run("validate", "--snapshot", "snapshot.json").err


@pytest.mark.wide(2)
@pytest.mark.parametrize("char", UNSEEN)
@pytest.mark.parametrize("where", ["teams: [{name: %s}]", "trusted_domains: [{domain: x.org, teams: [%s]}]"])
def test_a_character_that_cannot_be_seen_is_an_error(bench: Bench, char: str, where: str) -> None:
    code = ord(char)
    escaped = f'"Ci\\U{code:08x}ty"'
    bench.manifest("teams: [{name: City}]\n" if "domain" in where else "")
    bench.manifest(where % escaped + "\n")
    done = bench.run("validate")
    assert done.code == 65
    expected = "one line without control characters" if code < 32 else f"U+{code:04X} "
    assert expected in done.err


@pytest.mark.parametrize("name", ['" City"', '"City "', '"\\u00a0City"', '"City\\u3000"', '" "'])
def test_blanks_at_either_end_are_errors(bench: Bench, name: str) -> None:
    bench.manifest(f"teams: [{{name: {name}}}]\n")
    done = bench.run("validate")
    assert done.code == 65
    (line,) = [line for line in done.err.splitlines() if line.startswith("portals/partners.yaml:6:16: '")]
    assert "': expected one line without control characters, and no blank at either end" in line
