"""Team names that can be taken for each other."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from portalctl.lookalike import TeamNames, difference

NAMES = st.text(st.sampled_from("aAbcCitTyYmrn01lIO -_\u0441\u0443\uff43\u00e4a\u0308\u2013"), min_size=1, max_size=8)


@pytest.mark.parametrize(
    ("name", "other", "how"),
    [
        ("city", "City", "they differ only in letter case"),
        ("sta\u0308dte", "st\u00e4dte", "they differ only in Unicode form (NFC, NFD)"),
        ("St\u00e4dte", "st\u00e4dte", "they differ only in letter case"),
        ("City  Team", "City Team", "they differ only in white space"),
        ("CityTeam", "City Team", "they differ only in white space"),
        ("City\u00a0Team", "City Team", "the first has U+00A0 NO-BREAK SPACE"),
        ("City Team", "City\u3000Team", "the second has U+3000 IDEOGRAPHIC SPACE"),
        ("Cit\u0443", "City", "the first has U+0443 CYRILLIC SMALL LETTER U"),
        ("\uff23ity", "City", "the first has U+FF23 FULLWIDTH LATIN CAPITAL LETTER C"),
        ("city\u2013team", "city-team", "the first has U+2013 EN DASH"),
        ("\u201cCity\u201d", "City", "the first has U+201C LEFT DOUBLE QUOTATION MARK"),
        ("rnodern", "modern", "they differ only in characters that look alike"),
        ("team-1", "team-l", "they differ only in characters that look alike"),
        ("\u041a\u041e\u0422", "\u043a\u043e\u0442", "the first has U+041A CYRILLIC CAPITAL LETTER KA"),
    ],
)
def test_they_look_alike(name: str, other: str, how: str) -> None:
    assert TeamNames([other]).like(name) == other
    assert TeamNames([name]).like(other) == name
    assert difference(name, other) == how


@pytest.mark.parametrize("name", ["City", "Town", "City Teams", "Citi", "C\u00edty", "team-2"])
def test_these_do_not(name: str) -> None:
    assert TeamNames(["City", "team-1"]).like(name) is None


@given(NAMES)
def test_the_same_name_in_another_form_or_case_is_alike(name: str) -> None:
    names = TeamNames([name])
    forms = {unicodedata.normalize("NFC", name), unicodedata.normalize("NFD", name), name.swapcase(), f" {name} "}
    for form in forms - {name}:
        assert names.like(form) == name
    assert names.like(name) is None
