"""Names that a tired reader confuses: domains like trusted ones, and teams like each other.

For findings and notices only: no decision depends on a likeness. The comparison uses skeletons, in which look-alike
characters are equal (Unicode's confusables, accents, and the pairs that fonts make alike: `rn` and `m`, `1` and `l`).
A domain also looks like a trusted one when it contains its name: as a part (`arsenal.com.evil.org`,
`my-arsenal.com`), under another public suffix, or with one slip of the keyboard."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Iterator
from functools import cache

from portalctl.characters import confusables, meant, named
from portalctl.identity import enclosing, is_public_suffix, unicode_domain

SHORTEST_NAME = 4  # characters: shorter names are one slip from everything
SHORTEST_SLIP = 5
_PAIRS = (("rn", "m"), ("vv", "w"), ("cl", "d"))
_SIGNS = str.maketrans("01i|5", "ollls")
_TEAM_SIGNS = str.maketrans("01I|5", "Ollls")  # case counts: `I` looks like `l`, `i` does not


class Lookalikes:
    """The trusted domains of one portal, ready to be compared with others. Domains are in normal form."""

    def __init__(self, trusted: Iterable[str]) -> None:
        self._trusted = frozenset(trusted)
        self._dashed = {domain.replace(".", "-"): domain for domain in sorted(self._trusted, reverse=True)}
        self._by_skeleton: dict[str, list[str]] = {}
        self._by_name: dict[str, list[str]] = {}
        for domain in sorted(self._trusted):
            self._by_skeleton.setdefault(skeleton(domain), []).append(domain)
            for key in {key for name in _names(domain) for key in _slips(name)}:
                self._by_name.setdefault(key, []).append(domain)

    def of(self, domain: str) -> str | None:
        """Return the trusted domain that this one looks like; None if there is none, or it is trusted itself."""
        if any(parent in self._trusted for parent in enclosing(domain)):
            return None
        return next(self._like(domain), None)

    def among(self) -> Iterator[tuple[str, str]]:
        """Return the trusted domains that look like another one, each with one such.

        One name under several public suffixes does not count: large organisations have that.
        """
        for domain in sorted(self._trusted):
            other = next((other for other in self._like(domain) if _label(other) != _label(domain)), None)
            if other is not None:
                yield domain, other

    def _like(self, domain: str) -> Iterator[str]:
        yield from self._by_skeleton.get(skeleton(domain), ())
        yield from self._worn(domain)
        yield from self._slipped(domain)

    def _worn(self, domain: str) -> Iterator[str]:
        """Look up every beginning and every end, so that thousands of trusted domains cost no more time."""
        labels = domain.split(".")
        starts = (".".join(labels[:count]) for count in range(1, len(labels)))
        ends = (domain[start:] for start in range(len(domain)))
        yield from (part for parts in (starts, ends) for part in parts if part in self._trusted)
        if len(labels) > 1 and labels[0] in self._dashed:
            yield self._dashed[labels[0]]

    def _slipped(self, domain: str) -> Iterator[str]:
        for name in _names(domain):
            near = (trusted for key in _slips(name) for trusted in self._by_name.get(key, ()))
            for trusted in near:
                if any(_alike(name, other) for other in _names(trusted)):
                    yield trusted


def skeleton(domain: str) -> str:
    """Return a domain's skeleton: look-alike characters become equal."""
    text = _plain(domain)
    for pair, single in _PAIRS:
        text = text.replace(pair, single)
    return text


def _plain(domain: str) -> str:
    """Return a skeleton in which pairs of characters stay: a slip may make or break one (`arana`, `arna`)."""
    return "".join(_latin(char) for char in unicode_domain(domain)).translate(_SIGNS)


def _latin(char: str) -> str:
    """Return the Latin letter a character looks like, else the character without its accents."""
    if char.isascii():
        return char
    bare = "".join(part for part in unicodedata.normalize("NFKD", char) if not unicodedata.combining(part))
    return "".join(confusables().get(part, part) for part in bare).lower()


@cache
def _names(domain: str) -> tuple[str, ...]:
    """Return the registered label's skeletons, with pairs as one character and as two."""
    label = _label(domain)
    return tuple(dict.fromkeys((skeleton(label), _plain(label))))


@cache
def _label(domain: str) -> str:
    """Return the label that was registered: `arsenal` of `fans.arsenal.co.uk`."""
    labels = domain.split(".")
    ends = (start for start in range(1, len(labels)) if is_public_suffix(".".join(labels[start:])))
    return labels[next(ends, 1) - 1]


def _slips(name: str) -> set[str]:
    """Return the name, and the name with one character missing: two names one slip apart share one of these."""
    return {name, *(name[:place] + name[place + 1 :] for place in range(len(name)))}


def _alike(name: str, other: str) -> bool:
    """Return whether names are equal or one slip apart:

    a character added, lost, replaced, or two neighbours swapped.
    """
    if name == other:
        return len(name) >= SHORTEST_NAME
    if min(len(name), len(other)) < SHORTEST_SLIP:
        return False
    while name and other and name[0] == other[0]:
        name, other = name[1:], other[1:]
    while name and other and name[-1] == other[-1]:
        name, other = name[:-1], other[:-1]
    return max(len(name), len(other)) == 1 or (len(name) == 2 and name == other[::-1])


class TeamNames:
    """Team names, ready to be compared with others: without case, Unicode form, white space and look-alikes."""

    def __init__(self, names: Iterable[str] = ()) -> None:
        self._by_key: dict[tuple[int, str], str] = {}
        for name in names:
            self.add(name)

    def add(self, name: str) -> None:
        """Add a name. Of several that look alike the first is what `like` returns."""
        for key in _team_keys(name):
            self._by_key.setdefault(key, name)

    def like(self, name: str) -> str | None:
        """Return another name that looks like this one, or None."""
        found = (self._by_key.get(key) for key in _team_keys(name))
        return next((other for other in found if other is not None and other != name), None)


def difference(name: str, other: str) -> str:
    """Describe how two look-alike names differ, as the end of a sentence: `they differ only in letter case`."""
    if unicodedata.normalize("NFC", name) == unicodedata.normalize("NFC", other):
        return "they differ only in Unicode form (NFC, NFD)"
    for one, another in ((name, other), (other, name)):
        char = next((char for char in one if meant(char) is not None and char not in another), None)
        if char is not None:
            return f"the {'first' if one is name else 'second'} has {named(char)}"
    if "".join(name.split()) == "".join(other.split()):
        return "they differ only in white space"
    if name.casefold() == other.casefold():
        return "they differ only in letter case"
    return "they differ only in characters that look alike"


def _team_keys(name: str) -> tuple[tuple[int, str], ...]:
    """Return the forms that a team's name is compared by; names that agree in one of them look alike."""
    plain = "".join(unicodedata.normalize("NFKC", name).split())
    folded = plain.casefold()
    alike = "".join(_taken_for(char) for char in folded).casefold().strip("\"'")
    shape = "".join(_taken_for(char) for char in plain).translate(_TEAM_SIGNS).casefold()
    for pair, single in _PAIRS:
        shape = shape.replace(pair, single)
    return (0, folded), (1, alike), (2, shape)


def _taken_for(char: str) -> str:
    other = meant(char)
    return char if other is None else other.strip()
