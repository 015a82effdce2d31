"""Part of a plan: by class, person or team, and counted as that part."""

from __future__ import annotations

import pytest

from tests.conftest import Bench

RULES = """
trusted_domains:
  - {domain: club.example, teams: [reds]}
teams:
  - name: reds
  - name: gunners
    membership: exclusive
    members: []
"""


@pytest.fixture
def club(bench: Bench) -> Bench:
    bench.people(
        pending=["Ann@Club.example", "bob@club.example"],
        approved=["cid@club.example", *(f"x{number}@other.example" for number in range(12))],
    )
    bench.team("gunners", *(f"x{number}@other.example" for number in range(12)))
    bench.manifest(RULES)
    return bench


def chosen(bench: Bench, *words: str) -> list[str]:
    return [change["id"] for change in bench.run("plan", "-o", "json", *words).json["portals"][0]["changes"]]


@pytest.mark.wide(1)
@pytest.mark.parametrize("name", ["ann@club.example", "ANN@CLUB.EXAMPLE", "Ann@Club.example"])
def test_one_person_under_any_spelling(club: Bench, name: str) -> None:
    club.team("reds")
    assert chosen(club, "--developer", name) == ["add_member:Ann@Club.example:reds", "approve:Ann@Club.example"]


def test_one_person_by_id(club: Bench) -> None:
    club.team("reds")
    selected = chosen(club, "--developer", club.emails["bob@club.example"])
    assert selected == ["add_member:bob@club.example:reds", "approve:bob@club.example"]


def test_what_needs_something_unselected_is_left_out_and_that_is_said(club: Bench) -> None:
    """Neither the team to be created, nor ann's approval, which must not come without it."""
    done = club.run("plan", "--developer", "ann@club.example")
    assert (
        "2 changes left out: a team, account, approval or membership that must be changed with them is not selected"
    ) in done.told
    assert chosen(club, "--developer", "ann@club.example") == []
    assert chosen(club, "--team", "reds") == ["create_team:reds", "add_member:cid@club.example:reds"]


@pytest.mark.wide(1)
@pytest.mark.parametrize("words", [["--team", "reds"], ["--only", "onboard"], ["--only", "reinstate"]])
def test_an_approval_and_its_memberships_are_selected_or_left_out_together(bench: Bench, words: list[str]) -> None:
    """Of two teams only one is selected, or does not exist yet, or the approval is of another class."""
    bench.people(pending=["ann@club.example"], revoked=["rob@club.example"], approved=["cid@club.example"])
    bench.team("reds")
    bench.manifest(
        "policy: {reinstate: true}\n"
        "trusted_domains: [{domain: club.example, teams: [reds, gunners]}]\n"
        "teams: [{name: reds}, {name: gunners}]\n"
    )
    done = bench.run("apply", "--yes", *words, "--report", "report.json")
    assert done.code == 0, done.out + done.err
    assert (bench.status("ann@club.example"), bench.status("rob@club.example")) == ("pending", "revoked")
    joined = {"cid@club.example"} if "reinstate" not in words else set()
    assert bench.members("reds") == joined
    assert len(bench.writes) == len(joined)
    assert bench.run("apply", "--yes", "--only", "structure,onboard").code == 0
    assert bench.status("ann@club.example") == "approved"
    assert bench.members("reds") == bench.members("gunners") == {"ann@club.example", "cid@club.example"}
    assert bench.status("rob@club.example") == "revoked", "joins and is approved only together"
    assert bench.run("apply", "--yes", "--only", "structure,onboard,reinstate").code == 0
    assert bench.status("rob@club.example") == "approved"
    assert "rob@club.example" in bench.members("reds") & bench.members("gunners")


def test_a_selection_is_braked_by_its_own_part(club: Bench) -> None:
    assert club.run("plan").code == 3
    assert club.run("plan", "--team", "gunners").code == 3
    assert club.run("plan", "--team", "reds").code == 0
    assert club.run("plan", "--developer", "x3@other.example").code == 0
    assert club.run("plan", "--only", "structure,onboard").code == 0


def test_the_next_step_makes_the_same_selection(club: Bench) -> None:
    """Following it must not do more than was shown."""
    words = ["--only", "structure,onboard", "--team", "reds", "--allow-removals", "3", "--allow-delete"]
    step = "To apply exactly this plan:  portalctl plan -f portals {} --out plan.json && portalctl apply plan.json"
    assert step.format(" ".join(words)) in club.run("plan", *words).out
    club.team("reds")
    assert step.format("--developer ann@club.example") in club.run("plan", "--developer", "Ann@Club.example").out


def test_masked_output_names_no_selected_person(club: Bench) -> None:
    assert "ann@club.example" not in club.run("plan", "--developer", "ann@club.example", "--mask-emails").out.lower()


def test_unknown_names_are_told(club: Bench) -> None:
    team = club.run("plan", "--team", "red")
    assert team.code == 64
    assert "did you mean 'reds'" in team.err


@pytest.mark.parametrize("command", [["plan"], ["apply", "--yes"], ["plan", "-o", "json"]], ids=" ".join)
def test_a_developer_without_account_and_rule_is_an_error(club: Bench, command: list[str]) -> None:
    done = club.run(*command, "--developer", "an@club.example")
    assert done.code == 64
    assert "'an@club.example': no account and no rule has this name; did you mean 'ann@club.example'?" in done.err
    assert not done.out
    assert not club.writes
    foo = club.run(*command, "--developer", "foo")
    assert (foo.code, "Name a developer by e-mail address" in foo.err) == (64, True)


def test_a_developer_named_by_a_rule_is_known_without_an_account(club: Bench) -> None:
    club.manifest("overrides:\n  - {developer: new@else.example, status: approved, reason: r}\n")
    done = club.run("plan", "--developer", "New@else.example")
    assert done.code == 0
    assert "new@else.example: no account with this address" in done.out
