"""The bounds of a git command."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from portalctl.git.program import Git, GitError


@pytest.mark.slow
def test_what_git_has_started_ends_with_it(tmp_path: Path) -> None:
    program = tmp_path / "git"
    program.write_text("#!/bin/sh\nsleep 30 &\nwait\n")  # as git waits for its helper for https
    program.chmod(0o755)
    began = time.monotonic()
    with pytest.raises(GitError, match="fetch took longer than 1 s"):
        Git(str(program), os.environ["PATH"]).run("fetch", env={}, folder=tmp_path, seconds=1)
    assert time.monotonic() - began < 15, "the output of the helper is closed"
