"""Protect CSV cells from spreadsheets, and read them back.

A spreadsheet calculates a cell that begins like a formula (OWASP, "CSV Injection"). An apostrophe before it makes it
text. A spreadsheet that uses `;` or tab as the separator splits cells that contain it, and ignores quotes there, so
text after a separator is protected too. What `guard` adds, `unguard` removes: a file written here means the same when
it is read here."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final

# Also behind blanks and quotes, in full width, and the small forms that East Asian fonts have for these signs. Tab,
# carriage return and line feed begin a cell that spreadsheets trim before they decide.
_FORMULA: Final = re.compile('[\t\r\n]|[\\s"]*[-=+@\uff0d\uff1d\uff0b\uff20\ufe63\ufe66\ufe62\ufe6b]')
_SEPARATORS: Final = re.compile("([,;\t\r\n])")
_MARK: Final = "'"


def guard(cell: str) -> str:
    """Return the cell with an apostrophe wherever a spreadsheet could begin to calculate:

    at its start, after a separator. Text that begins with an apostrophe there gets another one. `unguard` returns the
    cell as it was, whatever it holds."""
    return _mark(cell) + _after_separators(cell, lambda part: _mark(part) + part)


def unguard(cell: str) -> str:
    """Return the cell without the apostrophes that `guard` added. Any other cell is returned as it is."""
    if _MARK not in cell:  # nearly every cell of a long list
        return cell
    for guarded in (cell.removeprefix(_MARK), cell):
        plain = _after_separators(guarded, _unmarked)
        if guard(plain) == cell:
            return plain
    return cell


def _mark(part: str) -> str:
    return _MARK if part.startswith(_MARK) or _FORMULA.match(part) else ""


def _unmarked(part: str) -> str:
    rest = part.removeprefix(_MARK)
    return rest if rest != part and _mark(rest) else part


def _after_separators(cell: str, change: Callable[[str], str]) -> str:
    """Return the cell with each part after a separator changed; separators and the first part stay."""
    first, *others = _SEPARATORS.split(cell)
    return first + "".join(part if number % 2 == 0 else change(part) for number, part in enumerate(others))
