"""The place where a command writes a result:

checked before the work begins, and written whole or not at all. A regular file, or a path without a file, is replaced
at once by a finished file. Devices and pipes are written into and never replaced. Folders, block devices and sockets
are refused. Symbolic links are followed and stay as they are."""

from __future__ import annotations

import errno
import fcntl
import os
import re
import select
import stat
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TextIO

from portalctl.errors import BadUsageError

PRIVATE: Final = 0o600  # files with addresses
PUBLIC: Final = 0o644
MOST_LINKS: Final = 40  # on the way to one file, as on Linux
READER_SECONDS: Final = 5.0  # how long a named pipe may wait for a reader
PROBE_BYTES: Final = 4096

# The folders with the file descriptors of this process, on Linux and macOS.
_DESCRIPTORS = re.compile(r"/dev/fd|/proc/(?P<process>\d+)(/task/\d+)?/fd")
_TEMPORARY = ".portalctl-"  # how the name of an unfinished file begins
_FULL_DEVICE = (1, 7)  # /dev/full (Linux, Documentation/admin-guide/devices.txt)


@dataclass(slots=True)
class Output:
    """A place for one result: a regular file (`target`, `mode`), an open `descriptor`, or one of the
    standard streams (`stream`; `stdout`: standard output).

    `shown` is the path as given. `public`: the output is visible on a console or in its log.
    """

    shown: Path
    target: Path | None = None
    mode: int = PRIVATE
    descriptor: int | None = None
    stream: TextIO | None = None
    stdout: bool = False
    public: bool = False

    def write(self, text: str) -> None:
        """Write the whole text. Raises OSError."""
        if self.target is not None:
            replace_file(self.target, text, self.mode)
        elif self.descriptor is not None:
            _write_all(self.descriptor, _encoded(text))
        elif self.stream is not None:
            self.stream.write(text)
            self.stream.flush()

    def check_room(self, size: int) -> None:
        """Raise OSError if a file of `size` bytes cannot be made there now. Pipes and devices pass."""
        if self.target is None:
            return
        with _new_file(self.target.parent) as (descriptor, name):
            try:
                _write_all(descriptor, bytes(size))
            finally:
                Path(name).unlink()

    def close(self) -> None:
        """Close open descriptors."""
        if self.descriptor is not None:
            os.close(self.descriptor)
        self.descriptor = None


def open_output(option: str, path_text: str, mode: int = PRIVATE) -> Output:
    """Open the place that an option names by the path `given`; `mode` is that of the file.

    Pipes and devices stay open until `close`, so that the reader of a pipe sees one stream. Raises BadUsageError,
    naming the option, for a path that cannot be written to.
    """
    try:
        return _opened(path_text, mode)
    except ValueError:  # a NUL
        raise _unusable(option, path_text, "no file can have this name") from None
    except OSError as error:
        raise _unusable(option, path_text, _words(error, path_text)) from error
    except _UnfitError as error:
        raise _unusable(option, path_text, str(error)) from None


class _UnfitError(Exception):
    """Return the usage error for a path."""


def _unusable(option: str, path_text: str, problem: str) -> BadUsageError:
    advice = "Name a file in a folder that you can write to, or - for standard output."
    return BadUsageError(f"{option} {path_text or repr(path_text)}: {problem}", advice)


def _words(error: OSError, path_text: str) -> str:
    """Return the system's message, with the folder where that is the unwritable part."""
    place = str(error.filename or path_text)
    if Path(place).name.startswith(_TEMPORARY):
        place = str(Path(place).parent)
    return f"{error.strerror or error}" if place in {path_text, ""} else f"{place}: {error.strerror or error}"


def _opened(path_text: str, mode: int) -> Output:
    if not path_text:
        raise _UnfitError("the path is empty")
    shown = Path(path_text)
    path = "/dev/fd/1" if path_text == "-" else path_text
    end = _followed(path)
    if isinstance(end, int):
        return _own(shown, end)
    found = _kind(end)
    if found is None or stat.S_ISREG(found.st_mode):
        return _file(shown, end, found, mode)
    if stat.S_ISDIR(found.st_mode):
        raise _UnfitError("this is a folder, not a file")
    if stat.S_ISFIFO(found.st_mode):
        return Output(shown, descriptor=_pipe(end))
    if stat.S_ISCHR(found.st_mode):
        return _device(shown, end, found)
    raise _UnfitError(f"this is a {'block device' if stat.S_ISBLK(found.st_mode) else 'socket'}, not a file")


def _followed(path: str) -> str | int:
    """Follow a chain of symbolic links:

    to a path that is not a link, or the number of an own descriptor. A descriptor is accepted by its usual names
    only. A link in a checkout cannot lead a file's content to a log."""
    usual = os.path.abspath(path).startswith(("/dev/", "/proc/"))  # noqa: PTH100 - links stay
    for _ in range(MOST_LINKS):
        number = _own_descriptor(path)
        if number is not None and not usual:
            raise _UnfitError("this link leads to an open stream of portalctl; name it directly, or - for output")
        if number is not None:
            return number
        try:
            link = os.readlink(path)  # noqa: PTH115 - paths are strings here
        except OSError as error:
            if error.errno in {errno.EINVAL, errno.ENOENT}:
                return path
            raise
        path = os.path.join(os.path.dirname(path), link)  # noqa: PTH118, PTH120
    raise OSError(errno.ELOOP, os.strerror(errno.ELOOP))


