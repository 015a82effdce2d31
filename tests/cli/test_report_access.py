"""`report access`: the whole of it, in three forms, or nothing."""

from __future__ import annotations

import csv
import io
import os
import re
import stat
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from portalctl.csv_guard import unguard
from portalctl.git.blame import Known, origins
from portalctl.simulator.faults import Fault
from tests.conftest import PORTAL_ID, Bench, Done, portalctl
from tests.output.hostile import HOSTILE
from tests.output.reading import read

RULES = """trusted_domains:
  - {domain: arsenal.com, teams: [gunners], reason: "Partner"}
teams:
  - name: gunners
overrides:
  - {developer: sam@agency.example, status: approved, expires: 2999-12-31, reason: "Pilot"}
"""


@pytest.fixture
def peopled(bench: Bench) -> Bench:
    bench.people(approved=["ann@arsenal.com", "sam@agency.example", "eve@evil.example"], pending=["bob@arsenal.com"])
    bench.team("gunners", "ann@arsenal.com")
    bench.team("secret", "eve@evil.example")
    bench.manifest(RULES)
    return bench


def access(bench: Bench, *words: str, **env: str) -> Done:
    given = {"KONNECT_SERVER_URL": bench.sim.url, "KONNECT_TOKEN": bench.sim.token} | env
    return portalctl("report", "access", "-f", "portals", *words, env=given)


def table(text: str) -> dict[str, dict[str, str]]:
    return {row["developer"]: row for row in csv.DictReader(io.StringIO(text, newline=""))}


def test_csv_has_everybody_with_the_rule_or_the_mark_that_there_is_none(peopled: Bench) -> None:
    done = access(peopled)
    assert done.code == 0, done.err
    rows = table(done.out)
    assert list(rows) == ["ann@arsenal.com", "bob@arsenal.com", "eve@evil.example", "sam@agency.example"]
    ann, eve, sam = rows["ann@arsenal.com"], rows["eve@evil.example"], rows["sam@agency.example"]
    assert (ann["status"], ann["teams"], ann["rule"]) == ("approved", "gunners", "trusted domain arsenal.com")
    assert (ann["place"], ann["reason"], ann["remarks"]) == ("portals/partners.yaml:7", "Partner", "")
    assert ann["team_rules"] == "gunners: trusted domain arsenal.com (portals/partners.yaml:7)"
    assert ann["since"].startswith("20")
    assert (eve["teams"], eve["remarks"], eve["team_rules"]) == ("secret", "unmanaged; orphan", "secret: no rule")
    assert (sam["override"], sam["override_expires"], sam["override_reason"]) == ("approved", "2999-12-31", "Pilot")
    assert rows["bob@arsenal.com"]["remarks"] == "differs"
    assert peopled.writes == []


def test_json_and_html_say_the_same(peopled: Bench) -> None:
    document = access(peopled, "-o", "json").json
    assert (document["version"], document["kind"]) == (1, "access")
    people = {each["developer"]: each for each in document["portals"][0]["developers"]}
    assert people["ann@arsenal.com"]["why"][0] | {"origin": None} == {
        "rule": "trusted_domains",
        "value": "arsenal.com",
        "file": "portals/partners.yaml",
        "line": 7,
        "reason": "Partner",
        "expires": None,
        "origin": None,
    }
    page = read(access(peopled, "-o", "html").out)
    for person in people.values():
        for text in (person["developer"], person["status"], person["since"][:10], *person["remarks"]):
            assert text in page.text
    assert [tag for tag, _ in page.elements if tag == "script"] == ["script"], "the filter's own, and no other"
    rows = {row["developer"]: row for row in csv.DictReader(io.StringIO(access(peopled).out, newline=""))}
    for name, approved_by in (("ann@arsenal.com", "trusted domain arsenal.com"), ("eve@evil.example", "no rule")):
        assert rows[name]["approved_by"] == approved_by
    assert "1 approved by no rule" in " ".join(page.text.split())


def commit_all(message: str) -> None:
    for words in (["init", "-q"], ["add", "portals"], ["commit", "-qm", message]):
        subprocess.run(["git", *words], check=True)


