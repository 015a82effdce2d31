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
    bench.people(
        approved=["gone@example.com"],
        pending=["ann@example.com", "Sue@example.com", "sue@example.com", "bob@example.com"],
    )
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
    assert "  no account with this address\n" in out
    assert "    would be approved because of portals/partners.yaml:8  trusted domain example.com" in out
    assert "    would join city because of" in out
    assert "    would stay pending: no rule matches" in portal.run("explain", "new@nowhere.example").out


@pytest.mark.slow
def test_what_would_be_refused_ends_as_a_plan_does(portal: Bench) -> None:
    done = portal.run("explain", "gone@example.com", "-o", "json")
    assert done.code == portal.run("plan", "--developer", "gone@example.com").code == 3
    (told,) = done.json["portals"]
    assert [each["code"] for each in told["refusals"]] == ["protected"]
    assert [each["op"] for each in told["changes"]] == ["revoke"]


@pytest.mark.slow
def test_an_ambiguous_address_is_an_error_that_says_how_to_name_one(portal: Bench) -> None:
    for words in ((), ("-o", "json")):
        done = portal.run("explain", "SUE@example.com", *words)
        assert done.code == 64
        assert "'sue@example.com' is ambiguous: 2 accounts on partners have this address" in done.err
        assert "approved, in city" in done.out, "what is known of both is shown all the same"
    commands = [line.split()[1:] for line in done.err.splitlines() if "portalctl explain" in line]
    assert {ident for _, ident in commands} == {portal.emails["Sue@example.com"], portal.emails["sue@example.com"]}
    for name, ident in commands:
        one = portal.run(name, ident)
        assert one.code == 0
        assert one.out.count("stays pending: another account with this address is pending or approved") == 1
    assert portal.writes == []


@pytest.mark.slow
def test_a_word_that_is_a_team_and_a_domain_has_to_be_told_apart(portal: Bench) -> None:
    portal.manifest("trusted_domains: [club.com]\nteams: [{name: club.com}]\n")
    done = portal.run("explain", "club.com")
    assert (done.code, done.out) == (64, "")
    assert "'club.com' is a team and a domain of the manifest" in done.err
    commands = [line.split()[1:] for line in done.err.splitlines() if "portalctl explain" in line]
    assert [portal.run(*words).out.split("\n")[0].split()[-2:] for words in commands] == [
        ["team", "club.com"],
        ["domain", "club.com"],
    ]
    done = portal.run("explain", "club.com", "--as", "developer")
    assert (done.code, done.out) == (64, "")
    assert "'club.com' is not a valid developer; expected an address or an id" in done.err
    done = portal.run("explain", "club.co", "--as", "team")
    assert "'club.co' is not a team of the manifest; did you mean 'club.com'" in done.err


def test_an_id_that_nobody_has(portal: Bench) -> None:
    out = portal.run("explain", "00000000-0000-4000-8000-000000000000").out
    assert "  no account with this id\n" in out
    assert "signs up" not in out


@pytest.mark.slow
def test_what_was_taken_away_comes_with_both_ways_on(portal: Bench) -> None:
    portal.people(revoked=["eve@example.com"])
    out = portal.run("explain", "eve@example.com").out
    assert "stays revoked: the rules would approve, and reinstate is off" in out
    keep, again = [line.partition(": ")[2].strip() for line in out.splitlines() if "- {developer" in line]
    for line, status in ((keep, "revoked"), (again, "approved")):
        portal.manifest(f"{RULES.replace('overrides:', f'overrides:{chr(10)}  {line}')}")
        assert portal.run("apply", "--yes", "--developer", "eve@example.com").code == 0
        assert portal.status("eve@example.com") == status


@pytest.mark.slow
def test_of_a_long_list_of_people_the_first_are_shown(portal: Bench) -> None:
    people = [f"p{number:02}@example.com" for number in range(30)]
    portal.manifest(f"teams: [{{name: city, members: [{', '.join(people)}]}}]\n")
    for subject in ("city", "example.com"):
        out = portal.run("explain", subject).out
        assert [name for name in people if name in out.split("more rules")[0]] == people[:3]
        assert "    27 more rules that name one developer each  (--verbose lists them)\n" in out
        assert "p29@example.com" in portal.run("explain", subject, "--verbose").out.split("Would change")[0]


@pytest.mark.slow
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


@pytest.mark.slow
def test_a_saved_reading_stands_in_for_the_portal(portal: Bench) -> None:
    assert portal.run("snapshot", "--out", "kept.json").code == 0
    live = portal.run("explain", "bob@example.com").out
    before = len(portal.sim.log)
    assert portalctl("explain", "bob@example.com", "-f", "portals", "--snapshot", "kept.json").out == live
    assert len(portal.sim.log) == before


@pytest.mark.slow
@pytest.mark.usefixtures("offline")
def test_offline_needs_no_server_and_claims_nothing_of_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "portal.yaml").write_text(HEAD + RULES)
    done = portalctl("explain", "new@example.com", "--offline")
    assert (done.code, done.err) == (0, "")
    assert "  live state not read (--offline)\n" in done.out
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
    [
        (("citty",), "did you mean 'city'?"),
        (("a@x.com", "--offline", "--snapshot", "x"), "pass one of them"),
    ],
)
def test_wrong_words(portal: Bench, words: tuple[str, ...], said: str) -> None:
    done = portal.run("explain", *words)
    assert (done.code, done.out) == (64, "")
    assert said in done.err


@pytest.mark.slow
def test_the_examples_of_its_help(portal: Bench) -> None:
    assert explain.help is not None
    examples = [shlex.split(line) for line in explain.help.partition("Examples:\n")[2].strip().splitlines()]
    assert len(examples) == 2
    for example in examples:
        env = {"KONNECT_SERVER_URL": portal.sim.url, "KONNECT_TOKEN": portal.sim.token}
        done = portalctl(*example[1:], env=env)
        assert done.code == 0, done.err
        assert "example.com" in done.out
