"""The form of values in findings: the type in words, or the value in quotes."""

from __future__ import annotations

import re
from typing import Final

from portalctl.words import quoted


def type_name(value: object) -> str:
    """Return the type of a value in words, never its content."""
    kinds = {
        str: "text",
        bool: "true or false",
        int: "a number",
        float: "a number",
        list: "a list",
        dict: "a mapping",
    }
    return kinds.get(type(value), "null")


# The shape of tokens and keys: long, without blanks, of letters and digits.
_TOKEN: Final = re.compile(r"(?=[^@]*\d)[\w.~+/=-]{20,}", re.ASCII)


def shown_value(text: str) -> str:
    """Return a value in quotes. Text that looks like a token, pasted in the wrong place, is not repeated."""
    return f"a text of {len(text)} characters" if _TOKEN.fullmatch(text) else quoted(text)
