"""The building blocks of Markdown documents: parts with rows that can be left out, tables, lists, rules in words.

No row is left out because of its length: names and texts in it are shortened instead, so that the longest row is
small compared with the document.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import groupby
from typing import TypeVar

from portalctl.changes.submitted_forms import SubmittedForm
from portalctl.output import view_model
from portalctl.output.escaping import markdown, markdown_words
from portalctl.output.links import NO_LINKS, Links
from portalctl.output.size_limit import Part
from portalctl.reason import Reason

T = TypeVar("T")

MOST = 60_000  # bytes of a document: GitHub accepts comments of up to 65,536 characters
SHORTEST_ROW = 20  # bytes: rows that do not fit at this length are not rendered
LONGEST_SUBJECT = 400  # bytes of the address, id or team that a row is about, including escapes
LONGEST_NAME = 120  # bytes of any other name in a row or a heading
LONGEST_PLACE = 200  # bytes of a file name with its line
LONGEST_REASON = 300  # bytes of the reason that a rule states
LONGEST_MESSAGE = 1_000  # bytes of a sentence that contains text from outside
MOST_RULES = 3  # in one row

# The subject of a row, another name, a sentence; each escaped and shortened.
subject: Callable[[str], str] = partial(markdown, most=LONGEST_SUBJECT)
short: Callable[[str], str] = partial(markdown, most=LONGEST_NAME)
sentence: Callable[[str], str] = partial(markdown_words, most=LONGEST_MESSAGE)


@dataclass(frozen=True, slots=True)
class Row:
    """One line. `about`: the heading under which rows are grouped."""

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
        frame: renders the heading with some rows or none.
        named: the noun for rows that are left out.
        compact: the shorter form of the part, used if the rows do not fit.
    """
    rows = [row(item) for item in items[: most // SHORTEST_ROW]]

    def text(kept: int) -> str:
        return frame(rows[:kept]) + more(len(items) - kept, named) if items else ""

    return Part(importance, len(rows), text, compact)


def more(count: int, named: str) -> str:
    """Return the number of rows that are left out, empty for none."""
    return f"**{count:,} more** {named}\n\n" if count else ""


def table(rows: Sequence[Row], *columns: str) -> str:
    """Return a table, empty without rows."""
    return f"| {' | '.join(columns)} |\n|{' --- |' * len(columns)}\n{listed(rows)}" if rows else ""


def listed(rows: Sequence[Row]) -> str:
    """Return the rows as lines and a blank line, empty without rows."""
    return "".join(f"{row.text}\n" for row in rows) + "\n" if rows else ""


def collapsed(summary: str, body: str) -> str:
    """Return a collapsed block. `summary` is HTML, in which Markdown has no effect."""
    return f"<details><summary>{summary}</summary>\n\n{body}</details>\n\n" if body else ""


def grouped(rows: Sequence[Row]) -> str:
    """Return a list below a heading for each run of rows with the same `about`."""
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
        before: the rule is in the base.
        named: include the developer of a rule for one developer.
    """
    reason = f': "{markdown_words(why.reason, most=LONGEST_REASON)}"' if why.reason else ""
    place = place_words(view_model.place(why), links.of(why, before))
    rule = view_model.rule_named if named else view_model.rule
    return f"{place} {rule(why, short)}{reason}"


def whys_words(reasons: Iterable[Reason], links: Links = NO_LINKS, *, before: bool = False) -> str:
    """Return the rules behind one row, at most MOST_RULES, and the number of further ones."""
    every = tuple(reasons)
    others = len(every) - MOST_RULES
    words = [why_words(why, links, before=before) for why in every[:MOST_RULES]]
    return "; ".join([*words, *([f"{others:,} more rules"] if others > 0 else [])])


def form_row(form: SubmittedForm) -> Row:
    """Return what a pending developer answered."""
    return Row(f"- {subject(form.developer.name)}: {view_model.form_words(form, short)}")
