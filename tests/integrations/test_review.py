"""The whole way of a pull request: a snapshot taken on main, a plan from it with no token, a comment."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.conftest import Bench, portalctl
from tests.integrations.conftest import Job

BEFORE = "trusted_domains: [club.example, partner.example]\n"
AFTER = "trusted_domains: [club.example]\ndenied_domains: [junk.example]\n"


@pytest.mark.usefixtures("quick")
def test_a_reviewer_sees_what_merging_would_do_and_what_it_would_not(bench: Bench, job: Job) -> None:
    bench.people(pending=["a@club.example"], approved=["b@partner.example", "c@junk.example"])
    bench.manifest(BEFORE)
    shutil.copytree("portals", "base")
    assert bench.run("snapshot", "--out", "snapshot.json").code == 0
    bench.manifest(AFTER)
    plan = portalctl("plan", "-f", "portals", "--snapshot", "snapshot.json", "--base", "base", "--out", "plan.json")
    assert plan.code == 0, plan.err
    done = job.run("plan.json")
    assert done.code == 0, done.err
    body = str(job.github.comments[0].body)
    assert "@junk.example" in body
    assert "@partner.example" in body, "someone loses their last rule and stays in"
    assert "stays approved without a rule" in done.out
    assert "c@junk" not in body + done.out + job.summary
    assert job.outputs["removals"] == "1"
    refused = bench.run("apply", "plan.json", "--yes")
    assert refused.code != 0
    assert bench.writes == []
    assert Path("snapshot.json").stat().st_mode & 0o77 == 0
