"""The request to start nothing new. Signal handlers set it; workers check it."""

from __future__ import annotations

INTERRUPTED = "interrupted"  # the result text of what was not started because of it


class Stop:
    """A flag that goes up once. Takes no lock, so that a signal handler may raise it at any moment."""

    __slots__ = ("_asked",)

    def __init__(self) -> None:
        self._asked = False

    @property
    def asked(self) -> bool:
        return self._asked

    def ask(self) -> None:
        self._asked = True
