"""Characters of word processors in YAML syntax: a no-break space, a dash, typographic quotes.

They are valid in text, so a parser only reports the consequences. Lines with an error are searched again, and the
character is named where syntax is expected."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from typing import Final

from portalctl.characters import correction, named
from portalctl.errors import Finding, Position

_BACK: Final = 200  # lines before a parser's error: it stops later than the cause
_MOST_LINES: Final = 1_000  # of one file that are looked at

_SPACES: Final = "\u00a0\u00ad\u1680\u180e\u2000-\u200f\u202f\u205f-\u2064\u3000\u3164"
_DASHES: Final = "\u2010-\u2015\u2043\u2212\u2022\u2023\u25aa\u25cf\u00b7\ufe58\ufe63\uff0d"
_QUOTES: Final = "\u2018-\u201f\u00ab\u00bb\u2039\u203a\u2032\u2033\u00b4\uff02\uff07"
_COLONS: Final = "\uff1a\ufe55\u02d0\u02f8\u2236\ua789\ufe13"
_OPENING: Final = "\uff5b\uff3b\u3010"
_CLOSING: Final = "\uff5d\uff3d\u3011\uff0c\u3001\u060c\ufe50"

_START: Final = r"^[ \t]*(?:- +)*"
_PLACES: Final = re.compile(
    rf"{_START}(?P<indent>[{_SPACES}])"
    rf"|{_START}(?P<marker>[{_DASHES}])"
    rf"|[:,\[{{}}\]-] *(?P<behind>[{_SPACES}])"
    rf"|(?:{_START}|[:,\[{{-] *)(?P<quote>[{_QUOTES}{_OPENING}])"
    rf"|(?:{_START}|[{{,] *)\w+ *(?P<colon>[{_COLONS}])"
    rf"|[{{\[].*?(?P<comma>[{_CLOSING}])"
    rf"|(?P<end>[{_SPACES}])\s*$"
)
_TEXT: Final = re.compile(r"""'(?:[^']|'')*'|"(?:[^"\\]|\\.)*"|(?:^|(?<=\s))#.*""")


def near(file: str, content: bytes, findings: Collection[Finding], *, before: bool) -> Iterator[Finding]:
    """Name the characters of the syntax that are not ASCII, in lines that have a finding.

    `before`: whether the cause may be in an earlier line, as it may be where the text could not be parsed.
    """
    wrong = sorted({finding.at.line for finding in findings})[:_MOST_LINES]
    if not wrong or content.isascii():
        return
    lines = content.decode("utf-8-sig", "replace").splitlines()
    known = {finding.at.line for finding in findings if "U+" in finding.message}
    done: set[int] = set()
    for number in wrong:
        first = max(number - _BACK, 1) if before else number
        found = next((item for line in range(number, first - 1, -1) for item in _in_line(file, lines, line)), None)
        if found is not None and found.at.line not in known | done:
            done.add(found.at.line)
            yield found


def _in_line(file: str, lines: list[str], number: int) -> Iterator[Finding]:
    line = lines[number - 1] if number <= len(lines) else ""
    if line.isascii():
        return
    syntax = _TEXT.sub(lambda text: " " * len(text[0]), line)
    place = _PLACES.search(syntax)
    if place is not None and place.lastgroup is not None:
        start = place.start(place.lastgroup)
        char = line[start]
        yield Finding(Position(file, number, start + 1), f"{named(char)} is not valid here; {correction(char)}")
