"""Errors as text: what happened, where, and what to do. Bounded, however much went wrong."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from portalctl.errors import MOST_FINDINGS, InputError, PortalctlError
from portalctl.output.escaping import terminal
from portalctl.output.text.excerpt import Excerpt
from portalctl.words import shortened

LONGEST_LINE = 4_000  # characters: a message may quote what a server or a file holds


def error_text(error: PortalctlError, excerpt: Excerpt | None = None) -> str:
    """Return findings as `file:line:column: message`, a line each, or another error with its advice below.

    At most MOST_FINDINGS of either are shown, then how many more there are.

    Args:
        excerpt: yields what is shown below the finding at a position.
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
