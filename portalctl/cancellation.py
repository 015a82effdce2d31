"""The wish that nothing new be started. Whoever does work looks at it; whoever hears of an interrupt sets it."""

from __future__ import annotations

INTERRUPTED = "interrupted"  # what is said of a thing that was not started because of it


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
