"""The report of an apply as text: what was not confirmed comes last, where a reader looks first."""

from __future__ import annotations

from collections.abc import Iterator

from portalctl.output import view_model
from portalctl.output.apply_report import ChangeResult, PortalOutcome, Report, change_of
from portalctl.output.escaping import terminal
from portalctl.output.text.apply import SIGNS
from portalctl.output.text.style import Line, Style, joined, rows
from portalctl.words import moment, plural

ORDER = ("confirmed", "skipped", "unknown", "failed")


def report_text(document: Report, style: Style) -> str:
    """Each portal with the result of each change and the counts; then who applied it, and when."""
    blocks = [line for portal in document.portals for line in _portal(portal, style)]
    stopped = " · interrupted" if document.interrupted else ""
    who = f"by {terminal(document.who.actor)}" if document.who.actor else "by an unknown user"
    return joined([*(blocks or ["Nothing to apply."]), f"applied {moment(document.started_at)} {who}{stopped}"])


def _portal(portal: PortalOutcome, style: Style) -> Iterator[str]:
    yield f"{style.strong(portal.name)}  {terminal(portal.provider)} · {terminal(portal.server)}"
    changes = sorted(portal.changes, key=lambda outcome: ORDER.index(outcome.result))
    yield from rows([_line(outcome) for outcome in changes], style)
    counts = ", ".join(f"{portal.summary[result]:,} {result}" for result in ORDER if portal.summary[result])
    yield f"  {counts or 'nothing'} of {plural(portal.summary['total'], 'change')}"


def _line(outcome: ChangeResult) -> Line:
    (effect,) = view_model.effects([change_of(outcome)])
    detail = f": {terminal(outcome.detail)}" if outcome.detail else ""
    result = "already so" if outcome.already else outcome.result
    who = f"team {terminal(effect.who)}" if effect.about_team else terminal(effect.who)
    return Line(SIGNS[outcome.result], who, f"{view_model.what(effect, terminal)} — {result}{detail}")
