"""Long lists in text: what may fold, and what never does."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.conftest import HEAD, Bench

PEOPLE = [f"dev{number:02}@city.example" for number in range(40)]
RULES = "trusted_domains: [city.example]\n"


@pytest.fixture
def club(bench: Bench) -> Bench:
    bench.people(pending=PEOPLE)
    bench.manifest(RULES)
    return bench


def named(text: str) -> int:
    return sum(f"+ {who}" in text for who in PEOPLE)


def test_a_plan_folds_equal_grants_unless_verbose(club: Bench) -> None:
    folded = club.run("plan").out
    assert "+ 37 more with the same change" in folded
    assert named(folded) == 3
    assert named(club.run("plan", "--verbose").out) == 40


def test_what_a_person_is_asked_to_confirm_names_everyone(club: Bench) -> None:
    done = club.run("apply")
    assert done.code == 3, "without a terminal and without --yes nothing is applied"
    assert named(done.out) == 40
    assert "more with the same" not in done.out
    assert named(club.run("apply", "--yes").out) == 3


def test_with_a_base_nothing_from_this_change_folds(club: Bench) -> None:
    Path("base").mkdir()
    Path("base/partners.yaml").write_text(HEAD)
    done = club.run("plan", "--base", "base")
    assert named(done.out) == 40
    assert "more with the same" not in done.out
    Path("base/partners.yaml").write_text(HEAD + RULES)
    pending = club.run("plan", "--base", "base").out
    assert "+ 37 more with the same change" in pending


def test_removals_never_fold(bench: Bench) -> None:
    bench.people(approved=PEOPLE)
    bench.manifest(
        "denied_domains: [{domain: city.example}]\npolicy: {limits: {removals: 100, removals_percent: 100}}\n"
    )
    done = bench.run("plan", "--allow-removals", "100")
    assert sum(f"- {who}" in done.out for who in PEOPLE) == 40


@pytest.mark.slow
def test_at_most_100_findings_are_printed_and_all_are_counted(bench: Bench) -> None:
    bench.manifest("".join(f"nonsense{number}: 1\n" for number in range(1_500)))
    done = bench.run("plan")
    assert done.code == 65
    lines = done.err.splitlines()
    assert lines[-2:] == ["and 1,400 more", "1,500 errors. No portal was contacted."]
    assert len(lines) == 102
    found = bench.run("validate", "-o", "json").json
    assert (found["total"], len(found["findings"])) == (1_500, 100)
    commands = bench.run("validate", "-o", "github").out.splitlines()
    assert len(commands) == 101
    assert commands[-1].endswith("::and 1,400 more findings")
    assert len(bench.run("validate", "-o", "gitlab").json) == 100