@pytest.mark.slow
def test_what_a_commit_claims_is_cut(peopled: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    for who in ("AUTHOR", "COMMITTER"):
        monkeypatch.setenv(f"GIT_{who}_NAME", "Ann " * 500)
        monkeypatch.setenv(f"GIT_{who}_EMAIL", "ann@arsenal.com")
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", os.devnull)
    commit_all(
        "Rules\n\n" + "\n".join(f"Reviewed-by: Bob {number} <bob{number}@arsenal.com>" for number in range(500))
    )
    ann = table(access(peopled).out)["ann@arsenal.com"]
    assert ann["author"].startswith("Ann Ann ")
    assert ann["approver"].startswith("Bob 0 <bob0@arsenal.com>, Bob 1 <bob1@arsenal.com>, ")
    for text in (ann["author"], ann["approver"]):
        assert 150 < len(text) <= 200
        assert text.endswith("…")
        assert not re.search(r"@[^>]*…", text), "half an address"


@pytest.mark.slow
def test_commit_and_author_are_those_of_the_line(peopled: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    for who in ("AUTHOR", "COMMITTER"):
        monkeypatch.setenv(f"GIT_{who}_NAME", "Ann Lee")
        monkeypatch.setenv(f"GIT_{who}_EMAIL", "ann@arsenal.com")
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", os.devnull)
    commit_all("Rules\n\nReviewed-by: Bob Roe <bob@arsenal.com>\nApproved-by: Cy <cy@arsenal.com>")
    commit = subprocess.run(["git", "rev-parse", "HEAD"], capture_output=True, text=True, check=True).stdout.strip()
    file = Path("portals/partners.yaml")
    file.write_text(file.read_text().replace("Pilot", "Changed"))
    rows = table(access(peopled).out)
    ann, sam = rows["ann@arsenal.com"], rows["sam@agency.example"]
    assert (ann["commit"], ann["author"]) == (commit, "Ann Lee <ann@arsenal.com>")
    assert ann["approver"] == "Bob Roe <bob@arsenal.com>, Cy <cy@arsenal.com>"
    assert sam["approver"] == ""
    shown = read(access(peopled, "-o", "html").out).text
    assert "approved by Bob Roe <bob@arsenal.com>, Cy <cy@arsenal.com> according to its message" in shown
    assert (sam["commit"], sam["author"], sam["reason"]) == ("", "", "Changed"), "that line is not committed"


@pytest.mark.slow
def test_a_shallow_clone_does_not_name_the_commit_it_was_cut_at(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    git = ["git", "-c", "user.name=Ann", "-c", "user.email=ann@arsenal.com"]
    whole, file = tmp_path / "whole", tmp_path / "whole" / "a.yaml"
    whole.mkdir()
    file.write_text("one\n")
    for words in (["init", "-q"], ["add", "."], ["commit", "-qm", "1"]):
        subprocess.run([*git, *words], check=True, cwd=whole)
    file.write_text("one\ntwo\n")
    subprocess.run([*git, "commit", "-qam", "2"], check=True, cwd=whole)
    for number, name in enumerate(("whole", "full", "cut")):
        depth = ["--depth", "1"] if name == "cut" else []
        if number:
            subprocess.run([*git, "clone", "-q", *depth, whole.as_uri(), str(tmp_path / name)], check=True)
        monkeypatch.chdir(tmp_path / name)
        known = origins(["a.yaml"])
        found = known.lines
        assert known.cut == (name == "cut")
        assert sorted(line for _, line in found) == ([] if name == "cut" else [1, 2])
        assert {each.author for each in found.values()} <= {"Ann <ann@arsenal.com>"}
    assert origins([str(tmp_path / "nowhere.yaml")]) == Known({}, cut=False)


def test_what_strangers_typed_is_no_formula_and_no_element(bench: Bench) -> None:
    storable = [text for text in HOSTILE if text.isascii()]
    for number, name in enumerate(["=HYPERLINK(1)", "+1", "@SUM(A1)", *storable]):
        bench.sim.store.add_developer(PORTAL_ID, f"p{number}@x.example", full_name=name, status="pending")
    bench.manifest("")
    rows = list(csv.reader(io.StringIO(access(bench).out, newline="")))
    assert len(rows) == 1 + 3 + len(storable)
    assert {len(row) for row in rows} == {len(rows[0])}
    assert not [cell for row in rows for cell in row if cell.lstrip().startswith(("=", "+", "@", "-"))]
    page = access(bench, "-o", "html").out
    assert not read(page).tags & {"img", "a", "iframe", "details", "h4"}
    assert [tag for tag, _ in read(page).elements if tag in {"script", "form"}] == ["form", "script"]
    assert page.count("<tr") == len(rows)


def test_a_reading_that_is_not_whole_gives_no_review(make_bench: Callable[..., Bench], quick: None) -> None:  # noqa: ARG001
    bench = make_bench(faults=[Fault("status", path="*/teams/*/developers", status=403)])
    bench.people(approved=["ann@arsenal.com"])
    bench.team("secret", "ann@arsenal.com")
    bench.manifest("")
    done = access(bench, "--out", "access.csv")
    assert (done.code, done.out) == (1, "")
    assert not Path("access.csv").exists()


def test_a_file_is_for_its_owner_alone_and_a_saved_reading_serves_too(peopled: Bench) -> None:
    given = {"KONNECT_SERVER_URL": peopled.sim.url, "KONNECT_TOKEN": peopled.sim.token}
    assert portalctl("snapshot", "-f", "portals", "--out", "saved.json", env=given).code == 0
    asked = len(peopled.reads)
    done = access(peopled, "--snapshot", "saved.json", "--out", "access.csv")
    assert (done.code, done.out, len(peopled.reads)) == (0, "", asked)
    assert stat.S_IMODE(Path("access.csv").stat().st_mode) == 0o600
    assert len(table(Path("access.csv").read_text())) == 4
    assert done.err.endswith("access.csv: 4 developers; 1 approved by no rule, 1 unmanaged, 1 orphan, 1 differs\n")


def test_csv_is_safe_for_readers_of_any_separator_and_read_back(bench: Bench) -> None:
    odd = ["x;=1+1;@city.example", "+ops@city.example", "'a@city.example", "b\t=2@city.example"]
    bench.people(approved=odd)
    bench.manifest(
        'overrides: [{developer: ann@city.example, status: approved, reason: "left; =cmd|x, -2\t+3"}]\n'
        "teams: [{name: blue, members: ['+ops@city.example']}]\n"
    )
    done = access(bench)
    assert done.code == 0, done.err
    for separator in ",;\t":
        for line in done.out.splitlines():
            cells = next(csv.reader([line])) if separator == "," else line.split(separator)
            assert not [cell for cell in cells if cell.lstrip(' "')[:1] in {*"=+-@"}], (separator, line)
    rows = list(csv.DictReader(done.out.splitlines()))
    assert {"x;=1+1;@city.example", "+ops@city.example", "'a@city.example"} <= {
        unguard(row["developer"]) for row in rows
    }


def test_the_csv_is_a_list_of_members_that_the_manifest_reads(peopled: Bench) -> None:
    peopled.manifest(RULES.replace("expires: 2999-12-31, ", ""))
    assert access(peopled, "--out", "portals/access.csv").code == 0
    peopled.manifest(
        RULES + "  - {developer: pam@agency.example, status: approved, expires: 2999-12-31, reason: x}\n"
    )
    assert access(peopled, "--out", "portals/access.csv").code == 0
    names = list(table(Path("portals/access.csv").read_text()))
    peopled.manifest("teams: [{name: everyone, members_from: access.csv}]\n")
    done = portalctl("validate", "portals", "-o", "json")
    assert done.code == 0, done.out
    document = peopled.run("plan", "-o", "json").json
    joined = {c["developer"]["email"] for c in document["portals"][0]["changes"] if c["op"] == "add_member"}
    assert joined == {"ann@arsenal.com", "sam@agency.example", "eve@evil.example"}
    assert set(names) >= joined | {"bob@arsenal.com", "pam@agency.example"}


def test_a_member_list_does_not_count_as_an_approval(bench: Bench) -> None:
    bench.people(approved=["zoe@x.example", "ann@arsenal.com"])
    bench.manifest("trusted_domains: [arsenal.com]\nteams: [{name: reds, members: [zoe@x.example]}]\n")
    bench.team("reds", "zoe@x.example")
    rows = table(access(bench).out)
    assert (rows["zoe@x.example"]["approved_by"], rows["zoe@x.example"]["rule"]) == ("no rule", "")
    assert rows["ann@arsenal.com"]["approved_by"] == "trusted domain arsenal.com"
    for form in ("text", "markdown", "html"):
        shown = read(access(bench, "-o", form).out).text
        assert "1 approved by a rule" in " ".join(shown.split()) or form == "text"
        assert "approved by no rule" in " ".join(shown.split())
    developers = access(bench, "-o", "json").json["portals"][0]["developers"]
    assert [(each["developer"], bool(each["approved_by"])) for each in developers] == [
        ("ann@arsenal.com", True),
        ("zoe@x.example", False),
    ]
