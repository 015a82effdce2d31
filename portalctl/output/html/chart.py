"""Approvals and removals by rule, as bars. The numbers stand beside them as text."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator

from portalctl.changes.operations import Change
from portalctl.output import view_model
from portalctl.output.escaping import html
from portalctl.reason import Reason
from portalctl.words import plural

SHORTEST = 0.8  # percent of the width: nobody who loses something is too few to be seen
MOST_BARS = 12  # rules with a bar of their own, those with most people


def rule_chart(changes: Iterable[Change]) -> Iterator[str]:
    """People approved, and people who lose something, by the rule that decides it; nothing where there are none."""
    approved, lost = _people_by_rule(changes)
    ranked = sorted(approved.keys() | lost.keys(), key=lambda why: (-approved[why] - lost[why], _label(why)))
    bars = [(_label(why), approved[why], lost[why]) for why in ranked[:MOST_BARS]]
    others = ranked[MOST_BARS:]
    if others:
        label = plural(len(others), "more rule")
        bars.append((label, sum(approved[why] for why in others), sum(lost[why] for why in others)))
    if not bars:
        return
    longest = max(given + taken for _, given, taken in bars)
    yield '<table class="chart"><caption>People approved and people losing something, by rule</caption>'
    yield '<thead class="seen-not"><tr><th scope="col">Rule</th><th scope="col">People</th><th>Bar</th></tr></thead>'
    yield "<tbody>"
    yield from (_bar(label, given, taken, longest) for label, given, taken in bars)
    yield "</tbody></table>"


def _people_by_rule(changes: Iterable[Change]) -> tuple[Counter[Reason], Counter[Reason]]:
    approved: set[tuple[str, Reason]] = set()
    lost: set[tuple[str, Reason]] = set()
    for change in changes:
        if change.developer is None:
            continue
        if change.loses:
            lost.add((change.developer.key, change.why[0]))
        elif change.new_status == "approved":
            approved.add((change.developer.key, change.why[0]))
    return Counter(why for _, why in approved), Counter(why for _, why in lost)


def _label(why: Reason) -> str:
    place = html(view_model.place(why) or "built-in default")
    return f'{view_model.rule(why, html)} <code class="quiet">{place}</code>'


def _bar(label: str, given: int, taken: int, longest: int) -> str:
    """`longest` is the number of people that fills the width."""
    split = _width(given, longest)
    rects = f'<rect class="gives" width="{split:.2f}" height="1"/>' if given else ""
    rects += f'<rect class="takes" x="{split:.2f}" width="{_width(taken, longest):.2f}" height="1"/>' if taken else ""
    numbers = [f'<span class="gives">{given:,} approved</span>'] if given else []
    verb = "loses" if taken == 1 else "lose"
    numbers += [f'<span class="takes">{taken:,} {verb}</span>'] if taken else []
    svg = f'<svg viewBox="0 0 100 1" preserveAspectRatio="none" aria-hidden="true">{rects}</svg>'
    return f'<tr><th scope="row">{label}</th><td>{", ".join(numbers)}</td><td>{svg}</td></tr>'


def _width(count: int, longest: int) -> float:
    return max(100 * count / longest, SHORTEST) if count else 0
