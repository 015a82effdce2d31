"""How a comment or an issue of ours is known again: by a mark that nobody sees, and by who wrote it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

MOST = 65_536  # characters of a comment's or an issue's body on GitHub

Subject = Literal["plan", "drift"]


@dataclass(frozen=True, slots=True)
class Posted:
    """A comment (`number` is its id) or an issue, as GitHub has it."""

    number: int
    author: str
    body: str
    title: str = ""


def marked(subject: Subject, portal: str, body: str) -> str:
    """The body with its mark, an HTML comment in a line of its own. A portal's name has no `--`."""
    return f"{_mark(subject, portal)}\n{body}"


def ours(posted: Iterable[Posted], subject: Subject, portal: str, author: str) -> Posted | None:
    """The first one that has the mark and was written by `author`. A mark that somebody copied makes nothing ours."""
    mark = _mark(subject, portal)
    return next(
        (each for each in posted if each.author.casefold() == author.casefold() and each.body.startswith(mark)), None
    )


def _mark(subject: Subject, portal: str) -> str:
    return f"<!-- portalctl {subject} of {portal} -->"
