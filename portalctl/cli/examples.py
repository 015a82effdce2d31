"""The examples that come with us: inside an installed package, or beside it in a checkout."""

from __future__ import annotations

import json
import re
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

import portalctl

_PACKAGE = Path(portalctl.__file__).parent
_INSTALLED = _PACKAGE / "_examples"
_GITHUB = re.compile(r"https://github\.com/([\w.-]+/[\w.-]+?)(?:\.git)?/?", re.ASCII)
_COMMIT = re.compile(r"[0-9a-f]{40}")


def examples() -> Path:
    """The folder of examples."""
    return _INSTALLED if _INSTALLED.is_dir() else _PACKAGE.parent / "examples"


def pinned_action() -> str | None:
    """How a workflow names our action at the commit that is installed here.

    None unless that was installed from a repository on GitHub, which pip notes (PEP 610, `direct_url.json`).
    """
    try:
        told = json.loads(distribution("portalctl").read_text("direct_url.json") or "{}")
    except (PackageNotFoundError, ValueError):
        return None
    repository = _GITHUB.fullmatch(told.get("url", ""))
    commit = told.get("vcs_info", {}).get("commit_id", "")
    if repository is None or not _COMMIT.fullmatch(commit):
        return None
    return f"{repository[1]}/.github/actions/portalctl@{commit}"
