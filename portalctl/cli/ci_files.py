"""The files that a CI runner provides to a job."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from portalctl.errors import BadUsageError
from portalctl.input_file import MOST_BYTES, read_input
from portalctl.integrations.ci_event import parse_payload
from portalctl.integrations.ci_links import ci_links
from portalctl.output.links import Links


def event_content(env: Mapping[str, str]) -> bytes:
    """Return the content of the file named by GITHUB_EVENT_PATH; empty if it is not set. Raises BadUsageError."""
    name = env.get("GITHUB_EVENT_PATH")
    return read_content(Path(name)) if name else b""


def job_links(report: str | None = None) -> Links:
    """Return the addresses of files and of the run for a job on GitHub or GitLab, no addresses elsewhere.

    Args:
        report: the address of the full report.

    Raises BadUsageError for an event file that cannot be read.
    """
    payload = parse_payload(event_content(os.environ)) if os.environ.get("GITHUB_SERVER_URL") else None
    return ci_links(os.environ, payload, os.getcwd(), report)  # noqa: PTH109 (the text is enough)


def read_content(path: Path) -> bytes:
    """Return the content of a file. Raises BadUsageError for one that cannot be read or is too large."""
    try:
        return read_input(path, MOST_BYTES)
    except (OSError, ValueError) as error:
        raise BadUsageError(f"cannot read '{path}': {getattr(error, 'strerror', None) or error}") from error
