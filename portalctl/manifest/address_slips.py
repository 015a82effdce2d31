"""What is wrong with text that is not an e-mail address, and what to write instead. Pure."""

from __future__ import annotations

import ipaddress
import re
import unicodedata
from typing import Final

from portalctl.characters import named, odd
from portalctl.identity import normal_domain
from portalctl.words import quoted

_ADDRESS: Final = re.compile(r"[^\s<>@,;]+@[^\s<>@,;]+")
_BRACKETED: Final = re.compile(r"<\s*([^<>]*)\s*>")
_SEPARATED: Final = re.compile(r"[,;|\s]")
_AT_WORDS: Final = re.compile(r"\s*[(\[]\s*at\s*[)\]]\s*|\s+at\s+", re.IGNORECASE)
_LONGEST_LOCAL: Final = 64  # RFC 5321, 4.5.3.1.1
_LONGEST: Final = 254  # RFC 5321, 4.5.3.1.3, without the angle brackets
_DOT_ATOM: Final = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~.-]+")


def address_slip(text: str) -> str:
    """Return the reason why text is not a valid address, with advice; empty where the reason is not evident.

    `identity.normal_address` decides whether text is an address; this only explains its refusal.
    """
    return _around(text) or _at_sign(text) or _parts(*text.rsplit("@", 1))


def _around(text: str) -> str:
    """Return the slip of text that contains more than one address, or more than an address."""
    if text.lower().startswith("mailto:"):
        return "delete `mailto:`"
    if found := odd(text):
        return found
    if "<" in text or ">" in text:
        inner = _BRACKETED.search(text)
        advice = f": {quoted(inner[1])}" if inner and _ADDRESS.fullmatch(inner[1]) else ""
        return f"write only the address, without name and angle brackets{advice}"
    if len(_ADDRESS.findall(text)) > 1 and _SEPARATED.search(text):
        return "more than one address; write an entry for each"
    if text != text.strip():
        return "delete the space at its begin or end"
    return ""


def _at_sign(text: str) -> str:
    count = text.count("@")
    if count > 1:
        return f"it has {count} `@`; an address has one"
    if count == 1:
        return ""
    if _AT_WORDS.search(text):
        return "write `@` for the word"
    if normal_domain(text) is not None:
        return "the `@` is missing; a whole domain goes in `trusted_domains`"
    return "the `@` is missing"


def _parts(local: str, domain: str) -> str:
    """Return the slip in one of the two parts of an address."""
    if not local or not domain:
        return f"there is no text {'before' if not local else 'after'} the `@`"
    if local.startswith('"'):
        return 'addresses in quotes, such as "a b"@example.com, are not supported'
    if any(char.isspace() for char in local + domain):
        return "delete the space"
    if "," in local + domain or ";" in local + domain:
        return "delete the separator; write an entry for each address"
    return _local_part(local) or _domain_part(domain, len(local))


def _local_part(local: str) -> str:
    if foreign := next((char for char in local if not char.isascii()), None):
        return f"{named(foreign)} is not allowed before the `@`; use ASCII characters"
    if local.startswith(".") or local.endswith(".") or ".." in local:
        return "before the `@`, a dot stands only between two characters"
    if not _DOT_ATOM.fullmatch(local):
        wrong = next(char for char in local if not _DOT_ATOM.fullmatch(char))
        return f"{quoted(wrong)} is not allowed before the `@`"
    if len(local) > _LONGEST_LOCAL:
        return f"too long: at most {_LONGEST_LOCAL} characters before the `@`"
    return ""


def _domain_part(domain: str, before: int) -> str:
    if domain.endswith("."):
        return "delete the dot at the end"
    if _is_ip(domain):
        return "an IP address is not a domain; write the domain's name"
    if "." not in unicodedata.normalize("NFKC", domain):
        return f"the domain {quoted(domain)} has no dot; write it in full, as in example.com"
    if before + 1 + len(domain) > _LONGEST:
        return f"too long: at most {_LONGEST} characters"
    return f"{quoted(domain)} is not a valid domain"


def _is_ip(domain: str) -> bool:
    text = domain.strip("[]").removeprefix("IPv6:")
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return domain.startswith("[") or bool(re.fullmatch(r"[0-9.]+", domain))
    return True
