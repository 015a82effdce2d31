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
