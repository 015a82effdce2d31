"""Errors for the person who reads them: what happened, where, what to do. Bounded, however much went wrong."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from portalctl.errors import MOST_FINDINGS, InputError, PortalctlError
from portalctl.output.escaping import terminal
from portalctl.words import shortened

LONGEST_LINE = 4_000  # characters: a message may quote what a server or a file holds


def error_text(error: PortalctlError) -> str:
    """Findings a line each, as `file:line:column: message`; other errors with their advice below.

    At most MOST_FINDINGS of either are shown, then how many more there are.
    """
    message = terminal(shortened(error.message, LONGEST_LINE))
    if isinstance(error, InputError) and error.findings:
        lines = [*_bounded([str(finding) for finding in error.findings]), message]
    else:
        lines = [f"error: {message}", *(f"  {line}" for line in _bounded(error.advice))]
    return "\n".join(lines) + "\n"


def _bounded(lines: Sequence[str]) -> Iterator[str]:
    yield from (terminal(shortened(line, LONGEST_LINE)) for line in lines[:MOST_FINDINGS])
    if len(lines) > MOST_FINDINGS:
        yield f"and {len(lines) - MOST_FINDINGS:,} more"
