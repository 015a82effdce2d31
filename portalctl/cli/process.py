"""Prepares the process of portalctl: standard streams, signals and working folder."""

from __future__ import annotations

import codecs
import contextlib
import fcntl
import io
import os
import signal
import sys
import warnings
from typing import TYPE_CHECKING, NoReturn

if TYPE_CHECKING:
    from types import FrameType
    from typing import TextIO


class ClosedOutput(io.TextIOBase):
    """Standard output that was closed, or open for reading only, when the process started."""

    @property
    def encoding(self) -> str:  # type: ignore[override]
        return "utf-8"

    def writable(self) -> bool:
        return True

    def write(self, text: str) -> int:  # noqa: ARG002
        self.check_open()

    def check_open(self) -> NoReturn:
        """Report that standard output is closed. Raises BadUsageError."""
        from portalctl.errors import BadUsageError

        raise BadUsageError(
            "standard output is closed, but this command prints a result there",
            "Start portalctl with an open standard output; >/dev/null discards the result.",
        )


def prepare() -> None:
    """Make the standard streams safe to use, handle SIGTERM like Ctrl-C, and hide Python's warnings.

    Closed streams are replaced by the null device; otherwise the next file or connection would get their number, and
    receive the output. A closed standard output stays unusable: printing a result is then an error.
    """
    writable = _writes(1)
    for number in range(3):
        _occupy(number)
    sys.stdin = sys.stdin or open(0, closefd=False)  # noqa: SIM115 (for the life of the process)
    sys.stderr = sys.stderr or open(2, "w", closefd=False)  # noqa: SIM115
    if not writable or sys.stdout is None:
        sys.stdout = ClosedOutput()
    for name in ("stdin", "stdout"):
        setattr(sys, name, _escaping(getattr(sys, name)))
    if isinstance(sys.stderr, io.TextIOWrapper) and sys.stderr is sys.__stderr__:
        sys.stderr = _rewrapped(sys.stderr, _StandardError)
    if signal.getsignal(signal.SIGTERM) is signal.SIG_DFL:
        signal.signal(signal.SIGTERM, _terminate)
    if not os.environ.get("PORTALCTL_TRACEBACK"):
        warnings.simplefilter("ignore")  # PYTHONWARNINGS=error would turn warnings of libraries into errors


def _writes(number: int) -> bool:
    try:
        return fcntl.fcntl(number, fcntl.F_GETFL) & os.O_ACCMODE != os.O_RDONLY
    except OSError:
        return False


def _occupy(number: int) -> None:
    """Open the null device under a standard stream's number if it is free, and make the stream blocking."""
    try:
        os.fstat(number)
    except OSError:
        os.open(os.devnull, os.O_RDWR)  # gets the lowest free number
        return
    if number and not os.get_blocking(number):  # another program may have set that, and output would be lost
        with contextlib.suppress(OSError):
            os.set_blocking(number, True)


class _Text(io.TextIOWrapper):
    """A text stream that does not report ASCII as its encoding, since click writes UTF-8 to such streams."""

    @property
    def encoding(self) -> str:  # type: ignore[override]
        name = super().encoding
        return "portalctl-ascii" if _is_ascii(name) else name


class _StandardError(_Text):
    """Standard error. If it cannot be written to, messages are dropped without an exception."""

    def write(self, text: str) -> int:
        try:
            return super().write(text)
        except OSError:
            self._discard()
            return len(text)

    def flush(self) -> None:
        try:
            super().flush()
        except OSError:
            self._discard()

    def _discard(self) -> None:
        """Send buffered and all later output to the null device."""
        with contextlib.suppress(OSError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), self.fileno())


def _is_ascii(encoding: str) -> bool:
    return codecs.lookup(encoding).name == "ascii"


def _escaping(stream: TextIO) -> TextIO:
    """Return the stream with escapes for characters that its encoding does not have."""
    if not isinstance(stream, io.TextIOWrapper):
        return stream
    stream.reconfigure(errors="backslashreplace")
    return _rewrapped(stream, _Text) if stream is sys.__stdout__ and _is_ascii(stream.encoding) else stream


def _rewrapped(stream: io.TextIOWrapper, kind: type[_Text]) -> TextIO:
    encoding, lines, through = stream.encoding, stream.line_buffering, stream.write_through
    return kind(stream.detach(), encoding, "backslashreplace", line_buffering=lines, write_through=through)


def _terminate(number: int, frame: FrameType | None) -> NoReturn:  # noqa: ARG001 (the signature of a handler)
    raise KeyboardInterrupt


def check_working_folder() -> None:
    """Check that the working folder exists and can be used, as relative paths require. Raises BadUsageError."""
    from portalctl.errors import BadUsageError

    try:
        folder = os.getcwd()  # noqa: PTH109
        usable = os.access(os.curdir, os.X_OK)
    except OSError:
        raise BadUsageError("the working folder no longer exists", "Change to another folder: cd DIR.") from None
    if not usable:
        raise BadUsageError(
            f"the working folder {folder} cannot be used: Permission denied", "Change to another folder: cd DIR."
        )
