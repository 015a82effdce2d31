"""Counts, times, quoted words and suggestions for messages."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

LONGEST_WORD = 320  # characters: the longest address
_CONSONANT_Y = re.compile(r"[^aeiou]y\Z")
_EDGES = re.compile(r"""[\s"'(),;<>\[\]{}`]+""")
_AT_SIGNS = re.compile(r"[@\uff20\ufe6b]|%(?:25)*40|\\+u0040|\\+x40|&#0*64;|&#[xX]0*40;|&commat;")

UNITS = (("day", timedelta(days=1)), ("h", timedelta(hours=1)), ("min", timedelta(minutes=1)))


def plural(count: int, noun: str) -> str:
    """Return a count with its noun: `1 team`, `2,000 teams`, `2 identities`, `2 addresses`."""
    if count == 1:
        return f"1 {noun}"
    nouns = f"{noun[:-1]}ies" if _CONSONANT_Y.search(noun) else f"{noun}es" if noun.endswith("s") else f"{noun}s"
    return f"{count:,} {nouns}"


def shortened(text: str, most: int) -> str:
    """Return the text, or its first `most` characters and `…`.

    An address is kept or left out as a whole: half an address could still name a developer, and could not be masked.
    """
    if len(text) <= most:
        return text
    start = max((found.end() for found in _EDGES.finditer(text, max(most - LONGEST_WORD, 0), most)), default=0)
    edge = _EDGES.search(text, most)
    end = edge.start() if edge else len(text)
    if not _AT_SIGNS.search(text, start, end):
        return f"{text[:most]}…"
    return f"{text[: end if end - start <= LONGEST_WORD else start]}…"


def wait_words(count: float) -> str:
    """Format seconds: `0.5 s`, `77 s`; tenths only below ten."""
    return f"{count:,.1f}".removesuffix(".0") + " s" if count < 10 else f"{count:,.0f} s"


def age_words(age: timedelta) -> str:
    """Format an age: `26 min`, `3 h`, `2 days`, in the largest unit that fits, rounded down."""
    name, unit = next(((name, unit) for name, unit in UNITS if age >= unit), UNITS[-1])
    count = age // unit
    return f"{count:,} {name}{'s' if name == 'day' and count != 1 else ''}"


def age_between(then: str, now: str) -> str | None:
    """Return the age at `now` of something from `then`, never negative. Both RFC 3339; None for anything else."""
    try:
        return age_words(max(datetime.fromisoformat(now) - datetime.fromisoformat(then), timedelta(0)))
    except (ValueError, TypeError):  # TypeError: only one of them has a time zone
        return None


def moment(time: str) -> str:
    """Format a time (RFC 3339) for messages, `2026-06-15 08:00 UTC`; `an unknown time` for anything else."""
    try:
        return f"{datetime.fromisoformat(time).astimezone(UTC):%Y-%m-%d %H:%M} UTC"
    except (ValueError, OverflowError):
        return "an unknown time"


def quoted(word: str) -> str:
    """Return a word for a message: in quotes, on one line, at most 60 characters, nothing invisible in it."""
    shown = word if word.isprintable() else word.encode("unicode_escape").decode("ascii")
    return f"'{shown[:60]}…'" if len(shown) > 60 else f"'{shown}'"


def close(word: str, known: Iterable[str]) -> str | None:
    """Return the known word that is closest to a misspelt one; None where none is close."""
    from difflib import get_close_matches  # noqa: PLC0415 (most runs have no misspelt word)

    return next(iter(get_close_matches(word[:100], list(known), n=1)), None)


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """Return `; did you mean 'x'?`, or nothing. The word itself is not repeated: it may be a misplaced secret."""
    near = close(word, known)
    return f"; did you mean {quoted(near)}?" if near else ""
