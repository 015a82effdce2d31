"""Progress events of a run. They are values; the observer decides how to show them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

Result = Literal["confirmed", "failed", "skipped", "unknown"]


@dataclass(frozen=True, slots=True)
class Progress:
    """`done` of `total` calls of one kind ("reading developers", "writing") on one portal."""

    portal: str
    doing: str
    done: int
    total: int


@dataclass(frozen=True, slots=True)
class ReadDone:
    """A portal was read completely: how many developers, in how many calls and seconds."""

    portal: str
    developers: int
    calls: int
    seconds: float


@dataclass(frozen=True, slots=True)
class Waiting:
    """All requests to a server pause for `seconds`; `because` is the reason."""

    seconds: float
    because: str


@dataclass(frozen=True, slots=True)
class Retrying:
    """One request (`call`: "METHOD /path") is repeated in `seconds`; `because` is what came of the last try."""

    call: str
    seconds: float
    because: str


@dataclass(frozen=True, slots=True)
class Sent:
    """The portal accepted one change, or may have. ChangeSettled reports later whether it is visible there."""

    portal: str
    change: str
    subject: str
    what: str


@dataclass(frozen=True, slots=True)
class ChangeSettled:
    """One change has its final result. `subject` is a developer or a team, `what` is in the past tense."""

    portal: str
    change: str
    subject: str
    what: str
    result: Result
    detail: str


@dataclass(frozen=True, slots=True)
class Warned:
    """Information for the user that belongs to no result."""

    message: str


Event = Progress | ReadDone | Waiting | Retrying | Sent | ChangeSettled | Warned
Observer = Callable[[Event], None]


def ignore(event: Event) -> None:
    """Show nothing."""
