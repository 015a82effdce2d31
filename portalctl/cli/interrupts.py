"""Handles Ctrl-C and SIGTERM during an apply: the first one ends it after the writes in flight, the second aborts."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from types import FrameType
from typing import NoReturn

from portalctl.cancellation import Stop

INTERRUPTED = 130
SIGNALS = (signal.SIGINT, signal.SIGTERM)
ENDING = b"\ninterrupted: waiting for the writes in flight; press Ctrl-C again to abort\n"
ABORTED = b"\naborted: the journal shows which writes were sent\n"


@contextmanager
def interrupts(stop: Stop) -> Iterator[Callable[[], None]]:
    """Handle signals; yield a function to call just before the first write.

    Until then a signal ends the command at once (KeyboardInterrupt). After that, the first signal requests a stop
    from `stop`, and the second ends the process. Outside the main thread, signals cannot be handled: nothing is done.
    """
    if threading.current_thread() is not threading.main_thread():
        yield lambda: None
        return

    def drain(number: int, frame: FrameType | None) -> None:  # noqa: ARG001 (the signature of a handler)
        if stop.asked:
            _print(ABORTED)
            os._exit(INTERRUPTED)  # a normal exit would wait for threads with a request in flight
        stop.ask()
        _print(ENDING)

    def before_writing() -> None:
        for number in SIGNALS:
            signal.signal(number, drain)

    before = {number: signal.signal(number, _end) for number in SIGNALS}
    try:
        yield before_writing
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _print(message: bytes) -> None:
    """Print a message without sys.stderr, which another thread may be using at this moment."""
    with suppress(OSError):
        os.write(2, message)


def _end(number: int, frame: FrameType | None) -> NoReturn:  # noqa: ARG001 (the signature of a handler)
    raise KeyboardInterrupt
