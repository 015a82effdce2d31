"""The one place that makes foreign strings printable: what strangers typed stays visible and does nothing.

One function per medium, named after it. `terminal` takes one piece of text (a name, an address, a message of
the portal), which the caller may then put anywhere in a line; `json_text` takes a whole document.
"""

from __future__ import annotations

import json
import re

# Characters nobody sees that Unicode nevertheless counts as letters, marks or symbols: grapheme joiner, Hangul
# fillers, Khmer inherent vowels, variation selectors, the blank Braille pattern. `str.isprintable` has the rest.
# Besides hiding in a name they hide commands: a comparison by culture, as .NET makes by default, skips them.
_INVISIBLE = "\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180d\u180f\u2800\u3164\ufe00-\ufe0f\uffa0\U000e0100-\U000e01ef"

# GitHub's runner acts on `::name …::` at the start of a line and on `##[name …]` anywhere in one
# (actions/runner, src/Runner.Common/ActionCommand.cs); `##` is the mark of other runners' commands too.
# The lone colon at an edge and the lone hash at the start would make such a mark with a neighbour.
_COMMAND = r"\A[:#]|:(?=:|\Z)|#(?=#)"

# A backslash that would read as the start of an escape: before one, before what looks like one, or at an edge.
_AMBIGUOUS_BACKSLASH = r"\\(?=[\\xuU:#]|[^ -~]|\Z)"

_TERMINAL = re.compile(rf"[^ -~]|{_COMMAND}|{_AMBIGUOUS_BACKSLASH}")
_HIDDEN = re.compile(f"[{_INVISIBLE}:#]")

_DOUBLED_HASH = re.compile(r"#(?=#)")


def terminal(text: str) -> str:
    r"""One piece of foreign text for a terminal or a CI log.

    The result has no line break, and only letters, marks, digits, signs and the ASCII space. Everything else
    becomes a visible escape, `\x1b`, `\u202e` or `\U000e0041`: control and format characters (bidirectional,
    zero-width, tags), separators, surrogates, private use, unassigned, and what is blank without being a space.
    It has no `::` and no `##`, and none arises where such pieces stand side by side, or where we write a colon
    next to one. Different texts stay different: a backslash is doubled where it could be taken for an escape.
    Ordinary names are unchanged.
    """
    return _TERMINAL.sub(_shown, text)


def json_text(document: str) -> str:
    r"""An equal JSON document in printable ASCII and newlines, for a terminal or a CI log.

    `document` is valid JSON. Beyond ASCII everything is written as `\uXXXX`, and so is the first sign of a `##`;
    tabs and carriage returns between tokens become spaces. `::` needs nothing: outside a string no two colons
    meet, a string has no line break, and so a line cannot begin with it. A surrogate is written as itself; a high
    one right before a low one, which no encoding can hold, becomes the character that the two stand for.
    """
    return _DOUBLED_HASH.sub(r"\\u0023", document.translate(_JsonTable()))


class _JsonTable(dict[int, str]):
    """What each code point becomes, worked out when first met: documents are large, and differ in few characters."""

    def __init__(self) -> None:
        super().__init__({ord("\t"): " ", ord("\r"): " "})

    def __missing__(self, code: int) -> str:
        char = chr(code)
        kept = char == "\n" or " " <= char <= "~"
        return self.setdefault(code, char if kept else json.dumps(char)[1:-1])


def _shown(match: re.Match[str]) -> str:
    char = match[0]
    if char == "\\":
        return r"\\"
    if char.isprintable() and not _HIDDEN.match(char):
        return char
    code = ord(char)
    if code <= 0xFF:
        return rf"\x{code:02x}"
    return rf"\u{code:04x}" if code <= 0xFFFF else rf"\U{code:08x}"
