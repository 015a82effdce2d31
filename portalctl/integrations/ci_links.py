"""Addresses of files, lines and runs on GitHub and GitLab, from a job's environment variables. Pure."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import quote

from portalctl.integrations.ci_event import inside, run_address
from portalctl.output.links import NO_LINKS, Links

_ADDRESS = re.compile(r"https?://[\w.:/@%~+-]+", re.ASCII)
_COMMIT = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")


def ci_links(env: Mapping[str, str], payload: object, folder: str, report: str | None = None) -> Links:
    """Return the addresses that a job's variables give on GitHub or GitLab; None for each one they do not give.

    Args:
        payload: the parsed JSON of the event on GitHub Actions.
        folder: the working folder; file positions are relative to it.
        report: the address of the full report.
    """
    run = _address(run_address(env))
    if env.get("CI_PROJECT_URL"):
        head = env.get("CI_MERGE_REQUEST_SOURCE_BRANCH_SHA") or env.get("CI_COMMIT_SHA")
        base = env.get("CI_MERGE_REQUEST_DIFF_BASE_SHA")
        request = "merge request" if env.get("CI_MERGE_REQUEST_IID") else "change"
        files, top = f"{env['CI_PROJECT_URL']}/-/blob", env.get("CI_PROJECT_DIR")
    elif env.get("GITHUB_SERVER_URL") and env.get("GITHUB_REPOSITORY"):
        pull_request = inside(payload, "pull_request")
        head = _text(inside(pull_request, "head", "sha")) or env.get("GITHUB_SHA")
        base = _text(inside(pull_request, "base", "sha"))
        request = "pull request" if pull_request is not None else "change"
        files, top = f"{env['GITHUB_SERVER_URL']}/{env['GITHUB_REPOSITORY']}/blob", env.get("GITHUB_WORKSPACE")
    else:
        return Links(run=run, report=_address(report)) if run or report else NO_LINKS
    below = _below(folder, top)
    return Links(
        head=_folder(files, head, below),
        base=_folder(files, base, below),
        run=run,
        report=_address(report),
        request=request,
    )


def _folder(files: str, commit: str | None, below: str | None) -> str | None:
    if commit is None or below is None or not _COMMIT.fullmatch(commit):
        return None
    return _address(f"{files}/{commit}{below}")


def _below(folder: str, top: str | None) -> str | None:
    """Return the working folder as a path below the checkout; None if it is elsewhere."""
    if not top:
        return ""
    try:
        path = Path(os.path.realpath(folder)).relative_to(os.path.realpath(top)).as_posix()
    except ValueError:
        return None
    return "" if path == "." else f"/{quote(path)}"


def _address(text: str | None) -> str | None:
    """Return the address if it is safe in a Markdown or HTML link; None for any other text."""
    return text if text and _ADDRESS.fullmatch(text) else None


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None
