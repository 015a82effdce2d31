"""The event that started a CI job, from its environment variables and payload. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

from portalctl.errors import BadUsageError
from portalctl.words import quoted

_REPOSITORY = re.compile(r"[\w.-]+/[\w.-]+", re.ASCII)


@dataclass(frozen=True, slots=True)
class Event:
    """The repository (`owner/name`), and the number and head commit of a pull request; None for other events."""

    repository: str
    pull_request: int | None
    head: str | None

    @classmethod
    def of(cls, env: Mapping[str, str], payload: bytes) -> Self:
        """Return the event from GitHub's variables and the content of the file at GITHUB_EVENT_PATH (empty: no file).

        https://docs.github.com/en/actions/reference/workflows-and-actions/variables. Raises BadUsageError if
        GITHUB_REPOSITORY is not valid, or the content is not JSON.
        """
        repository = env.get("GITHUB_REPOSITORY", "")
        if not _REPOSITORY.fullmatch(repository):
            fault = f"{quoted(repository)} is not a valid repository" if repository else "not set"
            raise BadUsageError(
                f"GITHUB_REPOSITORY: {fault}; expected `owner/name`",
                "Run this command in a job of GitHub Actions, or set the variable to the repository.",
            )
        return cls(repository, *_pull_request(parse_payload(payload)))


def run_address(env: Mapping[str, str]) -> str | None:
    """Return the address of this run's page on GitHub or GitLab, None elsewhere."""
    parts = [env.get(name) for name in ("GITHUB_SERVER_URL", "GITHUB_REPOSITORY", "GITHUB_RUN_ID")]
    if all(parts):
        return "{}/{}/actions/runs/{}".format(*parts)
    return env.get("CI_JOB_URL") or None


def parse_payload(content: bytes) -> object:
    """Return the event in the content of the file at GITHUB_EVENT_PATH, None if it is empty.

    Raises BadUsageError for content that is not JSON.
    """
    from pydantic_core import from_json  # noqa: PLC0415 (only GitHub Actions has such a file)

    try:
        value: object = from_json(content) if content.strip() else None
    except ValueError:
        raise BadUsageError(
            "the file at GITHUB_EVENT_PATH is not valid JSON",
            "Outside GitHub Actions, unset this variable.",
        ) from None
    return value


def _pull_request(payload: object) -> tuple[int | None, str | None]:
    """Return the number and head commit of the payload's pull request; None for what it does not have."""
    number, head = inside(payload, "pull_request", "number"), inside(payload, "pull_request", "head", "sha")
    return number if isinstance(number, int) else None, head if isinstance(head, str) else None


def inside(value: object, *keys: str) -> object:
    """Return the value at a path of keys in nested JSON objects, None if there is none."""
    for key in keys:
        value = value.get(key) if isinstance(value, dict) else None
    return value
