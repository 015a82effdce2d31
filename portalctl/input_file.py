"""Files that commands read: bounded in size and waiting time."""

from __future__ import annotations

import errno
import os
import select
import stat
from typing import Final

MOST_BYTES: Final = 256 * 1024 * 1024  # of a JSON document: a plan of some 400,000 changes, or a million developers
FIRST_BYTES_SECONDS: Final = 5.0  # how long a pipe may wait for a program that writes to it
_CHUNK: Final = 1 << 20


class TooLargeError(OSError):
    """The file has more bytes than allowed."""


def read_input(path: str | os.PathLike[str], most: int) -> bytes:
    """Return the content of a file, or of a pipe until it ends (`<(command)`, a named pipe, /dev/stdin).

    Raises TooLargeError for more than `most` bytes, and OSError for anything unreadable: also folders, devices,
    sockets, and pipes without a writer."""
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)
    try:
        found = os.fstat(descriptor)
        if stat.S_ISREG(found.st_mode):
            return _file(descriptor, found.st_size, most)
        if stat.S_ISFIFO(found.st_mode):
            return _pipe(descriptor, most)
        if stat.S_ISDIR(found.st_mode):
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
        raise OSError(errno.EINVAL, "a device, not a file")
    finally:
        os.close(descriptor)


def _file(descriptor: int, size: int, most: int) -> bytes:
    if size > most:
        raise _too_large(most)
    content = _upto(descriptor, size + 1)
    if len(content) > size:  # it grew, or reports no size
        content += _upto(descriptor, most + 1 - len(content))
    if len(content) > most:
        raise _too_large(most)
    return content


def _upto(descriptor: int, size: int) -> bytes:
    parts = []
    while size > 0 and (part := os.read(descriptor, min(size, _CHUNK))):
        parts.append(part)
        size -= len(part)
    return b"".join(parts)


def _pipe(descriptor: int, most: int) -> bytes:
    """Wait while some program has the pipe open for writing."""
    ready = select.poll()
    ready.register(descriptor, select.POLLIN)
    content = bytearray()
    while len(content) <= most:
        silent = not ready.poll(FIRST_BYTES_SECONDS * 1000)
        try:
            part = os.read(descriptor, _CHUNK)
        except BlockingIOError:
            continue
        if not part and silent and not content:
            raise OSError(errno.EPIPE, f"no program writes to this pipe (waited {FIRST_BYTES_SECONDS:g} s)")
        if not part:
            return bytes(content)
        content += part
    raise _too_large(most)


def _too_large(most: int) -> TooLargeError:
    return TooLargeError(errno.EFBIG, f"too large: at most {most // 1024**2} MiB are read")
