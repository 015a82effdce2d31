"""Ctrl-C and SIGTERM while a portal is written to: the first lets the apply come to an end, the second does not."""

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
    """Gives a function to call just before the first write.

    Until then a signal ends the command at once, as KeyboardInterrupt. From then on the first one asks `stop`, and
    the second ends the process. Outside the main thread, where signals can't be taken, it does nothing.
    """
    if threading.current_thread() is not threading.main_thread():
        yield lambda: None
        return

    def drain(number: int, frame: FrameType | None) -> None:  # noqa: ARG001 (the signature of a handler)
        if stop.asked:
            _tell(ABORTED)
            os._exit(INTERRUPTED)  # threads in the middle of a request would keep an ordinary exit waiting
        stop.ask()
        _tell(ENDING)

    def before_writing() -> None:
        for number in SIGNALS:
            signal.signal(number, drain)

    before = {number: signal.signal(number, _end) for number in SIGNALS}
    try:
        yield before_writing
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _tell(message: bytes) -> None:
    """Written past sys.stderr, which may be in the middle of a line of another thread."""
    with suppress(OSError):
        os.write(2, message)


def _end(number: int, frame: FrameType | None) -> NoReturn:  # noqa: ARG001 (the signature of a handler)
    raise KeyboardInterrupt
