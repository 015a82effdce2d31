"""Each kind of slip in an e-mail address has its own message, in YAML and CSV, through the command line."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from portalctl.identity import normal_address
from portalctl.manifest.address_slips import address_slip
from tests.conftest import Bench

SLIPS = [
    ("anna.example.com", "the `@` is missing; a whole domain goes in `trusted_domains`"),
    ("anna", "the `@` is missing"),
    ("anna at example.com", "write `@` for the word"),
    ("anna(at)example.com", "write `@` for the word"),
    ("anna@@example.com", "it has 2 `@`; an address has one"),
    ("anna@b@example.com", "it has 2 `@`; an address has one"),
    ("anna b@example.com", "delete the space"),
    ("anna@exam ple.com", "delete the space"),
    ("anna@example.com.", "delete the dot at the end"),
    ("anna@example.com, bob@example.com", "more than one address; write an entry for each"),
    ("anna@example.com;bob@example.com", "more than one address; write an entry for each"),
    ("anna@example.com bob@example.com", "more than one address; write an entry for each"),
    ("anna@example.com,", "delete the separator; write an entry for each address"),
    ("Anna <anna@example.com>", "without name and angle brackets: 'anna@example.com'"),
    ("<anna@example.com>", "without name and angle brackets: 'anna@example.com'"),
    ("mailto:anna@example.com", "delete `mailto:`"),
    ("MAILTO:anna@example.com", "delete `mailto:`"),
    ("anna@example", "the domain 'example' has no dot; write it in full, as in example.com"),
    ("anna@localhost", "has no dot"),
    ("\u0430nna@example.com", "character 1 is U+0430 CYRILLIC SMALL LETTER A; type `a`"),
    ("an\u200bna@example.com", "character 3 is U+200B ZERO WIDTH SPACE; delete it"),
    ("j\u00fcrgen@example.com", "U+00FC LATIN SMALL LETTER U WITH DIAERESIS is not allowed before the `@`"),
    ("anna@192.0.2.1", "an IP address is not a domain; write the domain's name"),
    ("anna@[192.0.2.1]", "an IP address is not a domain; write the domain's name"),
    ("anna@[IPv6:2001:db8::1]", "an IP address is not a domain; write the domain's name"),
    ("@example.com", "there is no text before the `@`"),
    ("anna@", "there is no text after the `@`"),
    ("an..na@example.com", "a dot stands only between two characters"),
    (".anna@example.com", "a dot stands only between two characters"),
    ('"anna b"@example.com', "addresses in quotes"),
    ("anna(work)@example.com", "'(' is not allowed before the `@`"),
    ("a" * 65 + "@example.com", "at most 64 characters before the `@`"),
    ("anna@ex_ample.com", "'ex_ample.com' is not a valid domain"),
    ("anna@-example.com", "'-example.com' is not a valid domain"),
]


@pytest.mark.parametrize(("text", "message"), SLIPS, ids=[text[:30] for text, _ in SLIPS])
def test_each_slip_has_its_own_advice(text: str, message: str) -> None:
    assert normal_address(text) is None
    assert message in address_slip(text)


@given(st.one_of(st.text(max_size=40), st.from_regex(r"[a-z@. <>,;:*\"\[\]0-9-]{1,30}", fullmatch=True)))
def test_every_text_that_is_not_an_address_has_a_reason(text: str) -> None:
    """Never an exception, and never two lines."""
    slip = address_slip(text) if normal_address(text) is None else "an address"
    assert slip
    assert "\n" not in slip


@pytest.mark.parametrize(("text", "message"), SLIPS[::4], ids=[text[:30] for text, _ in SLIPS[::4]])
def test_it_is_shown_with_the_value_for_each_place_of_an_address(bench: Bench, text: str, message: str) -> None:
    quoted = "'" + text.replace("'", "''") + "'"
    lists = bench.folder / "lists"
    lists.mkdir()
    (lists / "city.csv").write_text(f'developer\n"{text.replace(chr(34), chr(34) * 2)}"\n', encoding="utf-8")
    bench.manifest(
        f"teams:\n  - {{name: reds, members: [{quoted}]}}\n  - {{name: city, members_from: lists/city.csv}}\n"
        f"overrides:\n  - {{developer: {quoted}, status: approved, reason: x}}\nprotected: [{quoted}]\n"
    )
    done = bench.run("validate")
    lines = [line for line in done.err.splitlines() if "expected an e-mail address" in line]
    assert done.code == 65
    assert len(lines) == 4
    assert all(message in line for line in lines)
