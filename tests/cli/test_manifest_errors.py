"""Errors in manifests name what is wrong and what to write instead, through the command line."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.conftest import Bench


@pytest.mark.wide(2)
@pytest.mark.parametrize(
    ("rules", "place"),
    [
        ("policy: {limits: {removals: 20, until: 2026-12-31}}\n", "6:33"),
        ("overrides: [{developer: a@x.org, status: revoked, reason: r, until: 2026-12-31}]\n", "6:62"),
        ("trusted_domains: [{domain: x.org, until: 2026-12-31}]\n", "6:35"),
        ("denied_domains: [{domain: x.org, valid_until: 2026-12-31}]\n", "6:34"),
        ("teams: [{name: a, members: [{developer: a@x.org, until: 2026-12-31}]}]\n", "6:50"),
    ],
)
def test_the_old_word_for_a_last_day_names_the_new_one(bench: Bench, rules: str, place: str) -> None:
    bench.manifest(rules)
    done = bench.run("validate")
    assert done.code == 65
    key = "valid_until" if "valid_until" in rules else "until"
    assert f"portals/partners.yaml:{place}: unknown key '{key}'; write 'expires' instead" in done.err


def test_acknowledgements_take_the_new_word_only(bench: Bench) -> None:
    bench.manifest("")
    known = Path("known.yaml")
    known.write_text(
        "version: 1\nacknowledgements:\n  - {finding: f0123456789ab, reason: agreed, until: 2999-12-31}\n"
    )
    done = bench.run("drift", "--acknowledge", "known.yaml")
    assert done.code == 65
    assert "known.yaml:3:46: unknown key 'until'; write 'expires' instead" in done.err
    known.write_text(known.read_text().replace("until", "expires"))
    assert bench.run("drift", "--acknowledge", "known.yaml").code == 0


ODD = [
    ("teams:\n  \u2013 name: city\n", "7:3: U+2013 EN DASH is not valid here; type `-`"),
    ("trusted_domains:\n\u2014 city.com\n", "7:1: U+2014 EM DASH is not valid here; type `-`"),
    ("trusted_domains:\n  \u2022 city.com\n", "character 1 is U+2022 BULLET; type `-`"),
    ("teams:\u00a0\n  - name: city\n", "6:7: U+00A0 NO-BREAK SPACE is not valid here; type a space"),
    ("teams:\n\u00a0\u00a0- name: city\n", "character 1 is U+00A0 NO-BREAK SPACE; type a space"),
    ("teams:\n\u3000- name: city\n", "character 1 is U+3000 IDEOGRAPHIC SPACE; type a space"),
    ("teams:\n  -\u00a0name: city\n", "7:4: U+00A0 NO-BREAK SPACE is not valid here; type a space"),
    ("teams: [{name:\u00a0city}]\n", "6:15: U+00A0 NO-BREAK SPACE is not valid here; type a space"),
    ("teams:\n  - name:\u202fcity\n", "U+202F NARROW NO-BREAK SPACE; type a space"),
    ("policy: {reinstate: false}\u00a0# ours\nx\n", "6:27: U+00A0 NO-BREAK SPACE is not valid here; type a space"),
    ("teams\uff1a\n  - name: city\n", "6:6: U+FF1A FULLWIDTH COLON is not valid here; type `:`"),
    ("teams: \uff3b{name: city}]\n", "6:8: U+FF3B FULLWIDTH LEFT SQUARE BRACKET is not valid here; type `[`"),
    ("teams: [{name: city\uff0cdescription: x}]\n", "6:20: U+FF0C FULLWIDTH COMMA is not valid here; type `,`"),
    ("t\u0435ams: []\n", "character 2 is U+0435 CYRILLIC SMALL LETTER IE; type `e`"),
    ("trusted_domains\u200b: [city.com]\n", "character 16 is U+200B ZERO WIDTH SPACE; delete it"),
    ("trusted_domains: [ci\u200bty.com]\n", "character 3 is U+200B ZERO WIDTH SPACE; delete it"),
    ("trusted_domains: [city.com\u00a0]\n", "character 9 is U+00A0 NO-BREAK SPACE; type a space"),
    ("trusted_domains: [\u201ccity.com\u201d]\n", "character 1 is U+201C LEFT DOUBLE QUOTATION MARK; type `\"`"),
    ("protected: [\u2018a@x.org\u2019]\n", "character 1 is U+2018 LEFT SINGLE QUOTATION MARK; type `'`"),
    ("protected: [a\uff20x.org]\n", "character 2 is U+FF20 FULLWIDTH COMMERCIAL AT; type `@`"),
    ("overrides: [{developer: a@x.org, status: revoked\u00a0, reason: r}]\n",
     "character 8 is U+00A0 NO-BREAK SPACE; type a space"),
    ("overrides: [{developer: a@x.org, status: revoked, reason: \u201cLeft, HR\u201d}]\n",
     "character 3 is U+201D RIGHT DOUBLE QUOTATION MARK; type `\"`"),
    ("trusted_domains: [{domain: x.org, expires: 2026\u201312-31}]\n", "character 5 is U+2013 EN DASH; type `-`"),
    ("policy: {reinstate: \u201ctrue\u201d}\n", "character 1 is U+201C LEFT DOUBLE QUOTATION MARK; type `\"`"),
    ("policy: {limits: {removals: \uff11\uff10}}\n", "character 1 is U+FF11 FULLWIDTH DIGIT ONE; type `1`"),
    ("trusted_domains: [{domain: x.org, teams: [\u201creds\u201d]}]\n",
     "character 1 is U+201C LEFT DOUBLE QUOTATION MARK; type `\"`"),
    ("trusted_domains: [{domain: x.org, teams: [r\u0435ds]}]\nteams: [{name: reds}]\n",
     "character 2 is U+0435 CYRILLIC SMALL LETTER IE; type `e`"),
    ("teams: []\ufeff\n", "6:10: U+FEFF ZERO WIDTH NO-BREAK SPACE is not allowed here; delete it"),
]  # fmt: skip


@pytest.mark.wide(5)
@pytest.mark.parametrize(("rules", "message"), ODD)
def test_a_character_that_looks_like_another_is_named_with_what_to_type(
    bench: Bench, rules: str, message: str
) -> None:
    bench.manifest(rules)
    done = bench.run("validate")
    assert done.code == 65
    assert message in done.err


@pytest.mark.parametrize(
    "rules",
    [
        'overrides: [{developer: a@x.org, status: revokd, reason: "Left \u2013 HR \uff0c \u201cx\u201d"}]\n',
        "polici: {}  # \u2013 ours\n",
        "trusted_domains: [b\u00fccher.example, '*.x.org']\n",
    ],
)
def test_such_characters_in_text_are_not_what_is_wrong(bench: Bench, rules: str) -> None:
    bench.manifest(rules)
    done = bench.run("validate")
    assert done.code == 65
    assert "U+" not in done.err


def test_typographic_quotes_around_a_team_are_a_finding(bench: Bench) -> None:
    bench.manifest("teams: [{name: \u201ccity\u201d, members: []}]\n")
    assert "warning PC013: the quotes are part of the name \u201ccity\u201d" in bench.run("validate").err


def test_acknowledgements_name_such_characters_too(bench: Bench) -> None:
    bench.manifest("")
    Path("known.yaml").write_text("version: 1\nacknowledgements:\n\u2013 finding: f0123456789ab\n", encoding="utf-8")
    done = bench.run("drift", "--acknowledge", "known.yaml")
    assert done.code == 65
    assert "character 1 is U+2013 EN DASH; type `-`" in done.err
