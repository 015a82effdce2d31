"""A lock on a journal file: on one machine, one apply at a time writes to a portal."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from stat import S_ISREG

from portalctl.errors import PortalctlError
from portalctl.events import Observer, Warned
from portalctl.execution.journal import make_folder

if sys.platform != "win32":
    import fcntl

MAX_WAIT = 60.0  # seconds for which a second apply waits for the first
PAUSE = 0.2


@contextmanager
def locked_journal(path: Path, observer: Observer) -> Iterator[None]:
    """Hold the lock on the journal at `path`, which is created where missing and removed again if it stays empty.

    A file that can't be created is not locked: whether a journal is needed is known only once there is a plan.
    Raises PortalctlError when another apply holds the lock for too long.
    """
    new_folder = not path.parent.exists()
    descriptor = _acquire(path, observer)
    try:
        yield
    finally:
        if descriptor is not None:
            _release(path, descriptor, new_folder=new_folder)


def _acquire(path: Path, observer: Observer) -> int | None:
    """Wait for the lock and return the descriptor that holds it; None where there can be no lock."""
    deadline = time.monotonic() + MAX_WAIT
    announced = False
    while True:
        try:
            make_folder(path.parent)
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW | os.O_NONBLOCK, 0o600)
        except OSError:
            return None
        try:
            if _lock(path, descriptor):
                return descriptor
        except BlockingIOError:
            pass
        except OSError as error:
            os.close(descriptor)
            text = (
                f"the journal {path} can't be locked ({error.strerror}): a second apply would not wait for this one"
            )
            observer(Warned(text))
            return None
        os.close(descriptor)
        if time.monotonic() >= deadline:
            raise PortalctlError(
                f"another apply on this portal has locked the journal {path} for {MAX_WAIT:g} s; nothing was written",
                "Wait until it has ended, then run the same command again.",
            )
        if not announced:
            observer(Warned(f"waiting for another apply on this portal, which has locked the journal {path}"))
            announced = True
        time.sleep(PAUSE)


def _lock(path: Path, descriptor: int) -> bool:
    """Lock an open file. False:

    the file at `path` is another one now, since an apply with no writes removed this. Raises BlockingIOError while
    another process holds the lock, and OSError where there are no locks."""
    found = os.fstat(descriptor)
    if not S_ISREG(found.st_mode):
        raise OSError(0, "not a regular file")
    if sys.platform != "win32":
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    try:
        there = path.lstat()
    except FileNotFoundError:
        return False
    return (there.st_dev, there.st_ino) == (found.st_dev, found.st_ino)


def _release(path: Path, descriptor: int, *, new_folder: bool) -> None:
    try:
        if os.fstat(descriptor).st_size == 0:
            with suppress(OSError):
                path.unlink()
                if new_folder:
                    path.parent.rmdir()
    finally:
        os.close(descriptor)
