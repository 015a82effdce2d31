"""Domains that a tired reader takes for a trusted one. For notices only: nothing is decided by a likeness.

Compared are skeletons: characters that look alike become one (Unicode's confusables, accents, and the pairs that
fonts make alike: `rn` and `m`, `1` and `l`). A domain also looks like a trusted one when it wears its name: as a
part (`arsenal.com.evil.org`, `my-arsenal.com`), under another public suffix, or with one slip of the keyboard.
"""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Iterable
from functools import cache
from importlib import resources

import idna

from portalctl.identity import covers, is_public_suffix

SHORTEST_NAME = 4  # characters: shorter names are one slip from everything
SHORTEST_SLIP = 5
_PAIRS = (("rn", "m"), ("vv", "w"), ("cl", "d"))
_SIGNS = str.maketrans("01i|5", "ollls")


class Lookalikes:
    """The trusted domains of one portal, ready to be compared with others. Domains are in normal form."""

    def __init__(self, trusted: Iterable[str]) -> None:
        self._trusted = tuple(sorted(set(trusted)))
        self._by_skeleton = {skeleton(domain): domain for domain in reversed(self._trusted)}
        self._by_name: dict[str, list[str]] = {}
        for domain in self._trusted:
            for key in {key for name in _names(domain) for key in _slips(name)}:
                self._by_name.setdefault(key, []).append(domain)

    def of(self, domain: str) -> str | None:
        """The trusted domain that this one looks like; None when it is one, is below one, or is like none."""
        if not _outside(domain, self._trusted):
            return None
        same = self._by_skeleton.get(skeleton(domain))
        return same or self._wearing(domain) or self._slipped(domain)

    def _wearing(self, domain: str) -> str | None:
        for trusted in self._trusted:
            if domain.startswith((f"{trusted}.", f"{trusted.replace('.', '-')}.")) or domain.endswith(trusted):
                return trusted
        return None

    def _slipped(self, domain: str) -> str | None:
        for name in _names(domain):
            near = (trusted for key in _slips(name) for trusted in self._by_name.get(key, ()))
            for trusted in near:
                if any(_alike(name, other) for other in _names(trusted)):
                    return trusted
        return None


def _outside(domain: str, trusted: Iterable[str]) -> bool:
    return not any(covers(rule, domain, subdomains=True) for rule in trusted)


def skeleton(domain: str) -> str:
    """A domain as an eye reads it: what looks alike is written alike."""
    text = _plain(domain)
    for pair, single in _PAIRS:
        text = text.replace(pair, single)
    return text


def _plain(domain: str) -> str:
    """A skeleton in which pairs of characters stay: a slip may make or break one (`arana`, `arna`)."""
    return "".join(_latin(char) for char in _unicode(domain)).translate(_SIGNS)


def _unicode(domain: str) -> str:
    if "xn--" not in domain:
        return domain
    try:
        return idna.decode(domain)
    except idna.IDNAError:
        return domain


def _latin(char: str) -> str:
    """The Latin letter a character looks like, else the character without its accents."""
    if char.isascii():
        return char
    bare = "".join(part for part in unicodedata.normalize("NFKD", char) if not unicodedata.combining(part))
    return "".join(_confusables().get(part, part) for part in bare).lower()


@cache
def _confusables() -> dict[str, str]:
    """Characters to the ASCII letter they can be taken for (Unicode's confusables.txt, by way of a package)."""
    text = (resources.files("confusable_homoglyphs") / "confusables.json").read_text(encoding="utf-8")
    return {
        char: entry["c"]
        for char, entries in json.loads(text).items()
        if not char.isascii()
        for entry in entries
        if len(entry["c"]) == 1 and entry["c"].isascii() and entry["c"].isalnum()
    }


@cache
def _names(domain: str) -> tuple[str, ...]:
    """How the label that was registered reads (`arsenal` of `fans.arsenal.co.uk`), with pairs as one and as two."""
    labels = domain.split(".")
    ends = (start for start in range(1, len(labels)) if is_public_suffix(".".join(labels[start:])))
    label = labels[next(ends, 1) - 1]
    return tuple(dict.fromkeys((skeleton(label), _plain(label))))


def _slips(name: str) -> set[str]:
    """The name, and the name with one character missing: two names one slip apart share one of these."""
    return {name, *(name[:place] + name[place + 1 :] for place in range(len(name)))}


def _alike(name: str, other: str) -> bool:
    """Equal, or one slip apart: a character added, lost, replaced, or two neighbours swapped."""
    if name == other:
        return len(name) >= SHORTEST_NAME
    if min(len(name), len(other)) < SHORTEST_SLIP:
        return False
    while name and other and name[0] == other[0]:
        name, other = name[1:], other[1:]
    while name and other and name[-1] == other[-1]:
        name, other = name[:-1], other[:-1]
    return max(len(name), len(other)) == 1 or (len(name) == 2 and name == other[::-1])
