"""Counts with their nouns."""

from __future__ import annotations

import pytest

from portalctl.words import plural


@pytest.mark.parametrize(
    ("count", "noun", "words"),
    [
        (1, "team", "1 team"),
        (2_000, "team", "2,000 teams"),
        (0, "identity", "0 identities"),
        (1, "identity", "1 identity"),
        (2, "day", "2 days"),
        (2, "e-mail address", "2 e-mail addresses"),
    ],
)
def test_a_noun_agrees_with_its_count(count: int, noun: str, words: str) -> None:
    assert plural(count, noun) == words
