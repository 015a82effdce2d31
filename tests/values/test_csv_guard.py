"""Cells that a spreadsheet would calculate, and the way back."""

from __future__ import annotations

import csv

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from portalctl.csv_guard import guard, unguard

SIGNS = "=+-@\uff1d\uff0b\uff0d\uff20\ufe66\ufe62\ufe63\ufe6b"
odd_cells = st.text(
    st.sampled_from([*SIGNS, "'", " ", "\t", "\r", "\n", "\u00a0", "a", ".", ",", ";", '"']), max_size=8
)


@given(odd_cells | st.text())
@example("'")
@example("''")
@example("''=a")
def test_what_guard_adds_unguard_removes(cell: str) -> None:
    assert unguard(guard(cell)) == cell


@given(odd_cells)
def test_a_guarded_cell_never_begins_a_formula(cell: str) -> None:
    begins = guard(cell).lstrip()[:1]
    assert begins not in set(SIGNS) or not begins
    assert guard(cell)[:1] not in {"\t", "\r", "\n"}


@pytest.mark.parametrize(
    ("cell", "guarded"),
    [
        ("+ops@x.org", "'+ops@x.org"),
        ("=1+1", "'=1+1"),
        ("@city.example", "'@city.example"),
        ("-2", "'-2"),
        ("\t=1", "'\t'=1"),
        ("  =1", "'  =1"),
        ("\uff1d1", "'\uff1d1"),
        ("'a@x.org", "''a@x.org"),
        ("'=a", "''=a"),
        ("ann@x.org", "ann@x.org"),
        ("O'Hara", "O'Hara"),
        ("x;=1+1;@city.example", "x;'=1+1;'@city.example"),
        ("a, -1\t+2\n'=3", "a,' -1\t'+2\n''=3"),
        ('x;"=1', "x;'\"=1"),
        ("=1;=2", "'=1;'=2"),
        ("", ""),
    ],
)
def test_cells(cell: str, guarded: str) -> None:
    assert guard(cell) == guarded
    assert unguard(guarded) == cell


@pytest.mark.parametrize("cell", ["'a@x.org", "'", "'tis", "a'=b", "=1"])
def test_what_guard_never_wrote_is_read_as_it_is(cell: str) -> None:
    assert unguard(cell) == cell


@given(st.lists(odd_cells, min_size=1, max_size=3), st.sampled_from(",;\t"))
def test_no_reader_finds_a_formula_whatever_it_takes_for_the_separator(cells: list[str], separator: str) -> None:
    line = ",".join('"' + guard(cell).replace('"', '""') + '"' for cell in cells)
    honest = next(csv.reader([line], delimiter=",", strict=True))
    naive = line.replace("\r", "\n").replace("\n", separator).split(separator)
    for found in (*honest, *(part.lstrip(' "\u00a0') for part in naive)):
        assert found.lstrip()[:1] not in set(SIGNS) or not found.lstrip()
