"""The journal: the writes that an apply intends, and their answers, on disk before the next step.

JSON lines, readable by the owner only, one run after the other: `begin`, then an `intent` before each write is sent
and an `answer` after it, `end`. An `intent` without an `answer` may have reached the portal; it has the change
itself, so that the next run can check whether it is visible (`interrupted_run.py`)."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from stat import S_ISLNK, S_ISREG
from uuid import uuid4

from portalctl.changes.operations import Change, plain
from portalctl.errors import BadUsageError, PortalctlError
from portalctl.execution.report import PortalReport, timestamp
from portalctl.portals.writes import WriteResult
from portalctl.times import Clock

FOLDER = Path(".portalctl")  # of the journals, in the working folder
ADVICE = "Name a regular file in a folder that you can write to: --journal FILE."


class Journal:
    """A journal that keeps nothing, for runs without a file; also the interface of the one that writes."""

    def intent(self, change: Change) -> None:
        """Record that a write is about to be sent. Raises PortalctlError when that can't be put on disk."""

    def check(self) -> None:
        """Called directly before each try is sent, after all waiting. Raises PortalctlError where it must not be."""

    def answer(self, change: Change, written: WriteResult) -> None:
        """Record the answer. Raises PortalctlError when that can't be written."""

    def end(self, report: PortalReport) -> None:
        """Record the end of the apply. Raises PortalctlError when that can't be written."""


NO_JOURNAL = Journal()


class FileJournal(Journal):
    """Appends to an open file, from any number of threads. `run` marks the lines of one apply."""

    def __init__(self, path: Path, descriptor: int, clock: Clock) -> None:
        self._path = path
        self._descriptor = descriptor
        self._clock = clock
        self._run = uuid4().hex[:12]
        self._appending = threading.Lock()
        self._syncing = threading.Lock()
        self._appended = 0
        self._synced = 0

    def begin(self, facts: Mapping[str, object]) -> None:
        torn = b"" if _ends_a_line(self._path) else b"\n"  # a line that a killed run left half written
        self._sync(self._append("begin", facts, torn))

    def intent(self, change: Change) -> None:
        self._sync(self._append("intent", {"change": change.id, **plain(change)}))

    def answer(self, change: Change, written: WriteResult) -> None:
        answer = {"result": written.result, "detail": written.detail, "trace": written.trace}
        self._append("answer", {"change": change.id, **answer})

    def end(self, report: PortalReport) -> None:
        counts = {result: report.count(result) for result in ("confirmed", "failed", "skipped", "unknown")}
        self._sync(self._append("end", {**counts, "interrupted": report.interrupted}))

    def _append(self, event: str, facts: Mapping[str, object], before: bytes = b"") -> int:
        """Write one line and return its number.

        One system call per line, so that lines of two runs on one file don't mix.
        """
        line = json.dumps({"event": event, "run": self._run, "at": timestamp(self._clock()), **facts})
        data = before + line.encode() + b"\n"
        with self._appending:
            try:
                written = os.write(self._descriptor, data)
            except OSError as error:
                raise _unwritable(self._path, error.strerror) from error
            if written < len(data):
                raise _unwritable(self._path, "no space left")
            self._appended += 1
            return self._appended

    def _sync(self, number: int) -> None:
        """Return once line `number` is on disk. Most calls are served by the sync of another thread."""
        with self._syncing:
            if self._synced >= number:
                return
            with self._appending:
                reached = self._appended
            try:
                os.fsync(self._descriptor)
            except OSError as error:
                raise _unwritable(self._path, error.strerror) from error
            self._synced = reached


def check_journal(path: Path) -> None:
    """Check a journal's path.

    Raises BadUsageError for a link, or anything that is not a regular file. A journal is continued in place, so links
    are not followed: users who may put a link into the folder, or commit the folder itself as a link, could redirect
    the writes to another file."""
    for folder in path.parents:
        check_folder(folder)
    try:
        kind = path.lstat().st_mode
    except FileNotFoundError:
        return
    except (OSError, ValueError) as error:
        raise _unusable(path, getattr(error, "strerror", None)) from error
    if S_ISLNK(kind):
        raise _unusable(path, "it is a symbolic link")
    if not S_ISREG(kind):
        raise _unusable(path, "it is not a regular file")


def check_folder(folder: Path) -> None:
    """Raise BadUsageError if this is the folder of the journals, and a symbolic link."""
    if folder.name == FOLDER.name and folder.is_symlink():
        raise BadUsageError(
            f"{folder} is a symbolic link; journals are kept in a folder only",
            "Remove the link, and find out where it came from.",
        )


@contextmanager
def open_journal(path: Path, facts: Mapping[str, object], clock: Clock) -> Iterator[FileJournal]:
    """Open the journal at `path`, beginning with `facts`. Folder and file are created where missing.

    Raises BadUsageError for a path that cannot be used, and PortalctlError when it can't be written.
    """
    check_journal(path)
    try:
        make_folder(path.parent)
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW | os.O_NONBLOCK, 0o600)
    except OSError as error:
        raise _unusable(path, error.strerror) from error
    try:
        _make_private(path, descriptor)
        journal = FileJournal(path, descriptor, clock)
        journal.begin(facts)
        yield journal
    finally:
        os.close(descriptor)


def make_folder(folder: Path) -> None:
    """Make a folder that only its owner can use, whatever the umask; leave an existing one unchanged."""
    if not folder.is_dir():
        folder.parent.mkdir(parents=True, exist_ok=True)
        folder.mkdir(exist_ok=True)
        folder.chmod(0o700)


def _make_private(path: Path, descriptor: int) -> None:
    """Set mode 0600, also on an existing file, and put the file's name on disk as well as its lines."""
    try:
        if not S_ISREG(os.fstat(descriptor).st_mode):  # put there since the check
            raise _unusable(path, "it is not a regular file")
        os.fchmod(descriptor, 0o600)
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
    except OSError as error:
        raise _unwritable(path, error.strerror) from error


def _ends_a_line(path: Path) -> bool:
    with path.open("rb") as file:
        if not file.seek(0, os.SEEK_END):
            return True
        file.seek(-1, os.SEEK_END)
        return file.read() == b"\n"


def _unusable(path: Path, cause: str | None) -> BadUsageError:
    return BadUsageError(_message(path, cause), ADVICE)


def _unwritable(path: Path, cause: str | None) -> PortalctlError:
    return PortalctlError(_message(path, cause), ADVICE)


def _message(path: Path, cause: str | None) -> str:
    return f"the journal {path} can't be written: {cause}"
