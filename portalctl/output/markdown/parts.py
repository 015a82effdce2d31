"""What Markdown documents are made of: parts with rows that can be left out, tables and lists, and rules in words.

A row is never left out because it is long: names and texts in it are shortened instead, so that the longest row is
small compared with the document.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import groupby
from typing import TypeVar

from portalctl.output import view_model
from portalctl.output.escaping import html, markdown, markdown_words
from portalctl.output.links import NO_LINKS, Links
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

# The name that a row is about, another name, a name in HTML, a sentence; all of them escaped and shortened.
who: Callable[[str], str] = partial(markdown, most=LONGEST_WHO)
short: Callable[[str], str] = partial(markdown, most=LONGEST_NAME)
short_html: Callable[[str], str] = partial(html, most=LONGEST_NAME)
sentence: Callable[[str], str] = partial(markdown_words, most=LONGEST_MESSAGE)


@dataclass(frozen=True, slots=True)
class Row:
    """One line. `about`: what rows are grouped under."""

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
    """Return a part of a document of `most` bytes.

    Args:
        frame: puts some rows, or none, under their heading.
        named: what rows that are left out are called.
        compact: the part in the form that it has where the rows do not fit.
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
    """Return a collapsed block. `summary` is HTML: Markdown has no meaning in it."""
    return f"<details><summary>{summary}</summary>\n\n{body}</details>\n\n" if body else ""


def grouped(rows: Sequence[Row]) -> str:
    """Return a list for each run of rows about the same, below what they are about."""
    groups = groupby(rows, key=lambda row: row.about)
    return "".join(f"{about}\n{listed(list(group))}" for about, group in groups)


def link(text: str, address: str | None) -> str:
    """Return Markdown text as a link, if there is an address."""
    return f"[{text}]({address})" if address else text


def place_words(place: str | None, address: str | None = None) -> str:
    """Return the place of a rule or a notice as code, linked if there is an address."""
    return link(markdown(place, most=LONGEST_PLACE), address) if place else "built-in default"


def why_words(why: Reason, links: Links = NO_LINKS, *, before: bool = False, named: bool = False) -> str:
    """Return a rule in words with its place and its author's reason.

    Args:
        before: the place is in the base.
        named: name the developer of a rule about one developer.
    """
    reason = f': "{markdown_words(why.reason, most=LONGEST_REASON)}"' if why.reason else ""
    place = place_words(view_model.place(why), links.of(why, before))
    rule = view_model.rule_named if named else view_model.rule
    return f"{place} {rule(why, short)}{reason}"


def whys_words(reasons: Iterable[Reason], links: Links = NO_LINKS, *, before: bool = False) -> str:
    """Return the rules behind one row, and how many more there are."""
    every = tuple(reasons)
    others = len(every) - MOST_RULES
    words = [why_words(why, links, before=before) for why in every[:MOST_RULES]]
    return "; ".join([*words, *([f"{others:,} more rules"] if others > 0 else [])])
