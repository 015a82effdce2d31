"""Protect CSV cells from spreadsheets, and read them back.

A spreadsheet calculates a cell that begins like a formula (OWASP, "CSV Injection"). An apostrophe before it makes it
text. What `guard` adds, `unguard` removes, so that a file written here means the same when it is read here.
"""

from __future__ import annotations

import re
from typing import Final

# Also behind blanks, in full width, and the small forms that East Asian fonts have for these signs. Tab, carriage
# return and line feed begin a cell that spreadsheets trim before they decide.
_FORMULA: Final = re.compile("[\t\r\n]|\\s*[-=+@\uff0d\uff1d\uff0b\uff20\ufe63\ufe66\ufe62\ufe6b]")
_MARK: Final = "'"


def guard(cell: str) -> str:
    """The cell with an apostrophe before it where a spreadsheet would calculate it, or where it begins with one.

    The result never begins a formula. `unguard` returns the cell as it was, whatever it holds.
    """
    return _MARK + cell if cell.startswith(_MARK) or _FORMULA.match(cell) else cell


def unguard(cell: str) -> str:
    """The cell without the apostrophe that `guard` added. Any other cell is returned as it is."""
    rest = cell[1:]
    return rest if cell.startswith(_MARK) and guard(rest) != rest else cell
