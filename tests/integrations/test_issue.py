"""One issue for each portal that drifted: opened, kept up to date, closed."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.conftest import Bench
from tests.integrations.conftest import Job
from tests.integrations.stand_in import BOT

pytestmark = pytest.mark.usefixtures("quick")
ISSUES = "/repos/club/portal/issues"
MARK = "<!-- portalctl drift of partners -->\n"
RULES = "overrides:\n  - {developer: a@x.org, status: revoked, reason: Left}\n"


def drift(bench: Bench) -> str:
    done = bench.run("drift", "-o", "json")
    assert done.code in {0, 2}, done.err
    Path("drift.json").write_text(done.out)
    return "drift.json"


@pytest.mark.slow
def test_an_issue_is_opened_kept_up_to_date_and_closed(bench: Bench, job: Job) -> None:
    job.pull_request = None
    bench.people(approved=["a@x.org", "b@x.org"], pending=["c@x.org"])
    bench.manifest("trusted_domains: [x.org]\n")
    assert job.run(drift(bench), "--issue").code == 0
    assert job.github.writes == [], "a sign-up that waits is no drift"
    assert job.outputs["has-drift"] == "false"

    bench.manifest(RULES)
    done = job.run(drift(bench), "--issue")
    assert done.code == 0
    (issue,) = job.github.issues
    assert issue.title == "Portal access drift: partners"
    assert str(issue.body).startswith(MARK)
    assert "partners.yaml:7" in str(issue.body)
    assert "https://github.example/club/portal/actions/runs/42" in str(issue.body)
    assert "`a@x.org" not in str(issue.body) + job.summary + done.out
    assert "::warning file=portals/partners.yaml,line=7," in done.out
    assert "approved; expected: revoked" in done.out
    assert job.outputs["has-drift"] == "true"

    bench.manifest(RULES + "  - {developer: b@x.org, status: revoked, reason: Left}\n")
    assert job.run(drift(bench), "--issue").code == 0
    assert "partners.yaml:8" in str(issue.body)

    assert bench.run("apply", "--yes", "--allow-removals", "2").code == 0
    assert job.run(drift(bench), "--issue").code == 0
    assert issue.state == "closed"
    assert "no drift" in str(issue.body)
    assert job.github.writes == [f"POST {ISSUES}", f"PATCH {ISSUES}/100", f"PATCH {ISSUES}/100"]

    issue.state = "open"  # by hand
    assert job.run(drift(bench), "--issue").code == 0
    assert issue.state == "closed"


@pytest.mark.slow
def test_pull_requests_closed_issues_and_those_of_others_are_not_ours(bench: Bench, job: Job) -> None:
    bench.people(approved=["a@x.org"])
    bench.manifest(RULES)
    others = [
        job.github.issue("mallory", MARK),
        job.github.issue(BOT, MARK, is_pull_request=True),
        job.github.issue(BOT, MARK, state="closed"),
        job.github.issue(BOT, None),
        job.github.issue(BOT, "<!-- portalctl drift of others -->\n"),
    ]
    before = [(each.body, each.state) for each in others]
    assert job.run(drift(bench), "--issue").code == 0
    assert [(each.body, each.state) for each in others] == before
    assert len(job.github.issues) == len(others) + 1
    assert job.run(drift(bench)).code == 0, "without --issue, GitHub is not asked"
    assert job.github.writes == [f"POST {ISSUES}"]


@pytest.mark.slow
def test_an_annotation_of_a_membership_names_the_team(bench: Bench, job: Job) -> None:
    job.pull_request = None
    bench.people(approved=["a@x.org"])
    bench.team("reds", "a@x.org")
    bench.manifest("trusted_domains: [x.org]\nteams: [{name: reds, members: []}]\n")
    assert "member of reds by no rule" in job.run(drift(bench), "--issue", "--show-emails").out
