"""What a reviewer of a pull request sees: rules that differ, removed lines, links, and masks that resolve."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import pytest

from tests.conftest import Bench, Done, portalctl

KEY = "a key of 16 bytes"
BEFORE = """trusted_domains:
  - {domain: city.example, teams: [reds], reason: "Partner"}
  - old.example
teams:
  - name: reds
    membership: exclusive
    members:
      - bob@x.example
      - {developer: sam@x.example, expires: 2999-01-01}
"""
AFTER = """trusted_domains:
  - {domain: city.example, teams: [reds], expires: 2999-12-31, reason: "Partner"}
  - new.example
policy:
  unmatched: {approved: keep, pending: rejected}
teams:
  - name: reds
    membership: exclusive
    members:
      - {developer: sam@x.example, expires: 2999-02-02}
"""


@pytest.fixture
def review(bench: Bench) -> Bench:
    """A change of rules, of which only the removal of bob from reds changes something today."""
    bench.people(approved=["bob@x.example", "sam@x.example"])
    bench.team("reds", "bob@x.example", "sam@x.example")
    bench.manifest(BEFORE)
    shutil.copytree("portals", "base")
    bench.manifest(AFTER)
    return bench


def plan(bench: Bench, *words: str, **env: str) -> Done:
    given = {"KONNECT_SERVER_URL": bench.sim.url, "KONNECT_TOKEN": bench.sim.token, "COLUMNS": "160"} | env
    return portalctl("plan", "-f", "portals", "--base", "base", *words, env=given)


def test_rules_that_differ_are_listed_with_old_and_new_values_though_they_match_nobody(review: Bench) -> None:
    rules = plan(review, "-o", "json").json["portals"][0]["base"]["rules"]
    found = {(rule["action"], rule["why"]["rule"], rule["why"]["value"]): rule for rule in rules}
    assert sorted(found) == [
        ("added", "trusted_domains", "new.example"),
        ("changed", "members", "sam@x.example"),
        ("changed", "policy", "unmatched_pending"),
        ("changed", "trusted_domains", "city.example"),
        ("removed", "members", "bob@x.example"),
        ("removed", "trusted_domains", "old.example"),
    ]
    sam = found["changed", "members", "sam@x.example"]
    assert (sam["before"], sam["after"]) == ({"expires": "2999-01-01"}, {"expires": "2999-02-02"})
    assert sam["team"] == "reds"
    assert found["changed", "trusted_domains", "city.example"]["after"] == {"expires": "2999-12-31"}
    for form in ("text", "markdown", "html"):
        shown = re.sub(r"[`\\]|</?code>", "", plan(review, "-o", form).out.replace("&#8594;", "→"))
        assert "Rules: 2 added" not in shown
        assert "Rules: 1 added, 2 removed, 3 changed" in shown
        for text in ("old.example", "new.example", "expires: 2999-01-01 → 2999-02-02", "keep → rejected"):
            assert text in shown, (form, text)


def test_a_rule_that_only_moved_is_not_a_change(review: Bench) -> None:
    review.manifest("# moved\n\n" + BEFORE)
    document = plan(review, "-o", "json").json
    assert document["portals"][0]["base"]["rules"] == []


def test_the_removed_line_is_named_for_a_removal(review: Bench) -> None:
    line = 1 + next(
        number for number, text in enumerate(Path("base/partners.yaml").read_text().splitlines()) if "bob@" in text
    )
    for form in ("text", "markdown", "html"):
        shown = re.sub(r"`|</?code>", "", plan(review, "-o", form).out)
        assert f"previously granted by base/partners.yaml:{line}" in shown, form


def test_places_are_links_to_the_head_commit_and_removed_lines_to_the_base(review: Bench, tmp_path: Path) -> None:
    head, base = "6113728f27ae82c7b1a177c8d03f9e96e0adf246", "a" * 40
    event = tmp_path / "event.json"
    event.write_text(json.dumps({"pull_request": {"number": 7, "head": {"sha": head}, "base": {"sha": base}}}))
    env = {
        "GITHUB_SERVER_URL": "https://github.example",
        "GITHUB_REPOSITORY": "club/portal",
        "GITHUB_RUN_ID": "42",
        "GITHUB_EVENT_PATH": str(event),
        "GITHUB_WORKSPACE": str(Path.cwd()),
    }
    files = "https://github.example/club/portal/blob"
    markdown = plan(review, "-o", "markdown", **env).out
    assert f"({files}/{head}/portals/partners.yaml#L" in markdown
    assert f"({files}/{base}/base/partners.yaml#L" in markdown
    assert "[run](https://github.example/club/portal/actions/runs/42)" in markdown
    assert "not from this pull request" in markdown.lower()
    page = plan(review, "-o", "html", **env).out
    assert f'<a href="{files}/{head}/portals/partners.yaml#L' in page
    assert "href" not in plan(review, "-o", "html").out
    odd = plan(review, "-o", "html", **env | {"GITHUB_SERVER_URL": 'javascript:alert(1)//"'}).out
    assert "javascript:" not in odd


def test_explain_and_plan_resolve_a_mask_with_the_key(review: Bench) -> None:
    masked = plan(review, "-o", "markdown", "--mask-emails", PORTALCTL_MASK_KEY=KEY).out
    (mask,) = set(re.findall(r"dev-[0-9a-f]{8}@x\.example(?=`: leaves)", masked))
    assert f"portalctl explain {mask}" in masked
    env = {"KONNECT_SERVER_URL": review.sim.url, "KONNECT_TOKEN": review.sim.token}
    explained = portalctl("explain", mask, "-f", "portals", env=env | {"PORTALCTL_MASK_KEY": KEY})
    assert explained.code == 0, explained.err
    assert "bob@x.example" in explained.out
    alone = plan(review, "--developer", mask, "-o", "json", PORTALCTL_MASK_KEY=KEY).json
    assert [change["developer"]["email"] for change in alone["portals"][0]["changes"]] == ["bob@x.example"]


@pytest.mark.parametrize(
    ("key", "message"), [(None, "PORTALCTL_MASK_KEY"), ("another key of 16 bytes", "no developer has this mask")]
)
def test_a_mask_that_cannot_be_resolved_is_an_error(review: Bench, key: str | None, message: str) -> None:
    env = {"PORTALCTL_MASK_KEY": key} if key else {}
    for command in ("explain", "plan"):
        words = ["dev-00000000@x.example"] if command == "explain" else ["--developer", "dev-00000000@x.example"]
        given = {"KONNECT_SERVER_URL": review.sim.url, "KONNECT_TOKEN": review.sim.token}
        done = portalctl(command, *words, "-f", "portals", env=given | env)
        assert done.code == 64
        assert "'dev-00000000@x.example'" in done.err
        assert message in done.err
