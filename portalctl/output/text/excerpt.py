"""The line of a file that an error is about, with carets below the value."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterator
from pathlib import Path

from portalctl.errors import Position
from portalctl.input_file import MOST_BYTES, read_input
from portalctl.output.escaping import terminal

Excerpt = Callable[[Position], Iterator[str]]

_VALUE = re.compile(r""""(?:[^"\\]|\\.)*"|'(?:[^']|'')*'|[^\s,:;\[\]{}"'#]+(?::[^\s,:;\[\]{}"'#]+)*""")
_SECRET_WORD = re.compile(r"token|secret|passw|authorization|api[-_ ]?key|credential", re.IGNORECASE)
_PREFIX = re.compile(r"(?:kpat|spat|pctl|whsec|gh[a-z])_|(?:glpat|a7ee|a7prt)-|eyJ[A-Za-z0-9_-]")
_LONG_WORD = re.compile(r"[A-Za-z0-9_+/=~-]{24,}")
_UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)


def excerpts(width: int) -> Excerpt:
    """Return a function that yields the excerpt for a position: two lines, or none if the line may not be shown.

    Args:
        width: in columns. No excerpt is shown for a value beyond it.
    """
    files: dict[str, list[str]] = {}

    def excerpt(at: Position) -> Iterator[str]:
        if at.file not in files:
            files[at.file] = _lines(Path(at.file))
        lines = files[at.file]
        if at.line <= len(lines):
            yield from excerpt_lines(lines[at.line - 1], at.line, at.column, width)

    return excerpt


def excerpt_lines(line: str, number: int, column: int, width: int) -> Iterator[str]:
    """Yield a numbered line, and carets below the value at a column (both from 1).

    Yields nothing for a line that may contain a secret, because secrets must not appear in logs.
    """
    if may_contain_secret(line) or column > len(line):
        return
    line = line.replace("\t", " ")
    found = _VALUE.match(line, column - 1)
    length = found.end() - found.start() if found else 1
    before, value = _shown(line[: column - 1]), _shown(line[column - 1 : column - 1 + length])
    margin = f"  {number} | "
    if len(margin) + _cells(before) + _cells(value) > width:
        return
    room = width - len(margin) - 1
    shown = _shown(line)
    cut = shown if _cells(shown) <= room else f"{shown[: max(room - 1, 0)]}…"
    yield f"{margin}{cut}".rstrip()
    yield f"{' ' * (len(margin) - 2)}| {' ' * _cells(before)}{'^' * max(_cells(value), 1)}"


def may_contain_secret(line: str) -> bool:
    """Return whether a line has a word for a secret, or a text in the format of a token."""
    if _SECRET_WORD.search(line) or _PREFIX.search(line):
        return True
    words = _LONG_WORD.findall(_UUID.sub("", line))
    return any(re.search(r"\d", word) and re.search(r"[A-Za-z]", word) for word in words)


def _lines(path: Path) -> list[str]:
    """Return the lines of a file; none for a file that is not on disk, as in a manifest of another commit."""
    if path.suffix.lower() not in {".yaml", ".yml", ".csv"}:
        return []
    try:
        return read_input(path, MOST_BYTES).decode("utf-8-sig", "replace").splitlines()
    except (OSError, ValueError):
        return []


def _shown(text: str) -> str:
    """Return a part of a line with escapes. The added blank keeps a colon at its end from being escaped."""
    return terminal(f"{text} ").removesuffix(" ")


def _cells(text: str) -> int:
    """Return the width of text on a terminal, in columns."""
    return sum(
        0 if unicodedata.combining(char) else 2 if unicodedata.east_asian_width(char) in "WF" else 1 for char in text
    )
