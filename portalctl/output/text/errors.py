"""Errors as text: the fault, its position and the advice, in a bounded number of lines."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from portalctl.errors import MOST_FINDINGS, InputError, PortalctlError
from portalctl.output.escaping import terminal
from portalctl.output.text.excerpt import Excerpt
from portalctl.words import shortened

LONGEST_LINE = 4_000  # characters: a message may quote text of a server or a file


def error_text(error: PortalctlError, excerpt: Excerpt | None = None) -> str:
    """Return findings as `file:line:column: message`, a line each, or another error with its advice below.

    At most MOST_FINDINGS findings or lines of advice are shown, then the number of further ones.

    Args:
        excerpt: yields the lines to show below the finding at a position.
    """
    message = _line(error.message)
    if isinstance(error, InputError) and error.findings:
        lines = [*_findings(error, excerpt), message]
    else:
        lines = [f"error: {message}", *(f"  {line}" for line in _bounded(error.advice))]
    return "\n".join(lines) + "\n"


def _findings(error: InputError, excerpt: Excerpt | None) -> Iterator[str]:
    for finding in error.findings[:MOST_FINDINGS]:
        yield _line(str(finding))
        yield from excerpt(finding.at) if excerpt is not None else ()
    yield from _more(len(error.findings))


def _bounded(lines: Sequence[str]) -> Iterator[str]:
    yield from map(_line, lines[:MOST_FINDINGS])
    yield from _more(len(lines))


def _more(count: int) -> Iterator[str]:
    if count > MOST_FINDINGS:
        yield f"and {count - MOST_FINDINGS:,} more"


def _line(text: str) -> str:
    return terminal(shortened(text, LONGEST_LINE))
