"""The bar chart of approvals and removals by rule. The page also shows the numbers as text."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from portalctl.changes.operations import Change
from portalctl.output import view_model
from portalctl.reason import Reason

SHORTEST = 0.8  # percent of the width, so that one developer who loses access is visible
MOST_BARS = 12  # the rules with most developers have their own bar


@dataclass(frozen=True, slots=True)
class Bar:
    """The numbers of developers that a rule approves, and that lose access by it. `longest` fills the width.

    `why` None: the bar is the sum of `others` more rules.
    """

    why: Reason | None
    others: int
    approved: int
    lost: int
    longest: int

    @property
    def split(self) -> str:
        """The width of the approvals, in percent."""
        return f"{_width(self.approved, self.longest):.2f}"

    @property
    def width(self) -> str:
        """The width of the removals, in percent."""
        return f"{_width(self.lost, self.longest):.2f}"


def bars(changes: Iterable[Change]) -> tuple[Bar, ...]:
    """Return the bars, most developers first; empty if no developer is approved or loses access."""
    approved, lost = _developers_by_rule(changes)
    ranked = sorted(approved.keys() | lost.keys(), key=lambda why: (-approved[why] - lost[why], _label(why)))
    counts: list[tuple[Reason | None, int, int]] = [(why, approved[why], lost[why]) for why in ranked[:MOST_BARS]]
    others = ranked[MOST_BARS:]
    if others:
        counts.append((None, sum(approved[why] for why in others), sum(lost[why] for why in others)))
    longest = max((approvals + removals for _, approvals, removals in counts), default=0)
    return tuple(Bar(why, len(others), approvals, removals, longest) for why, approvals, removals in counts)


def _developers_by_rule(changes: Iterable[Change]) -> tuple[Counter[Reason], Counter[Reason]]:
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
    return f"{view_model.rule(why, str)} {view_model.place(why)}"


def _width(count: int, longest: int) -> float:
    return max(100 * count / longest, SHORTEST) if count else 0
