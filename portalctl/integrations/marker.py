"""Find an earlier comment or issue again: by an invisible mark and by its author."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

MOST = 65_536  # characters in a comment's or an issue's body on GitHub

Subject = Literal["plan", "drift"]


@dataclass(frozen=True, slots=True)
class Posted:
    """A comment (`number` is its id) or an issue on GitHub, or a note on GitLab."""

    number: int
    author: str
    body: str
    title: str = ""


def marked(subject: Subject, portal: str, body: str) -> str:
    """Return the body after a line with its mark, an HTML comment. Portal names do not contain `--`."""
    return f"{_mark(subject, portal)}\n{body}"


def ours(posted: Iterable[Posted], subject: Subject, portal: str, author: str) -> Posted | None:
    """Return the first post of `author` with the mark. A copied mark of another account does not count."""
    mark = _mark(subject, portal)
    return next(
        (post for post in posted if post.author.casefold() == author.casefold() and post.body.startswith(mark)), None
    )


def _mark(subject: Subject, portal: str) -> str:
    return f"<!-- portalctl {subject} of {portal} -->"
