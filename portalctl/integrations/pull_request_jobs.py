"""Recognise a CI job that runs for a pull request, by its environment variables. Pure.

Each row links to the documentation of its CI system. If a system has one variable for the event and another for the
number, each of them suffices: a pipeline started by a pull request's pipeline often has only one.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, NamedTuple

from portalctl.integrations.ci_event import inside

ANY: Final = ("*",)
QUEUE: Final = "gh-readonly-queue/*"  # branches of GitHub's merge queue, with changes that are not merged yet
EVENTS_WITH_PAYLOAD: Final = frozenset({"issue_comment", "workflow_run"})  # only their payload names a pull request
_UNSET: Final = frozenset({"", "0", "false", "no", "none", "null", "nil", "undefined"})


class System(NamedTuple):
    """A CI system. `signs`: by variable, the values set for a pull request; a final `*` matches any text."""

    name: str
    documentation: str
    signs: Mapping[str, tuple[str, ...]]


class Sign(NamedTuple):
    """The variable with a value that shows that a job runs for a pull request."""

    system: str
    variable: str
    value: str

    def __str__(self) -> str:
        return f"{self.system}: {self.variable} is '{self.value[:60]}'"


SYSTEMS: Final = (
    System(
        "GitHub Actions",
        "https://docs.github.com/en/actions/reference/workflows-and-actions/events-that-trigger-workflows",
        {
            "GITHUB_EVENT_NAME": ("pull_request*", "merge_group"),
            "GITHUB_HEAD_REF": ANY,
            "GITHUB_REF": ("refs/pull/*", f"refs/heads/{QUEUE}"),
        },
    ),
    System(
        "Gitea and Forgejo Actions",
        "https://forgejo.org/docs/latest/user/actions/reference/",
        {
            "GITEA_EVENT_NAME": ("pull_request*",),
            "FORGEJO_EVENT_NAME": ("pull_request*",),
            "FORGEJO_HEAD_REF": ANY,
        },
    ),
    System(
        "GitLab CI/CD",
        "https://docs.gitlab.com/ci/variables/predefined_variables/",
        {
            "CI_PIPELINE_SOURCE": ("merge_request_event", "external_pull_request_event"),
            "CI_MERGE_REQUEST_IID": ANY,
            "CI_MERGE_REQUEST_ID": ANY,
            "CI_MERGE_REQUEST_EVENT_TYPE": ANY,
            "CI_EXTERNAL_PULL_REQUEST_IID": ANY,
        },
    ),
    System(
        "Azure Pipelines",
        "https://learn.microsoft.com/en-us/azure/devops/pipelines/build/variables",
        {
            "BUILD_REASON": ("pullrequest",),
            "SYSTEM_PULLREQUEST_PULLREQUESTID": ANY,
            "SYSTEM_PULLREQUEST_PULLREQUESTNUMBER": ANY,
            "BUILD_SOURCEBRANCH": ("refs/pull/*", f"refs/heads/{QUEUE}"),
        },
    ),
    System(
        "Jenkins",
        "https://www.jenkins.io/doc/book/pipeline/multibranch/",
        {
            "CHANGE_ID": ANY,
            "CHANGE_TARGET": ANY,
            "ghprbPullId": ANY,  # https://plugins.jenkins.io/ghprb/
            "gitlabMergeRequestIid": ANY,  # https://plugins.jenkins.io/gitlab-plugin/
            # https://plugins.jenkins.io/gerrit-trigger/
            "GERRIT_EVENT_TYPE": ("patchset-created", "comment-added", "draft-published", "wip-state-changed"),
        },
    ),
    System(
        "Bitbucket Pipelines",
        "https://support.atlassian.com/bitbucket-cloud/docs/variables-and-secrets/",
        {"BITBUCKET_PR_ID": ANY, "BITBUCKET_PR_DESTINATION_BRANCH": ANY},
    ),
    System(
        "CircleCI",
        "https://circleci.com/docs/reference/variables/",
        {
            "CIRCLE_PULL_REQUEST": ANY,
            "CIRCLE_PULL_REQUESTS": ANY,
            "CIRCLE_PR_NUMBER": ANY,
            "CIRCLE_BRANCH": ("pull/*", QUEUE),
        },
    ),
    System(
        "Buildkite",
        "https://buildkite.com/docs/pipelines/configure/environment-variables",
        {"BUILDKITE_PULL_REQUEST": ANY, "BUILDKITE_BRANCH": (QUEUE,)},
    ),
    System(
        "AWS CodeBuild",
        "https://docs.aws.amazon.com/codebuild/latest/userguide/build-env-ref-env-vars.html",
        {
            "CODEBUILD_WEBHOOK_EVENT": ("pull_request_*",),
            "CODEBUILD_WEBHOOK_TRIGGER": ("pr/*",),
            "CODEBUILD_SOURCE_VERSION": ("pr/*", "refs/pull/*"),
        },
    ),
    System(
        "Drone",
        "https://docs.drone.io/pipeline/environment/reference/",
        {"DRONE_BUILD_EVENT": ("pull_request*",), "DRONE_PULL_REQUEST": ANY},
    ),
    System(
        "Woodpecker",
        "https://woodpecker-ci.org/docs/usage/environment",
        {
            "CI_PIPELINE_EVENT": ("pull_request*",),
            "CI_COMMIT_PULL_REQUEST": ANY,
            "CI_BUILD_EVENT": ("pull_request*",),  # before 1.0
        },
    ),
    System(
        "Travis CI",
        "https://docs.travis-ci.com/user/environment-variables/",
        {"TRAVIS_EVENT_TYPE": ("pull_request",), "TRAVIS_PULL_REQUEST": ANY},
    ),
    System(
        "AppVeyor",
        "https://www.appveyor.com/docs/environment-variables/",
        {"APPVEYOR_PULL_REQUEST_NUMBER": ANY},
    ),
    System(
        "Semaphore",
        "https://docs.semaphore.io/reference/env-vars",
        {"SEMAPHORE_GIT_REF_TYPE": ("pull-request",), "SEMAPHORE_GIT_PR_NUMBER": ANY},
    ),
    System(
        "Cirrus CI",
        "https://cirrus-ci.org/guide/writing-tasks/#environment-variables",
        {"CIRRUS_PR": ANY},
    ),
    System(
        "Bitrise",
        "https://docs.bitrise.io/en/bitrise-ci/references/available-environment-variables.html",
        {"BITRISE_PULL_REQUEST": ANY},
    ),
    System(
        "Codefresh",
        "https://codefresh.io/docs/docs/pipelines/variables/",
        {"CF_PULL_REQUEST_NUMBER": ANY},
    ),
    System(
        "Atlantis",
        "https://www.runatlantis.io/docs/custom-workflows.html",
        {"PULL_NUM": ANY},
    ),
    System(
        "Prow",
        "https://docs.prow.k8s.io/docs/jobs/",
        {"PULL_NUMBER": ANY, "JOB_TYPE": ("presubmit", "batch")},
    ),
)


def pull_request_sign(env: Mapping[str, str], payload: object = None) -> Sign | None:
    """Return the sign that this job runs for proposed changes, which are not merged; None if there is none.

    `payload` is the parsed JSON of the event on GitHub Actions. It identifies comments on pull requests, and
    workflows that follow a workflow of a pull request.
    """
    signs = ((system.name, name, values) for system in SYSTEMS for name, values in system.signs.items())
    for system, name, values in signs:
        if _is_sign(env.get(name, ""), values):
            return Sign(system, name, env[name].strip())
    event = env.get("GITHUB_EVENT_NAME", "")
    if event == "issue_comment" and isinstance(inside(payload, "issue", "pull_request"), dict):
        return Sign(SYSTEMS[0].name, "GITHUB_EVENT_NAME", "issue_comment on a pull request")
    if event == "workflow_run":
        previous = inside(payload, "workflow_run", "event")
        if isinstance(previous, str) and _is_sign(previous, SYSTEMS[0].signs["GITHUB_EVENT_NAME"]):
            return Sign(SYSTEMS[0].name, "GITHUB_EVENT_NAME", f"workflow_run after {previous}")
    return None


def _is_sign(found: str, values: tuple[str, ...]) -> bool:
    text = found.strip().casefold()
    if text in _UNSET or text.startswith("$("):  # Azure leaves a reference to an unset variable as $(name)
        return False
    return any(text.startswith(value[:-1]) if value.endswith("*") else text == value for value in values)
