"""Compare distinguished names, and escape values for search filters."""

from __future__ import annotations

import re
from typing import Final

from portalctl.directories.ldap_library import escape_filter_chars

DnKey = str
_HEX: Final = frozenset("0123456789abcdefABCDEF")
_SPECIAL: Final = re.compile(r"[\\\"+#;<>]")
# Up to a separator that is not escaped (RFC 4514, 3).
_PART: Final = re.compile(r"(?P<text>(?:\\.|[^\\,+])*)(?P<separator>[,+]?)", re.DOTALL)
_ATTRIBUTE: Final = re.compile(r"[A-Za-z][A-Za-z0-9-]*|[0-9]+(\.[0-9]+)+")
_ESCAPED: Final = re.compile(r"([,+\\])")


def dn_key(dn: str) -> DnKey | None:
    """Return a key that is equal for all spellings of a DN (RFC 4514); None for text that is not a DN.

    It ignores letter case, escapes, blanks around separators and the order within a multi-valued RDN.
    """
    if _SPECIAL.search(dn) is None:  # the usual case; the parser is ten times slower
        rdns = [rdn.partition("=") for rdn in dn.lower().split(",")]
        if all(attribute.strip() and sign for attribute, sign, _ in rdns):
            return ",".join(f"{attribute.strip()}={_value(value)}" for attribute, _, value in rdns)
    return _parsed_key(dn)


def _parsed_key(dn: str) -> DnKey | None:
    parts = _parsed(dn)
    if not parts:
        return None if parts is None else ""
    rdns: list[str] = []
    current: list[str] = []
    for attribute, value, separator in parts:
        current.append(f"{attribute.strip().lower()}={_value(unescaped(value).lower())}")
        if separator != "+":
            rdns.append("+".join(sorted(current)))
            current = []
    return ",".join(rdns)


def _value(text: str) -> str:
    """Return a value with single blanks (RFC 4518, 2.6.1) and escaped separators."""
    if "  " in text or text[:1] == " " or text[-1:] == " ":
        text = " ".join(text.split())
    return _ESCAPED.sub(r"\\\1", text)


def is_dn(text: str) -> bool:
    """Return whether text has the form of a DN: attribute names, each with a value."""
    parts = _parsed(text)
    return bool(parts) and all(_ATTRIBUTE.fullmatch(attribute) for attribute, _, _ in parts or ())


def first_rdn(dn: str) -> list[tuple[str, str]]:
    """Return the attributes and values of a DN's first RDN; empty for text that is not a DN."""
    found: list[tuple[str, str]] = []
    for attribute, value, separator in _parsed(dn) or []:
        if not _ATTRIBUTE.fullmatch(attribute):
            return []
        found.append((attribute.strip(), unescaped(value)))
        if separator != "+":
            break
    return found


def _parsed(dn: str) -> list[tuple[str, str, str]] | None:
    """Return the attribute, the escaped value and the following separator (`,`, `+` or none) of each part."""
    found: list[tuple[str, str, str]] = []
    for part in _PART.finditer(dn) if dn else ():
        attribute, sign, value = part["text"].partition("=")
        if not attribute.strip() or not sign:
            return None
        found.append((attribute.strip(), value.strip(" ") if not value.endswith("\\ ") else value, part["separator"]))
        if not part["separator"]:
            break
    return found


def unescaped(value: str) -> str:
    """Return the value of an RDN without escapes (RFC 4514, 2.4)."""
    if "\\" not in value:
        return value
    found, index = bytearray(), 0
    while index < len(value):
        char = value[index]
        if char == "\\" and len(value) > index + 2 and {value[index + 1], value[index + 2]} <= _HEX:
            found.append(int(value[index + 1 : index + 3], 16))
            index += 3
        elif char == "\\" and index + 1 < len(value):
            found += value[index + 1].encode()
            index += 2
        else:
            found += char.encode()
            index += 1
    return found.decode("utf-8", "replace")


def equals(attribute: str, value: str) -> str:
    """Return a filter for entries with exactly this value."""
    return f"({attribute}={escape_filter_chars(value)})"


def any_of(filters: list[str]) -> str:
    """Return a filter for entries that match one of several filters."""
    return filters[0] if len(filters) == 1 else f"(|{''.join(filters)})"
