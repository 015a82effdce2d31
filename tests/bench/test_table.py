"""A verdict is what the numbers say."""

from __future__ import annotations

import json

import pytest

from tests.bench.table import Row, Verdict, table, to_json


@pytest.mark.parametrize(
    ("row", "verdict", "target"),
    [
        (Row("a", "", 1.25, "s", 1.0, most=1.25), "met", "≤ 1.25×"),
        (Row("a", "", 1.26, "s", 1.0, most=1.25), "MISSED", "≤ 1.25×"),
        (Row("a", "", 640.0, "/s", 800.0, least=0.8), "met", "≥ 0.8×"),
        (Row("a", "", 639.0, "/s", 800.0, least=0.8), "MISSED", "≥ 0.8×"),
        (Row("a", "", 201.0, "MiB", most=200), "MISSED", "≤ 200 MiB"),
        (Row("a", "", 99.0, "writes", 100.0, most=1.0, least=1.0), "MISSED", "≤ 1×, ≥ 1×"),
        (Row("a", "", 1.0, "s", 0.0, most=1.0), "MISSED", "≤ 1×"),
        (Row("a", "", 1.0, "s"), "told", ""),
    ],
)
def test_the_verdict_and_the_target(row: Row, verdict: Verdict, target: str) -> None:
    assert (row.verdict, row.target) == (verdict, target)


def test_table_and_json_tell_the_same() -> None:
    rows = [
        Row("plan", "wall", 2.5, "s", 2.0, most=1.25, note="CPU 1 s"),
        Row("plan", "peak", 1234.0, "MiB", most=200),
    ]
    assert table(rows).splitlines() == [
        "NAME  what  ours       reference  ratio  target     verdict",
        "plan  wall  2.5 s      2 s        1.25   ≤ 1.25×    met",
        "      CPU 1 s",
        "plan  peak  1,234 MiB                    ≤ 200 MiB  MISSED",
    ]
    told = json.loads(to_json(rows, "small"))
    assert told["size"] == "small"
    assert [(row["ours"], row["ratio"], row["verdict"]) for row in told["rows"]] == [
        (2.5, 1.25, "met"),
        (1234.0, None, "MISSED"),
    ]
