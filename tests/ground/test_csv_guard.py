"""Cells that a spreadsheet would calculate, and the way back."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from portalctl.csv_guard import guard, unguard

SIGNS = "=+-@\uff1d\uff0b\uff0d\uff20\ufe66\ufe62\ufe63\ufe6b"
odd_cells = st.text(st.sampled_from([*SIGNS, "'", " ", "\t", "\r", "\n", "\u00a0", "a", "."]), max_size=6)


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
        ("\t=1", "'\t=1"),
        ("  =1", "'  =1"),
        ("\uff1d1", "'\uff1d1"),
        ("'a@x.org", "''a@x.org"),
        ("'=a", "''=a"),
        ("ann@x.org", "ann@x.org"),
        ("O'Hara", "O'Hara"),
        ("", ""),
    ],
)
def test_cells(cell: str, guarded: str) -> None:
    assert guard(cell) == guarded
    assert unguard(guarded) == cell


@pytest.mark.parametrize("cell", ["'a@x.org", "'", "'tis", "a'=b", "=1"])
def test_what_guard_never_wrote_is_read_as_it_is(cell: str) -> None:
    assert unguard(cell) == cell
