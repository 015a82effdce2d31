"""Keeping a document within a limit: whole rows fall out, and are counted."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Part:
    """A part of a document that can do with fewer rows.

    `rows` is how many there are to choose from, and `text` how the part looks with the first of them: it says how
    many are missing, and gets longer with each. What has a higher `importance` keeps its rows longer.
    """

    importance: int
    rows: int
    text: Callable[[int], str]

    def size(self, kept: int) -> int:
        return size(self.text(kept))


def size(text: str) -> int:
    """Bytes of UTF-8."""
    return len(text.encode())


def fitted(parts: Sequence[Part], room: int) -> list[str]:
    """The parts as they look in at most `room` bytes, or without any row where even that is more."""
    kept = [part.rows for part in parts]
    sizes = [part.size(part.rows) for part in parts]
    total = sum(sizes)
    for index in sorted(range(len(parts)), key=lambda index: (parts[index].importance, -index)):
        if total <= room:
            break
        part = parts[index]
        others = total - sizes[index]
        kept[index] = max(bisect_right(range(part.rows), room - others, key=part.size) - 1, 0)
        total = others + part.size(kept[index])
    return [part.text(count) for part, count in zip(parts, kept, strict=True)]
