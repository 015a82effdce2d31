"""What a benchmark says: one row for each target, with its verdict, as a table and as JSON."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Literal

Verdict = Literal["met", "MISSED", "told"]

_HEAD = ("NAME", "what", "ours", "reference", "ratio", "target", "verdict")


@dataclass(frozen=True, slots=True)
class Row:
    """One measurement. `ours` and `reference` are in `unit`; `ratio` is ours / reference, None without a reference.

    `most` and `least` bound the ratio where there is one, else `ours`; without either the row is only told.
    `note` says what a reader has to know to judge it.
    """

    name: str
    what: str
    ours: float
    unit: str
    reference: float | None = None
    most: float | None = None
    least: float | None = None
    note: str = ""

    @property
    def ratio(self) -> float | None:
        return self.ours / self.reference if self.reference else None

    @property
    def verdict(self) -> Verdict:
        value = self.ratio if self.reference is not None else self.ours
        if self.most is None and self.least is None:
            return "told"
        if value is None:
            return "MISSED"
        above = self.most is not None and value > self.most
        below = self.least is not None and value < self.least
        return "MISSED" if above or below else "met"

    @property
    def target(self) -> str:
        times = "×" if self.reference is not None else f" {self.unit}"
        bounds = [("≤", self.most), ("≥", self.least)]
        return ", ".join(f"{sign} {bound:g}{times}" for sign, bound in bounds if bound is not None)


def table(rows: Sequence[Row]) -> str:
    """The rows in aligned columns; notes below those they belong to."""
    cells = [_HEAD, *map(_cells, rows)]
    widths = [max(len(line[column]) for line in cells) for column in range(len(_HEAD))]
    lines = ["  ".join(map(str.ljust, line, widths)).rstrip() for line in cells]
    notes = ["", *(f"{' ' * (widths[0] + 2)}{row.note}" if row.note else "" for row in rows)]
    return "".join(f"{line}\n" for pair in zip(lines, notes, strict=True) for line in pair if line)


def to_json(rows: Sequence[Row], size: str) -> str:
    """The same as JSON, ending in a line break."""
    told = [{**asdict(row), "ratio": row.ratio, "target": row.target, "verdict": row.verdict} for row in rows]
    return json.dumps({"size": size, "rows": told}, indent=2, ensure_ascii=False) + "\n"


def _cells(row: Row) -> tuple[str, ...]:
    reference = "" if row.reference is None else _number(row.reference, row.unit)
    ratio = "" if row.ratio is None else f"{row.ratio:.2f}"
    return row.name, row.what, _number(row.ours, row.unit), reference, ratio, row.target, row.verdict


def _number(value: float, unit: str) -> str:
    return f"{value:,.0f} {unit}" if value >= 100 else f"{value:.3g} {unit}"
