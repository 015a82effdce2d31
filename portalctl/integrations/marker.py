"""How an earlier comment or issue is found again: by an invisible mark and by its author."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

MOST = 65_536  # characters of a comment's or an issue's body on GitHub

Subject = Literal["plan", "drift"]


@dataclass(frozen=True, slots=True)
class Posted:
    """A comment (`number` is its id) or an issue on GitHub, or a note on GitLab."""

    number: int
    author: str
    body: str
    title: str = ""


def marked(subject: Subject, portal: str, body: str) -> str:
    """Return the body with its mark, an HTML comment in a line of its own. A portal's name has no `--`."""
    return f"{_mark(subject, portal)}\n{body}"


def ours(posted: Iterable[Posted], subject: Subject, portal: str, author: str) -> Posted | None:
    """Return the first post with the mark by `author`. A copied mark alone does not count."""
    mark = _mark(subject, portal)
    return next(
        (each for each in posted if each.author.casefold() == author.casefold() and each.body.startswith(mark)), None
    )


def _mark(subject: Subject, portal: str) -> str:
    return f"<!-- portalctl {subject} of {portal} -->"
