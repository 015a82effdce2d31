"""The event that started a CI job, from environment and payload. Pure."""

from __future__ import annotations

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
        """Return the event from GitHub's variables and the file that GITHUB_EVENT_PATH names (empty: there is none).

        https://docs.github.com/en/actions/reference/workflows-and-actions/variables. Raises BadUsageError for a
        repository that is not set and a file that is not JSON.
        """
        repository = env.get("GITHUB_REPOSITORY", "")
        if not _REPOSITORY.fullmatch(repository):
            raise BadUsageError("GITHUB_REPOSITORY does not name a repository", "GitHub sets it to `owner/name`.")
        return cls(repository, *_pull_request(parse_payload(payload)))


def run_address(env: Mapping[str, str]) -> str | None:
    """Return the address of this run's page on GitHub or GitLab, None elsewhere."""
    parts = [env.get(name) for name in ("GITHUB_SERVER_URL", "GITHUB_REPOSITORY", "GITHUB_RUN_ID")]
    if all(parts):
        return "{}/{}/actions/runs/{}".format(*parts)
    return env.get("CI_JOB_URL") or None


def parse_payload(content: bytes) -> object:
    """Return the event in the file that GITHUB_EVENT_PATH names, None where it is empty. Raises BadUsageError."""
    from pydantic_core import from_json  # noqa: PLC0415 (only GitHub Actions has such a file)

    try:
        value: object = from_json(content) if content.strip() else None
    except ValueError:
        raise BadUsageError("the file that GITHUB_EVENT_PATH names is not JSON") from None
    return value


def _pull_request(payload: object) -> tuple[int | None, str | None]:
    """Number and head commit, as far as the payload has them."""
    number, head = inside(payload, "pull_request", "number"), inside(payload, "pull_request", "head", "sha")
    return number if isinstance(number, int) else None, head if isinstance(head, str) else None


def inside(value: object, *keys: str) -> object:
    """Return what JSON objects have under one key after another, None where there is nothing."""
    for key in keys:
        value = value.get(key) if isinstance(value, dict) else None
    return value
