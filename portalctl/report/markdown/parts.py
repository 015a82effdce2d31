"""What documents in Markdown are made of: parts whose rows can fall out, tables and lists, and rules in words."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from portalctl.changes.operation import Why
from portalctl.report import grouping
from portalctl.report.fit import Part, size
from portalctl.report.safe import markdown, markdown_words

T = TypeVar("T")

MOST = 60_000  # bytes of a document: a comment of GitHub's has room for 65,536 characters
SHORTEST_ROW = 20  # bytes: of more rows than fit at this length, none need be written out
LONGEST_SHARE = 10  # a row longer than this part of the document is only counted, so that it crowds out no other
LONGEST_NAME = 200  # characters of a name in a heading or at the foot
LONGEST_REASON = 300  # characters of what somebody wrote as a reason


@dataclass(frozen=True, slots=True)
class Row:
    """One line. `about`: what rows are collected under."""

    text: str
    about: str = ""


def part(
    importance: int,
    items: Sequence[T],
    row: Callable[[T], Row],
    frame: Callable[[Sequence[Row]], str],
    *,
    named: str,
    most: int,
) -> Part:
    """A part of a document of `most` bytes.

    `frame` puts some rows, or none, under their heading. `named`: what those are that are missing.
    """
    written = [row(item) for item in items[: most // SHORTEST_ROW]]
    rows = [each for each in written if size(each.text) <= most // LONGEST_SHARE]

    def text(kept: int) -> str:
        return frame(rows[:kept]) + more(len(items) - kept, named) if items else ""

    return Part(importance, len(rows), text)


def more(count: int, named: str) -> str:
    return f"**{count:,} more** {named}\n\n" if count else ""


def table(rows: Sequence[Row], *columns: str) -> str:
    return f"| {' | '.join(columns)} |\n|{' --- |' * len(columns)}\n{listed(rows)}" if rows else ""


def listed(rows: Sequence[Row]) -> str:
    return "".join(f"{row.text}\n" for row in rows) + "\n" if rows else ""


def collapsed(summary: str, body: str) -> str:
    """`summary` is HTML: Markdown means nothing in it."""
    return f"<details><summary>{summary}</summary>\n\n{body}</details>\n\n" if body else ""


def short(name: str) -> str:
    return markdown(name if len(name) <= LONGEST_NAME else f"{name[:LONGEST_NAME]}…")


def why_words(why: Why) -> str:
    """The rule, where it stands, and its author's reason."""
    place = grouping.place(why)
    told = why.reason or ""
    told = told if len(told) <= LONGEST_REASON else f"{told[:LONGEST_REASON]}…"
    reason = f': "{markdown_words(told)}"' if told else ""
    return f"{markdown(place) if place else 'built-in default'} {grouping.rule(why, markdown)}{reason}"
