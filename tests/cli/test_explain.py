"""`explain`: why somebody is in or out, with a portal, with a saved reading, and with neither."""

from __future__ import annotations

import shlex
from pathlib import Path

import pytest

from portalctl.cli.explain import explain
from tests.conftest import HEAD, Bench, portalctl

pytestmark = pytest.mark.usefixtures("quick")
RULES = """
trusted_domains:
  - {domain: example.com, teams: [city], reason: "Partner"}
teams: [{name: city}]
overrides:
  - {developer: gone@example.com, status: revoked, reason: "Left"}
protected: [gone@example.com]
"""


@pytest.fixture
def portal(bench: Bench) -> Bench:
    bench.people(approved=["gone@example.com"], pending=["ann@example.com", "Ann@example.com", "bob@example.com"])
    bench.team("city", "gone@example.com")
    bench.manifest(RULES)
    return bench


def test_text_has_the_winner_the_live_state_and_what_would_change(portal: Bench) -> None:
    done = portal.run("explain", "bob@example.com")
    assert done.code == 0, done.err
    assert portal.writes == []
    assert done.out == (
        "partners  konnect · developer bob@example.com\n\n"
        "  Rules\n"
        '    ✓ portals/partners.yaml:8  trusted domain example.com: "Partner"\n'
        "        decides: approved, in city\n\n"
        f"  bob@example.com (id {portal.emails['bob@example.com']}): pending\n"
        '    portals/partners.yaml:8  trusted domain example.com: "Partner"\n'
        "    + bob@example.com  pending → approved, joins city\n"
    )


def test_somebody_who_has_not_registered(portal: Bench) -> None:
    out = portal.run("explain", "new@example.com").out
    assert "  nobody has registered under this name\n" in out
    assert "    would be approved because of portals/partners.yaml:8  trusted domain example.com" in out
    assert "    would join city because of" in out
    assert "    would stay pending: no rule speaks of them" in portal.run("explain", "new@nowhere.example").out


def test_what_would_be_refused_ends_as_a_plan_does(portal: Bench) -> None:
    done = portal.run("explain", "gone@example.com", "-o", "json")
    assert done.code == portal.run("plan", "--developer", "gone@example.com").code == 3
    (told,) = done.json["portals"]
    assert [each["code"] for each in told["refusals"]] == ["protected"]
    assert [each["op"] for each in told["changes"]] == ["revoke"]


def test_an_ambiguous_address_is_explained(portal: Bench) -> None:
    done = portal.run("explain", "ANN@example.com")
    assert done.code == 0
    assert "2 registrations have this address" in done.out
    assert "blocked: approved, in city (an address of more than one registration" in done.out


def test_json_has_rules_with_their_places(portal: Bench) -> None:
    document = portal.run("explain", "city", "-o", "json").json
    assert (document["version"], document["kind"]) == (1, "explanation")
    (told,) = document["portals"]
    assert (told["about"], told["live"]) == ("team", {"approved": 1})
    assert [(rule["why"]["file"], rule["why"]["line"], rule["effect"]) for rule in told["rules"]] == [
        ("portals/partners.yaml", 9, "adds"),
        ("portals/partners.yaml", 8, "adds"),
    ]
    assert {change["class"] for change in told["changes"]} == {"onboard"}


def test_a_saved_reading_stands_in_for_the_portal(portal: Bench) -> None:
    assert portal.run("snapshot", "--out", "kept.json").code == 0
    live = portal.run("explain", "bob@example.com").out
    before = len(portal.sim.log)
    assert portalctl("explain", "bob@example.com", "-f", "portals", "--snapshot", "kept.json").out == live
    assert len(portal.sim.log) == before


@pytest.mark.usefixtures("offline")
def test_offline_needs_no_server_and_claims_nothing_of_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "portal.yaml").write_text(HEAD + RULES)
    done = portalctl("explain", "new@example.com", "--offline")
    assert (done.code, done.err) == (0, "")
    assert "  no portal was asked: what is live is not known\n" in done.out
    assert "would be approved" in done.out
    assert portalctl("explain", "example.com", "--offline", "-o", "json").json["portals"][0]["observed_at"] is None


def test_hostile_words_are_inert(portal: Bench) -> None:
    for words in ((), ("-o", "json")):
        done = portal.run("explain", "##[error]\x1b[31m::x@example.com", *words)
        assert done.code == 0
        assert "\x1b" not in done.out
        assert "##" not in done.out


@pytest.mark.wide(2)
@pytest.mark.parametrize(
    ("words", "said"),
    [(("citty",), "did you mean 'city'?"), (("a@x.com", "--offline", "--snapshot", "x"), "leave out one of them")],
)
def test_wrong_words(portal: Bench, words: tuple[str, ...], said: str) -> None:
    done = portal.run("explain", *words)
    assert (done.code, done.out) == (64, "")
    assert said in done.err


def test_the_examples_of_its_help(portal: Bench) -> None:
    assert explain.help is not None
    examples = [shlex.split(line) for line in explain.help.partition("Examples:\n")[2].strip().splitlines()]
    assert len(examples) == 2
    for example in examples:
        env = {"KONNECT_SERVER_URL": portal.sim.url, "KONNECT_TOKEN": portal.sim.token}
        done = portalctl(*example[1:], env=env)
        assert done.code == 0, done.err
        assert "example.com" in done.out
