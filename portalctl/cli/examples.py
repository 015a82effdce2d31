"""The examples of portalctl: inside the installed package, or beside it in a checkout."""

from __future__ import annotations

import json
import re
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

import portalctl
from portalctl.cli.init_files import InstallSource

_PACKAGE = Path(portalctl.__file__).parent
_INSTALLED = _PACKAGE / "_examples"
_REPOSITORY = re.compile(r"https://[\w.-]+(?::\d+)?(?:/[\w.-]+){2,}/?", re.ASCII)
_COMMIT = re.compile(r"[0-9a-f]{40}")


def examples() -> Path:
    """Return the folder of examples."""
    return _INSTALLED if _INSTALLED.is_dir() else _PACKAGE.parent / "examples"


def installed_source() -> InstallSource | None:
    """Return the repository and commit that portalctl was installed from.

    None unless pip recorded an https address of a Git repository and a commit (PEP 610, `direct_url.json`).
    """
    try:
        recorded = json.loads(distribution("portalctl").read_text("direct_url.json") or "{}")
    except (PackageNotFoundError, ValueError):
        return None
    return source_of(str(recorded.get("url", "")), str(recorded.get("vcs_info", {}).get("commit_id", "")))


def source_of(url: str, commit: str) -> InstallSource | None:
    """Return the repository at a commit; None for a URL or commit that CI cannot use."""
    if _REPOSITORY.fullmatch(url) is None or _COMMIT.fullmatch(commit) is None:
        return None
    return InstallSource(url, commit)


def is_on_github(source: InstallSource) -> bool:
    """Return whether workflows on github.com can use the action of this repository."""
    return source.url.startswith("https://github.com/")
