"""Find the line with the column names in a CSV file, and the delimiter.

Programs write lines before it: `sep=;` (Excel), `#TYPE …` (PowerShell's Export-Csv), `version:v1.0` (templates of
Microsoft Entra), comments, and rows of separators. They are skipped.
"""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from io import StringIO
from typing import Final

from portalctl.characters import odd
from portalctl.csv_guard import unguard
from portalctl.manifest.model import MemberFile
from portalctl.words import close, quoted

DELIMITERS: Final = ",;\t|"
_MOST_NAMES: Final = 12  # in one message
_LONGEST_HEAD: Final = 1_000_000  # characters that are searched for the delimiter

# The delimiter after the first field, quoted or not. Possessive: a first line may have any length.
_SEPARATOR: Final = re.compile(r"""(?: *+"(?:[^"]++|"")*+" *+|[^,;|\t\r\n]*+)([,;|\t])""")
_LINE: Final = re.compile(r"[^\r\n]*+(?:\r\n|\r|\n|\Z)")
_EMPTY: Final = re.compile(r'(?:[\s,;|]|"")*+')
_PREAMBLE: Final = re.compile(r'"?(?:sep=(?P<sep>.)|version:v[\d.]+)"?[,;\t|]*\s*', re.IGNORECASE)
_COMMENT: Final = re.compile(r'"?#')
_NOT_WORD: Final = re.compile(r"[\W_]+")
_ADDRESS_NAMES: Final = frozenset({"userprincipalname", "upn"})  # and names with `mail` in them


@dataclass(frozen=True, slots=True)
class Head:
    """The beginning of a CSV file: the delimiter, the column names, and the number of lines before them."""

    delimiter: str
    offset: int
    skipped: int


def find_head(text: str, column: str) -> Head:
    """Return the head of a CSV file. `column` is the name of the required column, in any letter case."""
    offset, skipped, delimiter = 0, 0, None
    while line := _LINE.match(text, offset):
        content = line[0]
        preamble = _PREAMBLE.fullmatch(content)
        comment = _COMMENT.match(content) is not None and not any(_delimiters_with(content, column))
        if not content or not (preamble or comment or _EMPTY.fullmatch(content)):
            break
        delimiter = (preamble and preamble["sep"]) or delimiter
        offset, skipped = line.end(), skipped + 1
    return Head(delimiter or _delimiter(text[offset : offset + _LONGEST_HEAD], column), offset, skipped)


def _delimiter(text: str, column: str) -> str:
    """Return the delimiter that finds the column; else the first there is."""
    return next(_delimiters_with(text, column), None) or _first(text) or DELIMITERS[0]


def _delimiters_with(text: str, column: str) -> Iterator[str]:
    """Yield the delimiters with which there is such a column; first the one that ends the first field."""
    for delimiter in dict.fromkeys((_first(text) or DELIMITERS[0], *DELIMITERS)):
        if column.casefold() in map(str.casefold, _names(text, delimiter)):
            yield delimiter


def _first(text: str) -> str | None:
    found = _SEPARATOR.match(text)
    return found[1] if found else None


def _names(text: str, delimiter: str) -> list[str]:
    reader = csv.reader(StringIO(text, newline=""), delimiter=delimiter, skipinitialspace=True, strict=True)
    try:
        return names_of(next(reader, []))
    except csv.Error:
        return []


def names_of(cells: Sequence[str]) -> list[str]:
    """The column names in a record."""
    return [unguard(cell.strip()) for cell in cells]


def without_column(names: Sequence[str], wanted: MemberFile) -> str:
    """Return the finding for a missing column: the columns there are, and what to write."""
    missing = f"no column {quoted(wanted.column)} in the first line"
    if any("@" in name for name in names):  # a developer's row, which is not to be shown
        return f"{missing}, which has an address instead of column names; begin with a line `{wanted.column}`"
    shown = ", ".join(quoted(name) for name in names[:_MOST_NAMES] if name)
    more = f" and {len(names) - _MOST_NAMES} more" if len(names) > _MOST_NAMES else ""
    strange = next((f" ({quoted(name)}: {found})" for name in names if (found := odd(name))), "")
    return f"{missing}, which has {shown}{more}{strange}; {_advice(names, wanted)}"


def _advice(names: Sequence[str], wanted: MemberFile) -> str:
    meant = close(wanted.column, names)
    likely = [meant] if meant else [name for name in names if _may_be_address(name)]
    if len(likely) == 1:
        return f"write members_from: {{file: {wanted.file}, column: {json.dumps(likely[0], ensure_ascii=False)}}}"
    return f"write the one with the addresses as NAME: members_from: {{file: {wanted.file}, column: NAME}}"


def _may_be_address(name: str) -> bool:
    word = _NOT_WORD.sub("", name).casefold()
    return "mail" in word or word in _ADDRESS_NAMES
