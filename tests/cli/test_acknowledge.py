"""`acknowledge`: findings of drift are accepted in the file that the manifest names, which stays canonical."""

from __future__ import annotations

import json
import os
import stat
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import PORTAL_ID, Bench, Done, portalctl

FILE = Path("portals/.partners.acknowledged.yaml")
RULES = """acknowledgements: .partners.acknowledged.yaml
trusted_domains: [city.com]
teams: [{name: reds, members: []}]
overrides: [{developer: zed@z.org, status: revoked, reason: x}]
"""
TODAY = datetime.now(UTC).date()
TOMORROW, YESTERDAY = TODAY + timedelta(days=1), TODAY - timedelta(days=1)


@pytest.fixture
def drifted(bench: Bench) -> Bench:
    """Two developers approved by no rule, one of them in a team, and one withheld."""
    bench.people(approved=["eve@x.org", "dan@y.org"], revoked=["ann@city.com"], pending=["new@n.org"])
    bench.team("reds", "eve@x.org")
    bench.manifest(RULES)
    assert bench.run("fmt").code == 0
    return bench


def findings(bench: Bench) -> list[dict[str, Any]]:
    """The findings that count."""
    (portal,) = bench.run("drift", "-o", "json").json["portals"]
    return [finding for finding in portal["findings"] if finding["kind"] != "backlog"]


def ids(bench: Bench) -> dict[tuple[str, str | None, str | None], str]:
    return {(each["kind"], each["developer"], each["team"]): each["fingerprint"] for each in findings(bench)}


def acknowledge(bench: Bench, *words: str) -> Done:
    return bench.run("acknowledge", *words)


def test_one_finding_by_the_id_that_drift_prints(drifted: Bench) -> None:
    id_ = ids(drifted)["unruled_grant", "eve@x.org", None]
    done = acknowledge(drifted, id_, "--reason", "Contractor: until March", "--expires", str(TOMORROW))
    assert (done.code, done.out) == (0, f"{FILE}: 1 finding acknowledged\n  + {id_}  unruled grant  eve@x.org\n")
    entry = FILE.read_text().partition("acknowledgements:\n")[2]
    assert entry == (
        f"  - finding: {id_}\n    kind: unruled_grant\n    developer: eve@x.org\n"
        f'    reason: "Contractor: until March"\n    expires: {TOMORROW}\n'
    )
    assert id_ not in ids(drifted).values()
    assert len(findings(drifted)) == 3
    assert stat.S_IMODE(FILE.stat().st_mode) == 0o600
    assert drifted.run("fmt", "--check").code == 0
    assert drifted.run("validate").code == 0
    assert drifted.writes == []


def test_drift_says_that_the_named_file_does_not_exist(drifted: Bench) -> None:
    done = drifted.run("drift")
    assert (done.code, f"{FILE} does not exist; portalctl acknowledge creates it" in done.out) == (2, True)
    FILE.write_text("version: 1\nacknowledgements: []\n")
    assert "does not exist" not in drifted.run("drift").out


def test_all_of_them_and_then_drift_is_quiet(drifted: Bench) -> None:
    assert drifted.run("drift").code == 2
    done = acknowledge(drifted, "--all", "--reason", "Taken over")
    assert (done.code, done.out.splitlines()[0]) == (0, f"{FILE}: 4 findings acknowledged")
    again = drifted.run("drift")
    assert (again.code, findings(drifted)) == (0, [])
    assert "new@n.org" not in FILE.read_text()  # a sign-up that waits is no difference
    assert acknowledge(drifted, "--all", "--reason", "Again").out.startswith("Nothing to change")
    assert drifted.run("fmt", "--check").code == 0


def test_those_of_a_kind(drifted: Bench) -> None:
    assert acknowledge(drifted, "--kind", "withheld", "--reason", "Left").code == 0
    assert {kind for kind, _, _ in ids(drifted)} == {"unruled_grant"}


def test_comments_order_and_line_ends_stay(drifted: Bench) -> None:
    every = ids(drifted)
    eve, dan = every["unruled_grant", "eve@x.org", None], every["unruled_grant", "dan@y.org", None]
    text = (
        "# Reviewed by the admins\nversion: 1\nacknowledgements:\n  # our partner's bot\n"
        f"  - finding: {dan}\n    reason: Bot # see HR-1\n"
    )
    FILE.write_bytes(text.replace("\n", "\r\n").encode())
    FILE.chmod(0o644)
    assert acknowledge(drifted, eve, "--reason", "Too").code == 0
    after = FILE.read_bytes()
    assert after.count(b"\n") == after.count(b"\r\n")
    lines = after.decode().replace("\r\n", "\n")
    for comment in ("# Reviewed by the admins\n", "  # our partner's bot\n", "reason: Bot  # see HR-1\n"):
        assert comment in lines
    assert lines.index(dan) < lines.index(eve)
    assert stat.S_IMODE(FILE.stat().st_mode) == 0o644
    assert drifted.run("fmt", "--check").code == 0


