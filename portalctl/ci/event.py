"""What a CI service tells a job of the event that started it. Pure: environment and payload are given."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

from portalctl.errors import BadUsageError

_REPOSITORY = re.compile(r"[\w.-]+/[\w.-]+", re.ASCII)


@dataclass(frozen=True, slots=True)
class Event:
    """`repository` is `owner/name`; `pull_request` is its number and `head` its commit, both None outside one."""

    repository: str
    pull_request: int | None
    head: str | None

    @classmethod
    def of(cls, env: Mapping[str, str], payload: bytes) -> Self:
        """From GitHub's variables and the file that GITHUB_EVENT_PATH names (empty: there is none).

        https://docs.github.com/en/actions/reference/workflows-and-actions/variables. Raises BadUsageError where the
        repository is not told.
        """
        repository = env.get("GITHUB_REPOSITORY", "")
        if not _REPOSITORY.fullmatch(repository):
            raise BadUsageError("GITHUB_REPOSITORY does not name a repository", "it is `owner/name`, set by GitHub")
        return cls(repository, *_pull_request(payload))


def run_address(env: Mapping[str, str]) -> str | None:
    """Where this run can be looked at: a page of GitHub's or GitLab's, None elsewhere."""
    parts = [env.get(name) for name in ("GITHUB_SERVER_URL", "GITHUB_REPOSITORY", "GITHUB_RUN_ID")]
    if all(parts):
        return "{}/{}/actions/runs/{}".format(*parts)
    return env.get("CI_JOB_URL") or None


def pull_request_event(env: Mapping[str, str]) -> str | None:
    """The name of the event, where this job runs what somebody proposes and nobody has merged.

    GitHub's `pull_request`, `pull_request_target` and the events of reviews; GitLab's merge request pipelines.
    """
    event = env.get("GITHUB_EVENT_NAME", "")
    if event.startswith("pull_request"):
        return event
    source = env.get("CI_PIPELINE_SOURCE", "")
    return source if source == "merge_request_event" else None


def _pull_request(payload: bytes) -> tuple[int | None, str | None]:
    """Number and head commit, as far as the payload has them."""
    try:
        told = json.loads(payload or b"{}")
    except ValueError:
        raise BadUsageError("the file that GITHUB_EVENT_PATH names is not JSON") from None
    number, head = _inside(told, "pull_request", "number"), _inside(told, "pull_request", "head", "sha")
    return number if isinstance(number, int) else None, head if isinstance(head, str) else None


def _inside(value: object, *keys: str) -> object:
    for key in keys:
        value = value.get(key) if isinstance(value, dict) else None
    return value
