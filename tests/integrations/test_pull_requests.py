"""`apply` writes nothing in a job for a pull request, on any CI system that says so; and runs in every other job."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from portalctl.integrations.pull_request_jobs import SYSTEMS, pull_request_sign
from tests.conftest import Bench, portalctl

GUIDE = Path(__file__).parents[2] / "portalctl" / "docs" / "pull-requests.md"
GITHUB = {"GITHUB_ACTIONS": "true", "GITHUB_REPOSITORY": "club/portal", "GITHUB_EVENT_NAME": "push"}
PULL_REQUESTS = {
    "GitHub": GITHUB | {"GITHUB_EVENT_NAME": "pull_request", "GITHUB_REF": "refs/pull/7/merge"},
    "GitHub, of the base": GITHUB | {"GITHUB_EVENT_NAME": "pull_request_target", "GITHUB_REF": "refs/heads/main"},
    "GitHub, review": GITHUB | {"GITHUB_EVENT_NAME": "pull_request_review"},
    "GitHub, comment in a review": GITHUB | {"GITHUB_EVENT_NAME": "pull_request_review_comment"},
    "GitHub, merge queue": GITHUB | {"GITHUB_EVENT_NAME": "merge_group"},
    "GitHub, branch of a merge queue": GITHUB | {"GITHUB_REF": "refs/heads/gh-readonly-queue/main/pr-7-abc"},
    "Forgejo": {"GITHUB_EVENT_NAME": "pull_request_sync"},
    "GitLab": {"GITLAB_CI": "true", "CI_PIPELINE_SOURCE": "merge_request_event"},
    "GitLab, merge train": {
        "CI_PIPELINE_SOURCE": "merge_request_event",
        "CI_MERGE_REQUEST_EVENT_TYPE": "merge_train",
    },
    "GitLab, child pipeline": {"CI_PIPELINE_SOURCE": "parent_pipeline", "CI_MERGE_REQUEST_IID": "7"},
    "GitLab, external": {"CI_PIPELINE_SOURCE": "external_pull_request_event"},
    "Azure": {"TF_BUILD": "True", "BUILD_REASON": "PullRequest"},
    "Azure, queued by hand": {"BUILD_REASON": "Manual", "BUILD_SOURCEBRANCH": "refs/pull/7/merge"},
    "Azure, by its number": {"BUILD_REASON": "Manual", "SYSTEM_PULLREQUEST_PULLREQUESTID": "7"},
    "Jenkins": {"JENKINS_URL": "https://ci.example/", "CHANGE_ID": "7", "BRANCH_NAME": "PR-7"},
    "Jenkins, pull request builder": {"ghprbPullId": "7"},
    "Jenkins, GitLab": {"gitlabMergeRequestIid": "7"},
    "Jenkins, Gerrit": {"GERRIT_EVENT_TYPE": "patchset-created"},
    "Bitbucket": {"BITBUCKET_BUILD_NUMBER": "1", "BITBUCKET_PR_ID": "7"},
    "CircleCI": {"CIRCLECI": "true", "CIRCLE_PULL_REQUEST": "https://github.com/club/portal/pull/7"},
    "CircleCI, fork": {"CIRCLE_PR_NUMBER": "7"},
    "CircleCI, branch of a fork": {"CIRCLE_BRANCH": "pull/7"},
    "Buildkite": {"BUILDKITE": "true", "BUILDKITE_PULL_REQUEST": "7"},
    "CodeBuild": {"CODEBUILD_BUILD_ID": "x:y", "CODEBUILD_WEBHOOK_EVENT": "PULL_REQUEST_CREATED"},
    "CodeBuild, started by hand": {"CODEBUILD_SOURCE_VERSION": "pr/7"},
    "CodeBuild, trigger": {"CODEBUILD_WEBHOOK_TRIGGER": "pr/7"},
    "Drone": {"DRONE": "true", "DRONE_BUILD_EVENT": "pull_request"},
    "Drone, by its number": {"DRONE_PULL_REQUEST": "7"},
    "Woodpecker": {"CI": "woodpecker", "CI_PIPELINE_EVENT": "pull_request"},
    "Woodpecker, closed": {"CI_PIPELINE_EVENT": "pull_request_closed"},
    "Travis": {"TRAVIS": "true", "TRAVIS_PULL_REQUEST": "7"},
    "Travis, event": {"TRAVIS_EVENT_TYPE": "pull_request"},
    "AppVeyor": {"APPVEYOR": "True", "APPVEYOR_PULL_REQUEST_NUMBER": "7"},
    "Semaphore": {"SEMAPHORE_GIT_REF_TYPE": "pull-request"},
    "Cirrus": {"CIRRUS_PR": "7"},
    "Bitrise": {"BITRISE_PULL_REQUEST": "7"},
    "Codefresh": {"CF_PULL_REQUEST_NUMBER": "7"},
    "Atlantis": {"PULL_NUM": "7"},
    "Prow": {"JOB_TYPE": "presubmit", "PULL_NUMBER": "7"},
}
OTHERS = {
    "GitHub": GITHUB | {"GITHUB_HEAD_REF": "", "GITHUB_BASE_REF": "", "GITHUB_REF": "refs/heads/main"},
    "GitHub, by hand": GITHUB | {"GITHUB_EVENT_NAME": "workflow_dispatch"},
    "GitHub, cron": GITHUB | {"GITHUB_EVENT_NAME": "schedule"},
    "GitLab": {"CI_PIPELINE_SOURCE": "push", "CI_OPEN_MERGE_REQUESTS": "club/portal!7", "CI_MERGE_REQUEST_IID": ""},
    "Azure": {
        "BUILD_REASON": "IndividualCI",
        "BUILD_SOURCEBRANCH": "refs/heads/main",
        "SYSTEM_PULLREQUEST_PULLREQUESTID": "$(System.PullRequest.PullRequestId)",
    },
    "Jenkins": {"JENKINS_URL": "https://ci.example/", "BRANCH_NAME": "main", "CHANGE_ID": "null"},
    "Jenkins, Gerrit": {"GERRIT_EVENT_TYPE": "change-merged"},
    "Bitbucket": {"BITBUCKET_BRANCH": "main", "BITBUCKET_PR_ID": " "},
    "CircleCI": {"CIRCLE_BRANCH": "main", "CIRCLE_PULL_REQUEST": ""},
    "Buildkite": {"BUILDKITE_PULL_REQUEST": "false", "BUILDKITE_BRANCH": "main"},
    "CodeBuild": {"CODEBUILD_WEBHOOK_EVENT": "PUSH", "CODEBUILD_SOURCE_VERSION": "main"},
    "CodeBuild, trigger": {"CODEBUILD_WEBHOOK_TRIGGER": "branch/main"},
    "Drone": {"DRONE_BUILD_EVENT": "push", "DRONE_PULL_REQUEST": ""},
    "Woodpecker": {"CI_PIPELINE_EVENT": "push", "CI_COMMIT_PULL_REQUEST": ""},
    "Travis": {"TRAVIS_EVENT_TYPE": "push", "TRAVIS_PULL_REQUEST": "false"},
    "AppVeyor": {"APPVEYOR_PULL_REQUEST_NUMBER": ""},
    "Semaphore": {"SEMAPHORE_GIT_REF_TYPE": "branch"},
    "Prow": {"JOB_TYPE": "postsubmit"},
}


@pytest.mark.wide(12)
@pytest.mark.parametrize("env", PULL_REQUESTS.values(), ids=PULL_REQUESTS)
def test_nothing_is_applied_for_a_pull_request(env: dict[str, str]) -> None:
    """Before a manifest, a plan file or a token is looked at."""
    done = portalctl("apply", "--yes", env=env)
    assert done.code == 3
    assert "Not applied: this job runs for a pull request, and its files are not merged (" in done.err
    assert any(f"{name} is '" in done.err for name in env)
    assert "Traceback" not in done.err


@pytest.mark.wide(1)
@pytest.mark.parametrize("env", OTHERS.values(), ids=OTHERS)
def test_every_other_job_applies(bench: Bench, env: dict[str, str]) -> None:
    bench.people(pending=["a@club.example"])
    bench.manifest("trusted_domains: [club.example]\n")
    done = bench.run("apply", "--yes", **env)
    assert done.code == 0, done.err
    assert bench.status("a@club.example") == "approved"


def test_no_other_job_has_a_sign() -> None:
    assert {name: pull_request_sign(env) for name, env in OTHERS.items()} == dict.fromkeys(OTHERS)


def test_whoever_means_it_applies_and_a_saved_plan_is_no_way_around(bench: Bench) -> None:
    bench.people(pending=["a@club.example"])
    bench.manifest("trusted_domains: [club.example]\n")
    env = PULL_REQUESTS["Azure"] | {"KONNECT_SERVER_URL": bench.sim.url, "KONNECT_TOKEN": bench.sim.token}
    assert portalctl("plan", "-f", "portals", "--out", "plan.json", env=env).code == 0
    asked = len(bench.reads)
    assert portalctl("apply", "plan.json", "--yes", env=env).code == 3
    assert len(bench.reads) == asked
    assert portalctl("apply", "plan.json", "--yes", "--allow-pull-request", env=env).code == 0
    assert bench.status("a@club.example") == "approved"


@pytest.mark.parametrize(
    ("event", "payload", "code"),
    [
        ("issue_comment", {"issue": {"number": 7, "pull_request": {"url": "x"}}}, 3),
        ("issue_comment", {"issue": {"number": 7}}, 64),
        ("workflow_run", {"workflow_run": {"event": "pull_request"}}, 3),
        ("workflow_run", {"workflow_run": {"event": "merge_group"}}, 3),
        ("workflow_run", {"workflow_run": {"event": "push", "pull_requests": [{"number": 7}]}}, 64),
        ("workflow_run", [], 64),
        ("push", {"issue": {"pull_request": {}}}, 64),
    ],
)
def test_an_event_that_a_pull_request_started_is_known_by_its_payload(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, event: str, payload: object, code: int
) -> None:
    """64: it goes on, to find that there is no manifest here."""
    monkeypatch.chdir(tmp_path)
    Path("event.json").write_text(json.dumps(payload))
    done = portalctl("apply", "--yes", env={"GITHUB_EVENT_NAME": event, "GITHUB_EVENT_PATH": "event.json"})
    assert done.code == code
    assert ("runs for a pull request" in done.err) == (code == 3)


@pytest.mark.parametrize("content", ["{", "[" * 100_000, "\0"])
def test_an_event_that_cannot_be_read_is_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: str
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("event.json").write_text(content)
    done = portalctl("apply", "--yes", env={"GITHUB_EVENT_NAME": "workflow_run", "GITHUB_EVENT_PATH": "event.json"})
    assert (done.code, "the file at GITHUB_EVENT_PATH is not valid JSON" in done.err) == (64, True)


@pytest.mark.parametrize("value", ["", " ", "false", "False", "null", "none", "0", "undefined"])
def test_a_value_that_says_nothing_is_no_sign(value: str) -> None:
    for system in SYSTEMS:
        for name in system.signs:
            assert pull_request_sign({name: value}) is None


def test_every_sign_is_seen_and_every_system_cites_its_documentation() -> None:
    for system in SYSTEMS:
        assert system.documentation.startswith("https://")
        for name, values in system.signs.items():
            for value in values:
                sign = pull_request_sign({name: value.replace("*", "7")})
                assert sign is not None
                assert sign.variable == name


def test_a_long_or_odd_value_is_shown_short_and_escaped() -> None:
    done = portalctl("apply", "--yes", env={"CIRCLE_PULL_REQUEST": "\x1b[31m" + "x" * 10_000})
    assert done.code == 3
    assert "\x1b" not in done.err
    assert len(done.err) < 500


def test_the_guide_lists_every_system() -> None:
    text = GUIDE.read_text(encoding="utf-8")
    for system in SYSTEMS:
        assert system.name in text
        assert all(f"`{name}`" in text for name in system.signs)
