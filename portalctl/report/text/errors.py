"""Errors for the person who reads them: what happened, where, what to do."""

from __future__ import annotations

from portalctl.errors import InputError, PortalctlError
from portalctl.report.safe import terminal


def error_text(error: PortalctlError) -> str:
    """Findings a line each, as `file:line:column: message`; other errors with their advice below."""
    if isinstance(error, InputError) and error.findings:
        lines = [terminal(str(finding)) for finding in error.findings]
        return "\n".join([*lines, terminal(error.message)]) + "\n"
    advice = [f"  {terminal(line)}" for line in error.advice]
    return "\n".join([f"error: {terminal(error.message)}", *advice]) + "\n"
