"""Invisible characters and characters that look like others: what they are, and what to type instead."""

from __future__ import annotations

import json
import re
import unicodedata
from functools import cache
from typing import Final

# Invisible characters that Unicode counts as letters, marks or symbols: grapheme joiner, Hangul fillers, Khmer
# inherent vowels, Mongolian and other variation selectors, the blank Braille pattern, half-width Hangul filler. Most
# have the property Default_Ignorable_Code_Point (Unicode, DerivedCoreProperties.txt); the others are in the
# categories below.
UNSEEN: Final = (
    "\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180d\u180f\u2800\u3164\ufe00-\ufe0f\uffa0\U000e0100-\U000e01ef"
)
_UNSEEN: Final = re.compile(f"[{UNSEEN}]")
_UNSEEN_CATEGORIES: Final = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})

_HYPHENS: Final = "\u2010\u2011\u2012\u2013\u2014\u2015\u2043\u2212\u2022\u2023\u25aa\u25cf\u00b7\ufe58"
_DOUBLE_QUOTES: Final = "\u201c\u201d\u201e\u201f\u00ab\u00bb\u2033"
_SINGLE_QUOTES: Final = "\u2018\u2019\u201a\u201b\u2039\u203a\u2032\u00b4"
_COLONS: Final = "\u02d0\u02f8\u2236\ua789\ufe13"
_COMMAS: Final = "\u3001\u060c"
_SIGNS: Final = {
    **dict.fromkeys(_HYPHENS, "-"),
    **dict.fromkeys(_DOUBLE_QUOTES, '"'),
    **dict.fromkeys(_SINGLE_QUOTES, "'"),
    **dict.fromkeys(_COLONS, ":"),
    **dict.fromkeys(_COMMAS, ","),
    "\u3010": "[",
    "\u3011": "]",
}


def named(char: str) -> str:
    """Return a character's number and name: `U+00A0 NO-BREAK SPACE`."""
    name = unicodedata.name(char, "control character" if unicodedata.category(char) == "Cc" else "")
    return f"U+{ord(char):04X} {name}".rstrip()


@cache
def is_invisible(char: str) -> bool:
    """Return whether a character is invisible: controls, format characters, selectors, fillers. Spaces are not."""
    return unicodedata.category(char) in _UNSEEN_CATEGORIES or _UNSEEN.match(char) is not None


def meant(char: str) -> str | None:
    """Return the ASCII text that a character beyond ASCII looks like: `""` if invisible, None for most letters."""
    if char.isascii():
        return None
    if is_invisible(char):
        return ""
    if unicodedata.category(char) == "Zs":
        return " "
    plain = _SIGNS.get(char) or unicodedata.normalize("NFKC", char)
    return plain if plain.isascii() else confusables().get(char)


def in_typographic_quotes(text: str) -> bool:
    """Return whether a text begins and ends with quotes that YAML reads as part of the text."""
    return len(text) > 1 and {text[0], text[-1]} <= {*_DOUBLE_QUOTES, *_SINGLE_QUOTES}


def odd(text: str) -> str | None:
    """Describe the first look-alike or invisible character of a text, and what to do about it; None without one."""
    for index, char in enumerate(text):
        advice = correction(char)
        if advice is not None:
            return f"character {index + 1} is {named(char)}; {advice}"
    return None


def correction(char: str) -> str | None:
    """Return what to do about a look-alike or invisible character; None for any other."""
    other = meant(char)
    if other is None:
        return None
    return {"": "delete it", " ": "type a space"}.get(other) or f"type `{other}`"


@cache
def confusables() -> dict[str, str]:
    """Return a table from characters to their ASCII look-alikes (Unicode's confusables.txt, from a package)."""
    from importlib import resources  # noqa: PLC0415 (only letters beyond ASCII need it, and it loads a lot)

    text = (resources.files("confusable_homoglyphs") / "confusables.json").read_text(encoding="utf-8")
    return {
        char: entry["c"]
        for char, entries in json.loads(text).items()
        if not char.isascii()
        for entry in entries
        if len(entry["c"]) == 1 and entry["c"].isascii() and entry["c"].isalnum()
    }
