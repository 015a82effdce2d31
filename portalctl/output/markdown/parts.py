"""The parts of Markdown documents: parts with rows that can be left out, tables and lists, and rules in words.

A row is never left out for being long: every name and text in it is shortened instead, so that the longest row is
small beside the document.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TypeVar

from portalctl.output import view_model
from portalctl.output.escaping import html, markdown, markdown_words
from portalctl.output.size_limit import Part
from portalctl.reason import Reason

T = TypeVar("T")

MOST = 60_000  # bytes of a document: a comment of GitHub's has room for 65,536 characters
SHORTEST_ROW = 20  # bytes: of more rows than fit at this length, none need be written out
LONGEST_WHO = 400  # bytes of an address, id or team that a row is about, escapes included
LONGEST_NAME = 120  # bytes of any other name in a row or a heading
LONGEST_PLACE = 200  # bytes of a file name with its line
LONGEST_REASON = 300  # bytes of what somebody wrote as a reason
LONGEST_MESSAGE = 1_000  # bytes of a sentence with foreign text in it
MOST_RULES = 3  # in one row

# What a row is about, a name in it, a file name, a sentence; each of them escaped and shortened.
who: Callable[[str], str] = partial(markdown, most=LONGEST_WHO)
short: Callable[[str], str] = partial(markdown, most=LONGEST_NAME)
short_html: Callable[[str], str] = partial(html, most=LONGEST_NAME)
sentence: Callable[[str], str] = partial(markdown_words, most=LONGEST_MESSAGE)


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
    compact: Part | None = None,
) -> Part:
    """A part of a document of `most` bytes.

    `frame` puts some rows, or none, under their heading. `named`: what those are that are missing. `compact`: the
    part in the form it has where the rows do not fit.
    """
    rows = [row(item) for item in items[: most // SHORTEST_ROW]]

    def text(kept: int) -> str:
        return frame(rows[:kept]) + more(len(items) - kept, named) if items else ""

    return Part(importance, len(rows), text, compact)


def more(count: int, named: str) -> str:
    return f"**{count:,} more** {named}\n\n" if count else ""


def table(rows: Sequence[Row], *columns: str) -> str:
    return f"| {' | '.join(columns)} |\n|{' --- |' * len(columns)}\n{listed(rows)}" if rows else ""


def listed(rows: Sequence[Row]) -> str:
    return "".join(f"{row.text}\n" for row in rows) + "\n" if rows else ""


def collapsed(summary: str, body: str) -> str:
    """`summary` is HTML: Markdown means nothing in it."""
    return f"<details><summary>{summary}</summary>\n\n{body}</details>\n\n" if body else ""


def place_words(place: str | None) -> str:
    """Where a rule or a notice is written, as code."""
    return markdown(place, most=LONGEST_PLACE) if place else "built-in default"


def why_words(why: Reason) -> str:
    """The rule, where it is written, and its author's reason."""
    reason = f': "{markdown_words(why.reason, most=LONGEST_REASON)}"' if why.reason else ""
    return f"{place_words(view_model.place(why))} {view_model.rule(why, short)}{reason}"


def whys_words(reasons: Iterable[Reason]) -> str:
    """The rules behind one row, and how many more there are."""
    every = tuple(reasons)
    others = len(every) - MOST_RULES
    return "; ".join([*map(why_words, every[:MOST_RULES]), *([f"{others:,} more rules"] if others > 0 else [])])
