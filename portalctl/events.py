"""What a run tells an observer while it goes on. Events are values; showing them is the observer's business."""

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
    """All requests to a server pause for `seconds`; `because` says who asked for it."""

    seconds: float
    because: str


@dataclass(frozen=True, slots=True)
class Sent:
    """The portal took one change, or may have. Whether it is to be seen there, ChangeSettled tells later."""

    portal: str
    change: str
    subject: str
    what: str


@dataclass(frozen=True, slots=True)
class ChangeSettled:
    """One change has its final result. `subject` is a person or a team, `what` is in the past tense."""

    portal: str
    change: str
    subject: str
    what: str
    result: Result
    detail: str


@dataclass(frozen=True, slots=True)
class Warned:
    """Something the user should know that is part of no result."""

    message: str


Event = Progress | ReadDone | Waiting | Sent | ChangeSettled | Warned
Observer = Callable[[Event], None]


def ignore(event: Event) -> None:
    """An observer that shows nothing."""
