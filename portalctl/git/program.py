"""Starts git: the only module of portalctl that starts another program.

Git can run commands that its configuration, its environment or a file in the checkout names. So it gets an
environment of our own without tokens, reads no configuration of the user or the system, and may use no protocol.
"""

from __future__ import annotations

import os
import signal
import subprocess
import threading
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryFile
from typing import Final

from portalctl.errors import BadUsageError

MOST_BYTES: Final = 64 * 1024 * 1024  # of one output; manifests are far smaller
SECONDS: Final = 60.0

_NAME: Final = "git.exe" if os.name == "nt" else "git"
_KEPT: Final = ("SYSTEMROOT", "DEVELOPER_DIR", "TMPDIR", "TEMP", "TMP")  # Windows, /usr/bin/git of macOS
_ENVIRONMENT: Final = {
    "LC_ALL": "C",
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_CONFIG_SYSTEM": os.devnull,
    "GIT_CONFIG_GLOBAL": os.devnull,  # older versions look below HOME, which is not set
    "GIT_ATTR_NOSYSTEM": "1",
    "GIT_ALLOW_PROTOCOL": "none",  # overrides every protocol.* setting, so that a partial clone fetches nothing
    "GIT_NO_LAZY_FETCH": "1",
    "GIT_NO_REPLACE_OBJECTS": "1",
    "GIT_TERMINAL_PROMPT": "0",
    "GIT_LITERAL_PATHSPECS": "1",
    "GIT_OPTIONAL_LOCKS": "0",
}
_SETTINGS: Final = (
    "safe.bareRepository=explicit",
    "core.fsmonitor=false",
    f"core.hooksPath={os.devnull}",
    "core.commitGraph=false",
    "protocol.allow=never",
)


class GitError(BadUsageError):
    """Git is not installed, or the repository lacks the requested object."""


class GitFailedError(GitError):
    """A git command failed. `reason` is the first line of its error output, empty where it printed none."""

    def __init__(self, command: str, reason: str) -> None:
        super().__init__(f"git {command} failed{f': {reason}' if reason else ''}")
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Git:
    """The program. `search_path` is its PATH."""

    program: str
    search_path: str

    def run(
        self, *words: str, env: Mapping[str, str], folder: Path, stdin: bytes = b"", seconds: float = SECONDS
    ) -> bytes:
        """Return the output of `git WORDS`, started in `folder` with `env` added to the environment.

        Raises GitFailedError where it fails, GitError beyond MOST_BYTES of output or `seconds`.
        """
        settings = [word for setting in _SETTINGS for word in ("-c", setting)]
        with TemporaryFile() as stdin_file, TemporaryFile() as errors:
            stdin_file.write(stdin)
            stdin_file.seek(0)
            try:
                process = subprocess.Popen(  # noqa: S603 (no shell; the program's absolute path)
                    [self.program, *settings, *words],
                    stdin=stdin_file,
                    stdout=subprocess.PIPE,
                    stderr=errors,
                    env={**self._environment(), **env},
                    cwd=folder,
                    start_new_session=True,  # a group, with the programs that git starts
                )
            except (OSError, ValueError) as error:  # ValueError: a NUL in a word
                raise GitError(f"cannot run {self.program}: {error}") from error
            output = _output(process, words[0], seconds)
            if process.returncode:
                errors.seek(0)
                first_line = errors.read(4096).decode(errors="replace").strip().partition("\n")[0]
                raise GitFailedError(words[0], first_line)
        return output

    def _environment(self) -> dict[str, str]:
        kept = {name: os.environ[name] for name in _KEPT if name in os.environ}
        return {**kept, **_ENVIRONMENT, "PATH": self.search_path}


def find_program(checkout: Path) -> Git:
    """Return git from PATH.

    Entries that are relative or lie in the checkout are skipped: a commit may contain a program `git`.
    Raises GitError where there is none.
    """
    entries = os.environ.get("PATH", os.defpath).split(os.pathsep)
    safe = [entry for entry in entries if Path(entry).is_absolute() and not _is_below(entry, checkout)]
    for entry in safe:
        program = os.path.join(entry, _NAME)  # noqa: PTH118 (a string is wanted)
        if os.path.isfile(program) and os.access(program, os.X_OK) and not _is_below(program, checkout):  # noqa: PTH113
            return Git(program, os.pathsep.join(safe))
    raise GitError(
        "git not found on PATH",
        f"Install git. Entries of PATH that are relative or in the checkout {checkout} are not used.",
    )


def _is_below(path: str, folder: Path) -> bool:
    return Path(os.path.realpath(path)).is_relative_to(folder)


def _kill(process: subprocess.Popen[bytes]) -> None:
    """Kill git and what it started: its helper for https would wait for a server that does not answer for ever."""
    if hasattr(os, "killpg"):
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
    process.kill()


def _output(process: subprocess.Popen[bytes], command: str, seconds: float) -> bytes:
    """Return the whole output of a process that has ended. Raises GitError beyond a bound; the process is killed."""
    expired = threading.Event()

    def expire() -> None:
        expired.set()
        _kill(process)

    timer = threading.Timer(max(seconds, 0), expire)
    timer.start()
    with process:
        try:
            assert process.stdout is not None  # noqa: S101 (it is a pipe)
            output = process.stdout.read(MOST_BYTES + 1)
            if len(output) > MOST_BYTES:
                raise GitError(f"git {command} printed more than {MOST_BYTES // 1024**2} MiB")
            process.wait()
        except BaseException:
            _kill(process)
            raise
        finally:
            timer.cancel()
    if expired.is_set():
        raise GitError(f"git {command} took longer than {seconds:.0f} s")
    return output
