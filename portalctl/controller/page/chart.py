"""The chart of pending and approved developers over time: two lines in steps, and the same in words. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from portalctl.controller.models import DeveloperCounts

PERIOD: Final = timedelta(days=30)
WIDTH: Final = 300.0
HEIGHT: Final = 40.0


@dataclass(frozen=True, slots=True)
class ChartLine:
    """One line: its name, its path in a box of WIDTH and HEIGHT, and its figures."""

    name: str
    path: str
    first: int
    least: int
    most: int
    last: int


@dataclass(frozen=True, slots=True)
class Chart:
    """Both lines, since when they are known, and the figures at the end of each day, the newest first."""

    lines: tuple[ChartLine, ...]
    since: datetime
    days: tuple[tuple[str, int, int], ...]


def chart_of(counts: Sequence[DeveloperCounts], now: datetime) -> Chart | None:
    """Return the chart of the last days. None: nothing is known.

    Args:
        counts: the numbers when they changed, the oldest first; the first may be from before the period.
    """
    if not counts:
        return None
    begin = max(now - PERIOD, counts[0].at)
    length = max(now - begin, timedelta(seconds=1))
    points = [(max(0.0, min(1.0, (count.at - begin) / length)), count) for count in counts]
    pending = [(where, count.pending) for where, count in points]
    approved = [(where, count.approved) for where, count in points]
    lines = (_line("Pending", pending), _line("Approved", approved))
    return Chart(lines, begin, tuple(_days(counts)))


def _line(name: str, points: Sequence[tuple[float, int]]) -> ChartLine:
    values = [value for _, value in points]
    top = max(*values, 1)

    def height(value: int) -> str:
        return f"{HEIGHT - 1 - (HEIGHT - 2) * value / top:.1f}"

    start = points[0]
    path = f"M{start[0] * WIDTH:.1f} {height(start[1])}"
    path += "".join(f"H{where * WIDTH:.1f}V{height(value)}" for where, value in points[1:])
    return ChartLine(name, f"{path}H{WIDTH:.1f}", values[0], min(values), max(values), values[-1])


def _days(counts: Sequence[DeveloperCounts]) -> list[tuple[str, int, int]]:
    last = {f"{count.at.astimezone(UTC):%Y-%m-%d}": (count.pending, count.approved) for count in counts}
    return [(day, *last[day]) for day in sorted(last, reverse=True)]
