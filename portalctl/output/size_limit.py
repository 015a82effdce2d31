"""Fit a document into a limit of bytes: parts take shorter forms, then leave rows out and count them."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Part:
    """A part of a document that can leave rows out.

    `text` renders the part with the first so many of its `rows`: it states how many are missing, and grows with each
    row. A part of higher `importance` keeps its rows longer. Before it loses a row, `compact` takes its place.
    """

    importance: int
    rows: int
    text: Callable[[int], str]
    compact: Part | None = None

    def size(self, kept: int) -> int:
        return size(self.text(kept))


def size(text: str) -> int:
    """Return the length in bytes of UTF-8."""
    return len(text.encode())


def fitted(parts: Sequence[Part], room: int) -> list[str]:
    """Return the text of each part, in at most `room` bytes together; without any row where even that is more."""
    chosen = list(parts)
    kept = [part.rows for part in parts]
    sizes = [part.size(part.rows) for part in parts]
    order = sorted(range(len(parts)), key=lambda index: (parts[index].importance, -index))

    def fit(index: int) -> None:
        part, others = chosen[index], sum(sizes) - sizes[index]
        kept[index] = max(bisect_right(range(part.rows + 1), room - others, key=part.size) - 1, 0)
        sizes[index] = part.size(kept[index])

    for index in order:
        if sum(sizes) <= room:
            break
        chosen[index] = chosen[index].compact or chosen[index]
        fit(index)
    for index in reversed(order):  # room that a compact form left
        if kept[index] < chosen[index].rows:
            fit(index)
        if kept[index] < chosen[index].rows:
            break
    return [part.text(count) for part, count in zip(chosen, kept, strict=True)]