def _own_descriptor(path: str) -> int | None:
    folder, name = os.path.split(path)
    if not (name.isascii() and name.isdigit()):
        return None
    found = _DESCRIPTORS.fullmatch(os.path.realpath(folder or os.curdir))
    return int(name) if found and int(found["process"] or os.getpid()) == os.getpid() else None


def _own(shown: Path, number: int) -> Output:
    if number == 1:
        check_stdout()
        return Output(shown, stream=sys.stdout, stdout=True, public=True)
    if number == 2:
        return Output(shown, stream=sys.stderr, public=True)
    try:
        access = fcntl.fcntl(number, fcntl.F_GETFL) & os.O_ACCMODE
    except (OSError, OverflowError):
        raise _UnfitError("there is no open stream with this number") from None
    if access == os.O_RDONLY:
        raise _UnfitError("this stream is open for reading only")
    return Output(shown, descriptor=os.dup(number))


def check_stdout() -> None:
    """Raise BadUsageError if standard output was closed when this process started."""
    check = getattr(sys.stdout, "check_open", None)
    if check is not None:
        check()


def _kind(path: str) -> os.stat_result | None:
    try:
        return os.stat(path)  # noqa: PTH116
    except FileNotFoundError:
        return None


def _file(shown: Path, path: str, found: os.stat_result | None, mode: int) -> Output:
    folder, name = os.path.split(path)
    if not name:
        raise _UnfitError("this names a folder, not a file")
    target = Path(folder or os.curdir, name)
    if found is None and not target.parent.is_dir():
        raise _UnfitError(f"No such file or directory: the folder {target.parent}")
    for number, stream in ((1, "output"), (2, "error")):
        with suppress(OSError):
            if found is not None and os.path.samestat(found, os.fstat(number)):
                raise _UnfitError(f"standard {stream} already goes to this file")
    output = Output(shown, target, mode)
    output.check_room(PROBE_BYTES)
    return output


def _device(shown: Path, path: str, found: os.stat_result) -> Output:
    if sys.platform == "linux" and (os.major(found.st_rdev), os.minor(found.st_rdev)) == _FULL_DEVICE:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    return Output(shown, descriptor=os.open(path, os.O_WRONLY | os.O_NOCTTY | os.O_CLOEXEC))


def _pipe(path: str) -> int:
    """Open a named pipe for writing. Never blocks: opening one without a reader would wait forever."""
    deadline = time.monotonic() + READER_SECONDS
    while True:
        try:
            descriptor = os.open(path, os.O_WRONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        except OSError as error:
            if error.errno != errno.ENXIO:
                raise
            if time.monotonic() > deadline:
                raise _UnfitError(f"no program reads from this pipe (waited {READER_SECONDS:g} s)") from None
            time.sleep(0.05)
        else:
            os.set_blocking(descriptor, True)
            return descriptor


def replace_file(target: Path, text: str, mode: int, owner: tuple[int, int] | None = None) -> None:
    """Put a finished file at `target`, which is not a link, replacing what is there.

    It is on disk before it gets its name. Raises OSError; then, or when interrupted, nothing of it is left behind.
    """
    with _new_file(target.parent) as (descriptor, name):
        try:
            _write_all(descriptor, _encoded(text))
            if owner is not None:
                with suppress(OSError):  # only root can give a file to another user
                    os.fchown(descriptor, *owner)
            os.fchmod(descriptor, mode)
            os.fsync(descriptor)
            os.replace(name, target)  # noqa: PTH105
        except BaseException:
            Path(name).unlink(missing_ok=True)
            raise


def rewrite(path: Path, text: str) -> None:
    """Replace the content of a regular file, which keeps its mode and owner; through a link, that of its target.

    Raises OSError, and then nothing of it is left behind.
    """
    target = Path(os.path.realpath(path))
    found = target.stat()
    if not stat.S_ISREG(found.st_mode):
        raise OSError(errno.EINVAL, "not a regular file")
    replace_file(target, text, stat.S_IMODE(found.st_mode), (found.st_uid, found.st_gid))


def create_files(texts: Mapping[Path, str], mode: int) -> None:
    """Make new files, and the folders they need: all of them or none.

    Raises OSError, FileExistsError among them, and then nothing of it is left behind.
    """
    with ExitStack() as undo:
        for path, text in texts.items():
            for folder in reversed([folder for folder in path.parents if not folder.exists()]):
                folder.mkdir()
                undo.callback(folder.rmdir)
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
            undo.callback(path.unlink)
            try:
                _write_all(descriptor, _encoded(text))
            finally:
                os.close(descriptor)
        undo.pop_all()


def append(path: str, text: str) -> None:
    """Add text to a file, which is made if it is missing, or to a pipe or device. Raises OSError."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NONBLOCK | os.O_NOCTTY, PUBLIC)
    try:
        os.set_blocking(descriptor, True)
        _write_all(descriptor, _encoded(text))
    finally:
        os.close(descriptor)


@contextmanager
def _new_file(folder: Path) -> Iterator[tuple[int, str]]:
    """Make a file with a new name, mode 0600, and return its descriptor and path. The caller removes it."""
    descriptor, name = tempfile.mkstemp(dir=folder, prefix=_TEMPORARY)
    try:
        yield descriptor, name
    finally:
        os.close(descriptor)


def _write_all(descriptor: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        try:
            view = view[os.write(descriptor, view) :]
        except BlockingIOError:  # another program made the stream non-blocking
            ready = select.poll()
            ready.register(descriptor, select.POLLOUT)
            ready.poll()


def _encoded(text: str) -> bytes:
    """Encode as UTF-8; surrogates, which Python keeps for names that are not UTF-8, become escapes."""
    return text.encode("utf-8", errors="backslashreplace")
