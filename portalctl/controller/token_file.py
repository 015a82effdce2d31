"""The file with the tokens: checked, read again when it changes, and extended by `portalctl run token`."""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import stat
import threading
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Final, NamedTuple

from portalctl.controller.models import Role
from portalctl.controller.tokens import TokenLine, is_token_of, parse_lines, salt_of
from portalctl.errors import BadUsageError, PortalctlError
from portalctl.input_file import read_input
from portalctl.output_file import PRIVATE
from portalctl.words import quoted

MAX_BYTES: Final = 4 * 1024 * 1024
OPTION: Final = "--tokens"


class _FileState(NamedTuple):
    """What changes whenever a file's content does."""

    device: int
    inode: int
    size: int
    modified: int
    changed: int


class _Known(NamedTuple):
    """The lines of one version of the file, by what they are found by."""

    by_salt: dict[str, TokenLine]
    by_user: dict[str, TokenLine]  # those for a proxy's users


class TokenFile:
    """The tokens of a file. A change of it counts from the next request on.

    While the file is missing or broken, its last good lines count, and `report` gets the error once. Raises
    BadUsageError for a file that is so at the start.
    """

    def __init__(
        self,
        path: Path,
        manifest: Iterable[Path] = (),
        report: Callable[[PortalctlError], None] = lambda _: None,
    ) -> None:
        self._path = path
        self._manifest = tuple(manifest)
        self._lock = threading.Lock()
        self._hashing = threading.Semaphore(2)  # a hash takes 16 MiB
        self._report = report
        self._problem: PortalctlError | None = None
        self._verified: dict[bytes, TokenLine] = {}
        self._version = _version(path)
        self._known = self._read()

    @property
    def problem(self) -> PortalctlError | None:
        """Return why the file as it is now is not used; None where it is."""
        self._refresh()
        return self._problem

    def holder(self, token: str) -> TokenLine | None:
        """Return the line of a token; None where it has none."""
        salt = salt_of(token)
        known, verified = self._refresh()
        line = known.by_salt.get(salt) if salt is not None else None
        if line is None:
            return None
        key = hashlib.sha256(token.encode()).digest()
        if key in verified:
            return line
        with self._hashing:
            matches = is_token_of(line, token)
        if matches:
            verified[key] = line
        return line if matches else None

    def line(self, salt: str) -> TokenLine | None:
        """Return the line of the tokens that begin with a salt; None where there is none."""
        return self._refresh()[0].by_salt.get(salt)

    def user(self, name: str) -> TokenLine | None:
        """Return the line of a proxy's user; None where there is none."""
        return self._refresh()[0].by_user.get(name)

    def _refresh(self) -> tuple[_Known, dict[bytes, TokenLine]]:
        """Read the file again if it changed, and return its lines and the tokens that were verified against them."""
        with self._lock:
            found = _version(self._path)
            if found != self._version or found is None:
                self._version = found
                try:
                    self._known, self._verified, self._problem = self._read(), {}, None
                except PortalctlError as error:
                    if self._problem is None or self._problem.message != error.message:
                        self._report(error)
                    self._problem = error
            return self._known, self._verified

    def _read(self) -> _Known:
        """Raises BadUsageError for a file that cannot be used."""
        lines = read_tokens(self._path, self._manifest)
        return _Known(
            {line.salt: line for line in lines if line.salt is not None},
            {line.name: line for line in lines if line.salt is None},
        )


def read_tokens(path: Path, manifest: Iterable[Path] = ()) -> tuple[TokenLine, ...]:
    """Return the lines of a token file. Raises BadUsageError for one that is missing, broken, or open to others.

    Args:
        manifest: the manifest's files and folders. All editors of the manifest could change a token file in it.
    """
    real = Path(os.path.realpath(path))
    for place in map(os.path.realpath, manifest):
        if real.is_relative_to(place):
            raise _unusable(path, f"is in the manifest ({place})", "Move it out of the manifest's folder.")
    try:
        found = path.stat()
        if not stat.S_ISREG(found.st_mode):
            raise _unusable(path, "is not a regular file", f"Name a file with {OPTION} FILE.")
        if found.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
            raise _unusable(path, "can be written by other users", f"Run: chmod go-w {path}")
        text = read_input(path, MAX_BYTES).decode("utf-8-sig")
    except OSError as error:
        raise _unusable(path, f"cannot be read: {error.strerror}", "Make one with: portalctl run token") from error
    except UnicodeDecodeError:
        raise _unusable(path, "is not UTF-8 text", f"Name the token file with {OPTION} FILE.") from None
    lines, findings = parse_lines(text, str(path))
    if findings:
        raise BadUsageError(f"{OPTION}: {findings[0]}", *(str(finding) for finding in findings[1:10]))
    return lines


def append_line(path: Path, name: str, role: Role, line: str) -> None:
    """Append the line of a new token to a file, which is made (mode 0600) where there is none.

    Raises BadUsageError for a file that is broken, or where the name has another role, and PortalctlError where it
    cannot be written.
    """
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC | os.O_NONBLOCK, PRIVATE)
    except OSError as error:
        raise BadUsageError(f"{OPTION} {path} cannot be written: {error.strerror}", "Choose another file.") from error
    with contextlib.closing(os.fdopen(descriptor, "rb+", buffering=0)) as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise _unusable(path, "is not a regular file", f"Name a file with {OPTION} FILE.")
        size = os.fstat(descriptor).st_size
        known = read_tokens(path) if size else ()
        others = {other.role for other in known if other.name == name} - {role}
        if others:
            raise BadUsageError(
                f"{quoted(name)} has the role {others.pop()} in {path}, and one name has one role",
                f"Choose another name, or remove the lines of {quoted(name)} first.",
            )
        start = b"\n" if size and os.pread(descriptor, 1, size - 1) != b"\n" else b""
        try:
            file.write(start + f"{line}\n".encode())
        except OSError as error:
            raise PortalctlError(f"{OPTION} {path} could not be written: {error.strerror}") from error


def _version(path: Path) -> _FileState | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return _FileState(found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns)


def _unusable(path: Path, fault: str, advice: str) -> BadUsageError:
    return BadUsageError(f"{OPTION} {path} {fault}", advice)