def test_an_entry_is_replaced_in_its_place(drifted: Bench) -> None:
    every = ids(drifted)
    eve, dan = every["unruled_grant", "eve@x.org", None], every["unruled_grant", "dan@y.org", None]
    FILE.write_text(
        f"version: 1\nacknowledgements:\n  # first\n  - finding: {eve}\n    reason: old\n    expires: {YESTERDAY}\n"
        f"  - finding: {dan}\n    reason: stays\n"
    )
    assert "expired after" in drifted.run("drift").out
    assert acknowledge(drifted, eve, "--reason", "new", "--expires", str(TODAY)).code == 0
    lines = FILE.read_text()
    assert "old" not in lines
    assert lines.index("# first") < lines.index(eve) < lines.index("reason: new") < lines.index(dan)
    assert eve not in ids(drifted).values()


def test_what_is_no_longer_needed_is_pruned_with_its_own_comment(drifted: Bench) -> None:
    every = ids(drifted)
    eve, dan = every["unruled_grant", "eve@x.org", None], every["unruled_grant", "dan@y.org", None]
    FILE.write_text(
        "version: 1\nacknowledgements:\n  # Agencies\n\n  # gone\n  - finding: f000000000000\n"
        f"    developer: gone@x.org\n    reason: x\n  # kept\n  - finding: {eve}\n    reason: yes, ok\n"
        f"  # over\n  - finding: {dan}\n    reason: z\n    expires: {YESTERDAY}\n"
    )
    noted = drifted.run("drift")
    assert "f000000000000 is no longer found" in noted.out
    assert "portalctl acknowledge --prune" in noted.out
    done = acknowledge(drifted, "--prune")
    assert done.out.splitlines() == [
        f"{FILE}: 2 acknowledgements removed",
        "  - f000000000000  gone@x.org",
        f"  - {dan}",
    ]
    assert FILE.read_text() == (
        f"version: 1\n\nacknowledgements:\n  # Agencies\n\n  # kept\n  - finding: {eve}\n    reason: yes, ok\n"
    )
    assert drifted.run("fmt", "--check").code == 0
    assert acknowledge(drifted, "--prune").out.startswith("Nothing to change")


def test_pruning_everything_leaves_a_valid_file(drifted: Bench) -> None:
    FILE.write_text("version: 1\nacknowledgements:\n  - {finding: f000000000000, reason: x}\n")
    assert acknowledge(drifted, "--prune").code == 0
    assert "acknowledgements: []" in FILE.read_text()
    assert drifted.run("validate").code == 0
    assert drifted.run("fmt", "--check").code == 0


@pytest.mark.wide(1)
@pytest.mark.parametrize("line", ["developer: bob@x.org", "kind: withheld", "team: reds"])
def test_an_entry_that_names_something_else_has_no_effect(drifted: Bench, line: str) -> None:
    """A reviewer reads the name, and not the id."""
    id_ = ids(drifted)["unruled_grant", "eve@x.org", None]
    FILE.write_text(f"version: 1\nacknowledgements:\n  - finding: {id_}\n    {line}\n    reason: x\n")
    done = drifted.run("drift")
    assert id_ in ids(drifted).values()
    assert f"the acknowledgement of {id_} names another kind, developer or team" in done.out


@pytest.mark.wide(4)
@pytest.mark.parametrize(
    ("words", "said"),
    [
        ((), "nothing to acknowledge"),
        (("f00", "--reason", "x"), "'f00' is not the id of a finding"),
        (("portals", "--all", "--reason", "x"), "name files and folders with -f"),
        (("f0123456789ab", "--reason", "x"), "'f0123456789ab': no finding has this id"),
        (("--all",), "--reason is missing"),
        (("--all", "--reason", ""), "--reason: expected a line of text"),
        (("--all", "--reason", "a\x00b"), "--reason: expected a line of text"),
        (("--all", "--reason", "x", "--expires", "soon"), "'soon' is not a date"),
        (("--all", "--reason", "x", "--expires", str(YESTERDAY)), "has passed"),
        (("--kind", "withhold", "--reason", "x"), "did you mean 'withheld'?"),
    ],
)
def test_wrong_usage_writes_nothing(drifted: Bench, words: tuple[str, ...], said: str) -> None:
    done = acknowledge(drifted, *words)
    assert (done.code, said in done.err) == (64, True), done.err
    assert not FILE.exists()


def test_a_manifest_that_names_no_file_is_told_what_to_add(drifted: Bench) -> None:
    drifted.manifest("")
    done = acknowledge(drifted, "--all", "--reason", "x")
    assert done.code == 64
    assert "Add to portals/partners.yaml:  acknowledgements: .partners.acknowledged.yaml" in done.err


def test_a_portal_that_cannot_be_read_writes_nothing(drifted: Bench) -> None:
    FILE.write_text("version: 1\nacknowledgements: [{finding: f000000000000, reason: x}]\n")
    before = FILE.read_bytes()
    done = drifted.run("acknowledge", "--prune", KONNECT_TOKEN="wrong")
    assert (done.code, FILE.read_bytes()) == (1, before)


