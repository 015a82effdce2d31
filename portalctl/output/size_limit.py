"""Fit a document into a limit of bytes: parts use shorter forms, then leave rows out and state their number."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Part:
    """A part of a document that can leave rows out.

    `text` renders the part with the given number of its `rows`, from the first one, and states how many are missing;
    it grows with each row. A part of higher `importance` keeps its rows longer. Before a row is left out, `compact`
    replaces the part.
    """

    importance: int
    rows: int
    text: Callable[[int], str]
    compact: Part | None = None

    def size(self, kept: int) -> int:
        """Return the bytes of the part with `kept` rows."""
        return size(self.text(kept))


def size(text: str) -> int:
    """Return the number of bytes in UTF-8."""
    return len(text.encode())


def fitted(parts: Sequence[Part], most: int) -> list[str]:
    """Return the text of each part, together at most `most` bytes; without rows if even that is more."""
    chosen = list(parts)
    kept = [part.rows for part in parts]
    sizes = [part.size(part.rows) for part in parts]
    order = sorted(range(len(parts)), key=lambda index: (parts[index].importance, -index))

    def fit(index: int) -> None:
        part, others = chosen[index], sum(sizes) - sizes[index]
        kept[index] = max(bisect_right(range(part.rows + 1), most - others, key=part.size) - 1, 0)
        sizes[index] = part.size(kept[index])

    for index in order:
        if sum(sizes) <= most:
            break
        chosen[index] = chosen[index].compact or chosen[index]
        fit(index)
    for index in reversed(order):  # use the bytes that a compact form saved
        if kept[index] < chosen[index].rows:
            fit(index)
        if kept[index] < chosen[index].rows:
            break
    return [part.text(count) for part, count in zip(chosen, kept, strict=True)]
