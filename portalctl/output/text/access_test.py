"""Tested expectations as text."""

from __future__ import annotations

from portalctl.errors import MOST_FINDINGS
from portalctl.insight.expected_access import CheckedExpectation
from portalctl.output.documents import AccessTest
from portalctl.output.escaping import terminal
from portalctl.output.text.style import Style, joined, rule_words
from portalctl.words import plural


def access_test_text(document: AccessTest, style: Style) -> str:
    """Return each failed expectation with its place and the rules that decided; then the figures.

    The verbose style also has those that passed.
    """
    failed = [tested for tested in document.expectations if tested.result == "failed"]
    shown = document.expectations if style.verbose else failed[:MOST_FINDINGS]
    lines = [line for tested in shown for line in _lines(tested, style)]
    if len(failed) > MOST_FINDINGS and not style.verbose:
        lines.append(f"and {len(failed) - MOST_FINDINGS:,} more failed expectations  (--verbose lists them)")
    count = plural(len(document.expectations), "expectation")
    return joined([*lines, f"{count}: {document.passed:,} passed, {document.failed:,} failed."])


def _lines(tested: CheckedExpectation, style: Style) -> list[str]:
    sign = style.sign("✗" if tested.problems else "✓")
    head = f"{sign} {terminal(tested.file)}:{tested.line}:{tested.column}: {terminal(tested.subject)}"
    words = terminal("; ".join(tested.problems) or tested.found)
    return [
        f"{head} on {terminal(tested.portal)}, {tested.on}: {words}",
        *(f"    {rule_words(why)}" for why in tested.why),
    ]