@pytest.mark.parametrize(
    "content", ["version: 1\nacknowledgements: {", "version: 1\nacknowledgements: [{reason: x}]\n"]
)
def test_a_broken_file_is_an_error_everywhere_and_stays(drifted: Bench, content: str) -> None:
    FILE.write_text(content)
    for words in (("drift",), ("validate",), ("acknowledge", "--all", "--reason", "x"), ("fmt", "--check")):
        done = drifted.run(*words)
        assert done.code == 65, words
        assert done.err.startswith(f"{FILE}:2:"), done.err
    assert FILE.read_text() == content


@pytest.mark.parametrize("place", ["../outside.yaml", "link.yaml"])
def test_a_file_outside_the_manifest_s_folder_is_neither_read_nor_written(drifted: Bench, place: str) -> None:
    Path("outside.yaml").write_text("secret: x\n")
    Path("portals/link.yaml").symlink_to("../outside.yaml") if place == "link.yaml" else None
    drifted.manifest(RULES.replace(".partners.acknowledged.yaml", place))
    env = {"KONNECT_SERVER_URL": drifted.sim.url, "KONNECT_TOKEN": drifted.sim.token}
    for words in (("drift",), ("acknowledge", "--all", "--reason", "x")):
        done = portalctl(words[0], "-f", "portals/partners.yaml", *words[1:], env=env)
        assert (done.code, "is outside the folder of the manifest" in done.err) == (65, True), done.err
    assert Path("outside.yaml").read_text() == "secret: x\n"


def test_a_file_that_is_not_hidden_is_no_manifest_file(drifted: Bench) -> None:
    drifted.manifest(RULES.replace(".partners.acknowledged.yaml", "accepted.yaml"))
    before = drifted.run("plan", "-o", "json").json["manifest"]
    assert acknowledge(drifted, "--all", "--reason", "x").code == 0
    assert drifted.run("drift").code == 0
    assert drifted.run("validate").code == 0
    assert drifted.run("plan", "-o", "json").json["manifest"] == before
    drifted.manifest("")
    done = drifted.run("validate")
    assert (done.code, "portals/accepted.yaml:1:1: no root file names this file" in done.err) == (65, True)


def test_a_file_of_two_portals_is_not_pruned_for_one(drifted: Bench) -> None:
    other = drifted.sim.store.add_portal(name="other")
    text = (drifted.folder / "partners.yaml").read_text()
    (drifted.folder / "other.yaml").write_text(
        text.replace("name: partners", "name: other").replace(PORTAL_ID, str(other))
    )
    assert acknowledge(drifted, "--all", "--reason", "x").code == 0
    assert drifted.run("drift", "--portal", "other").code == 0
    assert "no longer found" not in drifted.run("drift", "--portal", "other").out
    done = acknowledge(drifted, "--prune", "--portal", "other")
    assert (done.code, "Run it without --portal" in done.err) == (64, True)


def test_a_file_that_cannot_be_written_stays_whole(drifted: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    FILE.write_text("version: 1\nacknowledgements: []\n")
    before = FILE.read_bytes()

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", full)
    done = acknowledge(drifted, "--all", "--reason", "x")
    assert (done.code, "No space left on device" in done.err) == (1, True)
    assert FILE.read_bytes() == before
    assert sorted(path.name for path in drifted.folder.iterdir()) == [FILE.name, "partners.yaml"]


def test_entries_that_aliases_rest_on_are_left_to_people(drifted: Bench) -> None:
    id_ = ids(drifted)["unruled_grant", "eve@x.org", None]
    text = (
        "version: 1\nacknowledgements:\n  - {finding: f000000000000, reason: &r same}\n"
        f"  - {{finding: {id_}, reason: *r}}\n"
    )
    FILE.write_text(text)
    done = acknowledge(drifted, "--prune")
    assert (done.code, "cannot be edited" in done.err) == (1, True), done.err
    assert FILE.read_text() == text


def test_addresses_are_masked_on_request(drifted: Bench) -> None:
    done = acknowledge(drifted, "--all", "--reason", "x", "--mask-emails")
    assert done.code == 0
    assert "eve@x.org" not in done.out
    assert "eve@x.org" in FILE.read_text()


@pytest.mark.wide(1)
@pytest.mark.parametrize("who", ['"a b"@x.org', "a: b #c@x.org", "x\\ud800@x.org", "é\u200b@x.org"])
def test_any_address_can_be_acknowledged(bench: Bench, who: str) -> None:
    bench.people(approved=[who])
    bench.manifest("acknowledgements: .a.yaml\n")
    assert bench.run("fmt").code == 0
    assert acknowledge(bench, "--all", "--reason", "x").code == 0
    assert bench.run("drift").code == 0
    assert bench.run("fmt", "--check").code == 0
    assert json.loads(bench.run("drift", "-o", "json").out)["notices"] == []
